//! [`OsFs`]: a directory of the local disk as a filesystem.

mod file;
mod incoming;
mod names;
mod pieces;
mod place;

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, FileTimes, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use percent_encoding::utf8_percent_encode;
use time::OffsetDateTime;
use url::Url;

use crate::cancel;
use crate::dates::{from_system, to_system};
use crate::error::{Error, ErrorKind, Result};
use crate::ext::FileSystemExt as _;
use crate::filesystem::capabilities::{
    Capabilities, PieceSink, RangedSource, SourceOptions, Storage,
};
use crate::filesystem::defaults;
use crate::filesystem::file::File;
use crate::filesystem::info::{Details, Info, Namespaces, RawInfo, ResourceType, Value};
use crate::filesystem::location::Location;
use crate::filesystem::mode::Mode;
use crate::filesystem::options::OpenOptions;
use crate::filesystem::scantree::{self, Descend, Descent};
use crate::filesystem::{
    CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries, found, wanted_times,
};
use crate::path;
use crate::percent::FS_URL;
use crate::transfer::{copy, moving};
use file::{Draft, OsFile, identity, is_draft, rename_new, replaceable, why_reserved};
use names::Names;
pub(crate) use pieces::{DiskSink, DiskSource};
pub(crate) use place::Place;
use place::{Root, is_missing};

/// Maximum length of a name: in bytes on Unix (`NAME_MAX` of almost all of its file systems), in UTF-16 code units on
/// Windows.
///
/// Source: [Maximum path length](https://learn.microsoft.com/en-us/windows/win32/fileio/maximum-file-path-limitation).
const MAX_NAME_LENGTH: usize = 255;

/// Keys that `setinfo` can change.
const WRITEABLE: &[(&str, &[&str])] = &[("details", &["accessed", "modified"])];

/// A directory of the local disk as a filesystem.
///
/// Cheap to clone, and shared by threads. [`close`](FileSystem::close) closes one handle, but not its clones.
///
/// ```
/// use s3fs::{FileSystem, FileSystemExt, OsFs};
///
/// let directory = std::env::temp_dir().join(format!("s3fs-doc-{}", std::process::id()));
/// std::fs::create_dir_all(&directory)?;
/// let fs = OsFs::new(&directory)?;
/// fs.writetext("hello.txt", "hello")?;
/// assert_eq!(std::fs::read_to_string(directory.join("hello.txt"))?, "hello");
/// fs.removetree("/")?;
/// std::fs::remove_dir(&directory)?;
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Open files
///
/// Changes become visible only at [`close`](File::close): a file that is opened for writing, in any mode, is written to a
/// new file in the same directory, synced, and renamed. Dropping a file keeps the previous content. If the program crashes,
/// the new file is left behind as well. Its name begins with `.s3fs-draft-`. Listings and copies leave it out, but its
/// directory is not empty. The modes `r+`, `a` and `a+` begin with a copy of the file, which takes as long as reading it. If
/// the file was changed or replaced before `close`, `close` returns [`ResourceChanged`](ErrorKind::ResourceChanged). If
/// there was no file and there is one now, `close` returns [`FileExists`](ErrorKind::FileExists). If several callers open
/// one path with `x`, one succeeds.
///
/// On Unix only its owner can open an incomplete file (mode 0600). A complete file has the permissions of the file that it
/// replaces, or those that the umask and the directory give to any new file. The permissions are also kept when another file
/// is copied over it. A write-protected file is not replaced. A copy that replaces nothing has the permissions of its source
/// file on the disk. The owner of a file, its set-user-ID and set-group-ID bits, its other hard links and its extended
/// attributes are not kept, because it is a new file. Resources that are neither files nor directories are not opened.
///
/// # Symbolic links
///
/// Links are followed as long as they stay below the root. The root is the directory that was passed to [`new`](Self::new),
/// with its own links resolved. [`follow_links`](OsFsOptions::follow_links) turns this off. A link that leads out of the
/// root returns [`PermissionDenied`](ErrorKind::PermissionDenied). Listings contain such links, and broken links, as entries
/// that are not directories. [`remove`](FileSystem::remove) and [`removetree`](FileSystem::removetree) remove a link, but
/// never its target. Listing a directory that links reach twice on one path is an error, so that no tree is infinite.
///
/// The links of a path are resolved before each operation. A process that replaces a directory by a link at that moment can
/// make the operation follow it: the root does not protect against other programs that write in it.
///
/// # Names
///
/// A name has at most 255 bytes, on Windows at most 255 UTF-16 code units. Names are case-sensitive on Unix, and
/// case-insensitive on macOS and Windows. These are the usual properties of the disks of these systems, and
/// [`getmeta`](FileSystem::getmeta) returns them without checking the disk. Copies and moves to this filesystem check the
/// names for their length, and for names that differ only in case, before anything of the same
/// [window](crate::TransferOptions::window) changes.
///
/// A name that is not UTF-8 cannot be a path here. Listings leave it out, with one warning in the log. A directory that
/// contains it is not empty. [`removetree`](FileSystem::removetree) removes it. Copies, moves and mirrors of a tree that
/// contains such a name return [`Unsupported`](ErrorKind::Unsupported) before anything of the same window changes, except a
/// move that renames a directory. A mirror keeps such a name in its target.
#[derive(Debug)]
pub struct OsFs {
    root: Root,
    sync: bool,
    closed: AtomicBool,
}

/// Options of [`OsFs::new_with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OsFsOptions {
    create: bool,
    sync: bool,
    follow_links: bool,
}

impl Default for OsFsOptions {
    fn default() -> Self {
        Self {
            create: false,
            sync: true,
            follow_links: true,
        }
    }
}

impl OsFsOptions {
    /// The defaults: the directory must exist, files are synced, and links are followed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a missing directory and its parent directories are made. Defaults to false.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether the bytes of a file are synced to the disk before it is published, so that after a power failure either the
    /// old or the new file exists. Defaults to true. Without it many small files are written faster. Downloads and other
    /// copies from S3 have their own option, [`TransferOptions::durable`](crate::TransferOptions::durable), and moves always
    /// sync.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// Whether symbolic links are followed as long as they stay below the root. Defaults to true. If false, a path that
    /// leads through a link returns [`PermissionDenied`](ErrorKind::PermissionDenied).
    #[must_use]
    pub fn follow_links(mut self, follow_links: bool) -> Self {
        self.follow_links = follow_links;
        self
    }
}

impl Clone for OsFs {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
            sync: self.sync,
            closed: AtomicBool::new(self.isclosed()),
        }
    }
}

impl fmt::Display for OsFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<osfs '{}'>", self.root.path().display())
    }
}

impl OsFs {
    /// Opens the directory at `root_path`, which must exist. A relative path is resolved against the current directory once,
    /// when the filesystem is opened. As in `std::fs`, and unlike PyFilesystem, nothing in the path is expanded: `~` and
    /// `$HOME` are ordinary names.
    ///
    /// # Errors
    ///
    /// [`CreateFailed`](ErrorKind::CreateFailed), with the reason.
    pub fn new(root_path: impl AsRef<Path>) -> Result<Self> {
        Self::new_with(root_path, &OsFsOptions::default())
    }

    /// Opens the directory at `root_path`, with options.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn new_with(root_path: impl AsRef<Path>, options: &OsFsOptions) -> Result<Self> {
        let root_path = root_path.as_ref();
        let open = || {
            if options.create {
                fs::create_dir_all(root_path)?;
            }
            Root::new(root_path, options.follow_links)
        };
        let root = open().map_err(|error: io::Error| {
            let failed = Error::new(ErrorKind::CreateFailed)
                .with_path(root_path.display().to_string())
                .with_message(error.to_string());
            match error.kind() {
                io::ErrorKind::NotFound => failed.with_hint("create it, or open it with `create`"),
                _ => failed,
            }
            .with_source(error)
        })?;
        Ok(Self {
            root,
            sync: options.sync,
            closed: AtomicBool::new(false),
        })
    }

    /// Directory that is the root, with symbolic links resolved.
    #[must_use]
    pub fn root_path(&self) -> &Path {
        self.root.path()
    }

    /// Runs `act` with the validated path, on an open handle. Errors name the path.
    fn at<T>(&self, path: &str, act: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let validated = self.validatepath(path)?;
        act(&validated).map_err(|error| error.with_path(path))
    }

    /// Returns the location of a resource on the disk and its metadata. Follows links.
    fn find(&self, validated: &str) -> Result<(PathBuf, Metadata)> {
        let real = self.root.resolve(validated)?;
        let metadata = fs::metadata(&real).map_err(missing)?;
        Ok((real, metadata))
    }

    /// Returns the location of an entry on the disk and its metadata. Does not follow a link at the end of the path.
    fn find_entry(&self, validated: &str) -> Result<(PathBuf, Metadata)> {
        let entry = self.root.entry(validated)?;
        let metadata = fs::symlink_metadata(&entry).map_err(missing)?;
        Ok((entry, metadata))
    }

    /// Returns the location of a new file on the disk. Its directory must exist.
    fn target(&self, validated: &str) -> Result<PathBuf> {
        if validated == "/" {
            return Err(
                Error::new(ErrorKind::FileExpected).with_message("it is the root directory")
            );
        }
        let target = self.root.resolve(validated)?;
        self.require_parent(validated, ErrorKind::ResourceNotFound)?;
        Ok(target)
    }

    /// Returns an error unless the parent directory exists. The error has the kind `if_other` if the parent is not a
    /// directory.
    fn require_parent(&self, validated: &str, if_other: ErrorKind) -> Result<()> {
        let parent = path::dirname(validated);
        let (_, metadata) = self.find(parent).map_err(|error| {
            if error.is(ErrorKind::ResourceNotFound) {
                error.with_message(format!("its parent {parent:?} does not exist"))
            } else {
                error
            }
        })?;
        if metadata.is_dir() {
            return Ok(());
        }
        Err(Error::new(if_other).with_message(format!("its parent {parent:?} is not a directory")))
    }

    /// Opens a directory for listing.
    fn read_dir(&self, validated: &str) -> Result<(PathBuf, fs::ReadDir)> {
        let (real, metadata) = self.find(validated)?;
        if !metadata.is_dir() {
            return Err(Error::new(ErrorKind::DirectoryExpected));
        }
        self.root.refuse_loops(validated, &real)?;
        let entries = fs::read_dir(&real)?;
        Ok((real, entries))
    }

    /// Returns the info of a listed entry of a directory. `None` if the entry no longer exists.
    fn entry_info(
        &self,
        entry: &Path,
        own: io::Result<Metadata>,
        name: &str,
        namespaces: Namespaces,
    ) -> Result<Option<Info>> {
        let own = match own {
            Err(error) if is_missing(&error) => return Ok(None),
            own => own?,
        };
        let metadata = if own.is_symlink() {
            // A link that leads out of the root, is broken, or is circular is listed as an ordinary entry.
            let real = fs::canonicalize(entry).map_err(Error::from);
            let target = real.and_then(|real| Ok(fs::metadata(self.root.confine(real)?)?));
            target.unwrap_or(own)
        } else {
            own
        };
        Ok(Some(info(name, &metadata, namespaces)))
    }

    /// Adds the URL of a file in a directory, if it is requested.
    fn with_url(&self, directory: &str, info: Info, namespaces: Namespaces) -> Result<Info> {
        if !namespaces.contains(Namespaces::URLS) || info.is_dir() {
            return Ok(info);
        }
        let url = self.geturl(&path::join([directory, info.name()])?)?;
        Ok(info.with_url("download", url))
    }

    /// Returns the location of a file or directory on the disk. `None` if a symbolic link is broken or leads out of the
    /// root.
    fn disk_place(&self, path: &str) -> Result<Option<Place>> {
        let location = self.location(path)?;
        Ok(location.and_then(|location| location.handle::<Place>().cloned()))
    }

    /// Returns the entries of a directory in the order of their keys. Keeps all names in memory. A name that is not UTF-8 is
    /// an error if `whole` is true, and is otherwise left out.
    fn entries(&self, path: &str, namespaces: Namespaces, whole: bool) -> Result<Entries<'_>> {
        let (directory, names) = self.at(path, |validated| self.names(validated, whole))?;
        let validated = self.validatepath(path)?;
        let mut number = 0;
        let next = move || -> Result<Option<Info>> {
            while let Some(name) = names.get(number) {
                number += 1;
                let entry = directory.join(name);
                let own = fs::symlink_metadata(&entry);
                if let Some(info) = self.entry_info(&entry, own, name, namespaces)? {
                    return self.with_url(&validated, info, namespaces).map(Some);
                }
            }
            Ok(None)
        };
        Ok(until_error(path, next))
    }

    /// Reads the names in a directory, and returns them with its place on the disk.
    fn names(&self, validated: &str, whole: bool) -> Result<(PathBuf, Names)> {
        let (directory, entries) = self.read_dir(validated)?;
        let mut names = Names::default();
        let mut unnameable = 0;
        for entry in entries {
            let entry = entry?;
            cancel::check()?;
            let file_name = entry.file_name();
            let Some(name) = nameable(&file_name, &mut unnameable) else {
                if whole && unnameable > 0 {
                    return Err(no_path(&directory, &file_name));
                }
                continue;
            };
            let kind = match entry.file_type() {
                Err(error) if is_missing(&error) => continue,
                kind => kind?,
            };
            let leads_to_directory = || -> Result<bool> {
                let info =
                    self.entry_info(&entry.path(), entry.metadata(), name, Namespaces::BASIC)?;
                Ok(info.is_some_and(|info| info.is_dir()))
            };
            names.add(
                name,
                kind.is_dir() || kind.is_symlink() && leads_to_directory()?,
            );
        }
        warn_unnameable(unnameable, &directory);
        names.sort();
        Ok((directory, names))
    }

    /// Removes the content of a directory. Does not follow links.
    fn empty(&self, directory: &Path) -> Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            cancel::check()?;
            let removed = if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())
            } else {
                remove_entry(&entry.path())
            };
            match removed {
                Err(error) if !is_missing(&error) => {
                    let message = format!("cannot remove {}: {error}", entry.path().display());
                    return Err(Error::from(error).with_message(message));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Moves a file by renaming it. Returns `false` if that is not safe, and the file must be copied.
    fn rename_file(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<bool> {
        let (source, target) = (self.validatepath(src_path)?, self.validatepath(dst_path)?);
        let (Ok((from, own)), Ok(to)) = (self.find_entry(&source), self.target(&target)) else {
            return Ok(false);
        };
        // A moved link could have another target.
        if !own.is_file() || from == to {
            return Ok(false);
        }
        let Ok(old) = replaceable(&to) else {
            return Ok(false);
        };
        match old {
            Some(_) if !options.overwrite => return Ok(false),
            None if !options.overwrite => {
                return match rename_new(&from, &to, ErrorKind::DestinationExists) {
                    Err(error) if error.is(ErrorKind::DestinationExists) => {
                        Err(error.with_path(dst_path))
                    }
                    renamed => Ok(renamed.is_ok()),
                };
            }
            Some(old) if identity(&old).is_some() && identity(&old) == identity(&own) => {
                // Two names of one file: a rename would do nothing.
                fs::remove_file(&from).map_err(|error| Error::from(error).with_path(src_path))?;
                return Ok(true);
            }
            _ => {}
        }
        Ok(fs::rename(&from, &to).is_ok())
    }

    /// Renames a directory to a target that does not exist or is empty. Returns `false` if that is not possible, and the
    /// directory must be copied.
    fn rename_dir(&self, place: &Place, dst_path: &str) -> Result<bool> {
        let target = self.validatepath(dst_path)?;
        let is_directory = fs::symlink_metadata(&place.real).is_ok_and(|own| own.is_dir());
        if target == "/" || !place.movable || !is_directory {
            return Ok(false);
        }
        let Some((to, own)) = found(self.find_entry(&target))? else {
            let parent = path::dirname(&target);
            self.makedirs_with(parent, &MakedirOptions::new().recreate(true))
                .map_err(|error| error.with_path_replaced(dst_path))?;
            let to = self.root.entry(&target)?;
            return Ok(fs::rename(&place.real, to).is_ok());
        };
        let is_empty = own.is_dir() && fs::read_dir(&to).is_ok_and(|mut all| all.next().is_none());
        Ok(is_empty && fs::rename(&place.real, &to).is_ok())
    }

    fn set_times(
        &self,
        validated: &str,
        accessed: Option<SystemTime>,
        modified: Option<SystemTime>,
    ) -> Result<()> {
        let (real, metadata) = self.find(validated)?;
        let mut times = FileTimes::new();
        if let Some(accessed) = accessed {
            times = times.set_accessed(accessed);
        }
        if let Some(modified) = modified {
            times = times.set_modified(modified);
        }
        if accessed.is_none() && modified.is_none() {
            return Ok(());
        }
        if !metadata.is_file() && !metadata.is_dir() {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_message("only the times of files and directories can be set"));
        }
        // Falls back to opening for writing, for a file that cannot be read.
        let opened =
            fs::File::open(&real).or_else(|_| fs::OpenOptions::new().write(true).open(&real))?;
        opened.set_times(times)?;
        Ok(())
    }
}

/// Error for a directory that is not empty. It names the content if listings show none of it.
fn not_empty(error: io::Error, directory: &Path) -> Error {
    let error = Error::from(error);
    let mut hidden = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if nameable(&name, &mut 0).is_some() {
            return error;
        }
        hidden.push(name);
    }
    hidden.truncate(3);
    match hidden.as_slice() {
        [] => error,
        hidden => error
            .with_message(format!(
                "it contains entries that listings do not show: {hidden:?}"
            ))
            .with_hint("wait until their transfer ends, or remove the directory with removetree"),
    }
}

/// Removes a file, or a link of any kind.
fn remove_entry(entry: &Path) -> io::Result<()> {
    match fs::remove_file(entry) {
        // Windows distinguishes links to directories from links to files.
        Err(_) if cfg!(windows) && entry.is_symlink() => fs::remove_dir(entry),
        removed => removed,
    }
}

/// Error for a missing resource, including a path below a file.
fn missing(error: io::Error) -> Error {
    if is_missing(&error) {
        return Error::new(ErrorKind::ResourceNotFound);
    }
    error.into()
}

fn info(name: &str, metadata: &Metadata, namespaces: Namespaces) -> Info {
    let info = Info::new(name, metadata.is_dir()).with_writeable(WRITEABLE);
    if namespaces.contains(Namespaces::DETAILS) {
        info.with_details(details(metadata))
    } else {
        info
    }
}

fn details(metadata: &Metadata) -> Details {
    let size = if metadata.is_dir() { 0 } else { metadata.len() };
    let known = |time: io::Result<SystemTime>| time.ok().and_then(from_system);
    let mut details = Details::new(kind(metadata), size, known(metadata.modified()));
    details.accessed = known(metadata.accessed());
    details.created = known(metadata.created());
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        details.metadata_changed = OffsetDateTime::from_unix_timestamp(metadata.ctime())
            .ok()
            .and_then(|time| time.checked_add(time::Duration::nanoseconds(metadata.ctime_nsec())));
    }
    details
}

fn kind(metadata: &Metadata) -> ResourceType {
    let kind = metadata.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let special = [
            (kind.is_char_device(), ResourceType::Character),
            (kind.is_block_device(), ResourceType::BlockSpecialFile),
            (kind.is_fifo(), ResourceType::Fifo),
            (kind.is_socket(), ResourceType::Socket),
        ];
        if let Some((_, special)) = special.into_iter().find(|(is, _)| *is) {
            return special;
        }
    }
    if kind.is_dir() {
        ResourceType::Directory
    } else if kind.is_file() {
        ResourceType::File
    } else if kind.is_symlink() {
        ResourceType::Symlink
    } else {
        ResourceType::Unknown
    }
}

/// Returns a time from a raw info, in seconds since 1970.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the float is a whole number below 1e18"
)]
fn wanted_time(info: &RawInfo, key: &str) -> Result<Option<SystemTime>> {
    let seconds = match info.get("details", key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Int(seconds)) => *seconds as f64,
        Some(Value::Float(seconds)) => *seconds,
        Some(_) => f64::NAN,
    };
    let micros = (seconds.abs() * 1e6).round();
    let time = if micros < 1e18 {
        let since = Duration::from_micros(micros as u64);
        if seconds < 0.0 {
            SystemTime::UNIX_EPOCH.checked_sub(since)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(since)
        }
    } else {
        None
    };
    time.map(Some).ok_or_else(|| {
        Error::new(ErrorKind::InvalidArgument)
            .with_message(format!("{key:?} is not a time in seconds since 1970"))
    })
}

/// Returns an error if the caller requests a change that is not supported.
fn check_changes(wanted: &RawInfo, current: &Info) -> Result<()> {
    const TIMES: [&str; 4] = ["accessed", "created", "metadata_changed", "modified"];
    let raw = current.raw();
    for namespace in wanted.namespaces() {
        for (key, value) in wanted.values(namespace) {
            let is_time = namespace == "details" && TIMES.contains(&key);
            let same = raw.get(namespace, key) == Some(value);
            if is_time || same || key == "_write" || namespace == "urls" {
                continue;
            }
            return Err(Error::new(ErrorKind::Unsupported)
                .with_message(format!(
                    "{namespace:?} {key:?} cannot be changed on this filesystem"
                ))
                .with_hint("Info::is_writeable returns whether a value can be changed"));
        }
    }
    Ok(())
}

/// Refuses options that would otherwise be ignored, together with the protection that they provide.
fn check_options(options: &OpenOptions) -> Result<()> {
    if options.version_id.is_none() && options.if_match.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported)
        .with_message("files on the local disk have no versions or ETags"))
}

/// Returns a name as text if it can be part of a path. Counts names that are not UTF-8.
fn nameable<'a>(name: &'a OsStr, unnameable: &mut usize) -> Option<&'a str> {
    if is_draft(name) {
        return None;
    }
    let text = name.to_str();
    *unnameable += usize::from(text.is_none());
    text
}

/// Error for a non-UTF-8 name that must not be skipped.
fn no_path(directory: &Path, name: &OsStr) -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_message(format!("{name:?} in {} is not UTF-8", directory.display()))
        .with_hint("rename it first")
}

/// Returns the infos that `next` returns, up to the first error. Errors get the path.
fn until_error<'a>(
    path: &str,
    mut next: impl FnMut() -> Result<Option<Info>> + Send + 'a,
) -> Entries<'a> {
    let path = path.to_owned();
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let info = next().transpose();
        ended = !matches!(info, Some(Ok(_)));
        info.map(|info| info.map_err(|error| error.with_path(path.as_str())))
    }))
}

fn warn_unnameable(count: usize, directory: &Path) {
    if count > 0 {
        log::warn!(
            "skipped {count} names in {} that are not UTF-8",
            directory.display()
        );
    }
}

impl FileSystem for OsFs {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        self.at(path, |validated| {
            let (_, metadata) = self.find(validated)?;
            let info = info(path::basename(validated), &metadata, namespaces);
            if namespaces.contains(Namespaces::URLS) && info.is_file() {
                return Ok(info.with_url("download", self.geturl(path)?));
            }
            Ok(info)
        })
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        let (_, names) = self.at(path, |validated| self.names(validated, false))?;
        Ok(names.iter().map(str::to_owned).collect())
    }

    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        self.entries(path, namespaces, false)
    }

    fn scantree_whole(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        self.scantree_whole_pruned(path, namespaces, Box::new(|_| Descent::Enter))
    }

    fn scantree_whole_pruned<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Descend<'a>,
    ) -> Result<TreeEntries<'a>> {
        let validated = self.validatepath(path)?;
        let scan = move |path: &str| self.entries(path, namespaces, true);
        scantree::by_listing(path, validated, scan, descend)
    }

    /// Entries that listings leave out count, as for [`removedir`](FileSystem::removedir).
    fn isempty(&self, path: &str) -> Result<bool> {
        self.at(path, |validated| {
            let (_, mut entries) = self.read_dir(validated)?;
            Ok(entries.next().transpose()?.is_none())
        })
    }

    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.at(path, |validated| {
            let made = if validated == "/" {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                self.require_parent(validated, ErrorKind::DirectoryExpected)?;
                fs::create_dir(self.root.entry(validated)?)
            };
            match made {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let is_dir = match self.find(validated) {
                        // It may be a directory behind a link that is not followed.
                        Err(error) if error.is(ErrorKind::PermissionDenied) => return Err(error),
                        there => there.is_ok_and(|(_, there)| there.is_dir()),
                    };
                    match (options.recreate, is_dir) {
                        (true, true) => Ok(()),
                        (true, false) => Err(Error::new(ErrorKind::DirectoryExpected)),
                        (false, true) => Err(Error::new(ErrorKind::DirectoryExists)),
                        (false, false) => Err(Error::new(ErrorKind::DirectoryExists)
                            .with_message("it is not a directory")),
                    }
                }
                made => made.map_err(Error::from),
            }
        })
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        let mode = Mode::binary(mode).map_err(|error| error.with_path(path))?;
        self.at(path, |validated| {
            check_options(options)?;
            let real = if mode.create() {
                // A broken link counts as existing.
                let own = self.find_entry(validated).map(|(_, own)| own);
                if mode.exclusive() && own.is_ok_and(|own| own.is_symlink()) && !self.isdir(path)? {
                    return Err(Error::new(ErrorKind::FileExists));
                }
                self.target(validated)?
            } else {
                self.find(validated)?.0
            };
            let file = OsFile::open(path, &real, mode, self.sync)?;
            Ok(Box::new(file) as Box<dyn File>)
        })
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.at(path, |validated| {
            let (entry, own) = self.find_entry(validated)?;
            if own.is_dir() {
                return Err(Error::new(ErrorKind::FileExpected));
            }
            remove_entry(&entry).map_err(missing)
        })
    }

    fn removedir(&self, path: &str) -> Result<()> {
        self.at(path, |validated| {
            if validated == "/" {
                return Err(Error::new(ErrorKind::RemoveRoot));
            }
            let (entry, own) = self.find_entry(validated)?;
            if own.is_symlink() {
                return Err(Error::new(ErrorKind::DirectoryExpected)
                    .with_message("it is a symbolic link")
                    .with_hint("remove it with remove"));
            }
            if !own.is_dir() {
                return Err(Error::new(ErrorKind::DirectoryExpected));
            }
            fs::remove_dir(&entry).map_err(|error| match error.kind() {
                io::ErrorKind::DirectoryNotEmpty => not_empty(error, &entry),
                _ => error.into(),
            })
        })
    }

    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        self.at(path, |validated| {
            check_changes(info, &self.getdetails(path)?)?;
            let accessed = wanted_time(info, "accessed")?;
            let modified = wanted_time(info, "modified")?;
            self.set_times(validated, accessed, modified)
        })
    }

    fn settimes(
        &self,
        path: &str,
        accessed: Option<OffsetDateTime>,
        modified: Option<OffsetDateTime>,
    ) -> Result<()> {
        let possible = |time| {
            let none = || {
                Error::new(ErrorKind::InvalidArgument)
                    .with_message("the system cannot represent this time")
            };
            to_system(time).map(Some).ok_or_else(none)
        };
        let (accessed, modified) = wanted_times(accessed, modified);
        self.at(path, |validated| {
            self.set_times(validated, possible(accessed)?, possible(modified)?)
        })
    }

    fn getmeta(&self) -> Meta {
        let invalid_path_chars = if cfg!(windows) {
            ('\0'..' ').chain("\\:*?\"<>|".chars()).collect()
        } else {
            "\0".to_owned()
        };
        Meta {
            case_insensitive: cfg!(any(windows, target_os = "macos")),
            max_name_length: Some(MAX_NAME_LENGTH),
            invalid_path_chars,
            supports_rename: true,
            ..Meta::default()
        }
    }

    /// `"download"` returns a `file://` URL, and `"fs"` an `osfs://` URL.
    fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
        self.at(path, |_| {
            let no_url = |why: String| Error::new(ErrorKind::NoUrl).with_message(why);
            let place = self.getsyspath(path)?;
            match purpose {
                "download" => Url::from_file_path(&place).map(String::from).map_err(|()| {
                    no_url("its path on the local disk cannot be written as a URL".to_owned())
                }),
                "fs" => {
                    let text = place.to_str().ok_or_else(|| {
                        no_url("its path on the local disk is not UTF-8".to_owned())
                    })?;
                    Ok(format!("osfs://{}", utf8_percent_encode(text, FS_URL)))
                }
                other => Err(no_url(format!("unknown purpose {other:?}"))
                    .with_hint("the supported purposes are \"download\" and \"fs\"")),
            }
        })
    }

    fn movefile_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        if self.rename_file(src_path, dst_path, options)? {
            return Ok(());
        }
        defaults::movefile(&self, src_path, dst_path, options)
    }

    fn copydir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        copy::within(self, src_path, dst_path, options)
    }

    fn movedir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        cancel::check()?;
        let source = self.location(src_path)?;
        let target = self.location(dst_path)?;
        let apart = source
            .as_ref()
            .zip(target)
            .is_some_and(|(s, t)| !s.overlaps(&t));
        if apart && (options.create || self.exists(dst_path)?) {
            let place = source.as_ref().and_then(Location::handle::<Place>);
            if let Some(place) = place
                && self.rename_dir(place, dst_path)?
            {
                return Ok(());
            }
        }
        moving::within(self, src_path, dst_path, options)
    }

    /// For a symbolic link, removes only the link.
    fn removetree(&self, path: &str) -> Result<()> {
        self.at(path, |validated| {
            if validated == "/" {
                return self.empty(self.root.path());
            }
            let (entry, own) = self.find_entry(validated)?;
            let is_directory = own.is_dir() || self.isdir(path)?;
            if !is_directory {
                return Err(Error::new(ErrorKind::DirectoryExpected));
            }
            if own.is_symlink() {
                return remove_entry(&entry).map_err(Error::from);
            }
            self.empty(&entry)?;
            fs::remove_dir(&entry).map_err(Error::from)
        })
    }

    fn emptydir(&self, path: &str) -> Result<()> {
        self.at(path, |validated| {
            let (real, metadata) = self.find(validated)?;
            if !metadata.is_dir() {
                return Err(Error::new(ErrorKind::DirectoryExpected));
            }
            self.empty(&real)
        })
    }

    /// Does not resolve a symbolic link at the end of the path, but returns an error if it leads out of the root.
    fn getsyspath(&self, path: &str) -> Result<PathBuf> {
        self.at(path, |validated| {
            let entry = self.root.entry(validated)?;
            if let Ok(real) = fs::canonicalize(&entry) {
                self.root.confine(real)?;
            }
            Ok(entry)
        })
    }

    /// Also returns true for a link that is broken or leads out of the root.
    fn islink(&self, path: &str) -> Result<bool> {
        self.at(path, |validated| {
            let (_, own) = self.find_entry(validated)?;
            Ok(own.is_symlink())
        })
    }

    fn label(&self) -> String {
        format!("the local disk at {}", self.root.path().display())
    }

    fn capabilities(&self) -> Option<&dyn Capabilities> {
        Some(self)
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn isclosed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Capabilities for OsFs {
    fn location(&self, path: &str) -> Result<Option<Location>> {
        self.at(path, |validated| self.root.location(validated).map(Some))
    }

    fn lists_in_key_order(&self) -> bool {
        true
    }

    /// Copies from another directory of the local disk. If the target does not exist, the copy keeps the permissions of the
    /// source.
    fn copy_from(&self, source: &Location, dst_path: &str) -> Result<bool> {
        self.at(dst_path, |validated| {
            let Some(place) = source.handle::<Place>() else {
                return Ok(false);
            };
            let target = self.target(validated)?;
            let (file, draft) = Draft::copy_of(&place.real, &target, self.sync)?;
            draft.publish(file)?;
            Ok(true)
        })
    }

    /// Moves from another directory of the same disk, to a target that does not exist or is empty.
    fn copydir_from(&self, source: &Location, dst_path: &str, remove: bool) -> Result<bool> {
        match source.handle::<Place>() {
            Some(place) if remove && !source.is_root() => self.rename_dir(place, dst_path),
            _ => self.validatepath(dst_path).map(|_| false),
        }
    }

    fn storage(&self) -> Storage {
        Storage::Local
    }

    fn unfit_name(&self, name: &str) -> Option<&'static str> {
        why_reserved(name.as_ref())
    }

    fn sync_file(&self, path: &str) -> Result<()> {
        match self.disk_place(path)? {
            // With `sync`, each file is synced before it gets its name.
            Some(place) if !self.sync => place
                .sync_file()
                .map_err(|error| Error::from(error).with_path(path)),
            _ => Ok(()),
        }
    }

    fn sync_directory(&self, path: &str) -> Result<()> {
        match self.disk_place(path)? {
            Some(place) => place
                .sync_directory()
                .map_err(|error| Error::from(error).with_path(path)),
            None => Ok(()),
        }
    }

    fn open_source(
        &self,
        path: &str,
        _: &SourceOptions,
    ) -> Result<Option<Box<dyn RangedSource + '_>>> {
        let Some(place) = self.disk_place(path)? else {
            return Ok(None);
        };
        Ok(Some(Box::new(DiskSource::open(&place, path)?)))
    }

    fn open_sink(&self, path: &str, _: &OpenOptions) -> Result<Option<Box<dyn PieceSink + '_>>> {
        let place = self.disk_place(path)?;
        Ok(place.map(|place| -> Box<dyn PieceSink> { Box::new(DiskSink::new(place, path)) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_time_is_refused() {
        let wanted = |value: Value| {
            let info = RawInfo::new().with("details", "modified", value);
            wanted_time(&info, "modified")
        };
        assert_eq!(wanted(Value::Null).unwrap(), None);
        assert_eq!(wanted(Value::Int(0)).unwrap(), Some(SystemTime::UNIX_EPOCH));
        assert!(wanted(Value::Float(-1.5)).is_ok());
        for value in [
            Value::Float(f64::NAN),
            Value::Float(f64::INFINITY),
            Value::Float(1e300),
            Value::from("yesterday"),
            Value::Bool(true),
        ] {
            let error = wanted(value.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{value:?}");
        }
    }
}
