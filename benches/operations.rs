//! Measures the overhead of this crate over the requests that it sends: small operations on the embedded
//! server, each compared with the bare ureq requests that do the same.
//!
//! The bare side sends URLs that were signed before the clock started, and reads each response to
//! its end. It signs, parses and checks nothing. Both sides take turns, and the median of all turns
//! counts, so that other work on the machine affects both sides alike. The program fails if an
//! operation sends more requests than documented, or takes more than twice the time of the bare side.

mod bounds;

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use bounds::Broken;
use s3fs::{FileSystem, FileSystemExt, Namespaces, PresignMethod, S3Fs};
use test_server::{BUCKET, LoggedRequest, Server};
use ureq::Agent;
use url::Url;

const TURNS: usize = 9;
const TURN: Duration = Duration::from_millis(150);
const VALID: Duration = Duration::from_secs(3600);

const SMALL: usize = 4 << 10;
const ENTRIES: usize = 10_000;

/// Maximum ratio of the time of an operation to that of the bare requests. On an idle machine it is 1.1 to 1.4.
const MOST: f64 = 2.0;

/// Result of a benchmark: an error is printed and ends the program.
type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let content = vec![7; SMALL];
    bucket.put("small", content.clone());
    for number in 0..ENTRIES {
        bucket.put(&format!("many/{number:05}.txt"), "");
    }
    let fs = S3Fs::builder(BUCKET)
        .endpoint_url(server.endpoint())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
        .region(server.region())
        .strict(false)
        .build()?;
    let agent = Agent::new_with_defaults();

    println!("cargo bench --bench operations\n");
    println!(
        "{:<30} {:>8} {:>9} {:>9} {:>7}",
        "operation", "requests", "s3fs/s", "ureq/s", "ratio"
    );

    let mut broken = Broken::default();
    let head = signed(&fs, "small", PresignMethod::Head)?;
    compare(
        (&server, &mut broken),
        ("getinfo, details", 1),
        || {
            black_box(fs.getinfo("small", Namespaces::DETAILS)?);
            Ok(())
        },
        || {
            black_box(agent.head(&head).call()?);
            Ok(())
        },
    )?;

    let get = signed(&fs, "small", PresignMethod::Get)?;
    compare(
        (&server, &mut broken),
        ("readbytes, 4 KiB", 1),
        || {
            black_box(fs.readbytes("small")?);
            Ok(())
        },
        || {
            black_box(agent.get(&get).call()?.body_mut().read_to_vec()?);
            Ok(())
        },
    )?;

    let put = signed(&fs, "written", PresignMethod::Put)?;
    compare(
        (&server, &mut broken),
        ("writebytes, 4 KiB, not strict", 1),
        || Ok(fs.writebytes("written", &content)?),
        || {
            agent.put(&put).send(&content)?.body_mut().read_to_vec()?;
            Ok(())
        },
    )?;

    let scan = || -> Outcome {
        let infos: Result<Vec<_>, _> = fs.scandir("many", Namespaces::DETAILS)?.collect();
        assert_eq!(infos?.len(), ENTRIES);
        Ok(())
    };
    server.take_requests();
    scan()?;
    let pages = server.take_requests();
    let pages: Result<Vec<Url>, _> = pages.iter().map(|page| resigned(&server, page)).collect();
    let pages = pages?;
    let name = "scandir of 10,000, details";
    compare((&server, &mut broken), (name, ENTRIES / 1000), scan, || {
        for page in &pages {
            let mut answer = agent.get(page.as_str()).call()?;
            black_box(answer.body_mut().read_to_vec()?);
        }
        Ok(())
    })?;
    broken.finish()
}

/// Measures both sides in turns, and prints a row of the table.
fn compare(
    (server, broken): (&Server, &mut Broken),
    (name, promised): (&str, usize),
    s3fs: impl Fn() -> Outcome,
    ureq: impl Fn() -> Outcome,
) -> Outcome {
    // The first calls open the connections.
    s3fs()?;
    ureq()?;
    server.take_requests();
    s3fs()?;
    let requests = server.take_requests().len();

    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(turn(&s3fs)?);
        bare.push(turn(&ureq)?);
        // Otherwise the log of requests would grow.
        server.take_requests();
    }
    let (ours, bare) = (median(ours), median(bare));
    println!(
        "{name:<30} {requests:>8} {:>9.0} {:>9.0} {:>7.2}",
        1.0 / ours,
        1.0 / bare,
        ours / bare
    );
    let bound = format!("{promised} requests");
    broken.unless(requests == promised, name, &bound);
    let bound = format!("at most {MOST} times the time of ureq");
    broken.unless(ours <= MOST * bare, name, &bound);
    Ok(())
}

/// Returns the seconds per call, over one turn.
fn turn(call: impl Fn() -> Outcome) -> Result<f64, Box<dyn std::error::Error>> {
    let (started, mut calls) = (Instant::now(), 0_u32);
    while started.elapsed() < TURN {
        call()?;
        calls += 1;
    }
    Ok(started.elapsed().as_secs_f64() / f64::from(calls))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn signed(fs: &S3Fs, path: &str, method: PresignMethod) -> s3fs::Result<String> {
    fs.presign(path)?.method(method).expires(VALID).url()
}

/// Returns the URL of a logged listing request, signed again.
fn resigned(server: &Server, request: &LoggedRequest) -> Result<Url, Box<dyn std::error::Error>> {
    let mut query: Vec<(&str, &str)> = request
        .query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    query.sort_unstable();
    let url = format!("{}{}", server.endpoint(), request.path).parse()?;
    Ok(rusty_s3::signing::sign(
        &SystemTime::now().try_into()?,
        rusty_s3::Method::Get,
        url,
        server.access_key(),
        server.secret_key(),
        None,
        server.region(),
        VALID.as_secs(),
        query.into_iter(),
        std::iter::empty(),
    ))
}
