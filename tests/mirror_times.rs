//! Mirrors find every update by size and time, whatever the clocks show, and copy nothing twice.

use std::fs;
use std::time::{Duration, SystemTime};

use s3fs::mirror::mirror;
use s3fs::{FileSystem, FileSystemExt, MemoryFs, Namespaces, OsFs, S3Fs, TransferOptions};
use test_server::{BUCKET, Server};
use time::OffsetDateTime;

use crate::common;
use crate::local::Directory;

const HOUR: Duration = Duration::from_secs(3600);

/// The current time in whole seconds, minus `ago`.
fn second(ago: Duration) -> SystemTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    SystemTime::UNIX_EPOCH + Duration::from_secs(now.unwrap().as_secs()) - ago
}

fn put(server: &Server, key: &str, content: &str, modified: SystemTime) {
    let bucket = server.bucket(BUCKET);
    bucket.put(key, content.to_owned());
    let mut object = bucket.get(key).unwrap();
    object.modified = modified;
    bucket.put_with(key, object);
}

fn scene() -> (Server, S3Fs, Directory) {
    let server = Server::start();
    let fs = common::builder(&server).build().unwrap();
    (server, fs, Directory::new())
}

/// Returns the number of files that a mirror from the bucket to the directory copies.
fn copied(fs: &S3Fs, disk: &Directory) -> usize {
    let os = OsFs::new(&**disk).unwrap();
    let report = mirror(&fs.opendir("d").unwrap(), &os, &TransferOptions::new());
    report.unwrap().copied()
}

fn time_of(disk: &Directory, name: &str) -> SystemTime {
    fs::metadata(disk.join(name)).unwrap().modified().unwrap()
}

#[test]
fn a_mirror_to_the_disk_finds_a_second_write_within_one_second() {
    let (server, fs, disk) = scene();
    // By the clock of the server, this second is not over.
    let soon = second(Duration::ZERO) + HOUR;
    put(&server, "d/f", "one", soon + Duration::from_millis(100));
    assert_eq!(copied(&fs, &disk), 1);
    assert_eq!(time_of(&disk, "f"), soon - Duration::from_secs(1));
    put(&server, "d/f", "two", soon + Duration::from_millis(900));
    assert_eq!(copied(&fs, &disk), 1);
    assert_eq!(fs::read_to_string(disk.join("f")).unwrap(), "two");
    // Later, the file is recognized as the same.
    let old = second(HOUR);
    put(&server, "d/f", "two", old + Duration::from_millis(900));
    assert_eq!(copied(&fs, &disk), 1);
    assert_eq!(time_of(&disk, "f"), old);
    assert_eq!(copied(&fs, &disk), 0);
}

#[test]
fn a_mirror_after_a_download_or_a_mirror_copies_nothing() {
    let (server, fs, _) = scene();
    let old = second(HOUR) + Duration::from_millis(789);
    put(&server, "d/empty", "", old);
    put(&server, "d/f", "content", old);
    put(&server, "d/sub/large", &"content".repeat(100_000), old);
    let kept = TransferOptions::new().preserve_time(true);
    let ways: [&dyn Fn(&Directory); 5] = [
        &|disk| {
            fs.download_dir("d", &**disk, &kept).unwrap();
        },
        &|disk| {
            fs::create_dir(disk.join("sub")).unwrap();
            for path in ["empty", "f", "sub/large"] {
                let source = format!("d/{path}");
                fs.download_file(&source, disk.join(path), &kept).unwrap();
            }
        },
        &|disk| {
            let resumed = TransferOptions::new().preserve_time(true).resume(true);
            fs.download_dir("d", &**disk, &resumed).unwrap();
        },
        &|disk| assert_eq!(copied(&fs, disk), 3),
        // Without the time the file is not recognized as the same, and is copied once.
        &|disk| {
            fs.download_dir("d", &**disk, &TransferOptions::new())
                .unwrap();
            assert_eq!(copied(&fs, disk), 3);
        },
    ];
    for (way, fill) in ways.into_iter().enumerate() {
        let disk = Directory::new();
        server.take_requests();
        fill(&disk);
        // A HEAD replaces the GET of an empty file, since the metadata may have its time.
        let heads = |requests: &[test_server::LoggedRequest]| {
            let heads = requests.iter().filter(|r| r.operation == "HeadObject");
            heads.count()
        };
        let expected = usize::from(way < 3);
        assert_eq!(heads(&server.take_requests()), expected, "{way}");
        assert_eq!(copied(&fs, &disk), 0, "{way}");
        let requests = server.take_requests();
        assert!(
            requests.iter().all(|r| r.operation == "ListObjectsV2"),
            "{way}"
        );
    }
}

#[test]
fn a_mirror_to_the_disk_does_not_depend_on_the_local_clock() {
    let day = 24 * HOUR;
    let (server, fs, disk) = scene();
    // The server's clock is a day behind.
    put(&server, "d/f", "one", second(day));
    assert_eq!(copied(&fs, &disk), 1);
    assert_eq!(copied(&fs, &disk), 0);
    put(&server, "d/f", "two", second(day - Duration::from_secs(5)));
    assert_eq!(copied(&fs, &disk), 1);
    assert_eq!(fs::read_to_string(disk.join("f")).unwrap(), "two");
    // An older object may come back.
    put(&server, "d/f", "old", second(2 * day));
    assert_eq!(copied(&fs, &disk), 1);
    assert_eq!(fs::read_to_string(disk.join("f")).unwrap(), "old");
    // A local write is undone, whatever its time.
    for time in [second(Duration::ZERO) + day, second(3 * day)] {
        fs::write(disk.join("f"), "bad").unwrap();
        let file = fs::File::options().write(true).open(disk.join("f"));
        file.unwrap().set_modified(time).unwrap();
        assert_eq!(copied(&fs, &disk), 1);
        assert_eq!(fs::read_to_string(disk.join("f")).unwrap(), "old");
        assert_eq!(copied(&fs, &disk), 0);
    }
}

#[test]
fn a_mirror_to_s3_finds_a_second_write_within_one_second() {
    let (server, fs, _) = scene();
    let (other, target, _) = scene();
    let old = second(HOUR);
    put(&server, "f", "two", old);
    put(&other, "f", "one", old);
    let memory = MemoryFs::new();
    memory.writetext("f", "two").unwrap();
    memory
        .settimes("f", None, Some(OffsetDateTime::from(old)))
        .unwrap();
    let sources: [&dyn FileSystem; 2] = [&fs, &memory];
    for source in sources {
        for (time, expected) in [
            (old, 1),
            (old + Duration::from_secs(1), 0),
            (old - Duration::from_secs(1), 1),
        ] {
            put(&other, "f", "one", time);
            let report = mirror(source, &target, &TransferOptions::new());
            assert_eq!(report.unwrap().copied(), expected);
            let there = if expected == 1 { "two" } else { "one" };
            assert_eq!(target.readtext("f").unwrap(), there);
        }
    }
}

#[test]
fn an_object_has_the_same_time_in_a_listing_and_a_head() {
    let (server, fs, _) = scene();
    let old = second(HOUR);
    put(&server, "d/", "", old + Duration::from_millis(1));
    put(&server, "d/f", "content", old + Duration::from_millis(999));
    let expected = Some(OffsetDateTime::from(old));
    for path in ["d", "d/f"] {
        let looked = fs.getinfo(path, Namespaces::DETAILS).unwrap();
        assert_eq!(looked.modified(), expected, "{path}");
    }
    let listed = fs.scandir("d", Namespaces::DETAILS).unwrap();
    let listed: Vec<_> = listed.map(Result::unwrap).collect();
    let looked = fs.getinfo("d/f", Namespaces::DETAILS).unwrap();
    assert_eq!(listed, [looked]);
    let tree = fs.scantree("/", Namespaces::DETAILS).unwrap();
    let times: Vec<_> = tree.map(|entry| entry.unwrap().1.modified()).collect();
    assert_eq!(times, [expected, expected]);
    assert_eq!(fs.getmodified("d/f").unwrap(), expected);
}

#[test]
fn a_mirror_back_to_s3_after_a_mirror_to_the_disk_copies_only_changed_files() {
    let (server, fs, disk) = scene();
    let old = second(HOUR);
    put(&server, "d/f", "one", old);
    put(&server, "d/g", "two", old);
    assert_eq!(copied(&fs, &disk), 2);
    let os = OsFs::new(&*disk).unwrap();
    let back = || {
        let below = fs.opendir("d").unwrap();
        mirror(&os, &below, &TransferOptions::new())
            .unwrap()
            .copied()
    };
    // Both sides have the same time. The ETag shows that the content is the same.
    assert_eq!(back(), 0);
    fs::write(disk.join("f"), "eno").unwrap();
    let file = fs::File::options()
        .write(true)
        .open(disk.join("f"))
        .unwrap();
    file.set_modified(old).unwrap();
    assert_eq!(back(), 1);
    assert_eq!(server.bucket(BUCKET).get("d/f").unwrap().bytes(), b"eno");
}
