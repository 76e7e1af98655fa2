//! The bucket, the key and the operation of an HTTP request, in S3's terms.
//!
//! `s3s` determines these too, but only after it has checked the signature; the log and the faults need them
//! for every request.

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Method};

/// The target of a request.
#[derive(Clone, Debug)]
pub struct Target {
    pub bucket: String,
    pub key: String,
    /// S3's name, such as `GetObject`; `Unknown` for operations that S3 does not have.
    pub operation: &'static str,
    /// Every pair of the query, decoded.
    pub query: Vec<(String, String)>,
}

impl Target {
    pub fn of(parts: &Parts) -> Self {
        let path = parts.uri.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = match host_bucket(&parts.headers) {
            Some(bucket) => (bucket, path),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (percent_decode(bucket), key)
            }
        };
        let query = query_pairs(parts.uri.query().unwrap_or_default());
        let key = percent_decode(key);
        Self {
            operation: operation(parts, &query, bucket.is_empty(), key.is_empty()),
            bucket,
            key,
            query,
        }
    }

    /// The value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(given, _)| given == name)?;
        Some(&pair.1)
    }
}

/// Returns the bucket in a virtual-hosted `Host`, `bucket.localhost`. Addresses are not virtual hosts.
fn host_bucket(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    Some(name.strip_suffix(".localhost")?.to_owned())
}

fn operation(
    parts: &Parts,
    query: &[(String, String)],
    no_bucket: bool,
    no_key: bool,
) -> &'static str {
    let has = |name: &str| query.iter().any(|(given, _)| given == name);
    if no_bucket {
        return if parts.method == Method::GET {
            "ListBuckets"
        } else {
            "Unknown"
        };
    }
    if no_key {
        bucket_operation(&parts.method, &has)
    } else {
        object_operation(parts, &has)
    }
}

fn bucket_operation(method: &Method, has: &dyn Fn(&str) -> bool) -> &'static str {
    match method.as_str() {
        "GET" if has("location") => "GetBucketLocation",
        "GET" if has("versioning") => "GetBucketVersioning",
        "GET" if has("versions") => "ListObjectVersions",
        "GET" if has("uploads") => "ListMultipartUploads",
        "GET" if has("list-type") => "ListObjectsV2",
        "GET" => "ListObjects",
        "HEAD" => "HeadBucket",
        "PUT" if has("versioning") => "PutBucketVersioning",
        "PUT" => "CreateBucket",
        "DELETE" => "DeleteBucket",
        "POST" if has("delete") => "DeleteObjects",
        _ => "Unknown",
    }
}

fn object_operation(parts: &Parts, has: &dyn Fn(&str) -> bool) -> &'static str {
    let copies = parts.headers.contains_key("x-amz-copy-source");
    match parts.method.as_str() {
        "GET" if has("tagging") => "GetObjectTagging",
        "GET" if has("attributes") => "GetObjectAttributes",
        "GET" if has("uploadId") => "ListParts",
        "GET" => "GetObject",
        "HEAD" => "HeadObject",
        "PUT" if has("tagging") => "PutObjectTagging",
        "PUT" if has("partNumber") && copies => "UploadPartCopy",
        "PUT" if has("partNumber") => "UploadPart",
        "PUT" if copies => "CopyObject",
        "PUT" => "PutObject",
        "POST" if has("restore") => "RestoreObject",
        "POST" if has("uploads") => "CreateMultipartUpload",
        "POST" if has("uploadId") => "CompleteMultipartUpload",
        "DELETE" if has("tagging") => "DeleteObjectTagging",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        _ => "Unknown",
    }
}

/// Returns the pairs of a query string or form, decoded (`+` is a space).
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Decodes `%XX`; everything else stays.
pub fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
