//! Copying: within a filesystem, and between any two; PyFilesystem's
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
//! Where both are on one server, it copies by itself, and no byte passes through here. Otherwise
//! files stream from one to the other, and no file is ever held whole.
//!
//! All that a listing of the source shows is checked before anything changes: a target that is the
//! source or lies in it, names that the target cannot have or takes for one, a file and a directory
//! of one path where the target cannot hold both. A copy that fails leaves in the target what it
//! had copied, and the source as it was.

use crate::error::Result;
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
use crate::transfer::snapshot::Snapshot;
use crate::transfer::target::Target;

/// Copies all that is in one filesystem into another.
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

/// Copies what is in a directory into a directory of another filesystem, or of the same. It is
/// made if it is not there, and files that are there are replaced, unless a
/// [`condition`](TransferOptions::condition) is set.
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
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) if the source is not there,
/// [`DirectoryExpected`](crate::ErrorKind::DirectoryExpected) if one of them is a file,
/// [`IllegalDestination`](crate::ErrorKind::IllegalDestination) if they are one, or one lies in the other,
/// [`InvalidPath`](crate::ErrorKind::InvalidPath) and
/// [`InvalidCharsInPath`](crate::ErrorKind::InvalidCharsInPath) for a name that the target cannot have,
/// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) for one that is a symbolic link there,
/// [`Unsupported`](crate::ErrorKind::Unsupported) for two that it takes for one, and for a name in the source
/// that no path can have (on a local disk, one that is not UTF-8); all of them before anything has
/// changed. Then those of the single files: the first of them, or
/// [`BulkCopyFailed`](crate::ErrorKind::BulkCopyFailed) if [`on_error`](TransferOptions::on_error) wants
/// them gathered.
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

/// Copies a file to another filesystem, or within one; a file that is there is replaced, unless a
/// [`condition`](TransferOptions::condition) is set. Returns whether it was copied.
///
/// # Errors
///
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) if the source, or the target's parent, is not
/// there, [`FileExpected`](crate::ErrorKind::FileExpected) if one of them is a directory,
/// [`IllegalDestination`](crate::ErrorKind::IllegalDestination) if they are one file.
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
                .copy_with(src_path, dst_path, overwrite)
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

/// Copies the directories below a directory, and no files.
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
        let mut tree = Snapshot::read(endpoints.src, src_path, &selection)?;
        tree.files.clear();
        tree.check_fits(src_path, endpoints.dst, dst_path)?;
        let actions = make_directories(endpoints.dst, dst_path, &tree, options)?;
        Run::new(options).finish(
            Report {
                actions,
                ..Report::default()
            },
            src_path,
        )
    })
}

/// Gives a file the time of the last change of another, where its filesystem can. It counts as
/// accessed now.
///
/// # Errors
///
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) if one of them is not there.
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

/// [`FileSystem::copydir_with`] of a filesystem that has no way of its own.
pub(crate) fn within(
    fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_path: &str,
    options: CopyOptions,
) -> Result<()> {
    let endpoints = Endpoints::new(&fs, &fs);
    defaults::check_directories(endpoints, src_path, dst_path, options)?;
    endpoints.refuse_overlap(src_path, dst_path)?;
    let options = TransferOptions::new().preserve_time(options.preserve_time);
    copy_tree(endpoints, src_path, dst_path, &options).map(|_| ())
}

/// What is looked at before one directory is copied into another.
fn check_directories(endpoints: Endpoints<'_>, src_path: &str, dst_path: &str) -> Result<()> {
    endpoints.refuse_overlap(src_path, dst_path)?;
    endpoints.source_directory(src_path)?;
    endpoints.target_directory(dst_path).map(|_| ())
}

/// What is to be done for one file, if both paths can be files.
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

/// Copies what is below one directory into another, once both have been looked at.
fn copy_tree(
    endpoints: Endpoints<'_>,
    src_path: &str,
    dst_path: &str,
    options: &TransferOptions<'_>,
) -> Result<Report> {
    if transfer_whole(endpoints, src_path, dst_path, options, false)? {
        let (src_path, dst_path) = (src_path.to_owned(), dst_path.to_owned());
        let actions = vec![Action::CopyDir { src_path, dst_path }];
        return Ok(Report {
            actions,
            ..Report::default()
        });
    }
    let selection = options.selection(endpoints.src, src_path)?;
    let tree = Snapshot::read(endpoints.src, src_path, &selection)?;
    tree.check_fits(src_path, endpoints.dst, dst_path)?;
    let jobs = jobs(&tree, src_path, dst_path);
    let target = Target::listed(endpoints.dst, dst_path, &jobs, options.condition)?;
    let mut report = Report {
        actions: make_directories(endpoints.dst, dst_path, &tree, options)?,
        ..Report::default()
    };
    let run = Run::new(options);
    let copied = run.copy(endpoints, &jobs, &target)?;
    make_durable(endpoints.dst, dst_path, &tree, &run, &copied)?;
    report.actions.extend(copied.into_iter().map(copy_action));
    run.finish(report, src_path)
}

/// Makes the files that were copied, and all directories of the tree and above it, durable if that is wanted.
pub(crate) fn make_durable(
    dst: &dyn FileSystem,
    dst_path: &str,
    tree: &Snapshot,
    run: &Run<'_, '_>,
    copied: &[&Job],
) -> Result<()> {
    let below = tree.directories.iter();
    let below: Vec<String> = below.map(|made| path::combine(dst_path, made)).collect();
    let own = path::recursepath(&dst.validatepath(dst_path)?)?;
    let directories = below.iter().chain(&own).map(String::as_str);
    run.make_durable(dst, copied.iter().map(|job| &*job.dst_path), directories)
}

/// Whether the target has copied, or moved, the whole directory by itself.
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
        // There was nothing to copy.
        endpoints
            .dst
            .makedirs_with(dst_path, MakedirOptions::new().recreate(true))?;
    }
    Ok(true)
}

/// Makes the target directory and, below it, all directories of the tree.
pub(crate) fn make_directories(
    dst: &dyn FileSystem,
    dst_path: &str,
    tree: &Snapshot,
    options: &TransferOptions<'_>,
) -> Result<Vec<Action>> {
    let mut actions = Vec::new();
    if !dst.isdir(dst_path)? {
        if !options.dry_run {
            dst.makedirs_with(dst_path, MakedirOptions::new().recreate(true))?;
        }
        actions.push(Action::Makedir(dst_path.to_owned()));
    }
    let doubles = tree.doubles();
    for directory in &tree.directories {
        let target = path::combine(dst_path, directory);
        if !options.dry_run {
            make_directory(dst, &target, doubles.contains(&**directory))?;
        }
        actions.push(Action::Makedir(target));
    }
    Ok(actions)
}

/// What is to be done for the files of a tree.
pub(crate) fn jobs(tree: &Snapshot, src_path: &str, dst_path: &str) -> Vec<Job> {
    let doubles = tree.doubles();
    let job = |file: &crate::transfer::snapshot::SnapshotFile| Job {
        src_path: path::combine(src_path, &file.path),
        dst_path: path::combine(dst_path, &file.path),
        size: file.size,
        modified: file.modified,
        stamp: file.stamp.clone(),
        beside_directory: doubles.contains(&*file.path),
    };
    tree.files.iter().map(job).collect()
}

/// The report of one copied file.
pub(crate) fn copy_action(job: &Job) -> Action {
    Action::Copy {
        src_path: job.src_path.clone(),
        dst_path: job.dst_path.clone(),
    }
}
