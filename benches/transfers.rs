//! Measures large reads and writes: their memory, their CPU time compared with curl, and the speedup of many
//! workers over one.
//!
//! Each measurement of memory and CPU is a separate process: the program starts itself again, so that the peak and the
//! CPU time are those of one transfer alone. The embedded server in this process generates the objects and discards
//! uploaded content. curl gets presigned URLs; without curl, its part is skipped.
//!
//! The program runs and prints all measurements. It reports those that exceed the documented bounds at the end, and
//! then fails.

mod bounds;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bounds::Broken;
use s3fs::{File as _, FileSystemExt, OpenOptions, PresignMethod, S3Fs, TransferOptions};
use test_server::{BUCKET, Server, peak_memory};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Number of runs of which the median counts.
const RUNS: usize = 5;

/// Result of a benchmark: an error is printed and ends the program.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, work @ ..] = arguments.as_slice()
        && flag == "child"
    {
        return child(work);
    }
    let server = Server::builder().discard_over(MIB).start();
    server.bucket(BUCKET).put_synthetic("2 GiB", 7, 2 * GIB);
    server.bucket(BUCKET).put_synthetic("1 GiB", 7, GIB);
    println!("cargo bench --bench transfers\n");
    let mut broken = Broken::default();
    memory(&server, &mut broken)?;
    cpu(&server, &mut broken)?;
    workers(&mut broken)?;
    broken.finish()
}

// --- memory ---

fn memory(server: &Server, broken: &mut Broken) -> Outcome {
    const MOST: u64 = 64 * MIB;
    const MOST_ABOVE_START: u64 = 12 * MIB;
    println!("{:<44} {:>9}", "peak memory", "MiB");
    for small in [false, true] {
        let settings = match small {
            false => "defaults",
            true => "one worker, parts of 5 MiB",
        };
        let mut start = 0;
        for work in [
            "nothing",
            "read",
            "read by io::copy",
            "write",
            "write by io::copy",
        ] {
            let (peak, _) = run(server, work, small)?;
            let name = format!("{work}, {settings}");
            println!("{name:<44} {:>9.1}", peak as f64 / MIB as f64);
            match (work, small) {
                ("nothing", _) => start = peak,
                (_, false) => broken.unless(peak < MOST, &name, "below 64 MiB"),
                (_, true) => {
                    let most = start + MOST_ABOVE_START;
                    broken.unless(peak <= most, &name, "at most 12 MiB above nothing");
                }
            }
        }
    }
    println!();
    Ok(())
}

// --- CPU ---

fn cpu(server: &Server, broken: &mut Broken) -> Outcome {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("there is no curl here to measure CPU time beside");
        return Ok(());
    }
    let local = std::env::temp_dir().join(format!("s3fs-bench-{}", std::process::id()));
    io::copy(&mut io::repeat(7).take(GIB), &mut File::create(&local)?)?;
    let path = local.to_string_lossy().into_owned();
    let mut measured = || -> Outcome {
        println!(
            "{:<44} {:>9} {:>9} {:>7}",
            "CPU seconds for 1 GiB", "s3fs", "curl", "ratio"
        );
        let fs = open(&server.endpoint(), false)?;
        let get = signed(&fs, "1 GiB", PresignMethod::Get)?;
        let put = signed(&fs, "sent", PresignMethod::Put)?;
        compare(
            server,
            "read to memory",
            "read 1 GiB",
            &["-o", "/dev/null", &get],
            broken,
        )?;
        let file = format!("send {path}");
        let curl = ["-T", &path, &put];
        compare(server, "sent from a file", &file, &curl, broken)?;

        let https = Server::builder().tls().start();
        https.bucket(BUCKET).put_synthetic("1 GiB", 7, GIB);
        std::fs::write(ca_file(), https.ca_pem())?;
        let fs = open(&https.endpoint(), false)?;
        let get = signed(&fs, "1 GiB", PresignMethod::Get)?;
        let ca = ca_file().to_string_lossy().into_owned();
        let curl = ["-o", "/dev/null", "--cacert", &ca, &get];
        compare(&https, "read to memory, TLS", "read 1 GiB", &curl, broken)
    };
    let result = measured();
    std::fs::remove_file(&local)?;
    std::fs::remove_file(ca_file())?;
    result
}

/// The certificate authority of the https server.
fn ca_file() -> PathBuf {
    std::env::temp_dir().join(format!("s3fs-bench-{}.pem", std::process::id()))
}

/// Runs both in turns, so that other work on the machine affects both alike.
fn compare(server: &Server, name: &str, work: &str, curl: &[&str], broken: &mut Broken) -> Outcome {
    const MOST: f64 = 1.5;
    let (mut ours, mut curls) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(run(server, work, false)?.1);
        let before = children_seconds()?;
        let status = Command::new("curl")
            .args(["-sS", "--fail"])
            .args(curl)
            .stdout(Stdio::null())
            .status()?;
        assert!(status.success(), "curl failed");
        curls.push(children_seconds()? - before);
        server.take_requests();
    }
    let (ours, curls) = (median(ours), median(curls));
    let ratio = ours / curls;
    println!("{name:<44} {ours:>9.2} {curls:>9.2} {ratio:>7.2}");
    broken.unless(
        ratio <= MOST,
        name,
        "at most 1.5 times the CPU time of curl",
    );
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn signed(fs: &S3Fs, path: &str, method: PresignMethod) -> s3fs::Result<String> {
    let url = fs.presign(path)?.method(method);
    url.expires(Duration::from_secs(3600)).url()
}

// --- workers ---

/// Measures the speedup of many workers over one, with a server that is slower than this machine.
fn workers(broken: &mut Broken) -> Outcome {
    const LARGE: u64 = 256 * MIB;
    const SMALL: usize = 500;
    // Minimum speedup.
    const LEAST_OF_LARGE: f64 = 6.0;
    const LEAST_OF_SMALL: f64 = 8.0;
    let local = std::env::temp_dir().join(format!("s3fs-bench-{}", std::process::id()));
    let mut row = |name: &str, one: f64, many: f64, least: f64| {
        let ratio = one / many;
        println!("{name:<44} {one:>9.2} {many:>9.2} {ratio:>7.2}");
        broken.unless(
            ratio >= least,
            name,
            &format!("at least {least} times as fast"),
        );
    };
    let mut measured = || -> Outcome {
        println!();
        println!(
            "{:<44} {:>9} {:>9} {:>7}",
            "seconds", "one", "many", "ratio"
        );

        let server = Server::builder()
            .discard_over(MIB)
            .throttle(20 * MIB)
            .start();
        server.bucket(BUCKET).put_synthetic("large", 7, LARGE);
        // Each run has its own target.
        let file = |workers: usize| local.join(format!("large {workers}"));
        let get = |workers| {
            timed(|| Ok(fs_of(&server)?.download_file("large", file(workers), &of(workers))?))
        };
        let name = "256 MiB, 20 MiB/s a connection, 8 down";
        row(name, get(1)?, get(8)?, LEAST_OF_LARGE);
        let put =
            |workers| timed(|| Ok(fs_of(&server)?.upload_file(file(1), "sent", &of(workers))?));
        let name = "256 MiB, 20 MiB/s a connection, 8 up";
        row(name, put(1)?, put(8)?, LEAST_OF_LARGE);
        for workers in [1, 8] {
            std::fs::remove_file(file(workers))?;
        }

        let server = Server::builder().latency(Duration::from_millis(20)).start();
        for number in 0..SMALL {
            let content = vec![7; 1000];
            server
                .bucket(BUCKET)
                .put(&format!("small/{number:03}"), content);
        }
        let small = |workers: usize| local.join(format!("small {workers}"));
        let get = |workers| {
            timed(|| Ok(fs_of(&server)?.download_dir("small", small(workers), &of(workers))?))
        };
        let name = "500 files, 20 ms a request, 16 down";
        row(name, get(1)?, get(16)?, LEAST_OF_SMALL);
        let put = |workers| {
            let target = format!("sent {workers}");
            timed(|| Ok(fs_of(&server)?.upload_dir(small(1), &target, &of(workers))?))
        };
        let name = "500 files, 20 ms a request, 16 up";
        row(name, put(1)?, put(16)?, LEAST_OF_SMALL);
        Ok(())
    };
    std::fs::create_dir(&local)?;
    let result = measured();
    std::fs::remove_dir_all(&local)?;
    result
}

fn fs_of(server: &Server) -> s3fs::Result<S3Fs> {
    open(&server.endpoint(), false)
}

fn of(workers: usize) -> TransferOptions<'static> {
    TransferOptions::new().workers(workers)
}

fn timed<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<f64> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}

// --- a separate process ---

/// Runs this program for the work and returns its peak memory in bytes and its CPU seconds.
fn run(server: &Server, work: &str, small: bool) -> Outcome<(u64, f64)> {
    let before = children_seconds()?;
    let settings = if small { "small" } else { "default" };
    let mut child = Command::new(std::env::current_exe()?);
    if !server.ca_pem().is_empty() {
        child.env("AWS_CA_BUNDLE", ca_file());
    }
    let output = child
        .args(["child", work, settings, &server.endpoint()])
        .stderr(Stdio::inherit())
        .output()?;
    assert!(output.status.success(), "{work} failed");
    let peak = String::from_utf8(output.stdout)?.trim().parse()?;
    server.take_requests();
    Ok((peak, children_seconds()? - before))
}

/// Returns the CPU seconds of the child processes that have ended, from proc(5).
fn children_seconds() -> Outcome<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .ok_or("no stat")?
        .1
        .split_whitespace()
        .collect();
    // The state is the third field; cutime and cstime are the 16th and the 17th.
    let ticks = fields[13].parse::<f64>()? + fields[14].parse::<f64>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

fn open(endpoint: &str, small: bool) -> s3fs::Result<S3Fs> {
    let builder = S3Fs::builder(BUCKET)
        .endpoint_url(endpoint)
        .aws_access_key_id(test_server::ACCESS_KEY)
        .aws_secret_access_key(test_server::SECRET_KEY)
        .region(test_server::REGION)
        .strict(false);
    match small {
        false => builder.build(),
        true => builder.max_workers(1).part_size(5 * MIB).build(),
    }
}

/// Runs the work and prints its peak memory.
fn child(arguments: &[String]) -> Outcome {
    let [work, settings, endpoint] = arguments else {
        return Err("child WORK SETTINGS ENDPOINT".into());
    };
    let fs = open(endpoint, settings == "small")?;
    match work.as_str() {
        "nothing" => {
            fs.getsize("2 GiB")?;
        }
        "read" | "read 1 GiB" => {
            let path = if work == "read" { "2 GiB" } else { "1 GiB" };
            let mut file = fs.open_read(path, &OpenOptions::new())?;
            let mut buffer = vec![0; MIB as usize];
            let mut done = 0;
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => done += count as u64,
                }
            }
            assert_eq!(done, file.size());
        }
        "read by io::copy" => {
            let mut file = fs.openbin("2 GiB", "r")?;
            assert_eq!(io::copy(&mut file, &mut io::sink())?, 2 * GIB);
        }
        "write" => {
            let mut file = fs.openbin("written", "w")?;
            let buffer = vec![7; MIB as usize];
            for _ in 0..2 * GIB / MIB {
                io::Write::write_all(&mut file, &buffer)?;
            }
            file.close()?;
        }
        "write by io::copy" => {
            let mut file = fs.openbin("written", "w")?;
            io::copy(&mut io::repeat(7).take(2 * GIB), &mut file)?;
            file.close()?;
        }
        send => {
            let path = send.strip_prefix("send ").ok_or("no such work")?;
            fs.upload_file(path, "sent", &TransferOptions::new())?;
        }
    }
    println!("{}", peak_memory());
    Ok(())
}
