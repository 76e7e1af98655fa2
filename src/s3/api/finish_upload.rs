//! [`FinishUpload`]: finishes a multipart upload, on a condition that the store may not support, and
//! determines the outcome if the last answer is lost.

use std::time::Duration;

use md5::{Digest as _, Md5};

use crate::dates::http_date;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::found;
use crate::s3::api::{Condition, Objects, ReadOptions, Upload, UploadedPart, condition_failed};
use crate::s3::client::Response;
use crate::s3::etag;
use crate::s3::key::Key;

/// Metadata entry of an object that had to be new when it was written. Its value is random, so that a writer
/// whose answer was lost can distinguish its own object from another writer's.
pub(crate) const NONCE: &str = "s3fs-nonce";

/// An upload whose parts are all uploaded, with the data to recognise its object.
pub(crate) struct FinishUpload<'a> {
    pub(crate) upload: &'a Upload,
    /// Parts in any order.
    pub(crate) parts: Vec<UploadedPart>,
    /// The number of parts that were started.
    pub(crate) count: u32,
    /// The total size of all parts, in bytes.
    pub(crate) size: u64,
    pub(crate) condition: Condition<'a>,
    /// The value of [`NONCE`], if the object has one.
    pub(crate) nonce: Option<&'a str>,
    /// Options for HEAD requests for the object.
    pub(crate) read: &'a ReadOptions,
}

impl FinishUpload<'_> {
    /// Determines whether the found object is the one that the upload makes.
    fn origin(&self, found: Option<&Response>) -> Origin {
        let Some(head) = found else {
            return Origin::Other;
        };
        if let Some(nonce) = self.nonce {
            return match has_nonce(head, nonce) {
                true => Origin::Own,
                false => Origin::Other,
            };
        }
        let e_tag = head.header("etag").unwrap_or_default();
        let expected = e_tag_of_parts(&self.parts);
        let date = |name| head.header(name).and_then(http_date);
        origin(&Found {
            is_expected: expected.is_some_and(|expected| etag::is_same(e_tag, &expected)),
            is_old: matches!(self.condition, Condition::Match(old) if etag::holds(old, e_tag)),
            is_size: head.content_length().map(|size| size == self.size),
            is_count: count_of_parts(e_tag).map(|count| count == u64::from(self.count)),
            age: date("date")
                .zip(date("last-modified"))
                .and_then(|(now, modified)| Duration::try_from(now - modified).ok()),
            since: self.upload.began.elapsed(),
        })
    }
}

/// Origin of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The upload made it.
    Own,
    /// Its size, number of parts and time match the upload, on a store whose ETags do not depend on the
    /// parts.
    Like,
    /// There is no evidence for or against the upload.
    Unclear,
    /// The upload did not make it.
    Other,
}

/// Properties of an object without a nonce.
#[derive(Clone, Copy)]
struct Found {
    /// Whether its ETag is computed from the ETags of the parts, if these are digests.
    is_expected: bool,
    /// Whether it has the ETag of the object that the upload was to replace.
    is_old: bool,
    is_size: Option<bool>,
    /// Whether its number of parts matches, if its ETag contains one.
    is_count: Option<bool>,
    /// Age of the object by the server's clock.
    age: Option<Duration>,
    /// Time since the upload began.
    since: Duration,
}

/// Resolution of times in HTTP: whole seconds.
const SECOND: Duration = Duration::from_secs(1);

fn origin(found: &Found) -> Origin {
    let is_young = |age: Duration| age <= found.since.saturating_add(SECOND);
    if found.is_expected {
        return Origin::Own;
    }
    if found.is_old || found.is_size == Some(false) || found.is_count == Some(false) {
        return Origin::Other;
    }
    let is_like = found.is_size.is_some() && found.is_count.is_some();
    match is_like && found.age.is_some_and(is_young) {
        true => Origin::Like,
        false => Origin::Unclear,
    }
}

/// Returns the number of parts at the end of an ETag.
fn count_of_parts(e_tag: &str) -> Option<u64> {
    let (_, count) = etag::opaque(e_tag).rsplit_once('-')?;
    count.parse().ok()
}

/// Outcome of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The upload no longer exists, and this process did not abort it.
    Gone,
    /// It was open, and was aborted.
    Aborted,
    /// The store reports that it was aborted. Some stores report that of a completed upload, too.
    SaidAborted,
}

/// Returns whether the object was stored, or `None` if that cannot be determined.
fn is_stored(fate: Fate, origin: Origin, has_nonce: bool) -> Option<bool> {
    match (fate, origin) {
        (Fate::Gone, Origin::Own | Origin::Like) => Some(true),
        // The nonce proves it. The first HEAD request may have failed.
        (_, Origin::Own) if has_nonce => Some(true),
        // The upload was not completed, and can no longer be. Without a nonce, an older object made of the same
        // parts cannot be distinguished from it.
        (Fate::Aborted, Origin::Other | Origin::Unclear) => Some(false),
        (Fate::SaidAborted, Origin::Other) => Some(false),
        _ => None,
    }
}

impl Objects {
    /// Completes an upload. One request; one more right before it to check a condition that the store may not
    /// support, and more if an answer is lost.
    ///
    /// # Errors
    ///
    /// Returns `FileExists` if the object had to be new and exists, `ResourceChanged` if it does not have the
    /// required ETag, and `OutcomeUnknown` if the outcome cannot be determined after a lost answer. The upload
    /// is aborted except in the last case.
    pub(crate) fn finish_upload(&self, mut finish: FinishUpload<'_>) -> Result<()> {
        if let Err(error) = put_in_order(&mut finish.parts, finish.count) {
            self.abandon_upload(finish.upload);
            return Err(error);
        }
        let finish = &finish;
        let error = match self.complete_on_condition(finish) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if error.is_unsure() {
            return self.resolve(finish, error);
        }
        self.abandon_upload(finish.upload);
        Err(self.refused(finish, error))
    }

    fn complete_on_condition(&self, finish: &FinishUpload<'_>) -> Result<()> {
        let &FinishUpload {
            upload,
            ref parts,
            condition,
            read,
            ..
        } = finish;
        if !self.honours_conditions() || condition.sendable() != condition {
            self.check(&upload.key, condition, read)?;
        }
        match self.complete_upload(upload, parts, condition.sendable()) {
            Err(error)
                if condition != Condition::Any
                    && is_unknown_to_store(&error)
                    && !error.is_unsure() =>
            {
                self.check(&upload.key, condition, read)?;
                self.complete_upload(upload, parts, Condition::Any)
            }
            completed => completed,
        }
    }

    /// Determines the outcome of an upload whose completion got no answer.
    ///
    /// A listing of its parts, or an abort, shows whether it was completed: a completed upload no longer exists.
    /// But some stores report that a completed upload was aborted, and some do not list parts, so a HEAD request
    /// for the object is sent, too.
    fn resolve(&self, finish: &FinishUpload<'_>, error: Error) -> Result<()> {
        let looked = || self.look(&finish.upload.key, finish.read);
        let origin = |found: &Result<Option<Response>>| match found {
            Ok(found) => finish.origin(found.as_ref()),
            Err(_) => Origin::Unclear,
        };
        if finish.nonce.is_some() && origin(&looked()) == Origin::Own {
            return Ok(());
        }
        let open = self.is_open(finish.upload);
        let aborted = match open {
            Ok(false) => Ok(false),
            Ok(true) | Err(_) => self.abort_or_log(finish.upload),
        };
        let now = looked();
        let fate = match (aborted, open) {
            (Ok(false), _) => Fate::Gone,
            (Ok(true), Ok(true)) => Fate::Aborted,
            (Ok(true), _) => Fate::SaidAborted,
            (Err(_), _) if origin(&now) == Origin::Own && finish.nonce.is_some() => return Ok(()),
            (Err(_), _) => {
                return Err(unknown(error).with_hint(format!(
                    "the multipart upload {:?} may remain; find it with stale_uploads",
                    finish.upload.id
                )));
            }
        };
        let was_looked_at = now.is_ok();
        match is_stored(fate, origin(&now), finish.nonce.is_some()) {
            Some(true) => Ok(()),
            Some(false) if was_looked_at => match now {
                Ok(Some(_)) if finish.condition == Condition::Absent => Err(exists()),
                _ => Err(self.refused(finish, error.with_unsure(false))),
            },
            _ => Err(unknown(error)),
        }
    }

    /// Returns the error of a condition that did not hold.
    fn refused(&self, finish: &FinishUpload<'_>, error: Error) -> Error {
        match finish.condition {
            Condition::Absent if condition_failed(&error) => {
                self.not_new(&finish.upload.key, finish.read, error)
            }
            _ => error,
        }
    }

    /// Returns the error for an object that had to be new and whose condition failed. A conflict with another
    /// request (409) does not show whether the object exists: one more request in that case.
    pub(crate) fn not_new(&self, key: &Key, read: &ReadOptions, error: Error) -> Error {
        let is_conflict = error.s3().is_some_and(|s3| s3.status == 409);
        if is_conflict && !matches!(self.look(key, read), Ok(Some(_))) {
            return error.with_kind(ErrorKind::OperationFailed).with_hint(
                "another request was changing the object; nothing was stored; try again",
            );
        }
        exists()
    }

    /// Returns an error unless the condition holds now. For stores that do not support conditions. One request,
    /// none if there is no condition.
    ///
    /// # Errors
    ///
    /// Returns `FileExists` or `ResourceChanged`.
    pub(crate) fn check(
        &self,
        key: &Key,
        condition: Condition<'_>,
        read: &ReadOptions,
    ) -> Result<()> {
        if condition == Condition::Any {
            return Ok(());
        }
        let head = self.look(key, read)?;
        let e_tag = head.as_ref().and_then(|head| head.header("etag"));
        match condition {
            Condition::Absent if head.is_some() => Err(exists()),
            Condition::Match(expected)
                if !e_tag.is_some_and(|e_tag| etag::holds(expected, e_tag)) =>
            {
                Err(Error::new(ErrorKind::ResourceChanged)
                    .with_message("the object is not the expected one"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the headers of the current object, or `None` if there is none. One request.
    pub(crate) fn look(&self, key: &Key, read: &ReadOptions) -> Result<Option<Response>> {
        found(self.glance(key, read, false))
    }
}

/// Sorts the parts by their numbers, since some stores join them in the order of the request.
///
/// # Errors
///
/// Returns `OperationFailed` unless each number from 1 to `count` occurs exactly once.
fn put_in_order(parts: &mut [UploadedPart], count: u32) -> Result<()> {
    parts.sort_by_key(|part| part.number);
    if parts.iter().map(|part| part.number).eq(1..=count) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::OperationFailed)
        .with_message(format!(
            "the upload has {} parts, but not each part from 1 to {count} exactly once",
            parts.len()
        ))
        .with_hint("nothing was stored; this is a bug in the library, please report it"))
}

/// Returns the error for an object that had to be new.
fn exists() -> Error {
    Error::new(ErrorKind::FileExists)
        .with_message("it already existed, or was created in the meantime")
}

/// Returns true if the store answered that it does not implement the operation.
pub(crate) fn is_unknown_to_store(error: &Error) -> bool {
    error.is(ErrorKind::Unsupported) && error.s3().is_some()
}

/// Returns the error for a change whose outcome is unknown.
pub(crate) fn unknown(error: Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::Cancelled => ErrorKind::Cancelled,
        _ => ErrorKind::OutcomeUnknown,
    };
    error
        .with_kind(kind)
        .with_hint("check the object before you write it again")
}

/// Returns true if the object was written with that nonce.
pub(crate) fn has_nonce(head: &Response, nonce: &str) -> bool {
    head.header(&format!("x-amz-meta-{NONCE}")) == Some(nonce)
}

/// Returns the ETag of an object made of these parts, if their own ETags are MD5 digests.
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

/// Formats bytes as hexadecimal digits, as in ETags.
pub(crate) fn hex(bytes: &[u8]) -> String {
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
    fn parts_are_sorted_and_each_must_be_there_once() {
        let put_in_order = |numbers: &[u32], count| {
            let mut parts: Vec<_> = numbers.iter().map(|n| part(*n, "\"e\"")).collect();
            put_in_order(&mut parts, count).map(|()| parts)
        };
        let sorted = put_in_order(&[2, 1, 4, 3], 4).unwrap();
        assert!(sorted.iter().map(|part| part.number).eq(1..=4));
        for (numbers, count) in [
            (&[1, 2, 2, 3][..], 4),
            (&[1, 3], 2),
            (&[1, 2], 3),
            (&[2, 1], 1),
            (&[], 1),
            (&[0, 1], 2),
        ] {
            let error = put_in_order(numbers, count).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OperationFailed, "{numbers:?}");
        }
    }

    #[test]
    fn an_object_is_identified_by_its_etag_or_else_by_all_its_properties() {
        let like = Found {
            is_expected: false,
            is_old: false,
            is_size: Some(true),
            is_count: Some(true),
            age: Some(Duration::from_secs(6)),
            since: Duration::from_secs(5),
        };
        assert_eq!(origin(&like), Origin::Like);
        let expected = Found {
            is_expected: true,
            is_size: None,
            ..like
        };
        assert_eq!(origin(&expected), Origin::Own);
        for other in [
            Found {
                is_old: true,
                ..like
            },
            Found {
                is_size: Some(false),
                ..like
            },
            Found {
                is_count: Some(false),
                ..like
            },
        ] {
            assert_eq!(origin(&other), Origin::Other);
        }
        for unclear in [
            Found {
                is_size: None,
                ..like
            },
            Found {
                is_count: None,
                ..like
            },
            Found { age: None, ..like },
            Found {
                age: Some(Duration::from_secs(7)),
                ..like
            },
        ] {
            assert_eq!(origin(&unclear), Origin::Unclear);
        }
        for (e_tag, count) in [
            ("\"0123-7\"", Some(7)),
            ("\"0123\"", None),
            ("W/\"a-b-2\"", Some(2)),
            ("\"a-b\"", None),
        ] {
            assert_eq!(count_of_parts(e_tag), count, "{e_tag}");
        }
    }

    #[test]
    fn the_outcome_of_an_upload_is_reported_only_when_certain() {
        for (fate, origin, stored, stored_with_nonce) in [
            (Fate::Gone, Origin::Own, Some(true), Some(true)),
            (Fate::Gone, Origin::Like, Some(true), Some(true)),
            (Fate::Gone, Origin::Unclear, None, None),
            (Fate::Gone, Origin::Other, None, None),
            (Fate::Aborted, Origin::Own, None, Some(true)),
            (Fate::Aborted, Origin::Like, None, None),
            (Fate::Aborted, Origin::Unclear, Some(false), Some(false)),
            (Fate::Aborted, Origin::Other, Some(false), Some(false)),
            (Fate::SaidAborted, Origin::Own, None, Some(true)),
            (Fate::SaidAborted, Origin::Like, None, None),
            (Fate::SaidAborted, Origin::Unclear, None, None),
            (Fate::SaidAborted, Origin::Other, Some(false), Some(false)),
        ] {
            assert_eq!(
                is_stored(fate, origin, false),
                stored,
                "{fate:?} {origin:?}"
            );
            let with_nonce = is_stored(fate, origin, true);
            assert_eq!(with_nonce, stored_with_nonce, "{fate:?} {origin:?}");
        }
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
}
