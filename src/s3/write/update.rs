//! [`S3Updater`]: a file opened with `a`, `r+`, `a+`, `w+` or `x+`, whose changes are laid over the
//! object and stored by `close`.

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

/// Unchanged bytes of a part that lie so near to each other are read in one request: what is between
/// them costs less than one more.
const NEAR: u64 = 64 << 10;

/// A file opened with `a`, `r+`, `a+`, `w+` or `x+`: what is written lies over the object, and reads
/// see it, until [`close`](File::close) stores both as one. Nothing is seen by others before.
///
/// Of a large object only what changed is sent: `close` makes the new one of parts, which the server
/// copies from the old one where nothing changed. Parts have 5 MiB at least, so that a change in the
/// middle is sent with unchanged bytes around it, which are read before; what is appended is sent
/// alone. Of more than 4,000 stretches that did not change only the longest are copied. An object that
/// has less than 5 MiB to copy is sent whole. Metadata, content headers, storage
/// class, encryption and tags are kept; an ACL is not.
///
/// Opening reads the first 32 KiB, and reading on what is asked for. What was written is held in
/// memory up to 16 MiB, in pages of 4 KiB with one bit for each byte, however many writes there are.
/// What does not fit is in a temporary file without a name: there each 256 KiB of the file that were
/// written to take 288 KiB at most, where the disk leaves holes only the blocks of 4 KiB that were written
/// to and at most as much again for their bits, and 40 bytes of memory. What is written over or cut off takes no more
/// room. `close` holds what a writer holds besides
/// ([`write_buffer`](crate::S3FsBuilder::write_buffer), 40 MiB).
/// [`set_len`](File::set_len) cuts the file, or fills it up with zeros, which take no room until they
/// are sent.
///
/// If someone else replaced the object meanwhile, `close` is
/// [`ResourceChanged`](ErrorKind::ResourceChanged) and the other's object stands. Some stores (Ceph's
/// gateway) do not look at the conditions of copied parts and of the request that ends an upload; so,
/// but on AWS, one more request looks right before it. What another writer stores after that look is
/// replaced there.
///
/// Requests: one to open the file (two if it is empty). To store it, one; or, of a large object, one
/// to begin, one for each part, one to look (not on AWS) and one to end, and one for each stretch of
/// unchanged bytes that is sent again; those of a part that are at most 64 KiB apart are one. One more
/// for its tags, if it has some.
pub struct S3Updater {
    target: Target,
    mode: Mode,
    content: Overlay,
    base: Base,
    position: u64,
    changed: bool,
    /// A write did not go in whole: what is there is not what the caller meant.
    failed: bool,
    /// What came of closing it.
    closed: Option<Result<()>>,
}

/// What the file was when it was opened.
pub(in crate::s3) enum Base {
    /// Its content does not matter (`w+`), but its ETag may.
    Replaced { if_match: Option<String> },
    /// It must not have been there (`x+`, or `a` on nothing).
    Absent,
    /// An object.
    Object(Box<Old>),
}

impl Base {
    /// On which condition it may be replaced.
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
    /// The file over that base. No request.
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
            // What is created is stored even if nothing is written.
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

    /// Checks that the file may have that size.
    fn check_size(&mut self, size: u64) -> io::Result<()> {
        check_object_size(size).map_err(|error| {
            self.failed = true;
            error.with_path(&self.target.path).into()
        })
    }

    /// Reads some bytes of the file, all from one place.
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

    /// Reads that range of the file into an empty buffer: one request for each stretch of the object,
    /// and one for those together between which there are at most `near` bytes.
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
        // What is not the object's lies over it.
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

    /// Stores the file. If the store refuses parts of several sizes, which changes nothing, once more in
    /// parts of one size.
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
        // What the store cannot copy is read and sent.
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
                .with_message("it has more changes than an upload has parts")
        })?;
        let kept = match &self.base {
            Base::Object(old) => old.kept_with_tags(&self.target)?,
            Base::Replaced { .. } | Base::Absent => Vec::new(),
        };
        // One request, unless the copies save more than a part.
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

    /// The error of an update, which may mean that the object is another by now: a store that looks at
    /// no condition refuses to copy a range that the new one does not have. One request then.
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

    /// Makes the next part of an upload, while the one after it is prepared.
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

    /// Never publishes: only `close` does.
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
        // What a panic would leave.
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
