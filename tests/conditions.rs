//! Conditional copies and moves: the requests that they send to a target on S3, counted there.

use s3fs::copy::{Condition, copy_dir, copy_file, copy_fs};
use s3fs::mirror::mirror;
use s3fs::moving::{move_dir, move_file};
use s3fs::{ErrorKind, FileSystem, FileSystemExt, MakedirOptions, MemoryFs, S3Fs, TransferOptions};
use test_server::{LoggedRequest, Server};

use crate::common;
use crate::local::Directory;

/// `t/0000` to `t/2499`, each with the content `old`.
fn large_target(server: &Server) -> S3Fs {
    for number in 0..2_500 {
        server
            .bucket("bucket")
            .put(&format!("t/{number:04}"), "old");
    }
    common::open_lenient(server)
}

fn source(names: &[&str]) -> MemoryFs {
    let fs = MemoryFs::new();
    for name in names {
        fs.writetext(name, "new").unwrap();
    }
    fs
}

/// Returns the number of listings of whole trees, and of checks of single files.
fn listings_and_looks(requests: &[LoggedRequest]) -> (usize, usize) {
    let is_tree = |request: &&LoggedRequest| {
        request.operation == "ListObjectsV2"
            && request.query("max-keys").is_none()
            && request.query("delimiter").is_none()
    };
    let is_look = |request: &&LoggedRequest| request.operation == "HeadObject";
    (
        requests.iter().filter(is_tree).count(),
        requests.iter().filter(is_look).count(),
    )
}

#[test]
fn the_target_is_listed_once_instead_of_one_head_per_file() {
    let server = Server::start();
    let fs = large_target(&server);
    // The times of the target are not older; a missing file counts as both newer and older.
    let src = source(&["0001", "0500", "1999", "2000", "2499", "a", "b", "z"]);
    for (condition, copied) in [
        (Condition::Exists, 5),
        (Condition::NotExists, 3),
        (Condition::NotExists, 0),
    ] {
        server.take_requests();
        let report = copy_dir(
            &src,
            "/",
            &fs,
            "t/./x/..",
            &TransferOptions::new().condition(condition),
        )
        .unwrap();
        assert_eq!(report.copied(), copied, "{condition:?}");
        let requests = server.take_requests();
        assert_eq!(listings_and_looks(&requests), (3, 0), "{condition:?}");
        let puts = requests
            .iter()
            .filter(|asked| asked.operation == "PutObject");
        assert_eq!(puts.count(), copied);
    }
    assert_eq!(fs.readtext("t/0500").unwrap(), "new");
    assert_eq!(fs.readtext("t/0501").unwrap(), "old");
}

#[test]
fn a_much_larger_target_is_checked_file_by_file() {
    let server = Server::start();
    let fs = large_target(&server);
    for (names, copied, looks) in [(&["0500"], 1, 1), (&["zz"], 0, 1)] {
        server.take_requests();
        let src = source(names);
        let report = copy_dir(
            &src,
            "/",
            &fs,
            "t",
            &TransferOptions::new().condition(Condition::Exists),
        )
        .unwrap();
        assert_eq!(report.copied(), copied, "{names:?}");
        // The listing ends after 1,000 entries in favor of a check of the one file.
        let asked = listings_and_looks(&server.take_requests());
        assert_eq!(asked, (1, looks), "{names:?}");
    }
}

#[test]
fn an_empty_source_and_a_missing_target_are_not_listed() {
    let server = Server::start();
    let fs = common::open_lenient(&server);
    copy_dir(
        &MemoryFs::new(),
        "/",
        &fs,
        "t",
        &TransferOptions::new().condition(Condition::Newer),
    )
    .unwrap();
    assert_eq!(listings_and_looks(&server.take_requests()).0, 0);
    let src = source(&["a", "b", "c"]);
    let report = copy_dir(
        &src,
        "/",
        &fs,
        "new",
        &TransferOptions::new().condition(Condition::Older),
    )
    .unwrap();
    assert_eq!(report.copied(), 3);
    assert_eq!(listings_and_looks(&server.take_requests()).0, 0);
}

#[test]
fn a_directory_created_by_the_copy_does_not_block_a_file_of_the_same_name() {
    let (server, other) = (Server::start(), Server::start());
    for key in ["x", "x/y"] {
        server.bucket("bucket").put(key, "content");
    }
    let (src, dst) = (common::open(&server), common::open(&other));
    let report = copy_fs(
        &src,
        &dst,
        &TransferOptions::new().condition(Condition::NotExists),
    )
    .unwrap();
    assert_eq!(report.copied(), 2);
    assert_eq!(other.bucket("bucket").keys(), ["x", "x/", "x/y"]);
    let report = copy_fs(
        &src,
        &dst,
        &TransferOptions::new().condition(Condition::Newer),
    )
    .unwrap();
    assert_eq!(report.copied(), 0);
}

#[test]
fn a_condition_also_holds_for_server_side_copies() {
    let server = Server::start();
    let fs = common::open(&server);
    for (path, content) in [("a/x", "new"), ("a/y", "new"), ("b/x", "old")] {
        fs.makedirs_with(&path[..1], &MakedirOptions::new().recreate(true))
            .unwrap();
        fs.writetext(path, content).unwrap();
    }
    let options = TransferOptions::new().condition(Condition::NotExists);
    assert_eq!(copy_dir(&fs, "a", &fs, "b", &options).unwrap().copied(), 1);
    assert!(!copy_file(&fs, "a/x", &fs, "b/x", &options).unwrap());
    assert_eq!(fs.readtext("b/x").unwrap(), "old");
    assert_eq!(fs.readtext("b/y").unwrap(), "new");
}

#[test]
fn a_conditional_move_leaves_the_other_files_in_place() {
    let (server, other) = (Server::start(), Server::start());
    let (fs, beyond) = (common::open(&server), common::open(&other));
    let not_there = || TransferOptions::new().condition(Condition::NotExists);
    // Within one server, to another one, and to memory; first as a dry run, and then for real.
    let memory = MemoryFs::new();
    for dst in [&fs as &dyn FileSystem, &beyond, &memory] {
        fs.makedirs_with("a/e", &MakedirOptions::new().recreate(true))
            .unwrap();
        dst.makedirs("b").unwrap();
        for path in ["a/x", "a/y", "a/e/z"] {
            fs.writetext(path, "new").unwrap();
        }
        dst.writetext("b/x", "old").unwrap();

        assert!(!move_file(&fs, "a/x", dst, "b/x", &not_there()).unwrap());
        assert!(fs.exists("a/x").unwrap());

        let planned = move_dir(&fs, "a", dst, "b", &not_there().dry_run(true)).unwrap();
        let report = move_dir(&fs, "a", dst, "b", &not_there()).unwrap();
        assert_eq!(report.copied(), 2);
        assert_eq!(report.left_behind(), ["a/x"]);
        assert_eq!(report.skipped(), ["a/x"]);
        assert_eq!(planned, report);
        assert!(fs.exists("a/x").unwrap());
        for gone in ["a/y", "a/e"] {
            assert!(!fs.exists(gone).unwrap(), "{gone}");
        }
        for (path, content) in [("b/x", "old"), ("b/y", "new"), ("b/e/z", "new")] {
            assert_eq!(dst.readtext(path).unwrap(), content);
        }

        dst.remove("b/x").unwrap();
        assert!(move_file(&fs, "a/x", dst, "b/x", &not_there()).unwrap());
        assert!(!fs.exists("a/x").unwrap());
    }
}

#[test]
fn operations_without_conditions_refuse_one_and_change_nothing() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.writetext("b", "old").unwrap();
    let directory = Directory::new();
    let local = directory.join("f");
    std::fs::write(&local, "new").unwrap();
    server.take_requests();
    let options = TransferOptions::new().condition(Condition::NotExists);
    for refused in [
        mirror(&source(&["a"]), &fs, &options).map(drop),
        fs.upload_file(&local, "b", &options).map(drop),
        fs.download_file("b", &local, &options).map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(
            error.to_string().contains("does not support a condition"),
            "{error}"
        );
    }
    assert_eq!(server.take_requests().len(), 0);
    assert_eq!(std::fs::read(&local).unwrap(), b"new");
}
