//! Reads return the stored bytes, although another crate of the program enables the decompression feature of ureq.
#![cfg(test)]

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use s3fs::{FileSystem, FileSystemExt, Namespaces, OpenOptions, S3Fs, UploadArgs};
use test_server::{Bucket, Object, Server};

const TEXT: &str = "a line of text, and another one; ";

fn packed() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(TEXT.repeat(10_000).as_bytes());
    written.expect("a vector takes it");
    encoder.finish().expect("a vector takes it")
}

/// Text in another encoding than UTF-8.
const LATIN: &[u8] = b"caf\xe9 au lait";

fn arrange(bucket: &Bucket) {
    let gzip = Object::new(packed()).header("content-encoding", "gzip");
    bucket.put_with("packed", gzip.header("content-type", "text/plain"));
    let latin = Object::new(LATIN).header("content-type", "text/plain; charset=iso-8859-1");
    bucket.put_with("latin", latin);
    bucket.put("plain", "as it is");
}

fn open(server: &Server) -> S3Fs {
    arrange(&server.bucket("bucket"));
    let builder = S3Fs::builder("bucket").endpoint_url(server.endpoint());
    builder
        .region(server.region())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
        .build()
        .expect("parameters that can be")
}

/// One server that keeps its connections, and one that closes each after its response.
fn servers() -> [Server; 2] {
    [false, true].map(|closes| Server::builder().close_connections(closes).start())
}

/// Without this, the other tests would prove nothing.
#[test]
fn ureq_decodes_in_this_program() {
    let server = Server::builder().public_read(true).start();
    arrange(&server.bucket("bucket"));
    let get = |key: &str| {
        let url = format!("{}/bucket/{key}", server.endpoint());
        let mut answer = ureq::get(url).call().expect("an answer");
        answer.body_mut().read_to_vec().expect("a body")
    };
    assert_eq!(get("packed"), TEXT.repeat(10_000).as_bytes());
    let decoded = ureq::get(format!("{}/bucket/latin", server.endpoint())).call();
    let decoded = decoded.expect("an answer").body_mut().read_to_string();
    assert_eq!(decoded.expect("text"), "café au lait");
}

#[test]
fn every_way_of_reading_gives_the_stored_content() {
    for server in servers() {
        let fs = open(&server);
        for (path, stored) in [
            ("packed", packed()),
            ("latin", LATIN.to_vec()),
            ("plain", b"as it is".to_vec()),
        ] {
            assert!(fs.readbytes(path).expect("a file") == stored, "{path}");
            let mut target = Vec::new();
            let size = fs.download(path, &mut target).expect("a file");
            assert!(size == stored.len() as u64 && target == stored, "{path}");
            let mut file = fs.openbin(path, "r").expect("a file");
            let mut read = Vec::new();
            file.read_to_end(&mut read).expect("its content");
            assert!(read == stored, "{path}");
        }
    }
}

#[test]
fn a_range_of_a_file_has_the_stored_bytes() {
    for server in servers() {
        let fs = open(&server);
        for (path, stored) in [("packed", packed()), ("latin", LATIN.to_vec())] {
            let options = OpenOptions::new().first_window(4);
            let mut file = fs.open_read(path, &options).expect("a file");
            assert_eq!(file.size(), stored.len() as u64);
            for from in [0, 2, 7] {
                file.seek(SeekFrom::Start(from)).expect("a position");
                let mut read = Vec::new();
                (&mut file)
                    .take(5)
                    .read_to_end(&mut read)
                    .expect("its content");
                let from = usize::try_from(from).expect("a small number");
                assert_eq!(read, stored[from..from + 5], "{path} from {from}");
            }
        }
    }
}

#[test]
fn sizes_encodings_and_types_are_the_stored_ones() {
    for server in servers() {
        let fs = open(&server);
        let namespaces = Namespaces::DETAILS | Namespaces::S3;
        for (path, size, encoding, content_type) in [
            ("packed", packed().len(), Some("gzip"), "text/plain"),
            ("latin", LATIN.len(), None, "text/plain; charset=iso-8859-1"),
            ("plain", 8, None, "binary/octet-stream"),
        ] {
            let info = fs.getinfo(path, namespaces).expect("a file");
            assert_eq!(info.size(), Some(size as u64), "{path}");
            let s3 = info.s3().expect("it was asked for");
            assert_eq!(s3.content_encoding.as_deref(), encoding, "{path}");
            assert_eq!(s3.content_type.as_deref(), Some(content_type), "{path}");
        }
    }
}

#[test]
fn an_update_keeps_the_unchanged_bytes() {
    let server = Server::start();
    let fs = open(&server);
    fs.appendbytes("packed", b"more").expect("a file");
    let object = server.bucket("bucket").get("packed").expect("an object");
    assert!(object.bytes() == [packed(), b"more".to_vec()].concat());
    assert_eq!(object.headers["content-encoding"], "gzip");
}

#[test]
fn a_file_written_with_an_encoding_is_read_unchanged() {
    let server = Server::start();
    let fs = open(&server);
    let args = UploadArgs::new().content_encoding("gzip");
    let options = OpenOptions::new().upload_args(args);
    fs.writebytes_with("new", &packed(), &options)
        .expect("a place");
    assert!(fs.readbytes("new").expect("a file") == packed());
}
