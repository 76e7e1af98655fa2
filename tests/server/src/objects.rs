//! PutObject, GetObject, HeadObject, GetObjectAttributes.

use std::ops::Range;

use http::{HeaderMap, StatusCode, Uri};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::{error, error_custom, error_with, http_date};
use super::attributes::{self, set, text};
use super::checksum;
use super::conditions::{self, Guarded};
use super::content::Content;
use super::directories;
use super::request::query_pairs;
use super::service::Service;
use super::store::{self, BucketData, Version};
use super::upload;

pub async fn put(
    service: &Service,
    req: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let (input, headers) = (req.input, req.headers);
    let mut object = attributes::from_request(&headers)?;
    let check = |existing: Option<&store::Object>| {
        let manners = &service.settings.conditions;
        conditions::check_write(manners, Guarded::Put, existing, &headers)
    };
    // Refused before the body is read if possible, so that `Expect: 100-continue` avoids the upload.
    if service.settings.makes_buckets {
        let mut buckets = service.store.buckets();
        let bucket = buckets.entry(input.bucket.clone());
        bucket.or_insert_with(BucketData::new);
    }
    let check = |bucket: &BucketData| {
        let directory = directories::answers(service, bucket, &input.key);
        check(bucket.current(&input.key).or(directory.as_ref()))
    };
    service.store.with(&input.bucket, |bucket| check(bucket))?;
    let trailers = req.trailing_headers.as_ref();
    let limit = service.settings.discard_over;
    let received = upload::receive(input.body, &headers, trailers, None, limit).await?;
    object.content = received.content;
    object.etag = attributes::etag(&object, received.etag);
    object.checksums = received.checksums;
    object.modified = store::now();

    let mut answer = attributes::encryption(&object);
    attributes::add_checksums(&mut answer, &object);
    set(&mut answer, "etag", &format!("\"{}\"", object.etag));
    let version = service.store.with(&input.bucket, |bucket| {
        check(bucket)?;
        if service.settings.put_drops_uploads {
            bucket.uploads.retain(|_, upload| upload.key != input.key);
        }
        let version = bucket.push(&input.key, Some(object));
        directories::after_put(service, bucket, &input.key);
        Ok(version)
    })?;
    if let Some(version) = version {
        set(&mut answer, "x-amz-version-id", &version);
    }
    Ok(S3Response::with_headers(PutObjectOutput::default(), answer))
}

pub fn get(
    service: &Service,
    req: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = &req.input;
    let read = Read {
        service,
        bucket: &input.bucket,
        key: &input.key,
        version: input.version_id.as_deref(),
        range: input.range.as_ref(),
        part: input.part_number,
        headers: &req.headers,
        uri: &req.uri,
        anonymous: req.credentials.is_none(),
    };
    let found = read.find()?;
    if found.object.is_archived() {
        return Err(error(S3ErrorCode::InvalidObjectState));
    }
    let (slice, headers) = read.describe(&found)?;
    let content = found.object.content.slice(slice);
    let output = GetObjectOutput {
        content_length: i64::try_from(content.len()).ok(),
        content_range: text(&headers, "content-range").map(str::to_owned),
        body: Some(StreamingBlob::new(content.frames())),
        ..GetObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

pub fn head(
    service: &Service,
    req: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = &req.input;
    let read = Read {
        service,
        bucket: &input.bucket,
        key: &input.key,
        version: input.version_id.as_deref(),
        range: input.range.as_ref(),
        part: input.part_number,
        headers: &req.headers,
        uri: &req.uri,
        anonymous: req.credentials.is_none(),
    };
    let found = read.find()?;
    let (slice, headers) = read.describe(&found)?;
    let output = HeadObjectOutput {
        content_length: i64::try_from(slice.end - slice.start).ok(),
        ..HeadObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

/// The common part of GET and HEAD.
struct Read<'a> {
    service: &'a Service,
    bucket: &'a str,
    key: &'a str,
    version: Option<&'a str>,
    range: Option<&'a s3s::dto::Range>,
    part: Option<i32>,
    headers: &'a HeaderMap,
    uri: &'a Uri,
    anonymous: bool,
}

/// An existing object, and its version if the bucket keeps versions.
pub struct Found {
    pub object: store::Object,
    pub version: Option<String>,
}

impl Read<'_> {
    fn find(&self) -> S3Result<Found> {
        let found = find(self.service, self.bucket, self.key, self.version)?;
        let prefix = "x-amz-server-side-encryption-customer-";
        attributes::check_customer_key(&found.object, self.headers, prefix)?;
        conditions::check_read(&found.object, self.headers)?;
        Ok(found)
    }

    /// Returns the range of the response, and its headers.
    fn describe(&self, found: &Found) -> S3Result<(Range<u64>, HeaderMap)> {
        let object = &found.object;
        let asked = self.slice(object)?;
        let with_checksums = text(self.headers, "x-amz-checksum-mode") == Some("ENABLED");
        let mut headers = attributes::to_response(object, with_checksums && asked.is_none());
        if self.service.settings.answers_raw {
            attributes::set_raw(&mut headers, object);
        }
        if let Some(version) = &found.version {
            set(&mut headers, "x-amz-version-id", version);
        }
        if self.part.is_some() && !object.parts.is_empty() {
            let count = object.parts.len().to_string();
            set(&mut headers, "x-amz-mp-parts-count", &count);
        }
        if let Some(slice) = &asked {
            let (last, len) = (slice.end.saturating_sub(1), object.len());
            let range = format!("bytes {}-{last}/{len}", slice.start);
            set(&mut headers, "content-range", &range);
        }
        self.override_headers(&mut headers)?;
        Ok((asked.unwrap_or(0..object.len()), headers))
    }

    /// Returns the part of the object that `Range` or `partNumber` selects.
    fn slice(&self, object: &store::Object) -> S3Result<Option<Range<u64>>> {
        match (self.range, self.part) {
            (None, None) => Ok(None),
            (Some(range), None) => {
                // An empty suffix is not satisfiable either.
                let slice = range.check(object.len()).ok();
                let slice = slice.filter(|slice| !slice.is_empty());
                Ok(Some(slice.ok_or_else(|| invalid_range(object))?))
            }
            (None, Some(number)) => part_slice(object, number),
            (Some(_), Some(_)) => {
                let message = "Cannot specify both Range header and partNumber query parameter";
                Err(error_with(S3ErrorCode::InvalidRequest, message))
            }
        }
    }

    /// Applies `response-content-type` and related parameters ("Overriding response header values", GetObject).
    fn override_headers(&self, headers: &mut HeaderMap) -> S3Result<()> {
        for (name, value) in query_pairs(self.uri.query().unwrap_or_default()) {
            let Some(name) = name.strip_prefix("response-") else {
                continue;
            };
            if self.anonymous {
                let message =
                    "Request specific response headers cannot be used for anonymous GET requests.";
                return Err(error_with(S3ErrorCode::InvalidRequest, message));
            }
            set(headers, name, &value);
        }
        Ok(())
    }
}

fn part_slice(object: &store::Object, number: i32) -> S3Result<Option<Range<u64>>> {
    let whole = 0..object.len();
    if object.parts.is_empty() && number == 1 {
        // An empty object has no range.
        return Ok(Some(whole).filter(|whole| !whole.is_empty()));
    }
    let mut start = 0;
    for (at, part) in object.parts.iter().enumerate() {
        let end = start + part.content.len();
        if i32::try_from(at + 1) == Ok(number) {
            return Ok(Some(start..end));
        }
        start = end;
    }
    let message = "The requested partnumber is not satisfiable";
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    Err(error_custom(status, "InvalidPartNumber", message))
}

fn invalid_range(object: &store::Object) -> S3Error {
    let mut headers = HeaderMap::new();
    set(
        &mut headers,
        "content-range",
        &format!("bytes */{}", object.len()),
    );
    let mut error = error(S3ErrorCode::InvalidRange);
    error.set_headers(headers);
    error
}

/// Finds the object of a request. A delete marker is 404, or 405 when requested by its version id
/// ("Working with delete markers", S3 User Guide).
pub fn find(service: &Service, bucket: &str, key: &str, version: Option<&str>) -> S3Result<Found> {
    service.store.with(bucket, |bucket| {
        let keeps = bucket.versioning.is_some();
        let found = bucket.version(key, version);
        match (found, version) {
            (Some(found), _) if found.object.is_some() => Ok(Found {
                object: found
                    .object
                    .clone()
                    .ok_or_else(|| error(S3ErrorCode::NoSuchKey))?,
                version: keeps.then(|| found.id.clone()),
            }),
            (Some(marker), named) => Err(delete_marker(marker, named.is_some())),
            (None, Some(_)) => Err(error(S3ErrorCode::NoSuchVersion)),
            (None, None) => directories::found(service, bucket, key)
                .ok_or_else(|| error(S3ErrorCode::NoSuchKey)),
        }
    })
}

fn delete_marker(marker: &Version, named: bool) -> S3Error {
    let mut headers = HeaderMap::new();
    set(&mut headers, "x-amz-delete-marker", "true");
    set(&mut headers, "x-amz-version-id", &marker.id);
    let code = if named {
        set(&mut headers, "allow", "DELETE");
        set(&mut headers, "last-modified", &http_date(marker.modified));
        S3ErrorCode::MethodNotAllowed
    } else {
        S3ErrorCode::NoSuchKey
    };
    let mut error = error(code);
    error.set_headers(headers);
    error
}

pub fn attributes(
    service: &Service,
    req: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = req.input;
    let version = input.version_id.as_deref();
    let Found { object, version } = find(service, &input.bucket, &input.key, version)?;
    let prefix = "x-amz-server-side-encryption-customer-";
    attributes::check_customer_key(&object, &req.headers, prefix)?;
    let asks = |name: &'static str| {
        let mut asked = input.object_attributes.iter();
        asked.any(|list| list.as_str().split(',').any(|asked| asked.trim() == name))
    };
    let checksum = (asks("Checksum") && !object.checksums.is_empty()).then(|| Checksum {
        checksum_type: Some(object.checksum_type.to_owned().into()),
        ..checksum::to_dto(&object.checksums)
    });
    let output = GetObjectAttributesOutput {
        checksum,
        e_tag: asks("ETag").then(|| ETag::Strong(object.etag.clone())),
        last_modified: Some(object.modified.into()),
        object_parts: asks("ObjectParts").then(|| parts(&object)).flatten(),
        object_size: asks("ObjectSize").then(|| size(&object.content)),
        storage_class: asks("StorageClass").then(|| object.storage_class.clone().into()),
        version_id: version,
        ..GetObjectAttributesOutput::default()
    };
    Ok(S3Response::new(output))
}

fn parts(object: &store::Object) -> Option<GetObjectAttributesParts> {
    let parts = object.parts.iter().map(|part| ObjectPart {
        part_number: Some(part.number),
        size: Some(size(&part.content)),
        ..ObjectPart::default()
    });
    (!object.parts.is_empty()).then(|| GetObjectAttributesParts {
        total_parts_count: i32::try_from(object.parts.len()).ok(),
        parts: Some(parts.collect()),
        ..GetObjectAttributesParts::default()
    })
}

/// Returns the length in the type of `s3s`.
pub fn size(content: &Content) -> i64 {
    i64::try_from(content.len()).unwrap_or(i64::MAX)
}
