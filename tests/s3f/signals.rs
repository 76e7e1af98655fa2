//! Ctrl-C and SIGTERM: open uploads are aborted, and the exit code shows the signal.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::scene::{Ran, Scene};
use test_server::{Fault, Hold, Rule};

const LONGEST: Duration = Duration::from_secs(120);

#[track_caller]
fn wait_until(what: &str, is_true: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < LONGEST, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

fn spawn(scene: &Scene, words: &[&str]) -> Child {
    let mut command = scene.command(words);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn a_signal_aborts_the_upload_of_a_file() {
    for signal in ["-INT", "-TERM"] {
        let scene = Scene::new();
        scene.write("big", vec![1; 20 << 20]);
        let hold = Hold::new();
        let rule = Rule::on("UploadPart").always();
        scene.server.faults().add(rule, Fault::Hold(hold.clone()));
        let child = spawn(&scene, &["cp", "./big", "s3://bucket/big"]);
        wait_until("a part is on its way", || {
            let requests = scene.server.requests();
            requests
                .iter()
                .any(|request| request.operation == "UploadPart")
        });
        send(signal, &child);
        let ran = Ran::of(child.wait_with_output().unwrap());
        hold.open();
        ran.fails(130, "cancelled");
        assert!(scene.bucket().uploads().is_empty(), "{signal}");
        assert!(scene.bucket().get("big").is_none());
    }
}

#[test]
fn a_signal_ends_a_tool_waiting_for_standard_input_and_stores_nothing() {
    let scene = Scene::new();
    scene.bucket().put("log", "old");
    for command in ["put", "append"] {
        let mut child = spawn(&scene, &[command, "s3://bucket/log"]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&vec![b'x'; 10 << 20]).unwrap();
        wait_until("it has begun to store", || {
            !scene.server.requests().is_empty()
        });
        send("-INT", &child);
        let ran = Ran::of(child.wait_with_output().unwrap());
        drop(stdin);
        ran.fails(130, "cancelled");
        assert!(scene.bucket().uploads().is_empty(), "{command}");
        assert_eq!(
            scene.bucket().get("log").unwrap().bytes(),
            b"old",
            "{command}"
        );
    }
}

#[test]
fn a_signal_ends_a_sync_and_leaves_only_complete_files() {
    let scene = Scene::new();
    for number in 0..50 {
        scene.write(&format!("d/{number:02}"), "content");
    }
    let hold = Hold::new();
    let rule = Rule::on("PutObject").key("d/30").always();
    scene.server.faults().add(rule, Fault::Hold(hold.clone()));
    let child = spawn(&scene, &["sync", "-j", "4", "./d", "s3://bucket/d"]);
    wait_until("the one that waits has come", || {
        let requests = scene.server.requests();
        requests
            .iter()
            .any(|request| request.operation == "PutObject" && request.key == "d/30")
    });
    send("-INT", &child);
    let ran = Ran::of(child.wait_with_output().unwrap());
    hold.open();
    ran.fails(130, "cancelled");
    for key in scene.bucket().keys() {
        assert_eq!(
            scene.bucket().get(&key).unwrap().bytes(),
            b"content",
            "{key}"
        );
    }
}
