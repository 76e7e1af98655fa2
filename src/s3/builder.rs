//! [`S3FsBuilder`]: all parameters of the constructor. FS URLs have them under the same names ([`parameters`]).

mod endpoint;
mod parameters;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rusty_s3::UrlStyle;
use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::{ChecksumAlgorithm, DownloadArgs, UploadArgs, check_value};
use crate::s3::S3Fs;
use crate::s3::api::{ConditionalWrites, Objects};
use crate::s3::client::agent;
use crate::s3::client::{Client, Proxies, RetryPolicy, Route, Timeouts, is_aws};
use crate::s3::credentials::{
    CachedCredentials, CredentialsProvider, Environment, Settings, resolve,
};
use crate::s3::key::KeyMap;
use crate::s3::limits::{MAX_PARTS, MIN_PART_BYTES};
use crate::s3::read::reader::Reading;
use crate::s3::write::part_size::{DEFAULT_BUFFER_BYTES, DEFAULT_PART_BYTES, PartSizes};
use crate::threads::MAX_THREADS;
use endpoint::{check_tls, parse_endpoint};

/// The region of requests if none is configured.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// The only value of `x-amz-request-payer`.
const REQUESTER: &str = "requester";

/// Default of [`max_workers`](S3FsBuilder::max_workers), the same as in boto3.
const DEFAULT_MAX_WORKERS: usize = 10;

/// Maximum length of a bucket name. Old buckets can have 255 characters; new ones have at most 63.
const MAX_BUCKET_NAME: usize = 255;

/// Location of the bucket's name in the URL of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressingStyle {
    /// Virtual-hosted for AWS where the bucket's name allows it, otherwise path-style.
    #[default]
    Auto,
    /// `https://endpoint/bucket/key`.
    Path,
    /// `https://bucket.endpoint/key`.
    VirtualHost,
}

impl AddressingStyle {
    /// Returns the style with this name in FS URLs and in the configuration of the AWS tools.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Path => "path",
            Self::VirtualHost => "virtual",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "path" => Some(Self::Path),
            "virtual" => Some(Self::VirtualHost),
            _ => None,
        }
    }
}

/// Use of checksums for contents.
#[derive(Clone, Copy)]
enum Checksum {
    /// On AWS only; other stores reject or ignore unknown headers.
    OfEndpoint,
    Set(Option<ChecksumAlgorithm>),
}

/// Builds an [`S3Fs`]: begins with [`S3Fs::builder`] and ends with [`build`](Self::build).
///
/// The parameters of the constructor of Python's S3FS have the same names here. There are additional parameters.
///
/// ```
/// use s3fs::S3Fs;
///
/// let fs = S3Fs::builder("mybucket")
///     .dir_path("reports")
///     .aws_access_key_id("key")
///     .aws_secret_access_key("secret")
///     .endpoint_url("http://127.0.0.1:9000")
///     .region("us-east-1")
///     .strict(false)
///     .build()?;
/// # Ok::<(), s3fs::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "call build() to open the filesystem"]
pub struct S3FsBuilder {
    bucket_name: String,
    dir_path: String,
    settings: Settings,
    delimiter: String,
    strict: bool,
    read_only: bool,
    upload: UploadArgs,
    download: DownloadArgs,
    checksum: Checksum,
    /// `None` means the value of the configuration.
    addressing_style: Option<AddressingStyle>,
    timeouts: Timeouts,
    retry: RetryPolicy,
    /// `None` means the value of the configuration.
    max_attempts: Option<u32>,
    environment: Environment,
    max_workers: usize,
    part_size: u64,
    min_part_size: u64,
    max_parts: u32,
    copy_percent_keys: Option<bool>,
    list_in_byte_order: Option<bool>,
    conditions: Option<ConditionalWrites>,
    equal_parts: Option<bool>,
    write_buffer: u64,
    reading: Reading,
    keep_encryption: bool,
    user_agent_suffix: String,
    text_charset: Option<String>,
    requester_pays: bool,
}

impl fmt::Debug for S3FsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3FsBuilder")
            .field("bucket_name", &self.bucket_name)
            .field("dir_path", &self.dir_path)
            .field("delimiter", &self.delimiter)
            .field("strict", &self.strict)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

impl S3FsBuilder {
    pub(super) fn new(bucket_name: &str) -> Self {
        Self {
            bucket_name: bucket_name.to_owned(),
            dir_path: "/".to_owned(),
            settings: Settings::default(),
            delimiter: "/".to_owned(),
            strict: true,
            read_only: false,
            upload: UploadArgs::new(),
            download: DownloadArgs::new(),
            checksum: Checksum::OfEndpoint,
            addressing_style: None,
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            max_attempts: None,
            environment: Environment::process(),
            max_workers: DEFAULT_MAX_WORKERS,
            part_size: DEFAULT_PART_BYTES,
            min_part_size: MIN_PART_BYTES,
            max_parts: MAX_PARTS,
            copy_percent_keys: None,
            list_in_byte_order: None,
            conditions: None,
            equal_parts: None,
            write_buffer: DEFAULT_BUFFER_BYTES,
            reading: Reading::default(),
            keep_encryption: false,
            user_agent_suffix: String::new(),
            text_charset: None,
            requester_pays: false,
        }
    }

    /// The directory in the bucket that is the root of the filesystem. Defaults to `/`, the whole bucket. No path leads
    /// out of it. The directory need not exist.
    pub fn dir_path(mut self, dir_path: impl Into<String>) -> Self {
        self.dir_path = dir_path.into();
        self
    }

    /// The access key. It requires [`aws_secret_access_key`](Self::aws_secret_access_key) too. Defaults to the chain of
    /// credential sources ([`guide::credentials`](crate::guide::credentials)).
    pub fn aws_access_key_id(mut self, key: impl Into<String>) -> Self {
        self.settings.explicit.access_key_id = Some(key.into());
        self
    }

    /// The secret of the [access key](Self::aws_access_key_id). Defaults to the chain of credential sources.
    pub fn aws_secret_access_key(mut self, secret: impl Into<String>) -> Self {
        self.settings.explicit.secret_access_key = Some(secret.into());
        self
    }

    /// The session token of temporary credentials. Defaults to none. It requires an
    /// [access key](Self::aws_access_key_id).
    pub fn aws_session_token(mut self, token: impl Into<String>) -> Self {
        self.settings.explicit.session_token = Some(token.into());
        self
    }

    /// The program's own source of credentials: a closure or a [`CredentialsProvider`]. Defaults to the chain of credential
    /// sources.
    ///
    /// The first request asks the source, and later ones ask again before the credentials expire ([`CachedCredentials`]).
    /// Clones of this builder and of its filesystem share the credentials.
    ///
    /// ```
    /// use s3fs::{Credentials, S3Fs};
    ///
    /// let fs = S3Fs::builder("mybucket")
    ///     .endpoint_url("http://127.0.0.1:9000")
    ///     .credentials_provider(|| Ok(Credentials::new("key", "secret")))
    ///     .build()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    pub fn credentials_provider(mut self, provider: impl CredentialsProvider + 'static) -> Self {
        self.settings.provider = Some(CachedCredentials::new(provider));
        self
    }

    /// The environment variables for credentials, region, endpoint and other settings. Defaults to those of this process.
    /// They also locate the shared files: without `HOME` no shared files are read.
    ///
    /// With this method, programs that serve several accounts need no global variables, and tests do not depend on the
    /// machine. Programs that `credential_process` runs get the environment of this process.
    ///
    /// ```
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::builder("mybucket")
    ///     .environment([
    ///         ("AWS_ACCESS_KEY_ID", "key"),
    ///         ("AWS_SECRET_ACCESS_KEY", "secret"),
    ///         ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000"),
    ///     ])
    ///     .build()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    pub fn environment<N: Into<String>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.environment = Environment::from_pairs(variables);
        self
    }

    /// Sends requests without credentials, for public buckets. Defaults to `false`.
    pub fn anonymous(mut self, anonymous: bool) -> Self {
        self.settings.anonymous = anonymous;
        self
    }

    /// The profile in the shared credentials and config files. It has precedence over credentials in the environment.
    /// Defaults to `AWS_PROFILE`, and then to `default`; for both, credentials in the environment have precedence.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.settings.profile = Some(profile.into());
        self
    }

    /// The URL of the S3 server, `http://…` or `https://…`. Defaults to `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or the
    /// profile's `endpoint_url`, and then to AWS.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint_url = Some(url.into());
        self
    }

    /// A file of trusted certificates in PEM form, for `https` endpoints. Only these certificates are trusted. Defaults
    /// to `AWS_CA_BUNDLE` or the profile's `ca_bundle`, and then to Mozilla's root certificates, which are part of the
    /// program, or to the certificates of the system with the feature `platform-verifier`.
    ///
    /// A plain `openssl req -x509` makes the certificate of an authority, which is rejected as the certificate of a
    /// server. [`guide::tls`](crate::guide::tls) has commands that make a working one.
    ///
    /// [`build`](Self::build) reads the file. It fails with [`CreateFailed`](ErrorKind::CreateFailed) if the file
    /// contains no certificate. The file is not read for an `http` endpoint.
    pub fn ca_bundle(mut self, file: impl AsRef<Path>) -> Self {
        self.settings.ca_bundle = Some(file.as_ref().to_owned());
        self
    }

    /// The proxy for all requests, as a URL: `http://user:password@host:port`, `https://`, `socks5://`, `socks5h://`,
    /// `socks4://` or `socks4a://`. `None` and `"none"` mean no proxy. `NO_PROXY` is ignored if this is set.
    ///
    /// Defaults to the environment: `HTTP_PROXY` for `http` endpoints, `HTTPS_PROXY` for `https` endpoints, `ALL_PROXY`
    /// for both, and `NO_PROXY` for exceptions; [`guide::credentials`](crate::guide::credentials#proxies) has the rules.
    /// Requests to STS and single sign-on use the proxy too. Requests for instance metadata and to container endpoints
    /// never do.
    ///
    /// [`build`](Self::build) fails with [`CreateFailed`](ErrorKind::CreateFailed) if the value is not such a URL.
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let through = S3Fs::builder("mybucket").proxy("http://proxy.example:3128");
    /// let direct = S3Fs::builder("mybucket").proxy(None);
    /// ```
    pub fn proxy<'a>(mut self, proxy: impl Into<Option<&'a str>>) -> Self {
        let proxy = proxy.into().unwrap_or("none");
        self.settings.proxy = Some(proxy.to_owned());
        self
    }

    /// The region of the bucket. Defaults to `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile's `region`, and then to
    /// `us-east-1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = Some(region.into());
        self
    }

    /// The separator between the segments of a key. Defaults to `/`. [`build`](Self::build) rejects a delimiter such as
    /// `/./`, because no URL can represent its keys.
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.delimiter = delimiter.into();
        self
    }

    /// Whether PyFilesystem's contract is followed exactly. Defaults to `true`. `false` skips the existence checks before
    /// a write, copy, move or removal. See [`S3Fs`](S3Fs#strict).
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Whether every change is rejected with [`ResourceReadOnly`](ErrorKind::ResourceReadOnly). Defaults to `false`.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The `Cache-Control` of uploads. Defaults to none.
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.upload = self.upload.cache_control(value);
        self
    }

    /// The canned ACL of uploads, and of objects that [`setinfo`](crate::FileSystem::setinfo) rewrites. Defaults to the
    /// bucket's default.
    pub fn acl(mut self, acl: impl Into<String>) -> Self {
        self.upload = self.upload.acl(acl);
        self
    }

    /// Arguments of every upload. Defaults to none. Arguments of a single call have precedence over these. A second call
    /// of this method adds to the first.
    pub fn upload_args(mut self, args: UploadArgs) -> Self {
        self.upload = args.over(&self.upload);
        self
    }

    /// The checksum algorithm of uploads, or `None` for no checksums. Defaults to CRC32 on AWS, as in its SDKs, and to
    /// none elsewhere, because other stores reject or ignore unknown headers.
    ///
    /// With an algorithm, every upload carries the checksum in a header. The store verifies and keeps it. Whole reads
    /// ([`readbytes`](crate::FileSystemExt::readbytes), [`download`](crate::FileSystem::download)) are verified against
    /// the checksum that the store keeps. Bytes damaged in transit are an error: the store rejects the upload, which is
    /// then sent again; `readbytes` reads again. Reads through open files are not verified, nor are objects for which the
    /// store keeps only checksums of parts.
    ///
    /// If the program does not set it, `AWS_REQUEST_CHECKSUM_CALCULATION` and `AWS_RESPONSE_CHECKSUM_VALIDATION`, or the
    /// profile's `request_checksum_calculation` and `response_checksum_validation`, apply on any store: `when_required`
    /// turns one of them off, `when_supported` turns it on.
    ///
    /// [`UploadArgs::checksum_algorithm`] sets the algorithm of a single upload.
    pub fn checksum(mut self, checksum: impl Into<Option<ChecksumAlgorithm>>) -> Self {
        self.checksum = Checksum::Set(checksum.into());
        self
    }

    /// Arguments of every request that reads, lists or deletes. Defaults to none. Arguments of a single call have
    /// precedence over these. A second call of this method adds to the first.
    pub fn download_args(mut self, args: DownloadArgs) -> Self {
        self.download = args.over(&self.download);
        self
    }

    /// Whether the caller pays for the requests, as "Requester Pays" buckets require. Defaults to `false`. In a URL it is
    /// `requester_pays=1`.
    ///
    /// With `true`, every request to the bucket carries `x-amz-request-payer: requester`, including listings, copies and
    /// deletions. Presigned URLs have it in their query.
    ///
    /// Source: [Requester Pays](https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html).
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let builder = S3Fs::builder("mybucket").requester_pays(true);
    /// ```
    pub fn requester_pays(mut self, pays: bool) -> Self {
        self.requester_pays = pays;
        self
    }

    /// The AWS account that must own the bucket. Defaults to none, which means any account.
    ///
    /// Every request to the bucket carries it (`x-amz-expected-bucket-owner`), and so does the source of a copy
    /// (`x-amz-source-expected-bucket-owner`). S3 rejects requests to another account's bucket with
    /// [`PermissionDenied`](ErrorKind::PermissionDenied). [`create_bucket`](S3Fs::create_bucket),
    /// [`list_buckets`](Self::list_buckets) and presigned URLs do not carry it.
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let builder = S3Fs::builder("mybucket").expected_bucket_owner("111122223333");
    /// ```
    pub fn expected_bucket_owner(mut self, account: impl Into<String>) -> Self {
        let account = account.into();
        self.upload = self.upload.expected_bucket_owner(&account);
        self.download = self.download.expected_bucket_owner(account);
        self
    }

    /// Location of the bucket's name in URLs. Defaults to `addressing_style` in the block `s3 =` of the profile, and then
    /// to [`Auto`](AddressingStyle::Auto).
    pub fn addressing_style(mut self, style: AddressingStyle) -> Self {
        self.addressing_style = Some(style);
        self
    }

    /// Time limit for opening a connection, TLS included. Defaults to 10 s. It does not include the DNS lookup, which
    /// takes as long as the system allows, or at most the [operation timeout](Self::operation_timeout).
    ///
    /// Values over ten years count as ten years. [`build`](Self::build) rejects 0. Both apply to all timeouts here.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = timeout;
        self
    }

    /// Time limit for the server's response to a complete request. Defaults to 60 s. Copies and the completion of a
    /// multipart upload get ten times as long, because the server does the work itself. The body of a response that is
    /// not the content of a file, such as a listing, gets ten times as long too.
    ///
    /// The first byte of a file's content must arrive within the [stall timeout](Self::stall_timeout) as well.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.response = timeout;
        self
    }

    /// Maximum pause in a transfer. Defaults to 60 s. The transfer as a whole has no time limit. A response that is not
    /// the content of a file may pause for the [response timeout](Self::response_timeout), if that is longer.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.stall = timeout;
        self
    }

    /// Time limit for a request with all its attempts, from the first one to the response. Defaults to no limit. When it
    /// expires, the request fails with [`Timeout`](ErrorKind::Timeout).
    ///
    /// - An operation of several requests applies it to each of them.
    /// - The time that a source of credentials takes is included.
    /// - A file that is written in one request must be sent within it.
    /// - Reading the content of a file is not included, because a reader may be left idle. The
    ///   [stall timeout](Self::stall_timeout) applies to each read. In a request for content, the DNS lookup, the
    ///   connection and the response each get the full limit.
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.operation = Some(timeout);
        self
    }

    /// Maximum number of attempts of a request, including the first one. Defaults to `AWS_MAX_ATTEMPTS` or the profile's
    /// `max_attempts`, and then to 5, as in boto3. 1 turns off retries, and resuming a read whose connection broke.
    ///
    /// Failures that may be temporary are retried: broken connections, timeouts, and servers that are busy or report an
    /// internal error. Corrections after a rejected request (clock, region, expired credentials) are not counted as
    /// attempts.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Time limit for retries, counted from the first failure of a request. Defaults to 180 s. A request is not retried
    /// if the server requests a longer wait (`Retry-After`) than the remaining time.
    pub fn retry_timeout(mut self, timeout: Duration) -> Self {
        self.retry.timeout = timeout;
        self
    }

    /// Maximum wait before the second attempt. Defaults to 100 ms. It is five times as long if the server requests a
    /// lower request rate. The maximum doubles with each attempt. The actual wait is a random part of it, so that clients
    /// do not retry all at once.
    pub fn retry_base_delay(mut self, delay: Duration) -> Self {
        self.retry.base_delay = delay;
        self
    }

    /// Maximum wait between two attempts, unless the server requests a longer one. Defaults to 20 s.
    pub fn retry_max_delay(mut self, delay: Duration) -> Self {
        self.retry.max_delay = delay;
        self
    }

    /// Maximum number of parallel requests of one call. Defaults to 10; at most 1,000.
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.max_workers = workers.min(MAX_THREADS);
        self
    }

    /// The part size of multipart uploads, in bytes. Defaults to 8 MiB; at most 5 GiB. Content that fits one part is stored
    /// in one request.
    ///
    /// If the size of an object is not known in advance, its first 4,500 parts (35 GiB) have this size. After that, the size
    /// doubles every 550 parts, so that 10,000 parts hold any object.
    pub fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = bytes;
        self
    }

    /// Minimum size of a part that the store accepts, except for the last one, in bytes. Defaults to 5 MiB, the limit of
    /// S3 and nearly all stores. Updates copy unchanged parts of at least this size on the server.
    pub fn min_part_size(mut self, bytes: u64) -> Self {
        self.min_part_size = bytes;
        self
    }

    /// Maximum number of parts in one upload. Defaults to 10,000, the limit of S3 and the largest value. Scaleway accepts
    /// 1,000. Parts become larger if the object requires it.
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let builder = S3Fs::builder("mybucket").max_parts(1000);
    /// ```
    pub fn max_parts(mut self, parts: u32) -> Self {
        self.max_parts = parts;
        self
    }

    /// Whether the store honours the conditions of a PUT (`If-None-Match`, `If-Match`). Defaults to
    /// [`Honoured`](ConditionalWrites::Honoured) on AWS, and elsewhere to a test that runs once for all clones.
    ///
    /// The test runs before the first conditional write (a file that must be new, a directory marker, an update of at
    /// most one part), unless the store has already rejected such a write with status 412. It stores an empty object in
    /// `dir_path`, named `.s3fs-` and 32 digits, stores it again on the condition that it does not exist, and deletes it
    /// (3 requests). If the credentials do not allow the test, conditions count as ignored.
    ///
    /// If the store ignores conditions (Garage), a conditional write makes one more request, which checks the object
    /// right before it is stored. An object that another writer stores between the two requests is overwritten.
    ///
    /// ```
    /// # use s3fs::{ConditionalWrites, S3Fs};
    /// let builder = S3Fs::builder("mybucket").conditions(ConditionalWrites::Ignored);
    /// ```
    pub fn conditions(mut self, conditions: ConditionalWrites) -> Self {
        self.conditions = Some(conditions);
        self
    }

    /// Whether the store copies ranges of objects (`UploadPartCopy`) whose keys contain `%`. Defaults to `true` on AWS and
    /// to `false` elsewhere: Ceph's gateway 16.2 decodes such a key twice, and copies another object or crashes.
    ///
    /// With `false`, updates of large files with a `%` in their keys, and copies of more than 5 GiB, download and upload
    /// the ranges that the server would otherwise copy: one more request for each part.
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let builder = S3Fs::builder("mybucket").copy_percent_keys(true);
    /// ```
    pub fn copy_percent_keys(mut self, copies: bool) -> Self {
        self.copy_percent_keys = Some(copies);
        self
    }

    /// Whether the store lists keys in the order of their UTF-8 bytes, and honours `start-after`. Defaults to `true` on AWS.
    /// Elsewhere, the order is known once a page shows it, such as one with `a-b` before `a/`.
    ///
    /// With `true`, a tree of more than 1,000 keys is listed by up to [`max_workers`](Self::max_workers) requests in
    /// parallel, and a walk jumps over excluded directories. If the store uses another order, such a listing fails. With
    /// `false`, the store counts as one of which nothing is known.
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let builder = S3Fs::builder("mybucket").list_in_byte_order(true);
    /// ```
    pub fn list_in_byte_order(mut self, is_ordered: bool) -> Self {
        self.list_in_byte_order = Some(is_ordered);
        self
    }

    /// Whether all parts of an upload except the last must have the same size, as Cloudflare's R2 requires. Defaults to
    /// `true` for the endpoints of R2 (`*.r2.cloudflarestorage.com`), and to `false` elsewhere.
    ///
    /// With `true`, a changed file is stored in parts of [`part_size`](Self::part_size), and the server copies each part
    /// that did not change, with one request for each. A stream of unknown size can have at most [`max_parts`](Self::max_parts)
    /// such parts: 78 GiB with parts of 8 MiB.
    ///
    /// With `false`, a changed file that the store rejects for unequal parts is sent again in equal parts, and all later
    /// files are sent in equal parts at once. A file that was written from start to end cannot be sent again; its first
    /// 4,500 parts are equal in any case.
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let builder = S3Fs::builder("mybucket").equal_parts(true);
    /// ```
    pub fn equal_parts(mut self, equal: bool) -> Self {
        self.equal_parts = Some(equal);
        self
    }

    /// Maximum memory of a file that is open for writing, in bytes, including parts being sent. Defaults to 40 MiB: with
    /// parts of 8 MiB, four are sent while a fifth is written. A single part may be larger than this.
    pub fn write_buffer(mut self, bytes: u64) -> Self {
        self.write_buffer = bytes;
        self
    }

    /// The number of bytes requested when a file is opened for reading. Defaults to 1 MiB. The option
    /// [`first_window`](crate::OpenOptions::first_window) of a single call has precedence.
    pub fn first_window(mut self, bytes: u64) -> Self {
        self.reading.first_window = bytes;
        self
    }

    /// The number of windows of 4 MiB that threads fetch in advance while a file is read sequentially. Defaults to 0. The
    /// option [`read_ahead`](crate::OpenOptions::read_ahead) of a single call has precedence; its page has the details.
    pub fn read_ahead(mut self, windows: usize) -> Self {
        self.reading.read_ahead = windows;
        self
    }

    /// Whether copies and moves of whole directories within the endpoint keep the encryption of each object (SSE-KMS with
    /// its key, SSE-S3). Defaults to `false`: the copies get the encryption of [`upload_args`](Self::upload_args), or the
    /// bucket's default encryption.
    ///
    /// Copies and moves of single files always keep it. For directories this takes one HEAD request more for each key,
    /// because listings do not contain the encryption.
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let builder = S3Fs::builder("mybucket").keep_encryption(true);
    /// ```
    pub fn keep_encryption(mut self, keep: bool) -> Self {
        self.keep_encryption = keep;
        self
    }

    /// The charset that uploads add to a guessed content type of text: `text/html; charset=utf-8` for `utf-8`. Defaults
    /// to none. A content type set by the caller is not changed.
    ///
    /// ```
    /// # use s3fs::S3Fs;
    /// let builder = S3Fs::builder("mybucket").text_charset("utf-8");
    /// ```
    pub fn text_charset(mut self, charset: impl Into<String>) -> Self {
        self.text_charset = Some(charset.into());
        self
    }

    /// The end of the `User-Agent` header, such as the name of the program. Defaults to none.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.user_agent_suffix = suffix.into();
        self
    }

    /// Builds the filesystem. No request is made. The first operation reports a missing bucket, and queries credential
    /// sources that are servers or programs.
    ///
    /// # Errors
    ///
    /// - [`CreateFailed`](ErrorKind::CreateFailed) for incomplete or missing credentials, and for unusable
    ///   configuration.
    /// - [`InvalidArgument`](ErrorKind::InvalidArgument) and the kinds of path errors for invalid parameters.
    /// - [`Unsupported`](ErrorKind::Unsupported) for `https` without the feature `rustls`.
    pub fn build(self) -> Result<S3Fs> {
        let environment = self.environment.clone();
        self.build_in(environment)
    }

    /// Returns a builder for requests that do not address a bucket.
    pub(super) fn of_any_bucket(mut self) -> Self {
        // A client requires a name; these requests do not contain it.
        self.bucket_name = "bucket".to_owned();
        self.dir_path = "/".to_owned();
        self.addressing_style = Some(AddressingStyle::Path);
        self
    }

    fn build_in(mut self, environment: Environment) -> Result<S3Fs> {
        if self.requester_pays {
            self.upload = self.upload.request_payer(REQUESTER);
            self.download = self.download.request_payer(REQUESTER);
        }
        check_bucket_name(&self.bucket_name)?;
        let has_tenant = self.bucket_name.contains(':');
        let keys = KeyMap::new(&self.dir_path, &self.delimiter)?;
        self.upload.to_headers()?;
        self.download.to_headers()?;
        if self.max_workers == 0 {
            return Err(invalid("max_workers must not be 0"));
        }
        self.check_times()?;
        let check = |charset| check_value("content-type", charset);
        let text_charset = self.text_charset.take();
        text_charset.as_deref().map(check).transpose()?;
        let timeouts = self.timeouts.bounded();
        let part_sizes = PartSizes::new(self.part_size, self.min_part_size, self.write_buffer)?
            .at_most(self.max_parts)?;
        let resolved = resolve(&self.settings, &environment)?;
        log::debug!("credentials: {}", resolved.source);
        let region = resolved.region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let origin = resolved.endpoint_origin.as_deref().unwrap_or_default();
        let endpoint = resolved.endpoint_url.as_deref();
        let endpoint = endpoint
            .map(|url| parse_endpoint(url, origin))
            .transpose()?;
        check_tls(endpoint.as_ref())?;
        let is_aws = is_aws(endpoint.as_ref());
        let part_sizes =
            part_sizes.equal(self.equal_parts.unwrap_or_else(|| is_r2(endpoint.as_ref())));
        let configured = resolved.configured;
        let addressing_style = self.addressing_style.or(configured.addressing_style);
        let addressing_style = addressing_style.unwrap_or_default();
        let style = self.url_style(addressing_style, endpoint.as_ref());
        let max_attempts = self.max_attempts.or(configured.max_attempts);
        let retry = RetryPolicy {
            max_attempts: max_attempts.unwrap_or(self.retry.max_attempts),
            ..self.retry
        };
        if has_tenant && (is_aws || matches!(style, UrlStyle::VirtualHost)) {
            return Err(
                invalid("only Ceph's gateway supports tenant:bucket, in path style")
                    .with_hint("set its endpoint_url, and do not set another addressing style"),
            );
        }
        let route =
            Route::new(endpoint.clone(), style, &self.bucket_name, &region).map_err(|error| {
                invalid("the bucket name cannot be part of the endpoint's host name")
                    .with_hint("use AddressingStyle::Path")
                    .with_source(error)
            })?;
        let proxies = Proxies::find(self.settings.proxy.as_deref(), |name| {
            environment.text(name)
        })?;
        let url = route.given().base_url();
        // An invalid proxy in the environment is an error before the first request.
        let proxy = proxies.before(url)?;
        let is_https = url.scheme() == "https" || proxy.is_some_and(|proxy| proxy.is_https());
        let ca_bundle = resolved.ca_bundle.filter(|_| is_https);
        let agent = agent(
            self.max_workers,
            &user_agent(&self.user_agent_suffix)?,
            ca_bundle.as_deref(),
        )?;
        let retry = retry.bounded();
        let client = Client::new(route, resolved.provider, timeouts, retry, agent, proxies);
        let (checksum, verifying) = match self.checksum {
            Checksum::Set(checksum) => (checksum, checksum.is_some()),
            Checksum::OfEndpoint => {
                let is_sent = configured.checksums_of_requests.unwrap_or(is_aws);
                let is_checked = configured.checksums_of_responses.unwrap_or(is_aws);
                (is_sent.then_some(ChecksumAlgorithm::Crc32), is_checked)
            }
        };
        let upload = match checksum {
            Some(algorithm) => {
                let default = UploadArgs::new().checksum_algorithm(algorithm);
                self.upload.over(&default)
            }
            None => self.upload,
        };
        let objects = Objects::new(
            client,
            keys.delimiter(),
            upload,
            self.download,
            self.max_workers,
            part_sizes,
            is_aws,
        );
        let parts = crate::s3::Parts {
            objects: Arc::new(
                objects
                    .verifying(verifying)
                    .with_text_charset(text_charset)
                    .with_conditions(self.conditions, keys.directory("/")?)
                    .copying_percent_keys(self.copy_percent_keys.unwrap_or(is_aws))
                    .listing_in_byte_order(self.list_in_byte_order.unwrap_or(is_aws)),
            ),
            keys,
            bucket_name: self.bucket_name,
            dir_path: self.dir_path,
            endpoint,
            region,
            credentials_source: resolved.source,
            addressing_style,
            read_only: self.read_only,
            max_workers: self.max_workers,
            window: crate::s3::copy::tree::WINDOW,
            reading: self.reading,
            keep_encryption: self.keep_encryption,
            answers_for_directories: AtomicBool::new(false),
        };
        Ok(S3Fs::assemble(parts, self.strict))
    }

    fn check_times(&self) -> Result<()> {
        let Timeouts {
            connect,
            response,
            stall,
            operation,
        } = self.timeouts;
        let operation = operation.unwrap_or(Duration::MAX);
        if [connect, response, stall, operation].contains(&Duration::ZERO) {
            return Err(invalid("timeouts must not be zero"));
        }
        if self.max_attempts == Some(0) {
            return Err(invalid("max_attempts must not be 0"));
        }
        Ok(())
    }

    /// Returns the URL style of the bucket. Virtual-hosted URLs require a name that is a single label of a host.
    ///
    /// Source: [Virtual hosting of buckets](https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html).
    fn url_style(&self, style: AddressingStyle, endpoint: Option<&Url>) -> UrlStyle {
        let name = self.bucket_name.as_bytes();
        let label = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        let is_label = name.iter().all(label)
            && (3..=63).contains(&name.len())
            && name.first() != Some(&b'-')
            && name.last() != Some(&b'-');
        match style {
            AddressingStyle::Path => UrlStyle::Path,
            AddressingStyle::VirtualHost => UrlStyle::VirtualHost,
            AddressingStyle::Auto if is_label && endpoint.is_none() => UrlStyle::VirtualHost,
            AddressingStyle::Auto => UrlStyle::Path,
        }
    }
}

/// Returns true if an endpoint belongs to Cloudflare's R2.
fn is_r2(endpoint: Option<&Url>) -> bool {
    let host = endpoint.and_then(Url::host_str);
    host.is_some_and(|host| host.ends_with(".r2.cloudflarestorage.com"))
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument).with_message(message)
}

/// Accepts names that cannot change the target of a URL. S3's own rules are stricter; those of older buckets and
/// other stores are not.
///
/// Directory buckets are rejected. Their names are reserved in every region, so that no other bucket has such a name.
///
/// Source: [Bucket naming rules](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
fn check_bucket_name(name: &str) -> Result<()> {
    for (is_it, what) in [
        (
            name.starts_with("arn:"),
            "an ARN is not a bucket name; an access point has an alias that can be used as one",
        ),
        (
            name.ends_with(".mrap"),
            "a multi-Region access point requires signatures of another kind (SigV4A)",
        ),
        (
            name.ends_with("--op-s3"),
            "an access point on Outposts requires signatures for another service",
        ),
    ] {
        if is_it {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_message(what)
                .with_hint("use a bucket, or the alias of an access point (`...-s3alias`)"));
        }
    }
    // Access points of directory buckets have a suffix of their own.
    if name.ends_with("--x-s3") || name.ends_with("--xa-s3") {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_message(
                "a name that ends with `--x-s3` or `--xa-s3` belongs to a directory bucket (S3 \
                 Express One Zone), which does not list in order and requires signatures of \
                 another kind",
            )
            .with_hint("use a general purpose bucket"));
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_name = |name: &str| {
        (1..=MAX_BUCKET_NAME).contains(&name.len())
            && name.bytes().all(legal)
            && !name.bytes().all(|b| b == b'.')
    };
    let is_legal = match name.split_once(':') {
        None => is_name(name),
        Some((tenant, bucket)) => is_tenant(tenant) && is_name(bucket) && is_new_name(bucket),
    };
    if is_legal {
        return Ok(());
    }
    // The name is not quoted: in a mistyped FS URL it may be a secret.
    Err(invalid("the bucket name is not valid").with_hint(name_hint(name)))
}

/// Returns the hint for a text that is not a valid bucket name.
fn name_hint(name: &str) -> &'static str {
    match name {
        _ if name.starts_with("s3://") => {
            "pass only the name here; S3Fs::from_url and open_fs take an s3:// URL"
        }
        _ if name.starts_with("http://") || name.starts_with("https://") => {
            "pass only the name here, and the server's URL as endpoint_url"
        }
        _ if name.contains('/') => {
            "pass only the name here, and a directory inside the bucket as dir_path: \
             S3Fs::builder(name).dir_path(directory)"
        }
        _ => "a bucket name consists of letters, digits, '.', '_' and '-'",
    }
}

/// Returns true for the name of a tenant.
///
/// Source: [Multitenancy](https://docs.ceph.com/en/latest/radosgw/multitenancy/) of Ceph's gateway.
fn is_tenant(name: &str) -> bool {
    (1..=MAX_BUCKET_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Returns true if a new bucket may have this name. An access key and its secret, separated by `:`, rarely pass.
fn is_new_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (3..=63).contains(&name.len()) && name.bytes().all(legal)
}

fn user_agent(suffix: &str) -> Result<String> {
    let own = concat!("s3fs-rust/", env!("CARGO_PKG_VERSION"));
    if suffix.is_empty() {
        return Ok(own.to_owned());
    }
    let suffix = check_value("user-agent", suffix)?;
    Ok(format!("{own} {suffix}"))
}

#[cfg(test)]
mod tests {
    use crate::ext::FileSystemExt as _;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::SystemTime;

    use super::*;
    use crate::filesystem::FileSystem;
    use crate::s3::credentials::Credentials;
    use crate::s3::credentials::testing::Home;

    fn builder(name: &str) -> S3FsBuilder {
        S3FsBuilder::new(name)
            .aws_access_key_id("key")
            .aws_secret_access_key("secret")
            .region("us-east-1")
    }

    fn nowhere() -> Environment {
        Environment::from_pairs::<&str, &str>([])
    }

    fn url_of(builder: S3FsBuilder) -> String {
        let url = builder.build_in(nowhere()).unwrap().geturl("k").unwrap();
        url.split('?').next().unwrap().to_owned()
    }

    #[test]
    #[cfg(feature = "rustls")]
    fn the_addressing_style_follows_endpoint_and_name() {
        let table = [
            (
                "mybucket",
                None,
                "https://mybucket.s3.us-east-1.amazonaws.com/k",
            ),
            (
                "my.bucket",
                None,
                "https://s3.us-east-1.amazonaws.com/my.bucket/k",
            ),
            (
                "My_Bucket",
                None,
                "https://s3.us-east-1.amazonaws.com/My_Bucket/k",
            ),
            (
                "mybucket",
                Some("http://127.0.0.1:9000"),
                "http://127.0.0.1:9000/mybucket/k",
            ),
            (
                "mybucket",
                Some("http://[::1]:9000"),
                "http://[::1]:9000/mybucket/k",
            ),
            (
                "mybucket",
                Some("https://minio.example/s3"),
                "https://minio.example/s3/mybucket/k",
            ),
        ];
        for (name, endpoint, expected) in table {
            let mut builder = builder(name);
            if let Some(endpoint) = endpoint {
                builder = builder.endpoint_url(endpoint);
            }
            assert_eq!(url_of(builder), expected);
        }
        let china = builder("mybucket").region("cn-north-1");
        assert_eq!(
            url_of(china),
            "https://mybucket.s3.cn-north-1.amazonaws.com.cn/k"
        );
    }

    #[test]
    fn the_endpoints_of_r2_get_equal_parts_by_default() {
        let r2 = "http://account.eu.r2.cloudflarestorage.com";
        for (endpoint, asked, expected) in [
            (r2, None, true),
            (r2, Some(false), false),
            ("http://127.0.0.1:9", None, false),
            ("http://127.0.0.1:9", Some(true), true),
            ("http://r2.cloudflarestorage.com.example", None, false),
        ] {
            let mut builder = builder("mybucket").endpoint_url(endpoint).max_parts(7);
            if let Some(asked) = asked {
                builder = builder.equal_parts(asked);
            }
            let sizes = builder.build_in(nowhere()).unwrap().objects().part_sizes();
            assert_eq!(sizes.are_equal(), expected, "{endpoint} {asked:?}");
            assert_eq!(sizes.max_parts(), 7);
        }
    }

    #[test]
    fn a_bucket_of_a_tenant_is_encoded_in_urls_outside_aws() {
        let with = |name: &str, endpoint: Option<&str>| {
            let builder = builder(name);
            match endpoint {
                Some(endpoint) => builder.endpoint_url(endpoint),
                None => builder,
            }
        };
        let local = Some("http://127.0.0.1:9000");
        let url = url_of(with("acme_1:my-bucket", local));
        assert_eq!(url, "http://127.0.0.1:9000/acme_1%3Amy-bucket/k");
        let fs = with("acme_1:my-bucket", local).build_in(nowhere()).unwrap();
        let url = fs.geturl_for("d/k", "fs").unwrap();
        let read = crate::fs_url::FsUrl::parse(&url).unwrap();
        assert_eq!(read.resource(), "acme_1:my-bucket/d/k");
        for url in ["s3://k:s@acme_1:my-bucket/d", "s3://acme_1:my-bucket/d"] {
            let read = crate::fs_url::FsUrl::parse(url).unwrap();
            assert_eq!(read.resource(), "acme_1:my-bucket/d");
        }
        for name in [
            "a:b:ccc",
            ":bucket",
            "acme:",
            "ac me:bucket",
            "acme:Secret",
            "acme:b",
        ] {
            assert!(with(name, local).build_in(nowhere()).is_err(), "{name}");
        }
        let aws = Some("http://s3.eu-west-1.amazonaws.com");
        assert!(with("acme:bucket", aws).build_in(nowhere()).is_err());
        assert!(with("acme:bucket", None).build_in(nowhere()).is_err());
        let hosted = with("acme:bucket", Some("http://localhost:9000"))
            .addressing_style(AddressingStyle::VirtualHost);
        assert!(hosted.build_in(nowhere()).is_err());
    }

    #[test]
    fn an_explicit_endpoint_of_aws_counts_as_aws() {
        let https = cfg!(feature = "rustls").then_some([
            (None, true),
            (Some("https://s3.eu-west-1.amazonaws.com"), true),
            (Some("https://s3.cn-north-1.amazonaws.com.cn"), true),
            (Some("https://amazonaws.com.example"), false),
        ]);
        let http = [
            (Some("http://s3.eu-west-1.amazonaws.com"), true),
            (Some("http://127.0.0.1:9000"), false),
        ];
        for (endpoint, expected) in https.into_iter().flatten().chain(http) {
            let builder = builder("mybucket");
            let builder = match endpoint {
                Some(endpoint) => builder.endpoint_url(endpoint),
                None => builder,
            };
            let fs = builder.build_in(nowhere()).unwrap();
            let objects = fs.objects();
            assert_eq!(objects.honours_conditions(), expected, "{endpoint:?}");
            let checksum = objects.upload_args(&UploadArgs::new()).checksum();
            let crc32 = Some(ChecksumAlgorithm::Crc32).filter(|_| expected);
            assert_eq!(checksum, crc32, "{endpoint:?}");
        }
    }

    #[test]
    fn the_addressing_style_can_be_set() {
        let virtual_host = builder("mybucket")
            .endpoint_url("http://s3.localhost:9000")
            .addressing_style(AddressingStyle::VirtualHost);
        assert_eq!(url_of(virtual_host), "http://mybucket.s3.localhost:9000/k");
        let on_an_ip = builder("mybucket")
            .endpoint_url("http://127.0.0.1:9000")
            .addressing_style(AddressingStyle::VirtualHost);
        assert!(on_an_ip.build_in(nowhere()).is_err());
    }

    #[test]
    fn an_impossible_parameter_is_an_error_at_construction() {
        let base = || builder("mybucket").endpoint_url("http://127.0.0.1:9");
        let broken = [
            base().endpoint_url("127.0.0.1:9000"),
            base().endpoint_url("ftp://127.0.0.1"),
            base().endpoint_url("http://user:pw@127.0.0.1"),
            base().endpoint_url("http://127.0.0.1/?a=b"),
            base().endpoint_url("http://"),
            base().region("eu west"),
            base().dir_path("../x"),
            base().delimiter(""),
            base().max_workers(0),
            base().max_parts(0),
            base().max_parts(10_001),
            base().stall_timeout(Duration::ZERO),
            base().operation_timeout(Duration::ZERO),
            base().max_attempts(0),
            base().user_agent_suffix("a\r\nb"),
            base().acl("pri\nvate"),
        ];
        for (number, builder) in broken.into_iter().enumerate() {
            assert!(builder.build_in(nowhere()).is_err(), "number {number}");
        }
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "a?b",
            "é",
            "a\0",
            &"x".repeat(256),
        ] {
            let builder = builder(name).endpoint_url("http://127.0.0.1:9");
            let error = builder.build_in(nowhere()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name:?}");
        }
    }

    #[test]
    #[cfg(not(feature = "rustls"))]
    fn https_without_the_tls_feature_is_an_error_at_construction() {
        let error = builder("mybucket").build_in(nowhere()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("rustls"), "{error}");
    }

    #[test]
    fn access_point_aliases_are_accepted_and_other_bucket_substitutes_are_refused() {
        let alias = "my-access-point-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias";
        assert_eq!(
            url_of(builder(alias).endpoint_url("http://127.0.0.1:9")),
            format!("http://127.0.0.1:9/{alias}/k")
        );
        for (name, words) in [
            ("arn:aws:s3:us-east-1:123456789012:accesspoint/x", "an ARN"),
            ("mfzwi23gnjvgw.mrap", "multi-Region"),
            ("x-1234--op-s3", "Outposts"),
        ] {
            let builder = builder(name).endpoint_url("http://127.0.0.1:9");
            let error = builder.build_in(nowhere()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn half_a_credential_is_an_error_at_construction() {
        let half = S3FsBuilder::new("b")
            .aws_access_key_id("key")
            .endpoint_url("http://127.0.0.1:9");
        let error = half.build_in(nowhere()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CreateFailed);
        assert!(error.to_string().contains("secret"), "{error}");
    }

    /// Responds to each request to the listener: with an error for expired credentials if the request is signed with the
    /// key `old`, otherwise with an object. Returns the number of requests.
    fn answer(listener: &TcpListener, requests: usize) -> usize {
        let old = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 40\r\n\r\n\
                   <Error><Code>ExpiredToken</Code></Error>";
        let new =
            "HTTP/1.1 200 OK\r\netag: \"e\"\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let asked = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            let is_old = asked.contains("X-Amz-Credential=old%2F");
            let answer = if is_old { old } else { new };
            stream.write_all(answer.as_bytes()).unwrap();
        }
        requests
    }

    #[test]
    fn expired_credentials_are_renewed_for_all_threads() {
        let file = |key| format!("[default]\naws_access_key_id={key}\naws_secret_access_key=s\n");
        let home = Home::with(&file("old"), "");
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let builder = S3FsBuilder::new("b")
            .endpoint_url(endpoint)
            .region("us-east-1");
        let fs = builder.build_in(home.environment([])).unwrap();
        home.write(".aws/credentials", file("new"));
        thread::scope(|scope| {
            scope.spawn(|| answer(&listener, 2));
            assert_eq!(fs.readbytes("file").unwrap(), b"ok");
        });
        // From then on no request is signed with the old credentials, neither from a clone nor from many threads at once.
        let clone = fs.clone();
        thread::scope(|scope| {
            scope.spawn(|| answer(&listener, 16));
            for _ in 0..16 {
                scope.spawn(|| assert_eq!(clone.readbytes("file").unwrap(), b"ok"));
            }
        });
        assert_eq!(fs.stats().retries, 1);
    }

    /// Eight threads at once after the first credentials expire: one refresh, and no request with the old ones.
    #[test]
    fn expiring_credentials_are_replaced_once_before_a_server_refuses_them() {
        let seconds = Arc::new(AtomicU64::new(0));
        let asked = Arc::new(AtomicU64::new(0));
        let (clock, counter) = (Arc::clone(&seconds), Arc::clone(&asked));
        let began = SystemTime::now();
        let now = move || began + Duration::from_secs(clock.load(Ordering::Relaxed));
        let source_now = now.clone();
        let source = move || {
            let key = ["old", "new"][counter.fetch_add(1, Ordering::Relaxed).min(1) as usize];
            let hour = Duration::from_secs(3600);
            Ok(Credentials::new(key, "secret").with_expiry(source_now() + hour))
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut builder = S3FsBuilder::new("b").endpoint_url(endpoint);
        builder.settings.provider = Some(CachedCredentials::with_clock(source, now));
        let fs = builder.build_in(nowhere()).unwrap();
        assert!(fs.geturl("file").unwrap().contains("=old%2F"));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        seconds.store(3601, Ordering::Relaxed);
        let barrier = Barrier::new(8);
        thread::scope(|scope| {
            scope.spawn(|| answer(&listener, 8));
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    assert_eq!(fs.readbytes("file").unwrap(), b"ok");
                });
            }
        });
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!(fs.stats().retries, 0);
    }
}
