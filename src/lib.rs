//! An S3 bucket as a filesystem: PyFilesystem's S3FS in Rust. Blocking calls, few dependencies, no
//! async runtime.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "conformance")]
pub mod conformance;
mod copy;
mod dates;
mod error;
mod file;
mod filesystem;
mod fs_url;
mod info;
mod location;
mod mode;
mod opener;
mod options;
pub mod path;
mod s3;

pub use error::{Error, ErrorKind, Result, S3Error};
pub use file::File;
pub use filesystem::{
    CopyOptions, Entries, FileSystem, FileSystemExt, MakedirOptions, Meta, TreeEntries,
};
pub use fs_url::{FsUrl, redacted};
pub use info::{Details, Info, Namespaces, RawInfo, ResourceType, S3Info, Value};
pub use location::Location;
pub use mode::Mode;
pub use opener::{Opener, Registry, S3Opener, open_fs};
pub use options::{ChecksumAlgorithm, DownloadArgs, OpenOptions, SseCustomerKey, UploadArgs};
pub use s3::{
    AddressingStyle, Presign, PresignMethod, S3Fs, S3FsBuilder, S3Reader, S3Updater, S3Writer,
};
