//! Names and paths that match patterns.

use super::{Case, fails};
use crate::error::ErrorKind;
use crate::filesystem::FileSystem;
use crate::filter::FilterDir;
use crate::info::Namespaces;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "names_and_paths_are_matched",
        check: names_and_paths_are_matched,
    },
    Case {
        name: "filterdir_gives_what_matches",
        check: filterdir_gives_what_matches,
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

fn filterdir_gives_what_matches(fs: &dyn FileSystem) {
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
