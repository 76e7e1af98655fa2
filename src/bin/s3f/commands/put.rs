//! `put` and `append`: standard input to a file.

use super::copy::write_stream;
use super::{UPLOAD, upload_args};
use crate::args::{Usage, Words};
use crate::place::Place;
use crate::report::{Failure, Outcome};
use crate::session::Session;
use crate::spec::Command;

pub const PUT: Command = Command {
    name: "put",
    summary: "write standard input to a file, replacing it",
    usage: "OPERAND",
    operands: (1, Some(1)),
    about: &[
        "The file becomes visible only after all of standard input is stored. If a signal interrupts the command, \
         the old file remains. A failure of the program before the pipe is not detected: use `set -o pipefail`, \
         and check the result.",
    ],
    options: &UPLOAD,
    examples: &[(
        "echo hello | s3f put s3://mybucket/hello.txt",
        "store one line",
    )],
    run: |session, words| write(session, words, "w"),
};

pub const APPEND: Command = Command {
    name: "append",
    summary: "append standard input to a file; create the file if it does not exist",
    usage: "OPERAND",
    operands: (1, Some(1)),
    about: &[
        "The server copies the existing content, and only the new end is sent. If someone else replaced the file \
         in the meantime, the command fails and their file remains. Each append to a file costs a copy: collect \
         many small appends.",
    ],
    options: &[],
    examples: &[("date | s3f append s3://mybucket/log.txt", "append one line")],
    run: |session, words| write(session, words, "a"),
};

fn write(session: &Session, words: &Words, mode: &str) -> Result<Outcome, Failure> {
    let [operand] = words.operands() else {
        return Ok(Outcome::Done);
    };
    let place = Place::parse(operand)?;
    if place.is_directory() || matches!(place, Place::Stream) {
        return Err(Usage::new("the name of a file is required").into());
    }
    let at = session.locate_target(&place, false)?;
    write_stream(session, &at, upload_args(words)?, mode)?;
    Ok(Outcome::Done)
}
