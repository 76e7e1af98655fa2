//! Faults on demand.

use std::time::{Duration, Instant};

use super::copies::copy;
use test_server::client::{agent, get, put, raw_bytes, raw_get};
use test_server::{Answer, Fault, LoggedRequest, Rule, SECRET_KEY, Server, synthetic_bytes};

#[test]
fn an_error_replaces_only_the_nth_response() {
    let server = Server::start();
    let slow = Answer::error(503, "SlowDown").header("retry-after", "1");
    server.faults().add(
        Rule::on("PutObject").key("a").nth(2).times(2),
        Fault::Answer(slow),
    );
    put(&server, "b", "x").send().ok();
    put(&server, "a", "1").send().ok();
    for _ in 0..2 {
        let reply = put(&server, "a", "2").send().refused(503, "SlowDown");
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert_eq!(get(&server, "a").send().body, b"1");
    assert_eq!(server.faults().pending(), 0);
    put(&server, "a", "3").send().ok();
}

#[test]
fn an_error_can_come_with_status_200() {
    let server = Server::start();
    put(&server, "a", "x").send().ok();
    server
        .faults()
        .add(Rule::on("CopyObject"), Fault::error(200, "InternalError"));
    let reply = copy(&server, "a", "b").send();
    assert_eq!((reply.status, reply.xml("Code")), (200, "InternalError"));
    assert_eq!(server.bucket("bucket").keys(), ["a"]);
}

#[test]
fn faults_apply_to_the_requests_that_match_their_rule() {
    let server = Server::start();
    let second_part = |request: &LoggedRequest| request.query("partNumber") == Some("2");
    server.faults().add(
        Rule::any().when(second_part).always(),
        Fault::error(500, "InternalError"),
    );
    put(&server, "a", "x")
        .query("partNumber", "1")
        .query("uploadId", "u")
        .send()
        .refused(404, "NoSuchUpload");
    put(&server, "a", "x")
        .query("partNumber", "2")
        .query("uploadId", "u")
        .send()
        .refused(500, "InternalError");
    server.faults().clear();
    put(&server, "a", "x")
        .query("partNumber", "2")
        .query("uploadId", "u")
        .send()
        .refused(404, "NoSuchUpload");
}

#[test]
fn any_response_can_be_scripted() {
    let server = Server::start();
    server.faults().add(
        Rule::any(),
        Fault::Answer(Answer::html(502, "<html>bad gateway</html>")),
    );
    let reply = get(&server, "a").send();
    assert_eq!(
        (reply.status, reply.text()),
        (502, "<html>bad gateway</html>")
    );
    assert_eq!(reply.header("x-amz-request-id"), "");
}

#[test]
fn a_fault_with_a_response_keeps_the_connection() {
    let server = Server::start();
    server
        .faults()
        .add(Rule::any().times(2), Fault::error(500, "InternalError"));
    let agent = agent();
    for _ in 0..3 {
        let call = put(&server, "a", vec![0; 100_000]);
        let sent = call.try_send_with(&agent, call.signed_url().as_str());
        sent.expect("an answer");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_request_dropped_before_has_no_effect_and_one_dropped_after_has() {
    let server = Server::start();
    server
        .faults()
        .add(Rule::on("PutObject").key("before"), Fault::DropBefore);
    server
        .faults()
        .add(Rule::on("PutObject").key("after"), Fault::DropAfter);
    for key in ["before", "after"] {
        let call = put(&server, key, "x");
        assert!(call.try_send(call.signed_url().as_str()).is_err());
    }
    assert_eq!(server.bucket("bucket").keys(), ["after"]);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.status.is_none())
    );
}

#[test]
fn a_truncated_body_is_shorter_than_declared() {
    for at in [0, 100_000, 3_000_000] {
        truncated_at(at);
    }
}

fn truncated_at(at: u64) {
    let server = Server::start();
    server.bucket("bucket").put_synthetic("a", 1, 4_000_000);
    server
        .faults()
        .add(Rule::on("GetObject"), Fault::Truncate(at));
    let reply = raw_bytes(&server, &raw_get(&server, "a"));
    let split = reply
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head")
        + 4;
    let head = String::from_utf8_lossy(&reply[..split]).to_lowercase();
    assert!(head.contains("content-length: 4000000\r\n"), "{head}");
    let sent = usize::try_from(at).expect("a small number");
    assert!(
        reply[split..] == synthetic_bytes(1, 0, sent),
        "{} bytes",
        reply.len() - split
    );
    assert_eq!(server.requests()[0].bytes_out, at);
}

#[test]
fn delays_and_stalls_last_as_long_as_configured() {
    let server = Server::start();
    server.bucket("bucket").put("a", "0123456789");
    server.faults().add(
        Rule::on("GetObject"),
        Fault::Delay(Duration::from_millis(100)),
    );
    let start = Instant::now();
    get(&server, "a").send().ok();
    assert!(start.elapsed() >= Duration::from_millis(100));

    for fault in [Fault::Stall, Fault::StallBody(5)] {
        server.faults().add(Rule::on("GetObject"), fault);
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_millis(200)))
            .build()
            .new_agent();
        let call = get(&server, "a");
        let sent = call.try_send_with(&agent, call.signed_url().as_str());
        assert!(matches!(sent, Err(ureq::Error::Timeout(_))), "a timeout");
    }
    let stopping = Instant::now();
    drop(server);
    assert!(stopping.elapsed() < Duration::from_secs(120));
}

#[test]
fn the_secret_is_not_in_the_log() {
    let server = Server::start();
    get(&server, "a").send();
    assert!(!format!("{:?}", server.requests()).contains(SECRET_KEY));
}
