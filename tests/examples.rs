//! The examples, run against the embedded server.

mod local;

use std::fs;
use std::io::{Cursor, Read as _, Write as _};

use s3fs::{FileSystem as _, FileSystemExt as _, S3Fs, S3FsBuilder};
use test_server::{BUCKET, Fault, Rule, Server};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use local::Directory;

#[expect(dead_code, reason = "its main is not called")]
#[path = "../examples/backup.rs"]
mod backup;
#[expect(dead_code, reason = "its main is not called")]
#[path = "../examples/log_shipper.rs"]
mod log_shipper;
#[expect(dead_code, reason = "its main is not called")]
#[path = "../examples/publish_site.rs"]
mod publish_site;
#[cfg(feature = "vfs")]
#[expect(dead_code, reason = "its main is not called")]
#[path = "../examples/vfs.rs"]
mod vfs_program;
#[expect(dead_code, reason = "its main is not called")]
#[path = "../examples/zip_entry.rs"]
mod zip_entry;
#[expect(dead_code, reason = "its main is not called")]
#[path = "../examples/zip_tree.rs"]
mod zip_tree;

fn builder(server: &Server) -> S3FsBuilder {
    S3Fs::builder(BUCKET)
        .endpoint_url(server.endpoint())
        .region(server.region())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
}

fn lenient(server: &Server, dir_path: &str) -> S3Fs {
    let builder = builder(server).dir_path(dir_path).strict(false);
    builder.build().unwrap()
}

/// Returns the FS URL of a directory in the server's bucket.
fn url(server: &Server, dir_path: &str) -> String {
    let (key, secret) = (server.access_key(), server.secret_key().replace('/', "%2F"));
    let endpoint = server.endpoint();
    format!("s3://{key}:{secret}@{BUCKET}/{dir_path}?endpoint_url={endpoint}")
}

#[test]
fn a_backup_sends_changed_files_without_excluded_ones() {
    let (server, directory) = (Server::start(), Directory::new());
    for (path, content) in [
        ("a.txt", "a"),
        ("sub/b.txt", "bb"),
        ("sub/c.tmp", "c"),
        (".git/config", "g"),
    ] {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    server.bucket(BUCKET).put("backup/old.txt", "old");
    let url = url(&server, "backup");
    let excludes = [".git".to_owned(), "*.tmp".to_owned()];
    let back_up = || backup::run(directory.to_str().unwrap(), &url, &excludes);
    let report = back_up().unwrap();
    assert_eq!((report.copied(), report.bytes()), (2, 3));
    let fs = lenient(&server, "backup");
    assert_eq!(fs.readtext("sub/b.txt").unwrap(), "bb");
    assert!(fs.exists("old.txt").unwrap() && !fs.exists(".git").unwrap());
    // One file fails, and the others are sent.
    fs::write(directory.join("a.txt"), "longer").unwrap();
    fs::write(directory.join("d.txt"), "new").unwrap();
    let refuse = Rule::on("PutObject").key("backup/a.txt").always();
    server
        .faults()
        .add(refuse, Fault::error(403, "AccessDenied"));
    back_up().unwrap_err();
    assert_eq!(fs.readtext("d.txt").unwrap(), "new");
}

#[test]
fn logs_are_shipped_rotated_and_searched() {
    let server = Server::start();
    let fs = lenient(&server, "logs");
    let lines = |from: u32, to: u32| {
        let lines = (from..to).map(|number| format!("line {number} of the log\n"));
        lines.collect::<String>()
    };
    log_shipper::ship(&fs, &mut Cursor::new(lines(0, 100)), 1 << 20).unwrap();
    log_shipper::ship(&fs, &mut Cursor::new(lines(100, 200)), 1000).unwrap();
    log_shipper::ship(&fs, &mut Cursor::new(lines(200, 300)), 1 << 20).unwrap();
    let names = fs.listdir("/").unwrap();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(fs.readtext("current.log").unwrap(), lines(200, 300));
    let mut found = Vec::new();
    log_shipper::grep(&fs, "line 1", &mut found).unwrap();
    let found = String::from_utf8(found).unwrap();
    assert_eq!(found.lines().count(), 111);
    let mut none = Vec::new();
    log_shipper::grep(&fs, "absent", &mut none).unwrap();
    assert!(none.is_empty());
}

#[test]
fn a_site_is_published_with_types_and_cache_headers_and_stale_files_are_removed() {
    let (server, directory) = (Server::start(), Directory::new());
    fs::create_dir(directory.join("css")).unwrap();
    let page = "<html>hello</html>".repeat(100);
    fs::write(directory.join("index.html"), &page).unwrap();
    fs::write(directory.join("css/a.css"), "body {}").unwrap();
    fs::write(directory.join("logo.png"), [1, 2, 3]).unwrap();
    let bucket = server.bucket(BUCKET);
    bucket.put("site/old.html", "old");
    bucket.put("other/old.html", "not ours");
    let url = url(&server, "site");
    let published = publish_site::run(directory.to_str().unwrap(), &url).unwrap();
    assert_eq!((published.stored, published.removed), (3, 1));
    assert!(bucket.get("site/old.html").is_none() && bucket.get("other/old.html").is_some());
    let index = bucket.get("site/index.html").unwrap();
    let header = |name: &str| index.headers.get(name).map(String::as_str);
    assert_eq!(header("content-type"), Some("text/html"));
    assert_eq!(header("content-encoding"), Some("gzip"));
    assert_eq!(header("cache-control"), Some("no-cache"));
    let mut unpacked = String::new();
    let packed = index.bytes();
    flate2::read::GzDecoder::new(&*packed)
        .read_to_string(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, page);
    assert_eq!(bucket.get("site/logo.png").unwrap().bytes(), [1, 2, 3]);
}

#[cfg(feature = "vfs")]
#[test]
fn a_program_written_for_vfs_packs_files_into_a_bucket() {
    let (server, directory) = (Server::start(), Directory::new());
    fs::create_dir(directory.join("sub")).unwrap();
    fs::write(directory.join("a.txt"), "first\n").unwrap();
    fs::write(directory.join("sub/b.txt"), "second\n").unwrap();
    fs::write(directory.join("c.bin"), [0xff, 0xfe]).unwrap();
    server.bucket(BUCKET).put("packed/", "");
    let (local, url) = (directory.to_str().unwrap(), url(&server, "packed"));
    assert_eq!(vfs_program::run(local, &url).unwrap(), 2);
    let packed = server.bucket(BUCKET).get("packed/all.txt").unwrap().bytes();
    assert_eq!(packed, b"--- /a.txt\nfirst\n--- /sub/b.txt\nsecond\n");
    // A file that cannot be stored is an error of the program, although `vfs` does not report it.
    let refuse = Rule::on("PutObject").always();
    server
        .faults()
        .add(refuse, Fault::error(403, "AccessDenied"));
    let error = vfs_program::run(local, &url).unwrap_err();
    assert!(error.to_string().contains("AccessDenied"), "{error}");
}

#[test]
fn an_entry_of_an_archive_is_read_without_the_rest() {
    let server = Server::start();
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let packed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["big-1", "big-2"] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(&vec![7; 16 << 20]).unwrap();
        zip.start_file(format!("{name}.txt"), packed).unwrap();
        zip.write_all(name.repeat(1000).as_bytes()).unwrap();
    }
    let archive = zip.finish().unwrap().into_inner();
    server.bucket(BUCKET).put("archive.zip", archive);
    let fs = builder(&server).build().unwrap();
    let mut names = Vec::new();
    zip_entry::run(&fs, "archive.zip", None, &mut names).unwrap();
    assert_eq!(String::from_utf8(names).unwrap().lines().count(), 4);
    let before = fs.stats();
    server.take_requests();
    let mut entry = Vec::new();
    zip_entry::run(&fs, "archive.zip", Some("big-1.txt"), &mut entry).unwrap();
    assert!(entry == "big-1".repeat(1000).as_bytes());
    let (requests, bytes) = (
        server.take_requests().len(),
        fs.stats().bytes_in - before.bytes_in,
    );
    assert!(requests <= 5, "{requests} requests");
    assert!(bytes <= 256 << 10, "{bytes} bytes");
    zip_entry::run(&fs, "archive.zip", Some("none"), &mut entry).unwrap_err();
}

/// The archive is larger than a part, and its first header is changed after that.
#[test]
fn an_archive_is_packed_in_the_bucket() {
    let (server, directory) = (Server::start(), Directory::new());
    let large: Vec<u8> = (0..10 << 20).map(|n: u32| (n ^ (n >> 7)) as u8).collect();
    for (path, content) in [("large.bin", large.as_slice()), ("sub/small.txt", b"small")] {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let fs = builder(&server).build().unwrap();
    let local = directory.to_str().unwrap();
    assert_eq!(zip_tree::run(local, &fs, "tree.zip").unwrap(), 2);
    let mut entry = Vec::new();
    zip_entry::run(&fs, "tree.zip", Some("large.bin"), &mut entry).unwrap();
    assert!(entry == large);
    let mut entry = Vec::new();
    zip_entry::run(&fs, "tree.zip", Some("sub/small.txt"), &mut entry).unwrap();
    assert_eq!(entry, b"small");
}
