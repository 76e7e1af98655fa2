//! Requests for calls that remove or mirror many files, counted by the server: no request per file except its own
//! change.

use std::collections::BTreeMap;

use s3fs::mirror::mirror;
use s3fs::moving::move_fs;
use s3fs::{ErrorKind, FileSystem, FileSystemExt, MemoryFs, OsFs, S3Fs, TransferOptions};
use test_server::{Answer, Bucket, Fault, Rule, Server};

use crate::common;
use crate::local::Directory;

/// Number of files in each tree.
const FILES: usize = 1_000;

/// Page size of a listing, so that a tree takes several pages; DeleteObjects takes 1,000 keys in any case.
const PAGE: usize = 100;

/// A listing of the tree, the deletes, and a few more.
const FEW: usize = FILES.div_ceil(PAGE) + FILES.div_ceil(1_000) + 10;

fn server() -> Server {
    let page = i32::try_from(PAGE).expect("a small number");
    Server::builder().page_size(page).start()
}

fn open(server: &Server, strict: bool) -> S3Fs {
    common::builder(server).strict(strict).build().unwrap()
}

/// Returns the number of requests of each operation.
fn count(server: &Server, act: impl FnOnce()) -> BTreeMap<String, usize> {
    server.take_requests();
    act();
    let mut counts = BTreeMap::new();
    for request in server.take_requests() {
        *counts.entry(request.operation.to_owned()).or_default() += 1;
    }
    counts
}

fn sum(counts: &BTreeMap<String, usize>) -> usize {
    counts.values().sum()
}

/// Files `{directory}/f0000.log` and so on, spread over `directories` directories.
fn paths(directories: usize) -> Vec<String> {
    let path = |n: usize| format!("logs/d{:02}/f{n:04}.log", n % directories);
    (0..FILES).map(path).collect()
}

fn put_all(bucket: &Bucket, paths: &[String]) {
    for path in paths {
        bucket.put(path, "content");
    }
}

fn borrowed(paths: &[String]) -> Vec<&str> {
    paths.iter().map(String::as_str).collect()
}

#[test]
fn a_mirror_of_new_files_sends_only_their_uploads() {
    for strict in [true, false] {
        let local = Directory::new();
        let (memory, disk) = (MemoryFs::new(), OsFs::new(&*local).unwrap());
        for directory in 0..4 {
            for fs in [&memory as &dyn FileSystem, &disk] {
                fs.makedirs(&format!("logs/d{directory:02}")).unwrap();
            }
        }
        for path in paths(4) {
            memory.writetext(&path, "content").unwrap();
            disk.writetext(&path, "content").unwrap();
        }
        for source in [&memory as &dyn FileSystem, &disk] {
            let server = server();
            let fs = open(&server, strict);
            let counts = count(&server, || {
                let report = mirror(source, &fs, &TransferOptions::new()).unwrap();
                assert_eq!(report.copied(), FILES);
            });
            assert!(sum(&counts) <= FILES + FEW, "strict: {strict}, {counts:?}");
            assert_eq!(server.bucket("bucket").keys().len(), FILES + 5);
        }
    }
}

/// What keeps the directories of the removed files (nothing, another file, a marker), and the number of new markers.
const KEPT: [(&str, usize); 3] = [("", 4), ("keep.txt", 0), ("/", 0)];

/// Stores another file in each directory, or its marker, or nothing.
fn put_what_keeps(bucket: &Bucket, directories: usize, what: &str) {
    for directory in 0..directories {
        match what {
            "" => {}
            "/" => bucket.put(&format!("logs/d{directory:02}/"), ""),
            name => bucket.put(&format!("logs/d{directory:02}/{name}"), "content"),
        }
    }
}

/// Checks that the directories of the tree exist if strict mode or something else keeps them.
fn assert_kept(fs: &S3Fs, directories: usize, strict: bool, what: &str) {
    let there = strict || !what.is_empty();
    for directory in 0..directories {
        let path = format!("logs/d{directory:02}");
        assert_eq!(
            fs.isdir(&path).unwrap(),
            there,
            "{path}, strict: {strict}, {what:?}"
        );
    }
}

#[test]
fn a_removing_glob_sends_no_additional_request_per_file() {
    for (what, markers) in KEPT {
        for strict in [true, false] {
            let server = server();
            let bucket = server.bucket("bucket");
            put_all(&bucket, &paths(4));
            put_what_keeps(&bucket, 4, what);
            let fs = open(&server, strict);
            let counts = count(&server, || {
                assert_eq!(fs.glob("**/*.log").remove().unwrap(), FILES as u64);
            });
            let markers = if strict { markers } else { 0 };
            assert!(sum(&counts) <= FEW + markers, "{what:?}, {counts:?}");
            assert_eq!(
                counts.get("PutObject").copied().unwrap_or_default(),
                markers
            );
            assert_eq!(fs.glob("**/*.log").count().unwrap().files, 0);
            assert_kept(&fs, 4, strict, what);
        }
    }
}

#[test]
fn other_removing_patterns_also_keep_directories() {
    let patterns = [
        "logs/d00/*.log",
        "logs/d00/f*.log",
        "logs/*/f*.log",
        "logs/**/*.log",
    ];
    for (pattern, what) in patterns
        .iter()
        .flat_map(|one| KEPT.map(|(what, _)| (*one, what)))
    {
        let server = Server::start();
        let bucket = server.bucket("bucket");
        for number in 0..30 {
            bucket.put(&format!("logs/d00/f{number:02}.log"), "content");
        }
        put_what_keeps(&bucket, 1, what);
        let fs = common::open(&server);
        let counts = count(&server, || {
            assert_eq!(fs.glob(pattern).remove().unwrap(), 30);
        });
        assert!(sum(&counts) <= 6, "{pattern}, {what:?}: {counts:?}");
        assert_kept(&fs, 1, true, what);
    }
}

#[test]
fn a_mirror_sends_no_additional_request_per_removed_file() {
    for (what, markers) in KEPT {
        for strict in [true, false] {
            let server = server();
            let bucket = server.bucket("bucket");
            let paths = paths(4);
            put_all(&bucket, &paths);
            put_what_keeps(&bucket, 4, what);
            let source = MemoryFs::new();
            for directory in 0..4 {
                let path = format!("logs/d{directory:02}");
                source.makedirs(&path).unwrap();
                if what == "keep.txt" {
                    source
                        .writetext(&format!("{path}/keep.txt"), "content")
                        .unwrap();
                }
            }
            let fs = open(&server, strict);
            let options = TransferOptions::new().compare(s3fs::Compare::Size);
            let counts = count(&server, || {
                let report = mirror(&source, &fs, &options).unwrap();
                assert_eq!(report.actions().len(), FILES);
            });
            let markers = if strict { markers } else { 0 };
            assert!(sum(&counts) <= FEW + markers, "{what:?}, {counts:?}");
            assert_eq!(
                counts.get("PutObject").copied().unwrap_or_default(),
                markers
            );
            assert_eq!(fs.glob("**/*.log").count().unwrap().files, 0);
            assert_kept(&fs, 4, strict, what);
        }
    }
}

#[test]
fn named_files_are_found_by_listings() {
    for (what, markers) in KEPT {
        for strict in [true, false] {
            let server = server();
            let bucket = server.bucket("bucket");
            let paths = paths(4);
            put_all(&bucket, &paths);
            put_what_keeps(&bucket, 4, what);
            let fs = open(&server, strict);
            let counts = count(&server, || {
                let removed = fs.remove_many(&borrowed(&paths));
                assert!(removed.iter().all(Result::is_ok));
            });
            let markers = if strict { markers } else { 0 };
            assert!(sum(&counts) <= FEW + markers, "{what:?}, {counts:?}");
            assert_eq!(counts["DeleteObjects"], 1);
            if !strict {
                assert_eq!(sum(&counts), 1, "{counts:?}");
            }
            assert_kept(&fs, 4, strict, what);
        }
    }
}

#[test]
fn named_files_cost_at_most_two_requests_each_plus_one() {
    // Each file is far from the others, or among many that stay.
    let scattered = (0..50).map(|n| format!("x{n:02}/f")).collect::<Vec<_>>();
    let sparse = (0..50)
        .map(|n| format!("d/{:04}", n * 97 + 3))
        .collect::<Vec<_>>();
    let few = ["a/1", "a/2", "b/1"].map(str::to_owned).to_vec();
    let others = (0..5_000).map(|n| format!("d/{n:04}"));
    let apart = (0..50).flat_map(|n| (0..120).map(move |k| format!("x{n:02}/e{k:03}")));
    let more = (0..300).flat_map(|n| [format!("a/0{n:03}"), format!("b/0{n:03}")]);
    let all: Vec<String> = others.chain(apart).chain(more).collect();
    for paths in [scattered, sparse, few] {
        let server = server();
        let bucket = server.bucket("bucket");
        put_all(&bucket, &all);
        put_all(&bucket, &paths);
        let fs = open(&server, true);
        let counts = count(&server, || {
            let removed = fs.remove_many(&borrowed(&paths));
            assert!(removed.iter().all(Result::is_ok), "{removed:?}");
        });
        assert!(sum(&counts) <= 2 * paths.len() + 2, "{counts:?}");
        assert!(!counts.contains_key("PutObject"), "{counts:?}");
        for path in &paths {
            assert!(bucket.get(path).is_none(), "{path}");
        }
    }
}

#[test]
fn each_file_fails_separately() {
    let paths = [
        "d/a",
        "d/missing",
        "d",
        "../x",
        "",
        "e/only",
        "d/a",
        "d/locked",
        "d/b",
        "g/f",
    ];
    for strict in [true, false] {
        let server = Server::start();
        let bucket = server.bucket("bucket");
        for key in ["d/a", "d/b", "d/c", "d/locked", "e/only", "g/f", "g/f/x"] {
            bucket.put(key, "content");
        }
        bucket.refuse_delete("d/locked");
        let fs = open(&server, strict);
        let removed = fs.remove_many(&paths);
        let kinds: Vec<_> = removed
            .iter()
            .map(|removed| removed.as_ref().err().map(s3fs::Error::kind))
            .collect();
        let only_strict = |kind| strict.then_some(kind);
        assert_eq!(
            kinds,
            [
                None,
                only_strict(ErrorKind::ResourceNotFound),
                only_strict(ErrorKind::FileExpected),
                Some(ErrorKind::IllegalBackReference),
                Some(ErrorKind::FileExpected),
                None,
                only_strict(ErrorKind::ResourceNotFound),
                Some(ErrorKind::PermissionDenied),
                None,
                None,
            ],
            "strict: {strict}"
        );
        for (path, removed) in paths.iter().zip(&removed) {
            if let Err(error) = removed {
                assert_eq!(error.path(), Some(*path));
            }
        }
        let mut left = vec!["d/c", "d/locked", "g/f/x"];
        if strict {
            left.insert(2, "e/");
        }
        assert_eq!(bucket.keys(), left);
    }
}

#[test]
fn a_move_removes_its_source_in_bulk() {
    for strict in [true, false] {
        let server = server();
        put_all(&server.bucket("bucket"), &paths(4));
        let fs = open(&server, strict);
        let target = MemoryFs::new();
        let counts = count(&server, || {
            let report = move_fs(&fs, &target, &TransferOptions::new()).unwrap();
            assert_eq!(report.copied(), FILES);
            assert!(report.left_behind().is_empty());
        });
        assert_eq!(counts["DeleteObjects"], 1, "{counts:?}");
        // The files are read, and the tree is listed again; the directories are removed one by one.
        assert!(sum(&counts) <= FILES + 2 * FEW + 5 * 5, "{counts:?}");
        assert!(server.bucket("bucket").keys().is_empty());
    }
}

#[test]
fn a_mirror_still_checks_paths_that_its_listing_leaves_out() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put("a/hidden/file", "content");
    bucket.put("b/file", "content");
    let source = MemoryFs::new();
    source.makedir("a").unwrap();
    source
        .writetext("a/hidden", "a file where the target has a directory")
        .unwrap();
    let fs = common::open(&server);
    let walker = s3fs::Walker::new().exclude_dirs(["hidden"]);
    let options = TransferOptions::new().walker(walker);
    let error = mirror(&source, &fs, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileExpected);
    assert_eq!(bucket.keys(), ["a/hidden/file", "b/file"]);
}

#[test]
fn files_are_deleted_one_by_one_without_bulk_deletes_in_the_store() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for number in 0..20 {
        bucket.put(&format!("d/{number:02}"), "content");
    }
    let refused = "<Error><Code>NotImplemented</Code><Message>m</Message></Error>";
    let refused = Fault::Answer(Answer::new(501, refused));
    server
        .faults()
        .add(Rule::on("DeleteObjects").always(), refused);
    let fs = common::open(&server);
    let counts = count(&server, || {
        assert_eq!(fs.glob("d/*").remove().unwrap(), 20);
    });
    assert_eq!((counts["DeleteObjects"], counts["DeleteObject"]), (1, 20));
    assert_eq!(bucket.keys(), ["d/"]);
}

#[test]
fn a_failed_request_fails_its_files_and_the_following_ones() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    let paths: Vec<String> = (0..2_500).map(|n| format!("{n:04}")).collect();
    put_all(&bucket, &paths);
    let denied = "<Error><Code>NoSuchBucket</Code><Message>m</Message></Error>";
    let denied = Fault::Answer(Answer::new(404, denied));
    server
        .faults()
        .add(Rule::on("DeleteObjects").nth(2), denied);
    let fs = open(&server, false);
    let removed = fs.remove_many(&borrowed(&paths));
    assert!(removed[..1_000].iter().all(Result::is_ok));
    for (path, removed) in paths.iter().zip(&removed).skip(1_000) {
        assert_eq!(removed.as_ref().unwrap_err().path(), Some(&**path));
    }
    assert_eq!(bucket.keys(), paths[1_000..]);
}

#[test]
fn a_store_with_real_directories_also_gets_the_markers() {
    let server = Server::builder().like_seaweedfs().start();
    let bucket = server.bucket("bucket");
    let files = ["d/a", "d/b", "d/c", "e/a", "e/b", "e/c"];
    let fs = common::open(&server);
    for (round, act) in [true, false].into_iter().enumerate() {
        for path in files {
            bucket.put(path, "content");
        }
        match act {
            true => assert_eq!(fs.glob("**").path("d").remove().unwrap(), 4 - 1),
            false => assert!(fs.remove_many(&files).iter().all(Result::is_ok)),
        }
        assert!(bucket.keys().contains(&"d/".to_owned()), "round {round}");
    }
    assert_eq!(bucket.keys(), ["d/", "e/"]);
}

#[test]
fn a_copy_into_an_empty_directory_checks_nothing_per_file() {
    let directories = 20;
    let memory = MemoryFs::new();
    for path in paths(directories) {
        memory
            .makedirs_with(
                s3fs::path::dirname(&path),
                &s3fs::MakedirOptions::new().recreate(true),
            )
            .unwrap();
        memory.writetext(&path, "content").unwrap();
    }
    let source = memory.opendir("logs").unwrap();
    for target in ["new", "there", "/"] {
        for is_move in [false, true] {
            let server = server();
            let fs = open(&server, true);
            if target == "there" {
                fs.makedir("there").unwrap();
            }
            let options = TransferOptions::new().workers(4);
            let counts = count(&server, || {
                let report = match is_move {
                    false => s3fs::copy::copy_dir(&source, "/", &fs, target, &options),
                    // The source stays as it is.
                    true => {
                        let copy = MemoryFs::new();
                        s3fs::copy::copy_dir(&source, "/", &copy, "/", &options).unwrap();
                        s3fs::moving::move_dir(&copy, "/", &fs, target, &options)
                    }
                };
                assert_eq!(report.unwrap().copied(), FILES);
            });
            let most = FILES + directories + 10;
            assert!(sum(&counts) <= most, "{target}, {is_move}: {counts:?}");
            assert_eq!(fs.walk().files(target).count(), FILES);
        }
    }
}

#[test]
fn a_copy_into_a_directory_with_content_lists_it_once() {
    let memory = MemoryFs::new();
    for directory in 0..4 {
        memory.makedirs(&format!("logs/d{directory:02}")).unwrap();
    }
    for path in paths(4) {
        memory.writetext(&path, "content").unwrap();
    }
    // One directory exists, and another has a file already.
    let there = ["there/d01/", "there/d02/f0002.log", "there/other/f"];
    for is_move in [false, true] {
        for window in [0, 300] {
            let server = server();
            let fs = open(&server, true);
            let bucket = server.bucket("bucket");
            there.iter().for_each(|key| bucket.put(key, ""));
            let options = TransferOptions::new().workers(4).window(window);
            let copy = MemoryFs::new();
            s3fs::copy::copy_fs(&memory, &copy, &TransferOptions::new()).unwrap();
            let counts = count(&server, || {
                let report = match is_move {
                    false => s3fs::copy::copy_dir(&copy, "logs", &fs, "there", &options),
                    true => s3fs::moving::move_dir(&copy, "logs", &fs, "there", &options),
                };
                assert_eq!(report.unwrap().copied(), FILES);
            });
            let most = FILES + 4 * 4 + 10;
            assert!(sum(&counts) <= most, "{is_move}, {window}: {counts:?}");
            assert_eq!(fs.walk().files("there").count(), FILES + 1);
        }
    }
}

#[test]
fn a_copy_into_a_much_larger_directory_checks_each_file() {
    let server = Server::start();
    let fs = open(&server, true);
    let bucket = server.bucket("bucket");
    for number in 0..2_500 {
        bucket.put(&format!("there/f{number:04}"), "content");
    }
    let memory = MemoryFs::new();
    for number in 0..20 {
        memory.writetext(&format!("n{number}"), "content").unwrap();
    }
    let counts = count(&server, || {
        let options = TransferOptions::new();
        s3fs::copy::copy_dir(&memory, "/", &fs, "there", &options).unwrap();
    });
    // A listing of two pages that is abandoned, and three requests for each file.
    assert!(sum(&counts) <= 20 * 3 + 2 + 4, "{counts:?}");
    assert!(sum(&counts) > 20 * 2, "{counts:?}");
    // A directory in the place of a file is found all the same.
    bucket.put("there/n99/below", "content");
    memory.writetext("n99", "content").unwrap();
    let options = TransferOptions::new();
    let error = s3fs::copy::copy_dir(&memory, "/", &fs, "there", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileExpected);
}

#[test]
fn a_copy_into_a_directory_with_content_refuses_a_directory_in_the_place_of_a_file() {
    let server = server();
    let fs = open(&server, true);
    server.bucket("bucket").put("target/b/x", "in the way");
    let memory = MemoryFs::new();
    for name in ["a", "b", "c"] {
        memory.writetext(name, "content").unwrap();
    }
    let options = TransferOptions::new();
    let error = s3fs::copy::copy_dir(&memory, "/", &fs, "target", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileExpected);
    // Above the target, a file is still found.
    server.bucket("bucket").put("file", "content");
    let error = s3fs::copy::copy_dir(&memory, "/", &fs, "file/target", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryExpected);
    assert_eq!(
        server.bucket("bucket").get("file/target/a").map(|_| ()),
        None
    );
}
