//! Bad input, each with a clear error and nothing changed.

mod access;
mod answers;
mod arguments;
mod construction;
mod files;
mod handles;
mod kinds;
mod paths;
mod scene;
