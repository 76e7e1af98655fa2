//! Copies, moves and changes on the server.

pub(in crate::s3) mod file;
pub(in crate::s3) mod metadata;
mod pending;
pub(in crate::s3) mod setinfo;
pub(in crate::s3) mod tree;
