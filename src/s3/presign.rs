//! [`Presign`]: a URL that allows its holder one operation on one object for a limited time.

use std::fmt;
use std::time::{Duration, SystemTime};

use rusty_s3::Method;
use time::OffsetDateTime;

use crate::dates::format_http_date;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::Client;
use crate::s3::key::Key;

/// The default lifetime of a presigned URL: an hour, as in Python's S3FS.
const DEFAULT_SECONDS: u64 = 3600;

/// Maximum lifetime of a URL with Signature Version 4: 7 days.
const MAX_SECONDS: u64 = 7 * 24 * 3600;

/// The operation that a presigned URL allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PresignMethod {
    /// Download the object.
    #[default]
    Get,
    /// Store the object.
    Put,
    /// Read the headers of the object.
    Head,
    /// Delete the object.
    Delete,
}

/// Builder for a presigned URL. [`S3Fs::presign`](crate::S3Fs::presign) returns it, and [`url`](Self::url) builds the
/// URL. No request is made, and nothing is checked on the server.
///
/// A URL signed with temporary credentials is valid at most until they expire. It is then signed for a shorter time, the
/// log has a warning, and [`PresignedUrl::expires_at`] returns the time. Without credentials the URL is the object's
/// plain one.
///
/// Source: [Sharing objects with presigned URLs](https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html).
///
/// ```
/// use std::time::Duration;
/// use s3fs::S3Fs;
///
/// let fs = S3Fs::builder("mybucket")
///     .endpoint_url("http://127.0.0.1:9000")
///     .aws_access_key_id("key")
///     .aws_secret_access_key("secret")
///     .build()?;
/// let url = fs
///     .presign("report.csv")?
///     .expires(Duration::from_secs(600))
///     .content_disposition("attachment; filename=\"report.csv\"")
///     .url()?;
/// assert!(url.starts_with("http://127.0.0.1:9000/mybucket/report.csv?X-Amz-"));
/// # Ok::<(), s3fs::Error>(())
/// ```
#[must_use = "call url() to create the URL"]
pub struct Presign<'a> {
    client: &'a Client,
    path: String,
    key: Key,
    method: PresignMethod,
    expires: Duration,
    query: Vec<(&'static str, String)>,
}

impl fmt::Debug for Presign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presign")
            .field("path", &self.path)
            .field("method", &self.method)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl<'a> Presign<'a> {
    pub(super) fn new(client: &'a Client, path: &str, key: Key) -> Self {
        Self {
            client,
            path: path.to_owned(),
            key,
            method: PresignMethod::Get,
            expires: Duration::from_secs(DEFAULT_SECONDS),
            query: Vec::new(),
        }
    }

    /// Adds the payer as a query parameter, because the holder of the URL may be unable to send a header. An unsigned URL
    /// has no payer, because nobody can be charged for it.
    ///
    /// Source: [Downloading objects from Requester Pays buckets](https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html).
    pub(super) fn paid_by(self, payer: Option<&str>) -> Self {
        match payer.filter(|_| !self.client.is_anonymous()) {
            Some(payer) => self.set("x-amz-request-payer", payer),
            None => self,
        }
    }

    /// The lifetime of the URL: whole seconds, 1 s to 7 days. Defaults to an hour.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.expires = expires;
        self
    }

    /// The operation that the URL allows. Defaults to a download.
    pub fn method(mut self, method: PresignMethod) -> Self {
        self.method = method;
        self
    }

    /// The version of the object.
    pub fn version_id(self, version_id: impl Into<String>) -> Self {
        self.set("versionId", version_id)
    }

    /// The `Content-Type` of the response, instead of the object's.
    pub fn content_type(self, value: impl Into<String>) -> Self {
        self.set("response-content-type", value)
    }

    /// The `Content-Disposition` of the response, instead of the object's.
    pub fn content_disposition(self, value: impl Into<String>) -> Self {
        self.set("response-content-disposition", value)
    }

    /// The `Content-Encoding` of the response, instead of the object's.
    pub fn content_encoding(self, value: impl Into<String>) -> Self {
        self.set("response-content-encoding", value)
    }

    /// The `Content-Language` of the response, instead of the object's.
    pub fn content_language(self, value: impl Into<String>) -> Self {
        self.set("response-content-language", value)
    }

    /// The `Cache-Control` of the response, instead of the object's.
    pub fn cache_control(self, value: impl Into<String>) -> Self {
        self.set("response-cache-control", value)
    }

    /// The `Expires` of the response, instead of the object's.
    pub fn response_expires(self, when: OffsetDateTime) -> Self {
        self.set(
            "response-expires",
            format_http_date(when).unwrap_or_default(),
        )
    }

    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.retain(|(set, _)| *set != name);
        self.query.push((name, value.into()));
        self
    }

    /// Returns the URL. The URL is a secret: anyone who has it can use it.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for an expiry outside of 1 s to 7 days, and for response headers
    /// without credentials, which S3 rejects. The errors of the source of the credentials, if it has to be queried.
    pub fn url(self) -> Result<String> {
        self.sign().map(PresignedUrl::into_url)
    }

    /// Returns the URL and its expiry time.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use s3fs::{Credentials, S3Fs};
    ///
    /// let expiry = SystemTime::now() + Duration::from_secs(60);
    /// let credentials = Credentials::new("key", "secret").with_session_token("token").with_expiry(expiry);
    /// let fs = S3Fs::builder("mybucket")
    ///     .endpoint_url("http://127.0.0.1:9000")
    ///     .credentials_provider(credentials)
    ///     .build()?;
    /// let signed = fs.presign("report.csv")?.expires(Duration::from_secs(3600)).sign()?;
    /// assert!(signed.expires_at().is_some_and(|end| end <= expiry));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`url`](Self::url).
    pub fn sign(self) -> Result<PresignedUrl> {
        let invalid = |message: String| {
            Err(Error::new(ErrorKind::InvalidArgument)
                .with_path(&self.path)
                .with_message(message))
        };
        let seconds = self.expires.as_secs();
        if self.expires.subsec_nanos() != 0 || !(1..=MAX_SECONDS).contains(&seconds) {
            return invalid(format!(
                "a presigned URL is valid for 1 s to 7 days in whole seconds, not for {:?}",
                self.expires
            ));
        }
        let overrides = self.query.iter().any(|(name, _)| name.starts_with("resp"));
        if overrides && self.client.is_anonymous() {
            return invalid("an unsigned URL cannot set headers of the response".to_owned());
        }
        let method = match self.method {
            PresignMethod::Get => Method::Get,
            PresignMethod::Put => Method::Put,
            PresignMethod::Head => Method::Head,
            PresignMethod::Delete => Method::Delete,
        };
        let (url, expires_at) = self
            .client
            .presign(method, &self.key, &self.query, seconds)?;
        Ok(PresignedUrl { url, expires_at })
    }
}

/// A presigned URL and its expiry time. `Debug` does not show the URL, which is a secret.
#[derive(Clone)]
pub struct PresignedUrl {
    url: String,
    expires_at: Option<SystemTime>,
}

impl PresignedUrl {
    /// Returns the URL. The URL is a secret: anyone who has it can use it.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Returns the URL. The URL is a secret: anyone who has it can use it.
    pub fn into_url(self) -> String {
        self.url
    }

    /// Returns the time at which the URL expires: the end of the requested lifetime, or the expiry of its credentials if
    /// that is earlier. `None` if the URL is not signed.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedUrl")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
