//! Finds the matches of a glob pattern. Requests only resources that can match.

use std::collections::HashSet;
use std::iter;
use std::sync::{Arc, Mutex, PoisonError};

use super::GlobMatch;
use super::pattern::{Component, GlobPattern, names, reaches_end};
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::info::{Info, Namespaces};
use crate::filesystem::removing::Rest;
use crate::filesystem::{FileSystem, require_directory};
use crate::path;
use crate::walk::{Search, Walked, Walker};
use crate::wildcard::{Pattern, Patterns};

/// Maximum number of names to check in one call.
const LOOKS: usize = 64;

/// Follows a pattern through a filesystem, component by component.
pub(super) struct Matcher<'a, F: ?Sized>(Arc<Parts<'a, F>>);

struct Parts<'a, F: ?Sized> {
    fs: &'a F,
    pattern: GlobPattern,
    exclude_dirs: Vec<String>,
    excluded: Patterns,
    namespaces: Namespaces,
    /// Only for removing the matches.
    seen: Option<Arc<Mutex<Seen>>>,
}

/// Other content of the directories of the matches.
#[derive(Default)]
pub(super) struct Seen {
    /// Directories with an entry that does not match, or at least a marker.
    holding: HashSet<String>,
    /// Directories of which all entries were listed.
    whole: HashSet<String>,
}

impl Seen {
    /// Returns the content of a directory that remains after all matches are removed.
    pub(super) fn rest(&self, directory: &str) -> Rest {
        if self.holding.contains(directory) {
            Rest::Something
        } else if self.whole.contains(directory) {
            Rest::Nothing
        } else {
            Rest::Unknown
        }
    }
}

/// Adds a directory to a set, if it is missing.
fn add(directories: &mut HashSet<String>, directory: &str) {
    if !directories.contains(directory) {
        directories.insert(directory.to_owned());
    }
}

impl<F: ?Sized> Clone for Matcher<'_, F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<'a, F: FileSystem + ?Sized> Matcher<'a, F> {
    pub(super) fn new(
        fs: &'a F,
        pattern: GlobPattern,
        exclude_dirs: &[String],
        namespaces: Namespaces,
    ) -> Self {
        Self(Arc::new(Parts {
            fs,
            pattern,
            exclude_dirs: exclude_dirs.to_vec(),
            excluded: Patterns::new(exclude_dirs, !fs.getmeta().case_insensitive),
            namespaces,
            seen: None,
        }))
    }

    /// Records the other content of the directories of the matches in `seen`.
    pub(super) fn noting(mut self, seen: &Arc<Mutex<Seen>>) -> Self {
        if let Some(parts) = Arc::get_mut(&mut self.0) {
            parts.seen = Some(Arc::clone(seen));
        }
        self
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        if let Some(seen) = &self.0.seen {
            note(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Returns all matches below a directory. Sends no requests before the first match is requested.
    pub(super) fn matches(self, path: String) -> Walked<'a, GlobMatch> {
        let within = move || {
            let matches = self.within(&path);
            matches.unwrap_or_else(|error| Box::new(iter::once(Err(error))))
        };
        Box::new(iter::once_with(within).flatten())
    }

    /// Returns the matches below a directory, which must exist.
    fn within(&self, path: &str) -> Result<Walked<'a, GlobMatch>> {
        let directory = self.0.fs.validatepath(path)?;
        if directory == "/" {
            return Ok(self.below("/", 0));
        }
        require_directory(self.0.fs, path)?;
        let components = self.rest(0);
        let depth = names(&directory).count();
        let is_star = |component: &Component| matches!(component, Component::AnyDepth);
        if components.iter().take(depth).any(is_star) {
            // Several sequences of components can match this directory.
            return Ok(match self.0.pattern.leads_below(&directory) {
                true => self.tree(&directory, 0, 0),
                false => Box::new(iter::empty()),
            });
        }
        let leads_here = |way| reaches_end(way, names(&directory));
        Ok(match components.get(..depth).is_some_and(leads_here) {
            true => self.below(&directory, depth),
            false => Box::new(iter::empty()),
        })
    }

    /// Returns the components from index `at` on.
    fn rest(&self, at: usize) -> &[Component] {
        self.0.pattern.components().get(at..).unwrap_or_default()
    }

    /// Returns true if the components up to index `at` can be a complete match.
    fn is_enough(&self, at: usize) -> bool {
        reaches_end(self.rest(at + 1), [])
    }

    /// Namespaces to request for an entry that matches the component at index `at`.
    fn namespaces(&self, at: usize) -> Namespaces {
        match self.is_enough(at) {
            true => self.0.namespaces,
            false => Namespaces::BASIC,
        }
    }

    /// Returns the matches of the components from index `at` on, below a directory.
    fn below(&self, directory: &str, at: usize) -> Walked<'a, GlobMatch> {
        match self.rest(at) {
            [] => Box::new(iter::empty()),
            [Component::AnyDepth, ..] => self.tree(directory, directory.len(), at),
            [Component::Name(pattern), ..] => match pattern.literal() {
                Some(name) => self.named(directory, &name, at),
                None => self.listed(directory, pattern, at),
            },
        }
    }

    /// Walks the tree from a `**` on. Matches the part of each path from `start` on with the components from index `at` on.
    fn tree(&self, directory: &str, start: usize, at: usize) -> Walked<'a, GlobMatch> {
        let parts = &self.0;
        let walker = Walker::new()
            .search(Search::Depth)
            .exclude_dirs(&parts.exclude_dirs);
        let entries = walker.bind(parts.fs).info(directory, parts.namespaces);
        let matcher = self.clone();
        Box::new(if_there(directory, entries).filter_map(move |entry| {
            let (path, info) = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            };
            let below = path.get(start..).unwrap_or_default();
            let is_match = matcher.0.pattern.takes_kind(info.is_dir())
                && reaches_end(matcher.rest(at), names(below));
            matcher.note(|seen| {
                if info.is_dir() && info.modified().is_some() {
                    // The directory has a marker.
                    add(&mut seen.holding, &path);
                }
                let parent = path::dirname(&path);
                if !is_match {
                    add(&mut seen.holding, parent);
                } else if matcher.0.exclude_dirs.is_empty() {
                    add(&mut seen.whole, parent);
                }
            });
            is_match.then(|| Ok(match_at(path, info)))
        }))
    }

    /// Matches a wildcard: lists the entries that begin with its literal prefix.
    fn listed(&self, directory: &str, pattern: &Pattern, at: usize) -> Walked<'a, GlobMatch> {
        let prefix = pattern.literal_prefix();
        let entries = self
            .0
            .fs
            .scandir_prefix(directory, &prefix, self.namespaces(at));
        let entries = match entries {
            Ok(entries) => if_there(directory, entries),
            Err(error) => if_there(directory, Box::new(iter::once(Err(error)))),
        };
        if prefix.is_empty() {
            self.note(|seen| add(&mut seen.whole, directory));
        }
        let pattern = pattern.clone();
        let (matcher, directory) = (self.clone(), directory.to_owned());
        let (noting, outer) = (self.clone(), directory.clone());
        let entries = entries.filter(move |entry| match entry {
            Ok(info) => {
                let is_match = pattern.matches(info.name());
                if !is_match {
                    noting.note(|seen| add(&mut seen.holding, &outer));
                }
                is_match
            }
            Err(_) => true,
        });
        let Some((names, last)) = self.names_before_a_look(at + 1) else {
            return Box::new(entries.flat_map(move |entry| match entry {
                Ok(info) => matcher.follow(&directory, info, at),
                Err(error) => Box::new(iter::once(Err(error))),
            }));
        };
        let directories = entries.filter_map(move |entry| match entry {
            Ok(info) if info.is_file() || matcher.0.excluded.any(info.name()) => None,
            Ok(info) => {
                let outer = path::combine(&directory, info.name());
                let below = names.iter();
                Some(Ok(
                    below.fold(outer, |outer, name| path::combine(&outer, name))
                ))
            }
            Err(error) => Some(Err(error)),
        });
        self.look_in_each(directories, last)
    }

    /// If all components from index `at` up to the first that can complete a match are names without a wildcard, returns the
    /// names before that component and its index.
    fn names_before_a_look(&self, at: usize) -> Option<(Vec<String>, usize)> {
        let mut names = Vec::new();
        for at in at.. {
            let name = self.literal(at)?;
            if self.is_enough(at) {
                return Some((names, at));
            }
            if self.0.excluded.any(&name) {
                return None;
            }
            names.push(name);
        }
        None
    }

    /// Returns the name of a component without a wildcard.
    fn literal(&self, at: usize) -> Option<String> {
        match self.rest(at).first()? {
            Component::Name(pattern) => pattern.literal(),
            Component::AnyDepth => None,
        }
    }

    /// Matches a name without a wildcard. Checks the name only if it can complete a match.
    fn named(&self, directory: &str, name: &str, at: usize) -> Walked<'a, GlobMatch> {
        if self.is_enough(at) {
            return self.look(vec![Ok(directory.to_owned())], at);
        }
        if self.0.excluded.any(name) {
            return Box::new(iter::empty());
        }
        self.below(&path::combine(directory, name), at + 1)
    }

    /// Checks a name that can complete a match in each of many directories: first in one directory, then in twice as many
    /// each time, so that a caller that stops early causes at most twice the necessary checks.
    fn look_in_each(
        &self,
        directories: impl Iterator<Item = Result<String>> + Send + 'a,
        at: usize,
    ) -> Walked<'a, GlobMatch> {
        let mut directories = directories.fuse();
        let mut count = 1;
        let batches = iter::from_fn(move || {
            let batch: Vec<_> = directories.by_ref().take(count).collect();
            count = LOOKS.min(2 * count);
            (!batch.is_empty()).then_some(batch)
        });
        let matcher = self.clone();
        Box::new(batches.flat_map(move |batch| matcher.look(batch, at)))
    }

    fn look(&self, directories: Vec<Result<String>>, at: usize) -> Walked<'a, GlobMatch> {
        let name = self.literal(at).unwrap_or_default();
        let paths = directories.iter().flatten();
        let paths: Vec<String> = paths.map(|outer| path::combine(outer, &name)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let infos = self.0.fs.getinfo_many(&paths, self.namespaces(at));
        let mut infos = infos.into_iter();
        let matcher = self.clone();
        Box::new(directories.into_iter().flat_map(move |directory| {
            let info = directory.as_ref().ok().and_then(|_| infos.next());
            let found = directory.and_then(|outer| matcher.found(outer, &name, at, info));
            found.unwrap_or_else(|error| Box::new(iter::once(Err(error))))
        }))
    }

    /// Returns the matches of a name in a directory, given the result of `getinfo`.
    fn found(
        &self,
        directory: String,
        name: &str,
        at: usize,
        info: Option<Result<Info>>,
    ) -> Result<Walked<'a, GlobMatch>> {
        let infos = self.entries_named(&directory, name, at, info)?.into_iter();
        let matcher = self.clone();
        Ok(Box::new(infos.flat_map(move |info| {
            matcher.follow(&directory, info, at)
        })))
    }

    /// Returns the file or directory with this name. On S3 both may exist. `getinfo` then returns the file.
    fn entries_named(
        &self,
        directory: &str,
        name: &str,
        at: usize,
        info: Option<Result<Info>>,
    ) -> Result<Vec<Info>> {
        let Parts { fs, pattern, .. } = &*self.0;
        let path = path::combine(directory, name);
        let namespaces = self.namespaces(at);
        let info = match info.unwrap_or_else(|| fs.getinfo(&path, namespaces)) {
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            info => info?,
        };
        if info.is_dir() || !pattern.takes_kind(true) || !fs.isdir(&path)? {
            return Ok(vec![info]);
        }
        let entries = fs.scandir_prefix(directory, name, namespaces)?;
        let is_named = |entry: &Result<Info>| entry.as_ref().map_or(true, |i| i.name() == name);
        entries.filter(is_named).collect()
    }

    /// Returns the match of an entry itself, and the matches below it.
    fn follow(&self, directory: &str, info: Info, at: usize) -> Walked<'a, GlobMatch> {
        if info.is_dir() && self.0.excluded.any(info.name()) {
            self.note(|seen| add(&mut seen.holding, directory));
            return Box::new(iter::empty());
        }
        let path = path::combine(directory, info.name());
        let is_dir = info.is_dir();
        let is_match = self.is_enough(at) && self.0.pattern.takes_kind(is_dir);
        if !is_match {
            self.note(|seen| add(&mut seen.holding, directory));
        }
        let own = is_match.then(|| Ok(match_at(path.clone(), info)));
        if !is_dir || self.rest(at + 1).is_empty() {
            return Box::new(own.into_iter());
        }
        let matcher = self.clone();
        let below = iter::once_with(move || matcher.below(&path, at + 1)).flatten();
        Box::new(own.into_iter().chain(below))
    }
}

fn match_at(mut path: String, info: Info) -> GlobMatch {
    if info.is_dir() {
        path.push('/');
    }
    GlobMatch { path, info }
}

fn is_missing(error: &Error) -> bool {
    error.is(ErrorKind::ResourceNotFound) || error.is(ErrorKind::DirectoryExpected)
}

/// Returns the entries of a directory from the pattern, which may be missing. The root always exists.
fn if_there<'a, T: 'a>(directory: &str, entries: Walked<'a, T>) -> Walked<'a, T> {
    if directory == "/" {
        return entries;
    }
    Box::new(entries.filter(|entry| !entry.as_ref().is_err_and(is_missing)))
}
