//! A filesystem that refuses every change, whatever filesystem it wraps.

use std::sync::Arc;

use s3fs::copy::{copy_dir, copy_file};
use s3fs::mirror::mirror;
use s3fs::moving::{move_dir, move_file, move_fs};
use s3fs::prelude::*;
use s3fs::{CopyOptions, MakedirOptions, MemoryFs, RawInfo, ReadOnly, Result, TransferOptions};
use test_server::{BUCKET, Server};

use crate::common;

type Change = (&'static str, fn(&dyn FileSystem) -> Result<()>);

const CHANGES: [Change; 23] = [
    ("makedir", |fs| fs.makedir("new")),
    ("makedir that is there", |fs| {
        fs.makedir_with("d", &MakedirOptions::new().recreate(true))
    }),
    ("makedirs", |fs| fs.makedirs("new/er")),
    ("openbin w", |fs| fs.openbin("d/f", "w").map(drop)),
    ("openbin r+", |fs| fs.openbin("d/f", "r+").map(drop)),
    ("openbin a", |fs| fs.openbin("d/f", "a").map(drop)),
    ("openbin x", |fs| fs.openbin("new", "x").map(drop)),
    ("write_with", |fs| fs.write_with("new", |_| Ok(()))),
    ("writebytes", |fs| fs.writebytes("d/f", b"new")),
    ("appendbytes", |fs| fs.appendbytes("d/f", b"new")),
    ("create", |fs| fs.create("d/f", false).map(drop)),
    ("touch", |fs| fs.touch("d/f")),
    ("upload", |fs| fs.upload("d/f", &mut &b"new"[..]).map(drop)),
    ("remove", |fs| fs.remove("d/f")),
    ("remove_many", |fs| {
        fs.remove_many(&["d/f", "d/e"]).into_iter().collect()
    }),
    ("removedir", |fs| fs.removedir("d/e")),
    ("removetree", |fs| fs.removetree("d")),
    ("emptydir", |fs| fs.emptydir("d")),
    ("setinfo", |fs| fs.setinfo("d/f", &RawInfo::new())),
    ("settimes", |fs| fs.settimes("d/f", None, None)),
    ("copy", |fs| fs.copy("d/f", "new")),
    ("movefile", |fs| fs.movefile("d/f", "new")),
    ("movedir", |fs| {
        fs.movedir_with("d", "new", &CopyOptions::new().create(true))
    }),
];

#[test]
fn every_change_is_refused_without_a_request() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.makedirs("d/e").unwrap();
    fs.writetext("d/f", "content").unwrap();
    let before = server.bucket(BUCKET).keys();
    let shared: Arc<dyn FileSystem> = Arc::new(fs);
    let fs = ReadOnly::new(shared);
    let directory = fs.opendir("d").unwrap();
    server.take_requests();
    for (name, change) in CHANGES {
        let error = change(&fs).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceReadOnly, "{name}: {error}");
        assert!(error.path().is_some(), "{name}");
    }
    let error = directory.remove("f").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceReadOnly);
    assert_eq!(error.path(), Some("f"));
    assert!(server.take_requests().is_empty());
    assert_eq!(server.bucket(BUCKET).keys(), before);
    assert!(fs.getmeta().read_only);
}

#[test]
fn reads_are_forwarded() {
    let server = Server::start();
    let inner = common::open(&server);
    inner.makedir("d").unwrap();
    inner.writetext("d/f", "content").unwrap();
    let fs = ReadOnly::new(&inner);
    server.take_requests();
    assert_eq!(fs.readtext("d/f").unwrap(), "content");
    assert_eq!(fs.listdir("d").unwrap(), ["f"]);
    assert_eq!(fs.walk().files("/").count(), 1);
    assert!(fs.geturl("d/f").unwrap().contains("/d/f?"));
    // The wrapper adds no requests.
    assert_eq!(server.take_requests().len(), 3);
    fs.close().unwrap();
    assert!(inner.isclosed());
    let error = fs.remove("d/f").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FilesystemClosed);
}

#[test]
fn a_read_only_source_is_copied_by_the_server_and_never_moved() {
    let server = Server::start();
    let inner = common::open(&server);
    inner.makedirs("d/e").unwrap();
    inner.writetext("d/f", "content").unwrap();
    let fs = ReadOnly::new(inner.clone());
    let target = server.bucket("target");
    let to = common::builder_of(&server, "target").build().unwrap();
    let options = TransferOptions::new();
    copy_dir(&fs, "d", &to, "d", &options).unwrap();
    assert_eq!(to.readtext("d/f").unwrap(), "content");
    let operations = server.take_requests();
    assert!(
        operations
            .iter()
            .any(|request| request.operation == "CopyObject")
    );
    to.removetree("/").unwrap();
    server.take_requests();
    let memory = MemoryFs::new();
    for refused in [
        move_fs(&fs, &to, &options).map(drop),
        move_dir(&fs, "d", &to, "d", &options).map(drop),
        move_file(&fs, "d/f", &to, "f", &options).map(drop),
        move_file(&fs, "d/f", &memory, "f", &options).map(drop),
        copy_file(&memory, "f", &fs, "d/f", &options).map(drop),
    ] {
        let error = refused.unwrap_err();
        let kinds = [ErrorKind::ResourceReadOnly, ErrorKind::ResourceNotFound];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
    memory.writetext("x", "x").unwrap();
    let error = mirror(&memory, &fs, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceReadOnly);
    assert_eq!(inner.readtext("d/f").unwrap(), "content");
    assert!(target.keys().is_empty() && memory.listdir("/").unwrap() == ["x"]);
}
