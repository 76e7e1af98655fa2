//! [`Snapshot`]: what is in a tree, as one listing shows it, and whether a target has room for it.
//!
//! Copies, moves and mirrors work on a snapshot, so that everything that they check is checked
//! before the first change, and they never touch what came later. It takes memory for the paths.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::endpoints::location;
use crate::filesystem::info::Namespaces;
use crate::filesystem::names;
use crate::filesystem::{FileSystem, Meta, TreeEntries};
use crate::path;
use crate::transfer::selection::Selection;

/// What is below a directory; paths are relative to it, without a leading slash.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Each after the one that it is in.
    pub(crate) directories: Vec<String>,
    /// Those of them that have a time of their own, as on S3 those with a marker have.
    pub(crate) dated: HashSet<String>,
    /// In the order of the listing.
    pub(crate) files: Vec<SnapshotFile>,
    /// The files that a selection left out by what is known of them: others of these names may be taken.
    pub(crate) refused: Vec<String>,
    /// The directories in which, or below which, a selection left something out.
    pub(crate) with_rest: HashSet<String>,
    /// Whether a selection left something out, in the root of the tree or below.
    pub(crate) has_rest: bool,
}

/// A file of a [`Snapshot`].
#[derive(Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) modified: Option<OffsetDateTime>,
    /// The same with the parts of a second that the listing has.
    pub(crate) exactly_modified: Option<OffsetDateTime>,
    /// [`Info::stamp`].
    pub(crate) stamp: Option<Box<str>>,
}

impl Snapshot {
    /// Lists all that is below a directory of a source: what cannot be copied, since no path names it,
    /// is an error.
    pub(crate) fn read(fs: &dyn FileSystem, root: &str, selection: &Selection<'_>) -> Result<Self> {
        let entries = match selection.descend() {
            Some(descend) => fs.scantree_whole_pruned(root, Namespaces::DETAILS, descend)?,
            None => fs.scantree_whole(root, Namespaces::DETAILS)?,
        };
        Self::of(fs, root, entries, selection)
    }

    /// Lists what is below a directory, without what no path names.
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
                    .with_message(format!("the source lists it, and {why}")));
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
        // A path is before those that it is the beginning of.
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

    /// Whether nothing is below the directory, also nothing that was left out.
    pub(crate) fn is_empty(&self) -> bool {
        self.directories.is_empty() && self.files.is_empty() && !self.has_rest
    }

    /// Whether nothing was left out of the directory of that name, which is the root of the tree if it is empty, or
    /// below it.
    pub(crate) fn is_whole_below(&self, directory: &str) -> bool {
        match directory {
            "" => !self.has_rest,
            directory => !self.with_rest.contains(directory),
        }
    }

    /// The paths that are both a file and a directory.
    pub(crate) fn doubles(&self) -> HashSet<&str> {
        let directories: HashSet<&str> = self.directories.iter().map(String::as_str).collect();
        let files = self.files.iter().map(|file| file.path.as_str());
        files.filter(|path| directories.contains(path)).collect()
    }

    /// An error if the target of a copy from `src_path` cannot hold all of it below `dst_path`.
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
            // Two files of the source could be one behind it.
            if location(dst, &target)?.is_some_and(|place| place.is_link()) {
                return Err(Error::new(ErrorKind::PermissionDenied)
                    .with_path(target)
                    .with_message("the target has a symbolic link there")
                    .with_hint("remove the link; nothing was changed"));
            }
        }
        let doubles = self.doubles();
        if let Some(path) = doubles.iter().min()
            && !meta.holds_file_beside_directory
        {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_path(given(path))
                .with_message("it is both a file and a directory, and the target cannot hold both")
                .with_hint("rename one of them in the source; nothing was changed"));
        }
        if meta.case_insensitive {
            return self.check_case(src_path, &meta, &doubles);
        }
        Ok(())
    }

    /// An error if two paths differ in nothing but case.
    fn check_case(&self, src_path: &str, meta: &Meta, doubles: &HashSet<&str>) -> Result<()> {
        let mut seen: HashMap<String, &str> = HashMap::new();
        let files = self.files.iter().map(|file| file.path.as_str());
        for path in self.directories.iter().map(String::as_str).chain(files) {
            let other = seen.insert(names::folded(path, meta), path);
            if let Some(other) = other.filter(|other| *other != path || !doubles.contains(path)) {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_path(path::combine(src_path, path))
                    .with_message(format!("the target takes it and {other:?} for one name"))
                    .with_hint("rename one of them in the source; nothing was changed"));
            }
        }
        Ok(())
    }
}
