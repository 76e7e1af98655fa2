//! [`Rules`]: the filters of a walk.

use super::Options;
use crate::error::Result;
use crate::filesystem::scantree::Descent;
use crate::path;
use crate::walk::glob::GlobPattern;
use crate::wildcard::Patterns;

/// Selects the directories and files of a walk.
pub(crate) struct Rules {
    filter: Patterns,
    exclude: Patterns,
    filter_dirs: Patterns,
    exclude_dirs: Patterns,
    filter_glob: Vec<GlobPattern>,
    exclude_glob: Vec<GlobPattern>,
    max_depth: Option<usize>,
}

impl Rules {
    pub(super) fn new(options: &Options, case_insensitive: bool) -> Result<Self> {
        let patterns = |list: &[String]| Patterns::new(list, !case_insensitive);
        Ok(Self {
            filter: patterns(&options.filter),
            exclude: patterns(&options.exclude),
            filter_dirs: patterns(&options.filter_dirs),
            exclude_dirs: patterns(&options.exclude_dirs),
            filter_glob: GlobPattern::all(&options.filter_glob, !case_insensitive)?,
            exclude_glob: GlobPattern::all(&options.exclude_glob, !case_insensitive)?,
            max_depth: options.max_depth,
        })
    }

    /// Returns true if only the start directory is walked.
    pub(super) fn is_shallow(&self) -> bool {
        self.max_depth.is_some_and(|levels| levels <= 1)
    }

    /// Returns true if some directories may be excluded.
    pub(crate) fn prune(&self) -> bool {
        let anywhere = self.filter_glob.iter().any(GlobPattern::leads_anywhere);
        self.max_depth.is_some()
            || !self.filter_dirs.is_empty()
            || !self.exclude_dirs.is_empty()
            || !self.exclude_glob.is_empty()
            || !(self.filter_glob.is_empty() || anywhere)
    }

    /// Returns true if a directory is part of the walk.
    pub(super) fn take_dir(&self, path: &str, name: &str) -> bool {
        let leads_below = |pattern: &GlobPattern| pattern.leads_below(path);
        let matches = |pattern: &GlobPattern| pattern.matches_directory(path);
        (self.filter_dirs.is_empty() || self.filter_dirs.any(name))
            && !self.exclude_dirs.any(name)
            && (self.filter_glob.is_empty() || self.filter_glob.iter().any(leads_below))
            && !self.exclude_glob.iter().any(matches)
    }

    /// Returns how to handle a directory of a walk from `start`.
    pub(crate) fn descent(&self, start: &str, path: &str) -> Descent {
        if !self.take_dir(path, path::basename(path)) {
            Descent::Skip
        } else if self.is_within_depth(start, path) {
            Descent::Enter
        } else {
            Descent::Name
        }
    }

    /// Returns true if a directory of a walk from `start` is listed.
    pub(super) fn is_within_depth(&self, start: &str, path: &str) -> bool {
        let depth = depth(path) - depth(start);
        self.max_depth.is_none_or(|levels| depth < levels)
    }

    pub(crate) fn take_file(&self, directory: &str, name: &str) -> bool {
        if !(self.filter.is_empty() || self.filter.any(name)) || self.exclude.any(name) {
            return false;
        }
        if self.filter_glob.is_empty() && self.exclude_glob.is_empty() {
            return true;
        }
        let path = path::combine(directory, name);
        let matches = |pattern: &GlobPattern| pattern.matches(&path);
        (self.filter_glob.is_empty() || self.filter_glob.iter().any(matches))
            && !self.exclude_glob.iter().any(matches)
    }
}

/// Returns the number of names in an absolute path.
fn depth(path: &str) -> usize {
    match path.trim_matches('/') {
        "" => 0,
        names => names.matches('/').count() + 1,
    }
}
