//! Measures the listing of a million keys by one worker and by 16, from a server that answers each request after 20 ms: seconds,
//! requests and memory. The program fails if 16 workers exceed the promised requests or memory, or, on at least four CPUs, are not
//! eight times as fast as one.
//!
//! The server is another process: the program starts itself again. The peak memory is that of the client alone. The CPU
//! seconds of both show whether the machine limits the speedup. On fewer CPUs it does, because the server needs more CPU
//! time than the client.

mod bounds;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use bounds::Broken;
use s3fs::{FileSystem, Namespaces, S3Fs};
use test_server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY, Server, Shape, cpu_time, peak_memory};

/// Result of a benchmark: an error is printed and ends the program.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const KEYS: u32 = 1_000_000;
const WORKERS: usize = 16;
const LATENCY: Duration = Duration::from_millis(20);

/// Number of threads of the server. One alone would limit the speedup.
const SERVER_THREADS: usize = 4;

/// Maximum memory of the client, in MiB.
const MOST_MEMORY: f64 = 64.0;

/// Number of CPUs from which on the speedup is required.
const ENOUGH_CPUS: usize = 4;

const SHAPES: [(&str, Shape); 3] = [
    ("1,000 directories", Shape::Directories),
    ("one directory", Shape::Directory),
    ("hexadecimal names", Shape::Hexadecimal),
];

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "serve"
    {
        return serve(name);
    }
    println!("cargo bench --bench listing\n");
    println!(
        "{:<20} {:>7} {:>8} {:>7} {:>5} {:>8} {:>10} {:>10}",
        "1,000,000 keys",
        "workers",
        "requests",
        "seconds",
        "ratio",
        "peak MiB",
        "client CPU",
        "server CPU"
    );
    let cpus = std::thread::available_parallelism()?.get();
    let mut broken = Broken::default();
    for (name, _) in SHAPES {
        let other = OtherProcess::start(name)?;
        // Most of the memory first: the peak is that of the whole process so far.
        let several = list(&other, WORKERS)?;
        let one = list(&other, 1)?;
        let ratio = one.seconds / several.seconds;
        let peak = format!("{:.1}", several.peak);
        for (workers, run, ratio, peak) in [(1, &one, 1.0, ""), (WORKERS, &several, ratio, &*peak)]
        {
            println!(
                "{name:<20} {workers:>7} {:>8} {:>7.2} {ratio:>5.1} {peak:>8} {:>10.2} {:>10.2}",
                run.requests, run.seconds, run.client, run.server
            );
        }
        let most = one.requests + one.requests / 10 + 2 * WORKERS as u64;
        broken.unless(
            several.requests <= most,
            name,
            &format!("at most {most} requests"),
        );
        let is_fast = ratio >= 8.0 || cpus < ENOUGH_CPUS;
        broken.unless(is_fast, name, "at least 8 times as fast as one worker");
        let bound = format!("at most {MOST_MEMORY} MiB");
        broken.unless(several.peak <= MOST_MEMORY, name, &bound);
    }
    if cpus < ENOUGH_CPUS {
        println!("\nThe ratio has no lower bound on {cpus} CPUs.");
    }
    broken.finish()
}

/// Serves keys of that shape until the input ends.
fn serve(name: &str) -> Outcome {
    let shape = SHAPES.into_iter().find(|(known, _)| *known == name);
    let (_, shape) = shape.ok_or("no such shape")?;
    let server = Server::builder()
        .latency(LATENCY)
        .threads(SERVER_THREADS)
        .start();
    server.bucket(BUCKET).number_as("tree/", KEYS, shape);
    println!("{}", server.endpoint());
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// The server, in another process that ends when this is dropped.
struct OtherProcess {
    child: Child,
    /// `Some` until the process ends.
    input: Option<ChildStdin>,
    endpoint: String,
}

impl OtherProcess {
    fn start(name: &str) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", name])
            // glibc keeps the memory of a listing's page for the next one, instead of returning it to the system.
            .env("MALLOC_MMAP_THRESHOLD_", "67108864")
            .env("MALLOC_TRIM_THRESHOLD_", "536870912")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut endpoint = String::new();
        let output = child.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut endpoint)?;
        Ok(Self {
            input: child.stdin.take(),
            child,
            endpoint: endpoint.trim().to_owned(),
        })
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Measurements of one listing.
struct Run {
    seconds: f64,
    requests: u64,
    /// Peak memory of the client so far, in MiB.
    peak: f64,
    /// CPU seconds of both processes.
    client: f64,
    server: f64,
}

fn list(other: &OtherProcess, workers: usize) -> Outcome<Run> {
    let fs = S3Fs::builder(BUCKET)
        .endpoint_url(&other.endpoint)
        .aws_access_key_id(ACCESS_KEY)
        .aws_secret_access_key(SECRET_KEY)
        .region(REGION)
        .list_in_byte_order(true)
        .max_workers(workers)
        .build()?;
    let cpu = || (cpu_time(std::process::id()), cpu_time(other.child.id()));
    let (client, server) = cpu();
    let started = Instant::now();
    let mut files = 0;
    for entry in fs.scantree("tree", Namespaces::DETAILS)? {
        files += u32::from(entry?.1.is_file());
    }
    assert_eq!(files, KEYS);
    let seconds = started.elapsed().as_secs_f64();
    let (client_end, server_end) = cpu();
    Ok(Run {
        seconds,
        requests: fs.stats().requests,
        peak: peak_memory() as f64 / f64::from(1 << 20),
        client: (client_end - client).as_secs_f64(),
        server: (server_end - server).as_secs_f64(),
    })
}
