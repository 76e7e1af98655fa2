//! The local disk: the conformance suite, when files become visible, and the effect of links and odd names.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use s3fs::conformance;
use s3fs::copy::copy_fs;
use s3fs::mirror::mirror;
use s3fs::moving;
use s3fs::{
    Capabilities, CopyOptions, Error, ErrorKind, FileSystem, FileSystemExt, Namespaces,
    OpenOptions, OsFs, OsFsOptions, RawInfo, Report, ResourceType, S3Fs, TransferOptions,
};
use test_server::{BUCKET, Server};

use crate::common;
use crate::local::Directory;

impl Directory {
    /// The filesystem of a directory in it, beside which there may be other files.
    pub fn open(&self) -> OsFs {
        OsFs::new_with(self.join("root"), &OsFsOptions::new().create(true)).unwrap()
    }
}

/// Returns the names in a directory, as the system lists them.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn fails<T>(result: Result<T, Error>, kind: ErrorKind, path: &str) -> Error {
    let error = result.err().expect("an error");
    assert_eq!((error.kind(), error.path()), (kind, Some(path)), "{error}");
    error
}

#[test]
fn the_local_disk_passes_every_conformance_case() {
    let directory = Directory::new();
    let open = |case: &str| -> Box<dyn FileSystem> {
        let options = OsFsOptions::new().create(true);
        Box::new(OsFs::new_with(directory.join("plain").join(case), &options).unwrap())
    };
    conformance::run(&open, &[]);
    let open = |case: &str| -> Box<dyn FileSystem> {
        let options = OsFsOptions::new().create(true).sync(false);
        let fs = OsFs::new_with(directory.join("sub").join(case), &options).unwrap();
        fs.makedirs("some/where").unwrap();
        Box::new(fs.into_dir("some/where").unwrap())
    };
    conformance::run(&open, &[]);
}

#[test]
fn the_root_must_be_a_directory() {
    let directory = Directory::new();
    fs::write(directory.join("f"), "").unwrap();
    for name in ["no", "f", "f/x"] {
        let error = OsFs::new(directory.join(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CreateFailed, "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let create = OsFsOptions::new().create(true);
    assert!(OsFs::new_with(directory.join("f/x"), &create).is_err());
    OsFs::new_with(directory.join("a/b"), &create).unwrap();
    assert!(directory.join("a/b").is_dir());
}

#[test]
fn nothing_is_visible_before_close() {
    let directory = Directory::new();
    let os = directory.open();
    os.writetext("f", "old").unwrap();
    for mode in ["w", "w+", "r+", "a", "a+"] {
        let mut file = os.openbin("f", mode).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(os.readtext("f").unwrap(), "old", "{mode}");
        assert_eq!(os.listdir("/").unwrap(), ["f"], "{mode}");
        drop(file);
        assert_eq!(os.readtext("f").unwrap(), "old", "{mode}");
    }
    for mode in ["w", "x", "a"] {
        let mut file = os.openbin("new", mode).unwrap();
        file.write_all(b"new").unwrap();
        assert!(!os.exists("new").unwrap(), "{mode}");
        drop(file);
        assert!(!os.exists("new").unwrap(), "{mode}");
    }
    assert_eq!(names(os.root_path()), ["f"]);
    os.makedir("d").unwrap();
    let file = os.openbin("d/f", "x").unwrap();
    assert!(os.listdir("d").unwrap().is_empty());
    drop(file);
    os.removedir("d").unwrap();
}

#[test]
fn a_directory_with_hidden_files_is_not_empty() {
    let directory = Directory::new();
    let os = directory.open();
    os.makedir("d").unwrap();
    let file = os.openbin("d/f", "x").unwrap();
    let partial = os.root_path().join("d/.s3fs-partial-f");
    for hidden in [".s3fs-draft-", ".s3fs-partial-f"] {
        assert!(os.listdir("d").unwrap().is_empty());
        assert!(!os.isempty("d").unwrap());
        let error = fails(os.removedir("d"), ErrorKind::DirectoryNotEmpty, "d");
        assert!(error.to_string().contains(hidden), "{error}");
        fs::write(&partial, "half of it").unwrap();
    }
    drop(file);
    os.writetext("d/f", "content").unwrap();
    let error = fails(os.removedir("d"), ErrorKind::DirectoryNotEmpty, "d");
    assert!(!error.to_string().contains("listing"), "{error}");
    os.remove("d/f").unwrap();
    fs::remove_file(&partial).unwrap();
    assert!(os.isempty("d").unwrap());
    os.removedir("d").unwrap();
}

#[test]
fn a_file_changed_by_another_program_is_not_overwritten() {
    let directory = Directory::new();
    let os = directory.open();
    for mode in ["r+", "a", "a+"] {
        os.writetext("f", "old").unwrap();
        let mut file = os.openbin("f", mode).unwrap();
        file.write_all(b"mine").unwrap();
        os.writetext("f", "the other's").unwrap();
        fails(file.close(), ErrorKind::ResourceChanged, "f");
        fails(file.close(), ErrorKind::ResourceChanged, "f");
        assert_eq!(os.readtext("f").unwrap(), "the other's", "{mode}");
    }
    let mut file = os.openbin("new", "a").unwrap();
    file.write_all(b"mine").unwrap();
    os.writetext("new", "the other's").unwrap();
    fails(file.close(), ErrorKind::FileExists, "new");
    assert_eq!(os.readtext("new").unwrap(), "the other's");
    let mut file = os.openbin("f", "a").unwrap();
    file.write_all(b"mine").unwrap();
    os.remove("f").unwrap();
    fails(file.close(), ErrorKind::ResourceNotFound, "f");
    os.writetext("f", "old").unwrap();
    // An unchanged file is not stored, and its old content is not compared.
    let mut file = os.openbin("f", "r+").unwrap();
    file.read_exact(&mut [0]).unwrap();
    os.remove("f").unwrap();
    file.close().unwrap();
    assert_eq!(names(os.root_path()), ["new"]);
}

#[test]
fn one_of_many_creators_of_a_file_wins() {
    let directory = Directory::new();
    let os = directory.open();
    let won = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (os, won) = (&os, &won);
            scope.spawn(move || {
                let mut file = os.openbin("f", "x").unwrap_or_else(|error| {
                    assert_eq!(error.kind(), ErrorKind::FileExists);
                    os.openbin(&format!("other-{number}"), "x").unwrap()
                });
                write!(file, "{number}").unwrap();
                match file.close() {
                    Ok(()) => won.fetch_add(1, Ordering::Relaxed),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::FileExists);
                        0
                    }
                };
            });
        }
    });
    let others = os.listdir("/").unwrap().len() - 1;
    assert_eq!(won.load(Ordering::Relaxed), others + 1);
    assert_eq!(os.getsize("f").unwrap(), 1);
}

#[test]
fn a_directory_is_not_opened_in_any_mode() {
    let directory = Directory::new();
    let os = directory.open();
    os.makedir("d").unwrap();
    for mode in ["r", "r+", "w", "x", "x+", "a", "a+"] {
        fails(os.openbin("d", mode), ErrorKind::FileExpected, "d");
        fails(os.openbin("/", mode), ErrorKind::FileExpected, "/");
    }
    assert!(os.isempty("d").unwrap());
}

#[test]
fn times_are_reported_and_set() {
    let directory = Directory::new();
    let os = directory.open();
    os.makedir("d").unwrap();
    os.writetext("f", "12345").unwrap();
    let info = os.getdetails("f").unwrap();
    assert!(info.modified().is_some() && info.accessed().is_some());
    assert!(info.is_writeable("details", "modified"));
    assert!(!info.is_writeable("details", "created"));
    assert!(!info.is_writeable("access", "permissions"));
    for path in ["f", "d"] {
        let when = info.modified().unwrap() - time::Duration::days(1000);
        os.settimes(path, None, Some(when)).unwrap();
        let after = os.getdetails(path).unwrap();
        assert_eq!(after.modified(), Some(when), "{path}");
        // Attributes that are not named stay.
        let times = RawInfo::new().with("details", "accessed", 1_000_000_000_u64);
        os.setinfo(path, &times).unwrap();
        let after = os.getdetails(path).unwrap();
        assert_eq!(after.modified(), Some(when), "{path}");
        assert_eq!(after.accessed().unwrap().unix_timestamp(), 1_000_000_000);
        os.touch(path).unwrap();
        assert!(os.getmodified(path).unwrap() > Some(when));
    }
    let raw = os.getdetails("f").unwrap().raw();
    os.setinfo("f", &raw).unwrap();
    let bad = RawInfo::new().with("details", "modified", "yesterday");
    fails(os.setinfo("f", &bad), ErrorKind::InvalidArgument, "f");
    let bad = RawInfo::new().with("details", "size", 7_u64);
    fails(os.setinfo("f", &bad), ErrorKind::Unsupported, "f");
}

#[test]
fn a_copy_keeps_the_time_on_request() {
    let directory = Directory::new();
    let os = directory.open();
    os.writetext("f", "content").unwrap();
    let when = time::OffsetDateTime::UNIX_EPOCH + time::Duration::days(10_000);
    os.settimes("f", None, Some(when)).unwrap();
    os.copy("f", "new").unwrap();
    os.copy_with("f", "kept", &CopyOptions::new().preserve_time(true))
        .unwrap();
    assert_eq!(os.readtext("new").unwrap(), "content");
    assert_ne!(os.getmodified("new").unwrap(), Some(when));
    assert_eq!(os.getmodified("kept").unwrap(), Some(when));
    fails(os.copy("f", "new"), ErrorKind::DestinationExists, "new");
    fails(os.copy("no", "x"), ErrorKind::ResourceNotFound, "no");
    fails(os.copy("f", "no/x"), ErrorKind::ResourceNotFound, "no/x");
    fails(os.copy("f", "f/x"), ErrorKind::ResourceNotFound, "f/x");
    let overwrite = CopyOptions::new().overwrite(true);
    let itself = os.copy_with("f", "./f", &overwrite);
    fails(itself, ErrorKind::IllegalDestination, "./f");
    os.makedir("d").unwrap();
    fails(
        os.copy_with("f", "d", &overwrite),
        ErrorKind::FileExpected,
        "d",
    );
    assert_eq!(names(os.root_path()), ["d", "f", "kept", "new"]);
}

#[test]
fn a_moved_file_replaces_another_only_with_overwrite() {
    let directory = Directory::new();
    let os = directory.open();
    os.makedir("d").unwrap();
    os.writetext("f", "content").unwrap();
    os.writetext("g", "other").unwrap();
    fails(os.movefile("f", "g"), ErrorKind::DestinationExists, "g");
    fails(os.movefile("f", "d"), ErrorKind::DestinationExists, "d");
    fails(os.movefile("no", "x"), ErrorKind::ResourceNotFound, "no");
    fails(os.movefile("d", "x"), ErrorKind::FileExpected, "d");
    let overwrite = CopyOptions::new().overwrite(true);
    fails(
        os.movefile_with("f", "d", &overwrite),
        ErrorKind::FileExpected,
        "d",
    );
    fails(os.movefile("f", "f"), ErrorKind::DestinationExists, "f");
    os.movefile_with("f", "f", &overwrite).unwrap();
    assert_eq!(os.readtext("f").unwrap(), "content");
    os.movefile_with("f", "g", &overwrite).unwrap();
    os.movefile("g", "d/h").unwrap();
    assert_eq!(os.readtext("d/h").unwrap(), "content");
    assert_eq!(names(os.root_path()), ["d"]);
    // Two names of one file.
    fs::hard_link(os.root_path().join("d/h"), os.root_path().join("i")).unwrap();
    os.movefile_with("i", "d/h", &overwrite).unwrap();
    assert_eq!(names(os.root_path()), ["d"]);
    assert_eq!(os.readtext("d/h").unwrap(), "content");
}

#[test]
fn a_directory_is_renamed_or_merged_into_another() {
    let directory = Directory::new();
    let os = directory.open();
    let create = CopyOptions::new().create(true);
    os.makedirs("a/b").unwrap();
    os.writetext("a/b/f", "content").unwrap();
    fails(os.movedir("a", "x"), ErrorKind::ResourceNotFound, "x");
    fails(os.movedir("no", "a"), ErrorKind::ResourceNotFound, "no");
    let into_itself = os.movedir_with("a", "a/b/c", &create);
    fails(into_itself, ErrorKind::IllegalDestination, "a/b/c");
    os.movedir("a", "a").unwrap();
    os.movedir_with("a", "x/y", &create).unwrap();
    assert_eq!(os.readtext("x/y/b/f").unwrap(), "content");
    assert!(!os.exists("a").unwrap());
    os.makedir("a").unwrap();
    os.movedir("x/y", "a").unwrap();
    assert!(!os.exists("x/y").unwrap());
    os.makedirs("m/b").unwrap();
    os.writetext("m/b/g", "more").unwrap();
    os.movedir("m", "a").unwrap();
    assert_eq!(os.readtext("a/b/g").unwrap(), "more");
    assert_eq!(os.readtext("a/b/f").unwrap(), "content");
    assert!(!os.exists("m").unwrap());
    let other = os.opendir("a").unwrap();
    os.makedir("z").unwrap();
    other.movedir_with("b", "b2", &create).unwrap();
    assert_eq!(names(&os.root_path().join("a/b2")), ["f", "g"]);
    assert!(os.copydir("a", "a/b2").is_err());
}

#[test]
fn urls_and_system_paths_lead_to_the_file() {
    let directory = Directory::new();
    let os = directory.open();
    os.writetext("a b?#é", "content").unwrap();
    let place = os.getsyspath("a b?#é").unwrap();
    assert_eq!(fs::read_to_string(&place).unwrap(), "content");
    assert!(os.hassyspath("/") && os.hassyspath("not/there"));
    assert_eq!(os.getospath("/").unwrap(), os.root_path().as_os_str());
    let url = url::Url::parse(&os.geturl("a b?#é").unwrap()).unwrap();
    assert_eq!(url.to_file_path().unwrap(), place);
    let url = s3fs::FsUrl::parse(&os.geturl_for("a b?#é", "fs").unwrap()).unwrap();
    assert_eq!(url.protocol(), "osfs");
    assert_eq!(Path::new(url.resource()), place);
    fails(os.geturl_for("f", "no"), ErrorKind::NoUrl, "f");
    assert!(os.desc("/").unwrap().contains("root"));
    assert!(os.getmeta().supports_rename && !os.getmeta().network);
}

#[test]
fn getmeta_describes_the_disk_correctly() {
    let directory = Directory::new();
    let os = directory.open();
    let meta = os.getmeta();
    let longest = meta.max_name_length.unwrap();
    os.writetext(&"n".repeat(longest), "content").unwrap();
    let too_long = "n".repeat(longest + 1);
    fails(
        os.writetext(&too_long, "content"),
        ErrorKind::InvalidPath,
        &too_long,
    );
    os.makedir("Case").unwrap();
    assert_eq!(os.exists("cASE").unwrap(), meta.case_insensitive);
    assert_eq!(
        meta.case_insensitive,
        cfg!(any(windows, target_os = "macos"))
    );
}

#[test]
fn options_that_protect_are_not_ignored() {
    let directory = Directory::new();
    let os = directory.open();
    os.writetext("f", "content").unwrap();
    let options = OpenOptions::new().if_match("\"e-tag\"");
    let refused = os.writebytes_with("f", b"new", &options);
    fails(refused, ErrorKind::Unsupported, "f");
    assert_eq!(os.readtext("f").unwrap(), "content");
}

#[test]
fn one_directory_has_one_location() {
    let directory = Directory::new();
    let os = directory.open();
    os.makedir("d").unwrap();
    os.writetext("d/f", "content").unwrap();
    let inner = OsFs::new(os.root_path().join("d")).unwrap();
    let at = |fs: &dyn Capabilities, path: &str| fs.location(path).unwrap().unwrap();
    assert!(at(&os, "d/f").is_same(&at(&inner, "f")));
    assert!(at(&os, "d").is_same(&at(&inner, "/")));
    assert!(at(&os, "/").overlaps(&at(&inner, "new")));
    assert!(!at(&os, "d2").overlaps(&at(&inner, "/")));
    // One copies from the other directly.
    let other = directory.join("other");
    let other = OsFs::new_with(other, &OsFsOptions::new().create(true)).unwrap();
    assert!(other.copy_from(&at(&os, "d/f"), "f").unwrap());
    assert_eq!(other.readtext("f").unwrap(), "content");
    assert!(!other.copydir_from(&at(&os, "d"), "d", false).unwrap());
    assert!(other.copydir_from(&at(&os, "d"), "new/d", true).unwrap());
    assert_eq!(other.readtext("new/d/f").unwrap(), "content");
    assert!(!os.exists("d").unwrap());
    // A root stays where it is.
    assert!(!other.copydir_from(&at(&os, "/"), "d", true).unwrap());
}

#[test]
fn a_tree_is_removed_and_its_root_kept() {
    let directory = Directory::new();
    let os = directory.open();
    os.makedirs("a/b/c").unwrap();
    os.writetext("a/b/f", "content").unwrap();
    fails(os.removetree("no"), ErrorKind::ResourceNotFound, "no");
    fails(
        os.removetree("a/b/f"),
        ErrorKind::DirectoryExpected,
        "a/b/f",
    );
    os.removetree("a/b").unwrap();
    assert_eq!(names(&os.root_path().join("a")), [""; 0]);
    os.writetext("f", "content").unwrap();
    os.removetree("/").unwrap();
    assert_eq!(names(os.root_path()), [""; 0]);
}

/// A name, and a way to bring the files of a bucket to the local disk.
type Way = (&'static str, fn(&S3Fs, &OsFs) -> Result<Report, Error>);

const WAYS: [Way; 4] = [
    ("copy", |s3, os| copy_fs(s3, os, &TransferOptions::new())),
    ("move", |s3, os| {
        moving::move_fs(s3, os, &TransferOptions::new())
    }),
    ("mirror", |s3, os| mirror(s3, os, &TransferOptions::new())),
    ("download", |s3, os| {
        s3.download_dir("/", os.root_path(), &TransferOptions::new())
    }),
];

#[test]
fn files_that_the_disk_cannot_hold_are_refused_before_anything_changes() {
    let too_long = "n".repeat(300);
    let below = format!("{too_long}/f");
    for (keys, kind, path) in [
        (["d/x", "d/x/y"], ErrorKind::Unsupported, "/d/x".to_owned()),
        (
            ["d/a", &too_long],
            ErrorKind::InvalidPath,
            format!("/{too_long}"),
        ),
        (
            ["d/a", &below],
            ErrorKind::InvalidPath,
            format!("/{too_long}"),
        ),
    ] {
        for (way, carry) in WAYS {
            let directory = Directory::new();
            let os = directory.open();
            os.writetext("old", "stays").unwrap();
            let server = Server::start();
            let bucket = server.bucket("bucket");
            bucket.put("a", "first");
            for key in keys {
                bucket.put(key, key.to_owned());
            }
            let before = bucket.keys();
            let error = carry(&common::open(&server), &os).unwrap_err();
            assert_eq!(error.kind(), kind, "{way}: {error}");
            assert_eq!(error.path(), Some(&*path), "{way}: {error}");
            assert_eq!(names(os.root_path()), ["old"], "{way}");
            assert_eq!(names(&directory), ["root"], "{way}");
            assert_eq!(bucket.keys(), before, "{way}");
        }
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use s3fs::MemoryFs;
    use s3fs::copy::{copy_dir, copy_file, copy_structure};
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::process::CommandExt;

    /// True if permissions restrict this process; they do not restrict root.
    fn is_bound_by_permissions(directory: &Directory) -> bool {
        let probe = directory.join("probe");
        fs::create_dir(&probe).unwrap();
        fs::set_permissions(&probe, fs::Permissions::from_mode(0o000)).unwrap();
        let bound = fs::read_dir(&probe).is_err();
        fs::remove_dir(&probe).unwrap();
        bound
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_link_that_leads_out_of_the_root_is_refused() {
        let directory = Directory::new();
        let os = directory.open();
        fs::create_dir_all(directory.join("outside/d")).unwrap();
        fs::write(directory.join("outside/f"), "secret").unwrap();
        symlink(directory.join("outside"), os.root_path().join("abs")).unwrap();
        symlink("../outside", os.root_path().join("rel")).unwrap();
        symlink("../outside/f", os.root_path().join("file")).unwrap();
        symlink("../outside/new", os.root_path().join("new")).unwrap();
        for path in ["abs", "rel", "abs/f", "rel/f", "rel/d", "rel/new", "file"] {
            let refused = ErrorKind::PermissionDenied;
            fails(os.getinfo(path, Namespaces::BASIC), refused, path);
            fails(os.exists(path), refused, path);
            fails(os.listdir(path), refused, path);
            fails(os.scandir(path, Namespaces::BASIC), refused, path);
            fails(os.readbytes(path), refused, path);
            fails(os.writebytes(path, b"new"), refused, path);
            fails(os.appendbytes(path, b"new"), refused, path);
            fails(os.openbin(path, "r+"), refused, path);
            fails(os.touch(path), refused, path);
            fails(os.settimes(path, None, None), refused, path);
            fails(os.getsyspath(path), refused, path);
            fails(os.geturl(path), refused, path);
            fails(os.copy(path, "copy"), refused, path);
            fails(os.emptydir(path), refused, path);
            fails(os.removetree(path), refused, path);
            fails(os.opendir(path), refused, path);
            assert!(os.movefile(path, "copy").is_err(), "{path}");
            assert!(
                os.movedir_with(path, "copy", &CopyOptions::new().create(true))
                    .is_err()
            );
            if path.contains('/') {
                fails(os.makedir(path), refused, path);
                fails(os.remove(path), refused, path);
                fails(os.removedir(path), refused, path);
                fails(os.openbin(path, "x"), refused, path);
            }
        }
        fails(
            os.makedir("rel/new"),
            ErrorKind::PermissionDenied,
            "rel/new",
        );
        assert!(os.writebytes("new", b"new").is_err());
        assert!(os.openbin("new", "x").is_err());
        // A copy of the tree does not include files outside of the root.
        os.makedir("target").unwrap();
        os.makedir("source").unwrap();
        symlink("../../outside/f", os.root_path().join("source/f")).unwrap();
        assert!(os.copydir("source", "target").is_err());
        assert_eq!(names(&os.root_path().join("target")), [""; 0]);
        let outside = names(&directory.join("outside"));
        assert_eq!(outside, ["d", "f"]);
        assert_eq!(
            fs::read_to_string(directory.join("outside/f")).unwrap(),
            "secret"
        );
        // Listings include the link, and it can be removed.
        let infos = os.scandir("/", Namespaces::DETAILS).unwrap();
        let links: Vec<_> = infos
            .map(Result::unwrap)
            .filter(|info| info.kind() == Some(ResourceType::Symlink))
            .collect();
        assert_eq!(links.len(), 4);
        assert!(links.iter().all(|link| !link.is_dir()));
        assert!(os.islink("rel").unwrap() && !os.islink("target").unwrap());
        os.removetree("/").unwrap();
        assert_eq!(names(os.root_path()), [""; 0]);
        assert_eq!(names(&directory.join("outside")), ["d", "f"]);
    }

    #[test]
    fn a_link_within_the_root_is_followed() {
        let directory = Directory::new();
        let os = directory.open();
        os.makedirs("d/e").unwrap();
        os.writetext("d/f", "content").unwrap();
        symlink("d", os.root_path().join("l")).unwrap();
        symlink("f", os.root_path().join("d/m")).unwrap();
        assert!(os.isdir("l").unwrap() && os.isfile("l/m").unwrap());
        assert_eq!(os.readtext("l/m").unwrap(), "content");
        let listed = os.scandir("/", Namespaces::DETAILS).unwrap();
        assert!(listed.map(Result::unwrap).all(|info| info.is_dir()));
        assert!(
            os.location("l/f")
                .unwrap()
                .unwrap()
                .is_same(&os.location("d/f").unwrap().unwrap())
        );
        // A write changes the file, and the link stays a link.
        os.writetext("l/m", "new").unwrap();
        os.appendtext("l/m", "!").unwrap();
        assert_eq!(
            fs::read_link(os.root_path().join("d/m")).unwrap(),
            Path::new("f")
        );
        assert_eq!(os.readtext("d/f").unwrap(), "new!");
        let onto_itself = os.copy_with("l/m", "d/f", &CopyOptions::new().overwrite(true));
        fails(onto_itself, ErrorKind::IllegalDestination, "d/f");
        let into_itself = os.copydir_with("d", "l/e", &CopyOptions::new());
        fails(into_itself, ErrorKind::IllegalDestination, "l/e");
        // A link that is moved or removed leaves its target unchanged.
        os.movefile("d/m", "moved").unwrap();
        assert_eq!(os.readtext("moved").unwrap(), "new!");
        assert!(!os.islink("moved").unwrap());
        fails(os.removedir("l"), ErrorKind::DirectoryExpected, "l");
        os.removetree("l").unwrap();
        symlink("d", os.root_path().join("l")).unwrap();
        os.remove("l").unwrap();
        assert_eq!(names(&os.root_path().join("d")), ["e", "f"]);
        // A tree with a link also leaves the target unchanged.
        os.makedir("t").unwrap();
        symlink("../d", os.root_path().join("t/l")).unwrap();
        os.removetree("t").unwrap();
        assert_eq!(os.readtext("d/f").unwrap(), "new!");
    }

    #[test]
    fn a_glob_removes_files_reached_through_two_links() {
        let directory = Directory::new();
        let os = directory.open();
        os.makedirs("d/e").unwrap();
        os.writetext("d/f", "content").unwrap();
        os.writetext("d/e/g", "content").unwrap();
        os.writetext("kept", "content").unwrap();
        symlink("d", os.root_path().join("l")).unwrap();
        assert_eq!(os.glob("*/f").remove().unwrap(), 2);
        assert_eq!(os.glob("*/*/").remove().unwrap(), 2);
        assert_eq!(names(&os.root_path().join("d")), [""; 0]);
        assert_eq!(names(os.root_path()), ["d", "kept", "l"]);
    }

    #[test]
    fn a_dangling_link_is_reported() {
        let directory = Directory::new();
        let os = directory.open();
        symlink("nothing", os.root_path().join("l")).unwrap();
        assert!(!os.exists("l").unwrap() && os.islink("l").unwrap());
        assert_eq!(os.listdir("/").unwrap(), ["l"]);
        fails(os.readbytes("l"), ErrorKind::ResourceNotFound, "l");
        fails(os.writebytes("l", b""), ErrorKind::ResourceNotFound, "l");
        fails(os.openbin("l", "x"), ErrorKind::FileExists, "l");
        fails(os.makedir("l"), ErrorKind::DirectoryExists, "l");
        os.remove("l").unwrap();
        assert!(os.isempty("/").unwrap());
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        let directory = Directory::new();
        let os = directory.open();
        os.makedirs("a/b").unwrap();
        os.writetext("a/b/f", "content").unwrap();
        symlink("x", os.root_path().join("y")).unwrap();
        symlink("y", os.root_path().join("x")).unwrap();
        assert!(os.exists("x").is_err() && os.readbytes("x").is_err());
        assert!(os.listdir("/").unwrap().contains(&"x".to_owned()));
        os.remove("x").unwrap();
        os.remove("y").unwrap();
        symlink("..", os.root_path().join("a/b/up")).unwrap();
        symlink(".", os.root_path().join("a/b/here")).unwrap();
        // A path may go through the link, and listings do not repeat forever.
        assert_eq!(os.readtext("a/b/up/b/here/f").unwrap(), "content");
        for path in ["a/b/up", "a/b/here", "a/b/up/b"] {
            let error = fails(os.listdir(path), ErrorKind::OperationFailed, path);
            assert!(error.to_string().contains("points back"), "{error}");
        }
        let tree = os.scantree("/", Namespaces::BASIC).unwrap();
        let (entries, errors): (Vec<_>, Vec<_>) = tree.partition(Result::is_ok);
        assert_eq!(errors.len(), 1);
        assert!(entries.len() < 4);
        let copied = os.copydir_with("a", "copy", &CopyOptions::new().create(true));
        assert_eq!(copied.unwrap_err().kind(), ErrorKind::OperationFailed);
        os.removetree("a").unwrap();
        assert!(!os.exists("a").unwrap());
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_left_out_and_counted() {
        let directory = Directory::new();
        let os = directory.open();
        os.makedir("d").unwrap();
        let odd = std::ffi::OsString::from_vec(b"\xff\xfe".to_vec());
        fs::write(os.root_path().join("d").join(&odd), "content").unwrap();
        assert!(os.listdir("d").unwrap().is_empty());
        assert_eq!(os.scandir("d", Namespaces::DETAILS).unwrap().count(), 0);
        assert!(!os.isempty("d").unwrap());
        fails(os.removedir("d"), ErrorKind::DirectoryNotEmpty, "d");
        // A move that would have to copy the file changes nothing.
        os.makedir("full").unwrap();
        os.writetext("full/f", "content").unwrap();
        os.writetext("d/g", "content").unwrap();
        let error = fails(os.movedir("d", "full"), ErrorKind::Unsupported, "d");
        assert!(error.to_string().contains("not UTF-8"), "{error}");
        fails(os.copydir("d", "full"), ErrorKind::Unsupported, "d");
        assert_eq!(names(&os.root_path().join("full")), ["f"]);
        assert!(os.root_path().join("d").join(&odd).exists());
        // A move that renames the directory includes the file.
        os.movedir_with("d", "e", &CopyOptions::new().create(true))
            .unwrap();
        assert!(os.root_path().join("e").join(&odd).exists());
        os.removetree("e").unwrap();
        assert_eq!(names(os.root_path()), ["full"]);
        // A root may have such a name.
        let root = directory.join(&odd);
        let odd = OsFs::new_with(root, &OsFsOptions::new().create(true)).unwrap();
        odd.writetext("f", "content").unwrap();
        assert_eq!(odd.readtext("f").unwrap(), "content");
        fails(odd.geturl_for("f", "fs"), ErrorKind::NoUrl, "f");
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_reported_before_a_tree_is_copied() {
        let directory = Directory::new();
        let os = directory.open();
        os.makedirs("src/deep/er").unwrap();
        os.makedir("elsewhere").unwrap();
        os.writetext("src/f", "content").unwrap();
        symlink("../../elsewhere", os.root_path().join("src/deep/link")).unwrap();
        let odd = std::ffi::OsString::from_vec(b"odd\xff".to_vec());
        let server = Server::start();
        let bucket = server.bucket("bucket");
        bucket.put("old", "stays");
        let s3 = common::open(&server);
        let other = OsFs::new_with(directory.join("other"), &OsFsOptions::new().create(true));
        let (other, options) = (other.unwrap(), TransferOptions::new().workers(4));
        for place in ["src", "src/deep/er", "elsewhere"] {
            let odd = os.root_path().join(place).join(&odd);
            fs::write(&odd, "precious").unwrap();
            let src = os.opendir("src").unwrap();
            let targets: [&dyn FileSystem; 3] = [&s3, &other, &MemoryFs::new()];
            for dst in targets {
                let before = dst.listdir("/").unwrap();
                for refused in [
                    copy_fs(&src, dst, &options),
                    copy_dir(&os, "src", dst, "new/er", &options),
                    copy_structure(&os, "src", dst, "new", &options),
                    mirror(&src, dst, &options),
                    moving::move_fs(&src, dst, &options),
                ] {
                    let error = refused.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                    assert!(error.to_string().contains(r"odd\xFF"), "{error}");
                }
                assert_eq!(dst.listdir("/").unwrap(), before);
            }
            if place != "elsewhere" {
                let src = os.root_path().join("src");
                let error = s3.upload_dir(src, "new", &options).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            }
            assert_eq!(bucket.keys(), ["old"]);
            assert_eq!(os.readtext("src/f").unwrap(), "content");
            assert_eq!(fs::read_to_string(&odd).unwrap(), "precious");
            // Listings continue without it.
            assert!(os.glob("**/f").path("src").count().unwrap().files == 1);
            fs::remove_file(&odd).unwrap();
        }
        // It stays in the target of a mirror.
        let odd = other.root_path().join(&odd);
        fs::write(&odd, "precious").unwrap();
        other.writetext("gone", "not in the source").unwrap();
        mirror(&os.opendir("src").unwrap(), &other, &options).unwrap();
        assert_eq!(fs::read_to_string(&odd).unwrap(), "precious");
        assert!(other.isfile("f").unwrap() && !other.exists("gone").unwrap());
    }

    #[test]
    fn the_permissions_of_a_file_are_kept() {
        let directory = Directory::new();
        let os = directory.open();
        os.writetext("f", "old").unwrap();
        let place = os.root_path().join("f");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).unwrap();
        let mut file = os.openbin("f", "w").unwrap();
        // The new file is private until it is complete.
        let draft = names(os.root_path()).remove(0);
        assert!(draft.starts_with(".s3fs-draft-"), "{draft}");
        assert_eq!(mode(&os.root_path().join(draft)), 0o600);
        file.write_all(b"new").unwrap();
        file.close().unwrap();
        os.appendtext("f", "!").unwrap();
        assert_eq!(mode(&place), 0o640);
        os.copy("f", "copy").unwrap();
        let copy = os.root_path().join("copy");
        assert_eq!(mode(&copy), 0o640);
        assert_eq!(os.readtext("copy").unwrap(), "new!");
        // A replaced file keeps its own permissions.
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        os.appendtext("f", "!").unwrap();
        os.copy_with("f", "copy", &CopyOptions::new().overwrite(true))
            .unwrap();
        assert_eq!(mode(&copy), 0o600);
        let other = directory.join("other");
        let other = OsFs::new_with(other, &OsFsOptions::new().create(true)).unwrap();
        other.writetext("copy", "from elsewhere").unwrap();
        let open_to_all = fs::Permissions::from_mode(0o666);
        fs::set_permissions(other.root_path().join("copy"), open_to_all).unwrap();
        copy_fs(&other, &os, &TransferOptions::new()).unwrap();
        assert_eq!(mode(&copy), 0o600);
        assert_eq!(os.readtext("copy").unwrap(), "from elsewhere");
    }

    /// Runs a test of this program again, as a user without special rights.
    fn run_as_nobody(test: &str) {
        const NOBODY: u32 = 65534;
        const AGAIN: &str = "S3FS_TEST_AS_NOBODY";
        assert!(std::env::var_os(AGAIN).is_none(), "nobody is bound");
        let directory = Directory::new();
        fs::set_permissions(&*directory, fs::Permissions::from_mode(0o777)).unwrap();
        let run = |program: &Path| {
            std::process::Command::new(program)
                .args(["--exact", test])
                .env("TMPDIR", &*directory)
                .env(AGAIN, "1")
                .current_dir(&*directory)
                .uid(NOBODY)
                .gid(NOBODY)
                .output()
        };
        let program = std::env::current_exe().unwrap();
        let ran = run(&program).or_else(|_| {
            // The program may be in a home directory that is closed to others.
            let copy = directory.join("program");
            fs::copy(&program, &copy)?;
            run(&copy)
        });
        let ran = ran.unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
    }

    #[test]
    fn a_replaced_file_does_not_keep_set_id_bits() {
        let directory = Directory::new();
        let os = directory.open();
        let bits = |path: &str| {
            let metadata = fs::metadata(os.root_path().join(path)).unwrap();
            metadata.permissions().mode() & 0o7777
        };
        let server = Server::start();
        server.bucket(BUCKET).put("f", "content");
        let s3 = common::open(&server);
        for write in [
            &|| os.writebytes("f", b"new"),
            &|| os.appendbytes("f", b"new"),
            &|| os.copy_with("f", "copy", &CopyOptions::new().overwrite(true)),
            &|| copy_file(&s3, "f", &os, "f", &TransferOptions::new()).map(drop),
            &|| {
                let options = TransferOptions::new().resume(true);
                let place = os.root_path().join("f");
                s3.download_file("f", place, &options).map(drop)
            },
        ] as [&dyn Fn() -> s3fs::Result<()>; 5]
        {
            os.writetext("f", "old").unwrap();
            let lent = fs::Permissions::from_mode(0o6755);
            fs::set_permissions(os.root_path().join("f"), lent).unwrap();
            write().unwrap();
            let written = if os.exists("copy").unwrap() {
                "copy"
            } else {
                "f"
            };
            assert_eq!(bits(written), 0o755);
            let _ = os.remove("copy");
        }
    }

    #[test]
    fn missing_permissions_are_reported() {
        let directory = Directory::new();
        if !is_bound_by_permissions(&directory) {
            return run_as_nobody("osfs::unix::missing_permissions_are_reported");
        }
        let os = directory.open();
        os.makedir("d").unwrap();
        os.writetext("d/f", "content").unwrap();
        os.writetext("f", "content").unwrap();
        let set = |path: &str, mode| {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(os.root_path().join(path), permissions).unwrap();
        };
        set("d", 0);
        set("f", 0o444);
        let refused = ErrorKind::PermissionDenied;
        fails(os.listdir("d"), refused, "d");
        fails(os.readbytes("d/f"), refused, "d/f");
        fails(os.writebytes("d/g", b""), refused, "d/g");
        fails(os.makedir("d/g"), refused, "d/g");
        fails(os.writebytes("f", b"new"), refused, "f");
        fails(os.appendbytes("f", b"new"), refused, "f");
        assert!(
            os.scantree("/", Namespaces::BASIC)
                .unwrap()
                .any(|e| e.is_err())
        );
        let removed = os.removetree("/");
        set("d", 0o755);
        assert_eq!(removed.unwrap_err().kind(), refused);
        assert_eq!(os.readtext("d/f").unwrap(), "content");
    }

    #[test]
    fn no_key_leads_out_of_the_disk() {
        for (way, carry) in WAYS {
            let directory = Directory::new();
            let os = directory.open();
            fs::write(directory.join("x"), "precious").unwrap();
            let server = Server::start();
            let bucket = server.bucket("bucket");
            let absolute = format!("{}/new", directory.display());
            let outside = [
                "a/../../x",
                "../../x",
                "../x",
                "..",
                "/etc/s3fs-x",
                &absolute,
                "a//../../x",
                "./x",
            ];
            // On Unix these are ordinary names.
            let names_of_files = ["..\\..\\x", "C:\\x", "...", "d/..x"];
            for key in outside.iter().chain(&names_of_files) {
                bucket.put(key, key.to_string());
            }
            // Other programs may have files of these names there.
            let elsewhere = ["/etc/s3fs-x", "/x", "C:\\x"]
                .map(Path::new)
                .map(Path::to_owned);
            let above = directory.parent().unwrap().join("x");
            let elsewhere = elsewhere.into_iter().chain([above]).collect::<Vec<_>>();
            let state = || {
                elsewhere
                    .iter()
                    .map(|path| fs::read(path).ok())
                    .collect::<Vec<_>>()
            };
            let before = state();
            carry(&common::open(&server), &os).unwrap();
            assert_eq!(names(&directory), ["root", "x"], "{way}");
            let precious = fs::read_to_string(directory.join("x")).unwrap();
            assert_eq!(precious, "precious", "{way}");
            assert_eq!(state(), before, "{way}: {elsewhere:?}");
            for name in names_of_files {
                let there = os.root_path().join(name);
                assert_eq!(fs::read_to_string(there).unwrap(), name, "{way}");
            }
            // Keys without a path stay in place.
            for key in outside {
                assert!(bucket.get(key).is_some(), "{way}: {key}");
            }
        }
    }

    #[test]
    fn only_regular_files_are_opened() {
        let directory = Directory::new();
        let os = directory.open();
        let socket = os.root_path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(os.gettype("s").unwrap(), ResourceType::Socket);
        for mode in ["r", "w", "a", "r+"] {
            fails(os.openbin("s", mode), ErrorKind::Unsupported, "s");
        }
        let overwrite = CopyOptions::new().overwrite(true);
        os.writetext("f", "content").unwrap();
        assert!(os.copy_with("f", "s", &overwrite).is_err());
        assert!(os.movefile_with("f", "s", &overwrite).is_err());
        assert_eq!(os.gettype("s").unwrap(), ResourceType::Socket);
        os.remove("s").unwrap();
    }
}

#[test]
fn a_file_is_read_and_written_at_any_position() {
    let directory = Directory::new();
    let os = directory.open();
    os.writetext("f", "0123456789").unwrap();
    let mut file = os.openbin("f", "r+").unwrap();
    file.seek(SeekFrom::End(-3)).unwrap();
    file.write_all(b"x").unwrap();
    let error: Error = file.seek(SeekFrom::Current(-100)).unwrap_err().into();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.path(), Some("f"));
    file.close().unwrap();
    assert_eq!(os.readtext("f").unwrap(), "0123456x89");
}
