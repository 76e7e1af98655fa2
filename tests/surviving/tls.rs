//! https endpoints and their certificates.

use std::path::PathBuf;

use s3fs::{ErrorKind, FileSystemExt as _, S3FsBuilder};
use test_server::{BUCKET, Fault, Identity, Rule, Server};

use super::impatient;
use crate::common;
use crate::local::Directory;

/// A file that is removed when this is dropped.
struct File {
    path: PathBuf,
    _directory: Directory,
}

impl File {
    fn new(name: &str, content: &str) -> Self {
        let directory = Directory::new();
        let path = directory.join(format!("{name}.pem"));
        std::fs::write(&path, content).unwrap();
        Self {
            path,
            _directory: directory,
        }
    }
}

fn server() -> Server {
    let server = Server::builder().tls().start();
    server.bucket(BUCKET).put("file", "content");
    server
}

fn builder(server: &Server, ca: Option<&File>) -> S3FsBuilder {
    match ca {
        Some(file) => impatient(server).ca_bundle(&file.path),
        None => impatient(server),
    }
}

#[test]
fn an_untrusted_server_is_refused_at_once() {
    let server = server();
    let fs = builder(&server, None).build().unwrap();
    let error = fs.readbytes("file").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(server.take_requests().is_empty());
    // Another attempt would fail in the same way.
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_server_certified_by_the_bundle_is_trusted() {
    let server = server();
    let ca = File::new("trusted", server.ca_pem());
    let fs = builder(&server, Some(&ca)).build().unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"content");
    fs.writebytes("other", &vec![7; 2 << 20]).unwrap();
    crate::common::assert_same_bytes(
        fs.readbytes("other").unwrap(),
        vec![7; 2 << 20],
        "the content",
    );
    assert_eq!(server.connections(), 1);
    let parameter = format!("&ca_bundle={}", ca.path.display());
    let url = common::fs_url(&server, "", &parameter);
    // A URL can name a file of this machine only if the program allows it.
    let error = s3fs::open_fs(&url).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ParseUrl, "{error}");
    let opener = s3fs::S3Opener::new().allow_profile(true);
    let fs = opener.open(&s3fs::FsUrl::parse(&url).unwrap()).unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"content");
}

#[test]
fn a_foreign_bundle_does_not_certify_the_server() {
    let (server, other) = (server(), Server::builder().tls().start());
    let ca = File::new("other", other.ca_pem());
    let fs = builder(&server, Some(&ca)).build().unwrap();
    let error = fs.readbytes("file").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{error}");
}

#[test]
fn an_invalid_bundle_is_an_unquoted_error_when_the_filesystem_is_built() {
    let server = server();
    let secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for (name, content) in [
        ("empty", ""),
        ("text", "hello"),
        ("key", secret),
        ("cut", "-----BEGIN CERTIFICATE-----\nAAAA\n"),
        (
            "broken",
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
        ),
    ] {
        let file = File::new(name, content);
        let error = builder(&server, Some(&file)).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CreateFailed, "{name}");
        assert!(error.to_string().contains("ca_bundle"), "{error}");
        assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
    }
    let error = impatient(&server)
        .ca_bundle("/nowhere/ca.pem")
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}

/// A device would be read without end, and a pipe without a writer never begins.
#[cfg(unix)]
#[test]
fn a_bundle_must_be_a_regular_file() {
    let server = server();
    for file in ["/dev/zero", "/"] {
        let error = impatient(&server).ca_bundle(file).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CreateFailed, "{file}");
        assert!(error.to_string().contains("regular file"), "{error}");
    }
}

#[test]
fn a_file_too_large_for_certificates_is_not_read() {
    let server = server();
    let large = File::new("large", "the content");
    let file = std::fs::File::options()
        .write(true)
        .open(&large.path)
        .unwrap();
    file.set_len(1 << 40).unwrap();
    let error = builder(&server, Some(&large)).build().unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}

/// Runs in a separate process with a different environment.
#[test]
fn the_bundle_of_the_environment_is_trusted() {
    let server = server();
    let ca = File::new("environment", server.ca_pem());
    for (variable, is_trusted) in [("AWS_CA_BUNDLE", true), ("S3FS_NO_BUNDLE", false)] {
        let ran = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--test-threads=1"])
            .arg("surviving::tls::a_program_uses_the_bundle_of_its_environment")
            .env_remove("AWS_CA_BUNDLE")
            .env(variable, &ca.path)
            .env("S3FS_TLS_URL", common::fs_url(&server, "", ""))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert_eq!(said.contains("1 passed"), is_trusted, "{said}");
        assert_eq!(said.contains("certificate"), !is_trusted, "{said}");
    }
}

#[test]
#[ignore = "needs the environment that the test before gives it"]
fn a_program_uses_the_bundle_of_its_environment() {
    let url = std::env::var("S3FS_TLS_URL").expect("the URL of a server");
    let fs = s3fs::open_fs(&url).expect("parameters that can be");
    let read = fs.readbytes("file");
    // The output is checked by the parent process.
    println!("{read:?}");
    assert_eq!(read.expect("a server that is trusted"), b"content");
}

#[test]
fn faults_are_survived_over_tls_too() {
    let server = server();
    let ca = File::new("faults", server.ca_pem());
    let fs = builder(&server, Some(&ca)).build().unwrap();
    for fault in [
        Fault::DropBefore,
        Fault::ResetBefore,
        Fault::Truncate(3),
        Fault::error(500, "InternalError"),
    ] {
        server.faults().add(Rule::on("GetObject"), fault);
        assert_eq!(fs.readbytes("file").unwrap(), b"content");
    }
    assert_eq!(server.faults().pending(), 0);
}

/// Starts a server with that identity, and returns the result of a client that trusts its root certificate.
fn read_with(identity: Identity) -> s3fs::Result<Vec<u8>> {
    let server = Server::builder().identity(identity).start();
    server.bucket(BUCKET).put("file", "content");
    let ca = File::new("given", server.ca_pem());
    let fs = builder(&server, Some(&ca)).build()?;
    let read = fs.readbytes("file");
    // An untrusted server is refused without a retry.
    assert_eq!(server.connections(), 1);
    read
}

#[test]
fn an_authority_certificate_used_by_a_server_is_explained() {
    let error = read_with(Identity::of_authority(&["127.0.0.1"])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{error}");
    let text = error.to_string();
    for words in ["CA:TRUE", "openssl req -x509", "CA:FALSE", "guide::tls"] {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
}

/// Returns the commands of the guide, block by block, changed for a server on this machine.
fn commands_of_the_guide() -> Vec<String> {
    let guide = include_str!("../../src/guide/tls.md");
    let blocks = guide.split("```sh\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    blocks
        .map(|block| block.replace("192.0.2.10", "127.0.0.1"))
        .collect()
}

/// Runs commands in a new directory, and returns the directory; `None` without openssl.
#[cfg(unix)]
fn run(commands: &str) -> Option<Directory> {
    let asked = std::process::Command::new("openssl")
        .arg("version")
        .output();
    asked.ok().filter(|asked| asked.status.success())?;
    let directory = Directory::new();
    let mut shell = std::process::Command::new("sh");
    let ran = shell
        .args(["-ec", commands])
        .current_dir(&directory)
        .output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{commands}: {ran:?}");
    Some(directory)
}

#[cfg(unix)]
#[test]
fn the_commands_of_the_guide_make_certificates_that_are_trusted() {
    let commands = commands_of_the_guide();
    assert_eq!(commands.len(), 2);
    for (commands, trusted) in commands.iter().zip(["server.pem", "ca.pem"]) {
        let Some(directory) = run(commands) else {
            return println!("not tested: there is no openssl");
        };
        let file = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        let identity = Identity::with(&file("server.pem"), &file("server.key"), file(trusted));
        assert_eq!(read_with(identity).unwrap(), b"content", "{commands}");
    }
}

#[cfg(unix)]
#[test]
fn a_default_certificate_of_openssl_is_explained() {
    let plain = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
                 -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.pem";
    let Some(directory) = run(plain) else {
        return println!("not tested: there is no openssl");
    };
    let file = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let identity = Identity::with(&file("server.pem"), &file("server.key"), file("server.pem"));
    let error = read_with(identity).unwrap_err();
    assert!(error.to_string().contains("guide::tls"), "{error}");
}
