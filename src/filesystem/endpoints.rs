//! [`Endpoints`]: the two filesystems of a copy or move. Checks whether two paths have the same location.

use std::ptr;

use super::info::{Info, Namespaces};
use super::location::Location;
use super::{FileSystem, found, names};
use crate::error::{Error, ErrorKind, Result};
use crate::path;

/// Source and target filesystem.
#[derive(Clone, Copy)]
pub(crate) struct Endpoints<'a> {
    pub(crate) src: &'a dyn FileSystem,
    pub(crate) dst: &'a dyn FileSystem,
    /// Whether both are the same handle.
    pub(crate) is_one: bool,
}

impl<'a> Endpoints<'a> {
    /// Takes references to references, because only a sized type can become a `dyn FileSystem`.
    pub(crate) fn new<F, G>(src: &'a &F, dst: &'a &G) -> Self
    where
        F: FileSystem + ?Sized,
        G: FileSystem + ?Sized,
    {
        Self {
            src,
            dst,
            is_one: ptr::addr_eq::<F, G>(*src, *dst),
        }
    }

    /// Returns true if the two paths are the same file.
    pub(crate) fn is_same_file(&self, src_path: &str, dst_path: &str) -> Result<bool> {
        let locations = self.locations(src_path, dst_path)?;
        Ok(locations.is_some_and(|(src, dst)| src.is_same_file(&dst)))
    }

    /// Returns true if the two paths are the same directory.
    pub(crate) fn is_same_directory(&self, src_path: &str, dst_path: &str) -> Result<bool> {
        let locations = self.locations(src_path, dst_path)?;
        Ok(locations.is_some_and(|(src, dst)| src.is_same(&dst)))
    }

    /// Returns an error if the two directories are the same, or one lies in the other.
    pub(crate) fn refuse_overlap(&self, src_path: &str, dst_path: &str) -> Result<()> {
        match self.locations(src_path, dst_path)? {
            Some((src, dst)) if src.overlaps(&dst) => Err(illegal(dst_path).with_message(format!(
                "it and the source {src_path:?} are the same directory, or one contains the other"
            ))),
            _ => Ok(()),
        }
    }

    /// Returns true if the directories cannot overlap, so that what is written to the target does not appear in the source.
    pub(crate) fn are_apart(&self, src_path: &str, dst_path: &str) -> Result<bool> {
        let locations = self.locations(src_path, dst_path)?;
        let may_overlap =
            |(src, dst): (Location, Location)| src.overlaps(&dst) || src.may_overlap(&dst);
        Ok(!locations.is_none_or(may_overlap))
    }

    /// Returns information about the source, which must be a file.
    pub(crate) fn source_file(&self, src_path: &str) -> Result<Info> {
        let info = self.src.getinfo(src_path, Namespaces::DETAILS)?;
        if info.is_dir() {
            return Err(Error::new(ErrorKind::FileExpected).with_path(src_path));
        }
        Ok(info)
    }

    /// Returns an error if the target of a file is a directory.
    pub(crate) fn refuse_directory(&self, dst_path: &str) -> Result<()> {
        match found(self.dst.getinfo(dst_path, Namespaces::BASIC))? {
            Some(info) if info.is_dir() => {
                Err(Error::new(ErrorKind::FileExpected).with_path(dst_path))
            }
            _ => Ok(()),
        }
    }

    /// Returns an error unless the source is a directory.
    pub(crate) fn source_directory(&self, src_path: &str) -> Result<()> {
        if self.src.isdir(src_path)? {
            return Ok(());
        }
        self.src.getinfo(src_path, Namespaces::BASIC)?;
        Err(Error::new(ErrorKind::DirectoryExpected).with_path(src_path))
    }

    /// Returns true if the target directory exists. Returns an error if it is a file.
    pub(crate) fn target_directory(&self, dst_path: &str) -> Result<bool> {
        if self.dst.isdir(dst_path)? {
            return Ok(true);
        }
        if self.dst.exists(dst_path)? {
            return Err(Error::new(ErrorKind::DirectoryExpected).with_path(dst_path));
        }
        Ok(false)
    }

    /// Returns both locations. `None` unless both are known.
    pub(crate) fn locations(
        &self,
        src_path: &str,
        dst_path: &str,
    ) -> Result<Option<(Location, Location)>> {
        let source = location(self.src, src_path)?;
        let known = source.zip(location(self.dst, dst_path)?);
        if known.is_some() || !self.is_one {
            return Ok(known);
        }
        Ok(Some((self.assumed(src_path)?, self.assumed(dst_path)?)))
    }

    /// Location in a filesystem that does not report locations. Within one filesystem the path identifies the resource.
    fn assumed(&self, path: &str) -> Result<Location> {
        let path = names::folded(&self.src.validatepath(path)?, &self.src.getmeta());
        let directory = path::forcedir(&path).into_owned();
        Ok(Location::new("", path, directory))
    }
}

/// Returns the location of a resource, if its filesystem reports it.
pub(crate) fn location(fs: &dyn FileSystem, path: &str) -> Result<Option<Location>> {
    match fs.capabilities() {
        Some(capabilities) => capabilities.location(path),
        None => fs.validatepath(path).map(|_| None),
    }
}

/// Error for a target that is the source or lies in it.
pub(crate) fn illegal(dst_path: &str) -> Error {
    Error::new(ErrorKind::IllegalDestination).with_path(dst_path)
}
