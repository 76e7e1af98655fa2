//! The result of a command: its exit code, and one line on standard error for each error.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use s3fs::{Error, ErrorKind};

use crate::args::Usage;
use crate::text;

/// The outcome of a command that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// `exists` found nothing.
    No,
    /// Some files failed, and were reported. The others are done.
    SomeFailed,
    /// All files failed, and were reported.
    AllFailed,
}

/// The reason why a command could not be carried out.
#[derive(Debug)]
pub enum Failure {
    Usage(Usage),
    /// An error, and the text that names its subject.
    At(String, Error),
    Message(String),
    /// A pattern that matches nothing.
    NoMatch(String),
    /// The reader of standard output has closed it.
    ReaderGone,
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        Self::Usage(usage)
    }
}

impl Failure {
    /// Returns a function that adds a name for output to an error.
    pub fn at(shown: impl Into<String>) -> impl FnOnce(Error) -> Self {
        let shown = shown.into();
        move |error| Self::of(shown, error)
    }

    pub fn of(shown: impl Into<String>, error: Error) -> Self {
        let source = std::error::Error::source(&error);
        let is_gone = source
            .and_then(|source| source.downcast_ref::<io::Error>())
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        if is_gone && error.is(ErrorKind::CallerFailed) {
            return Self::ReaderGone;
        }
        Self::At(shown.into(), error)
    }

    /// Returns true if a signal is the reason.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::At(_, error) if error.is(ErrorKind::Cancelled))
    }

    fn line(&self) -> String {
        match self {
            Self::Usage(usage) => usage.to_string(),
            Self::At(shown, error) if shown.is_empty() => error.to_string(),
            Self::At(shown, error) => format!("{shown}: {error}"),
            Self::Message(message) | Self::NoMatch(message) => message.clone(),
            Self::ReaderGone => String::new(),
        }
    }
}

/// Prints an error, in one line.
pub fn error(failure: &Failure) {
    say(&format!("s3f: {}", failure.line()));
}

/// Prints a line on standard error. Errors of standard error are ignored.
pub fn say(line: &str) {
    let stderr = io::stderr();
    // A progress line may be on the screen.
    let clear = if stderr.is_terminal() { "\r\x1b[K" } else { "" };
    let _ = writeln!(stderr.lock(), "{clear}{}", text::printable(line));
}

/// Returns the exit code, after printing the last error.
pub fn finish(outcome: Result<Outcome, Failure>) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Outcome::Done) | Err(Failure::ReaderGone) => 0,
        Ok(Outcome::No | Outcome::AllFailed) => 1,
        Ok(Outcome::SomeFailed) => 3,
        Err(failure) => {
            error(&failure);
            match failure {
                Failure::Usage(_) => 2,
                failure if failure.is_cancelled() => CANCELLED,
                _ => 1,
            }
        }
    })
}

/// The exit code of a program ended by a signal, as shells return it for Ctrl-C.
pub const CANCELLED: u8 = 130;

/// Counts the failures among several items, each of which was reported.
#[derive(Debug, Default)]
pub struct Tally {
    done: usize,
    failed: usize,
}

impl Tally {
    /// Counts one result. Returns failures that end the command: a closed reader, a signal, an invalid call.
    pub fn count(&mut self, result: Result<(), Failure>) -> Result<(), Failure> {
        match result {
            Ok(()) => self.done += 1,
            Err(failure @ (Failure::ReaderGone | Failure::Usage(_))) => return Err(failure),
            Err(failure) if failure.is_cancelled() => return Err(failure),
            Err(failure) => {
                error(&failure);
                self.failed += 1;
            }
        }
        Ok(())
    }

    /// Counts the outcome of one of several operations.
    pub fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::SomeFailed => {
                self.done += 1;
                self.failed += 1;
            }
            Outcome::No | Outcome::AllFailed => self.failed += 1,
        }
    }

    pub fn outcome(&self) -> Outcome {
        match (self.done, self.failed) {
            (_, 0) => Outcome::Done,
            (0, _) => Outcome::AllFailed,
            _ => Outcome::SomeFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_failure_is_distinguished_from_a_total_one() {
        let failed = || Err(Failure::Message("no".to_owned()));
        let mut tally = Tally::default();
        assert_eq!(tally.outcome(), Outcome::Done);
        tally.count(failed()).unwrap();
        assert_eq!(tally.outcome(), Outcome::AllFailed);
        tally.count(Ok(())).unwrap();
        assert_eq!(tally.outcome(), Outcome::SomeFailed);
        assert!(tally.count(Err(Failure::ReaderGone)).is_err());
    }
}
