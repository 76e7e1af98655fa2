//! Bodies in transit: counted in both directions, and cut, stalled or changed by faults.

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

/// Makes hyper cut the connection.
#[derive(Debug)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// A request body that counts the bytes that are read.
pub struct Counted {
    /// `None` once a task reads the rest.
    inner: Option<Incoming>,
    entry: Arc<Entry>,
    /// Whether the client waits for a 100 Continue before it sends its body.
    waits: bool,
    limit: Option<Limit>,
    /// Number of bytes before the damaged one.
    damaged: Option<u64>,
}

/// The remaining number of bytes of a request body, and the notification at their end.
struct Limit {
    left: u64,
    is_reached: bool,
    reached: Arc<Notify>,
}

impl Limit {
    /// Returns how many of these bytes pass. If they are fewer than `came`, the limit is reached.
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

    /// Limits a body to `left` bytes. If it has more, the returned `Notify` is notified after the last permitted one.
    pub fn limit(&mut self, left: u64) -> Arc<Notify> {
        let reached = Arc::new(Notify::new());
        self.limit = Some(Limit {
            left,
            is_reached: false,
            reached: Arc::clone(&reached),
        });
        reached
    }

    /// Flips the lowest bit of this byte when it arrives.
    pub fn corrupt(&mut self, at: u64) {
        self.damaged = Some(at);
    }

    /// Returns the arrived bytes, damaged if a fault requires it.
    fn arrive(&mut self, data: Bytes) -> Bytes {
        let Some(at) = self.damaged else { return data };
        let left = at.checked_sub(data.len() as u64);
        self.damaged = left;
        match left {
            Some(_) => data,
            None => turned(data, at),
        }
    }

    /// Reads a body that the client sends anyway, so that the connection can be used again. A client that waits for
    /// `100 Continue` gets the response at once, as from S3.
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

/// Maximum rest of a refused body that is read: hyper closes the connection on an unread body, and a
/// client that is still sending might then miss the response.
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
        // Without a runtime the server is stopping, and no client waits for the response.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { while let Some(Ok(_)) = rest.frame().await {} });
        }
    }
}

/// Flips the lowest bit of one byte.
fn turned(data: Bytes, at: u64) -> Bytes {
    let mut changed = BytesMut::from(data);
    changed[at as usize] ^= 1;
    changed.freeze()
}

/// The end of the body of a response.
#[derive(Clone, Copy)]
pub enum End {
    Whole,
    Cut(u64),
    Reset(u64),
    Stall(u64),
    /// The whole body, with the lowest bit of this byte flipped.
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

/// A response body that counts the sent bytes, and ends early if a fault requires it.
pub struct Outgoing {
    inner: Body,
    entry: Arc<Entry>,
    control: Arc<Control>,
    end: End,
    sent: u64,
    /// Delay before a cut, in which the sent bytes can leave.
    leaving: Option<Pin<Box<Sleep>>>,
}

/// hyper discards unwritten bytes when a body fails.
const TIME_TO_LEAVE: Duration = Duration::from_millis(30);

impl Outgoing {
    /// Returns the response with a body that is counted from now on.
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

    /// Returns the frame to send, truncated or damaged if a fault requires it.
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
