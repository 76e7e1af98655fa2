//! The endpoint's URL, validated before any request.

use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::fs_url::redacted;

/// Parses the URL of the endpoint. `origin` is the source of the text in errors.
pub(super) fn parse_endpoint(text: &str, origin: &str) -> Result<Url> {
    let shown = match is_host_and_port(text) {
        true => text.to_owned(),
        false => redacted(text),
    };
    let wrong = |why: &str| {
        Error::new(ErrorKind::InvalidArgument)
            .with_message(format!("{origin} is {shown:?}, which {why}"))
            .with_hint("an endpoint is http://host:port or https://host:port")
    };
    let url = Url::parse(text).map_err(|error| wrong("is not a URL").with_source(error))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http nor https"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("has no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "contains a user name or a password, which S3 URLs do not have",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    Ok(url)
}

/// Returns true if a text is `host:port`, as users write it without the scheme. Such a text contains no secret.
fn is_host_and_port(text: &str) -> bool {
    let is_host = |host: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        host.contains('.') || host == "localhost" || host.chars().all(is_part) && host.len() < 16
    };
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    is_host(host)
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
        && !port.is_empty()
        && port.len() <= 5
        && port.chars().all(|c| c.is_ascii_digit())
}

/// Returns an error if the endpoint requires TLS and it is not built in. AWS, the default endpoint, uses https.
pub(super) fn check_tls(endpoint: Option<&Url>) -> Result<()> {
    let is_https = endpoint.is_none_or(|url| url.scheme() == "https");
    if !is_https || cfg!(feature = "rustls") {
        return Ok(());
    }
    let named = endpoint.map(|url| url.origin().ascii_serialization());
    Err(Error::new(ErrorKind::Unsupported)
        .with_message(format!(
            "the endpoint {} needs TLS, which is not enabled in this build",
            named.as_deref().unwrap_or("of AWS")
        ))
        .with_hint("enable the feature `rustls` of this crate"))
}
