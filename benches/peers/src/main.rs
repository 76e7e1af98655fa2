//! Compares this crate with other S3 libraries: CPU seconds of the client for the same work against the same server.
//!
//! ```sh
//! cargo run --release --manifest-path benches/peers/Cargo.toml
//! ```
//!
//! `-- WORD ...` selects the workloads and peers whose names contain one of the words. `-- serve` prints the arguments of
//! a single measurement, for a profiler, and serves it until its input ends. The embedded server of the tests runs in
//! this process, on loopback. Each measurement is a separate process: the program starts itself again and measures its
//! own CPU time with getrusage(2), from the built client to the end of the work. All peers take turns, and the median
//! counts, so that other work on the machine affects all peers alike. `raw` is a `TcpStream` that transfers the same
//! bytes with requests that were signed before.

mod peers;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use peers::{PEERS, Peer};
use test_server::{BUCKET, Server};

pub const MIB: usize = 1 << 20;
pub const GIB: u64 = 1 << 30;
pub const SMALL: usize = 4 << 10;
/// Number of requests for small objects that are measured together.
pub const CALLS: usize = 1000;
pub const FILES: usize = 2000;
pub const FILE_SIZE: usize = 16 << 10;
pub const WORKERS: usize = 16;
pub const KEYS: u32 = 100_000;

/// Number of runs of which the median counts.
const RUNS: usize = 5;

/// Result of a benchmark: an error is printed and ends the program.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A workload: its name, its unit, and the number of units per CPU second.
struct Workload {
    name: &'static str,
    unit: &'static str,
    per_second: f64,
    work: fn(&dyn Peer, &Path) -> Outcome,
}

const MICROS: f64 = 1e6;

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "GET 1 GiB to a sink",
        unit: "s",
        per_second: 1.0,
        work: |peer, _| peer.get_to_sink(),
    },
    Workload {
        name: "GET 1 GiB to a file, one worker",
        unit: "s",
        per_second: 1.0,
        work: |peer, local| peer.get_to_file(&local.join("received")),
    },
    Workload {
        name: "PUT 1 GiB from a file, one worker",
        unit: "s",
        per_second: 1.0,
        work: |peer, local| peer.put_from_file(&local.join("large")),
    },
    Workload {
        name: "2,000 files of 16 KiB up, 16 workers",
        unit: "us a file",
        per_second: MICROS / FILES as f64,
        work: |peer, local| peer.directory_up(&local.join("small")),
    },
    Workload {
        name: "2,000 files of 16 KiB down, 16 workers",
        unit: "us a file",
        per_second: MICROS / FILES as f64,
        work: |peer, local| peer.directory_down(&local.join(own_directory())),
    },
    Workload {
        name: "GET 4 KiB",
        unit: "us",
        per_second: MICROS / CALLS as f64,
        work: |peer, _| times(CALLS, || peer.get_small()),
    },
    Workload {
        name: "HEAD",
        unit: "us",
        per_second: MICROS / CALLS as f64,
        work: |peer, _| times(CALLS, || peer.head()),
    },
    Workload {
        name: "PUT 4 KiB",
        unit: "us",
        per_second: MICROS / CALLS as f64,
        work: |peer, _| times(CALLS, || peer.put_small(&[7; SMALL])),
    },
    Workload {
        name: "list 100,000 keys, details",
        unit: "s",
        per_second: 1.0,
        work: |peer, _| peer.list(),
    },
    Workload {
        name: COLD,
        unit: "ms",
        per_second: 1e3,
        work: |peer, _| peer.head(),
    },
];

/// Measures the whole process, and not only its work. For `raw`, this includes signing all requests in advance.
const COLD: &str = "cold start to the first HEAD";

/// Returns the name of a directory that only this process uses. It is removed with all others in the end: on ext4, new files
/// take longer for some minutes after many others were removed.
fn own_directory() -> String {
    format!("received files {}", std::process::id())
}

fn times(count: usize, work: impl Fn() -> Outcome) -> Outcome {
    (0..count).try_for_each(|_| work())
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, peer, workload, endpoint, local] = arguments.as_slice()
        && flag == "child"
    {
        return child(peer, workload, endpoint, Path::new(local));
    }
    let local = std::env::temp_dir().join(format!("s3fs-peers-{}", std::process::id()));
    fs::create_dir(&local)?;
    let measured = measure(&arguments, &local);
    fs::remove_dir_all(&local)?;
    measured
}

fn measure(words: &[String], local: &Path) -> Outcome {
    let taken = |name: &str, names: &[&str]| {
        let mut words = words
            .iter()
            .filter(|word| names.iter().any(|name| name.contains(word.as_str())));
        words.clone().next().is_none() || words.any(|word| name.contains(word.as_str()))
    };
    let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
    let peers: Vec<_> = PEERS
        .iter()
        .copied()
        .filter(|peer| taken(peer, PEERS))
        .collect();
    let server = Server::builder().discard_over(MIB as u64).start();
    let bucket = server.bucket(BUCKET);
    bucket.put_synthetic("large", 7, GIB);
    bucket.put("small", vec![7; SMALL]);
    bucket.number("listed/", KEYS);
    fs::write(local.join("large"), vec![7; GIB as usize])?;
    fs::create_dir(local.join("small"))?;
    for number in 0..FILES {
        fs::write(
            local.join("small").join(file_name(number)),
            vec![7; FILE_SIZE],
        )?;
        bucket.put(&format!("files/{}", file_name(number)), vec![7; FILE_SIZE]);
    }
    if words == ["serve"] {
        println!(
            "child PEER WORKLOAD {} {}",
            server.endpoint(),
            local.display()
        );
        std::io::stdin().read_line(&mut String::new())?;
        return Ok(());
    }
    println!("| CPU of the client | {} |", peers.join(" | "));
    println!("| --- |{}", " ---: |".repeat(peers.len()));
    for workload in WORKLOADS
        .iter()
        .filter(|workload| taken(workload.name, &names))
    {
        let mut seconds = vec![Vec::new(); peers.len()];
        for _ in 0..RUNS {
            for (peer, seconds) in peers.iter().zip(&mut seconds) {
                let all = Command::new(std::env::current_exe()?)
                    .args(["child", peer, workload.name, &server.endpoint()])
                    .arg(local)
                    .stderr(Stdio::inherit())
                    .output()?;
                if !all.status.success() {
                    return Err(format!("{peer}: {}", workload.name).into());
                }
                seconds.push(String::from_utf8(all.stdout)?.trim().parse::<f64>()?);
                server.take_requests();
                let _ = fs::remove_file(local.join("received"));
            }
        }
        let medians: Vec<f64> = seconds.into_iter().map(median).collect();
        let shown: Vec<_> = medians
            .iter()
            .map(|median| {
                let digits = if workload.per_second > 1e2 { 1 } else { 3 };
                format!(
                    "{:.digits$} ({:.2})",
                    median * workload.per_second,
                    median / medians[0]
                )
            })
            .collect();
        println!(
            "| {}, {} | {} |",
            workload.name,
            workload.unit,
            shown.join(" | ")
        );
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The name of one of the small files.
pub fn file_name(number: usize) -> String {
    format!("{number:04}.bin")
}

/// Runs the workload and prints its CPU seconds.
fn child(peer: &str, workload: &str, endpoint: &str, local: &Path) -> Outcome {
    let workload = WORKLOADS.iter().find(|known| known.name == workload);
    let workload = workload.ok_or("no such workload")?;
    let peer = peers::open(peer, endpoint)?;
    if workload.name == COLD {
        (workload.work)(&*peer, local)?;
        println!("{}", cpu_seconds()?);
        return Ok(());
    }
    // Opens the connection, as in a program that has worked for a while.
    peer.head()?;
    let before = cpu_seconds()?;
    (workload.work)(&*peer, local)?;
    println!("{}", cpu_seconds()? - before);
    Ok(())
}

/// Returns the CPU seconds of this process so far.
fn cpu_seconds() -> Outcome<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / MICROS;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
