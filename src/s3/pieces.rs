//! An object as a source of ranges, and as a file that is stored from a source. No content is held in memory.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

use crate::error::{ErrorKind, Result};
use crate::filesystem::capabilities::{PieceSink, RangedSource, SourceOptions, Transfer};
use crate::filesystem::options::OpenOptions;
use crate::filesystem::valid_path::ValidPath;
use crate::s3::S3Fs;
use crate::s3::api::{Condition, ReadOptions, check_object_size};
use crate::s3::checks::is_missing_key;
use crate::s3::client::ReadAt;
use crate::s3::mtime;
use crate::s3::read::object_version::{ObjectVersion, RangeReader};
use crate::s3::write::publish::Target;

/// Minimum number of bytes of a body between two progress reports.
const REPORTED_EVERY: u64 = 256 << 10;

impl S3Fs {
    /// Opens an object as a source. Makes one request, whose response contains the first part, unless only the headers
    /// are requested. Makes one more for the time of an empty object.
    pub(super) fn object_source(
        &self,
        path: &str,
        options: &SourceOptions,
    ) -> Result<ObjectSource> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let objects = Arc::clone(&self.shared.objects);
        let read = ReadOptions::default();
        let looked = if options.get_only_look() {
            ObjectVersion::look(objects, key, read).map(|version| (version, None))
        } else {
            let window = objects.part_sizes().first();
            match ObjectVersion::begin(Arc::clone(&objects), key.clone(), read.clone(), window) {
                // The response to a range of an empty object does not contain the object's time.
                Ok((version, None)) if options.get_needs_time() && version.modified().is_none() => {
                    ObjectVersion::look(objects, key, read).map(|version| (version, None))
                }
                begun => begun,
            }
        };
        let (version, first) = match looked {
            Err(error) if is_missing_key(&error) => return Err(self.no_object(&validated)),
            looked => looked.map_err(|error| error.with_path(path))?,
        };
        Ok(ObjectSource {
            begun: first.as_ref().map_or(0, RangeReader::end),
            version,
            first: Mutex::new(first),
        })
    }

    /// Prepares an object that is stored from a source. Makes no request.
    pub(super) fn object_sink(&self, path: &str, options: &OpenOptions) -> Result<ObjectSink<'_>> {
        self.check_writeable(path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let target = self.target(key, path, options);
        target
            .args
            .to_headers()
            .map_err(|error| error.with_path(path))?;
        Ok(ObjectSink {
            fs: self,
            path: path.to_owned(),
            validated: validated.into_owned(),
            target,
            options: options.clone(),
        })
    }
}

/// One version of an object.
pub(crate) struct ObjectSource {
    version: Arc<ObjectVersion>,
    /// The first response, until its range is read.
    first: Mutex<Option<RangeReader>>,
    begun: u64,
}

impl RangedSource for ObjectSource {
    fn size(&self) -> u64 {
        self.version.size()
    }

    /// Makes one request for each call.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = offset.saturating_add(buffer.len() as u64).min(self.size());
        self.range(offset.min(end), end)?.read(buffer)
    }

    fn range(&self, start: u64, end: u64) -> Result<Box<dyn Read + '_>> {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = first.take_if(|first| first.position() == start && first.end() == end);
        drop(first);
        Ok(Box::new(ObjectRange(match begun {
            Some(begun) => begun,
            None => self.version.range(start, end)?,
        })))
    }

    fn begun(&self) -> u64 {
        self.begun
    }

    fn piece_size(&self) -> u64 {
        self.version.part_size()
    }

    fn modified(&self) -> Option<OffsetDateTime> {
        self.version.modified()
    }

    fn original_modified(&self) -> Option<OffsetDateTime> {
        mtime::of_headers(self.version.headers())
    }

    fn now(&self) -> OffsetDateTime {
        self.version.answered()
    }

    fn version(&self) -> Option<String> {
        Some(self.version.name())
    }
}

/// A range of an object.
struct ObjectRange(RangeReader);

impl Read for ObjectRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.read(buffer)?)
    }
}

/// An object that is stored from a source.
pub(crate) struct ObjectSink<'f> {
    fs: &'f S3Fs,
    path: String,
    validated: ValidPath<'static>,
    target: Target,
    options: OpenOptions,
}

impl ObjectSink<'_> {
    /// Returns the target with the time of the source in its metadata, if the copy keeps the time and the caller has set
    /// none.
    fn target_of(&self, source: &dyn RangedSource, transfer: &Transfer<'_>) -> Target {
        let target = self.target.clone();
        let metadata = target.args.get_metadata();
        let is_set = metadata.is_some_and(|entries| entries.contains_key(mtime::NAME));
        let modified = source.modified().or(transfer.listed());
        let modified = modified.filter(|_| transfer.keeps_original_time() && !is_set);
        match modified {
            Some(modified) => Target {
                args: target.args.metadata(mtime::NAME, mtime::text(modified)),
                ..target
            },
            None => target,
        }
    }
}

impl PieceSink for ObjectSink<'_> {
    /// Makes one request up to the size of a part, otherwise one for each part and two more. Makes P + 1 more in strict
    /// mode.
    fn store(&self, source: &dyn RangedSource, transfer: &Transfer<'_>) -> Result<()> {
        let (size, path) = (source.size(), &self.path);
        let target = &self.target_of(source, transfer);
        check_object_size(size)?;
        if self.fs.strict {
            self.fs
                .check_file_target(&self.validated, &target.key, &self.options)
                .map_err(|error| error.with_path(path))?;
        }
        transfer.expect(size);
        let objects = self.fs.objects();
        if size <= objects.part_sizes().for_size(size).first() {
            let whole = Whole { source };
            let sent = Sent {
                whole: &whole,
                reported: AtomicU64::new(0),
                transfer,
            };
            objects
                .put_section(&target.key, &whole, &sent, size, &target.args)
                .map_err(|error| error.with_path(path))?;
            return Ok(());
        }
        let sent = |count| {
            source.check_unchanged()?;
            transfer.advance(count)
        };
        let (parts, body) = (Parts { source }, PacedParts { source, transfer });
        let pool = transfer.pool;
        target
            .put_in_parts(&parts, &body, size, pool, Condition::Any, &sent)
            .map_err(|error| error.with_path(path))
            .map(|_| ())
    }
}

/// A source that is sent in one request. Its last byte is sent only if the source is unchanged.
struct Whole<'s> {
    source: &'s dyn RangedSource,
}

impl ReadAt for Whole<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.source.read_at(buffer, offset)?;
        if offset + count as u64 >= self.source.size() {
            self.source.check_unchanged()?;
        }
        Ok(count)
    }
}

/// Like [`Whole`], but also limits the bandwidth and reports progress. An error of the report ends the upload before the
/// last byte is sent. Bytes that are sent again are not reported again.
struct Sent<'s> {
    whole: &'s Whole<'s>,
    reported: AtomicU64,
    transfer: &'s Transfer<'s>,
}

impl ReadAt for Sent<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = paced(buffer, self.transfer, |buffer| {
            self.whole.read_at(buffer, offset)
        })?;
        let reached = offset + count as u64;
        let new = reached.saturating_sub(self.reported.load(Ordering::Relaxed));
        if new >= REPORTED_EVERY || new > 0 && reached >= self.whole.source.size() {
            self.reported.store(reached, Ordering::Relaxed);
            self.transfer.advance(new)?;
        }
        Ok(count)
    }
}

/// A source that is sent in parts.
struct Parts<'s> {
    source: &'s dyn RangedSource,
}

impl ReadAt for Parts<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.source.read_at(buffer, offset)
    }
}

/// Like [`Parts`], but also limits the bandwidth.
struct PacedParts<'s> {
    source: &'s dyn RangedSource,
    transfer: &'s Transfer<'s>,
}

impl ReadAt for PacedParts<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        paced(buffer, self.transfer, |buffer| {
            self.source.read_at(buffer, offset)
        })
    }
}

/// Reads the bytes to send next, at most one step of the bandwidth limit, and waits until they may be sent.
fn paced(
    buffer: &mut [u8],
    transfer: &Transfer<'_>,
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let step = transfer.step(buffer.len());
    let count = read(&mut buffer[..step])?;
    transfer.pace(count as u64)?;
    Ok(count)
}
