//! [`ParallelPages`]: lists ranges of keys in parallel, and returns the pages in the order of the keys.
//!
//! The store must list in the order of bytes, and honour `start-after`. [`Ranges`] decides which ranges there are, and
//! which of them is requested next. Here are the threads that send the requests.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use crate::error::{Error, Result};
use crate::s3::client::xml::ListPage;
use crate::s3::list::ranges::Ranges;
use crate::threads::{ThreadPool, lock};

/// Maximum number of pages that each worker requests, on average, before the caller gets the first of them.
const MOST_PAGES: usize = 4;

/// A listing in ranges. `P` is the listing of one range.
pub(in crate::s3) struct ParallelPages<'a, P> {
    /// Lists the tree after a key.
    list: Box<dyn Fn(&str) -> P + Send + 'a>,
    workers: usize,
    ranges: Ranges,
    /// The listings of ranges of which pages were requested, by the numbers of the ranges.
    listings: HashMap<usize, P>,
    /// Number of pages that are requested before the caller gets the first of them.
    batch: usize,
}

impl<'a, P> ParallelPages<'a, P>
where
    P: Iterator<Item = Result<ListPage>> + Send,
{
    /// Continues the listing of `prefix` after its page `first`. `rest` lists the following pages. `list` begins another
    /// listing of the prefix, after a key.
    pub(in crate::s3) fn new(
        prefix: &str,
        first: &ListPage,
        rest: P,
        workers: usize,
        list: impl Fn(&str) -> P + Send + 'a,
    ) -> Self {
        Self {
            list: Box::new(list),
            workers,
            ranges: Ranges::new(prefix, first, workers),
            listings: HashMap::from([(Ranges::FIRST, rest)]),
            batch: 1,
        }
    }

    /// Returns true if there are no more pages.
    pub(in crate::s3) fn is_ended(&self) -> bool {
        self.ranges.is_ended()
    }

    /// Requests pages, one at a time for each worker. Their number doubles from call to call: a small tree may end soon.
    fn request(&mut self) -> Result<()> {
        self.batch = (2 * self.batch).min(MOST_PAGES * self.workers);
        let workers = vec![(); self.workers.min(self.batch)];
        let batch = Batch {
            state: Mutex::new(State {
                left: self.batch,
                taken: 0,
                failure: None,
                pages: self,
            }),
            changed: Condvar::new(),
        };
        ThreadPool::new(workers.len()).map(&workers, |()| batch.work());
        let state = batch.state.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        state.failure.map_or(Ok(()), Err)
    }
}

/// Pages that the workers request.
struct Batch<'b, 'a, P> {
    state: Mutex<State<'b, 'a, P>>,
    /// Notified when a request ends, after which there may be more to do, and at the end of the batch.
    changed: Condvar,
}

struct State<'b, 'a, P> {
    pages: &'b mut ParallelPages<'a, P>,
    /// Number of pages that may still be requested.
    left: usize,
    /// Number of pages that were requested.
    taken: usize,
    /// The first error. No more pages are requested after it.
    failure: Option<Error>,
}

impl<P: Iterator<Item = Result<ListPage>>> Batch<'_, '_, P> {
    /// Requests pages until there is nothing left to request. A worker that has nothing to do waits for the others.
    fn work(&self) {
        let _end = EndOfBatch(self);
        let mut state = lock(&self.state);
        while state.left > 0 {
            if let Some((number, mut listing)) = state.begin() {
                drop(state);
                let page = listing.next().transpose();
                state = lock(&self.state);
                state.end(number, listing, page);
                self.changed.notify_all();
            } else if state.pages.ranges.is_asked() {
                let woken = self.changed.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            } else {
                break;
            }
        }
    }
}

/// Ends the batch for all workers when one of them has nothing left to do, or panics: the others do not wait for it.
struct EndOfBatch<'e, 'b, 'a, P>(&'e Batch<'b, 'a, P>);

impl<P> Drop for EndOfBatch<'_, '_, '_, P> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.left = 0;
        if thread::panicking() {
            // The page that this worker requested will never come.
            state.pages.ranges.clear();
        }
        drop(state);
        self.0.changed.notify_all();
    }
}

impl<P: Iterator<Item = Result<ListPage>>> State<'_, '_, P> {
    /// Returns the number of the range of which a page is requested next, and its listing.
    fn begin(&mut self) -> Option<(usize, P)> {
        let ParallelPages {
            ranges,
            listings,
            list,
            ..
        } = &mut *self.pages;
        // Few workers do not request the pages of all: the caller waits for them.
        if self.taken >= MOST_PAGES * ranges.open_ranges() {
            self.left = 0;
            return None;
        }
        let number = ranges.begin()?;
        self.left -= 1;
        self.taken += 1;
        let listing = listings.remove(&number);
        let listing = listing.unwrap_or_else(|| list(ranges.start_of(number)));
        Some((number, listing))
    }

    /// Adds the requested page.
    fn end(&mut self, number: usize, listing: P, page: Result<Option<ListPage>>) {
        let pages = &mut *self.pages;
        let page = page.map(Option::unwrap_or_default);
        match page.and_then(|page| pages.ranges.end(number, page)) {
            Ok(true) => {}
            Ok(false) => {
                pages.listings.insert(number, listing);
            }
            Err(error) => {
                self.left = 0;
                self.failure.get_or_insert(error);
            }
        }
    }
}

impl<P> Iterator for ParallelPages<'_, P>
where
    P: Iterator<Item = Result<ListPage>> + Send,
{
    type Item = Result<ListPage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(page) = self.ranges.next_page() {
                return Some(Ok(page));
            }
            if self.is_ended() {
                return None;
            }
            if let Err(error) = self.request() {
                self.ranges.clear();
                return Some(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::client::xml::ListedObject;
    use std::panic::{self, AssertUnwindSafe};

    /// A listing that panics.
    struct Panicking;

    impl Iterator for Panicking {
        type Item = Result<ListPage>;

        fn next(&mut self) -> Option<Self::Item> {
            panic!("no page");
        }
    }

    #[test]
    fn a_panic_of_one_worker_ends_the_others_and_continues_in_the_caller() {
        let first = ListPage {
            objects: vec![ListedObject {
                key: "t/a".to_owned(),
                ..ListedObject::default()
            }],
            next_token: Some("more".to_owned()),
            ..ListPage::default()
        };
        let mut pages = ParallelPages::new("t/", &first, Panicking, 4, |_| Panicking);
        let next = panic::catch_unwind(AssertUnwindSafe(|| pages.next()));
        assert!(next.is_err());
        assert!(pages.next().is_none());
    }
}
