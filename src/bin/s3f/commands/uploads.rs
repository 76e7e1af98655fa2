//! `uploads`: unfinished multipart uploads of killed programs.

use std::time::Duration;

use s3fs::StaleUpload;

use super::each;
use crate::args::{Usage, Words};
use crate::expand;
use crate::json::Object;
use crate::out::Out;
use crate::report::{Failure, Outcome};
use crate::session::{Root, Session};
use crate::spec::{Command, Flag, JSON};
use crate::text;

/// A safe age of uploads that no program is still sending.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub const COMMAND: Command = Command {
    name: "uploads",
    summary: "list or abort unfinished uploads",
    usage: "OPERAND",
    operands: (1, Some(1)),
    about: &[
        "Killed programs leave behind the parts that they have sent. No listing shows these parts, and they cost \
         money until they are aborted. An upload that another program is still sending is also unfinished: \
         --older-than excludes it.",
    ],
    options: &[
        Flag::of(
            "older-than",
            "TIME",
            "only uploads older than this, such as 12h or 7d; defaults to 1d, 0s means all",
        ),
        Flag::new("abort", "abort the uploads"),
        JSON,
    ],
    examples: &[
        (
            "s3f uploads s3://mybucket --older-than 0s",
            "list all uploads of a bucket",
        ),
        (
            "s3f uploads s3://mybucket/logs --older-than 7d --abort",
            "abort uploads older than a week",
        ),
    ],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let [operand] = words.operands() else {
        return Ok(Outcome::Done);
    };
    let older_than = words.duration("older-than")?.unwrap_or(DAY);
    let at = expand::single(session, operand)?;
    let Root::S3(fs) = &at.fs else {
        return Err(Usage::new("the local disk has no uploads").into());
    };
    let uploads = fs.stale_uploads(&at.path, older_than);
    let uploads = uploads.map_err(Failure::at(at.shown()))?;
    let printed = print(&uploads, words.has("json"));
    if !words.has("abort") {
        return printed.map(|()| Outcome::Done);
    }
    match printed {
        // The uploads are aborted, whether somebody reads their names or not.
        Err(Failure::ReaderGone) => {}
        printed => printed?,
    }
    let tally = each(session, &uploads, |upload| {
        let aborted = fs.abort_upload(upload);
        aborted
            .map(|_| ())
            .map_err(Failure::at(text::printable(&upload.key)))
    })?;
    Ok(tally.outcome())
}

fn print(uploads: &[StaleUpload], json: bool) -> Result<(), Failure> {
    let mut out = Out::new();
    for upload in uploads {
        out.line(&line(upload, json, &out))?;
    }
    out.end()
}

fn line(upload: &StaleUpload, json: bool, out: &Out) -> String {
    if json {
        return Object::new()
            .text("key", &upload.key)
            .text("upload_id", &upload.upload_id)
            .time_if("initiated", upload.initiated)
            .end();
    }
    let initiated = upload.initiated.map(text::time).unwrap_or_default();
    format!(
        "{initiated:20} {} {}",
        out.name(&upload.upload_id),
        out.name(&upload.key)
    )
}
