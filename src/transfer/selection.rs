//! [`Selection`]: the included part of a tree in a copy, move or mirror.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::filesystem::FileSystem;
use crate::filesystem::info::Info;
use crate::filesystem::scantree::{Descend, Descent};
use crate::path;
use crate::walk::{Rules, Walker};

/// Decides about a file, given its path in the source and its information in a listing.
pub(crate) type TakesFile<'a> = Box<dyn Fn(&str, &Info) -> bool + Send + Sync + 'a>;

/// The included part of the tree below a directory.
pub(crate) struct Selection<'o> {
    start: String,
    rules: Option<Arc<Rules>>,
    takes_file: Option<&'o TakesFile<'o>>,
    left_out: LeftOut,
}

impl<'o> Selection<'o> {
    /// Selects the entries below `root` that the walker includes, and of these the files for which `takes_file` returns
    /// true.
    pub(crate) fn new(
        fs: &dyn FileSystem,
        root: &str,
        walker: Option<&Walker>,
        takes_file: Option<&'o TakesFile<'o>>,
    ) -> Result<Self> {
        let case_insensitive = fs.getmeta().case_insensitive;
        let rules = walker.map(|walker| walker.rules(case_insensitive));
        Ok(Self {
            start: fs.validatepath(root)?,
            rules: rules.transpose()?.map(Arc::new),
            takes_file,
            left_out: LeftOut::default(),
        })
    }

    /// Returns true if nothing can be excluded.
    pub(crate) fn is_all(&self) -> bool {
        self.rules.is_none() && self.takes_file.is_none()
    }

    /// Returns how to enter directories, if some may be excluded.
    pub(crate) fn descend(&self) -> Option<Descend<'static>> {
        let rules = Arc::clone(self.rules.as_ref().filter(|rules| rules.prune())?);
        let (start, left_out) = (self.start.clone(), self.left_out.clone());
        Some(Box::new(move |path: &str| {
            let descent = rules.descent(&start, path);
            match descent {
                Descent::Enter => {}
                Descent::Name => left_out.note(path),
                Descent::Skip => left_out.note(path::dirname(path)),
            }
            descent
        }))
    }

    /// Returns true if an entry is included by its name and path.
    pub(crate) fn takes_name(&self, directory: &str, info: &Info) -> bool {
        let rules = self.rules.as_ref().filter(|_| info.is_file());
        let is_taken = rules.is_none_or(|rules| rules.take_file(directory, info.name()));
        self.noted(directory, is_taken)
    }

    /// Returns true if a file is included by its information, provided that its name is included.
    pub(crate) fn takes_file(&self, directory: &str, info: &Info) -> bool {
        let takes_file = self.takes_file.filter(|_| info.is_file());
        let is_taken =
            takes_file.is_none_or(|takes| takes(&path::combine(directory, info.name()), info));
        self.noted(directory, is_taken)
    }

    fn noted(&self, directory: &str, is_taken: bool) -> bool {
        if !is_taken {
            self.left_out.note(directory);
        }
        is_taken
    }

    /// Absolute paths of the directories in which something was excluded.
    pub(crate) fn directories_with_rest(&self) -> HashSet<String> {
        self.left_out.take()
    }
}

/// Directories in which something was excluded.
#[derive(Clone, Default)]
struct LeftOut(Arc<Mutex<HashSet<String>>>);

impl LeftOut {
    fn note(&self, directory: &str) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !noted.contains(directory) {
            noted.insert(directory.to_owned());
        }
    }

    fn take(&self) -> HashSet<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
