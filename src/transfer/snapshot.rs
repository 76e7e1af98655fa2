//! [`Snapshot`]: entries of a tree according to a listing, and [`Listing`], which returns them in windows.
//!
//! Copies and mirrors work on one window of entries after the other, so that their memory does not depend on the size of the
//! tree. The entries of a window are checked before any of them is transferred. A tree that fits into one window is
//! therefore checked before the first change.

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::info::Namespaces;
use crate::filesystem::names;
use crate::filesystem::{FileSystem, TreeEntries};
use crate::path;
use crate::transfer::selection::Selection;

/// Maximum number of entries of a window.
pub(crate) const WINDOW: usize = 10_000;

/// Entries of a directory. Paths are relative to it, without a leading slash.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Directories that no earlier window contains. Sorted: each directory comes after its parent.
    pub(crate) directories: Vec<String>,
    /// Directories of an earlier window that may have more content, at the start of this window.
    pub(crate) open_before: HashSet<String>,
    /// Directories that may have more content in a later window.
    pub(crate) open_after: HashSet<String>,
    /// Directories with a time of their own. On S3 these are the directories with a marker.
    pub(crate) dated: HashSet<String>,
    /// In the order of the listing.
    pub(crate) files: Vec<SnapshotFile>,
    /// Files that a selection excluded by their information. Other files of the same names may be included.
    pub(crate) refused: Vec<String>,
    /// Directories in which, or below which, a selection has excluded something so far.
    pub(crate) with_rest: HashSet<String>,
    /// Whether a selection has excluded something, in the root of the tree or below.
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
    /// [`Info::stamp`](crate::Info).
    pub(crate) stamp: Option<Box<str>>,
}

impl Snapshot {
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

    /// Returns true if a file has this path. The listing must have the order of keys.
    pub(crate) fn has_file(&self, path: &str) -> bool {
        let files = &self.files;
        let found = files.binary_search_by(|file| file.path.as_str().cmp(path));
        found.is_ok()
    }

    /// Returns the directories whose content is complete with this window, each after its parent.
    pub(crate) fn complete(&self) -> Vec<&str> {
        let all = self.directories.iter().chain(&self.open_before);
        let complete = all.filter(|directory| !self.open_after.contains(*directory));
        let mut complete: Vec<&str> = complete.map(String::as_str).collect();
        complete.sort_unstable();
        complete
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.directories.len() + self.files.len() + self.refused.len()
    }
}

/// An entry of a tree.
#[derive(Debug)]
pub(crate) enum Entry {
    File(SnapshotFile),
    /// A file that the selection excluded by its information.
    Refused(String),
    /// A directory, which comes after its content.
    Directory {
        path: String,
        is_dated: bool,
    },
}

impl Entry {
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::File(SnapshotFile { path, .. })
            | Self::Refused(path)
            | Self::Directory { path, .. } => path,
        }
    }

    /// Returns the bytes that determine the position in the order of keys.
    pub(crate) fn position(&self) -> impl Iterator<Item = u8> {
        position(self.path(), matches!(self, Self::Directory { .. }))
    }
}

/// Returns the bytes that determine the position of a file or directory in the order of keys.
pub(crate) fn position(path: &str, is_dir: bool) -> impl Iterator<Item = u8> {
    // No character has the byte 0xFF.
    let end: &[u8] = if is_dir { &[b'/', 0xFF] } else { &[] };
    path.bytes().chain(end.iter().copied())
}

/// The selected entries of a tree, in the order of a listing.
pub(crate) struct Listing<'a> {
    root: String,
    base: String,
    entries: TreeEntries<'a>,
    selection: &'a Selection<'a>,
    next: Option<Entry>,
    /// The directories from the root to the last entry that a window contains, as far as they may have more content.
    open: HashSet<String>,
    /// Directories in which, or below which, the selection has excluded something so far.
    with_rest: HashSet<String>,
    has_rest: bool,
}

impl<'a> Listing<'a> {
    /// Lists everything below a directory of a source. Returns an error for a name that no path can have, because it cannot
    /// be copied.
    pub(crate) fn of_source(
        fs: &'a dyn FileSystem,
        root: &str,
        selection: &'a Selection<'a>,
    ) -> Result<Self> {
        let entries = match selection.descend() {
            Some(descend) => fs.scantree_whole_pruned(root, Namespaces::DETAILS, descend)?,
            None => fs.scantree_whole(root, Namespaces::DETAILS)?,
        };
        Self::new(fs, root, entries, selection)
    }

    /// Lists the content of a directory, without names that no path can have.
    pub(crate) fn of_target(
        fs: &'a dyn FileSystem,
        root: &str,
        selection: &'a Selection<'a>,
    ) -> Result<Self> {
        let entries = match selection.descend() {
            Some(descend) => fs.scantree_pruned(root, Namespaces::DETAILS, descend)?,
            None => fs.scantree(root, Namespaces::DETAILS)?,
        };
        Self::new(fs, root, entries, selection)
    }

    fn new(
        fs: &dyn FileSystem,
        root: &str,
        entries: TreeEntries<'a>,
        selection: &'a Selection<'a>,
    ) -> Result<Self> {
        let mut listing = Self {
            root: root.to_owned(),
            base: fs.validatepath(root)?,
            entries,
            selection,
            next: None,
            open: HashSet::new(),
            with_rest: HashSet::new(),
            has_rest: false,
        };
        listing.next = listing.read()?;
        Ok(listing)
    }

    /// Returns the next entry, which no window contains yet.
    pub(crate) fn peek(&self) -> Option<&Entry> {
        self.next.as_ref()
    }

    /// Returns the next window, with at most as many entries, and a few more directories. It is empty after the last entry.
    pub(crate) fn window(&mut self, most: usize) -> Result<Snapshot> {
        let mut window = self.begin();
        while self.peek().is_some() && window.len() < most {
            self.take_into(&mut window)?;
        }
        self.finish(window)
    }

    /// Begins a window.
    pub(crate) fn begin(&self) -> Snapshot {
        Snapshot {
            open_before: self.open.clone(),
            ..Snapshot::default()
        }
    }

    /// Moves the next entry into a window, with its directories.
    pub(crate) fn take_into(&mut self, window: &mut Snapshot) -> Result<()> {
        let Some(entry) = self.next.take() else {
            return Ok(());
        };
        self.next = self.read()?;
        if !matches!(entry, Entry::Refused(_)) {
            self.open_above(entry.path(), window);
        }
        match entry {
            Entry::File(file) => window.files.push(file),
            Entry::Refused(path) => window.refused.push(path),
            Entry::Directory { path, is_dated } => {
                if is_dated {
                    window.dated.insert(path.clone());
                }
                if !self.open.remove(&path) {
                    window.directories.push(path);
                }
            }
        }
        Ok(())
    }

    /// Leaves out the next entry.
    pub(crate) fn skip(&mut self) -> Result<()> {
        self.next = self.read()?;
        Ok(())
    }

    /// Forgets in which of the directories before the next entry something was excluded. The listing must have the order of
    /// keys.
    pub(crate) fn forget_earlier_rest(&mut self) {
        let next = self.next.as_ref();
        self.with_rest.retain(|directory| {
            next.is_some_and(|next| position(directory, true).ge(next.position()))
        });
    }

    /// Returns true if a window contains the directory, and more of its content may come.
    pub(crate) fn is_open(&self, directory: &str) -> bool {
        self.open.contains(directory)
    }

    /// Adds the directories above an entry to the window, unless one of the windows has them.
    fn open_above(&mut self, path: &str, window: &mut Snapshot) {
        let mut above = path::dirname(path);
        while !above.is_empty() && !self.open.contains(above) {
            self.open.insert(above.to_owned());
            window.directories.push(above.to_owned());
            above = path::dirname(above);
        }
    }

    /// Ends a window.
    pub(crate) fn finish(&mut self, mut window: Snapshot) -> Result<Snapshot> {
        self.note_rest()?;
        // A path sorts before the paths of which it is a prefix.
        window.directories.sort_unstable();
        window.open_after.clone_from(&self.open);
        window.with_rest.clone_from(&self.with_rest);
        window.has_rest = self.has_rest;
        Ok(window)
    }

    /// Returns true if the tree is empty. Excluded entries count as content. Must be called before the first window.
    pub(crate) fn is_empty(&mut self) -> Result<bool> {
        self.note_rest()?;
        Ok(self.next.is_none() && !self.has_rest)
    }

    /// Gets the directories in which the selection has excluded something.
    fn note_rest(&mut self) -> Result<()> {
        for directory in self.selection.directories_with_rest() {
            self.has_rest = true;
            let mut below = path::relpath(path::frombase(&self.base, &directory)?);
            while !below.is_empty() && self.with_rest.insert(below.to_owned()) {
                below = path::dirname(below);
            }
        }
        Ok(())
    }

    /// Reads the next entry that the selection includes.
    fn read(&mut self) -> Result<Option<Entry>> {
        for entry in self.entries.by_ref() {
            let (directory, info) = entry?;
            if !self.selection.takes_name(&directory, &info) {
                continue;
            }
            let below = path::relpath(path::frombase(&self.base, &directory)?);
            let path = match below {
                "" => info.name().to_owned(),
                below => format!("{below}/{}", info.name()),
            };
            let names = below.split('/').filter(|name| !name.is_empty());
            if let Some(why) = names.chain([info.name()]).find_map(names::not_a_name) {
                return Err(Error::new(ErrorKind::InvalidPath)
                    .with_path(path::combine(&self.root, &path))
                    .with_message(format!("the source lists this path, but {why}")));
            }
            if !self.selection.takes_file(&directory, &info) {
                return Ok(Some(Entry::Refused(path)));
            }
            if info.is_dir() {
                let is_dated = info.modified().is_some();
                return Ok(Some(Entry::Directory { path, is_dated }));
            }
            return Ok(Some(Entry::File(SnapshotFile {
                path,
                size: info.size().unwrap_or_default(),
                modified: info.modified(),
                exactly_modified: info.exactly_modified(),
                stamp: info.stamp().map(Box::from),
            })));
        }
        Ok(None)
    }
}
