//! [`Condition`]: selects the files of a copy, depending on the target.

/// Selects the files to copy: PyFilesystem's `condition`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// All files.
    #[default]
    Always,
    /// Files that changed after the file in the target did, files with an unknown time on either side, and files that are
    /// missing in the target.
    Newer,
    /// Files that changed before the file in the target did, files with an unknown time on either side, and files that are
    /// missing in the target.
    Older,
    /// Files that exist in the target.
    Exists,
    /// Files that are missing in the target.
    NotExists,
}
