//! Creating and listing directories.

use super::{Case, fails, names};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt;
use crate::filesystem::info::Namespaces;
use crate::filesystem::{FileSystem, MakedirOptions};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "makedir_makes_an_empty_directory",
        check: makedir_makes_an_empty_directory,
    },
    Case {
        name: "makedir_needs_its_parent",
        check: makedir_needs_its_parent,
    },
    Case {
        name: "makedir_refuses_an_existing_path",
        check: makedir_refuses_an_existing_path,
    },
    Case {
        name: "makedir_over_a_file_is_refused",
        check: makedir_over_a_file_is_refused,
    },
    Case {
        name: "listdir_names_each_child_once",
        check: listdir_names_each_child_once,
    },
    Case {
        name: "scandir_prefix_returns_the_names_with_the_prefix",
        check: scandir_prefix_returns_the_names_with_the_prefix,
    },
    Case {
        name: "listing_needs_a_directory",
        check: listing_needs_a_directory,
    },
    Case {
        name: "a_directory_opens_as_a_filesystem_of_its_own",
        check: a_directory_opens_as_a_filesystem_of_its_own,
    },
    Case {
        name: "opendir_needs_a_directory",
        check: opendir_needs_a_directory,
    },
    Case {
        name: "isempty_is_true_for_empty_directories",
        check: isempty_is_true_for_empty_directories,
    },
];

fn makedir_makes_an_empty_directory(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.makedir("d/e").unwrap();
    assert!(fs.isdir("d").unwrap() && fs.isdir("d/e").unwrap());
    assert_eq!(names(fs, "d"), ["e"]);
    assert!(fs.isempty("d/e").unwrap());
    assert!(fs.listdir("d/e").unwrap().is_empty());
}

fn makedir_needs_its_parent(fs: &dyn FileSystem) {
    fs.writebytes("f", b"").unwrap();
    fails(fs.makedir("x/y"), ErrorKind::ResourceNotFound, "x/y");
    fails(fs.makedir("f/y"), ErrorKind::DirectoryExpected, "f/y");
    assert_eq!(names(fs, "/"), ["f"]);
}

fn makedir_refuses_an_existing_path(fs: &dyn FileSystem) {
    let recreate = MakedirOptions::new().recreate(true);
    fs.makedir("d").unwrap();
    fs.writebytes("d/f", b"content").unwrap();
    fails(fs.makedir("d"), ErrorKind::DirectoryExists, "d");
    fails(fs.makedir("/"), ErrorKind::DirectoryExists, "/");
    fs.makedir_with("d", &recreate).unwrap();
    fs.makedir_with("/", &recreate).unwrap();
    fs.makedir_with("new", &recreate).unwrap();
    assert_eq!(fs.readbytes("d/f").unwrap(), b"content");
    assert_eq!(names(fs, "/"), ["d", "new"]);
}

fn makedir_over_a_file_is_refused(fs: &dyn FileSystem) {
    fs.writebytes("f", b"content").unwrap();
    fails(fs.makedir("f"), ErrorKind::DirectoryExists, "f");
    let recreate = MakedirOptions::new().recreate(true);
    fails(
        fs.makedir_with("f", &recreate),
        ErrorKind::DirectoryExpected,
        "f",
    );
    assert_eq!(fs.readbytes("f").unwrap(), b"content");
}

fn listdir_names_each_child_once(fs: &dyn FileSystem) {
    for directory in ["a", "a/b", "c"] {
        fs.makedir(directory).unwrap();
    }
    for file in ["a.txt", "a/1", "a/2", "a/b/3", "z"] {
        fs.writebytes(file, b"x").unwrap();
    }
    assert_eq!(names(fs, "/"), ["a", "a.txt", "c", "z"]);
    assert_eq!(names(fs, "a"), ["1", "2", "b"]);
    assert_eq!(names(fs, "a/b"), ["3"]);
    assert!(names(fs, "c").is_empty());
    let mut scanned: Vec<_> = fs
        .scandir("a", Namespaces::BASIC)
        .unwrap()
        .map(|info| info.unwrap())
        .map(|info| (info.name().to_owned(), info.is_dir()))
        .collect();
    scanned.sort();
    let expected = [("1", false), ("2", false), ("b", true)];
    assert_eq!(
        scanned,
        expected.map(|(name, is_dir)| (name.to_owned(), is_dir))
    );
    // The equivalent of PyFilesystem's page is the iterator's skip and take.
    let page = fs.scandir("a", Namespaces::BASIC).unwrap().skip(1).take(1);
    assert_eq!(page.count(), 1);
}

fn scandir_prefix_returns_the_names_with_the_prefix(fs: &dyn FileSystem) {
    for directory in ["d", "d/ab", "d/ab/c", "d/b", "ab"] {
        fs.makedir(directory).unwrap();
    }
    for file in ["d/abc", "d/a b", "d/é", "d/ab/abc", "abc"] {
        fs.writebytes(file, b"123").unwrap();
    }
    for (prefix, expected) in [
        ("", ["a b", "ab", "abc", "b", "é"].as_slice()),
        ("a", &["a b", "ab", "abc"]),
        ("ab", &["ab", "abc"]),
        ("abc", &["abc"]),
        ("é", &["é"]),
        ("abcd", &[]),
        ("A*", &[]),
        ("ab/", &[]),
        ("ab/c", &[]),
        ("/", &[]),
        ("../a", &[]),
    ] {
        let entries = fs.scandir_prefix("d", prefix, Namespaces::DETAILS).unwrap();
        let entries = entries.map(|info| info.unwrap());
        let mut found: Vec<_> = entries
            .inspect(|info| assert!(info.is_dir() || info.size() == Some(3)))
            .map(|info| info.name().to_owned())
            .collect();
        found.sort();
        assert_eq!(found, expected, "{prefix:?}");
    }
    for (path, kind) in [
        ("x", ErrorKind::ResourceNotFound),
        ("d/abc", ErrorKind::DirectoryExpected),
    ] {
        let scanned = fs.scandir_prefix(path, "a", Namespaces::BASIC);
        let first = scanned.and_then(|mut entries| entries.next().transpose());
        fails(first, kind, path);
    }
}

fn listing_needs_a_directory(fs: &dyn FileSystem) {
    fs.writebytes("f", b"").unwrap();
    fails(fs.listdir("f"), ErrorKind::DirectoryExpected, "f");
    fails(fs.listdir("x"), ErrorKind::ResourceNotFound, "x");
    fails(
        fs.scandir("f", Namespaces::BASIC),
        ErrorKind::DirectoryExpected,
        "f",
    );
    fails(
        fs.scandir("x", Namespaces::DETAILS),
        ErrorKind::ResourceNotFound,
        "x",
    );
}

fn a_directory_opens_as_a_filesystem_of_its_own(fs: &dyn FileSystem) {
    let d = fs.makedir_open("d").unwrap();
    d.writetext("f", "content").unwrap();
    d.makedirs_open("a/b").unwrap().touch("g").unwrap();
    assert_eq!(fs.readtext("d/f").unwrap(), "content");
    let opened = fs.opendir("/d/").unwrap();
    assert_eq!(names(&opened, "/"), ["a", "f"]);
    assert!(opened.isfile("a/b/g").unwrap());
    fails(
        opened.readbytes("../x"),
        ErrorKind::IllegalBackReference,
        "../x",
    );
    fails(opened.readbytes("x"), ErrorKind::ResourceNotFound, "x");
    opened.close().unwrap();
    assert!(opened.isclosed() && !fs.isclosed());
    for root in ["", "/"] {
        assert_eq!(names(&fs.opendir(root).unwrap(), "/"), ["d"]);
    }
}

fn opendir_needs_a_directory(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    for (path, kind) in [
        ("x", ErrorKind::ResourceNotFound),
        ("d/x", ErrorKind::ResourceNotFound),
        ("d/f", ErrorKind::DirectoryExpected),
    ] {
        fails(fs.opendir(path), kind, path);
        fails(fs.check_directory(path), kind, path);
    }
}

fn isempty_is_true_for_empty_directories(fs: &dyn FileSystem) {
    fs.makedir("full").unwrap();
    fs.makedir("empty").unwrap();
    fs.writebytes("full/f", b"").unwrap();
    assert!(fs.isempty("empty").unwrap());
    assert!(!fs.isempty("full").unwrap());
    assert!(!fs.isempty("/").unwrap());
    fails(fs.isempty("x"), ErrorKind::ResourceNotFound, "x");
    fails(fs.isempty("full/f"), ErrorKind::DirectoryExpected, "full/f");
}
