//! Sources of credentials, with the servers that they query and the S3 server that accepts the credentials.

mod botocore;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use s3fs::{
    Credentials, Error, ErrorKind, FileSystem, FileSystemExt as _, PresignedUrl, S3Fs, S3FsBuilder,
};
use test_server::{BUCKET, Server};

use crate::local::Directory;
use crate::logged;

/// A server of credentials on loopback. Its responses depend on the method, the path and the body of a request.
pub struct Source {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// `answer` gets the method and the path, the body, and the number of earlier requests.
    pub fn start(answer: impl Fn(&str, &str, usize) -> (u16, String) + Send + 'static) -> Self {
        logged::install();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        let thread = thread::spawn(move || {
            // Dropping the server opens a connection without a request.
            while let Some((mut stream, line, body)) = listener.accept().ok().and_then(read) {
                let before = {
                    let mut log = log.lock().unwrap();
                    log.push(line.clone());
                    log.len() - 1
                };
                let (status, body) = answer(&line, &body, before);
                let head = format!(
                    "HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes());
            }
        });
        Self {
            address,
            asked,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the method and path of each request so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read((stream, _): (TcpStream, SocketAddr)) -> Option<(TcpStream, String, String)> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        lines.push(line);
    }
    let mut body = String::new();
    reader
        .by_ref()
        .take(length)
        .read_to_string(&mut body)
        .ok()?;
    let line = lines.first()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some((reader.into_inner(), line, body))
}

/// The response of STS to AssumeRole.
pub fn assumed(key: &str, secret: &str, token: &str) -> (u16, String) {
    let document = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
         <Expiration>2126-11-28T12:00:00Z</Expiration></Credentials></AssumeRoleResult>\
         </AssumeRoleResponse>"
    );
    (200, document)
}

/// A home directory with files of the AWS tools, removed at the end.
pub struct Home(Directory);

impl Home {
    pub fn with(config: &str) -> Self {
        let home = Self(Directory::new());
        fs::create_dir(home.0.join(".aws")).expect("a directory");
        home.write(".aws/config", config);
        home
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.0.join(name), content).expect("a file");
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A builder for that server that looks for its credentials in this home directory.
    pub fn builder(&self, server: &Server, more: &[(&str, &str)]) -> S3FsBuilder {
        let home = ("HOME", self.0.to_str().expect("UTF-8"));
        let off = ("AWS_EC2_METADATA_DISABLED", "true");
        let is_on = more.iter().any(|(name, _)| name.starts_with("AWS_EC2_"));
        let off = (!is_on).then_some(off);
        S3Fs::builder(BUCKET)
            .environment(more.iter().copied().chain([home]).chain(off))
            .endpoint_url(server.endpoint())
            .strict(false)
    }

    /// Returns every file, with its content.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut directories = vec![self.0.to_path_buf()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => directories.push(path),
                    false => {
                        let content = fs::read(&path).expect("a file");
                        files.insert(path, content);
                    }
                }
            }
        }
        files
    }
}

const ROLE: &str = "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = keys\n\
                    region = us-east-1\n[profile keys]\naws_access_key_id = AKIALONG\n\
                    aws_secret_access_key = long-secret\n";

/// Eight threads read a file at the same time.
fn read_at_once(fs: &S3Fs) {
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                assert_eq!(fs.readbytes("file").expect("it is there"), b"content");
            });
        }
    });
}

#[test]
fn a_role_is_assumed_once_for_eight_threads_and_again_after_its_expiry() {
    let server = Server::builder()
        .credentials("AKIAONE", "one")
        .token("t1")
        .start();
    server.add_credentials("AKIATWO", "two", Some("t2"));
    server.bucket(BUCKET).put("file", "content");
    let sts = Source::start(|_, _, before| match before {
        0 => assumed("AKIAONE", "one", "t1"),
        _ => assumed("AKIATWO", "two", "t2"),
    });
    let home = Home::with(ROLE);
    let url = sts.url();
    let fs = home
        .builder(&server, &[("AWS_ENDPOINT_URL_STS", &url)])
        .build()
        .unwrap();
    assert!(
        sts.asked().is_empty() && server.requests().is_empty(),
        "building asks nobody"
    );
    read_at_once(&fs);
    assert_eq!(sts.asked(), ["POST /"]);
    assert_eq!(server.take_requests().len(), 8);
    server.expire_token();
    read_at_once(&fs);
    assert_eq!(sts.asked(), ["POST /"; 2]);
    // From then on no request is signed with the old credentials.
    server.take_requests();
    read_at_once(&fs.clone());
    assert_eq!(server.take_requests().len(), 8);
    assert_eq!(sts.asked().len(), 2);
}

#[test]
fn an_instance_provides_its_role_and_its_region() {
    let server = Server::builder()
        .credentials("AKIAONE", "one")
        .token("t1")
        .start();
    server.bucket(BUCKET).put("file", "content");
    let metadata = Source::start(|line, _, _| {
        match line {
        "PUT /latest/api/token" => (200, "token".to_owned()),
        "GET /latest/meta-data/iam/security-credentials/" => (200, "role".to_owned()),
        "GET /latest/meta-data/iam/security-credentials/role" => (
            200,
            r#"{"AccessKeyId":"AKIAONE","SecretAccessKey":"one","Token":"t1","Expiration":"2126-11-28T12:00:00Z"}"#.to_owned(),
        ),
        _ => (404, String::new()),
    }
    });
    let url = metadata.url();
    let home = Home::with("");
    let variables = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*url),
        ("AWS_METADATA_SERVICE_TIMEOUT", "20"),
    ];
    let fs = home.builder(&server, &variables).build().unwrap();
    assert!(metadata.asked().is_empty(), "building asks nobody");
    read_at_once(&fs);
    // The endpoint is configured, so that no region is needed.
    assert_eq!(metadata.asked().len(), 3);
}

/// If neither region nor endpoint is configured, the first URL is signed for the region of the instance.
#[test]
#[cfg(feature = "rustls")]
fn the_bucket_is_first_expected_in_the_region_of_the_instance() {
    let metadata = Source::start(|line, _, _| {
        match line {
        "PUT /latest/api/token" => (200, "token".to_owned()),
        "GET /latest/meta-data/iam/security-credentials/" => (200, "role".to_owned()),
        "GET /latest/meta-data/placement/region" => (200, "eu-west-3".to_owned()),
        _ => (
            200,
            r#"{"AccessKeyId":"AKIAONE","SecretAccessKey":"one","Token":"t1","Expiration":"2126-11-28T12:00:00Z"}"#.to_owned(),
        ),
    }
    });
    let url = metadata.url();
    let fs = S3Fs::builder("bucket")
        .environment([
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*url),
            ("AWS_METADATA_SERVICE_TIMEOUT", "20"),
        ])
        .build()
        .unwrap();
    let url = fs.geturl("file").unwrap();
    assert!(
        url.starts_with("https://bucket.s3.eu-west-3.amazonaws.com/file?"),
        "{url}"
    );
    assert!(url.contains("%2Feu-west-3%2Fs3%2F"), "{url}");
}

#[test]
fn an_error_of_the_source_fails_the_operation_without_a_retry() {
    let server = Server::start();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let fs = S3Fs::builder(BUCKET)
        .environment::<&str, &str>([])
        .endpoint_url(server.endpoint())
        .credentials_provider(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Err(Error::new(ErrorKind::PermissionDenied).with_message("the vault is sealed"))
        })
        .build()
        .unwrap();
    let operations: [fn(&S3Fs) -> s3fs::Result<()>; 4] = [
        |fs| fs.listdir("/").map(drop),
        |fs| fs.readbytes("file").map(drop),
        |fs| fs.exists("file").map(drop),
        |fs| fs.geturl("file").map(drop),
    ];
    for (number, operation) in (1..).zip(operations) {
        let error = operation(&fs).expect_err("there are no credentials");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("the vault is sealed"), "{error}");
        assert_eq!(asked.load(Ordering::Relaxed), number);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_presigned_url_expires_with_its_credentials_and_has_the_expiry() {
    let expiry = SystemTime::now() + Duration::from_secs(600);
    let temporary = Credentials::new("AKIAONE", "one").with_session_token("t1");
    let signed = |credentials: Credentials, seconds| -> PresignedUrl {
        let fs = S3Fs::builder(BUCKET)
            .environment::<&str, &str>([])
            .endpoint_url("http://127.0.0.1:9")
            .credentials_provider(credentials)
            .build()
            .unwrap();
        let presign = fs.presign("file").unwrap();
        presign
            .expires(Duration::from_secs(seconds))
            .sign()
            .unwrap()
    };
    let mut short = None;
    let warnings = logged::warnings(|| {
        short = Some(signed(temporary.clone().with_expiry(expiry), 3600));
    });
    let short = short.unwrap();
    assert!(short.expires_at().unwrap() <= expiry);
    let seconds: u64 = short
        .as_str()
        .split_once("X-Amz-Expires=")
        .and_then(|(_, rest)| rest.split('&').next()?.parse().ok())
        .unwrap();
    assert!((1..=600).contains(&seconds), "{seconds}");
    assert!(
        warnings
            .iter()
            .any(|line| line.contains("the credentials expire")),
        "{warnings:?}"
    );
    assert!(!format!("{short:?}").contains("X-Amz"), "{short:?}");
    // A shorter lifetime is not changed, and credentials without an expiry shorten nothing.
    let within = signed(temporary.clone().with_expiry(expiry), 60);
    assert!(within.as_str().contains("X-Amz-Expires=60&"));
    let unknown = signed(temporary, 3600);
    assert!(unknown.as_str().contains("X-Amz-Expires=3600&"));
    assert!(unknown.expires_at().is_some());
}

/// Files are read even if other users may write them, or nobody may, and no file is written.
#[test]
#[cfg(unix)]
fn files_are_read_whatever_their_permissions_and_never_written() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = Server::builder()
        .credentials("AKIAONE", "one")
        .token("t1")
        .start();
    server.bucket(BUCKET).put("file", "content");
    let sts = Source::start(|_, _, _| assumed("AKIAONE", "one", "t1"));
    let url = sts.url();
    for mode in [0o777, 0o666, 0o444] {
        let home = Home::with(ROLE);
        home.write(
            ".aws/credentials",
            "[other]\naws_access_key_id = x\naws_secret_access_key = y\n",
        );
        for name in ["config", "credentials"] {
            let path = home.path().join(".aws").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let before = home.files();
        let fs = home
            .builder(&server, &[("AWS_ENDPOINT_URL_STS", &url)])
            .build()
            .unwrap();
        assert_eq!(fs.readbytes("file").unwrap(), b"content");
        assert_eq!(home.files(), before);
    }
}

/// With a custom environment, the environment of the process is not read.
#[test]
fn a_filesystem_sees_only_its_own_environment() {
    let error = S3Fs::builder(BUCKET)
        .environment([("AWS_EC2_METADATA_DISABLED", "true")])
        .build()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no credentials"), "{text}");
    assert!(
        text.contains("\"~/.aws/config\" (the home directory is unknown)"),
        "{text}"
    );
    let fs = S3Fs::builder(BUCKET)
        .environment([
            ("AWS_ACCESS_KEY_ID", "AKIAONE"),
            ("AWS_SECRET_ACCESS_KEY", "one"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9/base"),
        ])
        .build()
        .unwrap();
    let url = fs.geturl("file").unwrap();
    assert!(
        url.starts_with("http://127.0.0.1:9/base/bucket/file?"),
        "{url}"
    );
}
