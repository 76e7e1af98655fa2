//! [`Incoming`]: a file on the local disk that is written at any offset, by several threads, and replaces the target when it
//! is complete. [`Outgoing`]: a file that is read at any offset.

use std::fs::{
    self, File as DiskFile, FileTimes, Metadata, OpenOptions as DiskOptions, Permissions,
    TryLockError,
};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crc::{CRC_32_ISO_HDLC, Crc};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::file::{
    Draft, PARTIAL_PREFIX, Stamp, create_private, identity, new_file_at, permissions_at, regular,
    replaceable,
};
use super::place::{Place, is_missing};
use crate::dates::to_system;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::capabilities::Kept;

/// Maximum length of a name that is part of the name of a partial file. The limit of the whole name is 255 bytes.
const MAX_NAME_BYTES: usize = 200;

/// A file that is received in pieces. It is not visible under its name before it is complete. Dropping it removes the
/// received content, unless it can be resumed.
pub(crate) struct Incoming {
    file: DiskFile,
    draft: Draft,
    record: Option<Mutex<Record>>,
}

/// Options for storing the file on the disk.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'k> {
    /// Whether its content is synced before it gets its name.
    pub(super) sync: bool,
    /// Cached facts about its directory.
    pub(super) kept: &'k Kept,
}

impl Wanted<'_> {
    /// Returns the permissions of the file: those of the replaced file, or those of a new file in that directory.
    fn permissions(self, target: &Path, old: Option<&Metadata>) -> io::Result<Permissions> {
        match (old, target.parent()) {
            (None, Some(directory)) => {
                let look = || permissions_at(target, None);
                self.kept.permissions(directory, look)
            }
            _ => permissions_at(target, old),
        }
    }
}

/// Identifies the file and its progress for a later resume. It is stored after the last byte of the content until the
/// content is complete.
struct Record {
    identity: [u8; 32],
    size: u64,
    /// Number of bytes on the disk, counted from the first byte.
    done: u64,
}

impl Incoming {
    /// Begins a file that replaces the existing one, if any.
    pub(super) fn begin(place: &Place, wanted: Wanted<'_>) -> Result<Self> {
        let old = replaceable(&place.real)?;
        let permissions = wanted.permissions(&place.real, old.as_ref())?;
        let make = || Draft::replacing(&place.real, permissions, wanted.sync);
        let (file, draft) = wanted.kept.change_names(make)?;
        Ok(Self {
            file,
            draft,
            record: None,
        })
    }

    /// Begins or resumes a file. `source` identifies the source version. Returns the number of bytes that an earlier call
    /// left. If the name of the partial file is taken by a file or directory that this user did not make and cannot remove,
    /// the content goes to a separate file that cannot be resumed.
    pub(super) fn resume(
        place: &Place,
        source: &str,
        size: u64,
        wanted: Wanted<'_>,
    ) -> Result<(Self, u64)> {
        let old = replaceable(&place.real)?;
        let partial = partial(&place.real);
        let Some(file) = open_alone(&partial)? else {
            log::warn!(
                "{}: this download cannot resume from the file, which is kept; the download starts \
                 from the beginning and cannot be resumed",
                partial.display()
            );
            return Ok((Self::begin(place, wanted)?, 0));
        };
        let mut record = Record {
            identity: Sha256::digest(source).into(),
            size,
            done: 0,
        };
        match record.read(&file)? {
            Some(done) => record.done = done,
            None => {
                file.set_len(0)?;
                record.write(&file)?;
            }
        }
        let permissions = wanted.permissions(&place.real, old.as_ref())?;
        let done = record.done;
        let draft = Draft::of(partial, &place.real, permissions, wanted.sync);
        let record = Some(Mutex::new(record));
        Ok((
            Self {
                file,
                draft,
                record,
            },
            done,
        ))
    }

    /// Returns true if an earlier call left part of the file.
    pub(crate) fn is_begun(place: &Place) -> bool {
        let partial = partial(&place.real);
        let begun = fs::symlink_metadata(&partial).ok();
        let begun = begun.filter(|own| own.is_file() && own.len() > 0);
        begun.is_some_and(|own| {
            new_file_at(&partial).is_ok_and(|new| is_own(&own, &new) && is_private(&own))
        })
    }

    /// Returns true if written content is kept after an error, provided that [`have`](Self::have) is called.
    pub(crate) fn is_resumable(&self) -> bool {
        self.record.is_some()
    }

    /// Writes bytes at an offset.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        write_all_at(&self.file, bytes, offset)?;
        Ok(())
    }

    /// Records that the first `done` bytes are present. They are synced to the disk before the record is written.
    pub(crate) fn have(&self, done: u64) -> Result<()> {
        let Some(record) = &self.record else {
            return Ok(());
        };
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        if done > record.done {
            self.file.sync_data()?;
            record.done = done;
            record.write(&self.file)?;
        }
        Ok(())
    }

    /// Replaces the target with this file, in one step.
    pub(super) fn publish(
        self,
        size: u64,
        modified: Option<OffsetDateTime>,
        kept: &Kept,
    ) -> Result<()> {
        if self.record.is_some() {
            self.file.set_len(size)?;
        }
        let metadata = self.file.metadata()?;
        let there = metadata.len();
        if there != size {
            return Err(Error::new(ErrorKind::OperationFailed)
                .with_message(format!("{there} bytes were written instead of {size}")));
        }
        set_modified(&self.file, modified)?;
        // The lock is held until the file has its name, so that no other download can start anew in the file.
        let locked = self.record.is_some().then(|| self.file.try_clone());
        let _locked = locked.transpose()?;
        self.draft.complete(self.file, &metadata)?;
        kept.change_names(|| self.draft.rename())
    }

    /// Stores a file whose content is in memory: like beginning, writing and publishing it, but without other threads that
    /// change names in between.
    pub(super) fn store(
        place: &Place,
        content: &[u8],
        modified: Option<OffsetDateTime>,
        wanted: Wanted<'_>,
    ) -> Result<()> {
        if wanted.sync {
            // Syncing is slow, so that other threads must not wait for it.
            let incoming = Self::begin(place, wanted)?;
            incoming.write_at(content, 0)?;
            return incoming.publish(content.len() as u64, modified, wanted.kept);
        }
        let old = replaceable(&place.real)?;
        let permissions = wanted.permissions(&place.real, old.as_ref())?;
        wanted.kept.change_names(|| {
            let (mut file, draft) = Draft::replacing(&place.real, permissions, false)?;
            file.write_all(content)?;
            set_modified(&file, modified)?;
            let there = file.metadata()?;
            draft.complete(file, &there)?;
            draft.rename()
        })
    }
}

/// Sets the time of the last change of a file.
fn set_modified(file: &DiskFile, modified: Option<OffsetDateTime>) -> io::Result<()> {
    match modified.and_then(to_system) {
        Some(modified) => file.set_times(FileTimes::new().set_modified(modified)),
        None => Ok(()),
    }
}

impl Record {
    const MAGIC: &[u8] = b"s3fs-1\r\n";
    const LENGTH: usize = Self::MAGIC.len() + 32 + 8 + 4;

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Self::MAGIC.to_vec();
        bytes.extend(self.identity);
        bytes.extend(self.done.to_le_bytes());
        let sum = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    fn write(&self, file: &DiskFile) -> io::Result<()> {
        write_all_at(file, &self.to_bytes(), self.size)
    }

    /// Returns the recorded number of bytes, if the record belongs to this file and is valid.
    fn read(&self, file: &DiskFile) -> io::Result<Option<u64>> {
        if Some(file.metadata()?.len()) != self.size.checked_add(Self::LENGTH as u64) {
            return Ok(None);
        }
        let mut bytes = [0; Self::LENGTH];
        let mut filled = 0;
        while let count @ 1.. = read_at(file, &mut bytes[filled..], self.size + filled as u64)? {
            filled += count;
        }
        let at = Self::MAGIC.len() + 32;
        let done = bytes[at..]
            .first_chunk()
            .map(|done| u64::from_le_bytes(*done));
        let said = Self {
            done: done.unwrap_or_default(),
            ..*self
        };
        Ok(done.filter(|done| *done <= self.size && said.to_bytes() == bytes))
    }
}

/// Returns the path of the partial file, which can be resumed. It is always the same for a target.
fn partial(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default();
    let mut partial = std::ffi::OsString::from(PARTIAL_PREFIX);
    if name.len() <= MAX_NAME_BYTES {
        partial.push(name);
    } else {
        for byte in Sha256::digest(name.as_encoded_bytes()) {
            partial.push(format!("{byte:02x}"));
        }
    }
    target.with_file_name(partial)
}

/// Opens or makes a file and locks it against other calls. An existing file is used only if no other user can have made it
/// or can write to it: a regular file with one name, of this user, and private. Other files of this user are removed. Files
/// of other users are not touched, and `None` is returned.
fn open_alone(path: &Path) -> Result<Option<DiskFile>> {
    let taken = || {
        Error::new(ErrorKind::OperationFailed)
            .with_message(format!("another download is using {}", path.display()))
            .with_hint("wait for it, or download without resume")
    };
    let new = new_file_at(path)?;
    match fs::symlink_metadata(path) {
        Ok(own) if !is_own(&own, &new) || own.is_dir() => return Ok(None),
        Ok(own) if !is_private(&own) => fs::remove_file(path)?,
        Err(error) if !is_missing(&error) => return Err(error.into()),
        _ => {}
    }
    let mut options = DiskOptions::new();
    options.read(true).write(true);
    let file = match create_private(path, &options) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path)?,
        made => made?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(taken()),
        Err(TryLockError::Error(error)) => {
            return Err(Error::from(error).with_hint("download without resume"));
        }
    }
    // Another download may have published the file, or another file may have taken the name, before the lock was taken.
    let now = fs::symlink_metadata(path).map_err(|_| taken())?;
    let opened = file.metadata()?;
    let is_the_same = now.is_file() && identity(&now) == identity(&opened);
    if !is_the_same || !is_own(&opened, &new) || !is_private(&opened) {
        return Err(taken());
    }
    Ok(Some(file))
}

/// Returns true if both files have the same owner, or if the system has no owners.
fn is_own(found: &fs::Metadata, new: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        found.uid() == new.uid()
    }
    #[cfg(not(unix))]
    {
        let _ = (found, new);
        true
    }
}

/// Returns true for a regular file with one name that only its owner can write to. A link is not private, because a file
/// elsewhere could be written through it.
fn is_private(found: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        found.is_file() && found.nlink() == 1 && found.mode() & 0o022 == 0
    }
    #[cfg(not(unix))]
    {
        found.is_file()
    }
}

/// A file that is read at any offset, in the version that was opened.
pub(crate) struct Outgoing {
    file: DiskFile,
    stamp: Stamp,
}

impl Outgoing {
    /// Opens the file at a place.
    pub(crate) fn open(place: &Place) -> Result<Self> {
        regular(&fs::metadata(&place.real)?)?;
        let file = DiskFile::open(&place.real)?;
        let metadata = file.metadata()?;
        regular(&metadata)?;
        let stamp = Stamp::new(&metadata);
        Ok(Self { file, stamp })
    }

    /// Reads some of the bytes starting at `offset`.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_at(&self.file, buffer, offset)
    }

    /// Time of the last change.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.stamp.modified()
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.stamp.size()
    }

    /// Returns an error if the file changed since it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        if Stamp::new(&self.file.metadata()?) == self.stamp {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ResourceChanged)
            .with_message("the file on the local disk changed while it was read")
            .with_hint("nothing was stored; try again when no program is writing the file"))
    }
}

fn write_all_at(file: &DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
    }
    #[cfg(windows)]
    {
        let (mut rest, mut offset) = (bytes, offset);
        while !rest.is_empty() {
            let count = std::os::windows::fs::FileExt::seek_write(file, rest, offset)?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[count..];
            offset += count as u64;
        }
        Ok(())
    }
}

fn read_at(file: &DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_at(file, buffer, offset)
    }
    #[cfg(windows)]
    {
        std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    /// A directory that is removed when the test ends.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let name = format!("s3fs-incoming-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(fs::canonicalize(path).unwrap())
        }

        fn place(&self, name: &str) -> Place {
            Place::at(&self.0.join(name)).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(&self.0).unwrap();
            let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
            let mut names: Vec<_> = names.map(|n| name(n).into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Files that are not synced.
    fn wanted() -> Wanted<'static> {
        static KEPT: LazyLock<Kept> = LazyLock::new(Kept::default);
        Wanted {
            sync: false,
            kept: &KEPT,
        }
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let scratch = Scratch::new("whole");
        let place = scratch.place("f");
        let incoming = Incoming::begin(&place, wanted()).unwrap();
        incoming.write_at(b"cd", 2).unwrap();
        drop(incoming);
        assert!(scratch.names().is_empty());
        let incoming = Incoming::begin(&place, wanted()).unwrap();
        incoming.write_at(b"cd", 2).unwrap();
        assert!(!scratch.names().contains(&"f".to_owned()));
        incoming.write_at(b"ab", 0).unwrap();
        incoming.publish(4, None, wanted().kept).unwrap();
        assert_eq!(scratch.names(), ["f"]);
        assert_eq!(fs::read(&place.real).unwrap(), b"abcd");
        // An incomplete file is not published.
        let incoming = Incoming::begin(&place, wanted()).unwrap();
        incoming.write_at(b"x", 0).unwrap();
        assert!(incoming.publish(4, None, wanted().kept).is_err());
        assert_eq!(fs::read(&place.real).unwrap(), b"abcd");
        assert_eq!(scratch.names(), ["f"]);
    }

    #[test]
    fn a_download_resumes_only_from_notes_about_the_same_source() {
        let scratch = Scratch::new("resume");
        let place = scratch.place("f");
        let begin = |source: &str, size| Incoming::resume(&place, source, size, wanted()).unwrap();
        let (incoming, done) = begin("one", 6);
        assert_eq!(done, 0);
        incoming.write_at(b"abc", 0).unwrap();
        incoming.have(3).unwrap();
        incoming.write_at(b"de", 3).unwrap();
        drop(incoming);
        assert!(Incoming::is_begun(&place));
        let (incoming, done) = begin("one", 6);
        assert_eq!(done, 3);
        incoming.write_at(b"def", 3).unwrap();
        incoming.publish(6, None, wanted().kept).unwrap();
        assert_eq!(fs::read(&place.real).unwrap(), b"abcdef");
        assert_eq!(scratch.names(), ["f"]);
        for (source, size) in [("two", 6), ("one", 7), ("one", 5)] {
            let (incoming, _) = begin("one", 6);
            incoming.write_at(b"abc", 0).unwrap();
            incoming.have(3).unwrap();
            drop(incoming);
            let (incoming, done) = begin(source, size);
            assert_eq!(done, 0, "{source} of {size}");
            // None of the old bytes are left.
            incoming.write_at(b"x", size - 1).unwrap();
            incoming.publish(size, None, wanted().kept).unwrap();
            let mut expected = vec![0; size as usize - 1];
            expected.push(b'x');
            assert_eq!(fs::read(&place.real).unwrap(), expected);
        }
    }

    #[test]
    fn a_damaged_note_is_none() {
        let scratch = Scratch::new("damaged");
        let place = scratch.place("f");
        let partial = partial(&place.real);
        for flipped in 6..6 + Record::LENGTH {
            let (incoming, _) = Incoming::resume(&place, "one", 6, wanted()).unwrap();
            incoming.write_at(b"abc", 0).unwrap();
            incoming.have(3).unwrap();
            drop(incoming);
            let mut bytes = fs::read(&partial).unwrap();
            bytes[flipped] ^= 1;
            fs::write(&partial, bytes).unwrap();
            let (_, done) = Incoming::resume(&place, "one", 6, wanted()).unwrap();
            assert_eq!(done, 0, "byte {flipped}");
        }
    }

    #[test]
    fn two_downloads_never_resume_one_file_at_the_same_time() {
        let scratch = Scratch::new("two");
        let place = scratch.place("f");
        let first = Incoming::resume(&place, "one", 6, wanted()).unwrap();
        let error = Incoming::resume(&place, "one", 6, wanted())
            .err()
            .expect("an error");
        assert!(error.to_string().contains("another download"), "{error}");
        drop(first);
        assert!(Incoming::resume(&place, "one", 6, wanted()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_partial_file_leads_nowhere() {
        let scratch = Scratch::new("link");
        let place = scratch.place("f");
        let partial = partial(&place.real);
        let elsewhere = scratch.0.join("elsewhere");
        for hard in [false, true] {
            fs::write(&elsewhere, "precious").unwrap();
            if hard {
                fs::hard_link(&elsewhere, &partial).unwrap();
            } else {
                std::os::unix::fs::symlink(&elsewhere, &partial).unwrap();
            }
            let (incoming, done) = Incoming::resume(&place, "one", 3, wanted()).unwrap();
            assert_eq!(done, 0);
            incoming.write_at(b"abc", 0).unwrap();
            incoming.publish(3, None, wanted().kept).unwrap();
            assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
            assert_eq!(fs::read(&place.real).unwrap(), b"abc");
        }
    }

    #[test]
    fn long_names_have_partial_files_too() {
        let scratch = Scratch::new("long");
        let place = scratch.place(&"n".repeat(255));
        let (incoming, _) = Incoming::resume(&place, "one", 1, wanted()).unwrap();
        incoming.write_at(b"x", 0).unwrap();
        incoming.publish(1, None, wanted().kept).unwrap();
        assert_eq!(fs::read(&place.real).unwrap(), b"x");
    }

    #[test]
    fn a_changed_file_is_reported() {
        let scratch = Scratch::new("changes");
        let place = scratch.place("f");
        fs::write(&place.real, "abc").unwrap();
        let outgoing = Outgoing::open(&place).unwrap();
        assert_eq!(outgoing.size(), 3);
        outgoing.check_unchanged().unwrap();
        fs::write(&place.real, "abcd").unwrap();
        let error = outgoing.check_unchanged().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceChanged);
        assert!(Outgoing::open(&scratch.place("no")).is_err());
    }
}
