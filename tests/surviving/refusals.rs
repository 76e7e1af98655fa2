//! Rejections with the same meaning on every store, whatever their text.

use s3fs::{CopyOptions, ErrorKind, FileSystem, FileSystemExt as _, OpenOptions, RawInfo, S3Fs};
use test_server::{Answer, BUCKET, Bucket, Fault, LoggedRequest, Object, Rule, Server};

use super::{impatient, open};
use crate::common;
use crate::local::Directory;

type Work = fn(&S3Fs) -> s3fs::Result<()>;

/// The responses of a proxy or another server with that status: a page, JSON, or nothing.
fn foreign_answers(status: u16) -> [Answer; 3] {
    let json = Answer::new(status, "{\"message\": \"no\"}");
    [
        Answer::html(status, "<html><body>no</body></html>"),
        json.header("content-type", "application/json"),
        Answer::new(status, ""),
    ]
}

/// Calls about one file, each of which begins with this operation.
fn calls(fs: &S3Fs) -> [(&'static str, s3fs::Result<()>); 6] {
    let overwrite = s3fs::CopyOptions::new().overwrite(true);
    [
        ("GetObject", fs.readbytes("file").map(drop)),
        ("GetObject", fs.openbin("file", "r").map(drop)),
        ("GetObject", fs.openbin("file", "r+").map(drop)),
        ("HeadObject", fs.getsize("file").map(drop)),
        ("CopyObject", fs.copy_with("there", "file", &overwrite)),
        ("DeleteObject", fs.remove("file")),
    ]
}

#[test]
fn the_status_determines_the_kind_if_the_body_is_not_from_s3() {
    for (status, kind) in [
        (404, ErrorKind::ResourceNotFound),
        (403, ErrorKind::PermissionDenied),
        (401, ErrorKind::PermissionDenied),
    ] {
        for answer in foreign_answers(status) {
            let server = Server::start();
            server.bucket(BUCKET).put("there", "content");
            for operation in ["GetObject", "CopyObject", "DeleteObject", "HeadObject"] {
                // A copy begins with a check of its source.
                let about_target = Rule::on(operation).always().key("file");
                server
                    .faults()
                    .add(about_target, Fault::Answer(answer.clone()));
            }
            let fs = open(&server);
            for (operation, result) in calls(&fs) {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), kind, "{operation}: {error}");
                // A listing explains a missing resource.
                if kind != ErrorKind::ResourceNotFound {
                    assert_eq!(error.s3().unwrap().status, status, "{operation}: {error}");
                }
            }
            // Another attempt would fail in the same way.
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

/// Responses of stores and gateways that do not support DeleteObjects, or not with ETags.
fn refusals_of_many() -> Vec<Answer> {
    vec![
        Answer::error(400, "InvalidArgument"),
        Answer::error(400, "MalformedXML"),
        Answer::error(405, "MethodNotAllowed"),
        Answer::html(405, "<html>405</html>"),
        Answer::error(501, "NotImplemented"),
        Answer::new(501, ""),
        Answer::error(403, "AccessDenied"),
        Answer::html(403, "<html>forbidden</html>"),
    ]
}

fn files(bucket: &Bucket, directory: &str, count: usize) {
    for number in 0..count {
        bucket.put(&format!("{directory}/{number:03}"), "content");
    }
}

#[test]
fn a_store_without_delete_objects_gets_single_deletes_from_then_on() {
    for answer in refusals_of_many() {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        let always = Rule::on("DeleteObjects").always();
        server.faults().add(always, Fault::Answer(answer.clone()));
        let fs = open(&server);
        files(&bucket, "dir", 25);
        fs.removetree("dir").unwrap();
        assert!(bucket.keys().is_empty(), "{answer:?}");
        let requests = server.take_requests();
        let count = |operation: &str| {
            let of = |request: &&LoggedRequest| request.operation == operation;
            requests.iter().filter(of).count()
        };
        assert_eq!(count("DeleteObjects"), 1, "{answer:?}");
        assert_eq!(count("DeleteObject"), 25, "{answer:?}");

        files(&bucket, "dir", 25);
        let clone = fs.clone();
        clone.removetree("dir").unwrap();
        assert!(common::asked(&server, "DeleteObjects").is_empty());
        // A request with ETags is another one, which may or may not be supported.
        files(&bucket, "dir", 3);
        clone
            .movedir_with("dir", "moved", &CopyOptions::new().create(true))
            .unwrap();
        files(&bucket, "dir", 3);
        fs.movedir("dir", "moved").unwrap();
        assert_eq!(common::asked(&server, "DeleteObjects").len(), 1);
        fs.removetree("moved").unwrap();
        assert!(bucket.keys().is_empty(), "{answer:?}");
    }
}

#[test]
fn without_delete_permission_a_removal_fails_after_a_few_keys() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    files(&bucket, "dir", 40);
    for operation in ["DeleteObjects", "DeleteObject"] {
        let denied = Fault::error(403, "AccessDenied");
        server.faults().add(Rule::on(operation).always(), denied);
    }
    let fs = impatient(&server).max_workers(4).build().unwrap();
    let error = fs.removetree("dir").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert_eq!(error.s3().unwrap().operation, "DeleteObject", "{error}");
    assert_eq!(common::asked(&server, "DeleteObject").len(), 4);
    // The rejection was not about the operation.
    fs.removetree("dir").unwrap_err();
    assert_eq!(common::asked(&server, "DeleteObjects").len(), 1);
}

#[test]
fn a_single_rejected_key_is_reported_and_the_others_are_deleted() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    files(&bucket, "dir", 5);
    bucket.refuse_delete("dir/000");
    let denied = Fault::error(403, "AccessDenied");
    server.faults().add(Rule::on("DeleteObjects"), denied);
    let error = open(&server).removetree("dir").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.to_string().contains("dir/000"), "{error}");
    assert_eq!(bucket.keys(), ["dir/000"]);
}

#[test]
fn errors_of_the_whole_request_do_not_lead_to_single_deletes() {
    for (status, code) in [
        (403, "SignatureDoesNotMatch"),
        (403, "InvalidAccessKeyId"),
        (404, "NoSuchBucket"),
    ] {
        let server = Server::start();
        files(&server.bucket(BUCKET), "dir", 2);
        let refused = Fault::error(status, code);
        server.faults().add(Rule::on("DeleteObjects"), refused);
        open(&server).removetree("dir").unwrap_err();
        assert!(common::asked(&server, "DeleteObject").is_empty(), "{code}");
    }
}

/// A store whose bucket locks each object by default: every stored body needs a digest.
fn locking(server: &Server) {
    let message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests \
                   with Object Lock parameters";
    let document =
        format!("<Error><Code>InvalidRequest</Code><Message>{message}</Message></Error>");
    let refused = Answer::new(400, document).header("content-type", "application/xml");
    let lacks_digest = |request: &LoggedRequest| {
        let is_digest =
            |name: &String| name == "content-md5" || name.starts_with("x-amz-checksum-");
        ["PutObject", "UploadPart"].contains(&request.operation)
            && !request.headers.keys().any(is_digest)
    };
    let rule = Rule::any().when(lacks_digest).always();
    server.faults().add(rule, Fault::Answer(refused));
}

#[test]
fn a_bucket_with_default_locks_gets_a_digest_with_every_upload() {
    let works: [(&str, Work); 8] = [
        ("writebytes", |fs| fs.writebytes("new", b"content")),
        ("create", |fs| fs.create("new", false).map(drop)),
        ("makedir", |fs| fs.makedir("new")),
        ("upload", |fs| fs.upload("new", &mut &[7; 99][..]).map(drop)),
        ("parts", |fs| fs.writebytes("new", &vec![7; 12 << 20])),
        ("upload_file", |fs| {
            let directory = Directory::new();
            let file = directory.join("local");
            std::fs::write(&file, vec![7; 12 << 20])?;
            fs.upload_file(&file, "new", &s3fs::TransferOptions::new())
                .map(drop)
        }),
        ("appendbytes", |fs| fs.appendbytes("old", b"more")),
        ("append to parts", |fs| fs.appendbytes("large", b"more")),
    ];
    for (name, work) in works {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        bucket.put("old", "content");
        bucket.put_synthetic("large", 1, 12 << 20);
        locking(&server);
        let fs = open(&server);
        work(&fs).unwrap_or_else(|error| panic!("{name}: {error}"));
        let refused = |requests: &[LoggedRequest]| {
            let of = |request: &&LoggedRequest| request.status == Some(400);
            requests.iter().filter(of).count()
        };
        let first = refused(&server.take_requests());
        // Each of the parts in flight may be rejected once.
        assert!((1..=4).contains(&first), "{name}: {first}");
        fs.clone().writebytes("other", b"content").unwrap();
        fs.clone().writebytes("parts", &vec![1; 12 << 20]).unwrap();
        assert_eq!(refused(&server.take_requests()), 0, "{name}");
    }
}

#[test]
fn an_error_despite_the_digest_is_reported() {
    let server = Server::start();
    let message = "Content-MD5 HTTP header is required";
    let document =
        format!("<Error><Code>InvalidRequest</Code><Message>{message}</Message></Error>");
    let refused = Fault::Answer(Answer::new(400, document));
    server.faults().add(Rule::on("PutObject").always(), refused);
    let error = open(&server).writebytes("file", b"new").unwrap_err();
    assert!(error.to_string().contains("Content-MD5"), "{error}");
    assert_eq!(common::asked(&server, "PutObject").len(), 2);
}

#[test]
fn aws_chunked_is_neither_reported_nor_stored_again() {
    for (kept, expected) in [("aws-chunked", None), ("aws-chunked,gzip", Some("gzip"))] {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        let works: [(&str, Work); 3] = [
            ("setinfo", |fs| {
                fs.setinfo(
                    "file",
                    &RawInfo::new().with("s3", "content_type", "text/csv"),
                )
            }),
            ("append", |fs| fs.appendbytes("file", b"more")),
            ("append to parts", |fs| fs.appendbytes("large", b"more")),
        ];
        for (name, work) in works {
            bucket.put_with(
                "file",
                Object::new("content").header("content-encoding", kept),
            );
            let fs = open(&server);
            let info = fs.getinfo("file", s3fs::Namespaces::S3).unwrap();
            let told = info.s3().unwrap().content_encoding.clone();
            assert_eq!(told.as_deref(), expected, "{name}");
            server.take_requests();
            work(&fs).unwrap();
            for request in server.take_requests() {
                let sent = request.header("content-encoding").unwrap_or_default();
                assert!(!sent.contains("aws-chunked"), "{name}: {request:?}");
            }
        }
    }
}
