//! The bodies on their way: counted in both directions, and cut, stopped or changed where a fault says.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use s3s::{Body, StdError};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Sleep;

use super::log::Entry;
use super::wire::Control;

/// Says to hyper that the connection is to be cut.
#[derive(Debug)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// A request body that counts what is read of it.
pub struct Counted {
    /// `None` when it has been left to a task that reads the rest.
    inner: Option<Incoming>,
    entry: Arc<Entry>,
    /// Whether the client sends its body only when told to.
    waits: bool,
    limit: Option<Limit>,
    /// How many bytes come before the one that is damaged.
    damaged: Option<u64>,
}

/// How many more bytes of a request body come, and who is told when they have.
struct Limit {
    left: u64,
    is_reached: bool,
    reached: Arc<Notify>,
}

impl Limit {
    /// How many of these bytes are let through. Fewer than came are the last.
    fn take(&mut self, came: u64) -> u64 {
        let taken = came.min(self.left);
        self.left -= taken;
        if taken < came {
            self.is_reached = true;
            self.reached.notify_one();
        }
        taken
    }
}

impl Counted {
    pub fn new(inner: Incoming, entry: Arc<Entry>, waits: bool) -> Self {
        Self {
            inner: Some(inner),
            entry,
            waits,
            limit: None,
            damaged: None,
        }
    }

    /// Of a body that has more than `left` bytes, no more than those come. What it answers is told when they have.
    pub fn limit(&mut self, left: u64) -> Arc<Notify> {
        let reached = Arc::new(Notify::new());
        self.limit = Some(Limit {
            left,
            is_reached: false,
            reached: Arc::clone(&reached),
        });
        reached
    }

    /// The lowest bit of this byte is turned over when it comes.
    pub fn corrupt(&mut self, at: u64) {
        self.damaged = Some(at);
    }

    /// What came, as it is seen.
    fn arrive(&mut self, data: Bytes) -> Bytes {
        let Some(at) = self.damaged else { return data };
        let left = at.checked_sub(data.len() as u64);
        self.damaged = left;
        match left {
            Some(_) => data,
            None => turned(data, at),
        }
    }

    /// Reads what the client is sending anyway, so that the connection can be used again. A client that waits for
    /// `100 Continue` is answered at once, as S3 does.
    pub async fn drain(mut self) {
        if !self.waits {
            while let Some(Ok(_)) = self.frame().await {}
        }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        if this.limit.as_ref().is_some_and(|limit| limit.is_reached) {
            return Poll::Pending;
        }
        let polled = Pin::new(inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let came = frame.data_ref().map_or(0, Bytes::len) as u64;
            let taken = this.limit.as_mut().map_or(came, |limit| limit.take(came));
            this.entry.received(taken);
            if taken < came {
                return Poll::Pending;
            }
        }
        polled.map_ok(|frame| frame.map_data(|data| this.arrive(data)))
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
        if self.waits || self.limit.is_some() || self.is_end_stream() || !is_small {
            return;
        }
        let mut rest = Counted {
            inner: self.inner.take(),
            entry: Arc::clone(&self.entry),
            waits: true,
            limit: None,
            damaged: None,
        };
        // Without a runtime the server is being stopped, and nobody waits for the answer.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { while let Some(Ok(_)) = rest.frame().await {} });
        }
    }
}

/// The same bytes, but for the lowest bit of that one.
fn turned(data: Bytes, at: u64) -> Bytes {
    let mut changed = BytesMut::from(data);
    changed[at as usize] ^= 1;
    changed.freeze()
}

/// How far the body of an answer gets, and how.
#[derive(Clone, Copy)]
pub enum End {
    Whole,
    Cut(u64),
    Reset(u64),
    Stall(u64),
    /// All of it comes, with the lowest bit of this byte turned over.
    Corrupt(u64),
}

impl End {
    fn at(self) -> Option<u64> {
        match self {
            Self::Whole | Self::Corrupt(_) => None,
            Self::Cut(at) | Self::Reset(at) | Self::Stall(at) => Some(at),
        }
    }
}

/// A response body that counts what is sent of it, and ends early if a fault says so.
pub struct Outgoing {
    inner: Body,
    entry: Arc<Entry>,
    control: Arc<Control>,
    end: End,
    sent: u64,
    /// The time that what was sent before a cut has to leave.
    leaving: Option<Pin<Box<Sleep>>>,
}

/// hyper forgets what it has not written when a body fails.
const TIME_TO_LEAVE: Duration = Duration::from_millis(30);

impl Outgoing {
    /// The answer with its body, which is counted from here on.
    pub fn of(
        response: Response<Body>,
        entry: Arc<Entry>,
        control: Arc<Control>,
        end: End,
    ) -> Response<Self> {
        entry.answered(response.status().as_u16());
        response.map(|inner| Self {
            inner,
            entry,
            control,
            end,
            sent: 0,
            leaving: None,
        })
    }

    fn cut(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let leaving = self
            .leaving
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(TIME_TO_LEAVE)));
        ready!(leaving.as_mut().poll(context));
        Poll::Ready(Some(Err(Box::new(Cut))))
    }

    /// The frame as it leaves.
    fn leave(&mut self, mut data: Bytes, left: Option<u64>) -> Bytes {
        data.truncate(usize::try_from(left.unwrap_or(u64::MAX)).unwrap_or(usize::MAX));
        if let End::Corrupt(at) = self.end
            && let Some(at) = at.checked_sub(self.sent)
            && at < data.len() as u64
        {
            data = turned(data, at);
        }
        self.sent += data.len() as u64;
        self.entry.sent(data.len() as u64);
        data
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
                End::Reset(_) => {
                    self.control.reset();
                    self.cut(context)
                }
                _ => Poll::Pending,
            };
        }
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        polled.map_ok(|frame| match frame.into_data() {
            Ok(data) => Frame::data(self.leave(data, left)),
            Err(trailers) => trailers,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.end.at().is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
