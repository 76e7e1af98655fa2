//! Publishes a static site: `publish_site DIRECTORY s3://bucket/site`.
//!
//! Text is compressed once and stored with `Content-Encoding: gzip`. Browsers revalidate pages, and they keep files
//! whose names change with their content for a year. Files that are no longer part of the site are removed at the end,
//! so that no page ever links to a missing file.

use std::collections::BTreeSet;
use std::env;
use std::io::Write as _;
use std::process::ExitCode;

use flate2::Compression;
use flate2::write::GzEncoder;
use s3fs::{
    FileSystem, FileSystemExt, FsUrl, OpenOptions, OsFs, Result, S3Fs, S3FsBuilder, UploadArgs,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [directory, url] = arguments.as_slice() else {
        eprintln!("usage: publish_site DIRECTORY s3://bucket/site");
        return ExitCode::FAILURE;
    };
    match run(directory, url) {
        Ok(published) => {
            println!(
                "{} files stored, {} removed",
                published.stored, published.removed
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("publish_site: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A summary of the work.
pub struct Published {
    pub stored: usize,
    pub removed: usize,
}

pub fn run(directory: &str, url: &str) -> Result<Published> {
    let disk = OsFs::new(directory)?;
    let site = S3FsBuilder::from_url(&FsUrl::parse(url)?, false)?
        .strict(false)
        .build()?;
    let files: BTreeSet<String> = disk.walk().files("/").collect::<Result<_>>()?;
    // Pages come last, after the files that they need.
    let (pages, others): (Vec<&String>, Vec<&String>) =
        files.iter().partition(|path| path.ends_with(".html"));
    for path in others.into_iter().chain(pages) {
        store(&disk, &site, path)?;
    }
    let stale = site.walk().files("/").collect::<Result<Vec<String>>>()?;
    let stale: Vec<String> = stale
        .into_iter()
        .filter(|path| !files.contains(path))
        .collect();
    for path in &stale {
        site.remove(path)?;
    }
    Ok(Published {
        stored: files.len(),
        removed: stale.len(),
    })
}

/// Stores one file. Its `Content-Type` follows from its name.
fn store(disk: &OsFs, site: &S3Fs, path: &str) -> Result<()> {
    let content = disk.readbytes(path)?;
    let extension = path.rsplit('.').next().unwrap_or_default();
    let age = match extension {
        "html" => "no-cache",
        _ => "public, max-age=31536000, immutable",
    };
    let args = UploadArgs::new().cache_control(age);
    let is_text = matches!(
        extension,
        "html" | "css" | "js" | "svg" | "json" | "txt" | "xml"
    );
    if !is_text {
        return site.writebytes_with(path, &content, &OpenOptions::from(args));
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&content)?;
    let packed = encoder.finish()?;
    let args = args.content_encoding("gzip");
    site.writebytes_with(path, &packed, &OpenOptions::from(args))
}
