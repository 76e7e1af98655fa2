//! Concurrent calls: exclusive creation, updates of one file, and no lost bytes.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use s3fs::{ErrorKind, FileSystemExt as _, Result, S3Fs};
use test_server::{Fault, Guarded, Rule, Server};

use crate::common;

const THREADS: usize = 16;

/// The size of a part.
const PART: usize = 64;

fn server() -> Server {
    Server::builder().min_part_size(PART as u64).start()
}

fn open(server: &Server) -> S3Fs {
    let builder = common::builder(server).strict(false);
    builder
        .part_size(PART as u64)
        .min_part_size(PART as u64)
        .retry_base_delay(Duration::from_millis(1))
        .build()
        .expect("parameters that can be")
}

/// Returns the results of all threads. Every thread starts its work before any of them continues.
fn at_once<T: Send>(work: impl Fn(usize, &Barrier) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (work, barrier) = (&work, &barrier);
                scope.spawn(move || work(number, barrier))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|result| result.expect("no panic")).collect()
    })
}

/// Returns the threads that succeeded. All others must have an error of that kind.
#[track_caller]
fn winners<T>(results: Vec<Result<T>>, kind: ErrorKind) -> Vec<usize> {
    let numbered = results.into_iter().enumerate();
    let won = numbered.filter_map(|(number, result)| match result {
        Ok(_) => Some(number),
        Err(error) => {
            assert_eq!(error.kind(), kind, "thread {number}: {error}");
            None
        }
    });
    won.collect()
}

/// The content that one thread writes, and no other.
fn content(number: usize, size: usize) -> Vec<u8> {
    vec![b'a' + number as u8; size]
}

#[test]
fn one_of_sixteen_exclusive_creators_wins() {
    for (size, operation) in [(20, "PutObject"), (3 * PART + 5, "CompleteMultipartUpload")] {
        for lost in [0, 1, 5, THREADS] {
            let server = server();
            let fs = open(&server);
            let rule = Rule::on(operation).times(lost);
            server.faults().add(rule, Fault::DropAfter);
            let results = at_once(|number, barrier| {
                let mut file = fs.openbin("new", "x")?;
                file.write_all(&content(number, size))?;
                barrier.wait();
                file.close()
            });
            let told = format!("{operation}, {lost} answers lost");
            let won = winners(results, ErrorKind::FileExists);
            assert_eq!(won.len(), 1, "{told}: {won:?}");
            let bucket = server.bucket("bucket");
            let stored = bucket.get("new").expect("an object").bytes();
            crate::common::assert_same_bytes(stored, content(won[0], size), &told);
            assert!(bucket.uploads().is_empty(), "{told}");
        }
    }
}

#[test]
fn one_of_sixteen_creators_of_a_directory_wins() {
    let server = server();
    let fs = open(&server);
    let results = at_once(|_, barrier| {
        barrier.wait();
        fs.makedir("new")
    });
    assert_eq!(winners(results, ErrorKind::DirectoryExists).len(), 1);
}

#[test]
fn one_of_two_updaters_wins_and_the_other_gets_an_error() {
    for size in [20, 3 * PART + 5] {
        let server = server();
        let fs = open(&server);
        let old = content(20, size);
        server.bucket("bucket").put("file", old.clone());
        let mut files = [b"first", b"other"].map(|text| {
            let mut file = fs.openbin("file", "r+").expect("a file");
            file.seek(SeekFrom::Start(7)).expect("a position");
            file.write_all(text).expect("a changed file");
            file
        });
        files[0].close().expect("nobody was before it");
        let error = files[1].close().expect_err("the first was before it");
        assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{error}");
        assert_eq!(error.path(), Some("file"));
        let expected = [&old[..7], b"first", &old[12..]].concat();
        assert_eq!(fs.readbytes("file").expect("a file"), expected);
        assert!(server.bucket("bucket").uploads().is_empty());
    }
}

/// Appends until no other writer was faster.
fn append(fs: &S3Fs, line: &str) -> Result<usize> {
    let mut tries = 1;
    loop {
        match fs.appendbytes("log", line.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::ResourceChanged => tries += 1,
            result => return result.map(|()| tries),
        }
    }
}

#[test]
fn sixteen_appenders_lose_and_repeat_no_line() {
    for old in ["", &"old\n".repeat(PART)] {
        let server = server();
        let fs = open(&server);
        server.bucket("bucket").put("log", old.to_owned());
        let tries = at_once(|number, barrier| {
            barrier.wait();
            append(&fs, &format!("line {number:02}\n"))
        });
        let tries: Result<Vec<_>> = tries.into_iter().collect();
        assert!(tries.expect("every line").iter().any(|tries| *tries > 1));
        let mut text = fs.readtext("log").expect("a file");
        assert!(text.starts_with(old));
        let mut lines: Vec<_> = text
            .split_off(old.len())
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        let expected: Vec<_> = (0..THREADS)
            .map(|number| format!("line {number:02}"))
            .collect();
        assert_eq!(lines, expected);
    }
}

/// `close` checks once more as late as possible: a file that exists by then is never replaced.
#[test]
fn where_conditions_are_ignored_close_still_detects_an_earlier_write() {
    for like_radosgw in [true, false] {
        let builder = Server::builder().min_part_size(PART as u64);
        let all = [Guarded::Put, Guarded::Complete];
        let server = match like_radosgw {
            true => builder.like_radosgw(),
            false => builder.refuse_conditions(all),
        };
        let server = server.start();
        let fs = open(&server);
        let bucket = server.bucket("bucket");
        for size in [20, 3 * PART + 5] {
            let path = format!("new-{size}");
            let mut file = fs.openbin(&path, "x").expect("nothing is there");
            file.write_all(&content(1, size)).expect("written");
            bucket.put(&path, "another's");
            let error = file.close().expect_err("it is there");
            assert_eq!(error.kind(), ErrorKind::FileExists, "{error}");
            assert_eq!(fs.readbytes(&path).expect("a file"), b"another's");

            let path = format!("changed-{size}");
            bucket.put(&path, content(2, size));
            let mut file = fs.openbin(&path, "r+").expect("a file");
            file.write_all(b"mine").expect("written");
            bucket.put(&path, "another's");
            let error = file.close().expect_err("it is another");
            assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{error}");
            assert_eq!(fs.readbytes(&path).expect("a file"), b"another's");

            bucket.put(&path, content(2, size));
            fs.appendbytes(&path, b"mine")
                .expect("nobody else changes it");
            let mut stored = fs.openbin(&path, "r").expect("a file");
            let mut text = Vec::new();
            stored.read_to_end(&mut text).expect("its content");
            assert!(text.ends_with(b"mine") && text.len() == size + 4);
        }
        assert!(bucket.uploads().is_empty());
    }
}

/// On such a store a PUT removes the open uploads of its key.
#[test]
fn the_error_of_an_upload_removed_by_another_writer_has_the_reason() {
    let server = Server::builder().min_part_size(PART as u64);
    let server = server.put_drops_uploads(true).start();
    let (fs, another) = (open(&server), open(&server));
    for (mode, kind) in [
        ("x", ErrorKind::FileExists),
        ("w", ErrorKind::OperationFailed),
    ] {
        for rest in [5, 5 * PART] {
            let path = format!("{mode}-{rest}");
            let mut file = fs.openbin(&path, mode).expect("a file");
            file.write_all(&content(1, 3 * PART)).expect("written");
            another.writebytes(&path, b"another's").expect("written");
            let error = match file.write_all(&content(1, rest)) {
                Ok(()) => file.close().expect_err("the upload is gone"),
                Err(error) => s3fs::Error::from(error),
            };
            assert_eq!(error.kind(), kind, "{path}: {error}");
            assert_eq!(error.path(), Some(path.as_str()));
            if mode == "w" {
                assert!(
                    error.to_string().contains("upload no longer exists"),
                    "{error}"
                );
            }
            assert_eq!(fs.readbytes(&path).expect("a file"), b"another's");
        }
    }
    assert!(server.bucket("bucket").uploads().is_empty());
}

/// A call blocks the thread of the task and has no other effect on it.
#[test]
fn a_filesystem_works_inside_a_tokio_task() {
    let server = Server::start();
    let fs = common::open(&server);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let inside = fs.clone();
        let task = async move {
            inside.writetext("f", "content").unwrap();
            let mut file = inside.openbin("large", "w").unwrap();
            std::io::Write::write_all(&mut file, &vec![7; 20 << 20]).unwrap();
            file.close().unwrap();
            inside.readbytes("large").unwrap().len()
        };
        assert_eq!(task.await, 20 << 20);
        assert_eq!(fs.readtext("f").unwrap(), "content");
    });
}
