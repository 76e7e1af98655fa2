//! The source for credentials that another program prints: `credential_process`.
//!
//! Source: [Process credential provider](https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html).

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::json::Object;
use super::profile::Profile;
use super::{Credentials, failed, words};
use crate::error::{Error, Result};

/// Timeout for the program. It may interact with the user, for example in a browser.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum size of its output.
const MAX_BYTES: u64 = 64 << 10;

/// Interval at which a program that has closed its output is checked for its exit.
const PAUSE: Duration = Duration::from_millis(10);

/// A program and its arguments, which are not passed to a shell.
pub(super) struct Process {
    program: String,
    arguments: Vec<String>,
    title: String,
    timeout: Duration,
}

impl Process {
    pub(super) fn configured(profile: &Profile) -> Result<Option<Self>> {
        let Some(text) = profile.text("credential_process")? else {
            return Ok(None);
        };
        let title = format!("credential_process of {}", profile.title());
        let mut words = words::split(&text)
            .ok_or_else(|| failed(format!("{title} has an unclosed quotation mark")))?
            .into_iter();
        let Some(program) = words.next() else {
            return Ok(None);
        };
        Ok(Some(Self {
            program,
            arguments: words.collect(),
            title,
            timeout: TIMEOUT,
        }))
    }

    pub(super) fn credentials(&self) -> Result<Credentials> {
        let output = self.run()?;
        let wrong = |what: &str| self.failed(&format!("printed {what}"));
        let object = Object::parse(&output).ok_or_else(|| wrong("no JSON object"))?;
        match object.number("Version") {
            Some(1) => {}
            Some(_) => return Err(wrong("a Version that is not 1")),
            None => return Err(wrong("no Version")),
        }
        object
            .credentials([
                "AccessKeyId",
                "SecretAccessKey",
                "SessionToken",
                "Expiration",
            ])
            .map_err(|field| wrong(&format!("no usable {field}")))
    }

    /// Runs the program and returns its output. Neither the output nor its standard error is ever quoted: both may contain
    /// secrets.
    fn run(&self) -> Result<Vec<u8>> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| self.failed(&format!("cannot be run: {error}")))?;
        let ends = Instant::now() + self.timeout;
        let output = self.read(&mut child, ends);
        if output.is_err() {
            // The program may have exited by itself.
            let _ = child.kill();
        }
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < ends => thread::sleep(PAUSE),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(self.too_long());
                }
                Err(error) => return Err(self.failed(&format!("cannot be waited for: {error}"))),
            }
        };
        let output = output?;
        if !status.success() {
            return Err(self.failed(&format!("failed: {status}")));
        }
        Ok(output)
    }

    /// Reads the output to its end, on a thread of its own. The thread stays behind if the program passed its output on to
    /// another program that does not exit.
    fn read(&self, child: &mut Child, ends: Instant) -> Result<Vec<u8>> {
        let Some(stdout) = child.stdout.take() else {
            return Err(self.failed("has no output"));
        };
        let (send, receive) = mpsc::channel();
        let reader = thread::Builder::new().name("s3fs-process".to_owned());
        let work = move || {
            let mut output = Vec::new();
            let read = stdout.take(MAX_BYTES + 1).read_to_end(&mut output);
            // The receiver is gone after the timeout.
            let _ = send.send(read.map(|_| output));
        };
        reader
            .spawn(work)
            .map_err(|error| self.failed(&format!("cannot be read from: {error}")))?;
        let left = ends.saturating_duration_since(Instant::now());
        match receive.recv_timeout(left) {
            Ok(Ok(output)) if output.len() as u64 <= MAX_BYTES => Ok(output),
            Ok(Ok(_)) => Err(self.failed(&format!("printed more than {MAX_BYTES} bytes"))),
            Ok(Err(error)) => Err(self.failed(&format!("cannot be read from: {error}"))),
            Err(_) => Err(self.too_long()),
        }
    }

    fn too_long(&self) -> Error {
        self.failed(&format!("took more than {} s", self.timeout.as_secs()))
    }

    fn failed(&self, what: &str) -> Error {
        failed(format!("cannot get credentials: {} {what}", self.title))
            .with_hint("run the command by hand to see its message")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::profile::LazyProfile;
    use super::super::testing::Home;
    use super::*;

    const GOOD: &str = r#"{"Version":1,"AccessKeyId":"key","SecretAccessKey":"hidden","SessionToken":"hidden","Expiration":"2126-11-28T12:00:00Z"}"#;

    fn process(command: &[&str]) -> Process {
        Process {
            program: command[0].to_owned(),
            arguments: command[1..].iter().map(|word| (*word).to_owned()).collect(),
            title: "credential_process of profile \"x\"".to_owned(),
            timeout: Duration::from_secs(30),
        }
    }

    fn printed(text: &str) -> Result<Credentials> {
        process(&["/bin/sh", "-c", "printf %s \"$0\"; echo hidden >&2", text]).credentials()
    }

    #[test]
    fn the_output_of_a_program_is_read() {
        let found = printed(GOOD).unwrap();
        assert_eq!(found.access_key_id(), "key");
        assert_eq!(found.session_token(), Some("hidden"));
        assert!(found.expiry().is_some());
        let without_token = r#"{"Version":1,"AccessKeyId":"key","SecretAccessKey":"hidden"}"#;
        assert_eq!(printed(without_token).unwrap().expiry(), None);
    }

    #[test]
    fn unusable_credentials_are_an_error_that_quotes_nothing() {
        for (text, words) in [
            ("", "no JSON object"),
            ("hidden", "no JSON object"),
            (r#"{"AccessKeyId":"hidden"}"#, "no Version"),
            (
                r#"{"Version":2,"AccessKeyId":"hidden"}"#,
                "a Version that is not 1",
            ),
            (r#"{"Version":"1"}"#, "no Version"),
            (
                r#"{"Version":1,"AccessKeyId":"hidden"}"#,
                "no usable SecretAccessKey",
            ),
            (
                r#"{"Version":1,"AccessKeyId":"hidden","SecretAccessKey":"hidden","Expiration":"hidden"}"#,
                "no usable Expiration",
            ),
        ] {
            let error = printed(text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert!(
                !format!("{error} {error:?}").contains("hidden"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_failed_program_is_reported_with_its_exit_status_and_not_its_output() {
        let script = "echo hidden; echo hidden >&2; exit 3";
        let error = process(&["/bin/sh", "-c", script])
            .credentials()
            .unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("hidden"),
            "{error:?}"
        );
        let error = process(&["/nothing/there"]).credentials().unwrap_err();
        assert!(error.to_string().contains("cannot be run"), "{error}");
    }

    #[test]
    fn a_program_that_runs_too_long_is_killed() {
        let hanging = Process {
            timeout: Duration::from_millis(200),
            ..process(&["/bin/sleep", "3600"])
        };
        let error = hanging.credentials().unwrap_err();
        assert!(error.to_string().contains("took more than"), "{error}");
        // The program closes its output and continues to run.
        let script = "exec >&-; exec /bin/sleep 3600";
        let silent = Process {
            timeout: Duration::from_millis(500),
            ..process(&["/bin/sh", "-c", script])
        };
        let error = silent.credentials().unwrap_err();
        assert!(error.to_string().contains("took more than"), "{error}");
    }

    #[test]
    fn the_output_of_a_program_is_bounded() {
        let error = process(&["/bin/cat", "/dev/zero"])
            .credentials()
            .unwrap_err();
        assert!(
            error.to_string().contains("more than 65536 bytes"),
            "{error}"
        );
    }

    #[test]
    fn no_shell_reads_the_command() {
        let home = Home::new();
        let config = format!(
            "[default]\ncredential_process = /bin/echo '{GOOD}' \"$HOME; touch {}\" `id`\n",
            home.path("made").display()
        );
        home.write(".aws/config", config);
        let environment = home.environment([]);
        let lazy = LazyProfile::new(None, &environment);
        let process = Process::configured(lazy.get().unwrap()).unwrap().unwrap();
        assert_eq!(process.arguments.len(), 3);
        assert_eq!(process.arguments[2], "`id`");
        // Text after the object makes the JSON invalid.
        assert!(process.credentials().is_err());
        assert!(!home.path("made").exists());
    }
}
