//! The connections under the agent: ureq's own, with what ureq lacks. This is the only file that uses
//! ureq's `unversioned` interface, which changes with ureq's minor versions; `Cargo.toml` pins one.

use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};
use ureq::{Agent, Error, Timeout};

/// An agent of that configuration, all of whose connections are [`Connection`]s.
pub(super) fn agent(config: Config) -> Agent {
    Agent::with_parts(config, Connect::default(), DefaultResolver::default())
}

/// Makes the connections that ureq makes, proxies and TLS included, and wraps them.
#[derive(Debug, Default)]
struct Connect(DefaultConnector);

impl Connector for Connect {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let made = self.0.connect(details, chained)?;
        Ok(made.map(|inner| Connection { inner, counted: 0 }))
    }
}

/// A connection whose input is offered to ureq until ureq has looked at it.
#[derive(Debug)]
struct Connection {
    inner: Box<dyn Transport>,
    /// The length of the input that was offered without reading more.
    counted: usize,
}

impl Connection {
    /// Skips an answer `100 Continue`, headers included, which ureq would take for the final answer if
    /// it has any. The error makes ureq send the body.
    ///
    /// Source: [RFC 9110, section 15.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.2).
    fn skip_continue(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        while self.inner.buffers().input().starts_with(b"HTTP/1.1 100") {
            let input = self.inner.buffers().input();
            let end = input.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                self.inner.buffers().input_consume(end + 4);
                return Err(Error::Timeout(Timeout::Await100));
            }
            if !self.inner.await_input(timeout)? {
                break;
            }
        }
        Ok(())
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    /// Offers input that is there once more, and only then waits for more of it. ureq calls this only if
    /// it made no progress with the input that is there.
    ///
    /// While ureq waits for `100 Continue`, it leaves a final answer in the buffer. Its own connections
    /// then wait for input that does not come. An answer of which only a part is there is offered once,
    /// so that waiting for the rest does not turn into a busy loop.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let length = self.inner.buffers().input().len();
        if length > 0 && length != self.counted {
            self.counted = length;
            return Ok(true);
        }
        let is_more = self.inner.await_input(timeout)?;
        if is_more {
            self.counted = 0;
        }
        if timeout.reason == Timeout::Await100 {
            self.skip_continue(timeout)?;
        }
        Ok(is_more)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::unversioned::transport::LazyBuffers;

    /// Input that comes in pieces, and a count of the waits for it.
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
            inner: Box::new(Pieces {
                buffers: LazyBuffers::new(100, 100),
                left,
                waits: 0,
            }),
            counted: 0,
        }
    }

    fn waiting(reason: Timeout) -> NextTimeout {
        NextTimeout {
            reason,
            ..NextTimeout::default()
        }
    }

    #[test]
    fn input_that_is_not_used_is_offered_once_more_and_then_waited_for() {
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
    fn a_continue_is_skipped_with_its_headers_and_nothing_else_is() {
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
}
