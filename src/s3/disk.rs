//! To and from the local disk: single files and directories.

use std::fs;
use std::path::Path;

use crate::s3::S3Fs;

use crate::error::{Error, Result};
use crate::ext::FileSystemExt as _;
use crate::filesystem::capabilities::{
    PieceSink as _, RangedSource as _, SourceOptions, Times, Transfer,
};
use crate::filesystem::endpoints::Endpoints;
use crate::osfs::{DiskSink, DiskSource, OsFs, OsFsOptions, Place};
use crate::threads::ThreadPool;
use crate::transfer::bulk::{Report, Run, TransferOptions};
use crate::transfer::copy::copy_dir;

/// Files and directories of the local disk.
impl S3Fs {
    /// Downloads a file to the local disk, and says how many bytes that were.
    ///
    /// A large file comes in ranges of the filesystem's `part_size`, as many at a time as
    /// [`workers`](TransferOptions::workers) says, or `max_workers`. All of them are of one object: if
    /// it is replaced meanwhile, that is [`ResourceChanged`](crate::ErrorKind::ResourceChanged).
    ///
    /// The file is seen by its name only when it is whole; with [`durable`](TransferOptions::durable), it is on the
    /// disk then. Until then it is another one
    /// in the same directory, which goes if something fails; with
    /// [`resume`](TransferOptions::resume) it stays, and the next call goes on from there. A file that
    /// is replaced keeps its permissions. A symbolic link is not replaced, and not followed.
    ///
    /// Ranges are not checked against the digest that a store may keep of the whole object;
    /// [`download`](crate::FileSystem::download) is.
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
    /// As [`readbytes`](crate::FileSystemExt::readbytes), those of the local disk, and what the progress
    /// callback answers: it cancels the download. [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if a
    /// [`condition`](TransferOptions::condition) is set.
    #[doc(alias = "download_to_file")]
    pub fn download_file(
        &self,
        path: &str,
        local_path: impl AsRef<Path>,
        options: &TransferOptions<'_>,
    ) -> Result<u64> {
        options.cancellable(|| {
            options.refuse_condition("use copy::copy_file with an OsFs")?;
            let (place, local) = place(local_path.as_ref())?;
            if options.dry_run {
                return self.getsize(path);
            }
            self.transfer_file((path, &local), options, |transfer| {
                let sink = DiskSink::new(place.clone(), &local);
                let wanted = SourceOptions::new()
                    .only_look(transfer.resume() && sink.is_begun())
                    .needs_time(transfer.times() != Times::Now);
                let source = self.object_source(path, &wanted)?;
                let stored = sink.store(&source, transfer);
                stored.map_err(|error| error.with_path(path))?;
                if transfer.durable() {
                    let synced = place.sync_parent();
                    synced.map_err(|error| Error::from(error).with_path(&local))?;
                }
                Ok(source.size())
            })
        })
    }

    /// Uploads a file of the local disk, and says how many bytes that were.
    ///
    /// A large file goes up in parts of the filesystem's `part_size`, as many at a time as
    /// [`workers`](TransferOptions::workers) says, or `max_workers`. Each is read from the disk as it
    /// goes, and nothing is held in memory. Nobody sees the object before it is whole. A file that
    /// changes while it is uploaded is [`ResourceChanged`](crate::ErrorKind::ResourceChanged), and
    /// nothing is stored.
    ///
    /// Requests: those of [`writebytes`](crate::FileSystemExt::writebytes).
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
    /// As [`writebytes`](crate::FileSystemExt::writebytes), those of the local disk, and what the progress
    /// callback answers: it cancels the upload. [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if a
    /// [`condition`](TransferOptions::condition) is set.
    #[doc(alias = "upload_from_file")]
    pub fn upload_file(
        &self,
        local_path: impl AsRef<Path>,
        path: &str,
        options: &TransferOptions<'_>,
    ) -> Result<u64> {
        options.cancellable(|| {
            options.refuse_condition("use copy::copy_file with an OsFs")?;
            let (place, local) = place(local_path.as_ref())?;
            if options.dry_run {
                let size = fs::metadata(local_path).map(|metadata| metadata.len());
                return size.map_err(|error| Error::from(error).with_path(&local));
            }
            self.transfer_file((&local, path), options, |transfer| {
                let sink = self.object_sink(path, &transfer.options())?;
                let source = DiskSource::open(&place, &local)?;
                let stored = sink.store(&source, transfer);
                stored.map_err(|error| error.with_path(&local))?;
                Ok(source.size())
            })
        })
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
            Endpoints::new(&self, &self).source_directory(path)?;
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

    /// Does one transfer, and returns how many bytes the file has.
    fn transfer_file(
        &self,
        (src_path, dst_path): (&str, &str),
        options: &TransferOptions<'_>,
        transfer: impl FnOnce(&Transfer<'_>) -> Result<u64>,
    ) -> Result<u64> {
        let workers = match options.workers {
            0 => self.shared.max_workers,
            workers => workers,
        };
        let run = Run::new(options);
        let size = run.alone(workers, |pool: &ThreadPool| {
            let (expect, advance) = (|size| run.expect(size), |count| run.advance(count));
            transfer(&run.transfer(pool, &expect, &advance))
        })?;
        run.tell_copied(src_path, dst_path).map(|()| size)
    }
}

/// The file that a local path names, and what errors call it.
fn place(local_path: &Path) -> Result<(Place, String)> {
    let local = local_path.display().to_string();
    let place = Place::at(local_path).map_err(|error| error.with_path(&local))?;
    Ok((place, local))
}
