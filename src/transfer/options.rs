//! [`TransferOptions`]: options of a copy, move or mirror.

use std::fmt;
use std::sync::Mutex;

use crate::cancel::{self, CancelToken};
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::FileSystem;
use crate::filesystem::capabilities::{Times, UploadArgsFor};
use crate::filesystem::info::Info;
use crate::filesystem::options::UploadArgs;
use crate::threads::lock;
use crate::transfer::condition::Condition;
use crate::transfer::progress::{Progress, ProgressEvent};
use crate::transfer::selection::{Selection, TakesFile};
use crate::transfer::snapshot::WINDOW;
use crate::walk::Walker;

type OnCopy<'a> = Box<dyn FnMut(&str, &str) -> Result<()> + Send + 'a>;
type OnEachError<'a> = Box<dyn FnMut(&Error) -> OnError + Send + 'a>;
type OnProgress<'a> = Box<dyn FnMut(&Progress<'_>) -> Result<()> + Send + 'a>;

/// Options of copies, moves and mirrors: PyFilesystem's keyword arguments, and more.
///
/// ```
/// use s3fs::{OnError, TransferOptions};
///
/// let mut copied = Vec::new();
/// let options = TransferOptions::new()
///     .workers(4)
///     .preserve_time(true)
///     .on_copy(|src_path, dst_path| {
///         copied.push((src_path.to_owned(), dst_path.to_owned()));
///         Ok(())
///     })
///     .on_error(|error| {
///         eprintln!("{error}");
///         OnError::Gather
///     });
/// ```
#[derive(Default)]
pub struct TransferOptions<'a> {
    pub(crate) workers: usize,
    pub(crate) preserve_time: bool,
    pub(crate) dry_run: bool,
    pub(crate) allow_empty_source: bool,
    /// Inverse of `copy_if_newer`, whose default is true.
    pub(crate) copy_always: bool,
    pub(crate) resume: bool,
    pub(crate) durable: bool,
    pub(crate) upload_args: Option<UploadArgs>,
    pub(crate) upload_args_for: Option<Box<UploadArgsFor<'a>>>,
    pub(crate) compare: Compare,
    pub(crate) condition: Condition,
    pub(crate) keep_extra: bool,
    walker: Option<Walker>,
    filter: Option<TakesFile<'a>>,
    cancel: Option<CancelToken>,
    pub(crate) max_bandwidth: u64,
    window: usize,
    pub(crate) on_copy: Mutex<Option<OnCopy<'a>>>,
    pub(crate) on_error: Mutex<Option<OnEachError<'a>>>,
    pub(crate) on_progress: Mutex<Option<OnProgress<'a>>>,
}

impl<'a> TransferOptions<'a> {
    /// PyFilesystem's defaults: one file after the other (several in parallel between S3 and the local disk), and the first
    /// error stops the call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Maximum number of parallel copies, at most 1,000. Defaults to 0, which means 1, or the filesystem's
    /// [`max_workers`](crate::S3FsBuilder::max_workers) between S3 and the local disk. There, several of the threads work on
    /// one large file. If the system has fewer threads, the call uses those. Copies of a whole tree inside S3 always use
    /// `max_workers`.
    ///
    /// A panic in a callback ends the call and is propagated to the caller.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Number of entries of a tree that a copy, move or mirror lists, checks and then transfers at a time, and that
    /// [`verify`](crate::mirror::verify) lists and compares. Defaults to 0, which means 10,000.
    ///
    /// Everything in a window is checked before any of it is changed. A larger window checks more before the first change,
    /// and takes about 500 bytes of memory for each entry. With `usize::MAX`, a call checks the whole tree before it changes
    /// anything. A move removes nothing before all windows are copied.
    ///
    /// Mirrors and comparisons use windows only if both filesystems
    /// [list in the order of keys](crate::Capabilities::lists_in_key_order), and if the target distinguishes upper and lower
    /// case. Otherwise they hold the listings of both trees in memory. Moves from a filesystem that lists in another order hold
    /// its listing when they remove the files. A copy, move or mirror also does so if source and target may overlap: between
    /// two names of one server, and for filesystems without a [location](crate::Capabilities::location). The windows of a
    /// mirror or comparison do not end among names that begin with the name of a file in the window and one of the characters up to
    /// the slash, as `logs-1` and `logs/1` beside a file `logs`.
    ///
    /// With [`OnError::Gather`], an error of a later listing or check ends the call, and is returned in place of the gathered
    /// ones.
    #[must_use]
    pub fn window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }

    /// Whether copies keep the modification time, if the target supports it. Defaults to false.
    ///
    /// S3 has no modification time of its own. An upload from the local disk stores it in the metadata entry `mtime`, in
    /// seconds since 1970, as rclone does, unless the upload arguments set that entry. A download to the local disk uses
    /// this entry, or the `mtime` in s3cmd's entry `s3cmd-attrs`, and otherwise the time at which the object was stored.
    ///
    /// A mirror from S3 to the local disk always keeps a time: see [`mirror`](crate::mirror::mirror).
    ///
    /// A later update of such an object (`a`, `r+`, `w+`) drops the entry, because its content has another time.
    /// [`Condition::Newer`] and [`Condition::Older`] compare the time at which an object was stored.
    #[must_use]
    pub fn preserve_time(mut self, preserve_time: bool) -> Self {
        self.preserve_time = preserve_time;
        self
    }

    /// Whether the call changes nothing and only lists its actions in [`Report::actions`](crate::Report::actions). Defaults to false.
    /// It checks names and conditions, and not whether the target will accept the changes.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Whether a move or mirror treats a missing source as an empty one. Defaults to false: a missing source is
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound), and so is an empty root, because on S3 a mistyped `dir_path` looks
    /// like an empty root.
    #[must_use]
    pub fn allow_empty_source(mut self, allow_empty_source: bool) -> Self {
        self.allow_empty_source = allow_empty_source;
        self
    }

    /// Whether a mirror skips a file that has the same size as its source and is not older. Defaults to true.
    /// [`mirror`](crate::mirror::mirror) defines "not older".
    #[must_use]
    pub fn copy_if_newer(mut self, copy_if_newer: bool) -> Self {
        self.copy_always = !copy_if_newer;
        self
    }

    /// Selects the files to copy or move, depending on the target: PyFilesystem's `condition`. Defaults to
    /// [`Condition::Always`]. A move leaves the other files in the source. Mirrors,
    /// [`S3Fs::upload_file`](crate::S3Fs::upload_file) and [`S3Fs::download_file`](crate::S3Fs::download_file) return an
    /// error for a condition.
    ///
    /// The target is checked for each file right before the copy. A target directory on S3 is listed instead, once and before
    /// anything changes, unless it holds more than 1,000 times as many files as the source. Files that appear there while
    /// the copy runs are then overwritten.
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// Comparison with which a mirror finds files that are the same. Defaults to [`Compare::SizeAndTime`].
    #[must_use]
    pub fn compare(mut self, compare: Compare) -> Self {
        self.compare = compare;
        self
    }

    /// Whether a mirror keeps files and directories that exist only in the target. Defaults to false: a mirror removes them.
    /// A target file in the place of a source directory, or the reverse, is removed in any case.
    #[must_use]
    pub fn keep_extra(mut self, keep_extra: bool) -> Self {
        self.keep_extra = keep_extra;
        self
    }

    /// Includes only the files and directories of a tree that this walker includes: PyFilesystem's `walker`. Defaults to
    /// all. The walker's names, glob patterns and depth apply. Its order and its handling of errors do not.
    ///
    /// Copies, moves and mirrors of trees use it. Glob patterns match absolute paths of the source filesystem. Excluded
    /// directories are not listed if that saves requests, and never cost more. A move leaves excluded files in the source. A
    /// mirror also keeps them in the target, with the directories that contain them.
    ///
    /// ```no_run
    /// use s3fs::{S3Fs, TransferOptions, Walker};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let walker = Walker::new().exclude_dirs([".git", "target"]).exclude(["*.tmp"]);
    /// fs.upload_dir("/srv/project", "project", &TransferOptions::new().walker(walker))?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn walker(mut self, walker: Walker) -> Self {
        self.walker = Some(walker);
        self
    }

    /// Includes only the files of a tree for which the closure returns true. Its arguments are the absolute path in the
    /// source filesystem and the `details` namespace of a listing. Defaults to all files. It is combined with
    /// [`walker`](Self::walker), and applies to the same operations. A mirror also calls it for files of the target, and
    /// keeps those for which it returns false.
    ///
    /// ```no_run
    /// use s3fs::{S3Fs, TransferOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let options = TransferOptions::new().filter(|_, info| info.size() < Some(1 << 20));
    /// fs.download_dir("reports", "/srv/reports", &options)?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn filter(mut self, filter: impl Fn(&str, &Info) -> bool + Send + Sync + 'a) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Whether an incomplete download of a file from S3 is kept on the local disk after a failure. The next call with this
    /// option resumes it if the object is still the same. Defaults to false: a failed download leaves nothing behind. The
    /// content is kept beside the target in a file whose name begins with `.s3fs-partial-`.
    ///
    /// On Unix, a download is resumed only from a regular file with one name, the owner of new files in that directory, and
    /// no write permission for others. Otherwise the download starts again. Files of another user are not changed: the
    /// download then uses another name and cannot be resumed.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Whether files that are written to the local disk, and their directories, are synced before the call returns. Each
    /// file is synced before it gets its name. Defaults to false: a power failure soon after the call can then leave a file
    /// without its content. Moves always sync before they delete the source.
    ///
    /// ```no_run
    /// use s3fs::{S3Fs, TransferOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.download_dir("backup", "/srv/backup", &TransferOptions::new().durable(true))?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[doc(alias = "fsync")]
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Arguments of objects that are uploaded from the local disk: by [`upload_file`], [`upload_dir`] and every copy, move
    /// or mirror from an [`OsFs`](crate::OsFs) to an `S3Fs`. Defaults to the filesystem's
    /// [`upload_args`](crate::S3FsBuilder::upload_args), which also apply to every argument that is not set here. Other
    /// transfers ignore this option.
    ///
    /// ```no_run
    /// use s3fs::{S3Fs, TransferOptions, UploadArgs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let args = UploadArgs::new().cache_control("max-age=3600").storage_class("STANDARD_IA");
    /// fs.upload_dir("/srv/site", "site", &TransferOptions::new().upload_args(args))?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// [`upload_file`]: crate::S3Fs::upload_file
    /// [`upload_dir`]: crate::S3Fs::upload_dir
    #[must_use]
    pub fn upload_args(mut self, args: UploadArgs) -> Self {
        self.upload_args = Some(args);
        self
    }

    /// Upload arguments of each file, by its path in the target, such as `/site/index.html`. They take precedence over
    /// [`upload_args`](Self::upload_args), and apply to the same transfers. Defaults to none. The closure is called on the
    /// thread that uploads the file.
    ///
    /// ```no_run
    /// use s3fs::{S3Fs, TransferOptions, UploadArgs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let options = TransferOptions::new().upload_args_for(|path| match path.ends_with(".html") {
    ///     true => UploadArgs::new().cache_control("max-age=60"),
    ///     false => UploadArgs::new().cache_control("max-age=86400"),
    /// });
    /// fs.upload_dir("/srv/site", "site", &options)?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn upload_args_for(
        mut self,
        args_for: impl Fn(&str) -> UploadArgs + Send + Sync + 'a,
    ) -> Self {
        self.upload_args_for = Some(Box::new(args_for));
        self
    }

    /// Token with which another thread can cancel the call. Defaults to none. See [`CancelToken`].
    #[must_use]
    pub fn cancel(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// Callback after each copied file, with its paths in source and target. Defaults to none. It is called on the thread
    /// that copied the file, one call at a time. An error cancels the whole call, which returns it.
    #[must_use]
    pub fn on_copy(mut self, on_copy: impl FnMut(&str, &str) -> Result<()> + Send + 'a) -> Self {
        self.on_copy = Mutex::new(Some(Box::new(on_copy)));
        self
    }

    /// Callback for each error of a single file. It decides whether the call continues with the other files. Defaults to
    /// [`OnError::Stop`] for every error.
    #[must_use]
    pub fn on_error(mut self, on_error: impl FnMut(&Error) -> OnError + Send + 'a) -> Self {
        self.on_error = Mutex::new(Some(Box::new(on_error)));
        self
    }

    /// Maximum number of bytes per second that the call reads or sends, for all its files together. Defaults to 0, which means
    /// no limit. It limits content that passes through this program. It does not limit headers, listings, copies that a server
    /// makes by itself, copies on one local disk, and
    /// contents that are only compared.
    ///
    /// ```no_run
    /// use s3fs::{S3Fs, TransferOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let options = TransferOptions::new().max_bandwidth(2 << 20); // 2 MiB per second
    /// fs.upload_dir("/srv/reports", "reports", &options)?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn max_bandwidth(mut self, bytes_per_second: u64) -> Self {
        self.max_bandwidth = bytes_per_second;
        self
    }

    /// Callback with the number of bytes copied so far, of all files, and the total. Defaults to none. It is called each
    /// time more bytes are copied. An error cancels the whole call, also in the middle of a file, and the call returns it.
    /// [`on_progress`](Self::on_progress) also counts files, and replaces this callback.
    #[must_use]
    pub fn progress(self, progress: impl FnMut(u64, u64) -> Result<()> + Send + 'a) -> Self {
        let mut progress = progress;
        self.on_progress(move |now| match now.event() {
            ProgressEvent::Bytes => progress(now.bytes(), now.total_bytes()),
            ProgressEvent::Begins(_) | ProgressEvent::Ends(_) => Ok(()),
        })
    }

    /// Callback with the bytes and the files copied so far. Defaults to none. It is called when a file begins, each time
    /// more bytes are copied, and when a file ends: see [`Progress`]. One thread calls it at a time. An error cancels the
    /// whole call, also in the middle of a file, and the call returns it. [`progress`](Self::progress) replaces this
    /// callback.
    ///
    /// ```no_run
    /// use s3fs::{ProgressEvent, S3Fs, TransferOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let options = TransferOptions::new().on_progress(|now| {
    ///     if let ProgressEvent::Begins(path) = now.event() {
    ///         println!("{path}: file {} of {}", now.files() + 1, now.total_files());
    ///     }
    ///     Ok(())
    /// });
    /// fs.upload_dir("/srv/reports", "reports", &options)?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn on_progress(
        mut self,
        on_progress: impl FnMut(&Progress<'_>) -> Result<()> + Send + 'a,
    ) -> Self {
        self.on_progress = Mutex::new(Some(Box::new(on_progress)));
        self
    }

    /// Runs `work`, which returns `Cancelled` once the token is cancelled.
    pub(crate) fn cancellable<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(token) = &self.cancel else {
            return work();
        };
        token.run(|| {
            cancel::check()?;
            work()
        })
    }

    /// Returns an error if a condition is set, for an operation that does not support one.
    pub(crate) fn refuse_condition(&self, hint: &'static str) -> Result<()> {
        if self.condition == Condition::Always {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidArgument)
            .with_message("this operation does not support a condition")
            .with_hint(hint))
    }

    /// The value of [`window`](Self::window), or its default.
    #[must_use]
    pub fn get_window(&self) -> usize {
        match self.window {
            0 => WINDOW,
            window => window,
        }
    }

    /// Returns true if a filesystem may do the whole operation itself, because no option concerns single files.
    pub(crate) fn is_plain(&self) -> bool {
        let looks = lock(&self.on_copy).is_some()
            || lock(&self.on_error).is_some()
            || lock(&self.on_progress).is_some();
        let takes_all =
            self.walker.is_none() && self.filter.is_none() && self.condition == Condition::Always;
        !looks && takes_all && !self.dry_run && !self.preserve_time
    }

    /// Returns the selection of the tree below a directory.
    pub(crate) fn selection<'o>(
        &'o self,
        fs: &dyn FileSystem,
        root: &str,
    ) -> Result<Selection<'o>> {
        Selection::new(fs, root, self.walker.as_ref(), self.filter.as_ref())
    }

    /// Time of the last change that copies get.
    pub(crate) fn times(&self) -> Times {
        match self.preserve_time {
            true => Times::Kept,
            false => Times::Now,
        }
    }
}

impl fmt::Debug for TransferOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferOptions")
            .field("workers", &self.workers)
            .field("preserve_time", &self.preserve_time)
            .field("dry_run", &self.dry_run)
            .field("allow_empty_source", &self.allow_empty_source)
            .field("copy_if_newer", &!self.copy_always)
            .field("compare", &self.compare)
            .field("condition", &self.condition)
            .field("keep_extra", &self.keep_extra)
            .field("walker", &self.walker)
            .field("resume", &self.resume)
            .field("durable", &self.durable)
            .field("upload_args", &self.upload_args)
            .field("max_bandwidth", &self.max_bandwidth)
            .finish_non_exhaustive()
    }
}

/// Decides whether the call continues with the other files after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Stops the call, which returns the error.
    Stop,
    /// Continues with the other files. The call returns [`BulkCopyFailed`](ErrorKind::BulkCopyFailed) at its end, with all
    /// errors in its [`Failures`](crate::Failures).
    Gather,
}

/// Comparison with which a mirror finds files that are the same in source and target, and skips them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compare {
    /// The same size, and a target that is not older than its source. See [`mirror`](crate::mirror::mirror) for details.
    #[default]
    SizeAndTime,
    /// The same size. Sends no additional request.
    Size,
    /// The same size and the same content. Two objects on S3 with the same ETag are the same. If one side is an object whose
    /// ETag is an MD5 digest, the other side is read and hashed (unless it has such an ETag, too). Otherwise both sides are
    /// read. The ETag of an object that is encrypted with SSE-KMS or SSE-C looks like an MD5 digest but is not one: such a
    /// file is copied each time.
    Content,
}
