//! A bucket as a filesystem, step by step.
//!
//! `cargo run --example quickstart` needs nothing: it starts an S3 server in its own process.
//!
//! `cargo run --example quickstart -- s3://bucket/dir` does the same on a real bucket, in a separate
//! directory below `dir`, which is removed at the end, and also when a step fails.

use std::io::Write;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use s3fs::{
    Error, FileSystem, FileSystemExt, Info, Namespaces, OpenOptions, Result, UploadArgs, open_fs,
    redacted,
};
use test_server::{BUCKET, Server};

const TIDES: &str = "hour,metres\n03:10,4.1\n09:25,0.6\n15:40,4.3\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [] => on_embedded_server(),
        [url] if url.starts_with("s3://") => on_real_bucket(url),
        _ => {
            eprintln!("usage: quickstart [s3://bucket/dir]");
            return ExitCode::FAILURE;
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

fn on_embedded_server() -> Result<()> {
    let server = Server::start();
    let (key, secret, endpoint) = (server.access_key(), server.secret_key(), server.endpoint());
    println!("An S3 server runs in this process, at {endpoint}, with an empty bucket.");
    println!("Right of each call: how many requests it took.");
    let url = format!("s3://{key}:{secret}@{BUCKET}/quickstart?endpoint_url={endpoint}");
    // The keys are those of Amazon's documentation. Even so, no example should print keys.
    let shown = format!("s3://KEY:SECRET@{BUCKET}/quickstart?endpoint_url={endpoint}");
    let story = Story {
        server: Some(&server),
    };
    story.tell(&url, &shown)?;
    let requests = server.requests().len();
    let keys = server.bucket(BUCKET).keys().len();
    println!("\nIt took {requests} requests in all, and {keys} keys are left.");
    Ok(())
}

fn on_real_bucket(url: &str) -> Result<()> {
    let url = scratch_url(url);
    println!("On a real bucket, below a directory that is removed at the end.");
    Story { server: None }.tell(&url, &redacted(&url))
}

/// Returns the URL of a directory below the given one, with a unique name.
fn scratch_url(url: &str) -> String {
    let end = url.find(['?', '!']).unwrap_or(url.len());
    let (place, parameters) = url.split_at(end);
    let nanoseconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let name = format!("s3fs-quickstart-{}-{nanoseconds}", std::process::id());
    format!("{}/{name}{parameters}", place.trim_end_matches('/'))
}

/// Prints a call as it is written in this file, and makes it.
macro_rules! call {
    ($story:expr, $call:expr) => {
        $story.call(stringify!($call), || $call)
    };
}

/// State for printing while the calls are made.
struct Story<'a> {
    /// The server that counts the requests; `None` for a real one, which reports no count.
    server: Option<&'a Server>,
}

impl Story<'_> {
    fn tell(&self, url: &str, shown: &str) -> Result<()> {
        chapter("Open a directory of the bucket. It need not exist, and nothing is asked yet.");
        let fs = self.call(&format!("open_fs(\"{shown}\")"), || open_fs(url))?;
        let fs = Scratch(fs);
        let fs = fs.0.as_ref();

        chapter("Make directories, and write files.");
        call!(self, fs.makedir("reports"))?;
        call!(self, fs.makedir("reports/2026"))?;
        call!(self, fs.writetext("reports/2026/tides.csv", TIDES))?;
        call!(self, fs.write_with("reports/2026/squares.csv", squares))?;
        let options = OpenOptions::from(UploadArgs::new().metadata("origin", "tide gauge"));
        call!(
            self,
            fs.writebytes_with("reports/gauge.bin", &[7; 4096], &options)
        )?;

        chapter("List a directory. Names, sizes and dates come together, 1,000 in a request.");
        for info in call!(self, fs.scandir("reports", Namespaces::DETAILS))? {
            print_entry(&info?);
        }
        for info in call!(self, fs.scandir("reports/2026", Namespaces::DETAILS))? {
            print_entry(&info?);
        }

        chapter("Read.");
        let text = call!(self, fs.readtext("reports/2026/tides.csv"))?;
        print_lines(&text);

        chapter("Ask what S3 knows of a file.");
        let info = call!(self, fs.getinfo("reports/gauge.bin", Namespaces::S3))?;
        print_s3_info(&info);

        chapter("Copy and move.");
        call!(self, fs.copy("reports/2026/tides.csv", "reports/tides.bak"))?;
        call!(
            self,
            fs.movefile("reports/gauge.bin", "reports/2026/gauge.bin")
        )?;
        let names = call!(self, fs.listdir("reports/2026"))?;
        println!("      {}", names.join("  "));

        chapter("Let somebody without credentials download it, for an hour.");
        let url = call!(self, fs.geturl("reports/2026/tides.csv"))?;
        self.print_secret_url(&url);
        let text = call!(self, fetch(&url))?;
        print_lines(&text);

        chapter("Strict, the default, catches what a local disk would catch.");
        let result = call!(self, fs.writetext("reports/2027/tides.csv", TIDES));
        expect_error(result)?;
        let result = call!(self, fs.removedir("reports"));
        expect_error(result)?;
        let result = call!(self, fs.readtext("reports"));
        expect_error(result)?;

        chapter("Remove everything.");
        call!(self, fs.removetree("/"))
    }

    /// Prints the call, makes it, and prints the number of its requests.
    fn call<T>(&self, shown: &str, call: impl FnOnce() -> T) -> T {
        let before = self.requests();
        let result = call();
        match (before, self.requests()) {
            (Some(before), Some(after)) => println!("  {shown:<84} {:>3}", after - before),
            _ => println!("  {shown}"),
        }
        result
    }

    fn requests(&self) -> Option<usize> {
        self.server.map(|server| server.requests().len())
    }

    /// Prints only the start of a URL, because a presigned URL of a real bucket is a secret.
    fn print_secret_url(&self, url: &str) {
        if self.server.is_some() {
            println!("      {url}");
        } else {
            let (start, _) = url.split_once('?').unwrap_or((url, ""));
            println!("      {start}?...");
        }
    }
}

/// A filesystem that is emptied when it is dropped, so that nothing remains when a step fails.
struct Scratch(Box<dyn FileSystem>);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = self.0.removetree("/") {
            eprintln!("quickstart: the scratch directory is not removed: {error}");
        }
    }
}

/// Called by `write_with`: the file is stored only if this returns `Ok`.
fn squares(file: &mut dyn Write) -> std::io::Result<()> {
    (1..=100).try_for_each(|n| writeln!(file, "{n},{}", n * n))
}

/// Downloads without any credentials, as a browser would.
fn fetch(url: &str) -> Result<String> {
    let answer = ureq::get(url).call();
    let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
    text.map_err(|error| Error::from(error.into_io()))
}

/// Prints the error of a call that must fail, or fails if there is none.
fn expect_error<T>(result: Result<T>) -> Result<()> {
    match result {
        Err(error) => {
            println!("      {error}");
            Ok(())
        }
        Ok(_) => Err(Error::from(std::io::Error::other(
            "this should have failed; does the URL turn strict off?",
        ))),
    }
}

fn chapter(title: &str) {
    println!("\n{title}");
}

fn print_entry(info: &Info) {
    let date = info.modified().map_or_else(String::new, |modified| {
        let (date, (hour, minute, second)) = (modified.date(), modified.to_hms());
        format!("{date} {hour:02}:{minute:02}:{second:02}")
    });
    let (size, name) = (info.size().unwrap_or_default(), info.name());
    if info.is_dir() {
        println!("      {date:19} {:>10}  {name}/", "-");
    } else {
        println!("      {date:19} {size:>10}  {name}");
    }
}

fn print_s3_info(info: &Info) {
    let Some(s3) = info.s3() else { return };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    println!("      content_type    {}", text(&s3.content_type));
    println!(
        "      content_length  {}",
        s3.content_length.unwrap_or_default()
    );
    println!("      e_tag           {}", text(&s3.e_tag));
    println!("      metadata        {:?}", s3.metadata);
}

fn print_lines(text: &str) {
    for line in text.lines() {
        println!("      {line}");
    }
}
