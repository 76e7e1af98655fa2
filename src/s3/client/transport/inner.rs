//! [`Inner`]: what a connection is made of.

use ureq::unversioned::transport::Transport;

use crate::s3::client::transport::tcp::Tcp;

/// What a connection is made of.
pub(super) enum Inner {
    /// A connection to the server, or to an HTTP proxy, without TLS.
    Tcp(Tcp),
    /// Any other connection, such as one with TLS, or through a proxy of another kind.
    Other(Box<dyn Transport>),
}

impl Inner {
    pub(super) fn transport(&mut self) -> &mut dyn Transport {
        match self {
            Self::Tcp(tcp) => tcp,
            Self::Other(other) => other,
        }
    }
}
