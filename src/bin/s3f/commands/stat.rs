//! `stat`: all attributes of files and directories.

use s3fs::{Info, Namespaces, Value};

use super::{each_entry, json, kind};
use crate::args::Words;
use crate::expand::Entry;
use crate::json::Object;
use crate::out::Out;
use crate::report::{Failure, Outcome};
use crate::session::Session;
use crate::spec::{Command, JSON};
use crate::text;

pub const COMMAND: Command = Command {
    name: "stat",
    summary: "show all attributes of files and directories",
    usage: "OPERAND...",
    operands: (1, None),
    about: &["For an object, it also shows the headers and the metadata."],
    options: &[JSON],
    examples: &[(
        "s3f stat s3://mybucket/report.csv",
        "show type, size, time, ETag and metadata",
    )],
    run,
};

fn run(session: &Session, words: &Words) -> Result<Outcome, Failure> {
    let mut out = Out::new();
    let tally = each_entry(session, words, |entry| {
        show(entry, words.has("json"), &mut out)
    })?;
    out.end()?;
    Ok(tally.outcome())
}

fn show(entry: &Entry, as_json: bool, out: &mut Out) -> Result<(), Failure> {
    let at = &entry.at;
    let info = match entry.is_dir() {
        true => entry.info.clone(),
        false => {
            let namespaces = Namespaces::DETAILS | Namespaces::S3;
            let info = at.fs().getinfo(&at.path, namespaces);
            info.map_err(Failure::at(at.shown()))?
        }
    };
    if as_json {
        let mut object = json(at, &at.path, &info);
        let headers = headers(&info).into_iter();
        object = headers.fold(object, |object, (name, value)| object.text(&name, &value));
        if let Some(s3) = info.s3() {
            let metadata = s3.metadata.iter();
            let metadata = metadata.fold(Object::new(), |object, (name, value)| {
                object.text(name, value)
            });
            object = object.object("metadata", metadata);
        }
        return out.line(&object.end());
    }
    let mut rows = vec![
        ("name".to_owned(), at.shown()),
        ("type".to_owned(), kind(&info).to_owned()),
    ];
    if info.is_file() {
        rows.push((
            "size".to_owned(),
            info.size().unwrap_or_default().to_string(),
        ));
    }
    if let Some(modified) = info.modified() {
        rows.push(("modified".to_owned(), text::time(modified)));
    }
    rows.extend(headers(&info));
    if let Some(s3) = info.s3() {
        let metadata = s3.metadata.iter();
        rows.extend(metadata.map(|(name, value)| (format!("metadata.{name}"), value.clone())));
    }
    for (name, value) in rows {
        // Values come from the server. They are escaped, so that each takes one line.
        out.line(&format!(
            "{:<16} {}",
            text::printable(&name),
            text::printable(&value)
        ))?;
    }
    Ok(())
}

/// Returns the attributes on S3 except size, time and metadata.
fn headers(info: &Info) -> Vec<(String, String)> {
    let raw = info.raw();
    let values = raw.values("s3");
    values
        .filter(|(name, _)| !matches!(*name, "last_modified" | "content_length" | "metadata"))
        .filter_map(|(name, value)| {
            let value = match value {
                Value::Text(text) => text.clone(),
                Value::Bool(is) => is.to_string(),
                Value::Int(number) => number.to_string(),
                Value::Float(_) => text::time(value.time()?),
                _ => return None,
            };
            Some((name.to_owned(), value))
        })
        .collect()
}
