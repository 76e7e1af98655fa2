//! A server that goes silent, in any phase, leads to `Timeout` within the configured time.

use std::time::{Duration, Instant};

use s3fs::{Error, ErrorKind, FileSystem, FileSystemExt as _, S3Fs};
use test_server::{BUCKET, Fault, Rule, Server};

use super::impatient;
use crate::common;

/// Timeout for a silent server.
const SHORT: Duration = Duration::from_millis(300);

/// Factor of the timeouts for a whole response, and for work of the server itself.
const LONG_FACTOR: u32 = 10;

/// A timeout that these tests never reach.
const LONG: Duration = Duration::from_secs(30);

/// Timeout for a silent server in tests whose other requests must succeed in time, since the machine may be
/// busy.
const MEDIUM: Duration = Duration::from_secs(1);

/// Additional time for a busy machine.
const SLACK: Duration = common::LONGEST;

fn hasty(server: &Server, attempts: u32) -> S3Fs {
    waiting(server, SHORT, attempts)
}

fn waiting(server: &Server, time: Duration, attempts: u32) -> S3Fs {
    impatient(server)
        .connect_timeout(time)
        .response_timeout(time)
        .stall_timeout(time)
        .max_attempts(attempts)
        .build()
        .unwrap()
}

/// Asserts that the error is a timeout after `times` times the short one.
#[track_caller]
fn is_timeout(error: &Error, began: Instant, times: u32) {
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    took_at_most(began, times);
}

#[track_caller]
fn took_at_most(began: Instant, times: u32) {
    let took = began.elapsed();
    assert!(took < SHORT * times + SLACK, "{took:?}");
}

/// Returns the error of a call whose request meets that fault, the timeout for a silent server, and the duration of the
/// call. On a busy machine the request may not arrive within the timeout: then the call is repeated with twice the timeout.
fn met(
    server: &Server,
    operation: &str,
    fault: &Fault,
    call: impl Fn(&S3Fs) -> Error,
) -> (Error, Duration, Duration) {
    let mut time = SHORT;
    loop {
        server.faults().add(Rule::on(operation), fault.clone());
        let fs = waiting(server, time, 1);
        let began = Instant::now();
        let error = call(&fs);
        if server.faults().pending() == 0 {
            return (error, time, began.elapsed());
        }
        server.faults().clear();
        time *= 2;
        assert!(time < LONG, "{operation} does not arrive: {error}");
    }
}

#[test]
fn a_silent_server_is_a_timeout_in_every_phase_of_a_response() {
    for (phase, fault) in [
        ("before the header", Fault::Stall),
        ("in the header", Fault::StallAnswer(20)),
        ("in the body", Fault::StallBody(10)),
    ] {
        let server = Server::start();
        server.bucket(BUCKET).put("file", vec![7; 1000]);
        for operation in ["GetObject", "ListObjectsV2"] {
            let (error, time, took) = met(&server, operation, &fault, |fs| match operation {
                "GetObject" => fs.readbytes("file").unwrap_err(),
                _ => fs.listdir("").unwrap_err(),
            });
            assert_eq!(error.kind(), ErrorKind::Timeout, "{phase}: {error}");
            assert!(took >= time && took < time + SLACK, "{phase}: {took:?}");
        }
    }
}

#[test]
fn a_header_sent_byte_by_byte_is_a_timeout() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let drip = Fault::Drip {
        bytes: 1,
        pause: Duration::from_millis(50),
    };
    server.faults().add(Rule::any(), drip);
    let began = Instant::now();
    let error = hasty(&server, 1).readbytes("file").unwrap_err();
    is_timeout(&error, began, 1);
}

#[test]
fn a_response_sent_byte_by_byte_is_a_timeout_without_any_stall() {
    let server = Server::start();
    for number in 0..1000 {
        let key = format!("{}{number:03}", "x".repeat(100));
        server.bucket(BUCKET).put(&key, "");
    }
    // The listing then takes half a minute, in pieces that arrive in time.
    let drip = Fault::Drip {
        bytes: 1000,
        pause: Duration::from_millis(100),
    };
    server.faults().add(Rule::any(), drip);
    let began = Instant::now();
    let error = hasty(&server, 1).listdir("").unwrap_err();
    is_timeout(&error, began, LONG_FACTOR);
}

#[test]
fn a_response_may_take_longer_than_the_stall_timeout() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let fs = impatient(&server)
        .response_timeout(LONG)
        .stall_timeout(MEDIUM)
        .max_attempts(1)
        .build()
        .unwrap();
    let late = Fault::Delay(MEDIUM * 3 / 2);
    for operation in ["ListObjectsV2", "PutObject", "HeadObject"] {
        server.faults().add(Rule::on(operation), late.clone());
    }
    assert_eq!(fs.listdir("").unwrap(), ["file"]);
    fs.writebytes("file", b"content").unwrap();
    assert!(fs.isfile("file").unwrap());
    assert_eq!(server.faults().pending(), 0);
}

#[test]
fn a_stalled_upload_is_a_timeout() {
    let server = Server::start();
    let upload = vec![7; 32 << 20];
    server
        .faults()
        .add(Rule::on("UploadPart"), Fault::StallUpload(1 << 20));
    let began = Instant::now();
    let fs = waiting(&server, MEDIUM, 1);
    let error = fs.writebytes("file", &upload).unwrap_err();
    is_timeout(&error, began, LONG_FACTOR);
    assert!(server.bucket(BUCKET).keys().is_empty());
}

#[test]
fn a_silent_copy_is_a_timeout_after_a_longer_time() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    for (fault, is_done) in [(Fault::Stall, false), (Fault::StallAnswer(0), true)] {
        let (error, time, took) = met(&server, "CopyObject", &fault, |fs| {
            fs.copy("file", "copy").unwrap_err()
        });
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        let time = time * LONG_FACTOR;
        assert!(took >= time && took < time + SLACK, "{took:?}: {error}");
        assert!(
            error.to_string().contains("may have taken effect"),
            "{error}"
        );
        assert_eq!(server.bucket(BUCKET).get("copy").is_some(), is_done);
    }
}

#[test]
fn a_silent_completion_is_a_timeout_after_a_longer_time() {
    let server = Server::builder().min_part_size(1).start();
    let content = vec![7; 3000];
    let write = || {
        let builder = impatient(&server).response_timeout(MEDIUM).max_attempts(1);
        let builder = builder
            .stall_timeout(MEDIUM)
            .min_part_size(1)
            .part_size(1000);
        builder.build().unwrap().writebytes("file", &content)
    };
    let faults = server.faults();
    faults.add(Rule::on("CompleteMultipartUpload"), Fault::Stall);
    let began = Instant::now();
    let error = write().unwrap_err();
    is_timeout(&error, began, LONG_FACTOR);
    assert!(began.elapsed() >= MEDIUM * LONG_FACTOR, "{error}");
    assert_eq!(server.bucket(BUCKET).keys(), Vec::<String>::new());
    // The outcome is checked.
    faults.add(Rule::on("CompleteMultipartUpload"), Fault::StallAnswer(0));
    let began = Instant::now();
    write().unwrap();
    took_at_most(began, LONG_FACTOR);
    assert_eq!(server.bucket(BUCKET).get("file").unwrap().bytes(), content);
    assert!(server.bucket(BUCKET).uploads().is_empty());
}

#[test]
fn timeouts_are_retried() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let fs = waiting(&server, MEDIUM, 3);
    for fault in [Fault::Stall, Fault::StallAnswer(20)] {
        server.faults().add(Rule::any(), fault.clone());
        assert_eq!(fs.readbytes("file").unwrap(), b"content");
        server.faults().add(Rule::any(), fault.clone());
        fs.writebytes("other", b"content").unwrap();
        server.faults().add(Rule::any(), fault);
        assert_eq!(fs.listdir("").unwrap(), ["file", "other"]);
    }
    server.faults().add(Rule::any(), Fault::StallBody(10));
    assert_eq!(fs.listdir("").unwrap(), ["file", "other"]);
    assert_eq!(server.faults().pending(), 0);
}

#[test]
fn a_request_ends_at_its_deadline_whatever_the_other_timeouts() {
    let server = Server::start();
    server.faults().add(Rule::any().always(), Fault::Stall);
    let fs = impatient(&server).operation_timeout(SHORT).build().unwrap();
    let began = Instant::now();
    for error in [
        fs.readbytes("file").unwrap_err(),
        fs.writebytes("file", b"content").unwrap_err(),
        fs.listdir("").unwrap_err(),
        fs.isfile("file").unwrap_err(),
    ] {
        is_timeout(&error, began, 4);
    }
    assert_eq!(fs.stats().requests, 4);
}

#[test]
fn a_deadline_also_ends_the_retries() {
    let server = Server::start();
    server
        .faults()
        .add(Rule::any().always(), Fault::error(500, "InternalError"));
    let fs = impatient(&server)
        .operation_timeout(SHORT)
        .retry_base_delay(Duration::from_secs(3600))
        .retry_max_delay(Duration::from_secs(3600))
        .build()
        .unwrap();
    let began = Instant::now();
    fs.readbytes("file").unwrap_err();
    took_at_most(began, 1);
}

#[test]
fn timeouts_beyond_the_range_of_the_clock_do_not_panic() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let long = Duration::MAX;
    let builder = impatient(&server)
        .connect_timeout(long)
        .response_timeout(long)
        .stall_timeout(long)
        .retry_timeout(long)
        .retry_max_delay(long);
    for builder in [builder.clone(), builder.clone().operation_timeout(long)] {
        let fs = builder.build().unwrap();
        let once = Fault::error(500, "InternalError");
        server.faults().add(Rule::any(), once);
        assert_eq!(fs.readbytes("file").unwrap(), b"content");
        fs.copy("file", "copy").unwrap();
        fs.remove("copy").unwrap();
    }
    let times = "&connect_timeout=1e19&response_timeout=1e18&operation_timeout=1e19";
    let fs = s3fs::open_fs(&common::fs_url(&server, "", times)).unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"content");
    fs.copy("file", "copy").unwrap();
    let asks = Fault::retry_after(503, "SlowDown", u64::MAX);
    server.faults().add(Rule::any().always(), asks);
    for operation in [MEDIUM, long] {
        let fs = builder.clone().operation_timeout(operation).build();
        let error = fs.unwrap().readbytes("file").unwrap_err();
        assert_eq!(error.s3().unwrap().code, "SlowDown");
    }
}

#[test]
fn a_slow_reader_is_not_ended_by_the_deadline() {
    let server = Server::start();
    server.bucket(BUCKET).put_synthetic("file", 1, 8 << 20);
    let fs = impatient(&server)
        .operation_timeout(MEDIUM)
        .build()
        .unwrap();
    let mut file = fs.openbin("file", "r").unwrap();
    let mut content = Vec::new();
    std::io::Read::read_exact(&mut file, &mut [0; 100]).unwrap();
    std::thread::sleep(MEDIUM * 2);
    std::io::Read::read_to_end(&mut file, &mut content).unwrap();
    assert_eq!(content.len(), (8 << 20) - 100);
}

/// A server that never responds: the system accepts connections, and no program does.
#[test]
#[cfg(feature = "rustls")]
fn a_silent_tls_handshake_is_a_timeout() {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let fs = S3Fs::builder(BUCKET)
        .endpoint_url(endpoint)
        .region("us-east-1")
        .anonymous(true)
        .connect_timeout(SHORT)
        .max_attempts(2)
        .build()
        .unwrap();
    let began = Instant::now();
    let error = fs.readbytes("file").unwrap_err();
    is_timeout(&error, began, 2);
    assert!(error.to_string().contains("after 2 attempts"), "{error}");
    let error = fs.writebytes("file", b"content").unwrap_err();
    is_timeout(&error, began, 4);
    assert!(
        !error.to_string().contains("may have taken effect"),
        "{error}"
    );
}
