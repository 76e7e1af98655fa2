//! [`S3Reader`]: a file opened with `r`, streamed by ranges of the object as it was when opened.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::objects::{Objects, Range, ReadOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, File};
use crate::s3::client::{BodyReader, Response};
use crate::s3::key::Key;

/// How many bytes the first request asks for. Its answer also tells that the object exists, and
/// how long it is.
const FIRST_WINDOW: u64 = 1 << 20;

/// A gap that is read over rather than asked around: another request costs more.
const SHORT_SKIP: u64 = 64 << 10;

/// A file opened for reading: `Read + Seek` over one version of the object.
///
/// Opening asks for the first MiB; reading on asks for the rest in one request; a seek asks for
/// windows that grow while reading stays sequential. Every request after the first carries the
/// ETag of the first answer, so that an object that is replaced meanwhile is
/// [`ResourceChanged`](ErrorKind::ResourceChanged) and never a mixture. At most one window of
/// unread data is held back by the network; nothing is buffered here.
pub struct S3Reader {
    objects: Arc<Objects>,
    key: Key,
    path: String,
    options: ReadOptions,
    size: u64,
    position: u64,
    stream: Option<Stream>,
    /// The size of the next window; `None` is all the rest.
    window: Option<u64>,
    closed: bool,
}

impl fmt::Debug for S3Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Reader")
            .field("path", &self.path)
            .field("size", &self.size)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// An answer that is being read.
struct Stream {
    body: BodyReader,
    /// Where in the object its next byte is.
    position: u64,
    /// Where in the object it ends.
    end: u64,
}

impl S3Reader {
    /// Opens the object: one request.
    pub(crate) fn open(
        objects: Arc<Objects>,
        key: Key,
        path: &str,
        options: ReadOptions,
    ) -> Result<Self> {
        let mut reader = Self {
            objects,
            key,
            path: path.to_owned(),
            options,
            size: 0,
            position: 0,
            stream: None,
            window: None,
            closed: false,
        };
        let range = Range {
            start: 0,
            end: Some(FIRST_WINDOW - 1),
        };
        match reader
            .objects
            .get(&reader.key, Some(range), &reader.options)
        {
            Ok(response) => reader.begin(response)?,
            // No byte of an empty object is in any range.
            Err(error) if is_range_error(&error) => reader.begin_empty()?,
            Err(error) => return Err(error),
        }
        Ok(reader)
    }

    /// The size of the object in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    fn usable(&self) -> io::Result<()> {
        if self.closed {
            return Err(file::closed(&self.path));
        }
        Ok(())
    }

    fn begin(&mut self, response: Response) -> Result<()> {
        self.pin(&response);
        let length = response.content_length();
        let (end, size) = match response.header("content-range") {
            Some(range) if response.status() == 206 => content_range(range, 0)?,
            // A store that knows no ranges sends everything.
            _ => length.map(|length| (length, length)).ok_or_else(|| {
                Error::new(ErrorKind::OperationFailed)
                    .with_message("the answer to GetObject does not say its length")
            })?,
        };
        self.size = size;
        self.stream = Some(Stream {
            body: response.into_reader(),
            position: 0,
            end,
        });
        Ok(())
    }

    /// An object that has no first byte is empty; a HEAD has its ETag.
    fn begin_empty(&mut self) -> Result<()> {
        let head = self.objects.head(&self.key, &self.options, false)?;
        self.pin(&head);
        self.size = head.content_length().unwrap_or_default();
        Ok(())
    }

    /// All later requests mean what this answer was about.
    fn pin(&mut self, response: &Response) {
        if let Some(e_tag) = response.header("etag") {
            self.options.if_match = Some(e_tag.to_owned());
        }
    }

    /// Makes sure that the next byte of the stream is the one at the position.
    fn align(&mut self) -> Result<()> {
        if let Some(stream) = &mut self.stream {
            let gap = self.position.checked_sub(stream.position);
            let within = self.position < stream.end;
            match gap {
                Some(0) if within => return Ok(()),
                Some(gap) if within && gap <= SHORT_SKIP => {
                    let skipped = io::copy(&mut (&mut stream.body).take(gap), &mut io::sink())?;
                    stream.position += skipped;
                    if skipped == gap {
                        return Ok(());
                    }
                }
                _ => {}
            }
            // The window is used up and the reader reads on: the next one may be larger.
            let sequential = gap == Some(0);
            self.window = match self.window {
                _ if !sequential => Some(FIRST_WINDOW),
                Some(window) if window < FIRST_WINDOW << 6 => Some(window * 2),
                _ => None,
            };
            self.stream = None;
        }
        let end = self
            .window
            .map(|window| self.position.saturating_add(window - 1))
            .filter(|end| *end < self.size - 1);
        let range = Range {
            start: self.position,
            end,
        };
        let response = self.objects.get(&self.key, Some(range), &self.options)?;
        let (end, size) = match response.header("content-range") {
            Some(range) if response.status() == 206 => content_range(range, self.position)?,
            _ => {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_message("the store does not answer a part of the object"));
            }
        };
        if size != self.size {
            return Err(Error::new(ErrorKind::ResourceChanged)
                .with_message("the object has another size than when it was opened"));
        }
        self.stream = Some(Stream {
            body: response.into_reader(),
            position: self.position,
            end,
        });
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() || self.position >= self.size {
            return Ok(0);
        }
        self.align()?;
        let Some(stream) = &mut self.stream else {
            return Ok(0);
        };
        let count = stream.body.read(buffer)?;
        if count == 0 {
            return Err(Error::new(ErrorKind::RemoteConnection)
                .with_message("the answer to GetObject ended before its range"));
        }
        stream.position += count as u64;
        self.position += count as u64;
        if stream.position == stream.end {
            // Reading past the last byte lets the connection go back to the pool.
            let surplus = stream.body.read(&mut [0])?;
            if surplus > 0 {
                return Err(Error::new(ErrorKind::OperationFailed)
                    .with_message("the answer to GetObject is longer than its range"));
            }
        }
        Ok(count)
    }
}

/// Where the answered range ends (exclusive), and the size of the object.
pub(super) fn content_range(header: &str, start: u64) -> Result<(u64, u64)> {
    parse_content_range(header)
        .filter(|(first, last, size)| *first == start && first <= last && last < size)
        .map(|(_, last, size)| (last + 1, size))
        .ok_or_else(|| {
            Error::new(ErrorKind::OperationFailed).with_message(format!(
                "the answer to GetObject has the range {header:?}, and byte {start} was asked for"
            ))
        })
}

/// First byte, last byte and size. Source: RFC 9110, section 14.4.
fn parse_content_range(header: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, size.parse().ok()?))
}

/// Whether the server said that no byte of the object is in the range.
pub(crate) fn is_range_error(error: &Error) -> bool {
    error.s3().is_some_and(|s3| s3.status == 416)
}

impl Read for S3Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.usable()?;
        self.read_some(buffer)
            .map_err(|error| error.with_path(&self.path).into())
    }
}

impl Seek for S3Reader {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.usable()?;
        self.position = file::seek_target(from, self.position, self.size, &self.path)?;
        Ok(self.position)
    }
}

impl Write for S3Reader {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.usable()?;
        Err(file::not_allowed(&self.path, "writing"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl File for S3Reader {
    fn set_len(&mut self, _: u64) -> io::Result<()> {
        self.usable()?;
        Err(file::not_allowed(&self.path, "writing"))
    }

    fn close(&mut self) -> Result<()> {
        self.closed = true;
        self.stream = None;
        Ok(())
    }
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
