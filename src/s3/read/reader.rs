//! [`S3Reader`]: a file opened with `r`, streamed by ranges of the object version that was opened.

use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use ureq::http::HeaderMap;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::file::{self, File};
use crate::filesystem::options::OpenOptions;
use crate::s3::api::{Objects, ReadOptions};
use crate::s3::key::Key;
use crate::s3::read::object_version::{ObjectVersion, RangeReader};
use crate::s3::read::read_ahead::{ReadAhead, Threads};

/// Maximum number of bytes that are skipped by reading, or read again, to save a request or a connection: the gap of a
/// short seek, the rest of an abandoned window, and the first window after a seek.
const SMALL: u64 = 64 << 10;

/// Factor between the sizes of successive windows.
const GROWTH: u64 = 4;

/// Maximum size of a window. After it, the whole rest is requested at once.
const MAX_WINDOW: u64 = 16 << 20;

/// Size of the buffer for reads of a few bytes at a time, or by lines.
const BUFFER_BYTES: usize = 8 << 10;

/// Options for opening files for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::s3) struct Reading {
    /// Number of bytes in the first request. 0 means a HEAD request.
    pub(in crate::s3) first_window: u64,
    /// Number of windows that are fetched in advance.
    pub(in crate::s3) read_ahead: usize,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            first_window: 1 << 20,
            read_ahead: 0,
        }
    }
}

impl Reading {
    /// Returns the options of a call, with these values as defaults.
    pub(in crate::s3) fn overridden_by(self, call: &OpenOptions) -> Self {
        Self {
            first_window: call.first_window.unwrap_or(self.first_window),
            read_ahead: call.read_ahead.unwrap_or(self.read_ahead),
        }
    }
}

/// A file opened for reading: `Read`, [`BufRead`] and `Seek` over one version of the object.
///
/// Opening requests the first MiB (see [`first_window`](OpenOptions::first_window)). Reading on requests the rest in one
/// request. A seek of at most 64 KiB forward reads on. Any other seek requests a window of 64 KiB, or the size of the
/// read if that is larger. Windows grow while reading stays sequential. Every request after the first carries the ETag of
/// the first response. If the object is replaced meanwhile, reading fails with
/// [`ResourceChanged`](crate::ErrorKind::ResourceChanged) and never returns a mixture.
///
/// If a connection breaks, or the server closes it because the reader was idle, another one continues at the byte where
/// it broke, with a warning in the log. Reading fails if five connections in a row break within 64 KiB.
///
/// At most 8 KiB of unread bytes are held here, in addition to a connection's buffers. With
/// [`read_ahead`](OpenOptions::read_ahead), threads fetch windows in advance.
///
/// ```no_run
/// use std::io::{BufRead, Read, Seek, SeekFrom};
/// use s3fs::{OpenOptions, S3Fs};
///
/// let fs = S3Fs::new("mybucket")?;
/// for line in fs.open_read("tides.csv", &OpenOptions::new())?.lines() {
///     println!("{}", line?);
/// }
/// let mut archive = fs.open_read("backup.zip", &OpenOptions::new().first_window(0))?;
/// let mut end = Vec::new();
/// archive.seek(SeekFrom::End(-22))?;
/// archive.read_to_end(&mut end)?;
/// # Ok::<(), s3fs::Error>(())
/// ```
pub struct S3Reader {
    version: Arc<ObjectVersion>,
    path: String,
    position: u64,
    source: Option<Source>,
    /// The position of the source in the object, or its last position. Reading is sequential from there.
    reached: Option<u64>,
    /// The size of the last requested window. `None` if it was not one of the growing windows.
    window: Option<u64>,
    read_ahead: usize,
    threads: Threads,
    buffer: Buffer,
    /// Maximum number of parallel requests of one call.
    workers: usize,
    closed: bool,
}

impl fmt::Debug for S3Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Reader")
            .field("path", &self.path)
            .field("size", &self.version.size())
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl S3Reader {
    /// Opens the object. Makes one request.
    pub(in crate::s3) fn open(
        objects: Arc<Objects>,
        key: Key,
        path: &str,
        options: ReadOptions,
        reading: Reading,
    ) -> Result<Self> {
        let (version, range) = match reading.first_window {
            0 => (ObjectVersion::look(objects, key, options)?, None),
            window => ObjectVersion::begin(objects, key, options, window)?,
        };
        Ok(Self {
            version,
            path: path.to_owned(),
            position: 0,
            reached: range.as_ref().map(RangeReader::position),
            source: range.map(Source::Range),
            window: None,
            read_ahead: reading.read_ahead,
            threads: Threads::default(),
            buffer: Buffer::default(),
            workers: 1,
            closed: false,
        })
    }

    /// Sets the maximum number of parallel requests.
    pub(in crate::s3) fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    pub(in crate::s3) fn workers(&self) -> usize {
        self.workers
    }

    /// Returns another reader of the same object version, with a position of its own, which begins at the position of
    /// this reader. Another thread can use it. Makes no request.
    ///
    /// # Errors
    ///
    /// [`OperationFailed`](ErrorKind::OperationFailed) if this reader is closed.
    pub fn try_clone(&self) -> Result<Self> {
        self.check_open()?;
        Ok(Self {
            version: Arc::clone(&self.version),
            path: self.path.clone(),
            position: self.position,
            reached: None,
            source: None,
            window: None,
            read_ahead: self.read_ahead,
            threads: Threads::default(),
            buffer: Buffer::default(),
            workers: self.workers,
            closed: false,
        })
    }

    /// Returns an error if this reader is closed.
    pub(in crate::s3) fn check_open(&self) -> Result<()> {
        self.usable().map_err(Error::from)
    }

    /// Adds the path of this file to an error.
    pub(in crate::s3) fn about(&self, error: Error) -> Error {
        error.with_path(&self.path)
    }

    /// Returns the size of the object in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.version.size()
    }

    /// Fills the buffer with the bytes of the object from `position` on, and requests no others. Makes one request. Does
    /// not change the position of this reader.
    pub(in crate::s3) fn read_range(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let end = position.saturating_add(buffer.len() as u64);
        let mut range = self.version.range(position, end)?;
        let mut filled = 0;
        while filled < buffer.len() {
            match range.read(&mut buffer[filled..])? {
                0 => {
                    return Err(Error::new(ErrorKind::RemoteConnection)
                        .with_message("the object ended before its full size was read"));
                }
                count => filled += count,
            }
        }
        Ok(())
    }

    /// Returns the headers of the first response. They are empty if that response only reported an empty object.
    pub(in crate::s3) fn headers(&self) -> &HeaderMap {
        self.version.headers()
    }

    fn usable(&self) -> io::Result<()> {
        if self.closed {
            return Err(file::closed(&self.path));
        }
        Ok(())
    }

    /// Reads from the object at the position. A source that fails is not used again.
    fn read_object(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut source = self.source(buffer.len())?;
        let count = source.read(buffer)?;
        self.reached = Some(source.position());
        self.source = Some(source);
        Ok(count)
    }

    /// Returns a source whose next byte is at the position, for a read of `wanted` bytes.
    fn source(&mut self, wanted: usize) -> Result<Source> {
        let gap = self
            .reached
            .and_then(|reached| self.position.checked_sub(reached))
            .filter(|gap| *gap <= SMALL);
        match self.source.take() {
            Some(mut source) if gap.is_some() && self.position < source.end() => {
                source.skip_to(self.position)?;
                Ok(source)
            }
            left => {
                match left {
                    Some(Source::Range(range)) if range.end() - range.position() <= SMALL => {
                        range.finish_quietly();
                    }
                    left => drop(left),
                }
                self.ask(gap.is_some(), wanted)
            }
        }
    }

    /// Requests bytes from the position on. `sequential` means that the position continues the last read.
    fn ask(&mut self, sequential: bool, wanted: usize) -> Result<Source> {
        // Threads abandoned by a seek end after their current read. No others start before that.
        if sequential && self.read_ahead > 0 && !self.threads.are_running() {
            let (position, windows) = (self.position, self.read_ahead);
            let ahead = ReadAhead::start(&self.version, position, windows, &self.threads);
            return Ok(Source::Ahead(ahead));
        }
        self.window = match self.window.map(|window| window * GROWTH) {
            _ if !sequential => Some(SMALL),
            Some(window) if window <= MAX_WINDOW => Some(window),
            _ => None,
        };
        let size = self.version.size();
        let window = self.window.map(|window| window.max(wanted as u64));
        let end = window.map_or(size, |window| {
            self.position.saturating_add(window).min(size)
        });
        self.version.range(self.position, end).map(Source::Range)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() || self.position >= self.size() {
            return Ok(0);
        }
        let count = if self.buffer.at(self.position).is_empty() && buffer.len() >= BUFFER_BYTES {
            self.read_object(buffer)?
        } else {
            self.buffered()?.read(buffer)?
        };
        self.position += count as u64;
        Ok(count)
    }

    /// Returns some bytes at the position, after filling an empty buffer. The result is empty only at the end.
    fn buffered(&mut self) -> Result<&[u8]> {
        if self.buffer.at(self.position).is_empty() && self.position < self.size() {
            let position = self.position;
            let mut bytes = std::mem::take(&mut self.buffer).bytes;
            bytes.resize(BUFFER_BYTES, 0);
            let count = self.read_object(&mut bytes)?;
            bytes.truncate(count);
            self.buffer = Buffer { position, bytes };
        }
        Ok(self.buffer.at(self.position))
    }

    /// Adds the path of this file to an error.
    fn named(&self, error: crate::Error) -> io::Error {
        self.about(error).into()
    }
}

/// The source of a reader's bytes.
enum Source {
    /// A response that is being read.
    Range(RangeReader),
    /// Windows that threads fetch.
    Ahead(ReadAhead),
}

impl Source {
    fn position(&self) -> u64 {
        match self {
            Self::Range(range) => range.position(),
            Self::Ahead(ahead) => ahead.position(),
        }
    }

    fn end(&self) -> u64 {
        match self {
            Self::Range(range) => range.end(),
            Self::Ahead(ahead) => ahead.end(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Range(range) => range.read(buffer),
            Self::Ahead(ahead) => ahead.read(buffer),
        }
    }

    /// Skips the bytes before `position` by reading them.
    fn skip_to(&mut self, position: u64) -> Result<()> {
        let mut scratch = [0; BUFFER_BYTES];
        while self.position() < position {
            let gap = usize::try_from(position - self.position()).unwrap_or(BUFFER_BYTES);
            if self.read(&mut scratch[..gap.min(BUFFER_BYTES)])? == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// A few bytes of the object.
#[derive(Default)]
struct Buffer {
    /// The position of the bytes in the object.
    position: u64,
    bytes: Vec<u8>,
}

impl Buffer {
    /// Returns the buffered bytes from `position` on.
    fn at(&self, position: u64) -> &[u8] {
        let offset = position.checked_sub(self.position);
        offset
            .and_then(|offset| self.bytes.get(usize::try_from(offset).ok()?..))
            .unwrap_or_default()
    }
}

impl Read for S3Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.usable()?;
        self.read_some(buffer).map_err(|error| self.named(error))
    }
}

impl BufRead for S3Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.usable()?;
        if let Err(error) = self.buffered() {
            return Err(self.named(error));
        }
        Ok(self.buffer.at(self.position))
    }

    fn consume(&mut self, count: usize) {
        let there = self.buffer.at(self.position).len();
        self.position += count.min(there) as u64;
    }
}

impl Seek for S3Reader {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.usable()?;
        self.position = file::seek_target(from, self.position, self.size(), &self.path)?;
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
        self.source = None;
        self.buffer = Buffer::default();
        Ok(())
    }
}
