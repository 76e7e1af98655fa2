//! Every operation, with every configuration of the filesystem, on the embedded server.

use std::sync::atomic::{AtomicUsize, Ordering};

use s3fs::conformance::{self, Exception};
use s3fs::{FileSystem, S3FsBuilder};
use test_server::Server;

use crate::common;

/// Cases that depend on strict mode.
pub const NOT_STRICT: &[Exception] = &[
    Exception {
        case: "makedir_needs_its_parent",
        reason: "the parent is not looked at",
    },
    Exception {
        case: "makedir_over_a_file_is_refused",
        reason: "whether a file is there is not looked at",
    },
    Exception {
        case: "writing_needs_its_parent",
        reason: "the parent is not looked at",
    },
    Exception {
        case: "upload_needs_a_place",
        reason: "the parent is not looked at, nor whether a directory is there",
    },
    Exception {
        case: "appending_needs_a_place",
        reason: "the parent is not looked at, nor whether a directory is there",
    },
    Exception {
        case: "copy_needs_a_place",
        reason: "the parent is not looked at",
    },
    Exception {
        case: "movefile_needs_a_place",
        reason: "the parent is not looked at",
    },
    Exception {
        case: "makedirs_is_stopped_by_a_file",
        reason: "whether a file is there is not looked at",
    },
    Exception {
        case: "a_directory_is_not_written",
        reason: "whether a directory is there is not looked at",
    },
    Exception {
        case: "x_refuses_an_existing_file",
        reason: "the server tells at close, not at open",
    },
    Exception {
        case: "copy_never_replaces_a_directory",
        reason: "whether a directory is there is not looked at",
    },
    Exception {
        case: "copydir_makes_its_target_only_with_create",
        reason: "the target is not looked at",
    },
    Exception {
        case: "opendir_needs_a_directory",
        reason: "nothing is asked: a directory is what will be written in it",
    },
    Exception {
        case: "copydir_needs_directories",
        reason: "whether the target is a file is not looked at",
    },
    Exception {
        case: "movedir_makes_its_target_only_with_create",
        reason: "the target is not looked at",
    },
    Exception {
        case: "movedir_needs_directories",
        reason: "whether the target is a file is not looked at",
    },
    Exception {
        case: "movefile_replaces_only_with_overwrite",
        reason: "whether a directory is there is not looked at",
    },
    Exception {
        case: "remove_needs_a_file",
        reason: "S3 deletes what is not there without a word",
    },
    Exception {
        case: "remove_many_removes_each_file_or_returns_its_error",
        reason: "S3 deletes what is not there without a word",
    },
    Exception {
        case: "remove_many_keeps_the_directories",
        reason: "without a marker a directory is its keys",
    },
    Exception {
        case: "a_directory_stays_when_its_last_child_goes",
        reason: "without a marker a directory is its keys",
    },
];

/// Runs the suite on one server, each case in a separate bucket.
fn holds(configure: fn(S3FsBuilder) -> S3FsBuilder, exceptions: &[Exception]) {
    let server = Server::start();
    let buckets = AtomicUsize::new(0);
    let open = |_: &str| -> Box<dyn FileSystem> {
        let bucket = format!("bucket-{}", buckets.fetch_add(1, Ordering::Relaxed));
        server.bucket(&bucket);
        let builder = configure(common::builder_of(&server, &bucket));
        Box::new(builder.build().unwrap())
    };
    conformance::run(&open, exceptions);
}

#[test]
fn the_strict_filesystem_passes_every_conformance_case() {
    holds(|builder| builder, &[]);
}

#[test]
fn a_filesystem_in_a_directory_passes_every_conformance_case() {
    holds(|builder| builder.dir_path("some/where"), &[]);
}

#[test]
fn a_filesystem_with_another_delimiter_passes_every_conformance_case() {
    holds(|builder| builder.dir_path("some/where").delimiter("|"), &[]);
}

#[test]
fn without_strict_every_case_except_the_checks_passes() {
    holds(|builder| builder.strict(false), NOT_STRICT);
}

/// A policy that allows one prefix is sufficient: `Permissions` in `S3Fs`'s documentation.
#[test]
fn no_request_leaves_dir_path() {
    const ALLOWED: [&str; 8] = [
        "CopyObject",
        "DeleteObject",
        "DeleteObjects",
        "GetObject",
        "GetObjectTagging",
        "HeadObject",
        "ListObjectsV2",
        "PutObject",
    ];
    let server = Server::start();
    let open = |case: &str| -> Box<dyn FileSystem> {
        let builder = common::builder(&server).dir_path(format!("mine/{case}"));
        Box::new(builder.build().unwrap())
    };
    conformance::run(&open, &[]);
    let requests = server.requests();
    assert!(requests.len() > 100);
    for request in requests {
        let asked = match request.query("prefix") {
            Some(prefix) => prefix.to_owned(),
            None => request.key.clone(),
        };
        // A policy is evaluated for each key of DeleteObjects, and those are in the body.
        let inside = asked.starts_with("mine/") || request.operation == "DeleteObjects";
        assert!(inside, "{request:?}");
        assert!(ALLOWED.contains(&request.operation), "{request:?}");
    }
}
