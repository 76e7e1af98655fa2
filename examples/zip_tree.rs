//! Packs a directory of the local disk into a zip archive in a bucket: `zip_tree DIRECTORY s3://bucket/dir archive.zip`.
//!
//! A zip writer goes back to the header of each entry once it has the size. The mode `w+` can change bytes that were
//! already written, also in a large archive: it keeps them in a temporary file above 16 MiB, and stores the archive at
//! `close`.

use std::env;
use std::io;
use std::process::ExitCode;

use s3fs::prelude::*;
use s3fs::{Error, FsUrl, OsFs, Result, S3Fs, S3FsBuilder};
use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [directory, url, archive] = arguments.as_slice() else {
        eprintln!("usage: zip_tree DIRECTORY s3://bucket/dir ARCHIVE");
        return ExitCode::FAILURE;
    };
    let opened = FsUrl::parse(url).and_then(|url| S3FsBuilder::from_url(&url, false)?.build());
    match opened.and_then(|fs| run(directory, &fs, archive)) {
        Ok(count) => {
            println!("{count} files");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("zip_tree: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Packs all files, and returns their number.
pub fn run(directory: &str, fs: &S3Fs, archive: &str) -> Result<usize> {
    let disk = OsFs::new(directory)?;
    let mut file = fs.openbin(archive, "w+")?;
    let mut zip = ZipWriter::new(&mut file);
    let mut count = 0;
    for path in disk.walk().files("/") {
        let path = path?;
        let name = path.trim_start_matches('/');
        zip.start_file(name, SimpleFileOptions::default())
            .map_err(failed)?;
        io::copy(&mut disk.openbin(&path, "r")?, &mut zip)?;
        count += 1;
    }
    zip.finish().map_err(failed)?;
    file.close()?; // the complete archive becomes visible now
    Ok(count)
}

fn failed(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => Error::from(error),
        other => Error::from(io::Error::other(other)),
    }
}
