//! `s3f`: buckets and local files from the command line.
//!
//! The steps of a call: *words ([`args`], by the table in [`spec`]) -> operands ([`place`]) -> open
//! filesystems ([`session`]) -> a command ([`commands`]) -> output ([`out`], [`report`]) -> an exit code*.

mod args;
mod commands;
mod completions;
mod expand;
mod help;
mod json;
mod logger;
mod man;
mod out;
mod place;
mod progress;
mod report;
mod session;
mod signals;
mod spec;
mod stdin;
mod text;

use std::process::ExitCode;

use args::Invocation;
use report::Outcome;
use session::Session;

fn main() -> ExitCode {
    let outcome = match args::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Help(command)) => out::print(&help::page(command)),
        Ok(Invocation::Version) => out::print(concat!("s3f ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Invocation::Run(command, words)) => run(command, &words),
        Err(usage) => Err(usage.into()),
    };
    report::finish(outcome)
}

fn run(command: &spec::Command, words: &args::Words) -> Result<Outcome, report::Failure> {
    logger::install(words);
    // A wrong operand is an error before the others are worked on.
    if !matches!(command.name, "completions" | "man") {
        for operand in words.operands() {
            place::Place::parse(operand)?;
        }
    }
    let session = Session::new(words)?;
    signals::cancel_on_signals(session.cancel());
    let outcome = session.cancel().run(|| (command.run)(&session, words));
    session.progress().clear();
    outcome
}
