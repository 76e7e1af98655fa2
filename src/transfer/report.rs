//! [`Report`]: the actions of a copy, move or mirror.

use std::fmt;

use crate::error::Error;

/// Maximum number of actions, and of skipped files, in a report that is not whole.
const MOST_LISTED: usize = 100_000;

/// Actions of a copy, move or mirror, or in a dry run the actions that it would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    actions: Vec<Action>,
    copied: usize,
    pub(crate) bytes: u64,
    pub(crate) left_behind: Vec<String>,
    skipped: Vec<String>,
    unlisted: usize,
    /// Whether the report has room for every action. Always false in the final report.
    pub(crate) is_whole: bool,
}

impl Report {
    /// Creates an empty report, which has room for every action if it is whole, as that of a dry run.
    pub(crate) fn new(is_whole: bool) -> Self {
        Self {
            is_whole,
            ..Self::default()
        }
    }

    /// Adds an action.
    pub(crate) fn push(&mut self, action: Action) {
        self.copied += usize::from(matches!(action, Action::Copy { .. }));
        match self.is_whole || self.actions.len() < MOST_LISTED {
            true => self.actions.push(action),
            false => self.unlisted += 1,
        }
    }

    /// Adds a file that did not meet the condition.
    pub(crate) fn push_skipped(&mut self, path: String) {
        match self.is_whole || self.skipped.len() < MOST_LISTED {
            true => self.skipped.push(path),
            false => self.unlisted += 1,
        }
    }

    /// The actions: directories, copies, removals. Their order does not depend on the threads.
    ///
    /// To bound its memory, a report lists the first 100,000 actions only, and [`unlisted`](Self::unlisted) counts the
    /// others. That of a dry run lists all.
    /// [`on_copy`](crate::TransferOptions::on_copy) is called for every copied file.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Number of actions that are not in [`actions`](Self::actions), and of files that are not in
    /// [`skipped`](Self::skipped), because both list at most 100,000. Always 0 for a dry run.
    #[must_use]
    pub fn unlisted(&self) -> usize {
        self.unlisted
    }

    /// Number of files that were copied individually: [`Action::Copy`].
    #[must_use]
    pub fn copied(&self) -> usize {
        self.copied
    }

    /// Size in bytes of the files that were copied individually, or would be in a dry run.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Paths that a move left in the source: files that appeared or changed after the move began, could not be copied, or did
    /// not meet the [`condition`](crate::TransferOptions::condition).
    #[must_use]
    pub fn left_behind(&self) -> &[String] {
        &self.left_behind
    }

    /// Paths in the source of the files that were not copied because they did not meet the
    /// [`condition`](crate::TransferOptions::condition). For a move, [`left_behind`](Self::left_behind) contains them as
    /// well. Lists at most 100,000 files, except for a dry run.
    ///
    /// ```
    /// use s3fs::prelude::*;
    /// use s3fs::copy::Condition;
    /// use s3fs::{MemoryFs, TransferOptions, moving};
    ///
    /// let (inbox, archive) = (MemoryFs::new(), MemoryFs::new());
    /// inbox.writetext("a.csv", "new")?;
    /// inbox.writetext("b.csv", "b")?;
    /// archive.writetext("a.csv", "old")?;
    /// let options = TransferOptions::new().condition(Condition::NotExists);
    /// let report = moving::move_fs(&inbox, &archive, &options)?;
    /// assert_eq!(report.copied(), 1);
    /// assert_eq!(report.skipped(), ["/a.csv"]);
    /// assert_eq!(report.left_behind(), report.skipped());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }
}

/// A single action of a copy, move or mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// A directory is made in the target, unless it exists.
    Makedir(String),
    /// A file is copied.
    Copy {
        /// Path in the source.
        src_path: String,
        /// Path in the target.
        dst_path: String,
    },
    /// The target's server copies a whole directory itself.
    CopyDir {
        /// Directory in the source.
        src_path: String,
        /// Directory in the target.
        dst_path: String,
    },
    /// The target's server moves a whole directory itself.
    MoveDir {
        /// Directory in the source.
        src_path: String,
        /// Directory in the target.
        dst_path: String,
    },
    /// A file is removed: by a move in the source, by a mirror in the target.
    Remove(String),
    /// An empty directory is removed: by a move in the source.
    Removedir(String),
    /// A directory is removed with its content: by a mirror in the target.
    Removetree(String),
}

/// Formats the action and its paths in one line. Control characters are escaped.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Makedir(path) => write!(f, "make directory {path:?}"),
            Self::Copy { src_path, dst_path } => write!(f, "copy {src_path:?} to {dst_path:?}"),
            Self::CopyDir { src_path, dst_path } => {
                write!(f, "copy directory {src_path:?} to {dst_path:?}")
            }
            Self::MoveDir { src_path, dst_path } => {
                write!(f, "move directory {src_path:?} to {dst_path:?}")
            }
            Self::Remove(path) => write!(f, "remove {path:?}"),
            Self::Removedir(path) => write!(f, "remove empty directory {path:?}"),
            Self::Removetree(path) => write!(f, "remove directory {path:?} and its contents"),
        }
    }
}

/// Errors of single files, and the report of the completed actions. It is the source of an error of the kind
/// [`BulkCopyFailed`](crate::ErrorKind::BulkCopyFailed).
#[derive(Clone, Debug)]
pub struct Failures {
    pub(crate) errors: Vec<Error>,
    pub(crate) report: Report,
}

impl Failures {
    /// Returns the failures that an error contains, if any.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    /// All errors.
    #[must_use]
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }

    /// Completed actions.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.errors.len();
        write!(f, "{number} failed")?;
        match self.errors.first() {
            Some(first) => write!(f, ", the first: {first}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failures {}

/// Adds several actions.
impl Extend<Action> for Report {
    fn extend<I: IntoIterator<Item = Action>>(&mut self, actions: I) {
        actions.into_iter().for_each(|action| self.push(action));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_what_it_does_not_list() {
        let copy = |number: usize| Action::Copy {
            src_path: number.to_string(),
            dst_path: String::new(),
        };
        for (is_whole, unlisted) in [(false, 5), (true, 0)] {
            let mut report = Report::new(is_whole);
            report.extend((0..MOST_LISTED + 3).map(copy));
            (0..MOST_LISTED + 2).for_each(|number| report.push_skipped(number.to_string()));
            assert_eq!(report.copied(), MOST_LISTED + 3);
            assert_eq!(report.unlisted(), unlisted);
            assert_eq!(report.actions()[MOST_LISTED - 1], copy(MOST_LISTED - 1));
            assert_eq!(
                report.actions().len() + report.skipped().len(),
                2 * MOST_LISTED + 5 - unlisted
            );
        }
    }
}
