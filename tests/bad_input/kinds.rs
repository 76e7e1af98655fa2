//! Files where a directory is expected, the reverse, and paths below a file.

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, Namespaces};

use super::scene::Scene;
use crate::every_operation::{self, Operation};

fn operation(name: &str) -> &'static Operation {
    let found = every_operation::asking().find(|operation| operation.name == name);
    found.unwrap_or_else(|| panic!("there is no operation {name:?}"))
}

fn refusals(scene: &Scene, strict: bool, path: &str, table: &[(&[&str], ErrorKind)]) {
    let fs = scene.built(|builder| builder.strict(strict));
    for (names, kind) in table {
        for name in *names {
            scene.refuses(&fs, operation(name), path).is(*kind);
        }
    }
}

const READS_OF_A_FILE: &[&str] = &["readbytes", "readtext", "openbin r", "open_read"];

const WRITES_OF_A_FILE: &[&str] = &[
    "openbin w",
    "openbin x",
    "openbin a",
    "openbin r+",
    "openbin w+",
    "openbin x+",
    "openbin a+",
    "write_with",
    "writebytes",
    "writetext",
    "create wipe",
];

const READS_OF_A_DIRECTORY: &[&str] = &["listdir", "scandir", "scandir s3", "isempty"];

#[test]
fn every_operation_reports_a_directory_where_a_file_is_expected() {
    let scene = Scene::new();
    for path in ["dir", "/dir/", "empty", "dir/../empty"] {
        let expected = ErrorKind::FileExpected;
        let unsupported = ErrorKind::Unsupported;
        let strict: &[(&[&str], _)] = &[
            (READS_OF_A_FILE, expected),
            (WRITES_OF_A_FILE, expected),
            (&["remove"], expected),
            (&["setinfo"], unsupported),
            (&["makedir"], ErrorKind::DirectoryExists),
        ];
        refusals(&scene, true, path, strict);
        let lax: &[(&[&str], _)] = &[
            (READS_OF_A_FILE, expected),
            (&["openbin r+"], expected),
            (&["setinfo"], unsupported),
            (&["makedir"], ErrorKind::DirectoryExists),
        ];
        refusals(&scene, false, path, lax);
    }
    assert!(!scene.fs().create("dir", false).unwrap());
}

#[test]
fn every_operation_reports_the_root_where_a_file_is_expected() {
    let scene = Scene::new();
    for strict in [true, false] {
        for path in ["", "/", "dir/.."] {
            let table: &[(&[&str], _)] = &[
                (READS_OF_A_FILE, ErrorKind::FileExpected),
                (WRITES_OF_A_FILE, ErrorKind::FileExpected),
                (&["remove"], ErrorKind::FileExpected),
                (&["removedir"], ErrorKind::RemoveRoot),
                (&["setinfo"], ErrorKind::Unsupported),
                (&["makedir"], ErrorKind::DirectoryExists),
            ];
            refusals(&scene, strict, path, table);
            let fs = scene.built(|builder| builder.strict(strict));
            assert!(!fs.create(path, false).unwrap());
            for operation in every_operation::LOCAL
                .iter()
                .filter(|o| o.name != "validatepath")
            {
                scene.refuses(&fs, operation, path).is(ErrorKind::NoUrl);
            }
        }
    }
}

#[test]
fn every_operation_reports_a_file_where_a_directory_is_expected() {
    let scene = Scene::new();
    for strict in [true, false] {
        for path in ["file", "/dir/child/", "dir/./child"] {
            let expected: &[(&[&str], _)] = &[
                (READS_OF_A_DIRECTORY, ErrorKind::DirectoryExpected),
                (&["removedir"], ErrorKind::DirectoryExpected),
            ];
            refusals(&scene, strict, path, expected);
        }
    }
    let makedir: &[(&[&str], _)] = &[
        (&["makedir"], ErrorKind::DirectoryExists),
        (&["makedir recreate"], ErrorKind::DirectoryExpected),
    ];
    refusals(&scene, true, "dir/child", makedir);
    let error = scene.refused("makedir", scene.fs().makedir("file"));
    error.says(["\"file\"", "already exists", "it is a file"]);
}

#[test]
fn every_operation_reports_a_parent_that_is_a_file() {
    let scene = Scene::new();
    let below = "dir/child/./x";
    let writes: &[(&[&str], _)] = &[
        (
            &["makedir", "makedir recreate"],
            ErrorKind::DirectoryExpected,
        ),
        (
            &[
                "create",
                "touch",
                "openbin w",
                "openbin x",
                "openbin a",
                "openbin w+",
                "openbin x+",
                "openbin a+",
                "write_with",
                "writebytes",
                "writetext",
                "create wipe",
            ],
            ErrorKind::ResourceNotFound,
        ),
    ];
    refusals(&scene, true, below, writes);
    for strict in [true, false] {
        let reads: &[(&[&str], _)] = &[
            (READS_OF_A_FILE, ErrorKind::ResourceNotFound),
            (READS_OF_A_DIRECTORY, ErrorKind::ResourceNotFound),
            (
                &["getinfo", "getsize", "setinfo"],
                ErrorKind::ResourceNotFound,
            ),
            (&["openbin r+", "removedir"], ErrorKind::ResourceNotFound),
        ];
        refusals(&scene, strict, below, reads);
    }
    refusals(
        &scene,
        true,
        below,
        &[(&["remove"], ErrorKind::ResourceNotFound)],
    );
    let error = scene.refused("writebytes", scene.fs().writebytes(below, b""));
    error.says(["its parent \"/dir/child\" is a file"]);
}

#[test]
fn a_missing_parent_is_reported_with_a_hint() {
    let scene = Scene::new();
    let writes: &[(&[&str], _)] = &[
        (
            &["makedir", "makedir recreate", "create", "touch"],
            ErrorKind::ResourceNotFound,
        ),
        (WRITES_OF_A_FILE, ErrorKind::ResourceNotFound),
    ];
    refusals(&scene, true, "no/file", writes);
    let error = scene.refused("writebytes", scene.fs().writebytes("no/file", b""));
    error.says(["its parent \"/no\"", "makedir"]);
}

#[test]
fn every_operation_reports_a_missing_path() {
    let scene = Scene::new();
    for strict in [true, false] {
        for path in ["absent", "dir/absent", "no/absent"] {
            let table: &[(&[&str], _)] = &[
                (READS_OF_A_FILE, ErrorKind::ResourceNotFound),
                (READS_OF_A_DIRECTORY, ErrorKind::ResourceNotFound),
                (
                    &["getinfo", "getbasic", "getdetails"],
                    ErrorKind::ResourceNotFound,
                ),
                (
                    &["getsize", "gettype", "setinfo"],
                    ErrorKind::ResourceNotFound,
                ),
                (&["removedir", "openbin r+"], ErrorKind::ResourceNotFound),
            ];
            refusals(&scene, strict, path, table);
        }
    }
    refusals(
        &scene,
        true,
        "dir/absent",
        &[(&["remove"], ErrorKind::ResourceNotFound)],
    );
}

#[test]
fn an_existing_file_is_not_created_again() {
    let scene = Scene::new();
    for strict in [true, false] {
        let exclusive: &[(&[&str], _)] = &[(&["openbin x", "openbin x+"], ErrorKind::FileExists)];
        refusals(&scene, strict, "dir/child", exclusive);
        let fs = scene.built(|builder| builder.strict(strict));
        assert!(!fs.create("file", false).unwrap());
    }
}

#[test]
fn a_nonempty_directory_is_not_removed() {
    let scene = Scene::new();
    for strict in [true, false] {
        refusals(
            &scene,
            strict,
            "dir",
            &[(&["removedir"], ErrorKind::DirectoryNotEmpty)],
        );
    }
    let scene = Scene::new().and("full/", test_server::Object::new("a marker with content"));
    for strict in [true, false] {
        refusals(
            &scene,
            strict,
            "full",
            &[(&["removedir"], ErrorKind::DirectoryNotEmpty)],
        );
    }
    let error = scene.refused("removedir", scene.fs().removedir("full"));
    error.says(["\"full/\" has content"]);
}

#[test]
fn a_directory_without_a_marker_is_like_one_with_a_marker() {
    let scene = Scene::new().and("bare/x", test_server::Object::new("x"));
    refusals(
        &scene,
        true,
        "bare",
        &[(WRITES_OF_A_FILE, ErrorKind::FileExpected)],
    );
    let fs = scene.fs();
    assert!(fs.getinfo("bare", Namespaces::BASIC).unwrap().is_dir());
}
