//! [`S3Fs`]: a bucket, or a directory inside one, as a filesystem. What S3 can do, method by method.

mod builder;
mod checksum;
mod client;
mod content_type;
mod copy;
mod credentials;
mod info;
mod key;
mod list;
mod objects;
mod parallel;
mod presign;
mod reader;
mod scan;
mod setinfo;
mod tree;
mod update;
mod writer;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use time::OffsetDateTime;
use url::Url;

pub use builder::{AddressingStyle, S3FsBuilder};
pub use presign::{Presign, PresignMethod};
pub use reader::S3Reader;
pub use update::S3Updater;
pub use writer::S3Writer;

use crate::error::{Error, ErrorKind, Result};
use crate::file::File;
use crate::filesystem::{
    CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries, found,
};
use crate::info::{Info, Namespaces, RawInfo};
use crate::location::Location;
use crate::mode::Mode;
use crate::options::{OpenOptions, UploadArgs};
use crate::path;
use client::xml::ListPage;
use key::{Key, KeyMap, MAX_KEY_BYTES};
use list::{Entry, Pages, check_prefix};
use objects::{Condition, Listing, Objects, ReadOptions, condition_failed};
use scan::Scan;
use writer::Target;

/// The largest object that one PUT stores.
///
/// Source: [Amazon S3 multipart upload limits](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const MAX_PUT_BYTES: u64 = 5 << 30;

/// What a path in an FS URL must have encoded to be read back.
pub(crate) const FS_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b':')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@');

/// A bucket, or a directory inside one, as a filesystem.
///
/// Cheap to clone, and shared by threads. [`close`](FileSystem::close) closes one handle and not
/// its clones.
///
/// ```no_run
/// use s3fs::{FileSystem, S3Fs};
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
    closed: AtomicBool,
}

/// What all clones of a filesystem share.
struct Parts {
    objects: Arc<Objects>,
    keys: KeyMap,
    bucket_name: String,
    dir_path: String,
    /// Only if one was named.
    endpoint: Option<Url>,
    region: String,
    addressing_style: AddressingStyle,
    strict: bool,
    read_only: bool,
    max_workers: usize,
}

impl Clone for S3Fs {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
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
            .field("strict", &self.shared.strict)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for S3Fs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir_path = path::relpath(&self.shared.dir_path);
        write!(f, "<s3fs '{}/{dir_path}'>", self.shared.bucket_name)
    }
}

impl S3Fs {
    /// The bucket of that name, with the credentials and the region of the environment or the
    /// shared files. No request is made.
    ///
    /// # Errors
    ///
    /// As [`S3FsBuilder::build`].
    pub fn new(bucket_name: &str) -> Result<Self> {
        Self::builder(bucket_name).build()
    }

    /// Begins a filesystem with parameters.
    pub fn builder(bucket_name: &str) -> S3FsBuilder {
        S3FsBuilder::new(bucket_name)
    }

    fn assemble(parts: Parts) -> Self {
        Self {
            shared: Arc::new(parts),
            closed: AtomicBool::new(false),
        }
    }

    /// The name of the bucket.
    #[must_use]
    pub fn bucket_name(&self) -> &str {
        &self.shared.bucket_name
    }

    /// Whether PyFilesystem's contract is followed exactly.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.shared.strict
    }

    /// Makes the bucket, in the filesystem's region: one request. Nothing else ever makes one.
    ///
    /// Source: [CreateBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
    ///
    /// # Errors
    ///
    /// [`OperationFailed`](ErrorKind::OperationFailed) if there is one of that name already (in
    /// `us-east-1`, one's own is no error), [`PermissionDenied`](ErrorKind::PermissionDenied).
    pub fn create_bucket(&self) -> Result<()> {
        self.check_writeable("/")?;
        self.objects().create_bucket()
    }

    /// Makes the directory at `dir_path`, if it is not there: its marker, and never a bucket. At
    /// most three requests, one without strict; none if `dir_path` is the whole bucket.
    ///
    /// # Errors
    ///
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected) if an object of that name is there, in
    /// strict mode; [`PermissionDenied`](ErrorKind::PermissionDenied).
    pub fn create_root(&self) -> Result<()> {
        self.check_writeable("/")?;
        let prefix = self.prefix("/", "/")?;
        let Some(name) = prefix.strip_suffix(self.shared.keys.delimiter()) else {
            return Ok(());
        };
        let made = || -> Result<()> {
            if self.shared.strict {
                if !self.first_keys(&prefix, 1)?.objects.is_empty() {
                    return Ok(());
                }
                if self.is_object(&Key::new(name)?)? {
                    return Err(Error::new(ErrorKind::DirectoryExpected)
                        .with_message(format!("the object {name:?} is there")));
                }
            }
            self.put_marker(&self.shared.keys.marker("/")?).map(|_| ())
        };
        made().map_err(|error| error.with_path("/"))
    }

    /// Begins a presigned URL for a file: no request.
    ///
    /// # Errors
    ///
    /// [`NoUrl`](ErrorKind::NoUrl) for the root.
    pub fn presign(&self, path: &str) -> Result<Presign<'_>> {
        let (_, key) = self.file_key(path, ErrorKind::NoUrl)?;
        Ok(Presign::new(self.objects().client(), path, key))
    }

    fn objects(&self) -> &Objects {
        &self.shared.objects
    }

    /// The validated path of a file, and its key; the root is an error of that kind.
    fn file_key(&self, path: &str, for_root: ErrorKind) -> Result<(String, Key)> {
        let validated = self.normalize(path)?;
        if validated == "/" {
            return Err(Error::new(for_root)
                .with_path(path)
                .with_message("it is the root"));
        }
        let key = self.shared.keys.file(&validated);
        Ok((validated, key.map_err(|e| e.with_path_replaced(path))?))
    }

    /// The path normalized, on an open handle; its key is looked at by whoever makes it.
    fn normalize(&self, path: &str) -> Result<String> {
        self.check().map_err(|error| error.with_path(path))?;
        crate::filesystem::validate(path, &self.getmeta())
    }

    /// What the keys in the directory at that validated path begin with. A path whose own key
    /// would be too long is an error, whether a file or a directory is meant.
    fn prefix(&self, validated: &str, path: &str) -> Result<String> {
        let keys = &self.shared.keys;
        let prefix = match validated {
            "/" => keys.directory(validated),
            _ => keys.file(validated).and_then(|_| keys.directory(validated)),
        };
        prefix.map_err(|error| error.with_path_replaced(path))
    }

    fn check_writeable(&self, path: &str) -> Result<()> {
        self.check().map_err(|error| error.with_path(path))?;
        if self.shared.read_only {
            return Err(Error::new(ErrorKind::ResourceReadOnly).with_path(path));
        }
        Ok(())
    }

    /// The first keys that begin with that prefix: one request, or none where no key can.
    fn first_keys(&self, prefix: &str, count: u32) -> Result<ListPage> {
        if prefix.len() > MAX_KEY_BYTES {
            return Ok(ListPage::default());
        }
        let listing = Listing {
            prefix,
            delimiter: None,
            max_keys: Some(count),
        };
        let page = self.objects().list(&listing, None)?;
        check_prefix(&page, prefix)?;
        Ok(page)
    }

    /// Whether the directory whose keys begin with that prefix exists: one request; none for the
    /// root, whose prefix every key has.
    fn is_directory(&self, prefix: &str, validated: &str) -> Result<bool> {
        Ok(validated == "/" || !self.first_keys(prefix, 1)?.objects.is_empty())
    }

    /// Whether an object has that key: one request.
    fn is_object(&self, key: &Key) -> Result<bool> {
        self.objects().exists(key)
    }

    /// P: an error unless the parent directory exists. One request, none in the root.
    fn require_parent(&self, validated: &str, path: &str) -> Result<()> {
        let parent = path::dirname(validated);
        if self.is_directory(&self.prefix(parent, path)?, parent)? {
            return Ok(());
        }
        if self.is_object(&self.shared.keys.file(parent)?)? {
            return Err(Error::new(ErrorKind::DirectoryExpected)
                .with_path(path)
                .with_message(format!("its parent {parent:?} is a file")));
        }
        Err(Error::new(ErrorKind::ResourceNotFound)
            .with_path(path)
            .with_message(format!("its parent {parent:?} is not there"))
            .with_hint("make it with makedir, or open the filesystem with strict off"))
    }

    /// The checks before a write in strict mode: P + 1 requests.
    fn check_file_target(
        &self,
        validated: &str,
        key: &Key,
        path: &str,
        options: &OpenOptions,
    ) -> Result<()> {
        self.require_parent(validated, path)?;
        if options.beside_directory {
            return Ok(());
        }
        self.refuse_directory(validated, key, path)
    }

    /// An error if the path means a directory: one request. Where both are there, it means the file.
    fn refuse_directory(&self, validated: &str, key: &Key, path: &str) -> Result<()> {
        if self.is_directory(&self.prefix(validated, path)?, validated)? && !self.is_object(key)? {
            return Err(Error::new(ErrorKind::FileExpected).with_path(path));
        }
        Ok(())
    }

    /// What it means that no object has the key of that path: one request.
    fn no_object(&self, validated: &str, path: &str) -> Error {
        let directory = self
            .prefix(validated, path)
            .and_then(|prefix| self.is_directory(&prefix, validated));
        match directory {
            Ok(true) => Error::new(ErrorKind::FileExpected).with_path(path),
            Ok(false) => not_found(path),
            Err(error) => error.with_path(path),
        }
    }

    /// What it means that no key lies below that path: one request.
    fn no_directory(&self, validated: &str, path: &str) -> Error {
        let is_object = self
            .shared
            .keys
            .file(validated)
            .and_then(|key| self.is_object(&key));
        match is_object {
            Ok(true) => Error::new(ErrorKind::DirectoryExpected).with_path(path),
            Ok(false) => not_found(path),
            Err(error) => error.with_path(path),
        }
    }

    /// Keeps a directory from vanishing with the last key below it: one request, and one more to
    /// write its marker if nothing is seen there but what is `leaving`.
    fn keep_parent(&self, validated: &str, leaving: impl Fn(&str) -> bool) -> Result<()> {
        let parent = path::dirname(validated);
        if parent == "/" {
            return Ok(());
        }
        let marker = self.shared.keys.marker(parent)?;
        let page = self.first_keys(marker.as_str(), 2)?;
        if page.objects.iter().any(|object| !leaving(&object.key)) {
            return Ok(());
        }
        self.put_marker(&marker).map(|_| ())
    }

    /// Writes a directory's marker unless something is there: one request. Says whether it did.
    fn put_marker(&self, marker: &Key) -> Result<bool> {
        let args = self.objects().upload_args(&UploadArgs::new());
        let put = |condition| self.objects().put(marker, b"", &args, &[], condition);
        match put(Condition::Absent) {
            Ok(()) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            // The store knows no conditions; what is there is looked at right before.
            Err(error) if error.is(ErrorKind::Unsupported) && error.s3().is_some() => {
                if self.is_object(marker)? {
                    return Ok(false);
                }
                put(Condition::Any).map(|()| true)
            }
            Err(error) => Err(error),
        }
    }

    fn getinfo_file(
        &self,
        validated: &str,
        key: &Key,
        namespaces: Namespaces,
    ) -> Result<Option<Info>> {
        let with_s3 = namespaces.contains(Namespaces::S3);
        let head = self.objects().head(key, &ReadOptions::default(), with_s3);
        let Some(head) = found(head)? else {
            return Ok(None);
        };
        let mut file = Info::new(path::basename(validated), false).with_writeable(info::WRITEABLE);
        if namespaces.contains(Namespaces::DETAILS) {
            file = file.with_details(info::file_details(head.headers()));
        }
        if with_s3 {
            file = file.with_s3(info::s3_info(head.headers()));
        }
        if namespaces.contains(Namespaces::URLS) {
            file = file.with_url("download", self.geturl(validated)?);
        }
        Ok(Some(file))
    }

    fn getinfo_directory(
        &self,
        validated: &str,
        path: &str,
        namespaces: Namespaces,
    ) -> Result<Option<Info>> {
        let prefix = self.prefix(validated, path)?;
        let page = self.first_keys(&prefix, 1)?;
        let Some(first) = page.objects.first() else {
            return Ok(None);
        };
        let marker = Some(first).filter(|object| object.key == prefix);
        let modified = marker.and_then(|marker| marker.last_modified);
        let mut directory = directory_info(path::basename(validated), modified, namespaces);
        if namespaces.contains(Namespaces::S3) && marker.is_some() {
            let marker = self.shared.keys.marker(validated)?;
            let head = self.objects().head(&marker, &ReadOptions::default(), true);
            if let Some(head) = found(head)? {
                directory = directory.with_s3(info::s3_info(head.headers()));
            }
        }
        Ok(Some(directory))
    }

    /// The arguments of an open file, and where it goes.
    fn target(&self, key: Key, path: &str, options: &OpenOptions) -> Target {
        let mut args = self.objects().upload_args(&options.upload);
        // What was read with a customer's key is written with it again.
        if args.customer_key().is_none()
            && let Some(key) = self.objects().customer_key(&options.download)
        {
            args = args.sse_customer_key(key);
        }
        Target {
            objects: Arc::clone(&self.shared.objects),
            key,
            path: path.to_owned(),
            args,
        }
    }

    fn open_write(
        &self,
        validated: &str,
        key: Key,
        path: &str,
        mode: Mode,
        options: &OpenOptions,
    ) -> Result<Box<dyn File>> {
        self.check_writeable(path)?;
        check_for_writing(options, path)?;
        if mode.exclusive() && options.if_match.is_some() {
            return Err(Error::new(ErrorKind::InvalidArgument)
                .with_path(path)
                .with_message("a file that must be new has no ETag to match"));
        }
        let target = self.target(key, path, options);
        target.args.to_headers()?;
        if self.shared.strict && mode.create() {
            self.check_file_target(validated, &target.key, path, options)?;
            if mode.exclusive() && self.is_object(&target.key)? {
                return Err(Error::new(ErrorKind::FileExists).with_path(path));
            }
        }
        if mode.truncate() && !mode.updating() {
            return Ok(Box::new(S3Writer::new(
                target,
                mode.exclusive(),
                options.if_match.clone(),
            )));
        }
        let read = ReadOptions::from_call(options);
        match S3Updater::open(target, mode, &read) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.is(ErrorKind::ResourceNotFound) => {
                Err(self.no_object(validated, path))
            }
            Err(error) => Err(error),
        }
    }

    fn write_whole(&self, path: &str, contents: &[u8], options: &OpenOptions) -> Result<()> {
        self.check_writeable(path)?;
        check_for_writing(options, path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        if contents.len() as u64 > MAX_PUT_BYTES {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_path(path)
                .with_message("one request stores 5 GiB at most"));
        }
        let target = self.target(key, path, options);
        target.args.to_headers()?;
        if self.shared.strict {
            self.check_file_target(&validated, &target.key, path, options)?;
        }
        let condition = match &options.if_match {
            Some(e_tag) => Condition::Match(e_tag),
            None => Condition::Any,
        };
        target.put(contents, &[], condition)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.check_writeable(path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        if self.shared.strict {
            if !self.is_object(&key)? {
                return Err(self.no_object(&validated, path));
            }
            self.keep_parent(&validated, |other| other == key.as_str())?;
        }
        self.objects().delete(&key, None)
    }

    fn remove_directory(&self, path: &str) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        if validated == "/" {
            return Err(Error::new(ErrorKind::RemoveRoot).with_path(path));
        }
        let prefix = self.prefix(&validated, path)?;
        let page = self.first_keys(&prefix, 2)?;
        let [marker] = page.objects.as_slice() else {
            return Err(if page.objects.is_empty() {
                self.no_directory(&validated, path)
            } else {
                Error::new(ErrorKind::DirectoryNotEmpty).with_path(path)
            });
        };
        if marker.key != prefix || marker.size > 0 {
            let error = Error::new(ErrorKind::DirectoryNotEmpty).with_path(path);
            return Err(if marker.key == prefix {
                error.with_message(format!("the object {prefix:?} has content"))
            } else {
                error
            });
        }
        let marker = self.shared.keys.marker(&validated)?;
        if self.shared.strict {
            self.keep_parent(&validated, |key| key == marker.as_str())?;
        }
        self.objects().delete(&marker, None)
    }

    fn make_directory(&self, path: &str, options: MakedirOptions) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        let exists = || Error::new(ErrorKind::DirectoryExists).with_path(path);
        if validated == "/" {
            return if options.recreate {
                Ok(())
            } else {
                Err(exists())
            };
        }
        let marker = self.shared.keys.marker(&validated);
        let marker = marker.map_err(|error| error.with_path_replaced(path))?;
        if self.shared.strict {
            self.require_parent(&validated, path)?;
            if self.is_directory(marker.as_str(), &validated)? {
                return if options.recreate {
                    Ok(())
                } else {
                    Err(exists())
                };
            }
            if !options.beside_file && self.is_object(&self.shared.keys.file(&validated)?)? {
                return Err(if options.recreate {
                    Error::new(ErrorKind::DirectoryExpected).with_path(path)
                } else {
                    exists().with_message("it is a file")
                });
            }
        }
        if self.put_marker(&marker)? || options.recreate {
            return Ok(());
        }
        Err(exists())
    }

    /// From the deepest directory that is there, down: at most 2 k + 1 requests for k new levels in
    /// strict mode, otherwise k.
    fn make_directories(&self, path: &str, options: MakedirOptions) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        let exists = || Error::new(ErrorKind::DirectoryExists).with_path(path);
        let mut missing = self.missing_levels(&validated, 0)?;
        if !self.shared.strict {
            let levels = missing.len().saturating_sub(options.given_levels);
            missing.truncate(levels);
        }
        if let Some(file) = self.file_above(&missing)? {
            return Err(if file == validated && !options.recreate {
                exists().with_message("it is a file")
            } else {
                no_directory_below(file, path)
            });
        }
        if self.make_levels(&missing)? || options.recreate {
            return Ok(());
        }
        Err(exists())
    }

    /// The directories that are not there, from that one up, with their markers; the first so many
    /// are known not to be. Without strict, all of them.
    fn missing_levels(&self, validated: &str, known: usize) -> Result<Vec<(String, Key)>> {
        let mut missing = Vec::new();
        for level in path::recursepath(validated)?.into_iter().skip(1).rev() {
            let marker = self.shared.keys.marker(&level)?;
            let is_known = missing.len() < known || !self.shared.strict;
            if !is_known && self.is_directory(marker.as_str(), &level)? {
                break;
            }
            missing.push((level, marker));
        }
        Ok(missing)
    }

    /// The file in whose place a missing directory would be made: the highest of them, since below
    /// a directory that is not there, there are no files either.
    fn file_above<'a>(&self, missing: &'a [(String, Key)]) -> Result<Option<&'a str>> {
        let Some((highest, _)) = missing.last().filter(|_| self.shared.strict) else {
            return Ok(None);
        };
        let is_file = self.is_object(&self.shared.keys.file(highest)?)?;
        Ok(is_file.then_some(highest.as_str()))
    }

    /// Makes missing directories, the highest first. Says whether the deepest was not there yet.
    fn make_levels(&self, missing: &[(String, Key)]) -> Result<bool> {
        let mut made = false;
        for (_, marker) in missing.iter().rev() {
            made = self.put_marker(marker)?;
        }
        Ok(made)
    }

    fn set_info(&self, path: &str, wanted: &RawInfo) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        let current = self.getinfo(path, Namespaces::DETAILS | Namespaces::S3)?;
        let changes = setinfo::changes(wanted, &current)?;
        let Some(s3) = current.s3().filter(|_| !changes.is_empty()) else {
            return Ok(());
        };
        let key = self.shared.keys.file(&validated)?;
        let mut headers = setinfo::apply(setinfo::kept_headers(s3)?, &changes)?;
        if !headers.iter().any(|(name, _)| name == "content-type") {
            let guessed = self.objects().content_type_of(&key).to_owned();
            headers.push(("content-type".to_owned(), guessed));
        }
        let size = s3.content_length.unwrap_or_default();
        let e_tag = s3.e_tag.as_deref().unwrap_or_default();
        self.objects()
            .rewrite(&key, size, e_tag, headers, s3.tag_count)
    }

    /// The `s3://` URL of a file or directory, which opens the same filesystem further down, but
    /// for credentials and arguments, which a URL that is passed on should not have.
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
        if !shared.strict {
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

fn not_found(path: &str) -> Error {
    Error::new(ErrorKind::ResourceNotFound).with_path(path)
}

fn no_directory_below(file: &str, path: &str) -> Error {
    Error::new(ErrorKind::DirectoryExpected)
        .with_path(path)
        .with_message(format!("{file:?} is a file"))
}

/// A version can be read and not written.
fn check_for_writing(options: &OpenOptions, path: &str) -> Result<()> {
    if options.version_id.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument)
        .with_path(path)
        .with_message("a version of an object can be read and not written"))
}

fn directory_info(name: &str, modified: Option<OffsetDateTime>, namespaces: Namespaces) -> Info {
    let directory = Info::new(name, true);
    if namespaces.contains(Namespaces::DETAILS) {
        directory.with_details(info::directory_details(modified))
    } else {
        directory
    }
}

impl FileSystem for S3Fs {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        let validated = self.normalize(path)?;
        if validated == "/" {
            return Ok(directory_info("", None, namespaces));
        }
        let find = || {
            let key = self.shared.keys.file(&validated)?;
            if let Some(file) = self.getinfo_file(&validated, &key, namespaces)? {
                return Ok(Some(file));
            }
            self.getinfo_directory(&validated, path, namespaces)
        };
        let info = find().map_err(|error: Error| error.with_path_replaced(path))?;
        info.ok_or_else(|| not_found(path))
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        let scan = self.scan(path)?;
        let entries: Result<Vec<Entry>> = scan.collect();
        Ok(list::names(entries.map_err(|e| e.with_path(path))?))
    }

    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        let scan = self.scan(path)?;
        Ok(self.infos(scan, path, namespaces))
    }

    fn makedir_with(&self, path: &str, options: MakedirOptions) -> Result<()> {
        self.make_directory(path, options)
            .map_err(|error| error.with_path(path))
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        let mode = Mode::binary(mode).map_err(|error| error.with_path(path))?;
        if mode.writing() {
            let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
            return self
                .open_write(&validated, key, path, mode, options)
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

    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        self.set_info(path, info)
            .map_err(|error| error.with_path(path))
    }

    /// One HEAD. Its answer has no words: in a bucket that is not there, no file is there either;
    /// [`exists`](FileSystem::exists) and [`isdir`](FileSystem::isdir) tell the two apart.
    fn isfile(&self, path: &str) -> Result<bool> {
        let validated = self.normalize(path)?;
        if validated == "/" {
            return Ok(false);
        }
        let key = self.shared.keys.file(&validated);
        key.and_then(|key| self.is_object(&key))
            .map_err(|error| error.with_path_replaced(path))
    }

    /// As `getinfo` asks, but an object under a customer's key that is not known here exists too.
    fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.isfile(path)? || self.isdir(path)?)
    }

    fn isdir(&self, path: &str) -> Result<bool> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated, path)?;
        self.is_directory(&prefix, &validated)
            .map_err(|error| error.with_path(path))
    }

    fn isempty(&self, path: &str) -> Result<bool> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated, path)?;
        let page = self.first_keys(&prefix, 2);
        let page = page.map_err(|error| error.with_path(path))?;
        match page.objects.as_slice() {
            [] if validated == "/" => Ok(true),
            [] => Err(self.no_directory(&validated, path)),
            // A marker with content is something that no path names.
            [only] => Ok(only.key == prefix && only.size == 0),
            _ => Ok(false),
        }
    }

    fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let response = self
            .objects()
            .get(&key, None, &ReadOptions::from_call(options));
        match response.and_then(client::Response::read_all) {
            Err(error) if is_missing_key(&error) => Err(self.no_object(&validated, path)),
            result => result.map_err(|error| error.with_path(path)),
        }
    }

    fn writebytes_with(&self, path: &str, contents: &[u8], options: &OpenOptions) -> Result<()> {
        self.write_whole(path, contents, options)
            .map_err(|error| error.with_path(path))
    }

    /// In strict mode P + 3 requests, otherwise one: the server decides whether the file is new.
    fn create(&self, path: &str, wipe: bool) -> Result<bool> {
        if wipe {
            return self.writebytes(path, b"").map(|()| true);
        }
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        if validated == "/" {
            return Ok(false);
        }
        let created = || -> Result<bool> {
            let key = self.shared.keys.file(&validated)?;
            if self.shared.strict {
                if self.is_object(&key)?
                    || self.is_directory(&self.prefix(&validated, path)?, &validated)?
                {
                    return Ok(false);
                }
                self.require_parent(&validated, path)?;
            }
            let target = self.target(key, path, &OpenOptions::default());
            match target.put_new(b"") {
                Ok(()) => Ok(true),
                Err(error) if error.is(ErrorKind::FileExists) => Ok(false),
                Err(error) => Err(error),
            }
        };
        created().map_err(|error| error.with_path_replaced(path))
    }

    /// As [`create`](FileSystem::create): S3 cannot set the times of an object that is there.
    fn touch(&self, path: &str) -> Result<()> {
        self.create(path, false).map(|_| ())
    }

    /// One GET, whatever the size.
    fn download(&self, path: &str, target: &mut dyn Write) -> Result<u64> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let response = self.objects().get(&key, None, &ReadOptions::default());
        let response = match response {
            Err(error) if is_missing_key(&error) => return Err(self.no_object(&validated, path)),
            response => response.map_err(|error| error.with_path(path))?,
        };
        let copied = io::copy(&mut response.into_reader(), target);
        copied.map_err(|error| Error::from(error).with_path(path))
    }

    fn makedirs_with(&self, path: &str, options: MakedirOptions) -> Result<()> {
        self.make_directories(path, options)
            .map_err(|error| error.with_path_replaced(path))
    }

    fn copy_with(&self, src_path: &str, dst_path: &str, options: CopyOptions) -> Result<()> {
        self.copy_file(src_path, dst_path, options)
    }

    fn movefile_with(&self, src_path: &str, dst_path: &str, options: CopyOptions) -> Result<()> {
        self.move_file(src_path, dst_path, options)
    }

    fn copydir_with(&self, src_path: &str, dst_path: &str, options: CopyOptions) -> Result<()> {
        self.copy_directory(src_path, dst_path, options, false)
    }

    fn movedir_with(&self, src_path: &str, dst_path: &str, options: CopyOptions) -> Result<()> {
        self.copy_directory(src_path, dst_path, options, true)
    }

    fn removetree(&self, path: &str) -> Result<()> {
        self.remove_tree(path)
            .map_err(|error| error.with_path(path))
    }

    fn scantree(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        self.scan_tree(path, namespaces)
    }

    /// Asks for the keys that begin so, and for nothing else (+ 1 request if there are none).
    fn scandir_prefix(
        &self,
        path: &str,
        name_prefix: &str,
        namespaces: Namespaces,
    ) -> Result<Entries<'_>> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated, path)?;
        let keys = &self.shared.keys;
        let delimiter = keys.delimiter();
        if name_prefix.contains('/') || name_prefix.contains(delimiter) {
            // No name has these; whether there is a directory is still told.
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
        Err(self.no_directory(&validated, path))
    }

    fn location(&self, path: &str) -> Result<Option<Location>> {
        let validated = self.normalize(path)?;
        let place = self.place(&validated);
        place
            .map(Some)
            .map_err(|error| error.with_path_replaced(path))
    }

    fn copy_from(&self, source: &Location, dst_path: &str) -> Result<bool> {
        self.copy_reached(source, dst_path)
            .map_err(|error| error.with_path(dst_path))
    }

    fn copydir_from(&self, source: &Location, dst_path: &str, remove: bool) -> Result<bool> {
        self.copy_reached_directory(source, dst_path, remove)
            .map_err(|error| error.with_path(dst_path))
    }

    fn label(&self) -> String {
        self.to_string()
    }

    fn getmeta(&self) -> Meta {
        Meta {
            network: true,
            read_only: self.shared.read_only,
            holds_file_beside_directory: true,
            ..Meta::default()
        }
    }

    /// Without strict, nothing is asked: a directory is the keys that are written in it.
    fn check_directory(&self, path: &str) -> Result<()> {
        if !self.shared.strict || self.isdir(path)? {
            return self.validatepath(path).map(|_| ());
        }
        Err(self.no_directory(&self.normalize(path)?, path))
    }

    /// The marker is what keeps the directory.
    fn emptydir(&self, path: &str) -> Result<()> {
        self.removetree(path)?;
        let validated = self.normalize(path)?;
        if validated == "/" {
            return Ok(());
        }
        let marker = self.shared.keys.marker(&validated)?;
        self.put_marker(&marker)
            .map(|_| ())
            .map_err(|error| error.with_path(path))
    }

    fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
        let (validated, key) = self.file_key(path, ErrorKind::NoUrl)?;
        match purpose {
            "download" => Presign::new(self.objects().client(), path, key).url(),
            "fs" if key.as_str().contains(char::is_control) => Err(Error::new(ErrorKind::NoUrl)
                .with_path(path)
                .with_message("an FS URL cannot have control characters")),
            "fs" => Ok(self.fs_url(&validated)),
            other => Err(Error::new(ErrorKind::NoUrl)
                .with_path(path)
                .with_message(format!("there is no URL for {other:?}"))
                .with_hint("the purposes are \"download\" and \"fs\"")),
        }
    }

    fn validatepath(&self, path: &str) -> Result<String> {
        let validated = self.normalize(path)?;
        if validated != "/" {
            let key = self.shared.keys.file(&validated);
            key.map_err(|error| error.with_path_replaced(path))?;
        }
        Ok(validated)
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn isclosed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl S3Fs {
    /// Opens a file for reading, as the concrete type: one request.
    ///
    /// # Errors
    ///
    /// As [`openbin`](FileSystem::openbin).
    pub fn open_read(&self, path: &str, options: &OpenOptions) -> Result<S3Reader> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let objects = Arc::clone(&self.shared.objects);
        match S3Reader::open(objects, key, path, ReadOptions::from_call(options)) {
            Err(error) if is_missing_key(&error) => Err(self.no_object(&validated, path)),
            result => result.map_err(|error| error.with_path(path)),
        }
    }

    /// The entries of a directory as the listing has them; the first page is asked for here.
    fn scan(&self, path: &str) -> Result<Scan<'_>> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated, path)?;
        if prefix.len() > MAX_KEY_BYTES {
            return Err(self.no_directory(&validated, path));
        }
        let keys = &self.shared.keys;
        let pages = Pages::new(self.objects(), &prefix, Some(keys.delimiter()));
        let mut scan = Scan::new(pages, prefix, keys);
        let is_there = scan.begin().map_err(|error| error.with_path(path))?;
        if is_there || validated == "/" {
            return Ok(scan);
        }
        Err(self.no_directory(&validated, path))
    }

    /// Entries as info structs, with as many HEAD requests as the namespaces need.
    fn infos<'a>(&'a self, scan: Scan<'a>, path: &str, namespaces: Namespaces) -> Entries<'a> {
        let path = path.to_owned();
        let prefix = scan.prefix();
        let infos: Entries<'a> = if namespaces.contains(Namespaces::S3) {
            let mut scan = scan;
            let pages = std::iter::from_fn(move || scan.next_page());
            Box::new(pages.flat_map(move |page| match page {
                Ok(entries) => self.complete_all(&prefix, &entries, namespaces),
                Err(error) => vec![Err(error)],
            }))
        } else {
            Box::new(scan.filter_map(move |entry| {
                let info = entry.and_then(|entry| self.listed(&prefix, &entry, namespaces));
                info.transpose()
            }))
        };
        Box::new(infos.map(move |info| info.map_err(|error| error.with_path(path.as_str()))))
    }

    fn complete_all(
        &self,
        prefix: &str,
        entries: &[Entry],
        namespaces: Namespaces,
    ) -> Vec<Result<Info>> {
        let infos = parallel::map(entries, self.shared.max_workers, |entry| {
            self.listed(prefix, entry, namespaces)
        });
        infos.into_iter().filter_map(Result::transpose).collect()
    }

    /// An entry of a listing as an info struct.
    fn listed(&self, prefix: &str, entry: &Entry, namespaces: Namespaces) -> Result<Option<Info>> {
        match entry {
            Entry::File(name, object) => {
                let info = info::listed_file(name, object);
                self.complete(info, &object.key, namespaces)
            }
            Entry::Directory(name) => {
                let info = directory_info(name, None, namespaces);
                let marker = format!("{prefix}{name}{}", self.shared.keys.delimiter());
                self.complete(info, &marker, namespaces)
            }
        }
    }

    /// Adds what the namespaces ask for beyond a listing; nothing if the file is gone by now.
    fn complete(&self, mut info: Info, key: &str, namespaces: Namespaces) -> Result<Option<Info>> {
        if namespaces.contains(Namespaces::URLS) && info.is_file() {
            let client = self.objects().client();
            let url = Presign::new(client, info.name(), Key::new(key)?).url()?;
            info = info.with_url("download", url);
        }
        if !namespaces.contains(Namespaces::S3) || key.len() > MAX_KEY_BYTES {
            return Ok(Some(info));
        }
        let options = ReadOptions::default();
        Ok(
            match found(self.objects().head(&Key::new(key)?, &options, true))? {
                Some(head) => Some(info.with_s3(info::s3_info(head.headers()))),
                // A directory needs no marker.
                None => Some(info).filter(Info::is_dir),
            },
        )
    }
}

/// Whether the answer was that no object has the key, or that the key cannot be read as one.
fn is_missing_key(error: &Error) -> bool {
    error.is(ErrorKind::ResourceNotFound)
}
