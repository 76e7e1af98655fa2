//! Conditions on stores that compare ETags in their own way.

use s3fs::{ErrorKind, FileSystem as _, OpenOptions};

use super::open;
use crate::common;
use crate::support::{BUCKET, Server};

fn e_tag(server: &Server, key: &str) -> String {
    let object = server.bucket(BUCKET).get(key).expect("that object");
    format!("\"{}\"", object.etag)
}

fn matching(e_tag: &str) -> OpenOptions {
    OpenOptions::new().if_match(e_tag)
}

#[test]
fn a_store_that_compares_bare_etags_is_found_out_once() {
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
fn an_object_that_did_change_is_told_by_such_a_store_too() {
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
fn a_read_on_a_condition_that_holds_is_not_refused_for_its_quotes() {
    let server = Server::builder().quoted_etags_never_match(true).start();
    server.bucket(BUCKET).put("file", "content");
    let fs = open(&server);
    let options = matching(&e_tag(&server, "file"));
    assert_eq!(fs.readbytes_with("file", &options).unwrap(), b"content");
}
