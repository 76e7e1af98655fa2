//! A TCP connection without TLS. ureq's own writes zeros into all of its buffers before the first request, and copies
//! each byte of an answer through them; this one also receives directly into the caller's memory.

use std::fmt;
use std::io::{self, Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Weak};
use std::time::{self, Instant};

use ureq::config::Config;
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, NextTimeout, Transport};
use ureq::{Error, Timeout};

/// The longest attempt to connect to an address: a year. Windows counts its seconds in 32 bits.
const LONGEST_ATTEMPT: time::Duration = time::Duration::from_secs(365 * 24 * 60 * 60);

/// The shortest attempt to connect to an address.
const SHORTEST_ATTEMPT: time::Duration = time::Duration::from_millis(10);

/// The longest head of a request that is sent together with the start of its body.
const MOST_HELD: usize = 8 << 10;

/// A connected socket with its buffers.
pub(super) struct Tcp {
    stream: Arc<TcpStream>,
    buffers: Memory,
    /// The timeouts that the socket has.
    read_timeout: Option<time::Duration>,
    write_timeout: Option<time::Duration>,
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tcp")
    }
}

impl Tcp {
    /// Connects to the first of the addresses that accepts.
    pub(super) fn connect(details: &ConnectionDetails<'_>) -> Result<Self, Error> {
        let stream = first(
            &details.addrs,
            *details.timeout.after,
            TcpStream::connect_timeout,
        )?;
        if details.config.no_delay() {
            stream.set_nodelay(true)?;
        }
        let tcp = Self::new(stream, details.config);
        let stream: Weak<TcpStream> = Arc::downgrade(&tcp.stream);
        (details.register_shutdown)(stream)?;
        Ok(tcp)
    }

    fn new(stream: TcpStream, config: &Config) -> Self {
        Self {
            stream: Arc::new(stream),
            buffers: Memory::new(config.input_buffer_size(), config.output_buffer_size()),
            read_timeout: None,
            write_timeout: None,
        }
    }

    /// Receives directly into `buffer`. The buffered input must be empty. Returns 0 at the end.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: NextTimeout,
    ) -> Result<usize, Error> {
        self.send_held(timeout)?;
        receive(&self.stream, &mut self.read_timeout, buffer, timeout)
    }

    /// Sends the held output, and `amount` bytes after it.
    fn send(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let within = limit(timeout)?;
        let output = self.buffers.release(amount);
        if output.is_empty() {
            return Ok(());
        }
        let mut stream = &*self.stream;
        update(&mut self.write_timeout, within, |within| {
            stream.set_write_timeout(within)
        })?;
        let sent = stream.write_all(output);
        sent.map_err(|error| failed(error, timeout))
    }

    /// Sends the held output before input is awaited.
    fn send_held(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        match self.buffers.held {
            0 => Ok(()),
            _ => self.send(0, of_held(timeout)),
        }
    }
}

/// Returns the timeout for held output that is sent before input is awaited. ureq sends the body once the wait for
/// `100 Continue` times out, so that this wait must not end the sending of the head.
fn of_held(timeout: NextTimeout) -> NextTimeout {
    match timeout.reason {
        Timeout::Await100 => NextTimeout {
            after: Duration::NotHappening,
            reason: Timeout::SendRequest,
            ..timeout
        },
        _ => timeout,
    }
}

/// Connects to the first address that accepts. An address takes half of the time that is left, the last one all of it,
/// and each at least [`SHORTEST_ATTEMPT`]. One that refuses, or that this machine cannot reach, is skipped. A timeout is
/// always that of the connection: nothing was sent.
fn first<T>(
    addresses: &[SocketAddr],
    timeout: time::Duration,
    connect: impl Fn(&SocketAddr, time::Duration) -> io::Result<T>,
) -> Result<T, Error> {
    let began = Instant::now();
    let mut failure = Error::Io(io::ErrorKind::ConnectionRefused.into());
    for (index, address) in addresses.iter().enumerate() {
        let left = timeout.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(Error::Timeout(Timeout::Connect));
        }
        let attempt = match index + 1 == addresses.len() {
            true => left,
            false => left / 2,
        };
        let error = match connect(address, attempt.clamp(SHORTEST_ATTEMPT, LONGEST_ATTEMPT)) {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        failure = match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::Timeout(Timeout::Connect),
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => Error::Io(error),
            // A Windows firewall blocks one family of addresses by this error.
            io::ErrorKind::PermissionDenied if cfg!(windows) => Error::Io(error),
            _ => return Err(Error::Io(error)),
        };
    }
    Err(failure)
}

/// Receives into `buffer`, within the timeout. `set` is the timeout that the socket has.
fn receive(
    stream: &TcpStream,
    set: &mut Option<time::Duration>,
    buffer: &mut [u8],
    timeout: NextTimeout,
) -> Result<usize, Error> {
    let timeout = timeout.for_read();
    let began = Instant::now();
    let total = limit(timeout)?;
    let mut left = total;
    loop {
        update(set, left, |within| stream.set_read_timeout(within))?;
        let error = match (&*stream).read(buffer) {
            Ok(count) => return Ok(count),
            Err(error) => error,
        };
        match error.kind() {
            // Linux does not resume a read with a timeout after a signal.
            io::ErrorKind::Interrupted => {
                left = total.map(|total| total.saturating_sub(began.elapsed()));
                if left.is_some_and(|left| left.is_zero()) {
                    return Err(Error::Timeout(timeout.reason));
                }
            }
            _ => return Err(failed(error, timeout)),
        }
    }
}

/// Returns the error of a read or write with that timeout.
fn failed(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => error.into(),
    }
}

/// Returns the timeout for a socket.
fn limit(timeout: NextTimeout) -> Result<Option<time::Duration>, Error> {
    match timeout.after {
        Duration::NotHappening => Ok(None),
        Duration::Exact(time::Duration::ZERO) => Err(Error::Timeout(timeout.reason)),
        Duration::Exact(after) => Ok(Some(after)),
    }
}

/// Sets a timeout of the socket, which takes a system call, if it is another one than before.
fn update(
    set: &mut Option<time::Duration>,
    timeout: Option<time::Duration>,
    change: impl FnOnce(Option<time::Duration>) -> io::Result<()>,
) -> io::Result<()> {
    if *set == timeout {
        return Ok(());
    }
    match change(timeout) {
        Ok(()) => *set = timeout,
        // macOS refuses this once the peer has closed the connection. An answer can still be read.
        Err(error) if cfg!(target_os = "macos") && error.kind() == io::ErrorKind::InvalidInput => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

impl Transport for Tcp {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Sends the output. The head of a request waits for the start of the body, or until input is awaited.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        match self.buffers.hold(amount) {
            true => Ok(()),
            false => self.send(amount, timeout),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.send_held(timeout)?;
        let room = self.buffers.input_append_buf();
        let count = receive(&self.stream, &mut self.read_timeout, room, timeout)?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Prepares the connection for another request. Returns false if the peer has closed it, or has sent what nobody asked
    /// for.
    fn is_open(&mut self) -> bool {
        self.buffers.is_unused = true;
        self.buffers.is_progress = false;
        let stream = &*self.stream;
        let is_silent = || -> io::Result<bool> {
            stream.set_nonblocking(true)?;
            let read = (&*stream).read(&mut [0]);
            stream.set_nonblocking(false)?;
            Ok(read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock))
        };
        is_silent().unwrap_or(false)
    }
}

/// The buffers of a connection. They are allocated when they are used first, and usually the system provides only the
/// pages that are written to.
struct Memory {
    input: Vec<u8>,
    input_size: usize,
    /// The unprocessed input.
    start: usize,
    end: usize,
    output: Vec<u8>,
    output_size: usize,
    /// The length of the output that is not sent yet. New output is written behind it.
    held: usize,
    /// Whether there was no output since the connection was made or reused.
    is_unused: bool,
    /// Whether any input was processed when ureq last looked at it.
    is_progress: bool,
}

impl Memory {
    fn new(input_size: usize, output_size: usize) -> Self {
        Self {
            input: Vec::new(),
            input_size,
            start: 0,
            end: 0,
            output: Vec::new(),
            output_size,
            held: 0,
            is_unused: true,
            is_progress: false,
        }
    }

    /// Holds the output back if it is the first of a request, and small. Returns true if so.
    fn hold(&mut self, amount: usize) -> bool {
        let is_first = mem::take(&mut self.is_unused);
        let is_held = is_first && amount <= MOST_HELD.min(self.output_size / 2);
        if is_held {
            self.held = amount;
        }
        is_held
    }

    /// Returns the held output with the `amount` bytes behind it, and no longer holds it.
    fn release(&mut self, amount: usize) -> &[u8] {
        let length = mem::take(&mut self.held) + amount;
        &self.output[..length]
    }

    /// Makes as much room behind the input as there is.
    fn make_room(&mut self) {
        if self.input.is_empty() {
            self.input = vec![0; self.input_size];
        }
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}

impl Buffers for Memory {
    fn output(&mut self) -> &mut [u8] {
        if self.output.is_empty() {
            self.output = vec![0; self.output_size];
        }
        &mut self.output[self.held..]
    }

    fn input(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room();
        &mut self.input[self.end..]
    }

    fn input_appended(&mut self, amount: usize) {
        assert!(amount <= self.input.len() - self.end);
        self.end += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        assert!(amount <= self.end - self.start);
        self.is_progress = amount > 0;
        self.start += amount;
    }

    /// The first part is for bodies of unknown length, which this crate does not send.
    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.make_room();
        self.output();
        (&mut self.input[self.end..], &mut self.output[self.held..])
    }

    fn can_use_input(&self) -> bool {
        self.start < self.end && self.is_progress
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::net::TcpListener;
    use std::thread;

    const HOUR: time::Duration = time::Duration::from_secs(3600);
    const MINUTE: NextTimeout = NextTimeout {
        after: Duration::from_secs(60),
        reason: Timeout::RecvResponse,
        per_read: None,
        per_write: None,
    };

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count)
            .map(|port| ([127, 0, 0, 1], port).into())
            .collect()
    }

    #[test]
    fn an_address_that_fails_is_skipped_and_leaves_time_for_the_next() {
        let attempts = RefCell::new(Vec::new());
        let found = first(&addresses(3), 2 * HOUR, |address, time| {
            attempts.borrow_mut().push(time.as_secs_f64() / 3600.0);
            match address.port() {
                1 => Err(io::ErrorKind::HostUnreachable.into()),
                2 => Err(io::ErrorKind::TimedOut.into()),
                port => Ok(port),
            }
        });
        assert_eq!(found.unwrap(), 3);
        let hours = attempts.into_inner();
        for (hours, expected) in hours.iter().zip([1.0, 1.0, 2.0]) {
            assert!((expected - 0.1..=expected).contains(hours), "{hours:?}");
        }
        assert_eq!(hours.len(), 3);
    }

    #[test]
    fn an_attempt_is_neither_too_short_nor_too_long() {
        for (timeout, expected) in [
            (SHORTEST_ATTEMPT / 2, SHORTEST_ATTEMPT),
            (time::Duration::MAX, LONGEST_ATTEMPT),
        ] {
            let attempt = first(&addresses(1), timeout, |_, time| Ok(time));
            // On a busy machine, the time may be over before the attempt.
            assert!(attempt.is_err() || attempt.is_ok_and(|attempt| attempt == expected));
        }
    }

    #[test]
    fn the_last_failure_is_returned_and_other_failures_at_once() {
        let failing = |kind: io::ErrorKind| {
            let count = RefCell::new(0);
            let error = first(&addresses(2), HOUR, |_, _| {
                *count.borrow_mut() += 1;
                Err::<(), _>(kind.into())
            });
            (error.unwrap_err(), count.into_inner())
        };
        let (error, count) = failing(io::ErrorKind::TimedOut);
        assert!(matches!(error, Error::Timeout(Timeout::Connect)) && count == 2);
        let (error, count) = failing(io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains("refused") && count == 2);
        let (_, count) = failing(io::ErrorKind::InvalidInput);
        assert_eq!(count, 1);
        let none = first(&[], HOUR, |_, _| Ok(()));
        assert!(none.unwrap_err().to_string().contains("refused"));
        let late = first(&addresses(1), time::Duration::ZERO, |_, _| Ok(()));
        assert!(matches!(late, Err(Error::Timeout(Timeout::Connect))));
    }

    /// A connection with buffers of that size, and its peer.
    pub(in super::super) fn pair(size: usize) -> (Tcp, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        far.set_read_timeout(Some(HOUR / 60)).unwrap();
        let config = ureq::Agent::config_builder()
            .input_buffer_size(size)
            .output_buffer_size(size)
            .build();
        (Tcp::new(near, &config), far)
    }

    /// Returns true if input has come through the buffer.
    pub(in super::super) fn has_buffered(tcp: &Tcp) -> bool {
        !tcp.buffers.input.is_empty()
    }

    fn put(tcp: &mut Tcp, bytes: &[u8], timeout: NextTimeout) -> Result<(), Error> {
        tcp.buffers().output()[..bytes.len()].copy_from_slice(bytes);
        tcp.transmit_output(bytes.len(), timeout)
    }

    #[test]
    fn input_is_received_in_order_through_the_buffer_and_directly() {
        let (mut tcp, mut far) = pair(8);
        far.write_all(b"0123456789abcdefghij").unwrap();
        assert!(tcp.await_input(MINUTE).unwrap());
        assert_eq!(tcp.buffers().input(), b"01234567");
        assert!(!tcp.buffers().can_use_input());
        tcp.buffers().input_consume(6);
        assert!(tcp.buffers().can_use_input());
        tcp.buffers().input_consume(0);
        assert!(!tcp.buffers().can_use_input());
        assert!(tcp.await_input(MINUTE).unwrap());
        assert_eq!(tcp.buffers().input(), b"6789abcd");
        tcp.buffers().input_consume(8);
        let mut rest = [0; 20];
        let count = tcp.receive(&mut rest, MINUTE).unwrap();
        assert_eq!(&rest[..count], b"efghij");
        drop(far);
        assert!(!tcp.await_input(MINUTE).unwrap());
    }

    #[test]
    fn a_head_is_sent_with_the_start_of_its_body() {
        let (mut tcp, mut far) = pair(8);
        let mut received = [0; 20];
        put(&mut tcp, b"abc", MINUTE).unwrap();
        far.set_nonblocking(true).unwrap();
        assert!(far.read(&mut received).is_err(), "nothing was sent");
        far.set_nonblocking(false).unwrap();
        assert_eq!(tcp.buffers().output().len(), 5);
        put(&mut tcp, b"defgh", MINUTE).unwrap();
        far.read_exact(&mut received[..8]).unwrap();
        assert_eq!(&received[..8], b"abcdefgh");
        // Only the first output of a request waits.
        put(&mut tcp, b"i", MINUTE).unwrap();
        far.read_exact(&mut received[..1]).unwrap();
        assert!(tcp.is_open());
        put(&mut tcp, b"too long", MINUTE).unwrap();
        far.read_exact(&mut received[..8]).unwrap();
    }

    #[test]
    fn a_head_without_a_body_is_sent_before_input_is_awaited() {
        for is_direct in [true, false] {
            let (mut tcp, mut far) = pair(8);
            put(&mut tcp, b"abc", MINUTE).unwrap();
            let answers = thread::spawn(move || {
                far.read_exact(&mut [0; 3]).unwrap();
                far.write_all(b"answer").unwrap();
            });
            let mut received = [0; 6];
            match is_direct {
                true => assert_eq!(tcp.receive(&mut received, MINUTE).unwrap(), 6),
                false => assert!(tcp.await_input(MINUTE).unwrap()),
            }
            answers.join().unwrap();
        }
    }

    #[test]
    fn silence_and_a_peer_that_reads_nothing_are_timeouts() {
        let (mut tcp, _far) = pair(64 << 10);
        let soon = NextTimeout {
            after: Duration::NotHappening,
            per_read: Some(Duration::from_millis(5)),
            per_write: Some(Duration::from_millis(5)),
            ..MINUTE
        };
        let error = tcp.receive(&mut [0], soon).unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout::PerRead)));
        let none = NextTimeout {
            after: Duration::from_secs(0),
            ..MINUTE
        };
        let error = tcp.await_input(none).unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout::RecvResponse)));
        let bytes = vec![0; 64 << 10];
        let error = loop {
            if let Err(error) = put(&mut tcp, &bytes, soon) {
                break error;
            }
        };
        assert!(matches!(error, Error::Timeout(Timeout::PerWrite)));
    }

    #[test]
    fn a_head_that_cannot_be_sent_does_not_look_like_a_missing_100_continue() {
        let waiting = NextTimeout {
            per_write: Some(Duration::from_secs(30)),
            reason: Timeout::Await100,
            ..MINUTE
        };
        let sending = of_held(waiting).for_write();
        assert_eq!(sending.reason, Timeout::PerWrite);
        assert_eq!(sending.after, Duration::from_secs(30));
        let sending = of_held(MINUTE).for_write();
        assert_eq!(sending.reason, MINUTE.reason);
        assert_eq!(sending.after, MINUTE.after);
    }

    #[test]
    fn an_idle_connection_is_open_until_the_peer_sends_or_closes() {
        let (mut tcp, mut far) = pair(8);
        assert!(tcp.is_open());
        // It still waits for input afterwards.
        let later = thread::spawn(move || {
            thread::sleep(time::Duration::from_millis(20));
            far.write_all(b"x").unwrap();
            far
        });
        assert!(tcp.await_input(MINUTE).unwrap());
        drop(later.join().unwrap());
        // Blocks until the end has arrived.
        assert_eq!(tcp.receive(&mut [0], MINUTE).unwrap(), 0);
        assert!(!tcp.is_open());
        let (mut tcp, mut far) = pair(8);
        far.write_all(b"x").unwrap();
        assert_eq!(tcp.stream.peek(&mut [0]).unwrap(), 1);
        assert!(!tcp.is_open());
    }
}
