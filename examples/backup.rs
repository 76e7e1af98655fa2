//! Backs up a directory of the local disk: `backup DIRECTORY s3://bucket/dir [EXCLUDE]...`.
//!
//! Only what differs is sent, and nothing is removed in the bucket. A file that fails is reported, and the others go on.
//! `EXCLUDE` is the name of files or directories to leave out, such as `.git` or `*.tmp`.

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
            // With `Gather`, the error has what was done all the same.
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
    // Without strict, each file that differs is one request; the listings have told the rest.
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
    // A bucket that is empty yet is no error; a source that is, would be.
    mirror(&disk, &bucket, &options)
}
