//! What is looked at before something is changed, and what it means that nothing is there.

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::OpenOptions;
use crate::path;
use crate::s3::S3Fs;
use crate::s3::client::xml::ListPage;
use crate::s3::key::{Key, MAX_KEY_BYTES};
use crate::s3::list::pages::Pages;

impl S3Fs {
    /// The first keys that begin with that prefix: one request, or none where no key can; more where the
    /// store answers a page that has fewer than it could.
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

    /// Whether the directory whose keys begin with that prefix exists: one request; none for the
    /// root, whose prefix every key has.
    pub(super) fn is_directory(&self, prefix: &str, validated: &str) -> Result<bool> {
        Ok(validated == "/" || !self.first_keys(prefix, 1)?.objects.is_empty())
    }

    /// Whether an object has that key: one request.
    pub(super) fn is_object(&self, key: &Key) -> Result<bool> {
        self.objects().exists(key)
    }

    /// P: an error unless the parent directory exists, of that kind if it is a file. One request, none in
    /// the root.
    pub(super) fn require_parent(
        &self,
        validated: &str,
        path: &str,
        if_file: ErrorKind,
    ) -> Result<()> {
        let parent = path::dirname(validated);
        if self.is_directory(&self.prefix(parent, path)?, parent)? {
            return Ok(());
        }
        if self.is_object(&self.shared.keys.file(parent)?)? {
            return Err(Error::new(if_file)
                .with_path(path)
                .with_message(format!("its parent {parent:?} is a file")));
        }
        Err(Error::new(ErrorKind::ResourceNotFound)
            .with_path(path)
            .with_message(format!("its parent {parent:?} is not there"))
            .with_hint("make it with makedir, or open the filesystem with strict off"))
    }

    /// The checks before a write in strict mode: P + 1 requests.
    pub(super) fn check_file_target(
        &self,
        validated: &str,
        key: &Key,
        path: &str,
        options: &OpenOptions,
    ) -> Result<()> {
        self.require_parent(validated, path, ErrorKind::ResourceNotFound)?;
        if options.beside_directory {
            return Ok(());
        }
        self.refuse_directory(validated, key, path)
    }

    /// An error if the path means a directory: one request. Where both are there, it means the file.
    pub(super) fn refuse_directory(&self, validated: &str, key: &Key, path: &str) -> Result<()> {
        if self.is_directory(&self.prefix(validated, path)?, validated)? && !self.is_object(key)? {
            return Err(Error::new(ErrorKind::FileExpected).with_path(path));
        }
        Ok(())
    }

    /// What it means that no object has the key of that path: one request.
    pub(super) fn no_object(&self, validated: &str, path: &str) -> Error {
        let directory = self
            .prefix(validated, path)
            .and_then(|prefix| self.is_directory(&prefix, validated));
        match directory {
            Ok(true) => Error::new(ErrorKind::FileExpected).with_path(path),
            Ok(false) => not_found(path),
            Err(error) => error.with_path(path),
        }
    }

    /// What it means that no key lies below that path: one request.
    pub(super) fn no_directory(&self, validated: &str, path: &str) -> Error {
        let is_object = self
            .shared
            .keys
            .file(validated)
            .and_then(|key| self.is_object(&key));
        match is_object {
            Ok(true) => Error::new(ErrorKind::DirectoryExpected).with_path(path),
            Ok(false) => not_found(path),
            Err(error) => error.with_path(path),
        }
    }

    /// Keeps a directory from vanishing with the last key below it: one request, and one more to
    /// write its marker if nothing is seen there but what is `leaving`.
    pub(super) fn keep_parent(
        &self,
        validated: &str,
        leaving: impl Fn(&str) -> bool,
    ) -> Result<()> {
        let parent = path::dirname(validated);
        if parent == "/" {
            return Ok(());
        }
        let marker = self.shared.keys.marker(parent)?;
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

/// Whether the answer was that no object has the key, or that the key cannot be read as one.
pub(super) fn is_missing_key(error: &Error) -> bool {
    error.is(ErrorKind::ResourceNotFound)
}
