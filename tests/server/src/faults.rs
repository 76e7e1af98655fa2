//! Faults on demand: rules that choose requests, and what goes wrong with them.
//!
//! ```ignore
//! server.faults().add(Rule::on("PutObject").key("a.txt"), Fault::error(503, "SlowDown"));
//! server.faults().add(Rule::on("GetObject").nth(2).times(3), Fault::Truncate(1000));
//! server.faults().add(Rule::any(), Fault::DropAfter);
//! ```
//!
//! The first rule that chooses a request and is not used up decides. To add a kind of fault, add a variant and
//! its arm in `http.rs`, the only place that looks at variants.

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

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer instead of handling the request.
    Answer(Answer),
    /// The connection is closed without an answer; the request has no effect.
    DropBefore,
    /// The connection is reset without an answer; the request has no effect.
    ResetBefore,
    /// No answer ever comes, and the connection stays open; the request has no effect.
    Stall,
    /// When more than this many bytes of the request's body have come, the connection is reset; the request has no
    /// effect. What has a shorter body gets through.
    ResetUpload(u64),
    /// After this many bytes of the request's body no more are taken, and the connection stays open; the request
    /// has no effect. What has a shorter body gets through.
    StallUpload(u64),
    /// One bit of this byte of the request's body is another when it comes; its length is true.
    CorruptUpload(u64),
    /// The request is handled this much later.
    Delay(Duration),
    /// The request is handled when the test opens the gate.
    Hold(Hold),

    /// The request takes effect, its answer is lost.
    DropAfter,
    /// The request takes effect; the connection is reset after this many bytes of its answer, head included.
    Reset(u64),
    /// The request takes effect; after this many bytes of its answer, head included, no more come, and the
    /// connection stays open.
    StallAnswer(u64),
    /// The request takes effect; its answer, head included, comes this many bytes at a time, with a pause after each.
    Drip { bytes: u64, pause: Duration },
    /// The connection is closed after this many bytes of the answer's body; `Content-Length` says otherwise.
    Truncate(u64),
    /// The same with a reset.
    ResetBody(u64),
    /// After this many bytes of the answer's body no more come, and the connection stays open.
    StallBody(u64),
    /// One bit of this byte of the answer's body is another; its length is true.
    Corrupt(u64),
}

/// A gate in front of the server: requests that meet it wait until the test opens it, and take effect then.
#[derive(Clone, Debug)]
pub struct Hold(Arc<Semaphore>);

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}

impl Hold {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets every request pass from now on.
    pub fn open(&self) {
        self.0.close();
    }

    /// Ends when the gate is open.
    pub async fn passed(&self) {
        // A semaphore without permits answers only when it is closed.
        let _ = self.0.acquire().await;
    }
}

impl Fault {
    /// An S3 error document with this status.
    pub fn error(status: u16, code: &str) -> Self {
        Self::Answer(Answer::error(status, code))
    }

    /// An error that asks to be left alone for so many seconds.
    pub fn retry_after(status: u16, code: &str, seconds: u64) -> Self {
        Self::Answer(Answer::error(status, code).header("retry-after", &seconds.to_string()))
    }

    /// What another region's endpoint says of the bucket: 301 `PermanentRedirect`, or 400
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

    /// What the answer to temporary credentials is that are temporary no more.
    pub fn expired_token() -> Self {
        Self::error(400, "ExpiredToken")
    }
}

/// An answer made up by a test, sent as it is.
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

    /// The same with more elements in the document.
    pub fn error_with(status: u16, code: &str, details: &str) -> Self {
        let id = answers::request_id();
        let document = answers::document(code, "A fault made by the test", details);
        Self::new(status, answers::complete_document(&document, "/", &id))
            .header("content-type", "application/xml")
            .header("x-amz-request-id", &id)
    }

    /// What a proxy in front of S3 says.
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

/// Which requests a fault meets: every one of the criteria holds.
pub struct Rule {
    operation: Option<String>,
    key: Option<String>,
    predicate: Option<Predicate>,
    skip: usize,
    times: usize,
}

impl Rule {
    /// The next request, whatever it is.
    pub fn any() -> Self {
        Self {
            operation: None,
            key: None,
            predicate: None,
            skip: 0,
            times: 1,
        }
    }

    /// The next request of this operation, by S3's name for it.
    pub fn on(operation: &str) -> Self {
        Self {
            operation: Some(operation.into()),
            ..Self::any()
        }
    }

    /// Only requests for this key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Only requests that this says yes to.
    #[must_use]
    pub fn when(mut self, chooses: impl Fn(&LoggedRequest) -> bool + Send + 'static) -> Self {
        self.predicate = Some(Box::new(chooses));
        self
    }

    /// The first fault is at the nth request that matches, counting from 1.
    #[must_use]
    pub fn nth(mut self, nth: usize) -> Self {
        self.skip = nth.saturating_sub(1);
        self
    }

    /// From there on this many in a row; 1 if not said.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Every one from there on.
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

    /// Counts a request that matched; whether it is its turn.
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

/// Faults that come by chance, the same ones for the same seed and order of requests.
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

    /// From here on so many of 1,000 requests that no rule chooses meet one of these faults.
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

    /// How many faults came by chance.
    pub fn came_by_chance(&self) -> usize {
        self.chance().as_ref().map_or(0, |chance| chance.came)
    }

    /// Forgets all rules and chances.
    pub fn clear(&self) {
        self.rules().clear();
        *self.chance() = None;
    }

    /// How many rules are not used up, so that a test can say that its faults happened.
    pub fn pending(&self) -> usize {
        self.rules()
            .iter()
            .filter(|(rule, _)| rule.times > 0)
            .count()
    }

    /// The fault that this request meets.
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
