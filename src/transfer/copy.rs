//! Copies within a filesystem, and between any two: PyFilesystem's
//! [`fs.copy`](https://docs.pyfilesystem.org/en/latest/reference/copy.html).
//!
//! ```no_run
//! use s3fs::{FileSystem, FileSystemExt, S3Fs, TransferOptions, copy};
//!
//! let archive = S3Fs::new("archive")?;
//! let work = S3Fs::builder("work").dir_path("2026").build()?;
//! let options = TransferOptions::new().workers(8);
//! let report = copy::copy_fs(&work, &archive, &options)?;
//! println!("{} files, {} bytes", report.copied(), report.bytes());
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! If source and target are on the same server, the server copies the files itself, and no content passes through this
//! program. Otherwise files are streamed, and no file is ever held in memory as a whole.
//!
//! A target that is the source or lies in it is refused before anything changes. The source is then listed in windows of
//! 10,000 entries, so that the memory of a copy hardly depends on the size of the tree. All entries of a window are checked
//! before the first of them is copied: names that the target cannot have or treats as equal, a file and a directory with the
//! same path if the target cannot hold both. In a tree of at most 10,000 entries, all of this is found before anything
//! changes. If a copy fails, the files copied so far stay in the target. The source is unchanged.

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::defaults;
use crate::filesystem::endpoints::{Endpoints, illegal, location};
use crate::filesystem::info::Namespaces;
use crate::filesystem::{CopyOptions, FileSystem, MakedirOptions};
use crate::path;
pub use crate::transfer::condition::Condition;
use crate::transfer::job::Job;
use crate::transfer::options::TransferOptions;
use crate::transfer::report::{Action, Report};
use crate::transfer::run::{Run, make_directory};
use crate::transfer::target::Target;
use crate::transfer::window::{Window, Windows};

/// Copies the whole content of a filesystem into another.
///
/// # Errors
///
/// As [`copy_dir`].
#[doc(alias = "copy_fs_if")]
pub fn copy_fs(
    src_fs: &(impl FileSystem + ?Sized),
    dst_fs: &(impl FileSystem + ?Sized),
    options: &TransferOptions<'_>,
) -> Result<Report> {
    copy_dir(src_fs, "/", dst_fs, "/", options)
}

/// Copies the content of a directory into a directory of another filesystem, or of the same one. Makes the target directory
/// if it does not exist. Replaces existing files, unless a [`condition`](TransferOptions::condition) is set.
///
/// ```no_run
/// use s3fs::copy::{Condition, copy_dir};
/// use s3fs::{OsFs, S3Fs, TransferOptions};
///
/// let (disk, bucket) = (OsFs::new("/var/log")?, S3Fs::new("logs")?);
/// let options = TransferOptions::new().workers(8).condition(Condition::Newer);
/// copy_dir(&disk, "/", &bucket, "today", &options)?;
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Errors
///
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) if the source does not exist,
/// [`DirectoryExpected`](crate::ErrorKind::DirectoryExpected) if one of them is a file,
/// [`IllegalDestination`](crate::ErrorKind::IllegalDestination) if they are the same, or one lies in the other,
/// [`InvalidPath`](crate::ErrorKind::InvalidPath) and [`InvalidCharsInPath`](crate::ErrorKind::InvalidCharsInPath) for a
/// name that the target cannot have, [`PermissionDenied`](crate::ErrorKind::PermissionDenied) for a path that is a symbolic
/// link in the target, [`Unsupported`](crate::ErrorKind::Unsupported) for two names that the target treats as equal, and for
/// a name in the source that no path can have (on a local disk, one that is not UTF-8). All of these are returned before
/// anything of the same [`window`](TransferOptions::window) has changed. Then errors of single files: the first one, or
/// [`BulkCopyFailed`](crate::ErrorKind::BulkCopyFailed) if [`on_error`](TransferOptions::on_error) decides to gather them.
#[doc(alias = "copy_dir_if")]
pub fn copy_dir(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    options.cancellable(|| {
        let endpoints = Endpoints::new(&src_fs, &dst_fs);
        check_directories(endpoints, src_path, dst_path)?;
        copy_tree(endpoints, src_path, dst_path, options)
    })
}

/// Copies a file to another filesystem, or within one. Replaces an existing file, unless a
/// [`condition`](TransferOptions::condition) is set. Returns true if the file was copied.
///
/// # Errors
///
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) if the source, or the parent directory of the target, does not
/// exist, [`FileExpected`](crate::ErrorKind::FileExpected) if one of them is a directory,
/// [`IllegalDestination`](crate::ErrorKind::IllegalDestination) if they are the same file.
#[doc(alias = "copy_file_if")]
pub fn copy_file(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<bool> {
    options.cancellable(|| {
        let endpoints = Endpoints::new(&src_fs, &dst_fs);
        let job = file_job(endpoints, src_path, dst_path)?;
        if endpoints.is_same_file(src_path, dst_path)? {
            return Err(illegal(dst_path).with_message("a file cannot be copied onto itself"));
        }
        if endpoints.is_one && options.is_plain() {
            let overwrite = CopyOptions::new().overwrite(true);
            return src_fs
                .copy_with(src_path, dst_path, &overwrite)
                .map(|()| true);
        }
        let run = Run::new(options);
        let target = Target::looked_at(endpoints.dst, options.condition);
        let jobs = [job];
        let is_copied = !run.copy(endpoints, &jobs, &target)?.is_empty();
        run.finish(Report::default(), src_path)?;
        if is_copied {
            run.make_durable(endpoints.dst, [dst_path], [path::dirname(dst_path)])?;
        }
        Ok(is_copied)
    })
}

/// Copies the directories below a directory, but no files.
///
/// # Errors
///
/// As [`copy_dir`].
pub fn copy_structure(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    options.cancellable(|| {
        let endpoints = Endpoints::new(&src_fs, &dst_fs);
        check_directories(endpoints, src_path, dst_path)?;
        let selection = options.selection(endpoints.src, src_path)?;
        let windows = Windows::new(endpoints, (src_path, dst_path), &selection, options)?;
        copy_all(windows.without_files(), src_path, options)
    })
}

/// Sets the time of the last change of a file to that of another, if its filesystem supports it. Sets the access time to
/// now.
///
/// # Errors
///
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) if one of them does not exist.
pub fn copy_modified_time(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
) -> Result<()> {
    let endpoints = Endpoints::new(&src_fs, &dst_fs);
    match endpoints
        .src
        .getinfo(src_path, Namespaces::DETAILS)?
        .modified()
    {
        Some(modified) => defaults::set_modified(endpoints.dst, dst_path, modified),
        None => Ok(()),
    }
}

/// Default implementation of [`FileSystem::copydir_with`].
pub(crate) fn within(
    fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_path: &str,
    options: &CopyOptions,
) -> Result<()> {
    let endpoints = Endpoints::new(&fs, &fs);
    defaults::check_directories(endpoints, src_path, dst_path, options)?;
    endpoints.refuse_overlap(src_path, dst_path)?;
    let options = TransferOptions::new().preserve_time(options.preserve_time);
    copy_tree(endpoints, src_path, dst_path, &options).map(|_| ())
}

/// Checks both directories before one is copied into the other.
fn check_directories(endpoints: Endpoints<'_>, src_path: &str, dst_path: &str) -> Result<()> {
    endpoints.refuse_overlap(src_path, dst_path)?;
    endpoints.source_directory(src_path)?;
    endpoints.target_directory(dst_path).map(|_| ())
}

/// Returns the job for one file, after checking that both paths can be files.
pub(crate) fn file_job(endpoints: Endpoints<'_>, src_path: &str, dst_path: &str) -> Result<Job> {
    let info = endpoints.source_file(src_path)?;
    endpoints.refuse_directory(dst_path)?;
    Ok(Job {
        src_path: src_path.to_owned(),
        dst_path: dst_path.to_owned(),
        size: info.size().unwrap_or_default(),
        modified: info.modified(),
        stamp: info.stamp().map(Box::from),
        beside_directory: false,
    })
}

/// Copies the content of one directory into another. The caller has checked both.
fn copy_tree(
    endpoints: Endpoints<'_>,
    src_path: &str,
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    if transfer_whole(endpoints, src_path, dst_path, options, false)? {
        let (src_path, dst_path) = (src_path.to_owned(), dst_path.to_owned());
        let mut report = Report::default();
        report.push(Action::CopyDir { src_path, dst_path });
        return Ok(report);
    }
    let selection = options.selection(endpoints.src, src_path)?;
    let windows = Windows::new(endpoints, (src_path, dst_path), &selection, options)?;
    copy_all(windows, src_path, options)
}

/// Copies the windows of a source.
fn copy_all(
    mut windows: Windows<'_>,
    src_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    let first = windows.next()?;
    let mut report = Report::new(options.dry_run);
    let run = Run::new(options);
    copy_windows(windows, first, &run, &mut report, |_, _, _| Ok(()))?;
    run.finish(report, src_path)
}

/// Copies the windows of a source, of which the first has been taken. Calls `after` for each window, with the copied files
/// and the report.
pub(crate) fn copy_windows(
    mut windows: Windows<'_>,
    first: Window<'_>,
    run: &Run<'_, '_>,
    report: &mut Report,
    mut after: impl FnMut(&Window<'_>, &[&Job], &mut Report) -> Result<()>,
) -> Result<()> {
    let (endpoints, options) = (windows.endpoints, run.options);
    let is_there = endpoints.dst.isdir(first.dst_path)?;
    let target = Target::listed(endpoints.dst, &first, is_there, options)?;
    if !is_there {
        make_target(endpoints.dst, first.dst_path, options, report)?;
    }
    let mut window = first;
    loop {
        make_directories(endpoints, &window, &target, options, report)?;
        let copied = run.copy(endpoints, &window.jobs, &target)?;
        make_durable(endpoints.dst, &window, run, &copied)?;
        report.extend(copied.iter().copied().map(copy_action));
        run.report_done(report);
        after(&window, &copied, report)?;
        if window.is_last {
            return Ok(());
        }
        window = windows.next()?;
    }
}

/// If requested, makes the copied files durable, and all directories of the window and above it.
fn make_durable(
    dst: &dyn FileSystem,
    window: &Window<'_>,
    run: &Run<'_, '_>,
    copied: &[&Job],
) -> Result<()> {
    let below = window.tree.directories.iter();
    let below = below.chain(&window.tree.open_before);
    let below = below.map(|made| path::combine(window.dst_path, made));
    let below: Vec<String> = below.collect();
    let own = path::recursepath(&dst.validatepath(window.dst_path)?)?;
    let directories = below.iter().chain(&own).map(String::as_str);
    run.make_durable(dst, copied.iter().map(|job| &*job.dst_path), directories)
}

/// Lets the target copy, or move, the whole directory itself. Returns true if it did.
pub(crate) fn transfer_whole(
    endpoints: Endpoints<'_>,
    src_path: &str,
    dst_path: &str,
    options: &TransferOptions<'_>,
    remove: bool,
) -> Result<bool> {
    let source = location(endpoints.src, src_path)?.filter(|_| options.is_plain());
    let (Some(source), Some(capabilities)) = (source, endpoints.dst.capabilities()) else {
        return Ok(false);
    };
    if !capabilities.copydir_from(&source, dst_path, remove)? {
        return Ok(false);
    }
    if !endpoints.dst.isdir(dst_path)? {
        // The source was empty.
        endpoints
            .dst
            .makedirs_with(dst_path, &MakedirOptions::new().recreate(true))?;
    }
    Ok(true)
}

/// Makes the target directory, with its missing parents.
fn make_target(
    dst: &dyn FileSystem,
    dst_path: &str,
    options: &TransferOptions<'_>,
    report: &mut Report,
) -> Result<()> {
    if !options.dry_run {
        dst.makedirs_with(dst_path, &MakedirOptions::new().recreate(true))?;
    }
    report.push(Action::Makedir(dst_path.to_owned()));
    Ok(())
}

/// Makes the directories of a window below the target directory.
fn make_directories(
    endpoints: Endpoints<'_>,
    window: &Window<'_>,
    target: &Target<'_>,
    options: &TransferOptions<'_>,
    report: &mut Report,
) -> Result<()> {
    let doubles = window.tree.doubles();
    for directory in &window.tree.directories {
        let path = path::combine(window.dst_path, directory);
        if let Some(dst) = target.for_directory(&path)?.filter(|_| !options.dry_run) {
            let beside = doubles.contains(&**directory);
            make_directory(dst, &path, beside).or_else(|error| {
                let source = path::combine(window.src_path, directory);
                beside_earlier_file(endpoints, &source, &path, error)
            })?;
        }
        report.push(Action::Makedir(path));
    }
    Ok(())
}

/// Makes a directory in the place of a file, after the first attempt failed with `error`. An earlier window may have copied
/// that file, if the source has both a file and a directory with the path.
fn beside_earlier_file(
    endpoints: Endpoints<'_>,
    source: &str,
    target: &str,
    error: Error,
) -> Result<()> {
    let holds_both = endpoints.dst.getmeta().holds_file_beside_directory;
    let is_file = error.is(ErrorKind::DirectoryExpected);
    if holds_both && is_file && endpoints.src.isfile(source)? {
        return make_directory(endpoints.dst, target, true);
    }
    Err(error)
}

/// Report entry for one copied file.
pub(crate) fn copy_action(job: &Job) -> Action {
    Action::Copy {
        src_path: job.src_path.clone(),
        dst_path: job.dst_path.clone(),
    }
}
