//! Multipart uploads.

use super::copies::copy;
use test_server::Server;
use test_server::client::{Call, delete, get, head, post, put, upload_parts};

pub fn complete<'a>(server: &'a Server, key: &str, id: &str, body: &str) -> Call<'a> {
    post(server, key, body).query("uploadId", id)
}

#[test]
fn completed_parts_become_an_object() {
    let server = Server::builder().min_part_size(4).start();
    let (id, body) = upload_parts(&server, "a", &[b"0123", b"4567", b"8"]);
    assert_eq!(server.bucket("bucket").uploads().len(), 1);
    let listed = get(&server, "a").query("uploadId", &id).send().ok();
    assert_eq!(listed.all_xml("PartNumber"), ["1", "2", "3"]);
    let page = get(&server, "a")
        .query("uploadId", &id)
        .query("max-parts", "2")
        .send()
        .ok();
    assert_eq!(
        (
            page.all_xml("PartNumber").len(),
            page.xml("IsTruncated"),
            page.xml("NextPartNumberMarker")
        ),
        (2, "true", "2")
    );
    assert_eq!(
        get(&server, "")
            .query("uploads", "")
            .send()
            .ok()
            .xml("UploadId"),
        id
    );
    get(&server, "a").send().refused(404, "NoSuchKey");

    let reply = complete(&server, "a", &id, &body).send().ok();
    assert!(reply.xml("ETag").ends_with("-3&quot;"), "{}", reply.text());
    let reply = get(&server, "a").send().ok();
    assert_eq!(reply.body, b"012345678");
    assert!(reply.header("etag").ends_with("-3\""));
    let reply = get(&server, "a").query("partNumber", "2").send();
    assert_eq!(
        (
            reply.status,
            reply.text(),
            reply.header("x-amz-mp-parts-count")
        ),
        (206, "4567", "3")
    );
    get(&server, "a")
        .query("partNumber", "4")
        .send()
        .refused(416, "InvalidPartNumber");
    assert!(server.bucket("bucket").uploads().is_empty());
    complete(&server, "a", &id, &body)
        .send()
        .refused(404, "NoSuchUpload");
}

#[test]
fn a_completion_must_list_existing_parts_in_order_and_of_sufficient_size() {
    let server = Server::start();
    let (id, body) = upload_parts(&server, "a", &[b"0123", b"4"]);
    complete(&server, "a", &id, &body)
        .send()
        .refused(400, "EntityTooSmall");
    let reversed = body.replace("Number>1<", "Number>3<");
    complete(&server, "a", &id, &reversed)
        .send()
        .refused(400, "InvalidPart");
    let twice = body.replace("Number>2<", "Number>1<");
    complete(&server, "a", &id, &twice)
        .send()
        .refused(400, "InvalidPartOrder");
    complete(
        &server,
        "a",
        &id,
        "<CompleteMultipartUpload></CompleteMultipartUpload>",
    )
    .send()
    .refused(400, "MalformedXML");
    complete(&server, "a", "nonsense", &body)
        .send()
        .refused(404, "NoSuchUpload");
    put(&server, "a", "x")
        .query("partNumber", "10001")
        .query("uploadId", &id)
        .send()
        .refused(400, "InvalidArgument");
    assert_eq!(
        delete(&server, "a").query("uploadId", &id).send().status,
        204
    );
    delete(&server, "a")
        .query("uploadId", &id)
        .send()
        .refused(404, "NoSuchUpload");
    put(&server, "a", "x")
        .query("partNumber", "1")
        .query("uploadId", &id)
        .send()
        .refused(404, "NoSuchUpload");
    assert!(server.bucket("bucket").keys().is_empty());
}

#[test]
fn a_completion_respects_if_none_match() {
    let server = Server::start();
    let (id, body) = upload_parts(&server, "a", &[b"new"]);
    put(&server, "a", "old").send().ok();
    complete(&server, "a", &id, &body)
        .header("if-none-match", "*")
        .send()
        .refused(412, "PreconditionFailed");
    assert_eq!(get(&server, "a").send().body, b"old");
    delete(&server, "a").send().ok();
    complete(&server, "a", &id, &body)
        .header("if-none-match", "*")
        .send()
        .ok();
    assert_eq!(get(&server, "a").send().body, b"new");
}

#[test]
fn an_upload_keeps_the_properties_of_its_creation() {
    let server = Server::start();
    let created = post(&server, "a", "")
        .query("uploads", "")
        .header("content-type", "text/plain")
        .header("x-amz-meta-colour", "red")
        .header("x-amz-tagging", "k=v")
        .header("x-amz-storage-class", "STANDARD_IA")
        .header("x-amz-checksum-algorithm", "CRC32")
        .send()
        .ok();
    let id = created.xml("UploadId").to_owned();
    let part = put(&server, "a", "hello")
        .query("partNumber", "1")
        .query("uploadId", &id)
        .send()
        .ok();
    assert_eq!(part.header("x-amz-checksum-crc32"), "NhCmhg==");
    let body = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.header("etag")
    );
    let reply = complete(&server, "a", &id, &body).send().ok();
    assert!(
        reply.xml("ChecksumCRC32").ends_with("-1"),
        "{}",
        reply.text()
    );
    let reply = head(&server, "a")
        .header("x-amz-checksum-mode", "ENABLED")
        .send()
        .ok();
    assert_eq!(
        (
            reply.header("content-type"),
            reply.header("x-amz-meta-colour")
        ),
        ("text/plain", "red")
    );
    assert_eq!(
        (
            reply.header("x-amz-tagging-count"),
            reply.header("x-amz-storage-class")
        ),
        ("1", "STANDARD_IA")
    );
    assert_eq!(reply.header("x-amz-checksum-type"), "COMPOSITE");
}

#[test]
fn a_part_can_be_copied_from_an_object() {
    let server = Server::start();
    put(&server, "from", "0123456789").send().ok();
    let created = post(&server, "a", "").query("uploads", "").send().ok();
    let id = created.xml("UploadId").to_owned();
    let part = |range: &str| {
        copy(&server, "from", "a")
            .query("partNumber", "1")
            .query("uploadId", &id)
            .header("x-amz-copy-source-range", range)
    };
    part("bytes=5-10").send().refused(400, "InvalidArgument");
    part("bytes=5-").send().refused(400, "InvalidArgument");
    part("bytes=2-4")
        .header("x-amz-copy-source-if-match", "\"0\"")
        .send()
        .refused(412, "PreconditionFailed");
    let copied = part("bytes=2-4").send().ok();
    let body = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        copied.xml("ETag")
    );
    complete(&server, "a", &id, &body).send().ok();
    assert_eq!(get(&server, "a").send().body, b"234");
}
