//! Walking through directories. The order within a directory is the filesystem's own.

use super::{Case, fails};
use crate::error::{ErrorKind, Result};
use crate::ext::FileSystemExt;
use crate::filesystem::FileSystem;
use crate::filesystem::info::{Info, Namespaces};
use crate::walk::drawing::TreeOptions;
use crate::walk::{Search, Step};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_walk_visits_each_entry_once",
        check: a_walk_visits_each_entry_once,
    },
    Case {
        name: "directories_come_first_or_last",
        check: directories_come_first_or_last,
    },
    Case {
        name: "steps_have_the_entries_of_scandir",
        check: steps_have_the_entries_of_scandir,
    },
    Case {
        name: "a_walk_follows_its_options",
        check: a_walk_follows_its_options,
    },
    Case {
        name: "a_walk_needs_a_directory",
        check: a_walk_needs_a_directory,
    },
    Case {
        name: "a_tree_is_drawn",
        check: a_tree_is_drawn,
    },
];

/// The tree for tests of walks and globs.
pub(super) const DIRS: [&str; 5] = ["/a", "/a/b", "/a/b/c", "/d", "/empty"];
pub(super) const FILES: [&str; 6] = [
    "/a/b/c/deep.txt",
    "/a/b/x.py",
    "/a/x.py",
    "/d/.hidden",
    "/d/y.txt",
    "/x.py",
];

/// Creates the tree. Every file contains its own path.
pub(super) fn make_tree(fs: &dyn FileSystem) {
    for directory in DIRS {
        fs.makedir(directory).unwrap();
    }
    for file in FILES {
        fs.writebytes(file, file.as_bytes()).unwrap();
    }
}

/// Returns the paths of a walk, sorted.
#[track_caller]
fn sorted(walked: impl Iterator<Item = Result<String>>) -> Vec<String> {
    let mut paths: Vec<_> = walked.map(|path| path.unwrap()).collect();
    paths.sort();
    paths
}

fn a_walk_visits_each_entry_once(fs: &dyn FileSystem) {
    make_tree(fs);
    for search in [Search::Breadth, Search::Depth] {
        let walker = fs.walk().search(search);
        assert_eq!(sorted(walker.files("/")), FILES);
        assert_eq!(sorted(walker.dirs("")), DIRS);
        let infos = walker.info("a", Namespaces::DETAILS).map(|entry| {
            let (path, info) = entry?;
            if info.is_file() {
                assert_eq!(info.size(), Some(path.len() as u64));
            }
            Ok(path)
        });
        let below = ["/a/b", "/a/b/c", "/a/b/c/deep.txt", "/a/b/x.py", "/a/x.py"];
        assert_eq!(sorted(infos), below);
    }
    assert_eq!(sorted(fs.walk().files("/")), FILES);
    assert!(sorted(fs.walk().files("empty")).is_empty());
}

fn directories_come_first_or_last(fs: &dyn FileSystem) {
    make_tree(fs);
    for (search, is_first) in [(Search::Breadth, true), (Search::Depth, false)] {
        let walked = fs.walk().search(search).info("/", Namespaces::BASIC);
        let walked: Vec<_> = walked.map(|entry| entry.unwrap().0).collect();
        let position = |path: &str| walked.iter().position(|walked| walked == path).unwrap();
        for (outer, inner) in [
            ("/a", "/a/b"),
            ("/a/b/c", "/a/b/c/deep.txt"),
            ("/d", "/d/y.txt"),
        ] {
            assert_eq!(position(outer) < position(inner), is_first, "{walked:?}");
        }
    }
    let steps = fs.walk().walk("/", Namespaces::BASIC);
    let levels = steps.map(|step| step.unwrap().path.trim_matches('/').split('/').count());
    assert!(levels.is_sorted());
}

fn steps_have_the_entries_of_scandir(fs: &dyn FileSystem) {
    make_tree(fs);
    for search in [Search::Breadth, Search::Depth] {
        let walker = fs.walk().search(search);
        let steps: Result<Vec<Step>> = walker.walk("/", Namespaces::DETAILS).collect();
        let steps = steps.unwrap();
        let mut paths: Vec<_> = steps.iter().map(|step| step.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["/", "/a", "/a/b", "/a/b/c", "/d", "/empty"]);
        for step in steps {
            let entries = fs.scandir(&step.path, Namespaces::DETAILS).unwrap();
            let entries: Vec<_> = entries.map(|entry| entry.unwrap()).collect();
            let (dirs, files): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|entry| entry.is_dir());
            assert_eq!(shown(&step.dirs), shown(&dirs), "{}", step.path);
            assert_eq!(shown(&step.files), shown(&files), "{}", step.path);
        }
    }
}

/// Returns the attributes that do not depend on the time or the listing in which the entry was seen.
fn shown(infos: &[Info]) -> Vec<(&str, bool, Option<u64>)> {
    let infos = infos.iter();
    infos
        .map(|info| (info.name(), info.is_dir(), info.size()))
        .collect()
}

fn a_walk_follows_its_options(fs: &dyn FileSystem) {
    make_tree(fs);
    for search in [Search::Breadth, Search::Depth] {
        let walk = || fs.walk().search(search);
        let files = |walker: crate::walk::BoundWalker<dyn FileSystem>| sorted(walker.files("/"));
        assert_eq!(
            files(walk().filter(["*.py"])),
            ["/a/b/x.py", "/a/x.py", "/x.py"]
        );
        assert_eq!(
            files(walk().exclude(["*.py", ".*"])),
            ["/a/b/c/deep.txt", "/d/y.txt"]
        );
        assert_eq!(files(walk().filter_dirs(["a"])), ["/a/x.py", "/x.py"]);
        assert_eq!(files(walk().exclude_dirs(["b", "d"])), ["/a/x.py", "/x.py"]);
        assert_eq!(
            files(walk().filter_glob(["a/**/*.py"])),
            ["/a/b/x.py", "/a/x.py"]
        );
        assert_eq!(
            files(walk().exclude_glob(["a/b", "**/.*"])),
            ["/a/x.py", "/d/y.txt", "/x.py"]
        );
        assert_eq!(files(walk().max_depth(1)), ["/x.py"]);
        assert_eq!(
            sorted(walk().max_depth(2).dirs("/")),
            ["/a", "/a/b", "/d", "/empty"]
        );
        assert_eq!(sorted(walk().max_depth(1).dirs("/a")), ["/a/b"]);
    }
}

fn a_walk_needs_a_directory(fs: &dyn FileSystem) {
    make_tree(fs);
    for search in [Search::Breadth, Search::Depth] {
        let mut missing = fs.walk().search(search).files("x");
        fails(missing.next().unwrap(), ErrorKind::ResourceNotFound, "x");
        assert!(missing.next().is_none());
        let mut file = fs.walk().search(search).walk("a/x.py", Namespaces::BASIC);
        fails(file.next().unwrap(), ErrorKind::DirectoryExpected, "a/x.py");
        assert!(file.next().is_none());
        let mut above = fs.walk().search(search).dirs("../x");
        fails(
            above.next().unwrap(),
            ErrorKind::IllegalBackReference,
            "../x",
        );
        let ignoring = fs.walk().search(search).ignore_errors(true);
        assert!(ignoring.files("x").next().is_none());
    }
    let mut files = fs.walk().files("x");
    fails(files.next().unwrap(), ErrorKind::ResourceNotFound, "x");
}

fn a_tree_is_drawn(fs: &dyn FileSystem) {
    make_tree(fs);
    let mut drawing = Vec::new();
    let options = TreeOptions::new().exclude(["c", "e*"]);
    let counts = fs.tree(&mut drawing, &options).unwrap();
    assert_eq!((counts.dirs, counts.files), (3, 5));
    let expected = "\
|-- a
|   |-- b
|   |   `-- x.py
|   `-- x.py
|-- d
|   |-- .hidden
|   `-- y.txt
`-- x.py
";
    assert_eq!(String::from_utf8(drawing).unwrap(), expected);
    let missing = TreeOptions::new().path("x");
    fails(
        fs.tree(&mut Vec::new(), &missing),
        ErrorKind::ResourceNotFound,
        "x",
    );
}
