//! [`OpenOptions`], [`UploadArgs`], [`DownloadArgs`]: what one call may set, beyond path and bytes.
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

/// What one call of `openbin_with`, `writebytes_with` or `readbytes_with` may set.
///
/// What is not set here is taken from the filesystem's own
/// [`upload_args`](crate::S3FsBuilder::upload_args) and
/// [`download_args`](crate::S3FsBuilder::download_args).
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
    /// Nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a write sets on the object.
    #[must_use]
    pub fn upload_args(mut self, args: UploadArgs) -> Self {
        self.upload = args;
        self
    }

    /// What a read sends along.
    #[must_use]
    pub fn download_args(mut self, args: DownloadArgs) -> Self {
        self.download = args;
        self
    }

    /// Reads that version of the object; only for reading.
    #[must_use]
    pub fn version_id(mut self, version_id: impl Into<String>) -> Self {
        self.version_id = Some(version_id.into());
        self
    }

    /// Reads or replaces the object only while its ETag is this one; otherwise the call fails
    /// with [`ErrorKind::ResourceChanged`], or with [`ErrorKind::ResourceNotFound`] if it is gone.
    /// It does not go with the modes that make a new file (`x`).
    #[must_use]
    pub fn if_match(mut self, e_tag: impl Into<String>) -> Self {
        self.if_match = Some(e_tag.into());
        self
    }

    /// Whether a file may be made where a directory has that path; by default it is an error. Only
    /// where [`Meta::holds_file_beside_directory`](crate::Meta::holds_file_beside_directory) says
    /// so.
    #[must_use]
    pub fn beside_directory(mut self, beside_directory: bool) -> Self {
        self.beside_directory = beside_directory;
        self
    }

    /// How many bytes are asked for when a file is opened for reading on S3: those that come are
    /// there for the first reads. With 0 it is a HEAD, and nothing comes: for those who seek first.
    /// Otherwise what the filesystem's builder was given, or 1 MiB.
    #[must_use]
    pub fn first_window(mut self, bytes: u64) -> Self {
        self.first_window = Some(bytes);
        self
    }

    /// How many windows of 4 MiB threads fetch before they are asked for, while a file is read
    /// sequentially on S3: a request each, at the same time. It takes that many windows of memory,
    /// and one more, each with the 640 KiB of a connection's buffers: 23 MiB for 4. 64 is the most.
    /// With 0 there are no threads. Otherwise what the filesystem's builder was given, or 0.
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

/// The checksum that an upload carries, for the store to verify and keep.
///
/// Source: [Checking object integrity](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChecksumAlgorithm {
    /// CRC-32 (ISO-HDLC), S3's oldest.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME, the default of newer AWS SDKs.
    Crc64nvme,
    /// SHA-256, the only one here that also resists tampering.
    Sha256,
}

impl ChecksumAlgorithm {
    /// Every one.
    pub(crate) const ALL: [Self; 4] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha256];

    /// S3's name of the algorithm, as in `x-amz-checksum-algorithm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha256 => "SHA256",
        }
    }

    /// The algorithm of that name of S3's.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }
}

/// A key that the store encrypts with and does not keep (SSE-C): 32 bytes.
///
/// `Debug` does not show it. Stores take it over https only.
#[derive(Clone, PartialEq, Eq)]
pub struct SseCustomerKey([u8; 32]);

impl SseCustomerKey {
    /// The key from its 32 bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The key. It is a secret: do not print it.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key in base64, as the header carries it.
    pub(crate) fn base64(&self) -> String {
        BASE64.encode(self.0)
    }

    /// The MD5 of the key in base64, which the store checks the key against.
    pub(crate) fn md5_base64(&self) -> String {
        BASE64.encode(Md5::digest(self.0))
    }
}

impl fmt::Debug for SseCustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SseCustomerKey(..)")
    }
}

/// What an upload sets on the object: content headers, metadata, tags, access, encryption, class.
///
/// Each setter is the argument of the same name of boto3's `ALLOWED_UPLOAD_ARGS`. Values are sent
/// as they are; a value that a header cannot carry is an [`ErrorKind::InvalidArgument`] before
/// anything is sent. Source: [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
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
    /// By header; [`header_args`] is the table of them.
    headers: BTreeMap<&'static str, String>,
    metadata: Option<BTreeMap<String, String>>,
    tags: Option<BTreeMap<String, String>>,
    sse_customer_key: Option<SseCustomerKey>,
    checksum_algorithm: Option<ChecksumAlgorithm>,
}

impl UploadArgs {
    /// Nothing set.
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

    /// The `Cache-Control` that the object is served with.
    #[must_use]
    pub fn cache_control(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CACHE_CONTROL, value)
    }

    /// The checksum that the upload carries.
    #[must_use]
    pub fn checksum_algorithm(mut self, algorithm: ChecksumAlgorithm) -> Self {
        self.checksum_algorithm = Some(algorithm);
        self
    }

    /// The `Content-Disposition` that the object is served with.
    #[must_use]
    pub fn content_disposition(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CONTENT_DISPOSITION, value)
    }

    /// The `Content-Encoding` that the object is served with. The bytes are stored as given: this
    /// compresses nothing.
    #[must_use]
    pub fn content_encoding(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CONTENT_ENCODING, value)
    }

    /// The `Content-Language` that the object is served with.
    #[must_use]
    pub fn content_language(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CONTENT_LANGUAGE, value)
    }

    /// The `Content-Type`; guessed from the name if it is not set.
    #[must_use]
    pub fn content_type(self, value: impl Into<String>) -> Self {
        self.set_header(&header_args::CONTENT_TYPE, value)
    }

    /// The AWS account that must own the bucket; otherwise the store refuses.
    #[must_use]
    pub fn expected_bucket_owner(self, account: impl Into<String>) -> Self {
        self.set_header(&header_args::EXPECTED_BUCKET_OWNER, account)
    }

    /// The `Expires` header that the object is served with: an HTTP date.
    #[must_use]
    pub fn expires(self, when: OffsetDateTime) -> Self {
        // A year that no HTTP date has is sent as an empty value, which is refused.
        let date = crate::dates::format_http_date(when);
        self.set_header(&header_args::EXPIRES, date.unwrap_or_default())
    }

    /// Who gets `FULL_CONTROL`, such as `id="…"`.
    #[must_use]
    pub fn grant_full_control(self, grantees: impl Into<String>) -> Self {
        self.set_header(&header_args::GRANT_FULL_CONTROL, grantees)
    }

    /// Who may read the object.
    #[must_use]
    pub fn grant_read(self, grantees: impl Into<String>) -> Self {
        self.set_header(&header_args::GRANT_READ, grantees)
    }

    /// Who may read the object's ACL.
    #[must_use]
    pub fn grant_read_acp(self, grantees: impl Into<String>) -> Self {
        self.set_header(&header_args::GRANT_READ_ACP, grantees)
    }

    /// Who may write the object's ACL.
    #[must_use]
    pub fn grant_write_acp(self, grantees: impl Into<String>) -> Self {
        self.set_header(&header_args::GRANT_WRITE_ACP, grantees)
    }

    /// One `x-amz-meta-` entry. The name is case-insensitive; the value is printable ASCII.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata
            .get_or_insert_default()
            .insert(name.into().to_ascii_lowercase(), value.into());
        self
    }

    /// The legal hold: `ON` or `OFF`.
    #[must_use]
    pub fn object_lock_legal_hold_status(self, status: impl Into<String>) -> Self {
        self.set_header(&header_args::OBJECT_LOCK_LEGAL_HOLD_STATUS, status)
    }

    /// The retention mode: `GOVERNANCE` or `COMPLIANCE`.
    #[must_use]
    pub fn object_lock_mode(self, mode: impl Into<String>) -> Self {
        self.set_header(&header_args::OBJECT_LOCK_MODE, mode)
    }

    /// Until when the object is retained.
    #[must_use]
    pub fn object_lock_retain_until_date(self, when: OffsetDateTime) -> Self {
        // As above: the year has four digits.
        let text = format_iso_date(when).unwrap_or_default();
        self.set_header(&header_args::OBJECT_LOCK_RETAIN_UNTIL_DATE, text)
    }

    /// `requester`: the caller pays for the request.
    #[must_use]
    pub fn request_payer(self, payer: impl Into<String>) -> Self {
        self.set_header(&header_args::REQUEST_PAYER, payer)
    }

    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    #[must_use]
    pub fn server_side_encryption(self, algorithm: impl Into<String>) -> Self {
        self.set_header(&header_args::SERVER_SIDE_ENCRYPTION, algorithm)
    }

    /// The customer's own key (SSE-C): boto3's `SSECustomerAlgorithm`, `SSECustomerKey` and
    /// `SSECustomerKeyMD5` in one.
    #[must_use]
    pub fn sse_customer_key(mut self, key: SseCustomerKey) -> Self {
        self.sse_customer_key = Some(key);
        self
    }

    /// The KMS encryption context: base64 of a JSON object.
    #[must_use]
    pub fn ssekms_encryption_context(self, context: impl Into<String>) -> Self {
        self.set_header(&header_args::SSEKMS_ENCRYPTION_CONTEXT, context)
    }

    /// The KMS key to encrypt with.
    #[must_use]
    pub fn ssekms_key_id(self, key_id: impl Into<String>) -> Self {
        self.set_header(&header_args::SSEKMS_KEY_ID, key_id)
    }

    /// The storage class, such as `STANDARD_IA`.
    #[must_use]
    pub fn storage_class(self, class: impl Into<String>) -> Self {
        self.set_header(&header_args::STORAGE_CLASS, class)
    }

    /// One tag of the object (boto3's `Tagging`).
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags
            .get_or_insert_default()
            .insert(name.into(), value.into());
        self
    }

    /// Where a website request for this object is redirected to.
    #[must_use]
    pub fn website_redirect_location(self, target: impl Into<String>) -> Self {
        self.set_header(&header_args::WEBSITE_REDIRECT_LOCATION, target)
    }

    /// Sets the argument of that name from text, as FS URLs do: a header argument by its name,
    /// `metadata.NAME`, `tag.NAME`, `checksum_algorithm`. `Ok(false)` if there is no such argument.
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
                    .with_message("checksum_algorithm is not one that is known")
                    .with_hint("use CRC32, CRC32C, CRC64NVME or SHA256")
            })?;
            self.checksum_algorithm = Some(algorithm);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// These arguments, and the others' where these say nothing.
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

    /// The checksum that was asked for.
    pub(crate) fn checksum(&self) -> Option<ChecksumAlgorithm> {
        self.checksum_algorithm
    }

    /// The customer's key that was given.
    pub(crate) fn customer_key(&self) -> Option<&SseCustomerKey> {
        self.sse_customer_key.as_ref()
    }

    /// How the object is encrypted, if this is set: S3's name of it, or nothing for a customer's
    /// key.
    pub(crate) fn encryption(&self) -> Option<&str> {
        if self.sse_customer_key.is_some() {
            return Some("");
        }
        self.get("server_side_encryption")
    }

    /// The headers of the ACL, which no answer contains and no copy keeps.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` where a header cannot carry a value.
    pub(crate) fn access_headers(&self) -> Result<Vec<(String, String)>> {
        let access = self.headers.iter().filter(|(header, _)| {
            let arg = header_args::of_header(header);
            arg.is_some_and(|arg| arg.role == Role::Access)
        });
        access
            .map(|(name, value)| Ok(((*name).to_owned(), check_value(name, value)?)))
            .collect()
    }

    /// Whether metadata entries are given.
    pub(crate) fn has_metadata(&self) -> bool {
        self.metadata.is_some()
    }

    /// The headers that say where and how a copy is stored. Its content headers, metadata and tags come from the source.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` where a header cannot carry a value.
    pub(crate) fn to_copy_headers(&self) -> Result<Vec<(String, String)>> {
        let mut headers = self.to_headers()?;
        headers.retain(|(name, _)| {
            let is_copied = header_args::of_header(name).is_some_and(|arg| arg.role.is_copied());
            !is_copied && !name.starts_with("x-amz-meta-") && name != "x-amz-tagging"
        });
        Ok(headers)
    }

    /// The headers that say all this in a request that creates an object.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` where a header cannot carry a value.
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

/// What a read sends along: the customer's key, who pays, who must own the bucket.
///
/// Each setter is the argument of the same name of boto3's `ALLOWED_DOWNLOAD_ARGS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DownloadArgs {
    headers: BTreeMap<&'static str, String>,
    sse_customer_key: Option<SseCustomerKey>,
}

impl UploadArgs {
    /// The value of a header argument, by the name of its setter. Times have the format that is sent.
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

    /// The customer's encryption key, if one is set.
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

    /// The customer's encryption key, if one is set.
    #[must_use]
    pub fn get_sse_customer_key(&self) -> Option<&SseCustomerKey> {
        self.sse_customer_key.as_ref()
    }

    /// Nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The AWS account that must own the bucket; otherwise the store refuses.
    #[must_use]
    pub fn expected_bucket_owner(mut self, account: impl Into<String>) -> Self {
        self.headers
            .insert(EXPECTED_BUCKET_OWNER.header, account.into());
        self
    }

    /// `requester`: the caller pays for the request.
    #[must_use]
    pub fn request_payer(mut self, payer: impl Into<String>) -> Self {
        self.headers.insert(REQUEST_PAYER.header, payer.into());
        self
    }

    /// The customer's own key (SSE-C) that the object was stored with.
    #[must_use]
    pub fn sse_customer_key(mut self, key: SseCustomerKey) -> Self {
        self.sse_customer_key = Some(key);
        self
    }

    /// Sets the argument of that name from text; `false` if there is no such argument.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> bool {
        let args = [EXPECTED_BUCKET_OWNER, REQUEST_PAYER];
        let Some(arg) = args.iter().find(|arg| arg.name == name) else {
            return false;
        };
        self.headers.insert(arg.header, value.to_owned());
        true
    }

    /// These arguments, and the others' where these say nothing.
    pub(crate) fn over(&self, defaults: &Self) -> Self {
        let mut merged = defaults.clone();
        for (header, value) in &self.headers {
            merged.headers.insert(header, value.clone());
        }
        merged.sse_customer_key = self.sse_customer_key.clone().or(merged.sse_customer_key);
        merged
    }

    /// The customer's key that was given.
    pub(crate) fn customer_key(&self) -> Option<&SseCustomerKey> {
        self.sse_customer_key.as_ref()
    }

    /// Who must own the bucket.
    pub(crate) fn owner(&self) -> Option<&str> {
        self.get(EXPECTED_BUCKET_OWNER.name)
    }

    /// Who pays for requests.
    pub(crate) fn payer(&self) -> Option<&str> {
        self.get(REQUEST_PAYER.name)
    }

    /// The headers of any request: who pays, who must own the bucket.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` where a header cannot carry a value.
    pub(crate) fn request_headers(&self) -> Result<Vec<(String, String)>> {
        self.headers
            .iter()
            .map(|(name, value)| Ok(((*name).to_owned(), check_value(name, value)?)))
            .collect()
    }

    /// The headers of a request that reads an object.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` where a header cannot carry a value.
    pub(crate) fn to_headers(&self) -> Result<Vec<(String, String)>> {
        let mut headers = self.request_headers()?;
        if let Some(key) = &self.sse_customer_key {
            headers.extend(customer_key_headers("x-amz-", key));
        }
        Ok(headers)
    }
}

/// The three headers of SSE-C; a copy's source has them under another prefix.
pub(crate) fn customer_key_headers(prefix: &str, key: &SseCustomerKey) -> [(String, String); 3] {
    let name = |end: &str| format!("{prefix}server-side-encryption-customer-{end}");
    [
        (name("algorithm"), "AES256".to_owned()),
        (name("key"), key.base64()),
        (name("key-md5"), key.md5_base64()),
    ]
}

/// Tags as the `x-amz-tagging` header carries them: a URL query.
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

/// A header value that survives signing: printable ASCII, no space at an end, no two in a row.
///
/// Signature V4 folds runs of spaces, and S3 answers other bytes in its own encoding.
pub(crate) fn check_value(header: &str, value: &str) -> Result<String> {
    let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if printable && !value.is_empty() && value.trim() == value && !value.contains("  ") {
        return Ok(value.to_owned());
    }
    Err(Error::new(ErrorKind::InvalidArgument)
        .with_message(format!("the value of {header} cannot be sent in a header"))
        .with_hint(
            "use printable ASCII, not empty, without spaces at the ends or two in a row; encode \
             anything else",
        ))
}

/// A metadata name that can be part of a header's name.
pub(crate) fn check_metadata_name(name: &str) -> Result<&str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(token) {
        return Ok(name);
    }
    Err(Error::new(ErrorKind::InvalidArgument)
        .with_message(format!("{name:?} cannot be the name of a metadata entry"))
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
