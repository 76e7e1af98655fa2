//! Wrong calls, hostile keys, closed pipes, and no secrets in any output.

use std::io::Read as _;
use std::process::Stdio;

use crate::scene::{Ran, Scene, bare};
use test_server::{Answer, Fault, Rule};

#[test]
fn an_invalid_operand_is_never_a_local_file() {
    let scene = Scene::new();
    scene.write("mybucket/reports/x", "precious");
    for words in [
        &["mybucket", "rm", "reports"][..],
        &["rm", "-r", "mybucket/reports"],
        &["mv", "mybucket", "s3://bucket/"],
        &["cp", "-r", "s3://bucket", "mybucket"],
        &["sync", "--delete", "s3://bucket", "mybucket"],
        &["ls", "mybucket"],
        &["rm"],
        &["ls", "--no-such-option"],
        &["sync", "./a"],
        &["cp", "./a", "s3://"],
        &["ls", "gopher://x"],
        &["ls", "s3://bucket?colour=red"],
        &["ls", "--workers", "0"],
    ] {
        let ran = scene.run(words);
        assert_eq!(
            (ran.code, ran.err.lines().count()),
            (Some(2), 1),
            "{words:?}: {ran:?}"
        );
        assert_eq!(ran.out, "", "{words:?}");
    }
    assert_eq!(scene.read("mybucket/reports/x"), "precious");
    assert!(scene.server.requests().is_empty());
}

#[test]
fn no_failure_shows_a_secret() {
    let scene = Scene::new();
    const KEY: &str = "AKIDSECRETKEY";
    const SECRET: &str = "hush/SeCrEt+value";
    let endpoint = scene.server.endpoint();
    let url = format!("s3://{KEY}:hush%2FSeCrEt%2Bvalue@bucket/a?endpoint_url={endpoint}");
    for words in [
        &["ls", &url][..],
        &["-vv", "cat", &url],
        &["cp", &url, "./x"],
        &["sync", &url, "./x"],
        &["rm", &url],
        &["check", &url],
        &["ls", &format!("{url}&colour=red")],
        &["ls", &format!("{url}&strict=maybe")],
        &["ls", &format!("s3://{KEY}:{SECRET}@bucket@x?y@z")],
        &["ls", &format!("{KEY}:{SECRET}@bucket")],
        &["mb", &url],
        &[
            "ls",
            "--endpoint-url",
            &format!("http://{KEY}:{SECRET}@127.0.0.1"),
            "s3://bucket",
        ],
        // A URL where something else is expected.
        &[&url],
        &["help", &url],
        &["presign", &url, &url],
        &["ls", "--workers", &url],
        &["cat", "--range", &url, "s3://bucket/a"],
        &["put", "--metadata", &format!("{KEY}:{SECRET}@b"), "./a"],
        &["ls", &format!("--verbose={url}"), "s3://bucket"],
        &["ls", &format!("--{url}")],
    ] {
        let ran = scene.run(words);
        assert_ne!(ran.code, Some(0), "{words:?}: {ran:?}");
        for hidden in [KEY, SECRET, "SeCrEt"] {
            assert!(
                !ran.out.contains(hidden) && !ran.err.contains(hidden),
                "{words:?}: {ran:?}"
            );
        }
    }
}

#[test]
fn missing_credentials_and_a_wrong_endpoint_are_reported_with_hints() {
    let scene = Scene::new();
    let mut command = bare(&scene.directory);
    command.args(["ls", "s3://bucket"]);
    let ran = Ran::of(command.output().unwrap());
    ran.fails(1, "credentials");
    let mut stopped = test_server::Server::start();
    stopped.stop();
    for (endpoint, says) in [
        (stopped.endpoint(), "127.0.0.1"),
        ("127.0.0.1:9000".to_owned(), "http"),
    ] {
        let mut command = scene.command(&["ls", "s3://bucket", "--endpoint-url", &endpoint]);
        command.env("AWS_MAX_ATTEMPTS", "1");
        let ran = Ran::of(command.output().unwrap());
        ran.fails(1, says);
    }
    let public = scene.run(&["ls", "--no-sign-request", "s3://bucket"]);
    assert_eq!(public.code, Some(1), "{public:?}");
}

#[test]
fn urls_override_options_and_options_override_the_environment() {
    let scene = Scene::new();
    scene.bucket().put("x", "");
    let endpoint = scene.server.endpoint();
    let mut command = scene.command(&["ls", "s3://bucket", "--endpoint-url", &endpoint]);
    command.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1");
    assert_eq!(Ran::of(command.output().unwrap()).ok(), "x\n");
    let url = format!("s3://bucket?endpoint_url={endpoint}");
    let mut command = scene.command(&["ls", &url, "--endpoint-url", "http://127.0.0.1:1"]);
    command.env_remove("AWS_ENDPOINT_URL_S3");
    assert_eq!(Ran::of(command.output().unwrap()).ok(), "x\n");
    std::fs::create_dir(scene.directory.join(".aws")).unwrap();
    let keys = format!(
        "[work]\naws_access_key_id={}\naws_secret_access_key={}\nendpoint_url={endpoint}\n",
        scene.server.access_key(),
        scene.server.secret_key()
    );
    scene.write(".aws/credentials", keys);
    let mut command = bare(&scene.directory);
    command.args(["ls", "--profile", "work", "s3://bucket"]);
    assert_eq!(Ran::of(command.output().unwrap()).ok(), "x\n");
}

#[test]
fn hostile_keys_never_leave_the_target_and_no_file_is_lost() {
    let scene = Scene::new();
    let odd = [
        "in/../../escape",
        "in/./dot",
        "in//double",
        "in/a\u{1b}[31mred\n",
        "in/\u{202e}gpj.exe",
        "in/-rf",
        "in/a b?c%41*[x]",
    ];
    for key in odd {
        scene.bucket().put(key, key);
    }
    scene.write("d/keep", "");
    let ran = scene.run(&["cp", "-r", "s3://bucket/in", "./d"]);
    assert!(ran.code.is_some(), "{ran:?}");
    let outside: Vec<String> = scene
        .local()
        .into_iter()
        .filter(|path| !path.starts_with("d/"))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    assert_eq!(scene.read("d/in/-rf"), "in/-rf");
    assert_eq!(scene.read("d/in/a b?c%41*[x]"), "in/a b?c%41*[x]");
    // In a pipe names are printed unchanged; URLs contain nothing that controls a terminal.
    let listed = scene.run(&["ls", "s3://bucket/in"]);
    assert!(listed.out.contains("a\u{1b}[31mred\n"), "{listed:?}");
    let found = scene.run(&["find", "s3://bucket/in"]);
    assert!(
        found.out.contains("s3://bucket/in/a%1B[31mred%0A\n"),
        "{found:?}"
    );
    assert!(!found.out.contains('\u{1b}') && !found.out.contains('\u{202e}'));
    let json = scene.run(&["find", "--json", "s3://bucket/in"]);
    assert!(
        !json.out.contains('\u{1b}') && json.out.contains("\\u001b[31mred\\u000a"),
        "{json:?}"
    );
    // A wildcard matches a control character, and all files are removed with their directory.
    assert_eq!(
        scene.run(&["cat", "s3://bucket/in/a%3F*red%3F"]).ok(),
        "in/a\u{1b}[31mred\n"
    );
    let removed = scene.run(&["rm", "-r", "s3://bucket/in"]);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert!(
        scene.bucket().keys().is_empty(),
        "{:?}",
        scene.bucket().keys()
    );
}

#[test]
fn a_closed_output_pipe_ends_the_tool_silently() {
    let scene = Scene::new();
    scene.bucket().number("n/", 100_000);
    scene.bucket().put_synthetic("big", 1, 64 << 20);
    for words in [
        &["ls", "-R", "s3://bucket/n"][..],
        &["find", "s3://bucket/n"],
        &["cat", "s3://bucket/big"],
        &["cp", "s3://bucket/big", "-"],
        &["cat", "--range", "5-", "s3://bucket/big"],
    ] {
        let mut command = scene.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut first = [0; 10];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn an_error_with_several_lines_is_printed_as_one_line() {
    let scene = Scene::new();
    let body = "<Error><Code>Bad</Code><Message>one\ntwo\u{85}three</Message></Error>";
    let fault = Fault::Answer(Answer::new(400, body));
    scene
        .server
        .faults()
        .add(Rule::on("ListObjectsV2").always(), fault);
    scene.run(&["ls", "s3://bucket/x"]).fails(1, "one");
}

#[test]
fn verbose_shows_requests_and_quiet_nothing() {
    let scene = Scene::new();
    scene.bucket().put("a//b", "");
    scene.bucket().put("a/c", "");
    let loud = scene.run(&["-vv", "ls", "s3://bucket/a"]);
    assert!(loud.err.contains("debug: GET ListObjectsV2"), "{loud:?}");
    let quiet = scene.run(&["-q", "ls", "s3://bucket/a"]);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("c\n", ""));
}

/// Larger than any address space, so that the system refuses every thread of the program.
const IMPOSSIBLE_STACK: &str = "1152921504606846976";

#[test]
fn without_threads_the_tool_works_on_a_single_thread() {
    let scene = Scene::new();
    for name in ["a", "b", "c"] {
        scene.bucket().put(&format!("d/{name}"), name);
    }
    scene.bucket().put_synthetic("big", 1, 20 << 20);
    for words in [
        &["cp", "s3://bucket/d/a", "s3://bucket/d/b", "./"][..],
        &["cp", "s3://bucket/big", "./big"],
        &["cp", "./big", "s3://bucket/again"],
        &["sync", "s3://bucket/d", "./d"],
        &["rm", "s3://bucket/d/a", "s3://bucket/d/b"],
        &["put", "s3://bucket/put"],
    ] {
        let mut command = scene.command(words);
        let input = std::fs::File::open(scene.directory.join("a"));
        command
            .env("RUST_MIN_STACK", IMPOSSIBLE_STACK)
            .stdin(input.map_or_else(|_| Stdio::null(), Stdio::from));
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
        // The only line is the warning that signals end the program at once.
        assert_eq!(ran.err.lines().count(), 1, "{words:?}: {ran:?}");
    }
    let bytes = |key: &str| scene.bucket().get(key).unwrap().bytes();
    assert_eq!(
        (scene.read("a"), scene.read("d/c")),
        ("a".into(), "c".into())
    );
    assert!(bytes("again") == bytes("big"));
    assert_eq!(bytes("put"), b"a");
    assert!(scene.bucket().get("d/a").is_none() && scene.bucket().get("d/b").is_none());
}

#[test]
fn a_source_without_a_name_does_not_overwrite_another_source() {
    let scene = Scene::new();
    scene.write("p1/x/f", "one");
    scene.write("p2/x/f", "two");
    scene.bucket().put("f", "root");
    scene.bucket().put("dir/f", "dir");
    for words in [
        ["mv", "./p1/.", "./p2/x", "./out"],
        ["mv", "s3://bucket", "s3://bucket/dir", "./out/"],
    ] {
        scene.run(&words).fails(2, "has no name of its own");
    }
    scene
        .run(&["cp", "-r", "./p1/.", "./p2/x", "s3://bucket/out"])
        .fails(2, "has no name of its own");
    assert_eq!(
        (&*scene.read("p1/x/f"), &*scene.read("p2/x/f")),
        ("one", "two")
    );
    assert_eq!(scene.bucket().keys(), ["dir/f", "f"]);
    assert_eq!(scene.local(), ["p1/x/f", "p2/x/f"]);
}

#[test]
fn the_lines_of_a_partial_move_name_the_removed_source() {
    let scene = Scene::new();
    for flags in [&["-n", "--dry-run"][..], &["-n", "-v"]] {
        scene.write("l1/a", "1");
        scene.write("l1/b", "1");
        scene.write("l2/l1/a", "0");
        let words = [&["mv"][..], flags, &["./l1", "./l2"]].concat();
        let out = scene.run(&words).ok();
        assert_eq!(out, "cp ./l1/b ./l2/l1/b\nrm ./l1/b\n", "{flags:?}");
    }
    assert_eq!(scene.local(), ["l1/a", "l2/l1/a", "l2/l1/b"]);
}

#[test]
fn changes_continue_when_the_reader_of_their_names_is_gone() {
    use std::process::Stdio;

    let scene = Scene::new();
    for number in 0..40 {
        scene.write(&format!("many/{number}"), "x");
    }
    let without_reader = |words: &[&str]| {
        let mut child = scene.command(words).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert!(child.wait().unwrap().success(), "{words:?}");
    };
    let files: Vec<String> = (0..40).map(|n| format!("./many/{n}")).collect();
    let mut words = vec!["cp", "-v"];
    words.extend(files.iter().map(String::as_str));
    words.push("s3://bucket/m/");
    without_reader(&words);
    assert_eq!(scene.bucket().keys().len(), 40);
    without_reader(&["mv", "-v", "s3://bucket/m/*", "s3://bucket/mm/"]);
    let keys = scene.bucket().keys();
    assert!(keys.len() == 40 && keys.iter().all(|key| key.starts_with("mm/")));
    without_reader(&["rm", "-v", "s3://bucket/mm/*"]);
    assert!(scene.bucket().keys().is_empty());
}

#[test]
fn no_form_of_an_empty_name_empties_a_bucket() {
    let scene = Scene::new();
    scene.bucket().put("src/a", "a");
    scene.write("w/a/keep", "x");
    for operand in [
        "s3://bucket!",
        "s3://bucket!/",
        "s3://bucket!//",
        "s3://bucket!//src",
        "s3://bucket?region=us-east-1!",
        "s3://bucket/!src",
    ] {
        scene.run(&["rm", "-r", operand]).fails(2, "empty name");
    }
    let local = format!("file://{}/w/a/%2E", scene.directory.display());
    scene
        .run(&["rm", "-r", &local])
        .fails(2, "name the directory");
    assert_eq!(scene.bucket().keys(), ["src/a"]);
    assert_eq!(scene.local(), ["w/a/keep"]);
}

#[cfg(unix)]
#[test]
fn a_dry_run_of_rm_names_links_and_not_their_targets() {
    let scene = Scene::new();
    scene.write("real/keep", "x");
    scene.write("d/own", "x");
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, scene.directory.join(name)).unwrap();
    };
    link("real", "link");
    link("../real", "d/inner");
    link(".", "d/loop");
    let dry = |operand| scene.run(&["rm", "-r", "--dry-run", operand]).ok();
    assert_eq!(dry("./link/"), "rm -r ./link\n");
    assert_eq!(
        dry("./d"),
        "rm ./d/inner\nrm ./d/loop\nrm ./d/own\nrm -r ./d\n"
    );
    scene.run(&["rm", "-r", "./link/", "./d"]).ok();
    assert_eq!(scene.local(), ["real/keep"]);
}

#[test]
fn a_rejected_call_leaves_no_directory_behind() {
    let scene = Scene::new();
    scene.bucket().put("p/a", "a");
    scene.write("src/a", "a");
    for words in [
        &["cp", "s3://bucket/p", "./n/"][..],
        &[
            "cp",
            "-r",
            "--max-bandwidth",
            "fast",
            "s3://bucket/p",
            "./n/",
        ],
        &["sync", "./src", "./n", "--max-bandwidth", "0"],
        &["sync", "./src", "./n", "--metadata", "wrong"],
        &["cp", "--storage-class", "STANDARD_IA", "./src/a", "./n/"],
    ] {
        scene.run(words).fails(2, "");
        assert!(!scene.directory.join("n").exists(), "{words:?}");
    }
}

#[test]
fn a_dry_run_needs_no_local_parents() {
    let scene = Scene::new();
    scene.bucket().put("p/a", "a");
    for (words, line) in [
        (
            &["cp", "--dry-run", "s3://bucket/p/a", "./no/such/dir/"][..],
            "cp s3://bucket/p/a ./no/such/dir/a\n",
        ),
        (
            &["mv", "--dry-run", "s3://bucket/p/a", "./no/such/name"],
            "mv s3://bucket/p/a ./no/such/name\n",
        ),
    ] {
        assert_eq!(scene.run(words).ok(), line);
    }
    let out = scene
        .run(&["cp", "-r", "--dry-run", "s3://bucket/p", "./no/such"])
        .ok();
    assert!(out.contains("cp s3://bucket/p/a ./no/such/a\n"), "{out}");
    assert!(scene.local().is_empty());
}

#[test]
fn a_missing_source_or_operand_may_be_allowed() {
    let scene = Scene::new();
    scene.bucket().put("x/a", "a");
    let sync = ["sync", "./nope", "s3://bucket/x", "--delete"];
    scene.run(&sync).fails(1, "");
    scene
        .run(&[&sync[..], &["--allow-empty-source"]].concat())
        .ok();
    assert!(scene.bucket().get("x/a").is_none());
    scene
        .run(&["rm", "-f", "./nodir/x", "s3://bucket/nope*"])
        .ok();
    scene.run(&["rm", "./nodir/x"]).fails(1, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_standard_input_does_not_empty_the_target() {
    let scene = Scene::new();
    scene.bucket().put("k", "keep");
    let shell = |line: &str| {
        let mut command = scene.command(&["--version"]);
        let program = command.get_program().to_owned();
        let variables: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command = std::process::Command::new("sh");
        let line = line.replace("s3f", &program.to_string_lossy());
        command.args(["-c", &line]).envs(variables);
        crate::scene::Ran::of(command.current_dir(&scene.directory).output().unwrap())
    };
    for line in ["s3f put s3://bucket/k <&-", "s3f cp - s3://bucket/k <&-"] {
        shell(line).fails(1, "standard input is closed");
        assert_eq!(scene.bucket().get("k").unwrap().bytes(), b"keep");
    }
    shell("s3f put s3://bucket/k </dev/null").ok();
    assert_eq!(scene.bucket().get("k").unwrap().bytes(), b"");
}
