//! Undoes the decoding of answers, which another crate of the program can enable in ureq, and which breaks
//! the content of objects.
//!
//! With its feature `gzip` (or `brotli`), ureq decompresses an answer with that `Content-Encoding`, and
//! removes that header and `Content-Length`. With `charset` it converts text to UTF-8. The content of an
//! object would change, its size would be unknown, and a range of it would be broken. Cargo unifies
//! features, and ureq has no setting against it. So a decoded answer is not read: the object is requested
//! again with an encoding and a type that ureq leaves alone, which S3 returns on request
//! (`response-content-encoding`, `response-content-type`), and the original headers are restored.
//!
//! An answer in chunks, or one that still lacks its length, may be decoded or not. Its reader determines
//! that ([`answer`](crate::s3::read::answer)).

use std::io::Read as _;
use std::sync::LazyLock;

use ureq::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, TRANSFER_ENCODING};
use ureq::http::{HeaderMap, HeaderValue, StatusCode};

use crate::error::{Error, ErrorKind};
use crate::s3::client::{Operation, Request};
use crate::s3::key::Key;

/// The changes to a request that keep ureq from decoding its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Undecoded {
    encoding: bool,
    charset: bool,
}

impl Undecoded {
    /// Returns the changes that the headers of an answer require, or `None` if it was not decoded.
    pub(super) fn needed(
        operation: Operation,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let is_read = matches!(operation, Operation::GetObject | Operation::HeadObject);
        // An answer without an ETag is not an object.
        if !is_read || !status.is_success() || !headers.contains_key(ETAG) {
            return None;
        }
        let needed = Self {
            encoding: is_decompressed(operation, headers),
            charset: operation == Operation::GetObject && is_rewritten(headers),
        };
        (needed != Self::default()).then_some(needed)
    }

    /// Returns the changed request.
    pub(super) fn request<'a>(self, request: &Request<'a>) -> Request<'a> {
        let mut request = request.clone();
        if self.encoding {
            request = request.query("response-content-encoding", "identity");
        }
        if self.charset {
            request = request.query("response-content-type", "application/octet-stream");
        }
        request
    }

    /// Returns true if the answer is certain to be decoded. An answer without a length may be as stored.
    pub(super) fn is_certain(self) -> bool {
        self.charset
    }

    /// Restores the headers of the changed request's answer. The headers `before`, of the first answer, are right
    /// as far as they are present.
    ///
    /// # Errors
    ///
    /// Returns `Unsupported` if the text was converted again.
    pub(super) fn restore(
        self,
        request: &Request<'_>,
        before: &HeaderMap,
        headers: &mut HeaderMap,
    ) -> Result<(), Error> {
        if self.encoding && headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_ENCODING, encoding_of(request.key));
        } else if self.encoding
            && headers
                .get(CONTENT_ENCODING)
                .is_some_and(|encoding| encoding == "identity")
        {
            // The store never sends a length, so it is unknown whether ureq removed one. Any other encoding
            // comes from an intermediary that compresses answers.
            headers.remove(CONTENT_ENCODING);
        }
        if self.charset {
            if is_rewritten(headers) {
                return Err(unsupported());
            }
            if let Some(content_type) = before.get(CONTENT_TYPE) {
                headers.insert(CONTENT_TYPE, content_type.clone());
            }
        }
        Ok(())
    }
}

/// Returns the error for a decoded answer that cannot be requested in another form.
pub(crate) fn unsupported() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_message(
            "its content would be decoded in transit, or its length is unknown: another crate of \
             this program enables the feature gzip, brotli or charset of ureq, and the store \
             encodes its responses regardless, or never returns the length of an object",
        )
        .with_hint("build without that feature, or provide credentials")
}

/// Returns true if the answer was probably decompressed. S3 sends the length of an object, so if both length and
/// encoding are missing, ureq most likely removed them. Content in chunks does not count, because it may come
/// from an intermediary.
fn is_decompressed(operation: Operation, headers: &HeaderMap) -> bool {
    let is_in_chunks = operation == Operation::GetObject && headers.contains_key(TRANSFER_ENCODING);
    let has_either = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(CONTENT_ENCODING);
    !has_either && !is_in_chunks
}

/// Returns the encoding that ureq removed. ureq supports two, and does not report which one it was.
fn encoding_of(key: Option<&Key>) -> HeaderValue {
    let brotli = key.is_some_and(|key| key.as_str().ends_with(".br"));
    HeaderValue::from_static(if brotli { "br" } else { "gzip" })
}

/// Returns true if ureq converts this text to UTF-8.
fn is_rewritten(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    let Some(content_type) = content_type.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    has_other_charset(content_type) && *REWRITES
}

fn has_other_charset(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_text = parts.next().is_some_and(|kind| kind.starts_with("text/"));
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    is_text && charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8"))
}

/// Whether ureq is built with `charset`, determined with a byte of Latin-1.
static REWRITES: LazyLock<bool> = LazyLock::new(|| {
    let mut body = ureq::Body::builder()
        .mime_type("text/plain")
        .charset("iso-8859-1")
        .data([0xe9]);
    let mut bytes = Vec::new();
    let read = body.as_reader().read_to_end(&mut bytes);
    read.is_err() || bytes != [0xe9]
});

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            let name = ureq::http::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_response_without_its_length_was_decompressed() {
        let (length, chunked) = (("content-length", "5"), ("transfer-encoding", "chunked"));
        let close = ("connection", "close");
        let encoding = ("content-encoding", "gzip");
        for (pairs, operation, status, expected) in [
            (vec![length], Operation::GetObject, 200, false),
            (vec![], Operation::GetObject, 200, true),
            (vec![], Operation::HeadObject, 200, true),
            (vec![], Operation::ListObjectsV2, 200, false),
            (vec![], Operation::PutObject, 200, false),
            (vec![chunked], Operation::GetObject, 200, false),
            (vec![chunked], Operation::GetObject, 206, false),
            (vec![chunked], Operation::HeadObject, 200, true),
            (vec![close], Operation::GetObject, 200, true),
            (vec![close], Operation::HeadObject, 200, true),
            (vec![close, length], Operation::HeadObject, 200, false),
            (vec![encoding], Operation::GetObject, 200, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let mut headers = headers(&pairs);
            headers.insert(ETAG, HeaderValue::from_static("\"e\""));
            let needed = Undecoded::needed(operation, status, &headers);
            assert_eq!(needed.is_some(), expected, "{operation:?} {pairs:?}");
        }
        let refused = Undecoded::needed(
            Operation::GetObject,
            StatusCode::NOT_FOUND,
            &HeaderMap::new(),
        );
        assert_eq!(refused, None);
    }

    #[test]
    fn only_text_in_another_charset_could_be_rewritten() {
        for (content_type, expected) in [
            ("text/plain", false),
            ("text/plain; charset=utf-8", false),
            ("text/plain; charset=UTF-8", false),
            ("text/html;charset=iso-8859-1", true),
            ("application/xml; charset=iso-8859-1", false),
            ("", false),
        ] {
            assert_eq!(has_other_charset(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn the_original_headers_are_restored() {
        let key = Key::new("a.txt").unwrap();
        let request = Request::object(Operation::GetObject, &key);
        let both = Undecoded {
            encoding: true,
            charset: true,
        };
        let asked = both.request(&request);
        assert_eq!(asked.query.len(), 2);
        let before = headers(&[("content-type", "text/plain; charset=latin1")]);
        let mut answered = headers(&[
            ("content-type", "application/octet-stream"),
            ("content-encoding", "identity"),
            ("content-length", "5"),
        ]);
        both.restore(&request, &before, &mut answered).unwrap();
        assert_eq!(answered[CONTENT_ENCODING], "gzip");
        assert_eq!(answered[CONTENT_TYPE], "text/plain; charset=latin1");
        let mut without_length = headers(&[("content-encoding", "identity")]);
        both.restore(&request, &before, &mut without_length)
            .unwrap();
        assert!(!without_length.contains_key(CONTENT_ENCODING));
        assert_eq!(without_length[CONTENT_TYPE], "text/plain; charset=latin1");
        let mut compressed = headers(&[("content-encoding", "br")]);
        both.restore(&request, &before, &mut compressed).unwrap();
        assert_eq!(compressed[CONTENT_ENCODING], "br");
    }

    #[test]
    fn the_decompression_feature_is_detected_as_off() {
        assert!(!*REWRITES);
    }
}
