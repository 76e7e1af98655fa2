//! Reading whole files.

use super::{Case, fails};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::FileSystem;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "written_bytes_are_read_back",
        check: written_bytes_are_read_back,
    },
    Case {
        name: "reading_needs_a_file",
        check: reading_needs_a_file,
    },
    Case {
        name: "text_is_utf_8",
        check: text_is_utf_8,
    },
];

fn written_bytes_are_read_back(fs: &dyn FileSystem) {
    let all_bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for content in [&b""[..], b"x", b"\0\r\n\xff", &all_bytes] {
        fs.writebytes("f", content).unwrap();
        assert_eq!(fs.readbytes("f").unwrap(), content);
        assert_eq!(fs.getsize("f").unwrap(), content.len() as u64);
    }
    fs.writetext("t", "héllo\r\nwörld\n").unwrap();
    assert_eq!(fs.readtext("t").unwrap(), "héllo\r\nwörld\n");
}

fn reading_needs_a_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    for (path, kind) in [
        ("x", ErrorKind::ResourceNotFound),
        ("d/x", ErrorKind::ResourceNotFound),
        ("x/y", ErrorKind::ResourceNotFound),
        ("d", ErrorKind::FileExpected),
        ("/", ErrorKind::FileExpected),
    ] {
        fails(fs.readbytes(path), kind, path);
        fails(fs.readtext(path), kind, path);
        fails(fs.openbin(path, "r"), kind, path);
        fails(fs.openbin(path, "r+"), kind, path);
    }
}

fn text_is_utf_8(fs: &dyn FileSystem) {
    fs.writebytes("f", b"abc\xff").unwrap();
    let error = fs.readtext("f").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OperationFailed);
    assert!(error.to_string().contains("byte 3"), "{error}");
}
