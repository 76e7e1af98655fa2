//! The guide: a page for each task. Every example is compiled, and those that need no bucket run.

/// FS URLs, the builder, and filesystems that are not S3.
#[doc = include_str!("guide/opening.md")]
///
/// # Parameters of FS URLs
///
/// The parameters are methods of [`S3FsBuilder`](crate::S3FsBuilder) or [`UploadArgs`](crate::UploadArgs).
///
#[doc = include_str!("guide/parameters.md")]
pub mod opening {}

/// Sources of credentials, region and endpoint.
#[doc = include_str!("guide/credentials.md")]
pub mod credentials {}

/// The command-line tool `s3f`.
#[doc = include_str!("guide/tool.md")]
pub mod tool {}

/// Directories, strict mode, listings and info.
///
#[doc = include_str!("guide/pictures/keys.svg")]
///
#[doc = include_str!("guide/directories.md")]
pub mod directories {}

/// Reading, writing, changing, upload arguments and presigned URLs.
///
#[doc = include_str!("guide/pictures/life.svg")]
///
#[doc = include_str!("guide/files.md")]
pub mod files {}

/// The local disk, copies, moves, mirrors, walks and globs.
#[doc = include_str!("guide/transfers.md")]
pub mod transfers {}

/// Errors, retries, timeouts, cancelling and logs.
#[doc = include_str!("guide/errors.md")]
pub mod errors {}

/// Differences between stores, and their settings.
#[doc = include_str!("guide/stores.md")]
pub mod stores {}

/// Servers with certificates of your own.
#[doc = include_str!("guide/tls.md")]
pub mod tls {}

/// Requests, measured speed, and memory.
///
#[doc = include_str!("guide/pictures/speed.svg")]
///
#[doc = include_str!("guide/performance.md")]
pub mod performance {}

/// Small programs, step by step, with the cost of each step.
#[doc = include_str!("guide/small_binaries.md")]
pub mod small_binaries {}

/// Names in PyFilesystem, `std::fs`, S3FS and boto3.
#[doc = include_str!("guide/migrating.md")]
pub mod migrating {}

/// Changes for programs that were written for the first version.
#[doc = include_str!("guide/changes.md")]
pub mod changes {}

/// Tests of the crate, and tests with real servers.
#[doc = include_str!("guide/testing.md")]
pub mod testing {}
