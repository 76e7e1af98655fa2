//! [`ParallelPages`]: lists ranges of keys in parallel, and returns the pages in the order of the keys.
//!
//! The store must list in the order of bytes, and honour `start-after`. The keys of the tree are split into ranges. Each
//! range begins after one key and ends at another one. The last range has no end. Each round requests the next page of up
//! to `workers` ranges. When a range is complete, the first range with many remaining keys is split again. Ranges never
//! overlap, so no key is returned twice. Together they cover the whole tree, so no key is missing. Pages of later ranges
//! wait until the earlier ranges are returned: at most [`MOST_KEYS`] keys, and one page.
//!
//! A range may take one additional request, because its last page can reach into the next range. Ranges are split only
//! while the additional requests are at most 10 % of the others plus two for each worker.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::xml::{ListPage, ListedObject};
use crate::s3::list::cuts::{Cuts, Sample};
use crate::threads::ThreadPool;

/// Maximum number of waiting keys in all ranges. Beyond that, only the first range is listed.
const MOST_KEYS: usize = 150_000;

/// Intended number of pages in a range.
const PAGES: usize = 10;

/// A listing in ranges. `P` is the listing of one range.
pub(in crate::s3) struct ParallelPages<'a, P> {
    /// Lists the tree after a key.
    list: Box<dyn Fn(&str) -> P + Send + 'a>,
    workers: usize,
    cuts: Cuts,
    /// The ranges, in the order of their keys.
    ranges: VecDeque<Range<P>>,
    /// Density of the keys near the end of the listing.
    sample: Sample,
    /// Factor by which the next range is wider than the sample suggests. It grows while ranges are empty.
    widened: usize,
    requests: usize,
    keys: usize,
    /// Number of keys on the largest page.
    page: usize,
    /// Number of waiting keys.
    waiting: usize,
}

/// A range of keys.
struct Range<P> {
    /// The key after which the range begins.
    after: String,
    /// The last possible key of the range. `None` if the range ends with the tree.
    until: Option<String>,
    listing: P,
    /// The last listed key.
    last: String,
    /// Whether that key is UTF-8. Otherwise, the range cannot be split after it.
    is_readable: bool,
    /// Expected density of the keys, until the range has keys.
    expected: Option<Sample>,
    pages: VecDeque<ListPage>,
    keys: usize,
    is_complete: bool,
    /// Whether its last key was the last key of the tree.
    is_end: bool,
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
        let mut cuts = Cuts::new(prefix);
        for object in &first.objects {
            cuts.see(object.key_bytes());
        }
        let key = |object: Option<&ListedObject>| {
            object.map_or_else(String::new, |object| object.key.clone())
        };
        let last = key(first.objects.last());
        let sample = Sample {
            after: key(first.objects.first()),
            until: last.clone(),
            keys: first.objects.len(),
        };
        let range = Range::new(last, None, rest);
        Self {
            list: Box::new(list),
            workers,
            cuts,
            ranges: VecDeque::from([range]),
            sample,
            widened: 1,
            requests: 1,
            keys: first.objects.len(),
            page: first.objects.len().max(1),
            waiting: 0,
        }
    }

    /// Returns true if there are no more pages.
    pub(in crate::s3) fn is_ended(&self) -> bool {
        let mut ranges = self.ranges.iter();
        ranges.all(|range| range.is_complete && range.pages.is_empty())
    }

    /// Splits ranges until each worker has one, and at most doubles their number.
    fn split(&mut self) {
        let mut open = self.open();
        let wanted = self.workers.min(2 * open);
        while open < wanted && self.may_split(open) && self.split_one() {
            open += 1;
        }
    }

    /// Returns the number of incomplete ranges.
    fn open(&self) -> usize {
        let open = self.ranges.iter();
        open.filter(|range| !range.is_complete).count()
    }

    /// Returns true if the number of requests stays within its limit with one more range, whatever its keys are.
    fn may_split(&self, open: usize) -> bool {
        let pages = self.keys.div_ceil(self.page);
        let surplus = self.requests.saturating_sub(pages) + open + 1;
        surplus <= 2 * self.workers + pages / 10
    }

    /// Splits the first range with many remaining keys. Returns false if there is none.
    fn split_one(&mut self) -> bool {
        // Ranges are small at first, because a small tree may end soon.
        let size = (self.keys / 4).clamp(2 * self.page, PAGES * self.page);
        let is_half_full = self.waiting >= MOST_KEYS / 2;
        let ranges = || {
            let ranges = self.ranges.iter().enumerate();
            ranges.filter(|(_, range)| !range.is_complete)
        };
        let by_estimate = |(number, range): (usize, &Range<P>)| {
            let sample = range.sample(&self.sample);
            let until = range.until.as_deref();
            if !range.is_readable {
                return None;
            }
            let keys = match until {
                // The number of remaining keys is unknown.
                None if is_half_full => return None,
                None => size.saturating_mul(self.widened),
                Some(until) => match self.cuts.estimate(&range.last, until, &sample) {
                    left if left < 2 * size => return None,
                    _ => size,
                },
            };
            let key = self.cuts.cut(&range.last, until, &sample, keys)?;
            Some((number, key, sample))
        };
        // A range with far more keys than estimated is split in the middle.
        let by_half = |(number, range): (usize, &Range<P>)| {
            let is_large = range.is_readable && range.keys >= 2 * size;
            let until = range.until.as_deref().filter(|_| is_large)?;
            let whole = Sample {
                after: range.last.clone(),
                until: until.to_owned(),
                keys: 2,
            };
            let key = self.cuts.cut(&range.last, Some(until), &whole, 1)?;
            Some((number, key, range.sample(&self.sample)))
        };
        let place = ranges().find_map(by_half);
        let place = place.or_else(|| ranges().find_map(by_estimate));
        let Some((number, key, sample)) = place else {
            return false;
        };
        let listing = (self.list)(&key);
        let Some(range) = self.ranges.get_mut(number) else {
            return false;
        };
        let until = range.until.replace(key.clone());
        let mut rest = Range::new(key, until, listing);
        rest.expected = Some(sample);
        self.ranges.insert(number + 1, rest);
        true
    }

    /// Requests the next page of up to `workers` ranges.
    fn round(&mut self) -> Result<()> {
        self.split();
        let waiting = self.waiting;
        // Half of the room is reserved for the first ranges, which are returned first.
        let has_room = |number: usize| match number {
            0 => true,
            number if number < self.workers.div_ceil(2) => waiting + number * self.page < MOST_KEYS,
            number => waiting + number * self.page < MOST_KEYS / 2,
        };
        let open = self.ranges.iter_mut().filter(|range| !range.is_complete);
        let open = open.take(self.workers).enumerate();
        let open = open.filter(|(number, _)| has_room(*number));
        let open: Vec<_> = open.map(|(_, range)| Mutex::new(range)).collect();
        let results = ThreadPool::new(open.len()).map(&open, |range| {
            let mut range = range.lock().unwrap_or_else(PoisonError::into_inner);
            range.request()
        });
        self.requests += results.len();
        for result in results {
            let Asked { listed, keys } = result?;
            self.page = self.page.max(listed);
            self.keys += keys;
            self.waiting += keys;
        }
        self.update();
        Ok(())
    }

    /// Updates the estimates from the last pages, and drops ranges behind the end of the tree.
    fn update(&mut self) {
        for range in &self.ranges {
            if let Some(page) = range.pages.back() {
                // A few keys of a page contain nearly all of its characters.
                let step = (page.objects.len() / 32).max(1);
                for object in page.objects.iter().step_by(step) {
                    self.cuts.see(object.key_bytes());
                }
            }
        }
        if let Some(end) = self.ranges.iter().position(|range| range.is_end) {
            // Keys after that range would have been on its last page.
            let has_keys = |range: &Range<P>| range.keys > 0;
            let mut number = 0;
            self.ranges.retain(|range| {
                number += 1;
                number <= end + 1 || has_keys(range)
            });
        }
        let with_keys = self.ranges.iter().rev().find(|range| range.keys > 0);
        if let Some(range) = with_keys {
            self.sample = range.sample(&self.sample);
        }
        let last = self.ranges.back();
        let is_empty = last.is_some_and(|range| range.keys == 0);
        self.widened = match is_empty {
            true => (4 * self.widened).min(1 << 20),
            false => 1,
        };
    }
}

/// A page of a range.
struct Asked {
    /// Number of its keys.
    listed: usize,
    /// Number of its keys in the range.
    keys: usize,
}

impl<P> Range<P> {
    fn new(after: String, until: Option<String>, listing: P) -> Self {
        Self {
            last: after.clone(),
            is_readable: true,
            expected: None,
            after,
            until,
            listing,
            pages: VecDeque::new(),
            keys: 0,
            is_complete: false,
            is_end: false,
        }
    }

    /// Returns the density of its keys, or `other` if it is unknown.
    fn sample(&self, other: &Sample) -> Sample {
        match self.keys {
            0 => self.expected.as_ref().unwrap_or(other).clone(),
            keys => Sample {
                after: self.after.clone(),
                until: self.last.clone(),
                keys,
            },
        }
    }
}

impl<P: Iterator<Item = Result<ListPage>>> Range<P> {
    /// Requests the next page.
    fn request(&mut self) -> Result<Asked> {
        let mut page = self.listing.next().transpose()?.unwrap_or_default();
        let is_before = |object: &&ListedObject| object.key_bytes() <= self.last.as_bytes();
        if let Some(object) = page.objects.first().filter(is_before) {
            return Err(Error::new(ErrorKind::OperationFailed).with_message(format!(
                "the store returned the key {:?}, which sorts before the start-after of the \
                 request",
                object.shown_key()
            )));
        }
        let is_last = page.next_token.is_none();
        let listed = page.objects.len();
        if let Some(until) = &self.until {
            let is_within = |object: &ListedObject| object.key_bytes() <= until.as_bytes();
            page.objects
                .truncate(page.objects.partition_point(is_within));
        }
        let keys = page.objects.len();
        self.is_complete = is_last || keys < listed;
        self.is_end = is_last && keys == listed;
        self.keys += keys;
        if let Some(last) = page.objects.last() {
            last.key.clone_into(&mut self.last);
            self.is_readable = last.unreadable.is_none();
            self.pages.push_back(page);
        }
        Ok(Asked { listed, keys })
    }
}

impl<P> Iterator for ParallelPages<'_, P>
where
    P: Iterator<Item = Result<ListPage>> + Send,
{
    type Item = Result<ListPage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let first = self.ranges.front_mut()?;
            if let Some(page) = first.pages.pop_front() {
                self.waiting = self.waiting.saturating_sub(page.objects.len());
                return Some(Ok(page));
            }
            if first.is_complete {
                self.ranges.pop_front();
                continue;
            }
            if let Err(error) = self.round() {
                self.ranges.clear();
                return Some(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::list::pages::PAGE;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A listing of sorted keys that counts its pages.
    struct Simulated {
        keys: Arc<Vec<String>>,
        next: Option<usize>,
        requests: Arc<AtomicUsize>,
    }

    impl Iterator for Simulated {
        type Item = Result<ListPage>;

        fn next(&mut self) -> Option<Self::Item> {
            let start = self.next?;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let end = (start + PAGE).min(self.keys.len());
            self.next = (end < self.keys.len()).then_some(end);
            let object = |key: &String| ListedObject {
                key: key.clone(),
                ..ListedObject::default()
            };
            Some(Ok(ListPage {
                objects: self.keys[start..end].iter().map(object).collect(),
                next_token: self.next.map(|next| next.to_string()),
                ..ListPage::default()
            }))
        }
    }

    /// Requests, rounds (a page or several at a time) and the most keys that waited.
    struct Cost {
        requests: usize,
        rounds: usize,
        waited: usize,
    }

    /// Lists the keys, and checks that each comes once and in order.
    fn list(keys: &[String], workers: usize) -> Cost {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        let keys = Arc::new(keys);
        let requests = Arc::new(AtomicUsize::new(0));
        let simulated = |after: &str| Simulated {
            next: Some(keys.partition_point(|key| key.as_str() <= after)),
            keys: Arc::clone(&keys),
            requests: Arc::clone(&requests),
        };
        let mut first = simulated("");
        let page = first.next().unwrap().unwrap();
        let mut listed: Vec<String> = page.objects.iter().map(|o| o.key.clone()).collect();
        let mut cost = Cost {
            requests: 0,
            rounds: 1,
            waited: 0,
        };
        if page.next_token.is_some() {
            let mut ranges = ParallelPages::new("t/", &page, first, workers, simulated);
            loop {
                let before = ranges.requests;
                let Some(page) = ranges.next() else { break };
                cost.rounds += usize::from(ranges.requests > before);
                cost.waited = cost.waited.max(ranges.waiting);
                listed.extend(page.unwrap().objects.into_iter().map(|o| o.key));
            }
            assert_eq!(ranges.requests, requests.load(Ordering::Relaxed));
        }
        assert!(listed == *keys, "{} of {}", listed.len(), keys.len());
        cost.requests = requests.load(Ordering::Relaxed);
        cost
    }

    /// A number that looks random.
    fn hash(number: u64) -> u64 {
        let mut hash = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        hash ^ (hash >> 31)
    }

    fn shapes(count: u64) -> Vec<(&'static str, Vec<String>)> {
        let keys = |key: &dyn Fn(u64) -> String| (0..count).map(key).collect::<Vec<_>>();
        vec![
            (
                "directories",
                keys(&|n| format!("t/d{:04}/f{:04}", n / 1000, n % 1000)),
            ),
            ("one directory", keys(&|n| format!("t/file-{n:07}.txt"))),
            (
                "hexadecimal",
                keys(&|n| {
                    let part = |seed| hash(n.wrapping_mul(4) + seed);
                    format!(
                        "t/{:016x}{:016x}{:016x}{:016x}",
                        part(0),
                        part(1),
                        part(2),
                        part(3)
                    )
                }),
            ),
            (
                "dates",
                keys(&|n| {
                    let day = n * 3 * 365 / count;
                    let (year, month, day) = (2024 + day / 365, 1 + day % 365 / 31, 1 + day % 31);
                    format!("t/{year}/{month:02}/{day:02}/{:08}.log", n)
                }),
            ),
            ("numbers without zeros", keys(&|n| format!("t/{n}"))),
            (
                "words",
                keys(&|n| {
                    let words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"];
                    let word = |n: u64| words[hash(n) as usize % words.len()];
                    format!("t/{}/{}-{}/{n}", word(n), word(n + 1), word(n + 2))
                }),
            ),
            (
                "one large directory of many",
                keys(&|n| match n % 10 {
                    0 => format!("t/d{:05}/f", n),
                    _ => format!("t/d00700x/{:08}", n),
                }),
            ),
            (
                "not ASCII",
                keys(&|n| format!("t/\u{e4}\u{f6}{n:07}\u{fc}")),
            ),
        ]
    }

    /// The promised number of requests.
    fn most_requests(keys: usize, workers: usize) -> usize {
        let pages = keys.div_ceil(PAGE);
        pages + pages / 10 + 2 * workers
    }

    #[test]
    fn each_key_comes_once_and_in_order_whatever_the_keys_look_like() {
        for count in [0, 1, 999, 1000, 1001, 2500, 20_000, 150_000] {
            for (name, keys) in shapes(count) {
                for workers in [2, 3, 16] {
                    let cost = list(&keys, workers);
                    let most = most_requests(keys.len(), workers);
                    assert!(
                        cost.requests <= most,
                        "{count} {name}, {workers} workers: {} requests, and {most} are promised",
                        cost.requests
                    );
                    assert!(cost.waited <= MOST_KEYS, "{count} {name}: {}", cost.waited);
                    if count <= 1000 {
                        assert_eq!(cost.requests, 1, "{count} {name}");
                    }
                }
            }
        }
    }

    #[test]
    fn sixteen_workers_list_a_million_keys_in_an_eighth_of_the_time() {
        for (name, keys) in shapes(1_000_000).into_iter().take(3) {
            let cost = list(&keys, 16);
            let pages = keys.len().div_ceil(PAGE);
            assert!(pages >= 8 * cost.rounds, "{name}: {} rounds", cost.rounds);
            assert!(cost.requests <= most_requests(keys.len(), 16), "{name}");
            assert!(cost.waited <= MOST_KEYS, "{name}: {}", cost.waited);
        }
    }

    #[test]
    fn a_listing_of_keys_that_were_not_asked_for_is_an_error() {
        let keys: Vec<String> = (0..20_000).map(|n| format!("t/{n:06}")).collect();
        let keys = Arc::new(keys);
        let requests = Arc::new(AtomicUsize::new(0));
        // It ignores where a listing should begin.
        let simulated = |_: &str| Simulated {
            next: Some(0),
            keys: Arc::clone(&keys),
            requests: Arc::clone(&requests),
        };
        let mut first = simulated("");
        let page = first.next().unwrap().unwrap();
        let mut ranges = ParallelPages::new("t/", &page, first, 4, simulated);
        let error = ranges.find_map(Result::err).expect("an error");
        assert!(error.to_string().contains("start-after"), "{error}");
        assert!(ranges.next().is_none());
    }
}
