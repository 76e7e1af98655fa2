//! [`Objects`]: the objects of one bucket, one request of the S3 API a method, with the
//! filesystem's own arguments on each.

mod conditions;
mod copy;
mod delete;
mod finish_upload;
mod multipart;
mod restore;

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
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

/// The type of an object whose name says nothing; S3's own default.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// The header that says how an object is encrypted; those about the how begin with its name.
pub(in crate::s3) const ENCRYPTION: &str = "x-amz-server-side-encryption";

/// When a PUT may take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition<'a> {
    /// In any case.
    Any,
    /// Only if no object has the key.
    Absent,
    /// Only if the object has this ETag.
    Match(&'a str),
}

impl Condition<'_> {
    /// The request, on this condition.
    pub(in crate::s3) fn put_on(self, request: Request<'_>) -> Request<'_> {
        match self {
            Self::Any => request,
            Self::Absent => request.header("if-none-match", "*"),
            Self::Match(e_tag) => request.header_if("if-match", etag::sendable(e_tag)),
        }
    }

    /// What of it the store can be asked for.
    pub(in crate::s3) fn sendable(self) -> Self {
        match self {
            Self::Match(e_tag) if etag::is_weak(e_tag) => Self::Any,
            condition => condition,
        }
    }
}

/// Which object a read means, and on which condition. The condition is sent unless its ETag is weak, and the
/// ETag of each answer is compared: not every store looks at it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadOptions {
    pub(crate) download: DownloadArgs,
    pub(crate) version_id: Option<String>,
    pub(crate) if_match: Option<String>,
}

impl ReadOptions {
    /// What a call's options say about reading.
    pub(crate) fn from_call(options: &OpenOptions) -> Self {
        Self {
            download: options.download.clone(),
            version_id: options.version_id.clone(),
            if_match: options.if_match.clone(),
        }
    }
}

/// A range of an object's bytes, `end` included as HTTP has it; without `end`, to the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
}

impl Range {
    /// The value of the `Range` header.
    pub(crate) fn header(self) -> String {
        match self.end {
            Some(end) => format!("bytes={}-{end}", self.start),
            None => format!("bytes={}-", self.start),
        }
    }
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing<'a> {
    pub(crate) prefix: &'a str,
    /// With a delimiter, keys that have it after the prefix are folded into common prefixes.
    pub(crate) delimiter: Option<&'a str>,
    /// Only keys, and common prefixes, that come after this one.
    pub(crate) start_after: Option<&'a str>,
    pub(crate) max_keys: Option<u32>,
}

/// The objects of one bucket.
pub(crate) struct Objects {
    pub(in crate::s3) client: Client,
    /// Where the last segment of a key, whose extension tells the content type, begins.
    delimiter: String,
    pub(in crate::s3) upload: UploadArgs,
    pub(in crate::s3) download: DownloadArgs,
    pub(in crate::s3) max_workers: usize,
    part_sizes: PartSizes,
    /// Whether the store is known to look at the conditions of every request.
    heeds_conditions: bool,
    /// What the listings of the store have shown.
    pub(in crate::s3) listings: Shown,
    /// Whether what is read whole is checked against the store's digest.
    verifies: bool,
    /// Which requests that delete many objects the store refuses.
    refusals: delete::Refusals,
    /// Whether the store has refused an upload whose parts had several sizes, and none of one size since.
    wants_equal_parts: AtomicBool,
    /// What the store does with the conditions of a PUT.
    conditions: Conditions,
    /// Whether the store copies ranges of objects whose keys have a `%`.
    copies_percent_keys: bool,
    /// The charset of guessed content types of text.
    text_charset: Option<String>,
    /// The threads that send parts.
    pub(in crate::s3) threads: Spawner,
}

impl Objects {
    /// The objects that this client reaches, with the arguments that every call has.
    pub(crate) fn new(
        client: Client,
        delimiter: &str,
        upload: UploadArgs,
        download: DownloadArgs,
        max_workers: usize,
        part_sizes: PartSizes,
        heeds_conditions: bool,
    ) -> Self {
        Self {
            client,
            delimiter: delimiter.to_owned(),
            upload,
            download,
            max_workers,
            part_sizes,
            heeds_conditions,
            listings: if heeds_conditions {
                Shown::in_bytes()
            } else {
                Shown::default()
            },
            verifies: false,
            refusals: delete::Refusals::default(),
            wants_equal_parts: AtomicBool::new(false),
            conditions: Conditions::new(heeds_conditions),
            copies_percent_keys: heeds_conditions,
            text_charset: None,
            threads: Spawner::default(),
        }
    }

    /// How large objects are cut into parts.
    pub(crate) fn part_sizes(&self) -> PartSizes {
        let are_equal = self.wants_equal_parts.load(Ordering::Relaxed);
        self.part_sizes
            .equal(are_equal || self.part_sizes.are_equal())
    }

    /// Whether the store is known to look at the conditions of every request, those that complete an
    /// upload among them.
    pub(crate) fn heeds_conditions(&self) -> bool {
        self.heeds_conditions
    }

    /// The same, which ask for the digests of what they read whole.
    pub(crate) fn verifying(mut self, verifies: bool) -> Self {
        self.verifies = verifies;
        self
    }

    /// The same, with the caller's setting for the conditions of a PUT. `prefix` is that of all keys of the
    /// filesystem.
    pub(crate) fn with_conditions(
        mut self,
        given: Option<ConditionalWrites>,
        prefix: String,
    ) -> Self {
        self.conditions = self.conditions.with(given, prefix);
        self
    }

    /// The same, where it is known whether the store copies ranges of objects whose keys have a `%`.
    pub(crate) fn copying_percent_keys(mut self, copies: bool) -> Self {
        self.copies_percent_keys = copies;
        self
    }

    /// The same, which name a charset in the content types of text that they guess.
    pub(crate) fn with_text_charset(mut self, charset: Option<String>) -> Self {
        self.text_charset = charset;
        self
    }

    /// Whether the store copies ranges of the object with this key. Ceph 16.2 decodes the source of
    /// `UploadPartCopy` twice, and copies the object `xA` for `x%41`; it decodes that of `CopyObject`
    /// once.
    pub(crate) fn copies_ranges_of(&self, key: &Key) -> bool {
        self.copies_percent_keys || !key.as_str().contains('%')
    }

    /// The client behind it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The content type that the name of an object says.
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

    /// What a call's upload arguments come to, on top of the filesystem's.
    pub(crate) fn upload_args(&self, call: &UploadArgs) -> UploadArgs {
        call.over(&self.upload)
    }

    /// The customer's key that a read with these arguments sends.
    pub(crate) fn customer_key(&self, call: &DownloadArgs) -> Option<SseCustomerKey> {
        call.over(&self.download).customer_key().cloned()
    }

    /// The headers of an object, its length among them. One request; one more to tell why, if a refusal has no
    /// words, and two more at most for a length that the answer does not say.
    ///
    /// # Errors
    ///
    /// `ResourceChanged` if the object has not the ETag that it must have.
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

    /// The size of an object whose HEAD does not say it: by a GET of its first byte, or by a listing.
    fn measure(&self, key: &Key, options: &ReadOptions) -> Result<u64> {
        let first_byte = Range {
            start: 0,
            end: Some(0),
        };
        let answer = match self.get(key, Some(first_byte), options) {
            Err(error) if answer::says_empty(&error) => return Ok(0),
            // Some stores refuse ranges of what is not empty.
            Err(error) if answer::is_range_refused(&error) => self.get(key, None, options)?,
            answer => answer?,
        };
        let facts = Answer::of(&answer);
        match facts.size()? {
            Some(size) if facts.length.is_some() => Ok(size),
            // What ureq decodes has no length either. But one byte decoded is never one byte.
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

    /// The headers of an object as they come.
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
        let lessons = self.client.lessons();
        let error = match self.client.send(&request) {
            Err(error) => error,
            found => return found,
        };
        // An answer to HEAD has no body: asking for a listing tells a wrong key from a wrong
        // secret, a wrong region, a missing permission and a missing customer's key.
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
            // It was the listing that heard of the right region, or that the credentials expired.
            _ if self.client.lessons() != lessons => self.client.send(&request),
            Ok(page) if status == Some(400) && options.version_id.is_none() && is_first(&page) => {
                Err(error
                    .with_kind(ErrorKind::PermissionDenied)
                    .with_message("it is under a customer's key (SSE-C) that was not given")
                    .with_hint("give it as sse_customer_key of the download_args"))
            }
            _ => Err(error),
        }
    }

    /// Whether an object has that key: one request; one more if it is under a customer's key that
    /// is not the filesystem's.
    pub(crate) fn exists(&self, key: &Key) -> Result<bool> {
        match found(self.glance(key, &ReadOptions::default(), false)) {
            Ok(head) => Ok(head.is_some()),
            Err(error) if lacks_customer_key(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// An object's bytes, or a range of them. One request. For the whole of it the store is asked for
    /// its digest, too, where checksums are on.
    ///
    /// # Errors
    ///
    /// `ResourceChanged` if the object has not the ETag that it must have.
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
    /// `args` are complete: see [`Self::upload_args`]. A condition that does not hold is
    /// `ResourceChanged`.
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

    /// Stores the first `size` bytes of a source as an object. `body` gives the same bytes while
    /// they are sent. One request.
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

    /// Deletes an object, if its ETag is that one where one is given and the store looks at it;
    /// that it is not there is no error. One request.
    ///
    /// Source: [DeleteObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html).
    pub(crate) fn delete(&self, key: &Key, e_tag: Option<&str>) -> Result<()> {
        let request = Request::object(Operation::DeleteObject, key)
            .headers(self.download.request_headers()?)
            .header_if("if-match", e_tag);
        self.client.tell(&request).map(|_| ())
    }

    /// Deletes one version of an object, or a delete marker, for good; that it is not there is no error. One
    /// request.
    ///
    /// Source: [DeleteObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html).
    pub(crate) fn delete_version(&self, key: &Key, version_id: &str) -> Result<()> {
        let request = Request::object(Operation::DeleteObject, key)
            .query("versionId", version_id)
            .headers(self.download.request_headers()?);
        self.client.tell(&request).map(|_| ())
    }

    /// One page of the versions of keys that begin with `prefix`, from behind that key and version on. One
    /// request.
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

    /// One page of a listing. One request.
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

    /// The tags of an object. One request.
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

    /// The tags of an object as a header of a PUT that replaces it; no request if it has none.
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

    /// A page of the buckets of the endpoint. One request.
    pub(crate) fn list_buckets(&self, token: Option<&str>) -> Result<xml::BucketsPage> {
        let request = Request::bucket(Operation::ListBuckets).query_if("continuation-token", token);
        self.client.ask(&request, xml::buckets_page)
    }

    /// Who pays for requests, if it is not the owner of the bucket.
    pub(crate) fn payer(&self) -> Option<&str> {
        self.download.payer()
    }

    /// Removes the bucket. One request.
    pub(crate) fn delete_bucket(&self) -> Result<()> {
        let request =
            Request::bucket(Operation::DeleteBucket).headers(self.download.request_headers()?);
        self.client.tell(&request).map(|_| ())
    }

    /// Makes the bucket, in the client's region. One request.
    ///
    /// Source: [CreateBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
    pub(crate) fn create_bucket(&self) -> Result<()> {
        let body = xml::body::create_bucket(self.client.bucket().region());
        let request = Request::bucket(Operation::CreateBucket).body(body.as_bytes());
        match self.client.tell(&request) {
            // The answer to a first attempt was lost, and a second one found a bucket, perhaps an older one.
            Err(error) if error.is_unsure() && is_own_bucket(&error) => Err(error
                .with_kind(ErrorKind::OutcomeUnknown)
                .with_message("the bucket is there and is yours, and may have been there before")
                .with_hint("look at what is in it before you use it as a new one")),
            // AWS says nothing of one's own bucket there; others say that it is there.
            Err(error)
                if is_own_bucket(&error) && self.client.bucket().region() == DEFAULT_REGION =>
            {
                Ok(())
            }
            made => made.map(|_| ()),
        }
    }
}

/// The answer, if it is about the version that was asked for: not every store looks at `If-Match` on a read.
fn check_version(options: &ReadOptions, answer: Response) -> Result<Response> {
    let e_tag = answer.header("etag").unwrap_or_default();
    match &options.if_match {
        Some(expected) if !etag::holds(expected, e_tag) => {
            Err(Error::new(ErrorKind::ResourceChanged)
                .with_message("the object is not the one that was expected"))
        }
        _ => Ok(answer),
    }
}

/// The region in which one may make one's own bucket again.
const DEFAULT_REGION: &str = "us-east-1";

fn is_own_bucket(error: &Error) -> bool {
    error
        .s3()
        .is_some_and(|s3| s3.code == "BucketAlreadyOwnedByYou")
}

/// The headers that the arguments say, and the kept ones that they do not.
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

/// Whether a kept header can stand beside what is now said of the encryption: S3 takes the headers
/// of one kind only.
pub(crate) fn fits_encryption(name: &str, now_said: Option<&str>) -> bool {
    now_said.is_none_or(|algorithm| algorithm.starts_with("aws:kms"))
        || !name.starts_with(ENCRYPTION)
}

/// Whether the object is there, and under a customer's key that was not given.
fn lacks_customer_key(error: &Error) -> bool {
    error.is(ErrorKind::PermissionDenied)
        && error
            .s3()
            .is_some_and(|s3| s3.status == 400 && s3.code.is_empty())
}

/// Whether an object with these headers is locked: S3 wants a digest of what is sent then, if only
/// `Content-MD5`.
///
/// Source: [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html), `Content-MD5`.
fn is_locked(headers: &[(String, String)]) -> bool {
    headers
        .iter()
        .any(|(name, _)| name.starts_with("x-amz-object-lock-"))
}

/// Thirty-two hexadecimal digits that no other writer has: each `RandomState` has other keys.
pub(crate) fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// Whether a conditional write failed on its condition.
pub(crate) fn condition_failed(error: &Error) -> bool {
    error.is(ErrorKind::ResourceChanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_win_over_what_is_kept() {
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
    fn no_two_nonces_are_the_same() {
        let nonces: std::collections::HashSet<_> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(nonces.len(), 1000);
        assert!(nonces.iter().all(|nonce| nonce.len() == 32));
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
    fn a_range_is_written_as_http_has_it() {
        let from = |start, end| Range { start, end }.header();
        assert_eq!(from(0, Some(9)), "bytes=0-9");
        assert_eq!(from(7, None), "bytes=7-");
    }
}
