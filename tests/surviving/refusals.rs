//! Refusals that mean the same on every store, whatever their words are.

use s3fs::{ErrorKind, FileSystem as _, OpenOptions, S3Fs};

use super::open;
use crate::common;
use crate::support::{Answer, BUCKET, Fault, Object, Rule, Server};

/// The answer that a proxy or another server gives with that status: a page, JSON, or nothing.
fn foreign_answers(status: u16) -> [Answer; 3] {
    let json = Answer::new(status, "{\"message\": \"no\"}");
    [
        Answer::html(status, "<html><body>no</body></html>"),
        json.header("content-type", "application/json"),
        Answer::new(status, ""),
    ]
}

/// Calls about one file, the first request of each of which is this operation.
fn calls(fs: &S3Fs) -> [(&'static str, s3fs::Result<()>); 6] {
    let overwrite = s3fs::CopyOptions::new().overwrite(true);
    [
        ("GetObject", fs.readbytes("file").map(drop)),
        ("GetObject", fs.openbin("file", "r").map(drop)),
        ("GetObject", fs.openbin("file", "r+").map(drop)),
        ("HeadObject", fs.getsize("file").map(drop)),
        ("CopyObject", fs.copy_with("there", "file", overwrite)),
        ("DeleteObject", fs.remove("file")),
    ]
}

#[test]
fn the_status_tells_the_kind_where_the_body_is_not_from_s3() {
    for (status, kind) in [
        (404, ErrorKind::ResourceNotFound),
        (403, ErrorKind::PermissionDenied),
        (401, ErrorKind::PermissionDenied),
    ] {
        for answer in foreign_answers(status) {
            let server = Server::start();
            server.bucket(BUCKET).put("there", "content");
            for operation in ["GetObject", "CopyObject", "DeleteObject", "HeadObject"] {
                // What is copied is looked at before.
                let about_target = Rule::on(operation).always().key("file");
                server
                    .faults()
                    .add(about_target, Fault::Answer(answer.clone()));
            }
            let fs = open(&server);
            for (operation, result) in calls(&fs) {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), kind, "{operation}: {error}");
                // What it means that nothing is there is told by a listing.
                if kind != ErrorKind::ResourceNotFound {
                    assert_eq!(error.s3().unwrap().status, status, "{operation}: {error}");
                }
            }
            // Another attempt would end the same.
            assert_eq!(fs.stats().retries, 0);
        }
    }
}

#[test]
fn a_page_is_quoted_with_the_kind_of_its_status() {
    let server = Server::start();
    let page = Answer::html(403, "<html>blocked by the firewall</html>");
    server
        .faults()
        .add(Rule::on("PutObject"), Fault::Answer(page));
    let error = open(&server).writebytes("file", b"new").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let text = error.to_string();
    assert!(text.contains("blocked by the firewall"), "{text}");
    assert!(text.contains(&server.endpoint()), "{text}");
}

#[test]
fn a_version_that_is_a_delete_marker_is_not_found() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.enable_versioning();
    bucket.put_with("file", Object::new("content"));
    bucket.remove("file");
    let marker = bucket.versions("file").pop().unwrap().id;
    let fs = open(&server);
    let options = OpenOptions::new().version_id(&marker);
    let read = fs.readbytes_with("file", &options).map(drop);
    let opened = fs.openbin_with("file", "r", &options).map(drop);
    for (what, result) in [("readbytes", read), ("openbin", opened)] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceNotFound, "{what}: {error}");
    }
    let gets = common::asked(&server, "GetObject");
    let statuses: Vec<_> = gets.iter().map(|get| get.status).collect();
    assert_eq!(statuses, [Some(405), Some(405)]);
}
