//! [`Capabilities`]: what a transfer may ask of a filesystem beyond the methods of
//! [`FileSystem`](crate::FileSystem).
//!
//! Copies, moves and mirrors between two filesystems first ask where both files are
//! ([`location`](Capabilities::location)). If the target can copy by itself
//! ([`copy_from`](Capabilities::copy_from)), it does. If one of the two is [remote](Storage::Remote) and the other
//! one [local](Storage::Local), the file goes in pieces: from a [`RangedSource`] into a [`PieceSink`]. Otherwise the
//! bytes stream from `openbin` to `upload`.

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

/// What a transfer may ask of a filesystem, by [`FileSystem::capabilities`](crate::FileSystem::capabilities).
///
/// Every method has a default that offers nothing, so that a filesystem implements those it can offer.
pub trait Capabilities: Send + Sync {
    /// Where a resource really is, whether or not it exists. `None` if that is not known.
    ///
    /// # Errors
    ///
    /// Only of the path.
    fn location(&self, path: &str) -> Result<Option<Location>> {
        let _ = path;
        Ok(None)
    }

    /// Copies a file from where it really is, if this filesystem can do that by itself. Returns `false` if it
    /// cannot. An existing target is overwritten.
    ///
    /// # Errors
    ///
    /// As [`copy`](crate::FileSystemExt::copy).
    fn copy_from(&self, source: &Location, dst_path: &str) -> Result<bool> {
        let _ = (source, dst_path);
        Ok(false)
    }

    /// Copies, or moves, the content of a directory from where it really is, if this filesystem can do that by
    /// itself. Returns `false`, and changes nothing, if it cannot.
    ///
    /// Both directories have been checked before; the target may not exist yet. A move removes what it copied and
    /// nothing else. A directory that [is a root](Location::is_root) stays.
    ///
    /// # Errors
    ///
    /// As [`copydir`](crate::FileSystemExt::copydir) and [`movedir`](crate::FileSystemExt::movedir).
    fn copydir_from(&self, source: &Location, dst_path: &str, remove: bool) -> Result<bool> {
        let _ = (source, dst_path, remove);
        Ok(false)
    }

    /// Where this filesystem keeps its files. Defaults to [`Storage::Other`].
    fn storage(&self) -> Storage {
        Storage::Other
    }

    /// Whether the stamp of a file ([`Info::with_stamp`](crate::Info::with_stamp)) is an ETag as S3 makes it: the same one
    /// means the same content, and one that looks like an MD5 digest is that of the content. Defaults to `false`.
    fn has_e_tags(&self) -> bool {
        false
    }

    /// Why this filesystem cannot have a file or directory of that name. Asked for each name of a tree before the
    /// first change.
    fn unfit_name(&self, name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }

    /// Returns this filesystem without the checks that it makes before each change (on S3 those of strict mode). `None`
    /// if it makes none, or cannot do without them. Defaults to `None`.
    ///
    /// It is for a call that has just listed what it changes: the parent directory of whatever it makes exists, and
    /// what it replaces is no directory.
    fn without_checks(&self) -> Option<Box<dyn FileSystem + '_>> {
        None
    }

    /// Removes files that a listing has just shown, as [`remove_many`](FileSystem::remove_many) does, without asking
    /// again for what the listing has shown. Returns `None`, and removes nothing, if the filesystem cannot do that.
    /// Defaults to `None`.
    ///
    /// `emptied` lists the directories of these files in which the listing has shown nothing else, not even a marker.
    /// Where a directory does not vanish with its last file, they are kept. In all other directories of these files
    /// something is left. A file that is gone by then counts as removed.
    fn remove_listed(&self, files: &[&str], emptied: &[&str]) -> Option<Vec<Result<()>>> {
        let _ = (files, emptied);
        None
    }

    /// Makes the content of a file durable, unless it was made so when it was written: before a move deletes the source,
    /// and for [`durable`](crate::TransferOptions::durable) copies. Does nothing by default.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    fn sync_file(&self, path: &str) -> Result<()> {
        let _ = path;
        Ok(())
    }

    /// Makes the entries of a directory durable, before a move deletes the source, and for
    /// [`durable`](crate::TransferOptions::durable) copies. Does nothing by default.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    fn sync_directory(&self, path: &str) -> Result<()> {
        let _ = path;
        Ok(())
    }

    /// Opens a file as a source of ranges. `None` if this file cannot be read so.
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

    /// Prepares a file that is written in pieces. Nothing is changed yet. `None` if this file cannot be written so.
    ///
    /// # Errors
    ///
    /// As [`openbin`](crate::FileSystemExt::openbin) in mode `w`, as far as they can be known before the first request.
    fn open_sink(
        &self,
        path: &str,
        options: &OpenOptions,
    ) -> Result<Option<Box<dyn PieceSink + '_>>> {
        let _ = (path, options);
        Ok(None)
    }
}

/// Where a filesystem keeps its files, which decides how transfers with it are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// Anywhere: files stream.
    #[default]
    Other,
    /// On a local disk: a file can be read and written at any place without waiting, and has the time that it is
    /// given.
    Local,
    /// Behind a network: a file is worth several requests at a time, and has the time at which it was stored.
    Remote {
        /// The number of requests that one call makes at a time by default.
        workers: usize,
    },
}

/// What a transfer needs of a [`RangedSource`] when it opens it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceOptions {
    only_look: bool,
    needs_time: bool,
}

impl SourceOptions {
    /// The defaults: opening may already ask for the first bytes, and the time of the file is not needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens without reading: the first bytes may be on the disk already.
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

    /// Needs [`RangedSource::modified`], even if that takes another request.
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

/// One version of a file, which can be read at any place, by several threads, and again.
///
/// All that is read through one source is of one version of the file, or it is
/// [`ResourceChanged`](crate::ErrorKind::ResourceChanged).
pub trait RangedSource: Send + Sync {
    /// The size of the file in bytes.
    fn size(&self) -> u64;

    /// Reads some of the bytes from that offset on; none only at the end of the file.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads the bytes from `start` up to `end`, which is not before `start` and not behind the end of the file.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    fn range(&self, start: u64, end: u64) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(Range {
            source: self,
            position: start,
            end,
        }))
    }

    /// Where the range ends, from 0 on, that opening the source has already asked for. Defaults to 0.
    fn begun(&self) -> u64 {
        0
    }

    /// The length of the pieces in which several threads should read it. Defaults to 8 MiB.
    fn piece_size(&self) -> u64 {
        8 << 20
    }

    /// The time of the last change, if it is known.
    fn modified(&self) -> Option<OffsetDateTime> {
        None
    }

    /// The time of the last change of the file from which this one was made, where the filesystem keeps it beside the time at
    /// which it stored the file. A copy that keeps the time gets this one. Defaults to none.
    fn original_modified(&self) -> Option<OffsetDateTime> {
        None
    }

    /// What time it is by the clock that gave [`modified`](Self::modified).
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    /// Identifies this version of this file and no other, so that a later transfer can resume. `None` if nothing does.
    fn version(&self) -> Option<String> {
        None
    }

    /// Returns an error if the file is not what it was when it was opened.
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

/// A file that is written in pieces, and appears when all of them are there.
pub trait PieceSink: Send + Sync {
    /// Whether an earlier transfer left something that [`store`](Self::store) may resume. Defaults to `false`.
    fn is_begun(&self) -> bool {
        false
    }

    /// Stores all of the source, in one step for whoever reads the file. Reports its size with
    /// [`Transfer::expect`], and what came with [`Transfer::advance`]. Waits with [`Transfer::pace`] for each piece that is
    /// read from the source.
    ///
    /// # Errors
    ///
    /// Those of the source and of the storage. The file is then as it was before.
    fn store(&self, source: &dyn RangedSource, transfer: &Transfer<'_>) -> Result<()>;
}

/// Which time of the last change a copy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Times {
    /// The time at which it was made.
    Now,
    /// The time of the source.
    Kept,
    /// The time of the source, from which a mirror later knows whether the source changed. Headers have whole
    /// seconds: where the source may still change within that second, it is one second less, so that the next
    /// mirror copies it once more.
    Mirrored,
}

/// The upload arguments of a file, by its path in the target.
pub(crate) type UploadArgsFor<'a> = dyn Fn(&str) -> UploadArgs + Send + Sync + 'a;

/// The transfer of one file: what was asked for, its threads, and its progress.
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

/// Facts about a local target, kept until the call ends: the permissions of new files.
#[derive(Default)]
pub(crate) struct Kept {
    permissions: Mutex<HashMap<PathBuf, Permissions>>,
    names: Mutex<()>,
}

impl Kept {
    /// Changes the names in a directory, one thread at a time: the system lets others wait while they keep a processor
    /// busy.
    pub(crate) fn change_names<T>(&self, change: impl FnOnce() -> T) -> T {
        let _alone = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        change()
    }

    /// The permissions that new files of that directory have, which `look` finds out.
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
    /// Reports the size of the file, once it is known.
    pub fn expect(&self, size: u64) {
        (self.expect)(size);
    }

    /// Reports that this many bytes more were transferred.
    ///
    /// # Errors
    ///
    /// The transfer must end with this error: the caller's progress callback or another thread ended it.
    pub fn advance(&self, count: u64) -> Result<()> {
        (self.advance)(count)
    }

    /// How many bytes should pass at a time, at most `wanted`: fewer if the caller limited the bandwidth.
    #[must_use]
    pub fn step(&self, wanted: usize) -> usize {
        self.pace.step(wanted)
    }

    /// Waits until that many bytes may pass, if the caller limited the bandwidth.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::ErrorKind::Cancelled), as soon as the call is cancelled.
    pub fn pace(&self, count: u64) -> Result<()> {
        self.pace.wait(count)
    }

    /// Does the work on each number below `count`, on the threads that the transfer has. The first error ends it.
    ///
    /// # Errors
    ///
    /// The first error of the work.
    pub fn each(&self, count: usize, work: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
        self.pool.each(count, work)
    }

    /// Whether several threads may work on pieces of the file.
    #[must_use]
    pub fn is_parallel(&self) -> bool {
        !self.pool.is_alone()
    }

    /// Whether what came stays after an error, for the next transfer.
    #[must_use]
    pub fn resume(&self) -> bool {
        self.resume
    }

    /// Whether the content is to be on the disk before the file gets its name: a move deletes the source next, or the
    /// caller asked for it.
    #[must_use]
    pub fn durable(&self) -> bool {
        self.durable
    }

    /// Which time of the last change the copy has.
    #[must_use]
    pub fn times(&self) -> Times {
        self.times
    }

    /// Whether the copy has the [original time](RangedSource::original_modified) of a source that has one. Never if its time
    /// is [`Times::Now`].
    #[must_use]
    pub fn keeps_original_time(&self) -> bool {
        self.keeps_original_time && self.times != Times::Now
    }

    /// The time of the last change of the source in its listing, if it was listed.
    #[must_use]
    pub fn listed(&self) -> Option<OffsetDateTime> {
        self.listed
    }

    /// How the target is opened, without what the transfer itself sets.
    #[must_use]
    pub fn options(&self) -> OpenOptions {
        match self.upload_args {
            Some(args) => OpenOptions::new().upload_args(args.clone()),
            None => OpenOptions::new(),
        }
    }

    /// How the target with that path is opened, without what the transfer itself sets.
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
