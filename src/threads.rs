//! [`ThreadPool`]: the threads of one call, shared by its files and by the pieces of each file.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::cancel::{self, CancelToken};
use crate::error::{Error, Result};

/// Maximum number of threads of one call.
pub(crate) const MAX_THREADS: usize = 1000;

/// A pool of threads that may still be started. Each file has one. The rest work on pieces.
#[derive(Debug, Default)]
pub(crate) struct ThreadPool {
    spare: AtomicUsize,
    /// Whether the pool has only the caller's thread.
    alone: bool,
    threads: Spawner,
}

impl ThreadPool {
    /// A pool of at most `threads` threads, counting the caller's.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            spare: AtomicUsize::new(threads.min(MAX_THREADS).saturating_sub(1)),
            alone: threads <= 1,
            threads: Spawner::default(),
        }
    }

    /// Returns true if the caller's thread does all work, so that splitting a file into pieces has no benefit.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Reserves a thread, if one is free.
    pub(crate) fn reserve(&self) -> Option<Reserved<'_>> {
        let fewer = |spare: usize| spare.checked_sub(1);
        let taken = self
            .spare
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
        taken.ok().map(|_| Reserved(self))
    }

    /// Runs `work` on each number below `count`, on this thread and on all free threads of the pool, including those that
    /// become free in the meantime. After an error or a panic no more work is started and running work is cancelled. Returns
    /// the first error. A panic is propagated to the caller.
    pub(crate) fn each(
        &self,
        count: usize,
        work: impl Fn(usize) -> Result<()> + Sync,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let signal = CancelToken::child();
        let is_left_out = AtomicBool::new(false);
        let failure: Mutex<Option<Error>> = Mutex::new(None);
        let stop = || signal.cancel();
        let take = || {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let is_one = number < count;
            let is_begun = is_one && !signal.is_cancelled();
            is_left_out.fetch_or(is_one && !is_begun, Ordering::Relaxed);
            is_begun.then_some(number)
        };
        let work_on = |number| {
            if let Err(error) = cancel::enter(Some(signal.clone()), || work(number)) {
                let mut failure = lock(&failure);
                failure.get_or_insert(error);
                drop(failure);
                stop();
            }
        };
        self.spread(&take, &work_on, &stop);
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some(error) => Err(error),
            None if is_left_out.into_inner() => Err(cancel::cancelled()),
            None => Ok(()),
        }
    }

    /// Returns the results of `work` on each item, in the order of the items. Runs it like [`each`](Self::each).
    pub(crate) fn try_map<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let done = Results::new(items.len());
        self.each(items.len(), |number| {
            if let Some(item) = items.get(number) {
                done.add(number, work(item)?);
            }
            Ok(())
        })?;
        Ok(done.in_order())
    }

    /// Returns the results of `work` on each item, in the order of the items. All of the work is done, also if the call is
    /// cancelled meanwhile. After a panic no more work is begun, and the panic continues in the caller.
    pub(crate) fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> R + Sync,
    ) -> Vec<R> {
        let next = AtomicUsize::new(0);
        let done = Results::new(items.len());
        let take =
            || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < items.len());
        let work_on = |number| {
            if let Some(item) = items.get(number) {
                done.add(number, work(item));
            }
        };
        let stop = || next.store(items.len(), Ordering::Relaxed);
        self.spread(&take, &work_on, &stop);
        done.in_order()
    }

    /// Does the work on each number that `take` returns, on this thread and on all free threads of the pool, also on those
    /// that become free meanwhile. After a panic, `stop` is called, from when on `take` must return none; the first panic
    /// continues in the caller.
    pub(crate) fn spread(
        &self,
        take: &(impl Fn() -> Option<usize> + Sync),
        work: &(impl Fn(usize) + Sync),
        stop: &(impl Fn() + Sync),
    ) {
        let panicked = FirstPanic::default();
        let token = cancel::current();
        let work_on = |number| {
            panicked.catch(|| work(number), stop);
        };
        let work_on = &work_on;
        thread::scope(|scope| {
            while let Some(own) = take() {
                while let Some(member) = self.reserve() {
                    let Some(first) = take() else { break };
                    let token = token.clone();
                    let work = move || {
                        let _member = member;
                        cancel::enter(token, || {
                            let mut number = Some(first);
                            while let Some(some) = number {
                                work_on(some);
                                number = take();
                            }
                        });
                    };
                    let thread = self.threads.named("s3fs-worker");
                    if thread.spawn_scoped(scope, work).is_err() {
                        // The system has no thread left: this one does its work.
                        work_on(first);
                        break;
                    }
                }
                work_on(own);
            }
        });
        panicked.go_on();
    }
}

/// Locks a mutex. Ignores poisoning: the panic of another thread has ended the call, and the state is not used afterwards.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Results of several threads, by the numbers of their items.
struct Results<R>(Mutex<Vec<(usize, R)>>);

impl<R> Results<R> {
    fn new(count: usize) -> Self {
        Self(Mutex::new(Vec::with_capacity(count)))
    }

    fn add(&self, number: usize, result: R) {
        let mut results = lock(&self.0);
        results.push((number, result));
    }

    fn in_order(self) -> Vec<R> {
        let mut results = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

/// A busy thread of a [`ThreadPool`]. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Reserved<'c>(&'c ThreadPool);

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.0.spare.fetch_add(1, Ordering::Relaxed);
    }
}

/// Creates single threads. Tests have one that refuses some of them.
#[derive(Debug, Default)]
pub(crate) struct Spawner {
    #[cfg(test)]
    refused_after: Option<AtomicUsize>,
}

impl Spawner {
    /// Returns a builder for a thread with this name.
    pub(crate) fn named(&self, name: &str) -> thread::Builder {
        let builder = thread::Builder::new().name(name.to_owned());
        #[cfg(test)]
        if self.is_refused() {
            return builder.stack_size(IMPOSSIBLE_STACK);
        }
        builder
    }

    /// Simulates a system that refuses all threads after the first `count`.
    #[cfg(test)]
    pub(crate) fn refused_after(count: usize) -> Self {
        Self {
            refused_after: Some(AtomicUsize::new(count)),
        }
    }

    #[cfg(test)]
    fn is_refused(&self) -> bool {
        let fewer = |left: usize| left.checked_sub(1);
        self.refused_after.as_ref().is_some_and(|left| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
                .is_err()
        })
    }
}

/// A stack size that no system supports: larger than the address space.
#[cfg(test)]
const IMPOSSIBLE_STACK: usize = 1 << 60;

/// Runs `work` on a new thread, or on this thread if the system cannot start one.
pub(crate) fn begin<T: Send + 'static>(
    thread: thread::Builder,
    work: impl FnOnce() -> T + Send + 'static,
) -> Begun<T> {
    let token = cancel::current();
    let work = move || cancel::enter(token, work);
    let work = Arc::new(Mutex::new(Some(work)));
    let taken = Arc::clone(&work);
    let take = |work: &Mutex<Option<_>>| {
        let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
        work.take()
    };
    match thread.spawn(move || take(&taken).map(|work| work())) {
        Ok(handle) => Begun::Running(handle),
        Err(_) => Begun::Done(take(&work).map(|work| work())),
    }
}

/// Started work. It has a result, unless its thread panicked.
pub(crate) enum Begun<T> {
    Running(JoinHandle<Option<T>>),
    Done(Option<T>),
}

/// The first panic of several threads.
#[derive(Default)]
struct FirstPanic(Mutex<Option<Box<dyn Any + Send>>>);

impl FirstPanic {
    /// Runs `work`. If it panics, calls `stop` and keeps the panic.
    fn catch<T>(&self, work: impl FnOnce() -> T, stop: impl FnOnce()) -> Option<T> {
        // No code continues with the state that the panic left: the panic itself is propagated.
        match panic::catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => Some(done),
            Err(panic) => {
                stop();
                let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(panic);
                None
            }
        }
    }

    /// Propagates the panic, if there was one.
    fn go_on(self) {
        let first = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(panic) = first {
            panic::resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::sync::Barrier;

    fn impossible() -> thread::Builder {
        thread::Builder::new().stack_size(IMPOSSIBLE_STACK)
    }

    /// Returns the message of a panic.
    fn message(panic: Box<dyn Any + Send>) -> String {
        panic.downcast_ref::<&str>().unwrap().to_string()
    }

    #[test]
    fn a_panic_stops_the_other_threads_and_is_propagated() {
        for threads in [1, 2, 5] {
            let pool = ThreadPool::new(threads);
            let begun = AtomicUsize::new(0);
            let result = panic::catch_unwind(AssertUnwindSafe(|| {
                pool.each(1_000_000, |number| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    assert!(number != 3, "tides");
                    thread::sleep(std::time::Duration::from_micros(10));
                    Ok(())
                })
            }));
            assert_eq!(message(result.unwrap_err()), "tides");
            assert!(begun.load(Ordering::Relaxed) < 100_000);
            assert_eq!(pool.spare.load(Ordering::Relaxed), threads - 1);
        }
    }

    #[test]
    fn a_map_does_all_of_the_work_also_when_the_call_is_cancelled() {
        let token = CancelToken::new();
        let items: Vec<usize> = (0..100).collect();
        for threads in [0, 1, 3, 200] {
            let pool = ThreadPool::new(threads);
            let seen = AtomicUsize::new(0);
            let doubles = token.run(|| {
                pool.map(&items, |item| {
                    token.cancel();
                    seen.fetch_add(usize::from(cancel::is_cancelled()), Ordering::Relaxed);
                    item * 2
                })
            });
            let expected: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(doubles, expected);
            // All threads work for the call.
            assert_eq!(seen.into_inner(), items.len());
        }
    }

    #[test]
    fn a_panic_in_a_map_continues_in_the_caller() {
        let items: Vec<usize> = (0..100_000).collect();
        for threads in [1, 4] {
            let begun = AtomicUsize::new(0);
            let result = panic::catch_unwind(AssertUnwindSafe(|| {
                ThreadPool::new(threads).map(&items, |item| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    assert!(*item != 3, "moons");
                    thread::sleep(std::time::Duration::from_micros(10));
                })
            }));
            assert_eq!(message(result.unwrap_err()), "moons");
            assert!(begun.into_inner() < items.len());
        }
    }

    #[test]
    fn work_without_a_free_thread_is_done_by_the_caller() {
        let own = thread::current().id();
        let id = || thread::current().id();
        assert!(matches!(begin(impossible(), id), Begun::Done(Some(there)) if there == own));
        let Begun::Running(thread) = begin(thread::Builder::new(), id) else {
            panic!("there is no thread")
        };
        assert_ne!(thread.join().unwrap().unwrap(), own);
    }

    #[test]
    fn no_number_of_threads_is_too_large() {
        assert_eq!(
            ThreadPool::new(usize::MAX).spare.into_inner(),
            MAX_THREADS - 1
        );
    }

    #[test]
    fn every_piece_is_done_exactly_once() {
        for threads in [0, 1, 3, 50] {
            let done: Vec<AtomicUsize> = (0..20).map(|_| AtomicUsize::new(0)).collect();
            let pool = ThreadPool::new(threads);
            pool.each(done.len(), |number| {
                done[number].fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
            .unwrap();
            assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1));
            assert_eq!(pool.spare.load(Ordering::Relaxed), threads.max(1) - 1);
        }
    }

    #[test]
    fn pieces_run_in_parallel_and_at_most_one_per_thread() {
        // Passes only if all four wait at the same time.
        let barrier = Barrier::new(4);
        let at_work = AtomicUsize::new(0);
        let pool = ThreadPool::new(4);
        pool.each(40, |_| {
            assert!(at_work.fetch_add(1, Ordering::SeqCst) < 4);
            barrier.wait();
            at_work.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_released_thread_helps_with_the_remaining_pieces() {
        let pool = ThreadPool::new(2);
        let mut other = pool.reserve();
        let barrier = Barrier::new(2);
        let other = Mutex::new(&mut other);
        // The first piece is done alone. The next two wait for each other.
        pool.each(3, |number| {
            if number == 0 {
                assert!(other.lock().unwrap().take().is_some());
            } else {
                barrier.wait();
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        for threads in [0, 1, 3, 200] {
            let squares = ThreadPool::new(threads).try_map(&items, |n| Ok(n * n));
            let expected: Vec<usize> = items.iter().map(|n| n * n).collect();
            assert_eq!(squares.unwrap(), expected);
        }
    }

    #[test]
    fn each_item_is_done_once_wherever_the_system_runs_out_of_threads() {
        let items: Vec<usize> = (0..20).collect();
        for refused_after in 0..=8 {
            let pool = ThreadPool {
                threads: Spawner::refused_after(refused_after),
                ..ThreadPool::new(8)
            };
            let done = AtomicUsize::new(0);
            let results = pool.try_map(&items, |item| {
                done.fetch_add(1, Ordering::Relaxed);
                Ok(*item)
            });
            assert_eq!(results.unwrap(), items, "{refused_after}");
            assert_eq!(done.into_inner(), items.len(), "{refused_after}");
            assert_eq!(pool.spare.into_inner(), 7, "{refused_after}");
        }
    }

    #[test]
    fn no_item_is_started_after_an_error() {
        let begun = AtomicUsize::new(0);
        let result = ThreadPool::new(1).each(100, |number| {
            begun.fetch_add(1, Ordering::Relaxed);
            match number {
                7 => Err(Error::new(ErrorKind::Timeout)),
                _ => Ok(()),
            }
        });
        assert!(result.unwrap_err().is(ErrorKind::Timeout));
        assert_eq!(begun.load(Ordering::Relaxed), 8);
    }
}
