//! Standard input that a signal can interrupt. A thread reads it, and the caller waits for both.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use s3fs::{CancelToken, Error, ErrorKind};

/// Interval between checks for cancellation.
const PAUSE: Duration = Duration::from_millis(50);

const CHUNK: usize = 64 << 10;

pub struct Stdin {
    /// The bytes that the thread reads. `None` if the system has no thread for it.
    chunks: Option<Receiver<io::Result<Vec<u8>>>>,
    rest: io::Cursor<Vec<u8>>,
    /// Whether the end of the input was reached.
    is_over: bool,
    cancel: CancelToken,
}

/// Returns true if the standard input was closed when the program began. Rust then opens the null device in its place, for
/// reading and writing, and an empty input would replace the target. Known on Linux only.
pub fn is_closed() -> bool {
    let device = std::fs::read_link("/proc/self/fd/0");
    let is_null = device.is_ok_and(|device| device.as_os_str() == "/dev/null");
    let info = std::fs::read_to_string("/proc/self/fdinfo/0").unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    const ACCESS: u32 = 3;
    const READ_AND_WRITE: u32 = 2;
    is_null && flags.is_some_and(|flags| flags & ACCESS == READ_AND_WRITE)
}

impl Stdin {
    pub fn open(cancel: &CancelToken) -> Self {
        let (sender, chunks) = mpsc::sync_channel(4);
        let read = move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = match stdin.read(&mut chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let is_end = !matches!(read, Ok(1..));
                let chunk = read.map(|count| {
                    chunk.truncate(count);
                    chunk
                });
                if sender.send(chunk).is_err() || is_end {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("stdin".to_owned());
        Self {
            chunks: thread.spawn(read).is_ok().then_some(chunks),
            rest: io::Cursor::default(),
            is_over: false,
            cancel: cancel.clone(),
        }
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.rest.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.is_over {
                return Ok(count);
            }
            if self.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled).into());
            }
            let Some(chunks) = &self.chunks else {
                match io::stdin().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => return read,
                }
            };
            match chunks.recv_timeout(PAUSE) {
                Ok(chunk) => {
                    let chunk = chunk?;
                    self.is_over = chunk.is_empty();
                    self.rest = io::Cursor::new(chunk);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The thread ended before the end of the input. The bytes read so far must not count as all of it.
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other(
                        "it ended with an error before all of it was read",
                    ));
                }
            }
        }
    }
}
