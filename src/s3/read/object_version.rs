//! [`ObjectVersion`]: a fixed version of an object, read by ranges that continue where a connection broke.

use std::io::{self, Read};
use std::sync::Arc;

use time::OffsetDateTime;
use ureq::http::HeaderMap;

use crate::cancel;
use crate::dates::http_date;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::api::{Objects, Range, ReadOptions};
use crate::s3::client::{BodyReader, Breaks, Response};
use crate::s3::key::Key;
use crate::s3::read::answer::{self, Answer, First, Part};

/// Minimum number of bytes before a response breaks off. With fewer, it broke off early.
const FRUITFUL: u64 = 64 << 10;

/// Maximum size of the first range: more than the size of any object, and a number that every server can parse.
const MAX_FIRST_WINDOW: u64 = 1 << 50;

/// An object as it was at the first request. All bytes that are read through this value are of that version; otherwise
/// the read is [`ResourceChanged`](ErrorKind::ResourceChanged).
pub(crate) struct ObjectVersion {
    objects: Arc<Objects>,
    key: Key,
    /// Options with the ETag of the first response.
    options: ReadOptions,
    size: u64,
    /// Headers of the first response. Empty if that response only reported an empty object.
    headers: HeaderMap,
}

impl ObjectVersion {
    /// Requests the headers of the object without reading it. Makes one request.
    pub(crate) fn look(objects: Arc<Objects>, key: Key, options: ReadOptions) -> Result<Arc<Self>> {
        let head = objects.head(&key, &options, false)?;
        let size = answer::checked_size(head.content_length())?.unwrap_or_default();
        Ok(Arc::new(Self::new(objects, key, options, &head, size)))
    }

    /// Reads the first bytes of the object, at most `window`. Makes one request. Makes one more on a store that rejects
    /// the range and does not report that the object is empty, and on a store that does not report the length of its
    /// response. An empty object has no range to read.
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
                .map(|(version, range)| (version, Some(range))),
            // An empty object has no byte in any range.
            Err(error) if answer::says_empty(&error) => {
                let version = Self {
                    objects,
                    key,
                    options,
                    size: 0,
                    headers: HeaderMap::new(),
                };
                Ok((Arc::new(version), None))
            }
            // Some stores reject a range that ends after the object.
            Err(error) if answer::is_range_refused(&error) => {
                let answer = objects.get(&key, None, &options)?;
                let (version, range) = Self::first(objects, key, options, answer)?;
                let range = Some(range).filter(|_| version.size > 0);
                Ok((version, range))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the object of the first response, and a reader of the bytes in that response.
    fn first(
        objects: Arc<Objects>,
        key: Key,
        options: ReadOptions,
        answer: Response,
    ) -> Result<(Arc<Self>, RangeReader)> {
        let mut options = options;
        fix_version(&mut options, &answer);
        let part = match Answer::of(&answer).first(None)? {
            First::Part(part) => part,
            First::Unmeasured => measured(&objects, &key, &options, &answer)?,
        };
        let version = Arc::new(Self::new(objects, key, options, &answer, part.size));
        let mut range = RangeReader {
            version: Arc::clone(&version),
            body: Some(answer.into_reader()),
            asked: 0,
            position: 0,
            end: part.end,
            answered: part.end,
            breaks: Breaks::default(),
        };
        if part.end == 0 {
            range.finish()?;
        }
        Ok((version, range))
    }

    /// Returns an object with a known ETag and size. Makes no request. Without an ETag (an empty one), a replacement of
    /// the object is not detected.
    pub(crate) fn known(
        objects: Arc<Objects>,
        key: Key,
        version_id: Option<&str>,
        e_tag: &str,
        size: u64,
    ) -> Arc<Self> {
        let e_tag = Some(e_tag).filter(|e_tag| !e_tag.is_empty());
        Arc::new(Self {
            objects,
            key,
            options: ReadOptions {
                if_match: e_tag.map(str::to_owned),
                version_id: version_id.map(str::to_owned),
                ..ReadOptions::default()
            },
            size,
            headers: HeaderMap::new(),
        })
    }

    /// Returns a reader of the whole object, for a response with all of it or its start.
    pub(in crate::s3) fn whole(
        objects: Arc<Objects>,
        key: Key,
        options: ReadOptions,
        answer: Response,
    ) -> Result<RangeReader> {
        let (version, mut range) = Self::first(objects, key, options, answer)?;
        range.end = version.size;
        Ok(range)
    }

    /// Creates the value. All later requests are for the object version of this response.
    fn new(
        objects: Arc<Objects>,
        key: Key,
        mut options: ReadOptions,
        answer: &Response,
        size: u64,
    ) -> Self {
        fix_version(&mut options, answer);
        Self {
            objects,
            key,
            options,
            size,
            headers: answer.headers().clone(),
        }
    }

    /// Returns the headers of the first response. They are empty if that response only reported an empty object.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the time at which the object was stored, if the first response contains it.
    pub(crate) fn modified(&self) -> Option<OffsetDateTime> {
        http_date(self.headers.get("last-modified")?.to_str().ok()?)
    }

    /// Returns the server's time in the first response, or the local time if the response lacks it.
    pub(crate) fn answered(&self) -> OffsetDateTime {
        let date = self.headers.get("date").and_then(|date| date.to_str().ok());
        date.and_then(http_date)
            .unwrap_or_else(OffsetDateTime::now_utc)
    }

    /// Returns a unique identifier of this object version, to resume a download.
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

    /// Returns the content encoding in the first response.
    fn encoding(&self) -> Option<&str> {
        self.headers.get("content-encoding")?.to_str().ok()
    }

    /// Returns the size of the object in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the size of the ranges for parallel downloads.
    pub(crate) fn part_size(&self) -> u64 {
        self.objects.part_sizes().for_size(self.size).first()
    }

    /// Requests the bytes from `start` to `end`, with `start <= end` and `end` within the object. Makes one request, or
    /// none if the range is empty.
    pub(crate) fn range(self: &Arc<Self>, start: u64, end: u64) -> Result<RangeReader> {
        let mut range = RangeReader {
            version: Arc::clone(self),
            body: None,
            asked: start,
            position: start,
            end,
            answered: start,
            breaks: Breaks::default(),
        };
        if start < end {
            range.ask()?;
        }
        Ok(range)
    }

    /// Returns the body of a response that begins at `start`, and its end: at `end`, or before or after it.
    fn ask(&self, start: u64, end: u64) -> Result<(BodyReader, u64)> {
        let range = Range {
            start,
            end: Some(end - 1).filter(|last| last + 1 < self.size),
        };
        let answer = self.objects.get(&self.key, Some(range), &self.options)?;
        // A proxy that compresses responses on its own returns other bytes.
        let is_known = self.headers.contains_key("etag");
        if is_known && answer.header("content-encoding") != self.encoding() {
            return Err(answer::wrong(
                "has a different Content-Encoding than before",
            ));
        }
        // This encoding may not be the object's own.
        let is_encoded = answer.header("content-encoding").is_some();
        if !is_known && is_encoded && answer.content_length().is_none() {
            return Err(answer::wrong("has a Content-Encoding, but no length"));
        }
        let answered = Answer::of(&answer).next(start, end, self.size)?;
        Ok((answer.into_reader(), answered))
    }
}

/// Restricts later requests to the object version of this response.
fn fix_version(options: &mut ReadOptions, answer: &Response) {
    if let Some(e_tag) = answer.header("etag") {
        options.if_match = Some(e_tag.to_owned());
    }
}

/// Returns the bytes of a first response that lacks its size or length, after a HEAD request for the size. The HEAD also
/// shows that ureq did not decode the response, because ureq would have removed the length there, too.
fn measured(
    objects: &Objects,
    key: &Key,
    options: &ReadOptions,
    answer: &Response,
) -> Result<Part> {
    let head = objects.head(key, options, false)?;
    if head.header("content-encoding") != answer.header("content-encoding") {
        return Err(answer::wrong(
            "has no length, and a different Content-Encoding than the object",
        ));
    }
    match Answer::of(answer).first(head.content_length())? {
        First::Part(part) => Ok(part),
        First::Unmeasured => Err(answer::wrong("has no length")),
    }
}

/// A range of an [`ObjectVersion`] as a stream. If a connection breaks, another one continues at the byte where it broke.
pub(crate) struct RangeReader {
    version: Arc<ObjectVersion>,
    body: Option<BodyReader>,
    /// The position in the object at which this response begins.
    asked: u64,
    /// The position in the object at which this response ends.
    answered: u64,
    /// The position in the object of the next byte.
    position: u64,
    /// The position in the object at which the range ends.
    end: u64,
    /// The number of successive responses that broke off early.
    breaks: Breaks,
}

impl RangeReader {
    /// Returns the position in the object of the next byte.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Returns the position in the object at which the range ends.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Reads some bytes. Returns 0 only at the end, or for an empty buffer.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() || self.position >= self.end {
            return Ok(0);
        }
        loop {
            let stop = self.stop();
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    self.ask()?;
                    continue;
                }
            };
            let left = usize::try_from(stop - self.position).unwrap_or(usize::MAX);
            let wanted = left.min(buffer.len());
            let broken = match body.read(&mut buffer[..wanted]).map_err(Error::from) {
                Ok(0) => Error::new(ErrorKind::RemoteConnection)
                    .with_message("the response to GetObject ended before its range"),
                Ok(count) => {
                    self.position += count as u64;
                    if self.position == stop {
                        self.finish()?;
                    }
                    return Ok(count);
                }
                Err(error) => error,
            };
            self.body = None;
            let client = self.version.objects.client();
            if self.position - self.asked >= FRUITFUL {
                self.breaks.end(client);
            }
            let Some(wait) = self.breaks.wait(client, &broken) else {
                return Err(broken);
            };
            log::warn!(
                "GetObject {:?}: {broken}; resuming at byte {} of {} in {} ms",
                self.version.key.as_str(),
                self.position,
                self.version.size,
                wait.as_millis()
            );
            cancel::sleep(wait)?;
        }
    }

    /// Returns the position at which reading of this response stops.
    fn stop(&self) -> u64 {
        self.end.min(self.answered)
    }

    /// Requests the remaining bytes.
    fn ask(&mut self) -> Result<()> {
        let (body, answered) = self.version.ask(self.position, self.end)?;
        self.asked = self.position;
        self.answered = answered;
        self.body = Some(body);
        Ok(())
    }

    /// Reads the remaining bytes, so that the connection can be reused. If they cannot be read, only the connection is
    /// lost.
    pub(crate) fn finish_quietly(self) {
        let left = self.end - self.position;
        if let Some(mut body) = self.body
            && self.answered <= self.end
            && let Err(error) = io::copy(&mut (&mut body).take(left + 1), &mut io::sink())
        {
            log::debug!("the rest of a range could not be read: {error}");
        }
    }

    /// Reads past the last byte, so that the connection returns to the pool.
    fn finish(&mut self) -> Result<()> {
        let Some(mut body) = self.body.take() else {
            return Ok(());
        };
        self.breaks.end(self.version.objects.client());
        // The response continues after the range. Its unwanted rest costs the connection.
        if self.answered > self.end {
            return Ok(());
        }
        match body.read(&mut [0]) {
            Ok(1..) => Err(Error::new(ErrorKind::OperationFailed)
                .with_message("the response to GetObject is longer than its range")),
            // All requested bytes have arrived. The state of the connection does not matter.
            _ => Ok(()),
        }
    }
}
