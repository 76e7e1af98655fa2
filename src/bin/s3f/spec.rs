//! The table of commands, used by the parser, the help, the completions, the man page and the tests.

use crate::args::Words;
use crate::commands::{
    bucket, cat, check, copy, du, exists, find, ls, meta, mkdir, presign, put, rm, stat, sync,
    tree, uploads,
};
use crate::report::{Failure, Outcome};
use crate::session::Session;

/// A command.
#[derive(Debug)]
pub struct Command {
    pub name: &'static str,
    /// Summary in one line.
    pub summary: &'static str,
    /// The operands, as in the help.
    pub usage: &'static str,
    /// Minimum and maximum number of operands.
    pub operands: (usize, Option<usize>),
    /// The description, in paragraphs.
    pub about: &'static [&'static str],
    pub options: &'static [Flag],
    /// Example calls with their effects.
    pub examples: &'static [(&'static str, &'static str)],
    pub run: fn(&Session, &Words) -> Result<Outcome, Failure>,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub long: &'static str,
    pub short: Option<char>,
    /// Name of the value, if the option has one.
    pub value: Option<&'static str>,
    pub help: &'static str,
}

impl Flag {
    /// Returns an option without a value.
    pub const fn new(long: &'static str, help: &'static str) -> Self {
        Self {
            long,
            short: None,
            value: None,
            help,
        }
    }

    /// Returns an option with a value.
    pub const fn of(long: &'static str, value: &'static str, help: &'static str) -> Self {
        Self {
            long,
            short: None,
            value: Some(value),
            help,
        }
    }

    /// Adds a letter to the option.
    pub const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }
}

/// All commands, in the order of the help.
pub const COMMANDS: &[Command] = &[
    ls::COMMAND,
    tree::COMMAND,
    du::COMMAND,
    stat::COMMAND,
    find::COMMAND,
    exists::COMMAND,
    cat::COMMAND,
    copy::CP,
    copy::MV,
    sync::COMMAND,
    rm::COMMAND,
    mkdir::COMMAND,
    put::PUT,
    put::APPEND,
    presign::COMMAND,
    bucket::MB,
    bucket::RB,
    uploads::COMMAND,
    check::COMMAND,
    meta::COMPLETIONS,
    meta::MAN,
];

/// The options that every command has.
pub const COMMON: &[Flag] = &[
    Flag::of(
        "endpoint-url",
        "URL",
        "the URL of the S3 server, if it is not AWS; also AWS_ENDPOINT_URL_S3",
    ),
    Flag::of(
        "region",
        "REGION",
        "the region of the bucket; also AWS_REGION",
    ),
    Flag::of(
        "profile",
        "NAME",
        "the profile in the shared AWS files; also AWS_PROFILE",
    ),
    Flag::of(
        "ca-bundle",
        "FILE",
        "trust only these certificates; also AWS_CA_BUNDLE",
    ),
    Flag::new(
        "no-sign-request",
        "send requests without credentials, for public buckets",
    ),
    Flag::new(
        "strict",
        "check parents and targets before each change, as PyFilesystem does; takes more requests",
    ),
    Flag::new("no-glob", "do not treat * ? and [ in URLs as wildcards"),
    Flag::of(
        "workers",
        "N",
        "the number of files to process in parallel; defaults to 10",
    )
    .short('j'),
    Flag::new("quiet", "show no progress, no warnings and no summary").short('q'),
    Flag::new(
        "verbose",
        "print the name of each file; if repeated, log each request",
    )
    .short('v'),
    Flag::new("help", "show this page").short('h'),
    Flag::new("version", "show the version").short('V'),
];

/// The help of `--json`, the same for all commands.
pub const JSON: Flag = Flag::new("json", "print one JSON object per line");

/// The exit codes and their meanings.
pub const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "success; for `exists`: the operand exists"),
    ("1", "failure; for `exists`: the operand does not exist"),
    ("2", "invalid command line; nothing was done"),
    (
        "3",
        "some files failed, and each is named on standard error; the others succeeded",
    ),
    (
        "130",
        "interrupted by Ctrl-C or SIGTERM; open uploads were aborted",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unambiguous_and_every_command_has_an_example() {
        for (number, command) in COMMANDS.iter().enumerate() {
            let others = COMMANDS.iter().skip(number + 1);
            assert!(others.clone().all(|other| other.name != command.name));
            assert!(!command.examples.is_empty(), "{}", command.name);
            for (call, _) in command.examples {
                assert!(call.contains(&format!("s3f {}", command.name)), "{call}");
            }
            let flags: Vec<&Flag> = command.options.iter().chain(COMMON).collect();
            for (number, flag) in flags.iter().enumerate() {
                for other in flags.iter().skip(number + 1) {
                    assert_ne!(flag.long, other.long, "{}", command.name);
                    assert!(
                        flag.short.is_none() || flag.short != other.short,
                        "{}: -{:?}",
                        command.name,
                        flag.short
                    );
                }
            }
        }
    }

    /// Returns the words of an example, without shell syntax.
    fn words(call: &str) -> Vec<String> {
        let call = call.split(" | ").find(|part| part.starts_with("s3f "));
        let call = call
            .unwrap_or_default()
            .split(" > ")
            .next()
            .unwrap_or_default();
        let call = call.split(" && ").next().unwrap_or_default();
        let words = call.split(' ').skip(1);
        words
            .map(|word| word.trim_matches('\'').to_owned())
            .collect()
    }

    #[test]
    fn every_example_is_a_valid_call() {
        for command in COMMANDS {
            for (call, _) in command.examples {
                let parsed = crate::args::parse(words(call).into_iter().map(Into::into));
                assert!(parsed.is_ok(), "{call}: {parsed:?}");
            }
        }
    }
}
