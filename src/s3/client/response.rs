//! [`Response`]: a successful answer, and its body as bytes, a document or a stream.

use std::io::{self, Read};
use std::sync::Arc;

use ureq::http::header::{CONNECTION, CONTENT_LENGTH};
use ureq::http::{HeaderMap, StatusCode, Version};

use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::Operation;
use crate::s3::client::agent::Takeover;
use crate::s3::client::error;
use crate::s3::client::stats::Counters;
use crate::s3::client::transport::Content;

/// Maximum size of an answer that is read as a document. A page of 1,000 keys of 1,024 bytes, each byte
/// percent-encoded, has about 4 MiB.
const MAX_DOCUMENT_BYTES: u64 = 16 << 20;

/// Maximum buffer capacity that is allocated before a document arrives.
const MAX_RESERVED: u64 = 1 << 20;

/// A successful answer: its headers, and its body, which is read on demand.
pub(crate) struct Response {
    operation: Operation,
    status: StatusCode,
    headers: HeaderMap,
    body: ureq::Body,
    takeover: Option<Takeover>,
    /// Whether the connection stays open after the answer.
    is_kept: bool,
    counters: Arc<Counters>,
}

impl Response {
    pub(super) fn new(
        operation: Operation,
        answer: ureq::http::Response<ureq::Body>,
        counters: Arc<Counters>,
    ) -> Self {
        let (mut parts, body) = answer.into_parts();
        let closes = parts.headers.get_all(CONNECTION).iter().any(|value| {
            let words = value.to_str().unwrap_or("close").split(',');
            let mut words = words.map(str::trim);
            words.any(|word| word.eq_ignore_ascii_case("close"))
        });
        Self {
            operation,
            status: parts.status,
            takeover: parts.extensions.remove(),
            is_kept: parts.version == Version::HTTP_11 && !closes,
            headers: parts.headers,
            body,
            counters,
        }
    }

    /// Returns the requested operation.
    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    /// Returns the HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Returns true if the status is a success.
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Returns a header, if it is present and readable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns all headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the declared length of the body.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Adds the object's length, which the answer to a HEAD lacks.
    pub(crate) fn with_length(mut self, length: u64) -> Self {
        self.headers.insert(CONTENT_LENGTH, length.into());
        self
    }

    /// Returns the body as a stream of exactly its declared length.
    pub(crate) fn into_reader(self) -> BodyReader {
        let expected = self.content_length();
        // ureq has no length for a body that it decodes or dechunks, and no connection for an empty body.
        let length =
            expected.filter(|length| *length > 0 && self.body.content_length() == expected);
        let reader = match (self.takeover, length) {
            (Some(takeover), Some(length)) if self.status.is_success() => {
                Source::Connection(takeover.of(self.body, length, self.is_kept))
            }
            _ => Source::Ureq(self.body.into_reader()),
        };
        BodyReader {
            operation: self.operation,
            expected,
            done: 0,
            reader,
            counters: self.counters,
        }
    }

    pub(super) fn read_document(&mut self) -> Result<Vec<u8>> {
        let declared = self.content_length().unwrap_or_default();
        // One extra byte, so that the end is detected without growing the buffer.
        let room = declared.min(MAX_RESERVED).saturating_add(1);
        let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
        let read = self
            .body
            .as_reader()
            .take(MAX_DOCUMENT_BYTES + 1)
            .read_to_end(&mut bytes);
        self.counters.received(bytes.len() as u64);
        read.map_err(error::while_reading)?;
        if bytes.len() as u64 > MAX_DOCUMENT_BYTES {
            return Err(Error::new(ErrorKind::OperationFailed).with_message(format!(
                "the response to {} is longer than {MAX_DOCUMENT_BYTES} bytes",
                self.operation.name()
            )));
        }
        Ok(bytes)
    }

    /// Reads the start of the body. Returns the error, too, if the body broke off.
    pub(super) fn read_start(&mut self, limit: u64) -> (Vec<u8>, Option<Error>) {
        let mut bytes = Vec::new();
        let mut reader = self.body.as_reader().take(limit);
        let read = reader.read_to_end(&mut bytes);
        self.counters.received(bytes.len() as u64);
        (bytes, read.err().map(error::while_reading))
    }
}

/// The body of an answer as a stream.
pub(crate) struct BodyReader {
    operation: Operation,
    expected: Option<u64>,
    done: u64,
    reader: Source,
    counters: Arc<Counters>,
}

/// Source of the bytes.
enum Source {
    Ureq(ureq::BodyReader<'static>),
    Connection(Content),
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Ureq(reader) => reader.read(buffer),
            Self::Connection(content) => content.read(buffer),
        }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self
            .reader
            .read(buffer)
            .map_err(|error| io::Error::from(error::while_reading(error)))?;
        self.done += count as u64;
        self.counters.received(count as u64);
        match self.expected {
            Some(expected) if count == 0 && !buffer.is_empty() && self.done != expected => {
                Err(truncated(self.operation, self.done, expected).into())
            }
            _ => Ok(count),
        }
    }
}

fn truncated(operation: Operation, got: u64, expected: u64) -> Error {
    Error::new(ErrorKind::RemoteConnection).with_message(format!(
        "the response to {} ended after {got} of {expected} bytes",
        operation.name()
    ))
}
