//! Multipart uploads: create, upload a part, list, complete, abort.

use std::collections::BTreeMap;

use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::{error, error_with};
use super::attributes::{self, set, text};
use super::buckets::owner;
use super::checksum::{self, Checksums};
use super::conditions::{self, Guarded};
use super::content::Content;
use super::listing::{encode, encode_if, encoding};
use super::objects::size;
use super::service::Service;
use super::store::{self, BucketData, Upload};
use super::upload;

pub fn create(
    service: &Service,
    req: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let (input, headers) = (req.input, req.headers);
    if service.settings.lacks_multipart {
        return Err(error(S3ErrorCode::NotImplemented));
    }
    let mut object = attributes::from_request(&headers)?;
    let algorithm = text(&headers, "x-amz-checksum-algorithm").and_then(checksum::algorithm);
    object.checksum_type = checksum_type(&headers, algorithm)?;
    let answer = attributes::encryption(&object);
    let key = input.key.clone();
    let checksum_type = object.checksum_type;
    let id = service.store.with(&input.bucket, |bucket| {
        let id = bucket.new_id();
        let upload = Upload {
            id: id.clone(),
            key,
            object,
            algorithm,
            parts: BTreeMap::new(),
        };
        bucket.uploads.insert(id.clone(), upload);
        Ok(id)
    })?;
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: algorithm.map(|name| name.to_uppercase().into()),
        checksum_type: algorithm.map(|_| checksum_type.to_owned().into()),
        ..CreateMultipartUploadOutput::default()
    };
    Ok(S3Response::with_headers(output, answer))
}

/// Composite by default; CRC64NVME is always of the full object, SHA never
/// ("Full object and composite checksum types", S3 User Guide).
fn checksum_type(headers: &HeaderMap, algorithm: Option<&str>) -> S3Result<&'static str> {
    let asked = text(headers, "x-amz-checksum-type");
    match (asked, algorithm) {
        (_, None) | (None | Some("FULL_OBJECT"), Some("crc64nvme")) => Ok("FULL_OBJECT"),
        (Some("FULL_OBJECT"), Some(name)) if name.starts_with("crc") => Ok("FULL_OBJECT"),
        (None | Some("COMPOSITE"), Some(name)) if name != "crc64nvme" => Ok("COMPOSITE"),
        (kind, name) => {
            let (kind, name) = (kind.unwrap_or_default(), name.unwrap_or_default());
            let message = format!(
                "The {kind} checksum type cannot be used with the {name} checksum algorithm."
            );
            Err(error_with(S3ErrorCode::InvalidRequest, message))
        }
    }
}

pub async fn upload_part(
    service: &Service,
    req: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let (input, headers) = (req.input, req.headers);
    let upload = upload(service, &input.bucket, &input.key, &input.upload_id)?;
    check_part(service, &upload, input.part_number, &headers)?;
    let trailers = req.trailing_headers.as_ref();
    let limit = service.settings.discard_over;
    let received = upload::receive(input.body, &headers, trailers, upload.algorithm, limit).await?;
    let part = store::Part {
        number: input.part_number,
        content: received.content,
        etag: received.etag,
        checksums: received.checksums,
        modified: store::now(),
    };
    let mut answer = attributes::encryption(&upload.object);
    set(&mut answer, "etag", &format!("\"{}\"", part.etag));
    for (algorithm, sum) in &part.checksums {
        set(&mut answer, &format!("x-amz-checksum-{algorithm}"), sum);
    }
    keep_part(service, &input.bucket, &input.key, &input.upload_id, part)?;
    Ok(S3Response::with_headers(
        UploadPartOutput::default(),
        answer,
    ))
}

/// Returns the upload of a request, in its current state.
pub fn upload(service: &Service, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
    service
        .store
        .with(bucket, |bucket| Ok(find(bucket, key, id)?.clone()))
}

fn find<'a>(bucket: &'a mut BucketData, key: &str, id: &str) -> S3Result<&'a mut Upload> {
    let upload = bucket.uploads.get_mut(id);
    upload
        .filter(|upload| upload.key == key)
        .ok_or_else(|| error(S3ErrorCode::NoSuchUpload))
}

/// Checks that a part's number is in range and that its customer key, if any, is the upload's.
pub fn check_part(
    service: &Service,
    upload: &Upload,
    number: i32,
    headers: &HeaderMap,
) -> S3Result<()> {
    let most = service.settings.max_parts;
    if !(1..=most).contains(&number) {
        let message = format!("Part number must be an integer between 1 and {most}, inclusive");
        return Err(error_with(S3ErrorCode::InvalidArgument, message));
    }
    let prefix = "x-amz-server-side-encryption-customer-";
    if attributes::customer_key(headers, prefix)? == upload.object.customer_key_md5 {
        return Ok(());
    }
    let message = "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.";
    Err(error_with(S3ErrorCode::InvalidRequest, message))
}

/// Keeps a part, and replaces an earlier one of the same number.
pub fn keep_part(
    service: &Service,
    bucket: &str,
    key: &str,
    id: &str,
    part: store::Part,
) -> S3Result<()> {
    service.store.with(bucket, |bucket| {
        let upload = find(bucket, key, id)?;
        upload.parts.insert(part.number, part);
        Ok(())
    })
}

pub fn complete(
    service: &Service,
    req: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let (input, headers) = (req.input, req.headers);
    let listed = input.multipart_upload.and_then(|list| list.parts);
    let listed = listed.filter(|parts| !parts.is_empty());
    let settings = &service.settings;
    let (object, version) = service.store.with(&input.bucket, |bucket| {
        let upload = find(bucket, &input.key, &input.upload_id)?.clone();
        let listed = listed.ok_or_else(|| error(S3ErrorCode::MalformedXML))?;
        let parts = choose(&upload, &listed, settings.min_part_size)?;
        if settings.wants_every_part && parts.len() < upload.parts.len() {
            return Err(error(S3ErrorCode::InvalidPart));
        }
        if settings.wants_equal_parts && !are_equal(&parts) {
            let message = "All non-trailing parts must have the same length.";
            return Err(error_with(S3ErrorCode::InvalidPart, message));
        }
        let existing = bucket.current(&input.key);
        conditions::check_write(&settings.conditions, Guarded::Complete, existing, &headers)?;
        let mut object = joined(upload, parts);
        if settings.has_etags_of_its_own {
            let (digest, count) = object.etag.split_once('-').expect("a number of parts");
            object.etag = format!("{}-{count}", digest.chars().rev().collect::<String>());
        }
        check_size(&object, input.mpu_object_size)?;
        check_whole(&object, &headers)?;
        bucket.uploads.remove(&input.upload_id);
        let version = bucket.push(&input.key, Some(object.clone()));
        Ok((object, version))
    })?;
    let sums = checksum::to_dto(&object.checksums);
    let mut answer = attributes::encryption(&object);
    if let Some(version) = version {
        set(&mut answer, "x-amz-version-id", &version);
    }
    let etag = match settings.completes_without_etag {
        true => String::new(),
        false => object.etag,
    };
    let host = text(&headers, "host").unwrap_or("localhost");
    let output = CompleteMultipartUploadOutput {
        location: Some(format!(
            "http://{host}/{}/{}",
            input.bucket,
            encode(&input.key)
        )),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(ETag::Strong(etag)),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: (!object.checksums.is_empty())
            .then(|| object.checksum_type.to_owned().into()),
        ..CompleteMultipartUploadOutput::default()
    };
    Ok(S3Response::with_headers(output, answer))
}

/// Returns the parts in a completion, which must exist, in order, and with sufficient sizes.
fn choose(upload: &Upload, listed: &[CompletedPart], min: u64) -> S3Result<Vec<store::Part>> {
    let mut parts: Vec<store::Part> = Vec::new();
    for asked in listed {
        let number = asked.part_number.unwrap_or_default();
        if parts.last().is_some_and(|last| last.number >= number) {
            return Err(error(S3ErrorCode::InvalidPartOrder));
        }
        let etag = asked.e_tag.as_ref().map(ETag::value);
        let part = upload.parts.get(&number);
        let part = part.filter(|part| etag == Some(&part.etag) && agrees(part, asked));
        parts.push(part.ok_or_else(|| error(S3ErrorCode::InvalidPart))?.clone());
    }
    let too_small = |part: &store::Part| part.content.len() < min;
    if parts.iter().rev().skip(1).any(too_small) {
        return Err(error(S3ErrorCode::EntityTooSmall));
    }
    Ok(parts)
}

/// Whether all parts have one size, except for the last, which may be smaller.
fn are_equal(parts: &[store::Part]) -> bool {
    let Some((last, others)) = parts.split_last() else {
        return true;
    };
    let size = parts.first().map_or(0, |first| first.content.len());
    others.iter().all(|part| part.content.len() == size) && last.content.len() <= size
}

/// Whether the checksums in a completion are those of the part.
fn agrees(part: &store::Part, asked: &CompletedPart) -> bool {
    let same = |name, asked: &Option<String>| {
        let known: Option<&String> = part.checksums.get(name);
        asked.is_none() || known.is_none() || known == asked.as_ref()
    };
    same("crc32", &asked.checksum_crc32)
        && same("crc32c", &asked.checksum_crc32c)
        && same("crc64nvme", &asked.checksum_crc64nvme)
        && same("sha1", &asked.checksum_sha1)
        && same("sha256", &asked.checksum_sha256)
}

/// Returns the object of the parts.
fn joined(upload: Upload, parts: Vec<store::Part>) -> store::Object {
    let content = Content::Joined(parts.iter().map(|part| part.content.clone()).collect());
    let checksums = upload.algorithm.into_iter().map(|name| {
        let sum = if upload.object.checksum_type == "FULL_OBJECT" {
            checksum::of(name, content.frames())
        } else {
            composite(name, &parts)
        };
        (name, sum)
    });
    store::Object {
        checksums: checksums.collect(),
        etag: checksum::multipart_etag(parts.iter().map(|part| part.etag.as_str())),
        modified: store::now(),
        content,
        parts,
        ..upload.object
    }
}

/// Returns the digest of the parts' digests, a dash, and the number of parts.
fn composite(algorithm: &'static str, parts: &[store::Part]) -> String {
    let digests = parts.iter().filter_map(|part| {
        let sum: &Checksums = &part.checksums;
        checksum::unbase64(sum.get(algorithm)?)
    });
    format!("{}-{}", checksum::of(algorithm, digests), parts.len())
}

fn check_size(object: &store::Object, declared: Option<i64>) -> S3Result<()> {
    if declared.is_none_or(|declared| declared == size(&object.content)) {
        return Ok(());
    }
    let message = "The provided 'x-amz-mp-object-size' header does not match what was computed.";
    Err(error_with(S3ErrorCode::InvalidRequest, message))
}

/// Checks the checksum of the whole object, if the completion declares one.
fn check_whole(object: &store::Object, headers: &HeaderMap) -> S3Result<()> {
    let declared = checksum::declared(headers);
    let wrong = |(name, sum): (&&str, &String)| {
        let known = object.checksums.get(*name);
        known.is_some_and(|known| known != sum)
    };
    if !declared.iter().any(wrong) {
        return Ok(());
    }
    let message = "The checksum you specified did not match the calculated checksum.";
    Err(error_with(S3ErrorCode::BadDigest, message))
}

pub fn abort(
    service: &Service,
    req: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = req.input;
    service.store.with(&input.bucket, |bucket| {
        let found = find(bucket, &input.key, &input.upload_id).map(drop);
        if !service.settings.aborts_anything {
            found?;
        }
        bucket.uploads.remove(&input.upload_id);
        Ok(())
    })?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub fn list_parts(
    service: &Service,
    req: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = req.input;
    let upload = upload(service, &input.bucket, &input.key, &input.upload_id)?;
    let most = page_size(input.max_parts)?;
    let marker = input.part_number_marker.unwrap_or_default();
    let mut rest = upload.parts.range(marker.saturating_add(1)..);
    let parts: Vec<_> = rest
        .by_ref()
        .take(most)
        .map(|(_, part)| listed(part))
        .collect();
    let truncated = most > 0 && rest.next().is_some();
    let output = ListPartsOutput {
        next_part_number_marker: parts.last().and_then(|part| part.part_number),
        parts: Some(parts),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(marker),
        max_parts: i32::try_from(most).ok(),
        is_truncated: Some(truncated),
        storage_class: Some(upload.object.storage_class.into()),
        checksum_algorithm: upload.algorithm.map(|name| name.to_uppercase().into()),
        owner: Some(owner()),
        ..ListPartsOutput::default()
    };
    Ok(S3Response::new(output))
}

fn listed(part: &store::Part) -> Part {
    let sums = checksum::to_dto(&part.checksums);
    Part {
        part_number: Some(part.number),
        e_tag: Some(ETag::Strong(part.etag.clone())),
        size: Some(size(&part.content)),
        last_modified: Some(part.modified.into()),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
    }
}

/// Lists uploads in order of key and then of age. Delimiters are ignored.
pub fn list_uploads(
    service: &Service,
    req: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = req.input;
    let prefix = input.prefix.clone().unwrap_or_default();
    let most = page_size(input.max_uploads)?;
    let mut uploads = service.store.with(&input.bucket, |bucket| {
        Ok(bucket.uploads.values().cloned().collect::<Vec<_>>())
    })?;
    uploads.retain(|upload| upload.key.starts_with(&prefix));
    uploads.sort_by_cached_key(|upload| (upload.key.clone(), age(&upload.id)));
    let after = after(
        &uploads,
        input.key_marker.as_deref(),
        input.upload_id_marker.as_deref(),
    );
    let page: Vec<_> = uploads.iter().skip(after).take(most).collect();
    let truncated = most > 0 && after + page.len() < uploads.len();
    let last = page.last().filter(|_| truncated);
    let encoding = encoding(service, input.encoding_type);
    let name = |key: &str| encode_if(encoding.is_some(), key.to_owned());
    let entries = page.iter().map(|upload| MultipartUpload {
        key: Some(name(&upload.key)),
        upload_id: Some(upload.id.clone()),
        initiated: Some(upload.object.modified.into()),
        storage_class: Some(upload.object.storage_class.clone().into()),
        owner: Some(owner()),
        ..MultipartUpload::default()
    });
    let output = ListMultipartUploadsOutput {
        uploads: Some(entries.collect()),
        next_key_marker: last.map(|upload| name(&upload.key)),
        next_upload_id_marker: last.map(|upload| upload.id.clone()),
        bucket: Some(input.bucket),
        prefix: Some(name(&prefix)),
        key_marker: input.key_marker.as_deref().map(name),
        upload_id_marker: input.upload_id_marker,
        max_uploads: i32::try_from(most).ok(),
        is_truncated: Some(truncated),
        encoding_type: encoding,
        ..ListMultipartUploadsOutput::default()
    };
    Ok(S3Response::new(output))
}

/// Returns the end of an id, which counts the ids.
fn age(id: &str) -> String {
    id[id.len() - 8..].to_owned()
}

/// Number of uploads that the markers skip.
fn after(uploads: &[Upload], key: Option<&str>, id: Option<&str>) -> usize {
    let Some(key) = key else { return 0 };
    let named = id.and_then(|id| uploads.iter().position(|upload| upload.id == id));
    match named {
        Some(at) => at + 1,
        None => uploads.partition_point(|upload| upload.key.as_str() <= key),
    }
}

fn page_size(asked: Option<i32>) -> S3Result<usize> {
    let invalid = |_| -> S3Error {
        let message = "Argument max-parts must be an integer between 0 and 2147483647";
        error_with(S3ErrorCode::InvalidArgument, message)
    };
    usize::try_from(asked.unwrap_or(1000).min(1000)).map_err(invalid)
}
