//! Writing objects: open files, multipart uploads, updates.

pub(in crate::s3) mod part_queue;
pub(in crate::s3) mod part_size;
pub(in crate::s3) mod publish;
pub(in crate::s3) mod update;
pub(in crate::s3) mod writer;
