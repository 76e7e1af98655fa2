//! `presign`: URLs for users without credentials.

use std::time::Duration;

use s3fs::PresignMethod;

use crate::args::{Usage, Words};
use crate::expand;
use crate::out;
use crate::report::{Failure, Outcome};
use crate::session::{Root, Session};
use crate::spec::{Command, Flag};

pub const COMMAND: Command = Command {
    name: "presign",
    summary: "print a URL with which others can download or upload a file",
    usage: "OPERAND",
    operands: (1, Some(1)),
    about: &[
        "The URL is a secret: anyone who has it can use it until it expires. No request is made, and the file need \
         not exist.",
    ],
    options: &[
        Flag::of(
            "method",
            "METHOD",
            "GET, PUT, HEAD or DELETE; defaults to GET",
        )
        .short('m'),
        Flag::of(
            "expires",
            "TIME",
            "how long the URL is valid, such as 15m; at most 7d, defaults to 1h",
        )
        .short('e'),
        Flag::of("content-type", "TYPE", "the Content-Type of the download"),
        Flag::of(
            "filename",
            "NAME",
            "the name under which browsers save the download",
        ),
    ],
    examples: &[
        (
            "s3f presign s3://mybucket/report.csv --expires 7d",
            "print a URL to download a file",
        ),
        (
            "s3f presign -m PUT s3://mybucket/upload.csv",
            "print a URL to upload a file with curl -T upload.csv URL",
        ),
    ],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let [operand] = words.operands() else {
        return Ok(Outcome::Done);
    };
    let method = words.read(
        "method",
        |method| match method.to_ascii_uppercase().as_str() {
            "GET" => Some(PresignMethod::Get),
            "PUT" => Some(PresignMethod::Put),
            "HEAD" => Some(PresignMethod::Head),
            "DELETE" => Some(PresignMethod::Delete),
            _ => None,
        },
        "GET, PUT, HEAD or DELETE",
    )?;
    let expires = words.duration("expires")?;
    if expires.is_some_and(|expires| !(1..=7 * 24 * 3600).contains(&expires.as_secs())) {
        return Err(Usage::new("--expires must be between 1s and 7d").into());
    }
    let at = expand::single(session, operand)?;
    let Root::S3(fs) = &at.fs else {
        return Err(Usage::new("only files in a bucket have presigned URLs").into());
    };
    let failed = |error| Failure::of(at.shown(), error);
    let mut presign = fs
        .presign(&at.path)
        .map_err(failed)?
        .method(method.unwrap_or_default())
        .expires(expires.unwrap_or(Duration::from_secs(3600)));
    if let Some(value) = words.value("content-type") {
        presign = presign.content_type(value);
    }
    if let Some(name) = words.value("filename") {
        if name.contains(['"', '\\']) || name.contains(char::is_control) {
            return Err(
                Usage::new("--filename has a character that is not allowed in a header").into(),
            );
        }
        presign = presign.content_disposition(format!("attachment; filename=\"{name}\""));
    }
    let url = presign.url().map_err(failed)?;
    out::print(&format!("{url}\n"))
}
