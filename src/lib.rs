//! An S3 bucket as a filesystem: PyFilesystem's S3FS in Rust. Blocking calls, few dependencies, no
//! async runtime.
//!
//! ```no_run
//! use s3fs::{FileSystem, Namespaces, open_fs};
//!
//! let fs = open_fs("s3://mybucket")?;
//! fs.makedir("reports")?;
//! fs.writetext("reports/hello.txt", "hello")?;
//! for info in fs.scandir("reports", Namespaces::DETAILS)? {
//!     let info = info?;
//!     println!("{} {:?}", info.name(), info.size());
//! }
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! # From the top
//!
//! [`FileSystem`] is the interface: `listdir`, `makedir`, `openbin`, `readbytes`, `getinfo`, `copy`
//! and the others, in PyFilesystem's words. [`S3Fs`] is the filesystem: a bucket, or a directory
//! inside one. [`S3Fs::new`] takes a bucket's name and finds the rest in the environment, and
//! [`S3Fs::builder`] takes everything. [`open_fs`] takes an FS URL, `s3://mybucket/reports`, and
//! gives a `Box<dyn FileSystem>`; [`S3Opener`] says what such a URL may hold, and [`Registry`] lets
//! a program add protocols of its own. None of them makes a request.
//!
//! ```
//! use s3fs::{FileSystem, S3Fs};
//!
//! let fs = S3Fs::builder("mybucket")
//!     .dir_path("reports")
//!     .endpoint_url("http://127.0.0.1:9000")
//!     .region("us-east-1")
//!     .aws_access_key_id("key")
//!     .aws_secret_access_key("secret")
//!     .build()?;
//!
//! assert_eq!(fs.validatepath("2026//./tides.csv")?, "/2026/tides.csv");
//! let url = fs.geturl("2026/tides.csv")?;
//! assert!(url.starts_with("http://127.0.0.1:9000/mybucket/reports/2026/tides.csv?X-Amz-"));
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! [`MemoryFs`] (`mem://`) is a filesystem in memory that behaves as a strict [`S3Fs`] does, for tests;
//! [`OsFs`] (`osfs://`) is a directory of the local disk. [`SubFs`] is a directory of any filesystem as a
//! filesystem of its own; [`opendir`](FileSystemExt::opendir) gives one.
//!
//! [`File`] is an open file: [`Read`](std::io::Read), [`Write`](std::io::Write) and
//! [`Seek`](std::io::Seek), and a [`close`](File::close) that publishes what was written. On S3 it
//! is an [`S3Reader`], an [`S3Writer`] or an [`S3Updater`], as its [`Mode`] says.
//! [`FileSystemExt::open`] gives an [`OpenFile`]: text, which is checked, and lines.
//! [`FileSystemExt::write_with`] is the way to write a file that cannot be got wrong: it closes if
//! the closure returns `Ok`, and only then.
//!
//! [`OpenOptions`] says what one call sets beyond path and bytes: [`UploadArgs`] for what a write
//! sets on the object (content type, metadata, tags, storage class, encryption, checksum),
//! [`DownloadArgs`] for what a read sends along.
//!
//! [`Info`] is what is known about a file or a directory. [`Namespaces`] says how much of it is
//! asked for: `basic` and [`Details`] come with every listing, [`S3Info`] is a request for each
//! object. [`RawInfo`] is the same as values by name, which [`setinfo`](FileSystem::setinfo) takes.
//!
//! [`MakedirOptions`] and [`CopyOptions`] are PyFilesystem's keyword arguments, of making
//! directories and of copying and moving. [`Location`], where a resource really is, and [`Meta`],
//! what a filesystem is like, are for those who implement one.
//!
//! [`Error`] says what was asked, on which path, what came back, and what to do about it.
//! [`ErrorKind`] is what to match on, in the names of PyFilesystem's exceptions, and [`S3Error`]
//! what the server said. An `Error` converts to [`std::io::Error`] and back without loss.
//!
//! ```
//! use s3fs::{ErrorKind, FileSystem, S3Fs};
//!
//! let fs = S3Fs::builder("mybucket")
//!     .endpoint_url("http://127.0.0.1:9000")
//!     .region("us-east-1")
//!     .anonymous(true)
//!     .build()?;
//! let error = fs.readbytes("../other").unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::IllegalBackReference);
//! assert_eq!(error.path(), Some("../other"));
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! On top of any filesystem, [`FileSystemExt::walk`] walks through directories, [`glob`] finds what
//! matches a pattern, [`FileSystemExt::tree`] draws, and [`copy`], [`moving`] and [`mirror`] work
//! between any two. [`path`] and [`wildcard`] have PyFilesystem's functions on paths and names,
//! which need no filesystem.
//!
//! [`S3Fs::download_file`], [`S3Fs::upload_file`], [`S3Fs::download_dir`] and [`S3Fs::upload_dir`] go
//! between S3 and the local disk, as copies between an [`S3Fs`] and an [`OsFs`] do: in pieces, several
//! at a time. [`TransferOptions`] says how many, and who is told.
//!
//! # Semantics
//!
//! What is promised, and what S3 does not allow to promise:
//!
//! - [Directories](S3Fs#directories): when one exists, what a marker is, and what happens to keys
//!   that no path can name.
//! - [Strict](S3Fs#strict): which checks there are, what is left without them, and that a check and
//!   the change after it are not one step.
//! - [What is atomic, and what is not](S3Fs#what-is-atomic-and-what-is-not): what others can see of
//!   a write, a move, a tree that is copied or removed.
//! - [Requests](S3Fs#requests): how many each operation makes.
//! - [Permissions](S3Fs#permissions): the IAM actions that each operation needs.
//! - A written file is seen whole or not at all: `close` lets it be seen in one step, and a file that
//!   is dropped without `close` leaves nothing behind ([`S3Writer`], [`S3Updater`]).
//! - A file that is replaced while it is read is [`ResourceChanged`](ErrorKind::ResourceChanged)
//!   and never a mixture of both ([`S3Reader`]).
//! - Nothing is cached: each call asks the server.
//! - What may succeed later is [tried again](S3Fs#what-is-tried-again): a connection that breaks, a
//!   server that is busy. What a refusal teaches (the server's clock, the bucket's region) is gone by.
//!
//! # Features
//!
//! - `rustls` (default): `https` endpoints, through rustls, ring and Mozilla's root certificates.
//!   Without it only `http` endpoints can be used; `https`, and with it Amazon S3 itself, is
//!   [`Unsupported`](ErrorKind::Unsupported) when the filesystem is built.
//! - `aws-chain` (default): credentials from roles, web identities, single sign-on, other programs, container
//!   endpoints and instance metadata. Without it, configuration that asks for one of them is an error.
//! - `platform-verifier`: `https` endpoints are certified by whom the system trusts (its store of
//!   certificates, a company's among them), instead of by Mozilla's roots. It builds
//!   `rustls-platform-verifier` in, and needs that store where the program runs.
//!   [`ca_bundle`](S3FsBuilder::ca_bundle) needs neither.
//! - `conformance`: the module `conformance`, a suite of tests for any [`FileSystem`].
//!
//! # Secrets in logs
//!
//! Requests are logged with the `log` crate at debug level: operation, key, status, duration and attempt;
//! each new attempt is logged at warn level, with the reason for it. No error, log line or `Debug` output of this crate has a secret, a token, an access key or the
//! query of a signed URL in it. What [`geturl`](FileSystem::geturl) and [`Presign::url`] return is
//! a secret for as long as it is valid.
//!
//! `ureq` and `ureq-proto`, which send the requests, log signed URLs where *trace* level is enabled
//! for them. Keep them below it: with `env_logger`, for example,
//! `RUST_LOG=trace,ureq=debug,ureq_proto=debug`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod bulk;
mod cancel;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod copy;
mod crew;
mod dates;
mod error;
mod extension;
mod file;
mod filesystem;
mod filter;
mod fs_url;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod glob;
pub mod guide;
mod hash;
mod info;
mod local;
mod location;
mod memoryfs;
pub mod mirror;
mod mode;
pub mod moving;
mod names;
mod open_file;
mod opener;
mod options;
mod osfs;
mod pair;
pub mod path;
mod pointers;
mod s3;
mod scantree;
mod snapshot;
mod subfs;
mod target;
mod text;
mod tree;
mod walk;
pub mod wildcard;

pub use bulk::{Action, Failures, OnError, Report, TransferOptions};
pub use cancel::CancelToken;
pub use error::{Error, ErrorKind, Result, S3Error};
pub use extension::FileSystemExt;
pub use file::File;
pub use filesystem::{CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries};
pub use filter::FilterDir;
pub use fs_url::{FsUrl, redacted};
pub use info::{Details, Info, Namespaces, RawInfo, ResourceType, S3Info, Value};
pub use location::Location;
pub use memoryfs::MemoryFs;
pub use mode::Mode;
pub use open_file::OpenFile;
pub use opener::{
    MemOpener, OpenFsOptions, Opener, OsOpener, Registry, S3Opener, open_fs, open_fs_with,
};
pub use options::{ChecksumAlgorithm, DownloadArgs, OpenOptions, SseCustomerKey, UploadArgs};
pub use osfs::{OsFs, OsFsOptions};
pub use s3::{
    AddressingStyle, CachedCredentials, Credentials, CredentialsProvider, Presign, PresignMethod,
    PresignedUrl, S3Fs, S3FsBuilder, S3Reader, S3Updater, S3Writer, StaleUpload, Stats,
};
pub use scantree::{Descend, Descent};
pub use subfs::SubFs;
pub use tree::{TreeCounts, TreeOptions};
pub use walk::{BoundWalker, Search, Step, Walked, Walker};

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
