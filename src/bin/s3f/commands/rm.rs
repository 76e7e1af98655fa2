//! `rm`: removes files, and directories with their content.

use s3fs::Namespaces;

use super::each;
use crate::args::{Usage, Words};
use crate::expand::{self, Entry};
use crate::out::Out;
use crate::place::Place;
use crate::report::{Failure, Outcome, Tally};
use crate::session::Session;
use crate::spec::{Command, Flag};
use crate::text;

pub const COMMAND: Command = Command {
    name: "rm",
    summary: "remove files, and directories with all their content",
    usage: "OPERAND...",
    operands: (1, None),
    about: &[
        "It does not ask for confirmation: --dry-run shows what would be removed. Directories require -r. 1,000 \
         objects take two requests. -r s3://BUCKET empties a bucket and keeps it. s3://BUCKET/ and \
         s3://BUCKET//PATH, which result from empty variables in scripts, are rejected. Keys that no path can name \
         (a//b) are removed with their directory.",
        "Strict mode is off unless --strict is given. Without it, a directory of a bucket disappears with its last file.",
    ],
    options: &[
        Flag::new("recursive", "remove directories with all their content").short('r'),
        Flag::new("force", "ignore operands that do not exist").short('f'),
        Flag::new("dry-run", "remove nothing; print what would be removed"),
    ],
    examples: &[
        (
            "s3f rm 's3://mybucket/logs/2025-*.gz'",
            "remove all matching files",
        ),
        (
            "s3f rm -r --dry-run s3://mybucket/old",
            "show what would be removed",
        ),
    ],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let recursive = words.has("recursive");
    let mut tally = Tally::default();
    let mut entries = Vec::new();
    for operand in words.operands() {
        refuse_roots(operand)?;
        match expand::entries(session, operand, recursive) {
            Ok(found) => entries.extend(found),
            Err(Failure::At(_, error))
                if words.has("force") && error.is(s3fs::ErrorKind::ResourceNotFound) => {}
            Err(failure) => tally.count(Err(failure))?,
        }
    }
    if let Some(entry) = entries.iter().find(|entry| entry.is_dir() && !recursive) {
        return Err(Usage::new(format!(
            "{} is a directory; -r removes directories",
            entry.at.shown()
        ))
        .into());
    }
    if words.has("dry-run") {
        let mut out = Out::new();
        for entry in &entries {
            tally.count(would_remove(entry, &mut out))?;
        }
        out.end()?;
        return Ok(tally.outcome());
    }
    let removed = each(session, &entries, |entry| remove(session, entry))?;
    if !entries.is_empty() {
        tally.add(removed.outcome());
    }
    Ok(tally.outcome())
}

/// Rejects the root of the local disk, and relative directories (`.`, `..`).
fn refuse_roots(operand: &str) -> Result<(), Failure> {
    match Place::parse(operand)? {
        Place::Local { path, .. } if path.file_name().is_none() => {
            Err(Usage::new(format!("{operand:?} cannot be removed: name the directory")).into())
        }
        Place::Local { .. } if operand.trim_end_matches('/').ends_with("/.") => {
            Err(Usage::new(format!("{operand:?} cannot be removed: name the directory")).into())
        }
        Place::Stream => Err(Usage::new("`-` cannot be removed").into()),
        place if matches!(place, Place::S3 { .. }) && place.bucket().is_none() => {
            Err(Usage::new("the URL has no bucket; `s3f rb` removes buckets").into())
        }
        place if place.begins_empty() || leads_back(&place) => {
            let bucket = place.bucket().unwrap_or_default();
            Err(Usage::new(format!(
                "the operand has an empty name, or leads back to the bucket itself; to empty the bucket, write s3://{bucket}"
            ))
            .into())
        }
        _ => Ok(()),
    }
}

/// Returns true if a written path leads to the root of its bucket, such as `a/..`.
fn leads_back(place: &Place) -> bool {
    let Place::S3 { path, .. } = place else {
        return false;
    };
    !path.is_empty()
        && s3fs::path::normpath(path).is_ok_and(|path| path.trim_matches('/').is_empty())
}

fn remove(session: &Session, entry: &Entry) -> Result<(), Failure> {
    let at = &entry.at;
    let removed = match entry.is_dir() {
        true => at.fs().removetree(&at.path),
        false => at.fs().remove(&at.path),
    };
    removed.map_err(Failure::at(at.shown()))?;
    if session.names_files() {
        let mut out = Out::new();
        out.line(&text::printable(&format!("rm {}", at.shown())))?;
        out.end()?;
    }
    Ok(())
}

fn would_remove(entry: &Entry, out: &mut Out) -> Result<(), Failure> {
    let at = &entry.at;
    if entry.is_dir() {
        let failed = |error| Failure::of(at.shown(), error);
        let entries = at.fs().scantree(&at.path, Namespaces::BASIC);
        for found in entries.map_err(failed)? {
            let (directory, info) = found.map_err(failed)?;
            if info.is_file() {
                let path = s3fs::path::combine(&directory, info.name());
                out.line(&text::printable(&format!("rm {}", at.shown_path(&path))))?;
            }
        }
        return out.line(&text::printable(&format!("rm -r {}", at.shown())));
    }
    out.line(&text::printable(&format!("rm {}", at.shown())))
}
