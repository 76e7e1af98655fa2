//! Commands that change nothing.

use std::time::Duration;

use crate::scene::Scene;
use test_server::{BUCKET, Object, Server};

fn filled() -> Scene {
    let scene = Scene::new();
    for (key, content) in [
        ("a.txt", "hello"),
        ("reports/2026/x.csv", "1,2,3"),
        ("reports/2026/y.csv", "4,5,6,7"),
        ("reports/z.txt", "z"),
    ] {
        let mut object = Object::new(content.to_owned());
        object.modified = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        scene.bucket().put_with(key, object);
    }
    scene
}

#[test]
fn ls_lists_directories_files_and_buckets() {
    let scene = filled();
    assert_eq!(scene.run(&["ls", "s3://bucket"]).ok(), "a.txt\nreports/\n");
    assert_eq!(scene.run(&["ls", "s3://bucket/a.txt"]).ok(), "a.txt\n");
    assert_eq!(
        scene.run(&["ls", "-R", "s3://bucket/reports"]).ok(),
        "2026/x.csv\n2026/y.csv\n2026/\nz.txt\n"
    );
    let long = scene.run(&["ls", "-l", "s3://bucket/a.txt"]).ok();
    assert_eq!(long, "2023-11-14T22:13:20Z              5 a.txt\n");
    let human = scene.run(&["ls", "-lH", "s3://bucket/a.txt"]).ok();
    assert!(human.contains(" 5 B a.txt"), "{human}");
    assert_eq!(
        scene.run(&["ls", "--json", "s3://bucket/reports"]).ok(),
        "{\"name\":\"2026\",\"path\":\"/reports/2026\",\"url\":\"s3://bucket/reports/2026\",\"type\":\"directory\"}\n\
         {\"name\":\"z.txt\",\"path\":\"/reports/z.txt\",\"url\":\"s3://bucket/reports/z.txt\",\"type\":\"file\",\
         \"size\":1,\"modified\":\"2023-11-14T22:13:20Z\"}\n"
    );
    // A plain ? begins the parameters.
    scene
        .run(&["ls", "s3://bucket/reports/*/?.csv"])
        .fails(2, "unknown parameter");
    assert_eq!(
        scene.run(&["ls", "s3://bucket/reports/*/%3F.csv"]).ok(),
        "reports/2026/x.csv\nreports/2026/y.csv\n"
    );
}

#[test]
fn ls_lists_the_buckets_of_an_endpoint() {
    let scene = Scene::with(Server::builder().bucket("one").bucket("two").start());
    assert_eq!(scene.run(&["ls"]).ok(), "one\ntwo\n");
    assert_eq!(scene.run(&["ls", "s3://"]).ok(), "one\ntwo\n");
    let json = scene.run(&["ls", "--json"]).ok();
    assert!(
        json.starts_with(
            "{\"name\":\"one\",\"type\":\"bucket\",\"url\":\"s3://one\",\"created\":\""
        )
    );
    let made = scene.run(&["mb", "s3://three"]).ok();
    assert_eq!(made, "");
    assert_eq!(scene.run(&["ls"]).ok(), "one\nthree\ntwo\n");
    scene.server.bucket("three").put("x", "");
    scene.run(&["rb", "s3://three"]).fails(1, "not empty");
    assert_eq!(
        scene.run(&["rb", "--force", "s3://three", "s3://two"]).ok(),
        ""
    );
    assert_eq!(scene.run(&["ls"]).ok(), "one\n");
    scene.run(&["rb", "s3://one/x"]).fails(2, "not a bucket");
    scene
        .run(&["rb", "s3://none"])
        .fails(1, "\"none\" does not exist");
}

#[test]
fn ls_takes_one_request_per_thousand_entries() {
    let scene = Scene::new();
    scene.bucket().number("n/", 10_000);
    let listed = scene.run(&["ls", "-R", "s3://bucket/n"]).ok();
    assert!(listed.lines().count() >= 10_000);
    assert!(
        scene.server.requests().len() <= 12,
        "{}",
        scene.server.requests().len()
    );
}

#[test]
fn tree_du_and_stat_show_the_contents() {
    let scene = filled();
    let tree = scene.run(&["tree", "s3://bucket"]).ok();
    assert!(
        tree.starts_with("s3://bucket\n|-- reports\n|   |-- 2026\n"),
        "{tree}"
    );
    assert!(tree.ends_with("\n2 directories, 4 files\n"), "{tree}");
    let tree = scene.run(&["tree", "-L", "1", "s3://bucket"]).ok();
    assert!(!tree.contains("2026"), "{tree}");
    assert_eq!(
        scene.run(&["du", "s3://bucket", "s3://bucket/a.txt"]).ok(),
        "            18         4 s3://bucket\n             5         1 s3://bucket/a.txt\n"
    );
    let stat = scene.run(&["stat", "s3://bucket/a.txt"]).ok();
    for row in [
        "name             s3://bucket/a.txt",
        "size             5",
        "type             file",
    ] {
        assert!(stat.contains(row), "{stat}");
    }
    assert!(stat.contains("e_tag"), "{stat}");
    let json = scene
        .run(&["stat", "--json", "s3://bucket/reports", "s3://bucket/a.txt"])
        .ok();
    assert_eq!(json.lines().count(), 2, "{json}");
    scene
        .run(&["stat", "s3://bucket/none"])
        .fails(1, "not found");
}

#[test]
fn find_selects_by_name_size_age_and_kind() {
    let scene = filled();
    scene.bucket().put("odd/a b%c?.csv", "new");
    let find = |words: &[&str]| {
        scene
            .run(&[&["find", "s3://bucket"][..], words].concat())
            .ok()
    };
    assert_eq!(
        find(&["--name", "*.csv"]),
        "s3://bucket/odd/a%20b%25c%3F.csv\ns3://bucket/reports/2026/x.csv\ns3://bucket/reports/2026/y.csv\n"
    );
    assert_eq!(find(&["--larger", "6"]), "s3://bucket/reports/2026/y.csv\n");
    assert_eq!(
        find(&["--newer", "1d"]),
        "s3://bucket/odd/a%20b%25c%3F.csv\n"
    );
    assert_eq!(
        find(&["--older", "1d", "--smaller", "5"]),
        "s3://bucket/reports/z.txt\n"
    );
    assert_eq!(
        find(&["-t", "d", "--exclude", "odd"]),
        "s3://bucket/reports/2026/\ns3://bucket/reports/\n"
    );
    let found = find(&["--name", "a*.csv", "-0"]);
    assert_eq!(found, "s3://bucket/odd/a%20b%25c%3F.csv\0");
    // Printed URLs are valid operands.
    let operand = found.trim_end_matches('\0').to_owned();
    assert_eq!(scene.run(&["cat", "--no-glob", &operand]).ok(), "new");
    scene
        .run(&["find", "s3://bucket", "--larger", "x"])
        .fails(2, "a size");
}

#[test]
fn exists_reports_by_its_exit_code_and_prints_nothing() {
    let scene = filled();
    for (words, code) in [
        (&["exists", "s3://bucket/a.txt"][..], 0),
        (&["exists", "s3://bucket/reports"], 0),
        (&["exists", "s3://bucket/reports/"], 0),
        (&["exists", "s3://bucket/a.txt/"], 1),
        (&["exists", "s3://bucket/none"], 1),
        (&["exists", "s3://bucket"], 0),
        (&["exists", "-t", "f", "s3://bucket/reports"], 1),
        (&["exists", "-t", "d", "s3://bucket/reports"], 0),
        (&["exists", "./none"], 1),
        (&["exists", "."], 0),
    ] {
        let ran = scene.run(words);
        assert_eq!(ran.code, Some(code), "{words:?}");
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""), "{words:?}");
    }
    scene
        .run(&["exists", "s3://none/x"])
        .fails(1, "\"none\" does not exist");
    scene
        .run(&["exists", "s3://none"])
        .fails(1, "\"none\" does not exist");
}

#[test]
fn cat_writes_files_and_ranges() {
    let scene = filled();
    scene.server.take_requests();
    assert_eq!(scene.run(&["cat", "s3://bucket/a.txt"]).ok(), "hello");
    assert_eq!(scene.server.take_requests().len(), 1);
    for (range, expected) in [
        ("1-2", "el"),
        ("3-", "lo"),
        ("-2", "lo"),
        ("9-", ""),
        ("0-99", "hello"),
    ] {
        let words = ["cat", &format!("--range={range}"), "s3://bucket/a.txt"];
        assert_eq!(scene.run(&words).ok(), expected, "{range}");
    }
    assert_eq!(
        scene.run(&["cat", "s3://bucket/reports/2026/*"]).ok(),
        "1,2,34,5,6,7"
    );
    let some = scene.run(&["cat", "s3://bucket/none", "s3://bucket/a.txt"]);
    assert_eq!(
        some.fails(3, "s3://bucket/none: resource not found").out,
        "hello"
    );
    scene
        .run(&["cat", "s3://bucket/reports"])
        .fails(1, "reports");
    scene
        .run(&["cat", "s3://bucket/none*"])
        .fails(1, "nothing matches");
    scene
        .run(&["cat", "-r", "5-1", "s3://bucket/a.txt"])
        .fails(2, "a range");
}

#[test]
fn presign_makes_urls_that_work() {
    let scene = filled();
    scene.server.take_requests();
    let url = scene
        .run(&[
            "presign",
            "s3://bucket/a.txt",
            "-e",
            "10m",
            "--filename",
            "b.txt",
        ])
        .ok();
    assert!(scene.server.take_requests().is_empty());
    let url = url.trim_end();
    let mut answer = ureq::get(url).call().unwrap();
    assert_eq!(
        answer.headers()["content-disposition"],
        "attachment; filename=\"b.txt\""
    );
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "hello");
    let url = scene
        .run(&["presign", "-m", "put", "s3://bucket/new.txt"])
        .ok();
    ureq::put(url.trim_end()).send("stored").unwrap();
    assert_eq!(scene.bucket().get("new.txt").unwrap().bytes(), b"stored");
    scene
        .run(&["presign", "s3://bucket/a", "-e", "8d"])
        .fails(2, "7d");
    scene.run(&["presign", "s3://bucket"]).fails(1, "no URL");
    scene.run(&["presign", "./a"]).fails(2, "in a bucket");
}

#[test]
fn check_prints_the_settings_and_tests_them() {
    let scene = filled();
    scene.server.take_requests();
    let said = scene.run(&["check", "s3://bucket/reports"]).ok();
    for row in [
        "bucket       bucket",
        "region       us-east-1",
        "credentials  environment",
        "clock        accepted by the server",
        "access       listing works, and the directory is not empty",
    ] {
        assert!(said.contains(row), "{said}");
    }
    assert!(said.contains(&scene.server.endpoint()), "{said}");
    assert!(!said.contains(scene.server.access_key()), "{said}");
    assert_eq!(scene.server.take_requests().len(), 1);
    assert_eq!(scene.run(&["check", "s3://"]).ok(), "buckets      1\n");
    let refused = scene
        .run(&["check", "s3://none"])
        .fails(1, "\"none\" does not exist");
    assert!(
        refused.out.contains("credentials  environment"),
        "{refused:?}"
    );
    scene.server.set_clock_ahead(7200);
    let said = scene.run(&["check", "s3://bucket"]);
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("s behind the server's"), "{said:?}");
}

#[test]
fn uploads_are_listed_and_aborted() {
    let scene = Scene::new();
    let fs = s3fs::S3Fs::builder(BUCKET)
        .endpoint_url(scene.server.endpoint())
        .aws_access_key_id(scene.server.access_key())
        .aws_secret_access_key(scene.server.secret_key())
        .build()
        .unwrap();
    let mut file = s3fs::FileSystemExt::openbin(&fs, "big", "w").unwrap();
    for _ in 0..9 {
        std::io::Write::write_all(&mut file, &vec![1; 1 << 20]).unwrap();
    }
    let began = std::time::Instant::now();
    while scene.bucket().uploads().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(5));
    }
    // As after a killed program: neither completed nor aborted.
    std::mem::forget(file);
    assert_eq!(scene.run(&["uploads", "s3://bucket", "--abort"]).ok(), "");
    let listed = scene
        .run(&["uploads", "s3://bucket", "--older-than", "0s", "--json"])
        .ok();
    assert!(listed.contains("\"key\":\"big\""), "{listed}");
    let listed = scene
        .run(&["uploads", "s3://bucket", "--older-than", "0", "--abort"])
        .ok();
    assert!(listed.ends_with(" big\n"), "{listed}");
    assert!(scene.bucket().uploads().is_empty());
}

#[test]
fn help_completions_and_the_man_page_are_printed() {
    let scene = Scene::new();
    let all = scene.run(&["--help"]).ok();
    let table = all.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in table.take_while(|line| !line.is_empty()) {
        // A line that is indented further continues the one above.
        let Some(name) = line
            .strip_prefix("  ")
            .filter(|line| !line.starts_with(' '))
        else {
            continue;
        };
        let name = name.split_whitespace().next().unwrap();
        let page = scene.run(&[name, "--help"]).ok();
        assert!(page.starts_with(&format!("s3f {name}: ")), "{page}");
        assert!(
            page.contains("Examples:") && page.contains("Exit codes:"),
            "{page}"
        );
    }
    assert!(scene.run(&["--version"]).ok().starts_with("s3f "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(scene.run(&["completions", shell]).ok().contains("presign"));
    }
    assert!(scene.run(&["man"]).ok().starts_with(".TH S3F 1"));
    scene
        .run(&["completions", "csh"])
        .fails(2, "bash, zsh or fish");
    // The completions of bash with the generated script.
    let check = "source /dev/stdin; COMP_WORDS=(s3f sy); COMP_CWORD=1; _s3f; echo ${COMPREPLY[@]}; \
                 COMP_WORDS=(s3f sync --dry); COMP_CWORD=2; _s3f; echo ${COMPREPLY[@]}";
    let script = scene.run(&["completions", "bash"]).ok();
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", check])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    if let Ok(mut bash) = bash.spawn() {
        std::io::Write::write_all(&mut bash.stdin.take().unwrap(), script.as_bytes()).unwrap();
        let output = bash.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "sync\n--dry-run\n");
    }
}
