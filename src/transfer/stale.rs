//! [`Removal`]: an entry that a mirror removes in the target, and [`Stale`], the list of those that it removes last.

use std::collections::HashSet;

use crate::error::Result;
use crate::filesystem::names::folded;
use crate::filesystem::removing::Rest;
use crate::filesystem::{FileSystem, Meta};
use crate::path;
use crate::spill::{Spill, text};
use crate::temporary::Purpose;
use crate::transfer::report::{Action, Report};
use crate::transfer::run::Run;
use crate::transfer::snapshot::WINDOW;

/// An entry to remove in the target.
#[derive(Debug, PartialEq)]
pub(crate) enum Removal {
    File(String),
    Tree(String),
}

impl Removal {
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::File(path) | Self::Tree(path) => path,
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// The entries that are missing in the source. They are removed after everything was copied.
pub(crate) struct Stale {
    /// The kind and path of each entry.
    removals: Spill<2>,
    /// Folded paths of target directories that have other content, or a time of their own.
    holding: HashSet<String>,
    /// Paths of trees to remove that begin in one window and end in another. Entries below them may have been added before
    /// it was known that the whole tree is removed.
    spanning: HashSet<String>,
}

const TREE: &[u8] = b"tree";
const FILE: &[u8] = b"file";

impl Stale {
    pub(crate) fn new() -> Self {
        Self {
            removals: Spill::new(Purpose {
                data: "the list of files to remove",
                effect: "what is missing in the source was not removed",
            }),
            holding: HashSet::new(),
            spanning: HashSet::new(),
        }
    }

    /// Adds entries to remove, and directories that have other content. `is_spanning` returns whether a directory, by its
    /// path without a leading slash, began in an earlier window.
    pub(crate) fn add(
        &mut self,
        removals: &[Removal],
        holding: HashSet<String>,
        is_spanning: impl Fn(&str) -> bool,
    ) -> Result<()> {
        for removal in removals {
            let path = removal.path();
            let kind = if removal.is_file() { FILE } else { TREE };
            self.removals.push([kind, path.as_bytes()])?;
            if kind == TREE && is_spanning(path::relpath(path)) {
                self.spanning.insert(path.to_owned());
            }
        }
        self.holding.extend(holding);
        Ok(())
    }

    /// Removes the entries.
    pub(crate) fn remove(
        mut self,
        dst: &dyn FileSystem,
        meta: &Meta,
        run: &Run<'_, '_>,
        report: &mut Report,
    ) -> Result<()> {
        let spanning = self.spanning;
        let is_below_tree = |path: &str| {
            let mut ends = path
                .match_indices('/')
                .filter_map(|(end, _)| path.get(..end));
            ends.any(|above| spanning.contains(above))
        };
        let records = self.removals.records()?.map(|record| {
            let [kind, path] = record?;
            let path = text(path)?;
            Ok(match kind == FILE {
                true => Removal::File(path),
                false => Removal::Tree(path),
            })
        });
        let is_single = |removal: &Result<Removal>| match removal {
            Ok(removal) => !is_below_tree(removal.path()),
            Err(_) => true,
        };
        let mut records = records.filter(is_single);
        loop {
            let batch: Vec<Removal> = records.by_ref().take(WINDOW).collect::<Result<_>>()?;
            if batch.is_empty() {
                return Ok(());
            }
            remove(dst, run, &batch, rest(&self.holding, meta), report)?;
            // A directory that lost everything has a marker now, if it stays.
            let parents = batch.iter().filter(|removal| removal.is_file());
            let parents = parents.map(|file| path::dirname(path::relpath(file.path())));
            self.holding
                .extend(parents.map(|parent| folded(parent, meta)));
        }
    }
}

/// Returns a function for the content that is left in a directory, given the folded paths of the directories that have some.
pub(crate) fn rest(holding: &HashSet<String>, meta: &Meta) -> impl Fn(&str) -> Rest {
    |directory| match holding.contains(&folded(path::relpath(directory), meta)) {
        true => Rest::Something,
        false => Rest::Nothing,
    }
}

/// Removes entries of the target, the files first, and reports them.
pub(crate) fn remove(
    dst: &dyn FileSystem,
    run: &Run<'_, '_>,
    removals: &[Removal],
    rest_of: impl Fn(&str) -> Rest,
    report: &mut Report,
) -> Result<()> {
    let mut is_removed = vec![run.options.dry_run; removals.len()];
    if !run.options.dry_run {
        let numbered = removals.iter().enumerate();
        let (files, trees): (Vec<_>, Vec<_>) = numbered.partition(|(_, removal)| removal.is_file());
        let paths: Vec<&str> = files.iter().map(|(_, file)| file.path()).collect();
        let removed = run.remove_files(dst, &paths, rest_of)?;
        let removed = files.iter().zip(removed).filter(|(_, removed)| *removed);
        let mut done: Vec<usize> = removed.map(|((number, _), _)| *number).collect();
        let removed = run.remove(
            &trees,
            |(_, tree)| tree.path(),
            |(_, tree)| dst.removetree(tree.path()),
        )?;
        done.extend(removed.into_iter().map(|(number, _)| *number));
        for number in done {
            is_removed[number] = true;
        }
    }
    let removed = removals.iter().zip(is_removed).filter(|(_, done)| *done);
    report.extend(removed.map(|(removal, _)| match removal {
        Removal::File(path) => Action::Remove(path.clone()),
        Removal::Tree(path) => Action::Removetree(path.clone()),
    }));
    Ok(())
}
