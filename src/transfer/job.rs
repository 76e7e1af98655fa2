//! [`Job`]: one file to copy.

use time::OffsetDateTime;

use crate::filesystem::info::Info;

/// A file to copy.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) src_path: String,
    pub(crate) dst_path: String,
    pub(crate) size: u64,
    pub(crate) modified: Option<OffsetDateTime>,
    /// [`Info::stamp`](crate::Info).
    pub(crate) stamp: Option<Box<str>>,
    /// Whether the target has, or will have, a directory with the same path.
    pub(crate) beside_directory: bool,
}

impl Job {
    /// Returns true if `info` may describe the file of this job: equal size, stamp, and time.
    pub(crate) fn may_be(&self, info: &Info) -> bool {
        info.size() == Some(self.size)
            && info.stamp() == self.stamp.as_deref()
            && info.modified() == self.modified
    }
}
