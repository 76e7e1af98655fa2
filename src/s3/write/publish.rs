//! [`Target`]: how the content of a file becomes the object. By one PUT or by an upload in parts, on a
//! condition or on none; and what it means that the answer to a PUT was lost.

use std::sync::Arc;

use md5::{Digest as _, Md5};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::{DownloadArgs, UploadArgs};
use crate::s3::api::{
    Condition, FinishUpload, Handling, NONCE, Objects, ReadOptions, condition_failed, has_nonce,
    hex, is_gone, is_unknown_to_store, nonce, unknown,
};
use crate::s3::checksum;
use crate::s3::client::{Payload, ReadAt, Response};
use crate::s3::etag;
use crate::s3::key::Key;
use crate::s3::write::part_queue::PartQueue;
use crate::threads::ThreadPool;

/// Where a written file goes.
#[derive(Clone)]
pub(in crate::s3) struct Target {
    pub(in crate::s3) objects: Arc<Objects>,
    pub(in crate::s3) key: Key,
    pub(in crate::s3) path: String,
    /// Complete: the filesystem's and the call's.
    pub(in crate::s3) args: UploadArgs,
}

/// An upload in parts to a target, and how its object would be known.
pub(in crate::s3) struct Begun {
    pub(in crate::s3) parts: PartQueue,
    nonce: Option<String>,
}

impl Target {
    /// Stores an object in one request, on that condition; more where an answer was lost, or where
    /// the store does not know conditions.
    ///
    /// # Errors
    ///
    /// `FileExists` if it had to be new, `ResourceChanged` if it had to have an ETag,
    /// `OutcomeUnknown` if a lost answer cannot be made up for.
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

    /// An object that must not be there yet: the server decides, or, where it does not know how, a
    /// look right before.
    pub(in crate::s3) fn put_new(&self, bytes: &[u8]) -> Result<()> {
        self.put_new_after(bytes, &|| self.check(Condition::Absent))
    }

    /// The same, with another look: an error if the object may not be stored without a condition.
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
            // It was never stored, or is gone again.
            Ok(None) => Err(error),
            Err(_) => Err(unknown(error)),
        }
    }

    /// An object in place of the one with that ETag.
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
            // What is there is what it was, whether this has the same bytes or was never stored.
            Ok(Some(now)) if etag::is_same(&now, e_tag) && is_md5(&now, bytes) => {
                Err(unknown(error))
            }
            Ok(Some(now)) if is_md5(&now, bytes) => Ok(()),
            Ok(Some(now)) if etag::is_same(&now, e_tag) => Err(error),
            _ => Err(unknown(error)),
        }
    }

    /// The condition that is sent: none to a store that refuses them. Looks right before, unless the store is
    /// known to look at it itself.
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

    /// Begins an upload in parts of what will be stored on that condition: one request.
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

    /// Completes an upload: [`Objects::end_upload`].
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put). But for `OutcomeUnknown`, the upload is aborted then.
    pub(in crate::s3) fn complete(&self, begun: Begun, condition: Condition<'_>) -> Result<()> {
        let Begun { mut parts, nonce } = begun;
        let ended = parts.wait().and_then(|()| {
            let count = parts.next_number() - 1;
            let size = parts.size();
            let (upload, parts) = parts.take();
            self.objects.end_upload(FinishUpload {
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

    /// The error of an upload. One that is gone may mean that the condition does not hold: some stores
    /// (Garage) drop the uploads of a key with a PUT of it. One request then.
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

    /// Stores the first `size` bytes of a source in parts of one size, as many at a time as there are threads.
    /// Nothing of them is held here. `body` has the same bytes, and is read while they are sent. `sent` is called with the size of each part that has arrived, and may
    /// end it all.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and what `source` and `sent` say.
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
                    "{} parts of {part_size} bytes do not hold {size} bytes",
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

    /// An error unless the condition holds right now: [`Objects::check`].
    pub(in crate::s3) fn check(&self, condition: Condition<'_>) -> Result<()> {
        self.objects.check(&self.key, condition, &self.read())
    }

    /// The headers of what is there now. One request.
    fn look(&self) -> Result<Option<Response>> {
        self.objects.look(&self.key, &self.read())
    }

    /// What the object can be looked at with.
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

/// Whether the ETag is that of an object with these bytes, put in one piece. That of an object under
/// a key of KMS never is.
fn is_md5(e_tag: &str, bytes: &[u8]) -> bool {
    etag::opaque(e_tag) == hex(&Md5::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_in_one_piece_is_known_by_its_digest() {
        assert!(is_md5("\"0cc175b9c0f1b6a831c399e269772661\"", b"a"));
        assert!(!is_md5("\"0cc175b9c0f1b6a831c399e269772661\"", b"b"));
    }
}
