//! [`PartSizes`]: how large the parts of an upload are, and how many of them are held at a time. Pure.

use crate::error::{Error, ErrorKind, Result};
use crate::s3::limits::{MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES};

/// The size of the first parts, unless the builder says another: 8 MiB.
pub(crate) const DEFAULT_PART_BYTES: u64 = 8 << 20;

/// The bytes that an open file holds at most, unless the builder says another: 40 MiB.
pub(crate) const DEFAULT_BUFFER_BYTES: u64 = 40 << 20;

/// So many thousandths of the parts that an upload may have are of one size, as some stores want all of
/// them: 4,500 of 10,000, which are 35 GiB of parts of 8 MiB.
const ALIKE_THOUSANDTHS: u32 = 450;

/// The size doubles after each further step of this many thousandths: 10,000 parts from 5 MiB on hold more
/// than 5 TiB.
const DOUBLED_THOUSANDTHS: u32 = 55;

/// How an object is cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartSizes {
    first: u64,
    least: u64,
    buffer: u64,
    /// How many parts an upload has at most.
    max_parts: u32,
    /// Whether all parts but the last have one size.
    are_equal: bool,
}

impl Default for PartSizes {
    fn default() -> Self {
        Self {
            first: DEFAULT_PART_BYTES,
            least: MIN_PART_BYTES,
            buffer: DEFAULT_BUFFER_BYTES,
            max_parts: MAX_PARTS,
            are_equal: false,
        }
    }
}

impl PartSizes {
    /// Parts that begin with that size, for a store that takes none under `least`; of them open files
    /// hold that number of bytes.
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
                ..Self::default()
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

    /// The same sizes, for a store that takes that many parts at most.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for none, or more than any store takes.
    pub(crate) fn at_most(self, max_parts: u32) -> Result<Self> {
        if (1..=MAX_PARTS).contains(&max_parts) {
            return Ok(Self { max_parts, ..self });
        }
        Err(Error::new(ErrorKind::InvalidArgument)
            .with_message(format!("max_parts is {max_parts}"))
            .with_hint(format!("it is between 1 and {MAX_PARTS}")))
    }

    /// The same sizes, of parts that all have one size, but for the last, if that is `true`.
    pub(crate) fn equal(self, are_equal: bool) -> Self {
        Self { are_equal, ..self }
    }

    /// Whether all parts but the last must have one size.
    pub(crate) fn are_equal(self) -> bool {
        self.are_equal
    }

    /// How many parts an upload has at most.
    pub(crate) fn max_parts(self) -> u32 {
        self.max_parts
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
        let thousandths = |count: u32| (self.max_parts * count / 1000).max(1);
        let grown = number.saturating_sub(thousandths(ALIKE_THOUSANDTHS));
        if self.are_equal {
            return self.first;
        }
        let doublings = grown.div_ceil(thousandths(DOUBLED_THOUSANDTHS));
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.first.saturating_mul(factor).min(MAX_PART_BYTES)
    }

    /// The same sizes for what has that many bytes in all, of which all parts are alike.
    pub(crate) fn for_size(self, size: u64) -> Self {
        const STEP: u64 = 1 << 20;
        let needed = size.div_ceil(self.max_parts.into());
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
    fn the_first_35_gib_are_in_parts_of_8_mib() {
        assert_eq!(PartSizes::default().of(1), 8 << 20);
        assert_eq!(PartSizes::default().of(4500), 8 << 20);
        assert_eq!(PartSizes::default().of(4501), 16 << 20);
        assert_eq!(PartSizes::default().of(5050), 16 << 20);
        assert_eq!(PartSizes::default().of(5051), 32 << 20);
    }

    #[test]
    fn equal_parts_never_grow() {
        let sizes = PartSizes::default().equal(true);
        assert!((1..=MAX_PARTS).all(|number| sizes.of(number) == 8 << 20));
    }

    #[test]
    fn a_store_of_fewer_parts_gets_larger_ones() {
        for max_parts in [1, 2, 3, 10, 30, 100, 1000, 9999] {
            let sizes = PartSizes::default().at_most(max_parts).unwrap();
            assert_eq!(sizes.of(1), 8 << 20, "{max_parts}");
            let parts: Vec<_> = (1..=max_parts).map(|number| sizes.of(number)).collect();
            assert!(parts.is_sorted(), "{max_parts}");
            assert!(parts.iter().all(|size| *size <= MAX_PART_BYTES));
            let most = u64::from(max_parts) * MAX_PART_BYTES;
            for size in [0, 8 << 20, (8 << 20) + 1, 1 << 30, most / 2, most] {
                let part = sizes.for_size(size).first();
                assert!(size.div_ceil(part) <= max_parts.into(), "{size}");
            }
        }
        let thousand = PartSizes::default().at_most(1000).unwrap();
        let held: u64 = (1..=1000).map(|number| thousand.of(number)).sum();
        assert!(held > 512 << 30, "{held}");
        for max_parts in [0, MAX_PARTS + 1, u32::MAX] {
            let error = PartSizes::default().at_most(max_parts).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
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
