//! Copies on a condition: what they ask of a target on S3, counted there.

use s3fs::copy::{Condition, copy_dir_if, copy_fs_if};
use s3fs::{FileSystemExt, MemoryFs, S3Fs, TransferOptions};

use crate::common;
use crate::support::{LoggedRequest, Server};

/// `t/0000` to `t/2499`, each with `old` in it.
fn large_target(server: &Server) -> S3Fs {
    for number in 0..2_500 {
        server
            .bucket("bucket")
            .put(&format!("t/{number:04}"), "old");
    }
    common::open_lenient(server)
}

fn source(names: &[&str]) -> MemoryFs {
    let fs = MemoryFs::new();
    for name in names {
        fs.writetext(name, "new").unwrap();
    }
    fs
}

/// Requests for whole trees, and looks at single files.
fn listings_and_looks(requests: &[LoggedRequest]) -> (usize, usize) {
    let is_tree = |request: &&LoggedRequest| {
        request.operation == "ListObjectsV2"
            && request.query("max-keys").is_none()
            && request.query("delimiter").is_none()
    };
    let is_look = |request: &&LoggedRequest| request.operation == "HeadObject";
    (
        requests.iter().filter(is_tree).count(),
        requests.iter().filter(is_look).count(),
    )
}

#[test]
fn the_target_is_listed_once_and_not_asked_about_each_file() {
    let server = Server::start();
    let fs = large_target(&server);
    // The times of the target are not older; what it does not have is both newer and older.
    let src = source(&["0001", "0500", "1999", "2000", "2499", "a", "b", "z"]);
    for (condition, copied) in [
        (Condition::Exists, 5),
        (Condition::NotExists, 3),
        (Condition::NotExists, 0),
    ] {
        server.take_requests();
        let options = TransferOptions::new();
        let report = copy_dir_if(&src, "/", &fs, "t/./x/..", condition, &options).unwrap();
        assert_eq!(report.copied(), copied, "{condition:?}");
        let requests = server.take_requests();
        assert_eq!(listings_and_looks(&requests), (3, 0), "{condition:?}");
        let puts = requests
            .iter()
            .filter(|asked| asked.operation == "PutObject");
        assert_eq!(puts.count(), copied);
    }
    assert_eq!(fs.readtext("t/0500").unwrap(), "new");
    assert_eq!(fs.readtext("t/0501").unwrap(), "old");
}

#[test]
fn a_target_that_is_much_larger_is_looked_at_file_by_file() {
    let server = Server::start();
    let fs = large_target(&server);
    for (names, copied, looks) in [(&["0500"], 1, 1), (&["zz"], 0, 1)] {
        server.take_requests();
        let (src, options) = (source(names), TransferOptions::new());
        let report = copy_dir_if(&src, "/", &fs, "t", Condition::Exists, &options).unwrap();
        assert_eq!(report.copied(), copied, "{names:?}");
        // The listing is given up after 1,000 entries for the one file.
        let asked = listings_and_looks(&server.take_requests());
        assert_eq!(asked, (1, looks), "{names:?}");
    }
}

#[test]
fn nothing_is_listed_for_nothing_and_what_is_not_there_is_known_at_once() {
    let server = Server::start();
    let fs = common::open_lenient(&server);
    let options = TransferOptions::new();
    copy_dir_if(&MemoryFs::new(), "/", &fs, "t", Condition::Newer, &options).unwrap();
    assert_eq!(listings_and_looks(&server.take_requests()).0, 0);
    let src = source(&["a", "b", "c"]);
    let report = copy_dir_if(&src, "/", &fs, "new", Condition::Older, &options).unwrap();
    assert_eq!(report.copied(), 3);
    assert_eq!(listings_and_looks(&server.take_requests()).0, 1);
}

#[test]
fn a_directory_that_the_copy_makes_does_not_keep_a_file_beside_it_away() {
    let (server, other) = (Server::start(), Server::start());
    for key in ["x", "x/y"] {
        server.bucket("bucket").put(key, "content");
    }
    let (src, dst) = (common::open(&server), common::open(&other));
    let options = TransferOptions::new();
    let report = copy_fs_if(&src, &dst, Condition::NotExists, &options).unwrap();
    assert_eq!(report.copied(), 2);
    assert_eq!(other.bucket("bucket").keys(), ["x", "x/", "x/y"]);
    let report = copy_fs_if(&src, &dst, Condition::Newer, &options).unwrap();
    assert_eq!(report.copied(), 0);
}
