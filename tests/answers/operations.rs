//! The ways to read bytes, and the result of each.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use s3fs::{
    CopyOptions, Error, FileSystem as _, FileSystemExt as _, MemoryFs, OpenOptions, OsFs, RawInfo,
    Result, TransferOptions, copy, mirror, moving,
};

use super::scripted::Server;
use crate::local::Directory;

/// A way to read an object, `dir/file`.
pub struct Operation {
    pub name: &'static str,
    /// Whether the object is read once, from its first byte on.
    pub reads_once: bool,
    /// Whether an error may occur after a copy was made.
    pub copies_first: bool,
    pub run: fn(&Server) -> Outcome,
    /// Returns the expected copy for the content of the object.
    pub expected: fn(&[u8]) -> Vec<u8>,
}

/// Result of an operation.
pub struct Outcome {
    /// The bytes that were read or stored.
    pub copies: Vec<Vec<u8>>,
    pub error: Option<Error>,
}

impl From<Result<Vec<u8>>> for Outcome {
    fn from(result: Result<Vec<u8>>) -> Self {
        match result {
            Ok(content) => Self {
                copies: vec![content],
                error: None,
            },
            Err(error) => Self {
                copies: Vec::new(),
                error: Some(error),
            },
        }
    }
}

const PATH: &str = "dir/file";
const OLD: &[u8] = b"what was there before";

const READ: Operation = Operation {
    name: "",
    reads_once: false,
    copies_first: false,
    run: |server| server.open().readbytes(PATH).into(),
    expected: <[u8]>::to_vec,
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "readbytes",
        reads_once: true,
        ..READ
    },
    Operation {
        name: "download",
        reads_once: true,
        run: |server| {
            let mut content = Vec::new();
            let downloaded = server.open().download(PATH, &mut content);
            downloaded.map(|_| content).into()
        },
        ..READ
    },
    Operation {
        name: "open_read",
        run: |server| read_all(server, &OpenOptions::new()).into(),
        ..READ
    },
    Operation {
        name: "open_read after a HEAD",
        run: |server| read_all(server, &OpenOptions::new().first_window(0)).into(),
        ..READ
    },
    Operation {
        name: "open_read ahead",
        run: |server| read_all(server, &OpenOptions::new().read_ahead(2)).into(),
        ..READ
    },
    Operation {
        name: "a range in the middle",
        run: |server| read_middle(server).into(),
        expected: |content| content[content.len() / 2..].to_vec(),
        ..READ
    },
    Operation {
        name: "hash",
        run: |server| {
            let hash = server.open().hash(PATH, "sha256");
            hash.map(String::into_bytes).into()
        },
        expected: |content| {
            let fs = MemoryFs::new();
            fs.writebytes("file", content).expect("memory");
            fs.hash("file", "sha256").expect("a hash").into_bytes()
        },
        ..READ
    },
    Operation {
        name: "download_file in pieces",
        run: |server| {
            let options = TransferOptions::new().workers(3);
            to_disk(|disk| {
                let fs = server.open();
                fs.download_file(PATH, disk.join("file"), &options)
                    .map(|_| ())
            })
        },
        ..READ
    },
    Operation {
        name: "copy to the disk",
        run: |server| {
            to_disk(|disk| {
                let options = TransferOptions::new().workers(1);
                let target = OsFs::new(disk)?;
                copy::copy_dir(&server.open(), "dir", &target, "/", &options).map(|_| ())
            })
        },
        ..READ
    },
    Operation {
        name: "move to the disk",
        copies_first: true,
        run: |server| {
            to_disk(|disk| {
                let target = OsFs::new(disk)?;
                let options = TransferOptions::new().workers(3);
                moving::move_file(&server.open(), PATH, &target, "file", &options).map(drop)
            })
        },
        ..READ
    },
    Operation {
        name: "mirror to the disk",
        run: |server| {
            to_disk(|disk| {
                let target = OsFs::new(disk)?;
                let options = TransferOptions::new().copy_if_newer(false);
                let source = server.open();
                mirror::mirror(&source.opendir("dir")?, &target, &options).map(|_| ())
            })
        },
        ..READ
    },
    Operation {
        name: "move to another filesystem",
        copies_first: true,
        run: |server| {
            let target = MemoryFs::new();
            let options = TransferOptions::new();
            let moved = moving::move_dir(&server.open(), "dir", &target, "/", &options);
            Outcome {
                copies: target.readbytes("file").into_iter().collect(),
                error: moved.err(),
            }
        },
        ..READ
    },
    Operation {
        name: "append",
        run: |server| changed(server, server.open().appendbytes(PATH, b"tail")),
        expected: |content| [content, b"tail"].concat(),
        ..READ
    },
    Operation {
        name: "update",
        run: |server| changed(server, update(server)),
        expected: |content| {
            let middle = content.len() / 2;
            let behind = content.get(middle + 4..).unwrap_or_default();
            [&content[..middle], b"here", behind].concat()
        },
        ..READ
    },
    Operation {
        name: "copy in the bucket",
        run: |server| {
            let overwrite = CopyOptions::new().overwrite(true);
            let copied = server.open().copy_with(PATH, "copy", &overwrite);
            Outcome {
                copies: server.get("copy").into_iter().collect(),
                error: copied.err(),
            }
        },
        ..READ
    },
    Operation {
        name: "move in the bucket",
        copies_first: true,
        run: |server| {
            let overwrite = CopyOptions::new().overwrite(true);
            let moved = server.open().movefile_with(PATH, "copy", &overwrite);
            Outcome {
                copies: server.get("copy").into_iter().collect(),
                error: moved.err(),
            }
        },
        ..READ
    },
    Operation {
        name: "setinfo",
        run: |server| {
            let info = RawInfo::new().with("s3", "content_type", "text/csv");
            changed(server, server.open().setinfo(PATH, &info))
        },
        ..READ
    },
    Operation {
        name: "copydir in the bucket",
        run: |server| {
            let create = CopyOptions::new().create(true);
            let copied = server.open().copydir_with("dir", "copy", &create);
            Outcome {
                copies: server.get("copy/file").into_iter().collect(),
                error: copied.err(),
            }
        },
        ..READ
    },
    Operation {
        name: "movedir in the bucket",
        copies_first: true,
        run: |server| {
            let create = CopyOptions::new().create(true);
            let moved = server.open().movedir_with("dir", "copy", &create);
            Outcome {
                copies: server.get("copy/file").into_iter().collect(),
                error: moved.err(),
            }
        },
        ..READ
    },
];

fn read_all(server: &Server, options: &OpenOptions) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut file = server.open().open_read(PATH, options)?;
    file.read_to_end(&mut content)?;
    Ok(content)
}

fn read_middle(server: &Server) -> Result<Vec<u8>> {
    let mut file = server.open().open_read(PATH, &OpenOptions::new())?;
    let middle = file.size() / 2;
    file.seek(SeekFrom::Start(middle))?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

fn update(server: &Server) -> Result<()> {
    let mut file = server.open().openbin(PATH, "r+")?;
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size / 2))?;
    file.write_all(b"here")?;
    file.close()
}

/// The outcome of a change of the object itself, which counts as a copy if it succeeded.
fn changed(server: &Server, result: Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome {
            copies: server.get(PATH).into_iter().collect(),
            error: None,
        },
        Err(error) => Err(error).into(),
    }
}

/// The outcome of a write to the local disk: the content that replaced the old file, if any did.
fn to_disk(run: impl FnOnce(&std::path::Path) -> Result<()>) -> Outcome {
    let disk = Directory::new();
    let file = disk.join("file");
    fs::write(&file, OLD).expect("a directory of our own");
    let error = run(&disk).err();
    let now = fs::read(&file).expect("the old file, or the new one");
    let entries = fs::read_dir(&*disk).expect("a directory of our own");
    assert_eq!(entries.count(), 1, "nothing is left beside the file");
    Outcome {
        copies: Some(now).filter(|now| now != OLD).into_iter().collect(),
        error,
    }
}
