//! [`Failure`]: a failed attempt, with the data that determines whether to retry.

use std::time::Duration;

use time::OffsetDateTime;

use crate::dates::http_date;
use crate::error::{Error, ErrorKind};
use crate::s3::client::retry::Outcome;
use crate::s3::client::xml;
use crate::s3::client::{Operation, Response};

/// A failed attempt.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) cause: Cause,
    /// Whether the request may have taken effect.
    pub(super) unsure: bool,
}

/// Cause of a failed attempt.
pub(super) enum Cause {
    /// A cause that another attempt cannot change.
    Own,
    /// The connection could not be established, or broke.
    Connection,
    /// The host's name could not be resolved temporarily.
    Unresolved,
    /// A timeout.
    TimedOut,
    /// The server rejected the request.
    Refused(Box<Refused>),
}

/// A rejection in machine-readable form.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) code: String,
    /// The region of the bucket.
    pub(super) region: Option<String>,
    /// Time of the server's clock.
    pub(super) date: Option<OffsetDateTime>,
    /// Time to wait before the next attempt.
    pub(super) retry_after: Option<Duration>,
    /// Whether a digest of the body is missing.
    pub(super) wants_digest: bool,
}

impl Failure {
    /// Creates a failure that would occur again.
    pub(super) fn own(error: Error) -> Self {
        Self {
            error,
            cause: Cause::Own,
            unsure: false,
        }
    }

    /// Creates the failure of a connection that was not established, broke, or timed out.
    pub(super) fn lost(error: Error, unsure: bool) -> Self {
        let cause = match error.kind() {
            ErrorKind::Timeout => Cause::TimedOut,
            ErrorKind::RemoteConnection => Cause::Connection,
            _ => Cause::Own,
        };
        Self {
            error,
            cause,
            unsure,
        }
    }

    /// Creates the failure of a rejected request.
    pub(super) fn refused(error: Error, refused: Refused) -> Self {
        Self {
            unsure: refused.may_be_done(),
            error,
            cause: Cause::Refused(Box::new(refused)),
        }
    }

    /// Returns the outcome for the retry policy.
    pub(super) fn outcome(&self, operation: Operation) -> Outcome {
        match &self.cause {
            Cause::Own => Outcome::Final,
            Cause::Connection => Outcome::Transient,
            Cause::Unresolved => Outcome::Unresolved,
            Cause::TimedOut => Outcome::TimedOut,
            Cause::Refused(refused) => refused.outcome(operation),
        }
    }

    /// Returns the wait that the server requests.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match &self.cause {
            Cause::Refused(refused) => refused.retry_after,
            _ => None,
        }
    }
}

impl Refused {
    /// Reads a rejection from an answer and the start of its body.
    pub(super) fn read(response: &Response, body: &[u8]) -> Self {
        let answer = xml::error_answer(body).unwrap_or_default();
        let header_date = response.header("date").and_then(http_date);
        let region = response.header("x-amz-bucket-region").map(str::to_owned);
        let retry_after = response.header("retry-after");
        Self {
            status: response.status(),
            wants_digest: response.status() == 400 && wants_digest(&answer.code, &answer.message),
            code: answer.code,
            region: region.filter(|region| !region.is_empty()).or(answer.region),
            date: answer.server_time.or(header_date),
            retry_after: retry_after.and_then(|value| wait(value, header_date)),
        }
    }

    /// Source: [Error responses](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html),
    /// and the errors that botocore retries (`_retry.json`).
    fn outcome(&self, operation: Operation) -> Outcome {
        match (self.code.as_str(), self.status) {
            (
                "SlowDown"
                | "SlowDownRead"
                | "SlowDownWrite"
                | "Throttling"
                | "ThrottlingException"
                | "RequestLimitExceeded"
                | "TooManyRequests"
                | "BandwidthLimitExceeded",
                _,
            )
            | (_, 429 | 503 | 529) => Outcome::Throttled,
            (
                "InternalError" | "RequestTimeout" | "IncompleteBody" | "BadDigest"
                | "OperationAborted",
                _,
            )
            // 520 to 524: Cloudflare could not reach the server, or got no answer from it.
            | (_, 408 | 500 | 502 | 504 | 520..=524) => Outcome::Transient,
            // The parts of such an upload must be uploaded anew.
            ("ConditionalRequestConflict", _)
                if operation != Operation::CompleteMultipartUpload =>
            {
                Outcome::Transient
            }
            _ => Outcome::Final,
        }
    }

    /// Returns true if a change may have taken effect in spite of this answer. A 5xx may come from an intermediary, or
    /// from a server that failed after the change.
    fn may_be_done(&self) -> bool {
        match self.code.as_str() {
            "SlowDown" | "SlowDownRead" | "SlowDownWrite" | "NotImplemented" => false,
            "InternalError" => true,
            _ => matches!(self.status, 500 | 502..=506 | 508..=599),
        }
    }
}

/// Returns true if a rejection demands `Content-MD5`, or a checksum, for the body. There is no code for it: S3's is
/// `InvalidRequest` with "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object
/// Lock parameters", other stores return `MissingContentMD5`.
fn wants_digest(code: &str, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let is_named = message.contains("content-md5") || message.contains("x-amz-checksum-");
    let is_missing = message.contains("required") || message.contains("missing");
    code == "MissingContentMD5" || is_named && is_missing
}

/// Returns the wait of a `Retry-After` header: seconds, or a date relative to `date`, the date of the answer.
///
/// Source: [RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3).
pub(super) fn wait(value: &str, date: Option<OffsetDateTime>) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(value)? - date.unwrap_or_else(OffsetDateTime::now_utc);
    Some(until.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Refused {
        Refused {
            status,
            code: code.to_owned(),
            ..Refused::default()
        }
    }

    #[test]
    fn transient_failures_are_distinguished_from_final_ones() {
        for (status, code, outcome) in [
            (503, "SlowDown", Outcome::Throttled),
            (503, "", Outcome::Throttled),
            (429, "", Outcome::Throttled),
            (400, "RequestTimeout", Outcome::Transient),
            (400, "BadDigest", Outcome::Transient),
            (200, "InternalError", Outcome::Transient),
            (200, "SlowDown", Outcome::Throttled),
            (500, "InternalError", Outcome::Transient),
            (500, "", Outcome::Transient),
            (502, "", Outcome::Transient),
            (504, "", Outcome::Transient),
            (408, "", Outcome::Transient),
            (520, "", Outcome::Transient),
            (522, "", Outcome::Transient),
            (524, "", Outcome::Transient),
            (525, "", Outcome::Final),
            (529, "", Outcome::Throttled),
            (530, "", Outcome::Final),
            (409, "ConditionalRequestConflict", Outcome::Transient),
            (409, "OperationAborted", Outcome::Transient),
            (409, "BucketNotEmpty", Outcome::Final),
            (403, "AccessDenied", Outcome::Final),
            (404, "NoSuchKey", Outcome::Final),
            (412, "PreconditionFailed", Outcome::Final),
            (501, "NotImplemented", Outcome::Final),
            (507, "", Outcome::Final),
            (301, "PermanentRedirect", Outcome::Final),
            (200, "AccessDenied", Outcome::Final),
        ] {
            let found = refused(status, code).outcome(Operation::PutObject);
            assert_eq!(found, outcome, "{status} {code}");
        }
        let conflict = refused(409, "ConditionalRequestConflict");
        let found = conflict.outcome(Operation::CompleteMultipartUpload);
        assert_eq!(found, Outcome::Final);
    }

    #[test]
    fn an_internal_error_may_hide_a_change_and_a_rejection_does_not() {
        for (status, code, unsure) in [
            (500, "InternalError", true),
            (200, "InternalError", true),
            (502, "", true),
            (503, "", true),
            (504, "", true),
            (520, "", true),
            (524, "", true),
            (503, "SlowDown", false),
            (501, "NotImplemented", false),
            (507, "", false),
            (429, "", false),
            (408, "", false),
            (400, "RequestTimeout", false),
            (403, "AccessDenied", false),
            (412, "PreconditionFailed", false),
        ] {
            let found = refused(status, code).may_be_done();
            assert_eq!(found, unsure, "{status} {code}");
        }
    }

    #[test]
    fn a_missing_digest_is_recognized_by_the_error_message() {
        for (code, message, expected) in [
            (
                "InvalidRequest",
                "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with \
                 Object Lock parameters",
                true,
            ),
            (
                "InvalidRequest",
                "Content-MD5 HTTP header is required for Put Part requests with Object Lock parameters",
                true,
            ),
            (
                "InvalidRequest",
                "Missing required header for this request: Content-MD5",
                true,
            ),
            ("MissingContentMD5", "", true),
            (
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
                false,
            ),
            (
                "InvalidDigest",
                "The Content-MD5 you specified was invalid.",
                false,
            ),
            (
                "InvalidRequest",
                "Missing required header for this request: Host",
                false,
            ),
        ] {
            assert_eq!(wants_digest(code, message), expected, "{code} {message}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        for (value, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:00 GMT", Some(23)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("99999999999999999999", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(wait(value, date), expected, "{value}");
        }
    }
}
