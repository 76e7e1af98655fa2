//! Work on many things at a time, on plain threads that end before the call does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;

/// The results of `work` on each item, in the items' order, on at most `workers` threads.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    workers: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let workers = workers.min(items.len());
    if workers <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    let result = work(item);
                    done.lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .push((index, result));
                }
            });
        }
    });
    let mut done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The results of `work` on each item, in the items' order, or the first failure that was seen;
/// after it no more is begun.
pub(crate) fn try_map<T: Sync, R: Send>(
    items: &[T],
    workers: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let failed = AtomicBool::new(false);
    let results = map(items, workers, |item| {
        if failed.load(Ordering::Relaxed) {
            return None;
        }
        let result = work(item);
        failed.fetch_or(result.is_err(), Ordering::Relaxed);
        Some(result)
    });
    // What was not begun is none of the failures, and stands behind one.
    let mut failure = None;
    let mut done = Vec::with_capacity(results.len());
    for result in results.into_iter().flatten() {
        match result {
            Ok(result) => done.push(result),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(done), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        for workers in [0, 1, 3, 200] {
            let squares = map(&items, workers, |n| n * n);
            assert!(
                squares
                    .iter()
                    .enumerate()
                    .all(|(n, square)| *square == n * n)
            );
        }
    }

    #[test]
    fn the_work_is_done_at_the_same_time() {
        // Passes only if all four wait together.
        let barrier = Barrier::new(4);
        map(&[(); 4], 4, |()| {
            barrier.wait();
        });
    }

    #[test]
    fn nothing_is_begun_after_a_failure() {
        let items: Vec<usize> = (0..100).collect();
        let begun = AtomicUsize::new(0);
        let result = try_map(&items, 1, |n| {
            begun.fetch_add(1, Ordering::Relaxed);
            match n {
                7 => Err(crate::Error::new(crate::ErrorKind::Timeout)),
                _ => Ok(*n),
            }
        });
        assert!(result.unwrap_err().is(crate::ErrorKind::Timeout));
        assert_eq!(begun.into_inner(), 8);
        assert_eq!(try_map(&items, 4, |n| Ok(*n)).unwrap(), items);
    }
}
