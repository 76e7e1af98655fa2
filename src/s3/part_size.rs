//! [`PartSizes`]: how large the parts of an upload are, and how many of them are held at a time. Pure.

use super::objects::{MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES};
use crate::error::{Error, ErrorKind, Result};

/// The size of the first parts, unless the builder says another: 8 MiB.
pub(crate) const DEFAULT_PART_BYTES: u64 = 8 << 20;

/// The bytes that an open file holds at most, unless the builder says another: 40 MiB.
pub(crate) const DEFAULT_BUFFER_BYTES: u64 = 40 << 20;

/// After so many parts the next ones are twice as large: 10,000 parts from 5 MiB on hold 8.8 TiB.
const DOUBLED_AFTER: u32 = 900;

/// How an object is cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartSizes {
    first: u64,
    least: u64,
    buffer: u64,
}

impl Default for PartSizes {
    fn default() -> Self {
        Self {
            first: DEFAULT_PART_BYTES,
            least: MIN_PART_BYTES,
            buffer: DEFAULT_BUFFER_BYTES,
        }
    }
}

impl PartSizes {
    /// Parts that begin with that size, for a store that takes none under `least`; of them open files
    /// hold so many bytes.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a size that the store does not take.
    pub(crate) fn new(first: u64, least: u64, buffer: u64) -> Result<Self> {
        if least > 0 && (least..=MAX_PART_BYTES).contains(&first) {
            return Ok(Self {
                first,
                least,
                buffer,
            });
        }
        Err(Error::new(ErrorKind::InvalidArgument)
            .with_message(format!(
                "a part of {first} bytes is not one that the store takes"
            ))
            .with_hint(format!(
                "part_size is between {least} (min_part_size) and {MAX_PART_BYTES} bytes"
            )))
    }

    /// The smallest part that the store takes, but for the last.
    pub(crate) fn least(self) -> u64 {
        self.least
    }

    /// The size of the first part, and of what is stored in one request.
    pub(crate) fn first(self) -> u64 {
        self.first
    }

    /// The size of a part, from 1 on, of an object whose size is not known.
    pub(crate) fn of(self, number: u32) -> u64 {
        let doublings = number.saturating_sub(1) / DOUBLED_AFTER;
        let size = self.first.checked_shl(doublings).unwrap_or(MAX_PART_BYTES);
        size.min(MAX_PART_BYTES)
    }

    /// The same sizes for what has that many bytes in all, of which all parts are alike.
    pub(crate) fn for_size(self, size: u64) -> Self {
        const STEP: u64 = 1 << 20;
        let needed = size.div_ceil(MAX_PARTS.into());
        if needed <= self.first {
            return self;
        }
        Self {
            first: needed.next_multiple_of(STEP).min(MAX_PART_BYTES),
            ..self
        }
    }

    /// How many parts of that size may be on their way while the next one is filled; with none, a
    /// part is sent before the next is begun.
    pub(crate) fn on_their_way(self, part_size: u64, workers: usize) -> usize {
        let held = self.buffer / part_size.max(1);
        workers.min(usize::try_from(held).unwrap_or(workers).saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(first: u64) -> PartSizes {
        PartSizes::new(first, MIN_PART_BYTES, DEFAULT_BUFFER_BYTES).unwrap()
    }

    #[test]
    fn ten_thousand_growing_parts_hold_more_than_5_tib() {
        for first in [MIN_PART_BYTES, DEFAULT_PART_BYTES, MAX_PART_BYTES] {
            let parts = (1..=MAX_PARTS).map(|number| sizes(first).of(number));
            let legal = |size: &u64| (MIN_PART_BYTES..=MAX_PART_BYTES).contains(size);
            assert!(parts.clone().all(|size| legal(&size)), "{first}");
            assert!(parts.sum::<u64>() > 5 << 40, "{first}");
        }
    }

    #[test]
    fn the_first_7_gib_are_in_parts_of_8_mib() {
        assert_eq!(PartSizes::default().of(1), 8 << 20);
        assert_eq!(PartSizes::default().of(900), 8 << 20);
        assert_eq!(PartSizes::default().of(901), 16 << 20);
    }

    #[test]
    fn a_known_size_fits_into_ten_thousand_parts_up_to_the_largest_object() {
        for size in [0, 1, 80 << 30, 1 << 40, 5 << 40, 50_000_000_000_000] {
            let part = PartSizes::default().for_size(size).first();
            assert!(size.div_ceil(part) <= 10_000, "{size}");
            assert!((DEFAULT_PART_BYTES..=MAX_PART_BYTES).contains(&part));
        }
        assert_eq!(PartSizes::default().for_size(1 << 30).first(), 8 << 20);
    }

    #[test]
    fn what_is_held_stays_within_the_buffer() {
        for first in [MIN_PART_BYTES, DEFAULT_PART_BYTES, 13 << 20, 40 << 20] {
            for workers in [1, 4, 100] {
                let at_a_time = sizes(first).on_their_way(first, workers);
                assert!((at_a_time as u64 + 1) * first <= DEFAULT_BUFFER_BYTES.max(first));
                assert!(at_a_time <= workers);
            }
        }
        assert_eq!(sizes(8 << 20).on_their_way(8 << 20, 10), 4);
        assert_eq!(sizes(5 << 20).on_their_way(5 << 20, 1), 1);
        assert_eq!(sizes(1 << 30).on_their_way(1 << 30, 10), 0);
    }

    #[test]
    fn a_part_size_that_s3_does_not_take_is_refused() {
        for size in [0, MIN_PART_BYTES - 1, MAX_PART_BYTES + 1] {
            let error = PartSizes::new(size, MIN_PART_BYTES, 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
        assert!(PartSizes::new(0, 0, 0).is_err());
        assert!(PartSizes::new(1, 1, 0).is_ok());
    }
}
