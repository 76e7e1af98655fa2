//! Validation of the responses to reads: which bytes of the object a body contains. Every reader uses this module, so
//! that it gets the right bytes or an error.
//!
//! The description of the bytes in a response counts, not its status alone:
//!
//! - A response with `Content-Range` contains that range, with status 200 or 206. It must begin at the requested
//!   byte. It may end later, or earlier: proxies limit ranges, and the rest is then requested.
//! - A response with status 200 without `Content-Range` contains the whole object. With status 206 without it, the bytes
//!   are unknown.
//! - `Content-Length` must agree with the range. Without it, a body alone cannot show that it was truncated (it may end
//!   with the connection), nor that ureq decoded it, which removes the header. Therefore the size is requested first, by
//!   a HEAD, a GET of one byte or a listing.
//! - Status 416 means that the object is empty only if the response contains its size. Otherwise the object is requested
//!   without a range.
//!   otherwise.

use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::Response;
use crate::s3::limits::MAX_OBJECT_BYTES;

/// Minimum number of bytes of a response that ends before the requested range. Smaller responses would take too many
/// requests for an object.
const LEAST: u64 = 64 << 10;

/// The description of a response body.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::s3) struct Answer<'a> {
    pub(in crate::s3) status: u16,
    pub(in crate::s3) content_range: Option<&'a str>,
    /// `Content-Length`. `None` if the body is chunked, ends with the connection, or was decoded.
    pub(in crate::s3) length: Option<u64>,
    pub(in crate::s3) content_type: Option<&'a str>,
}

/// The bytes in the body of a first response. They begin with the first byte of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::s3) struct Part {
    /// The position in the object at which the body ends.
    pub(in crate::s3) end: u64,
    /// The size of the object.
    pub(in crate::s3) size: u64,
}

/// Evaluation of a first response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::s3) enum First {
    /// The body contains these bytes.
    Part(Part),
    /// The size must be requested first, because the response lacks the size of the object or its own length.
    Unmeasured,
}

/// The range of the bytes in a response.
struct Extent {
    /// The position in the object at which the body ends. `None` if it can be derived only from the size of the object.
    end: Option<u64>,
    /// The size of the object, if the response contains it.
    size: Option<u64>,
}

impl<'a> Answer<'a> {
    /// Returns the description in this response.
    pub(in crate::s3) fn of(response: &'a Response) -> Self {
        Self {
            status: response.status(),
            content_range: response.header("content-range"),
            length: response.content_length(),
            content_type: response.header("content-type"),
        }
    }

    /// Evaluates the first response about an object, to a request for the bytes from the first one on. `looked` is the
    /// size of the object, if it was requested separately.
    ///
    /// # Errors
    ///
    /// `OperationFailed` for a response that has other bytes or contradicts itself. `ResourceChanged` if the separate
    /// request returned another size.
    pub(in crate::s3) fn first(&self, looked: Option<u64>) -> Result<First> {
        let extent = self.extent(0)?;
        let size = match (extent.size, looked) {
            (Some(said), Some(looked)) if said != looked => return Err(other_size()),
            (said, looked) => said.or(looked),
        };
        let is_measured = self.length.is_some() || looked.is_some();
        let Some(size) = size.filter(|_| is_measured) else {
            return Ok(First::Unmeasured);
        };
        let end = extent.end.unwrap_or(size);
        if end > size {
            return Err(other_size());
        }
        Ok(First::Part(Part { end, size }))
    }

    /// Returns the position in the object at which a later response ends. The request was for `start` to `end` of an
    /// object of `size` bytes. The position can be `end`, or after or before it.
    ///
    /// # Errors
    ///
    /// Those of [`first`](Self::first), and `Unsupported` for the whole object in place of a range.
    pub(in crate::s3) fn next(&self, start: u64, end: u64, size: u64) -> Result<u64> {
        let extent = self.extent(start)?;
        if extent.size.is_some_and(|said| said != size) {
            return Err(other_size());
        }
        let answered = extent.end.unwrap_or(size);
        if answered > size {
            return Err(other_size());
        }
        if answered < end && answered - start < LEAST {
            return Err(wrong(format!(
                "ends before byte {answered}, but byte {end} was requested"
            )));
        }
        Ok(answered)
    }

    /// Returns the size of the object from the response to a request for its first bytes. `None` if the response lacks
    /// it.
    ///
    /// # Errors
    ///
    /// Those of [`first`](Self::first).
    pub(in crate::s3) fn size(&self) -> Result<Option<u64>> {
        self.extent(0).map(|extent| extent.size)
    }

    fn extent(&self, start: u64) -> Result<Extent> {
        if !matches!(self.status, 200 | 206) {
            return Err(wrong(format!("has the status {}", self.status)));
        }
        let content_type = self.content_type.unwrap_or_default().trim_start();
        let multipart = content_type.get(.."multipart/byteranges".len());
        if multipart.is_some_and(|start| start.eq_ignore_ascii_case("multipart/byteranges"))
            && self.status == 206
        {
            return Err(wrong("contains several ranges in one body"));
        }
        let Some(header) = self.content_range else {
            return self.whole(start);
        };
        let (end, size) = content_range(header, start)?;
        if let Some(length) = self.length.filter(|length| *length != end - start) {
            return Err(wrong(format!(
                "has {length} bytes, but its range has {}",
                end - start
            )));
        }
        Ok(Extent {
            end: Some(end),
            size: checked_size(size)?,
        })
    }

    /// Returns the range of a response without `Content-Range`.
    fn whole(&self, start: u64) -> Result<Extent> {
        if self.status == 206 {
            return Err(wrong("is a part of the object, but has no Content-Range"));
        }
        if start > 0 {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_message("the store does not return a part of an object"));
        }
        let size = checked_size(self.length)?;
        Ok(Extent { end: size, size })
    }
}

/// Returns an error for a response to a HEAD that does not describe the object itself.
pub(in crate::s3) fn check_head(head: &Response) -> Result<()> {
    match head.status() {
        200 => Ok(()),
        status => Err(Error::new(ErrorKind::OperationFailed).with_message(format!(
            "the response to HeadObject has the status {status}"
        ))),
    }
}

/// Returns true if the rejection of a range that begins with the first byte means that the object is empty: a 416 that
/// has the size 0 in its `Content-Range` or, as on AWS, in its document, and no other size beside it.
pub(in crate::s3) fn says_empty(error: &Error) -> bool {
    let s3 = error.s3().filter(|s3| s3.status == 416);
    s3.is_some_and(|s3| s3.object_size == Some(0))
}

/// Returns true if the store rejected a range.
pub(in crate::s3) fn is_range_refused(error: &Error) -> bool {
    let s3 = error.s3();
    s3.is_some_and(|s3| s3.status == 416 || s3.code == "InvalidRange")
}

/// Returns an error for a response with bytes other than the requested ones.
pub(in crate::s3) fn wrong(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!("the response to GetObject {what}"))
        .with_hint(
            "a proxy or another program between here and the store may have changed the response",
        )
}

/// Returns the error for an object whose size has changed.
pub(in crate::s3) fn other_size() -> Error {
    Error::new(ErrorKind::ResourceChanged)
        .with_message("the object has a different size than when it was opened")
}

/// Returns the size, or an error if no object can have it. Plans made from the size must not be endless.
pub(in crate::s3) fn checked_size(size: Option<u64>) -> Result<Option<u64>> {
    match size {
        Some(size) if size > MAX_OBJECT_BYTES => Err(Error::new(ErrorKind::OperationFailed)
            .with_message(format!(
                "the response gives a size of {size} bytes, more than an object can have"
            ))),
        size => Ok(size),
    }
}

/// Returns the end of the returned range (exclusive), and the size of the object, if it is known.
pub(in crate::s3) fn content_range(header: &str, start: u64) -> Result<(u64, Option<u64>)> {
    // The error repeats numbers only, because text may quote the request.
    let has = match parse_content_range(header) {
        Some((first, last, size))
            if first == start && first <= last && last < size.unwrap_or(MAX_OBJECT_BYTES) =>
        {
            return Ok((last + 1, size));
        }
        Some((first, last, Some(size))) => {
            format!("contains the bytes {first} to {last} of {size}")
        }
        Some((first, last, None)) => format!("contains the bytes {first} to {last}"),
        None => "has a Content-Range without byte numbers".to_owned(),
    };
    Err(wrong(format!("{has}, but byte {start} was requested")))
}

/// Returns first byte, last byte and size. Source: RFC 9110, section 14.4.
fn parse_content_range(header: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, size) = unit(header)?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let size = match size.trim() {
        "*" => None,
        size => Some(size.parse().ok()?),
    };
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, size))
}

fn unit(header: &str) -> Option<&str> {
    let (unit, rest) = header.trim().split_once(' ')?;
    unit.eq_ignore_ascii_case("bytes").then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(
        status: u16,
        content_range: Option<&'static str>,
        length: Option<u64>,
    ) -> Answer<'static> {
        Answer {
            status,
            content_range,
            length,
            content_type: None,
        }
    }

    #[test]
    fn a_first_response_has_the_bytes_that_its_headers_declare() {
        let part = |end, size| Some(First::Part(Part { end, size }));
        for (status, range, length, looked, expected) in [
            (206, Some("bytes 0-9/100"), Some(10), None, part(10, 100)),
            (200, Some("bytes 0-9/100"), Some(10), None, part(10, 100)),
            (206, Some("bytes 0-9/100"), None, Some(100), part(10, 100)),
            (206, Some("bytes 0-9/*"), Some(10), Some(100), part(10, 100)),
            (206, Some("Bytes 0-9/100"), Some(10), None, part(10, 100)),
            (200, None, Some(100), None, part(100, 100)),
            (200, None, Some(0), None, part(0, 0)),
            (200, None, None, Some(100), part(100, 100)),
            (200, None, None, None, Some(First::Unmeasured)),
            (
                206,
                Some("bytes 0-9/100"),
                None,
                None,
                Some(First::Unmeasured),
            ),
            (
                206,
                Some("bytes 0-9/*"),
                Some(10),
                None,
                Some(First::Unmeasured),
            ),
            (206, None, Some(10), None, None),
            (206, Some("bytes 0-9/100"), Some(11), None, None),
            (206, Some("bytes 1-9/100"), Some(9), None, None),
            (206, Some("bytes 0-9/100"), None, Some(99), None),
            (206, Some("bytes 0-99/*"), Some(100), Some(10), None),
            (200, None, Some(100), Some(99), None),
            (200, Some("bytes */100"), Some(0), None, None),
            (200, None, Some(u64::MAX), None, None),
            (203, None, Some(100), None, None),
            (204, None, None, Some(0), None),
        ] {
            let found = answer(status, range, length).first(looked);
            assert_eq!(
                found.ok(),
                expected,
                "{status} {range:?} {length:?} {looked:?}"
            );
        }
    }

    #[test]
    fn a_later_response_begins_at_the_requested_offset() {
        const MANY: u64 = 1 << 20;
        for (status, range, length, start, end, expected) in [
            (206, "bytes 5-9/1048576", Some(5), 5, 10, Some(10)),
            (200, "bytes 5-9/1048576", Some(5), 5, 10, Some(10)),
            (206, "bytes 5-9/*", None, 5, 10, Some(10)),
            (206, "bytes 5-19/1048576", Some(15), 5, 10, Some(20)),
            (
                206,
                "bytes 0-65535/1048576",
                Some(65536),
                0,
                MANY,
                Some(65536),
            ),
            (206, "bytes 0-65534/1048576", Some(65535), 0, MANY, None),
            (206, "bytes 5-9/1048577", Some(5), 5, 10, None),
            (206, "bytes 4-9/1048576", Some(6), 5, 10, None),
            (206, "bytes 6-9/1048576", Some(4), 5, 10, None),
            (206, "bytes 5-9/1048576", Some(6), 5, 10, None),
            (206, "", Some(5), 5, 10, None),
            (200, "", Some(MANY), 5, 10, None),
            (200, "", Some(MANY), 0, 10, Some(MANY)),
            (200, "", None, 0, 10, Some(MANY)),
            (200, "", Some(MANY - 1), 0, 10, None),
        ] {
            let header = Some(range).filter(|range| !range.is_empty());
            let found = answer(status, header, length).next(start, end, MANY);
            assert_eq!(
                found.ok(),
                expected,
                "{status} {range:?} {length:?} {start}"
            );
        }
    }

    #[test]
    fn several_ranges_in_one_body_are_an_error() {
        let parts = Answer {
            content_type: Some("multipart/byteranges; boundary=x"),
            ..answer(206, Some("bytes 0-9/10"), Some(10))
        };
        parts.first(None).unwrap_err();
        let object = Answer {
            status: 200,
            ..parts
        };
        object.first(None).unwrap();
    }

    #[test]
    fn a_returned_range_must_begin_where_it_was_requested() {
        assert_eq!(content_range("bytes 5-9/100", 5).unwrap(), (10, Some(100)));
        assert_eq!(content_range("bytes 5-9/*", 5).unwrap(), (10, None));
        for (header, start) in [
            ("bytes 0-9/100", 5),
            ("bytes 5-100/100", 5),
            ("bytes 9-5/100", 9),
            ("bytes */100", 5),
            ("5-9/100", 5),
            ("bytes 0-18446744073709551615/*", 0),
            ("", 0),
        ] {
            assert!(content_range(header, start).is_err(), "{header:?}");
        }
    }

    #[test]
    fn only_a_416_with_size_0_means_an_empty_object() {
        for (status, object_size, expected) in [
            (416, Some(0), true),
            (416, Some(10), false),
            (416, None, false),
            (400, Some(0), false),
        ] {
            let error = Error::new(ErrorKind::OperationFailed).with_s3(crate::S3Error {
                status,
                object_size,
                ..crate::S3Error::default()
            });
            assert_eq!(says_empty(&error), expected, "{status} {object_size:?}");
        }
    }
}
