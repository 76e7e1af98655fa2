//! Removing files that a listing has just shown, and asking for nothing that it has shown.

use std::collections::HashMap;

use super::FileSystem;
use crate::error::Result;
use crate::path;

/// What else a listing has shown in a directory that loses files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Something, if only the directory's own marker.
    Something,
    Nothing,
    /// The listing does not have all that is in it.
    Unknown,
}

/// Removes files that a listing has just shown. `rest_of` says of a directory what else is in it. The results are in the
/// order of the files.
pub(crate) fn remove_listed(
    fs: &(impl FileSystem + ?Sized),
    files: &[&str],
    rest_of: impl Fn(&str) -> Rest,
) -> Vec<Result<()>> {
    let mut rests: HashMap<&str, Rest> = HashMap::new();
    for file in files {
        let directory = path::dirname(file);
        rests.entry(directory).or_insert_with(|| match directory {
            "" | "/" => Rest::Something,
            _ => rest_of(directory),
        });
    }
    let rest = |file: &str| rests.get(path::dirname(file)).copied();
    let is_known = |file: &&&str| rest(file) != Some(Rest::Unknown);
    let known: Vec<&str> = files.iter().filter(is_known).copied().collect();
    let emptied = rests.iter().filter(|(_, rest)| **rest == Rest::Nothing);
    let emptied: Vec<&str> = emptied.map(|(directory, _)| *directory).collect();
    let removed = fs
        .capabilities()
        .and_then(|capabilities| capabilities.remove_listed(&known, &emptied));
    let Some(removed) = removed else {
        return fs.remove_many(files);
    };
    let others: Vec<&str> = files
        .iter()
        .filter(|file| !is_known(file))
        .copied()
        .collect();
    let mut others = match others.is_empty() {
        true => Vec::new(),
        false => fs.remove_many(&others),
    }
    .into_iter();
    let mut removed = removed.into_iter();
    files
        .iter()
        .filter_map(|file| match is_known(&file) {
            true => removed.next(),
            false => others.next(),
        })
        .collect()
}
