//! Copies, moves and mirrors between filesystems, and every way in which they could lose data.

use std::collections::BTreeMap;
use std::io::Read;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime};

use s3fs::copy::{self, Condition};
use s3fs::mirror::mirror;
use s3fs::moving;
use s3fs::{
    Action, Capabilities, CopyOptions, Error, ErrorKind, Failures, File, FileSystem, FileSystemExt,
    Info, Location, MakedirOptions, MemoryFs, Meta, Namespaces, OnError, OpenOptions, OsFs,
    RawInfo, Report, Result, S3Fs, TransferOptions, TreeEntries,
};
use test_server::{Answer, Bucket, Fault, Guarded, Object, Rule, Server, synthetic_bytes};

use crate::common;
use crate::local::Directory;

/// The files of a bucket; markers are directories and left out.
fn files(bucket: &Bucket) -> BTreeMap<String, Vec<u8>> {
    let keys = bucket.keys().into_iter().filter(|key| !key.ends_with('/'));
    keys.map(|key| (key.clone(), bucket.get(&key).unwrap().content.to_vec()))
        .collect()
}

fn keys(bucket: &Bucket) -> Vec<String> {
    files(bucket).into_keys().collect()
}

/// Returns the whole content of a bucket, with the time of each object.
fn state(bucket: &Bucket) -> Vec<(String, String, SystemTime)> {
    let object = |key: String| {
        let object = bucket.get(&key).unwrap();
        (key, object.etag, object.modified)
    };
    bucket.keys().into_iter().map(object).collect()
}

#[track_caller]
fn fails<T>(result: Result<T>, kind: ErrorKind) -> Error {
    let error = result.err().expect("it was expected to fail");
    assert_eq!(error.kind(), kind, "{error}");
    error
}

fn hours_ago(content: &str, hours: u64) -> Object {
    let mut object = Object::new(content.to_owned());
    object.modified -= Duration::from_secs(3600 * hours);
    object
}

/// A filesystem on a bucket that is created for it.
fn on(server: &Server, bucket: &str, dir_path: &str) -> S3Fs {
    server.bucket(bucket);
    let builder = common::builder_of(server, bucket).dir_path(dir_path);
    builder.build().unwrap()
}

/// Stores a small tree under that prefix: files, a directory without a marker, and an empty one.
fn put_tree(bucket: &Bucket, prefix: &str) {
    for key in ["a", "b.txt", "d/1", "d/2", "d/e/f/3", "é"] {
        bucket.put(&format!("{prefix}{key}"), format!("content of {key}"));
    }
    bucket.put(&format!("{prefix}empty/"), "");
}

#[track_caller]
fn has_the_tree(bucket: &Bucket, prefix: &str) {
    for key in ["a", "b.txt", "d/1", "d/2", "d/e/f/3", "é"] {
        let object = bucket.get(&format!("{prefix}{key}"));
        let content = object.expect(key).content.to_vec();
        assert_eq!(content, format!("content of {key}").into_bytes());
    }
    assert!(bucket.get(&format!("{prefix}empty/")).is_some());
}

/// Calls the check with source and target, as filesystems and as buckets, for each relation
/// between the two: the source is `src/`, the target `dst/`.
fn each_way(check: impl Fn(&str, &S3Fs, &S3Fs, &Bucket, &Bucket)) {
    for (way, bucket, is_near) in [
        ("two servers", "one", false),
        ("two buckets", "other", true),
        ("two dir_paths", "one", true),
    ] {
        let (first, second) = (Server::start(), Server::start());
        let target = if is_near { &first } else { &second };
        let src_fs = on(&first, "one", "src");
        let dst_fs = on(target, bucket, "dst");
        let (src, dst) = (first.bucket("one"), target.bucket(bucket));
        check(way, &src_fs, &dst_fs, &src, &dst);
    }
}

#[test]
fn a_filesystem_is_copied_into_another() {
    each_way(|way, src_fs, dst_fs, src, dst| {
        put_tree(src, "src/");
        src.put("src.bak/a", "not in it");
        dst.put("dst/a", "is replaced");
        dst.put("dst/other", "stays");
        let report = copy::copy_fs(src_fs, dst_fs, &TransferOptions::new()).unwrap();
        has_the_tree(dst, "dst/");
        has_the_tree(src, "src/");
        assert_eq!(dst.get("dst/other").unwrap().content.to_vec(), b"stays");
        let below = keys(dst).into_iter().filter(|key| key.starts_with("dst/"));
        assert_eq!(below.count(), 7, "{way}");
        assert!(report.left_behind().is_empty());
        // Either the target copies by itself, or each file is reported.
        assert!(matches!(report.copied(), 0 | 6), "{way}");
    });
}

#[test]
fn a_filesystem_is_moved_into_another() {
    each_way(|way, src_fs, dst_fs, src, dst| {
        put_tree(src, "src/");
        dst.put("dst/a", "is replaced");
        src.put("src.bak/a", "not in it");
        moving::move_fs(src_fs, dst_fs, &TransferOptions::new()).unwrap();
        has_the_tree(dst, "dst/");
        let left: Vec<_> = keys(src)
            .into_iter()
            .filter(|key| key.starts_with("src"))
            .collect();
        assert_eq!(left, ["src.bak/a"], "{way}");
        assert!(src_fs.isempty("/").unwrap(), "{way}");
    });
}

#[test]
fn a_directory_is_moved_by_paths_relative_to_each_root() {
    each_way(|way, src_fs, dst_fs, src, dst| {
        put_tree(src, "src/sub/");
        src.put("src/sub.bak", "stays");
        let options = TransferOptions::new();
        moving::move_dir(src_fs, "sub", dst_fs, "in/to", &options).unwrap();
        has_the_tree(dst, "dst/in/to/");
        assert!(!src_fs.exists("sub").unwrap(), "{way}");
        assert_eq!(src_fs.listdir("/").unwrap(), ["sub.bak"], "{way}");
        moving::move_file(dst_fs, "/in/to/a", src_fs, "./a2", &options).unwrap();
        assert_eq!(src_fs.readtext("a2").unwrap(), "content of a");
        assert!(!dst_fs.exists("in/to/a").unwrap());
        copy::copy_file(src_fs, "a2", dst_fs, "in/to/a", &options).unwrap();
        has_the_tree(dst, "dst/in/to/");
        assert!(src_fs.exists("a2").unwrap());
    });
}

#[test]
fn a_mirror_is_an_exact_copy() {
    each_way(|way, src_fs, dst_fs, src, dst| {
        put_tree(src, "src/");
        dst.put("dst/a", "of another size");
        dst.put("dst/b.txt", "content of b.txt");
        dst.put("dst/gone", "not in the source");
        dst.put("dst/gone too/1", "not in the source");
        dst.put("dst/gone too/2/3", "not in the source");
        dst.put("dst/d", "a file where a directory is to be");
        dst.put("dst/é/x", "a directory where a file is to be");
        dst.put("dst.bak/a", "not in it");
        let report = mirror(src_fs, dst_fs, &TransferOptions::new()).unwrap();
        has_the_tree(dst, "dst/");
        let below = keys(dst).into_iter().filter(|key| key.starts_with("dst"));
        let expected = ["a", "b.txt", "d/1", "d/2", "d/e/f/3", "é"].map(|key| format!("dst/{key}"));
        let mut expected = expected.to_vec();
        expected.insert(0, "dst.bak/a".into());
        assert_eq!(below.collect::<Vec<_>>(), expected, "{way}");
        assert!(!dst_fs.exists("gone too").unwrap());
        let removals: Vec<_> = report
            .actions()
            .iter()
            .filter(|action| !matches!(action, Action::Makedir(_) | Action::Copy { .. }))
            .collect();
        let tree = |path: &str| Action::Removetree(path.into());
        let file = |path: &str| Action::Remove(path.into());
        let expected = [tree("/é"), file("/d"), tree("/gone too"), file("/gone")];
        assert_eq!(removals, expected.iter().collect::<Vec<_>>());
        // The second mirror has nothing to do, and changes nothing.
        let before = state(dst);
        let report = mirror(src_fs, dst_fs, &TransferOptions::new()).unwrap();
        assert_eq!(report, Report::default(), "{way}");
        assert_eq!(state(dst), before);
        let always = TransferOptions::new().copy_if_newer(false);
        assert_eq!(mirror(src_fs, dst_fs, &always).unwrap().copied(), 6);
    });
}

#[test]
fn a_file_that_is_older_than_its_mirror_is_not_copied() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    server
        .bucket("bucket")
        .put_with("same", hours_ago("12345", 1));
    server
        .bucket("bucket")
        .put_with("size", hours_ago("1234", 1));
    server.bucket("bucket").put("newer", "12345");
    for key in ["same", "size"] {
        other.bucket("bucket").put(key, "54321");
    }
    other
        .bucket("bucket")
        .put_with("newer", hours_ago("54321", 1));
    let report = mirror(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
    assert_eq!(report.copied(), 2);
    assert_eq!(dst_fs.readtext("same").unwrap(), "54321");
    assert_eq!(dst_fs.readtext("size").unwrap(), "1234");
    assert_eq!(dst_fs.readtext("newer").unwrap(), "12345");
}

#[test]
fn one_worker_or_eight_make_no_difference() {
    let mut reports = Vec::new();
    for workers in [0, 1, 8] {
        let (server, other) = (Server::start(), Server::start());
        let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
        let source = server.bucket("bucket");
        for number in 0..40 {
            source.put(
                &format!("d{}/{number}", number % 3),
                vec![number; number.into()],
            );
        }
        let seen = Mutex::new(Vec::new());
        let mut last = 0;
        let options = TransferOptions::new()
            .workers(workers)
            .on_copy(|src_path, dst_path| {
                assert_eq!(src_path, dst_path);
                seen.lock().unwrap().push(src_path.to_owned());
                Ok(())
            })
            .progress(|done, total| {
                assert!(done > last, "{done} after {last}");
                assert_eq!(total, 780);
                last = done;
                Ok(())
            });
        let plain = TransferOptions::new().workers(workers);
        let before = files(&source);
        let copied = copy::copy_fs(&src_fs, &dst_fs, &options).unwrap();
        assert_eq!(files(&other.bucket("bucket")), before);
        let mirrored = mirror(&src_fs, &dst_fs, &plain).unwrap();
        let moved = moving::move_fs(&src_fs, &dst_fs, &plain).unwrap();
        assert_eq!(files(&other.bucket("bucket")), before);
        assert!(files(&source).is_empty());
        assert_eq!((copied.copied(), copied.bytes()), (40, 780));
        drop(options);
        assert_eq!(last, 780);
        assert_eq!(seen.into_inner().unwrap().len(), 40);
        reports.push((copied, mirrored, moved));
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

#[test]
fn a_directory_stays_when_many_threads_remove_its_files() {
    for _ in 0..5 {
        let (server, other) = (Server::start(), Server::start());
        let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
        for number in 0..16 {
            server.bucket("bucket").put(&format!("d/e/{number}"), "x");
            other.bucket("bucket").put(&format!("kept/{number}"), "x");
        }
        server.bucket("bucket").put("kept/", "");
        let options = TransferOptions::new().workers(16);
        moving::move_dir(&src_fs, "d/e", &dst_fs, "d/e", &options).unwrap();
        assert!(src_fs.isdir("d").unwrap() && src_fs.isempty("d").unwrap());
        mirror(&src_fs, &dst_fs, &options).unwrap();
        assert!(dst_fs.isdir("kept").unwrap() && dst_fs.isempty("kept").unwrap());
    }
}

#[test]
fn a_dry_run_changes_nothing_and_lists_the_actions_of_a_real_run() {
    type Work = fn(&S3Fs, &S3Fs, &TransferOptions<'_>) -> Result<Report>;
    let works: [Work; 4] = [
        |src_fs, dst_fs, options| copy::copy_fs(src_fs, dst_fs, options),
        |src_fs, dst_fs, options| moving::move_dir(src_fs, "d", dst_fs, "new/d", options),
        |src_fs, dst_fs, options| mirror(src_fs, dst_fs, options),
        |src_fs, dst_fs, options| copy::copy_structure(src_fs, "/", dst_fs, "new", options),
    ];
    for work in works {
        let (server, other) = (Server::start(), Server::start());
        let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
        let (src, dst) = (server.bucket("bucket"), other.bucket("bucket"));
        put_tree(&src, "");
        // Markers, so that a directory does not vanish with its last file.
        for marker in ["d/", "d/e/", "d/e/f/"] {
            src.put(marker, "");
        }
        dst.put("a", "another");
        dst.put("gone", "not in the source");
        let before = (state(&src), state(&dst));
        let options = TransferOptions::new()
            .dry_run(true)
            .on_copy(|_, _| panic!("nothing was copied"))
            .progress(|_, _| panic!("nothing was copied"));
        let planned = work(&src_fs, &dst_fs, &options).unwrap();
        assert_eq!((state(&src), state(&dst)), before);
        assert!(!planned.actions().is_empty());
        let done = work(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
        assert_eq!(planned.actions(), done.actions());
        assert_ne!((state(&src), state(&dst)), before);
    }
}

#[test]
fn a_file_copied_onto_itself_through_two_handles_is_never_lost() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put("x/y/f", "content");
    let root = on(&server, "bucket", "/");
    let inside = on(&server, "bucket", "x/y");
    let bars = common::builder(&server)
        .dir_path("x")
        .delimiter("|")
        .build()
        .unwrap();
    bucket.put("plain", "content");
    let plain_bars = common::builder(&server).delimiter("|").build().unwrap();
    let lenient = common::builder(&server).strict(false).build().unwrap();
    let before = state(&bucket);
    let options = TransferOptions::new();
    let pairs: [(&S3Fs, &str, &S3Fs, &str); 5] = [
        (&root, "x/y/f", &inside, "f"),
        (&inside, "/f", &root, "x/y/f"),
        (&root, "plain", &plain_bars, "plain"),
        (&lenient, "plain", &root, "./plain"),
        (&root, "plain", &root, "plain"),
    ];
    for (src_fs, src_path, dst_fs, dst_path) in pairs {
        moving::move_file(src_fs, src_path, dst_fs, dst_path, &options).unwrap();
        let copied = copy::copy_file(src_fs, src_path, dst_fs, dst_path, &options);
        let error = fails(copied, ErrorKind::IllegalDestination);
        assert_eq!(error.path(), Some(dst_path));
        assert_eq!(state(&bucket), before, "{src_path} {dst_path}");
    }
    // Moves of directories also change nothing.
    moving::move_dir(&root, "x/y", &inside, "/", &options).unwrap();
    moving::move_fs(&inside, &inside.clone(), &options).unwrap();
    assert_eq!(state(&bucket), before);
    assert!(!bars.exists("y").unwrap());
}

#[test]
fn overlapping_trees_are_refused_through_any_handles() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    put_tree(&bucket, "x/y/");
    put_tree(&bucket, "x/");
    let root = on(&server, "bucket", "/");
    let outer = on(&server, "bucket", "x");
    let inner = on(&server, "bucket", "x/y");
    let before = state(&bucket);
    let options = TransferOptions::new().allow_empty_source(true);
    let pairs: [(&S3Fs, &str, &S3Fs, &str); 6] = [
        (&root, "x", &inner, "/"),
        (&inner, "/", &root, "x"),
        (&outer, "/", &inner, "new"),
        (&inner, "d", &outer, "y"),
        (&root, "/", &inner, "d/new"),
        (&root, "x/y", &outer, "/"),
    ];
    for (src_fs, src_path, dst_fs, dst_path) in pairs {
        let copied = copy::copy_dir(src_fs, src_path, dst_fs, dst_path, &options);
        assert_eq!(
            fails(copied, ErrorKind::IllegalDestination).path(),
            Some(dst_path)
        );
        let copied = copy::copy_structure(src_fs, src_path, dst_fs, dst_path, &options);
        fails(copied, ErrorKind::IllegalDestination);
        let moved = moving::move_dir(src_fs, src_path, dst_fs, dst_path, &options);
        fails(moved, ErrorKind::IllegalDestination);
    }
    for (src_fs, dst_fs) in [(&outer, &inner), (&inner, &root), (&root, &root)] {
        fails(
            mirror(src_fs, dst_fs, &options),
            ErrorKind::IllegalDestination,
        );
    }
    let copied = copy::copy_fs(&inner, &on(&server, "bucket", "x/y"), &options);
    fails(copied, ErrorKind::IllegalDestination);
    assert_eq!(state(&bucket), before);
}

#[test]
fn a_mistyped_source_costs_nothing() {
    let (server, other) = (Server::start(), Server::start());
    put_tree(&server.bucket("bucket"), "reports/");
    put_tree(&other.bucket("bucket"), "backup/");
    let before = state(&other.bucket("bucket"));
    let mistyped = on(&server, "bucket", "report");
    let backup = on(&other, "bucket", "backup");
    let options = TransferOptions::new();
    for refused in [
        mirror(&mistyped, &backup, &options),
        mirror(&mistyped, &backup, &TransferOptions::new().dry_run(true)),
        moving::move_fs(&mistyped, &backup, &options),
        moving::move_dir(&mistyped, "x", &backup, "/", &options),
        copy::copy_dir(&mistyped, "x", &backup, "y", &options),
    ] {
        fails(refused, ErrorKind::ResourceNotFound);
    }
    let error = mirror(&mistyped, &backup, &options).unwrap_err();
    assert!(error.to_string().contains("allow_empty_source"), "{error}");
    assert_eq!(state(&other.bucket("bucket")), before);

    let allowed = TransferOptions::new().allow_empty_source(true);
    moving::move_dir(&mistyped, "x", &backup, "/", &allowed).unwrap();
    moving::move_fs(&mistyped, &backup, &allowed).unwrap();
    has_the_tree(&other.bucket("bucket"), "backup/");
    mirror(&mistyped, &backup, &allowed).unwrap();
    assert!(files(&other.bucket("bucket")).is_empty());
}

#[test]
fn a_missing_bucket_is_no_empty_source() {
    let (server, other) = (Server::start(), Server::start());
    put_tree(&other.bucket("bucket"), "");
    let before = state(&other.bucket("bucket"));
    let missing = common::builder_of(&server, "missing").build().unwrap();
    let backup = common::open(&other);
    let options = TransferOptions::new().allow_empty_source(true);
    assert!(mirror(&missing, &backup, &options).is_err());
    assert!(moving::move_fs(&missing, &backup, &options).is_err());
    assert_eq!(state(&other.bucket("bucket")), before);
}

#[test]
fn a_move_that_fails_in_the_middle_removes_nothing_from_the_source() {
    for workers in [1, 8] {
        let (server, other) = (Server::start(), Server::start());
        let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
        let (src, dst) = (server.bucket("bucket"), other.bucket("bucket"));
        for key in ["a", "b", "c", "d"] {
            src.put(key, key);
        }
        dst.put("c", "the old one");
        let before = state(&src);
        let refused = Rule::on("PutObject").key("c").always();
        other
            .faults()
            .add(refused, Fault::error(403, "AccessDenied"));
        let options = TransferOptions::new().workers(workers);
        let error = fails(
            moving::move_fs(&src_fs, &dst_fs, &options),
            ErrorKind::PermissionDenied,
        );
        assert_eq!(error.path(), Some("/c"));
        assert_eq!(state(&src), before);
        assert_eq!(dst.get("c").unwrap().content.to_vec(), b"the old one");
        for (key, content) in files(&dst).into_iter().filter(|(key, _)| key != "c") {
            assert_eq!(key.into_bytes(), content);
        }
        if workers == 1 {
            assert_eq!(keys(&dst), ["a", "b", "c"]);
        }
        // The failed files can be moved again.
        other.faults().clear();
        moving::move_fs(&src_fs, &dst_fs, &options).unwrap();
        assert_eq!(keys(&dst), ["a", "b", "c", "d"]);
        assert_eq!(files(&dst)["c"], b"c");
        assert!(files(&src).is_empty());
    }
}

#[test]
fn errors_are_gathered_and_the_other_files_are_moved() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    let (src, dst) = (server.bucket("bucket"), other.bucket("bucket"));
    for key in ["a", "d/b", "d/c", "e"] {
        src.put(key, key);
    }
    dst.put("gone", "not in the source");
    let refused = Rule::on("PutObject").key("d/b").always();
    other
        .faults()
        .add(refused, Fault::error(403, "AccessDenied"));
    let unreadable = Rule::on("GetObject").key("e").always();
    server
        .faults()
        .add(unreadable, Fault::error(403, "AccessDenied"));
    let told = Mutex::new(Vec::new());
    let options = TransferOptions::new().workers(3).on_error(|error| {
        told.lock()
            .unwrap()
            .push(error.path().unwrap_or_default().to_owned());
        OnError::Gather
    });

    let error = fails(
        mirror(&src_fs, &dst_fs, &options),
        ErrorKind::BulkCopyFailed,
    );
    let failures = Failures::of(&error).unwrap();
    assert_eq!(failures.errors().len(), 2);
    assert_eq!(failures.report().copied(), 2);
    assert!(error.to_string().contains("2 failed"), "{error}");
    // An incomplete mirror removes nothing.
    assert_eq!(keys(&dst), ["a", "d/c", "gone"]);

    let error = fails(
        moving::move_fs(&src_fs, &dst_fs, &options),
        ErrorKind::BulkCopyFailed,
    );
    let failures = Failures::of(&error).unwrap();
    assert_eq!(failures.report().left_behind(), ["/d/b", "/e"]);
    assert_eq!(keys(&src), ["d/b", "e"]);
    assert_eq!(keys(&dst), ["a", "d/c", "gone"]);
    drop(options);
    let mut told = told.into_inner().unwrap();
    told.sort();
    assert_eq!(told, ["/d/b", "/d/b", "/e", "/e"]);
}

#[test]
fn files_that_another_writer_adds_or_changes_during_a_move_stay() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    let (src, dst) = (server.bucket("bucket"), other.bucket("bucket"));
    put_tree(&src, "in/");
    let options = TransferOptions::new().on_copy(|src_path, _| {
        if src_path == "in/d/1" {
            src.put("in/d/1", "changed after it was copied");
            src.put("in/d/new", "came meanwhile");
            src.put("in/later/new", "came meanwhile");
            src.remove("in/b.txt");
        }
        Ok(())
    });
    let report = moving::move_dir(&src_fs, "in", &dst_fs, "out", &options).unwrap();
    assert_eq!(report.left_behind(), ["in/d/1", "in/d/new", "in/later/new"]);
    assert_eq!(keys(&src), ["in/d/1", "in/d/new", "in/later/new"]);
    let changed = src.get("in/d/1").unwrap().content.to_vec();
    assert_eq!(changed, b"changed after it was copied");
    has_the_tree(&dst, "out/");
    assert_eq!(keys(&dst).len(), 6);
}

#[test]
fn a_file_that_changes_while_it_is_moved_stays() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    let src = server.bucket("bucket");
    src.put("f", "content");
    let options = TransferOptions::new().progress(|_, _| {
        src.put("f", "another content");
        Ok(())
    });
    let moved = moving::move_file(&src_fs, "f", &dst_fs, "f", &options);
    assert_eq!(fails(moved, ErrorKind::ResourceChanged).path(), Some("f"));
    assert_eq!(src_fs.readtext("f").unwrap(), "another content");
    assert_eq!(dst_fs.readtext("f").unwrap(), "content");
}

#[test]
fn a_source_that_cannot_be_removed_exists_in_both_places() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    server.bucket("bucket").put("d/f", "content");
    server.bucket("bucket").put("d/g", "content");
    server.bucket("bucket").refuse_delete("d/f");
    let options = TransferOptions::new();
    let moved = moving::move_file(&src_fs, "d/f", &dst_fs, "f", &options);
    fails(moved, ErrorKind::PermissionDenied);
    assert_eq!(dst_fs.readtext("f").unwrap(), "content");
    let moved = moving::move_dir(&src_fs, "d", &dst_fs, "d", &options);
    fails(moved, ErrorKind::PermissionDenied);
    assert_eq!(src_fs.readtext("d/f").unwrap(), "content");
    assert_eq!(dst_fs.readtext("d/f").unwrap(), "content");
    assert_eq!(dst_fs.readtext("d/g").unwrap(), "content");
}

#[test]
fn an_error_of_the_callback_cancels_and_is_returned() {
    let cancelled = || Error::new(ErrorKind::Timeout).with_message("enough");
    for workers in [1, 8] {
        let (server, other) = (Server::start(), Server::start());
        let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
        let (src, dst) = (server.bucket("bucket"), other.bucket("bucket"));
        for number in 0..30 {
            src.put(&format!("{number:02}"), "content");
        }
        let before = state(&src);
        let mut count = 0;
        let options = TransferOptions::new()
            .workers(workers)
            .on_error(|_| OnError::Gather)
            .on_copy(|_, _| {
                count += 1;
                if count == 3 { Err(cancelled()) } else { Ok(()) }
            });
        let error = fails(
            moving::move_fs(&src_fs, &dst_fs, &options),
            ErrorKind::Timeout,
        );
        assert!(error.to_string().contains("enough"), "{error}");
        assert_eq!(state(&src), before);
        assert!((3..=3 + workers).contains(&keys(&dst).len()));
    }
    // In the middle of a file: nothing of the file is stored.
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    server.bucket("bucket").put_synthetic("large", 1, 3 << 20);
    other.bucket("bucket").put("large", "the old one");
    let options = TransferOptions::new()
        .on_error(|_| OnError::Gather)
        .progress(|done, _| {
            if done > 1 << 20 {
                Err(cancelled())
            } else {
                Ok(())
            }
        });
    fails(
        copy::copy_fs(&src_fs, &dst_fs, &options),
        ErrorKind::Timeout,
    );
    assert_eq!(dst_fs.readtext("large").unwrap(), "the old one");
    let moved = moving::move_file(&src_fs, "large", &dst_fs, "large", &options);
    fails(moved, ErrorKind::Timeout);
    assert_eq!(src_fs.getsize("large").unwrap(), 3 << 20);
}

#[test]
fn a_panic_of_the_callback_ends_the_copy_and_is_propagated() {
    for workers in [1, 4] {
        let (src, dst) = (MemoryFs::new(), MemoryFs::new());
        for number in 0..500 {
            src.writetext(&format!("{number:03}"), "content").unwrap();
        }
        let mut count = 0;
        let options = TransferOptions::new().workers(workers).on_copy(|_, _| {
            count += 1;
            assert!(count != 3, "enough of tides");
            thread::sleep(Duration::from_millis(1));
            Ok(())
        });
        let copied = AssertUnwindSafe(|| copy::copy_fs(&src, &dst, &options));
        let panic = panic::catch_unwind(copied).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"enough of tides"));
        assert!(dst.listdir("/").unwrap().len() < 100);
    }
}

#[test]
fn any_number_of_workers_copies_everything() {
    let server = Server::start();
    let max_workers = common::builder(&server).max_workers(usize::MAX);
    let (src, dst) = (MemoryFs::new(), max_workers.build().unwrap());
    for number in 0..20 {
        src.writetext(&format!("{number:02}"), "content").unwrap();
    }
    for workers in [0, 1, 2, usize::MAX - 1, usize::MAX] {
        let options = TransferOptions::new().workers(workers);
        let report = copy::copy_fs(&src, &dst, &options).unwrap();
        assert_eq!(report.copied(), 20, "{workers}");
        assert_eq!(keys(&server.bucket("bucket")).len(), 20, "{workers}");
        let names = dst.listdir("/").unwrap();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let infos = dst.getinfo_many(&names, Namespaces::BASIC);
        assert!(infos.iter().all(Result::is_ok), "{workers}");
        dst.removetree("/").unwrap();
    }
}

#[test]
fn conditions_select_the_copied_files() {
    for (condition, expected) in [
        (
            Condition::Always,
            ["absent", "newer", "older", "same"].as_slice(),
        ),
        (Condition::Newer, &["absent", "newer"]),
        (Condition::Older, &["absent", "older"]),
        (Condition::Exists, &["newer", "older", "same"]),
        (Condition::NotExists, &["absent"]),
    ] {
        let (server, other) = (Server::start(), Server::start());
        let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
        let (src, dst) = (server.bucket("bucket"), other.bucket("bucket"));
        src.put_with("absent", hours_ago("src", 2));
        for (key, src_age, dst_age) in [("newer", 1, 2), ("older", 2, 1), ("same", 1, 1)] {
            src.put_with(key, hours_ago("src", src_age));
            dst.put_with(key, hours_ago("dst", dst_age));
        }
        // The ages of "same" were computed one after the other.
        let mut same = dst.get("same").unwrap();
        same.modified = src.get("same").unwrap().modified;
        dst.put_with("same", same);
        for key in ["absent", "newer", "older", "same"] {
            let dry = TransferOptions::new().dry_run(true).condition(condition);
            let copied = copy::copy_file(&src_fs, key, &dst_fs, key, &dry);
            assert_eq!(
                copied.unwrap(),
                expected.contains(&key),
                "{condition:?} {key}"
            );
        }
        let report = copy::copy_fs(
            &src_fs,
            &dst_fs,
            &TransferOptions::new().condition(condition),
        )
        .unwrap();
        let copied = files(&dst)
            .into_iter()
            .filter(|(_, content)| content == b"src");
        assert_eq!(copied.map(|(key, _)| key).collect::<Vec<_>>(), expected);
        assert_eq!(report.bytes(), 3 * expected.len() as u64);
    }
}

#[test]
fn single_files_have_the_same_errors_as_copy() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    src_fs.makedir("d").unwrap();
    src_fs.writetext("f", "content").unwrap();
    dst_fs.makedir("d").unwrap();
    dst_fs.writetext("f", "old").unwrap();
    let options = TransferOptions::new();
    for (src_path, dst_path, kind, path) in [
        ("x", "g", ErrorKind::ResourceNotFound, "x"),
        ("d", "g", ErrorKind::FileExpected, "d"),
        ("f", "d", ErrorKind::FileExpected, "d"),
        ("f", "x/g", ErrorKind::ResourceNotFound, "x/g"),
        ("f", "../g", ErrorKind::IllegalBackReference, "../g"),
    ] {
        let copied = copy::copy_file(&src_fs, src_path, &dst_fs, dst_path, &options);
        assert_eq!(fails(copied, kind).path(), Some(path));
        let moved = moving::move_file(&src_fs, src_path, &dst_fs, dst_path, &options);
        assert_eq!(fails(moved, kind).path(), Some(path));
    }
    for (src_path, dst_path, kind, path) in [
        ("x", "t", ErrorKind::ResourceNotFound, "x"),
        ("f", "t", ErrorKind::DirectoryExpected, "f"),
        ("/", "f", ErrorKind::DirectoryExpected, "f"),
    ] {
        let copied = copy::copy_dir(&src_fs, src_path, &dst_fs, dst_path, &options);
        assert_eq!(fails(copied, kind).path(), Some(path));
        let moved = moving::move_dir(&src_fs, src_path, &dst_fs, dst_path, &options);
        assert_eq!(fails(moved, kind).path(), Some(path));
    }
    copy::copy_file(&src_fs, "f", &dst_fs, "f", &options).unwrap();
    assert_eq!(dst_fs.readtext("f").unwrap(), "content");
    assert_eq!(keys(&other.bucket("bucket")), ["f"]);
    assert_eq!(keys(&server.bucket("bucket")), ["f"]);
}

#[test]
fn a_directory_structure_can_be_copied_without_files() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    put_tree(&server.bucket("bucket"), "in/");
    let options = TransferOptions::new();
    copy::copy_structure(&src_fs, "in", &dst_fs, "out", &options).unwrap();
    let made = ["out/", "out/d/", "out/d/e/", "out/d/e/f/", "out/empty/"];
    assert_eq!(other.bucket("bucket").keys(), made);
}

#[test]
fn a_file_and_a_directory_of_one_path_are_both_copied() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (on(&server, "bucket", "/"), on(&other, "bucket", "/"));
    let (src, dst) = (server.bucket("bucket"), other.bucket("bucket"));
    src.put("x", "file");
    src.put("x/y", "below");
    src.put("x/y/z", "below that");
    // The target may already have one of the two.
    for there in ["", "x", "x/other"] {
        for key in dst.keys() {
            dst.remove(&key);
        }
        if !there.is_empty() {
            dst.put(there, "old");
        }
        copy::copy_fs(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
        for key in ["x", "x/y", "x/y/z"] {
            assert_eq!(files(&dst)[key], files(&src)[key], "{key} with {there:?}");
        }
        mirror(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
        assert_eq!(files(&dst), files(&src));
    }
    moving::move_fs(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
    assert!(files(&src).is_empty());
    assert_eq!(keys(&dst), ["x", "x/y", "x/y/z"]);
}

type OnUpload = dyn Fn(&str) + Send + Sync;

/// A bucket as another kind of filesystem, with configurable properties, listings and capabilities.
struct Odd {
    fs: S3Fs,
    meta: Meta,
    /// An entry that listings of the root have in addition to the real ones.
    listed: Option<&'static str>,
    /// The server-side operations that were requested of it; it ignores them.
    hooks: Option<Mutex<Vec<String>>>,
    times: Mutex<Vec<String>>,
    on_upload: Option<Box<OnUpload>>,
}

impl Odd {
    fn new(fs: S3Fs) -> Self {
        Self {
            fs,
            meta: Meta::default(),
            listed: None,
            hooks: None,
            times: Mutex::default(),
            on_upload: None,
        }
    }

    /// Returns a path in lower case if this filesystem ignores case.
    fn at(&self, path: &str) -> String {
        if self.meta.case_insensitive {
            path.to_lowercase()
        } else {
            path.to_owned()
        }
    }

    fn hook(&self, what: String) -> bool {
        let asked = self
            .hooks
            .as_ref()
            .map(|hooks| hooks.lock().unwrap().push(what));
        asked.is_some()
    }
}

impl FileSystem for Odd {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        self.fs.getinfo(&self.at(path), namespaces)
    }
    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        self.fs.listdir(&self.at(path))
    }
    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.fs.makedir_with(&self.at(path), options)
    }
    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        self.fs.openbin_with(&self.at(path), mode, options)
    }
    fn remove(&self, path: &str) -> Result<()> {
        self.fs.remove(&self.at(path))
    }
    fn removedir(&self, path: &str) -> Result<()> {
        self.fs.removedir(&self.at(path))
    }
    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        let time = info.get("details", "modified").map(|_| path.to_owned());
        self.times.lock().unwrap().extend(time);
        self.fs.setinfo(&self.at(path), &RawInfo::new())
    }
    fn upload(&self, path: &str, source: &mut dyn Read) -> Result<u64> {
        let count = self.fs.upload(&self.at(path), source)?;
        if let Some(on_upload) = &self.on_upload {
            on_upload(path);
        }
        Ok(count)
    }
    fn getmeta(&self) -> Meta {
        self.meta.clone()
    }
    fn scantree(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        let listed = self
            .listed
            .map(|name| Ok(("/".to_owned(), Info::new(name, false))));
        let below = self.fs.scantree(&self.at(path), namespaces)?;
        Ok(Box::new(below.chain(listed)))
    }
    fn capabilities(&self) -> Option<&dyn Capabilities> {
        Some(self)
    }
    fn close(&self) -> Result<()> {
        self.fs.close()
    }
    fn isclosed(&self) -> bool {
        self.fs.isclosed()
    }
}

impl Capabilities for Odd {
    fn copy_from(&self, source: &Location, dst_path: &str) -> Result<bool> {
        Ok(self.hook(format!("copy {source:?} {dst_path}")))
    }
    fn copydir_from(&self, source: &Location, dst_path: &str, remove: bool) -> Result<bool> {
        Ok(self.hook(format!("copydir {source:?} {dst_path} {remove}")))
    }
}

/// A source on S3, and a target with the properties that `change` sets.
fn odd(change: impl Fn(&mut Meta)) -> (Server, S3Fs, Server, Odd) {
    let (server, other) = (Server::start(), Server::start());
    let src_fs = common::open(&server);
    let mut dst_fs = Odd::new(common::open(&other));
    change(&mut dst_fs.meta);
    (server, src_fs, other, dst_fs)
}

/// Asserts that a copy, a move and a mirror are refused, and that neither side has changed.
#[track_caller]
fn all_refuse(
    source: &Server,
    src_fs: &dyn FileSystem,
    target: &Server,
    dst_fs: &dyn FileSystem,
    kind: ErrorKind,
) -> Error {
    let (src, dst) = (source.bucket("bucket"), target.bucket("bucket"));
    dst.put("old", "old");
    let before = (state(&src), state(&dst));
    let options = TransferOptions::new().on_error(|_| OnError::Gather);
    let error = fails(copy::copy_fs(src_fs, dst_fs, &options), kind);
    fails(moving::move_fs(src_fs, dst_fs, &options), kind);
    fails(mirror(src_fs, dst_fs, &options), kind);
    assert_eq!((state(&src), state(&dst)), before);
    error
}

#[test]
fn a_target_that_cannot_hold_both_is_refused_before_anything_changes() {
    let (source, src_fs, target, dst_fs) = odd(|_| {});
    source.bucket("bucket").put("a", "first");
    source.bucket("bucket").put("d/x", "file");
    source.bucket("bucket").put("d/x/y", "below");
    let error = all_refuse(&source, &src_fs, &target, &dst_fs, ErrorKind::Unsupported);
    assert_eq!(error.path(), Some("/d/x"));
}

#[test]
fn names_that_collide_in_the_target_are_refused_before_anything_changes() {
    for keys in [["d/A", "d/a"], ["É", "é"], ["D/1", "d/2"], ["x", "X/y"]] {
        let (source, src_fs, target, dst_fs) = odd(|meta| {
            meta.case_insensitive = true;
            meta.holds_file_beside_directory = true;
        });
        for key in keys {
            source.bucket("bucket").put(key, key);
        }
        all_refuse(&source, &src_fs, &target, &dst_fs, ErrorKind::Unsupported);
    }
    // A single name that is both a file and a directory is no collision.
    let (source, src_fs, _target, dst_fs) = odd(|meta| {
        meta.case_insensitive = true;
        meta.holds_file_beside_directory = true;
    });
    source.bucket("bucket").put("x", "file");
    source.bucket("bucket").put("x/y", "below");
    copy::copy_fs(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
}

#[test]
fn a_mirror_recognizes_its_files_when_case_is_ignored() {
    let (source, src_fs, target, dst_fs) = odd(|meta| meta.case_insensitive = true);
    let (src, dst) = (source.bucket("bucket"), target.bucket("bucket"));
    for key in ["A.TXT", "Dir/File", "Dir/Changed"] {
        src.put(key, "content");
    }
    dst.put("a.txt", "content");
    dst.put("dir/changed", "old");
    dst.put("dir/gone", "old");
    mirror(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
    assert_eq!(keys(&dst), ["a.txt", "dir/changed", "dir/file"]);
    assert!(files(&dst).values().all(|content| content == b"content"));
}

#[test]
fn no_name_leads_out_of_the_target() {
    for name in [
        "../../etc/passwd",
        "..",
        ".",
        "",
        "a/../b",
        "/etc/passwd",
        "a\0b",
    ] {
        let (source, fs, target, dst_fs) = odd(|_| {});
        source.bucket("bucket").put("a", "first");
        let mut src_fs = Odd::new(fs);
        src_fs.listed = Some(name);
        all_refuse(&source, &src_fs, &target, &dst_fs, ErrorKind::InvalidPath);
    }
    for key in ["..\\..\\x", "C:\\x", "d/C:", "CON", "d/nul.txt/x", "d/dot."] {
        let (source, src_fs, target, dst_fs) = odd(|meta| {
            meta.invalid_path_chars = "\0\\:*?\"<>|".to_owned();
        });
        source.bucket("bucket").put("a", "first");
        source.bucket("bucket").put(key, "x");
        all_refuse(&source, &src_fs, &target, &dst_fs, ErrorKind::InvalidPath);
        // On other targets they are ordinary names.
        let posix = Odd::new(common::open(&target));
        copy::copy_fs(&src_fs, &posix, &TransferOptions::new()).unwrap();
    }
    // Keys without a path are not copied, and not mistaken for others.
    let (source, src_fs, target, dst_fs) = odd(|_| {});
    for key in ["../../etc/passwd", "a/../b", "a//c", "/d", "ok"] {
        source.bucket("bucket").put(key, "x");
    }
    moving::move_fs(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
    assert_eq!(keys(&target.bucket("bucket")), ["ok"]);
    assert_eq!(keys(&source.bucket("bucket")).len(), 4);
}

#[test]
fn a_path_too_long_for_the_target_is_refused_before_anything_changes() {
    let (source, src_fs, target, dst_fs) = odd(|meta| meta.max_path_length = Some(20));
    source.bucket("bucket").put("a", "first");
    source
        .bucket("bucket")
        .put("d/a name that is too long", "x");
    let error = all_refuse(&source, &src_fs, &target, &dst_fs, ErrorKind::InvalidPath);
    assert_eq!(error.path(), Some("/d/a name that is too long"));
}

#[test]
fn a_tree_that_the_target_copies_itself_is_not_copied_again() {
    let (source, src_fs, target, mut dst_fs) = odd(|_| {});
    let src = source.bucket("bucket");
    put_tree(&src, "");
    dst_fs.hooks = Some(Mutex::default());
    let before = state(&src);
    source.take_requests();
    let report = copy::copy_dir(&src_fs, "d", &dst_fs, "t", &TransferOptions::new()).unwrap();
    assert!(matches!(report.actions(), [Action::CopyDir { .. }]));
    let report = moving::move_dir(&src_fs, "d", &dst_fs, "t", &TransferOptions::new()).unwrap();
    assert!(matches!(report.actions(), [Action::MoveDir { .. }]));
    // A callback for single files sees them, and they are still not read here.
    let mut copied = 0;
    let looking = TransferOptions::new().on_copy(|_, _| {
        copied += 1;
        Ok(())
    });
    let report = copy::copy_dir(&src_fs, "d", &dst_fs, "t", &looking).unwrap();
    assert_eq!((report.copied(), report.bytes()), (3, 46));
    drop(looking);
    assert_eq!(copied, 3);
    copy::copy_file(&src_fs, "a", &dst_fs, "a", &TransferOptions::new()).unwrap();
    let asked = dst_fs.hooks.as_ref().unwrap().lock().unwrap().clone();
    let words: Vec<_> = asked
        .iter()
        .map(|hook| hook.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        words,
        ["copydir", "copydir", "copy", "copy", "copy", "copy"]
    );
    assert!(
        asked[0].ends_with(" t false") && asked[1].ends_with(" t true"),
        "{asked:?}"
    );
    assert!(
        source
            .requests()
            .iter()
            .all(|request| request.operation != "GetObject")
    );
    assert_eq!(state(&src), before);
    assert!(files(&target.bucket("bucket")).is_empty());
}

#[test]
fn times_are_kept_where_the_target_can() {
    let (source, src_fs, _target, dst_fs) = odd(|_| {});
    source.bucket("bucket").put("d/f", "x");
    let options = TransferOptions::new().preserve_time(true);
    copy::copy_fs(&src_fs, &dst_fs, &options).unwrap();
    copy::copy_file(&src_fs, "d/f", &dst_fs, "g", &options).unwrap();
    copy::copy_modified_time(&src_fs, "d/f", &dst_fs, "d/f").unwrap();
    copy::copy_fs(&src_fs, &dst_fs, &TransferOptions::new()).unwrap();
    assert_eq!(*dst_fs.times.lock().unwrap(), ["/d/f", "g", "d/f"]);
    // S3 cannot set times, and ignores the request.
    copy::copy_fs(&dst_fs, &on(&source, "other", "/"), &options).unwrap();
    let gone = copy::copy_modified_time(&src_fs, "x", &dst_fs, "d/f");
    fails(gone, ErrorKind::ResourceNotFound);
}

#[test]
fn a_filesystem_without_locations_loses_nothing() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    put_tree(&bucket, "");
    let fs = Odd::new(common::open(&server));
    let before = state(&bucket);
    let overwrite = CopyOptions::new().overwrite(true);
    let create = CopyOptions::new().create(true);
    let options = TransferOptions::new();
    fs.movefile_with("a", "/a", &overwrite).unwrap();
    fails(fs.movefile("a", "/a"), ErrorKind::DestinationExists);
    fs.movedir("d", "./d").unwrap();
    moving::move_file(&fs, "a", &fs, "./a", &options).unwrap();
    moving::move_dir(&fs, "d", &fs, "d/", &options).unwrap();
    for refused in [
        fs.copy_with("a", "/a", &overwrite),
        fs.copydir_with("d", "d", &create),
        fs.copydir_with("d", "d/new", &create),
        fs.movedir_with("d", "d/new", &create),
        fs.movedir_with("d/e", "d", &create),
        copy::copy_file(&fs, "a", &fs, "/a", &options).map(drop),
        copy::copy_dir(&fs, "d", &fs, "d/e", &options).map(|_| ()),
        mirror(&fs, &fs, &options).map(|_| ()),
    ] {
        fails(refused, ErrorKind::IllegalDestination);
    }
    assert_eq!(state(&bucket), before);
}

#[test]
fn movedir_reports_the_files_left_behind() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    put_tree(&bucket, "in/");
    let mut fs = Odd::new(common::open(&server));
    let writer = server.bucket("bucket");
    fs.on_upload = Some(Box::new(move |_| writer.put("in/d/new", "came meanwhile")));
    let moved = fs.movedir_with("in", "out", &CopyOptions::new().create(true));
    let error = fails(moved, ErrorKind::DirectoryNotEmpty);
    assert!(error.to_string().contains("in/d/new"), "{error}");
    assert_eq!(error.path(), Some("in"));
    has_the_tree(&bucket, "out/");
    let left: Vec<_> = keys(&bucket)
        .into_iter()
        .filter(|key| key.starts_with("in/"))
        .collect();
    assert_eq!(left, ["in/d/new"]);
}

#[test]
fn all_handles_of_one_bucket_have_the_same_location() {
    let build = |endpoint: Option<&str>, region: &str| {
        let builder = S3Fs::builder("bucket").region(region).anonymous(true);
        let builder = match endpoint {
            Some(url) => builder.endpoint_url(url),
            None => builder,
        };
        builder.build().unwrap().location("d/f").unwrap().unwrap()
    };
    let here = build(Some("http://127.0.0.1:9000"), "us-east-1");
    assert!(here.is_same(&build(Some("http://127.0.0.1:9000/"), "eu-west-1")));
    assert!(!here.is_same(&build(Some("http://127.0.0.1:9001"), "us-east-1")));
    if !cfg!(feature = "rustls") {
        // Without TLS nothing is built for AWS.
        return;
    }
    let aws = build(None, "us-east-1");
    assert!(!here.is_same(&aws));
    // A bucket's name is unique on AWS, and any region's endpoint leads to it.
    assert!(aws.is_same(&build(None, "eu-west-1")));
    let named = build(Some("https://s3.eu-west-1.amazonaws.com"), "eu-west-1");
    assert!(aws.is_same(&named));
}

#[test]
fn a_file_of_the_local_disk_is_uploaded_as_it_is_read() {
    let server = Server::builder().discard_over(1 << 20).start();
    let fs = common::open(&server);
    // The zeros of a sparse file take no space.
    let size = 50 << 20;
    let directory = Directory::new();
    let file = std::fs::File::create(directory.join("big")).unwrap();
    file.set_len(size).unwrap();
    let disk = OsFs::new(&directory).unwrap();
    let copied = copy::copy_file(&disk, "big", &fs, "big", &TransferOptions::new());
    copied.unwrap();
    assert_eq!(fs.getsize("big").unwrap(), size);
    let requests = server.requests();
    let parts = requests.iter().filter(|r| r.operation == "UploadPart");
    assert_eq!(parts.count() as u64, size.div_ceil(8 << 20));
}

#[test]
fn a_source_of_the_wrong_size_stores_nothing() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put("f", "old");
    let fs = common::open(&server);
    for size in [4, 6, 1000] {
        let error = fs.upload_sized("f", &mut &b"tides"[..], size).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OperationFailed, "{error}");
        assert_eq!(error.path(), Some("f"));
        assert_eq!(bucket.get("f").unwrap().bytes(), b"old");
    }
    assert_eq!(fs.upload_sized("f", &mut &b"tides"[..], 5).unwrap(), 5);
    assert_eq!(fs.readbytes("f").unwrap(), b"tides");
}

#[test]
fn a_lost_response_to_the_completion_of_a_copy_in_parts_is_resolved() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    let size = (5 << 30) + 1;
    bucket.put_synthetic("f", 1, size);
    let fs = common::open(&server);
    server
        .faults()
        .add(Rule::on("CompleteMultipartUpload"), Fault::DropAfter);
    fs.copy("f", "g").unwrap();
    assert_eq!(bucket.get("g").unwrap().len(), size);
    assert!(bucket.uploads().is_empty());
}

#[test]
fn a_source_that_is_replaced_during_a_copy_in_parts_is_never_mixed() {
    let size = (5 << 30) + 1;
    for moves in [false, true] {
        for server in [Server::builder(), Server::builder().like_radosgw()] {
            let server = server.start();
            let bucket = server.bucket("bucket");
            bucket.put_synthetic("f", 1, size);
            let replaced = server.bucket("bucket");
            let replace = move |_: &_| {
                replaced.put_synthetic("f", 2, size);
                false
            };
            let never = Fault::error(500, "InternalError");
            let rule = Rule::on("UploadPartCopy").when(replace);
            server.faults().add(rule, never);
            let fs = common::open(&server);
            let result = match moves {
                true => fs.movefile("f", "g"),
                false => fs.copy("f", "g"),
            };
            fails(result, ErrorKind::ResourceChanged);
            assert_eq!(bucket.keys(), ["f"]);
            let there = bucket.get("f").unwrap().content.slice(0..9).to_vec();
            assert_eq!(there, synthetic_bytes(2, 0, 9));
            assert!(bucket.uploads().is_empty());
        }
    }
}

#[test]
fn a_copy_in_parts_checks_its_source_again_before_completing() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put_synthetic("f", 1, (5 << 30) + 1);
    let fs = common::open_lenient(&server);
    let overwrite = CopyOptions::new().overwrite(true);
    fs.copy_with("f", "g", &overwrite).unwrap();
    let requests = server.requests();
    let parts = requests.iter().filter(|r| r.operation == "UploadPartCopy");
    assert_eq!(requests.len(), 2 + parts.count() + 3);
    let [.., look, end] = requests.as_slice() else {
        panic!("{} requests", requests.len())
    };
    assert_eq!((look.operation, look.key.as_str()), ("HeadObject", "f"));
    assert_eq!(end.operation, "CompleteMultipartUpload");
}

#[test]
fn parts_of_a_failed_copy_are_not_retried() {
    let delay = Duration::from_secs(1);
    for update in [false, true] {
        let server = Server::start();
        let bucket = server.bucket("bucket");
        // Copies in an update have the maximum size of a part.
        let size = if update { 50 << 30 } else { (5 << 30) + 1 };
        bucket.put_synthetic("f", 1, size);
        let builder = common::builder(&server).retry_base_delay(delay);
        let fs = builder.max_workers(20).build().unwrap();
        let refused = Fault::error(403, "AccessDenied");
        server.faults().add(Rule::on("UploadPartCopy"), refused);
        let others = Rule::on("UploadPartCopy").always();
        server
            .faults()
            .add(others, Fault::error(500, "InternalError"));
        let result = match update {
            true => fs.appendbytes("f", b"more"),
            false => fs.copy("f", "g"),
        };
        fails(result, ErrorKind::PermissionDenied);
        let asked = common::asked(&server, "UploadPartCopy").len();
        // For some parts the delay before the second attempt was shorter than the time until they were cancelled.
        assert!(asked <= 20, "{asked} requests for some 11 parts");
        assert!(bucket.uploads().is_empty());
    }
}

#[test]
fn a_completed_copy_in_parts_is_recognized_despite_a_successful_abort() {
    // This store responds to the abort of a completed upload as if the upload had been open.
    let server = Server::start();
    let bucket = server.bucket("bucket");
    let size = (5 << 30) + 1;
    bucket.put_synthetic("f", 1, size);
    let fs = common::open(&server);
    let faults = server.faults();
    faults.add(Rule::on("CompleteMultipartUpload"), Fault::DropAfter);
    let aborted = Fault::Answer(Answer::new(204, ""));
    faults.add(Rule::on("AbortMultipartUpload"), aborted);
    // It lists no parts either.
    faults.add(Rule::on("ListParts"), Fault::error(501, "NotImplemented"));
    let error = fs.copy("f", "g").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert_eq!(bucket.get("g").unwrap().len(), size);
    assert_eq!(faults.pending(), 0);
}

#[test]
fn without_conditions_in_the_store_concurrent_writes_are_still_kept() {
    for strict in [true, false] {
        let conditions = [Guarded::Copy, Guarded::Delete];
        let server = Server::builder().refuse_conditions(conditions).start();
        let fs = common::builder(&server).strict(strict).build().unwrap();
        let bucket = server.bucket("bucket");
        bucket.put("file", "content");
        // Another writer stores the object between the check and the copy.
        let meanwhile = |operation: &str, key: &'static str| {
            let bucket = server.bucket("bucket");
            let rule = Rule::on(operation).when(move |_| {
                bucket.put(key, "another's");
                false
            });
            server.faults().clear();
            server.faults().add(rule, Fault::DropBefore);
        };
        meanwhile("CopyObject", "copy");
        fails(fs.copy("file", "copy"), ErrorKind::DestinationExists);
        assert_eq!(bucket.get("copy").unwrap().bytes(), b"another's");
        meanwhile("DeleteObject", "file");
        let error = fails(fs.movefile("file", "moved"), ErrorKind::ResourceChanged);
        assert!(error.to_string().contains("both exist"), "{error}");
        assert_eq!(bucket.get("file").unwrap().bytes(), b"another's");
        server.faults().clear();
        fs.copy("file", "second").unwrap();
        fs.movefile("file", "third").unwrap();
        assert_eq!(bucket.get("third").unwrap().bytes(), b"another's");
        assert!(bucket.get("file").is_none());
    }
}

#[test]
fn a_tree_copy_ends_at_the_first_file_that_cannot_be_copied() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for number in 0..500 {
        bucket.put(&format!("dir/{number:03}"), "content");
    }
    let fs = common::builder(&server).max_attempts(1).build().unwrap();
    let create = CopyOptions::new().create(true);
    server
        .faults()
        .add(Rule::on("CopyObject").always(), Fault::DropBefore);
    for result in [
        fs.copydir_with("dir", "copy", &create),
        fs.movedir_with("dir", "moved", &create),
    ] {
        fails(result, ErrorKind::RemoteConnection);
        let asked = common::asked(&server, "CopyObject").len();
        assert!(asked < 50, "{asked} requests");
    }
}

/// Ceph's gateway decodes the source of a copied part twice: the content is read and sent instead.
#[test]
fn a_large_source_with_a_percent_sign_in_its_key_is_sent_and_not_copied() {
    let server = Server::builder().decode_copy_source_twice(true).start();
    let bucket = server.bucket("bucket");
    let size = (5 << 30) + 1;
    bucket.put_synthetic("d/x%41", 1, size);
    bucket.put_synthetic("d/xA", 2, size);
    let fs = common::builder(&server).max_workers(1).build().unwrap();
    let copies: [fn(&S3Fs) -> s3fs::Result<()>; 3] = [
        |fs| fs.copy("d/x%41", "copy"),
        |fs| fs.movefile("d/x%41", "copy"),
        |fs| {
            let copied = fs.copydir_with("d", "e", &CopyOptions::new().create(true));
            fs.removetree("e")?;
            copied
        },
    ];
    for copy in copies {
        // Two parts are enough for this test: the upload then stays as it is.
        let third = Rule::on("UploadPart").when(|request| request.query("partNumber") == Some("3"));
        let refused = || Fault::error(403, "AccessDenied");
        server.faults().add(third.always(), refused());
        let abort = Rule::on("AbortMultipartUpload")
            .when(|request| request.key.contains('%') || request.key == "copy");
        server.faults().add(abort.always(), refused());
        fails(copy(&fs), ErrorKind::PermissionDenied);
        server.faults().clear();
        let mut asked = server.take_requests();
        asked.retain(|request| request.key.contains('%') || request.key == "copy");
        assert!(
            asked
                .iter()
                .all(|request| request.operation != "UploadPartCopy")
        );
        let ranges = asked
            .iter()
            .filter(|request| request.operation == "GetObject");
        assert!(ranges.clone().count() >= 2);
        assert!(
            ranges
                .clone()
                .all(|request| request.header("if-match").is_some())
        );
        let uploads = bucket.uploads();
        let upload = uploads.iter().find(|upload| upload.key != "e/xA").unwrap();
        let mut start = 0;
        for number in 1..=2 {
            let part = upload.parts[&number].content.to_vec();
            assert_eq!(part, synthetic_bytes(1, start, part.len()));
            start += part.len() as u64;
        }
        let stale = fs.stale_uploads("/", std::time::Duration::ZERO).unwrap();
        for upload in &stale {
            fs.abort_upload(upload).unwrap();
        }
        server.take_requests();
    }
}

#[test]
fn a_condition_is_not_about_the_directories_that_the_call_makes() {
    for condition in [Condition::NotExists, Condition::Newer, Condition::Exists] {
        for is_move in [false, true] {
            let server = Server::start();
            let fs = common::open(&server);
            for key in ["src/x", "src/x/y", "src/z"] {
                server.bucket("bucket").put(key, "content");
            }
            let target = MemoryFs::new();
            let options = TransferOptions::new().condition(condition);
            let report = match is_move {
                false => copy::copy_dir(&fs, "src", &target, "/", &options),
                true => moving::move_dir(&fs, "src", &target, "/", &options),
            };
            let expected = if condition == Condition::Exists { 0 } else { 3 };
            assert_eq!(report.unwrap().copied(), expected, "{condition:?}");
        }
    }
}
