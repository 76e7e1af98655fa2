//! Stores that are not AWS: headers that they ignore or refuse, and their own requirements.

use super::copies::copy;
use test_server::client::{delete, get, post, put, upload_parts};
use test_server::{Guarded, Server};

#[test]
fn conditions_can_be_ignored_or_refused_for_each_kind_of_request() {
    use Guarded::{Complete, Copy, CopySource, Delete, Put};
    let all = [Put, Complete, Copy, CopySource, Delete];
    for (server, wanted) in [
        (Server::start(), [412; 5]),
        (
            Server::builder().ignore_conditions(all).start(),
            [200, 200, 200, 200, 204],
        ),
        (Server::builder().refuse_conditions(all).start(), [501; 5]),
        (
            Server::builder().ignore_conditions([Copy, Delete]).start(),
            [412, 412, 200, 412, 204],
        ),
    ] {
        for key in ["put", "complete", "copy", "source", "delete"] {
            server.bucket("bucket").put(key, "old");
        }
        let (id, parts) = upload_parts(&server, "complete", &[b"new"]);
        let calls = [
            put(&server, "put", "new").header("if-none-match", "*"),
            post(&server, "complete", parts)
                .query("uploadId", &id)
                .header("if-none-match", "*"),
            copy(&server, "source", "copy").header("if-none-match", "*"),
            copy(&server, "source", "target").header("x-amz-copy-source-if-match", "\"other\""),
            delete(&server, "delete").unsigned("if-match", "\"other\""),
        ];
        assert_eq!(calls.map(|call| call.send().status), wanted);
    }
}

#[test]
fn a_quoted_etag_may_match_nothing() {
    let server = Server::builder().quoted_etags_never_match(true).start();
    server.bucket("bucket").put("a", "old");
    let etag = server.bucket("bucket").get("a").expect("an object").etag;
    let quoted = format!("\"{etag}\"");
    get(&server, "a")
        .unsigned("if-match", quoted.clone())
        .send()
        .ok();
    put(&server, "a", "new")
        .header("if-match", quoted)
        .send()
        .refused(412, "PreconditionFailed");
    put(&server, "a", "new")
        .header("if-match", etag)
        .send()
        .ok();
}

#[test]
fn a_store_may_require_every_part_in_a_completion_and_hide_the_etag() {
    let server = Server::builder().min_part_size(1).like_radosgw().start();
    let (id, all) = upload_parts(&server, "a", &[b"1", b"2", b"3"]);
    let complete = |parts: &str| post(&server, "a", parts).query("uploadId", &id).send();
    let (first, _) = all.rsplit_once("<Part>").expect("parts");
    complete(&format!("{first}</CompleteMultipartUpload>")).refused(400, "InvalidPart");
    let reply = complete(&all).ok();
    assert!(reply.text().contains("<ETag>") && reply.xml("ETag").replace("&quot;", "").is_empty());
    assert_eq!(get(&server, "a").send().body, b"123");
}

#[test]
fn a_store_may_lack_multipart_uploads() {
    let server = Server::builder().without_multipart(true).start();
    post(&server, "a", "")
        .query("uploads", "")
        .send()
        .refused(501, "NotImplemented");
    put(&server, "a", "x").send().ok();
}
