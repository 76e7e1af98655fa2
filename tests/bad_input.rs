//! Bad input: each case gives a clear error and changes nothing.

mod access;
mod answers;
mod arguments;
mod construction;
mod files;
mod handles;
mod kinds;
mod paths;
mod scene;
