//! A file of the local disk as a source that is read at any offset, and as a target that is written in pieces by several
//! threads.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use time::{Duration, OffsetDateTime};

use super::from_system;
use super::incoming::{Incoming, Outgoing, Wanted};
use super::place::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::capabilities::{PieceSink, RangedSource, Times, Transfer};

/// Number of bytes to read at a time.
const CHUNK: usize = 256 << 10;

/// Maximum size of a file that is received completely before anything is made on the disk.
const SMALL: u64 = 128 << 10;

/// Number of bytes between two records of the progress of a file that can be resumed.
const NOTED_EVERY: u64 = 64 << 20;

/// Minimum age of a file, by its own clock, at which no other version can get the same time any more. Both times are in
/// whole seconds.
const SETTLED: Duration = Duration::seconds(2);

/// A file of the local disk, in the version that was opened.
pub(crate) struct DiskSource {
    outgoing: Outgoing,
    /// Path for errors.
    path: String,
}

impl DiskSource {
    pub(crate) fn open(place: &Place, path: &str) -> Result<Self> {
        Ok(Self {
            outgoing: Outgoing::open(place).map_err(|error| error.with_path(path))?,
            path: path.to_owned(),
        })
    }
}

impl RangedSource for DiskSource {
    fn size(&self) -> u64 {
        self.outgoing.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.outgoing.read_at(buffer, offset)
    }

    fn modified(&self) -> Option<OffsetDateTime> {
        self.outgoing.modified().and_then(from_system)
    }

    fn check_unchanged(&self) -> Result<()> {
        self.outgoing
            .check_unchanged()
            .map_err(|error| error.with_path(&self.path))
    }
}

/// A file of the local disk that is written in pieces.
pub(crate) struct DiskSink {
    place: Place,
    /// Path for errors.
    path: String,
}

impl DiskSink {
    pub(crate) fn new(place: Place, path: &str) -> Self {
        Self {
            place,
            path: path.to_owned(),
        }
    }

    fn named<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.with_path(&self.path))
    }

    /// Stores a small file whose whole content has already been requested.
    fn store_small(
        &self,
        source: &dyn RangedSource,
        transfer: &Transfer<'_>,
        wanted: Wanted<'_>,
    ) -> Result<()> {
        let size = source.size();
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        if size > 0 {
            read_range(source, (0, size), transfer, |bytes, _| {
                content.extend_from_slice(bytes);
                transfer.advance(bytes.len() as u64)
            })?;
        }
        let modified = modified(source, transfer);
        self.named(Incoming::store(&self.place, &content, modified, wanted))
    }
}

impl PieceSink for DiskSink {
    fn is_begun(&self) -> bool {
        Incoming::is_begun(&self.place)
    }

    fn store(&self, source: &dyn RangedSource, transfer: &Transfer<'_>) -> Result<()> {
        let size = source.size();
        transfer.expect(size);
        let wanted = Wanted {
            sync: transfer.durable(),
            kept: transfer.kept,
        };
        if size <= SMALL && source.begun() == size && !transfer.resume() {
            return self.store_small(source, transfer, wanted);
        }
        let (incoming, had) = match source.version().filter(|_| transfer.resume()) {
            Some(version) => self.named(Incoming::resume(&self.place, &version, size, wanted))?,
            None => (self.named(Incoming::begin(&self.place, wanted))?, 0),
        };
        transfer.advance(had)?;
        let incoming = Pieces::new(source, incoming, had, transfer);
        let done = transfer.each(incoming.pieces.len(), &|number| {
            incoming.fetch(number, &self.path)
        });
        if let Err(error) = done {
            if let Err(other) = incoming.note() {
                log::warn!(
                    "{:?}: cannot save the progress of the download: {other}",
                    self.path
                );
            }
            return Err(error);
        }
        let modified = modified(source, transfer);
        self.named(incoming.incoming.publish(size, modified, transfer.kept))
    }
}

/// Returns the time that the file gets.
fn modified(source: &dyn RangedSource, transfer: &Transfer<'_>) -> Option<OffsetDateTime> {
    let original = source.original_modified();
    if let Some(original) = original.filter(|_| transfer.keeps_original_time()) {
        return Some(original);
    }
    match (transfer.times(), source.modified()) {
        (Times::Now, _) => None,
        (Times::Mirrored, Some(modified)) => Some(mirrored(modified, source.now())),
        // An empty object that was replaced by another empty one has the same content.
        (Times::Kept | Times::Mirrored, modified) => modified.or(transfer.listed()),
    }
}

/// Returns the time of a mirrored file, given the time of its source and the current time of the source's clock.
fn mirrored(modified: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    if now - modified >= SETTLED {
        return modified;
    }
    modified.checked_sub(Duration::SECOND).unwrap_or(modified)
}

/// The pieces of a file during a transfer.
struct Pieces<'t> {
    source: &'t dyn RangedSource,
    incoming: Incoming,
    /// Number of bytes from an earlier call.
    had: u64,
    pieces: Vec<Piece>,
    /// Number of received bytes.
    came: AtomicU64,
    transfer: &'t Transfer<'t>,
}

/// A range that one thread fetches.
struct Piece {
    start: u64,
    end: u64,
    /// Number of written bytes of the range.
    done: AtomicU64,
}

impl<'t> Pieces<'t> {
    fn new(
        source: &'t dyn RangedSource,
        incoming: Incoming,
        had: u64,
        transfer: &'t Transfer<'t>,
    ) -> Self {
        let size = source.size();
        let length = match transfer.is_parallel() {
            true => source.piece_size().max(1),
            false => size,
        };
        let mut pieces = Vec::new();
        let mut start = had;
        let mut end = if had == 0 { source.begun() } else { had };
        while start < size {
            if end <= start {
                end = start.saturating_add(length).min(size);
            }
            pieces.push(Piece {
                start,
                end,
                done: AtomicU64::new(0),
            });
            start = end;
        }
        Self {
            source,
            incoming,
            had,
            pieces,
            came: AtomicU64::new(0),
            transfer,
        }
    }

    /// Fetches a piece and writes it at its offset.
    fn fetch(&self, number: usize, path: &str) -> Result<()> {
        let Some(piece) = self.pieces.get(number) else {
            return Ok(());
        };
        let range = (piece.start, piece.end);
        read_range(self.source, range, self.transfer, |bytes, offset| {
            self.incoming
                .write_at(bytes, offset)
                .map_err(|error| error.with_path(path))?;
            let count = bytes.len() as u64;
            piece.done.fetch_add(count, Ordering::Release);
            let before = self.came.fetch_add(count, Ordering::Relaxed);
            if self.incoming.is_resumable() && before / NOTED_EVERY < (before + count) / NOTED_EVERY
            {
                self.note()?;
            }
            self.transfer.advance(count)
        })
    }

    /// Records the number of bytes that are present without a gap from the first byte on.
    fn note(&self) -> Result<()> {
        let mut there = self.had;
        for piece in &self.pieces {
            there += piece.done.load(Ordering::Acquire);
            if there < piece.end {
                break;
            }
        }
        self.incoming.have(there)
    }
}

/// Reads a range of the source to its end. Calls `take` with the received bytes and their offset.
fn read_range(
    source: &dyn RangedSource,
    (start, end): (u64, u64),
    transfer: &Transfer<'_>,
    mut take: impl FnMut(&[u8], u64) -> Result<()>,
) -> Result<()> {
    let mut range = source.range(start, end)?;
    let length = usize::try_from(end - start).unwrap_or(CHUNK);
    let mut buffer = vec![0; transfer.step(length.clamp(1, CHUNK))];
    let mut position = start;
    loop {
        let count = range.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        transfer.pace(count as u64)?;
        let offset = position;
        position += count as u64;
        if position > end {
            return Err(wrong_length("more"));
        }
        take(&buffer[..count], offset)?;
    }
    match position < end {
        true => Err(wrong_length("fewer")),
        false => Ok(()),
    }
}

fn wrong_length(what: &str) -> Error {
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!("the source returned {what} bytes than requested"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_change_within_the_same_second_is_compared_again() {
        let at = |second| OffsetDateTime::from_unix_timestamp(second).unwrap();
        for (modified, now, expected) in [
            (100, 102, 100),
            (100, 100_000, 100),
            (100, 101, 99),
            (100, 100, 99),
            // The clocks of a store's servers may differ.
            (100, 98, 99),
        ] {
            assert_eq!(mirrored(at(modified), at(now)), at(expected), "{now}");
        }
    }
}
