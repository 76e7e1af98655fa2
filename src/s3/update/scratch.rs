//! [`Scratch`]: bytes that were written and are not stored yet, in memory up to a bound, then in a
//! temporary file that nobody else can open.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::error::{Error, ErrorKind};
use crate::s3::publish::nonce;

/// How many bytes are held in memory: 16 MiB.
pub(super) const MAX_MEMORY_BYTES: usize = 16 << 20;

/// Bytes by their offset, of which each was appended once.
#[derive(Default)]
pub(super) struct Scratch {
    memory: Vec<u8>,
    file: Option<TemporaryFile>,
    length: u64,
}

impl Scratch {
    /// Adds bytes at the end, and says where that was.
    ///
    /// # Errors
    ///
    /// What the disk says, such as that it is full.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.length;
        if self.file.is_none() && self.memory.len() + bytes.len() > MAX_MEMORY_BYTES {
            let mut file = TemporaryFile::create()?;
            file.write_at(0, &self.memory)?;
            self.file = Some(file);
            self.memory = Vec::new();
        }
        match &mut self.file {
            Some(file) => file.write_at(offset, bytes)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.length += bytes.len() as u64;
        Ok(offset)
    }

    /// Replaces bytes that were appended.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub(super) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_at(offset, bytes),
            None => {
                self.place(offset, bytes.len())?.copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Reads bytes that were appended, as many as the buffer takes.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.read_at(offset, buffer),
            None => {
                let length = buffer.len();
                buffer.copy_from_slice(self.place(offset, length)?);
                Ok(())
            }
        }
    }

    fn place(&mut self, offset: u64, length: usize) -> io::Result<&mut [u8]> {
        let start = usize::try_from(offset).ok();
        start
            .and_then(|start| self.memory.get_mut(start..start.checked_add(length)?))
            .ok_or_else(|| {
                Error::new(ErrorKind::OperationFailed)
                    .with_message("what was written is not where it was put")
                    .into()
            })
    }
}

/// A file in the directory for temporary files, which only its user may open, and which is gone when
/// it is dropped; on Unix at once, so that it does not even outlive a program that is killed.
struct TemporaryFile {
    file: File,
    /// Where it can still be found.
    path: Option<PathBuf>,
}

impl TemporaryFile {
    fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("s3fs-{}", nonce()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&path)
            .map_err(|error| unavailable("made", error))?;
        let is_gone = cfg!(unix) && fs::remove_file(&path).is_ok();
        Ok(Self {
            file,
            path: (!is_gone).then_some(path),
        })
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        let written = self.file.write_all(bytes);
        written.map_err(|error| unavailable("written", error))
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(buffer)
    }
}

/// The error of a temporary file. That it is not there, or not allowed, says nothing of the object.
fn unavailable(what: &str, error: io::Error) -> io::Error {
    let directory = env::temp_dir();
    let message = format!(
        "what was written does not fit into memory, and no temporary file can be {what} in {}: {error}",
        directory.display()
    );
    let kind = match Error::from(error).kind() {
        ErrorKind::InsufficientStorage => ErrorKind::InsufficientStorage,
        _ => ErrorKind::OperationFailed,
    };
    let hint = "nothing was stored; name a directory with room for the changes (TMPDIR on Unix)";
    Error::new(kind)
        .with_message(message)
        .with_hint(hint)
        .into()
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && let Err(error) = fs::remove_file(path)
        {
            log::warn!(
                "the temporary file {} stays behind: {error}",
                path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_what_was_written_last_in_memory_and_in_a_file() {
        let mut scratch = Scratch::default();
        let block = vec![1; 6 << 20];
        for round in 0..4 {
            assert_eq!(scratch.append(&block).unwrap(), round * (6 << 20));
            scratch.write_at(round, &[9]).unwrap();
            scratch.write_at(round * (6 << 20) + 5, &[7, 8]).unwrap();
            let mut buffer = [0; 4];
            scratch.read_at(round * (6 << 20) + 4, &mut buffer).unwrap();
            assert_eq!(buffer[1..3], [7, 8]);
            assert_eq!(scratch.file.is_some(), round >= 2);
        }
        let mut buffer = [0; 5];
        scratch.read_at(0, &mut buffer).unwrap();
        assert_eq!(buffer, [9, 9, 9, 9, 1]);
        assert!(scratch.memory.is_empty());
    }

    #[test]
    fn what_was_not_appended_is_an_error() {
        let mut scratch = Scratch::default();
        scratch.append(b"abc").unwrap();
        assert!(scratch.read_at(1, &mut [0; 3]).is_err());
        assert!(scratch.write_at(u64::MAX, b"x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_finds_the_temporary_file() {
        let file = TemporaryFile::create().unwrap();
        assert_eq!(file.path, None);
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.file.metadata().unwrap();
        assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (0, 0o600));
    }
}
