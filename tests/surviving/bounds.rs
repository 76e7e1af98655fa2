//! Answers without bounds end with a clear error, and not with memory or time.

use s3fs::{ErrorKind, FileSystem as _};

use super::open;
use crate::support::{Answer, Fault, Rule, Server};

#[test]
fn a_header_that_is_too_large_is_an_error_at_once() {
    let server = Server::start();
    let mut answer = Answer::new(200, "content").header("etag", "\"e\"");
    for number in 0..70 {
        answer = answer.header(&format!("x-filler-{number}"), &"x".repeat(1000));
    }
    server
        .faults()
        .add(Rule::any().always(), Fault::Answer(answer));
    let error = open(&server).readbytes("file").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{error}");
    assert!(error.to_string().contains("header"), "{error}");
    assert_eq!(server.take_requests().len(), 1);
}

#[test]
fn a_listing_that_is_too_long_is_an_error() {
    let server = Server::start();
    let filler = "<!-- -->".repeat((17 << 20) / 8);
    let document = format!("<ListBucketResult>{filler}</ListBucketResult>");
    server.faults().add(
        Rule::any().always(),
        Fault::Answer(Answer::new(200, document)),
    );
    let error = open(&server).listdir("").unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
    assert_eq!(server.take_requests().len(), 1);
}

#[test]
fn of_a_long_refusal_only_the_start_is_read() {
    let server = Server::start();
    let filler = "x".repeat(4 << 20);
    let document = format!("<Error><Code>AccessDenied</Code><Filler>{filler}</Filler></Error>");
    server
        .faults()
        .add(Rule::any(), Fault::Answer(Answer::new(403, document)));
    let fs = open(&server);
    let error = fs.readbytes("file").unwrap_err();
    assert_eq!(error.s3().unwrap().code, "AccessDenied");
    assert!(fs.stats().bytes_in <= 64 << 10, "{:?}", fs.stats());
}

#[test]
fn a_list_of_uploads_whose_markers_repeat_ends() {
    let server = Server::start();
    let document = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>\
                    <NextKeyMarker>a</NextKeyMarker></ListMultipartUploadsResult>";
    server.faults().add(
        Rule::any().always(),
        Fault::Answer(Answer::new(200, document)),
    );
    let stale = open(&server).stale_uploads("/", std::time::Duration::ZERO);
    assert!(stale.unwrap_err().to_string().contains("does not end"));
    assert!(server.take_requests().len() < 5);
}
