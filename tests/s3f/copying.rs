//! `cp`, `mv` and `sync`.

use crate::scene::Scene;
use test_server::{Fault, Rule};

#[test]
fn cp_copies_between_any_two_sides() {
    let scene = Scene::new();
    scene.write("a.txt", "hello");
    assert_eq!(scene.run(&["cp", "./a.txt", "s3://bucket/b.txt"]).ok(), "");
    assert_eq!(
        scene
            .run(&["cp", "s3://bucket/b.txt", "s3://bucket/dir/c.txt"])
            .ok(),
        ""
    );
    assert_eq!(
        scene
            .run(&["cp", "s3://bucket/dir/c.txt", "./new/dir/d.txt"])
            .ok(),
        ""
    );
    assert_eq!(scene.run(&["cp", "./new/dir/d.txt", "./e.txt"]).ok(), "");
    assert_eq!(scene.read("e.txt"), "hello");
    assert_eq!(scene.bucket().keys(), ["b.txt", "dir/c.txt"]);
    // Through streams.
    assert_eq!(
        scene
            .run_with_input(&["cp", "-", "s3://bucket/s"], b"streamed")
            .ok(),
        ""
    );
    assert_eq!(scene.run(&["cp", "s3://bucket/s", "-"]).ok(), "streamed");
    let url = format!("file://{}/a.txt", scene.directory.display());
    assert_eq!(scene.run(&["cp", &url, "s3://bucket/by-url"]).ok(), "");
    assert_eq!(scene.bucket().get("by-url").unwrap().bytes(), b"hello");
}

#[test]
fn cp_copies_into_an_existing_directory() {
    let scene = Scene::new();
    scene.write("a.txt", "a");
    scene.write("d/b.txt", "b");
    scene.write("d/sub/c.txt", "c");
    scene.bucket().put("there/x", "");
    for (target, expected) in [
        ("s3://bucket", "a.txt"),
        ("s3://bucket/new/", "new/a.txt"),
        ("s3://bucket/there", "there/a.txt"),
        ("s3://bucket/file", "file"),
    ] {
        scene.run(&["cp", "./a.txt", target]).ok();
        assert!(scene.bucket().get(expected).is_some(), "{target}");
    }
    scene
        .run(&["cp", "./a.txt", "./d/b.txt", "s3://bucket/two"])
        .ok();
    assert!(scene.bucket().get("two/a.txt").is_some() && scene.bucket().get("two/b.txt").is_some());
    scene
        .run(&["cp", "./d", "s3://bucket/x"])
        .fails(2, "-r copies directories");
    scene.run(&["cp", "-r", "./d", "s3://bucket/fresh"]).ok();
    assert!(scene.bucket().get("fresh/sub/c.txt").is_some());
    scene.run(&["cp", "-r", "./d", "s3://bucket/there"]).ok();
    assert!(scene.bucket().get("there/d/sub/c.txt").is_some());
    scene
        .run(&[
            "cp",
            "-r",
            "s3://bucket/fresh",
            "s3://bucket/there",
            "./down",
        ])
        .ok();
    assert_eq!(scene.read("down/fresh/sub/c.txt"), "c");
    assert_eq!(scene.read("down/there/d/b.txt"), "b");
    // A whole bucket has no name of its own.
    scene.run(&["cp", "-r", "s3://bucket", "./whole"]).ok();
    assert_eq!(scene.read("whole/two/b.txt"), "b");
}

#[test]
fn cp_accepts_globs_and_refuses_two_sources_for_one_target() {
    let scene = Scene::new();
    for key in [
        "2026-01/a.gz",
        "2026-02/a.gz",
        "2026-02/b.gz",
        "2025-12/z.gz",
    ] {
        scene.bucket().put(key, key);
    }
    scene.run(&["cp", "s3://bucket/2026-02/*.gz", "."]).ok();
    assert_eq!(scene.local(), ["a.gz", "b.gz"]);
    scene
        .run(&["cp", "s3://bucket/2026-*/*.gz", "./x/"])
        .fails(1, "would both become ./x/a.gz");
    scene.run(&["cp", "-r", "s3://bucket/2026-*", "./y"]).ok();
    assert_eq!(scene.read("y/2026-02/b.gz"), "2026-02/b.gz");
    scene
        .run(&["cp", "s3://bucket/3*", "."])
        .fails(1, "nothing matches");
    scene.bucket().put("*", "star");
    scene
        .run(&["cp", "--no-glob", "s3://bucket/*", "./star"])
        .ok();
    assert_eq!(scene.read("star"), "star");
}

#[test]
fn cp_has_conditions_arguments_and_dry_runs() {
    let scene = Scene::new();
    scene.write("a.txt", "new");
    scene.bucket().put("a.txt", "old");
    scene
        .run(&["cp", "-n", "./a.txt", "s3://bucket/a.txt"])
        .ok();
    assert_eq!(scene.bucket().get("a.txt").unwrap().bytes(), b"old");
    let dry = scene
        .run(&["cp", "--dry-run", "./a.txt", "s3://bucket/"])
        .ok();
    assert_eq!(dry, "cp ./a.txt s3://bucket/a.txt\n");
    let dry = scene
        .run(&["cp", "-r", "--dry-run", "s3://bucket/", "./none"])
        .ok();
    assert_eq!(dry, "cp s3://bucket/a.txt ./none/a.txt\n");
    assert_eq!(scene.local(), ["a.txt"]);
    assert!(!scene.directory.join("none").exists());
    let words = [
        "cp",
        "-v",
        "--cache-control",
        "max-age=1",
        "--metadata",
        "origin=x",
        "./a.txt",
        "s3://bucket",
    ];
    assert_eq!(scene.run(&words).ok(), "cp ./a.txt s3://bucket/a.txt\n");
    let stat = scene.run(&["stat", "s3://bucket/a.txt"]).ok();
    assert!(
        stat.contains("max-age=1") && stat.contains("metadata.origin  x"),
        "{stat}"
    );
    scene
        .run(&["cp", "--acl", "private", "s3://bucket/a.txt", "./b"])
        .fails(2, "keeps its own");
}

#[test]
fn failed_files_are_named_and_the_others_are_copied() {
    let scene = Scene::new();
    for name in ["a", "b", "c"] {
        scene.write(&format!("d/{name}"), name);
    }
    let refuse = Rule::on("PutObject").key("d/b").always();
    scene
        .server
        .faults()
        .add(refuse, Fault::error(403, "AccessDenied"));
    let words = ["cp", "./d/a", "./d/b", "./d/c", "./none", "s3://bucket/d/"];
    let ran = scene.run(&words);
    assert_eq!((ran.code, ran.err.lines().count()), (Some(3), 2), "{ran:?}");
    assert!(
        ran.err
            .contains("./d/b to s3://bucket/d/b: permission denied"),
        "{ran:?}"
    );
    assert!(ran.err.contains("s3:PutObject"), "the hint: {ran:?}");
    assert_eq!(scene.bucket().keys(), ["d/a", "d/c"]);
    scene.bucket().remove("d/a");
    scene
        .run(&["cp", "-r", "./d", "s3://bucket/"])
        .fails(3, "permission denied");
    assert!(scene.bucket().get("d/a").is_some());
    scene
        .run(&["sync", "./d", "s3://bucket/d"])
        .fails(3, "permission denied");
    scene
        .run(&["cp", "./d/b", "s3://bucket/d/b"])
        .fails(1, "permission denied");
}

#[test]
fn mv_moves_files_and_directories() {
    let scene = Scene::new();
    scene.write("a.txt", "a");
    scene.write("d/sub/b.txt", "b");
    scene.run(&["mv", "./a.txt", "./d", "s3://bucket/in/"]).ok();
    assert!(scene.local().is_empty());
    assert!(scene.bucket().get("in/d/sub/b.txt").is_some());
    scene.run(&["mv", "s3://bucket/in", "s3://bucket/out"]).ok();
    assert!(
        scene
            .bucket()
            .keys()
            .iter()
            .all(|key| key.starts_with("out/"))
    );
    scene.run(&["mv", "s3://bucket/out/a.txt", "./b.txt"]).ok();
    assert_eq!(scene.read("b.txt"), "a");
    let dry = scene
        .run(&["mv", "--dry-run", "./b.txt", "s3://bucket/b.txt"])
        .ok();
    assert_eq!(dry, "mv ./b.txt s3://bucket/b.txt\n");
    assert_eq!(scene.read("b.txt"), "a");
    scene
        .run(&["mv", "./b.txt", "-"])
        .fails(2, "standard output");
}

#[test]
fn mv_keeps_files_that_do_not_meet_the_condition() {
    let scene = Scene::new();
    for name in ["a.txt", "b.txt", "sub/c.txt", "sub/d.txt"] {
        scene.write(&format!("d/{name}"), "new");
    }
    scene.write("e.txt", "new");
    for key in ["t/d/a.txt", "t/d/sub/c.txt", "t/e.txt"] {
        scene.bucket().put(key, "old");
    }
    let content = |key: &str| scene.bucket().get(key).map(|object| object.bytes());
    let dry = scene
        .run(&["mv", "-n", "--dry-run", "./d", "s3://bucket/t"])
        .ok();
    assert!(dry.contains("b.txt") && !dry.contains("a.txt"), "{dry}");
    let moved = scene.run(&["mv", "-n", "./d", "./e.txt", "s3://bucket/t"]);
    assert_eq!((moved.code, &*moved.err), (Some(0), ""), "{moved:?}");
    assert_eq!(scene.local(), ["d/a.txt", "d/sub/c.txt", "e.txt"]);
    for (key, expected) in [
        ("t/d/a.txt", "old"),
        ("t/d/b.txt", "new"),
        ("t/d/sub/c.txt", "old"),
        ("t/d/sub/d.txt", "new"),
        ("t/e.txt", "old"),
    ] {
        assert_eq!(content(key).as_deref(), Some(expected.as_bytes()), "{key}");
    }
    // Only older files in the target are replaced.
    let hour = std::time::Duration::from_secs(3600);
    for key in ["t/d/a.txt", "t/d/sub/c.txt", "t/e.txt"] {
        let mut object = scene.bucket().get(key).unwrap();
        match key {
            "t/d/a.txt" => object.modified -= hour,
            _ => object.modified += hour,
        }
        scene.bucket().put_with(key, object);
    }
    let moved = scene.run(&["mv", "-u", "./d", "./e.txt", "s3://bucket/t"]);
    assert_eq!((moved.code, &*moved.err), (Some(0), ""), "{moved:?}");
    assert_eq!(scene.local(), ["d/sub/c.txt", "e.txt"]);
    assert_eq!(content("t/d/a.txt").as_deref(), Some(&b"new"[..]));
    // Failed files are named, and files that the condition skips are not.
    scene.write("d/f.txt", "new");
    let refuse = Rule::on("PutObject").key("t/d/f.txt").always();
    scene
        .server
        .faults()
        .add(refuse, Fault::error(403, "AccessDenied"));
    let moved = scene.run(&["mv", "-n", "./d", "s3://bucket/t"]);
    assert_eq!(moved.code, Some(3), "{moved:?}");
    assert!(
        moved.err.contains("f.txt") && !moved.err.contains("c.txt"),
        "{moved:?}"
    );
}

#[test]
fn sync_copies_changed_files_and_removes_files_only_on_request() {
    let scene = Scene::new();
    for (name, content) in [
        ("a", "1"),
        ("sub/b", "2"),
        ("x.tmp", "t"),
        (".git/config", "g"),
    ] {
        scene.write(&format!("d/{name}"), content);
    }
    scene.bucket().put("t/extra", "e");
    let sync = |words: &[&str]| {
        scene
            .run(&[&["sync", "./d", "s3://bucket/t"][..], words].concat())
            .ok()
    };
    let dry = sync(&[
        "--dry-run",
        "--delete",
        "--exclude",
        ".git",
        "--exclude",
        "*.tmp",
    ]);
    let mut lines: Vec<&str> = dry.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "cp ./d/a s3://bucket/t/a",
            "cp ./d/sub/b s3://bucket/t/sub/b",
            "mkdir s3://bucket/t/sub",
            "rm s3://bucket/t/extra",
        ]
    );
    assert_eq!(scene.bucket().keys(), ["t/extra"]);
    assert_eq!(sync(&["--exclude", ".git", "--exclude", "*.tmp"]), "");
    let files = || {
        let keys = scene.bucket().keys().into_iter();
        keys.filter(|key| !key.ends_with('/')).collect::<Vec<_>>()
    };
    assert_eq!(files(), ["t/a", "t/extra", "t/sub/b"]);
    sync(&["--include", "*.tmp", "--delete"]);
    assert_eq!(
        files(),
        ["t/a", "t/extra", "t/sub/b", "t/x.tmp"],
        "what is not taken is left alone"
    );
    sync(&["--delete"]);
    assert_eq!(files(), ["t/.git/config", "t/a", "t/sub/b", "t/x.tmp"]);
    // A file stored in this second may change within it, and would be copied once more.
    for key in scene.bucket().keys() {
        let mut object = scene.bucket().get(&key).unwrap();
        object.modified -= std::time::Duration::from_secs(60);
        scene.bucket().put_with(&key, object);
    }
    // Nothing is left to copy, in either direction.
    scene.run(&["sync", "s3://bucket/t", "./e"]).ok();
    assert_eq!(
        scene
            .run(&["sync", "--dry-run", "s3://bucket/t", "./e"])
            .ok(),
        ""
    );
    assert_eq!(scene.read("e/sub/b"), "2");
    // Times and sizes.
    scene.write("e/a", "9");
    assert_eq!(
        scene
            .run(&["sync", "--dry-run", "--size-only", "./e", "s3://bucket/t"])
            .ok(),
        ""
    );
    assert_eq!(
        scene
            .run(&["sync", "--dry-run", "--checksum", "./e", "s3://bucket/t"])
            .ok(),
        "cp ./e/a s3://bucket/t/a\n"
    );
}

#[test]
fn sync_refuses_a_missing_source() {
    let scene = Scene::new();
    scene.write("d/precious", "p");
    scene
        .run(&["sync", "--delete", "s3://bucket/mistyped", "./d"])
        .fails(1, "not found");
    scene
        .run(&["sync", "--delete", "./mistyped", "./d"])
        .fails(1, "mistyped");
    assert_eq!(scene.read("d/precious"), "p");
    scene
        .run(&[
            "sync",
            "--delete",
            "--allow-empty-source",
            "s3://bucket/mistyped",
            "./d",
        ])
        .ok();
    assert!(scene.local().is_empty());
}

#[test]
fn strict_is_off_by_default_and_this_saves_requests() {
    let scene = Scene::new();
    scene.write("a", "a");
    scene.server.take_requests();
    scene.run(&["cp", "./a", "s3://bucket/x/y/a"]).ok();
    let lenient = scene.server.take_requests().len();
    scene
        .run(&["cp", "--strict", "./a", "s3://bucket/z/y/a"])
        .fails(1, "not found");
    scene.bucket().put("z/y/", "");
    scene.server.take_requests();
    scene
        .run(&["cp", "--strict", "./a", "s3://bucket/z/y/a"])
        .ok();
    let strict = scene.server.take_requests().len();
    assert!(lenient < strict, "{lenient} and {strict}");
}

#[test]
fn cp_of_standard_input_respects_its_condition() {
    let scene = Scene::new();
    scene.write("there", "old");
    scene.bucket().put("there", "old");
    for target in ["./there", "s3://bucket/there", "s3://bucket/new"] {
        let ran = scene.run_with_input(&["cp", "-n", "-", target], b"new");
        assert_eq!(ran.ok(), "", "{target}");
    }
    let content = |key: &str| scene.bucket().get(key).unwrap().bytes();
    assert_eq!(scene.read("there"), "old");
    assert_eq!(
        (content("there"), content("new")),
        (b"old".to_vec(), b"new".to_vec())
    );
    scene
        .run_with_input(&["cp", "-u", "-", "s3://bucket/there"], b"new")
        .fails(2, "no time");
    assert_eq!(content("there"), b"old");
}

#[test]
fn times_survive_a_copy_to_a_bucket_and_back() {
    use std::time::{Duration, SystemTime};

    let scene = Scene::new();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
    let time = |path: &str| {
        let metadata = std::fs::metadata(scene.directory.join(path)).unwrap();
        metadata.modified().unwrap()
    };
    for path in ["a", "d/b"] {
        scene.write(path, path);
        let file = std::fs::File::options();
        let file = { file }.write(true).open(scene.directory.join(path));
        file.unwrap().set_modified(old).unwrap();
    }
    scene.run(&["cp", "-p", "./a", "s3://bucket/a"]).ok();
    scene.run(&["sync", "-p", "./d", "s3://bucket/d"]).ok();
    for key in ["a", "d/b"] {
        let object = scene.bucket().get(key).unwrap();
        assert_eq!(object.headers["x-amz-meta-mtime"], "1500000000", "{key}");
    }
    scene.run(&["cp", "-p", "s3://bucket/a", "./new"]).ok();
    let sync = ["sync", "-p", "-v", "s3://bucket/d", "./e"];
    scene.run(&sync).ok();
    assert_eq!((time("new"), time("e/b")), (old, old));
    assert_eq!(scene.run(&sync).ok(), "");
    scene.run(&["cp", "s3://bucket/a", "./now"]).ok();
    assert!(time("now") > old + Duration::from_secs(3600));
}

#[test]
fn a_bandwidth_limit_is_shared_by_all_files() {
    let scene = Scene::new();
    for name in ["a", "b", "c", "d"] {
        scene.write(&format!("t/{name}"), "x".repeat(50_000));
    }
    for words in [
        &["cp", "./t/a", "./t/b", "./t/c", "./t/d", "s3://bucket/"][..],
        &["cp", "-r", "./t", "s3://bucket/cp"],
        &["sync", "./t", "s3://bucket/sync"],
        &["mv", "s3://bucket/sync", "./down"],
    ] {
        let began = std::time::Instant::now();
        scene
            .run(&[words, &["--max-bandwidth", "500000"]].concat())
            .ok();
        // 0.4 s, except for the last piece of each file.
        assert!(began.elapsed().as_millis() >= 200, "{words:?}");
    }
    for words in [
        ["cp", "--max-bandwidth", "1M", "-", "s3://bucket/x"],
        ["cp", "--max-bandwidth", "1M", "s3://bucket/a", "-"],
    ] {
        scene.run(&words).fails(2, "streams");
    }
    scene
        .run(&["cp", "--max-bandwidth", "fast", "./t/a", "s3://bucket/x"])
        .fails(2, "--max-bandwidth \"fast\" is not a size");
}

#[test]
fn several_sources_cannot_be_copied_below_a_file() {
    let scene = Scene::new();
    scene.write("a", "a");
    scene.write("b", "b");
    scene.bucket().put("file", "old");
    scene
        .run(&["cp", "./a", "./b", "s3://bucket/file"])
        .fails(2, "several sources need a directory");
    assert_eq!(scene.bucket().keys(), ["file"]);
    scene.run(&["cp", "./a", "./b", "s3://bucket/new"]).ok();
    scene.run(&["cp", "./a", "./b", "s3://bucket/file/"]).ok();
    assert_eq!(
        scene.bucket().keys(),
        ["file", "file/a", "file/b", "new/a", "new/b"]
    );
}

#[test]
fn a_dry_run_to_standard_output_prints_the_actions() {
    let scene = Scene::new();
    scene.bucket().put("f", "content");
    let out = scene.run(&["cp", "--dry-run", "s3://bucket/f", "-"]).ok();
    assert_eq!(out, "cp s3://bucket/f -\n");
    scene
        .run(&["cp", "--dry-run", "s3://bucket/none", "-"])
        .fails(1, "not found");
    scene.bucket().put("d/f", "content");
    scene
        .run(&["cp", "--dry-run", "s3://bucket/d", "-"])
        .fails(1, "a file is expected");
}
