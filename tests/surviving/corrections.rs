//! Corrections after rejections: the server's clock, the bucket's region, other credentials.

use std::thread;

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, S3Fs};
use test_server::{Answer, BUCKET, Fault, Rule, Server};

use super::{impatient, open};
use crate::common;

#[test]
fn a_wrong_clock_is_corrected_once_for_all_requests() {
    for seconds in [3600, -3600, 86_400 * 400] {
        let server = Server::builder().clock_ahead(seconds).start();
        server.bucket(BUCKET).put("file", "content");
        let fs = open(&server);
        assert_eq!(fs.readbytes("file").unwrap(), b"content", "{seconds}");
        assert_eq!(server.take_requests().len(), 2, "{seconds}");
        let clone = fs.clone();
        clone.writebytes("file", b"new").unwrap();
        assert!(clone.isfile("file").unwrap());
        assert_eq!(server.take_requests().len(), 2, "{seconds}");
        // A presigned URL is also valid for the server.
        let url = fs.geturl("file").unwrap();
        assert_eq!(common::fetch(&server, &url).body, b"new", "{seconds}");
    }
}

#[test]
fn a_wrong_clock_is_corrected_after_a_response_without_a_body() {
    let server = Server::builder().clock_ahead(-7200).start();
    server.bucket(BUCKET).put("file", "content");
    assert!(open(&server).isfile("file").unwrap());
    assert_eq!(server.take_requests().len(), 2);
}

#[test]
fn a_rejection_unrelated_to_the_clock_is_not_retried() {
    let server = Server::builder().credentials("AKIAOTHER", "other").start();
    let fs = S3Fs::builder(BUCKET)
        .endpoint_url(server.endpoint())
        .aws_access_key_id("AKIAOTHER")
        .aws_secret_access_key("wrong")
        .region(server.region())
        .build()
        .unwrap();
    let error = fs.readbytes("file").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(server.take_requests().len(), 1);
}

#[test]
fn the_region_that_the_server_returns_is_used_from_then_on() {
    let server = Server::builder().region("eu-west-1").start();
    server.bucket(BUCKET).put("file", "content");
    let fs = impatient(&server).region("us-east-1").build().unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"content");
    assert_eq!(server.take_requests().len(), 2);
    let clone = fs.clone();
    clone.writebytes("file", b"new").unwrap();
    assert_eq!(server.take_requests().len(), 1);
    let url = fs.geturl("file").unwrap();
    assert_eq!(common::fetch(&server, &url).body, b"new");
}

#[test]
fn a_head_rejected_without_a_body_is_retried_in_the_region_of_the_bucket() {
    let server = Server::builder().region("eu-west-1").start();
    server.bucket(BUCKET).put("file", "content");
    let fs = impatient(&server).region("us-east-1").build().unwrap();
    assert!(fs.isfile("file").unwrap());
}

#[test]
fn every_form_of_region_redirect_is_followed() {
    let redirect = |status: u16| {
        let answer = Answer::error(status, "PermanentRedirect");
        Fault::Answer(answer.header("x-amz-bucket-region", "eu-west-1"))
    };
    let without_header = Answer::error_with(
        400,
        "AuthorizationHeaderMalformed",
        "<Region>eu-west-1</Region>",
    );
    for fault in [
        Fault::wrong_region(301, "eu-west-1"),
        Fault::wrong_region(400, "eu-west-1"),
        redirect(307),
        redirect(403),
        Fault::Answer(without_header),
    ] {
        let server = Server::builder().region("eu-west-1").start();
        server.bucket(BUCKET).put("file", "content");
        server.faults().add(Rule::any(), fault);
        let fs = impatient(&server).region("us-east-1").build().unwrap();
        assert_eq!(fs.readbytes("file").unwrap(), b"content");
        assert_eq!(server.take_requests().len(), 2);
    }
}

#[test]
fn an_invalid_region_is_reported_and_not_followed() {
    for region in ["evil.example", "EU", "a b", "-"] {
        let server = Server::start();
        server
            .faults()
            .add(Rule::any().always(), Fault::wrong_region(400, region));
        let error = open(&server).readbytes("file").unwrap_err();
        assert!(error.to_string().contains(region), "{error}");
        assert_eq!(server.take_requests().len(), 1, "{region}");
    }
}

#[test]
fn an_error_keeps_its_kind_whatever_region_it_names() {
    for (status, code, kind) in [
        (412, "PreconditionFailed", ErrorKind::ResourceChanged),
        (403, "AccessDenied", ErrorKind::PermissionDenied),
        (404, "NoSuchKey", ErrorKind::ResourceNotFound),
        (501, "NotImplemented", ErrorKind::Unsupported),
        (507, "StorageFull", ErrorKind::InsufficientStorage),
    ] {
        let server = Server::start();
        let answer = Answer::error(status, code).header("x-amz-bucket-region", "eu-west-9");
        server
            .faults()
            .add(Rule::on("PutObject").always(), Fault::Answer(answer));
        let error = open(&server).writebytes("file", b"new").unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.s3().unwrap().code, code);
    }
}

#[test]
fn each_request_follows_at_most_one_region_redirect() {
    let server = Server::start();
    let faults = server.faults();
    for region in ["eu-west-1", "eu-west-2", "eu-west-3"] {
        faults.add(Rule::any(), Fault::wrong_region(400, region));
    }
    let error = open(&server).readbytes("file").unwrap_err();
    assert!(error.to_string().contains("eu-west-2"), "{error}");
    assert_eq!(server.take_requests().len(), 2);
}

#[test]
fn no_redirect_to_another_host_is_followed() {
    let elsewhere = Server::start();
    elsewhere.bucket(BUCKET).put("file", "elsewhere");
    let server = Server::start();
    for status in [301, 302, 307, 308] {
        let host = format!("{}/bucket/file", elsewhere.endpoint());
        let endpoint = format!("<Endpoint>127.0.0.1:{}</Endpoint>", elsewhere.port());
        let answer = Answer::error_with(status, "TemporaryRedirect", &endpoint);
        let answer = Fault::Answer(answer.header("location", &host));
        server.faults().add(Rule::any(), answer);
        open(&server).readbytes("file").unwrap_err();
    }
    assert!(elsewhere.take_requests().is_empty());
    assert_eq!(server.take_requests().len(), 4);
}

#[test]
fn expired_credentials_are_reported_if_there_are_no_others() {
    for operation in ["GetObject", "HeadObject"] {
        let server = Server::start();
        server.bucket(BUCKET).put("file", "content");
        server
            .faults()
            .add(Rule::any().always(), Fault::expired_token());
        let fs = open(&server);
        let result = match operation {
            "GetObject" => fs.readbytes("file").map(drop),
            _ => fs.isfile("file").map(drop),
        };
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("expired"), "{error}");
        assert_eq!(common::asked(&server, operation).len(), 1);
    }
}

#[test]
fn concurrent_requests_make_a_correction_only_once() {
    let server = Server::builder()
        .region("eu-west-1")
        .clock_ahead(3600)
        .start();
    server.bucket(BUCKET).put("file", "content");
    let fs = impatient(&server).region("us-east-1").build().unwrap();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(fs.readbytes("file").unwrap(), b"content"));
        }
    });
    assert!(server.take_requests().len() <= 16 * 3);
    fs.readbytes("file").unwrap();
    assert_eq!(server.take_requests().len(), 1);
}
