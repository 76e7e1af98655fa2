//! Any filesystem of the library as a filesystem of the crate `vfs`: the suite of `vfs`, and additional tests.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use s3fs::prelude::*;
use s3fs::{MemoryFs, OsFs, S3Fs, VfsAdapter};
use test_server::{Fault, Rule, Server};
use vfs::error::VfsErrorKind;
use vfs::{VfsFileType, VfsPath};

use crate::common;
use crate::local::Directory;
use crate::logged;

/// An empty bucket of a server that all of these tests share, because no test can stop the server after its last
/// use.
fn bucket() -> S3Fs {
    static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
    static BUCKETS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("vfs-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
    SERVER.bucket(&name);
    common::builder_of(&SERVER, &name).build().unwrap()
}

/// The suite of `vfs`, for each kind of filesystem.
#[expect(clippy::useless_vec, reason = "the suite is not ours")]
mod suite {
    mod memory {
        use super::super::*;

        vfs::test_vfs!(VfsAdapter::new(MemoryFs::new()));
    }

    mod s3 {
        use super::super::*;

        vfs::test_vfs!(VfsAdapter::new(bucket()));
    }

    mod s3_below_a_directory {
        use super::super::*;

        fn directory() -> Box<dyn FileSystem> {
            let fs = bucket();
            fs.makedirs("some/where").unwrap();
            Box::new(fs.into_dir("some/where").unwrap())
        }

        vfs::test_vfs!(VfsAdapter::new(directory()));
    }

    mod local_disk {
        use super::super::*;

        /// A directory for each root, kept until the end of the program.
        fn directory() -> OsFs {
            static ROOTS: Mutex<Vec<Directory>> = Mutex::new(Vec::new());
            let root = Directory::new();
            let fs = OsFs::new(&*root).unwrap();
            ROOTS.lock().unwrap().push(root);
            fs
        }

        vfs::test_vfs!(VfsAdapter::new(directory()));
    }
}

fn root<F: FileSystem + 'static>(fs: F) -> VfsPath {
    VfsPath::new(VfsAdapter::new(fs))
}

#[test]
fn a_file_is_stored_only_when_it_is_dropped() {
    let server = Server::start();
    let fs = common::open(&server);
    let path = root(fs.clone()).join("f").unwrap();
    let mut file = path.create_file().unwrap();
    file.write_all(b"content").unwrap();
    file.flush().unwrap();
    assert!(!path.exists().unwrap());
    drop(file);
    assert_eq!(fs.readtext("f").unwrap(), "content");
    let mut file = path.append_file().unwrap();
    file.write_all(b", more").unwrap();
    assert_eq!(fs.readtext("f").unwrap(), "content");
    drop(file);
    assert_eq!(fs.readtext("f").unwrap(), "content, more");
    let mut file = path.append_file().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(b"C").unwrap();
    drop(file);
    assert_eq!(path.read_to_string().unwrap(), "Content, more");
}

#[test]
fn a_panic_stores_nothing_and_leaves_the_old_file() {
    let server = Server::start();
    for streaming in [false, true] {
        let fs = common::open(&server);
        fs.writetext("f", "old").unwrap();
        let adapter = VfsAdapter::new(fs.clone()).streaming(streaming);
        let path = VfsPath::new(adapter).join("f").unwrap();
        let interrupted = catch_unwind(AssertUnwindSafe(|| {
            let mut file = path.create_file().unwrap();
            file.write_all(b"half").unwrap();
            panic!("as it should");
        }));
        interrupted.unwrap_err();
        assert_eq!(fs.readtext("f").unwrap(), "old");
    }
}

#[test]
fn a_file_written_by_a_destructor_during_a_panic_is_stored() {
    struct LastWords(VfsPath);

    impl Drop for LastWords {
        fn drop(&mut self) {
            let mut file = self.0.create_file().unwrap();
            file.write_all(b"it panicked").unwrap();
        }
    }

    let fs = MemoryFs::new();
    let words = LastWords(root(fs.clone()).join("last").unwrap());
    let interrupted = catch_unwind(AssertUnwindSafe(move || {
        let _words = words;
        panic!("as it should");
    }));
    interrupted.unwrap_err();
    assert_eq!(fs.readtext("last").unwrap(), "it panicked");
}

#[test]
fn a_file_that_cannot_be_stored_is_logged_and_reported() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.writetext("f", "old").unwrap();
    let refuse = Rule::on("PutObject").always();
    server
        .faults()
        .add(refuse, Fault::error(403, "AccessDenied"));
    let reported = Arc::new(Mutex::new(Vec::new()));
    let reports = Arc::clone(&reported);
    let adapter = VfsAdapter::new(fs.clone()).on_close_error(move |path, error| {
        let report = (path.to_owned(), error.kind());
        reports.lock().unwrap().push(report);
    });
    let path = VfsPath::new(adapter).join("f").unwrap();
    let lines = logged::lines(|| path.create_file().unwrap().write_all(b"new").unwrap());
    let is_error = |line: &&logged::Line| line.level == log::Level::Error;
    let errors: Vec<&logged::Line> = lines.iter().filter(is_error).collect();
    assert_eq!(errors.len(), 1, "{lines:?}");
    let text = &errors[0].text;
    assert!(
        text.starts_with("\"/f\" could not be stored") && text.contains("AccessDenied"),
        "{text}"
    );
    let expected = [("/f".to_owned(), ErrorKind::PermissionDenied)];
    assert_eq!(*reported.lock().unwrap(), expected);
    server.faults().clear();
    assert_eq!(fs.readtext("f").unwrap(), "old");
}

#[test]
fn a_concurrently_replaced_file_is_not_stored() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.writetext("f", "old").unwrap();
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&kinds);
    let adapter = VfsAdapter::new(fs.clone())
        .on_close_error(move |_, error| kept.lock().unwrap().push(error.kind()));
    let mut file = VfsPath::new(adapter)
        .join("f")
        .unwrap()
        .append_file()
        .unwrap();
    file.write_all(b", more").unwrap();
    fs.writetext("f", "of another").unwrap();
    drop(file);
    assert_eq!(*kinds.lock().unwrap(), [ErrorKind::ResourceChanged]);
    assert_eq!(fs.readtext("f").unwrap(), "of another");
}

#[test]
fn streamed_files_are_uploaded_in_parts_and_cannot_seek() {
    let server = Server::start();
    let fs = common::builder(&server).part_size(5 << 20).build().unwrap();
    let adapter = VfsAdapter::new(fs.clone()).streaming(true);
    let path = VfsPath::new(adapter).join("big").unwrap();
    let mut file = path.create_file().unwrap();
    let content = vec![7; 11 << 20];
    server.take_requests();
    file.write_all(&content).unwrap();
    common::wait_until("a part has come before the end", || {
        let requests = server.requests();
        requests.iter().any(|one| one.operation == "UploadPart")
    });
    let error = file.seek(SeekFrom::Start(0)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    assert_eq!(file.stream_position().unwrap(), 11 << 20);
    drop(file);
    common::assert_same_bytes(fs.readbytes("big").unwrap(), content, "what was streamed");
}

#[test]
fn a_file_and_a_directory_of_one_name_are_one_entry_which_is_the_file() {
    let server = Server::start();
    let bucket = server.bucket(test_server::BUCKET);
    bucket.put("x", "file");
    bucket.put("x/y", "below");
    let root = root(common::open(&server));
    let entries: Vec<_> = root.read_dir().unwrap().collect();
    assert_eq!(entries.len(), 1);
    let metadata = entries[0].metadata().unwrap();
    assert_eq!((metadata.file_type, metadata.len), (VfsFileType::File, 4));
    // The directory can still be read.
    let below: Vec<_> = entries[0].read_dir().unwrap().collect();
    assert_eq!(below[0].read_to_string().unwrap(), "below");
}

#[test]
fn times_that_cannot_be_set_are_not_supported() {
    let server = Server::start();
    let fs = common::open(&server);
    server.bucket(test_server::BUCKET).put("d/f", "content");
    let path = root(fs).join("d/f").unwrap();
    let metadata = path.metadata().unwrap();
    assert!(metadata.modified.is_some());
    assert!(metadata.created.is_none() && metadata.accessed.is_none());
    assert!(path.parent().metadata().unwrap().modified.is_none());
    let now = SystemTime::now();
    for result in [
        path.set_creation_time(now),
        path.set_access_time(now),
        path.set_modification_time(now),
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(error.kind(), VfsErrorKind::NotSupported),
            "{error}"
        );
    }
    let missing = path.parent().join("missing").unwrap();
    let error = missing.set_modification_time(now).unwrap_err();
    assert!(
        matches!(error.kind(), VfsErrorKind::FileNotFound),
        "{error}"
    );
}

#[test]
fn one_time_is_set_and_the_other_stays() {
    let directory = Directory::new();
    let path = root(OsFs::new(&*directory).unwrap()).join("f").unwrap();
    drop(path.create_file().unwrap());
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::new(seconds, 123_456_700);
    path.set_modification_time(at(1_000)).unwrap();
    path.set_access_time(at(2_000)).unwrap();
    let metadata = path.metadata().unwrap();
    assert_eq!(metadata.modified, Some(at(1_000)));
    assert_eq!(metadata.accessed, Some(at(2_000)));
    path.set_modification_time(at(3_000)).unwrap();
    assert_eq!(path.metadata().unwrap().accessed, Some(at(2_000)));
    // A time beyond the range of the calendar.
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50);
    let error = path.set_modification_time(far).unwrap_err();
    assert!(matches!(error.kind(), VfsErrorKind::IoError(_)), "{error}");
}

#[test]
fn errors_have_the_kinds_of_vfs_and_keep_their_text() {
    let fs = bucket();
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    fs.writetext("g", "content").unwrap();
    let root = root(fs.clone());
    let at = |path: &str| root.join(path).unwrap();
    let cause = |error: &vfs::VfsError| std::error::Error::source(error).unwrap().to_string();

    let error = at("d/missing").metadata().unwrap_err();
    assert!(matches!(error.kind(), VfsErrorKind::FileNotFound));
    assert!(cause(&error).contains("resource not found: \"/d/missing\""));
    let error = at("d").create_dir().unwrap_err();
    assert!(matches!(error.kind(), VfsErrorKind::DirectoryExists));
    let error = at("g").create_dir().unwrap_err();
    assert!(matches!(error.kind(), VfsErrorKind::FileExists));
    assert!(cause(&error).contains("\"/g\""));
    let error = at("d\0").metadata().unwrap_err();
    assert!(matches!(error.kind(), VfsErrorKind::InvalidPath));

    // The checks of `vfs` do not decide: another program may interfere between check and call.
    let adapter: &dyn vfs::FileSystem = &VfsAdapter::new(fs);
    for error in [
        adapter.copy_file("/g", "/d/f").unwrap_err(),
        adapter.move_file("/g", "/d/f").unwrap_err(),
    ] {
        assert!(matches!(error.kind(), VfsErrorKind::FileExists), "{error}");
    }
    assert_eq!(at("d/f").read_to_string().unwrap(), "content");

    for (error, kind) in [
        (
            at("d").remove_dir().unwrap_err(),
            ErrorKind::DirectoryNotEmpty,
        ),
        (
            at("g").read_dir().map(drop).unwrap_err(),
            ErrorKind::DirectoryExpected,
        ),
        (
            at("d").open_file().map(drop).unwrap_err(),
            ErrorKind::FileExpected,
        ),
        (
            at("d").create_file().map(drop).unwrap_err(),
            ErrorKind::FileExpected,
        ),
        (root.remove_dir().unwrap_err(), ErrorKind::RemoveRoot),
    ] {
        let VfsErrorKind::IoError(io) = error.kind() else {
            panic!("{error}");
        };
        let inner = io
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<s3fs::Error>());
        assert_eq!(inner.map(s3fs::Error::kind), Some(kind), "{error}");
    }
}

#[test]
fn a_refused_copy_or_move_is_not_repeated_by_vfs() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    let refuse = Rule::on("CopyObject").always();
    server
        .faults()
        .add(refuse, Fault::error(403, "AccessDenied"));
    let root = root(fs.clone());
    let at = |path: &str| root.join(path).unwrap();
    at("d/f").copy_file(&at("d/g")).unwrap_err();
    at("d/f").move_file(&at("d/g")).unwrap_err();
    at("d").move_dir(&at("e")).unwrap_err();
    assert_eq!(fs.listdir("d").unwrap(), ["f"]);
    assert!(!fs.exists("e/f").unwrap());
}

#[test]
fn copies_and_moves_are_done_by_the_server() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    let root = root(fs);
    let at = |path: &str| root.join(path).unwrap();
    server.take_requests();
    at("d/f").copy_file(&at("d/g")).unwrap();
    at("d/g").move_file(&at("d/h")).unwrap();
    at("d").move_dir(&at("e")).unwrap();
    let requests = server.take_requests();
    let count = |operation: &str| {
        let of_it = requests.iter().filter(|one| one.operation == operation);
        of_it.count()
    };
    assert_eq!((count("GetObject"), count("UploadPart")), (0, 0));
    assert!(count("CopyObject") >= 4);
    assert_eq!(at("e/h").read_to_string().unwrap(), "content");
    assert!(!at("d").exists().unwrap());
}

#[test]
fn parents_are_not_checked_and_directories_vanish_without_strict() {
    let server = Server::start();
    let fs = common::open_lenient(&server);
    server.bucket(test_server::BUCKET).put("d/f", "content");
    let root = root(fs);
    let at = |path: &str| root.join(path).unwrap();
    at("d/f").copy_file(&at("new/g")).unwrap();
    assert_eq!(at("new/g").read_to_string().unwrap(), "content");
    let error = at("new").remove_dir_all().unwrap_err();
    assert!(
        matches!(error.kind(), VfsErrorKind::FileNotFound),
        "{error}"
    );
    assert!(!at("new").exists().unwrap());
}

#[test]
fn the_adapter_sends_the_documented_requests() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    let root = root(fs.clone());
    let at = |path: &str| root.join(path).unwrap();
    let took = |work: &dyn Fn()| {
        server.take_requests();
        work();
        server.take_requests().len()
    };
    let counts = [
        took(&|| assert!(at("d/f").exists().unwrap())),
        took(&|| assert_eq!(at("d/f").metadata().unwrap().len, 7)),
        took(&|| assert!(at("d").exists().unwrap())),
        took(&|| assert_eq!(at("d").metadata().unwrap().len, 0)),
        took(&|| {
            let mut content = String::new();
            let mut file = at("d/f").open_file().unwrap();
            file.read_to_string(&mut content).unwrap();
        }),
        took(&|| assert_eq!(at("d").read_dir().unwrap().count(), 1)),
        took(&|| at("d/g").create_file().unwrap().write_all(b"g").unwrap()),
        took(&|| fs.writetext("d/h", "h").unwrap()),
        took(&|| drop(at("d/f").read_to_string().unwrap())),
        took(&|| drop(fs.readtext("d/f").unwrap())),
    ];
    assert_eq!(counts, [1, 1, 2, 2, 1, 1, 7, 3, 2, 1]);
}

#[test]
fn the_adapter_shows_its_filesystem_and_no_secret() {
    let adapter = VfsAdapter::new(bucket());
    let shown = format!("{adapter:?}");
    assert!(
        shown.starts_with("VfsAdapter { fs: ") && shown.contains("vfs-"),
        "{shown}"
    );
    let shown = format!("{shown}{:?}", VfsPath::new(adapter));
    assert!(!shown.contains(test_server::SECRET_KEY), "{shown}");
}
