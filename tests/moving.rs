//! Moves that could lose their files: roots, links, other writers, and locations with two names.

use std::time::SystemTime;

use s3fs::mirror::mirror;
use s3fs::moving::{move_dir, move_file, move_fs};
use s3fs::{
    CopyOptions, Error, ErrorKind, Failures, FileSystem, FileSystemExt as _, MemoryFs, OnError,
    Result, S3Fs, TransferOptions,
};
use test_server::{Answer, BUCKET, Bucket, Fault, Guarded, Object, Rule, Server};

use crate::common;

#[track_caller]
fn fails<T>(result: Result<T>, kind: ErrorKind) -> Error {
    let error = result.err().expect("it was expected to fail");
    assert_eq!(error.kind(), kind, "{error}");
    error
}

fn create() -> CopyOptions {
    CopyOptions::new().create(true)
}

fn text(bucket: &Bucket, key: &str) -> String {
    let object = bucket.get(key).expect(key);
    String::from_utf8(object.bytes()).unwrap()
}

fn at(content: &str, modified: SystemTime) -> Object {
    let mut object = Object::new(content.to_owned());
    object.modified = modified;
    object
}

/// Runs an action right before a request takes effect.
fn right_before(server: &Server, request: Rule, act: impl Fn() + Send + 'static) {
    let acts = request.when(move |_| {
        act();
        false
    });
    server.faults().add(acts, Fault::ResetBefore);
}

/// Moves the root of a directory to another directory of the same filesystem, and to another filesystem.
fn root_stays(fs: &dyn FileSystem) {
    for (name, beside) in [("a", true), ("b", false), ("c", true)] {
        fs.makedirs(&format!("{name}/d")).unwrap();
        fs.writetext(&format!("{name}/d/f"), "content").unwrap();
        let from = fs.opendir(name).unwrap();
        let elsewhere = MemoryFs::new();
        if beside {
            fs.makedirs("to").unwrap();
            let to = fs.opendir("to").unwrap();
            move_fs(&from, &to, &TransferOptions::new()).unwrap();
            assert_eq!(fs.readtext("to/d/f").unwrap(), "content");
            fs.removetree("to").unwrap();
        } else {
            move_fs(&from, &elsewhere, &TransferOptions::new()).unwrap();
            assert_eq!(elsewhere.readtext("d/f").unwrap(), "content");
        }
        assert_eq!(from.listdir("/").unwrap(), [""; 0], "{name}");
        assert!(fs.isdir(name).unwrap());
    }
}

#[test]
fn the_root_of_a_directory_stays_when_its_contents_are_moved() {
    root_stays(&MemoryFs::new());
    for strict in [true, false] {
        let server = Server::start();
        let fs = common::builder(&server).strict(strict).build().unwrap();
        root_stays(&fs);
        // A root without a marker gets one before its keys are removed, and keys that do not fit stay.
        let bucket = server.bucket(BUCKET);
        bucket.put("plain/f", "content");
        let from = fs.opendir("plain").unwrap();
        fs.makedir("to").unwrap();
        move_fs(&from, &fs.opendir("to").unwrap(), &TransferOptions::new()).unwrap();
        assert_eq!(text(&bucket, "to/f"), "content");
        assert!(bucket.get("plain/").is_some() && bucket.get("plain/f").is_none());
    }
    let directory = crate::local::Directory::new();
    root_stays(&directory.open());
}

/// Checks the whole filesystem, a directory of it, and a second handle.
fn one_place(whole: &dyn FileSystem, again: &dyn FileSystem) {
    let options = TransferOptions::new().allow_empty_source(true);
    whole.makedirs("x/y").unwrap();
    whole.writetext("x/y/f", "content").unwrap();
    let inside = whole.opendir("x/y").unwrap();
    let above = again.opendir("x").unwrap();
    let handles: [(&dyn FileSystem, &str); 4] = [
        (whole, "x/y"),
        (again, "/x/./y"),
        (&inside, "/"),
        (&above, "y"),
    ];
    let file = |directory: &str| s3fs::path::combine(directory, "f");
    for (src, from) in handles {
        for (dst, to) in handles {
            move_file(src, &file(from), dst, &file(to), &options).unwrap();
            let copied = s3fs::copy::copy_file(src, &file(from), dst, &file(to), &options);
            fails(copied, ErrorKind::IllegalDestination);
            move_dir(src, from, dst, to, &options).unwrap();
            let copied = s3fs::copy::copy_dir(src, from, dst, to, &options);
            fails(copied, ErrorKind::IllegalDestination);
            let below = s3fs::path::combine(to, "below");
            fails(
                move_dir(src, from, dst, &below, &options),
                ErrorKind::IllegalDestination,
            );
        }
    }
    for (src, dst) in [(&inside, &above), (&above, &inside)] {
        fails(move_fs(src, dst, &options), ErrorKind::IllegalDestination);
        fails(mirror(src, dst, &options), ErrorKind::IllegalDestination);
    }
    fails(
        mirror(whole, &inside, &options),
        ErrorKind::IllegalDestination,
    );
    assert_eq!(whole.readtext("x/y/f").unwrap(), "content");
    assert_eq!(whole.listdir("x").unwrap(), ["y"]);
}

#[test]
fn handles_of_one_location_recognize_each_other() {
    let memory = MemoryFs::new();
    one_place(&memory, &memory);
    for strict in [true, false] {
        let server = Server::start();
        let open = || common::builder(&server).strict(strict).build().unwrap();
        one_place(&open(), &open());
    }
    let directory = crate::local::Directory::new();
    one_place(&directory.open(), &directory.open());
}

#[test]
fn an_object_replaced_before_its_tree_is_removed_stays_and_is_named() {
    for heeds in [true, false] {
        let ignored = [Guarded::Delete].into_iter().filter(|_| !heeds);
        let server = Server::builder().ignore_conditions(ignored).start();
        let bucket = server.bucket(BUCKET);
        for key in ["tree/a", "tree/b"] {
            bucket.put(key, "old");
        }
        let behind = server.bucket(BUCKET);
        right_before(&server, Rule::on("DeleteObjects"), move || {
            behind.put("tree/a", "new")
        });
        let fs = common::open(&server);
        let moved = fs.movedir_with("tree", "moved", &create());
        assert_eq!(text(&bucket, "moved/a"), "old");
        assert!(bucket.get("tree/b").is_none());
        if heeds {
            let error = fails(moved, ErrorKind::DirectoryNotEmpty);
            assert!(error.to_string().contains("tree/a"), "{error}");
            assert_eq!(text(&bucket, "tree/a"), "new");
        } else {
            // As documented for stores that ignore conditions.
            moved.unwrap();
        }
    }
}

#[test]
fn a_store_without_etags_in_bulk_deletes_gets_single_deletes() {
    let refusals = [
        (400, "MalformedXML", false),
        (400, "InvalidRequest", false),
        (501, "NotImplemented", true),
    ];
    for (status, code, knows_no_condition) in refusals {
        let refused = [Guarded::Delete].into_iter().filter(|_| knows_no_condition);
        let server = Server::builder().refuse_conditions(refused).start();
        let bucket = server.bucket(BUCKET);
        for key in ["tree/a", "tree/b"] {
            bucket.put(key, "old");
        }
        let refusal = Fault::error(status, code);
        server.faults().add(Rule::on("DeleteObjects"), refusal);
        let behind = server.bucket(BUCKET);
        right_before(&server, Rule::on("DeleteObject").key("tree/a"), move || {
            behind.put("tree/a", "new")
        });
        let fs = common::open(&server);
        let moved = fs.movedir_with("tree", "moved", &create());
        fails(moved, ErrorKind::DirectoryNotEmpty);
        assert_eq!(bucket.keys(), ["moved/", "moved/a", "moved/b", "tree/a"]);
        assert_eq!(text(&bucket, "tree/a"), "new");
    }
}

#[test]
fn a_wrong_etag_comparison_by_the_store_does_not_keep_moved_files() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put("tree/a", "old");
    let wrong = "<DeleteResult><Error><Key>tree/a</Key><Code>PreconditionFailed</Code>\
                 <Message>no</Message></Error></DeleteResult>";
    let answer = Answer::new(200, wrong).header("content-type", "application/xml");
    server
        .faults()
        .add(Rule::on("DeleteObjects"), Fault::Answer(answer));
    common::open(&server)
        .movedir_with("tree", "moved", &create())
        .unwrap();
    assert_eq!(bucket.keys(), ["moved/", "moved/a"]);
}

#[test]
fn a_file_replaced_within_the_same_second_by_one_of_equal_size_stays() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (common::open(&server), common::open(&other));
    let src = server.bucket(BUCKET);
    let now = SystemTime::now();
    for key in ["d/f", "d/g", "h"] {
        src.put_with(key, at("one", now));
    }
    let options = TransferOptions::new().on_copy(|_, _| {
        src.put_with("d/f", at("two", now));
        src.put_with("h", at("two", now));
        Ok(())
    });
    let report = move_dir(&src_fs, "d", &dst_fs, "d", &options).unwrap();
    assert_eq!(report.left_behind(), ["d/f"]);
    assert_eq!(src_fs.readtext("d/f").unwrap(), "two");
    src.put_with("h", at("one", now));
    let moved = move_file(&src_fs, "h", &dst_fs, "h", &options);
    fails(moved, ErrorKind::ResourceChanged);
    assert_eq!(src_fs.readtext("h").unwrap(), "two");
}

#[test]
fn a_file_that_is_excluded_after_it_was_copied_stays_and_is_named() {
    let server = Server::start();
    let fs = common::open(&server);
    let bucket = server.bucket(BUCKET);
    for key in ["d/e/a", "d/e/b", "d/f"] {
        bucket.put(key, "content");
    }
    let options = TransferOptions::new().filter(|_, info| info.size() < Some(100));
    let options = options.on_copy(|src_path, _| {
        if src_path == "d/e/a" {
            bucket.put(src_path, "x".repeat(1000));
        }
        Ok(())
    });
    let target = MemoryFs::new();
    let report = move_dir(&fs, "d", &target, "d", &options).unwrap();
    assert_eq!(report.left_behind(), ["d/e/a"]);
    assert_eq!(text(&bucket, "d/e/a"), "x".repeat(1000));
    assert_eq!(target.readtext("d/e/a").unwrap(), "content");
    assert_eq!(bucket.keys(), ["d/e/a"]);
}

/// Each file that is left takes only the check before its removal.
#[test]
fn directories_with_remaining_files_cost_no_request() {
    let (server, other) = (Server::start(), Server::start());
    let (src_fs, dst_fs) = (common::open(&server), common::open(&other));
    let src = server.bucket(BUCKET);
    let now = SystemTime::now();
    let directories = 60;
    for n in 0..directories {
        src.put_with(&format!("d/{n}/x/f"), at("one", now));
    }
    src.put("d/gone/f", "content");
    let options = TransferOptions::new().on_copy(|src_path, _| {
        if !src_path.contains("gone") {
            src.put_with(src_path, at("two", now));
        }
        Ok(())
    });
    server.take_requests();
    let report = move_dir(&src_fs, "d", &dst_fs, "d", &options).unwrap();
    assert_eq!(report.left_behind().len(), directories);
    assert!(src.keys().iter().all(|key| !key.starts_with("d/gone/")));
    let asked = server.take_requests().into_iter();
    let lists = asked.filter(|request| request.operation == "ListObjectsV2");
    // The source before and after, its kind, and the removal of `gone` and its contents.
    let lists = lists.count();
    assert!(
        lists <= 10,
        "{lists} listings for {directories} directories"
    );
}

#[test]
fn moving_within_one_bucket_through_two_server_names_loses_nothing() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put("d/f", "content");
    let by_number = common::open(&server);
    let by_name = S3Fs::builder(BUCKET)
        .endpoint_url(server.host_endpoint())
        .region(server.region())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
        .build()
        .unwrap();
    assert_eq!(by_name.readtext("d/f").unwrap(), "content");
    let options = TransferOptions::new();
    for (src, dst) in [(&by_number, &by_name), (&by_name, &by_number)] {
        bucket.put("d/f", "content");
        let moved = move_file(src, "d/f", dst, "d/f", &options);
        fails(moved, ErrorKind::ResourceChanged);
        bucket.put("d/f", "content");
        let report = move_dir(src, "d", dst, "d", &options).unwrap();
        assert_eq!(report.left_behind(), ["d/f"]);
        bucket.put("d/f", "content");
        let report = move_fs(src, dst, &options).unwrap();
        assert_eq!(report.left_behind(), ["/d/f"]);
        assert_eq!(text(&bucket, "d/f"), "content");
    }
    // Two stores with a bucket of the same name have different locations.
    let other = Server::start();
    let elsewhere = common::open(&other);
    other.bucket(BUCKET).put("d/f", "older");
    move_dir(&by_number, "d", &elsewhere, "d", &options).unwrap();
    assert_eq!(elsewhere.readtext("d/f").unwrap(), "content");
}

#[test]
fn on_one_server_each_error_is_reported_and_the_other_files_are_moved() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    for key in ["src/a", "src/b", "src/c"] {
        bucket.put(key, "content");
    }
    let refused = Fault::error(403, "AccessDenied");
    server
        .faults()
        .add(Rule::on("CopyObject").key("dst/b").always(), refused);
    let (src_fs, dst_fs) = (
        common::builder(&server).dir_path("src").build().unwrap(),
        common::builder(&server).dir_path("dst").build().unwrap(),
    );
    server.faults().add(
        Rule::on("PutObject").key("dst/b").always(),
        Fault::error(403, "AccessDenied"),
    );
    let told = std::sync::Mutex::new(Vec::new());
    let options = TransferOptions::new().on_error(|error| {
        told.lock().unwrap().push(error.kind());
        OnError::Gather
    });
    let error = fails(
        move_fs(&src_fs, &dst_fs, &options),
        ErrorKind::BulkCopyFailed,
    );
    let failures = Failures::of(&error).unwrap();
    assert_eq!(failures.report().left_behind(), ["/b"]);
    assert_eq!(*told.lock().unwrap(), [ErrorKind::PermissionDenied]);
    let keys = bucket.keys().into_iter().filter(|key| !key.ends_with('/'));
    assert_eq!(keys.collect::<Vec<_>>(), ["dst/a", "dst/c", "src/b"]);
}

#[test]
fn strict_moves_nothing_below_a_file() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put("src/a", "content");
    bucket.put("f", "a file");
    let (fs, other) = (common::open(&server), common::open(&server));
    let options = TransferOptions::new();
    let before = bucket.keys();
    fails(
        move_dir(&fs, "src", &other, "f/x", &options),
        ErrorKind::DirectoryExpected,
    );
    let copied = s3fs::copy::copy_dir(&fs, "src", &other, "f/x", &options);
    fails(copied, ErrorKind::DirectoryExpected);
    assert_eq!(bucket.keys(), before);
}

#[test]
fn keys_without_a_path_stay_and_are_reported() {
    let (server, other) = (Server::start(), Server::start());
    let bucket = server.bucket(BUCKET);
    let (src_fs, dst_fs) = (common::open(&server), common::open(&other));
    let options = TransferOptions::new();
    bucket.put("d/a", "content");
    bucket.put("d//b", "no path");
    let report = move_dir(&src_fs, "d", &dst_fs, "d", &options).unwrap();
    assert_eq!(report.left_behind(), ["d"]);
    assert_eq!(text(&bucket, "d//b"), "no path");
    // A marker with content is no file, and its content is not copied.
    bucket.put("m/", "content of a marker");
    bucket.put("m/a", "content");
    let report = move_dir(&src_fs, "m", &MemoryFs::new(), "m", &options).unwrap();
    assert_eq!(report.left_behind(), ["m"]);
    assert_eq!(text(&bucket, "m/"), "content of a marker");
    bucket.remove("d//b");
    bucket.remove("m/");
    // A key in the root, too.
    bucket.put("a", "content");
    bucket.put("/b", "no path");
    let report = move_fs(&src_fs, &MemoryFs::new(), &options).unwrap();
    assert_eq!(report.left_behind(), ["/"]);
    assert_eq!(text(&bucket, "/b"), "no path");
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::local::Directory;

    #[test]
    fn a_move_removes_links_and_never_their_targets() {
        for within in [false, true] {
            let directory = Directory::new();
            let os = directory.open();
            os.makedirs("d/e").unwrap();
            os.makedirs("t/full").unwrap();
            os.makedirs("to/full").unwrap();
            for path in ["d/f", "d/e/g", "t/full/h"] {
                os.writetext(path, "content").unwrap();
            }
            symlink("../d", os.root_path().join("t/l")).unwrap();
            symlink("full", os.root_path().join("t/m")).unwrap();
            let memory = MemoryFs::new();
            let target: &dyn FileSystem = if within {
                os.movedir("t", "to").unwrap();
                &os
            } else {
                memory.makedir("to").unwrap();
                let dry = TransferOptions::new().dry_run(true);
                let planned = move_dir(&os, "t", &memory, "to", &dry).unwrap();
                let done = move_dir(&os, "t", &memory, "to", &TransferOptions::new()).unwrap();
                assert_eq!(planned.actions(), done.actions());
                assert!(done.left_behind().is_empty());
                &memory
            };
            for path in ["to/l/f", "to/l/e/g", "to/full/h", "to/m/h"] {
                assert_eq!(target.readtext(path).unwrap(), "content", "{path}");
            }
            assert!(!os.exists("t").unwrap());
            assert_eq!(os.readtext("d/f").unwrap(), "content");
            assert_eq!(os.readtext("d/e/g").unwrap(), "content");
        }
    }

    #[test]
    fn a_linked_directory_is_moved_and_its_target_stays() {
        let directory = Directory::new();
        let os = directory.open();
        os.makedir("d").unwrap();
        os.writetext("d/f", "content").unwrap();
        symlink("d", os.root_path().join("l")).unwrap();
        let memory = MemoryFs::new();
        move_dir(&os, "l", &memory, "l", &TransferOptions::new()).unwrap();
        assert_eq!(memory.readtext("l/f").unwrap(), "content");
        assert_eq!(os.readtext("d/f").unwrap(), "content");
        assert!(!os.islink("l").is_ok_and(|is_link| is_link));
    }

    #[test]
    fn a_link_in_the_target_is_refused_before_anything_changes() {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        for (key, content) in [("a/f", "1"), ("l/f", "2"), ("x", "3"), ("y", "4")] {
            bucket.put(key, content);
        }
        let s3 = common::open(&server);
        let before = bucket.keys();
        let options = TransferOptions::new();
        for (name, leads_to) in [("l", "a"), ("y", "x"), ("y", "nowhere")] {
            let directory = Directory::new();
            let os = directory.open();
            os.makedir("a").unwrap();
            os.writetext("x", "old").unwrap();
            symlink(leads_to, os.root_path().join(name)).unwrap();
            for moved in [
                move_fs(&s3, &os, &options),
                s3fs::copy::copy_fs(&s3, &os, &options),
                mirror(&s3, &os, &options),
            ] {
                let error = fails(moved, ErrorKind::PermissionDenied);
                assert!(error.to_string().contains("symbolic link"), "{error}");
            }
            assert_eq!(bucket.keys(), before);
            assert_eq!(os.readtext("x").unwrap(), "old");
            assert!(os.isempty("a").unwrap());
        }
        // A link that the source does not know is removed, and its target stays.
        let directory = Directory::new();
        let os = directory.open();
        os.makedir("a").unwrap();
        symlink("a", os.root_path().join("extra")).unwrap();
        mirror(&s3, &os, &options).unwrap();
        assert!(!os.islink("extra").is_ok_and(|is_link| is_link));
        assert_eq!(os.readtext("a/f").unwrap(), "1");
    }
}
