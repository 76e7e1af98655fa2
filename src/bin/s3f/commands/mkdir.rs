//! `mkdir`: directories.

use s3fs::MakedirOptions;

use crate::args::Words;
use crate::expand;
use crate::report::{Failure, Outcome, Tally};
use crate::session::Session;
use crate::spec::{Command, Flag};

pub const COMMAND: Command = Command {
    name: "mkdir",
    summary: "create directories",
    usage: "OPERAND...",
    operands: (1, None),
    about: &[
        "In a bucket, a directory is an empty object whose key ends with /. Files do not need parent directories.",
    ],
    options: &[Flag::new(
        "parents",
        "also create parent directories; an existing directory is no error",
    )
    .short('p')],
    examples: &[(
        "s3f mkdir -p s3://mybucket/reports/2026",
        "create a directory and its parents",
    )],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let mut tally = Tally::default();
    for operand in words.operands() {
        tally.count(make(session, operand, words.has("parents")))?;
    }
    Ok(tally.outcome())
}

fn make(session: &Session, operand: &str, parents: bool) -> Result<(), Failure> {
    let place = crate::place::Place::parse(operand)?;
    let at = match parents {
        true => session.locate_target(&place, false)?,
        false => expand::single(session, operand)?,
    };
    let made = match parents {
        true => at
            .fs()
            .makedirs_with(&at.path, &MakedirOptions::new().recreate(true)),
        false => at.fs().makedir_with(&at.path, &MakedirOptions::new()),
    };
    made.map_err(Failure::at(at.shown()))
}
