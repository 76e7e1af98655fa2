//! Deletes many objects, 1,000 per request.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::api::{Condition, Objects, ReadOptions, is_unknown_to_store};
use crate::s3::client::xml::body::Deletion;
use crate::s3::client::xml::{self, DeleteFailure};
use crate::s3::client::{Operation, Request};
use crate::s3::etag;
use crate::s3::key::Key;
use crate::threads::ThreadPool;

/// Maximum number of keys in one DeleteObjects request.
pub(crate) const MAX_DELETED_KEYS: usize = 1000;

impl Objects {
    /// Deletes objects, 1,000 per request. A missing object is not an error. Returns the keys that could not be
    /// deleted, each with its error: `ResourceChanged` if the object's ETag is not the required one, on stores
    /// that support conditional deletes.
    ///
    /// Markers are deleted after all other keys, the deepest first: some stores keep a directory forever if its
    /// marker is deleted before its contents.
    ///
    /// A key that XML cannot represent is deleted by a request of its own. So is every key on a store that
    /// rejects DeleteObjects but deletes single objects, from the first rejection on until a single delete
    /// fails.
    ///
    /// Source: [DeleteObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
    pub(crate) fn delete_many(&self, objects: &[Deletion<'_>]) -> Result<Vec<(String, Error)>> {
        let mut objects = objects.to_vec();
        markers_last(&mut objects, &self.delimiter);
        let (listed, single): (Vec<Deletion<'_>>, Vec<Deletion<'_>>) =
            objects.iter().partition(|object| {
                xml::body::xml_can_carry(object.key) && !object.e_tag.is_some_and(etag::is_weak)
            });
        // These come first because a marker that XML can represent may be above one that it cannot.
        let mut failures = self.delete_each(&single);
        for batch in listed.chunks(MAX_DELETED_KEYS) {
            let refusals = self.refusals.of(batch);
            if refusals.load(Ordering::Relaxed) {
                let failed = self.delete_each(batch);
                let is_of_object = |error: &Error| error.is(ErrorKind::ResourceChanged);
                if failed.iter().any(|(_, error)| !is_of_object(error)) {
                    refusals.store(false, Ordering::Relaxed);
                }
                failures.extend(failed);
                continue;
            }
            match self.delete_batch(batch) {
                Ok(failed) => {
                    let failed = failed.into_iter();
                    let named = failed.map(|failure| self.failure_of(batch, failure));
                    failures.extend(named);
                }
                Err(error) if is_refused_as_such(&error) => {
                    failures.extend(self.delete_instead(batch, error)?);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(failures)
    }

    /// Deletes the objects of one request, and retries the keys that failed temporarily.
    fn delete_batch(&self, objects: &[Deletion<'_>]) -> Result<Vec<DeleteFailure>> {
        let mut retries = self.client.partial_success(Operation::DeleteObjects);
        let mut left = objects.to_vec();
        let mut lasting = Vec::new();
        loop {
            let failed = self.delete_once(&left)?;
            // Only requested keys are retried.
            let (passing, others): (Vec<_>, Vec<_>) = failed.into_iter().partition(|failure| {
                is_among(objects, &failure.key) && retries.is_passing(&failure.code)
            });
            // A conditional delete of a missing object fails with this code. That is the wanted result.
            let others = others.into_iter();
            lasting.extend(others.filter(|failure| failure.code != "NoSuchKey"));
            let Some(failure) = passing.first() else {
                retries.succeeded();
                return Ok(lasting);
            };
            if !retries.wait(&failure.code) {
                cancel::check()?;
                lasting.extend(passing);
                return Ok(lasting);
            }
            // Retries the markers above them, too: a marker is deleted after its contents.
            left.retain(|object| {
                let is_above = object.key.ends_with(&self.delimiter);
                passing.iter().any(|failure| {
                    failure.key == object.key || is_above && failure.key.starts_with(object.key)
                })
            });
        }
    }

    fn delete_once(&self, objects: &[Deletion<'_>]) -> Result<Vec<DeleteFailure>> {
        let body = xml::body::delete(objects);
        let digest = BASE64.encode(Md5::digest(&body));
        let request = Request::bucket(Operation::DeleteObjects)
            .query("delete", "")
            .header("content-md5", digest)
            .header("content-type", "application/xml")
            .headers(self.download.request_headers()?)
            .body(body.as_bytes());
        self.client.ask(&request, xml::delete_failures)
    }

    /// Deletes the objects of a rejected request one by one. Once a single delete succeeds, the store is marked
    /// as one that rejects such requests. If all of the first batch are denied, too, the rest are not attempted:
    /// the credentials may not allow any delete.
    fn delete_instead(
        &self,
        batch: &[Deletion<'_>],
        refused: Error,
    ) -> Result<Vec<(String, Error)>> {
        let (first, rest) = batch.split_at(self.max_workers.max(1).min(batch.len()));
        let mut failures = self.delete_each(first);
        let is_denied = |(_, error): &(String, Error)| error.is(ErrorKind::PermissionDenied);
        if failures.len() == first.len() && failures.iter().all(is_denied) {
            // The error of a single delete names an object rather than the operation.
            let first = failures.into_iter().next();
            return Err(first.map_or(refused, |(_, error)| error));
        }
        if failures.len() < first.len() {
            log::warn!(
                "the store rejects DeleteObjects; objects are now deleted one by one ({refused})"
            );
            self.refusals.of(batch).store(true, Ordering::Relaxed);
        }
        failures.extend(self.delete_each(rest));
        Ok(failures)
    }

    /// Deletes each object by one request, several in parallel. The keys are in the order of [`markers_last`].
    fn delete_each(&self, objects: &[Deletion<'_>]) -> Vec<(String, Error)> {
        let depth = |object: &Deletion<'_>| marker_depth(object.key, &self.delimiter);
        let levels = objects.chunk_by(|one, next| depth(one) == depth(next));
        let failed = levels.flat_map(|level| {
            let results =
                ThreadPool::new(self.max_workers).map(level, |object| self.delete_one(object));
            level.iter().zip(results)
        });
        failed
            .filter_map(|(object, result)| Some((object.key.to_owned(), result.err()?)))
            .collect()
    }

    fn delete_one(&self, object: &Deletion<'_>) -> Result<()> {
        let key = Key::new(object.key)?;
        let Some(e_tag) = object.e_tag else {
            return self.delete(&key, None);
        };
        // On stores without conditional deletes, a HEAD request right before the delete replaces the condition.
        let look_and_delete = || {
            self.check(&key, Condition::Match(e_tag), &ReadOptions::default())?;
            self.delete(&key, None)
        };
        if etag::is_weak(e_tag) {
            return look_and_delete();
        }
        match self.delete(&key, Some(e_tag)) {
            Err(error) if error.is(ErrorKind::ResourceNotFound) => Ok(()),
            Err(error) if is_unknown_to_store(&error) => look_and_delete(),
            result => result,
        }
    }

    /// Returns the key that was not deleted, and its error.
    fn failure_of(&self, asked: &[Deletion<'_>], failure: DeleteFailure) -> (String, Error) {
        let kind = match failure.code.as_str() {
            "AccessDenied" => ErrorKind::PermissionDenied,
            "PreconditionFailed" => ErrorKind::ResourceChanged,
            _ => ErrorKind::OperationFailed,
        };
        let message = format!("{} {}", failure.code, failure.message);
        let key = match failure.key {
            key if is_among(asked, &key) => key,
            foreign => self.client.hide(&foreign),
        };
        (
            key,
            Error::new(kind).with_message(self.client.hide(&message)),
        )
    }
}

/// Returns the directory depth of a marker, or `None` for any other key.
fn marker_depth(key: &str, delimiter: &str) -> Option<usize> {
    let is_marker = key.ends_with(delimiter);
    is_marker.then(|| key.matches(delimiter).count())
}

/// Moves markers behind all other keys, the deepest first.
fn markers_last(objects: &mut [Deletion<'_>], delimiter: &str) {
    objects.sort_by_key(|object| match marker_depth(object.key, delimiter) {
        None => (false, Reverse(0)),
        Some(depth) => (true, Reverse(depth)),
    });
}

fn is_among(objects: &[Deletion<'_>], key: &str) -> bool {
    objects.iter().any(|object| object.key == key)
}

/// Whether the store rejects plain DeleteObjects requests, and those that contain ETags.
#[derive(Default)]
pub(super) struct Refusals {
    plain: AtomicBool,
    on_condition: AtomicBool,
}

impl Refusals {
    /// Returns the flag for requests of the same kind as this one (with or without ETags).
    fn of(&self, objects: &[Deletion<'_>]) -> &AtomicBool {
        match objects.iter().any(|object| object.e_tag.is_some()) {
            true => &self.on_condition,
            false => &self.plain,
        }
    }
}

/// Returns true if the rejection is specific to DeleteObjects, so that single deletes may succeed: the store
/// does not support the operation, or ETags in it, or an intermediary forbids it. A rejection because of the
/// credentials, the bucket or the connection holds for all requests.
fn is_refused_as_such(error: &Error) -> bool {
    let Some(s3) = error.s3() else { return false };
    let code = s3.code.as_str();
    match s3.status {
        400 => matches!(
            code,
            "" | "InvalidArgument" | "InvalidRequest" | "MalformedXML" | "NotImplemented"
        ),
        403 => matches!(code, "" | "AccessDenied"),
        404 => code.is_empty(),
        405 | 501 => true,
        _ => error.is(ErrorKind::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::S3Error;

    #[test]
    fn a_rejected_operation_is_distinguished_from_a_rejected_request() {
        for (status, code, expected) in [
            (400, "InvalidArgument", true),
            (400, "MalformedXML", true),
            (400, "", true),
            (405, "MethodNotAllowed", true),
            (405, "", true),
            (501, "NotImplemented", true),
            (403, "AccessDenied", true),
            (403, "", true),
            (403, "SignatureDoesNotMatch", false),
            (403, "InvalidAccessKeyId", false),
            (400, "ExpiredToken", false),
            (404, "NoSuchBucket", false),
            (500, "InternalError", false),
            (503, "SlowDown", false),
        ] {
            let s3 = S3Error {
                status,
                code: code.to_owned(),
                ..S3Error::default()
            };
            let error = Error::new(ErrorKind::OperationFailed).with_s3(s3);
            assert_eq!(is_refused_as_such(&error), expected, "{status} {code}");
        }
    }

    #[test]
    fn markers_are_deleted_last_with_the_deepest_first() {
        let keys = ["d/", "d/a", "d/e/", "d/e/f/", "d/e/f/x", "d/z/", "o"];
        let mut objects: Vec<Deletion<'_>> = keys.into_iter().map(Deletion::of).collect();
        markers_last(&mut objects, "/");
        let keys: Vec<&str> = objects.iter().map(|object| object.key).collect();
        assert_eq!(
            keys,
            ["d/a", "d/e/f/x", "o", "d/e/f/", "d/e/", "d/z/", "d/"]
        );
        let mut objects = ["d|", "d|a/", "d|e|"].map(Deletion::of);
        markers_last(&mut objects, "|");
        assert_eq!(objects.map(|object| object.key), ["d|a/", "d|e|", "d|"]);
    }
}
