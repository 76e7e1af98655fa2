//! [`S3Updater`]: a file opened with `a`, `r+`, `a+`, `w+` or `x+`, changed in memory and stored by
//! `close`.

use std::fmt;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use super::objects::{Condition, ReadOptions};
use super::publish::Target;
use super::setinfo::kept_headers;
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, File};
use crate::mode::Mode;
use crate::s3::info::s3_info;

/// The most that an open file holds in memory until `close`, in bytes: 256 MiB.
const MAX_BUFFERED_BYTES: u64 = 256 << 20;

/// A file opened with `a`, `r+`, `a+`, `w+` or `x+`.
///
/// The object is held in memory, at most 256 MiB, and stored again by [`close`](File::close) if it
/// was changed, with its metadata, content headers, storage class and tags. If someone else
/// replaced it meanwhile, `close` is [`ResourceChanged`](ErrorKind::ResourceChanged) and the
/// other's object stands.
pub struct S3Updater {
    target: Target,
    mode: Mode,
    content: Cursor<Vec<u8>>,
    base: Base,
    changed: bool,
    /// A write did not go in whole: what is there is not what the caller meant.
    failed: bool,
    closed: bool,
}

/// What the file was when it was opened.
enum Base {
    /// Its content does not matter (`w+`), but its ETag may.
    Replaced { if_match: Option<String> },
    /// It must not have been there (`x+`, or `a` on nothing).
    Absent,
    /// The object with this ETag and these headers.
    Object {
        e_tag: String,
        kept: Vec<(String, String)>,
    },
}

impl fmt::Debug for S3Updater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Updater")
            .field("path", &self.target.path)
            .field("size", &self.content.get_ref().len())
            .field("position", &self.content.position())
            .finish_non_exhaustive()
    }
}

impl S3Updater {
    /// Opens the file: one request for the object's content in `a` and `r+` (one more for its tags
    /// if it has some), none in `w+` and `x+`.
    pub(super) fn open(target: Target, mode: Mode, read: &ReadOptions) -> Result<Self> {
        let mut updater = Self {
            target,
            mode,
            content: Cursor::default(),
            base: Base::Absent,
            // What is created is stored even if nothing is written.
            changed: true,
            failed: false,
            closed: false,
        };
        if mode.truncate() {
            if !mode.exclusive() {
                updater.base = Base::Replaced {
                    if_match: read.if_match.clone(),
                };
            }
        } else if let Err(error) = updater.load(read) {
            let creates =
                mode.create() && read.if_match.is_none() && error.is(ErrorKind::ResourceNotFound);
            if !creates {
                updater.closed = true;
                return Err(error);
            }
        }
        if mode.appending() {
            updater.content.seek(SeekFrom::End(0))?;
        }
        Ok(updater)
    }

    fn load(&mut self, read: &ReadOptions) -> Result<()> {
        let target = &self.target;
        let response = target.objects.get(&target.key, None, read)?;
        if let Some(size) = response.content_length()
            && size > MAX_BUFFERED_BYTES
        {
            return Err(too_large_to_update(target, size));
        }
        let info = s3_info(response.headers());
        let mut kept = kept_headers(&info)?;
        let e_tag = info.e_tag.unwrap_or_default();
        let content = response.read_all()?;
        let tags = target
            .objects
            .tags_header(&target.key, info.tag_count, &read.download)?;
        kept.extend(tags.map(|tags| ("x-amz-tagging".to_owned(), tags)));
        self.base = Base::Object { e_tag, kept };
        self.content = Cursor::new(content);
        self.changed = false;
        Ok(())
    }

    fn usable(&self) -> io::Result<()> {
        if self.closed {
            return Err(file::closed(&self.target.path));
        }
        Ok(())
    }

    fn writable(&mut self, size: u64) -> io::Result<()> {
        self.usable()?;
        if size > MAX_BUFFERED_BYTES {
            self.failed = true;
            return Err(too_large(&self.target).into());
        }
        self.changed = true;
        Ok(())
    }
}

impl Read for S3Updater {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.usable()?;
        if !self.mode.reading() {
            return Err(file::not_allowed(&self.target.path, "reading"));
        }
        self.content.read(buffer)
    }
}

impl Write for S3Updater {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.usable()?;
        if self.mode.appending() {
            self.content.seek(SeekFrom::End(0))?;
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        self.writable(self.content.position().saturating_add(bytes.len() as u64))?;
        self.content.write(bytes)
    }

    /// Never publishes: only `close` does.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for S3Updater {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.usable()?;
        let size = self.content.get_ref().len() as u64;
        let target = file::seek_target(from, self.content.position(), size, &self.target.path)?;
        self.content.set_position(target);
        Ok(target)
    }
}

impl File for S3Updater {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.writable(size)?;
        let length = usize::try_from(size).map_err(|_| too_large(&self.target))?;
        self.content.get_mut().resize(length, 0);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        if self.failed {
            return Err(Error::new(ErrorKind::OperationFailed)
                .with_path(&self.target.path)
                .with_message("a write to it failed before, so that nothing was stored"));
        }
        if !self.changed {
            return Ok(());
        }
        let bytes = self.content.get_ref();
        let result = match &self.base {
            Base::Replaced { if_match } => {
                let condition = if_match.as_deref().map_or(Condition::Any, Condition::Match);
                self.target.put(bytes, &[], condition)
            }
            Base::Absent => self.target.put(bytes, &[], Condition::Absent),
            Base::Object { e_tag, kept } => {
                let condition = match e_tag.as_str() {
                    "" => Condition::Any,
                    e_tag => Condition::Match(e_tag),
                };
                self.target.put(bytes, kept, condition)
            }
        };
        result.map_err(|error| error.with_path(&self.target.path))
    }
}

impl Drop for S3Updater {
    fn drop(&mut self) {
        if !self.closed && self.changed {
            log::warn!(
                "{:?} was dropped without close(): nothing was stored",
                self.target.path
            );
        }
    }
}

/// The error of a file that has grown beyond what is held in memory.
fn too_large(target: &Target) -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_path(&target.path)
        .with_message(format!(
            "an open file holds {} MiB at most",
            MAX_BUFFERED_BYTES >> 20
        ))
        .with_hint("write it whole with writebytes, which takes up to 5 GiB")
}

/// The error of an object that is too large to be held in memory while it is changed.
fn too_large_to_update(target: &Target, size: u64) -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_path(&target.path)
        .with_message(format!(
            "it has {} MiB, and a file is changed in memory, {} MiB at most",
            size >> 20,
            MAX_BUFFERED_BYTES >> 20
        ))
        .with_hint("read it with r, and write it whole with writebytes")
}
