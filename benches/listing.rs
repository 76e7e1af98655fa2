//! Measures the listing of a million keys by one worker and by 16, from a server that answers each request after 20 ms: seconds,
//! requests and memory. The program fails if 16 workers are not eight times as fast, or exceed the promised requests or memory.

mod bounds;

use std::time::{Duration, Instant};

use bounds::Broken;
use s3fs::{FileSystem, Namespaces, S3Fs};
use test_server::{BUCKET, Server, Shape, peak_memory};

/// Result of a benchmark: an error is printed and ends the program.
type Outcome = Result<(), Box<dyn std::error::Error>>;

const KEYS: u32 = 1_000_000;
const WORKERS: usize = 16;
const LATENCY: Duration = Duration::from_millis(20);

/// Maximum memory of the process, in MiB. The server is a part of it.
const MOST_MEMORY: u64 = 64;

fn main() -> Outcome {
    let server = Server::builder().latency(LATENCY).start();
    println!("cargo bench --bench listing\n");
    println!(
        "{:<24} {:>7} {:>8} {:>8} {:>7} {:>9}",
        "1,000,000 keys", "workers", "requests", "seconds", "ratio", "peak MiB"
    );
    let shapes = [
        ("1,000 directories", Shape::Directories),
        ("one directory", Shape::Directory),
        ("hexadecimal names", Shape::Hexadecimal),
    ];
    let mut broken = Broken::default();
    for (name, shape) in shapes {
        server.bucket(BUCKET).number_as("tree/", KEYS, shape);
        // Most of the memory first: the peak is that of the whole process so far.
        let (several, requests, peak) = list(&server, WORKERS)?;
        let (one, pages, _) = list(&server, 1)?;
        let ratio = one / several;
        for (workers, requests, seconds, ratio) in
            [(1, pages, one, 1.0), (WORKERS, requests, several, ratio)]
        {
            println!(
                "{name:<24} {workers:>7} {requests:>8} {seconds:>8.2} {ratio:>7.1} {peak:>9.1}"
            );
        }
        let most = pages + pages / 10 + 2 * WORKERS;
        broken.unless(requests <= most, name, &format!("at most {most} requests"));
        broken.unless(ratio >= 8.0, name, "at least 8 times as fast as one worker");
        let bound = format!("at most {MOST_MEMORY} MiB");
        broken.unless(peak <= MOST_MEMORY as f64, name, &bound);
    }
    broken.finish()
}

/// Lists the tree: seconds, requests, and the most memory so far in MiB.
fn list(server: &Server, workers: usize) -> Result<(f64, usize, f64), Box<dyn std::error::Error>> {
    let fs = S3Fs::builder(BUCKET)
        .endpoint_url(server.endpoint())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
        .region(server.region())
        .list_in_byte_order(true)
        .max_workers(workers)
        .build()?;
    server.take_requests();
    let started = Instant::now();
    let mut files = 0;
    for entry in fs.scantree("tree", Namespaces::DETAILS)? {
        files += u32::from(entry?.1.is_file());
    }
    assert_eq!(files, KEYS);
    let seconds = started.elapsed().as_secs_f64();
    let peak = peak_memory() as f64 / f64::from(1 << 20);
    Ok((seconds, server.take_requests().len(), peak))
}
