//! GetBucketVersioning, PutBucketVersioning, ListObjectVersions.

use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::error_with;
use super::attributes::set;
use super::buckets::owner;
use super::listing::{encode_if, encoding, most};
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

/// The header with the positions of the delete markers for [`in_order`]. Clients never get it.
pub const MARKERS: &str = "x-test-delete-markers";

/// Returns every version under a prefix, a page at a time: keys in order, newest version first, delete markers among
/// them. There is no delimiter.
pub fn list(
    service: &Service,
    req: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = req.input;
    if input
        .delimiter
        .as_ref()
        .is_some_and(|text| !text.is_empty())
    {
        return Err(error_with(S3ErrorCode::NotImplemented, "no delimiter here"));
    }
    let prefix = input.prefix.clone().unwrap_or_default();
    let encoding = encoding(service, input.encoding_type);
    let name = |key: &str| encode_if(encoding.is_some(), key.to_owned());
    let most = most(service, input.max_keys)?;
    let (after_key, after_id) = (
        input.key_marker.as_deref(),
        input.version_id_marker.as_deref(),
    );
    if after_id.is_some() && after_key.is_none() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(error_with(S3ErrorCode::InvalidArgument, message));
    }
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    let (mut last, mut next, mut positions) = (None, None, Vec::new());
    service.store.with(&input.bucket, |bucket| {
        let of_prefix = |(key, _): &(&String, &Vec<Version>)| key.starts_with(&prefix);
        for (key, history) in bucket.keys.iter().filter(of_prefix) {
            let mut history = history.iter().rev().enumerate().peekable();
            match (after_key, after_id) {
                (Some(after), _) if key.as_str() < after => continue,
                (Some(after), None) if key == after => continue,
                (Some(after), Some(id)) if key == after => {
                    // The versions after that of the marker follow.
                    history.by_ref().find(|(_, version)| version.id == id);
                }
                _ => {}
            }
            for (age, version) in history {
                if versions.len() + markers.len() == most {
                    next = last.take();
                    return Ok(());
                }
                match &version.object {
                    Some(object) => versions.push(entry(name(key), version, object, age == 0)),
                    None => {
                        positions.push((versions.len() + markers.len()).to_string());
                        markers.push(marker(name(key), version, age == 0));
                    }
                }
                last = Some((key.clone(), version.id.clone()));
            }
        }
        Ok(())
    })?;
    let (next_key, next_id) = next.unzip();
    let output = ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(name(&prefix)),
        encoding_type: encoding.clone(),
        is_truncated: Some(next_key.is_some()),
        key_marker: input.key_marker.as_deref().map(name),
        version_id_marker: input.version_id_marker,
        next_key_marker: next_key.as_deref().map(name),
        next_version_id_marker: next_id,
        max_keys: i32::try_from(most).ok(),
        versions: Some(versions),
        delete_markers: Some(markers),
        ..ListObjectVersionsOutput::default()
    };
    let mut headers = HeaderMap::new();
    set(&mut headers, MARKERS, &positions.join(","));
    Ok(S3Response::with_headers(output, headers))
}

/// Inserts the delete markers into the document at these positions among the versions: `s3s` writes them separately.
pub fn in_order(document: &str, positions: &str) -> String {
    let mut rest = document;
    let (mut outside, mut versions, mut markers) = (String::new(), Vec::new(), Vec::new());
    loop {
        let starts = ["<Version>", "<DeleteMarker>"].map(|tag| rest.find(tag));
        let Some(start) = starts.into_iter().flatten().min() else {
            break;
        };
        let is_marker = starts[1] == Some(start);
        let end_tag = if is_marker {
            "</DeleteMarker>"
        } else {
            "</Version>"
        };
        let end = rest.find(end_tag).expect("an end of the element") + end_tag.len();
        outside.push_str(&rest[..start]);
        let elements = if is_marker {
            &mut markers
        } else {
            &mut versions
        };
        elements.push(&rest[start..end]);
        rest = &rest[end..];
    }
    for (position, marker) in positions.split(',').zip(markers) {
        versions.insert(position.parse().expect("a position"), marker);
    }
    let root = rest.rfind("</").unwrap_or(rest.len());
    outside + &rest[..root] + &versions.concat() + &rest[root..]
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
