//! The HTTP side: connections, the way of a request through log, faults, checks and `s3s`, and byte counts.

use std::fmt;
use std::future::{self, Future as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::service::S3Service;
use s3s::{Body, StdError};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::answers::{self, Refusal};
use super::auth::Policy;
use super::checksum;
use super::faults::{Fault, Faults};
use super::log::{Entry, Log};
use super::request::Target;

/// S3's limit for the body of DeleteObjects.
const DELETE_LIMIT: usize = 2 * 1024 * 1024;

const MALFORMED: &str =
    "The XML you provided was not well-formed or did not validate against our published schema";

/// What every connection of a server shares.
pub struct Shared {
    pub s3: S3Service,
    pub policy: Policy,
    pub log: Log,
    pub faults: Faults,
    pub connections: AtomicUsize,
}

/// Accepts connections until the task is dropped.
pub async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // A connection that is gone before it is accepted is the client's business.
        if let Ok((stream, _)) = listener.accept().await {
            let number = shared.connections.fetch_add(1, Ordering::AcqRel) + 1;
            tokio::spawn(serve_connection(stream, number, Arc::clone(&shared)));
        }
    }
}

async fn serve_connection(stream: TcpStream, number: usize, shared: Arc<Shared>) {
    // Small answers leave at once. Where that cannot be set, the server is only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| handle(Arc::clone(&shared), request, number));
    // An error here is a connection that the client or a fault has cut.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The way of one request. An error makes hyper cut the connection.
async fn handle(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    connection: usize,
) -> Result<Response<Outgoing>, Cut> {
    let (parts, body) = request.into_parts();
    let target = Target::of(&parts);
    let entry = shared.log.begin(&parts, &target, connection);
    let body = Counted {
        inner: Some(body),
        entry: Arc::clone(&entry),
        waits: parts.headers.contains_key(header::EXPECT),
    };
    let fault = shared.faults.next(entry.request());
    let mut end = End::Whole;
    match fault {
        Some(Fault::DropBefore) => return Err(Cut),
        Some(Fault::Stall) => return future::pending().await,
        Some(Fault::Answer(answer)) => {
            drain(body).await;
            return Ok(outgoing(answer.into_response(), entry, End::Whole));
        }
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Truncate(at)) => end = End::Cut(at),
        Some(Fault::StallBody(at)) => end = End::Stall(at),
        Some(Fault::DropAfter) | None => {}
    }
    let response = answer(&shared, parts, target, body).await?;
    if matches!(fault, Some(Fault::DropAfter)) {
        return Err(Cut);
    }
    Ok(outgoing(response, entry, end))
}

/// Reads what the client is sending anyway, so that the connection can be used again. A client that waits for
/// `100 Continue` is answered at once, as S3 does.
async fn drain(mut body: Counted) {
    if !body.waits {
        while let Some(Ok(_)) = body.frame().await {}
    }
}

/// The S3 answer to a request.
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
            let request = Request::from_parts(parts, body);
            shared.s3.call(request).await.map_err(|_| Cut)?
        }
        Err(refusal) => refusal.into_response(),
    };
    let mut response = finish(response, &method, &resource);
    if target.operation == "HeadBucket" {
        let region = answers::header_value(&shared.policy.region);
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    Ok(response)
}

/// S3 sends the whole object for a `Range` that it cannot read, or that has more than one part; `s3s` would refuse.
/// A range that was signed stays, since the signature is of it.
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

/// DeleteObjects must carry a digest of its body, and the digest must be right; `s3s` looks at neither.
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

/// What `s3s` leaves to be done: ids and standard headers, complete error documents, no body where HTTP has none.
fn finish(mut response: Response<Body>, method: &Method, resource: &str) -> Response<Body> {
    let id = answers::request_id();
    answers::add_common_headers(response.headers_mut(), &id);
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    if let Some(xml) = xml(&response) {
        let xml = if failed {
            answers::complete_document(&xml, resource, &id)
        } else {
            answers::as_s3_writes(&xml)
        };
        *response.body_mut() = Body::from(xml);
        response.headers_mut().remove(header::CONTENT_LENGTH);
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

/// The document in an answer. Objects are streams, so they are not mistaken for one.
fn xml(response: &Response<Body>) -> Option<String> {
    let body = response.body().bytes().filter(|body| !body.is_empty())?;
    Some(String::from_utf8_lossy(&body).into_owned())
}

fn finish_head(response: &mut Response<Body>, failed: bool) {
    if failed {
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_LENGTH);
    } else if response.headers().contains_key(header::CONTENT_RANGE) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
}

fn outgoing(response: Response<Body>, entry: Arc<Entry>, end: End) -> Response<Outgoing> {
    entry.answered(response.status().as_u16());
    response.map(|inner| Outgoing {
        inner,
        entry,
        end,
        sent: 0,
        leaving: None,
    })
}

/// Says to hyper that the connection is to be cut.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// A request body that counts what is read of it.
struct Counted {
    /// `None` when it has been left to a task that reads the rest.
    inner: Option<Incoming>,
    entry: Arc<Entry>,
    /// Whether the client sends its body only when told to.
    waits: bool,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.entry.received(frame.data_ref().map_or(0, Bytes::len));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

/// What is left of a refused body is read up to here: hyper closes the connection on what is not read, and a
/// client that is still sending might then miss the answer.
const SMALL: u64 = 1024 * 1024;

impl Drop for Counted {
    fn drop(&mut self) {
        let is_small = self.size_hint().upper().is_some_and(|left| left <= SMALL);
        if self.waits || self.is_end_stream() || !is_small {
            return;
        }
        let mut rest = Counted {
            inner: self.inner.take(),
            entry: Arc::clone(&self.entry),
            waits: true,
        };
        // Without a runtime the server is being stopped, and nobody waits for the answer.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { while let Some(Ok(_)) = rest.frame().await {} });
        }
    }
}

/// How far the body of an answer gets.
#[derive(Clone, Copy)]
enum End {
    Whole,
    Cut(u64),
    Stall(u64),
}

impl End {
    fn at(self) -> Option<u64> {
        match self {
            Self::Whole => None,
            Self::Cut(at) | Self::Stall(at) => Some(at),
        }
    }
}

/// A response body that counts what is sent of it, and ends early if a fault says so.
struct Outgoing {
    inner: Body,
    entry: Arc<Entry>,
    end: End,
    sent: u64,
    /// The time that what was sent before a cut has to leave.
    leaving: Option<Pin<Box<Sleep>>>,
}

/// hyper forgets what it has not written when a body fails.
const TIME_TO_LEAVE: Duration = Duration::from_millis(30);

impl Outgoing {
    fn cut(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let leaving = self
            .leaving
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(TIME_TO_LEAVE)));
        ready!(leaving.as_mut().poll(context));
        Poll::Ready(Some(Err(Box::new(Cut))))
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let left = self.end.at().map(|at| at - self.sent);
        if left == Some(0) {
            return match self.end {
                End::Cut(_) => self.cut(context),
                _ => Poll::Pending,
            };
        }
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        polled.map_ok(|frame| match frame.into_data() {
            Ok(mut data) => {
                data.truncate(usize::try_from(left.unwrap_or(u64::MAX)).unwrap_or(usize::MAX));
                self.sent += data.len() as u64;
                self.entry.sent(data.len());
                Frame::data(data)
            }
            Err(trailers) => trailers,
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Whole) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
