//! [`S3Updater`]: a file opened with `a`, `r+`, `a+`, `w+` or `x+`. `close` merges its changes with the object and stores
//! the result.

mod old;
mod overlay;
mod plan;
mod scratch;

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::file::{self, File};
use crate::filesystem::mode::Mode;
use crate::s3::api::{Condition, check_object_size, is_gone, wants_equal_parts};
use crate::s3::limits::MAX_PART_BYTES;
use crate::s3::write::part_queue::PartQueue;
use crate::s3::write::part_size::PartSizes;
use crate::s3::write::publish::Target;
pub(in crate::s3) use old::Old;
use overlay::{Content, Overlay};
use plan::{Limits, Part, plan, plan_equal};

/// Maximum gap between unchanged bytes of a part that are read in one request. Reading the gap costs less than another
/// request.
const NEAR: u64 = 64 << 10;

/// A file opened with `a`, `r+`, `a+`, `w+` or `x+`. Reads see the written bytes over the object. [`close`](File::close)
/// stores both as one object. Others see no change before that.
///
/// For a large object, only the changes are sent. `close` creates the new object from parts, and the server copies
/// unchanged parts from the old object. Parts have at least 5 MiB. Therefore a change in the middle is sent with
/// unchanged bytes around it, which are read first. Appended bytes are sent alone. If there are more than 4,000 unchanged
/// ranges, only the longest are copied. An object with less than 5 MiB to copy is sent as a whole. Metadata, content
/// headers, storage class, encryption and tags are kept. An ACL is not kept, and neither is the time of the old content that
/// rclone and s3cmd store in the metadata (`mtime`, `s3cmd-attrs`).
///
/// Opening reads the first 32 KiB. Reading requests further bytes as needed. Written bytes are held in memory up to
/// 16 MiB, in pages of 4 KiB with one bit for each byte, for any number of writes. Bytes beyond that are in a temporary file
/// without a name. In that file, each written region of 256 KiB takes at most 288 KiB. If the disk supports holes, it
/// takes only the written blocks of 4 KiB, and at most as much again for their bits. Each region also takes 40 bytes of
/// memory. Overwriting takes no additional room, and the room of truncated bytes is reused. `close` also holds the memory
/// of a writer ([`write_buffer`](crate::S3FsBuilder::write_buffer), 40 MiB). [`set_len`](File::set_len) truncates the
/// file, or extends it with zeros, which take no room until they are sent.
///
/// If another writer replaced the object meanwhile, `close` fails with
/// [`ResourceChanged`](ErrorKind::ResourceChanged) and does not change the other object. Some stores (Ceph's gateway)
/// ignore the conditions of copied parts and of the request that completes an upload. Therefore, except on AWS, one more
/// request checks right before it. On such stores, an object that another writer stores after that check is replaced.
///
/// Requests: one to open the file (two if it is empty). Storing it takes one request. For a large object, it takes one to
/// start, one for each part, one to check (not on AWS), one to complete, and one for each range of unchanged bytes that
/// is sent again; ranges of a part that are at most 64 KiB apart share a request. One more request is made for tags, if
/// the object has any.
/// for its tags, if it has some.
pub struct S3Updater {
    target: Target,
    mode: Mode,
    content: Overlay,
    base: Base,
    position: u64,
    changed: bool,
    /// A write failed partway, so that the content is not the intended one.
    failed: bool,
    /// The result of closing it.
    closed: Option<Result<()>>,
}

/// The state of the file when it was opened.
pub(in crate::s3) enum Base {
    /// Its content does not matter (`w+`), but its ETag may matter.
    Replaced { if_match: Option<String> },
    /// It did not exist and must not exist (`x+`, or `a` on a missing file).
    Absent,
    /// An existing object.
    Object(Box<Old>),
}

impl Base {
    /// Returns the condition on which it may be replaced.
    fn condition(&self) -> Condition<'_> {
        match self {
            Self::Absent => Condition::Absent,
            Self::Object(old) if old.e_tag().is_empty() => Condition::Any,
            Self::Object(old) => Condition::Match(old.e_tag()),
            Self::Replaced { if_match } => {
                if_match.as_deref().map_or(Condition::Any, Condition::Match)
            }
        }
    }
}

impl fmt::Debug for S3Updater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Updater")
            .field("path", &self.target.path)
            .field("size", &self.content.size())
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl S3Updater {
    /// Returns the file with this base. Makes no request.
    pub(in crate::s3) fn new(target: Target, mode: Mode, base: Base) -> Self {
        let old = match &base {
            Base::Object(old) => old.size(),
            Base::Replaced { .. } | Base::Absent => 0,
        };
        Self {
            target,
            mode,
            content: Overlay::new(old),
            position: if mode.appending() { old } else { 0 },
            // A created file is stored even if nothing is written.
            changed: !matches!(base, Base::Object(_)),
            base,
            failed: false,
            closed: None,
        }
    }

    fn usable(&self) -> io::Result<()> {
        if self.closed.is_some() {
            return Err(file::closed(&self.target.path));
        }
        if self.failed {
            return Err(file::failed_before(&self.target.path).into());
        }
        Ok(())
    }

    /// Returns an error if the file may not have this size.
    fn check_size(&mut self, size: u64) -> io::Result<()> {
        check_object_size(size).map_err(|error| {
            self.failed = true;
            error.with_path(&self.target.path).into()
        })
    }

    /// Reads some bytes of the file, all from the same source.
    fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (content, end) = self.content.at(position)?;
        let room = usize::try_from(end - position).unwrap_or(usize::MAX);
        let count = room.min(buffer.len());
        let buffer = &mut buffer[..count];
        match (content, &mut self.base) {
            (Content::Written, _) => self.content.read_written(position, buffer)?,
            (Content::Old, Base::Object(old)) => return old.read_at(position, buffer),
            (Content::Old | Content::Zeros, _) => buffer.fill(0),
        }
        Ok(count)
    }

    /// Reads a range of the file into an empty buffer. Makes one request for each range of the object. Ranges that are at
    /// most `near` bytes apart share a request.
    fn fill(&mut self, range: &Range<u64>, near: u64, buffer: &mut Vec<u8>) -> Result<()> {
        let length = usize::try_from(range.end - range.start).map_err(|_| {
            Error::new(ErrorKind::Unsupported).with_message("a part does not fit into memory")
        })?;
        buffer.resize(length, 0);
        if let Base::Object(old) = &self.base {
            for stretch in self.content.old_in(range, near)? {
                let [start, end] = [stretch.start, stretch.end]
                    .map(|at| usize::try_from(at - range.start).unwrap_or(usize::MAX));
                let stretch_of_buffer = buffer.get_mut(start..end).unwrap_or_default();
                old.read_range(stretch.start, stretch_of_buffer)?;
            }
        }
        // Overwrites the bytes that are not from the object.
        let mut position = range.start;
        let mut rest = buffer.as_mut_slice();
        while !rest.is_empty() {
            let (content, end) = self.content.at(position)?;
            let room = usize::try_from(end - position).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at_mut(room.min(rest.len()));
            match content {
                Content::Written => self.content.read_written(position, now)?,
                Content::Zeros => now.fill(0),
                Content::Old => {}
            }
            position += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// Stores the file. If the store rejects unequal parts, which changes nothing, stores it again in parts of one size.
    fn publish(&mut self) -> Result<()> {
        let sizes = self.target.objects.part_sizes();
        match self.publish_in(sizes) {
            Err(error) if !sizes.are_equal() && wants_equal_parts(&error) => {
                self.publish_in(sizes.equal(true))
            }
            published => published,
        }
    }

    fn publish_in(&mut self, sizes: PartSizes) -> Result<()> {
        let size = self.content.size();
        let limits = Limits {
            least: sizes.least(),
            most: MAX_PART_BYTES,
            parts: usize::try_from(sizes.max_parts()).unwrap_or(usize::MAX),
            sent: sizes.for_size(size).first(),
        };
        // Ranges that the store cannot copy are read and sent.
        let unchanged = match self.target.objects.copies_ranges_of(&self.target.key) {
            true => self.content.unchanged(limits.least)?,
            false => Vec::new(),
        };
        let planned = match sizes.are_equal() {
            true => plan_equal(size, &unchanged, limits),
            false => plan(size, &unchanged, limits),
        };
        let parts = planned.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported)
                .with_message("it has more changes than an upload can have parts")
        })?;
        let kept = match &self.base {
            Base::Object(old) => old.kept_with_tags(&self.target)?,
            Base::Replaced { .. } | Base::Absent => Vec::new(),
        };
        // Uses one request, unless the copies save more than a part.
        let saved = size - plan::sent(&parts);
        if size <= sizes.first() && saved < limits.least {
            let mut bytes = Vec::new();
            self.fill(&(0..size), limits.least, &mut bytes)?;
            return self.target.put(&bytes, &kept, self.base.condition());
        }
        let mut begun = self.target.begin(&kept, self.base.condition())?;
        let made = parts
            .into_iter()
            .try_for_each(|part| self.make(&mut begun.parts, part));
        made.and_then(|()| self.target.complete(begun, self.base.condition()))
            .map_err(|error| self.explained(error))
    }

    /// Explains the error of an update, which may mean that the object was replaced. A store that ignores conditions
    /// rejects the copy of a range that the new object does not have. Makes one request in that case.
    fn explained(&self, error: Error) -> Error {
        let is_of_a_range = error
            .s3()
            .is_some_and(|s3| matches!(s3.code.as_str(), "InvalidRange" | "InvalidArgument"));
        match self.base.condition() {
            condition if is_gone(&error) => self.target.explained(error, condition),
            condition if is_of_a_range => match self.target.check(condition) {
                Err(changed) if changed.is(ErrorKind::ResourceChanged) => {
                    changed.with_source(error)
                }
                _ => error,
            },
            _ => error,
        }
    }

    /// Creates the next part of an upload on a thread, so that the caller can prepare the one after it.
    fn make(&mut self, upload: &mut PartQueue, part: Part) -> Result<()> {
        let objects = &self.target.objects;
        let workers = objects.max_workers;
        match (part, &self.base) {
            (Part::Copy(range), Base::Object(old)) => {
                let copy = old.copy(&self.target.key);
                let length = range.end - range.start;
                upload.add(length, workers, move |objects, upload, number| {
                    copy.run(objects, upload, number, range)
                })
            }
            (Part::Send(range) | Part::Copy(range), _) => {
                let length = range.end - range.start;
                let on_their_way = objects.part_sizes().on_their_way(length, workers);
                let mut buffer = upload.buffer(length, workers)?;
                self.fill(&range, NEAR, &mut buffer)?;
                upload.send(buffer, on_their_way)
            }
        }
    }
}

impl Read for S3Updater {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.usable()?;
        if !self.mode.reading() {
            return Err(file::not_allowed(&self.target.path, "reading"));
        }
        if buffer.is_empty() || self.position >= self.content.size() {
            return Ok(0);
        }
        let count = self.read_at(self.position, buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Write for S3Updater {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.usable()?;
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.mode.appending() {
            self.position = self.content.size();
        }
        self.check_size(self.position.saturating_add(bytes.len() as u64))?;
        self.changed = true;
        if let Err(error) = self.content.write(self.position, bytes) {
            self.failed = true;
            return Err(Error::from(error).with_path(&self.target.path).into());
        }
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    /// Does nothing. Only `close` stores the file.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for S3Updater {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.usable()?;
        let size = self.content.size();
        self.position = file::seek_target(from, self.position, size, &self.target.path)?;
        Ok(self.position)
    }
}

impl File for S3Updater {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.usable()?;
        self.check_size(size)?;
        self.changed |= size != self.content.size();
        self.content.set_len(size).map_err(|error| {
            self.failed = true;
            Error::from(error).with_path(&self.target.path).into()
        })
    }

    fn close(&mut self) -> Result<()> {
        if let Some(before) = &self.closed {
            return before.clone();
        }
        let failed = Err(file::failed_before(&self.target.path));
        // This result remains if a panic occurs.
        self.closed = Some(failed.clone());
        let closed = match self.changed {
            _ if self.failed => failed,
            true => self.publish(),
            false => Ok(()),
        };
        let closed = closed.map_err(|error| error.with_path(&self.target.path));
        self.closed = Some(closed.clone());
        closed
    }
}

impl Drop for S3Updater {
    fn drop(&mut self) {
        if self.closed.is_none() && self.changed {
            log::warn!(
                "{:?} was dropped without close(): nothing was stored",
                self.target.path
            );
        }
    }
}
