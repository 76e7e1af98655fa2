//! `cat`: files to standard output.

use std::io::{self, Read as _, Seek as _, SeekFrom};

use s3fs::{Error, OpenOptions};

use crate::args::Words;
use crate::expand::{self, Entry};
use crate::out::{self, Out};
use crate::report::{Failure, Outcome, Tally};
use crate::session::Session;
use crate::spec::{Command, Flag};

pub const COMMAND: Command = Command {
    name: "cat",
    summary: "write files, or a range of one, to standard output",
    usage: "OPERAND...",
    operands: (1, None),
    about: &[
        "Without a range, a file takes one request. Ranges are those of HTTP: they start at 0, and both ends are \
         included.",
    ],
    options: &[Flag::of(
        "range",
        "FROM-TO",
        "write only these bytes: 0-99, 100- or -100 (the last 100)",
    )
    .short('r')],
    examples: &[
        (
            "s3f cat s3://mybucket/report.csv | head",
            "show the beginning of a file",
        ),
        (
            "s3f cat --range -1024 s3://mybucket/big.log",
            "show the last KiB of a file",
        ),
    ],
    run,
};

/// A range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    From(u64),
    /// From the first to the last position, both included.
    Between(u64, u64),
    Last(u64),
}

fn range(text: &str) -> Option<Range> {
    match text.split_once('-')? {
        ("", last) => last.parse().ok().map(Range::Last),
        (from, "") => from.parse().ok().map(Range::From),
        (from, to) => {
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            (from <= to).then_some(Range::Between(from, to))
        }
    }
}

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let range = words.read("range", range, "a range such as 0-99, 100- or -100")?;
    let mut out = Out::new();
    let mut tally = Tally::default();
    for operand in words.operands() {
        if range.is_none() && !expand::has_wildcards(session, operand)? {
            tally.count(whole(session, operand, &mut out))?;
            continue;
        }
        match expand::entries(session, operand, false) {
            Err(failure) => tally.count(Err(failure))?,
            Ok(entries) => {
                for entry in entries {
                    tally.count(write(&entry, range, &mut out))?;
                }
            }
        }
    }
    out.end()?;
    Ok(tally.outcome())
}

/// Writes a whole file, without checking it first.
fn whole(session: &Session, operand: &str, out: &mut Out) -> Result<(), Failure> {
    let at = expand::single(session, operand)?;
    let written = at.fs().download(&at.path, out.bytes());
    written.map(|_| ()).map_err(Failure::at(at.shown()))
}

fn write(entry: &Entry, range: Option<Range>, out: &mut Out) -> Result<(), Failure> {
    let at = &entry.at;
    let failed = |error: Error| Failure::of(at.shown(), error);
    let Some(range) = range else {
        at.fs().download(&at.path, out.bytes()).map_err(failed)?;
        return Ok(());
    };
    let size = entry.info.size().unwrap_or_default();
    let (from, count) = match range {
        Range::From(from) => (from, u64::MAX),
        Range::Between(from, to) => (from, (to - from).saturating_add(1)),
        Range::Last(count) => (size.saturating_sub(count), count),
    };
    if count == 0 || from >= size {
        return Ok(());
    }
    // No bytes are read before the range.
    let options = OpenOptions::new().first_window(0);
    let mut file = at
        .fs()
        .openbin_with(&at.path, "r", &options)
        .map_err(failed)?;
    file.seek(SeekFrom::Start(from))
        .map_err(|error| failed(error.into()))?;
    let mut rest = file.take(count);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error.into())),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        out.bytes().write_all(bytes).map_err(out::gone)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        assert_eq!(range("0-99"), Some(Range::Between(0, 99)));
        assert_eq!(range("5-"), Some(Range::From(5)));
        assert_eq!(range("-5"), Some(Range::Last(5)));
        for text in ["", "-", "5", "9-5", "a-b", "1-2-3"] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
