//! Moving between any two filesystems; PyFilesystem's
//! [`fs.move`](https://docs.pyfilesystem.org/en/latest/reference/move.html), which is a word of
//! Rust's.
//!
//! ```no_run
//! use s3fs::{FileSystem, S3Fs, TransferOptions, moving};
//!
//! let inbox = S3Fs::new("inbox")?;
//! let archive = S3Fs::new("archive")?;
//! let options = TransferOptions::new().workers(8);
//! let report = moving::move_dir(&inbox, "2026", &archive, "inbox/2026", &options)?;
//! for path in report.left_behind() {
//!     println!("came meanwhile, and is still in the inbox: {path}");
//! }
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! A move copies all, as [`copy`](crate::copy) does, and then removes what it copied, and nothing
//! else: a file that came or changed meanwhile stays in the source. If something fails before all
//! is copied, the source stays as it was, but where the target's server moves by itself. The
//! source is listed once more before the removal; between that and the removal of a file, another
//! writer may still replace it.

use std::collections::{HashMap, HashSet};

use crate::bulk::{Action, Job, Report, Run, TransferOptions};
use crate::copy::{copy_action, file_job, jobs, make_directories, transfer_whole};
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::{CopyOptions, FileSystem};
use crate::info::Info;
use crate::pair::Pair;
use crate::path;
use crate::snapshot::Snapshot;

/// Moves all that is in one filesystem into another.
///
/// # Errors
///
/// As [`move_dir`].
pub fn move_fs(
    src_fs: &(impl FileSystem + ?Sized),
    dst_fs: &(impl FileSystem + ?Sized),
    options: &TransferOptions<'_>,
) -> Result<Report> {
    move_dir(src_fs, "/", dst_fs, "/", options)
}

/// Moves what is in a directory into a directory of another filesystem, or of the same, and removes
/// the first. The target is made if it is not there, and files that are there are replaced. A
/// directory that is moved onto itself stays.
///
/// With [`OnError::Gather`](crate::OnError::Gather) the files that could be copied are moved, and
/// the others stay.
///
/// # Errors
///
/// As [`copy_dir`](crate::copy::copy_dir), and [`ResourceNotFound`](ErrorKind::ResourceNotFound)
/// for the root of a filesystem that holds nothing, unless
/// [`allow_empty_source`](TransferOptions::allow_empty_source) is set.
pub fn move_dir(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    let pair = Pair::new(&src_fs, &dst_fs);
    let is_same = pair.is_same_directory(src_path, dst_path)?;
    if !is_same {
        pair.refuse_overlap(src_path, dst_path)?;
    }
    match pair.source_directory(src_path) {
        Err(error) if error.is(ErrorKind::ResourceNotFound) && options.allow_empty_source => {
            return Ok(Report::default());
        }
        result => result?,
    }
    if is_same {
        return Ok(Report::default());
    }
    pair.target_directory(dst_path)?;
    if is_root(pair.src, src_path)? && pair.src.isempty(src_path)? {
        refuse_empty(src_path, options)?;
    }
    move_tree(pair, src_path, dst_path, options)
}

/// Moves a file to another filesystem, or within one; a file that is there is replaced. A file that
/// is moved onto itself stays.
///
/// If the source cannot be removed, or changed while it was copied, the copy stays, too: unlike
/// PyFilesystem, nothing is removed to undo it.
///
/// # Errors
///
/// As [`copy_file`](crate::copy::copy_file) and [`remove`](FileSystem::remove), and
/// [`ResourceChanged`](ErrorKind::ResourceChanged) if the source changed while it was copied.
pub fn move_file(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<()> {
    let pair = Pair::new(&src_fs, &dst_fs);
    let before = pair.source_file(src_path)?;
    if pair.is_same_file(src_path, dst_path)? {
        return Ok(());
    }
    if pair.is_one && options.is_plain() {
        let overwrite = CopyOptions::new().overwrite(true);
        return src_fs.movefile_with(src_path, dst_path, overwrite);
    }
    let job = file_job(pair, src_path, dst_path)?;
    let run = Run::new(options);
    run.copy(pair, &[job])?;
    run.finish(Report::default(), src_path)?;
    if options.dry_run {
        return Ok(());
    }
    remove_copied(pair.src, src_path, &before)
}

/// Removes a file that was copied, if it is still what it was before.
pub(crate) fn remove_copied(src: &dyn FileSystem, src_path: &str, before: &Info) -> Result<()> {
    let after = src.getdetails(src_path)?;
    if (after.size(), after.modified()) != (before.size(), before.modified()) {
        return Err(Error::new(ErrorKind::ResourceChanged)
            .with_path(src_path)
            .with_message("it changed while it was moved")
            .with_hint("it stays, and the target has a copy; move it again"));
    }
    src.remove(src_path)
}

/// Moves what is below one directory into another, once both have been looked at.
pub(crate) fn move_tree(
    pair: Pair<'_>,
    src_path: &str,
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    if transfer_whole(pair, src_path, dst_path, options, true)? {
        let (src_path, dst_path) = (src_path.to_owned(), dst_path.to_owned());
        let actions = vec![Action::MoveDir { src_path, dst_path }];
        return Ok(Report {
            actions,
            ..Report::default()
        });
    }
    let tree = Snapshot::read(pair.src, src_path)?;
    tree.check_fits(src_path, pair.dst, dst_path)?;
    let mut report = Report {
        actions: make_directories(pair.dst, dst_path, &tree, options)?,
        ..Report::default()
    };
    let run = Run::new(options);
    let jobs = jobs(&tree, src_path, dst_path);
    let copied = run.copy(pair, &jobs)?;
    report
        .actions
        .extend(copied.iter().copied().map(copy_action));
    if options.dry_run {
        would_remove(&mut report, &copied, &tree, src_path);
    } else {
        remove_tree(pair.src, &run, &mut report, &copied, &tree, src_path)?;
    }
    run.finish(report, src_path)
}

/// An error for a source of which nothing is there, unless that is allowed.
pub(crate) fn refuse_empty(src_path: &str, options: &TransferOptions<'_>) -> Result<()> {
    if options.allow_empty_source {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ResourceNotFound)
        .with_path(src_path)
        .with_message("the source holds nothing")
        .with_hint("look at its bucket and dir_path, or set allow_empty_source"))
}

fn is_root(fs: &dyn FileSystem, path: &str) -> Result<bool> {
    Ok(fs.validatepath(path)? == "/")
}

/// Notes what [`remove_tree`] would remove if nothing changes meanwhile.
fn would_remove(report: &mut Report, copied: &[&Job], tree: &Snapshot, src_path: &str) {
    let files = copied
        .iter()
        .map(|job| Action::Remove(job.src_path.clone()));
    report.actions.extend(files);
    let directories = directories_upwards(tree, src_path).into_iter();
    report.actions.extend(directories.map(Action::Removedir));
}

/// Removes the files that were copied and are still what they were, and then the directories that
/// nothing is left in.
fn remove_tree(
    src: &dyn FileSystem,
    run: &Run<'_, '_>,
    report: &mut Report,
    copied: &[&Job],
    tree: &Snapshot,
    src_path: &str,
) -> Result<()> {
    let now = Snapshot::read(src, src_path)?;
    let now: HashMap<String, _> = now
        .files
        .iter()
        .map(|file| {
            (
                path::combine(src_path, &file.path),
                (file.size, file.modified),
            )
        })
        .collect();
    let is_unchanged = |job: &&&Job| {
        let state = now.get(&job.src_path);
        state.is_none_or(|state| *state == (job.size, job.modified))
    };
    let unchanged: Vec<&Job> = copied.iter().filter(is_unchanged).copied().collect();
    let removed = run.remove(
        &unchanged,
        |job| &job.src_path,
        |job| src.remove(&job.src_path),
    )?;
    let removals = removed
        .iter()
        .map(|job| Action::Remove(job.src_path.clone()));
    report.actions.extend(removals);
    let gone: HashSet<&str> = removed.iter().map(|job| &*job.src_path).collect();
    let mut left: Vec<String> = now
        .into_keys()
        .filter(|path| !gone.contains(&**path))
        .collect();
    left.sort_unstable();
    report.left_behind = left;
    remove_directories(src, report, tree, src_path)
}

/// Removes the directories of the tree that are empty, the lowest first, the tree's own last.
fn remove_directories(
    src: &dyn FileSystem,
    report: &mut Report,
    tree: &Snapshot,
    src_path: &str,
) -> Result<()> {
    for directory in directories_upwards(tree, src_path) {
        match src.removedir(&directory) {
            Ok(()) => report.actions.push(Action::Removedir(directory)),
            // Gone with its last file, or with something in it that came meanwhile.
            Err(error) if error.is(ErrorKind::ResourceNotFound) => {}
            Err(error) if error.is(ErrorKind::DirectoryNotEmpty) => {
                // The files in it that are listed say so already.
                let listed = |left: &String| path::isbase(&directory, left);
                if !report.left_behind.iter().any(listed) {
                    report.left_behind.push(directory);
                }
            }
            Err(error) if error.is(ErrorKind::RemoveRoot) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn directories_upwards(tree: &Snapshot, src_path: &str) -> Vec<String> {
    let below = tree.directories.iter().rev();
    let below = below.map(|directory| path::combine(src_path, directory));
    let own = (!path::relpath(src_path).is_empty()).then(|| src_path.to_owned());
    below.chain(own).collect()
}
