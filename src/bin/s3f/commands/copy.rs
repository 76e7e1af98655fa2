//! `cp` and `mv`: files and directories, between any two sides.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use s3fs::copy::{Condition, copy_dir, copy_file};
use s3fs::{
    Action, Error, Failures, MemoryFs, OnError, OpenOptions, Report, TransferOptions, moving, path,
};

use super::{MAX_BANDWIDTH, PRESERVE, UPLOAD, each, upload_args};
use crate::args::{Usage, Words};
use crate::expand::{self, Entry};
use crate::out::Out;
use crate::place::Place;
use crate::report::{self, Failure, Outcome, Tally};
use crate::session::{Located, Root, Session};
use crate::spec::{Command, Flag};
use crate::stdin::{self, Stdin};
use crate::text;

const ABOUT: &str = "If the target is a directory or ends with /, or if there are several sources, the sources go \
                     into the target under their names. This applies to directories, too, as with the system's cp. \
                     An existing file is replaced in one step: other programs see the old file or the new one. \
                     Within one endpoint, the server makes the copies.";

const NO_CLOBBER: Flag = Flag::new("no-clobber", "do not replace existing files").short('n');

const NEWER: Flag = Flag::new(
    "newer",
    "replace only files that are older than their source",
)
.short('u');

pub const CP: Command = Command {
    name: "cp",
    summary: "copy files and directories",
    usage: "SOURCE... TARGET",
    operands: (2, None),
    about: &[
        ABOUT,
        "Missing directories above the target are created on the local disk. A bucket does not need them. Strict \
         mode is off unless --strict is given. This saves up to four requests for each file and omits only the \
         checks whether a parent directory exists.",
    ],
    options: &[
        Flag::new("recursive", "copy directories with all their content").short('r'),
        NO_CLOBBER,
        NEWER,
        PRESERVE,
        MAX_BANDWIDTH,
        Flag::new(
            "resume",
            "keep the bytes of a failed download, and continue from there",
        ),
        Flag::new("dry-run", "change nothing; print what would be done"),
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
            "s3f cp ./report.csv s3://mybucket/reports/",
            "copy into a directory",
        ),
        (
            "s3f cp -r s3://mybucket/reports ./backup",
            "copy a directory to ./backup or, if it exists, into it",
        ),
        (
            "s3f cp 's3://mybucket/logs/2026-*.gz' .",
            "copy all matching files",
        ),
        (
            "pg_dump db | s3f cp - s3://mybucket/db.sql",
            "copy from standard input",
        ),
        (
            "s3f cp s3://mybucket/db.sql - | psql db",
            "copy to standard output",
        ),
    ],
    run: |session, words| run(session, words, Way::Copy),
};

pub const MV: Command = Command {
    name: "mv",
    summary: "move files and directories",
    usage: "SOURCE... TARGET",
    operands: (2, None),
    about: &[
        ABOUT,
        "All files are copied first. Then the files that were copied, and did not change in the meantime, are \
         removed from the source, and nothing else. Files that remain there are named, and the exit code is 3.",
        "With -n, files that exist in the target stay in the source. With -u, files stay in the source if they \
         exist in the target and are not older there. These files are not named, their directories stay with them, \
         and the exit code is 0.",
    ],
    options: &[
        NO_CLOBBER,
        NEWER,
        PRESERVE,
        MAX_BANDWIDTH,
        Flag::new("dry-run", "change nothing; print what would be done"),
    ],
    examples: &[
        (
            "s3f mv s3://mybucket/inbox/a.csv s3://mybucket/done/",
            "move into a directory",
        ),
        (
            "s3f mv s3://mybucket/2026 s3://archive/",
            "move a directory with all its content",
        ),
        (
            "s3f mv -n s3://mybucket/inbox s3://mybucket/done/",
            "move only files that the target does not have; the others stay in the inbox",
        ),
    ],
    run: |session, words| run(session, words, Way::Move),
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Copy,
    Move,
}

/// A file or directory to copy, and its target.
struct Job {
    source: Entry,
    target: Located,
}

/// The options for all copies of one call.
struct Terms {
    way: Way,
    condition: Condition,
    preserve: bool,
    resume: bool,
    dry_run: bool,
    /// Maximum bandwidth of all files together.
    max_bandwidth: u64,
    workers_of_file: usize,
    /// Maximum number of files that are copied at a time.
    files_at_a_time: u64,
    args: s3fs::UploadArgs,
}

impl Terms {
    fn options<'a>(&self, workers: usize) -> TransferOptions<'a> {
        TransferOptions::new()
            .workers(workers)
            .preserve_time(self.preserve)
            .resume(self.resume)
            .dry_run(self.dry_run)
            .condition(self.condition)
            .max_bandwidth(self.max_bandwidth)
            .upload_args(self.args.clone())
    }
}

fn run(session: &Session, words: &Words, way: Way) -> Result<Outcome, Failure> {
    let (sources, target) = words.sources_and_target()?;
    if let place @ Place::S3 { .. } = Place::parse(target)?
        && place.bucket().is_none()
    {
        return Err(Usage::new("the target has no bucket: write s3://BUCKET/PATH").into());
    }
    let args = upload_args(words)?;
    let max_bandwidth = words.size("max-bandwidth")?;
    if max_bandwidth == Some(0) {
        return Err(Usage::new("--max-bandwidth must not be 0").into());
    }
    let has_args = UPLOAD.iter().any(|flag| words.has(flag.long));
    if words.has("max-bandwidth") && (target == "-" || sources.iter().any(|source| source == "-")) {
        return Err(Usage::new("--max-bandwidth does not apply to streams").into());
    }
    if sources == ["-"] {
        let target = Place::parse(target)?;
        if way == Way::Move {
            return Err(Usage::new("standard input cannot be moved").into());
        }
        if words.has("newer") {
            return Err(Usage::new("standard input has no time: -u does not apply to it").into());
        }
        return from_stdin(session, &target, args, words);
    }
    if has_args && sources.iter().any(|source| !is_local(source)) {
        return Err(Usage::new(
            "options such as --content-type apply only to uploads from the local disk or standard input: a copy of an object \
             keeps its own headers",
        )
        .into());
    }
    if has_args && is_local(target) {
        return Err(
            Usage::new("options such as --content-type apply only to files in a bucket").into(),
        );
    }
    if target == "-" {
        return match (way, sources) {
            (Way::Copy, [source]) => to_stdout(session, source, words.has("dry-run")),
            (Way::Copy, _) => Err(Usage::new(
                "only one file can be copied to standard output; use `s3f cat` for several",
            )
            .into()),
            (Way::Move, _) => Err(Usage::new("files cannot be moved to standard output").into()),
        };
    }
    let dry_run = words.has("dry-run");
    let recursive = way == Way::Move || words.has("recursive");
    let mut tally = Tally::default();
    let mut entries = Vec::new();
    for source in sources {
        match expand::entries(session, source, recursive) {
            Ok(found) => entries.extend(found),
            Err(failure) => tally.count(Err(failure))?,
        }
    }
    if entries.is_empty() {
        return Ok(tally.outcome());
    }
    if !recursive && let Some(entry) = entries.iter().find(|entry| entry.is_dir()) {
        return Err(Usage::new(format!(
            "{} is a directory; -r copies directories",
            entry.at.shown()
        ))
        .into());
    }
    let several = sources.len() > 1 || entries.len() > 1;
    let jobs = jobs(session, entries, &Place::parse(target)?, several, dry_run)?;
    let (directories, files): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().partition(|job| job.source.is_dir());
    for job in &files {
        session
            .progress()
            .expect(job.source.info.size().unwrap_or_default());
    }
    let terms = Terms {
        way,
        condition: condition(words),
        preserve: words.has("preserve"),
        resume: words.has("resume"),
        dry_run,
        max_bandwidth: max_bandwidth.unwrap_or_default(),
        files_at_a_time: session.workers().min(files.len()) as u64,
        // Either many files at a time, or many parts of one file.
        workers_of_file: if files.len() == 1 {
            session.workers()
        } else {
            1
        },
        args,
    };
    let copied = AtomicU64::new(0);
    let done = each(session, &files, |job| {
        let did = file(session, job, &terms)?;
        copied.fetch_add(u64::from(did), Ordering::Relaxed);
        Ok(())
    })?;
    let mut outcome = Tally::default();
    if !files.is_empty() {
        outcome.add(done.outcome());
    }
    for job in &directories {
        match directory(session, job, &terms) {
            Ok((counts, result)) => {
                copied.fetch_add(counts, Ordering::Relaxed);
                outcome.add(result);
            }
            Err(failure) => outcome.count(Err(failure))?,
        }
    }
    if tally.outcome() != Outcome::Done {
        outcome.add(tally.outcome());
    }
    let what = if way == Way::Copy { "copied" } else { "moved" };
    summary(session, what, copied.into_inner(), dry_run);
    Ok(outcome.outcome())
}

fn is_local(source: &str) -> bool {
    matches!(Place::parse(source), Ok(Place::Local { .. }))
}

fn condition(words: &Words) -> Condition {
    match (words.has("no-clobber"), words.has("newer")) {
        (true, _) => Condition::NotExists,
        (false, true) => Condition::Newer,
        (false, false) => Condition::Always,
    }
}

/// Returns the target of each source. Two sources with the same target are an error.
fn jobs(
    session: &Session,
    entries: Vec<Entry>,
    target: &Place,
    several: bool,
    dry_run: bool,
) -> Result<Vec<Job>, Failure> {
    let is_into = match target {
        Place::Stream => false,
        Place::Local { path, .. } => {
            if several && path.exists() && !path.is_dir() {
                return Err(Usage::new("several sources need a directory as the target").into());
            }
            several || target.is_directory() || path.is_dir()
        }
        Place::S3 { path, .. } if path.is_empty() || target.is_directory() => true,
        Place::S3 { .. } => {
            let at = session.locate(target)?;
            let is_dir = at.fs().isdir(&at.path).map_err(Failure::at(at.shown()))?;
            let is_file = || at.fs().isfile(&at.path).map_err(Failure::at(at.shown()));
            // A missing target becomes a directory.
            if several && !is_dir && is_file()? {
                return Err(Usage::new("several sources need a directory as the target").into());
            }
            several || is_dir
        }
    };
    let mut taken = HashMap::new();
    let mut jobs = Vec::new();
    for source in entries {
        let name = source.at.name().to_owned();
        if several && name.is_empty() {
            return Err(Usage::new(format!(
                "{} has no name of its own: copy or move its content in a call without other sources",
                source.at.shown()
            ))
            .into());
        }
        // The root of a bucket has no name. Its content is copied into the target.
        let target = if is_into && !name.is_empty() {
            below(session, target, &name, dry_run)?
        } else if source.is_dir() || matches!(target, Place::S3 { .. }) {
            at_itself(session, target, dry_run)?
        } else {
            session.locate_target(target, dry_run)?
        };
        let shown = target.shown();
        if let Some(other) = taken.insert(shown.clone(), source.at.shown()) {
            return Err(Failure::Message(format!(
                "{other} and {} would both become {shown}",
                source.at.shown()
            )));
        }
        jobs.push(Job { source, target });
    }
    Ok(jobs)
}

/// Returns the location of a name in the target directory.
fn below(session: &Session, target: &Place, name: &str, dry_run: bool) -> Result<Located, Failure> {
    let directory = at_itself(session, target, dry_run)?;
    Ok(directory.with_path(path::combine(&directory.path, name)))
}

/// Returns the target as a directory. A dry run does not create a missing local directory.
fn at_itself(session: &Session, target: &Place, dry_run: bool) -> Result<Located, Failure> {
    match target {
        Place::Local { path, .. } if dry_run && !path.is_dir() => session.locate_missing(target),
        target => session.locate_directory(target, true),
    }
}

/// Copies or moves one file. Returns true if it was not skipped.
fn file(session: &Session, job: &Job, terms: &Terms) -> Result<bool, Failure> {
    let (source, target) = (&job.source.at, &job.target);
    let seen = AtomicU64::new(0);
    // Each file is a call of its own.
    let share = terms.max_bandwidth.div_ceil(terms.files_at_a_time.max(1));
    let options = terms.options(terms.workers_of_file);
    let options = options.max_bandwidth(share).progress(|done, _| {
        let before = seen.swap(done, Ordering::Relaxed);
        session.progress().more(done.saturating_sub(before));
        Ok(())
    });
    let (src, dst) = ((source.fs(), &*source.path), (target.fs(), &*target.path));
    let did = match terms.way {
        Way::Copy => copy_file(src.0, src.1, dst.0, dst.1, &options),
        Way::Move => moving::move_file(src.0, src.1, dst.0, dst.1, &options),
    };
    let did = did
        .map_err(|error| Failure::of(format!("{} to {}", source.shown(), target.shown()), error))?;
    if did {
        session.progress().file();
        name_it(session, terms.way, &source.shown(), &target.shown())?;
    }
    Ok(did)
}

/// Copies or moves a directory. Returns the number of files and the outcome.
fn directory(session: &Session, job: &Job, terms: &Terms) -> Result<(u64, Outcome), Failure> {
    let (source, target) = (&job.source.at, &job.target);
    // A dry run creates no local directory. A missing one is treated as an empty one.
    let empty = MemoryFs::new();
    let is_missing = terms.dry_run
        && matches!(&target.fs, Root::Local(_))
        && !target.fs().isdir(&target.path).unwrap_or(false);
    let (dst_fs, dst_path) = match is_missing {
        true => (&empty as &dyn s3fs::FileSystem, "/"),
        false => (target.fs(), target.path.as_str()),
    };
    let pair = format!("{} to {}", source.shown(), target.shown());
    let options = watched(session, terms.options(session.workers()), &pair);
    let (src, dst) = ((source.fs(), &*source.path), (dst_fs, dst_path));
    let report = match terms.way {
        Way::Copy => copy_dir(src.0, src.1, dst.0, dst.1, &options),
        Way::Move => moving::move_dir(src.0, src.1, dst.0, dst.1, &options),
    };
    let target = match is_missing {
        true => target.as_base(&target.shown()),
        false => target.clone(),
    };
    ended(
        session,
        report,
        source,
        &target,
        (terms.way == Way::Move, &pair),
    )
}

/// Adds progress to the options, and prints each error when it occurs.
pub fn watched<'a>(
    session: &'a Session,
    options: TransferOptions<'a>,
    pair: &'a str,
) -> TransferOptions<'a> {
    // The counts of this transfer. There may have been others.
    let mut before = (0, 0);
    options
        .progress(move |done, total| {
            session.progress().more(done.saturating_sub(before.0));
            session.progress().expect(total.saturating_sub(before.1));
            before = (done, total);
            Ok(())
        })
        .on_copy(|_, _| {
            session.progress().file();
            Ok(())
        })
        .on_error(move |error| {
            if error.is(s3fs::ErrorKind::Cancelled) {
                return OnError::Stop;
            }
            report::error(&Failure::of(pair.to_owned(), error.clone()));
            OnError::Gather
        })
}

/// Prints the actions if requested, and returns the number of files and the outcome of a tree.
pub fn ended(
    session: &Session,
    result: Result<Report, Error>,
    source: &Located,
    target: &Located,
    (is_move, pair): (bool, &str),
) -> Result<(u64, Outcome), Failure> {
    let (report, outcome) = match result {
        Ok(report) => (report, Outcome::Done),
        Err(error) => match Failures::of(&error) {
            // Each failure was printed when it occurred.
            Some(failures) => (failures.report().clone(), Outcome::SomeFailed),
            None => return Err(Failure::of(pair.to_owned(), error)),
        },
    };
    match actions(session, &report, source, target, is_move) {
        // The work is done, whether somebody reads about it or not.
        Err(Failure::ReaderGone) => {}
        printed => printed?,
    }
    let skipped: HashSet<&String> = report.skipped().iter().collect();
    let mut outcome = outcome;
    for left in report.left_behind() {
        if skipped.contains(left) {
            continue;
        }
        report::say(&format!(
            "s3f: {}: not moved: it changed, was added in the meantime, or could not be copied",
            source.shown_path(left)
        ));
        outcome = Outcome::SomeFailed;
    }
    let copied = u64::try_from(report.copied()).unwrap_or(u64::MAX);
    Ok((copied, outcome))
}

/// Prints the actions that were done, or would be done, if requested.
fn actions(
    session: &Session,
    report: &Report,
    source: &Located,
    target: &Located,
    is_move: bool,
) -> Result<(), Failure> {
    if !session.names_files() {
        return Ok(());
    }
    let mut out = Out::new();
    let (src, dst) = (
        |path: &str| source.shown_path(path),
        |path: &str| target.shown_path(path),
    );
    for action in report.actions() {
        let line = match action {
            Action::Makedir(path) => format!("mkdir {}", dst(path)),
            Action::Copy { src_path, dst_path } => {
                format!("cp {} {}", src(src_path), dst(dst_path))
            }
            Action::CopyDir { src_path, dst_path } => {
                format!("cp -r {} {}", src(src_path), dst(dst_path))
            }
            Action::MoveDir { src_path, dst_path } => {
                format!("mv {} {}", src(src_path), dst(dst_path))
            }
            Action::Removedir(path) => format!("rmdir {}", src(path)),
            Action::Remove(path) if is_move => format!("rm {}", src(path)),
            Action::Remove(path) => format!("rm {}", dst(path)),
            Action::Removetree(path) => format!("rm -r {}", dst(path)),
            action => action.to_string(),
        };
        out.line(&text::printable(&line))?;
    }
    out.end()?;
    if report.unlisted() > 0 {
        let more = report.unlisted();
        report::say(&format!(
            "s3f: and {more} more, which are done but not listed"
        ));
    }
    Ok(())
}

fn name_it(session: &Session, way: Way, source: &str, target: &str) -> Result<(), Failure> {
    if !session.names_files() {
        return Ok(());
    }
    let name = if way == Way::Copy { "cp" } else { "mv" };
    session.progress().clear();
    crate::out::note(&text::printable(&format!("{name} {source} {target}")))
}

/// Prints a summary, if progress is shown.
pub fn summary(session: &Session, what: &str, files: u64, dry_run: bool) {
    session.progress().clear();
    if session.progress().is_shown() && !dry_run {
        let bytes = text::human(session.progress().counts().bytes);
        report::say(&format!("{files} files {what}, {bytes}"));
    }
}

fn from_stdin(
    session: &Session,
    target: &Place,
    args: s3fs::UploadArgs,
    words: &Words,
) -> Result<Outcome, Failure> {
    let dry_run = words.has("dry-run");
    if target.is_directory() {
        return Err(
            Usage::new("standard input has no name: write the full path of the target").into(),
        );
    }
    if matches!(target, Place::Stream) {
        return Err(Usage::new("source and target are both streams").into());
    }
    let at = session.locate_target(target, dry_run)?;
    if dry_run {
        return crate::out::print(&text::printable(&format!("cp - {}", at.shown())))
            .and(crate::out::print("\n"));
    }
    if !words.has("no-clobber") {
        write_stream(session, &at, args, "w")?;
        return Ok(Outcome::Done);
    }
    match write_stream(session, &at, args, "x") {
        // The file is not changed, like any existing file.
        Err(Failure::At(_, error)) if error.is(s3fs::ErrorKind::FileExists) => Ok(Outcome::Done),
        written => written.map(|()| Outcome::Done),
    }
}

/// Writes standard input to a file, in the mode `w`, `x` or `a`.
pub fn write_stream(
    session: &Session,
    at: &Located,
    args: s3fs::UploadArgs,
    mode: &str,
) -> Result<(), Failure> {
    let failed = |error: Error| Failure::of(at.shown(), error);
    if stdin::is_closed() {
        return Err(Failure::Message(
            "standard input is closed; for an empty file, read it from /dev/null".to_owned(),
        ));
    }
    let mut stdin = Stdin::open(session.cancel());
    let options = OpenOptions::from(args);
    let mut file = at
        .fs()
        .openbin_with(&at.path, mode, &options)
        .map_err(failed)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        // A file that is not closed is not published.
        let count = stdin
            .read(&mut buffer)
            .map_err(|error| match error.downcast::<Error>() {
                Ok(error) => failed(error),
                Err(error) => Failure::Message(format!("standard input: {error}")),
            })?;
        if count == 0 {
            break;
        }
        let bytes = buffer.get(..count).unwrap_or_default();
        file.write_all(bytes)
            .map_err(|error| failed(error.into()))?;
        session.progress().more(count as u64);
    }
    file.close().map_err(failed)?;
    session.progress().clear();
    Ok(())
}

fn to_stdout(session: &Session, source: &str, dry_run: bool) -> Result<Outcome, Failure> {
    let at = expand::single(session, source)?;
    if dry_run {
        let failed = Failure::at(at.shown());
        let info = at.fs().getinfo(&at.path, s3fs::Namespaces::BASIC);
        let info = info.map_err(failed)?;
        if info.is_dir() {
            let error = Error::new(s3fs::ErrorKind::FileExpected);
            return Err(Failure::of(at.shown(), error));
        }
        return crate::out::print(&text::printable(&format!("cp {} -", at.shown())))
            .and(crate::out::print("\n"));
    }
    let mut out = Out::new();
    at.fs()
        .download(&at.path, out.bytes())
        .map_err(Failure::at(at.shown()))?;
    out.end()?;
    Ok(Outcome::Done)
}
