//! [`Info`]: information about a resource, in PyFilesystem's namespaces.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::BitOr;
use std::time::SystemTime;

use time::OffsetDateTime;

use crate::dates::{http_date, to_system};
use crate::error::Result;
use crate::path;

/// Set of requested namespaces of [`Info`]. `basic` is always included.
///
/// Source: [Resource info](https://docs.pyfilesystem.org/en/latest/info.html).
///
/// ```
/// use s3fs::Namespaces;
///
/// let wanted = Namespaces::DETAILS | Namespaces::S3;
/// assert!(wanted.contains(Namespaces::BASIC));
/// assert!(!wanted.contains(Namespaces::URLS));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Namespaces(u8);

impl Namespaces {
    /// Name and kind. Costs nothing beyond finding the resource.
    pub const BASIC: Self = Self(0);
    /// Size, times and type. In a listing, costs nothing more.
    pub const DETAILS: Self = Self(1);
    /// Attributes of an object on S3. In a listing, costs one HEAD request for each entry.
    pub const S3: Self = Self(1 << 1);
    /// Download URL. Costs no request.
    pub const URLS: Self = Self(1 << 2);

    /// Returns true if all namespaces of `other` are included.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Default for Namespaces {
    fn default() -> Self {
        Self::BASIC
    }
}

impl BitOr for Namespaces {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::DETAILS, "details"),
            (Self::S3, "s3"),
            (Self::URLS, "urls"),
        ];
        let asked = names.iter().filter(|(one, _)| self.contains(*one));
        f.debug_set()
            .entry(&"basic")
            .entries(asked.map(|(_, name)| name))
            .finish()
    }
}

/// Type of a resource, with PyFilesystem's numbers.
///
/// Source: [`fs.enums.ResourceType`](https://docs.pyfilesystem.org/en/latest/reference/enums.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceType {
    /// Unknown type.
    Unknown = 0,
    /// A directory.
    Directory = 1,
    /// A file.
    File = 2,
    /// A character device.
    Character = 3,
    /// A block device.
    BlockSpecialFile = 4,
    /// A pipe.
    Fifo = 5,
    /// A socket.
    Socket = 6,
    /// A symbolic link that is not followed.
    Symlink = 7,
}

/// The `details` namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Details {
    /// Type of the resource.
    pub kind: ResourceType,
    /// Size in bytes; 0 for a directory.
    pub size: u64,
    /// Time of the last change of the content. On S3: the time at which the object, or the marker of the directory, was
    /// stored. `None` for a directory without a marker.
    pub modified: Option<OffsetDateTime>,
    /// Time of the last read. S3 does not provide it.
    pub accessed: Option<OffsetDateTime>,
    /// Time of creation. S3 does not provide it.
    pub created: Option<OffsetDateTime>,
    /// Time of the last change of the metadata. S3 does not provide it.
    pub metadata_changed: Option<OffsetDateTime>,
}

impl Details {
    /// Creates details without times of access, creation and metadata change. These are public fields.
    ///
    /// ```
    /// use s3fs::{Details, Info, ResourceType};
    /// use time::OffsetDateTime;
    ///
    /// let mut details = Details::new(ResourceType::File, 5, Some(OffsetDateTime::UNIX_EPOCH));
    /// details.created = Some(OffsetDateTime::UNIX_EPOCH);
    /// let info = Info::new("hello.txt", false).with_details(details);
    /// assert_eq!(info.size(), Some(5));
    /// ```
    #[must_use]
    pub fn new(kind: ResourceType, size: u64, modified: Option<OffsetDateTime>) -> Self {
        Self {
            kind,
            size,
            modified,
            accessed: None,
            created: None,
            metadata_changed: None,
        }
    }
}

/// The `s3` namespace: the response to a HEAD request for the object.
///
/// The fields are the attributes of the original, and those that S3 has added since. An attribute that the server did not
/// return is `None`. Source: [HeadObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct S3Info {
    /// `accept-ranges`.
    pub accept_ranges: Option<String>,
    /// `x-amz-archive-status`: access tier in which the object is archived.
    pub archive_status: Option<String>,
    /// Whether an S3 Bucket Key is used.
    pub bucket_key_enabled: Option<bool>,
    /// `cache-control`.
    pub cache_control: Option<String>,
    /// CRC-32 of the content, in base64.
    pub checksum_crc32: Option<String>,
    /// CRC-32C of the content, in base64.
    pub checksum_crc32c: Option<String>,
    /// CRC-64/NVME of the content, in base64.
    pub checksum_crc64nvme: Option<String>,
    /// SHA-1 of the content, in base64.
    pub checksum_sha1: Option<String>,
    /// SHA-256 of the content, in base64.
    pub checksum_sha256: Option<String>,
    /// `FULL_OBJECT` or `COMPOSITE`.
    pub checksum_type: Option<String>,
    /// `content-disposition`.
    pub content_disposition: Option<String>,
    /// `content-encoding`.
    pub content_encoding: Option<String>,
    /// `content-language`.
    pub content_language: Option<String>,
    /// Size in bytes.
    pub content_length: Option<u64>,
    /// `content-type`.
    pub content_type: Option<String>,
    /// Whether this is a delete marker.
    pub delete_marker: Option<bool>,
    /// ETag, with its quotes.
    pub e_tag: Option<String>,
    /// `x-amz-expiration`: lifecycle rule that will delete the object.
    pub expiration: Option<String>,
    /// `expires` header, as it was stored.
    pub expires: Option<String>,
    /// Time at which the object was stored.
    pub last_modified: Option<OffsetDateTime>,
    /// `x-amz-meta-` entries.
    pub metadata: BTreeMap<String, String>,
    /// Raw header bytes of the metadata entries whose header differs from their text.
    pub(crate) raw_metadata: BTreeMap<String, Vec<u8>>,
    /// Number of metadata entries that the server could not return in headers.
    pub missing_meta: Option<u64>,
    /// `ON` or `OFF`.
    pub object_lock_legal_hold_status: Option<String>,
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub object_lock_mode: Option<String>,
    /// Date until which the object is retained.
    pub object_lock_retain_until_date: Option<OffsetDateTime>,
    /// Number of parts in which the object was uploaded.
    pub parts_count: Option<u64>,
    /// `x-amz-replication-status`.
    pub replication_status: Option<String>,
    /// `requester` if the requester was charged.
    pub request_charged: Option<String>,
    /// `x-amz-restore`: state of the restored copy of an archived object. [`restore_status`](Self::restore_status) parses
    /// it.
    pub restore: Option<String>,
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub server_side_encryption: Option<String>,
    /// Algorithm of the customer-provided key.
    pub sse_customer_algorithm: Option<String>,
    /// MD5 of the customer-provided key.
    pub sse_customer_key_md5: Option<String>,
    /// KMS key with which the object is encrypted.
    pub ssekms_key_id: Option<String>,
    /// Storage class. S3 leaves it out for `STANDARD`.
    pub storage_class: Option<String>,
    /// Number of tags of the object, if the caller has the permission to read it.
    pub tag_count: Option<u64>,
    /// Version of the object.
    pub version_id: Option<String>,
    /// `x-amz-website-redirect-location`.
    pub website_redirect_location: Option<String>,
}

impl S3Info {
    /// Returns the state of the restoration of an archived object: whether it is in progress, or until when the restored
    /// copy can be read. `None` if no restoration was requested.
    ///
    /// ```
    /// use s3fs::S3Info;
    ///
    /// let mut info = S3Info::default();
    /// info.restore = Some("ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"".to_owned());
    /// let status = info.restore_status().expect("a restored copy");
    /// assert!(!status.in_progress);
    /// assert_eq!(status.expires.expect("a time").year(), 2012);
    /// ```
    #[must_use]
    pub fn restore_status(&self) -> Option<RestoreStatus> {
        let text = self.restore.as_deref()?;
        let value = |name: &str| {
            let (_, rest) = text.split_once(name)?;
            let quoted = rest.trim_start().strip_prefix('=')?.trim_start();
            quoted.strip_prefix('"')?.split('"').next()
        };
        Some(RestoreStatus {
            in_progress: value("ongoing-request")? == "true",
            expires: value("expiry-date").and_then(http_date),
        })
    }
}

/// State of the restored copy of an archived object: [`S3Info::restore_status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreStatus {
    /// Whether the restoration is still in progress.
    pub in_progress: bool,
    /// Time until which the copy can be read, once it exists.
    pub expires: Option<OffsetDateTime>,
}

/// Information about a resource.
///
/// Source: [Resource info](https://docs.pyfilesystem.org/en/latest/info.html) and
/// [`fs.info.Info`](https://docs.pyfilesystem.org/en/latest/reference/info_objects.html).
#[derive(Clone, PartialEq)]
pub struct Info {
    name: String,
    is_dir: bool,
    details: Option<Details>,
    s3: Option<Box<S3Info>>,
    urls: Option<BTreeMap<String, String>>,
    /// Distinguishes this content of the file from another with the same size and time.
    stamp: Option<Box<str>>,
    fraction: Fraction,
    writeable: &'static [(&'static str, &'static [&'static str])],
}

/// Nanoseconds after a time. Comparisons of [`Info`] ignore them: a listing has them, but `getinfo` of the same file does
/// not.
#[derive(Clone, Copy, Debug)]
struct Fraction(u32);

impl PartialEq for Fraction {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Info {
    /// Creates an info with the `basic` namespace only.
    #[must_use]
    pub fn new(name: impl Into<String>, is_dir: bool) -> Self {
        Self {
            name: name.into(),
            is_dir,
            details: None,
            s3: None,
            urls: None,
            stamp: None,
            fraction: Fraction(0),
            writeable: &[],
        }
    }

    /// Changes the name.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Adds the `details` namespace.
    #[must_use]
    pub fn with_details(mut self, details: Details) -> Self {
        self.details = Some(details);
        self
    }

    /// Adds the `s3` namespace.
    #[must_use]
    pub fn with_s3(mut self, s3: S3Info) -> Self {
        self.s3 = Some(Box::new(s3));
        self
    }

    /// Adds a stamp of the file's content, such as an ETag: see [`stamp`](Self::stamp).
    #[must_use]
    pub fn with_stamp(mut self, stamp: Option<&str>) -> Self {
        self.stamp = stamp.map(Box::from);
        self
    }

    /// Value that changes with the file's content, such as an ETag, if the filesystem has one. A move compares it to detect
    /// a file that was replaced while it was copied.
    #[must_use]
    pub fn stamp(&self) -> Option<&str> {
        self.stamp.as_deref()
    }

    /// Adds the nanoseconds after `modified`. A listing has them, but `getinfo` does not.
    #[must_use]
    pub(crate) fn with_fraction(mut self, nanoseconds: u32) -> Self {
        self.fraction = Fraction(nanoseconds);
        self
    }

    /// Time of the last change, with the full precision of the listing.
    pub(crate) fn exactly_modified(&self) -> Option<OffsetDateTime> {
        let fraction = time::Duration::nanoseconds(i64::from(self.fraction.0));
        self.modified()?.checked_add(fraction)
    }

    /// Adds a URL for a purpose to the `urls` namespace.
    #[must_use]
    pub fn with_url(mut self, purpose: &str, url: String) -> Self {
        self.urls
            .get_or_insert_default()
            .insert(purpose.to_owned(), url);
        self
    }

    /// Adds the keys that [`setinfo`](crate::FileSystem::setinfo) can change: namespaces, each with its keys.
    ///
    /// ```
    /// use s3fs::Info;
    ///
    /// let info = Info::new("a", false).with_writeable(&[("details", &["modified"])]);
    /// assert!(info.is_writeable("details", "modified"));
    /// ```
    #[must_use]
    pub fn with_writeable(
        mut self,
        keys: &'static [(&'static str, &'static [&'static str])],
    ) -> Self {
        self.writeable = keys;
        self
    }

    /// Last component of the path. Empty for the root.
    #[must_use]
    #[doc(alias = "file_name")]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns true if this is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.is_dir
    }

    /// Returns true if this is a file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        !self.is_dir
    }

    /// Last extension with its dot, or an empty string.
    ///
    /// ```
    /// let info = s3fs::Info::new("tides.tar.gz", false);
    /// assert_eq!((info.suffix(), info.stem()), (".gz", "tides"));
    /// assert_eq!(info.suffixes(), [".tar", ".gz"]);
    /// ```
    #[must_use]
    #[doc(alias = "extension")]
    pub fn suffix(&self) -> &str {
        match self.name.rfind('.') {
            Some(_) if self.is_dotfile() => "",
            Some(dot) => &self.name[dot..],
            None => "",
        }
    }

    /// All extensions with their dots.
    #[must_use]
    pub fn suffixes(&self) -> Vec<String> {
        if self.is_dotfile() {
            return Vec::new();
        }
        let parts = self.name.split('.').skip(1);
        parts.map(|part| format!(".{part}")).collect()
    }

    /// Name without its extensions. A name that begins with a dot is returned whole.
    #[must_use]
    #[doc(alias = "file_stem")]
    pub fn stem(&self) -> &str {
        if self.name.starts_with('.') {
            return &self.name;
        }
        self.name.split('.').next().unwrap_or_default()
    }

    /// Returns true if the only dot of the name is its first character. Such a name has no extension.
    fn is_dotfile(&self) -> bool {
        self.name.starts_with('.') && !self.name[1..].contains('.')
    }

    /// Returns the path of this resource in a directory.
    ///
    /// # Errors
    ///
    /// [`IllegalBackReference`](crate::ErrorKind::IllegalBackReference) if `dir_path` leads above the root.
    pub fn make_path(&self, dir_path: &str) -> Result<String> {
        path::join([dir_path, &self.name])
    }

    /// Returns true if the namespace (`basic`, `details`, `s3`, `urls`) is present.
    #[must_use]
    pub fn has_namespace(&self, namespace: &str) -> bool {
        match namespace {
            "basic" => true,
            "details" => self.details.is_some(),
            "s3" => self.s3.is_some(),
            "urls" => self.urls.is_some(),
            _ => false,
        }
    }

    /// Returns true if [`setinfo`](crate::FileSystem::setinfo) can change the key.
    #[must_use]
    pub fn is_writeable(&self, namespace: &str, key: &str) -> bool {
        self.writeable
            .iter()
            .any(|(name, keys)| *name == namespace && keys.contains(&key))
    }

    /// The `details` namespace, if it was requested.
    #[must_use]
    #[doc(alias = "metadata")]
    pub fn details(&self) -> Option<&Details> {
        self.details.as_ref()
    }

    /// The `s3` namespace, if it was requested and this is an object.
    #[must_use]
    pub fn s3(&self) -> Option<&S3Info> {
        self.s3.as_deref()
    }

    /// URL for a purpose, from the `urls` namespace.
    #[must_use]
    pub fn url(&self, purpose: &str) -> Option<&str> {
        self.urls.as_ref()?.get(purpose).map(String::as_str)
    }

    /// Size in bytes, from the `details` namespace.
    #[must_use]
    #[doc(alias = "len")]
    pub fn size(&self) -> Option<u64> {
        self.details.as_ref().map(|details| details.size)
    }

    /// Type, from the `details` namespace.
    #[must_use]
    #[doc(alias = "file_type")]
    pub fn kind(&self) -> Option<ResourceType> {
        self.details.as_ref().map(|details| details.kind)
    }

    /// Time of the last change of the content, from the `details` namespace.
    #[must_use]
    pub fn modified(&self) -> Option<OffsetDateTime> {
        self.details.as_ref()?.modified
    }

    /// [`modified`](Self::modified) as a time of the standard library.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("hello.txt", "hello")?;
    /// let modified = fs.getdetails("hello.txt")?.modified_system().expect("a time");
    /// println!("{:?} ago", modified.elapsed());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn modified_system(&self) -> Option<SystemTime> {
        self.modified().and_then(to_system)
    }

    /// Time of the last read, from the `details` namespace.
    #[must_use]
    pub fn accessed(&self) -> Option<OffsetDateTime> {
        self.details.as_ref()?.accessed
    }

    /// Time of creation, from the `details` namespace.
    #[must_use]
    pub fn created(&self) -> Option<OffsetDateTime> {
        self.details.as_ref()?.created
    }

    /// Time of the last change of the metadata, from the `details` namespace.
    #[must_use]
    pub fn metadata_changed(&self) -> Option<OffsetDateTime> {
        self.details.as_ref()?.metadata_changed
    }

    /// Returns one value by namespace and key, in PyFilesystem's shape.
    ///
    /// ```
    /// use s3fs::{Info, Value};
    ///
    /// let info = Info::new("a.txt", false);
    /// assert_eq!(info.get("basic", "name"), Some(Value::from("a.txt")));
    /// assert_eq!(info.get("details", "size"), None);
    /// ```
    #[must_use]
    pub fn get(&self, namespace: &str, key: &str) -> Option<Value> {
        self.raw().get(namespace, key).cloned()
    }

    /// Returns all values, in the shape of PyFilesystem's `Info.raw`. Times are seconds since 1970.
    ///
    /// [`setinfo`](crate::FileSystem::setinfo) accepts the same shape.
    #[must_use]
    pub fn raw(&self) -> RawInfo {
        let mut raw = RawInfo::new()
            .with("basic", "name", self.name.as_str())
            .with("basic", "is_dir", self.is_dir);
        if let Some(details) = &self.details {
            raw.extend("details", details_values(details));
        }
        if let Some(s3) = &self.s3 {
            raw.extend("s3", s3_values(s3));
        }
        for (purpose, url) in self.urls.iter().flatten() {
            raw = raw.with("urls", purpose, url.as_str());
        }
        for (namespace, keys) in self.writeable {
            if self.has_namespace(namespace) {
                let keys = keys.iter().map(|key| Value::from(*key)).collect();
                raw = raw.with(namespace, "_write", Value::List(keys));
            }
        }
        raw
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A presigned URL is a secret: only its purpose is shown.
        f.debug_struct("Info")
            .field("name", &self.name)
            .field("is_dir", &self.is_dir)
            .field("details", &self.details)
            .field("s3", &self.s3)
            .field("urls", &self.urls.as_ref().map(BTreeMap::len))
            .finish()
    }
}

fn details_values(details: &Details) -> Vec<(&'static str, Value)> {
    vec![
        ("type", Value::Int(details.kind as i64)),
        ("size", details.size.into()),
        ("modified", details.modified.into()),
        ("accessed", details.accessed.into()),
        ("created", details.created.into()),
        ("metadata_changed", details.metadata_changed.into()),
    ]
}

/// Attributes of the `s3` namespace by their names.
pub(crate) fn s3_values(s3: &S3Info) -> Vec<(&'static str, Value)> {
    let text = |value: &Option<String>| Value::from(value.clone());
    vec![
        ("accept_ranges", text(&s3.accept_ranges)),
        ("archive_status", text(&s3.archive_status)),
        ("bucket_key_enabled", s3.bucket_key_enabled.into()),
        ("cache_control", text(&s3.cache_control)),
        ("checksum_crc32", text(&s3.checksum_crc32)),
        ("checksum_crc32c", text(&s3.checksum_crc32c)),
        ("checksum_crc64nvme", text(&s3.checksum_crc64nvme)),
        ("checksum_sha1", text(&s3.checksum_sha1)),
        ("checksum_sha256", text(&s3.checksum_sha256)),
        ("checksum_type", text(&s3.checksum_type)),
        ("content_disposition", text(&s3.content_disposition)),
        ("content_encoding", text(&s3.content_encoding)),
        ("content_language", text(&s3.content_language)),
        ("content_length", s3.content_length.into()),
        ("content_type", text(&s3.content_type)),
        ("delete_marker", s3.delete_marker.into()),
        ("e_tag", text(&s3.e_tag)),
        ("expiration", text(&s3.expiration)),
        ("expires", text(&s3.expires)),
        ("last_modified", s3.last_modified.into()),
        ("metadata", Value::from(s3.metadata.clone())),
        ("missing_meta", s3.missing_meta.into()),
        (
            "object_lock_legal_hold_status",
            text(&s3.object_lock_legal_hold_status),
        ),
        ("object_lock_mode", text(&s3.object_lock_mode)),
        (
            "object_lock_retain_until_date",
            s3.object_lock_retain_until_date.into(),
        ),
        ("parts_count", s3.parts_count.into()),
        ("replication_status", text(&s3.replication_status)),
        ("request_charged", text(&s3.request_charged)),
        ("restore", text(&s3.restore)),
        ("server_side_encryption", text(&s3.server_side_encryption)),
        ("sse_customer_algorithm", text(&s3.sse_customer_algorithm)),
        ("sse_customer_key_md5", text(&s3.sse_customer_key_md5)),
        ("ssekms_key_id", text(&s3.ssekms_key_id)),
        ("storage_class", text(&s3.storage_class)),
        ("tag_count", s3.tag_count.into()),
        ("version_id", text(&s3.version_id)),
        (
            "website_redirect_location",
            text(&s3.website_redirect_location),
        ),
    ]
}

/// A value of [`RawInfo`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Python's `None`.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number. Times are seconds since 1970.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        // S3 objects and disks are far smaller than 2^63 bytes.
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl Value {
    /// Returns the time, rounded to the microsecond, if this is a number of seconds since 1970 within the range of the
    /// calendar.
    ///
    /// ```
    /// use s3fs::Value;
    /// use time::OffsetDateTime;
    ///
    /// assert_eq!(Value::Int(0).time(), Some(OffsetDateTime::UNIX_EPOCH));
    /// assert_eq!(Value::Null.time(), None);
    /// ```
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float out of range becomes an integer that is not a valid time"
    )]
    pub fn time(&self) -> Option<OffsetDateTime> {
        let micros = match self {
            Self::Int(seconds) => i128::from(*seconds) * 1_000_000,
            Self::Float(seconds) if seconds.is_finite() => (seconds * 1e6).round() as i128,
            _ => return None,
        };
        OffsetDateTime::from_unix_timestamp_nanos(micros.saturating_mul(1_000)).ok()
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<OffsetDateTime> for Value {
    fn from(time: OffsetDateTime) -> Self {
        // Microseconds, the precision of Python's timestamps, are exact in a double.
        let micros = time.unix_timestamp_nanos() / 1_000;
        Self::Float(micros as f64 / 1e6)
    }
}

impl From<BTreeMap<String, String>> for Value {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self::Map(map.into_iter().map(|(k, v)| (k, v.into())).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Information in PyFilesystem's raw shape: values by namespace and key.
///
/// [`Info::raw`] returns it, and [`setinfo`](crate::FileSystem::setinfo) accepts it.
///
/// ```
/// use s3fs::{RawInfo, Value};
///
/// let changes = RawInfo::new()
///     .with("s3", "content_type", "text/csv")
///     .with("s3", "cache_control", Value::Null);
/// assert_eq!(changes.get("s3", "content_type"), Some(&Value::from("text/csv")));
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct RawInfo(BTreeMap<String, BTreeMap<String, Value>>);

impl fmt::Debug for RawInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (namespace, values) in &self.0 {
            // A presigned URL is a secret: only its purpose is shown.
            if namespace == "urls" {
                map.entry(namespace, &values.keys());
            } else {
                map.entry(namespace, values);
            }
        }
        map.finish()
    }
}

impl RawInfo {
    /// Creates an empty `RawInfo`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, namespace: &str, key: &str, value: impl Into<Value>) -> Self {
        self.extend(namespace, [(key, value.into())]);
        self
    }

    fn extend<'a>(&mut self, namespace: &str, values: impl IntoIterator<Item = (&'a str, Value)>) {
        let values = values.into_iter().map(|(k, v)| (k.to_owned(), v));
        self.0
            .entry(namespace.to_owned())
            .or_default()
            .extend(values);
    }

    /// Returns one value.
    #[must_use]
    pub fn get(&self, namespace: &str, key: &str) -> Option<&Value> {
        self.0.get(namespace)?.get(key)
    }

    /// Names of the namespaces.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Keys and values of a namespace. Empty if the namespace is missing.
    pub fn values(&self, namespace: &str) -> impl Iterator<Item = (&str, &Value)> {
        let values = self.0.get(namespace).into_iter().flatten();
        values.map(|(key, value)| (key.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffix_suffixes_and_stem_are_pyfilesystems() {
        // name, suffix, suffixes, stem: results of fs 2.4.16
        let table: [(&str, &str, &[&str], &str); 8] = [
            ("foo.py", ".py", &[".py"], "foo"),
            ("foo.tar.gz", ".gz", &[".tar", ".gz"], "foo"),
            ("bar", "", &[], "bar"),
            (".bashrc", "", &[], ".bashrc"),
            (".a.b", ".b", &[".a", ".b"], ".a.b"),
            ("a.", ".", &["."], "a"),
            ("", "", &[], ""),
            (".é", "", &[], ".é"),
        ];
        for (name, suffix, suffixes, stem) in table {
            let info = Info::new(name, false);
            assert_eq!(info.suffix(), suffix, "{name}");
            assert_eq!(info.suffixes(), suffixes, "{name}");
            assert_eq!(info.stem(), stem, "{name}");
        }
    }

    #[test]
    fn raw_has_pyfilesystems_shape() {
        let modified = OffsetDateTime::from_unix_timestamp(1_501_935_315).unwrap();
        let info = Info::new("foo", false)
            .with_details(Details::new(ResourceType::File, 3, Some(modified)))
            .with_s3(S3Info {
                e_tag: Some("\"37b5\"".into()),
                ..S3Info::default()
            })
            .with_writeable(&[("s3", &["content_type"])]);
        let raw = info.raw();
        assert_eq!(raw.get("basic", "is_dir"), Some(&Value::Bool(false)));
        assert_eq!(raw.get("details", "type"), Some(&Value::Int(2)));
        assert_eq!(
            raw.get("details", "modified"),
            Some(&Value::Float(1_501_935_315.0))
        );
        assert_eq!(raw.get("details", "accessed"), Some(&Value::Null));
        assert_eq!(raw.get("s3", "e_tag"), Some(&Value::from("\"37b5\"")));
        assert_eq!(
            raw.get("s3", "metadata"),
            Some(&Value::Map(BTreeMap::new()))
        );
        assert!(info.is_writeable("s3", "content_type"));
        assert!(!info.is_writeable("details", "modified"));
        assert!(info.has_namespace("s3") && !info.has_namespace("urls"));
        assert_eq!(
            info.get("s3", "_write"),
            Some(Value::List(vec!["content_type".into()]))
        );
    }

    #[test]
    fn debug_does_not_show_a_presigned_url() {
        let info = Info::new("foo", false).with_url("download", "http://h/k?sig=abc".into());
        let raw = info.raw();
        let shown = format!("{info:?} {raw:?}");
        assert!(
            !shown.contains("abc") && shown.contains("download"),
            "{shown}"
        );
        assert_eq!(info.url("download"), Some("http://h/k?sig=abc"));
    }
}
