//! The plan of an update: which parts of a changed object are copied from the old one on the server, and
//! which are sent. Pure.
//!
//! What is unchanged stands where it stood before, so that a part is copied from where it belongs:
//!
//! ```text
//! old object    |======================================|
//! changes                 ##                    #           ++++
//! new object    |========##====================#=======|++++|
//!
//! parts         |  copy  |sent |     copy    |sent| copy |sent|
//! ```
//!
//! Every part but the last has a size that the store takes: 5 MiB to 5 GiB. A change that is smaller
//! is sent with unchanged bytes before it, or after it where there are too few. What is sent in all is
//! the least that these sizes allow, as long as at most 4,000 unchanged ranges are large enough to be
//! copied, and there are parts enough for all. Above that, the shorter ranges are sent, too.

use std::ops::Range;

/// What the store takes, and what this side wants to hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The smallest part that is not the last.
    pub(super) least: u64,
    /// The largest part.
    pub(super) most: u64,
    /// How many parts there may be.
    pub(super) parts: usize,
    /// How large sent parts are, where that is legal.
    pub(super) sent: u64,
}

/// A part of the new object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// These bytes of the old object, copied on the server.
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

/// How many bytes a plan sends.
pub(super) fn sent(parts: &[Part]) -> u64 {
    let sent = parts.iter().filter(|part| matches!(part, Part::Send(_)));
    sent.map(|part| part.range().end - part.range().start).sum()
}

/// The maximum number of unchanged ranges that are looked at, the longest ones; the others are sent, whether that
/// is the least or not: the time that a plan takes is bounded.
const MAX_RANGES: usize = 4000;

/// The parts of an object of that size, of which these ranges are those of the old one: in ascending
/// order, none empty, none touching another. `None` if no plan has so few parts.
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

/// The same for a store that takes parts of one size only, but for the last: each is copied that did not
/// change at all. `None` if so few parts do not hold the object.
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

/// What a copy from that range has at least: the last part of the object may be of any size.
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
    /// Which range was copied last.
    range: usize,
    /// Where its copy begins; where it ends depends on what comes behind it.
    start: u64,
    /// What was sent before that.
    sent: u64,
    /// The state that this one continues, and where its copy ends.
    before: Option<(usize, u64)>,
}

/// What is copied, so that the least is sent: each within one of the ranges, and what lies between
/// two of them large enough for a part.
///
/// From one copied range to the next, what lacks in the gap is taken from the end of the first as
/// long as enough is left of it: it costs the same as the start of the next one, which then stays
/// whole. So for each range only the ways there matter that are not worse in both, what was sent and
/// where its copy begins.
fn copies(size: u64, ranges: &[Range<u64>], limits: Limits) -> Vec<Range<u64>> {
    let mut states: Vec<State> = Vec::new();
    // Where the states of each range begin.
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
            // A range as long as this is copied in any case: leaving it out would cost more.
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

/// The first copy.
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

/// The copy of a range after that of another.
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

/// The ways that are not worse than another in both.
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

/// The copies of the best way of all.
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

/// The copies and what is between them, cut into parts.
fn parts(size: u64, copies: &[Range<u64>], limits: Limits) -> Vec<Part> {
    let copied: u64 = copies.iter().map(length).sum();
    let copy_parts: u64 = copies
        .iter()
        .map(|copy| length(copy).div_ceil(limits.most))
        .sum();
    // Larger parts where there would be too many; a gap has one more than its share at most.
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

/// What is sent, in parts of about that size; only the last of the object may be a small one.
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

/// Cuts a range into `count` pieces whose sizes differ by at most a byte.
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
    reason = "one range is all that is meant"
)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    /// S3's.
    const S3: Limits = Limits {
        least: 5 * MIB,
        most: 5 * GIB,
        parts: 10_000,
        sent: 8 * MIB,
    };

    /// Small enough to try everything.
    const TINY: Limits = Limits {
        least: 3,
        most: 7,
        parts: 10_000,
        sent: 4,
    };

    /// Numbers that look random, the same in each run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound.max(1)
        }
    }

    /// The ranges of what is not changed.
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

    /// Every byte once, in order; only what is unchanged is copied; sizes that the store takes.
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

    /// The least that can be sent, found by trying every place where a part can end.
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
    fn every_plan_is_legal_and_sends_the_least_that_is_possible() {
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
    fn equal_plans_have_one_size_and_copy_each_part_that_did_not_change() {
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
    fn longer_plans_send_the_least_that_is_possible_too() {
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
    fn an_append_is_one_copy_and_what_is_new() {
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
    fn a_small_change_is_sent_with_what_is_before_it() {
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
        // At the start there is nothing before it.
        let parts = plan(GIB, &[1024..GIB], S3).unwrap();
        assert_eq!(parts, [Part::Send(0..5 * MIB), Part::Copy(5 * MIB..GIB)]);
    }

    #[test]
    fn what_is_too_small_to_be_copied_is_sent() {
        assert_eq!(
            plan(3 * MIB, &[0..2 * MIB], S3).unwrap(),
            [Part::Send(0..3 * MIB)]
        );
        assert_eq!(plan(0, &[], S3).unwrap(), []);
    }

    #[test]
    fn thousands_of_changes_fit_into_ten_thousand_parts() {
        // A byte in every 6 MiB of 100 GiB.
        let step = 6 * MIB;
        let size = 100 * GIB;
        let runs: Vec<_> = (0..size / step)
            .map(|n| n * step + 1..(n + 1) * step)
            .collect();
        let parts = plan(size, &runs, S3).unwrap();
        check(size, &runs, S3, &parts);
        // Nothing is left of it.
        let parts = plan(60 * 1024 * GIB / 10, &[], S3).unwrap();
        assert!(parts.len() <= 10_000);
        assert_eq!(plan(60 * 1024 * GIB, &[], S3), None);
    }
}
