//! Between S3 and the local disk: files that go there and back in pieces, alone, in directories, and
//! as a part of every copy, move or mirror between the two.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::bulk::{Job, Report, Run, TransferOptions};
use crate::copy::copy_dir;
use crate::crew::Crew;
use crate::error::{Error, Result};
use crate::filesystem::FileSystem;
use crate::location::Location;
use crate::osfs::{OsFs, OsFsOptions, Place};
use crate::pair::Pair;
use crate::s3::{Reached, S3Fs, Terms};

/// Files and directories of the local disk.
impl S3Fs {
    /// Downloads a file to the local disk, and says how many bytes that were.
    ///
    /// A large file comes in ranges of the filesystem's `part_size`, as many at a time as
    /// [`workers`](TransferOptions::workers) says, or `max_workers`. All of them are of one object: if
    /// it is replaced meanwhile, that is [`ResourceChanged`](crate::ErrorKind::ResourceChanged).
    ///
    /// The file is seen by its name only when it is whole and on the disk. Until then it is another one
    /// in the same directory, which goes if something fails; with
    /// [`resume`](TransferOptions::resume) it stays, and the next call goes on from there. A file that
    /// is replaced keeps its permissions. A symbolic link is not replaced, and not followed.
    ///
    /// Ranges are not checked against the digest that a store may keep of the whole object;
    /// [`download`](FileSystem::download) is.
    ///
    /// Requests: one up to `part_size`, otherwise one for each part, or two with one worker. With
    /// `resume`, where there is something to resume, one more, and none for the parts that are there.
    /// What they hold in memory is 256 KiB each.
    ///
    /// ```no_run
    /// use s3fs::{Error, ErrorKind, S3Fs, TransferOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let options = TransferOptions::new().workers(8).resume(true).progress(|done, total| {
    ///     println!("{done} of {total} bytes");
    ///     Ok(())
    /// });
    /// fs.download_file("backup.tar", "/var/tmp/backup.tar", &options)?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readbytes`](FileSystem::readbytes), those of the local disk, and what the progress
    /// callback answers: it cancels the download.
    #[doc(alias = "download_to_file")]
    pub fn download_file(
        &self,
        path: &str,
        local_path: impl AsRef<Path>,
        options: &TransferOptions<'_>,
    ) -> Result<u64> {
        options.cancellable(|| self.transfer_file(path, local_path.as_ref(), options, true))
    }

    /// Uploads a file of the local disk, and says how many bytes that were.
    ///
    /// A large file goes up in parts of the filesystem's `part_size`, as many at a time as
    /// [`workers`](TransferOptions::workers) says, or `max_workers`. Each is read from the disk as it
    /// goes, and nothing is held in memory. Nobody sees the object before it is whole. A file that
    /// changes while it is uploaded is [`ResourceChanged`](crate::ErrorKind::ResourceChanged), and
    /// nothing is stored.
    ///
    /// Requests: those of [`writebytes`](FileSystem::writebytes).
    ///
    /// ```no_run
    /// use s3fs::{S3Fs, TransferOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.upload_file("/var/tmp/backup.tar", "backup.tar", &TransferOptions::new())?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`writebytes`](FileSystem::writebytes), those of the local disk, and what the progress
    /// callback answers: it cancels the upload.
    #[doc(alias = "upload_from_file")]
    pub fn upload_file(
        &self,
        local_path: impl AsRef<Path>,
        path: &str,
        options: &TransferOptions<'_>,
    ) -> Result<u64> {
        options.cancellable(|| self.transfer_file(path, local_path.as_ref(), options, false))
    }

    /// Downloads what is in a directory to a directory of the local disk, which is made if it is not
    /// there: [`copy_dir`] to an [`OsFs`] that follows no symbolic link. Files are downloaded as
    /// [`download_file`](Self::download_file) does, several at a time.
    ///
    /// Nothing is written outside of the directory, whatever the keys are: names that the local disk
    /// cannot have, or takes for one, or that begin with `.s3fs-partial-` or `.s3fs-draft-`, are an error before anything
    /// is written, and so is a file beside a directory of the same name. A symbolic link below the directory, in the place of a file or a
    /// directory, is [`PermissionDenied`](crate::ErrorKind::PermissionDenied).
    ///
    /// ```no_run
    /// use s3fs::{OnError, S3Fs, TransferOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let options = TransferOptions::new().workers(16).on_error(|_| OnError::Gather);
    /// let report = fs.download_dir("reports", "/srv/reports", &options)?;
    /// println!("{} files, {} bytes", report.copied(), report.bytes());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`copy_dir`], and [`CreateFailed`](crate::ErrorKind::CreateFailed) if the local directory
    /// cannot be made.
    #[doc(alias = "download_tree")]
    pub fn download_dir(
        &self,
        path: &str,
        local_path: impl AsRef<Path>,
        options: &TransferOptions<'_>,
    ) -> Result<Report> {
        options.cancellable(|| {
            Pair::new(&self, &self).source_directory(path)?;
            let disk = OsFsOptions::new()
                .create(!options.dry_run)
                .follow_links(false);
            let disk = OsFs::new_with(local_path, disk)?;
            copy_dir(self, path, &disk, "/", options)
        })
    }

    /// Uploads what is in a directory of the local disk to a directory, which is made if it is not
    /// there: [`copy_dir`] from an [`OsFs`]. Files are uploaded as
    /// [`upload_file`](Self::upload_file) does, several at a time. Symbolic links are followed as long
    /// as they stay in the directory.
    ///
    /// ```no_run
    /// use s3fs::{S3Fs, TransferOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.upload_dir("/srv/reports", "reports", &TransferOptions::new().workers(16))?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`copy_dir`], and [`CreateFailed`](crate::ErrorKind::CreateFailed) if there is no such local
    /// directory.
    #[doc(alias = "upload_tree")]
    pub fn upload_dir(
        &self,
        local_path: impl AsRef<Path>,
        path: &str,
        options: &TransferOptions<'_>,
    ) -> Result<Report> {
        options.cancellable(|| copy_dir(&OsFs::new(local_path)?, "/", self, path, options))
    }

    /// Downloads or uploads one file.
    fn transfer_file(
        &self,
        path: &str,
        local_path: &Path,
        options: &TransferOptions<'_>,
        down: bool,
    ) -> Result<u64> {
        let local = local_path.display().to_string();
        let place = Place::at(local_path).map_err(|error| error.with_path(&local))?;
        if options.dry_run {
            return match down {
                true => self.getsize(path),
                false => fs::metadata(local_path)
                    .map(|metadata| metadata.len())
                    .map_err(|error| Error::from(error).with_path(&local)),
            };
        }
        let workers = match options.workers {
            0 => self.max_workers(),
            workers => workers,
        };
        let run = Run::new(options);
        let size = run.alone(workers, |crew: &Crew| {
            let terms = Terms {
                local: &local,
                crew,
                size: &|size| run.expect(size),
                seen: &|count| run.advance(count),
                resume: options.resume,
                times: options.times(),
                modified: None,
                upload_args: options.upload_args.as_ref(),
            };
            match down {
                true => self.download_to(path, &place, &terms),
                false => self.upload_at(path, &place, &terms.options(), &terms),
            }
        })?;
        let told = match down {
            true => run.tell_copied(path, &local),
            false => run.tell_copied(&local, path),
        };
        told.map(|()| size)
    }
}

/// How many threads a copy has that is not told: those of the filesystem on S3, if the other one is
/// on the local disk, and otherwise one.
pub(crate) fn workers(pair: Pair<'_>) -> Result<usize> {
    let (src, dst) = (pair.src.location("/")?, pair.dst.location("/")?);
    let fs = match src.as_ref().zip(dst.as_ref()).and_then(way) {
        Some(Way::Down(reached, _) | Way::Up(_, reached)) => &reached.fs,
        None => return Ok(1),
    };
    Ok(fs.max_workers())
}

/// Whether the one filesystem is on S3, and the other one on the local disk.
pub(crate) fn is_download(pair: Pair<'_>) -> Result<bool> {
    let (src, dst) = (pair.src.location("/")?, pair.dst.location("/")?);
    let way = src.as_ref().zip(dst.as_ref()).and_then(way);
    Ok(matches!(way, Some(Way::Down(..))))
}

/// Whether the filesystem is on S3.
pub(crate) fn is_on_s3(fs: &dyn FileSystem) -> Result<bool> {
    let root = fs.location("/")?;
    Ok(root.is_some_and(|root| root.handle::<Reached>().is_some()))
}

/// Transfers a file in pieces, and gives it its time where it can have one: `false` if it is not one
/// between S3 and the local disk.
pub(crate) fn transfer(
    pair: Pair<'_>,
    job: &Job,
    source: Option<&Location>,
    terms: &Terms<'_>,
) -> Result<bool> {
    let target = pair.dst.location(&job.dst_path)?;
    match source.zip(target.as_ref()).and_then(way) {
        Some(Way::Down(reached, place)) => {
            let terms = Terms {
                local: &job.dst_path,
                modified: job.modified,
                ..*terms
            };
            let done = reached.fs.download_to(&reached.path, place, &terms);
            done.map_err(|error| renamed(error, &reached.path, &job.src_path))?;
        }
        Some(Way::Up(place, reached)) => {
            let terms = Terms {
                local: &job.src_path,
                ..*terms
            };
            let options = terms.options().beside_directory(job.beside_directory);
            let done = reached.fs.upload_at(&reached.path, place, &options, &terms);
            done.map_err(|error| renamed(error, &reached.path, &job.dst_path))?;
        }
        None => return Ok(false),
    }
    Ok(true)
}

/// Sees to it that what was renamed into these directories is found there after a power failure: a move
/// deletes the only other copy next. Nothing to do but on the local disk.
pub(crate) fn make_durable<'d>(
    fs: &dyn FileSystem,
    directories: impl IntoIterator<Item = &'d str>,
) -> Result<()> {
    let distinct: BTreeSet<&str> = directories.into_iter().collect();
    for directory in distinct {
        let location = fs.location(directory)?;
        let Some(place) = location.as_ref().and_then(Location::handle::<Place>) else {
            return Ok(());
        };
        place
            .sync_directory()
            .map_err(|error| Error::from(error).with_path(directory))?;
    }
    Ok(())
}

/// The way between a filesystem on S3 and the local disk.
enum Way<'l> {
    Down(&'l Reached, &'l Place),
    Up(&'l Place, &'l Reached),
}

fn way<'l>((src, dst): (&'l Location, &'l Location)) -> Option<Way<'l>> {
    if let (Some(reached), Some(place)) = (src.handle(), dst.handle()) {
        return Some(Way::Down(reached, place));
    }
    let (place, reached) = src.handle().zip(dst.handle())?;
    Some(Way::Up(place, reached))
}

/// The error about the path that the caller gave, and not about the one in the bucket.
fn renamed(error: Error, path: &str, given: &str) -> Error {
    if error.path() == Some(path) {
        return error.with_path_replaced(given);
    }
    error
}
