//! Lists of all operations of a filesystem that take a path, so that a test of a common property
//! covers all of them.

use std::io::{Read as _, Write as _};

use s3fs::{
    FileSystem, FileSystemExt as _, MakedirOptions, Namespaces, OpenOptions, RawInfo, Result, S3Fs,
};

/// An operation.
pub struct Operation {
    pub name: &'static str,
    run: fn(&S3Fs, &str) -> Result<()>,
}

impl Operation {
    const fn new(name: &'static str, run: fn(&S3Fs, &str) -> Result<()>) -> Self {
        Self { name, run }
    }

    /// Whether the server decides that the written resource is new: if all responses are lost, or have
    /// no information, the owner of the file is unknown.
    pub fn is_exclusive(&self) -> bool {
        matches!(
            self.name,
            "openbin x" | "openbin x+" | "create" | "touch" | "makedir" | "makedir recreate"
        )
    }

    pub fn on(&self, fs: &S3Fs, path: &str) -> Result<()> {
        (self.run)(fs, path)
    }
}

/// Operations that send requests.
pub fn asking() -> impl Iterator<Item = &'static Operation> {
    READING.iter().chain(CHANGING)
}

/// All operations.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    LOCAL.iter().chain(asking())
}

/// Operations that send no request.
pub const LOCAL: &[Operation] = &[
    Operation::new("validatepath", |fs, path| fs.validatepath(path).map(drop)),
    Operation::new("geturl", |fs, path| fs.geturl(path).map(drop)),
    Operation::new("geturl_for fs", |fs, path| {
        fs.geturl_for(path, "fs").map(drop)
    }),
    Operation::new("presign", |fs, path| fs.presign(path)?.url().map(drop)),
];

/// Operations that change nothing.
pub const READING: &[Operation] = &[
    Operation::new("getinfo", |fs, path| {
        fs.getinfo(path, Namespaces::S3 | Namespaces::URLS)
            .map(drop)
    }),
    Operation::new("getbasic", |fs, path| fs.getbasic(path).map(drop)),
    Operation::new("getdetails", |fs, path| fs.getdetails(path).map(drop)),
    Operation::new("getsize", |fs, path| fs.getsize(path).map(drop)),
    Operation::new("gettype", |fs, path| fs.gettype(path).map(drop)),
    Operation::new("exists", |fs, path| fs.exists(path).map(drop)),
    Operation::new("isfile", |fs, path| fs.isfile(path).map(drop)),
    Operation::new("isdir", |fs, path| fs.isdir(path).map(drop)),
    Operation::new("isempty", |fs, path| fs.isempty(path).map(drop)),
    Operation::new("listdir", |fs, path| fs.listdir(path).map(drop)),
    Operation::new("scandir", |fs, path| scan(fs, path, Namespaces::DETAILS)),
    Operation::new("scandir s3", |fs, path| scan(fs, path, Namespaces::S3)),
    Operation::new("readbytes", |fs, path| fs.readbytes(path).map(drop)),
    Operation::new("readtext", |fs, path| fs.readtext(path).map(drop)),
    Operation::new("openbin r", |fs, path| {
        let mut file = fs.openbin(path, "r")?;
        file.read_to_end(&mut Vec::new())?;
        file.close()
    }),
    Operation::new("open_read", |fs, path| {
        let mut file = fs.open_read(path, &OpenOptions::new())?;
        file.read_to_end(&mut Vec::new())?;
        Ok(())
    }),
];

/// Operations that change something.
pub const CHANGING: &[Operation] = &[
    Operation::new("makedir", |fs, path| fs.makedir(path)),
    Operation::new("makedir recreate", |fs, path| {
        fs.makedir_with(path, &MakedirOptions::new().recreate(true))
    }),
    Operation::new("openbin w", |fs, path| write(fs, path, "w")),
    Operation::new("openbin x", |fs, path| write(fs, path, "x")),
    Operation::new("openbin a", |fs, path| write(fs, path, "a")),
    Operation::new("openbin r+", |fs, path| write(fs, path, "r+")),
    Operation::new("openbin w+", |fs, path| write(fs, path, "w+")),
    Operation::new("openbin x+", |fs, path| write(fs, path, "x+")),
    Operation::new("openbin a+", |fs, path| write(fs, path, "a+")),
    Operation::new("write_with", |fs, path| {
        fs.write_with(path, |file| file.write_all(b"new"))
    }),
    Operation::new("writebytes", |fs, path| fs.writebytes(path, b"new")),
    Operation::new("writetext", |fs, path| fs.writetext(path, "new")),
    Operation::new("create", |fs, path| fs.create(path, false).map(drop)),
    Operation::new("create wipe", |fs, path| fs.create(path, true).map(drop)),
    Operation::new("touch", |fs, path| fs.touch(path)),
    Operation::new("remove", |fs, path| fs.remove(path)),
    Operation::new("removedir", |fs, path| fs.removedir(path)),
    Operation::new("setinfo", |fs, path| {
        fs.setinfo(
            path,
            &RawInfo::new().with("s3", "content_type", "text/x-new"),
        )
    }),
];

fn scan(fs: &S3Fs, path: &str, namespaces: Namespaces) -> Result<()> {
    fs.scandir(path, namespaces)?
        .try_for_each(|info| info.map(drop))
}

fn write(fs: &S3Fs, path: &str, mode: &str) -> Result<()> {
    let mut file = fs.openbin(path, mode)?;
    file.write_all(b"new")?;
    file.close()
}
