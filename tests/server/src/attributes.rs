//! Headers of PUT, CopyObject and CreateMultipartUpload that describe the object, and that GET and HEAD
//! return.
//!
//! These functions read the raw headers instead of `s3s`'s input structs: one function serves the three operations,
//! and values are returned unchanged.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::{S3ErrorCode, S3Result};

use super::answers::{error_with, header_value, http_date};
use super::checksum;
use super::content::Content;
use super::store::Object;

/// Headers that belong to the object and are replaced with its metadata.
const STANDARD: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-website-redirect-location",
];

/// Headers that belong to the object and are taken from each request alone.
const PER_REQUEST: [&str; 6] = [
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
];

const CUSTOMER: &str = "x-amz-server-side-encryption-customer-";

/// S3's limit for all user metadata of an object, names and values.
const METADATA_LIMIT: usize = 2048;

/// Returns the object that these request headers describe, still without content.
pub fn from_request(headers: &HeaderMap) -> S3Result<Object> {
    let mut object = Object::new(Content::from(Vec::new()));
    object.headers.append(&mut metadata(headers)?);
    object.headers.append(&mut per_request(headers));
    object.storage_class = storage_class(headers)?;
    object.tags = tags(headers)?;
    object.customer_key_md5 = customer_key(headers, CUSTOMER)?;
    Ok(object)
}

/// Returns the replaceable part: the standard headers and the user metadata.
pub fn metadata(headers: &HeaderMap) -> S3Result<BTreeMap<String, String>> {
    let mut kept = BTreeMap::new();
    let mut size = 0;
    for name in headers.keys() {
        let name = name.as_str();
        let user = name.strip_prefix("x-amz-meta-");
        if user.is_none() && !STANDARD.contains(&name) {
            continue;
        }
        let value = joined(headers, name);
        size += user.map_or(0, |user| user.len() + value.len());
        kept.insert(name.to_owned(), value);
    }
    if size > METADATA_LIMIT {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(error_with(S3ErrorCode::MetadataTooLarge, message));
    }
    strip_aws_chunked(&mut kept);
    Ok(kept)
}

/// Returns encryption and locks, which a copy does not inherit.
pub fn per_request(headers: &HeaderMap) -> BTreeMap<String, String> {
    PER_REQUEST
        .into_iter()
        .filter(|name| headers.contains_key(*name))
        .map(|name| (name.to_owned(), joined(headers, name)))
        .collect()
}

/// Whether the metadata directive keeps this header from the source.
pub fn is_metadata(name: &str) -> bool {
    name.starts_with("x-amz-meta-") || STANDARD.contains(&name)
}

/// Removes `aws-chunked`, which describes the request and not the object.
fn strip_aws_chunked(headers: &mut BTreeMap<String, String>) {
    let Some(encoding) = headers.remove("content-encoding") else {
        return;
    };
    let rest: Vec<_> = encoding
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    if !rest.is_empty() {
        headers.insert("content-encoding".into(), rest.join(","));
    }
}

/// Returns the request's storage class, or STANDARD, whatever class the source of a copy has.
pub fn storage_class(headers: &HeaderMap) -> S3Result<String> {
    const KNOWN: [&str; 9] = [
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "GLACIER_IR",
        "DEEP_ARCHIVE",
        "EXPRESS_ONEZONE",
    ];
    let class = text(headers, "x-amz-storage-class").unwrap_or("STANDARD");
    if KNOWN.contains(&class) {
        return Ok(class.to_owned());
    }
    let message = "The storage class you specified is not valid";
    Err(error_with(S3ErrorCode::InvalidStorageClass, message))
}

/// Returns the tags of `x-amz-tagging`, which has the form of a query string.
pub fn tags(headers: &HeaderMap) -> S3Result<Vec<(String, String)>> {
    let tagging = text(headers, "x-amz-tagging").unwrap_or_default();
    let tags = super::request::query_pairs(tagging);
    super::tagging::check(&tags)?;
    Ok(tags)
}

/// Returns the MD5 of the customer key, checked against the key. `prefix` selects the headers: an object's
/// own, or the copy source's.
pub fn customer_key(headers: &HeaderMap, prefix: &str) -> S3Result<Option<String>> {
    let invalid = |message| error_with(S3ErrorCode::InvalidArgument, message);
    let get = |name| text(headers, &format!("{prefix}{name}"));
    let (Some(key), Some(md5)) = (get("key"), get("key-md5")) else {
        return match get("algorithm") {
            Some(_) => Err(invalid(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
            )),
            None => Ok(None),
        };
    };
    if get("algorithm") != Some("AES256") {
        return Err(invalid(
            "The Encryption request you specified is not valid. Supported value: AES256.",
        ));
    }
    let key = checksum::unbase64(key).filter(|key| key.len() == 32);
    let key =
        key.ok_or_else(|| invalid("The secret key was invalid for the specified algorithm."))?;
    if checksum::base64(&checksum::md5(&key)) != md5 {
        return Err(invalid(
            "The calculated MD5 hash of the key did not match the hash that was provided.",
        ));
    }
    Ok(Some(md5.to_owned()))
}

/// Refuses to read an SSE-C object without its key, or any other object with a key.
pub fn check_customer_key(object: &Object, headers: &HeaderMap, prefix: &str) -> S3Result<()> {
    let given = customer_key(headers, prefix)?;
    if given == object.customer_key_md5 {
        return Ok(());
    }
    let message = if object.customer_key_md5.is_none() {
        "The encryption parameters are not applicable to this object."
    } else {
        "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
    };
    Err(error_with(S3ErrorCode::InvalidRequest, message))
}

/// Returns the ETag of an object for the ETag of its content. Under SSE-KMS and SSE-C it is not the MD5 of the content
/// ("Object", Amazon S3 API Reference, ETag).
pub fn etag(object: &Object, of_content: String) -> String {
    let class = object.headers.get("x-amz-server-side-encryption");
    let opaque = object.customer_key_md5.is_some()
        || class.is_some_and(|class| class.starts_with("aws:kms"));
    if !opaque {
        return of_content;
    }
    let salted = format!("{of_content} under {:?}", object.customer_key_md5);
    checksum::hex(&checksum::md5(salted.as_bytes()))
}

/// Returns the headers with which GET and HEAD describe an object.
pub fn to_response(object: &Object, with_checksums: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &object.headers {
        set(&mut headers, name, value);
    }
    set(&mut headers, "etag", &format!("\"{}\"", object.etag));
    set(&mut headers, "last-modified", &http_date(object.modified));
    set(&mut headers, "accept-ranges", "bytes");
    if object.storage_class != "STANDARD" {
        set(&mut headers, "x-amz-storage-class", &object.storage_class);
    }
    if !object.tags.is_empty() {
        let count = object.tags.len().to_string();
        set(&mut headers, "x-amz-tagging-count", &count);
    }
    if let Some(restore) = &object.restore {
        set(&mut headers, "x-amz-restore", restore);
    }
    if with_checksums {
        add_checksums(&mut headers, object);
    }
    headers.extend(encryption(object));
    headers
}

/// Sets the headers of an object that are not ASCII, as they were stored.
pub fn set_raw(headers: &mut HeaderMap, object: &Object) {
    for (name, value) in object.headers.iter().filter(|(_, value)| !value.is_ascii()) {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            headers.insert(name, header_value(value));
        }
    }
}

/// Returns the headers with which a write confirms the encryption of the object.
pub fn encryption(object: &Object) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &object.headers {
        if name.starts_with("x-amz-server-side-encryption") {
            set(&mut headers, name, value);
        }
    }
    if let Some(md5) = &object.customer_key_md5 {
        set(&mut headers, &format!("{CUSTOMER}algorithm"), "AES256");
        set(&mut headers, &format!("{CUSTOMER}key-md5"), md5);
    }
    headers
}

/// Adds `x-amz-checksum-*`, for responses that have them in headers.
pub fn add_checksums(headers: &mut HeaderMap, object: &Object) {
    for (algorithm, value) in &object.checksums {
        set(headers, &format!("x-amz-checksum-{algorithm}"), value);
    }
    if !object.checksums.is_empty() {
        set(headers, "x-amz-checksum-type", object.checksum_type);
    }
}

pub fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
        headers.insert(name, encoded(value));
    }
}

/// Encodes a value that is not ASCII as an RFC 2047 word, as S3 does ("Working with object metadata").
fn encoded(value: &str) -> HeaderValue {
    if value.is_ascii() {
        return header_value(value);
    }
    header_value(&format!(
        "=?UTF-8?B?{}?=",
        checksum::base64(value.as_bytes())
    ))
}

/// Returns all values of a header, joined as by S3.
fn joined(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter();
    let texts: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    texts.join(",")
}

/// Returns the value of a header, if it exists and is ASCII.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
