//! [`Capabilities`]: optional operations of a filesystem that transfers use, beyond the methods of
//! [`FileSystem`](crate::FileSystem).
//!
//! Copies, moves and mirrors between two filesystems first determine the location of both files
//! ([`location`](Capabilities::location)). If the target can copy the file itself ([`copy_from`](Capabilities::copy_from)),
//! it does. If one of the two is [remote](Storage::Remote) and the other [local](Storage::Local), the file is transferred in
//! pieces: from a [`RangedSource`] into a [`PieceSink`]. Otherwise the bytes stream from `openbin` to `upload`.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;

use crate::error::Result;
use crate::filesystem::FileSystem;
use crate::filesystem::location::Location;
use crate::filesystem::options::{OpenOptions, UploadArgs};
use crate::filesystem::pace::Pace;
use crate::path;
use crate::threads::ThreadPool;

/// Optional operations for transfers, returned by [`FileSystem::capabilities`](crate::FileSystem::capabilities).
///
/// Every method has a default that offers nothing. A filesystem implements only those that it supports.
pub trait Capabilities: Send + Sync {
    /// Returns the location of a resource, whether or not it exists. `None` if the location is unknown.
    ///
    /// # Errors
    ///
    /// Only errors about the path.
    fn location(&self, path: &str) -> Result<Option<Location>> {
        let _ = path;
        Ok(None)
    }

    /// Copies a file from its location, if this filesystem can do so itself. Returns `false` if it cannot. An existing
    /// target is overwritten.
    ///
    /// # Errors
    ///
    /// As [`copy`](crate::FileSystemExt::copy).
    fn copy_from(&self, source: &Location, dst_path: &str) -> Result<bool> {
        let _ = (source, dst_path);
        Ok(false)
    }

    /// Copies, or moves, the content of a directory from its location, if this filesystem can do so itself. Returns `false`,
    /// and changes nothing, if it cannot.
    ///
    /// The caller has checked both directories. The target may not exist yet. A move removes only the files that it copied.
    /// A directory that [is a root](Location::is_root) is kept.
    ///
    /// # Errors
    ///
    /// As [`copydir`](crate::FileSystemExt::copydir) and [`movedir`](crate::FileSystemExt::movedir).
    fn copydir_from(&self, source: &Location, dst_path: &str, remove: bool) -> Result<bool> {
        let _ = (source, dst_path, remove);
        Ok(false)
    }

    /// Kind of storage of this filesystem. Defaults to [`Storage::Other`].
    fn storage(&self) -> Storage {
        Storage::Other
    }

    /// Returns true if the stamp of a file ([`Info::with_stamp`](crate::Info::with_stamp)) is an ETag as S3 creates it:
    /// equal ETags mean equal content, and an ETag that looks like an MD5 digest is the MD5 of the content. Defaults to
    /// `false`.
    fn has_e_tags(&self) -> bool {
        false
    }

    /// Returns true if [`scantree`](FileSystem::scantree) returns entries in the order of keys: that of the bytes of their
    /// paths, if the path of a directory, which comes after its content, ends with a slash and the last of all characters. A
    /// mirror then compares trees while it lists them, and needs no memory for whole trees. It notices other orders, and
    /// removes nothing that is missing in the source then. Defaults to `false`.
    fn lists_in_key_order(&self) -> bool {
        false
    }

    /// Returns the reason why this filesystem cannot have a file or directory with this name, if there is one. Transfers
    /// check each name of a window before the first change.
    fn unfit_name(&self, name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }

    /// Returns this filesystem without the checks before each change (on S3, those of strict mode). `None` if it makes no
    /// checks, or requires them. Defaults to `None`.
    ///
    /// For calls that have just listed the resources that they change: the parent directory of every new resource exists,
    /// and no replaced resource is a directory.
    fn without_checks(&self) -> Option<Box<dyn FileSystem + '_>> {
        None
    }

    /// Removes files that a listing has just returned, like [`remove_many`](FileSystem::remove_many), without requests for
    /// facts that the listing contains. Returns `None`, and removes nothing, if the filesystem does not support this.
    /// Defaults to `None`.
    ///
    /// `emptied` lists the directories of these files for which the listing returned nothing else, not even a marker. They
    /// are kept, unless directories vanish with their last file. All other directories of these files still have content. A
    /// file that no longer exists counts as removed.
    fn remove_listed(&self, files: &[&str], emptied: &[&str]) -> Option<Vec<Result<()>>> {
        let _ = (files, emptied);
        None
    }

    /// Makes the content of a file durable, unless that happened when the file was written. Called before a move deletes the
    /// source, and for [`durable`](crate::TransferOptions::durable) copies. Does nothing by default.
    ///
    /// # Errors
    ///
    /// Errors from the storage.
    fn sync_file(&self, path: &str) -> Result<()> {
        let _ = path;
        Ok(())
    }

    /// Makes the entries of a directory durable. Called before a move deletes the source, and for
    /// [`durable`](crate::TransferOptions::durable) copies. Does nothing by default.
    ///
    /// # Errors
    ///
    /// Errors from the storage.
    fn sync_directory(&self, path: &str) -> Result<()> {
        let _ = path;
        Ok(())
    }

    /// Opens a file as a source of ranges. `None` if this file cannot be read in ranges.
    ///
    /// # Errors
    ///
    /// As [`openbin`](crate::FileSystemExt::openbin) in mode `r`.
    fn open_source(
        &self,
        path: &str,
        options: &SourceOptions,
    ) -> Result<Option<Box<dyn RangedSource + '_>>> {
        let _ = (path, options);
        Ok(None)
    }

    /// Prepares to write a file in pieces. Changes nothing yet. `None` if this file cannot be written in pieces.
    ///
    /// # Errors
    ///
    /// As [`openbin`](crate::FileSystemExt::openbin) in mode `w`, for errors that need no request.
    fn open_sink(
        &self,
        path: &str,
        options: &OpenOptions,
    ) -> Result<Option<Box<dyn PieceSink + '_>>> {
        let _ = (path, options);
        Ok(None)
    }
}

/// Kind of storage, which determines how transfers work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// Any other storage: files stream.
    #[default]
    Other,
    /// A local disk: a file can be read and written at any offset without delay, and its time can be set.
    Local,
    /// A network storage: a file is transferred with several parallel requests, and its time is the time at which it was
    /// stored.
    Remote {
        /// Default number of parallel requests of one call.
        workers: usize,
    },
}

/// Options for opening a [`RangedSource`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceOptions {
    only_look: bool,
    needs_time: bool,
}

impl SourceOptions {
    /// The defaults: opening may already request the first bytes, and the time of the file is not needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens without reading, because the first bytes may already be on the disk.
    #[must_use]
    pub fn only_look(mut self, only_look: bool) -> Self {
        self.only_look = only_look;
        self
    }

    /// Value of [`only_look`](Self::only_look).
    #[must_use]
    pub fn get_only_look(&self) -> bool {
        self.only_look
    }

    /// Requires [`RangedSource::modified`], even if that takes another request.
    #[must_use]
    pub fn needs_time(mut self, needs_time: bool) -> Self {
        self.needs_time = needs_time;
        self
    }

    /// Value of [`needs_time`](Self::needs_time).
    #[must_use]
    pub fn get_needs_time(&self) -> bool {
        self.needs_time
    }
}

/// One version of a file. Several threads can read it at any offset, repeatedly.
///
/// All reads of one source return the same version of the file, or the error
/// [`ResourceChanged`](crate::ErrorKind::ResourceChanged).
pub trait RangedSource: Send + Sync {
    /// Size of the file in bytes.
    fn size(&self) -> u64;

    /// Reads some of the bytes starting at `offset`. Returns 0 only at the end of the file.
    ///
    /// # Errors
    ///
    /// Errors from the storage.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads the bytes from `start` up to `end`. `end` is at least `start` and at most the size of the file.
    ///
    /// # Errors
    ///
    /// Errors from the storage.
    fn range(&self, start: u64, end: u64) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(Range {
            source: self,
            position: start,
            end,
        }))
    }

    /// End of the range, starting at 0, that opening the source has already requested. Defaults to 0.
    fn begun(&self) -> u64 {
        0
    }

    /// Size of the pieces in which several threads should read the source. Defaults to 8 MiB.
    fn piece_size(&self) -> u64 {
        8 << 20
    }

    /// Time of the last change, if it is known.
    fn modified(&self) -> Option<OffsetDateTime> {
        None
    }

    /// Time of the last change of the original file from which this file was made, if the filesystem keeps it in addition to
    /// the time of storing. A copy that keeps the time gets this time. Defaults to `None`.
    fn original_modified(&self) -> Option<OffsetDateTime> {
        None
    }

    /// Current time of the clock that set [`modified`](Self::modified).
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    /// Identifies this version of this file uniquely, so that a later transfer can resume. `None` if that is not possible.
    fn version(&self) -> Option<String> {
        None
    }

    /// Returns an error if the file changed since it was opened.
    ///
    /// # Errors
    ///
    /// [`ResourceChanged`](crate::ErrorKind::ResourceChanged).
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }
}

/// A range of a source, read by [`RangedSource::read_at`].
struct Range<'s, S: ?Sized> {
    source: &'s S,
    position: u64,
    end: u64,
}

impl<S: RangedSource + ?Sized> Read for Range<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let count = self.source.read_at(&mut buffer[..wanted], self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// A file that is written in pieces and appears when all pieces are stored.
pub trait PieceSink: Send + Sync {
    /// Returns true if an earlier transfer left data that [`store`](Self::store) may resume. Defaults to `false`.
    fn is_begun(&self) -> bool {
        false
    }

    /// Stores the whole source. The new file becomes visible to readers in one step. Reports the size with
    /// [`Transfer::expect`] and the progress with [`Transfer::advance`]. Waits with [`Transfer::pace`] for each piece that
    /// it reads from the source.
    ///
    /// # Errors
    ///
    /// Errors from the source and from the storage. The file is then unchanged.
    fn store(&self, source: &dyn RangedSource, transfer: &Transfer<'_>) -> Result<()>;
}

/// Time of the last change that a copy gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Times {
    /// The time of copying.
    Now,
    /// The time of the source.
    Kept,
    /// The time of the source, so that a later mirror can detect a change of the source. Headers have whole seconds: if the
    /// source may still change within the current second, the copy gets a time one second earlier, so that the next mirror
    /// copies the file once more.
    Mirrored,
}

/// Returns the upload arguments of a file, by its path in the target.
pub(crate) type UploadArgsFor<'a> = dyn Fn(&str) -> UploadArgs + Send + Sync + 'a;

/// The transfer of one file: its options, threads, and progress.
pub struct Transfer<'t> {
    pub(crate) pool: &'t ThreadPool,
    pub(crate) expect: &'t (dyn Fn(u64) + Sync),
    pub(crate) advance: &'t (dyn Fn(u64) -> Result<()> + Sync),
    pub(crate) resume: bool,
    pub(crate) durable: bool,
    pub(crate) times: Times,
    pub(crate) keeps_original_time: bool,
    pub(crate) listed: Option<OffsetDateTime>,
    pub(crate) upload_args: Option<&'t UploadArgs>,
    pub(crate) upload_args_for: Option<&'t UploadArgsFor<'t>>,
    pub(crate) kept: &'t Kept,
    pub(crate) pace: &'t Pace,
}

/// Facts about a local target, cached until the call ends: the permissions of new files.
#[derive(Default)]
pub(crate) struct Kept {
    permissions: Mutex<HashMap<PathBuf, Permissions>>,
    names: Mutex<()>,
}

impl Kept {
    /// Runs `change`, which changes the names in a directory, in one thread at a time. The operating system would make other
    /// threads busy-wait, each on one processor.
    pub(crate) fn change_names<T>(&self, change: impl FnOnce() -> T) -> T {
        let _alone = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        change()
    }

    /// Returns the permissions of new files in a directory. `look` determines them the first time.
    pub(crate) fn permissions(
        &self,
        directory: &Path,
        look: impl FnOnce() -> io::Result<Permissions>,
    ) -> io::Result<Permissions> {
        let lock = || {
            self.permissions
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(known) = lock().get(directory) {
            return Ok(known.clone());
        }
        let found = look()?;
        lock().insert(directory.to_owned(), found.clone());
        Ok(found)
    }
}

impl Transfer<'_> {
    /// Reports the size of the file once it is known.
    pub fn expect(&self, size: u64) {
        (self.expect)(size);
    }

    /// Reports that `count` more bytes were transferred.
    ///
    /// # Errors
    ///
    /// An error that must end the transfer: the caller's progress callback or another thread ended it.
    pub fn advance(&self, count: u64) -> Result<()> {
        (self.advance)(count)
    }

    /// Number of bytes to transfer at a time: at most `wanted`, and less if the caller limited the bandwidth.
    #[must_use]
    pub fn step(&self, wanted: usize) -> usize {
        self.pace.step(wanted)
    }

    /// Waits until `count` bytes may pass, if the caller limited the bandwidth.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::ErrorKind::Cancelled), as soon as the call is cancelled.
    pub fn pace(&self, count: u64) -> Result<()> {
        self.pace.wait(count)
    }

    /// Runs `work` for each number below `count`, on the threads of the transfer. Stops at the first error.
    ///
    /// # Errors
    ///
    /// The first error from `work`.
    pub fn each(&self, count: usize, work: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
        self.pool.each(count, work)
    }

    /// Returns true if several threads may work on pieces of the file.
    #[must_use]
    pub fn is_parallel(&self) -> bool {
        !self.pool.is_alone()
    }

    /// Returns true if the received data is kept after an error, for the next transfer.
    #[must_use]
    pub fn resume(&self) -> bool {
        self.resume
    }

    /// Returns true if the content must be on the disk before the file gets its name, because a move deletes the source next
    /// or the caller requested it.
    #[must_use]
    pub fn durable(&self) -> bool {
        self.durable
    }

    /// Time of the last change that the copy gets.
    #[must_use]
    pub fn times(&self) -> Times {
        self.times
    }

    /// Returns true if the copy keeps the [original time](RangedSource::original_modified) of a source that has one. Always
    /// false for [`Times::Now`].
    #[must_use]
    pub fn keeps_original_time(&self) -> bool {
        self.keeps_original_time && self.times != Times::Now
    }

    /// Time of the last change of the source in its listing, if it was listed.
    #[must_use]
    pub fn listed(&self) -> Option<OffsetDateTime> {
        self.listed
    }

    /// Options for opening the target, without those that the transfer itself sets.
    #[must_use]
    pub fn options(&self) -> OpenOptions {
        match self.upload_args {
            Some(args) => OpenOptions::new().upload_args(args.clone()),
            None => OpenOptions::new(),
        }
    }

    /// Options for opening the target at this path, without those that the transfer itself sets.
    pub(crate) fn options_for(&self, dst_path: &str) -> OpenOptions {
        let options = self.options();
        match self.upload_args_for {
            Some(args_for) => {
                let normalized = path::normpath(dst_path).unwrap_or(dst_path.into());
                let args = args_for(&path::abspath(&normalized));
                let args = args.over(options.get_upload_args());
                options.upload_args(args)
            }
            None => options,
        }
    }
}
