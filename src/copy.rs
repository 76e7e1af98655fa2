//! Copying and moving, within a filesystem and between any two.

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::{CopyOptions, FileSystem, MakedirOptions};
use crate::info::Namespaces;

/// Whether the two paths are one resource.
fn is_same(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
) -> Result<bool> {
    let source = src_fs.location(src_path)?;
    let target = dst_fs.location(dst_path)?;
    Ok(source.zip(target).is_some_and(|(s, t)| s.is_same(&t)))
}

/// Whether one of the two directories is the other or lies in it.
fn overlap(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
) -> Result<bool> {
    let source = src_fs.location(src_path)?;
    let target = dst_fs.location(dst_path)?;
    Ok(source.zip(target).is_some_and(|(s, t)| s.overlaps(&t)))
}

/// Copies the bytes of a file, or has the target do it, and keeps its time if that is asked for.
fn transfer(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
    preserve_time: bool,
) -> Result<()> {
    let by_itself = match src_fs.location(src_path)? {
        Some(source) => dst_fs.copy_from(&source, dst_path)?,
        None => false,
    };
    if !by_itself {
        let mut file = src_fs.openbin(src_path, "r")?;
        dst_fs.upload(dst_path, &mut file)?;
    }
    if preserve_time && let Some(modified) = src_fs.getmodified(src_path)? {
        dst_fs.settimes(dst_path, None, Some(modified))?;
    }
    Ok(())
}

fn illegal(path: &str, why: &str) -> Error {
    Error::new(ErrorKind::IllegalDestination)
        .with_path(path)
        .with_message(why)
}

/// [`FileSystem::copy_with`] of a filesystem that has no way of its own.
pub(crate) fn within(
    fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_path: &str,
    options: CopyOptions,
) -> Result<()> {
    fs.validatepath(src_path)?;
    fs.validatepath(dst_path)?;
    if !options.overwrite && fs.exists(dst_path)? {
        return Err(Error::new(ErrorKind::DestinationExists).with_path(dst_path));
    }
    if fs.getinfo(src_path, Namespaces::BASIC)?.is_dir() {
        return Err(Error::new(ErrorKind::FileExpected).with_path(src_path));
    }
    if is_same(fs, src_path, fs, dst_path)? {
        return Err(illegal(dst_path, "a file cannot be copied onto itself"));
    }
    transfer(fs, src_path, fs, dst_path, options.preserve_time)
}

/// [`FileSystem::movefile_with`] of a filesystem that has no way of its own.
pub(crate) fn move_within(
    fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_path: &str,
    options: CopyOptions,
) -> Result<()> {
    if is_same(fs, src_path, fs, dst_path)? {
        return match fs.getinfo(src_path, Namespaces::BASIC)?.is_dir() {
            true => Err(Error::new(ErrorKind::FileExpected).with_path(src_path)),
            false => Ok(()),
        };
    }
    fs.copy_with(src_path, dst_path, options)?;
    fs.remove(src_path)
}

/// [`FileSystem::copydir_with`] of a filesystem that has no way of its own.
pub(crate) fn dir_within(
    fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_path: &str,
    options: CopyOptions,
) -> Result<()> {
    check_directories(fs, src_path, dst_path, options)?;
    if overlap(fs, src_path, fs, dst_path)? {
        return Err(illegal(dst_path, "one directory lies in the other"));
    }
    copy_tree(fs, src_path, fs, dst_path, options)
}

/// [`FileSystem::movedir_with`] of a filesystem that has no way of its own.
pub(crate) fn move_dir_within(
    fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_path: &str,
    options: CopyOptions,
) -> Result<()> {
    check_directories(fs, src_path, dst_path, options)?;
    if is_same(fs, src_path, fs, dst_path)? {
        return Ok(());
    }
    if overlap(fs, src_path, fs, dst_path)? {
        return Err(illegal(dst_path, "one directory lies in the other"));
    }
    copy_tree(fs, src_path, fs, dst_path, options)?;
    fs.removetree(src_path)
}

fn check_directories(
    fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_path: &str,
    options: CopyOptions,
) -> Result<()> {
    fs.validatepath(src_path)?;
    fs.validatepath(dst_path)?;
    if !options.create && !fs.exists(dst_path)? {
        return Err(Error::new(ErrorKind::ResourceNotFound).with_path(dst_path));
    }
    if !fs.isdir(src_path)? {
        fs.getinfo(src_path, Namespaces::BASIC)?;
        return Err(Error::new(ErrorKind::DirectoryExpected).with_path(src_path));
    }
    Ok(())
}

/// Copies all that is below one directory into another, which is made if it is not there.
fn copy_tree(
    src_fs: &(impl FileSystem + ?Sized),
    src_path: &str,
    dst_fs: &(impl FileSystem + ?Sized),
    dst_path: &str,
    options: CopyOptions,
) -> Result<()> {
    let recreate = MakedirOptions::new().recreate(true);
    let root = src_fs.validatepath(src_path)?;
    let target = dst_fs.validatepath(dst_path)?;
    dst_fs
        .makedirs_with(&target, recreate)
        .map_err(|error| error.with_path_replaced(dst_path))?;
    for entry in src_fs.scantree(src_path, Namespaces::BASIC)? {
        let (directory, info) = entry?;
        let below = crate::path::frombase(&root, &directory)?;
        let below = crate::path::join([target.as_str(), crate::path::relpath(below)])?;
        let source = info.make_path(&directory)?;
        let target = info.make_path(&below)?;
        if info.is_dir() {
            dst_fs.makedirs_with(&target, recreate)?;
            continue;
        }
        if !dst_fs.isdir(&below)? {
            dst_fs.makedirs_with(&below, recreate)?;
        }
        transfer(src_fs, &source, dst_fs, &target, options.preserve_time)?;
    }
    Ok(())
}
