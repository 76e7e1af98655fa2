//! [`TemporaryFile`]: data that does not fit into memory, in a file that no other user can open.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use crate::error::{Error, ErrorKind};
use crate::nonce::nonce;

/// What a temporary file is for, in its errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose {
    /// The data, such as `the written data`.
    pub(crate) data: &'static str,
    /// What a failure means for the caller, such as `nothing was stored`.
    pub(crate) effect: &'static str,
}

/// A file in the directory for temporary files, which only its user can open. It is deleted when it is dropped. On Unix
/// it is deleted at once, so that it does not outlive a killed program.
#[derive(Debug)]
pub(crate) struct TemporaryFile {
    file: File,
    /// The path, if the file still has one.
    path: Option<PathBuf>,
    purpose: Purpose,
}

impl TemporaryFile {
    /// Creates an empty file.
    ///
    /// # Errors
    ///
    /// `InsufficientStorage` if the disk is full, otherwise `OperationFailed`. A missing or forbidden temporary file must
    /// not look like an error of an object.
    pub(crate) fn create(purpose: Purpose) -> io::Result<Self> {
        let path = env::temp_dir().join(format!("s3fs-{}", nonce()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&path)
            .map_err(|error| unavailable(purpose, "created", error))?;
        let is_gone = cfg!(unix) && fs::remove_file(&path).is_ok();
        Ok(Self {
            file,
            path: (!is_gone).then_some(path),
            purpose,
        })
    }

    /// Sets its size.
    pub(crate) fn set_len(&self, length: u64) -> io::Result<()> {
        let set = self.file.set_len(length);
        set.map_err(|error| unavailable(self.purpose, "written", error))
    }

    /// Writes all bytes at an offset.
    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        let written = self.file.write_all(bytes);
        written.map_err(|error| unavailable(self.purpose, "written", error))
    }

    /// Fills the buffer from an offset.
    pub(crate) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(buffer)
    }

    /// Returns a reader of the whole file.
    pub(crate) fn read(&mut self) -> io::Result<impl Read + Send + '_> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(&self.file)
    }

    #[cfg(test)]
    pub(crate) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

fn unavailable(purpose: Purpose, what: &str, error: io::Error) -> io::Error {
    let Purpose { data, effect } = purpose;
    let directory = env::temp_dir();
    let message = format!(
        "{data} does not fit into memory, and no temporary file can be {what} in {}: {error}",
        directory.display()
    );
    let kind = match Error::from(error).kind() {
        ErrorKind::InsufficientStorage => ErrorKind::InsufficientStorage,
        _ => ErrorKind::OperationFailed,
    };
    let hint = format!("{effect}; choose a directory with room for it (TMPDIR on Unix)");
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
                "the temporary file {} could not be removed: {error}",
                path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: Purpose = Purpose {
        data: "the list of tides",
        effect: "nothing was removed",
    };

    #[cfg(unix)]
    #[test]
    fn the_file_has_no_visible_name() {
        let file = TemporaryFile::create(PURPOSE).unwrap();
        assert_eq!(file.path, None);
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.file.metadata().unwrap();
        assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (0, 0o600));
    }

    #[test]
    fn an_error_has_the_data_the_directory_and_the_effect() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::from(unavailable(PURPOSE, "written", full));
        assert_eq!(error.kind(), ErrorKind::InsufficientStorage);
        let message = error.to_string();
        let directory = env::temp_dir().display().to_string();
        for part in ["the list of tides", "nothing was removed", &directory] {
            assert!(message.contains(part), "{message}");
        }
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = Error::from(unavailable(PURPOSE, "created", denied));
        assert_eq!(error.kind(), ErrorKind::OperationFailed);
    }
}
