//! Open files, mode by mode.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{Case, fails, names};
use crate::error::{Error, ErrorKind};
use crate::ext::FileSystemExt;
use crate::filesystem::FileSystem;
use crate::filesystem::file::File;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "an_invalid_mode_is_refused",
        check: an_invalid_mode_is_refused,
    },
    Case {
        name: "a_file_is_read_from_anywhere",
        check: a_file_is_read_from_anywhere,
    },
    Case {
        name: "w_replaces_the_file_on_close",
        check: w_replaces_the_file_on_close,
    },
    Case {
        name: "x_refuses_an_existing_file",
        check: x_refuses_an_existing_file,
    },
    Case {
        name: "a_appends",
        check: a_appends,
    },
    Case {
        name: "r_plus_changes_in_place",
        check: r_plus_changes_in_place,
    },
    Case {
        name: "w_plus_reads_what_it_wrote",
        check: w_plus_reads_what_it_wrote,
    },
    Case {
        name: "a_plus_reads_and_appends",
        check: a_plus_reads_and_appends,
    },
    Case {
        name: "set_len_cuts_and_fills_with_zeros",
        check: set_len_cuts_and_fills_with_zeros,
    },
    Case {
        name: "a_mode_allows_only_its_operations",
        check: a_mode_allows_only_its_operations,
    },
    Case {
        name: "open_is_for_text_unless_b_is_in_the_mode",
        check: open_is_for_text_unless_b_is_in_the_mode,
    },
    Case {
        name: "a_closed_file_returns_an_error",
        check: a_closed_file_returns_an_error,
    },
    Case {
        name: "an_error_of_the_caller_is_distinguishable",
        check: an_error_of_the_caller_is_distinguishable,
    },
];

fn rest(file: &mut dyn File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[track_caller]
fn unsupported<T>(result: io::Result<T>) {
    match result {
        Ok(_) => panic!("it was expected to be refused, and it succeeded"),
        Err(error) => assert_eq!(Error::from(error).kind(), ErrorKind::Unsupported),
    }
}

fn an_invalid_mode_is_refused(fs: &dyn FileSystem) {
    fs.writebytes("f", b"content").unwrap();
    for mode in ["", "b", "rt", "wt", "rw", "+", "q", "r++", "R"] {
        fails(fs.openbin("f", mode), ErrorKind::InvalidMode, "f");
        fails(fs.openbin("new", mode), ErrorKind::InvalidMode, "new");
    }
    assert_eq!(names(fs, "/"), ["f"]);
}

fn a_file_is_read_from_anywhere(fs: &dyn FileSystem) {
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    fs.writebytes("f", &content).unwrap();
    let mut file = fs.openbin("f", "rb").unwrap();
    let mut part = [0; 1000];
    for position in [0, 799_000, 5, 400_000, 400_001, 0, 123_456] {
        let target = file.seek(SeekFrom::Start(position as u64)).unwrap();
        assert_eq!(target, position as u64);
        file.read_exact(&mut part).unwrap();
        assert_eq!(part, content[position..position + 1000], "{position}");
    }
    assert_eq!(file.stream_position().unwrap(), 124_456);
    file.seek(SeekFrom::End(-4)).unwrap();
    assert_eq!(rest(&mut file), 199_999_u32.to_le_bytes());
    assert_eq!(file.read(&mut part).unwrap(), 0);
    file.seek(SeekFrom::End(10)).unwrap();
    assert_eq!(file.read(&mut part).unwrap(), 0);
    assert!(file.seek(SeekFrom::Current(-10_000_000)).is_err());
    file.rewind().unwrap();
    assert_eq!(rest(&mut file), content);
    file.close().unwrap();
    fs.writebytes("empty", b"").unwrap();
    assert!(rest(&mut fs.openbin("empty", "r").unwrap()).is_empty());
}

fn w_replaces_the_file_on_close(fs: &dyn FileSystem) {
    fs.writebytes("f", b"a longer content").unwrap();
    let mut file = fs.openbin("f", "w").unwrap();
    file.write_all(b"one ").unwrap();
    file.flush().unwrap();
    file.write_all(b"two").unwrap();
    assert_eq!(file.stream_position().unwrap(), 7);
    file.close().unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"one two");
    fs.openbin("f", "w").unwrap().close().unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"");
}

fn x_refuses_an_existing_file(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    let mut file = fs.openbin("f", "x").unwrap();
    file.write_all(b"content").unwrap();
    file.close().unwrap();
    for mode in ["x", "xb", "x+"] {
        fails(fs.openbin("f", mode), ErrorKind::FileExists, "f");
    }
    assert_eq!(fs.readbytes("f").unwrap(), b"content");
    // Of two files that were opened before either existed, one succeeds.
    let mut first = fs.openbin("g", "x").unwrap();
    let mut second = fs.openbin("g", "x").unwrap();
    first.write_all(b"first").unwrap();
    second.write_all(b"second").unwrap();
    first.close().unwrap();
    // A repeated close of a file that was not stored fails again.
    for _ in 0..3 {
        fails(second.close(), ErrorKind::FileExists, "g");
    }
    assert_eq!(fs.readbytes("g").unwrap(), b"first");
}

fn a_appends(fs: &dyn FileSystem) {
    for (text, expected) in [("one", "one"), (" two", "one two"), ("", "one two")] {
        let mut file = fs.openbin("f", "a").unwrap();
        assert_eq!(
            file.stream_position().unwrap(),
            (expected.len() - text.len()) as u64
        );
        file.write_all(text.as_bytes()).unwrap();
        file.close().unwrap();
        assert_eq!(fs.readtext("f").unwrap(), expected);
    }
    fs.openbin("g", "a").unwrap().close().unwrap();
    assert_eq!(fs.readbytes("g").unwrap(), b"");
    // Each write goes to the end, regardless of the position.
    let mut file = fs.openbin("f", "ab").unwrap();
    file.rewind().unwrap();
    file.write_all(b"!").unwrap();
    file.close().unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"one two!");
}

fn r_plus_changes_in_place(fs: &dyn FileSystem) {
    fs.writebytes("f", b"0123456789").unwrap();
    let mut file = fs.openbin("f", "r+b").unwrap();
    let mut two = [0; 2];
    file.read_exact(&mut two).unwrap();
    file.write_all(b"ab").unwrap();
    file.seek(SeekFrom::End(2)).unwrap();
    file.write_all(b"end").unwrap();
    file.seek(SeekFrom::Start(1)).unwrap();
    assert_eq!(rest(&mut file), b"1ab456789\0\0end");
    file.close().unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"01ab456789\0\0end");
}

fn w_plus_reads_what_it_wrote(fs: &dyn FileSystem) {
    fs.writebytes("f", b"old").unwrap();
    let mut file = fs.openbin("f", "w+").unwrap();
    assert!(rest(&mut file).is_empty());
    file.write_all(b"new content").unwrap();
    file.seek(SeekFrom::Start(4)).unwrap();
    assert_eq!(rest(&mut file), b"content");
    file.close().unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"new content");
    let mut file = fs.openbin("g", "x+").unwrap();
    file.write_all(b"g").unwrap();
    file.rewind().unwrap();
    assert_eq!(rest(&mut file), b"g");
    file.close().unwrap();
    assert_eq!(fs.readbytes("g").unwrap(), b"g");
}

fn a_plus_reads_and_appends(fs: &dyn FileSystem) {
    fs.writebytes("f", b"one").unwrap();
    let mut file = fs.openbin("f", "a+").unwrap();
    file.rewind().unwrap();
    let mut byte = [0];
    file.read_exact(&mut byte).unwrap();
    file.write_all(b" two").unwrap();
    file.rewind().unwrap();
    assert_eq!(rest(&mut file), b"one two");
    file.close().unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"one two");
}

fn set_len_cuts_and_fills_with_zeros(fs: &dyn FileSystem) {
    fs.writebytes("f", b"0123456789").unwrap();
    let mut file = fs.openbin("f", "r+").unwrap();
    file.seek(SeekFrom::Start(2)).unwrap();
    file.set_len(4).unwrap();
    assert_eq!(file.stream_position().unwrap(), 2);
    assert_eq!(rest(&mut file), b"23");
    file.set_len(6).unwrap();
    file.close().unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"0123\0\0");
}

fn a_mode_allows_only_its_operations(fs: &dyn FileSystem) {
    fs.writebytes("f", b"content").unwrap();
    let mut reader = fs.openbin("f", "r").unwrap();
    unsupported(reader.write(b"x"));
    unsupported(reader.set_len(0));
    let mut byte = [0];
    for mode in ["w", "a"] {
        let mut writer = fs.openbin("g", mode).unwrap();
        unsupported(writer.read(&mut byte));
        writer.close().unwrap();
    }
    let mut writer = fs.openbin("h", "x").unwrap();
    unsupported(writer.read(&mut byte));
    writer.close().unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), b"content");
}

fn open_is_for_text_unless_b_is_in_the_mode(fs: &dyn FileSystem) {
    let mut file = fs.open("f", "wt").unwrap();
    file.write_all("héllo\r\nwörld\n".as_bytes()).unwrap();
    file.close().unwrap();
    for mode in ["r", "rt", "rb", "r+"] {
        let mut file = fs.open("f", mode).unwrap();
        assert_eq!(rest(&mut file), "héllo\r\nwörld\n".as_bytes(), "{mode}");
        file.seek(SeekFrom::Start(3)).unwrap();
        assert_eq!(rest(&mut file), "llo\r\nwörld\n".as_bytes(), "{mode}");
        file.close().unwrap();
    }
    let mut file = fs.open("f", "a").unwrap();
    file.write_all(b"\xff!").unwrap();
    file.close().unwrap();
    let mut file = fs.open("f", "r").unwrap();
    let mut bytes = Vec::new();
    let error = Error::from(file.read_to_end(&mut bytes).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::OperationFailed);
    assert_eq!(error.path(), Some("f"));
    assert!(error.to_string().contains("byte 15"), "{error}");
    assert_eq!(rest(&mut fs.open("f", "rb").unwrap()).len(), 17);
    for mode in ["", "q", "rbt", "rw"] {
        fails(fs.open("f", mode), ErrorKind::InvalidMode, "f");
    }
    fails(fs.open("no", "r"), ErrorKind::ResourceNotFound, "no");
}

fn a_closed_file_returns_an_error(fs: &dyn FileSystem) {
    fs.writebytes("f", b"content").unwrap();
    for mode in ["r", "r+", "a", "w", "w+"] {
        let mut file = fs.openbin("f", mode).unwrap();
        file.close().unwrap();
        file.close().unwrap();
        let mut byte = [0];
        assert!(file.read(&mut byte).is_err(), "{mode}");
        assert!(file.write(b"x").is_err(), "{mode}");
    }
    // A file that is open stays usable after its filesystem is closed.
    let mut file = fs.openbin("f", "w").unwrap();
    fs.close().unwrap();
    file.write_all(b"new").unwrap();
    file.close().unwrap();
}

/// A stream that fails, as the caller's own streams may, with an error kind that also has a meaning for filesystems.
struct Broken;

impl std::io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

impl std::io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn an_error_of_the_caller_is_distinguishable(fs: &dyn FileSystem) {
    fs.writetext("f", "content").unwrap();
    let results = [
        fs.upload("f", &mut Broken),
        fs.upload("new", &mut Broken),
        fs.upload_sized("f", &mut Broken, 7),
        fs.writefile("f", &mut Broken),
        fs.download("f", &mut Broken),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CallerFailed, "{error}");
        let error = std::io::Error::from(error);
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
    assert_eq!(names(fs, "/"), ["f"]);
    assert_eq!(fs.readtext("f").unwrap(), "content");
    // A missing file is the filesystem's error, for any stream.
    let missing = fs.download("new", &mut Broken);
    fails(missing, ErrorKind::ResourceNotFound, "new");
}
