//! `rm`: removes files, and directories with their content.

use std::path::{Path, PathBuf};

use s3fs::Namespaces;

use super::each;
use crate::args::{Usage, Words};
use crate::expand::{self, Entry};
use crate::out::Out;
use crate::place::Place;
use crate::report::{Failure, Outcome, Tally};
use crate::session::{Root, Session};
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
            Err(Failure::NoMatch(_)) if words.has("force") => {}
            Err(Failure::At(_, error)) if words.has("force") && is_missing(&error) => {}
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

/// Returns true if nothing has the path, not even its parent directory.
fn is_missing(error: &s3fs::Error) -> bool {
    error.is(s3fs::ErrorKind::ResourceNotFound)
        || error.is(s3fs::ErrorKind::CreateFailed)
            && std::error::Error::source(error)
                .and_then(|source| source.downcast_ref::<std::io::Error>())
                .is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Rejects the root of the local disk, and relative directories (`.`, `..`).
fn refuse_roots(operand: &str) -> Result<(), Failure> {
    match Place::parse(operand)? {
        Place::Local { path, .. } if path.file_name().is_none() => {
            Err(Usage::new(format!("{operand:?} cannot be removed: name the directory")).into())
        }
        place @ Place::Local { .. } if !place.has_name() => {
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
        crate::out::note(&text::printable(&format!("rm {}", at.shown())))?;
    }
    Ok(())
}

fn would_remove(entry: &Entry, out: &mut Out) -> Result<(), Failure> {
    let at = &entry.at;
    if entry.is_dir() && matches!(at.fs, Root::Local(_)) {
        let failed = |error: std::io::Error| Failure::of(at.shown(), error.into());
        let root = at
            .fs()
            .getsyspath(&at.path)
            .map_err(Failure::at(at.shown()))?;
        for below in files_below(&root).map_err(failed)? {
            let path = format!("rm {}/{}", at.shown(), below.display());
            out.line(&text::printable(&path))?;
        }
    } else if entry.is_dir() {
        let failed = |error| Failure::of(at.shown(), error);
        let entries = at.fs().scantree(&at.path, Namespaces::BASIC);
        for found in entries.map_err(failed)? {
            let (directory, info) = found.map_err(failed)?;
            if info.is_file() {
                let path = s3fs::path::combine(&directory, info.name());
                out.line(&text::printable(&format!("rm {}", at.shown_path(&path))))?;
            }
        }
    }
    let rm = if entry.is_dir() { "rm -r" } else { "rm" };
    out.line(&text::printable(&format!("{rm} {}", at.shown())))
}

/// Returns the files and symbolic links below a directory of the local disk. Links are removed, and not followed.
fn files_below(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    if std::fs::symlink_metadata(root)?.is_dir() {
        directories.push(PathBuf::new());
    }
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let below = directory.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => directories.push(below),
                false => files.push(below),
            }
        }
    }
    files.sort();
    Ok(files)
}
