//! The body of a request: bytes, or a section of a source, of exactly the declared length. Each attempt
//! sends it from the start.

use std::cell::Cell;
use std::io::{self, Read};
use std::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::s3::checksum;

/// The body of a request.
pub(crate) enum Payload<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// `length` bytes of a source, from `start` on. Each attempt reads them again.
    Section {
        source: &'a dyn ReadAt,
        start: u64,
        length: u64,
    },
}

impl Payload<'_> {
    /// Returns the number of bytes.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Section { length, .. } => *length,
        }
    }

    /// Returns the value of `Content-MD5` for the body.
    ///
    /// # Errors
    ///
    /// Returns the errors of the source, and an error if it ends too early.
    pub(crate) fn md5(&self) -> Result<String, Error> {
        match self {
            Self::Bytes(bytes) => checksum::md5_of(bytes, 0, bytes.len() as u64),
            Self::Section {
                source,
                start,
                length,
            } => checksum::md5_of(*source, *start, *length),
        }
    }

    /// Returns a reader of the body, from its start.
    pub(super) fn outgoing(&self) -> Outgoing<'_> {
        let length = self.length();
        let source = match self {
            Self::Bytes(bytes) => Source::Bytes(bytes),
            Self::Section { source, start, .. } => Source::Section(Section {
                source: *source,
                position: *start,
                left: length,
            }),
        };
        Outgoing {
            source,
            left: length,
            started: Cell::new(None),
        }
    }
}

/// A reader of a body. It records when the first byte was requested, and how many bytes are left.
pub(super) struct Outgoing<'a> {
    source: Source<'a>,
    left: u64,
    started: Cell<Option<Instant>>,
}

enum Source<'a> {
    Bytes(&'a [u8]),
    Section(Section<'a>),
}

impl Outgoing<'_> {
    /// Returns the time at which the first byte was requested.
    pub(super) fn started(&self) -> Option<Instant> {
        self.started.get()
    }

    /// Returns the number of bytes not read yet. If it is not 0, the server cannot have performed the request.
    pub(super) fn left(&self) -> u64 {
        self.left
    }
}

impl Read for Outgoing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.started.get().is_none() {
            self.started.set(Some(Instant::now()));
        }
        let count = match &mut self.source {
            Source::Bytes(bytes) => bytes.read(buffer),
            Source::Section(section) => section.read(buffer),
        }?;
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// Bytes that can be read at any offset, repeatedly.
pub(crate) trait ReadAt: Sync {
    /// Reads some bytes at that offset. Returns 0 only at the end.
    ///
    /// # Errors
    ///
    /// Returns the errors of the source.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut rest = self.get(start..).unwrap_or_default();
        rest.read(buffer)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(buffer, offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buffer, offset)
    }
}

#[cfg(unix)]
impl ReadAt for std::fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }
}

#[cfg(windows)]
impl ReadAt for std::fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // This moves the file's position. Nothing depends on it: such a file is only read at offsets.
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }
}

/// The unread rest of a section of a source.
struct Section<'a> {
    source: &'a dyn ReadAt,
    position: u64,
    left: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        let wanted = wanted.min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = loop {
            match self.source.read_at(&mut buffer[..wanted], self.position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(of_source)?,
            }
        };
        if count == 0 {
            return Err(wrong_length("less"));
        }
        self.position += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Marks an error of the caller's source, so that it is not mistaken for an error of the connection.
fn of_source(error: io::Error) -> io::Error {
    Error::from(error).into()
}

fn wrong_length(what: &str) -> io::Error {
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!("the source returned {what} data than its size"))
        .with_hint("it may have changed in the meantime; nothing was stored")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_read_from_its_start_each_time() {
        let content = b"tides and moons".to_vec();
        let payload = Payload::Section {
            source: &content,
            start: 6,
            length: 3,
        };
        for _ in 0..2 {
            let mut bytes = Vec::new();
            let mut outgoing = payload.outgoing();
            assert_eq!(outgoing.left(), 3);
            outgoing.read_to_end(&mut bytes).unwrap();
            assert_eq!(outgoing.left(), 0);
            assert_eq!(bytes, b"and");
        }
    }

    #[test]
    fn a_section_beyond_its_source_is_an_error() {
        let content: &[u8] = b"tides";
        for start in [3, 5, 6, u64::MAX - 3] {
            let mut section = Section {
                source: &content.to_vec(),
                position: start,
                left: 3,
            };
            let error = section.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(Error::from(error).kind(), ErrorKind::OperationFailed);
        }
    }

    #[cfg(any(unix, windows))]
    #[test]
    fn a_file_can_be_read_at_any_position_repeatedly() {
        let mut file = tempfile();
        io::Write::write_all(&mut file, b"tides").unwrap();
        for _ in 0..2 {
            let mut buffer = [0; 8];
            assert_eq!(file.read_at(&mut buffer, 3).unwrap(), 2);
            assert_eq!(&buffer[..2], b"es");
            assert_eq!(file.read_at(&mut buffer, 5).unwrap(), 0);
        }
    }

    /// A file for this test only, removed from its directory where the system allows that.
    #[cfg(any(unix, windows))]
    fn tempfile() -> std::fs::File {
        let name = format!("s3fs-body-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        let _ = std::fs::remove_file(&path);
        file
    }
}
