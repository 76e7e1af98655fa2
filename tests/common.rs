//! What the tests of the library share: filesystems on the embedded server.

use s3fs::{S3Fs, S3FsBuilder};

use crate::support::{self, Server};

/// The filesystem of the server's bucket, with the server's credentials, not built yet.
pub fn builder(server: &Server) -> S3FsBuilder {
    builder_of(server, support::BUCKET)
}

/// The filesystem of a bucket of the server, with the server's credentials, not built yet.
pub fn builder_of(server: &Server, bucket: &str) -> S3FsBuilder {
    S3Fs::builder(bucket)
        .endpoint_url(server.endpoint())
        .region(server.region())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
}

/// The filesystem of the server's bucket, strict.
pub fn open(server: &Server) -> S3Fs {
    builder(server).build().expect("parameters that can be")
}
