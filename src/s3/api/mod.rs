//! [`Objects`]: the objects of one bucket. Each method sends one request of the S3 API, with the
//! filesystem's own arguments.

mod conditions;
mod copy;
mod delete;
mod finish_upload;
mod multipart;
mod restore;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::found;
use crate::filesystem::options::{
    DownloadArgs, OpenOptions, SseCustomerKey, UploadArgs, tagging_header,
};
use crate::threads::Spawner;
pub use conditions::ConditionalWrites;
use conditions::Conditions;
pub(crate) use conditions::Handling;
pub(crate) use copy::Source;
pub(crate) use delete::MAX_DELETED_KEYS;
pub(crate) use finish_upload::{FinishUpload, NONCE, has_nonce, hex, is_unknown_to_store, unknown};
pub(crate) use multipart::{
    NewUpload, Upload, UploadedPart, check_object_size, is_gone, wants_equal_parts,
};
pub(crate) use restore::RestoreAnswer;

use crate::s3::checksum;
use crate::s3::client::xml::{self, ListPage, VersionsPage};
use crate::s3::client::{self, Client, Operation, Payload, ReadAt, Request, Response};
use crate::s3::content_type::guess_content_type;
use crate::s3::etag;
use crate::s3::key::Key;
use crate::s3::list::order::Shown;
use crate::s3::read::answer::{self, Answer};
use crate::s3::write::part_size::PartSizes;

/// Content type of an object whose name does not determine one; S3's own default.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// Header that selects an object's encryption, and prefix of the headers with its parameters.
pub(in crate::s3) const ENCRYPTION: &str = "x-amz-server-side-encryption";

/// Condition on which a PUT takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition<'a> {
    /// Unconditionally.
    Any,
    /// Only if no object has the key.
    Absent,
    /// Only if the object has this ETag.
    Match(&'a str),
}

impl Condition<'_> {
    /// Adds this condition to the request.
    pub(in crate::s3) fn put_on(self, request: Request<'_>) -> Request<'_> {
        match self {
            Self::Any => request,
            Self::Absent => request.header("if-none-match", "*"),
            Self::Match(e_tag) => request.header_if("if-match", etag::sendable(e_tag)),
        }
    }

    /// Returns the condition that can be sent: none for a weak ETag.
    pub(in crate::s3) fn sendable(self) -> Self {
        match self {
            Self::Match(e_tag) if etag::is_weak(e_tag) => Self::Any,
            condition => condition,
        }
    }
}

/// Options of a read: the object version and the condition. The condition is sent unless its ETag is weak. The
/// ETag of each answer is compared, too, because not every store supports the condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadOptions {
    pub(crate) download: DownloadArgs,
    pub(crate) version_id: Option<String>,
    pub(crate) if_match: Option<String>,
}

impl ReadOptions {
    /// Takes the read options from the options of a call.
    pub(crate) fn from_call(options: &OpenOptions) -> Self {
        Self {
            download: options.download.clone(),
            version_id: options.version_id.clone(),
            if_match: options.if_match.clone(),
        }
    }
}

/// A range of an object's bytes. `end` is inclusive, as in HTTP; without `end`, the range ends at the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
}

impl Range {
    /// Returns the value of the `Range` header.
    pub(crate) fn header(self) -> String {
        match self.end {
            Some(end) => format!("bytes={}-{end}", self.start),
            None => format!("bytes={}-", self.start),
        }
    }
}

/// Parameters of a listing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing<'a> {
    pub(crate) prefix: &'a str,
    /// Keys that contain the delimiter after the prefix are grouped into common prefixes.
    pub(crate) delimiter: Option<&'a str>,
    /// Lists only keys and common prefixes that come after this one.
    pub(crate) start_after: Option<&'a str>,
    pub(crate) max_keys: Option<u32>,
}

/// The objects of one bucket.
pub(crate) struct Objects {
    pub(in crate::s3) client: Client,
    /// Separator of a key's segments. The extension of the last segment determines the content type.
    delimiter: String,
    pub(in crate::s3) upload: UploadArgs,
    pub(in crate::s3) download: DownloadArgs,
    pub(in crate::s3) max_workers: usize,
    part_sizes: PartSizes,
    /// Whether the store is known to honour the conditions of every request.
    honours_conditions: bool,
    /// Properties of the store that its listings have revealed.
    pub(in crate::s3) listings: Shown,
    /// Whether whole reads are verified against the store's checksum.
    verifies: bool,
    /// The kinds of DeleteObjects requests that the store rejects.
    refusals: delete::Refusals,
    /// Whether the store has rejected an upload with parts of several sizes, and since then none with equal parts.
    wants_equal_parts: AtomicBool,
    /// The store's handling of the conditions of a PUT.
    conditions: Conditions,
    /// Whether the store copies ranges of objects whose keys have a `%`.
    copies_percent_keys: bool,
    /// The charset of guessed content types of text.
    text_charset: Option<String>,
    /// The threads that send parts.
    pub(in crate::s3) threads: Spawner,
}

impl Objects {
    /// Creates the objects that `client` reaches. The arguments apply to every call.
    pub(crate) fn new(
        client: Client,
        delimiter: &str,
        upload: UploadArgs,
        download: DownloadArgs,
        max_workers: usize,
        part_sizes: PartSizes,
        honours_conditions: bool,
    ) -> Self {
        Self {
            client,
            delimiter: delimiter.to_owned(),
            upload,
            download,
            max_workers,
            part_sizes,
            honours_conditions,
            listings: Shown::default(),
            verifies: false,
            refusals: delete::Refusals::default(),
            wants_equal_parts: AtomicBool::new(false),
            conditions: Conditions::new(honours_conditions),
            copies_percent_keys: honours_conditions,
            text_charset: None,
            threads: Spawner::default(),
        }
    }

    /// Returns the rule for part sizes.
    pub(crate) fn part_sizes(&self) -> PartSizes {
        let are_equal = self.wants_equal_parts.load(Ordering::Relaxed);
        self.part_sizes
            .equal(are_equal || self.part_sizes.are_equal())
    }

    /// Returns true if the store is known to honour the conditions of every request, including those that complete
    /// an upload.
    pub(crate) fn honours_conditions(&self) -> bool {
        self.honours_conditions
    }

    /// Sets whether whole reads request a checksum and are verified.
    pub(crate) fn verifying(mut self, verifies: bool) -> Self {
        self.verifies = verifies;
        self
    }

    /// Sets the caller's setting for the conditions of a PUT. `prefix` is the prefix of all keys of the
    /// filesystem.
    pub(crate) fn with_conditions(
        mut self,
        given: Option<ConditionalWrites>,
        prefix: String,
    ) -> Self {
        self.conditions = self.conditions.with(given, prefix);
        self
    }

    /// Sets whether the store copies ranges of objects whose keys contain `%`.
    pub(crate) fn copying_percent_keys(mut self, copies: bool) -> Self {
        self.copies_percent_keys = copies;
        self
    }

    /// Sets whether the store is known to list in the order of bytes, and to honour `start-after`.
    pub(crate) fn listing_in_byte_order(mut self, is_known: bool) -> Self {
        self.listings = match is_known {
            true => Shown::in_bytes(),
            false => Shown::default(),
        };
        self
    }

    /// Sets the charset to append to guessed content types of text.
    pub(crate) fn with_text_charset(mut self, charset: Option<String>) -> Self {
        self.text_charset = charset;
        self
    }

    /// Returns true if the store copies ranges of the object with this key. Ceph 16.2 decodes the source of
    /// `UploadPartCopy` twice, and copies the object `xA` for `x%41`; it decodes the source of `CopyObject`
    /// once.
    pub(crate) fn copies_ranges_of(&self, key: &Key) -> bool {
        self.copies_percent_keys || !key.as_str().contains('%')
    }

    /// Returns the client.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the content type for the key's name.
    pub(crate) fn content_type_of(&self, key: &Key) -> String {
        let name = key.as_str().rsplit(self.delimiter.as_str()).next();
        let guessed = name.and_then(guess_content_type);
        match (guessed.unwrap_or(DEFAULT_CONTENT_TYPE), &self.text_charset) {
            (text, Some(charset)) if text.starts_with("text/") => {
                format!("{text}; charset={charset}")
            }
            (other, _) => other.to_owned(),
        }
    }

    /// Returns a call's upload arguments on top of the filesystem's.
    pub(crate) fn upload_args(&self, call: &UploadArgs) -> UploadArgs {
        call.over(&self.upload)
    }

    /// Returns the customer's key that a read with these arguments sends.
    pub(crate) fn customer_key(&self, call: &DownloadArgs) -> Option<SseCustomerKey> {
        call.over(&self.download).customer_key().cloned()
    }

    /// Returns the headers of an object, including its length. One request; one more to find the reason if an
    /// error has no body, and at most two more if the answer has no length.
    ///
    /// # Errors
    ///
    /// Returns `ResourceChanged` if the object does not have the required ETag.
    ///
    /// Source: [HeadObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
    pub(crate) fn head(
        &self,
        key: &Key,
        options: &ReadOptions,
        with_checksums: bool,
    ) -> Result<Response> {
        let head = self.glance(key, options, with_checksums)?;
        if head.content_length().is_some() {
            return Ok(head);
        }
        let mut same = options.clone();
        same.if_match = head.header("etag").map(str::to_owned);
        let size = self.measure(key, &same)?;
        Ok(head.with_length(size))
    }

    /// Determines the size of an object whose HEAD answer lacks it, by a GET of its first byte or by a listing.
    fn measure(&self, key: &Key, options: &ReadOptions) -> Result<u64> {
        let first_byte = Range {
            start: 0,
            end: Some(0),
        };
        let answer = match self.get(key, Some(first_byte), options) {
            Err(error) if answer::says_empty(&error) => return Ok(0),
            // Some stores reject a range of a non-empty object.
            Err(error) if answer::is_range_refused(&error) => self.get(key, None, options)?,
            answer => answer?,
        };
        let facts = Answer::of(&answer);
        match facts.size()? {
            Some(size) if facts.length.is_some() => Ok(size),
            // An answer that ureq decodes has no length either. But one decoded byte is never exactly one byte.
            Some(size) => {
                let mut byte = Vec::new();
                let read = answer.into_reader().take(2).read_to_end(&mut byte);
                match read {
                    Ok(1) => Ok(size),
                    _ => Err(client::may_be_decoded()),
                }
            }
            None => {
                let listing = Listing {
                    prefix: key.as_str(),
                    max_keys: Some(1),
                    ..Listing::default()
                };
                let page = self
                    .list(&listing, None)
                    .map_err(|error| client::may_be_decoded().with_source(error))?;
                let listed = page.objects.first().filter(|listed| {
                    let e_tags = listed.etag.as_deref().zip(options.if_match.as_deref());
                    listed.key == key.as_str()
                        && e_tags.is_some_and(|(one, other)| etag::is_same(one, other))
                });
                let size = listed.map(|listed| listed.size);
                size.ok_or_else(client::may_be_decoded)
            }
        }
    }

    /// Returns the headers of an object as the store sends them.
    fn glance(&self, key: &Key, options: &ReadOptions, with_checksums: bool) -> Result<Response> {
        let head = self.glance_at_any(key, options, with_checksums)?;
        answer::check_head(&head)?;
        check_version(options, head)
    }

    fn glance_at_any(
        &self,
        key: &Key,
        options: &ReadOptions,
        with_checksums: bool,
    ) -> Result<Response> {
        let mut request = self.read(Operation::HeadObject, key, options)?;
        if with_checksums {
            request = request.header("x-amz-checksum-mode", "ENABLED");
        }
        let correction_count = self.client.correction_count();
        let error = match self.client.send(&request) {
            Err(error) => error,
            found => return found,
        };
        // An answer to HEAD has no body. A listing request distinguishes a wrong key from a wrong secret, a wrong
        // region, a missing permission and a missing customer's key.
        let status = error
            .s3()
            .filter(|s3| s3.code.is_empty())
            .map(|s3| s3.status);
        if !matches!(status, Some(301 | 307 | 400 | 403)) {
            return Err(error);
        }
        let listing = Listing {
            prefix: key.as_str(),
            max_keys: Some(1),
            ..Listing::default()
        };
        let is_first = |page: &ListPage| {
            let first = page.objects.first();
            first.is_some_and(|object| object.key == key.as_str())
        };
        match self.list(&listing, None) {
            Err(told) if told.s3().is_some_and(|s3| s3.code != "AccessDenied") => Err(told),
            // The listing revealed the right region, or that the credentials had expired: retry.
            _ if self.client.correction_count() != correction_count => self.client.send(&request),
            Ok(page) if status == Some(400) && options.version_id.is_none() && is_first(&page) => {
                Err(error
                    .with_kind(ErrorKind::PermissionDenied)
                    .with_message(
                        "it is encrypted with a customer's key (SSE-C) that was not given",
                    )
                    .with_hint("pass the key as sse_customer_key of the download_args"))
            }
            _ => Err(error),
        }
    }

    /// Returns true if an object has that key. One request; one more if the object is encrypted with a
    /// customer's key other than the filesystem's.
    pub(crate) fn exists(&self, key: &Key) -> Result<bool> {
        match found(self.glance(key, &ReadOptions::default(), false)) {
            Ok(head) => Ok(head.is_some()),
            Err(error) if lacks_customer_key(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Returns an object's bytes, or a range of them. One request. A request for the whole object also asks for
    /// its checksum, if verification is on.
    ///
    /// # Errors
    ///
    /// Returns `ResourceChanged` if the object does not have the required ETag.
    ///
    /// Source: [GetObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
    pub(crate) fn get(
        &self,
        key: &Key,
        range: Option<Range>,
        options: &ReadOptions,
    ) -> Result<Response> {
        let range = range.map(Range::header);
        let mode = (self.verifies && range.is_none()).then_some("ENABLED");
        let request = self
            .read(Operation::GetObject, key, options)?
            .header_if("x-amz-checksum-mode", mode)
            .header_if("range", range.as_deref());
        check_version(options, self.client.send(&request)?)
    }

    fn read<'a>(
        &self,
        operation: Operation,
        key: &'a Key,
        options: &ReadOptions,
    ) -> Result<Request<'a>> {
        Ok(Request::object(operation, key)
            .query_if("versionId", options.version_id.as_deref())
            .header_if(
                "if-match",
                options.if_match.as_deref().and_then(etag::sendable),
            )
            .headers(options.download.over(&self.download).to_headers()?))
    }

    /// Stores an object. One request.
    ///
    /// `args` must be complete: see [`Self::upload_args`]. Returns `ResourceChanged` if the condition does not
    /// hold.
    ///
    /// Source: [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
    pub(crate) fn put(
        &self,
        key: &Key,
        bytes: &[u8],
        args: &UploadArgs,
        kept: &[(String, String)],
        condition: Condition<'_>,
    ) -> Result<()> {
        let answer = self.put_for_answer(key, bytes, args, kept, condition);
        answer.map(|_| ())
    }

    fn put_for_answer(
        &self,
        key: &Key,
        bytes: &[u8],
        args: &UploadArgs,
        kept: &[(String, String)],
        condition: Condition<'_>,
    ) -> Result<Response> {
        let mut request = self.put_request(key, args, kept)?.body(bytes);
        if let Some(algorithm) = args.checksum() {
            let (name, value) = checksum::header(algorithm, bytes);
            request = request.header(name, value);
        } else if is_locked(&request.headers) {
            request = request.header("content-md5", Payload::Bytes(bytes).md5()?);
        }
        let answer = self.client.tell(&condition.put_on(request));
        answer.inspect_err(|error| self.conditions.learn(condition, error))
    }

    /// Stores the first `size` bytes of a source as an object. `body` yields the same bytes for the request's
    /// body. One request.
    pub(crate) fn put_section(
        &self,
        key: &Key,
        source: &dyn ReadAt,
        body: &dyn ReadAt,
        size: u64,
        args: &UploadArgs,
    ) -> Result<()> {
        let mut request = self.put_request(key, args, &[])?;
        let payload = Payload::Section {
            source: body,
            start: 0,
            length: size,
        };
        if let Some(algorithm) = args.checksum() {
            let digest = checksum::digest_of(algorithm, source, 0, size)?;
            request = request.header(checksum::header_name(algorithm), digest);
        } else if is_locked(&request.headers) {
            request = request.header("content-md5", payload.md5()?);
        }
        self.client.tell_with(&request, payload).map(|_| ())
    }

    fn put_request<'a>(
        &self,
        key: &'a Key,
        args: &UploadArgs,
        kept: &[(String, String)],
    ) -> Result<Request<'a>> {
        let request = Request::object(Operation::PutObject, key).headers(with_kept(args, kept)?);
        let has_type = request
            .headers
            .iter()
            .any(|(name, _)| name == "content-type");
        Ok(if has_type {
            request
        } else {
            request.header("content-type", self.content_type_of(key))
        })
    }

    /// Deletes an object. With an ETag, only an object with that ETag is deleted, if the store supports the
    /// condition. A missing object is not an error. One request.
    ///
    /// Source: [DeleteObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html).
    pub(crate) fn delete(&self, key: &Key, e_tag: Option<&str>) -> Result<()> {
        let request = Request::object(Operation::DeleteObject, key)
            .headers(self.download.request_headers()?)
            .header_if("if-match", e_tag);
        self.client.tell(&request).map(|_| ())
    }

    /// Permanently deletes one version of an object, or a delete marker. A missing version is not an error. One
    /// request.
    ///
    /// Source: [DeleteObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html).
    pub(crate) fn delete_version(&self, key: &Key, version_id: &str) -> Result<()> {
        let request = Request::object(Operation::DeleteObject, key)
            .query("versionId", version_id)
            .headers(self.download.request_headers()?);
        self.client.tell(&request).map(|_| ())
    }

    /// Returns one page of the versions of keys that begin with `prefix`, starting after the given key and
    /// version. One request.
    ///
    /// Source: [ListObjectVersions](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html).
    pub(crate) fn list_versions(
        &self,
        prefix: &str,
        after: Option<&(String, String)>,
    ) -> Result<VersionsPage> {
        let id = after.map(|(_, id)| id.as_str());
        let request = Request::bucket(Operation::ListObjectVersions)
            .query("versions", "")
            .query("encoding-type", "url")
            .query("prefix", prefix)
            .query_if("key-marker", after.map(|(key, _)| key.as_str()))
            .query_if("version-id-marker", id.filter(|id| !id.is_empty()))
            .headers(self.download.request_headers()?);
        self.client
            .ask(&request, |body| xml::versions_page(body, prefix))
    }

    /// Returns one page of a listing. One request.
    ///
    /// Source: [ListObjectsV2](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
    pub(crate) fn list(&self, listing: &Listing<'_>, token: Option<&str>) -> Result<ListPage> {
        let max_keys = listing.max_keys.map(|count| count.to_string());
        let request = Request::bucket(Operation::ListObjectsV2)
            .query("list-type", "2")
            .query("encoding-type", "url")
            .query("prefix", listing.prefix)
            .query_if("delimiter", listing.delimiter)
            .query_if("start-after", listing.start_after)
            .query_if("max-keys", max_keys.as_deref())
            .query_if("continuation-token", token)
            .headers(self.download.request_headers()?);
        self.client
            .ask(&request, |body| xml::list_page(body, listing.prefix))
    }

    /// Returns the tags of an object. One request.
    ///
    /// Source: [GetObjectTagging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html).
    pub(crate) fn tags(
        &self,
        key: &Key,
        version_id: Option<&str>,
        call: &DownloadArgs,
    ) -> Result<BTreeMap<String, String>> {
        let request = Request::object(Operation::GetObjectTagging, key)
            .query("tagging", "")
            .query_if("versionId", version_id)
            .headers(call.over(&self.download).request_headers()?);
        let tags = self.client.ask(&request, xml::tagging)?;
        Ok(tags.into_iter().collect())
    }

    /// Returns the tags of an object as a header for a PUT that replaces it. One request, none without tags.
    pub(crate) fn tags_header(
        &self,
        key: &Key,
        version_id: Option<&str>,
        count: Option<u64>,
        call: &DownloadArgs,
    ) -> Result<Option<String>> {
        if count.unwrap_or_default() == 0 {
            return Ok(None);
        }
        Ok(Some(tagging_header(&self.tags(key, version_id, call)?)))
    }

    /// Returns one page of the buckets of the endpoint. One request.
    pub(crate) fn list_buckets(&self, token: Option<&str>) -> Result<xml::BucketsPage> {
        let request = Request::bucket(Operation::ListBuckets).query_if("continuation-token", token);
        self.client.ask(&request, xml::buckets_page)
    }

    /// Returns the payer of requests, if it is not the bucket's owner.
    pub(crate) fn payer(&self) -> Option<&str> {
        self.download.payer()
    }

    /// Removes the bucket. One request.
    pub(crate) fn delete_bucket(&self) -> Result<()> {
        let request =
            Request::bucket(Operation::DeleteBucket).headers(self.download.request_headers()?);
        self.client.tell(&request).map(|_| ())
    }

    /// Creates the bucket in the client's region. One request.
    ///
    /// Source: [CreateBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
    pub(crate) fn create_bucket(&self) -> Result<()> {
        let body = xml::body::create_bucket(self.client.bucket().region());
        let request = Request::bucket(Operation::CreateBucket).body(body.as_bytes());
        match self.client.tell(&request) {
            // The first attempt's answer was lost, and the retry found a bucket, which may be an older one.
            Err(error) if error.is_unsure() && is_own_bucket(&error) => Err(error
                .with_kind(ErrorKind::OutcomeUnknown)
                .with_message("the bucket exists and is yours, but it may have existed before")
                .with_hint("check its contents before you use it as a new bucket")),
            // In this region, AWS returns success for a bucket that you already own; other stores return this error.
            Err(error)
                if is_own_bucket(&error) && self.client.bucket().region() == DEFAULT_REGION =>
            {
                Ok(())
            }
            made => made.map(|_| ()),
        }
    }
}

/// Returns the answer if it is about the requested version: not every store supports `If-Match` on a read.
fn check_version(options: &ReadOptions, answer: Response) -> Result<Response> {
    let e_tag = answer.header("etag").unwrap_or_default();
    match &options.if_match {
        Some(expected) if !etag::holds(expected, e_tag) => {
            Err(Error::new(ErrorKind::ResourceChanged)
                .with_message("the object is not the expected one"))
        }
        _ => Ok(answer),
    }
}

/// The region in which S3 allows creating a bucket that you already own.
const DEFAULT_REGION: &str = "us-east-1";

fn is_own_bucket(error: &Error) -> bool {
    error
        .s3()
        .is_some_and(|s3| s3.code == "BucketAlreadyOwnedByYou")
}

/// Returns the headers of the arguments, and the kept headers that the arguments do not set.
pub(crate) fn with_kept(
    args: &UploadArgs,
    kept: &[(String, String)],
) -> Result<Vec<(String, String)>> {
    let mut headers = args.to_headers()?;
    let replaces_metadata = args.has_metadata();
    let encryption = args.encryption();
    for (name, value) in kept {
        let said = headers.iter().any(|(said, _)| said == name)
            || (replaces_metadata && name.starts_with("x-amz-meta-"));
        if !said && fits_encryption(name, encryption) {
            headers.push((name.clone(), value.clone()));
        }
    }
    Ok(headers)
}

/// Returns true if a kept header is compatible with the newly requested encryption: S3 accepts only the headers
/// of one kind.
pub(crate) fn fits_encryption(name: &str, encryption: Option<&str>) -> bool {
    encryption.is_none_or(|algorithm| algorithm.starts_with("aws:kms"))
        || !name.starts_with(ENCRYPTION)
}

/// Returns true if the object exists, but is encrypted with a customer's key that was not given.
fn lacks_customer_key(error: &Error) -> bool {
    error.is(ErrorKind::PermissionDenied)
        && error
            .s3()
            .is_some_and(|s3| s3.status == 400 && s3.code.is_empty())
}

/// Returns true if these headers lock the object. S3 then requires a digest of the body, at least
/// `Content-MD5`.
///
/// Source: [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html), `Content-MD5`.
fn is_locked(headers: &[(String, String)]) -> bool {
    headers
        .iter()
        .any(|(name, _)| name.starts_with("x-amz-object-lock-"))
}

/// Returns true if a conditional write failed because of its condition.
pub(crate) fn condition_failed(error: &Error) -> bool {
    error.is(ErrorKind::ResourceChanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_override_kept_properties() {
        let args = UploadArgs::new()
            .content_type("text/csv")
            .metadata("a", "1");
        let kept = [
            ("content-type".to_owned(), "text/plain".to_owned()),
            ("cache-control".to_owned(), "no-store".to_owned()),
            ("x-amz-meta-b".to_owned(), "2".to_owned()),
        ];
        let mut headers = with_kept(&args, &kept).unwrap();
        headers.sort();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cache-control", "content-type", "x-amz-meta-a"]);
    }

    #[test]
    fn one_kind_of_encryption_is_kept() {
        let header = |end: &str, value: &str| (format!("{ENCRYPTION}{end}"), value.to_owned());
        let kept = [
            header("", "aws:kms"),
            header("-aws-kms-key-id", "key-1"),
            header("-bucket-key-enabled", "true"),
        ];
        let headers = |args: UploadArgs| {
            let mut headers = with_kept(&args, &kept).unwrap();
            headers.sort();
            headers
        };
        assert_eq!(headers(UploadArgs::new()), kept);
        let other = headers(UploadArgs::new().ssekms_key_id("key-2"));
        assert_eq!(other[1], header("-aws-kms-key-id", "key-2"));
        assert_eq!(other.len(), 3);
        let aes = UploadArgs::new().server_side_encryption("AES256");
        assert_eq!(headers(aes), [header("", "AES256")]);
        let customer = UploadArgs::new().sse_customer_key(SseCustomerKey::new([7; 32]));
        let names = headers(customer);
        assert!(names.iter().all(|(name, _)| name.contains("-customer-")));
    }

    #[test]
    fn a_range_header_follows_the_http_syntax() {
        let from = |start, end| Range { start, end }.header();
        assert_eq!(from(0, Some(9)), "bytes=0-9");
        assert_eq!(from(7, None), "bytes=7-");
    }
}
