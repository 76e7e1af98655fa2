//! [`OpenOptions`], [`UploadArgs`], [`DownloadArgs`]: settings of one call, beyond path and bytes.
//!
//! The names are those of boto3's `ALLOWED_UPLOAD_ARGS` and `ALLOWED_DOWNLOAD_ARGS`, in snake case.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;

use crate::dates::format_iso_date;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::header_args::{self, EXPECTED_BUCKET_OWNER, HeaderArg, REQUEST_PAYER, Role};

/// Options of one call of `openbin_with`, `writebytes_with` or `readbytes_with`.
///
/// Each setting defaults to the [`upload_args`](crate::S3FsBuilder::upload_args) and
/// [`download_args`](crate::S3FsBuilder::download_args) of the filesystem.
///
/// ```
/// use s3fs::{OpenOptions, UploadArgs};
///
/// let options = OpenOptions::new()
///     .upload_args(UploadArgs::new().content_type("text/csv").metadata("origin", "tide gauge"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    pub(crate) upload: UploadArgs,
    pub(crate) download: DownloadArgs,
    pub(crate) version_id: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) beside_directory: bool,
    pub(crate) first_window: Option<u64>,
    pub(crate) read_ahead: Option<usize>,
}

impl OpenOptions {
    /// Options with nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the arguments of a write.
    #[must_use]
    pub fn upload_args(mut self, args: UploadArgs) -> Self {
        self.upload = args;
        self
    }

    /// Sets the arguments of a read.
    #[must_use]
    pub fn download_args(mut self, args: DownloadArgs) -> Self {
        self.download = args;
        self
    }

    /// Reads this version of the object. Only for reading.
    #[must_use]
    pub fn version_id(mut self, version_id: impl Into<String>) -> Self {
        self.version_id = Some(version_id.into());
        self
    }

    /// Reads or replaces the object only if its ETag is this one. Otherwise the call returns [`ErrorKind::ResourceChanged`],
    /// or [`ErrorKind::ResourceNotFound`] if the object was deleted. Cannot be combined with the modes that make a new file
    /// (`x`).
    #[must_use]
    pub fn if_match(mut self, e_tag: impl Into<String>) -> Self {
        self.if_match = Some(e_tag.into());
        self
    }

    /// Whether a file may be made if a directory has the same path. By default it is an error. Only for filesystems with
    /// [`Meta::holds_file_beside_directory`](crate::Meta::holds_file_beside_directory).
    #[must_use]
    pub fn beside_directory(mut self, beside_directory: bool) -> Self {
        self.beside_directory = beside_directory;
        self
    }

    /// Number of bytes to request when a file is opened for reading on S3. The first reads use these bytes. With 0, opening
    /// sends a HEAD request and reads no bytes, which suits callers that seek first. Defaults to the setting of the
    /// filesystem's builder, or 1 MiB.
    #[must_use]
    pub fn first_window(mut self, bytes: u64) -> Self {
        self.first_window = Some(bytes);
        self
    }

    /// Number of windows of 4 MiB that threads fetch in advance while a file is read sequentially on S3. Each window is one
    /// request, and all are in flight at the same time. It uses memory for that many windows plus one, each with 640 KiB for
    /// the buffers of its connection: 23 MiB for 4 windows. At most 64. With 0 no threads are used. Defaults to the setting
    /// of the filesystem's builder, or 0.
    #[must_use]
    pub fn read_ahead(mut self, windows: usize) -> Self {
        self.read_ahead = Some(windows);
        self
    }

    /// The arguments of a write.
    #[must_use]
    pub fn get_upload_args(&self) -> &UploadArgs {
        &self.upload
    }

    /// The arguments of a read.
    #[must_use]
    pub fn get_download_args(&self) -> &DownloadArgs {
        &self.download
    }

    /// The version to read, if one is set.
    #[must_use]
    pub fn get_version_id(&self) -> Option<&str> {
        self.version_id.as_deref()
    }

    /// The ETag that the object must have, if one is set.
    #[must_use]
    pub fn get_if_match(&self) -> Option<&str> {
        self.if_match.as_deref()
    }

    /// The value of [`beside_directory`](Self::beside_directory).
    #[must_use]
    pub fn get_beside_directory(&self) -> bool {
        self.beside_directory
    }

    /// The size of the first window in bytes, if it is set.
    #[must_use]
    pub fn get_first_window(&self) -> Option<u64> {
        self.first_window
    }

    /// The number of windows to read ahead, if it is set.
    #[must_use]
    pub fn get_read_ahead(&self) -> Option<usize> {
        self.read_ahead
    }
}

impl From<UploadArgs> for OpenOptions {
    fn from(args: UploadArgs) -> Self {
        Self::new().upload_args(args)
    }
}

impl From<DownloadArgs> for OpenOptions {
    fn from(args: DownloadArgs) -> Self {
        Self::new().download_args(args)
    }
}

/// Checksum that an upload carries. The store verifies and keeps it.
///
/// Source: [Checking object integrity](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChecksumAlgorithm {
    /// CRC-32 (ISO-HDLC), the oldest one of S3.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME, the default of newer AWS SDKs.
    Crc64nvme,
    /// SHA-256, the only algorithm here that also resists tampering.
    Sha256,
}

impl ChecksumAlgorithm {
    /// All algorithms.
    pub(crate) const ALL: [Self; 4] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha256];

    /// S3 name of the algorithm, as in `x-amz-checksum-algorithm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha256 => "SHA256",
        }
    }

    /// Returns the algorithm with this S3 name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }
}

/// Key that the store encrypts with and does not keep (SSE-C): 32 bytes.
///
/// `Debug` does not show it. Stores accept it over https only.
#[derive(Clone, PartialEq, Eq)]
pub struct SseCustomerKey([u8; 32]);

impl SseCustomerKey {
    /// Creates the key from its 32 bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The key. It is a secret: do not print it.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Key in base64, as sent in the header.
    pub(crate) fn base64(&self) -> String {
        BASE64.encode(self.0)
    }

    /// MD5 of the key in base64. The store checks the key against it.
    pub(crate) fn md5_base64(&self) -> String {
        BASE64.encode(Md5::digest(self.0))
    }
}

impl fmt::Debug for SseCustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SseCustomerKey(..)")
    }
}

/// Attributes that an upload sets on the object: content headers, metadata, tags, access, encryption, class.
///
/// Each setter is the argument with the same name in boto3's `ALLOWED_UPLOAD_ARGS`. Values are sent unchanged. A value that
/// a header cannot carry is an [`ErrorKind::InvalidArgument`] before anything is sent. Source:
/// [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
///
/// ```
/// use s3fs::UploadArgs;
///
/// let args = UploadArgs::new()
///     .cache_control("max-age=3600")
///     .storage_class("STANDARD_IA")
///     .tag("team", "harbour")
///     .metadata("origin", "tide gauge");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadArgs {
    /// By header name. [`header_args`] lists all headers.
    headers: BTreeMap<&'static str, String>,
    metadata: Option<BTreeMap<String, String>>,
    tags: Option<BTreeMap<String, String>>,
    sse_customer_key: Option<SseCustomerKey>,
    checksum_algorithm: Option<ChecksumAlgorithm>,
}

impl UploadArgs {
    /// Arguments with nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn set_header(mut self, arg: &HeaderArg, value: impl Into<String>) -> Self {
        self.headers.insert(arg.header, value.into());
        self
    }

    /// A canned ACL, such as `public-read`.
    #[must_use]
    pub fn acl(self, acl: impl Into<String>) -> Self {
        self.set_header(&header_args::ACL, acl)
    }

    /// Whether an S3 Bucket Key is used with SSE-KMS.
    #[must_use]
    pub fn bucket_key_enabled(self, enabled: bool) -> Self {
        self.set_header(&header_args::BUCKET_KEY_ENABLED, enabled.to_string())
    }

    /// `Cache-Control` header of the object.
    #[must_use]
    pub fn cache_control(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CACHE_CONTROL, value)
    }

    /// Checksum algorithm of the upload.
    #[must_use]
    pub fn checksum_algorithm(mut self, algorithm: ChecksumAlgorithm) -> Self {
        self.checksum_algorithm = Some(algorithm);
        self
    }

    /// `Content-Disposition` header of the object.
    #[must_use]
    pub fn content_disposition(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CONTENT_DISPOSITION, value)
    }

    /// `Content-Encoding` header of the object. The bytes are stored as given: nothing is compressed.
    #[must_use]
    pub fn content_encoding(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CONTENT_ENCODING, value)
    }

    /// `Content-Language` header of the object.
    #[must_use]
    pub fn content_language(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CONTENT_LANGUAGE, value)
    }

    /// `Content-Type` header of the object. By default it is guessed from the name.
    #[must_use]
    pub fn content_type(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CONTENT_TYPE, value)
    }

    /// AWS account that must own the bucket. Otherwise the store rejects the request.
    #[must_use]
    pub fn expected_bucket_owner(self, account: impl Into<String>) -> Self {
        self.set_header(&header_args::EXPECTED_BUCKET_OWNER, account)
    }

    /// `Expires` header of the object: an HTTP date.
    #[must_use]
    pub fn expires(self, when: OffsetDateTime) -> Self {
        // A year that an HTTP date cannot express becomes an empty value, which is rejected.
        let date = crate::dates::format_http_date(when);
        self.set_header(&header_args::EXPIRES, date.unwrap_or_default())
    }

    /// Grantees that get `FULL_CONTROL`, such as `id="…"`.
    #[must_use]
    pub fn grant_full_control(self, grantees: impl Into<String>) -> Self {
        self.set_header(&header_args::GRANT_FULL_CONTROL, grantees)
    }

    /// Grantees that may read the object.
    #[must_use]
    pub fn grant_read(self, grantees: impl Into<String>) -> Self {
        self.set_header(&header_args::GRANT_READ, grantees)
    }

    /// Grantees that may read the object's ACL.
    #[must_use]
    pub fn grant_read_acp(self, grantees: impl Into<String>) -> Self {
        self.set_header(&header_args::GRANT_READ_ACP, grantees)
    }

    /// Grantees that may write the object's ACL.
    #[must_use]
    pub fn grant_write_acp(self, grantees: impl Into<String>) -> Self {
        self.set_header(&header_args::GRANT_WRITE_ACP, grantees)
    }

    /// Adds an `x-amz-meta-` entry. The name is case-insensitive. The value is printable ASCII.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata
            .get_or_insert_default()
            .insert(name.into().to_ascii_lowercase(), value.into());
        self
    }

    /// Legal hold: `ON` or `OFF`.
    #[must_use]
    pub fn object_lock_legal_hold_status(self, status: impl Into<String>) -> Self {
        self.set_header(&header_args::OBJECT_LOCK_LEGAL_HOLD_STATUS, status)
    }

    /// Retention mode: `GOVERNANCE` or `COMPLIANCE`.
    #[must_use]
    pub fn object_lock_mode(self, mode: impl Into<String>) -> Self {
        self.set_header(&header_args::OBJECT_LOCK_MODE, mode)
    }

    /// Date until which the object is retained.
    #[must_use]
    pub fn object_lock_retain_until_date(self, when: OffsetDateTime) -> Self {
        // As in `expires`, an invalid year becomes an empty value. The year has four digits.
        let text = format_iso_date(when).unwrap_or_default();
        self.set_header(&header_args::OBJECT_LOCK_RETAIN_UNTIL_DATE, text)
    }

    /// Payer of the request. `requester`: the caller pays.
    #[must_use]
    pub fn request_payer(self, payer: impl Into<String>) -> Self {
        self.set_header(&header_args::REQUEST_PAYER, payer)
    }

    /// Encryption algorithm: `AES256`, `aws:kms` or `aws:kms:dsse`.
    #[must_use]
    pub fn server_side_encryption(self, algorithm: impl Into<String>) -> Self {
        self.set_header(&header_args::SERVER_SIDE_ENCRYPTION, algorithm)
    }

    /// Customer-provided key (SSE-C): boto3's `SSECustomerAlgorithm`, `SSECustomerKey` and `SSECustomerKeyMD5` in one.
    #[must_use]
    pub fn sse_customer_key(mut self, key: SseCustomerKey) -> Self {
        self.sse_customer_key = Some(key);
        self
    }

    /// KMS encryption context: base64 of a JSON object.
    #[must_use]
    pub fn ssekms_encryption_context(self, context: impl Into<String>) -> Self {
        self.set_header(&header_args::SSEKMS_ENCRYPTION_CONTEXT, context)
    }

    /// KMS key that encrypts the object.
    #[must_use]
    pub fn ssekms_key_id(self, key_id: impl Into<String>) -> Self {
        self.set_header(&header_args::SSEKMS_KEY_ID, key_id)
    }

    /// Storage class, such as `STANDARD_IA`.
    #[must_use]
    pub fn storage_class(self, class: impl Into<String>) -> Self {
        self.set_header(&header_args::STORAGE_CLASS, class)
    }

    /// Adds a tag to the object (boto3's `Tagging`).
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags
            .get_or_insert_default()
            .insert(name.into(), value.into());
        self
    }

    /// Target to which a website request for this object is redirected.
    #[must_use]
    pub fn website_redirect_location(self, target: impl Into<String>) -> Self {
        self.set_header(&header_args::WEBSITE_REDIRECT_LOCATION, target)
    }

    /// Sets an argument from text, as in FS URLs: a header argument by its name, `metadata.NAME`, `tag.NAME`,
    /// `checksum_algorithm`. Returns `Ok(false)` if there is no argument with this name.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<bool> {
        if let Some(arg) = header_args::of_name(name) {
            self.headers.insert(arg.header, value.to_owned());
        } else if let Some(entry) = name.strip_prefix("metadata.") {
            self.metadata
                .get_or_insert_default()
                .insert(entry.to_ascii_lowercase(), value.to_owned());
        } else if let Some(tag) = name.strip_prefix("tag.") {
            self.tags
                .get_or_insert_default()
                .insert(tag.to_owned(), value.to_owned());
        } else if name == "checksum_algorithm" {
            let algorithm = ChecksumAlgorithm::from_name(value).ok_or_else(|| {
                Error::new(ErrorKind::InvalidArgument)
                    .with_message("checksum_algorithm is not a supported algorithm")
                    .with_hint("use CRC32, CRC32C, CRC64NVME or SHA256")
            })?;
            self.checksum_algorithm = Some(algorithm);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Returns an argument as text, by the name that [`set`](Self::set) knows.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let text = if let Some(entry) = name.strip_prefix("metadata.") {
            let entry = entry.to_ascii_lowercase();
            self.metadata.as_ref()?.get(&entry).map(String::as_str)
        } else if let Some(tag) = name.strip_prefix("tag.") {
            self.tags.as_ref()?.get(tag).map(String::as_str)
        } else if name == "checksum_algorithm" {
            self.checksum_algorithm.map(ChecksumAlgorithm::name)
        } else {
            self.get(name)
        };
        text.map(str::to_owned)
    }

    /// Merges these arguments with `defaults`. These arguments take precedence.
    pub(crate) fn over(&self, defaults: &Self) -> Self {
        let mut merged = defaults.clone();
        for (header, value) in &self.headers {
            merged.headers.insert(header, value.clone());
        }
        merged.metadata = self.metadata.clone().or(merged.metadata);
        merged.tags = self.tags.clone().or(merged.tags);
        merged.sse_customer_key = self.sse_customer_key.clone().or(merged.sse_customer_key);
        merged.checksum_algorithm = self.checksum_algorithm.or(merged.checksum_algorithm);
        merged
    }

    /// Checksum algorithm, if one is set.
    pub(crate) fn checksum(&self) -> Option<ChecksumAlgorithm> {
        self.checksum_algorithm
    }

    /// Customer-provided key, if one is set.
    pub(crate) fn customer_key(&self) -> Option<&SseCustomerKey> {
        self.sse_customer_key.as_ref()
    }

    /// Encryption of the object, if it is set: the S3 name of the algorithm, or an empty string for a customer-provided key.
    pub(crate) fn encryption(&self) -> Option<&str> {
        if self.sse_customer_key.is_some() {
            return Some("");
        }
        self.get("server_side_encryption")
    }

    /// Headers of the ACL. No response contains them, and no copy keeps them.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if a header cannot carry a value.
    pub(crate) fn access_headers(&self) -> Result<Vec<(String, String)>> {
        let access = self.headers.iter().filter(|(header, _)| {
            let arg = header_args::of_header(header);
            arg.is_some_and(|arg| arg.role == Role::Access)
        });
        access
            .map(|(name, value)| Ok(((*name).to_owned(), check_value(name, value)?)))
            .collect()
    }

    /// Returns true if metadata entries are set.
    pub(crate) fn has_metadata(&self) -> bool {
        self.metadata.is_some()
    }

    /// Headers that describe where and how a copy is stored. Its content headers, metadata and tags come from the source.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if a header cannot carry a value.
    pub(crate) fn to_copy_headers(&self) -> Result<Vec<(String, String)>> {
        let mut headers = self.to_headers()?;
        headers.retain(|(name, _)| {
            let is_copied = header_args::of_header(name).is_some_and(|arg| arg.role.is_copied());
            !is_copied && !name.starts_with("x-amz-meta-") && name != "x-amz-tagging"
        });
        Ok(headers)
    }

    /// Headers with all these arguments, for a request that creates an object.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if a header cannot carry a value.
    pub(crate) fn to_headers(&self) -> Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            headers.push(((*name).to_owned(), check_value(name, value)?));
        }
        for (name, value) in self.metadata.iter().flatten() {
            let name = format!("x-amz-meta-{}", check_metadata_name(name)?);
            let value = check_value(&name, value)?;
            headers.push((name, value));
        }
        if let Some(tags) = self.tags.as_ref().filter(|tags| !tags.is_empty()) {
            headers.push(("x-amz-tagging".into(), tagging_header(tags)));
        }
        if let Some(key) = &self.sse_customer_key {
            headers.extend(customer_key_headers("x-amz-", key));
        }
        Ok(headers)
    }
}

/// Arguments of a read: the customer-provided key, the payer, the expected bucket owner.
///
/// Each setter is the argument with the same name in boto3's `ALLOWED_DOWNLOAD_ARGS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DownloadArgs {
    headers: BTreeMap<&'static str, String>,
    sse_customer_key: Option<SseCustomerKey>,
}

impl UploadArgs {
    /// Returns the value of a header argument, by the name of its setter. Times have the format in which they are sent.
    ///
    /// ```
    /// use s3fs::UploadArgs;
    ///
    /// let args = UploadArgs::new().content_type("text/csv");
    /// assert_eq!(args.get("content_type"), Some("text/csv"));
    /// assert_eq!(args.get("cache_control"), None);
    /// ```
    #[must_use]
    pub fn get(&self, argument: &str) -> Option<&str> {
        let arg = header_args::of_name(argument)?;
        self.headers.get(arg.header).map(String::as_str)
    }

    /// The metadata entries, if any are set.
    #[must_use]
    pub fn get_metadata(&self) -> Option<&BTreeMap<String, String>> {
        self.metadata.as_ref()
    }

    /// The tags, if any are set.
    #[must_use]
    pub fn get_tags(&self) -> Option<&BTreeMap<String, String>> {
        self.tags.as_ref()
    }

    /// The customer-provided encryption key, if one is set.
    #[must_use]
    pub fn get_sse_customer_key(&self) -> Option<&SseCustomerKey> {
        self.sse_customer_key.as_ref()
    }

    /// The checksum algorithm, if one is set.
    #[must_use]
    pub fn get_checksum_algorithm(&self) -> Option<ChecksumAlgorithm> {
        self.checksum_algorithm
    }
}

impl DownloadArgs {
    /// The value of `expected_bucket_owner` or `request_payer`, if it is set.
    #[must_use]
    pub fn get(&self, argument: &str) -> Option<&str> {
        let arg = header_args::of_name(argument)?;
        self.headers.get(arg.header).map(String::as_str)
    }

    /// The customer-provided encryption key, if one is set.
    #[must_use]
    pub fn get_sse_customer_key(&self) -> Option<&SseCustomerKey> {
        self.sse_customer_key.as_ref()
    }

    /// Arguments with nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// AWS account that must own the bucket. Otherwise the store rejects the request.
    #[must_use]
    pub fn expected_bucket_owner(mut self, account: impl Into<String>) -> Self {
        self.headers
            .insert(EXPECTED_BUCKET_OWNER.header, account.into());
        self
    }

    /// Payer of the request. `requester`: the caller pays.
    #[must_use]
    pub fn request_payer(mut self, payer: impl Into<String>) -> Self {
        self.headers.insert(REQUEST_PAYER.header, payer.into());
        self
    }

    /// Customer-provided key (SSE-C) with which the object was stored.
    #[must_use]
    pub fn sse_customer_key(mut self, key: SseCustomerKey) -> Self {
        self.sse_customer_key = Some(key);
        self
    }

    /// Sets an argument from text. Returns `false` if there is no argument with this name.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> bool {
        let args = [EXPECTED_BUCKET_OWNER, REQUEST_PAYER];
        let Some(arg) = args.iter().find(|arg| arg.name == name) else {
            return false;
        };
        self.headers.insert(arg.header, value.to_owned());
        true
    }

    /// Merges these arguments with `defaults`. These arguments take precedence.
    pub(crate) fn over(&self, defaults: &Self) -> Self {
        let mut merged = defaults.clone();
        for (header, value) in &self.headers {
            merged.headers.insert(header, value.clone());
        }
        merged.sse_customer_key = self.sse_customer_key.clone().or(merged.sse_customer_key);
        merged
    }

    /// Customer-provided key, if one is set.
    pub(crate) fn customer_key(&self) -> Option<&SseCustomerKey> {
        self.sse_customer_key.as_ref()
    }

    /// Account that must own the bucket.
    pub(crate) fn owner(&self) -> Option<&str> {
        self.get(EXPECTED_BUCKET_OWNER.name)
    }

    /// Payer of requests.
    pub(crate) fn payer(&self) -> Option<&str> {
        self.get(REQUEST_PAYER.name)
    }

    /// Headers of any request: the payer and the expected bucket owner.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if a header cannot carry a value.
    pub(crate) fn request_headers(&self) -> Result<Vec<(String, String)>> {
        self.headers
            .iter()
            .map(|(name, value)| Ok(((*name).to_owned(), check_value(name, value)?)))
            .collect()
    }

    /// Headers of a request that reads an object.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if a header cannot carry a value.
    pub(crate) fn to_headers(&self) -> Result<Vec<(String, String)>> {
        let mut headers = self.request_headers()?;
        if let Some(key) = &self.sse_customer_key {
            headers.extend(customer_key_headers("x-amz-", key));
        }
        Ok(headers)
    }
}

/// Returns the three headers of SSE-C. Their prefix is different for the source of a copy.
pub(crate) fn customer_key_headers(prefix: &str, key: &SseCustomerKey) -> [(String, String); 3] {
    let name = |end: &str| format!("{prefix}server-side-encryption-customer-{end}");
    [
        (name("algorithm"), "AES256".to_owned()),
        (name("key"), key.base64()),
        (name("key-md5"), key.md5_base64()),
    ]
}

/// Encodes tags for the `x-amz-tagging` header: a URL query.
pub(crate) fn tagging_header<'a>(
    tags: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> String {
    let encode = |text: &'a str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<_> = tags
        .into_iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// Checks that a header value survives signing: printable ASCII, no space at an end, no two spaces in a row.
///
/// Signature V4 folds runs of spaces, and S3 returns other bytes in its own encoding.
pub(crate) fn check_value(header: &str, value: &str) -> Result<String> {
    let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if printable && !value.is_empty() && value.trim() == value && !value.contains("  ") {
        return Ok(value.to_owned());
    }
    Err(Error::new(ErrorKind::InvalidArgument)
        .with_message(format!("the value of {header} cannot be sent in a header"))
        .with_hint(
            "use non-empty printable ASCII without leading, trailing or consecutive spaces; encode \
             anything else",
        ))
}

/// Checks that a metadata name can be part of a header name.
pub(crate) fn check_metadata_name(name: &str) -> Result<&str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(token) {
        return Ok(name);
    }
    Err(Error::new(ErrorKind::InvalidArgument)
        .with_message(format!("{name:?} is not a valid name for a metadata entry"))
        .with_hint("use ASCII letters, digits and hyphens"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filesystem::header_args::TABLE;

    #[test]
    fn every_argument_becomes_its_header() {
        let mut args = UploadArgs::new();
        for arg in &TABLE {
            assert!(args.set(arg.name, "value").unwrap(), "{}", arg.name);
        }
        let headers = args.to_headers().unwrap();
        for HeaderArg { name, header, .. } in &TABLE {
            let found = headers.iter().any(|(h, v)| h == header && v == "value");
            assert!(found, "{name} is not sent as {header}");
        }
        assert!(!args.set("no_such_argument", "value").unwrap());
    }

    #[test]
    fn metadata_tags_and_customer_key_become_headers() {
        let args = UploadArgs::new()
            .metadata("Origin", "tide gauge")
            .tag("a b", "c&d=é")
            .sse_customer_key(SseCustomerKey::new([7; 32]));
        let headers: BTreeMap<_, _> = args.to_headers().unwrap().into_iter().collect();
        assert_eq!(headers["x-amz-meta-origin"], "tide gauge");
        assert_eq!(headers["x-amz-tagging"], "a%20b=c%26d%3D%C3%A9");
        assert_eq!(
            headers["x-amz-server-side-encryption-customer-algorithm"],
            "AES256"
        );
        // printf '\7%.0s' {1..32} | openssl md5 -binary | base64
        assert_eq!(
            headers["x-amz-server-side-encryption-customer-key-md5"],
            "y4HAEFCYWuvAXWFTtA1Qpg=="
        );
    }

    #[test]
    fn a_value_that_a_header_cannot_carry_is_refused() {
        for value in ["", " a", "a ", "a  b", "a\nb", "é", "a\0"] {
            let args = UploadArgs::new().metadata("name", value);
            let error = args.to_headers().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{value:?}");
            assert!(error.to_string().contains("x-amz-meta-name"), "{error}");
        }
        for name in ["", "a b", "a:b", "é", "a\r\nb"] {
            assert!(UploadArgs::new().metadata(name, "v").to_headers().is_err());
        }
    }

    #[test]
    fn a_call_overrides_the_defaults_of_the_filesystem() {
        let defaults = UploadArgs::new()
            .content_type("text/plain")
            .acl("private")
            .metadata("a", "1");
        let call = UploadArgs::new()
            .content_type("text/csv")
            .metadata("b", "2");
        let headers: BTreeMap<_, _> = call
            .over(&defaults)
            .to_headers()
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(headers["content-type"], "text/csv");
        assert_eq!(headers["x-amz-acl"], "private");
        assert_eq!(headers["x-amz-meta-b"], "2");
        assert!(!headers.contains_key("x-amz-meta-a"));
    }

    #[test]
    fn debug_does_not_show_the_customer_key() {
        let args = UploadArgs::new().sse_customer_key(SseCustomerKey::new([65; 32]));
        let text = format!("{args:?}");
        assert!(
            !text.contains("65") && !text.contains("QUFB") && !text.contains("AAA"),
            "{text}"
        );
    }
}
