//! The source of credentials that another program prints: `credential_process`.
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

/// How long the program may take. It may ask a person, in a browser for example.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How much of its output is read.
const MAX_BYTES: u64 = 64 << 10;

/// How often the program is looked at that has printed everything.
const PAUSE: Duration = Duration::from_millis(10);

/// A program and its arguments. No shell reads them.
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
            .ok_or_else(|| failed(format!("{title} has a quotation mark that is left open")))?
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
            .map_err(|field| wrong(&format!("no {field} that can be used")))
    }

    /// What the program printed. Neither that nor its standard error is ever quoted: both may hold
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
            // It may have ended by itself.
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

    /// Reads to the end of the output. On a thread of its own, which stays behind if the program left its output
    /// open to another one that does not end.
    fn read(&self, child: &mut Child, ends: Instant) -> Result<Vec<u8>> {
        let Some(stdout) = child.stdout.take() else {
            return Err(self.failed("has no output"));
        };
        let (send, receive) = mpsc::channel();
        let reader = thread::Builder::new().name("s3fs-process".to_owned());
        let work = move || {
            let mut output = Vec::new();
            let read = stdout.take(MAX_BYTES + 1).read_to_end(&mut output);
            // Nobody waits any more once it took too long.
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
    fn what_a_program_prints_is_read() {
        let found = printed(GOOD).unwrap();
        assert_eq!(found.access_key_id(), "key");
        assert_eq!(found.session_token(), Some("hidden"));
        assert!(found.expiry().is_some());
        let without_token = r#"{"Version":1,"AccessKeyId":"key","SecretAccessKey":"hidden"}"#;
        assert_eq!(printed(without_token).unwrap().expiry(), None);
    }

    #[test]
    fn what_cannot_be_used_is_an_error_that_quotes_nothing() {
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
                "no SecretAccessKey",
            ),
            (
                r#"{"Version":1,"AccessKeyId":"hidden","SecretAccessKey":"hidden","Expiration":"hidden"}"#,
                "no Expiration",
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
    fn a_program_that_fails_says_how_it_ended_and_not_what_it_said() {
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
    fn a_program_that_does_not_end_is_killed() {
        let hanging = Process {
            timeout: Duration::from_millis(200),
            ..process(&["/bin/sleep", "3600"])
        };
        let error = hanging.credentials().unwrap_err();
        assert!(error.to_string().contains("took more than"), "{error}");
        // Its output is closed, and it goes on.
        let script = "exec >&-; exec /bin/sleep 3600";
        let silent = Process {
            timeout: Duration::from_millis(500),
            ..process(&["/bin/sh", "-c", script])
        };
        let error = silent.credentials().unwrap_err();
        assert!(error.to_string().contains("took more than"), "{error}");
    }

    #[test]
    fn an_output_without_end_is_not_read_to_it() {
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
        // What follows the object makes it no object.
        assert!(process.credentials().is_err());
        assert!(!home.path("made").exists());
    }
}
