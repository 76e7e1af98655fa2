//! Copying and moving files and directories.

use super::{Case, fails, names};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::{CopyOptions, FileSystem};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "copy_copies_one_file",
        check: copy_copies_one_file,
    },
    Case {
        name: "copy_replaces_only_with_overwrite",
        check: copy_replaces_only_with_overwrite,
    },
    Case {
        name: "copy_needs_a_file",
        check: copy_needs_a_file,
    },
    Case {
        name: "copy_needs_a_place",
        check: copy_needs_a_place,
    },
    Case {
        name: "copy_never_replaces_a_directory",
        check: copy_never_replaces_a_directory,
    },
    Case {
        name: "a_file_is_not_copied_onto_itself",
        check: a_file_is_not_copied_onto_itself,
    },
    Case {
        name: "copy_takes_any_content",
        check: copy_takes_any_content,
    },
    Case {
        name: "movefile_moves_one_file",
        check: movefile_moves_one_file,
    },
    Case {
        name: "movefile_replaces_only_with_overwrite",
        check: movefile_replaces_only_with_overwrite,
    },
    Case {
        name: "movefile_needs_a_file",
        check: movefile_needs_a_file,
    },
    Case {
        name: "movefile_needs_a_place",
        check: movefile_needs_a_place,
    },
    Case {
        name: "movefile_keeps_its_directory",
        check: movefile_keeps_its_directory,
    },
    Case {
        name: "a_move_onto_itself_does_nothing",
        check: a_move_onto_itself_does_nothing,
    },
    Case {
        name: "copydir_copies_a_tree_into_another",
        check: copydir_copies_a_tree_into_another,
    },
    Case {
        name: "copydir_makes_its_target_only_with_create",
        check: copydir_makes_its_target_only_with_create,
    },
    Case {
        name: "copydir_copies_an_empty_directory",
        check: copydir_copies_an_empty_directory,
    },
    Case {
        name: "copydir_needs_directories",
        check: copydir_needs_directories,
    },
    Case {
        name: "copydir_refuses_trees_that_overlap",
        check: copydir_refuses_trees_that_overlap,
    },
    Case {
        name: "movedir_moves_a_tree_into_another",
        check: movedir_moves_a_tree_into_another,
    },
    Case {
        name: "movedir_makes_its_target_only_with_create",
        check: movedir_makes_its_target_only_with_create,
    },
    Case {
        name: "movedir_keeps_the_parent_of_its_source",
        check: movedir_keeps_the_parent_of_its_source,
    },
    Case {
        name: "movedir_needs_directories",
        check: movedir_needs_directories,
    },
    Case {
        name: "movedir_refuses_trees_that_overlap",
        check: movedir_refuses_trees_that_overlap,
    },
    Case {
        name: "times_are_kept_if_the_filesystem_has_them",
        check: times_are_kept_if_the_filesystem_has_them,
    },
];

const OVERWRITE: fn() -> CopyOptions = || CopyOptions::new().overwrite(true);
const CREATE: fn() -> CopyOptions = || CopyOptions::new().create(true);

#[track_caller]
fn holds(fs: &dyn FileSystem, path: &str, content: &str) {
    assert_eq!(fs.readtext(path).unwrap(), content, "{path:?}");
}

/// Creates `d` with a file, an entry with the same name as its target, a tree and an empty directory; and `d.bak` beside
/// it.
fn arrange(fs: &dyn FileSystem) {
    for directory in ["d", "d/e", "d/e/g", "d/empty", "d.bak"] {
        fs.makedir(directory).unwrap();
    }
    for file in ["d/f", "d/e/f", "d/e/g/f", "d.bak/f"] {
        fs.writetext(file, file).unwrap();
    }
}

/// Checks that a directory contains the files that [`arrange`] puts into `d`.
#[track_caller]
fn has_the_tree(fs: &dyn FileSystem, directory: &str) {
    for file in ["f", "e/f", "e/g/f"] {
        holds(fs, &format!("{directory}/{file}"), &format!("d/{file}"));
    }
    assert!(fs.isempty(&format!("{directory}/empty")).unwrap());
}

fn copy_copies_one_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("f", "content").unwrap();
    fs.copy("f", "g").unwrap();
    fs.copy("/f", "d//f").unwrap();
    fs.copy_with("d/f", "d/g", &OVERWRITE()).unwrap();
    for file in ["f", "g", "d/f", "d/g"] {
        holds(fs, file, "content");
    }
    assert_eq!(names(fs, "/"), ["d", "f", "g"]);
    assert_eq!(names(fs, "d"), ["f", "g"]);
}

fn copy_replaces_only_with_overwrite(fs: &dyn FileSystem) {
    fs.writetext("f", "new").unwrap();
    fs.writetext("g", "a longer content").unwrap();
    fails(fs.copy("f", "g"), ErrorKind::DestinationExists, "g");
    holds(fs, "g", "a longer content");
    fs.copy_with("f", "g", &OVERWRITE()).unwrap();
    holds(fs, "g", "new");
    holds(fs, "f", "new");
}

fn copy_needs_a_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    for options in [CopyOptions::new(), OVERWRITE()] {
        for (path, kind) in [
            ("x", ErrorKind::ResourceNotFound),
            ("d/x", ErrorKind::ResourceNotFound),
            ("x/y", ErrorKind::ResourceNotFound),
            ("d", ErrorKind::FileExpected),
            ("/", ErrorKind::FileExpected),
        ] {
            fails(fs.copy_with(path, "new", &options), kind, path);
        }
    }
    assert_eq!(names(fs, "/"), ["d"]);
}

fn copy_needs_a_place(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    fs.writetext("g", "other").unwrap();
    for options in [CopyOptions::new(), OVERWRITE()] {
        fails(
            fs.copy_with("f", "x/y", &options),
            ErrorKind::ResourceNotFound,
            "x/y",
        );
        fails(
            fs.copy_with("f", "g/y", &options),
            ErrorKind::ResourceNotFound,
            "g/y",
        );
    }
    assert_eq!(names(fs, "/"), ["f", "g"]);
    holds(fs, "g", "other");
}

fn copy_never_replaces_a_directory(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.makedir("empty").unwrap();
    fs.writetext("d/f", "content").unwrap();
    for target in ["d", "empty", "/"] {
        fails(fs.copy("d/f", target), ErrorKind::DestinationExists, target);
        let replaced = fs.copy_with("d/f", target, &OVERWRITE());
        fails(replaced, ErrorKind::FileExpected, target);
    }
    holds(fs, "d/f", "content");
    assert!(fs.isempty("empty").unwrap() && !fs.isfile("empty").unwrap());
}

fn a_file_is_not_copied_onto_itself(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    fails(
        fs.copy_with("f", "f", &OVERWRITE()),
        ErrorKind::IllegalDestination,
        "f",
    );
    fails(fs.copy("f", "f"), ErrorKind::DestinationExists, "f");
    for same in ["/f", "./f", "x/../f"] {
        let error = fs.copy_with("f", same, &OVERWRITE()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IllegalDestination, "{error}");
    }
    holds(fs, "f", "content");
}

fn copy_takes_any_content(fs: &dyn FileSystem) {
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for content in [&b""[..], &content] {
        fs.writebytes("f", content).unwrap();
        fs.copy_with("f", "g", &OVERWRITE()).unwrap();
        assert_eq!(fs.readbytes("g").unwrap(), content);
    }
}

fn movefile_moves_one_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("f", "content").unwrap();
    fs.movefile("f", "g").unwrap();
    assert_eq!(names(fs, "/"), ["d", "g"]);
    fs.movefile("/g", "d//f").unwrap();
    assert_eq!(names(fs, "/"), ["d"]);
    holds(fs, "d/f", "content");
}

fn movefile_replaces_only_with_overwrite(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("f", "new").unwrap();
    fs.writetext("g", "a longer content").unwrap();
    fails(fs.movefile("f", "g"), ErrorKind::DestinationExists, "g");
    holds(fs, "f", "new");
    holds(fs, "g", "a longer content");
    let replaced = fs.movefile_with("f", "d", &OVERWRITE());
    fails(replaced, ErrorKind::FileExpected, "d");
    holds(fs, "f", "new");
    fs.movefile_with("f", "g", &OVERWRITE()).unwrap();
    assert_eq!(names(fs, "/"), ["d", "g"]);
    holds(fs, "g", "new");
}

fn movefile_needs_a_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    for options in [CopyOptions::new(), OVERWRITE()] {
        for (path, kind) in [
            ("x", ErrorKind::ResourceNotFound),
            ("d/x", ErrorKind::ResourceNotFound),
            ("d", ErrorKind::FileExpected),
            ("/", ErrorKind::FileExpected),
        ] {
            fails(fs.movefile_with(path, "new", &options), kind, path);
        }
        // As in PyFilesystem, the target is checked first.
        let kind = match options.overwrite {
            true => ErrorKind::FileExpected,
            false => ErrorKind::DestinationExists,
        };
        for directory in ["d", "/d", "/"] {
            let moved = fs.movefile_with(directory, directory, &options);
            fails(moved, kind, directory);
        }
        fails(
            fs.movefile_with("x", "x", &options),
            ErrorKind::ResourceNotFound,
            "x",
        );
    }
    assert_eq!(names(fs, "/"), ["d"]);
    holds(fs, "d/f", "content");
}

fn movefile_needs_a_place(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    let moved = fs.movefile("f", "x/y");
    fails(moved, ErrorKind::ResourceNotFound, "x/y");
    let moved = fs.movefile_with("f", "f/y", &OVERWRITE());
    fails(moved, ErrorKind::ResourceNotFound, "f/y");
    assert_eq!(names(fs, "/"), ["f"]);
    holds(fs, "f", "content");
}

fn movefile_keeps_its_directory(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    fs.movefile("d/f", "f").unwrap();
    assert!(fs.isdir("d").unwrap() && fs.isempty("d").unwrap());
    holds(fs, "f", "content");
}

fn a_move_onto_itself_does_nothing(fs: &dyn FileSystem) {
    arrange(fs);
    for same in ["d/f", "/d/f", "d/e/../f"] {
        let moved = fs.movefile("d/f", same);
        fails(moved, ErrorKind::DestinationExists, same);
        fs.movefile_with("d/f", same, &OVERWRITE()).unwrap();
    }
    for same in ["d", "/d", "d/."] {
        fs.movedir("d", same).unwrap();
        fs.movedir_with("d", same, &CREATE()).unwrap();
    }
    has_the_tree(fs, "d");
}

fn copydir_copies_a_tree_into_another(fs: &dyn FileSystem) {
    arrange(fs);
    fs.makedir("t").unwrap();
    fs.writetext("t/f", "is replaced").unwrap();
    fs.writetext("t/other", "stays").unwrap();
    fs.copydir("d", "t").unwrap();
    has_the_tree(fs, "t");
    has_the_tree(fs, "d");
    holds(fs, "t/other", "stays");
    assert_eq!(names(fs, "t"), ["e", "empty", "f", "other"]);
    assert_eq!(names(fs, "/"), ["d", "d.bak", "t"]);
    // Directories whose names begin alike are distinct.
    fs.copydir("d", "d.bak").unwrap();
    has_the_tree(fs, "d.bak");
}

fn copydir_makes_its_target_only_with_create(fs: &dyn FileSystem) {
    arrange(fs);
    fails(fs.copydir("d", "t"), ErrorKind::ResourceNotFound, "t");
    assert_eq!(names(fs, "/"), ["d", "d.bak"]);
    fs.copydir_with("d", "t", &CREATE()).unwrap();
    has_the_tree(fs, "t");
    // The directories above the target are created, too.
    fs.copydir_with("d", "u/v", &CREATE()).unwrap();
    has_the_tree(fs, "u/v");
    fs.copydir_with("d", "t", &CREATE()).unwrap();
    assert_eq!(names(fs, "t"), ["e", "empty", "f"]);
}

fn copydir_copies_an_empty_directory(fs: &dyn FileSystem) {
    fs.makedir("empty").unwrap();
    fs.copydir_with("empty", "t", &CREATE()).unwrap();
    assert!(fs.isdir("t").unwrap() && fs.isempty("t").unwrap());
    assert!(fs.isdir("empty").unwrap());
}

fn copydir_needs_directories(fs: &dyn FileSystem) {
    arrange(fs);
    fs.writetext("f", "content").unwrap();
    for (src_path, dst_path, kind, path) in [
        ("x", "t", ErrorKind::ResourceNotFound, "x"),
        ("f", "t", ErrorKind::DirectoryExpected, "f"),
        ("d", "f", ErrorKind::DirectoryExpected, "f"),
    ] {
        let copied = fs.copydir_with(src_path, dst_path, &CREATE());
        fails(copied, kind, path);
    }
    fails(fs.copydir("d", "f"), ErrorKind::DirectoryExpected, "f");
    assert_eq!(names(fs, "/"), ["d", "d.bak", "f"]);
    holds(fs, "f", "content");
}

fn copydir_refuses_trees_that_overlap(fs: &dyn FileSystem) {
    arrange(fs);
    for (src_path, dst_path) in [
        ("d", "d"),
        ("d", "/d/."),
        ("d", "d/e"),
        ("d/e", "d"),
        ("d", "/"),
        ("/", "d"),
    ] {
        let copied = fs.copydir(src_path, dst_path);
        fails(copied, ErrorKind::IllegalDestination, dst_path);
    }
    let copied = fs.copydir_with("d", "d/new", &CREATE());
    fails(copied, ErrorKind::IllegalDestination, "d/new");
    assert_eq!(names(fs, "/"), ["d", "d.bak"]);
    assert_eq!(names(fs, "d"), ["e", "empty", "f"]);
    has_the_tree(fs, "d");
}

fn movedir_moves_a_tree_into_another(fs: &dyn FileSystem) {
    arrange(fs);
    fs.makedir("t").unwrap();
    fs.writetext("t/f", "is replaced").unwrap();
    fs.writetext("t/other", "stays").unwrap();
    fs.movedir("d", "t").unwrap();
    has_the_tree(fs, "t");
    holds(fs, "t/other", "stays");
    assert_eq!(names(fs, "/"), ["d.bak", "t"]);
    assert!(!fs.exists("d").unwrap());
    holds(fs, "d.bak/f", "d.bak/f");
}

fn movedir_makes_its_target_only_with_create(fs: &dyn FileSystem) {
    arrange(fs);
    fails(fs.movedir("d", "t"), ErrorKind::ResourceNotFound, "t");
    has_the_tree(fs, "d");
    fs.movedir_with("d", "t", &CREATE()).unwrap();
    has_the_tree(fs, "t");
    assert_eq!(names(fs, "/"), ["d.bak", "t"]);
    fs.movedir_with("t/empty", "new", &CREATE()).unwrap();
    assert!(fs.isdir("new").unwrap() && fs.isempty("new").unwrap());
    assert_eq!(names(fs, "t"), ["e", "f"]);
}

fn movedir_keeps_the_parent_of_its_source(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.makedir("d/e").unwrap();
    fs.writetext("d/e/f", "content").unwrap();
    fs.movedir_with("d/e", "t", &CREATE()).unwrap();
    assert!(fs.isdir("d").unwrap() && fs.isempty("d").unwrap());
    holds(fs, "t/f", "content");
}

fn movedir_needs_directories(fs: &dyn FileSystem) {
    arrange(fs);
    fs.writetext("f", "content").unwrap();
    for (src_path, dst_path, kind, path) in [
        ("x", "t", ErrorKind::ResourceNotFound, "x"),
        ("x", "x", ErrorKind::ResourceNotFound, "x"),
        ("f", "t", ErrorKind::DirectoryExpected, "f"),
        ("d", "f", ErrorKind::DirectoryExpected, "f"),
    ] {
        let moved = fs.movedir_with(src_path, dst_path, &CREATE());
        fails(moved, kind, path);
    }
    fails(fs.movedir("d", "f"), ErrorKind::DirectoryExpected, "f");
    assert_eq!(names(fs, "/"), ["d", "d.bak", "f"]);
    has_the_tree(fs, "d");
    holds(fs, "f", "content");
}

fn movedir_refuses_trees_that_overlap(fs: &dyn FileSystem) {
    arrange(fs);
    for (src_path, dst_path) in [("d", "d/e"), ("d/e", "d"), ("d", "/"), ("/", "d")] {
        let moved = fs.movedir(src_path, dst_path);
        fails(moved, ErrorKind::IllegalDestination, dst_path);
    }
    let moved = fs.movedir_with("d", "d/new", &CREATE());
    fails(moved, ErrorKind::IllegalDestination, "d/new");
    assert_eq!(names(fs, "/"), ["d", "d.bak"]);
    has_the_tree(fs, "d");
}

fn times_are_kept_if_the_filesystem_has_them(fs: &dyn FileSystem) {
    let preserve = CopyOptions::new().preserve_time(true).create(true);
    let when = time::OffsetDateTime::UNIX_EPOCH + time::Duration::days(10_000);
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    fs.settimes("d/f", None, Some(when)).unwrap();
    fs.copy_with("d/f", "g", &preserve).unwrap();
    fs.copydir_with("d", "t", &preserve).unwrap();
    fs.movefile_with("t/f", "t/h", &preserve).unwrap();
    fs.movedir_with("t", "u", &preserve).unwrap();
    for file in ["g", "u/h"] {
        holds(fs, file, "content");
        if fs
            .getdetails(file)
            .unwrap()
            .is_writeable("details", "modified")
        {
            assert_eq!(fs.getmodified(file).unwrap(), Some(when), "{file:?}");
        }
    }
}
