//! Incomplete files on the local disk: who can open them, from which of them a download resumes, and
//! that no copy includes them.

use std::fs;
use std::sync::Mutex;

use s3fs::copy::copy_fs;
use s3fs::mirror::mirror;
use s3fs::{Error, ErrorKind, FileSystem, FileSystemExt, MemoryFs, OsFs, TransferOptions};
use test_server::{BUCKET, Server};

use crate::common;
use crate::local::Directory;

/// Files that a killed program leaves behind.
const LEFT_BEHIND: [&str; 3] = [
    ".s3fs-draft-0123456789abcdef-0",
    ".S3FS-DRAFT-0123456789abcdef-1",
    ".s3fs-partial-f",
];

#[test]
fn partial_files_of_a_killed_program_are_not_uploaded_copied_or_mirrored() {
    let server = Server::start();
    let fs = common::builder(&server).build().unwrap();
    let disk = Directory::new();
    fs::create_dir(disk.join("d")).unwrap();
    fs::write(disk.join("d/f"), "content").unwrap();
    for name in LEFT_BEHIND {
        fs::write(disk.join(name), "half").unwrap();
        fs::write(disk.join("d").join(name), "half").unwrap();
    }
    let os = OsFs::new(&*disk).unwrap();
    let options = TransferOptions::new();
    let is_clean = |fs: &dyn FileSystem| {
        assert_eq!(fs.listdir("/").unwrap(), ["d"]);
        assert_eq!(fs.listdir("d").unwrap(), ["f"]);
    };
    for name in ["uploaded", "copied", "mirrored"] {
        fs.makedir(name).unwrap();
    }
    fs.upload_dir(&*disk, "uploaded", &options).unwrap();
    copy_fs(&os, &fs.opendir("copied").unwrap(), &options).unwrap();
    mirror(&os, &fs.opendir("mirrored").unwrap(), &options).unwrap();
    for name in ["uploaded", "copied", "mirrored"] {
        is_clean(&fs.opendir(name).unwrap());
    }
    let memory = MemoryFs::new();
    mirror(&os, &memory, &options).unwrap();
    is_clean(&memory);
    // Nothing is stored under such a name, since no listing would include it.
    for name in LEFT_BEHIND {
        let error = os.writebytes(name, b"new").unwrap_err();
        assert_eq!(error.kind(), s3fs::ErrorKind::InvalidPath, "{name}");
    }
}

#[test]
fn a_small_file_is_received_completely_before_a_file_is_created() {
    let server = Server::start();
    let fs = common::builder(&server).build().unwrap();
    server.bucket(BUCKET).put("d/small", vec![7; 100_000]);
    server.bucket(BUCKET).put("d/empty", "");
    let disk = Directory::new();
    let refused = || Error::new(ErrorKind::OperationFailed);
    let seen = Mutex::new(0);
    let options = TransferOptions::new().progress(|done, _| {
        assert_eq!(fs::read_dir(&*disk).unwrap().count(), 0);
        *seen.lock().unwrap() = done;
        if done == 100_000 {
            Err(refused())
        } else {
            Ok(())
        }
    });
    fs.download_file("d/small", disk.join("small"), &options)
        .unwrap_err();
    assert_eq!(*seen.lock().unwrap(), 100_000);
    assert_eq!(fs::read_dir(&*disk).unwrap().count(), 0);
    fs.download_dir("d", &*disk, &TransferOptions::new())
        .unwrap();
    assert_eq!(fs::read(disk.join("small")).unwrap(), vec![7; 100_000]);
    assert_eq!(fs::read(disk.join("empty")).unwrap(), b"");
    assert_eq!(fs::read_dir(&*disk).unwrap().count(), 2);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
    use std::path::Path;
    use std::process::Command;

    use s3fs::{CopyOptions, S3Fs};

    use super::*;
    use test_server::{Fault, Rule, synthetic_bytes};

    const PART: u64 = 64 << 10;
    const SIZE: u64 = 12 * PART;

    fn scene() -> (Server, S3Fs, Directory) {
        let server = Server::builder().min_part_size(PART).start();
        server.bucket(BUCKET).put_synthetic("f", 1, SIZE);
        let builder = common::builder(&server).strict(false);
        let fs = builder.part_size(PART).min_part_size(PART).build().unwrap();
        (server, fs, Directory::new())
    }

    fn resuming<'a>() -> TransferOptions<'a> {
        TransferOptions::new().workers(1).resume(true)
    }

    /// Makes a download fail halfway, so that it can be resumed.
    fn begin(server: &Server, fs: &S3Fs, disk: &Path) {
        let from = |start: u64| {
            Rule::on("GetObject").when(move |request| {
                let range = request.header("range").unwrap_or_default();
                range.starts_with(&format!("bytes={start}-"))
            })
        };
        let faults = server.faults();
        faults.add(from(PART), Fault::Truncate(5 * PART));
        faults.add(from(6 * PART), Fault::error(403, "AccessDenied"));
        let failed = fs.download_file("f", disk.join("target"), &resuming());
        assert!(failed.is_err());
        server.faults().clear();
        server.take_requests();
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    fn try_set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }

    fn set_mode(path: &Path, mode: u32) {
        try_set_mode(path, mode).unwrap();
    }

    /// The permissions and the owner of any new file.
    fn of_a_new_file(disk: &Path) -> (u32, u32) {
        let path = disk.join("new");
        fs::write(&path, "").unwrap();
        let found = fs::metadata(&path).unwrap();
        fs::remove_file(&path).unwrap();
        (found.mode() & 0o7777, found.uid())
    }

    #[test]
    fn a_download_resumes_only_from_a_file_that_no_other_user_can_have_created() {
        type Change = fn(&Path, &Path) -> std::io::Result<()>;
        // The file in place of the partial file; whether the download resumes from it, and whether it stays.
        let table: [(&str, Change, bool, bool); 10] = [
            ("its own", |_, _| Ok(()), true, false),
            ("read by others", |p, _| try_set_mode(p, 0o644), true, false),
            ("for all", |p, _| try_set_mode(p, 0o666), false, false),
            ("for the group", |p, _| try_set_mode(p, 0o620), false, false),
            ("two names", |p, o| fs::hard_link(p, o), false, false),
            (
                "a link",
                |p, o| {
                    fs::rename(p, o)?;
                    symlink(o, p)
                },
                false,
                false,
            ),
            (
                "a pipe",
                |p, _| {
                    fs::remove_file(p)?;
                    assert!(Command::new("mkfifo").arg(p).status()?.success());
                    Ok(())
                },
                false,
                false,
            ),
            (
                "a directory",
                |p, _| {
                    fs::remove_file(p)?;
                    fs::create_dir(p)
                },
                false,
                true,
            ),
            (
                "another's",
                |p, _| {
                    set_mode(p, 0o600);
                    chown(p, Some(12345), None)
                },
                false,
                true,
            ),
            (
                "another's, for all",
                |p, _| {
                    set_mode(p, 0o666);
                    chown(p, Some(12345), None)
                },
                false,
                true,
            ),
        ];
        for (what, change, resumes, stays) in table {
            let (server, fs, disk) = scene();
            begin(&server, &fs, &disk);
            let (partial, other) = (disk.join(".s3fs-partial-target"), disk.join("other"));
            assert_eq!(mode(&partial), 0o600);
            if !resumes {
                // The bytes are not those of the object, though the note is right.
                let mut bytes = fs::read(&partial).unwrap();
                bytes[..100].fill(b'!');
                fs::write(&partial, bytes).unwrap();
            }
            let before = fs::read(&partial).unwrap();
            match change(&partial, &other) {
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    eprintln!("{what}: left out, since only root can do that");
                    continue;
                }
                changed => changed.unwrap(),
            }
            let target = disk.join("target");
            let length = fs.download_file("f", &target, &resuming()).unwrap();
            assert_eq!(length, SIZE);
            let is_right = fs::read(&target).unwrap() == synthetic_bytes(1, 0, SIZE as usize);
            assert!(is_right, "{what}");
            let requests = server.take_requests();
            let received: u64 = requests.iter().map(|request| request.bytes_out).sum();
            assert_eq!(received < SIZE, resumes, "{what}: {received}");
            let found = fs::symlink_metadata(&target).unwrap();
            assert!(found.is_file() && found.nlink() == 1, "{what}");
            let as_new = (found.mode() & 0o7777, found.uid());
            assert_eq!(as_new, of_a_new_file(&disk), "{what}");
            // Files of other users are unchanged.
            assert_eq!(partial.symlink_metadata().is_ok(), stays, "{what}");
            for left in [&partial, &other] {
                if left.is_file() {
                    assert!(fs::read(left).unwrap() == before, "{what}");
                }
            }
        }
    }

    #[test]
    fn partial_files_are_private_and_published_files_have_the_proper_permissions() {
        let (_server, fs, disk) = scene();
        let target = disk.join("target");
        let (new_mode, _) = of_a_new_file(&disk);
        for resume in [false, true] {
            for old in [None, Some(0o640), Some(0o666), Some(0o755)] {
                let _ = fs::remove_file(&target);
                if let Some(old) = old {
                    fs::write(&target, "old").unwrap();
                    set_mode(&target, old);
                }
                let modes = Mutex::new(Vec::new());
                let options = resuming().resume(resume).progress(|_, _| {
                    let entries = fs::read_dir(&*disk).unwrap().map(Result::unwrap);
                    let hidden = entries.filter(|e| e.file_name().as_encoded_bytes()[0] == b'.');
                    modes
                        .lock()
                        .unwrap()
                        .extend(hidden.map(|entry| mode(&entry.path())));
                    Ok(())
                });
                fs.download_file("f", &target, &options).unwrap();
                drop(options);
                let modes = modes.into_inner().unwrap();
                assert!(!modes.is_empty() && modes.iter().all(|mode| *mode == 0o600));
                assert_eq!(mode(&target), old.unwrap_or(new_mode), "{resume} {old:?}");
            }
        }
    }

    #[test]
    fn a_new_file_on_the_disk_has_the_permissions_of_any_new_file() {
        let disk = Directory::new();
        let os = OsFs::new(&*disk).unwrap();
        let (new_mode, _) = of_a_new_file(&disk);
        for open in ["w", "x", "a", "w+", "x+", "a+"] {
            let mut file = os.openbin(open, open).unwrap();
            let draft = fs::read_dir(&*disk).unwrap().map(Result::unwrap);
            let draft = draft.map(|entry| entry.path()).find(|path| {
                let name = path.file_name().unwrap_or_default();
                name.as_encoded_bytes().starts_with(b".s3fs-draft-")
            });
            assert_eq!(mode(&draft.unwrap()), 0o600, "{open}");
            std::io::Write::write_all(&mut file, b"content").unwrap();
            file.close().unwrap();
            assert_eq!(mode(&disk.join(open)), new_mode, "{open}");
        }
        // A copy has the permissions of its source, and one over another file those of that file.
        set_mode(&disk.join("w"), 0o751);
        os.copy("w", "copy").unwrap();
        assert_eq!(mode(&disk.join("copy")), 0o751);
        let over = CopyOptions::new().overwrite(true);
        os.copy_with("w", "x", &over).unwrap();
        assert_eq!(mode(&disk.join("x")), new_mode);
    }
}
