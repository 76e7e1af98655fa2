//! Nothing waits for what nobody wants: a call that has failed, a file that is dropped, a call that is cancelled.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use s3fs::copy::copy_dir;
use s3fs::mirror::mirror;
use s3fs::moving::{move_dir, move_file};
use s3fs::{
    CancelToken, Error, ErrorKind, FileSystem as _, FileSystemExt as _, OsFs, Result, S3Fs,
    TransferOptions,
};

use crate::common;
use crate::osfs::Directory;
use crate::support::{BUCKET, Fault, Hold, LoggedRequest, Rule, Server, synthetic_bytes};

fn path_of(directory: &Directory) -> &Path {
    directory
}

/// The size of parts and ranges in these tests.
const PART: u64 = 64 << 10;

/// What is waited for where something waits that should not: the response timeout is a minute.
const SECONDS: u64 = 40;

/// Much less than that.
const SOON: Duration = Duration::from_secs(15);

fn server() -> Server {
    let server = Server::builder().min_part_size(PART).start();
    let bucket = server.bucket(BUCKET);
    for file in ["one", "two", "three"] {
        bucket.put_synthetic(&format!("tree/{file}"), 1, 3 * PART);
    }
    bucket.put_synthetic("large", 1, 40 * PART);
    bucket.put("old", "old");
    server
}

fn fs_of(server: &Server) -> S3Fs {
    let builder = common::builder(server).strict(false);
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
    assert!(took < SOON, "{took:?}");
    result
}

fn is_part(number: u32) -> impl Fn(&LoggedRequest) -> bool {
    move |request| {
        let number = number.to_string();
        request.query("partNumber") == Some(&number)
    }
}

/// How long requests are waited for, at the least, that end a call.
const GRACE: Duration = Duration::from_millis(900);

/// That no upload was completed, and all were aborted, unless the machine is so busy that it took too long.
#[track_caller]
fn nothing_is_left(server: &Server, took: Duration, what: &str) {
    let bucket = server.bucket(BUCKET);
    assert!(took >= GRACE || bucket.uploads().is_empty(), "{what}");
    let requests = server.take_requests();
    let count = |operation| {
        let is_one = |request: &&LoggedRequest| request.operation == operation;
        requests.iter().filter(is_one).count()
    };
    let begun = count("CreateMultipartUpload");
    assert!(count("AbortMultipartUpload") <= begun, "{what}");
    for request in &requests {
        assert!(
            request.operation != "CompleteMultipartUpload" || request.status != Some(200),
            "{what}"
        );
    }
}

#[test]
fn a_part_that_is_refused_ends_the_wait_of_the_others() {
    let wait = Fault::retry_after(503, "SlowDown", SECONDS);
    for fault in [wait, Fault::Stall, Fault::StallUpload(100)] {
        for way in ["writebytes", "upload_file", "openbin"] {
            let (server, disk) = (server(), Directory::new());
            let fs = fs_of(&server);
            let faults = server.faults();
            faults.add(Rule::on("UploadPart").when(is_part(1)), fault.clone());
            let denied = Fault::error(403, "AccessDenied");
            let delayed = Rule::on("UploadPart").when(is_part(2));
            faults.add(delayed, denied);
            let began = Instant::now();
            let error = soon(|| match way {
                "writebytes" => fs.writebytes("file", &content(8)),
                "upload_file" => {
                    fs::write(disk.join("file"), content(8)).unwrap();
                    let options = TransferOptions::new().workers(4);
                    let path = disk.join("file");
                    fs.upload_file(path, "file", &options).map(drop)
                }
                _ => {
                    let mut file = fs.openbin("file", "w").unwrap();
                    let written = file.write_all(&content(8));
                    written.map_err(Error::from).and_then(|()| file.close())
                }
            })
            .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{way}: {error}");
            nothing_is_left(&server, began.elapsed(), way);
            assert!(server.bucket(BUCKET).get("file").is_none(), "{way}");
        }
    }
}

#[test]
fn a_range_that_is_refused_ends_the_wait_of_the_others_of_a_download() {
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
fn a_file_that_fails_ends_the_wait_of_the_others_of_a_tree() {
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
fn a_file_that_is_dropped_does_not_wait_for_its_parts() {
    for (mode, fault) in [
        ("w", Fault::Stall),
        ("w", Fault::StallUpload(100)),
        ("w", Fault::retry_after(503, "SlowDown", SECONDS)),
    ] {
        let server = server();
        let fs = fs_of(&server);
        let rule = Rule::on("UploadPart").always();
        server.faults().add(rule, fault);
        let mut file = fs.openbin("file", mode).unwrap();
        file.write_all(&content(3)).unwrap();
        wait_for(&server, "UploadPart");
        let began = Instant::now();
        soon(|| drop(file));
        nothing_is_left(&server, began.elapsed(), mode);
        assert!(server.bucket(BUCKET).get("file").is_none());
    }
}

#[test]
fn an_abort_that_hangs_is_not_waited_for() {
    let server = server();
    let fs = fs_of(&server);
    let denied = Fault::error(403, "AccessDenied");
    server.faults().add(Rule::on("UploadPart").always(), denied);
    let rule = Rule::on("AbortMultipartUpload").always();
    server.faults().add(rule, Fault::Stall);
    let error = soon(|| fs.writebytes("file", &content(3))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert_eq!(fs.stale_uploads("/", Duration::ZERO).unwrap().len(), 1);
}

/// Waits until the server has a request of that operation.
fn wait_for(server: &Server, operation: &str) {
    let is_one = |request: &LoggedRequest| request.operation == operation;
    while !server.requests().iter().any(is_one) {
        thread::sleep(Duration::from_millis(5));
    }
}

/// What is cancelled: the operation whose answer does not come, and the call.
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

const CASES: [Case; 21] = [
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
    ("CopyObject", |fs, _, token| {
        move_file(fs, "old", fs, "new", &options(token))
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
];

#[test]
fn a_call_is_cancelled_in_each_phase_and_leaves_nothing_in_part() {
    for (number, (operation, call)) in CASES.into_iter().enumerate() {
        for fault in [Fault::Stall, Fault::retry_after(503, "SlowDown", SECONDS)] {
            let what = format!("{operation} of case {number}, {fault:?}");
            let (server, directory) = (server(), Directory::new());
            let before = server.bucket(BUCKET).keys();
            let (fs, token) = (fs_of(&server), CancelToken::new());
            // A request of a clone is on its way meanwhile.
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
                let began = Instant::now();
                let result = soon(|| {
                    token.cancel();
                    called.join().unwrap()
                });
                let took = began.elapsed();
                gate.open();
                ((result, took), other.join().unwrap())
            });
            let (result, took) = result;
            assert_eq!(other.unwrap(), 3, "{what}");
            let error = result.expect_err(&what);
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{what}: {error}");
            let io = std::io::Error::from(error.clone());
            assert_ne!(io.kind(), std::io::ErrorKind::Interrupted);
            assert!(error.to_string().contains("cancelled"), "{error}");
            server.faults().clear();
            nothing_is_left(&server, took, &what);
            // Directories that were made before stay.
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
            // No connection that was interrupted is used again, and a cancelled token stays so.
            assert_eq!(fs.readbytes("old").unwrap(), b"old", "{what}");
            server.take_requests();
            let error = call(&fs, &Directory::new(), &token).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{what}: {error}");
            assert_eq!(server.take_requests().len(), 0, "{what}");
        }
    }
}

#[test]
fn a_change_that_was_interrupted_says_that_it_may_have_been_made() {
    let server = server();
    let (fs, token) = (fs_of(&server), CancelToken::new());
    let rule = Rule::on("PutObject");
    server.faults().add(rule, Fault::StallAnswer(0));
    let error = thread::scope(|scope| {
        let called = scope.spawn(|| token.run(|| fs.writebytes("new", b"new")));
        while server.bucket(BUCKET).get("new").is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        soon(|| {
            token.cancel();
            called.join().unwrap()
        })
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.to_string().contains("may have been done"), "{error}");
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
