//! [`Incoming`]: a file on the local disk that is written at any place, by several threads, and becomes
//! the file when it is whole; and [`Outgoing`], one that is read so.

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

/// The longest name that is part of a partial file's name: all together, 255 bytes are a limit.
const MAX_NAME_BYTES: usize = 200;

/// A file that comes in pieces. Nobody sees it by its name before it is whole; dropping it removes
/// what there is, unless it can be resumed.
pub(crate) struct Incoming {
    file: DiskFile,
    draft: Draft,
    record: Option<Mutex<Record>>,
}

/// How the file is to be on the disk.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'k> {
    /// Whether its content is synced before it gets its name.
    pub(super) sync: bool,
    /// What is known of its directory.
    pub(super) kept: &'k Kept,
}

impl Wanted<'_> {
    /// The permissions of the file: those of the one that it replaces, or those of a new file in that directory.
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

/// What the file is, for one that resumes it: it stands behind the last byte until all are there.
struct Record {
    identity: [u8; 32],
    size: u64,
    /// Number of bytes on the disk, from the first one on.
    done: u64,
}

impl Incoming {
    /// A file to be written in place of the one that is there, if any.
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

    /// The same of what `source` names for certain, and how much of it an earlier call left there. Where
    /// something stands in the place of what is left that this user did not make and cannot remove, it
    /// is a file of its own that nobody can resume.
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
                "{}: it is not a file that this download may go on from, and it stays; the download begins \
                 anew, and cannot be resumed",
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

    /// Whether an earlier call left something of a file that is to be there.
    pub(crate) fn is_begun(place: &Place) -> bool {
        let partial = partial(&place.real);
        let begun = fs::symlink_metadata(&partial).ok();
        let begun = begun.filter(|own| own.is_file() && own.len() > 0);
        begun.is_some_and(|own| {
            new_file_at(&partial).is_ok_and(|new| is_own(&own, &new) && is_private(&own))
        })
    }

    /// Whether written content stays after an error, if [`have`](Self::have) is called.
    pub(crate) fn is_resumable(&self) -> bool {
        self.record.is_some()
    }

    /// Writes bytes where they belong.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        write_all_at(&self.file, bytes, offset)?;
        Ok(())
    }

    /// Notes that the first `count` bytes are there: they are on the disk before the note
    /// is.
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

    /// Makes it the file, in one step.
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
                .with_message(format!("{there} bytes were written, and not {size}")));
        }
        set_modified(&self.file, modified)?;
        // The lock stays until it has its name: nobody may begin anew in the file meanwhile.
        let locked = self.record.is_some().then(|| self.file.try_clone());
        let _locked = locked.transpose()?;
        self.draft.complete(self.file, &metadata)?;
        kept.change_names(|| self.draft.rename())
    }

    /// Stores a file whose content is at hand: as a file that begins, is written and is published, but without others
    /// that change names in between.
    pub(super) fn store(
        place: &Place,
        content: &[u8],
        modified: Option<OffsetDateTime>,
        wanted: Wanted<'_>,
    ) -> Result<()> {
        if wanted.sync {
            // Nobody waits for another one's disk.
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

/// Gives the file that time of its last change.
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

    /// How much the file has, if it is this one and says so.
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

/// Where a file is kept that can be resumed: its name is always the same.
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

/// Opens a file, or makes it, for this call and no other at the same time. What is there is used only
/// if nobody else can have made it or can write to it: a plain file with this one name, of this user,
/// and private. Anything else of this user is removed. What is of somebody else is not touched: then
/// there is no file.
fn open_alone(path: &Path) -> Result<Option<DiskFile>> {
    let taken = || {
        Error::new(ErrorKind::OperationFailed)
            .with_message(format!("another download is at work on {}", path.display()))
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
    // The other one may have published it, or something else have come, before it was locked.
    let now = fs::symlink_metadata(path).map_err(|_| taken())?;
    let opened = file.metadata()?;
    let is_the_same = now.is_file() && identity(&now) == identity(&opened);
    if !is_the_same || !is_own(&opened, &new) || !is_private(&opened) {
        return Err(taken());
    }
    Ok(Some(file))
}

/// Whether both files have one owner, where files have owners.
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

/// Whether it is a regular file with one name that only its owner can write to. A link is none: through
/// it a file elsewhere could be written.
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

/// A file that is read at any place, as it was when it was opened.
pub(crate) struct Outgoing {
    file: DiskFile,
    stamp: Stamp,
}

impl Outgoing {
    /// Opens the file at that place.
    pub(crate) fn open(place: &Place) -> Result<Self> {
        regular(&fs::metadata(&place.real)?)?;
        let file = DiskFile::open(&place.real)?;
        let metadata = file.metadata()?;
        regular(&metadata)?;
        let stamp = Stamp::new(&metadata);
        Ok(Self { file, stamp })
    }

    /// Reads some of the bytes from that offset on.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_at(&self.file, buffer, offset)
    }

    /// The time of its last change.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.stamp.modified()
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.stamp.size()
    }

    /// An error if it is not what it was.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        if Stamp::new(&self.file.metadata()?) == self.stamp {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ResourceChanged)
            .with_message("the file on the local disk changed while it was read")
            .with_hint("nothing was stored; try again when nobody writes it"))
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

    /// A directory that goes when the test ends.
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
        // One that is not whole is not published.
        let incoming = Incoming::begin(&place, wanted()).unwrap();
        incoming.write_at(b"x", 0).unwrap();
        assert!(incoming.publish(4, None, wanted().kept).is_err());
        assert_eq!(fs::read(&place.real).unwrap(), b"abcd");
        assert_eq!(scratch.names(), ["f"]);
    }

    #[test]
    fn what_was_noted_is_there_for_the_one_that_resumes_the_same_and_no_other() {
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
            // Nothing of the old bytes is left.
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
    fn two_never_resume_one_file_at_the_same_time() {
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
    fn a_file_that_changes_is_told() {
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
