//! System calls of downloads and moves on the local disk, counted by strace(1). If strace is missing or must not trace,
//! nothing is counted.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use s3fs::{FileSystem as _, OsFs, OsFsOptions, TransferOptions, moving};
use test_server::{BUCKET, Server};

use crate::common;
use crate::local::Directory;

const FILES: usize = 20;

/// Counts the system calls for each file of a process that runs only this test.
fn calls_of(test: &str) -> Option<BTreeMap<String, usize>> {
    let local = Directory::new();
    let trace = local.join("trace");
    let ran = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&trace)
        .args(["-e", "trace=file,fsync,fdatasync"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "--ignored", "--test-threads=1", test])
        .output();
    let Some(ran) = ran.ok().filter(|ran| ran.status.success()) else {
        println!("there is no strace here that can trace: nothing is counted");
        return None;
    };
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(said.contains("1 passed"), "{said}");
    let mut calls = BTreeMap::new();
    // Calls before and after the marks are not counted.
    let text = fs::read_to_string(&trace).expect("a trace");
    let between = text
        .lines()
        .skip_while(|line| !line.contains("s3fs-begin"))
        .take_while(|line| !line.contains("s3fs-end"));
    for line in between {
        // "PID NAME(ARGUMENTS) = RESULT", or "PID <... NAME resumed>".
        let call = line
            .split_once(' ')
            .map_or("", |(_, call)| call.trim_start());
        if let Some((name, _)) = call.split_once('(')
            && !name.contains('<')
        {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    Some(calls)
}

/// Marks a place in the trace.
fn mark(name: &str) {
    let _ = fs::symlink_metadata(name);
}

fn server() -> Server {
    let server = Server::start();
    for number in 0..FILES {
        let key = format!("files/{number:02}.txt");
        server.bucket(BUCKET).put(&key, "content");
    }
    server
}

fn download(durable: bool) {
    let (server, local) = (server(), Directory::new());
    let fs = common::builder(&server).build().unwrap();
    let options = TransferOptions::new().workers(4).durable(durable);
    mark("s3fs-begin");
    let report = fs.download_dir("files", &local, &options).unwrap();
    mark("s3fs-end");
    assert_eq!(report.copied(), FILES);
}

#[test]
#[ignore = "is run and counted by the tests below"]
fn a_download() {
    download(false);
}

#[test]
#[ignore = "is run and counted by the tests below"]
fn a_durable_download() {
    download(true);
}

#[test]
#[ignore = "is run and counted by the tests below"]
fn a_move() {
    let (server, local) = (server(), Directory::new());
    let fs = common::builder(&server).build().unwrap();
    let disk = OsFs::new_with(&local, &OsFsOptions::new().sync(false)).unwrap();
    let options = TransferOptions::new().durable(false);
    mark("s3fs-begin");
    moving::move_dir(&fs, "files", &disk, "/", &options).unwrap();
    mark("s3fs-end");
    assert!(!fs.exists("files/00.txt").unwrap());
}

fn count(calls: &BTreeMap<String, usize>, names: &[&str]) -> usize {
    names.iter().filter_map(|name| calls.get(*name)).sum()
}

#[test]
fn a_download_checks_each_name_twice_opens_it_once_and_renames_it() {
    let Some(calls) = calls_of("disk_calls::a_download") else {
        return;
    };
    println!("{calls:?}");
    // Some calls are made once for all files.
    const ONCE: usize = 30;
    let names = ["rename", "renameat", "renameat2"];
    assert_eq!(count(&calls, &names), FILES, "{calls:?}");
    let opened = count(&calls, &["open", "openat"]);
    assert!(opened <= FILES + ONCE, "{calls:?}");
    let looked = count(&calls, &["stat", "lstat", "statx", "newfstatat", "fstat"]);
    assert!(looked <= 3 * FILES + 2 * ONCE, "{calls:?}");
    let most = count(&calls, &["readlink", "readlinkat", "unlink", "unlinkat"]);
    assert!(most <= ONCE, "{calls:?}");
    assert_eq!(count(&calls, &["fsync", "fdatasync"]), 0, "{calls:?}");
}

#[test]
fn a_durable_download_syncs_each_file_and_the_directory() {
    if let Some(calls) = calls_of("disk_calls::a_durable_download") {
        assert!(count(&calls, &["fsync"]) > FILES, "{calls:?}");
    }
}

#[test]
fn a_move_syncs_each_file_and_the_directory_whatever_the_settings() {
    if let Some(calls) = calls_of("disk_calls::a_move") {
        assert!(count(&calls, &["fsync"]) > FILES, "{calls:?}");
    }
}
