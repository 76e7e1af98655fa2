//! Multipart uploads. Each method sends one request of the S3 API: create, upload or copy a part, complete,
//! abort.
//!
//! Source: [Uploading and copying objects using multipart
//! upload](https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html).

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::{self, CancelToken};
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::{ChecksumAlgorithm, UploadArgs, customer_key_headers};
use crate::s3::api::{Condition, Objects, Source, is_locked, with_kept};
use crate::s3::checksum;
use crate::s3::client::xml::body::CompletedPart;
use crate::s3::client::xml::{self, UploadsPage};
use crate::s3::client::{Operation, Payload, Request};
use crate::s3::etag;
use crate::s3::key::Key;
use crate::s3::limits::MAX_OBJECT_BYTES;

/// Returns an error if no store accepts an object of that size. A caller that knows the size gets the error
/// before the first byte is sent.
pub(crate) fn check_object_size(size: u64) -> Result<()> {
    if size <= MAX_OBJECT_BYTES {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported).with_message(format!(
        "an object has at most {MAX_OBJECT_BYTES} bytes, and this one would have {size}"
    )))
}

/// Time that the request that creates an upload has left after the call was cancelled. Without its answer,
/// the upload id is unknown and the upload cannot be aborted.
const CREATE_GRACE: Duration = Duration::from_secs(1);

/// Timeout for aborting an upload, or removing a test object, after a call has failed, so that the call returns
/// soon.
pub(super) const ABORT_TIMEOUT: Duration = Duration::from_millis(1800);

/// The headers that every request of an upload sends, and not only its first.
const EVERY: [&str; 2] = ["x-amz-expected-bucket-owner", "x-amz-request-payer"];

/// Parameters of a new upload.
pub(crate) struct NewUpload {
    /// The headers of the object.
    pub(crate) headers: Vec<(String, String)>,
    /// The headers with the customer's key (SSE-C), which every part repeats.
    pub(crate) encryption: Vec<(String, String)>,
    /// The headers for the payer and the expected bucket owner.
    pub(crate) every: Vec<(String, String)>,
    pub(crate) checksum: Option<ChecksumAlgorithm>,
}

/// A multipart upload that was created, and is neither completed nor aborted yet.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) key: Key,
    pub(crate) id: String,
    encryption: Vec<(String, String)>,
    every: Vec<(String, String)>,
    pub(crate) checksum: Option<ChecksumAlgorithm>,
    /// Cancelled once no more parts are needed.
    signal: CancelToken,
    /// The error of the part that failed first.
    failure: Arc<Mutex<Option<Error>>>,
    /// Whether every part is sent with its `Content-MD5`.
    with_md5: bool,
    /// Time at which the upload was created.
    pub(crate) began: Instant,
    /// Whether its parts have equal sizes because the store has rejected other uploads.
    are_equal: bool,
}

impl Upload {
    /// Prevents further parts from being sent or copied, and interrupts those in progress.
    pub(crate) fn give_up(&self) {
        self.signal.cancel();
    }

    /// Runs `work`, and interrupts it once no more parts are needed.
    pub(crate) fn while_wanted<T>(&self, work: impl FnOnce() -> T) -> T {
        self.signal.run(work)
    }

    /// Passes on the result of a part. The first failed part gives the upload up; all parts that fail afterwards
    /// return its error.
    pub(crate) fn watch<T>(&self, part: Result<T>) -> Result<T> {
        part.map_err(|error| {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            let first = failure.get_or_insert(error).clone();
            self.give_up();
            first
        })
    }

    /// Returns true if no more parts are needed.
    pub(crate) fn is_given_up(&self) -> bool {
        self.signal.is_cancelled()
    }

    /// Returns a request for this upload.
    fn request(&self, operation: Operation) -> Request<'_> {
        Request::object(operation, &self.key)
            .query("uploadId", self.id.as_str())
            .headers(self.every.clone())
    }

    /// Returns a request for a part of it.
    fn part(&self, operation: Operation, number: u32) -> Request<'_> {
        self.request(operation)
            .query("partNumber", number.to_string())
            .headers(self.encryption.clone())
    }
}

/// An uploaded part.
#[derive(Clone, Debug)]
pub(crate) struct UploadedPart {
    /// From 1 to 10,000.
    pub(crate) number: u32,
    /// ETag as returned by the server.
    pub(crate) e_tag: String,
    /// Name of the checksum's XML element, and the checksum in base64.
    pub(crate) checksum: Option<(&'static str, String)>,
}

impl Objects {
    /// Returns the parameters of an upload with these arguments and the kept headers that the arguments do not
    /// set.
    pub(crate) fn new_upload(
        &self,
        key: &Key,
        args: &UploadArgs,
        kept: &[(String, String)],
    ) -> Result<NewUpload> {
        let mut headers = with_kept(args, kept)?;
        if !headers.iter().any(|(name, _)| name == "content-type") {
            let guessed = self.content_type_of(key);
            headers.push(("content-type".to_owned(), guessed));
        }
        let every = headers
            .iter()
            .filter(|(name, _)| EVERY.contains(&name.as_str()));
        let customer_key = args.customer_key();
        Ok(NewUpload {
            every: every.cloned().collect(),
            encryption: customer_key
                .map(|key| customer_key_headers("x-amz-", key).into())
                .unwrap_or_default(),
            checksum: args.checksum(),
            headers,
        })
    }

    /// Creates an upload. One request. If its answer is lost, an upload with an unknown id may stay behind; a
    /// warning is logged then, and also if the request is retried.
    ///
    /// Source: [CreateMultipartUpload](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html).
    pub(crate) fn create_upload(&self, key: &Key, new: NewUpload) -> Result<Upload> {
        let with_md5 = new.checksum.is_none() && is_locked(&new.headers);
        let mut request = Request::object(Operation::CreateMultipartUpload, key)
            .query("uploads", "")
            .headers(new.headers)
            .headers(new.encryption.clone())
            .headers(new.every.clone())
            .without_repeats();
        if let Some(algorithm) = new.checksum {
            request = request
                .header("x-amz-checksum-algorithm", algorithm.name())
                .header_if("x-amz-checksum-type", checksum::of_the_whole(algorithm));
        }
        cancel::check()?;
        let began = Instant::now();
        let create = || self.client.ask(&request, xml::created_upload);
        let id = cancel::with_grace(CREATE_GRACE, create);
        let id = id.inspect_err(|error| {
            if error.is_unsure() {
                log::warn!(
                    "a multipart upload of {:?} with an unknown id may remain; find it with \
                     stale_uploads: {error}",
                    key.as_str()
                );
            }
        })?;
        Ok(Upload {
            key: key.clone(),
            id,
            encryption: new.encryption,
            every: new.every,
            checksum: new.checksum,
            signal: CancelToken::child(),
            failure: Arc::default(),
            with_md5,
            began,
            are_equal: self.wants_equal_parts.load(Ordering::Relaxed),
        })
    }

    /// Sends a part. `digest` is its checksum, if the upload has one. One request.
    ///
    /// Source: [UploadPart](https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html).
    pub(crate) fn send_part(
        &self,
        upload: &Upload,
        number: u32,
        payload: Payload<'_>,
        digest: Option<String>,
    ) -> Result<UploadedPart> {
        let digest = upload.checksum.zip(digest);
        let mut request = upload.part(Operation::UploadPart, number);
        if let Some((algorithm, digest)) = &digest {
            request = request.header(checksum::header_name(*algorithm), digest.as_str());
        }
        if upload.with_md5 {
            request = request.header("content-md5", payload.md5()?);
        }
        let response = self
            .client
            .tell_with(&request, payload)
            .map_err(|error| with_parts_hint(error, number))?;
        let e_tag = etag::strong(response.header("etag").unwrap_or_default()).to_owned();
        Ok(UploadedPart {
            number,
            e_tag,
            checksum: digest.map(|(algorithm, digest)| (checksum::element(algorithm), digest)),
        })
    }

    /// Copies a range of an object as a part, on the server, with these headers and those of the filesystem that
    /// they do not set. One request.
    ///
    /// Source: [UploadPartCopy](https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html).
    pub(crate) fn copy_part(
        &self,
        upload: &Upload,
        number: u32,
        source: &Source<'_>,
        range: Range<u64>,
        headers: Vec<(String, String)>,
    ) -> Result<UploadedPart> {
        let request = upload
            .part(Operation::UploadPartCopy, number)
            .header(
                "x-amz-copy-source-range",
                format!("bytes={}-{}", range.start, range.end.saturating_sub(1)),
            )
            .headers(headers)
            .headers(self.download.request_headers()?);
        let request = source.name_in(request)?.without_repeats();
        let copied = self
            .client
            .ask(&request, xml::copy_result)
            .map_err(|error| with_parts_hint(error, number))?;
        let digest = upload.checksum.and_then(|algorithm| {
            let element = checksum::element(algorithm);
            let found = copied.checksums.iter().find(|(name, _)| name == element);
            found.map(|(_, digest)| (element, digest.clone()))
        });
        Ok(UploadedPart {
            number,
            e_tag: copied.etag.unwrap_or_default(),
            checksum: digest,
        })
    }

    /// Completes the upload, if the condition holds and the store supports it. One request.
    ///
    /// Source: [CompleteMultipartUpload](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
    pub(crate) fn complete_upload(
        &self,
        upload: &Upload,
        parts: &[UploadedPart],
        condition: Condition<'_>,
    ) -> Result<()> {
        let last = parts.last().map_or(0, |part| part.number);
        let parts: Vec<_> = parts
            .iter()
            .map(|part| CompletedPart {
                number: part.number,
                etag: &part.e_tag,
                checksum: part
                    .checksum
                    .as_ref()
                    .map(|(name, digest)| (*name, digest.as_str())),
            })
            .collect();
        let body = xml::body::complete_upload(&parts);
        let mut request = upload
            .request(Operation::CompleteMultipartUpload)
            .header("content-type", "application/xml")
            .headers(upload.encryption.clone())
            .body(body.as_bytes());
        if let Some(algorithm) = upload.checksum {
            request = request.header_if("x-amz-checksum-type", checksum::of_the_whole(algorithm));
        }
        let completed = self
            .client
            .ask(&condition.put_on(request), xml::completed_upload);
        completed.map(|_| ()).map_err(|error| {
            self.conditions.learn(condition, &error);
            if upload.are_equal && error.s3().is_some_and(|s3| s3.status == 400) {
                // The sizes were not the reason, then.
                self.wants_equal_parts.store(false, Ordering::Relaxed);
            }
            if upload.are_equal || !wants_equal_parts(&error) {
                return with_parts_hint(error, last);
            }
            self.wants_equal_parts.store(true, Ordering::Relaxed);
            error.with_hint("the store accepts only parts of equal size; set equal_parts")
        })
    }

    /// Returns true if an upload is neither completed nor aborted. One request.
    ///
    /// Source: [ListParts](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html).
    pub(crate) fn is_open(&self, upload: &Upload) -> Result<bool> {
        let request = upload.request(Operation::ListParts).query("max-parts", "1");
        match self.client.ask(&request, xml::listed_parts) {
            Ok(()) => Ok(true),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Aborts an upload, so that the server deletes its parts. Returns `false` if there is no upload with that
    /// id. One request.
    ///
    /// Source: [AbortMultipartUpload](https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html).
    pub(crate) fn abort_upload(&self, upload: &Upload) -> Result<bool> {
        self.abort_upload_within(upload, None)
    }

    fn abort_upload_within(&self, upload: &Upload, time: Option<Duration>) -> Result<bool> {
        let request = upload.request(Operation::AbortMultipartUpload);
        match self.client.tell(&request.within(time)) {
            Ok(_) => Ok(true),
            Err(error) if is_no_such_upload(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns one page of the uploads of keys that begin with `prefix`, starting after the given key and id. One
    /// request.
    ///
    /// Source: [ListMultipartUploads](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html).
    pub(crate) fn list_uploads(
        &self,
        prefix: &str,
        after: Option<&(String, String)>,
    ) -> Result<UploadsPage> {
        let request = Request::bucket(Operation::ListMultipartUploads)
            .query("uploads", "")
            .query("encoding-type", "url")
            .query("prefix", prefix)
            .query_if("key-marker", after.map(|(key, _)| key.as_str()))
            .query_if("upload-id-marker", after.map(|(_, id)| id.as_str()))
            .headers(self.download.request_headers()?);
        self.client.ask(&request, xml::uploads_page)
    }

    /// Aborts an upload that someone else created. Returns `false` if there is none with that id. One request.
    pub(crate) fn abort_listed(&self, key: Key, id: &str) -> Result<bool> {
        self.abort_upload(&Upload {
            key,
            id: id.to_owned(),
            encryption: Vec::new(),
            every: self.download.request_headers()?,
            checksum: None,
            signal: CancelToken::new(),
            failure: Arc::default(),
            with_md5: false,
            began: Instant::now(),
            are_equal: false,
        })
    }

    /// Like [`abort_upload`](Self::abort_upload), but also works if the call was cancelled, with a short timeout
    /// in that case. If it fails, a warning is logged that the upload may stay behind.
    pub(crate) fn abort_or_log(&self, upload: &Upload) -> Result<bool> {
        self.abort_in(upload, cancel::is_cancelled().then_some(ABORT_TIMEOUT))
    }

    /// Like [`abort_or_log`](Self::abort_or_log), but always with a short timeout, for an upload that has failed.
    pub(crate) fn abandon_upload(&self, upload: &Upload) {
        // The error is logged. The caller reports why the upload was abandoned.
        let _ = self.abort_in(upload, Some(ABORT_TIMEOUT));
    }

    fn abort_in(&self, upload: &Upload, time: Option<Duration>) -> Result<bool> {
        let aborted = cancel::regardless(|| self.abort_upload_within(upload, time));
        aborted.inspect_err(|error| {
            log::warn!(
                "the multipart upload {:?} of {:?} may remain: {error}",
                upload.id,
                upload.key.as_str()
            );
        })
    }
}

/// Returns true if an upload was rejected because its parts had several sizes. There is no code for it:
/// Cloudflare's R2 answers `InvalidPart` with "All non-trailing parts must have the same length."
pub(crate) fn wants_equal_parts(error: &Error) -> bool {
    error.s3().is_some_and(|s3| {
        let message = s3.message.to_ascii_lowercase();
        let is_of_size = ["same length", "same size", "equal size", "equal length"];
        s3.status == 400
            && message.contains("part")
            && is_of_size.iter().any(|words| message.contains(words))
    })
}

/// Adds a hint if the store rejected the part's number. `number` is the part's number, or the highest one.
fn with_parts_hint(error: Error, number: u32) -> Error {
    let is_refused = error.s3().is_some_and(|s3| {
        let message = s3.message.to_ascii_lowercase();
        let is_of_number = [
            "part number",
            "partnumber",
            "too many parts",
            "number of parts",
        ];
        s3.status == 400
            && (s3.code == "InvalidPartNumber"
                || s3.code == "TooManyParts"
                || is_of_number.iter().any(|words| message.contains(words)))
    });
    if !is_refused {
        return error;
    }
    error.with_hint(format!(
        "this was part {number}; if the store accepts fewer parts (Scaleway accepts 1,000), set \
         max_parts"
    ))
}

/// Returns true if the server reports that there is no upload with that id.
fn is_no_such_upload(error: &Error) -> bool {
    error
        .s3()
        .is_some_and(|s3| s3.status == 404 && s3.code != "NoSuchBucket")
}

/// Returns true if an upload could not continue because it no longer exists on the server.
pub(crate) fn is_gone(error: &Error) -> bool {
    error.s3().is_some_and(|s3| s3.code == "NoSuchUpload")
}
