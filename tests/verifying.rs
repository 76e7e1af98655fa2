//! `verify` finds every difference between two trees, and no others.

use std::sync::Mutex;

use s3fs::copy::Condition;
use s3fs::mirror::{Difference, mirror, verify};
use s3fs::{
    Compare, ErrorKind, FileSystem, FileSystemExt, MemoryFs, OnError, OsFs, S3Fs, TransferOptions,
    Walker,
};
use test_server::{BUCKET, Fault, Rule, Server};

use crate::common;
use crate::local::Directory;

fn files(fs: &dyn FileSystem, files: &[(&str, &str)]) {
    for (path, content) in files {
        fs.makedirs_with(
            s3fs::path::dirname(path),
            &s3fs::MakedirOptions::new().recreate(true),
        )
        .unwrap();
        fs.writetext(path, content).unwrap();
    }
}

fn only_source(path: &str) -> Difference {
    Difference::OnlyInSource(path.to_owned())
}

fn only_target(path: &str) -> Difference {
    Difference::OnlyInTarget(path.to_owned())
}

fn content(path: &str) -> Difference {
    Difference::Content(path.to_owned())
}

/// A bucket, a directory of the local disk and a filesystem in memory with the same files.
fn scene() -> (Server, S3Fs, Directory, MemoryFs) {
    let server = Server::start();
    let fs = common::builder(&server).build().unwrap();
    let (disk, memory) = (Directory::new(), MemoryFs::new());
    let all = [
        ("/a", "one"),
        ("/d/b", "two"),
        ("/d/e/c", "three"),
        ("/d/e/empty", ""),
    ];
    files(&fs, &all);
    files(&OsFs::new(&*disk).unwrap(), &all);
    files(&memory, &all);
    (server, fs, disk, memory)
}

#[test]
fn equal_trees_have_no_difference_whatever_their_times() {
    let (_server, fs, disk, memory) = scene();
    let os = OsFs::new(&*disk).unwrap();
    let all: [&dyn FileSystem; 3] = [&fs, &os, &memory];
    for (number, source) in all.iter().enumerate() {
        for target in all.iter().skip(number + 1) {
            for compare in [Compare::SizeAndTime, Compare::Content, Compare::Size] {
                let options = TransferOptions::new().compare(compare);
                assert_eq!(verify(*source, *target, &options).unwrap(), []);
                assert_eq!(verify(*target, *source, &options).unwrap(), []);
            }
        }
    }
}

#[test]
fn every_difference_is_reported_once_and_in_order() {
    let (_server, fs, disk, _) = scene();
    let os = OsFs::new(&*disk).unwrap();
    fs.writetext("a", "eno").unwrap();
    fs.writetext("d/b", "longer").unwrap();
    fs.remove("d/e/c").unwrap();
    fs.makedir("new").unwrap();
    fs.writetext("new/file", "1").unwrap();
    // A file in place of a directory.
    os.makedirs("both").unwrap();
    fs.writetext("both", "file").unwrap();
    let size = Difference::Size {
        path: "/d/b".into(),
        source: 3,
        target: 6,
    };
    let expected = [
        content("/a"),
        only_target("/both"),
        only_source("/both/"),
        size.clone(),
        only_source("/d/e/c"),
        only_target("/new/"),
        only_target("/new/file"),
    ];
    for workers in [1, 4] {
        let options = TransferOptions::new().workers(workers);
        assert_eq!(verify(&os, &fs, &options).unwrap(), expected);
    }
    let by_size = TransferOptions::new().compare(Compare::Size);
    assert_eq!(verify(&os, &fs, &by_size).unwrap(), expected[1..]);
    assert_eq!(
        size.to_string(),
        r#""/d/b" has 3 bytes in the source and 6 in the target"#
    );
    // A mirror makes them equal.
    mirror(&os, &fs, &TransferOptions::new()).unwrap();
    assert_eq!(verify(&os, &fs, &TransferOptions::new()).unwrap(), []);
}

#[test]
fn files_with_equal_etags_are_not_read() {
    let (server, fs, disk, _) = scene();
    let copy = common::builder(&server).dir_path("copy").build().unwrap();
    s3fs::copy::copy_fs(&OsFs::new(&*disk).unwrap(), &copy, &TransferOptions::new()).unwrap();
    let fs = fs.opendir("d").unwrap();
    let copy = copy.opendir("d").unwrap();
    let reads = || {
        let requests = server.take_requests();
        let reads = requests.iter().filter(|r| r.operation == "GetObject");
        reads.count()
    };
    reads();
    assert_eq!(verify(&fs, &copy, &TransferOptions::new()).unwrap(), []);
    assert_eq!(reads(), 0);
    // Different ETags prove nothing: each object is read once.
    copy.writetext("b", "owt").unwrap();
    reads();
    let found = verify(&fs, &copy, &TransferOptions::new()).unwrap();
    assert_eq!(found, [content("/b")]);
    assert_eq!(reads(), 2);
}

#[test]
fn an_etag_that_only_looks_like_a_digest_does_not_make_files_differ() {
    let server = Server::start();
    let fs = common::builder(&server).build().unwrap();
    let memory = MemoryFs::new();
    memory.writetext("f", "content").unwrap();
    fs.writetext("f", "content").unwrap();
    // As for objects that are encrypted with SSE-KMS.
    let bucket = server.bucket(BUCKET);
    let mut object = bucket.get("f").unwrap();
    object.etag = "0123456789abcdef0123456789abcdef".into();
    bucket.put_with("f", object);
    assert_eq!(verify(&memory, &fs, &TransferOptions::new()).unwrap(), []);
}

#[test]
fn excluded_files_are_no_difference() {
    let (_server, fs, disk, _) = scene();
    let os = OsFs::new(&*disk).unwrap();
    fs.makedir("new").unwrap();
    fs.writetext("new/x.tmp", "1").unwrap();
    os.writetext("y.tmp", "1").unwrap();
    let options = || TransferOptions::new().walker(Walker::new().exclude(["*.tmp"]));
    assert_eq!(verify(&os, &fs, &options()).unwrap(), []);
    fs.writetext("a", "much longer").unwrap();
    let small = TransferOptions::new().filter(|_, info| info.size() < Some(6));
    assert_eq!(
        verify(&os, &fs, &small).unwrap(),
        [
            only_target("/new/"),
            only_target("/new/x.tmp"),
            only_source("/y.tmp")
        ]
    );
}

#[test]
fn an_empty_source_and_unreadable_files_are_errors() {
    let (server, fs, disk, memory) = scene();
    let nothing = MemoryFs::new();
    let error = verify(&nothing, &memory, &TransferOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceNotFound);
    let allowed = TransferOptions::new().allow_empty_source(true);
    assert_eq!(verify(&nothing, &memory, &allowed).unwrap().len(), 6);
    let refused = TransferOptions::new().condition(Condition::Newer);
    let error = verify(&fs, &memory, &refused).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let os = OsFs::new(&*disk).unwrap();
    os.writetext("a", "eno").unwrap();
    server.faults().add(
        Rule::on("GetObject").always(),
        Fault::error(403, "AccessDenied"),
    );
    let errors = Mutex::new(0);
    let gather = TransferOptions::new().on_error(|_| {
        *errors.lock().unwrap() += 1;
        OnError::Gather
    });
    fs.remove("d/b").unwrap();
    let found = verify(&os, &fs, &gather).unwrap();
    let unknown = Difference::Unknown("/a".into());
    assert_eq!(found, [unknown, only_source("/d/b")]);
    drop(gather);
    let error = verify(&os, &fs, &TransferOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(errors.into_inner().unwrap(), 1);
}
