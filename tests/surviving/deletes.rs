//! Removing many, of which some fail for once.

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
fn the_keys_that_failed_for_once_are_asked_for_again() {
    let server = with_files();
    // What the answer does not name counts as deleted: it is what the store says.
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
fn a_key_that_is_refused_for_good_is_asked_for_once() {
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
fn a_key_that_fails_again_and_again_is_told() {
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
fn what_is_removed_in_the_end_does_not_use_up_what_is_tried_again() {
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
fn a_key_that_was_not_asked_for_is_not_asked_for_again() {
    let server = with_files();
    let failing = refusing(&[("other", "InternalError")]);
    server.faults().add(Rule::on("DeleteObjects"), failing);
    server.bucket(BUCKET).put("other", "content");
    open(&server).removetree("dir").unwrap_err();
    assert_eq!(common::asked(&server, "DeleteObjects").len(), 1);
    assert!(server.bucket(BUCKET).get("other").is_some());
}

#[test]
fn an_answer_that_is_lost_is_made_up_for() {
    let server = with_files();
    server
        .faults()
        .add(Rule::on("DeleteObjects"), Fault::DropAfter);
    open(&server).removetree("dir").unwrap();
    assert!(server.bucket(BUCKET).keys().is_empty());
}

#[test]
fn a_directory_whose_making_was_not_answered_was_made() {
    let server = Server::start();
    server.faults().add(Rule::on("PutObject"), Fault::DropAfter);
    open(&server).makedir("dir").unwrap();
    assert_eq!(server.bucket(BUCKET).keys(), ["dir/"]);
    open(&server).makedir("dir").unwrap_err();
}

#[test]
fn a_move_whose_removal_was_not_answered_is_done() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let drop = Rule::on("DeleteObject");
    server.faults().add(drop, Fault::DropAfter);
    open(&server).movefile("file", "moved").unwrap();
    assert_eq!(server.bucket(BUCKET).keys(), ["moved"]);
}
