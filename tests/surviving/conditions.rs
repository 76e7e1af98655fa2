//! Conditions on stores that compare ETags in their own way.

use std::io::Write as _;
use std::sync::Barrier;
use std::thread;

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, OpenOptions};
use test_server::{BUCKET, Fault, Rule, Server};

use super::open;
use crate::common;
use crate::logged;

fn e_tag(server: &Server, key: &str) -> String {
    let object = server.bucket(BUCKET).get(key).expect("that object");
    format!("\"{}\"", object.etag)
}

fn matching(e_tag: &str) -> OpenOptions {
    OpenOptions::new().if_match(e_tag)
}

#[test]
fn a_store_that_compares_bare_etags_is_detected_once() {
    let server = Server::builder().quoted_etags_never_match(true).start();
    server.bucket(BUCKET).put("file", "old");
    let fs = open(&server);
    let options = matching(&e_tag(&server, "file"));
    fs.writebytes_with("file", b"new", &options).unwrap();
    assert_eq!(common::asked(&server, "PutObject").len(), 2);
    let options = matching(&e_tag(&server, "file"));
    fs.writebytes_with("file", b"newer", &options).unwrap();
    assert_eq!(server.take_requests().len(), 1);
    assert_eq!(fs.readbytes("file").unwrap(), b"newer");
}

#[test]
fn an_append_with_bare_etags_logs_no_warning_about_a_concurrent_change() {
    let server = Server::builder().quoted_etags_never_match(true).start();
    server.bucket(BUCKET).put("file", "old");
    let fs = open(&server);
    let warned = logged::warnings(|| {
        let mut file = fs.openbin("file", "a").unwrap();
        file.write_all(b" and new").unwrap();
        file.close().unwrap();
    });
    assert_eq!(warned, [""; 0]);
    assert_eq!(fs.readbytes("file").unwrap(), b"old and new");
}

#[test]
fn a_changed_object_is_reported_with_bare_etags_too() {
    for never in [true, false] {
        let server = Server::builder().quoted_etags_never_match(never).start();
        server.bucket(BUCKET).put("file", "old");
        let fs = open(&server);
        let options = matching(&e_tag(&server, "file"));
        for round in 0..2 {
            server.bucket(BUCKET).put("file", "another's");
            let error = fs.writebytes_with("file", b"new", &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{round}");
            assert_eq!(fs.readbytes("file").unwrap(), b"another's");
        }
    }
}

#[test]
fn a_conditional_read_is_not_refused_because_of_quotes() {
    let server = Server::builder().quoted_etags_never_match(true).start();
    server.bucket(BUCKET).put("file", "content");
    let fs = open(&server);
    let options = matching(&e_tag(&server, "file"));
    assert_eq!(fs.readbytes_with("file", &options).unwrap(), b"content");
}

#[test]
fn concurrent_detections_of_bare_etags_all_succeed() {
    const THREADS: usize = 16;
    let server = Server::builder().quoted_etags_never_match(true).start();
    for number in 0..THREADS {
        server.bucket(BUCKET).put(&format!("file{number}"), "old");
    }
    for _ in 0..4 {
        let (fs, barrier) = (&open(&server), &Barrier::new(THREADS));
        thread::scope(|scope| {
            for number in 0..THREADS {
                scope.spawn(move || {
                    let path = format!("file{number}");
                    let mut file = fs.openbin(&path, "r+").unwrap();
                    file.write_all(b"new").unwrap();
                    barrier.wait();
                    file.close().unwrap();
                });
            }
        });
    }
}

#[test]
fn a_store_that_rejects_every_etag_is_distinguished_from_a_changed_object() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "old");
    let options = matching(&e_tag(&server, "file"));
    let fs = open(&server);
    let refuses = |operation: &str| {
        let refusal = Fault::error(412, "PreconditionFailed");
        server.faults().add(Rule::on(operation).times(2), refusal);
    };
    refuses("GetObject");
    let error = fs.readbytes_with("file", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(
        error.to_string().contains("conditional requests"),
        "{error}"
    );
    // A write is sent without conditions, after a check.
    refuses("PutObject");
    fs.writebytes_with("file", b"new", &options).unwrap();
    assert_eq!(server.bucket(BUCKET).get("file").unwrap().bytes(), b"new");
    assert_eq!(server.faults().pending(), 0);
    refuses("PutObject");
    let error = fs.writebytes_with("file", b"newer", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{error}");
    assert_eq!(server.bucket(BUCKET).get("file").unwrap().bytes(), b"new");
}

/// The store accepts only quoted ETags. The object is another one when the write arrives, and the old one again
/// when it is checked after the 412.
#[test]
fn an_object_that_changes_back_and_forth_does_not_spoil_later_conditions() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "old");
    let fs = open(&server);
    let options = matching(&e_tag(&server, "file"));
    let refused = || Fault::error(412, "PreconditionFailed");
    let bare = Rule::on("PutObject").when(|request| {
        request
            .header("if-match")
            .is_some_and(|e_tag| !e_tag.contains('"'))
    });
    server
        .faults()
        .add(Rule::on("PutObject").times(1), refused());
    server.faults().add(bare.always(), refused());
    // The outcome of this write is open.
    let _ = fs.writebytes_with("file", b"old", &options);
    server.take_requests();
    for round in 0..3 {
        let options = matching(&e_tag(&server, "file"));
        let content = format!("new {round}");
        fs.writebytes_with("file", content.as_bytes(), &options)
            .unwrap();
        assert_eq!(server.take_requests().len(), 1, "{round}");
    }
}

/// Matches a conditional write whose ETag has quotes, or has none.
fn on_condition(quoted: bool) -> Rule {
    Rule::on("PutObject").when(move |request| {
        let e_tag = request.header("if-match");
        e_tag.is_some_and(|e_tag| e_tag.contains('"') == quoted)
    })
}

fn refuse(server: &Server, rule: Rule) {
    let refused = Fault::error(412, "PreconditionFailed");
    server.faults().add(rule, refused);
}

#[test]
fn a_store_that_requires_quotes_again_gets_them() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "old");
    let fs = open(&server);
    let write = |content: &str| {
        let options = matching(&e_tag(&server, "file"));
        server.take_requests();
        let written = fs.writebytes_with("file", content.as_bytes(), &options);
        written.unwrap();
        let puts = common::asked(&server, "PutObject");
        let is_quoted = |e_tag: &str| e_tag.contains('"');
        let quoted = puts
            .iter()
            .map(|put| put.header("if-match").is_some_and(is_quoted));
        quoted.collect::<Vec<_>>()
    };
    refuse(&server, on_condition(true));
    assert_eq!(write("bare at the second attempt"), [true, false]);
    assert_eq!(write("bare at once"), [false]);
    // From here on only quoted ETags match, as on another server behind the same name.
    refuse(&server, on_condition(false).always());
    assert_eq!(write("quoted at the second attempt"), [false, true]);
    assert_eq!(write("quoted at once"), [true]);
}

#[test]
fn a_412_with_a_bare_etag_restores_the_quotes_whatever_the_reason() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "old");
    let fs = open(&server);
    let write = |e_tag: &str| fs.writebytes_with("file", b"new", &matching(e_tag));
    refuse(&server, on_condition(true));
    write(&e_tag(&server, "file")).unwrap();
    // Only quoted ETags match by now, and the object is another one when it is checked after the 412.
    refuse(&server, on_condition(false).always());
    let error = write("\"0123456789abcdef0123456789abcdef\"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{error}");
    server.take_requests();
    write(&e_tag(&server, "file")).unwrap();
    assert_eq!(server.take_requests().len(), 1);
}

#[test]
fn a_store_that_comes_to_reject_every_etag_is_written_after_a_head() {
    let server = Server::builder().quoted_etags_never_match(true).start();
    server.bucket(BUCKET).put("file", "old");
    let fs = open(&server);
    let write = |content: &str| {
        let options = matching(&e_tag(&server, "file"));
        fs.writebytes_with("file", content.as_bytes(), &options)
    };
    write("bare").unwrap();
    refuse(&server, on_condition(false).always());
    write("neither form is taken").unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"neither form is taken");
}
