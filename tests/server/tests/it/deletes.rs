//! DeleteObjects.

use super::listings::stock;
use test_server::Server;
use test_server::client::{Call, base64, md5, post};

fn delete_many<'a>(server: &'a Server, body: &str) -> Call<'a> {
    post(server, "", body).query("delete", "")
}

fn delete_body(keys: &[&str], quiet: bool) -> String {
    let objects: String = keys
        .iter()
        .map(|key| format!("<Object><Key>{key}</Key></Object>"))
        .collect();
    format!("<Delete><Quiet>{quiet}</Quiet>{objects}</Delete>")
}

#[test]
fn many_keys_are_deleted_and_each_failure_is_reported() {
    let server = Server::start();
    stock(&server, &["a", "b", "c", "locked"]);
    server.bucket("bucket").refuse_delete("locked");
    let body = delete_body(&["a", "locked", "absent"], false);
    let reply = delete_many(&server, &body)
        .header("content-md5", base64(&md5(body.as_bytes())))
        .send()
        .ok();
    assert_eq!(
        reply.all_xml("Deleted"),
        ["<Key>a</Key>", "<Key>absent</Key>"]
    );
    assert_eq!(reply.all_xml("Code"), ["AccessDenied"]);
    let body = delete_body(&["b", "locked"], true);
    let reply = delete_many(&server, &body)
        .header("content-md5", base64(&md5(body.as_bytes())))
        .send()
        .ok();
    assert_eq!(
        (reply.all_xml("Deleted").len(), reply.all_xml("Error").len()),
        (0, 1)
    );
    assert_eq!(server.bucket("bucket").keys(), ["c", "locked"]);
}

#[test]
fn keys_that_xml_cannot_carry_are_not_deleted_in_bulk() {
    let server = Server::start();
    for key in ["a\u{1}", "a&#x1;"] {
        let body = delete_body(&[key], false);
        delete_many(&server, &body)
            .header("content-md5", base64(&md5(body.as_bytes())))
            .send()
            .refused(400, "MalformedXML");
    }
}

#[test]
fn a_bulk_delete_needs_a_correct_digest() {
    let server = Server::start();
    stock(&server, &["a"]);
    let body = delete_body(&["a"], false);
    delete_many(&server, &body)
        .send()
        .refused(400, "InvalidRequest");
    delete_many(&server, &body)
        .header("content-md5", base64(&md5(b"other")))
        .send()
        .refused(400, "BadDigest");
    delete_many(&server, &body)
        .header("x-amz-checksum-crc32", "AAAAAA==")
        .send()
        .refused(400, "BadDigest");
    assert_eq!(server.bucket("bucket").keys(), ["a"]);
}

#[test]
fn a_bulk_delete_takes_at_most_a_thousand_keys() {
    let server = Server::start();
    let body = delete_body(&vec!["a"; 1001], false);
    delete_many(&server, &body)
        .header("content-md5", base64(&md5(body.as_bytes())))
        .send()
        .refused(400, "MalformedXML");
}
