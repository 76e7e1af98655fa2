//! Converts a path to a location on the disk, and never leaves the root.

use std::fs;
use std::io;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::location::Location;
use crate::path;

/// The root directory of a filesystem. Its path is canonical.
#[derive(Clone, Debug)]
pub(super) struct Root {
    path: PathBuf,
    follow_links: bool,
}

/// Location on the local disk with which another `OsFs` or a transfer accesses a resource directly.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Canonical path, as far as it exists.
    pub(super) real: PathBuf,
    /// Whether it can be renamed: it is neither a root nor the target of a symbolic link.
    pub(super) movable: bool,
}

impl Place {
    /// Returns the file at a local path of the caller. Follows symbolic links in the path, but not the file itself if it is
    /// a link.
    pub(crate) fn at(local_path: &Path) -> Result<Self> {
        let name = local_path.file_name().ok_or_else(|| {
            Error::new(ErrorKind::FileExpected)
                .with_message(format!("{} does not name a file", local_path.display()))
        })?;
        let parent = match local_path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let parent = fs::canonicalize(parent).map_err(|error| {
            let message = format!("cannot resolve the directory {}: {error}", parent.display());
            Error::from(error).with_message(message)
        })?;
        Ok(Self {
            real: parent.join(name),
            movable: true,
        })
    }
}

impl Place {
    /// Syncs the entries of this directory. Does nothing on Windows, which does this automatically.
    pub(crate) fn sync_directory(&self) -> io::Result<()> {
        sync_directory(&self.real)
    }

    /// Syncs the entries of the parent directory.
    pub(crate) fn sync_parent(&self) -> io::Result<()> {
        self.real.parent().map_or(Ok(()), sync_directory)
    }

    /// Syncs the content of the file.
    pub(super) fn sync_file(&self) -> io::Result<()> {
        fs::File::open(&self.real)?.sync_all()
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    fs::File::open(directory)?.sync_all()
}

impl Root {
    /// Opens the root at a directory, which must exist.
    pub(super) fn new(directory: &Path, follow_links: bool) -> io::Result<Self> {
        let canonical = fs::canonicalize(directory)?;
        if !fs::metadata(&canonical)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            path: canonical,
            follow_links,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the location of a validated path. Does not check for links.
    fn join(&self, validated: &str) -> PathBuf {
        let names = validated.split('/').filter(|name| !name.is_empty());
        let mut joined = self.path.clone();
        joined.extend(names);
        joined
    }

    /// Returns the location of a validated path that leads through no symbolic link below the root. Checks each name once.
    /// `None` if it leads through a link, or if the system may have several names for one location.
    fn without_links(&self, validated: &str) -> Result<Option<PathBuf>> {
        if cfg!(any(windows, target_os = "macos")) {
            return Ok(None);
        }
        let mut place = self.path.clone();
        let mut names = validated.split('/').filter(|name| !name.is_empty());
        for name in names.by_ref() {
            place.push(name);
            match fs::symlink_metadata(&place) {
                Ok(own) if own.is_symlink() => return Ok(None),
                // Nothing exists below a missing name.
                Err(error) if is_missing(&error) => break,
                own => own?,
            };
        }
        place.extend(names);
        Ok(Some(place))
    }

    /// Returns the location of a resource with symbolic links resolved. For a missing resource, resolves its directory.
    pub(super) fn resolve(&self, validated: &str) -> Result<PathBuf> {
        if let Some(place) = self.without_links(validated)? {
            return Ok(place);
        }
        let named = self.join(validated);
        match fs::canonicalize(&named) {
            Ok(real) if !self.follow_links && real != named => {
                Err(Error::new(ErrorKind::PermissionDenied)
                    .with_message("the path contains a symbolic link")
                    .with_hint("remove the link, or allow it with follow_links"))
            }
            Ok(real) => self.confine(real),
            Err(error) if is_missing(&error) && validated != "/" => {
                if fs::symlink_metadata(&named).is_ok() {
                    return Err(Error::new(ErrorKind::ResourceNotFound)
                        .with_message("it is a symbolic link to a target that does not exist")
                        .with_hint("remove the link first"));
                }
                let (parent, name) = path::split(validated);
                Ok(self.resolve(parent)?.join(name))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the location of a directory entry. Does not resolve the entry itself if it is a symbolic link.
    pub(super) fn entry(&self, validated: &str) -> Result<PathBuf> {
        if validated == "/" {
            return Ok(self.path.clone());
        }
        let (parent, name) = path::split(validated);
        Ok(self.resolve(parent)?.join(name))
    }

    /// Returns an error if symbolic links make the path lead through the same directory twice: listing such a tree would
    /// never end.
    pub(super) fn refuse_loops(&self, validated: &str, real: &Path) -> Result<()> {
        if real == self.join(validated) {
            return Ok(());
        }
        let mut passed = Vec::new();
        for level in path::recursepath(validated)? {
            let real = self.resolve(&level)?;
            if passed.contains(&real) {
                return Err(Error::new(ErrorKind::OperationFailed).with_message(format!(
                    "a symbolic link points back to {}, which makes the tree endless",
                    real.display()
                )));
            }
            passed.push(real);
        }
        Ok(())
    }

    /// Returns the location if it is in the root, or else an error.
    pub(super) fn confine(&self, real: PathBuf) -> Result<PathBuf> {
        if real.starts_with(&self.path) {
            return Ok(real);
        }
        Err(Error::new(ErrorKind::PermissionDenied)
            .with_message("a symbolic link points outside the root of the filesystem")
            .with_hint("open a filesystem whose root contains the target of the link"))
    }

    /// Returns the location of a resource, for comparison with others, with a handle for direct access.
    pub(super) fn location(&self, validated: &str) -> Result<Location> {
        let (entry, real) = match self.without_links(validated)? {
            Some(place) => (None, Ok(place)),
            None => (Some(self.entry(validated)?), self.resolve(validated)),
        };
        // The location of a link that is broken or leads out of the root is that of the link itself.
        let real = match (entry.as_ref(), real) {
            (_, Ok(real)) => real,
            (None, Err(error)) => return Err(error),
            (Some(entry), Err(_)) => {
                let is_link = entry.is_symlink();
                return Ok(marked(located(entry), is_link, false));
            }
        };
        let is_link = entry.is_some_and(|entry| real != entry);
        let is_root = validated == "/";
        let place = Place {
            movable: !is_root && !is_link,
            real,
        };
        Ok(marked(located(&place.real), is_link, is_root).with_handle(place))
    }
}

fn marked(location: Location, is_link: bool, is_root: bool) -> Location {
    let location = if is_link {
        location.through_link()
    } else {
        location
    };
    if is_root {
        location.as_root()
    } else {
        location
    }
}

fn located(place: &Path) -> Location {
    let name = comparable(place);
    let directory = format!("{}{MAIN_SEPARATOR}", name.trim_end_matches(MAIN_SEPARATOR));
    Location::new("disk", name, directory)
}

/// Returns a text that is equal only for equal paths, which need not be UTF-8.
fn comparable(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Returns true if the resource does not exist, or if a file is in the place of a parent directory.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn different_paths_compare_as_different() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let text = |bytes: &[u8]| comparable(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(text(b"/a/\xc3\xa9"), "/a/é");
        assert_ne!(text(b"/a/\xff"), text(b"/a/\xfe"));
        assert_ne!(text(b"/a/\xff"), text(b"/a/\\xff"));
        assert!(text(b"/a/\xff/b").starts_with(&text(b"/a/\xff")));
    }
}
