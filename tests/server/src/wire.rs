//! A connection with the properties of a network: a limited rate, and stalls and resets by faults.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// Instructions of the requests of a connection to its wire.
#[derive(Default)]
pub struct Control {
    state: Mutex<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    gate: Option<Gate>,
    /// Whether the connection ends with RST instead of FIN.
    resets: bool,
}

/// How the bytes of a response are sent, header included.
#[derive(Clone, Copy)]
pub enum Gate {
    /// This many bytes, then the connection is reset.
    Reset(u64),
    /// This many bytes, then none.
    Stall(u64),
    /// This many bytes at a time, followed by a pause.
    Drip(u64, Duration),
}

impl Control {
    /// Begins a new request: the fault of the previous one ends.
    pub fn begin(&self) {
        self.state().gate = None;
    }

    /// Sends the next response through this gate.
    pub fn set(&self, gate: Gate) {
        self.state().gate = Some(gate);
    }

    /// Closes the connection with RST.
    pub fn reset(&self) {
        self.state().resets = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A TCP connection of the server.
pub struct Wire {
    stream: TcpStream,
    control: Arc<Control>,
    reading: Pace,
    writing: Pace,
}

impl Wire {
    /// `rate` is in bytes per second, for each direction.
    pub fn new(stream: TcpStream, control: Arc<Control>, rate: Option<u64>) -> Self {
        Self {
            stream,
            control,
            reading: Pace::new(rate),
            writing: Pace::new(rate),
        }
    }

    /// Returns how many of `wanted` bytes may be written now.
    fn poll_room(&mut self, context: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        let may = ready!(self.writing.poll(context, wanted));
        let gate = self.control.state().gate;
        let left = match gate {
            None => return Poll::Ready(Ok(may)),
            Some(Gate::Stall(0)) => return Poll::Pending,
            Some(Gate::Reset(0)) => {
                self.control.reset();
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            Some(Gate::Reset(left) | Gate::Stall(left) | Gate::Drip(left, _)) => left,
        };
        Poll::Ready(Ok(
            may.min(usize::try_from(left).unwrap_or(usize::MAX).max(1))
        ))
    }

    fn wrote(&mut self, count: usize) {
        self.writing.moved(count);
        let mut state = self.control.state();
        match &mut state.gate {
            None => {}
            Some(Gate::Reset(left) | Gate::Stall(left)) => *left -= count as u64,
            Some(Gate::Drip(_, pause)) => self.writing.wait(*pause),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.reading.is_free() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let may = ready!(self.reading.poll(context, buffer.remaining()));
        let mut limited = ReadBuf::new(buffer.initialize_unfilled_to(may));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut limited))?;
        let count = limited.filled().len();
        buffer.advance(count);
        self.reading.moved(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let may = ready!(self.poll_room(context, bytes.len()))?;
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, &bytes[..may]))?;
        self.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.writing.is_free() && self.control.state().gate.is_none() {
            return Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(context, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.control.state().resets {
            // Without it the connection ends with FIN, and a test of resets fails with a clear message.
            let _ = self.stream.set_zero_linger();
        }
    }
}

/// One direction of a connection.
struct Pace {
    rate: Option<u64>,
    /// The time at which the next byte may be transferred.
    next: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Fraction of a second's bytes that may be transferred at once: timers are accurate to a millisecond.
const PIECES: u64 = 100;

/// Maximum time that an idle connection saves up.
const SAVED: Duration = Duration::from_millis(20);

impl Pace {
    fn new(rate: Option<u64>) -> Self {
        Self {
            rate,
            next: Instant::now(),
            sleep: None,
        }
    }

    /// Whether there is no limit.
    fn is_free(&self) -> bool {
        self.rate.is_none() && self.sleep.is_none()
    }

    /// Returns how many of `wanted` bytes may be transferred, once some may.
    fn poll(&mut self, context: &mut Context<'_>, wanted: usize) -> Poll<usize> {
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(context));
            self.sleep = None;
        }
        let piece = self.rate.map(|rate| (rate / PIECES).max(1));
        let piece = piece.and_then(|piece| usize::try_from(piece).ok());
        Poll::Ready(wanted.min(piece.unwrap_or(usize::MAX)))
    }

    /// Counts transferred bytes: the next ones wait for their turn.
    fn moved(&mut self, count: usize) {
        let Some(rate) = self.rate else { return };
        let now = Instant::now();
        let saved = now.checked_sub(SAVED).unwrap_or(now);
        let took = Duration::from_secs_f64(count as f64 / rate as f64);
        self.next = self.next.max(saved) + took;
        if self.next > now {
            self.sleep = Some(Box::pin(sleep_until(self.next)));
        }
    }

    fn wait(&mut self, time: Duration) {
        self.sleep = Some(Box::pin(sleep_until(Instant::now() + time)));
    }
}
