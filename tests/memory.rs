//! The filesystem in memory: the conformance suite, and its additional promises.

use std::io::Write;
use std::sync::Arc;
use std::thread;

use s3fs::conformance;
use s3fs::{
    Capabilities, CopyOptions, ErrorKind, FileSystem, FileSystemExt, MemoryFs, Namespaces,
    OpenOptions, RawInfo, Value,
};
use time::{Duration, OffsetDateTime};

#[test]
fn memory_passes_every_conformance_case() {
    conformance::run(&|_| Box::new(MemoryFs::new()), &[]);
}

#[test]
fn a_directory_in_memory_passes_every_conformance_case() {
    let open = |_: &str| -> Box<dyn FileSystem> {
        let fs = MemoryFs::new();
        fs.makedirs("some/where").unwrap();
        Box::new(fs.into_dir("some/where").unwrap())
    };
    conformance::run(&open, &[]);
}

#[test]
fn clones_share_the_content_and_close_separately() {
    let fs = MemoryFs::new();
    let clone = fs.clone();
    fs.writebytes("f", b"content").unwrap();
    assert_eq!(clone.readbytes("f").unwrap(), b"content");
    clone.close().unwrap();
    assert!(clone.isclosed() && clone.clone().isclosed() && !fs.isclosed());
    assert_eq!(fs.readbytes("f").unwrap(), b"content");
    assert!(!MemoryFs::new().exists("f").unwrap());
}

#[test]
fn a_dropped_file_is_not_published() {
    let fs = MemoryFs::new();
    fs.writebytes("f", b"old").unwrap();
    for mode in ["w", "a", "r+", "w+"] {
        let mut file = fs.openbin("f", mode).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        drop(file);
        assert_eq!(fs.readbytes("f").unwrap(), b"old", "{mode}");
    }
    drop(fs.openbin("g", "x").unwrap());
    assert!(!fs.exists("g").unwrap());
}

#[test]
fn an_update_fails_after_a_faster_one() {
    for mode in ["a", "r+", "a+"] {
        let fs = MemoryFs::new();
        fs.writebytes("f", b"old").unwrap();
        let mut file = fs.openbin("f", mode).unwrap();
        file.write_all(b"mine").unwrap();
        fs.writebytes("f", b"theirs").unwrap();
        let error = file.close().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{mode}");
        assert_eq!(error.path(), Some("f"));
        let again = file.close().unwrap_err();
        assert_eq!(again.kind(), ErrorKind::ResourceChanged, "{mode}");
        assert_eq!(fs.readbytes("f").unwrap(), b"theirs");
    }
}

#[test]
fn an_open_reader_reads_the_old_content() {
    let fs = MemoryFs::new();
    fs.writebytes("f", b"old").unwrap();
    let mut file = fs.openbin("f", "r").unwrap();
    fs.writebytes("f", b"new content").unwrap();
    fs.remove("f").unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
    assert_eq!(bytes, b"old");
}

#[test]
fn the_time_of_the_last_change_is_kept_and_can_be_set() {
    let fs = MemoryFs::new();
    fs.writebytes("f", b"content").unwrap();
    let info = fs.getdetails("f").unwrap();
    assert!(info.is_writeable("details", "modified"));
    assert!(!info.is_writeable("details", "accessed"));
    assert_eq!((info.accessed(), info.created()), (None, None));
    let when = OffsetDateTime::UNIX_EPOCH + Duration::days(10_000) + Duration::microseconds(7);
    fs.settimes("f", None, Some(when)).unwrap();
    assert_eq!(fs.getmodified("f").unwrap(), Some(when));
    // Setting an unmodified raw info changes nothing.
    fs.setinfo("f", &fs.getdetails("f").unwrap().raw()).unwrap();
    assert_eq!(fs.getmodified("f").unwrap(), Some(when));
    for bad in [
        Value::from("now"),
        Value::Float(f64::NAN),
        Value::Float(1e300),
        Value::Int(i64::MAX),
    ] {
        let wrong = RawInfo::new().with("details", "modified", bad);
        let error = fs.setinfo("f", &wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    let keep = CopyOptions::new().preserve_time(true);
    fs.copy_with("f", "kept", &keep).unwrap();
    fs.copy("f", "new").unwrap();
    assert_eq!(fs.getmodified("kept").unwrap(), Some(when));
    assert!(fs.getmodified("new").unwrap() > Some(when));
    fs.touch("f").unwrap();
    assert!(fs.getmodified("f").unwrap() > Some(when));
}

/// Files and directories `a`, `a.txt`, `a0` and their contents: their keys interleave.
fn interleaved() -> MemoryFs {
    let fs = MemoryFs::new();
    for directory in ["a", "a/b", "a0", "deep", "deep/a"] {
        fs.makedir(directory).unwrap();
    }
    for file in ["a-", "a.txt", "a/b/c", "a/b0", "a0/x", "a00", "b"] {
        fs.writebytes(file, b"x").unwrap();
    }
    // A file beside the directory `a`: a move of its parent puts it there.
    fs.writebytes("deep/a/f", b"y").unwrap();
    let mut file = fs.openbin("late", "w").unwrap();
    fs.makedir("late").unwrap();
    file.write_all(b"z").unwrap();
    file.close().unwrap();
    fs
}

#[test]
fn entries_come_in_the_order_of_their_keys() {
    let fs = interleaved();
    let names = ["a-", "a.txt", "a", "a0", "a00", "b", "deep", "late"];
    assert_eq!(fs.listdir("/").unwrap(), names);
    assert_eq!(fs.listdir("a").unwrap(), ["b", "b0"]);
    let tree: Vec<_> = fs
        .scantree("/", Namespaces::BASIC)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|(directory, info)| format!("{directory}:{}{}", info.name(), slash(info.is_dir())))
        .collect();
    let expected = [
        "/:a-",
        "/:a.txt",
        "/a/b:c",
        "/a:b/",
        "/a:b0",
        "/:a/",
        "/a0:x",
        "/:a0/",
        "/:a00",
        "/:b",
        "/deep/a:f",
        "/deep:a/",
        "/:deep/",
        "/:late",
        "/:late/",
    ];
    assert_eq!(tree, expected);
}

fn slash(is_dir: bool) -> &'static str {
    if is_dir { "/" } else { "" }
}

#[test]
fn a_file_and_a_directory_of_one_name_both_exist() {
    let fs = interleaved();
    assert!(fs.isfile("late").unwrap() && fs.isdir("late").unwrap());
    assert!(fs.getinfo("late", Namespaces::BASIC).unwrap().is_file());
    fs.writebytes("late/f", b"inside").unwrap();
    fs.writebytes("late", b"beside").unwrap();
    assert_eq!(fs.listdir("late").unwrap(), ["f"]);
    fs.removetree("late").unwrap();
    assert_eq!(fs.readbytes("late").unwrap(), b"beside");
    assert!(!fs.isdir("late").unwrap());
}

#[test]
fn merged_directories_keep_a_file_and_a_directory_of_one_name() {
    let fs = MemoryFs::new();
    fs.makedirs("from/x").unwrap();
    fs.makedirs("to").unwrap();
    fs.writebytes("from/x/f", b"1").unwrap();
    fs.writebytes("to/x", b"2").unwrap();
    fs.movedir("from", "to").unwrap();
    assert!(!fs.exists("from").unwrap());
    assert_eq!(fs.readbytes("to/x").unwrap(), b"2");
    assert_eq!(fs.readbytes("to/x/f").unwrap(), b"1");
}

#[test]
fn a_tree_that_cannot_be_copied_changes_nothing() {
    let fs = interleaved();
    let before: Vec<_> = fs
        .scantree("/", Namespaces::DETAILS)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let create = CopyOptions::new().create(true);
    let kind = |result: s3fs::Result<()>| result.unwrap_err().kind();
    assert_eq!(
        kind(fs.copydir_with("a", "a/b/new", &create)),
        ErrorKind::IllegalDestination
    );
    assert_eq!(
        kind(fs.movedir_with("a/b", "/", &create)),
        ErrorKind::IllegalDestination
    );
    assert_eq!(
        kind(fs.movedir_with("a", "b/new", &create)),
        ErrorKind::DirectoryExpected
    );
    assert_eq!(kind(fs.movedir("a", "new")), ErrorKind::ResourceNotFound);
    assert_eq!(kind(fs.movedir("b", "a")), ErrorKind::DirectoryExpected);
    fs.movedir("a", "/a").unwrap();
    let after: Vec<_> = fs
        .scantree("/", Namespaces::DETAILS)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(before, after);
}

#[test]
fn a_location_belongs_to_one_store_and_leads_back_to_it() {
    let (fs, other) = (MemoryFs::new(), MemoryFs::new());
    fs.makedir("d").unwrap();
    fs.writebytes("d/f", b"content").unwrap();
    let at = |fs: &MemoryFs, path: &str| fs.location(path).unwrap().unwrap();
    assert!(at(&fs, "d/f").is_same(&at(&fs.clone(), "/d/./f")));
    assert!(at(&fs, "/").overlaps(&at(&fs, "d")));
    assert!(!at(&fs, "d/f").is_same(&at(&other, "d/f")));
    assert!(!at(&fs, "d").overlaps(&at(&other, "d")));
    assert!(fs.copy_from(&at(&fs, "d/f"), "g").unwrap());
    assert!(other.copy_from(&at(&fs, "d/f"), "f").unwrap());
    assert_eq!(fs.readbytes("g").unwrap(), b"content");
    assert_eq!(other.readbytes("f").unwrap(), b"content");
    let error = fs.copy_from(&at(&fs, "d/f"), "x/y").unwrap_err();
    assert_eq!(
        (error.kind(), error.path()),
        (ErrorKind::ResourceNotFound, Some("x/y"))
    );
    assert!(!other.copydir_from(&at(&fs, "d"), "e", false).unwrap());
    assert!(fs.copydir_from(&at(&fs, "d"), "e", true).unwrap());
    assert!(!fs.exists("d").unwrap());
    assert_eq!(fs.readbytes("e/f").unwrap(), b"content");
}

#[test]
fn memory_refuses_options_that_it_does_not_support() {
    let fs = MemoryFs::new();
    fs.writebytes("f", b"content").unwrap();
    for options in [
        OpenOptions::new().version_id("1"),
        OpenOptions::new().if_match("\"37b5\""),
    ] {
        let kinds = [
            fs.openbin_with("f", "r", &options).err(),
            fs.openbin_with("f", "w", &options).err(),
            fs.readbytes_with("f", &options).err(),
            fs.writebytes_with("f", b"", &options).err(),
        ];
        for error in kinds {
            assert_eq!(error.unwrap().kind(), ErrorKind::Unsupported);
        }
    }
    assert_eq!(fs.readbytes("f").unwrap(), b"content");
}

#[test]
fn a_size_beyond_any_memory_is_an_error() {
    let fs = MemoryFs::new();
    let mut file = fs.openbin("f", "w+").unwrap();
    let error = s3fs::Error::from(file.set_len(u64::MAX).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::InsufficientStorage);
    assert!(file.close().is_err() && file.close().is_err());
    let mut file = fs.openbin("f", "w+").unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(u64::MAX)).unwrap();
    assert!(file.write(b"x").is_err());
    assert!(file.close().is_err());
    assert!(!fs.exists("f").unwrap());
}

#[test]
fn threads_never_see_a_partial_tree() {
    let fs = Arc::new(MemoryFs::new());
    fs.makedir("0").unwrap();
    for name in 0..20 {
        fs.writebytes(&format!("0/{name}"), b"x").unwrap();
    }
    let mover = Arc::clone(&fs);
    let moves = thread::spawn(move || {
        let create = CopyOptions::new().create(true);
        for step in 0..200 {
            let (from, to) = (step.to_string(), (step + 1).to_string());
            mover.movedir_with(&from, &to, &create).unwrap();
        }
    });
    while !moves.is_finished() {
        let tree = fs.scantree("/", Namespaces::BASIC).unwrap();
        assert_eq!(tree.count(), 21);
    }
    moves.join().unwrap();
    assert_eq!(fs.listdir("200").unwrap().len(), 20);
}
