//! Valid and invalid paths.

use super::{Case, fails};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::FileSystem;
use crate::filesystem::info::{Namespaces, RawInfo};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a_path_is_normalized",
        check: a_path_is_normalized,
    },
    Case {
        name: "a_path_never_leads_above_the_root",
        check: a_path_never_leads_above_the_root,
    },
    Case {
        name: "a_path_has_no_nul",
        check: a_path_has_no_nul,
    },
    Case {
        name: "names_may_be_any_unicode",
        check: names_may_be_any_unicode,
    },
    Case {
        name: "a_closed_filesystem_returns_an_error",
        check: a_closed_filesystem_returns_an_error,
    },
];

fn a_path_is_normalized(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writebytes("d/f", b"content").unwrap();
    for path in ["d/f", "/d/f", "d//f", "./d/./f", "d/x/../f", "/d/f/"] {
        assert_eq!(fs.readbytes(path).unwrap(), b"content", "{path:?}");
        assert_eq!(fs.validatepath(path).unwrap(), "/d/f", "{path:?}");
    }
    for root in ["", "/", ".", "d/.."] {
        assert_eq!(fs.validatepath(root).unwrap(), "/", "{root:?}");
        assert!(fs.isdir(root).unwrap(), "{root:?}");
    }
}

fn a_path_never_leads_above_the_root(fs: &dyn FileSystem) {
    each_operation_refuses(fs, "../x", ErrorKind::IllegalBackReference);
    each_operation_refuses(fs, "a/../../x", ErrorKind::IllegalBackReference);
}

fn a_path_has_no_nul(fs: &dyn FileSystem) {
    each_operation_refuses(fs, "a\0b", ErrorKind::InvalidCharsInPath);
}

fn each_operation_refuses(fs: &dyn FileSystem, path: &str, kind: ErrorKind) {
    fails(fs.getinfo(path, Namespaces::BASIC), kind, path);
    fails(fs.listdir(path), kind, path);
    fails(fs.scandir(path, Namespaces::BASIC), kind, path);
    fails(fs.makedir(path), kind, path);
    fails(fs.openbin(path, "r"), kind, path);
    fails(fs.openbin(path, "w"), kind, path);
    fails(fs.remove(path), kind, path);
    fails(fs.removedir(path), kind, path);
    fails(fs.setinfo(path, &RawInfo::new()), kind, path);
    fails(fs.exists(path), kind, path);
    fails(fs.isfile(path), kind, path);
    fails(fs.isdir(path), kind, path);
    fails(fs.isempty(path), kind, path);
    fails(fs.readbytes(path), kind, path);
    fails(fs.readtext(path), kind, path);
    fails(fs.writebytes(path, b""), kind, path);
    fails(fs.writetext(path, ""), kind, path);
    fails(fs.create(path, false), kind, path);
    fails(fs.create(path, true), kind, path);
    fails(fs.touch(path), kind, path);
    fails(fs.getsize(path), kind, path);
    fails(fs.gettype(path), kind, path);
    fails(fs.geturl(path), kind, path);
    fails(fs.validatepath(path), kind, path);
    assert!(!fs.hasurl(path));
    assert!(fs.listdir("/").unwrap().is_empty());
}

fn names_may_be_any_unicode(fs: &dyn FileSystem) {
    let names = [
        "a b",
        "é",
        "e\u{301}",
        "日本語",
        "🐚",
        "a+b",
        "a%41",
        "a&b",
        "~",
        "%2F",
        "x'y",
        "...",
        "..a",
    ];
    for name in names {
        fs.writebytes(name, name.as_bytes()).unwrap();
    }
    let mut expected: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(super::names(fs, "/"), expected);
    for name in names {
        assert_eq!(fs.readbytes(name).unwrap(), name.as_bytes(), "{name:?}");
    }
}

fn a_closed_filesystem_returns_an_error(fs: &dyn FileSystem) {
    assert!(!fs.isclosed());
    fs.check().unwrap();
    fs.close().unwrap();
    fs.close().unwrap();
    assert!(fs.isclosed());
    let kinds = [
        fs.check().err(),
        fs.getinfo("", Namespaces::BASIC).err(),
        fs.listdir("").err(),
        fs.openbin("a", "r").err(),
        fs.writebytes("a", b"").err(),
        fs.makedir("d").err(),
        fs.exists("a").err(),
        fs.remove("a").err(),
        fs.removedir("a").err(),
        fs.validatepath("a").err(),
    ];
    for error in kinds {
        assert_eq!(error.unwrap().kind(), ErrorKind::FilesystemClosed);
    }
}
