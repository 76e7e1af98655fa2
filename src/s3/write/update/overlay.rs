//! [`Overlay`]: what was written over an object, and where the object still shows.

use std::io;
use std::ops::Range;

use crate::s3::write::update::scratch::Scratch;

/// The content of a file that is changed: the old object's, where nothing was written over it.
pub(super) struct Overlay {
    size: u64,
    /// Up to here the old object shows through. What was cut off does not come back.
    old: u64,
    /// Nothing of it is behind the end of the file.
    scratch: Scratch,
}

/// What stands at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The old object's bytes, at the same position.
    Old,
    Zeros,
    /// What was written: see [`Overlay::read_written`].
    Written,
}

impl Overlay {
    /// Nothing over an old object of that size.
    pub(super) fn new(old: u64) -> Self {
        Self {
            size: old,
            old,
            scratch: Scratch::default(),
        }
    }

    /// The size of the file, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What stands at that position, which lies within the file, and up to where at least.
    ///
    /// # Errors
    ///
    /// Errors of the disk, here and below.
    pub(super) fn at(&mut self, position: u64) -> io::Result<(Content, u64)> {
        let (is_written, end) = self.scratch.run(position)?;
        let end = end.min(self.size);
        Ok(match position < self.old {
            _ if is_written => (Content::Written, end),
            true => (Content::Old, end.min(self.old)),
            false => (Content::Zeros, end),
        })
    }

    /// Where in that range, which lies within the file, the old object shows: in ascending order, and
    /// as one where at most `near` bytes are between.
    pub(super) fn old_in(&mut self, range: &Range<u64>, near: u64) -> io::Result<Vec<Range<u64>>> {
        let mut old: Vec<Range<u64>> = Vec::new();
        let mut position = range.start;
        while position < range.end.min(self.old) {
            let (content, end) = self.at(position)?;
            let end = end.min(range.end);
            if content == Content::Old {
                join(&mut old, position..end, near);
            }
            position = end;
        }
        Ok(old)
    }

    /// Reads what was written at that position.
    pub(super) fn read_written(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.scratch.read(position, buffer)
    }

    /// Writes bytes at that position. What is between the end and there becomes zeros. After an error,
    /// the content is not what was meant.
    pub(super) fn write(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.scratch.write(position, bytes)?;
        self.size = self.size.max(position + bytes.len() as u64);
        Ok(())
    }

    /// Cuts the file, or fills it up with zeros.
    pub(super) fn set_len(&mut self, size: u64) -> io::Result<()> {
        if size < self.size {
            self.scratch.cut(size)?;
            self.old = self.old.min(size);
        }
        self.size = size;
        Ok(())
    }

    /// Where the old object shows, in ascending order: stretches of `least` bytes, and what the file ends
    /// with.
    pub(super) fn unchanged(&mut self, least: u64) -> io::Result<Vec<Range<u64>>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let mut position = 0;
        while position < self.old {
            let (content, end) = self.at(position)?;
            if content == Content::Old {
                // The one before is whole once another one does not touch it.
                ranges.pop_if(|last| last.end < position && last.end - last.start < least);
                join(&mut ranges, position..end, 0);
            }
            position = end;
        }
        let size = self.size;
        ranges.pop_if(|last| last.end != size && last.end - last.start < least);
        Ok(ranges)
    }
}

/// Adds a range behind the others: to the last one if at most `near` bytes are between.
fn join(ranges: &mut Vec<Range<u64>>, range: Range<u64>, near: u64) {
    match ranges.last_mut() {
        Some(last) if range.start - last.end <= near => last.end = range.end,
        _ => ranges.push(range),
    }
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "one range is all that is meant"
)]
mod tests {
    use super::*;

    /// The content of the file, with the old object's bytes as they are given.
    fn content(overlay: &mut Overlay, old: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < overlay.size() {
            let position = bytes.len();
            let (content, end) = overlay.at(position as u64).unwrap();
            assert!(end > position as u64 && end <= overlay.size());
            let end = usize::try_from(end).unwrap();
            match content {
                Content::Old => bytes.extend_from_slice(&old[position..end]),
                Content::Zeros => bytes.resize(end, 0),
                Content::Written => {
                    let mut written = vec![0; end - position];
                    overlay.read_written(position as u64, &mut written).unwrap();
                    bytes.extend(written);
                }
            }
        }
        bytes
    }

    #[test]
    fn random_changes_give_what_the_same_changes_give_to_a_vec() {
        let mut seed = 3_u64;
        let mut random = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % bound.max(1) as u64) as usize
        };
        for _ in 0..500 {
            let old: Vec<u8> = (0..random(60)).map(|n| n as u8 + 100).collect();
            let mut overlay = Overlay::new(old.len() as u64);
            let mut model = old.clone();
            for round in 1..30 {
                if random(5) == 0 {
                    let size = random(80);
                    overlay.set_len(size as u64).unwrap();
                    model.resize(size, 0);
                } else {
                    let at = random(70);
                    let bytes = vec![round; random(20)];
                    overlay.write(at as u64, &bytes).unwrap();
                    if !bytes.is_empty() {
                        model.resize(model.len().max(at + bytes.len()), 0);
                        model[at..at + bytes.len()].copy_from_slice(&bytes);
                    }
                }
                assert_eq!(content(&mut overlay, &old), model);
                let unchanged = overlay.unchanged(1).unwrap();
                for range in &unchanged {
                    let range = range.start as usize..range.end as usize;
                    assert_eq!(model[range.clone()], old[range]);
                }
                let touching = unchanged.windows(2).any(|two| two[0].end >= two[1].start);
                assert!(!touching, "{unchanged:?}");
            }
        }
    }

    #[test]
    fn changes_that_do_not_fit_into_memory_are_the_same() {
        const SIZE: usize = 40 << 20;
        let old = vec![1; SIZE];
        let mut overlay = Overlay::new(SIZE as u64);
        let mut model = old.clone();
        let write = |overlay: &mut Overlay, model: &mut Vec<u8>, at: usize, bytes: &[u8]| {
            overlay.write(at as u64, bytes).unwrap();
            model.resize(model.len().max(at + bytes.len()), 0);
            model[at..at + bytes.len()].copy_from_slice(bytes);
        };
        for at in (0..SIZE).step_by(4099) {
            write(&mut overlay, &mut model, at, &[2, 3]);
        }
        write(&mut overlay, &mut model, (4 << 20) - 7, &vec![4; 9 << 20]);
        for size in [30 << 20, SIZE + 5, (20 << 20) + 3, 21 << 20] {
            overlay.set_len(size as u64).unwrap();
            model.resize(size, 0);
            write(&mut overlay, &mut model, size + 10, b"end");
            assert!(content(&mut overlay, &old) == model, "{size}");
        }
        let least = 4000;
        let unchanged = overlay.unchanged(least).unwrap();
        assert!(
            unchanged
                .iter()
                .all(|range| range.end - range.start >= least)
        );
        let all = overlay.unchanged(1).unwrap();
        let long = all
            .into_iter()
            .filter(|range| range.end - range.start >= least);
        assert_eq!(unchanged, long.collect::<Vec<_>>());
        let near = overlay.old_in(&(0..4 << 20), 2).unwrap();
        assert_eq!(near, [2..(4 << 20) - 7]);
    }

    #[test]
    fn random_changes_on_the_disk_give_what_the_same_changes_give_to_a_vec() {
        let mut seed = 5_u64;
        let mut random = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % bound as u64) as usize
        };
        let old: Vec<u8> = (0..900_000).map(|at| (at % 7) as u8).collect();
        let mut overlay = Overlay::new(old.len() as u64);
        for at in (0..20 << 20).step_by(4 << 10) {
            overlay.write(at, &[9]).unwrap();
        }
        assert!(overlay.scratch.is_on_disk());
        overlay.set_len(800_000).unwrap();
        let mut model = old.clone();
        model.truncate(800_000);
        for at in (0..800_000).step_by(4 << 10) {
            model[at] = 9;
        }
        for round in 0..200 {
            match random(4) {
                0 => {
                    let size = random(1_200_000);
                    overlay.set_len(size as u64).unwrap();
                    model.resize(size, 0);
                }
                kind => {
                    let at = random(1_000_000);
                    let length = 1 + random(if kind == 1 { 300_000 } else { 20 });
                    let bytes = vec![10 + round as u8; length];
                    overlay.write(at as u64, &bytes).unwrap();
                    model.resize(model.len().max(at + length), 0);
                    model[at..at + length].copy_from_slice(&bytes);
                }
            }
            assert!(content(&mut overlay, &old) == model, "{round}");
        }
    }

    #[test]
    fn ranges_that_are_near_are_one() {
        let check = |given: &[(u64, u64)], near, expected: &[(u64, u64)]| {
            let mut joined = Vec::new();
            for (start, end) in given {
                join(&mut joined, *start..*end, near);
            }
            let expected: Vec<_> = expected.iter().map(|(start, end)| *start..*end).collect();
            assert_eq!(joined, expected);
        };
        check(&[], 5, &[]);
        check(&[(0, 1)], 0, &[(0, 1)]);
        check(&[(0, 1), (6, 7), (12, 20)], 5, &[(0, 20)]);
        check(&[(0, 1), (7, 8), (9, 10)], 5, &[(0, 1), (7, 10)]);
        check(&[(0, 1), (2, 3)], 0, &[(0, 1), (2, 3)]);
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut overlay = Overlay::new(10);
        overlay.set_len(4).unwrap();
        overlay.set_len(8).unwrap();
        assert_eq!(content(&mut overlay, b"0123456789"), b"0123\0\0\0\0");
        assert_eq!(overlay.unchanged(1).unwrap(), [0..4]);
    }
}
