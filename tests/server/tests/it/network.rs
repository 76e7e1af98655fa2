//! Connections that are slow, cut, reset or encrypted, and a server that restarts.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use test_server::client::{Reply, agent, get, put, raw_get};
use test_server::{Fault, Rule, Server, synthetic_bytes};

/// Splits a response into header and body.
fn split(reply: &[u8]) -> (String, &[u8]) {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a head") + 4;
    let head = String::from_utf8_lossy(&reply[..end]).to_lowercase();
    (head, &reply[end..])
}

fn is_reset(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionReset
}

/// Sends a GET and reads until the connection ends: returns the bytes, and whether the connection was reset.
fn read_all(server: &Server, key: &str) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
    stream
        .write_all(raw_get(server, key).as_bytes())
        .expect("sent");
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    (answer, ended.is_err_and(|error| is_reset(&error)))
}

#[test]
fn a_connection_is_reset_at_the_configured_point() {
    let server = Server::start();
    server.bucket("bucket").put_synthetic("a", 1, 100_000);
    let reset_by = |fault| {
        server.faults().add(Rule::on("GetObject"), fault);
        let (answer, was_reset) = read_all(&server, "a");
        assert!(
            was_reset,
            "it ended otherwise, after {} bytes",
            answer.len()
        );
        answer
    };
    assert_eq!(reset_by(Fault::ResetBefore), b"");
    assert_eq!(reset_by(Fault::Reset(0)), b"");
    assert_eq!(reset_by(Fault::Reset(20)).len(), 20);
    let answer = reset_by(Fault::ResetBody(0));
    let (head, body) = split(&answer);
    assert!(head.contains("content-length: 100000\r\n") && body.is_empty());
    let answer = reset_by(Fault::ResetBody(70_000));
    assert!(split(&answer).1 == synthetic_bytes(1, 0, 70_000));
    assert_eq!(server.faults().pending(), 0);
    assert_eq!(get(&server, "a").send().body.len(), 100_000);
}

#[test]
fn a_reset_response_has_an_effect_and_a_reset_before_has_none() {
    let server = Server::start();
    for (key, fault) in [
        ("before", Fault::ResetBefore),
        ("after", Fault::Reset(0)),
        ("in the head", Fault::Reset(30)),
    ] {
        server.faults().add(Rule::on("PutObject").key(key), fault);
        let call = put(&server, key, "x");
        assert!(call.try_send(call.signed_url().as_str()).is_err());
    }
    assert_eq!(server.bucket("bucket").keys(), ["after", "in the head"]);
}

#[test]
fn an_upload_reset_at_a_byte_has_no_effect() {
    let server = Server::start();
    let rule = || Rule::on("PutObject").always();
    server.faults().add(rule(), Fault::ResetUpload(100_000));
    let call = put(&server, "long", vec![0; 4_000_000]);
    let sent = call.try_send(call.signed_url().as_str());
    assert!(matches!(sent, Err(ureq::Error::Io(_))));
    put(&server, "short", vec![0; 100_000]).send().ok();
    assert_eq!(server.bucket("bucket").keys(), ["short"]);
    assert_eq!(server.requests()[0].bytes_in, 100_000);
}

/// Sends with a client whose timeout is 200 ms.
fn send_impatiently(call: &test_server::client::Call<'_>) -> Result<Reply, ureq::Error> {
    let agent = ureq::Agent::config_builder()
        .proxy(None)
        .timeout_global(Some(Duration::from_millis(200)))
        .build()
        .new_agent();
    call.try_send_with(&agent, call.signed_url().as_str())
}

#[test]
fn a_server_stalls_during_an_upload_or_within_a_header() {
    let server = Server::start();
    server.bucket("bucket").put("a", "x");
    let faults = server.faults();
    faults.add(Rule::on("PutObject").times(2), Fault::StallUpload(100_000));
    let sent = send_impatiently(&put(&server, "b", vec![0; 4_000_000]));
    assert!(matches!(sent, Err(ureq::Error::Timeout(_))), "a timeout");
    put(&server, "b", vec![0; 1000]).send().ok();
    faults.add(Rule::on("GetObject"), Fault::StallAnswer(30));
    let sent = send_impatiently(&get(&server, "a"));
    assert!(matches!(sent, Err(ureq::Error::Timeout(_))), "a timeout");
    assert_eq!(get(&server, "a").send().body, b"x");
}

#[test]
fn a_corrupted_body_differs_in_one_bit_and_has_its_length() {
    let server = Server::start();
    server.bucket("bucket").put_synthetic("a", 1, 200_000);
    let mut expected = synthetic_bytes(1, 0, 200_000);
    expected[150_000] ^= 1;
    let faults = server.faults();
    faults.add(Rule::on("GetObject"), Fault::Corrupt(150_000));
    assert!(get(&server, "a").send().ok().body == expected);
}

#[test]
fn a_corrupted_upload_differs_in_one_bit_and_has_its_length() {
    let server = Server::start();
    let mut expected = synthetic_bytes(1, 0, 200_000);
    let damage = Fault::CorruptUpload(150_000);
    server.faults().add(Rule::on("PutObject"), damage);
    put(&server, "a", expected.clone()).send().ok();
    expected[150_000] ^= 1;
    assert!(server.bucket("bucket").get("a").unwrap().bytes() == expected);
}

#[test]
fn a_response_can_be_sent_byte_by_byte() {
    let server = Server::start();
    server.bucket("bucket").put("a", "0123456789");
    let drip = Fault::Drip {
        bytes: 20,
        pause: Duration::from_millis(5),
    };
    server.faults().add(Rule::on("GetObject"), drip);
    let start = Instant::now();
    assert_eq!(get(&server, "a").send().body, b"0123456789");
    // The header alone has more than 200 bytes.
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[test]
fn random_faults_have_the_configured_rate_and_depend_only_on_the_seed() {
    let meets = |seed| -> Vec<u16> {
        let server = Server::start();
        let faults = vec![
            Fault::error(500, "InternalError"),
            Fault::error(503, "SlowDown"),
        ];
        server.faults().by_chance(seed, 250, faults);
        let agent = agent();
        let call = get(&server, "a");
        let url = call.signed_url();
        let asked = (0..200).map(|_| call.try_send_with(&agent, url.as_str()));
        let statuses: Vec<_> = asked
            .map(|reply| reply.expect("an answer").status)
            .collect();
        let met = statuses.iter().filter(|status| **status != 404).count();
        assert_eq!(met, server.faults().came_by_chance());
        statuses
    };
    let statuses = meets(7);
    let count = |status| statuses.iter().filter(|one| **one == status).count();
    assert!((15..40).contains(&count(500)) && (15..40).contains(&count(503)));
    assert!(statuses == meets(7) && statuses != meets(8));
}

#[test]
fn a_throttled_connection_has_the_configured_rate_in_both_directions() {
    let server = Server::builder().throttle(4_000_000).start();
    server.bucket("bucket").put_synthetic("a", 1, 1_000_000);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(get(&server, "a").send().body.len(), 1_000_000));
        }
    });
    assert!(start.elapsed() >= Duration::from_millis(200));
    let start = Instant::now();
    put(&server, "b", vec![0; 1_000_000]).send().ok();
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn every_request_has_the_configured_latency() {
    let latency = Duration::from_millis(30);
    let server = Server::builder().latency(latency).start();
    for _ in 0..3 {
        let start = Instant::now();
        get(&server, "a").send();
        assert!(start.elapsed() >= latency);
    }
}

#[test]
fn a_restarted_server_keeps_its_port_and_its_data() {
    let mut server = Server::start();
    put(&server, "a", "x").send().ok();
    server.stop();
    let url = get(&server, "a").signed_url();
    assert!(get(&server, "a").try_send(url.as_str()).is_err());
    server.restart();
    assert_eq!(get(&server, "a").send().ok().body, b"x");
    assert_eq!(server.connections(), 2);
}

#[test]
fn only_clients_with_the_certificate_trust_an_https_server() {
    use ureq::tls::{Certificate, RootCerts, TlsConfig};

    let server = Server::builder().tls().start();
    assert!(
        put_over(&server, &agent()).is_err(),
        "nobody vouches for it"
    );
    let ca = Certificate::from_pem(server.ca_pem().as_bytes()).expect("a certificate");
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[ca]));
    let trusting = ureq::Agent::config_builder()
        .proxy(None)
        .tls_config(tls.build())
        .build()
        .new_agent();
    put_over(&server, &trusting).expect("an answer").ok();
    assert_eq!(server.bucket("bucket").keys(), ["a"]);
}

fn put_over(server: &Server, agent: &ureq::Agent) -> Result<Reply, ureq::Error> {
    let call = put(server, "a", "x");
    call.try_send_with(agent, call.signed_url().as_str())
}

#[test]
fn the_port_of_a_stopped_server_stays_reserved() {
    let mut server = Server::start();
    server.stop();
    let address = (Ipv4Addr::LOCALHOST, server.port());
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let taken = TcpListener::bind(address).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    server.restart();
    TcpStream::connect(address).unwrap();
}
