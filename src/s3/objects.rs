//! [`Objects`]: the objects of one bucket, one request of the S3 API a method, with the
//! filesystem's own arguments on each.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

use crate::error::{Error, ErrorKind, Result};
use crate::options::{
    DownloadArgs, OpenOptions, SseCustomerKey, UploadArgs, customer_key_headers, tagging_header,
};
use crate::s3::checksum;
use crate::s3::client::xml::{self, ListPage};
use crate::s3::client::{Client, Operation, Request, Response};
use crate::s3::content_type;
use crate::s3::info::s3_info;
use crate::s3::key::Key;
use crate::s3::parallel;
use crate::s3::setinfo::kept_headers;

/// The type of an object whose name says nothing; S3's own default.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

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

/// Which object a read means, and on which condition.
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
    pub(crate) max_keys: Option<u32>,
}

/// The objects of one bucket.
pub(crate) struct Objects {
    client: Client,
    upload: UploadArgs,
    download: DownloadArgs,
    max_workers: usize,
}

impl Objects {
    /// The objects that this client reaches, with the arguments that every call has.
    pub(crate) fn new(
        client: Client,
        upload: UploadArgs,
        download: DownloadArgs,
        max_workers: usize,
    ) -> Self {
        Self {
            client,
            upload,
            download,
            max_workers,
        }
    }

    /// The client behind it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// What a call's upload arguments come to, on top of the filesystem's.
    pub(crate) fn upload_args(&self, call: &UploadArgs) -> UploadArgs {
        call.over(&self.upload)
    }

    /// The customer's key that a read with these arguments sends.
    pub(crate) fn customer_key(&self, call: &DownloadArgs) -> Option<SseCustomerKey> {
        call.over(&self.download).customer_key().cloned()
    }

    /// The headers of an object. One request; one more to tell why, if a refusal has no words.
    ///
    /// Source: [HeadObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
    pub(crate) fn head(
        &self,
        key: &Key,
        options: &ReadOptions,
        with_checksums: bool,
    ) -> Result<Response> {
        let mut request = self.read(Operation::HeadObject, key, options)?;
        if with_checksums {
            request = request.header("x-amz-checksum-mode", "ENABLED");
        }
        let result = self.client.send(&request);
        result.map_err(|error| {
            // An answer to HEAD has no body: asking for a listing tells a wrong key from a wrong
            // secret, a wrong region and a missing permission.
            let wordless = error
                .s3()
                .is_some_and(|s3| s3.code.is_empty() && matches!(s3.status, 301 | 307 | 400 | 403));
            if !wordless {
                return error;
            }
            let listing = Listing {
                prefix: key.as_str(),
                max_keys: Some(1),
                ..Listing::default()
            };
            match self.list(&listing, None) {
                Err(told) if told.s3().is_some_and(|s3| s3.code != "AccessDenied") => told,
                _ => error,
            }
        })
    }

    /// An object's bytes, or a range of them. One request.
    ///
    /// Source: [GetObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
    pub(crate) fn get(
        &self,
        key: &Key,
        range: Option<Range>,
        options: &ReadOptions,
    ) -> Result<Response> {
        let range = range.map(Range::header);
        let request = self
            .read(Operation::GetObject, key, options)?
            .header_if("range", range.as_deref());
        self.client.send(&request)
    }

    fn read<'a>(
        &self,
        operation: Operation,
        key: &'a Key,
        options: &ReadOptions,
    ) -> Result<Request<'a>> {
        Ok(Request::object(operation, key)
            .query_if("versionId", options.version_id.as_deref())
            .header_if("if-match", options.if_match.as_deref())
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
        let mut request = Request::object(Operation::PutObject, key)
            .headers(with_kept(args, kept)?)
            .body(bytes);
        if !request
            .headers
            .iter()
            .any(|(name, _)| name == "content-type")
        {
            request = request.header("content-type", content_type_of(key));
        }
        if let Some(algorithm) = args.checksum() {
            let (name, value) = checksum::header(algorithm, bytes);
            request = request.header(name, value);
        }
        self.client
            .tell(&conditional(request, condition))
            .map(|_| ())
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
            .query_if("max-keys", max_keys.as_deref())
            .query_if("continuation-token", token)
            .headers(self.download.request_headers()?);
        self.client.ask(&request, xml::list_page)
    }

    /// The tags of an object. One request.
    ///
    /// Source: [GetObjectTagging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html).
    pub(crate) fn tags(&self, key: &Key) -> Result<BTreeMap<String, String>> {
        let request = Request::object(Operation::GetObjectTagging, key)
            .query("tagging", "")
            .headers(self.download.request_headers()?);
        let tags = self.client.ask(&request, xml::tagging)?;
        Ok(tags.into_iter().collect())
    }

    /// The tags of an object as a header of a PUT that replaces it; no request if it has none.
    pub(crate) fn tags_header(&self, key: &Key, count: Option<u64>) -> Result<Option<String>> {
        if count.unwrap_or_default() == 0 {
            return Ok(None);
        }
        Ok(Some(tagging_header(&self.tags(key)?)))
    }

    /// Makes the bucket, in the client's region. One request.
    ///
    /// Source: [CreateBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
    pub(crate) fn create_bucket(&self) -> Result<()> {
        let body = xml::body::create_bucket(self.client.bucket().region());
        let request = Request::bucket(Operation::CreateBucket).body(body.as_bytes());
        self.client.tell(&request).map(|_| ())
    }

    /// Copies an object onto itself with other headers. One request; in parts above 5 GiB.
    ///
    /// `headers` replace all of its own; its tags stay. If its ETag is not this one any more, that
    /// is `ResourceChanged` where the store looks at the condition.
    pub(crate) fn rewrite(
        &self,
        key: &Key,
        size: u64,
        e_tag: &str,
        headers: Vec<(String, String)>,
        tag_count: Option<u64>,
    ) -> Result<()> {
        let source = Source {
            objects: self,
            key,
            e_tag,
            size,
        };
        if size <= MAX_COPY_BYTES {
            let request = Request::object(Operation::CopyObject, key)
                .header("x-amz-metadata-directive", "REPLACE")
                .headers(headers);
            let request = source.name_in(request)?;
            return self.client.ask(&request, xml::copy_result).map(|_| ());
        }
        self.copy_in_parts(&source, key, headers, tag_count, Condition::Match(e_tag))
    }

    /// Copies an object, whole. One request; above 5 GiB in parts, and what it is copied with is
    /// asked for.
    ///
    /// Metadata, content headers and tags come along; `storage_class` is the source's.
    ///
    /// Source: [CopyObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
    pub(crate) fn copy(
        &self,
        source: &Source<'_>,
        key: &Key,
        storage_class: Option<&str>,
        condition: Condition<'_>,
    ) -> Result<()> {
        let mut headers = self.upload.to_copy_headers()?;
        if let Some(class) = storage_class
            && !headers
                .iter()
                .any(|(name, _)| name == "x-amz-storage-class")
        {
            headers.push(("x-amz-storage-class".to_owned(), class.to_owned()));
        }
        if source.size > MAX_COPY_BYTES {
            let head = source
                .objects
                .head(source.key, &ReadOptions::default(), false)?;
            let info = s3_info(head.headers());
            for kept in kept_headers(&info)? {
                if !headers.iter().any(|(name, _)| *name == kept.0) {
                    headers.push(kept);
                }
            }
            return self.copy_in_parts(source, key, headers, info.tag_count, condition);
        }
        let request = Request::object(Operation::CopyObject, key).headers(headers);
        let request = conditional(source.name_in(request)?, condition);
        self.client.ask(&request, xml::copy_result).map(|_| ())
    }

    /// Source: [Copying an object using multipart upload](https://docs.aws.amazon.com/AmazonS3/latest/userguide/CopyingObjectsMPUapi.html).
    fn copy_in_parts(
        &self,
        source: &Source<'_>,
        key: &Key,
        mut headers: Vec<(String, String)>,
        tag_count: Option<u64>,
        condition: Condition<'_>,
    ) -> Result<()> {
        // Only a plain copy keeps the tags by itself.
        if let Some(tags) = source.objects.tags_header(source.key, tag_count)? {
            headers.push(("x-amz-tagging".into(), tags));
        }
        let create = Request::object(Operation::CreateMultipartUpload, key)
            .query("uploads", "")
            .headers(headers);
        let upload = self.client.ask(&create, xml::created_upload)?;
        let result = self.copy_parts(source, key, &upload, condition);
        if result.is_err() {
            let abort = Request::object(Operation::AbortMultipartUpload, key)
                .query("uploadId", upload.as_str());
            if let Err(error) = self.client.tell(&abort) {
                log::warn!(
                    "the multipart upload {upload:?} of {:?} stays behind: {error}",
                    key.as_str()
                );
            }
        }
        result
    }

    fn copy_parts(
        &self,
        source: &Source<'_>,
        key: &Key,
        upload: &str,
        condition: Condition<'_>,
    ) -> Result<()> {
        let part_size = copy_part_size(source.size);
        let parts: Vec<(u32, u64)> = (1..)
            .zip(0..source.size.div_ceil(part_size))
            .map(|(number, index)| (number, index * part_size))
            .collect();
        let copied = parallel::map(&parts, self.max_workers, |(number, start)| {
            let end = source.size.min(start + part_size);
            let request = Request::object(Operation::UploadPartCopy, key)
                .query("partNumber", number.to_string())
                .query("uploadId", upload)
                .header(
                    "x-amz-copy-source-range",
                    format!("bytes={start}-{}", end - 1),
                );
            self.client.ask(&source.name_in(request)?, xml::copy_result)
        });
        let copied: Result<Vec<_>> = copied.into_iter().collect();
        let e_tags: Vec<_> = copied?
            .into_iter()
            .map(|part| part.etag.unwrap_or_default())
            .collect();
        let completed: Vec<_> = parts
            .iter()
            .zip(&e_tags)
            .map(|((number, _), e_tag)| xml::body::CompletedPart {
                number: *number,
                etag: e_tag,
                checksum: None,
            })
            .collect();
        let body = xml::body::complete_upload(&completed);
        let complete = Request::object(Operation::CompleteMultipartUpload, key)
            .query("uploadId", upload)
            .header("content-type", "application/xml")
            .body(body.as_bytes());
        let complete = conditional(complete, condition);
        self.client
            .ask(&complete, xml::completed_upload)
            .map(|_| ())
    }

    /// Deletes objects, 1,000 a request; what is not there is no error. Says which could not be
    /// deleted, and why.
    ///
    /// A key that XML cannot carry is deleted by a request of its own, and so is every key on a
    /// store that does not know this operation.
    ///
    /// Source: [DeleteObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
    pub(crate) fn delete_many(&self, keys: &[&str]) -> Result<Vec<(String, Error)>> {
        let (listed, single): (Vec<&str>, Vec<&str>) =
            keys.iter().partition(|key| xml::body::xml_can_carry(key));
        let mut failures = Vec::new();
        for batch in listed.chunks(MAX_DELETED_KEYS) {
            match self.delete_batch(batch) {
                Ok(failed) => failures.extend(failed),
                Err(error) if error.is(ErrorKind::Unsupported) && error.s3().is_some() => {
                    failures.extend(self.delete_each(batch));
                }
                Err(error) => return Err(error),
            }
        }
        failures.extend(self.delete_each(&single));
        Ok(failures)
    }

    fn delete_batch(&self, keys: &[&str]) -> Result<Vec<(String, Error)>> {
        let body = xml::body::delete(keys);
        let digest = BASE64.encode(Md5::digest(&body));
        let request = Request::bucket(Operation::DeleteObjects)
            .query("delete", "")
            .header("content-md5", digest)
            .header("content-type", "application/xml")
            .headers(self.download.request_headers()?)
            .body(body.as_bytes());
        let failures = self.client.ask(&request, xml::delete_failures)?;
        let failures = failures.into_iter().map(|failure| {
            let kind = match failure.code.as_str() {
                "AccessDenied" => ErrorKind::PermissionDenied,
                _ => ErrorKind::OperationFailed,
            };
            let error =
                Error::new(kind).with_message(format!("{} {}", failure.code, failure.message));
            (failure.key, error)
        });
        Ok(failures.collect())
    }

    fn delete_each(&self, keys: &[&str]) -> Vec<(String, Error)> {
        let results = parallel::map(keys, self.max_workers, |key| {
            Key::new(*key).and_then(|key| self.delete(&key, None))
        });
        let failed = keys.iter().zip(results);
        failed
            .filter_map(|(key, result)| Some(((*key).to_owned(), result.err()?)))
            .collect()
    }
}

/// An object that is copied, where it is and as it was last seen.
pub(crate) struct Source<'a> {
    pub(crate) objects: &'a Objects,
    pub(crate) key: &'a Key,
    pub(crate) e_tag: &'a str,
    pub(crate) size: u64,
}

impl Source<'_> {
    /// The request, with the headers that name this as what is copied.
    fn name_in<'r>(&self, request: Request<'r>) -> Result<Request<'r>> {
        // The path of the object's URL is the key percent-encoded, with the same rules.
        let bucket = self.objects.client.bucket();
        let url = bucket.object_url(self.key.as_str());
        let base = bucket.base_url().path();
        let encoded = url.path().strip_prefix(base).unwrap_or(url.path());
        let e_tag = Some(self.e_tag).filter(|e_tag| !e_tag.is_empty());
        let download = &self.objects.download;
        let owner = download.owner();
        let mut request = request
            .header("x-amz-copy-source", format!("/{}/{encoded}", bucket.name()))
            .header_if("x-amz-copy-source-if-match", e_tag)
            .header_if("x-amz-source-expected-bucket-owner", owner);
        if let Some(key) = download.customer_key() {
            request = request.headers(customer_key_headers("x-amz-copy-source-", key).into());
        }
        Ok(request)
    }
}

fn conditional<'a>(request: Request<'a>, condition: Condition<'_>) -> Request<'a> {
    match condition {
        Condition::Any => request,
        Condition::Absent => request.header("if-none-match", "*"),
        Condition::Match(e_tag) => request.header("if-match", e_tag),
    }
}

/// As many keys as one DeleteObjects takes.
const MAX_DELETED_KEYS: usize = 1000;

/// The largest object that one CopyObject copies.
const MAX_COPY_BYTES: u64 = 5 << 30;

/// Parts of half a GiB, or larger where 10,000 of them do not hold the object.
fn copy_part_size(size: u64) -> u64 {
    const MAX_PARTS: u64 = 10_000;
    const PART: u64 = 512 << 20;
    const STEP: u64 = 1 << 20;
    PART.max(size.div_ceil(MAX_PARTS).next_multiple_of(STEP))
}

/// The headers that the arguments say, and the kept ones that they do not.
pub(crate) fn with_kept(
    args: &UploadArgs,
    kept: &[(String, String)],
) -> Result<Vec<(String, String)>> {
    let mut headers = args.to_headers()?;
    let replaces_metadata = args.has_metadata();
    for (name, value) in kept {
        let said = headers.iter().any(|(said, _)| said == name)
            || (replaces_metadata && name.starts_with("x-amz-meta-"));
        if !said {
            headers.push((name.clone(), value.clone()));
        }
    }
    Ok(headers)
}

/// The content type that the name of an object says.
pub(crate) fn content_type_of(key: &Key) -> &'static str {
    content_type::guess(key.as_str()).unwrap_or(DEFAULT_CONTENT_TYPE)
}

/// Whether a conditional write failed on its condition.
pub(crate) fn condition_failed(error: &crate::Error) -> bool {
    error.is(ErrorKind::ResourceChanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_parts_has_at_most_10000_legal_parts() {
        for size in [(5 << 30) + 1, 1 << 40, 5 << 40, 50_000_000_000_000] {
            let part = copy_part_size(size);
            assert!(size.div_ceil(part) <= 10_000, "{size}");
            assert!((5 << 20..=5 << 30).contains(&part), "{size}");
        }
    }

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
    fn a_range_is_written_as_http_has_it() {
        let from = |start, end| Range { start, end }.header();
        assert_eq!(from(0, Some(9)), "bytes=0-9");
        assert_eq!(from(7, None), "bytes=7-");
    }
}
