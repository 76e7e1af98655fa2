//! DeleteObject and DeleteObjects.

use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::{error, error_with};
use super::attributes::text;
use super::conditions;
use super::directories;
use super::service::Service;
use super::store::BucketData;

/// Maximum number of keys in one DeleteObjects.
const MOST: usize = 1000;

/// The result of a deletion.
#[derive(Default)]
pub struct Outcome {
    /// The removed version, or the created delete marker.
    pub version: Option<String>,
    /// Whether that version is a delete marker.
    pub is_marker: bool,
}

pub fn one(
    service: &Service,
    req: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = req.input;
    let if_match = text(&req.headers, "if-match");
    let outcome = service.store.with(&input.bucket, |bucket| {
        let version = input.version_id.as_deref();
        delete(service, bucket, &input.key, version, if_match)
    })?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: outcome.is_marker.then_some(true),
        version_id: outcome.version,
        ..DeleteObjectOutput::default()
    }))
}

pub fn many(
    service: &Service,
    req: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let Delete { objects, quiet } = req.input.delete;
    if objects.is_empty() || objects.len() > MOST {
        return Err(error(S3ErrorCode::MalformedXML));
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    service.store.with(&req.input.bucket, |bucket| {
        for object in objects {
            let version = object.version_id.as_deref();
            let etag = object.e_tag.as_ref().map(ETag::value);
            match delete(service, bucket, &object.key, version, etag) {
                Ok(outcome) => deleted.push(confirm(object, outcome)),
                Err(error) => errors.push(refuse(object, &error)),
            }
        }
        Ok(())
    })?;
    Ok(S3Response::with_headers(
        DeleteObjectsOutput {
            deleted: Some(deleted).filter(|_| quiet != Some(true)),
            errors: Some(errors),
            ..DeleteObjectsOutput::default()
        },
        HeaderMap::new(),
    ))
}

fn confirm(object: ObjectIdentifier, outcome: Outcome) -> DeletedObject {
    let marker_version = outcome.version.filter(|_| outcome.is_marker);
    DeletedObject {
        key: Some(object.key),
        version_id: object.version_id,
        delete_marker: outcome.is_marker.then_some(true),
        delete_marker_version_id: marker_version,
    }
}

fn refuse(object: ObjectIdentifier, error: &s3s::S3Error) -> Error {
    Error {
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        key: Some(object.key),
        version_id: object.version_id,
    }
}

fn delete(
    service: &Service,
    bucket: &mut BucketData,
    key: &str,
    version: Option<&str>,
    if_match: Option<&str>,
) -> S3Result<Outcome> {
    conditions::check_delete(&service.settings.conditions, bucket.current(key), if_match)?;
    if bucket.undeletable.contains(key) {
        return Err(error_with(S3ErrorCode::AccessDenied, "Access Denied"));
    }
    let outcome = match version {
        Some(version) => delete_version(bucket, key, version),
        None => delete_current(bucket, key),
    };
    directories::after_delete(service, bucket, key);
    Ok(outcome)
}

fn delete_version(bucket: &mut BucketData, key: &str, version: &str) -> Outcome {
    let removed = bucket.remove_version(key, version);
    Outcome {
        version: Some(version.to_owned()),
        is_marker: removed.is_some_and(|removed| removed.object.is_none()),
    }
}

/// Deletes without a version id: permanently, or by a marker if versions are kept. A missing key can be
/// deleted too.
pub fn delete_current(bucket: &mut BucketData, key: &str) -> Outcome {
    if bucket.versioning.is_none() {
        bucket.count(key, None);
        bucket.keys.remove(key);
        return Outcome::default();
    }
    Outcome {
        version: bucket.push(key, None),
        is_marker: true,
    }
}
