//! [`open_fs`] and [`Registry`]: open a filesystem from an FS URL.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::FileSystem;
use crate::fs_url::{FsUrl, redacted};
use crate::memoryfs::MemoryFs;
use crate::osfs::{OsFs, OsFsOptions};
use crate::s3::{S3Fs, S3FsBuilder};

/// Options of [`open_fs_with`]: the keyword arguments of PyFilesystem's `open_fs`.
///
/// ```no_run
/// use s3fs::{FileSystem, FileSystemExt, OpenFsOptions, open_fs_with};
///
/// let fs = open_fs_with("~/reports", &OpenFsOptions::new().create(true))?;
/// fs.writetext("hello.txt", "hello")?;
/// # Ok::<(), s3fs::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenFsOptions {
    pub(crate) writeable: bool,
    pub(crate) create: bool,
    pub(crate) cwd: PathBuf,
}

impl OpenFsOptions {
    /// PyFilesystem's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the filesystem must be writeable. If true, a read-only filesystem is an error. Defaults to false, which does
    /// not make the filesystem read-only.
    #[must_use]
    pub fn writeable(mut self, writeable: bool) -> Self {
        self.writeable = writeable;
        self
    }

    /// Whether a missing directory is made. On S3 this makes its marker, but never a bucket. Defaults to false.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Base directory of relative paths of the local disk. Defaults to the current directory.
    #[must_use]
    pub fn cwd(mut self, cwd: impl AsRef<std::path::Path>) -> Self {
        self.cwd = cwd.as_ref().to_owned();
        self
    }

    /// The value of [`writeable`](Self::writeable).
    #[must_use]
    pub fn get_writeable(&self) -> bool {
        self.writeable
    }

    /// The value of [`create`](Self::create).
    #[must_use]
    pub fn get_create(&self) -> bool {
        self.create
    }

    /// The value of [`cwd`](Self::cwd).
    #[must_use]
    pub fn get_cwd(&self) -> &std::path::Path {
        &self.cwd
    }
}

/// Opens the FS URLs of a protocol.
///
/// A closure can be an opener: see [`Registry::register`].
pub trait Opener: Send + Sync {
    /// Opens the filesystem of a URL.
    ///
    /// # Errors
    ///
    /// Any error that prevents opening the filesystem.
    fn open_fs(&self, url: &FsUrl) -> Result<Box<dyn FileSystem>>;

    /// Opens the filesystem of a URL, with options. The default implementation ignores them. The [`Registry`] checks
    /// [`writeable`](OpenFsOptions::writeable).
    ///
    /// # Errors
    ///
    /// As [`open_fs`](Self::open_fs).
    fn open_fs_with(&self, url: &FsUrl, options: &OpenFsOptions) -> Result<Box<dyn FileSystem>> {
        let _ = options;
        self.open_fs(url)
    }
}

impl<F> Opener for F
where
    F: Fn(&FsUrl) -> Result<Box<dyn FileSystem>> + Send + Sync,
{
    fn open_fs(&self, url: &FsUrl) -> Result<Box<dyn FileSystem>> {
        self(url)
    }
}

/// Opens `s3://` URLs.
///
/// `s3://bucket/dir_path?parameter=value`, or with credentials `s3://key:secret@bucket/…`. User, password, path and
/// parameters are percent-decoded. An unknown parameter is an error. The parameters are methods of [`S3FsBuilder`] or
/// [`UploadArgs`](crate::UploadArgs). [`allow_profile`](Self::allow_profile) allows `profile` and `ca_bundle`:
///
#[doc = include_str!("../guide/parameters.md")]
///
/// URLs cannot contain keys of SSE-C.
#[derive(Clone, Copy, Debug, Default)]
pub struct S3Opener {
    allow_profile: bool,
}

impl S3Opener {
    /// Creates an opener that refuses the parameters `profile` and `ca_bundle`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a URL may name a profile, and a file of certificates (`ca_bundle`). A profile may run a command, and a file
    /// is read from this machine: allow it only for URLs that the program itself wrote. Defaults to `false`.
    #[must_use]
    pub fn allow_profile(mut self, allow: bool) -> Self {
        self.allow_profile = allow;
        self
    }

    /// Opens an `s3://` URL as the concrete type.
    ///
    /// # Errors
    ///
    /// As [`open_fs`].
    pub fn open(&self, url: &FsUrl) -> Result<S3Fs> {
        S3FsBuilder::from_url(url, self.allow_profile)?.build()
    }
}

impl Opener for S3Opener {
    fn open_fs(&self, url: &FsUrl) -> Result<Box<dyn FileSystem>> {
        Ok(Box::new(self.open(url)?))
    }

    /// With [`create`](OpenFsOptions::create), sends the requests of [`S3Fs::create_root`].
    fn open_fs_with(&self, url: &FsUrl, options: &OpenFsOptions) -> Result<Box<dyn FileSystem>> {
        let fs = self.open(url)?;
        if options.create {
            fs.create_root()?;
        }
        Ok(Box::new(fs))
    }
}

/// Opens `osfs://` and `file://` URLs: directories of the local disk.
///
/// `osfs:///var/lib` is absolute, `osfs://data/2026` is relative to [`OpenFsOptions::cwd`], and `osfs://~/data` is in the
/// home directory. The path is percent-decoded. There are no parameters. PyFilesystem also expands `~user` and `$NAME`. Here
/// both are ordinary names, so that the meaning of a URL does not depend on the environment, except for `~`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsOpener;

impl OsOpener {
    /// Creates the opener.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Opens an `osfs://` URL as the concrete type.
    ///
    /// # Errors
    ///
    /// As [`open_fs`].
    pub fn open(&self, url: &FsUrl, options: &OpenFsOptions) -> Result<OsFs> {
        refuse_extras(url, "a URL of the local disk has no user name")?;
        let resource = url.resource();
        let path = match resource.strip_prefix('~') {
            Some(below) if below.is_empty() || below.starts_with('/') => {
                let home = env::home_dir().ok_or_else(|| {
                    Error::new(ErrorKind::CreateFailed)
                        .with_message("the home directory is unknown")
                        .with_hint("set HOME, or use an absolute path")
                })?;
                home.join(below.trim_start_matches('/'))
            }
            _ => PathBuf::from(resource),
        };
        // An absolute path replaces the path to which it is joined.
        let path = PathBuf::from(".").join(&options.cwd).join(path);
        OsFs::new_with(path, &OsFsOptions::new().create(options.create))
    }
}

impl Opener for OsOpener {
    fn open_fs(&self, url: &FsUrl) -> Result<Box<dyn FileSystem>> {
        self.open_fs_with(url, &OpenFsOptions::default())
    }

    fn open_fs_with(&self, url: &FsUrl, options: &OpenFsOptions) -> Result<Box<dyn FileSystem>> {
        Ok(Box::new(self.open(url, options)?))
    }
}

/// Opens `mem://` URLs: a new and empty [`MemoryFs`] each time. The text after `mem://` is ignored, as in PyFilesystem.
/// There are no parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemOpener;

impl MemOpener {
    /// Creates the opener.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Opens a `mem://` URL as the concrete type.
    ///
    /// # Errors
    ///
    /// As [`open_fs`].
    pub fn open(&self, url: &FsUrl) -> Result<MemoryFs> {
        refuse_extras(url, "a URL of a filesystem in memory has no user name")?;
        Ok(MemoryFs::new())
    }
}

impl Opener for MemOpener {
    fn open_fs(&self, url: &FsUrl) -> Result<Box<dyn FileSystem>> {
        Ok(Box::new(self.open(url)?))
    }
}

/// Returns an error for a URL with a user or with parameters.
fn refuse_extras(url: &FsUrl, no_users: &str) -> Result<()> {
    let malformed = |what: String| Error::new(ErrorKind::ParseUrl).with_message(what);
    if url.username().is_some() {
        return Err(malformed(no_users.to_owned()).with_hint("write an `@` in a path as `%40`"));
    }
    if let Some((name, _)) = url.params().next() {
        return Err(malformed(format!("unknown parameter {name:?}"))
            .with_hint("write a `?` in a path as `%3F`"));
    }
    Ok(())
}

/// Protocols of FS URLs, with their openers.
///
/// ```
/// use s3fs::{ErrorKind, FileSystem, FileSystemExt, FsUrl, Registry, S3Fs};
///
/// let mut registry = Registry::new();
/// registry.register("minio", |url: &FsUrl| {
///     let fs = S3Fs::builder(url.resource())
///         .endpoint_url("http://127.0.0.1:9000")
///         .anonymous(true)
///         .build()?;
///     Ok(Box::new(fs) as Box<dyn FileSystem>)
/// });
/// assert!(registry.open_fs("minio://mybucket").is_ok());
/// let error = registry.open_fs("gopher://x").err().unwrap();
/// assert_eq!(error.kind(), ErrorKind::UnsupportedProtocol);
/// ```
pub struct Registry {
    openers: BTreeMap<String, Box<dyn Opener>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.openers.keys()).finish()
    }
}

impl Registry {
    /// Creates a registry with the protocols of this crate: `s3`, `osfs`, `file` and `mem`.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Self {
            openers: BTreeMap::new(),
        };
        registry.register("s3", S3Opener::new());
        registry.register("osfs", OsOpener::new());
        registry.register("file", OsOpener::new());
        registry.register("mem", MemOpener::new());
        registry
    }

    /// Adds a protocol, or replaces the opener of one.
    pub fn register(&mut self, protocol: &str, opener: impl Opener + 'static) {
        self.openers
            .insert(protocol.to_ascii_lowercase(), Box::new(opener));
    }

    /// Opens an FS URL, or a path of the local disk.
    ///
    /// # Errors
    ///
    /// As [`open_fs`].
    pub fn open_fs(&self, fs_url: &str) -> Result<Box<dyn FileSystem>> {
        self.open_fs_with(fs_url, &OpenFsOptions::default())
    }

    /// Opens an FS URL, or a path of the local disk, with options.
    ///
    /// # Errors
    ///
    /// As [`open_fs_with`].
    pub fn open_fs_with(
        &self,
        fs_url: &str,
        options: &OpenFsOptions,
    ) -> Result<Box<dyn FileSystem>> {
        let opened = if fs_url.contains("://") {
            self.open_url(&FsUrl::parse(fs_url)?, options)
        } else {
            let url = FsUrl::of_os_path(fs_url);
            self.open_url(&url, options).map_err(|error| {
                error.with_hint(
                    "without `://` this is a path on the local disk, which `create` creates; write \
                     a bucket as s3://…",
                )
            })
        };
        // A text that was treated as a path may contain a user's secret.
        opened.map_err(|error| error.with_path_replaced(redacted(fs_url)))
    }

    fn open_url(&self, url: &FsUrl, options: &OpenFsOptions) -> Result<Box<dyn FileSystem>> {
        let Some(opener) = self.openers.get(&url.protocol().to_ascii_lowercase()) else {
            let known: Vec<_> = self.openers.keys().map(String::as_str).collect();
            return Err(Error::new(ErrorKind::UnsupportedProtocol)
                .with_message(format!("no opener is registered for {:?}", url.protocol()))
                .with_hint(format!("the supported protocols are: {}", known.join(", "))));
        };
        let fs = opener.open_fs_with(url, options)?;
        if options.writeable && fs.getmeta().read_only {
            return Err(Error::new(ErrorKind::ResourceReadOnly)
                .with_message("a writeable filesystem was requested"));
        }
        Ok(fs)
    }
}

/// Opens an FS URL, such as `s3://mybucket/reports`, `osfs:///var/lib` or `mem://`.
///
/// [`S3Opener`], [`OsOpener`] and [`MemOpener`] describe their URLs. With [`Registry`] a program can add protocols. A text
/// without `://` is a path of the local disk, unchanged: in it, `%`, `?`, `!` and `@` are ordinary characters. The empty
/// text is the current directory, or [`OpenFsOptions::cwd`], like `.`. This is the behavior of PyFilesystem, on which its
/// programs rely. A program that reads the text from a variable should first check that it is set. `~` at the beginning is
/// the home directory. No request is sent.
///
/// Source: [`fs.open_fs`](https://docs.pyfilesystem.org/en/latest/openers.html).
///
/// ```
/// use s3fs::{FileSystem, FileSystemExt, open_fs};
///
/// let fs = open_fs("s3://key:secret@mybucket/reports?endpoint_url=http://127.0.0.1:9000")?;
/// assert!(fs.geturl("a.csv")?.starts_with("http://127.0.0.1:9000/mybucket/reports/a.csv?"));
///
/// let here = open_fs(".")?;
/// assert!(here.isdir("/")?);
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Errors
///
/// [`ParseUrl`](ErrorKind::ParseUrl) for a malformed URL or an unknown parameter,
/// [`UnsupportedProtocol`](ErrorKind::UnsupportedProtocol), and as [`S3FsBuilder::build`] and [`OsFs::new`]. No error
/// contains the text before the last `@` of the URL.
pub fn open_fs(fs_url: &str) -> Result<Box<dyn FileSystem>> {
    Registry::new().open_fs(fs_url)
}

/// Opens an FS URL, like [`open_fs`], with options.
///
/// # Errors
///
/// As [`open_fs`]; [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if the filesystem must be writeable but is not; with
/// `create` as [`S3Fs::create_root`] and [`OsFs::new_with`].
pub fn open_fs_with(fs_url: &str, options: &OpenFsOptions) -> Result<Box<dyn FileSystem>> {
    Registry::new().open_fs_with(fs_url, options)
}
