//! [`open_fs`] and [`Registry`]: from an FS URL to an open filesystem.

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

/// How [`open_fs_with`] opens a filesystem: the keyword arguments of PyFilesystem's `open_fs`.
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

    /// Whether the filesystem must be writeable: one that is read-only is then an error. By
    /// default it need not be, which does not make it read-only.
    #[must_use]
    pub fn writeable(mut self, writeable: bool) -> Self {
        self.writeable = writeable;
        self
    }

    /// Whether the directory is made if it is not there: on S3 its marker, and never a bucket.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// What relative paths of the local disk are relative to; by default the current directory.
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

/// What opens the FS URLs of a protocol.
///
/// A closure does: see [`Registry::register`].
pub trait Opener: Send + Sync {
    /// Opens the filesystem that the URL names.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being opened.
    fn open_fs(&self, url: &FsUrl) -> Result<Box<dyn FileSystem>>;

    /// Opens the filesystem that the URL names, with options. Unless it is overridden, it takes no
    /// notice of them; that a filesystem is [`writeable`](OpenFsOptions::writeable) is for the
    /// [`Registry`] to look at.
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
/// `s3://bucket/dir_path?parameter=value`, or with credentials `s3://key:secret@bucket/…`. User,
/// password, path and parameters are percent-decoded. An unknown parameter is an error. The parameters are
/// methods of [`S3FsBuilder`] or [`UploadArgs`](crate::UploadArgs); [`allow_profile`](Self::allow_profile) allows `profile`
/// and `ca_bundle`:
///
#[doc = include_str!("../guide/parameters.md")]
///
/// Keys of SSE-C are not taken from URLs.
#[derive(Clone, Copy, Debug, Default)]
pub struct S3Opener {
    allow_profile: bool,
}

impl S3Opener {
    /// An opener that refuses the parameter `profile`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a URL may name a profile, and a file of certificates (`ca_bundle`). A profile may run a command, and a
    /// file is one of this machine: allow it only for URLs that the program, and nobody else, wrote. Defaults to
    /// `false`.
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

    /// With [`create`](OpenFsOptions::create), the requests of [`S3Fs::create_root`] are made.
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
/// `osfs:///var/lib` is absolute, `osfs://data/2026` relative to [`OpenFsOptions::cwd`], and
/// `osfs://~/data` in the home directory. The path is percent-decoded; there are no parameters.
/// PyFilesystem expands `~user` and `$NAME` as well; here both are names like others, so that what a
/// text means does not depend on the environment, but for `~`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsOpener;

impl OsOpener {
    /// The opener.
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
        refuse_extras(url, "the local disk has no users")?;
        let resource = url.resource();
        let path = match resource.strip_prefix('~') {
            Some(below) if below.is_empty() || below.starts_with('/') => {
                let home = env::home_dir().ok_or_else(|| {
                    Error::new(ErrorKind::CreateFailed)
                        .with_message("the home directory is not known")
                        .with_hint("set HOME, or write the path in full")
                })?;
                home.join(below.trim_start_matches('/'))
            }
            _ => PathBuf::from(resource),
        };
        // An absolute path takes the place of what it is joined to.
        let path = PathBuf::from(".").join(&options.cwd).join(path);
        OsFs::new_with(path, OsFsOptions::new().create(options.create))
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

/// Opens `mem://` URLs: a new and empty [`MemoryFs`] each time. What stands behind `mem://` means
/// nothing, as in PyFilesystem; there are no parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemOpener;

impl MemOpener {
    /// The opener.
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
        refuse_extras(url, "a filesystem in memory has no users")?;
        Ok(MemoryFs::new())
    }
}

impl Opener for MemOpener {
    fn open_fs(&self, url: &FsUrl) -> Result<Box<dyn FileSystem>> {
        Ok(Box::new(self.open(url)?))
    }
}

/// An error for a URL with a user or with parameters.
fn refuse_extras(url: &FsUrl, no_users: &str) -> Result<()> {
    let malformed = |what: String| Error::new(ErrorKind::ParseUrl).with_message(what);
    if url.username().is_some() {
        return Err(malformed(no_users.to_owned()).with_hint("write an `@` in a path as `%40`"));
    }
    if let Some((name, _)) = url.params().next() {
        return Err(malformed(format!("there is no parameter {name:?}"))
            .with_hint("write a `?` in a path as `%3F`"));
    }
    Ok(())
}

/// The protocols that FS URLs may have.
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
    /// The protocols of this crate: `s3`, `osfs`, `file` and `mem`.
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
                    "without `://` it is a path of the local disk, and `create` makes it; a \
                     bucket is s3://…",
                )
            })
        };
        // A user's secret may stand in what was taken for a path.
        opened.map_err(|error| error.with_path_replaced(redacted(fs_url)))
    }

    fn open_url(&self, url: &FsUrl, options: &OpenFsOptions) -> Result<Box<dyn FileSystem>> {
        let Some(opener) = self.openers.get(&url.protocol().to_ascii_lowercase()) else {
            let known: Vec<_> = self.openers.keys().map(String::as_str).collect();
            return Err(Error::new(ErrorKind::UnsupportedProtocol)
                .with_message(format!("no opener knows {:?}", url.protocol()))
                .with_hint(format!("the protocols are: {}", known.join(", "))));
        };
        let fs = opener.open_fs_with(url, options)?;
        if options.writeable && fs.getmeta().read_only {
            return Err(Error::new(ErrorKind::ResourceReadOnly)
                .with_message("it was to be opened writeable"));
        }
        Ok(fs)
    }
}

/// Opens an FS URL, such as `s3://mybucket/reports`, `osfs:///var/lib` or `mem://`.
///
/// What a URL may say stands in [`S3Opener`], [`OsOpener`] and [`MemOpener`]; [`Registry`] lets a
/// program add protocols. A text without `://` is a path of the local disk, as it stands: in it, `%`,
/// `?`, `!` and `@` are characters like others. The empty text is the current directory, or
/// [`OpenFsOptions::cwd`], as `.` is: PyFilesystem takes it so, and what runs there must run here. A
/// program that reads the text from a variable asks first whether it is set. `~` at the beginning is
/// the home directory. No request is made.
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
/// [`UnsupportedProtocol`](ErrorKind::UnsupportedProtocol), and as [`S3FsBuilder::build`] and
/// [`OsFs::new`]. No error quotes what stands before the last `@` of the URL.
pub fn open_fs(fs_url: &str) -> Result<Box<dyn FileSystem>> {
    Registry::new().open_fs(fs_url)
}

/// Opens an FS URL, as [`open_fs`], with options.
///
/// # Errors
///
/// As [`open_fs`]; [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if the filesystem must be
/// writeable and is not; with `create` as [`S3Fs::create_root`] and [`OsFs::new_with`].
pub fn open_fs_with(fs_url: &str, options: &OpenFsOptions) -> Result<Box<dyn FileSystem>> {
    Registry::new().open_fs_with(fs_url, options)
}
