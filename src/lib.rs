//! `std::fs` for S3: a bucket, or a directory inside one, as a filesystem. Blocking calls, few dependencies, no
//! async runtime. The interface is PyFilesystem's.
//!
//! ```no_run
//! use s3fs::prelude::*;
//!
//! let fs = s3fs::open_fs("s3://mybucket")?;
//! fs.makedir("reports")?;
//! fs.writetext("reports/hello.txt", "hello")?;
//! for info in fs.scandir("reports", Namespaces::DETAILS)? {
//!     let info = info?;
//!     println!("{} {:?}", info.name(), info.size());
//! }
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! | | |
//! | --- | --- |
//! | **It does** | files, directories, listings, walks and globs; streams, seeks and ranges; changes of large files on the server; parallel copies, moves and mirrors, to and from the local disk too; presigned URLs; credentials, regions and endpoints as the AWS tools find them; retries, checksums, timeouts and cancelling |
//! | **It does not** | run in async code without a thread of its own; mount a bucket; lock files; move anything in one step (a move copies and then removes), or copy a tree in one; keep times other than that of storing, [unless asked to](TransferOptions::preserve_time); cache; manage policies, lifecycles or other settings of buckets |
//! | **It costs** | one request for `readbytes`, for `writebytes` (three in [strict mode](S3Fs#strict)) and for 1,000 entries of a listing: [the table](S3Fs#requests); about 80 crates and 6.6 MB in a static program ([smaller](guide::small_binaries)); at most 40 MiB of memory for a file that is written, and none of the content for one that is read |
//!
//! # Tasks
//!
//! The examples use [`MemoryFs`] instead of a bucket, so that they run. To use S3, replace it with
//! `S3Fs::new("mybucket")?`.
//!
//! **List** a directory, or find files. A listing includes sizes and times.
//!
//! ```
//! use s3fs::prelude::*;
//! # let fs = s3fs::MemoryFs::new();
//! # fs.makedir("reports")?;
//! # fs.writetext("reports/a.csv", "1,2,3")?;
//! # fs.writetext("reports/b.txt", "b")?;
//!
//! assert_eq!(fs.listdir("reports")?, ["a.csv", "b.txt"]);
//! for info in fs.scandir("reports", Namespaces::DETAILS)? {
//!     let info = info?;
//!     println!("{} {:?} {:?}", info.name(), info.size(), info.modified());
//! }
//! for found in fs.glob("**/*.csv") {
//!     println!("{}", found?.path);
//! }
//! # assert_eq!(fs.glob("**/*.csv").count()?.files, 1);
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! **Read** a whole file, or line by line. If a file is replaced in the meantime, reading returns an error and never mixed
//! content.
//!
//! ```
//! use std::io::BufRead;
//! use s3fs::prelude::*;
//! # let fs = s3fs::MemoryFs::new();
//! # fs.writetext("hello.txt", "hello")?;
//!
//! let text: String = fs.readtext("hello.txt")?;
//! let bytes: Vec<u8> = fs.readbytes("hello.txt")?;
//! for line in fs.open("hello.txt", "r")?.lines() {
//!     println!("{}", line?);
//! }
//! # assert_eq!(text.as_bytes(), bytes);
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! **Write** a whole file at once, or as a stream. It becomes visible as a whole when the closure returns `Ok`.
//!
//! ```
//! use std::io::Write;
//! use s3fs::prelude::*;
//! # let fs = s3fs::MemoryFs::new();
//!
//! fs.writetext("hello.txt", "hello")?;
//! fs.write_with("squares.csv", |file| {
//!     (1..=100).try_for_each(|n| writeln!(file, "{n},{}", n * n))
//! })?;
//! fs.appendtext("hello.txt", ", world")?; // of a large file, S3 copies what is there
//! # assert_eq!(fs.readtext("hello.txt")?, "hello, world");
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! **Copy**, move and remove files and directories. Within an endpoint the server makes the copies.
//!
//! ```
//! use s3fs::prelude::*;
//! # let fs = s3fs::MemoryFs::new();
//! # fs.writetext("hello.txt", "hello")?;
//! # fs.writetext("squares.csv", "1,1")?;
//!
//! fs.makedirs("archive/2026")?;
//! fs.copy("hello.txt", "archive/2026/hello.txt")?;
//! fs.movefile("squares.csv", "archive/squares.csv")?;
//! fs.removetree("archive")?;
//! # assert_eq!(fs.listdir("/")?, ["hello.txt"]);
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! Between two filesystems, such as S3 and the local disk, several files are transferred in parallel:
//!
//! ```no_run
//! use s3fs::{OsFs, S3Fs, TransferOptions, mirror};
//!
//! let (site, bucket) = (OsFs::new("/srv/site")?, S3Fs::new("mybucket")?);
//! let report = mirror::mirror(&site, &bucket, &TransferOptions::new())?;
//! println!("{} files copied", report.copied());
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! **Ranges** are read by seeking, or several in parallel ([`S3Reader::read_ranges`]).
//!
//! ```
//! use std::io::{Read, Seek, SeekFrom};
//! use s3fs::prelude::*;
//! # let fs = s3fs::MemoryFs::new();
//! # fs.writetext("squares.csv", "1,1\n2,4\n3,9\n")?;
//!
//! let mut file = fs.openbin("squares.csv", "r")?;
//! file.seek(SeekFrom::Start(4))?;
//! let mut range = [0; 3];
//! file.read_exact(&mut range)?;
//! assert_eq!(&range, b"2,4");
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! **Presign** a URL with which anyone can download or upload one file for a limited time. No request is sent.
//!
//! ```
//! use std::time::Duration;
//! use s3fs::prelude::*;
//! use s3fs::{PresignMethod, S3Fs};
//!
//! # let fs = S3Fs::builder("mybucket")
//! #     .endpoint_url("http://127.0.0.1:9000").region("us-east-1")
//! #     .aws_access_key_id("key").aws_secret_access_key("secret").build()?;
//! let download = fs.geturl("hello.txt")?;
//! let upload = fs
//!     .presign("from-you.txt")?
//!     .method(PresignMethod::Put)
//!     .expires(Duration::from_secs(600))
//!     .url()?;
//! # assert!(download.contains("/hello.txt?X-Amz-") && upload.contains("/from-you.txt?X-Amz-"));
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! The [`guide`] has a page for each task: opening, credentials, directories, files, transfers, errors, stores.
//!
//! # Promises
//!
//! - A written file is visible as a whole or not at all: `close` publishes it in one step, and a file that is dropped
//!   without `close` stores nothing ([`S3Writer`], [`S3Updater`]).
//! - Reading a file that is replaced in the meantime returns [`ResourceChanged`](ErrorKind::ResourceChanged), and never a
//!   mixture of both versions ([`S3Reader`]).
//! - Nothing is cached: each call sends its requests to the server.
//! - The number of requests of each operation is [part of the interface](S3Fs#requests), and so are the required
//!   [permissions](S3Fs#permissions).
//! - [`S3Fs`] describes [directories](S3Fs#directories), [strict mode](S3Fs#strict), [atomic
//!   operations](S3Fs#what-is-atomic-and-what-is-not) and [retries](S3Fs#what-is-tried-again).
//!
//! # Features
//!
//! - `rustls` (default): `https` endpoints, with rustls, ring and Mozilla's root certificates. Without it, building a
//!   filesystem with an `https` endpoint, which includes Amazon S3 itself, returns
//!   [`Unsupported`](ErrorKind::Unsupported).
//! - `aws-chain` (default): credentials from roles, web identities, single sign-on, other programs, container endpoints and
//!   instance metadata. Without it, a configuration that requires one of them is an error.
//! - `platform-verifier`: trusts the root certificates of the system (including those of a company) instead of Mozilla's,
//!   with `rustls-platform-verifier`. [`ca_bundle`](S3FsBuilder::ca_bundle) works without it.
//! - `sha1`: [`hash`](FileSystemExt::hash) with the name `sha1`.
//! - `cli`: the command-line tool `s3f` ([`guide::tool`]). The library does not change.
//! - `conformance`: the module `conformance`, a suite of tests for any [`FileSystem`].
//! - `serde`: `Serialize` of the crate `serde` for [`Info`], [`S3Info`], [`Stats`], [`Report`], [`Action`] and [`ErrorKind`].
//! - `vfs`: `VfsAdapter`, which wraps any [`FileSystem`] as one of the crate `vfs`.
//!
//! # Secrets in logs
//!
//! Requests are logged with the `log` crate at debug level, retries at warn level. No error, log line or `Debug` output of
//! this crate contains a secret, a token, an access key or the query of a signed URL. A URL from
//! [`geturl`](FileSystemExt::geturl) or [`Presign::url`] is a secret for as long as it is valid.
//!
//! `ureq` and `ureq-proto`, which send the requests, log everything that they send and receive at *trace* level: signed
//! URLs, but also the credentials and tokens of metadata, containers, STS and single sign-on, and the password of a proxy.
//! Set them to a level below trace. With `env_logger`, for example: `RUST_LOG=trace,ureq=debug,ureq_proto=debug`.
//!
//! # The types
//!
//! | type | |
//! | --- | --- |
//! | [`FileSystem`], [`FileSystemExt`] | the interface: `listdir`, `makedir`, `openbin`, `readbytes`, `copy` and the others |
//! | [`S3Fs`] | a bucket, or a directory inside one; [`S3FsBuilder`] has its parameters |
//! | [`open_fs`], [`FsUrl`], [`S3Opener`] | FS URLs and their parameters; [`Registry`] for a program's own protocols |
//! | [`MemoryFs`], [`OsFs`], [`SubFs`], [`ReadOnly`] | a filesystem in memory, a directory of the local disk, a directory of any filesystem, a wrapper that refuses every change |
//! | [`File`] | an open file: [`Read`](std::io::Read), [`Write`](std::io::Write), [`Seek`](std::io::Seek) and `close`; on S3 an [`S3Reader`], [`S3Writer`] or [`S3Updater`]. [`OpenFile`] adds text and lines. |
//! | [`OpenOptions`], [`UploadArgs`], [`DownloadArgs`] | settings of one call: content type, metadata, tags, storage class, encryption, checksum |
//! | [`Info`], [`Namespaces`], [`Details`], [`S3Info`] | information about a file or directory, and the parts of it to request; [`RawInfo`] has it by name |
//! | [`MakedirOptions`], [`CopyOptions`] | the keyword arguments of directories, copies and moves |
//! | [`copy`], [`moving`], [`mirror`], [`TransferOptions`] | copies, moves and mirrors between any two filesystems |
//! | [`S3Fs::download_file`], [`S3Fs::upload_dir`] and others | transfers between S3 and the local disk |
//! | [`walk`](FileSystemExt::walk), [`glob`], [`tree`](FileSystemExt::tree) | walks, patterns, drawings |
//! | [`path`], [`wildcard`] | functions on paths and names that need no filesystem |
//! | [`Credentials`], [`CredentialsProvider`] | credentials from a program's own source |
//! | [`Error`], [`ErrorKind`], [`S3Error`] | the kind of an error, named as in PyFilesystem, and the error response of the server |
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Sizes of objects are 64-bit on every machine. Sizes in memory are 32-bit on some.
#![cfg_attr(not(test), warn(clippy::cast_possible_truncation))]

// In order of dependency: each group uses only the groups above it.
mod cancel;
mod dates;
mod error;
mod fs_url;
mod nonce;
pub mod path;
mod percent;
mod spill;
mod temporary;
mod threads;
pub mod wildcard;

mod ext;
mod filesystem;
mod transfer;
mod walk;

mod memoryfs;
mod osfs;
mod s3;

mod opener;
pub mod prelude;
#[cfg(feature = "serde")]
mod serialize;
#[cfg(feature = "vfs")]
mod vfs;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
#[path = "../tests/fuzzing/targets.rs"]
pub mod fuzzing;
pub mod guide;

#[cfg(feature = "vfs")]
pub use self::vfs::VfsAdapter;
pub use cancel::CancelToken;
pub use error::{Error, ErrorKind, Result, S3Error};
pub use ext::FileSystemExt;
pub use filesystem::capabilities::{
    Capabilities, PieceSink, RangedSource, SourceOptions, Storage, Times, Transfer,
};
pub use filesystem::file::File;
pub use filesystem::filter::FilterDir;
pub use filesystem::info::{
    Details, Info, Namespaces, RawInfo, ResourceType, RestoreStatus, S3Info, Value,
};
pub use filesystem::location::Location;
pub use filesystem::mode::Mode;
pub use filesystem::open_file::OpenFile;
pub use filesystem::options::{
    ChecksumAlgorithm, DownloadArgs, OpenOptions, SseCustomerKey, UploadArgs,
};
pub use filesystem::read_only::ReadOnly;
pub use filesystem::scantree::{Descend, Descent};
pub use filesystem::subfs::SubFs;
pub use filesystem::{CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries};
pub use fs_url::{FsUrl, redacted};
pub use memoryfs::MemoryFs;
pub use opener::{
    MemOpener, OpenFsOptions, Opener, OsOpener, Registry, S3Opener, open_fs, open_fs_with,
};
pub use osfs::{OsFs, OsFsOptions};
pub use s3::{
    AddressingStyle, BucketInfo, CachedCredentials, ConditionalWrites, Credentials,
    CredentialsProvider, FileVersion, FileVersions, Presign, PresignMethod, PresignedUrl,
    Restoration, RestoreTier, S3Fs, S3FsBuilder, S3Reader, S3Updater, S3Writer, StaleUpload, Stats,
    guess_content_type,
};
pub use time;
pub use transfer::options::{Compare, OnError, TransferOptions};
pub use transfer::progress::{Progress, ProgressEvent};
pub use transfer::report::{Action, Failures, Report};
pub use transfer::{copy, mirror, moving};
pub use walk::drawing::{TreeCounts, TreeOptions};
pub use walk::{BoundWalker, Search, Step, Walked, Walker, glob};

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
