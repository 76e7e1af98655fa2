//! Directories on a store with real directories, such as SeaweedFS: it responds to a HEAD of the marker of a directory
//! without one, keeps a directory whose marker is deleted before its contents, and replaces a file with a marker.

use s3fs::{
    CopyOptions, ErrorKind, FileSystem, FileSystemExt, MakedirOptions, MemoryFs, S3Fs,
    TransferOptions, mirror, moving,
};
use test_server::client;
use test_server::{Answer, BUCKET, Bucket, Fault, Guarded, Object, Rule, Server};

use crate::common::{self, asked};

fn create() -> CopyOptions {
    CopyOptions::new().create(true)
}

fn recreate() -> MakedirOptions {
    MakedirOptions::new().recreate(true)
}

/// Runs the check with the store and a filesystem, once strict and once not.
fn each_kind(check: impl Fn(&Server, &Bucket, &S3Fs, bool)) {
    for strict in [true, false] {
        let server = Server::builder().like_seaweedfs().start();
        let fs = common::builder(&server).strict(strict).build().unwrap();
        check(&server, &server.bucket(BUCKET), &fs, strict);
    }
}

/// Leaves `stuck/`: a directory without any key, for which the store responds to a HEAD.
fn leave_stuck(bucket: &Bucket, server: &Server) {
    for key in ["stuck/", "stuck/f"] {
        bucket.put(key, "");
    }
    for key in ["stuck/", "stuck/f"] {
        assert_eq!(client::delete(server, key).send().status, 204);
    }
    assert_eq!(bucket.stuck(), ["stuck/"]);
    server.take_requests();
}

#[test]
fn the_stores_of_these_tests_behave_as_required() {
    each_kind(|server, bucket, fs, _| {
        bucket.put("d/f", "x");
        assert_eq!(client::head(server, "d/").send().status, 200);
        let put = client::put(server, "d/", "").header("if-none-match", "*");
        assert_eq!(put.send().status, 412);
        leave_stuck(bucket, server);
        assert_eq!(fs.listdir("/").unwrap(), ["d", "stuck"]);
        assert!(!fs.exists("stuck").unwrap());
    });
}

#[test]
fn makedir_creates_a_directory_that_only_a_head_reports() {
    each_kind(|server, bucket, fs, strict| {
        leave_stuck(bucket, server);
        fs.makedir("stuck").unwrap();
        assert_eq!(bucket.keys(), ["stuck/"]);
        let error = fs.makedir("stuck").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryExists);
        fs.makedir_with("stuck", &recreate()).unwrap();
        fs.removedir("stuck").unwrap();
        assert!(bucket.keys().is_empty() && bucket.stuck().is_empty());
        leave_stuck(bucket, server);
        fs.makedirs("stuck/below").unwrap();
        assert!(fs.isdir("stuck").unwrap() && fs.isdir("stuck/below").unwrap());
        if strict {
            fs.writebytes("stuck/g", b"x").unwrap();
        }
    });
}

#[test]
fn strict_makedir_with_recreate_creates_a_directory_that_only_a_head_reports() {
    let server = Server::builder().like_seaweedfs().start();
    let bucket = server.bucket(BUCKET);
    leave_stuck(&bucket, &server);
    let fs = common::open(&server);
    fs.makedir_with("stuck", &recreate()).unwrap();
    assert!(fs.isdir("stuck").unwrap());
    // The clones use the result of the first detection, without the checks of strict mode.
    let root = common::builder(&server).dir_path("other").build().unwrap();
    root.create_root().unwrap();
    assert!(bucket.get("other/").is_some());
}

#[test]
fn a_directory_with_keys_and_no_marker_exists() {
    each_kind(|_, bucket, fs, _| {
        bucket.put("d/f", "x");
        let error = fs.makedir("d").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryExists);
        fs.makedir_with("d", &recreate()).unwrap();
        fs.makedirs_with("d", &recreate()).unwrap();
        fs.writebytes("d/g", b"x").unwrap();
        assert_eq!(bucket.keys(), ["d/f", "d/g"]);
    });
}

#[test]
fn a_directory_stays_without_its_last_child_if_strict() {
    each_kind(|_, bucket, fs, strict| {
        bucket.put("d/f", "x");
        fs.remove("d/f").unwrap();
        assert_eq!(fs.isdir("d").unwrap(), strict);
        bucket.put("e/f", "x");
        fs.movefile("e/f", "moved").unwrap();
        assert_eq!(fs.isdir("e").unwrap(), strict);
        bucket.put("g/h/f", "x");
        fs.removetree("g/h").unwrap();
        assert_eq!(fs.isdir("g").unwrap(), strict);
        bucket.put("i/f", "x");
        fs.emptydir("i").unwrap();
        assert!(fs.isdir("i").unwrap() && fs.isempty("i").unwrap());
        assert!(bucket.stuck().is_empty());
    });
}

#[test]
fn no_directory_replaces_a_file() {
    each_kind(|server, bucket, fs, strict| {
        for below in [false, true] {
            bucket.put("co", "content");
            if below {
                bucket.put("co/f", "x");
            }
            let error = fs.makedir("co").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DirectoryExists, "{error}");
            assert!(fs.makedirs("co").is_err());
            let _ = fs.makedir_with("co", &recreate());
            if !strict {
                let _ = fs.makedirs("co/sub");
                bucket.remove("co/sub/");
            }
            assert_eq!(bucket.get("co").unwrap().bytes(), b"content");
        }
        // The last key beside it is removed: the marker that would be needed is refused, and the file stays.
        let _ = fs.remove("co/f");
        assert_eq!(bucket.get("co").unwrap().bytes(), b"content");
        let root = common::builder(server).dir_path("co").strict(strict);
        let _ = root.build().unwrap().create_root();
        assert_eq!(bucket.get("co").unwrap().bytes(), b"content");
    });
}

/// If the store does not support conditions, a check for the file precedes the marker.
#[test]
fn without_conditions_a_marker_is_written_after_a_check_for_a_file() {
    let server = Server::builder().like_seaweedfs();
    let server = server.refuse_conditions([Guarded::Put]).start();
    let bucket = server.bucket(BUCKET);
    bucket.put("co", "content");
    bucket.put("full/", "content");
    for strict in [true, false] {
        let fs = common::builder(&server).strict(strict).build().unwrap();
        let error = fs.makedir("co").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryExists, "{error}");
        let error = fs.makedir("full").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryExists, "{error}");
        fs.makedir("new").unwrap();
        fs.removedir("new").unwrap();
        assert_eq!(bucket.get("co").unwrap().bytes(), b"content");
        assert_eq!(bucket.get("full/").unwrap().bytes(), b"content");
    }
}

/// `t` with markers on three levels, and more keys than one request deletes.
fn large(bucket: &Bucket) {
    for directory in ["t/", "t/a/", "t/a/b/", "t/z/"] {
        bucket.put(directory, "");
        for number in 0..260 {
            bucket.put(&format!("{directory}f{number:03}"), "x");
        }
    }
    // Keys that XML cannot carry are deleted one by one.
    for key in ["t/a/\u{1}/", "t/a/\u{1}/f", "t/a/\u{1}/\u{2}/"] {
        bucket.put(key, "");
    }
}

#[test]
fn trees_are_removed_children_first_and_markers_last() {
    type Removal = (&'static str, fn(&S3Fs));
    let removals: [Removal; 6] = [
        ("removetree", |fs| fs.removetree("t").unwrap()),
        ("emptydir", |fs| {
            fs.emptydir("t").unwrap();
            fs.removedir("t").unwrap();
        }),
        ("movedir", |fs| {
            fs.movedir_with("t", "moved", &create()).unwrap();
        }),
        ("move_dir", |fs| {
            let options = TransferOptions::new().workers(4);
            moving::move_dir(fs, "t", &MemoryFs::new(), "t", &options).unwrap();
        }),
        ("glob", |fs| {
            assert!(fs.glob("t/").remove().unwrap() > 0);
        }),
        ("mirror", |fs| {
            let options = TransferOptions::new().workers(4).allow_empty_source(true);
            mirror::mirror(&MemoryFs::new(), fs, &options).unwrap();
        }),
    ];
    for (name, remove) in removals {
        each_kind(|_, bucket, fs, strict| {
            large(bucket);
            remove(fs);
            let keys = bucket.keys();
            assert!(!keys.iter().any(|key| key.starts_with("t/")), "{name}");
            assert_eq!(bucket.stuck(), [""; 0], "{name}, strict: {strict}");
            fs.makedir("t").unwrap();
        });
    }
}

#[test]
fn single_deletes_remove_markers_last() {
    let server = Server::builder().like_seaweedfs().start();
    let bucket = server.bucket(BUCKET);
    large(&bucket);
    let refused = Fault::error(501, "NotImplemented");
    server
        .faults()
        .add(Rule::on("DeleteObjects").always(), refused);
    common::open(&server).removetree("t").unwrap();
    assert!(bucket.keys().is_empty() && bucket.stuck().is_empty());
}

/// A marker is also deleted after a key that failed once.
#[test]
fn a_key_deleted_at_the_second_attempt_leaves_no_directory() {
    let server = Server::builder().like_seaweedfs().start();
    let bucket = server.bucket(BUCKET);
    for key in ["t/", "t/a/", "t/a/f", "t/b/", "t/g"] {
        bucket.put(key, "x");
    }
    bucket.put("t/", "");
    let error = "<Error><Key>t/a/f</Key><Code>InternalError</Code><Message>m</Message></Error>";
    let document = format!("<DeleteResult>{error}</DeleteResult>");
    let answer = Answer::new(200, document).header("content-type", "application/xml");
    server
        .faults()
        .add(Rule::on("DeleteObjects"), Fault::Answer(answer));
    common::open(&server).removetree("t").unwrap();
    assert_eq!(asked(&server, "DeleteObjects").len(), 2);
    // The first request deleted nothing here, despite its response.
    assert_eq!(bucket.keys(), ["t/b/", "t/g"]);
}

/// Returns the number of listings, of DeleteObjects requests and of all requests.
fn operations(server: &Server) -> (usize, usize, usize) {
    let requests = server.take_requests();
    let count = |operation: &str| {
        let requests = requests.iter();
        requests
            .filter(|request| request.operation == operation)
            .count()
    };
    (
        count("ListObjectsV2"),
        count("DeleteObjects"),
        requests.len(),
    )
}

#[test]
fn removing_a_tree_takes_no_additional_delete_requests() {
    for strict in [true, false] {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        for number in 0..500 {
            bucket.put(&format!("t/{number:03}/"), "");
            bucket.put(&format!("t/{number:03}/f"), "x");
            bucket.put(&format!("t/{number:03}/g"), "x");
        }
        let fs = common::builder(&server).strict(strict).build().unwrap();
        fs.removetree("t").unwrap();
        assert!(bucket.keys().is_empty());
        assert_eq!(operations(&server), (2, 2, 4));
    }
}

/// More markers than are held in memory: another listing finds them.
#[test]
#[ignore = "100,000 markers take a minute"]
fn markers_beyond_the_held_ones_are_found_by_another_listing() {
    let server = Server::builder().like_seaweedfs().start();
    let bucket = server.bucket(BUCKET);
    for number in 0..33_334 {
        for key in ["", "x/", "x/y/"] {
            bucket.put(&format!("t/{number:05}/{key}"), "");
        }
    }
    bucket.put("t/00001/x/y/f", "x");
    common::open(&server).removetree("t").unwrap();
    assert!(bucket.keys().is_empty() && bucket.stuck().is_empty());
    assert_eq!(operations(&server), (101 + 101, 1 + 101, 304));
}

#[test]
fn the_metadata_of_markers_is_copied_and_moved() {
    let marker = || {
        let object = Object::new("").header("x-amz-meta-owner", "harbour");
        object.header("cache-control", "no-store")
    };
    for strict in [true, false] {
        for there in [false, true] {
            let server = Server::builder().like_radosgw().start();
            let bucket = server.bucket(BUCKET);
            for key in ["d/", "d/sub/", "d/sub/deep/"] {
                bucket.put_with(key, marker());
            }
            bucket.put("d/f", "x");
            if there {
                bucket.put("copy/old", "x");
                bucket.put("copy/sub/", "content");
                bucket.put("moved/old", "x");
            }
            let fs = common::builder(&server).strict(strict).build().unwrap();
            fs.copydir_with("d", "copy", &create()).unwrap();
            fs.movedir_with("d", "moved", &create()).unwrap();
            let copied = |key: &str| {
                let object = bucket.get(key).unwrap();
                let header = |name: &str| object.headers.get(name).cloned();
                let kept = (header("x-amz-meta-owner"), header("cache-control"));
                kept == (Some("harbour".into()), Some("no-store".into()))
            };
            for key in ["copy/sub/deep/", "moved/sub/", "moved/sub/deep/"] {
                assert!(copied(key), "{key}, strict: {strict}, there: {there}");
            }
            if there {
                // An existing one stays unchanged.
                assert_eq!(bucket.get("copy/sub/").unwrap().bytes(), b"content");
            } else {
                assert!(copied("copy/sub/") && copied("copy/") && copied("moved/"));
            }
            assert!(!bucket.keys().iter().any(|key| key.starts_with("d/")));
        }
    }
}

#[test]
fn trees_are_copied_where_the_store_has_real_directories() {
    each_kind(|_, bucket, fs, _| {
        for key in ["d/", "d/sub/", "d/sub/f", "d/empty/"] {
            bucket.put(key, "");
        }
        fs.copydir_with("d", "copy", &create()).unwrap();
        for key in ["copy/", "copy/sub/f", "copy/empty/"] {
            assert!(bucket.get(key).is_some(), "{key}");
        }
        fs.movedir_with("d", "moved", &create()).unwrap();
        assert!(fs.isdir("moved/empty").unwrap() && !fs.exists("d").unwrap());
        assert!(bucket.stuck().is_empty());
    });
}

#[test]
fn creating_an_owned_bucket_again_succeeds_only_in_us_east_1() {
    let server = Server::builder().like_seaweedfs().start();
    common::open(&server).create_bucket().unwrap();
    let server = Server::builder()
        .like_seaweedfs()
        .region("eu-west-1")
        .start();
    let error = common::open(&server).create_bucket().unwrap_err();
    assert_eq!(error.s3().unwrap().code, "BucketAlreadyOwnedByYou");
}
