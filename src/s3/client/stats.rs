//! Counters of requests and bytes, which all clones of a filesystem share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::s3::client::Operation;

/// Counts of the requests that an [`S3Fs`](crate::S3Fs) and its clones have sent so far. Returned by
/// [`S3Fs::stats`](crate::S3Fs::stats).
///
/// ```
/// # let server = "http://127.0.0.1:9";
/// let fs = s3fs::S3Fs::builder("mybucket")
///     .endpoint_url(server)
///     .anonymous(true)
///     .build()?;
/// let stats = fs.stats();
/// assert_eq!(stats.requests, 0);
/// for (operation, count) in stats.by_operation() {
///     println!("{operation}: {count}");
/// }
/// # Ok::<(), s3fs::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Number of requests sent, counting each attempt.
    pub requests: u64,
    /// Number of these requests that were retries: after a failure, with a correction learned from a rejected request,
    /// or for the rest of an answer that broke off.
    pub retries: u64,
    /// Number of failed requests, for any reason: rejected, without an answer, or with an answer that broke off.
    pub failures: u64,
    /// Number of bytes sent in request bodies.
    pub bytes_out: u64,
    /// Number of bytes read from answer bodies.
    pub bytes_in: u64,
    by_operation: [u64; Operation::COUNT],
}

impl Stats {
    /// Returns the name and the number of requests of each operation of the S3 API that was used.
    pub fn by_operation(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.by_operation;
        let pairs = Operation::all().map(Operation::name).zip(counts);
        pairs.filter(|(_, count)| *count > 0)
    }
}

/// Shows operations by their names.
impl fmt::Debug for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_operation: BTreeMap<&str, u64> = self.by_operation().collect();
        f.debug_struct("Stats")
            .field("requests", &self.requests)
            .field("retries", &self.retries)
            .field("failures", &self.failures)
            .field("bytes_out", &self.bytes_out)
            .field("bytes_in", &self.bytes_in)
            .field("by_operation", &by_operation)
            .finish()
    }
}

/// The counters behind [`Stats`].
#[derive(Default)]
pub(super) struct Counters {
    retries: AtomicU64,
    failures: AtomicU64,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    by_operation: [AtomicU64; Operation::COUNT],
}

impl Counters {
    pub(super) fn request(&self, operation: Operation) {
        if let Some(counter) = self.by_operation.get(operation as usize) {
            add(counter, 1);
        }
    }

    pub(super) fn retry(&self) {
        add(&self.retries, 1);
    }

    pub(super) fn failure(&self) {
        add(&self.failures, 1);
    }

    pub(super) fn sent(&self, bytes: u64) {
        add(&self.bytes_out, bytes);
    }

    pub(super) fn received(&self, bytes: u64) {
        add(&self.bytes_in, bytes);
    }

    /// Returns the current counts.
    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let by_operation = self.by_operation.each_ref().map(read);
        Stats {
            requests: by_operation.iter().sum(),
            retries: read(&self.retries),
            failures: read(&self.failures),
            bytes_out: read(&self.bytes_out),
            bytes_in: read(&self.bytes_in),
            by_operation,
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_a_counter_of_its_own() {
        let counters = Counters::default();
        for (times, operation) in (1..).zip(Operation::all()) {
            for _ in 0..times {
                counters.request(operation);
            }
        }
        let counted: Vec<_> = counters.stats().by_operation().collect();
        let expected: Vec<_> = Operation::all().map(Operation::name).zip(1..).collect();
        assert_eq!(counted, expected);
        assert_eq!(
            counters.stats().requests,
            (1..=Operation::COUNT as u64).sum::<u64>()
        );
    }
}
