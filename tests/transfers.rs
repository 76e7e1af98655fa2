//! Transfers between S3 and the local disk: in pieces, all or nothing, resumable, and within the target.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use s3fs::copy::{Condition, copy_file, copy_fs};
use s3fs::{
    Error, ErrorKind, Failures, FileSystem, FileSystemExt as _, OnError, OsFs, OsFsOptions, S3Fs,
    TransferOptions, UploadArgs,
};
use test_server::{BUCKET, Fault, Hold, LoggedRequest, Rule, Server, synthetic_bytes};

use crate::common;
use crate::local::Directory;

/// The size of parts and ranges in these tests.
const PART: u64 = 64 << 10;

/// A server that accepts small parts.
fn server() -> Server {
    Server::builder().min_part_size(PART).start()
}

/// Its filesystem, not strict, with small parts.
fn fs_of(server: &Server) -> S3Fs {
    let builder = common::builder(server).strict(false);
    builder.part_size(PART).min_part_size(PART).build().unwrap()
}

/// A server with one object `f` of `size` bytes, its filesystem, and a directory on the disk.
fn scene(size: u64) -> (Server, S3Fs, Directory) {
    let server = server();
    server.bucket(BUCKET).put_synthetic("f", 1, size);
    let fs = fs_of(&server);
    (server, fs, Directory::new())
}

fn workers<'a>(workers: usize) -> TransferOptions<'a> {
    TransferOptions::new().workers(workers)
}

fn content(size: u64) -> Vec<u8> {
    synthetic_bytes(1, 0, size as usize)
}

/// Returns the names in a directory of the disk, hidden or not.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    let mut names: Vec<String> = entries.map(|entry| name(entry).unwrap()).collect();
    names.sort();
    names
}

fn operations(requests: &[LoggedRequest]) -> Vec<&str> {
    requests.iter().map(|request| request.operation).collect()
}

fn received(requests: &[LoggedRequest]) -> u64 {
    requests.iter().map(|request| request.bytes_out).sum()
}

#[track_caller]
fn fails<T>(result: s3fs::Result<T>, kind: ErrorKind) -> Error {
    let error = result.err().expect("an error");
    assert_eq!(error.kind(), kind, "{error}");
    error
}

/// A rule for the read of one range, identified by its start.
fn reading_from(start: u64) -> Rule {
    Rule::on("GetObject").when(move |request| {
        let range = request.header("range").unwrap_or_default();
        range.starts_with(&format!("bytes={start}-"))
    })
}

#[test]
fn a_download_is_one_request_per_part_of_the_same_version() {
    for (size, threads, expected) in [
        (0, 4, 1),
        (1, 4, 1),
        (PART, 4, 1),
        (PART + 1, 4, 2),
        (5 * PART + 7, 4, 6),
        (5 * PART + 7, 50, 6),
        (5 * PART + 7, 1, 2),
        (5 * PART + 7, 0, 6),
    ] {
        let (server, fs, disk) = scene(size);
        let target = disk.join("target");
        let options = workers(threads);
        assert_eq!(fs.download_file("f", &target, &options).unwrap(), size);
        assert!(fs::read(&target).unwrap() == content(size), "{size}");
        assert_eq!(names(&disk), ["target"]);
        let requests = server.requests();
        assert_eq!(operations(&requests), vec!["GetObject"; expected]);
        assert!(
            requests[1..]
                .iter()
                .all(|request| request.header("if-match").is_some())
        );
        if size > 0 {
            assert_eq!(received(&requests), size);
        }
        assert!(server.connections() <= if threads == 0 { 11 } else { threads + 1 });
    }
}

#[test]
fn ranges_are_fetched_in_parallel_with_at_most_one_per_worker() {
    let (server, _, disk) = scene(20 * PART);
    let builder = common::builder(&server)
        .strict(false)
        .part_size(PART)
        .min_part_size(PART);
    let fs = builder.build().unwrap();
    // Three of four are held until all of them have arrived.
    let hold = Hold::new();
    for part in 1..=3 {
        let held = Fault::Hold(hold.clone());
        server.faults().add(reading_from(part * PART), held);
    }
    let target = disk.join("target");
    thread::scope(|scope| {
        let download = scope.spawn(|| fs.download_file("f", &target, &workers(4)).unwrap());
        common::wait_until("three ranges are asked for", || {
            server.faults().pending() == 0
        });
        hold.open();
        download.join().unwrap();
    });
    assert!(fs::read(&target).unwrap() == content(20 * PART));
    assert_eq!(server.requests().len(), 20);
    assert!(server.connections() <= 4, "{}", server.connections());
}

#[test]
fn a_failed_download_leaves_nothing_and_the_old_file_stays() {
    let size = 6 * PART;
    for threads in [1, 4] {
        for part in 0..6 {
            let (server, fs, disk) = scene(size);
            fs::write(disk.join("target"), "old").unwrap();
            let start = if threads == 1 {
                part.min(1) * PART
            } else {
                part * PART
            };
            server
                .faults()
                .add(reading_from(start), Fault::error(403, "AccessDenied"));
            let result = fs.download_file("f", disk.join("target"), &workers(threads));
            let error = fails(result, ErrorKind::PermissionDenied);
            assert_eq!(error.path(), Some("f"));
            assert_eq!(names(&disk), ["target"]);
            assert_eq!(fs::read(disk.join("target")).unwrap(), b"old");
        }
    }
    let (server, fs, disk) = scene(size);
    fails(
        fs.download_file("no", disk.join("target"), &workers(4)),
        ErrorKind::ResourceNotFound,
    );
    fails(
        fs.download_file("f", disk.join("no/target"), &workers(4)),
        ErrorKind::ResourceNotFound,
    );
    fails(
        fs.download_file("f", "/", &workers(4)),
        ErrorKind::FileExpected,
    );
    fs::create_dir(disk.join("directory")).unwrap();
    let before = server.requests().len();
    let error = fails(
        fs.download_file("f", disk.join("directory"), &workers(4)),
        ErrorKind::FileExpected,
    );
    assert!(error.path().unwrap().ends_with("directory"), "{error}");
    assert!(server.requests().len() <= before + 1);
    assert_eq!(names(&disk), ["directory"]);
}

#[test]
fn an_object_replaced_during_a_download_is_reported_and_never_mixed() {
    for threads in [1, 4] {
        let size = 40 * PART;
        let (server, fs, disk) = scene(size);
        fs::write(disk.join("target"), "old").unwrap();
        let replaced = AtomicBool::new(false);
        let options = workers(threads).progress(|_, _| {
            if !replaced.swap(true, Ordering::Relaxed) {
                server.bucket(BUCKET).put_synthetic("f", 2, size);
            }
            Ok(())
        });
        let result = fs.download_file("f", disk.join("target"), &options);
        fails(result, ErrorKind::ResourceChanged);
        assert_eq!(names(&disk), ["target"]);
        assert_eq!(fs::read(disk.join("target")).unwrap(), b"old");
    }
}

#[test]
fn a_broken_connection_costs_one_additional_request() {
    let size = 6 * PART;
    for threads in [1, 4] {
        let (server, fs, disk) = scene(size);
        server
            .faults()
            .add(Rule::on("GetObject"), Fault::Truncate(100));
        server
            .faults()
            .add(reading_from(PART), Fault::Truncate(1000));
        fs.download_file("f", disk.join("target"), &workers(threads))
            .unwrap();
        assert!(fs::read(disk.join("target")).unwrap() == content(size));
        assert_eq!(server.faults().pending(), 0);
        assert_eq!(received(&server.requests()), size);
    }
}

#[test]
fn a_failed_download_is_resumed_without_fetching_received_bytes_again() {
    let size = 12 * PART;
    for threads in [1, 4] {
        let (server, fs, disk) = scene(size);
        let target = disk.join("target");
        if threads == 1 {
            server
                .faults()
                .add(reading_from(PART), Fault::Truncate(5 * PART));
            server
                .faults()
                .add(reading_from(6 * PART), Fault::error(403, "AccessDenied"));
        } else {
            // The rejection ends the pieces in flight: the first ones arrive before it.
            let later = Fault::retry_after(503, "SlowDown", 2);
            server.faults().add(reading_from(6 * PART), later);
            server
                .faults()
                .add(reading_from(6 * PART), Fault::error(403, "AccessDenied"));
        }
        let options = workers(threads).resume(true);
        fails(
            fs.download_file("f", &target, &options),
            ErrorKind::PermissionDenied,
        );
        assert_eq!(names(&disk), [".s3fs-partial-target"]);
        // Listings of the directory do not include it.
        assert!(OsFs::new(&*disk).unwrap().listdir("/").unwrap().is_empty());

        server.take_requests();
        let seen = Mutex::new(Vec::new());
        let options = workers(threads).resume(true).progress(|done, total| {
            assert_eq!(total, size);
            seen.lock().unwrap().push(done);
            Ok(())
        });
        assert_eq!(fs.download_file("f", &target, &options).unwrap(), size);
        assert!(fs::read(&target).unwrap() == content(size));
        assert_eq!(names(&disk), ["target"]);
        let requests = server.take_requests();
        assert_eq!(requests[0].operation, "HeadObject");
        // With several workers, some pieces may not have arrived before the failed one.
        let least = if threads == 1 { 6 * PART } else { 3 * PART };
        assert!(
            received(&requests) <= size - least,
            "{}",
            received(&requests)
        );
        drop(options);
        let seen = seen.into_inner().unwrap();
        assert!(seen[0] >= least && seen.is_sorted() && seen.last() == Some(&size));
    }
}

#[test]
fn bytes_received_after_a_gap_do_not_count_as_complete() {
    let size = 12 * PART;
    let (server, _, disk) = scene(size);
    let builder = common::builder(&server).strict(false).part_size(PART);
    let builder = builder.stall_timeout(Duration::from_secs(1));
    let fs = builder.min_part_size(PART).build().unwrap();
    // All others arrive while the second piece stalls, and then it fails.
    let rule = reading_from(PART + 1000);
    server
        .faults()
        .add(reading_from(PART), Fault::StallBody(1000));
    server.faults().add(rule, Fault::error(403, "AccessDenied"));
    let target = disk.join("target");
    let options = workers(2).resume(true);
    let result = fs.download_file("f", &target, &options);
    fails(result, ErrorKind::PermissionDenied);
    server.take_requests();
    fs.download_file("f", &target, &options).unwrap();
    assert!(fs::read(&target).unwrap() == content(size));
    assert_eq!(received(&server.take_requests()), size - PART - 1000);
}

#[test]
fn a_download_of_a_replaced_object_starts_over() {
    let size = 12 * PART;
    let (server, fs, disk) = scene(size);
    let target = disk.join("target");
    let options = workers(1).resume(true);
    for again in 2..4 {
        server
            .faults()
            .add(reading_from(PART), Fault::Truncate(5 * PART));
        server
            .faults()
            .add(reading_from(6 * PART), Fault::error(403, "AccessDenied"));
        fails(
            fs.download_file("f", &target, &options),
            ErrorKind::PermissionDenied,
        );
        server.faults().clear();
        // An object of the same size, or a larger one.
        server
            .bucket(BUCKET)
            .put_synthetic("f", again, size + again - 2);
        let length = fs.download_file("f", &target, &options).unwrap();
        assert!(fs::read(&target).unwrap() == synthetic_bytes(again, 0, length as usize));
        assert_eq!(names(&disk), ["target"]);
        server.bucket(BUCKET).put_synthetic("f", 1, size);
    }
}

#[test]
fn a_partial_file_is_resumed_only_as_far_as_its_notes_are_reliable() {
    let size = 12 * PART;
    let (server, fs, disk) = scene(size);
    let target = disk.join("target");
    let options = workers(1).resume(true);
    server
        .faults()
        .add(reading_from(PART), Fault::Truncate(5 * PART));
    server
        .faults()
        .add(reading_from(6 * PART), Fault::error(403, "AccessDenied"));
    fails(
        fs.download_file("f", &target, &options),
        ErrorKind::PermissionDenied,
    );
    // Its note is gone: everything is fetched again.
    let partial = disk.join(".s3fs-partial-target");
    let file = fs::OpenOptions::new().write(true).open(&partial).unwrap();
    file.set_len(size).unwrap();
    drop(file);
    server.take_requests();
    fs.download_file("f", &target, &options).unwrap();
    assert!(fs::read(&target).unwrap() == content(size));
    assert_eq!(received(&server.take_requests()), size);
    // Without `resume`, partial files are neither used nor left behind.
    fs::write(&partial, "of another day").unwrap();
    fs.download_file("f", &target, &workers(2)).unwrap();
    assert!(fs::read(&target).unwrap() == content(size));
}

#[test]
fn progress_reports_done_and_total_bytes_and_can_cancel() {
    let size = 8 * PART + 5;
    for threads in [1, 4] {
        let (server, fs, disk) = scene(size);
        let last = AtomicU64::new(0);
        let look = |done: u64, total: u64| {
            assert_eq!(total, size);
            assert!(last.swap(done, Ordering::Relaxed) < done);
            Ok(())
        };
        let target = disk.join("target");
        fs.download_file("f", &target, &workers(threads).progress(look))
            .unwrap();
        assert_eq!(last.swap(0, Ordering::Relaxed), size);
        fs.upload_file(&target, "g", &workers(threads).progress(look))
            .unwrap();
        assert_eq!(last.load(Ordering::Relaxed), size);

        let enough = |done: u64, _: u64| match done {
            ..300_000 => Ok(()),
            _ => Err(Error::new(ErrorKind::Timeout).with_message("enough")),
        };
        let options = workers(threads).progress(enough);
        let error = fails(
            fs.download_file("f", disk.join("other"), &options),
            ErrorKind::Timeout,
        );
        assert!(error.to_string().contains("enough"), "{error}");
        assert_eq!(names(&disk), ["target"]);
        let error = fails(fs.upload_file(&target, "h", &options), ErrorKind::Timeout);
        assert!(error.to_string().contains("enough"), "{error}");
        let bucket = server.bucket(BUCKET);
        assert_eq!(bucket.keys(), ["f", "g"]);
        assert!(bucket.uploads().is_empty());
    }
}

#[test]
fn cancelling_an_upload_in_one_request_keeps_the_old_object() {
    for checksum in [None, Some(s3fs::ChecksumAlgorithm::Crc32c)] {
        for size in [1, 100, 700_000] {
            let server = Server::start();
            server.bucket(BUCKET).put("f", "old");
            let args = checksum.map_or_else(UploadArgs::new, |algorithm| {
                UploadArgs::new().checksum_algorithm(algorithm)
            });
            let fs = common::builder(&server).upload_args(args).build().unwrap();
            let disk = Directory::new();
            fs::write(disk.join("source"), content(size)).unwrap();
            let last = AtomicU64::new(0);
            let options = workers(2).progress(|done, total| {
                assert_eq!(total, size);
                last.store(done, Ordering::Relaxed);
                match done {
                    done if done < size => Ok(()),
                    _ => Err(Error::new(ErrorKind::Timeout).with_message("enough")),
                }
            });
            let result = fs.upload_file(disk.join("source"), "f", &options);
            assert!(
                fails(result, ErrorKind::Timeout)
                    .to_string()
                    .contains("enough")
            );
            assert_eq!(last.load(Ordering::Relaxed), size);
            assert_eq!(server.bucket(BUCKET).get("f").unwrap().bytes(), b"old");
        }
    }
}

#[test]
fn retried_bytes_are_not_counted_twice_in_the_progress() {
    let (server, fs, disk) = scene(0);
    fs::write(disk.join("source"), content(PART)).unwrap();
    let again = Fault::error(503, "SlowDown");
    server.faults().add(Rule::on("PutObject"), again);
    let last = AtomicU64::new(0);
    let options = workers(1).progress(|done, _| {
        assert!(last.swap(done, Ordering::Relaxed) < done);
        Ok(())
    });
    fs.upload_file(disk.join("source"), "g", &options).unwrap();
    assert_eq!(last.load(Ordering::Relaxed), PART);
    assert!(server.bucket(BUCKET).get("g").unwrap().bytes() == content(PART));
}

#[test]
fn an_upload_is_one_request_up_to_a_part_and_otherwise_one_per_part_plus_two() {
    for (size, threads, parts) in [
        (0, 4, 1),
        (1, 4, 1),
        (PART, 4, 1),
        (PART + 1, 4, 2),
        (5 * PART + 7, 4, 6),
        (5 * PART + 7, 1, 6),
        (5 * PART + 7, 0, 6),
    ] {
        let (server, fs, disk) = scene(0);
        let source = disk.join("source.txt");
        fs::write(&source, content(size)).unwrap();
        let options = workers(threads);
        assert_eq!(fs.upload_file(&source, "g.txt", &options).unwrap(), size);
        let object = server.bucket(BUCKET).get("g.txt").unwrap();
        assert!(object.bytes() == content(size), "{size}");
        assert_eq!(object.headers["content-type"], "text/plain");
        let expected = if parts == 1 { 1 } else { parts + 2 };
        assert_eq!(server.requests().len(), expected, "{size}");
        assert!(server.connections() <= if threads == 0 { 11 } else { threads + 1 });
    }
}

#[test]
fn parts_are_uploaded_in_parallel_with_at_most_one_per_worker() {
    let (server, s3, disk) = scene(0);
    let source = disk.join("source");
    fs::write(&source, content(9 * PART)).unwrap();
    for threads in [4, 1] {
        common::assert_parts_at_a_time(&server, threads, || {
            s3.upload_file(&source, "g", &workers(threads)).unwrap();
        });
        assert!(server.bucket(BUCKET).get("g").unwrap().bytes() == content(9 * PART));
    }
}

#[test]
fn an_upload_has_the_arguments_of_its_call() {
    let (server, s3, disk) = scene(0);
    let bucket = server.bucket(BUCKET);
    fs::create_dir(disk.join("site")).unwrap();
    for (name, size) in [("small.css", 10), ("large.css", 3 * PART)] {
        fs::write(disk.join("site").join(name), content(size)).unwrap();
    }
    let args = UploadArgs::new()
        .cache_control("max-age=60")
        .metadata("origin", "tide gauge");
    let options = TransferOptions::new().upload_args(args);
    for name in ["small.css", "large.css"] {
        let local = disk.join("site").join(name);
        s3.upload_file(local, &format!("one/{name}"), &options)
            .unwrap();
    }
    s3.upload_dir(disk.join("site"), "all", &options).unwrap();
    let os = OsFs::new(disk.join("site")).unwrap();
    s3fs::copy::copy_dir(&os, "/", &s3, "copied", &options).unwrap();
    s3.upload_dir(disk.join("site"), "plain", &TransferOptions::new())
        .unwrap();
    for directory in ["one", "all", "copied", "plain"] {
        for name in ["small.css", "large.css"] {
            let object = bucket.get(&format!("{directory}/{name}")).unwrap();
            let header = |name: &str| object.headers.get(name).map(String::as_str);
            let is_plain = directory == "plain";
            assert_eq!(
                header("cache-control").is_none(),
                is_plain,
                "{directory}/{name}"
            );
            assert_eq!(header("x-amz-meta-origin").is_none(), is_plain);
            assert_eq!(header("content-type"), Some("text/css"));
        }
    }
}

#[test]
fn an_upload_carries_the_arguments_and_the_checksum_of_the_filesystem() {
    let server = server();
    let args = UploadArgs::new()
        .metadata("origin", "tide gauge")
        .checksum_algorithm(s3fs::ChecksumAlgorithm::Crc32c);
    let builder = common::builder(&server).part_size(PART).min_part_size(PART);
    let fs = builder.upload_args(args).build().unwrap();
    let disk = Directory::new();
    for size in [100, 3 * PART] {
        fs::write(disk.join("source"), content(size)).unwrap();
        fs.upload_file(disk.join("source"), "g", &workers(2))
            .unwrap();
        let object = server.bucket(BUCKET).get("g").unwrap();
        assert!(object.bytes() == content(size));
        assert_eq!(object.headers["x-amz-meta-origin"], "tide gauge");
        let sent = server.take_requests();
        let sums = sent
            .iter()
            .filter(|r| r.header("x-amz-checksum-crc32c").is_some());
        assert_eq!(sums.count() as u64, size.div_ceil(PART));
    }
    // Strict mode: a directory is not replaced, and the parent must exist.
    let source = disk.join("source");
    fails(
        fs.upload_file(&source, "no/g", &workers(2)),
        ErrorKind::ResourceNotFound,
    );
    fails(
        fs.upload_file(disk.join("no"), "h", &workers(2)),
        ErrorKind::ResourceNotFound,
    );
    fails(
        fs.upload_file(&*disk, "h", &workers(2)),
        ErrorKind::FileExpected,
    );
    fails(
        fs.upload_file(&source, "/", &workers(2)),
        ErrorKind::FileExpected,
    );
    assert_eq!(server.bucket(BUCKET).keys(), ["g"]);
}

#[test]
fn a_file_changed_during_its_upload_is_not_stored() {
    // In parts: after the first part was sent.
    for change in ["longer", "x"] {
        let (server, fs, disk) = scene(10);
        let source = disk.join("source");
        fs::write(&source, content(6 * PART)).unwrap();
        let options = workers(1).progress(|_, _| {
            fs::write(&source, change.repeat(100)).unwrap();
            Ok(())
        });
        let result = fs.upload_file(&source, "f", &options);
        let error = result.unwrap_err();
        // The end of a shorter file may be detected before its time.
        let kinds = [ErrorKind::ResourceChanged, ErrorKind::OperationFailed];
        assert!(kinds.contains(&error.kind()), "{error}");
        assert!(server.bucket(BUCKET).get("f").unwrap().bytes() == content(10));
        assert!(server.bucket(BUCKET).uploads().is_empty());
    }
    // In one request: after the request header, and before the body.
    let (server, _, disk) = scene(10);
    let fs = common::open_lenient(&server);
    let source = disk.join("source");
    fs::write(&source, content(2 << 20)).unwrap();
    let path = source.clone();
    let rule = Rule::on("PutObject").when(move |_| {
        fs::write(&path, content((2 << 20) + 1)).unwrap();
        false
    });
    server.faults().add(rule, Fault::DropBefore);
    let error = fails(
        fs.upload_file(&source, "f", &workers(1)),
        ErrorKind::ResourceChanged,
    );
    assert!(
        error.to_string().contains("changed while it was read"),
        "{error}"
    );
    assert!(server.bucket(BUCKET).get("f").unwrap().bytes() == content(10));
}

#[test]
fn a_file_too_large_for_any_store_is_refused_before_any_request() {
    const LARGEST: u64 = 10_000 * (5 << 30);
    let (server, s3, _disk) = scene(10);
    let endless = std::io::repeat(7);
    let result = s3.upload_sized("f", &mut { endless }, LARGEST + 1);
    let error = fails(result, ErrorKind::Unsupported);
    assert_eq!(error.path(), Some("f"));
    // A file of that size takes no space where the system supports sparse files.
    let sparse = Path::new("/dev/shm").join(format!("s3fs-test-{}", std::process::id()));
    if let Ok(file) = fs::File::create_new(&sparse) {
        if file.set_len(LARGEST + 1).is_ok() {
            let result = s3.upload_file(&sparse, "f", &workers(4));
            let error = fails(result, ErrorKind::Unsupported);
            assert_eq!(error.path(), sparse.to_str());
        }
        fs::remove_file(&sparse).unwrap();
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_failed_upload_leaves_the_old_object_and_no_open_upload() {
    for part in 1..=6 {
        let (server, fs, disk) = scene(10);
        fs::write(disk.join("source"), content(6 * PART)).unwrap();
        let rule = Rule::on("UploadPart").nth(part);
        server.faults().add(rule, Fault::error(403, "AccessDenied"));
        let result = fs.upload_file(disk.join("source"), "f", &workers(3));
        fails(result, ErrorKind::PermissionDenied);
        assert!(server.bucket(BUCKET).get("f").unwrap().bytes() == content(10));
        assert!(server.bucket(BUCKET).uploads().is_empty());
    }
}

/// A tree of small files, some in directories, and two large ones.
fn put_tree(disk: &Path) {
    for directory in ["a", "a/b", "empty"] {
        fs::create_dir(disk.join(directory)).unwrap();
    }
    for number in 0..40 {
        let directory = ["", "a", "a/b"][number % 3];
        let path = disk.join(directory).join(format!("f{number}"));
        fs::write(path, content(number as u64)).unwrap();
    }
    for name in ["large", "a/b/large"] {
        fs::write(disk.join(name), content(7 * PART + 1)).unwrap();
    }
}

/// Returns all files below a directory, with their content.
fn files(fs: &dyn FileSystem) -> Vec<(String, Vec<u8>)> {
    let entries = fs.scantree("/", s3fs::Namespaces::BASIC).unwrap();
    let mut files = Vec::new();
    for entry in entries {
        let (directory, info) = entry.unwrap();
        let path = info.make_path(&directory).unwrap();
        let bytes = if info.is_dir() {
            Vec::new()
        } else {
            fs.readbytes(&path).unwrap()
        };
        files.push((path, bytes));
    }
    files.sort();
    files
}

#[test]
fn directories_survive_an_upload_and_a_download() {
    for threads in [0, 1, 7] {
        let (up, down) = (Directory::new(), Directory::new());
        put_tree(&up);
        let server = server();
        let fs = fs_of(&server);
        let report = fs.upload_dir(&*up, "tree", &workers(threads)).unwrap();
        let total = 2 * (7 * PART + 1) + (0..40).sum::<u64>();
        assert_eq!((report.copied(), report.bytes()), (42, total));
        assert!(server.bucket(BUCKET).uploads().is_empty());
        server.take_requests();
        let before = server.connections();
        let last = AtomicU64::new(0);
        let options = workers(threads).progress(|done, all| {
            assert_eq!(all, total);
            last.store(done, Ordering::Relaxed);
            Ok(())
        });
        let target = down.join("made/below");
        let report = fs.download_dir("tree", &target, &options).unwrap();
        assert_eq!((report.copied(), report.bytes()), (42, total));
        assert_eq!(last.load(Ordering::Relaxed), total);
        let there = files(&OsFs::new(&target).unwrap());
        assert!(there == files(&OsFs::new(&*up).unwrap()), "{threads}");
        // A request for each file, and additional ones for the two large files.
        let requests = server.take_requests();
        let gets = operations(&requests)
            .iter()
            .filter(|name| **name == "GetObject")
            .count();
        assert_eq!(gets, 40 + if threads == 1 { 2 * 2 } else { 2 * 8 });
        let threads = if threads == 0 { 10 } else { threads };
        assert!(
            server.connections() - before <= threads + 1,
            "{}",
            server.connections()
        );
    }
}

#[test]
fn a_tree_is_one_listing_and_one_request_per_small_file() {
    let server = server();
    for number in 0..50 {
        server
            .bucket(BUCKET)
            .put(&format!("tree/{number:02}"), "content");
    }
    let fs = fs_of(&server);
    let disk = Directory::new();
    fs.download_dir("tree", &*disk, &workers(8)).unwrap();
    let requests = server.take_requests();
    let gets = operations(&requests)
        .iter()
        .filter(|name| **name == "GetObject")
        .count();
    assert_eq!(gets, 50);
    assert!(requests.len() <= 50 + 3, "{:?}", operations(&requests));
    fs.upload_dir(&*disk, "copy", &workers(8)).unwrap();
    let requests = server.take_requests();
    let puts = requests
        .iter()
        .filter(|r| r.operation == "PutObject" && !r.key.ends_with('/'));
    assert_eq!(puts.count(), 50);
    assert!(requests.len() <= 50 + 5, "{:?}", operations(&requests));
}

#[test]
fn errors_of_files_are_gathered_and_the_others_are_downloaded() {
    let server = server();
    for name in ["a", "b", "c", "d"] {
        server.bucket(BUCKET).put(&format!("tree/{name}"), name);
    }
    server
        .bucket(BUCKET)
        .put_synthetic("tree/large", 1, 5 * PART);
    let rule = Rule::on("GetObject").key("tree/b").always();
    server.faults().add(rule, Fault::error(403, "AccessDenied"));
    server
        .faults()
        .add(reading_from(3 * PART), Fault::error(403, "AccessDenied"));
    let fs = fs_of(&server);
    for threads in [1, 4] {
        let disk = Directory::new();
        let options = workers(threads).on_error(|_| OnError::Gather);
        let error = fails(
            fs.download_dir("tree", &*disk, &options),
            ErrorKind::BulkCopyFailed,
        );
        let failures = Failures::of(&error).unwrap();
        let large = usize::from(threads > 1);
        assert_eq!(failures.errors().len(), 1 + large);
        // The bytes of a failed file do not count as copied.
        let small = ["a", "c", "d"].len() as u64;
        let whole = small + if large == 0 { 5 * PART } else { 0 };
        assert_eq!(failures.report().bytes(), whole);
        let mut paths: Vec<_> = failures.errors().iter().map(|error| error.path()).collect();
        paths.sort();
        assert_eq!(paths[0], Some("tree/b"));
        let mut expected = vec!["a", "c", "d"];
        expected.extend((large == 0).then_some("large"));
        assert_eq!(names(&disk), expected);
    }
}

#[test]
fn copies_between_s3_and_the_local_disk_are_transfers() {
    let (server, fs, disk) = scene(6 * PART);
    let os = OsFs::new(&*disk).unwrap();
    os.makedir("d").unwrap();
    copy_file(&fs, "f", &os, "d/f", &workers(3)).unwrap();
    assert!(fs::read(disk.join("d/f")).unwrap() == content(6 * PART));
    let requests = server.take_requests();
    let gets: Vec<_> = requests
        .iter()
        .filter(|r| r.operation == "GetObject")
        .collect();
    assert_eq!(gets.len(), 6);
    assert!(
        gets[1..]
            .iter()
            .all(|request| request.header("if-match").is_some())
    );
    copy_file(&os, "d/f", &fs, "g", &workers(3)).unwrap();
    let requests = server.take_requests();
    let parts = operations(&requests)
        .iter()
        .filter(|name| **name == "UploadPart")
        .count();
    assert_eq!(parts, 6);
    assert!(server.bucket(BUCKET).get("g").unwrap().bytes() == content(6 * PART));
    // Errors have the path of the caller.
    let sub = s3fs::SubFs::new(&fs, "x").unwrap();
    server.bucket(BUCKET).put_synthetic("x/f", 1, 6 * PART);
    server
        .faults()
        .add(reading_from(3 * PART), Fault::error(403, "AccessDenied"));
    let result = copy_file(&sub, "f", &os, "d/g", &workers(3));
    assert_eq!(fails(result, ErrorKind::PermissionDenied).path(), Some("f"));
    assert_eq!(names(&disk.join("d")), ["f"]);
    // Conditions apply, and files that are not copied do not count.
    let missing = workers(3).condition(Condition::NotExists);
    let options = missing.progress(|_, total| {
        assert_eq!(total, 18 * PART);
        Ok(())
    });
    let report = copy_fs(&fs, &os, &options).unwrap();
    assert_eq!(report.copied(), 3);
    let report = copy_fs(&fs, &os, &workers(3).condition(Condition::NotExists)).unwrap();
    assert_eq!(report.copied(), 0);
    let report = copy_fs(&fs, &os, &workers(3).preserve_time(true)).unwrap();
    assert_eq!(report.copied(), 3);
    assert_eq!(os.getmodified("g").unwrap(), fs.getmodified("g").unwrap());
}

#[test]
fn a_download_keeps_the_time_on_request() {
    for size in [3 * PART, 0] {
        let (server, fs, disk) = scene(size);
        let mut object = server.bucket(BUCKET).get("f").unwrap();
        object.modified -= Duration::from_secs(36_000);
        server.bucket(BUCKET).put_with("f", object);
        for resume in [false, true] {
            let options = workers(2).preserve_time(true).resume(resume);
            fs.download_file("f", disk.join("f"), &options).unwrap();
            let os = OsFs::new(&*disk).unwrap();
            let (there, here) = (fs.getmodified("f"), os.getmodified("f"));
            assert_eq!(here.unwrap(), there.unwrap(), "{size}");
            fs::remove_file(disk.join("f")).unwrap();
        }
    }
}

#[test]
fn a_dry_run_transfers_nothing() {
    let (server, fs, disk) = scene(3 * PART);
    let options = TransferOptions::new().dry_run(true);
    assert_eq!(
        fs.download_file("f", disk.join("f"), &options).unwrap(),
        3 * PART
    );
    assert!(names(&disk).is_empty());
    fs::write(disk.join("f"), "content").unwrap();
    assert_eq!(fs.upload_file(disk.join("f"), "g", &options).unwrap(), 7);
    fs.upload_dir(&*disk, "g", &options).unwrap();
    fs.download_dir("/", &*disk, &options).unwrap();
    assert_eq!(server.bucket(BUCKET).keys(), ["f"]);
    assert_eq!(fs::read(disk.join("f")).unwrap(), b"content");
    assert_eq!(
        received(
            &server
                .requests()
                .into_iter()
                .filter(|r| r.operation == "GetObject")
                .collect::<Vec<_>>()
        ),
        0
    );
}

#[test]
fn a_download_of_a_killed_program_is_resumed_at_its_last_note() {
    const MIB: u64 = 1 << 20;
    // The note is updated at intervals of this size.
    const SLACK: u64 = 64 * MIB;
    let (size, died_at) = (170 * MIB, 140 * MIB);
    let server = Server::start();
    server.bucket(BUCKET).put_synthetic("f", 1, size);
    let fs = common::open_lenient(&server);
    let disk = Directory::new();
    let target = disk.join("target");
    let options = workers(1).resume(true).progress(|done, _| {
        assert!(done < died_at, "in the middle");
        Ok(())
    });
    let download = || fs.download_file("f", &target, &options);
    let died = panic::catch_unwind(AssertUnwindSafe(download)).unwrap_err();
    assert_eq!(died.downcast_ref::<&str>(), Some(&"in the middle"));
    assert_eq!(names(&disk), [".s3fs-partial-target"]);

    server.take_requests();
    let options = workers(1).resume(true);
    assert_eq!(fs.download_file("f", &target, &options).unwrap(), size);
    assert_eq!(names(&disk), ["target"]);
    let came = received(&server.take_requests());
    assert!(came <= size - died_at + SLACK, "{came}");
    assert!(fs::read(&target).unwrap() == content(size));
}

#[cfg(target_os = "linux")]
#[test]
fn a_download_onto_a_full_disk_leaves_the_old_file() {
    const TEST: &str = "transfers::a_download_onto_a_full_disk_leaves_the_old_file";
    let Some(disk) = common::given_to_child() else {
        return common::in_child_with_small_disk(TEST, &Directory::new());
    };
    let size = 100 * PART;
    let server = server();
    server.bucket(BUCKET).put_synthetic("f", 1, size);
    let s3 = fs_of(&server);
    let target = disk.join("target");
    fs::write(&target, "old").unwrap();
    for threads in [1, 4] {
        for resume in [false, true] {
            let options = workers(threads).resume(resume);
            let result = s3.download_file("f", &target, &options);
            let error = fails(result, ErrorKind::InsufficientStorage);
            assert_eq!(error.path(), target.to_str(), "{error}");
            assert_eq!(fs::read(&target).unwrap(), b"old");
            let others = names(&disk).len() - 1;
            assert!(others == 0 || resume, "{:?}", names(&disk));
        }
        fs::remove_file(disk.join(".s3fs-partial-target")).unwrap();
    }
    // With enough space, the download succeeds.
    server.bucket(BUCKET).put_synthetic("f", 1, 10 * PART);
    s3.download_file("f", &target, &workers(2).resume(true))
        .unwrap();
    assert!(fs::read(&target).unwrap() == content(10 * PART));
}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_replaced_file_keeps_its_permissions() {
        for resume in [false, true] {
            let (_server, fs, disk) = scene(3 * PART);
            let target = disk.join("target");
            fs::write(&target, "old").unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
            fs.download_file("f", &target, &workers(2).resume(resume))
                .unwrap();
            assert!(fs::read(&target).unwrap() == content(3 * PART));
            let mode = fs::metadata(&target).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn no_symbolic_link_redirects_a_download() {
        let server = server();
        server.bucket(BUCKET).put("tree/d/f", "content");
        server.bucket(BUCKET).put("tree/g", "content");
        let fs = fs_of(&server);
        // A directory or a file is a link, which points outside of the target or inside.
        for (name, inside) in [("d", false), ("d", true), ("g", false), ("g", true)] {
            let (disk, elsewhere) = (Directory::new(), Directory::new());
            let outside = if inside {
                disk.join("inside")
            } else {
                elsewhere.join("outside")
            };
            if name == "d" {
                fs::create_dir(&outside).unwrap();
            } else {
                fs::write(&outside, "precious").unwrap();
            }
            symlink(&outside, disk.join(name)).unwrap();
            let result = fs.download_dir("tree", &*disk, &workers(2));
            let error = result.expect_err("a link is refused");
            assert!(error.to_string().contains("link"), "{name}: {error}");
            if name == "d" {
                assert!(names(&outside).is_empty());
            } else {
                assert_eq!(fs::read(&outside).unwrap(), b"precious");
            }
        }
        // The file itself, of a single download.
        let disk = Directory::new();
        fs::write(disk.join("precious"), "precious").unwrap();
        symlink(disk.join("precious"), disk.join("link")).unwrap();
        symlink(disk.join("nowhere"), disk.join("dangling")).unwrap();
        for name in ["link", "dangling"] {
            let result = fs.download_file("tree/g", disk.join(name), &workers(2));
            fails(result, ErrorKind::Unsupported);
        }
        assert_eq!(fs::read(disk.join("precious")).unwrap(), b"precious");
        assert_eq!(names(&disk), ["dangling", "link", "precious"]);
    }

    #[test]
    fn links_are_followed_only_as_the_options_allow() {
        let disk = Directory::new();
        fs::create_dir(disk.join("real")).unwrap();
        fs::write(disk.join("real/f"), "content").unwrap();
        symlink("real", disk.join("link")).unwrap();
        let follows = OsFs::new(&*disk).unwrap();
        assert_eq!(follows.readtext("link/f").unwrap(), "content");
        let refuses = OsFs::new_with(&*disk, &OsFsOptions::new().follow_links(false)).unwrap();
        assert_eq!(refuses.readtext("real/f").unwrap(), "content");
        for path in ["link/f", "link", "link/new"] {
            fails(refuses.readbytes(path), ErrorKind::PermissionDenied);
            fails(refuses.writebytes(path, b""), ErrorKind::PermissionDenied);
        }
        assert_eq!(names(&disk.join("real")), ["f"]);
    }
}

#[test]
fn a_key_that_is_no_valid_file_name_is_refused_before_anything_is_written() {
    let server = server();
    let bucket = server.bucket(BUCKET);
    bucket.put("tree/a", "content");
    bucket.put("tree/a/b", "content");
    let fs = fs_of(&server);
    let disk = Directory::new();
    fails(
        fs.download_dir("tree", &*disk, &workers(4)),
        ErrorKind::Unsupported,
    );
    assert!(names(&disk).is_empty());
    // Keys without a path are not downloaded.
    bucket.remove("tree/a");
    bucket.put("tree//c", "content");
    fs.download_dir("tree", disk.join("target"), &workers(4))
        .unwrap();
    assert_eq!(names(&disk), ["target"]);
    assert_eq!(names(&disk.join("target")), ["a"]);
    fails(
        fs.download_dir("no", disk.join("new"), &workers(4)),
        ErrorKind::ResourceNotFound,
    );
    assert_eq!(names(&disk), ["target"]);
}

#[test]
fn no_key_is_mistaken_for_a_resumable_download() {
    let server = server();
    let bucket = server.bucket(BUCKET);
    bucket.put("tree/.s3fs-partial-x", "wrong");
    bucket.put("tree/x", "content");
    let fs = fs_of(&server);
    for resume in [false, true] {
        let disk = Directory::new();
        let options = workers(2).resume(resume);
        let error = fails(
            fs.download_dir("tree", &*disk, &options),
            ErrorKind::InvalidPath,
        );
        assert_eq!(error.path(), Some("tree/.s3fs-partial-x"));
        assert!(error.to_string().contains("resumed"), "{error}");
        let os = OsFs::new(&*disk).unwrap();
        let sub = fs.opendir("tree").unwrap();
        for path in [".s3fs-partial-x", ".S3FS-Partial-x"] {
            let copied = copy_file(&sub, ".s3fs-partial-x", &os, path, &options);
            fails(copied, ErrorKind::InvalidPath);
            fails(os.writebytes(path, b"wrong"), ErrorKind::InvalidPath);
            let target = disk.join(path);
            let result = fs.download_file("tree/x", target, &options);
            fails(result, ErrorKind::InvalidPath);
        }
        assert!(names(&disk).is_empty());
        // An existing file of that name can be read and removed.
        fs::write(disk.join(".s3fs-partial-x"), "left").unwrap();
        assert_eq!(os.readtext(".s3fs-partial-x").unwrap(), "left");
        os.remove(".s3fs-partial-x").unwrap();
    }
}
