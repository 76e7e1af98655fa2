//! `tree`: draws directories.

use s3fs::{FileSystemExt as _, TreeOptions};

use crate::args::Words;
use crate::expand;
use crate::out::Out;
use crate::report::{Failure, Outcome};
use crate::session::Session;
use crate::spec::{Command, Flag};

pub const COMMAND: Command = Command {
    name: "tree",
    summary: "draw a directory and everything below it",
    usage: "OPERAND",
    operands: (1, Some(1)),
    about: &[
        "Names are sorted, directories first. Each directory in the drawing is listed with one request.",
    ],
    options: &[
        Flag::of(
            "levels",
            "N",
            "the number of levels below the directory; defaults to all",
        )
        .short('L'),
        Flag::of(
            "name",
            "PATTERN",
            "only files with these names, such as '*.csv'; may be repeated",
        ),
        Flag::of(
            "exclude",
            "PATTERN",
            "skip directories with these names; may be repeated",
        ),
    ],
    examples: &[("s3f tree -L 2 s3://mybucket/reports", "draw two levels")],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let [operand] = words.operands() else {
        return Ok(Outcome::Done);
    };
    let place = crate::place::Place::parse(operand)?;
    let at = match &place {
        crate::place::Place::Local { .. } => session.locate_directory(&place, false)?,
        _ => expand::single(session, operand)?,
    };
    let levels = words.number::<usize>("levels")?;
    let options = TreeOptions::new()
        .path(&at.path)
        .max_levels(levels.map(|levels| levels.saturating_sub(1)))
        .filter(words.values("name"))
        .exclude(words.values("exclude"));
    let mut out = Out::new();
    out.line(&out.name(&at.shown()))?;
    let drawn = at.fs().tree(out.bytes(), &options);
    let counts = drawn.map_err(Failure::at(at.shown()))?;
    let (dirs, files) = (counts.dirs, counts.files);
    out.line(&format!("\n{dirs} directories, {files} files"))?;
    out.end()?;
    Ok(Outcome::Done)
}
