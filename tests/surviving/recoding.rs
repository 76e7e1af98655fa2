//! Responses without a length belong to an object that was decompressed in transit: the request is repeated.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, Namespaces, S3Fs, S3FsBuilder};

use crate::scripted::{Heard, Scripted};

/// Starts a server that sends these responses, one per connection, and returns the first lines of its requests.
fn answering(answers: Vec<&'static str>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let answer = |answer: &str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let asked = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            stream.write_all(answer.as_bytes()).unwrap();
            asked
        };
        answers.into_iter().map(answer).collect()
    });
    (endpoint, server)
}

fn builder(endpoint: &str) -> S3FsBuilder {
    S3Fs::builder("bucket")
        .endpoint_url(endpoint)
        .region("us-east-1")
        .max_attempts(1)
        .strict(false)
}

fn signed(endpoint: &str) -> S3Fs {
    let builder = builder(endpoint).aws_access_key_id("key");
    builder.aws_secret_access_key("secret").build().unwrap()
}

const DECODED: &str = "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-type: text/plain\r\n\
                       connection: close\r\n\r\n";
const PLAIN: &str = "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-type: text/plain\r\n\
                     content-encoding: identity\r\ncontent-length: 7\r\nconnection: close\r\n\r\n";

#[test]
fn content_is_the_stored_content() {
    let packed = "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-encoding: identity\r\n\
                  content-length: 7\r\nconnection: close\r\n\r\n\x1f\x08pack.";
    let (endpoint, server) = answering(vec![DECODED, packed]);
    let fs = signed(&endpoint);
    assert_eq!(fs.readbytes("file").unwrap(), b"\x1f\x08pack.");
    let asked = server.join().unwrap();
    assert!(!asked[0].contains("response-content-encoding"), "{asked:?}");
    assert!(
        asked[1].contains("response-content-encoding=identity"),
        "{asked:?}"
    );
}

#[test]
fn sizes_and_encodings_are_the_stored_ones() {
    let (endpoint, server) = answering(vec![DECODED, PLAIN]);
    let fs = signed(&endpoint);
    let namespaces = Namespaces::DETAILS | Namespaces::S3;
    let info = fs.getinfo("file", namespaces).unwrap();
    assert_eq!(info.size().unwrap(), 7);
    let s3 = info.s3().unwrap();
    assert_eq!(s3.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(s3.content_type.as_deref(), Some("text/plain"));
    server.join().unwrap();
}

#[test]
fn an_unavoidable_decompression_is_a_clear_error() {
    // The object; a HEAD of it; its first byte; a listing. With a signature, the first three are sent twice.
    let (endpoint, server) = answering(vec![DECODED; 4]);
    let anonymous = builder(&endpoint).anonymous(true).build().unwrap();
    let (endpoint, other) = answering(vec![DECODED; 7]);
    for fs in [anonymous, signed(&endpoint)] {
        let error = fs.readbytes("file").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("ureq"), "{error}");
    }
    server.join().unwrap();
    other.join().unwrap();
}

#[test]
fn a_sent_copy_has_no_part_compressed_in_transit() {
    // The store does not copy its ranges, because of its key.
    let size: u64 = (5 << 30) + 1;
    let server = Scripted::start(move |heard: &mut Heard<'_>| match heard.operation {
        "HeadObject" if heard.line().contains("x%2541") => heard.send(format!(
            "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: {size}\r\n\r\n"
        )),
        "GetObject" => heard.send(format!(
            "HTTP/1.1 206 Partial Content\r\netag: \"e\"\r\ncontent-encoding: gzip\r\n\
             content-range: bytes 0-8388607/{size}\r\ntransfer-encoding: chunked\r\n\r\n\
             4\r\nabcd\r\n0\r\n\r\n"
        )),
        _ => heard.succeed(),
    });
    let fs = server.builder().max_workers(1).build().unwrap();
    let error = fs.copy("x%41", "y").unwrap_err();
    assert!(error.to_string().contains("Content-Encoding"), "{error}");
    let asked = server.operations();
    let count = |operation: &str| asked.iter().filter(|asked| *asked == operation).count();
    assert_eq!(
        (count("GetObject"), count("UploadPart")),
        (1, 0),
        "{asked:?}"
    );
    assert_eq!(count("CompleteMultipartUpload"), 0);
}
