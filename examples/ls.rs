//! Lists a directory of a bucket, or one file: `ls s3://bucket/dir`.
//!
//! Credentials, region and endpoint may be part of the URL; it is better to leave them to the
//! environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL_S3`)
//! or to the shared files. Without any, the program queries the metadata service of the machine, unless
//! `AWS_EC2_METADATA_DISABLED=true` is set.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use s3fs::{ErrorKind, FileSystem, FileSystemExt, FsUrl, Info, Namespaces, Result, S3FsBuilder};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url] = arguments.as_slice() else {
        eprintln!("usage: ls s3://bucket/dir");
        return ExitCode::FAILURE;
    };
    match list(url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list(url: &str) -> Result<()> {
    let url = FsUrl::parse(url)?;
    // The root of a filesystem always exists. Opening the whole bucket and listing the directory
    // in it distinguishes a missing directory from an empty one.
    let fs = S3FsBuilder::from_url(&url, false)?.dir_path("/").build()?;
    let (_, directory) = url.resource().split_once('/').unwrap_or_default();
    let mut out = BufWriter::new(io::stdout().lock());
    match fs.scandir(directory, Namespaces::DETAILS) {
        Ok(entries) => {
            for entry in entries {
                print(&mut out, &entry?)?;
            }
        }
        Err(error) if error.is(ErrorKind::DirectoryExpected) => {
            print(&mut out, &fs.getdetails(directory)?)?;
        }
        Err(error) => return Err(error),
    }
    out.flush()?;
    Ok(())
}

/// Prints one line: when the file was stored, its size, and its name. A listing has neither time nor size for a directory.
fn print(out: &mut impl Write, info: &Info) -> io::Result<()> {
    let date = info.modified().map_or_else(String::new, |modified| {
        let (date, (hour, minute, _)) = (modified.date(), modified.to_hms());
        format!("{date} {hour:02}:{minute:02}")
    });
    let name = info.name();
    if info.is_dir() {
        writeln!(out, "{date:16} {:>14}  {name}/", "-")
    } else {
        let size = info.size().unwrap_or_default();
        writeln!(out, "{date:16} {size:>14}  {name}")
    }
}
