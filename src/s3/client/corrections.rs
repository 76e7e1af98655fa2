//! Corrections that refusals teach: the server's clock, the bucket's region, the form of ETags, whether
//! a digest goes with each body, whether `Expect: 100-continue` is understood.
//!
//! A refusal may have another reason than the one that it looks like. So a request tries a correction by
//! itself. Later requests go by it once the request has succeeded with it, and no longer than until the
//! first refusal that speaks against it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rusty_s3::Bucket;

use crate::s3::client::failure::{Cause, Failure, Refused};
use crate::s3::client::{Client, Operation, Request, Signing, lacks_digest};

/// What refusals taught in the course of one request: each kind once.
#[derive(Default)]
pub(super) struct Learned {
    /// What is added to this machine's clock, in milliseconds.
    pub(super) clock: Option<i64>,
    /// The bucket in its region.
    pub(super) bucket: Option<Arc<Bucket>>,
    /// Whether it had other credentials.
    pub(super) credentials: bool,
    /// Whether the body goes with its digest.
    pub(super) with_digest: bool,
    /// Whether the body does not wait for the server's word.
    pub(super) without_expect: bool,
    /// Whether the next attempt sends ETags without their quotes, if this request has found that out.
    pub(super) bare_e_tags: Option<bool>,
    /// The store refuses an ETag in each form, although the object has it.
    pub(super) no_condition_holds: bool,
}

impl Client {
    /// Learns from a refusal, each kind once in the course of a request. Whether the request is worth
    /// making again at once.
    pub(super) fn learn(
        &self,
        request: &Request<'_>,
        failure: &Failure,
        signing: &Signing,
        learned: &mut Learned,
    ) -> bool {
        let Cause::Refused(refused) = &failure.cause else {
            self.doubt_silence(request, failure, signing);
            return false;
        };
        if is_accepted(request.operation, refused) {
            self.keep_signature(learned);
        }
        let worth_it = self.learn_bucket(refused, signing, learned)
            || self.learn_time(refused, signing, learned)
            || self.renew(refused, signing, learned)
            || learn_expectation(refused, signing, learned)
            || self.learn_digest(request, refused, signing, learned)
            || self.learn_quotes(request, refused, signing, learned);
        if worth_it && learned.credentials {
            self.lessons.fetch_add(1, Ordering::Relaxed);
        }
        worth_it
    }

    /// Keeps for later requests what this one has succeeded with.
    pub(super) fn keep(&self, request: &Request<'_>, signing: &Signing, learned: &mut Learned) {
        self.keep_signature(learned);
        self.keep_quotes(request, signing);
        if learned.without_expect {
            self.expectation.was_useless(Instant::now());
        }
        if learned.with_digest && !self.wants_digest.swap(true, Ordering::Relaxed) {
            log::debug!("the store wants a digest of each body: Content-MD5 is sent from now on");
        }
    }

    /// Notes that a request failed which tried a correction of its signature.
    pub(super) fn note_failure(&self, learned: &Learned) {
        if learned.clock.is_some() || learned.bucket.is_some() {
            self.lessons.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps what the server has accepted a signature with.
    fn keep_signature(&self, learned: &mut Learned) {
        let offset = learned.clock.inspect(|offset| self.clock.keep(*offset));
        let bucket = learned.bucket.as_ref();
        let bucket = bucket.inspect(|bucket| self.route.keep(bucket));
        if offset.is_some() || bucket.is_some() {
            self.lessons.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The region that the bucket is in. Without a signature, only the host of AWS has it.
    fn learn_bucket(&self, refused: &Refused, signing: &Signing, learned: &mut Learned) -> bool {
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
        let is_first = learned.bucket.is_none();
        let is_new = is_first && bucket.is_some();
        learned.bucket = learned.bucket.take().or(bucket);
        is_new
    }

    /// The server's time: a refusal that comes from another time is put down to that.
    fn learn_time(&self, refused: &Refused, signing: &Signing, learned: &mut Learned) -> bool {
        if refused.status != 403 || signing.credentials.is_none() {
            return false;
        }
        let date = refused.date;
        let offset = date.and_then(|date| self.clock.offset_to(date, signing.time));
        let is_new = learned.clock.is_none() && offset.is_some();
        learned.clock = learned.clock.or(offset);
        is_new
    }

    /// Other credentials, if those that were used have expired and there are any.
    fn renew(&self, refused: &Refused, signing: &Signing, learned: &mut Learned) -> bool {
        let expired = matches!(
            refused.code.as_str(),
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired"
        );
        let Some(used) = signing.credentials.as_ref().filter(|_| expired) else {
            return false;
        };
        let first = !std::mem::replace(&mut learned.credentials, true);
        first && self.credentials.renew(used, signing.began)
    }

    /// That each body has to go with a digest, as in a bucket whose objects are locked by default.
    fn learn_digest(
        &self,
        request: &Request<'_>,
        refused: &Refused,
        signing: &Signing,
        learned: &mut Learned,
    ) -> bool {
        if signing.with_digest && matches!(refused.status, 400 | 501) {
            self.wants_digest.store(false, Ordering::Relaxed);
        }
        let is_new = refused.wants_digest && !signing.with_digest && lacks_digest(request);
        learned.with_digest |= is_new;
        is_new
    }

    /// A large body whose connection broke, and which did not wait for the server's word, may have been
    /// refused: the next one waits again.
    fn doubt_silence(&self, request: &Request<'_>, failure: &Failure, signing: &Signing) {
        let is_broken = matches!(failure.cause, Cause::Connection);
        if is_broken && signing.is_large && !signing.expects && request.operation.changes() {
            self.expectation.may_be_useful();
        }
    }
}

/// That something on the way does not let `Expect: 100-continue` through: without it, the body may.
fn learn_expectation(refused: &Refused, signing: &Signing, learned: &mut Learned) -> bool {
    let is_refused = refused.status == 417 && signing.expects;
    learned.without_expect |= is_refused;
    is_refused
}

/// Whether the server has accepted the signature, and refuses for another reason. The answer to a HEAD
/// has no code; an answer to anything else that has none comes from what stands between.
fn is_accepted(operation: Operation, refused: &Refused) -> bool {
    let is_s3 = operation == Operation::HeadObject || !refused.code.is_empty();
    is_s3 && refused.code != "NoSuchBucket" && matches!(refused.status, 404 | 409 | 412 | 416)
}

/// Whether a refusal that names no region is one of another region.
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
