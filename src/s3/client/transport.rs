//! The connections of the agent: plain ones of our own and ureq's, with three additions. A rejection that arrives before the body is sent
//! is returned at once, another thread can interrupt the requests of one call, and an HTTP proxy gets requests for
//! http URLs in absolute form. Only this file and `tcp.rs` use ureq's `unversioned` interface, which changes with ureq's
//! minor versions; `Cargo.toml` pins one.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::mem;
use std::net::IpAddr;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{self, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::config::{Config, ConfigBuilder};
use ureq::http::Uri;
use ureq::http::uri::{Authority, Scheme};
use ureq::typestate::AgentScope;
#[cfg(not(test))]
use ureq::unversioned::resolver::DefaultResolver as Lookup;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, ShutdownHandle, Transport,
};
use ureq::{Agent, Error, Proxy, ProxyProtocol, Timeout};

use crate::cancel::{self, CancelToken, Watch};
use crate::s3::client::tcp::Tcp;
#[cfg(test)]
use loopback::Loopback as Lookup;

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

/// What a connection is made of.
enum Inner {
    /// A connection to the server, or to an HTTP proxy, without TLS.
    Tcp(Tcp),
    /// Any other connection, such as one with TLS, or through a proxy of another kind.
    Other(Box<dyn Transport>),
}

impl Inner {
    fn transport(&mut self) -> &mut dyn Transport {
        match self {
            Self::Tcp(tcp) => tcp,
            Self::Other(other) => other,
        }
    }
}

/// Idle connections. ureq's own pool is not used: it stays locked while it checks a connection, which takes system
/// calls, and ureq resolves the host's name before it looks into the pool.
struct Idle {
    most: usize,
    /// Ordered by age, the newest last.
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    peer: Peer,
    inner: Inner,
    socket: Socket,
    since: Instant,
}

/// The peer of a connection.
#[derive(Clone, PartialEq)]
struct Peer {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    proxy: Option<Proxy>,
}

impl Peer {
    fn of(uri: &Uri, config: &Config) -> Self {
        Self {
            scheme: uri.scheme().cloned(),
            authority: uri.authority().cloned(),
            proxy: config.proxy().cloned(),
        }
    }
}

impl Idle {
    fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if there is a connection to that peer. It may have been closed by the peer.
    fn has(&self, peer: &Peer) -> bool {
        self.lock().iter().any(|kept| kept.peer == *peer)
    }

    /// Removes and returns the newest connection to that peer that is still open.
    fn take(&self, peer: &Peer, config: &Config) -> Option<Kept> {
        loop {
            let (old, mut last) = {
                let mut all = self.lock();
                let fresh =
                    all.partition_point(|kept| kept.since.elapsed() >= config.max_idle_age());
                let old: Vec<Kept> = all.drain(..fresh).collect();
                let last = all.iter().rposition(|kept| kept.peer == *peer);
                (old, last.map(|last| all.remove(last)))
            };
            // Closes them without holding the lock.
            drop(old);
            if last.as_mut()?.inner.transport().is_open() {
                return last;
            }
        }
    }

    fn keep(&self, kept: Kept) {
        let mut all = self.lock();
        all.push(kept);
        let surplus = all.len().saturating_sub(self.most);
        let old: Vec<Kept> = all.drain(..surplus).collect();
        drop(all);
        drop(old);
    }
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Resolves each host name on a thread of its own, which is abandoned after the timeout or when the call is cancelled.
/// If the system cannot start a thread, resolves on the current thread, whereas ureq's own resolver panics. An IP
/// address needs no thread, and a host with an idle connection is not resolved.
struct Resolve<R> {
    lookup: R,
    idle: Arc<Idle>,
}

impl<R> fmt::Debug for Resolve<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolve")
    }
}

impl<R: Resolver + Default> Resolver for Resolve<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        match self.idle.has(&Peer::of(uri, config)) {
            true => Ok(self.empty()),
            false => self.look_up(uri, config, timeout),
        }
    }
}

impl<R: Resolver + Default> Resolve<R> {
    fn look_up(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let without_thread = NextTimeout {
            after: Duration::NotHappening,
            ..timeout
        };
        let here = || self.lookup.resolve(uri, config, without_thread);
        let host = uri.host().unwrap_or_default();
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return here();
        }
        let (sender, receiver) = mpsc::channel();
        let (asked, configured) = (uri.clone(), config.clone());
        let found: Sender<Option<Result<ResolvedSocketAddrs, Error>>> = sender.clone();
        let work = move || {
            let answer = R::default().resolve(&asked, &configured, without_thread);
            // The receiver is gone after the timeout or when the call is cancelled.
            let _ = found.send(Some(answer));
        };
        let thread = thread::Builder::new().name("s3fs-resolve".to_owned());
        if thread.spawn(work).is_err() {
            return here();
        }
        let end = move || {
            let _ = sender.send(None);
        };
        let _watch = cancel::current().map(|token| token.watch(end));
        let answer = match timeout.after {
            Duration::NotHappening => receiver.recv().map_err(RecvTimeoutError::from),
            after => receiver.recv_timeout(*after),
        };
        match answer {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(interrupted(io::ErrorKind::ConnectionRefused)),
            Err(RecvTimeoutError::Timeout) => Err(Error::Timeout(timeout.reason)),
            // The thread panicked.
            Err(RecvTimeoutError::Disconnected) => Err(Error::HostNotFound),
        }
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
        let details = &ConnectionDetails {
            uri: details.uri,
            addrs,
            resolver: details.resolver,
            config: details.config,
            request_level: details.request_level,
            now: details.now,
            timeout: details.timeout,
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            register_shutdown: Arc::clone(&details.register_shutdown),
        };
        match cancel::current() {
            None => self.connect_here(details, chained),
            Some(token) => self.connect_beside(details, &token),
        }
    }
}

/// Returns true if the host itself is resolved, and not only its proxy.
fn is_looked_up(details: &ConnectionDetails<'_>) -> bool {
    let proxy = details.config.proxy();
    proxy.is_none_or(|proxy| proxy.resolve_target() || proxy.is_no_proxy(details.uri))
}

impl Connect {
    fn connect_here(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let socket = Socket::default();
        let register = Arc::clone(&details.register_shutdown);
        let here = socket.clone();
        let relay = details
            .config
            .proxy()
            .filter(|proxy| is_relay(proxy, details.uri));
        // The connection is made to the proxy's own URL.
        let (uri, addrs, config) = match relay {
            Some(proxy) => {
                let resolver = details.resolver;
                let addrs = resolver.resolve(proxy.uri(), &self.direct, details.timeout)?;
                (proxy.uri(), addrs, &*self.direct)
            }
            None => (details.uri, details.addrs.clone(), details.config),
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
            resolver: details.resolver,
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
        token: &CancelToken,
    ) -> Result<Option<Connection>, Error> {
        let (sender, receiver) = mpsc::channel();
        let connect = self.clone();
        let (uri, config) = (details.uri.clone(), details.config.clone());
        let (addrs, request_level) = (details.addrs.clone(), details.request_level);
        let (now, timeout) = (details.now, details.timeout);
        let current_time = Arc::clone(&details.current_time);
        let run_connector = Arc::clone(&details.run_connector);
        let register_shutdown = Arc::clone(&details.register_shutdown);
        let made: Sender<Option<Made>> = sender.clone();
        let work = move || {
            let details = ConnectionDetails {
                uri: &uri,
                addrs,
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
            let _ = made.send(Some(connect.connect_here(&details, None)));
        };
        let thread = thread::Builder::new().name("s3fs-connect".to_owned());
        if thread.spawn(work).is_err() {
            // The system cannot start a thread.
            return self.connect_here(details, None);
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

/// Returns true if the proxy gets requests for that URL in absolute form. ureq handles all other proxying: a tunnel for
/// https, and SOCKS. For http URLs, ureq would request a tunnel, too, which many proxies allow to port 443 only.
fn is_relay(proxy: &Proxy, uri: &Uri) -> bool {
    let is_http_proxy = matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    is_http_proxy && uri.scheme_str() == Some("http")
}

/// The additions to the head of a request that is sent to a proxy instead of the server.
///
/// Source: [RFC 9112, section 3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2).
struct RelayedHead {
    /// Inserted before the path.
    origin: String,
    /// A header line, or empty.
    authorization: String,
}

impl RelayedHead {
    fn new(uri: &Uri, proxy: &Proxy) -> Self {
        let authorization = proxy.username().map(|user| {
            let password = proxy.password().unwrap_or_default();
            let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
            format!("Proxy-Authorization: Basic {pair}\r\n")
        });
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        Self {
            origin: format!("http://{authority}"),
            authorization: authorization.unwrap_or_default(),
        }
    }

    /// Returns the head for the proxy, or `None` if `head` does not begin with a complete request line.
    fn of(&self, head: &[u8]) -> Option<Vec<u8>> {
        let line = head.windows(2).position(|pair| pair == b"\r\n")? + 2;
        let method = head[..line].iter().position(|byte| *byte == b' ')? + 1;
        Some(
            [
                &head[..method],
                self.origin.as_bytes(),
                &head[method..line],
                self.authorization.as_bytes(),
                &head[line..],
            ]
            .concat(),
        )
    }
}

/// Returns the error for a request whose call was cancelled. The kind `ConnectionRefused` means that no connection was
/// made.
fn interrupted(kind: io::ErrorKind) -> Error {
    io::Error::new(kind, cancel::cancelled()).into()
}

/// The socket of a connection, and whether the call that uses it may shut it down.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    handle: Option<Weak<dyn ShutdownHandle>>,
    is_in_use: bool,
    is_interrupted: bool,
}

impl Socket {
    /// Shuts the socket down if the call still uses it.
    fn interrupt(&self) {
        let mut state = self.lock();
        if !state.is_in_use {
            return;
        }
        state.is_interrupted = true;
        if let Some(handle) = state.handle.as_ref().and_then(Weak::upgrade) {
            handle.shutdown();
        }
    }

    fn is_interrupted(&self) -> bool {
        self.lock().is_interrupted
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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

    /// Marks the request as done. ureq calls this when an answer was read to its end and the connection can be reused, and
    /// then drops the connection, since ureq itself keeps none. The check whether it is open happens before the next
    /// request. From now on, the call that used the connection cannot interrupt it.
    fn is_open(&mut self) -> bool {
        self.watch = None;
        let mut state = self.socket.lock();
        state.is_in_use = false;
        let is_interrupted = state.is_interrupted;
        drop(state);
        // Surplus input would be taken for the answer to the next request.
        self.is_done = !is_interrupted && self.buffers().input().is_empty();
        self.is_done
    }

    fn is_tls(&self) -> bool {
        matches!(&self.inner, Some(Inner::Other(other)) if other.is_tls())
    }
}

/// A resolver for the unit tests, which allows connections to loopback only.
#[cfg(test)]
mod loopback {
    use std::fmt;
    use std::net::IpAddr;

    use ureq::config::Config;
    use ureq::http::Uri;
    use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
    use ureq::unversioned::transport::NextTimeout;

    #[derive(Default)]
    pub(super) struct Loopback(DefaultResolver);

    impl fmt::Debug for Loopback {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Loopback")
        }
    }

    impl Resolver for Loopback {
        fn resolve(
            &self,
            uri: &Uri,
            config: &Config,
            timeout: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, ureq::Error> {
            // The name is not resolved, because that would already send a packet.
            let host = uri.host().unwrap_or_default();
            let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
            let is_loopback = address.map_or(host == "localhost", |ip| ip.is_loopback());
            assert!(is_loopback, "a test must not connect to {host}");
            self.0.resolve(uri, config, timeout)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use ureq::unversioned::transport::LazyBuffers;

    const LONG: std::time::Duration = std::time::Duration::from_secs(60);

    /// A resolver whose name server never answers.
    #[derive(Debug, Default)]
    struct Silent;

    impl Resolver for Silent {
        fn resolve(
            &self,
            _: &Uri,
            _: &Config,
            timeout: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, Error> {
            assert_eq!(timeout.after, Duration::NotHappening);
            thread::sleep(LONG);
            Err(Error::HostNotFound)
        }
    }

    fn resolver<R: Resolver + Default>() -> Resolve<R> {
        Resolve {
            lookup: R::default(),
            idle: Arc::new(Idle::new(0)),
        }
    }

    fn look_up(resolver: &impl Resolver, url: &str, after: Duration) -> Result<usize, Error> {
        let timeout = NextTimeout {
            after,
            reason: Timeout::Resolve,
            ..NextTimeout::default()
        };
        let config = Agent::config_builder().build();
        let found = resolver.resolve(&url.parse().unwrap(), &config, timeout);
        found.map(|addresses| addresses.len())
    }

    #[test]
    fn a_lookup_ends_at_its_timeout_and_when_its_call_is_cancelled() {
        let began = Instant::now();
        let resolver = resolver::<Silent>();
        let soon = Duration::from(std::time::Duration::from_millis(1));
        let error = look_up(&resolver, "http://example/", soon).unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout::Resolve)), "{error}");
        let (token, met) = (CancelToken::new(), Barrier::new(2));
        let error = thread::scope(|scope| {
            let looking = scope.spawn(|| {
                token.run(|| {
                    met.wait();
                    look_up(&resolver, "http://example/", Duration::NotHappening)
                })
            });
            met.wait();
            token.cancel();
            looking.join().unwrap().unwrap_err()
        });
        assert!(error.to_string().contains("cancelled"), "{error}");
        assert!(began.elapsed() < LONG / 2);
    }

    #[test]
    fn addresses_and_names_are_found() {
        let resolver = resolver::<Lookup>();
        for url in [
            "http://127.0.0.1:1/",
            "http://[::1]:1/",
            "http://localhost:1/",
        ] {
            for after in [Duration::NotHappening, Duration::from(LONG)] {
                assert!(look_up(&resolver, url, after).unwrap() > 0, "{url}");
            }
        }
    }

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
        Connection {
            inner: Some(Inner::Other(Box::new(Pieces {
                buffers: LazyBuffers::new(100, 100),
                left,
                waits: 0,
            }))),
            counted: 0,
            socket: Socket::default(),
            watch: None,
            head: None,
            peer: Peer {
                scheme: None,
                authority: None,
                proxy: None,
            },
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
    fn a_proxy_gets_the_whole_url_and_its_own_authorization() {
        let uri: Uri = "http://bucket.example:9000/dir/file?X-Amz-Date=1"
            .parse()
            .unwrap();
        let head = b"GET /dir/file?X-Amz-Date=1 HTTP/1.1\r\nhost: bucket.example:9000\r\n\r\nbody";
        let rest = "host: bucket.example:9000\r\n\r\nbody";
        let line = "GET http://bucket.example:9000/dir/file?X-Amz-Date=1 HTTP/1.1\r\n";
        for (proxy, authorization) in [
            ("http://p:1", ""),
            (
                "http://user:a%3Ab@p:1",
                "Proxy-Authorization: Basic dXNlcjphOmI=\r\n",
            ),
        ] {
            let proxy = Proxy::new(proxy).unwrap();
            assert!(is_relay(&proxy, &uri));
            let relayed = RelayedHead::new(&uri, &proxy).of(head).unwrap();
            let expected = format!("{line}{authorization}{rest}");
            assert_eq!(String::from_utf8(relayed).unwrap(), expected);
            assert_eq!(RelayedHead::new(&uri, &proxy).of(b"GET /dir/file"), None);
        }
        let socks = Proxy::new("socks5://p:1").unwrap();
        assert!(!is_relay(&socks, &uri));
        let https: Uri = "https://bucket.example/".parse().unwrap();
        assert!(!is_relay(&Proxy::new("http://p:1").unwrap(), &https));
    }
}
