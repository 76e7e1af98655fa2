//! `completions` and `man`: output generated from the table of commands.

use crate::args::Usage;
use crate::report::Failure;
use crate::spec::Command;
use crate::{completions, man, out};

pub const COMPLETIONS: Command = Command {
    name: "completions",
    summary: "print completions for bash, zsh or fish",
    usage: "SHELL",
    operands: (1, Some(1)),
    about: &[],
    options: &[],
    examples: &[(
        "s3f completions bash > ~/.local/share/bash-completion/completions/s3f",
        "install the completions for bash",
    )],
    run: |_, words| {
        let shell = words
            .operands()
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        let script = completions::script(shell).ok_or_else(|| {
            let shell = s3fs::redacted(shell);
            Failure::from(Usage::new(format!("{shell:?} is not bash, zsh or fish")))
        })?;
        out::print(&script)
    },
};

pub const MAN: Command = Command {
    name: "man",
    summary: "print the man page",
    usage: "",
    operands: (0, Some(0)),
    about: &[],
    options: &[],
    examples: &[(
        "s3f man > ~/.local/share/man/man1/s3f.1",
        "install the man page, to be shown by `man s3f`",
    )],
    run: |_, _| out::print(&man::page()),
};
