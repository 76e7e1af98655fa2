//! Backs up a directory of the local disk: `backup DIRECTORY s3://bucket/dir [EXCLUDE]...`.
//!
//! Sends only files that differ, and removes nothing in the bucket. A file that fails is reported, and the others are sent.
//! `EXCLUDE` is a name of files or directories to leave out, such as `.git` or `*.tmp`.

use std::env;
use std::process::ExitCode;

use s3fs::mirror::mirror;
use s3fs::{Failures, FsUrl, OnError, OsFs, Report, Result, S3FsBuilder, TransferOptions, Walker};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [directory, url, excludes @ ..] = arguments.as_slice() else {
        eprintln!("usage: backup DIRECTORY s3://bucket/dir [EXCLUDE]...");
        return ExitCode::FAILURE;
    };
    match run(directory, url, excludes) {
        Ok(report) => {
            println!("{} files, {} bytes", report.copied(), report.bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            // With `Gather`, the error includes the work that succeeded.
            if let Some(failures) = Failures::of(&error) {
                eprintln!("{} files were copied", failures.report().copied());
            }
            eprintln!("backup: {error}");
            ExitCode::FAILURE
        }
    }
}

pub fn run(directory: &str, url: &str, excludes: &[String]) -> Result<Report> {
    let disk = OsFs::new(directory)?;
    // Without strict mode, each file that differs is one request; the listings provide everything else.
    let bucket = S3FsBuilder::from_url(&FsUrl::parse(url)?, false)?
        .strict(false)
        .build()?;
    let options = TransferOptions::new()
        .workers(16)
        .keep_extra(true)
        .walker(Walker::new().exclude(excludes).exclude_dirs(excludes))
        .progress(|done, total| {
            eprint!("\r{done} of {total} bytes ");
            Ok(())
        })
        .on_error(|error| {
            eprintln!("{error}");
            OnError::Gather
        });
    // An empty bucket is no error; an empty source would be one.
    mirror(&disk, &bucket, &options)
}
