//! A call of a filesystem as a value, with its result and its form as a line of Rust.

use std::fmt::{self, Debug, Display};
use std::io::{Read, SeekFrom};

use s3fs::{
    CopyOptions, Error, ErrorKind, File, FileSystem, FileSystemExt, Info, MakedirOptions,
    Namespaces, RawInfo, Result,
};
use time::OffsetDateTime;

/// Number of files that can be open at a time, besides those that one call opens and closes.
pub const SLOTS: usize = 2;

/// The open files.
pub type Slots = [Option<Box<dyn File>>; SLOTS];

type Path = &'static str;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Methods that take one path.
    Ask(&'static str, Path),
    Makedir(Path, bool),
    Makedirs(Path, bool),
    Create(Path, bool),
    /// Methods that take a path and a text.
    Put(&'static str, Path, String),
    ScandirPrefix(Path, &'static str),
    Setinfo(Path, Change),
    /// Another program stores an object, without directories and their markers.
    Foreign(Path, String),
    /// Methods that take two paths and an option.
    Transfer(&'static str, Path, Path, Flags),
    /// Opens a file, runs the steps, and closes it.
    Edit(Path, Path, Vec<Step>),
    /// Opens a file that stays open.
    Open(usize, Path, Path),
    Take(usize, Step),
    Close(usize),
    Drop(usize),
}

/// A change for `setinfo`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    Nothing,
    Times,
    Back,
    Size,
    Permissions,
}

/// The options of a copy or move: `overwrite` for files, `create` for directories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flags {
    pub force: bool,
    pub preserve_time: bool,
}

/// A step with an open file.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Write(String),
    Read(u64),
    ReadToEnd,
    Seek(SeekFrom),
    SetLen(u64),
    Flush,
}

/// The result of a call: a value as text, or the kind and the path of its error.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Value(String),
    Failure(ErrorKind, Option<String>),
    /// The call was not possible: its file is not open.
    Skipped,
}

/// The methods of [`Call::Ask`].
pub const ASKS: [&str; 19] = [
    "exists",
    "isfile",
    "isdir",
    "isempty",
    "listdir",
    "scandir",
    "scantree",
    "getinfo",
    "getsize",
    "gettype",
    "getmodified",
    "islink",
    "validatepath",
    "readbytes",
    "readtext",
    "download",
    "touch",
    "settimes",
    "location",
];

/// More methods of [`Call::Ask`], which remove.
pub const REMOVALS: [&str; 4] = ["remove", "remove_many", "removedir", "removetree"];

/// The methods of [`Call::Put`].
pub const PUTS: [&str; 6] = [
    "writebytes",
    "writetext",
    "writefile",
    "upload",
    "appendbytes",
    "appendtext",
];

/// The methods of [`Call::Transfer`].
pub const TRANSFERS: [&str; 4] = ["copy", "movefile", "copydir", "movedir"];

impl Call {
    /// Returns the method of the call.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Ask(method, _) | Self::Put(method, ..) | Self::Transfer(method, ..) => method,
            Self::Makedir(..) => "makedir",
            Self::Makedirs(..) => "makedirs",
            Self::Create(..) => "create",
            Self::Foreign(..) => "foreign",
            Self::ScandirPrefix(..) => "scandir_prefix",
            Self::Setinfo(..) => "setinfo",
            Self::Edit(..) | Self::Open(..) => "openbin",
            Self::Take(_, step) => step.method(),
            Self::Close(_) => "close",
            Self::Drop(_) => "drop",
        }
    }

    /// Makes the call.
    pub fn make(&self, fs: &dyn FileSystem, slots: &mut Slots) -> Outcome {
        match self {
            Self::Ask(method, path) => ask(fs, method, path),
            Self::Makedir(path, recreate) => answer(fs.makedir_with(path, &making(*recreate))),
            Self::Makedirs(path, recreate) => answer(fs.makedirs_with(path, &making(*recreate))),
            Self::Create(path, wipe) => answer(fs.create(path, *wipe)),
            Self::Put(method, path, text) => put(fs, method, path, text),
            Self::Foreign(path, text) => answer(foreign(fs, path, text)),
            Self::ScandirPrefix(path, prefix) => {
                let entries = fs.scandir_prefix(path, prefix, Namespaces::BASIC);
                answer(entries.and_then(|entries| {
                    entries
                        .map(|info| Ok(brief(&info?)))
                        .collect::<Result<Vec<_>>>()
                }))
            }
            Self::Setinfo(path, change) => {
                answer(change.raw(fs, path).and_then(|raw| fs.setinfo(path, &raw)))
            }
            Self::Transfer(method, from, to, flags) => transfer(fs, method, from, to, *flags),
            Self::Edit(path, mode, steps) => edit(fs, path, mode, steps),
            Self::Open(slot, path, mode) => {
                // A file in the slot is dropped first, and not after the new one is opened.
                slots[*slot] = None;
                answer(fs.openbin(path, mode).map(|file| slots[*slot] = Some(file)))
            }
            Self::Take(slot, step) => match &mut slots[*slot] {
                Some(file) => step.take(&mut **file),
                None => Outcome::Skipped,
            },
            Self::Close(slot) => match slots[*slot].take() {
                Some(mut file) => answer(file.close()),
                None => Outcome::Skipped,
            },
            Self::Drop(slot) => match slots[*slot].take() {
                Some(_) => answer(Ok(())),
                None => Outcome::Skipped,
            },
        }
    }
}

fn answer<T: Debug>(result: Result<T>) -> Outcome {
    match result {
        Ok(value) => Outcome::Value(format!("{value:?}")),
        Err(error) => Outcome::Failure(error.kind(), error.path().map(str::to_owned)),
    }
}

fn making(recreate: bool) -> MakedirOptions {
    MakedirOptions::new().recreate(recreate)
}

/// Returns the properties that every filesystem has for a resource, without its time.
fn brief(info: &Info) -> (String, bool) {
    (info.name().to_owned(), info.is_dir())
}

fn detailed(info: &Info) -> (String, bool, Option<u64>) {
    (info.name().to_owned(), info.is_dir(), info.size())
}

fn when() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::days(10_000)
}

fn ask(fs: &dyn FileSystem, method: &str, path: &str) -> Outcome {
    match method {
        "exists" => answer(fs.exists(path)),
        "isfile" => answer(fs.isfile(path)),
        "isdir" => answer(fs.isdir(path)),
        "isempty" => answer(fs.isempty(path)),
        "listdir" => answer(fs.listdir(path)),
        "scandir" => answer(scandir(fs, path)),
        "scantree" => answer(scantree(fs, path)),
        "getinfo" => answer(
            fs.getinfo(path, Namespaces::DETAILS)
                .map(|info| detailed(&info)),
        ),
        "getsize" => answer(fs.getsize(path)),
        "gettype" => answer(fs.gettype(path)),
        // The times differ; a directory on S3 has one if it has a marker.
        "getmodified" => answer(fs.getmodified(path).map(|_| ())),
        "islink" => answer(fs.islink(path)),
        "validatepath" => answer(fs.validatepath(path)),
        "readbytes" => answer(fs.readbytes(path)),
        "readtext" => answer(fs.readtext(path)),
        "download" => {
            let mut bytes = Vec::new();
            answer(fs.download(path, &mut bytes).map(|count| (count, bytes)))
        }
        "touch" => answer(fs.touch(path)),
        "settimes" => answer(fs.settimes(path, Some(when()), Some(when()))),
        "location" => answer(match fs.capabilities() {
            Some(capabilities) => capabilities
                .location(path)
                .map(|location| location.is_some()),
            None => Ok(false),
        }),
        "remove" => answer(fs.remove(path)),
        "remove_many" => {
            let paths = [path, "a/b", "a", path, "a/b/c"];
            let removed = fs.remove_many(&paths).into_iter();
            answer(Ok(removed.map(answer).collect::<Vec<_>>()))
        }
        "removedir" => answer(fs.removedir(path)),
        "removetree" => answer(fs.removetree(path)),
        other => unreachable!("{other} takes more than a path"),
    }
}

fn scandir(fs: &dyn FileSystem, path: &str) -> Result<Vec<(String, bool, Option<u64>)>> {
    let entries = fs.scandir(path, Namespaces::DETAILS)?;
    entries.map(|info| Ok(detailed(&info?))).collect()
}

fn scantree(fs: &dyn FileSystem, path: &str) -> Result<Vec<(String, String, bool)>> {
    let entries = fs.scantree(path, Namespaces::BASIC)?;
    let entries = entries.map(|entry| {
        let (directory, info) = entry?;
        Ok((directory, info.name().to_owned(), info.is_dir()))
    });
    entries.collect()
}

fn put(fs: &dyn FileSystem, method: &str, path: &str, text: &str) -> Outcome {
    let bytes = text.as_bytes();
    match method {
        "writebytes" => answer(fs.writebytes(path, bytes)),
        "writetext" => answer(fs.writetext(path, text)),
        "writefile" => answer(fs.writefile(path, &mut &*bytes)),
        "upload" => answer(fs.upload(path, &mut &*bytes)),
        "appendbytes" => answer(fs.appendbytes(path, bytes)),
        "appendtext" => answer(fs.appendtext(path, text)),
        other => unreachable!("{other} takes no text"),
    }
}

/// Does the same on a filesystem whose directories are not implied by the files in them.
fn foreign(fs: &dyn FileSystem, path: &str, text: &str) -> Result<()> {
    let (parent, _) = path.rsplit_once('/').unwrap_or(("", path));
    fs.makedirs_with(parent, &making(true))?;
    fs.writebytes(path, text.as_bytes())
}

fn transfer(fs: &dyn FileSystem, method: &str, from: &str, to: &str, flags: Flags) -> Outcome {
    let options = CopyOptions::new().preserve_time(flags.preserve_time);
    let (file, directory) = (options.overwrite(flags.force), options.create(flags.force));
    match method {
        "copy" => answer(fs.copy_with(from, to, &file)),
        "movefile" => answer(fs.movefile_with(from, to, &file)),
        "copydir" => answer(fs.copydir_with(from, to, &directory)),
        "movedir" => answer(fs.movedir_with(from, to, &directory)),
        other => unreachable!("{other} takes no two paths"),
    }
}

fn edit(fs: &dyn FileSystem, path: &str, mode: &str, steps: &[Step]) -> Outcome {
    let mut file = match fs.openbin(path, mode) {
        Ok(file) => file,
        Err(error) => return answer::<()>(Err(error)),
    };
    let taken: Vec<_> = steps.iter().map(|step| step.take(&mut file)).collect();
    let closed = answer(file.close());
    match closed {
        Outcome::Value(_) => Outcome::Value(format!("{taken:?}")),
        failure => failure,
    }
}

impl Change {
    fn raw(self, fs: &dyn FileSystem, path: &str) -> Result<RawInfo> {
        let raw = RawInfo::new();
        Ok(match self {
            Self::Nothing => raw,
            Self::Times => {
                raw.with("details", "modified", when())
                    .with("details", "created", when())
            }
            Self::Back => fs.getinfo(path, Namespaces::DETAILS)?.raw(),
            Self::Size => raw.with("details", "size", 1_000_000_u64),
            Self::Permissions => raw.with("access", "permissions", "u_r"),
        })
    }
}

impl Step {
    fn method(&self) -> &'static str {
        match self {
            Self::Write(_) => "write_all",
            Self::Read(_) => "read",
            Self::ReadToEnd => "read_to_end",
            Self::Seek(_) => "seek",
            Self::SetLen(_) => "set_len",
            Self::Flush => "flush",
        }
    }

    fn take(&self, file: &mut dyn File) -> Outcome {
        let result = match self {
            Self::Write(text) => file.write_all(text.as_bytes()).map(|()| String::new()),
            Self::Read(count) => read(&mut file.take(*count)),
            Self::ReadToEnd => read(file),
            Self::Seek(from) => file.seek(*from).map(|position| position.to_string()),
            Self::SetLen(size) => file.set_len(*size).map(|()| String::new()),
            Self::Flush => file.flush().map(|()| String::new()),
        };
        answer(result.map_err(Error::from))
    }
}

fn read(from: &mut dyn Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = |recreate| format!("MakedirOptions::new().recreate({recreate})");
        match self {
            Self::Ask(method @ ("scandir" | "scantree" | "getinfo"), path) => {
                write!(f, "fs.{method}({path:?}, Namespaces::DETAILS);")
            }
            Self::Ask("download", path) => write!(f, "fs.download({path:?}, &mut Vec::new());"),
            Self::Ask("settimes", path) => {
                write!(f, "fs.settimes({path:?}, Some(when), Some(when));")
            }
            Self::Ask(method, path) => write!(f, "fs.{method}({path:?});"),
            Self::Makedir(path, recreate) => {
                write!(f, "fs.makedir_with({path:?}, {});", options(*recreate))
            }
            Self::Makedirs(path, recreate) => {
                write!(f, "fs.makedirs_with({path:?}, {});", options(*recreate))
            }
            Self::Foreign(key, text) => {
                write!(
                    f,
                    "/* PUT by another program */ bucket.put({key:?}, {text:?});"
                )
            }
            Self::Create(path, wipe) => write!(f, "fs.create({path:?}, {wipe});"),
            Self::Put(method @ ("upload" | "writefile"), path, text) => {
                write!(f, "fs.{method}({path:?}, &mut &b{text:?}[..]);")
            }
            Self::Put(method, path, text) if method.ends_with("bytes") => {
                write!(f, "fs.{method}({path:?}, b{text:?});")
            }
            Self::Put(method, path, text) => write!(f, "fs.{method}({path:?}, {text:?});"),
            Self::ScandirPrefix(path, prefix) => {
                write!(
                    f,
                    "fs.scandir_prefix({path:?}, {prefix:?}, Namespaces::BASIC);"
                )
            }
            Self::Setinfo(path, change) => write!(f, "fs.setinfo({path:?}, /* {change:?} */);"),
            Self::Transfer(method, from, to, flags) => {
                let force = if method.ends_with("dir") {
                    "create"
                } else {
                    "overwrite"
                };
                write!(
                    f,
                    "fs.{method}_with({from:?}, {to:?}, CopyOptions::new().{force}({}).preserve_time({}));",
                    flags.force, flags.preserve_time
                )
            }
            Self::Edit(path, mode, steps) => {
                write!(f, "let mut file = fs.openbin({path:?}, {mode:?})?;")?;
                for step in steps {
                    write!(f, " file.{step};")?;
                }
                write!(f, " file.close();")
            }
            Self::Open(slot, path, mode) => {
                write!(f, "let mut file{slot} = fs.openbin({path:?}, {mode:?})?;")
            }
            Self::Take(slot, step) => write!(f, "file{slot}.{step};"),
            Self::Close(slot) => write!(f, "file{slot}.close();"),
            Self::Drop(slot) => write!(f, "drop(file{slot});"),
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(text) => write!(f, "write_all(b{text:?})"),
            Self::Read(count) => write!(f, "by_ref().take({count}).read_to_end(&mut Vec::new())"),
            Self::ReadToEnd => write!(f, "read_to_end(&mut Vec::new())"),
            Self::Seek(from) => write!(f, "seek(SeekFrom::{from:?})"),
            Self::SetLen(size) => write!(f, "set_len({size})"),
            Self::Flush => write!(f, "flush()"),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(value),
            Self::Failure(kind, path) => write!(f, "error {kind:?} on {path:?}"),
            Self::Skipped => f.write_str("not made"),
        }
    }
}
