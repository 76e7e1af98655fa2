//! What the tests of the library share: filesystems on the embedded server.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use s3fs::{S3Fs, S3FsBuilder};

use crate::embedded_server::client::{self, Reply};
use crate::support::{self, Fault, LoggedRequest, Rule, Server};

/// The filesystem of the server's bucket, with the server's credentials, not built yet.
pub fn builder(server: &Server) -> S3FsBuilder {
    builder_of(server, support::BUCKET)
}

/// The filesystem of a bucket of the server, with the server's credentials, not built yet.
pub fn builder_of(server: &Server, bucket: &str) -> S3FsBuilder {
    S3Fs::builder(bucket)
        .endpoint_url(server.endpoint())
        .region(server.region())
        .aws_access_key_id(server.access_key())
        .aws_secret_access_key(server.secret_key())
}

/// The filesystem of the server's bucket, strict.
pub fn open(server: &Server) -> S3Fs {
    builder(server).build().expect("parameters that can be")
}

/// The same, not strict.
pub fn open_lenient(server: &Server) -> S3Fs {
    let builder = builder(server).strict(false);
    builder.build().expect("parameters that can be")
}

/// The answer to a URL, asked for as anyone would who was given it.
#[track_caller]
pub fn fetch(server: &Server, url: &str) -> Reply {
    client::get(server, "").try_send(url).expect("an answer")
}

/// The requests since the last time that were of this operation.
pub fn asked(server: &Server, operation: &str) -> Vec<LoggedRequest> {
    let requests = server.take_requests().into_iter();
    requests
        .filter(|request| request.operation == operation)
        .collect()
}

/// As many parts as were on their way to the server at a time while the work was done, each of which is answered
/// late.
pub fn most_parts_at_a_time(server: &Server, work: impl FnOnce()) -> usize {
    let late = Fault::Delay(Duration::from_millis(100));
    server.faults().add(Rule::on("UploadPart").always(), late);
    let (is_done, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    let on_their_way = || {
        let requests = server.requests().into_iter();
        requests
            .filter(|request| request.operation == "UploadPart" && request.status.is_none())
            .count()
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                most.fetch_max(on_their_way(), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        work();
        is_done.store(true, Ordering::Relaxed);
    });
    server.faults().clear();
    most.into_inner()
}

/// The requests since the last time that change something: operation and key, in their order.
pub fn changes(server: &Server) -> Vec<String> {
    let requests = server.take_requests().into_iter();
    requests
        .filter(|request| !matches!(request.method.as_str(), "GET" | "HEAD"))
        .map(|request| format!("{} {}", request.operation, request.key))
        .collect()
}

/// The FS URL of a directory in the server's bucket, with the server's credentials; `parameters` are encoded
/// already and begin with `&`.
pub fn fs_url(server: &Server, dir_path: &str, parameters: &str) -> String {
    format!(
        "s3://{}:{}@{}/{}?endpoint_url={}&region={}{parameters}",
        client::encode(server.access_key()),
        client::encode(server.secret_key()).replace('/', "%2F"),
        support::BUCKET,
        client::encode(dir_path),
        client::encode(&server.endpoint()),
        server.region(),
    )
}

/// Says that a test runs in a program of its own, and where what it is about is.
const CHILD: &str = "S3FS_CHILD";

/// In a program of its own, the directory that [`in_child`] gave it.
pub fn given_to_child() -> Option<PathBuf> {
    env::var_os(CHILD).map(PathBuf::from)
}

/// Runs a test, by its full name, in a program of its own, whose environment is another.
#[track_caller]
pub fn in_child(test: &str, directory: &str, variables: &[(&str, &str)]) {
    let mut child = Command::new(env::current_exe().expect("this program"));
    child.args(["--exact", test]).env(CHILD, directory);
    child.envs(variables.iter().copied());
    let output = child.output().expect("this program, again");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("1 passed"), "{said}");
}

/// Runs a test, by its full name, in a program of its own, for which that directory is a disk of 2 MiB. Not where
/// this user may make none.
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
