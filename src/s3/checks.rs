//! Checks before a change, and errors for missing objects and directories.

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::OpenOptions;
use crate::filesystem::valid_path::ValidPath;
use crate::s3::S3Fs;
use crate::s3::client::xml::ListPage;
use crate::s3::key::{Key, MAX_KEY_BYTES};
use crate::s3::list::pages::Pages;

impl S3Fs {
    /// Returns the first keys with this prefix. Makes one request, or none if the prefix exceeds the maximum length of a
    /// key. Makes more requests if the store returns pages with fewer keys than requested.
    pub(super) fn first_keys(&self, prefix: &str, count: u32) -> Result<ListPage> {
        let mut first = ListPage::default();
        if prefix.len() > MAX_KEY_BYTES {
            return Ok(first);
        }
        for page in Pages::new(self.objects(), prefix, None).at_most(count) {
            first.objects.extend(page?.objects);
            if first.objects.len() >= count as usize {
                break;
            }
        }
        Ok(first)
    }

    /// Returns true if the directory with this prefix exists. Makes one request, or none for the root.
    pub(super) fn is_directory(&self, prefix: &str, path: &ValidPath<'_>) -> Result<bool> {
        Ok(path.is_root() || !self.first_keys(prefix, 1)?.objects.is_empty())
    }

    /// Returns true if an object with this key exists. Makes one request.
    pub(super) fn is_object(&self, key: &Key) -> Result<bool> {
        self.objects().exists(key)
    }

    /// P: returns an error unless the parent directory exists. The error is of the kind `if_file` if the parent is a
    /// file. Makes one request, or none in the root.
    pub(super) fn require_parent(&self, path: &ValidPath<'_>, if_file: ErrorKind) -> Result<()> {
        let parent = path.parent();
        if self.is_directory(&self.prefix(&parent)?, &parent)? {
            return Ok(());
        }
        let shown = &*parent;
        if self.is_object(&self.shared.keys.file(&parent)?)? {
            return Err(parent
                .error(if_file)
                .with_message(format!("its parent {shown:?} is a file")));
        }
        Err(parent
            .error(ErrorKind::ResourceNotFound)
            .with_message(format!("its parent {shown:?} does not exist"))
            .with_hint("create it with makedir, or open the filesystem with `strict` off"))
    }

    /// Does the checks before a write in strict mode: P + 1 requests.
    pub(super) fn check_file_target(
        &self,
        path: &ValidPath<'_>,
        key: &Key,
        options: &OpenOptions,
    ) -> Result<()> {
        self.require_parent(path, ErrorKind::ResourceNotFound)?;
        if options.beside_directory {
            return Ok(());
        }
        self.refuse_directory(path, key)
    }

    /// Returns an error if the path is a directory and not a file too. Makes one request.
    pub(super) fn refuse_directory(&self, path: &ValidPath<'_>, key: &Key) -> Result<()> {
        if self.is_directory(&self.prefix(path)?, path)? && !self.is_object(key)? {
            return Err(path.error(ErrorKind::FileExpected));
        }
        Ok(())
    }

    /// Returns the error for a path without an object, which may be a directory. Makes one request.
    pub(super) fn no_object(&self, path: &ValidPath<'_>) -> Error {
        let directory = self
            .prefix(path)
            .and_then(|prefix| self.is_directory(&prefix, path));
        match directory {
            Ok(true) => path.error(ErrorKind::FileExpected),
            Ok(false) => path.error(ErrorKind::ResourceNotFound),
            Err(error) => error.with_path(path.given()),
        }
    }

    /// Returns the error for a path with no key below it, which may be a file. Makes one request.
    pub(super) fn no_directory(&self, path: &ValidPath<'_>) -> Error {
        let key = self.shared.keys.file(path);
        match key.and_then(|key| self.is_object(&key)) {
            Ok(true) => path.error(ErrorKind::DirectoryExpected),
            Ok(false) => path.error(ErrorKind::ResourceNotFound),
            Err(error) => error.with_path(path.given()),
        }
    }

    /// Keeps a directory from vanishing with the last key below it. Makes one request, and one more to write the
    /// directory's marker if all keys found there are `leaving`.
    pub(super) fn keep_parent(
        &self,
        path: &ValidPath<'_>,
        leaving: impl Fn(&str) -> bool,
    ) -> Result<()> {
        let parent = path.parent();
        if parent.is_root() {
            return Ok(());
        }
        let marker = self.shared.keys.marker(&parent)?;
        let page = self.first_keys(marker.as_str(), 2)?;
        if page
            .objects
            .iter()
            .any(|object| object.unreadable.is_some() || !leaving(&object.key))
        {
            return Ok(());
        }
        self.keep_marker(&marker)
    }
}

pub(super) fn not_found(path: &str) -> Error {
    Error::new(ErrorKind::ResourceNotFound).with_path(path)
}

/// Returns true if the server reported that no object has the key, or that the version is a delete marker.
pub(super) fn is_missing_key(error: &Error) -> bool {
    error.is(ErrorKind::ResourceNotFound)
}
