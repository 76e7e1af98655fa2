//! Archived files, which must be restored before they can be read.

use s3fs::{
    ErrorKind, FileSystem, FileSystemExt as _, Namespaces, Restoration, RestoreStatus, RestoreTier,
    S3Fs,
};
use test_server::{BUCKET, Bucket, Fault, Object, Rule, Server};

use crate::common::{self, asked};

fn with_archived(path: &str) -> (Server, Bucket) {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let mut archived = Object::new("content");
    archived.storage_class = "GLACIER".into();
    bucket.put_with(path, archived);
    (server, bucket)
}

/// Finishes the restore.
fn finish(bucket: &Bucket, path: &str) {
    let mut object = bucket.get(path).expect("that object");
    let state = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2035 00:00:00 GMT\"";
    object.restore = Some(state.to_owned());
    bucket.put_with(path, object);
}

fn status(fs: &S3Fs, path: &str) -> Option<RestoreStatus> {
    let info = fs.getinfo(path, Namespaces::S3).unwrap();
    info.s3().and_then(|s3| s3.restore_status())
}

#[test]
fn an_archived_file_is_restored_with_one_request_and_its_info_has_the_status() {
    let (server, bucket) = with_archived("cold");
    let fs = common::open(&server);
    assert_eq!(status(&fs, "cold"), None);
    let hint = fs.readbytes("cold").unwrap_err();
    assert!(hint.to_string().contains("S3Fs::restore"), "{hint}");
    server.take_requests();
    let restore = || fs.restore("cold", 7, RestoreTier::Bulk).unwrap();
    assert_eq!(restore(), Restoration::Started);
    assert_eq!(server.take_requests().len(), 1);
    let running = status(&fs, "cold").expect("a restoration");
    assert!(running.in_progress && running.expires.is_none());
    assert_eq!(restore(), Restoration::Running);
    assert_eq!(
        fs.readbytes("cold").unwrap_err().kind(),
        ErrorKind::ArchivedObject
    );
    finish(&bucket, "cold");
    let done = status(&fs, "cold").expect("a restoration");
    assert!(!done.in_progress);
    assert_eq!(done.expires.expect("a time").year(), 2035);
    assert_eq!(restore(), Restoration::Extended);
    assert_eq!(fs.readbytes("cold").unwrap(), b"content");
}

#[test]
fn a_restore_whose_response_was_lost_is_found_in_progress() {
    let (server, _) = with_archived("cold");
    server
        .faults()
        .add(Rule::on("RestoreObject"), Fault::DropAfter);
    let fs = common::open(&server);
    let restored = fs.restore("cold", 1, RestoreTier::Standard).unwrap();
    assert_eq!(restored, Restoration::Running);
    assert_eq!(asked(&server, "RestoreObject").len(), 2);
}

#[test]
fn an_object_that_cannot_be_restored_is_an_error_after_one_request() {
    let (server, bucket) = with_archived("cold");
    bucket.put("warm", "content");
    bucket.put("dir/file", "content");
    let fs = common::open(&server);
    let refused = |path: &str, kind: ErrorKind| {
        let error = fs.restore(path, 1, RestoreTier::Standard).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.path(), Some(path));
        error.to_string()
    };
    let words = refused("warm", ErrorKind::Unsupported);
    assert!(words.contains("not in an archive class"), "{words}");
    refused("none", ErrorKind::ResourceNotFound);
    refused("dir", ErrorKind::FileExpected);
    refused("/", ErrorKind::FileExpected);
    assert_eq!(asked(&server, "RestoreObject").len(), 3);
    let error = fs.restore("cold", 0, RestoreTier::Standard).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let read_only = common::builder(&server).read_only(true).build().unwrap();
    let error = read_only.restore("cold", 1, RestoreTier::Standard);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::ResourceReadOnly);
    assert!(server.take_requests().is_empty());
    server
        .faults()
        .add(Rule::on("RestoreObject"), Fault::error(403, "AccessDenied"));
    let error = fs.restore("cold", 1, RestoreTier::Standard).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("s3:RestoreObject"), "{error}");
}
