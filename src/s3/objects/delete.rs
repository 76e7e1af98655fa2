//! Deleting many objects: 1,000 a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

use super::Objects;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::xml;
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
                Ok(failed) => failures.extend(failed),
                Err(error) if error.is(ErrorKind::Unsupported) && error.s3().is_some() => {
                    failures.extend(self.delete_each(batch));
                }
                Err(error) => return Err(error),
            }
        }
        failures.extend(self.delete_each(&single));
        Ok(failures)
    }

    fn delete_batch(&self, keys: &[&str]) -> Result<Vec<(String, Error)>> {
        let body = xml::body::delete(keys);
        let digest = BASE64.encode(Md5::digest(&body));
        let request = Request::bucket(Operation::DeleteObjects)
            .query("delete", "")
            .header("content-md5", digest)
            .header("content-type", "application/xml")
            .headers(self.download.request_headers()?)
            .body(body.as_bytes());
        let failures = self.client.ask(&request, xml::delete_failures)?;
        let failures = failures.into_iter().map(|failure| {
            let kind = match failure.code.as_str() {
                "AccessDenied" => ErrorKind::PermissionDenied,
                _ => ErrorKind::OperationFailed,
            };
            let error =
                Error::new(kind).with_message(format!("{} {}", failure.code, failure.message));
            (failure.key, error)
        });
        Ok(failures.collect())
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
}
