//! Writes: the requests during a write, when a file becomes visible, and the state after a
//! failure.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::panic::{self, AssertUnwindSafe};

use s3fs::{
    ChecksumAlgorithm, ErrorKind, File as _, FileSystem as _, FileSystemExt as _, OpenOptions,
    S3Fs, SseCustomerKey, UploadArgs,
};
use test_server::{Answer, BUCKET, Fault, LoggedRequest, Object, Rule, Server, synthetic_bytes};

use crate::common::{self, asked, assert_parts_at_a_time, builder};
use crate::logged;

/// A part size that is small enough to have many parts.
const PART: usize = 1000;

/// A server, and a filesystem on it, that accept parts of any size.
fn scene() -> (Server, S3Fs) {
    let server = Server::builder().min_part_size(1).start();
    let fs = small_parts(&server);
    (server, fs)
}

fn small_parts(server: &Server) -> S3Fs {
    let builder = builder(server).strict(false).min_part_size(1);
    builder.part_size(PART as u64).build().unwrap()
}

fn content(len: usize) -> Vec<u8> {
    synthetic_bytes(7, 0, len)
}

fn names(requests: &[LoggedRequest]) -> Vec<&str> {
    requests.iter().map(|request| request.operation).collect()
}

fn stored(server: &Server, key: &str) -> Option<Vec<u8>> {
    server.bucket(BUCKET).get(key).map(|object| object.bytes())
}

fn uploads(server: &Server) -> usize {
    server.bucket(BUCKET).uploads().len()
}

#[test]
fn a_file_up_to_one_part_is_one_put_and_a_larger_one_is_a_multipart_upload() {
    let (server, fs) = scene();
    for size in [0, 1, PART - 1, PART] {
        let mut file = fs.openbin("f", "w").unwrap();
        file.write_all(&content(size)).unwrap();
        file.close().unwrap();
        assert_eq!(names(&server.take_requests()), ["PutObject"], "{size}");
        crate::common::assert_same_bytes(
            stored(&server, "f").unwrap(),
            content(size),
            "the content",
        );
    }
    for size in [PART + 1, 2 * PART, 2 * PART + 1, 10 * PART] {
        let mut file = fs.openbin("f", "w").unwrap();
        file.write_all(&content(size)).unwrap();
        file.close().unwrap();
        let requests = server.take_requests();
        let parts = size.div_ceil(PART);
        assert_eq!(requests.len(), parts + 2, "{size}: {:?}", names(&requests));
        assert_eq!(requests[0].operation, "CreateMultipartUpload");
        assert_eq!(requests[parts + 1].operation, "CompleteMultipartUpload");
        let mut sent: Vec<_> = requests[1..=parts].iter().map(|r| r.bytes_in).collect();
        sent.sort_unstable();
        assert_eq!(sent.iter().sum::<u64>(), size as u64);
        assert!(sent[1..].iter().all(|bytes| *bytes == PART as u64));
        crate::common::assert_same_bytes(
            stored(&server, "f").unwrap(),
            content(size),
            "the content",
        );
        assert_eq!(uploads(&server), 0);
    }
}

#[test]
fn parts_are_uploaded_during_writes_and_the_file_appears_at_close() {
    let (server, fs) = scene();
    server.bucket(BUCKET).put("f", "old");
    let mut file = fs.openbin("f", "w").unwrap();
    for _ in 0..50 {
        file.write_all(&content(PART)).unwrap();
        file.flush().unwrap();
        assert_eq!(fs.readbytes("f").unwrap(), b"old");
    }
    let upload = server.bucket(BUCKET).uploads().remove(0);
    // All parts except the one that is being filled, and those in flight.
    assert!(upload.parts.len() >= 30, "{}", upload.parts.len());
    file.close().unwrap();
    assert_eq!(stored(&server, "f").unwrap().len(), 50 * PART);
    assert_eq!(uploads(&server), 0);
}

#[test]
fn every_way_to_write_large_files_uses_parts() {
    let (server, fs) = scene();
    let much = content(5 * PART + 1);
    let check = |way: &str| {
        let requests = server.take_requests();
        let parts = requests.iter().filter(|r| r.operation == "UploadPart");
        assert_eq!((requests.len(), parts.count()), (8, 6), "{way}");
        assert_eq!(stored(&server, "f").unwrap(), much, "{way}");
        server.bucket(BUCKET).remove("f");
    };
    fs.writebytes("f", &much).unwrap();
    check("writebytes");
    assert_eq!(
        fs.upload("f", &mut much.as_slice()).unwrap(),
        much.len() as u64
    );
    check("upload");
    let size = much.len() as u64;
    assert_eq!(
        fs.upload_sized("f", &mut much.as_slice(), size).unwrap(),
        size
    );
    check("upload_sized");
    fs.write_with("f", |file| file.write_all(&much)).unwrap();
    check("write_with");
    fs.write_with("f", |file| io::copy(&mut much.as_slice(), file))
        .unwrap();
    check("io::copy");
    let mut file = fs.openbin("f", "x").unwrap();
    file.write_all(&much).unwrap();
    file.close().unwrap();
    let looks = server.requests();
    let looks = looks.iter().filter(|r| r.operation == "HeadObject");
    assert_eq!(
        looks.count(),
        1,
        "right before the end, for stores that ignore the condition"
    );
}

#[test]
fn an_object_of_parts_has_all_upload_arguments() {
    let (server, fs) = scene();
    let args = UploadArgs::new()
        .content_type("text/csv")
        .cache_control("no-store")
        .metadata("origin", "tide gauge")
        .tag("team", "harbour")
        .storage_class("STANDARD_IA")
        .expected_bucket_owner("111122223333")
        .checksum_algorithm(ChecksumAlgorithm::Crc32c);
    let mut file = fs.openbin_with("f", "w", &OpenOptions::from(args)).unwrap();
    file.write_all(&content(3 * PART)).unwrap();
    file.close().unwrap();
    let object = server.bucket(BUCKET).get("f").unwrap();
    assert_eq!(object.headers["content-type"], "text/csv");
    assert_eq!(object.headers["cache-control"], "no-store");
    assert_eq!(object.headers["x-amz-meta-origin"], "tide gauge");
    assert_eq!(object.tags, [("team".into(), "harbour".into())]);
    assert_eq!(object.storage_class, "STANDARD_IA");
    assert_eq!(object.checksum_type, "FULL_OBJECT");
    assert!(object.checksums.contains_key("crc32c"));
    for request in server.take_requests() {
        let owner = request.header("x-amz-expected-bucket-owner");
        assert_eq!(owner, Some("111122223333"), "{}", request.operation);
        let digest = request.header("x-amz-checksum-crc32c");
        assert_eq!(digest.is_some(), request.operation == "UploadPart");
    }
    // A name without a known type.
    fs.writebytes("g.csv", &content(2 * PART)).unwrap();
    let guessed = server.bucket(BUCKET).get("g.csv").unwrap();
    assert_eq!(guessed.headers["content-type"], "text/csv");
}

#[test]
fn every_checksum_algorithm_works_with_parts() {
    let (server, fs) = scene();
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32c,
        ChecksumAlgorithm::Crc64nvme,
        ChecksumAlgorithm::Sha256,
    ] {
        let args = UploadArgs::new().checksum_algorithm(algorithm);
        let options = OpenOptions::from(args);
        fs.writebytes_with("whole", &content(3 * PART), &options)
            .unwrap();
        let mut file = fs.openbin_with("f", "w", &options).unwrap();
        file.write_all(&content(3 * PART)).unwrap();
        file.close().unwrap();
        let bucket = server.bucket(BUCKET);
        let (whole, object) = (bucket.get("whole").unwrap(), bucket.get("f").unwrap());
        assert_eq!(object.checksums, whole.checksums, "{algorithm:?}");
        assert_eq!(object.checksums.len(), 1, "{algorithm:?}");
    }
}

#[test]
fn a_customer_key_is_sent_with_every_part() {
    let (server, _) = scene();
    let key = SseCustomerKey::new([7; 32]);
    let fs = builder(&server)
        .strict(false)
        .min_part_size(1)
        .part_size(PART as u64)
        .upload_args(UploadArgs::new().sse_customer_key(key.clone()))
        .download_args(s3fs::DownloadArgs::new().sse_customer_key(key))
        .build()
        .unwrap();
    let mut file = fs.openbin("f", "x").unwrap();
    file.write_all(&content(3 * PART)).unwrap();
    file.close().unwrap();
    crate::common::assert_same_bytes(fs.readbytes("f").unwrap(), content(3 * PART), "the content");
    assert!(
        server
            .bucket(BUCKET)
            .get("f")
            .unwrap()
            .customer_key_md5
            .is_some()
    );
}

#[test]
fn a_dropped_writer_leaves_the_old_object_and_no_upload() {
    let (server, fs) = scene();
    server.bucket(BUCKET).put("f", "old");
    let mut file = fs.openbin("f", "w").unwrap();
    file.write_all(&content(20 * PART)).unwrap();
    drop(file);
    assert_eq!(stored(&server, "f").unwrap(), b"old");
    assert_eq!(uploads(&server), 0);

    let failed: s3fs::Result<()> = fs.write_with("f", |file| {
        file.write_all(&content(20 * PART))?;
        Err(io::Error::other("no more tides"))
    });
    assert!(failed.unwrap_err().to_string().contains("no more tides"));
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        let _ = fs.write_with("f", |file| -> io::Result<()> {
            file.write_all(&content(20 * PART))?;
            panic!("in the middle of a write")
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(stored(&server, "f").unwrap(), b"old");
    assert_eq!(uploads(&server), 0);
}

#[test]
fn a_rejected_part_fails_the_file_and_leaves_the_old_object() {
    for nth in [1, 2, 7] {
        let (server, fs) = scene();
        server.bucket(BUCKET).put("f", "old");
        let refusal = Fault::error(403, "AccessDenied");
        server
            .faults()
            .add(Rule::on("UploadPart").nth(nth), refusal);
        let mut file = fs.openbin("f", "w").unwrap();
        let written = file.write_all(&content(20 * PART));
        let closed = file.close();
        let closed = closed.unwrap_err();
        // `close` waits for the last parts.
        match written {
            Err(error) => {
                let error = s3fs::Error::from(error);
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                assert!(closed.to_string().contains("nothing was stored"));
            }
            Ok(()) => assert_eq!(closed.kind(), ErrorKind::PermissionDenied),
        }
        let again = file.close().unwrap_err();
        assert_eq!(again.to_string(), closed.to_string());
        assert!(file.write_all(b"x").is_err());
        assert_eq!(stored(&server, "f").unwrap(), b"old");
        assert_eq!(uploads(&server), 0);
    }
}

#[test]
fn an_upload_that_cannot_be_aborted_is_logged_with_its_id() {
    let (server, fs) = scene();
    let refusal = Fault::error(403, "AccessDenied");
    server
        .faults()
        .add(Rule::on("AbortMultipartUpload").always(), refusal);
    let warnings = logged::warnings(|| {
        let mut file = fs.openbin("f", "w").unwrap();
        file.write_all(&content(3 * PART)).unwrap();
        drop(file);
    });
    let upload = server.bucket(BUCKET).uploads().remove(0);
    let told = warnings.iter().any(|warning| warning.contains(&upload.id));
    assert!(told, "{warnings:?}");
}

#[test]
fn an_upload_of_unknown_outcome_is_logged_with_its_id() {
    let (server, fs) = scene();
    let faults = server.faults();
    faults.add(
        Rule::on("CompleteMultipartUpload").always(),
        Fault::DropBefore,
    );
    let refusal = Fault::error(403, "AccessDenied");
    faults.add(Rule::on("AbortMultipartUpload").always(), refusal);
    let warnings = logged::warnings(|| {
        let mut file = fs.openbin("f", "w").unwrap();
        file.write_all(&content(3 * PART)).unwrap();
        let error = file.close().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    });
    let upload = server.bucket(BUCKET).uploads().remove(0);
    let told = warnings.iter().any(|warning| warning.contains(&upload.id));
    assert!(told, "{warnings:?}");
}

#[test]
fn an_upload_whose_creation_response_was_lost_is_logged() {
    let (server, _) = scene();
    let fs = builder(&server).strict(false).max_attempts(1);
    let fs = fs.min_part_size(1).part_size(PART as u64).build().unwrap();
    let lost = Fault::DropAfter;
    server.faults().add(Rule::on("CreateMultipartUpload"), lost);
    let warnings = logged::warnings(|| {
        fs.writebytes("the file", &content(3 * PART)).unwrap_err();
    });
    assert_eq!(uploads(&server), 1);
    let is_it = |told: &String| told.contains("the file") && told.contains("may remain");
    assert!(warnings.iter().any(is_it), "{warnings:?}");
}

#[test]
fn the_abort_of_an_upload_is_retried() {
    for failure in [
        Fault::error(503, "SlowDown"),
        Fault::error(500, "InternalError"),
        Fault::ResetBefore,
        Fault::DropAfter,
    ] {
        let (server, fs) = scene();
        let mut file = fs.openbin("f", "w").unwrap();
        file.write_all(&content(3 * PART)).unwrap();
        server
            .faults()
            .add(Rule::on("AbortMultipartUpload"), failure.clone());
        let warnings = logged::warnings(|| drop(file));
        assert_eq!(uploads(&server), 0, "{failure:?}");
        assert_eq!(asked(&server, "AbortMultipartUpload").len(), 2);
        let stays = |warning: &String| warning.contains("may remain");
        assert!(!warnings.iter().any(stays), "{warnings:?}");
    }
}

#[test]
fn parts_are_uploaded_in_parallel_within_the_buffer() {
    // One part of those that the buffer holds is being filled.
    for (buffer, workers, at_a_time) in [(5, 10, 4), (2, 10, 1), (100, 3, 3)] {
        let (server, _) = scene();
        let fs = builder(&server)
            .strict(false)
            .min_part_size(1)
            .part_size(PART as u64)
            .write_buffer(buffer * PART as u64)
            .max_workers(workers);
        let fs = fs.build().unwrap();
        assert_parts_at_a_time(&server, at_a_time, || {
            let much = content(12 * PART);
            fs.upload("u", &mut much.as_slice()).unwrap();
        });
        assert_parts_at_a_time(&server, at_a_time, || {
            let mut file = fs.openbin("f", "w").unwrap();
            file.write_all(&content(12 * PART)).unwrap();
            file.close().unwrap();
        });
        // Content that is in memory anyway does not take buffers.
        assert_parts_at_a_time(&server, workers, || {
            fs.writebytes("bytes", &content(12 * PART)).unwrap();
        });
        crate::common::assert_same_bytes(
            stored(&server, "f").unwrap(),
            content(12 * PART),
            "the content",
        );
    }
}

#[test]
fn an_upload_damaged_in_transit_is_sent_again() {
    let (server, fs) = scene();
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32c,
        ChecksumAlgorithm::Crc64nvme,
        ChecksumAlgorithm::Sha256,
    ] {
        let options = OpenOptions::from(UploadArgs::new().checksum_algorithm(algorithm));
        for (size, operation, requests) in [(600, "PutObject", 2), (3 * PART, "UploadPart", 4)] {
            server
                .faults()
                .add(Rule::on(operation), Fault::CorruptUpload(500));
            let mut file = fs.openbin_with("f", "w", &options).unwrap();
            file.write_all(&content(size)).unwrap();
            file.close().unwrap();
            crate::common::assert_same_bytes(
                stored(&server, "f").unwrap(),
                content(size),
                "the content",
            );
            assert_eq!(asked(&server, operation).len(), requests, "{algorithm:?}");
        }
    }
    // Delete requests always have a digest.
    for key in ["d/a", "d/b"] {
        server.bucket(BUCKET).put(key, "x");
    }
    server
        .faults()
        .add(Rule::on("DeleteObjects"), Fault::CorruptUpload(20));
    fs.removetree("d").unwrap();
    assert_eq!(server.bucket(BUCKET).keys(), ["f"]);
    assert_eq!(server.faults().pending(), 0);
}

#[test]
fn an_exclusive_upload_in_parts_never_replaces_a_concurrent_object() {
    let (server, fs) = scene();
    let mut file = fs.openbin("f", "x").unwrap();
    file.write_all(&content(3 * PART)).unwrap();
    server.bucket(BUCKET).put("f", "another's");
    let error = file.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileExists);
    assert_eq!(error.path(), Some("f"));
    assert_eq!(stored(&server, "f").unwrap(), b"another's");
    assert_eq!(uploads(&server), 0);
}

#[test]
fn an_upload_in_parts_on_an_etag_never_replaces_another_object() {
    let (server, fs) = scene();
    let bucket = server.bucket(BUCKET);
    bucket.put("f", "old");
    let e_tag = format!("\"{}\"", bucket.get("f").unwrap().etag);
    let options = OpenOptions::new().if_match(e_tag.as_str());
    let mut file = fs.openbin_with("f", "w", &options).unwrap();
    file.write_all(&content(3 * PART)).unwrap();
    file.close().unwrap();
    crate::common::assert_same_bytes(
        stored(&server, "f").unwrap(),
        content(3 * PART),
        "the content",
    );

    let mut file = fs.openbin_with("f", "w", &options).unwrap();
    file.write_all(&content(4 * PART)).unwrap();
    assert_eq!(file.close().unwrap_err().kind(), ErrorKind::ResourceChanged);
    crate::common::assert_same_bytes(
        stored(&server, "f").unwrap(),
        content(3 * PART),
        "the content",
    );
    assert_eq!(uploads(&server), 0);
}

#[test]
fn a_lost_response_to_an_exclusive_write_is_no_false_failure() {
    for (size, operation) in [(10, "PutObject"), (3 * PART, "CompleteMultipartUpload")] {
        let (server, fs) = scene();
        server.faults().add(Rule::on(operation), Fault::DropAfter);
        let mut file = fs.openbin("f", "x").unwrap();
        file.write_all(&content(size)).unwrap();
        file.close().unwrap();
        crate::common::assert_same_bytes(stored(&server, "f").unwrap(), content(size), operation);
        assert_eq!(uploads(&server), 0);
    }
}

#[test]
fn a_writer_whose_first_check_fails_recognizes_its_object_at_the_second() {
    // This store responds to the abort of a completed upload as if the upload had been open.
    let (server, fs) = scene();
    let mut file = fs.openbin("f", "x").unwrap();
    let faults = server.faults();
    faults.add(Rule::on("CompleteMultipartUpload"), Fault::DropAfter);
    faults.add(
        Rule::on("HeadObject").nth(2),
        Fault::error(403, "AccessDenied"),
    );
    faults.add(Rule::on("ListParts"), Fault::error(501, "NotImplemented"));
    let aborted = Fault::Answer(Answer::new(204, ""));
    faults.add(Rule::on("AbortMultipartUpload"), aborted);
    file.write_all(&content(3 * PART)).unwrap();
    file.close().unwrap();
    assert_eq!(server.faults().pending(), 0);
    crate::common::assert_same_bytes(
        stored(&server, "f").unwrap(),
        content(3 * PART),
        "the content",
    );
}

#[test]
fn an_object_that_cannot_be_checked_after_a_lost_response_is_no_sure_failure() {
    // This store responds to the abort of a completed upload as if the upload had been open.
    // With a condition, an additional check precedes it.
    for (mode, looks_before) in [("w", 0), ("x", 1)] {
        let (server, fs) = scene();
        let mut file = fs.openbin("f", mode).unwrap();
        let faults = server.faults();
        faults.add(Rule::on("CompleteMultipartUpload"), Fault::DropAfter);
        let aborted = Fault::Answer(Answer::new(204, ""));
        faults.add(Rule::on("AbortMultipartUpload"), aborted);
        file.write_all(&content(3 * PART)).unwrap();
        let look = Rule::on("HeadObject").nth(looks_before + 1).always();
        faults.add(look, Fault::error(403, "AccessDenied"));
        let error = file.close().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        crate::common::assert_same_bytes(
            stored(&server, "f").unwrap(),
            content(3 * PART),
            "the content",
        );
    }
}

#[test]
fn a_lost_response_to_the_completion_of_an_upload_is_resolved() {
    for strict in [true, false] {
        let (server, _) = scene();
        let fs = builder(&server)
            .strict(strict)
            .min_part_size(1)
            .part_size(PART as u64);
        let fs = fs.build().unwrap();
        server.bucket(BUCKET).put("f", "old");
        server
            .faults()
            .add(Rule::on("CompleteMultipartUpload"), Fault::DropAfter);
        fs.writebytes("f", &content(3 * PART)).unwrap();
        crate::common::assert_same_bytes(
            stored(&server, "f").unwrap(),
            content(3 * PART),
            "the content",
        );
    }
}

#[test]
fn a_source_of_an_unexpected_size_stores_nothing() {
    let (server, fs) = scene();
    for size in [10, 3 * PART] {
        for told in [size - 1, size + 1] {
            let source = content(size);
            let error = fs.upload_sized("f", &mut source.as_slice(), told as u64);
            assert_eq!(error.unwrap_err().kind(), ErrorKind::OperationFailed);
            assert_eq!(stored(&server, "f"), None);
            assert_eq!(uploads(&server), 0);
        }
    }
}

#[test]
fn a_failed_source_stores_nothing_and_its_error_is_returned_unchanged() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0 {
                0 => Err(io::Error::other("the tape is torn")),
                left => {
                    let count = left.min(buffer.len()).min(333);
                    self.0 -= count;
                    Ok(count)
                }
            }
        }
    }
    let (server, fs) = scene();
    for size in [10, 3 * PART] {
        let error = fs.upload("f", &mut Failing(size)).unwrap_err();
        assert!(error.to_string().contains("the tape is torn"), "{error}");
        assert_eq!(error.path(), Some("f"));
        assert_eq!(stored(&server, "f"), None);
        assert_eq!(uploads(&server), 0);
    }
}

#[test]
fn content_written_in_many_ways_is_stored_unchanged() {
    let (server, fs) = scene();
    let much = content(7 * PART + 77);
    for step in [1, 13, 999, 1000, 1001, 2500, 10_000] {
        let mut file = fs.openbin("f", "w").unwrap();
        for chunk in much.chunks(step) {
            file.write_all(chunk).unwrap();
        }
        assert_eq!(file.stream_position().unwrap(), much.len() as u64);
        file.close().unwrap();
        assert_eq!(stored(&server, "f").unwrap(), much, "{step}");
    }
}

#[test]
fn a_rewritten_file_does_not_keep_old_metadata() {
    let (server, fs) = scene();
    let old = Object::new("old").header("x-amz-meta-colour", "red");
    server.bucket(BUCKET).put_with("f", old);
    fs.writebytes("f", &content(3 * PART)).unwrap();
    let headers: BTreeMap<_, _> = server.bucket(BUCKET).get("f").unwrap().headers;
    assert!(!headers.contains_key("x-amz-meta-colour"));
}

#[test]
fn a_file_can_be_opened_as_a_writer_or_an_updater() {
    let (server, fs) = scene();
    let options = OpenOptions::new();
    let mut writer = fs.open_write("f", "x", &options).unwrap();
    writer.write_all(b"0123").unwrap();
    writer.close().unwrap();
    let mut updater = fs.open_update("f", "a", &options).unwrap();
    updater.write_all(b"4").unwrap();
    updater.close().unwrap();
    assert_eq!(stored(&server, "f").unwrap(), b"01234");
    for mode in ["r", "a", "r+", "w+", "x+"] {
        let error = fs.open_write("f", mode, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidMode, "{mode}");
    }
    for mode in ["r", "w", "x"] {
        let error = fs.open_update("f", mode, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidMode, "{mode}");
        assert_eq!(error.path(), Some("f"));
    }
}

#[test]
fn an_older_object_with_the_same_parts_is_not_mistaken_for_an_uncompleted_upload() {
    let (server, fs) = scene();
    let much = content(3 * PART);
    fs.writebytes("f", &much).unwrap();
    let old = server.bucket(BUCKET).get("f").unwrap();
    let failure = Fault::error(500, "InternalError");
    server
        .faults()
        .add(Rule::on("CompleteMultipartUpload").always(), failure);
    let args = UploadArgs::new().content_type("text/csv");
    let fs = builder(&server).strict(false).min_part_size(1);
    let fs = fs.part_size(PART as u64).max_attempts(1).build().unwrap();
    let error = fs.writebytes_with("f", &much, &OpenOptions::from(args));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    let object = server.bucket(BUCKET).get("f").unwrap();
    assert_eq!(object.headers, old.headers);
    assert_eq!(uploads(&server), 0);
}

#[test]
fn a_conflict_with_another_request_is_not_reported_as_an_existing_file() {
    for (size, operation) in [(10, "PutObject"), (3 * PART, "CompleteMultipartUpload")] {
        let (server, _) = scene();
        let fs = builder(&server).strict(false).min_part_size(1);
        let fs = fs.part_size(PART as u64).max_attempts(1).build().unwrap();
        let conflict = Fault::error(409, "ConditionalRequestConflict");
        server.faults().add(Rule::on(operation), conflict.clone());
        let mut file = fs.openbin("f", "x").unwrap();
        file.write_all(&content(size)).unwrap();
        let error = file.close().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OperationFailed, "{error}");
        assert_eq!(stored(&server, "f"), None);

        server.faults().add(Rule::on(operation), conflict);
        let mut file = fs.openbin("f", "x").unwrap();
        file.write_all(&content(size)).unwrap();
        server.bucket(BUCKET).put("f", "another's");
        assert_eq!(file.close().unwrap_err().kind(), ErrorKind::FileExists);
        assert_eq!(stored(&server, "f").unwrap(), b"another's");
        assert_eq!(uploads(&server), 0);
    }
}

/// Writes back and forth in a part, and compares with a `Vec` that is written in the same way.
#[test]
fn a_written_file_can_seek_and_be_truncated_within_the_unsent_part() {
    const PART: u64 = 5 << 20;
    let server = Server::start();
    let fs = common::builder(&server).part_size(PART).build().unwrap();
    for mode in ["w", "x"] {
        let mut file = fs.openbin(mode, mode).unwrap();
        file.write_all(b"0123456789").unwrap();
        assert_eq!(file.seek(SeekFrom::Start(2)).unwrap(), 2);
        file.write_all(b"ab").unwrap();
        assert_eq!(file.stream_position().unwrap(), 4);
        assert_eq!(file.seek(SeekFrom::End(-1)).unwrap(), 9);
        file.write_all(b"xyz").unwrap();
        file.set_len(11).unwrap();
        file.seek(SeekFrom::Start(13)).unwrap();
        file.write_all(b"!").unwrap();
        file.set_len(15).unwrap();
        file.close().unwrap();
        assert_eq!(fs.readbytes(mode).unwrap(), b"01ab45678xy\0\0!\0");
    }
}

#[test]
fn sent_parts_cannot_be_changed_and_the_error_names_the_mode_that_can() {
    const PART: u64 = 5 << 20;
    let server = Server::start();
    let fs = common::builder(&server).part_size(PART).build().unwrap();
    let content: Vec<u8> = (0..PART + 4).map(|n| (n % 251) as u8).collect();
    let mut file = fs.openbin("f", "w").unwrap();
    file.write_all(&content).unwrap();
    for refused in [
        file.seek(SeekFrom::Start(PART - 1)).map(drop),
        file.seek(SeekFrom::Start(3 * PART)).map(drop),
        file.set_len(PART - 1),
        file.set_len(2 * PART + 1),
    ] {
        let error = s3fs::Error::from(refused.unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("w+"), "{error}");
    }
    assert_eq!(file.stream_position().unwrap(), PART + 4);
    file.seek(SeekFrom::Start(PART + 1)).unwrap();
    file.write_all(b"*").unwrap();
    file.seek(SeekFrom::Start(2 * PART)).unwrap();
    file.write_all(b"end").unwrap();
    file.close().unwrap();
    let mut expected = content;
    expected[PART as usize + 1] = b'*';
    expected.resize(2 * PART as usize, 0);
    expected.extend(b"end");
    common::assert_same_bytes(fs.readbytes("f").unwrap(), expected, "f");
}
