//! Faults on demand: rules that select requests, and the faults that affect them.
//!
//! ```ignore
//! server.faults().add(Rule::on("PutObject").key("a.txt"), Fault::error(503, "SlowDown"));
//! server.faults().add(Rule::on("GetObject").nth(2).times(3), Fault::Truncate(1000));
//! server.faults().add(Rule::any(), Fault::DropAfter);
//! ```
//!
//! The first rule that matches a request and is not used up decides. To add a kind of fault, add a variant and
//! its arm in `http.rs`, the only file that matches on variants.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use s3s::Body;
use tokio::sync::Semaphore;

use super::answers;
use super::attributes::set;
use super::content::mix;
use super::log::LoggedRequest;

/// A fault.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This response is sent instead of handling the request.
    Answer(Answer),
    /// The connection is closed without a response; the request has no effect.
    DropBefore,
    /// The connection is reset without a response; the request has no effect.
    ResetBefore,
    /// No response is ever sent, and the connection stays open; the request has no effect.
    Stall,
    /// The connection is reset once more than this many bytes of the request's body have arrived; the request has no
    /// effect. A request with a shorter body succeeds.
    ResetUpload(u64),
    /// After this many bytes of the request's body no more are read, and the connection stays open; the request
    /// has no effect. A request with a shorter body succeeds.
    StallUpload(u64),
    /// One bit of this byte of the request's body is flipped on arrival; the length stays correct.
    CorruptUpload(u64),
    /// The request is handled after this delay.
    Delay(Duration),
    /// The request is handled when the test opens the gate.
    Hold(Hold),

    /// The request takes effect, and its response is lost.
    DropAfter,
    /// The request takes effect; the connection is reset after this many bytes of its response, header included.
    Reset(u64),
    /// The request takes effect; after this many bytes of its response, header included, no more are sent, and the
    /// connection stays open.
    StallAnswer(u64),
    /// The request takes effect; its response, header included, is sent in pieces of this many bytes with pauses.
    Drip { bytes: u64, pause: Duration },
    /// The connection is closed after this many bytes of the response's body, contrary to `Content-Length`.
    Truncate(u64),
    /// The connection is reset after this many bytes of the response's body.
    ResetBody(u64),
    /// After this many bytes of the response's body no more are sent, and the connection stays open.
    StallBody(u64),
    /// One bit of this byte of the response's body is flipped; the length stays correct.
    Corrupt(u64),
}

/// A gate in front of the server: matching requests wait until the test opens it, and take effect then.
#[derive(Clone, Debug)]
pub struct Hold(Arc<Semaphore>);

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}

impl Hold {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets every request pass from now on.
    pub fn open(&self) {
        self.0.close();
    }

    /// Waits until the gate is open.
    pub async fn passed(&self) {
        // A semaphore without permits responds only when it is closed.
        let _ = self.0.acquire().await;
    }
}

impl Fault {
    /// An S3 error document with this status.
    pub fn error(status: u16, code: &str) -> Self {
        Self::Answer(Answer::error(status, code))
    }

    /// An error with a `Retry-After` of `seconds`.
    pub fn retry_after(status: u16, code: &str, seconds: u64) -> Self {
        Self::Answer(Answer::error(status, code).header("retry-after", &seconds.to_string()))
    }

    /// The response of another region's endpoint for the bucket: 301 `PermanentRedirect`, or 400
    /// `AuthorizationHeaderMalformed`.
    pub fn wrong_region(status: u16, region: &str) -> Self {
        let code = match status {
            301 => "PermanentRedirect",
            _ => "AuthorizationHeaderMalformed",
        };
        let region_element = format!("<Region>{region}</Region>");
        let answer = Answer::error_with(status, code, &region_element);
        Self::Answer(answer.header("x-amz-bucket-region", region))
    }

    /// The response to expired temporary credentials.
    pub fn expired_token() -> Self {
        Self::error(400, "ExpiredToken")
    }
}

/// A response of a test, sent unchanged.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    /// An S3 error document. With status 200 it is the late error of CopyObject or CompleteMultipartUpload.
    pub fn error(status: u16, code: &str) -> Self {
        Self::error_with(status, code, "")
    }

    /// Like [`Self::error`], with more elements in the document.
    pub fn error_with(status: u16, code: &str, details: &str) -> Self {
        let id = answers::request_id();
        let document = answers::document(code, "A fault made by the test", details);
        Self::new(status, answers::complete_document(&document, "/", &id))
            .header("content-type", "application/xml")
            .header("x-amz-request-id", &id)
    }

    /// A response of a proxy in front of S3.
    pub fn html(status: u16, page: &str) -> Self {
        Self::new(status, page.to_owned()).header("content-type", "text/html")
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        set(&mut self.headers, name, value);
        self
    }

    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status.try_into().expect("a status of three digits");
        *response.headers_mut() = self.headers;
        response
    }
}

type Predicate = Box<dyn Fn(&LoggedRequest) -> bool + Send>;

/// Selects the requests that a fault affects: every one of the criteria must hold.
pub struct Rule {
    operation: Option<String>,
    key: Option<String>,
    predicate: Option<Predicate>,
    skip: usize,
    times: usize,
}

impl Rule {
    /// Matches the next request of any kind.
    pub fn any() -> Self {
        Self {
            operation: None,
            key: None,
            predicate: None,
            skip: 0,
            times: 1,
        }
    }

    /// Matches the next request of this operation, by S3's name for it.
    pub fn on(operation: &str) -> Self {
        Self {
            operation: Some(operation.into()),
            ..Self::any()
        }
    }

    /// Restricts the rule to requests for this key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Restricts the rule to requests for which `chooses` returns true.
    #[must_use]
    pub fn when(mut self, chooses: impl Fn(&LoggedRequest) -> bool + Send + 'static) -> Self {
        self.predicate = Some(Box::new(chooses));
        self
    }

    /// The fault begins at the nth matching request, counting from 1.
    #[must_use]
    pub fn nth(mut self, nth: usize) -> Self {
        self.skip = nth.saturating_sub(1);
        self
    }

    /// The fault affects this many requests in a row. Defaults to 1.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// The fault affects every request from there on.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    fn matches(&self, request: &LoggedRequest) -> bool {
        let operation = self.operation.as_ref();
        self.times > 0
            && operation.is_none_or(|operation| operation == request.operation)
            && self.key.as_ref().is_none_or(|key| *key == request.key)
            && self.predicate.as_ref().is_none_or(|yes| yes(request))
    }

    /// Counts a matching request, and returns whether the fault affects it.
    fn fires(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("operation", &self.operation)
            .field("key", &self.key)
            .field("skip", &self.skip)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// The rules of one server.
#[derive(Default)]
pub struct Faults {
    rules: Mutex<Vec<(Rule, Fault)>>,
    chance: Mutex<Option<Chance>>,
}

/// Random faults, which are the same for the same seed and order of requests.
struct Chance {
    seed: u64,
    per_mille: u64,
    faults: Vec<Fault>,
    asked: u64,
    came: usize,
}

impl Chance {
    fn draw(&mut self) -> Option<Fault> {
        let number = mix(self.seed ^ mix(self.asked));
        self.asked += 1;
        if number % 1000 >= self.per_mille {
            return None;
        }
        self.came += 1;
        let which = (number / 1000) as usize % self.faults.len();
        self.faults.get(which).cloned()
    }
}

impl Faults {
    pub fn add(&self, rule: Rule, fault: Fault) {
        self.rules().push((rule, fault));
    }

    /// From now on, `per_mille` of 1,000 requests without a matching rule meet one of these faults.
    pub fn by_chance(&self, seed: u64, per_mille: u64, faults: Vec<Fault>) {
        assert!(!faults.is_empty(), "something must go wrong");
        *self.chance() = Some(Chance {
            seed,
            per_mille,
            faults,
            asked: 0,
            came: 0,
        });
    }

    /// Number of random faults so far.
    pub fn came_by_chance(&self) -> usize {
        self.chance().as_ref().map_or(0, |chance| chance.came)
    }

    /// Removes all rules and random faults.
    pub fn clear(&self) {
        self.rules().clear();
        *self.chance() = None;
    }

    /// Number of rules that are not used up, so that a test can check that its faults occurred.
    pub fn pending(&self) -> usize {
        self.rules()
            .iter()
            .filter(|(rule, _)| rule.times > 0)
            .count()
    }

    /// Returns the fault for this request.
    pub fn next(&self, request: &LoggedRequest) -> Option<Fault> {
        let mut rules = self.rules();
        let matching = rules.iter_mut().filter(|(rule, _)| rule.matches(request));
        for (rule, fault) in matching {
            if rule.fires() {
                return Some(fault.clone());
            }
        }
        self.chance().as_mut().and_then(Chance::draw)
    }

    fn chance(&self) -> MutexGuard<'_, Option<Chance>> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rules(&self) -> MutexGuard<'_, Vec<(Rule, Fault)>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
