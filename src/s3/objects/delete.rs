//! Deleting many objects: 1,000 a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

use super::Objects;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::xml::{self, DeleteFailure};
use crate::s3::client::{Operation, Request};
use crate::s3::key::Key;
use crate::s3::parallel;

/// As many keys as one DeleteObjects takes.
const MAX_DELETED_KEYS: usize = 1000;

impl Objects {
    /// Deletes objects, 1,000 a request; what is not there is no error. Says which could not be
    /// deleted, and why.
    ///
    /// A key that XML cannot carry is deleted by a request of its own, and so is every key on a
    /// store that does not know this operation.
    ///
    /// Source: [DeleteObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
    pub(crate) fn delete_many(&self, keys: &[&str]) -> Result<Vec<(String, Error)>> {
        let (listed, single): (Vec<&str>, Vec<&str>) =
            keys.iter().partition(|key| xml::body::xml_can_carry(key));
        let mut failures = Vec::new();
        for batch in listed.chunks(MAX_DELETED_KEYS) {
            match self.delete_batch(batch) {
                Ok(failed) => {
                    let told = failed.into_iter().map(|failure| self.told(batch, failure));
                    failures.extend(told);
                }
                Err(error) if error.is(ErrorKind::Unsupported) && error.s3().is_some() => {
                    failures.extend(self.delete_each(batch));
                }
                Err(error) => return Err(error),
            }
        }
        failures.extend(self.delete_each(&single));
        Ok(failures)
    }

    /// Deletes what one request can name, and asks again for the keys that failed for once.
    fn delete_batch(&self, keys: &[&str]) -> Result<Vec<DeleteFailure>> {
        let mut patience = self.client.patience(Operation::DeleteObjects);
        let mut left = keys.to_vec();
        let mut lasting = Vec::new();
        loop {
            let failed = self.delete_once(&left)?;
            // Only what was asked for is asked for again.
            let (passing, others): (Vec<_>, Vec<_>) = failed.into_iter().partition(|failure| {
                keys.contains(&failure.key.as_str()) && patience.is_passing(&failure.code)
            });
            lasting.extend(others);
            let Some(failure) = passing.first() else {
                patience.succeeded();
                return Ok(lasting);
            };
            if !patience.wait(&failure.code) {
                lasting.extend(passing);
                return Ok(lasting);
            }
            left.retain(|key| passing.iter().any(|failure| failure.key == *key));
        }
    }

    fn delete_once(&self, keys: &[&str]) -> Result<Vec<DeleteFailure>> {
        let body = xml::body::delete(keys);
        let digest = BASE64.encode(Md5::digest(&body));
        let request = Request::bucket(Operation::DeleteObjects)
            .query("delete", "")
            .header("content-md5", digest)
            .header("content-type", "application/xml")
            .headers(self.download.request_headers()?)
            .body(body.as_bytes());
        self.client.ask(&request, xml::delete_failures)
    }

    fn delete_each(&self, keys: &[&str]) -> Vec<(String, Error)> {
        let results = parallel::map(keys, self.max_workers, |key| {
            Key::new(*key).and_then(|key| self.delete(&key, None))
        });
        let failed = keys.iter().zip(results);
        failed
            .filter_map(|(key, result)| Some(((*key).to_owned(), result.err()?)))
            .collect()
    }
    /// The key that was not deleted, and why.
    fn told(&self, asked: &[&str], failure: DeleteFailure) -> (String, Error) {
        let kind = match failure.code.as_str() {
            "AccessDenied" => ErrorKind::PermissionDenied,
            _ => ErrorKind::OperationFailed,
        };
        let message = format!("{} {}", failure.code, failure.message);
        let key = match failure.key {
            key if asked.contains(&key.as_str()) => key,
            foreign => self.client.hide(&foreign),
        };
        (
            key,
            Error::new(kind).with_message(self.client.hide(&message)),
        )
    }
}
