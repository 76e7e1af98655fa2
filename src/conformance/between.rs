//! Copying, moving and mirroring between this filesystem and another one.

use time::{Duration, OffsetDateTime};

use super::{Case, fails, names};
use crate::error::{ErrorKind, Result};
use crate::ext::FileSystemExt;
use crate::filesystem::FileSystem;
use crate::filesystem::info::Namespaces;
use crate::memoryfs::MemoryFs;
use crate::transfer::copy::{self, Condition};
use crate::transfer::mirror::mirror;
use crate::transfer::moving;
use crate::transfer::options::TransferOptions;

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
        name: "the_structure_needs_directories",
        check: the_structure_needs_directories,
    },
    Case {
        name: "two_directories_of_one_filesystem_are_two_filesystems",
        check: two_directories_of_one_filesystem_are_two_filesystems,
    },
    Case {
        name: "a_copy_by_the_filesystem_itself_is_complete",
        check: a_copy_by_the_filesystem_itself_is_complete,
    },
    Case {
        name: "a_file_is_copied_in_and_out",
        check: a_file_is_copied_in_and_out,
    },
    Case {
        name: "a_condition_selects_the_copied_files",
        check: a_condition_selects_the_copied_files,
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

/// Returns all paths, with the content of files.
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

fn the_structure_needs_directories(fs: &dyn FileSystem) {
    let (src, options) = (made(), TransferOptions::new());
    make_tree(fs);
    let expected = tree(fs);
    for (path, kind) in [
        ("x", ErrorKind::ResourceNotFound),
        ("top.txt", ErrorKind::DirectoryExpected),
        ("../a", ErrorKind::IllegalBackReference),
    ] {
        let copied = copy::copy_structure(fs, path, &src, "new", &options);
        fails(copied, kind, path);
        let copied = copy::copy_structure(&src, path, fs, "new", &options);
        fails(copied, kind, path);
    }
    let copied = copy::copy_structure(&src, "a", fs, "top.txt", &options);
    fails(copied, ErrorKind::DirectoryExpected, "top.txt");
    for (src_path, dst_path) in [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("/", "new")] {
        let copied = copy::copy_structure(fs, src_path, fs, dst_path, &options);
        fails(copied, ErrorKind::IllegalDestination, dst_path);
    }
    assert_eq!(tree(fs), expected);
    assert_eq!(tree(&src), expected);
}

fn two_directories_of_one_filesystem_are_two_filesystems(fs: &dyn FileSystem) {
    let options = TransferOptions::new();
    let src = fs.makedir_open("src").unwrap();
    let dst = fs.makedir_open("dst").unwrap();
    make_tree(&src);
    let expected = tree(&src);
    copy::copy_fs(&src, &dst, &options).unwrap();
    assert_eq!(tree(&dst), expected);
    copy::copy_dir(&src, "a", &dst, "new/a", &options).unwrap();
    assert_eq!(
        tree(&dst.opendir("new/a").unwrap()),
        tree(&src.opendir("a").unwrap())
    );
    copy::copy_file(&src, "top.txt", &dst, "a/é", &options).unwrap();
    assert_eq!(dst.readtext("a/é").unwrap(), "Hello");
    moving::move_file(&dst, "top.txt", &src, "a/top.txt", &options).unwrap();
    assert!(!dst.exists("top.txt").unwrap());
    moving::move_file(&src, "a/top.txt", &dst, "top.txt", &options).unwrap();
    mirror(&src, &dst, &options).unwrap();
    assert_eq!(tree(&dst), expected);
    moving::move_dir(&dst, "a", &src, "moved", &options).unwrap();
    assert_eq!(names(&dst, "/"), ["empty", "top.txt"]);
    assert_eq!(
        tree(&src.opendir("moved").unwrap()),
        tree(&src.opendir("a").unwrap())
    );
    moving::move_dir(&src, "moved", &dst, "a", &options).unwrap();
    assert_eq!(
        (tree(&src), tree(&dst)),
        (expected.clone(), expected.clone())
    );
    let capabilities = fs.capabilities();
    if capabilities.is_none_or(|known| known.location("/").unwrap().is_none()) {
        return;
    }
    // The filesystems share their storage, which is detected for any handle.
    for refused in [
        copy::copy_dir(&src, "a", fs, "src/a", &options).map(drop),
        copy::copy_dir(fs, "src", &src, "new", &options).map(drop),
        copy::copy_structure(fs, "src/a", &src, "a", &options).map(drop),
        copy::copy_file(&src, "top.txt", fs, "src/top.txt", &options).map(drop),
        moving::move_dir(fs, "src", &src, "new", &options).map(drop),
        mirror(&src, fs, &options).map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::IllegalDestination);
    }
    moving::move_file(&src, "top.txt", fs, "src/top.txt", &options).unwrap();
    moving::move_dir(&src, "a", fs, "src/a", &options).unwrap();
    assert_eq!((tree(&src), tree(&dst)), (expected.clone(), expected));
}

fn a_copy_by_the_filesystem_itself_is_complete(fs: &dyn FileSystem) {
    make_tree(fs);
    fs.makedir("t").unwrap();
    let expected = tree(&fs.opendir("a").unwrap());
    let Some(capabilities) = fs.capabilities() else {
        return;
    };
    let at = |path| capabilities.location(path).unwrap();
    let (Some(file), Some(directory)) = (at("top.txt"), at("a")) else {
        return;
    };
    let is_done = capabilities.copy_from(&file, "t/copy").unwrap();
    assert_eq!(fs.exists("t/copy").unwrap(), is_done);
    if is_done {
        assert_eq!(fs.readtext("t/copy").unwrap(), "Hello");
        fails(
            capabilities.copy_from(&file, "../x"),
            ErrorKind::IllegalBackReference,
            "../x",
        );
    }
    assert_eq!(fs.readtext("top.txt").unwrap(), "Hello");
    for remove in [false, true] {
        let is_done = capabilities
            .copydir_from(&directory, "t/new", remove)
            .unwrap();
        assert_eq!(fs.exists("t/new").unwrap(), is_done);
        if is_done {
            assert_eq!(tree(&fs.opendir("t/new").unwrap()), expected);
            fs.removetree("t/new").unwrap();
            let above = capabilities.copydir_from(&directory, "../x", false);
            fails(above, ErrorKind::IllegalBackReference, "../x");
        }
        assert_eq!(fs.exists("a").unwrap(), !(is_done && remove));
    }
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

fn a_condition_selects_the_copied_files(fs: &dyn FileSystem) {
    let src = made();
    fs.makedir("a").unwrap();
    fs.writetext("a/é", "older").unwrap();
    let copied = |condition| {
        let report = copy::copy_fs(&src, fs, &TransferOptions::new().condition(condition)).unwrap();
        report.copied()
    };
    assert_eq!(copied(Condition::NotExists), 2);
    assert_eq!(fs.readtext("a/é").unwrap(), "older");
    assert_eq!(copied(Condition::NotExists), 0);
    fs.remove("top.txt").unwrap();
    assert_eq!(copied(Condition::Exists), 2);
    assert_eq!(fs.readtext("a/é").unwrap(), "in a");
    assert!(!fs.exists("top.txt").unwrap());
    // A file that is missing at the target is newer than the target.
    let one = copy::copy_file(
        &src,
        "top.txt",
        fs,
        "top.txt",
        &TransferOptions::new().condition(Condition::Newer),
    );
    assert!(one.unwrap());
    let one = copy::copy_file(
        &src,
        "a/é",
        fs,
        "a/é",
        &TransferOptions::new().condition(Condition::NotExists),
    );
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
    // The same filesystem as source and target.
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
    // Stores keep whole seconds. A file of that age is not newer than its copy.
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
