//! [`Target`]: how the content of a file becomes the object. By one PUT or by completing an upload, on
//! a condition or on none; and what it means that an answer was lost, or that a store does not look
//! at conditions.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use md5::{Digest as _, Md5};

use super::checksum;
use super::client::{Payload, ReadAt, Response};
use super::key::Key;
use super::objects::{Condition, Objects, ReadOptions, UploadedPart, condition_failed};
use super::parts::PartsUpload;
use crate::crew::Crew;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::found;
use crate::options::{DownloadArgs, UploadArgs};

/// The metadata entry of an object that had to be new when it was written: by its random value the
/// writer whose answer was lost knows its own object from another writer's.
const NONCE: &str = "s3fs-nonce";

/// Where a written file goes.
pub(super) struct Target {
    pub(super) objects: Arc<Objects>,
    pub(super) key: Key,
    pub(super) path: String,
    /// Complete: the filesystem's and the call's.
    pub(super) args: UploadArgs,
}

/// An upload in parts to a target, and how its object would be known.
pub(super) struct Begun {
    pub(super) parts: PartsUpload,
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
    pub(super) fn put(
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
    pub(super) fn put_new(&self, bytes: &[u8]) -> Result<()> {
        let nonce = nonce();
        let args = self.args.clone().metadata(NONCE, nonce.as_str());
        let error = match self.put_once(bytes, &args, &[], Condition::Absent) {
            Err(error) if is_unknown_to_store(&error) => {
                self.check(Condition::Absent)?;
                return self.put_once(bytes, &self.args, &[], Condition::Any);
            }
            Err(error) if condition_failed(&error) && !error.is_unsure() => {
                return Err(self.exists());
            }
            Err(error) if condition_failed(&error) || error.is_unsure() => error,
            stored => return stored,
        };
        match self.head() {
            Ok(Some(head)) if has_nonce(&head, &nonce) => Ok(()),
            Ok(Some(_)) => Err(self.exists()),
            // It was never stored, or is gone again.
            Ok(None) => Err(error),
            Err(_) => Err(unknown(error)),
        }
    }

    /// An object in place of the one with that ETag.
    fn put_over(&self, bytes: &[u8], kept: &[(String, String)], e_tag: &str) -> Result<()> {
        let put = |condition| self.put_once(bytes, &self.args, kept, condition);
        let error = match put(Condition::Match(e_tag)) {
            Err(error) if is_unknown_to_store(&error) => {
                self.check(Condition::Match(e_tag))?;
                return put(Condition::Any);
            }
            Err(error) if error.is_unsure() => error,
            stored => return stored,
        };
        match self.e_tag() {
            Ok(Some(now)) if is_md5(&now, bytes) => Ok(()),
            Ok(Some(now)) if now == e_tag => Err(error),
            _ => Err(unknown(error)),
        }
    }

    /// Begins an upload in parts of what will be stored on that condition: one request.
    pub(super) fn begin(
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
        let parts = PartsUpload::begin(&self.objects, &self.key, new)?;
        Ok(Begun { parts, nonce })
    }

    /// Completes an upload: one request; one more to look right before, for a condition that the
    /// store may not look at, and more where an answer was lost.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put). But for `OutcomeUnknown`, the upload is aborted then.
    pub(super) fn complete(&self, begun: Begun, condition: Condition<'_>) -> Result<()> {
        self.complete_upload(begun, condition)
            .map_err(|error| error.with_path(&self.path))
    }

    fn complete_upload(&self, begun: Begun, condition: Condition<'_>) -> Result<()> {
        let Begun { mut parts, nonce } = begun;
        parts.wait()?;
        if !self.objects.heeds_conditions() {
            self.check(condition)?;
        }
        let ask = |condition| {
            self.objects
                .complete_upload(parts.upload(), parts.parts(), condition)
        };
        let mut completed = ask(condition);
        if let Err(error) = &completed
            && !error.is_unsure()
        {
            completed = match condition {
                // As for a PUT: a store that knows no condition here.
                Condition::Absent | Condition::Match(_) if is_unknown_to_store(error) => {
                    self.check(condition)?;
                    ask(Condition::Any)
                }
                _ => completed,
            };
        }
        match completed {
            Ok(()) => {
                parts.take();
                Ok(())
            }
            Err(error) if error.is_unsure() => self.resolve(parts, nonce.as_deref(), error),
            Err(error) => Err(self.refused(error, nonce.is_some())),
        }
    }

    /// What became of an upload whose completion was not answered.
    fn resolve(&self, parts: PartsUpload, nonce: Option<&str>, error: Error) -> Result<()> {
        let (upload, parts) = parts.take();
        let is_ours = |head: &Response| match nonce {
            Some(nonce) => has_nonce(head, nonce),
            None => {
                let expected = e_tag_of_parts(&parts);
                expected.is_some() && head.header("etag").map(str::to_owned) == expected
            }
        };
        if let Ok(Some(head)) = self.head()
            && is_ours(&head)
        {
            return Ok(());
        }
        match self.objects.abort_upload(&upload) {
            // It was not completed, and cannot be any more.
            Ok(true) => Err(self.refused(error.with_unsure(false), nonce.is_some())),
            Ok(false) => Err(unknown(error)),
            Err(_) => Err(unknown(error).with_hint(format!(
                "the multipart upload {:?} may stay behind; stale_uploads finds it",
                upload.id
            ))),
        }
    }

    /// The error of a condition that did not hold.
    fn refused(&self, error: Error, new: bool) -> Error {
        if new && condition_failed(&error) {
            return self.exists();
        }
        error
    }

    /// Stores so many bytes of a source in parts of one size, as many at a time as there are threads. Nothing of them is held here. `sent` is told how many bytes a part had that has
    /// arrived, and may end it all.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and what `source` and `sent` say.
    pub(super) fn put_in_parts(
        &self,
        source: &dyn ReadAt,
        size: u64,
        crew: &Crew,
        condition: Condition<'_>,
        sent: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<()> {
        let mut begun = self.begin(&[], condition)?;
        let part_size = self.objects.part_sizes().for_size(size).first();
        let ranges: Vec<(u32, u64)> = (1..)
            .zip((0..size.div_ceil(part_size)).map(|index| index * part_size))
            .collect();
        let upload = begun.parts.upload();
        let done = crew.try_map(&ranges, |(number, start)| {
            let length = part_size.min(size - start);
            let digest = upload
                .checksum
                .map(|algorithm| checksum::digest_of(algorithm, source, *start, length))
                .transpose()?;
            let payload = Payload::Section {
                source,
                start: *start,
                length,
            };
            let part = self.objects.send_part(upload, *number, payload, digest)?;
            sent(length).map(|()| part)
        });
        begun.parts.have(done?);
        self.complete(begun, condition)
    }

    /// An error unless the condition holds right now; for stores that do not look at it. One
    /// request.
    pub(super) fn check(&self, condition: Condition<'_>) -> Result<()> {
        match condition {
            Condition::Any => Ok(()),
            Condition::Absent if self.head()?.is_some() => Err(self.exists()),
            Condition::Absent => Ok(()),
            Condition::Match(e_tag) if self.e_tag()?.as_deref() == Some(e_tag) => Ok(()),
            Condition::Match(_) => Err(Error::new(ErrorKind::ResourceChanged)
                .with_message("the object is not the one that was expected")),
        }
    }

    /// The headers of what is there now. One request.
    fn head(&self) -> Result<Option<Response>> {
        let mut download = DownloadArgs::new();
        if let Some(key) = self.args.customer_key() {
            download = download.sse_customer_key(key.clone());
        }
        let options = ReadOptions {
            download,
            ..ReadOptions::default()
        };
        found(self.objects.head(&self.key, &options, false))
    }

    fn e_tag(&self) -> Result<Option<String>> {
        let head = self.head()?;
        Ok(head.and_then(|head| head.header("etag").map(str::to_owned)))
    }

    fn exists(&self) -> Error {
        Error::new(ErrorKind::FileExists)
            .with_path(&self.path)
            .with_message("it was created meanwhile, or was there before")
    }
}

/// Whether the store answered that it does not implement what was asked.
fn is_unknown_to_store(error: &Error) -> bool {
    error.is(ErrorKind::Unsupported) && error.s3().is_some()
}

/// The error of a change of which nobody can say whether it took effect.
fn unknown(error: Error) -> Error {
    error
        .with_kind(ErrorKind::OutcomeUnknown)
        .with_hint("look at the object before you write it again")
}

fn has_nonce(head: &Response, nonce: &str) -> bool {
    head.header(&format!("x-amz-meta-{NONCE}")) == Some(nonce)
}

/// Thirty-two hexadecimal digits that no other writer has: each `RandomState` has other keys.
pub(super) fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// Whether the ETag is that of an object with these bytes, put in one piece. That of an object under
/// a key of KMS never is.
fn is_md5(e_tag: &str, bytes: &[u8]) -> bool {
    e_tag.trim_matches('"') == hex(&Md5::digest(bytes))
}

/// The ETag of an object of these parts, where their own are MD5 digests.
///
/// Source: [Checking object integrity](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html),
/// "Using part-level checksums for multipart uploads".
fn e_tag_of_parts(parts: &[UploadedPart]) -> Option<String> {
    let mut digests = Md5::new();
    for part in parts {
        let digits = part.e_tag.trim_matches('"');
        let digest: Option<Vec<u8>> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
            .collect();
        digests.update(digest.filter(|digest| digest.len() == 16)?);
    }
    Some(format!("\"{}-{}\"", hex(&digests.finalize()), parts.len()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, e_tag: &str) -> UploadedPart {
        UploadedPart {
            number,
            e_tag: e_tag.to_owned(),
            checksum: None,
        }
    }

    #[test]
    fn no_two_nonces_are_the_same() {
        let nonces: std::collections::HashSet<_> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(nonces.len(), 1000);
        assert!(nonces.iter().all(|nonce| nonce.len() == 32));
    }

    #[test]
    fn the_etag_of_an_object_of_parts_is_the_digest_of_their_digests() {
        // MD5 of the MD5s of "a" and "b".
        let parts = [
            part(1, "\"0cc175b9c0f1b6a831c399e269772661\""),
            part(2, "\"92eb5ffee6ae2fec3ad71c777531578f\""),
        ];
        assert_eq!(
            e_tag_of_parts(&parts).as_deref(),
            Some("\"96e024ba2074fe77e8e965ba43a704be-2\"")
        );
        assert_eq!(e_tag_of_parts(&[part(1, "\"opaque\"")]), None);
        assert_eq!(e_tag_of_parts(&[part(1, "\"0cc175\"")]), None);
        assert_eq!(e_tag_of_parts(&[part(1, "\"é\"")]), None);
    }

    #[test]
    fn an_object_in_one_piece_is_known_by_its_digest() {
        assert!(is_md5("\"0cc175b9c0f1b6a831c399e269772661\"", b"a"));
        assert!(!is_md5("\"0cc175b9c0f1b6a831c399e269772661\"", b"b"));
    }
}
