//! Corrections learned from rejected requests: the server's clock, the bucket's region, the form of ETags,
//! whether a body needs a digest, whether `Expect: 100-continue` is supported.
//!
//! The apparent reason for a rejection may not be the real one. So the request itself tries a correction
//! first. Later requests apply the correction once the request has succeeded with it, until the first
//! rejection that contradicts it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rusty_s3::Bucket;

use crate::s3::client::failure::{Cause, Failure, Refused};
use crate::s3::client::{Client, Operation, Request, Signing, lacks_digest};

/// Corrections made during one request, at most one of each kind.
#[derive(Default)]
pub(super) struct Corrections {
    /// Offset to this machine's clock, in milliseconds.
    pub(super) clock: Option<i64>,
    /// The bucket in its corrected region.
    pub(super) bucket: Option<Arc<Bucket>>,
    /// Whether the credentials were renewed.
    pub(super) credentials: bool,
    /// Whether the body is sent with its digest.
    pub(super) with_digest: bool,
    /// Whether the body is sent without waiting for `100 Continue`.
    pub(super) without_expect: bool,
    /// Whether the next attempt sends ETags without quotes. `None` if this request has not determined it.
    pub(super) bare_e_tags: Option<bool>,
    /// Whether the store rejects an ETag in both forms, although the object has it.
    pub(super) no_condition_holds: bool,
}

impl Client {
    /// Derives corrections from a rejection, each kind at most once per request. Returns true if the request should be
    /// retried at once.
    pub(super) fn learn(
        &self,
        request: &Request<'_>,
        failure: &Failure,
        signing: &Signing,
        corrections: &mut Corrections,
    ) -> bool {
        let Cause::Refused(refused) = &failure.cause else {
            self.doubt_silence(request, failure, signing);
            return false;
        };
        if is_accepted(request.operation, refused) {
            self.keep_signature(corrections);
        }
        let worth_it = self.correct_bucket(refused, signing, corrections)
            || self.correct_time(refused, signing, corrections)
            || self.renew(refused, signing, corrections)
            || correct_expectation(refused, signing, corrections)
            || self.correct_digest(request, refused, signing, corrections)
            || self.correct_quotes(request, refused, signing, corrections);
        if worth_it && corrections.credentials {
            self.correction_count.fetch_add(1, Ordering::Relaxed);
        }
        worth_it
    }

    /// Keeps the corrections with which this request has succeeded, for later requests.
    pub(super) fn keep(
        &self,
        request: &Request<'_>,
        signing: &Signing,
        corrections: &mut Corrections,
    ) {
        self.keep_signature(corrections);
        self.keep_quotes(request, signing);
        if corrections.without_expect {
            self.expectation.was_useless(Instant::now());
        }
        if corrections.with_digest && !self.wants_digest.swap(true, Ordering::Relaxed) {
            log::debug!(
                "the store requires a digest of each body; Content-MD5 is sent from now on"
            );
        }
    }

    /// Counts a failed request that tried a correction of its signature.
    pub(super) fn note_failure(&self, corrections: &Corrections) {
        if corrections.clock.is_some() || corrections.bucket.is_some() {
            self.correction_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps the corrections with which the server has accepted a signature.
    fn keep_signature(&self, corrections: &mut Corrections) {
        let offset = corrections.clock.inspect(|offset| self.clock.keep(*offset));
        let bucket = corrections.bucket.as_ref();
        let bucket = bucket.inspect(|bucket| self.route.keep(bucket));
        if offset.is_some() || bucket.is_some() {
            self.correction_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Corrects the bucket's region. For an unsigned request, the region matters only on AWS, where it is part of the
    /// host name.
    fn correct_bucket(
        &self,
        refused: &Refused,
        signing: &Signing,
        corrections: &mut Corrections,
    ) -> bool {
        let elsewhere = matches!(refused.status, 301 | 302 | 307 | 308 | 400 | 403);
        let matters = signing.credentials.is_some() || self.route.is_aws();
        if !elsewhere || !matters {
            return false;
        }
        let named = refused.region.as_deref();
        let bucket = named.and_then(|region| self.route.in_place_of(&signing.bucket, region));
        if bucket.is_some() || is_of_region(refused) {
            self.route.drop_correction(&signing.bucket);
        }
        let is_first = corrections.bucket.is_none();
        let is_new = is_first && bucket.is_some();
        corrections.bucket = corrections.bucket.take().or(bucket);
        is_new
    }

    /// Corrects the clock: a rejection (403) dated to another time than the signature is attributed to the clock.
    fn correct_time(
        &self,
        refused: &Refused,
        signing: &Signing,
        corrections: &mut Corrections,
    ) -> bool {
        if refused.status != 403 || signing.credentials.is_none() {
            return false;
        }
        let date = refused.date;
        let offset = date.and_then(|date| self.clock.offset_to(date, signing.time));
        let is_new = corrections.clock.is_none() && offset.is_some();
        corrections.clock = corrections.clock.or(offset);
        is_new
    }

    /// Renews the credentials, if those of the request have expired and there are new ones.
    fn renew(&self, refused: &Refused, signing: &Signing, corrections: &mut Corrections) -> bool {
        let expired = matches!(
            refused.code.as_str(),
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired"
        );
        let Some(used) = signing.credentials.as_ref().filter(|_| expired) else {
            return false;
        };
        let first = !std::mem::replace(&mut corrections.credentials, true);
        first && self.credentials.renew(used, signing.began)
    }

    /// Adds a digest to the body if the store requires one, as for a bucket whose objects are locked by default.
    fn correct_digest(
        &self,
        request: &Request<'_>,
        refused: &Refused,
        signing: &Signing,
        corrections: &mut Corrections,
    ) -> bool {
        if signing.with_digest && matches!(refused.status, 400 | 501) {
            self.wants_digest.store(false, Ordering::Relaxed);
        }
        let is_new = refused.wants_digest && !signing.with_digest && lacks_digest(request);
        corrections.with_digest |= is_new;
        is_new
    }

    /// Makes the next large body wait for `100 Continue` again, after the connection broke while a large body was sent
    /// without waiting: the server may have rejected it.
    fn doubt_silence(&self, request: &Request<'_>, failure: &Failure, signing: &Signing) {
        let is_broken = matches!(failure.cause, Cause::Connection);
        if is_broken && signing.is_large && !signing.expects && request.operation.changes() {
            self.expectation.may_be_useful();
        }
    }
}

/// Drops `Expect: 100-continue` after a 417: an intermediary does not support it, but may accept the body.
fn correct_expectation(
    refused: &Refused,
    signing: &Signing,
    corrections: &mut Corrections,
) -> bool {
    let is_refused = refused.status == 417 && signing.expects;
    corrections.without_expect |= is_refused;
    is_refused
}

/// Returns true if the server has accepted the signature and rejects the request for another reason. The answer to a
/// HEAD has no code. Any other answer without a code comes from an intermediary.
fn is_accepted(operation: Operation, refused: &Refused) -> bool {
    let is_s3 = operation == Operation::HeadObject || !refused.code.is_empty();
    is_s3 && refused.code != "NoSuchBucket" && matches!(refused.status, 404 | 409 | 412 | 416)
}

/// Returns true if the rejection indicates a wrong region without naming the right one.
fn is_of_region(refused: &Refused) -> bool {
    matches!(
        refused.code.as_str(),
        "AuthorizationHeaderMalformed"
            | "AuthorizationQueryParametersError"
            | "IllegalLocationConstraintException"
            | "InvalidRegion"
            | "PermanentRedirect"
            | "SignatureDoesNotMatch"
            | "TemporaryRedirect"
    ) || matches!(refused.status, 301 | 302 | 307 | 308)
}
