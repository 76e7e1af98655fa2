//! Names and paths that match patterns.

use super::walking::{DIRS, FILES, make_tree};
use super::{Case, fails};
use crate::error::{ErrorKind, Result};
use crate::ext::FileSystemExt;
use crate::filesystem::FileSystem;
use crate::filesystem::filter::FilterDir;
use crate::filesystem::info::Namespaces;
use crate::walk::glob::{Counts, Glob, GlobMatch, LineCounts};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "names_and_paths_are_matched",
        check: names_and_paths_are_matched,
    },
    Case {
        name: "filterdir_returns_the_matching_entries",
        check: filterdir_returns_the_matching_entries,
    },
    Case {
        name: "a_glob_finds_the_matching_entries",
        check: a_glob_finds_the_matching_entries,
    },
    Case {
        name: "a_glob_searches_below_a_directory",
        check: a_glob_searches_below_a_directory,
    },
    Case {
        name: "a_glob_leaves_directories_out",
        check: a_glob_leaves_directories_out,
    },
    Case {
        name: "matches_have_the_info_of_getinfo",
        check: matches_have_the_info_of_getinfo,
    },
    Case {
        name: "a_glob_counts",
        check: a_glob_counts,
    },
    Case {
        name: "a_glob_removes_the_matching_entries",
        check: a_glob_removes_the_matching_entries,
    },
    Case {
        name: "a_glob_stays_below_the_root",
        check: a_glob_stays_below_the_root,
    },
];

fn names_and_paths_are_matched(fs: &dyn FileSystem) {
    assert!(fs.matches(&[], "anything"));
    assert!(fs.matches(&["*.jpg", "*.py"], "a.py"));
    assert!(!fs.matches(&["*.jpg", "*.png"], "a.py"));
    assert!(fs.match_glob(&[], "/any/thing", false).unwrap());
    assert!(fs.match_glob(&["*.py", "a/*"], "/a/b", false).unwrap());
    assert!(!fs.match_glob(&["a/*"], "/a", false).unwrap());
    assert!(fs.match_glob(&["a/*"], "/a", true).unwrap());
    let case_counts = !fs.getmeta().case_insensitive;
    assert_ne!(fs.matches(&["*.PY"], "a.py"), case_counts);
    assert_ne!(
        fs.match_glob(&["*.PY"], "a.py", false).unwrap(),
        case_counts
    );
    let above = "../*";
    fails(
        fs.match_glob(&[above], "a", false),
        ErrorKind::IllegalBackReference,
        above,
    );
}

fn filterdir_returns_the_matching_entries(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    for directory in ["d/one", "d/two", "d/.git"] {
        fs.makedir(directory).unwrap();
    }
    for file in ["d/a.csv", "d/b.csv", "d/c.txt", "d/one.txt"] {
        fs.writebytes(file, b"x").unwrap();
    }
    let found = |filter: FilterDir| -> Vec<String> {
        let entries = fs.filterdir("d", &filter, Namespaces::BASIC).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().name().to_owned()).collect();
        names.sort();
        names
    };
    let all = FilterDir::new;
    assert_eq!(found(all()).len(), 7);
    assert_eq!(
        found(all().files(["*.csv"])),
        [".git", "a.csv", "b.csv", "one", "two"]
    );
    assert_eq!(
        found(
            all()
                .files(["*.csv", "c*"])
                .exclude_files(["b*"])
                .dirs(["one*"])
        ),
        ["a.csv", "c.txt", "one"]
    );
    assert_eq!(
        found(all().exclude_dirs([".*", "two"]).exclude_files(["*.csv"])),
        ["c.txt", "one", "one.txt"]
    );
    fails(
        fs.filterdir("x", &all(), Namespaces::BASIC),
        ErrorKind::ResourceNotFound,
        "x",
    );
}

/// The results of PyFilesystem in this tree.
const TABLE: &[(&str, &[&str])] = &[
    ("*", &["/x.py"]),
    ("*.py", &["/x.py"]),
    ("*/", &["/a/", "/d/", "/empty/"]),
    (
        "**",
        &[
            "/a/",
            "/a/b/",
            "/a/b/c/",
            "/a/b/c/deep.txt",
            "/a/b/x.py",
            "/a/x.py",
            "/d/",
            "/d/.hidden",
            "/d/y.txt",
            "/empty/",
            "/x.py",
        ],
    ),
    ("**/", &["/a/", "/a/b/", "/a/b/c/", "/d/", "/empty/"]),
    ("**/*.py", &["/a/b/x.py", "/a/x.py", "/x.py"]),
    ("a/*.py", &["/a/x.py"]),
    (
        "a/**",
        &[
            "/a/",
            "/a/b/",
            "/a/b/c/",
            "/a/b/c/deep.txt",
            "/a/b/x.py",
            "/a/x.py",
        ],
    ),
    ("a/**/", &["/a/", "/a/b/", "/a/b/c/"]),
    ("a/**/*.py", &["/a/b/x.py", "/a/x.py"]),
    ("a/**/c/*", &["/a/b/c/deep.txt"]),
    ("a/b/c/deep.txt", &["/a/b/c/deep.txt"]),
    ("a/b/", &["/a/b/"]),
    ("a/b", &[]),
    ("*/*.txt", &["/d/y.txt"]),
    ("*/b/*.py", &["/a/b/x.py"]),
    ("[ad]/?.*", &["/a/x.py", "/d/y.txt"]),
    ("[!d]/*/", &["/a/b/"]),
    ("a/b/**/deep.txt", &["/a/b/c/deep.txt"]),
    ("missing/*", &[]),
    ("missing/**", &[]),
    ("x.py/*", &[]),
    ("a/x.py/**", &["/a/x.py"]),
    (
        "**/b/**",
        &["/a/b/", "/a/b/c/", "/a/b/c/deep.txt", "/a/b/x.py"],
    ),
    ("d/.*", &["/d/.hidden"]),
    ("empty/**", &["/empty/"]),
    ("e*/**", &["/empty/"]),
    ("./a/../d/*", &["/d/.hidden", "/d/y.txt"]),
    ("/d/*", &["/d/.hidden", "/d/y.txt"]),
    ("", &[]),
    ("/", &[]),
    ("*/**/x.py", &["/a/b/x.py", "/a/x.py"]),
    ("**/x.py/", &[]),
];

#[track_caller]
fn sorted<F: FileSystem + ?Sized>(glob: Glob<F>) -> Vec<String> {
    let mut paths: Vec<_> = glob.into_iter().map(|found| found.unwrap().path).collect();
    paths.sort();
    paths
}

fn a_glob_finds_the_matching_entries(fs: &dyn FileSystem) {
    make_tree(fs);
    for (pattern, expected) in TABLE {
        assert_eq!(sorted(fs.glob(pattern)), *expected, "{pattern}");
    }
    if !fs.getmeta().case_insensitive {
        assert!(sorted(fs.glob("*/X.PY")).is_empty());
    }
    let any_case = |pattern| sorted(fs.glob(pattern).case_sensitive(false));
    assert_eq!(any_case("A/X.*"), ["/a/x.py"]);
    assert_eq!(any_case("**/X.Py"), ["/a/b/x.py", "/a/x.py", "/x.py"]);
}

/// A glob below a directory finds the matches of a glob from the root that are below the directory, without the
/// directory.
fn a_glob_searches_below_a_directory(fs: &dyn FileSystem) {
    make_tree(fs);
    for (pattern, everywhere) in TABLE {
        for path in ["/", "", "a", "/a/b/", "a/../d", "empty"] {
            let directory = crate::path::forcedir(&fs.validatepath(path).unwrap()).into_owned();
            let is_below = |found: &&&str| found.len() > directory.len();
            let below = everywhere
                .iter()
                .filter(|found| found.starts_with(&directory));
            let expected: Vec<&str> = below.filter(is_below).copied().collect();
            assert_eq!(
                sorted(fs.glob(pattern).path(path)),
                expected,
                "{pattern} in {path:?}"
            );
        }
    }
    let any_case = fs.glob("A/**/X.*").path("a/b").case_sensitive(false);
    assert_eq!(sorted(any_case), ["/a/b/x.py"]);
    let without_b = |path| sorted(fs.glob("**/*.py").path(path).exclude_dirs(["b"]));
    assert_eq!(without_b("a"), ["/a/x.py"]);
    assert_eq!(without_b("a/b"), ["/a/b/x.py"]);
    assert_eq!(fs.glob("**").path("a/b").count().unwrap().files, 2);
    for (path, kind) in [
        ("missing", ErrorKind::ResourceNotFound),
        ("a/missing", ErrorKind::ResourceNotFound),
        ("x.py", ErrorKind::DirectoryExpected),
        ("../a", ErrorKind::IllegalBackReference),
    ] {
        for pattern in ["**", "*.py", "a/x.py"] {
            fails(fs.glob(pattern).path(path).count(), kind, path);
        }
    }
    assert_eq!(fs.glob("**/*.py").path("a").remove().unwrap(), 2);
    assert_eq!(sorted(fs.glob("**/*.py")), ["/x.py"]);
}

fn a_glob_leaves_directories_out(fs: &dyn FileSystem) {
    make_tree(fs);
    let without_b = |pattern| sorted(fs.glob(pattern).exclude_dirs(["b"]));
    assert_eq!(without_b("**/*.py"), ["/a/x.py", "/x.py"]);
    assert_eq!(without_b("a/*/"), [""; 0]);
    assert_eq!(without_b("a/b/*.py"), [""; 0]);
    assert_eq!(without_b("a/b/"), [""; 0]);
    assert_eq!(without_b("a/**"), ["/a/", "/a/x.py"]);
    // The option does not apply to files.
    assert_eq!(
        sorted(fs.glob("*/*.txt").exclude_dirs(["y.txt"])),
        ["/d/y.txt"]
    );
    assert!(sorted(fs.glob("a/**").exclude_dirs(["a"])).is_empty());
}

fn matches_have_the_info_of_getinfo(fs: &dyn FileSystem) {
    make_tree(fs);
    for pattern in ["**", "*/*", "a/*/", "a/x.py", "a/b/", "a/**"] {
        for found in fs.glob(pattern).iter(Namespaces::DETAILS) {
            let GlobMatch { path, info } = found.unwrap();
            let looked_up = fs.getinfo(&path, Namespaces::DETAILS).unwrap();
            assert_eq!(info.name(), looked_up.name(), "{pattern}");
            assert_eq!(info.kind().unwrap(), looked_up.kind().unwrap(), "{pattern}");
            assert_eq!(info.size().unwrap(), looked_up.size().unwrap(), "{pattern}");
            assert_eq!(info.is_dir(), path.ends_with('/'), "{pattern}");
        }
    }
}

fn a_glob_counts(fs: &dyn FileSystem) {
    make_tree(fs);
    let data = FILES.iter().map(|path| path.len() as u64).sum();
    let all = Counts {
        files: FILES.len() as u64,
        directories: DIRS.len() as u64,
        data,
    };
    assert_eq!(fs.glob("**").count().unwrap(), all);
    assert_eq!(fs.glob("missing/*").count().unwrap(), Counts::default());

    fs.writebytes("a/lines.md", b"one\n\ntwo\n  \nthree")
        .unwrap();
    fs.writebytes("a/b/more.md", b"\n").unwrap();
    let lines = LineCounts {
        lines: 6,
        non_blank: 3,
    };
    assert_eq!(fs.glob("**/*.md").count_lines().unwrap(), lines);
    assert_eq!(fs.glob("**/").count_lines().unwrap(), LineCounts::default());
}

fn a_glob_removes_the_matching_entries(fs: &dyn FileSystem) {
    make_tree(fs);
    let left = || -> Vec<String> {
        let files: Result<Vec<_>> = fs.walk().files("/").collect();
        let mut files = files.unwrap();
        files.sort();
        files
    };
    assert_eq!(fs.glob("missing/**").remove().unwrap(), 0);
    assert_eq!(fs.glob("*/*").remove().unwrap(), 3);
    assert_eq!(left(), ["/a/b/c/deep.txt", "/a/b/x.py", "/x.py"]);
    assert!(fs.isdir("a/b/c").unwrap());
    assert_eq!(fs.glob("a/b/**").remove().unwrap(), 4);
    assert_eq!(left(), ["/x.py"]);
    assert!(!fs.exists("a/b").unwrap());
    fs.makedirs("p/q/r").unwrap();
    fs.writebytes("p/f", b"x").unwrap();
    assert_eq!(fs.glob("**/q/**/").remove().unwrap(), 2);
    assert_eq!(left(), ["/p/f", "/x.py"]);
    fs.glob("**").remove().unwrap();
    assert!(fs.isempty("/").unwrap());
}

fn a_glob_stays_below_the_root(fs: &dyn FileSystem) {
    let above = "a/../../*";
    let mut found = fs.glob(above).iter(Namespaces::BASIC);
    fails(
        found.next().unwrap(),
        ErrorKind::IllegalBackReference,
        above,
    );
    assert!(found.next().is_none());
    fails(
        fs.glob(above).remove(),
        ErrorKind::IllegalBackReference,
        above,
    );
}
