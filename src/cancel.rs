//! [`CancelToken`]: ends calls from another thread, including their waits and requests.
//!
//! Each thread has a current token: that of the call for which it works. Waits and connections check it. Threads that a call
//! starts inherit the token of the thread that starts them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

thread_local! {
    static CURRENT: RefCell<Option<CancelToken>> = const { RefCell::new(None) };
}

type OnCancel = Arc<dyn Fn() + Send + Sync>;

/// Cancels calls from another thread, for example on Ctrl-C, when a window is closed, or at a deadline of the caller.
///
/// [`TransferOptions::cancel`](crate::TransferOptions::cancel) binds a copy, move, mirror, upload or download to a token.
/// [`run`](Self::run) binds all calls in a closure: listings, reads, writes, `removetree`, `copydir` and others. On
/// [`OsFs`](crate::OsFs) and [`MemoryFs`](crate::MemoryFs) it affects copies, moves and mirrors, walks, and the removal of
/// trees: `OsFs` checks the token between the entries of the removed directory and in the middle of large files, and
/// `MemoryFs` checks it at the beginning. Clones share one token.
///
/// A cancelled call returns soon, usually within two seconds: its waits end, its requests are interrupted, and the uploads
/// that it began are aborted. Its error has the kind [`Cancelled`](ErrorKind::Cancelled). An interrupted request may have
/// taken effect, and the error reports this. No object and no local file is left incomplete. Changes that were completed
/// before stay. Requests of other calls continue, including those of clones of the filesystem.
///
/// A call that waits for something else, such as a callback, the caller's reader, or another filesystem, ends when that
/// returns.
///
/// ```no_run
/// use s3fs::{CancelToken, ErrorKind, S3Fs, TransferOptions};
///
/// let fs = S3Fs::new("mybucket")?;
/// let token = CancelToken::new();
/// let other = token.clone();
/// std::thread::spawn(move || {
///     std::thread::sleep(std::time::Duration::from_secs(60));
///     other.cancel();
/// });
/// let options = TransferOptions::new().cancel(&token);
/// match fs.upload_dir("/srv/reports", "reports", &options) {
///     Err(error) if error.kind() == ErrorKind::Cancelled => println!("it took too long"),
///     result => println!("{} files", result?.copied()),
/// }
/// # Ok::<(), s3fs::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_cancelled: AtomicBool,
    watchers: Mutex<Watchers>,
    changed: Condvar,
    /// Watches that cancel this token when another one is cancelled.
    parents: Mutex<Vec<Watch>>,
}

#[derive(Default)]
struct Watchers {
    next: u64,
    all: BTreeMap<u64, OnCancel>,
}

impl CancelToken {
    /// Creates a token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels all calls that are bound to the token, permanently. Does not wait for them. Do not call it in a signal
    /// handler: let a thread call it.
    pub fn cancel(&self) {
        let watchers = {
            let watchers = self.watchers();
            self.0.is_cancelled.store(true, Ordering::Release);
            watchers.all.values().cloned().collect::<Vec<_>>()
        };
        self.0.changed.notify_all();
        for on_cancel in watchers {
            on_cancel();
        }
    }

    /// Returns true if [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// Runs a closure whose calls end when the token is cancelled. Calls of threads that the closure starts itself are not
    /// bound. A nested closure is bound to both tokens.
    ///
    /// ```no_run
    /// use s3fs::{CancelToken, ErrorKind, FileSystem, FileSystemExt, S3Fs};
    ///
    /// let (fs, token) = (S3Fs::new("mybucket")?, CancelToken::new());
    /// // Another thread has a clone of the token.
    /// match token.run(|| fs.removetree("reports")) {
    ///     Err(error) if error.kind() == ErrorKind::Cancelled => println!("a part is removed"),
    ///     result => result?,
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let both = match current() {
            None => self.clone(),
            Some(outer) => Self::joined(&[&outer, self]),
        };
        enter(Some(both), work)
    }

    /// Creates a token that is cancelled with that of the current thread, but can also be cancelled alone.
    pub(crate) fn child() -> Self {
        match current() {
            None => Self::new(),
            Some(parent) => Self::joined(&[&parent]),
        }
    }

    fn joined(parents: &[&Self]) -> Self {
        let child = Self::new();
        for parent in parents {
            let weak = Arc::downgrade(&child.0);
            let watch = parent.watch(move || {
                if let Some(child) = weak.upgrade() {
                    Self(child).cancel();
                }
            });
            let watches = child.0.parents.lock();
            watches.unwrap_or_else(PoisonError::into_inner).push(watch);
        }
        child
    }

    /// Calls `on_cancel` when the token is cancelled: immediately if it already is. It may be called once more while the
    /// watch is dropped.
    pub(crate) fn watch(&self, on_cancel: impl Fn() + Send + Sync + 'static) -> Watch {
        let on_cancel: OnCancel = Arc::new(on_cancel);
        let number = {
            let mut watchers = self.watchers();
            watchers.next += 1;
            let number = watchers.next;
            watchers.all.insert(number, Arc::clone(&on_cancel));
            number
        };
        if self.is_cancelled() {
            on_cancel();
        }
        Watch {
            token: self.clone(),
            number,
        }
    }

    /// Waits for `time`, or until the token is cancelled.
    fn sleep(&self, time: Duration) {
        let watchers = self.watchers();
        let waits = |_: &mut Watchers| !self.is_cancelled();
        drop(self.0.changed.wait_timeout_while(watchers, time, waits));
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        let watchers = self.0.watchers.lock();
        watchers.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// Registers a callback for the cancellation of a token, until this is dropped.
pub(crate) struct Watch {
    token: CancelToken,
    number: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.token.watchers().all.remove(&self.number);
    }
}

/// Returns the token of the current thread.
pub(crate) fn current() -> Option<CancelToken> {
    CURRENT.with_borrow(Clone::clone)
}

/// Runs `work` with `token` as the token of the current thread.
pub(crate) fn enter<T>(token: Option<CancelToken>, work: impl FnOnce() -> T) -> T {
    /// Restores the old token, also after a panic.
    struct Back(Option<CancelToken>);

    impl Drop for Back {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }

    let _back = Back(CURRENT.replace(token));
    work()
}

/// Runs `work` even if the call was cancelled, for example to clean up.
pub(crate) fn regardless<T>(work: impl FnOnce() -> T) -> T {
    enter(None, work)
}

/// Runs `work`, and lets it continue for `time` after the call was cancelled. For work that would leave something behind if
/// it were interrupted.
pub(crate) fn with_grace<T>(time: Duration, work: impl FnOnce() -> T) -> T {
    let Some(token) = current() else {
        return work();
    };
    let late = CancelToken::new();
    let later = late.clone();
    let _watch = token.watch(move || {
        let here = later.clone();
        let thread = std::thread::Builder::new().name("s3fs-cancel".to_owned());
        let wait = move || {
            std::thread::sleep(time);
            here.cancel();
        };
        if thread.spawn(wait).is_err() {
            // The system cannot start another thread.
            later.cancel();
        }
    });
    enter(Some(late), work)
}

/// Returns true if the current thread's call was cancelled.
pub(crate) fn is_cancelled() -> bool {
    CURRENT.with_borrow(|token| token.as_ref().is_some_and(CancelToken::is_cancelled))
}

/// Returns an error if the current thread's call was cancelled.
pub(crate) fn check() -> Result<()> {
    match is_cancelled() {
        true => Err(cancelled()),
        false => Ok(()),
    }
}

/// Waits for `time`.
///
/// # Errors
///
/// `Cancelled`, as soon as the call is cancelled.
pub(crate) fn sleep(time: Duration) -> Result<()> {
    match current() {
        Some(token) => token.sleep(time),
        None => std::thread::sleep(time),
    }
    check()
}

/// Number of bytes copied between two checks of the token.
const PIECE: u64 = 8 << 20;

/// Copies a reader to its end. Uses [`io::copy`], which lets the operating system copy between two files.
///
/// # Errors
///
/// `Cancelled`, once the call is cancelled.
pub(crate) fn copy(
    source: &mut (impl Read + ?Sized),
    target: &mut (impl Write + ?Sized),
) -> io::Result<u64> {
    let mut copied: u64 = 0;
    loop {
        check()?;
        let count = io::copy(&mut (&mut *source).take(PIECE), target)?;
        copied = copied.saturating_add(count);
        if count < PIECE {
            return Ok(copied);
        }
    }
}

/// Error of a cancelled call.
pub(crate) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled).with_message("the call was cancelled before it finished")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_wait_ends_when_the_token_is_cancelled_and_fails_at_once_afterwards() {
        let token = CancelToken::new();
        let began = Instant::now();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| token.run(|| sleep(LONG)));
            token.cancel();
            let error = waiting.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        });
        assert!(token.run(|| sleep(LONG)).is_err());
        assert!(began.elapsed() < LONG / 2);
        assert!(check().is_ok());
        assert!(token.run(|| regardless(check)).is_ok());
    }

    #[test]
    fn a_child_is_cancelled_with_any_parent_and_never_cancels_a_parent() {
        let (outer, inner) = (CancelToken::new(), CancelToken::new());
        let child = outer.run(|| inner.run(CancelToken::child));
        child.cancel();
        assert!(!outer.is_cancelled() && !inner.is_cancelled());
        for cancelled in [&outer, &inner] {
            let child = outer.run(|| inner.run(CancelToken::child));
            let early = child.is_cancelled();
            cancelled.cancel();
            assert!(child.is_cancelled());
            assert_eq!(early, outer.is_cancelled() && inner.is_cancelled());
        }
    }

    #[test]
    fn a_watch_is_called_at_cancellation_unless_it_is_dropped() {
        let token = CancelToken::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let count = || {
            let calls = Arc::clone(&calls);
            move || {
                calls.fetch_add(1, Ordering::SeqCst);
            }
        };
        let _kept = token.watch(count());
        drop(token.watch(count()));
        token.cancel();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        drop(token.watch(count()));
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        assert_eq!(token.watchers().all.len(), 1);
    }

    #[test]
    fn work_with_a_grace_period_continues_for_that_long_after_the_cancellation() {
        let token = CancelToken::new();
        let began = Instant::now();
        token.run(|| {
            with_grace(Duration::from_millis(20), || {
                token.cancel();
                assert!(sleep(LONG).is_err());
                assert!(began.elapsed() >= Duration::from_millis(20));
            });
            assert!(check().is_err());
        });
        assert!(began.elapsed() < LONG / 2);
    }

    #[test]
    fn a_copy_ends_when_its_token_is_cancelled() {
        struct Endless(u64);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += buffer.len() as u64;
                Ok(buffer.len())
            }
        }
        /// Cancels the token once it has received this number of bytes.
        struct Cancelling(CancelToken, usize);
        impl Write for Cancelling {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 = self.1.saturating_sub(bytes.len());
                if self.1 == 0 {
                    self.0.cancel();
                }
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let token = CancelToken::new();
        let (mut source, mut target) = (Endless(0), Cancelling(token.clone(), 1 << 20));
        let copied = token.run(|| copy(&mut source, &mut target));
        assert_eq!(
            Error::from(copied.unwrap_err()).kind(),
            ErrorKind::Cancelled
        );
        assert!(source.0 <= PIECE);
        let all = copy(&mut (&[7; 100][..]), &mut Vec::new()).unwrap();
        assert_eq!(all, 100);
        let much = io::repeat(1).take(2 * PIECE);
        assert_eq!(copy(&mut { much }, &mut io::sink()).unwrap(), 2 * PIECE);
    }

    #[test]
    fn dropped_children_leave_nothing_in_their_parent() {
        let token = CancelToken::new();
        for _ in 0..10 {
            token.run(|| drop(CancelToken::child()));
        }
        assert_eq!(token.watchers().all.len(), 0);
    }
}
