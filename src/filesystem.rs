//! [`FileSystem`]: the interface of every filesystem, in PyFilesystem's words, and
//! [`FileSystemExt`]: the generic rest of it, for every `FileSystem`.

use std::io::{Read, Write};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::file::File;
use crate::info::{Info, Namespaces, RawInfo, ResourceType};
use crate::options::OpenOptions;
use crate::path;

/// The entries of a directory, one after the other.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Info>> + Send + 'a>;

/// What a filesystem is like: PyFilesystem's `standard` meta namespace.
///
/// Source: [`FS.getmeta`](https://docs.pyfilesystem.org/en/latest/reference/base.html#fs.base.FS.getmeta).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// Whether names that differ only in case are the same.
    pub case_insensitive: bool,
    /// The characters that no path may have.
    pub invalid_path_chars: String,
    /// The longest path, in bytes, if there is a limit.
    pub max_path_length: Option<usize>,
    /// Whether it needs a network.
    pub network: bool,
    /// Whether nothing can be changed.
    pub read_only: bool,
    /// Whether a file can be renamed in one step.
    pub supports_rename: bool,
    /// Whether threads may share it; always so in Rust.
    pub thread_safe: bool,
    /// Whether paths may be any Unicode.
    pub unicode_paths: bool,
    /// Whether it is a view of other filesystems.
    pub is_virtual: bool,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            case_insensitive: false,
            invalid_path_chars: "\0".to_owned(),
            max_path_length: None,
            network: false,
            read_only: false,
            supports_rename: false,
            thread_safe: true,
            unicode_paths: true,
            is_virtual: false,
        }
    }
}

/// How `makedir` makes a directory.
///
/// PyFilesystem's `permissions` has no meaning on S3 and is not here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MakedirOptions {
    pub(crate) recreate: bool,
}

impl MakedirOptions {
    /// PyFilesystem's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a directory that is already there is fine; by default it is an error.
    #[must_use]
    pub fn recreate(mut self, recreate: bool) -> Self {
        self.recreate = recreate;
        self
    }
}

/// A filesystem, in PyFilesystem's words.
///
/// The methods without a default are PyFilesystem's
/// [essential methods](https://docs.pyfilesystem.org/en/latest/implementers.html#essential-methods);
/// the others stand on them, and a filesystem overrides what it can do better. The trait is
/// object-safe: [`open_fs`](crate::open_fs) gives a `Box<dyn FileSystem>`.
///
/// A path is `/`-separated and relative to the root, `""` and `"/"` are the root, and `..` above
/// the root is an error. Every method fails with
/// [`FilesystemClosed`](ErrorKind::FilesystemClosed) after [`close`](Self::close), and with one of
/// [`InvalidPath`](ErrorKind::InvalidPath), [`InvalidCharsInPath`](ErrorKind::InvalidCharsInPath)
/// and [`IllegalBackReference`](ErrorKind::IllegalBackReference) for a path that cannot be: none
/// of that is repeated below. The requests that each costs on S3 are told in
/// [`S3Fs`](crate::S3Fs#requests).
///
/// Source: [`fs.base.FS`](https://docs.pyfilesystem.org/en/latest/reference/base.html).
pub trait FileSystem: Send + Sync {
    /// What is known about the resource.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[doc(alias = "metadata")]
    #[doc(alias = "stat")]
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info>;

    /// The names in a directory, each once.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected).
    #[doc(alias = "read_dir")]
    fn listdir(&self, path: &str) -> Result<Vec<String>>;

    /// Makes a directory, as [`makedir`](Self::makedir), with options.
    ///
    /// # Errors
    ///
    /// As [`makedir`](Self::makedir).
    fn makedir_with(&self, path: &str, options: MakedirOptions) -> Result<()>;

    /// Opens a file, as [`openbin`](Self::openbin), with options.
    ///
    /// # Errors
    ///
    /// As [`openbin`](Self::openbin).
    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`FileExpected`](ErrorKind::FileExpected).
    #[doc(alias = "remove_file")]
    fn remove(&self, path: &str) -> Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected),
    /// [`DirectoryNotEmpty`](ErrorKind::DirectoryNotEmpty), [`RemoveRoot`](ErrorKind::RemoveRoot).
    #[doc(alias = "remove_dir")]
    fn removedir(&self, path: &str) -> Result<()>;

    /// Changes what [`getinfo`](Self::getinfo) tells: `info` has the shape of
    /// [`Info::raw`], and what it does not name stays.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`Unsupported`](ErrorKind::Unsupported) for what cannot be changed,
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a value of the wrong type.
    #[doc(alias = "set_permissions")]
    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()>;

    /// Makes a directory in a directory that exists.
    ///
    /// # Errors
    ///
    /// [`DirectoryExists`](ErrorKind::DirectoryExists) if something is there already,
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the parent directory is not there.
    #[doc(alias = "create_dir")]
    fn makedir(&self, path: &str) -> Result<()> {
        self.makedir_with(path, MakedirOptions::default())
    }

    /// Opens a file for bytes; `mode` is a [`Mode`](crate::Mode) string such as `"r"` or `"w"`.
    ///
    /// # Errors
    ///
    /// [`InvalidMode`](ErrorKind::InvalidMode),
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the file (`r`) or its parent directory
    /// is not there, [`FileExpected`](ErrorKind::FileExpected) on a directory,
    /// [`FileExists`](ErrorKind::FileExists) (`x`).
    #[doc(alias = "open")]
    fn openbin(&self, path: &str, mode: &str) -> Result<Box<dyn File>> {
        self.openbin_with(path, mode, &OpenOptions::default())
    }

    /// Whether something is there.
    ///
    /// # Errors
    ///
    /// Only what keeps it from being known: the network, a permission, a missing bucket.
    #[doc(alias = "try_exists")]
    fn exists(&self, path: &str) -> Result<bool> {
        found(self.getinfo(path, Namespaces::BASIC)).map(|info| info.is_some())
    }

    /// Whether a file is there.
    ///
    /// # Errors
    ///
    /// As [`exists`](Self::exists).
    #[doc(alias = "is_file")]
    fn isfile(&self, path: &str) -> Result<bool> {
        let info = found(self.getinfo(path, Namespaces::BASIC))?;
        Ok(info.is_some_and(|info| info.is_file()))
    }

    /// Whether a directory is there.
    ///
    /// # Errors
    ///
    /// As [`exists`](Self::exists).
    #[doc(alias = "is_dir")]
    fn isdir(&self, path: &str) -> Result<bool> {
        let info = found(self.getinfo(path, Namespaces::BASIC))?;
        Ok(info.is_some_and(|info| info.is_dir()))
    }

    /// Whether a directory holds nothing.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected).
    fn isempty(&self, path: &str) -> Result<bool> {
        let first = self.scandir(path, Namespaces::BASIC)?.next();
        first.transpose().map(|first| first.is_none())
    }

    /// The entries of a directory. PyFilesystem's `page` is the iterator's `skip` and `take`.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected); the iterator ends after an error.
    #[doc(alias = "read_dir")]
    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        let directory = self.validatepath(path)?;
        let names = self.listdir(path)?;
        Ok(Box::new(names.into_iter().map(move |name| {
            self.getinfo(&path::join([&directory, &name])?, namespaces)
        })))
    }

    /// All bytes of a file.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`FileExpected`](ErrorKind::FileExpected).
    #[doc(alias = "read")]
    #[doc(alias = "getbytes")]
    fn readbytes(&self, path: &str) -> Result<Vec<u8>> {
        self.readbytes_with(path, &OpenOptions::default())
    }

    /// All bytes of a file, as [`readbytes`](Self::readbytes), with options.
    ///
    /// # Errors
    ///
    /// As [`readbytes`](Self::readbytes).
    fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = self.openbin_with(path, "r", options)?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// All of a file as UTF-8 text. A byte order mark stays.
    ///
    /// # Errors
    ///
    /// As [`readbytes`](Self::readbytes), and [`OperationFailed`](ErrorKind::OperationFailed),
    /// with the position of the byte, if it is not UTF-8.
    #[doc(alias = "read_to_string")]
    #[doc(alias = "gettext")]
    fn readtext(&self, path: &str) -> Result<String> {
        String::from_utf8(self.readbytes(path)?).map_err(|error| {
            let position = error.utf8_error().valid_up_to();
            Error::new(ErrorKind::OperationFailed)
                .with_path(path)
                .with_message(format!("the file is not UTF-8 at byte {position}"))
                .with_hint("read it with readbytes")
        })
    }

    /// Writes a file whole, replacing what was there.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the parent directory is not there,
    /// [`FileExpected`](ErrorKind::FileExpected) on a directory.
    #[doc(alias = "write")]
    #[doc(alias = "setbytes")]
    fn writebytes(&self, path: &str, contents: &[u8]) -> Result<()> {
        self.writebytes_with(path, contents, &OpenOptions::default())
    }

    /// Writes a file whole, as [`writebytes`](Self::writebytes), with options.
    ///
    /// # Errors
    ///
    /// As [`writebytes`](Self::writebytes).
    fn writebytes_with(&self, path: &str, contents: &[u8], options: &OpenOptions) -> Result<()> {
        let mut file = self.openbin_with(path, "w", options)?;
        file.write_all(contents)?;
        file.close()
    }

    /// Writes a file of UTF-8 text, replacing what was there.
    ///
    /// # Errors
    ///
    /// As [`writebytes`](Self::writebytes).
    #[doc(alias = "settext")]
    fn writetext(&self, path: &str, contents: &str) -> Result<()> {
        self.writebytes(path, contents.as_bytes())
    }

    /// Makes an empty file if nothing is there, or, with `wipe`, in any case. Says whether it made
    /// one.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the parent directory is not there,
    /// with `wipe` [`FileExpected`](ErrorKind::FileExpected) on a directory.
    #[doc(alias = "create_new")]
    fn create(&self, path: &str, wipe: bool) -> Result<bool> {
        if wipe {
            return self.writebytes(path, b"").map(|()| true);
        }
        if self.exists(path)? {
            return Ok(false);
        }
        match self.openbin(path, "x").and_then(|mut file| file.close()) {
            Ok(()) => Ok(true),
            Err(error) if error.is(ErrorKind::FileExists) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes an empty file if nothing is there, or else sets its times to now, where a filesystem
    /// can: S3 cannot, and does nothing then.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    fn touch(&self, path: &str) -> Result<()> {
        if self.create(path, false)? {
            return Ok(());
        }
        let now = time::OffsetDateTime::now_utc();
        let times = RawInfo::new()
            .with("details", "accessed", now)
            .with("details", "modified", now);
        self.setinfo(path, &times)
    }

    /// Size in bytes; 0 for a directory.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[doc(alias = "len")]
    fn getsize(&self, path: &str) -> Result<u64> {
        Ok(self.getdetails(path)?.size().unwrap_or_default())
    }

    /// Whether it is a file or a directory.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[doc(alias = "file_type")]
    fn gettype(&self, path: &str) -> Result<ResourceType> {
        let info = self.getdetails(path)?;
        Ok(info.kind().unwrap_or(ResourceType::Unknown))
    }

    /// The `basic` namespace of a resource.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    fn getbasic(&self, path: &str) -> Result<Info> {
        self.getinfo(path, Namespaces::BASIC)
    }

    /// The `details` namespace of a resource.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    fn getdetails(&self, path: &str) -> Result<Info> {
        self.getinfo(path, Namespaces::DETAILS)
    }

    /// What this filesystem is like.
    fn getmeta(&self) -> Meta {
        Meta::default()
    }

    /// A URL to download the file from.
    ///
    /// # Errors
    ///
    /// [`NoUrl`](ErrorKind::NoUrl).
    fn geturl(&self, path: &str) -> Result<String> {
        self.geturl_for(path, "download")
    }

    /// A URL of the file for that purpose: `"download"`, or `"fs"` for an FS URL that
    /// [`open_fs`](crate::open_fs) takes.
    ///
    /// # Errors
    ///
    /// [`NoUrl`](ErrorKind::NoUrl) for another purpose, or where the filesystem has none.
    fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
        self.validatepath(path)?;
        Err(Error::new(ErrorKind::NoUrl)
            .with_path(path)
            .with_message(format!("this filesystem has no URL for {purpose:?}")))
    }

    /// Whether [`geturl`](Self::geturl) has a URL. It does not ask whether the file exists.
    fn hasurl(&self, path: &str) -> bool {
        self.hasurl_for(path, "download")
    }

    /// Whether [`geturl_for`](Self::geturl_for) has a URL for that purpose.
    fn hasurl_for(&self, path: &str, purpose: &str) -> bool {
        self.geturl_for(path, purpose).is_ok()
    }

    /// The path as this filesystem sees it: absolute and normalized.
    ///
    /// ```
    /// use s3fs::{FileSystem, S3Fs};
    ///
    /// let fs = S3Fs::builder("mybucket").anonymous(true).endpoint_url("http://127.0.0.1:9000").build()?;
    /// assert_eq!(fs.validatepath("reports//2026/./tides")?, "/reports/2026/tides");
    /// assert!(fs.validatepath("../other").is_err());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`IllegalBackReference`](ErrorKind::IllegalBackReference),
    /// [`InvalidCharsInPath`](ErrorKind::InvalidCharsInPath),
    /// [`InvalidPath`](ErrorKind::InvalidPath).
    fn validatepath(&self, path: &str) -> Result<String> {
        self.check()?;
        validate(path, &self.getmeta())
    }

    /// Closes this handle; its clones stay open. Closing again does nothing.
    ///
    /// # Errors
    ///
    /// Whatever keeps the filesystem from letting go of what it holds.
    fn close(&self) -> Result<()>;

    /// Whether this handle was closed.
    fn isclosed(&self) -> bool;

    /// An error if this handle was closed.
    ///
    /// # Errors
    ///
    /// [`FilesystemClosed`](ErrorKind::FilesystemClosed).
    fn check(&self) -> Result<()> {
        if self.isclosed() {
            return Err(Error::new(ErrorKind::FilesystemClosed));
        }
        Ok(())
    }
}

/// The generic part of the interface, for every [`FileSystem`].
pub trait FileSystemExt: FileSystem {
    /// Writes a file through a closure: it is published if the closure returns `Ok`, and only
    /// then. After an error or a panic what was there before stands.
    ///
    /// ```no_run
    /// use std::io::Write;
    /// use s3fs::{FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.write_with("squares.csv", |file| {
    ///     for n in 1..=100 {
    ///         writeln!(file, "{n},{}", n * n)?;
    ///     }
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The closure's, and as [`writebytes`](FileSystem::writebytes).
    fn write_with<T, E, W>(&self, path: &str, write: W) -> Result<T>
    where
        W: FnOnce(&mut dyn Write) -> Result<T, E>,
        E: Into<Error>,
    {
        self.write_with_options(path, &OpenOptions::default(), write)
    }

    /// Writes a file through a closure, as [`write_with`](Self::write_with), with options.
    ///
    /// # Errors
    ///
    /// As [`write_with`](Self::write_with).
    fn write_with_options<T, E, W>(&self, path: &str, options: &OpenOptions, write: W) -> Result<T>
    where
        W: FnOnce(&mut dyn Write) -> Result<T, E>,
        E: Into<Error>,
    {
        let mut file = self.openbin_with(path, "w", options)?;
        let value = write(&mut file).map_err(Into::into)?;
        file.close()?;
        Ok(value)
    }
}

impl<F: FileSystem + ?Sized> FileSystemExt for F {}

/// `None` instead of an error that says that nothing is there.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is(ErrorKind::ResourceNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path, absolute and normalized, if a filesystem like that can have it.
pub(crate) fn validate(path: &str, meta: &Meta) -> Result<String> {
    if let Some(invalid) = path.chars().find(|c| meta.invalid_path_chars.contains(*c)) {
        return Err(Error::new(ErrorKind::InvalidCharsInPath)
            .with_path(path)
            .with_message(format!("no path may have the character {invalid:?}")));
    }
    let normalized = path::abspath(&path::normpath(path)?).into_owned();
    if let Some(limit) = meta.max_path_length
        && normalized.len() > limit
    {
        return Err(Error::new(ErrorKind::InvalidPath)
            .with_path(path)
            .with_message(format!("the path is longer than {limit} bytes")));
    }
    Ok(normalized)
}

/// Passes every method on to the filesystem behind a pointer. A function cannot write three
/// `impl`s, and the provided methods must be passed on too, since a filesystem overrides them.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<F: FileSystem + ?Sized> FileSystem for $pointer {
            fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
                (**self).getinfo(path, namespaces)
            }
            fn listdir(&self, path: &str) -> Result<Vec<String>> {
                (**self).listdir(path)
            }
            fn makedir_with(&self, path: &str, options: MakedirOptions) -> Result<()> {
                (**self).makedir_with(path, options)
            }
            fn openbin_with(
                &self,
                path: &str,
                mode: &str,
                options: &OpenOptions,
            ) -> Result<Box<dyn File>> {
                (**self).openbin_with(path, mode, options)
            }
            fn remove(&self, path: &str) -> Result<()> {
                (**self).remove(path)
            }
            fn removedir(&self, path: &str) -> Result<()> {
                (**self).removedir(path)
            }
            fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
                (**self).setinfo(path, info)
            }
            fn makedir(&self, path: &str) -> Result<()> {
                (**self).makedir(path)
            }
            fn openbin(&self, path: &str, mode: &str) -> Result<Box<dyn File>> {
                (**self).openbin(path, mode)
            }
            fn exists(&self, path: &str) -> Result<bool> {
                (**self).exists(path)
            }
            fn isfile(&self, path: &str) -> Result<bool> {
                (**self).isfile(path)
            }
            fn isdir(&self, path: &str) -> Result<bool> {
                (**self).isdir(path)
            }
            fn isempty(&self, path: &str) -> Result<bool> {
                (**self).isempty(path)
            }
            fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
                (**self).scandir(path, namespaces)
            }
            fn readbytes(&self, path: &str) -> Result<Vec<u8>> {
                (**self).readbytes(path)
            }
            fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
                (**self).readbytes_with(path, options)
            }
            fn readtext(&self, path: &str) -> Result<String> {
                (**self).readtext(path)
            }
            fn writebytes(&self, path: &str, contents: &[u8]) -> Result<()> {
                (**self).writebytes(path, contents)
            }
            fn writebytes_with(
                &self,
                path: &str,
                contents: &[u8],
                options: &OpenOptions,
            ) -> Result<()> {
                (**self).writebytes_with(path, contents, options)
            }
            fn writetext(&self, path: &str, contents: &str) -> Result<()> {
                (**self).writetext(path, contents)
            }
            fn create(&self, path: &str, wipe: bool) -> Result<bool> {
                (**self).create(path, wipe)
            }
            fn touch(&self, path: &str) -> Result<()> {
                (**self).touch(path)
            }
            fn getsize(&self, path: &str) -> Result<u64> {
                (**self).getsize(path)
            }
            fn gettype(&self, path: &str) -> Result<ResourceType> {
                (**self).gettype(path)
            }
            fn getbasic(&self, path: &str) -> Result<Info> {
                (**self).getbasic(path)
            }
            fn getdetails(&self, path: &str) -> Result<Info> {
                (**self).getdetails(path)
            }
            fn getmeta(&self) -> Meta {
                (**self).getmeta()
            }
            fn geturl(&self, path: &str) -> Result<String> {
                (**self).geturl(path)
            }
            fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
                (**self).geturl_for(path, purpose)
            }
            fn hasurl(&self, path: &str) -> bool {
                (**self).hasurl(path)
            }
            fn hasurl_for(&self, path: &str, purpose: &str) -> bool {
                (**self).hasurl_for(path, purpose)
            }
            fn validatepath(&self, path: &str) -> Result<String> {
                (**self).validatepath(path)
            }
            fn close(&self) -> Result<()> {
                (**self).close()
            }
            fn isclosed(&self) -> bool {
                (**self).isclosed()
            }
            fn check(&self) -> Result<()> {
                (**self).check()
            }
        }
    )*};
}

forward!(&F, Box<F>, Arc<F>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trait_is_object_safe_and_shareable() {
        fn assert_shareable<T: Send + Sync + ?Sized>() {}
        assert_shareable::<dyn FileSystem>();
        assert_shareable::<Box<dyn FileSystem>>();
    }

    #[test]
    fn a_path_is_validated_against_what_the_filesystem_is_like() {
        let meta = Meta {
            max_path_length: Some(8),
            ..Meta::default()
        };
        assert_eq!(validate("a//b/./c/", &meta).unwrap(), "/a/b/c");
        assert_eq!(validate("", &meta).unwrap(), "/");
        let kind = |path: &str| validate(path, &meta).unwrap_err().kind();
        assert_eq!(kind("a\0b"), ErrorKind::InvalidCharsInPath);
        assert_eq!(kind("a/../.."), ErrorKind::IllegalBackReference);
        assert_eq!(kind("12345678"), ErrorKind::InvalidPath);
    }
}
