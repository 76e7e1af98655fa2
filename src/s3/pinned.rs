//! [`Pinned`]: one object as it was when it was first looked at, read by ranges that go on where a
//! connection broke.

use std::io::{self, Read};
use std::sync::Arc;

use time::OffsetDateTime;
use ureq::http::HeaderMap;

use super::objects::{MAX_OBJECT_BYTES, Objects, Range, ReadOptions};
use crate::cancel;
use crate::dates::http_date;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::{BodyReader, Breaks, Response};
use crate::s3::key::Key;

/// What an answer must have brought before it broke off, or it broke off early.
const FRUITFUL: u64 = 64 << 10;

/// The longest first range: more than any object has, and a number that every server can read.
const MAX_FIRST_WINDOW: u64 = 1 << 50;

/// An object as it was when it was first looked at: everything that is read through this is of that
/// one, or it is [`ResourceChanged`](ErrorKind::ResourceChanged).
pub(crate) struct Pinned {
    objects: Arc<Objects>,
    key: Key,
    /// With the ETag of the first answer.
    options: ReadOptions,
    size: u64,
    /// Of the first answer; none if that was only that the object is empty.
    headers: HeaderMap,
}

impl Pinned {
    /// Looks at the object without reading it: one request.
    pub(crate) fn look(objects: Arc<Objects>, key: Key, options: ReadOptions) -> Result<Arc<Self>> {
        let head = objects.head(&key, &options, false)?;
        let size = checked_size(head.content_length(), "HeadObject")?;
        Ok(Arc::new(Self::new(objects, key, options, &head, size)))
    }

    /// Looks at the object by reading its first bytes, at most `window` of them: one request (one
    /// more on a store that does not say in S3's words why it has none). An empty object has no
    /// range to read.
    pub(crate) fn begin(
        objects: Arc<Objects>,
        key: Key,
        options: ReadOptions,
        window: u64,
    ) -> Result<(Arc<Self>, Option<RangeReader>)> {
        let range = Range {
            start: 0,
            end: Some(window.clamp(1, MAX_FIRST_WINDOW) - 1),
        };
        match objects.get(&key, Some(range), &options) {
            Ok(answer) => Self::first(objects, key, options, answer)
                .map(|(pinned, range)| (pinned, Some(range))),
            // No byte of an empty object is in any range.
            Err(error) if error.s3().is_some_and(|s3| s3.code == "InvalidRange") => {
                let pinned = Self {
                    objects,
                    key,
                    options,
                    size: 0,
                    headers: HeaderMap::new(),
                };
                Ok((Arc::new(pinned), None))
            }
            Err(error) if error.s3().is_some_and(|s3| s3.status == 416) => {
                let pinned = Self::look(objects, key, options)?;
                if pinned.size == 0 {
                    return Ok((pinned, None));
                }
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The object that the first answer is about, and what that answer has of it.
    pub(super) fn first(
        objects: Arc<Objects>,
        key: Key,
        options: ReadOptions,
        answer: Response,
    ) -> Result<(Arc<Self>, RangeReader)> {
        let (end, size) = match answer.header("content-range") {
            Some(range) if answer.status() == 206 => content_range(range, 0)?,
            // A store that knows no ranges sends everything.
            _ => {
                let length = checked_size(answer.content_length(), "GetObject")?;
                (length, length)
            }
        };
        checked_size(Some(size), "GetObject")?;
        let pinned = Arc::new(Self::new(objects, key, options, &answer, size));
        let range = RangeReader {
            pinned: Arc::clone(&pinned),
            body: Some(answer.into_reader()),
            asked: 0,
            position: 0,
            end,
            breaks: Breaks::default(),
        };
        Ok((pinned, range))
    }

    /// An object whose ETag and size are known: no request. Without an ETag (an empty one) nobody
    /// notices if it is replaced.
    pub(crate) fn known(objects: Arc<Objects>, key: Key, e_tag: &str, size: u64) -> Arc<Self> {
        let e_tag = Some(e_tag).filter(|e_tag| !e_tag.is_empty());
        Arc::new(Self {
            objects,
            key,
            options: ReadOptions {
                if_match: e_tag.map(str::to_owned),
                ..ReadOptions::default()
            },
            size,
            headers: HeaderMap::new(),
        })
    }

    /// All later requests mean what this answer was about.
    fn new(
        objects: Arc<Objects>,
        key: Key,
        mut options: ReadOptions,
        answer: &Response,
        size: u64,
    ) -> Self {
        if let Some(e_tag) = answer.header("etag") {
            options.if_match = Some(e_tag.to_owned());
        }
        Self {
            objects,
            key,
            options,
            size,
            headers: answer.headers().clone(),
        }
    }

    /// The headers of the first answer; none if that was only that the object is empty.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// When the object was stored, where the first answer said so.
    pub(crate) fn modified(&self) -> Option<OffsetDateTime> {
        http_date(self.headers.get("last-modified")?.to_str().ok()?)
    }

    /// What time it was at the server at the first answer; here, if the answer does not say it.
    pub(crate) fn answered(&self) -> OffsetDateTime {
        let date = self.headers.get("date").and_then(|date| date.to_str().ok());
        date.and_then(http_date)
            .unwrap_or_else(OffsetDateTime::now_utc)
    }

    /// What names this content, and no other, for certain: for those who come back to it.
    pub(crate) fn name(&self) -> String {
        let bucket = self.objects.client().bucket();
        let e_tag = self.options.if_match.as_deref();
        format!(
            "{} {} {:?} {:?} {:?} {}",
            bucket.base_url(),
            bucket.name(),
            self.key.as_str(),
            self.options.version_id,
            e_tag,
            self.size
        )
    }

    /// The size of the object in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The size of the ranges that it is fetched in by several at a time.
    pub(crate) fn part_size(&self) -> u64 {
        self.objects.part_sizes().for_size(self.size).first()
    }

    /// Asks for the bytes from `start` up to `end`, which is not before it and not behind the
    /// object's: one request, none if there are none.
    pub(crate) fn range(self: &Arc<Self>, start: u64, end: u64) -> Result<RangeReader> {
        let mut range = RangeReader {
            pinned: Arc::clone(self),
            body: None,
            asked: start,
            position: start,
            end,
            breaks: Breaks::default(),
        };
        if start < end {
            range.body = Some(self.ask(start, end)?);
        }
        Ok(range)
    }

    fn ask(&self, start: u64, end: u64) -> Result<BodyReader> {
        let range = Range {
            start,
            end: Some(end - 1).filter(|last| last + 1 < self.size),
        };
        let answer = self.objects.get(&self.key, Some(range), &self.options)?;
        let (answered, size) = match answer.header("content-range") {
            Some(range) if answer.status() == 206 => content_range(range, start)?,
            _ => {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_message("the store does not answer a part of the object"));
            }
        };
        if size != self.size {
            return Err(Error::new(ErrorKind::ResourceChanged)
                .with_message("the object has another size than when it was opened"));
        }
        if answered != end {
            return Err(Error::new(ErrorKind::OperationFailed).with_message(format!(
                "the answer to GetObject ends before byte {answered}, and {end} was asked for"
            )));
        }
        Ok(answer.into_reader())
    }
}

/// A range of a [`Pinned`] object as a stream. A connection that breaks is replaced by another one,
/// from the byte where it broke.
pub(crate) struct RangeReader {
    pinned: Arc<Pinned>,
    body: Option<BodyReader>,
    /// Where in the object this answer begins.
    asked: u64,
    /// Where in the object the next byte is.
    position: u64,
    /// Where in the object the range ends.
    end: u64,
    /// How often in a row an answer broke off early.
    breaks: Breaks,
}

impl RangeReader {
    /// Where in the object the next byte is.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Where in the object the range ends.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Reads some bytes; none only at the end, or into no buffer.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|some| !some.is_empty()) else {
            return Ok(0);
        };
        loop {
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    self.asked = self.position;
                    self.body.insert(self.pinned.ask(self.position, self.end)?)
                }
            };
            let broken = match body.read(buffer).map_err(Error::from) {
                Ok(0) => Error::new(ErrorKind::RemoteConnection)
                    .with_message("the answer to GetObject ended before its range"),
                Ok(count) => {
                    self.position += count as u64;
                    if self.position == self.end {
                        self.finish()?;
                    }
                    return Ok(count);
                }
                Err(error) => error,
            };
            self.body = None;
            let client = self.pinned.objects.client();
            if self.position - self.asked >= FRUITFUL {
                self.breaks.end(client);
            }
            let Some(wait) = self.breaks.wait(client, &broken) else {
                return Err(broken);
            };
            log::warn!(
                "GetObject {:?}: {broken}; reading on from byte {} of {} in {} ms",
                self.pinned.key.as_str(),
                self.position,
                self.pinned.size,
                wait.as_millis()
            );
            cancel::sleep(wait)?;
        }
    }

    /// Reads what is left, so that the connection can be used again. What cannot be read only costs
    /// the connection.
    pub(crate) fn finish_quietly(self) {
        let left = self.end - self.position;
        if let Some(mut body) = self.body
            && let Err(error) = io::copy(&mut (&mut body).take(left + 1), &mut io::sink())
        {
            log::debug!("the rest of a range could not be read: {error}");
        }
    }

    /// Reads past the last byte, which lets the connection go back to the pool.
    fn finish(&mut self) -> Result<()> {
        let Some(mut body) = self.body.take() else {
            return Ok(());
        };
        self.breaks.end(self.pinned.objects.client());
        match body.read(&mut [0]) {
            Ok(1..) => Err(Error::new(ErrorKind::OperationFailed)
                .with_message("the answer to GetObject is longer than its range")),
            // All that was asked for is there, whatever happens to the connection.
            _ => Ok(()),
        }
    }
}

/// The size that an answer says, if an object can have it: what is planned by it must not be endless.
fn checked_size(said: Option<u64>, operation: &str) -> Result<u64> {
    let wrong = |what: &str| {
        Error::new(ErrorKind::OperationFailed)
            .with_message(format!("the answer to {operation} {what}"))
    };
    match said {
        Some(size) if size > MAX_OBJECT_BYTES => Err(wrong(&format!(
            "says that the object has {size} bytes, and none has so many"
        ))),
        Some(size) => Ok(size),
        None => Err(wrong("does not say its length")),
    }
}

/// Where the answered range ends (exclusive), and the size of the object.
pub(super) fn content_range(header: &str, start: u64) -> Result<(u64, u64)> {
    // Numbers are told; text may quote the request.
    let has = match parse_content_range(header) {
        Some((first, last, size)) if first == start && first <= last && last < size => {
            return Ok((last + 1, size));
        }
        Some((first, last, size)) => format!("has the bytes {first} to {last} of {size}"),
        None => "does not say in numbers which bytes it has".to_owned(),
    };
    Err(Error::new(ErrorKind::OperationFailed).with_message(format!(
        "the answer to GetObject {has}, and byte {start} was asked for"
    )))
}

/// First byte, last byte and size. Source: RFC 9110, section 14.4.
fn parse_content_range(header: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answered_range_must_be_the_one_that_was_asked() {
        assert_eq!(content_range("bytes 5-9/100", 5).unwrap(), (10, 100));
        for (header, start) in [
            ("bytes 0-9/100", 5),
            ("bytes 5-100/100", 5),
            ("bytes 9-5/100", 9),
            ("bytes */100", 5),
            ("5-9/100", 5),
            ("bytes 5-9/*", 5),
            ("", 0),
        ] {
            assert!(content_range(header, start).is_err(), "{header:?}");
        }
    }
}
