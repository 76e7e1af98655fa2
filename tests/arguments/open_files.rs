//! Open files keep the properties of an object, never overwrite concurrent changes, and store nothing unless closed.

use std::io::{Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;

use s3fs::{ErrorKind, FileSystem, FileSystemExt, OpenOptions, UploadArgs};
use test_server::{BUCKET, Fault, Rule, Server};

use super::{outside, rich_object, s3_info};
use crate::common;
use crate::logged::warnings;

#[test]
fn updates_keep_headers_metadata_class_encryption_locks_and_tags() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    for (mode, expected) in [
        ("a", "0123456789+"),
        ("r+", "+123456789"),
        ("a+", "0123456789+"),
    ] {
        let before = rich_object("0123456789");
        bucket.put_with("f", before.clone());
        let mut file = fs.openbin("f", mode).unwrap();
        file.write_all(b"+").unwrap();
        file.close().unwrap();
        let after = bucket.get("f").unwrap();
        assert_eq!(after.bytes(), expected.as_bytes(), "{mode}");
        assert_eq!(outside(&after), outside(&before), "{mode}");
    }
}

#[test]
fn replaced_files_keep_nothing_of_the_old_object() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    for mode in ["w", "w+", "x", "x+"] {
        bucket.put_with("f.txt", rich_object("old"));
        if mode.starts_with('x') {
            bucket.remove("f.txt");
        }
        let mut file = fs.openbin("f.txt", mode).unwrap();
        file.write_all(b"new").unwrap();
        file.close().unwrap();
        let mut object = bucket.get("f.txt").unwrap();
        let nonce = object.headers.remove("x-amz-meta-s3fs-nonce");
        assert_eq!(nonce.is_some(), mode.starts_with('x'), "{mode}");
        assert_eq!(object.headers.len(), 1, "{mode}: {:?}", object.headers);
        assert_eq!(object.headers["content-type"], "text/plain");
        assert_eq!(object.storage_class, "STANDARD");
        assert!(object.tags.is_empty());
    }
}

#[test]
fn replaced_files_can_be_read_and_have_the_arguments_of_the_call() {
    let server = Server::start();
    let fs = common::open(&server);
    let args = UploadArgs::new().content_type("text/x").metadata("a", "1");
    for mode in ["w+", "x+"] {
        let name = format!("f{mode}");
        let mut file = fs.openbin_with(&name, mode, &args.clone().into()).unwrap();
        file.write_all(b"hello").unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, "ello");
        file.close().unwrap();
        let info = s3_info(&fs, &name);
        assert_eq!(info.content_type.as_deref(), Some("text/x"));
        assert_eq!(info.metadata["a"], "1");
    }
}

#[test]
fn arguments_of_the_call_override_kept_properties() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put_with("f", rich_object("old"));
    let fs = common::open(&server);
    let args = UploadArgs::new()
        .content_type("text/y")
        .metadata("b", "2")
        .tag("t", "3")
        .storage_class("GLACIER_IR");
    let mut file = fs.openbin_with("f", "a", &args.into()).unwrap();
    file.write_all(b"!").unwrap();
    file.close().unwrap();
    let object = bucket.get("f").unwrap();
    assert_eq!(object.headers["content-type"], "text/y");
    assert_eq!(object.headers["cache-control"], "max-age=60");
    assert_eq!(object.headers["x-amz-meta-b"], "2");
    assert!(!object.headers.contains_key("x-amz-meta-colour"));
    assert_eq!(object.tags, [("t".into(), "3".into())]);
    assert_eq!(object.storage_class, "GLACIER_IR");
}

#[test]
fn a_file_that_is_only_read_is_not_stored_again() {
    let server = Server::start();
    server.bucket(BUCKET).put("f", "old");
    let fs = common::open(&server);
    for mode in ["r+", "a", "a+"] {
        fs.openbin("f", mode).unwrap().close().unwrap();
    }
    assert!(common::changes(&server).is_empty());
}

#[test]
fn an_update_never_replaces_a_concurrent_write() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    for mode in ["a", "r+", "a+"] {
        bucket.put("f", "old");
        let mut file = fs.openbin("f", mode).unwrap();
        file.write_all(b"mine").unwrap();
        bucket.put("f", "theirs");
        let error = file.close().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{mode}");
        assert_eq!(error.path(), Some("f"));
        assert_eq!(bucket.get("f").unwrap().bytes(), b"theirs");

        // Regardless of whether the file can be checked.
        let mut file = fs.openbin("f", mode).unwrap();
        file.write_all(b"mine").unwrap();
        bucket.put("f", "theirs again");
        let refused = Fault::error(503, "SlowDown");
        server
            .faults()
            .add(Rule::on("HeadObject").always(), refused);
        let error = file.close().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{mode}");
        server.faults().clear();
        assert_eq!(bucket.get("f").unwrap().bytes(), b"theirs again");
    }
}

#[test]
fn an_object_deleted_during_an_update_stays_deleted() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    bucket.put("f", "old");
    let mut file = fs.openbin("f", "r+").unwrap();
    file.write_all(b"mine").unwrap();
    bucket.remove("f");
    assert!(file.close().is_err());
    assert!(bucket.keys().is_empty());
}

#[test]
fn an_append_never_replaces_a_file_created_since_it_began() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    let mut file = fs.openbin("f", "a").unwrap();
    file.write_all(b"mine").unwrap();
    bucket.put("f", "theirs");
    assert!(file.close().is_err());
    assert_eq!(bucket.get("f").unwrap().bytes(), b"theirs");
}

#[test]
fn a_reader_reports_that_the_object_was_replaced() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    bucket.put_synthetic("f", 1, 3 << 20);
    let mut file = fs.openbin("f", "r").unwrap();
    file.read_exact(&mut [0; 100]).unwrap();
    bucket.put_synthetic("f", 2, 3 << 20);
    file.seek(SeekFrom::Start(2 << 20)).unwrap();
    let error = s3fs::Error::from(file.read(&mut [0; 100]).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::ResourceChanged);
}

#[test]
fn exactly_one_of_many_concurrent_creators_wins() {
    const THREADS: usize = 16;
    for (strict, mode) in [(true, "x"), (false, "x"), (true, "x+"), (false, "x+")] {
        let server = Server::start();
        let fs = common::builder(&server).strict(strict).build().unwrap();
        let start = Barrier::new(THREADS);
        let make = |name: usize| {
            start.wait();
            let mut file = fs.openbin("f", mode)?;
            file.write_all(name.to_string().as_bytes())?;
            file.close().map(|()| name)
        };
        let results: Vec<s3fs::Result<usize>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|name| scope.spawn(move || make(name)))
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap());
            joined.collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{mode}");
        for error in lost {
            assert_eq!(error.unwrap_err().kind(), ErrorKind::FileExists);
        }
        let winner = won.into_iter().next().unwrap().unwrap();
        assert_eq!(fs.readtext("f").unwrap(), winner.to_string());
    }
}

#[test]
fn a_dropped_file_stores_nothing_and_logs_a_warning() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    for mode in ["w", "w+", "a", "r+", "a+"] {
        bucket.put("f", "old");
        let warnings = warnings(|| {
            let mut file = fs.openbin("f", mode).unwrap();
            file.write_all(b"new").unwrap();
            file.flush().unwrap();
            drop(file);
        });
        assert_eq!(warnings.len(), 1, "{mode}");
        assert!(warnings[0].contains("\"f\""), "{warnings:?}");
    }
    for mode in ["x", "x+"] {
        drop(fs.openbin("new", mode).unwrap());
    }
    assert!(common::changes(&server).is_empty());
    assert_eq!(bucket.get("f").unwrap().bytes(), b"old");
}

#[test]
fn a_closure_that_fails_stores_nothing() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put("f", "old");
    let fs = common::open(&server);
    let error = fs
        .write_with("f", |file| {
            file.write_all(b"half")?;
            Err::<(), _>(std::io::Error::other("no more"))
        })
        .unwrap_err();
    assert!(error.to_string().contains("no more"), "{error}");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        fs.write_with("f", |file| -> std::io::Result<()> {
            file.write_all(b"half")?;
            std::panic::resume_unwind(Box::new("a panic of the caller's"));
        })
    }));
    assert!(panicked.is_err());
    assert!(common::changes(&server).is_empty());
    assert_eq!(bucket.get("f").unwrap().bytes(), b"old");
    let answer = fs.write_with("f", |file| file.write_all(b"new").map(|()| 7));
    assert_eq!(answer.unwrap(), 7);
    assert_eq!(bucket.get("f").unwrap().bytes(), b"new");
}

#[test]
fn a_file_appears_at_close_and_a_second_close_does_nothing() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    let mut file = fs.openbin("f", "w").unwrap();
    file.write_all(b"new").unwrap();
    file.flush().unwrap();
    assert!(bucket.keys().is_empty());
    file.close().unwrap();
    assert_eq!(bucket.keys(), ["f"]);
    server.take_requests();
    file.close().unwrap();
    assert!(file.write_all(b"late").is_err());
    assert!(server.take_requests().is_empty());
}

#[test]
fn a_failed_close_leaves_the_old_object() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put("f", "old");
    let fs = common::open(&server);
    for mode in ["w", "w+", "a", "r+"] {
        let refused = Fault::error(403, "AccessDenied");
        server.faults().add(Rule::on("PutObject"), refused);
        let mut file = fs.openbin("f", mode).unwrap();
        file.write_all(b"new").unwrap();
        let error = file.close().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{mode}");
        assert_eq!(bucket.get("f").unwrap().bytes(), b"old");
    }
    assert_eq!(server.faults().pending(), 0);
}

#[test]
fn an_etag_that_must_match_holds_reads_and_writes_to_one_object() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    bucket.put("f", "old");
    let e_tag = s3_info(&fs, "f").e_tag.unwrap();
    let options = OpenOptions::new().if_match(&e_tag);
    assert_eq!(fs.readbytes_with("f", &options).unwrap(), b"old");
    for mode in ["w", "w+", "a", "r+"] {
        bucket.put("f", "old");
        let mut file = fs.openbin_with("f", mode, &options).unwrap();
        file.write_all(b"new").unwrap();
        file.close().unwrap();
    }
    bucket.put("f", "old");
    fs.writebytes_with("f", b"new", &options).unwrap();

    bucket.put("f", "theirs");
    let changed = |error: s3fs::Error| assert_eq!(error.kind(), ErrorKind::ResourceChanged);
    changed(fs.readbytes_with("f", &options).unwrap_err());
    changed(fs.openbin_with("f", "r", &options).err().unwrap());
    changed(fs.writebytes_with("f", b"new", &options).unwrap_err());
    let write = |file: &mut dyn Write| file.write_all(b"new");
    changed(fs.write_with_options("f", &options, write).unwrap_err());
    for mode in ["w", "w+", "a", "a+", "r+"] {
        let file = fs.openbin_with("f", mode, &options);
        changed(file.and_then(|mut file| file.close()).unwrap_err());
    }
    assert_eq!(bucket.get("f").unwrap().bytes(), b"theirs");

    bucket.remove("f");
    for mode in ["r", "w", "w+", "a", "a+", "r+"] {
        let file = fs.openbin_with("f", mode, &options);
        let error = file.and_then(|mut file| file.close()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceNotFound, "{mode}");
    }
    for mode in ["x", "x+"] {
        let error = fs.openbin_with("f", mode, &options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{mode}");
    }
    assert!(bucket.keys().is_empty());
}
