//! Operations on buckets: ListBuckets, CreateBucket, DeleteBucket, HeadBucket, GetBucketLocation.

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::error;
use super::service::Service;
use super::store::BucketData;

pub fn list(
    service: &Service,
    _: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let buckets = service.store.buckets();
    let buckets = buckets.iter().map(|(name, bucket)| Bucket {
        name: Some(name.clone()),
        creation_date: Some(bucket.created.into()),
        ..Bucket::default()
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        owner: Some(owner()),
        ..ListBucketsOutput::default()
    }))
}

pub fn create(
    service: &Service,
    req: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let mut buckets = service.store.buckets();
    let name = req.input.bucket;
    // us-east-1 returns 200 for a bucket that the caller already owns (CreateBucket, "Errors").
    let refuses = service.region != "us-east-1" || service.settings.makes_buckets;
    if buckets.contains_key(&name) && refuses {
        return Err(error(S3ErrorCode::BucketAlreadyOwnedByYou));
    }
    buckets.entry(name.clone()).or_insert_with(BucketData::new);
    Ok(S3Response::new(CreateBucketOutput {
        location: Some(format!("/{name}")),
    }))
}

pub fn delete(
    service: &Service,
    req: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    let mut buckets = service.store.buckets();
    let name = &req.input.bucket;
    let bucket = buckets.get(name);
    if !bucket
        .ok_or_else(|| error(S3ErrorCode::NoSuchBucket))?
        .keys
        .is_empty()
    {
        return Err(error(S3ErrorCode::BucketNotEmpty));
    }
    buckets.remove(name);
    Ok(S3Response::new(DeleteBucketOutput::default()))
}

pub fn head(
    service: &Service,
    req: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    service.store.with(&req.input.bucket, |_| Ok(()))?;
    Ok(S3Response::new(HeadBucketOutput::default()))
}

/// The location of a bucket in us-east-1 is an empty element.
pub fn location(
    service: &Service,
    req: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    service.store.with(&req.input.bucket, |_| Ok(()))?;
    let region = Some(service.region.clone()).filter(|region| region != "us-east-1");
    Ok(S3Response::new(GetBucketLocationOutput {
        location_constraint: region.map(BucketLocationConstraint::from),
    }))
}

/// The owner of everything.
pub fn owner() -> Owner {
    Owner {
        display_name: Some("owner".into()),
        id: Some("75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a".into()),
    }
}
