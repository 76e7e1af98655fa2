//! Listings: pages, directories and trees.

pub(in crate::s3) mod all_keys;
mod cuts;
pub(in crate::s3) mod entries;
pub(in crate::s3) mod order;
pub(in crate::s3) mod pages;
mod parallel;
mod ranges;
pub(in crate::s3) mod scan;
pub(in crate::s3) mod tree;
