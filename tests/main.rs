//! One test program for everything that meets a server, so that it is linked once.

mod answers;
mod architecture;
mod arguments;
mod bad_input;
mod buckets;
mod cancelling;
mod capabilities;
mod common;
mod concurrency;
mod conditional_writes;
mod conditions;
mod copying;
#[cfg(feature = "aws-chain")]
mod credentials;
mod directories;
#[cfg(target_os = "linux")]
mod disk_calls;
mod drawing;
mod embedded_server;
mod every_operation;
mod faults;
mod foreign;
mod fuzzing;
mod info;
mod listings;
mod live;
mod local;
mod logged;
mod loopback;
mod memory;
mod mirror_times;
mod model;
mod moving;
mod opener;
mod operations;
mod osfs;
mod partial_files;
mod pictures;
mod presign;
mod proxies;
mod ranges;
mod read_only;
mod reading;
mod requests;
mod requests_bulk;
mod requests_flat;
mod requests_pruned;
mod requests_tree;
mod scripted;
mod secrets;
mod selecting;
mod soak;
mod subfs;
mod support;
mod surviving;
mod transfers;
mod trees;
mod updating;
mod versions;
#[cfg(feature = "vfs")]
mod vfs_adapter;
mod walking;
mod writing;

/// Nothing is logged by a library in this program before a server is there to talk to, so that all that is logged is
/// looked at.
fn on_server_start() {
    logged::install();
}
