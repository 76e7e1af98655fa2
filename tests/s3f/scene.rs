//! A server, a directory of the local disk, and the command-line tool.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::local::Directory;
use test_server::{BUCKET, Bucket, Server};

pub struct Scene {
    pub server: Server,
    pub directory: Directory,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(Server::start())
    }

    pub fn with(server: Server) -> Self {
        Self {
            server,
            directory: Directory::new(),
        }
    }

    pub fn bucket(&self) -> Bucket {
        self.server.bucket(BUCKET)
    }

    /// Writes a local file.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.directory.join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Returns the local files, by their paths, sorted.
    pub fn local(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.directory, &self.directory, &mut found);
        found.sort();
        found
    }

    /// The tool, in the local directory, with the server's credentials and nothing else in its environment.
    pub fn command(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let mut command = bare(&self.directory);
        command
            .args(words)
            .env("AWS_ACCESS_KEY_ID", self.server.access_key())
            .env("AWS_SECRET_ACCESS_KEY", self.server.secret_key())
            .env("AWS_ENDPOINT_URL_S3", self.server.endpoint())
            .env("AWS_REGION", self.server.region());
        command
    }

    pub fn run(&self, words: &[impl AsRef<OsStr>]) -> Ran {
        Ran::of(self.command(words).output().expect("the tool"))
    }

    pub fn run_with_input(&self, words: &[impl AsRef<OsStr>], input: &[u8]) -> Ran {
        let mut command = self.command(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the tool");
        let mut stdin = child.stdin.take().expect("a pipe");
        // The tool may end before it has read all input.
        let _ = stdin.write_all(input);
        drop(stdin);
        Ran::of(child.wait_with_output().expect("its output"))
    }
}

/// The tool in an empty environment.
pub fn bare(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_s3f"));
    command
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            found.push(
                path.strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
    }
}

/// The result of a run of the tool.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let ran = Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        // Standard error never has a secret or an escape sequence, and each line begins with the name of the tool.
        assert!(
            !ran.err.contains("wJalrXUtnFEMI") && !ran.err.contains("AKIA"),
            "{ran:?}"
        );
        assert!(!ran.err.contains("X-Amz-Signature"), "{ran:?}");
        assert!(
            !ran.err.contains(|c: char| c.is_control() && c != '\n'),
            "{ran:?}"
        );
        assert!(
            ran.err.lines().all(|line| line.starts_with("s3f: ")),
            "{ran:?}"
        );
        ran
    }

    /// Asserts that the tool succeeded and printed nothing to standard error.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }

    /// Asserts that the tool failed with that code, and with one line that contains `words`. Warnings are not counted.
    #[track_caller]
    pub fn fails(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        let lines = self.err.lines();
        let errors = lines.filter(|line| !line.starts_with("s3f: warning: "));
        assert_eq!(errors.count(), 1, "{self:?}");
        assert!(self.err.contains(words), "{words:?}: {self:?}");
        self
    }
}
