//! What an answer to a read is worth: which bytes of the object its body has. Every reader asks here, so
//! that each gets the right bytes or an error.
//!
//! What counts is what an answer says of its bytes, not its status alone:
//!
//! - An answer with `Content-Range` has that range, be its status 200 or 206. It must begin at the byte
//!   that was asked for. It may end later, or earlier: proxies limit ranges, and the rest is asked for.
//! - 200 without it has the whole object, and 206 without it has nobody knows which bytes.
//! - `Content-Length` must agree with the range. Without it, a body of its own cannot show that it was
//!   cut (it may end with the connection), nor that ureq decoded it, which takes the header away. So the
//!   object is looked at first: a HEAD, a GET of one byte or a listing says its size.
//! - 416 says that the object is empty only if it says its size. The object is asked for without a range
//!   otherwise.

use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::Response;
use crate::s3::limits::MAX_OBJECT_BYTES;

/// The fewest bytes of an answer that ends before the range that was asked for. With fewer, an object
/// would take too many requests.
const LEAST: u64 = 64 << 10;

/// The description of an answer's body.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::s3) struct Answer<'a> {
    pub(in crate::s3) status: u16,
    pub(in crate::s3) content_range: Option<&'a str>,
    /// `Content-Length`; none if the body comes in chunks, ends with the connection, or was decoded.
    pub(in crate::s3) length: Option<u64>,
    pub(in crate::s3) content_type: Option<&'a str>,
}

/// The bytes that the body of a first answer has: from the first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::s3) struct Part {
    /// Where in the object the body ends.
    pub(in crate::s3) end: u64,
    /// The size of the object.
    pub(in crate::s3) size: u64,
}

/// What a first answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::s3) enum First {
    /// These bytes.
    Part(Part),
    /// The object has to be looked at first: the answer lacks its size, or its own length.
    Unmeasured,
}

/// The range of the bytes in an answer.
struct Extent {
    /// Where in the object the body ends; none if only the size of the object would tell.
    end: Option<u64>,
    /// The size of the object, where the answer says it.
    size: Option<u64>,
}

impl<'a> Answer<'a> {
    /// The description in this answer.
    pub(in crate::s3) fn of(response: &'a Response) -> Self {
        Self {
            status: response.status(),
            content_range: response.header("content-range"),
            length: response.content_length(),
            content_type: response.header("content-type"),
        }
    }

    /// What the first answer about an object is worth, which was asked for the bytes from the first one
    /// on. `looked` is the size of the object, once it was looked at.
    ///
    /// # Errors
    ///
    /// `OperationFailed` for an answer that has other bytes or contradicts itself, `ResourceChanged` if
    /// the object had another size when it was looked at.
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

    /// Where in the object a later answer ends, which was asked for `start` to `end` of an object of
    /// that size: at `end`, behind it, or before it.
    ///
    /// # Errors
    ///
    /// As [`first`](Self::first), and `Unsupported` for the whole object in place of a range.
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
                "ends before byte {answered}, and {end} was asked for"
            )));
        }
        Ok(answered)
    }

    /// The size of the object, by an answer that was asked for its first bytes; none if it does not say it.
    ///
    /// # Errors
    ///
    /// As [`first`](Self::first).
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
            return Err(wrong("has several ranges in one body"));
        }
        let Some(header) = self.content_range else {
            return self.whole(start);
        };
        let (end, size) = content_range(header, start)?;
        if let Some(length) = self.length.filter(|length| *length != end - start) {
            return Err(wrong(format!(
                "has {length} bytes, and its range has {}",
                end - start
            )));
        }
        Ok(Extent {
            end: Some(end),
            size: checked_size(size)?,
        })
    }

    /// What an answer without `Content-Range` has.
    fn whole(&self, start: u64) -> Result<Extent> {
        if self.status == 206 {
            return Err(wrong(
                "is a part of the object and does not say which (it has no Content-Range)",
            ));
        }
        if start > 0 {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_message("the store does not answer a part of the object"));
        }
        let size = checked_size(self.length)?;
        Ok(Extent { end: size, size })
    }
}

/// An error for an answer to a HEAD that is not about the object itself.
pub(in crate::s3) fn check_head(head: &Response) -> Result<()> {
    match head.status() {
        200 => Ok(()),
        status => Err(Error::new(ErrorKind::OperationFailed)
            .with_message(format!("the answer to HeadObject has the status {status}"))),
    }
}

/// Whether a refusal of a range that begins with the first byte says that there is none: a 416 that has the
/// size of the object in its `Content-Range` or, as on AWS, in its document, and no other size beside it.
pub(in crate::s3) fn says_empty(error: &Error) -> bool {
    let s3 = error.s3().filter(|s3| s3.status == 416);
    s3.is_some_and(|s3| s3.object_size == Some(0))
}

/// Whether the store refused a range.
pub(in crate::s3) fn is_range_refused(error: &Error) -> bool {
    let s3 = error.s3();
    s3.is_some_and(|s3| s3.status == 416 || s3.code == "InvalidRange")
}

/// An error for an answer with other bytes than those that were asked for.
pub(in crate::s3) fn wrong(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!("the answer to GetObject {what}"))
        .with_hint("something between here and the store may have changed the answer")
}

/// The error for an object that has another size than before.
pub(in crate::s3) fn other_size() -> Error {
    Error::new(ErrorKind::ResourceChanged)
        .with_message("the object has another size than when it was opened")
}

/// The size, if an object can have it: what is planned by it must not be endless.
pub(in crate::s3) fn checked_size(size: Option<u64>) -> Result<Option<u64>> {
    match size {
        Some(size) if size > MAX_OBJECT_BYTES => Err(Error::new(ErrorKind::OperationFailed)
            .with_message(format!(
                "the answer says that the object has {size} bytes, more than any object can have"
            ))),
        size => Ok(size),
    }
}

/// Where the answered range ends (exclusive), and the size of the object, if it is known.
pub(in crate::s3) fn content_range(header: &str, start: u64) -> Result<(u64, Option<u64>)> {
    // Numbers are repeated in the error; text may quote the request.
    let has = match parse_content_range(header) {
        Some((first, last, size))
            if first == start && first <= last && last < size.unwrap_or(MAX_OBJECT_BYTES) =>
        {
            return Ok((last + 1, size));
        }
        Some((first, last, Some(size))) => format!("has the bytes {first} to {last} of {size}"),
        Some((first, last, None)) => format!("has the bytes {first} to {last}"),
        None => "does not say in numbers which bytes it has".to_owned(),
    };
    Err(wrong(format!("{has}, and byte {start} was asked for")))
}

/// First byte, last byte and size. Source: RFC 9110, section 14.4.
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
    fn a_first_answer_has_the_bytes_that_it_says() {
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
    fn a_later_answer_begins_where_it_was_asked_to() {
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
    fn an_answered_range_must_be_the_one_that_was_asked() {
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
    fn only_a_refusal_that_says_so_is_about_an_empty_object() {
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
