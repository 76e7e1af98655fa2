//! S3 as a filesystem.
#![forbid(unsafe_code)]
mod error;
pub use error::{Error, ErrorKind, Result, S3Error};
