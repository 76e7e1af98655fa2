//! Transfers one file: the target copies it itself, or it is transferred in pieces, or its bytes are streamed.

use std::io::{self, Read};

use crate::error::{ErrorKind, Result};
use crate::filesystem::FileSystem;
use crate::filesystem::capabilities::{SourceOptions, Storage, Times, Transfer};
use crate::filesystem::defaults;
use crate::filesystem::endpoints::{Endpoints, location};
use crate::filesystem::options::OpenOptions;
use crate::transfer::job::Job;

/// Transfers one file. If the target has a directory with its path, and the source has one, too, the file is stored beside it:
/// a later window may contain that directory.
pub(crate) fn transfer(endpoints: Endpoints<'_>, job: &Job, transfer: &Transfer<'_>) -> Result<()> {
    match transfer_once(endpoints, job, transfer) {
        Err(error)
            if error.is(ErrorKind::FileExpected)
                && !job.beside_directory
                && endpoints.dst.getmeta().holds_file_beside_directory
                && endpoints.src.isdir(&job.src_path)? =>
        {
            let job = Job {
                beside_directory: true,
                ..job.clone()
            };
            transfer_once(endpoints, &job, transfer)
        }
        result => result,
    }
}

fn transfer_once(endpoints: Endpoints<'_>, job: &Job, transfer: &Transfer<'_>) -> Result<()> {
    let source = location(endpoints.src, &job.src_path)?;
    // The target's own copy does not put a file beside a directory.
    let source = source.filter(|_| !job.beside_directory);
    if defaults::copy_by_itself(endpoints.dst, source.as_ref(), &job.dst_path)? {
        transfer.advance(job.size)?;
    } else if in_pieces(endpoints, job, transfer)? {
        return Ok(());
    } else {
        let inner = endpoints
            .src
            .openbin_with(&job.src_path, "r", &OpenOptions::default())?;
        let mut source = Watched { inner, transfer };
        let (dst, beside) = (endpoints.dst, job.beside_directory);
        defaults::upload(dst, &job.dst_path, &mut source, job.size, beside)?;
    }
    if transfer.times() == Times::Kept
        && let Some(modified) = job.modified
    {
        defaults::set_modified(endpoints.dst, &job.dst_path, modified)?;
    }
    Ok(())
}

/// Kind of storage of a filesystem.
pub(crate) fn storage(fs: &dyn FileSystem) -> Storage {
    fs.capabilities()
        .map_or(Storage::Other, |capabilities| capabilities.storage())
}

/// Default number of threads of a transfer: that of the remote filesystem if the other one is local, and otherwise 1.
pub(crate) fn default_workers(endpoints: Endpoints<'_>) -> usize {
    match (storage(endpoints.src), storage(endpoints.dst)) {
        (Storage::Remote { workers }, Storage::Local)
        | (Storage::Local, Storage::Remote { workers }) => workers,
        _ => 1,
    }
}

/// Returns true if files are transferred from a remote filesystem to a local one.
pub(crate) fn is_download(endpoints: Endpoints<'_>) -> bool {
    matches!(
        (storage(endpoints.src), storage(endpoints.dst)),
        (Storage::Remote { .. }, Storage::Local)
    )
}

/// Transfers a file in pieces, and sets its time if possible. Returns `false` if the two filesystems do not support this
/// together.
fn in_pieces(endpoints: Endpoints<'_>, job: &Job, transfer: &Transfer<'_>) -> Result<bool> {
    let is_remote = |fs| matches!(storage(fs), Storage::Remote { .. });
    let is_local = |fs| storage(fs) == Storage::Local;
    let is_up = is_local(endpoints.src) && is_remote(endpoints.dst);
    if !is_up && !is_download(endpoints) {
        return Ok(false);
    }
    let (Some(src), Some(dst)) = (endpoints.src.capabilities(), endpoints.dst.capabilities())
    else {
        return Ok(false);
    };
    let options = transfer
        .options_for(&job.dst_path)
        .beside_directory(job.beside_directory);
    let Some(sink) = dst.open_sink(&job.dst_path, &options)? else {
        return Ok(false);
    };
    let keeps_original = transfer.keeps_original_time();
    // An empty file has no content to request, but its metadata may contain its time.
    let is_looked_at = keeps_original && job.size == 0;
    let wanted = SourceOptions::new()
        .only_look(is_looked_at || transfer.resume() && sink.is_begun())
        .needs_time(keeps_original || transfer.times() != Times::Now && job.modified.is_none());
    let Some(source) = src.open_source(&job.src_path, &wanted)? else {
        return Ok(false);
    };
    let transfer = Transfer {
        listed: job.modified,
        ..*transfer
    };
    let stored = sink.store(&*source, &transfer);
    stored.map_err(|error| error.with_path(&job.src_path))?;
    Ok(true)
}

/// Reader of a file that reports its progress.
struct Watched<'w, R> {
    inner: R,
    transfer: &'w Transfer<'w>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = self.transfer.step(buffer.len());
        let count = self.inner.read(&mut buffer[..step])?;
        self.transfer.pace(count as u64)?;
        self.transfer.advance(count as u64)?;
        Ok(count)
    }
}
