//! [`ReadAhead`]: the rest of an object in windows that threads fetch in advance.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::thread;

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::read::object_version::ObjectVersion;
use crate::threads::{Begun, begin};

/// Size of a window in bytes, except for the last one.
pub(in crate::s3) const WINDOW: u64 = 4 << 20;

/// Maximum number of windows that are fetched at a time.
pub(in crate::s3) const MAX_WINDOWS: usize = 64;

/// The object from some byte to its end. The requested number of windows is being fetched or waits, in the order of the
/// object. One more window is being read. No more is held in memory.
pub(in crate::s3) struct ReadAhead {
    version: Arc<ObjectVersion>,
    windows: usize,
    /// Fetched windows, in the order of the object.
    fetched: VecDeque<Begun<Result<Vec<u8>>>>,
    /// Start of the first window that is not being fetched yet.
    next: u64,
    window: Vec<u8>,
    /// Buffers of windows that were read, for the next ones. They are kept because some allocators do not reuse memory
    /// across threads.
    spare: Vec<Vec<u8>>,
    /// Number of bytes of the window that were read.
    done: usize,
    position: u64,
    /// Ends the threads when their windows are not needed any more.
    abandoned: CancelToken,
    threads: Threads,
}

/// The running threads of one reader, including those whose windows are not needed any more.
#[derive(Clone, Default)]
pub(in crate::s3) struct Threads(Arc<()>);

impl Threads {
    pub(in crate::s3) fn are_running(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl ReadAhead {
    /// Starts to fetch from `position` on. Makes one request for each window.
    pub(in crate::s3) fn start(
        version: &Arc<ObjectVersion>,
        position: u64,
        windows: usize,
        threads: &Threads,
    ) -> Self {
        let mut ahead = Self {
            version: Arc::clone(version),
            windows: windows.clamp(1, MAX_WINDOWS),
            fetched: VecDeque::new(),
            next: position,
            window: Vec::new(),
            spare: Vec::new(),
            done: 0,
            position,
            abandoned: CancelToken::new(),
            threads: threads.clone(),
        };
        ahead.fill();
        ahead
    }

    /// Returns the position in the object of the next byte.
    pub(in crate::s3) fn position(&self) -> u64 {
        self.position
    }

    /// Returns the position at which the object ends.
    pub(in crate::s3) fn end(&self) -> u64 {
        self.version.size()
    }

    /// Reads some bytes. Returns 0 only at the end, or for an empty buffer.
    pub(in crate::s3) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.done == self.window.len() {
            let old = std::mem::take(&mut self.window);
            if old.capacity() > 0 && self.next < self.version.size() {
                self.spare.push(old);
            }
            self.done = 0;
            let Some(fetched) = self.fetched.pop_front() else {
                return Ok(0);
            };
            let window = match fetched {
                Begun::Running(thread) => thread.join().unwrap_or_default(),
                Begun::Done(window) => window,
            };
            let ended_early = || {
                Error::new(ErrorKind::OperationFailed)
                    .with_message("a read-ahead thread ended early")
            };
            self.window = window.ok_or_else(ended_early)??;
            self.fill();
        }
        let mut rest = self.window.get(self.done..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.done += count;
        self.position += count as u64;
        Ok(count)
    }

    /// Starts to fetch windows up to the maximum.
    fn fill(&mut self) {
        while self.fetched.len() < self.windows && self.next < self.version.size() {
            let start = self.next;
            let end = start.saturating_add(WINDOW).min(self.version.size());
            let version = Arc::clone(&self.version);
            let abandoned = self.abandoned.clone();
            let running = self.threads.clone();
            let memory = self.spare.pop().unwrap_or_default();
            let thread = thread::Builder::new().name("s3fs-read-ahead".to_owned());
            let window = begin(thread, move || {
                let window = abandoned.run(|| fetch(&version, start, end, memory));
                drop(running);
                window
            });
            // If the system has no thread left, one window is fetched at a time.
            let is_done = matches!(window, Begun::Done(_));
            self.fetched.push_back(window);
            self.next = end;
            if is_done {
                break;
            }
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.abandoned.cancel();
    }
}

/// Fetches all bytes of a range into the buffer `bytes`.
fn fetch(
    version: &Arc<ObjectVersion>,
    start: u64,
    end: u64,
    mut bytes: Vec<u8>,
) -> Result<Vec<u8>> {
    let length = usize::try_from(end - start).unwrap_or_default();
    bytes.resize(length, 0);
    let mut done = 0;
    let mut range = version.range(start, end)?;
    loop {
        let rest = bytes.get_mut(done..).unwrap_or_default();
        match range.read(rest)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(bytes)
}
