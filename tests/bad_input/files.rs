//! Open files, and operations that they do not support.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use s3fs::{Error, ErrorKind, File, FileSystem, FileSystemExt as _, RawInfo};
use test_server::Object;

use super::scene::Scene;

const PATH: &str = "dir//child";

fn opened(scene: &Scene, mode: &str) -> Box<dyn File> {
    scene.fs().openbin(PATH, mode).expect(mode)
}

/// Every operation of an open file except closing it.
fn uses(file: &mut dyn File) -> [(&'static str, io::Result<()>); 4] {
    [
        ("read", file.read(&mut [0; 8]).map(drop)),
        ("write", file.write(b"new").map(drop)),
        ("seek", file.seek(SeekFrom::Start(0)).map(drop)),
        ("set_len", file.set_len(3)),
    ]
}

fn refuses_use(scene: &Scene, what: &str, result: io::Result<()>, kind: ErrorKind, words: &str) {
    scene
        .refused(what, result.map_err(Error::from))
        .is(kind)
        .about(PATH)
        .says([words]);
}

#[test]
fn a_closed_file_refuses_every_use_and_closes_again() {
    let scene = Scene::new();
    for mode in ["r", "r+", "a", "a+"] {
        let mut file = opened(&scene, mode);
        file.close().unwrap();
        for (what, result) in uses(&mut *file) {
            let what = format!("{mode}: {what}");
            refuses_use(
                &scene,
                &what,
                result,
                ErrorKind::InvalidArgument,
                "the file is closed",
            );
        }
        file.close().unwrap();
    }
    // The first close stores these, and no other.
    for mode in ["w", "w+"] {
        let mut scene = Scene::new();
        let mut file = opened(&scene, mode);
        file.close().unwrap();
        scene.note();
        for (what, result) in uses(&mut *file) {
            let what = format!("{mode}: {what}");
            refuses_use(
                &scene,
                &what,
                result,
                ErrorKind::InvalidArgument,
                "the file is closed",
            );
        }
        scene.bucket().put("dir/child", "by someone else");
        file.close().unwrap();
        assert_eq!(scene.fs().readtext(PATH).unwrap(), "by someone else");
    }
}

#[test]
fn a_file_opened_for_reading_refuses_writes() {
    let scene = Scene::new();
    let mut file = opened(&scene, "r");
    let words = "not opened for writing";
    refuses_use(
        &scene,
        "write",
        file.write_all(b"new"),
        ErrorKind::Unsupported,
        words,
    );
    refuses_use(
        &scene,
        "set_len",
        file.set_len(0),
        ErrorKind::Unsupported,
        words,
    );
    // Reading continues to work.
    assert_eq!(io::read_to_string(&mut file).unwrap(), "content");
}

#[test]
fn a_file_opened_for_writing_refuses_reads() {
    let scene = Scene::new();
    for mode in ["w", "a"] {
        let mut file = opened(&scene, mode);
        let read = file.read(&mut [0; 8]).map(drop);
        let words = "not opened for reading";
        refuses_use(&scene, mode, read, ErrorKind::Unsupported, words);
    }
    let mut file = scene.fs().openbin("new", "x").unwrap();
    let read = file.read(&mut [0; 8]).map_err(Error::from);
    scene
        .refused("x", read)
        .is(ErrorKind::Unsupported)
        .about("new");
}

#[test]
fn a_file_opened_with_w_cannot_seek_into_sent_parts() {
    let scene = Scene::new();
    let mut file = opened(&scene, "w");
    let size = (8 << 20) + 1;
    file.write_all(&vec![0; size]).unwrap();
    for refused in [
        file.seek(SeekFrom::Start(0)).unwrap_err(),
        file.set_len(1).unwrap_err(),
    ] {
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported, "{refused}");
        assert!(refused.to_string().contains("w+"), "{refused}");
    }
    assert_eq!(file.stream_position().unwrap(), size as u64);
}

#[test]
fn no_file_seeks_before_its_start() {
    let scene = Scene::new();
    for mode in ["r", "r+", "a", "w", "w+"] {
        let mut file = opened(&scene, mode);
        for from in [SeekFrom::Current(-100), SeekFrom::End(-100)] {
            let moved = file.seek(from).map(drop);
            refuses_use(
                &scene,
                mode,
                moved,
                ErrorKind::InvalidArgument,
                "before the start",
            );
        }
    }
}

#[test]
fn a_file_dropped_without_close_is_not_stored() {
    let scene = Scene::new();
    for mode in ["w", "a", "r+", "w+", "a+"] {
        let mut file = opened(&scene, mode);
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        drop(file);
        scene.unchanged(mode);
    }
    for mode in ["x", "x+"] {
        let mut file = scene.fs().openbin("new", mode).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        scene.unchanged(mode);
    }
}

#[test]
fn a_file_larger_than_the_largest_object_is_not_stored() {
    const LARGEST: u64 = 10_000 * (5 << 30);
    let scene = Scene::new();
    for mode in ["w+", "r+", "a"] {
        let mut file = opened(&scene, mode);
        let more = file.set_len(LARGEST + 1);
        refuses_use(
            &scene,
            mode,
            more,
            ErrorKind::Unsupported,
            "an object has at most",
        );
        let closed = scene.refused(mode, file.close()).about(PATH);
        closed
            .is(ErrorKind::OperationFailed)
            .says(["nothing was stored"]);
    }
}

#[test]
fn an_archived_object_must_be_restored_before_it_is_read() {
    let mut archived = Object::new("content");
    archived.storage_class = "GLACIER".into();
    let scene = Scene::new().and("dir/cold", archived);
    for strict in [true, false] {
        let fs = scene.built(|builder| builder.strict(strict));
        let changes = RawInfo::new().with("s3", "content_type", "text/csv");
        let results = [
            ("readbytes", fs.readbytes("dir/./cold").map(drop)),
            ("readtext", fs.readtext("dir/./cold").map(drop)),
            ("r", fs.openbin("dir/./cold", "r").map(drop)),
            ("a", fs.openbin("dir/./cold", "a").map(drop)),
            ("r+", fs.openbin("dir/./cold", "r+").map(drop)),
            ("setinfo", fs.setinfo("dir/./cold", &changes)),
        ];
        for (what, result) in results {
            scene
                .refused(what, result)
                .is(ErrorKind::ArchivedObject)
                .about("dir/./cold")
                .says(["restored", "RestoreObject", "InvalidObjectState"]);
        }
        assert_eq!(fs.getsize("dir/cold").unwrap(), 7);
    }
}
