//! Removes files that a listing has just returned, without requests for facts that the listing contains.

use std::collections::HashMap;

use super::FileSystem;
use crate::error::Result;
use crate::path;

/// Other content of a directory that loses files, according to a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Other entries, or at least the directory's own marker.
    Something,
    Nothing,
    /// The listing does not contain all entries of the directory.
    Unknown,
}

/// Removes files that a listing has just returned. `rest_of` returns the other content of a directory. The results are in
/// the order of the files.
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
