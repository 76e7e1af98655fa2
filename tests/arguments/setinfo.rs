//! `setinfo`: named attributes change, all others stay, and concurrent writes are not overwritten.

use s3fs::{ErrorKind, FileSystem, FileSystemExt, Namespaces, RawInfo, UploadArgs, Value};
use test_server::{BUCKET, Content, Fault, Object, Rule, Server, synthetic_bytes};

use super::{Outside, info, outside, rich_object, s3_info};
use crate::common;
use crate::logged::warnings;

const GIB: u64 = 1 << 30;

/// A change that is valid for every object.
fn a_change() -> RawInfo {
    RawInfo::new().with("s3", "content_type", "text/changed")
}

/// The expected object after that change.
fn with_the_change(object: &Object) -> Outside {
    outside(&object.clone().header("content-type", "text/changed"))
}

#[test]
fn named_attributes_change_and_all_others_stay() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    let metadata = Value::Map([("B".to_owned(), "2".into())].into());
    for (key, value, header, told) in [
        (
            "content_type",
            Value::from("text/new"),
            "content-type",
            "text/new",
        ),
        (
            "cache_control",
            "no-store".into(),
            "cache-control",
            "no-store",
        ),
        (
            "content_disposition",
            "inline".into(),
            "content-disposition",
            "inline",
        ),
        (
            "content_encoding",
            "x-new".into(),
            "content-encoding",
            "x-new",
        ),
        ("content_language", "fr".into(), "content-language", "fr"),
        (
            "expires",
            "Thu, 22 Oct 2037 07:28:00 GMT".into(),
            "expires",
            "Thu, 22 Oct 2037 07:28:00 GMT",
        ),
        (
            "website_redirect_location",
            "/new".into(),
            "x-amz-website-redirect-location",
            "/new",
        ),
        (
            "ssekms_key_id",
            "key-2".into(),
            "x-amz-server-side-encryption-aws-kms-key-id",
            "key-2",
        ),
        (
            "bucket_key_enabled",
            false.into(),
            "x-amz-server-side-encryption-bucket-key-enabled",
            "false",
        ),
        ("metadata", metadata, "x-amz-meta-b", "2"),
    ] {
        let before = rich_object("content");
        bucket.put_with("f", before.clone());
        fs.setinfo("f", &RawInfo::new().with("s3", key, value))
            .unwrap();
        let after = bucket.get("f").unwrap();
        let mut expected = outside(&before.header(header, told));
        if key == "metadata" {
            // The map replaces all metadata.
            expected
                .0
                .retain(|name, _| !name.starts_with("x-amz-meta-") || name == header);
        }
        assert_eq!(outside(&after), expected, "{key}");
        assert_eq!(after.bytes(), b"content");
    }
}

#[test]
fn the_storage_class_changes_and_all_else_stays() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    for class in ["GLACIER_IR", "STANDARD"] {
        let before = rich_object("content");
        bucket.put_with("f", before.clone());
        let change = RawInfo::new().with("s3", "storage_class", class);
        fs.setinfo("f", &change).unwrap();
        let (headers, _, tags) = outside(&before);
        let after = bucket.get("f").unwrap();
        assert_eq!(outside(&after), (headers, class.to_owned(), tags));
    }
}

#[test]
fn null_removes_an_attribute() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    let before = rich_object("content");
    bucket.put_with("f.csv", before);
    let mut change = RawInfo::new();
    for key in [
        "content_type",
        "cache_control",
        "expires",
        "metadata",
        "storage_class",
    ] {
        change = change.with("s3", key, Value::Null);
    }
    fs.setinfo("f.csv", &change).unwrap();
    let after = bucket.get("f.csv").unwrap();
    // An object always has a type: the one of its name.
    assert_eq!(after.headers["content-type"], "text/csv");
    assert_eq!(after.headers["content-language"], "de, en");
    assert!(!after.headers.contains_key("cache-control"));
    assert!(!after.headers.contains_key("expires"));
    assert!(!after.headers.contains_key("x-amz-meta-colour"));
    assert_eq!(after.storage_class, "STANDARD");
    assert_eq!(after.tags.len(), 2);
}

#[test]
fn setinfo_is_a_head_and_a_copy_of_the_same_version() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put_with("f", rich_object("content"));
    let fs = common::open(&server);
    fs.setinfo("f", &a_change()).unwrap();
    let requests = server.take_requests();
    let operations: Vec<_> = requests.iter().map(|request| request.operation).collect();
    assert_eq!(operations, ["HeadObject", "CopyObject"]);
    let copy = &requests[1];
    assert_eq!(copy.header("x-amz-copy-source"), Some("/bucket/f"));
    assert_eq!(copy.header("x-amz-metadata-directive"), Some("REPLACE"));
    let e_tag = format!("\"{}\"", rich_object("content").etag);
    assert_eq!(
        copy.header("x-amz-copy-source-if-match"),
        Some(e_tag.as_str())
    );
}

#[test]
fn setting_an_unmodified_info_changes_nothing_and_costs_one_head() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.enable_versioning();
    bucket.put_with("d/f", rich_object("content"));
    let fs = common::open(&server);
    let all = Namespaces::DETAILS | Namespaces::S3 | Namespaces::URLS;
    let got = fs.getinfo("d/f", all).unwrap();
    let scanned = fs.scandir("d", all).unwrap().next().unwrap().unwrap();
    let listed = fs.scandir("d", Namespaces::DETAILS).unwrap();
    let listed = listed.map(Result::unwrap).next().unwrap();
    for info in [got, scanned, listed] {
        server.take_requests();
        fs.setinfo("d/f", &info.raw()).unwrap();
        assert_eq!(server.take_requests().len(), 1);
    }
    fs.setinfo("d", &info(&fs, "d").raw()).unwrap();
    fs.setinfo("/", &info(&fs, "/").raw()).unwrap();
    assert!(common::changes(&server).is_empty());
    assert_eq!(bucket.versions("d/f").len(), 1);
}

#[test]
fn one_change_in_a_returned_info_is_applied() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let before = rich_object("content");
    bucket.put_with("f", before.clone());
    let fs = common::open(&server);
    let raw = info(&fs, "f").raw();
    fs.setinfo("f", &raw.with("s3", "content_type", "text/changed"))
        .unwrap();
    let after = bucket.get("f").unwrap();
    assert_eq!(outside(&after), with_the_change(&before));
}

#[test]
fn times_are_accepted_and_ignored() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put("f", "x");
    bucket.put("d/", "");
    let fs = common::open(&server);
    let times = RawInfo::new()
        .with("details", "accessed", Value::Float(1.0))
        .with("details", "created", Value::Float(1.0))
        .with("details", "metadata_changed", Value::Float(1.0))
        .with("details", "modified", time::OffsetDateTime::UNIX_EPOCH);
    for path in ["f", "d", "/"] {
        fs.setinfo(path, &times).unwrap();
        fs.setinfo(path, &RawInfo::new()).unwrap();
    }
    assert!(common::changes(&server).is_empty());
    let error = fs.setinfo("missing", &times).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceNotFound);
}

#[test]
fn unchangeable_attributes_are_refused_by_name() {
    let server = Server::start();
    server.bucket(BUCKET).put("d/f", "x");
    let fs = common::open(&server);
    for (path, namespace, key) in [
        ("d/f", "access", "permissions"),
        ("d/f", "basic", "name"),
        ("d/f", "details", "size"),
        ("d/f", "s3", "e_tag"),
        ("d/f", "s3", "nonsense"),
        ("d", "s3", "content_type"),
        ("/", "s3", "content_type"),
    ] {
        let change = RawInfo::new().with(namespace, key, "other");
        let error = fs.setinfo(path, &change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{namespace} {key}");
        assert!(error.to_string().contains(key), "{error}");
        assert_eq!(error.path(), Some(path));
    }
    assert!(common::changes(&server).is_empty());
}

#[test]
fn the_copy_gets_the_acl_of_the_upload_arguments() {
    // S3 keeps no ACL in a copy: without it, an object that this filesystem made public would become private.
    let server = Server::start();
    let args = UploadArgs::new().grant_read("id=\"1\"").metadata("a", "1");
    let fs = common::builder(&server).upload_args(args).build().unwrap();
    fs.writebytes("f", b"x").unwrap();
    server.bucket(BUCKET).put_synthetic("huge", 1, 6 * GIB);
    for (path, operation) in [("f", "CopyObject"), ("huge", "CreateMultipartUpload")] {
        fs.setinfo(path, &a_change()).unwrap();
        let request = common::asked(&server, operation).pop().unwrap();
        assert_eq!(request.header("x-amz-grant-read"), Some("id=\"1\""));
    }
    // Its other arguments concern content, and no content is written here.
    assert!(s3_info(&fs, "huge").metadata.is_empty());
}

#[test]
fn odd_keys_are_copied_onto_themselves_and_nothing_else() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let names = [
        "a b",
        "a+b",
        "a%20b",
        "a%2Bb",
        "%",
        "a?b",
        "a?versionId=null",
        "a#b",
        "a&b=c",
        "é",
        "e\u{301}",
        "🦀",
        "\"'<>\\",
        " lead and trail ",
        "\u{1}\n\u{7f}",
        "d/a+b %",
        "...",
        "~!*()",
    ];
    for name in names {
        bucket.put(name, name.as_bytes());
    }
    let fs = common::open(&server);
    for name in names {
        fs.setinfo(name, &a_change()).unwrap();
        let object = bucket.get(name).unwrap();
        assert_eq!(object.bytes(), name.as_bytes(), "{name:?}");
        assert_eq!(object.headers["content-type"], "text/changed", "{name:?}");
    }
    assert_eq!(bucket.keys().len(), names.len());
    let fs = common::builder(&server).dir_path("d").build().unwrap();
    let again = RawInfo::new().with("s3", "content_type", "text/again");
    fs.setinfo("a+b %", &again).unwrap();
    let copy = common::asked(&server, "CopyObject").pop().unwrap();
    let source = copy.header("x-amz-copy-source");
    assert_eq!(source, Some("/bucket/d/a%2Bb%20%25"));
}

#[test]
fn a_condition_that_does_not_hold_is_resource_changed() {
    let server = Server::start();
    server.bucket(BUCKET).put("f", "x");
    let fs = common::open(&server);
    let refused = Fault::error(412, "PreconditionFailed");
    server.faults().add(Rule::on("CopyObject"), refused);
    let error = fs.setinfo("f", &a_change()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceChanged);
    assert_eq!(error.path(), Some("f"));
}

/// Stores another object as soon as the server gets a request of that operation, and holds the request until then.
fn replaced_before(
    server: &Server,
    operation: &'static str,
    key: &str,
    theirs: Content,
    work: impl FnOnce(),
) {
    let replace = || server.bucket(BUCKET).put(key, theirs);
    common::meanwhile(server, Rule::on(operation), replace, work);
}

#[test]
fn a_change_between_the_head_and_the_copy_is_never_replaced() {
    let server = Server::start();
    server.bucket(BUCKET).put("f", "old");
    let fs = common::open(&server);
    replaced_before(&server, "CopyObject", "f", "theirs".into(), || {
        let error = fs.setinfo("f", &a_change()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceChanged);
    });
    let object = server.bucket(BUCKET).get("f").unwrap();
    assert_eq!(object.bytes(), b"theirs");
    assert_eq!(object.headers["content-type"], "binary/octet-stream");
}

/// A huge object with everything that changes must keep.
fn huge_object(seed: u64, size: u64) -> Object {
    let rich = rich_object("");
    Object {
        headers: rich.headers,
        storage_class: rich.storage_class,
        tags: rich.tags,
        ..Object::new(Content::synthetic(seed, size))
    }
}

#[test]
fn a_huge_object_is_copied_in_parts_that_cover_it() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let size = 6 * GIB + 12_345;
    let before = huge_object(7, size);
    bucket.put_with("d/a+b %", before.clone());
    // Outside AWS, a key with a percent sign is copied in parts only with this setting.
    let builder = common::builder(&server).copy_percent_keys(true);
    let fs = builder.build().unwrap();
    fs.setinfo("d/a+b %", &a_change()).unwrap();

    let requests = server.take_requests();
    let create = &requests[2];
    assert_eq!(requests[1].operation, "GetObjectTagging");
    assert_eq!(create.operation, "CreateMultipartUpload");
    for (name, value) in with_the_change(&before).0 {
        assert_eq!(create.header(&name), Some(value.as_str()));
    }
    assert_eq!(create.header("x-amz-storage-class"), Some("STANDARD_IA"));
    assert_eq!(
        create.header("x-amz-tagging"),
        Some("a%20b=c%26d%3D%C3%A9%2B&e=")
    );

    let (complete, parts) = requests[3..].split_last().unwrap();
    assert_eq!(complete.operation, "CompleteMultipartUpload");
    // Not every store respects the condition of a completion.
    let (look, parts) = parts.split_last().unwrap();
    assert_eq!(look.operation, "HeadObject");
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for part in parts {
        assert_eq!(part.operation, "UploadPartCopy");
        assert_eq!(
            part.header("x-amz-copy-source"),
            Some("/bucket/d/a%2Bb%20%25")
        );
        assert!(part.header("x-amz-copy-source-if-match").is_some());
        let range = part.header("x-amz-copy-source-range").unwrap();
        let (first, last) = range
            .strip_prefix("bytes=")
            .unwrap()
            .split_once('-')
            .unwrap();
        ranges.push((first.parse().unwrap(), last.parse().unwrap()));
    }
    // They are copied in parallel, in any order.
    ranges.sort_unstable();
    let mut next: u64 = 0;
    for (first, last) in ranges {
        assert_eq!(first, next);
        next = last + 1;
    }
    assert_eq!(next, size);

    let after = bucket.get("d/a+b %").unwrap();
    assert_eq!(outside(&after), with_the_change(&before));
    assert_eq!(after.len(), size);
    let end = after.content.slice(size - 100..size).to_vec();
    assert_eq!(end, synthetic_bytes(7, size - 100, 100));
    assert!(bucket.uploads().is_empty());
}

#[test]
fn the_largest_object_for_one_request_is_copied_with_one_request() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put_synthetic("f", 1, 5 * GIB);
    common::open(&server).setinfo("f", &a_change()).unwrap();
    assert_eq!(common::changes(&server), ["CopyObject f"]);
    bucket.put_synthetic("f", 1, 5 * GIB + 1);
    common::open(&server).setinfo("f", &a_change()).unwrap();
    assert_eq!(common::asked(&server, "CopyObject").len(), 0);
}

#[test]
fn a_failed_copy_in_parts_leaves_the_old_object_and_no_upload() {
    let before = huge_object(1, 6 * GIB);
    for (rule, fault) in [
        (
            Rule::on("UploadPartCopy").nth(3),
            Fault::error(403, "AccessDenied"),
        ),
        (
            Rule::on("UploadPartCopy").nth(2),
            Fault::error(200, "AccessDenied"),
        ),
        (
            Rule::on("CompleteMultipartUpload"),
            Fault::error(403, "AccessDenied"),
        ),
        (
            Rule::on("CompleteMultipartUpload"),
            Fault::error(200, "AccessDenied"),
        ),
    ] {
        // A failed call does not wait for its other parts, which would count for the next rule.
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        bucket.put_with("f", before.clone());
        let fs = common::open(&server);
        server.faults().add(rule, fault);
        let error = fs.setinfo("f", &a_change()).unwrap_err();
        assert_eq!(error.s3().unwrap().code, "AccessDenied");
        assert!(bucket.uploads().is_empty());
        assert_eq!(outside(&bucket.get("f").unwrap()), outside(&before));
        assert_eq!(server.faults().pending(), 0);
    }
}

#[test]
fn an_upload_that_cannot_be_aborted_is_named_in_the_log() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put_with("f", huge_object(1, 6 * GIB));
    let fs = common::open(&server);
    for operation in ["UploadPartCopy", "AbortMultipartUpload"] {
        let refused = Fault::error(403, "AccessDenied");
        server.faults().add(Rule::on(operation), refused);
    }
    let warnings = warnings(|| {
        fs.setinfo("f", &a_change()).unwrap_err();
    });
    let id = &bucket.uploads()[0].id;
    assert!(
        warnings.iter().any(|text| text.contains(id)),
        "{warnings:?}"
    );
}

#[test]
fn a_change_during_a_copy_in_parts_is_never_replaced() {
    for operation in ["UploadPartCopy", "CompleteMultipartUpload"] {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        bucket.put_with("f", huge_object(1, 6 * GIB));
        let fs = common::open(&server);
        replaced_before(&server, operation, "f", "theirs".into(), || {
            let error = fs.setinfo("f", &a_change()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{operation}");
        });
        assert_eq!(bucket.get("f").unwrap().bytes(), b"theirs");
        assert!(bucket.uploads().is_empty());
    }
}

#[test]
fn metadata_that_cannot_be_sent_again_is_not_lost() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    let before = Object::new("x").header("x-amz-meta-a", "a\ttab");
    bucket.put_with("f", before.clone());
    let error = fs.setinfo("f", &a_change()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = fs.openbin("f", "a").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(outside(&bucket.get("f").unwrap()), outside(&before));
}
