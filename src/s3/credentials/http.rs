//! HTTP requests of the sources: blocking, with limits on time, size and attempts.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use ureq::Agent;
use url::Url;

use super::profile::LazyProfile;
use super::{Environment, Settings, ca_bundle};
use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::transport;
use crate::s3::client::{Proxies, Proxy};

/// Maximum size of an answer, more than any of these servers sends.
const MAX_BYTES: u64 = 256 << 10;

/// Maximum number of idle connections kept for later requests.
const KEPT: usize = 3;

/// Wait before the second attempt. The wait before the third is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// A request to a server for credentials.
pub(super) struct Call<'a> {
    /// The server's name in errors, such as "the container endpoint".
    pub(super) server: &'a str,
    pub(super) method: &'static str,
    /// The URL may be secret, such as the path of a container's credentials. Errors contain only its origin.
    pub(super) url: &'a str,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Option<&'a [u8]>,
    pub(super) limits: Limits,
}

/// Limits on the time and the attempts of a request.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    /// The deadline for all attempts of all requests.
    pub(super) deadline: Option<Instant>,
    pub(super) attempts: u32,
}

/// An answer with any status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// An HTTP client for these servers.
pub(super) struct Http {
    agent: Agent,
    proxies: Proxies,
}

/// Connection settings for AWS services: the same trusted root certificates and proxies as for S3.
#[derive(Clone)]
pub(super) struct Way {
    ca_bundle: Option<PathBuf>,
    proxies: Proxies,
}

impl Way {
    pub(super) fn configured(
        settings: &Settings,
        environment: &Environment,
        profile: &LazyProfile<'_>,
    ) -> Result<Self> {
        let proxy = settings.proxy.as_deref();
        Ok(Self {
            ca_bundle: ca_bundle::find(settings.ca_bundle.as_deref(), environment, profile)?,
            proxies: Proxies::find(proxy, |name| environment.text(name))?,
        })
    }
}

impl Http {
    /// Creates a client for a server on this machine or its network, such as instance metadata, without a proxy.
    pub(super) fn direct() -> Self {
        Self {
            agent: transport::agent(Agent::config_builder().proxy(None), KEPT),
            proxies: Proxies::none(),
        }
    }

    /// Creates a client for an AWS service.
    pub(super) fn to_service(way: &Way) -> Result<Self> {
        let config = Agent::config_builder().proxy(None);
        #[cfg(feature = "rustls")]
        let config = config.tls_config(crate::s3::client::tls::trusting(way.ca_bundle.as_deref())?);
        #[cfg(not(feature = "rustls"))]
        let _ = &way.ca_bundle;
        Ok(Self {
            agent: transport::agent(config, KEPT),
            proxies: way.proxies.clone(),
        })
    }

    /// Sends a request, and retries it after a broken connection, a timeout, 429 or 5xx.
    pub(super) fn ask(&self, call: &Call<'_>) -> Result<Answer> {
        let mut number = 1;
        loop {
            // Even a cancelled call finishes this, because other calls may wait for the same credentials.
            let outcome = cancel::regardless(|| self.attempt(call));
            let is_worth_another = match &outcome {
                Ok(answer) => answer.status == 429 || answer.status >= 500,
                Err(error) => error.kind() != ErrorKind::Unsupported,
            };
            let pause = PAUSE * (1 << (number - 1).min(4));
            let in_time = call
                .limits
                .deadline
                .is_none_or(|deadline| Instant::now() + pause < deadline);
            if !is_worth_another || number >= call.limits.attempts || !in_time {
                return outcome;
            }
            thread::sleep(pause);
            number += 1;
        }
    }

    fn attempt(&self, call: &Call<'_>) -> Result<Answer> {
        let url = Url::parse(call.url).map_err(|_| {
            call.unanswered(
                ErrorKind::Unsupported,
                "no request can be made: no response",
                None,
            )
        })?;
        let proxy = self.proxies.before(&url)?;
        let proxy = proxy.as_ref();
        let left = call
            .limits
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map_or(call.limits.timeout, |left| left.min(call.limits.timeout));
        if timeout.is_zero() {
            return Err(call.unanswered(ErrorKind::Timeout, "no response in time", proxy));
        }
        let mut request = ureq::http::Request::builder()
            .method(call.method)
            .uri(call.url);
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let answer = match call.body {
            Some(body) => self.run(request.body(body), proxy, timeout),
            None if call.method == "PUT" => self.run(request.body(&[][..]), proxy, timeout),
            None => self.run(request.body(()), proxy, timeout),
        };
        let answer = answer.map_err(|error| call.transport(&error, proxy))?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        let read = answer
            .into_body()
            .into_reader()
            .take(MAX_BYTES + 1)
            .read_to_end(&mut body);
        log::debug!("{} {}: {status}", call.method, call.server);
        match read {
            Err(error) => Err(call.transport(&ureq::Error::from(error), proxy)),
            Ok(_) if body.len() as u64 > MAX_BYTES => {
                let what = format!("a response of more than {MAX_BYTES} bytes");
                Err(call.unanswered(ErrorKind::OperationFailed, &what, proxy))
            }
            Ok(_) => Ok(Answer { status, body }),
        }
    }

    fn run(
        &self,
        request: std::result::Result<ureq::http::Request<impl ureq::AsSendBody>, ureq::http::Error>,
        proxy: Option<&Proxy>,
        timeout: Duration,
    ) -> std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let request = self
            .agent
            .configure_request(request?)
            .proxy(proxy.map(|proxy| proxy.as_ureq().clone()))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(timeout))
            .user_agent(concat!("s3fs-rust/", env!("CARGO_PKG_VERSION")))
            .build();
        self.agent.run(request)
    }
}

impl Call<'_> {
    fn origin(&self) -> String {
        let url = Url::parse(self.url).ok();
        url.map_or_else(String::new, |url| url.origin().ascii_serialization())
    }

    fn unanswered(&self, kind: ErrorKind, what: &str, proxy: Option<&Proxy>) -> Error {
        let through = proxy.map(|proxy| format!(" (through the proxy {})", proxy.name()));
        Error::new(kind).with_message(format!(
            "cannot get credentials: {what} from {} at {}{}",
            self.server,
            self.origin(),
            through.unwrap_or_default()
        ))
    }

    /// Returns an error without the URL, which some errors of ureq quote.
    fn transport(&self, error: &ureq::Error, proxy: Option<&Proxy>) -> Error {
        let unanswered = |kind, what: &str| self.unanswered(kind, what, proxy);
        match error {
            ureq::Error::Timeout(_) => unanswered(ErrorKind::Timeout, "no response in time"),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                unanswered(ErrorKind::Timeout, "no response in time")
            }
            ureq::Error::Io(error) => {
                let what = format!("no response ({error})");
                unanswered(ErrorKind::RemoteConnection, &what)
            }
            ureq::Error::HostNotFound => {
                unanswered(ErrorKind::RemoteConnection, "no response (unknown host)")
            }
            ureq::Error::TlsRequired => {
                unanswered(ErrorKind::Unsupported, "no response without TLS")
                    .with_hint("enable the feature `rustls` of this crate")
            }
            ureq::Error::ConnectProxyFailed(why) => {
                let what = format!("no response ({why})");
                unanswered(ErrorKind::RemoteConnection, &what)
            }
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => unanswered(
                ErrorKind::Unsupported,
                "no request can be made: no response",
            ),
            _ => unanswered(ErrorKind::RemoteConnection, "no response"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reply, Script};
    use super::*;

    const LIMITS: Limits = Limits {
        timeout: Duration::from_secs(20),
        deadline: None,
        attempts: 3,
    };

    fn get(url: &str, limits: Limits) -> Result<Answer> {
        Http::direct().ask(&Call {
            server: "the test server",
            method: "GET",
            url,
            headers: &[("accept", "application/json")],
            body: None,
            limits,
        })
    }

    #[test]
    fn transient_failures_get_three_attempts_and_final_ones_get_one() {
        for (status, attempts) in [(200, 1), (301, 1), (404, 1), (429, 3), (500, 3)] {
            let server = Script::start(move |_| Reply::new(status, "body"));
            let answer = get(&server.url("/x"), LIMITS).unwrap();
            assert_eq!((answer.status, &*answer.body), (status, &b"body"[..]));
            assert_eq!(server.requests().len(), attempts, "{status}");
        }
    }

    #[test]
    fn a_silent_server_is_a_timeout() {
        let server = Script::start(|_| Reply::never());
        let limits = Limits {
            timeout: Duration::from_millis(100),
            attempts: 1,
            ..LIMITS
        };
        let error = get(&server.url("/secret"), limits).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains("the test server"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn an_unreachable_server_is_named_without_the_path() {
        let url = Script::start(|_| Reply::new(200, "")).url("/secret");
        let error = get(&url, LIMITS).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::RemoteConnection);
        let text = format!("{error} {error:?}");
        assert!(text.contains("http://127.0.0.1:"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn an_endless_response_is_an_error() {
        let server = Script::start(|_| Reply::new(200, "x".repeat(MAX_BYTES as usize + 1)));
        let limits = Limits {
            attempts: 1,
            ..LIMITS
        };
        let error = get(&server.url("/"), limits).err().unwrap();
        assert!(error.to_string().contains("more than"), "{error}");
    }

    #[test]
    #[should_panic(expected = "must not connect")]
    fn a_test_that_leaves_loopback_fails() {
        let _ = get("http://169.254.169.254/latest", LIMITS);
    }
}
