//! [`ReadOnly`]: a filesystem that refuses every change.

use std::io::{Read, Write};
use std::path::PathBuf;

use time::OffsetDateTime;

use super::capabilities::{Capabilities, PieceSink, RangedSource, SourceOptions, Storage};
use super::file::File;
use super::info::{Info, Namespaces, RawInfo};
use super::location::Location;
use super::mode::Mode;
use super::options::OpenOptions;
use super::scantree::Descend;
use super::{CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries, require_open};
use crate::error::{Error, ErrorKind, Result};

/// A filesystem that refuses every change with [`ResourceReadOnly`](ErrorKind::ResourceReadOnly), without calling the
/// wrapped filesystem. It forwards operations that only read.
///
/// It wraps any filesystem: a value, a reference or an `Arc`. For [`S3Fs`](crate::S3Fs),
/// [`read_only`](crate::S3FsBuilder::read_only) does the same.
///
/// ```
/// use s3fs::prelude::*;
/// use s3fs::{MemoryFs, ReadOnly};
///
/// let fs = MemoryFs::new();
/// fs.writetext("hello.txt", "hello")?;
/// let shared = ReadOnly::new(&fs);
/// assert_eq!(shared.readtext("hello.txt")?, "hello");
/// let error = shared.remove("hello.txt").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::ResourceReadOnly);
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// Source: [`fs.wrap.read_only`](https://docs.pyfilesystem.org/en/latest/reference/wrap.html).
#[derive(Clone, Debug)]
#[doc(alias = "WrapReadOnly")]
pub struct ReadOnly<F>(F);

impl<F: FileSystem> ReadOnly<F> {
    /// Wraps a filesystem.
    pub fn new(fs: F) -> Self {
        Self(fs)
    }

    /// The wrapped filesystem.
    pub fn delegate_fs(&self) -> &F {
        &self.0
    }

    /// Unwraps the filesystem.
    pub fn into_inner(self) -> F {
        self.0
    }

    fn refuse<T>(&self, path: &str) -> Result<T> {
        require_open(&self.0)?;
        Err(Error::new(ErrorKind::ResourceReadOnly).with_path(path))
    }
}

impl<F: FileSystem> FileSystem for ReadOnly<F> {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        self.0.getinfo(path, namespaces)
    }

    fn getinfo_many(&self, paths: &[&str], namespaces: Namespaces) -> Vec<Result<Info>> {
        self.0.getinfo_many(paths, namespaces)
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        self.0.listdir(path)
    }

    fn makedir_with(&self, path: &str, _: &MakedirOptions) -> Result<()> {
        self.refuse(path)
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        if Mode::binary(mode)
            .map_err(|error| error.with_path(path))?
            .writing()
        {
            return self.refuse(path);
        }
        self.0.openbin_with(path, mode, options)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.refuse(path)
    }

    fn removedir(&self, path: &str) -> Result<()> {
        self.refuse(path)
    }

    fn remove_many(&self, paths: &[&str]) -> Vec<Result<()>> {
        paths.iter().map(|path| self.refuse(path)).collect()
    }

    fn setinfo(&self, path: &str, _: &RawInfo) -> Result<()> {
        self.refuse(path)
    }

    fn exists(&self, path: &str) -> Result<bool> {
        self.0.exists(path)
    }

    fn isfile(&self, path: &str) -> Result<bool> {
        self.0.isfile(path)
    }

    fn isdir(&self, path: &str) -> Result<bool> {
        self.0.isdir(path)
    }

    fn isempty(&self, path: &str) -> Result<bool> {
        self.0.isempty(path)
    }

    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        self.0.scandir(path, namespaces)
    }

    fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
        self.0.readbytes_with(path, options)
    }

    fn writebytes_with(&self, path: &str, _: &[u8], _: &OpenOptions) -> Result<()> {
        self.refuse(path)
    }

    fn create(&self, path: &str, _: bool) -> Result<bool> {
        self.refuse(path)
    }

    fn touch(&self, path: &str) -> Result<()> {
        self.refuse(path)
    }

    fn getmeta(&self) -> Meta {
        Meta {
            read_only: true,
            ..self.0.getmeta()
        }
    }

    fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
        self.0.geturl_for(path, purpose)
    }

    fn validatepath(&self, path: &str) -> Result<String> {
        self.0.validatepath(path)
    }

    fn download(&self, path: &str, target: &mut dyn Write) -> Result<u64> {
        self.0.download(path, target)
    }

    fn upload(&self, path: &str, _: &mut dyn Read) -> Result<u64> {
        self.refuse(path)
    }

    fn upload_sized(&self, path: &str, _: &mut dyn Read, _: u64) -> Result<u64> {
        self.refuse(path)
    }

    fn makedirs_with(&self, path: &str, _: &MakedirOptions) -> Result<()> {
        self.refuse(path)
    }

    fn copy_with(&self, _: &str, dst_path: &str, _: &CopyOptions) -> Result<()> {
        self.refuse(dst_path)
    }

    fn movefile_with(&self, src_path: &str, _: &str, _: &CopyOptions) -> Result<()> {
        self.refuse(src_path)
    }

    fn copydir_with(&self, _: &str, dst_path: &str, _: &CopyOptions) -> Result<()> {
        self.refuse(dst_path)
    }

    fn movedir_with(&self, src_path: &str, _: &str, _: &CopyOptions) -> Result<()> {
        self.refuse(src_path)
    }

    fn removetree(&self, path: &str) -> Result<()> {
        self.refuse(path)
    }

    fn emptydir(&self, path: &str) -> Result<()> {
        self.refuse(path)
    }

    fn check_directory(&self, path: &str) -> Result<()> {
        self.0.check_directory(path)
    }

    fn scantree(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        self.0.scantree(path, namespaces)
    }

    fn scantree_whole(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        self.0.scantree_whole(path, namespaces)
    }

    fn scantree_pruned<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Descend<'a>,
    ) -> Result<TreeEntries<'a>> {
        self.0.scantree_pruned(path, namespaces, descend)
    }

    fn scantree_whole_pruned<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Descend<'a>,
    ) -> Result<TreeEntries<'a>> {
        self.0.scantree_whole_pruned(path, namespaces, descend)
    }

    fn scandir_prefix(
        &self,
        path: &str,
        name_prefix: &str,
        namespaces: Namespaces,
    ) -> Result<Entries<'_>> {
        self.0.scandir_prefix(path, name_prefix, namespaces)
    }

    fn settimes(
        &self,
        path: &str,
        _: Option<OffsetDateTime>,
        _: Option<OffsetDateTime>,
    ) -> Result<()> {
        self.refuse(path)
    }

    fn getsyspath(&self, path: &str) -> Result<PathBuf> {
        self.0.getsyspath(path)
    }

    fn islink(&self, path: &str) -> Result<bool> {
        self.0.islink(path)
    }

    fn label(&self) -> String {
        self.0.label()
    }

    fn capabilities(&self) -> Option<&dyn Capabilities> {
        self.0.capabilities().map(|_| self as &dyn Capabilities)
    }

    fn close(&self) -> Result<()> {
        self.0.close()
    }

    fn isclosed(&self) -> bool {
        self.0.isclosed()
    }
}

/// Forwards the operations that transfers from this filesystem use.
impl<F: FileSystem> Capabilities for ReadOnly<F> {
    fn location(&self, path: &str) -> Result<Option<Location>> {
        match self.0.capabilities() {
            Some(capabilities) => capabilities.location(path),
            None => Ok(None),
        }
    }

    fn copy_from(&self, _: &Location, dst_path: &str) -> Result<bool> {
        self.refuse(dst_path)
    }

    fn copydir_from(&self, _: &Location, dst_path: &str, _: bool) -> Result<bool> {
        self.refuse(dst_path)
    }

    fn storage(&self) -> Storage {
        let capabilities = self.0.capabilities();
        capabilities.map_or(Storage::Other, Capabilities::storage)
    }

    fn lists_in_key_order(&self) -> bool {
        let capabilities = self.0.capabilities();
        capabilities.is_some_and(Capabilities::lists_in_key_order)
    }

    fn has_e_tags(&self) -> bool {
        let capabilities = self.0.capabilities();
        capabilities.is_some_and(Capabilities::has_e_tags)
    }

    fn unfit_name(&self, name: &str) -> Option<&'static str> {
        self.0.capabilities()?.unfit_name(name)
    }

    /// Always `None`: the wrapper must see every change in order to refuse it.
    fn without_checks(&self) -> Option<Box<dyn FileSystem + '_>> {
        None
    }

    fn remove_listed(&self, files: &[&str], _: &[&str]) -> Option<Vec<Result<()>>> {
        Some(self.remove_many(files))
    }

    fn sync_file(&self, path: &str) -> Result<()> {
        self.refuse(path)
    }

    fn sync_directory(&self, path: &str) -> Result<()> {
        self.refuse(path)
    }

    fn open_source(
        &self,
        path: &str,
        options: &SourceOptions,
    ) -> Result<Option<Box<dyn RangedSource + '_>>> {
        match self.0.capabilities() {
            Some(capabilities) => capabilities.open_source(path, options),
            None => Ok(None),
        }
    }

    fn open_sink(&self, path: &str, _: &OpenOptions) -> Result<Option<Box<dyn PieceSink + '_>>> {
        self.refuse(path)
    }
}
