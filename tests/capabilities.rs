//! Transfers in pieces with a filesystem that is not part of this crate.

use std::io::{self, Read};
use std::sync::Mutex;

use s3fs::copy::{copy_dir, copy_file};
use s3fs::{
    Capabilities, ErrorKind, File, FileSystem, FileSystemExt, Info, MakedirOptions, MemoryFs,
    Namespaces, OpenOptions, OsFs, PieceSink, RangedSource, RawInfo, Result, SourceOptions,
    Storage, Transfer, TransferOptions,
};

use crate::local::Directory;

const PIECE: u64 = 1000;

/// Files in memory that count as remote, and a log of the requests of transfers.
#[derive(Default)]
struct Remote {
    fs: MemoryFs,
    asked: Mutex<Vec<String>>,
    /// Number of bytes that a range has beyond the requested ones.
    surplus: i64,
}

impl Remote {
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    /// Returns the requests since the last call, sorted.
    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.sort();
        asked
    }
}

impl FileSystem for Remote {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        self.fs.getinfo(path, namespaces)
    }
    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        self.fs.listdir(path)
    }
    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.fs.makedir_with(path, options)
    }
    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        self.note(format!("open {path} {mode}"));
        self.fs.openbin_with(path, mode, options)
    }
    fn remove(&self, path: &str) -> Result<()> {
        self.fs.remove(path)
    }
    fn removedir(&self, path: &str) -> Result<()> {
        self.fs.removedir(path)
    }
    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        self.fs.setinfo(path, info)
    }
    fn capabilities(&self) -> Option<&dyn Capabilities> {
        Some(self)
    }
    fn close(&self) -> Result<()> {
        self.fs.close()
    }
    fn isclosed(&self) -> bool {
        self.fs.isclosed()
    }
}

impl Capabilities for Remote {
    fn storage(&self) -> Storage {
        Storage::Remote { workers: 4 }
    }
    fn open_source(
        &self,
        path: &str,
        _: &SourceOptions,
    ) -> Result<Option<Box<dyn RangedSource + '_>>> {
        Ok(Some(Box::new(Source {
            bytes: self.fs.readbytes(path)?,
            fs: self,
        })))
    }
    fn open_sink(&self, path: &str, _: &OpenOptions) -> Result<Option<Box<dyn PieceSink + '_>>> {
        Ok(Some(Box::new(Sink {
            path: path.to_owned(),
            fs: self,
        })))
    }
}

struct Source<'f> {
    bytes: Vec<u8>,
    fs: &'f Remote,
}

impl RangedSource for Source<'_> {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (&self.bytes[offset as usize..]).read(buffer)
    }
    fn range(&self, start: u64, end: u64) -> Result<Box<dyn Read + '_>> {
        self.fs.note(format!("range {start:05} {end:05}"));
        let end = end.saturating_add_signed(self.fs.surplus) as usize;
        Ok(Box::new(
            &self.bytes[start as usize..end.min(self.bytes.len())],
        ))
    }
    fn piece_size(&self) -> u64 {
        PIECE
    }
}

struct Sink<'f> {
    path: String,
    fs: &'f Remote,
}

impl PieceSink for Sink<'_> {
    fn store(&self, source: &dyn RangedSource, transfer: &Transfer<'_>) -> Result<()> {
        self.fs.note(format!("store {}", self.path));
        transfer.expect(source.size());
        let mut bytes = Vec::new();
        source.range(0, source.size())?.read_to_end(&mut bytes)?;
        source.check_unchanged()?;
        transfer.advance(source.size())?;
        self.fs.fs.writebytes(&self.path, &bytes)
    }
}

/// The filesystem of a directory that is removed when the test ends.
struct Scratch {
    fs: OsFs,
    _directory: Directory,
}

impl Scratch {
    fn new() -> Self {
        let directory = Directory::new();
        Self {
            fs: OsFs::new(&directory).unwrap(),
            _directory: directory,
        }
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[test]
fn files_of_any_remote_filesystem_are_downloaded_in_pieces() {
    let (remote, disk) = (Remote::default(), Scratch::new());
    remote.fs.makedir("d").unwrap();
    remote.fs.writebytes("d/f", &content(2500)).unwrap();
    let ranges = [
        "range 00000 01000",
        "range 01000 02000",
        "range 02000 02500",
    ];
    copy_file(&remote, "d/f", &disk.fs, "f", &TransferOptions::new()).unwrap();
    assert_eq!(disk.fs.readbytes("f").unwrap(), content(2500));
    assert_eq!(remote.asked(), ranges);
    // One thread reads it in one range.
    let one = TransferOptions::new().workers(1);
    copy_file(&remote, "d/f", &disk.fs, "one", &one).unwrap();
    assert_eq!(remote.asked(), ["range 00000 02500"]);
    // A directory of it behaves in the same way.
    let directory = remote.opendir("d").unwrap();
    copy_dir(
        &directory,
        "/",
        &disk.fs,
        "t",
        &TransferOptions::new().workers(3),
    )
    .unwrap();
    assert_eq!(disk.fs.readbytes("t/f").unwrap(), content(2500));
    assert_eq!(remote.asked(), ranges);
}

#[test]
fn files_of_the_local_disk_go_to_any_remote_filesystem() {
    let (remote, disk) = (Remote::default(), Scratch::new());
    disk.fs.writebytes("f", &content(2500)).unwrap();
    let mut seen = (0, 0);
    let options = TransferOptions::new().progress(|done, total| {
        seen = (done, total);
        Ok(())
    });
    copy_file(&disk.fs, "f", &remote, "g", &options).unwrap();
    drop(options);
    assert_eq!(remote.fs.readbytes("g").unwrap(), content(2500));
    assert_eq!(remote.asked(), ["store g"]);
    assert_eq!(seen, (2500, 2500));
    remote.fs.makedir("d").unwrap();
    let directory = remote.opendir("d").unwrap();
    copy_file(&disk.fs, "f", &directory, "h", &TransferOptions::new()).unwrap();
    assert_eq!(remote.asked(), ["store /d/h"]);
}

#[test]
fn files_between_two_remote_filesystems_stream() {
    let (from, to) = (Remote::default(), Remote::default());
    from.fs.writebytes("f", &content(2500)).unwrap();
    copy_file(&from, "f", &to, "g", &TransferOptions::new()).unwrap();
    assert_eq!(to.fs.readbytes("g").unwrap(), content(2500));
    assert_eq!(from.asked(), ["open f r"]);
    assert_eq!(to.asked(), ["open g w"]);
}

#[test]
fn a_range_of_the_wrong_length_is_an_error_and_the_old_file_stays() {
    for surplus in [-1, 1] {
        let disk = Scratch::new();
        let remote = Remote {
            surplus,
            ..Remote::default()
        };
        remote.fs.writebytes("f", &content(2500)).unwrap();
        disk.fs.writetext("f", "old").unwrap();
        let copied = copy_file(&remote, "f", &disk.fs, "f", &TransferOptions::new());
        let error = copied.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OperationFailed, "{error}");
        assert_eq!(error.path(), Some("f"));
        assert_eq!(disk.fs.readtext("f").unwrap(), "old");
        assert_eq!(disk.fs.listdir("/").unwrap(), ["f"]);
    }
}
