//! The embedded server does what S3 does. What the other tests rely on is proved here, over HTTP.

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
