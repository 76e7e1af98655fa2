//! `exists`: checks for scripts.

use crate::args::Words;
use crate::expand;
use crate::place::Place;
use crate::report::{Failure, Outcome};
use crate::session::Session;
use crate::spec::{Command, Flag};

pub const COMMAND: Command = Command {
    name: "exists",
    summary: "report by the exit code whether a file or directory exists",
    usage: "OPERAND",
    operands: (1, Some(1)),
    about: &[
        "The exit code is 0 if the operand exists, and 1 if it does not. Nothing is printed. An error has the exit \
         code 1, too, and is printed. A path that ends with / means a directory. Wildcards are not expanded.",
    ],
    options: &[Flag::of("type", "f|d", "require a file (f) or a directory (d)").short('t')],
    examples: &[(
        "s3f exists s3://mybucket/done && echo done",
        "use the exit code in a script",
    )],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let kind = words.read(
        "type",
        |kind| Some(kind.to_owned()).filter(|kind| kind == "f" || kind == "d"),
        "f or d",
    )?;
    let [operand] = words.operands() else {
        return Ok(Outcome::No);
    };
    let place = Place::parse(operand)?;
    if let Place::Local { path, .. } = &place {
        let is = match kind.as_deref() {
            Some("f") => path.is_file(),
            Some(_) => path.is_dir(),
            None => path.exists(),
        };
        return Ok(if is { Outcome::Done } else { Outcome::No });
    }
    let at = expand::single(session, operand)?;
    let is = match kind.as_deref() {
        Some("f") => at.fs().isfile(&at.path),
        Some(_) => at.fs().isdir(&at.path),
        // The root always exists, but the bucket may not. A listing checks that.
        None if at.path == "/" => at.fs().isempty("/").map(|_| true),
        None if place.is_directory() => at.fs().isdir(&at.path),
        None => at.fs().exists(&at.path),
    };
    match is.map_err(Failure::at(at.shown()))? {
        true => Ok(Outcome::Done),
        false => Ok(Outcome::No),
    }
}
