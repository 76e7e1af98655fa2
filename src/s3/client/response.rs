//! [`Response`]: a successful answer, and its body as bytes, a document or a stream.

use std::io::{self, Read};
use std::sync::Arc;

use ureq::http::header::CONTENT_LENGTH;
use ureq::http::{HeaderMap, StatusCode};

use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::Operation;
use crate::s3::client::error;
use crate::s3::client::stats::Counters;

/// The longest answer that is read as a document. A page of 1,000 keys of 1,024 bytes, each byte
/// percent-encoded, has about 4 MiB.
const MAX_DOCUMENT_BYTES: u64 = 16 << 20;

/// A successful answer: its headers, and its body, which is read when the caller asks for it.
pub(crate) struct Response {
    operation: Operation,
    status: StatusCode,
    headers: HeaderMap,
    body: ureq::Body,
    counters: Arc<Counters>,
}

impl Response {
    pub(super) fn new(
        operation: Operation,
        answer: ureq::http::Response<ureq::Body>,
        counters: Arc<Counters>,
    ) -> Self {
        let (parts, body) = answer.into_parts();
        Self {
            operation,
            status: parts.status,
            headers: parts.headers,
            body,
            counters,
        }
    }

    /// The operation that was asked for.
    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the status says success.
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// A header, if it is there and readable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The declared length of the body.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The same answer, to a HEAD, with the length of the object that it lacks.
    pub(crate) fn with_length(mut self, length: u64) -> Self {
        self.headers.insert(CONTENT_LENGTH, length.into());
        self
    }

    /// The body as a stream of exactly its declared length.
    pub(crate) fn into_reader(self) -> BodyReader {
        BodyReader {
            operation: self.operation,
            expected: self.content_length(),
            done: 0,
            reader: self.body.into_reader(),
            counters: self.counters,
        }
    }

    pub(super) fn read_document(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self
            .body
            .as_reader()
            .take(MAX_DOCUMENT_BYTES + 1)
            .read_to_end(&mut bytes);
        self.counters.received(bytes.len() as u64);
        read.map_err(error::while_reading)?;
        if bytes.len() as u64 > MAX_DOCUMENT_BYTES {
            return Err(Error::new(ErrorKind::OperationFailed).with_message(format!(
                "the answer to {} is longer than {MAX_DOCUMENT_BYTES} bytes",
                self.operation.name()
            )));
        }
        Ok(bytes)
    }

    /// The start of the body, and why it broke off if it did.
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
    reader: ureq::BodyReader<'static>,
    counters: Arc<Counters>,
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
        "the answer to {} ended after {got} of {expected} bytes",
        operation.name()
    ))
}
