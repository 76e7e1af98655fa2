//! Restoring an archived object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

use crate::error::{Error, Result};
use crate::s3::api::Objects;
use crate::s3::client::xml;
use crate::s3::client::{Operation, Request};
use crate::s3::key::Key;

/// The store's answer to a restore request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestoreAnswer {
    Started,
    Running,
    Extended,
}

impl Objects {
    /// Requests a readable copy of an archived object. One request.
    ///
    /// Source: [RestoreObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html).
    pub(crate) fn restore(
        &self,
        key: &Key,
        days: Option<u32>,
        tier: &str,
    ) -> Result<RestoreAnswer> {
        let body = xml::body::restore(days, tier);
        let request = Request::object(Operation::RestoreObject, key)
            .query("restore", "")
            .header("content-md5", BASE64.encode(Md5::digest(&body)))
            .header("content-type", "application/xml")
            .headers(self.download.request_headers()?)
            .body(body.as_bytes());
        match self.client.tell(&request) {
            Ok(answer) if answer.status() == 200 => Ok(RestoreAnswer::Extended),
            Ok(_) => Ok(RestoreAnswer::Started),
            Err(error) if is_running(&error) => Ok(RestoreAnswer::Running),
            Err(error) => Err(error),
        }
    }
}

/// Returns true if an earlier restore is in progress. It may be this request, if its answer was lost.
fn is_running(error: &Error) -> bool {
    error
        .s3()
        .is_some_and(|s3| s3.code == "RestoreAlreadyInProgress")
}
