//! Expansion of operands with wildcards.

use s3fs::{ErrorKind, FileSystemExt as _, Info, Namespaces};

use crate::args::Usage;
use crate::place::Place;
use crate::report::Failure;
use crate::session::{Located, Session};

/// An existing file or directory.
pub struct Entry {
    pub at: Located,
    pub info: Info,
}

impl Entry {
    pub fn is_dir(&self) -> bool {
        self.info.is_dir()
    }
}

/// Returns true if a path of a bucket has wildcards.
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Returns true if an operand may match several entries.
pub fn has_wildcards(session: &Session, operand: &str) -> Result<bool, Failure> {
    Ok(match Place::parse(operand)? {
        Place::S3 { path, .. } => session.globs() && is_pattern(&path),
        _ => false,
    })
}

/// Returns the entries of an operand, in the order of the listing. No entry is an error. If `directories` is true,
/// wildcards match directories, too, which takes a second listing.
pub fn entries(session: &Session, operand: &str, directories: bool) -> Result<Vec<Entry>, Failure> {
    let place = Place::parse(operand)?;
    let at = match &place {
        Place::Local { .. } if !place.has_name() => session.locate_directory(&place, false)?,
        place => session.locate(place)?,
    };
    if let Place::S3 { path, .. } = &place
        && session.globs()
        && is_pattern(path)
    {
        return matching(&at, directories || place.is_directory());
    }
    let info = details(&at, place.is_directory()).map_err(Failure::at(at.shown()))?;
    Ok(vec![Entry { at, info }])
}

/// Returns the info of a path. If a file and a directory have the path and the operand is a directory, returns the
/// directory's.
fn details(at: &Located, is_directory: bool) -> s3fs::Result<Info> {
    let info = at.fs().getinfo(&at.path, Namespaces::DETAILS)?;
    if !is_directory || info.is_dir() {
        return Ok(info);
    }
    match at.fs().isdir(&at.path)? {
        true => Ok(Info::new(info.name(), true)),
        false => Err(s3fs::Error::new(ErrorKind::DirectoryExpected).with_path(&at.path)),
    }
}

fn matching(at: &Located, directories: bool) -> Result<Vec<Entry>, Failure> {
    let pattern = at.path.trim_start_matches('/').to_owned();
    let mut found: Vec<Entry> = Vec::new();
    let patterns = match directories && !pattern.ends_with("**") {
        true => vec![pattern.clone(), format!("{pattern}/")],
        false => vec![pattern],
    };
    for pattern in patterns {
        for entry in at.fs().glob(&pattern).iter(Namespaces::DETAILS) {
            let entry = entry.map_err(Failure::at(at.shown()))?;
            if directories || entry.info.is_file() {
                found.push(Entry {
                    at: at.with_path(entry.path.trim_end_matches('/')),
                    info: entry.info,
                });
            }
        }
    }
    if found.is_empty() {
        return Err(Failure::NoMatch(format!(
            "{}: nothing matches; if the name contains these characters, use --no-glob",
            at.shown()
        )));
    }
    Ok(found)
}

/// Returns the location of one operand that may have no wildcards.
pub fn single(session: &Session, operand: &str) -> Result<Located, Failure> {
    let place = Place::parse(operand)?;
    if matches!(place, Place::Stream) {
        return Err(Usage::new("`-` cannot be used here").into());
    }
    session.locate(&place)
}
