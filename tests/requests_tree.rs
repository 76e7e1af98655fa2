//! Requests of walks and globs, counted by the server, on a tree of 2,500 objects in 100
//! directories.

use std::time::Duration;

use s3fs::{ErrorKind, FileSystemExt, Namespaces, S3Fs, Search, Walker};
use test_server::{Fault, Rule, Server};

use crate::common;

const BASIC: Namespaces = Namespaces::BASIC;

/// `t/d00/f00.txt` to `t/d99/f24.txt`, without markers.
fn tree(server: &Server) -> S3Fs {
    let fs = common::open(server);
    crate::requests_pruned::show_order(server, &fs);
    let bucket = server.bucket("bucket");
    for directory in 0..100 {
        for file in 0..25 {
            bucket.put(&format!("t/d{directory:02}/f{file:02}.txt"), "content");
        }
    }
    fs
}

/// Returns the requests of `act`, as operation and prefix or key.
fn asked(server: &Server, act: impl FnOnce() -> usize, found: usize) -> Vec<String> {
    server.take_requests();
    assert_eq!(act(), found);
    let requests = server.take_requests().into_iter();
    let shown = requests.map(|request| match request.query("prefix") {
        Some(prefix) => format!("{} {prefix}", request.operation),
        None => format!("{} {}", request.operation, request.key),
    });
    shown.collect()
}

fn each_once(asked: &[String]) -> bool {
    let mut sorted = asked.to_vec();
    sorted.sort();
    sorted.dedup();
    sorted.len() == asked.len()
}

#[test]
fn a_breadth_first_walk_lists_each_directory_once() {
    let server = Server::start();
    let fs = tree(&server);
    let listed = asked(&server, || fs.walk().walk("t", BASIC).count(), 101);
    assert_eq!(listed.len(), 101);
    assert!(each_once(&listed));
    let details = || fs.walk().info("t", Namespaces::DETAILS).count();
    assert_eq!(asked(&server, details, 2_600).len(), 101);
    assert_eq!(
        asked(&server, || fs.walk().dirs("t").count(), 100).len(),
        101
    );
    let breadth = || fs.walk().search(Search::Breadth).files("t").count();
    assert_eq!(asked(&server, breadth, 2_500).len(), 101);
}

#[test]
fn a_walk_that_continues_after_errors_lists_each_directory_once() {
    let server = Server::start();
    let fs = tree(&server);
    for search in [Search::Breadth, Search::Depth] {
        let walker = fs.walk().search(search).ignore_errors(true);
        let listed = asked(&server, || walker.files("t").count(), 2_500);
        assert_eq!(listed.len(), 101);
        assert!(each_once(&listed));
    }
}

#[test]
fn a_pruned_walk_lists_no_excluded_directory() {
    let server = Server::start();
    let fs = tree(&server);
    let check = |walker: Walker, path: &str, files: usize, by_directory: usize, flat: usize| {
        let orders = [
            walker.clone().search(Search::Breadth),
            walker.clone().search(Search::Depth),
            walker.clone(),
        ];
        for (walker, listings) in orders.into_iter().zip([by_directory, flat, flat]) {
            let walker = walker.bind(&fs);
            let listed = asked(&server, || walker.files(path).count(), files);
            assert_eq!(listed.len(), listings, "{walker:?} asked {listed:#?}");
            if listings == by_directory {
                assert!(each_once(&listed), "{walker:?} asked {listed:#?}");
            }
        }
    };
    let walker = Walker::new;
    check(walker().exclude_dirs(["d9*"]), "t", 2_250, 91, 3);
    check(walker().filter_dirs(["d0*"]), "t", 250, 11, 3);
    check(walker().filter_dirs(["t", "d0?"]), "/", 250, 12, 3);
    check(walker().max_depth(1), "t", 0, 1, 1);
    check(walker().max_depth(2), "/", 0, 2, 3);
    check(walker().filter_glob(["t/d0?/f00.txt"]), "/", 10, 12, 3);
    check(walker().exclude_glob(["t/d[1-9]*"]), "t", 250, 11, 3);
    check(walker().exclude_glob(["**/t"]), "/", 0, 1, 2);
}

#[test]
fn an_abandoned_walk_sends_no_more_requests() {
    let server = Server::start();
    let fs = tree(&server);
    let steps = fs.walk();
    assert!(asked(&server, || drop_unused(steps.walk("t", BASIC)), 0).is_empty());
    let three = || fs.walk().walk("t", BASIC).take(3).count();
    assert_eq!(asked(&server, three, 3).len(), 3);
    let depth = fs.walk().search(Search::Depth);
    let one_by_one = depth.clone().on_error(|_, _| false);
    let thirty = || one_by_one.files("t").take(30).count();
    assert_eq!(asked(&server, thirty, 30).len(), 3);
    let pruned = depth.exclude_dirs(["none"]);
    let thirty = || pruned.files("t").take(30).count();
    assert_eq!(asked(&server, thirty, 30).len(), 1);
}

fn drop_unused(iterator: impl Iterator) -> usize {
    drop(iterator);
    0
}

#[test]
fn a_glob_requests_only_possible_matches() {
    let server = Server::start();
    let fs = tree(&server);
    let glob = |pattern: &str, found: usize| {
        let count = || {
            let matches: s3fs::Result<Vec<_>> = fs.glob(pattern).into_iter().collect();
            matches.unwrap().len()
        };
        asked(&server, count, found)
    };
    // Names without wildcards are not listed.
    assert_eq!(glob("t/d05/f01.txt", 1), ["HeadObject t/d05/f01.txt"]);
    assert_eq!(glob("t/d05/*.txt", 25), ["ListObjectsV2 t/d05/"]);
    assert_eq!(glob("t/d05/**/f0*", 10), ["ListObjectsV2 t/d05/"]);
    // Below a directory, which is checked first.
    assert_eq!(
        fs.glob("**/f01.txt").path("t/d05").count().unwrap().files,
        1
    );
    assert_eq!(server.take_requests().len(), 2);
    // A wildcard takes one listing, and each following name one HEAD.
    let found = glob("t/d0*/f01.txt", 10);
    assert_eq!(found.len(), 11, "{found:?}");
    assert_eq!(found[0], "ListObjectsV2 t/d0");
    let looks = found
        .iter()
        .filter(|asked| asked.starts_with("HeadObject t/d0"));
    assert_eq!(looks.count(), 10, "{found:?}");
    assert_eq!(glob("t/d0*/f0[12].txt", 20).len(), 11);
    assert_eq!(glob("t/d[0-4]*/", 50).len(), 1);
    // Only names with the literal prefix are listed, and nothing below missing directories.
    let found = glob("t/d05/f2*", 5);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found
            .iter()
            .all(|asked| asked.starts_with("ListObjectsV2 t/d05/"))
    );
    for nothing in ["missing/*/x", "missing/**", "t/d05/f01.txt/*"] {
        assert!(glob(nothing, 0).len() <= 3, "{nothing}");
    }
    let excluded = || {
        fs.glob("t/*/f01.txt")
            .exclude_dirs(["t"])
            .into_iter()
            .count()
    };
    assert!(asked(&server, excluded, 0).is_empty());
}

#[test]
fn heads_after_a_wildcard_are_sent_in_parallel_and_matches_are_in_order() {
    let server = Server::start();
    let fs = tree(&server);
    for missing in [0, 7, 98] {
        server
            .bucket("bucket")
            .remove(&format!("t/d{missing:02}/f01.txt"));
    }
    server.bucket("bucket").put("t/file", "");
    let head = Rule::on("HeadObject").times(1_000);
    server
        .faults()
        .add(head, Fault::Delay(Duration::from_millis(5)));
    let found = || {
        fs.glob("t/*/f01.txt")
            .into_iter()
            .map(|found| found.unwrap().path)
    };
    let expected = (0..100).filter(|n| ![0, 7, 98].contains(n));
    let expected: Vec<_> = expected.map(|n| format!("/t/d{n:02}/f01.txt")).collect();
    let connections = server.connections();
    let asked_all = asked(&server, || found().eq(expected.iter().cloned()).into(), 1);
    // A listing, a HEAD each, and for the three missing ones a check whether they are directories.
    assert_eq!(asked_all.len(), 1 + 100 + 3);
    assert!(
        server.connections() > connections + 1,
        "one after the other"
    );
    // Stopping early sends at most twice as many requests as needed: 1, then 2, 4, 8.
    assert_eq!(
        asked(&server, || found().take(1).count(), 1).len(),
        1 + 1 + 1 + 2
    );
    assert_eq!(
        asked(&server, || found().take(6).count(), 6).len(),
        1 + 1 + 1 + 2 + 4
    );
    // Directories on the way are not checked.
    server.bucket("bucket").put("t/d05/a/b/c", "");
    let deep = asked(&server, || fs.glob("t/*/a/b/c").into_iter().count(), 1);
    assert_eq!(deep.len(), 1 + 100 + 99);
    let excluded = fs.glob("t/*/a/b/c").exclude_dirs(["b"]);
    assert_eq!(asked(&server, || excluded.into_iter().count(), 0).len(), 1);
    let some = fs.glob("t/*/f02.txt").exclude_dirs(["d[1-9]*"]);
    assert_eq!(asked(&server, || some.into_iter().count(), 10).len(), 11);
}

#[test]
fn a_failed_head_ends_the_matches_at_its_position() {
    let server = Server::start();
    let fs = tree(&server);
    let rule = Rule::on("HeadObject").when(|request| request.key == "t/d05/f01.txt");
    server
        .faults()
        .add(rule.times(100), Fault::error(403, "AccessDenied"));
    let found: Vec<_> = fs.glob("t/*/f01.txt").into_iter().collect();
    assert_eq!(found.len(), 6);
    assert!(found[..5].iter().all(|found| found.is_ok()));
    let error = found[5].as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.path(), Some("/t/d05/f01.txt"));
}

#[test]
fn a_glob_does_not_list_excluded_directories() {
    let server = Server::start();
    let fs = tree(&server);
    let glob = fs.glob("t/**/f01.txt").exclude_dirs(["d[1-9]*"]);
    let listed = asked(&server, || glob.into_iter().count(), 10);
    // Two pages, and `t` itself, whose entries are left out from there on.
    assert_eq!(listed, ["ListObjectsV2 t/"; 3]);
}
