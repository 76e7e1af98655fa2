//! The HTTP layer: sends a [`Request`] and returns a checked [`Response`]. No other module depends on
//! HTTP.
//!
//! The modules in the order of a request: [`request`] signs it, [`body`] provides its body, [`agent`]
//! sends it on a connection of [`transport`], [`response`] wraps the answer, [`error`] turns a rejection
//! into an error, and [`failure`] classifies it for a retry. [`retry`] decides when to retry; [`route`],
//! [`clock`] and [`conditions`] hold corrections learned from rejected requests; [`stats`] counts.

mod agent;
mod body;
mod clock;
mod conditions;
mod corrections;
mod error;
mod expect;
mod failure;
#[cfg(feature = "fuzzing")]
#[path = "../../../tests/fuzzing/client_targets.rs"]
pub(crate) mod fuzzing;
mod operation;
mod partial_success;
mod proxy;
mod recode;
pub(in crate::s3) mod redact;
mod request;
mod response;
mod retry;
mod route;
mod stats;
#[cfg(feature = "rustls")]
pub(in crate::s3) mod tls;
pub(in crate::s3) mod transport;
pub(crate) mod xml;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant, SystemTime};

use rusty_s3::{Bucket, Method};
use ureq::{Agent, SendBody};

use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::credentials::{Credentials, Provider};
use crate::s3::key::Key;
use agent::AWAIT_CONTINUE;
pub(crate) use agent::{Timeouts, agent};
pub(crate) use body::{Payload, ReadAt};
use clock::Clock;
use conditions::{BareETags, without_quotes};
use corrections::Corrections;
use expect::Expectation;
use failure::{Cause, Failure, Refused};
pub(crate) use operation::Operation;
pub(crate) use partial_success::Breaks;
pub(crate) use proxy::{Proxies, Proxy};
use recode::Undecoded;
pub(crate) use recode::unsupported as may_be_decoded;
use redact::Secrets;
pub(crate) use request::{QUERY, Request};
use request::{Resource, Unsigned, sign};
pub(crate) use response::{BodyReader, Response};
pub(crate) use retry::RetryPolicy;
use retry::{Attempt, Budget, Decision, Why};
pub(crate) use route::{Route, is_aws};
use stats::Counters;
pub use stats::Stats;
use xml::XmlError;

/// Maximum number of bytes read of an error answer. The rest of a longer one is not needed to identify the error.
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// Minimum size of a body that waits for `100 Continue`, so that a rejection arrives as S3's error and not as a
/// broken connection.
const EXPECT_CONTINUE_BYTES: u64 = 1 << 20;

/// A client for one bucket.
pub(crate) struct Client {
    agent: Agent,
    route: Route,
    credentials: Provider,
    /// Ensures that the region that came with the credentials is applied once, at the start.
    region_found: Once,
    clock: Clock,
    timeouts: Timeouts,
    policy: RetryPolicy,
    budget: Budget,
    counters: Arc<Counters>,
    bare_e_tags: BareETags,
    /// Number of events after which a failed request may succeed: see the method `correction_count`.
    correction_count: AtomicU64,
    expectation: Expectation,
    /// Whether the store requires a digest of each body that it stores.
    wants_digest: AtomicBool,
    proxies: Proxies,
}

/// The signing parameters of one attempt, and the form in which it is sent.
struct Signing {
    bucket: Arc<Bucket>,
    credentials: Option<Arc<Credentials>>,
    time: SystemTime,
    began: Instant,
    /// Whether the ETag of a condition is sent without quotes.
    bare_e_tags: bool,
    /// Whether the body is large enough to wait for `100 Continue`.
    is_large: bool,
    /// Whether the body waits for `100 Continue`.
    expects: bool,
    /// Whether the body is sent with its `Content-MD5`, if it has no other digest.
    with_digest: bool,
    /// The proxy, if there is one.
    proxy: Option<Proxy>,
}

impl Client {
    /// Creates a client for the bucket of that route. Without credentials its requests are anonymous.
    pub(crate) fn new(
        route: Route,
        credentials: Provider,
        timeouts: Timeouts,
        policy: RetryPolicy,
        agent: Agent,
        proxies: Proxies,
    ) -> Self {
        Self {
            agent,
            proxies,
            route,
            credentials,
            region_found: Once::new(),
            clock: Clock::default(),
            timeouts,
            policy,
            budget: Budget::new(),
            counters: Arc::default(),
            bare_e_tags: BareETags::default(),
            correction_count: AtomicU64::new(0),
            expectation: Expectation::default(),
            wants_digest: AtomicBool::new(false),
        }
    }

    /// Returns the bucket as the caller configured it, without corrections.
    pub(crate) fn bucket(&self) -> &Bucket {
        self.route.given()
    }

    /// Returns the region that requests are currently signed for.
    pub(crate) fn region(&self) -> String {
        self.route.bucket().region().to_owned()
    }

    /// Returns true if requests are unsigned.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.credentials.is_anonymous()
    }

    /// Removes the credentials in use from a text that came from the server.
    pub(crate) fn hide(&self, text: &str) -> String {
        let credentials = self.credentials.kept();
        Secrets::of(credentials.as_deref(), &[]).hide(text)
    }

    /// Returns the current time by the server's clock.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Returns the counts of requests and bytes so far.
    pub(crate) fn stats(&self) -> Stats {
        self.counters.stats()
    }

    /// Returns the number of corrections kept for later requests, of renewed credentials, and of requests that failed with
    /// a tried correction. If the number has changed, a request that failed before may succeed now.
    pub(crate) fn correction_count(&self) -> u64 {
        self.correction_count.load(Ordering::Relaxed)
    }

    /// Sends a request. Returns an error if the answer is not a success.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Response> {
        self.perform(request, bytes_of(request), |response, _| Ok(response))
    }

    /// Sends a request whose answer is a document, and parses the document.
    pub(crate) fn ask<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(&[u8]) -> Result<T, XmlError>,
    ) -> Result<T> {
        self.perform(request, bytes_of(request), |mut response, signing| {
            let body = document(&mut response)?;
            read(&body).map_err(|error| {
                // The error quotes a piece of the answer. The answer is parsed again without its secrets, because a
                // quoted piece could contain half a secret.
                let secrets = signing.secrets(request);
                let hidden = secrets.hide(&String::from_utf8_lossy(&body));
                let error = read(hidden.as_bytes()).err().unwrap_or(error);
                misfit(request, signing, &response, &body, &error.to_string())
            })
        })
    }

    /// Sends a request whose answer has no content besides its success.
    pub(crate) fn tell(&self, request: &Request<'_>) -> Result<Response> {
        self.tell_with(request, bytes_of(request))
    }

    /// Like [`tell`](Self::tell), but with the given body.
    pub(crate) fn tell_with(
        &self,
        request: &Request<'_>,
        payload: Payload<'_>,
    ) -> Result<Response> {
        self.perform(request, payload, |mut response, signing| {
            let body = document(&mut response)?;
            if body.trim_ascii().is_empty() || xml::is_other_document(&body) {
                return Ok(response);
            }
            let why = "the body must be empty";
            Err(misfit(request, signing, &response, &body, why))
        })
    }

    /// Returns a presigned URL, valid for this number of seconds or until the credentials expire, and its expiry; `None`
    /// as the expiry if the URL is not signed.
    pub(crate) fn presign(
        &self,
        method: Method,
        key: &Key,
        query: &[(&'static str, String)],
        seconds: u64,
    ) -> Result<(String, Option<SystemTime>)> {
        let unsigned = Unsigned {
            method,
            on: Resource::Object(key),
            query,
            headers: &[],
        };
        let signing = self.signing()?;
        let credentials = signing.credentials.as_deref();
        let expiry = credentials.and_then(Credentials::expiry);
        let mut seconds = seconds;
        if let Some(expiry) = expiry {
            let Ok(left) = expiry.duration_since(signing.time) else {
                return Err(Error::new(ErrorKind::PermissionDenied)
                    .with_message("the credentials have expired, so the URL would be expired too")
                    .with_hint("get new credentials"));
            };
            // S3 accepts only whole seconds, at least one.
            let left = left.as_secs().max(1);
            if left < seconds {
                log::warn!(
                    "a presigned URL is valid for {left} s instead of {seconds} s, because the \
                     credentials expire then"
                );
                seconds = left;
            }
        }
        let bucket = &signing.bucket;
        let url = sign(&unsigned, bucket, credentials, signing.time, seconds)?;
        let ends = signing.time.checked_add(Duration::from_secs(seconds));
        let ends = ends.map(|ends| expiry.map_or(ends, |expiry| expiry.min(ends)));
        Ok((url.into(), ends.filter(|_| credentials.is_some())))
    }

    /// Sends a request until it succeeds or a retry is not worthwhile. `finish` converts a success to the caller's
    /// result, and may reject it.
    fn perform<T>(
        &self,
        request: &Request<'_>,
        payload: Payload<'_>,
        finish: impl Fn(Response, &Signing) -> Result<T, Failure>,
    ) -> Result<T> {
        let deadline = self.timeouts.deadline(request.within);
        // The time of the first failure. The retry time is measured from it, since a transfer may take longer.
        let mut failed = None;
        let mut corrections = Corrections::default();
        let mut unsure = false;
        let mut cost = None;
        let mut number = 1;
        cancel::check()?;
        loop {
            let signing = self.signing_of(request, &payload, &corrections)?;
            let failure = match self
                .attempt(request, &payload, &signing, number, deadline)
                .and_then(|response| finish(response, &signing))
            {
                Ok(result) => {
                    self.keep(request, &signing, &mut corrections);
                    self.budget.succeeded(cost);
                    return Ok(result);
                }
                Err(failure) => failure,
            };
            self.counters.failure();
            unsure |= failure.unsure && request.operation.changes();
            let is_corrected = self.learn(request, &failure, &signing, &mut corrections);
            let wait = if is_corrected {
                Some(Duration::ZERO)
            } else {
                self.wait(
                    request.operation,
                    &failure,
                    number,
                    *failed.get_or_insert_with(Instant::now),
                    deadline,
                    &mut cost,
                )
            };
            let Some(wait) = wait else {
                self.note_failure(&corrections);
                let error = match corrections.no_condition_holds {
                    true => conditions::unusable(failure.error),
                    false => failure.error,
                };
                return Err(after(error, number).with_unsure(unsure));
            };
            let (name, subject) = (request.operation.name(), request.subject());
            match is_corrected {
                // The object and the server are fine in spite of the rejection.
                true => log::debug!(
                    "{name} {subject:?} is retried with a correction: {}",
                    failure.error
                ),
                false => log::warn!(
                    "{name} {subject:?} is retried in {} ms: {}",
                    wait.as_millis(),
                    failure.error
                ),
            }
            self.counters.retry();
            cancel::sleep(wait).map_err(|error| error.with_unsure(unsure))?;
            number += 1;
        }
    }

    /// Returns the wait before the next attempt, or `None` if there is none.
    fn wait(
        &self,
        operation: Operation,
        failure: &Failure,
        number: u32,
        failed: Instant,
        deadline: Option<Instant>,
        cost: &mut Option<u32>,
    ) -> Option<Duration> {
        let outcome = failure.outcome(operation);
        let decision = self.policy.decide(&Attempt {
            number,
            outcome,
            elapsed: failed.elapsed(),
            retry_after: failure.retry_after(),
            random: retry::random(),
        });
        let wait = match decision {
            Decision::Again(wait) => wait,
            Decision::GiveUp(Why::Final) => return None,
            Decision::GiveUp(why) => {
                log::debug!("{} is not retried: {why:?}", operation.name());
                return None;
            }
        };
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| wait >= left) {
            return None;
        }
        *cost = self.budget.spend(outcome);
        if cost.is_none() {
            log::debug!(
                "{} is not retried: too many requests fail",
                operation.name()
            );
        }
        cost.map(|_| wait)
    }

    /// Returns the current signing parameters.
    fn signing(&self) -> Result<Signing> {
        let credentials = self.credentials.get()?;
        if let Some(region) = self.credentials.region() {
            self.region_found.call_once(|| self.route.begin_in(region));
        }
        let bucket = self.route.bucket();
        let proxy = self.proxies.before(bucket.base_url())?;
        Ok(Signing {
            bucket,
            credentials,
            time: self.clock.now(),
            began: Instant::now(),
            bare_e_tags: false,
            is_large: false,
            expects: false,
            with_digest: false,
            proxy,
        })
    }

    /// Returns the signing parameters of a request's next attempt, and the form in which it is sent.
    fn signing_of(
        &self,
        request: &Request<'_>,
        payload: &Payload<'_>,
        corrections: &Corrections,
    ) -> Result<Signing> {
        let signing = self.signing()?;
        let is_large = has_body(request.operation) && payload.length() >= EXPECT_CONTINUE_BYTES;
        let is_asked = !corrections.without_expect && self.expectation.is_asked(signing.began);
        let wants_digest = corrections.with_digest || self.wants_digest.load(Ordering::Relaxed);
        let bucket = corrections.bucket.clone();
        let offset = corrections.clock;
        Ok(Signing {
            bucket: bucket.unwrap_or(signing.bucket),
            time: offset.map_or(signing.time, clock::at_offset),
            bare_e_tags: corrections
                .bare_e_tags
                .unwrap_or_else(|| self.bare_e_tags.are_sent(request.operation)),
            is_large,
            expects: is_large && is_asked,
            with_digest: wants_digest && lacks_digest(request),
            ..signing
        })
    }

    /// Makes one attempt. Returns its answer if that is a success.
    fn attempt(
        &self,
        request: &Request<'_>,
        payload: &Payload<'_>,
        signing: &Signing,
        number: u32,
        deadline: Option<Instant>,
    ) -> Result<Response, Failure> {
        let with_digest;
        let request = match signing.with_digest {
            true => {
                let digest = payload.md5().map_err(Failure::own)?;
                with_digest = request.clone().header("content-md5", digest);
                &with_digest
            }
            false => request,
        };
        let answer = self.exchange(request, payload, signing, number, deadline)?;
        let needed = Undecoded::needed(request.operation, answer.status(), answer.headers());
        let answer = match needed {
            None => answer,
            Some(needed) if signing.credentials.is_none() => match needed.is_certain() {
                true => return Err(Failure::own(recode::unsupported())),
                false => answer,
            },
            Some(needed) => {
                let request = needed.request(request);
                let mut again = self.exchange(&request, payload, signing, number, deadline)?;
                match again.status().is_success() {
                    true => {
                        needed
                            .restore(&request, answer.headers(), again.headers_mut())
                            .map_err(Failure::own)?;
                        again
                    }
                    // The store may not support the changed response headers.
                    false if needed.is_certain() => again,
                    false => answer,
                }
            }
        };
        let mut response = Response::new(request.operation, answer, Arc::clone(&self.counters));
        let is_success = response.is_success();
        if is_success && !lacks_e_tag(&response) {
            return Ok(response);
        }
        // An unread rest only costs the connection.
        let (body, broken) = response.read_start(MAX_ERROR_BYTES);
        let failure = if is_success {
            // A captive portal or a proxy answers like this, and would pass for a file or a finished write.
            misfit(
                request,
                signing,
                &response,
                &body,
                "the response has no ETag",
            )
        } else {
            refusal(request, signing, &response, &body)
        };
        let is_told = || xml::error_answer(&body).is_some_and(|answer| !answer.code.is_empty());
        Err(match broken {
            // The rejection's details did not arrive.
            Some(error) if !is_told() => Failure::lost(error, failure.unsure),
            _ => failure,
        })
    }

    /// Sends one request and returns its answer, whatever its status.
    fn exchange(
        &self,
        request: &Request<'_>,
        payload: &Payload<'_>,
        signing: &Signing,
        number: u32,
        deadline: Option<Instant>,
    ) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let credentials = signing.credentials.as_deref();
        let url = request
            .url(&signing.bucket, credentials, signing.time)
            .map_err(Failure::own)?;
        self.counters.request(request.operation);
        let started = Instant::now();
        let answer = self.transmit(request, url.as_str(), payload, signing, deadline);
        let milliseconds = started.elapsed().as_millis();
        let method = request.operation.method().to_str();
        let name = request.operation.name();
        let subject = request.subject();
        let answer = match answer {
            Ok(answer) => answer,
            Err(lost) => {
                let is_unresolved = error::is_unresolved(&lost.error);
                let proxy = signing.proxy.as_ref();
                let error = error::transport(lost.error, &signing.bucket, proxy);
                log::debug!(
                    "{method} {name} {subject:?}: {error}, after {milliseconds} ms, attempt {number}"
                );
                let mut failure = Failure::lost(error, lost.may_have_arrived);
                if lost.is_final {
                    failure.cause = Cause::Own;
                } else if is_unresolved {
                    failure.cause = Cause::Unresolved;
                }
                return Err(failure);
            }
        };
        let status = answer.status().as_u16();
        log::debug!(
            "{method} {name} {subject:?}: {status}, after {milliseconds} ms, attempt {number}"
        );
        Ok(answer)
    }

    fn transmit(
        &self,
        request: &Request<'_>,
        url: &str,
        payload: &Payload<'_>,
        signing: &Signing,
        deadline: Option<Instant>,
    ) -> Result<ureq::http::Response<ureq::Body>, Lost> {
        let operation = request.operation;
        let proxy = signing.proxy.as_ref();
        let mut builder = ureq::http::Request::builder()
            .method(operation.method().to_str())
            .uri(url);
        for (name, value) in &request.headers {
            let value = match signing.bare_e_tags {
                true => without_quotes(name, value),
                false => value,
            };
            builder = builder.header(name, value);
        }
        if !has_body(operation) {
            let outgoing = builder.body(()).map_err(Lost::before)?;
            return agent::run(
                &self.agent,
                outgoing,
                proxy,
                operation,
                &self.timeouts,
                deadline,
            )
            .map_err(Lost::after);
        }
        let length = payload.length();
        builder = builder.header("content-length", length);
        if signing.expects {
            builder = builder.header("expect", "100-continue");
        }
        let mut body = payload.outgoing();
        let asked = Instant::now();
        let outgoing = builder
            .body(SendBody::from_reader(&mut body))
            .map_err(Lost::before)?;
        let answer = agent::run(
            &self.agent,
            outgoing,
            proxy,
            operation,
            &self.timeouts,
            deadline,
        );
        self.counters.sent(length - body.left());
        let waited = body.started().map(|started| started.duration_since(asked));
        let is_answered = answer.is_ok();
        if signing.expects && is_answered && waited.is_some_and(|waited| waited >= AWAIT_CONTINUE) {
            log::debug!(
                "no response to Expect: 100-continue in time; the header is not sent for a while"
            );
            self.expectation.was_useless(Instant::now());
        }
        answer.map_err(|error| Lost::with_body(error, length, body.left()))
    }
}

impl Signing {
    /// Returns the secrets that no text about the request may contain.
    fn secrets<'a>(&'a self, request: &'a Request<'_>) -> Secrets<'a> {
        Secrets::of(self.credentials.as_deref(), &request.headers)
    }
}

/// Returns true if requests of that operation have a body, even an empty one.
fn has_body(operation: Operation) -> bool {
    matches!(operation.method(), Method::Put | Method::Post)
}

/// Returns true if a request has a body that is stored, and no digest of it.
fn lacks_digest(request: &Request<'_>) -> bool {
    let is_digest = |name: &str| name == "content-md5" || name.starts_with("x-amz-checksum-");
    request.operation.sends_content() && !request.headers.iter().any(|(name, _)| is_digest(name))
}

/// Returns the body of a request that has it in memory, or an empty one.
fn bytes_of<'a>(request: &Request<'a>) -> Payload<'a> {
    Payload::Bytes(request.body.unwrap_or_default())
}

/// Reads the document of an answer as part of the attempt, so that an incomplete one is retried.
fn document(response: &mut Response) -> Result<Vec<u8>, Failure> {
    response
        .read_document()
        .map_err(|error| Failure::lost(error, true))
}

/// Returns the failure for an answer of the server.
fn refusal(request: &Request<'_>, signing: &Signing, response: &Response, body: &[u8]) -> Failure {
    let secrets = signing.secrets(request);
    let anonymous = signing.credentials.is_none();
    let proxy = signing.proxy.as_ref();
    let error = error::refusal(response, body, &signing.bucket, proxy, &secrets, anonymous);
    Failure::refused(error, Refused::read(response, body))
}

/// Returns the failure for a successful answer with unexpected content: an error document, which a 200 may contain,
/// or an answer that is not of the S3 API.
fn misfit(
    request: &Request<'_>,
    signing: &Signing,
    response: &Response,
    body: &[u8],
    why: &str,
) -> Failure {
    if xml::error_answer(body).is_some() {
        return refusal(request, signing, response, body);
    }
    let secrets = signing.secrets(request);
    let asked = error::asked(&signing.bucket, signing.proxy.as_ref());
    let error = error::not_s3(response, body, why, &asked, &secrets);
    Failure {
        // An intermediary may have damaged the document of a change that took effect. But if an answer whose content
        // is all in its header lacks the ETag, it comes from a captive portal that did not forward the request.
        unsure: !lacks_e_tag(response),
        ..Failure::own(error)
    }
}

/// Returns true if an answer lacks the ETag that every S3 server returns for such a request.
fn lacks_e_tag(response: &Response) -> bool {
    response.operation().answers_with_e_tag() && !response.headers().contains_key("etag")
}

/// Adds the number of attempts to the error of the last one.
fn after(error: Error, attempts: u32) -> Error {
    match error.message() {
        Some(message) if attempts > 1 => {
            let message = format!("{message}, after {attempts} attempts");
            error.with_message(message)
        }
        _ => error,
    }
}

/// A request that got no answer.
struct Lost {
    error: ureq::Error,
    /// Whether the server may have received all of it.
    may_have_arrived: bool,
    /// Whether another attempt would fail in the same way.
    is_final: bool,
}

impl Lost {
    /// Creates the error of a request that was not sent completely.
    fn before(error: impl Into<ureq::Error>) -> Self {
        let error = error.into();
        Self {
            is_final: error::is_final(&error),
            error,
            may_have_arrived: false,
        }
    }

    /// Creates the error of a request with a body, of which `left` bytes were not sent. If only a part of the body was
    /// sent, the server cannot have performed the request. If all of it was sent, the connection was established, whatever
    /// the error is.
    fn with_body(error: ureq::Error, length: u64, left: u64) -> Self {
        match (length, left) {
            (0, _) => Self::after(error),
            (_, 0) => Self {
                may_have_arrived: true,
                ..Self::before(error)
            },
            _ => Self::before(error),
        }
    }

    /// Creates the error of a request that may have been sent completely, unless the error is one of connecting.
    fn after(error: ureq::Error) -> Self {
        Self {
            may_have_arrived: !error::is_before_sending(&error),
            ..Self::before(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_completely_sent_body_may_have_arrived_despite_any_error() {
        for kind in [
            io::ErrorKind::InvalidData,
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::ConnectionReset,
        ] {
            let lost = |length, left| Lost::with_body(io::Error::from(kind).into(), length, left);
            assert!(lost(7, 0).may_have_arrived, "{kind}");
            assert!(!lost(7, 1).may_have_arrived, "{kind}");
            let is_of_connecting = kind == io::ErrorKind::ConnectionRefused;
            assert_eq!(lost(0, 0).may_have_arrived, !is_of_connecting, "{kind}");
            assert_eq!(
                lost(7, 0).is_final,
                kind == io::ErrorKind::InvalidData,
                "{kind}"
            );
        }
    }
}
