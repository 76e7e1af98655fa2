//! `sync`: makes a directory equal to another.

use std::collections::HashSet;

use s3fs::mirror::mirror;
use s3fs::{Compare, FileSystem, MemoryFs, TransferOptions, Walker};

use super::copy::{ended, summary, watched};
use super::{MAX_BANDWIDTH, PRESERVE, UPLOAD, upload_args};
use crate::args::{Usage, Words};
use crate::place::Place;
use crate::report::{Failure, Outcome};
use crate::session::Session;
use crate::spec::{Command, Flag};

pub const COMMAND: Command = Command {
    name: "sync",
    summary: "make a directory like another by copying the differences",
    usage: "SOURCE TARGET",
    operands: (2, Some(2)),
    about: &[
        "The content of the source directory is copied into the target directory. Files of the same size that are \
         not newer in the source are skipped. Downloads get the time of their objects; any other time then counts \
         as a difference. Only with --delete are entries removed that only the target has. They are removed at the \
         end, and not at all if a file failed.",
        "--exclude and --include take patterns. A pattern without / matches names at any level (*.tmp, .git). A \
         pattern with / matches paths from the directory on (/build/*, docs/**/*.html). A file is selected if it \
         matches an --include, if there are any, and no --exclude. Files that are not selected are not changed in \
         the target, either.",
        "Strict mode is off unless --strict is given: each side is listed once, and each file that differs is one \
         transfer. Strict mode would add up to three requests for each file, to check what the listings have \
         already shown.",
    ],
    options: &[
        Flag::new("delete", "remove entries that only the target has"),
        Flag::of(
            "exclude",
            "PATTERN",
            "skip these files and directories; may be repeated",
        ),
        Flag::of(
            "include",
            "PATTERN",
            "sync only these files; may be repeated",
        ),
        Flag::new("size-only", "treat files of the same size as equal"),
        Flag::new(
            "checksum",
            "treat files with the same content as equal; reads files that have no MD5 as their ETag",
        ),
        PRESERVE,
        MAX_BANDWIDTH,
        Flag::new("dry-run", "change nothing; print what would be done"),
        Flag::new(
            "allow-empty-source",
            "accept a missing or empty source; with --delete, it empties the target",
        ),
        Flag::new(
            "resume",
            "keep the bytes of a failed download, and continue from there",
        ),
        UPLOAD[0],
        UPLOAD[1],
        UPLOAD[2],
        UPLOAD[3],
        UPLOAD[4],
        UPLOAD[5],
        UPLOAD[6],
        UPLOAD[7],
    ],
    examples: &[
        (
            "s3f sync ./site s3://mybucket/site --delete --dry-run",
            "show what would be done",
        ),
        (
            "s3f sync s3://mybucket/reports ./reports",
            "download only the differences",
        ),
        (
            "s3f sync ./project s3://backup/project --exclude .git --exclude '*.tmp'",
            "skip these files and directories",
        ),
    ],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let [source, target] = words.operands() else {
        return Ok(Outcome::Done);
    };
    let dry_run = words.has("dry-run");
    let (source, target) = (Place::parse(source)?, Place::parse(target)?);
    let has_args = UPLOAD.iter().any(|flag| words.has(flag.long));
    if has_args && !matches!(source, Place::Local { .. }) {
        return Err(Usage::new(
            "options such as --content-type apply only to uploads from the local disk: a copy of an object \
             keeps its own headers",
        )
        .into());
    }
    let compare = match (words.has("size-only"), words.has("checksum")) {
        (true, true) => {
            return Err(Usage::new("--size-only and --checksum cannot be combined").into());
        }
        (true, false) => Compare::Size,
        (false, true) => Compare::Content,
        (false, false) => Compare::SizeAndTime,
    };
    let args = upload_args(words)?;
    let max_bandwidth = words.size("max-bandwidth")?;
    if max_bandwidth == Some(0) {
        return Err(Usage::new("--max-bandwidth must not be 0").into());
    }
    let is_missing = |place: &Place| matches!(place, Place::Local { path, .. } if !path.exists());
    let no_source = words.has("allow-empty-source") && is_missing(&source);
    // A dry run creates no directory. A missing one is treated as an empty one.
    let no_target = dry_run && is_missing(&target);
    let (src, dst) = match (no_source, no_target) {
        (true, true) => return Ok(Outcome::Done),
        (true, false) => {
            let dst = session.root_at(&target, !dry_run)?;
            (dst.as_base(&source.shown()), dst)
        }
        (false, true) => {
            let src = session.root_at(&source, false)?;
            (src.clone(), src.as_base(&target.shown()))
        }
        (false, false) => (
            session.root_at(&source, false)?,
            session.root_at(&target, !dry_run)?,
        ),
    };
    let empty = MemoryFs::new();
    let src_fs: &dyn FileSystem = if no_source { &empty } else { src.fs() };
    let dst_fs: &dyn FileSystem = if no_target { &empty } else { dst.fs() };
    let pair = format!("{} to {}", source.shown(), target.shown());
    let options = TransferOptions::new()
        .workers(session.workers())
        .dry_run(dry_run)
        .compare(compare)
        .preserve_time(words.has("preserve"))
        .max_bandwidth(max_bandwidth.unwrap_or_default())
        .keep_extra(!words.has("delete"))
        .allow_empty_source(words.has("allow-empty-source"))
        .resume(words.has("resume"))
        .walker(walker(words.values("include"), words.values("exclude")))
        .upload_args(args);
    let report = mirror(src_fs, dst_fs, &watched(session, options, &pair));
    let (files, outcome) = ended(session, report, &src, &dst, (false, &pair))?;
    summary(session, "copied", files, dry_run);
    Ok(outcome)
}

/// Returns the walker for patterns that are names or paths.
fn walker<'w>(
    include: impl Iterator<Item = &'w str>,
    exclude: impl Iterator<Item = &'w str>,
) -> Walker {
    // Removes duplicate patterns, because a script may give a pattern many times.
    let globs = |patterns: &mut dyn Iterator<Item = &'w str>| -> Vec<String> {
        let globs: HashSet<String> = patterns.map(glob).collect();
        globs.into_iter().collect()
    };
    let (mut include, mut exclude) = (include, exclude);
    Walker::new()
        .filter_glob(globs(&mut include))
        .exclude_glob(globs(&mut exclude))
}

/// Returns the glob pattern of a name at any level, or of a path from the directory on.
fn glob(pattern: &str) -> String {
    match pattern.trim_end_matches('/').contains('/') {
        true => pattern.to_owned(),
        false => format!("**/{pattern}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_slash_is_a_name_at_any_level() {
        for (pattern, expected) in [
            ("*.tmp", "**/*.tmp"),
            (".git", "**/.git"),
            (".git/", "**/.git/"),
            ("/build/*", "/build/*"),
            ("docs/**/*.html", "docs/**/*.html"),
        ] {
            assert_eq!(glob(pattern), expected);
        }
    }
}
