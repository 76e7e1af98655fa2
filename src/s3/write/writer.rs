//! [`S3Writer`]: a file opened with `w` or `x`, sent while it is written and published by `close`.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::file::{self, File};
use crate::s3::api::Condition;
use crate::s3::write::publish::{Begun, Target};

/// A file opened with `w` or `x`. The written bytes become the object when [`close`](File::close) returns `Ok`. Nothing
/// is visible before that, or without it.
///
/// `close` stores content of up to one part (8 MiB, [`part_size`](crate::S3FsBuilder::part_size)) in one request. Larger
/// content is sent in parts while the caller writes, several at a time, and `close` completes the upload: one request to
/// start, one for each part, one to complete. At most 40 MiB are held in memory
/// ([`write_buffer`](crate::S3FsBuilder::write_buffer)). The first 4,500 parts (35 GiB) have equal sizes. After that,
/// parts grow with their number (16 MiB, 32 MiB after 43 GiB ...). The memory grows too, once a part is larger than the
/// limit: 64 MiB for an object of 61 GiB, 1 GiB for one of 1 TiB. If the size is known in advance,
/// [`upload_sized`](crate::FileSystem::upload_sized) uses parts of one size.
///
/// A file that is dropped without `close`, or after a failed write, aborts its upload and leaves the old object
/// unchanged. An upload that cannot be aborted is logged with its id. `flush` stores nothing. `seek` and `set_len` work
/// within the part that is not sent yet, which is the whole file up to `part_size`. Changing bytes that were sent is
/// [`Unsupported`](ErrorKind::Unsupported). The mode `w+` supports it.
///
/// With `x`, the server decides whether the object is new. Some stores (Ceph's gateway) ignore the condition of the
/// request that completes a multipart upload. Therefore, except on AWS, one more request checks right before it. On such
/// stores, an object that another writer creates in between is replaced.
pub struct S3Writer {
    target: Target,
    /// The part that is being filled.
    buffer: Vec<u8>,
    /// The upload, once there is more than one part.
    begun: Option<Begun>,
    /// The total size of the parts before the one that is being filled.
    sent: u64,
    /// The position in the file of the next byte: in the part that is being filled, or at its end.
    position: u64,
    exclusive: bool,
    if_match: Option<String>,
    /// The part size, if the size of the file is known in advance. All parts have this size then.
    part_size: Option<u64>,
    state: State,
}

enum State {
    Open,
    /// A write failed partway, so that the content is not the intended one.
    Failed,
    /// Closed, with the result.
    Closed(Result<()>),
}

impl fmt::Debug for S3Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Writer")
            .field("path", &self.target.path)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl S3Writer {
    pub(in crate::s3) fn new(target: Target, exclusive: bool, if_match: Option<String>) -> Self {
        Self {
            target,
            buffer: Vec::new(),
            begun: None,
            sent: 0,
            position: 0,
            exclusive,
            if_match,
            part_size: None,
            state: State::Open,
        }
    }

    /// Uses parts of one size for a file of `size` bytes, with the fewest parts necessary.
    pub(in crate::s3) fn for_size(mut self, size: u64) -> Self {
        let sizes = self.target.objects.part_sizes().for_size(size);
        self.part_size = Some(sizes.first());
        self
    }

    /// Writes all bytes of `source`, and returns their number.
    pub(in crate::s3) fn write_from(&mut self, source: &mut dyn Read) -> Result<u64> {
        let begun = self.size();
        loop {
            let room = self.current_part() - self.buffer.len() as u64;
            let read = source.take(room).read_to_end(&mut self.buffer);
            let count = read.map_err(|error| self.failed(Error::from_caller(error)))? as u64;
            self.position = self.size();
            if count < room {
                return Ok(self.position - begun);
            }
            // A full part is sent only after at least one more byte was read.
            let mut more = [0];
            let read = read_some(source, &mut more);
            if read.map_err(|error| self.failed(Error::from_caller(error)))? == 0 {
                return Ok(self.position - begun);
            }
            self.write_all(&more)?;
        }
    }

    /// Returns the size of the file so far.
    fn size(&self) -> u64 {
        self.sent + self.buffer.len() as u64
    }

    /// Extends the part that is being filled with zeros up to `offset`, if it is shorter.
    fn fill_up_to(&mut self, offset: usize) {
        if self.buffer.len() < offset {
            self.buffer.resize(offset, 0);
        }
    }

    /// Returns the offset in the part that is being filled, if a position in the file is in it or at its end.
    fn in_part(&self, place: u64) -> Option<usize> {
        let offset = place.checked_sub(self.sent)?;
        let offset = Some(offset).filter(|offset| *offset <= self.current_part());
        offset.and_then(|offset| usize::try_from(offset).ok())
    }

    fn condition(&self) -> Condition<'_> {
        match &self.if_match {
            _ if self.exclusive => Condition::Absent,
            Some(e_tag) => Condition::Match(e_tag),
            None => Condition::Any,
        }
    }

    /// Returns the maximum size of the part that is being filled.
    fn current_part(&self) -> u64 {
        let sizes = self.target.objects.part_sizes();
        let number = self.begun.as_ref().map_or(1, |b| b.parts.next_number());
        self.part_size.unwrap_or_else(|| sizes.of(number))
    }

    /// Sends the full part, and gets an empty buffer.
    fn send(&mut self) -> Result<()> {
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => self.target.begin(&[], self.condition())?,
        };
        let begun = self.begun.insert(begun);
        let objects = &self.target.objects;
        let sizes = objects.part_sizes();
        let on_their_way = sizes.on_their_way(self.buffer.len() as u64, objects.max_workers);
        let full = std::mem::take(&mut self.buffer);
        self.sent += full.len() as u64;
        begun.parts.send(full, on_their_way)?;
        let size = self.current_part();
        let objects = &self.target.objects;
        let on_their_way = objects.part_sizes().on_their_way(size, objects.max_workers);
        if let Some(begun) = &mut self.begun {
            self.buffer = begun.parts.buffer(size, on_their_way)?;
        }
        Ok(())
    }

    /// Marks the file as failed, and gives up the upload.
    fn failed(&mut self, error: Error) -> Error {
        self.state = State::Failed;
        self.begun = None;
        self.buffer = Vec::new();
        error.with_path(&self.target.path)
    }

    fn usable(&self) -> io::Result<()> {
        match self.state {
            State::Open => Ok(()),
            State::Closed(_) => Err(file::closed(&self.target.path)),
            State::Failed => Err(file::failed_before(&self.target.path).into()),
        }
    }

    fn moved(&self, how: &str) -> io::Error {
        Error::new(ErrorKind::Unsupported)
            .with_path(&self.target.path)
            .with_message(
                "a file opened with w or x can be changed only in the part that has not been sent \
                 yet",
            )
            .with_hint(format!("open it with w+ to {how}"))
            .into()
    }

    fn publish(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.buffer);
        self.sent += bytes.len() as u64;
        let Some(mut begun) = self.begun.take() else {
            return self.target.put(&bytes, &[], self.condition());
        };
        if !bytes.is_empty() {
            let sent = begun.parts.send(bytes, 1);
            sent.map_err(|error| self.target.explained(error, self.condition()))?;
        }
        self.target.complete(begun, self.condition())
    }
}

/// Reads some bytes, and repeats interrupted reads.
fn read_some(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

impl Write for S3Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.usable()?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut offset = usize::try_from(self.position - self.sent).unwrap_or(usize::MAX);
        if offset as u64 >= self.current_part() {
            self.fill_up_to(offset);
            self.send().map_err(|error| {
                let explained = self.target.explained(error, self.condition());
                self.failed(explained)
            })?;
            offset = 0;
        }
        let room = self.current_part() - offset as u64;
        let count = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
        self.fill_up_to(offset);
        let (over, behind) = bytes[..count].split_at(count.min(self.buffer.len() - offset));
        self.buffer[offset..offset + over.len()].copy_from_slice(over);
        self.buffer.extend_from_slice(behind);
        self.position += count as u64;
        Ok(count)
    }

    /// Does nothing. Only `close` stores the file.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for S3Writer {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.usable()?;
        let place = file::seek_target(from, self.position, self.size(), &self.target.path)?;
        if self.in_part(place).is_none() {
            return Err(self.moved("seek in it"));
        }
        self.position = place;
        Ok(place)
    }
}

impl Read for S3Writer {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.usable()?;
        Err(file::not_allowed(&self.target.path, "reading"))
    }
}

impl File for S3Writer {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.usable()?;
        let Some(length) = self.in_part(size) else {
            return Err(self.moved("truncate it"));
        };
        self.buffer.resize(length, 0);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        // This result remains if a panic occurs.
        let failed = State::Closed(Err(file::failed_before(&self.target.path)));
        let closed = match std::mem::replace(&mut self.state, failed) {
            State::Closed(before) => before,
            State::Failed => Err(file::failed_before(&self.target.path)),
            State::Open => self
                .publish()
                .map_err(|error| error.with_path(&self.target.path)),
        };
        self.state = State::Closed(closed.clone());
        closed
    }
}

impl Drop for S3Writer {
    fn drop(&mut self) {
        if !matches!(self.state, State::Closed(_)) {
            log::warn!(
                "{:?} was dropped without close(): nothing was stored",
                self.target.path
            );
        }
    }
}
