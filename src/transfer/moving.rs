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
//! A move copies everything, as [`copy`](crate::copy) does, window by window, and then removes only the copied files: a file
//! that was added or changed in the meantime stays in the source. Their list is kept in memory up to 8 MiB, and
//! beyond that in a temporary file. If an error occurs before everything is copied, the source is unchanged,
//! unless the target's server moves the files itself. The source is listed once more before the removal. Between that
//! listing and the removal of a file, another writer may still replace the file. The root of a filesystem is kept. Symbolic
//! links are removed, but not their targets.

use std::time::Duration;

use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::defaults::{self, remove_copied};
use crate::filesystem::endpoints::Endpoints;
use crate::filesystem::info::Namespaces;
use crate::filesystem::{CopyOptions, FileSystem, found};
use crate::path;
use crate::transfer::copy::{copy_windows, file_job, transfer_whole};
use crate::transfer::job::Job;
use crate::transfer::options::TransferOptions;
use crate::transfer::report::{Action, Report};
use crate::transfer::run::Run;
use crate::transfer::source::Source;
use crate::transfer::target::Target;
use crate::transfer::window::Windows;

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
    let mut windows = Windows::new(endpoints, (src_path, dst_path), &selection, options)?;
    let first = windows.next()?;
    // If the source may be the target itself, the first window is the only one.
    if let Some(job) = first.jobs.first().filter(|_| !options.dry_run) {
        tell_apart(endpoints, job)?;
    }
    let mut source = Source::new(endpoints.src, src_path)?;
    let mut report = Report::new(options.dry_run);
    let run = Run::new(options).before_deletion();
    copy_windows(
        windows,
        first,
        &run,
        &mut report,
        |window, copied, report| {
            if options.dry_run {
                source.add_left(window, copied, report);
            }
            source.add(window, copied)
        },
    )?;
    match options.dry_run {
        true => source.would_remove(&mut report)?,
        false => source.remove(&run, &selection, &mut report)?,
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
