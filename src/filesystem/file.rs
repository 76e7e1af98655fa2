//! [`File`]: an open file, whatever filesystem it is on.

use std::io::{self, Read, Seek, Write};

use crate::error::{Error, ErrorKind, Result};

/// An open file: bytes to read, write and seek in.
///
/// What the mode does not allow fails with [`ErrorKind::Unsupported`].
///
/// A file that was opened for writing is published by [`close`](File::close): only when `close`
/// has returned `Ok` do others see it. On S3 a file that is dropped without `close` leaves what
/// was there before. [`write_with`](crate::FileSystemExt::write_with) closes on success and drops
/// on failure by itself.
#[must_use = "a written file is published by close(), not by dropping it"]
pub trait File: Read + Write + Seek + Send {
    /// Cuts the file to that many bytes, or fills it up with zeros. The position stays.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the mode does not allow it.
    #[doc(alias = "truncate")]
    fn set_len(&mut self, size: u64) -> io::Result<()>;

    /// Finishes the file: what was written is there once this returns `Ok`. Closing again does
    /// nothing, and answers what the first time did.
    ///
    /// # Errors
    ///
    /// Whatever kept the file from being stored; the old content then stands, unless the kind is
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

/// The error of an operation that the mode of an open file does not allow.
pub(crate) fn not_allowed(path: &str, what: &str) -> io::Error {
    Error::new(ErrorKind::Unsupported)
        .with_path(path)
        .with_message(format!("the file was not opened for {what}"))
        .into()
}

/// The error of using a file of which a write has failed.
pub(crate) fn failed_before(path: &str) -> Error {
    Error::new(ErrorKind::OperationFailed)
        .with_path(path)
        .with_message("a write to it failed before, so that nothing was stored")
}

/// The error of using a file after `close`.
pub(crate) fn closed(path: &str) -> io::Error {
    Error::new(ErrorKind::InvalidArgument)
        .with_path(path)
        .with_message("the file is closed")
        .into()
}

/// Where a seek from `position` in a file of `size` bytes leads.
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
            .with_message("seek to a position before the start of the file")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::SeekFrom;

    #[test]
    fn a_seek_never_leads_before_the_start() {
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
