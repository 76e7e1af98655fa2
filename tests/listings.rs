//! Listings that differ from those of S3: all operations find exactly the existing keys, once, or fail; and
//! changes lose nothing.

use std::collections::{BTreeMap, BTreeSet};

use s3fs::{
    CopyOptions, FileSystem as _, FileSystemExt as _, MemoryFs, Namespaces, Result, S3Fs, Search,
    TransferOptions, Walker, mirror, moving,
};
use test_server::{Encoding, ListOrder, ListingManners, Server, StartAfter};

use crate::common;

const KEYS: [&str; 16] = [
    "p/foo/0",
    "p/foo/1",
    "p/foo/2",
    "p/foo/3",
    "p/foo/4",
    "p/foo/5",
    "p/foo/6",
    "p/foo-bar/0",
    "p/foo-bar/1",
    "p/foo-1",
    "p/foo.conda",
    "p-q/x",
    "p.txt",
    "q",
    "p/zoo/a/b",
    "p/zoo-a/b",
];

/// A server with this behavior, with `page` entries in a page, and with the keys.
fn server(manners: ListingManners, page: i32) -> Server {
    let server = Server::builder().page_size(page).listings(manners).start();
    for key in KEYS {
        server.bucket("bucket").put(key, key);
    }
    server
}

fn all_manners() -> Vec<ListingManners> {
    let mut all = Vec::new();
    for order in [ListOrder::Bytes, ListOrder::Segments, ListOrder::Scattered] {
        for start_after in [
            StartAfter::Honoured,
            StartAfter::ByBytes,
            StartAfter::Ignored,
            StartAfter::Empty,
        ] {
            for repeats in [false, true] {
                all.push(ListingManners {
                    order,
                    start_after,
                    repeats,
                    ..ListingManners::default()
                });
            }
        }
    }
    all
}

/// Checks for the right paths, each once, or an error; an error only if the store lists in no order.
#[track_caller]
fn right_or_error(
    found: Result<Vec<String>>,
    right: &[String],
    manners: &ListingManners,
    what: &str,
) {
    match found {
        Ok(mut found) => {
            found.sort();
            assert_eq!(found, right, "{what}, {manners:?}");
        }
        Err(error) => assert!(
            manners.order == ListOrder::Scattered,
            "{what}, {manners:?}: {error}"
        ),
    }
}

fn files(keys: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    let mut files: Vec<String> = keys.into_iter().map(|key| format!("/{key}")).collect();
    files.sort();
    files
}

fn look(fs: &S3Fs, manners: &ListingManners) {
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    right_or_error(
        fs.listdir("/"),
        &names(&["p", "p-q", "p.txt", "q"]),
        manners,
        "listdir",
    );
    let below = ["foo", "foo-1", "foo-bar", "foo.conda", "zoo", "zoo-a"];
    let scanned = fs
        .scandir("p", Namespaces::DETAILS)
        .and_then(|entries| entries.map(|info| Ok(info?.name().to_owned())).collect());
    right_or_error(scanned, &names(&below), manners, "scandir");
    let everything = files(KEYS);
    let without_foo = files(KEYS.into_iter().filter(|key| !key.starts_with("p/foo/")));
    let shallow = files(KEYS.into_iter().filter(|key| key.matches('/').count() < 2));
    for search in [None, Some(Search::Breadth), Some(Search::Depth)] {
        let walker = |walker: Walker| match search {
            Some(search) => walker.search(search),
            None => walker,
        };
        let walked = |walk: Walker| walker(walk).bind(fs).files("/").collect();
        right_or_error(walked(Walker::new()), &everything, manners, "files");
        let pruned = walked(Walker::new().exclude_dirs(["foo"]));
        right_or_error(pruned, &without_foo, manners, "pruned");
        right_or_error(
            walked(Walker::new().max_depth(2)),
            &shallow,
            manners,
            "two levels",
        );
        let steps = walker(Walker::new()).bind(fs).walk("/", Namespaces::BASIC);
        let steps: Result<Vec<String>> = steps.map(|step| Ok(step?.path)).collect();
        let directories = [
            "/",
            "/p",
            "/p-q",
            "/p/foo",
            "/p/foo-bar",
            "/p/zoo",
            "/p/zoo-a",
            "/p/zoo/a",
        ];
        right_or_error(steps, &names(&directories), manners, "walk");
    }
    let globbed = |glob: s3fs::glob::Glob<'_, S3Fs>| -> Result<Vec<String>> {
        glob.iter(Namespaces::BASIC)
            .map(|found| Ok(found?.path))
            .collect()
    };
    let in_p = files(["p/foo-1", "p/foo.conda"]);
    right_or_error(globbed(fs.glob("p/foo[-.][1c]*")), &in_p, manners, "glob");
    let found = globbed(fs.glob("**/*.txt").exclude_dirs(["foo"]));
    right_or_error(found, &files(["p.txt"]), manners, "pruned glob");
    let tree = fs.scantree("/", Namespaces::BASIC).and_then(|entries| {
        let paths = entries.map(|entry| {
            entry.map(|(directory, info)| {
                (info.is_file(), s3fs::path::combine(&directory, info.name()))
            })
        });
        let paths: Result<Vec<(bool, String)>> = paths.collect();
        Ok(paths?
            .into_iter()
            .filter(|(file, _)| *file)
            .map(|(_, path)| path)
            .collect())
    });
    right_or_error(tree, &everything, manners, "scantree");
    for (path, is_empty) in [("p", false), ("p/foo", false), ("/", false)] {
        assert_eq!(fs.isempty(path).unwrap(), is_empty);
        assert!(fs.isdir(path).unwrap() && fs.exists(path).unwrap());
        assert!(path == "/" || fs.removedir(path).is_err());
    }
    assert!(!fs.exists("p/fo").unwrap() && !fs.isdir("foo").unwrap());
}

#[test]
fn in_any_order_each_entry_is_listed_once_or_there_is_an_error() {
    for manners in all_manners() {
        for page in [3, 1000] {
            let server = server(manners, page);
            let fs = common::open_lenient(&server);
            look(&fs, &manners);
        }
        // Earlier listings of the store change nothing.
        let server = server(manners, 5);
        let fs = common::open_lenient(&server);
        let _ = fs.listdir("p").is_ok();
        let _ = fs.walk().files("/").count();
        look(&fs, &manners);
    }
}

fn contents(server: &Server) -> BTreeMap<String, Vec<u8>> {
    let bucket = server.bucket("bucket");
    let keys = bucket.keys().into_iter();
    keys.map(|key| (key.clone(), bucket.get(&key).unwrap().bytes()))
        .collect()
}

#[test]
fn in_any_order_of_listings_changes_lose_nothing() {
    let options = TransferOptions::new();
    let below = |prefix: &str| -> BTreeSet<&str> {
        KEYS.iter()
            .filter_map(|key| key.strip_prefix(prefix))
            .collect()
    };
    for manners in all_manners() {
        let changed = |change: &dyn Fn(&S3Fs) -> Result<()>| {
            let server = server(manners, 4);
            let fs = common::open_lenient(&server);
            let done = change(&fs);
            assert!(
                done.is_ok() || manners.order == ListOrder::Scattered,
                "{manners:?}: {done:?}"
            );
            (contents(&server), done.is_ok())
        };
        let (left, done) = changed(&|fs| fs.removetree("p"));
        let expected = KEYS
            .into_iter()
            .filter(|key| !done || !key.starts_with("p/"));
        assert_eq!(
            left.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            expected.collect()
        );
        let create = CopyOptions::new().create(true);
        for removes in [false, true] {
            let (left, done) = changed(&|fs| match removes {
                true => fs.movedir_with("p", "t", &create),
                false => fs.copydir_with("p", "t", &create),
            });
            for name in below("p/") {
                let key = |prefix: &str| left.contains_key(&format!("{prefix}{name}"));
                assert!(key("p/") || key("t/"), "{manners:?}: {name}");
                assert!(
                    !done || (key("t/") && key("p/") != removes),
                    "{manners:?}: {name}"
                );
            }
        }
        // Into memory, where a move must hold everything before it removes anything.
        let server = server(manners, 4);
        let fs = common::open_lenient(&server);
        for _ in 0..2 {
            let memory = MemoryFs::new();
            let Ok(_) = mirror::mirror(&fs, &memory, &options) else {
                continue;
            };
            for key in KEYS {
                assert_eq!(memory.readtext(key).unwrap(), key, "{manners:?}");
            }
        }
        let memory = MemoryFs::new();
        let moved = moving::move_dir(&fs, "p", &memory, "p", &options).is_ok();
        let left = contents(&server);
        for name in below("p/") {
            let path = format!("p/{name}");
            assert!(
                memory.isfile(&path).unwrap() || left.contains_key(&path),
                "{path}"
            );
            assert!(!moved || !left.contains_key(&path), "{manners:?}: {path}");
        }
    }
}

#[test]
fn keys_outside_the_requested_prefix_are_an_error() {
    let manners = ListingManners {
        has_foreign_keys: true,
        ..ListingManners::default()
    };
    let server = server(manners, 1000);
    let fs = common::open_lenient(&server);
    let before = contents(&server);
    assert!(fs.listdir("p").is_err() && fs.removetree("p").is_err());
    assert!(fs.walk().files("p").any(|file| file.is_err()));
    assert!(fs.movedir("p", "t").is_err() && fs.copydir("p", "t").is_err());
    let error = fs.listdir("p").unwrap_err().to_string();
    assert!(error.contains("not requested"), "{error}");
    assert_eq!(contents(&server), before);
}

#[test]
fn keys_that_are_not_utf_8_are_counted_and_hide_nothing() {
    let manners = ListingManners {
        is_latin_1: true,
        ..ListingManners::default()
    };
    let server = Server::builder().listings(manners).start();
    for key in ["d/a", "d/caf\u{e9}", "d/z", "e/\u{e9}/x", "f/\u{e9}", "g"] {
        server.bucket("bucket").put(key, key);
    }
    let fs = common::open(&server);
    assert_eq!(fs.listdir("/").unwrap(), ["d", "e", "f", "g"]);
    assert_eq!(fs.listdir("d").unwrap(), ["a", "z"]);
    let mut found: Vec<String> = fs.walk().files("/").map(|file| file.unwrap()).collect();
    found.sort();
    assert_eq!(found, ["/d/a", "/d/z", "/g"]);
    let directories: BTreeSet<String> = fs
        .walk()
        .search(Search::Depth)
        .dirs("/")
        .map(|d| d.unwrap())
        .collect();
    assert_eq!(
        directories,
        BTreeSet::from(["/d", "/e", "/f"].map(str::to_owned))
    );
    for directory in ["e", "f"] {
        assert!(fs.isdir(directory).unwrap() && !fs.isempty(directory).unwrap());
        let kind = fs.removedir(directory).unwrap_err().kind();
        assert_eq!(kind, s3fs::ErrorKind::DirectoryNotEmpty);
    }
    let removed = fs.removetree("d").unwrap_err().to_string();
    assert!(removed.contains("not UTF-8"), "{removed}");
    let create = CopyOptions::new().create(true);
    assert!(fs.movedir_with("f", "t", &create).is_err());
    let keys = server.bucket("bucket").keys();
    assert!(
        ["d/caf\u{e9}", "e/\u{e9}/x", "f/\u{e9}"]
            .iter()
            .all(|key| keys.iter().any(|k| k == key))
    );
}

#[test]
fn only_encoded_keys_are_decoded() {
    const NAMES: [&str; 4] = ["a b+c", "100%", "\u{e9}", "plain"];
    for encoding in [Encoding::Asked, Encoding::OnlySaid, Encoding::Unsaid] {
        let manners = ListingManners {
            encoding,
            ..ListingManners::default()
        };
        let server = Server::builder().listings(manners).start();
        for name in NAMES {
            server.bucket("bucket").put(&format!("d+ d/{name}"), "");
        }
        let fs = common::open(&server);
        let listed = fs.listdir("d+ d");
        if encoding == Encoding::Unsaid {
            assert!(listed.unwrap_err().to_string().contains("encodes keys"));
            continue;
        }
        let listed: BTreeSet<String> = listed.unwrap().into_iter().collect();
        assert_eq!(
            listed,
            NAMES.into_iter().map(str::to_owned).collect(),
            "{encoding:?}"
        );
    }
}
