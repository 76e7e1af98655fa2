//! [`S3Writer`]: a file opened with `w` or `x`, published by `close`.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::objects::{Condition, Objects, condition_failed};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, File};
use crate::options::UploadArgs;
use crate::s3::key::Key;

/// The most that an open file holds in memory until `close`, in bytes: 256 MiB.
pub(crate) const MAX_BUFFERED_BYTES: u64 = 256 << 20;

/// A file opened with `w` or `x`: what is written is stored whole by [`close`](File::close), in
/// one request, and nothing is stored without it.
///
/// What is written is held in memory, at most 256 MiB; [`writebytes`](crate::FileSystem::writebytes)
/// takes up to 5 GiB. `seek` tells the position and does not move: open with `w+` for that.
pub struct S3Writer {
    target: Target,
    buffer: Vec<u8>,
    exclusive: bool,
    if_match: Option<String>,
    state: State,
}

/// Where a written file goes.
pub(super) struct Target {
    pub(super) objects: Arc<Objects>,
    pub(super) key: Key,
    pub(super) path: String,
    /// Complete: the filesystem's and the call's.
    pub(super) args: UploadArgs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A write did not go in whole: what is there is not what the caller meant.
    Failed,
    Closed,
}

impl fmt::Debug for S3Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Writer")
            .field("path", &self.target.path)
            .field("size", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

impl S3Writer {
    pub(super) fn new(target: Target, exclusive: bool, if_match: Option<String>) -> Self {
        Self {
            target,
            buffer: Vec::new(),
            exclusive,
            if_match,
            state: State::Open,
        }
    }

    fn usable(&self) -> io::Result<()> {
        if self.state == State::Closed {
            return Err(file::closed(&self.target.path));
        }
        Ok(())
    }
}

impl Target {
    /// Stores the object.
    pub(super) fn put(
        &self,
        bytes: &[u8],
        kept: &[(String, String)],
        condition: Condition<'_>,
    ) -> Result<()> {
        self.objects
            .put(&self.key, bytes, &self.args, kept, condition)
            .map_err(|error| error.with_path(&self.path))
    }

    /// Stores an object that must not be there yet: the server decides, or, where it does not know
    /// how, a look right before.
    pub(super) fn put_new(&self, bytes: &[u8]) -> Result<()> {
        let exists = || {
            Error::new(ErrorKind::FileExists)
                .with_path(&self.path)
                .with_message("it was created meanwhile, or was there before")
        };
        match self.put(bytes, &[], Condition::Absent) {
            Err(error) if condition_failed(&error) => Err(exists()),
            Err(error) if error.is(ErrorKind::Unsupported) && error.s3().is_some() => {
                if self.objects.exists(&self.key)? {
                    return Err(exists());
                }
                self.put(bytes, &[], Condition::Any)
            }
            result => result,
        }
    }

    /// The error of a file that has grown beyond what is held in memory.
    pub(super) fn too_large(&self) -> Error {
        Error::new(ErrorKind::Unsupported)
            .with_path(&self.path)
            .with_message(format!(
                "an open file holds {} MiB at most",
                MAX_BUFFERED_BYTES >> 20
            ))
            .with_hint("write it whole with writebytes, which takes up to 5 GiB")
    }

    /// The error of an object that is too large to be held in memory while it is changed.
    pub(super) fn too_large_to_update(&self, size: u64) -> Error {
        Error::new(ErrorKind::Unsupported)
            .with_path(&self.path)
            .with_message(format!(
                "it has {} MiB, and a file is changed in memory, {} MiB at most",
                size >> 20,
                MAX_BUFFERED_BYTES >> 20
            ))
            .with_hint("read it with r, and write it whole with writebytes")
    }
}

impl Write for S3Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.usable()?;
        if self.buffer.len() as u64 + bytes.len() as u64 > MAX_BUFFERED_BYTES {
            self.state = State::Failed;
            return Err(self.target.too_large().into());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Never publishes: only `close` does.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for S3Writer {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.usable()?;
        let position = self.buffer.len() as u64;
        if file::seek_target(from, position, position, &self.target.path)? == position {
            return Ok(position);
        }
        Err(Error::new(ErrorKind::Unsupported)
            .with_path(&self.target.path)
            .with_message("a file opened with w or x is written from start to end")
            .with_hint("open it with w+ to move in it")
            .into())
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
        if size == self.buffer.len() as u64 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported)
            .with_path(&self.target.path)
            .with_message("a file opened with w or x is written from start to end")
            .with_hint("open it with w+ to cut it")
            .into())
    }

    fn close(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => Ok(()),
            State::Failed => Err(Error::new(ErrorKind::OperationFailed)
                .with_path(&self.target.path)
                .with_message("a write to it failed before, so that nothing was stored")),
            State::Open => {
                let bytes = std::mem::take(&mut self.buffer);
                match &self.if_match {
                    _ if self.exclusive => self.target.put_new(&bytes),
                    Some(e_tag) => self.target.put(&bytes, &[], Condition::Match(e_tag)),
                    None => self.target.put(&bytes, &[], Condition::Any),
                }
            }
        }
    }
}

impl Drop for S3Writer {
    fn drop(&mut self) {
        if self.state != State::Closed {
            log::warn!(
                "{:?} was dropped without close(): nothing was stored",
                self.target.path
            );
        }
    }
}
