//! The plan of an update: the parts of a changed object that the server copies from the old one, and the parts that are
//! sent. Pure.
//!
//! Unchanged bytes keep their position, so that a part is copied from the same range:
//!
//! ```text
//! old object    |======================================|
//! changes                 ##                    #           ++++
//! new object    |========##====================#=======|++++|
//!
//! parts         |  copy  |sent |     copy    |sent| copy |sent|
//! ```
//!
//! Every part except the last has a size that the store accepts: 5 MiB to 5 GiB. A smaller change is sent with unchanged
//! bytes before it, or after it if there are too few before it. The plan sends the minimum number of bytes that these
//! sizes allow, as long as at most 4,000 unchanged ranges are large enough to be copied, and the number of parts
//! suffices. Otherwise the shorter ranges are sent, too.

use std::ops::Range;

/// The limits of the store, and the preferred size of sent parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Minimum size of a part that is not the last.
    pub(super) least: u64,
    /// Maximum size of a part.
    pub(super) most: u64,
    /// Maximum number of parts.
    pub(super) parts: usize,
    /// Preferred size of sent parts, if the other limits allow it.
    pub(super) sent: u64,
}

/// A part of the new object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// These bytes of the old object, copied by the server.
    Copy(Range<u64>),
    /// These bytes of the new object, sent.
    Send(Range<u64>),
}

impl Part {
    fn range(&self) -> &Range<u64> {
        match self {
            Self::Copy(range) | Self::Send(range) => range,
        }
    }
}

/// Returns the number of bytes that a plan sends.
pub(super) fn sent(parts: &[Part]) -> u64 {
    let sent = parts.iter().filter(|part| matches!(part, Part::Send(_)));
    sent.map(|part| part.range().end - part.range().start).sum()
}

/// Maximum number of unchanged ranges that are considered, the longest ones. The others are sent, even if this is not the
/// minimum, so that planning takes a bounded time.
const MAX_RANGES: usize = 4000;

/// Returns the parts of an object of `size` bytes, in which the ranges `unchanged` are from the old object. The ranges
/// are in ascending order; none is empty, and none touches another. `None` if no plan has few enough parts.
pub(super) fn plan(size: u64, unchanged: &[Range<u64>], limits: Limits) -> Option<Vec<Part>> {
    let mut ranges: Vec<Range<u64>> = unchanged
        .iter()
        .filter(|range| length(range) >= least(range, size, limits))
        .cloned()
        .collect();
    let mut keep = MAX_RANGES.min(limits.parts / 2);
    loop {
        keep_longest(&mut ranges, keep);
        let copies = copies(size, &ranges, limits);
        let parts = parts(size, &copies, limits);
        if parts.len() <= limits.parts {
            return Some(parts);
        }
        if ranges.is_empty() {
            return None;
        }
        keep = ranges.len() / 2;
    }
}

/// Like [`plan`], but for a store that accepts only parts of one size, except for the last. Each part without any change
/// is copied. `None` if the maximum number of parts does not hold the object.
pub(super) fn plan_equal(size: u64, unchanged: &[Range<u64>], limits: Limits) -> Option<Vec<Part>> {
    let one = limits.sent.clamp(limits.least.max(1), limits.most);
    let count = size.div_ceil(one);
    if usize::try_from(count).ok()? > limits.parts {
        return None;
    }
    let part = |index: u64| {
        let range = index * one..size.min((index + 1) * one);
        let at = unchanged.partition_point(|old| old.end < range.end);
        let is_old = unchanged
            .get(at)
            .is_some_and(|old| old.start <= range.start);
        match is_old {
            true => Part::Copy(range),
            false => Part::Send(range),
        }
    };
    Some((0..count).map(part).collect())
}

fn length(range: &Range<u64>) -> u64 {
    range.end - range.start
}

/// Returns the minimum size of a copy from a range. The last part of the object may be of any size.
fn least(range: &Range<u64>, size: u64, limits: Limits) -> u64 {
    if range.end == size { 1 } else { limits.least }
}

fn keep_longest(ranges: &mut Vec<Range<u64>>, count: usize) {
    if ranges.len() > count {
        ranges.sort_by_key(|range| std::cmp::Reverse(length(range)));
        ranges.truncate(count);
        ranges.sort_by_key(|range| range.start);
    }
}

/// A way to copy some of the ranges, up to one of them.
struct State {
    /// Index of the range that was copied last.
    range: usize,
    /// The start of its copy. Its end depends on the following copies.
    start: u64,
    /// The number of bytes sent before that.
    sent: u64,
    /// The state that this one continues, and the end of its copy.
    before: Option<(usize, u64)>,
}

/// Returns the copies with which the plan sends the fewest bytes. Each copy is within one of the ranges, and the gap
/// between two of them is large enough for a part.
///
/// If a gap between two copied ranges is too small, the missing bytes are taken from the end of the first range as long
/// as enough of it is left. This costs the same as taking them from the start of the next range, which then stays whole.
/// Therefore, for each range only those ways matter that are not worse than another both in the number of sent bytes and
/// in the start of the copy.
fn copies(size: u64, ranges: &[Range<u64>], limits: Limits) -> Vec<Range<u64>> {
    let mut states: Vec<State> = Vec::new();
    // The index of the first state of each range.
    let mut first_state = Vec::with_capacity(ranges.len());
    for (index, range) in ranges.iter().enumerate() {
        let enough = least(range, size, limits);
        let mut ways = vec![from_start(range, index, limits)];
        for previous in (0..index).rev() {
            let from = first_state[previous];
            let to = first_state.get(previous + 1).copied();
            let to = to.unwrap_or(states.len());
            for (number, state) in states.iter().enumerate().take(to).skip(from) {
                ways.push(after(
                    number,
                    state,
                    &ranges[previous],
                    range,
                    index,
                    limits,
                ));
            }
            // A range of this length is always copied, because leaving it out would cost more.
            if length(&ranges[previous]) >= 3 * limits.least {
                break;
            }
        }
        ways.retain(|way| way.start + enough <= range.end);
        first_state.push(states.len());
        states.extend(best(ways));
    }
    trace(size, ranges, &states)
}

/// Returns the state in which a range is copied first.
fn from_start(range: &Range<u64>, index: usize, limits: Limits) -> State {
    let start = match range.start {
        0 => 0,
        start => start.max(limits.least),
    };
    State {
        range: index,
        start,
        sent: start,
        before: None,
    }
}

/// Returns the state in which a range is copied after another one.
fn after(
    number: usize,
    state: &State,
    previous: &Range<u64>,
    range: &Range<u64>,
    index: usize,
    limits: Limits,
) -> State {
    let gap = range.start - previous.end;
    let lacks = limits.least.saturating_sub(gap);
    let spare = (previous.end - state.start).saturating_sub(limits.least);
    let from_previous = lacks.min(spare);
    State {
        range: index,
        start: range.start + (lacks - from_previous),
        sent: state.sent + gap + lacks,
        before: Some((number, previous.end - from_previous)),
    }
}

/// Returns the ways that are not worse than another both in sent bytes and in the start.
fn best(mut ways: Vec<State>) -> Vec<State> {
    ways.sort_by_key(|way| (way.sent, way.start));
    let mut best: Vec<State> = Vec::new();
    for way in ways {
        if best.last().is_none_or(|better| way.start < better.start) {
            best.push(way);
        }
    }
    best
}

/// Returns the copies of the best way.
fn trace(size: u64, ranges: &[Range<u64>], states: &[State]) -> Vec<Range<u64>> {
    let in_all = |state: &State| state.sent + (size - ranges[state.range].end);
    let last = states
        .iter()
        .min_by_key(|state| in_all(state))
        .filter(|state| in_all(state) < size);
    let mut copies = Vec::new();
    let mut next = last.map(|state| (state, ranges[state.range].end));
    while let Some((state, end)) = next {
        copies.push(state.start..end);
        next = state
            .before
            .and_then(|(number, end)| Some((states.get(number)?, end)));
    }
    copies.reverse();
    copies
}

/// Returns the copies and the ranges between them, divided into parts.
fn parts(size: u64, copies: &[Range<u64>], limits: Limits) -> Vec<Part> {
    let copied: u64 = copies.iter().map(length).sum();
    let copy_parts: u64 = copies
        .iter()
        .map(|copy| length(copy).div_ceil(limits.most))
        .sum();
    // Parts are larger if there would be too many. A gap has at most one part more than its share.
    let room = (limits.parts as u64).saturating_sub(copy_parts + copies.len() as u64 + 1);
    let sent = (size - copied).div_ceil(room.max(1)).max(limits.sent);
    let sent = sent.clamp(limits.least, limits.most);
    let mut parts = Vec::new();
    let mut position = 0;
    for copy in copies {
        send(&mut parts, position..copy.start, sent, limits, false);
        let pieces = length(copy).div_ceil(limits.most);
        cut(copy, pieces, |piece| parts.push(Part::Copy(piece)));
        position = copy.end;
    }
    send(&mut parts, position..size, sent, limits, true);
    parts
}

/// Adds a sent range in parts of about `size` bytes. Only the last part of the object may be a small one.
fn send(parts: &mut Vec<Part>, range: Range<u64>, size: u64, limits: Limits, is_last: bool) {
    if is_last {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + size);
            parts.push(Part::Send(start..end));
            start = end;
        }
        return;
    }
    let pieces = length(&range)
        .div_ceil(size)
        .min(length(&range) / limits.least.max(1));
    cut(&range, pieces, |piece| parts.push(Part::Send(piece)));
}

/// Divides a range into `pieces` pieces whose sizes differ by at most one byte.
fn cut(range: &Range<u64>, pieces: u64, mut piece: impl FnMut(Range<u64>)) {
    let mut start = range.start;
    for left in (1..=pieces).rev() {
        let end = start + (range.end - start) / left;
        piece(start..end);
        start = end;
    }
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "a slice with a single range is intended"
)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    /// The limits of S3.
    const S3: Limits = Limits {
        least: 5 * MIB,
        most: 5 * GIB,
        parts: 10_000,
        sent: 8 * MIB,
    };

    /// Limits that are small enough to try all combinations.
    const TINY: Limits = Limits {
        least: 3,
        most: 7,
        parts: 10_000,
        sent: 4,
    };

    /// A pseudorandom generator with the same numbers in each run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound.max(1)
        }
    }

    /// Returns the ranges of unchanged bytes.
    fn runs(unchanged: &[bool]) -> Vec<Range<u64>> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for (at, _) in (0..).zip(unchanged).filter(|(_, unchanged)| **unchanged) {
            match runs.last_mut() {
                Some(run) if run.end == at => run.end += 1,
                _ => runs.push(at..at + 1),
            }
        }
        runs
    }

    /// Checks that the parts contain every byte once, in order, that only unchanged bytes are copied, and that the sizes
    /// are within the limits.
    fn check(size: u64, unchanged: &[Range<u64>], limits: Limits, parts: &[Part]) {
        let mut position = 0;
        for (number, part) in parts.iter().enumerate() {
            let range = part.range();
            assert_eq!(range.start, position, "{parts:?}");
            assert!(range.start < range.end, "{parts:?}");
            let is_last = number + 1 == parts.len();
            assert!(is_last || length(range) >= limits.least, "{parts:?}");
            assert!(length(range) <= limits.most, "{parts:?}");
            if let Part::Copy(copy) = part {
                let within = |run: &Range<u64>| run.start <= copy.start && copy.end <= run.end;
                assert!(unchanged.iter().any(within), "{parts:?}");
            }
            position = range.end;
        }
        assert_eq!(position, size, "{parts:?}");
        assert!(parts.len() <= limits.parts);
    }

    /// Returns the minimum number of sent bytes, found by trying every possible end of a part.
    fn least_sent(unchanged: &[bool], limits: Limits) -> u64 {
        let size = unchanged.len();
        let mut least: Vec<Option<u64>> = vec![None; size + 1];
        least[size] = Some(0);
        for start in (0..size).rev() {
            for end in start + 1..=size {
                let length = (end - start) as u64;
                let legal = length <= limits.most && (end == size || length >= limits.least);
                let Some(rest) = least[end].filter(|_| legal) else {
                    continue;
                };
                let copied = unchanged[start..end].iter().all(|unchanged| *unchanged);
                let sent = rest + if copied { 0 } else { length };
                least[start] = Some(least[start].map_or(sent, |known| known.min(sent)));
            }
        }
        least[0].expect("one part is always legal, or many are")
    }

    #[test]
    fn every_plan_is_legal_and_sends_as_little_as_possible() {
        for size in 0..=14_u32 {
            for bits in 0..1_u32 << size {
                let unchanged: Vec<bool> = (0..size).map(|at| bits >> at & 1 == 1).collect();
                let runs = runs(&unchanged);
                let parts = plan(size.into(), &runs, TINY).unwrap();
                check(size.into(), &runs, TINY, &parts);
                assert_eq!(
                    sent(&parts),
                    least_sent(&unchanged, TINY),
                    "{unchanged:?} {parts:?}"
                );
            }
        }
    }

    #[test]
    fn equal_plans_have_one_part_size_and_copy_each_unchanged_part() {
        for size in 0..=14_u32 {
            for bits in 0..1_u32 << size {
                let unchanged: Vec<bool> = (0..size).map(|at| bits >> at & 1 == 1).collect();
                let runs = runs(&unchanged);
                let parts = plan_equal(size.into(), &runs, TINY).unwrap();
                check(size.into(), &runs, TINY, &parts);
                for (number, part) in parts.iter().enumerate() {
                    let range = part.range();
                    let is_last = number + 1 == parts.len();
                    assert!(length(range) == TINY.sent || is_last && length(range) < TINY.sent);
                    let is_old = unchanged[range.start as usize..range.end as usize]
                        .iter()
                        .all(|unchanged| *unchanged);
                    assert_eq!(matches!(part, Part::Copy(_)), is_old, "{parts:?} {runs:?}");
                }
            }
        }
        assert_eq!(plan_equal(60 * 1024 * GIB, &[], S3), None);
    }

    #[test]
    fn longer_plans_also_send_as_little_as_possible() {
        let mut random = Random(7);
        for _ in 0..2000 {
            let size = 20 + random.below(60);
            let mut unchanged = vec![true; size as usize];
            for _ in 0..random.below(9) {
                let start = random.below(size) as usize;
                let end = (start + 1 + random.below(4) as usize).min(size as usize);
                unchanged[start..end].fill(false);
            }
            let runs = runs(&unchanged);
            let parts = plan(size, &runs, TINY).unwrap();
            check(size, &runs, TINY, &parts);
            assert_eq!(sent(&parts), least_sent(&unchanged, TINY), "{runs:?}");
        }
    }

    #[test]
    fn plans_of_real_sizes_are_legal() {
        let mut random = Random(1);
        for _ in 0..500 {
            let size = 1 + random.below(200 * GIB);
            let mut runs = Vec::new();
            let mut position = random.below(20 * MIB);
            while position < size {
                let end = size.min(position + 1 + random.below(30 * GIB));
                runs.push(position..end);
                position = end + 1 + random.below(20 * MIB);
            }
            let parts = plan(size, &runs, S3).unwrap();
            check(size, &runs, S3, &parts);
        }
    }

    #[test]
    fn an_append_is_one_copy_and_the_new_bytes() {
        let size = GIB + 1024;
        assert_eq!(
            plan(size, &[0..GIB], S3).unwrap(),
            [Part::Copy(0..GIB), Part::Send(GIB..size)]
        );
        let large = 12 * GIB;
        let parts = plan(large + 1, &[0..large], S3).unwrap();
        assert_eq!(sent(&parts), 1);
        assert_eq!(parts.len(), 4);
    }

    #[test]
    fn a_small_change_is_sent_with_the_bytes_before_it() {
        let changed = 512 * MIB;
        let unchanged = [0..changed, changed + 1024..GIB];
        let parts = plan(GIB, &unchanged, S3).unwrap();
        let end = changed + 1024;
        assert_eq!(
            parts,
            [
                Part::Copy(0..end - 5 * MIB),
                Part::Send(end - 5 * MIB..end),
                Part::Copy(end..GIB)
            ]
        );
        // At the start there are no bytes before the change.
        let parts = plan(GIB, &[1024..GIB], S3).unwrap();
        assert_eq!(parts, [Part::Send(0..5 * MIB), Part::Copy(5 * MIB..GIB)]);
    }

    #[test]
    fn ranges_too_small_to_be_copied_are_sent() {
        assert_eq!(
            plan(3 * MIB, &[0..2 * MIB], S3).unwrap(),
            [Part::Send(0..3 * MIB)]
        );
        assert_eq!(plan(0, &[], S3).unwrap(), []);
    }

    #[test]
    fn thousands_of_changes_fit_into_ten_thousand_parts() {
        // One changed byte in every 6 MiB of 100 GiB.
        let step = 6 * MIB;
        let size = 100 * GIB;
        let runs: Vec<_> = (0..size / step)
            .map(|n| n * step + 1..(n + 1) * step)
            .collect();
        let parts = plan(size, &runs, S3).unwrap();
        check(size, &runs, S3, &parts);
        // An object without unchanged bytes.
        let parts = plan(60 * 1024 * GIB / 10, &[], S3).unwrap();
        assert!(parts.len() <= 10_000);
        assert_eq!(plan(60 * 1024 * GIB, &[], S3), None);
    }
}
