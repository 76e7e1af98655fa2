//! Info of a resource.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::{Case, fails};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::FileSystem;
use crate::filesystem::info::{Namespaces, RawInfo, ResourceType, Value};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "the_root_is_a_directory",
        check: the_root_is_a_directory,
    },
    Case {
        name: "info_distinguishes_files_from_directories",
        check: info_distinguishes_files_from_directories,
    },
    Case {
        name: "a_path_without_a_resource_does_not_exist",
        check: a_path_without_a_resource_does_not_exist,
    },
    Case {
        name: "many_infos_are_returned_in_the_order_of_the_paths",
        check: many_infos_are_returned_in_the_order_of_the_paths,
    },
    Case {
        name: "meta_describes_the_filesystem",
        check: meta_describes_the_filesystem,
    },
    Case {
        name: "details_have_size_and_time",
        check: details_have_size_and_time,
    },
    Case {
        name: "setinfo_takes_times_and_refuses_permissions",
        check: setinfo_takes_times_and_refuses_permissions,
    },
];

fn the_root_is_a_directory(fs: &dyn FileSystem) {
    for root in ["", "/"] {
        let info = fs.getinfo(root, Namespaces::DETAILS).unwrap();
        assert_eq!((info.name(), info.is_dir()), ("", true));
        assert!(fs.exists(root).unwrap() && fs.isdir(root).unwrap());
        assert!(!fs.isfile(root).unwrap());
        assert!(fs.isempty(root).unwrap());
        assert_eq!(fs.gettype(root).unwrap(), ResourceType::Directory);
    }
}

fn info_distinguishes_files_from_directories(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writebytes("d/f.tar.gz", b"123").unwrap();
    let file = fs.getinfo("d/f.tar.gz", Namespaces::BASIC).unwrap();
    assert_eq!((file.name(), file.is_file()), ("f.tar.gz", true));
    assert_eq!(file.make_path("d").unwrap(), "d/f.tar.gz");
    assert!(fs.isfile("d/f.tar.gz").unwrap() && !fs.isdir("d/f.tar.gz").unwrap());
    assert_eq!(fs.gettype("d/f.tar.gz").unwrap(), ResourceType::File);
    let directory = fs.getbasic("d").unwrap();
    assert_eq!((directory.name(), directory.is_dir()), ("d", true));
    assert!(fs.isdir("d").unwrap() && !fs.isfile("d").unwrap());
    assert_eq!(fs.gettype("d").unwrap(), ResourceType::Directory);
}

fn many_infos_are_returned_in_the_order_of_the_paths(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writebytes("d/f", b"123").unwrap();
    fs.writebytes("g", b"1").unwrap();
    let paths = ["g", "missing", "/d/", "", "../x", "d/f", "g"];
    let infos = fs.getinfo_many(&paths, Namespaces::DETAILS);
    assert_eq!(infos.len(), paths.len());
    for (path, info) in paths.iter().zip(infos) {
        match *path {
            "missing" => fails(info, ErrorKind::ResourceNotFound, path),
            "../x" => fails(info, ErrorKind::IllegalBackReference, path),
            _ => assert_eq!(
                info.unwrap(),
                fs.getinfo(path, Namespaces::DETAILS).unwrap()
            ),
        }
    }
    assert!(fs.getinfo_many(&[], Namespaces::BASIC).is_empty());
}

fn meta_describes_the_filesystem(fs: &dyn FileSystem) {
    let meta = fs.getmeta();
    assert!(meta.invalid_path_chars.contains('\0'));
    assert!(meta.thread_safe && !meta.read_only);
    fs.makedir("foo").unwrap();
    assert_eq!(fs.isdir("FOO").unwrap(), meta.case_insensitive);
    assert_eq!(fs.matches(&["*.py"], "FOO.PY"), meta.case_insensitive);
    if !meta.case_insensitive {
        fs.makedir("Foo").unwrap();
        fs.touch("fOO").unwrap();
        assert!(fs.isdir("foo").unwrap() && fs.isdir("Foo").unwrap());
        assert!(fs.isfile("fOO").unwrap() && !fs.exists("FoO").unwrap());
    }
}

fn a_path_without_a_resource_does_not_exist(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writebytes("f", b"").unwrap();
    for path in ["x", "d/x", "x/y", "f/x"] {
        fails(
            fs.getinfo(path, Namespaces::BASIC),
            ErrorKind::ResourceNotFound,
            path,
        );
        fails(fs.getsize(path), ErrorKind::ResourceNotFound, path);
        fails(fs.gettype(path), ErrorKind::ResourceNotFound, path);
        fails(
            fs.setinfo(path, &RawInfo::new()),
            ErrorKind::ResourceNotFound,
            path,
        );
        assert!(!fs.exists(path).unwrap(), "{path}");
        assert!(!fs.isfile(path).unwrap(), "{path}");
        assert!(!fs.isdir(path).unwrap(), "{path}");
    }
}

fn details_have_size_and_time(fs: &dyn FileSystem) {
    fs.writebytes("f", b"12345").unwrap();
    fs.makedir("d").unwrap();
    let info = fs.getdetails("f").unwrap();
    assert_eq!(info.size(), Some(5));
    assert_eq!(fs.getsize("f").unwrap(), 5);
    assert_eq!(info.kind(), Some(ResourceType::File));
    let modified = info.modified().unwrap();
    // A store's clock may be off, but by less than a day.
    assert!((OffsetDateTime::now_utc() - modified).whole_days() == 0);
    assert_eq!(info.get("details", "size"), Some(Value::Int(5)));
    assert_eq!(info.get("basic", "name"), Some(Value::from("f")));
    assert!(info.has_namespace("details") && !info.has_namespace("s3"));
    assert_eq!(
        fs.getdetails("d").unwrap().kind(),
        Some(ResourceType::Directory)
    );
    // A listing returns the same as a request for each entry.
    let listed: BTreeSet<_> = fs
        .scandir("/", Namespaces::DETAILS)
        .unwrap()
        .map(|info| info.unwrap())
        .map(|info| (info.name().to_owned(), info.is_dir(), info.size()))
        .collect();
    let expected = [
        ("d".to_owned(), true, Some(0)),
        ("f".to_owned(), false, Some(5)),
    ];
    let files: Vec<_> = listed.iter().filter(|(_, is_dir, _)| !is_dir).collect();
    assert_eq!(files, [&expected[1]]);
    assert_eq!(listed.len(), 2);
    assert!(fs.scandir("/", Namespaces::BASIC).unwrap().all(|info| {
        let info = info.unwrap();
        info.size().is_none() || info.is_file()
    }));
}

fn setinfo_takes_times_and_refuses_permissions(fs: &dyn FileSystem) {
    fs.writebytes("f", b"12345").unwrap();
    let when = OffsetDateTime::UNIX_EPOCH + time::Duration::days(10_000);
    let times = RawInfo::new()
        .with("details", "accessed", when)
        .with("details", "modified", when);
    fs.setinfo("f", &times).unwrap();
    let info = fs.getdetails("f").unwrap();
    if info.is_writeable("details", "modified") {
        assert_eq!(info.modified(), Some(when));
    }
    fs.setinfo("f", &RawInfo::new()).unwrap();
    let permissions = RawInfo::new().with("access", "permissions", "u_r");
    if !info.is_writeable("access", "permissions") {
        fails(fs.setinfo("f", &permissions), ErrorKind::Unsupported, "f");
    }
    assert_eq!(fs.readbytes("f").unwrap(), b"12345");
}
