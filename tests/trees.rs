//! Operations on whole trees on S3: flat and verbatim, without affecting other keys.

use std::collections::BTreeMap;

use s3fs::{Capabilities, CopyOptions, ErrorKind, FileSystem, FileSystemExt, Namespaces, S3Fs};
use test_server::{Bucket, Content, Fault, Object, Rule, Server};

use crate::common;

/// 2,500 files in 100 directories below `tree`, and one beside it.
fn forest(bucket: &Bucket) {
    for number in 0..2500 {
        bucket.put(&format!("tree/{:02}/{number:04}", number % 100), "x");
    }
    bucket.put("tree.txt", "beside");
}

/// Keys without a path, a marker with content, and names that are both file and directory.
const ODD: [&str; 9] = [
    "tree/",
    "tree//double",
    "tree/a",
    "tree/a/",
    "tree/a/b",
    "tree/content/",
    "tree/\u{1}\u{1f}",
    "tree/+ %41",
    "tree/é/日本",
];

fn odd(bucket: &Bucket) {
    for key in ODD {
        let content = if key.ends_with('/') && key != "tree/content/" {
            ""
        } else {
            key
        };
        bucket.put(key, content);
    }
}

fn contents(bucket: &Bucket, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let keys = bucket.keys().into_iter();
    keys.filter_map(|key| {
        let rest = key.strip_prefix(prefix)?.to_owned();
        Some((rest, bucket.get(&key)?.bytes()))
    })
    .collect()
}

fn asked(server: &Server, operation: &str) -> usize {
    let requests = server.requests();
    requests.iter().filter(|r| r.operation == operation).count()
}

fn create() -> CopyOptions {
    CopyOptions::new().create(true)
}

#[test]
fn removetree_sends_two_requests_per_thousand_keys() {
    for (strict, at_most) in [(true, 2 * 3 + 3), (false, 2 * 3 + 1)] {
        let server = Server::start();
        let bucket = server.bucket("bucket");
        forest(&bucket);
        let fs = common::builder(&server).strict(strict).build().unwrap();
        fs.removetree("tree").unwrap();
        assert_eq!(bucket.keys(), ["tree.txt"]);
        assert!(
            server.requests().len() <= at_most,
            "{}",
            server.requests().len()
        );
    }
}

#[test]
fn removetree_removes_keys_without_a_path() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    odd(&bucket);
    bucket.put("tree/../up", "a URL cannot name it");
    bucket.put("tree.txt", "beside");
    common::open(&server).removetree("tree").unwrap();
    assert_eq!(bucket.keys(), ["tree.txt"]);
}

#[test]
fn removetree_of_the_root_empties_only_the_root() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in ["mine/", "mine/a", "mine/b/c", "minefield", "other"] {
        bucket.put(key, "");
    }
    let fs = common::builder(&server).dir_path("mine").build().unwrap();
    fs.removetree("/").unwrap();
    assert_eq!(bucket.keys(), ["mine/", "minefield", "other"]);
    fs.removetree("/").unwrap();
}

#[test]
fn removetree_keeps_the_parent_directory() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put("d/tree/a", "x");
    bucket.put("d/tree/b", "x");
    let fs = common::open(&server);
    fs.removetree("d/tree").unwrap();
    assert_eq!(bucket.keys(), ["d/"]);
}

#[test]
fn emptydir_never_removes_the_directory() {
    for marker in [true, false] {
        let server = Server::start();
        let bucket = server.bucket("bucket");
        bucket.put("d/a", "x");
        bucket.put("d/e/b", "x");
        if marker {
            bucket.put("d/", "");
        }
        let fs = common::open(&server);
        let refusal = Fault::error(403, "AccessDenied");
        // No key may be deleted, neither in bulk nor singly.
        let alone = Rule::on("DeleteObject").times(2);
        server.faults().add(alone, refusal.clone());
        server.faults().add(Rule::on("DeleteObjects"), refusal);
        let error = fs.emptydir("d").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(bucket.keys(), ["d/", "d/a", "d/e/b"]);
        server.take_requests();
        fs.emptydir("d").unwrap();
        let wanted = ["DeleteObjects "];
        assert_eq!(common::changes(&server), wanted);
        assert_eq!(bucket.keys(), ["d/"]);
        fs.emptydir("d").unwrap();
        assert_eq!(server.take_requests().len(), 1);
    }
}

#[test]
fn removetree_reports_the_keys_that_could_not_be_deleted() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in ["tree/a", "tree/held", "tree/z"] {
        bucket.put(key, "x");
    }
    bucket.refuse_delete("tree/held");
    let error = common::open(&server).removetree("tree").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("tree/held"), "{error}");
    assert_eq!(bucket.keys(), ["tree/held"]);
}

#[test]
fn removetree_needs_a_directory() {
    let server = Server::start();
    server.bucket("bucket").put("f", "x");
    let fs = common::open(&server);
    for (path, kind) in [
        ("f", ErrorKind::DirectoryExpected),
        ("no", ErrorKind::ResourceNotFound),
    ] {
        let error = fs.removetree(path).unwrap_err();
        assert_eq!((error.kind(), error.path()), (kind, Some(path)));
    }
}

#[test]
fn a_store_without_deleteobjects_gets_one_delete_per_key() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in ["tree/a", "tree/b"] {
        bucket.put(key, "x");
    }
    let refusal = Fault::error(501, "NotImplemented");
    server
        .faults()
        .add(Rule::on("DeleteObjects").always(), refusal);
    common::open(&server).removetree("tree").unwrap();
    assert!(bucket.keys().is_empty());
}

#[test]
fn scantree_sends_one_request_per_thousand_keys() {
    let server = Server::start();
    forest(&server.bucket("bucket"));
    let fs = common::open(&server);
    let entries: Vec<_> = fs
        .scantree("tree", Namespaces::DETAILS)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(entries.len(), 2600);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn scantree_returns_each_directory_once_after_its_contents() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in [
        "d/", "d/a", "d/a-", "d/a/b/c", "d/a/b/d", "d/a/e", "d/f/", "d/g//h", "d/i/../j", "e",
    ] {
        bucket.put(key, if key.ends_with('/') { "" } else { key });
    }
    let fs = common::open(&server);
    let shown = |path: &str| -> Vec<String> {
        let entries = fs.scantree(path, Namespaces::BASIC).unwrap();
        entries
            .map(Result::unwrap)
            .map(|(directory, info)| {
                let end = if info.is_dir() { "/" } else { "" };
                format!("{}{end}", info.make_path(&directory).unwrap())
            })
            .collect()
    };
    let below_d = [
        "/d/a", "/d/a-", "/d/a/b/c", "/d/a/b/d", "/d/a/b/", "/d/a/e", "/d/a/", "/d/f/", "/d/g/",
        "/d/i/",
    ];
    assert_eq!(shown("d"), below_d);
    assert_eq!(shown("/"), [&below_d[..], &["/d/", "/e"]].concat());
    let with_s3 = fs.scantree("d", Namespaces::S3).unwrap();
    let heads: Vec<_> = with_s3
        .map(|entry| entry.unwrap().1.s3().is_some())
        .collect();
    assert_eq!(heads.iter().filter(|has| **has).count(), 6);
}

#[test]
fn copydir_copies_every_key_verbatim() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    odd(&bucket);
    bucket.put_with(
        "tree/meta",
        Object::new("x")
            .header("x-amz-meta-origin", "gauge")
            .header("content-type", "a/b"),
    );
    let fs = common::open(&server);
    fs.copydir_with("tree", "copy", &create()).unwrap();
    assert_eq!(contents(&bucket, "copy/"), contents(&bucket, "tree/"));
    let info = fs.getinfo("copy/meta", Namespaces::S3).unwrap();
    assert_eq!(info.s3().unwrap().metadata["origin"], "gauge");
    assert_eq!(info.s3().unwrap().content_type.as_deref(), Some("a/b"));
}

#[test]
fn copydir_sends_one_request_per_key() {
    for (strict, beyond) in [(true, 4), (false, 1)] {
        let server = Server::start();
        let bucket = server.bucket("bucket");
        for number in 0..2500 {
            bucket.put(&format!("d/tree/{number}"), "x");
        }
        let fs = common::builder(&server).strict(strict).build().unwrap();
        fs.copydir_with("d/tree", "d/copy", &create()).unwrap();
        assert_eq!(contents(&bucket, "d/copy/").len(), 2501);
        let requests = server.requests().len();
        assert!(requests <= 3 + 2500 + beyond, "{requests}");
        assert_eq!(asked(&server, "CopyObject"), 2500);
    }
}

#[test]
fn movedir_moves_every_key_verbatim() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    odd(&bucket);
    bucket.put("tree.txt", "beside");
    let before = contents(&bucket, "tree/");
    let fs = common::open(&server);
    fs.movedir_with("tree", "moved", &create()).unwrap();
    assert_eq!(contents(&bucket, "moved/"), before);
    assert!(contents(&bucket, "tree/").is_empty());
    assert_eq!(fs.readtext("tree.txt").unwrap(), "beside");
}

#[test]
fn movedir_adds_one_request_per_thousand_keys_to_copydir() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for number in 0..2500 {
        bucket.put(&format!("d/tree/{number}"), "x");
    }
    let fs = common::open(&server);
    fs.movedir_with("d/tree", "d/moved", &create()).unwrap();
    let requests = server.requests().len();
    assert!(requests <= (3 + 2500 + 4) + (3 + 1 + 1), "{requests}");
    assert!(fs.isdir("d").unwrap() && !fs.exists("d/tree").unwrap());
}

#[test]
fn movedir_deletes_exactly_the_keys_that_it_copied() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in ["tree/a", "tree/b"] {
        bucket.put(key, "x");
    }
    let fs = common::open(&server);
    let add = || bucket.put("tree/late", "new");
    // After the listing, and before the deletes.
    common::meanwhile(&server, Rule::on("CopyObject"), add, || {
        fs.movedir_with("tree", "moved", &create()).unwrap();
    });
    assert_eq!(bucket.keys(), ["moved/", "moved/a", "moved/b", "tree/late"]);
}

#[test]
fn a_move_that_fails_in_the_middle_removes_nothing() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for number in 0..20 {
        bucket.put(&format!("tree/{number:02}"), "x");
    }
    let before = contents(&bucket, "tree/");
    let late = Fault::error(200, "InternalError");
    server
        .faults()
        .add(Rule::on("CopyObject").key("moved/07").always(), late);
    let fs = common::open(&server);
    let error = fs.movedir_with("tree", "moved", &create()).unwrap_err();
    assert!(error.to_string().contains("tree/07"), "{error}");
    assert_eq!(contents(&bucket, "tree/"), before);
}

#[test]
fn keys_that_no_url_can_name_stay_and_are_reported() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in ["tree/a", "tree/../up", "tree/./b"] {
        bucket.put(key, "x");
    }
    let fs = common::open(&server);
    let error = fs.movedir_with("tree", "moved", &create()).unwrap_err();
    assert!(error.to_string().contains("tree/../up"), "{error}");
    let keys = ["moved/", "moved/a", "tree/../up", "tree/./b"];
    assert_eq!(bucket.keys(), keys);
}

#[test]
fn a_marker_with_content_is_not_replaced_by_an_empty_one() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put("tree/sub/", "");
    bucket.put("copy/sub/", "content");
    bucket.put("tree/a", "x");
    common::open(&server).copydir("tree", "copy").unwrap();
    assert_eq!(bucket.get("copy/sub/").unwrap().bytes(), b"content");
}

#[test]
fn overlapping_trees_are_refused_before_anything_changes() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in ["a/b/c", "a/d", "ab/e"] {
        bucket.put(key, "x");
    }
    let before = contents(&bucket, "");
    let fs = common::open(&server);
    for (source, target) in [
        ("a", "a/b"),
        ("a/b", "a"),
        ("a", "a/new"),
        ("/", "a"),
        ("a", "/"),
    ] {
        for result in [
            fs.copydir_with(source, target, &create()),
            fs.movedir_with(source, target, &create()),
        ] {
            let error = result.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::IllegalDestination,
                "{source} {target}"
            );
        }
    }
    let error = fs.copydir("a", "a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IllegalDestination);
    fs.movedir("a", "./a/").unwrap();
    assert_eq!(contents(&bucket, ""), before);
    fs.copydir("a", "ab").unwrap();
}

#[test]
fn a_tree_that_does_not_fit_is_refused_before_anything_changes() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put("t/a", "x");
    bucket.put(&format!("t/{}", "x".repeat(1000)), "x");
    bucket.put(&format!("{}/f", "d".repeat(100)), "x");
    let before = bucket.keys();
    let fs = common::open(&server);
    for target in ["d".repeat(100), "e".repeat(100)] {
        let error = fs.copydir_with("t", &target, &create()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidPath);
        assert_eq!(bucket.keys(), before);
    }
}

#[test]
fn copy_and_move_cost_the_documented_requests() {
    let count = |strict: bool, act: fn(&S3Fs)| {
        let server = Server::start();
        let bucket = server.bucket("bucket");
        for key in ["d/f", "d/g", "d/other"] {
            bucket.put(key, "x");
        }
        act(&common::builder(&server).strict(strict).build().unwrap());
        server.requests().len()
    };
    for (strict, expected) in [(true, [5, 4, 7, 6]), (false, [3, 2, 4, 3])] {
        let costs = [
            count(strict, |fs| fs.copy("d/f", "d/new").unwrap()),
            count(strict, |fs| {
                fs.copy_with("d/f", "d/g", &CopyOptions::new().overwrite(true))
                    .unwrap();
            }),
            count(strict, |fs| fs.movefile("d/f", "d/new").unwrap()),
            count(strict, |fs| {
                fs.movefile_with("d/f", "d/g", &CopyOptions::new().overwrite(true))
                    .unwrap();
            }),
        ];
        assert_eq!(costs, expected, "strict: {strict}");
    }
}

#[test]
fn makedirs_costs_at_most_three_requests_for_each_new_level() {
    for (strict, at_most) in [(true, 2 * 3 + 1), (false, 3)] {
        let server = Server::start();
        let fs = common::builder(&server).strict(strict).build().unwrap();
        fs.makedirs("a/b/c").unwrap();
        assert_eq!(server.bucket("bucket").keys(), ["a/", "a/b/", "a/b/c/"]);
        assert!(server.requests().len() <= at_most);
    }
}

#[test]
fn a_copy_keeps_metadata_headers_class_and_tags() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    let mut object = Object::new("x")
        .header("x-amz-meta-origin", "gauge")
        .header("content-type", "a/b")
        .header("cache-control", "no-store");
    object.storage_class = "STANDARD_IA".to_owned();
    object.tags = vec![("team".to_owned(), "harbour".to_owned())];
    bucket.put_with("f", object);
    let fs = common::open(&server);
    fs.copy("f", "g").unwrap();
    fs.movefile("g", "h").unwrap();
    let info = fs.getinfo("h", Namespaces::S3).unwrap();
    let s3 = info.s3().unwrap();
    assert_eq!(s3.metadata["origin"], "gauge");
    assert_eq!(s3.content_type.as_deref(), Some("a/b"));
    assert_eq!(s3.cache_control.as_deref(), Some("no-store"));
    assert_eq!(s3.storage_class.as_deref(), Some("STANDARD_IA"));
    assert_eq!(s3.tag_count, Some(1));
    assert_eq!(bucket.keys(), ["f", "h"]);
}

#[test]
fn a_source_replaced_during_a_move_is_not_deleted() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put("f", "old");
    let fs = common::open(&server);
    let replace = || bucket.put("f", "new");
    let result = common::meanwhile(&server, Rule::on("DeleteObject"), replace, || {
        fs.movefile("f", "g")
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ResourceChanged);
    assert_eq!(bucket.get("f").unwrap().bytes(), b"new");
    assert_eq!(bucket.get("g").unwrap().bytes(), b"old");
}

#[test]
fn an_object_above_5_gib_is_copied_in_parts_with_all_properties() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    let size = (5 << 30) + 1;
    let mut object = Object::new(Content::synthetic(1, size))
        .header("x-amz-meta-origin", "gauge")
        .header("content-type", "a/b")
        .header("cache-control", "no-store")
        .header("content-disposition", "inline")
        .header("content-encoding", "zstd")
        .header("content-language", "nds")
        .header("expires", "Fri, 01 Jan 2038 00:00:00 GMT")
        .header("x-amz-website-redirect-location", "/harbour")
        .header("x-amz-server-side-encryption", "aws:kms")
        .header("x-amz-server-side-encryption-aws-kms-key-id", "harbour")
        .header("x-amz-server-side-encryption-bucket-key-enabled", "true");
    object.storage_class = "STANDARD_IA".to_owned();
    object.tags = vec![("team".to_owned(), "harbour".to_owned())];
    bucket.put_with("f", object.clone());
    let fs = common::open(&server);
    fs.copy("f", "g").unwrap();
    let copied = bucket.get("g").unwrap();
    assert_eq!(copied.len(), size);
    assert_eq!(copied.headers, object.headers);
    assert_eq!(copied.storage_class, object.storage_class);
    assert_eq!(copied.tags, object.tags);
    assert_eq!(asked(&server, "UploadPartCopy"), 11);
    assert!(bucket.uploads().is_empty());
}

#[test]
fn two_handles_on_one_server_copy_without_transferring_content() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    let other = server.bucket("other");
    odd(&bucket);
    let source = common::open(&server);
    let target = common::builder_of(&server, "other")
        .dir_path("in")
        .build()
        .unwrap();
    let file = source.location("tree/a").unwrap().unwrap();
    assert!(target.copy_from(&file, "file").unwrap());
    assert_eq!(other.get("in/file").unwrap().bytes(), b"tree/a");
    let tree = source.location("tree").unwrap().unwrap();
    assert!(target.copydir_from(&tree, "moved", true).unwrap());
    // The whole tree, and the target's own marker.
    assert_eq!(contents(&other, "in/moved/").len(), ODD.len());
    assert!(bucket.keys().is_empty());
    assert_eq!(asked(&server, "GetObject"), 0);
}

#[test]
fn two_handles_on_one_location_recognize_it() {
    let server = Server::start();
    let whole = common::open(&server);
    let inner = common::builder(&server).dir_path("a/b").build().unwrap();
    let location = |fs: &S3Fs, path: &str| fs.location(path).unwrap().unwrap();
    assert!(location(&whole, "a/b/c").is_same(&location(&inner, "c")));
    assert!(location(&whole, "a").overlaps(&location(&inner, "/")));
    assert!(!location(&whole, "a/bc").overlaps(&location(&inner, "/")));
    let other = common::builder_of(&server, "other").build().unwrap();
    assert!(!location(&whole, "c").is_same(&location(&other, "c")));
}
