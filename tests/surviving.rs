//! How the client handles failing networks and servers, and corrects wrong assumptions about them.

mod bounds;
mod completions;
mod conditions;
mod corrections;
mod deletes;
mod kept_corrections;
mod logging;
mod pool;
mod recoding;
mod refusals;
mod refused_bodies;
mod retries;
mod stores;
mod timeouts;
#[cfg(feature = "rustls")]
mod tls;
mod uploads;
mod whole;

use std::time::Duration;

use s3fs::{S3Fs, S3FsBuilder};
use test_server::Server;

use crate::common;

/// A builder with short delays between attempts, and without the checks of strict mode.
fn impatient(server: &Server) -> S3FsBuilder {
    common::builder(server)
        .strict(false)
        .retry_base_delay(Duration::from_millis(1))
}

fn open(server: &Server) -> S3Fs {
    impatient(server).build().expect("parameters that can be")
}
