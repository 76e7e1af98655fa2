//! [`SubFs`]: a directory of a filesystem as a filesystem of its own.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::capabilities::{
    Capabilities, PieceSink, RangedSource, SourceOptions, Storage, Transfer,
};
use crate::filesystem::file::File;
use crate::filesystem::info::{Details, Info, Namespaces, RawInfo, ResourceType, Value};
use crate::filesystem::location::Location;
use crate::filesystem::mode::Mode;
use crate::filesystem::options::OpenOptions;
use crate::filesystem::scantree::{Descend, Descent};
use crate::filesystem::{
    CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries, require_open, validate,
};
use crate::path;

/// A directory of a filesystem as a filesystem of its own.
///
/// [`opendir`](crate::FileSystemExt::opendir) returns one that borrows the filesystem.
/// [`into_dir`](crate::FileSystemExt::into_dir) returns one that owns it, such as a clone of [`S3Fs`](crate::S3Fs) or an
/// `Arc<dyn FileSystem>`. Every call is forwarded with the path below the directory and costs the same as a call of the
/// outer filesystem. No path leads out of the directory. Errors name the paths that were passed to this filesystem.
///
/// The directory itself is the root: [`removedir`](FileSystem::removedir) refuses to remove it, and
/// [`removetree`](FileSystem::removetree) removes its content only. [`close`](FileSystem::close) closes this handle, but not
/// the outer filesystem.
///
/// ```no_run
/// use s3fs::{FileSystem, FileSystemExt, S3Fs};
///
/// let fs = S3Fs::new("mybucket")?;
/// let year = fs.makedir_open("2026")?;
/// year.writetext("hello.txt", "hello")?;
/// assert_eq!(fs.readtext("2026/hello.txt")?, "hello");
/// assert!(year.readtext("../secret.txt").is_err());
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// Source: [`fs.subfs.SubFS`](https://docs.pyfilesystem.org/en/latest/reference/subfs.html).
pub struct SubFs<F> {
    fs: F,
    /// Validated: absolute and normalized.
    directory: String,
    closed: AtomicBool,
}

impl<F: FileSystem> SubFs<F> {
    /// Opens the directory at `path` without checking that it exists.
    ///
    /// # Errors
    ///
    /// Only errors about the path.
    pub fn new(fs: F, path: &str) -> Result<Self> {
        let directory = fs.validatepath(path)?;
        Ok(Self {
            fs,
            directory,
            closed: AtomicBool::new(false),
        })
    }

    /// The outer filesystem, which contains the directory.
    pub fn delegate_fs(&self) -> &F {
        &self.fs
    }

    /// Returns the path in [`delegate_fs`](Self::delegate_fs) of a path in this filesystem.
    ///
    /// # Errors
    ///
    /// As [`validatepath`](FileSystem::validatepath).
    pub fn delegate_path(&self, path: &str) -> Result<String> {
        require_open(self)?;
        let validated = validate(path, &self.getmeta())?;
        Ok(self.outer(&validated))
    }

    /// Unwraps the outer filesystem.
    pub fn into_inner(self) -> F {
        self.fs
    }

    /// Converts a validated path of this filesystem to a path of the outer one.
    fn outer(&self, validated: &str) -> String {
        match (self.directory.as_str(), validated) {
            ("/", _) => validated.to_owned(),
            (directory, "/") => directory.to_owned(),
            (directory, _) => format!("{directory}{validated}"),
        }
    }

    fn names<'a>(&self, given: &[&'a str], delegated: &[&str]) -> Names<'a> {
        Names {
            directory: self.directory.clone(),
            paths: given
                .iter()
                .zip(delegated)
                .map(|(given, delegated)| ((*delegated).to_owned(), (*given).into()))
                .collect(),
        }
    }

    /// Forwards a call about one path.
    fn at<T>(&self, path: &str, call: impl FnOnce(&F, &str) -> Result<T>) -> Result<T> {
        let delegated = self.delegate_path(path)?;
        call(&self.fs, &delegated)
            .map_err(|error| self.names(&[path], &[&delegated]).translate(error))
    }

    /// Forwards a call about many paths, except the root and invalid paths. `alone` handles these.
    fn many<T>(
        &self,
        paths: &[&str],
        call: impl FnOnce(&F, &[&str]) -> Vec<Result<T>>,
        alone: impl Fn(&str) -> Result<T>,
    ) -> Vec<Result<T>> {
        let below = |path: &&str| {
            let delegated = self.delegate_path(path).ok()?;
            (delegated != self.directory).then_some(delegated)
        };
        let delegated: Vec<Option<String>> = paths.iter().map(below).collect();
        let asked: Vec<&str> = delegated.iter().flatten().map(String::as_str).collect();
        let mut answers = call(&self.fs, &asked).into_iter();
        let answer = |(path, delegated): (&&str, &Option<String>)| {
            let asked = delegated.as_deref();
            match asked.and_then(|asked| Some((asked, answers.next()?))) {
                Some((asked, answer)) => {
                    answer.map_err(|error| self.names(&[path], &[asked]).translate(error))
                }
                None => alone(path),
            }
        };
        paths.iter().zip(&delegated).map(answer).collect()
    }

    /// Forwards a call about one path that cannot be the root. A file outside the directory may have the same name as the
    /// directory.
    fn below<T>(
        &self,
        path: &str,
        for_root: ErrorKind,
        call: impl FnOnce(&F, &str) -> Result<T>,
    ) -> Result<T> {
        self.refuse_root(path, for_root)?;
        self.at(path, call)
    }

    /// Forwards a call about a file that also reads from, or writes to, something else. Translates only errors about this
    /// file.
    fn transfer<T>(&self, path: &str, call: impl FnOnce(&F, &str) -> Result<T>) -> Result<T> {
        self.refuse_root(path, ErrorKind::FileExpected)?;
        let delegated = self.delegate_path(path)?;
        call(&self.fs, &delegated).map_err(|error| match error.path() {
            Some(about) if about == delegated => error.with_path_replaced(path),
            _ => error,
        })
    }

    /// Forwards a call about two paths. If both paths are the same, the kind of an error decides which path it names.
    /// `target_first` is true if a missing target is reported before a missing source.
    fn between<T>(
        &self,
        src_path: &str,
        dst_path: &str,
        target_first: bool,
        call: impl FnOnce(&F, &str, &str) -> Result<T>,
    ) -> Result<T> {
        let source = self.delegate_path(src_path)?;
        let target = self.delegate_path(dst_path)?;
        call(&self.fs, &source, &target).map_err(|error| {
            let about_target = match error.kind() {
                ErrorKind::DestinationExists | ErrorKind::IllegalDestination => true,
                ErrorKind::ResourceNotFound => target_first,
                _ => false,
            };
            let names = if about_target {
                self.names(&[dst_path, src_path], &[&target, &source])
            } else {
                self.names(&[src_path, dst_path], &[&source, &target])
            };
            names.translate(error)
        })
    }

    /// Forwards a copy or move of a file.
    fn between_files<T>(
        &self,
        src_path: &str,
        dst_path: &str,
        options: &CopyOptions,
        call: impl FnOnce(&F, &str, &str) -> Result<T>,
    ) -> Result<T> {
        let (from_root, to_root) = (self.is_root(src_path)?, self.is_root(dst_path)?);
        if from_root || to_root {
            // Returns the same errors as other filesystems for a directory, in the order of their checks.
            if !options.overwrite && self.exists(dst_path)? {
                return Err(Error::new(ErrorKind::DestinationExists).with_path(dst_path));
            }
            let is_dir = self.getinfo(src_path, Namespaces::BASIC)?.is_dir();
            let refused = if is_dir { src_path } else { dst_path };
            return Err(Error::new(ErrorKind::FileExpected).with_path(refused));
        }
        self.between(src_path, dst_path, false, call)
    }

    fn is_root(&self, path: &str) -> Result<bool> {
        Ok(self.delegate_path(path)? == self.directory)
    }

    fn refuse_root(&self, path: &str, kind: ErrorKind) -> Result<()> {
        if self.is_root(path)? {
            return Err(Error::new(kind)
                .with_path(path)
                .with_message("it is the root directory"));
        }
        Ok(())
    }

    /// Returns information about the directory, with an empty name, as for any root. On S3 a file of the same name may exist
    /// as well. An error does not refer to that file.
    fn getinfo_root(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        self.at(path, |fs, delegated| {
            let info = fs.getinfo(delegated, namespaces)?;
            if info.is_dir() {
                return Ok(info.with_name(""));
            }
            fs.check_directory(delegated)?;
            let root = Info::new("", true);
            Ok(match namespaces.contains(Namespaces::DETAILS) {
                true => root.with_details(Details::new(ResourceType::Directory, 0, None)),
                false => root,
            })
        })
    }

    /// Converts `descend` for paths of the outer filesystem.
    fn descend_outer<'a>(&'a self, mut descend: Descend<'a>) -> Descend<'a> {
        let directory = &self.directory;
        Box::new(move |outer| match inner(directory, outer) {
            Some(path) => descend(&path),
            None => Descent::Skip,
        })
    }

    /// Converts the entries of a tree to paths of this filesystem.
    fn tree<'a>(
        &'a self,
        path: &str,
        delegated: &str,
        entries: Result<TreeEntries<'a>>,
    ) -> Result<TreeEntries<'a>> {
        let names = self.names(&[path], &[delegated]).owned();
        let entries = entries.map_err(|error| names.translate(error))?;
        Ok(Box::new(entries.map(move |entry| {
            let (outer, info) = entry.map_err(|error| names.translate(error))?;
            let directory = inner(&names.directory, &outer).ok_or_else(|| {
                Error::new(ErrorKind::OperationFailed)
                    .with_path(outer.as_str())
                    .with_message("the listing contains an entry outside the directory")
            })?;
            Ok((directory, info))
        })))
    }

    fn entries<'a>(&'a self, path: &str, entries: Entries<'a>) -> Result<Entries<'a>> {
        let delegated = self.delegate_path(path)?;
        let names = self.names(&[path], &[&delegated]).owned();
        Ok(Box::new(entries.map(move |entry| {
            entry.map_err(|error| names.translate(error))
        })))
    }
}

/// The paths passed to a call, and the corresponding paths in the outer filesystem.
struct Names<'a> {
    directory: String,
    paths: Vec<(String, std::borrow::Cow<'a, str>)>,
}

impl Names<'_> {
    fn owned(self) -> Names<'static> {
        let paths = self.paths.into_iter();
        Names {
            directory: self.directory,
            paths: paths
                .map(|(delegated, given)| (delegated, given.into_owned().into()))
                .collect(),
        }
    }

    /// Returns the error with the path that the caller passed.
    fn translate(&self, error: Error) -> Error {
        let Some(about) = error.path() else {
            return error;
        };
        let given = self.paths.iter().find(|(delegated, _)| delegated == about);
        if let Some((_, given)) = given {
            return error.with_path_replaced(given.as_ref());
        }
        match inner(&self.directory, about) {
            Some(below) => error.with_path_replaced(below),
            None => error,
        }
    }

    fn translate_io(&self, error: io::Error) -> io::Error {
        match error.downcast::<Error>() {
            Ok(own) => self.translate(own).into(),
            Err(other) => other,
        }
    }
}

/// Converts a path of the outer filesystem to a path in the directory. `None` if it is outside.
fn inner(directory: &str, outer: &str) -> Option<String> {
    if directory == "/" {
        return Some(outer.to_owned());
    }
    match outer.strip_prefix(directory)? {
        "" => Some("/".to_owned()),
        below if below.starts_with('/') => Some(below.to_owned()),
        _ => None,
    }
}

impl<F: Clone> Clone for SubFs<F> {
    fn clone(&self) -> Self {
        Self {
            fs: self.fs.clone(),
            directory: self.directory.clone(),
            closed: AtomicBool::new(self.closed.load(Ordering::Relaxed)),
        }
    }
}

impl<F: fmt::Debug> fmt::Debug for SubFs<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubFs")
            .field("fs", &self.fs)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl<F: fmt::Display> fmt::Display for SubFs<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.fs, self.directory)
    }
}

/// Forwards every method for which the outer filesystem may have a better implementation.
impl<F: FileSystem> FileSystem for SubFs<F> {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        if self.is_root(path)? {
            return self.getinfo_root(path, namespaces);
        }
        self.at(path, |fs, path| fs.getinfo(path, namespaces))
    }

    /// Forwards all paths in one call, except the root and invalid paths, which are handled here.
    fn getinfo_many(&self, paths: &[&str], namespaces: Namespaces) -> Vec<Result<Info>> {
        self.many(
            paths,
            |fs, paths| fs.getinfo_many(paths, namespaces),
            |path| self.getinfo(path, namespaces),
        )
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        self.at(path, |fs, path| fs.listdir(path))
    }

    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.at(path, |fs, path| fs.makedir_with(path, options))
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        Mode::binary(mode).map_err(|error| error.with_path(path))?;
        let file = self.below(path, ErrorKind::FileExpected, |fs, path| {
            fs.openbin_with(path, mode, options)
        })?;
        SubFile::boxed(self, path, file)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.below(path, ErrorKind::FileExpected, |fs, path| fs.remove(path))
    }

    fn removedir(&self, path: &str) -> Result<()> {
        self.below(path, ErrorKind::RemoveRoot, |fs, path| fs.removedir(path))
    }

    /// Forwards all paths in one call, except the root and invalid paths, which are refused here.
    fn remove_many(&self, paths: &[&str]) -> Vec<Result<()>> {
        self.many(
            paths,
            |fs, paths| fs.remove_many(paths),
            |path| self.remove(path),
        )
    }

    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        if self.is_root(path)? {
            if self.at(path, |fs, path| fs.isfile(path))? {
                self.at(path, |fs, path| fs.check_directory(path))?;
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_path(path)
                    .with_message("this would change a file with the same name as the directory"));
            }
            // The root has an empty name here. Setting it again does not rename the directory in the outer filesystem.
            if info.get("basic", "name") == Some(&Value::from("")) {
                let name = path::basename(&self.directory);
                let info = info.clone().with("basic", "name", name);
                return self.at(path, |fs, path| fs.setinfo(path, &info));
            }
        }
        self.at(path, |fs, path| fs.setinfo(path, info))
    }

    fn exists(&self, path: &str) -> Result<bool> {
        if self.is_root(path)? {
            return self.isdir(path);
        }
        self.at(path, |fs, path| fs.exists(path))
    }

    fn isfile(&self, path: &str) -> Result<bool> {
        if self.is_root(path)? {
            return Ok(false);
        }
        self.at(path, |fs, path| fs.isfile(path))
    }

    fn isdir(&self, path: &str) -> Result<bool> {
        self.at(path, |fs, path| fs.isdir(path))
    }

    fn isempty(&self, path: &str) -> Result<bool> {
        self.at(path, |fs, path| fs.isempty(path))
    }

    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        let delegated = self.delegate_path(path)?;
        let entries = self.fs.scandir(&delegated, namespaces);
        let entries =
            entries.map_err(|error| self.names(&[path], &[&delegated]).translate(error))?;
        self.entries(path, entries)
    }

    fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
        self.below(path, ErrorKind::FileExpected, |fs, path| {
            fs.readbytes_with(path, options)
        })
    }

    fn writebytes_with(&self, path: &str, contents: &[u8], options: &OpenOptions) -> Result<()> {
        self.below(path, ErrorKind::FileExpected, |fs, path| {
            fs.writebytes_with(path, contents, options)
        })
    }

    fn create(&self, path: &str, wipe: bool) -> Result<bool> {
        if self.is_root(path)? && !wipe {
            return Ok(false);
        }
        self.below(path, ErrorKind::FileExpected, |fs, path| {
            fs.create(path, wipe)
        })
    }

    fn touch(&self, path: &str) -> Result<()> {
        if self.is_root(path)? {
            return self.settimes(path, None, None);
        }
        self.at(path, |fs, path| fs.touch(path))
    }

    fn getmeta(&self) -> Meta {
        let mut meta = self.fs.getmeta();
        let taken = self.directory.trim_end_matches('/').len();
        meta.max_path_length = meta.max_path_length.map(|max| max.saturating_sub(taken));
        meta
    }

    fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
        if purpose == "fs" {
            return self.at(path, |fs, path| fs.geturl_for(path, purpose));
        }
        self.below(path, ErrorKind::NoUrl, |fs, path| {
            fs.geturl_for(path, purpose)
        })
    }

    fn validatepath(&self, path: &str) -> Result<String> {
        self.at(path, |fs, path| fs.validatepath(path))?;
        validate(path, &self.getmeta())
    }

    fn download(&self, path: &str, target: &mut dyn Write) -> Result<u64> {
        self.transfer(path, |fs, path| fs.download(path, target))
    }

    fn upload_sized(&self, path: &str, source: &mut dyn Read, size: u64) -> Result<u64> {
        self.transfer(path, |fs, path| fs.upload_sized(path, source, size))
    }

    fn upload(&self, path: &str, source: &mut dyn Read) -> Result<u64> {
        self.transfer(path, |fs, path| fs.upload(path, source))
    }

    /// Makes no directories above this one.
    fn makedirs_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        let mut options = *options;
        options.given_levels += path::iteratepath(&self.directory)?.len();
        self.at(path, |fs, path| fs.makedirs_with(path, &options))
    }

    fn copy_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        self.between_files(src_path, dst_path, options, |fs, source, target| {
            fs.copy_with(source, target, options)
        })
    }

    fn movefile_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        self.between_files(src_path, dst_path, options, |fs, source, target| {
            fs.movefile_with(source, target, options)
        })
    }

    fn copydir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        self.between(src_path, dst_path, !options.create, |fs, source, target| {
            fs.copydir_with(source, target, options)
        })
    }

    fn movedir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        self.between(src_path, dst_path, !options.create, |fs, source, target| {
            fs.movedir_with(source, target, options)
        })
    }

    fn removetree(&self, path: &str) -> Result<()> {
        if self.is_root(path)? {
            return self.emptydir(path);
        }
        self.at(path, |fs, path| fs.removetree(path))
    }

    fn emptydir(&self, path: &str) -> Result<()> {
        self.at(path, |fs, path| fs.emptydir(path))
    }

    fn scantree(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        let delegated = self.delegate_path(path)?;
        self.tree(path, &delegated, self.fs.scantree(&delegated, namespaces))
    }

    fn scantree_whole(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        let delegated = self.delegate_path(path)?;
        let entries = self.fs.scantree_whole(&delegated, namespaces);
        self.tree(path, &delegated, entries)
    }

    fn scantree_pruned<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Descend<'a>,
    ) -> Result<TreeEntries<'a>> {
        let delegated = self.delegate_path(path)?;
        let descend = self.descend_outer(descend);
        let entries = self.fs.scantree_pruned(&delegated, namespaces, descend);
        self.tree(path, &delegated, entries)
    }

    fn scantree_whole_pruned<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Descend<'a>,
    ) -> Result<TreeEntries<'a>> {
        let delegated = self.delegate_path(path)?;
        let descend = self.descend_outer(descend);
        let entries = self
            .fs
            .scantree_whole_pruned(&delegated, namespaces, descend);
        self.tree(path, &delegated, entries)
    }

    fn scandir_prefix(
        &self,
        path: &str,
        name_prefix: &str,
        namespaces: Namespaces,
    ) -> Result<Entries<'_>> {
        let delegated = self.delegate_path(path)?;
        let entries = self.fs.scandir_prefix(&delegated, name_prefix, namespaces);
        let entries =
            entries.map_err(|error| self.names(&[path], &[&delegated]).translate(error))?;
        self.entries(path, entries)
    }

    fn check_directory(&self, path: &str) -> Result<()> {
        self.at(path, |fs, path| fs.check_directory(path))
    }

    fn settimes(
        &self,
        path: &str,
        accessed: Option<OffsetDateTime>,
        modified: Option<OffsetDateTime>,
    ) -> Result<()> {
        if self.is_root(path)? && self.at(path, |fs, path| fs.isfile(path))? {
            // Returns the error of `setinfo`.
            return self.setinfo(path, &RawInfo::new());
        }
        self.at(path, |fs, path| fs.settimes(path, accessed, modified))
    }

    fn getsyspath(&self, path: &str) -> Result<PathBuf> {
        self.at(path, |fs, path| fs.getsyspath(path))
    }

    fn islink(&self, path: &str) -> Result<bool> {
        self.at(path, |fs, path| fs.islink(path))
    }

    fn label(&self) -> String {
        format!("{:?} on {}", self.directory, self.fs.label())
    }

    fn capabilities(&self) -> Option<&dyn Capabilities> {
        self.fs.capabilities().map(|_| self as &dyn Capabilities)
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn isclosed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.fs.isclosed()
    }
}

/// Forwards the operations of the outer filesystem.
impl<F: FileSystem> Capabilities for SubFs<F> {
    fn location(&self, path: &str) -> Result<Option<Location>> {
        let location = self.at(path, |fs, path| match fs.capabilities() {
            Some(capabilities) => capabilities.location(path),
            None => Ok(None),
        })?;
        Ok(match location {
            Some(location) if self.is_root(path)? => Some(location.as_root()),
            location => location,
        })
    }

    fn copy_from(&self, source: &Location, dst_path: &str) -> Result<bool> {
        self.below(dst_path, ErrorKind::FileExpected, |fs, path| {
            match fs.capabilities() {
                Some(capabilities) => capabilities.copy_from(source, path),
                None => Ok(false),
            }
        })
    }

    fn copydir_from(&self, source: &Location, dst_path: &str, remove: bool) -> Result<bool> {
        self.at(dst_path, |fs, path| match fs.capabilities() {
            Some(capabilities) => capabilities.copydir_from(source, path, remove),
            None => Ok(false),
        })
    }

    fn storage(&self) -> Storage {
        let capabilities = self.fs.capabilities();
        capabilities.map_or(Storage::Other, Capabilities::storage)
    }

    fn lists_in_key_order(&self) -> bool {
        let capabilities = self.fs.capabilities();
        capabilities.is_some_and(Capabilities::lists_in_key_order)
    }

    fn has_e_tags(&self) -> bool {
        let capabilities = self.fs.capabilities();
        capabilities.is_some_and(Capabilities::has_e_tags)
    }

    fn unfit_name(&self, name: &str) -> Option<&'static str> {
        self.fs.capabilities()?.unfit_name(name)
    }

    fn without_checks(&self) -> Option<Box<dyn FileSystem + '_>> {
        Some(Box::new(SubFs {
            fs: self.fs.capabilities()?.without_checks()?,
            directory: self.directory.clone(),
            closed: AtomicBool::new(self.isclosed()),
        }))
    }

    fn remove_listed(&self, files: &[&str], emptied: &[&str]) -> Option<Vec<Result<()>>> {
        let capabilities = self.fs.capabilities()?;
        let emptied = emptied.iter().map(|path| self.delegate_path(path));
        let emptied: Vec<String> = emptied.collect::<Result<_>>().ok()?;
        let emptied: Vec<&str> = emptied.iter().map(String::as_str).collect();
        let mut has_way = true;
        let removed = self.many(
            files,
            |_, files| {
                let removed = capabilities.remove_listed(files, &emptied);
                has_way = removed.is_some();
                removed.unwrap_or_default()
            },
            |path| self.refuse_root(path, ErrorKind::FileExpected),
        );
        has_way.then_some(removed)
    }

    fn sync_file(&self, path: &str) -> Result<()> {
        self.at(path, |fs, path| match fs.capabilities() {
            Some(capabilities) => capabilities.sync_file(path),
            None => Ok(()),
        })
    }

    fn sync_directory(&self, path: &str) -> Result<()> {
        self.at(path, |fs, path| match fs.capabilities() {
            Some(capabilities) => capabilities.sync_directory(path),
            None => Ok(()),
        })
    }

    fn open_source(
        &self,
        path: &str,
        options: &SourceOptions,
    ) -> Result<Option<Box<dyn RangedSource + '_>>> {
        self.refuse_root(path, ErrorKind::FileExpected)?;
        let delegated = self.delegate_path(path)?;
        let Some(capabilities) = self.fs.capabilities() else {
            return Ok(None);
        };
        let names = self.names(&[path], &[&delegated]).owned();
        let source = capabilities.open_source(&delegated, options);
        let source = source.map_err(|error| names.translate(error))?;
        Ok(source.map(|source| -> Box<dyn RangedSource> { Box::new(SubSource { source, names }) }))
    }

    fn open_sink(
        &self,
        path: &str,
        options: &OpenOptions,
    ) -> Result<Option<Box<dyn PieceSink + '_>>> {
        self.refuse_root(path, ErrorKind::FileExpected)?;
        let delegated = self.delegate_path(path)?;
        let Some(capabilities) = self.fs.capabilities() else {
            return Ok(None);
        };
        let sink = capabilities.open_sink(&delegated, options);
        let sink = sink.map_err(|error| self.names(&[path], &[&delegated]).translate(error))?;
        Ok(sink.map(|sink| -> Box<dyn PieceSink> {
            let path = path.to_owned();
            Box::new(SubSink {
                sink,
                delegated,
                path,
            })
        }))
    }
}

/// A source whose errors name the path that the caller passed.
struct SubSource<'a> {
    source: Box<dyn RangedSource + 'a>,
    names: Names<'static>,
}

impl RangedSource for SubSource<'_> {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.source.read_at(buffer, offset);
        read.map_err(|error| self.names.translate_io(error))
    }

    fn range(&self, start: u64, end: u64) -> Result<Box<dyn Read + '_>> {
        let range = self.source.range(start, end);
        range.map_err(|error| self.names.translate(error))
    }

    fn begun(&self) -> u64 {
        self.source.begun()
    }

    fn piece_size(&self) -> u64 {
        self.source.piece_size()
    }

    fn modified(&self) -> Option<OffsetDateTime> {
        self.source.modified()
    }

    fn original_modified(&self) -> Option<OffsetDateTime> {
        self.source.original_modified()
    }

    fn now(&self) -> OffsetDateTime {
        self.source.now()
    }

    fn version(&self) -> Option<String> {
        self.source.version()
    }

    fn check_unchanged(&self) -> Result<()> {
        let checked = self.source.check_unchanged();
        checked.map_err(|error| self.names.translate(error))
    }
}

/// A sink whose errors name the path that the caller passed.
struct SubSink<'a> {
    sink: Box<dyn PieceSink + 'a>,
    delegated: String,
    path: String,
}

impl PieceSink for SubSink<'_> {
    fn is_begun(&self) -> bool {
        self.sink.is_begun()
    }

    /// Errors about the source keep its path.
    fn store(&self, source: &dyn RangedSource, transfer: &Transfer<'_>) -> Result<()> {
        let stored = self.sink.store(source, transfer);
        stored.map_err(|error| match error.path() {
            Some(about) if about == self.delegated => error.with_path_replaced(&*self.path),
            _ => error,
        })
    }
}

/// An open file whose errors name the path that the caller passed.
struct SubFile {
    file: Box<dyn File>,
    names: Names<'static>,
}

impl SubFile {
    fn boxed<F: FileSystem>(
        fs: &SubFs<F>,
        path: &str,
        file: Box<dyn File>,
    ) -> Result<Box<dyn File>> {
        let delegated = fs.delegate_path(path)?;
        let names = fs.names(&[path], &[&delegated]).owned();
        Ok(Box::new(Self { file, names }))
    }

    fn pass<T>(&mut self, call: impl FnOnce(&mut dyn File) -> io::Result<T>) -> io::Result<T> {
        call(&mut *self.file).map_err(|error| self.names.translate_io(error))
    }
}

impl Read for SubFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pass(|file| file.read(buffer))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.pass(|file| file.read_vectored(buffers))
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        self.pass(|file| file.read_to_end(bytes))
    }
}

impl Write for SubFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass(|file| file.write(bytes))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.pass(|file| file.write_vectored(buffers))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(|file| file.flush())
    }
}

impl Seek for SubFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.pass(|file| file.seek(from))
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.pass(|file| file.stream_position())
    }
}

impl File for SubFile {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.pass(|file| file.set_len(size))
    }

    fn close(&mut self) -> Result<()> {
        let closed = self.file.close();
        closed.map_err(|error| self.names.translate(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_translated_back_only_if_it_is_in_the_directory() {
        assert_eq!(inner("/a/b", "/a/b").as_deref(), Some("/"));
        assert_eq!(inner("/a/b", "/a/b/c/d").as_deref(), Some("/c/d"));
        assert_eq!(inner("/a/b", "/a/bc"), None);
        assert_eq!(inner("/a/b", "/a"), None);
        assert_eq!(inner("/", "/a").as_deref(), Some("/a"));
    }

    #[test]
    fn an_error_has_the_path_of_the_caller() {
        let names = Names {
            directory: "/d".to_owned(),
            paths: vec![("/d/f".to_owned(), "x/../f".into())],
        };
        let about = |path: &str| {
            let error = Error::new(ErrorKind::ResourceNotFound).with_path(path);
            names.translate(error).path().map(str::to_owned)
        };
        assert_eq!(about("/d/f").as_deref(), Some("x/../f"));
        assert_eq!(about("/d/e/g").as_deref(), Some("/e/g"));
        assert_eq!(about("/elsewhere").as_deref(), Some("/elsewhere"));
        let none = names.translate(Error::new(ErrorKind::FilesystemClosed));
        assert_eq!(none.path(), None);
    }
}
