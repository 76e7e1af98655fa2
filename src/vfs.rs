//! [`VfsAdapter`]: wraps a filesystem of this crate as one of the crate [`vfs`](::vfs).

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use ::vfs::error::VfsErrorKind;
use ::vfs::{SeekAndRead, SeekAndWrite, VfsError, VfsFileType, VfsMetadata, VfsResult};
use time::OffsetDateTime;

use crate::dates;
use crate::error::{Error, ErrorKind};
use crate::ext::FileSystemExt;
use crate::filesystem::file::File;
use crate::filesystem::info::{Info, Namespaces};
use crate::filesystem::{CopyOptions, FileSystem};

/// Wraps any filesystem of this crate as a [`vfs::FileSystem`](::vfs::FileSystem), for programs and libraries that use the
/// crate [`vfs`](::vfs). Requires the feature `vfs`.
///
/// **A written file is stored when it is dropped**, because files of `vfs` have no `close`. A file that is dropped while a
/// panic unwinds is not stored, and neither is a file after a failed write: the previous content is kept. If storing fails,
/// the error is logged at error level and passed to [`on_close_error`](Self::on_close_error). It is not reported anywhere
/// else. A program that must know whether a file is stored should call [`write_with`](FileSystemExt::write_with) of the
/// filesystem itself.
///
/// ```
/// use s3fs::prelude::*;
/// use s3fs::{MemoryFs, VfsAdapter};
/// use std::io::Write;
/// use vfs::VfsPath;
///
/// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
/// let root = VfsPath::new(VfsAdapter::new(fs.clone()));
/// let reports = root.join("reports")?;
/// reports.create_dir()?;
/// let mut file = reports.join("hello.txt")?.create_file()?;
/// file.write_all(b"hello")?;
/// assert!(!fs.exists("reports/hello.txt")?); // not yet
/// drop(file);
/// assert_eq!(reports.join("hello.txt")?.read_to_string()?, "hello");
/// assert_eq!(fs.readtext("reports/hello.txt")?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differences from `vfs`'s own filesystems
///
/// [`MemoryFs`](crate::MemoryFs), [`OsFs`](crate::OsFs) and [`S3Fs`](crate::S3Fs) pass the whole suite `test_vfs!` of `vfs`.
/// The following points are not covered by the suite:
///
/// - A new file appears when it is dropped, not when it is created, and `flush` stores nothing.
/// - `create_file` opens the file with `w+`, so that a program can seek in it. On S3, content that does not fit 16 MiB of
///   memory is kept in a temporary file until the file is dropped. [`streaming`](Self::streaming) sends it while it is
///   written.
/// - `append_file` opens the file with `r+` at its end. If another program replaces the file in the meantime, it is not
///   stored, and the error is [`ResourceChanged`](ErrorKind::ResourceChanged). On S3 the old content is copied on the
///   server.
/// - `read_dir` reads the whole listing before it returns, because its iterator cannot report errors.
/// - A file and a directory of the same name, which are possible on S3, are one entry, which is the file.
/// - On S3 there are no times of creation and access, and no time can be set: [`NotSupported`](VfsErrorKind::NotSupported).
///   A directory without a marker has no time.
/// - The filesystem itself implements `copy_file`, `move_file` and `move_dir`. On S3 the server makes the copies. An
///   existing target is [`FileExists`](VfsErrorKind::FileExists). A move is not atomic on S3.
/// - **`move_file` and `move_dir` of a `VfsPath` to a `VfsPath` of another filesystem can lose files**: `vfs` removes the
///   source even if storing the target fails, because that error occurs only when the target is dropped. Move with
///   [`moving`](crate::moving), which removes only files that are stored, or copy, check, and then remove.
/// - With [`strict(false)`](crate::S3FsBuilder::strict), `copy_file` and `move_file` into a missing directory succeed. A
///   directory vanishes with its last file unless it has a marker, and `remove_dir_all` of such a directory fails at its end
///   with [`FileNotFound`](VfsErrorKind::FileNotFound).
///
/// # Requests
///
/// `VfsPath` makes more checks than this crate: `create_file` and `create_dir` check the parent directory twice, `copy_file`
/// checks the target, and `walk_dir`, `remove_dir_all` and `copy_dir` check each entry, because listings of `vfs` contain
/// only names. On S3, in strict mode, in a directory below the root: `exists` and `metadata` of a file take one request
/// each, of a directory two; `open_file` takes one; `read_dir` one for each 1,000 entries; `create_file` with its file at
/// least 7, where [`writebytes`](FileSystemExt::writebytes) takes 3; `read_to_string` 2, where
/// [`readtext`](FileSystemExt::readtext) takes 1. The methods of the filesystem itself copy, remove and walk trees with
/// fewer requests: keep a clone of it.
///
/// # Errors
///
/// | error of this crate | error of `vfs` |
/// | --- | --- |
/// | [`ResourceNotFound`](ErrorKind::ResourceNotFound) | `FileNotFound` |
/// | [`DirectoryExists`](ErrorKind::DirectoryExists) | `DirectoryExists`, or `FileExists` if a file is there |
/// | [`FileExists`](ErrorKind::FileExists), [`DestinationExists`](ErrorKind::DestinationExists) | `FileExists` |
/// | [`InvalidPath`](ErrorKind::InvalidPath), [`InvalidCharsInPath`](ErrorKind::InvalidCharsInPath), [`IllegalBackReference`](ErrorKind::IllegalBackReference) | `InvalidPath` |
/// | all others | `IoError`, which converts back: `s3fs::Error::from(io_error)` |
///
/// For the kinds that `vfs` has, the text of the error is the [`source`](std::error::Error::source).
pub struct VfsAdapter<F> {
    fs: F,
    streaming: bool,
    on_close_error: Option<OnCloseError>,
}

type OnCloseError = Arc<dyn Fn(&str, &Error) + Send + Sync>;

impl<F: FileSystem + 'static> VfsAdapter<F> {
    /// Wraps a filesystem: a value, a `Box` or an `Arc`, such as the result of [`open_fs`](crate::open_fs).
    pub fn new(fs: F) -> Self {
        Self {
            fs,
            streaming: false,
            on_close_error: None,
        }
    }

    /// Whether `create_file` opens files with `w`: on S3 their parts are sent while they are written, with limited memory
    /// and without a temporary file. Seeking back into a sent part is then an error of the kind
    /// [`Unsupported`](io::ErrorKind::Unsupported). Defaults to `false`.
    ///
    /// ```
    /// use s3fs::{MemoryFs, VfsAdapter};
    /// use std::io::Write;
    /// use vfs::VfsPath;
    ///
    /// let root = VfsPath::new(VfsAdapter::new(MemoryFs::new()).streaming(true));
    /// let mut file = root.join("big.csv")?.create_file()?;
    /// file.write_all(b"1,2,3")?;
    /// drop(file);
    /// assert_eq!(root.join("big.csv")?.read_to_string()?, "1,2,3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn streaming(mut self, streaming: bool) -> Self {
        self.streaming = streaming;
        self
    }

    /// Callback with the path and error of each file that could not be stored when it was dropped. It runs on the thread
    /// that dropped the file. The error is also logged.
    ///
    /// ```
    /// use s3fs::{MemoryFs, VfsAdapter};
    /// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    /// use vfs::VfsPath;
    ///
    /// let failed = Arc::new(AtomicUsize::new(0));
    /// let count = Arc::clone(&failed);
    /// let adapter = VfsAdapter::new(MemoryFs::new()).on_close_error(move |path, error| {
    ///     eprintln!("{path} is not stored: {error}");
    ///     count.fetch_add(1, Ordering::Relaxed);
    /// });
    /// drop(VfsPath::new(adapter).join("empty")?.create_file()?);
    /// assert_eq!(failed.load(Ordering::Relaxed), 0);
    /// # Ok::<(), vfs::VfsError>(())
    /// ```
    #[must_use]
    pub fn on_close_error(
        mut self,
        on_close_error: impl Fn(&str, &Error) + Send + Sync + 'static,
    ) -> Self {
        self.on_close_error = Some(Arc::new(on_close_error));
        self
    }

    /// The wrapped filesystem.
    pub fn delegate_fs(&self) -> &F {
        &self.fs
    }

    /// Unwraps the filesystem.
    pub fn into_inner(self) -> F {
        self.fs
    }

    fn writable(&self, file: Box<dyn File>, path: &str) -> Box<dyn SeekAndWrite + Send> {
        Box::new(WritableFile {
            file,
            path: path.to_owned(),
            opened_in_panic: thread::panicking(),
            on_close_error: self.on_close_error.clone(),
        })
    }

    /// Sets one time of a resource, if the filesystem supports it. `times` returns the times of access and of the last
    /// change.
    fn set_time(
        &self,
        path: &str,
        key: &str,
        times: impl FnOnce(&Info) -> (OffsetDateTime, OffsetDateTime),
    ) -> VfsResult<()> {
        let info = self.fs.getdetails(path).map_err(to_vfs)?;
        if !info.is_writeable("details", key) {
            return Err(VfsErrorKind::NotSupported.into());
        }
        let (accessed, modified) = times(&info);
        self.fs
            .settimes(path, Some(accessed), Some(modified))
            .map_err(to_vfs)
    }
}

impl<F: FileSystem> fmt::Debug for VfsAdapter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VfsAdapter")
            .field("fs", &self.fs.label())
            .field("streaming", &self.streaming)
            .finish_non_exhaustive()
    }
}

impl<F: FileSystem + 'static> ::vfs::FileSystem for VfsAdapter<F> {
    fn read_dir(&self, path: &str) -> VfsResult<Box<dyn Iterator<Item = String> + Send>> {
        let names = self.fs.listdir(path).map_err(to_vfs)?;
        Ok(Box::new(names.into_iter()))
    }

    fn create_dir(&self, path: &str) -> VfsResult<()> {
        let Err(error) = self.fs.makedir(path) else {
            return Ok(());
        };
        // PyFilesystem has one error for both.
        if error.is(ErrorKind::DirectoryExists) && !self.fs.isdir(path).map_err(to_vfs)? {
            return Err(with_cause(VfsErrorKind::FileExists, &error));
        }
        Err(to_vfs(error))
    }

    fn open_file(&self, path: &str) -> VfsResult<Box<dyn SeekAndRead + Send>> {
        let file = self.fs.openbin(path, "r").map_err(to_vfs)?;
        Ok(Box::new(ReadableFile(file)))
    }

    fn create_file(&self, path: &str) -> VfsResult<Box<dyn SeekAndWrite + Send>> {
        let mode = if self.streaming { "w" } else { "w+" };
        let file = self.fs.openbin(path, mode).map_err(to_vfs)?;
        Ok(self.writable(file, path))
    }

    fn append_file(&self, path: &str) -> VfsResult<Box<dyn SeekAndWrite + Send>> {
        let mut file = self.fs.openbin(path, "r+").map_err(to_vfs)?;
        file.seek(SeekFrom::End(0))
            .map_err(|error| to_vfs(error.into()))?;
        Ok(self.writable(file, path))
    }

    fn metadata(&self, path: &str) -> VfsResult<VfsMetadata> {
        let info = self.fs.getinfo(path, Namespaces::DETAILS);
        let info = info.map_err(to_vfs)?;
        let details = info.details();
        let system = |time: Option<OffsetDateTime>| time.and_then(dates::to_system);
        Ok(VfsMetadata {
            file_type: match info.is_dir() {
                true => VfsFileType::Directory,
                false => VfsFileType::File,
            },
            len: match info.is_dir() {
                true => 0,
                false => info.size().unwrap_or_default(),
            },
            created: system(details.and_then(|details| details.created)),
            modified: system(info.modified()),
            accessed: system(details.and_then(|details| details.accessed)),
        })
    }

    fn set_modification_time(&self, path: &str, time: SystemTime) -> VfsResult<()> {
        let modified = wanted(time)?;
        self.set_time(path, "modified", |info| {
            let accessed = info.details().and_then(|details| details.accessed);
            (accessed.unwrap_or(modified), modified)
        })
    }

    fn set_access_time(&self, path: &str, time: SystemTime) -> VfsResult<()> {
        let accessed = wanted(time)?;
        self.set_time(path, "accessed", |info| {
            (accessed, info.modified().unwrap_or(accessed))
        })
    }

    fn exists(&self, path: &str) -> VfsResult<bool> {
        self.fs.exists(path).map_err(to_vfs)
    }

    fn remove_file(&self, path: &str) -> VfsResult<()> {
        self.fs.remove(path).map_err(to_vfs)
    }

    fn remove_dir(&self, path: &str) -> VfsResult<()> {
        self.fs.removedir(path).map_err(to_vfs)
    }

    fn copy_file(&self, src: &str, dest: &str) -> VfsResult<()> {
        self.fs.copy(src, dest).map_err(to_vfs)
    }

    fn move_file(&self, src: &str, dest: &str) -> VfsResult<()> {
        self.fs.movefile(src, dest).map_err(to_vfs)
    }

    fn move_dir(&self, src: &str, dest: &str) -> VfsResult<()> {
        let options = CopyOptions::new().create(true);
        self.fs.movedir_with(src, dest, &options).map_err(to_vfs)
    }
}

/// A file open for reading.
struct ReadableFile(Box<dyn File>);

impl Read for ReadableFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for ReadableFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.0.seek(from)
    }
}

/// A file open for writing. It is stored when it is dropped.
struct WritableFile {
    file: Box<dyn File>,
    path: String,
    /// Whether a destructor opened the file while a panic unwound. That panic does not concern this file.
    opened_in_panic: bool,
    on_close_error: Option<OnCloseError>,
}

impl Write for WritableFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for WritableFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.file.seek(from)
    }
}

impl Drop for WritableFile {
    fn drop(&mut self) {
        // A file that a panic interrupted is incomplete. The file logs that it is not stored.
        if thread::panicking() && !self.opened_in_panic {
            return;
        }
        if let Err(error) = self.file.close() {
            log::error!(
                "{:?} could not be stored when it was dropped: {error}",
                self.path
            );
            if let Some(on_close_error) = &self.on_close_error {
                on_close_error(&self.path, &error);
            }
        }
    }
}

/// Converts a time, if the filesystems of this crate support it.
fn wanted(time: SystemTime) -> VfsResult<OffsetDateTime> {
    dates::from_system(time).ok_or_else(|| {
        let message = "times after the year 9999 cannot be set";
        io::Error::new(io::ErrorKind::InvalidInput, message).into()
    })
}

fn to_vfs(error: Error) -> VfsError {
    let kind = match error.kind() {
        ErrorKind::ResourceNotFound => VfsErrorKind::FileNotFound,
        ErrorKind::DirectoryExists => VfsErrorKind::DirectoryExists,
        ErrorKind::FileExists | ErrorKind::DestinationExists => VfsErrorKind::FileExists,
        ErrorKind::InvalidPath
        | ErrorKind::InvalidCharsInPath
        | ErrorKind::IllegalBackReference => VfsErrorKind::InvalidPath,
        // Not `NotSupported`, for which `vfs` falls back to its own copies and moves.
        _ => return io::Error::from(error).into(),
    };
    with_cause(kind, &error)
}

/// Returns an error of this kind, with the text of `error` as its cause.
fn with_cause(kind: VfsErrorKind, error: &Error) -> VfsError {
    VfsError::from(kind).with_cause(VfsErrorKind::Other(error.to_string()).into())
}
