//! Walks: exactly in the orders of PyFilesystem, and the handling of errors.

use std::sync::{Arc, Mutex};

use s3fs::{ErrorKind, FileSystemExt, Info, Namespaces, S3Fs, Search, Step, Walker};
use test_server::{Fault, Rule, Server};

use crate::common;

/// The tree of all tables here: these keys, in the order of S3 listings.
const KEYS: [&str; 15] = [
    "README.md",
    "a.py",
    "docs/img/logo.png",
    "docs/index.md",
    "docs/intro.md",
    "empty/",
    "src.txt",
    "src/a.py",
    "src/b.py",
    "src/core/a.py",
    "src/core/deep/er/z.py",
    "src/core/x.pyc",
    "src/test/.hidden",
    "src/test/a.py",
    "zoo/z.md",
];

/// A walk, and the result of PyFilesystem 2.4.16 on a filesystem that lists in this order.
struct Row {
    walker: fn(Walker) -> Walker,
    path: &'static str,
    info: &'static str,
    steps: &'static str,
}

const TABLE: &[Row] = &[
    Row {
        walker: |w| w,
        path: "/",
        info: "README.md a.py docs/ empty/ src.txt src/ zoo/ docs/img/ docs/index.md docs/intro.md src/a.py src/b.py src/core/ src/test/ zoo/z.md docs/img/logo.png src/core/a.py src/core/deep/ src/core/x.pyc src/test/.hidden src/test/a.py src/core/deep/er/ src/core/deep/er/z.py",
        steps: "/: docs/ empty/ src/ zoo/ README.md a.py src.txt; /docs: img/ index.md intro.md; /empty:; /src: core/ test/ a.py b.py; /zoo: z.md; /docs/img: logo.png; /src/core: deep/ a.py x.pyc; /src/test: .hidden a.py; /src/core/deep: er/; /src/core/deep/er: z.py",
    },
    Row {
        walker: |w| w.search(Search::Depth),
        path: "/",
        info: "README.md a.py docs/img/logo.png docs/img/ docs/index.md docs/intro.md docs/ empty/ src.txt src/a.py src/b.py src/core/a.py src/core/deep/er/z.py src/core/deep/er/ src/core/deep/ src/core/x.pyc src/core/ src/test/.hidden src/test/a.py src/test/ src/ zoo/z.md zoo/",
        steps: "/docs/img: logo.png; /docs: img/ index.md intro.md; /empty:; /src/core/deep/er: z.py; /src/core/deep: er/; /src/core: deep/ a.py x.pyc; /src/test: .hidden a.py; /src: core/ test/ a.py b.py; /zoo: z.md; /: docs/ empty/ src/ zoo/ README.md a.py src.txt",
    },
    Row {
        walker: |w| w,
        path: "/src/",
        info: "src/a.py src/b.py src/core/ src/test/ src/core/a.py src/core/deep/ src/core/x.pyc src/test/.hidden src/test/a.py src/core/deep/er/ src/core/deep/er/z.py",
        steps: "/src: core/ test/ a.py b.py; /src/core: deep/ a.py x.pyc; /src/test: .hidden a.py; /src/core/deep: er/; /src/core/deep/er: z.py",
    },
    Row {
        walker: |w| w.search(Search::Depth),
        path: "src",
        info: "src/a.py src/b.py src/core/a.py src/core/deep/er/z.py src/core/deep/er/ src/core/deep/ src/core/x.pyc src/core/ src/test/.hidden src/test/a.py src/test/",
        steps: "/src/core/deep/er: z.py; /src/core/deep: er/; /src/core: deep/ a.py x.pyc; /src/test: .hidden a.py; /src: core/ test/ a.py b.py",
    },
    Row {
        walker: |w| w.filter(["*.py", "*.md"]),
        path: "/",
        info: "README.md a.py docs/ empty/ src/ zoo/ docs/img/ docs/index.md docs/intro.md src/a.py src/b.py src/core/ src/test/ zoo/z.md src/core/a.py src/core/deep/ src/test/a.py src/core/deep/er/ src/core/deep/er/z.py",
        steps: "/: docs/ empty/ src/ zoo/ README.md a.py; /docs: img/ index.md intro.md; /empty:; /src: core/ test/ a.py b.py; /zoo: z.md; /docs/img:; /src/core: deep/ a.py; /src/test: a.py; /src/core/deep: er/; /src/core/deep/er: z.py",
    },
    Row {
        walker: |w| w.filter(["*.py", "*.md"]).search(Search::Depth),
        path: "/",
        info: "README.md a.py docs/img/ docs/index.md docs/intro.md docs/ empty/ src/a.py src/b.py src/core/a.py src/core/deep/er/z.py src/core/deep/er/ src/core/deep/ src/core/ src/test/a.py src/test/ src/ zoo/z.md zoo/",
        steps: "/docs/img:; /docs: img/ index.md intro.md; /empty:; /src/core/deep/er: z.py; /src/core/deep: er/; /src/core: deep/ a.py; /src/test: a.py; /src: core/ test/ a.py b.py; /zoo: z.md; /: docs/ empty/ src/ zoo/ README.md a.py",
    },
    Row {
        walker: |w| w.exclude(["*.py", ".*"]),
        path: "/src",
        info: "src/core/ src/test/ src/core/deep/ src/core/x.pyc src/core/deep/er/",
        steps: "/src: core/ test/; /src/core: deep/ x.pyc; /src/test:; /src/core/deep: er/; /src/core/deep/er:",
    },
    Row {
        walker: |w| w.filter(["*.py"]).exclude(["a*"]).search(Search::Depth),
        path: "/",
        info: "docs/img/ docs/ empty/ src/b.py src/core/deep/er/z.py src/core/deep/er/ src/core/deep/ src/core/ src/test/ src/ zoo/",
        steps: "/docs/img:; /docs: img/; /empty:; /src/core/deep/er: z.py; /src/core/deep: er/; /src/core: deep/; /src/test:; /src: core/ test/ b.py; /zoo:; /: docs/ empty/ src/ zoo/",
    },
    Row {
        walker: |w| w.filter_dirs(["s*", "core"]),
        path: "/",
        info: "README.md a.py src.txt src/ src/a.py src/b.py src/core/ src/core/a.py src/core/x.pyc",
        steps: "/: src/ README.md a.py src.txt; /src: core/ a.py b.py; /src/core: a.py x.pyc",
    },
    Row {
        walker: |w| w.filter_dirs(["s*", "core"]).search(Search::Depth),
        path: "/",
        info: "README.md a.py src.txt src/a.py src/b.py src/core/a.py src/core/x.pyc src/core/ src/",
        steps: "/src/core: a.py x.pyc; /src: core/ a.py b.py; /: src/ README.md a.py src.txt",
    },
    Row {
        walker: |w| w.exclude_dirs(["core", "d*"]),
        path: "/",
        info: "README.md a.py empty/ src.txt src/ zoo/ src/a.py src/b.py src/test/ zoo/z.md src/test/.hidden src/test/a.py",
        steps: "/: empty/ src/ zoo/ README.md a.py src.txt; /empty:; /src: test/ a.py b.py; /zoo: z.md; /src/test: .hidden a.py",
    },
    Row {
        walker: |w| w.exclude_dirs(["core", "d*"]).search(Search::Depth),
        path: "/",
        info: "README.md a.py empty/ src.txt src/a.py src/b.py src/test/.hidden src/test/a.py src/test/ src/ zoo/z.md zoo/",
        steps: "/empty:; /src/test: .hidden a.py; /src: test/ a.py b.py; /zoo: z.md; /: empty/ src/ zoo/ README.md a.py src.txt",
    },
    Row {
        walker: |w| {
            w.filter_dirs(["s*", "core", "docs"])
                .exclude_dirs(["do*"])
                .search(Search::Depth)
        },
        path: "/",
        info: "README.md a.py src.txt src/a.py src/b.py src/core/a.py src/core/x.pyc src/core/ src/",
        steps: "/src/core: a.py x.pyc; /src: core/ a.py b.py; /: src/ README.md a.py src.txt",
    },
    Row {
        walker: |w| w.max_depth(0),
        path: "/",
        info: "README.md a.py docs/ empty/ src.txt src/ zoo/",
        steps: "/: docs/ empty/ src/ zoo/ README.md a.py src.txt",
    },
    Row {
        walker: |w| w.max_depth(1),
        path: "/",
        info: "README.md a.py docs/ empty/ src.txt src/ zoo/",
        steps: "/: docs/ empty/ src/ zoo/ README.md a.py src.txt",
    },
    Row {
        walker: |w| w.max_depth(2),
        path: "/",
        info: "README.md a.py docs/ empty/ src.txt src/ zoo/ docs/img/ docs/index.md docs/intro.md src/a.py src/b.py src/core/ src/test/ zoo/z.md",
        steps: "/: docs/ empty/ src/ zoo/ README.md a.py src.txt; /docs: img/ index.md intro.md; /empty:; /src: core/ test/ a.py b.py; /zoo: z.md",
    },
    Row {
        walker: |w| w.max_depth(2).search(Search::Depth),
        path: "/",
        info: "README.md a.py docs/img/ docs/index.md docs/intro.md docs/ empty/ src.txt src/a.py src/b.py src/core/ src/test/ src/ zoo/z.md zoo/",
        steps: "/docs: img/ index.md intro.md; /empty:; /src: core/ test/ a.py b.py; /zoo: z.md; /: docs/ empty/ src/ zoo/ README.md a.py src.txt",
    },
    Row {
        walker: |w| w.max_depth(2).search(Search::Depth),
        path: "/src",
        info: "src/a.py src/b.py src/core/a.py src/core/deep/ src/core/x.pyc src/core/ src/test/.hidden src/test/a.py src/test/",
        steps: "/src/core: deep/ a.py x.pyc; /src/test: .hidden a.py; /src: core/ test/ a.py b.py",
    },
    Row {
        walker: |w| {
            w.filter(["*.py"])
                .exclude(["b*"])
                .exclude_dirs(["test"])
                .max_depth(3)
                .search(Search::Depth)
        },
        path: "/",
        info: "a.py docs/img/ docs/ empty/ src/a.py src/core/a.py src/core/deep/ src/core/ src/ zoo/",
        steps: "/docs/img:; /docs: img/; /empty:; /src/core: deep/ a.py; /src: core/ a.py; /zoo:; /: docs/ empty/ src/ zoo/ a.py",
    },
];

/// Walks with the options that PyFilesystem has added since its last release, `filter_glob` and
/// `exclude_glob`, and the documented results.
const GLOBS: &[Row] = &[
    Row {
        walker: |w| w.filter_glob(["src/*/*.py"]),
        path: "/",
        info: "src/ src/core/ src/test/ src/core/a.py src/test/a.py",
        steps: "/: src/; /src: core/ test/; /src/core: a.py; /src/test: a.py",
    },
    Row {
        walker: |w| w.filter_glob(["**/*.py", "docs/*"]).search(Search::Depth),
        path: "/",
        info: "a.py docs/img/ docs/index.md docs/intro.md docs/ empty/ src/a.py src/b.py src/core/a.py src/core/deep/er/z.py src/core/deep/er/ src/core/deep/ src/core/ src/test/a.py src/test/ src/ zoo/",
        steps: "/docs/img:; /docs: img/ index.md intro.md; /empty:; /src/core/deep/er: z.py; /src/core/deep: er/; /src/core: deep/ a.py; /src/test: a.py; /src: core/ test/ a.py b.py; /zoo:; /: docs/ empty/ src/ zoo/ a.py",
    },
    Row {
        walker: |w| w.filter_glob(["/src/**"]).search(Search::Depth),
        path: "/",
        info: "src/a.py src/b.py src/core/a.py src/core/deep/er/z.py src/core/deep/er/ src/core/deep/ src/core/x.pyc src/core/ src/test/.hidden src/test/a.py src/test/ src/",
        steps: "/src/core/deep/er: z.py; /src/core/deep: er/; /src/core: deep/ a.py x.pyc; /src/test: .hidden a.py; /src: core/ test/ a.py b.py; /: src/",
    },
    Row {
        walker: |w| w.exclude_glob(["**/core", "docs/*/", "**/a.py"]),
        path: "/",
        info: "README.md docs/ empty/ src.txt src/ zoo/ docs/index.md docs/intro.md src/b.py src/test/ zoo/z.md src/test/.hidden",
        steps: "/: docs/ empty/ src/ zoo/ README.md src.txt; /docs: index.md intro.md; /empty:; /src: test/ b.py; /zoo: z.md; /src/test: .hidden",
    },
    Row {
        walker: |w| {
            w.exclude_glob(["src/**/deep/**", "*.md"])
                .search(Search::Depth)
        },
        path: "/",
        info: "a.py docs/img/logo.png docs/img/ docs/index.md docs/intro.md docs/ empty/ src.txt src/a.py src/b.py src/core/a.py src/core/x.pyc src/core/ src/test/.hidden src/test/a.py src/test/ src/ zoo/z.md zoo/",
        steps: "/docs/img: logo.png; /docs: img/ index.md intro.md; /empty:; /src/core: a.py x.pyc; /src/test: .hidden a.py; /src: core/ test/ a.py b.py; /zoo: z.md; /: docs/ empty/ src/ zoo/ a.py src.txt",
    },
    Row {
        walker: |w| {
            w.filter_glob(["src/**/*.py"])
                .exclude_glob(["src/*.py"])
                .exclude_dirs(["test"])
                .search(Search::Depth)
        },
        path: "/src",
        info: "src/core/a.py src/core/deep/er/z.py src/core/deep/er/ src/core/deep/ src/core/",
        steps: "/src/core/deep/er: z.py; /src/core/deep: er/; /src/core: deep/ a.py; /src: core/",
    },
];

pub fn tree(server: &Server) -> S3Fs {
    for key in KEYS {
        let content = if key.ends_with('/') { "" } else { "x" };
        server.bucket("bucket").put(key, content);
    }
    common::open(server)
}

fn shown(path: &str, info: &Info) -> String {
    let slash = if info.is_dir() { "/" } else { "" };
    format!("{}{slash}", path.trim_start_matches('/'))
}

fn shown_step(step: &Step) -> String {
    let mut shown = format!("{}:", step.path);
    for dir in &step.dirs {
        shown.push_str(&format!(" {}/", dir.name()));
    }
    for file in &step.files {
        shown.push_str(&format!(" {}", file.name()));
    }
    shown
}

fn paths(entries: impl Iterator<Item = s3fs::Result<String>>) -> Vec<String> {
    let paths = entries.map(|path| path.unwrap().trim_start_matches('/').to_owned());
    paths.collect()
}

fn check(rows: &[Row]) {
    let server = Server::start();
    let fs = tree(&server);
    for row in rows {
        let walker = (row.walker)(Walker::new()).bind(&fs);
        let info: Vec<_> = walker.info(row.path, Namespaces::BASIC).collect();
        let info = info.iter().map(|entry| entry.as_ref().unwrap());
        let info: Vec<_> = info.map(|(path, info)| shown(path, info)).collect();
        assert_eq!(info.join(" "), row.info, "{walker:?}");

        let steps = walker.walk(row.path, Namespaces::BASIC);
        let steps: Vec<_> = steps.map(|step| shown_step(&step.unwrap())).collect();
        assert_eq!(steps.join("; "), row.steps, "{walker:?}");

        let dirs = info.iter().filter_map(|path| path.strip_suffix('/'));
        let dirs: Vec<_> = dirs.collect();
        assert_eq!(paths(walker.dirs(row.path)), dirs, "{walker:?}");

        let mut files: Vec<_> = info.iter().filter(|path| !path.ends_with('/')).collect();
        let mut walked = paths(walker.files(row.path));
        files.sort();
        walked.sort();
        assert_eq!(walked.iter().collect::<Vec<_>>(), files, "{walker:?}");
    }
}

#[test]
fn a_walk_visits_everything_in_the_order_of_pyfilesystem() {
    check(TABLE);
}

#[test]
fn whole_paths_can_be_filtered_and_excluded() {
    check(GLOBS);
}

#[test]
fn files_are_in_the_order_of_the_tree_by_default() {
    let server = Server::start();
    let fs = tree(&server);
    let keys: Vec<_> = KEYS.iter().filter(|key| !key.ends_with('/')).collect();
    assert_eq!(paths(fs.walk().files("/")).iter().collect::<Vec<_>>(), keys);
    let depth = fs.walk().search(Search::Depth);
    assert_eq!(paths(depth.files("/")).iter().collect::<Vec<_>>(), keys);
    let breadth = paths(fs.walk().search(Search::Breadth).files("/"));
    assert_eq!(
        breadth[..4],
        ["README.md", "a.py", "src.txt", "docs/index.md"]
    );
    assert_eq!(breadth.len(), keys.len());
}

#[test]
fn a_walk_includes_sizes() {
    let server = Server::start();
    let fs = tree(&server);
    for search in [Search::Breadth, Search::Depth] {
        let infos = fs.walk().search(search).info("/", Namespaces::DETAILS);
        let sizes = infos.map(|entry| entry.unwrap().1.size().unwrap());
        assert_eq!(sizes.sum::<u64>(), 14);
    }
}

/// Makes every listing of one directory fail.
fn refuse(server: &Server, prefix: &'static str) {
    let listing = Rule::on("ListObjectsV2").when(move |r| r.query("prefix") == Some(prefix));
    server
        .faults()
        .add(listing.times(100), Fault::error(403, "AccessDenied"));
}

#[test]
fn an_error_ends_the_walk() {
    let server = Server::start();
    let fs = tree(&server);
    refuse(&server, "src/core/");
    for search in [Search::Breadth, Search::Depth] {
        let walker = fs.walk().search(search).on_error(|_, _| false);
        let entries: Vec<_> = walker.info("/", Namespaces::BASIC).collect();
        let (last, before) = entries.split_last().unwrap();
        assert!(before.iter().all(|entry| entry.is_ok()));
        let error = last.as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.path(), Some("/src/core"));
    }
}

#[test]
fn errors_are_ignored_on_request() {
    let server = Server::start();
    let fs = tree(&server);
    refuse(&server, "src/core/");
    for search in [Search::Breadth, Search::Depth] {
        let walker = fs.walk().search(search).ignore_errors(true);
        let mut files = paths(walker.files("/"));
        files.sort();
        let readable = KEYS.iter().filter(|key| !key.starts_with("src/core/"));
        let readable: Vec<_> = readable.filter(|key| !key.ends_with('/')).collect();
        assert_eq!(files.iter().collect::<Vec<_>>(), readable);
        let steps = walker
            .walk("/", Namespaces::BASIC)
            .map(|step| step.unwrap());
        assert_eq!(steps.count(), 8);
    }
}

#[test]
fn on_error_decides_whether_the_walk_continues() {
    let server = Server::start();
    let fs = tree(&server);
    refuse(&server, "src/core/");
    refuse(&server, "zoo/");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by = Arc::clone(&seen);
    let walker = fs
        .walk()
        .search(Search::Depth)
        .on_error(move |path, error| {
            seen_by
                .lock()
                .unwrap()
                .push((path.to_owned(), error.kind()));
            path != "/zoo"
        });
    let entries: Vec<_> = walker.files("/").collect();
    assert_eq!(entries.iter().filter(|entry| entry.is_ok()).count(), 10);
    let error = entries.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.path(), Some("/zoo"));
    let denied = ErrorKind::PermissionDenied;
    assert_eq!(
        *seen.lock().unwrap(),
        [
            ("/src/core".to_owned(), denied),
            ("/zoo".to_owned(), denied)
        ]
    );
}

#[test]
fn a_walker_can_be_bound_to_any_filesystem() {
    let server = Server::start();
    let fs: Box<dyn s3fs::FileSystem> = Box::new(tree(&server));
    let walker = Walker::new().filter(["*.md"]).exclude_dirs(["docs"]);
    assert_eq!(
        paths(walker.clone().bind(&*fs).files("/")),
        ["README.md", "zoo/z.md"]
    );
    assert_eq!(paths(walker.bind(&fs).files("zoo")), ["zoo/z.md"]);
    let steps: s3fs::Result<Vec<Step>> = fs.walk().into_iter().collect();
    assert_eq!(steps.unwrap().len(), 10);
}

#[test]
fn a_name_that_is_both_file_and_directory_is_visited_as_both() {
    let server = Server::start();
    for key in ["x", "x/y", "z/x", "z/x/y"] {
        server.bucket("bucket").put(key, "content");
    }
    let fs = common::open(&server);
    for search in [Search::Breadth, Search::Depth] {
        let infos = fs.walk().search(search).info("/", Namespaces::BASIC);
        let mut infos: Vec<_> = infos.map(|entry| entry.unwrap()).collect();
        infos.sort_by(|a, b| a.0.cmp(&b.0));
        let shown: Vec<_> = infos.iter().map(|(path, info)| shown(path, info)).collect();
        assert_eq!(shown, ["x", "x/", "x/y", "z/", "z/x", "z/x/", "z/x/y"]);
    }
    let found = |pattern: &str| {
        let matches = fs.glob(pattern).into_iter();
        let mut paths: Vec<_> = matches.map(|found| found.unwrap().path).collect();
        paths.sort();
        paths
    };
    assert_eq!(found("x"), ["/x"]);
    assert_eq!(found("x/"), ["/x/"]);
    assert_eq!(found("x/*"), ["/x/y"]);
    assert_eq!(found("x/**"), ["/x", "/x/", "/x/y"]);
    assert_eq!(found("*/x/"), ["/z/x/"]);
    assert_eq!(found("z/?/y"), ["/z/x/y"]);
    assert_eq!(fs.glob("z/x/").remove().unwrap(), 1);
    assert_eq!(server.bucket("bucket").keys(), ["x", "x/y", "z/x"]);
}
