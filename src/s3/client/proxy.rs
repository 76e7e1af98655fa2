//! Selects the proxy for a URL from environment variables, by the rules of curl and the AWS tools.
//!
//! `http_proxy` is for http URLs and `https_proxy` for https URLs; `all_proxy` is for both if the other is not set.
//! `no_proxy` lists the hosts that are reached directly. Each variable is read in lower case first, then in upper
//! case. See "Environment" in the manual of [curl](https://curl.se/docs/manpage.html), and "HTTP proxy configuration"
//! in the AWS CLI User Guide.
//!
//! An https URL uses a tunnel (`CONNECT`), an http URL is sent to the proxy in absolute form, and a SOCKS proxy
//! forwards every connection.

use std::net::IpAddr;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use ureq::ProxyProtocol;
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};

/// The value for no proxy, in the builder and in FS URLs.
const NONE: &str = "none";

/// The proxies to use for URLs.
#[derive(Clone)]
pub(crate) struct Proxies(Arc<Rules>);

#[derive(Default)]
struct Rules {
    http: Option<Result<Proxy>>,
    https: Option<Result<Proxy>>,
    direct: Vec<Exception>,
}

impl Proxies {
    /// Returns the rules for no proxy, whatever the environment contains.
    pub(crate) fn none() -> Self {
        Self(Arc::default())
    }

    /// Returns the proxy that the program set, for every URL; otherwise the proxies of the environment variables.
    ///
    /// # Errors
    ///
    /// Returns an error if the proxy that the program set is invalid, or a variable is not UTF-8. An invalid proxy in a
    /// variable is an error only for a URL that needs it.
    pub(crate) fn find(
        named: Option<&str>,
        variable: impl Fn(&str) -> Result<Option<String>>,
    ) -> Result<Self> {
        if let Some(text) = named {
            if text.trim() == NONE {
                return Ok(Self::none());
            }
            let proxy = Proxy::parse(text, "proxy")?;
            return Ok(Self(Arc::new(Rules {
                http: Some(Ok(proxy.clone())),
                https: Some(Ok(proxy)),
                direct: Vec::new(),
            })));
        }
        // In a CGI program, the request header `Proxy` becomes the variable HTTP_PROXY (httpoxy).
        let is_cgi = variable("REQUEST_METHOD")?.is_some();
        let http = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
        let https = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        let first = |names: &[&'static str]| -> Result<Option<(&'static str, String)>> {
            for name in names {
                if let Some(text) = variable(name)? {
                    return Ok(Some((*name, text)));
                }
            }
            Ok(None)
        };
        let proxy_in = |names: [&'static str; 4]| -> Result<Option<Result<Proxy>>> {
            let names: Vec<&'static str> = names
                .into_iter()
                .filter(|name| !(is_cgi && *name == "HTTP_PROXY"))
                .collect();
            let found = first(&names)?;
            Ok(found.map(|(name, text)| Proxy::parse(&text, name)))
        };
        let direct = first(&["no_proxy", "NO_PROXY"])?;
        Ok(Self(Arc::new(Rules {
            http: proxy_in(http)?,
            https: proxy_in(https)?,
            direct: direct.map_or_else(Vec::new, |(_, text)| exceptions(&text)),
        })))
    }

    /// Returns the proxy for that URL, if there is one.
    pub(crate) fn before(&self, url: &Url) -> Result<Option<Proxy>> {
        let proxy = match url.scheme() {
            "https" => &self.0.https,
            _ => &self.0.http,
        };
        match proxy {
            Some(_) if self.0.direct.iter().any(|except| except.matches(url)) => Ok(None),
            Some(proxy) => proxy.clone().map(Some),
            None => Ok(None),
        }
    }
}

/// A proxy, optionally with a user and a password.
#[derive(Clone)]
pub(crate) struct Proxy(ureq::Proxy);

impl Proxy {
    /// Parses a proxy URL from `place`, for the error message. Without a scheme it is an HTTP proxy, as in curl.
    fn parse(text: &str, place: &str) -> Result<Self> {
        let wrong = |why: &str| {
            // The URL is not quoted: it may contain a password.
            Error::new(ErrorKind::CreateFailed)
                .with_message(format!("the proxy in {place} {why}"))
                .with_hint("a proxy is http://host:port, https://host:port or socks5://host:port")
        };
        let text = text.trim();
        let url = match text.contains("://") {
            true => Url::parse(text),
            false => Url::parse(&format!("http://{text}")),
        };
        let url = url.map_err(|_| wrong("is not a URL"))?;
        let protocol = match url.scheme() {
            "http" => ProxyProtocol::Http,
            "https" if cfg!(feature = "rustls") => ProxyProtocol::Https,
            "https" => {
                return Err(wrong("needs TLS, which is not enabled in this build")
                    .with_hint("enable the feature `rustls` of this crate"));
            }
            "socks4" => ProxyProtocol::Socks4,
            "socks4a" => ProxyProtocol::Socks4A,
            "socks5" => ProxyProtocol::Socks5,
            "socks5h" => ProxyProtocol::Socks5h,
            "socks" => {
                return Err(wrong("does not specify its version of SOCKS")
                    .with_hint("use socks4://, socks4a://, socks5:// or socks5h://"));
            }
            _ => return Err(wrong("has a scheme other than http, https and socks5")),
        };
        // If a password contains one of these, its rest would be parsed as a path, and its start as a host.
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a path, a query or a fragment").with_hint(
                "percent-encode /, ? and # in the user name and the password: %2F, %3F, %23",
            ));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let mut proxy =
            ureq::Proxy::builder(protocol).host(host.ok_or_else(|| wrong("has no host"))?);
        if let Some(port) = url.port() {
            proxy = proxy.port(port);
        }
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map_err(|_| wrong("has a user name or a password that is not UTF-8"))
                .map(|text| text.into_owned())
        };
        if !url.username().is_empty() {
            proxy = proxy.username(&decoded(url.username())?);
        }
        if let Some(password) = url.password() {
            if url.username().is_empty() {
                proxy = proxy.username("");
            }
            proxy = proxy.password(&decoded(password)?);
        }
        // The URL is not quoted here either.
        let proxy = proxy.build().map_err(|_| wrong("is not a URL"))?;
        Ok(Self(proxy))
    }

    /// Returns host and port, without user and password.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.0.host(), self.0.port())
    }

    /// Returns the proxy in ureq's form.
    pub(crate) fn as_ureq(&self) -> &ureq::Proxy {
        &self.0
    }

    /// Returns true if the connection to the proxy itself uses TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.0.protocol() == ProxyProtocol::Https
    }
}

/// Hosts that are reached directly.
#[derive(Debug, PartialEq)]
enum Exception {
    All,
    /// A host, and every host below it.
    Domain {
        name: String,
        port: Option<u16>,
    },
    /// Addresses with this prefix of `bits` bits.
    Network {
        address: IpAddr,
        bits: u32,
        port: Option<u16>,
    },
}

/// Parses the entries of `NO_PROXY`, separated by commas and white space. Skips an unknown entry with a warning.
fn exceptions(text: &str) -> Vec<Exception> {
    let entries = text.split(|c: char| c == ',' || c.is_whitespace());
    let entries = entries.filter(|entry| !entry.is_empty());
    entries
        .filter_map(|entry| {
            let read = Exception::parse(entry);
            if read.is_none() {
                log::warn!("no_proxy contains {entry:?}, which is neither a host nor a network");
            }
            read
        })
        .collect()
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = entry.split_once('/') {
            let address = address_of(address)?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(address))?;
            return Some(Self::Network {
                address,
                bits,
                port: None,
            });
        }
        // An IPv6 address without brackets has colons and no port.
        let (host, port) = match (address_of(entry), entry.rsplit_once(':')) {
            (None, Some((host, port))) => (host, Some(port.parse().ok()?)),
            _ => (entry, None),
        };
        if let Some(address) = address_of(host) {
            return Some(Self::Network {
                address,
                bits: width(address),
                port,
            });
        }
        let host = host.strip_prefix('*').unwrap_or(host);
        let host = host.trim_matches('.');
        match Host::parse(host).ok()? {
            Host::Domain(name) if !name.contains('*') => Some(Self::Domain { name, port }),
            _ => None,
        }
    }

    fn matches(&self, url: &Url) -> bool {
        let is_port = |port: &Option<u16>| port.is_none() || *port == url.port_or_known_default();
        match (self, url.host()) {
            (Self::All, _) => true,
            (Self::Domain { name, port }, Some(Host::Domain(host))) => {
                let host = host.trim_end_matches('.');
                let above = host.strip_suffix(name.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.')) && is_port(port)
            }
            (
                Self::Network {
                    address,
                    bits,
                    port,
                },
                Some(host),
            ) => {
                let host = match host {
                    Host::Ipv4(host) => IpAddr::V4(host),
                    Host::Ipv6(host) => IpAddr::V6(host).to_canonical(),
                    Host::Domain(_) => return false,
                };
                is_within(host, *address, *bits) && is_port(port)
            }
            _ => false,
        }
    }
}

/// Parses an address, with or without brackets.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok()
}

/// Returns the number of bits of such an address.
fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Returns true if both addresses are of the same family and have the same first bits.
fn is_within(host: IpAddr, network: IpAddr, bits: u32) -> bool {
    // The shift removes the bits after the prefix; with an empty prefix it removes all bits.
    match (host, network) {
        (IpAddr::V4(host), IpAddr::V4(network)) => {
            let differ = host.to_bits() ^ network.to_bits();
            differ.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(host), IpAddr::V6(network)) => {
            let differ = host.to_bits() ^ network.to_bits();
            differ.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(&str, &str)], url: &str) -> Result<Option<String>> {
        let variable = |name: &str| {
            let mut pairs = pairs.iter();
            Ok(pairs.find_map(|(is, value)| (*is == name).then(|| (*value).to_owned())))
        };
        let proxies = Proxies::find(None, variable)?;
        let proxy = proxies.before(&Url::parse(url).unwrap())?;
        Ok(proxy.map(|proxy| proxy.name()))
    }

    #[test]
    fn the_lower_case_variable_of_the_scheme_comes_first_and_all_proxy_last() {
        const HTTP: &str = "http://s3.example";
        const HTTPS: &str = "https://s3.example";
        let [a, b, c, d] = ["http://a:1", "http://b:2", "http://c:3", "http://d:4"];
        for (pairs, http, https) in [
            (&[][..], None, None),
            (&[("HTTP_PROXY", a)], Some("a:1"), None),
            (&[("http_proxy", a)], Some("a:1"), None),
            (&[("HTTPS_PROXY", a)], None, Some("a:1")),
            (&[("https_proxy", a)], None, Some("a:1")),
            (&[("ALL_PROXY", a)], Some("a:1"), Some("a:1")),
            (&[("all_proxy", a)], Some("a:1"), Some("a:1")),
            (
                &[("HTTP_PROXY", a), ("HTTPS_PROXY", b), ("ALL_PROXY", c)],
                Some("a:1"),
                Some("b:2"),
            ),
            (
                &[("HTTPS_PROXY", b), ("ALL_PROXY", c)],
                Some("c:3"),
                Some("b:2"),
            ),
            (
                &[
                    ("HTTP_PROXY", a),
                    ("http_proxy", d),
                    ("https_proxy", b),
                    ("HTTPS_PROXY", c),
                ],
                Some("d:4"),
                Some("b:2"),
            ),
            // In a CGI program, a request header sets this variable.
            (&[("HTTP_PROXY", a), ("REQUEST_METHOD", "GET")], None, None),
            (
                &[
                    ("HTTP_PROXY", a),
                    ("REQUEST_METHOD", "GET"),
                    ("all_proxy", b),
                ],
                Some("b:2"),
                Some("b:2"),
            ),
            (
                &[("http_proxy", a), ("REQUEST_METHOD", "GET")],
                Some("a:1"),
                None,
            ),
            (&[("ALL_PROXY", a), ("NO_PROXY", "s3.example")], None, None),
            (
                &[("ALL_PROXY", a), ("no_proxy", "other"), ("NO_PROXY", "*")],
                Some("a:1"),
                Some("a:1"),
            ),
        ] {
            assert_eq!(found(pairs, HTTP).unwrap().as_deref(), http, "{pairs:?}");
            assert_eq!(found(pairs, HTTPS).unwrap().as_deref(), https, "{pairs:?}");
        }
    }

    #[test]
    fn hosts_in_no_proxy_are_reached_directly() {
        for (no_proxy, url, is_direct) in [
            ("*", "http://a.example", true),
            ("x, *", "http://a.example", true),
            ("a.example", "http://a.example", true),
            ("A.Example", "http://a.example", true),
            ("a.example", "http://b.a.example", true),
            ("a.example", "http://ba.example", false),
            ("a.example", "http://a.example.org", false),
            (".a.example", "http://a.example", true),
            (".a.example", "http://b.a.example", true),
            ("*.a.example", "http://b.a.example", true),
            ("*.a.example", "http://ba.example", false),
            ("a.example.", "http://a.example", true),
            ("a.example", "http://a.example.", true),
            ("x,a.example", "http://a.example", true),
            ("x, a.example", "http://a.example", true),
            ("x a.example\ty", "http://a.example", true),
            (" , ,, ", "http://a.example", false),
            ("bücher.example", "http://xn--bcher-kva.example", true),
            ("a.example:9000", "http://a.example:9000", true),
            ("a.example:9000", "http://a.example:9001", false),
            ("a.example:80", "http://a.example", true),
            ("a.example:443", "http://a.example", false),
            ("a.example:port", "http://a.example", false),
            ("127.0.0.1", "http://127.0.0.1:9", true),
            ("127.0.0.1:9", "http://127.0.0.1:9", true),
            ("127.0.0.1:8", "http://127.0.0.1:9", false),
            ("0.0.1", "http://127.0.0.1", false),
            ("localhost", "http://127.0.0.1", false),
            ("127.0.0.1", "http://localhost", false),
            ("127.0.0.0/8", "http://127.1.2.3:9", true),
            ("127.0.0.0/8", "http://128.0.0.1", false),
            ("10.0.0.0/9", "http://10.127.255.255", true),
            ("10.0.0.0/9", "http://10.128.0.0", false),
            ("0.0.0.0/0", "http://8.8.8.8", true),
            ("0.0.0.0/0", "http://[::1]", false),
            ("10.1.2.3/32", "http://10.1.2.3", true),
            ("10.1.2.3/33", "http://10.1.2.3", false),
            ("10.0.0.0/x", "http://10.0.0.0", false),
            ("10.0.0.0/8", "http://10.0.0.0.example", false),
            ("::1", "http://[::1]:9", true),
            ("[::1]", "http://[::1]:9", true),
            ("[::1]:9", "http://[::1]:9", true),
            ("[::1]:8", "http://[::1]:9", false),
            ("fd00::/8", "http://[fd12::1]", true),
            ("fd00::/8", "http://[fe80::1]", false),
            ("[fd00::]/8", "http://[fd12::1]", true),
            ("::/0", "http://[2001:db8::1]", true),
            ("10.0.0.0/8", "http://[::ffff:10.0.0.1]", true),
        ] {
            let pairs = [("ALL_PROXY", "http://p:1"), ("NO_PROXY", no_proxy)];
            let is_found = found(&pairs, url).unwrap().is_some();
            assert_eq!(!is_found, is_direct, "{no_proxy:?} {url}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_or_host_and_port_and_is_named_without_its_password() {
        for (text, name) in [
            ("proxy.example:3128", "proxy.example:3128"),
            ("proxy.example", "proxy.example:80"),
            (" http://proxy.example:3128/ ", "proxy.example:3128"),
            (
                "http://someone:hidden@proxy.example:3128",
                "proxy.example:3128",
            ),
            ("someone:hidden@proxy.example:3128", "proxy.example:3128"),
            ("http://us%40er:hid%2Fden@[::1]:3128", "[::1]:3128"),
            ("socks5://proxy.example", "proxy.example:1080"),
            (
                "socks5h://someone:hidden@proxy.example:9",
                "proxy.example:9",
            ),
            ("socks4://proxy.example", "proxy.example:1080"),
            ("socks4a://proxy.example", "proxy.example:1080"),
            #[cfg(feature = "rustls")]
            ("https://proxy.example", "proxy.example:443"),
        ] {
            let proxy = Proxy::parse(text, "x").unwrap();
            assert_eq!(proxy.name(), name, "{text}");
        }
        let proxy = Proxy::parse("http://us%40er:hid%2Fden@p:1", "x").unwrap();
        assert_eq!(proxy.as_ureq().username(), Some("us@er"));
        assert_eq!(proxy.as_ureq().password(), Some("hid/den"));
    }

    #[test]
    fn an_unusable_proxy_is_an_error_when_it_is_needed() {
        for text in [
            "http://",
            "ftp://someone:hidden@p",
            "socks://someone:hidden@p",
            "http://someone:hidden@p:port",
            "http://someone:hid%ff@p:1",
            "http://someone:hidden@a b",
        ] {
            let pairs = [("HTTP_PROXY", text), ("NO_PROXY", "direct.example")];
            let error = found(&pairs, "http://s3.example").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CreateFailed, "{text}");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("HTTP_PROXY"), "{shown}");
            assert!(
                !shown.contains("hid") && !shown.contains("someone"),
                "{shown}"
            );
            assert_eq!(found(&pairs, "https://s3.example").unwrap(), None);
            assert_eq!(found(&pairs, "http://direct.example").unwrap(), None);
        }
    }

    #[test]
    fn an_explicit_proxy_applies_to_every_url_and_none_disables_proxies() {
        let url = Url::parse("https://s3.example").unwrap();
        let all = |name: &str| {
            let set = ["ALL_PROXY", "NO_PROXY"].contains(&name);
            Ok(set.then(|| "*".to_owned()))
        };
        let proxies = Proxies::find(Some("http://p:1"), all).unwrap();
        assert_eq!(proxies.before(&url).unwrap().unwrap().name(), "p:1");
        let proxies = Proxies::find(Some("none"), all).unwrap();
        assert!(proxies.before(&url).unwrap().is_none());
        assert!(Proxies::find(Some("ftp://p"), all).is_err());
    }
}
