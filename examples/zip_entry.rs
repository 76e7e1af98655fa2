//! Reads one entry out of a zip archive in a bucket: `zip_entry s3://bucket/dir archive.zip [ENTRY]`.
//!
//! A file opened for reading seeks like a local file, and requests only the ranges that are read: the
//! directory at the end of the archive, and the entry. Without an entry, the program lists the names.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use s3fs::{Error, FsUrl, OpenOptions, Result, S3Fs, S3FsBuilder};
use zip::ZipArchive;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (url, archive, entry) = match arguments.as_slice() {
        [url, archive] => (url, archive, None),
        [url, archive, entry] => (url, archive, Some(entry.as_str())),
        _ => {
            eprintln!("usage: zip_entry s3://bucket/dir ARCHIVE [ENTRY]");
            return ExitCode::FAILURE;
        }
    };
    let opened = FsUrl::parse(url).and_then(|url| S3FsBuilder::from_url(&url, false)?.build());
    match opened.and_then(|fs| run(&fs, archive, entry, &mut io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zip_entry: {error}");
            ExitCode::FAILURE
        }
    }
}

pub fn run(fs: &S3Fs, archive: &str, entry: Option<&str>, out: &mut dyn Write) -> Result<()> {
    // The start of an archive is not needed: the first request fetches only the size.
    let options = OpenOptions::new().first_window(0);
    let file = fs.open_read(archive, &options)?;
    let mut zip = ZipArchive::new(file).map_err(failed)?;
    let Some(entry) = entry else {
        for name in zip.file_names() {
            writeln!(out, "{}", name.map_err(failed)?)?;
        }
        return Ok(());
    };
    let mut entry = zip.by_name(entry).map_err(failed)?;
    io::copy(&mut entry, out)?;
    Ok(())
}

/// Returns the original filesystem error from an error of the archive.
fn failed(error: zip::result::ZipError) -> Error {
    Error::from(io::Error::from(error))
}
