//! Uploads that killed programs left behind are found and removed.

use std::io::Write as _;
use std::time::Duration;

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, S3Fs};
use test_server::client::{self, post};
use test_server::{Answer, BUCKET, Fault, Rule, Server};

use super::{impatient, open};
use crate::common;

const ALL: Duration = Duration::ZERO;
const OLD: Duration = Duration::from_secs(3600);

/// Begins an upload, and abandons it.
fn begin(server: &Server, key: &str) {
    post(server, key, "").query("uploads", "").send().ok();
}

fn keys(fs: &S3Fs, path: &str, older_than: Duration) -> Vec<String> {
    let stale = fs.stale_uploads(path, older_than).unwrap();
    stale.into_iter().map(|upload| upload.key).collect()
}

#[test]
fn an_abandoned_upload_is_found_and_aborted() {
    let server = Server::start();
    begin(&server, "a b+c/\u{e9}");
    let fs = open(&server);
    server.take_requests();
    let stale = fs.stale_uploads("/", ALL).unwrap();
    assert_eq!(server.take_requests().len(), 1);
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0].key, "a b+c/\u{e9}");
    assert!(stale[0].initiated.is_some());
    assert!(fs.abort_upload(&stale[0]).unwrap());
    assert_eq!(server.take_requests().len(), 1);
    assert!(server.bucket(BUCKET).uploads().is_empty());
    assert!(!fs.abort_upload(&stale[0]).unwrap());
}

#[test]
fn an_unfinished_upload_is_found_until_it_is_closed() {
    let server = Server::start();
    let fs = open(&server);
    let mut file = fs.openbin("big", "w").unwrap();
    file.write_all(&vec![7; 20 << 20]).unwrap();
    assert_eq!(keys(&fs, "/", ALL), ["big"]);
    file.close().unwrap();
    assert!(keys(&fs, "/", ALL).is_empty());
}

#[test]
fn the_age_of_an_upload_is_measured_by_the_clock_of_the_server() {
    let server = Server::start();
    begin(&server, "file");
    let fs = open(&server);
    assert!(keys(&fs, "/", OLD).is_empty());
    server.set_clock_ahead(2 * 3600);
    fs.listdir("").unwrap();
    assert_eq!(keys(&fs, "/", OLD), ["file"]);
}

#[test]
fn only_uploads_below_the_path_are_found() {
    let server = Server::start();
    for key in ["a", "a/b", "a/c/d", "ab", "b"] {
        begin(&server, key);
    }
    let fs = open(&server);
    assert_eq!(keys(&fs, "/", ALL), ["a", "a/b", "a/c/d", "ab", "b"]);
    assert_eq!(keys(&fs, "a", ALL), ["a", "a/b", "a/c/d"]);
    assert_eq!(keys(&fs, "a/c", ALL), ["a/c/d"]);
    assert!(keys(&fs, "gone", ALL).is_empty());
}

#[test]
fn a_filesystem_in_a_directory_sees_only_its_own_uploads() {
    let server = Server::start();
    begin(&server, "out/file");
    begin(&server, "in/file");
    let jailed = impatient(&server).dir_path("in").build().unwrap();
    assert_eq!(keys(&jailed, "/", ALL), ["in/file"]);
    let outside = open(&server).stale_uploads("out", ALL).unwrap();
    let error = jailed.abort_upload(&outside[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(server.bucket(BUCKET).uploads().len(), 2);
}

#[test]
fn a_read_only_filesystem_aborts_nothing() {
    let server = Server::start();
    begin(&server, "file");
    let fs = impatient(&server).read_only(true).build().unwrap();
    let stale = fs.stale_uploads("/", ALL).unwrap();
    let error = fs.abort_upload(&stale[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceReadOnly);
    assert_eq!(server.bucket(BUCKET).uploads().len(), 1);
}

#[test]
fn uploads_of_several_pages_are_all_found() {
    let server = Server::start();
    let agent = client::agent();
    for number in 0..1001 {
        let call = post(&server, &format!("file{number:04}"), "").query("uploads", "");
        call.try_send_with(&agent, call.signed_url().as_str())
            .expect("an answer");
    }
    let fs = open(&server);
    server.take_requests();
    assert_eq!(keys(&fs, "/", ALL).len(), 1001);
    assert_eq!(common::asked(&server, "ListMultipartUploads").len(), 2);
}

#[test]
fn after_a_417_requests_are_sent_without_expect() {
    let server = Server::start();
    let asks = Rule::on("PutObject").when(|request| request.header("expect").is_some());
    let refused = Fault::Answer(Answer::html(417, "<html>"));
    server.faults().add(asks.always(), refused);
    let fs = impatient(&server).max_attempts(1).build().unwrap();
    let content = vec![7; 2 << 20];
    fs.writebytes("file", &content).unwrap();
    assert_eq!(common::asked(&server, "PutObject").len(), 2);
    fs.writebytes("other", &content).unwrap();
    assert_eq!(common::asked(&server, "PutObject").len(), 1);
    let stored = |key| server.bucket(BUCKET).get(key).unwrap().bytes();
    assert!(stored("file") == content && stored("other") == content);
}

#[test]
fn a_417_without_expect_is_not_retried() {
    let server = Server::start();
    let refused = Fault::Answer(Answer::html(417, "<html>"));
    server.faults().add(Rule::on("PutObject").always(), refused);
    let error = open(&server).writebytes("file", b"small").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OperationFailed, "{error}");
    assert_eq!(server.take_requests().len(), 1);
}
