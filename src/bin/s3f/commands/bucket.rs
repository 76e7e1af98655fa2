//! `mb` and `rb`: buckets.

use s3fs::FileSystem as _;

use crate::args::{Usage, Words};
use crate::place::Place;
use crate::report::{Failure, Outcome, Tally};
use crate::session::Session;
use crate::spec::{Command, Flag};

pub const MB: Command = Command {
    name: "mb",
    summary: "create buckets",
    usage: "s3://BUCKET...",
    operands: (1, None),
    about: &["--region sets the region. No other command creates a bucket."],
    options: &[],
    examples: &[(
        "s3f mb s3://mybucket --region eu-west-1",
        "create a bucket in a region",
    )],
    run: |session, words| buckets(session, words, |fs| fs.create_bucket()),
};

pub const RB: Command = Command {
    name: "rb",
    summary: "remove empty buckets",
    usage: "s3://BUCKET...",
    operands: (1, None),
    about: &[
        "The server refuses to remove a bucket that contains anything, including old versions of objects.",
    ],
    options: &[Flag::new(
        "force",
        "first remove all objects in the bucket, but not their old versions",
    )],
    examples: &[("s3f rb s3://mybucket", "remove an empty bucket")],
    run: |session, words| {
        let force = words.has("force");
        buckets(session, words, |fs| {
            if force {
                fs.removetree("/")?;
            }
            fs.delete_bucket()
        })
    },
};

fn buckets(
    session: &Session,
    words: &Words,
    act: impl Fn(&s3fs::S3Fs) -> s3fs::Result<()>,
) -> Result<Outcome, Failure> {
    let mut tally = Tally::default();
    let mut open = Vec::new();
    // All operands are checked before any bucket is changed.
    for operand in words.operands() {
        let place = Place::parse(operand)?;
        if !matches!(&place, Place::S3 { path, .. } if path.is_empty()) {
            let message = format!("{} is not a bucket: write s3://BUCKET", place.shown());
            return Err(Usage::new(message).into());
        }
        open.push((place.shown(), session.bucket(&place)?));
    }
    for (shown, fs) in &open {
        tally.count(act(fs).map_err(Failure::at(shown.as_str())))?;
    }
    Ok(tally.outcome())
}
