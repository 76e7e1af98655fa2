//! Connections are reused.

use std::thread;

use s3fs::FileSystem as _;
use s3fs::FileSystemExt as _;
use s3fs::S3Fs;
use test_server::{BUCKET, Fault, Rule, Server};

use super::{impatient, open};
use crate::scripted::{Scripted, answer, refusal};

#[test]
fn a_thousand_small_operations_need_at_most_3_connections() {
    let server = Server::start();
    let fs = open(&server);
    for number in 0..100 {
        let path = format!("file{}", number % 10);
        fs.writebytes(&path, b"content").unwrap();
        fs.readbytes(&path).unwrap();
        fs.readbytes("gone").unwrap_err();
        fs.isfile(&path).unwrap();
        assert!(!fs.isfile("gone").unwrap());
        fs.listdir("").unwrap();
        fs.listdir("gone").unwrap_err();
        fs.copy(&path, "copy").unwrap();
        fs.remove("copy").unwrap();
        fs.remove(&path).unwrap();
    }
    assert!(server.take_requests().len() >= 1000);
    assert!(server.connections() <= 3, "{}", server.connections());
}

#[test]
fn sixteen_workers_need_at_most_17_connections() {
    let server = Server::start();
    let fs = impatient(&server).max_workers(16).build().unwrap();
    for number in 0..64 {
        server
            .bucket(BUCKET)
            .put(&format!("file{number}"), "content");
    }
    for _ in 0..4 {
        thread::scope(|scope| {
            for worker in 0..16 {
                let fs = &fs;
                scope.spawn(move || {
                    for number in 0..4 {
                        let path = format!("file{}", worker * 4 + number);
                        fs.readbytes(&path).unwrap();
                    }
                });
            }
        });
        fs.listdir("").unwrap();
    }
    assert!(server.connections() <= 17, "{}", server.connections());
}

#[test]
fn stale_connections_after_a_restart_are_replaced() {
    let mut server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let fs = open(&server);
    for _ in 0..3 {
        fs.readbytes("file").unwrap();
        server.stop();
        server.restart();
    }
    fs.writebytes("file", b"new").unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"new");
}

#[test]
fn repeated_rejections_keep_their_connection() {
    let server = Server::start();
    let fs = open(&server);
    server
        .faults()
        .add(Rule::any().times(40), Fault::error(500, "InternalError"));
    for _ in 0..8 {
        fs.readbytes("file").unwrap_err();
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn surplus_after_an_answer_without_tls_is_never_the_next_answer() {
    type Ask = fn(&S3Fs) -> s3fs::Result<String>;
    let listing = "<ListBucketResult><IsTruncated>false</IsTruncated>\
        <Contents><Key>dir/name</Key><Size>1</Size></Contents></ListBucketResult>";
    let large = "x".repeat(40_000);
    let cases: [(&str, String, Ask); 5] = [
        (
            "HeadObject",
            "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 7\r\n\r\n".to_owned(),
            |fs| Ok(fs.getsize("file")?.to_string()),
        ),
        (
            "GetObject",
            "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 7\r\n\r\ncontent".to_owned(),
            |fs| fs.readtext("file"),
        ),
        // Received without the buffer of the connection.
        (
            "GetObject",
            format!("HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 40000\r\n\r\n{large}"),
            |fs| fs.readtext("file"),
        ),
        ("ListObjectsV2", answer("200 OK", listing), |fs| {
            Ok(fs.listdir("dir")?.concat())
        }),
        (
            "PutObject",
            "HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 0\r\n\r\n".to_owned(),
            |fs| fs.writebytes("file", b"content").map(|()| String::new()),
        ),
    ];
    for (operation, text, ask) in cases {
        let surplus = refusal("403 Forbidden", "AccessDenied");
        let server = Scripted::start(move |heard| {
            assert_eq!(heard.operation, operation);
            heard.take_body();
            heard.send(format!("{text}{surplus}"));
        });
        let fs = server.builder().max_attempts(1).build().unwrap();
        let first = ask(&fs).unwrap();
        for _ in 0..3 {
            let next = ask(&fs);
            assert_eq!(next.unwrap(), first, "{operation}");
        }
    }
}
