//! The HTTP agent: its timeouts, its buffers and its settings of ureq.

use std::path::Path;
use std::time::{Duration, Instant};

use ureq::{Agent, AsSendBody};

use crate::error::Result;
use crate::s3::client::Operation;
use crate::s3::client::proxy::Proxy;
use crate::s3::client::transport::{self, Claim, Content};

/// Time to wait for `100 Continue` before ureq sends the body anyway.
pub(super) const AWAIT_CONTINUE: Duration = Duration::from_secs(1);

/// Size of the read buffer of a connection. Content comes through it except on plain connections. A larger one would not
/// fit into the processor's cache, and ureq writes zeros into all of it before the first request.
const INPUT_BUFFER: usize = 128 << 10;

/// Size of the write buffer of a connection.
const OUTPUT_BUFFER: usize = 128 << 10;

/// Factor by which the response timeout is longer for operations that the server performs by itself, such as a
/// copy, and for the whole of an answer that is not the content of an object.
const LONG_FACTOR: u32 = 10;

/// Timeouts of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Timeout for a connection, including TLS.
    pub(crate) connect: Duration,
    /// Timeout for the whole header of an answer, once the request is sent; ten times that for the rest.
    pub(crate) response: Duration,
    /// Timeout for each read and write: the maximum pause in a transfer.
    pub(crate) stall: Duration,
    /// Timeout for a request with all its attempts, excluding the body of an object that is read.
    pub(crate) operation: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            response: Duration::from_secs(60),
            stall: Duration::from_secs(60),
            operation: None,
        }
    }
}

/// The longest timeout: ten years. The end of a longer one could be beyond the range of a clock.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Timeouts {
    /// Limits each timeout to [`LONGEST`].
    pub(crate) fn bounded(self) -> Self {
        Self {
            connect: self.connect.min(LONGEST),
            response: self.response.min(LONGEST),
            stall: self.stall.min(LONGEST),
            operation: self.operation.map(|operation| operation.min(LONGEST)),
        }
    }

    /// Returns the deadline for the answer to a request that begins now. `within` is the request's own timeout, which
    /// applies if it is shorter.
    pub(super) fn deadline(&self, within: Option<Duration>) -> Option<Instant> {
        let operation = self.operation.unwrap_or(Duration::MAX);
        Instant::now().checked_add(operation.min(within.unwrap_or(Duration::MAX)))
    }
}

/// Creates an agent that keeps a connection for each worker, and one for the caller's own thread. `ca_bundle` is a
/// file with the trusted root certificates.
///
/// # Errors
///
/// Returns `CreateFailed` if the file has no certificates.
pub(crate) fn agent(
    max_workers: usize,
    user_agent: &str,
    ca_bundle: Option<&Path>,
) -> Result<Agent> {
    let idle = max_workers.saturating_add(1);
    let config = Agent::config_builder();
    #[cfg(feature = "rustls")]
    let config = config.tls_config(crate::s3::client::tls::trusting(ca_bundle)?);
    #[cfg(not(feature = "rustls"))]
    let _ = ca_bundle;
    let config = config
        // Otherwise ureq would read the environment of the process. Each request sets the proxy for its URL.
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_await_100(Some(AWAIT_CONTINUE))
        .input_buffer_size(INPUT_BUFFER)
        .output_buffer_size(OUTPUT_BUFFER)
        .user_agent(user_agent)
        .accept_encoding("identity");
    Ok(transport::agent(config, idle))
}

/// Access to the connection of an answer, to read its body without ureq.
#[derive(Clone)]
pub(super) struct Takeover {
    claim: Claim,
    stall: Duration,
}

impl Takeover {
    /// Returns the body of an answer of that length, which must be at least 1.
    pub(super) fn of(self, body: ureq::Body, length: u64, is_kept: bool) -> Content {
        Content::claim(&self.claim, body, length, self.stall, is_kept)
    }
}

/// Sends a request, through the proxy if there is one, and waits for the header of its answer, at most as long as
/// the operation may take, and not beyond the deadline.
///
/// Reading the content of an object has no total timeout: its reader may pause. All other answers are read at
/// once, so their total time is limited, and the timeout for a pause in them is at least the timeout for their
/// header.
pub(super) fn run(
    agent: &Agent,
    request: ureq::http::Request<impl AsSendBody>,
    proxy: Option<&Proxy>,
    operation: Operation,
    timeouts: &Timeouts,
    deadline: Option<Instant>,
) -> std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let is_content = operation == Operation::GetObject;
    let long = timeouts.response.saturating_mul(LONG_FACTOR);
    let response = match operation.is_long() {
        true => long,
        false => timeouts.response,
    };
    let read = match is_content {
        true => timeouts.stall,
        false => timeouts.stall.max(response),
    };
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let in_time = |time: Duration| Some(left.map_or(time, |left| time.min(left)));
    let request = agent
        .configure_request(request)
        .proxy(proxy.map(|proxy| proxy.as_ureq().clone()))
        .timeout_global(left.filter(|_| !is_content))
        .timeout_resolve(left)
        .timeout_connect(in_time(timeouts.connect))
        .timeout_recv_response(in_time(response))
        .timeout_recv_body(Some(long).filter(|_| !is_content))
        .timeout_per_read(Some(read))
        .timeout_per_write(Some(timeouts.stall))
        .build();
    let answer = agent.run(request);
    let claim = Claim::last();
    let mut answer = answer?;
    if let Some(claim) = claim.filter(|_| is_content) {
        let stall = timeouts.stall;
        answer.extensions_mut().insert(Takeover { claim, stall });
    }
    Ok(answer)
}
