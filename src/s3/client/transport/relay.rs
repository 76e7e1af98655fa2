//! Requests for http URLs through an HTTP proxy, which gets them in absolute form.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

/// Returns true if the proxy gets requests for that URL in absolute form. ureq handles all other proxying: a tunnel for
/// https, and SOCKS. For http URLs, ureq would request a tunnel, too, which many proxies allow to port 443 only.
pub(super) fn is_relay(proxy: &Proxy, uri: &Uri) -> bool {
    let is_http_proxy = matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    is_http_proxy && uri.scheme_str() == Some("http")
}

/// The additions to the head of a request that is sent to a proxy instead of the server.
///
/// Source: [RFC 9112, section 3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2).
pub(super) struct RelayedHead {
    /// Inserted before the path.
    origin: String,
    /// A header line, or empty.
    authorization: String,
}

impl RelayedHead {
    pub(super) fn new(uri: &Uri, proxy: &Proxy) -> Self {
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
    pub(super) fn of(&self, head: &[u8]) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
