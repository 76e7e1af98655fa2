//! Objects: storing and returning, conditions, ranges, checksums, encryption, tags.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use super::copies::copy;
use super::multipart::complete;
use test_server::client::{
    Call, base64, delete, get, head, hex, md5, post, put, raw, upload_parts,
};
use test_server::{Object, Server};

#[test]
fn a_stored_object_is_returned() {
    let server = Server::start();
    let reply = put(&server, "a", "hello").send().ok();
    assert_eq!(reply.header("etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    let reply = get(&server, "a").send().ok();
    assert_eq!(reply.body, b"hello");
    assert_eq!(reply.header("etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(reply.header("content-type"), "binary/octet-stream");
    assert_eq!(reply.header("content-length"), "5");
    assert_eq!(reply.header("accept-ranges"), "bytes");
    assert!(reply.header("last-modified").ends_with(" GMT"));
    assert_eq!(delete(&server, "a").send().status, 204);
    assert_eq!(delete(&server, "a").send().status, 204);
    get(&server, "a").send().refused(404, "NoSuchKey");
}

#[test]
fn get_and_head_return_the_headers_of_a_put() {
    let server = Server::start();
    let headers = [
        ("cache-control", "max-age=60"),
        ("content-disposition", "attachment"),
        ("content-encoding", "gzip"),
        ("content-language", "en"),
        ("content-type", "text/plain; charset=utf-8"),
        ("expires", "Wed, 21 Oct 2037 07:28:00 GMT"),
        ("x-amz-meta-colour", "red"),
        ("x-amz-website-redirect-location", "/elsewhere"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        (
            "x-amz-object-lock-retain-until-date",
            "2037-01-01T00:00:00Z",
        ),
        ("x-amz-object-lock-legal-hold", "ON"),
    ];
    let mut call = put(&server, "a", "x").header("x-amz-tagging", "k=v&l=w%20x");
    for (name, value) in headers {
        call = call.header(name, value);
    }
    let reply = call.send().ok();
    assert_eq!(reply.header("x-amz-server-side-encryption"), "aws:kms");
    for reply in [
        get(&server, "a").send().ok(),
        head(&server, "a").send().ok(),
    ] {
        for (name, value) in headers {
            assert_eq!(reply.header(name), value, "{name}");
        }
        assert_eq!(reply.header("x-amz-tagging-count"), "2");
        assert_eq!(reply.header("content-length"), "1");
    }
}

#[test]
fn aws_chunked_is_not_kept_as_an_encoding() {
    let server = Server::start();
    put(&server, "a", "x")
        .header("content-encoding", "aws-chunked,gzip")
        .send()
        .ok();
    assert_eq!(head(&server, "a").send().header("content-encoding"), "gzip");
}

#[test]
fn metadata_beyond_ascii_is_returned_as_an_encoded_word() {
    let server = Server::start();
    let object = Object::new("x").header("x-amz-meta-name", "ö");
    server.bucket("bucket").put_with("a", object);
    assert_eq!(
        head(&server, "a").send().header("x-amz-meta-name"),
        "=?UTF-8?B?w7Y=?="
    );
}

#[test]
fn a_body_with_a_wrong_md5_is_refused() {
    let server = Server::start();
    put(&server, "a", "x")
        .header("content-md5", base64(&md5(b"y")))
        .send()
        .refused(400, "BadDigest");
    put(&server, "a", "x")
        .header("content-md5", "nonsense")
        .send()
        .refused(400, "InvalidDigest");
    assert!(server.bucket("bucket").keys().is_empty());
    put(&server, "a", "x")
        .header("content-md5", base64(&md5(b"x")))
        .send()
        .ok();
}

#[test]
fn each_checksum_is_verified_kept_and_returned_on_request() {
    let server = Server::start();
    let sums = [
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-checksum-crc32c", "mnG7TA=="),
        ("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="),
        ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        (
            "x-amz-checksum-sha256",
            "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        ),
    ];
    for (name, sum) in sums {
        put(&server, "a", "hello").header(name, sum).send().ok();
        put(&server, "a", "other")
            .header(name, sum)
            .send()
            .refused(400, "BadDigest");
        put(&server, "a", "other")
            .header(name, "AA==")
            .send()
            .refused(400, "InvalidRequest");
        let asked = || get(&server, "a").header("x-amz-checksum-mode", "ENABLED");
        let reply = asked().send().ok();
        assert_eq!(
            (reply.header(name), reply.body.as_slice()),
            (sum, b"hello".as_slice())
        );
        assert_eq!(reply.header("x-amz-checksum-type"), "FULL_OBJECT");
        let reply = head(&server, "a")
            .header("x-amz-checksum-mode", "ENABLED")
            .send();
        assert_eq!(reply.header(name), sum);
        assert_eq!(get(&server, "a").send().header(name), "");
        assert_eq!(
            asked().unsigned("range", "bytes=0-1").send().header(name),
            ""
        );
    }
}

#[test]
fn if_none_match_protects_an_object() {
    let server = Server::start();
    put(&server, "a", "1")
        .header("if-none-match", "*")
        .send()
        .ok();
    put(&server, "a", "2")
        .header("if-none-match", "*")
        .send()
        .refused(412, "PreconditionFailed");
    assert_eq!(get(&server, "a").send().body, b"1");
}

#[test]
fn if_none_match_has_one_winner_of_eight() {
    let server = Server::start();
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let writer = |n: u8| {
            let server = &server;
            move || {
                put(server, "a", vec![n; 300_000])
                    .header("if-none-match", "*")
                    .send()
                    .status
            }
        };
        let writers: Vec<_> = (0..8).map(|n| scope.spawn(writer(n))).collect();
        writers
            .into_iter()
            .map(|writer| writer.join().expect("a status"))
            .collect()
    });
    let winner = statuses
        .iter()
        .position(|status| *status == 200)
        .expect("a winner");
    assert_eq!(
        statuses.iter().filter(|status| **status == 412).count(),
        7,
        "{statuses:?}"
    );
    assert_eq!(
        get(&server, "a").send().body[0],
        u8::try_from(winner).expect("of eight")
    );
}

#[test]
fn if_match_on_a_put_requires_the_same_version() {
    let server = Server::start();
    put(&server, "a", "1")
        .header("if-match", "\"0\"")
        .send()
        .refused(404, "NoSuchKey");
    let etag = put(&server, "a", "1").send().header("etag").to_owned();
    put(&server, "a", "2")
        .header("if-match", "\"0\"")
        .send()
        .refused(412, "PreconditionFailed");
    put(&server, "a", "2")
        .header("if-match", etag.clone())
        .send()
        .ok();
    delete(&server, "a")
        .header("if-match", etag)
        .send()
        .refused(412, "PreconditionFailed");
}

#[test]
fn conditions_on_reads_are_respected() {
    let server = Server::start();
    let reply = put(&server, "a", "1").send();
    let etag = reply.header("etag").to_owned();
    let modified = head(&server, "a").send().header("last-modified").to_owned();
    let (old, new) = (
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 2037 07:28:00 GMT",
    );
    let cases = [
        ("if-match", etag.as_str(), 200),
        ("if-match", "\"0\"", 412),
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "\"0\"", 200),
        ("if-modified-since", modified.as_str(), 304),
        ("if-modified-since", old, 200),
        ("if-unmodified-since", new, 200),
        ("if-unmodified-since", old, 412),
    ];
    for (name, value, status) in cases {
        assert_eq!(
            get(&server, "a").unsigned(name, value).send().status,
            status,
            "{name}: {value}"
        );
        assert_eq!(
            head(&server, "a").unsigned(name, value).send().status,
            status,
            "{name}: {value}"
        );
    }
    let reply = get(&server, "a")
        .unsigned("if-none-match", etag.as_str())
        .send();
    assert_eq!((reply.header("etag"), reply.body.len()), (etag.as_str(), 0));
}

#[test]
fn ranges_are_returned_as_requested() {
    let server = Server::start();
    put(&server, "a", "0123456789").send().ok();
    let cases = [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=7-99", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ];
    for (range, body, content_range) in cases {
        let reply = get(&server, "a").unsigned("range", range).send();
        assert_eq!((reply.status, reply.text()), (206, body), "{range}");
        assert_eq!(reply.header("content-range"), content_range);
        let reply = head(&server, "a").unsigned("range", range).send();
        assert_eq!(
            (reply.status, reply.header("content-range")),
            (206, content_range)
        );
        assert_eq!(reply.header("content-length"), body.len().to_string());
    }
    let reply = get(&server, "a").unsigned("range", "bytes=10-").send();
    assert_eq!(
        reply.refused(416, "InvalidRange").header("content-range"),
        "bytes */10"
    );
    put(&server, "empty", "").send().ok();
    for range in ["bytes=0-0", "bytes=0-", "bytes=-1"] {
        get(&server, "empty")
            .unsigned("range", range)
            .send()
            .refused(416, "InvalidRange");
    }
}

#[test]
fn an_unparsable_range_is_ignored() {
    let server = Server::start();
    put(&server, "a", "0123456789").send().ok();
    for range in ["bytes=0-1,4-5", "bytes=5-2", "bytes=x-", "lines=0-1"] {
        let reply = get(&server, "a").unsigned("range", range).send();
        assert_eq!((reply.status, reply.text()), (200, "0123456789"), "{range}");
    }
}

#[test]
fn a_signed_url_may_override_the_headers_of_the_response() {
    let server = Server::start();
    put(&server, "a", "x")
        .header("content-type", "text/plain")
        .send()
        .ok();
    let reply = get(&server, "a")
        .query("response-content-type", "text/html")
        .query(
            "response-content-disposition",
            "attachment; filename=\"a b\"",
        )
        .send()
        .ok();
    assert_eq!(reply.header("content-type"), "text/html");
    assert_eq!(
        reply.header("content-disposition"),
        "attachment; filename=\"a b\""
    );
}

#[test]
fn the_requested_attributes_are_returned() {
    let server = Server::start();
    let (id, body) = upload_parts(&server, "a", &[b"hello"]);
    complete(&server, "a", &id, &body).send().ok();
    let reply = get(&server, "a")
        .query("attributes", "")
        .header("x-amz-object-attributes", "ObjectSize,ObjectParts")
        .send()
        .ok();
    assert_eq!(
        (reply.xml("ObjectSize"), reply.xml("PartsCount")),
        ("5", "1"),
        "{}",
        reply.text()
    );
    assert!(reply.all_xml("ETag").is_empty() && reply.all_xml("StorageClass").is_empty());
}

#[test]
fn an_archived_object_is_described_but_not_read() {
    let server = Server::start();
    put(&server, "a", "x")
        .header("x-amz-storage-class", "GLACIER")
        .send()
        .ok();
    get(&server, "a").send().refused(403, "InvalidObjectState");
    assert_eq!(
        head(&server, "a").send().ok().header("x-amz-storage-class"),
        "GLACIER"
    );
    let restored = Object {
        restore: Some("ongoing-request=\"false\"".into()),
        ..server.bucket("bucket").get("a").expect("an object")
    };
    server.bucket("bucket").put_with("a", restored);
    let reply = get(&server, "a").send().ok();
    assert_eq!(reply.header("x-amz-restore"), "ongoing-request=\"false\"");
}

#[test]
fn an_encrypted_object_is_read_only_with_its_customer_key() {
    let server = Server::start();
    let confirmed = "x-amz-server-side-encryption-customer-key-md5";
    let reply = with_key(put(&server, "a", "x"), &[1; 32]).send().ok();
    assert_eq!(reply.header(confirmed), base64(&md5(&[1; 32])));
    get(&server, "a").send().refused(400, "InvalidRequest");
    assert_eq!(head(&server, "a").send().status, 400);
    with_key(get(&server, "a"), &[2; 32])
        .send()
        .refused(400, "InvalidRequest");
    let reply = with_key(get(&server, "a"), &[1; 32]).send().ok();
    assert_eq!(reply.text(), "x");
    assert_eq!(reply.header(confirmed), base64(&md5(&[1; 32])));
    put(&server, "plain", "x").send().ok();
    with_key(get(&server, "plain"), &[1; 32])
        .send()
        .refused(400, "InvalidRequest");
}

#[test]
fn a_copy_needs_the_customer_key_of_its_source() {
    let server = Server::start();
    with_key(put(&server, "a", "x"), &[1; 32]).send().ok();
    copy(&server, "a", "b")
        .send()
        .refused(400, "InvalidRequest");
    let key = [1; 32];
    let with_source_key = copy(&server, "a", "b")
        .header(
            "x-amz-copy-source-server-side-encryption-customer-algorithm",
            "AES256",
        )
        .header(
            "x-amz-copy-source-server-side-encryption-customer-key",
            base64(&key),
        )
        .header(
            "x-amz-copy-source-server-side-encryption-customer-key-md5",
            base64(&md5(&key)),
        );
    with_key(with_source_key, &[2; 32]).send().ok();
    with_key(get(&server, "b"), &[2; 32]).send().ok();
}

#[test]
fn a_part_needs_the_customer_key_of_its_upload() {
    let server = Server::start();
    let created = with_key(post(&server, "a", "").query("uploads", ""), &[1; 32])
        .send()
        .ok();
    let id = created.xml("UploadId");
    let part = || {
        put(&server, "a", "x")
            .query("partNumber", "1")
            .query("uploadId", id)
    };
    part().send().refused(400, "InvalidRequest");
    with_key(part(), &[1; 32]).send().ok();
}

fn with_key<'a>(call: Call<'a>, key: &[u8; 32]) -> Call<'a> {
    call.header("x-amz-server-side-encryption-customer-algorithm", "AES256")
        .header("x-amz-server-side-encryption-customer-key", base64(key))
        .header(
            "x-amz-server-side-encryption-customer-key-md5",
            base64(&md5(key)),
        )
}

#[test]
fn the_etag_of_an_object_under_a_key_is_not_its_md5() {
    let server = Server::start();
    let plain = put(&server, "a", "x")
        .header("x-amz-server-side-encryption", "AES256")
        .send()
        .ok();
    let under_key = put(&server, "b", "x")
        .header("x-amz-server-side-encryption", "aws:kms")
        .send()
        .ok();
    assert_eq!(plain.header("etag"), format!("\"{}\"", hex(&md5(b"x"))));
    assert_ne!(plain.header("etag"), under_key.header("etag"));
    assert_eq!(
        head(&server, "b").send().header("etag"),
        under_key.header("etag")
    );
}

#[test]
fn an_upload_must_have_a_length() {
    let server = Server::start();
    let url = put(&server, "a", "x").signed_url();
    let path = &url[url::Position::BeforePath..];
    let host = format!("127.0.0.1:{}", server.port());
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    );
    let reply = raw(&server, &request);
    assert!(
        reply.starts_with("HTTP/1.1 411") && reply.contains("MissingContentLength"),
        "{reply}"
    );
    assert!(server.bucket("bucket").keys().is_empty());
}

#[test]
fn an_incomplete_upload_leaves_nothing() {
    let server = Server::start();
    let url = put(&server, "a", "x").signed_url();
    let path = &url[url::Position::BeforePath..];
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
    write!(
        stream,
        "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 100\r\n\r\nonly this",
        server.port()
    )
    .expect("sent");
    while server
        .requests()
        .first()
        .is_none_or(|request| request.bytes_in < 9)
    {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(stream);
    std::thread::sleep(Duration::from_millis(50));
    assert!(server.bucket("bucket").keys().is_empty());
}

#[test]
fn a_refused_upload_that_waits_for_100_continue_sends_no_body() {
    let server = Server::start();
    put(&server, "a", "x").send().ok();
    server.take_requests();
    put(&server, "a", vec![0; 1_000_000])
        .header("if-none-match", "*")
        .unsigned("expect", "100-continue")
        .send()
        .refused(412, "PreconditionFailed");
    assert_eq!(server.requests()[0].bytes_in, 0);
}

#[test]
fn tags_are_kept_replaced_and_removed() {
    let server = Server::start();
    put(&server, "a", "x")
        .header("x-amz-tagging", "k=v")
        .send()
        .ok();
    let reply = get(&server, "a").query("tagging", "").send().ok();
    assert_eq!((reply.xml("Key"), reply.xml("Value")), ("k", "v"));
    let tags = "<Tagging><TagSet><Tag><Key>l</Key><Value>w</Value></Tag></TagSet></Tagging>";
    put(&server, "a", tags)
        .query("tagging", "")
        .header("content-md5", base64(&md5(tags.as_bytes())))
        .send()
        .ok();
    let reply = get(&server, "a").query("tagging", "").send().ok();
    assert_eq!((reply.all_xml("Key"), reply.xml("Value")), (vec!["l"], "w"));
    assert_eq!(delete(&server, "a").query("tagging", "").send().status, 204);
    assert!(
        server
            .bucket("bucket")
            .get("a")
            .expect("an object")
            .tags
            .is_empty()
    );
    get(&server, "b")
        .query("tagging", "")
        .send()
        .refused(404, "NoSuchKey");
}
