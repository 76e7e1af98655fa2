//! [`Job`]: one file to copy.

use time::OffsetDateTime;

use crate::filesystem::info::Info;

/// A file to copy.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) src_path: String,
    pub(crate) dst_path: String,
    pub(crate) size: u64,
    pub(crate) modified: Option<OffsetDateTime>,
    /// [`Info::stamp`](crate::Info).
    pub(crate) stamp: Option<Box<str>>,
    /// Whether the target has, or will have, a directory of that path, too.
    pub(crate) beside_directory: bool,
}

impl Job {
    /// Whether that may be the file of which the job was made: of its size, its stamp, and its time.
    pub(crate) fn may_be(&self, info: &Info) -> bool {
        info.size() == Some(self.size)
            && info.stamp() == self.stamp.as_deref()
            && info.modified() == self.modified
    }
}
