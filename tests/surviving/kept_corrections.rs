//! When a correction is kept, and when it is dropped: a rejection may look like one that a correction fixes, and
//! have another reason. A correction is kept after one success with it, and dropped at the first failure.

use std::time::{Duration, SystemTime};

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, S3Fs};
use test_server::{Answer, BUCKET, Fault, LoggedRequest, Rule, Server, http_date};

use super::{impatient, open};

/// A rejection with a clock that is `ahead` seconds ahead.
fn denied_at(ahead: i64) -> Fault {
    let by = Duration::from_secs(ahead.unsigned_abs());
    let then = match ahead < 0 {
        true => SystemTime::now() - by,
        false => SystemTime::now() + by,
    };
    let date = http_date(then);
    Fault::Answer(Answer::error(403, "AccessDenied").header("date", &date))
}

fn with_files(server: Server) -> Server {
    let bucket = server.bucket(BUCKET);
    for key in ["file", "dir/a", "dir/b"] {
        bucket.put(key, "content");
    }
    server
}

/// Returns the number of requests of a successful read.
fn requests_of_a_read(server: &Server, fs: &S3Fs) -> usize {
    server.take_requests();
    assert_eq!(fs.readbytes("file").unwrap(), b"content");
    server.take_requests().len()
}

fn refused_read(fs: &S3Fs, kind: ErrorKind) {
    let error = fs.readbytes("dir/a").unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
}

#[test]
fn a_clock_correction_that_did_not_help_is_not_kept() {
    for ahead in [7200, -7200] {
        let server = with_files(Server::start());
        let fs = open(&server);
        // An intermediary refuses this object, and its clock is wrong.
        let rule = Rule::on("GetObject").key("dir/a").always();
        server.faults().add(rule, denied_at(ahead));
        refused_read(&fs, ErrorKind::PermissionDenied);
        assert_eq!(server.take_requests().len(), 2);
        assert_eq!(requests_of_a_read(&server, &fs), 1);
    }
}

#[test]
fn a_clock_correction_is_kept_after_a_success_and_dropped_when_rejected() {
    let server = with_files(Server::builder().clock_ahead(7200).start());
    let fs = open(&server);
    assert_eq!(requests_of_a_read(&server, &fs), 2);
    assert_eq!(requests_of_a_read(&server, &fs), 1);
    // The server's clock is corrected, and its first response about it does not help.
    server.set_clock_ahead(0);
    let rule = Rule::on("GetObject").key("dir/a").times(2);
    server.faults().add(rule, denied_at(0));
    refused_read(&fs, ErrorKind::PermissionDenied);
    assert_eq!(requests_of_a_read(&server, &fs), 1);
}

#[test]
fn a_404_confirms_the_corrections_of_clock_and_region() {
    let server = Server::builder().clock_ahead(7200).region("eu-west-1");
    let server = with_files(server.start());
    let fs = impatient(&server).region("us-east-1").build().unwrap();
    assert!(!fs.isfile("none").unwrap());
    assert_eq!(requests_of_a_read(&server, &fs), 1);
}

#[test]
fn a_region_correction_that_did_not_help_is_not_kept() {
    for status in [301, 400] {
        let server = with_files(Server::start());
        let fs = open(&server);
        let elsewhere = Fault::wrong_region(status, "eu-west-9");
        server.faults().add(Rule::any(), elsewhere);
        refused_read(&fs, ErrorKind::OperationFailed);
        assert_eq!(requests_of_a_read(&server, &fs), 1, "{status}");
    }
}

#[test]
fn a_region_correction_is_kept_after_a_success_and_dropped_when_rejected() {
    let server = with_files(Server::builder().region("eu-west-1").start());
    let fs = impatient(&server).region("us-east-1").build().unwrap();
    assert_eq!(requests_of_a_read(&server, &fs), 2);
    assert_eq!(requests_of_a_read(&server, &fs), 1);
    let refused = Fault::error(400, "AuthorizationHeaderMalformed");
    server.faults().add(Rule::any(), refused);
    refused_read(&fs, ErrorKind::OperationFailed);
    // The request goes to the original region, and the response has the new region again.
    assert_eq!(requests_of_a_read(&server, &fs), 2);
    assert_eq!(requests_of_a_read(&server, &fs), 1);
}

fn is_with_digest(request: &LoggedRequest) -> bool {
    request.header("content-md5").is_some()
}

#[test]
fn a_digest_that_did_not_help_is_not_sent_again() {
    let server = Server::start();
    let fs = open(&server);
    let faults = server.faults();
    faults.add(
        Rule::on("PutObject"),
        Fault::error(400, "MissingContentMD5"),
    );
    faults.add(Rule::on("PutObject"), Fault::error(403, "AccessDenied"));
    let error = fs.writebytes("file", b"new").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let requests = server.take_requests();
    assert_eq!(requests.iter().filter(|r| is_with_digest(r)).count(), 1);
    fs.writebytes("file", b"new").unwrap();
    assert!(!server.take_requests().iter().any(is_with_digest));
}

#[test]
fn a_digest_is_kept_after_a_success_and_dropped_when_rejected() {
    let server = Server::start();
    let fs = open(&server);
    let write = || {
        let written = fs.writebytes("file", b"new");
        let requests = server.take_requests();
        let with: Vec<_> = requests.iter().map(is_with_digest).collect();
        (written.is_ok(), with)
    };
    let missing = Fault::error(400, "MissingContentMD5");
    server.faults().add(Rule::on("PutObject"), missing);
    assert_eq!(write(), (true, vec![false, true]));
    assert_eq!(write(), (true, vec![true]));
    let refused = Fault::error(400, "InvalidDigest");
    server.faults().add(Rule::on("PutObject"), refused);
    assert_eq!(write(), (false, vec![true]));
    assert_eq!(write(), (true, vec![false]));
}

#[test]
fn expect_is_left_out_after_a_success_without_it_and_sent_again_after_a_failure() {
    let server = Server::start();
    let fs = open(&server);
    let write = || {
        let written = fs.writebytes("file", &[7; 2 << 20]);
        let requests = server.take_requests();
        let expects = |request: &LoggedRequest| request.header("expect").is_some();
        (written.is_ok(), requests.iter().map(expects).collect())
    };
    let on_put = |fault| server.faults().add(Rule::on("PutObject"), fault);
    let unknown = || Fault::error(417, "");
    on_put(unknown());
    on_put(Fault::error(403, "AccessDenied"));
    assert_eq!(write(), (false, vec![true, false]));
    on_put(unknown());
    assert_eq!(write(), (true, vec![true, false]));
    assert_eq!(write(), (true, vec![false]));
    // The connection breaks, which may mean a rejection.
    on_put(Fault::ResetUpload(1000));
    assert_eq!(write(), (true, vec![false, true]));
    assert_eq!(write(), (true, vec![true]));
}

#[test]
fn single_deletes_end_when_one_of_them_fails() {
    let server = with_files(Server::start());
    let fs = open(&server);
    let remove = || {
        server.take_requests();
        let removed = fs.removetree("dir");
        let requests = server.take_requests();
        let count = |operation| {
            let is_one = |request: &&LoggedRequest| request.operation == operation;
            requests.iter().filter(is_one).count()
        };
        let counts = (count("DeleteObjects"), count("DeleteObject"));
        for key in ["dir/a", "dir/b"] {
            server.bucket(BUCKET).put(key, "content");
        }
        (removed.is_ok(), counts)
    };
    let faults = server.faults();
    let unknown = Fault::error(405, "MethodNotAllowed");
    faults.add(Rule::on("DeleteObjects"), unknown);
    assert_eq!(remove(), (true, (1, 2)));
    assert_eq!(remove(), (true, (0, 2)));
    let denied = Fault::error(403, "AccessDenied");
    faults.add(Rule::on("DeleteObject").key("dir/a"), denied);
    assert_eq!(remove(), (false, (0, 2)));
    assert_eq!(remove(), (true, (1, 0)));
}
