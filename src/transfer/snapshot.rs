//! [`Snapshot`]: the content of a tree according to one listing. Checks whether a target can hold it.
//!
//! Copies, moves and mirrors work on a snapshot. They can therefore make all checks before the first change, and never touch
//! entries that are added later. A snapshot keeps all paths in memory.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::endpoints::location;
use crate::filesystem::info::Namespaces;
use crate::filesystem::names;
use crate::filesystem::{FileSystem, Meta, TreeEntries};
use crate::path;
use crate::transfer::selection::Selection;

/// The content of a directory. Paths are relative to it, without a leading slash.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Sorted: each directory comes after its parent.
    pub(crate) directories: Vec<String>,
    /// Directories with a time of their own. On S3 these are the directories with a marker.
    pub(crate) dated: HashSet<String>,
    /// In the order of the listing.
    pub(crate) files: Vec<SnapshotFile>,
    /// Files that a selection excluded by their information. Other files of the same names may be included.
    pub(crate) refused: Vec<String>,
    /// Directories in which, or below which, a selection excluded something.
    pub(crate) with_rest: HashSet<String>,
    /// Whether a selection excluded something, in the root of the tree or below.
    pub(crate) has_rest: bool,
}

/// A file of a [`Snapshot`].
#[derive(Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) modified: Option<OffsetDateTime>,
    /// The same time with the fraction of a second from the listing.
    pub(crate) exactly_modified: Option<OffsetDateTime>,
    /// [`Info::stamp`].
    pub(crate) stamp: Option<Box<str>>,
}

impl Snapshot {
    /// Lists everything below a directory of a source. Returns an error for a name that no path can have, because it cannot
    /// be copied.
    pub(crate) fn read(fs: &dyn FileSystem, root: &str, selection: &Selection<'_>) -> Result<Self> {
        let entries = match selection.descend() {
            Some(descend) => fs.scantree_whole_pruned(root, Namespaces::DETAILS, descend)?,
            None => fs.scantree_whole(root, Namespaces::DETAILS)?,
        };
        Self::of(fs, root, entries, selection)
    }

    /// Lists the content of a directory, without names that no path can have.
    pub(crate) fn listed(
        fs: &dyn FileSystem,
        root: &str,
        selection: &Selection<'_>,
    ) -> Result<Self> {
        let entries = match selection.descend() {
            Some(descend) => fs.scantree_pruned(root, Namespaces::DETAILS, descend)?,
            None => fs.scantree(root, Namespaces::DETAILS)?,
        };
        Self::of(fs, root, entries, selection)
    }

    fn of(
        fs: &dyn FileSystem,
        root: &str,
        entries: TreeEntries<'_>,
        selection: &Selection<'_>,
    ) -> Result<Self> {
        let base = fs.validatepath(root)?;
        let mut snapshot = Self::default();
        for entry in entries {
            let (directory, info) = entry?;
            if !selection.takes_name(&directory, &info) {
                continue;
            }
            let below = path::relpath(path::frombase(&base, &directory)?);
            let path = match below {
                "" => info.name().to_owned(),
                below => format!("{below}/{}", info.name()),
            };
            let names = below.split('/').filter(|name| !name.is_empty());
            if let Some(why) = names.chain([info.name()]).find_map(names::not_a_name) {
                return Err(Error::new(ErrorKind::InvalidPath)
                    .with_path(path::combine(root, &path))
                    .with_message(format!("the source lists this path, but {why}")));
            }
            if !selection.takes_file(&directory, &info) {
                snapshot.refused.push(path);
            } else if info.is_dir() {
                if info.modified().is_some() {
                    snapshot.dated.insert(path.clone());
                }
                snapshot.directories.push(path);
            } else {
                snapshot.files.push(SnapshotFile {
                    path,
                    size: info.size().unwrap_or_default(),
                    modified: info.modified(),
                    exactly_modified: info.exactly_modified(),
                    stamp: info.stamp().map(Box::from),
                });
            }
        }
        // A path sorts before the paths of which it is a prefix.
        snapshot.directories.sort_unstable();
        for directory in selection.directories_with_rest() {
            snapshot.has_rest = true;
            let mut below = path::relpath(path::frombase(&base, &directory)?);
            while !below.is_empty() && snapshot.with_rest.insert(below.to_owned()) {
                below = below.rsplit_once('/').map_or("", |(parent, _)| parent);
            }
        }
        Ok(snapshot)
    }

    /// Returns true if the directory is empty. Excluded entries count as content.
    pub(crate) fn is_empty(&self) -> bool {
        self.directories.is_empty() && self.files.is_empty() && !self.has_rest
    }

    /// Returns true if nothing was excluded in or below a directory. An empty name stands for the root of the tree.
    pub(crate) fn is_whole_below(&self, directory: &str) -> bool {
        match directory {
            "" => !self.has_rest,
            directory => !self.with_rest.contains(directory),
        }
    }

    /// Returns the paths that are both a file and a directory.
    pub(crate) fn doubles(&self) -> HashSet<&str> {
        let directories: HashSet<&str> = self.directories.iter().map(String::as_str).collect();
        let files = self.files.iter().map(|file| file.path.as_str());
        files.filter(|path| directories.contains(path)).collect()
    }

    /// Returns an error if the target of a copy from `src_path` cannot hold everything below `dst_path`.
    pub(crate) fn check_fits(
        &self,
        src_path: &str,
        dst: &dyn FileSystem,
        dst_path: &str,
    ) -> Result<()> {
        let meta = dst.getmeta();
        let capabilities = dst.capabilities();
        let given = |path: &str| path::combine(src_path, path);
        let files = self.files.iter().map(|file| file.path.as_str());
        for path in self.directories.iter().map(String::as_str).chain(files) {
            let name = path::basename(path);
            let reserved = || capabilities?.unfit_name(name);
            if let Some(why) = names::unfit(name, &meta).or_else(reserved) {
                return Err(Error::new(ErrorKind::InvalidPath)
                    .with_path(given(path))
                    .with_message(why)
                    .with_hint("rename it in the source; nothing was changed"));
            }
            let target = path::combine(dst_path, path);
            dst.validatepath(&target)
                .map_err(|error| error.with_path_replaced(given(path)))?;
            // Two files of the source could be the same file behind a link.
            if location(dst, &target)?.is_some_and(|place| place.is_link()) {
                return Err(Error::new(ErrorKind::PermissionDenied)
                    .with_path(target)
                    .with_message("the target has a symbolic link at this path")
                    .with_hint("remove the link; nothing was changed"));
            }
        }
        let doubles = self.doubles();
        if let Some(path) = doubles.iter().min()
            && !meta.holds_file_beside_directory
        {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_path(given(path))
                .with_message("it is both a file and a directory, but the target cannot have both")
                .with_hint("rename one of them in the source; nothing was changed"));
        }
        if meta.case_insensitive {
            return self.check_case(src_path, &meta, &doubles);
        }
        Ok(())
    }

    /// Returns an error if two paths differ only in case.
    fn check_case(&self, src_path: &str, meta: &Meta, doubles: &HashSet<&str>) -> Result<()> {
        let mut seen: HashMap<String, &str> = HashMap::new();
        let files = self.files.iter().map(|file| file.path.as_str());
        for path in self.directories.iter().map(String::as_str).chain(files) {
            let other = seen.insert(names::folded(path, meta), path);
            if let Some(other) = other.filter(|other| *other != path || !doubles.contains(path)) {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_path(path::combine(src_path, path))
                    .with_message(format!(
                        "the target treats this name and {other:?} as the same name"
                    ))
                    .with_hint("rename one of them in the source; nothing was changed"));
            }
        }
        Ok(())
    }
}
