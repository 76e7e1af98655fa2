//! Old versions of an object can be read, but not written.

use std::io::{Read, Seek, SeekFrom};

use s3fs::{ErrorKind, FileSystem, FileSystemExt, OpenOptions, S3Fs};
use test_server::{BUCKET, Server};

use super::s3_info;
use crate::common::{self, fetch};

/// A bucket with versions of `f`, their ids beginning with the oldest, and a filesystem.
fn versioned(contents: &[&str]) -> (Server, Vec<String>, S3Fs) {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.enable_versioning();
    let fs = common::open(&server);
    for content in contents {
        fs.writetext("f", content).unwrap();
    }
    let ids = bucket.versions("f").into_iter().map(|version| version.id);
    let ids = ids.collect();
    (server, ids, fs)
}

fn version(id: &str) -> OpenOptions {
    OpenOptions::new().version_id(id)
}

#[test]
fn every_version_is_read_by_its_id() {
    let contents = ["first", "second", "third"];
    let (server, ids, fs) = versioned(&contents);
    for (id, content) in ids.iter().zip(contents) {
        let read = fs.readbytes_with("f", &version(id)).unwrap();
        assert_eq!(read, content.as_bytes());
        let mut text = String::new();
        let mut file = fs.openbin_with("f", "r", &version(id)).unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, content[1..]);
        let presigned = fs.presign("f").unwrap().version_id(id).url().unwrap();
        assert_eq!(fetch(&server, &presigned).ok().body, content.as_bytes());
    }
    assert_eq!(s3_info(&fs, "f").version_id.as_ref(), ids.last());
}

#[test]
fn a_removed_file_is_still_read_by_version() {
    let (server, ids, fs) = versioned(&["kept"]);
    fs.remove("f").unwrap();
    assert!(!fs.exists("f").unwrap());
    assert_eq!(fs.readbytes_with("f", &version(&ids[0])).unwrap(), b"kept");
    let marker = server.bucket(BUCKET).versions("f").pop().unwrap().id;
    assert!(fs.readbytes_with("f", &version(&marker)).is_err());
}

#[test]
fn a_reader_of_a_version_ignores_newer_versions() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.enable_versioning();
    bucket.put_synthetic("f", 1, 3 << 20);
    let id = bucket.versions("f").pop().unwrap().id;
    let fs = common::open(&server);
    let mut file = fs.openbin_with("f", "r", &version(&id)).unwrap();
    bucket.put("f", "new");
    file.seek(SeekFrom::Start(2 << 20)).unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert!(read == test_server::synthetic_bytes(1, 2 << 20, 1 << 20));
}

#[test]
fn a_missing_version_is_not_found() {
    let (_server, _, fs) = versioned(&["only"]);
    let missing = version("0000000000000000000000ff");
    let error = fs.readbytes_with("f", &missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceNotFound);
    let error = fs.openbin_with("f", "r", &missing).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ResourceNotFound);
}

#[test]
fn a_version_cannot_be_written() {
    let (server, ids, fs) = versioned(&["old"]);
    for mode in ["w", "w+", "a", "r+", "x"] {
        let error = fs.openbin_with("f", mode, &version(&ids[0])).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{mode}");
    }
    let error = fs.writebytes_with("f", b"new", &version(&ids[0]));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(server.bucket(BUCKET).versions("f").len(), 1);
}
