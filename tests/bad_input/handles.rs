//! Filesystems that are closed or read-only, and modes that do not exist.

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, Namespaces};

use super::scene::Scene;
use crate::every_operation;

#[test]
fn a_closed_filesystem_refuses_every_operation_and_its_clones_do_not() {
    let scene = Scene::new();
    for strict in [true, false] {
        let fs = scene.built(|builder| builder.strict(strict));
        let clone = fs.clone();
        fs.close().unwrap();
        fs.close().unwrap();
        for operation in every_operation::all() {
            let refused = scene.refuses(&fs, operation, "dir//child");
            refused.is(ErrorKind::FilesystemClosed).says(["closed"]);
        }
        for path in ["", "/", "dir"] {
            for operation in every_operation::all() {
                let refused = scene.refuses(&fs, operation, path);
                refused.is(ErrorKind::FilesystemClosed);
            }
        }
        for (what, result) in [
            ("check", fs.check()),
            ("create_bucket", fs.create_bucket()),
            ("delete_bucket", fs.delete_bucket()),
        ] {
            scene.refused(what, result).is(ErrorKind::FilesystemClosed);
        }
        assert!(!fs.hasurl("file"));
        assert!(fs.isclosed() && fs.clone().isclosed() && !clone.isclosed());
        scene.asked_nothing("a closed filesystem");
        assert_eq!(clone.readtext("file").unwrap(), "content");
        scene.server.take_requests();
    }
}

#[test]
fn a_read_only_filesystem_refuses_every_change_without_a_request() {
    let scene = Scene::new();
    for strict in [true, false] {
        let fs = scene.built(|builder| builder.strict(strict).read_only(true));
        for path in ["file", "dir//child", "empty", "new", "no/new", "dir"] {
            for operation in every_operation::CHANGING {
                let refused = scene.refuses(&fs, operation, path);
                refused.is(ErrorKind::ResourceReadOnly).says(["read-only"]);
            }
        }
        scene
            .refused("create_bucket", fs.create_bucket())
            .is(ErrorKind::ResourceReadOnly);
        scene
            .refused("delete_bucket", fs.delete_bucket())
            .is(ErrorKind::ResourceReadOnly);
        scene.asked_nothing("changes");
        assert!(fs.getmeta().read_only);
    }
}

#[test]
fn a_read_only_filesystem_reads_and_signs() {
    let scene = Scene::new();
    let fs = scene.built(|builder| builder.read_only(true));
    assert_eq!(fs.readtext("file").unwrap(), "content");
    assert_eq!(fs.listdir("dir").unwrap(), ["child"]);
    assert!(fs.getinfo("file", Namespaces::S3).is_ok());
    assert!(fs.openbin("file", "r").is_ok());
    assert!(fs.hasurl("file"));
}

#[test]
fn a_mode_that_does_not_exist_is_refused_without_a_request() {
    let scene = Scene::new();
    for strict in [true, false] {
        let fs = scene.built(|builder| builder.strict(strict));
        for mode in ["", "rw", "rt", "w+t", "q", "R", "+", "b", "rr", "r\0"] {
            for path in ["file", "new", "dir/./x"] {
                let opened = fs.openbin(path, mode).map(drop);
                scene
                    .refused(mode, opened)
                    .is(ErrorKind::InvalidMode)
                    .about(path)
                    .says([&format!("{mode:?}")]);
            }
        }
        scene.asked_nothing("modes");
    }
    let empty = scene.refused("empty", scene.fs().openbin("file", "").map(drop));
    empty.says(["is empty", "a mode is r, w, x or a"]);
    let text = scene.refused("text", scene.fs().openbin("file", "rt").map(drop));
    text.says(["text mode", "remove the t"]);
}
