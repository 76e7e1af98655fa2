//! [`Error`]: the kind of failure, the path, the cause, and a hint.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The result of a filesystem operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Kind of an error, named as in PyFilesystem.
///
/// Each variant corresponds to the exception of the same name in
/// [`fs.errors`](https://docs.pyfilesystem.org/en/latest/reference/errors.html), unless its description names another. New
/// kinds may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The path does not exist, or a parent directory is missing.
    ResourceNotFound,
    /// The server reports that the bucket does not exist (`NoSuchBucket`). PyFilesystem has no exception for it.
    BucketNotFound,
    /// The path is a directory, and the operation needs a file.
    FileExpected,
    /// The path is a file, and the operation needs a directory.
    DirectoryExpected,
    /// `makedir` on a path that already exists.
    DirectoryExists,
    /// An exclusive creation (`x`) of a file that already exists.
    FileExists,
    /// The target of a copy or move exists, and overwriting was not requested.
    DestinationExists,
    /// `removedir` on a directory that is not empty.
    DirectoryNotEmpty,
    /// Some files of a copy, move or mirror failed, and the others were processed, as requested by the caller.
    /// [`Failures`](crate::Failures) contains each error.
    BulkCopyFailed,
    /// `removedir` on the root.
    RemoveRoot,
    /// A copy or move whose source and target are the same or overlap.
    IllegalDestination,
    /// A path that this filesystem cannot represent, such as a key over 1,024 bytes.
    InvalidPath,
    /// A path with a character that this filesystem does not support.
    InvalidCharsInPath,
    /// A path whose `..` components lead above the root.
    IllegalBackReference,
    /// An invalid mode string, or one that does not fit the operation.
    InvalidMode,
    /// An invalid argument. PyFilesystem raises Python's `ValueError` or `TypeError`.
    InvalidArgument,
    /// The server, the disk or a policy denied the operation.
    PermissionDenied,
    /// The filesystem was opened read-only.
    ResourceReadOnly,
    /// Another program replaced the object while it was being read or updated.
    ResourceChanged,
    /// The request was sent, but the response was lost. It is unknown whether the request took effect.
    OutcomeUnknown,
    /// The object is in an archive class and must be restored before it can be read.
    ArchivedObject,
    /// The resource has no URL for the requested purpose.
    NoUrl,
    /// The resource has no path on the local disk.
    NoSysPath,
    /// The filesystem does not support the operation.
    Unsupported,
    /// An unknown hash algorithm.
    UnsupportedHash,
    /// The server could not be reached, or the connection broke.
    RemoteConnection,
    /// The server did not respond, or stopped sending, within the configured time.
    Timeout,
    /// The caller cancelled the call with a [`CancelToken`](crate::CancelToken).
    Cancelled,
    /// The storage is full.
    InsufficientStorage,
    /// The filesystem handle was closed.
    FilesystemClosed,
    /// The filesystem could not be opened or constructed.
    CreateFailed,
    /// A malformed FS URL. PyFilesystem raises `fs.opener.errors.ParseError`.
    ParseUrl,
    /// An FS URL with a protocol that is not registered. PyFilesystem raises `fs.opener.errors.UnsupportedProtocol`.
    UnsupportedProtocol,
    /// The caller's own reader, writer or closure failed, not the filesystem. The original error is the
    /// [`source`](std::error::Error::source).
    CallerFailed,
    /// The operation failed for a reason without a kind of its own. The message describes it.
    OperationFailed,
}

impl ErrorKind {
    /// First words of an error message.
    fn phrase(self) -> &'static str {
        match self {
            Self::ResourceNotFound => "resource not found",
            Self::BucketNotFound => "bucket not found",
            Self::FileExpected => "a file is expected, and this is a directory",
            Self::DirectoryExpected => "a directory is expected, and this is a file",
            Self::DirectoryExists => "already exists",
            Self::FileExists => "file exists",
            Self::DestinationExists => "destination exists",
            Self::DirectoryNotEmpty => "directory is not empty",
            Self::BulkCopyFailed => "not all files were copied",
            Self::RemoveRoot => "the root cannot be removed",
            Self::IllegalDestination => "illegal destination",
            Self::InvalidPath => "invalid path",
            Self::InvalidCharsInPath => "invalid characters in path",
            Self::IllegalBackReference => "path leads above the root",
            Self::InvalidMode => "invalid mode",
            Self::InvalidArgument => "invalid argument",
            Self::PermissionDenied => "permission denied",
            Self::ResourceReadOnly => "the filesystem is read-only",
            Self::ResourceChanged => "changed by someone else meanwhile",
            Self::OutcomeUnknown => "outcome unknown",
            Self::ArchivedObject => "object is archived",
            Self::NoUrl => "no URL",
            Self::NoSysPath => "no path on the local disk",
            Self::Unsupported => "not supported",
            Self::UnsupportedHash => "unsupported hash",
            Self::RemoteConnection => "connection failed",
            Self::Timeout => "timed out",
            Self::Cancelled => "cancelled",
            Self::InsufficientStorage => "insufficient storage",
            Self::FilesystemClosed => "the filesystem is closed",
            Self::CreateFailed => "cannot open the filesystem",
            Self::ParseUrl => "malformed FS URL",
            Self::UnsupportedProtocol => "unsupported protocol",
            Self::CallerFailed => "the caller's reader, writer or closure failed",
            Self::OperationFailed => "operation failed",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}

/// Error response of an S3 server.
///
/// See [Error responses](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). Responses to HEAD requests
/// have no body, so that their `code` and `message` are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct S3Error {
    /// Requested S3 operation, such as `PutObject`.
    pub operation: String,
    /// HTTP status of the response.
    pub status: u16,
    /// S3 error code, such as `NoSuchBucket`. Empty if the response had none.
    pub code: String,
    /// S3 error message. Empty if the response had none.
    pub message: String,
    /// `x-amz-request-id` of the response, for the support of the store. Empty if there is none.
    pub request_id: String,
    /// `x-amz-id-2` of the response, which complements the request id. Empty if there is none.
    pub host_id: String,
    /// Region of the bucket according to the server, if the response contained it.
    pub region: Option<String>,
    /// Size of the object, if the server rejected a range outside the object.
    pub(crate) object_size: Option<u64>,
}

impl fmt::Display for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} returned {}", self.operation, self.status)?;
        for part in [&self.code, &self.message] {
            if !part.is_empty() {
                write!(f, " {part}")?;
            }
        }
        if !self.request_id.is_empty() {
            write!(f, ", request id {}", self.request_id)?;
        }
        if !self.host_id.is_empty() {
            write!(f, ", host id {}", self.host_id)?;
        }
        Ok(())
    }
}

/// Error of an operation.
///
/// `Display` shows everything in one line: the kind, the path, the message and the hint. No secret, token, access key or
/// query string is ever part of an error.
///
/// Converts to [`std::io::Error`] with the matching [`io::ErrorKind`], and back without loss. It can therefore pass through
/// `std::io` traits.
///
/// ```
/// use s3fs::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::ResourceNotFound).with_path("a/b.txt");
/// assert_eq!(error.to_string(), "resource not found: \"a/b.txt\"");
///
/// let io_error = std::io::Error::from(error);
/// assert_eq!(io_error.kind(), std::io::ErrorKind::NotFound);
/// assert_eq!(Error::from(io_error).path(), Some("a/b.txt"));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    path: Option<String>,
    message: Option<String>,
    hint: Option<String>,
    s3: Option<S3Error>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    unsure: bool,
}

impl Error {
    /// Creates an error of this kind without any details.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            path: None,
            message: None,
            hint: None,
            s3: None,
            source: None,
            unsure: false,
        }))
    }

    /// Adds the path. An existing path is kept.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.0.path.get_or_insert_with(|| path.into());
        self
    }

    /// Replaces the path.
    #[must_use]
    pub fn with_path_replaced(mut self, path: impl Into<String>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// Sets the message, which describes the failure.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = Some(message.into());
        self
    }

    /// Sets the hint: advice about how to resolve the error.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the error response of the S3 server.
    #[must_use]
    pub fn with_s3(mut self, s3: S3Error) -> Self {
        self.0.s3 = Some(s3);
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Replaces the kind.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Kind of the error, for `match`.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Path that the caller passed, if the error concerns a path.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// Description of the failure.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// Error response of the S3 server, if the server rejected the request.
    #[must_use]
    pub fn s3(&self) -> Option<&S3Error> {
        self.0.s3.as_ref()
    }

    /// Returns true if this error is of the given kind.
    #[must_use]
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.0.kind == kind
    }

    /// Advice about how to resolve the error.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns true if the requested change may have been made in spite of the error, because a response was lost. The text
    /// of such an error says so, too.
    ///
    /// ```
    /// use s3fs::{Error, ErrorKind};
    ///
    /// assert!(Error::new(ErrorKind::OutcomeUnknown).may_have_happened());
    /// assert!(!Error::new(ErrorKind::PermissionDenied).may_have_happened());
    /// ```
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        self.0.unsure || self.is(ErrorKind::OutcomeUnknown)
    }

    /// Converts an error of the caller's own reader, writer or closure to [`ErrorKind::CallerFailed`]. An error that came
    /// from a filesystem of this crate stays unchanged.
    ///
    /// For filesystems that implement [`upload`](crate::FileSystem::upload) or
    /// [`download`](crate::FileSystem::download).
    ///
    /// ```
    /// use s3fs::{Error, ErrorKind};
    /// use std::io;
    ///
    /// let error = Error::from_caller(io::Error::from(io::ErrorKind::NotFound));
    /// assert_eq!(error.kind(), ErrorKind::CallerFailed);
    /// assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
    /// ```
    #[must_use]
    pub fn from_caller(error: io::Error) -> Self {
        match error.downcast::<Error>() {
            Ok(own) => own,
            Err(error) => Self::new(ErrorKind::CallerFailed)
                .with_message(error.to_string())
                .with_source(error),
        }
    }

    /// Sets whether the requested change may have been made in spite of the error.
    pub(crate) fn with_unsure(mut self, unsure: bool) -> Self {
        self.0.unsure = unsure;
        self
    }

    /// Returns true if the requested change may have been made although the call failed: a response was lost, in this
    /// attempt or an earlier one of the same call.
    pub(crate) fn is_unsure(&self) -> bool {
        self.0.unsure
    }

    fn io_kind(&self) -> io::ErrorKind {
        match self.0.kind {
            ErrorKind::ResourceNotFound | ErrorKind::BucketNotFound => io::ErrorKind::NotFound,
            ErrorKind::FileExpected => io::ErrorKind::IsADirectory,
            ErrorKind::DirectoryExpected => io::ErrorKind::NotADirectory,
            ErrorKind::DirectoryExists | ErrorKind::FileExists | ErrorKind::DestinationExists => {
                io::ErrorKind::AlreadyExists
            }
            ErrorKind::DirectoryNotEmpty => io::ErrorKind::DirectoryNotEmpty,
            ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
            ErrorKind::ResourceReadOnly => io::ErrorKind::ReadOnlyFilesystem,
            ErrorKind::ResourceChanged => io::ErrorKind::StaleNetworkFileHandle,
            ErrorKind::InvalidPath | ErrorKind::InvalidCharsInPath => {
                io::ErrorKind::InvalidFilename
            }
            ErrorKind::IllegalBackReference
            | ErrorKind::IllegalDestination
            | ErrorKind::InvalidArgument
            | ErrorKind::InvalidMode
            | ErrorKind::ParseUrl
            | ErrorKind::RemoveRoot => io::ErrorKind::InvalidInput,
            ErrorKind::Timeout => io::ErrorKind::TimedOut,
            ErrorKind::InsufficientStorage => io::ErrorKind::StorageFull,
            ErrorKind::NoUrl
            | ErrorKind::NoSysPath
            | ErrorKind::Unsupported
            | ErrorKind::UnsupportedHash
            | ErrorKind::UnsupportedProtocol => io::ErrorKind::Unsupported,
            ErrorKind::RemoteConnection => io::ErrorKind::ConnectionAborted,
            ErrorKind::CallerFailed => {
                let source = StdError::source(self).and_then(|source| source.downcast_ref());
                source.map_or(io::ErrorKind::Other, io::Error::kind)
            }
            ErrorKind::ArchivedObject
            | ErrorKind::BulkCopyFailed
            // Not `Interrupted`, which std retries.
            | ErrorKind::Cancelled
            | ErrorKind::CreateFailed
            | ErrorKind::FilesystemClosed
            | ErrorKind::OperationFailed
            | ErrorKind::OutcomeUnknown => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}", inner.kind)?;
        if let Some(path) = &inner.path {
            write!(f, ": {path:?}")?;
        }
        if let Some(message) = &inner.message {
            write!(f, ": {message}")?;
        }
        if let Some(s3) = &inner.s3 {
            write!(f, " ({s3})")?;
        }
        if inner.unsure {
            f.write_str("; the operation may have taken effect")?;
        }
        if let Some(hint) = &inner.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}, {self})", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::new(error.io_kind(), error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        // Unwraps an `Error` that passed through `std::io`.
        let error = match error.downcast::<Error>() {
            Ok(own) => return own,
            Err(other) => other,
        };
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::ResourceNotFound,
            io::ErrorKind::IsADirectory => ErrorKind::FileExpected,
            io::ErrorKind::NotADirectory => ErrorKind::DirectoryExpected,
            io::ErrorKind::AlreadyExists => ErrorKind::FileExists,
            io::ErrorKind::DirectoryNotEmpty => ErrorKind::DirectoryNotEmpty,
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ResourceReadOnly,
            io::ErrorKind::InvalidFilename => ErrorKind::InvalidPath,
            io::ErrorKind::TimedOut => ErrorKind::Timeout,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                ErrorKind::InsufficientStorage
            }
            io::ErrorKind::Unsupported => ErrorKind::Unsupported,
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => ErrorKind::RemoteConnection,
            _ => ErrorKind::OperationFailed,
        };
        Error::new(kind)
            .with_message(error.to_string())
            .with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_kind_path_response_and_hint() {
        let error = Error::new(ErrorKind::PermissionDenied)
            .with_path("a\n.txt")
            .with_message("the bucket \"b\" refused")
            .with_s3(S3Error {
                operation: "PutObject".into(),
                status: 403,
                code: "AccessDenied".into(),
                message: "Access Denied".into(),
                request_id: "4442587FB7D0A2F9".into(),
                host_id: "vlR7PnpV2Ce81l0".into(),
                region: None,
                object_size: None,
            })
            .with_hint("allow s3:PutObject");
        assert_eq!(
            error.to_string(),
            "permission denied: \"a\\n.txt\": the bucket \"b\" refused (PutObject returned 403 \
             AccessDenied Access Denied, request id 4442587FB7D0A2F9, host id vlR7PnpV2Ce81l0); \
             allow s3:PutObject"
        );
    }

    #[test]
    fn an_error_survives_the_conversion_to_io_error() {
        let error = Error::new(ErrorKind::ResourceChanged).with_path("x");
        let io_error = io::Error::from(error);
        assert_eq!(io_error.kind(), io::ErrorKind::StaleNetworkFileHandle);
        let back = Error::from(io_error);
        assert_eq!(back.kind(), ErrorKind::ResourceChanged);
        assert_eq!(back.path(), Some("x"));
    }

    #[test]
    fn a_foreign_io_error_becomes_the_matching_kind() {
        let io_error = io::Error::new(io::ErrorKind::StorageFull, "disk full");
        let error = Error::from(io_error);
        assert_eq!(error.kind(), ErrorKind::InsufficientStorage);
        assert!(error.to_string().contains("disk full"), "{error}");
        assert!(StdError::source(&error).is_some());
    }

    #[test]
    fn an_error_reports_whether_the_change_may_have_been_made() {
        let lost = Error::new(ErrorKind::RemoteConnection).with_message("no response");
        assert!(!lost.is_unsure());
        let lost = lost.with_unsure(true).with_hint("look");
        assert!(lost.is_unsure());
        assert_eq!(
            lost.to_string(),
            "connection failed: no response; the operation may have taken effect; look"
        );
        assert!(Error::from(io::Error::from(lost)).is_unsure());
    }

    #[test]
    fn the_first_path_is_kept() {
        let error = Error::new(ErrorKind::ResourceNotFound)
            .with_path("first")
            .with_path("second");
        assert_eq!(error.path(), Some("first"));
    }
}
