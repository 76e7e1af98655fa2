//! Files keep their modification time on the way to S3 and back, in the metadata of their objects.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use s3fs::copy::copy_file;
use s3fs::mirror::mirror;
use s3fs::{
    FileSystem, FileSystemExt, MemoryFs, Namespaces, OsFs, S3Fs, SubFs, TransferOptions,
    UploadArgs, moving,
};
use test_server::{BUCKET, Server};

use crate::common;
use crate::local::Directory;

fn scene() -> (Server, S3Fs, Directory) {
    let server = Server::start();
    let fs = common::builder(&server).build().unwrap();
    (server, fs, Directory::new())
}

fn keep() -> TransferOptions<'static> {
    TransferOptions::new().preserve_time(true)
}

/// A time with nanoseconds, long ago.
fn old() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_500_000_000, 123_456_700)
}

/// Writes a file with that modification time.
fn write(path: &std::path::Path, content: &str, time: SystemTime) {
    fs::write(path, content).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

fn time_of(path: &std::path::Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

fn metadata(fs: &S3Fs, path: &str) -> BTreeMap<String, String> {
    let info = fs.getinfo(path, Namespaces::S3).unwrap();
    info.s3().unwrap().metadata.clone()
}

fn entry(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

#[test]
fn a_file_keeps_its_time_through_an_upload_and_a_download() {
    let (_server, fs, disk) = scene();
    let large = "large ".repeat(1_000_000);
    for content in ["", "small", &large] {
        let source = disk.join("source");
        write(&source, content, old());
        type Way<'w> = (&'w str, &'w dyn Fn(&S3Fs, &Directory));
        let ups: [Way<'_>; 3] = [
            ("upload_file", &|fs, disk| {
                fs.upload_file(disk.join("source"), "f", &keep()).unwrap();
            }),
            ("copy_file", &|fs, disk| {
                let os = OsFs::new(&**disk).unwrap();
                copy_file(&os, "source", fs, "f", &keep()).unwrap();
            }),
            ("move_file", &|fs, disk| {
                let os = OsFs::new(&**disk).unwrap();
                moving::move_file(&os, "source", fs, "f", &keep()).unwrap();
            }),
        ];
        for (name, up) in ups {
            up(&fs, &disk);
            assert_eq!(
                metadata(&fs, "f"),
                entry("mtime", "1500000000.1234567"),
                "{name}"
            );
        }
        let downs: [Way<'_>; 3] = [
            ("download_file", &|fs, disk| {
                fs.download_file("f", disk.join("f"), &keep()).unwrap();
            }),
            ("copy_file", &|fs, disk| {
                let os = OsFs::new(&**disk).unwrap();
                let sub = SubFs::new(fs, "/").unwrap();
                copy_file(&sub, "f", &os, "f", &keep()).unwrap();
            }),
            ("move_file", &|fs, disk| {
                fs.copy("f", "g").unwrap();
                let os = OsFs::new(&**disk).unwrap();
                moving::move_file(fs, "g", &os, "f", &keep()).unwrap();
            }),
        ];
        for (name, down) in downs {
            down(&fs, &disk);
            assert_eq!(time_of(&disk.join("f")), old(), "{name}");
            assert_eq!(fs::read_to_string(disk.join("f")).unwrap(), content);
            fs::remove_file(disk.join("f")).unwrap();
        }
        // Without the option, the time is not set.
        fs.download_file("f", disk.join("f"), &TransferOptions::new())
            .unwrap();
        assert!(time_of(&disk.join("f")) > old() + Duration::from_secs(3600));
    }
}

#[test]
fn keeping_times_adds_a_request_only_for_empty_files() {
    let (server, fs, disk) = scene();
    write(&disk.join("f"), "content", old());
    write(&disk.join("empty"), "", old());
    let fs = S3Fs::clone(&fs);
    let count = |options: &TransferOptions<'_>| {
        server.take_requests();
        fs.upload_dir(&*disk, "d", options).unwrap();
        let up = server.take_requests().len();
        let target = Directory::new();
        fs.download_dir("d", &*target, options).unwrap();
        (up, server.take_requests().len())
    };
    // A HEAD replaces the GET of an empty file.
    count(&TransferOptions::new());
    assert_eq!(count(&TransferOptions::new()), count(&keep()));
}

#[test]
fn times_are_stored_only_on_request_and_metadata_of_the_caller_stays() {
    let (_server, fs, disk) = scene();
    write(&disk.join("f"), "content", old());
    fs.upload_file(disk.join("f"), "f", &TransferOptions::new())
        .unwrap();
    assert!(metadata(&fs, "f").is_empty());
    let args = UploadArgs::new().metadata("mtime", "7");
    fs.upload_file(disk.join("f"), "f", &keep().upload_args(args))
        .unwrap();
    assert_eq!(metadata(&fs, "f"), entry("mtime", "7"));
    let args = UploadArgs::new().metadata("origin", "gauge");
    fs.upload_file(disk.join("f"), "f", &keep().upload_args(args))
        .unwrap();
    let mut both = entry("mtime", "1500000000.1234567");
    both.extend(entry("origin", "gauge"));
    assert_eq!(metadata(&fs, "f"), both);
}

#[test]
fn times_of_rclone_and_s3cmd_are_read_and_invalid_ones_are_ignored() {
    let (server, fs, disk) = scene();
    let second = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let stored = second(1_600_000_000);
    let s3cmd = "atime:1/ctime:2/gid:0/mode:33188/mtime:1400000000/uid:0";
    for (name, value, expected) in [
        ("mtime", "1400000000", second(1_400_000_000)),
        ("mtime", "soon", stored),
        ("mtime", "99999999999999999999", stored),
        ("s3cmd-attrs", s3cmd, second(1_400_000_000)),
        ("s3cmd-attrs", "mode:33188", stored),
    ] {
        let args = UploadArgs::new().metadata(name, value);
        fs.writebytes_with("f", b"content", &args.into()).unwrap();
        let bucket = server.bucket(BUCKET);
        let mut object = bucket.get("f").unwrap();
        object.modified = stored;
        bucket.put_with("f", object);
        fs.download_file("f", disk.join("f"), &keep()).unwrap();
        assert_eq!(time_of(&disk.join("f")), expected, "{name}: {value}");
    }
}

/// Mirrors the bucket to the directory, and returns the numbers of copied files and of HEAD requests.
fn mirrored(server: &Server, fs: &S3Fs, disk: &Directory) -> (usize, usize) {
    server.take_requests();
    let os = OsFs::new(&**disk).unwrap();
    let report = mirror(&fs.opendir("d").unwrap(), &os, &keep()).unwrap();
    let requests = server.take_requests();
    let looks = requests.iter().filter(|r| r.operation == "HeadObject");
    (report.copied(), looks.count())
}

#[test]
fn a_mirror_to_the_disk_with_times_copies_nothing_twice_and_finds_every_update() {
    let (server, fs, source) = scene();
    fs.makedir("d").unwrap();
    write(&source.join("f"), "one", old());
    write(&source.join("g"), "without", old());
    fs.upload_file(source.join("f"), "d/f", &keep()).unwrap();
    fs.upload_file(source.join("g"), "d/g", &TransferOptions::new())
        .unwrap();
    let bucket = server.bucket(BUCKET);
    let mut object = bucket.get("d/g").unwrap();
    object.modified -= Duration::from_secs(3600);
    bucket.put_with("d/g", object);
    let disk = Directory::new();
    assert_eq!(mirrored(&server, &fs, &disk), (2, 0));
    assert_eq!(time_of(&disk.join("f")), old());
    // One HEAD shows that the file has the time of its object.
    assert_eq!(mirrored(&server, &fs, &disk), (0, 1));
    write(&source.join("f"), "two", old() + Duration::from_secs(1));
    fs.upload_file(source.join("f"), "d/f", &keep()).unwrap();
    assert_eq!(mirrored(&server, &fs, &disk), (1, 1));
    assert_eq!(fs::read_to_string(disk.join("f")).unwrap(), "two");
    // A download with the same option counts as a mirror.
    let other = Directory::new();
    fs.download_dir("d", &*other, &keep()).unwrap();
    assert_eq!(mirrored(&server, &fs, &other), (0, 1));
    // A change on the disk is undone.
    fs::write(disk.join("f"), "own").unwrap();
    assert_eq!(mirrored(&server, &fs, &disk), (1, 1));
    assert_eq!(fs::read_to_string(disk.join("f")).unwrap(), "two");
}

#[test]
fn a_mirror_to_s3_with_times_copies_nothing_twice() {
    let (_server, fs, disk) = scene();
    write(&disk.join("f"), "one", old());
    let os = OsFs::new(&*disk).unwrap();
    let copied = || mirror(&os, &fs, &keep()).unwrap().copied();
    assert_eq!((copied(), copied()), (1, 0));
    assert_eq!(metadata(&fs, "f"), entry("mtime", "1500000000.1234567"));
}

#[test]
fn files_of_other_filesystems_are_uploaded_without_times() {
    let (_server, fs, _) = scene();
    let memory = MemoryFs::new();
    memory.writetext("f", "content").unwrap();
    copy_file(&memory, "f", &fs, "f", &keep()).unwrap();
    assert!(metadata(&fs, "f").is_empty());
}

#[test]
fn a_mirror_finds_an_update_within_the_second_of_the_version_before() {
    let (server, fs, disk) = scene();
    let source = Directory::new();
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let bucket = server.bucket(BUCKET);
    bucket.put("d/f", "one");
    let mut object = bucket.get("d/f").unwrap();
    object.modified = second;
    bucket.put_with("d/f", object);
    assert_eq!(mirrored(&server, &fs, &disk).0, 1);
    assert_eq!(time_of(&disk.join("f")), second);
    write(
        &source.join("f"),
        "two",
        second + Duration::from_millis(700),
    );
    fs.upload_file(source.join("f"), "d/f", &keep()).unwrap();
    assert_eq!(mirrored(&server, &fs, &disk).0, 1);
    assert_eq!(fs::read_to_string(disk.join("f")).unwrap(), "two");
    assert_eq!(mirrored(&server, &fs, &disk).0, 0);
}

#[test]
fn an_update_drops_the_time_of_the_old_content() {
    use std::io::Write as _;

    let (server, fs, source) = scene();
    fs.makedir("d").unwrap();
    write(&source.join("f"), "one!", old());
    let args = UploadArgs::new().metadata("origin", "gauge");
    let s3cmd = UploadArgs::new().metadata("s3cmd-attrs", "mtime:1400000000");
    for mode in ["r+", "a"] {
        let disk = Directory::new();
        fs.upload_file(source.join("f"), "d/f", &keep().upload_args(args.clone()))
            .unwrap();
        fs.writebytes_with("d/g", b"one!", &s3cmd.clone().into())
            .unwrap();
        mirrored(&server, &fs, &disk);
        for path in ["d/f", "d/g"] {
            let mut file = fs.openbin(path, mode).unwrap();
            file.write_all(b"two!").unwrap();
            file.close().unwrap();
        }
        assert_eq!(metadata(&fs, "d/f"), entry("origin", "gauge"), "{mode}");
        assert!(metadata(&fs, "d/g").is_empty(), "{mode}");
        assert_eq!(mirrored(&server, &fs, &disk).0, 2, "{mode}");
        assert!(
            fs::read_to_string(disk.join("f"))
                .unwrap()
                .ends_with("two!")
        );
        fs.removetree("d").unwrap();
        fs.makedir("d").unwrap();
    }
}
