//! A large body that the server rejects before it reads it, on a connection that stays open: the client gets the
//! rejection at once, however its bytes are sent.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use s3fs::{Error, FileSystem, FileSystemExt as _, S3Fs, S3FsBuilder};

use crate::scripted::{Heard, Scripted, answer, refusal};

/// Without the rejection, a call would take the whole response timeout, which is longer.
const SOON: Duration = Duration::from_secs(20);

const REFUSALS: [(&str, u16, &str); 3] = [
    ("403 Forbidden", 403, "AccessDenied"),
    ("404 Not Found", 404, "NoSuchBucket"),
    ("500 Internal Server Error", 500, "InternalError"),
];

/// The operations with a body, and calls whose body has at least 1 MiB.
const OPERATIONS: [(&str, Perform); 4] = [
    ("PutObject", |fs| fs.writebytes("file", &[7; 4 << 20])),
    ("UploadPart", |fs| fs.writebytes("file", &[7; 12 << 20])),
    ("CompleteMultipartUpload", |fs| {
        fs.writebytes("file", &[7; 101 << 20])
    }),
    ("DeleteObjects", |fs| fs.removetree("dir")),
];

type Perform = fn(&S3Fs) -> s3fs::Result<()>;

/// Splits a rejection into pieces.
type Split = fn(&str) -> Vec<&str>;

/// Rejects that operation without reading its body, with these pieces, and lets all others succeed.
fn refusing(operation: &'static str, text: String, split: Split) -> Scripted {
    Scripted::start(move |heard| match heard.operation {
        now if now == operation => {
            assert!(heard.expects(), "the body of {operation} is too small");
            heard.send_in(split(&text));
        }
        "ListObjectsV2" => list(heard),
        // The document with the parts is large because of their ETags.
        "UploadPart" => {
            heard.take_body();
            let tag = "e".repeat(60_000);
            heard.send(format!(
                "HTTP/1.1 200 OK\r\nETag: \"{tag}\"\r\nContent-Length: 0\r\n\r\n"
            ));
        }
        _ => heard.succeed(),
    })
}

/// A page of 1,000 keys, each of which takes more than a kilobyte in a document.
fn list(heard: &mut Heard<'_>) {
    let name = "&amp;".repeat(250);
    let entries: String = (0..1000)
        .map(|number| {
            format!(
                "<Contents><Key>dir/{name}{number}</Key><Size>1</Size><ETag>\"a\"</ETag>\
                 <LastModified>2024-01-01T00:00:00Z</LastModified></Contents>"
            )
        })
        .collect();
    let page = format!(
        "<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
    );
    heard.send(answer("200 OK", &page));
}

fn once(builder: S3FsBuilder) -> S3Fs {
    builder.part_size(5 << 20).max_attempts(1).build().unwrap()
}

#[track_caller]
fn is_refusal(error: &Error, began: Instant, (_, status, code): (&str, u16, &str), what: &str) {
    let s3 = error.s3().unwrap_or_else(|| panic!("{what}: {error}"));
    assert_eq!(
        (s3.status, s3.code.as_str()),
        (status, code),
        "{what}: {error}"
    );
    let took = began.elapsed();
    assert!(took < SOON, "{what}: {took:?}");
}

fn every_operation_gets_the_refusal(split: Split) {
    for refused in REFUSALS {
        for (operation, perform) in OPERATIONS {
            let server = refusing(operation, refusal(refused.0, refused.2), split);
            let fs = once(server.builder());
            let began = Instant::now();
            match perform(&fs) {
                // If a store rejects this, the keys are deleted one by one.
                _ if operation == "DeleteObjects" => {
                    assert!(server.operations().contains(&operation.to_owned()));
                    assert!(began.elapsed() < SOON, "{operation}");
                }
                result => is_refusal(&result.unwrap_err(), began, refused, operation),
            }
        }
    }
}

#[test]
fn a_rejection_in_one_piece_is_received_at_once() {
    every_operation_gets_the_refusal(|text| vec![text]);
}

#[test]
fn a_rejection_sent_byte_by_byte_is_received_at_once() {
    every_operation_gets_the_refusal(|text| {
        let ends = 1..=text.len();
        ends.map(|end| &text[end - 1..end]).collect()
    });
}

#[test]
fn a_rejection_in_two_pieces_is_received_at_once_wherever_it_is_split() {
    let refused = REFUSALS[0];
    let text = refusal(refused.0, refused.2);
    let at = std::sync::Arc::new(Mutex::new(0));
    let here = std::sync::Arc::clone(&at);
    let sent = text.clone();
    let server = Scripted::start(move |heard| {
        let (first, second) = sent.split_at(*here.lock().unwrap());
        heard.send_in([first, second]);
    });
    let fs = once(server.builder());
    for split in 1..text.len() {
        *at.lock().unwrap() = split;
        let began = Instant::now();
        let error = fs.writebytes("file", &[7; 2 << 20]).unwrap_err();
        is_refusal(&error, began, refused, &format!("split at {split}"));
    }
}

#[test]
fn a_body_is_sent_after_a_continue_with_headers_whole_or_in_pieces() {
    let word = "HTTP/1.1 100 Continue\r\nServer: a proxy\r\nDate: now\r\n\r\n";
    for size in [word.len(), 1, 7, 27] {
        let server = Scripted::start(move |heard| {
            heard.send_in(word.as_bytes().chunks(size));
            assert_eq!(heard.take_body_unasked(), 4 << 20);
            heard.send("HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 0\r\n\r\n");
        });
        let began = Instant::now();
        let fs = once(server.builder());
        fs.writebytes("file", &[7; 4 << 20]).unwrap();
        assert!(began.elapsed() < SOON, "pieces of {size}");
        assert_eq!(server.operations(), ["PutObject"]);
    }
}
