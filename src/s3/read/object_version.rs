//! [`ObjectVersion`]: one object as it was when it was first looked at, read by ranges that go on where a
//! connection broke.

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

/// What an answer must have brought before it broke off, or it broke off early.
const FRUITFUL: u64 = 64 << 10;

/// The longest first range: more than any object has, and a number that every server can read.
const MAX_FIRST_WINDOW: u64 = 1 << 50;

/// An object as it was when it was first looked at: everything that is read through this is of that
/// one, or it is [`ResourceChanged`](ErrorKind::ResourceChanged).
pub(crate) struct ObjectVersion {
    objects: Arc<Objects>,
    key: Key,
    /// With the ETag of the first answer.
    options: ReadOptions,
    size: u64,
    /// Of the first answer; none if that was only that the object is empty.
    headers: HeaderMap,
}

impl ObjectVersion {
    /// Looks at the object without reading it: one request.
    pub(crate) fn look(objects: Arc<Objects>, key: Key, options: ReadOptions) -> Result<Arc<Self>> {
        let head = objects.head(&key, &options, false)?;
        let size = answer::checked_size(head.content_length())?.unwrap_or_default();
        Ok(Arc::new(Self::new(objects, key, options, &head, size)))
    }

    /// Looks at the object by reading its first bytes, at most `window` of them: one request. One more
    /// on a store that refuses the range and does not say that the object is empty, and on one that
    /// does not say how long its answer is. An empty object has no range to read.
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
            Err(error) if answer::says_empty(&error) => {
                let pinned = Self {
                    objects,
                    key,
                    options,
                    size: 0,
                    headers: HeaderMap::new(),
                };
                Ok((Arc::new(pinned), None))
            }
            // Some stores refuse a range that ends behind the object.
            Err(error) if answer::is_range_refused(&error) => {
                let answer = objects.get(&key, None, &options)?;
                let (pinned, range) = Self::first(objects, key, options, answer)?;
                let range = Some(range).filter(|_| pinned.size > 0);
                Ok((pinned, range))
            }
            Err(error) => Err(error),
        }
    }

    /// The object that the first answer is about, and what that answer has of it.
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
        let pinned = Arc::new(Self::new(objects, key, options, &answer, part.size));
        let mut range = RangeReader {
            pinned: Arc::clone(&pinned),
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
        Ok((pinned, range))
    }

    /// An object whose ETag and size are known: no request. Without an ETag (an empty one) nobody
    /// notices if it is replaced.
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

    /// The object that an answer is about which has all of it, or its start, and a reader of the whole.
    pub(in crate::s3) fn whole(
        objects: Arc<Objects>,
        key: Key,
        options: ReadOptions,
        answer: Response,
    ) -> Result<RangeReader> {
        let (pinned, mut range) = Self::first(objects, key, options, answer)?;
        range.end = pinned.size;
        Ok(range)
    }

    /// All later requests mean what this answer was about.
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

    /// The encoding of the content, by the first answer.
    fn encoding(&self) -> Option<&str> {
        self.headers.get("content-encoding")?.to_str().ok()
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
            answered: start,
            breaks: Breaks::default(),
        };
        if start < end {
            range.ask()?;
        }
        Ok(range)
    }

    /// The body of an answer that begins at `start`, and where it ends: at `end`, or before or behind it.
    fn ask(&self, start: u64, end: u64) -> Result<(BodyReader, u64)> {
        let range = Range {
            start,
            end: Some(end - 1).filter(|last| last + 1 < self.size),
        };
        let answer = self.objects.get(&self.key, Some(range), &self.options)?;
        // A proxy that compresses answers by its own lights gives bytes of something else.
        let is_known = self.headers.contains_key("etag");
        if is_known && answer.header("content-encoding") != self.encoding() {
            return Err(answer::wrong("has another Content-Encoding than before"));
        }
        // Nobody knows whether that is the object's own.
        let is_encoded = answer.header("content-encoding").is_some();
        if !is_known && is_encoded && answer.content_length().is_none() {
            return Err(answer::wrong("has a Content-Encoding and no length"));
        }
        let answered = Answer::of(&answer).next(start, end, self.size)?;
        Ok((answer.into_reader(), answered))
    }
}

/// All later requests mean what this answer was about.
fn fix_version(options: &mut ReadOptions, answer: &Response) {
    if let Some(e_tag) = answer.header("etag") {
        options.if_match = Some(e_tag.to_owned());
    }
}

/// What a first answer has that says too little: the object is looked at. The look also shows that ureq did not
/// decode the answer, for which it would have taken the length away there, too.
fn measured(
    objects: &Objects,
    key: &Key,
    options: &ReadOptions,
    answer: &Response,
) -> Result<Part> {
    let head = objects.head(key, options, false)?;
    if head.header("content-encoding") != answer.header("content-encoding") {
        return Err(answer::wrong(
            "has no length, and another Content-Encoding than the object",
        ));
    }
    match Answer::of(answer).first(head.content_length())? {
        First::Part(part) => Ok(part),
        First::Unmeasured => Err(answer::wrong("does not say its length")),
    }
}

/// A range of a [`ObjectVersion`] object as a stream. A connection that breaks is replaced by another one,
/// from the byte where it broke.
pub(crate) struct RangeReader {
    pinned: Arc<ObjectVersion>,
    body: Option<BodyReader>,
    /// Where in the object this answer begins.
    asked: u64,
    /// Where in the object this answer ends.
    answered: u64,
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
                    .with_message("the answer to GetObject ended before its range"),
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

    /// Where reading this answer stops.
    fn stop(&self) -> u64 {
        self.end.min(self.answered)
    }

    /// Asks for what is left.
    fn ask(&mut self) -> Result<()> {
        let (body, answered) = self.pinned.ask(self.position, self.end)?;
        self.asked = self.position;
        self.answered = answered;
        self.body = Some(body);
        Ok(())
    }

    /// Reads what is left, so that the connection can be used again. What cannot be read only costs
    /// the connection.
    pub(crate) fn finish_quietly(self) {
        let left = self.end - self.position;
        if let Some(mut body) = self.body
            && self.answered <= self.end
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
        // It goes on behind the range: what is not wanted costs the connection.
        if self.answered > self.end {
            return Ok(());
        }
        match body.read(&mut [0]) {
            Ok(1..) => Err(Error::new(ErrorKind::OperationFailed)
                .with_message("the answer to GetObject is longer than its range")),
            // All that was asked for is there, whatever happens to the connection.
            _ => Ok(()),
        }
    }
}
