//! [`Run`]: the state of one call, and its threads.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::cancel::{self, CancelToken};
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::capabilities::{Kept, Times, Transfer};
use crate::filesystem::endpoints::Endpoints;
use crate::filesystem::pace::Pace;
use crate::filesystem::removing::{self, Rest};
use crate::filesystem::{FileSystem, MakedirOptions, found};
use crate::path;
use crate::threads::{ThreadPool, lock};
use crate::transfer::file;
use crate::transfer::job::Job;
use crate::transfer::options::{OnError, TransferOptions};
use crate::transfer::progress::{Progress, ProgressEvent};
use crate::transfer::report::{Failures, Report};
use crate::transfer::target::Target;

/// Completed and total work of a call.
#[derive(Clone, Copy, Default)]
struct Counts {
    /// Includes files that fail.
    bytes: u64,
    total_bytes: u64,
    files: u64,
    total_files: u64,
}

/// State of one call: its options, and its errors so far.
pub(crate) struct Run<'r, 'a> {
    pub(crate) options: &'r TransferOptions<'a>,
    /// Time of the last change that the copies get.
    times: Times,
    /// Whether copies are synced to the local disk.
    durable: bool,
    /// Facts about the target, cached until the call ends.
    kept: Kept,
    pace: Pace,
    counts: Mutex<Counts>,
    /// Number of bytes of the copied files.
    copied: AtomicU64,
    /// Cancelled when the call stops.
    signal: CancelToken,
    /// Error that stopped the call.
    fatal: Mutex<Option<Error>>,
    failures: Mutex<Vec<Error>>,
    /// Files that did not meet the condition.
    skipped: Mutex<Vec<String>>,
}

impl<'r, 'a> Run<'r, 'a> {
    pub(crate) fn new(options: &'r TransferOptions<'a>) -> Self {
        Self {
            options,
            times: options.times(),
            durable: options.durable,
            kept: Kept::default(),
            pace: Pace::new(options.max_bandwidth),
            counts: Mutex::new(Counts::default()),
            copied: AtomicU64::new(0),
            signal: CancelToken::child(),
            fatal: Mutex::new(None),
            failures: Mutex::new(Vec::new()),
            skipped: Mutex::new(Vec::new()),
        }
    }

    /// Sets the time of the last change that copies get.
    pub(crate) fn with_times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// Prepares for the deletion of the sources: copies must be durable.
    pub(crate) fn before_deletion(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Returns the transfer of one file: on the threads of `pool`, with its progress reported to `expect` and `advance`.
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
            keeps_original_time: self.options.preserve_time,
            listed: None,
            upload_args: self.options.upload_args.as_ref(),
            upload_args_for: self.options.upload_args_for.as_deref(),
            kept: &self.kept,
            pace: &self.pace,
        }
    }

    /// If requested, makes copied files and these directories durable.
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

    /// Copies the files that meet the condition of the target. Returns the copied ones.
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
        let endpoints_of = |job: &Job| Endpoints {
            // The path is valid: it was checked.
            dst: target.for_file(&job.dst_path).unwrap_or(endpoints.dst),
            ..endpoints
        };
        self.copy_if(endpoints, jobs, is_wanted, endpoints_of)
    }

    /// Copies the files for which `is_wanted` returns true right before the copy, each between its own endpoints. Returns
    /// the copied ones.
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
            self.expect_file();
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
                    self.begins(&job.src_path)?;
                    let came = AtomicU64::new(0);
                    let advance = |count| {
                        came.fetch_add(count, Ordering::Relaxed);
                        self.advance(count)
                    };
                    let transfer = self.transfer(pool, &|_| {}, &advance);
                    file::transfer(endpoints_of(job), job, &transfer)?;
                    self.copied.fetch_add(came.into_inner(), Ordering::Relaxed);
                    self.ends(&job.src_path)?;
                } else {
                    self.copied.fetch_add(job.size, Ordering::Relaxed);
                }
                Ok(true)
            },
            |job| self.tell_copied(&job.src_path, &job.dst_path),
        )
    }

    /// Runs `work` on each item, on at most `workers` threads. Returns the items for which `work` returned true, in their
    /// order. Calls `after` for each of these. Its errors always stop the call. The pool contains the threads that are left
    /// if there are fewer items than threads.
    pub(crate) fn each<'i, T: Sync>(
        &self,
        items: &'i [T],
        workers: usize,
        work: impl Fn(&T, &ThreadPool) -> Result<bool> + Sync,
        after: impl Fn(&T) -> Result<()> + Sync,
    ) -> Result<Vec<&'i T>> {
        let pool = ThreadPool::new(workers);
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        let take = || {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let is_one = number < items.len();
            if is_one && self.signal.is_cancelled() {
                self.stop(cancel::cancelled());
                return None;
            }
            is_one.then_some(number)
        };
        let work_on = |number| {
            let Some(item) = items.get(number) else {
                return;
            };
            match self.within_it(|| work(item, &pool)) {
                Ok(false) => {}
                Ok(true) => {
                    lock(&done).push((number, item));
                    after(item).unwrap_or_else(|error| self.stop(error));
                }
                Err(error) => self.failed(error),
            }
        };
        pool.spread(&take, &work_on, &|| self.signal.cancel());
        if let Some(error) = lock(&self.fatal).take() {
            return Err(error);
        }
        let mut done = std::mem::take(&mut *lock(&done));
        done.sort_unstable_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, item)| item).collect())
    }

    /// Removes files that a listing has just returned. Returns for each whether it was removed. `rest_of` returns the other
    /// content of a directory.
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
            // Another program may have removed the file already.
            let result = found(result);
            removed.push(result.is_ok());
            result.map_or_else(|error| self.failed(error), |_| ());
        }
        match lock(&self.fatal).take() {
            Some(error) => Err(error),
            None => Ok(removed),
        }
    }

    /// Removes each item. Returns the removed ones. The last item of each directory is removed after all others: if two were
    /// removed at the same time, each could rely on the other to keep the directory from vanishing.
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

    /// Returns true if an error was gathered.
    pub(crate) fn has_failures(&self) -> bool {
        !lock(&self.failures).is_empty()
    }

    /// Adds the copied bytes, and the files that did not meet the condition, to the report. Counts from the last call of this
    /// method.
    pub(crate) fn report_done(&self, report: &mut Report) {
        report.bytes = report
            .bytes
            .saturating_add(self.copied.swap(0, Ordering::Relaxed));
        let mut skipped = std::mem::take(&mut *lock(&self.skipped));
        skipped.sort_unstable();
        skipped
            .into_iter()
            .for_each(|path| report.push_skipped(path));
    }

    /// Returns the report, or the gathered errors.
    pub(crate) fn finish(&self, mut report: Report, src_path: &str) -> Result<Report> {
        self.report_done(&mut report);
        report.is_whole = false;
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

    /// Runs `work` with `workers` threads. Returns its result, or the error that cancelled it.
    pub(crate) fn alone<T>(
        &self,
        workers: usize,
        work: impl FnOnce(&ThreadPool) -> Result<T>,
    ) -> Result<T> {
        let result = self.within_it(|| work(&ThreadPool::new(workers)));
        lock(&self.fatal).take().map_or(result, Err)
    }

    /// Adds a file to the total.
    pub(crate) fn expect_file(&self) {
        lock(&self.counts).total_files += 1;
    }

    /// Adds bytes to the total. The sum saturates, because a listing may contain any size.
    pub(crate) fn expect(&self, count: u64) {
        let mut counts = lock(&self.counts);
        counts.total_bytes = counts.total_bytes.saturating_add(count);
    }

    /// Subtracts a file of this size from the total, because it is not copied.
    fn expect_less(&self, size: u64) {
        let mut counts = lock(&self.counts);
        counts.total_bytes = counts.total_bytes.saturating_sub(size);
        counts.total_files = counts.total_files.saturating_sub(1);
    }

    /// Calls `on_copy` for a copied file.
    pub(crate) fn tell_copied(&self, src_path: &str, dst_path: &str) -> Result<()> {
        match lock(&self.options.on_copy).as_mut() {
            Some(on_copy) if !self.options.dry_run => on_copy(src_path, dst_path),
            _ => Ok(()),
        }
    }

    /// Reports that a file begins.
    pub(crate) fn begins(&self, src_path: &str) -> Result<()> {
        self.report(ProgressEvent::Begins(src_path), |_| {})
    }

    /// Reports that a file is complete.
    pub(crate) fn ends(&self, src_path: &str) -> Result<()> {
        self.report(ProgressEvent::Ends(src_path), |counts| counts.files += 1)
    }

    /// Adds copied bytes.
    pub(crate) fn advance(&self, count: u64) -> Result<()> {
        if count > 0 {
            return self.report(ProgressEvent::Bytes, |counts| {
                counts.bytes = counts.bytes.saturating_add(count);
            });
        }
        self.check()
    }

    /// Reports an event and the current progress.
    fn report(&self, event: ProgressEvent<'_>, change: impl FnOnce(&mut Counts)) -> Result<()> {
        // This lock is taken first, so that the numbers of one report are not less than those of the report before.
        let mut on_progress = lock(&self.options.on_progress);
        let counts = {
            let mut counts = lock(&self.counts);
            change(&mut counts);
            *counts
        };
        let progress = Progress {
            event,
            bytes: counts.bytes,
            total_bytes: counts.total_bytes,
            files: counts.files,
            total_files: counts.total_files,
        };
        if let Some(on_progress) = on_progress.as_mut()
            && let Err(error) = on_progress(&progress)
        {
            self.stop(error.clone());
            return Err(error);
        }
        self.check()
    }

    /// Returns an error if the call was stopped. It only ends the current file: the reason may be in another thread.
    fn check(&self) -> Result<()> {
        match self.signal.is_cancelled() {
            true => Err(cancel::cancelled()),
            false => Ok(()),
        }
    }

    /// Runs `work`, which ends when the call stops.
    fn within_it<T>(&self, work: impl FnOnce() -> T) -> T {
        cancel::enter(Some(self.signal.clone()), work)
    }

    fn failed(&self, error: Error) {
        // If the call was already stopped, `stop` keeps the first error. Without one, the caller cancelled the call.
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

    /// Stops the call. The call returns the first error that stopped it.
    fn stop(&self, error: Error) {
        lock(&self.fatal).get_or_insert(error);
        self.signal.cancel();
    }
}

/// Makes a directory unless it exists. `beside_file` allows a file with the same path.
pub(crate) fn make_directory(fs: &dyn FileSystem, path: &str, beside_file: bool) -> Result<()> {
    let options = MakedirOptions::new().recreate(true);
    fs.makedir_with(path, &options.beside_file(beside_file))
}
