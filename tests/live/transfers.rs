//! What is in pieces on a real store: uploads that nobody ends, and files that go to the local disk and back.

use std::io::Write as _;
use std::time::Duration;

use s3fs::{FileSystem as _, S3Fs};

use super::Live;

/// The smallest part that real stores take.
const PART: usize = 5 << 20;

/// Bytes that say where they are.
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
fn an_upload_that_nobody_ends_is_found_and_removed() {
    let Some(live) = Live::from_environment("stale") else {
        return;
    };
    let fs = open(&live);
    let mut dropped = fs.openbin("dropped", "w").unwrap();
    dropped.write_all(&content(PART + 7)).unwrap();
    drop(dropped);
    no_upload_is_left(&fs);
    // As a program does that is killed.
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
    let directory = tempdir();
    let (up, down) = (directory.join("up"), directory.join("down"));
    let written = content(2 * PART + 7);
    std::fs::write(&up, &written).unwrap();
    fs.upload_file(&up, "file", &Default::default()).unwrap();
    assert!(fs.readbytes("file").unwrap() == written);
    fs.download_file("file", &down, &Default::default())
        .unwrap();
    assert!(std::fs::read(&down).unwrap() == written);
    std::fs::remove_dir_all(&directory).unwrap();
    no_upload_is_left(&fs);
}

fn tempdir() -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("s3fs-live-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}
