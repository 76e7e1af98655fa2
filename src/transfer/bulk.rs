//! Transfers of many files: their options, their report, and the threads that work on them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::iter;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cancel::{self, CancelToken};
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::capabilities::{Kept, Times, Transfer, UploadArgsFor};
use crate::filesystem::endpoints::Endpoints;
use crate::filesystem::info::Info;
use crate::filesystem::options::UploadArgs;
use crate::filesystem::removing::{self, Rest};
use crate::filesystem::{FileSystem, MakedirOptions, found};
use crate::path;
use crate::threads::{self, MAX_THREADS, ThreadPool};
use crate::transfer::condition::Condition;
use crate::transfer::file;
use crate::transfer::job::Job;
use crate::transfer::selection::{Selection, TakesFile};
use crate::transfer::target::Target;
use crate::walk::Walker;

type OnCopy<'a> = Box<dyn FnMut(&str, &str) -> Result<()> + Send + 'a>;
type OnEachError<'a> = Box<dyn FnMut(&Error) -> OnError + Send + 'a>;
type Progress<'a> = Box<dyn FnMut(u64, u64) -> Result<()> + Send + 'a>;

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
    /// The contrary of `copy_if_newer`, whose default is true.
    pub(crate) copy_always: bool,
    pub(crate) resume: bool,
    pub(crate) durable: bool,
    pub(crate) upload_args: Option<UploadArgs>,
    upload_args_for: Option<Box<UploadArgsFor<'a>>>,
    pub(crate) compare: Compare,
    pub(crate) condition: Condition,
    pub(crate) keep_extra: bool,
    walker: Option<Walker>,
    filter: Option<TakesFile<'a>>,
    cancel: Option<CancelToken>,
    on_copy: Mutex<Option<OnCopy<'a>>>,
    on_error: Mutex<Option<OnEachError<'a>>>,
    progress: Mutex<Option<Progress<'a>>>,
}

impl<'a> TransferOptions<'a> {
    /// PyFilesystem's defaults: one file after the other (several between S3 and the local disk), and the first error stops
    /// the call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Maximum number of parallel copies, at most 1,000. Defaults to 0, which means 1, or the filesystem's
    /// [`max_workers`](crate::S3FsBuilder::max_workers) between S3 and the local disk. There, several of the threads work on
    /// one large file. If the system has fewer threads, the call uses those. Copies of a whole tree inside S3 always use
    /// `max_workers`.
    ///
    /// A panic in a callback ends the call, and continues in the caller.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Whether copies keep the modification time, where the target can. Defaults to false. A mirror from S3 to the local disk
    /// always keeps it: see [`mirror`](crate::mirror::mirror).
    #[must_use]
    pub fn preserve_time(mut self, preserve_time: bool) -> Self {
        self.preserve_time = preserve_time;
        self
    }

    /// Whether the call changes nothing, and only lists in [`Report::actions`] what it would do. Defaults to false.
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

    /// Which files are copied or moved, depending on the target; PyFilesystem's `condition`. Defaults to
    /// [`Condition::Always`]. A move leaves the other files in the source. Mirrors,
    /// [`S3Fs::upload_file`](crate::S3Fs::upload_file) and [`S3Fs::download_file`](crate::S3Fs::download_file) refuse a
    /// condition.
    ///
    /// The target is checked for each file right before the copy. A target directory on S3 is listed instead, once and before
    /// anything changes, unless it holds more than 1,000 times as many files as the source. Files that appear there while
    /// the copy runs are then overwritten.
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// How a mirror finds files that are the same. Defaults to [`Compare::SizeAndTime`].
    #[must_use]
    pub fn compare(mut self, compare: Compare) -> Self {
        self.compare = compare;
        self
    }

    /// Whether a mirror keeps files and directories that only the target has. Defaults to false: a mirror removes them. A
    /// target file in the place of a source directory, or the reverse, is removed in any case.
    #[must_use]
    pub fn keep_extra(mut self, keep_extra: bool) -> Self {
        self.keep_extra = keep_extra;
        self
    }

    /// Takes only the files and directories of a tree that this walker takes; PyFilesystem's `walker`. Defaults to
    /// all. The walker's names, glob patterns and depth apply; its order and its handling of errors do not.
    ///
    /// Copies, moves and mirrors of trees use it. Glob patterns match absolute paths of the source filesystem. Excluded
    /// directories are not listed where that saves requests, and never cost more. A move leaves excluded files in the source.
    /// A mirror keeps them in the target, too, with the directories that contain them.
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

    /// Takes only the files of a tree for which the closure returns true. Its arguments are the absolute path in the source
    /// filesystem and the `details` namespace of a listing. Defaults to all files. It is combined with
    /// [`walker`](Self::walker), and applies to the same operations. A mirror also calls it for files of the target, and keeps
    /// those for which it returns false.
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

    /// Whether an incomplete download of a file from S3 stays on the local disk after a failure, and the next call with this
    /// option resumes it if the object is still the same. Defaults to false: a failed download leaves nothing behind.
    /// The content is kept beside the target in a file whose name begins with `.s3fs-partial-`.
    ///
    /// On Unix, a download is only resumed from a regular file with one name, the owner of new files in that directory, and
    /// no write permission for others. Otherwise it starts again. Files of another user are left untouched: the
    /// download then uses another name and cannot be resumed.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Whether files that are written to the local disk, and their directories, are synced before the call returns, each file
    /// before it gets its name. Defaults to false: a power failure soon after the call can then leave a file without its
    /// content. Moves always sync before they delete the source.
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

    /// Arguments of objects that are uploaded from the local disk: by [`upload_file`], [`upload_dir`] and every copy, move or
    /// mirror from an [`OsFs`](crate::OsFs) to an `S3Fs`. Defaults to the filesystem's
    /// [`upload_args`](crate::S3FsBuilder::upload_args), which also apply to whatever is not set here. Other transfers ignore
    /// them.
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

    /// Upload arguments of each file, by its path in the target, such as `/site/index.html`. They win over
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

    /// A token with which another thread can cancel the call. Defaults to none. See [`CancelToken`].
    #[must_use]
    pub fn cancel(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// A callback after each copied file, with its paths in source and target. Defaults to none. It is called on the thread
    /// that copied the file, one call at a time. An error cancels the whole call, which returns it.
    #[must_use]
    pub fn on_copy(mut self, on_copy: impl FnMut(&str, &str) -> Result<()> + Send + 'a) -> Self {
        self.on_copy = Mutex::new(Some(Box::new(on_copy)));
        self
    }

    /// A callback for each error of a single file, which decides whether the other files continue. Defaults to
    /// [`OnError::Stop`] for every error.
    #[must_use]
    pub fn on_error(mut self, on_error: impl FnMut(&Error) -> OnError + Send + 'a) -> Self {
        self.on_error = Mutex::new(Some(Box::new(on_error)));
        self
    }

    /// A callback with the number of bytes copied so far, of all files, and the total. Defaults to none. It is called each time
    /// more bytes are copied. An error cancels the whole call, also in the middle of a file, and the call returns it.
    #[must_use]
    pub fn progress(mut self, progress: impl FnMut(u64, u64) -> Result<()> + Send + 'a) -> Self {
        self.progress = Mutex::new(Some(Box::new(progress)));
        self
    }

    /// Does the work, which ends with `Cancelled` once the token is cancelled.
    pub(crate) fn cancellable<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(token) = &self.cancel else {
            return work();
        };
        token.run(|| {
            cancel::check()?;
            work()
        })
    }

    /// Returns an error if a condition is set, for an operation that does not know any.
    pub(crate) fn refuse_condition(&self, hint: &'static str) -> Result<()> {
        if self.condition == Condition::Always {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidArgument)
            .with_message("this operation takes no condition")
            .with_hint(hint))
    }

    /// Whether a filesystem may do it all by itself: no option concerns single files.
    pub(crate) fn is_plain(&self) -> bool {
        let looks = lock(&self.on_copy).is_some()
            || lock(&self.on_error).is_some()
            || lock(&self.progress).is_some();
        let takes_all =
            self.walker.is_none() && self.filter.is_none() && self.condition == Condition::Always;
        !looks && takes_all && !self.dry_run && !self.preserve_time
    }

    /// What is taken of the tree below a directory.
    pub(crate) fn selection<'o>(
        &'o self,
        fs: &dyn FileSystem,
        root: &str,
    ) -> Result<Selection<'o>> {
        Selection::new(fs, root, self.walker.as_ref(), self.filter.as_ref())
    }

    /// Which time of the last change copies have.
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
            .finish_non_exhaustive()
    }
}

/// Whether the other files continue after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Stops the call, which returns the error.
    Stop,
    /// Continues with the other files. The call returns [`BulkCopyFailed`](ErrorKind::BulkCopyFailed) at its end,
    /// with all errors in its [`Failures`].
    Gather,
}

/// How a mirror finds files that are the same in source and target, and are left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compare {
    /// The same size, and a target that is not older than its source:
    /// [`mirror`](crate::mirror::mirror) has the details.
    #[default]
    SizeAndTime,
    /// The same size. It makes no additional request.
    Size,
    /// The same size and the same content. Two objects on S3 with one ETag are the same. Where one side is an object
    /// whose ETag is an MD5 digest, the other side is read and hashed (or has such an ETag, too); otherwise both sides
    /// are read. The ETag of an object that is encrypted with SSE-KMS or SSE-C looks like an MD5 digest and is none:
    /// such a file is copied each time.
    Content,
}

/// Describes what a copy, move or mirror did, or would do in a dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub(crate) actions: Vec<Action>,
    pub(crate) bytes: u64,
    pub(crate) left_behind: Vec<String>,
    pub(crate) skipped: Vec<String>,
}

impl Report {
    /// All actions: directories, copies, removals. Their order does not depend on the threads.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Number of files that were copied one by one: [`Action::Copy`].
    #[must_use]
    pub fn copied(&self) -> usize {
        let copies = self.actions.iter();
        copies
            .filter(|action| matches!(action, Action::Copy { .. }))
            .count()
    }

    /// Size in bytes of the files that were copied one by one, or would be in a dry run.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Paths that a move left in the source: files that appeared or changed after the move began, could not be copied, or did
    /// not meet the [`condition`](TransferOptions::condition).
    #[must_use]
    pub fn left_behind(&self) -> &[String] {
        &self.left_behind
    }

    /// The files that were not copied because the [`condition`](TransferOptions::condition) did not hold for them, by
    /// their paths in the source. Of a move, [`left_behind`](Self::left_behind) has them, too.
    ///
    /// ```
    /// use s3fs::prelude::*;
    /// use s3fs::copy::Condition;
    /// use s3fs::{MemoryFs, TransferOptions, moving};
    ///
    /// let (inbox, archive) = (MemoryFs::new(), MemoryFs::new());
    /// inbox.writetext("a.csv", "new")?;
    /// inbox.writetext("b.csv", "b")?;
    /// archive.writetext("a.csv", "old")?;
    /// let options = TransferOptions::new().condition(Condition::NotExists);
    /// let report = moving::move_fs(&inbox, &archive, &options)?;
    /// assert_eq!(report.copied(), 1);
    /// assert_eq!(report.skipped(), ["/a.csv"]);
    /// assert_eq!(report.left_behind(), report.skipped());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }
}

/// A single action of a copy, move or mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// A directory is made in the target, unless it is there.
    Makedir(String),
    /// A file is copied.
    Copy {
        /// Its path in the source.
        src_path: String,
        /// Its path in the target.
        dst_path: String,
    },
    /// The target's server copies all of a directory by itself.
    CopyDir {
        /// The directory in the source.
        src_path: String,
        /// The directory in the target.
        dst_path: String,
    },
    /// The target's server moves all of a directory by itself.
    MoveDir {
        /// The directory in the source.
        src_path: String,
        /// The directory in the target.
        dst_path: String,
    },
    /// A file is removed: of a move in the source, of a mirror in the target.
    Remove(String),
    /// An empty directory is removed: of a move in the source.
    Removedir(String),
    /// A directory is removed with all that is in it: of a mirror in the target.
    Removetree(String),
}

/// One line: what is done, and to which paths. Control characters are escaped.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Makedir(path) => write!(f, "make directory {path:?}"),
            Self::Copy { src_path, dst_path } => write!(f, "copy {src_path:?} to {dst_path:?}"),
            Self::CopyDir { src_path, dst_path } => {
                write!(f, "copy directory {src_path:?} to {dst_path:?}")
            }
            Self::MoveDir { src_path, dst_path } => {
                write!(f, "move directory {src_path:?} to {dst_path:?}")
            }
            Self::Remove(path) => write!(f, "remove {path:?}"),
            Self::Removedir(path) => write!(f, "remove empty directory {path:?}"),
            Self::Removetree(path) => write!(f, "remove directory {path:?} and what is in it"),
        }
    }
}

/// The errors of single files, and the report of what was done nevertheless. It is the source of an error of the kind
/// [`BulkCopyFailed`](ErrorKind::BulkCopyFailed).
#[derive(Clone, Debug)]
pub struct Failures {
    errors: Vec<Error>,
    report: Report,
}

impl Failures {
    /// The failures behind an error, if it has some.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    /// Each error.
    #[must_use]
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }

    /// What was done.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.errors.len();
        write!(f, "{number} failed")?;
        match self.errors.first() {
            Some(first) => write!(f, ", the first: {first}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failures {}

/// One call at work: its options, and what went wrong so far.
pub(crate) struct Run<'r, 'a> {
    pub(crate) options: &'r TransferOptions<'a>,
    /// Which time of the last change the copies have.
    times: Times,
    /// Whether copies are synced to the local disk.
    durable: bool,
    /// Facts about the target, kept until the call ends.
    kept: Kept,
    /// How many bytes came so far, of files that fail, too.
    bytes: Mutex<u64>,
    /// How many bytes the files had that were copied.
    copied: AtomicU64,
    /// How many bytes all files have.
    total: AtomicU64,
    /// Cancelled once it stops.
    signal: CancelToken,
    /// Why it stopped.
    fatal: Mutex<Option<Error>>,
    failures: Mutex<Vec<Error>>,
    /// What the condition did not hold for.
    skipped: Mutex<Vec<String>>,
}

impl<'r, 'a> Run<'r, 'a> {
    pub(crate) fn new(options: &'r TransferOptions<'a>) -> Self {
        Self {
            options,
            times: options.times(),
            durable: options.durable,
            kept: Kept::default(),
            bytes: Mutex::new(0),
            copied: AtomicU64::new(0),
            total: AtomicU64::new(0),
            signal: CancelToken::child(),
            fatal: Mutex::new(None),
            failures: Mutex::new(Vec::new()),
            skipped: Mutex::new(Vec::new()),
        }
    }

    /// The same where copies have that time.
    pub(crate) fn with_times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// The same before sources are deleted.
    pub(crate) fn before_deletion(mut self) -> Self {
        self.durable = true;
        self
    }

    /// How one file is transferred: on the threads of that pool, with its progress reported to `expect` and `advance`.
    pub(crate) fn transfer<'t>(
        &'t self,
        pool: &'t ThreadPool,
        expect: &'t (dyn Fn(u64) + Sync),
        advance: &'t (dyn Fn(u64) -> Result<()> + Sync),
    ) -> Transfer<'t> {
        Transfer {
            pool,
            expect,
            advance,
            resume: self.options.resume,
            durable: self.durable,
            times: self.times,
            listed: None,
            upload_args: self.options.upload_args.as_ref(),
            upload_args_for: self.options.upload_args_for.as_deref(),
            kept: &self.kept,
        }
    }

    /// Makes files that were copied, and these directories, durable if that is wanted.
    pub(crate) fn make_durable<'d>(
        &self,
        dst: &dyn FileSystem,
        files: impl IntoIterator<Item = &'d str>,
        directories: impl IntoIterator<Item = &'d str>,
    ) -> Result<()> {
        let Some(capabilities) = dst.capabilities() else {
            return Ok(());
        };
        if !self.durable || self.options.dry_run {
            return Ok(());
        }
        files
            .into_iter()
            .try_for_each(|file| capabilities.sync_file(file))?;
        let distinct: BTreeSet<&str> = directories.into_iter().collect();
        let mut distinct = distinct.into_iter();
        distinct.try_for_each(|directory| capabilities.sync_directory(directory))
    }

    /// Copies the files that the target wants, and gives those that were copied.
    pub(crate) fn copy<'j>(
        &self,
        endpoints: Endpoints<'_>,
        jobs: &'j [Job],
        target: &Target<'_>,
    ) -> Result<Vec<&'j Job>> {
        let is_wanted = |job: &Job| {
            let is_wanted = target.wants(job)?;
            if !is_wanted {
                lock(&self.skipped).push(job.src_path.clone());
            }
            Ok(is_wanted)
        };
        self.copy_if(endpoints, jobs, is_wanted, |_| endpoints)
    }

    /// Copies the files that are wanted right before, each between the endpoints that it has, and gives those that were
    /// copied.
    pub(crate) fn copy_if<'j, 'e>(
        &self,
        endpoints: Endpoints<'_>,
        jobs: &'j [Job],
        is_wanted: impl Fn(&Job) -> Result<bool> + Sync,
        endpoints_of: impl Fn(&Job) -> Endpoints<'e> + Sync,
    ) -> Result<Vec<&'j Job>> {
        let workers = match self.options.workers {
            0 => file::default_workers(endpoints),
            workers => workers,
        };
        for job in jobs {
            self.expect(job.size);
        }
        self.each(
            jobs,
            workers,
            |job, pool| {
                if !is_wanted(job)? {
                    self.expect_less(job.size);
                    return Ok(false);
                }
                if !self.options.dry_run {
                    let came = AtomicU64::new(0);
                    let advance = |count| {
                        came.fetch_add(count, Ordering::Relaxed);
                        self.advance(count)
                    };
                    let transfer = self.transfer(pool, &|_| {}, &advance);
                    file::transfer(endpoints_of(job), job, &transfer)?;
                    self.copied.fetch_add(came.into_inner(), Ordering::Relaxed);
                } else {
                    self.copied.fetch_add(job.size, Ordering::Relaxed);
                }
                Ok(true)
            },
            |job| self.tell_copied(&job.src_path, &job.dst_path),
        )
    }

    /// Does the work on each item, on at most `workers` threads. Returns the items for which `work` returned true, in
    /// their order. `after` is called for each of these; its errors always stop the call. The pool has the threads
    /// for which there are no items.
    pub(crate) fn each<'i, T: Sync>(
        &self,
        items: &'i [T],
        workers: usize,
        work: impl Fn(&T, &ThreadPool) -> Result<bool> + Sync,
        after: impl Fn(&T) -> Result<()> + Sync,
    ) -> Result<Vec<&'i T>> {
        let workers = workers.min(MAX_THREADS);
        // The caller's own thread only waits for others.
        let pool = ThreadPool::new(if workers > 1 { workers + 1 } else { 1 });
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        let work_on = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { break };
                if self.signal.is_cancelled() {
                    self.stop(cancel::cancelled());
                    break;
                }
                match self.within_it(|| work(item, &pool)) {
                    Ok(false) => {}
                    Ok(true) => {
                        lock(&done).push((index, item));
                        after(item).unwrap_or_else(|error| self.stop(error));
                    }
                    Err(error) => self.failed(error),
                }
            }
        };
        if workers <= 1 {
            work_on();
        } else {
            let members = iter::from_fn(|| pool.reserve()).take(items.len());
            let members: Mutex<Vec<_>> = Mutex::new(members.collect());
            let count = lock(&members).len();
            let work_on = || {
                let member = lock(&members).pop();
                work_on();
                drop(member);
            };
            let stop = || self.signal.cancel();
            threads::on_threads(count, work_on, stop);
        }
        if let Some(error) = lock(&self.fatal).take() {
            return Err(error);
        }
        let mut done = std::mem::take(&mut *lock(&done));
        done.sort_unstable_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, item)| item).collect())
    }

    /// Removes files that a listing has just shown, and says for each whether it was removed. `rest_of` says of a
    /// directory what else is in it.
    pub(crate) fn remove_files(
        &self,
        fs: &dyn FileSystem,
        files: &[&str],
        rest_of: impl Fn(&str) -> Rest,
    ) -> Result<Vec<bool>> {
        if self.signal.is_cancelled() {
            return Err(cancel::cancelled());
        }
        let results = self.within_it(|| removing::remove_listed(fs, files, rest_of));
        let mut removed = Vec::with_capacity(results.len());
        for result in results {
            // What is gone already is what was wanted.
            let result = found(result);
            removed.push(result.is_ok());
            result.map_or_else(|error| self.failed(error), |_| ());
        }
        match lock(&self.fatal).take() {
            Some(error) => Err(error),
            None => Ok(removed),
        }
    }

    /// Removes each item, and gives those that were removed. The last of each directory goes after
    /// all others: removed at the same time, two could each take the other for what keeps the
    /// directory from vanishing.
    pub(crate) fn remove<'i, T: Sync>(
        &self,
        items: &'i [T],
        path_of: impl Fn(&T) -> &str,
        remove: impl Fn(&T) -> Result<()> + Sync,
    ) -> Result<Vec<&'i T>> {
        let parents = items.iter().map(|item| path::dirname(path_of(item)));
        let lasts: HashMap<&str, usize> = parents.zip(0..).collect();
        let lasts: HashSet<usize> = lasts.into_values().collect();
        let (last, others): (Vec<_>, Vec<_>) = items
            .iter()
            .enumerate()
            .partition(|(index, _)| lasts.contains(index));
        let mut removed = Vec::new();
        for batch in [&others, &last] {
            let done = self.each(
                batch,
                self.options.workers,
                |(_, item), _| found(remove(item)).map(|_| true),
                |_| Ok(()),
            )?;
            removed.extend(done.into_iter().copied());
        }
        removed.sort_unstable_by_key(|(index, _)| *index);
        Ok(removed.into_iter().map(|(_, item)| item).collect())
    }

    /// Whether anything has failed and been gathered.
    pub(crate) fn has_failures(&self) -> bool {
        !lock(&self.failures).is_empty()
    }

    /// The report, or what was gathered.
    pub(crate) fn finish(&self, mut report: Report, src_path: &str) -> Result<Report> {
        report.bytes = self.copied.load(Ordering::Relaxed);
        report.skipped = std::mem::take(&mut *lock(&self.skipped));
        report.skipped.sort_unstable();
        let errors = std::mem::take(&mut *lock(&self.failures));
        if errors.is_empty() {
            return Ok(report);
        }
        let failures = Failures { errors, report };
        Err(Error::new(ErrorKind::BulkCopyFailed)
            .with_path(src_path)
            .with_message(failures.to_string())
            .with_source(failures))
    }

    /// Does one thing with that many threads, and gives what it gives, or why it was cancelled.
    pub(crate) fn alone<T>(
        &self,
        workers: usize,
        work: impl FnOnce(&ThreadPool) -> Result<T>,
    ) -> Result<T> {
        let result = self.within_it(|| work(&ThreadPool::new(workers)));
        lock(&self.fatal).take().map_or(result, Err)
    }

    /// Adds bytes that are to be copied. A listing may say any size, so that the sum saturates.
    pub(crate) fn expect(&self, count: u64) {
        self.change_total(|total| total.saturating_add(count));
    }

    /// Takes bytes back that are not copied after all.
    fn expect_less(&self, count: u64) {
        self.change_total(|total| total.saturating_sub(count));
    }

    fn change_total(&self, change: impl Fn(u64) -> u64) {
        // The change always gives a number, so that the update cannot fail.
        let _ = self
            .total
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |total| {
                Some(change(total))
            });
    }

    /// Says that a file was copied.
    pub(crate) fn tell_copied(&self, src_path: &str, dst_path: &str) -> Result<()> {
        match lock(&self.options.on_copy).as_mut() {
            Some(on_copy) if !self.options.dry_run => on_copy(src_path, dst_path),
            _ => Ok(()),
        }
    }

    /// Adds bytes that were copied.
    pub(crate) fn advance(&self, count: u64) -> Result<()> {
        let mut progress = lock(&self.options.progress);
        let done = {
            let mut bytes = lock(&self.bytes);
            *bytes = bytes.saturating_add(count);
            *bytes
        };
        if count > 0
            && let Some(progress) = progress.as_mut()
            && let Err(error) = progress(done, self.total.load(Ordering::Relaxed))
        {
            self.stop(error.clone());
            return Err(error);
        }
        // Another thread may have the reason; this only ends the file that is under way.
        match self.signal.is_cancelled() {
            true => Err(cancel::cancelled()),
            false => Ok(()),
        }
    }

    /// Does what ends once the whole stops.
    fn within_it<T>(&self, work: impl FnOnce() -> T) -> T {
        cancel::enter(Some(self.signal.clone()), work)
    }

    fn failed(&self, error: Error) {
        // The first reason is there. Without one, the caller cancelled.
        if self.signal.is_cancelled() {
            return self.stop(error);
        }
        let decision = lock(&self.options.on_error)
            .as_mut()
            .map_or(OnError::Stop, |on_error| on_error(&error));
        match decision {
            OnError::Gather => lock(&self.failures).push(error),
            OnError::Stop => self.stop(error),
        }
    }

    /// The first reason to stop is the one that comes back.
    fn stop(&self, error: Error) {
        lock(&self.fatal).get_or_insert(error);
        self.signal.cancel();
    }
}

/// A directory that is there afterwards, a file beside it or not.
pub(crate) fn make_directory(fs: &dyn FileSystem, path: &str, beside_file: bool) -> Result<()> {
    let options = MakedirOptions::new().recreate(true);
    fs.makedir_with(path, options.beside_file(beside_file))
}

/// A callback that panicked has ended the call; what it left is not looked at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
