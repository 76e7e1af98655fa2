//! Permissions: signatures, regions, tokens, anonymous readers.

use std::time::{Duration, SystemTime};

use test_server::client::{delete, get, list, put, raw};
use test_server::{Fault, Rule, Server};

#[test]
fn a_wrong_secret_is_refused() {
    let server = Server::start();
    let mut call = get(&server, "a");
    call.secret_key = "wrong".into();
    call.send().refused(403, "SignatureDoesNotMatch");
}

#[test]
fn an_unknown_access_key_is_refused() {
    let server = Server::start();
    let mut call = get(&server, "a");
    call.access_key = "AKIAUNKNOWN".into();
    call.send().refused(403, "InvalidAccessKeyId");
}

#[test]
fn a_changed_request_is_refused() {
    let server = Server::start();
    let call = get(&server, "a");
    let url = call.signed_url().as_str().replace("/bucket/a", "/bucket/b");
    call.try_send(&url)
        .expect("an answer")
        .refused(403, "SignatureDoesNotMatch");
}

#[test]
fn an_expired_url_is_refused() {
    let server = Server::start();
    let mut call = get(&server, "a");
    call.at = SystemTime::now() - Duration::from_secs(600);
    let reply = call.send().refused(403, "AccessDenied");
    assert_eq!(reply.xml("Message"), "Request has expired");
}

#[test]
fn a_url_from_the_future_is_refused() {
    let server = Server::start();
    let mut call = get(&server, "a");
    call.at = SystemTime::now() + Duration::from_secs(3600);
    let reply = call.send().refused(403, "AccessDenied");
    assert_eq!(reply.xml("Message"), "Request is not valid yet");
    let mut call = get(&server, "a");
    call.at = SystemTime::now() + Duration::from_secs(600);
    call.send().refused(404, "NoSuchKey");
}

#[test]
fn a_server_uses_its_own_clock_and_sends_its_date() {
    for ahead in [3600, -3600] {
        let server = Server::builder().clock_ahead(ahead).start();
        server.bucket("bucket").put("a b//ö", "x");
        let reply = get(&server, "a b//ö").send().refused(403, "AccessDenied");
        let hour = Duration::from_secs(3600);
        let theirs = if ahead > 0 {
            SystemTime::now() + hour
        } else {
            SystemTime::now() - hour
        };
        let said = httpdate(reply.header("date"));
        let apart = |a: SystemTime, b: SystemTime| a.max(b).duration_since(a.min(b)).unwrap();
        assert!(apart(said, theirs) < Duration::from_secs(60), "{ahead}");

        let mut call = get(&server, "a b//ö")
            .query("response-content-type", "text/x+y z")
            .header("x-amz-checksum-mode", "ENABLED");
        call.at = theirs;
        assert_eq!(call.send().ok().body, b"x");
        let mut call = get(&server, "a b//ö");
        (call.at, call.secret_key) = (theirs, "wrong".into());
        assert_eq!(call.send().status, 403);
        server.set_clock_ahead(0);
        get(&server, "a b//ö").send().ok();
    }
}

fn httpdate(text: &str) -> SystemTime {
    use s3s::dto::{Timestamp, TimestampFormat};
    let date = Timestamp::parse(TimestampFormat::HttpDate, text).expect("a date");
    time::OffsetDateTime::from(date).into()
}

#[test]
fn scripted_responses_have_the_date_of_the_server() {
    let server = Server::builder().clock_ahead(-86_400).start();
    server
        .faults()
        .add(Rule::any(), Fault::error(403, "RequestTimeTooSkewed"));
    let reply = get(&server, "a").send();
    assert!(httpdate(reply.header("date")) < SystemTime::now() - Duration::from_secs(86_000));
}

#[test]
fn credentials_expire_and_are_replaced() {
    let server = Server::builder().token("token").start();
    server.bucket("bucket").put("a", "x");
    server.add_credentials("AKIANEW", "new secret", Some("new token"));
    let renewed = |token: &str| {
        let mut call = get(&server, "a");
        call.access_key = "AKIANEW".into();
        call.secret_key = "new secret".into();
        call.token = Some(token.into());
        call.send()
    };
    get(&server, "a").send().ok();
    renewed("new token").ok();
    server.expire_token();
    get(&server, "a").send().refused(400, "ExpiredToken");
    renewed("new token").ok();
    renewed("token").refused(400, "InvalidToken");
}

#[test]
fn a_url_for_more_than_a_week_is_refused() {
    let server = Server::start();
    let mut call = get(&server, "a");
    call.expires = 604_801;
    call.send()
        .refused(400, "AuthorizationQueryParametersError");
    let mut call = get(&server, "a");
    call.expires = 604_800;
    call.send().refused(404, "NoSuchKey");
}

#[test]
fn a_wrong_region_is_refused_with_the_right_one() {
    let server = Server::builder().region("eu-west-1").start();
    let mut call = get(&server, "a");
    call.region = "us-east-1".into();
    let reply = call
        .send()
        .refused(400, "AuthorizationQueryParametersError");
    assert_eq!(reply.xml("Region"), "eu-west-1");
    assert_eq!(reply.header("x-amz-bucket-region"), "eu-west-1");
    assert_eq!(
        reply.xml("Message"),
        "Error parsing the X-Amz-Credential parameter; the region 'us-east-1' is wrong; expecting 'eu-west-1'"
    );
    get(&server, "a").send().refused(404, "NoSuchKey");
}

#[test]
fn a_wrong_region_in_a_signed_header_is_malformed() {
    let server = Server::builder().region("eu-west-1").start();
    let scope = "20260101/us-east-1/s3/aws4_request";
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host, Signature=00",
        server.access_key()
    );
    let reply = get(&server, "a")
        .unsigned("authorization", authorization)
        .send_anonymous()
        .refused(400, "AuthorizationHeaderMalformed");
    assert_eq!(reply.xml("Region"), "eu-west-1");
}

#[test]
fn a_session_token_is_required_when_the_credentials_are_temporary() {
    let server = Server::builder().token("token").start();
    put(&server, "a", "x").send().ok();
    let mut call = get(&server, "a");
    call.token = None;
    call.send().refused(400, "InvalidToken");
    let mut call = get(&server, "a");
    call.token = Some("other".into());
    call.send().refused(400, "InvalidToken");
}

#[test]
fn an_unsigned_amz_header_is_refused() {
    let server = Server::start();
    let reply = put(&server, "a", "x")
        .unsigned("x-amz-acl", "private")
        .send()
        .refused(403, "AccessDenied");
    assert_eq!(reply.xml("HeadersNotSigned"), "x-amz-acl");
    put(&server, "a", "x")
        .header("x-amz-acl", "private")
        .send()
        .ok();
}

#[test]
fn anonymous_requests_may_read_only_public_buckets() {
    let server = Server::start();
    get(&server, "a")
        .send_anonymous()
        .refused(403, "AccessDenied");

    let server = Server::builder().public_read(true).start();
    server.bucket("bucket").put("a", "x");
    assert_eq!(get(&server, "a").send_anonymous().ok().body, b"x");
    assert_eq!(list(&server).send_anonymous().ok().xml("Key"), "a");
    put(&server, "a", "y")
        .send_anonymous()
        .refused(403, "AccessDenied");
    delete(&server, "a")
        .send_anonymous()
        .refused(403, "AccessDenied");
}

#[test]
fn a_bucket_can_be_in_the_host_name() {
    let server = Server::builder().public_read(true).start();
    server.bucket("bucket").put("a//b", "x");
    let request = format!(
        "GET /a//b HTTP/1.1\r\nHost: bucket.localhost:{}\r\nConnection: close\r\n\r\n",
        server.port()
    );
    assert!(raw(&server, &request).ends_with("\r\n\r\nx"));
    let requests = server.requests();
    assert_eq!(
        (requests[0].bucket.as_str(), requests[0].key.as_str()),
        ("bucket", "a//b")
    );
}
