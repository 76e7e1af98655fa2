//! GetBucketVersioning, PutBucketVersioning, ListObjectVersions.

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::error_with;
use super::buckets::owner;
use super::listing::{encode_if, encoding};
use super::objects::size;
use super::service::Service;
use super::store::{self, Version};

pub fn get(
    service: &Service,
    req: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let status = service
        .store
        .with(&req.input.bucket, |bucket| Ok(bucket.versioning.clone()))?;
    Ok(S3Response::new(GetBucketVersioningOutput {
        status: status.map(BucketVersioningStatus::from),
        ..GetBucketVersioningOutput::default()
    }))
}

pub fn put(
    service: &Service,
    req: S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let input = req.input;
    let status = input.versioning_configuration.status;
    let status = status.map(|status| status.as_str().to_owned());
    if !matches!(status.as_deref(), Some("Enabled" | "Suspended")) {
        let message = "The Versioning element must be specified";
        let code = S3ErrorCode::IllegalVersioningConfigurationException;
        return Err(error_with(code, message));
    }
    service.store.with(&input.bucket, |bucket| {
        bucket.versioning = status;
        Ok(())
    })?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}

/// Every version under a prefix, in one page: keys in order, newest version first.
pub fn list(
    service: &Service,
    req: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = req.input;
    let prefix = input.prefix.clone().unwrap_or_default();
    let encoding = encoding(service, input.encoding_type);
    let name = |key: &str| encode_if(encoding.is_some(), key.to_owned());
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    service.store.with(&input.bucket, |bucket| {
        for (key, history) in &bucket.keys {
            if !key.starts_with(&prefix) {
                continue;
            }
            for (age, version) in history.iter().rev().enumerate() {
                match &version.object {
                    Some(object) => versions.push(entry(name(key), version, object, age == 0)),
                    None => markers.push(marker(name(key), version, age == 0)),
                }
            }
        }
        Ok(())
    })?;
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(name(&prefix)),
        encoding_type: encoding,
        is_truncated: Some(false),
        max_keys: Some(1000),
        versions: Some(versions),
        delete_markers: Some(markers),
        ..ListObjectVersionsOutput::default()
    }))
}

fn entry(key: String, version: &Version, object: &store::Object, latest: bool) -> ObjectVersion {
    ObjectVersion {
        key: Some(key),
        version_id: Some(version.id.clone()),
        is_latest: Some(latest),
        last_modified: Some(version.modified.into()),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        size: Some(size(&object.content)),
        storage_class: Some(object.storage_class.clone().into()),
        owner: Some(owner()),
        ..ObjectVersion::default()
    }
}

fn marker(key: String, version: &Version, latest: bool) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        key: Some(key),
        version_id: Some(version.id.clone()),
        is_latest: Some(latest),
        last_modified: Some(version.modified.into()),
        owner: Some(owner()),
    }
}
