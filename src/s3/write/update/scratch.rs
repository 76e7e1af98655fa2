//! [`Scratch`]: written bytes that are not stored yet, in memory up to a limit, then in a temporary file that no other
//! user can open.
#![expect(
    clippy::cast_possible_truncation,
    reason = "the values that are cast are within a region of 256 KiB"
)]

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::error::{Error, ErrorKind};
use crate::temporary::{Purpose, TemporaryFile};

/// The temporary file, in its errors.
const PURPOSE: Purpose = Purpose {
    data: "the written data",
    effect: "nothing was stored",
};

/// Maximum memory in bytes: 16 MiB.
const MAX_MEMORY_BYTES: usize = 16 << 20;

/// Number of bytes of the file in a page.
const PAGE: usize = 4 << 10;

/// Maximum number of pages in memory, with their bits and their entries in the map.
const MAX_PAGES: usize = MAX_MEMORY_BYTES / (PAGE + PAGE / 8 + 64);

/// Number of bytes of the file in a region of the temporary file.
const REGION: u64 = 256 << 10;

/// Size of the bits of a region, which are stored before its bytes.
const REGION_BITS: u64 = REGION / 8;

/// Size of a region in the temporary file. Unwritten bytes take no room on most disks.
const SLOT: u64 = REGION_BITS + REGION;

/// Number of bytes of the file whose bits are read at a time.
const BLOCK: u64 = 32 << 10;

/// Written bytes by their position in the file, with one bit for each byte that shows whether it was written. The size
/// does not depend on the number of writes.
pub(super) enum Scratch {
    Memory(BTreeMap<u64, Box<Page>>),
    Disk(Regions),
}

/// Bytes of the file, and the bits that show which of them were written.
pub(super) struct Page {
    bytes: [u8; PAGE],
    bits: [u8; PAGE / 8],
}

/// Parts of the file that are in a temporary file.
pub(super) struct Regions {
    file: TemporaryFile,
    /// The slot of each region.
    slots: BTreeMap<u64, u64>,
    /// Slots freed by truncation.
    free: Vec<u64>,
    /// Number of slots of the temporary file.
    count: u64,
    /// The bits that were read last, and their position.
    block: Option<(u64, Vec<u8>)>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::Memory(BTreeMap::new())
    }
}

impl Scratch {
    #[cfg(test)]
    pub(super) fn is_on_disk(&self) -> bool {
        matches!(self, Self::Disk(_))
    }

    /// Writes bytes at `position`.
    ///
    /// # Errors
    ///
    /// Errors of the disk, such as a full one.
    pub(super) fn write(&mut self, mut position: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let regions = match self {
                Self::Disk(regions) => regions,
                Self::Memory(pages) => {
                    let (number, at) = (position / PAGE as u64, place(position, PAGE as u64));
                    if pages.len() >= MAX_PAGES && !pages.contains_key(&number) {
                        *self = Self::Disk(Regions::of(std::mem::take(pages))?);
                        continue;
                    }
                    let page = pages.entry(number).or_insert_with(Page::empty);
                    let (now, later) = bytes.split_at(bytes.len().min(PAGE - at));
                    page.bytes[at..at + now.len()].copy_from_slice(now);
                    fill_bits(&mut page.bits, at..at + now.len(), true);
                    position += now.len() as u64;
                    bytes = later;
                    continue;
                }
            };
            return regions.write(position, bytes);
        }
        Ok(())
    }

    /// Returns whether the byte at `position` was written, and a position up to which all bytes have this state.
    ///
    /// # Errors
    ///
    /// Errors of the disk.
    pub(super) fn run(&mut self, position: u64) -> io::Result<(bool, u64)> {
        let pages = match self {
            Self::Disk(regions) => return regions.run(position),
            Self::Memory(pages) => pages,
        };
        let size = PAGE as u64;
        let number = position / size;
        let Some(page) = pages.get(&number) else {
            let next = pages.range(number..).next();
            return Ok((false, next.map_or(u64::MAX, |(next, _)| next * size)));
        };
        let (is_written, end) = run_of(&page.bits, place(position, size));
        Ok((is_written, number * size + end as u64))
    }

    /// Reads bytes from `position` on, until the buffer is full. All of them must have been written.
    ///
    /// # Errors
    ///
    /// Errors of the disk.
    pub(super) fn read(&mut self, mut position: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        let pages = match self {
            Self::Disk(regions) => return regions.read(position, buffer),
            Self::Memory(pages) => pages,
        };
        while !buffer.is_empty() {
            let at = place(position, PAGE as u64);
            let page = pages.get(&(position / PAGE as u64)).ok_or_else(lost)?;
            let (now, later) = buffer.split_at_mut(buffer.len().min(PAGE - at));
            now.copy_from_slice(&page.bytes[at..at + now.len()]);
            position += now.len() as u64;
            buffer = later;
        }
        Ok(())
    }

    /// Removes written bytes from `position` on, and frees their room.
    ///
    /// # Errors
    ///
    /// Errors of the disk.
    pub(super) fn cut(&mut self, position: u64) -> io::Result<()> {
        let pages = match self {
            Self::Disk(regions) => return regions.cut(position),
            Self::Memory(pages) => pages,
        };
        let at = place(position, PAGE as u64);
        drop(pages.split_off(&position.div_ceil(PAGE as u64)));
        if let Some(page) = pages.get_mut(&(position / PAGE as u64)) {
            fill_bits(&mut page.bits, at..PAGE, false);
        }
        Ok(())
    }
}

impl Page {
    fn empty() -> Box<Self> {
        Box::new(Self {
            bytes: [0; PAGE],
            bits: [0; PAGE / 8],
        })
    }
}

impl Regions {
    /// Creates a temporary file with the bytes that were in memory.
    fn of(mut pages: BTreeMap<u64, Box<Page>>) -> io::Result<Self> {
        let mut regions = Self {
            file: TemporaryFile::create(PURPOSE)?,
            slots: BTreeMap::new(),
            free: Vec::new(),
            count: 0,
            block: None,
        };
        while let Some((number, page)) = pages.pop_first() {
            let mut at = 0;
            while at < PAGE {
                let (is_written, end) = run_of(&page.bits, at);
                if is_written {
                    regions.write(number * PAGE as u64 + at as u64, &page.bytes[at..end])?;
                }
                at = end;
            }
        }
        Ok(regions)
    }

    /// Returns the start of the slot of a region, and creates the slot if it does not exist.
    fn make_slot(&mut self, region: u64) -> io::Result<u64> {
        if let Some(slot) = self.slots.get(&region) {
            return Ok(slot * SLOT);
        }
        let slot = match self.free.pop() {
            Some(slot) => {
                self.file
                    .write_at(slot * SLOT, &[0; REGION_BITS as usize])?;
                slot
            }
            None => {
                let slot = self.count;
                self.file.set_len((slot + 1) * SLOT)?;
                self.count += 1;
                slot
            }
        };
        self.slots.insert(region, slot);
        Ok(slot * SLOT)
    }

    /// Returns the bits around `position`, in an existing slot, and their position in the temporary file.
    fn block(&mut self, slot: u64, position: u64) -> io::Result<(u64, &mut Vec<u8>)> {
        let at = slot + position % REGION / BLOCK * (BLOCK / 8);
        let block = match self.block.take() {
            Some((there, bits)) if there == at => bits,
            other => {
                let mut bits = other.map(|(_, bits)| bits).unwrap_or_default();
                bits.resize((BLOCK / 8) as usize, 0);
                self.file.read_at(at, &mut bits)?;
                bits
            }
        };
        let (_, bits) = self.block.insert((at, block));
        Ok((at, bits))
    }

    /// Sets the bits of a range within one block.
    fn mark(&mut self, slot: u64, range: Range<u64>, is_written: bool) -> io::Result<()> {
        let (at, bits) = self.block(slot, range.start)?;
        let first = place(range.start, BLOCK);
        let end = first + (range.end - range.start) as usize;
        fill_bits(bits, first..end, is_written);
        let changed = first / 8..end.div_ceil(8);
        let (start, changed) = (changed.start as u64, bits[changed].to_vec());
        self.file.write_at(at + start, &changed)
    }

    fn write(&mut self, mut position: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let slot = self.make_slot(position / REGION)?;
            let room = BLOCK as usize - place(position, BLOCK);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let at = slot + REGION_BITS + position % REGION;
            self.file.write_at(at, now)?;
            let end = position + now.len() as u64;
            self.mark(slot, position..end, true)?;
            position = end;
            bytes = later;
        }
        Ok(())
    }

    fn run(&mut self, position: u64) -> io::Result<(bool, u64)> {
        let region = position / REGION;
        let Some(slot) = self.slots.get(&region) else {
            let next = self.slots.range(region..).next();
            return Ok((false, next.map_or(u64::MAX, |(next, _)| next * REGION)));
        };
        let slot = slot * SLOT;
        let (_, bits) = self.block(slot, position)?;
        let (is_written, end) = run_of(bits, place(position, BLOCK));
        Ok((is_written, position / BLOCK * BLOCK + end as u64))
    }

    fn read(&mut self, mut position: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let slot = self.slots.get(&(position / REGION)).ok_or_else(lost)?;
            let room = (REGION - position % REGION).min(buffer.len() as u64) as usize;
            let (now, later) = buffer.split_at_mut(room);
            let at = slot * SLOT + REGION_BITS + position % REGION;
            self.file.read_at(at, now)?;
            position += now.len() as u64;
            buffer = later;
        }
        Ok(())
    }

    fn cut(&mut self, position: u64) -> io::Result<()> {
        let gone = self.slots.split_off(&position.div_ceil(REGION));
        self.block = None;
        if self.slots.is_empty() {
            self.free = Vec::new();
            self.count = 0;
            return self.file.set_len(0);
        }
        self.free.extend(gone.into_values());
        let Some(slot) = self.slots.get(&(position / REGION)) else {
            return Ok(());
        };
        let slot = slot * SLOT;
        let end = position.next_multiple_of(REGION);
        let mut start = position;
        while start < end {
            let next = (start / BLOCK + 1) * BLOCK;
            self.mark(slot, start..next, false)?;
            start = next;
        }
        Ok(())
    }
}

/// Returns the offset of a position in its page, block or region of `size` bytes.
fn place(position: u64, size: u64) -> usize {
    // The size is at most 256 KiB.
    (position % size) as usize
}

/// Sets or clears the bits of a range.
fn fill_bits(bits: &mut [u8], range: Range<usize>, is_set: bool) {
    let mut at = range.start;
    while at < range.end {
        let (first, count) = (at % 8, (8 - at % 8).min(range.end - at));
        let mask = (0xff_u8 >> (8 - count)) << first;
        match is_set {
            true => bits[at / 8] |= mask,
            false => bits[at / 8] &= !mask,
        }
        at += count;
    }
}

/// Returns the bit at an index, and the end of the run of equal bits.
fn run_of(bits: &[u8], at: usize) -> (bool, usize) {
    let bit = |at: usize| bits[at / 8] >> (at % 8) & 1 == 1;
    let is_set = bit(at);
    let same = if is_set { 0xff } else { 0 };
    let mut end = at + 1;
    while end < bits.len() * 8 {
        if end.is_multiple_of(8) && bits[end / 8] == same {
            end += 8;
        } else if bit(end) == is_set {
            end += 1;
        } else {
            break;
        }
    }
    (is_set, end)
}

fn lost() -> io::Error {
    Error::new(ErrorKind::OperationFailed)
        .with_message("data written to memory or the temporary file is missing")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_set_and_found() {
        for (start, end) in [(0, 1), (3, 5), (7, 9), (0, 64), (8, 16), (5, 61)] {
            let mut bits = [0; 8];
            fill_bits(&mut bits, start..end, true);
            let expected: Vec<bool> = (0..64).map(|at| (start..end).contains(&at)).collect();
            for at in 0..64 {
                let same = expected[at..]
                    .iter()
                    .take_while(|bit| **bit == expected[at]);
                assert_eq!(run_of(&bits, at), (expected[at], at + same.count()));
            }
            fill_bits(&mut bits, start..end, false);
            assert_eq!(bits, [0; 8]);
        }
    }

    #[test]
    fn a_million_scattered_writes_stay_within_the_memory_limit() {
        let mut scratch = Scratch::default();
        for at in 0..1_000_000 {
            scratch.write(at * 50, &[1]).unwrap();
            if let Scratch::Memory(pages) = &scratch {
                assert!(pages.len() * size_of::<Page>() <= MAX_MEMORY_BYTES);
            }
        }
        let Scratch::Disk(regions) = &mut scratch else {
            panic!("it is on the disk")
        };
        assert_eq!(regions.slots.len() as u64, 49_999_951_u64.div_ceil(REGION));
        assert_eq!(regions.run(49_999_950).unwrap(), (true, 49_999_951));
        assert!(!regions.run(49_999_949).unwrap().0);
    }

    #[test]
    fn rewriting_takes_no_more_room_on_the_disk() {
        let mut scratch = Scratch::default();
        let block = vec![7; 1 << 20];
        for round in 0..5 {
            for part in 0..20 {
                scratch.write(part << 20, &block).unwrap();
            }
            let Scratch::Disk(regions) = &mut scratch else {
                panic!("it is on the disk")
            };
            assert_eq!(regions.count, 80, "{round}");
            assert_eq!(regions.file.size().unwrap(), 80 * SLOT);
            // Truncates all of it, or half of it.
            scratch.cut(if round < 3 { 0 } else { 10 << 20 }).unwrap();
        }
    }
}
