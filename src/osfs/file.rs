//! [`OsFile`]: an open file on the local disk, and the draft that receives its changes.

use std::ffi::OsStr;
use std::fs::{self, File as DiskFile, Metadata, OpenOptions as DiskOptions, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::place::is_missing;
use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::file::{File, closed, not_allowed};
use crate::filesystem::mode::Mode;

/// An open file on the local disk.
pub(super) struct OsFile {
    /// Path as passed by the caller.
    path: String,
    mode: Mode,
    file: Option<DiskFile>,
    /// Receives the changes until they are published. `None` for a file that is only read.
    draft: Option<Draft>,
    /// First error of a write, after which the content is incomplete, or the error of publishing it.
    failed: Option<Error>,
}

impl OsFile {
    /// Opens the file at `real`, whose directory must exist.
    pub(super) fn open(path: &str, real: &Path, mode: Mode, sync: bool) -> Result<Self> {
        let (file, draft) = if mode.writing() {
            let (file, draft) = Draft::open(real, mode, sync)?;
            (file, Some(draft))
        } else {
            regular(&fs::metadata(real)?)?;
            (DiskFile::open(real)?, None)
        };
        Ok(Self {
            path: path.to_owned(),
            mode,
            file: Some(file),
            draft,
            failed: None,
        })
    }

    fn named(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        Error::from(error).with_path(self.path.as_str()).into()
    }

    fn opened(&mut self) -> io::Result<&mut DiskFile> {
        self.file.as_mut().ok_or_else(|| closed(&self.path))
    }

    fn read_with<T>(&mut self, read: impl FnOnce(&mut DiskFile) -> io::Result<T>) -> io::Result<T> {
        if !self.mode.reading() {
            return Err(not_allowed(&self.path, "reading"));
        }
        let result = read(self.opened()?);
        result.map_err(|error| self.named(error))
    }

    fn write_with<T>(
        &mut self,
        write: impl FnOnce(&mut DiskFile) -> io::Result<T>,
    ) -> io::Result<T> {
        if !self.mode.writing() {
            return Err(not_allowed(&self.path, "writing"));
        }
        let result = write(self.opened()?);
        if let Some(draft) = &mut self.draft {
            draft.changed = true;
        }
        result.map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                return error;
            }
            let error = Error::from(error).with_path(self.path.as_str());
            self.failed.get_or_insert_with(|| error.clone());
            error.into()
        })
    }
}

impl Read for OsFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(|file| file.read(buffer))
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        self.read_with(|file| file.read_to_end(bytes))
    }
}

impl Write for OsFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(|file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.opened().map(|_| ())
    }
}

impl Seek for OsFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        let result = self.opened()?.seek(from);
        result.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => Error::new(ErrorKind::InvalidArgument)
                .with_path(self.path.as_str())
                .with_message("cannot seek to a position before the start of the file")
                .into(),
            _ => self.named(error),
        })
    }
}

impl File for OsFile {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.write_with(|file| file.set_len(size))
    }

    fn close(&mut self) -> Result<()> {
        let (Some(file), Some(draft)) = (self.file.take(), self.draft.take()) else {
            return self.failed.clone().map_or(Ok(()), Err);
        };
        let closed = match self.failed.take() {
            Some(failed) => Err(failed.with_hint("nothing was stored")),
            None => draft
                .publish(file)
                .map_err(|error| error.with_path(self.path.as_str())),
        };
        self.failed = closed.clone().err();
        closed
    }
}

impl Drop for OsFile {
    fn drop(&mut self) {
        if self.draft.as_ref().is_some_and(|draft| draft.changed) {
            log::warn!(
                "{:?} was dropped without close(): nothing was stored",
                self.path
            );
        }
    }
}

/// A temporary file in the same directory that replaces the target when it is complete. Dropping it removes it.
pub(super) struct Draft {
    temporary: PathBuf,
    target: PathBuf,
    base: Base,
    /// Permissions of the published file. Only the owner can open the draft before that.
    permissions: Permissions,
    changed: bool,
    sync: bool,
    /// Whether the file is kept if the draft is dropped.
    lasting: bool,
}

/// State of the target when the draft was made.
enum Base {
    /// The target is replaced in any case.
    Replaced,
    /// The target did not exist. If it exists when the draft is published, it is kept.
    Absent,
    /// The draft began with a copy of this file.
    Copied(Stamp),
}

impl Draft {
    fn open(target: &Path, mode: Mode, sync: bool) -> Result<(DiskFile, Self)> {
        let old = replaceable(target)?;
        match &old {
            None if !mode.create() => return Err(Error::new(ErrorKind::ResourceNotFound)),
            Some(_) if mode.exclusive() => return Err(Error::new(ErrorKind::FileExists)),
            _ => {}
        }
        let base = match &old {
            _ if mode.truncate() && !mode.exclusive() => Base::Replaced,
            Some(old) => Base::Copied(Stamp::new(old)),
            None => Base::Absent,
        };
        let mut options = DiskOptions::new();
        options.read(mode.reading()).write(true);
        options.append(mode.appending());
        let permissions = permissions_at(target, old.as_ref())?;
        let (mut file, draft) = Self::make(target, base, permissions, &options, sync)?;
        if matches!(draft.base, Base::Copied(_)) {
            cancel::copy(&mut DiskFile::open(target)?, &mut file)?;
        }
        if !mode.appending() {
            file.rewind()?;
        }
        Ok((file, draft))
    }

    /// Makes a draft with the content of another file, which replaces `target`. It has the permissions of the replaced file,
    /// or else those of the other file.
    pub(super) fn copy_of(source: &Path, target: &Path, sync: bool) -> Result<(DiskFile, Self)> {
        regular(&fs::metadata(source)?)?;
        let mut source = DiskFile::open(source)?;
        let kept = match replaceable(target)? {
            Some(old) => without_set_id(old.permissions()),
            None => without_set_id(source.metadata()?.permissions()),
        };
        let mut options = DiskOptions::new();
        options.write(true);
        let (mut file, draft) = Self::make(target, Base::Replaced, kept, &options, sync)?;
        cancel::copy(&mut source, &mut file)?;
        Ok((file, draft))
    }

    fn make(
        target: &Path,
        base: Base,
        permissions: Permissions,
        options: &DiskOptions,
        sync: bool,
    ) -> Result<(DiskFile, Self)> {
        let temporary = target.with_file_name(draft_name());
        let file = create_private(&temporary, options)?;
        let draft = Self {
            temporary,
            target: target.to_owned(),
            changed: !matches!(base, Base::Copied(_)),
            base,
            permissions,
            sync,
            lasting: false,
        };
        Ok((file, draft))
    }

    /// Makes an empty draft that replaces `target`.
    pub(super) fn replacing(
        target: &Path,
        permissions: Permissions,
        sync: bool,
    ) -> Result<(DiskFile, Self)> {
        let mut options = DiskOptions::new();
        options.read(true).write(true);
        Self::make(target, Base::Replaced, permissions, &options, sync)
    }

    /// Makes a draft from an existing file, which is kept if the draft is dropped.
    pub(super) fn of(
        temporary: PathBuf,
        target: &Path,
        permissions: Permissions,
        sync: bool,
    ) -> Self {
        Self {
            temporary,
            target: target.to_owned(),
            base: Base::Replaced,
            permissions,
            changed: true,
            sync,
            lasting: true,
        }
    }

    /// Replaces the target with the draft, in one step.
    pub(super) fn publish(self, file: DiskFile) -> Result<()> {
        match self.changed {
            true => {
                let there = file.metadata()?;
                self.complete(file, &there)?;
                self.rename()
            }
            false => Ok(()),
        }
    }

    /// Sets the permissions of the content, and syncs it if requested. `there` is its current metadata.
    pub(super) fn complete(&self, file: DiskFile, there: &Metadata) -> Result<()> {
        // A disk without permissions returns the same ones for all files, and does not allow setting them.
        if there.permissions() != self.permissions {
            file.set_permissions(self.permissions.clone())?;
        }
        if self.sync {
            file.sync_all()?;
        }
        Ok(())
    }

    /// Renames the complete draft to the target.
    pub(super) fn rename(mut self) -> Result<()> {
        match &self.base {
            Base::Replaced => fs::rename(&self.temporary, &self.target)?,
            Base::Absent => {
                rename_new(&self.temporary, &self.target, ErrorKind::FileExists)?;
            }
            Base::Copied(stamp) => {
                let now = fs::symlink_metadata(&self.target)?;
                if Stamp::new(&now) != *stamp {
                    return Err(Error::new(ErrorKind::ResourceChanged)
                        .with_message("the file was replaced or changed after it was opened")
                        .with_hint("open it again"));
                }
                fs::rename(&self.temporary, &self.target)?;
            }
        }
        // The draft has been renamed.
        self.lasting = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.lasting {
            return;
        }
        match fs::remove_file(&self.temporary) {
            Err(error) if !is_missing(&error) => {
                log::warn!(
                    "the temporary file {} could not be removed: {error}",
                    self.temporary.display()
                );
            }
            _ => {}
        }
    }
}

/// Creates a file that only its owner can open.
pub(super) fn create_private(path: &Path, options: &DiskOptions) -> io::Result<DiskFile> {
    let mut options = options.clone();
    options.create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Returns the permissions of a file at `target` once it is written: those of the file that it replaces, or those of any new
/// file in that directory.
pub(super) fn permissions_at(target: &Path, old: Option<&Metadata>) -> io::Result<Permissions> {
    match old {
        Some(old) => Ok(without_set_id(old.permissions())),
        None => Ok(new_file_at(target)?.permissions()),
    }
}

/// Removes the set-user-ID and set-group-ID bits from the permissions of a new file. The file may have another owner, and
/// the bits would grant that owner's rights to others.
fn without_set_id(permissions: Permissions) -> Permissions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        Permissions::from_mode(permissions.mode() & 0o777)
    }
    #[cfg(not(unix))]
    permissions
}

/// Returns the metadata of a new file beside `target`: its permissions, which depend on the umask and the defaults of the
/// directory, and its owner, which is another user on some network disks. Only a new file shows both reliably.
pub(super) fn new_file_at(target: &Path) -> io::Result<Metadata> {
    let path = target.with_file_name(draft_name());
    let mut options = DiskOptions::new();
    let made = options.write(true).create_new(true).open(&path)?;
    let metadata = made.metadata();
    drop(made);
    fs::remove_file(&path)?;
    metadata
}

/// Detects whether a file was changed or replaced.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    identity: Option<(u64, u64)>,
}

impl Stamp {
    pub(super) fn new(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(metadata),
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }
}

/// Returns a value that is equal for all names of a file, if the system provides one.
pub(super) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Renames a file to a name that does not exist. If several callers try, one succeeds.
pub(super) fn rename_new(from: &Path, to: &Path, taken: ErrorKind) -> Result<()> {
    let exists = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::new(taken).with_message("another writer created it in the meantime")
        }
        _ => error.into(),
    };
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from).map_err(|error| {
            // No other program can use the file under this name yet.
            let undone = fs::remove_file(to);
            Error::from(undone.err().unwrap_or(error))
        }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(error)),
        Err(_) => {
            // The disk has no hard links: an empty file reserves the name first.
            DiskOptions::new()
                .write(true)
                .create_new(true)
                .open(to)
                .map_err(exists)?;
            fs::rename(from, to).map_err(|error| {
                let undone = fs::remove_file(to);
                Error::from(undone.err().unwrap_or(error))
            })
        }
    }
}

/// Returns the metadata of the target if it is a file that may be replaced. `None` if it does not exist.
pub(super) fn replaceable(target: &Path) -> Result<Option<Metadata>> {
    if let Some(why) = why_reserved(target.file_name().unwrap_or_default()) {
        return Err(Error::new(ErrorKind::InvalidPath)
            .with_message(why)
            .with_hint("choose another name; nothing was changed"));
    }
    let old = match fs::symlink_metadata(target) {
        Err(error) if is_missing(&error) => return Ok(None),
        old => old?,
    };
    regular(&old)?;
    // A rename would replace even a write-protected file.
    DiskOptions::new().write(true).open(target)?;
    Ok(Some(old))
}

/// Prefix of the names of incomplete files that can be resumed. Listings leave them out.
pub(super) const PARTIAL_PREFIX: &str = ".s3fs-partial-";

/// Prefix of the names of drafts, of any program. Listings leave them out.
const DRAFT_PREFIX: &str = ".s3fs-draft-";

/// Returns true for an unpublished file, one that was left by a terminated program, or a download that can be resumed.
pub(super) fn is_draft(name: &OsStr) -> bool {
    let begins = |prefix: &str| {
        // Some disks are case-insensitive.
        let begin = name.as_encoded_bytes().get(..prefix.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    [DRAFT_PREFIX, PARTIAL_PREFIX].into_iter().any(begins)
}

/// Returns the reason why no file with this name may be stored, if there is one: listings would leave it out, and a later
/// download of this name would resume from it.
pub(crate) fn why_reserved(name: &OsStr) -> Option<&'static str> {
    is_draft(name).then_some(
        "names on the local disk that begin with .s3fs-draft- or .s3fs-partial- are reserved for \
         incomplete files, such as downloads that can be resumed",
    )
}

/// Returns an error unless this is a regular file, which can be read and written to its end.
pub(super) fn regular(metadata: &Metadata) -> Result<()> {
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::FileExpected));
    }
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_message("it is not a regular file, but a link, a device, a pipe or a socket"));
    }
    Ok(())
}

/// Returns a name that no file has.
fn draft_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static RANDOM: OnceLock<u64> = OnceLock::new();
    let random = RANDOM.get_or_init(|| RandomState::new().hash_one(std::process::id()));
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{DRAFT_PREFIX}{random:016x}-{number}")
}
