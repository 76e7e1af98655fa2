//! Requests of walks that exclude directories, counted by the server, on trees of many shapes,
//! compared with one listing for each directory; the results are the same.

use s3fs::{Namespaces, S3Fs, Search, Walker};
use test_server::Server;

use crate::common;
use crate::model::generator::Random;

/// Returns the entries of the walk, and the number of its requests.
fn walk(server: &Server, fs: &S3Fs, walker: &Walker) -> (Vec<String>, usize) {
    server.take_requests();
    let infos = walker.clone().bind(fs).info("/", Namespaces::DETAILS);
    let shown = infos.map(|entry| {
        let (path, info) = entry.unwrap();
        format!("{path} {:?} {:?}", info.kind(), info.size())
    });
    (shown.collect(), server.take_requests().len())
}

/// Checks the number of requests of the walk, that of the walk with one listing for each directory, and that
/// both find the same.
#[track_caller]
fn costs(server: &Server, fs: &S3Fs, walker: Walker, requests: usize, by_directory: usize) {
    let walker = walker.search(Search::Depth);
    // With a decision about errors, each directory is listed separately.
    let one_by_one = walker.clone().on_error(|_, _| false);
    let (found, asked) = walk(server, fs, &walker);
    let (expected, asked_one_by_one) = walk(server, fs, &one_by_one);
    assert_eq!(found, expected, "{walker:?}");
    assert_eq!(
        (asked, asked_one_by_one),
        (requests, by_directory),
        "{walker:?}"
    );
    let mut files: Vec<_> = walker.bind(fs).files("/").map(|f| f.unwrap()).collect();
    assert_eq!(server.take_requests().len(), requests);
    files.sort();
    assert!(files.windows(2).all(|pair| pair[0] != pair[1]));
}

fn put(server: &Server, keys: impl IntoIterator<Item = String>) -> S3Fs {
    let fs = common::open(server);
    show_order(server, &fs);
    for key in keys {
        server.bucket("bucket").put(&key, "");
    }
    fs
}

/// Shows the filesystem once that the server lists in the order of bytes and respects `start-after`.
/// The bucket is empty again afterwards.
pub fn show_order(server: &Server, fs: &S3Fs) {
    let bucket = server.bucket("bucket");
    let large = (0..1_100).map(|n| format!("a/{n:04}"));
    let keys: Vec<String> = large.chain(["a-/x", "b"].map(str::to_owned)).collect();
    for key in &keys {
        bucket.put(key, "");
    }
    let found = without(&["a"]).bind(fs).files("/").count();
    assert_eq!(found, 2);
    for key in &keys {
        bucket.remove(key);
    }
}

#[test]
fn the_order_of_a_store_is_checked_before_a_jump() {
    let server = Server::start();
    let few = ["a.txt", "src/main.rs", "z.txt"].map(str::to_owned);
    let huge = (0..5_000).map(|n| format!("node_modules/{}/{n:04}.js", n / 1_000));
    for key in few.into_iter().chain(huge) {
        server.bucket("bucket").put(&key, "");
    }
    let fs = common::open(&server);
    // The names of the root, a probe with a known key, and the keys after the directory.
    let (found, asked) = walk(
        &server,
        &fs,
        &without(&["node_modules"]).search(Search::Depth),
    );
    assert_eq!((found.len(), asked), (4, 4));
    let (_, asked) = walk(
        &server,
        &fs,
        &without(&["node_modules"]).search(Search::Depth),
    );
    assert_eq!(asked, 3);
}

fn without(names: &[&str]) -> Walker {
    Walker::new().exclude_dirs(names.iter().copied())
}

#[test]
fn a_huge_excluded_directory_is_skipped() {
    let server = Server::start();
    let few = ["a.txt", "src/main.rs", "src/lib/x.rs", "z.txt"].map(str::to_owned);
    let huge = (0..5_000).map(|n| format!("node_modules/{}/{n:04}.js", n / 1_000));
    let fs = put(&server, few.into_iter().chain(huge));
    // A page that ends in the directory, and one after it.
    costs(&server, &fs, without(&["node_modules"]), 2, 3);
    costs(&server, &fs, without(&["none"]), 6, 9);
}

#[test]
fn many_small_directories_are_not_listed_one_by_one() {
    let server = Server::builder().page_size(100).start();
    let fs = put(&server, (0..250).map(|n| format!("{n:03}/file")));
    costs(&server, &fs, without(&["none"]), 3, 253);
    costs(&server, &fs, without(&["2*"]), 3, 203);
    costs(&server, &fs, without(&["1*"]), 3, 153);
    costs(&server, &fs, Walker::new().filter_dirs(["00*"]), 3, 13);
}

#[test]
fn many_small_excluded_directories_are_read_over() {
    let server = Server::builder().page_size(100).start();
    let keys = (0..100).flat_map(|n| {
        let git = (0..4).map(move |m| format!("{n:02}/.git/objects/{m}"));
        git.chain([format!("{n:02}/main.rs")])
    });
    let fs = put(&server, keys);
    costs(&server, &fs, without(&[".git"]), 5, 101);
}

#[test]
fn each_large_excluded_directory_costs_one_request() {
    let server = Server::builder().page_size(10).start();
    let keys = (0..250).flat_map(|n| (0..12).map(move |m| format!("big/{n:03}/{m:02}")));
    let keys = keys.chain(["big/z".to_owned(), "small/a".to_owned()]);
    let fs = put(&server, keys);
    costs(&server, &fs, without(&["[0-9]*"]), 251, 28);
    costs(&server, &fs, Walker::new().max_depth(2), 251, 28);
}

#[test]
fn two_large_excluded_directories_in_each_of_many_cost_two_requests_each() {
    let server = Server::builder().page_size(10).start();
    let keys = (0..50).flat_map(|n| {
        let large = (0..24).map(move |m| format!("{n:02}/{}/{m:02}", ["a", "b"][m / 12]));
        large.chain([format!("{n:02}/c")])
    });
    let fs = put(&server, keys);
    costs(&server, &fs, without(&["a", "b"]), 101, 55);
}

#[test]
fn a_deep_tree_is_one_listing() {
    let server = Server::start();
    let deep = (1..200).map(|depth| format!("{}file", "d/".repeat(depth)));
    let git = (1..200).map(|depth| format!("{}.git/x", "d/".repeat(depth)));
    let fs = put(&server, deep.chain(git));
    costs(&server, &fs, without(&[".git"]), 1, 200);
    costs(&server, &fs, Walker::new().max_depth(10), 1, 18);
}

#[test]
fn one_level_is_the_listing_of_one_directory() {
    let server = Server::start();
    let fs = put(&server, (0..2_500).map(|n| format!("{n:04}")));
    costs(&server, &fs, Walker::new().max_depth(1), 3, 3);
    let server = Server::start();
    let fs = put(&server, (0..2_500).map(|n| format!("{n:04}/file")));
    costs(&server, &fs, Walker::new().max_depth(1), 3, 3);
}

/// Names whose keys lie between `a` and the contents of `a/`, names without a path, and names that begin with the
/// target of a jump.
const NAMES: [&str; 12] = [
    "a",
    "b",
    "a-",
    "a0",
    "a.b",
    ".git",
    "",
    "..",
    "\u{10FFFF}",
    "\u{10FFFF}x",
    "é",
    "a b+c%2F",
];

/// Keys and markers, a few levels deep: an object beside the keys below it, and whole runs that are
/// excluded.
fn random_keys(random: &mut Random) -> Vec<String> {
    let many = 1 + random.below(120);
    let key = |random: &mut Random| {
        let names = (0..=random.below(4)).map(|_| NAMES[random.below(NAMES.len())]);
        let mut key = names.collect::<Vec<_>>().join("/");
        key.push_str(["", "", "/", "/0", "/1", "/2"][random.below(6)]);
        key
    };
    (0..many).map(|_| key(random)).collect()
}

fn random_walker(random: &mut Random) -> Walker {
    let walker = match random.below(6) {
        0 => without(&["a*"]),
        1 => without(&[".git", "b", "é"]),
        2 => without(&["\u{10FFFF}*"]),
        3 => Walker::new().filter_dirs(["a", "b", "a-"]),
        4 => Walker::new().exclude_glob(["**/a/b", "a0/**"]),
        _ => Walker::new().filter_glob(["a/**/b*", "b/*/*"]),
    };
    match random.below(4) {
        0 => walker.max_depth(2),
        1 => walker.max_depth(3),
        _ => walker,
    }
}

#[test]
fn a_walk_with_exclusions_finds_the_same_as_one_listing_per_directory_and_costs_at_most_a_flat_listing()
 {
    for seed in 0..25 {
        let mut random = Random::new(seed);
        let page_size = 2 + random.below(12);
        let ignores_start_after = random.below(8) == 0;
        let server = Server::builder()
            .page_size(i32::try_from(page_size).unwrap())
            .ignore_start_after(ignores_start_after)
            .start();
        let keys = random_keys(&mut random);
        let keys: Vec<_> = keys.into_iter().filter(|key| !key.is_empty()).collect();
        let fs = put(&server, keys);
        // More than a flat listing with jumps would need.
        let flat = server
            .bucket("bucket")
            .keys()
            .len()
            .div_ceil(page_size)
            .max(1);
        for _ in 0..3 {
            let walker = random_walker(&mut random).search(Search::Depth);
            let one_by_one = walker.clone().on_error(|_, _| false);
            let (found, asked) = walk(&server, &fs, &walker);
            let (expected, by_directory) = walk(&server, &fs, &one_by_one);
            let what = format!("{seed}: {walker:?} in pages of {page_size}");
            assert_eq!(found, expected, "{what}");
            assert!(
                asked <= flat || ignores_start_after && asked <= flat + 1,
                "{what}: {asked}, by directory {by_directory}, flat {flat}"
            );
        }
    }
}
