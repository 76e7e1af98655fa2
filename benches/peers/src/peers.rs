//! The work of each peer for each workload.

mod object_store;
mod opendal;
mod raw;
mod rust_s3;
mod s3fs;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{FILES, Outcome, WORKERS};

/// Names of the peers; all are compared with the first one.
pub const PEERS: &[&str] = &["raw", "object_store", "opendal", "rust-s3", "s3fs"];

/// A client of the server. `large` has 1 GiB, `small` has 4 KiB, `files/` and `listed/` are directories.
pub trait Peer: Sync {
    fn get_to_sink(&self) -> Outcome;
    fn get_to_file(&self, local: &Path) -> Outcome;
    fn put_from_file(&self, local: &Path) -> Outcome;
    fn directory_up(&self, local: &Path) -> Outcome;
    fn directory_down(&self, local: &Path) -> Outcome;
    fn get_small(&self) -> Outcome;
    fn put_small(&self, content: &[u8]) -> Outcome;
    fn head(&self) -> Outcome;
    fn list(&self) -> Outcome;
}

pub fn open(peer: &str, endpoint: &str) -> Outcome<Box<dyn Peer>> {
    Ok(match peer {
        "raw" => Box::new(raw::Raw::new(endpoint)?),
        "object_store" => Box::new(object_store::ObjectStore::new(endpoint)?),
        "opendal" => Box::new(opendal::OpenDal::new(endpoint)?),
        "rust-s3" => Box::new(rust_s3::RustS3::new(endpoint)?),
        "s3fs" => Box::new(s3fs::S3fs::new(endpoint)?),
        _ => return Err("no such peer".into()),
    })
}

/// Runs the work for the number of each small file, on several threads.
fn on_threads(work: impl Fn(usize) -> Outcome + Sync) -> Outcome {
    let next = AtomicUsize::new(0);
    let work_on = || -> Outcome {
        loop {
            match next.fetch_add(1, Ordering::Relaxed) {
                number if number >= FILES => return Ok(()),
                number => work(number)?,
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work_on)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })
}
