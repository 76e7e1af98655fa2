//! Bulk deletes, of which some keys fail once.

use s3fs::FileSystem as _;
use s3fs::FileSystemExt as _;
use test_server::{Answer, BUCKET, Fault, Rule, Server};

use super::open;
use crate::common;

fn refusing(codes: &[(&str, &str)]) -> Fault {
    let errors: String = codes
        .iter()
        .map(|(key, code)| {
            format!("<Error><Key>{key}</Key><Code>{code}</Code><Message>m</Message></Error>")
        })
        .collect();
    let document = format!("<DeleteResult>{errors}</DeleteResult>");
    Fault::Answer(Answer::new(200, document).header("content-type", "application/xml"))
}

fn with_files() -> Server {
    let server = Server::start();
    for name in ["a", "b", "c"] {
        server.bucket(BUCKET).put(&format!("dir/{name}"), "content");
    }
    server
}

#[test]
fn keys_that_fail_once_are_retried() {
    let server = with_files();
    // Keys that the response does not list count as deleted, as reported by the store.
    server.bucket(BUCKET).remove("dir/a");
    let failing = [("dir/b", "InternalError"), ("dir/c", "SlowDown")];
    server
        .faults()
        .add(Rule::on("DeleteObjects"), refusing(&failing));
    let fs = open(&server);
    fs.removetree("dir").unwrap();
    assert!(server.bucket(BUCKET).keys().is_empty());
    assert_eq!(common::asked(&server, "DeleteObjects").len(), 2);
    assert_eq!(fs.stats().retries, 1);
}

#[test]
fn a_finally_rejected_key_is_not_retried() {
    let server = with_files();
    server.faults().add(
        Rule::on("DeleteObjects"),
        refusing(&[("dir/b", "AccessDenied")]),
    );
    let error = open(&server).removetree("dir").unwrap_err();
    assert!(error.to_string().contains("AccessDenied"), "{error}");
    assert_eq!(common::asked(&server, "DeleteObjects").len(), 1);
}

#[test]
fn a_key_that_keeps_failing_is_reported() {
    let server = with_files();
    let failing = refusing(&[("dir/b", "InternalError")]);
    server
        .faults()
        .add(Rule::on("DeleteObjects").always(), failing);
    let error = open(&server).removetree("dir").unwrap_err();
    assert!(error.to_string().contains("InternalError"), "{error}");
    assert_eq!(common::asked(&server, "DeleteObjects").len(), 5);
}

#[test]
fn successful_retries_do_not_use_up_the_retry_budget() {
    let server = Server::start();
    let fs = open(&server);
    for _ in 0..300 {
        server.bucket(BUCKET).put("dir/a", "content");
        let once = Rule::on("DeleteObjects");
        server
            .faults()
            .add(once, refusing(&[("dir/a", "InternalError")]));
        fs.removetree("dir").unwrap();
    }
    assert_eq!(fs.stats().retries, 300);
}

#[test]
fn a_key_that_was_not_requested_is_not_retried() {
    let server = with_files();
    let failing = refusing(&[("other", "InternalError")]);
    server.faults().add(Rule::on("DeleteObjects"), failing);
    server.bucket(BUCKET).put("other", "content");
    open(&server).removetree("dir").unwrap_err();
    assert_eq!(common::asked(&server, "DeleteObjects").len(), 1);
    assert!(server.bucket(BUCKET).get("other").is_some());
}

#[test]
fn a_lost_response_is_retried() {
    let server = with_files();
    server
        .faults()
        .add(Rule::on("DeleteObjects"), Fault::DropAfter);
    open(&server).removetree("dir").unwrap();
    assert!(server.bucket(BUCKET).keys().is_empty());
}

#[test]
fn a_lost_response_to_making_a_directory_is_a_success() {
    let server = Server::start();
    server.faults().add(Rule::on("PutObject"), Fault::DropAfter);
    open(&server).makedir("dir").unwrap();
    assert_eq!(server.bucket(BUCKET).keys(), ["dir/"]);
    open(&server).makedir("dir").unwrap_err();
}

#[test]
fn a_lost_response_to_the_removal_of_a_move_is_a_success() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let drop = Rule::on("DeleteObject");
    server.faults().add(drop, Fault::DropAfter);
    open(&server).movefile("file", "moved").unwrap();
    assert_eq!(server.bucket(BUCKET).keys(), ["moved"]);
}
