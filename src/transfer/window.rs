//! [`Windows`]: the source of a copy or move, one [`Window`] of its entries after the other.

use crate::error::Result;
use crate::filesystem::endpoints::Endpoints;
use crate::path;
use crate::transfer::fits::Fits;
use crate::transfer::job::Job;
use crate::transfer::options::TransferOptions;
use crate::transfer::selection::Selection;
use crate::transfer::snapshot::{Listing, Snapshot, SnapshotFile};

/// The source of a copy or move, in windows that fit into the target.
pub(crate) struct Windows<'w> {
    pub(crate) endpoints: Endpoints<'w>,
    paths: (&'w str, &'w str),
    listing: Listing<'w>,
    fits: Fits<'w>,
    size: usize,
    with_files: bool,
}

impl<'w> Windows<'w> {
    /// Begins the listing of a directory, which is copied to another. `paths` are both.
    pub(crate) fn new(
        endpoints: Endpoints<'w>,
        paths: (&'w str, &'w str),
        selection: &'w Selection<'w>,
        options: &TransferOptions<'_>,
    ) -> Result<Self> {
        let (src_path, dst_path) = paths;
        Ok(Self {
            endpoints,
            paths,
            listing: Listing::of_source(endpoints.src, src_path, selection)?,
            fits: Fits::new(src_path, endpoints.dst, dst_path),
            // If copies may appear in the source, the listing ends before the first one.
            size: match endpoints.are_apart(src_path, dst_path)? {
                true => options.get_window(),
                false => usize::MAX,
            },
            with_files: true,
        })
    }

    /// Leaves out all files.
    pub(crate) fn without_files(mut self) -> Self {
        self.with_files = false;
        self
    }

    /// Returns the next window, after checking that all of it fits into the target. The last one may be empty.
    pub(crate) fn next(&mut self) -> Result<Window<'w>> {
        let mut tree = self.listing.window(self.size)?;
        if !self.with_files {
            tree.files.clear();
        }
        self.fits.check(&tree)?;
        let is_last = self.listing.peek().is_none();
        Ok(Window::new(tree, self.paths, is_last))
    }
}

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
    fn new(tree: Snapshot, (src_path, dst_path): (&'w str, &'w str), is_last: bool) -> Self {
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
