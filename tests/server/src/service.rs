//! The supported operations, each with its module.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::conditions::Manners;
use super::store::Store;
use super::{buckets, copy, deletes, listing, multipart, objects, restore, tagging, versioning};

/// The store, and the differences of this server from others.
pub struct Service {
    pub store: Arc<Store>,
    pub region: String,
    pub settings: Settings,
}

pub struct Settings {
    /// Minimum size of all parts except the last.
    pub min_part_size: u64,
    /// Only length and digests of larger bodies are kept.
    pub discard_over: u64,
    pub ignore_encoding_type: bool,
    pub ignore_start_after: bool,
    pub listings: super::listing::Manners,
    /// Maximum number of entries in a page of a listing.
    pub page_size: i32,
    pub conditions: Manners,
    /// CompleteMultipartUpload must list every uploaded part.
    pub wants_every_part: bool,
    /// The response to CompleteMultipartUpload has an `<ETag/>` without text.
    pub completes_without_etag: bool,
    /// CreateMultipartUpload is refused with 501.
    pub lacks_multipart: bool,
    /// All parts except the last have one size, and the last is not larger.
    pub wants_equal_parts: bool,
    /// Maximum number of parts of an upload.
    pub max_parts: i32,
    /// PutObject removes the open uploads of its key.
    pub put_drops_uploads: bool,
    /// The ETag of an object of parts reveals only the number of parts.
    pub has_etags_of_its_own: bool,
    /// AbortMultipartUpload succeeds, whatever the state of the upload.
    pub aborts_anything: bool,
    /// UploadPartCopy decodes the key of its source twice.
    pub decodes_copy_source_twice: bool,
    /// Headers of objects that are not ASCII are returned as they were stored, and not as encoded words.
    pub answers_raw: bool,
    /// The store has real directories: see `directories`.
    pub keeps_directories: bool,
    /// A PUT creates the bucket that it names, and an owned bucket cannot be created again.
    pub makes_buckets: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_part_size: 5 * 1024 * 1024,
            discard_over: u64::MAX,
            ignore_encoding_type: false,
            ignore_start_after: false,
            listings: super::listing::Manners::default(),
            page_size: 1000,
            conditions: Manners::default(),
            wants_every_part: false,
            completes_without_etag: false,
            lacks_multipart: false,
            wants_equal_parts: false,
            max_parts: 10_000,
            put_drops_uploads: false,
            has_etags_of_its_own: false,
            aborts_anything: false,
            decodes_copy_source_twice: false,
            answers_raw: false,
            keeps_directories: false,
            makes_buckets: false,
        }
    }
}

/// Writes the methods of the trait that only call a function.
macro_rules! operations {
    ($($name:ident($input:ty) -> $output:ty = $function:path $(, $wait:ident)?;)*) => {
        #[async_trait::async_trait]
        impl S3 for Service {
            $(async fn $name(&self, req: S3Request<$input>) -> S3Result<S3Response<$output>> {
                $function(self, req)$(.$wait)?
            })*
        }
    };
}

operations! {
    list_buckets(ListBucketsInput) -> ListBucketsOutput = buckets::list;
    create_bucket(CreateBucketInput) -> CreateBucketOutput = buckets::create;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = buckets::delete;
    head_bucket(HeadBucketInput) -> HeadBucketOutput = buckets::head;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = buckets::location;

    put_object(PutObjectInput) -> PutObjectOutput = objects::put, await;
    get_object(GetObjectInput) -> GetObjectOutput = objects::get;
    head_object(HeadObjectInput) -> HeadObjectOutput = objects::head;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput = objects::attributes;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = deletes::one;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = deletes::many;
    copy_object(CopyObjectInput) -> CopyObjectOutput = copy::object;
    list_objects(ListObjectsInput) -> ListObjectsOutput = listing::v1;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = listing::v2;

    restore_object(RestoreObjectInput) -> RestoreObjectOutput = restore::object;

    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput = multipart::create;
    upload_part(UploadPartInput) -> UploadPartOutput = multipart::upload_part, await;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput = copy::part;
    list_parts(ListPartsInput) -> ListPartsOutput = multipart::list_parts;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput = multipart::list_uploads;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput = multipart::complete;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput = multipart::abort;

    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput = tagging::get;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput = tagging::put;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput = tagging::delete;

    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput = versioning::get;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput = versioning::put;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput = versioning::list;
}
