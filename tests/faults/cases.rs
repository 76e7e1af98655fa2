//! The cases for faults: every operation of the filesystem, on existing and on missing paths.

use std::ffi::OsString;
use std::fs;
use std::io::{Cursor, Read, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use s3fs::ErrorKind::{
    DirectoryExists, DirectoryNotEmpty, FileExists, OperationFailed, PermissionDenied,
    ResourceNotFound,
};
use s3fs::{
    Capabilities, CopyOptions, Descent, Error, File as _, FileSystem, FileSystemExt as _,
    FilterDir, MakedirOptions, MemoryFs, Namespaces, OpenOptions, OsFs, RawInfo, Result, S3Fs,
    TransferOptions, copy, mirror, moving,
};
use test_server::{Bucket, Object};

use crate::local::Directory;

/// A case.
pub struct Case {
    pub name: &'static str,
    act: Act,
    /// Whether it changes only one object, which then has its old or its new state.
    pub is_atomic: bool,
    /// Whether it makes a copy that must be new: after a lost response, its own copy looks like one of another client.
    pub copies_to_new: bool,
    /// The part size of its filesystem.
    pub part_size: u64,
}

type Act = fn(&S3Fs) -> Result<String>;

impl Case {
    /// Runs the case, and returns its result as text.
    pub fn act(&self, fs: &S3Fs) -> Result<String> {
        (self.act)(fs)
    }
}

/// Stores the content before each case. No two files have the same content.
pub fn arrange(bucket: &Bucket) {
    bucket.put("dir/", "");
    bucket.put_with(
        "dir/file",
        Object {
            tags: vec![("colour".into(), "red".into())],
            ..Object::new(FILE)
                .header("content-type", "text/x-old")
                .header("x-amz-meta-of", "old")
        },
    );
    bucket.put("dir/second", "the second file");
    bucket.put("dir/large", large());
    bucket.put("dir/sub/a", "a below");
    bucket.put("dir/sub/b", "b below");
    bucket.put("dir/empty/", "");
    bucket.put("lone/only", "the only child");
    // Decoding the first of these names once too often gives the second one.
    bucket.put("percent/x%41", large());
    bucket.put("percent/xA", "another file");
    bucket.put("other/x", "elsewhere");
    bucket.put("other/", "");
}

/// The part size; no other written file is larger.
pub const PART: usize = 60;

/// Content of several parts and a few bytes.
fn large() -> Vec<u8> {
    (0..PART as u8 * 3 + 7).collect()
}

fn new_large() -> Vec<u8> {
    large().into_iter().rev().collect()
}

const FILE: &str = "the content of the file, which is long enough to be cut";

const fn reads(name: &'static str, act: Act) -> Case {
    Case {
        name,
        act,
        is_atomic: true,
        copies_to_new: false,
        part_size: PART as u64,
    }
}

const fn writes(name: &'static str, act: Act) -> Case {
    Case {
        name,
        act,
        is_atomic: true,
        copies_to_new: false,
        part_size: PART as u64,
    }
}

/// A case that changes several objects separately.
const fn changes(name: &'static str, act: Act) -> Case {
    Case {
        name,
        act,
        is_atomic: false,
        copies_to_new: false,
        part_size: PART as u64,
    }
}

/// Marks a case that makes a new copy.
const fn to_new(case: Case) -> Case {
    Case {
        copies_to_new: true,
        ..case
    }
}

/// Marks a case that sends everything in one body, whatever its size.
const fn in_one_body(case: Case) -> Case {
    Case {
        part_size: 8 << 20,
        ..case
    }
}

/// A body so large that the client waits for a 100 Continue before it sends it.
fn large_body() -> Vec<u8> {
    vec![b'b'; 1_100_000]
}

/// Cases that change nothing.
pub const READING: &[Case] = &[
    reads("getinfo of a file", |fs| {
        shown(fs.getinfo("dir/file", Namespaces::S3))
    }),
    reads("getinfo of a directory", |fs| {
        shown(fs.getinfo("dir", Namespaces::S3))
    }),
    reads("exists", |fs| told(fs.exists("dir/file"))),
    reads("exists not", |fs| told(fs.exists("dir/none"))),
    reads("isfile", |fs| told(fs.isfile("dir/file"))),
    reads("isdir", |fs| told(fs.isdir("dir/sub"))),
    reads("isempty", |fs| told(fs.isempty("dir/empty"))),
    reads("getsize", |fs| told(fs.getsize("dir/file"))),
    reads("listdir", |fs| told(fs.listdir("dir"))),
    reads("listdir of nothing", |fs| refused(fs.listdir("dir/none"))),
    reads("scandir", |fs| scanned(fs, "dir", Namespaces::DETAILS)),
    reads("scandir s3", |fs| scanned(fs, "dir", Namespaces::S3)),
    reads("walk", |fs| {
        told(fs.walk().files("/").collect::<Result<Vec<_>>>())
    }),
    reads("walk breadth-first", |fs| {
        let steps = fs.walk().walk("/", Namespaces::BASIC);
        told(steps.map(|step| Ok(step?.path)).collect::<Result<Vec<_>>>())
    }),
    reads("glob", |fs| {
        let found = fs.glob("**/sub/*").iter(Namespaces::BASIC);
        told(
            found
                .map(|found| Ok(found?.path))
                .collect::<Result<Vec<_>>>(),
        )
    }),
    reads("glob with a prefix", |fs| {
        let found = fs.glob("dir/s*/a").iter(Namespaces::BASIC);
        told(
            found
                .map(|found| Ok(found?.path))
                .collect::<Result<Vec<_>>>(),
        )
    }),
    reads("filterdir", |fs| {
        let filter = FilterDir::new().files(["f*"]).exclude_dirs(["s*"]);
        let found = fs.filterdir("dir", &filter, Namespaces::DETAILS)?;
        told(found.map(shown).collect::<Result<Vec<_>>>())
    }),
    reads("scantree_pruned", |fs| {
        let descend = Box::new(|path: &str| match path {
            "/dir/sub" => Descent::Name,
            "/other" => Descent::Skip,
            _ => Descent::Enter,
        });
        let found = fs.scantree_pruned("/", Namespaces::BASIC, descend)?;
        told(
            found
                .map(|found| found.map(|(path, info)| (path, info.name().to_owned())))
                .collect::<Result<Vec<_>>>(),
        )
    }),
    reads("getmodified", |fs| {
        told(fs.getmodified("dir/file").map(|time| time.is_some()))
    }),
    reads("readbytes if_match", |fs| {
        told(fs.readbytes_with("dir/file", &matching(fs)?))
    }),
    to_new(reads("create_bucket of what is there", |fs| {
        match fs.create_bucket() {
            Err(error) if error.kind() == OperationFailed && is_own_bucket(&error) => {
                told(Ok("it is there"))
            }
            made => told(made),
        }
    })),
    reads("opendir", |fs| told(fs.opendir("dir").map(|_| ()))),
    reads("readbytes", |fs| told(fs.readbytes("dir/file"))),
    reads("readbytes of nothing", |fs| {
        refused(fs.readbytes("dir/none"))
    }),
    reads("readtext", |fs| told(fs.readtext("dir/file"))),
    reads("download", |fs| {
        let mut target = Vec::new();
        told(
            fs.download("dir/file", &mut target)
                .map(|size| (size, target)),
        )
    }),
    reads("download_file", download_file),
    reads("download_dir", download_dir),
    reads("getinfo_many", |fs| {
        let paths = ["dir/file", "dir/none", "dir/sub", "dir/second"];
        let answers = fs.getinfo_many(&paths, Namespaces::DETAILS).into_iter();
        let each = answers.map(|info| match info {
            Err(error) if error.kind() == ResourceNotFound => Ok("none".to_owned()),
            info => shown(info),
        });
        told(each.collect::<Result<Vec<_>>>())
    }),
    reads("stale_uploads", |fs| {
        told(
            fs.stale_uploads("/", Duration::ZERO)
                .map(|found| found.len()),
        )
    }),
    reads("abort_upload", abort_upload),
    reads("versions", |fs| {
        let versions = fs.versions("dir/file")?.into_iter();
        told(Ok(versions
            .map(|version| (version.version_id, version.is_latest, version.info.size()))
            .collect::<Vec<_>>()))
    }),
    reads("versions_below", |fs| {
        let versions = fs.versions_below("dir")?;
        told(
            versions
                .map(|version| Ok(version?.path))
                .collect::<Result<Vec<_>>>(),
        )
    }),
    reads("hash", |fs| told(fs.hash("dir/file", "sha256"))),
    reads("openbin r", |fs| {
        let mut file = fs.openbin("dir/file", "r")?;
        let mut content = String::new();
        file.read_to_string(&mut content)?;
        file.seek(SeekFrom::Start(4))?;
        let mut again = String::new();
        file.read_to_string(&mut again)?;
        file.close()?;
        told(Ok((content, again)))
    }),
    reads("open_read with windows ahead", |fs| {
        let options = OpenOptions::new().first_window(PART as u64).read_ahead(2);
        let mut file = fs.open_read("dir/large", &options)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        told(Ok(content))
    }),
    reads("open_read from the middle", |fs| {
        let mut file = fs.open_read("dir/file", &OpenOptions::new())?;
        file.seek(SeekFrom::End(-6))?;
        let mut end = String::new();
        file.read_to_string(&mut end)?;
        told(Ok(end))
    }),
];

/// Cases that change something, each with one decisive request.
pub const WRITING: &[Case] = &[
    writes("makedir", |fs| told(fs.makedir("dir/new"))),
    writes("makedir of what is there", |fs| {
        refused(fs.makedir("dir/empty"))
    }),
    writes("makedir recreate", |fs| {
        told(fs.makedir_with("dir/empty", &MakedirOptions::new().recreate(true)))
    }),
    writes("writebytes", |fs| {
        told(fs.writebytes("dir/new", b"new content"))
    }),
    writes("writebytes over", |fs| {
        told(fs.writebytes("dir/file", b"new content"))
    }),
    writes("writebytes of nothing", |fs| {
        told(fs.writebytes("dir/file", b""))
    }),
    writes("writetext", |fs| {
        told(fs.writetext("dir/new", "new content"))
    }),
    writes("appendbytes", |fs| {
        told(fs.appendbytes("dir/file", b" and more"))
    }),
    writes("appendbytes to nothing", |fs| {
        told(fs.appendbytes("dir/new", b"more"))
    }),
    writes("create", |fs| told(fs.create("dir/new", false))),
    writes("create of what is there", |fs| {
        told(fs.create("dir/file", false))
    }),
    writes("create wipe", |fs| told(fs.create("dir/file", true))),
    writes("touch", |fs| told(fs.touch("dir/new"))),
    writes("upload", |fs| {
        told(fs.upload("dir/new", &mut Cursor::new("new content")))
    }),
    writes("upload_sized", |fs| {
        told(fs.upload_sized("dir/file", &mut Cursor::new("new content"), 11))
    }),
    writes("writebytes if_match", |fs| {
        told(fs.writebytes_with("dir/file", b"new content", &matching(fs)?))
    }),
    writes("openbin w if_match", |fs| {
        let mut file = fs.openbin_with("dir/file", "w", &matching(fs)?)?;
        file.write_all(b"new content")?;
        told(file.close())
    }),
    writes("openbin w", |fs| write(fs, "dir/file", "w")),
    writes("openbin x", |fs| write(fs, "dir/new", "x")),
    writes("openbin x of what is there", |fs| {
        refused(write(fs, "dir/file", "x"))
    }),
    writes("openbin a", |fs| write(fs, "dir/file", "a")),
    writes("openbin r+", |fs| write(fs, "dir/file", "r+")),
    writes("openbin w+", |fs| write(fs, "dir/file", "w+")),
    writes("openbin x+", |fs| write(fs, "dir/new", "x+")),
    writes("openbin a+", |fs| write(fs, "dir/file", "a+")),
    writes("write_with", |fs| {
        told(fs.write_with("dir/file", |file| file.write_all(b"new content")))
    }),
    writes("setinfo", |fs| {
        told(fs.setinfo(
            "dir/file",
            &RawInfo::new().with("s3", "content_type", "text/x-new"),
        ))
    }),
    to_new(writes("copy", |fs| told(fs.copy("dir/file", "dir/new")))),
    writes("copy over", |fs| {
        let overwrite = CopyOptions::new().overwrite(true);
        told(fs.copy_with("dir/file", "dir/second", &overwrite))
    }),
    writes("copy_from", |fs| {
        let source = fs.location("dir/file")?.expect("an S3 bucket has places");
        by_the_server("dir/second", fs.copy_from(&source, "dir/second"))
    }),
    to_new(writes("copy of a name with %", |fs| {
        told(fs.copy("percent/x%41", "dir/new"))
    })),
    in_one_body(writes("writebytes of a large body", |fs| {
        told(fs.writebytes("dir/file", &large_body()))
    })),
    in_one_body(writes("openbin x of a large body", |fs| {
        let mut file = fs.openbin("dir/new", "x")?;
        file.write_all(&large_body())?;
        told(file.close())
    })),
    writes("remove", |fs| told(fs.remove("dir/file"))),
    changes("remove_many", |fs| {
        let removed = fs.remove_many(&["dir/file", "dir/second"]);
        told(removed.into_iter().collect::<Result<()>>())
    }),
    writes("remove_version", |fs| {
        told(fs.remove_version("dir/file", "null"))
    }),
    writes("removedir", |fs| told(fs.removedir("dir/empty"))),
    writes("removedir that is not empty", |fs| {
        refused(fs.removedir("dir"))
    }),
];

/// Cases that change one object in requests for its parts.
pub const IN_PARTS: &[Case] = &[
    writes("parts by openbin w", |fs| write_large(fs, "dir/file", "w")),
    writes("parts by openbin x", |fs| write_large(fs, "dir/new", "x")),
    writes("parts by openbin w+", |fs| {
        write_large(fs, "dir/large", "w+")
    }),
    writes("parts by openbin x+", |fs| write_large(fs, "dir/new", "x+")),
    writes("parts by write_with", |fs| {
        told(fs.write_with("dir/file", |file| file.write_all(&new_large())))
    }),
    writes("parts by writebytes", |fs| {
        told(fs.writebytes("dir/new", &new_large()))
    }),
    writes("parts by upload", |fs| {
        told(fs.upload("dir/new", &mut Cursor::new(new_large())))
    }),
    writes("parts by upload_sized", |fs| {
        let size = new_large().len() as u64;
        told(fs.upload_sized("dir/file", &mut Cursor::new(new_large()), size))
    }),
    writes("parts by writebytes if_match", |fs| {
        told(fs.writebytes_with("dir/file", &new_large(), &matching(fs)?))
    }),
    writes("parts by upload_file", upload_file),
    writes("parts by appendbytes", |fs| {
        told(fs.appendbytes("dir/large", b" and more"))
    }),
    writes("parts by appendbytes to a name with %", |fs| {
        told(fs.appendbytes("percent/x%41", b" and more"))
    }),
    writes("parts by openbin r+ at the start", |fs| {
        write(fs, "dir/large", "r+")
    }),
    writes("parts by openbin r+ in the middle", |fs| {
        let mut file = fs.openbin("dir/large", "r+")?;
        file.seek(SeekFrom::Start(PART as u64 + 20))?;
        file.write_all(b"new content")?;
        let mut rest = Vec::new();
        file.read_to_end(&mut rest)?;
        file.close()?;
        told(Ok(rest))
    }),
    writes("parts by set_len", |fs| {
        let mut file = fs.openbin("dir/large", "r+")?;
        file.set_len(PART as u64 * 2 + 1)?;
        told(file.close())
    }),
    writes("parts by openbin a+", |fs| {
        let mut file = fs.openbin("dir/large", "a+")?;
        file.write_all(&large())?;
        told(file.close())
    }),
];

/// Cases that change more than one object.
pub const CHANGING: &[Case] = &[
    changes("makedirs", |fs| told(fs.makedirs("dir/n/e/w"))),
    changes("remove of an only child", |fs| told(fs.remove("lone/only"))),
    to_new(changes("movefile", |fs| {
        told(fs.movefile("dir/file", "dir/new"))
    })),
    to_new(changes("movefile of an only child", |fs| {
        told(fs.movefile("lone/only", "dir/new"))
    })),
    changes("movefile over", |fs| {
        let overwrite = CopyOptions::new().overwrite(true);
        told(fs.movefile_with("dir/file", "dir/second", &overwrite))
    }),
    changes("copy_dir from memory", |fs| {
        told(copy::copy_dir(&memory()?, "/", fs, "dir", &options()).map(|done| done.copied()))
    }),
    // The number of single copies depends on whether the server copies.
    changes("copy_dir between two handles", |fs| {
        let (source, target) = (fs.opendir("dir/sub")?, fs.opendir("other")?);
        told(copy::copy_dir(&source, "/", &target, "/", &options()).map(drop))
    }),
    changes("mirror from memory", |fs| {
        let target = fs.opendir("dir/sub")?;
        told(mirror::mirror(&memory()?, &target, &options()).map(|done| done.copied()))
    }),
    changes("mirror between two handles", |fs| {
        let (source, target) = (fs.opendir("dir/sub")?, fs.opendir("lone")?);
        told(mirror::mirror(&source, &target, &options()).map(drop))
    }),
    changes("move_dir from memory", |fs| {
        told(moving::move_dir(&memory()?, "/", fs, "dir", &options()).map(|done| done.copied()))
    }),
    changes("move_dir between two handles", |fs| {
        let (source, target) = (fs.opendir("dir")?, fs.opendir("other")?);
        told(moving::move_dir(&source, "sub", &target, "/", &options()).map(drop))
    }),
    changes("copydir", |fs| {
        told(fs.copydir_with("dir", "copy", &CopyOptions::new().create(true)))
    }),
    changes("movedir", |fs| {
        told(fs.movedir_with("dir", "moved", &CopyOptions::new().create(true)))
    }),
    changes("copydir_from", |fs| {
        let source = fs.location("dir")?.expect("an S3 bucket has places");
        by_the_server("copy", fs.copydir_from(&source, "copy", false))
    }),
    changes("copydir_from that moves", |fs| {
        let source = fs.location("dir")?.expect("an S3 bucket has places");
        by_the_server("moved", fs.copydir_from(&source, "moved", true))
    }),
    changes("upload_dir", upload_dir),
    changes(BY_TIMES, mirror_two_writes),
    writes("parts of an upload that somebody aborts", |fs| {
        let mut file = fs.openbin("dir/file", "w")?;
        file.write_all(&new_large())?;
        for upload in fs.stale_uploads("dir", Duration::ZERO)? {
            fs.abort_upload(&upload)?;
        }
        match file.close() {
            Err(error) if error.s3().is_some_and(|s3| s3.code == "NoSuchUpload") => {
                told(Ok(error.kind()))
            }
            closed => told(closed),
        }
    }),
    changes("emptydir", |fs| told(fs.emptydir("dir"))),
    changes("removetree", |fs| told(fs.removetree("dir"))),
];

/// Cases for text, and more ways between S3 and the local disk.
pub const BY_TEXT_AND_DISK: &[Case] = &[
    reads("open r", |fs| {
        let mut content = String::new();
        let mut file = fs.open("dir/file", "r")?;
        file.read_to_string(&mut content)?;
        file.close()?;
        told(Ok(content))
    }),
    writes("open w", |fs| {
        let mut file = fs.open("dir/new", "w")?;
        file.write_all("new content, in words: é".as_bytes())?;
        told(file.close())
    }),
    writes("open a", |fs| {
        let mut file = fs.open("dir/file", "a")?;
        file.write_all("and é".as_bytes())?;
        told(file.close())
    }),
    reads("download_file with resume", download_file_resumed),
    reads("download_dir with parts", download_dir_with_parts),
    writes("upload_file of a part", |fs| {
        upload_file_of(fs, b"new content")
    }),
];

/// The case that depends on the times of objects.
pub const BY_TIMES: &str = "mirror of two writes in a second";

/// Returns all cases.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let all = READING.iter().chain(WRITING).chain(IN_PARTS);
    all.chain(CHANGING).chain(BY_TEXT_AND_DISK)
}

fn told(result: Result<impl std::fmt::Debug>) -> Result<String> {
    result.map(|value| format!("{value:?}"))
}

/// Returns the kind of an expected error as the result. Other errors are returned unchanged.
fn refused(result: Result<impl std::fmt::Debug>) -> Result<String> {
    match result {
        Err(error)
            if matches!(
                error.kind(),
                DirectoryExists | DirectoryNotEmpty | FileExists | ResourceNotFound
            ) =>
        {
            Ok(format!("{:?}", error.kind()))
        }
        result => told(result),
    }
}

/// A copy that the server refuses is reported as such, because the caller must handle it.
fn by_the_server(path: &str, copied: Result<bool>) -> Result<String> {
    match copied {
        Ok(false) => Err(Error::new(PermissionDenied).with_path(path)),
        copied => told(copied),
    }
}

/// Options that require the current version of the object.
fn matching(fs: &S3Fs) -> Result<OpenOptions> {
    let info = fs.getinfo("dir/file", Namespaces::S3)?;
    let e_tag = info.s3().and_then(|s3| s3.e_tag.clone());
    Ok(OpenOptions::new().if_match(e_tag.expect("every object has one")))
}

fn is_own_bucket(error: &Error) -> bool {
    error
        .s3()
        .is_some_and(|s3| s3.code == "BucketAlreadyOwnedByYou")
}

/// Another filesystem, with files of existing and of new names.
fn memory() -> Result<MemoryFs> {
    let fs = MemoryFs::new();
    fs.writebytes("file", b"from memory")?;
    fs.makedir("m")?;
    fs.writebytes("m/new", b"from memory, too")?;
    Ok(fs)
}

fn options() -> TransferOptions<'static> {
    TransferOptions::new()
}

/// Formats an info without times, which differ from one bucket to the next.
fn shown(info: Result<s3fs::Info>) -> Result<String> {
    told(info.map(|info| (info.name().to_owned(), info.is_dir(), info.size())))
}

fn scanned(fs: &S3Fs, path: &str, namespaces: Namespaces) -> Result<String> {
    let infos = fs.scandir(path, namespaces)?.map(shown);
    told(infos.collect::<Result<Vec<_>>>())
}

fn write(fs: &S3Fs, path: &str, mode: &str) -> Result<String> {
    let mut file = fs.openbin(path, mode)?;
    file.write_all(b"new content")?;
    told(file.close())
}

fn write_large(fs: &S3Fs, path: &str, mode: &str) -> Result<String> {
    let mut file = fs.openbin(path, mode)?;
    for piece in new_large().chunks(50) {
        file.write_all(piece)?;
    }
    told(file.close())
}

/// Returns the names of the files in a directory.
fn names(directory: &Directory) -> Vec<OsString> {
    let entries = fs::read_dir(directory).expect("it is there");
    entries
        .map(|entry| entry.expect("an entry").file_name())
        .collect()
}

/// The local file has the old or the new content, and no other file is beside it.
fn download_file(s3: &S3Fs) -> Result<String> {
    let directory = Directory::new();
    let local = directory.join("local");
    fs::write(&local, "old").expect("a place for a file");
    let done = s3.download_file("dir/large", &local, &TransferOptions::new());
    let now = fs::read(&local).expect("a file");
    let expected = if done.is_ok() {
        large()
    } else {
        b"old".to_vec()
    };
    assert!(now == expected, "after {done:?} there is {now:?}");
    assert_eq!(names(&directory), ["local"]);
    told(done)
}

/// The local file has the old or the new content; a file beside it can be used by the next attempt.
fn download_file_resumed(s3: &S3Fs) -> Result<String> {
    let directory = Directory::new();
    let local = directory.join("local");
    fs::write(&local, "old").expect("a place for a file");
    let options = TransferOptions::new().resume(true);
    let first = s3.download_file("dir/large", &local, &options);
    if first.is_err() {
        assert_eq!(fs::read(&local).expect("a file"), b"old");
        let is_kept = |name: OsString| name == "local" || name == ".s3fs-partial-local";
        let names = names(&directory);
        assert!(names.into_iter().all(is_kept), "after {first:?}");
        let again = s3.download_file("dir/large", &local, &options);
        if again.is_err() {
            return told(first);
        }
    }
    assert!(fs::read(&local).expect("a file") == large(), "{first:?}");
    assert_eq!(names(&directory), ["local"]);
    told(first)
}

fn upload_file(s3: &S3Fs) -> Result<String> {
    upload_file_of(s3, &new_large())
}

fn upload_file_of(s3: &S3Fs, content: &[u8]) -> Result<String> {
    let directory = Directory::new();
    let local = directory.join("local");
    fs::write(&local, content).expect("a place for a file");
    told(s3.upload_file(&local, "dir/file", &TransferOptions::new()))
}

fn download_dir(s3: &S3Fs) -> Result<String> {
    download_dir_of(s3, "dir/sub", &[("a", b"a below"), ("b", b"b below")])
}

fn download_dir_with_parts(s3: &S3Fs) -> Result<String> {
    let files: [(&str, &[u8]); 5] = [
        ("file", FILE.as_bytes()),
        ("second", b"the second file"),
        ("large", &large()),
        ("sub/a", b"a below"),
        ("sub/b", b"b below"),
    ];
    download_dir_of(s3, "dir", &files)
}

/// Each local file is complete, and no other file is beside them.
fn download_dir_of(s3: &S3Fs, path: &str, files: &[(&str, &[u8])]) -> Result<String> {
    let directory = Directory::new();
    let local = directory.join("local");
    let done = s3.download_dir(path, &local, &TransferOptions::new());
    let mut found = 0;
    for (name, content) in files {
        if let Ok(now) = fs::read(local.join(name)) {
            assert!(now == *content, "{name} after {done:?}");
            found += 1;
        }
    }
    assert_eq!(files_in(&local), found, "after {done:?}");
    assert!(found == files.len() || done.is_err(), "{done:?}");
    told(done.map(|report| (report.copied(), report.bytes())))
}

/// Returns the number of files in a directory and below.
fn files_in(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .map(|path| if path.is_dir() { files_in(&path) } else { 1 })
        .sum()
}

/// The second of two writes within a second is copied, although it has the size of the first one.
fn mirror_two_writes(s3: &S3Fs) -> Result<String> {
    let directory = Directory::new();
    let (source, disk) = (s3.opendir("dir/sub")?, OsFs::new(&directory)?);
    // The initial content is the first write.
    for content in ["a below", "A BELOW"] {
        if content == "A BELOW" {
            s3.writebytes("dir/sub/a", content.as_bytes())?;
        }
        mirror::mirror(&source, &disk, &options())?;
        let now = fs::read_to_string(directory.join("a")).expect("a file");
        assert_eq!(now, content);
    }
    told(Ok(files_in(&directory)))
}

fn upload_dir(s3: &S3Fs) -> Result<String> {
    let directory = Directory::new();
    for (name, content) in [("file", "new content"), ("new", "other content")] {
        fs::write(directory.join(name), content).expect("a place for a file");
    }
    let done = s3.upload_dir(&directory, "dir", &TransferOptions::new());
    told(done.map(|report| (report.copied(), report.bytes())))
}

/// Aborts the upload of another program.
fn abort_upload(s3: &S3Fs) -> Result<String> {
    let mut file = s3.openbin("dir/file", "w")?;
    file.write_all(&new_large())?;
    let stale = s3.stale_uploads("dir", Duration::ZERO)?;
    for upload in &stale {
        s3.abort_upload(upload)?;
    }
    told(Ok(!stale.is_empty()))
}
