//! RestoreObject: the restore of an archived object is in progress until a test finishes it.

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::error;
use super::attributes::set;
use super::service::Service;
use super::tagging::with_object;

/// The header for a response with status 202, which `s3s` does not support. Clients never get it.
pub const STARTED: &str = "x-test-restore-started";

pub fn object(
    service: &Service,
    req: S3Request<RestoreObjectInput>,
) -> S3Result<S3Response<RestoreObjectOutput>> {
    let input = req.input;
    let version = input.version_id.as_deref();
    let is_started = with_object(service, &input.bucket, &input.key, version, |object| {
        if !matches!(object.storage_class.as_str(), "GLACIER" | "DEEP_ARCHIVE") {
            return Err(error(S3ErrorCode::InvalidObjectState));
        }
        match object.restore.as_deref() {
            Some(state) if state.contains("\"true\"") => {
                Err(error(S3ErrorCode::RestoreAlreadyInProgress))
            }
            Some(_) => Ok(false),
            None => {
                object.restore = Some("ongoing-request=\"true\"".to_owned());
                Ok(true)
            }
        }
    })??;
    let mut response = S3Response::new(RestoreObjectOutput::default());
    if is_started {
        set(&mut response.headers, STARTED, "true");
    }
    Ok(response)
}
