//! Measures walks over a tree of a million keys: keys per second, and memory. The embedded server in the same process
//! counts the keys of the tree and does not keep them. The program fails if a walk sends more requests, or takes more
//! memory, than its bound.

mod bounds;

use std::time::Instant;

use bounds::Broken;
use s3fs::{FileSystemExt, Namespaces, S3Fs, Search};
use test_server::{BUCKET, Server, peak_memory};

/// Result of a benchmark: an error is printed and ends the program.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Maximum memory of the process, in MiB.
const MOST_MEMORY: u64 = 64;

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
    let mut broken = Broken::default();
    let mut measure = |name: &str, keys: u32, most: usize, walk: &dyn Fn() -> s3fs::Result<u32>| {
        measure((&server, &mut broken), (name, keys, most), walk)
    };
    for keys in [10_000, 100_000, 1_000_000] {
        server.bucket(BUCKET).number("tree/", keys);
        let walker = fs.walk().search(Search::Depth);
        measure("depth-first, details", keys, whole_tree(keys), &|| {
            let entries = walker.info("/", Namespaces::DETAILS);
            count(entries.filter(|entry| !matches!(entry, Ok((_, info)) if info.is_dir())))
        })?;
    }
    let pruned = fs.walk().exclude_dirs(["[1-9]?"]);
    // Ten of the 100 directories on each of the two levels remain. In those of the first level, the small directories that
    // are left out are listed with the others, which takes 100 pages. Each of the 90 large ones that are left out costs a
    // request. Each of the ten can take two more, for a page that reaches into the next directory.
    let most = 100 + 90 + 2 * 10;
    measure("files, nine in ten dirs left out", 10_000, most, &|| {
        count(pruned.files("/"))
    })?;
    measure("glob(\"**/99\")", 10_000, whole_tree(1_000_000), &|| {
        count(fs.glob("**/99").iter(Namespaces::BASIC))
    })?;
    broken.finish()
}

/// Maximum number of requests of a walk over a whole tree: the pages plus a tenth, and two for each of 16 workers.
fn whole_tree(keys: u32) -> usize {
    let pages = keys as usize / 1000;
    pages + pages / 10 + 32
}

fn count<T>(found: impl Iterator<Item = s3fs::Result<T>>) -> s3fs::Result<u32> {
    found.map(|entry| entry.map(|_| 1)).sum()
}

/// Walks once, and prints a row of the table.
fn measure(
    (server, broken): (&Server, &mut Broken),
    (name, keys, most): (&str, u32, usize),
    walk: &dyn Fn() -> s3fs::Result<u32>,
) -> Outcome {
    server.take_requests();
    let started = Instant::now();
    assert_eq!(walk()?, keys);
    let seconds = started.elapsed().as_secs_f64();
    let (requests, peak) = (server.take_requests().len(), peak_memory());
    println!(
        "{name:<34} {keys:>9} {requests:>8} {:>9.0} {:>9.1}",
        f64::from(keys) / seconds,
        peak as f64 / f64::from(1 << 20)
    );
    broken.unless(requests <= most, name, &format!("at most {most} requests"));
    let bound = format!("at most {MOST_MEMORY} MiB");
    broken.unless(peak <= MOST_MEMORY << 20, name, &bound);
    Ok(())
}
