//! [`Overlay`]: the bytes written over an object, and the ranges in which the object is unchanged.

use std::io;
use std::ops::Range;

use crate::s3::write::update::scratch::Scratch;

/// The content of a changed file: written bytes, and the old object's bytes everywhere else.
pub(super) struct Overlay {
    size: u64,
    /// The end of the old object's bytes. Bytes that were truncated do not return.
    old: u64,
    /// Written bytes. None is after the end of the file.
    scratch: Scratch,
}

/// The kind of content at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The old object's bytes, at the same position.
    Old,
    Zeros,
    /// Written bytes. See [`Overlay::read_written`].
    Written,
}

impl Overlay {
    /// Returns an overlay without changes over an old object of `old` bytes.
    pub(super) fn new(old: u64) -> Self {
        Self {
            size: old,
            old,
            scratch: Scratch::default(),
        }
    }

    /// Returns the size of the file in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the kind of content at `position`, which is within the file, and a position up to which it is of that
    /// kind.
    ///
    /// # Errors
    ///
    /// Errors of the disk. This applies to the methods below, too.
    pub(super) fn at(&mut self, position: u64) -> io::Result<(Content, u64)> {
        let (is_written, end) = self.scratch.run(position)?;
        let end = end.min(self.size);
        Ok(match position < self.old {
            _ if is_written => (Content::Written, end),
            true => (Content::Old, end.min(self.old)),
            false => (Content::Zeros, end),
        })
    }

    /// Returns the ranges of the old object's bytes within `range`, which is within the file, in ascending order. Ranges
    /// that are at most `near` bytes apart are joined.
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

    /// Reads written bytes at `position`.
    pub(super) fn read_written(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.scratch.read(position, buffer)
    }

    /// Writes bytes at `position`. Bytes between the end of the file and `position` become zeros. After an error,
    /// the content is not the intended one.
    pub(super) fn write(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.scratch.write(position, bytes)?;
        self.size = self.size.max(position + bytes.len() as u64);
        Ok(())
    }

    /// Truncates the file, or extends it with zeros.
    pub(super) fn set_len(&mut self, size: u64) -> io::Result<()> {
        if size < self.size {
            self.scratch.cut(size)?;
            self.old = self.old.min(size);
        }
        self.size = size;
        Ok(())
    }

    /// Returns the ranges of the old object's bytes, in ascending order: those of at least `least` bytes, and the last
    /// one of any length if it reaches the end of the file.
    pub(super) fn unchanged(&mut self, least: u64) -> io::Result<Vec<Range<u64>>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let mut position = 0;
        while position < self.old {
            let (content, end) = self.at(position)?;
            if content == Content::Old {
                // The previous range is complete if this one does not touch it.
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

/// Adds a range after the others. Extends the last one if at most `near` bytes are between.
fn join(ranges: &mut Vec<Range<u64>>, range: Range<u64>, near: u64) {
    match ranges.last_mut() {
        Some(last) if range.start - last.end <= near => last.end = range.end,
        _ => ranges.push(range),
    }
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "a slice with a single range is intended"
)]
mod tests {
    use super::*;

    /// Returns the content of the file over the old object's bytes `old`.
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
    fn random_changes_have_the_same_result_as_in_a_vec() {
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
    fn changes_that_do_not_fit_into_memory_have_the_same_result() {
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
    fn random_changes_on_the_disk_have_the_same_result_as_in_a_vec() {
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
    fn nearby_ranges_are_merged() {
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
    fn truncated_bytes_do_not_come_back() {
        let mut overlay = Overlay::new(10);
        overlay.set_len(4).unwrap();
        overlay.set_len(8).unwrap();
        assert_eq!(content(&mut overlay, b"0123456789"), b"0123\0\0\0\0");
        assert_eq!(overlay.unchanged(1).unwrap(), [0..4]);
    }
}
