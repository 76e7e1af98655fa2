//! [`Fits`]: checks whether the target of a copy can hold the entries of the source.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::endpoints::location;
use crate::filesystem::names;
use crate::filesystem::{FileSystem, Meta};
use crate::path;
use crate::transfer::snapshot::Snapshot;

/// The checks of a tree, window by window.
pub(crate) struct Fits<'f> {
    src_path: &'f str,
    dst: &'f dyn FileSystem,
    dst_path: &'f str,
    meta: Meta,
    /// Hashes of the paths of earlier windows, in a target that ignores the case of names.
    seen: HashSet<u64>,
    hasher: RandomState,
    is_first: bool,
}

impl<'f> Fits<'f> {
    /// Prepares for a copy from `src_path` to `dst_path`.
    pub(crate) fn new(src_path: &'f str, dst: &'f dyn FileSystem, dst_path: &'f str) -> Self {
        Self {
            src_path,
            dst,
            dst_path,
            meta: dst.getmeta(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            is_first: true,
        }
    }

    /// Returns an error if the target cannot hold everything in this window. Sends no request on S3.
    pub(crate) fn check(&mut self, window: &Snapshot) -> Result<()> {
        let capabilities = self.dst.capabilities();
        let given = |path: &str| path::combine(self.src_path, path);
        for path in paths(window) {
            let name = path::basename(path);
            let reserved = || capabilities?.unfit_name(name);
            if let Some(why) = names::unfit(name, &self.meta).or_else(reserved) {
                return Err(Error::new(ErrorKind::InvalidPath)
                    .with_path(given(path))
                    .with_message(why)
                    .with_hint(self.hint("rename it in the source")));
            }
            let target = path::combine(self.dst_path, path);
            self.dst
                .validatepath(&target)
                .map_err(|error| error.with_path_replaced(given(path)))?;
            // Two files of the source could be the same file behind a link.
            if location(self.dst, &target)?.is_some_and(|place| place.is_link()) {
                return Err(Error::new(ErrorKind::PermissionDenied)
                    .with_path(target)
                    .with_message("the target has a symbolic link at this path")
                    .with_hint(self.hint("remove the link")));
            }
        }
        let doubles = window.doubles();
        if let Some(path) = doubles.iter().min()
            && !self.meta.holds_file_beside_directory
        {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_path(given(path))
                .with_message("it is both a file and a directory, but the target cannot have both")
                .with_hint(self.hint("rename one of them in the source")));
        }
        if self.meta.case_insensitive {
            self.check_case(window, &doubles)?;
        }
        self.is_first = false;
        Ok(())
    }

    /// Returns an error if two paths differ only in case.
    fn check_case(&mut self, window: &Snapshot, doubles: &HashSet<&str>) -> Result<()> {
        let mut new: HashMap<String, &str> = HashMap::new();
        for path in paths(window) {
            let folded = names::folded(path, &self.meta);
            let earlier = self.seen.contains(&self.hasher.hash_one(&folded));
            let other = new.insert(folded, path);
            let other = other.filter(|other| *other != path || !doubles.contains(path));
            if earlier || other.is_some() {
                let other = other.map_or("another one".to_owned(), |other| format!("{other:?}"));
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_path(path::combine(self.src_path, path))
                    .with_message(format!(
                        "the target treats this name and {other} as the same name"
                    ))
                    .with_hint(self.hint("rename one of them in the source")));
            }
        }
        let hashes = new.keys().map(|folded| self.hasher.hash_one(folded));
        self.seen.extend(hashes);
        Ok(())
    }

    fn hint(&self, advice: &str) -> String {
        match self.is_first {
            true => format!("{advice}; nothing was changed"),
            false => format!("{advice}; entries before it have been transferred"),
        }
    }
}

/// Returns the paths of a window that no earlier window contains.
fn paths(window: &Snapshot) -> impl Iterator<Item = &str> {
    let files = window.files.iter().map(|file| file.path.as_str());
    window.directories.iter().map(String::as_str).chain(files)
}
