//! The requests of each operation, counted by the server: the table of `S3Fs`'s documentation.

use std::io::Read;

use s3fs::{
    Capabilities, ErrorKind, FileSystem, FileSystemExt, MakedirOptions, Namespaces, OpenOptions,
    RawInfo, S3Fs,
};
use test_server::{Bucket, Server};

use crate::common;

/// A row of the table: the content of the bucket, the operation, and the number of its requests.
struct Row {
    name: &'static str,
    arrange: fn(&Bucket),
    act: fn(&S3Fs),
    strict: usize,
    lenient: usize,
}

/// A directory without a marker, so that a check of it costs a request that returns one key.
fn a_directory(bucket: &Bucket) {
    bucket.put("d/other", "other");
}

fn a_file(bucket: &Bucket) {
    a_directory(bucket);
    bucket.put("d/f", "content");
    bucket.put("f", "content");
}

fn only_a_file(bucket: &Bucket) {
    bucket.put("d/f", "content");
}

fn an_empty_directory(bucket: &Bucket) {
    a_directory(bucket);
    bucket.put("d/e/", "");
    bucket.put("e/", "");
}

fn only_an_empty_directory(bucket: &Bucket) {
    bucket.put("d/e/", "");
}

fn nothing(_: &Bucket) {}

fn entries(count: usize) -> impl Fn(&Bucket) {
    move |bucket| {
        for number in 0..count {
            bucket.put(&format!("many/{number:05}"), "x");
        }
    }
}

fn two_mib(bucket: &Bucket) {
    bucket.put("f", vec![7; 2 << 20]);
}

/// Runs each row on a separate server, strict and not.
fn check(rows: &[Row]) {
    for row in rows {
        for (strict, expected) in [(true, row.strict), (false, row.lenient)] {
            let server = Server::start();
            (row.arrange)(&server.bucket("bucket"));
            let fs = common::builder(&server).strict(strict).build().unwrap();
            (row.act)(&fs);
            let asked: Vec<_> = server
                .requests()
                .into_iter()
                .map(|request| format!("{} {:?}", request.operation, request.key))
                .collect();
            assert_eq!(
                asked.len(),
                expected,
                "{} (strict: {strict}) asked {asked:#?}",
                row.name
            );
        }
    }
}

fn row(
    name: &'static str,
    arrange: fn(&Bucket),
    act: fn(&S3Fs),
    strict: usize,
    lenient: usize,
) -> Row {
    Row {
        name,
        arrange,
        act,
        strict,
        lenient,
    }
}

fn is(result: s3fs::Result<impl Sized>, kind: ErrorKind) {
    assert_eq!(result.err().map(|error| error.kind()), Some(kind));
}

#[test]
fn queries_cost_the_documented_requests() {
    const BASIC: Namespaces = Namespaces::BASIC;
    check(&[
        row(
            "getinfo of the root",
            nothing,
            |fs| drop(fs.getinfo("/", BASIC).unwrap()),
            0,
            0,
        ),
        row(
            "getinfo of a file",
            a_file,
            |fs| drop(fs.getinfo("d/f", BASIC).unwrap()),
            1,
            1,
        ),
        row(
            "getdetails of a file",
            a_file,
            |fs| drop(fs.getdetails("d/f").unwrap()),
            1,
            1,
        ),
        row(
            "getinfo of a file, s3",
            a_file,
            |fs| drop(fs.getinfo("d/f", Namespaces::S3).unwrap()),
            1,
            1,
        ),
        row(
            "getinfo of a directory",
            a_file,
            |fs| drop(fs.getinfo("d", BASIC).unwrap()),
            2,
            2,
        ),
        row(
            "getinfo of nothing",
            a_file,
            |fs| is(fs.getinfo("d/no", BASIC), ErrorKind::ResourceNotFound),
            2,
            2,
        ),
        row(
            "getinfo of a marked directory, s3",
            an_empty_directory,
            |fs| drop(fs.getinfo("e", Namespaces::S3).unwrap()),
            3,
            3,
        ),
        row(
            "exists: root",
            nothing,
            |fs| assert!(fs.exists("").unwrap()),
            0,
            0,
        ),
        row(
            "exists: file",
            a_file,
            |fs| assert!(fs.exists("f").unwrap()),
            1,
            1,
        ),
        row(
            "exists: directory",
            a_file,
            |fs| assert!(fs.exists("d").unwrap()),
            2,
            2,
        ),
        row(
            "exists: nothing",
            a_file,
            |fs| assert!(!fs.exists("no").unwrap()),
            2,
            2,
        ),
        row(
            "isfile: file",
            a_file,
            |fs| assert!(fs.isfile("d/f").unwrap()),
            1,
            1,
        ),
        row(
            "isfile: directory",
            a_file,
            |fs| assert!(!fs.isfile("d").unwrap()),
            1,
            1,
        ),
        row(
            "isdir: directory",
            a_file,
            |fs| assert!(fs.isdir("d").unwrap()),
            1,
            1,
        ),
        row(
            "isdir: file",
            a_file,
            |fs| assert!(!fs.isdir("d/f").unwrap()),
            1,
            1,
        ),
        row(
            "isempty: full",
            a_file,
            |fs| assert!(!fs.isempty("d").unwrap()),
            1,
            1,
        ),
        row(
            "isempty: empty",
            an_empty_directory,
            |fs| assert!(fs.isempty("e").unwrap()),
            1,
            1,
        ),
        row(
            "isempty: nothing",
            nothing,
            |fs| is(fs.isempty("no"), ErrorKind::ResourceNotFound),
            2,
            2,
        ),
        row(
            "getsize",
            a_file,
            |fs| assert_eq!(fs.getsize("f").unwrap(), 7),
            1,
            1,
        ),
        row("geturl", nothing, |fs| drop(fs.geturl("f").unwrap()), 0, 0),
        row(
            "validatepath, getmeta, close",
            nothing,
            |fs| {
                fs.validatepath("a/b").unwrap();
                fs.getmeta();
                fs.close().unwrap();
            },
            0,
            0,
        ),
    ]);
}

#[test]
fn a_listing_costs_one_request_per_thousand_entries() {
    check(&[
        row(
            "listdir of few",
            a_file,
            |fs| assert_eq!(fs.listdir("d").unwrap().len(), 2),
            1,
            1,
        ),
        row(
            "listdir of the empty root",
            nothing,
            |fs| assert!(fs.listdir("/").unwrap().is_empty()),
            1,
            1,
        ),
        row(
            "listdir of nothing",
            nothing,
            |fs| is(fs.listdir("no"), ErrorKind::ResourceNotFound),
            2,
            2,
        ),
        row(
            "listdir of 999",
            |b| entries(999)(b),
            |fs| assert_eq!(fs.listdir("many").unwrap().len(), 999),
            1,
            1,
        ),
        row(
            "scandir of 2,500 with details",
            |b| entries(2500)(b),
            |fs| {
                let infos = fs.scandir("many", Namespaces::DETAILS).unwrap();
                assert_eq!(
                    infos
                        .map(Result::unwrap)
                        .filter(|i| i.size() == Some(1))
                        .count(),
                    2500
                );
            },
            3,
            3,
        ),
        row(
            "the first of 2,500",
            |b| entries(2500)(b),
            |fs| {
                drop(
                    fs.scandir("many", Namespaces::BASIC)
                        .unwrap()
                        .next()
                        .unwrap()
                        .unwrap(),
                );
            },
            1,
            1,
        ),
        row(
            "scandir of 25 with s3",
            |b| entries(25)(b),
            |fs| {
                let infos = fs.scandir("many", Namespaces::S3).unwrap();
                assert_eq!(
                    infos
                        .map(Result::unwrap)
                        .filter(|i| i.s3().is_some())
                        .count(),
                    25
                );
            },
            26,
            26,
        ),
    ]);
}

#[test]
fn reading_costs_the_documented_requests() {
    fn read_all(fs: &S3Fs, size: usize) {
        let mut bytes = Vec::new();
        fs.openbin("f", "r")
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(bytes.len(), size);
    }
    check(&[
        row(
            "readbytes",
            a_file,
            |fs| assert_eq!(fs.readbytes("d/f").unwrap(), b"content"),
            1,
            1,
        ),
        row(
            "readtext",
            a_file,
            |fs| assert_eq!(fs.readtext("f").unwrap(), "content"),
            1,
            1,
        ),
        row(
            "readbytes of 2 MiB",
            two_mib,
            |fs| assert_eq!(fs.readbytes("f").unwrap().len(), 2 << 20),
            1,
            1,
        ),
        row("openbin r, small", a_file, |fs| read_all(fs, 7), 1, 1),
        row(
            "openbin r, 1 MiB",
            |b| b.put("f", vec![7; 1 << 20]),
            |fs| read_all(fs, 1 << 20),
            1,
            1,
        ),
        row(
            "openbin r, 2 MiB",
            two_mib,
            |fs| read_all(fs, 2 << 20),
            2,
            2,
        ),
    ]);
}

#[test]
fn writing_costs_the_documented_requests() {
    fn write(fs: &S3Fs, path: &str, mode: &str) {
        fs.openbin(path, mode).unwrap().close().unwrap();
    }
    check(&[
        row(
            "writebytes in the root",
            a_file,
            |fs| fs.writebytes("new", b"x").unwrap(),
            2,
            1,
        ),
        row(
            "writebytes",
            a_file,
            |fs| fs.writebytes("d/new", b"x").unwrap(),
            3,
            1,
        ),
        row(
            "writebytes over a file",
            a_file,
            |fs| fs.writebytes("d/f", b"x").unwrap(),
            3,
            1,
        ),
        row(
            "writetext",
            a_file,
            |fs| fs.writetext("d/new", "x").unwrap(),
            3,
            1,
        ),
        row("openbin w", a_file, |fs| write(fs, "d/new", "w"), 3, 1),
        row(
            "write_with",
            a_file,
            |fs| {
                fs.write_with("d/new", |file| file.write_all(b"x")).unwrap();
            },
            3,
            1,
        ),
        row("openbin x", a_file, |fs| write(fs, "d/new", "x"), 4, 1),
        row(
            "openbin x in the root",
            a_file,
            |fs| write(fs, "new", "x"),
            3,
            1,
        ),
        row(
            "create",
            a_file,
            |fs| assert!(fs.create("d/new", false).unwrap()),
            4,
            1,
        ),
        row(
            "create over a file",
            a_file,
            |fs| assert!(!fs.create("d/f", false).unwrap()),
            1,
            1,
        ),
        row(
            "create, wiping",
            a_file,
            |fs| assert!(fs.create("d/f", true).unwrap()),
            3,
            1,
        ),
        row("touch", a_file, |fs| fs.touch("d/new").unwrap(), 4, 1),
        row(
            "touch of a file",
            a_file,
            |fs| fs.touch("d/f").unwrap(),
            1,
            1,
        ),
        row(
            "openbin r+, changed",
            a_file,
            |fs| {
                let mut file = fs.openbin("d/f", "r+").unwrap();
                file.write_all(b"C").unwrap();
                file.close().unwrap();
            },
            2,
            2,
        ),
        row(
            "openbin r+, not changed",
            a_file,
            |fs| write(fs, "d/f", "r+"),
            1,
            1,
        ),
    ]);
}

#[test]
fn removing_costs_the_documented_requests() {
    check(&[
        row("remove", a_file, |fs| fs.remove("d/f").unwrap(), 3, 1),
        row(
            "remove in the root",
            a_file,
            |fs| fs.remove("f").unwrap(),
            2,
            1,
        ),
        row(
            "remove of the last child",
            only_a_file,
            |fs| fs.remove("d/f").unwrap(),
            4,
            1,
        ),
        row(
            "removedir",
            an_empty_directory,
            |fs| fs.removedir("d/e").unwrap(),
            3,
            2,
        ),
        row(
            "removedir in the root",
            an_empty_directory,
            |fs| fs.removedir("e").unwrap(),
            2,
            2,
        ),
        row(
            "removedir of the last child",
            only_an_empty_directory,
            |fs| fs.removedir("d/e").unwrap(),
            4,
            2,
        ),
        row(
            "removedir of what is not empty",
            a_file,
            |fs| is(fs.removedir("d"), ErrorKind::DirectoryNotEmpty),
            1,
            1,
        ),
    ]);
}

#[test]
fn making_directories_costs_the_documented_requests() {
    check(&[
        row("makedir", a_file, |fs| fs.makedir("d/new").unwrap(), 4, 1),
        row(
            "makedir in the root",
            a_file,
            |fs| fs.makedir("new").unwrap(),
            3,
            1,
        ),
        row(
            "makedir of what is there",
            an_empty_directory,
            |fs| is(fs.makedir("d/e"), ErrorKind::DirectoryExists),
            2,
            // Checks whether the store only reports it without a marker.
            2,
        ),
        row(
            "makedir again",
            an_empty_directory,
            |fs| {
                fs.makedir_with("d/e", &MakedirOptions::new().recreate(true))
                    .unwrap();
            },
            2,
            1,
        ),
    ]);
}

#[test]
fn transfers_and_appends_cost_the_documented_requests() {
    check(&[
        row(
            "download of 2 MiB",
            two_mib,
            |fs| {
                assert_eq!(fs.download("f", &mut std::io::sink()).unwrap(), 2 << 20);
            },
            1,
            1,
        ),
        row(
            "upload",
            a_file,
            |fs| {
                assert_eq!(fs.upload("d/new", &mut &b"x"[..]).unwrap(), 1);
            },
            3,
            1,
        ),
        row(
            "upload_sized",
            a_file,
            |fs| {
                assert_eq!(fs.upload_sized("d/new", &mut &b"x"[..], 1).unwrap(), 1);
            },
            3,
            1,
        ),
        row(
            "appendbytes to a file",
            a_file,
            |fs| fs.appendbytes("f", b"x").unwrap(),
            2,
            2,
        ),
        row(
            "appendbytes to nothing",
            a_file,
            |fs| fs.appendbytes("d/new", b"x").unwrap(),
            4,
            2,
        ),
        row(
            "location",
            a_file,
            |fs| drop(fs.location("f").unwrap()),
            0,
            0,
        ),
    ]);
}

#[test]
fn setinfo_costs_two_requests() {
    check(&[
        row(
            "setinfo",
            a_file,
            |fs| {
                let change = RawInfo::new().with("s3", "content_type", "text/csv");
                fs.setinfo("d/f", &change).unwrap();
            },
            2,
            2,
        ),
        row(
            "setinfo of times",
            a_file,
            |fs| {
                let change = RawInfo::new().with("details", "modified", 1_u64);
                fs.setinfo("d/f", &change).unwrap();
            },
            1,
            1,
        ),
    ]);
}

#[test]
fn small_operations_share_one_connection() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.makedir("d").unwrap();
    for number in 0..50 {
        let path = format!("d/{number}");
        fs.writebytes(&path, b"content").unwrap();
        assert_eq!(fs.readbytes(&path).unwrap(), b"content");
        let mut file = fs.openbin(&path, "r").unwrap();
        file.read_to_end(&mut Vec::new()).unwrap();
        is(fs.readbytes("d/missing"), ErrorKind::ResourceNotFound);
        assert!(!fs.isfile("d/missing").unwrap());
        fs.remove(&path).unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn sixteen_workers_use_at_most_seventeen_connections() {
    let server = Server::start();
    entries(300)(&server.bucket("bucket"));
    let fs = common::builder(&server).max_workers(16).build().unwrap();
    for _ in 0..3 {
        let infos = fs.scandir("many", Namespaces::S3).unwrap();
        assert_eq!(infos.filter(|info| info.is_ok()).count(), 300);
    }
    assert!(server.connections() <= 17, "{}", server.connections());
}

#[test]
fn reading_the_head_of_a_large_object_does_not_transfer_all_of_it() {
    let server = Server::start();
    server.bucket("bucket").put_synthetic("big", 1, 1 << 30);
    let fs = common::open(&server);
    let mut file = fs.open_read("big", &OpenOptions::new()).unwrap();
    assert_eq!(file.size(), 1 << 30);
    let mut head = [0; 100];
    file.read_exact(&mut head).unwrap();
    drop(file);
    let sent: u64 = server
        .requests()
        .iter()
        .map(|request| request.bytes_out)
        .sum();
    assert!(sent <= (5 << 20) / 4, "{sent} bytes for the first 100");
}
