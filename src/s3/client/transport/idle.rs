//! [`Idle`]: the connections that are kept for later requests.

use std::sync::Mutex;
use std::time::Instant;

use ureq::Proxy;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::{Authority, Scheme};

use crate::s3::client::transport::inner::Inner;
use crate::s3::client::transport::socket::Socket;
use crate::threads::lock;

/// Idle connections. ureq's own pool is not used: it stays locked while it checks a connection, which takes system
/// calls, and ureq resolves the host's name before it looks into the pool.
pub(super) struct Idle {
    most: usize,
    /// Ordered by age, the newest last.
    kept: Mutex<Vec<Kept>>,
}

pub(super) struct Kept {
    pub(super) peer: Peer,
    pub(super) inner: Inner,
    pub(super) socket: Socket,
    pub(super) since: Instant,
}

/// The peer of a connection.
#[derive(Clone, PartialEq)]
pub(super) struct Peer {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    proxy: Option<Proxy>,
}

impl Peer {
    pub(super) fn of(uri: &Uri, config: &Config) -> Self {
        Self {
            scheme: uri.scheme().cloned(),
            authority: uri.authority().cloned(),
            proxy: config.proxy().cloned(),
        }
    }
}

impl Idle {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    /// Returns true if there is a connection to that peer. It may have been closed by the peer.
    pub(super) fn has(&self, peer: &Peer) -> bool {
        lock(&self.kept).iter().any(|kept| kept.peer == *peer)
    }

    /// Removes and returns the newest connection to that peer that is still open.
    pub(super) fn take(&self, peer: &Peer, config: &Config) -> Option<Kept> {
        loop {
            let (old, mut last) = {
                let mut all = lock(&self.kept);
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

    pub(super) fn keep(&self, kept: Kept) {
        let mut all = lock(&self.kept);
        all.push(kept);
        let surplus = all.len().saturating_sub(self.most);
        let old: Vec<Kept> = all.drain(..surplus).collect();
        drop(all);
        drop(old);
    }
}
