//! Copies and mirrors in windows of their listings: the result is that of one window, with about as many requests, and the
//! first file is transferred before the last one is listed.

mod random;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use s3fs::copy::{Condition, copy_dir, copy_fs};
use s3fs::mirror::{mirror, verify};
use s3fs::moving::{move_dir, move_fs};
use s3fs::{
    Action, Compare, ErrorKind, FileSystem, FileSystemExt, Info, MemoryFs, Namespaces, OsFs,
    ReadOnly, S3Fs, TransferOptions, Walker,
};
use test_server::{Bucket, LoggedRequest, Server};

use crate::common;
use crate::local::Directory;

/// Smaller than any window, so that a listing has several pages for each.
const PAGE: i32 = 5;

/// All windows are smaller than the trees.
const WINDOWS: [usize; 4] = [1, 2, 7, 30];

fn server() -> Server {
    Server::builder().page_size(PAGE).start()
}

fn open(server: &Server, strict: bool) -> S3Fs {
    common::builder(server).strict(strict).build().unwrap()
}

/// The keys and contents of a bucket.
fn content(bucket: &Bucket) -> BTreeMap<String, Vec<u8>> {
    let content = |key: String| {
        let content = bucket.get(&key).unwrap().content.to_vec();
        (key, content)
    };
    bucket.keys().into_iter().map(content).collect()
}

/// Files in directories, with some names whose order differs with and without a slash behind them.
fn fill(fs: &dyn FileSystem, from: usize, to: usize) {
    for number in from..to {
        let directory = ["a", "a-b", "a/c", "b", "b/a/d", "empty"][number % 6];
        fs.makedirs_with(directory, &s3fs::MakedirOptions::new().recreate(true))
            .unwrap();
        if directory != "empty" {
            fs.writetext(&format!("{directory}/f{number:03}"), "content")
                .unwrap();
        }
    }
}

/// Runs `work` on a server, to which `prepare` has uploaded something. Returns what is in the bucket afterwards, and the
/// number of requests.
fn run(
    strict: bool,
    prepare: &dyn Fn(&S3Fs),
    work: &dyn Fn(&S3Fs) -> usize,
) -> (BTreeMap<String, Vec<u8>>, usize, usize) {
    let server = server();
    prepare(&open(&server, strict));
    let fs = open(&server, strict);
    server.take_requests();
    let copied = work(&fs);
    let requests = server.take_requests().len();
    (content(&server.bucket("bucket")), copied, requests)
}

#[test]
fn a_mirror_in_windows_has_the_result_and_the_requests_of_one_window() {
    let source = MemoryFs::new();
    fill(&source, 0, 90);
    source.makedir("only").unwrap();
    for strict in [true, false] {
        let prepare = |fs: &S3Fs| {
            fill(fs, 60, 150);
            fs.makedirs("gone/below").unwrap();
            fs.writetext("gone/below/f", "content").unwrap();
            // Directories that lose all files, and a directory in the place of a file.
            fs.makedirs("b/a/d/f004").unwrap();
            fs.writetext("b/a/d/f004/f", "content").unwrap();
        };
        let work = |window: usize| {
            move |source: &MemoryFs, fs: &S3Fs| {
                let options = TransferOptions::new().window(window);
                let options = options.compare(Compare::Size);
                mirror(source, fs, &options).unwrap().copied()
            }
        };
        let (whole, copied, requests) = run(strict, &prepare, &|fs| work(0)(&source, fs));
        for window in WINDOWS {
            let (there, windowed, sent) = run(strict, &prepare, &|fs| work(window)(&source, fs));
            assert_eq!(there, whole, "strict: {strict}, {window}");
            assert_eq!(windowed, copied);
            // Directories that a window begins are looked for, and those that one ends are removed after their files.
            let most = requests + 2 * 7 * 90_usize.div_ceil(window);
            assert!(
                sent <= most,
                "strict: {strict}, {window}: {sent} of {requests}"
            );
        }
    }
}

#[test]
fn a_move_in_windows_has_the_result_and_the_requests_of_one_window() {
    let prepare = |fs: &S3Fs| {
        fill(fs, 0, 90);
        fs.makedirs("empty/below").unwrap();
    };
    for strict in [true, false] {
        for every in [1000, 7] {
            let work = |window: usize| {
                move |fs: &S3Fs| {
                    // Another program changes some of the files, and adds others.
                    let number = AtomicUsize::new(0);
                    let options = TransferOptions::new().window(window).workers(1);
                    let options = options.on_copy(|src_path, _| {
                        if number.fetch_add(1, Ordering::Relaxed) % every == every - 1 {
                            fs.writetext(src_path, "changed")?;
                            // Before the files that are still to be listed.
                            let directory = s3fs::path::dirname(src_path);
                            fs.writetext(&format!("{directory}/0{number:?}"), "new")?;
                        }
                        Ok(())
                    });
                    let target = MemoryFs::new();
                    let report = move_fs(fs, &target, &options).unwrap();
                    assert_eq!(paths(&target).len(), 75 + 8);
                    assert_eq!(report.left_behind().len() >= 20, every == 7);
                    report.left_behind().len()
                }
            };
            let (whole, left, requests) = run(strict, &prepare, &work(0));
            for window in WINDOWS {
                let (there, same, sent) = run(strict, &prepare, &work(window));
                assert_eq!(there, whole, "strict: {strict}, {window}");
                assert_eq!(same, left);
                // Each window of copied and listed files is removed with a request of its own. Listings in parallel make
                // up to two requests more for each of ten workers.
                let most = requests + 180_usize.div_ceil(window) + 20;
                assert!(
                    sent <= most,
                    "strict: {strict}, {window}: {sent} of {requests}"
                );
            }
        }
    }
}

#[test]
fn a_move_in_windows_makes_no_marker_beside_files_that_stay() {
    for window in WINDOWS {
        for changed in ["d/f03", "d/f15", "d/f29", "d/e/f"] {
            let server = server();
            let bucket = server.bucket("bucket");
            for number in 0..30 {
                bucket.put(&format!("d/f{number:02}"), "content");
            }
            bucket.put("d/e/f", "content");
            let fs = open(&server, true);
            let options = TransferOptions::new().window(window);
            let options = options.on_copy(|src_path, _| {
                if src_path.ends_with(changed) {
                    bucket.put(changed, "changed");
                }
                Ok(())
            });
            let report = move_fs(&fs, &MemoryFs::new(), &options).unwrap();
            assert_eq!(report.left_behind(), [format!("/{changed}")], "{window}");
            // The directory that lost its last file was kept until then, and then removed.
            assert_eq!(bucket.keys(), [changed], "{window}");
        }
    }
}

#[test]
fn a_move_in_windows_keeps_the_directory_above_the_source() {
    // With a marker for each directory, of which that of `p` stays.
    for (directory, made) in [("p/d", 2), ("p/d/e", 3)] {
        for window in [1, 2, 3, 4, 5, 6, 7, 8, 9, 30] {
            let server = server();
            let bucket = server.bucket("bucket");
            for number in 0..20 {
                bucket.put(&format!("{directory}/f{number:02}"), "content");
            }
            let fs = open(&server, true);
            server.take_requests();
            let options = TransferOptions::new().window(window);
            move_dir(&fs, "p/d", &MemoryFs::new(), "/", &options).unwrap();
            assert_eq!(bucket.keys(), ["p/"], "{directory}, {window}");
            let requests = server.take_requests().into_iter();
            let markers = requests.filter(|request| request.operation == "PutObject");
            assert_eq!(markers.count(), made, "{directory}, {window}");
        }
    }
}

#[test]
fn a_mirror_in_windows_keeps_directories_that_lose_all_files() {
    let source = MemoryFs::new();
    fill(&source, 0, 12);
    for directory in ["a", "b/a/d"] {
        source.removetree(directory).unwrap();
        source.makedirs(directory).unwrap();
    }
    source.makedir("c").unwrap();
    source.writetext("c/f20", "content").unwrap();
    for window in WINDOWS {
        let server = server();
        let bucket = server.bucket("bucket");
        for number in 0..40 {
            for directory in ["a", "b/a/d"] {
                bucket.put(&format!("{directory}/f{number:02}"), "content");
            }
            // This directory has no marker, and keeps one file.
            bucket.put(&format!("c/f{number:02}"), "content");
        }
        let fs = open(&server, true);
        let options = TransferOptions::new().window(window).compare(Compare::Size);
        mirror(&source, &fs, &options).unwrap();
        let mut entries: Vec<String> = fs.walk().dirs("/").map(|dir| dir.unwrap()).collect();
        let mut expected: Vec<String> = source.walk().dirs("/").map(|dir| dir.unwrap()).collect();
        entries.sort_unstable();
        expected.sort_unstable();
        assert_eq!(entries, expected, "{window}");
        assert!(!bucket.keys().contains(&"c/".to_owned()), "{window}");
        let again = mirror(&source, &fs, &options.dry_run(true)).unwrap();
        assert!(again.actions().is_empty(), "{window}: {again:?}");
    }
}

#[test]
fn uploads_and_downloads_in_windows_have_the_result_of_one_window() {
    let directory = Directory::new();
    let disk = OsFs::new(&*directory).unwrap();
    fill(&disk, 0, 60);
    let nothing = |_: &S3Fs| {};
    let there = |fs: &S3Fs| fill(fs, 40, 80);
    for strict in [true, false] {
        for prepare in [&nothing as &dyn Fn(&S3Fs), &there] {
            for condition in [Condition::Always, Condition::NotExists, Condition::Exists] {
                let upload = |window: usize| {
                    let disk = &disk;
                    move |fs: &S3Fs| {
                        let options = TransferOptions::new().window(window).condition(condition);
                        copy_fs(disk, fs, &options).unwrap().copied()
                    }
                };
                let (whole, copied, requests) = run(strict, prepare, &upload(0));
                for window in WINDOWS {
                    let (there, windowed, sent) = run(strict, prepare, &upload(window));
                    assert_eq!(there, whole, "strict: {strict}, {condition:?}, {window}");
                    assert_eq!(windowed, copied);
                    assert!(sent <= requests + 60, "{window}: {sent} of {requests}");
                }
            }
        }
        for window in WINDOWS {
            let target = Directory::new();
            let local = OsFs::new(&*target).unwrap();
            let server = server();
            let fs = open(&server, strict);
            copy_fs(&disk, &fs, &TransferOptions::new()).unwrap();
            let options = TransferOptions::new().window(window);
            copy_fs(&fs, &local, &options).unwrap();
            let differences = s3fs::mirror::verify(&disk, &local, &TransferOptions::new());
            assert_eq!(differences.unwrap(), [], "{window}");
        }
    }
}

#[test]
fn the_first_file_is_transferred_before_the_last_one_is_listed() {
    let server = server();
    let fs = open(&server, true);
    fill(&fs, 0, 100);
    let mirrored =
        |options: &TransferOptions<'_>| mirror(&fs, &MemoryFs::new(), options).unwrap().copied();
    let copied = |options: &TransferOptions<'_>| {
        copy_dir(&fs, "/", &MemoryFs::new(), "/", options)
            .unwrap()
            .copied()
    };
    let (same, walker) = (MemoryFs::new(), Walker::new().exclude(["f000"]));
    fill(&same, 0, 100);
    same.writetext("a/f000", "another").unwrap();
    let filtered = |options: TransferOptions<'_>| mirrored(&options.walker(walker.clone())) + 1;
    // Objects whose digest differs are read.
    let compared = |options: &TransferOptions<'_>| {
        let differences = verify(&fs, &same, options).unwrap();
        83 + differences.len()
    };
    let acts: [&dyn Fn(TransferOptions<'_>) -> usize; 4] = [
        &|options| mirrored(&options),
        &|options| copied(&options),
        &filtered,
        &|options| compared(&options),
    ];
    for act in acts {
        for (window, is_stream) in [(20, true), (usize::MAX, false)] {
            server.take_requests();
            assert_eq!(act(TransferOptions::new().window(window)), 84);
            let requests = server.take_requests();
            let is = |operation: &str| {
                let operation = operation.to_owned();
                move |request: &LoggedRequest| request.operation == operation
            };
            let first = requests.iter().position(is("GetObject")).unwrap();
            let last = requests.iter().rposition(is("ListObjectsV2")).unwrap();
            assert_eq!(first < last, is_stream, "{window}");
        }
    }
}

#[test]
fn a_window_is_checked_before_any_of_it_is_transferred() {
    let server = server();
    let bucket = server.bucket("bucket");
    for number in 0..10 {
        bucket.put(&format!("f{number}"), "content");
    }
    // The disk cannot hold both.
    bucket.put("f5/below", "content");
    let fs = open(&server, true);
    for (window, copied) in [(100, 0), (usize::MAX, 0), (4, 4)] {
        let target = Directory::new();
        let disk = OsFs::new(&*target).unwrap();
        let options = TransferOptions::new().window(window);
        let error = copy_fs(&fs, &disk, &options).unwrap_err();
        assert!(error.is(ErrorKind::Unsupported), "{error}");
        assert_eq!(
            error.to_string().contains("nothing was changed"),
            copied == 0,
            "{error}"
        );
        assert_eq!(disk.listdir("/").unwrap().len(), copied, "{window}");
    }
}

#[test]
fn a_mirror_in_windows_keeps_what_it_excludes() {
    let source = MemoryFs::new();
    fill(&source, 0, 30);
    for strict in [true, false] {
        let prepare = |fs: &S3Fs| {
            fill(fs, 20, 60);
            // An excluded directory that has the path of a file of the source, and one in a stale directory.
            fs.makedirs("b/f003/keep").unwrap();
            fs.makedirs("gone/keep").unwrap();
            fs.writetext("gone/keep/me", "content").unwrap();
            fs.writetext("gone/other", "content").unwrap();
        };
        let work = |window: usize| {
            let source = &source;
            move |fs: &S3Fs| {
                let walker = Walker::new().exclude_dirs(["keep"]);
                let options = TransferOptions::new().window(window).walker(walker);
                let options = options.compare(Compare::Size);
                match mirror(source, fs, &options) {
                    Ok(report) => report.copied(),
                    Err(error) => usize::MAX - error.kind() as usize,
                }
            }
        };
        let (whole, copied, _) = run(strict, &prepare, &work(0));
        for window in WINDOWS {
            let (there, windowed, _) = run(strict, &prepare, &work(window));
            assert_eq!(windowed, copied, "strict: {strict}, {window}");
            if copied < 1_000 {
                assert_eq!(there, whole, "strict: {strict}, {window}");
            }
            assert!(there.contains_key("gone/keep/me"), "{there:?}");
        }
    }
}

/// The paths of all files and directories.
fn paths(fs: &dyn FileSystem) -> Vec<String> {
    let entries = fs.scantree("/", Namespaces::BASIC).unwrap();
    let path = |(directory, info): (String, Info)| info.make_path(&directory).unwrap();
    entries.map(|entry| path(entry.unwrap())).collect()
}

#[cfg(unix)]
#[test]
fn a_mirror_removes_a_link_and_not_the_files_behind_it() {
    let source = MemoryFs::new();
    source.makedir("real").unwrap();
    for number in 0..10 {
        source
            .writetext(&format!("real/f{number}"), "content")
            .unwrap();
    }
    for is_filtered in [false, true] {
        for window in [1, 3, 0] {
            let directory = Directory::new();
            let disk = OsFs::new(&*directory).unwrap();
            copy_fs(&source, &disk, &TransferOptions::new()).unwrap();
            disk.makedir("real/sub").unwrap();
            std::os::unix::fs::symlink("real", directory.join("old")).unwrap();
            std::os::unix::fs::symlink("real", directory.join("z")).unwrap();
            let mut options = TransferOptions::new().compare(Compare::Size).window(window);
            if is_filtered {
                options = options.filter(|path, _| !path.ends_with("f3"));
            }
            mirror(&source, &disk, &options).unwrap();
            let real = disk.listdir("real").unwrap();
            assert_eq!(real.len(), 10, "{is_filtered}, {window}: {real:?}");
            assert_eq!(disk.exists("old").unwrap(), is_filtered, "{window}");
        }
    }
}

#[test]
fn a_mirror_removes_a_stale_directory_as_a_whole() {
    for window in [1, 5, 0] {
        let server = server();
        let bucket = server.bucket("bucket");
        for key in ["old/k/1", "old/k/2", "old/z1", "old/z2", "old/z3", "zz"] {
            bucket.put(key, "content");
        }
        let source = MemoryFs::new();
        source.writetext("zz", "content").unwrap();
        let fs = open(&server, true);
        server.take_requests();
        let options = TransferOptions::new().workers(8).window(window);
        let report = mirror(&source, &fs, &options.compare(Compare::Size)).unwrap();
        assert_eq!(report.actions(), [Action::Removetree("/old".to_owned())]);
        assert_eq!(bucket.keys(), ["zz"], "{window}");
        assert!(server.take_requests().len() <= 8, "{window}");
    }
}

#[test]
fn a_mirror_in_windows_keeps_an_empty_directory_of_the_source() {
    for window in [1, 2, 10, 0] {
        let server = server();
        let bucket = server.bucket("bucket");
        bucket.put("D/E/f1", "content");
        for number in 0..20 {
            bucket.put(&format!("D/z{number:02}"), "content");
        }
        let source = MemoryFs::new();
        source.makedir("D").unwrap();
        let fs = open(&server, true);
        mirror(&source, &fs, &TransferOptions::new().window(window)).unwrap();
        assert_eq!(paths(&fs), ["/D"], "{window}");
    }
}

#[test]
fn a_mirror_of_a_store_with_another_delimiter_removes_nothing_that_the_source_has() {
    let server = server();
    let bucket = server.bucket("bucket");
    for key in ["a", "a0", "a1", "a2", "a3", "a:x"] {
        bucket.put(key, "content");
    }
    let fs = common::builder(&server).delimiter(":").build().unwrap();
    for window in [1, 2, 0] {
        let target = MemoryFs::new();
        target
            .makedir_with("a", &s3fs::MakedirOptions::new())
            .unwrap();
        target.writetext("a/extra", "content").unwrap();
        let options = TransferOptions::new().keep_extra(true).window(window);
        mirror(&fs, &target, &options).unwrap();
        assert!(target.exists("a/extra").unwrap(), "{window}");
        assert!(target.isfile("a").unwrap() && target.exists("a/x").unwrap());
    }
}

#[test]
fn views_of_a_filesystem_are_mirrored_in_windows_too() {
    let (outer, target) = (MemoryFs::new(), MemoryFs::new());
    outer.makedir("work").unwrap();
    let source = outer.opendir("work").unwrap();
    fill(&source, 0, 30);
    let read_only = ReadOnly::new(&source);
    for fs in [&outer as &dyn FileSystem, &source, &read_only] {
        assert!(fs.capabilities().unwrap().lists_in_key_order());
    }
    mirror(&read_only, &target, &TransferOptions::new().window(3)).unwrap();
    assert_eq!(paths(&target), paths(&source));
}
