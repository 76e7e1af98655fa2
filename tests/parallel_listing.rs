//! Large trees are listed in several ranges of keys at the same time: each key once, in order, with few more requests.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use s3fs::{ErrorKind, FileSystem, FileSystemExt, Namespaces, S3Fs, TransferOptions};
use test_server::{BUCKET, ListOrder, ListingManners, Server};

use crate::common;
use crate::local::Directory;

const WORKERS: usize = 8;
const PAGE: usize = 50;

/// A server with small pages, so that a few thousand keys are many pages.
fn server() -> Server {
    Server::builder().page_size(PAGE as i32).start()
}

fn open(server: &Server, workers: usize) -> S3Fs {
    let builder = common::builder(server).strict(false);
    let builder = builder.list_in_byte_order(true).max_workers(workers);
    builder.build().unwrap()
}

/// The keys of trees of several shapes, below `t/`.
fn shapes() -> Vec<Vec<String>> {
    let count = 4000;
    let keys = |key: &dyn Fn(usize) -> String| (0..count).map(key).collect::<Vec<_>>();
    vec![
        keys(&|n| format!("t/d{:02}/f{:02}", n / 100, n % 100)),
        keys(&|n| format!("t/{n}")),
        keys(&|n| format!("t/{:08x}", (n as u32).wrapping_mul(2_654_435_761))),
        keys(&|n| format!("t/a-{n:04}"))
            .into_iter()
            .chain(keys(&|n| format!("t/a/{n:04}")))
            .collect(),
        keys(&|n| format!("t/\u{e9}\u{e8}/{n:04}\u{1f600}")),
        keys(&|n| format!("t/{}x", "deep/".repeat(n % 40)))
            .into_iter()
            .collect(),
    ]
}

fn fill(server: &Server, keys: &[String]) {
    let bucket = server.bucket(BUCKET);
    for key in keys {
        bucket.put(key, "");
    }
}

fn listings(server: &Server) -> usize {
    let requests = server.take_requests();
    assert!(
        requests
            .iter()
            .all(|request| request.operation == "ListObjectsV2")
    );
    requests.len()
}

fn tree(fs: &S3Fs) -> Vec<(String, String, bool)> {
    let entries = fs.scantree("t", Namespaces::DETAILS).unwrap();
    let entry = |entry: s3fs::Result<(String, s3fs::Info)>| {
        let (directory, info) = entry.unwrap();
        (directory, info.name().to_owned(), info.is_dir())
    };
    entries.map(entry).collect()
}

#[test]
fn several_workers_list_the_same_entries_in_the_same_order_as_one() {
    for keys in shapes() {
        let server = server();
        fill(&server, &keys);
        let one = open(&server, 1);
        let expected = tree(&one);
        let pages = listings(&server);
        assert_eq!(pages, server.bucket(BUCKET).keys().len().div_ceil(PAGE));
        let several = open(&server, WORKERS);
        assert!(tree(&several) == expected);
        let requests = listings(&server);
        assert!(
            requests <= pages + pages / 10 + 2 * WORKERS,
            "{pages} pages, {requests} requests, {}",
            keys[1]
        );
        let files = several.walk().search(s3fs::Search::Depth).files("t");
        let files = files.collect::<s3fs::Result<Vec<_>>>().unwrap();
        let is_file = |(directory, name, is_dir): &(String, String, bool)| {
            (!is_dir).then(|| s3fs::path::combine(directory, name))
        };
        let expected: Vec<String> = expected.iter().filter_map(is_file).collect();
        assert!(files == expected);
    }
}

#[test]
fn a_tree_of_one_page_takes_one_request() {
    let server = server();
    let keys: Vec<String> = (0..PAGE).map(|n| format!("t/{n:04}")).collect();
    fill(&server, &keys);
    let fs = open(&server, WORKERS);
    assert_eq!(tree(&fs).len(), PAGE);
    assert_eq!(listings(&server), 1);
}

#[test]
fn without_proof_of_the_order_a_tree_is_listed_by_one_worker() {
    let server = server();
    let keys: Vec<String> = (0..4000).map(|n| format!("t/{n:04}")).collect();
    fill(&server, &keys);
    let pages = keys.len().div_ceil(PAGE);
    let unknown = common::builder(&server)
        .max_workers(WORKERS)
        .build()
        .unwrap();
    assert_eq!(tree(&unknown).len(), keys.len());
    assert_eq!(listings(&server), pages);
    // A page with `0-` before `0/` proves it, and one more request that start-after is honoured.
    fill(&server, &["t/0-".to_owned(), "t/0/x".to_owned()]);
    assert_eq!(tree(&unknown).len(), keys.len() + 3);
    assert!(listings(&server) > pages + 1);
}

#[test]
fn keys_that_come_and_go_meanwhile_neither_hide_nor_double_others() {
    let server = server();
    let keys: Vec<String> = (0..3000)
        .map(|n| format!("t/{:02}/{n:04}", n % 30))
        .collect();
    fill(&server, &keys);
    let fs = open(&server, WORKERS);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let bucket = server.bucket(BUCKET);
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let key = format!("t/{:02}/{:04}-other", number % 30, number * 7 % 3000);
                bucket.put(&key, "");
                if number % 3 == 0 {
                    bucket.remove(&format!("t/{:02}/{:04}-other", number % 30, number % 3000));
                }
            }
        });
        for _ in 0..10 {
            let files: Vec<_> = tree(&fs)
                .into_iter()
                .filter(|(_, _, is_dir)| !is_dir)
                .collect();
            let names: BTreeSet<String> = files.iter().map(|(_, name, _)| name.clone()).collect();
            assert_eq!(names.len(), files.len());
            let lasting = names.iter().filter(|name| !name.ends_with("-other"));
            assert_eq!(lasting.count(), keys.len());
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_store_with_another_order_than_the_caller_promised_is_an_error() {
    for order in [ListOrder::Segments, ListOrder::Scattered] {
        let manners = ListingManners {
            order,
            ..ListingManners::default()
        };
        let server = Server::builder()
            .page_size(PAGE as i32)
            .listings(manners)
            .start();
        let keys = (0..2000).flat_map(|n| [format!("t/{n:04}-x"), format!("t/{n:04}/x")]);
        fill(&server, &keys.collect::<Vec<_>>());
        let fs = open(&server, WORKERS);
        let entries = fs.scantree("t", Namespaces::BASIC);
        let outcome = entries.and_then(|entries| entries.collect::<s3fs::Result<Vec<_>>>());
        let error = outcome.expect_err("an error");
        assert_eq!(error.kind(), ErrorKind::OperationFailed, "{error}");
    }
}

#[test]
fn a_store_that_ignores_start_after_is_listed_by_one_worker() {
    let server = Server::builder()
        .page_size(PAGE as i32)
        .ignore_start_after(true)
        .start();
    let keys = (0..1000).flat_map(|n| [format!("t/{n:04}-x"), format!("t/{n:04}/x")]);
    let keys: Vec<String> = keys.collect();
    fill(&server, &keys);
    let fs = common::builder(&server)
        .max_workers(WORKERS)
        .build()
        .unwrap();
    let files = tree(&fs).into_iter().filter(|(_, _, is_dir)| !is_dir);
    assert_eq!(files.count(), keys.len());
    assert!(listings(&server) <= keys.len().div_ceil(PAGE) + 1);
}

#[test]
fn a_store_that_does_not_implement_start_after_is_listed_by_one_worker() {
    use test_server::{Fault, Rule};

    let server = server();
    let keys = (0..1000).flat_map(|n| [format!("t/{n:04}-x"), format!("t/{n:04}/x")]);
    let keys: Vec<String> = keys.collect();
    fill(&server, &keys);
    let start_after =
        Rule::on("ListObjectsV2").when(|request| request.query("start-after").is_some());
    server
        .faults()
        .add(start_after.always(), Fault::error(501, "NotImplemented"));
    let fs = common::builder(&server)
        .max_workers(WORKERS)
        .build()
        .unwrap();
    for _ in 0..2 {
        let files = tree(&fs).into_iter().filter(|(_, _, is_dir)| !is_dir);
        assert_eq!(files.count(), keys.len());
    }
    assert!(listings(&server) <= 2 * keys.len().div_ceil(PAGE) + 1);
}

#[test]
fn trees_are_removed_copied_and_downloaded_whole() {
    let server = server();
    let keys: Vec<String> = (0..1000)
        .map(|n| format!("t/{:02}/{n:04}", n % 20))
        .collect();
    fill(&server, &keys);
    let fs = open(&server, WORKERS);
    let target = Directory::new();
    let report = fs
        .download_dir("t", &*target, &TransferOptions::new())
        .unwrap();
    assert_eq!(report.copied(), keys.len());
    let create = s3fs::CopyOptions::new().create(true);
    fs.copydir_with("t", "u", &create).unwrap();
    let copies = server.bucket(BUCKET).keys().into_iter();
    assert_eq!(
        copies
            .filter(|key| key.starts_with("u/") && key != "u/")
            .count(),
        keys.len()
    );
    fs.removetree("t").unwrap();
    let left = server.bucket(BUCKET).keys().into_iter();
    assert_eq!(left.filter(|key| key.starts_with("t/")).count(), 0);
}

#[test]
fn an_error_of_one_range_ends_the_listing() {
    use test_server::{Fault, Rule};

    let server = server();
    let keys: Vec<String> = (0..4000).map(|n| format!("t/{n:04}")).collect();
    fill(&server, &keys);
    let fs = open(&server, WORKERS);
    let late = Rule::on("ListObjectsV2").nth(30);
    server.faults().add(late, Fault::error(403, "AccessDenied"));
    let entries = fs.scantree("t", Namespaces::BASIC).unwrap();
    let mut count = 0;
    let mut errors = 0;
    for entry in entries {
        match entry {
            Ok(_) => count += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                errors += 1;
            }
        }
    }
    assert_eq!(errors, 1);
    assert!(count < keys.len());
}
