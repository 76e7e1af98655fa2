//! The limits of objects and of uploads in parts.

/// As many parts as an upload has at most.
///
/// Source: [Amazon S3 multipart upload limits](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
pub(crate) const MAX_PARTS: u32 = 10_000;

/// The smallest part that is not the last: 5 MiB. Source: as above.
pub(crate) const MIN_PART_BYTES: u64 = 5 << 20;

/// The largest part, and the largest object that one request stores or copies: 5 GiB. Source: as
/// above.
pub(crate) const MAX_PART_BYTES: u64 = 5 << 30;

/// The largest object that any store holds: as many of the largest parts as there may be.
pub(crate) const MAX_OBJECT_BYTES: u64 = MAX_PART_BYTES * MAX_PARTS as u64;
