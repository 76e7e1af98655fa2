//! Which requests are retried, how often, and which are not.

use std::io;
use std::time::{Duration, Instant};

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, Namespaces, S3Fs};
use test_server::{Answer, BUCKET, Fault, Rule, Server};

use super::{impatient, open};
use crate::common;
use crate::logged;

/// Faults that do not affect a retry.
fn passing() -> Vec<(&'static str, Fault)> {
    vec![
        ("drop", Fault::DropBefore),
        ("reset", Fault::ResetBefore),
        ("408", Fault::error(408, "RequestTimeout")),
        ("400 RequestTimeout", Fault::error(400, "RequestTimeout")),
        ("429", Fault::error(429, "TooManyRequests")),
        ("500", Fault::error(500, "InternalError")),
        (
            "502",
            Fault::Answer(Answer::html(502, "<html>bad gateway</html>")),
        ),
        ("503", Fault::error(503, "ServiceUnavailable")),
        ("SlowDown", Fault::error(503, "SlowDown")),
        ("504", Fault::Answer(Answer::new(504, ""))),
        ("520", Fault::Answer(Answer::html(520, "error code: 520"))),
        ("521", Fault::Answer(Answer::new(521, ""))),
        ("522", Fault::Answer(Answer::html(522, "<html>522</html>"))),
        ("523", Fault::Answer(Answer::new(523, ""))),
        ("524", Fault::Answer(Answer::html(524, "<html>524</html>"))),
        ("529", Fault::Answer(Answer::new(529, ""))),
        ("conflict", Fault::error(409, "OperationAborted")),
    ]
}

/// A random fraction of this is hardly ever short.
const LONGEST: Duration = Duration::from_secs(1 << 24);

type Work = fn(&S3Fs) -> s3fs::Result<()>;

/// One call for each kind of request, which sends one request.
const WORKS: [(&str, Work); 6] = [
    ("GetObject", |fs| {
        assert_eq!(fs.readbytes("file")?, b"content");
        Ok(())
    }),
    ("HeadObject", |fs| {
        fs.getinfo("file", Namespaces::BASIC).map(drop)
    }),
    ("ListObjectsV2", |fs| {
        assert_eq!(fs.listdir("")?, ["file"]);
        Ok(())
    }),
    ("PutObject", |fs| fs.writebytes("file", b"content")),
    ("DeleteObject", |fs| fs.remove("gone")),
    ("CopyObject", |fs| {
        fs.copy_with("file", "copy", &s3fs::CopyOptions::new().overwrite(true))?;
        fs.remove("copy")
    }),
];

#[test]
fn every_kind_of_request_retries_transient_errors() {
    for (name, fault) in passing() {
        let server = Server::start();
        server.bucket(BUCKET).put("file", "content");
        let fs = open(&server);
        for (operation, work) in WORKS {
            if operation == "HeadObject" && ["400 RequestTimeout", "conflict"].contains(&name) {
                // The response to a HEAD has no body that distinguishes these from others.
                continue;
            }
            server.take_requests();
            server
                .faults()
                .add(Rule::on(operation).times(2), fault.clone());
            let result = work(&fs);
            assert!(result.is_ok(), "{operation}, {name}: {result:?}");
            assert_eq!(server.faults().pending(), 0, "{operation}, {name}");
            let asked = common::asked(&server, operation).len();
            assert_eq!(asked, 3, "{operation}, {name}");
        }
        assert_eq!(server.bucket(BUCKET).keys(), ["file"], "{name}");
    }
}

#[test]
fn all_attempts_are_used_and_the_error_has_their_number() {
    for attempts in [1, 2, 5] {
        let server = Server::start();
        server
            .faults()
            .add(Rule::any().always(), Fault::error(500, "InternalError"));
        let fs = impatient(&server).max_attempts(attempts).build().unwrap();
        let error = fs.readbytes("file").unwrap_err();
        assert_eq!(server.take_requests().len(), attempts as usize);
        let said = error
            .to_string()
            .contains(&format!("after {attempts} attempts"));
        assert_eq!(said, attempts > 1, "{error}");
    }
}

#[test]
fn five_attempts_are_the_default() {
    let server = Server::start();
    server
        .faults()
        .add(Rule::any().times(4), Fault::error(500, "InternalError"));
    server.bucket(BUCKET).put("file", "content");
    assert_eq!(open(&server).readbytes("file").unwrap(), b"content");
    assert_eq!(server.take_requests().len(), 5);
}

#[test]
fn final_errors_are_not_retried() {
    let final_answers = [
        (400, "InvalidRequest"),
        (403, "AccessDenied"),
        (404, "NoSuchKey"),
        (405, "MethodNotAllowed"),
        (412, "PreconditionFailed"),
        (501, "NotImplemented"),
        (507, "XMinioStorageFull"),
    ];
    for (status, code) in final_answers {
        let server = Server::start();
        server
            .faults()
            .add(Rule::on("GetObject").always(), Fault::error(status, code));
        open(&server).readbytes("file").unwrap_err();
        let asked = common::asked(&server, "GetObject").len();
        assert_eq!(asked, 1, "{status} {code}");
    }
}

#[test]
fn every_attempt_has_a_new_signature_and_the_whole_body() {
    let server = Server::start();
    let fs = open(&server);
    let content = vec![7; 300_000];
    let faults = server.faults();
    faults.add(Rule::on("PutObject"), Fault::ResetUpload(100_000));
    faults.add(Rule::on("PutObject"), Fault::error(500, "InternalError"));
    fs.writebytes("file", &content).unwrap();
    let stored = server.bucket(BUCKET).get("file").unwrap();
    assert_eq!(stored.content.len(), content.len() as u64);
    assert_eq!(fs.readbytes("file").unwrap(), content);
}

#[test]
fn a_write_with_a_lost_response_is_stored() {
    let server = Server::start();
    let fs = open(&server);
    for (key, fault) in [("a", Fault::DropAfter), ("b", Fault::Reset(0))] {
        server.faults().add(Rule::on("PutObject"), fault);
        fs.writebytes(key, b"content").unwrap();
        assert_eq!(fs.readbytes(key).unwrap(), b"content");
    }
}

#[test]
fn an_unreadable_response_leaves_the_outcome_of_a_change_unknown() {
    let server = Server::start();
    let fs = impatient(&server).part_size(5 << 20).build().unwrap();
    let spoilt = |operation| server.faults().add(Rule::on(operation), Fault::Corrupt(0));
    spoilt("CompleteMultipartUpload");
    fs.writebytes("file", &vec![7; 6 << 20]).unwrap();
    assert_eq!(server.faults().pending(), 0);
    assert!(server.bucket(BUCKET).get("file").is_some());
    spoilt("CopyObject");
    let error = fs.copy("file", "copy").unwrap_err();
    assert!(
        error.to_string().contains("may have taken effect"),
        "{error}"
    );
    assert!(server.bucket(BUCKET).get("copy").is_some());
    // Reads change nothing.
    spoilt("ListObjectsV2");
    let error = fs.listdir("").unwrap_err();
    assert!(
        !error.to_string().contains("may have taken effect"),
        "{error}"
    );
}

#[test]
fn a_bucket_found_after_a_lost_response_may_be_an_older_one() {
    let server = Server::builder().region("eu-west-1").start();
    let fs = common::builder_of(&server, "new").build().unwrap();
    for is_there in [false, true] {
        let faults = server.faults();
        faults.add(Rule::on("CreateBucket"), Fault::DropAfter);
        let error = fs.create_bucket().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{is_there}");
        assert_eq!(error.path(), Some("/"));
        assert_eq!(error.s3().unwrap().code, "BucketAlreadyOwnedByYou");
    }
    let error = fs.create_bucket().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OperationFailed);
    assert_eq!(error.path(), Some("/"));
    assert!(fs.listdir("").unwrap().is_empty());
}

#[test]
fn an_incomplete_listing_is_retried() {
    let server = Server::start();
    for number in 0..100 {
        server.bucket(BUCKET).put(&format!("file{number:03}"), "");
    }
    let faults = server.faults();
    faults.add(Rule::on("ListObjectsV2"), Fault::Truncate(1000));
    faults.add(Rule::on("ListObjectsV2"), Fault::ResetBody(2000));
    assert_eq!(open(&server).listdir("").unwrap().len(), 100);
    assert_eq!(server.faults().pending(), 0);
    assert_eq!(server.take_requests().len(), 3);
}

#[test]
fn an_error_with_status_200_is_retried() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let fs = open(&server);
    for code in ["InternalError", "SlowDown"] {
        server
            .faults()
            .add(Rule::on("CopyObject"), Fault::error(200, code));
        fs.copy("file", &format!("copy-{code}")).unwrap();
    }
    assert_eq!(server.faults().pending(), 0);
    server.faults().add(
        Rule::on("CopyObject").always(),
        Fault::error(200, "AccessDenied"),
    );
    let error = fs.copy("file", "other").unwrap_err();
    assert_eq!(error.s3().unwrap().code, "AccessDenied");
    assert!(!server.bucket(BUCKET).keys().contains(&"other".to_owned()));
}

#[test]
fn retry_after_is_respected() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    server
        .faults()
        .add(Rule::any(), Fault::retry_after(503, "SlowDown", 1));
    let began = Instant::now();
    open(&server).readbytes("file").unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_retry_after_beyond_the_timeout_is_not_awaited() {
    let server = Server::start();
    server
        .faults()
        .add(Rule::any(), Fault::retry_after(503, "SlowDown", 3600));
    let fs = impatient(&server)
        .retry_timeout(Duration::from_secs(1800))
        .build()
        .unwrap();
    let error = fs.readbytes("file").unwrap_err();
    assert_eq!(error.s3().unwrap().code, "SlowDown");
    assert_eq!(server.take_requests().len(), 1);
}

#[test]
fn an_attempt_longer_than_the_retry_timeout_is_retried_once() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    server.faults().add(Rule::any(), Fault::Stall);
    let fs = impatient(&server)
        .response_timeout(Duration::from_secs(3))
        .retry_timeout(Duration::from_secs(2))
        .retry_base_delay(Duration::ZERO)
        .build()
        .unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"content");
    assert_eq!(server.take_requests().len(), 2);
}

#[test]
fn a_failing_server_gets_fewer_and_fewer_retries() {
    let server = Server::start();
    server
        .faults()
        .add(Rule::any().always(), Fault::error(500, "InternalError"));
    let fs = impatient(&server)
        .retry_base_delay(Duration::ZERO)
        .build()
        .unwrap();
    let clone = fs.clone();
    for _ in 0..50 {
        fs.readbytes("file").unwrap_err();
        clone.readbytes("file").unwrap_err();
    }
    // A hundred first attempts, and as many retries as the common budget permits.
    assert_eq!(server.take_requests().len(), 100 + 100);
}

#[test]
fn incomplete_responses_use_up_the_retry_budget() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    server
        .faults()
        .add(Rule::any().always(), Fault::Truncate(1));
    let fs = impatient(&server)
        .retry_base_delay(Duration::ZERO)
        .build()
        .unwrap();
    for _ in 0..50 {
        fs.openbin("file", "r")
            .and_then(|mut file| Ok(io::Read::read_to_end(&mut file, &mut Vec::new())?))
            .unwrap_err();
    }
    // Fifty first attempts, and at most as many retries as the budget permits.
    assert!(server.take_requests().len() < 50 + 150);
}

#[test]
fn an_incomplete_response_is_retried_after_a_delay() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    server.faults().add(Rule::any(), Fault::Truncate(3));
    let fs = impatient(&server)
        .retry_base_delay(LONGEST)
        .retry_max_delay(LONGEST)
        .retry_timeout(Duration::from_millis(1))
        .build()
        .unwrap();
    // A delay that is longer than the remaining time is not started.
    fs.readbytes("file").unwrap_err();
    assert_eq!(server.take_requests().len(), 1);
}

#[test]
fn a_warning_is_logged_for_each_retry() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let fs = open(&server);
    server
        .faults()
        .add(Rule::any().times(2), Fault::error(500, "InternalError"));
    let warnings = logged::warnings(|| drop(fs.readbytes("file").unwrap()));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for warning in warnings {
        let says = |words| warning.contains(words);
        assert!(says("GetObject \"file\" is retried in "), "{warning}");
        assert!(says("InternalError"), "{warning}");
    }
}

#[test]
fn the_counters_count_each_attempt_and_each_byte() {
    let server = Server::start();
    let fs = open(&server);
    let clone = fs.clone();
    server
        .faults()
        .add(Rule::any(), Fault::error(500, "InternalError"));
    fs.writebytes("file", b"content").unwrap();
    clone.readbytes("file").unwrap();
    clone.readbytes("gone").unwrap_err();
    let stats = fs.stats();
    assert_eq!(stats, clone.stats());
    let counted: Vec<_> = stats.by_operation().collect();
    assert!(counted.contains(&("PutObject", 2)), "{counted:?}");
    assert!(counted.contains(&("GetObject", 2)), "{counted:?}");
    assert_eq!(stats.requests, server.take_requests().len() as u64);
    assert_eq!((stats.retries, stats.failures), (1, 2));
    assert_eq!(stats.bytes_out, 14);
    assert!(stats.bytes_in > 7, "{stats:?}");
    server
        .faults()
        .add(Rule::any().times(2), Fault::Truncate(3));
    fs.readbytes("file").unwrap();
    let stats = fs.stats();
    assert_eq!((stats.retries, stats.failures), (3, 4));
}

#[test]
fn an_error_has_both_ids_of_the_request() {
    let server = Server::start();
    let answer = Answer::new(403, "<Error><Code>AccessDenied</Code></Error>")
        .header("x-amz-request-id", "REQUEST1")
        .header("x-amz-id-2", "HOST2");
    server
        .faults()
        .add(Rule::any().always(), Fault::Answer(answer));
    let error = open(&server).readbytes("file").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let text = error.to_string();
    assert!(
        text.contains("REQUEST1") && text.contains("HOST2"),
        "{text}"
    );
}

#[test]
fn a_server_that_has_not_started_yet_is_retried() {
    let mut server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let fs = impatient(&server)
        .retry_base_delay(Duration::from_millis(200))
        .max_attempts(20)
        .build()
        .unwrap();
    server.stop();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| fs.readbytes("file"));
        std::thread::sleep(Duration::from_millis(100));
        server.restart();
        assert_eq!(reading.join().unwrap().unwrap(), b"content");
    });
}
