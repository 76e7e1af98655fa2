//! Requests for whole trees, counted by the server, on a tree of 2,500 objects in 100
//! directories: one listing per 1,000 keys, whatever their directories.

use s3fs::{FileSystemExt, Namespaces, S3Fs, Search};
use test_server::{self, Server};

use crate::common;

const BASIC: Namespaces = Namespaces::BASIC;

/// `t/d00/f00.txt` to `t/d99/f24.txt`, without markers.
fn tree(server: &Server) -> S3Fs {
    let bucket = server.bucket("bucket");
    for directory in 0..100 {
        for file in 0..25 {
            bucket.put(&format!("t/d{directory:02}/f{file:02}.txt"), "content");
        }
    }
    common::open(server)
}

/// Checks the number of requests of `act`, and that its result is `found`.
#[track_caller]
fn costs(server: &Server, requests: usize, found: usize, act: impl FnOnce() -> usize) {
    server.take_requests();
    assert_eq!(act(), found);
    let asked: Vec<_> = server
        .take_requests()
        .into_iter()
        .map(|request| format!("{} {:?}", request.operation, request.query("prefix")))
        .collect();
    assert_eq!(asked.len(), requests, "asked {asked:#?}");
}

#[test]
fn a_full_walk_lists_a_thousand_keys_per_request() {
    let server = Server::start();
    let fs = tree(&server);
    let depth = || fs.walk().search(Search::Depth);
    costs(&server, 3, 2_500, || fs.walk().files("t").count());
    costs(&server, 3, 2_500, || fs.walk().files("/").count());
    costs(&server, 3, 2_500, || depth().files("t").count());
    costs(&server, 3, 100, || depth().dirs("t").count());
    costs(&server, 3, 101, || depth().walk("t", BASIC).count());
    costs(&server, 3, 2_600, || {
        depth().info("t", Namespaces::DETAILS).count()
    });
    costs(&server, 3, 100, || {
        fs.walk().filter(["f01.*"]).files("t").count()
    });
    costs(&server, 3, 100, || {
        fs.walk().filter_glob(["**/f01.txt"]).files("/").count()
    });
    costs(&server, 1, 30, || fs.walk().files("t").take(30).count());
}

#[test]
fn a_glob_for_the_whole_tree_lists_a_thousand_keys_per_request() {
    let server = Server::start();
    let fs = tree(&server);
    let found = |pattern: &str| fs.glob(pattern).into_iter().count();
    costs(&server, 3, 2_500, || found("**/*.txt"));
    costs(&server, 3, 100, || found("t/**/f01.txt"));
    costs(&server, 3, 101, || found("**/"));
    // `t/**` also matches `t`: two more requests to check that it is a directory.
    costs(&server, 5, 2_601, || found("t/**"));
    costs(&server, 3, 17_500, || {
        usize::try_from(fs.glob("**").count().unwrap().data).unwrap()
    });
}

#[test]
fn a_walk_requests_each_page_on_demand() {
    let server = Server::start();
    server.bucket("bucket").number("tree/", 30_000);
    let fs = common::open(&server);
    server.take_requests();
    let depth = fs.walk().search(Search::Depth);
    let mut entries = depth.info("/", BASIC);
    for page in 1..=30 {
        // The files of a page, and ten directories, except for the one that may continue on the next page.
        for _ in 0..1_009 {
            entries.next().unwrap().unwrap();
        }
        assert_eq!(server.requests().len(), page);
        if page < 30 {
            entries.next().unwrap().unwrap();
        }
    }
}

/// Runs in a separate process: memory of other tests does not count.
#[cfg(target_os = "linux")]
#[test]
fn a_depth_first_walk_holds_at_most_one_page() {
    let program = std::env::current_exe().unwrap();
    let ran = std::process::Command::new(program)
        .args(["--exact", "--ignored", "--test-threads=1"])
        .arg("requests_flat::the_memory_of_a_walk_does_not_grow_with_the_tree")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "looks at the memory of its process; the test before runs it alone"]
fn the_memory_of_a_walk_does_not_grow_with_the_tree() {
    let server = Server::start();
    let fs = common::open(&server);
    let peak = |keys: u32| {
        server.bucket("bucket").number("tree/", keys);
        let depth = fs.walk().search(Search::Depth);
        let entries = depth.info("/", Namespaces::DETAILS);
        let files = entries.filter(|entry| entry.as_ref().unwrap().1.is_file());
        assert_eq!(files.count(), keys as usize);
        server.take_requests();
        test_server::peak_memory()
    };
    let small = peak(5_000);
    let large = peak(50_000);
    // The entries themselves, with their paths, would take about 15 MB.
    assert!(large < small + (4 << 20), "{small} bytes, and then {large}");
}
