//! [`Report`]: the actions of a copy, move or mirror.

use std::fmt;

use crate::error::Error;

/// Actions of a copy, move or mirror, or in a dry run the actions that it would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub(crate) actions: Vec<Action>,
    pub(crate) bytes: u64,
    pub(crate) left_behind: Vec<String>,
    pub(crate) skipped: Vec<String>,
}

impl Report {
    /// All actions: directories, copies, removals. Their order does not depend on the threads.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Number of files that were copied individually: [`Action::Copy`].
    #[must_use]
    pub fn copied(&self) -> usize {
        let copies = self.actions.iter();
        copies
            .filter(|action| matches!(action, Action::Copy { .. }))
            .count()
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
    /// well.
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
