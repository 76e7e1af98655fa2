//! [`open_fs`] and [`Registry`]: from an FS URL to an open filesystem.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::FileSystem;
use crate::fs_url::{FsUrl, redacted};
use crate::s3::{S3Fs, S3FsBuilder};

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
/// password, path and parameters are percent-decoded. The parameters are those of
/// [`S3FsBuilder`], under the same names: `endpoint_url`, `region`, `delimiter`, `strict`,
/// `read_only`, `anonymous` (`1` or `0`), `addressing_style` (`auto`, `path`, `virtual`),
/// `connect_timeout`, `response_timeout`, `stall_timeout` (seconds), `max_workers`,
/// `user_agent_suffix`, `aws_session_token`; the header arguments of
/// [`UploadArgs`](crate::UploadArgs) (`acl`, `cache_control`, `content_type`, `storage_class` …),
/// `metadata.NAME`, `tag.NAME` and `checksum_algorithm`; `profile` where the program allows it.
/// Keys of SSE-C and local paths are not taken from URLs.
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

    /// Whether a URL may name a profile. A profile may run a command: allow it only for URLs that
    /// the program, and nobody else, wrote.
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
}

/// The protocols that FS URLs may have.
///
/// ```
/// use s3fs::{ErrorKind, FileSystem, FsUrl, Registry, S3Fs};
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
    /// The protocols of this crate: `s3`.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Self {
            openers: BTreeMap::new(),
        };
        registry.register("s3", S3Opener::new());
        registry
    }

    /// Adds a protocol, or replaces the opener of one.
    pub fn register(&mut self, protocol: &str, opener: impl Opener + 'static) {
        self.openers
            .insert(protocol.to_ascii_lowercase(), Box::new(opener));
    }

    /// Opens an FS URL.
    ///
    /// # Errors
    ///
    /// As [`open_fs`].
    pub fn open_fs(&self, fs_url: &str) -> Result<Box<dyn FileSystem>> {
        let url = FsUrl::parse(fs_url)?;
        let Some(opener) = self.openers.get(&url.protocol().to_ascii_lowercase()) else {
            let known: Vec<_> = self.openers.keys().map(String::as_str).collect();
            return Err(Error::new(ErrorKind::UnsupportedProtocol)
                .with_path(redacted(fs_url))
                .with_message(format!("no opener knows {:?}", url.protocol()))
                .with_hint(format!("the protocols are: {}", known.join(", "))));
        };
        opener
            .open_fs(&url)
            .map_err(|error| error.with_path(redacted(fs_url)))
    }
}

/// Opens an FS URL, such as `s3://mybucket/reports`.
///
/// What a URL may say stands in [`S3Opener`]; [`Registry`] lets a program add protocols. No request
/// is made.
///
/// Source: [`fs.open_fs`](https://docs.pyfilesystem.org/en/latest/openers.html).
///
/// ```
/// use s3fs::{FileSystem, open_fs};
///
/// let fs = open_fs("s3://key:secret@mybucket/reports?endpoint_url=http://127.0.0.1:9000")?;
/// assert!(fs.geturl("a.csv")?.starts_with("http://127.0.0.1:9000/mybucket/reports/a.csv?"));
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Errors
///
/// [`ParseUrl`](ErrorKind::ParseUrl) for a malformed URL or an unknown parameter,
/// [`UnsupportedProtocol`](ErrorKind::UnsupportedProtocol), and as [`S3FsBuilder::build`]. No error
/// quotes what stands before the last `@` of the URL.
pub fn open_fs(fs_url: &str) -> Result<Box<dyn FileSystem>> {
    Registry::new().open_fs(fs_url)
}
