//! `put`, `append`, `mkdir` and `rm`.

use crate::scene::Scene;

#[test]
fn put_and_append_store_standard_input() {
    let scene = Scene::new();
    let words = [
        "put",
        "--content-type",
        "text/x-log",
        "--tag",
        "team=a",
        "s3://bucket/log",
    ];
    assert_eq!(scene.run_with_input(&words, b"one\n").ok(), "");
    assert_eq!(
        scene
            .run_with_input(&["append", "s3://bucket/log"], b"two\n")
            .ok(),
        ""
    );
    assert_eq!(
        scene
            .run_with_input(&["append", "s3://bucket/new"], b"one")
            .ok(),
        ""
    );
    assert_eq!(scene.bucket().get("log").unwrap().bytes(), b"one\ntwo\n");
    assert_eq!(scene.bucket().get("new").unwrap().bytes(), b"one");
    let stat = scene.run(&["stat", "s3://bucket/log"]).ok();
    assert!(
        stat.contains("text/x-log") && stat.contains("tag_count        1"),
        "{stat}"
    );
    let large = vec![7; 20 << 20];
    assert_eq!(
        scene
            .run_with_input(&["put", "s3://bucket/large"], &large)
            .ok(),
        ""
    );
    assert!(scene.bucket().get("large").unwrap().bytes() == large);
    assert_eq!(scene.run_with_input(&["put", "./sub/local"], b"x").ok(), "");
    assert_eq!(scene.read("sub/local"), "x");
    scene
        .run_with_input(&["put", "s3://bucket/dir/"], b"x")
        .fails(2, "name of a file");
    scene
        .run_with_input(&["put", "s3://none/x"], b"x")
        .fails(1, "\"none\" does not exist");
}

#[test]
fn mkdir_makes_directories() {
    let scene = Scene::new();
    scene.run(&["mkdir", "s3://bucket/a", "./l"]).ok();
    assert_eq!(scene.bucket().keys(), ["a/"]);
    scene.run(&["mkdir", "s3://bucket/a"]).fails(1, "exists");
    scene
        .run(&["mkdir", "-p", "s3://bucket/a/b/c", "./x/y"])
        .ok();
    assert!(scene.bucket().get("a/b/c/").is_some());
    assert!(scene.directory.join("x/y").is_dir() && scene.directory.join("l").is_dir());
}

#[test]
fn rm_removes_only_the_named_files() {
    let scene = Scene::new();
    for key in ["a", "b", "d/x", "d/y//odd", "dd", "l-1", "l-2"] {
        scene.bucket().put(key, "");
    }
    let dry = scene.run(&["rm", "-r", "--dry-run", "s3://bucket/d", "s3://bucket/a"]);
    // A warning reports the key without a path.
    assert!(dry.err.contains("warning: skipped 1 keys"), "{dry:?}");
    assert_eq!(
        dry.out,
        "rm s3://bucket/d/x\nrm -r s3://bucket/d\nrm s3://bucket/a\n"
    );
    scene
        .run(&["rm", "s3://bucket/d"])
        .fails(2, "-r removes directories");
    scene.run(&["rm", "s3://bucket/none"]).fails(1, "not found");
    assert_eq!(scene.run(&["rm", "-f", "s3://bucket/none"]).ok(), "");
    scene
        .run(&["rm", "s3://bucket/a", "s3://bucket/none"])
        .fails(3, "s3://bucket/none");
    scene.run(&["rm", "s3://bucket/l-*"]).ok();
    scene.run(&["rm", "-r", "s3://bucket/d"]).ok();
    assert_eq!(scene.bucket().keys(), ["b", "dd"]);
    scene.run(&["rm", "-r", "s3://bucket"]).ok();
    assert!(scene.bucket().keys().is_empty());
    scene.write("x/y", "");
    scene.run(&["rm", "-r", "./x"]).ok();
    assert!(scene.local().is_empty());
}

#[test]
fn rm_removes_no_root_of_the_local_disk() {
    let scene = Scene::new();
    scene.write("x/y", "");
    for operand in ["/", ".", "..", "./", "./x/..", "x", "./x/."] {
        let ran = scene.run(&["rm", "-rf", "--dry-run", operand]);
        assert_eq!(ran.code, Some(2), "{operand}: {ran:?}");
    }
    assert_eq!(scene.local(), ["x/y"]);
}

#[test]
fn rm_with_an_empty_name_empties_no_bucket() {
    let scene = Scene::new();
    scene.bucket().put("a/x", "");
    for operand in [
        "s3://bucket/",
        "s3://bucket//",
        "s3://bucket//*",
        "s3://bucket//a",
        "s3://bucket/a/..",
        "s3://bucket/./",
    ] {
        let ran = scene.run(&["rm", "-rf", operand]);
        assert_eq!(ran.code, Some(2), "{operand}: {ran:?}");
        assert_eq!(scene.bucket().keys(), ["a/x"], "{operand}");
    }
    scene.run(&["rm", "-r", "s3://bucket"]).ok();
    assert!(scene.bucket().keys().is_empty());
}

#[cfg(unix)]
#[test]
fn a_slash_after_a_local_directory_changes_nothing() {
    let scene = Scene::new();
    scene.write("d/x", "x");
    scene.write("kept/x", "x");
    std::os::unix::fs::symlink("kept", scene.directory.join("link")).unwrap();
    scene.run(&["cp", "-r", "./d/", "s3://bucket/there/"]).ok();
    let files = || {
        let mut keys = scene.bucket().keys();
        keys.retain(|key| !key.ends_with('/'));
        keys
    };
    assert_eq!(files(), ["there/d/x"]);
    scene.run(&["cp", "-r", "./d/.", "s3://bucket/there/"]).ok();
    assert_eq!(files(), ["there/d/x", "there/x"]);
    scene.run(&["rm", "-r", "./d/"]).ok();
    assert!(!scene.directory.join("d").exists());
    // The link may be removed, but never its target.
    scene.run(&["rm", "-r", "./link/"]);
    assert_eq!(scene.read("kept/x"), "x");
}

#[test]
fn a_wrong_operand_is_an_error_before_anything_is_done() {
    let scene = Scene::new();
    scene.bucket().put("a", "a");
    for words in [
        &["cat", "s3://bucket/a", "a"][..],
        &["rm", "s3://bucket/a", "a"],
        &["mkdir", "s3://bucket/d", "d"],
        &["cp", "s3://bucket/a", "a", "s3://bucket/x/"],
    ] {
        let ran = scene.run(words).fails(2, "");
        assert_eq!(ran.out, "", "{words:?}");
        assert_eq!(scene.bucket().keys(), ["a"], "{words:?}");
    }
}
