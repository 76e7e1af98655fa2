//! Standard input that a signal can interrupt: a thread reads it, and whoever wants it waits for both.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use s3fs::{CancelToken, Error, ErrorKind};

/// How long nobody looks whether the call was cancelled.
const PAUSE: Duration = Duration::from_millis(50);

const CHUNK: usize = 64 << 10;

pub struct Stdin {
    chunks: Receiver<io::Result<Vec<u8>>>,
    rest: io::Cursor<Vec<u8>>,
    cancel: CancelToken,
}

impl Stdin {
    pub fn open(cancel: &CancelToken) -> Self {
        let (sender, chunks) = mpsc::sync_channel(4);
        thread::spawn(move || {
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
        });
        Self {
            chunks,
            rest: io::Cursor::default(),
            cancel: cancel.clone(),
        }
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.rest.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if self.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled).into());
            }
            match self.chunks.recv_timeout(PAUSE) {
                Ok(chunk) => {
                    let chunk = chunk?;
                    if chunk.is_empty() {
                        return Ok(0);
                    }
                    self.rest = io::Cursor::new(chunk);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
    }
}
