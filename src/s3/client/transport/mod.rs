//! The connections of the agent. They differ from ureq's own: a rejection that arrives before the body is sent is returned
//! at once, another thread can interrupt the requests of one call, an HTTP proxy gets requests for http URLs in absolute
//! form, and plain connections have buffers of their own. Only this module uses ureq's `unversioned` interface, which
//! changes with ureq's minor versions; `Cargo.toml` pins one.

mod idle;
mod inner;
mod relay;
mod resolve;
mod socket;
mod tcp;

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::mem;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread;
use std::time::{self, Instant};

use ureq::config::{Config, ConfigBuilder};
use ureq::http::uri::Scheme;
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as _};
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, ShutdownHandle, Transport,
};
use ureq::{Agent, Error, Timeout};

use crate::cancel::{self, CancelToken, Watch};
use crate::threads::lock;
use idle::{Idle, Kept, Peer};
use inner::Inner;
use relay::{RelayedHead, is_relay};
use resolve::{Lookup, Resolve};
use socket::{Socket, interrupted};
use tcp::Tcp;

/// Creates an agent of that configuration. All its connections are [`Connection`]s; at most `most` idle ones are kept
/// for later requests. The configuration has no proxy; a request may have one.
pub(in crate::s3) fn agent(config: ConfigBuilder<AgentScope>, most: usize) -> Agent {
    // ureq itself keeps no idle connections.
    let config = config.max_idle_connections(0).build();
    let idle = Arc::new(Idle::new(most));
    let connect = Connect {
        inner: Arc::default(),
        direct: Arc::new(config.clone()),
        idle: Arc::clone(&idle),
    };
    let resolve = Resolve {
        lookup: Lookup::default(),
        idle,
    };
    Agent::with_parts(config, connect, resolve)
}

thread_local! {
    /// The claim on the connection of this thread's last request.
    static LAST: Cell<Option<Claim>> = const { Cell::new(None) };
}

/// A claim on the connection of an answer, to read its body without ureq, which checks for each 16 bytes of a body
/// whether to log them.
#[derive(Clone, Default)]
pub(super) struct Claim(Arc<Mutex<Claimed>>);

#[derive(Default)]
enum Claimed {
    #[default]
    Unwanted,
    Wanted,
    Here(Box<Connection>),
}

impl Claim {
    /// Returns the claim on the connection of the answer that this thread has just received.
    pub(super) fn last() -> Option<Self> {
        LAST.take()
    }

    fn lock(&self) -> MutexGuard<'_, Claimed> {
        lock(&self.0)
    }

    /// Takes the connection from the body. Returns `None` if the body no longer has one.
    fn take(&self, body: ureq::Body) -> Option<Box<Connection>> {
        *self.lock() = Claimed::Wanted;
        drop(body);
        match mem::take(&mut *self.lock()) {
            Claimed::Here(connection) => Some(connection),
            Claimed::Unwanted | Claimed::Wanted => None,
        }
    }
}

/// The least memory into which the body of an answer is received directly. Less than that is received through the
/// buffer of the connection, to make fewer system calls.
const DIRECT: usize = 16 << 10;

/// The body of an answer of known length, from its connection.
pub(super) struct Content {
    /// `None` once everything was read.
    connection: Option<Box<Connection>>,
    left: u64,
    /// Whether the connection can be reused afterwards.
    is_kept: bool,
    timeout: NextTimeout,
}

impl Content {
    /// Returns the `length` bytes of an unread answer's body. `stall` is the timeout of each read.
    pub(super) fn claim(
        claim: &Claim,
        body: ureq::Body,
        length: u64,
        stall: time::Duration,
        is_kept: bool,
    ) -> Self {
        Self {
            connection: claim.take(body),
            left: length,
            is_kept,
            timeout: NextTimeout {
                reason: Timeout::RecvBody,
                per_read: Some(stall.into()),
                ..NextTimeout::default()
            },
        }
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let disconnected = || io::Error::new(io::ErrorKind::UnexpectedEof, "Peer disconnected");
        let connection = self.connection.as_mut().ok_or_else(disconnected)?;
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let read = connection.read(&mut buffer[..most], self.timeout);
        let count = read.map_err(Error::into_io)?;
        if count == 0 {
            return Err(disconnected());
        }
        self.left -= count as u64;
        if self.left == 0
            && let Some(mut connection) = self.connection.take()
            && self.is_kept
        {
            // Marks the request as done, so that the connection is kept when it is dropped, if possible.
            connection.is_open();
        }
        Ok(count)
    }
}

/// Makes plain connections, and all others with ureq's connector, such as those with TLS, and wraps them.
#[derive(Clone)]
struct Connect {
    inner: Arc<DefaultConnector>,
    /// The configuration without a proxy.
    direct: Arc<Config>,
    idle: Arc<Idle>,
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Connector for Connect {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let connection = self.find(details, chained)?;
        LAST.set(connection.as_ref().map(|made| made.claim.clone()));
        Ok(connection)
    }
}

impl Connect {
    /// Returns an idle connection, or a new one.
    fn find(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let peer = Peer::of(details.uri, details.config);
        if let Some(kept) = self.idle.take(&peer, details.config) {
            return Ok(Some(self.connection(kept.inner, kept.socket, details)));
        }
        let addrs = match details.addrs.is_empty() && is_looked_up(details) {
            // When the name was to be resolved, there was an idle connection, which is gone now.
            true => self
                .resolve()
                .look_up(details.uri, details.config, details.timeout)?,
            false => details.addrs.clone(),
        };
        match cancel::current() {
            None => self.connect_here(details, addrs, chained),
            Some(token) => self.connect_beside(details, addrs, &token),
        }
    }
}

/// Returns true if the host itself is resolved, and not only its proxy.
fn is_looked_up(details: &ConnectionDetails<'_>) -> bool {
    let proxy = details.config.proxy();
    proxy.is_none_or(|proxy| proxy.resolve_target() || proxy.is_no_proxy(details.uri))
}

impl Connect {
    /// Connects to one of `addrs`, which replace those of the details, or to a proxy.
    fn connect_here(
        &self,
        details: &ConnectionDetails<'_>,
        addrs: ResolvedSocketAddrs,
        chained: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let socket = Socket::default();
        let register = Arc::clone(&details.register_shutdown);
        let here = socket.clone();
        // It always returns addresses, also for a host with an idle connection.
        let resolver = &self.resolve();
        let relay = details
            .config
            .proxy()
            .filter(|proxy| is_relay(proxy, details.uri));
        // The connection is made to the proxy's own URL.
        let (uri, addrs, config) = match relay {
            Some(proxy) => {
                let addrs = resolver.resolve(proxy.uri(), &self.direct, details.timeout)?;
                (proxy.uri(), addrs, &*self.direct)
            }
            None => (details.uri, addrs, details.config),
        };
        let to = details;
        let below = Arc::clone(&self.inner);
        let details = ConnectionDetails {
            register_shutdown: Arc::new(move |handle: Weak<dyn ShutdownHandle>| {
                here.lock().handle = Some(Weak::clone(&handle));
                register(handle)
            }),
            uri,
            addrs,
            resolver,
            config,
            request_level: details.request_level,
            now: details.now,
            timeout: details.timeout,
            current_time: Arc::clone(&details.current_time),
            // Connects a tunnel to its proxy. This connection must not be kept for other requests: it is of no use
            // without the tunnel.
            run_connector: Arc::new(move |details: &ConnectionDetails<'_>| {
                let made = below.connect(details, None)?;
                made.ok_or(Error::ConnectionFailed)
            }),
        };
        let is_plain = uri.scheme() == Some(&Scheme::HTTP) && config.proxy().is_none();
        let made = match is_plain && chained.is_none() {
            true => Some(Inner::Tcp(Tcp::connect(&details)?)),
            false => self.inner.connect(&details, chained)?.map(Inner::Other),
        };
        Ok(made.map(|inner| self.connection(inner, socket, to)))
    }

    fn connection(
        &self,
        inner: Inner,
        socket: Socket,
        details: &ConnectionDetails<'_>,
    ) -> Connection {
        let proxy = details.config.proxy();
        let relay = proxy.filter(|proxy| is_relay(proxy, details.uri));
        Connection {
            inner: Some(inner),
            counted: 0,
            socket,
            watch: None,
            head: relay.map(|proxy| RelayedHead::new(details.uri, proxy)),
            peer: Peer::of(details.uri, details.config),
            idle: Arc::clone(&self.idle),
            is_done: false,
            claim: Claim::default(),
        }
    }

    fn resolve(&self) -> Resolve<Lookup> {
        Resolve {
            lookup: Lookup::default(),
            idle: Arc::new(Idle::new(0)),
        }
    }

    /// Connects on a thread of its own, which is abandoned when the call is cancelled: there is no other way to
    /// interrupt an attempt to connect.
    fn connect_beside(
        &self,
        details: &ConnectionDetails<'_>,
        addrs: ResolvedSocketAddrs,
        token: &CancelToken,
    ) -> Result<Option<Connection>, Error> {
        let (sender, receiver) = mpsc::channel();
        let connect = self.clone();
        let (uri, config) = (details.uri.clone(), details.config.clone());
        let to = addrs.clone();
        let request_level = details.request_level;
        let (now, timeout) = (details.now, details.timeout);
        let current_time = Arc::clone(&details.current_time);
        let run_connector = Arc::clone(&details.run_connector);
        let register_shutdown = Arc::clone(&details.register_shutdown);
        let made: Sender<Option<Made>> = sender.clone();
        let work = move || {
            let details = ConnectionDetails {
                uri: &uri,
                addrs: to.clone(),
                resolver: &connect.resolve(),
                config: &config,
                request_level,
                now,
                timeout,
                current_time,
                run_connector,
                register_shutdown,
            };
            // The receiver is gone if the call was cancelled.
            let _ = made.send(Some(connect.connect_here(&details, to, None)));
        };
        let thread = thread::Builder::new().name("s3fs-connect".to_owned());
        if thread.spawn(work).is_err() {
            // The system cannot start a thread.
            return self.connect_here(details, addrs, None);
        }
        let _watch = token.watch(move || {
            let _ = sender.send(None);
        });
        match receiver.recv() {
            Ok(Some(made)) => made,
            Ok(None) | Err(_) => Err(interrupted(io::ErrorKind::ConnectionRefused)),
        }
    }
}

type Made = Result<Option<Connection>, Error>;

/// A connection that offers its input to ureq until ureq has processed it, and that is interrupted when the call that
/// uses it is cancelled.
struct Connection {
    /// `Some` until the connection is dropped.
    inner: Option<Inner>,
    /// The length of the input that was offered again without reading more.
    counted: usize,
    socket: Socket,
    /// Interrupts the socket when the call is cancelled.
    watch: Option<Watch>,
    /// The additions to the request's head, if it goes to a proxy, until the head is sent.
    head: Option<RelayedHead>,
    peer: Peer,
    /// The pool to which the connection returns when it is dropped, if its request is done.
    idle: Arc<Idle>,
    is_done: bool,
    /// The claim that receives the connection if it is dropped before that.
    claim: Claim,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else {
            return;
        };
        if self.is_done {
            return self.idle.keep(Kept {
                peer: self.peer.clone(),
                inner,
                socket: self.socket.clone(),
                since: Instant::now(),
            });
        }
        let mut claimed = self.claim.lock();
        if matches!(*claimed, Claimed::Wanted) {
            *claimed = Claimed::Here(Box::new(Self {
                inner: Some(inner),
                counted: self.counted,
                socket: self.socket.clone(),
                watch: self.watch.take(),
                head: None,
                peer: self.peer.clone(),
                idle: Arc::clone(&self.idle),
                is_done: false,
                claim: Claim::default(),
            }));
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    fn inner(&mut self) -> &mut dyn Transport {
        let inner = self.inner.as_mut();
        let inner = inner.expect("it is removed only when the connection is dropped");
        inner.transport()
    }

    /// Reads the body of an answer. Returns 0 if the peer has closed the connection.
    fn read(&mut self, buffer: &mut [u8], timeout: NextTimeout) -> Result<usize, Error> {
        if self.buffers().input().is_empty() {
            if buffer.len() >= DIRECT
                && let Some(Inner::Tcp(tcp)) = &mut self.inner
            {
                let read = tcp.receive(buffer, timeout);
                return self.go_on(read)?;
            }
            if !self.await_input(timeout)? {
                return Ok(0);
            }
        }
        let input = self.buffers().input();
        let count = input.len().min(buffer.len());
        buffer[..count].copy_from_slice(&input[..count]);
        self.buffers().input_consume(count);
        Ok(count)
    }

    /// Lets the current thread's call interrupt the connection, until the connection returns to the pool.
    fn bind(&mut self) -> Result<(), Error> {
        if self.watch.is_none()
            && let Some(token) = cancel::current()
        {
            self.socket.lock().is_in_use = true;
            let socket = self.socket.clone();
            self.watch = Some(token.watch(move || socket.interrupt()));
        }
        self.go_on(())
    }

    /// Sends ureq's output. If it is the start of a request to a proxy, adds the proxy's additions to the head.
    fn transmit(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let Some(head) = self.head.take() else {
            return self.inner().transmit_output(amount, timeout);
        };
        let written = self.inner().buffers().output().get(..amount);
        let Some(relayed) = written.and_then(|written| head.of(written)) else {
            let message = "the URL is too long for a proxy";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        };
        let mut rest = &relayed[..];
        while !rest.is_empty() {
            let output = self.inner().buffers().output();
            let (piece, next) = rest.split_at(rest.len().min(output.len()));
            output[..piece.len()].copy_from_slice(piece);
            self.inner().transmit_output(piece.len(), timeout)?;
            rest = next;
        }
        Ok(())
    }

    /// Returns the result of an input or output, or an error if the connection was interrupted.
    fn go_on<T>(&self, given: T) -> Result<T, Error> {
        match self.watch.is_some() && self.socket.is_interrupted() {
            true => Err(interrupted(io::ErrorKind::Other)),
            false => Ok(given),
        }
    }

    /// Skips an answer `100 Continue` with its headers. If it has headers, ureq would mistake it for the final answer.
    /// The returned error makes ureq send the body.
    ///
    /// Source: [RFC 9110, section 15.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.2).
    fn skip_continue(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        while self.inner().buffers().input().starts_with(b"HTTP/1.1 100") {
            let input = self.inner().buffers().input();
            let end = input.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                self.inner().buffers().input_consume(end + 4);
                return Err(Error::Timeout(Timeout::Await100));
            }
            if !self.inner().await_input(timeout)? {
                break;
            }
        }
        Ok(())
    }
}

/// Rounds a timeout above 5 seconds up to whole seconds: each distinct timeout costs a system call.
fn coarse(timeout: NextTimeout) -> NextTimeout {
    const FINE: Duration = Duration::from_secs(5);
    let after = match timeout.after {
        Duration::Exact(exact) if timeout.after > FINE => {
            let up = exact.as_secs() + u64::from(exact.subsec_nanos() > 0);
            Duration::from_secs(up)
        }
        after => after,
    };
    NextTimeout { after, ..timeout }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner().buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.bind()?;
        let sent = self.transmit(amount, coarse(timeout));
        self.go_on(sent)?
    }

    /// Offers the existing input once more before it waits for more input. ureq calls this only if it made no progress
    /// with the existing input.
    ///
    /// While ureq waits for `100 Continue`, it leaves a final answer in the buffer. ureq's own connections then wait for
    /// input that does not come. An incomplete answer is offered only once, so that waiting for the rest does not become
    /// a busy loop.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = coarse(timeout);
        let length = self.inner().buffers().input().len();
        if length > 0 && length != self.counted {
            self.counted = length;
            return Ok(true);
        }
        let read = self.inner().await_input(timeout);
        let is_more = self.go_on(read)??;
        if is_more {
            self.counted = 0;
        }
        if timeout.reason == Timeout::Await100 {
            self.skip_continue(timeout)?;
        }
        Ok(is_more)
    }

    /// Marks the request as done, unless it was interrupted or more input follows its answer. ureq calls this when an answer
    /// was read to its end and the connection can be reused, and then drops the connection, since ureq itself keeps none.
    /// The check whether it is open happens before the next request. From now on, the call that used the connection cannot
    /// interrupt it.
    fn is_open(&mut self) -> bool {
        self.watch = None;
        let mut state = self.socket.lock();
        state.is_in_use = false;
        let is_interrupted = state.is_interrupted;
        drop(state);
        // Received surplus would be taken for the answer to the next request.
        self.is_done = !is_interrupted && self.buffers().input().is_empty();
        self.is_done
    }

    fn is_tls(&self) -> bool {
        matches!(&self.inner, Some(Inner::Other(other)) if other.is_tls())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::thread;
    use ureq::http::Uri;
    use ureq::unversioned::transport::LazyBuffers;

    /// A transport whose input comes in pieces, and that counts the waits for it.
    #[derive(Debug)]
    struct Pieces {
        buffers: LazyBuffers,
        left: Vec<&'static [u8]>,
        waits: usize,
    }

    impl Transport for Pieces {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            self.waits += 1;
            let Some(piece) = self.left.pop() else {
                return Ok(false);
            };
            self.buffers.input_append_buf()[..piece.len()].copy_from_slice(piece);
            self.buffers.input_appended(piece.len());
            Ok(true)
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    fn connection(pieces: &[&'static [u8]]) -> Connection {
        let left = pieces.iter().rev().copied().collect();
        connection_of(Inner::Other(Box::new(Pieces {
            buffers: LazyBuffers::new(100, 100),
            left,
            waits: 0,
        })))
    }

    fn connection_of(inner: Inner) -> Connection {
        Connection {
            inner: Some(inner),
            counted: 0,
            socket: Socket::default(),
            watch: None,
            head: None,
            peer: Peer::of(&Uri::from_static("/"), &Agent::config_builder().build()),
            idle: Arc::new(Idle::new(1)),
            is_done: false,
            claim: Claim::default(),
        }
    }

    fn waiting(reason: Timeout) -> NextTimeout {
        NextTimeout {
            reason,
            ..NextTimeout::default()
        }
    }

    #[test]
    fn unused_input_is_offered_once_more_before_waiting() {
        let mut connection = connection(&[b"HTTP/1.1 ", b"403"]);
        let mut lengths = Vec::new();
        while connection
            .await_input(waiting(Timeout::RecvResponse))
            .unwrap()
        {
            lengths.push(connection.buffers().input().len());
            connection.buffers().input_consume(0);
        }
        assert_eq!(lengths, [9, 9, 12, 12]);
    }

    #[test]
    fn only_a_100_continue_and_its_headers_are_skipped() {
        for pieces in [
            &[&b"HTTP/1.1 100 Continue\r\n\r\nrest"[..]][..],
            &[b"HTTP/1.1 100 Continue\r\nServer: a\r\n\r\nrest"],
            &[b"HTTP/1.1 100", b" Continue\r\nServer: ", b"a\r\n\r\nrest"],
        ] {
            let mut connection = connection(pieces);
            let error = connection
                .await_input(waiting(Timeout::Await100))
                .unwrap_err();
            assert!(matches!(error, Error::Timeout(Timeout::Await100)));
            assert_eq!(connection.buffers().input(), b"rest");
        }
        for (input, reason) in [
            (&b"HTTP/1.1 103 Early Hints\r\n\r\n"[..], Timeout::Await100),
            (b"HTTP/1.1 403 No\r\n\r\n", Timeout::Await100),
            (b"HTTP/1.1 100 Continue\r\n\r\n", Timeout::RecvResponse),
        ] {
            let mut connection = connection(&[input]);
            assert!(connection.await_input(waiting(reason)).unwrap());
            assert_eq!(connection.buffers().input(), input);
        }
    }

    #[test]
    fn content_does_not_pass_through_the_buffer_on_its_way_to_large_memory() {
        for (size, is_direct) in [(DIRECT, true), (DIRECT - 1, false)] {
            let (tcp, mut far) = tcp::tests::pair(64 << 10);
            let mut connection = connection_of(Inner::Tcp(tcp));
            let sent: Vec<u8> = (0..4 * DIRECT).map(|number| number as u8).collect();
            let content = sent.clone();
            let sender = thread::spawn(move || far.write_all(&content));
            let mut received = Vec::new();
            let mut memory = vec![0; size];
            while received.len() < sent.len() {
                let count = connection.read(&mut memory, NextTimeout::default());
                let count = count.unwrap();
                assert!(count > 0);
                received.extend_from_slice(&memory[..count]);
            }
            assert_eq!(received, sent);
            let Some(Inner::Tcp(tcp)) = &connection.inner else {
                unreachable!("it was made from one");
            };
            assert_eq!(tcp::tests::has_buffered(tcp), !is_direct, "{size}");
            sender.join().unwrap().unwrap();
        }
    }
}
