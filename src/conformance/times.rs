//! The effect of file times on copies of trees, and that copies keep times.

use time::{Duration, OffsetDateTime};

use super::{Case, fails};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::FileSystem;
use crate::memoryfs::MemoryFs;
use crate::transfer::copy::{self, Condition};
use crate::transfer::mirror::mirror;
use crate::transfer::moving;
use crate::transfer::options::TransferOptions;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "the_newer_or_the_older_file_is_copied",
        check: the_newer_or_the_older_file_is_copied,
    },
    Case {
        name: "the_time_of_a_file_is_copied_to_another",
        check: the_time_of_a_file_is_copied_to_another,
    },
    Case {
        name: "times_are_kept_from_one_filesystem_to_another",
        check: times_are_kept_from_one_filesystem_to_another,
    },
];

/// Returns a filesystem with one file that was last modified at `modified`.
fn made(content: &str, modified: OffsetDateTime) -> MemoryFs {
    let fs = MemoryFs::new();
    fs.makedir("d").unwrap();
    fs.writetext("d/f", content).unwrap();
    fs.settimes("d/f", None, Some(modified)).unwrap();
    fs
}

/// Returns the time in `count` days. A store's clock may be off, but by less than a day.
fn days(count: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(count)
}

fn the_newer_or_the_older_file_is_copied(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("d/f", "here").unwrap();
    for (condition, age, is_copied) in [
        (Condition::Newer, -2, false),
        (Condition::Older, 2, false),
        (Condition::Newer, 2, true),
        (Condition::Older, -2, true),
    ] {
        let content = format!("{condition:?} {age}");
        let other = made(&content, days(age));
        let before = fs.readtext("d/f").unwrap();
        let report =
            copy::copy_fs(&other, fs, &TransferOptions::new().condition(condition)).unwrap();
        assert_eq!(report.copied(), usize::from(is_copied), "{content}");
        let expected = if is_copied { &content } else { &before };
        assert_eq!(fs.readtext("d/f").unwrap(), *expected, "{content}");
        let one = copy::copy_file(
            &other,
            "d/f",
            fs,
            "d/f",
            &TransferOptions::new().condition(condition),
        );
        assert_eq!(one.unwrap(), is_copied, "{content}");
        // The opposite direction, with opposite times.
        let other = made("there", days(-age));
        let one = copy::copy_file(
            fs,
            "d/f",
            &other,
            "d/f",
            &TransferOptions::new().condition(condition),
        );
        assert_eq!(one.unwrap(), is_copied, "{content}");
        let other = made("there", days(-age));
        copy::copy_dir(
            fs,
            "d",
            &other,
            "d",
            &TransferOptions::new().condition(condition),
        )
        .unwrap();
        let expected = if is_copied { expected } else { "there" };
        assert_eq!(other.readtext("d/f").unwrap(), expected, "{content}");
    }
}

fn the_time_of_a_file_is_copied_to_another(fs: &dyn FileSystem) {
    let old = days(-1000).replace_nanosecond(123_456_000).unwrap();
    let other = made("there", old);
    fs.writetext("f", "here").unwrap();
    let before = fs.getmodified("f").unwrap();
    copy::copy_modified_time(&other, "d/f", fs, "f").unwrap();
    let info = fs.getdetails("f").unwrap();
    let is_kept = info.is_writeable("details", "modified");
    assert_eq!(info.modified(), if is_kept { Some(old) } else { before });
    assert_eq!(fs.readtext("f").unwrap(), "here");
    copy::copy_modified_time(fs, "f", &other, "d").unwrap();
    copy::copy_modified_time(fs, "f", &other, "d/f").unwrap();
    let (is, wanted) = (other.getmodified("d/f").unwrap(), info.modified());
    let apart = is.unwrap() - wanted.unwrap();
    assert!(apart.abs() < Duration::milliseconds(1), "{apart}");
    let missing = copy::copy_modified_time(fs, "x", &other, "d/f");
    fails(missing, ErrorKind::ResourceNotFound, "x");
    let missing = copy::copy_modified_time(&other, "d/f", fs, "x");
    fails(missing, ErrorKind::ResourceNotFound, "x");
}

fn times_are_kept_from_one_filesystem_to_another(fs: &dyn FileSystem) {
    let old = days(-1000).replace_nanosecond(123_456_000).unwrap();
    let options = TransferOptions::new().preserve_time(true).workers(2);
    #[track_caller]
    fn is_kept(fs: &dyn FileSystem, path: &str, time: OffsetDateTime) {
        assert_eq!(fs.readtext(path).unwrap(), "content");
        let info = fs.getdetails(path).unwrap();
        if info.is_writeable("details", "modified") {
            let apart = info.modified().unwrap() - time;
            assert!(apart.abs() < Duration::milliseconds(1), "{path}: {apart}");
        }
    }
    let other = || made("content", old);
    mirror(&other(), fs, &options).unwrap();
    is_kept(fs, "d/f", old);
    copy::copy_file(&other(), "d/f", fs, "f", &options).unwrap();
    is_kept(fs, "f", old);
    copy::copy_dir(&other(), "d", fs, "e", &options).unwrap();
    is_kept(fs, "e/f", old);
    moving::move_file(&other(), "d/f", fs, "e/g", &options).unwrap();
    is_kept(fs, "e/g", old);
    moving::move_fs(&other(), fs, &options).unwrap();
    is_kept(fs, "d/f", old);
    let kept = fs.getmodified("d/f").unwrap().unwrap();
    let out = MemoryFs::new();
    copy::copy_fs(fs, &out, &options).unwrap();
    is_kept(&out, "d/f", kept);
    moving::move_dir(fs, "d", &out, "moved", &options).unwrap();
    is_kept(&out, "moved/f", kept);
    // A copy without the option has the current time.
    copy::copy_fs(&other(), &out, &TransferOptions::new()).unwrap();
    assert!(out.getmodified("d/f").unwrap() > Some(days(-1)));
}
