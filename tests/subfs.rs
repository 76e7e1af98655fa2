//! A directory as a filesystem: the conformance suite, the requests, and that no path leaves it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use s3fs::conformance::{self, Exception};
use s3fs::{
    CopyOptions, ErrorKind, FileSystem, FileSystemExt, MakedirOptions, Namespaces, OpenOptions,
    RawInfo, S3Fs, S3FsBuilder, SubFs,
};
use test_server::Server;

use crate::common;
use crate::operations::NOT_STRICT;

/// Runs the suite on one server, each case in a directory of a separate bucket. The keys of the
/// parent filesystem begin with `prefix`, and `delimiter` separates their names.
fn holds_at(
    prefix: &str,
    delimiter: &str,
    configure: fn(S3FsBuilder) -> S3FsBuilder,
    exceptions: &[Exception],
    enter: fn(S3Fs) -> s3fs::Result<Box<dyn FileSystem>>,
) {
    let server = Server::start();
    let buckets = AtomicUsize::new(0);
    let key = |path: &str| format!("{prefix}{}", path.replace('/', delimiter));
    let open = |_: &str| -> Box<dyn FileSystem> {
        let bucket = format!("bucket-{}", buckets.fetch_add(1, Ordering::Relaxed));
        // A file with the name of the directory, and a neighbor whose name begins with it.
        let bucket_content = server.bucket(&bucket);
        bucket_content.put(&key("some/where/"), "");
        bucket_content.put(&key("some/where"), "a file of the same name");
        bucket_content.put(&key("some/where-else/f"), "a neighbour");
        let builder = configure(common::builder_of(&server, &bucket));
        enter(builder.build().unwrap()).unwrap()
    };
    conformance::run(&open, exceptions);
    for number in 0..buckets.load(Ordering::Relaxed) {
        let bucket = server.bucket(&format!("bucket-{number}"));
        let outside: Vec<_> = bucket
            .keys()
            .into_iter()
            .filter(|inside| !inside.starts_with(&key("some/where/")))
            .collect();
        let mut expected = [key("some/where"), key("some/where-else/f")];
        expected.sort();
        assert_eq!(outside, expected);
    }
}

fn holds(
    configure: fn(S3FsBuilder) -> S3FsBuilder,
    exceptions: &[Exception],
    enter: fn(S3Fs) -> s3fs::Result<Box<dyn FileSystem>>,
) {
    holds_at("", "/", configure, exceptions, enter);
}

#[test]
fn a_directory_of_a_filesystem_passes_every_conformance_case() {
    holds(
        |builder| builder,
        &[],
        |fs| Ok(Box::new(fs.into_dir("some/where")?)),
    );
}

#[test]
fn a_nested_directory_of_a_shared_filesystem_passes_every_conformance_case() {
    holds(
        |builder| builder,
        &[],
        |fs| {
            let shared: Arc<dyn FileSystem> = Arc::new(fs);
            Ok(Box::new(shared.into_dir("/some")?.into_dir("where")?))
        },
    );
}

#[test]
fn without_strict_every_case_except_the_checks_passes_in_a_directory() {
    holds(
        |builder| builder.strict(false),
        NOT_STRICT,
        |fs| Ok(Box::new(fs.into_dir("some/where")?)),
    );
}

#[test]
fn a_directory_below_dir_path_with_another_delimiter_passes_every_case() {
    holds_at(
        "out|er|",
        "|",
        |builder| builder.dir_path("out/er").delimiter("|"),
        &[],
        |fs| Ok(Box::new(fs.into_dir("some/where")?)),
    );
}

/// An operation on a filesystem, in the directory with which paths begin (the second argument).
type Operation = (&'static str, fn(&dyn FileSystem, &str));

const OPERATIONS: &[Operation] = &[
    ("getinfo", |fs, d| {
        drop(
            fs.getinfo(&format!("{d}f"), Namespaces::DETAILS | Namespaces::S3)
                .unwrap(),
        );
    }),
    ("exists", |fs, d| {
        assert!(!fs.exists(&format!("{d}no")).unwrap())
    }),
    ("isfile", |fs, d| {
        assert!(fs.isfile(&format!("{d}e/f")).unwrap())
    }),
    ("isdir", |fs, d| {
        assert!(fs.isdir(&format!("{d}e")).unwrap())
    }),
    ("isempty", |fs, d| {
        assert!(!fs.isempty(&format!("{d}e")).unwrap())
    }),
    ("listdir", |fs, d| {
        assert_eq!(fs.listdir(&format!("{d}e")).unwrap().len(), 2)
    }),
    ("scandir", |fs, d| {
        let entries = fs.scandir(&format!("{d}e"), Namespaces::S3).unwrap();
        assert!(entries.map(Result::unwrap).all(|i| !i.name().is_empty()));
    }),
    ("scandir_prefix", |fs, d| {
        let entries = fs.scandir_prefix(&format!("{d}e"), "f", Namespaces::BASIC);
        assert_eq!(entries.unwrap().count(), 1);
    }),
    ("scantree", |fs, d| {
        let entries = fs.scantree(&format!("{d}e"), Namespaces::BASIC).unwrap();
        assert_eq!(entries.map(Result::unwrap).count(), 3);
    }),
    ("readbytes", |fs, d| {
        assert_eq!(fs.readbytes(&format!("{d}f")).unwrap(), b"content")
    }),
    ("openbin r", |fs, d| {
        let mut file = fs.openbin(&format!("{d}f"), "r").unwrap();
        assert_eq!(file.read_to_end(&mut Vec::new()).unwrap(), 7);
    }),
    ("download", |fs, d| {
        let mut bytes = Vec::new();
        assert_eq!(fs.download(&format!("{d}f"), &mut bytes).unwrap(), 7);
    }),
    ("writebytes", |fs, d| {
        fs.writebytes(&format!("{d}new"), b"x").unwrap()
    }),
    ("upload", |fs, d| {
        assert_eq!(fs.upload(&format!("{d}new"), &mut &b"xy"[..]).unwrap(), 2);
    }),
    ("openbin x", |fs, d| {
        let mut file = fs.openbin(&format!("{d}new"), "x").unwrap();
        file.write_all(b"x").unwrap();
        file.close().unwrap();
    }),
    ("create", |fs, d| {
        assert!(fs.create(&format!("{d}new"), false).unwrap())
    }),
    ("touch", |fs, d| fs.touch(&format!("{d}f")).unwrap()),
    ("appendtext", |fs, d| {
        fs.appendtext(&format!("{d}f"), "!").unwrap()
    }),
    ("setinfo", |fs, d| {
        let change = RawInfo::new().with("s3", "content_type", "text/csv");
        fs.setinfo(&format!("{d}f"), &change).unwrap();
    }),
    ("remove", |fs, d| fs.remove(&format!("{d}e/f")).unwrap()),
    ("remove_many", |fs, d| {
        let paths = [format!("{d}e/f"), format!("{d}f")];
        let removed = fs.remove_many(&[&paths[0], &paths[1]]);
        assert!(removed.iter().all(Result::is_ok));
    }),
    ("makedir", |fs, d| fs.makedir(&format!("{d}new")).unwrap()),
    ("makedirs", |fs, d| {
        fs.makedirs(&format!("{d}n/e/w")).unwrap()
    }),
    ("removedir", |fs, d| {
        fs.makedir(&format!("{d}new")).unwrap();
        fs.removedir(&format!("{d}new")).unwrap();
    }),
    ("removetree", |fs, d| {
        fs.removetree(&format!("{d}e")).unwrap()
    }),
    ("copy", |fs, d| {
        fs.copy(&format!("{d}f"), &format!("{d}new")).unwrap()
    }),
    ("movefile", |fs, d| {
        fs.movefile(&format!("{d}f"), &format!("{d}new")).unwrap();
    }),
    ("copydir", |fs, d| {
        let options = CopyOptions::new().create(true);
        fs.copydir_with(&format!("{d}e"), &format!("{d}new"), &options)
            .unwrap();
    }),
    ("movedir", |fs, d| {
        let options = CopyOptions::new().create(true);
        fs.movedir_with(&format!("{d}e"), &format!("{d}new"), &options)
            .unwrap();
    }),
    ("opendir", |fs, d| {
        fs.opendir(&format!("{d}e")).unwrap().check().unwrap()
    }),
    ("geturl", |fs, d| {
        assert!(fs.geturl(&format!("{d}f")).unwrap().contains("/d/f?"))
    }),
    ("fs url", |fs, d| {
        let url = fs.geturl_for(&format!("{d}e"), "fs").unwrap();
        assert!(url.contains("bucket/d/e?"), "{url}");
    }),
    ("location", |fs, d| {
        let capabilities = fs.capabilities().unwrap();
        drop(capabilities.location(&format!("{d}f")).unwrap())
    }),
];

#[test]
fn a_directory_costs_the_same_requests_as_the_filesystem() {
    let server = Server::start();
    for strict in [true, false] {
        for (name, operation) in OPERATIONS {
            let asked = |in_directory: bool| {
                let bucket = server.bucket("bucket");
                bucket.keys().iter().for_each(|key| {
                    bucket.remove(key);
                });
                for key in ["d/f", "d/e/f", "d/e/g/h"] {
                    bucket.put(key, "content");
                }
                let fs = common::builder(&server).strict(strict).build().unwrap();
                if in_directory {
                    let directory = SubFs::new(&fs, "d").unwrap();
                    server.take_requests();
                    operation(&directory, "");
                } else {
                    server.take_requests();
                    operation(&fs, "d/");
                }
                let requests = server.take_requests().into_iter();
                // Some requests are sent in parallel.
                let mut requests = requests
                    .map(|request| {
                        let prefix = request.query("prefix").unwrap_or_default().to_owned();
                        format!("{} {:?} {prefix:?}", request.operation, request.key)
                    })
                    .collect::<Vec<_>>();
                requests.sort();
                requests
            };
            let mut without = asked(false);
            if *name == "makedirs" && !strict {
                // The directory itself exists, and is not created again.
                without.retain(|request| *request != "PutObject \"d/\" \"\"");
            }
            assert_eq!(asked(true), without, "{name} (strict: {strict})");
        }
    }
}

#[test]
fn opening_a_directory_costs_the_documented_requests() {
    let server = Server::start();
    server.bucket("bucket").put("d/f", "content");
    for (strict, there, missing) in [(true, 1, 2), (false, 0, 0)] {
        let fs = common::builder(&server).strict(strict).build().unwrap();
        drop(fs.opendir("d").unwrap());
        assert_eq!(server.take_requests().len(), there, "strict: {strict}");
        assert_eq!(fs.opendir("no").is_err(), strict);
        assert_eq!(server.take_requests().len(), missing, "strict: {strict}");
        drop(fs.opendir("/").unwrap());
        assert_eq!(server.take_requests().len(), 0, "strict: {strict}");
    }
}

#[test]
fn only_a_directory_is_opened() {
    let server = Server::start();
    server.bucket("bucket").put("d/f", "content");
    let fs = common::open(&server);
    for (path, kind) in [
        ("no", ErrorKind::ResourceNotFound),
        ("d/f", ErrorKind::DirectoryExpected),
        ("../d", ErrorKind::IllegalBackReference),
    ] {
        let error = fs.opendir(path).unwrap_err();
        assert_eq!((error.kind(), error.path()), (kind, Some(path)));
        assert_eq!(fs.clone().into_dir(path).unwrap_err().kind(), kind);
    }
}

#[test]
fn a_directory_is_made_and_opened() {
    let server = Server::start();
    let fs = common::open(&server);
    let made = fs.makedir_open("a").unwrap();
    made.writetext("f", "one").unwrap();
    let recreate = MakedirOptions::new().recreate(true);
    assert!(fs.makedir_open("a").is_err() && fs.makedirs_open("a").is_err());
    let again = fs.makedirs_open_with("a", &recreate).unwrap();
    assert_eq!(again.readtext("f").unwrap(), "one");
    fs.makedirs_open("a/b/c").unwrap().touch("g").unwrap();
    assert!(fs.isfile("a/b/c/g").unwrap());
}

#[test]
fn paths_are_relative_to_the_directory() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in ["d/f", "d/e/g", "d2/f", "f"] {
        bucket.put(key, "content");
    }
    let fs = common::open(&server);
    let directory = fs.opendir("d").unwrap();
    let mut tree: Vec<_> = directory
        .scantree("/", Namespaces::BASIC)
        .unwrap()
        .map(Result::unwrap)
        .map(|(parent, info)| info.make_path(&parent).unwrap())
        .collect();
    tree.sort();
    assert_eq!(tree, ["/e", "/e/g", "/f"]);
    assert_eq!(directory.validatepath("e/../f").unwrap(), "/f");
    assert_eq!(directory.delegate_path("e/../f").unwrap(), "/d/f");
    let root = directory.getinfo("/", Namespaces::DETAILS).unwrap();
    assert_eq!((root.name(), root.is_dir()), ("", true));
    let error = directory.readbytes("./e/no").unwrap_err();
    assert_eq!(error.path(), Some("./e/no"));
    let error = directory.copy("f", "e//g").unwrap_err();
    assert_eq!(error.path(), Some("e//g"));
    let error = directory.copy("e/no", "new").unwrap_err();
    assert_eq!(error.path(), Some("e/no"));
    // One file under two names: each error is about the path in question.
    let error = directory.copy("f", "./f").unwrap_err();
    assert_eq!(error.path(), Some("./f"));
    let error = directory.copy("no", "./no").unwrap_err();
    assert_eq!(error.path(), Some("no"));
    let error = directory.copydir("no", "./no").unwrap_err();
    assert_eq!(error.path(), Some("./no"));
    // The info of the root can be set again.
    directory.setinfo("/", &root.raw()).unwrap();
    let mut file = directory.openbin("./f", "r").unwrap();
    file.close().unwrap();
    let error: s3fs::Error = file.read(&mut [0]).unwrap_err().into();
    assert_eq!(error.path(), Some("./f"));
}

#[test]
fn a_file_with_the_name_of_the_directory_is_out_of_reach() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    bucket.put("x", "the file");
    bucket.put("x/f", "content");
    let fs = common::open(&server);
    let directory = fs.opendir("x").unwrap();
    assert!(directory.getinfo("/", Namespaces::S3).unwrap().is_dir());
    assert!(directory.getdetails("").unwrap().is_dir());
    assert!(!directory.isfile("/").unwrap() && directory.isdir("/").unwrap());
    let refused = [
        directory.readbytes("/").map(drop),
        directory.openbin("", "r").map(drop),
        directory.writebytes("/", b"new"),
        directory.appendbytes("/", b"new"),
        directory.upload("/", &mut &b"new"[..]).map(drop),
        directory.download("/", &mut Vec::new()).map(drop),
        directory.remove("/"),
        directory.create("/", true).map(drop),
        directory.copy("/", "new"),
        directory.movefile("/", "new"),
        directory.copy_with("f", "/", &CopyOptions::new().overwrite(true)),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::FileExpected);
    }
    for from in ["f", "/", "no"] {
        let error = directory.copy(from, "/").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DestinationExists, "{from}");
    }
    let overwrite = CopyOptions::new().overwrite(true);
    let error = directory.copy_with("no", "/", &overwrite).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceNotFound);
    assert_eq!(directory.geturl("/").unwrap_err().kind(), ErrorKind::NoUrl);
    let change = RawInfo::new().with("s3", "content_type", "text/csv");
    assert!(directory.setinfo("/", &change).is_err());
    assert_eq!(bucket.keys(), ["x", "x/f"]);
    assert_eq!(fs.readtext("x").unwrap(), "the file");
}

#[test]
fn removetree_of_the_root_empties_the_directory_and_keeps_it() {
    let server = Server::start();
    let bucket = server.bucket("bucket");
    for key in ["d/f", "d/e/g", "d2/f", "f"] {
        bucket.put(key, "content");
    }
    let fs = common::open(&server);
    let directory = fs.opendir("d").unwrap();
    directory.removetree("e").unwrap();
    assert_eq!(directory.listdir("/").unwrap(), ["f"]);
    directory.removetree("/").unwrap();
    assert_eq!(bucket.keys(), ["d/", "d2/f", "f"]);
    assert!(directory.isempty("/").unwrap());
    directory.removetree("/").unwrap();
    assert_eq!(bucket.keys(), ["d/", "d2/f", "f"]);
}

#[test]
fn closing_a_directory_does_not_close_its_filesystem() {
    let server = Server::start();
    let fs = common::open(&server);
    let directory = fs.makedir_open("d").unwrap();
    let other = directory.clone();
    directory.close().unwrap();
    assert_eq!(
        directory.listdir("/").unwrap_err().kind(),
        ErrorKind::FilesystemClosed
    );
    assert!(other.isempty("/").unwrap() && fs.isdir("d").unwrap());
    fs.close().unwrap();
    assert!(other.isclosed());
    assert_eq!(
        other.listdir("/").unwrap_err().kind(),
        ErrorKind::FilesystemClosed
    );
}

#[test]
fn options_of_a_call_reach_the_filesystem() {
    let server = Server::start();
    let fs = common::open(&server);
    let directory = fs.makedir_open("d").unwrap();
    let options =
        OpenOptions::new().upload_args(s3fs::UploadArgs::new().content_type("text/x-tide"));
    directory.writebytes_with("f", b"1", &options).unwrap();
    let info = directory.getinfo("f", Namespaces::S3).unwrap();
    let content_type = info.s3().unwrap().content_type.clone();
    assert_eq!(content_type.as_deref(), Some("text/x-tide"));
}
