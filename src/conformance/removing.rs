//! Removing files and directories.

use super::{Case, fails, names};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::FileSystem;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "remove_removes_one_file",
        check: remove_removes_one_file,
    },
    Case {
        name: "remove_needs_a_file",
        check: remove_needs_a_file,
    },
    Case {
        name: "remove_many_removes_each_file_or_returns_its_error",
        check: remove_many_removes_each_file_or_returns_its_error,
    },
    Case {
        name: "remove_many_keeps_the_directories",
        check: remove_many_keeps_the_directories,
    },
    Case {
        name: "removedir_removes_one_empty_directory",
        check: removedir_removes_one_empty_directory,
    },
    Case {
        name: "removedir_needs_an_empty_directory",
        check: removedir_needs_an_empty_directory,
    },
    Case {
        name: "the_root_is_not_removed",
        check: the_root_is_not_removed,
    },
    Case {
        name: "a_directory_stays_when_its_last_child_goes",
        check: a_directory_stays_when_its_last_child_goes,
    },
];

fn remove_removes_one_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    for file in ["f", "f.bak", "d/f", "d/g"] {
        fs.writebytes(file, b"x").unwrap();
    }
    fs.remove("d/f").unwrap();
    fs.remove("f").unwrap();
    assert_eq!(names(fs, "/"), ["d", "f.bak"]);
    assert_eq!(names(fs, "d"), ["g"]);
    assert!(!fs.exists("f").unwrap());
}

fn remove_needs_a_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fails(fs.remove("x"), ErrorKind::ResourceNotFound, "x");
    fails(fs.remove("d/x"), ErrorKind::ResourceNotFound, "d/x");
    fails(fs.remove("d"), ErrorKind::FileExpected, "d");
    fails(fs.remove("/"), ErrorKind::FileExpected, "/");
    assert_eq!(names(fs, "/"), ["d"]);
}

fn remove_many_removes_each_file_or_returns_its_error(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    for file in ["f", "g", "d/f", "d/g"] {
        fs.writebytes(file, b"x").unwrap();
    }
    assert!(fs.remove_many(&[]).is_empty());
    let paths = ["d/f", "x", "f", "d", "/", "a/../d/f", "d/x", "../f"];
    let expected = [
        None,
        Some(ErrorKind::ResourceNotFound),
        None,
        Some(ErrorKind::FileExpected),
        Some(ErrorKind::FileExpected),
        Some(ErrorKind::ResourceNotFound),
        Some(ErrorKind::ResourceNotFound),
        Some(ErrorKind::IllegalBackReference),
    ];
    let results = fs.remove_many(&paths);
    assert_eq!(results.len(), paths.len());
    for ((path, kind), result) in paths.iter().zip(expected).zip(results) {
        match kind {
            Some(kind) => fails(result, kind, path),
            None => result.unwrap(),
        }
    }
    assert_eq!(names(fs, "/"), ["d", "g"]);
    assert_eq!(names(fs, "d"), ["g"]);
}

fn remove_many_keeps_the_directories(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.makedir("d/e").unwrap();
    let files = ["d/e/f", "d/e/g", "d/f"];
    for file in files {
        fs.writebytes(file, b"x").unwrap();
    }
    for result in fs.remove_many(&files) {
        result.unwrap();
    }
    assert_eq!(names(fs, "d"), ["e"]);
    assert!(fs.isempty("d/e").unwrap());
}

fn removedir_removes_one_empty_directory(fs: &dyn FileSystem) {
    for directory in ["d", "d/e", "d.bak"] {
        fs.makedir(directory).unwrap();
    }
    fs.removedir("d/e").unwrap();
    assert!(fs.isempty("d").unwrap());
    fs.removedir("d").unwrap();
    assert_eq!(names(fs, "/"), ["d.bak"]);
}

fn removedir_needs_an_empty_directory(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writebytes("d/f", b"x").unwrap();
    fails(fs.removedir("d"), ErrorKind::DirectoryNotEmpty, "d");
    fails(fs.removedir("d/f"), ErrorKind::DirectoryExpected, "d/f");
    fails(fs.removedir("x"), ErrorKind::ResourceNotFound, "x");
    assert_eq!(fs.readbytes("d/f").unwrap(), b"x");
}

fn the_root_is_not_removed(fs: &dyn FileSystem) {
    for root in ["", "/", "."] {
        fails(fs.removedir(root), ErrorKind::RemoveRoot, root);
    }
}

fn a_directory_stays_when_its_last_child_goes(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.makedir("d/e").unwrap();
    fs.writebytes("d/e/f", b"x").unwrap();
    fs.remove("d/e/f").unwrap();
    assert!(fs.isdir("d/e").unwrap() && fs.isempty("d/e").unwrap());
    fs.removedir("d/e").unwrap();
    assert!(fs.isdir("d").unwrap() && fs.isempty("d").unwrap());
}
