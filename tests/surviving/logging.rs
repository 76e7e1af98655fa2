//! Each request is one line in the log, with its details and its outcome.

use log::Level;
use s3fs::FileSystem as _;
use s3fs::FileSystemExt as _;
use test_server::{BUCKET, Fault, Rule, Server};

use super::open;
use crate::logged;

/// Returns the log lines of requests without their times, which must be numbers.
fn requests(work: impl FnOnce()) -> Vec<String> {
    let lines = logged::lines(work).into_iter();
    lines
        .filter(|line| line.level == Level::Debug && line.text.contains("attempt"))
        .map(|line| {
            let (what, rest) = line.text.rsplit_once(", after ").expect("a time");
            let (time, attempt) = rest.split_once(" ms, ").expect("milliseconds");
            time.parse::<u64>().expect("a number");
            format!("{what}, {attempt}")
        })
        .collect()
}

#[test]
fn every_request_is_logged_with_its_method_key_status_time_and_attempt() {
    let server = Server::start();
    server.bucket(BUCKET).put("a file", "content");
    server.bucket(BUCKET).put("dir/inside", "content");
    let fs = open(&server);
    let faults = server.faults();
    faults.add(Rule::on("GetObject"), Fault::error(503, "SlowDown"));
    let said = requests(|| {
        fs.readbytes("a file").unwrap();
        fs.writebytes("new", b"content").unwrap();
        fs.isfile("none").unwrap();
        fs.listdir("").unwrap();
        fs.listdir("dir").unwrap();
        fs.remove("new").unwrap();
    });
    assert_eq!(
        said,
        [
            "GET GetObject \"a file\": 503, attempt 1",
            "GET GetObject \"a file\": 200, attempt 2",
            "PUT PutObject \"new\": 200, attempt 1",
            "HEAD HeadObject \"none\": 404, attempt 1",
            "GET ListObjectsV2 \"\": 200, attempt 1",
            "GET ListObjectsV2 \"dir/\": 200, attempt 1",
            "DELETE DeleteObject \"new\": 204, attempt 1",
        ]
    );
}

#[test]
fn a_request_without_a_response_is_logged_with_its_error() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    server
        .faults()
        .add(Rule::on("GetObject"), Fault::DropBefore);
    let fs = open(&server);
    let said = requests(|| assert_eq!(fs.readbytes("file").unwrap(), b"content"));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with("GET GetObject \"file\": connection failed"),
        "{said:?}"
    );
    assert!(said[0].ends_with(", attempt 1"), "{said:?}");
    assert_eq!(said[1], "GET GetObject \"file\": 200, attempt 2");
    let all = logged::lines(|| drop(fs.readbytes("file").unwrap()));
    assert!(
        all.iter().all(|line| !line.text.contains("X-Amz")),
        "{all:?}"
    );
}
