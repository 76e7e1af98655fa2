//! Copies, moves and mirrors between any two filesystems.

pub(crate) mod condition;
pub mod copy;
pub(crate) mod file;
pub(crate) mod fits;
pub(crate) mod job;
pub mod mirror;
pub mod moving;
pub(crate) mod options;
pub(crate) mod pairs;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod sameness;
pub(crate) mod selection;
pub(crate) mod snapshot;
pub(crate) mod source;
pub(crate) mod stale;
pub(crate) mod target;
pub(crate) mod verify;
pub(crate) mod window;
