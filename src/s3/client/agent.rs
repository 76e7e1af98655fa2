//! The HTTP agent: how long it waits, what it keeps, and what it leaves to us.

use std::path::Path;
use std::time::{Duration, Instant};

use ureq::{Agent, AsSendBody};

use super::Operation;
use crate::error::Result;

/// How long a server gets to say that a body may come; ureq then sends anyway.
pub(super) const AWAIT_CONTINUE: Duration = Duration::from_secs(1);

/// How much is read from a connection at a time: the larger it is, the less processor time a gibibyte
/// takes, and the more memory each connection that is kept.
const INPUT_BUFFER: usize = 512 << 10;

/// How much is written to a connection at a time.
const OUTPUT_BUFFER: usize = 128 << 10;

/// How much longer a server may take for what it does by itself, such as a copy.
const LONG_OPERATION_FACTOR: u32 = 10;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// For a connection, TLS included.
    pub(crate) connect: Duration,
    /// For the whole header of an answer, once the request is sent.
    pub(crate) response: Duration,
    /// For each read and write: how long a transfer may stand still.
    pub(crate) stall: Duration,
    /// For a request with all its attempts; the body of an object that is read is not in it.
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

/// The longest time that is waited: ten years. A longer one could end when no clock can say.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Timeouts {
    /// None of them longer than [`LONGEST`].
    pub(crate) fn bounded(self) -> Self {
        Self {
            connect: self.connect.min(LONGEST),
            response: self.response.min(LONGEST),
            stall: self.stall.min(LONGEST),
            operation: self.operation.map(|operation| operation.min(LONGEST)),
        }
    }

    /// When a request that begins now must have its answer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.operation?)
    }
}

/// An agent that keeps a connection for each worker, and one for the caller's own thread. It trusts
/// whom that file certifies, if there is one.
///
/// # Errors
///
/// `CreateFailed` for a file without certificates.
pub(crate) fn agent(
    timeouts: &Timeouts,
    max_workers: usize,
    user_agent: &str,
    ca_bundle: Option<&Path>,
) -> Result<Agent> {
    let idle = max_workers.saturating_add(1);
    let config = Agent::config_builder();
    #[cfg(feature = "rustls")]
    let config = config.tls_config(super::tls::trusting(ca_bundle)?);
    #[cfg(not(feature = "rustls"))]
    let _ = ca_bundle;
    let config = config
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(timeouts.connect))
        .timeout_recv_response(Some(timeouts.response))
        .timeout_per_read(Some(timeouts.stall))
        .timeout_per_write(Some(timeouts.stall))
        .timeout_await_100(Some(AWAIT_CONTINUE))
        .input_buffer_size(INPUT_BUFFER)
        .output_buffer_size(OUTPUT_BUFFER)
        .max_idle_connections(idle)
        .max_idle_connections_per_host(idle)
        .user_agent(user_agent)
        .accept_encoding("identity")
        .build();
    Ok(config.new_agent())
}

/// Sends a request, and waits for the header of its answer: as long as the operation may take, and
/// not beyond the deadline.
pub(super) fn run(
    agent: &Agent,
    request: ureq::http::Request<impl AsSendBody>,
    operation: Operation,
    timeouts: &Timeouts,
    deadline: Option<Instant>,
) -> std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    if !operation.is_long() && deadline.is_none() {
        return agent.run(request);
    }
    let mut response = timeouts.response;
    let mut stall = timeouts.stall;
    if operation.is_long() {
        response = response.saturating_mul(LONG_OPERATION_FACTOR);
        stall = stall.max(response);
    }
    let mut config = agent
        .configure_request(request)
        .timeout_per_read(Some(stall));
    if let Some(deadline) = deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        response = response.min(left);
        config = config.timeout_connect(Some(timeouts.connect.min(left)));
        // The caller may read the body of an object later, and slowly.
        if operation != Operation::GetObject {
            config = config.timeout_global(Some(left));
        }
    }
    let request = config.timeout_recv_response(Some(response)).build();
    agent.run(request)
}
