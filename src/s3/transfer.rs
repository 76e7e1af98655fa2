//! Objects to files on the local disk and back: by ranges and by parts, several at a time, none of
//! them held in memory.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use super::S3Fs;
use super::checks::is_missing_key;
use super::client::ReadAt;
use super::objects::{Condition, ReadOptions, check_object_size};
use super::pinned::{Pinned, RangeReader};
use crate::crew::Crew;
use crate::error::{Error, ErrorKind, Result};
use crate::options::{OpenOptions, UploadArgs};
use crate::osfs::{Arrival, Departure, Place};

/// How much is read at a time.
const CHUNK: usize = 256 << 10;

/// How old an object is by the server's clock when no other one can have its time any more: both times
/// are whole seconds.
const SETTLED: Duration = Duration::seconds(2);

/// How much of a download that can be resumed comes between two notes of how far it is.
const NOTED_EVERY: u64 = 64 << 20;

/// Who does a transfer, and who looks at it.
pub(crate) struct Terms<'t> {
    /// What errors about the local file call it.
    pub(crate) local: &'t str,
    pub(crate) crew: &'t Crew,
    /// Told the size once it is known.
    pub(crate) size: &'t (dyn Fn(u64) + Sync),
    /// Told how many bytes more were transferred. An error ends it all.
    pub(crate) seen: &'t (dyn Fn(u64) -> Result<()> + Sync),
    /// Whether a download leaves what it has for the next one, and goes on from there.
    pub(crate) resume: bool,
    /// Which time a download has.
    pub(crate) times: Times,
    /// What a listing has for the time of the last change. An answer without a byte has none.
    pub(crate) modified: Option<OffsetDateTime>,
    /// What an upload sets.
    pub(crate) upload_args: Option<&'t UploadArgs>,
}

/// Which time of the last change a copy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// When it was made.
    Now,
    /// That of the source.
    Kept,
    /// That of the source, from which a mirror knows later whether the source changed. Headers have whole
    /// seconds: where the source may still change within that second, it is one second less, so that
    /// the next mirror copies once more.
    Mirrored,
}

impl Terms<'_> {
    /// How an upload opens its object.
    pub(crate) fn options(&self) -> OpenOptions {
        let options = OpenOptions::new();
        match self.upload_args {
            Some(args) => options.upload_args(args.clone()),
            None => options,
        }
    }
}

impl S3Fs {
    /// How many requests one call makes at a time.
    pub(crate) fn max_workers(&self) -> usize {
        self.shared.max_workers
    }

    /// Stores an object as a file on the local disk, and gives its size: one request up to the size
    /// of a part, otherwise one for each part, or one for all the rest if there are no threads; one
    /// more to resume, and one for the time of an empty object.
    pub(crate) fn download_to(&self, path: &str, place: &Place, terms: &Terms<'_>) -> Result<u64> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let resumes = terms.resume && Arrival::is_begun(place);
        let objects = Arc::clone(&self.shared.objects);
        let options = ReadOptions::default();
        let looked = if resumes {
            Pinned::look(objects, key, options).map(|pinned| (pinned, None))
        } else {
            let window = objects.part_sizes().first();
            let begun = Pinned::begin(Arc::clone(&objects), key.clone(), options.clone(), window);
            match begun {
                // That no byte is in the range says nothing of the object's time.
                Ok((pinned, None))
                    if terms.times != Times::Now
                        && pinned.modified().or(terms.modified).is_none() =>
                {
                    Pinned::look(objects, key, options).map(|pinned| (pinned, None))
                }
                begun => begun,
            }
        };
        let (pinned, first) = match looked {
            Err(error) if is_missing_key(&error) => return Err(self.no_object(&validated, path)),
            looked => looked.map_err(|error| error.with_path(path))?,
        };
        let size = pinned.size();
        (terms.size)(size);
        download(&pinned, first, place, terms).map_err(|error| error.with_path(path))?;
        Ok(size)
    }

    /// Stores a file of the local disk as an object, and gives its size: one request up to the size
    /// of a part, otherwise one for each part and two more; P + 1 more in strict mode.
    pub(crate) fn upload_at(
        &self,
        path: &str,
        place: &Place,
        options: &OpenOptions,
        terms: &Terms<'_>,
    ) -> Result<u64> {
        let uploaded = self.upload_whole(path, place, options, terms);
        uploaded.map_err(|error| error.with_path(path))
    }

    fn upload_whole(
        &self,
        path: &str,
        place: &Place,
        options: &OpenOptions,
        terms: &Terms<'_>,
    ) -> Result<u64> {
        self.check_writeable(path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let target = self.target(key, path, options);
        target.args.to_headers()?;
        let local = |error: Error| error.with_path(terms.local);
        let source = Departure::open(place).map_err(local)?;
        check_object_size(source.size()).map_err(local)?;
        if self.shared.strict {
            self.check_file_target(&validated, &target.key, path, options)?;
        }
        let size = source.size();
        (terms.size)(size);
        let part_size = self.objects().part_sizes().for_size(size).first();
        if size <= part_size {
            let whole = Whole(&source);
            let sent = Sent {
                whole: &whole,
                told: AtomicU64::new(0),
                seen: terms.seen,
            };
            self.objects()
                .put_section(&target.key, &whole, &sent, size, &target.args)?;
            return Ok(size);
        }
        let sent = |count| {
            source
                .check_unchanged()
                .map_err(|error| error.with_path(terms.local))?;
            (terms.seen)(count)
        };
        target.put_in_parts(source.file(), size, terms.crew, Condition::Any, &sent)?;
        Ok(size)
    }
}

/// A file that is sent in one request: its last byte goes out only if it is what it was.
struct Whole<'d>(&'d Departure);

impl ReadAt for Whole<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.0.file().read_at(buffer, offset)?;
        if offset + count as u64 >= self.0.size() {
            self.0.check_unchanged()?;
        }
        Ok(count)
    }
}

/// The same while it is sent: whoever is told may end it before the last byte has gone. What is sent
/// again is not told again.
struct Sent<'d> {
    whole: &'d Whole<'d>,
    told: AtomicU64,
    seen: &'d (dyn Fn(u64) -> Result<()> + Sync),
}

impl ReadAt for Sent<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.whole.read_at(buffer, offset)?;
        let reached = offset + count as u64;
        let new = reached.saturating_sub(self.told.load(Ordering::Relaxed));
        if new >= CHUNK as u64 || new > 0 && reached >= self.whole.0.size() {
            self.told.store(reached, Ordering::Relaxed);
            (self.seen)(new)?;
        }
        Ok(count)
    }
}

/// Stores a pinned object as a file. `first` is what is there of it already.
fn download(
    pinned: &Arc<Pinned>,
    first: Option<RangeReader>,
    place: &Place,
    terms: &Terms<'_>,
) -> Result<()> {
    let size = pinned.size();
    let local = |error: Error| error.with_path(terms.local);
    let (arrival, had) = if terms.resume {
        Arrival::resume(place, &pinned.name(), size).map_err(local)?
    } else {
        (Arrival::begin(place).map_err(local)?, 0)
    };
    (terms.seen)(had)?;
    let download = Download::new(pinned, first.filter(|_| had == 0), arrival, had, terms);
    let done = terms
        .crew
        .each(download.pieces.len(), |n| download.fetch(n));
    if let Err(error) = done {
        return Err(match download.note() {
            Ok(()) => error,
            Err(other) => {
                log::warn!("{:?}: what came cannot be kept: {other}", terms.local);
                error
            }
        });
    }
    let modified = match (terms.times, pinned.modified()) {
        (Times::Now, _) => None,
        (Times::Mirrored, Some(modified)) => Some(mirrored(modified, pinned.answered())),
        // An empty object that was replaced by another one is the same.
        (Times::Kept | Times::Mirrored, modified) => modified.or(terms.modified),
    };
    download.arrival.publish(size, modified).map_err(local)
}

/// The time of a mirrored file, by what the server says of the object and of the time now.
fn mirrored(modified: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    if now - modified >= SETTLED {
        return modified;
    }
    modified.checked_sub(Duration::SECOND).unwrap_or(modified)
}

/// A download at work.
struct Download<'d> {
    pinned: &'d Arc<Pinned>,
    /// The answer that came first, until somebody reads it.
    first: Mutex<Option<RangeReader>>,
    arrival: Arrival,
    /// How much was there before.
    had: u64,
    pieces: Vec<Piece>,
    /// How much has come.
    came: AtomicU64,
    terms: &'d Terms<'d>,
}

/// A range that is fetched by one thread.
struct Piece {
    start: u64,
    end: u64,
    /// How much of it is written.
    done: AtomicU64,
}

impl<'d> Download<'d> {
    fn new(
        pinned: &'d Arc<Pinned>,
        first: Option<RangeReader>,
        arrival: Arrival,
        had: u64,
        terms: &'d Terms<'d>,
    ) -> Self {
        let size = pinned.size();
        let length = if terms.crew.is_alone() {
            size
        } else {
            pinned.part_size()
        };
        let mut pieces = Vec::new();
        let mut start = had;
        let mut end = first.as_ref().map_or(start, RangeReader::end);
        while start < size {
            if end == start {
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
            pinned,
            first: Mutex::new(first),
            arrival,
            had,
            pieces,
            came: AtomicU64::new(0),
            terms,
        }
    }

    /// Fetches a piece and writes it where it belongs.
    fn fetch(&self, number: usize) -> Result<()> {
        let Some(piece) = self.pieces.get(number) else {
            return Ok(());
        };
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = first.take_if(|first| first.position() == piece.start);
        drop(first);
        let mut range = match begun {
            Some(begun) => begun,
            None => self.pinned.range(piece.start, piece.end)?,
        };
        let mut buffer = vec![0; CHUNK];
        loop {
            let position = range.position();
            let count = range.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            self.arrival
                .write_at(&buffer[..count], position)
                .map_err(|error| error.with_path(self.terms.local))?;
            piece.done.fetch_add(count as u64, Ordering::Release);
            let before = self.came.fetch_add(count as u64, Ordering::Relaxed);
            if self.arrival.is_resumable()
                && before / NOTED_EVERY < (before + count as u64) / NOTED_EVERY
            {
                self.note()?;
            }
            (self.terms.seen)(count as u64)?;
        }
    }

    /// Notes how much there is without a gap from the first byte on.
    fn note(&self) -> Result<()> {
        let mut there = self.had;
        for piece in &self.pieces {
            there += piece.done.load(Ordering::Acquire);
            if there < piece.end {
                break;
            }
        }
        self.arrival.have(there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_change_within_its_second_is_looked_at_again() {
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
