//! The server itself: its start and end, its log, the headers of every response.

use test_server::Server;
use test_server::client::{agent, delete, get, head, list, put, raw};

#[test]
fn twenty_servers_start_and_stop() {
    for _ in 0..20 {
        let server = Server::start();
        assert_eq!(get(&server, "a").send().status, 404);
    }
}

#[test]
fn the_log_has_the_requests_and_responses() {
    let server = Server::start();
    put(&server, "a b/ö", "12345")
        .header("x-amz-meta-colour", "red")
        .send()
        .ok();
    get(&server, "a b/ö")
        .unsigned("range", "bytes=1-2")
        .send()
        .ok();
    list(&server).query("prefix", "a b/").send().ok();

    let requests = server.take_requests();
    let operations: Vec<_> = requests.iter().map(|request| request.operation).collect();
    assert_eq!(operations, ["PutObject", "GetObject", "ListObjectsV2"]);
    let [put, get, list] = &requests[..] else {
        unreachable!()
    };
    assert_eq!(
        (put.method.as_str(), put.path.as_str()),
        ("PUT", "/bucket/a%20b/%C3%B6")
    );
    assert_eq!((put.bucket.as_str(), put.key.as_str()), ("bucket", "a b/ö"));
    assert_eq!((put.bytes_in, put.bytes_out, put.status), (5, 0, Some(200)));
    assert_eq!(put.header("x-amz-meta-colour"), Some("red"));
    assert_eq!((get.bytes_in, get.bytes_out, get.status), (0, 2, Some(206)));
    assert!(get.query.is_empty(), "{:?}", get.query);
    assert_eq!(list.query("prefix"), Some("a b/"));
    assert!(server.requests().is_empty());
}

#[test]
fn the_log_has_the_s3_name_of_each_operation() {
    let server = Server::start();
    server.bucket("bucket").put("k", "x");
    let sent = [
        ("ListBuckets", get(&server, "").bucket("").send()),
        ("HeadBucket", head(&server, "").send()),
        (
            "GetBucketLocation",
            get(&server, "").query("location", "").send(),
        ),
        (
            "ListMultipartUploads",
            get(&server, "").query("uploads", "").send(),
        ),
        (
            "ListObjectVersions",
            get(&server, "").query("versions", "").send(),
        ),
        (
            "GetBucketVersioning",
            get(&server, "").query("versioning", "").send(),
        ),
        (
            "GetObjectTagging",
            get(&server, "k").query("tagging", "").send(),
        ),
        ("HeadObject", head(&server, "k").send()),
        (
            "DeleteObjectTagging",
            delete(&server, "k").query("tagging", "").send(),
        ),
        ("DeleteObject", delete(&server, "k").send()),
        ("CreateBucket", put(&server, "", "").bucket("other").send()),
        ("DeleteBucket", delete(&server, "").bucket("other").send()),
    ];
    let logged = server.requests();
    assert_eq!(logged.len(), sent.len());
    for ((name, reply), request) in sent.into_iter().zip(logged) {
        assert_eq!(name, request.operation);
        reply.ok();
    }
}

#[test]
fn a_kept_alive_connection_is_counted_once() {
    let server = Server::start();
    let agent = agent();
    for _ in 0..5 {
        let call = put(&server, "a", "x");
        call.try_send_with(&agent, call.signed_url().as_str())
            .expect("an answer")
            .ok();
    }
    assert_eq!(server.connections(), 1);
    put(&server, "a", "x").send().ok();
    assert_eq!(server.connections(), 2);
    assert_eq!(
        server.requests().last().map(|request| request.connection),
        Some(2)
    );
}

#[test]
fn a_refused_upload_keeps_its_connection() {
    let server = Server::start();
    let agent = agent();
    for _ in 0..20 {
        let call = put(&server, "a", vec![0; 500_000]).bucket("nowhere");
        let sent = call.try_send_with(&agent, call.signed_url().as_str());
        sent.expect("an answer").refused(404, "NoSuchBucket");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn every_response_has_ids_a_date_and_the_server_name_of_amazon() {
    let server = Server::start();
    for reply in [
        get(&server, "a").send(),
        put(&server, "a", "x").send(),
        head(&server, "b").send(),
    ] {
        assert_eq!(reply.header("x-amz-request-id").len(), 16);
        assert!(!reply.header("x-amz-id-2").is_empty());
        assert_eq!(reply.header("server"), "AmazonS3");
        assert!(reply.header("date").ends_with(" GMT"));
    }
}

#[test]
fn an_error_document_has_code_message_resource_and_ids() {
    let server = Server::start();
    let reply = get(&server, "a").send().refused(404, "NoSuchKey");
    assert_eq!(reply.header("content-type"), "application/xml");
    assert_eq!(reply.xml("Message"), "The specified key does not exist.");
    assert_eq!(reply.xml("Resource"), "/bucket/a");
    assert_eq!(reply.xml("RequestId"), reply.header("x-amz-request-id"));
    assert_eq!(reply.xml("HostId"), reply.header("x-amz-id-2"));
}

#[test]
fn the_error_of_a_head_has_no_body() {
    let server = Server::start();
    let reply = head(&server, "a").send();
    assert_eq!((reply.status, reply.body.len()), (404, 0));
    assert_eq!(head(&server, "").bucket("nowhere").send().status, 404);
    let reply = raw(
        &server,
        "HEAD /bucket/a HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    );
    assert!(
        reply.starts_with("HTTP/1.1 403") && reply.ends_with("\r\n\r\n"),
        "{reply}"
    );
}
