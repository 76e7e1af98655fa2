//! Walks over a tree of a million keys: how many keys a second, and how much memory. The tree is in the
//! embedded server, which counts its keys and does not keep them, in the same process.

use std::time::Instant;

use s3fs::{FileSystemExt, Namespaces, S3Fs, Search};
use test_server::{BUCKET, Server, peak_memory};

/// A benchmark that goes wrong says so and ends.
type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let server = Server::start();
    let fs = S3Fs::builder(BUCKET)
        .endpoint_url(server.endpoint())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
        .region(server.region())
        .build()?;
    println!("cargo bench --bench walk\n");
    println!(
        "{:<34} {:>9} {:>8} {:>9} {:>9}",
        "walk", "keys", "requests", "keys/s", "peak MiB"
    );
    for keys in [10_000, 100_000, 1_000_000] {
        server.bucket(BUCKET).number("tree/", keys);
        let walker = fs.walk().search(Search::Depth);
        measure(&server, "depth-first, details", keys, || {
            let entries = walker.info("/", Namespaces::DETAILS);
            count(entries.filter(|entry| !matches!(entry, Ok((_, info)) if info.is_dir())))
        })?;
    }
    let pruned = fs.walk().exclude_dirs(["[1-9]?"]);
    // On both levels: of 100 directories in 100 others there are 10 in 10.
    measure(&server, "files, nine in ten dirs left out", 10_000, || {
        count(pruned.files("/"))
    })?;
    measure(&server, "glob(\"**/99\")", 10_000, || {
        count(fs.glob("**/99").iter(Namespaces::BASIC))
    })
}

fn count<T>(found: impl Iterator<Item = s3fs::Result<T>>) -> s3fs::Result<u32> {
    found.map(|entry| entry.map(|_| 1)).sum()
}

/// Walks once, and prints a line of the table.
fn measure(
    server: &Server,
    name: &str,
    keys: u32,
    walk: impl FnOnce() -> s3fs::Result<u32>,
) -> Outcome {
    server.take_requests();
    let started = Instant::now();
    assert_eq!(walk()?, keys);
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{name:<34} {keys:>9} {:>8} {:>9.0} {:>9.1}",
        server.take_requests().len(),
        f64::from(keys) / seconds,
        peak_memory() as f64 / f64::from(1 << 20)
    );
    Ok(())
}
