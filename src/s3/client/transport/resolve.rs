//! [`Resolve`]: finds the addresses of a host, without blocking longer than the timeout.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
#[cfg(not(test))]
pub(super) use ureq::unversioned::resolver::DefaultResolver as Lookup;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::unversioned::transport::time::Duration;

use crate::cancel;
use crate::s3::client::transport::idle::{Idle, Peer};
use crate::s3::client::transport::socket::interrupted;
#[cfg(test)]
pub(super) use loopback::Loopback as Lookup;

/// Resolves each host name on a thread of its own, which is abandoned after the timeout or when the call is cancelled.
/// If the system cannot start a thread, resolves on the current thread, whereas ureq's own resolver panics. An IP
/// address needs no thread, and a host with an idle connection is not resolved.
pub(super) struct Resolve<R> {
    pub(super) lookup: R,
    pub(super) idle: Arc<Idle>,
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
    pub(super) fn look_up(
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
    pub(in crate::s3::client::transport) struct Loopback(DefaultResolver);

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
    use crate::cancel::CancelToken;
    use std::sync::Barrier;
    use std::time::Instant;
    use ureq::{Agent, Timeout};

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
}
