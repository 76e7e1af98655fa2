//! The limits of objects and of multipart uploads.

/// Maximum number of parts of an upload.
///
/// Source: [Amazon S3 multipart upload limits](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
pub(crate) const MAX_PARTS: u32 = 10_000;

/// Minimum size of a part that is not the last: 5 MiB. Source: as above.
pub(crate) const MIN_PART_BYTES: u64 = 5 << 20;

/// Maximum size of a part, and of an object that one request stores or copies: 5 GiB. Source: as above.
pub(crate) const MAX_PART_BYTES: u64 = 5 << 30;

/// Maximum size of an object on any store: the maximum number of parts of the maximum size.
pub(crate) const MAX_OBJECT_BYTES: u64 = MAX_PART_BYTES * MAX_PARTS as u64;
