//! [`Condition`]: which files of a copy are copied, by what stands in the target.

/// Which files are copied; PyFilesystem's `condition`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// All.
    #[default]
    Always,
    /// Those that changed after the file in the target did, and those whose times are not known or
    /// that the target does not have.
    Newer,
    /// Those that changed before the file in the target did, and those whose times are not known or
    /// that the target does not have.
    Older,
    /// Those that the target has.
    Exists,
    /// Those that the target does not have.
    NotExists,
}
