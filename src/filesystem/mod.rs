//! [`FileSystem`]: the interface of every filesystem. It follows PyFilesystem.

pub(crate) mod capabilities;
pub(crate) mod defaults;
pub(crate) mod endpoints;
pub(crate) mod file;
pub(crate) mod filter;
mod forward;
pub(crate) mod hash;
pub(crate) mod header_args;
pub(crate) mod info;
pub(crate) mod location;
pub(crate) mod mode;
pub(crate) mod names;
pub(crate) mod open_file;
pub(crate) mod options;
pub(crate) mod pace;
pub(crate) mod read_only;
pub(crate) mod removing;
pub(crate) mod scantree;
pub(crate) mod subfs;
mod text;
pub(crate) mod valid_path;

use std::io::{Read, Write};
use std::path::PathBuf;

use time::OffsetDateTime;

use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::path;
use capabilities::Capabilities;
use file::File;
use info::{Info, Namespaces, RawInfo};
use options::OpenOptions;
use scantree::{Descend, Descent};
pub use scantree::{Entries, TreeEntries};

/// Properties of a filesystem: PyFilesystem's `standard` meta namespace.
///
/// Source: [`FS.getmeta`](https://docs.pyfilesystem.org/en/latest/reference/base.html#fs.base.FS.getmeta).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// Whether names that differ only in case refer to the same file.
    pub case_insensitive: bool,
    /// Maximum length of a name, if there is a limit. It is in bytes, or, if paths cannot contain `\`, in UTF-16 code units
    /// as on Windows. Copies and moves check it before they change anything of the same
    /// [window](crate::TransferOptions::window).
    pub max_name_length: Option<usize>,
    /// Characters that no path may contain.
    pub invalid_path_chars: String,
    /// Maximum length of a path in bytes, if there is a limit.
    pub max_path_length: Option<usize>,
    /// Whether the filesystem needs a network.
    pub network: bool,
    /// Whether all changes are refused.
    pub read_only: bool,
    /// Whether a file can be renamed in one step.
    pub supports_rename: bool,
    /// Whether threads may share the filesystem. Always true in Rust.
    pub thread_safe: bool,
    /// Whether paths may contain any Unicode character.
    pub unicode_paths: bool,
    /// Whether the filesystem is a view of other filesystems.
    pub is_virtual: bool,
    /// Whether a file and a directory can have the same path, as on S3, where `x` and `x/y` are two keys. Copies and moves
    /// check this before they change anything of the same window.
    pub holds_file_beside_directory: bool,
    /// Number of entries that [`scantree`](FileSystem::scantree) gets with one request, whatever directories they are in.
    /// `None` if each directory is listed separately. Conditional copies list the target if that takes fewer requests than
    /// checking each file.
    pub tree_page: Option<usize>,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            case_insensitive: false,
            max_name_length: None,
            invalid_path_chars: "\0".to_owned(),
            max_path_length: None,
            network: false,
            read_only: false,
            supports_rename: false,
            thread_safe: true,
            unicode_paths: true,
            is_virtual: false,
            holds_file_beside_directory: false,
            tree_page: None,
        }
    }
}

/// Options of `makedir`.
///
/// PyFilesystem's `permissions` has no meaning on S3 and is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MakedirOptions {
    pub(crate) recreate: bool,
    pub(crate) beside_file: bool,
    /// Number of leading path levels that `makedirs` assumes to exist: those of a directory that was opened as a filesystem.
    pub(crate) given_levels: usize,
}

impl MakedirOptions {
    /// PyFilesystem's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether an existing directory is accepted. By default it is an error.
    #[must_use]
    pub fn recreate(mut self, recreate: bool) -> Self {
        self.recreate = recreate;
        self
    }

    /// Whether a file with the same path may exist. The file is kept. By default it is an error. Only for filesystems with
    /// [`Meta::holds_file_beside_directory`].
    #[must_use]
    pub fn beside_file(mut self, beside_file: bool) -> Self {
        self.beside_file = beside_file;
        self
    }

    /// For `makedirs`: number of leading levels of the path that exist and are not checked, such as those of a directory
    /// that was opened as a filesystem. Defaults to 0.
    #[must_use]
    pub fn given_levels(mut self, levels: usize) -> Self {
        self.given_levels = levels;
        self
    }

    /// The value of [`recreate`](Self::recreate).
    #[must_use]
    pub fn get_recreate(&self) -> bool {
        self.recreate
    }

    /// The value of [`beside_file`](Self::beside_file).
    #[must_use]
    pub fn get_beside_file(&self) -> bool {
        self.beside_file
    }

    /// The value of [`given_levels`](Self::given_levels).
    #[must_use]
    pub fn get_given_levels(&self) -> usize {
        self.given_levels
    }
}

/// Options of `copy_with`, `movefile_with`, `copydir_with` and `movedir_with`: PyFilesystem's keyword arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    pub(crate) overwrite: bool,
    pub(crate) create: bool,
    pub(crate) preserve_time: bool,
}

impl CopyOptions {
    /// PyFilesystem's defaults: existing files are not overwritten, directories are not created, times are not kept.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether an existing file is replaced; for `copy` and `movefile`. By default an existing file is the error
    /// [`DestinationExists`](ErrorKind::DestinationExists).
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Whether a missing target directory is created; for `copydir` and `movedir`. By default a missing target is the error
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether the time of the last change is kept, if the target supports it.
    #[must_use]
    pub fn preserve_time(mut self, preserve_time: bool) -> Self {
        self.preserve_time = preserve_time;
        self
    }

    /// The value of [`overwrite`](Self::overwrite).
    #[must_use]
    pub fn get_overwrite(&self) -> bool {
        self.overwrite
    }

    /// The value of [`create`](Self::create).
    #[must_use]
    pub fn get_create(&self) -> bool {
        self.create
    }

    /// The value of [`preserve_time`](Self::preserve_time).
    #[must_use]
    pub fn get_preserve_time(&self) -> bool {
        self.preserve_time
    }
}

/// A filesystem. The interface follows PyFilesystem.
///
/// The methods without a default are PyFilesystem's [essential
/// methods](https://docs.pyfilesystem.org/en/latest/implementers.html#essential-methods). All other methods are built on
/// them. A filesystem overrides the methods for which it has a better implementation. The trait is object-safe:
/// [`open_fs`](crate::open_fs) returns a `Box<dyn FileSystem>`.
///
/// A path is `/`-separated and relative to the root. `""` and `"/"` are the root. `..` above the root is an error. Every
/// method returns [`FilesystemClosed`](ErrorKind::FilesystemClosed) after [`close`](Self::close), and
/// [`InvalidPath`](ErrorKind::InvalidPath), [`InvalidCharsInPath`](ErrorKind::InvalidCharsInPath) or
/// [`IllegalBackReference`](ErrorKind::IllegalBackReference) for an invalid path. The sections below do not repeat these
/// errors. [`S3Fs`](crate::S3Fs#requests) lists the number of requests on S3.
///
/// Source: [`fs.base.FS`](https://docs.pyfilesystem.org/en/latest/reference/base.html).
pub trait FileSystem: Send + Sync {
    /// Returns information about a resource.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("hello.txt", "hello")?;
    /// let info = fs.getinfo("hello.txt", Namespaces::DETAILS)?;
    /// assert_eq!((info.name(), info.size()), ("hello.txt", Some(5)));
    /// assert!(!info.is_dir());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[doc(alias = "metadata")]
    #[doc(alias = "stat")]
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info>;

    /// Returns the names in a directory, each once.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("b.txt", "")?;
    /// fs.makedir("a")?;
    /// assert_eq!(fs.listdir("/")?, ["a", "b.txt"]);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected).
    #[doc(alias = "read_dir")]
    fn listdir(&self, path: &str) -> Result<Vec<String>>;

    /// Makes a directory, like [`makedir`](crate::FileSystemExt::makedir), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::MakedirOptions;
    ///
    /// fs.makedir("reports")?;
    /// fs.makedir_with("reports", &MakedirOptions::new().recreate(true))?; // is there already
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`makedir`](crate::FileSystemExt::makedir).
    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()>;

    /// Opens a file, like [`openbin`](crate::FileSystemExt::openbin), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::UploadArgs;
    /// use std::io::Write;
    ///
    /// let options = OpenOptions::new().upload_args(UploadArgs::new().metadata("origin", "sensor 7"));
    /// let mut file = fs.openbin_with("data.bin", "w", &options)?;
    /// file.write_all(b"1234")?;
    /// file.close()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`openbin`](crate::FileSystemExt::openbin).
    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>>;

    /// Removes a file.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("a.txt", "a")?;
    /// fs.remove("a.txt")?;
    /// assert!(!fs.exists("a.txt")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`FileExpected`](ErrorKind::FileExpected).
    #[doc(alias = "remove_file")]
    fn remove(&self, path: &str) -> Result<()>;

    /// Removes an empty directory.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("reports")?;
    /// fs.writetext("reports/a.txt", "a")?;
    /// assert_eq!(fs.removedir("reports").unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
    /// fs.remove("reports/a.txt")?;
    /// fs.removedir("reports")?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected),
    /// [`DirectoryNotEmpty`](ErrorKind::DirectoryNotEmpty), [`RemoveRoot`](ErrorKind::RemoveRoot).
    #[doc(alias = "remove_dir")]
    fn removedir(&self, path: &str) -> Result<()>;

    /// Changes the attributes of a resource. `info` has the shape of [`Info::raw`]. Attributes that are not in `info` stay
    /// unchanged.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::RawInfo;
    ///
    /// fs.writetext("a.txt", "a")?;
    /// let seconds: u64 = 1_800_000_000; // since 1970
    /// fs.setinfo("a.txt", &RawInfo::new().with("details", "modified", seconds))?;
    /// let modified = fs.getmodified("a.txt")?.expect("a time");
    /// assert_eq!(modified.unix_timestamp(), 1_800_000_000);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound), [`Unsupported`](ErrorKind::Unsupported) for an attribute that
    /// cannot be changed, [`InvalidArgument`](ErrorKind::InvalidArgument) for a value of the wrong type.
    #[doc(alias = "set_permissions")]
    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()>;

    /// Returns information about many resources, in the order of the paths. An error affects only its own path.
    /// [`S3Fs`](crate::S3Fs) sends several requests at a time.
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, MemoryFs, Namespaces};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// fs.writetext("a.csv", "1,2")?;
    /// let paths = ["a.csv", "missing.csv"];
    /// for (path, info) in paths.iter().zip(fs.getinfo_many(&paths, Namespaces::DETAILS)) {
    ///     match info {
    ///         Ok(info) => println!("{path}: {:?} bytes", info.size()),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[doc(alias = "metadata")]
    fn getinfo_many(&self, paths: &[&str], namespaces: Namespaces) -> Vec<Result<Info>> {
        let paths = paths.iter();
        paths.map(|path| self.getinfo(path, namespaces)).collect()
    }

    /// Removes many files, each like [`remove`](Self::remove). Returns the results in the order of the paths. The failure of
    /// one file does not affect the others.
    ///
    /// By default the files are removed one after the other. [`S3Fs`](crate::S3Fs) deletes up to 1,000 files with one
    /// request. Without `strict` it sends no other requests. In strict mode it first checks which of the files exist and
    /// which directories would become empty. It lists directories where many of the files are close together, and sends at
    /// most two requests for each file plus one. It writes the marker of a directory that would vanish before it deletes
    /// anything.
    ///
    /// Only the given paths are deleted. A file that another program stores under one of the paths in the meantime may be
    /// deleted or kept. A file that another program removes in the meantime counts as removed. If a whole request fails, all
    /// paths in it and all later paths get its error. Some of these files may have been deleted.
    ///
    /// ```
    /// use s3fs::{ErrorKind, FileSystem, FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// fs.writetext("a.csv", "")?;
    /// fs.writetext("b.csv", "")?;
    /// let paths = ["a.csv", "missing.csv", "b.csv"];
    /// for (path, removed) in paths.iter().zip(fs.remove_many(&paths)) {
    ///     if let Err(error) = removed {
    ///         assert_eq!((*path, error.kind()), ("missing.csv", ErrorKind::ResourceNotFound));
    ///     }
    /// }
    /// assert!(fs.listdir("/")?.is_empty());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// Source: [DeleteObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
    #[doc(alias = "remove_file")]
    #[doc(alias = "delete_objects")]
    fn remove_many(&self, paths: &[&str]) -> Vec<Result<()>> {
        let paths = paths.iter();
        paths
            .map(|path| cancel::check().and_then(|()| self.remove(path)))
            .collect()
    }

    /// Returns true if the resource exists.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("reports")?;
    /// assert!(fs.exists("reports")?);
    /// assert!(!fs.exists("missing")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Only errors that prevent the check: the network, a permission, a missing bucket.
    #[doc(alias = "try_exists")]
    fn exists(&self, path: &str) -> Result<bool> {
        found(self.getinfo(path, Namespaces::BASIC)).map(|info| info.is_some())
    }

    /// Returns true if the path is a file.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("a.txt", "a")?;
    /// assert!(fs.isfile("a.txt")?);
    /// assert!(!fs.isfile("missing")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`exists`](Self::exists).
    #[doc(alias = "is_file")]
    fn isfile(&self, path: &str) -> Result<bool> {
        let info = found(self.getinfo(path, Namespaces::BASIC))?;
        Ok(info.is_some_and(|info| info.is_file()))
    }

    /// Returns true if the path is a directory.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("reports")?;
    /// assert!(fs.isdir("reports")?);
    /// assert!(!fs.isdir("missing")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`exists`](Self::exists).
    #[doc(alias = "is_dir")]
    fn isdir(&self, path: &str) -> Result<bool> {
        let info = found(self.getinfo(path, Namespaces::BASIC))?;
        Ok(info.is_some_and(|info| info.is_dir()))
    }

    /// Returns true if a directory is empty.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("reports")?;
    /// assert!(fs.isempty("reports")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected).
    fn isempty(&self, path: &str) -> Result<bool> {
        let first = self.scandir(path, Namespaces::BASIC)?.next();
        first.transpose().map(|first| first.is_none())
    }

    /// Returns the entries of a directory. Use the iterator's `skip` and `take` for PyFilesystem's `page`.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("a.txt", "a")?;
    /// for info in fs.scandir("/", Namespaces::DETAILS)? {
    ///     let info = info?;
    ///     println!("{} {:?}", info.name(), info.size());
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound), [`DirectoryExpected`](ErrorKind::DirectoryExpected). The iterator
    /// ends after an error.
    #[doc(alias = "read_dir")]
    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        let directory = self.validatepath(path)?;
        let names = self.listdir(path)?;
        Ok(Box::new(names.into_iter().map(move |name| {
            self.getinfo(&path::join([&directory, &name])?, namespaces)
        })))
    }

    /// Returns all bytes of a file, like [`readbytes`](crate::FileSystemExt::readbytes), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("a.txt", "a")?;
    /// assert_eq!(fs.readbytes_with("a.txt", &OpenOptions::new())?, b"a");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readbytes`](crate::FileSystemExt::readbytes).
    fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = self.openbin_with(path, "r", options)?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes a whole file, like [`writebytes`](crate::FileSystemExt::writebytes), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::UploadArgs;
    ///
    /// let upload = UploadArgs::new().content_type("text/csv").cache_control("max-age=60");
    /// fs.writebytes_with("a.csv", b"1,2", &OpenOptions::new().upload_args(upload))?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`writebytes`](crate::FileSystemExt::writebytes).
    fn writebytes_with(&self, path: &str, contents: &[u8], options: &OpenOptions) -> Result<()> {
        let mut file = self.openbin_with(path, "w", options)?;
        file.write_all(contents)?;
        file.close()
    }

    /// Makes an empty file if the path does not exist, or, with `wipe`, replaces an existing file as well. Returns true if
    /// it made a file.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// assert!(fs.create("empty", false)?);
    /// assert!(!fs.create("empty", false)?, "it is there already");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the parent directory does not exist. With `wipe`,
    /// [`FileExpected`](ErrorKind::FileExpected) for a directory.
    #[doc(alias = "create_new")]
    fn create(&self, path: &str, wipe: bool) -> Result<bool> {
        if wipe {
            return self
                .writebytes_with(path, b"", &OpenOptions::default())
                .map(|()| true);
        }
        if self.exists(path)? {
            return Ok(false);
        }
        match self
            .openbin_with(path, "x", &OpenOptions::default())
            .and_then(|mut file| file.close())
        {
            Ok(()) => Ok(true),
            Err(error) if error.is(ErrorKind::FileExists) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes an empty file if the path does not exist. Otherwise sets its times to now, if the filesystem can: S3 cannot,
    /// and does nothing.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.touch("marker")?;
    /// assert_eq!(fs.getsize("marker")?, 0);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    fn touch(&self, path: &str) -> Result<()> {
        if self.create(path, false)? {
            return Ok(());
        }
        self.settimes(path, None, None)
    }

    /// Returns the properties of this filesystem.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// assert!(!fs.getmeta().read_only);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    fn getmeta(&self) -> Meta {
        Meta::default()
    }

    /// Returns a URL of the file for a purpose: `"download"`, or `"fs"` for an FS URL for [`open_fs`](crate::open_fs).
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::builder("mybucket")
    ///     .anonymous(true)
    ///     .endpoint_url("http://127.0.0.1:9000")
    ///     .build()?;
    /// let url = fs.geturl_for("reports", "fs")?; // for `open_fs`, without credentials
    /// assert!(url.starts_with("s3://mybucket/reports?"));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoUrl`](ErrorKind::NoUrl) for any other purpose, or if the filesystem has no URLs.
    fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
        self.validatepath(path)?;
        Err(Error::new(ErrorKind::NoUrl)
            .with_path(path)
            .with_message(format!(
                "this filesystem has no URL for the purpose {purpose:?}"
            )))
    }

    /// Returns the path as this filesystem uses it: absolute and normalized.
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, S3Fs};
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
        require_open(self)?;
        validate(path, &self.getmeta())
    }

    /// Writes a whole file to `target`. Returns the number of bytes.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("a.txt", "high tide")?;
    /// let mut target = Vec::new(); // or a file, or anything else that is `Write`
    /// assert_eq!(fs.download("a.txt", &mut target)?, 9);
    /// assert_eq!(target, b"high tide");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound), [`FileExpected`](ErrorKind::FileExpected), and errors from
    /// `target`.
    #[doc(alias = "getfile")]
    fn download(&self, path: &str, target: &mut dyn Write) -> Result<u64> {
        let mut file = self.openbin_with(path, "r", &OpenOptions::default())?;
        cancel::copy(&mut file, target).map_err(Error::from_caller)
    }

    /// Reads `source` to its end and writes it to a file. Replaces an existing file. Returns the number of bytes.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// let mut source = std::io::Cursor::new("high tide"); // or a file, or anything else that is `Read`
    /// assert_eq!(fs.upload("a.txt", &mut source)?, 9);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`writebytes`](crate::FileSystemExt::writebytes), and errors from `source`.
    #[doc(alias = "setfile")]
    #[doc(alias = "setbinfile")]
    fn upload(&self, path: &str, source: &mut dyn Read) -> Result<u64> {
        let mut file = self.openbin_with(path, "w", &OpenOptions::default())?;
        let count = cancel::copy(source, &mut file).map_err(Error::from_caller)?;
        file.close()?;
        Ok(count)
    }

    /// Writes `source` to a file, like [`upload`](Self::upload), if the size is known in advance. A filesystem can then
    /// stream the bytes without storing them first.
    ///
    /// # Errors
    ///
    /// As [`upload`](Self::upload). A filesystem that streams the bytes also returns an error, and stores nothing, if the
    /// source has another size.
    fn upload_sized(&self, path: &str, source: &mut dyn Read, size: u64) -> Result<u64> {
        let _ = size;
        self.upload(path, source)
    }

    /// Makes a directory and its parent directories, like [`makedirs`](crate::FileSystemExt::makedirs), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::MakedirOptions;
    ///
    /// fs.makedirs_with("2026/07", &MakedirOptions::new().recreate(true))?;
    /// fs.makedirs_with("2026/07", &MakedirOptions::new().recreate(true))?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`makedirs`](crate::FileSystemExt::makedirs).
    fn makedirs_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        let validated = self.validatepath(path)?;
        let made = || -> Result<()> {
            let levels = path::recursepath(&validated)?;
            for level in levels.iter().skip(1).filter(|level| **level != validated) {
                self.makedir_with(level, &MakedirOptions::new().recreate(true))?;
            }
            match self.makedir_with(&validated, options) {
                Err(error)
                    if error.is(ErrorKind::DirectoryExists) && !self.isdir(&validated)? =>
                {
                    Err(error.with_kind(ErrorKind::DirectoryExpected))
                }
                made => made,
            }
        };
        made().map_err(|error| error.with_path_replaced(path))
    }

    /// Copies a file, like [`copy`](crate::FileSystemExt::copy), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::CopyOptions;
    ///
    /// fs.writetext("a.txt", "new")?;
    /// fs.writetext("b.txt", "old")?;
    /// fs.copy_with("a.txt", "b.txt", &CopyOptions::new().overwrite(true))?;
    /// assert_eq!(fs.readtext("b.txt")?, "new");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`copy`](crate::FileSystemExt::copy).
    fn copy_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        defaults::copy(&self, src_path, dst_path, options)
    }

    /// Moves a file, like [`movefile`](crate::FileSystemExt::movefile), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::CopyOptions;
    ///
    /// fs.writetext("a.txt", "new")?;
    /// fs.writetext("b.txt", "old")?;
    /// fs.movefile_with("a.txt", "b.txt", &CopyOptions::new().overwrite(true))?;
    /// assert_eq!(fs.listdir("/")?, ["b.txt"]);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`movefile`](crate::FileSystemExt::movefile).
    fn movefile_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        defaults::movefile(&self, src_path, dst_path, options)
    }

    /// Copies the content of a directory, like [`copydir`](crate::FileSystemExt::copydir), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::CopyOptions;
    ///
    /// fs.makedir("old")?;
    /// fs.writetext("old/a.txt", "a")?;
    /// fs.copydir_with("old", "new", &CopyOptions::new().create(true))?;
    /// assert_eq!(fs.readtext("new/a.txt")?, "a");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`copydir`](crate::FileSystemExt::copydir).
    fn copydir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        defaults::copydir(&self, src_path, dst_path, options)
    }

    /// Moves a directory, like [`movedir`](crate::FileSystemExt::movedir), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::CopyOptions;
    ///
    /// fs.makedir("old")?;
    /// fs.writetext("old/a.txt", "a")?;
    /// fs.movedir_with("old", "new", &CopyOptions::new().create(true))?;
    /// assert_eq!(fs.listdir("/")?, ["new"]);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`movedir`](crate::FileSystemExt::movedir).
    fn movedir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        defaults::movedir(&self, src_path, dst_path, options)
    }

    /// Removes a directory and everything below it. The root itself is kept.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedirs("2026/07")?;
    /// fs.writetext("2026/07/01.txt", "sunny")?;
    /// fs.removetree("2026")?;
    /// assert!(fs.isempty("/")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected).
    #[doc(alias = "remove_dir_all")]
    fn removetree(&self, path: &str) -> Result<()> {
        let validated = self.validatepath(path)?;
        remove_below(self, path)?;
        if validated == "/" {
            return Ok(());
        }
        // A directory may vanish with its last child, on S3 without strict.
        found(self.removedir(path)).map(|_| ())
    }

    /// Removes everything below a directory and keeps the directory, like [`removetree`](Self::removetree) of a root.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("cache")?;
    /// fs.writetext("cache/a.txt", "a")?;
    /// fs.emptydir("cache")?;
    /// assert!(fs.isempty("cache")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`removetree`](Self::removetree).
    fn emptydir(&self, path: &str) -> Result<()> {
        remove_below(self, path)
    }

    /// Returns an error unless the path is a directory. [`opendir`](crate::FileSystemExt::opendir) calls this first.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected).
    fn check_directory(&self, path: &str) -> Result<()> {
        require_directory(self, path)
    }

    /// Returns every entry below a directory, depth-first. Each directory comes after its content.
    ///
    /// All operations on whole trees use this method, so that a filesystem can list a tree in its own way:
    /// [`S3Fs`](crate::S3Fs) lists 1,000 keys with one request, whatever directories they are in.
    ///
    /// # Errors
    ///
    /// As [`scandir`](Self::scandir). The iterator ends after an error.
    fn scantree(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        let scan = move |path: &str| self.scandir(path, namespaces);
        scantree::by_listing(
            path,
            self.validatepath(path)?,
            scan,
            Box::new(|_| Descent::Enter),
        )
    }

    /// Returns every entry below a directory, like [`scantree`](Self::scantree), but returns an error for a name that no
    /// path can have. Listings leave out such a name. Copies, moves and mirrors list their source with this method, because
    /// they must not miss an entry.
    ///
    /// On the local disk such a name is one that is not UTF-8. [`S3Fs`](crate::S3Fs) leaves out keys that no path can name
    /// here as well. Copies within an endpoint still copy such keys. All other moves and mirrors leave them in place.
    ///
    /// # Errors
    ///
    /// As [`scantree`](Self::scantree), and [`Unsupported`](ErrorKind::Unsupported).
    fn scantree_whole(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        self.scantree(path, namespaces)
    }

    /// Returns the entries below a directory, like [`scantree`](Self::scantree), but without the content of directories that
    /// `descend` does not enter. `descend` is called with the absolute path of each directory, before the content of the
    /// directory.
    ///
    /// Walks that exclude directories use this method. By default each entered directory is listed once.
    /// [`S3Fs`](crate::S3Fs) lists the whole tree and skips the other directories if that takes fewer requests.
    ///
    /// ```
    /// use s3fs::{Descent, FileSystem, FileSystemExt, MemoryFs, Namespaces};
    ///
    /// let fs = MemoryFs::new();
    /// fs.makedirs("project/.git/objects")?;
    /// fs.writetext("project/main.rs", "")?;
    /// let descend = |path: &str| match path.ends_with("/.git") {
    ///     true => Descent::Skip,
    ///     false => Descent::Enter,
    /// };
    /// let entries = fs.scantree_pruned("/", Namespaces::BASIC, Box::new(descend))?;
    /// let names: s3fs::Result<Vec<_>> =
    ///     entries.map(|entry| Ok(entry?.1.name().to_owned())).collect();
    /// assert_eq!(names?, ["main.rs", "project"]);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`scantree`](Self::scantree).
    fn scantree_pruned<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Descend<'a>,
    ) -> Result<TreeEntries<'a>> {
        let scan = move |path: &str| self.scandir(path, namespaces);
        scantree::by_listing(path, self.validatepath(path)?, scan, descend)
    }

    /// Returns the entries below a directory, like [`scantree_whole`](Self::scantree_whole), but without the content of
    /// directories that `descend` does not enter. Copies, moves and mirrors that exclude directories list their source with
    /// this method. Defaults to [`scantree_pruned`](Self::scantree_pruned).
    ///
    /// # Errors
    ///
    /// As [`scantree_whole`](Self::scantree_whole), but not for the content of a directory that is not entered.
    fn scantree_whole_pruned<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Descend<'a>,
    ) -> Result<TreeEntries<'a>> {
        self.scantree_pruned(path, namespaces, descend)
    }

    /// Returns the entries of a directory whose names begin with `name_prefix`.
    ///
    /// # Errors
    ///
    /// As [`scandir`](Self::scandir).
    fn scandir_prefix(
        &self,
        path: &str,
        name_prefix: &str,
        namespaces: Namespaces,
    ) -> Result<Entries<'_>> {
        let name_prefix = name_prefix.to_owned();
        let entries = self.scandir(path, namespaces)?;
        Ok(Box::new(entries.filter(move |entry| {
            entry
                .as_ref()
                .map_or(true, |info| info.name().starts_with(&name_prefix))
        })))
    }

    /// Sets the times of a resource, if the filesystem can: S3 cannot, and does nothing.
    ///
    /// `accessed` defaults to now, and `modified` defaults to `accessed`. To keep one of the times, leave it out of a call
    /// of [`setinfo`](Self::setinfo).
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, MemoryFs};
    /// use time::OffsetDateTime;
    ///
    /// let fs = MemoryFs::new();
    /// fs.writetext("f", "content")?;
    /// let long_ago = OffsetDateTime::UNIX_EPOCH;
    /// fs.settimes("f", None, Some(long_ago))?;
    /// assert_eq!(fs.getmodified("f")?, Some(long_ago));
    /// fs.settimes("f", None, None)?;
    /// assert!(fs.getmodified("f")? > Some(long_ago));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[doc(alias = "set_times")]
    fn settimes(
        &self,
        path: &str,
        accessed: Option<OffsetDateTime>,
        modified: Option<OffsetDateTime>,
    ) -> Result<()> {
        let (accessed, modified) = wanted_times(accessed, modified);
        let times = RawInfo::new()
            .with("details", "accessed", accessed)
            .with("details", "modified", modified);
        self.setinfo(path, &times)
    }

    /// Returns the path of a resource on the local disk.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// let fs = s3fs::OsFs::new(".")?;
    /// println!("{}", fs.getsyspath("hello.txt")?.display());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoSysPath`](ErrorKind::NoSysPath).
    fn getsyspath(&self, path: &str) -> Result<PathBuf> {
        self.validatepath(path)?;
        Err(Error::new(ErrorKind::NoSysPath)
            .with_path(path)
            .with_message("this filesystem is not on the local disk"))
    }

    /// Returns true if a resource is a symbolic link. Only the local disk has symbolic links.
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[doc(alias = "is_symlink")]
    fn islink(&self, path: &str) -> Result<bool> {
        self.getinfo(path, Namespaces::BASIC).map(|_| false)
    }

    /// Name of this filesystem in [`desc`](crate::FileSystemExt::desc).
    fn label(&self) -> String {
        "this filesystem".to_owned()
    }

    /// Optional operations that speed up transfers. Defaults to `None`: files stream.
    fn capabilities(&self) -> Option<&dyn Capabilities> {
        None
    }

    /// Closes this handle; its clones stay open. Closing again does nothing.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.close()?;
    /// assert!(fs.isclosed());
    /// assert_eq!(fs.listdir("/").unwrap_err().kind(), ErrorKind::FilesystemClosed);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Errors that occur while the filesystem releases its resources.
    fn close(&self) -> Result<()>;

    /// Returns true if this handle was closed.
    fn isclosed(&self) -> bool;
}

/// Returns an error if the handle was closed.
pub(crate) fn require_open(fs: &(impl FileSystem + ?Sized)) -> Result<()> {
    if fs.isclosed() {
        return Err(Error::new(ErrorKind::FilesystemClosed));
    }
    Ok(())
}

/// Returns an error unless the path is a directory.
pub(crate) fn require_directory(fs: &(impl FileSystem + ?Sized), path: &str) -> Result<()> {
    if fs.isdir(path)? {
        return Ok(());
    }
    fs.getinfo(path, Namespaces::BASIC)?;
    Err(Error::new(ErrorKind::DirectoryExpected).with_path(path))
}

/// Removes everything below a directory, one entry after the other.
fn remove_below(fs: &(impl FileSystem + ?Sized), path: &str) -> Result<()> {
    for entry in fs.scantree(path, Namespaces::BASIC)? {
        let (directory, info) = entry?;
        cancel::check()?;
        let entry_path = info.make_path(&directory)?;
        let removed = if info.is_dir() {
            fs.removedir(&entry_path)
        } else {
            fs.remove(&entry_path)
        };
        // Another program may have removed the entry already.
        found(removed)?;
    }
    Ok(())
}

/// Times that [`FileSystem::settimes`] sets, with PyFilesystem's defaults.
pub(crate) fn wanted_times(
    accessed: Option<OffsetDateTime>,
    modified: Option<OffsetDateTime>,
) -> (OffsetDateTime, OffsetDateTime) {
    let accessed = accessed.unwrap_or_else(OffsetDateTime::now_utc);
    (accessed, modified.unwrap_or(accessed))
}

/// Returns `None` instead of a [`ResourceNotFound`](ErrorKind::ResourceNotFound) error.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is(ErrorKind::ResourceNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the absolute, normalized path, or an error if a filesystem with these properties cannot have it.
pub(crate) fn validate(path: &str, meta: &Meta) -> Result<String> {
    if let Some(invalid) = path.chars().find(|c| meta.invalid_path_chars.contains(*c)) {
        return Err(Error::new(ErrorKind::InvalidCharsInPath)
            .with_path(path)
            .with_message(format!("a path must not contain the character {invalid:?}")));
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
    fn a_path_is_validated_against_the_properties_of_the_filesystem() {
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
