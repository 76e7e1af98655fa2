//! Missing buckets, wrong credentials, and servers at another address.

use std::net::{Ipv4Addr, TcpListener};

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, Namespaces, S3Fs, S3FsBuilder};
use test_server::{Fault, Rule, Server};

use super::scene::{Scene, refused};
use crate::every_operation;

/// A path that errors must quote without normalizing it.
const PATH: &str = "dir//./child";

/// Asserts that every operation that sends requests fails with this error, strict or not.
fn every_operation_says<const N: usize>(
    scene: &Scene,
    change: impl Fn(S3FsBuilder) -> S3FsBuilder,
    kind: ErrorKind,
    words: [&str; N],
) {
    for strict in [true, false] {
        let fs = scene.built(|builder| change(builder).strict(strict));
        for operation in every_operation::asking() {
            scene
                .refuses(&fs, operation, PATH)
                .kind_or_unknown(kind, operation.is_exclusive())
                .says(words);
        }
        scene
            .refused("listdir of the root", fs.listdir(""))
            .is(kind)
            .about("")
            .says(words);
    }
}

#[test]
fn every_operation_names_a_missing_bucket() {
    let scene = Scene::new();
    for strict in [true, false] {
        let fs = missing_bucket(&scene, strict);
        for operation in every_operation::asking().filter(|operation| operation.name != "isfile") {
            scene
                .refuses(&fs, operation, PATH)
                .is(ErrorKind::BucketNotFound)
                .says([
                    "the bucket \"nobucket\" does not exist",
                    &scene.server.endpoint(),
                    "NoSuchBucket",
                ]);
        }
        let listed = scene.refused("listdir of the root", fs.listdir("/"));
        listed
            .about("/")
            .says(["the bucket \"nobucket\" does not exist"]);
        assert!(!fs.isfile(PATH).unwrap(), "the documented exception");
    }
}

fn missing_bucket(scene: &Scene, strict: bool) -> S3Fs {
    S3Fs::builder("nobucket")
        .aws_access_key_id(scene.server.access_key())
        .aws_secret_access_key(scene.server.secret_key())
        .region(scene.server.region())
        .endpoint_url(scene.server.endpoint())
        .strict(strict)
        .build()
        .expect("a filesystem")
}

#[test]
fn every_operation_reports_a_wrong_access_key() {
    every_operation_says(
        &Scene::new(),
        |builder| builder.aws_access_key_id("AKIAUNKNOWN"),
        ErrorKind::PermissionDenied,
        [
            "does not recognize this access key",
            "aws_access_key_id",
            "InvalidAccessKeyId",
        ],
    );
}

#[test]
fn every_operation_reports_a_wrong_secret() {
    every_operation_says(
        &Scene::new(),
        |builder| builder.aws_secret_access_key("wrong"),
        ErrorKind::PermissionDenied,
        ["secret access key does not match", "aws_secret_access_key"],
    );
}

#[test]
fn every_operation_reports_a_wrong_or_missing_session_token() {
    let temporary = || Scene::on(Server::builder().token("right").start());
    let words = ["session token", "aws_session_token"];
    every_operation_says(
        &temporary(),
        |builder| builder.aws_session_token("wrong"),
        ErrorKind::PermissionDenied,
        words,
    );
    every_operation_says(
        &temporary(),
        |builder| builder,
        ErrorKind::PermissionDenied,
        words,
    );
    every_operation_says(
        &Scene::new(),
        |builder| builder.aws_session_token("superfluous"),
        ErrorKind::PermissionDenied,
        words,
    );
}

fn anonymous(scene: &Scene, strict: bool) -> S3Fs {
    S3Fs::builder("bucket")
        .anonymous(true)
        .region(scene.server.region())
        .endpoint_url(scene.server.endpoint())
        .strict(strict)
        .build()
        .expect("a filesystem")
}

#[test]
fn an_anonymous_caller_of_a_private_bucket_gets_the_hint_to_set_credentials() {
    let scene = Scene::new();
    for strict in [true, false] {
        let fs = anonymous(&scene, strict);
        for operation in every_operation::asking() {
            scene
                .refuses(&fs, operation, PATH)
                .is(ErrorKind::PermissionDenied)
                .says(["without credentials", "provide credentials"]);
        }
    }
}

#[test]
fn an_anonymous_caller_reads_a_public_bucket_and_changes_nothing() {
    let scene = Scene::on(Server::builder().public_read(true).start());
    for strict in [true, false] {
        let fs = anonymous(&scene, strict);
        assert_eq!(fs.readtext("file").unwrap(), "content");
        assert_eq!(fs.listdir("").unwrap(), ["dir", "empty", "file"]);
        assert!(fs.getinfo("file", Namespaces::S3).unwrap().s3().is_some());
        assert!(fs.exists("dir").unwrap() && !fs.exists("absent").unwrap());
        let writes = [
            ("writebytes", fs.writebytes("file", b"new"), "file"),
            ("makedir", fs.makedir("new"), "new"),
            ("remove", fs.remove("dir/child"), "dir/child"),
            ("removedir", fs.removedir("empty"), "empty"),
        ];
        for (what, result, path) in writes {
            scene
                .refused(what, result)
                .is(ErrorKind::PermissionDenied)
                .about(path)
                .says(["without credentials"]);
        }
    }
}

/// A port without a listener: it was free a moment ago.
fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn every_operation_names_an_endpoint_without_a_listener() {
    let endpoint = format!("http://127.0.0.1:{}", closed_port());
    every_operation_says(
        &Scene::new(),
        |builder| builder.endpoint_url(&endpoint),
        ErrorKind::RemoteConnection,
        [&endpoint, "refused", "check that the endpoint is correct"],
    );
}

#[test]
fn every_operation_names_an_endpoint_that_closes_connections() {
    let scene = Scene::new();
    scene
        .server
        .faults()
        .add(Rule::any().always(), Fault::DropBefore);
    every_operation_says(
        &scene,
        |builder| builder,
        ErrorKind::RemoteConnection,
        [&scene.server.endpoint(), "no response"],
    );
}

#[test]
fn an_endpoint_that_stalls_is_a_timeout() {
    let scene = Scene::new();
    scene
        .server
        .faults()
        .add(Rule::any().always(), Fault::Stall);
    let fs = scene.built(|builder| builder.response_timeout(std::time::Duration::from_millis(50)));
    for name in ["readbytes", "listdir", "getinfo", "writebytes"] {
        let operation = every_operation::asking().find(|operation| operation.name == name);
        scene
            .refuses(&fs, operation.expect("that operation"), PATH)
            .is(ErrorKind::Timeout)
            .says([&scene.server.endpoint(), "in time"]);
    }
}

#[test]
#[cfg(feature = "rustls")]
fn every_operation_reports_https_to_an_http_server() {
    let scene = Scene::new();
    let endpoint = scene.server.endpoint().replace("http:", "https:");
    every_operation_says(
        &scene,
        |builder| builder.endpoint_url(&endpoint),
        ErrorKind::RemoteConnection,
        [&endpoint, "TLS", "http://"],
    );
}

#[test]
#[cfg(not(feature = "rustls"))]
fn https_without_tls_is_an_error_when_the_filesystem_is_built() {
    let built = super::scene::builder("https://127.0.0.1:9").build();
    refused("build", built).is(ErrorKind::Unsupported).says([
        "https://127.0.0.1:9",
        "TLS",
        "`rustls`",
    ]);
}

#[test]
fn an_unknown_host_is_named() {
    // No label of a host name may be so long, so that no name server is queried.
    let endpoint = format!("http://{}.invalid", "x".repeat(64));
    let fs = super::scene::builder(&endpoint).build();
    refused("listdir", fs.and_then(|fs| fs.listdir("dir")))
        .is(ErrorKind::RemoteConnection)
        .about("dir")
        .says([&endpoint]);
}
