//! [`VfsAdapter`]: a filesystem of this crate as one of the crate [`vfs`](::vfs).

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

/// Any filesystem of this crate as a [`vfs::FileSystem`](::vfs::FileSystem), for programs and libraries that are
/// written for the crate [`vfs`](::vfs). With the feature `vfs`.
///
/// **A written file is stored when it is dropped**, because files of `vfs` have no `close`. A file that is dropped while
/// a panic unwinds is not stored, and neither is one of which a write failed: what was there before stays. If storing
/// fails, the error is logged at error level and given to [`on_close_error`](Self::on_close_error), and nothing else
/// reports it. A program that must know whether a file is stored calls
/// [`write_with`](FileSystemExt::write_with) of the filesystem itself.
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
/// # What differs from `vfs`'s own filesystems
///
/// [`MemoryFs`](crate::MemoryFs), [`OsFs`](crate::OsFs) and [`S3Fs`](crate::S3Fs) pass all of `vfs`'s suite `test_vfs!`.
/// Beyond what it tests:
///
/// - A new file appears when it is dropped, not when it is created, and `flush` stores nothing.
/// - `create_file` opens the file with `w+`, so that a program can seek in it. On S3 what does not fit 16 MiB of memory is
///   in a temporary file until then. [`streaming`](Self::streaming) sends it while it is written.
/// - `append_file` opens the file with `r+` at its end. If another program replaces the file meanwhile, it is not stored,
///   and the error is [`ResourceChanged`](ErrorKind::ResourceChanged). On S3 the old content is copied on the server.
/// - `read_dir` reads the whole listing before it returns, because its iterator can report no error.
/// - A file and a directory of the same name, which S3 can hold, are one entry, and it is the file.
/// - On S3 there are no times of creation and access, and no time can be set:
///   [`NotSupported`](VfsErrorKind::NotSupported). A directory without a marker has no time.
/// - `copy_file`, `move_file` and `move_dir` are done by the filesystem, on S3 by the server. An existing target is
///   [`FileExists`](VfsErrorKind::FileExists). A move is not one step on S3.
/// - **`move_file` and `move_dir` of a `VfsPath` to a `VfsPath` of another filesystem can lose files**: `vfs` removes the
///   source although it hears of no error in storing the target, which comes when the target is dropped. Move with
///   [`moving`](crate::moving), which removes nothing that is not stored, or copy, look, and then remove.
/// - With [`strict(false)`](crate::S3FsBuilder::strict), `copy_file` and `move_file` into a missing directory succeed. A
///   directory vanishes with its last file unless it has a marker, and `remove_dir_all` of such a directory fails at its
///   end with [`FileNotFound`](VfsErrorKind::FileNotFound).
///
/// # Requests
///
/// `VfsPath` checks more than this crate does: `create_file` and `create_dir` look at the parent directory twice,
/// `copy_file` looks at the target, and `walk_dir`, `remove_dir_all` and `copy_dir` look at each entry, because listings
/// of `vfs` have names alone. On S3, strict, in a directory below the root, `exists` and `metadata` of a file take one
/// request each, of a directory two; `open_file` one; `read_dir` one for each 1,000 entries; `create_file` with its file 7
/// at least, where [`writebytes`](FileSystemExt::writebytes) takes 3; `read_to_string` 2, where
/// [`readtext`](FileSystemExt::readtext) takes 1. Trees are copied, removed and walked in fewer requests by the methods of
/// the filesystem itself: keep a clone of it.
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
/// Where `vfs` has a kind of its own, the text of the error is the [`source`](std::error::Error::source).
pub struct VfsAdapter<F> {
    fs: F,
    streaming: bool,
    on_close_error: Option<OnCloseError>,
}

type OnCloseError = Arc<dyn Fn(&str, &Error) + Send + Sync>;

impl<F: FileSystem + 'static> VfsAdapter<F> {
    /// Wraps a filesystem: a value, a `Box` or an `Arc`, such as what [`open_fs`](crate::open_fs) returns.
    pub fn new(fs: F) -> Self {
        Self {
            fs,
            streaming: false,
            on_close_error: None,
        }
    }

    /// Whether `create_file` opens files with `w`: on S3 their parts are sent while they are written, in bounded memory
    /// and without a temporary file. Seeking back into a part that is sent is then an error of the kind
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

    /// Called with path and error of each file that could not be stored when it was dropped, from the thread that dropped
    /// it. The error is logged in any case.
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

    /// The filesystem behind it.
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

    /// Sets one time of a resource, if the filesystem can; `times` gives that of access and that of the last change.
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
        self.fs.movedir_with(src, dest, options).map_err(to_vfs)
    }
}

/// A file that is read.
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

/// A file that is written, and stored when it is dropped.
struct WritableFile {
    file: Box<dyn File>,
    path: String,
    /// Opened by a destructor while a panic unwound: that panic is not about this file.
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
        // What a panic interrupted is not whole. The file logs that it is not stored.
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

/// The time, if the filesystems of this crate can have it.
fn wanted(time: SystemTime) -> VfsResult<OffsetDateTime> {
    dates::from_system(time).ok_or_else(|| {
        let message = "years after 9999 cannot be set";
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
        // Not `NotSupported`, after which `vfs` copies and moves by itself.
        _ => return io::Error::from(error).into(),
    };
    with_cause(kind, &error)
}

/// An error of that kind, with the text of ours.
fn with_cause(kind: VfsErrorKind, error: &Error) -> VfsError {
    VfsError::from(kind).with_cause(VfsErrorKind::Other(error.to_string()).into())
}
