//! Ships log lines to a bucket, and searches them: `log_shipper ship|grep s3://bucket/logs [TEXT]`.
//!
//! `ship` appends the lines of standard input to `current.log`, many at a time, since each append is several requests. A log
//! that has grown large is moved to a name with the time in it. `grep` reads all logs, and prints the lines that contain the
//! text.

use std::env;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use s3fs::{Error, ErrorKind, FileSystemExt, FsUrl, Namespaces, Result, S3Fs, S3FsBuilder};

/// Number of bytes that are collected before an append.
const BATCH: usize = 256 << 10;

/// A larger log is rotated.
const ROTATED_AT: u64 = 64 << 20;

const CURRENT: &str = "current.log";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["ship", url] => open(url).and_then(|fs| ship(&fs, &mut io::stdin().lock(), ROTATED_AT)),
        ["grep", url, text] => open(url).and_then(|fs| grep(&fs, text, &mut io::stdout().lock())),
        _ => {
            eprintln!("usage: log_shipper ship s3://bucket/logs | grep s3://bucket/logs TEXT");
            return ExitCode::FAILURE;
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("log_shipper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn open(url: &str) -> Result<S3Fs> {
    S3FsBuilder::from_url(&FsUrl::parse(url)?, false)?
        .strict(false)
        .build()
}

/// Appends all lines of a source.
pub fn ship(fs: &S3Fs, source: &mut dyn BufRead, rotated_at: u64) -> Result<()> {
    let mut batch = Vec::new();
    loop {
        let count = source.read_until(b'\n', &mut batch)?;
        if batch.len() >= BATCH || count == 0 {
            append(fs, &batch, rotated_at)?;
            batch.clear();
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// Appends to the current log, and rotates it if it has grown large.
fn append(fs: &S3Fs, lines: &[u8], rotated_at: u64) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    match fs.appendbytes(CURRENT, lines) {
        // Another shipper appended at the same time, and its lines are stored: these lines follow them.
        Err(error) if error.is(ErrorKind::ResourceChanged) => fs.appendbytes(CURRENT, lines)?,
        result => result?,
    }
    if fs.getsize(CURRENT)? >= rotated_at {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let name = format!("{}.log", now.map_err(io::Error::other)?.as_nanos());
        fs.movefile(CURRENT, &name)?;
    }
    Ok(())
}

/// Prints the lines of all logs that contain a text, and the names of the logs.
pub fn grep(fs: &S3Fs, text: &str, out: &mut dyn Write) -> Result<()> {
    let logs = fs.glob("*.log");
    for log in logs.iter(Namespaces::BASIC) {
        let path = log?.path;
        for line in fs.open(&path, "rb")?.lines() {
            let line = line.map_err(Error::from)?;
            if line.contains(text) {
                writeln!(out, "{path}: {line}")?;
            }
        }
    }
    Ok(())
}
