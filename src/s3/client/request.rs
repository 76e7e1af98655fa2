//! [`Request`]: a request to S3 as a value, and its signed URL.

use std::time::{Duration, SystemTime};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusty_s3::{Bucket, Method};
use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::operation::Operation;
use crate::s3::credentials::Credentials;
use crate::s3::key::Key;

/// Validity of a request's signature, in seconds. It is short, so that a captured URL is of little use.
const SIGNATURE_SECONDS: u64 = 300;

/// The characters to encode in a query: all but RFC 3986's unreserved ones.
pub(crate) const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request to S3, before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) operation: Operation,
    /// `None` for a request to the bucket itself.
    pub(crate) key: Option<&'a Key>,
    pub(crate) query: Vec<(&'static str, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<&'a [u8]>,
    /// Timeout for the request with all its attempts, if it is shorter than that of other requests.
    pub(crate) within: Option<Duration>,
}

impl<'a> Request<'a> {
    /// Creates a request for an object.
    pub(crate) fn object(operation: Operation, key: &'a Key) -> Self {
        Self {
            operation,
            key: Some(key),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            within: None,
        }
    }

    /// Creates a request for the bucket.
    pub(crate) fn bucket(operation: Operation) -> Self {
        Self {
            operation,
            key: None,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            within: None,
        }
    }

    /// Returns the key, or the prefix of a listing, for the log.
    pub(super) fn subject(&self) -> &str {
        let prefix = || {
            let pair = self.query.iter().find(|(name, _)| *name == "prefix");
            pair.map(|(_, prefix)| prefix.as_str())
        };
        let key = self.key.map(Key::as_str);
        key.or_else(prefix).unwrap_or_default()
    }

    /// Sets the timeout for the request with all its attempts.
    pub(crate) fn within(mut self, time: Option<Duration>) -> Self {
        self.within = time;
        self
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a query parameter if there is a value for it.
    pub(crate) fn query_if(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a header. Its name must be in lower case.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a header if there is a value for it.
    pub(crate) fn header_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Adds headers.
    pub(crate) fn headers(mut self, headers: Vec<(String, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Removes all but the first of the headers with the same name.
    pub(crate) fn without_repeats(mut self) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        self.headers.retain(|(name, _)| seen.insert(name.clone()));
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: &'a [u8]) -> Self {
        self.body = Some(body);
        self
    }

    /// Returns the request's URL, signed for the time `now` if there are credentials.
    pub(crate) fn url(
        &self,
        bucket: &Bucket,
        credentials: Option<&Credentials>,
        now: SystemTime,
    ) -> Result<Url> {
        let on = match self.key {
            Some(key) => Resource::Object(key),
            None if self.operation == Operation::ListBuckets => Resource::Endpoint,
            None => Resource::Bucket,
        };
        sign(
            &Unsigned {
                method: self.operation.method(),
                on,
                query: &self.query,
                headers: &self.headers,
            },
            bucket,
            credentials,
            now,
            SIGNATURE_SECONDS,
        )
    }
}

/// The resource that a request is for.
#[derive(Clone, Copy)]
pub(crate) enum Resource<'a> {
    Object(&'a Key),
    Bucket,
    /// The endpoint, independent of the client's bucket. Only in path style, where the bucket is not part of the host.
    Endpoint,
}

impl Resource<'_> {
    fn url(self, bucket: &Bucket) -> Url {
        match self {
            Self::Object(key) => bucket.object_url(key.as_str()),
            Self::Bucket => bucket.base_url().clone(),
            Self::Endpoint => {
                let mut url = bucket.base_url().clone();
                // An http or https URL always has path segments.
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().pop().push("");
                }
                url
            }
        }
    }
}

/// The parts of a URL to sign.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: Method,
    pub(crate) on: Resource<'a>,
    pub(crate) query: &'a [(&'static str, String)],
    /// Names in lower case; those that begin with `x-amz-` are signed, as S3 requires.
    pub(crate) headers: &'a [(String, String)],
}

/// Returns the URL, signed with Signature Version 4 in its query, or unsigned without credentials.
///
/// Source: [Authenticating requests: query parameters](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
pub(crate) fn sign(
    unsigned: &Unsigned<'_>,
    bucket: &Bucket,
    credentials: Option<&Credentials>,
    now: SystemTime,
    seconds: u64,
) -> Result<Url> {
    let mut url = unsigned.on.url(bucket);
    let mut query: Vec<(&str, &str)> = borrowed(unsigned.query);
    query.sort_unstable();
    let Some(credentials) = credentials else {
        url.set_query((!query.is_empty()).then(|| plain_query(&query)).as_deref());
        return Ok(url);
    };
    let mut signed: Vec<(&str, &str)> = unsigned
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-amz-"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    signed.sort_unstable();
    let date = now.try_into().map_err(|_| {
        Error::new(ErrorKind::OperationFailed)
            .with_message("the system clock is outside the years that can be signed")
    })?;
    Ok(rusty_s3::signing::sign(
        &date,
        unsigned.method,
        url,
        credentials.access_key_id(),
        credentials.secret_access_key(),
        credentials.session_token(),
        bucket.region(),
        seconds,
        query.iter().copied(),
        signed.iter().copied(),
    ))
}

fn borrowed<'a>(query: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    query
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

fn plain_query(query: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, QUERY).to_string();
    let pairs: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusty_s3::UrlStyle;
    use std::time::{Duration, UNIX_EPOCH};

    fn bucket() -> Bucket {
        let endpoint = "https://s3.amazonaws.com".parse().unwrap();
        Bucket::new(
            endpoint,
            UrlStyle::VirtualHost,
            "examplebucket",
            "us-east-1",
        )
        .unwrap()
    }

    /// Checks the example in AWS's "Authenticating requests: query parameters".
    #[test]
    fn a_signed_url_is_the_one_that_aws_documents() {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        );
        let key = Key::new("test.txt").unwrap();
        let unsigned = Unsigned {
            method: Method::Get,
            on: Resource::Object(&key),
            query: &[],
            headers: &[],
        };
        let now = UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let url = sign(&unsigned, &bucket(), Some(&credentials), now, 86_400).unwrap();
        assert_eq!(
            url.as_str(),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&\
             X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&\
             X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn an_anonymous_url_is_not_signed() {
        let request = Request::bucket(Operation::ListObjectsV2)
            .query("prefix", "a b/+é&")
            .query("list-type", "2");
        let url = request.url(&bucket(), None, UNIX_EPOCH).unwrap();
        assert_eq!(
            url.as_str(),
            "https://examplebucket.s3.amazonaws.com/?list-type=2&prefix=a%20b%2F%2B%C3%A9%26"
        );
        let key = Key::new("a").unwrap();
        let url = Request::object(Operation::GetObject, &key)
            .url(&bucket(), None, UNIX_EPOCH)
            .unwrap();
        assert_eq!(url.as_str(), "https://examplebucket.s3.amazonaws.com/a");
    }

    #[test]
    fn buckets_are_listed_at_the_root_of_the_endpoint() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/"),
            ("http://127.0.0.1:9000/s3/", "http://127.0.0.1:9000/s3/"),
            (
                "https://s3.eu-west-1.amazonaws.com",
                "https://s3.eu-west-1.amazonaws.com/",
            ),
        ] {
            let endpoint = endpoint.parse().unwrap();
            let bucket = Bucket::new(endpoint, UrlStyle::Path, "b", "us-east-1").unwrap();
            let request = Request::bucket(Operation::ListBuckets);
            let url = request.url(&bucket, None, UNIX_EPOCH).unwrap();
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn every_amz_header_is_signed_and_no_other() {
        let credentials = Credentials::new("key", "secret").with_session_token("token");
        let key = Key::new("a").unwrap();
        let url = Request::object(Operation::PutObject, &key)
            .header("x-amz-storage-class", "STANDARD_IA")
            .header("content-type", "text/plain")
            .header("x-amz-acl", "private")
            .url(&bucket(), Some(&credentials), UNIX_EPOCH)
            .unwrap();
        let query = url.query().unwrap();
        assert!(
            query.contains("X-Amz-SignedHeaders=host%3Bx-amz-acl%3Bx-amz-storage-class&"),
            "{query}"
        );
        assert!(query.contains("X-Amz-Security-Token=token"), "{query}");
        assert!(query.contains("X-Amz-Expires=300"), "{query}");
    }

    #[test]
    fn an_odd_key_is_exact_in_the_url() {
        for (key, path) in [
            ("a//b", "/a//b"),
            ("/lead", "//lead"),
            ("a+b %c?#", "/a%2Bb%20%25c%3F%23"),
            ("trail/", "/trail/"),
            ("a\u{1}\n", "/a%01%0A"),
        ] {
            let key = Key::new(key).unwrap();
            let url = Request::object(Operation::GetObject, &key)
                .url(&bucket(), None, UNIX_EPOCH)
                .unwrap();
            assert_eq!(url.path(), path);
        }
    }
}
