//! CopyObject.

use super::keys::odd_keys;
use test_server::client::{Call, delete, encode, get, put};
use test_server::{Server, Shape};

pub fn copy<'a>(server: &'a Server, from: &str, to: &str) -> Call<'a> {
    put(server, to, "").header("x-amz-copy-source", format!("bucket/{}", encode(from)))
}

#[test]
fn a_copy_keeps_metadata_and_tags_but_not_the_storage_class() {
    let server = Server::start();
    put(&server, "a", "x")
        .header("content-type", "text/plain")
        .header("x-amz-meta-colour", "red")
        .header("x-amz-tagging", "k=v")
        .header("x-amz-storage-class", "STANDARD_IA")
        .send()
        .ok();
    let reply = copy(&server, "a", "b").send().ok();
    assert_eq!(
        reply.xml("ETag"),
        "&quot;9dd4e461268c8034f5c8564e155c67a6&quot;"
    );
    let copied = server.bucket("bucket").get("b").expect("a copy");
    assert_eq!(
        (
            copied.headers["content-type"].as_str(),
            copied.headers["x-amz-meta-colour"].as_str()
        ),
        ("text/plain", "red")
    );
    assert_eq!(
        (copied.tags.len(), copied.storage_class.as_str()),
        (1, "STANDARD")
    );

    copy(&server, "a", "c")
        .header("x-amz-metadata-directive", "REPLACE")
        .header("x-amz-tagging-directive", "REPLACE")
        .header("x-amz-meta-size", "small")
        .header("x-amz-storage-class", "STANDARD_IA")
        .send()
        .ok();
    let copied = server.bucket("bucket").get("c").expect("a copy");
    assert_eq!(
        (
            copied.headers["content-type"].as_str(),
            copied.headers["x-amz-meta-size"].as_str()
        ),
        ("binary/octet-stream", "small")
    );
    assert!(copied.tags.is_empty() && !copied.headers.contains_key("x-amz-meta-colour"));
    assert_eq!(copied.storage_class, "STANDARD_IA");
}

#[test]
fn odd_keys_can_be_copied() {
    let server = Server::start();
    for key in odd_keys() {
        server.bucket("bucket").put(&key, key.clone());
        copy(&server, &key, "copy").send().ok();
        assert_eq!(
            server.bucket("bucket").get("copy").expect("a copy").bytes(),
            key.as_bytes()
        );
    }
}

#[test]
fn a_copy_onto_itself_must_change_something() {
    let server = Server::start();
    put(&server, "a", "x").send().ok();
    copy(&server, "a", "a")
        .send()
        .refused(400, "InvalidRequest");
    copy(&server, "a", "a")
        .header("x-amz-metadata-directive", "REPLACE")
        .send()
        .ok();
    copy(&server, "a", "a")
        .header("x-amz-storage-class", "STANDARD_IA")
        .send()
        .ok();
}

#[test]
fn copies_respect_conditions_on_source_and_target() {
    let server = Server::start();
    let etag = put(&server, "a", "x").send().header("etag").to_owned();
    put(&server, "b", "y").send().ok();
    copy(&server, "absent", "c")
        .send()
        .refused(404, "NoSuchKey");
    copy(&server, "a", "c")
        .header("x-amz-copy-source-if-match", "\"0\"")
        .send()
        .refused(412, "PreconditionFailed");
    copy(&server, "a", "c")
        .header("x-amz-copy-source-if-none-match", etag.clone())
        .send()
        .refused(412, "PreconditionFailed");
    copy(&server, "a", "b")
        .header("if-none-match", "*")
        .send()
        .refused(412, "PreconditionFailed");
    copy(&server, "a", "b")
        .header("if-match", "\"0\"")
        .send()
        .refused(412, "PreconditionFailed");
    assert_eq!(server.bucket("bucket").keys(), ["a", "b"]);
    copy(&server, "a", "c")
        .header("x-amz-copy-source-if-match", etag)
        .header("if-none-match", "*")
        .send()
        .ok();
}

#[test]
fn more_than_five_gib_is_not_copied_with_one_request() {
    let server = Server::start();
    server.bucket("bucket").put_synthetic("a", 1, (5 << 30) + 1);
    copy(&server, "a", "b")
        .send()
        .refused(400, "InvalidRequest");
    server.bucket("bucket").put_synthetic("a", 1, 5 << 30);
    copy(&server, "a", "b").send().ok();
    assert_eq!(
        server.bucket("bucket").get("b").expect("a copy").len(),
        5 << 30
    );
}

#[test]
fn numbered_objects_are_copied_and_deleted_without_being_stored() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.number_as("tree/", 1500, Shape::Directories);
    bucket.room_for("copy/", 1500, Shape::Directories);
    bucket.put("copy/beside", "x");
    assert_eq!((bucket.count("tree/"), bucket.count("copy/")), (1500, 1));
    let (from, to) = ("tree/d001/f499", "copy/d001/f499");
    copy(&server, from, to).send().ok();
    assert_eq!(get(&server, to).send().ok().text(), "content");
    assert_eq!((bucket.count(to), bucket.count("copy/d001/")), (1, 1));
    // Other content is stored.
    put(&server, to, "another").send().ok();
    assert_eq!(bucket.get(to).expect("an object").bytes(), b"another");
    assert_eq!(bucket.count("copy/"), 2);
    copy(&server, from, to).send().ok();
    assert_eq!(bucket.get(to).expect("an object").bytes(), b"content");
    for key in [from, to] {
        delete(&server, key).send().ok();
        get(&server, key).send().refused(404, "NoSuchKey");
    }
    assert_eq!((bucket.count("tree/"), bucket.count("copy/")), (1499, 1));
}
