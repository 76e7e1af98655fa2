//! Tags of objects: GetObjectTagging, PutObjectTagging, DeleteObjectTagging.

use std::collections::BTreeSet;

use http::StatusCode;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::{error, error_custom, error_with};
use super::service::Service;
use super::store::Object;

pub fn get(
    service: &Service,
    req: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = req.input;
    let version = input.version_id.as_deref();
    let tag_set = with_object(service, &input.bucket, &input.key, version, |object| {
        object.tags.iter().map(to_dto).collect()
    })?;
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set,
        version_id: input.version_id,
    }))
}

pub fn put(
    service: &Service,
    req: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = req.input;
    let tags: Vec<_> = input.tagging.tag_set.into_iter().map(from_dto).collect();
    check(&tags)?;
    let version = input.version_id.as_deref();
    with_object(service, &input.bucket, &input.key, version, |object| {
        object.tags = tags;
    })?;
    Ok(S3Response::new(PutObjectTaggingOutput {
        version_id: input.version_id,
    }))
}

pub fn delete(
    service: &Service,
    req: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let input = req.input;
    let version = input.version_id.as_deref();
    with_object(service, &input.bucket, &input.key, version, |object| {
        object.tags.clear();
    })?;
    Ok(S3Response::new(DeleteObjectTaggingOutput {
        version_id: input.version_id,
    }))
}

/// Checks for at most ten tags with different keys ("Object tagging", S3 User Guide).
pub fn check(tags: &[(String, String)]) -> S3Result<()> {
    if tags.len() > 10 {
        let message = "Object tags cannot be greater than 10";
        return Err(error_custom(StatusCode::BAD_REQUEST, "BadRequest", message));
    }
    let names: BTreeSet<_> = tags.iter().map(|(key, _)| key).collect();
    let too_long = |(key, value): &(String, String)| {
        key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256
    };
    if names.len() < tags.len() || tags.iter().any(too_long) {
        let message = "The TagKey or TagValue you have provided is invalid";
        return Err(error_with(S3ErrorCode::InvalidTag, message));
    }
    Ok(())
}

pub fn with_object<T>(
    service: &Service,
    bucket: &str,
    key: &str,
    version: Option<&str>,
    work: impl FnOnce(&mut Object) -> T,
) -> S3Result<T> {
    service.store.with(bucket, |bucket| {
        let missing = match version {
            Some(_) => S3ErrorCode::NoSuchVersion,
            None => S3ErrorCode::NoSuchKey,
        };
        let version = bucket.version_mut(key, version);
        let object = version.and_then(|version| version.object.as_mut());
        object.map(work).ok_or_else(|| error(missing))
    })
}

fn to_dto((key, value): &(String, String)) -> Tag {
    Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    }
}

fn from_dto(tag: Tag) -> (String, String) {
    (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())
}
