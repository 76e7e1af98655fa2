//! [`S3Fs`]: a bucket, or a directory inside one, as a filesystem, implemented with the operations of S3.

pub(crate) mod api;
mod archive;
mod buckets;
mod builder;
mod checks;
mod checksum;
mod client;
mod content_type;
mod copy;
mod credentials;
mod directories;
mod disk;
mod etag;
#[cfg(feature = "fuzzing")]
#[path = "../../tests/fuzzing/s3_targets.rs"]
pub(crate) mod fuzzing;
mod key;
mod limits;
mod list;
mod markers;
mod mtime;
mod open;
mod partition;
mod pieces;
mod presign;
mod ranges;
mod read;
mod removals;
mod s3_info;
mod uploads;
mod versions;
mod write;

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use percent_encoding::utf8_percent_encode;
use url::Url;

pub use archive::{Restoration, RestoreTier};
pub use buckets::BucketInfo;
pub use builder::{AddressingStyle, S3FsBuilder};
pub use client::Stats;
pub use content_type::guess_content_type;
pub use credentials::{CachedCredentials, Credentials, CredentialsProvider};
pub use presign::{Presign, PresignMethod, PresignedUrl};
pub use read::reader::S3Reader;
pub use uploads::StaleUpload;
pub use versions::{FileVersion, FileVersions};
pub use write::update::S3Updater;
pub use write::writer::S3Writer;

use crate::error::{Error, ErrorKind, Result};
use crate::ext::FileSystemExt as _;
use crate::filesystem::capabilities::{
    Capabilities, PieceSink, RangedSource, SourceOptions, Storage,
};
use crate::filesystem::file::File;
use crate::filesystem::info::{Info, Namespaces, RawInfo};
use crate::filesystem::location::Location;
use crate::filesystem::mode::Mode;
use crate::filesystem::options::OpenOptions;
use crate::filesystem::scantree::Descend;
use crate::filesystem::valid_path::ValidPath;
use crate::filesystem::{CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries};
use crate::fs_url::{FsUrl, redacted};
use crate::path;
use crate::percent::FS_URL;
use crate::s3::list::order::Order;
use crate::threads::ThreadPool;
pub use api::ConditionalWrites;
use api::{Condition, Handling, Objects, ReadOptions};
use checks::{is_missing_key, not_found};
use key::{Key, KeyMap};
use list::entries::directory_info;
use list::pages::{Entry, Pages};
use list::scan::Scan;

/// A bucket, or a directory inside one, as a filesystem.
///
/// Cloning is cheap, and threads can share one handle. [`close`](FileSystem::close) closes one handle and not its clones.
///
/// ```no_run
/// use s3fs::{FileSystem, FileSystemExt, S3Fs};
///
/// let fs = S3Fs::new("mybucket")?;
/// fs.makedir("reports")?;
/// fs.writetext("reports/hello.txt", "hello")?;
/// assert_eq!(fs.readtext("reports/hello.txt")?, "hello");
/// # Ok::<(), s3fs::Error>(())
/// ```
///
#[doc = include_str!("semantics.md")]
pub struct S3Fs {
    shared: Arc<Parts>,
    strict: bool,
    closed: AtomicBool,
}

/// State shared by all clones of a filesystem.
struct Parts {
    objects: Arc<Objects>,
    keys: KeyMap,
    bucket_name: String,
    dir_path: String,
    /// `None` unless an endpoint was configured.
    endpoint: Option<Url>,
    region: String,
    /// Source of the credentials.
    credentials_source: &'static str,
    addressing_style: AddressingStyle,
    read_only: bool,
    max_workers: usize,
    /// Number of keys that a copy of a tree lists and copies at a time.
    window: usize,
    reading: read::reader::Reading,
    /// Whether copies of trees request the encryption of each object.
    keep_encryption: bool,
    /// True once the store has been seen to report a marker for a directory that has none.
    answers_for_directories: AtomicBool,
}

impl Clone for S3Fs {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            strict: self.strict,
            closed: AtomicBool::new(self.isclosed()),
        }
    }
}

impl fmt::Debug for S3Fs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Fs")
            .field("bucket_name", &self.shared.bucket_name)
            .field("dir_path", &self.shared.dir_path)
            .field("region", &self.shared.region)
            .field("delimiter", &self.shared.keys.delimiter())
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for S3Fs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir_path = path::relpath(&self.shared.dir_path);
        write!(f, "<s3fs '{}/{dir_path}'>", self.shared.bucket_name)
    }
}

impl std::str::FromStr for S3Fs {
    type Err = Error;

    /// Like [`S3Fs::from_url`].
    fn from_str(url: &str) -> Result<Self> {
        Self::from_url(url)
    }
}

impl S3Fs {
    /// Opens the bucket `bucket_name`, with the credentials and the region of the environment or the shared files. No
    /// request is made.
    ///
    /// ```no_run
    /// use s3fs::S3Fs;
    /// use s3fs::prelude::*;
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// println!("{:?}", fs.listdir("/")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`S3FsBuilder::build`].
    pub fn new(bucket_name: &str) -> Result<Self> {
        Self::builder(bucket_name).build()
    }

    /// Opens an `s3://` FS URL. Like [`open_fs`](crate::open_fs), but returns this type, which has methods beyond those
    /// of [`FileSystem`]. No request is made.
    ///
    /// ```
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::from_url("s3://KEY:SECRET@mybucket/reports?endpoint_url=http://127.0.0.1:9000")?;
    /// assert_eq!(fs.bucket_name(), "mybucket");
    /// let also: S3Fs = "s3://mybucket?anonymous=1&endpoint_url=http://127.0.0.1:9000".parse()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`open_fs`](crate::open_fs), and [`ParseUrl`](ErrorKind::ParseUrl) for a URL of another protocol.
    pub fn from_url(url: &str) -> Result<Self> {
        let opened = || {
            let parsed = FsUrl::parse(url)?;
            if !parsed.protocol().eq_ignore_ascii_case("s3") {
                return Err(Error::new(ErrorKind::ParseUrl)
                    .with_message("the URL is not an s3:// URL")
                    .with_hint("open_fs opens URLs of all protocols"));
            }
            S3FsBuilder::from_url(&parsed, false)?.build()
        };
        opened().map_err(|error| error.with_path_replaced(redacted(url)))
    }

    /// Returns a builder for a filesystem with parameters.
    ///
    /// On stores other than AWS, `tenant:bucket` is a bucket of another tenant of Ceph's gateway.
    ///
    /// ```
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::builder("mybucket")
    ///     .dir_path("reports")
    ///     .endpoint_url("http://127.0.0.1:9000")
    ///     .aws_access_key_id("KEY")
    ///     .aws_secret_access_key("SECRET")
    ///     .build()?;
    /// assert_eq!(fs.to_string(), "<s3fs 'mybucket/reports'>");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    pub fn builder(bucket_name: &str) -> S3FsBuilder {
        S3FsBuilder::new(bucket_name)
    }

    fn assemble(parts: Parts, strict: bool) -> Self {
        Self {
            shared: Arc::new(parts),
            strict,
            closed: AtomicBool::new(false),
        }
    }

    /// The name of the bucket.
    #[must_use]
    pub fn bucket_name(&self) -> &str {
        &self.shared.bucket_name
    }

    /// Returns true if PyFilesystem's contract is followed exactly.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Creates the directory `dir_path` if it does not exist, by storing its marker. Never creates a bucket. Makes at
    /// most three requests, or one without strict, or none if `dir_path` is the whole bucket.
    ///
    /// # Errors
    ///
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected) if an object of that name exists, in strict mode;
    /// [`PermissionDenied`](ErrorKind::PermissionDenied).
    pub fn create_root(&self) -> Result<()> {
        self.check_writeable("/")?;
        let prefix = self.prefix(&ValidPath::of_normal("/"))?;
        let Some(name) = prefix.strip_suffix(self.shared.keys.delimiter()) else {
            return Ok(());
        };
        let made = || -> Result<()> {
            if self.strict {
                if !self.first_keys(&prefix, 1)?.objects.is_empty() {
                    return Ok(());
                }
                if self.is_object(&Key::new(name)?)? {
                    return Err(Error::new(ErrorKind::DirectoryExpected)
                        .with_message(format!("the object {name:?} exists")));
                }
            }
            let wanted = self.wanted(true);
            self.put_marker(&self.shared.keys.marker("/")?, wanted)
                .map(|_| ())
        };
        made().map_err(|error| error.with_path("/"))
    }

    /// Returns true if the store honours the conditions of a PUT, so that only one of several writers of a new file
    /// succeeds. `None` means that this is not known yet. It is known on AWS, if [`conditions`](S3FsBuilder::conditions)
    /// is set, and after the first conditional write. All clones share the result. No request is made.
    ///
    /// ```
    /// use s3fs::{ConditionalWrites, S3Fs};
    ///
    /// let fs = S3Fs::builder("mybucket")
    ///     .endpoint_url("http://127.0.0.1:9000")
    ///     .anonymous(true)
    ///     .conditions(ConditionalWrites::Ignored)
    ///     .build()?;
    /// assert_eq!(fs.honours_conditions(), Some(false));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn honours_conditions(&self) -> Option<bool> {
        let handling = self.objects().known_handling()?;
        Some(handling == Handling::Honoured)
    }

    /// Returns the region that requests are signed for, including a correction by the server. No request is made.
    #[must_use]
    pub fn region(&self) -> String {
        self.objects().client().region()
    }

    /// Returns the configured endpoint. `None` means the AWS endpoint of the region. No request is made.
    #[must_use]
    pub fn endpoint_url(&self) -> Option<&str> {
        self.shared.endpoint.as_ref().map(Url::as_str)
    }

    /// Returns the source of the credentials in words, such as `environment` or `shared credentials file`.
    /// [`guide::credentials`](crate::guide::credentials) has all of them. No request is made, and the text contains no
    /// secret.
    ///
    /// ```
    /// let fs = s3fs::S3Fs::builder("mybucket")
    ///     .endpoint_url("http://127.0.0.1:9000")
    ///     .anonymous(true)
    ///     .build()?;
    /// assert_eq!(fs.credentials_source(), "anonymous");
    /// assert_eq!(fs.region(), "us-east-1");
    /// assert_eq!(fs.endpoint_url(), Some("http://127.0.0.1:9000/"));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn credentials_source(&self) -> &'static str {
        self.shared.credentials_source
    }

    /// Returns the time of the server's clock, as far as it is known. This is the time of this machine until the server
    /// rejects a request because of its time and returns its own. No request is made.
    #[must_use]
    pub fn server_time(&self) -> std::time::SystemTime {
        self.objects().client().now()
    }

    /// Returns the counts of requests and transferred bytes of this filesystem and its clones. No request is made.
    ///
    /// ```no_run
    /// use s3fs::S3Fs;
    /// use s3fs::prelude::*;
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.readbytes("a.txt")?;
    /// assert_eq!(fs.stats().requests, 1);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.objects().client().stats()
    }

    /// Returns a builder for a presigned URL of a file. No request is made.
    ///
    /// ```
    /// use s3fs::S3Fs;
    /// use std::time::Duration;
    ///
    /// let fs = S3Fs::builder("mybucket")
    ///     .aws_access_key_id("KEY")
    ///     .aws_secret_access_key("SECRET")
    ///     .endpoint_url("http://127.0.0.1:9000")
    ///     .build()?;
    /// let url = fs.presign("report.csv")?.expires(Duration::from_secs(600)).url()?;
    /// assert!(url.contains("X-Amz-Expires=600"));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoUrl`](ErrorKind::NoUrl) for the root.
    pub fn presign(&self, path: &str) -> Result<Presign<'_>> {
        let (_, key) = self.file_key(path, ErrorKind::NoUrl)?;
        Ok(self.presign_key(path, key))
    }

    fn presign_key(&self, path: &str, key: Key) -> Presign<'_> {
        let objects = self.objects();
        Presign::new(objects.client(), path, key).paid_by(objects.payer())
    }

    fn objects(&self) -> &Arc<Objects> {
        &self.shared.objects
    }

    /// Returns the threads of one call.
    fn threads(&self) -> ThreadPool {
        ThreadPool::new(self.shared.max_workers)
    }

    /// Returns the validated path of a file, and its key. The root is an error of the kind `for_root`.
    fn file_key<'p>(&self, path: &'p str, for_root: ErrorKind) -> Result<(ValidPath<'p>, Key)> {
        let validated = self.normalize(path)?;
        if validated.is_root() {
            let error = validated.error(for_root);
            return Err(error.with_message("it is the root directory"));
        }
        let key = self.shared.keys.file(&validated);
        Ok((validated, key.map_err(|e| e.with_path_replaced(path))?))
    }

    /// Returns the validated path, or an error if the handle is closed. Does not check the key of the path.
    fn normalize<'p>(&self, path: &'p str) -> Result<ValidPath<'p>> {
        self.check().map_err(|error| error.with_path(path))?;
        ValidPath::new(path, &self.getmeta())
    }

    /// Returns the validated path, or an error if the handle is closed, or no key can have the path.
    fn valid_path<'p>(&self, path: &'p str) -> Result<ValidPath<'p>> {
        let validated = self.normalize(path)?;
        if !validated.is_root() {
            let key = self.shared.keys.file(&validated);
            key.map_err(|error| error.with_path_replaced(path))?;
        }
        Ok(validated)
    }

    /// Returns the prefix of the keys in the directory with this path. A path whose own key would be too long
    /// is an error, for files and for directories.
    fn prefix(&self, path: &ValidPath<'_>) -> Result<String> {
        let keys = &self.shared.keys;
        let prefix = match path.is_root() {
            true => keys.directory(path),
            false => keys.file(path).and_then(|_| keys.directory(path)),
        };
        prefix.map_err(|error| error.with_path_replaced(path.given()))
    }

    fn check_writeable(&self, path: &str) -> Result<()> {
        self.check().map_err(|error| error.with_path(path))?;
        if self.shared.read_only {
            return Err(Error::new(ErrorKind::ResourceReadOnly).with_path(path));
        }
        Ok(())
    }

    fn set_info(&self, path: &str, wanted: &RawInfo) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        let current = self.getinfo(path, Namespaces::DETAILS | Namespaces::S3)?;
        let changes = copy::setinfo::changes(wanted, &current)?;
        let Some(s3) = current.s3().filter(|_| !changes.is_empty()) else {
            return Ok(());
        };
        let key = self.shared.keys.file(&validated)?;
        let mut rewrite = copy::setinfo::Rewrite::new(s3, &changes)?;
        let has_type = rewrite
            .headers
            .iter()
            .any(|(name, _)| name == "content-type");
        if !has_type && !rewrite.keeps_content {
            let guessed = self.objects().content_type_of(&key);
            rewrite.headers.push(("content-type".to_owned(), guessed));
        }
        let size = s3.content_length.unwrap_or_default();
        let e_tag = s3.e_tag.as_deref().unwrap_or_default();
        self.objects()
            .rewrite(&key, size, e_tag, rewrite, s3.tag_count)
    }

    /// Returns the `s3://` URL of a file or directory. It opens the same filesystem at that path. It leaves out
    /// credentials and arguments, because a URL may be passed on.
    fn fs_url(&self, validated: &str) -> String {
        let shared = &*self.shared;
        let encode = |text: &str| utf8_percent_encode(text, FS_URL).to_string();
        let root = path::relpath(&shared.dir_path).trim_matches('/').to_owned();
        let full = format!("{root}{validated}");
        let mut url = format!(
            "s3://{}/{}",
            encode(&shared.bucket_name),
            encode(path::relpath(&full))
        );
        let mut parameters = Vec::new();
        if let Some(endpoint) = &shared.endpoint {
            parameters.push(("endpoint_url", endpoint.as_str()));
        }
        if shared.region != builder::DEFAULT_REGION {
            parameters.push(("region", &shared.region));
        }
        if shared.keys.delimiter() != "/" {
            parameters.push(("delimiter", shared.keys.delimiter()));
        }
        match shared.addressing_style {
            AddressingStyle::Auto => {}
            AddressingStyle::Path => parameters.push(("addressing_style", "path")),
            AddressingStyle::VirtualHost => parameters.push(("addressing_style", "virtual")),
        }
        if !self.strict {
            parameters.push(("strict", "0"));
        }
        if shared.read_only {
            parameters.push(("read_only", "1"));
        }
        if shared.objects.client().is_anonymous() {
            parameters.push(("anonymous", "1"));
        }
        for (number, (name, value)) in parameters.into_iter().enumerate() {
            let separator = if number == 0 { '?' } else { '&' };
            url.push_str(&format!("{separator}{name}={}", encode(value)));
        }
        url
    }
}

impl FileSystem for S3Fs {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        let validated = self.normalize(path)?;
        if validated.is_root() {
            return Ok(directory_info("", None, namespaces));
        }
        let find = || {
            let key = self.shared.keys.file(&validated)?;
            if let Some(file) = self.getinfo_file(&validated, &key, namespaces)? {
                return Ok(Some(file));
            }
            self.getinfo_directory(&validated, namespaces)
        };
        let info = find().map_err(|error: Error| error.with_path_replaced(path))?;
        info.ok_or_else(|| not_found(path))
    }

    /// Processes at most `max_workers` paths in parallel.
    fn getinfo_many(&self, paths: &[&str], namespaces: Namespaces) -> Vec<Result<Info>> {
        self.threads()
            .map(paths, |path| self.getinfo(path, namespaces))
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        let scan = self.scan(path)?;
        let entries: Result<Vec<Entry>> = scan.collect();
        Ok(list::pages::names(entries.map_err(|e| e.with_path(path))?))
    }

    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        let scan = self.scan(path)?;
        Ok(self.infos(scan, path, namespaces))
    }

    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.make_directory(path, options)
            .map_err(|error| error.with_path(path))
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        let mode = Mode::binary(mode).map_err(|error| error.with_path(path))?;
        if mode.writing() {
            return self
                .open_for_writing(path, mode, options)
                .map_err(|error| error.with_path(path));
        }
        Ok(Box::new(self.open_read(path, options)?))
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.remove_file(path)
            .map_err(|error| error.with_path(path))
    }

    fn removedir(&self, path: &str) -> Result<()> {
        self.remove_directory(path)
            .map_err(|error| error.with_path(path))
    }

    fn remove_many(&self, paths: &[&str]) -> Vec<Result<()>> {
        self.remove_files(paths)
    }

    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        self.set_info(path, info)
            .map_err(|error| error.with_path(path))
    }

    /// One HEAD request. Its response has no error code, so that a missing bucket counts as a missing file;
    /// [`exists`](FileSystem::exists) and [`isdir`](FileSystem::isdir) distinguish them.
    fn isfile(&self, path: &str) -> Result<bool> {
        let validated = self.normalize(path)?;
        if validated.is_root() {
            return Ok(false);
        }
        let key = self.shared.keys.file(&validated);
        key.and_then(|key| self.is_object(&key))
            .map_err(|error| error.with_path_replaced(path))
    }

    /// Like `getinfo`, but returns true also for an object encrypted with a customer's key that is not configured here.
    fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.isfile(path)? || self.isdir(path)?)
    }

    fn isdir(&self, path: &str) -> Result<bool> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated)?;
        self.is_directory(&prefix, &validated)
            .map_err(|error| error.with_path(path))
    }

    fn isempty(&self, path: &str) -> Result<bool> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated)?;
        let page = self.first_keys(&prefix, 2);
        let page = page.map_err(|error| error.with_path(path))?;
        match page.objects.as_slice() {
            [] if validated.is_root() => Ok(true),
            [] => Err(self.no_directory(&validated)),
            // No path can name a marker with content.
            [only] => Ok(only.is(&prefix) && only.size == 0),
            _ => Ok(false),
        }
    }

    fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let options = ReadOptions::from_call(options);
        match self.shared.objects.read_whole(&key, &options) {
            Err(error) if is_missing_key(&error) => Err(self.no_object(&validated)),
            result => result.map_err(|error| error.with_path(path)),
        }
    }

    fn writebytes_with(&self, path: &str, contents: &[u8], options: &OpenOptions) -> Result<()> {
        self.write_whole(path, contents, options)
            .map_err(|error| error.with_path(path))
    }

    /// In strict mode P + 3 requests, otherwise one. The server decides whether the file is new.
    fn create(&self, path: &str, wipe: bool) -> Result<bool> {
        if wipe {
            return self.writebytes(path, b"").map(|()| true);
        }
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        if validated.is_root() {
            return Ok(false);
        }
        let created = || -> Result<bool> {
            let key = self.shared.keys.file(&validated)?;
            if self.strict {
                if self.is_object(&key)?
                    || self.is_directory(&self.prefix(&validated)?, &validated)?
                {
                    return Ok(false);
                }
                self.require_parent(&validated, ErrorKind::ResourceNotFound)?;
            }
            let target = self.target(key, path, &OpenOptions::default());
            match target.put(b"", &[], Condition::Absent) {
                Ok(()) => Ok(true),
                Err(error) if error.is(ErrorKind::FileExists) => Ok(false),
                Err(error) => Err(error),
            }
        };
        created().map_err(|error| error.with_path_replaced(path))
    }

    /// Like [`create`](FileSystem::create), because S3 cannot set the times of an existing object.
    fn touch(&self, path: &str) -> Result<()> {
        self.create(path, false).map(|_| ())
    }

    /// Writes like an [`S3Writer`]: in one request up to one part, otherwise in parts that are sent while the source is
    /// read.
    fn upload(&self, path: &str, source: &mut dyn Read) -> Result<u64> {
        self.write_from(path, source, None)
            .map_err(|error| error.with_path(path))
    }

    fn upload_sized(&self, path: &str, source: &mut dyn Read, size: u64) -> Result<u64> {
        self.write_from(path, source, Some(size))
            .map_err(|error| error.with_path(path))
    }

    /// One GET request for any size.
    fn download(&self, path: &str, target: &mut dyn Write) -> Result<u64> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let options = ReadOptions::default();
        match self.shared.objects.copy_whole(&key, &options, target) {
            Err(error) if is_missing_key(&error) => Err(self.no_object(&validated)),
            result => result.map_err(|error| error.with_path(path)),
        }
    }

    fn makedirs_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.make_directories(path, options)
            .map_err(|error| error.with_path_replaced(path))
    }

    fn copy_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        self.copy_file(src_path, dst_path, options)
    }

    fn movefile_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        self.move_file(src_path, dst_path, options)
    }

    fn copydir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        self.copy_directory(src_path, dst_path, options, false)
            .map_err(|error| error.with_path(src_path))
    }

    fn movedir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        self.copy_directory(src_path, dst_path, options, true)
            .map_err(|error| error.with_path(src_path))
    }

    fn removetree(&self, path: &str) -> Result<()> {
        self.remove_tree(path, false)
            .map_err(|error| error.with_path(path))
    }

    fn scantree(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        self.scan_tree(path, namespaces, None)
    }

    /// Chooses between two ways of listing. The cost is at most twice that of a flat listing of the tree that skips
    /// excluded directories, and at most four times that of a listing of each entered directory.
    fn scantree_pruned<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Descend<'a>,
    ) -> Result<TreeEntries<'a>> {
        self.scan_tree(path, namespaces, Some(descend))
    }

    /// Requests only keys with this prefix, and makes one more request if there are none.
    fn scandir_prefix(
        &self,
        path: &str,
        name_prefix: &str,
        namespaces: Namespaces,
    ) -> Result<Entries<'_>> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated)?;
        let keys = &self.shared.keys;
        let delimiter = keys.delimiter();
        if name_prefix.contains('/') || name_prefix.contains(delimiter) {
            // No name contains these. A missing directory is still reported.
            return self.scandir(path, namespaces).map(|_| {
                let none: Entries<'_> = Box::new(std::iter::empty());
                none
            });
        }
        let wanted = format!("{prefix}{name_prefix}");
        let pages = Pages::new(self.objects(), &wanted, Some(delimiter));
        let mut scan = Scan::new(pages, prefix.clone(), keys);
        let found = scan
            .begin()
            .and_then(|any| Ok(any || self.is_directory(&prefix, &validated)?));
        if found.map_err(|error| error.with_path(path))? {
            return Ok(self.infos(scan, path, namespaces));
        }
        Err(self.no_directory(&validated))
    }

    fn capabilities(&self) -> Option<&dyn Capabilities> {
        Some(self)
    }

    fn label(&self) -> String {
        self.to_string()
    }

    fn getmeta(&self) -> Meta {
        Meta {
            network: true,
            read_only: self.shared.read_only,
            holds_file_beside_directory: true,
            tree_page: Some(list::pages::PAGE),
            ..Meta::default()
        }
    }

    /// Without strict no request is made, because a directory exists once keys are written in it.
    fn check_directory(&self, path: &str) -> Result<()> {
        if !self.strict || self.isdir(path)? {
            return self.validatepath(path).map(|_| ());
        }
        Err(self.no_directory(&self.normalize(path)?))
    }

    /// The marker keeps the directory. It exists before anything is removed.
    fn emptydir(&self, path: &str) -> Result<()> {
        self.remove_tree(path, true)
            .map_err(|error| error.with_path(path))
    }

    fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
        let (validated, key) = self.file_key(path, ErrorKind::NoUrl)?;
        match purpose {
            "download" => self.presign_key(path, key).url(),
            "fs" if key.as_str().contains(char::is_control) => Err(Error::new(ErrorKind::NoUrl)
                .with_path(path)
                .with_message("an FS URL cannot contain control characters")),
            "fs" => Ok(self.fs_url(&validated)),
            other => Err(Error::new(ErrorKind::NoUrl)
                .with_path(path)
                .with_message(format!("unknown purpose {other:?}"))
                .with_hint("the supported purposes are \"download\" and \"fs\"")),
        }
    }

    fn validatepath(&self, path: &str) -> Result<String> {
        self.valid_path(path).map(ValidPath::into_string)
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn isclosed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Capabilities for S3Fs {
    fn location(&self, path: &str) -> Result<Option<Location>> {
        let validated = self.normalize(path)?;
        let place = self.place(&validated);
        place
            .map(Some)
            .map_err(|error| error.with_path_replaced(path))
    }

    /// False for another delimiter than `/`, and for a store that was seen to list in another order.
    fn lists_in_key_order(&self) -> bool {
        let order = self.objects().listings.order();
        self.shared.keys.delimiter() == "/" && matches!(order, Order::Bytes | Order::Unknown)
    }

    fn copy_from(&self, source: &Location, dst_path: &str) -> Result<bool> {
        self.copy_reached(source, dst_path)
            .map_err(|error| error.with_path(dst_path))
    }

    fn copydir_from(&self, source: &Location, dst_path: &str, remove: bool) -> Result<bool> {
        self.copy_reached_directory(source, dst_path, remove)
            .map_err(|error| error.with_path(dst_path))
    }

    fn storage(&self) -> Storage {
        Storage::Remote {
            workers: self.shared.max_workers,
        }
    }

    fn has_e_tags(&self) -> bool {
        true
    }

    fn without_checks(&self) -> Option<Box<dyn FileSystem + '_>> {
        let unchecked = || Self {
            strict: false,
            ..self.clone()
        };
        self.strict
            .then(|| -> Box<dyn FileSystem> { Box::new(unchecked()) })
    }

    fn remove_listed(&self, files: &[&str], emptied: &[&str]) -> Option<Vec<Result<()>>> {
        Some(self.remove_listed_files(files, emptied))
    }

    fn open_source(
        &self,
        path: &str,
        options: &SourceOptions,
    ) -> Result<Option<Box<dyn RangedSource + '_>>> {
        Ok(Some(Box::new(self.object_source(path, options)?)))
    }

    fn open_sink(
        &self,
        path: &str,
        options: &OpenOptions,
    ) -> Result<Option<Box<dyn PieceSink + '_>>> {
        Ok(Some(Box::new(self.object_sink(path, options)?)))
    }
}
