//! [`File`]: an open file of any filesystem.

use std::io::{self, Read, Seek, Write};

use crate::error::{Error, ErrorKind, Result};

/// An open file: reads, writes and seeks.
///
/// An operation that the mode does not allow returns [`ErrorKind::Unsupported`].
///
/// [`close`](File::close) publishes a file that was opened for writing: others see the new content only after `close` has
/// returned `Ok`. On S3, dropping a file without `close` keeps the previous content.
/// [`write_with`](crate::FileSystemExt::write_with) closes the file on success and drops it on failure.
#[must_use = "call close() to publish a written file; dropping it stores nothing"]
pub trait File: Read + Write + Seek + Send {
    /// Truncates the file to `size` bytes, or extends it with zeros. The position does not change.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the mode does not allow it.
    #[doc(alias = "truncate")]
    fn set_len(&mut self, size: u64) -> io::Result<()>;

    /// Finishes the file: the written bytes are stored once this returns `Ok`. Closing again does nothing and returns the
    /// result of the first call.
    ///
    /// # Errors
    ///
    /// Any error that prevented the file from being stored. The old content is then kept, unless the kind is
    /// [`ErrorKind::OutcomeUnknown`].
    fn close(&mut self) -> Result<()>;
}

impl<F: File + ?Sized> File for Box<F> {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        (**self).set_len(size)
    }

    fn close(&mut self) -> Result<()> {
        (**self).close()
    }
}

/// Error for an operation that the mode of an open file does not allow.
pub(crate) fn not_allowed(path: &str, what: &str) -> io::Error {
    Error::new(ErrorKind::Unsupported)
        .with_path(path)
        .with_message(format!("the file was not opened for {what}"))
        .into()
}

/// Error for using a file after a failed write.
pub(crate) fn failed_before(path: &str) -> Error {
    Error::new(ErrorKind::OperationFailed)
        .with_path(path)
        .with_message("an earlier write to the file failed, and nothing was stored")
}

/// Error for using a file after `close`.
pub(crate) fn closed(path: &str) -> io::Error {
    Error::new(ErrorKind::InvalidArgument)
        .with_path(path)
        .with_message("the file is closed")
        .into()
}

/// Returns the target of a seek from `position` in a file of `size` bytes.
pub(crate) fn seek_target(
    from: io::SeekFrom,
    position: u64,
    size: u64,
    path: &str,
) -> io::Result<u64> {
    let target = match from {
        io::SeekFrom::Start(offset) => Some(offset),
        io::SeekFrom::Current(offset) => position.checked_add_signed(offset),
        io::SeekFrom::End(offset) => size.checked_add_signed(offset),
    };
    target.ok_or_else(|| {
        Error::new(ErrorKind::InvalidArgument)
            .with_path(path)
            .with_message("cannot seek to a position before the start of the file")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::SeekFrom;

    #[test]
    fn a_seek_before_the_start_is_refused() {
        assert_eq!(seek_target(SeekFrom::Current(-3), 5, 9, "f").unwrap(), 2);
        assert_eq!(seek_target(SeekFrom::End(2), 5, 9, "f").unwrap(), 11);
        assert_eq!(
            seek_target(SeekFrom::End(-10), 5, 9, "f")
                .unwrap_err()
                .kind(),
            io::ErrorKind::InvalidInput
        );
        assert!(seek_target(SeekFrom::Current(1), u64::MAX, 9, "f").is_err());
    }
}
