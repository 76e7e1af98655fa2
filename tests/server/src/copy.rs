//! CopyObject and UploadPartCopy.

use std::ops::Range;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use s3s::dto::{self, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult};
use s3s::dto::{CopySource, ETag, UploadPartCopyInput, UploadPartCopyOutput};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::{error, error_with};
use super::attributes::{self, set, text};
use super::checksum;
use super::conditions::{self, Guarded};
use super::directories;
use super::multipart;
use super::objects::{self, Found};
use super::service::Service;
use super::store::{self, Object, Part};

/// The largest object that CopyObject copies, and the largest part.
const LARGEST: u64 = 5 * 1024 * 1024 * 1024;

const REDIRECT: &str = "x-amz-website-redirect-location";

pub fn object(
    service: &Service,
    req: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let (input, headers) = (req.input, req.headers);
    let source = Source::of(&input.copy_source)?;
    let found = source.find(service, &headers)?;
    if found.object.len() > LARGEST {
        return Err(too_large());
    }
    if source.is(&input.bucket, &input.key) && changes_nothing(&headers) {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(error_with(S3ErrorCode::InvalidRequest, message));
    }
    let copy = copied(&found.object, &headers)?;
    let result = CopyObjectResult {
        e_tag: Some(ETag::Strong(copy.etag.clone())),
        last_modified: Some(copy.modified.into()),
        ..with_checksums(&copy)
    };
    let mut answer = attributes::encryption(&copy);
    let manners = &service.settings.conditions;
    let version = service.store.with(&input.bucket, |bucket| {
        let existing = bucket.current(&input.key);
        conditions::check_write(manners, Guarded::Copy, existing, &headers)?;
        let version = bucket.push(&input.key, Some(copy));
        directories::after_put(service, bucket, &input.key);
        Ok(version)
    })?;
    if let Some(version) = version {
        set(&mut answer, "x-amz-version-id", &version);
    }
    let output = CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: found.version,
        ..CopyObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, answer))
}

pub fn part(
    service: &Service,
    req: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let (input, headers) = (req.input, req.headers);
    let upload = multipart::upload(service, &input.bucket, &input.key, &input.upload_id)?;
    multipart::check_part(service, &upload, input.part_number, &headers)?;
    let mut source = Source::of(&input.copy_source)?;
    let decoded = percent_decode_str(source.key).decode_utf8_lossy();
    if service.settings.decodes_copy_source_twice {
        source.key = &decoded;
    }
    let found = source.find(service, &headers)?;
    let slice = match input.copy_source_range.as_deref() {
        Some(range) => part_range(range, found.object.len())?,
        None => 0..found.object.len(),
    };
    if slice.end - slice.start > LARGEST {
        return Err(too_large());
    }
    let content = found.object.content.slice(slice);
    let algorithm = upload.algorithm.into_iter();
    let checksums = algorithm.map(|name| (name, checksum::of(name, content.frames())));
    let part = Part {
        number: input.part_number,
        etag: checksum::etag(&content),
        checksums: checksums.collect(),
        modified: store::now(),
        content,
    };
    let sums = checksum::to_dto(&part.checksums);
    let result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag.clone())),
        last_modified: Some(part.modified.into()),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
    };
    multipart::keep_part(service, &input.bucket, &input.key, &input.upload_id, part)?;
    let output = UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: found.version,
        ..UploadPartCopyOutput::default()
    };
    Ok(S3Response::with_headers(
        output,
        attributes::encryption(&upload.object),
    ))
}

/// The source that `x-amz-copy-source` names.
struct Source<'a> {
    bucket: &'a str,
    key: &'a str,
    version: Option<&'a str>,
}

impl<'a> Source<'a> {
    fn of(source: &'a CopySource) -> S3Result<Self> {
        match source {
            CopySource::Bucket {
                bucket,
                key,
                version_id,
            } => Ok(Self {
                bucket,
                key,
                version: version_id.as_deref(),
            }),
            _ => Err(error(S3ErrorCode::NotImplemented)),
        }
    }

    fn find(&self, service: &Service, headers: &HeaderMap) -> S3Result<Found> {
        if service.settings.keeps_directories && self.key.ends_with('/') {
            return Err(error(S3ErrorCode::NoSuchKey));
        }
        let found = objects::find(service, self.bucket, self.key, self.version);
        let found = found.map_err(|error| match error.code() {
            S3ErrorCode::MethodNotAllowed => error_with(
                S3ErrorCode::InvalidRequest,
                "The source of a copy request may not specifically refer to a delete marker by version id.",
            ),
            _ => error,
        })?;
        let prefix = "x-amz-copy-source-server-side-encryption-customer-";
        attributes::check_customer_key(&found.object, headers, prefix)?;
        conditions::check_copy_source(&service.settings.conditions, &found.object, headers)?;
        if found.object.is_archived() {
            let message = "Operation is not valid for the source object's storage class";
            return Err(error_with(S3ErrorCode::InvalidObjectState, message));
        }
        Ok(found)
    }

    /// Whether the source is this object. Copying an old version onto its key restores it, and is allowed.
    fn is(&self, bucket: &str, key: &str) -> bool {
        self.version.is_none() && (self.bucket, self.key) == (bucket, key)
    }
}

fn changes_nothing(headers: &HeaderMap) -> bool {
    let replaces = text(headers, "x-amz-metadata-directive") == Some("REPLACE");
    let changes = |name: &http::HeaderName| {
        let name = name.as_str();
        name == REDIRECT
            || name == "x-amz-storage-class"
            || name.starts_with("x-amz-server-side-encryption")
    };
    !replaces && !headers.keys().any(changes)
}

/// Returns the copy: content, metadata and tags from the source unless replaced; storage class, encryption, locks and
/// redirect from the request alone.
fn copied(source: &Object, headers: &HeaderMap) -> S3Result<Object> {
    let mut copy = Object {
        parts: Vec::new(),
        restore: None,
        modified: store::now(),
        ..attributes::from_request(headers)?
    };
    if text(headers, "x-amz-metadata-directive") != Some("REPLACE") {
        let kept =
            |(name, _): &(&String, &String)| attributes::is_metadata(name) && *name != REDIRECT;
        let inherited = source.headers.iter().filter(kept);
        let redirect = copy.headers.remove_entry(REDIRECT);
        copy.headers
            .retain(|name, _| !attributes::is_metadata(name));
        copy.headers
            .extend(inherited.map(|(name, value)| (name.clone(), value.clone())));
        copy.headers.extend(redirect);
    }
    if text(headers, "x-amz-tagging-directive") != Some("REPLACE") {
        copy.tags.clone_from(&source.tags);
    }
    copy.content = source.content.clone();
    copy.etag = attributes::etag(&copy, checksum::etag(&copy.content));
    copy.checksums = checksums(source, headers);
    Ok(copy)
}

/// Returns checksums of the requested algorithm, or else that of the source; always of the whole object.
fn checksums(source: &Object, headers: &HeaderMap) -> checksum::Checksums {
    let asked = text(headers, "x-amz-checksum-algorithm").and_then(checksum::algorithm);
    let inherited = source.checksums.keys().copied();
    let algorithms: Vec<_> = match asked {
        Some(algorithm) => vec![algorithm],
        None if source.checksum_type == "FULL_OBJECT" => return source.checksums.clone(),
        None => inherited.collect(),
    };
    algorithms
        .into_iter()
        .map(|name| (name, checksum::of(name, source.content.frames())))
        .collect()
}

fn with_checksums(copy: &Object) -> CopyObjectResult {
    let sums = checksum::to_dto(&copy.checksums);
    CopyObjectResult {
        checksum_type: (!copy.checksums.is_empty())
            .then(|| dto::ChecksumType::from(copy.checksum_type.to_owned())),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        ..CopyObjectResult::default()
    }
}

fn too_large() -> s3s::S3Error {
    let message = "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120";
    error_with(S3ErrorCode::InvalidRequest, message)
}

/// Parses `bytes=first-last`, both given and inside the source: only this is a copy range.
fn part_range(range: &str, len: u64) -> S3Result<Range<u64>> {
    let bounds = || {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    };
    let invalid = |message: String| error_with(S3ErrorCode::InvalidArgument, message);
    let form = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy";
    let (first, last) = bounds().ok_or_else(|| invalid(form.into()))?;
    if first > last || last >= len {
        let message = format!("Range specified is not valid for source object of size: {len}");
        return Err(invalid(message));
    }
    Ok(first..last + 1)
}
