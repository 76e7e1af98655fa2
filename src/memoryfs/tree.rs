//! [`Tree`]: files and directories by key, with atomic operations on them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::info::{Details, Info, Namespaces, RawInfo, ResourceType};
use crate::filesystem::options::OpenOptions;
use crate::filesystem::{CopyOptions, MakedirOptions};
use crate::path;

/// Keys that `setinfo` can change of a file.
const WRITEABLE: &[(&str, &[&str])] = &[("details", &["modified"])];

/// Times of the `details` namespace. Only `modified` is stored. The others are ignored, as on S3.
const TIMES: [&str; 4] = ["accessed", "created", "metadata_changed", "modified"];

/// A path as passed by the caller, and its key.
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    /// Without `/` at either end. Empty for the root.
    pub(super) key: String,
}

impl<'a> Place<'a> {
    pub(super) fn new(path: &'a str, validated: &str) -> Self {
        Self {
            path,
            key: path::relpath(validated).to_owned(),
        }
    }

    pub(super) fn is_root(&self) -> bool {
        self.key.is_empty()
    }

    /// Returns its key as a directory: the prefix of the keys in it.
    pub(super) fn directory(&self) -> String {
        as_directory(&self.key)
    }

    pub(super) fn name(&self) -> &str {
        path::basename(&self.key)
    }

    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind).with_path(self.path)
    }
}

/// A file.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) content: Arc<Vec<u8>>,
    modified: OffsetDateTime,
}

impl Node {
    fn info(&self, name: &str, namespaces: Namespaces) -> Info {
        let info = Info::new(name, false).with_writeable(WRITEABLE);
        if !namespaces.contains(Namespaces::DETAILS) {
            return info;
        }
        let size = self.content.len() as u64;
        info.with_details(Details::new(ResourceType::File, size, Some(self.modified)))
    }
}

/// Files and directories, by their keys on S3: `a/b` is a file and `a/b/` a directory, so that both have one common order,
/// that of the keys, and both can exist.
///
/// The parent directory of every entry exists. The root always exists, and is not in the set.
#[derive(Default)]
pub(super) struct Tree {
    files: BTreeMap<String, Node>,
    directories: BTreeSet<String>,
}

impl Tree {
    pub(super) fn is_file(&self, place: &Place<'_>) -> bool {
        self.files.contains_key(&place.key)
    }

    pub(super) fn is_dir(&self, place: &Place<'_>) -> bool {
        place.is_root() || self.directories.contains(&place.directory())
    }

    fn exists(&self, place: &Place<'_>) -> bool {
        self.is_file(place) || self.is_dir(place)
    }

    /// Returns the file at a place, or the error for a missing file.
    pub(super) fn file(&self, place: &Place<'_>) -> Result<&Node> {
        self.files.get(&place.key).ok_or_else(|| {
            place.error(if self.is_dir(place) {
                ErrorKind::FileExpected
            } else {
                ErrorKind::ResourceNotFound
            })
        })
    }

    /// Returns the key of the directory at a place, or the error for a missing directory.
    fn directory(&self, place: &Place<'_>) -> Result<String> {
        if self.is_dir(place) {
            return Ok(place.directory());
        }
        Err(place.error(if self.is_file(place) {
            ErrorKind::DirectoryExpected
        } else {
            ErrorKind::ResourceNotFound
        }))
    }

    /// Returns an error unless the parent directory exists. The error has the kind `if_file` if the parent is a file.
    fn require_parent(&self, place: &Place<'_>, if_file: ErrorKind) -> Result<()> {
        let parent = parent(&place.key);
        if parent.is_empty() || self.directories.contains(parent) {
            return Ok(());
        }
        let parent = parent.trim_end_matches('/');
        if self.files.contains_key(parent) {
            return Err(place
                .error(if_file)
                .with_message(format!("its parent \"/{parent}\" is a file")));
        }
        Err(place
            .error(ErrorKind::ResourceNotFound)
            .with_message(format!("its parent \"/{parent}\" does not exist"))
            .with_hint("create it with makedir"))
    }

    /// Returns an error unless a file can be written at this place.
    pub(super) fn check_file_target(&self, place: &Place<'_>, options: &OpenOptions) -> Result<()> {
        self.require_parent(place, ErrorKind::ResourceNotFound)?;
        // If both exist, the path refers to the file.
        if self.is_dir(place) && !self.is_file(place) && !options.beside_directory {
            return Err(place.error(ErrorKind::FileExpected));
        }
        Ok(())
    }

    /// Stores a file with the current time. Makes its directory if it was removed while the file was being written, as on
    /// S3, where a key in a directory is enough.
    pub(super) fn put(&mut self, key: &str, content: Arc<Vec<u8>>) {
        let modified = OffsetDateTime::now_utc();
        self.insert(key.to_owned(), Node { content, modified });
    }

    fn insert(&mut self, key: String, node: Node) {
        self.make_directories(parent(&key));
        self.files.insert(key, node);
    }

    /// Makes a directory and its parent directories, by their keys.
    fn make_directories(&mut self, directory: &str) {
        let ends = directory.match_indices('/').map(|(end, _)| end + 1);
        for level in ends.filter_map(|end| directory.get(..end)) {
            if !self.directories.contains(level) {
                self.directories.insert(level.to_owned());
            }
        }
    }

    pub(super) fn getinfo(&self, place: &Place<'_>, namespaces: Namespaces) -> Result<Info> {
        match self.files.get(&place.key) {
            Some(node) => Ok(node.info(place.name(), namespaces)),
            None if self.is_dir(place) => Ok(directory_info(place.name(), namespaces)),
            None => Err(place.error(ErrorKind::ResourceNotFound)),
        }
    }

    pub(super) fn setinfo(&mut self, place: &Place<'_>, wanted: &RawInfo) -> Result<()> {
        let current = self.getinfo(place, Namespaces::DETAILS)?;
        let modified = new_time(wanted, &current).map_err(|error| error.with_path(place.path))?;
        match modified {
            Some(modified) => self.set_modified(place, modified),
            None => Ok(()),
        }
    }

    /// Sets the time of a file. Directories have no time of their own.
    pub(super) fn set_modified(
        &mut self,
        place: &Place<'_>,
        modified: OffsetDateTime,
    ) -> Result<()> {
        match self.files.get_mut(&place.key) {
            Some(node) => node.modified = modified,
            None => drop(self.getinfo(place, Namespaces::BASIC)?),
        }
        Ok(())
    }

    pub(super) fn makedir(&mut self, place: &Place<'_>, options: &MakedirOptions) -> Result<()> {
        if !place.is_root() {
            self.require_parent(place, ErrorKind::DirectoryExpected)?;
        }
        if self.is_dir(place) {
            return match options.recreate {
                true => Ok(()),
                false => Err(place.error(ErrorKind::DirectoryExists)),
            };
        }
        if self.is_file(place) && !options.beside_file {
            return Err(match options.recreate {
                true => place.error(ErrorKind::DirectoryExpected),
                false => place
                    .error(ErrorKind::DirectoryExists)
                    .with_message("it is a file"),
            });
        }
        self.directories.insert(place.directory());
        Ok(())
    }

    pub(super) fn isempty(&self, place: &Place<'_>) -> Result<bool> {
        let directory = self.directory(place)?;
        let file = self.files.range::<str, _>(after(&directory)).next();
        let child = self.directories.range::<str, _>(after(&directory)).next();
        let mut first = file.map(|(key, _)| key).into_iter().chain(child);
        Ok(!first.any(|key| key.starts_with(&directory)))
    }

    /// Returns the entries of a directory, in the order of their keys.
    pub(super) fn scandir(&self, place: &Place<'_>, namespaces: Namespaces) -> Result<Vec<Info>> {
        let directory = self.directory(place)?;
        let mut children: Vec<(&str, Info)> = Vec::new();
        let mut files = self.files.range::<str, _>(after(&directory));
        while let Some((key, node)) = files.next() {
            let Some(name) = key.strip_prefix(&directory) else {
                break;
            };
            match name.split_once('/') {
                None => children.push((key, node.info(name, namespaces))),
                // Skips the keys below a subdirectory.
                Some((child, _)) => {
                    let end = end_of(&format!("{directory}{child}/"));
                    files = self.files.range::<str, _>(from(&end));
                }
            }
        }
        let mut directories = self.directories.range::<str, _>(after(&directory));
        while let Some(key) = directories.next() {
            let Some(name) = key.strip_prefix(&directory) else {
                break;
            };
            let name = name.trim_end_matches('/');
            children.push((key, directory_info(name, namespaces)));
            directories = self.directories.range::<str, _>(from(&end_of(key)));
        }
        children.sort_by_key(|(key, _)| *key);
        Ok(children.into_iter().map(|(_, info)| info).collect())
    }

    /// Returns everything below a directory, with the parent directories, in the order of the keys. Each directory comes
    /// after its content.
    pub(super) fn scantree(
        &self,
        place: &Place<'_>,
        namespaces: Namespaces,
    ) -> Result<Vec<(String, Info)>> {
        let directory = self.directory(place)?;
        let entry = |key: &str, node: Option<&Node>| {
            let name = path::basename(key.trim_end_matches('/'));
            let info = match node {
                Some(node) => node.info(name, namespaces),
                None => directory_info(name, namespaces),
            };
            let above = parent(key).trim_end_matches('/');
            (format!("/{above}"), info)
        };
        let mut entries = Vec::new();
        let mut open: Vec<&str> = Vec::new();
        for (key, node) in self.below(&directory) {
            while let Some(done) = open.pop_if(|open| !key.starts_with(*open)) {
                entries.push(entry(done, None));
            }
            match node {
                Some(_) => entries.push(entry(key, node)),
                None => open.push(key),
            }
        }
        entries.extend(open.into_iter().rev().map(|key| entry(key, None)));
        Ok(entries)
    }

    /// Returns all files and directories below a directory, in the order of their keys.
    fn below<'a>(&'a self, directory: &str) -> Vec<(&'a str, Option<&'a Node>)> {
        let is_below = |key: &str| key.starts_with(directory);
        let files = self.files.range::<str, _>(after(directory));
        let files = files
            .take_while(|(key, _)| is_below(key))
            .map(|(key, node)| (key.as_str(), Some(node)));
        let directories = self.directories.range::<str, _>(after(directory));
        let directories = directories
            .take_while(|key| is_below(key))
            .map(|key| (key.as_str(), None));
        let mut all: Vec<_> = files.chain(directories).collect();
        all.sort_by_key(|(key, _)| *key);
        all
    }

    pub(super) fn remove(&mut self, place: &Place<'_>) -> Result<()> {
        self.file(place)?;
        self.files.remove(&place.key);
        Ok(())
    }

    pub(super) fn removedir(&mut self, place: &Place<'_>) -> Result<()> {
        if place.is_root() {
            return Err(place.error(ErrorKind::RemoveRoot));
        }
        if !self.isempty(place)? {
            return Err(place.error(ErrorKind::DirectoryNotEmpty));
        }
        self.directories.remove(&place.directory());
        Ok(())
    }

    pub(super) fn removetree(&mut self, place: &Place<'_>) -> Result<()> {
        let directory = self.directory(place)?;
        let below = self.below(&directory).into_iter();
        let below: Vec<String> = below.map(|(key, _)| key.to_owned()).collect();
        for key in below {
            self.files.remove(&key);
            self.directories.remove(&key);
        }
        self.directories.remove(&directory);
        Ok(())
    }

    pub(super) fn copy(
        &mut self,
        source: &Place<'_>,
        target: &Place<'_>,
        options: &CopyOptions,
    ) -> Result<()> {
        if !options.overwrite && self.exists(target) {
            return Err(target.error(ErrorKind::DestinationExists));
        }
        let node = self.file(source)?.clone();
        if source.key == target.key {
            return Err(target
                .error(ErrorKind::IllegalDestination)
                .with_message("a file cannot be copied onto itself"));
        }
        if target.is_root() {
            return Err(target.error(ErrorKind::FileExpected));
        }
        self.check_file_target(target, &OpenOptions::default())?;
        self.insert(target.key.clone(), copied(node, options));
        Ok(())
    }

    pub(super) fn movefile(
        &mut self,
        source: &Place<'_>,
        target: &Place<'_>,
        options: &CopyOptions,
    ) -> Result<()> {
        if source.key == target.key {
            if !options.overwrite && self.exists(target) {
                return Err(target.error(ErrorKind::DestinationExists));
            }
            return self.file(source).map(|_| ());
        }
        self.copy(source, target, options)?;
        self.remove(source)
    }

    pub(super) fn copydir(
        &mut self,
        source: &Place<'_>,
        target: &Place<'_>,
        options: &CopyOptions,
    ) -> Result<()> {
        self.check_directories(source, target, options)?;
        check_overlap(source, target)?;
        self.check_directory_target(target)?;
        self.merge(&source.directory(), &target.directory(), options);
        Ok(())
    }

    pub(super) fn movedir(
        &mut self,
        source: &Place<'_>,
        target: &Place<'_>,
        options: &CopyOptions,
    ) -> Result<()> {
        self.check_directories(source, target, options)?;
        if source.key == target.key {
            return Ok(());
        }
        check_overlap(source, target)?;
        self.check_directory_target(target)?;
        self.merge(&source.directory(), &target.directory(), options);
        self.removetree(source)
    }

    fn check_directories(
        &self,
        source: &Place<'_>,
        target: &Place<'_>,
        options: &CopyOptions,
    ) -> Result<()> {
        if !options.create && !self.exists(target) {
            return Err(target.error(ErrorKind::ResourceNotFound));
        }
        self.directory(source)?;
        match self.is_file(target) && !self.is_dir(target) {
            true => Err(target.error(ErrorKind::DirectoryExpected)),
            false => Ok(()),
        }
    }

    /// Returns an error if a parent of the target is a file and not a directory.
    fn check_directory_target(&self, target: &Place<'_>) -> Result<()> {
        let directory = target.directory();
        for (end, _) in directory.match_indices('/') {
            let (file, level) = (directory.get(..end), directory.get(..=end));
            let is_dir = level.is_some_and(|level| self.directories.contains(level));
            if !is_dir && file.is_some_and(|file| self.files.contains_key(file)) {
                return Err(target.error(ErrorKind::DirectoryExpected));
            }
        }
        Ok(())
    }

    /// Copies every key below one directory to another directory.
    fn merge(&mut self, source: &str, target: &str, options: &CopyOptions) {
        let moved = |key: &str| {
            key.strip_prefix(source)
                .map(|rest| format!("{target}{rest}"))
        };
        let mut files = Vec::new();
        let mut directories = vec![target.to_owned()];
        for (key, node) in self.below(source) {
            match node {
                Some(node) => files.extend(moved(key).zip(Some(copied(node.clone(), options)))),
                None => directories.extend(moved(key)),
            }
        }
        for directory in directories {
            self.make_directories(&directory);
        }
        self.files.extend(files);
    }
}

/// Returns the copy of a file, with the current time unless the time is kept.
fn copied(node: Node, options: &CopyOptions) -> Node {
    match options.preserve_time {
        true => node,
        false => Node {
            modified: OffsetDateTime::now_utc(),
            ..node
        },
    }
}

fn check_overlap(source: &Place<'_>, target: &Place<'_>) -> Result<()> {
    let (from, to) = (source.directory(), target.directory());
    if from.starts_with(&to) || to.starts_with(&from) {
        return Err(target
            .error(ErrorKind::IllegalDestination)
            .with_message("the directories are the same, or one contains the other"));
    }
    Ok(())
}

/// Returns the info of a directory. It has no times, because on S3 it may exist without an object of its own.
fn directory_info(name: &str, namespaces: Namespaces) -> Info {
    let info = Info::new(name, true);
    if namespaces.contains(Namespaces::DETAILS) {
        info.with_details(Details::new(ResourceType::Directory, 0, None))
    } else {
        info
    }
}

/// Returns the time of the last change that `wanted` requests, if any.
fn new_time(wanted: &RawInfo, current: &Info) -> Result<Option<OffsetDateTime>> {
    let raw = current.raw();
    let mut modified = None;
    for namespace in wanted.namespaces() {
        for (key, value) in wanted.values(namespace) {
            let is_time = namespace == "details" && TIMES.contains(&key);
            // An unchanged value is not a change, so that a whole raw info can be passed back.
            let same = raw.get(namespace, key) == Some(value);
            if same || key == "_write" {
                continue;
            }
            if !is_time {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_message(format!(
                        "{namespace:?} {key:?} cannot be changed on this filesystem"
                    ))
                    .with_hint("Info::is_writeable returns whether a value can be changed"));
            }
            if key == "modified" {
                modified = Some(value.time().ok_or_else(no_time)?);
            }
        }
    }
    Ok(modified)
}

fn no_time() -> Error {
    Error::new(ErrorKind::InvalidArgument)
        .with_message("the value of \"modified\" is not a time in seconds since 1970")
}

/// Returns a key with the `/` of a directory. Empty for the root.
fn as_directory(key: &str) -> String {
    match key {
        "" => String::new(),
        key => format!("{key}/"),
    }
}

/// Returns the key of the parent directory of a file or directory. Empty for the root.
fn parent(key: &str) -> &str {
    let name = key.trim_end_matches('/');
    let end = name.rfind('/').map_or(0, |slash| slash + 1);
    name.get(..end).unwrap_or_default()
}

/// Returns the range of the keys after this one.
fn after(key: &str) -> (Bound<&str>, Bound<&str>) {
    (Bound::Excluded(key), Bound::Unbounded)
}

/// Returns the range of the keys from this one on.
fn from(key: &str) -> (Bound<&str>, Bound<&str>) {
    (Bound::Included(key), Bound::Unbounded)
}

/// Returns the start of the keys after everything below a directory: `0` comes after `/`.
fn end_of(directory: &str) -> String {
    format!("{}0", directory.trim_end_matches('/'))
}
