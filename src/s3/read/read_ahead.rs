//! [`ReadAhead`]: the rest of an object in windows that threads fetch before they are asked for.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::thread;

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::read::object_version::ObjectVersion;
use crate::threads::{Begun, begin};

/// How many bytes a window has, but for the last one.
pub(in crate::s3) const WINDOW: u64 = 4 << 20;

/// The most windows that are fetched at a time.
pub(in crate::s3) const MAX_WINDOWS: usize = 64;

/// The object from some byte to its end. As many windows as were asked for are on their way, or
/// wait, in the order of the object, and one more is being read: no more is held in memory.
pub(in crate::s3) struct ReadAhead {
    version: Arc<ObjectVersion>,
    windows: usize,
    /// In the order of the object.
    fetched: VecDeque<Begun<Result<Vec<u8>>>>,
    /// Where the first window begins that nobody fetches yet.
    next: u64,
    window: Vec<u8>,
    /// The memory of windows that were read, for the next ones: what one thread frees is not there for
    /// another one with every allocator.
    spare: Vec<Vec<u8>>,
    /// How much of the window was read.
    done: usize,
    position: u64,
    /// Ends the threads once nobody wants what they fetch.
    abandoned: CancelToken,
    threads: Threads,
}

/// The threads of one reader that still run, those among them whose windows nobody wants any more.
#[derive(Clone, Default)]
pub(in crate::s3) struct Threads(Arc<()>);

impl Threads {
    pub(in crate::s3) fn are_running(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl ReadAhead {
    /// Begins to fetch from that byte on: one request for each window.
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

    /// Where in the object the next byte is.
    pub(in crate::s3) fn position(&self) -> u64 {
        self.position
    }

    /// Where in the object it ends.
    pub(in crate::s3) fn end(&self) -> u64 {
        self.version.size()
    }

    /// Reads some bytes; none only at the end, or into no buffer.
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
                    .with_message("a thread that read ahead ended early")
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

    /// Lets as many windows be fetched as there may be.
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
            // If the system has no thread left, one at a time.
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

/// All bytes of a range, in that memory.
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
