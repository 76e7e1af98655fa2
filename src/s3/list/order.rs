//! Detection of the order in which a store lists, and of duplicate entries.
//!
//! S3 lists in the order of UTF-8 bytes. Some stores list directory by directory: all of `a/` before
//! `a-b`, although `-` is before `/`. Both orders keep a directory's keys together, and most listings
//! fit both. If an entry comes after another one, but precedes it in both orders, it is either a duplicate, or the store
//! lists in no order.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU8, Ordering as Memory};

use crate::error::{Error, ErrorKind, Result};

/// Maximum number of entries of a listing that are remembered while the order of the store is not known.
const REMEMBERED: usize = 8192;

/// The order of a store's listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The listings so far fit both orders.
    Unknown,
    /// The order of UTF-8 bytes.
    Bytes,
    /// The order of the names between the slashes.
    Segments,
    /// Neither of them.
    None,
}

/// Properties of a store that its listings have shown, shared by all clones of a filesystem.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    order: AtomicU8,
    start_after: AtomicU8,
}

impl Shown {
    const ORDERS: [Order; 4] = [Order::Unknown, Order::Bytes, Order::Segments, Order::None];

    /// Returns the properties of a store that lists in the order of bytes and honours `start-after`.
    pub(crate) fn in_bytes() -> Self {
        let shown = Self::default();
        shown.note(Order::Bytes);
        shown.note_start_after(true);
        shown
    }

    pub(crate) fn order(&self) -> Order {
        let order = usize::from(self.order.load(Memory::Relaxed));
        Self::ORDERS.get(order).copied().unwrap_or(Order::None)
    }

    /// Records an order. Evidence against the order of bytes has precedence over evidence for it.
    fn note(&self, order: Order) {
        self.order.fetch_max(order as u8, Memory::Relaxed);
    }

    /// Returns whether the store honours `start-after`. `None` if no response has shown it.
    pub(crate) fn start_after(&self) -> Option<bool> {
        match self.start_after.load(Memory::Relaxed) {
            0 => None,
            honoured => Some(honoured == 1),
        }
    }

    /// Records whether the store honours `start-after`. Evidence against it has precedence over evidence for it.
    pub(crate) fn note_start_after(&self, is_honoured: bool) {
        let is_honoured = if is_honoured { 1 } else { 2 };
        self.start_after.fetch_max(is_honoured, Memory::Relaxed);
    }
}

/// Compares by the names between the slashes: a slash is before everything else.
fn by_segments(one: &[u8], other: &[u8]) -> Ordering {
    let both = one.iter().zip(other);
    let equal = both.take_while(|(one, other)| one == other).count();
    let rank = |byte: &u8| (*byte != b'/', *byte);
    one.get(equal).map(rank).cmp(&other.get(equal).map(rank))
}

/// The state of one listing: the orders that it still fits, and its entries so far.
pub(crate) struct Seen {
    /// The last entry in the order of bytes, while all entries fit that order.
    bytes: Option<Vec<u8>>,
    /// The last entry in the order of segments, while all entries fit that order.
    segments: Option<Vec<u8>>,
    /// Hashes of all entries, while they are needed.
    all: Option<HashSet<(u64, u64)>>,
    /// Hashes of the entries of the previous page and of this one. They are searched only if an entry does not fit the
    /// order and `all` is `None`.
    recent: [Vec<u64>; 2],
    hashes: (RandomState, RandomState),
}

impl Seen {
    /// Returns the state before the first page, for a store that lists in `order`.
    pub(crate) fn new(order: Order) -> Self {
        let is_possible = |other| order == Order::Unknown || order == other;
        Self {
            bytes: is_possible(Order::Bytes).then(Vec::new),
            segments: is_possible(Order::Segments).then(Vec::new),
            all: (order != Order::Bytes).then(HashSet::new),
            recent: Default::default(),
            hashes: Default::default(),
        }
    }

    /// Returns the order that the listing fits.
    pub(crate) fn order(&self) -> Order {
        match (&self.bytes, &self.segments) {
            (Some(_), Some(_)) => Order::Unknown,
            (Some(_), None) => Order::Bytes,
            (None, Some(_)) => Order::Segments,
            (None, None) => Order::None,
        }
    }

    /// Processes the lists of a page, each in its listed order, and returns for each entry whether it is
    /// new. Records the order in `shown`.
    ///
    /// Returns an error if the entries are in no order and earlier entries are no longer remembered.
    pub(crate) fn take_page<const N: usize>(
        &mut self,
        lists: [Vec<&[u8]>; N],
        shown: &Shown,
    ) -> Result<[Vec<bool>; N]> {
        let [before, this] = &mut self.recent;
        std::mem::swap(before, this);
        this.clear();
        let (bytes, segments) = (self.bytes.clone(), self.segments.clone());
        let mut taken = [const { Vec::new() }; N];
        for (list, taken) in lists.into_iter().zip(&mut taken) {
            let mut last = (bytes.as_deref(), segments.as_deref());
            taken.reserve(list.len());
            for entry in list {
                let is_new = self.take(entry, &mut last, shown)?;
                taken.push(is_new);
            }
            keep_last(&mut self.bytes, last.0, <[u8]>::cmp);
            keep_last(&mut self.segments, last.1, by_segments);
        }
        if self.order() != Order::Unknown {
            shown.note(self.order());
        }
        let is_ordered = self.order() != Order::None;
        if is_ordered && self.all.as_ref().is_some_and(|all| all.len() > REMEMBERED) {
            self.all = None;
        }
        Ok(taken)
    }

    /// Processes an entry that follows the `last` ones in its list. Returns true if it is new.
    fn take<'e>(
        &mut self,
        entry: &'e [u8],
        last: &mut (Option<&'e [u8]>, Option<&'e [u8]>),
        shown: &Shown,
    ) -> Result<bool>
    where
        Self: 'e,
    {
        let hash = self.hashes.0.hash_one(entry);
        let fits_bytes = self.bytes.is_some() && last.0.is_none_or(|last| entry > last);
        let follows = |last: &[u8]| by_segments(entry, last) == Ordering::Greater;
        let fits_segments = self.segments.is_some() && last.1.is_none_or(follows);
        if !fits_bytes && !fits_segments {
            let is_known = match &self.all {
                Some(all) => all.contains(&(hash, self.hashes.1.hash_one(entry))),
                None => self.recent.iter().any(|recent| recent.contains(&hash)),
            };
            if is_known {
                return Ok(false);
            }
            if self.all.is_none() {
                shown.note(Order::None);
                return Err(no_order());
            }
        }
        if let Some(all) = &mut self.all {
            all.insert((hash, self.hashes.1.hash_one(entry)));
        }
        self.recent[1].push(hash);
        self.bytes.take_if(|_| !fits_bytes);
        self.segments.take_if(|_| !fits_segments);
        *last = (Some(entry), Some(entry));
        Ok(true)
    }
}

/// Keeps the last entry of a list if it is after the kept one.
fn keep_last(
    kept: &mut Option<Vec<u8>>,
    last: Option<&[u8]>,
    compare: impl Fn(&[u8], &[u8]) -> Ordering,
) {
    if let (Some(kept), Some(last)) = (kept, last)
        && compare(last, kept) == Ordering::Greater
    {
        kept.clear();
        kept.extend_from_slice(last);
    }
}

/// Returns the error for a listing that cannot be continued.
pub(crate) fn no_order() -> Error {
    Error::new(ErrorKind::OperationFailed)
        .with_message("the store does not list in order, as detected in the middle of the listing")
        .with_hint("list it again; it will be listed directory by directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(seen: &mut Seen, shown: &Shown, page: &[&str]) -> Vec<bool> {
        let page = page.iter().map(|key| key.as_bytes()).collect();
        let [taken] = seen.take_page([page], shown).unwrap();
        taken
    }

    #[test]
    fn names_are_compared_between_slashes() {
        let sorted = ["a", "a/", "a/z", "a-b", "a-b/c", "a.b", "b"];
        for pair in sorted.windows(2) {
            let [one, other] = pair else { unreachable!() };
            let order = by_segments(one.as_bytes(), other.as_bytes());
            assert_eq!(order, Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn the_order_of_a_listing_is_detected() {
        for (page, order) in [
            (["a", "a/b", "b"], Order::Unknown),
            (["a-b", "a/b", "b"], Order::Bytes),
            (["a/b", "a-b", "b"], Order::Segments),
            (["b", "a", "c"], Order::None),
        ] {
            let (mut seen, shown) = (Seen::new(Order::Unknown), Shown::default());
            assert_eq!(take(&mut seen, &shown, &page), [true; 3]);
            assert_eq!((seen.order(), shown.order()), (order, order), "{page:?}");
        }
    }

    #[test]
    fn a_repeated_entry_is_new_only_once() {
        for order in Shown::ORDERS {
            let (mut seen, shown) = (Seen::new(order), Shown::default());
            assert_eq!(take(&mut seen, &shown, &["a", "b"]), [true, true]);
            assert_eq!(
                take(&mut seen, &shown, &["b", "b", "c"]),
                [false, false, true]
            );
            assert_eq!(seen.order(), order);
        }
        let (mut seen, shown) = (Seen::new(Order::Unknown), Shown::default());
        for page in [["a", "b"], ["c", "d"]] {
            take(&mut seen, &shown, &page);
        }
        assert_eq!(take(&mut seen, &shown, &["a", "e"]), [false, true]);
    }

    #[test]
    fn with_ordered_pages_few_entries_are_remembered_and_disorder_is_an_error() {
        let (mut seen, shown) = (Seen::new(Order::Unknown), Shown::default());
        let keys: Vec<String> = (0..3 * REMEMBERED).map(|n| format!("{n:06}")).collect();
        for page in keys.chunks(1000) {
            let page: Vec<&str> = page.iter().map(String::as_str).collect();
            assert!(take(&mut seen, &shown, &page).iter().all(|is_new| *is_new));
        }
        assert!(seen.all.is_none() && seen.recent[1].len() <= 1000);
        assert_eq!(take(&mut seen, &shown, &[keys.last().unwrap()]), [false]);
        assert!(seen.take_page([vec![b"000000x"]], &shown).is_err());
        assert_eq!(shown.order(), Order::None);
    }
}
