//! Transfers to and from the local disk: single files and directories.

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
use crate::transfer::copy::copy_dir;
use crate::transfer::options::TransferOptions;
use crate::transfer::report::Report;
use crate::transfer::run::Run;

/// Files and directories of the local disk.
impl S3Fs {
    /// Downloads a file to the local disk, and returns its size in bytes.
    ///
    /// A large file is downloaded in ranges of the filesystem's `part_size`, with at most
    /// [`workers`](TransferOptions::workers) of them in parallel (`max_workers` by default). All ranges are of one object
    /// version: if the object is replaced meanwhile, the call fails with
    /// [`ResourceChanged`](crate::ErrorKind::ResourceChanged).
    ///
    /// The file gets its name only when it is complete. With [`durable`](TransferOptions::durable), it is synced to the
    /// disk first. Until then its content is in another file in the same directory, which is removed if the download
    /// fails. With [`resume`](TransferOptions::resume) that file is kept, and the next call continues from there. A
    /// replaced file keeps its permissions. A symbolic link is neither replaced nor followed.
    ///
    /// Ranges are not verified against a checksum of the whole object that a store may keep;
    /// [`download`](crate::FileSystem::download) verifies it.
    ///
    /// Requests: one up to `part_size`, otherwise one for each part, or two with one worker. Resuming takes one more, and
    /// none for the parts already present. Each parallel range takes 256 KiB of memory.
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
    /// Those of [`readbytes`](crate::FileSystemExt::readbytes) and of the local disk, and errors that the progress callback
    /// returns, which cancel the download. [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if a
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

    /// Uploads a file from the local disk, and returns its size in bytes.
    ///
    /// A large file is uploaded in parts of the filesystem's `part_size`, with at most
    /// [`workers`](TransferOptions::workers) of them in parallel (`max_workers` by default). Each part is read from the disk
    /// while it is sent, and is not held in memory. The object becomes visible when it is complete. If the file changes
    /// during the upload, the call fails with [`ResourceChanged`](crate::ErrorKind::ResourceChanged), and nothing is stored.
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
    /// Those of [`writebytes`](crate::FileSystemExt::writebytes) and of the local disk, and errors that the progress
    /// callback returns, which cancel the upload. [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if a
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
                let sink = self.object_sink(path, &transfer.options_for(path))?;
                let source = DiskSource::open(&place, &local)?;
                let stored = sink.store(&source, transfer);
                stored.map_err(|error| error.with_path(&local))?;
                Ok(source.size())
            })
        })
    }

    /// Downloads the content of a directory to a directory of the local disk, which is created if it does not exist. This is
    /// [`copy_dir`] to an [`OsFs`] that follows no symbolic links. Files are downloaded as by
    /// [`download_file`](Self::download_file), several in parallel.
    ///
    /// Nothing is written outside of the directory, regardless of the keys. These are errors before anything
    /// of the same [window](TransferOptions::window) is written:
    /// names that the local disk cannot have or does not distinguish, names that begin with `.s3fs-partial-` or
    /// `.s3fs-draft-`, and a file beside a directory of the same name. A symbolic link in the place of a file or
    /// directory below the target is [`PermissionDenied`](crate::ErrorKind::PermissionDenied).
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
    /// Those of [`copy_dir`], and [`CreateFailed`](crate::ErrorKind::CreateFailed) if the local directory cannot be created.
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
            let disk = OsFs::new_with(local_path, &disk)?;
            copy_dir(self, path, &disk, "/", options)
        })
    }

    /// Uploads the content of a directory of the local disk to a directory, which is created if it does not exist. This is
    /// [`copy_dir`] from an [`OsFs`]. Files are uploaded as by [`upload_file`](Self::upload_file), several in parallel.
    /// Symbolic links are followed as long as they stay in the directory.
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
    /// Those of [`copy_dir`], and [`CreateFailed`](crate::ErrorKind::CreateFailed) if the local directory does not exist.
    #[doc(alias = "upload_tree")]
    pub fn upload_dir(
        &self,
        local_path: impl AsRef<Path>,
        path: &str,
        options: &TransferOptions<'_>,
    ) -> Result<Report> {
        options.cancellable(|| copy_dir(&OsFs::new(local_path)?, "/", self, path, options))
    }

    /// Does one transfer, and returns the size of the file in bytes.
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
            run.expect_file();
            run.begins(src_path)?;
            let size = transfer(&run.transfer(pool, &expect, &advance))?;
            run.ends(src_path).map(|()| size)
        })?;
        run.tell_copied(src_path, dst_path).map(|()| size)
    }
}

/// Returns the place of a local path, and its name in errors.
fn place(local_path: &Path) -> Result<(Place, String)> {
    let local = local_path.display().to_string();
    let place = Place::at(local_path).map_err(|error| error.with_path(&local))?;
    Ok((place, local))
}
