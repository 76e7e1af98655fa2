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
                begun: 0,
                is_over: false,
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
    /// Number of requests so far.
    begun: usize,
    /// Whether no more pages are requested.
    is_over: bool,
    /// The first error. It ends the batch.
    failure: Option<Error>,
}

impl<P: Iterator<Item = Result<ListPage>>> Batch<'_, '_, P> {
    /// Requests pages until there is nothing left to request. A worker that has nothing to do waits for the others.
    fn work(&self) {
        let _end = EndOfBatch(self);
        let mut state = lock(&self.state);
        while !state.is_over {
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
        state.is_over = true;
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
            batch,
            ..
        } = &mut *self.pages;
        // The caller waits for the batch, so that few ranges make a small one.
        if self.begun >= (*batch).min(MOST_PAGES * ranges.open_ranges()) {
            self.is_over = true;
            return None;
        }
        let number = ranges.begin()?;
        self.begun += 1;
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
                self.is_over = true;
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A listing that panics.
    struct Panicking;

    impl Iterator for Panicking {
        type Item = Result<ListPage>;

        fn next(&mut self) -> Option<Self::Item> {
            panic!("no page");
        }
    }

    fn page(keys: &[&str]) -> ListPage {
        let object = |key: &&str| ListedObject {
            key: (*key).to_owned(),
            ..ListedObject::default()
        };
        ListPage {
            objects: keys.iter().map(object).collect(),
            next_token: Some("more".to_owned()),
            ..ListPage::default()
        }
    }

    #[test]
    fn a_listing_that_cannot_be_split_is_few_pages_ahead_of_the_caller() {
        let requests = AtomicUsize::new(0);
        // Keys are not split after a prefix that is followed by both ASCII and other characters.
        let first = page(&["t/x", "t/\u{e9}"]);
        let rest = (0..).map(|number| {
            requests.fetch_add(1, Ordering::Relaxed);
            Ok(page(&[&format!("t/\u{e9}{number:06}")]))
        });
        let pages = ParallelPages::new("t/", &first, rest, 16, |_| panic!("it was split"));
        for (returned, page) in (1..=200_usize).zip(pages) {
            assert_eq!(page.unwrap().objects.len(), 1);
            assert!(requests.load(Ordering::Relaxed) < returned + MOST_PAGES);
        }
    }

    #[test]
    fn a_panic_of_one_worker_ends_the_others_and_continues_in_the_caller() {
        let first = page(&["t/a"]);
        let mut pages = ParallelPages::new("t/", &first, Panicking, 4, |_| Panicking);
        let next = panic::catch_unwind(AssertUnwindSafe(|| pages.next()));
        assert!(next.is_err());
        assert!(pages.next().is_none());
    }
}
