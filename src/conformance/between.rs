//! Copying, moving and mirroring between this filesystem and another one.

use time::{Duration, OffsetDateTime};

use super::{Case, fails, names};
use crate::copy::{self, Condition};
use crate::error::{ErrorKind, Result};
use crate::extension::FileSystemExt;
use crate::filesystem::FileSystem;
use crate::info::Namespaces;
use crate::memoryfs::MemoryFs;
use crate::mirror::mirror;
use crate::{TransferOptions, moving};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_tree_is_copied_in_and_out",
        check: a_tree_is_copied_in_and_out,
    },
    Case {
        name: "a_directory_is_copied_into_another",
        check: a_directory_is_copied_into_another,
    },
    Case {
        name: "the_structure_is_copied_without_files",
        check: the_structure_is_copied_without_files,
    },
    Case {
        name: "a_file_is_copied_in_and_out",
        check: a_file_is_copied_in_and_out,
    },
    Case {
        name: "a_condition_chooses_what_is_copied",
        check: a_condition_chooses_what_is_copied,
    },
    Case {
        name: "a_tree_is_moved_in_and_out",
        check: a_tree_is_moved_in_and_out,
    },
    Case {
        name: "a_file_is_moved_in_and_out",
        check: a_file_is_moved_in_and_out,
    },
    Case {
        name: "a_mirror_makes_one_tree_like_the_other",
        check: a_mirror_makes_one_tree_like_the_other,
    },
];

fn make_tree(fs: &dyn FileSystem) {
    fs.makedirs("a/b/c").unwrap();
    fs.makedir("empty").unwrap();
    fs.writetext("top.txt", "Hello").unwrap();
    fs.writetext("a/é", "in a").unwrap();
    fs.writetext("a/b/c/deep.txt", "Goodbye").unwrap();
}

/// Paths, with the content of files.
#[track_caller]
fn tree(fs: &dyn FileSystem) -> Vec<(String, Option<String>)> {
    let entries = fs.walk().info("/", Namespaces::BASIC);
    let mut tree: Vec<_> = entries
        .map(|entry| {
            let (path, info) = entry?;
            let text = info.is_file().then(|| fs.readtext(&path)).transpose()?;
            Ok((path, text))
        })
        .collect::<Result<_>>()
        .unwrap();
    tree.sort();
    tree
}

fn made() -> MemoryFs {
    let fs = MemoryFs::new();
    make_tree(&fs);
    fs
}

fn a_tree_is_copied_in_and_out(fs: &dyn FileSystem) {
    let src = made();
    for workers in [0, 1, 2, 4] {
        let options = TransferOptions::new().workers(workers);
        let report = copy::copy_fs(&src, fs, &options).unwrap();
        assert_eq!((report.copied(), report.bytes()), (3, 16));
        assert_eq!(tree(fs), tree(&src));
        let dst = MemoryFs::new();
        copy::copy_fs(fs, &dst, &options).unwrap();
        assert_eq!(tree(&dst), tree(&src));
        fs.removetree("/").unwrap();
    }
}

fn a_directory_is_copied_into_another(fs: &dyn FileSystem) {
    make_tree(fs);
    let (dst, options) = (MemoryFs::new(), TransferOptions::new());
    copy::copy_dir(fs, "a/b", &dst, "/", &options).unwrap();
    copy::copy_dir(fs, "/a/", &dst, "new/er", &options).unwrap();
    let files: Result<Vec<String>> = dst.walk().files("/").collect();
    let mut files = files.unwrap();
    files.sort();
    assert_eq!(files, ["/c/deep.txt", "/new/er/b/c/deep.txt", "/new/er/é"]);
    copy::copy_dir(&dst, "c", fs, "empty", &options).unwrap();
    assert_eq!(fs.readtext("empty/deep.txt").unwrap(), "Goodbye");
    let missing = copy::copy_dir(fs, "x", &dst, "y", &options);
    fails(missing, ErrorKind::ResourceNotFound, "x");
    let file = copy::copy_dir(fs, "top.txt", &dst, "y", &options);
    fails(file, ErrorKind::DirectoryExpected, "top.txt");
    assert!(!dst.exists("y").unwrap());
}

fn the_structure_is_copied_without_files(fs: &dyn FileSystem) {
    let (src, options) = (made(), TransferOptions::new());
    copy::copy_structure(&src, "/", fs, "/", &options).unwrap();
    let paths: Vec<_> = tree(fs).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/a", "/a/b", "/a/b/c", "/empty"]);
    let dst = MemoryFs::new();
    copy::copy_structure(fs, "a", &dst, "/", &options).unwrap();
    let paths: Vec<_> = tree(&dst).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/b", "/b/c"]);
}

fn a_file_is_copied_in_and_out(fs: &dyn FileSystem) {
    let (src, options) = (made(), TransferOptions::new());
    copy::copy_file(&src, "a/é", fs, "copy", &options).unwrap();
    copy::copy_file(&src, "top.txt", fs, "copy", &options).unwrap();
    assert_eq!(fs.readtext("copy").unwrap(), "Hello");
    copy::copy_file(fs, "copy", &src, "a/back", &options).unwrap();
    assert_eq!(src.readtext("a/back").unwrap(), "Hello");
    copy::copy_file(fs, "copy", fs, "again", &options).unwrap();
    assert_eq!(names(fs, "/"), ["again", "copy"]);
    let missing = copy::copy_file(&src, "x", fs, "copy", &options);
    fails(missing, ErrorKind::ResourceNotFound, "x");
    let nowhere = copy::copy_file(fs, "copy", &src, "x/y", &options);
    fails(nowhere, ErrorKind::ResourceNotFound, "x/y");
    assert_eq!(fs.readtext("copy").unwrap(), "Hello");
}

fn a_condition_chooses_what_is_copied(fs: &dyn FileSystem) {
    let (src, options) = (made(), TransferOptions::new());
    fs.makedir("a").unwrap();
    fs.writetext("a/é", "older").unwrap();
    let copied = |condition| {
        let report = copy::copy_fs_if(&src, fs, condition, &options).unwrap();
        report.copied()
    };
    assert_eq!(copied(Condition::NotExists), 2);
    assert_eq!(fs.readtext("a/é").unwrap(), "older");
    assert_eq!(copied(Condition::NotExists), 0);
    fs.remove("top.txt").unwrap();
    assert_eq!(copied(Condition::Exists), 2);
    assert_eq!(fs.readtext("a/é").unwrap(), "in a");
    assert!(!fs.exists("top.txt").unwrap());
    // What the target does not have is newer than what it has.
    let one = copy::copy_file_if(&src, "top.txt", fs, "top.txt", Condition::Newer, &options);
    assert!(one.unwrap());
    let one = copy::copy_file_if(&src, "a/é", fs, "a/é", Condition::NotExists, &options);
    assert!(!one.unwrap());
}

fn a_tree_is_moved_in_and_out(fs: &dyn FileSystem) {
    let (src, options) = (made(), TransferOptions::new());
    let expected = tree(&src);
    let report = moving::move_fs(&src, fs, &options).unwrap();
    assert!(report.left_behind().is_empty());
    assert_eq!(tree(fs), expected);
    assert!(src.isempty("/").unwrap());
    moving::move_dir(fs, "a", &src, "b", &options).unwrap();
    assert_eq!(src.readtext("b/b/c/deep.txt").unwrap(), "Goodbye");
    assert_eq!(names(fs, "/"), ["empty", "top.txt"]);
    moving::move_dir(&src, "b/b", fs, "empty", &options).unwrap();
    assert_eq!(names(fs, "empty"), ["c"]);
    assert_eq!(names(&src, "b"), ["é"]);
    // The same filesystem, as another one.
    moving::move_dir(fs, "empty", fs, "full", &options).unwrap();
    assert_eq!(fs.readtext("full/c/deep.txt").unwrap(), "Goodbye");
    assert!(!fs.exists("empty").unwrap());
}

fn a_file_is_moved_in_and_out(fs: &dyn FileSystem) {
    let (src, options) = (made(), TransferOptions::new());
    moving::move_file(&src, "a/é", fs, "é", &options).unwrap();
    assert_eq!(names(fs, "/"), ["é"]);
    assert_eq!(names(&src, "a"), ["b"]);
    moving::move_file(fs, "é", fs, "e", &options).unwrap();
    assert_eq!(names(fs, "/"), ["e"]);
    let nowhere = moving::move_file(fs, "e", &src, "x/y", &options);
    fails(nowhere, ErrorKind::ResourceNotFound, "x/y");
    assert_eq!(fs.readtext("e").unwrap(), "in a");
    moving::move_file(fs, "e", &src, "top.txt", &options).unwrap();
    assert_eq!(src.readtext("top.txt").unwrap(), "in a");
    assert!(fs.isempty("/").unwrap());
}

fn a_mirror_makes_one_tree_like_the_other(fs: &dyn FileSystem) {
    let (src, options) = (made(), TransferOptions::new());
    // Stores keep whole seconds: what is that old is not newer than its copy.
    let yesterday = OffsetDateTime::now_utc() - Duration::days(1);
    for file in ["top.txt", "a/é", "a/b/c/deep.txt"] {
        src.settimes(file, None, Some(yesterday)).unwrap();
    }
    fs.makedirs("old/er").unwrap();
    fs.writetext("old/er/f", "x").unwrap();
    fs.writetext("empty", "a file, where the source has a directory")
        .unwrap();
    mirror(&src, fs, &options).unwrap();
    assert_eq!(tree(fs), tree(&src));
    let again = mirror(&src, fs, &options).unwrap();
    assert!(again.actions().is_empty(), "{:?}", again.actions());
    let dst = MemoryFs::new();
    mirror(fs, &dst, &options).unwrap();
    assert_eq!(tree(&dst), tree(&src));
    let nothing = mirror(&MemoryFs::new(), fs, &options);
    fails(nothing, ErrorKind::ResourceNotFound, "/");
    assert_eq!(tree(fs), tree(&src));
}
