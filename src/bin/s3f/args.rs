//! Parser of the command line, based on the table of commands. Pure: nothing is opened or printed.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use lexopt::Arg;
use s3fs::redacted;

use crate::spec::{self, Command, Flag};
use crate::text;

/// The parsed command line.
#[derive(Debug)]
pub enum Invocation {
    /// The help page of a command, or of all commands.
    Help(Option<&'static Command>),
    Version,
    Run(&'static Command, Words),
}

/// The options and operands of a command.
#[derive(Debug, Default)]
pub struct Words {
    options: Vec<(&'static str, Option<String>)>,
    operands: Vec<String>,
}

/// An invalid command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Usage {
    pub message: String,
    /// The command, if it was recognized.
    pub command: Option<&'static str>,
}

impl Usage {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            command: None,
        }
    }

    fn of(mut self, command: &Command) -> Self {
        self.command.get_or_insert(command.name);
        self
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = match self.command {
            Some(command) => format!("s3f {command} --help"),
            None => "s3f --help".to_owned(),
        };
        write!(f, "{}; see `{page}`", self.message)
    }
}

impl Words {
    /// Returns true if an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(given, _)| *given == name)
    }

    /// Returns the number of times an option was given.
    pub fn count(&self, name: &str) -> usize {
        let given = self.options.iter();
        given.filter(|(given, _)| *given == name).count()
    }

    /// Returns the values of an option, in their order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        let given = self.options.iter();
        given
            .filter(move |(given, _)| *given == name)
            .filter_map(|(_, value)| value.as_deref())
    }

    /// Returns the value of an option. The last one has precedence.
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next_back()
    }

    /// Returns the value of an option as a number.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Usage> {
        self.read(name, |value| value.parse().ok(), "a whole number")
    }

    /// Returns the value of a size option, in bytes.
    pub fn size(&self, name: &str) -> Result<Option<u64>, Usage> {
        self.read(name, text::size, "a size such as 10M")
    }

    /// Returns the value of a duration option.
    pub fn duration(&self, name: &str) -> Result<Option<std::time::Duration>, Usage> {
        self.read(name, text::duration, "a time such as 90s, 15m, 12h or 7d")
    }

    /// Returns the value of an option, parsed by a function.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> Result<Option<T>, Usage> {
        let read = |value| {
            read(value)
                .ok_or_else(|| Usage::new(format!("--{name} {} is not {what}", quoted(value))))
        };
        self.value(name).map(read).transpose()
    }

    /// Returns the values of an option of the form `NAME=VALUE`.
    pub fn pairs(&self, name: &str) -> Result<Vec<(&str, &str)>, Usage> {
        let mut pairs = Vec::new();
        for (given, value) in &self.options {
            let Some(value) = value.as_deref().filter(|_| *given == name) else {
                continue;
            };
            let pair = value.split_once('=').filter(|(name, _)| !name.is_empty());
            pairs.push(pair.ok_or_else(|| {
                let value = quoted(value);
                Usage::new(format!("--{name} {value} is not of the form NAME=VALUE"))
            })?);
        }
        Ok(pairs)
    }

    /// Returns the operands.
    pub fn operands(&self) -> &[String] {
        &self.operands
    }

    /// Returns all operands except the last, and the last.
    pub fn sources_and_target(&self) -> Result<(&[String], &str), Usage> {
        match self.operands.split_last() {
            Some((target, sources)) if !sources.is_empty() => Ok((sources, target)),
            _ => Err(Usage::new("a source and a target are required")),
        }
    }
}

/// Parses the words after the program's name.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, Usage> {
    let mut parser = lexopt::Parser::from_args(words);
    let mut words = Words::default();
    let mut command: Option<&'static Command> = None;
    let mut help = false;
    loop {
        let argument = match parser.next() {
            Ok(Some(argument)) => argument,
            Ok(None) => break,
            // The unexpected value is not shown, because it may be a URL with credentials.
            Err(lexopt::Error::UnexpectedValue { option, .. }) => {
                let message = format!("{} does not take a value", redacted(&option));
                return Err(about(Usage::new(message), command));
            }
            Err(error) => return Err(about(Usage::new(error.to_string()), command)),
        };
        let flag = match argument {
            Arg::Value(word) => {
                let word = word.into_string().map_err(|word| {
                    about(
                        Usage::new(format!(
                            "{} is not UTF-8, and cannot be an operand; name its directory instead",
                            quoted(&word.to_string_lossy())
                        )),
                        command,
                    )
                })?;
                match command {
                    Some(_) => words.operands.push(word),
                    None if word == "help" => help = true,
                    None => command = Some(named(&word)?),
                }
                continue;
            }
            Arg::Short(short) => flag_of(command, |flag| flag.short == Some(short))
                .ok_or_else(|| about(unknown_option(&format!("-{short}")), command))?,
            Arg::Long(long) => {
                let long = long.to_owned();
                flag_of(command, |flag| flag.long == long).ok_or_else(|| {
                    about(unknown_option(&format!("--{}", redacted(&long))), command)
                })?
            }
        };
        if flag.long == "help" {
            help = true;
            continue;
        }
        if flag.long == "version" {
            return Ok(Invocation::Version);
        }
        let value = match flag.value {
            None => None,
            Some(_) => {
                let value = parser.value().map_err(|error| error.to_string());
                let value = value.and_then(|value| {
                    let utf8 = value.into_string();
                    utf8.map_err(|_| format!("the value of --{} is not UTF-8", flag.long))
                });
                Some(value.map_err(|error| about(Usage::new(error), command))?)
            }
        };
        words.options.push((flag.long, value));
    }
    if help {
        return Ok(Invocation::Help(command));
    }
    let Some(command) = command else {
        return Err(Usage::new("no command is given"));
    };
    let (least, most) = command.operands;
    let count = words.operands.len();
    if count < least {
        return Err(
            Usage::new(format!("`{}` requires {}", command.name, command.usage)).of(command),
        );
    }
    if most.is_some_and(|most| count > most) {
        let extra = words.operands.get(most.unwrap_or_default());
        let extra = extra.map(String::as_str).unwrap_or_default();
        return Err(Usage::new(format!(
            "`{}` does not accept the operand {}",
            command.name,
            quoted(extra)
        ))
        .of(command));
    }
    Ok(Invocation::Run(command, words))
}

fn about(usage: Usage, command: Option<&'static Command>) -> Usage {
    match command {
        Some(command) => usage.of(command),
        None => usage,
    }
}

/// Returns a word in quotation marks, without credentials. It may be a URL that was given in the wrong place.
fn quoted(word: &str) -> String {
    format!("{:?}", redacted(word))
}

fn unknown_option(option: &str) -> Usage {
    Usage::new(format!("unknown option {option}"))
}

/// Returns the first matching option of the command, or of those that all commands have.
fn flag_of(
    command: Option<&'static Command>,
    is_meant: impl Fn(&Flag) -> bool,
) -> Option<&'static Flag> {
    let own = command.map_or(&[] as &[Flag], |command| command.options);
    own.iter()
        .chain(spec::COMMON)
        .find(|flag: &&Flag| is_meant(flag))
}

fn named(word: &str) -> Result<&'static Command, Usage> {
    if let Some(command) = spec::COMMANDS.iter().find(|command| command.name == word) {
        return Ok(command);
    }
    let names = spec::COMMANDS.iter().map(|command| command.name);
    let message = format!("unknown command {}", quoted(word));
    Err(Usage::new(match text::nearest(word, names) {
        Some(nearest) => format!("{message}; did you mean `{nearest}`?"),
        None => message,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Invocation, Usage> {
        parse(words.iter().map(OsString::from))
    }

    fn run(words: &[&str]) -> (&'static str, Words) {
        match parsed(words) {
            Ok(Invocation::Run(command, words)) => (command.name, words),
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn options_may_be_anywhere_and_end_at_two_dashes() {
        let (name, words) = run(&[
            "-q",
            "ls",
            "-lR",
            "s3://b",
            "--region=eu-west-1",
            "--",
            "-x",
        ]);
        assert_eq!(name, "ls");
        assert!(words.has("long") && words.has("recursive") && words.has("quiet"));
        assert_eq!(words.value("region"), Some("eu-west-1"));
        assert_eq!(words.operands(), ["s3://b", "-x"]);
        let (_, words) = run(&["put", "-vv", "-"]);
        assert_eq!(
            (words.count("verbose"), words.operands()),
            (2, &["-".to_owned()][..])
        );
    }

    #[test]
    fn an_argument_error_points_to_the_help() {
        for (words, says) in [
            (&["mybucket"][..], "unknown command \"mybucket\""),
            (&["lss"], "did you mean `ls`"),
            (
                &["ls", "--jsn"],
                "unknown option --jsn; see `s3f ls --help`",
            ),
            (&["cp", "./a"], "`cp` requires"),
            (&["mb"], "`mb` requires"),
            (&["find", "a", "b", "c", "--larger"], "--larger"),
            (
                &["presign", "s3://b/a", "s3://b/c"],
                "does not accept the operand",
            ),
            (&[], "no command"),
        ] {
            let usage = parsed(words).unwrap_err().to_string();
            assert!(usage.contains(says), "{words:?}: {usage}");
        }
    }

    #[test]
    fn help_is_available_for_one_command_or_all() {
        let name = |words: &[&str]| match parsed(words) {
            Ok(Invocation::Help(command)) => command.map(|command| command.name),
            other => panic!("{other:?}"),
        };
        assert_eq!(name(&["--help"]), None);
        assert_eq!(name(&["help"]), None);
        assert_eq!(name(&["help", "cp"]), Some("cp"));
        assert_eq!(name(&["cp", "-v", "--help"]), Some("cp"));
    }
}
