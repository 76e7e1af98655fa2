//! Times, names, URLs and locations of resources.

use time::{Duration, OffsetDateTime};

use super::{Case, fails};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::FileSystem;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "getmodified_is_the_time_of_the_last_change",
        check: getmodified_is_the_time_of_the_last_change,
    },
    Case {
        name: "settimes_sets_the_times_that_the_filesystem_has",
        check: settimes_sets_the_times_that_the_filesystem_has,
    },
    Case {
        name: "settimes_without_a_time_takes_now",
        check: settimes_without_a_time_takes_now,
    },
    Case {
        name: "desc_names_the_resource",
        check: desc_names_the_resource,
    },
    Case {
        name: "islink_needs_a_resource",
        check: islink_needs_a_resource,
    },
    Case {
        name: "hassyspath_agrees_with_getsyspath",
        check: hassyspath_agrees_with_getsyspath,
    },
    Case {
        name: "hasurl_agrees_with_geturl",
        check: hasurl_agrees_with_geturl,
    },
    Case {
        name: "a_location_is_the_same_by_any_path",
        check: a_location_is_the_same_by_any_path,
    },
];

fn getmodified_is_the_time_of_the_last_change(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "content").unwrap();
    let modified = fs.getmodified("d/f").unwrap().unwrap();
    assert_eq!(fs.getdetails("d/f").unwrap().modified(), Some(modified));
    assert_eq!((OffsetDateTime::now_utc() - modified).whole_days(), 0);
    fs.getmodified("d").unwrap();
    fs.getmodified("/").unwrap();
    fails(fs.getmodified("x"), ErrorKind::ResourceNotFound, "x");
    fails(fs.getmodified("d/x"), ErrorKind::ResourceNotFound, "d/x");
}

fn settimes_sets_the_times_that_the_filesystem_has(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    let accessed = OffsetDateTime::UNIX_EPOCH + Duration::days(10_000);
    let modified = accessed + Duration::hours(1);
    fs.settimes("f", Some(accessed), Some(modified)).unwrap();
    let info = fs.getdetails("f").unwrap();
    for (key, is, wanted) in [
        ("accessed", info.accessed(), accessed),
        ("modified", info.modified(), modified),
    ] {
        if info.is_writeable("details", key) {
            assert_eq!(is, Some(wanted), "{key}");
        }
    }
    assert_eq!(fs.readtext("f").unwrap(), "content");
    let set = fs.settimes("x", None, Some(modified));
    fails(set, ErrorKind::ResourceNotFound, "x");
}

fn settimes_without_a_time_takes_now(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    let old = OffsetDateTime::UNIX_EPOCH + Duration::days(10_000);
    let is_now = |time: OffsetDateTime| (OffsetDateTime::now_utc() - time).whole_days() == 0;
    for (accessed, modified) in [
        (None, None),
        (None, Some(old)),
        (Some(old), None),
        (None, None),
    ] {
        fs.settimes("f", accessed, modified).unwrap();
        let info = fs.getdetails("f").unwrap();
        let told = |key, time: Option<OffsetDateTime>| {
            info.is_writeable("details", key).then_some(time).flatten()
        };
        if let Some(is) = told("accessed", info.accessed()) {
            assert!(accessed.map_or(is_now(is), |wanted| is == wanted), "{is}");
        }
        if let Some(is) = told("modified", info.modified()) {
            let wanted = modified.or(accessed);
            assert!(wanted.map_or(is_now(is), |wanted| is == wanted), "{is}");
        }
    }
    assert_eq!(fs.readtext("f").unwrap(), "content");
    fails(
        fs.settimes("x", None, None),
        ErrorKind::ResourceNotFound,
        "x",
    );
}

fn desc_names_the_resource(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("d/file", "content").unwrap();
    assert!(fs.desc("d/file").unwrap().contains("file"));
    assert!(fs.desc("d").unwrap().contains('d'));
    assert!(!fs.desc("/").unwrap().is_empty());
    fails(fs.desc("x"), ErrorKind::ResourceNotFound, "x");
}

fn islink_needs_a_resource(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("f", "content").unwrap();
    for path in ["f", "d", "/"] {
        assert!(!fs.islink(path).unwrap(), "{path:?}");
    }
    fails(fs.islink("x"), ErrorKind::ResourceNotFound, "x");
}

fn hassyspath_agrees_with_getsyspath(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    if fs.hassyspath("f") {
        let syspath = fs.getsyspath("f").unwrap();
        assert_eq!(std::fs::read(&syspath).unwrap(), b"content");
        assert_eq!(fs.getospath("f").unwrap(), syspath.into_os_string());
    } else {
        fails(fs.getsyspath("f"), ErrorKind::NoSysPath, "f");
        fails(fs.getospath("f"), ErrorKind::NoSysPath, "f");
    }
    let outside = fs.getsyspath("../f");
    fails(outside, ErrorKind::IllegalBackReference, "../f");
    assert!(!fs.hassyspath("../f"));
}

fn hasurl_agrees_with_geturl(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    match fs.hasurl("f") {
        true => assert!(fs.geturl("f").unwrap().contains("://")),
        false => fails(fs.geturl("f"), ErrorKind::NoUrl, "f"),
    }
    fails(fs.geturl_for("f", "nothing"), ErrorKind::NoUrl, "f");
    assert!(!fs.hasurl_for("f", "nothing"));
    // The existence of the file is not checked.
    assert_eq!(fs.hasurl("a/b/c"), fs.hasurl("f"));
    assert!(!fs.hasurl("../f"));
}

fn a_location_is_the_same_by_any_path(fs: &dyn FileSystem) {
    fs.makedirs("d/e").unwrap();
    let Some(capabilities) = fs.capabilities() else {
        return;
    };
    let Some(d) = capabilities.location("d").unwrap() else {
        return;
    };
    let above = capabilities.location("../d");
    fails(above, ErrorKind::IllegalBackReference, "../d");
    let at = |path: &str| capabilities.location(path).unwrap().unwrap();
    for same in ["/d", "d/", "./d", "d/e/.."] {
        assert!(
            at(same).is_same(&d) && at(same).is_same_file(&d),
            "{same:?}"
        );
    }
    for apart in ["d.bak", "e", "D2"] {
        assert!(
            !at(apart).is_same(&d) && !at(apart).overlaps(&d),
            "{apart:?}"
        );
        assert!(!at(apart).is_same_file(&d), "{apart:?}");
    }
    for related in ["/", "d/e", "d/new/er"] {
        assert!(!at(related).is_same(&d), "{related:?}");
        assert!(at(related).overlaps(&d), "{related:?}");
    }
}
