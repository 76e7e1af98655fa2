//! [`Window`]: entries of a tree to copy, and where.

use crate::path;
use crate::transfer::job::Job;
use crate::transfer::snapshot::{Snapshot, SnapshotFile};

/// A window of the source of a copy or move.
pub(crate) struct Window<'w> {
    pub(crate) tree: Snapshot,
    /// The files of the window.
    pub(crate) jobs: Vec<Job>,
    pub(crate) src_path: &'w str,
    pub(crate) dst_path: &'w str,
    /// Whether it is the last window.
    pub(crate) is_last: bool,
}

impl<'w> Window<'w> {
    pub(crate) fn new(
        tree: Snapshot,
        (src_path, dst_path): (&'w str, &'w str),
        is_last: bool,
    ) -> Self {
        Self {
            jobs: jobs(&tree, src_path, dst_path),
            tree,
            src_path,
            dst_path,
            is_last,
        }
    }
}

/// Returns the jobs for the files of a window.
pub(crate) fn jobs(tree: &Snapshot, src_path: &str, dst_path: &str) -> Vec<Job> {
    let doubles = tree.doubles();
    let job = |file: &SnapshotFile| Job {
        src_path: path::combine(src_path, &file.path),
        dst_path: path::combine(dst_path, &file.path),
        size: file.size,
        modified: file.modified,
        stamp: file.stamp.clone(),
        beside_directory: doubles.contains(&*file.path),
    };
    tree.files.iter().map(job).collect()
}
