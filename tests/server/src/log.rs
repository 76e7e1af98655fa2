//! The log: every request that reached the server, in order of arrival, with its actual size.

use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request::Parts;

use super::request::Target;

/// One request, as the server received it.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// S3's name for it, such as `GetObject` or `ListObjectsV2`.
    pub operation: &'static str,
    pub method: String,
    /// The path in the request line, without the query.
    pub path: String,
    /// Decoded; empty if the request has none.
    pub bucket: String,
    /// Decoded; empty if the request has none.
    pub key: String,
    /// Decoded pairs, without those of the signature (`X-Amz-*`).
    pub query: Vec<(String, String)>,
    /// By lowercase name.
    pub headers: BTreeMap<String, String>,
    /// The number of its connection, from 1 in order of acceptance.
    pub connection: usize,
    /// `None` until there is a response, and permanently if the connection was dropped instead.
    pub status: Option<u16>,
    /// Bytes of the request body that the server has read.
    pub bytes_in: u64,
    /// Bytes of the response body that the server has sent. If the client closed the connection, these may
    /// include bytes that the operating system had buffered.
    pub bytes_out: u64,
}

impl LoggedRequest {
    /// The value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(given, _)| given == name)?;
        Some(&pair.1)
    }

    /// The value of a request header, by lowercase name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A request whose counts may still grow.
pub struct Entry {
    request: LoggedRequest,
    /// Zero until there is a response.
    status: AtomicU16,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Entry {
    pub fn request(&self) -> &LoggedRequest {
        &self.request
    }

    pub fn answered(&self, status: u16) {
        self.status.store(status, Ordering::Release);
    }

    pub fn received(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Ordering::AcqRel);
    }

    pub fn sent(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Ordering::AcqRel);
    }

    fn snapshot(&self) -> LoggedRequest {
        let status = self.status.load(Ordering::Acquire);
        LoggedRequest {
            status: (status != 0).then_some(status),
            bytes_in: self.bytes_in.load(Ordering::Acquire),
            bytes_out: self.bytes_out.load(Ordering::Acquire),
            ..self.request.clone()
        }
    }
}

/// The requests of one server.
#[derive(Default)]
pub struct Log {
    entries: Mutex<Vec<Arc<Entry>>>,
}

impl Log {
    /// Logs a request that has arrived.
    pub fn begin(&self, parts: &Parts, target: &Target, connection: usize) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            request: logged(parts, target, connection),
            status: AtomicU16::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        });
        self.entries().push(Arc::clone(&entry));
        entry
    }

    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.entries()
            .iter()
            .map(|entry| entry.snapshot())
            .collect()
    }

    /// Returns all requests so far, and clears the log.
    pub fn take(&self) -> Vec<LoggedRequest> {
        let entries = mem::take(&mut *self.entries());
        entries.iter().map(|entry| entry.snapshot()).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn logged(parts: &Parts, target: &Target, connection: usize) -> LoggedRequest {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let signs = |name: &str| name.to_ascii_lowercase().starts_with("x-amz-");
    let query = target.query.iter().filter(|(name, _)| !signs(name));
    LoggedRequest {
        operation: target.operation,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        bucket: target.bucket.clone(),
        key: target.key.clone(),
        query: query.cloned().collect(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        connection,
        status: None,
        bytes_in: 0,
        bytes_out: 0,
    }
}
