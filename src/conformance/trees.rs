//! Whole trees: creating a directory with its parents, removing everything below a directory.

use std::sync::Mutex;

use super::{Case, fails, names};
use crate::error::{ErrorKind, Result};
use crate::ext::FileSystemExt as _;
use crate::filesystem::info::{Info, Namespaces};
use crate::filesystem::scantree::Descent;
use crate::filesystem::{FileSystem, MakedirOptions, TreeEntries};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "makedirs_makes_the_parent_directories",
        check: makedirs_makes_the_parent_directories,
    },
    Case {
        name: "makedirs_refuses_an_existing_path",
        check: makedirs_refuses_an_existing_path,
    },
    Case {
        name: "makedirs_is_stopped_by_a_file",
        check: makedirs_is_stopped_by_a_file,
    },
    Case {
        name: "removetree_removes_all_below",
        check: removetree_removes_all_below,
    },
    Case {
        name: "removetree_needs_a_directory",
        check: removetree_needs_a_directory,
    },
    Case {
        name: "removetree_of_the_root_empties_it",
        check: removetree_of_the_root_empties_it,
    },
    Case {
        name: "removetree_keeps_the_directory_above",
        check: removetree_keeps_the_directory_above,
    },
    Case {
        name: "emptydir_keeps_the_directory_alone",
        check: emptydir_keeps_the_directory_alone,
    },
    Case {
        name: "scantree_returns_each_entry_once_and_directories_last",
        check: scantree_returns_each_entry_once_and_directories_last,
    },
    Case {
        name: "scantree_enters_the_selected_directories",
        check: scantree_enters_the_selected_directories,
    },
];

fn makedirs_makes_the_parent_directories(fs: &dyn FileSystem) {
    fs.makedirs("a/b/c").unwrap();
    for directory in ["a", "a/b", "a/b/c"] {
        assert!(fs.isdir(directory).unwrap(), "{directory:?}");
    }
    assert!(fs.isempty("a/b/c").unwrap());
    fs.makedirs("/a/b//d").unwrap();
    assert_eq!(names(fs, "a/b"), ["c", "d"]);
    // Repeated names are different directories.
    fs.makedirs("r/r/r").unwrap();
    assert_eq!(names(fs, "r/r"), ["r"]);
    assert!(fs.isempty("r/r/r").unwrap());
}

fn makedirs_refuses_an_existing_path(fs: &dyn FileSystem) {
    let recreate = MakedirOptions::new().recreate(true);
    fs.makedirs("a/b").unwrap();
    fs.writetext("a/b/f", "content").unwrap();
    fails(fs.makedirs("a/b"), ErrorKind::DirectoryExists, "a/b");
    fails(fs.makedirs("a"), ErrorKind::DirectoryExists, "a");
    fails(fs.makedirs("/"), ErrorKind::DirectoryExists, "/");
    for path in ["a/b", "a", "/", "c/d"] {
        fs.makedirs_with(path, &recreate).unwrap();
    }
    assert!(fs.isdir("c/d").unwrap());
    assert_eq!(fs.readtext("a/b/f").unwrap(), "content");
}

fn makedirs_is_stopped_by_a_file(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    for path in ["f", "f/a", "f/a/b"] {
        for recreate in [true, false] {
            let options = MakedirOptions::new().recreate(recreate);
            let made = fs.makedirs_with(path, &options);
            fails(made, ErrorKind::DirectoryExpected, path);
        }
    }
    assert_eq!(names(fs, "/"), ["f"]);
    assert_eq!(fs.readtext("f").unwrap(), "content");
}

fn removetree_removes_all_below(fs: &dyn FileSystem) {
    fs.makedirs("d/a/b/c").unwrap();
    fs.makedirs("d/empty").unwrap();
    fs.makedir("d.bak").unwrap();
    for file in ["d/f", "d/a/f", "d/a/b/c/1", "d/a/b/c/2", "d.bak/f"] {
        fs.writetext(file, "x").unwrap();
    }
    fs.removetree("d").unwrap();
    assert!(!fs.exists("d").unwrap() && !fs.exists("d/a/b/c/1").unwrap());
    assert_eq!(names(fs, "/"), ["d.bak"]);
    assert_eq!(names(fs, "d.bak"), ["f"]);
}

fn removetree_needs_a_directory(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    fails(fs.removetree("f"), ErrorKind::DirectoryExpected, "f");
    fails(fs.removetree("x"), ErrorKind::ResourceNotFound, "x");
    assert_eq!(fs.readtext("f").unwrap(), "content");
}

fn removetree_of_the_root_empties_it(fs: &dyn FileSystem) {
    fs.makedirs("a/b").unwrap();
    fs.writetext("a/f", "x").unwrap();
    fs.writetext("f", "x").unwrap();
    fs.removetree("/").unwrap();
    assert!(fs.isdir("/").unwrap() && fs.isempty("/").unwrap());
    fs.removetree("").unwrap();
    fs.writetext("f", "x").unwrap();
    fs.makedir("d").unwrap();
    assert_eq!(names(fs, "/"), ["d", "f"]);
}

fn removetree_keeps_the_directory_above(fs: &dyn FileSystem) {
    fs.makedirs("d/e").unwrap();
    fs.writetext("d/e/f", "x").unwrap();
    fs.removetree("d/e").unwrap();
    assert!(fs.isdir("d").unwrap() && fs.isempty("d").unwrap());
}

fn emptydir_keeps_the_directory_alone(fs: &dyn FileSystem) {
    fs.makedirs("d/a/b").unwrap();
    fs.makedirs("d/empty").unwrap();
    fs.makedir("d.bak").unwrap();
    for file in ["d/f", "d/a/b/f", "d.bak/f", "f"] {
        fs.writetext(file, "x").unwrap();
    }
    fs.emptydir("/d/").unwrap();
    assert!(fs.isdir("d").unwrap() && fs.isempty("d").unwrap());
    assert!(!fs.exists("d/a/b/f").unwrap());
    fs.emptydir("d").unwrap();
    assert!(fs.isdir("d").unwrap());
    assert_eq!(names(fs, "/"), ["d", "d.bak", "f"]);
    assert_eq!(names(fs, "d.bak"), ["f"]);
    fails(fs.emptydir("f"), ErrorKind::DirectoryExpected, "f");
    fails(fs.emptydir("x"), ErrorKind::ResourceNotFound, "x");
    fs.emptydir("/").unwrap();
    assert!(fs.isempty("/").unwrap());
}

fn scantree_returns_each_entry_once_and_directories_last(fs: &dyn FileSystem) {
    fs.makedirs("d/a/b").unwrap();
    for file in ["d/f", "d/a/f", "d/a/b/f", "g"] {
        fs.writetext(file, "123").unwrap();
    }
    let read = |entries: Result<TreeEntries<'_>>| -> (Vec<Info>, Vec<String>) {
        let entries = entries.unwrap().map(|entry| entry.unwrap());
        let path = |(directory, info): (String, Info)| {
            let path = info.make_path(&directory).unwrap();
            (info, path)
        };
        entries.map(path).unzip()
    };
    let (infos, paths) = read(fs.scantree("d", Namespaces::DETAILS));
    let (_, whole) = read(fs.scantree_whole("d", Namespaces::DETAILS));
    assert_eq!(whole, paths);
    let mut sorted = paths.clone();
    sorted.sort();
    assert_eq!(sorted, ["/d/a", "/d/a/b", "/d/a/b/f", "/d/a/f", "/d/f"]);
    let place = |path: &str| paths.iter().position(|listed| listed == path);
    assert!(place("/d/a/b/f") < place("/d/a/b") && place("/d/a/b") < place("/d/a"));
    assert!(place("/d/a/f") < place("/d/a"));
    for info in infos {
        assert!(info.is_dir() || info.size() == Some(3));
    }
    fs.writetext("f", "x").unwrap();
    let scanned = fs.scantree("x", Namespaces::BASIC);
    fails(scanned.map(|_| ()), ErrorKind::ResourceNotFound, "x");
    let scanned = fs.scantree("f", Namespaces::BASIC);
    fails(scanned.map(|_| ()), ErrorKind::DirectoryExpected, "f");
    let scanned = fs.scantree_whole("x", Namespaces::BASIC);
    fails(scanned.map(|_| ()), ErrorKind::ResourceNotFound, "x");
}

fn scantree_enters_the_selected_directories(fs: &dyn FileSystem) {
    fs.makedirs("d/in/in").unwrap();
    for directory in ["d/named", "d/skipped", "d/in/named"] {
        fs.makedirs(&format!("{directory}/in")).unwrap();
        fs.writetext(&format!("{directory}/in/f"), "x").unwrap();
    }
    for file in ["d/f", "d/in/f", "d/in/in/f"] {
        fs.writetext(file, "x").unwrap();
    }
    let seen = Mutex::new(Vec::new());
    let descend = |path: &str| {
        seen.lock().unwrap().push(path.to_owned());
        match path.rsplit('/').next() {
            Some("named") => Descent::Name,
            Some("skipped") => Descent::Skip,
            _ => Descent::Enter,
        }
    };
    let entries = fs.scantree_pruned("d", Namespaces::BASIC, Box::new(descend));
    let paths: Result<Vec<String>> = entries
        .unwrap()
        .map(|entry| entry.and_then(|(directory, info)| info.make_path(&directory)))
        .collect();
    let mut paths = paths.unwrap();
    assert_eq!(
        paths
            .iter()
            .filter(|path| path.starts_with("/d/in"))
            .count(),
        5
    );
    assert!(paths.iter().position(|p| p == "/d/in/f") < paths.iter().position(|p| p == "/d/in"));
    paths.sort();
    let expected = [
        "/d/f",
        "/d/in",
        "/d/in/f",
        "/d/in/in",
        "/d/in/in/f",
        "/d/in/named",
        "/d/named",
    ];
    assert_eq!(paths, expected);
    let descend = |path: &str| match path.rsplit('/').next() {
        Some("named") => Descent::Name,
        Some("skipped") => Descent::Skip,
        _ => Descent::Enter,
    };
    let whole = fs.scantree_whole_pruned("d", Namespaces::BASIC, Box::new(descend));
    let whole = whole.unwrap().map(|entry| {
        let (directory, info) = entry.unwrap();
        info.make_path(&directory).unwrap()
    });
    let mut whole: Vec<String> = whole.collect();
    whole.sort();
    assert_eq!(whole, expected);
    let mut seen = seen.into_inner().unwrap();
    seen.sort();
    seen.dedup();
    assert_eq!(
        seen,
        ["/d/in", "/d/in/in", "/d/in/named", "/d/named", "/d/skipped"]
    );
    let missing = fs.scantree_pruned("x", Namespaces::BASIC, Box::new(|_| Descent::Enter));
    fails(missing.map(|_| ()), ErrorKind::ResourceNotFound, "x");
}
