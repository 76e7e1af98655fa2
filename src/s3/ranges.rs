//! Several ranges of one object, and the requests that serve them. Pure, except for [`S3Reader`]'s methods.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::s3::read::reader::S3Reader;
use crate::threads::ThreadPool;

/// Maximum gap between ranges that share a request. Another request would take longer than reading these bytes.
const GAP: u64 = 64 << 10;

/// Maximum length of ranges that are joined across a gap, so that several requests share the work.
const LONGEST: u64 = 8 << 20;

/// Reading at any position.
impl S3Reader {
    /// Reads bytes from `offset` on, until the buffer or the file ends. Returns their number: 0 only at the end of the
    /// file or for an empty buffer. Does not change the position of the reader.
    ///
    /// Makes one request.
    ///
    /// ```no_run
    /// use s3fs::{OpenOptions, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let archive = fs.open_read("backup.zip", &OpenOptions::new().first_window(0))?;
    /// let mut end = [0; 22];
    /// let count = archive.read_at(archive.size().saturating_sub(22), &mut end)?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceChanged`](ErrorKind::ResourceChanged) if the object was replaced after it was opened.
    #[doc(alias = "FileExt")]
    #[doc(alias = "pread")]
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.check_open()?;
        let left = self.size().saturating_sub(offset);
        let length = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if length > 0 {
            self.read_range(offset, &mut buffer[..length])
                .map_err(|error| self.about(error))?;
        }
        Ok(length)
    }

    /// Reads several ranges completely, and returns their bytes in the order of `ranges`. All bytes are of the object
    /// version that was opened. Does not change the position of the reader.
    ///
    /// Ranges that overlap, or are at most 64 KiB apart, share a request of up to 8 MiB. The requests are made in
    /// parallel, at most [`max_workers`](crate::S3FsBuilder::max_workers) at a time. An empty range takes no request.
    ///
    /// ```no_run
    /// use s3fs::{OpenOptions, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let file = fs.open_read("tiles.bin", &OpenOptions::new().first_window(0))?;
    /// let tiles = file.read_ranges(&[0..4096, 1_000_000..1_004_096])?;
    /// assert_eq!(tiles[1].len(), 4096);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a range that ends before it begins or after the end of the
    /// file, before any request. [`ResourceChanged`](ErrorKind::ResourceChanged) if the object was replaced after it
    /// was opened.
    pub fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        self.check_open()?;
        for range in ranges {
            if range.start > range.end || range.end > self.size() {
                return Err(
                    self.about(Error::new(ErrorKind::InvalidArgument).with_message(format!(
                        "{range:?} is not a range of a file of {} bytes",
                        self.size()
                    ))),
                );
            }
        }
        let groups = joined(ranges);
        let read = ThreadPool::new(self.workers()).try_map(&groups, |group| {
            let length = usize::try_from(group.end - group.start).map_err(|_| too_long())?;
            let mut bytes = vec![0; length];
            self.read_range(group.start, &mut bytes)?;
            Ok(bytes)
        });
        let read = read.map_err(|error| self.about(error))?;
        let mut results = vec![Vec::new(); ranges.len()];
        for (group, bytes) in groups.iter().zip(read) {
            group.share(ranges, bytes, &mut results);
        }
        Ok(results)
    }
}

fn too_long() -> Error {
    Error::new(ErrorKind::InvalidArgument)
        .with_message("the range does not fit into the memory of this machine")
}

/// Ranges that are read by one request.
#[derive(Debug, PartialEq)]
struct Group {
    start: u64,
    end: u64,
    /// Indexes of the ranges.
    members: Vec<usize>,
}

impl Group {
    /// Copies the bytes of the group to the result of each range.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each range is within the group, whose bytes are in memory"
    )]
    fn share(&self, ranges: &[Range<u64>], bytes: Vec<u8>, results: &mut [Vec<u8>]) {
        if let [only] = self.members[..] {
            results[only] = bytes;
            return;
        }
        for &member in &self.members {
            let range = &ranges[member];
            let start = (range.start - self.start) as usize;
            let end = (range.end - self.start) as usize;
            results[member] = bytes[start..end].to_vec();
        }
    }
}

/// Returns the requests that serve these ranges, in the order of the file.
fn joined(ranges: &[Range<u64>]) -> Vec<Group> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.retain(|index| !ranges[*index].is_empty());
    order.sort_by_key(|index| (ranges[*index].start, ranges[*index].end));
    let mut groups: Vec<Group> = Vec::new();
    for index in order {
        let range = &ranges[index];
        match groups.last_mut() {
            Some(group)
                if range.start < group.end
                    || range.start - group.end <= GAP && range.end - group.start <= LONGEST =>
            {
                group.end = group.end.max(range.end);
                group.members.push(index);
            }
            _ => groups.push(Group {
                start: range.start,
                end: range.end,
                members: vec![index],
            }),
        }
    }
    groups
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use super::*;

    fn group(start: u64, end: u64, members: &[usize]) -> Group {
        Group {
            start,
            end,
            members: members.to_vec(),
        }
    }

    #[test]
    fn only_adjacent_ranges_share_a_request() {
        assert_eq!(joined(&[]), []);
        assert_eq!(joined(&[5..5]), []);
        assert_eq!(joined(&[0..10]), [group(0, 10, &[0])]);
        // Unordered, overlapping, nested, and duplicate ranges.
        assert_eq!(joined(&[8..20, 0..10]), [group(0, 20, &[1, 0])]);
        assert_eq!(joined(&[0..100, 10..20]), [group(0, 100, &[0, 1])]);
        assert_eq!(joined(&[3..4, 3..4]), [group(3, 4, &[0, 1])]);
        let (near, far) = (10 + GAP, 11 + GAP);
        assert_eq!(joined(&[0..10, near..far]), [group(0, far, &[0, 1])]);
        assert_eq!(
            joined(&[0..10, far..far + 1]),
            [group(0, 10, &[0]), group(far, far + 1, &[1])]
        );
        // Long ranges are not joined.
        assert_eq!(
            joined(&[0..LONGEST, LONGEST..LONGEST + 1]),
            [group(0, LONGEST, &[0]), group(LONGEST, LONGEST + 1, &[1])]
        );
    }

    #[test]
    fn each_range_gets_its_own_bytes() {
        let content: Vec<u8> = (0..=255).collect();
        let ranges = [10..20, 0..5, 15..30, 7..7, 250..256];
        let mut results = vec![Vec::new(); ranges.len()];
        for group in joined(&ranges) {
            let bytes = content[group.start as usize..group.end as usize].to_vec();
            group.share(&ranges, bytes, &mut results);
        }
        for (range, result) in ranges.iter().zip(results) {
            assert_eq!(result, content[range.start as usize..range.end as usize]);
        }
    }
}
