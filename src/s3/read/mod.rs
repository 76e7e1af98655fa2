//! Reading objects: open files, whole reads, and the validation of responses.

pub(in crate::s3) mod answer;
pub(in crate::s3) mod object_version;
pub(in crate::s3) mod read_ahead;
pub(in crate::s3) mod reader;
pub(in crate::s3) mod verified_read;
