//! Opens filesystems from FS URLs and paths.

use std::fs;

use s3fs::{
    ErrorKind, FileSystem, FileSystemExt, FsUrl, OpenFsOptions, OsFs, Registry, open_fs,
    open_fs_with,
};
use test_server::{self, Server};

use crate::common;
use crate::local::Directory;

fn kind(result: s3fs::Result<Box<dyn FileSystem>>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// The URL of a directory in the server's bucket.
fn s3_url(server: &Server, dir_path: &str, parameters: &str) -> String {
    format!(
        "s3://{}:{}@{}/{dir_path}?endpoint_url={}&region={}&conditions=honoured{parameters}",
        server.access_key(),
        server.secret_key(),
        test_server::BUCKET,
        server.endpoint(),
        server.region()
    )
}

#[test]
fn a_directory_of_the_local_disk_is_opened_by_url_and_by_path() {
    let directory = Directory::new();
    let place = directory.join("a b%20?!@é");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("f"), "content").unwrap();
    let path = place.to_str().unwrap();
    let parent = OsFs::new(&*directory).unwrap();
    let url = parent.geturl_for("a b%20?!@é", "fs").unwrap();
    let cwd = OpenFsOptions::new().cwd(&*directory);
    let opened = [
        open_fs(path),
        open_fs(&url),
        open_fs(&url.replace("osfs://", "file://")),
        open_fs_with("a b%20?!@é", &cwd),
        open_fs_with("osfs://a%20b%2520%3F%21%40é", &cwd),
    ];
    for fs in opened {
        assert_eq!(fs.unwrap().readtext("f").unwrap(), "content");
    }
    let here = std::env::current_dir().unwrap();
    for current in ["", ".", "osfs://", "osfs://."] {
        let fs = open_fs(current).unwrap();
        assert_eq!(
            fs.getsyspath("/").unwrap(),
            fs::canonicalize(&here).unwrap()
        );
    }
    if let Some(home) = std::env::home_dir().filter(|home| home.is_dir()) {
        for at_home in ["~", "~/", "osfs://~", "osfs://~/."] {
            let fs = open_fs(at_home).unwrap();
            assert_eq!(
                fs.getsyspath("/").unwrap(),
                fs::canonicalize(&home).unwrap()
            );
        }
    }
    assert_eq!(
        kind(open_fs_with("~x", &cwd)),
        Some(ErrorKind::CreateFailed)
    );
}

#[test]
fn a_directory_of_the_local_disk_is_created_on_request() {
    let directory = Directory::new();
    let cwd = OpenFsOptions::new().cwd(&*directory);
    for name in ["a/b", "osfs://c/d"] {
        let error = open_fs_with(name, &cwd).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::CreateFailed);
        assert_eq!(error.path(), Some(name));
        let create = cwd.clone().create(true).writeable(true);
        open_fs_with(name, &create).unwrap().touch("f").unwrap();
    }
    assert!(directory.join("a/b/f").is_file() && directory.join("c/d/f").is_file());
}

#[test]
fn an_error_about_a_path_instead_of_a_bucket_shows_no_secret() {
    let error = open_fs("KEY:SECRET@bucket/dir").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::CreateFailed);
    let text = format!("{error} {error:?}");
    assert!(!text.contains("SECRET") && !text.contains("KEY"), "{text}");
    assert!(text.contains("s3://"), "{text}");
}

#[test]
fn a_filesystem_in_memory_is_new_each_time() {
    let fs = open_fs("mem://").unwrap();
    fs.writetext("f", "content").unwrap();
    assert_eq!(fs.readtext("f").unwrap(), "content");
    let options = OpenFsOptions::new().create(true).writeable(true);
    for other in ["mem://", "mem://a/b", "MEM://"] {
        let other = open_fs_with(other, &options).unwrap();
        assert!(other.isempty("/").unwrap());
        other.touch("f").unwrap();
    }
}

#[test]
fn parameters_of_a_local_url_are_refused() {
    let mem = ["mem://me@", "mem://?create=1"];
    for url in ["osfs://me@dir", "osfs://dir?create=1", "osfs://%zz"]
        .into_iter()
        .chain(mem)
    {
        assert_eq!(kind(open_fs(url)), Some(ErrorKind::ParseUrl), "{url}");
    }
    let error = open_fs("gopher://x").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnsupportedProtocol);
    assert!(error.to_string().contains("osfs"), "{error}");
}

#[test]
fn create_makes_a_marker_and_never_a_bucket_on_s3() {
    let server = Server::start();
    let bucket = server.bucket(test_server::BUCKET);
    let create = OpenFsOptions::new().create(true);
    let url = s3_url(&server, "reports/2026", "");
    open_fs(&url).unwrap();
    assert_eq!(server.take_requests().len(), 0);
    for expected in [3, 1] {
        let fs = open_fs_with(&url, &create).unwrap();
        assert_eq!(server.take_requests().len(), expected);
        assert_eq!(bucket.keys(), ["reports/2026/"]);
        assert!(fs.isempty("/").unwrap());
        server.take_requests();
    }
    open_fs_with(&s3_url(&server, "", ""), &create).unwrap();
    assert_eq!(server.take_requests().len(), 0);
    let lenient = s3_url(&server, "x", "&strict=0&delimiter=::");
    open_fs_with(&lenient, &create).unwrap();
    assert_eq!(server.take_requests().len(), 1);
    assert_eq!(bucket.keys(), ["reports/2026/", "x::"]);
    // An object of that name is not a directory; strict mode reports this.
    bucket.put("f", "content");
    let over_a_file = open_fs_with(&s3_url(&server, "f", ""), &create);
    assert_eq!(kind(over_a_file), Some(ErrorKind::DirectoryExpected));
    let elsewhere = s3_url(&server, "d", "").replace("@bucket/", "@nowhere/");
    let error = open_fs_with(&elsewhere, &create).err().unwrap();
    assert_eq!(error.s3().unwrap().code, "NoSuchBucket");
    let path = error.path().unwrap();
    assert!(path.contains("nowhere/d") && !path.contains(server.secret_key()));
    let fs = common::open(&server);
    fs.create_root().unwrap();
    assert_eq!(bucket.keys(), ["f", "reports/2026/", "x::"]);
}

#[test]
fn a_filesystem_opened_as_writeable_is_not_read_only() {
    let server = Server::start();
    let url = s3_url(&server, "d", "&read_only=1");
    let writeable = OpenFsOptions::new().writeable(true);
    assert!(open_fs(&url).is_ok());
    assert!(open_fs_with(&s3_url(&server, "d", ""), &writeable).is_ok());
    for options in [writeable, OpenFsOptions::new().create(true)] {
        let opened = open_fs_with(&url, &options);
        assert_eq!(kind(opened), Some(ErrorKind::ResourceReadOnly));
    }
}

#[test]
fn a_registered_protocol_receives_the_options() {
    let directory = Directory::new();
    let place = directory.to_path_buf();
    let mut registry = Registry::new();
    registry.register("here", move |url: &FsUrl| {
        let fs = OsFs::new(place.join(url.resource()))?;
        Ok(Box::new(fs) as Box<dyn FileSystem>)
    });
    let options = OpenFsOptions::new().writeable(true);
    assert!(registry.open_fs_with("here://", &options).is_ok());
    let error = registry.open_fs_with("HERE://no", &options).err().unwrap();
    assert_eq!(error.path(), Some("HERE://no"));
}
