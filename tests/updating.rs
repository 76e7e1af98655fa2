//! Updates of files: the resulting object, the transferred bytes, and the state after a failure or a concurrent
//! write.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use s3fs::{
    DownloadArgs, ErrorKind, File as _, FileSystem, FileSystemExt as _, OpenOptions, S3Fs,
    SseCustomerKey, UploadArgs,
};
use test_server::{
    BUCKET, Builder, Content, Fault, Guarded, LoggedRequest, Object, Rule, Server, synthetic_bytes,
};

use crate::common::{self, builder};
#[cfg(target_os = "linux")]
use crate::local::Directory;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A filesystem with parts of at least 10 bytes, and of 16 bytes for new content.
fn tiny(server: &Server) -> S3Fs {
    let builder = builder(server).strict(false).min_part_size(10);
    builder.part_size(16).build().unwrap()
}

fn tiny_server() -> Server {
    Server::builder().min_part_size(10).start()
}

fn stored(server: &Server, key: &str) -> Option<Vec<u8>> {
    server.bucket(BUCKET).get(key).map(|object| object.bytes())
}

fn uploads(server: &Server) -> usize {
    server.bucket(BUCKET).uploads().len()
}

fn names(requests: &[LoggedRequest]) -> Vec<&str> {
    requests.iter().map(|request| request.operation).collect()
}

/// Returns the bytes sent by the client, and by the server.
fn travelled(requests: &[LoggedRequest]) -> (u64, u64) {
    let sum = |bytes: fn(&LoggedRequest) -> u64| requests.iter().map(bytes).sum();
    (
        sum(|request| request.bytes_in),
        sum(|request| request.bytes_out),
    )
}

/// A pseudo-random generator with the same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = self.below(most);
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

/// Runs the same random reads, seeks, writes and truncations on an object and on a local file, and checks
/// that their results and the final content are the same.
fn behaves_as_a_local_file(
    server: &Server,
    fs: &S3Fs,
    random: &mut Random,
    size: u64,
    scale: u64,
    steps: u64,
) {
    let content = synthetic_bytes(random.below(1000), 0, size as usize);
    server.bucket(BUCKET).put("f", content.clone());
    let directory = Directory::new();
    let local = directory.join("local");
    fs::write(&local, &content).unwrap();
    let mode = ["r+", "a+", "w+"][random.below(7).min(2) as usize];
    let mut options = fs::OpenOptions::new();
    match mode {
        "r+" => options.read(true).write(true),
        "a+" => options.read(true).append(true),
        _ => options.read(true).write(true).truncate(true),
    };
    let mut expected = options.open(&local).unwrap();
    let mut file = fs.openbin("f", mode).unwrap();
    if mode == "a+" {
        expected.seek(SeekFrom::End(0)).unwrap();
    }
    let mut told = vec![mode.to_owned()];
    for _ in 0..steps {
        match random.below(5) {
            0 => {
                let to = SeekFrom::Start(random.below(size + scale));
                told.push(format!("{to:?}"));
                assert_eq!(file.seek(to).unwrap(), expected.seek(to).unwrap());
            }
            1 => {
                let length = random.below(scale) as usize;
                told.push(format!("read {length}"));
                let (mut got, mut wanted) = (Vec::new(), Vec::new());
                (&mut file)
                    .take(length as u64)
                    .read_to_end(&mut got)
                    .unwrap();
                (&mut expected)
                    .take(length as u64)
                    .read_to_end(&mut wanted)
                    .unwrap();
                assert_eq!(got, wanted, "{told:?}");
            }
            2 | 3 => {
                let bytes = random.bytes(scale);
                told.push(format!("write {}", bytes.len()));
                file.write_all(&bytes).unwrap();
                expected.write_all(&bytes).unwrap();
            }
            _ if random.below(3) == 0 => {
                let size = random.below(size + scale);
                told.push(format!("set_len {size}"));
                file.set_len(size).unwrap();
                expected.set_len(size).unwrap();
            }
            _ => {}
        }
        let (at, wanted) = (file.stream_position(), expected.stream_position());
        assert_eq!(at.unwrap(), wanted.unwrap(), "{told:?}");
    }
    file.close().unwrap();
    let expected = fs::read(&local).unwrap();
    let found = stored(server, "f").unwrap();
    assert_eq!(found.len(), expected.len(), "{told:?}");
    assert!(found == expected, "{told:?}");
    assert_eq!(uploads(server), 0);
}

#[test]
fn an_updated_object_equals_a_local_file_with_the_same_changes() {
    let server = tiny_server();
    let fs = tiny(&server);
    let mut random = Random(11);
    let mut copies = 0;
    for _ in 0..300 {
        let size = random.below(400);
        let most = [3, 12][random.below(2) as usize];
        let steps = 1 + random.below(most);
        behaves_as_a_local_file(&server, &fs, &mut random, size, 30, steps);
        let requests = server.take_requests();
        copies += names(&requests)
            .iter()
            .filter(|name| **name == "UploadPartCopy")
            .count();
    }
    assert!(copies > 60, "most of this should be about copies: {copies}");
}

#[test]
fn an_updated_object_of_real_size_equals_a_local_file_with_the_same_changes() {
    let server = Server::start();
    let fs = builder(&server).strict(false).build().unwrap();
    let mut random = Random(5);
    for size in [5 * MIB - 1, 5 * MIB + 1, 11 * MIB] {
        behaves_as_a_local_file(&server, &fs, &mut random, size, 3 * MIB, 6);
    }
}

#[test]
fn appending_to_a_large_object_copies_it_and_sends_only_the_new_bytes() {
    let server = Server::start();
    let fs = builder(&server).build().unwrap();
    server.bucket(BUCKET).put_synthetic("d/large", 3, GIB);
    fs.appendbytes("d/large", &[7; 1024]).unwrap();
    let requests = server.take_requests();
    let mut asked = names(&requests);
    // The two parts are uploaded in parallel.
    asked[2..4].sort_unstable();
    let expected = [
        "GetObject",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "HeadObject",
        "CompleteMultipartUpload",
    ];
    assert_eq!(asked, expected);
    let (sent, received) = travelled(&requests);
    assert!(sent <= 64 * KIB, "{sent}");
    assert!(received <= 64 * KIB, "{received}");
    let object = server.bucket(BUCKET).get("d/large").unwrap();
    assert_eq!(object.len(), GIB + 1024);
    let end = object.content.slice(GIB - 5..GIB + 5).to_vec();
    assert_eq!(end[..5], synthetic_bytes(3, GIB - 5, 5));
    assert_eq!(end[5..], [7; 5]);
}

#[test]
fn changing_a_kibibyte_anywhere_sends_and_receives_about_5_mib() {
    let server = Server::start();
    let fs = builder(&server).build().unwrap();
    for at in [0, 100, 3 * MIB, 512 * MIB, GIB - 1024, GIB - 3 * MIB] {
        server.bucket(BUCKET).put_synthetic("large", 3, GIB);
        server.take_requests();
        let mut file = fs.openbin("large", "r+").unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[7; 1024]).unwrap();
        file.close().unwrap();
        let (sent, received) = travelled(&server.take_requests());
        assert!(sent <= 5 * MIB + 64 * KIB, "{at}: {sent}");
        assert!(received <= 5 * MIB + 64 * KIB, "{at}: {received}");
        let object = server.bucket(BUCKET).get("large").unwrap();
        assert_eq!(object.len(), GIB);
        let around = object
            .content
            .slice(at.saturating_sub(9)..(at + 1034).min(GIB));
        let mut expected = synthetic_bytes(3, at.saturating_sub(9), around.len() as usize);
        let start = at.min(9) as usize;
        expected[start..start + 1024].fill(7);
        assert_eq!(around.to_vec(), expected, "{at}");
    }
}

#[test]
fn a_changed_small_object_is_sent_whole_and_an_unchanged_one_is_not_stored() {
    let server = Server::start();
    let fs = builder(&server).build().unwrap();
    server.bucket(BUCKET).put("d/f", "0123456789");
    for (mode, expected) in [("a", "0123456789+"), ("r+", "+123456789+")] {
        let mut file = fs.openbin("d/f", mode).unwrap();
        file.write_all(b"+").unwrap();
        file.close().unwrap();
        // The existing file shows that its directory exists.
        assert_eq!(names(&server.take_requests()), ["GetObject", "PutObject"]);
        assert_eq!(stored(&server, "d/f").unwrap(), expected.as_bytes());
    }
    for mode in ["a", "r+", "a+"] {
        let mut file = fs.openbin("d/f", mode).unwrap();
        file.set_len(11).unwrap();
        file.close().unwrap();
        assert_eq!(names(&server.take_requests()), ["GetObject"], "{mode}");
    }
}

#[test]
fn unchanged_bytes_between_many_small_changes_are_read_in_few_requests() {
    let server = Server::start();
    let fs = builder(&server).build().unwrap();
    for (size, changed, requests) in [
        // One PUT.
        (4 * MIB, 0..4 * MIB, 3),
        // The creation, the parts of which one is sent, a check, the completion; the sent part has two changed ranges.
        (30 * MIB, 12 * MIB..13 * MIB, 8),
    ] {
        server.bucket(BUCKET).put_synthetic("f", 3, size);
        server.take_requests();
        let mut expected = synthetic_bytes(3, 0, size as usize);
        let mut file = fs.openbin("f", "r+").unwrap();
        for at in changed.step_by(8 * KIB as usize) {
            file.seek(SeekFrom::Start(at + 5)).unwrap();
            file.write_all(&[7]).unwrap();
            expected[at as usize + 5] = 7;
        }
        file.close().unwrap();
        let asked = server.take_requests();
        assert!(asked.len() <= requests, "{:?}", names(&asked));
        assert!(stored(&server, "f").unwrap() == expected, "{size}");
    }
}

#[test]
fn an_empty_object_can_be_appended_to() {
    let server = Server::start();
    let fs = builder(&server).build().unwrap();
    let empty = Object::new("").header("x-amz-meta-colour", "red");
    server.bucket(BUCKET).put_with("f", empty);
    fs.appendbytes("f", b"no more").unwrap();
    let object = server.bucket(BUCKET).get("f").unwrap();
    assert_eq!(object.bytes(), b"no more");
    assert_eq!(object.headers["x-amz-meta-colour"], "red");
}

#[test]
fn properties_of_an_object_survive_an_update_in_parts() {
    let server = tiny_server();
    let fs = tiny(&server);
    let mut before = Object::new(synthetic_bytes(1, 0, 100))
        .header("content-type", "text/csv")
        .header("cache-control", "no-store")
        .header("x-amz-meta-colour", "red")
        .header("x-amz-server-side-encryption", "aws:kms");
    before.storage_class = "STANDARD_IA".into();
    before.tags = vec![("team".into(), "harbour".into())];
    server.bucket(BUCKET).put_with("f", before.clone());
    fs.appendbytes("f", b"+").unwrap();
    let requests = server.take_requests();
    assert!(names(&requests).contains(&"UploadPartCopy"));
    assert_eq!(requests.len(), 7, "one more for the tags");
    let after = server.bucket(BUCKET).get("f").unwrap();
    assert_eq!(after.len(), 101);
    assert_eq!(after.headers, before.headers);
    assert_eq!(after.tags, before.tags);
    assert_eq!(after.storage_class, before.storage_class);
}

#[test]
fn an_object_with_a_customer_key_is_updated_in_parts() {
    let server = tiny_server();
    let key = SseCustomerKey::new([7; 32]);
    let upload = UploadArgs::new().sse_customer_key(key.clone());
    let download = DownloadArgs::new().sse_customer_key(key);
    let content = synthetic_bytes(1, 0, 100);
    let of_filesystem = builder(&server)
        .strict(false)
        .min_part_size(10)
        .part_size(16)
        .upload_args(upload.clone())
        .download_args(download.clone())
        .build()
        .unwrap();
    let of_call = OpenOptions::new()
        .upload_args(upload)
        .download_args(download);
    for (fs, options) in [
        (of_filesystem, OpenOptions::new()),
        (tiny(&server), of_call),
    ] {
        fs.writebytes_with("f", &content, &options).unwrap();
        server.take_requests();
        let mut file = fs.openbin_with("f", "a", &options).unwrap();
        file.write_all(b"+").unwrap();
        file.close().unwrap();
        assert!(names(&server.take_requests()).contains(&"UploadPartCopy"));
        let found = fs.readbytes_with("f", &options).unwrap();
        assert_eq!(found, [content.as_slice(), b"+"].concat());
    }
}

/// Stores that handle conditions differently.
fn stores() -> [(&'static str, Builder); 3] {
    let all = [
        Guarded::Put,
        Guarded::Complete,
        Guarded::Copy,
        Guarded::CopySource,
        Guarded::Delete,
    ];
    [
        ("heeds conditions", Server::builder().min_part_size(10)),
        (
            "ignores conditions",
            Server::builder().min_part_size(10).ignore_conditions(all),
        ),
        (
            "like radosgw",
            Server::builder().min_part_size(10).like_radosgw(),
        ),
    ]
}

#[test]
fn an_update_never_replaces_the_object_of_another_writer() {
    for (store, server) in stores() {
        let server = server.start();
        let fs = tiny(&server);
        for size in [5, 100] {
            server.bucket(BUCKET).put("f", synthetic_bytes(1, 0, size));
            let mut file = fs.openbin("f", "r+").unwrap();
            file.write_all(b"mine").unwrap();
            server
                .bucket(BUCKET)
                .put("f", synthetic_bytes(2, 0, size + 7));
            let closed = file.close();
            if size == 5 && store == "ignores conditions" {
                // One PUT without an earlier check, as documented.
                continue;
            }
            let error = closed.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::ResourceChanged,
                "{store} {size}: {error}"
            );
            assert_eq!(error.path(), Some("f"));
            let again = file.close().unwrap_err();
            assert_eq!(again.kind(), ErrorKind::ResourceChanged, "{store} {size}");
            let found = stored(&server, "f").unwrap();
            crate::common::assert_same_bytes(
                found,
                synthetic_bytes(2, 0, size + 7),
                &format!("{store} {size}"),
            );
            assert_eq!(uploads(&server), 0, "{store} {size}");
        }
        // The concurrent object is too small for the ranges to copy.
        server.bucket(BUCKET).put("f", synthetic_bytes(1, 0, 100));
        let mut file = fs.openbin("f", "a").unwrap();
        file.write_all(b"mine").unwrap();
        server.bucket(BUCKET).put("f", "theirs");
        let error = file.close().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{store}: {error}");
        assert_eq!(stored(&server, "f").unwrap(), b"theirs", "{store}");
        assert_eq!(uploads(&server), 0, "{store}");
    }
}

#[test]
fn an_update_succeeds_on_stores_with_unusual_conditions() {
    for (store, server) in stores() {
        let server = server.start();
        let fs = tiny(&server);
        for size in [5, 100] {
            let content = synthetic_bytes(1, 0, size);
            server.bucket(BUCKET).put("f", content.clone());
            fs.appendbytes("f", b"+").unwrap();
            let expected = [content.as_slice(), b"+"].concat();
            assert_eq!(stored(&server, "f").unwrap(), expected, "{store} {size}");
            assert_eq!(uploads(&server), 0, "{store} {size}");
        }
    }
}

#[test]
fn a_dropped_or_failed_update_leaves_the_old_object_and_no_upload() {
    let server = tiny_server();
    let fs = tiny(&server);
    let content = synthetic_bytes(1, 0, 100);
    server.bucket(BUCKET).put("f", content.clone());
    let mut file = fs.openbin("f", "r+").unwrap();
    file.write_all(b"new").unwrap();
    drop(file);
    assert_eq!(stored(&server, "f").unwrap(), content);
    for operation in [
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
    ] {
        let refusal = Fault::error(403, "AccessDenied");
        server.faults().add(Rule::on(operation), refusal);
        let error = fs.appendbytes("f", b"new").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{operation}");
        assert_eq!(stored(&server, "f").unwrap(), content, "{operation}");
        assert_eq!(uploads(&server), 0, "{operation}");
    }
}

#[test]
fn a_lost_response_to_an_update_is_resolved() {
    for (size, operation) in [(5, "PutObject"), (100, "CompleteMultipartUpload")] {
        let server = tiny_server();
        let fs = tiny(&server);
        let content = synthetic_bytes(1, 0, size);
        server.bucket(BUCKET).put("f", content.clone());
        server.faults().add(Rule::on(operation), Fault::DropAfter);
        fs.appendbytes("f", b"+").unwrap();
        let expected = [content.as_slice(), b"+"].concat();
        assert_eq!(stored(&server, "f").unwrap(), expected, "{operation}");
        assert_eq!(uploads(&server), 0);
    }
}

#[test]
fn a_new_file_may_be_large_and_is_readable_before_it_is_stored() {
    let server = Server::builder().discard_over(MIB).start();
    let fs = builder(&server).strict(false).build().unwrap();
    let mut file = fs.openbin("f", "w+").unwrap();
    // More than the memory limit.
    for number in 0..20 {
        file.write_all(&vec![number; MIB as usize]).unwrap();
    }
    file.seek(SeekFrom::Start(17 * MIB)).unwrap();
    let mut byte = [0];
    file.read_exact(&mut byte).unwrap();
    assert_eq!(byte, [17]);
    file.close().unwrap();
    let requests = server.take_requests();
    assert_eq!(requests.len(), 5, "{:?}", names(&requests));
    assert_eq!(travelled(&requests[1..4]).0, 20 * MIB);
}

#[test]
fn zeros_take_no_space_until_they_are_sent() {
    let server = Server::builder().discard_over(MIB).start();
    let fs = builder(&server).strict(false).build().unwrap();
    let mut file = fs.openbin("f", "w+").unwrap();
    file.set_len(1 << 40).unwrap();
    file.seek(SeekFrom::Start(1 << 39)).unwrap();
    file.write_all(b"in the middle").unwrap();
    file.set_len(2 * MIB).unwrap();
    file.close().unwrap();
    let content = server.bucket(BUCKET).get("f").unwrap().content;
    assert!(matches!(content, Content::Discarded { len } if len == 2 * MIB));
}

#[test]
fn no_object_can_grow_beyond_the_largest_size() {
    let server = tiny_server();
    let fs = tiny(&server);
    for mode in ["w+", "a"] {
        server.bucket(BUCKET).put("f", "old");
        let mut file = fs.openbin("f", mode).unwrap();
        assert!(file.set_len(u64::MAX).is_err());
        let error = s3fs::Error::from(file.write_all(b"x").unwrap_err());
        assert_eq!(error.kind(), ErrorKind::OperationFailed);
        for _ in 0..2 {
            assert_eq!(file.close().unwrap_err().kind(), ErrorKind::OperationFailed);
        }
        assert_eq!(stored(&server, "f").unwrap(), b"old");
    }
}

#[test]
fn only_one_of_two_concurrent_updaters_wins() {
    let server = tiny_server();
    let fs = tiny(&server);
    for size in [5, 100] {
        let content = synthetic_bytes(1, 0, size);
        server.bucket(BUCKET).put("f", content.clone());
        let mut files = [1, 2].map(|number| {
            let mut file = fs.openbin("f", "a").unwrap();
            file.write_all(&[number]).unwrap();
            file
        });
        let [first, second] = files.each_mut().map(|file| file.close());
        first.unwrap();
        assert_eq!(second.unwrap_err().kind(), ErrorKind::ResourceChanged);
        let expected = [content.as_slice(), &[1]].concat();
        assert_eq!(stored(&server, "f").unwrap(), expected);
    }
}

#[test]
fn an_old_object_with_identical_bytes_is_not_mistaken_for_the_new_one() {
    let server = tiny_server();
    let fs = builder(&server)
        .strict(false)
        .max_attempts(1)
        .build()
        .unwrap();
    server.bucket(BUCKET).put("f", "01234");
    let args = UploadArgs::new().content_type("text/csv");
    let mut file = fs
        .openbin_with("f", "r+", &OpenOptions::from(args))
        .unwrap();
    file.write_all(b"01234").unwrap();
    server
        .faults()
        .add(Rule::on("PutObject"), Fault::DropBefore);
    assert_eq!(file.close().unwrap_err().kind(), ErrorKind::OutcomeUnknown);
}

/// Writes more than the memory limit when the disk has no space for it.
#[cfg(unix)]
fn is_told_that_there_is_no_temporary_file(kind: ErrorKind) {
    let server = Server::start();
    let fs = builder(&server).strict(false).build().unwrap();
    server.bucket(BUCKET).put("f", "old");
    for mode in ["r+", "a", "w+"] {
        let mut file = fs.openbin("f", mode).unwrap();
        let block = vec![7; MIB as usize];
        let written = (0..20).try_for_each(|_| file.write_all(&block));
        let error = s3fs::Error::from(written.unwrap_err());
        assert_eq!((error.kind(), error.path()), (kind, Some("f")), "{error}");
        let directory = std::env::temp_dir().display().to_string();
        for said in ["temporary file", &directory, "TMPDIR"] {
            assert!(error.to_string().contains(said), "{error}");
        }
        let closed = file.close().unwrap_err();
        assert!(closed.to_string().contains("nothing was stored"));
        assert_eq!(stored(&server, "f").unwrap(), b"old", "{mode}");
        assert_eq!(uploads(&server), 0, "{mode}");
    }
}

#[cfg(unix)]
#[test]
fn changes_without_a_temporary_file_are_not_stored() {
    const TEST: &str = "updating::changes_without_a_temporary_file_are_not_stored";
    match common::given_to_child() {
        Some(_) => is_told_that_there_is_no_temporary_file(ErrorKind::OperationFailed),
        None => common::in_child(TEST, "", &[("TMPDIR", "/nonexistent")]),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn changes_beyond_the_space_of_the_disk_are_not_stored() {
    const TEST: &str = "updating::changes_beyond_the_space_of_the_disk_are_not_stored";
    match common::given_to_child() {
        Some(disk) => {
            assert_eq!(std::env::temp_dir(), disk);
            is_told_that_there_is_no_temporary_file(ErrorKind::InsufficientStorage);
            assert_eq!(fs::read_dir(disk).unwrap().count(), 0);
        }
        None => common::in_child_with_small_disk(TEST, &Directory::new()),
    }
}

/// Ceph's gateway decodes the source of a copied part twice, and would copy the content of `xA` instead of `x%41`.
#[test]
fn a_large_file_with_a_percent_sign_in_its_key_is_sent_and_not_copied() {
    let server = Server::builder().min_part_size(10);
    let server = server.decode_copy_source_twice(true).start();
    let bucket = server.bucket(BUCKET);
    let old: Vec<u8> = (0..200).collect();
    for (key, decoded) in [
        ("x%41", "xA"),
        ("a%2Fb", "a/b"),
        ("%/y%2541", "%/y%41"),
        ("c+%.f", "c+.f"),
    ] {
        for mode in ["r+", "a"] {
            bucket.put(key, old.clone());
            bucket.put(decoded, vec![255; old.len()]);
            let fs = tiny(&server);
            server.take_requests();
            let mut file = fs.openbin(key, mode).unwrap();
            file.seek(SeekFrom::Start(90)).unwrap();
            file.write_all(b"new").unwrap();
            file.close().unwrap();
            let mut expected = old.clone();
            let at = if mode == "a" { old.len() } else { 90 };
            expected.resize(old.len().max(at + 3), 0);
            expected[at..at + 3].copy_from_slice(b"new");
            assert_eq!(stored(&server, key).unwrap(), expected, "{key}");
            assert_eq!(stored(&server, decoded).unwrap(), vec![255; old.len()]);
            let requests = server.take_requests();
            assert!(!names(&requests).contains(&"UploadPartCopy"), "{key}");
        }
    }
    assert_eq!(uploads(&server), 0);
}

#[test]
fn a_store_can_be_declared_to_copy_keys_with_a_percent_sign_correctly() {
    let server = tiny_server();
    let old: Vec<u8> = (0..200).collect();
    for key in ["x%41", "plain"] {
        server.bucket(BUCKET).put(key, old.clone());
        let fs = builder(&server).min_part_size(10).part_size(16);
        let fs = fs.copy_percent_keys(true).build().unwrap();
        server.take_requests();
        fs.appendbytes(key, b"new").unwrap();
        let requests = server.take_requests();
        assert!(names(&requests).contains(&"UploadPartCopy"), "{key}");
        assert_eq!(stored(&server, key).unwrap(), [&old, &b"new"[..]].concat());
    }
}
