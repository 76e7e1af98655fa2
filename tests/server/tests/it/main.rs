//! The embedded server behaves like S3. These tests prove over HTTP the behavior on which the other tests rely.

mod access;
mod buckets;
mod copies;
mod deletes;
mod faults;
mod keys;
mod large;
mod listings;
mod multipart;
mod network;
mod objects;
mod server;
mod stores;
mod versions;
