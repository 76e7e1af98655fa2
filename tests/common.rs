//! Shared by the tests of the library: filesystems on the embedded server.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use s3fs::{ConditionalWrites, S3Fs, S3FsBuilder};
use test_server::client::{self, Reply};
use test_server::{Fault, Hold, LoggedRequest, Rule, Server};

use crate::logged;

/// A builder for the server's bucket, with the server's credentials.
pub fn builder(server: &Server) -> S3FsBuilder {
    builder_of(server, test_server::BUCKET)
}

/// A builder for a bucket of the server, with the server's credentials. It declares whether the server respects
/// conditions, so that no probe is needed if it does.
pub fn builder_of(server: &Server, bucket: &str) -> S3FsBuilder {
    let builder = learning_builder_of(server, bucket);
    match server.honours_conditions() {
        true => builder.conditions(ConditionalWrites::Honoured),
        false => builder,
    }
}

/// A builder for the server's bucket that declares nothing about conditions.
pub fn learning_builder(server: &Server) -> S3FsBuilder {
    learning_builder_of(server, test_server::BUCKET)
}

fn learning_builder_of(server: &Server, bucket: &str) -> S3FsBuilder {
    // All log records are checked.
    logged::install();
    S3Fs::builder(bucket)
        .endpoint_url(server.endpoint())
        .region(server.region())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
}

/// A strict filesystem on the server's bucket.
pub fn open(server: &Server) -> S3Fs {
    builder(server).build().expect("parameters that can be")
}

/// A filesystem on the server's bucket that is not strict.
pub fn open_lenient(server: &Server) -> S3Fs {
    let builder = builder(server).strict(false);
    builder.build().expect("parameters that can be")
}

/// Returns the response to a URL, fetched without any credentials.
#[track_caller]
pub fn fetch(server: &Server, url: &str) -> Reply {
    client::get(server, "").try_send(url).expect("an answer")
}

/// Returns the requests of this operation since the last call.
pub fn asked(server: &Server, operation: &str) -> Vec<LoggedRequest> {
    let requests = server.take_requests().into_iter();
    requests
        .filter(|request| request.operation == operation)
        .collect()
}

/// Maximum time that a test waits for other threads. Nothing takes so long: this only ends a test that hangs.
pub const LONGEST: Duration = Duration::from_secs(120);

/// Waits until this is true.
#[track_caller]
pub fn wait_until(what: &str, is_true: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < LONGEST, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Asserts that the bytes are equal, and prints the first difference instead of all of them.
#[track_caller]
pub fn assert_same_bytes(found: impl AsRef<[u8]>, expected: impl AsRef<[u8]>, context: &str) {
    let (found, expected) = (found.as_ref(), expected.as_ref());
    let differ = |(one, other): (&u8, &u8)| one != other;
    let length = found.len().min(expected.len());
    let first = found
        .iter()
        .zip(expected)
        .position(differ)
        .unwrap_or(length);
    let from = |bytes: &[u8]| bytes[first..bytes.len().min(first + 16)].to_vec();
    assert!(
        found == expected,
        "{context}: {} bytes, and {} were expected; from byte {first} on: {:?}, and {:?} were expected",
        found.len(),
        expected.len(),
        from(found),
        from(expected),
    );
}

/// Returns the number of requests of this operation that have no response yet.
fn unanswered(server: &Server, operation: &str) -> usize {
    let requests = server.requests().into_iter();
    requests
        .filter(|request| request.operation == operation && request.status.is_none())
        .count()
}

/// Asserts that the work has exactly this many parts in flight: the server holds all of
/// them until the expected number has arrived.
#[track_caller]
pub fn assert_parts_at_a_time(server: &Server, expected: usize, work: impl FnOnce()) {
    let hold = Hold::new();
    let held = Fault::Hold(hold.clone());
    server.faults().add(Rule::on("UploadPart").always(), held);
    let most = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let on_their_way = || unanswered(server, "UploadPart");
            wait_until("the parts have come", || on_their_way() >= expected);
            // An additional, unexpected part would arrive now.
            thread::sleep(Duration::from_millis(100));
            let most = on_their_way();
            hold.open();
            most
        });
        work();
        watcher.join().expect("the parts that were waited for")
    });
    server.faults().clear();
    assert_eq!(most, expected);
}

/// Runs the work, and another action in the middle of it: as soon as the server gets a request of that operation,
/// and before it handles the request.
pub fn meanwhile<T>(
    server: &Server,
    rule: Rule,
    interfere: impl FnOnce() + Send,
    work: impl FnOnce() -> T,
) -> T {
    let hold = Hold::new();
    server.faults().add(rule, Fault::Hold(hold.clone()));
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the request has come", || server.faults().pending() == 0);
            interfere();
            hold.open();
        });
        work()
    })
}

/// Returns the requests since the last call that change something: operation and key, in order.
pub fn changes(server: &Server) -> Vec<String> {
    let requests = server.take_requests().into_iter();
    requests
        .filter(|request| !matches!(request.method.as_str(), "GET" | "HEAD"))
        .map(|request| format!("{} {}", request.operation, request.key))
        .collect()
}

/// Returns the FS URL of a directory in the server's bucket, with the server's credentials; `parameters` are already
/// encoded and begin with `&`.
pub fn fs_url(server: &Server, dir_path: &str, parameters: &str) -> String {
    logged::install();
    format!(
        "s3://{}:{}@{}/{}?endpoint_url={}&region={}&conditions=honoured{parameters}",
        client::encode(server.access_key()),
        client::encode(server.secret_key()).replace('/', "%2F"),
        test_server::BUCKET,
        client::encode(dir_path),
        client::encode(&server.endpoint()),
        server.region(),
    )
}

/// Set for a test that runs in a separate process, to the directory that it uses.
const CHILD: &str = "S3FS_CHILD";

/// In a separate process, returns the directory that [`in_child`] passed.
pub fn given_to_child() -> Option<PathBuf> {
    env::var_os(CHILD).map(PathBuf::from)
}

/// Runs a test, by its full name, in a separate process with a different environment.
#[track_caller]
pub fn in_child(test: &str, directory: &str, variables: &[(&str, &str)]) {
    said_in_child(test, directory, variables);
}

/// Like [`in_child`], but returns the output.
#[track_caller]
pub fn said_in_child(test: &str, directory: &str, variables: &[(&str, &str)]) -> String {
    let mut child = Command::new(env::current_exe().expect("this program"));
    child.args(["--exact", test, "--nocapture"]);
    child.env(CHILD, directory);
    child.envs(variables.iter().copied());
    let output = child.output().expect("this program, again");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("1 passed"), "{said}");
    said
}

/// Runs a test, by its full name, in a separate process, for which that directory is a disk of 2 MiB. Skips the test
/// if this user must not mount one.
#[cfg(target_os = "linux")]
#[track_caller]
pub fn in_child_with_small_disk(test: &str, directory: &Path) {
    let script =
        format!("mount -t tmpfs -o size=2m none \"${CHILD}\" && exec \"$0\" --exact \"$1\"");
    let own = env::current_exe().expect("this program");
    let mut child = Command::new("unshare");
    child.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    let output = child
        .arg(own)
        .arg(test)
        .env(CHILD, directory)
        .env("TMPDIR", directory)
        .output();
    let Ok(output) = output else {
        return println!("not tested: there is no unshare");
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() && !said.contains("running 1 test") {
        return println!("not tested: no disk can be made here: {output:?}");
    }
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("1 passed"), "{said}");
}
