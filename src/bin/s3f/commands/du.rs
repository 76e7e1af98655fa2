//! `du`: the total size below a directory.

use s3fs::Namespaces;

use super::each_entry;
use crate::args::Words;
use crate::expand::Entry;
use crate::json::Object;
use crate::out::Out;
use crate::report::{Failure, Outcome};
use crate::session::Session;
use crate::spec::{Command, Flag, JSON};
use crate::text;

pub const COMMAND: Command = Command {
    name: "du",
    summary: "count the files and bytes below directories",
    usage: "OPERAND...",
    operands: (1, None),
    about: &["Each operand has one line: bytes, files, name. 1,000 files take one request."],
    options: &[Flag::new("human", "show sizes with units").short('H'), JSON],
    examples: &[
        ("s3f du -H s3://mybucket", "count a whole bucket"),
        (
            "s3f du 's3://mybucket/2026-*'",
            "count each matching directory",
        ),
    ],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let mut out = Out::new();
    let tally = each_entry(session, words, |entry| count(entry, words, &mut out))?;
    out.end()?;
    Ok(tally.outcome())
}

fn count(entry: &Entry, words: &Words, out: &mut Out) -> Result<(), Failure> {
    let at = &entry.at;
    let failed = |error| Failure::of(at.shown(), error);
    let (mut bytes, mut files) = (0_u64, 0_u64);
    if entry.is_dir() {
        let entries = at.fs().scantree(&at.path, Namespaces::DETAILS);
        for found in entries.map_err(failed)? {
            let (_, info) = found.map_err(failed)?;
            if info.is_file() {
                files += 1;
                bytes = bytes.saturating_add(info.size().unwrap_or_default());
            }
        }
    } else {
        (bytes, files) = (entry.info.size().unwrap_or_default(), 1);
    }
    let shown = at.shown();
    if words.has("json") {
        let object = Object::new()
            .text("path", &shown)
            .number("bytes", bytes)
            .number("files", files);
        return out.line(&object.end());
    }
    let bytes = match words.has("human") {
        true => text::human(bytes),
        false => bytes.to_string(),
    };
    let name = out.name(&shown);
    out.line(&format!("{bytes:>14} {files:>9} {name}"))
}
