//! [`MemoryFile`]: an open file of a [`MemoryFs`](super::MemoryFs), published by `close`.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::Store;
use super::tree::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::file::{self, File};
use crate::filesystem::mode::Mode;

/// An open file: its state when it was opened, and the changes since then.
pub(super) struct MemoryFile {
    store: Arc<Store>,
    path: String,
    key: String,
    mode: Mode,
    base: Base,
    /// Shared with the store until the first write.
    content: Arc<Vec<u8>>,
    position: u64,
    changed: bool,
    /// Whether a write failed, so that the content is incomplete.
    failed: bool,
    /// Result of `close`.
    closed: Option<Result<()>>,
}

/// State of the file when it was opened.
pub(super) enum Base {
    /// The content does not matter (`w`).
    Replaced,
    /// The file must not exist (`x`, or `a` on a missing file).
    Absent,
    /// The content, which must be the same when the file is published (`a`, `r+`).
    Content(Arc<Vec<u8>>),
}

impl MemoryFile {
    pub(super) fn new(store: Arc<Store>, place: &Place<'_>, mode: Mode, base: Base) -> Self {
        let content = match &base {
            Base::Content(content) => Arc::clone(content),
            Base::Replaced | Base::Absent => Arc::default(),
        };
        Self {
            store,
            path: place.path.to_owned(),
            key: place.key.clone(),
            mode,
            // A created file is stored even if nothing is written.
            changed: !matches!(base, Base::Content(_)),
            position: if mode.appending() {
                length(&content)
            } else {
                0
            },
            base,
            content,
            failed: false,
            closed: None,
        }
    }

    fn usable(&self) -> io::Result<()> {
        if self.closed.is_some() {
            return Err(file::closed(&self.path));
        }
        Ok(())
    }

    /// Returns the content if the file is open for writing and has room for `size` bytes.
    fn writable(&mut self, size: Option<u64>) -> io::Result<&mut Vec<u8>> {
        self.usable()?;
        if !self.mode.writing() {
            return Err(file::not_allowed(&self.path, "writing"));
        }
        let content = Arc::make_mut(&mut self.content);
        let room = size
            .and_then(|size| usize::try_from(size).ok())
            .map(|size| content.try_reserve(size.saturating_sub(content.len())));
        if !matches!(room, Some(Ok(()))) {
            self.failed = true;
            return Err(Error::new(ErrorKind::InsufficientStorage)
                .with_path(&self.path)
                .with_message("there is not enough memory for a file of this size")
                .into());
        }
        self.changed = true;
        Ok(content)
    }

    fn publish(&self) -> Result<()> {
        let mut tree = self.store.write();
        let place = Place::new(&self.path, &self.key);
        let now = tree.file(&place).ok().map(|node| &node.content);
        let error = match (&self.base, now) {
            (Base::Replaced, _) | (Base::Absent, None) => None,
            (Base::Content(base), Some(now)) if base == now => None,
            (Base::Absent, Some(_)) => Some(ErrorKind::FileExists),
            (Base::Content(_), Some(_)) => Some(ErrorKind::ResourceChanged),
            (Base::Content(_), None) => Some(ErrorKind::ResourceNotFound),
        };
        match error {
            None => tree.put(&self.key, Arc::clone(&self.content)),
            Some(kind) => {
                return Err(place.error(kind).with_message(
                    "another writer created, changed or removed it while it was open",
                ));
            }
        }
        Ok(())
    }
}

fn length(content: &[u8]) -> u64 {
    content.len() as u64
}

impl Read for MemoryFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.usable()?;
        if !self.mode.reading() {
            return Err(file::not_allowed(&self.path, "reading"));
        }
        let start = usize::try_from(self.position).unwrap_or(usize::MAX);
        let mut rest = self.content.get(start..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.usable()?;
        if !self.mode.writing() {
            return Err(file::not_allowed(&self.path, "writing"));
        }
        if self.mode.appending() {
            self.position = length(&self.content);
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        let position = self.position;
        let content = self.writable(position.checked_add(length(bytes)))?;
        let mut cursor = Cursor::new(content);
        cursor.set_position(position);
        let count = cursor.write(bytes)?;
        self.position += count as u64;
        Ok(count)
    }

    /// Does not publish the file: only `close` does.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for MemoryFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.usable()?;
        let target = file::seek_target(from, self.position, length(&self.content), &self.path)?;
        self.position = target;
        Ok(target)
    }
}

impl File for MemoryFile {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        let content = self.writable(Some(size))?;
        // Memory is reserved for the size, so that it fits `usize`.
        content.resize(usize::try_from(size).unwrap_or_default(), 0);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if let Some(before) = &self.closed {
            return before.clone();
        }
        let closed = match self.changed && self.mode.writing() {
            _ if self.failed => Err(file::failed_before(&self.path)),
            true => self.publish(),
            false => Ok(()),
        };
        self.closed = Some(closed.clone());
        closed
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if self.closed.is_none() && self.changed {
            log::warn!(
                "{:?} was dropped without close(): nothing was stored",
                self.path
            );
        }
    }
}
