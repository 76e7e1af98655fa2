//! Trees, drawn byte by byte as PyFilesystem 2.4.16 draws them.

use s3fs::{ErrorKind, FileSystemExt, S3Fs, TreeOptions};
use test_server::{Fault, Rule, Server};

use crate::common;
use crate::walking::tree;

/// Drawings of the original for the tree of the walks, each below a line with its options.
const DRAWINGS: &str = include_str!("drawing.txt");

fn drawn(fs: &S3Fs, name: &str, options: &TreeOptions) -> String {
    let mut out = Vec::new();
    let counts = fs.tree(&mut out, options).unwrap();
    let (dirs, files) = (counts.dirs, counts.files);
    let drawing = String::from_utf8(out).unwrap();
    format!("# {name}: {dirs} directories, {files} files\n{drawing}")
}

#[test]
fn trees_are_drawn_as_in_pyfilesystem() {
    let server = Server::start();
    let fs = tree(&server);
    let options = TreeOptions::new;
    let mut all = String::new();
    for (name, options) in [
        ("defaults", options()),
        ("color", options().with_color(true).path("/src")),
        ("max_levels 1", options().max_levels(1)),
        ("max_levels 0", options().max_levels(0)),
        (
            "all levels, files among directories",
            options().dirs_first(false).path("src").max_levels(None),
        ),
        (
            "filter and exclude",
            options().filter(["*.py"]).exclude(["c*", "do*"]),
        ),
        ("an empty directory", options().path("empty")),
    ] {
        all.push_str(&drawn(&fs, name, &options));
    }
    assert_eq!(all, DRAWINGS);
}

#[test]
fn boxes_and_colors_are_independent() {
    let server = Server::start();
    let fs = tree(&server);
    let docs = || TreeOptions::new().path("docs").max_levels(0);
    let boxes = "# docs: 1 directories, 2 files\n├── img\n├── index.md\n└── intro.md\n";
    assert_eq!(drawn(&fs, "docs", &docs().box_characters(true)), boxes);
    let color = docs().with_color(true).box_characters(false);
    assert!(drawn(&fs, "docs", &color).contains("\x1b[32m`--\x1b[0m intro.md\n"));
}

#[test]
fn no_more_levels_are_listed_than_are_drawn() {
    let server = Server::start();
    let fs = tree(&server);
    drawn(&fs, "", &TreeOptions::new().max_levels(1).exclude(["src"]));
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_directory_that_cannot_be_listed_is_drawn_with_its_error() {
    let server = Server::start();
    let fs = tree(&server);
    let listing = Rule::on("ListObjectsV2").when(|r| r.query("prefix") == Some("src/core/"));
    server
        .faults()
        .add(listing, Fault::error(403, "AccessDenied"));
    let drawing = drawn(&fs, "src", &TreeOptions::new().path("src"));
    let error = "|-- core\n|   `-- error (permission denied: \"/src/core\"";
    assert!(drawing.contains(error), "{drawing}");
    assert!(drawing.ends_with("`-- b.py\n"), "{drawing}");
}

#[test]
fn a_tree_needs_a_directory() {
    let server = Server::start();
    let fs = tree(&server);
    let mut out = Vec::new();
    let mut fails = |path: &str| {
        let error = fs
            .tree(&mut out, &TreeOptions::new().path(path))
            .unwrap_err();
        assert_eq!(error.path(), Some(path));
        error.kind()
    };
    assert_eq!(fails("missing"), ErrorKind::ResourceNotFound);
    assert_eq!(fails("a.py"), ErrorKind::DirectoryExpected);
    assert_eq!(fails("../x"), ErrorKind::IllegalBackReference);
    assert!(out.is_empty());
}

#[test]
fn a_name_cannot_break_a_line_or_control_the_terminal() {
    let server = Server::start();
    server.bucket("bucket").put("a\nb\x1b[31m", "content");
    let fs = common::open(&server);
    let drawing = drawn(&fs, "", &TreeOptions::new());
    assert!(drawing.ends_with("`-- a\\nb\\u{1b}[31m\n"), "{drawing}");
}
