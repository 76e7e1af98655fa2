//! `check`: shows credentials, region, endpoint and clock, and whether they work.

use std::time::{Duration, SystemTime};

use s3fs::{ErrorKind, FileSystem as _};

use crate::args::Words;
use crate::out::Out;
use crate::place::Place;
use crate::report::{Failure, Outcome};
use crate::session::Session;
use crate::spec::Command;
use crate::text;

pub const COMMAND: Command = Command {
    name: "check",
    summary: "show which credentials, region and endpoint are used, and whether they work",
    usage: "s3://BUCKET[/PATH]",
    operands: (1, Some(1)),
    about: &[
        "It lists the bucket or the directory with one request, and changes nothing. It shows where the \
         credentials come from, but never the credentials themselves. Without a bucket (s3://), it lists the \
         buckets instead, and prints their number.",
    ],
    options: &[],
    examples: &[(
        "s3f check s3://mybucket",
        "check a bucket, and show what to do if the check fails",
    )],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let [operand] = words.operands() else {
        return Ok(Outcome::Done);
    };
    let place = Place::parse(operand)?;
    let Place::S3 { url, path, .. } = &place else {
        return Err(
            crate::args::Usage::new("only buckets can be checked: write s3://BUCKET").into(),
        );
    };
    let mut out = Out::new();
    let mut row =
        |name: &str, value: &str| out.line(&format!("{name:<12} {}", text::printable(value)));
    if place.bucket().is_none() {
        let buckets = session.builder(url)?.list_buckets();
        let buckets = buckets.map_err(Failure::at("s3://"))?;
        row("buckets", &buckets.len().to_string())?;
        out.end()?;
        return Ok(Outcome::Done);
    }
    let fs = session.bucket(&place)?;
    row("bucket", place.bucket().unwrap_or_default())?;
    row("endpoint", fs.endpoint_url().unwrap_or("AWS"))?;
    row("region", &fs.region())?;
    let profile = session.profile().map(str::to_owned).or_else(|| {
        let named = |name| {
            std::env::var(name)
                .ok()
                .filter(|profile| !profile.is_empty())
        };
        named("AWS_DEFAULT_PROFILE").or_else(|| named("AWS_PROFILE"))
    });
    row("profile", profile.as_deref().unwrap_or("default"))?;
    row("credentials", fs.credentials_source())?;
    let directory = format!("/{path}");
    let listed = fs.isempty(&directory);
    let server = fs.server_time();
    let difference = clock(SystemTime::now(), server);
    let listed = match listed {
        Err(error) if error.is(ErrorKind::DirectoryExpected) => Ok("the path is a file"),
        Err(error) => Err(error),
        Ok(true) => Ok("listing works, and the directory is empty"),
        Ok(false) => Ok("listing works, and the directory is not empty"),
    };
    if let Some(difference) = difference {
        row("clock", &difference)?;
    } else if listed.is_ok() {
        row("clock", "accepted by the server")?;
    }
    if let Ok(says) = &listed {
        row("access", says)?;
    }
    out.end()?;
    listed.map_err(Failure::at(place.shown()))?;
    Ok(Outcome::Done)
}

/// Returns the difference between the machine's clock and the server's. It is known only if the server has rejected a
/// request because of it.
fn clock(here: SystemTime, server: SystemTime) -> Option<String> {
    let (difference, word) = match server.duration_since(here) {
        Ok(behind) => (behind, "behind"),
        Err(error) => (error.duration(), "ahead of"),
    };
    if difference < Duration::from_secs(2) {
        return None;
    }
    let seconds = difference.as_secs();
    Some(format!(
        "{seconds} s {word} the server's clock; requests are corrected, but set the clock"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_difference_is_reported() {
        let now = SystemTime::now();
        let off = Duration::from_secs(3600);
        assert_eq!(clock(now, now), None);
        assert!(clock(now, now + off).is_some_and(|text| text.contains("3600 s behind")));
        assert!(clock(now, now - off).is_some_and(|text| text.contains("3600 s ahead of")));
    }
}
