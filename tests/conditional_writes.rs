//! Stores that silently ignore the conditions of a PUT: how they are detected, and which guarantees remain.

use std::io::Write as _;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use s3fs::{
    ConditionalWrites, ErrorKind, FileSystem, FileSystemExt as _, S3Fs, S3FsBuilder, UploadArgs,
};
use test_server::{Builder, Fault, Guarded, LoggedRequest, Rule, Server};

use crate::{common, logged};

/// The size of a part.
const PART: u64 = 64;

/// Like Garage 2.5.
fn like_garage() -> Builder {
    Server::builder()
        .min_part_size(PART)
        .ignore_conditions([Guarded::Put, Guarded::Complete])
        .put_drops_uploads(true)
}

fn builder(server: &Server) -> S3FsBuilder {
    common::learning_builder(server)
        .part_size(PART)
        .min_part_size(PART)
        .retry_base_delay(Duration::from_millis(1))
}

fn open(server: &Server, strict: bool) -> S3Fs {
    builder(server).strict(strict).build().unwrap()
}

/// Returns the requests since the last call with the library's own keys, and the number of the others.
fn tried(server: &Server) -> (Vec<LoggedRequest>, usize) {
    let requests = server.take_requests().into_iter();
    let (own, others): (Vec<_>, Vec<_>) = requests.partition(is_own);
    (own, others.len())
}

fn is_own(request: &LoggedRequest) -> bool {
    request.key.contains(".s3fs-")
}

fn operations(requests: &[LoggedRequest]) -> Vec<&str> {
    let operations = requests.iter().map(|request| request.operation);
    operations.collect()
}

const ONCE: [&str; 3] = ["PutObject", "PutObject", "DeleteObject"];

#[test]
fn one_of_sixteen_writers_of_a_new_file_wins_where_conditions_are_ignored() {
    for size in [20, 200] {
        let server = like_garage().start();
        let fs = open(&server, false);
        let mut files: Vec<_> = (0..16u8)
            .map(|number| {
                let mut file = fs.clone().openbin("new", "x").unwrap();
                file.write_all(&vec![number; size]).unwrap();
                file
            })
            .collect();
        files.reverse();
        let closed: Vec<_> = files.iter_mut().map(|file| file.close()).collect();
        for (number, closed) in closed.into_iter().enumerate() {
            match closed {
                Ok(()) => assert_eq!(number, 0, "{size}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::FileExists, "{error}"),
            }
        }
        assert_eq!(fs.readbytes("new").unwrap(), vec![15; size]);
        let bucket = server.bucket("bucket");
        assert_eq!(bucket.keys(), ["new"]);
        assert!(bucket.uploads().is_empty());
    }
}

#[test]
fn where_conditions_are_ignored_an_update_of_a_replaced_file_fails() {
    for strict in [true, false] {
        let server = like_garage().start();
        let fs = open(&server, strict);
        let bucket = server.bucket("bucket");
        for mode in ["r+", "a"] {
            bucket.put("file", "old");
            let mut file = fs.openbin("file", mode).unwrap();
            file.write_all(b"mine").unwrap();
            bucket.put("file", "another's");
            let error = file.close().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{mode}: {error}");
            assert_eq!(error.path(), Some("file"));
            assert_eq!(bucket.get("file").unwrap().bytes(), b"another's");
        }
        fs.appendtext("file", ", and mine").unwrap();
        assert_eq!(fs.readtext("file").unwrap(), "another's, and mine");
        assert_eq!(bucket.keys(), ["file"]);
    }
}

#[test]
fn a_marker_never_replaces_content_where_conditions_are_ignored() {
    for strict in [true, false] {
        let server = like_garage().start();
        let fs = open(&server, strict);
        server.bucket("bucket").put("d/", "content");
        let error = fs.makedir("d").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryExists, "{error}");
        fs.makedir("new").unwrap();
        let stored = server.bucket("bucket").get("d/").unwrap();
        assert_eq!(stored.bytes(), b"content");
        assert_eq!(server.bucket("bucket").keys(), ["d/", "new/"]);
    }
}

/// Three requests for the first write of any clone, and one more for each write only where conditions are ignored.
#[test]
fn the_probe_of_a_store_is_shared_by_all_clones() {
    for ignores in [true, false] {
        let server = match ignores {
            true => like_garage().start(),
            false => Server::start(),
        };
        let fs = builder(&server).dir_path("dir").strict(false);
        let fs = fs.build().unwrap();
        assert_eq!(fs.honours_conditions(), None);
        fs.writetext("file", "any").unwrap();
        let mut read = fs.openbin("file", "r").unwrap();
        read.close().unwrap();
        assert_eq!(tried(&server).0.len(), 0);
        let barrier = Barrier::new(16);
        thread::scope(|scope| {
            for number in 0..16 {
                let (fs, barrier) = (fs.clone(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    assert!(fs.create(&format!("new-{number}"), false).unwrap());
                });
            }
        });
        let (own, others) = tried(&server);
        assert_eq!(operations(&own), ONCE);
        assert_eq!(own[1].header("if-none-match"), Some("*"));
        assert!(own.iter().all(|one| one.key == own[0].key));
        assert!(own[0].key.starts_with("dir/.s3fs-"), "{}", own[0].key);
        assert_eq!(others, if ignores { 32 } else { 16 });
        assert_eq!(fs.honours_conditions(), Some(!ignores));
        fs.clone().create("one more", false).unwrap();
        assert_eq!(tried(&server).0.len(), 0);
        assert_eq!(server.bucket("bucket").keys().len(), 18);
    }
}

#[test]
fn a_configured_store_is_not_probed() {
    let server = Server::start();
    for (given, honours) in [
        (ConditionalWrites::Honoured, true),
        (ConditionalWrites::Ignored, false),
    ] {
        let fs = builder(&server).conditions(given).strict(false);
        let fs = fs.build().unwrap();
        assert_eq!(fs.honours_conditions(), Some(honours));
        server.take_requests();
        assert!(fs.create(&format!("{honours}"), false).unwrap());
        let (own, others) = tried(&server);
        assert_eq!((own.len(), others), (0, if honours { 1 } else { 2 }));
        // The setting of the caller counts, but nothing is replaced.
        assert!(!fs.create(&format!("{honours}"), false).unwrap());
        assert_eq!(fs.honours_conditions(), Some(honours));
    }
    // No request is sent.
    let endpoint = "http://s3.eu-west-1.amazonaws.com";
    let aws = S3Fs::builder("bucket")
        .anonymous(true)
        .endpoint_url(endpoint);
    assert_eq!(aws.build().unwrap().honours_conditions(), Some(true));
}

#[test]
fn a_store_that_has_rejected_a_condition_is_not_probed() {
    let server = Server::builder().min_part_size(PART).start();
    let fs = open(&server, false);
    let mut file = fs.openbin("new", "x").unwrap();
    file.write_all(&[7; 200]).unwrap();
    let bucket = server.bucket("bucket");
    let complete = Rule::on("CompleteMultipartUpload");
    let interfere = || bucket.put("new", "another's");
    let error = common::meanwhile(&server, complete, interfere, || file.close()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileExists, "{error}");
    assert_eq!(fs.honours_conditions(), Some(true));
    server.take_requests();
    assert!(fs.create("other", false).unwrap());
    assert_eq!(server.take_requests().len(), 1);
}

/// If the probe is forbidden, conditions count as ignored, one warning is logged, and each write is preceded by a check.
#[test]
fn conditions_count_as_ignored_if_the_probe_is_forbidden() {
    let denied: fn(&Server) = |server| {
        let rule = Rule::on("PutObject").when(is_own).always();
        server.faults().add(rule, Fault::error(403, "AccessDenied"));
    };
    let replacing_denied: fn(&Server) = |server| {
        let is_second = |one: &LoggedRequest| is_own(one) && one.header("if-none-match").is_some();
        let rule = Rule::on("PutObject").when(is_second).always();
        server.faults().add(rule, Fault::error(403, "AccessDenied"));
    };
    let plain = |builder: S3FsBuilder| builder;
    let locked = |builder: S3FsBuilder| {
        let args = UploadArgs::new().object_lock_legal_hold_status("ON");
        builder.upload_args(args)
    };
    let long = |builder: S3FsBuilder| builder.dir_path("d".repeat(1000));
    let below = format!("{}/", "d".repeat(1000));
    type Change = fn(S3FsBuilder) -> S3FsBuilder;
    /// A name, the changes of server and builder, the prefix of the keys, and the number of requests of the probe.
    type Case<'a> = (&'a str, fn(&Server), Change, &'a str, usize);
    let cases: [Case; 4] = [
        ("denied", denied, plain, "", 1),
        ("replacing denied", replacing_denied, plain, "", 3),
        ("locked", |_| {}, locked, "", 0),
        ("no room for the key", |_| {}, long, &below, 0),
    ];
    for (what, arrange, change, root, asked) in cases {
        let server = Server::start();
        arrange(&server);
        let fs = change(builder(&server).strict(false)).build().unwrap();
        let warnings = logged::warnings(|| {
            for name in ["a", "b"] {
                assert!(fs.create(name, false).unwrap(), "{what}");
            }
        });
        let of_conditions = warnings.iter().filter(|text| text.contains("conditions"));
        assert_eq!(of_conditions.count(), 1, "{what}: {warnings:?}");
        let (own, others) = tried(&server);
        assert_eq!((own.len(), others), (asked, 4), "{what}");
        assert_eq!(fs.honours_conditions(), Some(false), "{what}");
        // The condition is sent anyway: the store may respect it.
        server.faults().clear();
        let error = common::meanwhile(
            &server,
            Rule::on("PutObject").when(|one| one.key.ends_with('c')),
            || {
                server
                    .bucket("bucket")
                    .put(&format!("{root}c"), "another's")
            },
            || fs.openbin("c", "x").unwrap().close(),
        );
        assert_eq!(error.unwrap_err().kind(), ErrorKind::FileExists, "{what}");
        assert_eq!(server.bucket("bucket").keys().len(), 3, "{what}");
    }
}

#[test]
fn a_store_that_rejects_conditions_gets_none() {
    let server = Server::builder().refuse_conditions([Guarded::Put]).start();
    let fs = open(&server, false);
    assert!(fs.create("a", false).unwrap());
    assert_eq!(operations(&tried(&server).0), ONCE);
    assert_eq!(fs.honours_conditions(), Some(false));
    assert!(fs.create("b", false).unwrap());
    assert!(!fs.create("b", false).unwrap());
    let requests = server.take_requests();
    assert_eq!(
        operations(&requests),
        ["HeadObject", "PutObject", "HeadObject"]
    );
}

/// The next write repeats a probe without a result, and the probe leaves nothing behind.
#[test]
fn a_probe_that_fails_in_transit_is_not_remembered() {
    for (nth, fault) in [
        (1, Fault::DropBefore),
        (1, Fault::DropAfter),
        (2, Fault::DropBefore),
        (2, Fault::DropAfter),
        (1, Fault::error(500, "InternalError")),
        (2, Fault::error(503, "SlowDown")),
    ] {
        let server = like_garage().start();
        let fs = builder(&server).strict(false).max_attempts(1);
        let fs = fs.build().unwrap();
        let told = format!("{fault:?} on PUT {nth}");
        server.faults().add(Rule::on("PutObject").nth(nth), fault);
        let error = fs.openbin("new", "x").unwrap().close().unwrap_err();
        assert_eq!(error.path(), Some("new"), "{told}: {error}");
        assert_eq!(fs.honours_conditions(), None, "{told}");
        assert!(server.bucket("bucket").keys().is_empty(), "{told}");
        fs.openbin("new", "x").unwrap().close().unwrap();
        assert_eq!(fs.honours_conditions(), Some(false), "{told}");
        assert_eq!(server.bucket("bucket").keys(), ["new"], "{told}");
    }
}

#[test]
fn a_probe_leaves_no_version_behind() {
    for ignores in [true, false] {
        let server = match ignores {
            true => like_garage().start(),
            false => Server::start(),
        };
        server.bucket("bucket").enable_versioning();
        let fs = open(&server, false);
        assert!(fs.create("new", false).unwrap());
        let own = tried(&server).0;
        let key = own[0].key.as_str();
        assert!(server.bucket("bucket").versions(key).is_empty());
        assert_eq!(own.len(), if ignores { 4 } else { 3 });
    }
}

#[test]
fn a_probe_object_that_cannot_be_deleted_is_named_in_the_log() {
    let server = Server::start();
    let rule = Rule::on("DeleteObject").when(is_own);
    server.faults().add(rule, Fault::error(403, "AccessDenied"));
    let fs = open(&server, false);
    let warnings = logged::warnings(|| assert!(fs.create("new", false).unwrap()));
    let own = tried(&server).0;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&own[0].key), "{warnings:?}");
    assert_eq!(fs.honours_conditions(), Some(true));
}

/// The error is about the bucket, and has the path of the call.
#[test]
fn a_missing_bucket_is_reported_as_such() {
    let server = Server::start();
    let fs = common::builder_of(&server, "elsewhere").strict(false);
    let told = fs.build().unwrap().create("new", false).unwrap_err();
    let fs = S3Fs::builder("elsewhere")
        .endpoint_url(server.endpoint())
        .region(server.region())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
        .strict(false);
    let error = fs.build().unwrap().create("new", false).unwrap_err();
    assert_eq!(error.kind(), told.kind(), "{error}");
    assert_eq!(error.path(), Some("new"));
}
