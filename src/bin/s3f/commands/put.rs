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
    summary: "write standard input to a file, which is replaced",
    usage: "OPERAND",
    operands: (1, Some(1)),
    about: &[
        "Nobody sees the file before all of standard input is stored; if it breaks off by a signal, what was there \
         before stands. A program before the pipe that fails is not noticed: use `set -o pipefail`, and look.",
    ],
    options: &UPLOAD,
    examples: &[("echo hello | s3f put s3://mybucket/hello.txt", "one line")],
    run: |session, words| write(session, words, "w"),
};

pub const APPEND: Command = Command {
    name: "append",
    summary: "add standard input to the end of a file, which is made if it is not there",
    usage: "OPERAND",
    operands: (1, Some(1)),
    about: &[
        "What is there is copied by the server, and only the end is sent. A file that someone else replaced meanwhile is \
         an error, and theirs stands. Many small appends of one file cost a copy each: collect them.",
    ],
    options: &[],
    examples: &[("date | s3f append s3://mybucket/log.txt", "one line more")],
    run: |session, words| write(session, words, "a"),
};

fn write(session: &Session, words: &Words, mode: &str) -> Result<Outcome, Failure> {
    let [operand] = words.operands() else {
        return Ok(Outcome::Done);
    };
    let place = Place::parse(operand)?;
    if place.is_directory() || matches!(place, Place::Stream) {
        return Err(Usage::new("the name of a file is needed").into());
    }
    let at = session.locate_target(&place, false)?;
    write_stream(session, &at, upload_args(words)?, mode)?;
    Ok(Outcome::Done)
}
