//! [`Target`]: stores the content of a file as an object, by one PUT or by a multipart upload, with or without a
//! condition. Also resolves the outcome of a PUT whose response was lost.

use std::sync::Arc;

use md5::{Digest as _, Md5};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::{DownloadArgs, UploadArgs};
use crate::nonce::nonce;
use crate::s3::api::{
    Condition, FinishUpload, Handling, NONCE, Objects, ReadOptions, condition_failed, has_nonce,
    hex, is_gone, is_unknown_to_store, unknown,
};
use crate::s3::checksum;
use crate::s3::client::{Payload, ReadAt, Response};
use crate::s3::etag;
use crate::s3::key::Key;
use crate::s3::write::part_queue::PartQueue;
use crate::threads::ThreadPool;

/// The target of a written file.
#[derive(Clone)]
pub(in crate::s3) struct Target {
    pub(in crate::s3) objects: Arc<Objects>,
    pub(in crate::s3) key: Key,
    pub(in crate::s3) path: String,
    /// Combined arguments of the filesystem and the call.
    pub(in crate::s3) args: UploadArgs,
}

/// A multipart upload to a target, and the nonce that identifies its object.
pub(in crate::s3) struct Begun {
    pub(in crate::s3) parts: PartQueue,
    nonce: Option<String>,
}

impl Target {
    /// Stores an object in one request, on a condition. Makes more requests if a response is lost, or if the store does
    /// not support conditions.
    ///
    /// # Errors
    ///
    /// `FileExists` if it had to be new. `ResourceChanged` if it had to have an ETag.
    /// `OutcomeUnknown` if the outcome of a request without a response cannot be determined.
    pub(in crate::s3) fn put(
        &self,
        bytes: &[u8],
        kept: &[(String, String)],
        condition: Condition<'_>,
    ) -> Result<()> {
        let stored = match condition {
            Condition::Any => self.put_once(bytes, &self.args, kept, condition),
            Condition::Absent => self.put_new(bytes),
            Condition::Match(e_tag) => self.put_over(bytes, kept, e_tag),
        };
        stored.map_err(|error| error.with_path(&self.path))
    }

    fn put_once(
        &self,
        bytes: &[u8],
        args: &UploadArgs,
        kept: &[(String, String)],
        condition: Condition<'_>,
    ) -> Result<()> {
        self.objects.put(&self.key, bytes, args, kept, condition)
    }

    /// Stores an object that must not exist yet. The server decides or, if it does not support conditions, a check right
    /// before.
    pub(in crate::s3) fn put_new(&self, bytes: &[u8]) -> Result<()> {
        self.put_new_after(bytes, &|| self.check(Condition::Absent))
    }

    /// Like [`put_new`](Self::put_new), but with another check. `look` returns an error if the object may not be stored
    /// without a condition.
    pub(in crate::s3) fn put_new_after(
        &self,
        bytes: &[u8],
        look: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        let condition = self.sent_after(Condition::Absent, look)?;
        let nonce = nonce();
        let args = self.args.clone().metadata(NONCE, nonce.as_str());
        let error = match self.put_once(bytes, &args, &[], condition) {
            Err(error) if condition != Condition::Any && is_unknown_to_store(&error) => {
                look()?;
                return self.put_once(bytes, &self.args, &[], Condition::Any);
            }
            Err(error) if condition_failed(&error) && !error.is_unsure() => {
                return Err(self.objects.not_new(&self.key, &self.read(), error));
            }
            Err(error) if error.is_unsure() => error,
            stored => return stored,
        };
        match self.look() {
            Ok(Some(head)) if has_nonce(&head, &nonce) => Ok(()),
            Ok(Some(_)) => Err(self.objects.not_new(&self.key, &self.read(), error)),
            // The object was never stored, or was removed again.
            Ok(None) => Err(error),
            Err(_) => Err(unknown(error)),
        }
    }

    /// Stores an object in place of the one with this ETag.
    fn put_over(&self, bytes: &[u8], kept: &[(String, String)], e_tag: &str) -> Result<()> {
        let put = |condition| self.put_once(bytes, &self.args, kept, condition);
        let look = || self.check(Condition::Match(e_tag));
        if etag::is_weak(e_tag) {
            look()?;
            return put(Condition::Any);
        }
        let condition = self.sent_after(Condition::Match(e_tag), &look)?;
        let error = match put(condition) {
            Err(error) if condition != Condition::Any && is_unknown_to_store(&error) => {
                look()?;
                return put(Condition::Any);
            }
            Err(error) if error.is_unsure() => error,
            stored => return stored,
        };
        let head = self.look();
        let now = head.map(|head| head.and_then(|head| head.header("etag").map(str::to_owned)));
        match now {
            // The object has its old content. Either the new bytes are identical, or they were never stored.
            Ok(Some(now)) if etag::is_same(&now, e_tag) && is_md5(&now, bytes) => {
                Err(unknown(error))
            }
            Ok(Some(now)) if is_md5(&now, bytes) => Ok(()),
            Ok(Some(now)) if etag::is_same(&now, e_tag) => Err(error),
            _ => Err(unknown(error)),
        }
    }

    /// Returns the condition to send: none to a store that rejects conditions. Calls `look` right before, unless the
    /// store is known to honour conditions.
    fn sent_after<'a>(
        &self,
        condition: Condition<'a>,
        look: &dyn Fn() -> Result<()>,
    ) -> Result<Condition<'a>> {
        let handling = self.objects.handling()?;
        if handling != Handling::Honoured {
            look()?;
        }
        Ok(match handling {
            Handling::Honoured | Handling::Ignored => condition,
            Handling::Refused => Condition::Any,
        })
    }

    /// Starts a multipart upload that will be stored on a condition. Makes one request.
    pub(in crate::s3) fn begin(
        &self,
        kept: &[(String, String)],
        condition: Condition<'_>,
    ) -> Result<Begun> {
        let nonce = (condition == Condition::Absent).then(nonce);
        let mut args = self.args.clone();
        if let Some(nonce) = &nonce {
            args = args.metadata(NONCE, nonce.as_str());
        }
        let new = self.objects.new_upload(&self.key, &args, kept)?;
        let parts = PartQueue::begin(&self.objects, &self.key, new)?;
        Ok(Begun { parts, nonce })
    }

    /// Completes an upload with [`Objects::finish_upload`].
    ///
    /// # Errors
    ///
    /// Those of [`put`](Self::put). The upload is then aborted, except for `OutcomeUnknown`.
    pub(in crate::s3) fn complete(&self, begun: Begun, condition: Condition<'_>) -> Result<()> {
        let Begun { mut parts, nonce } = begun;
        let ended = parts.wait().and_then(|()| {
            let count = parts.next_number() - 1;
            let size = parts.size();
            let (upload, parts) = parts.take();
            self.objects.finish_upload(FinishUpload {
                upload: &upload,
                parts,
                count,
                size,
                condition,
                nonce: nonce.as_deref(),
                read: &self.read(),
            })
        });
        ended.map_err(|error| self.explained(error, condition).with_path(&self.path))
    }

    /// Explains the error of an upload. A missing upload may mean that the condition does not hold, because some stores
    /// (Garage) remove the uploads of a key when a PUT stores it. Makes one request in that case.
    pub(in crate::s3) fn explained(&self, error: Error, condition: Condition<'_>) -> Error {
        if !is_gone(&error) || error.is_unsure() || error.is(ErrorKind::OutcomeUnknown) {
            return error;
        }
        match self.check(condition) {
            Err(failed) if failed.is(ErrorKind::FileExists) || condition_failed(&failed) => {
                failed.with_source(error)
            }
            _ => error,
        }
    }

    /// Stores the first `size` bytes of a source in parts of one size, as many in parallel as the pool has threads. Holds
    /// no part in memory. `body` has the same bytes, and is read while they are sent. Calls `sent` with the size of each
    /// part that has arrived; an error of `sent` ends the upload.
    ///
    /// # Errors
    ///
    /// Those of [`put`](Self::put), and errors of `source` and `sent`.
    pub(in crate::s3) fn put_in_parts(
        &self,
        source: &dyn ReadAt,
        body: &dyn ReadAt,
        size: u64,
        pool: &ThreadPool,
        condition: Condition<'_>,
        sent: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<()> {
        let sizes = self.objects.part_sizes();
        let part_size = sizes.for_size(size).first();
        if size.div_ceil(part_size) > sizes.max_parts().into() {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_path(&self.path)
                .with_message(format!(
                    "{} parts of {part_size} bytes cannot hold {size} bytes",
                    sizes.max_parts()
                )));
        }
        let mut begun = self.begin(&[], condition)?;
        let starts = (0..size.div_ceil(part_size)).map(|index| index * part_size);
        let ranges = starts
            .map(|start| begun.parts.take_number().map(|number| (number, start)))
            .collect::<Result<Vec<(u32, u64)>>>()?;
        let upload = begun.parts.upload();
        let done = pool.try_map(&ranges, |(number, start)| {
            let length = part_size.min(size - start);
            let digest = upload
                .checksum
                .map(|algorithm| checksum::digest_of(algorithm, source, *start, length))
                .transpose()?;
            let payload = Payload::Section {
                source: body,
                start: *start,
                length,
            };
            let part = self.objects.send_part(upload, *number, payload, digest);
            upload.watch(part.and_then(|part| sent(length).map(|()| part)))
        });
        begun.parts.have(
            done.map_err(|error| self.explained(error, condition))?,
            size,
        );
        self.complete(begun, condition)
    }

    /// Returns an error unless the condition holds right now. See [`Objects::check`].
    pub(in crate::s3) fn check(&self, condition: Condition<'_>) -> Result<()> {
        self.objects.check(&self.key, condition, &self.read())
    }

    /// Returns the headers of the current object. Makes one request.
    fn look(&self) -> Result<Option<Response>> {
        self.objects.look(&self.key, &self.read())
    }

    /// Returns the options for requests that read the object.
    fn read(&self) -> ReadOptions {
        let key = self.args.customer_key().cloned();
        ReadOptions {
            download: key.map_or_else(DownloadArgs::new, |key| {
                DownloadArgs::new().sse_customer_key(key)
            }),
            ..ReadOptions::default()
        }
    }
}

/// Returns true if the ETag is that of an object with these bytes, stored in one request. This is never true for an
/// object encrypted with a KMS key.
fn is_md5(e_tag: &str, bytes: &[u8]) -> bool {
    etag::opaque(e_tag) == hex(&Md5::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_stored_in_one_request_is_identified_by_its_digest() {
        assert!(is_md5("\"0cc175b9c0f1b6a831c399e269772661\"", b"a"));
        assert!(!is_md5("\"0cc175b9c0f1b6a831c399e269772661\"", b"b"));
    }
}
