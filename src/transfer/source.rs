//! [`Source`]: the source of a move, and what the move removes in it after the copy.
//!
//! Copied files and directories are recorded while the tree is copied, and compared with a second listing before they are
//! removed. Both are read in windows if they have the order of keys, so that the memory of a move does not depend on the
//! size of the tree.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::iter::Peekable;

use time::OffsetDateTime;

use crate::error::{ErrorKind, Result};
use crate::filesystem::FileSystem;
use crate::filesystem::endpoints::location;
use crate::filesystem::removing::Rest;
use crate::path;
use crate::spill::{Spill, text};
use crate::temporary::Purpose;
use crate::transfer::job::Job;
use crate::transfer::pairs::Ordered;
use crate::transfer::report::{Action, Report};
use crate::transfer::run::Run;
use crate::transfer::selection::Selection;
use crate::transfer::snapshot::{Entry, Listing, Snapshot, SnapshotFile, position};
use crate::transfer::window::Window;

/// The most memory for the paths of copied files, in bytes: the windows of the copy take most of the memory of a move.
const MAX_MEMORY_BYTES: usize = 8 << 20;

const PURPOSE: Purpose = Purpose {
    data: "the list of copied files",
    effect: "nothing was removed",
};

/// The source of a move, and the entries to remove in it.
pub(crate) struct Source<'a> {
    fs: &'a dyn FileSystem,
    path: &'a str,
    /// Path in the tree and [`state`] of each copied file, in the order of the first listing.
    copied: Spill<2>,
    /// The last copied file.
    last: Option<String>,
    /// Whether the copied files have the order of keys.
    is_ordered: bool,
    /// Paths of the directories, each after its subdirectories.
    directories: Spill<1>,
    staying: Staying,
}

/// What stays in the source.
#[derive(Default)]
struct Staying {
    /// The directories that are symbolic links and are not below another link. The targets of links are not part of the tree
    /// and are kept.
    links: PathSet,
    /// Directories in which, or below which, something stays.
    occupied: PathSet,
    /// Whether a selection excluded something.
    has_rest: bool,
}

/// A copied file.
struct Copied {
    /// Its path in the tree.
    path: String,
    state: Vec<u8>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(fs: &'a dyn FileSystem, path: &'a str) -> Result<Self> {
        let mut source = Self {
            fs,
            path,
            copied: Spill::with_max_memory(PURPOSE, MAX_MEMORY_BYTES),
            last: None,
            is_ordered: true,
            directories: Spill::new(PURPOSE),
            staying: Staying::default(),
        };
        if !source.is_root() {
            source.note_link(path)?;
        }
        Ok(source)
    }

    /// Returns true if the tree is the whole filesystem. Its root is kept.
    fn is_root(&self) -> bool {
        path::relpath(self.path).is_empty()
    }

    fn note_link(&mut self, directory: &str) -> Result<()> {
        let links = &mut self.staying.links;
        if !links.has_one_above(directory)
            && location(self.fs, directory)?.is_some_and(|place| place.is_link())
        {
            links.insert(directory);
        }
        Ok(())
    }

    /// Adds the directories of a window of the first listing, and its copied files. Sends no request on S3.
    pub(crate) fn add(&mut self, window: &Window<'_>, copied: &[&Job]) -> Result<()> {
        let place = |directory: &str| path::combine(self.path, directory);
        // Each comes after its parent.
        for directory in &window.tree.directories {
            self.note_link(&place(directory))?;
        }
        for directory in window.tree.complete().into_iter().rev() {
            self.directories.push([place(directory).as_bytes()])?;
        }
        let begin = path::combine(self.path, "name").len() - "name".len();
        for job in copied {
            let path = job.src_path.get(begin..).unwrap_or_default();
            self.is_ordered &= self.last.as_ref().is_none_or(|last| &**last < path);
            self.last = Some(path.to_owned());
            let state = state(job.size, job.modified, job.stamp.as_deref());
            self.copied.push([path.as_bytes(), &state])?;
        }
        Ok(())
    }

    /// Adds the files of a window that a dry run leaves in the source, and the excluded ones after the last window.
    pub(crate) fn add_left(&mut self, window: &Window<'_>, copied: &[&Job], report: &mut Report) {
        let taken: HashSet<&str> = copied.iter().map(|job| &*job.src_path).collect();
        let files = window.jobs.iter().map(|job| &job.src_path);
        let left = files.filter(|path| !taken.contains(path.as_str()));
        report.left_behind.extend(left.cloned());
        if window.is_last {
            self.staying.note_rest(self.path, &window.tree);
        }
    }

    /// Reports the removals of [`remove`](Self::remove), assuming that nothing changes in the meantime.
    pub(crate) fn would_remove(mut self, report: &mut Report) -> Result<()> {
        let mut staying = std::mem::take(&mut self.staying);
        report.left_behind.sort_unstable();
        for left in &report.left_behind {
            staying.occupied.insert_all_above(left);
        }
        for record in self.copied.records()? {
            let path = path::combine(self.path, &copied(record)?.path);
            if !staying.links.has_one_above(&path) {
                report.push(Action::Remove(path));
            }
        }
        for directory in self.all_directories()? {
            let directory = directory?;
            if !staying.links.has_one_above(&directory) && !staying.occupied.contains(&directory) {
                report.push(staying.removal(&directory));
            }
        }
        Ok(())
    }

    /// Returns the directories of the tree, each after its subdirectories. The last one is the tree's own.
    fn all_directories(&mut self) -> Result<impl Iterator<Item = Result<String>>> {
        let own = (!self.is_root()).then(|| Ok(self.path.to_owned()));
        let below = self.directories.records()?;
        let below = below.map(|record| record.and_then(|[path]| text(path)));
        Ok(below.chain(own))
    }

    /// Removes the copied files that have not changed since, and then the directories that are empty.
    pub(crate) fn remove(
        mut self,
        run: &Run<'_, '_>,
        selection: &Selection<'_>,
        report: &mut Report,
    ) -> Result<()> {
        let capabilities = self.fs.capabilities();
        let is_ordered = capabilities.is_some_and(|of| of.lists_in_key_order()) && self.is_ordered;
        let window = is_ordered.then(|| run.options.get_window());
        if !self.remove_files(run, selection, window, report)? {
            // A new listing has everything that is left.
            report.left_behind.clear();
            self.remove_files(run, selection, None, report)?;
        }
        report.left_behind.sort_unstable();
        self.remove_directories(report)
    }

    /// Removes the copied files, in windows of the second listing or as a whole. Returns false if the listing cannot be read
    /// in windows, because it does not have the order of keys.
    fn remove_files(
        &mut self,
        run: &Run<'_, '_>,
        selection: &Selection<'_>,
        window: Option<usize>,
        report: &mut Report,
    ) -> Result<bool> {
        let (fs, path) = (self.fs, self.path);
        let mut now = Now {
            copied: self.copied.records()?.map(copied).peekable(),
            there: Ordered::new(Listing::of_target(fs, path, selection)?),
        };
        let mut held = HashSet::new();
        loop {
            let Some((copied, there)) = now.next(window)? else {
                return Ok(false);
            };
            self.staying.note_rest(path, &there);
            let batch = Batch {
                fs,
                path,
                links: &self.staying.links,
                copied,
                there,
                has_more: now.there.listing.peek().is_some(),
            };
            batch.remove(run, &mut held, report)?;
            if !now.has_more() {
                return Ok(true);
            }
        }
    }

    /// Removes the empty directories of the tree, and its links. Sends no request for a directory in which a listed file is
    /// left.
    fn remove_directories(mut self, report: &mut Report) -> Result<()> {
        let mut staying = std::mem::take(&mut self.staying);
        for left in &report.left_behind {
            staying.occupied.insert_all_above(left);
        }
        let (fs, path) = (self.fs, self.path);
        for directory in self.all_directories()? {
            let directory = directory?;
            // A directory that is not empty is kept anyway.
            if staying.links.has_one_above(&directory) || staying.occupied.contains(&directory) {
                continue;
            }
            let removed = match staying.links.contains(&directory) {
                true => fs.remove(&directory),
                false => fs.removedir(&directory),
            };
            match removed {
                Ok(()) => report.push(staying.removal(&directory)),
                // The directory vanished with its last file.
                Err(error) if error.is(ErrorKind::ResourceNotFound) => {}
                // The directory contains an entry that was added in the meantime or that has no path.
                Err(error) if error.is(ErrorKind::DirectoryNotEmpty) => {
                    staying.occupied.insert_all_above(&directory);
                    report.left_behind.push(directory);
                }
                Err(error) if error.is(ErrorKind::RemoveRoot) => look_at_root(fs, path, report)?,
                Err(error) => return Err(error),
            }
        }
        if self.is_root() && !staying.has_rest {
            look_at_root(fs, path, report)?;
        }
        Ok(())
    }
}

/// Checks a root, which is kept. Reports it if it is not empty although nothing was left behind. Sends one request.
fn look_at_root(fs: &dyn FileSystem, path: &str, report: &mut Report) -> Result<()> {
    if report.left_behind.is_empty() && !fs.isempty(path)? {
        report.left_behind.push(path.to_owned());
    }
    Ok(())
}

impl Staying {
    /// Notes the directories that are kept because a selection excluded something in them.
    fn note_rest(&mut self, path: &str, tree: &Snapshot) {
        for directory in &tree.with_rest {
            self.occupied.insert(&path::combine(path, directory));
        }
        if tree.has_rest {
            self.occupied.insert(path);
        }
        self.has_rest |= tree.has_rest;
    }

    fn removal(&self, directory: &str) -> Action {
        if self.links.contains(directory) {
            Action::Remove(directory.to_owned())
        } else {
            Action::Removedir(directory.to_owned())
        }
    }
}

fn copied(record: Result<[Vec<u8>; 2]>) -> Result<Copied> {
    let [path, state] = record?;
    let path = text(path)?;
    Ok(Copied { path, state })
}

/// Returns the bytes that identify the content of a file, as far as a listing shows it.
fn state(size: u64, modified: Option<OffsetDateTime>, stamp: Option<&str>) -> Vec<u8> {
    let mut state = size.to_le_bytes().to_vec();
    state.push(u8::from(modified.is_some()));
    if let Some(modified) = modified {
        state.extend(modified.unix_timestamp_nanos().to_le_bytes());
    }
    state.push(u8::from(stamp.is_some()));
    state.extend(stamp.unwrap_or_default().bytes());
    state
}

/// The copied files and the second listing, which are read together.
struct Now<'n, I: Iterator<Item = Result<Copied>>> {
    copied: Peekable<I>,
    there: Ordered<'n>,
}

impl<I: Iterator<Item = Result<Copied>>> Now<'_, I> {
    /// Returns the next copied files and the next window of the listing, for the same range of paths, or everything without
    /// a number of entries. `None` if a number is given and the listing does not have the order of keys.
    fn next(&mut self, most: Option<usize>) -> Result<Option<(Vec<Copied>, Snapshot)>> {
        let Some(most) = most else {
            let copied = self.copied.by_ref().collect::<Result<_>>()?;
            return Ok(Some((copied, self.there.listing.window(usize::MAX)?)));
        };
        let mut copied = Vec::new();
        let mut window = self.there.listing.begin();
        loop {
            if !self.there.is_in_order() {
                return Ok(None);
            }
            let there = self.there.listing.peek();
            let order = match (self.copied.peek(), there) {
                (None, None) => break,
                (Some(Ok(copied)), Some(there)) => {
                    position(&copied.path, false).cmp(there.position())
                }
                (Some(_), _) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            // A directory that has no more content ends in the window of its last content.
            let ends_directory = there.is_some_and(|there| {
                matches!(there, Entry::Directory { path, .. } if self.there.listing.is_open(path))
            });
            if copied.len() + window.len() >= most && !ends_directory {
                break;
            }
            if order != Ordering::Greater {
                copied.extend(self.copied.next().transpose()?);
            }
            if order != Ordering::Less {
                self.there.take_into(&mut window)?;
            }
        }
        Ok(Some((copied, self.there.finish(window)?)))
    }

    fn has_more(&mut self) -> bool {
        self.copied.peek().is_some() || self.there.listing.peek().is_some()
    }
}

/// Copied files, and what is there now in the same range of paths.
struct Batch<'b> {
    fs: &'b dyn FileSystem,
    /// Path of the tree.
    path: &'b str,
    links: &'b PathSet,
    copied: Vec<Copied>,
    there: Snapshot,
    /// Whether the tree may have more content in a later batch.
    has_more: bool,
}

impl Batch<'_> {
    /// Removes the copied files that have not changed since, and reports what is left. `held` contains the directories in
    /// which earlier batches left something, as far as they may have more content, and is updated.
    fn remove(
        mut self,
        run: &Run<'_, '_>,
        held: &mut HashSet<String>,
        report: &mut Report,
    ) -> Result<()> {
        let files = std::mem::take(&mut self.there.files).into_iter();
        let there: HashMap<String, SnapshotFile> =
            files.map(|file| (self.place(&file.path), file)).collect();
        // A copied file that is now excluded has changed. One that is not listed was removed by another program.
        let refused: HashSet<&String> = self.there.refused.iter().collect();
        let is_refused = |copied: &&Copied| refused.contains(&copied.path);
        let refused = self.copied.iter().filter(is_refused);
        let refused: Vec<String> = refused.map(|copied| self.place(&copied.path)).collect();
        let is_unchanged = |path: &String, copied: &Copied| {
            there.get(path).is_some_and(|now| {
                state(now.size, now.modified, now.stamp.as_deref()) == copied.state
            })
        };
        let copied = self.copied.iter();
        let copied = copied.map(|copied| (self.place(&copied.path), copied));
        let unchanged = copied.filter(|(path, copied)| is_unchanged(path, copied));
        let (linked, own): (Vec<String>, Vec<String>) = unchanged
            .map(|(path, _)| path)
            .partition(|path| self.links.has_one_above(path));

        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let going: HashSet<&str> = own.iter().copied().collect();
        let staying = there.keys().filter(|path| !going.contains(path.as_str()));
        let (mut open, holding) = (self.open(), self.holding(staying));
        let losing: HashSet<&str> = there.keys().map(|path| path::dirname(path)).collect();
        let rest_of = |directory: &str| {
            let has_more = [&open, &holding, &*held].map(|some| some.contains(directory));
            // A directory that no longer exists needs no marker.
            match has_more.contains(&true) || !losing.contains(directory) {
                true => Rest::Something,
                false => Rest::Nothing,
            }
        };
        let removed = run.remove_files(self.fs, &own, rest_of)?;
        let removed = own.into_iter().zip(removed);
        let removed = removed.filter_map(|(path, is_removed)| is_removed.then_some(path));
        let removed: Vec<&str> = removed.collect();
        report.extend(removed.iter().map(|&path| Action::Remove(path.to_owned())));

        let linked = linked.iter().map(String::as_str);
        let gone: HashSet<&str> = removed.into_iter().chain(linked).collect();
        let left = there.keys().filter(|path| !gone.contains(path.as_str()));
        report.left_behind.extend(left.cloned().chain(refused));
        open.retain(|directory| holding.contains(directory) || held.contains(directory));
        *held = open;
        Ok(())
    }

    fn place(&self, below: &str) -> String {
        path::combine(self.path, below)
    }

    /// The directory of the entries directly below the tree's own, in the form that their paths have.
    fn top(&self) -> String {
        path::dirname(&self.place("name")).to_owned()
    }

    /// Returns the directories that may have more content in a later batch.
    fn open(&self) -> HashSet<String> {
        let open = self.there.open_after.iter().map(|path| self.place(path));
        open.chain(self.has_more.then(|| self.top())).collect()
    }

    /// Returns the directories that have other content in this batch, given the files that stay, or that are kept on their
    /// own, according to the listing.
    fn holding<'s>(&self, staying: impl Iterator<Item = &'s String>) -> HashSet<String> {
        let own = self.there.dated.iter().chain(&self.there.with_rest);
        let own = own.map(|path| self.place(path));
        let own = own.chain(self.there.has_rest.then(|| self.top()));
        let parents = staying.map(|path| path::dirname(path).to_owned());
        let directories = self.there.directories.iter();
        let above = directories.map(|path| path::dirname(&self.place(path)).to_owned());
        own.chain(parents).chain(above).collect()
    }
}

/// A set of paths. The time of a lookup does not depend on its size.
#[derive(Default)]
struct PathSet(HashSet<String>);

impl PathSet {
    fn key(path: &str) -> &str {
        path.trim_matches('/')
    }

    /// Returns the parent directories of a key, the nearest first, without the root.
    fn above(key: &str) -> impl Iterator<Item = &str> {
        let mut end = key.len();
        std::iter::from_fn(move || {
            end = key.get(..end)?.rfind('/')?;
            key.get(..end)
        })
    }

    fn insert(&mut self, path: &str) {
        self.0.insert(Self::key(path).to_owned());
    }

    /// Adds the parent directories of a path. Stops at the first that is already in the set, because its own parents are in
    /// the set as well.
    fn insert_all_above(&mut self, path: &str) {
        for directory in Self::above(Self::key(path)) {
            if !self.0.insert(directory.to_owned()) {
                return;
            }
        }
    }

    fn contains(&self, path: &str) -> bool {
        self.0.contains(Self::key(path))
    }

    /// Returns true if the set contains a parent directory of the path.
    fn has_one_above(&self, path: &str) -> bool {
        Self::above(Self::key(path)).any(|directory| self.0.contains(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_paths_finds_ancestors_and_descendants() {
        let mut set = PathSet::default();
        set.insert("/a/b");
        assert!(set.contains("a/b") && set.contains("/a/b/"));
        assert!(set.has_one_above("/a/b/c") && set.has_one_above("a/b/c/d"));
        for other in ["/a/b", "/a", "/a/bc", "/", "", "/x/a/b/c"] {
            assert!(!set.has_one_above(other), "{other}");
        }
        set.insert_all_above("/d/e/f");
        assert!(set.contains("/d/e") && set.contains("d"));
        assert!(!set.contains("/d/e/f") && !set.contains("/"));
    }
}
