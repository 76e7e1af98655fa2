//! `ls`: the content of a bucket or directory; the buckets of an endpoint.

use s3fs::{ErrorKind, Info, Namespaces};

use super::json;
use crate::args::Words;
use crate::expand::{self, is_pattern};
use crate::json::Object;
use crate::out::Out;
use crate::place::Place;
use crate::report::{Failure, Outcome, Tally};
use crate::session::{Located, Session};
use crate::spec::{Command, Flag, JSON};
use crate::text;

pub const COMMAND: Command = Command {
    name: "ls",
    summary: "list a bucket or a directory, or the buckets of an endpoint",
    usage: "[OPERAND]...",
    operands: (0, None),
    about: &[
        "Without an operand, or with s3://, it lists the buckets that belong to the credentials. Directories end \
         with /. Times are in UTC. 1,000 entries take one request.",
    ],
    options: &[
        Flag::new("long", "show time, size and name").short('l'),
        Flag::new("recursive", "list everything below, with paths").short('R'),
        Flag::new("human", "show sizes with units").short('H'),
        JSON,
    ],
    examples: &[
        ("s3f ls", "list the buckets"),
        (
            "s3f ls -l s3://mybucket/reports",
            "list a directory with times and sizes",
        ),
        (
            "s3f ls -R 's3://mybucket/2026-*'",
            "list everything below the matching directories",
        ),
        (
            "s3f ls --json s3://mybucket | jq .size",
            "print JSON for other programs",
        ),
    ],
    run,
};

/// The output format of entries.
struct Form {
    long: bool,
    recursive: bool,
    human: bool,
    json: bool,
}

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let form = Form {
        long: words.has("long"),
        recursive: words.has("recursive"),
        human: words.has("human"),
        json: words.has("json"),
    };
    let mut out = Out::new();
    let mut tally = Tally::default();
    let everything = ["s3://".to_owned()];
    let operands = match words.operands() {
        [] => &everything,
        operands => operands,
    };
    for operand in operands {
        tally.count(list(session, operand, &form, &mut out))?;
    }
    out.end()?;
    Ok(tally.outcome())
}

fn list(session: &Session, operand: &str, form: &Form, out: &mut Out) -> Result<(), Failure> {
    let place = Place::parse(operand)?;
    match &place {
        Place::S3 { .. } if place.bucket().is_none() => buckets(session, &place, form, out),
        Place::S3 { path, .. } if session.globs() && is_pattern(path) => {
            for entry in expand::entries(session, operand, true)? {
                if form.recursive && entry.is_dir() {
                    directory(&entry.at, form, out)?;
                } else {
                    let path = entry.at.path.trim_start_matches('/').to_owned();
                    show(&entry.at, &path, &entry.at.path, &entry.info, form, out)?;
                }
            }
            Ok(())
        }
        Place::Local { path, .. } if path.is_dir() => {
            directory(&session.locate_directory(&place, false)?, form, out)
        }
        place => {
            let at = session.locate(place)?;
            match directory(&at, form, out) {
                Err(Failure::At(_, error))
                    if error.is(ErrorKind::DirectoryExpected) && !place.is_directory() =>
                {
                    let info = at.fs().getinfo(&at.path, Namespaces::DETAILS);
                    let info = info.map_err(Failure::at(at.shown()))?;
                    show(&at, at.name(), &at.path, &info, form, out)
                }
                listed => listed,
            }
        }
    }
}

fn buckets(session: &Session, place: &Place, form: &Form, out: &mut Out) -> Result<(), Failure> {
    let Place::S3 { url, .. } = place else {
        return Ok(());
    };
    let buckets = session.builder(url)?.list_buckets();
    for bucket in buckets.map_err(Failure::at("s3://"))? {
        let line = if form.json {
            Object::new()
                .text("name", &bucket.name)
                .text("type", "bucket")
                .text("url", &format!("s3://{}", text::url_path(&bucket.name)))
                .time_if("created", bucket.created)
                .text_if("region", bucket.region.as_deref())
                .end()
        } else if form.long {
            let created = bucket.created.map(text::time).unwrap_or_default();
            format!("{created:20} {}", out.name(&bucket.name))
        } else {
            out.name(&bucket.name)
        };
        out.line(&line)?;
    }
    Ok(())
}

fn directory(at: &Located, form: &Form, out: &mut Out) -> Result<(), Failure> {
    let failed = |error| Failure::of(at.shown(), error);
    if !form.recursive {
        let entries = at.fs().scandir(&at.path, Namespaces::DETAILS);
        for info in entries.map_err(failed)? {
            let info = info.map_err(failed)?;
            let path = s3fs::path::combine(&at.path, info.name());
            show(at, info.name(), &path, &info, form, out)?;
        }
        return Ok(());
    }
    let root = at.fs().validatepath(&at.path).map_err(failed)?;
    let entries = at.fs().scantree(&at.path, Namespaces::DETAILS);
    for entry in entries.map_err(failed)? {
        let (directory, info) = entry.map_err(failed)?;
        let path = s3fs::path::combine(&directory, info.name());
        let below = path.strip_prefix(&*root).unwrap_or(&path);
        show(at, below.trim_start_matches('/'), &path, &info, form, out)?;
    }
    Ok(())
}

fn show(
    at: &Located,
    name: &str,
    path: &str,
    info: &Info,
    form: &Form,
    out: &mut Out,
) -> Result<(), Failure> {
    if form.json {
        return out.line(&json(at, path, info).end());
    }
    let slash = if info.is_dir() { "/" } else { "" };
    let name = out.name(name);
    if !form.long {
        return out.line(&format!("{name}{slash}"));
    }
    let modified = info.modified().map(text::time).unwrap_or_default();
    let size = match (info.is_dir(), info.size().unwrap_or_default()) {
        (true, _) => "-".to_owned(),
        (false, size) if form.human => text::human(size),
        (false, size) => size.to_string(),
    };
    out.line(&format!("{modified:20} {size:>14} {name}{slash}"))
}
