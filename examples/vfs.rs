//! Runs a function written for the crate `vfs` on a bucket: `vfs LOCAL_DIRECTORY [s3://bucket/dir]`.
//!
//! It packs the text files of a local directory, which `vfs` opens itself, into one file in the bucket. Without a bucket
//! it uses memory. It needs the feature `vfs`: `cargo run --features vfs --example vfs -- src`.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use s3fs::VfsAdapter;
use vfs::{PhysicalFS, VfsPath, VfsResult};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (local, url) = match arguments.as_slice() {
        [local] => (local, "mem://"),
        [local, url] => (local, url.as_str()),
        _ => {
            eprintln!("usage: vfs LOCAL_DIRECTORY [s3://bucket/dir]");
            return ExitCode::FAILURE;
        }
    };
    match run(local, url) {
        Ok(packed) => {
            println!("{packed} files are in {url}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("vfs: {error}");
            ExitCode::FAILURE
        }
    }
}

pub fn run(local: &str, url: &str) -> Result<usize, Box<dyn Error>> {
    // The error of a file that could not be stored when it was dropped: `vfs` has no other way to report it.
    let lost = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&lost);
    let adapter = VfsAdapter::new(s3fs::open_fs(url)?)
        .streaming(true)
        .on_close_error(move |_, error| {
            if let Ok(mut lost) = keep.lock() {
                lost.get_or_insert_with(|| error.clone());
            }
        });
    let packed = pack(
        &VfsPath::new(PhysicalFS::new(local)),
        &VfsPath::new(adapter).join("all.txt")?,
    )?;
    let lost = lost.lock().ok().and_then(|mut lost| lost.take());
    match lost {
        None => Ok(packed),
        Some(error) => Err(error.into()),
    }
}

/// Writes the text files below a directory into one file. This function uses only `vfs`.
fn pack(source: &VfsPath, target: &VfsPath) -> VfsResult<usize> {
    let mut paths = Vec::new();
    for path in source.walk_dir()? {
        let path = path?;
        if path.is_file()? {
            paths.push(path);
        }
    }
    paths.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    let mut packed = 0;
    let mut file = target.create_file()?;
    for path in paths {
        // Files that are not text are left out.
        if let Ok(content) = path.read_to_string() {
            write!(file, "--- {}\n{content}", path.as_str())?;
            packed += 1;
        }
    }
    Ok(packed)
}
