//! Writing whole files.

use super::{Case, fails, names};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt;
use crate::filesystem::FileSystem;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "writing_replaces_the_content",
        check: writing_replaces_the_content,
    },
    Case {
        name: "writing_needs_its_parent",
        check: writing_needs_its_parent,
    },
    Case {
        name: "a_directory_is_not_written",
        check: a_directory_is_not_written,
    },
    Case {
        name: "the_root_is_not_written",
        check: the_root_is_not_written,
    },
    Case {
        name: "create_returns_whether_it_made_the_file",
        check: create_returns_whether_it_made_the_file,
    },
    Case {
        name: "touch_makes_a_missing_file",
        check: touch_makes_a_missing_file,
    },
    Case {
        name: "write_with_publishes_on_success_only",
        check: write_with_publishes_on_success_only,
    },
];

fn writing_replaces_the_content(fs: &dyn FileSystem) {
    fs.writebytes("f", b"a longer content").unwrap();
    fs.writebytes("f", b"short").unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"short");
    fs.writetext("f", "").unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"");
    assert_eq!(names(fs, "/"), ["f"]);
}

fn writing_needs_its_parent(fs: &dyn FileSystem) {
    fs.writebytes("f", b"content").unwrap();
    for (path, kind) in [
        ("x/y", ErrorKind::ResourceNotFound),
        ("f/y", ErrorKind::ResourceNotFound),
    ] {
        fails(fs.writebytes(path, b"new"), kind, path);
        fails(fs.writetext(path, "new"), kind, path);
        fails(fs.create(path, false), kind, path);
        fails(fs.create(path, true), kind, path);
        fails(fs.touch(path), kind, path);
        for mode in ["w", "x", "a", "w+", "x+", "a+"] {
            fails(fs.openbin(path, mode), kind, path);
        }
    }
    assert_eq!(names(fs, "/"), ["f"]);
}

fn a_directory_is_not_written(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fails(fs.writebytes("d", b"new"), ErrorKind::FileExpected, "d");
    fails(fs.create("d", true), ErrorKind::FileExpected, "d");
    for mode in ["w", "a", "w+", "a+"] {
        fails(fs.openbin("d", mode), ErrorKind::FileExpected, "d");
    }
    // An existing entry of any kind is left unchanged.
    assert!(!fs.create("d", false).unwrap());
    fs.touch("d").unwrap();
    assert!(fs.isdir("d").unwrap() && fs.isempty("d").unwrap());
    assert!(!fs.isfile("d").unwrap());
}

fn the_root_is_not_written(fs: &dyn FileSystem) {
    for root in ["", "/"] {
        fails(fs.writebytes(root, b"new"), ErrorKind::FileExpected, root);
        fails(fs.openbin(root, "w"), ErrorKind::FileExpected, root);
        fails(fs.openbin(root, "a"), ErrorKind::FileExpected, root);
        assert!(!fs.create(root, false).unwrap());
    }
    assert!(fs.isempty("/").unwrap());
}

fn create_returns_whether_it_made_the_file(fs: &dyn FileSystem) {
    assert!(fs.create("f", false).unwrap());
    assert_eq!(fs.readbytes("f").unwrap(), b"");
    fs.writebytes("f", b"content").unwrap();
    assert!(!fs.create("f", false).unwrap());
    assert_eq!(fs.readbytes("f").unwrap(), b"content");
    assert!(fs.create("f", true).unwrap());
    assert_eq!(fs.readbytes("f").unwrap(), b"");
}

fn touch_makes_a_missing_file(fs: &dyn FileSystem) {
    fs.touch("f").unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"");
    fs.writebytes("f", b"content").unwrap();
    fs.touch("f").unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"content");
}

fn write_with_publishes_on_success_only(fs: &dyn FileSystem) {
    let count = fs.write_with("f", |file| {
        file.write_all(b"one ")?;
        file.write_all(b"two")?;
        Ok(2)
    });
    assert_eq!(count.unwrap(), 2);
    assert_eq!(fs.readbytes("f").unwrap(), b"one two");
    let failed = fs.write_with("f", |file| {
        file.write_all(b"half of it")?;
        Err::<(), _>(std::io::Error::from(std::io::ErrorKind::NotFound))
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::CallerFailed);
    assert_eq!(fs.readbytes("f").unwrap(), b"one two");
    let failed = fs.write_with("g", |_| Err::<(), _>(std::io::Error::other("no more")));
    assert!(failed.is_err());
    assert!(!fs.exists("g").unwrap());
}
