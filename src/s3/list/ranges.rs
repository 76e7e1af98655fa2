//! [`Ranges`]: the ranges of the keys of a tree that are listed in parallel. Decides which of them is requested next. Pure.
//!
//! Each range begins after one key and ends at another one. The last range has no end. Ranges never overlap, so no key is
//! returned twice. Together they cover the whole tree, so no key is missing. When all ranges are being requested, the first
//! one with many remaining keys is split. Pages of later ranges wait until the earlier ranges are returned: at most
//! [`MOST_KEYS`] keys, and one page.
//!
//! A range may take one additional request, because its last page can reach into the next range. Ranges are split only
//! while the additional requests are at most 10 % of the others plus two for each worker.

use std::collections::VecDeque;

use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::xml::{ListPage, ListedObject};
use crate::s3::list::cuts::{Cuts, Sample};

/// Maximum number of waiting keys in all ranges. Beyond that, a page is requested only if there is none to return.
pub(super) const MOST_KEYS: usize = 120_000;

/// Number of these keys that is reserved for the first ranges, which are returned first.
const RESERVED_KEYS: usize = 30_000;

/// Intended number of pages in a range, and that in a small tree: a range can take one request more than it has pages.
const PAGES: usize = 9;
const FEWEST_PAGES: usize = 3;

/// The ranges, and what is known about the keys.
pub(super) struct Ranges {
    workers: usize,
    cuts: Cuts,
    /// The ranges, in the order of their keys.
    ranges: VecDeque<Range>,
    /// Number of answered requests.
    requests: usize,
    /// Number of the pages that are being requested.
    asked: usize,
    /// Number of listed keys.
    keys: usize,
    /// Number of keys on the largest page.
    page: usize,
    /// Number of waiting keys.
    waiting: usize,
    /// Number of the next range.
    next: usize,
}

/// A range of keys.
struct Range {
    /// Identifies the range.
    number: usize,
    /// The key after which the range begins.
    after: String,
    /// The last possible key of the range. `None` if the range ends with the tree.
    until: Option<String>,
    /// The last listed key.
    last: String,
    /// Whether that key is UTF-8. Otherwise, the range cannot be split after it.
    is_readable: bool,
    /// Expected density of the keys, until the range has keys.
    expected: Sample,
    pages: VecDeque<ListPage>,
    keys: usize,
    /// Whether a page is being requested.
    is_asked: bool,
    is_complete: bool,
}

impl Ranges {
    /// Number of the first range, which begins after the first page.
    pub(super) const FIRST: usize = 0;

    /// One range with all keys of `prefix` after the page `first`.
    pub(super) fn new(prefix: &str, first: &ListPage, workers: usize) -> Self {
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
        Self {
            workers,
            cuts,
            ranges: VecDeque::from([Range::new(Self::FIRST, last, None, sample)]),
            requests: 1,
            asked: 0,
            keys: first.objects.len(),
            page: first.objects.len().max(1),
            waiting: 0,
            next: Self::FIRST + 1,
        }
    }

    /// Returns true if there are no more pages.
    pub(super) fn is_ended(&self) -> bool {
        let mut ranges = self.ranges.iter();
        ranges.all(|range| range.is_complete && range.pages.is_empty())
    }

    /// Ends the listing, after an error.
    pub(super) fn clear(&mut self) {
        self.ranges.clear();
        self.asked = 0;
    }

    /// Returns the next page in the order of the keys, if it is there.
    pub(super) fn next_page(&mut self) -> Option<ListPage> {
        loop {
            let first = self.ranges.front_mut()?;
            if let Some(page) = first.pages.pop_front() {
                self.waiting = self.waiting.saturating_sub(page.objects.len());
                return Some(page);
            }
            if !first.is_complete {
                return None;
            }
            self.ranges.pop_front();
        }
    }

    /// Returns the number of the range of which a page is to be requested. `None` if there is nothing to do before another
    /// request ends, or before waiting pages are returned, or because all ranges are complete.
    pub(super) fn begin(&mut self) -> Option<usize> {
        if self.open().all(|range| range.is_asked) && self.may_split() {
            self.split();
        }
        let is_free = |(_, range): &(usize, &Range)| !range.is_asked;
        let (position, range) = self.open().enumerate().find(is_free)?;
        let number = range.number;
        if !self.has_room(position) {
            return None;
        }
        self.asked += 1;
        self.range(number)?.is_asked = true;
        Some(number)
    }

    /// Returns true if a page is being requested.
    pub(super) fn is_asked(&self) -> bool {
        self.asked > 0
    }

    /// Returns the key after which the range begins.
    pub(super) fn start_of(&self, number: usize) -> &str {
        let range = self.ranges.iter().find(|range| range.number == number);
        range.map_or("", |range| &range.after)
    }

    /// Adds the requested page to its range. Returns true if the range is complete.
    pub(super) fn end(&mut self, number: usize, page: ListPage) -> Result<bool> {
        self.requests += 1;
        self.asked = self.asked.saturating_sub(1);
        self.page = self.page.max(page.objects.len());
        // A few keys of a page contain nearly all of its characters.
        let step = (page.objects.len() / 32).max(1);
        for object in page.objects.iter().step_by(step) {
            self.cuts.see(object.key_bytes());
        }
        let Some(range) = self.range(number) else {
            return Ok(true);
        };
        let added = range.add(page)?;
        let is_complete = range.is_complete;
        self.keys += added.keys;
        self.waiting += added.keys;
        if added.is_end {
            self.drop_after(number);
        }
        Ok(is_complete)
    }

    /// Drops the empty ranges after this one, also those of which a page is being requested. The last page of this range was
    /// the last page of the tree: it would have contained their keys.
    fn drop_after(&mut self, number: usize) {
        let mut is_after = false;
        self.ranges.retain(|range| {
            let is_kept = !is_after || range.keys > 0;
            is_after |= range.number == number;
            is_kept
        });
    }

    fn range(&mut self, number: usize) -> Option<&mut Range> {
        self.ranges.iter_mut().find(|range| range.number == number)
    }

    /// Returns the number of incomplete ranges.
    pub(super) fn open_ranges(&self) -> usize {
        self.open().count()
    }

    /// Returns the incomplete ranges.
    fn open(&self) -> impl Iterator<Item = &Range> {
        self.ranges.iter().filter(|range| !range.is_complete)
    }

    /// Returns true if the keys of one more page may wait. `position` is that of its range among the incomplete ones.
    fn has_room(&self, position: usize) -> bool {
        let most = match position {
            0 if !self.has_page() => return true,
            position if position < self.workers.div_ceil(2) => MOST_KEYS,
            _ => MOST_KEYS - RESERVED_KEYS,
        };
        self.waiting + self.asked * self.page < most
    }

    /// Returns true if there is a page to return.
    fn has_page(&self) -> bool {
        let is_returned = |range: &&Range| range.is_complete && range.pages.is_empty();
        let first = self.ranges.iter().find(|range| !is_returned(range));
        first.is_some_and(|range| !range.pages.is_empty())
    }

    /// Returns true if the number of requests stays within its limit with one more range, whatever its keys are.
    fn may_split(&self) -> bool {
        let pages = self.keys.div_ceil(self.page);
        let surplus = self.requests.saturating_sub(pages) + self.open_ranges() + 1;
        surplus <= 2 * self.workers + pages / 10
    }

    /// Splits the first range with many remaining keys, if there is one.
    fn split(&mut self) {
        // Ranges are small at first, because a small tree may end soon.
        let size = (self.keys / 4).clamp(FEWEST_PAGES * self.page, PAGES * self.page);
        let is_full = !self.has_room(self.workers);
        let ranges = || {
            let ranges = self.ranges.iter().enumerate();
            ranges.filter(|(_, range)| !range.is_complete && range.is_readable)
        };
        let by_estimate = |(place, range): (usize, &Range)| {
            let sample = range.sample();
            let until = range.until.as_deref();
            let is_large = match until {
                // The number of remaining keys is unknown.
                None => !is_full,
                Some(until) => self.cuts.estimate(&range.last, until, &sample) >= 2 * size,
            };
            if !is_large {
                return None;
            }
            let key = self.cuts.cut(&range.last, until, &sample, size)?;
            Some((place, key, sample))
        };
        // A range with far more keys than estimated is split in the middle.
        let by_half = |(place, range): (usize, &Range)| {
            let is_large = range.keys >= 2 * size;
            let until = range.until.as_deref().filter(|_| is_large)?;
            let whole = Sample {
                after: range.last.clone(),
                until: until.to_owned(),
                keys: 2,
            };
            let key = self.cuts.cut(&range.last, Some(until), &whole, 1)?;
            Some((place, key, range.sample()))
        };
        let split = ranges().find_map(by_half);
        let split = split.or_else(|| ranges().find_map(by_estimate));
        let Some((place, key, sample)) = split else {
            return;
        };
        let Some(range) = self.ranges.get_mut(place) else {
            return;
        };
        let until = range.until.replace(key.clone());
        let rest = Range::new(self.next, key, until, sample);
        self.next += 1;
        self.ranges.insert(place + 1, rest);
    }
}

/// A page that was added to a range.
struct Added {
    /// Number of its keys in the range.
    keys: usize,
    /// Whether its last key was the last key of the tree.
    is_end: bool,
}

impl Range {
    fn new(number: usize, after: String, until: Option<String>, expected: Sample) -> Self {
        Self {
            number,
            last: after.clone(),
            is_readable: true,
            expected,
            after,
            until,
            pages: VecDeque::new(),
            keys: 0,
            is_asked: false,
            is_complete: false,
        }
    }

    /// Returns the density of its keys, as far as it is known.
    fn sample(&self) -> Sample {
        match self.keys {
            0 => self.expected.clone(),
            keys => Sample {
                after: self.after.clone(),
                until: self.last.clone(),
                keys,
            },
        }
    }

    /// Adds the next page, without the keys after the end of the range.
    fn add(&mut self, mut page: ListPage) -> Result<Added> {
        self.is_asked = false;
        // Of a page in another order, the keys in this range would not be known.
        let mut before = self.last.as_bytes();
        for object in &page.objects {
            if object.key_bytes() <= before {
                return Err(not_in_order(object, before == self.last.as_bytes()));
            }
            before = object.key_bytes();
        }
        let is_last = page.next_token.is_none();
        let listed = page.objects.len();
        if let Some(until) = &self.until {
            let is_within = |object: &ListedObject| object.key_bytes() <= until.as_bytes();
            page.objects
                .truncate(page.objects.partition_point(is_within));
            page.objects.shrink_to_fit();
        }
        let keys = page.objects.len();
        self.is_complete = is_last || keys < listed;
        self.keys += keys;
        if let Some(last) = page.objects.last() {
            last.key.clone_into(&mut self.last);
            self.is_readable = last.unreadable.is_none();
            self.pages.push_back(page);
        }
        Ok(Added {
            keys,
            is_end: is_last && keys == listed,
        })
    }
}

/// Returns the error for a key that is not in the order of bytes. `is_first` if it sorts before the whole range.
fn not_in_order(object: &ListedObject, is_first: bool) -> Error {
    let before = match is_first {
        true => "the start-after of the request",
        false => "the key before it",
    };
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!(
            "the store returned the key {:?}, which sorts before {before}",
            object.shown_key()
        ))
        .with_hint(
            "the store does not list in the order of bytes: do not set list_in_byte_order, or set \
             max_workers to 1",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::list::pages::PAGE;
    use std::collections::HashMap;

    /// Returns the page after the first `start` keys.
    fn page(keys: &[String], start: usize) -> ListPage {
        let end = (start + PAGE).min(keys.len());
        let object = |key: &String| ListedObject {
            key: key.clone(),
            ..ListedObject::default()
        };
        ListPage {
            objects: keys[start..end].iter().map(object).collect(),
            next_token: (end < keys.len()).then(|| end.to_string()),
            ..ListPage::default()
        }
    }

    /// What a listing took.
    struct Cost {
        requests: usize,
        /// Number of steps in each of which each worker requests a page.
        steps: usize,
        /// The most keys that waited.
        waited: usize,
    }

    /// Lists the keys, and checks that each comes once and in order.
    fn list(keys: &[String], workers: usize) -> Cost {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        let first = page(&keys, 0);
        let mut listed: Vec<String> = first.objects.iter().map(|o| o.key.clone()).collect();
        let mut cost = Cost {
            requests: 1,
            steps: 1,
            waited: 0,
        };
        if first.next_token.is_some() {
            let mut ranges = Ranges::new("t/", &first, workers);
            // How many keys are before the next page of each range.
            let mut starts = HashMap::from([(Ranges::FIRST, PAGE)]);
            while !ranges.is_ended() {
                let most = workers.min(1 << cost.steps.min(10));
                let asked: Vec<_> = (0..most).map_while(|_| ranges.begin()).collect();
                assert!(!asked.is_empty());
                cost.steps += 1;
                cost.requests += asked.len();
                for number in asked {
                    let after = ranges.start_of(number);
                    let start = starts
                        .entry(number)
                        .or_insert_with(|| keys.partition_point(|key| key.as_str() <= after));
                    ranges.end(number, page(&keys, *start)).unwrap();
                    *start += PAGE;
                }
                cost.waited = cost.waited.max(ranges.waiting);
                while let Some(page) = ranges.next_page() {
                    listed.extend(page.objects.into_iter().map(|o| o.key));
                }
            }
            assert_eq!(ranges.requests, cost.requests);
        }
        assert!(listed == *keys, "{} of {}", listed.len(), keys.len());
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
                    assert!(
                        cost.waited <= MOST_KEYS + PAGE,
                        "{count} {name}: {}",
                        cost.waited
                    );
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
            assert!(pages >= 8 * cost.steps, "{name}: {} steps", cost.steps);
            assert!(cost.requests <= most_requests(keys.len(), 16), "{name}");
            assert!(cost.waited <= MOST_KEYS + PAGE, "{name}: {}", cost.waited);
        }
    }

    #[test]
    fn a_page_that_begins_before_its_range_is_an_error() {
        let keys: Vec<String> = (0..2 * PAGE).map(|n| format!("t/{n:06}")).collect();
        let mut ranges = Ranges::new("t/", &page(&keys, 0), 4);
        let number = ranges.begin().unwrap();
        let error = ranges.end(number, page(&keys, PAGE - 1)).unwrap_err();
        assert!(error.to_string().contains("start-after"), "{error}");
    }

    #[test]
    fn a_page_in_another_order_is_an_error() {
        let keys: Vec<String> = (0..3 * PAGE).map(|n| format!("t/{n:06}")).collect();
        let mut ranges = Ranges::new("t/", &page(&keys, 0), 4);
        let number = ranges.begin().unwrap();
        let mut disordered = page(&keys, PAGE);
        disordered.objects.swap(500, 700);
        let error = ranges.end(number, disordered).unwrap_err();
        assert!(error.to_string().contains("the key before it"), "{error}");
    }

    #[test]
    fn beyond_the_room_for_waiting_keys_only_a_page_that_can_be_returned_next_is_requested() {
        let keys: Vec<String> = (0..1_000_000).map(|n| format!("t/{n:06}")).collect();
        let mut ranges = Ranges::new("t/", &page(&keys, 0), 4);
        let first = ranges.begin().unwrap();
        // Other ranges are listed while the first page takes long.
        let mut starts = HashMap::new();
        while let Some(number) = ranges.begin() {
            let after = ranges.start_of(number);
            let start = starts
                .entry(number)
                .or_insert_with(|| keys.partition_point(|key| key.as_str() <= after));
            ranges.end(number, page(&keys, *start)).unwrap();
            *start += PAGE;
        }
        assert!(ranges.waiting > MOST_KEYS / 2 && ranges.waiting <= MOST_KEYS + PAGE);
        assert!(ranges.next_page().is_none());
        ranges.end(first, page(&keys, PAGE)).unwrap();
        assert!(ranges.begin().is_none());
        assert!(ranges.next_page().is_some());
        assert_eq!(ranges.begin(), Some(first));
    }
}
