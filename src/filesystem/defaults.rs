//! Default copies and moves within a filesystem: loops over its other methods.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};

use time::OffsetDateTime;

use super::endpoints::{Endpoints, illegal, location};
use super::info::{Info, Namespaces};
use super::location::Location;
use super::options::OpenOptions;
use super::{CopyOptions, FileSystem, MakedirOptions, found};
use crate::error::{Error, ErrorKind, Result};
use crate::path;

/// [`FileSystem::copy_with`].
pub(crate) fn copy(
    fs: &dyn FileSystem,
    src_path: &str,
    dst_path: &str,
    options: &CopyOptions,
) -> Result<()> {
    let endpoints = Endpoints::new(&fs, &fs);
    fs.validatepath(src_path)?;
    fs.validatepath(dst_path)?;
    if !options.overwrite && fs.exists(dst_path)? {
        return Err(Error::new(ErrorKind::DestinationExists).with_path(dst_path));
    }
    let info = endpoints.source_file(src_path)?;
    endpoints.refuse_directory(dst_path)?;
    if endpoints.is_same_file(src_path, dst_path)? {
        return Err(illegal(dst_path).with_message("a file cannot be copied onto itself"));
    }
    copy_file(fs, src_path, dst_path, &info, options, false)
}

/// [`FileSystem::movefile_with`].
pub(crate) fn movefile(
    fs: &dyn FileSystem,
    src_path: &str,
    dst_path: &str,
    options: &CopyOptions,
) -> Result<()> {
    let endpoints = Endpoints::new(&fs, &fs);
    let is_same = endpoints.is_same_file(src_path, dst_path)?;
    let before = match endpoints.source_file(src_path) {
        // If both paths are invalid, PyFilesystem reports the target, as for a copy.
        Err(_) if !options.overwrite && fs.exists(dst_path)? => {
            return Err(Error::new(ErrorKind::DestinationExists).with_path(dst_path));
        }
        before => before?,
    };
    if is_same {
        return match options.overwrite {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::DestinationExists).with_path(dst_path)),
        };
    }
    fs.copy_with(src_path, dst_path, options)?;
    if let Some(capabilities) = fs.capabilities() {
        capabilities.sync_file(dst_path)?;
        capabilities.sync_directory(path::dirname(dst_path))?;
    }
    remove_copied(fs, src_path, &before)
}

/// [`FileSystem::copydir_with`].
pub(super) fn copydir(
    fs: &dyn FileSystem,
    src_path: &str,
    dst_path: &str,
    options: &CopyOptions,
) -> Result<()> {
    let endpoints = Endpoints::new(&fs, &fs);
    check_directories(endpoints, src_path, dst_path, options)?;
    endpoints.refuse_overlap(src_path, dst_path)?;
    Tree::read(fs, src_path)?.copy(fs, src_path, dst_path, options)
}

/// [`FileSystem::movedir_with`].
pub(super) fn movedir(
    fs: &dyn FileSystem,
    src_path: &str,
    dst_path: &str,
    options: &CopyOptions,
) -> Result<()> {
    let endpoints = Endpoints::new(&fs, &fs);
    check_directories(endpoints, src_path, dst_path, options)?;
    if endpoints.is_same_directory(src_path, dst_path)? {
        return Ok(());
    }
    endpoints.refuse_overlap(src_path, dst_path)?;
    let tree = Tree::read(fs, src_path)?;
    tree.copy(fs, src_path, dst_path, options)?;
    tree.remove(fs, src_path)
}

/// Checks of PyFilesystem's `copydir` and `movedir`, except whether one directory lies in the other.
pub(crate) fn check_directories(
    endpoints: Endpoints<'_>,
    src_path: &str,
    dst_path: &str,
    options: &CopyOptions,
) -> Result<()> {
    endpoints.src.validatepath(src_path)?;
    endpoints.dst.validatepath(dst_path)?;
    if !options.create && !endpoints.dst.exists(dst_path)? {
        return Err(Error::new(ErrorKind::ResourceNotFound).with_path(dst_path));
    }
    endpoints.source_directory(src_path)?;
    endpoints.target_directory(dst_path).map(|_| ())
}

/// Removes a file that was copied, unless it changed since.
pub(crate) fn remove_copied(src: &dyn FileSystem, src_path: &str, before: &Info) -> Result<()> {
    let after = src.getinfo(src_path, Namespaces::DETAILS)?;
    if state(&after) != state(before) {
        return Err(Error::new(ErrorKind::ResourceChanged)
            .with_path(src_path)
            .with_message("the source changed during the move")
            .with_hint("the source was kept, and the target has a copy; move it again"));
    }
    src.remove(src_path)
}

/// Values that change when a file changes.
fn state(info: &Info) -> impl PartialEq + use<> {
    let stamp = info.stamp().map(str::to_owned);
    (info.size(), info.modified(), stamp)
}

/// Copies a file. The caller has checked the target path.
fn copy_file(
    fs: &dyn FileSystem,
    src_path: &str,
    dst_path: &str,
    info: &Info,
    options: &CopyOptions,
    beside_directory: bool,
) -> Result<()> {
    if !copy_by_itself(fs, location(fs, src_path)?.as_ref(), dst_path)? {
        let mut source = fs.openbin_with(src_path, "r", &OpenOptions::default())?;
        let size = info.size().unwrap_or_default();
        upload(fs, dst_path, &mut source, size, beside_directory)?;
    }
    match info.modified().filter(|_| options.preserve_time) {
        Some(modified) => set_modified(fs, dst_path, modified),
        None => Ok(()),
    }
}

/// Lets the target copy the file itself. Returns true if it did.
pub(crate) fn copy_by_itself(
    dst: &dyn FileSystem,
    source: Option<&Location>,
    dst_path: &str,
) -> Result<bool> {
    match (dst.capabilities(), source) {
        (Some(capabilities), Some(source)) => capabilities.copy_from(source, dst_path),
        _ => Ok(false),
    }
}

/// Like [`FileSystem::upload_sized`], but, with `beside_directory`, also if a directory has the same path.
pub(crate) fn upload(
    fs: &dyn FileSystem,
    path: &str,
    source: &mut dyn Read,
    size: u64,
    beside_directory: bool,
) -> Result<()> {
    if !beside_directory {
        return fs.upload_sized(path, source, size).map(|_| ());
    }
    let options = OpenOptions::new().beside_directory(true);
    let mut file = fs.openbin_with(path, "w", &options)?;
    io::copy(source, &mut file)?;
    file.close()
}

/// Sets the time of the last change, if the filesystem supports it.
pub(crate) fn set_modified(
    fs: &dyn FileSystem,
    path: &str,
    modified: OffsetDateTime,
) -> Result<()> {
    match fs.settimes(path, None, Some(modified)) {
        Err(error) if error.is(ErrorKind::Unsupported) => Ok(()),
        set => set,
    }
}

/// The tree below a directory. Paths are relative to the directory.
struct Tree {
    /// Sorted: each directory comes after its parent.
    directories: Vec<String>,
    files: Vec<(String, Info)>,
}

impl Tree {
    fn read(fs: &dyn FileSystem, root: &str) -> Result<Self> {
        let base = fs.validatepath(root)?;
        let mut tree = Self {
            directories: Vec::new(),
            files: Vec::new(),
        };
        for entry in fs.scantree_whole(root, Namespaces::DETAILS)? {
            let (directory, info) = entry?;
            let below = path::relpath(path::frombase(&base, &directory)?);
            let path = path::combine(below, info.name());
            match info.is_dir() {
                true => tree.directories.push(path),
                false => tree.files.push((path, info)),
            }
        }
        tree.directories.sort_unstable();
        Ok(tree)
    }

    fn copy(
        &self,
        fs: &dyn FileSystem,
        src_path: &str,
        dst_path: &str,
        options: &CopyOptions,
    ) -> Result<()> {
        let recreate = MakedirOptions::new().recreate(true);
        if !fs.isdir(dst_path)? {
            fs.makedirs_with(dst_path, &recreate)?;
        }
        let files: HashSet<&str> = self.files.iter().map(|(path, _)| path.as_str()).collect();
        for directory in &self.directories {
            let target = path::combine(dst_path, directory);
            let beside_file = files.contains(directory.as_str());
            fs.makedir_with(&target, &recreate.beside_file(beside_file))?;
        }
        let directories: HashSet<&str> = self.directories.iter().map(String::as_str).collect();
        for (file, info) in &self.files {
            let (source, target) = (path::combine(src_path, file), path::combine(dst_path, file));
            let beside = directories.contains(file.as_str());
            copy_file(fs, &source, &target, info, options, beside)?;
        }
        Ok(())
    }

    /// Removes the copied files that have not changed since, and then the directories that are empty.
    fn remove(&self, fs: &dyn FileSystem, src_path: &str) -> Result<()> {
        let copied: HashMap<&str, &Info> = self
            .files
            .iter()
            .map(|(path, info)| (path.as_str(), info))
            .collect();
        let mut left = Vec::new();
        for (file, now) in Self::read(fs, src_path)?.files {
            let source = path::combine(src_path, &file);
            let before = copied.get(file.as_str());
            if before.is_some_and(|before| state(before) == state(&now)) {
                found(fs.remove(&source))?;
            } else {
                left.push(source);
            }
        }
        // A directory that is not empty is kept anyway.
        let mut occupied = HashSet::new();
        for path in &left {
            occupied.extend(path::recursepath(path::dirname(path))?);
        }
        let below = self.directories.iter().rev();
        let below = below.map(|directory| path::combine(src_path, directory));
        let own = (!path::relpath(src_path).is_empty()).then(|| src_path.to_owned());
        for directory in below.chain(own) {
            let absolute = path::abspath(&directory).trim_end_matches('/').to_owned();
            if occupied.contains(&absolute) {
                continue;
            }
            match fs.removedir(&directory) {
                Err(error) if error.is(ErrorKind::DirectoryNotEmpty) => {
                    occupied.extend(path::recursepath(path::dirname(&directory))?);
                    left.push(directory);
                }
                removed => {
                    found(removed)?;
                }
            }
        }
        match left.is_empty() {
            true => Ok(()),
            false => Err(left_behind(src_path, &left)),
        }
    }
}

/// Error of a move that left some files behind.
pub(crate) fn left_behind(src_path: &str, left: &[String]) -> Error {
    Error::new(ErrorKind::DirectoryNotEmpty)
        .with_path(src_path)
        .with_message(format!(
            "it was moved, except for entries that were created or changed during the move: \
             {left:?}"
        ))
}
