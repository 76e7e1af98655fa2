//! Copies, moves and mirrors between any two filesystems.

pub(crate) mod file;
