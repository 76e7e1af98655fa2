//! Deleting many objects: 1,000 a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

use super::{Condition, Objects, ReadOptions, is_unknown_to_store};
use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::xml::body::Deletion;
use crate::s3::client::xml::{self, DeleteFailure};
use crate::s3::client::{Operation, Request};
use crate::s3::key::Key;
use crate::s3::parallel;

/// As many keys as one DeleteObjects takes.
const MAX_DELETED_KEYS: usize = 1000;

impl Objects {
    /// Deletes objects, 1,000 a request; what is not there is no error. Says which could not be
    /// deleted, and why: `ResourceChanged` for one that has another ETag than it must have, on stores
    /// that look at it.
    ///
    /// A key that XML cannot carry is deleted by a request of its own, and so is every key on a
    /// store that does not know this operation.
    ///
    /// Source: [DeleteObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
    pub(crate) fn delete_many(&self, objects: &[Deletion<'_>]) -> Result<Vec<(String, Error)>> {
        let (listed, single): (Vec<Deletion<'_>>, Vec<Deletion<'_>>) = objects
            .iter()
            .partition(|object| xml::body::xml_can_carry(object.key));
        let mut failures = Vec::new();
        for batch in listed.chunks(MAX_DELETED_KEYS) {
            match self.delete_batch(batch) {
                Ok(failed) => {
                    let told = failed.into_iter().map(|failure| self.told(batch, failure));
                    failures.extend(told);
                }
                // A store that does not know the operation, or not ETags in it.
                Err(error) if is_not_understood(&error, batch) => {
                    failures.extend(self.delete_each(batch));
                }
                Err(error) => return Err(error),
            }
        }
        failures.extend(self.delete_each(&single));
        Ok(failures)
    }

    /// Deletes what one request can name, and asks again for the keys that failed for once.
    fn delete_batch(&self, objects: &[Deletion<'_>]) -> Result<Vec<DeleteFailure>> {
        let mut patience = self.client.patience(Operation::DeleteObjects);
        let mut left = objects.to_vec();
        let mut lasting = Vec::new();
        loop {
            let failed = self.delete_once(&left)?;
            // Only what was asked for is asked for again.
            let (passing, others): (Vec<_>, Vec<_>) = failed.into_iter().partition(|failure| {
                is_among(objects, &failure.key) && patience.is_passing(&failure.code)
            });
            // One that must have an ETag is told to be gone; that is what was wanted.
            let others = others.into_iter();
            lasting.extend(others.filter(|failure| failure.code != "NoSuchKey"));
            let Some(failure) = passing.first() else {
                patience.succeeded();
                return Ok(lasting);
            };
            if !patience.wait(&failure.code) {
                lasting.extend(passing);
                return Ok(lasting);
            }
            left.retain(|object| passing.iter().any(|failure| failure.key == object.key));
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

    fn delete_each(&self, objects: &[Deletion<'_>]) -> Vec<(String, Error)> {
        let results = parallel::map(objects, self.max_workers, |object| {
            let key = Key::new(object.key)?;
            let Some(e_tag) = object.e_tag else {
                return self.delete(&key, None);
            };
            match self.delete(&key, Some(e_tag)) {
                Err(error) if error.is(ErrorKind::ResourceNotFound) => Ok(()),
                // A look right before stands in for a condition that the store does not know.
                Err(error) if is_unknown_to_store(&error) => {
                    self.check(&key, Condition::Match(e_tag), &ReadOptions::default())?;
                    self.delete(&key, None)
                }
                result => result,
            }
        });
        let failed = objects.iter().zip(results);
        failed
            .filter_map(|(object, result)| Some((object.key.to_owned(), result.err()?)))
            .collect()
    }

    /// The key that was not deleted, and why.
    fn told(&self, asked: &[Deletion<'_>], failure: DeleteFailure) -> (String, Error) {
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

fn is_among(objects: &[Deletion<'_>], key: &str) -> bool {
    objects.iter().any(|object| object.key == key)
}

/// Whether the store knows no DeleteObjects, or none with ETags.
fn is_not_understood(error: &Error, objects: &[Deletion<'_>]) -> bool {
    let Some(s3) = error.s3() else { return false };
    let has_e_tag = objects.iter().any(|object| object.e_tag.is_some());
    let refuses = ["MalformedXML", "InvalidRequest", "InvalidArgument"].contains(&s3.code.as_str());
    error.is(ErrorKind::Unsupported) || has_e_tag && s3.status == 400 && refuses
}
