//! The one way to S3: a [`Request`] goes in, a checked [`Response`] comes out, and nothing else
//! here knows about HTTP.

mod body;
mod error;
mod redact;
mod request;
pub(crate) mod xml;

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rusty_s3::{Bucket, Method};
use ureq::http::{HeaderMap, StatusCode};
use ureq::{Agent, AsSendBody, SendBody};

use crate::error::{Error, ErrorKind, Result};
use crate::s3::credentials::Credentials;
use crate::s3::key::Key;
pub(crate) use body::{Payload, ReadAt};
use redact::Secrets;
pub(crate) use request::{Operation, Request};
use request::{Unsigned, sign};
use xml::XmlError;

/// The longest answer that is read as a document. A page of 1,000 keys of 1,024 bytes, each byte
/// percent-encoded, has about 4 MiB.
const MAX_DOCUMENT_BYTES: u64 = 16 << 20;

/// The longest error answer that is read; the rest of a longer one is not needed to tell the error.
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// From this size on, a body waits for the server's word that it may come, so that a refusal
/// arrives as S3's error and not as a broken connection.
const EXPECT_CONTINUE_BYTES: u64 = 1 << 20;

/// How long a server gets for that word; ureq then sends anyway.
const AWAIT_CONTINUE: Duration = Duration::from_secs(1);

/// How much longer a server may take for what it does by itself, such as a copy.
const LONG_OPERATION_FACTOR: u32 = 10;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// For a connection, TLS included.
    pub(crate) connect: Duration,
    /// For the whole header of an answer, once the request is sent.
    pub(crate) response: Duration,
    /// For each read and write: how long a transfer may stand still.
    pub(crate) stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            response: Duration::from_secs(60),
            stall: Duration::from_secs(60),
        }
    }
}

/// The connection to one bucket.
pub(crate) struct Client {
    agent: Agent,
    bucket: Bucket,
    credentials: Option<Credentials>,
    timeouts: Timeouts,
    /// Whether the server left a body waiting for its word once; it is not asked again.
    ignores_expect: AtomicBool,
}

impl Client {
    /// A client of that bucket; without credentials its requests are anonymous.
    pub(crate) fn new(
        bucket: Bucket,
        credentials: Option<Credentials>,
        timeouts: Timeouts,
        max_workers: usize,
        user_agent: &str,
    ) -> Self {
        // One idle connection for each worker, and one for the caller's own thread.
        let idle = max_workers + 1;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(timeouts.connect))
            .timeout_recv_response(Some(timeouts.response))
            .timeout_per_read(Some(timeouts.stall))
            .timeout_per_write(Some(timeouts.stall))
            .timeout_await_100(Some(AWAIT_CONTINUE))
            .max_idle_connections(idle)
            .max_idle_connections_per_host(idle)
            .user_agent(user_agent)
            .accept_encoding("identity")
            .build();
        Self {
            agent: config.new_agent(),
            bucket,
            credentials,
            timeouts,
            ignores_expect: AtomicBool::new(false),
        }
    }

    /// The bucket that is asked.
    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Whether requests are unsigned.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.credentials.is_none()
    }

    /// Sends a request. An answer that is not a success is an error.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Response> {
        self.send_with(request, Payload::Bytes(request.body.unwrap_or_default()))
    }

    fn send_with(&self, request: &Request<'_>, payload: Payload<'_>) -> Result<Response> {
        let url = request.url(&self.bucket, self.credentials.as_ref(), SystemTime::now())?;
        let started = Instant::now();
        let answer = self.transmit(request, url.as_str(), &payload);
        let milliseconds = started.elapsed().as_millis();
        let name = request.operation.name();
        let key = request.key.map_or("", Key::as_str);
        let answer = match answer {
            Ok(answer) => answer,
            Err(lost) => {
                let unsure = lost.may_have_arrived && request.operation.changes();
                let error = error::transport(lost.error, &self.bucket).with_unsure(unsure);
                log::debug!("{name} {key:?}: {error}, after {milliseconds} ms");
                return Err(error);
            }
        };
        log::debug!(
            "{name} {key:?}: {}, after {milliseconds} ms",
            answer.status().as_u16()
        );
        let (parts, body) = answer.into_parts();
        let mut response = Response {
            operation: request.operation,
            status: parts.status,
            headers: parts.headers,
            body,
        };
        let is_success = response.status.is_success();
        let lacks_e_tag =
            request.operation.answers_with_e_tag() && !response.headers.contains_key("etag");
        if is_success && !lacks_e_tag {
            return Ok(response);
        }
        // What was not read of an error's body only costs the connection.
        let body = response.read_start(MAX_ERROR_BYTES);
        Err(if is_success {
            // A portal or a proxy answers so, and would pass for a file or a finished write.
            self.misfit(request, &response, &body, "it has no ETag")
        } else {
            let unsure =
                request.operation.changes() && error::may_be_done(response.status(), &body);
            self.refusal(request, &response, &body).with_unsure(unsure)
        })
    }

    /// Sends a request whose answer is a document, and reads that.
    pub(crate) fn ask<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(&[u8]) -> Result<T, XmlError>,
    ) -> Result<T> {
        let mut response = self.send(request)?;
        let body = response.read_document()?;
        read(&body).map_err(|error| {
            // The error quotes a piece of the answer: it is told of the answer without its secrets,
            // half of which a piece could have.
            let hidden = self.secrets(request).hide(&String::from_utf8_lossy(&body));
            let error = read(hidden.as_bytes()).err().unwrap_or(error);
            self.misfit(request, &response, &body, &error.to_string())
        })
    }

    /// Sends a request whose answer says nothing more than that it succeeded.
    pub(crate) fn tell(&self, request: &Request<'_>) -> Result<Response> {
        self.tell_with(request, Payload::Bytes(request.body.unwrap_or_default()))
    }

    /// Sends a request with that body, whose answer says nothing more than that it succeeded.
    pub(crate) fn tell_with(
        &self,
        request: &Request<'_>,
        payload: Payload<'_>,
    ) -> Result<Response> {
        let mut response = self.send_with(request, payload)?;
        let body = response.read_document()?;
        if body.trim_ascii().is_empty() || xml::is_other_document(&body) {
            return Ok(response);
        }
        Err(self.misfit(request, &response, &body, "no content belongs there"))
    }

    /// A presigned URL, valid for so many seconds from now.
    pub(crate) fn presign(
        &self,
        method: Method,
        key: &Key,
        query: &[(&'static str, String)],
        seconds: u64,
    ) -> Result<String> {
        let unsigned = Unsigned {
            method,
            key: Some(key),
            query,
            headers: &[],
        };
        let credentials = self.credentials.as_ref();
        let now = SystemTime::now();
        Ok(sign(&unsigned, &self.bucket, credentials, now, seconds)?.into())
    }

    fn transmit(
        &self,
        request: &Request<'_>,
        url: &str,
        payload: &Payload<'_>,
    ) -> Result<ureq::http::Response<ureq::Body>, Lost> {
        let mut builder = ureq::http::Request::builder()
            .method(request.operation.method().to_str())
            .uri(url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !matches!(request.operation.method(), Method::Put | Method::Post) {
            let outgoing = builder.body(()).map_err(Lost::before)?;
            return self.run(outgoing, request.operation).map_err(Lost::after);
        }
        let length = payload.length();
        builder = builder.header("content-length", length);
        let expect =
            length >= EXPECT_CONTINUE_BYTES && !self.ignores_expect.load(Ordering::Relaxed);
        if expect {
            builder = builder.header("expect", "100-continue");
        }
        let mut body = payload.outgoing();
        let asked = Instant::now();
        let outgoing = builder
            .body(SendBody::from_reader(&mut body))
            .map_err(Lost::before)?;
        let answer = self.run(outgoing, request.operation);
        let waited = body.started().map(|started| started.duration_since(asked));
        if expect && waited.is_some_and(|waited| waited >= AWAIT_CONTINUE) {
            log::debug!("the server does not answer Expect: 100-continue; it is not sent again");
            self.ignores_expect.store(true, Ordering::Relaxed);
        }
        // With a part of the body only, the server cannot have done anything.
        answer.map_err(|error| match body.left() {
            0 => Lost::after(error),
            _ => Lost::before(error),
        })
    }

    fn run(
        &self,
        request: ureq::http::Request<impl AsSendBody>,
        operation: Operation,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        if !operation.is_long() {
            return self.agent.run(request);
        }
        let patience = self.timeouts.response * LONG_OPERATION_FACTOR;
        let request = self
            .agent
            .configure_request(request)
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .build();
        self.agent.run(request)
    }

    /// What no text about that request may show.
    fn secrets<'a>(&'a self, request: &'a Request<'_>) -> Secrets<'a> {
        Secrets::of(self.credentials.as_ref(), &request.headers)
    }

    /// The error that an answer of the server stands for.
    fn refusal(&self, request: &Request<'_>, response: &Response, body: &[u8]) -> Error {
        let secrets = self.secrets(request);
        error::refusal(response, body, &self.bucket, &secrets, self.is_anonymous())
    }

    /// The error of a success that is not what was asked for: an error document, which a 200 may
    /// carry, or no answer of the S3 API.
    fn misfit(&self, request: &Request<'_>, response: &Response, body: &[u8], why: &str) -> Error {
        if xml::error_answer(body).is_some() {
            return self.refusal(request, response, body);
        }
        let secrets = self.secrets(request);
        error::not_s3(response, body, why, &self.bucket, &secrets)
    }
}

/// A request that got no answer.
struct Lost {
    error: ureq::Error,
    /// Whether the server may have had all of it.
    may_have_arrived: bool,
}

impl Lost {
    /// Before all of it was sent.
    fn before(error: impl Into<ureq::Error>) -> Self {
        Self {
            error: error.into(),
            may_have_arrived: false,
        }
    }

    /// When all of it may have been sent, unless the error is one of connecting.
    fn after(error: ureq::Error) -> Self {
        Self {
            may_have_arrived: !error::is_before_sending(&error),
            error,
        }
    }
}

/// A successful answer: its headers, and its body, which is read when the caller asks for it.
pub(crate) struct Response {
    operation: Operation,
    status: StatusCode,
    headers: HeaderMap,
    body: ureq::Body,
}

impl Response {
    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
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

    /// All of the body, however long: for what the caller asked for as a whole.
    pub(crate) fn read_all(mut self) -> Result<Vec<u8>> {
        let expected = self.content_length();
        // A server may lie about the length: the capacity is a hint, and bounded.
        let capacity = expected.unwrap_or_default().min(MAX_DOCUMENT_BYTES);
        let mut bytes = Vec::with_capacity(usize::try_from(capacity).unwrap_or_default());
        self.body
            .as_reader()
            .read_to_end(&mut bytes)
            .map_err(error::while_reading)?;
        match expected {
            Some(expected) if expected != bytes.len() as u64 => {
                Err(truncated(self.operation, bytes.len() as u64, expected))
            }
            _ => Ok(bytes),
        }
    }

    /// The body as a stream of exactly its declared length.
    pub(crate) fn into_reader(self) -> BodyReader {
        BodyReader {
            operation: self.operation,
            expected: self.content_length(),
            done: 0,
            reader: self.body.into_reader(),
        }
    }

    fn read_document(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.body
            .as_reader()
            .take(MAX_DOCUMENT_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(error::while_reading)?;
        if bytes.len() as u64 > MAX_DOCUMENT_BYTES {
            return Err(Error::new(ErrorKind::OperationFailed).with_message(format!(
                "the answer to {} is longer than {MAX_DOCUMENT_BYTES} bytes",
                self.operation.name()
            )));
        }
        Ok(bytes)
    }

    /// The start of the body; what cannot be read is left out.
    fn read_start(&mut self, limit: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut reader = self.body.as_reader().take(limit);
        if let Err(error) = reader.read_to_end(&mut bytes) {
            log::debug!("the body of an error answer broke off: {error}");
        }
        bytes
    }
}

/// The body of an answer as a stream.
pub(crate) struct BodyReader {
    operation: Operation,
    expected: Option<u64>,
    done: u64,
    reader: ureq::BodyReader<'static>,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self
            .reader
            .read(buffer)
            .map_err(|error| io::Error::from(error::while_reading(error)))?;
        self.done += count as u64;
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
