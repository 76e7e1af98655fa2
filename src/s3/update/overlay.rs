//! [`Overlay`]: what was written over an object, and where the object still shows.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use super::scratch::Scratch;

/// The content of a file that is changed: the old object's, where nothing was written over it.
pub(super) struct Overlay {
    size: u64,
    /// Up to here the old object shows through. What was cut off does not come back.
    old: u64,
    /// By where they begin; none is empty, and no two overlap.
    changes: BTreeMap<u64, Change>,
    scratch: Scratch,
}

/// Bytes that are not the old object's.
#[derive(Clone, Copy, Debug)]
struct Change {
    length: u64,
    content: New,
}

#[derive(Clone, Copy, Debug)]
enum New {
    /// What was written, from that offset of the scratch on.
    Written(u64),
    Zeros,
}

/// What stands at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The old object's bytes, at the same position.
    Old,
    Zeros,
    /// What was written: an offset for [`Overlay::read_written`].
    Written(u64),
}

impl Overlay {
    /// Nothing over an old object of that size.
    pub(super) fn new(old: u64) -> Self {
        Self {
            size: old,
            old,
            changes: BTreeMap::new(),
            scratch: Scratch::default(),
        }
    }

    /// The size of the file, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What stands at that position, which lies within the file, and up to where.
    pub(super) fn at(&self, position: u64) -> (Content, u64) {
        let before = self.changes.range(..=position).next_back();
        if let Some((start, change)) = before
            && position < start + change.length
        {
            let content = match change.content {
                New::Zeros => Content::Zeros,
                New::Written(offset) => Content::Written(offset + (position - start)),
            };
            return (content, start + change.length);
        }
        let next = self.changes.range(position..).next();
        let end = next.map_or(self.size, |(start, _)| *start);
        match position < self.old {
            true => (Content::Old, end.min(self.old)),
            false => (Content::Zeros, end),
        }
    }

    /// Where in that range, which lies within the file, the old object shows: in ascending order.
    pub(super) fn old_in(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut old = Vec::new();
        let mut position = range.start;
        while position < range.end {
            let (content, end) = self.at(position);
            let end = end.min(range.end);
            if content == Content::Old {
                old.push(position..end);
            }
            position = end;
        }
        old
    }

    /// Reads what was written.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub(super) fn read_written(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.scratch.read_at(offset, buffer)
    }

    /// Writes bytes at that position. What is between the end and there becomes zeros.
    ///
    /// # Errors
    ///
    /// What the disk says; the content is then not what was meant.
    pub(super) fn write(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if position > self.size {
            self.set_len(position);
        }
        let mut at = position;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (content, end) = match at < self.size {
                true => self.at(at),
                false => (Content::Zeros, u64::MAX),
            };
            let count = usize::try_from(end - at).map_or(rest.len(), |room| room.min(rest.len()));
            let (now, later) = rest.split_at(count);
            match content {
                Content::Written(offset) => self.scratch.write_at(offset, now)?,
                Content::Old | Content::Zeros => {
                    let offset = self.scratch.append(now)?;
                    self.put(at, now.len() as u64, offset);
                }
            }
            at += count as u64;
            rest = later;
            self.size = self.size.max(at);
        }
        Ok(())
    }

    /// Takes note of what was written where no written bytes were.
    fn put(&mut self, start: u64, length: u64, offset: u64) {
        self.clear(start..start + length);
        let before = self.changes.range_mut(..start).next_back();
        if let Some((before, change)) = before
            && before + change.length == start
            && let New::Written(written) = change.content
            && written + change.length == offset
        {
            change.length += length;
            return;
        }
        let content = New::Written(offset);
        self.changes.insert(start, Change { length, content });
    }

    /// Takes changes away from a range, those in part that reach over its ends.
    fn clear(&mut self, range: Range<u64>) {
        let overlapping: Vec<(u64, Change)> = self
            .changes
            .range(..range.end)
            .rev()
            .map(|(start, change)| (*start, *change))
            .take_while(|(start, change)| start + change.length > range.start)
            .collect();
        for (start, change) in overlapping {
            self.changes.remove(&start);
            let end = start + change.length;
            if start < range.start {
                let length = range.start - start;
                self.changes.insert(start, Change { length, ..change });
            }
            if end > range.end {
                let content = match change.content {
                    New::Zeros => New::Zeros,
                    New::Written(offset) => New::Written(offset + (range.end - start)),
                };
                let length = end - range.end;
                self.changes.insert(range.end, Change { length, content });
            }
        }
    }

    /// Cuts the file, or fills it up with zeros.
    pub(super) fn set_len(&mut self, size: u64) {
        if size < self.size {
            self.clear(size..self.size);
            self.old = self.old.min(size);
        } else if size > self.size {
            let change = Change {
                length: size - self.size,
                content: New::Zeros,
            };
            self.changes.insert(self.size, change);
        }
        self.size = size;
    }

    /// Where the old object shows, in ascending order.
    pub(super) fn unchanged(&self) -> Vec<Range<u64>> {
        let mut ranges = Vec::new();
        let mut position = 0;
        for (start, change) in &self.changes {
            if position < (*start).min(self.old) {
                ranges.push(position..(*start).min(self.old));
            }
            position = start + change.length;
        }
        if position < self.old {
            ranges.push(position..self.old);
        }
        ranges
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
            let (content, end) = overlay.at(position as u64);
            assert!(end > position as u64 && end <= overlay.size());
            let end = usize::try_from(end).unwrap();
            match content {
                Content::Old => bytes.extend_from_slice(&old[position..end]),
                Content::Zeros => bytes.resize(end, 0),
                Content::Written(offset) => {
                    let mut written = vec![0; end - position];
                    overlay.read_written(offset, &mut written).unwrap();
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
                    overlay.set_len(size as u64);
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
                let unchanged = overlay.unchanged();
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
    fn writing_over_what_was_written_takes_no_more_room() {
        let mut overlay = Overlay::new(10);
        for _ in 0..100 {
            overlay.write(2, b"hello").unwrap();
        }
        assert_eq!(overlay.scratch.append(b"").unwrap(), 5);
        overlay.write(0, b"all of it").unwrap();
        assert_eq!(overlay.scratch.append(b"").unwrap(), 9);
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut overlay = Overlay::new(10);
        overlay.set_len(4);
        overlay.set_len(8);
        assert_eq!(content(&mut overlay, b"0123456789"), b"0123\0\0\0\0");
        assert_eq!(overlay.unchanged(), [0..4]);
    }
}
