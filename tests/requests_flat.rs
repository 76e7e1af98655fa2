//! What whole-tree work asks of the server, counted there, on a tree of 2,500 objects in 100
//! directories: one listing for each 1,000 keys, whatever directories they are in.

use s3fs::{FileSystemExt, Namespaces, S3Fs, Search};

use crate::common;
use crate::support::Server;

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

/// How many requests `act` made, whose answer must be `found`.
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
fn a_walk_that_leaves_no_directory_out_lists_a_thousand_keys_at_a_time() {
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
fn a_glob_for_the_whole_tree_lists_a_thousand_keys_at_a_time() {
    let server = Server::start();
    let fs = tree(&server);
    let found = |pattern: &str| fs.glob(pattern).into_iter().count();
    costs(&server, 3, 2_500, || found("**/*.txt"));
    costs(&server, 3, 100, || found("t/**/f01.txt"));
    costs(&server, 3, 101, || found("**/"));
    // `t/**` is `t`, too: two more to know that it is a directory.
    costs(&server, 5, 2_601, || found("t/**"));
    costs(&server, 3, 17_500, || {
        usize::try_from(fs.glob("**").count().unwrap().data).unwrap()
    });
}
