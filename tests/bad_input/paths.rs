//! Impossible paths, which are refused before any request.

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, S3Fs};

use super::scene::{Scene, builder, refused};
use crate::every_operation;

/// Asserts that every operation refuses that path, without a request.
fn no_operation_takes(scene: &Scene, fs: &S3Fs, path: &str, kind: ErrorKind) {
    scene.asked_nothing("before");
    for operation in every_operation::all() {
        scene.refuses(fs, operation, path).is(kind);
        scene.asked_nothing(operation.name);
    }
    assert!(!fs.hasurl(path));
}

fn both(scene: &Scene) -> [S3Fs; 2] {
    [true, false].map(|strict| scene.built(|builder| builder.strict(strict)))
}

#[test]
fn every_operation_refuses_a_nul_in_a_path() {
    let scene = Scene::new();
    for fs in both(&scene) {
        for path in ["\0", "fi\0le", "dir/child\0"] {
            no_operation_takes(&scene, &fs, path, ErrorKind::InvalidCharsInPath);
        }
    }
    refused("validatepath", scene.fs().validatepath("a\0b")).says(["'\\0'", "a\\0b"]);
}

#[test]
fn every_operation_refuses_back_references_above_the_root() {
    let scene = Scene::new();
    for fs in both(&scene) {
        for path in [
            "..",
            "/..",
            "../file",
            "dir/../../file",
            "dir/child/../../../x",
        ] {
            no_operation_takes(&scene, &fs, path, ErrorKind::IllegalBackReference);
        }
    }
}

#[test]
fn no_path_leads_out_of_dir_path() {
    let scene = Scene::new();
    for strict in [true, false] {
        let jail = scene.built(|builder| builder.dir_path("dir").strict(strict));
        for path in [
            "../file",
            "/../file",
            "../dir2",
            "child/../../file",
            "./../empty",
        ] {
            no_operation_takes(&scene, &jail, path, ErrorKind::IllegalBackReference);
        }
        // Names that only resemble back references are ordinary names inside the directory.
        for path in ["%2e%2e/file", "..%2Ffile", "...", "..\\file"] {
            assert!(!jail.exists(path).unwrap(), "{path:?}");
        }
        assert_eq!(jail.readtext("x/../child").unwrap(), "content");
        assert_eq!(jail.listdir("").unwrap(), ["child"]);
        scene.server.take_requests();
    }
}

#[test]
fn a_key_has_1024_bytes_at_most() {
    let scene = Scene::new();
    for fs in both(&scene) {
        for path in ["x".repeat(1025), format!("{}x", "é".repeat(512))] {
            no_operation_takes(&scene, &fs, &path, ErrorKind::InvalidPath);
            refused("readbytes", fs.readbytes(&path)).says(["1025 bytes", "at most 1024"]);
        }
    }
    for longest in ["x".repeat(1024), "é".repeat(512)] {
        for fs in both(&scene) {
            fs.writetext(&longest, "longest").unwrap();
            assert_eq!(fs.readtext(&longest).unwrap(), "longest");
            assert!(fs.isfile(&longest).unwrap() && !fs.isdir(&longest).unwrap());
            refused("listdir", fs.listdir(&longest)).is(ErrorKind::DirectoryExpected);
            fs.remove(&longest).unwrap();
        }
    }
}

#[test]
fn no_request_lists_below_an_impossible_prefix() {
    let scene = Scene::new();
    let fs = scene.fs();
    let path = "x".repeat(1024);
    for operation in every_operation::asking() {
        let _ = operation.on(&fs, &path);
        let _ = fs.remove(&path);
        for request in scene.server.take_requests() {
            let prefix = request.query("prefix").unwrap_or_default();
            assert!(prefix.len() <= 1024, "{}", operation.name);
        }
    }
}

#[test]
fn the_marker_of_a_directory_has_at_most_1024_bytes() {
    let scene = Scene::new();
    for fs in both(&scene) {
        let path = "x".repeat(1024);
        let made = scene.refused("makedir", fs.makedir(&path));
        made.is(ErrorKind::InvalidPath)
            .about(&path)
            .says(["1025 bytes"]);
        scene.asked_nothing("makedir");
    }
}

#[test]
fn dir_path_counts_towards_the_length_of_a_key() {
    let scene = Scene::new();
    let fs = scene.built(|builder| builder.dir_path("dir"));
    no_operation_takes(&scene, &fs, &"x".repeat(1021), ErrorKind::InvalidPath);
    fs.writetext(&"x".repeat(1020), "longest").unwrap();
}

#[test]
fn every_operation_refuses_a_name_with_the_delimiter() {
    let scene = Scene::new();
    let fs = scene.built(|builder| builder.delimiter("|"));
    no_operation_takes(&scene, &fs, "a|b", ErrorKind::InvalidCharsInPath);
    refused("validatepath", fs.validatepath("a|b")).says(["delimiter \"|\""]);
}

#[test]
fn an_impossible_dir_path_is_an_error_when_the_filesystem_is_built() {
    for (dir_path, kind) in [
        ("../x", ErrorKind::IllegalBackReference),
        ("a/../../b", ErrorKind::IllegalBackReference),
        ("a\0", ErrorKind::InvalidCharsInPath),
        (&"x".repeat(1024), ErrorKind::InvalidPath),
    ] {
        let built = builder("http://127.0.0.1:9").dir_path(dir_path).build();
        refused("build", built).is(kind).about(dir_path);
    }
}
