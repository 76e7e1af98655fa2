//! `find`: entries by name, size and age.

use std::time::{Duration, SystemTime};

use s3fs::{FileSystemExt as _, Info, Namespaces, Search};
use time::OffsetDateTime;

use super::json;
use crate::args::{Usage, Words};
use crate::expand;
use crate::out::Out;
use crate::place::Place;
use crate::report::{Failure, Outcome, Tally};
use crate::session::{Root, Session};
use crate::spec::{Command, Flag, JSON};

pub const COMMAND: Command = Command {
    name: "find",
    summary: "find files and directories by name, size and age",
    usage: "OPERAND...",
    operands: (1, None),
    about: &[
        "It prints the entries below the directories as operands for other commands: in URLs, special characters \
         are percent-encoded. An entry must meet all conditions. 1,000 keys take one request.",
    ],
    options: &[
        Flag::of(
            "name",
            "PATTERN",
            "only files with these names, such as '*.csv'; may be repeated",
        ),
        Flag::of(
            "exclude",
            "PATTERN",
            "skip these names and everything below them; may be repeated",
        ),
        Flag::of("type", "f|d", "only files, or only directories").short('t'),
        Flag::of(
            "larger",
            "SIZE",
            "only files larger than this size, such as 10M",
        ),
        Flag::of("smaller", "SIZE", "only files smaller than this size"),
        Flag::of(
            "newer",
            "TIME",
            "only entries that changed within this time, such as 15m, 12h or 7d",
        ),
        Flag::of(
            "older",
            "TIME",
            "only entries that did not change within this time",
        ),
        Flag::of("max-depth", "N", "the maximum number of directory levels"),
        Flag::new("print0", "end each name with a NUL, for xargs -0").short('0'),
        JSON,
    ],
    examples: &[
        (
            "s3f find s3://mybucket --name '*.csv' --larger 1M",
            "find large tables",
        ),
        (
            "s3f find s3://mybucket/logs --older 30d -0 | xargs -0 s3f rm --no-glob",
            "remove old logs",
        ),
    ],
    run,
};

/// The conditions for entries.
#[derive(Debug, Default)]
struct Conditions {
    is_dir: Option<bool>,
    larger: Option<u64>,
    smaller: Option<u64>,
    newer: Option<Duration>,
    older: Option<Duration>,
}

impl Conditions {
    fn hold(&self, info: &Info, now: SystemTime) -> bool {
        let size = info.size().filter(|_| info.is_file());
        let age = info.modified().map(|modified| {
            let age = OffsetDateTime::from(now) - modified;
            Duration::try_from(age).unwrap_or_default()
        });
        self.is_dir.is_none_or(|is_dir| is_dir == info.is_dir())
            && self
                .larger
                .is_none_or(|least| size.is_some_and(|size| size > least))
            && self
                .smaller
                .is_none_or(|most| size.is_some_and(|size| size < most))
            && self
                .newer
                .is_none_or(|most| age.is_some_and(|age| age < most))
            && self
                .older
                .is_none_or(|least| age.is_some_and(|age| age >= least))
    }
}

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let is_dir = words.read(
        "type",
        |kind| match kind {
            "f" => Some(false),
            "d" => Some(true),
            _ => None,
        },
        "f or d",
    )?;
    let names: Vec<&str> = words.values("name").collect();
    let conditions = Conditions {
        // A given name is that of a file.
        is_dir: is_dir.or((!names.is_empty()).then_some(false)),
        larger: words.size("larger")?,
        smaller: words.size("smaller")?,
        newer: words.duration("newer")?,
        older: words.duration("older")?,
    };
    if conditions.is_dir == Some(true) && !names.is_empty() {
        return Err(Usage::new("--name finds only files, and --type d only directories").into());
    }
    let depth = words.number::<usize>("max-depth")?;
    if depth == Some(0) {
        return Err(Usage::new("--max-depth must be at least 1").into());
    }
    let mut out = Out::new();
    let mut tally = Tally::default();
    for operand in words.operands() {
        tally.count(find(session, operand, words, &conditions, depth, &mut out))?;
    }
    out.end()?;
    Ok(tally.outcome())
}

fn find(
    session: &Session,
    operand: &str,
    words: &Words,
    conditions: &Conditions,
    depth: Option<usize>,
    out: &mut Out,
) -> Result<(), Failure> {
    let place = Place::parse(operand)?;
    let at = match &place {
        Place::Local { .. } => session.locate_directory(&place, false)?,
        _ => expand::single(session, operand)?,
    };
    let excluded: Vec<&str> = words.values("exclude").collect();
    let mut walker = at
        .fs()
        .walk()
        .search(Search::Depth)
        .filter(words.values("name"))
        .exclude(excluded.iter().copied())
        .exclude_dirs(excluded.iter().copied());
    if let Some(depth) = depth {
        walker = walker.max_depth(depth);
    }
    let now = SystemTime::now();
    for entry in walker.info(&at.path, Namespaces::DETAILS) {
        let (path, info) = entry.map_err(Failure::at(at.shown()))?;
        if !conditions.hold(&info, now) {
            continue;
        }
        if words.has("json") {
            out.line(&json(&at, &path, &info).end())?;
            continue;
        }
        let slash = if info.is_dir() { "/" } else { "" };
        let shown = format!("{}{slash}", at.shown_path(&path));
        if words.has("print0") {
            out.nul(&shown)?;
            continue;
        }
        let shown = match &at.fs {
            Root::S3(_) => shown,
            Root::Local(_) => out.name(&shown),
        };
        out.line(&shown)?;
    }
    Ok(())
}
