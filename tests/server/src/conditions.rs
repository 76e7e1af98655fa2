//! `If-Match` and related headers: on reads, on copy sources, on writes.
//!
//! Sources: GetObject, CopyObject and PutObject in the Amazon S3 API Reference; RFC 9110, section 13.2.2.

use std::collections::BTreeSet;
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue};
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::answers::{error, error_with};
use super::attributes::{set, text};
use super::store::Object;

/// A request with possible conditions, in whose handling stores differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarded {
    Put,
    Complete,
    /// The destination of CopyObject.
    Copy,
    /// The source of CopyObject and of UploadPartCopy.
    CopySource,
    Delete,
}

/// How a store handles conditions. AWS respects all of them.
#[derive(Default)]
pub struct Manners {
    /// Requests whose conditions are ignored.
    pub ignored: BTreeSet<Guarded>,
    /// Requests whose conditions are refused with 501.
    pub refused: BTreeSet<Guarded>,
    /// `If-Match` of a write matches only an ETag without its quotes.
    pub quoted_never_matches: bool,
}

impl Manners {
    /// Whether the conditions of this request count.
    fn count(&self, what: Guarded) -> S3Result<bool> {
        if self.refused.contains(&what) {
            return Err(not_implemented());
        }
        Ok(!self.ignored.contains(&what))
    }
}

fn not_implemented() -> S3Error {
    let message = "A header you provided implies functionality that is not implemented";
    error_with(S3ErrorCode::NotImplemented, message)
}

/// Checks the conditions of GET and HEAD: 412, or 304 with the ETag.
pub fn check_read(object: &Object, headers: &HeaderMap) -> S3Result<()> {
    match failed(object, headers, "") {
        None => Ok(()),
        Some(Failed::Match) => Err(error(S3ErrorCode::PreconditionFailed)),
        Some(Failed::NoneMatch) => Err(not_modified(object)),
    }
}

/// Checks the conditions on the source of a copy: always 412.
pub fn check_copy_source(manners: &Manners, object: &Object, headers: &HeaderMap) -> S3Result<()> {
    match failed(object, headers, "x-amz-copy-source-") {
        Some(_) if manners.count(Guarded::CopySource)? => {
            Err(error(S3ErrorCode::PreconditionFailed))
        }
        _ => Ok(()),
    }
}

/// Checks the conditions of PutObject, CompleteMultipartUpload and the destination of CopyObject.
pub fn check_write(
    manners: &Manners,
    what: Guarded,
    existing: Option<&Object>,
    headers: &HeaderMap,
) -> S3Result<()> {
    let (none_match, matches) = (text(headers, "if-none-match"), text(headers, "if-match"));
    if none_match.is_none() && matches.is_none() || !manners.count(what)? {
        return Ok(());
    }
    match none_match {
        None => {}
        Some("*") if existing.is_none() => {}
        Some("*") => return Err(error(S3ErrorCode::PreconditionFailed)),
        Some(_) => return Err(not_implemented()),
    }
    check_match(manners, matches, existing)
}

/// Checks `If-Match` of DeleteObject.
pub fn check_delete(
    manners: &Manners,
    existing: Option<&Object>,
    wanted: Option<&str>,
) -> S3Result<()> {
    if wanted.is_some() && manners.count(Guarded::Delete)? {
        return check_match(manners, wanted, existing);
    }
    Ok(())
}

fn check_match(manners: &Manners, wanted: Option<&str>, existing: Option<&Object>) -> S3Result<()> {
    match (wanted, existing) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(error(S3ErrorCode::NoSuchKey)),
        (Some(wanted), Some(_)) if manners.quoted_never_matches && wanted.contains('"') => {
            Err(error(S3ErrorCode::PreconditionFailed))
        }
        (Some(wanted), Some(object)) if matches_etag(wanted, object) => Ok(()),
        _ => Err(error(S3ErrorCode::PreconditionFailed)),
    }
}

enum Failed {
    Match,
    NoneMatch,
}

/// With an ETag condition, S3 ignores the date condition beside it.
fn failed(object: &Object, headers: &HeaderMap, prefix: &str) -> Option<Failed> {
    let etag = |name| text(headers, &format!("{prefix}{name}"));
    let date = |name| text(headers, &format!("{prefix}{name}")).and_then(parse_date);
    let modified = Timestamp::from(object.modified);

    let matches = match etag("if-match") {
        Some(wanted) => matches_etag(wanted, object),
        None => date("if-unmodified-since").is_none_or(|since| modified <= since),
    };
    if !matches {
        return Some(Failed::Match);
    }
    let unchanged = match etag("if-none-match") {
        Some(unwanted) => matches_etag(unwanted, object),
        None => date("if-modified-since")
            .is_some_and(|since| modified <= since && since <= Timestamp::from(SystemTime::now())),
    };
    unchanged.then_some(Failed::NoneMatch)
}

/// Whether the list of ETags, quoted or not, includes that of this object.
fn matches_etag(list: &str, object: &Object) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|etag| etag == "*" || etag.trim_matches('"') == object.etag)
}

fn parse_date(text: &str) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, text).ok()
}

fn not_modified(object: &Object) -> S3Error {
    let mut headers = HeaderMap::new();
    set(&mut headers, "etag", &format!("\"{}\"", object.etag));
    set(
        &mut headers,
        "last-modified",
        &super::answers::http_date(object.modified),
    );
    let cache = object.headers.get("cache-control");
    if let Some(Ok(cache)) = cache.map(|value| HeaderValue::from_str(value)) {
        headers.insert("cache-control", cache);
    }
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_headers(headers);
    error
}
