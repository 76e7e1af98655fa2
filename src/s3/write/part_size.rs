//! [`PartSizes`]: the sizes of the parts of an upload, and the number of parts held at a time. Pure.

use crate::error::{Error, ErrorKind, Result};
use crate::s3::limits::{MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES};

/// Default size of the first parts: 8 MiB.
pub(crate) const DEFAULT_PART_BYTES: u64 = 8 << 20;

/// Default maximum number of bytes that an open file holds: 40 MiB.
pub(crate) const DEFAULT_BUFFER_BYTES: u64 = 40 << 20;

/// Thousandths of the maximum number of parts that have equal sizes, as some stores require for all parts: 4,500 of
/// 10,000, which are 35 GiB in parts of 8 MiB.
const ALIKE_THOUSANDTHS: u32 = 450;

/// Thousandths of the maximum number of parts after which the size doubles again. 10,000 parts from 5 MiB on hold more
/// than 5 TiB.
const DOUBLED_THOUSANDTHS: u32 = 55;

/// The division of an object into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartSizes {
    first: u64,
    least: u64,
    buffer: u64,
    /// Maximum number of parts of an upload.
    max_parts: u32,
    /// Whether all parts except the last have equal sizes.
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
    /// Returns sizes that begin with `first`, for a store that rejects parts smaller than `least`. Open files hold at
    /// most `buffer` bytes of parts.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a size that the store does not accept.
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
            .with_message(format!("the store does not accept a part of {first} bytes"))
            .with_hint(format!(
                "part_size must be between {least} (min_part_size) and {MAX_PART_BYTES} bytes"
            )))
    }

    /// Limits the number of parts to `max_parts`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for 0, or for more than any store accepts.
    pub(crate) fn at_most(self, max_parts: u32) -> Result<Self> {
        if (1..=MAX_PARTS).contains(&max_parts) {
            return Ok(Self { max_parts, ..self });
        }
        Err(Error::new(ErrorKind::InvalidArgument)
            .with_message(format!("max_parts is {max_parts}"))
            .with_hint(format!("it must be between 1 and {MAX_PARTS}")))
    }

    /// Sets whether all parts except the last have equal sizes.
    pub(crate) fn equal(self, are_equal: bool) -> Self {
        Self { are_equal, ..self }
    }

    /// Returns true if all parts except the last must have equal sizes.
    pub(crate) fn are_equal(self) -> bool {
        self.are_equal
    }

    /// Returns the maximum number of parts of an upload.
    pub(crate) fn max_parts(self) -> u32 {
        self.max_parts
    }

    /// Returns the minimum size of a part that the store accepts, except for the last part.
    pub(crate) fn least(self) -> u64 {
        self.least
    }

    /// Returns the size of the first part, which is also the maximum size of content stored in one request.
    pub(crate) fn first(self) -> u64 {
        self.first
    }

    /// Returns the size of the part `number`, counted from 1, of an object of unknown size.
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

    /// Returns the sizes for an object of `size` bytes. All its parts have equal sizes.
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

    /// Returns the maximum number of parts of `part_size` bytes that are sent while the next one is filled. With 0, a
    /// part is sent before the next one is started.
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
    fn a_lower_part_limit_means_larger_parts() {
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
    fn parts_in_flight_fit_into_the_buffer() {
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
    fn a_part_size_that_s3_does_not_accept_is_refused() {
        for size in [0, MIN_PART_BYTES - 1, MAX_PART_BYTES + 1] {
            let error = PartSizes::new(size, MIN_PART_BYTES, 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
        assert!(PartSizes::new(0, 0, 0).is_err());
        assert!(PartSizes::new(1, 1, 0).is_ok());
    }
}
