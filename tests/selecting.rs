//! Files that copies, moves and mirrors select from a tree, and comparisons of mirrors.

use std::time::{Duration, SystemTime};

use s3fs::copy::copy_fs;
use s3fs::mirror::mirror;
use s3fs::moving::move_fs;
use s3fs::{
    Action, Compare, ErrorKind, FileSystem, FileSystemExt as _, MemoryFs, OsFs, S3Fs,
    TransferOptions, Walker,
};
use test_server::{BUCKET, Object, Server};

use crate::common::{self, asked};
use crate::local::Directory as Scratch;

const TREE: [&str; 6] = [
    "a.csv",
    "b.tmp",
    ".git/config",
    "sub/c.csv",
    "sub/.git/x/y",
    "sub/d.tmp",
];

fn fill(fs: &dyn FileSystem, files: &[&str]) {
    for file in files {
        if let Some((directory, _)) = file.rsplit_once('/') {
            let recreate = s3fs::MakedirOptions::new().recreate(true);
            fs.makedirs_with(directory, &recreate).unwrap();
        }
        fs.writetext(file, file).unwrap();
    }
}

fn files(fs: &dyn FileSystem) -> Vec<String> {
    let files = fs
        .walk()
        .files("/")
        .map(|path| path.unwrap()[1..].to_owned());
    let mut files: Vec<String> = files.collect();
    files.sort();
    files
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    names.sort();
    names
}

fn without_git_and_tmp() -> TransferOptions<'static> {
    let walker = Walker::new().exclude_dirs([".git"]).exclude(["*.tmp"]);
    TransferOptions::new().walker(walker)
}

/// Returns one empty filesystem of each kind.
fn each_kind(server: &Server, scratch: &Scratch, name: &str) -> Vec<Box<dyn FileSystem>> {
    let lenient = common::builder(server).dir_path(name).strict(false);
    let strict = common::builder(server).dir_path(format!("strict/{name}"));
    let disk = scratch.join(name);
    std::fs::create_dir_all(&disk).unwrap();
    vec![
        Box::new(MemoryFs::new()),
        Box::new(OsFs::new(disk).unwrap()),
        Box::new(lenient.build().unwrap()),
        Box::new(strict.build().unwrap()),
    ]
}

#[test]
fn trees_are_copied_moved_and_mirrored_without_excluded_files() {
    let server = Server::start();
    let scratch = Scratch::new();
    for from in 0..4 {
        for to in 0..4 {
            let name = |what: &str| format!("{what}-{from}-{to}");
            let source = each_kind(&server, &scratch, &name("src")).swap_remove(from);
            fill(&*source, &TREE);
            let wanted = sorted(&["a.csv", "sub/c.csv"]);
            for what in ["copy", "mirror", "move"] {
                let target = each_kind(&server, &scratch, &name(what)).swap_remove(to);
                let options = without_git_and_tmp();
                let report = match what {
                    "copy" => copy_fs(&*source, &*target, &options),
                    "mirror" => mirror(&*source, &*target, &options),
                    _ => move_fs(&*source, &*target, &options),
                };
                let report = report.unwrap();
                assert_eq!(files(&*target), wanted, "{what} {from} {to}");
                assert!(!target.exists(".git").unwrap() && !target.exists("sub/.git").unwrap());
                assert!(
                    report.left_behind().is_empty(),
                    "{:?}",
                    report.left_behind()
                );
            }
            // Files that the move excluded stay in place.
            let left = ["b.tmp", ".git/config", "sub/.git/x/y", "sub/d.tmp"];
            assert_eq!(files(&*source), sorted(&left), "{from} {to}");
        }
    }
}

#[test]
fn an_excluded_directory_of_the_local_disk_is_not_read() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let scratch = Scratch::new();
    let disk = OsFs::new(&*scratch).unwrap();
    fill(&disk, &TREE);
    let odd = scratch.join(".git").join(OsStr::from_bytes(b"\xff"));
    std::fs::write(odd, "").unwrap();
    let all = copy_fs(&disk, &MemoryFs::new(), &TransferOptions::new());
    assert_eq!(all.unwrap_err().kind(), ErrorKind::Unsupported);
    let target = MemoryFs::new();
    copy_fs(&disk, &target, &without_git_and_tmp()).unwrap();
    assert_eq!(files(&target), sorted(&["a.csv", "sub/c.csv"]));
}

#[test]
fn excluding_files_costs_no_additional_request() {
    let server = Server::start();
    let fs = common::open_lenient(&server);
    for number in 0..1500 {
        let end = if number % 2 == 0 { "csv" } else { "tmp" };
        server
            .bucket(BUCKET)
            .put(&format!("d{}/{number}.{end}", number % 3), "x");
    }
    let listings = |options: TransferOptions<'_>| {
        server.take_requests();
        let target = MemoryFs::new();
        copy_fs(&fs, &target, &options.workers(4)).unwrap();
        (asked(&server, "ListObjectsV2").len(), files(&target).len())
    };
    let (every, count) = listings(TransferOptions::new());
    assert_eq!(count, 1500);
    for options in [
        TransferOptions::new().walker(Walker::new().exclude(["*.tmp"])),
        TransferOptions::new().filter(|path, _| path.ends_with(".csv")),
        TransferOptions::new().walker(Walker::new().filter_glob(["**/*.csv"])),
    ] {
        assert_eq!(listings(options), (every, 750));
    }
}

#[test]
fn a_mirror_keeps_excluded_files_in_the_target() {
    let server = Server::start();
    let scratch = Scratch::new();
    for (number, target) in each_kind(&server, &scratch, "target")
        .into_iter()
        .enumerate()
    {
        let source = MemoryFs::new();
        fill(&source, &["a.csv", "sub/c.csv"]);
        let more = [
            "old.csv",
            "old.tmp",
            "extra/e.csv",
            "extra/e.tmp",
            "gone/g.csv",
            ".git/x",
        ];
        fill(&*target, &more);
        let dry = mirror(
            &source,
            &*target,
            &without_git_and_tmp().keep_extra(true).dry_run(true),
        );
        let removes = |action: &Action| !matches!(action, Action::Copy { .. } | Action::Makedir(_));
        assert!(!dry.unwrap().actions().iter().any(removes), "{number}");
        mirror(&source, &*target, &without_git_and_tmp().keep_extra(true)).unwrap();
        assert!(target.exists("old.csv").unwrap() && target.exists("gone/g.csv").unwrap());
        mirror(&source, &*target, &without_git_and_tmp()).unwrap();
        let left = ["a.csv", "sub/c.csv", "old.tmp", "extra/e.tmp", ".git/x"];
        assert_eq!(files(&*target), sorted(&left), "{number}");
        assert!(!target.exists("gone").unwrap(), "{number}");
    }
}

#[test]
fn a_file_excluded_in_the_source_is_not_removed_in_the_target() {
    let (source, target) = (MemoryFs::new(), MemoryFs::new());
    source.writetext("f", "much longer").unwrap();
    target.writetext("f", "short").unwrap();
    target.writetext("g", "short").unwrap();
    let options = TransferOptions::new().filter(|_, info| info.size() < Some(6));
    mirror(&source, &target, &options).unwrap();
    assert_eq!(files(&target), ["f"]);
    assert_eq!(target.readtext("f").unwrap(), "short");
}

#[test]
fn a_source_with_only_excluded_files_is_not_empty() {
    let (source, target) = (MemoryFs::new(), MemoryFs::new());
    source.writetext("b.tmp", "").unwrap();
    let report = mirror(&source, &target, &without_git_and_tmp()).unwrap();
    assert!(report.actions().is_empty());
    let error = mirror(&MemoryFs::new(), &target, &without_git_and_tmp()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceNotFound);
}

/// A source in which each file is newer than in the target, whatever the content.
fn pair(server: &Server) -> (S3Fs, OsFs, Scratch) {
    let scratch = Scratch::new();
    let disk = OsFs::new(&*scratch).unwrap();
    for (name, here, there) in [
        ("same", "content", "content"),
        ("other", "content", "contenT"),
        ("longer", "content", "content!"),
    ] {
        disk.writetext(name, there).unwrap();
        let mut object = Object::new(here.to_owned());
        object.modified = SystemTime::now() + Duration::from_secs(3600);
        server.bucket(BUCKET).put_with(name, object);
    }
    (common::open_lenient(server), disk, scratch)
}

#[test]
fn a_mirror_compares_as_configured() {
    for (compare, expected) in [
        (Compare::SizeAndTime, ["longer", "other", "same"].as_slice()),
        (Compare::Size, &["longer"]),
        (Compare::Content, &["longer", "other"]),
    ] {
        let server = Server::start();
        let (fs, disk, _scratch) = pair(&server);
        let options = || TransferOptions::new().compare(compare);
        let dry = mirror(&fs, &disk, &options().dry_run(true)).unwrap();
        let copied = |report: &s3fs::Report| {
            let paths = report.actions().iter().map(|action| match action {
                Action::Copy { dst_path, .. } => dst_path[1..].to_owned(),
                action => panic!("{action}"),
            });
            let mut paths: Vec<String> = paths.collect();
            paths.sort();
            paths
        };
        assert_eq!(copied(&dry), expected, "{compare:?}");
        assert_eq!(dry.bytes(), 7 * expected.len() as u64);
        assert!(
            asked(&server, "GetObject").is_empty(),
            "the digests are known"
        );
        let report = mirror(&fs, &disk, &options()).unwrap();
        assert_eq!(copied(&report), expected);
        assert_eq!(report.bytes(), dry.bytes());
        // And back, when nothing is left to copy.
        let back = mirror(&disk, &fs, &options()).unwrap();
        assert_eq!(copied(&back).len(), 0, "{compare:?}");
    }
}

#[test]
fn contents_without_a_digest_are_read_and_compared() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    for (name, e_tag) in [("a", "0123-2"), ("b", "4567-2")] {
        let mut object = Object::new("content".to_owned());
        object.etag = e_tag.to_owned();
        bucket.put_with(&format!("src/{name}"), object.clone());
        object.etag = "89ab-3".to_owned();
        bucket.put_with(&format!("dst/{name}"), object);
    }
    let mut object = Object::new("Content".to_owned());
    object.etag = "89ab-4".to_owned();
    bucket.put_with("dst/b", object);
    let dir = |path: &str| {
        let builder = common::builder(&server).dir_path(path).strict(false);
        builder.build().unwrap()
    };
    let (src, dst) = (dir("src"), dir("dst"));
    let options = TransferOptions::new().compare(Compare::Content).workers(4);
    let report = mirror(&src, &dst, &options).unwrap();
    assert_eq!(report.copied(), 1);
    assert_eq!(bucket.get("dst/b").unwrap().bytes(), b"content");
    // Equal ETags mean equal content: nothing is read.
    server.take_requests();
    mirror(&dst, &dst.clone(), &options).unwrap_err();
    let mut object = Object::new("content".to_owned());
    object.etag = "0123-2".to_owned();
    bucket.put_with("dst/a", object);
    server.take_requests();
    mirror(&src, &dst, &options).unwrap();
    assert!(
        asked(&server, "GetObject")
            .iter()
            .all(|request| !request.key.ends_with('a'))
    );
}

#[test]
fn actions_are_one_line_each() {
    let copy = Action::Copy {
        src_path: "/a\nb".to_owned(),
        dst_path: "/c".to_owned(),
    };
    assert_eq!(copy.to_string(), "copy \"/a\\nb\" to \"/c\"");
    assert_eq!(Action::Remove("/x".to_owned()).to_string(), "remove \"/x\"");
}
