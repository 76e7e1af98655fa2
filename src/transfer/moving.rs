//! Moves between any two filesystems: PyFilesystem's
//! [`fs.move`](https://docs.pyfilesystem.org/en/latest/reference/move.html). `move` is a keyword in Rust.
//!
//! ```no_run
//! use s3fs::{FileSystem, FileSystemExt, S3Fs, TransferOptions, moving};
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
//! A move copies everything, as [`copy`](crate::copy) does, and then removes only the copied files: a file that was added or
//! changed in the meantime stays in the source. If an error occurs before everything is copied, the source is unchanged,
//! unless the target's server moves the files itself. The source is listed once more before the removal. Between that
//! listing and the removal of a file, another writer may still replace the file. The root of a filesystem is kept. Symbolic
//! links are removed, but not their targets.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::defaults::{self, remove_copied};
use crate::filesystem::endpoints::{Endpoints, location};
use crate::filesystem::info::Namespaces;
use crate::filesystem::removing::Rest;
use crate::filesystem::{CopyOptions, FileSystem, found};
use crate::path;
use crate::transfer::copy::{
    copy_action, file_job, make_directories, make_durable, make_target, transfer_whole,
};
use crate::transfer::fits::Fits;
use crate::transfer::job::Job;
use crate::transfer::options::TransferOptions;
use crate::transfer::report::{Action, Report};
use crate::transfer::run::Run;
use crate::transfer::selection::Selection;
use crate::transfer::snapshot::{Snapshot, SnapshotFile};
use crate::transfer::target::Target;
use crate::transfer::window::Window;

/// Slightly longer than one second, the precision of times on S3.
const TICK: Duration = Duration::from_millis(1100);

/// Moves the whole content of a filesystem into another.
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

/// Moves the content of a directory into a directory of another filesystem, or of the same one, and removes the source
/// directory. Makes the target if it does not exist. Replaces existing files, unless a
/// [`condition`](TransferOptions::condition) is set: the report lists the files that the condition leaves in the source. A
/// directory that is moved onto itself is kept.
///
/// With [`OnError::Gather`](crate::OnError::Gather), files that were copied are moved, and files that failed stay in the
/// source.
///
/// # Errors
///
/// As [`copy_dir`](crate::copy::copy_dir), and [`ResourceNotFound`](ErrorKind::ResourceNotFound) for an empty root of a
/// filesystem, unless [`allow_empty_source`](TransferOptions::allow_empty_source) is set.
pub fn move_dir(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    options.cancellable(|| {
        let endpoints = Endpoints::new(&src_fs, &dst_fs);
        refuse_read_only(endpoints.src, src_path)?;
        let is_same = endpoints.is_same_directory(src_path, dst_path)?;
        if !is_same {
            endpoints.refuse_overlap(src_path, dst_path)?;
        }
        match endpoints.source_directory(src_path) {
            Err(error) if error.is(ErrorKind::ResourceNotFound) && options.allow_empty_source => {
                return Ok(Report::default());
            }
            result => result?,
        }
        if is_same {
            return Ok(Report::default());
        }
        endpoints.target_directory(dst_path)?;
        if is_root(endpoints.src, src_path)? && endpoints.src.isempty(src_path)? {
            refuse_empty(src_path, options)?;
        }
        move_tree(endpoints, src_path, dst_path, options)
    })
}

/// Moves a file to another filesystem, or within one. Replaces an existing file, unless a
/// [`condition`](TransferOptions::condition) is set. Returns true if the file was moved. A file that does not meet the
/// condition is kept, and so is a file that is moved onto itself.
///
/// If the source cannot be removed, or changed while it was copied, the copy is kept as well: unlike PyFilesystem, this
/// function does not remove the copy.
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
) -> Result<bool> {
    options.cancellable(|| {
        let endpoints = Endpoints::new(&src_fs, &dst_fs);
        refuse_read_only(endpoints.src, src_path)?;
        let before = endpoints.source_file(src_path)?;
        if endpoints.is_same_file(src_path, dst_path)? {
            return Ok(false);
        }
        if endpoints.is_one && options.is_plain() {
            let overwrite = CopyOptions::new().overwrite(true);
            return src_fs
                .movefile_with(src_path, dst_path, &overwrite)
                .map(|()| true);
        }
        let jobs = [file_job(endpoints, src_path, dst_path)?];
        tell_apart(endpoints, &jobs[0])?;
        let run = Run::new(options).before_deletion();
        let target = Target::looked_at(endpoints.dst, options.condition);
        let is_copied = !run.copy(endpoints, &jobs, &target)?.is_empty();
        run.finish(Report::default(), src_path)?;
        if is_copied && !options.dry_run {
            run.make_durable(endpoints.dst, [dst_path], [path::dirname(dst_path)])?;
            cancel::check()?;
            remove_copied(endpoints.src, src_path, &before)?;
        }
        Ok(is_copied)
    })
}

/// Waits for [`TICK`] if the target exists and may be the source itself, reached by another name of the server, such as
/// `localhost` and `127.0.0.1`. A file that is copied onto itself then gets a different time, so that the move detects a
/// change and keeps the file. Calls `getinfo` of the target once if both may be the same file, and sends no request
/// otherwise.
fn tell_apart(endpoints: Endpoints<'_>, job: &Job) -> Result<()> {
    let locations = endpoints.locations(&job.src_path, &job.dst_path)?;
    if !locations.is_some_and(|(src, dst)| src.may_be_file(&dst)) {
        return Ok(());
    }
    let there = found(endpoints.dst.getinfo(&job.dst_path, Namespaces::DETAILS))?;
    if there.is_some_and(|there| job.may_be(&there)) {
        cancel::sleep(TICK)?;
    }
    Ok(())
}

/// Returns an error for a source from which nothing can be removed, before anything is copied.
fn refuse_read_only(src: &dyn FileSystem, src_path: &str) -> Result<()> {
    if src.getmeta().read_only {
        return Err(Error::new(ErrorKind::ResourceReadOnly)
            .with_path(src_path)
            .with_message("a move removes its source, which is read-only")
            .with_hint("copy it instead"));
    }
    Ok(())
}

/// Moves the content of one directory into another. The caller has checked both.
pub(crate) fn move_tree(
    endpoints: Endpoints<'_>,
    src_path: &str,
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    if transfer_whole(endpoints, src_path, dst_path, options, true)? {
        let (src_path, dst_path) = (src_path.to_owned(), dst_path.to_owned());
        let mut report = Report::default();
        report.push(Action::MoveDir { src_path, dst_path });
        return Ok(report);
    }
    let selection = options.selection(endpoints.src, src_path)?;
    let tree = Snapshot::read(endpoints.src, src_path, &selection)?;
    Fits::new(src_path, endpoints.dst, dst_path).check(&tree)?;
    let source = Source::new(endpoints.src, src_path, &tree)?;
    let window = Window::new(tree, (src_path, dst_path), true);
    if let Some(job) = window.jobs.first().filter(|_| !options.dry_run) {
        tell_apart(endpoints, job)?;
    }
    let is_there = endpoints.dst.isdir(dst_path)?;
    let target = Target::listed(endpoints.dst, &window, is_there, options)?;
    // It is not larger than the listing, which is in memory anyway.
    let mut report = Report::new(true);
    if !is_there {
        make_target(endpoints.dst, dst_path, options, &mut report)?;
    }
    make_directories(endpoints, &window, &target, options, &mut report)?;
    let run = Run::new(options).before_deletion();
    let copied = run.copy(endpoints, &window.jobs, &target)?;
    report.extend(copied.iter().copied().map(copy_action));
    if options.dry_run {
        source.would_remove(&mut report, &copied, &window.tree);
    } else {
        make_durable(endpoints.dst, &window, &run, &copied)?;
        source.remove(&run, &mut report, &copied, &selection)?;
    }
    run.finish(report, src_path)
}

/// Returns an error for an empty source, unless the options allow one.
pub(crate) fn refuse_empty(src_path: &str, options: &TransferOptions<'_>) -> Result<()> {
    if options.allow_empty_source {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ResourceNotFound)
        .with_path(src_path)
        .with_message("the source is empty")
        .with_hint("check its bucket and dir_path, or set allow_empty_source"))
}

/// Default implementation of [`FileSystem::movedir_with`].
pub(crate) fn within(
    fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_path: &str,
    options: &CopyOptions,
) -> Result<()> {
    let endpoints = Endpoints::new(&fs, &fs);
    defaults::check_directories(endpoints, src_path, dst_path, options)?;
    if endpoints.is_same_directory(src_path, dst_path)? {
        return Ok(());
    }
    endpoints.refuse_overlap(src_path, dst_path)?;
    let options = TransferOptions::new().preserve_time(options.preserve_time);
    let report = move_tree(endpoints, src_path, dst_path, &options)?;
    match report.left_behind() {
        [] => Ok(()),
        left => Err(defaults::left_behind(src_path, left)),
    }
}

fn is_root(fs: &dyn FileSystem, path: &str) -> Result<bool> {
    Ok(fs.validatepath(path)? == "/")
}

/// The entries of the source that a move removes after the copy.
struct Source<'a> {
    fs: &'a dyn FileSystem,
    path: &'a str,
    /// Sorted: subdirectories first, the tree's own directory last.
    directories: Vec<String>,
    /// The directories that are symbolic links and are not below another link. The targets of links are not part of the tree
    /// and are kept.
    links: PathSet,
}

impl<'a> Source<'a> {
    /// Sends no request on S3.
    fn new(fs: &'a dyn FileSystem, path: &'a str, tree: &Snapshot) -> Result<Self> {
        let below = tree.directories.iter().rev();
        let below = below.map(|directory| path::combine(path, directory));
        let own = (!path::relpath(path).is_empty()).then(|| path.to_owned());
        let directories: Vec<String> = below.chain(own).collect();
        let mut links = PathSet::default();
        for directory in directories.iter().rev() {
            let is_below = links.has_one_above(directory);
            if !is_below && location(fs, directory)?.is_some_and(|place| place.is_link()) {
                links.insert(directory);
            }
        }
        Ok(Self {
            fs,
            path,
            directories,
            links,
        })
    }

    fn is_link(&self, directory: &str) -> bool {
        self.links.contains(directory)
    }

    fn is_below_link(&self, path: &str) -> bool {
        self.links.has_one_above(path)
    }

    /// Reports the removals of [`remove`](Self::remove), assuming that nothing changes in the meantime.
    fn would_remove(&self, report: &mut Report, copied: &[&Job], tree: &Snapshot) {
        let mut occupied = PathSet::default();
        self.insert_rest(&mut occupied, tree);
        let taken: HashSet<&str> = copied.iter().map(|job| &*job.src_path).collect();
        let all = tree.files.iter();
        let all = all.map(|file| path::combine(self.path, &file.path));
        report.left_behind = all.filter(|path| !taken.contains(&**path)).collect();
        for left in &report.left_behind {
            occupied.insert_all_above(left);
        }
        let files = copied.iter().map(|job| &job.src_path);
        let files = files.filter(|path| !self.is_below_link(path));
        report.extend(files.cloned().map(Action::Remove));
        for directory in &self.directories {
            if !self.is_below_link(directory) && !occupied.contains(directory) {
                report.push(self.removal(directory));
            }
        }
    }

    /// Adds the directories that are kept because a selection excluded something in them.
    fn insert_rest(&self, occupied: &mut PathSet, tree: &Snapshot) {
        for directory in &tree.with_rest {
            occupied.insert(&path::combine(self.path, directory));
        }
        if tree.has_rest {
            occupied.insert(self.path);
        }
    }

    fn removal(&self, directory: &str) -> Action {
        if self.is_link(directory) {
            Action::Remove(directory.to_owned())
        } else {
            Action::Removedir(directory.to_owned())
        }
    }

    /// Removes the copied files that have not changed since, and then the directories that are empty.
    fn remove(
        &self,
        run: &Run<'_, '_>,
        report: &mut Report,
        copied: &[&Job],
        selection: &Selection<'_>,
    ) -> Result<()> {
        let now = Snapshot::listed(self.fs, self.path, selection)?;
        let mut occupied = PathSet::default();
        self.insert_rest(&mut occupied, &now);
        let has_rest = now.has_rest;
        let place = |path: &String| path::combine(self.path, path);
        // Initially the directories that are kept on their own, according to the listing.
        let mut holding: HashSet<String> =
            now.dated.iter().chain(&now.with_rest).map(place).collect();
        let directories: Vec<String> = now.directories.iter().map(place).collect();
        let now: HashMap<String, SnapshotFile> = now
            .files
            .into_iter()
            .map(|file| (path::combine(self.path, &file.path), file))
            .collect();
        let is_unchanged = |job: &&Job| {
            let state = now.get(&job.src_path);
            state.is_none_or(|state| {
                (state.size, state.modified, &state.stamp) == (job.size, job.modified, &job.stamp)
            })
        };
        let unchanged = copied.iter().copied().filter(is_unchanged);
        let (linked, own): (Vec<&Job>, Vec<&Job>) =
            unchanged.partition(|job| self.is_below_link(&job.src_path));
        let files: Vec<&str> = own.iter().map(|job| &*job.src_path).collect();
        let going: HashSet<&str> = files.iter().copied().collect();
        let staying = now.keys().filter(|path| !going.contains(path.as_str()));
        let staying = staying.chain(&directories);
        holding.extend(staying.map(|path| path::dirname(path).to_owned()));
        let losing: HashSet<&str> = now.keys().map(|path| path::dirname(path)).collect();
        let rest_of = |directory: &str| match losing.contains(directory) {
            // A directory that no longer exists needs no marker.
            true if !holding.contains(directory) => Rest::Nothing,
            _ => Rest::Something,
        };
        let removed = run.remove_files(self.fs, &files, rest_of)?;
        let removed = own.into_iter().zip(removed).filter(|(_, removed)| *removed);
        let removed: Vec<&Job> = removed.map(|(job, _)| job).collect();
        let removals = removed
            .iter()
            .map(|job| Action::Remove(job.src_path.clone()));
        report.extend(removals);
        let gone = removed.iter().chain(&linked);
        let gone: HashSet<&str> = gone.map(|job| &*job.src_path).collect();
        let mut left: Vec<String> = now
            .into_keys()
            .filter(|path| !gone.contains(&**path))
            .collect();
        left.sort_unstable();
        report.left_behind = left;
        self.remove_directories(report, occupied, has_rest)
    }

    /// Removes the empty directories of the tree, and its links. Sends no request for a directory in which a listed file is
    /// left.
    fn remove_directories(
        &self,
        report: &mut Report,
        mut occupied: PathSet,
        has_rest: bool,
    ) -> Result<()> {
        for left in &report.left_behind {
            occupied.insert_all_above(left);
        }
        for directory in &self.directories {
            // A directory that is not empty is kept anyway.
            if self.is_below_link(directory) || occupied.contains(directory) {
                continue;
            }
            let removed = match self.is_link(directory) {
                true => self.fs.remove(directory),
                false => self.fs.removedir(directory),
            };
            match removed {
                Ok(()) => report.push(self.removal(directory)),
                // The directory vanished with its last file.
                Err(error) if error.is(ErrorKind::ResourceNotFound) => {}
                // The directory contains an entry that was added in the meantime or that has no path.
                Err(error) if error.is(ErrorKind::DirectoryNotEmpty) => {
                    occupied.insert_all_above(directory);
                    report.left_behind.push(directory.clone());
                }
                Err(error) if error.is(ErrorKind::RemoveRoot) => self.look_at_root(report)?,
                Err(error) => return Err(error),
            }
        }
        if path::relpath(self.path).is_empty() && !has_rest {
            self.look_at_root(report)?;
        }
        Ok(())
    }

    /// Checks a root, which is kept. Reports it if it is not empty although nothing was left behind. Sends one request.
    fn look_at_root(&self, report: &mut Report) -> Result<()> {
        if report.left_behind.is_empty() && !self.fs.isempty(self.path)? {
            report.left_behind.push(self.path.to_owned());
        }
        Ok(())
    }
}

/// A set of paths. The time of a lookup does not depend on its size.
#[derive(Default)]
struct PathSet(HashSet<String>);

impl PathSet {
    fn key(path: &str) -> &str {
        path.trim_matches('/')
    }

    /// Returns the parent directories of a key, the nearest first, without the root.
    fn above(key: &str) -> impl Iterator<Item = &str> {
        let mut end = key.len();
        std::iter::from_fn(move || {
            end = key.get(..end)?.rfind('/')?;
            key.get(..end)
        })
    }

    fn insert(&mut self, path: &str) {
        self.0.insert(Self::key(path).to_owned());
    }

    /// Adds the parent directories of a path. Stops at the first that is already in the set, because its own parents are in
    /// the set as well.
    fn insert_all_above(&mut self, path: &str) {
        for directory in Self::above(Self::key(path)) {
            if !self.0.insert(directory.to_owned()) {
                return;
            }
        }
    }

    fn contains(&self, path: &str) -> bool {
        self.0.contains(Self::key(path))
    }

    /// Returns true if the set contains a parent directory of the path.
    fn has_one_above(&self, path: &str) -> bool {
        Self::above(Self::key(path)).any(|directory| self.0.contains(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_paths_finds_ancestors_and_descendants() {
        let mut set = PathSet::default();
        set.insert("/a/b");
        assert!(set.contains("a/b") && set.contains("/a/b/"));
        assert!(set.has_one_above("/a/b/c") && set.has_one_above("a/b/c/d"));
        for other in ["/a/b", "/a", "/a/bc", "/", "", "/x/a/b/c"] {
            assert!(!set.has_one_above(other), "{other}");
        }
        set.insert_all_above("/d/e/f");
        assert!(set.contains("/d/e") && set.contains("d"));
        assert!(!set.contains("/d/e/f") && !set.contains("/"));
    }
}
