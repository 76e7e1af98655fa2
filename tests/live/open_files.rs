//! Open files on the real server: streams, parts, updates.
//!
//! Tests skip what the stores of CI do not support, each with its reason: Ceph's gateway ignores
//! conditions on the completion of a multipart upload, and on the source of a copy. A check right
//! before replaces them, which no test can race, and a tree is moved without a condition on its deletes. moto
//! does not check signatures. A copy above 5 GiB would take the space of two such objects on either.

use std::io::{BufRead as _, Read as _, Seek as _, SeekFrom, Write as _};

use s3fs::{
    ErrorKind, File as _, FileSystem as _, FileSystemExt as _, Namespaces, OpenOptions, S3Fs,
    UploadArgs,
};
use test_server::synthetic_bytes;

use super::Live;

const MIB: u64 = 1 << 20;

/// A filesystem with the smallest parts that a store accepts.
fn open(live: &Live) -> S3Fs {
    let builder = live.builder().dir_path(&live.directory);
    builder.part_size(5 * MIB).build().unwrap()
}

fn content(len: u64) -> Vec<u8> {
    synthetic_bytes(7, 0, len as usize)
}

#[test]
fn a_large_file_is_read_in_every_way() {
    let Some(live) = Live::from_environment("reading") else {
        return;
    };
    let fs = open(&live);
    let bytes = content(3 * MIB + 5);
    fs.writebytes("f", &bytes).unwrap();
    assert_eq!(fs.readbytes("f").unwrap(), bytes);
    for options in [
        OpenOptions::new(),
        OpenOptions::new().first_window(0),
        OpenOptions::new().first_window(1000).read_ahead(3),
    ] {
        let mut file = fs.open_read("f", &options).unwrap();
        let mut all = Vec::new();
        file.read_to_end(&mut all).unwrap();
        assert!(all == bytes, "{options:?}");
        for at in [0, 17, MIB - 3, 2 * MIB + 9, 3 * MIB] {
            file.seek(SeekFrom::Start(at)).unwrap();
            let mut some = [0; 5];
            file.read_exact(&mut some).unwrap();
            assert_eq!(some, bytes[at as usize..at as usize + 5]);
        }
    }
    fs.writetext("lines", "one\ntwo\n").unwrap();
    let lines = fs.open_read("lines", &OpenOptions::new()).unwrap().lines();
    let lines: std::io::Result<Vec<_>> = lines.collect();
    assert_eq!(lines.unwrap(), ["one", "two"]);
    fs.writebytes("empty", b"").unwrap();
    let mut empty = fs.openbin("empty", "r").unwrap();
    assert_eq!(empty.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn a_file_replaced_during_a_read_is_never_mixed() {
    let Some(live) = Live::from_environment("mixture") else {
        return;
    };
    let fs = open(&live);
    fs.writebytes("f", &content(3 * MIB)).unwrap();
    let mut file = fs.openbin("f", "r").unwrap();
    let mut start = vec![0; 100];
    file.read_exact(&mut start).unwrap();
    fs.writebytes("f", &vec![1; 3 * MIB as usize]).unwrap();
    file.seek(SeekFrom::Start(2 * MIB)).unwrap();
    let error = s3fs::Error::from(file.read(&mut start).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{error}");
}

#[test]
fn a_large_file_is_written_in_parts_and_a_dropped_one_leaves_nothing() {
    let Some(live) = Live::from_environment("writing") else {
        return;
    };
    let fs = open(&live);
    let bytes = content(12 * MIB + 7);
    let args = UploadArgs::new()
        .content_type("text/csv")
        .metadata("origin", "tide gauge");
    let options = OpenOptions::from(args);
    for mode in ["w", "x"] {
        let path = format!("written {mode}");
        let mut file = fs.openbin_with(&path, mode, &options).unwrap();
        file.write_all(&bytes).unwrap();
        assert!(!fs.exists(&path).unwrap());
        file.close().unwrap();
        assert!(fs.readbytes(&path).unwrap() == bytes, "{mode}");
        let info = fs.getinfo(&path, Namespaces::S3).unwrap();
        let s3 = info.s3().unwrap();
        assert_eq!(s3.content_type.as_deref(), Some("text/csv"));
        assert_eq!(s3.metadata["origin"], "tide gauge");
        let again = fs.openbin(&path, "x").map(drop).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::FileExists);
    }
    let failed = fs.write_with("dropped", |file| {
        file.write_all(&bytes)?;
        Err::<(), _>(std::io::Error::other("no more"))
    });
    failed.unwrap_err();
    assert!(!fs.exists("dropped").unwrap());
    let left = fs.stale_uploads("/", std::time::Duration::ZERO).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_exclusive_file_in_parts_does_not_replace_a_concurrent_one() {
    let Some(live) = Live::from_environment("exclusive") else {
        return;
    };
    let fs = open(&live);
    let mut file = fs.openbin("f", "x").unwrap();
    file.write_all(&content(11 * MIB)).unwrap();
    fs.writebytes("f", b"theirs").unwrap();
    let error = file.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileExists, "{error}");
    assert_eq!(fs.readbytes("f").unwrap(), b"theirs");
}

#[test]
fn an_update_of_a_large_file_keeps_the_unchanged_bytes() {
    let Some(live) = Live::from_environment("updating") else {
        return;
    };
    let fs = open(&live);
    let mut bytes = content(17 * MIB);
    let args = UploadArgs::new()
        .content_type("text/csv")
        .metadata("origin", "tide gauge")
        .tag("team", "harbour");
    fs.writebytes_with("f", &bytes, &OpenOptions::from(args))
        .unwrap();

    fs.appendbytes("f", b"appended").unwrap();
    bytes.extend_from_slice(b"appended");
    assert!(fs.readbytes("f").unwrap() == bytes, "appended");

    let mut file = fs.openbin("f", "r+").unwrap();
    for at in [100, 9 * MIB as usize] {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(b"changed").unwrap();
        bytes[at..at + 7].copy_from_slice(b"changed");
    }
    let mut after = [0; 4];
    file.read_exact(&mut after).unwrap();
    assert_eq!(after, bytes[9 * MIB as usize + 7..][..4]);
    file.close().unwrap();
    assert!(fs.readbytes("f").unwrap() == bytes, "changed");

    let mut file = fs.openbin("f", "r+").unwrap();
    file.set_len(6 * MIB).unwrap();
    file.set_len(7 * MIB).unwrap();
    file.close().unwrap();
    bytes.truncate(6 * MIB as usize);
    bytes.resize(7 * MIB as usize, 0);
    assert!(fs.readbytes("f").unwrap() == bytes, "cut and filled up");

    let info = fs.getinfo("f", Namespaces::S3).unwrap();
    let s3 = info.s3().unwrap();
    assert_eq!(s3.content_type.as_deref(), Some("text/csv"));
    assert_eq!(s3.metadata["origin"], "tide gauge");
    let left = fs.stale_uploads("/", std::time::Duration::ZERO).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_update_does_not_replace_a_concurrently_changed_large_file() {
    let Some(live) = Live::from_environment("overtaken") else {
        return;
    };
    let fs = open(&live);
    fs.writebytes("f", &content(11 * MIB)).unwrap();
    let mut file = fs.openbin("f", "a").unwrap();
    file.write_all(b"mine").unwrap();
    fs.writebytes("f", b"theirs").unwrap();
    let error = file.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{error}");
    assert_eq!(fs.readbytes("f").unwrap(), b"theirs");
}

/// Ceph's gateway 16.2 copies `xA.bin` instead of the source `x%41.bin` of a part.
#[test]
fn a_large_file_with_a_percent_sign_in_its_name_keeps_its_content() {
    let Some(live) = Live::from_environment("percent") else {
        return;
    };
    let fs = open(&live);
    let bytes = content(6 * MIB);
    for (name, decoded) in [("x%41.bin", "xA.bin"), ("c+%2B.f", "c++.f")] {
        fs.writebytes(name, &bytes).unwrap();
        fs.writebytes(decoded, &vec![255; bytes.len()]).unwrap();
        fs.appendbytes(name, b"end").unwrap();
        let expected = [&bytes, &b"end"[..]].concat();
        assert!(fs.readbytes(name).unwrap() == expected, "{name}");
        fs.copy(name, "copy%41").unwrap();
        assert!(fs.readbytes("copy%41").unwrap() == expected, "{name}");
        fs.remove("copy%41").unwrap();
    }
}
