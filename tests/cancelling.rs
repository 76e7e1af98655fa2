//! No unnecessary waits after a call has failed, a file is dropped, or a call is cancelled.

//!
//! The server holds the requests in question until the call has returned, or for good. The timeouts of the client are
//! longer than any test, so that only the end of the call can end a wait.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use s3fs::copy::{Condition, copy_dir, copy_file, copy_fs, copy_structure};
use s3fs::mirror::mirror;
use s3fs::moving::{move_dir, move_file, move_fs};
use s3fs::{
    CancelToken, ErrorKind, File as _, FileSystem, FileSystemExt as _, MemoryFs, Namespaces,
    OpenOptions, OsFs, Result, S3Fs, TransferOptions,
};
use test_server::{BUCKET, Fault, Hold, LoggedRequest, Rule, Server, synthetic_bytes};

use crate::common;
use crate::local::Directory;

fn path_of(directory: &Directory) -> &Path {
    directory
}

/// The size of parts and ranges in these tests.
const PART: u64 = 64 << 10;

/// Retry-After of the server, and response timeout of the client: longer than any test.
const SECONDS: u64 = 900;

fn server() -> Server {
    let server = Server::builder().min_part_size(PART).start();
    let bucket = server.bucket(BUCKET);
    for file in ["one", "two", "three"] {
        bucket.put_synthetic(&format!("tree/{file}"), 1, 3 * PART);
    }
    bucket.put_synthetic("large", 1, 40 * PART);
    bucket.put_synthetic("huge", 1, (5 << 30) + 1);
    bucket.put("old", "old");
    server
}

fn fs_of(server: &Server) -> S3Fs {
    let long = Duration::from_secs(SECONDS);
    let builder = common::builder(server)
        .strict(false)
        .response_timeout(long)
        .stall_timeout(long)
        .retry_timeout(2 * long);
    builder.part_size(PART).min_part_size(PART).build().unwrap()
}

fn content(parts: u64) -> Vec<u8> {
    synthetic_bytes(1, 0, (parts * PART) as usize)
}

#[track_caller]
fn soon<T>(work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = work();
    let took = began.elapsed();
    assert!(took < common::LONGEST, "{took:?}");
    result
}

fn is_part(number: u32) -> impl Fn(&LoggedRequest) -> bool {
    move |request| {
        let number = number.to_string();
        request.query("partNumber") == Some(&number)
    }
}

/// Asserts that no upload was completed, and that each upload that was begun was aborted once.
#[track_caller]
fn nothing_is_left(server: &Server, what: &str) {
    let bucket = server.bucket(BUCKET);
    common::wait_until("no upload is left", || bucket.uploads().is_empty());
    let requests = server.take_requests();
    let count = |operation: &str, succeeded: bool| {
        let is_one = |request: &&LoggedRequest| {
            request.operation == operation && (!succeeded || request.status == Some(200))
        };
        requests.iter().filter(is_one).count()
    };
    let begun = count("CreateMultipartUpload", true);
    assert_eq!(count("AbortMultipartUpload", false), begun, "{what}");
    assert_eq!(count("CompleteMultipartUpload", true), 0, "{what}");
}

/// A way to write several parts, and the key.
type Write = (&'static str, &'static str, fn(&S3Fs, &Path) -> Result<()>);

const WRITES: [Write; 8] = [
    ("writebytes", "file", |fs, _| {
        fs.writebytes("file", &content(8))
    }),
    ("upload_file", "file", |fs, directory| {
        fs::write(directory.join("file"), content(8)).unwrap();
        let options = TransferOptions::new().workers(4);
        let path = directory.join("file");
        fs.upload_file(path, "file", &options).map(drop)
    }),
    ("openbin w", "file", |fs, _| write(fs, "file", "w")),
    ("openbin x", "file", |fs, _| write(fs, "file", "x")),
    ("openbin w+", "file", |fs, _| write(fs, "file", "w+")),
    ("openbin r+", "large", |fs, _| write(fs, "large", "r+")),
    ("appendbytes", "large", |fs, _| {
        fs.appendbytes("large", &content(8))
    }),
    ("copy", "copy", |fs, _| fs.copy("huge", "copy")),
];

fn write(fs: &S3Fs, path: &str, mode: &str) -> Result<()> {
    let mut file = fs.openbin(path, mode)?;
    file.write_all(&content(8))?;
    file.close()
}

#[test]
fn a_rejected_part_ends_the_wait_of_the_others() {
    for (name, key, write) in WRITES {
        let gate = Hold::new();
        for fault in [
            Fault::Hold(gate.clone()),
            Fault::retry_after(503, "SlowDown", SECONDS),
            Fault::StallUpload(100),
        ] {
            let what = format!("{name}, {fault:?}");
            if name == "copy" && matches!(fault, Fault::StallUpload(_)) {
                continue;
            }
            let (server, disk) = (server(), Directory::new());
            let fs = fs_of(&server);
            let before = server.bucket(BUCKET).get(key).map(|object| object.etag);
            let faults = server.faults();
            // An append copies the existing content: the first part that is sent is the second one.
            let first = if name == "appendbytes" { 2 } else { 1 };
            faults.add(Rule::any().when(is_part(first)), fault);
            let refused = Rule::any().when(is_part(first + 1));
            faults.add(refused, Fault::error(403, "AccessDenied"));
            let error = soon(|| write(&fs, &disk)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
            nothing_is_left(&server, &what);
            let after = server.bucket(BUCKET).get(key).map(|object| object.etag);
            assert_eq!(after, before, "{what}");
        }
        gate.open();
    }
}

#[test]
fn a_rejected_range_ends_the_wait_of_the_others_of_a_download() {
    for fault in [Fault::retry_after(503, "SlowDown", SECONDS), Fault::Stall] {
        let (server, disk) = (server(), Directory::new());
        let rule = Rule::on("GetObject").nth(2);
        server.faults().add(rule, fault);
        let rule = Rule::on("GetObject").nth(3);
        server.faults().add(rule, Fault::error(403, "AccessDenied"));
        let options = TransferOptions::new().workers(4);
        let path = disk.join("file");
        let error = soon(|| fs_of(&server).download_file("large", &path, &options)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert_eq!(fs::read_dir(path_of(&disk)).unwrap().count(), 0);
    }
}

#[test]
fn a_rejected_range_ends_the_wait_of_the_others_of_a_call() {
    for fault in [Fault::retry_after(503, "SlowDown", SECONDS), Fault::Stall] {
        let server = server();
        let options = OpenOptions::new().first_window(0);
        let file = fs_of(&server).open_read("large", &options).unwrap();
        let (slow, refused) = (0..10, 20 * PART..20 * PART + 10);
        let of = |range: &'static str| {
            Rule::on("GetObject").when(move |request| request.header("range") == Some(range))
        };
        let faults = server.faults();
        faults.add(of("bytes=0-9").always(), fault);
        let denied = Fault::error(403, "AccessDenied");
        faults.add(of("bytes=1310720-1310729"), denied);
        let error = soon(|| file.read_ranges(&[slow, refused])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    }
}

#[test]
fn a_rejected_head_ends_the_wait_of_the_others_of_a_tree() {
    for fault in [Fault::retry_after(503, "SlowDown", SECONDS), Fault::Stall] {
        let server = server();
        let fs = fs_of(&server);
        let look = |key: &str| Rule::on("HeadObject").key(key);
        let faults = server.faults();
        faults.add(look("tree/one").always(), fault);
        faults.add(look("tree/two"), Fault::error(403, "AccessDenied"));
        // If a rejection has no body, a listing shows the reason.
        let error = soon(|| fs.scantree("tree", Namespaces::S3).map(drop)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    }
}

#[test]
fn a_failed_file_ends_the_wait_of_the_others_of_a_tree() {
    let (server, disk) = (server(), Directory::new());
    for name in ["a", "b", "c"] {
        fs::write(disk.join(name), "content").unwrap();
    }
    let faults = server.faults();
    faults.add(Rule::on("PutObject").key("new/a"), Fault::Stall);
    let wait = Fault::retry_after(503, "SlowDown", SECONDS);
    faults.add(Rule::on("PutObject").key("new/b"), wait);
    let denied = Fault::error(403, "AccessDenied");
    faults.add(Rule::on("PutObject").key("new/c"), denied);
    let options = TransferOptions::new().workers(3);
    let error = soon(|| fs_of(&server).upload_dir(path_of(&disk), "new", &options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

#[test]
fn a_dropped_writer_does_not_wait_for_its_parts() {
    let gate = Hold::new();
    for mode in ["w", "x"] {
        for fault in [
            Fault::Hold(gate.clone()),
            Fault::StallUpload(100),
            Fault::retry_after(503, "SlowDown", SECONDS),
        ] {
            let server = server();
            let fs = fs_of(&server);
            let rule = Rule::on("UploadPart").always();
            server.faults().add(rule, fault);
            let mut file = fs.openbin("file", mode).unwrap();
            file.write_all(&content(3)).unwrap();
            wait_for(&server, "UploadPart");
            soon(|| drop(file));
            nothing_is_left(&server, mode);
            assert!(server.bucket(BUCKET).get("file").is_none());
        }
    }
    gate.open();
}

#[test]
fn a_dropped_updater_sends_no_more_requests() {
    for mode in ["r+", "a", "a+", "w+"] {
        let server = server();
        let fs = fs_of(&server);
        let before = server.bucket(BUCKET).get("large").unwrap().etag;
        let mut file = fs.openbin("large", mode).unwrap();
        file.write_all(&content(8)).unwrap();
        server.take_requests();
        server.faults().add(Rule::any().always(), Fault::Stall);
        soon(|| drop(file));
        assert_eq!(server.take_requests().len(), 0, "{mode}");
        let after = server.bucket(BUCKET).get("large").unwrap().etag;
        assert_eq!(after, before, "{mode}");
    }
}

#[test]
fn a_failed_upload_does_not_wait_for_a_hanging_abort() {
    let server = server();
    let fs = fs_of(&server);
    let denied = Fault::error(403, "AccessDenied");
    server.faults().add(Rule::on("UploadPart").always(), denied);
    let rule = Rule::on("AbortMultipartUpload").always();
    let gate = Hold::new();
    server.faults().add(rule, Fault::Hold(gate.clone()));
    let error = soon(|| fs.writebytes("file", &content(3))).unwrap_err();
    gate.open();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

#[test]
fn an_upload_whose_abort_hangs_is_found_later() {
    let server = server();
    let fs = fs_of(&server);
    let denied = Fault::error(403, "AccessDenied");
    server.faults().add(Rule::on("UploadPart").always(), denied);
    let rule = Rule::on("AbortMultipartUpload").always();
    server.faults().add(rule, Fault::Stall);
    soon(|| fs.writebytes("file", &content(3))).unwrap_err();
    assert_eq!(fs.stale_uploads("/", Duration::ZERO).unwrap().len(), 1);
}

/// Waits until the server gets a request of that operation.
fn wait_for(server: &Server, operation: &str) {
    let is_one = |request: &LoggedRequest| request.operation == operation;
    common::wait_until(operation, || server.requests().iter().any(is_one));
}

/// A call to cancel: the operation whose response does not arrive, and the call.
type Case = (
    &'static str,
    fn(&S3Fs, &Directory, &CancelToken) -> Result<()>,
);

fn options<'a>(token: &CancelToken) -> TransferOptions<'a> {
    TransferOptions::new().workers(3).cancel(token)
}

fn disk_of(directory: &Directory) -> OsFs {
    for name in ["a", "b"] {
        fs::write(directory.join(name), content(3)).unwrap();
    }
    OsFs::new(path_of(directory)).unwrap()
}

const UPLOAD_FILE: fn(&S3Fs, &Directory, &CancelToken) -> Result<()> = |fs, directory, token| {
    disk_of(directory);
    let path = directory.join("a");
    fs.upload_file(path, "file", &options(token)).map(drop)
};

const UPLOAD_DIR: fn(&S3Fs, &Directory, &CancelToken) -> Result<()> = |fs, directory, token| {
    disk_of(directory);
    fs.upload_dir(path_of(directory), "new", &options(token))
        .map(drop)
};

const CASES: [Case; 36] = [
    ("CreateMultipartUpload", UPLOAD_FILE),
    ("UploadPart", UPLOAD_FILE),
    ("CompleteMultipartUpload", UPLOAD_FILE),
    ("ListObjectsV2", UPLOAD_DIR),
    ("UploadPart", UPLOAD_DIR),
    ("GetObject", |fs, directory, token| {
        let path = directory.join("file");
        fs.download_file("large", path, &options(token)).map(drop)
    }),
    ("GetObject", |fs, directory, token| {
        fs.download_dir("tree", path_of(directory), &options(token))
            .map(drop)
    }),
    ("CopyObject", |fs, _, token| {
        copy_dir(fs, "tree", fs, "copy", &options(token)).map(drop)
    }),
    ("ListObjectsV2", |fs, _, token| {
        move_dir(fs, "tree", fs, "copy", &options(token)).map(drop)
    }),
    ("CopyObject", |fs, _, token| {
        move_dir(fs, "tree", fs, "copy", &options(token)).map(drop)
    }),
    ("GetObject", |fs, _, token| {
        copy_fs(&fs.opendir("tree")?, &MemoryFs::new(), &options(token)).map(drop)
    }),
    ("GetObject", |fs, _, token| {
        let tree = fs.opendir("tree")?;
        let options = options(token);
        copy_fs(
            &tree,
            &MemoryFs::new(),
            &options.condition(Condition::Newer),
        )
        .map(drop)
    }),
    ("CopyObject", |fs, _, token| {
        copy_dir(
            fs,
            "tree",
            fs,
            "copy",
            &options(token).condition(Condition::Newer),
        )
        .map(drop)
    }),
    ("GetObject", |fs, _, token| {
        copy_file(fs, "old", &MemoryFs::new(), "new", &options(token)).map(drop)
    }),
    ("CopyObject", |fs, _, token| {
        copy_file(
            fs,
            "old",
            fs,
            "new",
            &options(token).condition(Condition::Newer),
        )
        .map(drop)
    }),
    ("ListObjectsV2", |fs, _, token| {
        copy_structure(fs, "/", &MemoryFs::new(), "/", &options(token)).map(drop)
    }),
    ("CopyObject", |fs, _, token| {
        move_fs(&fs.opendir("tree")?, &fs.opendir("copy")?, &options(token)).map(drop)
    }),
    ("UploadPartCopy", |fs, _, token| {
        token.run(|| fs.copy("huge", "copy"))
    }),
    ("CopyObject", |fs, _, token| {
        move_file(fs, "old", fs, "new", &options(token)).map(drop)
    }),
    ("UploadPart", |fs, directory, token| {
        let disk = disk_of(directory);
        move_dir(&disk, "/", fs, "new", &options(token)).map(drop)
    }),
    ("UploadPart", |fs, directory, token| {
        let target = fs.opendir("tree")?;
        let options = options(token).copy_if_newer(false);
        mirror(&disk_of(directory), &target, &options).map(drop)
    }),
    ("CopyObject", |fs, _, token| {
        token.run(|| fs.copydir("tree", "copy"))
    }),
    ("CopyObject", |fs, _, token| {
        token.run(|| fs.movedir("tree", "copy"))
    }),
    ("ListObjectsV2", |fs, _, token| {
        token.run(|| fs.removetree("tree"))
    }),
    ("DeleteObjects", |fs, _, token| {
        token.run(|| fs.removetree("tree"))
    }),
    ("GetObject", |fs, _, token| {
        token.run(|| fs.readbytes("large")).map(drop)
    }),
    ("PutObject", |fs, _, token| {
        token.run(|| fs.writebytes("new", b"new"))
    }),
    ("PutObject", |fs, _, token| {
        token.run(|| {
            let mut file = fs.openbin("new", "x")?;
            file.write_all(b"new")?;
            file.close()
        })
    }),
    ("ListObjectsV2", |fs, _, token| {
        token.run(|| fs.glob("tree/*").count()).map(drop)
    }),
    ("DeleteObjects", |fs, _, token| {
        let removed = token.run(|| fs.remove_many(&["tree/one", "tree/two"]));
        removed.into_iter().collect()
    }),
    ("HeadObject", |fs, _, token| {
        let looked = token.run(|| fs.getinfo_many(&["tree/one", "tree/two"], Namespaces::S3));
        looked.into_iter().collect::<Result<Vec<_>>>().map(drop)
    }),
    ("HeadObject", |fs, _, token| {
        let options = OpenOptions::new().first_window(0);
        token.run(|| fs.open_read("large", &options)).map(drop)
    }),
    ("GetObject", |fs, _, token| {
        token.run(|| {
            let options = OpenOptions::new().first_window(0);
            let file = fs.open_read("large", &options)?;
            file.read_ranges(&[0..10, 20 * PART..20 * PART + 10])
                .map(drop)
        })
    }),
    ("GetObject", |fs, _, token| {
        token.run(|| {
            let options = OpenOptions::new().first_window(0);
            let file = fs.open_read("large", &options)?;
            file.read_at(7, &mut [0; 10]).map(drop)
        })
    }),
    ("ListObjectVersions", |fs, _, token| {
        token.run(|| fs.versions("old")).map(drop)
    }),
    ("ListObjectVersions", |fs, _, token| {
        let listed = || fs.versions_below("/")?.collect::<Result<Vec<_>>>();
        token.run(listed).map(drop)
    }),
];

#[test]
fn a_call_cancelled_in_any_phase_leaves_nothing_partial() {
    for (number, (operation, call)) in CASES.into_iter().enumerate() {
        for fault in [Fault::Stall, Fault::retry_after(503, "SlowDown", SECONDS)] {
            let what = format!("{operation} of case {number}, {fault:?}");
            let (server, directory) = (server(), Directory::new());
            let before = server.bucket(BUCKET).keys();
            let (fs, token) = (fs_of(&server), CancelToken::new());
            // Meanwhile, a clone has a request in flight.
            let gate = Hold::new();
            let rule = Rule::on("HeadObject").key("old");
            server.faults().add(rule, Fault::Hold(gate.clone()));
            server.faults().add(Rule::on(operation).always(), fault);
            let (result, other) = thread::scope(|scope| {
                let clone = fs.clone();
                let other = scope.spawn(move || clone.getsize("old"));
                wait_for(&server, "HeadObject");
                let called = scope.spawn(|| call(&fs, &directory, &token));
                wait_for(&server, operation);
                let result = soon(|| {
                    token.cancel();
                    called.join().unwrap()
                });
                gate.open();
                (result, other.join().unwrap())
            });
            assert_eq!(other.unwrap(), 3, "{what}");
            let error = result.expect_err(&what);
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{what}: {error}");
            let io = std::io::Error::from(error.clone());
            assert_ne!(io.kind(), std::io::ErrorKind::Interrupted);
            assert!(error.to_string().contains("cancelled"), "{error}");
            server.faults().clear();
            nothing_is_left(&server, &what);
            // Directories that were created before stay.
            let mut keys = server.bucket(BUCKET).keys();
            keys.retain(|key| !key.ends_with('/'));
            assert_eq!(keys, before, "{what}");
            let partial = fs::read_dir(path_of(&directory)).unwrap();
            let partial = partial.map(|entry| entry.unwrap().file_name());
            for name in partial {
                assert!(
                    ["a", "b"].map(Into::into).contains(&name),
                    "{what}: {name:?}"
                );
            }
            // No interrupted connection is used again, and a cancelled token stays cancelled.
            assert_eq!(fs.readbytes("old").unwrap(), b"old", "{what}");
            server.take_requests();
            let error = call(&fs, &Directory::new(), &token).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{what}: {error}");
            assert_eq!(server.take_requests().len(), 0, "{what}");
        }
    }
}

#[test]
fn an_interrupted_change_is_reported_as_possibly_made() {
    let server = server();
    let (fs, token) = (fs_of(&server), CancelToken::new());
    let rule = Rule::on("PutObject");
    server.faults().add(rule, Fault::StallAnswer(0));
    let error = thread::scope(|scope| {
        let called = scope.spawn(|| token.run(|| fs.writebytes("new", b"new")));
        let bucket = server.bucket(BUCKET);
        common::wait_until("it is stored", || bucket.get("new").is_some());
        soon(|| {
            token.cancel();
            called.join().unwrap()
        })
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(
        error.to_string().contains("may have taken effect"),
        "{error}"
    );
}

#[test]
fn a_copy_on_the_disk_is_cancelled_between_two_files() {
    let (source, target) = (Directory::new(), Directory::new());
    let disk = disk_of(&source);
    let token = CancelToken::new();
    let options = TransferOptions::new().cancel(&token).on_copy(|_, _| {
        token.cancel();
        Ok(())
    });
    let to = OsFs::new(path_of(&target)).unwrap();
    let error = copy_dir(&disk, "/", &to, "/", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(to.listdir("/").unwrap().len(), 1);
}

/// Calls that change or read a tree of any filesystem.
type Local = (&'static str, fn(&dyn FileSystem) -> Result<()>);

const LOCAL: [Local; 8] = [
    ("removetree", |fs| fs.removetree("tree")),
    ("emptydir", |fs| fs.emptydir("tree")),
    ("copydir", |fs| fs.copydir("tree", "copy")),
    ("movedir", |fs| fs.movedir("tree", "moved")),
    ("copy", |fs| fs.copy("tree/a", "b")),
    ("download", |fs| {
        fs.download("tree/a", &mut std::io::sink()).map(drop)
    }),
    ("walk", |fs| {
        fs.walk().files("/").try_for_each(|path| path.map(drop))
    }),
    ("glob", |fs| fs.glob("**/*").count().map(drop)),
];

#[test]
fn a_cancelled_token_ends_tree_operations_on_every_filesystem() {
    let directory = Directory::new();
    let disk = OsFs::new(path_of(&directory)).unwrap();
    let memory = MemoryFs::new();
    let token = CancelToken::new();
    token.cancel();
    for fs in [&disk as &dyn FileSystem, &memory] {
        fs.makedirs("tree/sub").unwrap();
        fs.makedirs("copy").unwrap();
        fs.makedirs("moved").unwrap();
        for path in ["tree/a", "tree/sub/b"] {
            fs.writebytes(path, b"content").unwrap();
        }
        let paths = || fs.walk().files("/").collect::<Result<Vec<_>>>().unwrap();
        let before = paths();
        for (name, work) in LOCAL {
            if name == "copy" && fs.label() == memory.label() {
                continue;
            }
            let error = token.run(|| work(fs)).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{name}: {error}");
            assert_eq!(paths(), before, "{name}");
        }
    }
}
