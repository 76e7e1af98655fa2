//! Connections are reused.

use std::thread;

use s3fs::FileSystem as _;
use s3fs::FileSystemExt as _;
use test_server::{BUCKET, Fault, Rule, Server};

use super::{impatient, open};

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
