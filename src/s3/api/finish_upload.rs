//! [`FinishUpload`]: how an upload in parts becomes an object, on a condition that the store may not look at,
//! and what it means that its last answer was lost.

use std::time::Duration;

use md5::{Digest as _, Md5};

use crate::dates::http_date;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::found;
use crate::s3::api::{Condition, Objects, ReadOptions, Upload, UploadedPart, condition_failed};
use crate::s3::client::Response;
use crate::s3::etag;
use crate::s3::key::Key;

/// The metadata entry of an object that had to be new when it was written: by its random value the
/// writer whose answer was lost knows its own object from another writer's.
pub(crate) const NONCE: &str = "s3fs-nonce";

/// An upload whose parts are all there, and how its object is known.
pub(crate) struct FinishUpload<'a> {
    pub(crate) upload: &'a Upload,
    /// In any order.
    pub(crate) parts: Vec<UploadedPart>,
    /// The number of parts that were begun.
    pub(crate) count: u32,
    /// The bytes of all parts.
    pub(crate) size: u64,
    pub(crate) condition: Condition<'a>,
    /// The value of [`NONCE`], if the object has one.
    pub(crate) nonce: Option<&'a str>,
    /// What the object can be looked at with.
    pub(crate) read: &'a ReadOptions,
}

impl FinishUpload<'_> {
    /// Whether what was found is the object that the upload makes.
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

/// Where an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The upload made it.
    Own,
    /// Its size, its number of parts and its time are those of the upload, on a store whose ETags say
    /// nothing of the parts.
    Like,
    /// Nothing speaks for the upload, and nothing against it.
    Unclear,
    /// The upload did not make it.
    Other,
}

/// What an object without a nonce shows.
#[derive(Clone, Copy)]
struct Found {
    /// Whether its ETag is that of the parts, where their own are digests.
    is_expected: bool,
    /// Whether it has the ETag of the object that the upload was to replace.
    is_old: bool,
    is_size: Option<bool>,
    /// Whether it has as many parts, if its ETag says that.
    is_count: Option<bool>,
    /// For how long it has been there, by the server's clock.
    age: Option<Duration>,
    /// For how long the upload has been under way.
    since: Duration,
}

/// Times in HTTP are whole seconds.
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

/// The number of parts at the end of an ETag.
fn count_of_parts(e_tag: &str) -> Option<u64> {
    let (_, count) = etag::opaque(e_tag).rsplit_once('-')?;
    count.parse().ok()
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// There is none any more, and nobody aborted it here.
    Gone,
    /// It was open, and is aborted.
    Aborted,
    /// The store says that it is aborted, which some say of a completed one, too.
    SaidAborted,
}

/// Whether the object was stored, if that can be told.
fn is_stored(fate: Fate, origin: Origin, has_nonce: bool) -> Option<bool> {
    match (fate, origin) {
        (Fate::Gone, Origin::Own | Origin::Like) => Some(true),
        // The first look may have failed.
        (_, Origin::Own) if has_nonce => Some(true),
        // It was not completed, and cannot be any more. Only the nonce tells the object from an older
        // one of the same parts.
        (Fate::Aborted, Origin::Other | Origin::Unclear) => Some(false),
        (Fate::SaidAborted, Origin::Other) => Some(false),
        _ => None,
    }
}

impl Objects {
    /// Makes the object of its parts: one request; one more to look right before, for a condition that
    /// the store may not look at, and more where an answer was lost.
    ///
    /// # Errors
    ///
    /// `FileExists` if the object had to be new, `ResourceChanged` if it had to have an ETag,
    /// `OutcomeUnknown` if a lost answer cannot be made up for. But for that, the upload is aborted.
    pub(crate) fn end_upload(&self, mut ending: FinishUpload<'_>) -> Result<()> {
        if let Err(error) = put_in_order(&mut ending.parts, ending.count) {
            self.abandon_upload(ending.upload);
            return Err(error);
        }
        let ending = &ending;
        let error = match self.complete_on_condition(ending) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if error.is_unsure() {
            return self.resolve(ending, error);
        }
        self.abandon_upload(ending.upload);
        Err(self.refused(ending, error))
    }

    fn complete_on_condition(&self, ending: &FinishUpload<'_>) -> Result<()> {
        let &FinishUpload {
            upload,
            ref parts,
            condition,
            read,
            ..
        } = ending;
        if !self.heeds_conditions() || condition.sendable() != condition {
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

    /// What became of an upload whose completion was not answered.
    ///
    /// A listing of its parts, or an abort, tells whether it was completed: then there is no such upload
    /// any more. But some stores say of a completed one that it is aborted, and some list no parts, so that
    /// what is there is looked at, too.
    fn resolve(&self, ending: &FinishUpload<'_>, error: Error) -> Result<()> {
        let looked = || self.look(&ending.upload.key, ending.read);
        let origin = |found: &Result<Option<Response>>| match found {
            Ok(found) => ending.origin(found.as_ref()),
            Err(_) => Origin::Unclear,
        };
        if ending.nonce.is_some() && origin(&looked()) == Origin::Own {
            return Ok(());
        }
        let open = self.is_open(ending.upload);
        let aborted = match open {
            Ok(false) => Ok(false),
            Ok(true) | Err(_) => self.abort_or_log(ending.upload),
        };
        let now = looked();
        let fate = match (aborted, open) {
            (Ok(false), _) => Fate::Gone,
            (Ok(true), Ok(true)) => Fate::Aborted,
            (Ok(true), _) => Fate::SaidAborted,
            (Err(_), _) if origin(&now) == Origin::Own && ending.nonce.is_some() => return Ok(()),
            (Err(_), _) => {
                return Err(unknown(error).with_hint(format!(
                    "the multipart upload {:?} may stay behind; stale_uploads finds it",
                    ending.upload.id
                )));
            }
        };
        let was_looked_at = now.is_ok();
        match is_stored(fate, origin(&now), ending.nonce.is_some()) {
            Some(true) => Ok(()),
            Some(false) if was_looked_at => match now {
                Ok(Some(_)) if ending.condition == Condition::Absent => Err(exists()),
                _ => Err(self.refused(ending, error.with_unsure(false))),
            },
            _ => Err(unknown(error)),
        }
    }

    /// The error of a condition that did not hold.
    fn refused(&self, ending: &FinishUpload<'_>, error: Error) -> Error {
        match ending.condition {
            Condition::Absent if condition_failed(&error) => {
                self.not_new(&ending.upload.key, ending.read, error)
            }
            _ => error,
        }
    }

    /// The error of an object that had to be new, on a condition that failed. A conflict with another
    /// request (409) says nothing of what is there: one more request then.
    pub(crate) fn not_new(&self, key: &Key, read: &ReadOptions, error: Error) -> Error {
        let is_conflict = error.s3().is_some_and(|s3| s3.status == 409);
        if is_conflict && !matches!(self.look(key, read), Ok(Some(_))) {
            return error
                .with_kind(ErrorKind::OperationFailed)
                .with_hint("another request was changing it; nothing was stored: try again");
        }
        exists()
    }

    /// An error unless the condition holds right now; for stores that do not look at it. One request,
    /// none where there is no condition.
    ///
    /// # Errors
    ///
    /// `FileExists` or `ResourceChanged`.
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
                    .with_message("the object is not the one that was expected"))
            }
            _ => Ok(()),
        }
    }

    /// The headers of what is there now. One request.
    pub(crate) fn look(&self, key: &Key, read: &ReadOptions) -> Result<Option<Response>> {
        found(self.glance(key, read, false))
    }
}

/// Sorts the parts by their numbers, since some stores join them as they are listed.
///
/// # Errors
///
/// `OperationFailed` unless each number from 1 to `count` is there once.
fn put_in_order(parts: &mut [UploadedPart], count: u32) -> Result<()> {
    parts.sort_by_key(|part| part.number);
    if parts.iter().map(|part| part.number).eq(1..=count) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::OperationFailed)
        .with_message(format!(
            "the upload has {} parts, and not each part from 1 to {count} once",
            parts.len()
        ))
        .with_hint("nothing was stored; this is a fault of the library: please report it"))
}

/// The error of an object that had to be new.
fn exists() -> Error {
    Error::new(ErrorKind::FileExists).with_message("it was created meanwhile, or was there before")
}

/// Whether the store answered that it does not implement what was asked.
pub(crate) fn is_unknown_to_store(error: &Error) -> bool {
    error.is(ErrorKind::Unsupported) && error.s3().is_some()
}

/// The error of a change of which nobody can say whether it took effect.
pub(crate) fn unknown(error: Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::Cancelled => ErrorKind::Cancelled,
        _ => ErrorKind::OutcomeUnknown,
    };
    error
        .with_kind(kind)
        .with_hint("look at the object before you write it again")
}

/// Whether the object is the one that was written with that nonce.
pub(crate) fn has_nonce(head: &Response, nonce: &str) -> bool {
    head.header(&format!("x-amz-meta-{NONCE}")) == Some(nonce)
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

/// Bytes in hexadecimal digits, as ETags have them.
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
    fn an_object_is_known_by_its_etag_or_else_by_all_that_it_shows() {
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
    fn nothing_is_said_to_be_stored_or_not_unless_that_is_sure() {
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
