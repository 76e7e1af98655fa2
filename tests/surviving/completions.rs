//! The response to the completion of a multipart upload is lost, on a store whose ETags of such objects reveal nothing
//! about their parts, and which responds with 204 to every abort.

use std::io::{Seek as _, SeekFrom, Write as _};

use s3fs::{ErrorKind, File as _, FileSystem, FileSystemExt as _, MemoryFs, Result, S3Fs, copy};
use test_server::{BUCKET, Bucket, Builder, Fault, LoggedRequest, Rule, Server, synthetic_bytes};

use super::impatient;

const PART: usize = 100;

fn store() -> Builder {
    let builder = Server::builder().min_part_size(1);
    builder.etags_of_its_own(true).abort_anything(true)
}

fn open(server: &Server) -> S3Fs {
    let builder = impatient(server).min_part_size(1);
    builder.part_size(PART as u64).build().unwrap()
}

fn old() -> Vec<u8> {
    synthetic_bytes(1, 0, 5 * PART)
}

fn new() -> Vec<u8> {
    synthetic_bytes(2, 0, 4 * PART)
}

/// A way to write, and the resulting object.
type Case = (&'static str, fn(&S3Fs) -> Result<()>, fn() -> Vec<u8>);

const CASES: [Case; 7] = [
    ("writebytes", |fs| fs.writebytes("file", &new()), new),
    (
        "openbin",
        |fs| {
            let mut file = fs.openbin("file", "w")?;
            file.write_all(&new())?;
            file.close()
        },
        new,
    ),
    (
        "upload",
        |fs| fs.upload("file", &mut new().as_slice()).map(drop),
        new,
    ),
    (
        "copy from elsewhere",
        |fs| {
            let memory = MemoryFs::new();
            memory.writebytes("source", &new())?;
            copy::copy_file(&memory, "source", fs, "file", &s3fs::TransferOptions::new()).map(drop)
        },
        new,
    ),
    (
        "appendbytes",
        |fs| fs.appendbytes("file", &new()),
        || [old(), new()].concat(),
    ),
    (
        "r+",
        |fs| {
            let mut file = fs.openbin("file", "r+")?;
            file.seek(SeekFrom::Start(150))?;
            file.write_all(b"changed")?;
            file.close()
        },
        || {
            let mut content = old();
            content[150..157].copy_from_slice(b"changed");
            content
        },
    ),
    (
        "w+",
        |fs| {
            let mut file = fs.openbin("file", "w+")?;
            file.write_all(&new())?;
            file.close()
        },
        new,
    ),
];

/// A server with an old object that was also stored in parts.
fn with_old() -> (Server, Bucket, S3Fs) {
    let server = store().start();
    let fs = open(&server);
    fs.writebytes("file", &old()).unwrap();
    server.take_requests();
    let bucket = server.bucket(BUCKET);
    (server, bucket, fs)
}

fn count(requests: &[LoggedRequest], operation: &str) -> usize {
    let is_one = |request: &&LoggedRequest| request.operation == operation;
    requests.iter().filter(is_one).count()
}

#[test]
fn a_completed_upload_is_identified_by_all_properties_of_its_object() {
    for (name, write, content) in CASES {
        let (server, bucket, fs) = with_old();
        let lost = Rule::on("CompleteMultipartUpload");
        server.faults().add(lost, Fault::DropAfter);
        write(&fs).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(bucket.get("file").unwrap().bytes() == content(), "{name}");
        let requests = server.take_requests();
        assert_eq!(count(&requests, "ListParts"), 1, "{name}");
        assert_eq!(count(&requests, "AbortMultipartUpload"), 0, "{name}");
    }
}

#[test]
fn an_upload_that_was_not_completed_is_aborted_and_reported_as_not_stored() {
    for (name, write, _) in CASES {
        let (server, bucket, fs) = with_old();
        let lost = Rule::on("CompleteMultipartUpload").always();
        server.faults().add(lost, Fault::DropBefore);
        let error = write(&fs).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{name}: {error}");
        assert!(!error.may_have_happened(), "{name}: {error}");
        assert!(bucket.get("file").unwrap().bytes() == old(), "{name}");
        assert!(bucket.uploads().is_empty(), "{name}");
    }
}

#[test]
fn an_upload_aborted_by_another_client_is_not_reported_as_stored() {
    for (name, write, _) in CASES {
        for other in [None, Some(b"another's".to_vec())] {
            let (server, bucket, fs) = with_old();
            let there = other.clone();
            let place = server.bucket(BUCKET);
            let meanwhile = Rule::on("CompleteMultipartUpload").when(move |_| {
                place.drop_uploads();
                if let Some(other) = &there {
                    place.put("file", other.clone());
                }
                true
            });
            server.faults().add(meanwhile, Fault::DropBefore);
            let error = write(&fs).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{name}: {error}");
            assert!(error.may_have_happened(), "{name}: {error}");
            let now = bucket.get("file").unwrap().bytes();
            assert!(now == other.unwrap_or_else(old), "{name}");
        }
    }
}

#[test]
fn without_part_listings_the_abort_alone_shows_the_outcome() {
    for (aborts_anything, is_told) in [(true, false), (false, true)] {
        for (name, write, content) in CASES {
            let server = store().abort_anything(aborts_anything).start();
            let fs = open(&server);
            fs.writebytes("file", &old()).unwrap();
            let faults = server.faults();
            faults.add(Rule::on("CompleteMultipartUpload"), Fault::DropAfter);
            let denied = Fault::error(403, "AccessDenied");
            faults.add(Rule::on("ListParts").always(), denied);
            let written = write(&fs);
            assert_eq!(written.is_ok(), is_told, "{name}");
            if let Err(error) = written {
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{name}: {error}");
            }
            let now = server.bucket(BUCKET).get("file").unwrap().bytes();
            assert!(now == content(), "{name}");
        }
    }
}

#[test]
fn a_copy_in_parts_is_identified_by_all_its_properties() {
    let server = store().start();
    let bucket = server.bucket(BUCKET);
    let size = (5 << 30) + 1;
    bucket.put_synthetic("large", 1, size);
    let fs = open(&server);
    let lost = Rule::on("CompleteMultipartUpload");
    server.faults().add(lost, Fault::DropAfter);
    fs.copy("large", "copy").unwrap();
    assert_eq!(bucket.get("copy").unwrap().len(), size);
}
