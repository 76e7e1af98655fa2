//! Copying files to and from readers and writers, and appending to them.

use std::io::{self, Read};

use super::{Case, fails, names};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::FileSystem;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "upload_stores_the_whole_reader",
        check: upload_stores_the_whole_reader,
    },
    Case {
        name: "an_upload_that_breaks_off_changes_nothing",
        check: an_upload_that_breaks_off_changes_nothing,
    },
    Case {
        name: "an_upload_of_another_size_than_announced_is_whole_or_nothing",
        check: an_upload_of_another_size_than_announced_is_whole_or_nothing,
    },
    Case {
        name: "upload_needs_a_place",
        check: upload_needs_a_place,
    },
    Case {
        name: "download_writes_all_of_a_file",
        check: download_writes_all_of_a_file,
    },
    Case {
        name: "download_needs_a_file",
        check: download_needs_a_file,
    },
    Case {
        name: "appending_adds_to_the_end",
        check: appending_adds_to_the_end,
    },
    Case {
        name: "appending_needs_a_place",
        check: appending_needs_a_place,
    },
];

fn content() -> Vec<u8> {
    (0..70_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn upload_stores_the_whole_reader(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    let content = content();
    assert_eq!(fs.upload("d/f", &mut &content[..]).unwrap(), 280_000);
    assert_eq!(fs.readbytes("d/f").unwrap(), content);
    assert_eq!(fs.upload("d/f", &mut &b"short"[..]).unwrap(), 5);
    assert_eq!(fs.readbytes("d/f").unwrap(), b"short");
    assert_eq!(
        fs.writefile("d/g", &mut &b"by another name"[..]).unwrap(),
        15
    );
    assert_eq!(fs.readbytes("d/g").unwrap(), b"by another name");
    let sized = fs.upload_sized("d/f", &mut &content[..], 280_000);
    assert_eq!(sized.unwrap(), 280_000);
    assert_eq!(fs.readbytes("d/f").unwrap(), content);
    assert_eq!(fs.upload("d/empty", &mut io::empty()).unwrap(), 0);
    assert_eq!(fs.upload_sized("d/f", &mut io::empty(), 0).unwrap(), 0);
    assert_eq!(fs.getsize("d/f").unwrap(), 0);
    assert_eq!(fs.getsize("d/empty").unwrap(), 0);
    assert_eq!(names(fs, "d"), ["empty", "f", "g"]);
}

/// A reader that returns some bytes, and then an error.
struct Breaking(usize);

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("no more"));
        }
        let count = buffer.len().min(self.0);
        self.0 -= count;
        buffer[..count].fill(7);
        Ok(count)
    }
}

fn an_upload_that_breaks_off_changes_nothing(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    for path in ["f", "new"] {
        for result in [
            fs.upload(path, &mut Breaking(100_000)),
            fs.upload_sized(path, &mut Breaking(100_000), 200_000),
        ] {
            let error = result.unwrap_err();
            assert!(error.to_string().contains("no more"), "{error}");
        }
    }
    assert_eq!(fs.readtext("f").unwrap(), "content");
    assert_eq!(names(fs, "/"), ["f"]);
}

fn an_upload_of_another_size_than_announced_is_whole_or_nothing(fs: &dyn FileSystem) {
    for size in [0, 4, 6, 1_000_000] {
        fs.writetext("f", "old").unwrap();
        let stored = match fs.upload_sized("f", &mut &b"tides"[..], size) {
            Ok(count) => {
                assert_eq!(count, 5);
                "tides"
            }
            Err(error) => {
                assert_eq!(error.path(), Some("f"), "{error}");
                "old"
            }
        };
        assert_eq!(fs.readtext("f").unwrap(), stored, "{size}");
    }
    assert_eq!(names(fs, "/"), ["f"]);
}

fn upload_needs_a_place(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writetext("f", "content").unwrap();
    for (path, kind) in [
        ("x/y", ErrorKind::ResourceNotFound),
        ("f/y", ErrorKind::ResourceNotFound),
        ("d", ErrorKind::FileExpected),
        ("/", ErrorKind::FileExpected),
    ] {
        fails(fs.upload(path, &mut &b"new"[..]), kind, path);
        fails(fs.writefile(path, &mut &b"new"[..]), kind, path);
        fails(fs.upload_sized(path, &mut &b"new"[..], 3), kind, path);
    }
    assert_eq!(names(fs, "/"), ["d", "f"]);
}

fn download_writes_all_of_a_file(fs: &dyn FileSystem) {
    for content in [content(), b"short".to_vec(), Vec::new()] {
        fs.writebytes("f", &content).unwrap();
        let mut target = b"before ".to_vec();
        let count = fs.download("f", &mut target).unwrap();
        assert_eq!(count, content.len() as u64);
        assert_eq!(target, [b"before ", &content[..]].concat());
    }
}

fn download_needs_a_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    for (path, kind) in [
        ("x", ErrorKind::ResourceNotFound),
        ("d/x", ErrorKind::ResourceNotFound),
        ("d", ErrorKind::FileExpected),
        ("/", ErrorKind::FileExpected),
    ] {
        let mut target = Vec::new();
        fails(fs.download(path, &mut target), kind, path);
        assert!(target.is_empty());
    }
}

fn appending_adds_to_the_end(fs: &dyn FileSystem) {
    fs.appendbytes("f", b"one").unwrap();
    fs.appendtext("f", " twö").unwrap();
    fs.appendbytes("f", b"").unwrap();
    fs.appendbytes("f", b"\xff").unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"one tw\xc3\xb6\xff");
    fs.appendtext("g", "").unwrap();
    assert_eq!(fs.readbytes("g").unwrap(), b"");
    assert_eq!(names(fs, "/"), ["f", "g"]);
}

fn appending_needs_a_place(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    for (path, kind) in [
        ("x/y", ErrorKind::ResourceNotFound),
        ("d", ErrorKind::FileExpected),
        ("/", ErrorKind::FileExpected),
    ] {
        fails(fs.appendbytes(path, b"new"), kind, path);
        fails(fs.appendtext(path, "new"), kind, path);
    }
    assert_eq!(names(fs, "/"), ["d"]);
}
