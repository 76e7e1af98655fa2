//! Infos of files and directories, by namespace, and the requests that each takes.

use std::collections::BTreeSet;

use s3fs::{FileSystem, FileSystemExt, Info, Namespaces, ResourceType, S3Fs, Value};
use test_server::{BUCKET, Object, Server};
use time::OffsetDateTime;

use crate::common::{self, fetch};

const ALL: [Namespaces; 4] = [
    Namespaces::BASIC,
    Namespaces::DETAILS,
    Namespaces::S3,
    Namespaces::URLS,
];

/// The keys of the original's `s3` namespace, as its documentation shows them.
const ORIGINAL: [&str; 25] = [
    "metadata",
    "delete_marker",
    "version_id",
    "parts_count",
    "accept_ranges",
    "last_modified",
    "content_length",
    "content_encoding",
    "request_charged",
    "replication_status",
    "server_side_encryption",
    "expires",
    "restore",
    "content_type",
    "sse_customer_key_md5",
    "content_disposition",
    "storage_class",
    "expiration",
    "missing_meta",
    "content_language",
    "ssekms_key_id",
    "sse_customer_algorithm",
    "e_tag",
    "website_redirect_location",
    "cache_control",
];

/// Two files, a directory with a marker and one without, in `d`; stored at a known time.
fn arranged() -> (Server, S3Fs) {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let mut object = Object::new("hello").header("content-type", "text/x");
    object.modified = at(1_501_935_315).into();
    bucket.put_with("d/f.txt", object.clone().header("x-amz-meta-a", "1"));
    bucket.put_with(
        "d/g",
        Object {
            modified: at(1_600_000_000).into(),
            ..Object::new("")
        },
    );
    bucket.put_with(
        "d/marked/",
        Object {
            modified: object.modified,
            ..Object::new("")
        },
    );
    bucket.put("d/marked/below", "x");
    bucket.put("d/unmarked/below", "x");
    let fs = common::open(&server);
    (server, fs)
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

/// Returns the result of the work, and the number of its requests.
fn cost<T>(server: &Server, work: impl FnOnce() -> T) -> (T, usize) {
    server.take_requests();
    let result = work();
    (result, server.take_requests().len())
}

fn scan(fs: &S3Fs, path: &str, namespaces: Namespaces) -> Vec<Info> {
    let infos = fs.scandir(path, namespaces).unwrap();
    infos.map(Result::unwrap).collect()
}

/// The namespaces that an info has.
fn namespaces(info: &Info) -> Vec<&'static str> {
    let mut names = vec!["basic", "details", "s3", "urls", "access", "link"];
    names.retain(|name| info.has_namespace(name));
    names
}

#[test]
fn basic_and_details_need_only_the_listing() {
    let (server, fs) = arranged();
    for wanted in [Namespaces::BASIC, Namespaces::DETAILS, Namespaces::URLS] {
        let (infos, requests) = cost(&server, || scan(&fs, "d", wanted));
        assert_eq!(requests, 1);
        let names: Vec<_> = infos.iter().map(Info::name).collect();
        assert_eq!(names, ["f.txt", "g", "marked", "unmarked"]);
        let kinds: Vec<_> = infos.iter().map(Info::is_dir).collect();
        assert_eq!(kinds, [false, false, true, true]);
    }
    let (infos, _) = cost(&server, || scan(&fs, "d", Namespaces::DETAILS));
    let details: Vec<_> = infos
        .iter()
        .map(|info| (info.kind().unwrap(), info.size().unwrap()))
        .collect();
    assert_eq!(
        details,
        [
            (ResourceType::File, 5),
            (ResourceType::File, 0),
            (ResourceType::Directory, 0),
            (ResourceType::Directory, 0),
        ]
    );
    assert_eq!(infos[0].modified(), Some(at(1_501_935_315)));
    assert_eq!(infos[1].modified(), Some(at(1_600_000_000)));
    for info in infos {
        assert_eq!(info.accessed(), None);
        assert_eq!(info.created(), None);
        assert_eq!(info.metadata_changed(), None);
    }
}

#[test]
fn getinfo_has_the_same_details_as_a_listing() {
    let (_server, fs) = arranged();
    for listed in scan(&fs, "d", Namespaces::DETAILS) {
        let path = listed.make_path("d").unwrap();
        let own = fs.getinfo(&path, Namespaces::DETAILS).unwrap();
        assert_eq!(own.name(), listed.name());
        assert_eq!(own.is_dir(), listed.is_dir());
        assert_eq!((own.kind(), own.size()), (listed.kind(), listed.size()));
        if own.is_file() {
            assert_eq!(own.modified(), listed.modified());
        }
    }
    // A listing with a delimiter does not include the time of a marker; one check of the directory does.
    let marked = fs.getinfo("d/marked", Namespaces::DETAILS).unwrap();
    assert_eq!(marked.modified(), Some(at(1_501_935_315)));
    let unmarked = fs.getinfo("d/unmarked", Namespaces::DETAILS).unwrap();
    assert_eq!(unmarked.modified(), None);
}

#[test]
fn an_info_has_the_requested_namespaces() {
    let (_server, fs) = arranged();
    for (path, is_dir) in [("d/f.txt", false), ("d/marked", true), ("d/unmarked", true)] {
        for wanted in ALL {
            let mut expected = vec!["basic"];
            if wanted == Namespaces::DETAILS {
                expected.push("details");
            }
            if wanted == Namespaces::S3 && path != "d/unmarked" {
                expected.push("s3");
            }
            if wanted == Namespaces::URLS && !is_dir {
                expected.push("urls");
            }
            let info = fs.getinfo(path, wanted).unwrap();
            assert_eq!(namespaces(&info), expected, "{path} {wanted:?}");
            assert_eq!(info.is_dir(), is_dir);
        }
    }
    let everything = Namespaces::DETAILS | Namespaces::S3 | Namespaces::URLS;
    for info in scan(&fs, "d", everything) {
        let expected: &[&str] = match info.name() {
            "unmarked" => &["basic", "details"],
            "marked" => &["basic", "details", "s3"],
            _ => &["basic", "details", "s3", "urls"],
        };
        assert_eq!(namespaces(&info), expected, "{}", info.name());
    }
    let root = fs.getinfo("/", everything).unwrap();
    assert_eq!(
        (root.name(), root.is_dir(), root.size()),
        ("", true, Some(0))
    );
    assert_eq!(namespaces(&root), ["basic", "details"]);
}

#[test]
fn getinfo_sends_no_unnecessary_request_for_any_namespace() {
    let (server, fs) = arranged();
    let everything = Namespaces::DETAILS | Namespaces::S3 | Namespaces::URLS;
    for (path, wanted, requests) in [
        ("/", everything, 0),
        ("d/f.txt", Namespaces::BASIC, 1),
        ("d/f.txt", everything, 1),
        ("d/marked", Namespaces::DETAILS, 2),
        ("d/marked", everything, 3),
        ("d/unmarked", everything, 2),
    ] {
        let (info, cost) = cost(&server, || fs.getinfo(path, wanted));
        info.unwrap();
        assert_eq!(cost, requests, "{path} {wanted:?}");
    }
}

#[test]
fn a_listing_and_getinfo_have_the_same_s3_namespace() {
    let (server, fs) = arranged();
    let (infos, requests) = cost(&server, || scan(&fs, "d", Namespaces::S3));
    assert_eq!(requests, 1 + infos.len());
    for info in infos {
        let path = info.make_path("d").unwrap();
        let own = fs.getinfo(&path, Namespaces::S3).unwrap();
        assert_eq!(info.s3(), own.s3(), "{path}");
    }
}

#[test]
fn the_heads_of_a_listing_are_sent_in_parallel() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    for number in 0..40 {
        bucket.put(&format!("d/{number:02}"), "x");
    }
    let fs = common::builder(&server).max_workers(4).build().unwrap();
    let infos = scan(&fs, "d", Namespaces::S3);
    // In the order of the listing, whatever the order of the responses.
    let names: Vec<_> = infos.iter().map(|info| info.name().to_owned()).collect();
    let expected: Vec<_> = (0..40).map(|number| format!("{number:02}")).collect();
    assert_eq!(names, expected);
    let heads = common::asked(&server, "HeadObject");
    let connections: BTreeSet<_> = heads.iter().map(|head| head.connection).collect();
    assert_eq!(heads.len(), 40);
    assert!((2..=5).contains(&connections.len()), "{connections:?}");
}

#[test]
fn a_file_removed_during_a_listing_is_left_out() {
    use test_server::{Fault, Rule};
    let (server, fs) = arranged();
    let gone = Fault::error(404, "NoSuchKey");
    server.faults().add(Rule::on("HeadObject").key("d/g"), gone);
    let names: Vec<_> = scan(&fs, "d", Namespaces::S3)
        .iter()
        .map(|info| info.name().to_owned())
        .collect();
    assert_eq!(names, ["f.txt", "marked", "unmarked"]);
}

#[test]
fn urls_download_the_file() {
    let (server, fs) = arranged();
    let own = fs.getinfo("d/f.txt", Namespaces::URLS).unwrap();
    let listed = scan(&fs, "d", Namespaces::URLS).remove(0);
    for info in [own, listed] {
        let url = info.url("download").unwrap();
        assert_eq!(fetch(&server, url).ok().body, b"hello");
        assert_eq!(info.url("fs"), None);
        assert_eq!(info.get("urls", "download"), Some(Value::from(url)));
    }
    let server = Server::start();
    server.bucket(BUCKET).put("r|s|a b|é+", "x");
    let fs = common::builder(&server).dir_path("r/s").delimiter("|");
    let info = scan(&fs.build().unwrap(), "a b", Namespaces::URLS).remove(0);
    let url = info.url("download").unwrap();
    assert_eq!(fetch(&server, url).ok().body, b"x");
}

#[test]
fn the_s3_namespace_has_every_attribute_of_the_original() {
    let (_server, fs) = arranged();
    let raw = fs.getinfo("d/f.txt", Namespaces::S3).unwrap().raw();
    for key in ORIGINAL {
        assert!(raw.get("s3", key).is_some(), "{key}");
    }
    let keys: Vec<_> = raw.namespaces().collect();
    assert_eq!(keys, ["basic", "s3"]);
}

#[test]
fn the_s3_namespace_of_a_plain_object_is_the_same_as_in_the_original() {
    let server = Server::start();
    let mut object = Object::new("bar");
    object.modified = at(1_501_935_315).into();
    server.bucket(BUCKET).put_with("foo", object);
    let info = common::open(&server)
        .getinfo("foo", Namespaces::S3)
        .unwrap();
    for key in ORIGINAL {
        let expected = match key {
            "metadata" => Value::Map([].into()),
            "accept_ranges" => "bytes".into(),
            "last_modified" => Value::Float(1_501_935_315.0),
            "content_length" => Value::Int(3),
            "content_type" => "binary/octet-stream".into(),
            "e_tag" => "\"37b51d194a7513e45b56f6524f2d51f2\"".into(),
            _ => Value::Null,
        };
        assert_eq!(info.get("s3", key), Some(expected), "{key}");
    }
}

#[test]
fn every_writeable_attribute_of_an_info_can_be_set() {
    let (server, fs) = arranged();
    let info = fs.getinfo("d/f.txt", Namespaces::S3).unwrap();
    let Some(Value::List(keys)) = info.get("s3", "_write") else {
        panic!("the list of what is writeable is missing");
    };
    assert!(keys.contains(&"storage_class".into()));
    for key in keys {
        let Value::Text(key) = key else {
            panic!("a key is a text")
        };
        assert!(info.is_writeable("s3", &key));
        let value = match key.as_str() {
            "metadata" => Value::Map([("b".into(), "2".into())].into()),
            "storage_class" => "STANDARD_IA".into(),
            "server_side_encryption" => "aws:kms".into(),
            "bucket_key_enabled" => true.into(),
            "expires" => "Wed, 21 Oct 2037 07:28:00 GMT".into(),
            _ => Value::from("en"),
        };
        let change = s3fs::RawInfo::new().with("s3", &key, value.clone());
        fs.setinfo("d/f.txt", &change).unwrap();
        let info = fs.getinfo("d/f.txt", Namespaces::S3).unwrap();
        assert_eq!(info.get("s3", &key), Some(value), "{key}");
    }
    assert!(!info.is_writeable("s3", "e_tag") && !info.is_writeable("basic", "name"));
    let directory = fs.getinfo("d/marked", Namespaces::S3).unwrap();
    assert!(!directory.is_writeable("s3", "content_type"));
    drop(server);
}

#[test]
fn infos_of_a_restored_object_and_a_huge_one_are_correct() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let restore = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2037 00:00:00 GMT\"";
    let mut archived = Object::new("x");
    archived.storage_class = "GLACIER".into();
    archived.restore = Some(restore.into());
    bucket.put_with("archived", archived);
    bucket.put_synthetic("huge", 1, 50 << 40);
    let fs = common::open(&server);
    let info = fs.getinfo("archived", Namespaces::S3).unwrap();
    assert_eq!(info.s3().unwrap().restore.as_deref(), Some(restore));
    assert_eq!(info.s3().unwrap().storage_class.as_deref(), Some("GLACIER"));
    assert_eq!(fs.getsize("huge").unwrap(), 50 << 40);
    let listed = scan(&fs, "/", Namespaces::DETAILS).pop().unwrap();
    assert_eq!(listed.size(), Some(50 << 40));
    let s3 = fs.getinfo("huge", Namespaces::S3).unwrap();
    assert_eq!(s3.get("s3", "content_length"), Some(Value::Int(50 << 40)));
}
