//! [`Progress`]: the progress of a call.

/// Progress of a copy, move, mirror, upload or download, for
/// [`TransferOptions::on_progress`](crate::TransferOptions::on_progress).
#[derive(Clone, Copy, Debug)]
pub struct Progress<'p> {
    pub(crate) event: ProgressEvent<'p>,
    pub(crate) bytes: u64,
    pub(crate) total_bytes: u64,
    pub(crate) files: u64,
    pub(crate) total_files: u64,
}

impl<'p> Progress<'p> {
    /// The event that caused this report.
    #[must_use]
    pub fn event(&self) -> ProgressEvent<'p> {
        self.event
    }

    /// Number of bytes copied so far, of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of bytes of all files that the call copies, as far as it is known.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Number of files copied so far.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Number of files that the call copies, as far as it is known. Files that fail are counted, too.
    #[must_use]
    pub fn total_files(&self) -> u64 {
        self.total_files
    }
}

/// An event of a copy, move, mirror, upload or download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgressEvent<'p> {
    /// A file begins. The path is that in the source. With several workers, several files are transferred at the same time.
    Begins(&'p str),
    /// More bytes of the current files were copied.
    Bytes,
    /// A file is complete in the target. The path is that in the source. A file that fails has no such event: its error is
    /// passed to [`on_error`](crate::TransferOptions::on_error).
    Ends(&'p str),
}
