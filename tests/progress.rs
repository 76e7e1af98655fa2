//! Progress reports of a call, and its bandwidth limit.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use s3fs::copy::{Condition, copy_fs};
use s3fs::{
    CancelToken, ChecksumAlgorithm, Error, ErrorKind, FileSystem, FileSystemExt, MemoryFs, OnError,
    OsFs, ProgressEvent, S3Fs, TransferOptions, UploadArgs, moving,
};
use test_server::{BUCKET, Fault, Rule, Server};

use crate::common;
use crate::local::Directory;

fn scene() -> (Server, S3Fs, Directory) {
    let server = Server::start();
    let fs = common::builder(&server).build().unwrap();
    (server, fs, Directory::new())
}

/// One report: the event, bytes and total bytes, files and total files.
type Seen = (String, (u64, u64), (u64, u64));

/// Adds a callback to the options that records every report.
fn noting<'a>(options: TransferOptions<'a>, seen: &'a Mutex<Vec<Seen>>) -> TransferOptions<'a> {
    options.on_progress(|now| {
        let event = match now.event() {
            ProgressEvent::Begins(path) => format!("+{path}"),
            ProgressEvent::Ends(path) => format!("-{path}"),
            _ => String::new(),
        };
        let bytes = (now.bytes(), now.total_bytes());
        let files = (now.files(), now.total_files());
        seen.lock().unwrap().push((event, bytes, files));
        Ok(())
    })
}

fn events(seen: &Mutex<Vec<Seen>>) -> Vec<String> {
    let seen = seen.lock().unwrap();
    let events = seen.iter().map(|(event, _, _)| event.clone());
    events.filter(|event| !event.is_empty()).collect()
}

#[test]
fn each_file_has_begin_and_end_events_and_the_totals_cover_all_files() {
    let (_server, fs, disk) = scene();
    let os = OsFs::new(&*disk).unwrap();
    for (name, size) in [("a", 10), ("b", 0), ("c", 300_000)] {
        os.writebytes(name, &vec![7; size]).unwrap();
    }
    let memory = MemoryFs::new();
    // Uploads in pieces, downloads in pieces, and streams.
    let steps: [(&dyn FileSystem, &dyn FileSystem); 3] = [(&os, &fs), (&fs, &os), (&os, &memory)];
    for (number, (src, dst)) in steps.into_iter().enumerate() {
        for workers in [1, 3] {
            let seen = Mutex::new(Vec::new());
            let options = noting(TransferOptions::new().workers(workers), &seen);
            copy_fs(src, dst, &options).unwrap();
            drop(options);
            let expected = ["+/a", "-/a", "+/b", "-/b", "+/c", "-/c"];
            let mut events = events(&seen);
            // Files are in the order of the listing; each begins before it ends.
            events.sort_by_key(|event| event[1..].to_owned());
            assert_eq!(events, expected, "{number}");
            let seen = seen.into_inner().unwrap();
            let (mut bytes, mut files) = (0, 0);
            for (event, now, count) in &seen {
                assert_eq!((now.1, count.1), (300_010, 3));
                assert!(now.0 >= bytes && count.0 >= files, "{event}");
                (bytes, files) = (now.0, count.0);
            }
            assert_eq!((bytes, files), (300_010, 3));
        }
    }
}

#[test]
fn a_single_file_has_begin_and_end_events() {
    let (_server, fs, disk) = scene();
    let local = disk.join("f");
    fs::write(&local, "content").unwrap();
    let shown = local.display().to_string();
    let seen = Mutex::new(Vec::new());
    fs.upload_file(&local, "f", &noting(TransferOptions::new(), &seen))
        .unwrap();
    assert_eq!(events(&seen), [format!("+{shown}"), format!("-{shown}")]);
    let seen = Mutex::new(Vec::new());
    fs.download_file("f", &local, &noting(TransferOptions::new(), &seen))
        .unwrap();
    assert_eq!(events(&seen), ["+f", "-f"]);
    let last = seen.lock().unwrap().last().cloned();
    assert_eq!(last, Some(("-f".into(), (7, 7), (1, 1))));
}

#[test]
fn skipped_files_are_not_counted_and_failed_files_have_no_end_event() {
    let (server, fs, _) = scene();
    // Files are listed in the order of their names.
    let memory = MemoryFs::new();
    for name in ["a", "b", "c"] {
        memory.writetext(name, "four").unwrap();
    }
    fs.writetext("a", "there").unwrap();
    let refuse = Rule::on("PutObject").key("b").always();
    server
        .faults()
        .add(refuse, Fault::error(403, "AccessDenied"));
    let seen = Mutex::new(Vec::new());
    let options = TransferOptions::new()
        .workers(1)
        .condition(Condition::NotExists)
        .on_error(|_| OnError::Gather);
    let options = noting(options, &seen);
    let error = copy_fs(&memory, &fs, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BulkCopyFailed);
    drop(options);
    assert_eq!(events(&seen), ["+/b", "+/c", "-/c"]);
    let last = seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last.2, (1, 2));
}

#[test]
fn an_error_of_the_callback_ends_the_call_at_every_event() {
    let (server, fs, disk) = scene();
    let os = OsFs::new(&*disk).unwrap();
    os.writetext("a", "four").unwrap();
    let is_end = |event: ProgressEvent<'_>| matches!(event, ProgressEvent::Ends(_));
    let is_begin = |event: ProgressEvent<'_>| matches!(event, ProgressEvent::Begins(_));
    let is_bytes = |event: ProgressEvent<'_>| event == ProgressEvent::Bytes;
    type Chooses<'c> = &'c (dyn Fn(ProgressEvent<'_>) -> bool + Sync);
    let events: [(Chooses<'_>, bool); 3] =
        [(&is_begin, false), (&is_bytes, false), (&is_end, true)];
    for (number, (chooses, is_stored)) in events.into_iter().enumerate() {
        let options = TransferOptions::new().on_progress(|now| match chooses(now.event()) {
            true => Err(Error::new(ErrorKind::Timeout).with_message("enough")),
            false => Ok(()),
        });
        let error = moving::move_fs(&os, &fs, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{number}");
        // A cancelled move keeps its source.
        assert!(os.exists("a").unwrap());
        assert_eq!(fs.exists("a").unwrap(), is_stored, "{number}");
        server.bucket(BUCKET).remove("a");
    }
}

/// Returns the duration of the work.
fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

#[test]
fn a_bandwidth_limit_is_shared_by_all_files_of_a_call() {
    let (_server, fs, disk) = scene();
    let os = OsFs::new(&*disk).unwrap();
    for number in 0..4 {
        os.writebytes(&format!("f{number}"), &vec![7; 50_000])
            .unwrap();
    }
    os.writebytes("parts", &vec![7; 6 << 20]).unwrap();
    let memory = MemoryFs::new();
    let steps: [(&dyn FileSystem, &dyn FileSystem); 3] = [(&os, &fs), (&fs, &os), (&os, &memory)];
    for (src, dst) in steps {
        // 200,000 bytes take 0.4 s, except for the last piece.
        let walker = || s3fs::Walker::new().exclude(["parts"]);
        let options = |limit| {
            let options = TransferOptions::new().workers(4);
            options.walker(walker()).max_bandwidth(limit)
        };
        let slow = time(|| drop(copy_fs(src, dst, &options(500_000)).unwrap()));
        assert!(slow >= Duration::from_millis(250), "{slow:?}");
    }
    // A file in parts, and a checksum that reads all of it first.
    let args = UploadArgs::new().checksum_algorithm(ChecksumAlgorithm::Crc32c);
    let options = TransferOptions::new()
        .upload_args(args)
        .max_bandwidth(20 << 20);
    let slow = time(|| {
        assert_eq!(
            fs.upload_file(disk.join("parts"), "parts", &options)
                .unwrap(),
            6 << 20
        )
    });
    assert!(slow >= Duration::from_millis(150), "{slow:?}");
    let slow = time(|| {
        assert_eq!(
            fs.download_file("parts", disk.join("parts"), &options)
                .unwrap(),
            6 << 20
        )
    });
    assert!(slow >= Duration::from_millis(150), "{slow:?}");
    assert!(fs.readbytes("parts").unwrap() == vec![7; 6 << 20]);
}

#[test]
fn a_call_that_waits_for_its_bandwidth_can_be_cancelled() {
    let (server, fs, disk) = scene();
    fs::write(disk.join("f"), vec![7; 300_000]).unwrap();
    server.bucket(BUCKET).put("g", vec![7; 300_000]);
    for up in [true, false] {
        let token = CancelToken::new();
        let other = token.clone();
        // At this rate it takes three days.
        let options = TransferOptions::new()
            .max_bandwidth(1)
            .cancel(&token)
            .on_progress(|_| {
                other.cancel();
                Ok(())
            });
        let result = match up {
            true => fs.upload_file(disk.join("f"), "f", &options),
            false => fs.download_file("g", disk.join("new"), &options),
        };
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled, "{up}");
    }
    assert_eq!(server.bucket(BUCKET).keys(), ["g"]);
    assert!(!disk.join("new").exists());
}
