//! Transfers in pieces on a real store: abandoned uploads, and files that go to the local disk and back.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use s3fs::moving::move_dir;
use s3fs::{
    CopyOptions, Error, ErrorKind, FileSystem, FileSystemExt as _, MemoryFs, S3Fs, TransferOptions,
};

use super::Live;
use crate::local::Directory;

/// The smallest part that real stores accept.
const PART: usize = 5 << 20;

/// Bytes that depend on their position.
fn content(size: usize) -> Vec<u8> {
    let words = (0..size.div_ceil(8) as u64).flat_map(u64::to_be_bytes);
    words.take(size).collect()
}

fn open(live: &Live) -> S3Fs {
    let builder = live.builder().dir_path(&live.directory);
    let builder = builder.part_size(PART as u64).strict(false);
    builder.build().unwrap()
}

fn no_upload_is_left(fs: &S3Fs) {
    assert_eq!(fs.stale_uploads("/", Duration::ZERO).unwrap().len(), 0);
}

#[test]
fn an_abandoned_upload_is_found_and_removed() {
    let Some(live) = Live::from_environment("stale") else {
        return;
    };
    let fs = open(&live);
    let mut dropped = fs.openbin("dropped", "w").unwrap();
    dropped.write_all(&content(PART + 7)).unwrap();
    drop(dropped);
    no_upload_is_left(&fs);
    // As a killed program leaves it.
    let mut killed = fs.openbin("killed", "w").unwrap();
    killed.write_all(&content(PART + 7)).unwrap();
    std::mem::forget(killed);
    let stale = fs.stale_uploads("/", Duration::ZERO).unwrap();
    assert_eq!(stale.len(), 1, "{stale:?}");
    fs.abort_upload(&stale[0]).unwrap();
    no_upload_is_left(&fs);
    assert!(!fs.exists("killed").unwrap());
}

#[test]
fn files_go_to_the_local_disk_and_back_in_pieces() {
    let Some(live) = Live::from_environment("disk") else {
        return;
    };
    let fs = open(&live);
    let directory = Directory::new();
    let (up, down) = (directory.join("up"), directory.join("down"));
    let written = content(2 * PART + 7);
    std::fs::write(&up, &written).unwrap();
    fs.upload_file(&up, "file", &Default::default()).unwrap();
    assert!(fs.readbytes("file").unwrap() == written);
    fs.download_file("file", &down, &Default::default())
        .unwrap();
    assert!(std::fs::read(&down).unwrap() == written);
    no_upload_is_left(&fs);
}

#[test]
fn directories_go_to_the_local_disk_and_back() {
    let Some(live) = Live::from_environment("trees") else {
        return;
    };
    let fs = open(&live);
    let directory = Directory::new();
    let (up, down) = (directory.join("up"), directory.join("down"));
    std::fs::create_dir_all(up.join("a b/\u{e9}")).unwrap();
    let files = [("one", 3), ("a b/\u{e9}/two", PART + 7), ("a b/empty", 0)];
    for (name, size) in files {
        std::fs::write(up.join(name), content(size)).unwrap();
    }
    let all: usize = files.iter().map(|(_, size)| size).sum();
    let told = Mutex::new((0, 0));
    let options = TransferOptions::new().workers(4).progress(|done, total| {
        *told.lock().unwrap() = (done, total);
        Ok(())
    });
    for report in [
        fs.upload_dir(&up, "tree", &options).unwrap(),
        fs.download_dir("tree", &down, &options).unwrap(),
    ] {
        assert_eq!((report.copied(), report.bytes()), (3, all as u64));
        assert_eq!(*told.lock().unwrap(), (all as u64, all as u64));
    }
    for (name, size) in files {
        assert!(
            std::fs::read(down.join(name)).unwrap() == content(size),
            "{name}"
        );
    }
    no_upload_is_left(&fs);
}

#[test]
fn a_file_keeps_its_time_through_an_upload_and_a_download() {
    let Some(live) = Live::from_environment("times") else {
        return;
    };
    let fs = open(&live);
    let directory = Directory::new();
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_500_000_000, 123_456_700);
    let keep = || TransferOptions::new().preserve_time(true);
    for size in [0, 5, PART + 7] {
        let (up, down) = (directory.join("up"), directory.join("down"));
        std::fs::write(&up, content(size)).unwrap();
        let file = std::fs::File::options().write(true).open(&up).unwrap();
        file.set_modified(time).unwrap();
        fs.upload_file(&up, "file", &keep()).unwrap();
        let info = fs.getinfo("file", s3fs::Namespaces::S3).unwrap();
        let entry = info.s3().unwrap().metadata.get("mtime").cloned();
        assert_eq!(entry.as_deref(), Some("1500000000.1234567"), "{size}");
        fs.download_file("file", &down, &keep()).unwrap();
        let there = std::fs::metadata(&down).unwrap().modified().unwrap();
        assert_eq!(there, time, "{size}");
    }
}

#[test]
fn a_transfer_is_cancelled_and_resumed() {
    let Some(live) = Live::from_environment("resume") else {
        return;
    };
    let fs = open(&live);
    let directory = Directory::new();
    let (up, down) = (directory.join("up"), directory.join("down"));
    let written = content(3 * PART + 7);
    std::fs::write(&up, &written).unwrap();
    let cancelling = || {
        TransferOptions::new()
            .workers(1)
            .resume(true)
            .progress(|done, _| {
                if done > 2 * PART as u64 {
                    return Err(Error::new(ErrorKind::OperationFailed).with_message("enough"));
                }
                Ok(())
            })
    };
    let error = fs.upload_file(&up, "file", &cancelling()).unwrap_err();
    assert!(error.to_string().contains("enough"), "{error}");
    assert!(!fs.exists("file").unwrap());
    no_upload_is_left(&fs);
    fs.upload_file(&up, "file", &TransferOptions::new())
        .unwrap();
    let error = fs.download_file("file", &down, &cancelling()).unwrap_err();
    assert!(error.to_string().contains("enough"), "{error}");
    assert!(!down.exists());
    let before = fs.stats().bytes_in;
    let resuming = TransferOptions::new().resume(true);
    fs.download_file("file", &down, &resuming).unwrap();
    let received = fs.stats().bytes_in - before;
    assert!(received < 2 * PART as u64, "{received}");
    assert!(std::fs::read(&down).unwrap() == written);
}

#[test]
fn a_directory_is_moved_on_the_server_and_to_another_filesystem() {
    let Some(live) = Live::from_environment("moved") else {
        return;
    };
    let fs = open(&live);
    for (path, size) in [("from/a", 5), ("from/b c/d", PART + 1), ("from/e", 0)] {
        fs.writebytes(path, &content(size)).unwrap();
    }
    let create = CopyOptions::new().create(true);
    fs.movedir_with("from", "to", &create).unwrap();
    assert!(!fs.exists("from").unwrap());
    assert!(fs.readbytes("to/b c/d").unwrap() == content(PART + 1));
    let memory = MemoryFs::new();
    let report = move_dir(&fs, "to", &memory, "to", &TransferOptions::new()).unwrap();
    assert!(report.left_behind().is_empty(), "{report:?}");
    assert!(!fs.exists("to").unwrap());
    assert!(memory.readbytes("to/b c/d").unwrap() == content(PART + 1));
}
