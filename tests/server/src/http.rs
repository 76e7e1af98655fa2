//! The HTTP side: connections, the steps of a request (log, faults, checks and `s3s`), and byte counts.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::Body;
use s3s::service::S3Service;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::answers::{self, Refusal};
use super::auth::{self, Policy};
use super::bodies::{Counted, Cut, End, Outgoing};
use super::checksum;
use super::faults::{Fault, Faults};
use super::log::Log;
use super::request::Target;
use super::restore;
use super::versioning;
use super::wire::{Control, Gate, Wire};

/// S3's limit for the body of DeleteObjects.
const DELETE_LIMIT: usize = 2 * 1024 * 1024;

const MALFORMED: &str =
    "The XML you provided was not well-formed or did not validate against our published schema";

/// State that all connections of a server share.
pub struct Shared {
    pub s3: S3Service,
    pub policy: Policy,
    pub log: Log,
    pub faults: Faults,
    pub connections: AtomicUsize,
    /// Number of connections that are open now.
    pub open_connections: AtomicUsize,
    pub network: Network,
}

/// A connection that counts as open until this is dropped.
struct Open<'s>(&'s Shared);

impl<'s> Open<'s> {
    fn new(shared: &'s Shared) -> Self {
        shared.open_connections.fetch_add(1, Ordering::AcqRel);
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open_connections.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Network properties of the server.
#[derive(Default)]
pub struct Network {
    /// Maximum bytes per second of each connection, in each direction. Unlimited by default.
    pub rate: Option<u64>,
    /// Delay before each request is handled.
    pub latency: Duration,
    /// Number of threads that handle requests. 0 means 1.
    pub threads: usize,
    /// Whether every connection is closed after its first response.
    pub closes: bool,
    pub tls: Option<TlsAcceptor>,
}

/// Accepts connections until the task is dropped.
pub async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // A connection that is closed before it is accepted is ignored.
        if let Ok((stream, _)) = listener.accept().await {
            let number = shared.connections.fetch_add(1, Ordering::AcqRel) + 1;
            tokio::spawn(begin_connection(stream, number, Arc::clone(&shared)));
        }
    }
}

async fn begin_connection(stream: TcpStream, number: usize, shared: Arc<Shared>) {
    let _open = Open::new(&shared);
    // Sends small responses at once. If the option cannot be set, the server is only slower.
    let _ = stream.set_nodelay(true);
    let control = Arc::new(Control::default());
    let wire = Wire::new(stream, Arc::clone(&control), shared.network.rate);
    match &shared.network.tls {
        None => serve_connection(wire, control, number, Arc::clone(&shared)).await,
        Some(acceptor) => {
            // A client that does not trust the certificate ends here.
            if let Ok(stream) = acceptor.accept(wire).await {
                serve_connection(stream, control, number, Arc::clone(&shared)).await;
            }
        }
    }
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    control: Arc<Control>,
    number: usize,
    shared: Arc<Shared>,
) {
    let service = service_fn(|request| {
        let (shared, control) = (Arc::clone(&shared), Arc::clone(&control));
        async move {
            let closes = shared.network.closes;
            let mut response = handle(shared, control, request, number).await?;
            if closes {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Cut>(response)
        }
    });
    // An error here means that the client or a fault has cut the connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Handles one request. An error makes hyper cut the connection.
async fn handle(
    shared: Arc<Shared>,
    control: Arc<Control>,
    request: Request<Incoming>,
    connection: usize,
) -> Result<Response<Outgoing>, Cut> {
    control.begin();
    let (parts, body) = request.into_parts();
    let target = Target::of(&parts);
    let entry = shared.log.begin(&parts, &target, connection);
    let waits = parts.headers.contains_key(header::EXPECT);
    let mut body = Counted::new(body, Arc::clone(&entry), waits);
    if !shared.network.latency.is_zero() {
        tokio::time::sleep(shared.network.latency).await;
    }
    let mut fault = shared.faults.next(entry.request());
    let mut end = End::Whole;
    match fault {
        Some(Fault::DropBefore) => return Err(Cut),
        Some(Fault::ResetBefore) => {
            control.reset();
            return Err(Cut);
        }
        Some(Fault::Stall) => return pending().await,
        Some(Fault::Answer(answer)) => {
            body.drain().await;
            let response = dated(answer.into_response(), &shared.policy);
            return Ok(Outgoing::of(response, entry, control, End::Whole));
        }
        Some(Fault::CorruptUpload(at)) => body.corrupt(at),
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Hold(hold)) => {
            hold.passed().await;
            fault = None;
        }
        Some(Fault::Truncate(at)) => end = End::Cut(at),
        Some(Fault::ResetBody(at)) => end = End::Reset(at),
        Some(Fault::StallBody(at)) => end = End::Stall(at),
        Some(Fault::Corrupt(at)) => end = End::Corrupt(at),
        Some(Fault::ResetUpload(at) | Fault::StallUpload(at)) => {
            let reached = body.limit(at);
            let answer = pin!(answer(&shared, parts, target, body));
            // Both futures stay alive while the connection stalls.
            let response = match select(answer, pin!(reached.notified())).await {
                Either::Left((response, _)) => response?,
                Either::Right(_) if matches!(fault, Some(Fault::ResetUpload(_))) => {
                    control.reset();
                    return Err(Cut);
                }
                Either::Right(_still) => return pending().await,
            };
            return Ok(Outgoing::of(response, entry, control, End::Whole));
        }
        Some(Fault::DropAfter | Fault::Reset(_) | Fault::StallAnswer(_) | Fault::Drip { .. })
        | None => {}
    }
    let response = answer(&shared, parts, target, body).await?;
    match fault {
        Some(Fault::DropAfter) => return Err(Cut),
        Some(Fault::Reset(at)) => control.set(Gate::Reset(at)),
        Some(Fault::StallAnswer(at)) => control.set(Gate::Stall(at)),
        Some(Fault::Drip { bytes, pause }) => control.set(Gate::Drip(bytes, pause)),
        _ => {}
    }
    Ok(Outgoing::of(response, entry, control, end))
}

/// Adds the server's time to responses of tests, unless they have a date.
fn dated(mut response: Response<Body>, policy: &Policy) -> Response<Body> {
    let date = || answers::header_value(&answers::http_date(policy.now()));
    let headers = response.headers_mut();
    headers.entry(header::DATE).or_insert_with(date);
    response
}

/// Returns the S3 response to a request.
async fn answer(
    shared: &Shared,
    mut parts: Parts,
    target: Target,
    body: Counted,
) -> Result<Response<Body>, Cut> {
    let method = parts.method.clone();
    let resource = parts.uri.path().to_owned();
    ignore_odd_range(&mut parts, &target);
    let checked = match check(shared, &parts, &target) {
        Ok(()) => check_delete_digest(&parts, &target, body).await,
        Err(refusal) => Err(refusal),
    };
    let response = match checked {
        Ok(body) => {
            if let Some(uri) = auth::signed_now(&shared.policy, &parts, &target) {
                parts.uri = uri;
            }
            let request = Request::from_parts(parts, body);
            shared.s3.call(request).await.map_err(|_| Cut)?
        }
        Err(refusal) => refusal.into_response(),
    };
    let mut response = finish(response, &method, &resource, &shared.policy);
    if target.operation == "HeadBucket" {
        let region = answers::header_value(&shared.policy.region);
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    Ok(response)
}

/// S3 sends the whole object for a `Range` that it cannot parse, or that has more than one part; `s3s` would refuse it.
/// A signed range stays, since the signature covers it.
fn ignore_odd_range(parts: &mut Parts, target: &Target) {
    let signed = target.query("X-Amz-SignedHeaders").unwrap_or_default();
    let is_odd = |range: &header::HeaderValue| {
        let range = range.to_str().ok();
        range.is_none_or(|range| s3s::dto::Range::parse(range).is_err())
    };
    let odd = parts.headers.get(header::RANGE).is_some_and(is_odd);
    if odd && !signed.split(';').any(|name| name == "range") {
        parts.headers.remove(header::RANGE);
    }
}

fn check(shared: &Shared, parts: &Parts, target: &Target) -> Result<(), Refusal> {
    let uploads = matches!(target.operation, "PutObject" | "UploadPart");
    if uploads && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        return Err(Refusal::new(
            StatusCode::LENGTH_REQUIRED,
            "MissingContentLength",
            "You must provide the Content-Length HTTP header.",
        ));
    }
    shared.policy.check(parts, target)
}

/// DeleteObjects must have a correct digest of its body; `s3s` checks neither.
async fn check_delete_digest(
    parts: &Parts,
    target: &Target,
    body: Counted,
) -> Result<Body, Refusal> {
    let is_chunked = parts.headers.contains_key("x-amz-decoded-content-length");
    if target.operation != "DeleteObjects" || is_chunked {
        return Ok(Body::http_body_unsync(body));
    }
    let refuse = |code, message| Refusal::new(StatusCode::BAD_REQUEST, code, message);
    let limited = http_body_util::Limited::new(body, DELETE_LIMIT);
    let Ok(body) = limited.collect().await else {
        return Err(refuse("MalformedXML", MALFORMED));
    };
    let body = body.to_bytes();
    if body
        .iter()
        .any(|byte| *byte < b' ' && !b"\t\n\r".contains(byte))
    {
        return Err(refuse("MalformedXML", MALFORMED));
    }
    let sums = checksum::declared(&parts.headers);
    let md5 = parts.headers.get("content-md5");
    if md5.is_none() && sums.is_empty() {
        let message = "Missing required header for this request: Content-MD5";
        return Err(refuse("InvalidRequest", message));
    }
    let wrong_md5 = md5.is_some_and(|md5| *md5 != checksum::base64(&checksum::md5(&body)));
    if wrong_md5
        || sums
            .iter()
            .any(|(name, sum)| checksum::of(name, [&body].into_iter()) != *sum)
    {
        let message = "The Content-MD5 or checksum value that you specified did not match what the server received.";
        return Err(refuse("BadDigest", message));
    }
    Ok(Body::from(body))
}

/// Adds what `s3s` leaves out: ids, standard headers and complete error documents; removes bodies where HTTP allows none.
fn finish(
    mut response: Response<Body>,
    method: &Method,
    resource: &str,
    policy: &Policy,
) -> Response<Body> {
    let id = answers::request_id();
    answers::add_common_headers(response.headers_mut(), &id, policy.now());
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    if let Some(xml) = xml(&response) {
        let xml = if failed {
            answers::complete_document(&xml, resource, &id)
        } else {
            answers::as_s3_writes(&xml)
        };
        let markers = response.headers_mut().remove(versioning::MARKERS);
        let markers = markers.as_ref().and_then(|value| value.to_str().ok());
        let xml = match markers.filter(|markers| !markers.is_empty()) {
            Some(markers) => versioning::in_order(&xml, markers),
            None => xml,
        };
        *response.body_mut() = Body::from(xml);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    if response.headers_mut().remove(restore::STARTED).is_some() {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    if method == Method::HEAD {
        finish_head(&mut response, failed);
    }
    if status == StatusCode::NOT_MODIFIED {
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

/// Returns the document of a response. Objects are streams, so they are not mistaken for one.
fn xml(response: &Response<Body>) -> Option<String> {
    let body = response.body().bytes().filter(|body| !body.is_empty())?;
    let text = String::from_utf8(body.into());
    Some(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn finish_head(response: &mut Response<Body>, failed: bool) {
    if failed {
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_LENGTH);
    } else if response.headers().contains_key(header::CONTENT_RANGE) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
}
