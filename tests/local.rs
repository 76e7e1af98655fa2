//! Directories of the local disk, a separate one for each test.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher as _;
use std::io::ErrorKind;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A new directory, removed with all its contents when this is dropped.
pub struct Directory(PathBuf);

impl Directory {
    /// An empty directory that no other test of this or another process uses, now or earlier.
    pub fn new() -> Self {
        let parent = fs::canonicalize(std::env::temp_dir()).expect("a temporary directory");
        loop {
            let random = RandomState::new().hash_one(std::process::id());
            let path = parent.join(format!("s3fs-test-{random:016x}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("a directory in {}: {error}", parent.display()),
            }
        }
    }
}

impl Deref for Directory {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Directory {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // It may already be removed, and the message of a panicking test is sufficient.
        let _ = fs::remove_dir_all(&self.0);
    }
}
