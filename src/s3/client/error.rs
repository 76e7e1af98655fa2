//! Error messages for rejected requests and broken connections, with hints for the user.

use std::io;

use rusty_s3::Bucket;

use crate::error::{Error, ErrorKind, S3Error};
use crate::s3::client::redact::Secrets;
use crate::s3::client::xml;
use crate::s3::client::{Operation, Proxy, Response};

/// ureq's message for a proxy that requires another user or password.
const PROXY_AUTHENTICATION: &str = "responded 407";

const PROXY_PASSWORD: &str =
    "the proxy requires a user name and password: http://user:password@host:port, percent-encoded";

/// Maximum number of quoted characters of an answer that is not S3's.
const QUOTED_CHARS: usize = 120;

/// Returns the error for an answer that is not a success, or has an error in its body.
pub(super) fn refusal(
    response: &Response,
    body: &[u8],
    bucket: &Bucket,
    proxy: Option<&Proxy>,
    secrets: &Secrets<'_>,
    anonymous: bool,
) -> Error {
    if response.status() == 407 {
        return Error::new(ErrorKind::RemoteConnection)
            .with_message(format!(
                "{} returned 407 to {}: the proxy rejected the request",
                asked(bucket, proxy),
                response.operation().name()
            ))
            .with_hint(PROXY_PASSWORD);
    }
    let answer = xml::error_answer(body);
    let is_foreign = answer.is_none() && !body.trim_ascii().is_empty();
    let answer = answer.unwrap_or_default();
    let header = |name| secrets.hide(response.header(name).unwrap_or_default());
    let s3 = S3Error {
        operation: response.operation().name().to_owned(),
        status: response.status(),
        code: secrets.hide(&answer.code),
        message: secrets.hide(&answer.message),
        request_id: Some(secrets.hide(&answer.request_id))
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| header("x-amz-request-id")),
        host_id: Some(secrets.hide(&answer.host_id))
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| header("x-amz-id-2")),
        region: Some(header("x-amz-bucket-region"))
            .filter(|region| !region.is_empty())
            .or(answer.region.map(|region| secrets.hide(&region))),
        object_size: object_size(response, answer.object_size),
    };
    if s3.status == 405 && response.header("x-amz-delete-marker") == Some("true") {
        return Error::new(ErrorKind::ResourceNotFound)
            .with_message("this version is a delete marker: it records that the object was deleted")
            .with_s3(s3);
    }
    let mut meaning = meaning(&s3, response.operation(), bucket, anonymous);
    // An answer with neither an S3 code nor a request id may come from the proxy.
    if let Some(proxy) = proxy.filter(|_| s3.code.is_empty() && s3.request_id.is_empty()) {
        let hint = meaning.hint().map(|hint| format!("; otherwise {hint}"));
        let hint = hint.unwrap_or_default();
        meaning = meaning.with_hint(format!(
            "the response may come from the proxy {}: check the proxy{hint}",
            proxy.name()
        ));
    }
    if is_foreign {
        // A proxy or a web server answers like this: the status determines the kind, and the page is quoted.
        let asked = asked(bucket, proxy);
        return not_s3(response, body, "the body is not S3's XML", &asked, secrets)
            .with_kind(meaning.kind())
            .with_s3(s3);
    }
    meaning.with_s3(s3)
}

/// Returns the size of the object, if the rejection of a range contains it in the header or in the document. Returns
/// `None` if the two differ.
fn object_size(response: &Response, in_document: Option<u64>) -> Option<u64> {
    let header = response.header("content-range");
    let in_header = header.and_then(unsatisfied_size);
    match (in_header, in_document) {
        (Some(one), Some(other)) if one != other => None,
        (one, other) => one.or(other),
    }
}

/// Source: [RFC 9110, section 14.4](https://www.rfc-editor.org/rfc/rfc9110#section-14.4), `unsatisfied-range`.
fn unsatisfied_size(content_range: &str) -> Option<u64> {
    let (_, size) = content_range.split_once("*/")?;
    size.trim().parse().ok()
}

/// Returns the error for an answer that is not from an S3 server. `asked` is the result of [`asked`].
pub(super) fn not_s3(
    response: &Response,
    body: &[u8],
    why: &str,
    asked: &str,
    secrets: &Secrets<'_>,
) -> Error {
    let text = secrets.hide(&String::from_utf8_lossy(body));
    let start: String = text.chars().take(QUOTED_CHARS).collect();
    let content_type = secrets.hide(response.header("content-type").unwrap_or("no content type"));
    let why = secrets.hide(why);
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!(
            "{asked} returned {} to {} with {content_type}, but {why}: {start:?}",
            response.status(),
            response.operation().name()
        ))
        .with_hint("check that the endpoint is an S3 server")
}

/// Returns the error for a request that got no answer.
pub(super) fn transport(error: ureq::Error, bucket: &Bucket, proxy: Option<&Proxy>) -> Error {
    let host = asked(bucket, proxy);
    let is_https = bucket.base_url().scheme() == "https";
    match error {
        // An error of the caller's own source.
        ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => {
            Error::from(error)
        }
        ureq::Error::Timeout(what) => Error::new(ErrorKind::Timeout)
            .with_message(format!("{host} did not respond in time ({what})"))
            .with_hint("timeouts can be set when the filesystem is built"),
        ureq::Error::Io(error) if is_timeout(&error) => Error::new(ErrorKind::Timeout)
            .with_message(format!("{host} did not respond in time"))
            .with_source(error),
        ureq::Error::Io(error) if is_of_lookup(&error) => {
            let (why, hint) = match is_unknown_name(&error) {
                true => ("has no address", "check the host name"),
                false => (
                    "cannot be resolved at the moment",
                    "check the network and the host name",
                ),
            };
            Error::new(ErrorKind::RemoteConnection)
                .with_message(format!("the name of {host} {why}: {error}"))
                .with_hint(hint)
                .with_source(error)
        }
        // rustls has no error kind for this inside an io error: it is recognised by its own error name.
        ureq::Error::Io(error)
            if is_of_handshake(&error) && error.to_string().contains("CaUsedAsEndEntity") =>
        {
            Error::new(ErrorKind::RemoteConnection)
                .with_message(format!(
                    "no TLS connection to {host}: the server's certificate is a CA certificate \
                     (CA:TRUE), as `openssl req -x509` creates it: {error}"
                ))
                .with_hint(
                    "create a server certificate with -addext basicConstraints=critical,CA:FALSE; \
                     the documentation of s3fs::guide::tls shows the whole command",
                )
                .with_source(error)
        }
        // rustls reports a peer without TLS, and an untrusted certificate, with this kind.
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData && is_https => {
            Error::new(ErrorKind::RemoteConnection)
                .with_message(format!("no TLS connection to {host}: {error}"))
                .with_hint(
                    "check the server's certificate; if the server uses plain http, set an \
                     endpoint that begins with http://",
                )
                .with_source(error)
        }
        ureq::Error::Io(error) => Error::new(ErrorKind::RemoteConnection)
            .with_message(format!("no response from {host}: {error}"))
            .with_hint(match proxy {
                None => "check that the endpoint is correct and the server is running",
                Some(_) => "check that the proxy and the endpoint are correct and running",
            })
            .with_source(error),
        ureq::Error::ConnectProxyFailed(why) => Error::new(ErrorKind::RemoteConnection)
            .with_message(format!("the proxy did not open a tunnel to {host}: {why}"))
            .with_hint(match why.contains(PROXY_AUTHENTICATION) {
                true => PROXY_PASSWORD,
                false => {
                    "the proxy must allow CONNECT to the endpoint; NO_PROXY bypasses the proxy"
                }
            }),
        ureq::Error::HostNotFound => Error::new(ErrorKind::RemoteConnection)
            .with_message(format!("the name of {host} is unknown"))
            .with_hint("check the endpoint, the region and the bucket's name"),
        ureq::Error::TlsRequired => Error::new(ErrorKind::Unsupported)
            .with_message(format!(
                "{host} uses https, but TLS is not enabled in this build"
            ))
            .with_hint("enable the feature `rustls` of this crate"),
        // These quote the requested URL, which is signed.
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => {
            Error::new(ErrorKind::OperationFailed)
                .with_message(format!("cannot build a URL for {host}"))
        }
        ureq::Error::Http(error) => Error::new(ErrorKind::InvalidArgument)
            .with_message("the request is not valid HTTP")
            .with_source(error),
        other => Error::new(ErrorKind::RemoteConnection)
            .with_message(format!("no response from {host}: {other}"))
            .with_hint("check that the endpoint is correct and the server is running"),
    }
}

/// Returns true if the error occurred while connecting, before the request was sent.
pub(super) fn is_before_sending(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Timeout(phase) => {
            matches!(phase, ureq::Timeout::Resolve | ureq::Timeout::Connect)
        }
        ureq::Error::Io(error) => {
            // A network failure breaks established connections, too, so its error kinds are not listed.
            is_of_lookup(error)
                || is_of_handshake(error)
                || matches!(
                    error.kind(),
                    io::ErrorKind::AddrNotAvailable | io::ErrorKind::ConnectionRefused
                )
        }
        // ureq reports these after the request was sent.
        ureq::Error::Protocol(_)
        | ureq::Error::LargeResponseHeader(..)
        | ureq::Error::BodyStalled => false,
        _ => true,
    }
}

/// Returns true if a host name could not be resolved. std has no error kind for it: it is recognised by its message,
/// and on Windows by its codes (`WSAHOST_NOT_FOUND` to `WSANO_DATA`).
fn is_of_lookup(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(code) => cfg!(windows) && (11001..=11004).contains(&code),
        None => error
            .to_string()
            .starts_with("failed to lookup address information"),
    }
}

/// Returns true if the host name permanently has no address. Each C library has its own message for that.
fn is_unknown_name(error: &io::Error) -> bool {
    const WORDS: [&str; 5] = [
        "Name or service not known",
        "No address associated with",
        "nodename nor servname provided",
        "Name does not resolve",
        "Name has no usable address",
    ];
    match error.raw_os_error() {
        Some(code) => cfg!(windows) && matches!(code, 11001 | 11004),
        None => {
            let words = error.to_string();
            is_of_lookup(error) && WORDS.iter().any(|unknown| words.contains(unknown))
        }
    }
}

/// Returns true if a host name could not be resolved temporarily. Another attempt may succeed, but many are not
/// worthwhile, since the system has already tried more than once.
pub(super) fn is_unresolved(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(error) if is_of_lookup(error) && !is_unknown_name(error))
}

/// Returns true if the TLS handshake failed, before the request was sent: the server's certificate is not trusted, or
/// the server does not speak TLS. rustls has no error kinds for these inside an io error: they are recognised by their
/// messages.
fn is_of_handshake(error: &io::Error) -> bool {
    let words = error.to_string();
    error.kind() == io::ErrorKind::InvalidData
        && (words.starts_with("invalid peer certificate")
            || words == "received corrupt message of type InvalidContentType")
}

/// Returns true if the header of an answer has too many lines. ureq has no error kind for this protocol error: it is
/// recognised by its message.
fn has_too_many_headers(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Protocol(_)) && error.to_string().contains("too many headers")
}

/// Returns true if another attempt would fail in the same way: an untrusted certificate, an invalid URL, an unknown host
/// name, an error of the caller's source, or a header with too many lines.
pub(super) fn is_final(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => {
            let is_of_source = error.get_ref().is_some_and(|inner| inner.is::<Error>());
            is_of_source || error.kind() == io::ErrorKind::InvalidData || is_unknown_name(error)
        }
        ureq::Error::Protocol(_) => has_too_many_headers(error),
        // ureq has the status only in its message. A proxy that rejects the request would reject it again.
        ureq::Error::ConnectProxyFailed(why) => why.contains("responded 4"),
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::BodyStalled => false,
        _ => true,
    }
}

/// Returns the error for a body that broke off.
pub(super) fn while_reading(error: io::Error) -> Error {
    if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        return Error::from(error);
    }
    // ureq wraps its own errors in io errors, which lose their kind.
    let kind = match error
        .get_ref()
        .and_then(|e| e.downcast_ref::<ureq::Error>())
    {
        Some(ureq::Error::Timeout(_)) => ErrorKind::Timeout,
        _ if is_timeout(&error) => ErrorKind::Timeout,
        _ => ErrorKind::RemoteConnection,
    };
    Error::new(kind)
        .with_message(format!("the response was interrupted: {error}"))
        .with_source(error)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

/// Describes the peer: the endpoint, and the proxy, if there is one.
pub(super) fn asked(bucket: &Bucket, proxy: Option<&Proxy>) -> String {
    match proxy {
        Some(proxy) => format!("{} (through the proxy {})", host(bucket), proxy.name()),
        None => host(bucket),
    }
}

/// Returns scheme, host and port of the bucket's URL, which contain no secret.
fn host(bucket: &Bucket) -> String {
    bucket.base_url().origin().ascii_serialization()
}

/// Returns the kind, the message and the hint for an error answer.
///
/// Source: [Error responses](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
fn meaning(s3: &S3Error, operation: Operation, bucket: &Bucket, anonymous: bool) -> Error {
    // A proxy, or a server with a fault, may return a region with any answer. Only these answers concern it.
    let is_elsewhere =
        matches!(s3.status, 301 | 302 | 307 | 308 | 400 | 403) && s3.code != "AccessDenied";
    if let Some(region) = s3.region.as_deref().filter(|r| *r != bucket.region())
        && is_elsewhere
        && operation != Operation::ListBuckets
    {
        return Error::new(ErrorKind::OperationFailed)
            .with_message(format!(
                "the bucket {:?} is in the region {region:?}, but was requested in {:?}",
                bucket.name(),
                bucket.region()
            ))
            .with_hint(format!("set the region to {region}"));
    }
    let of = |kind, message: &str| Error::new(kind).with_message(message);
    match (s3.code.as_str(), s3.status) {
        ("NoSuchBucket", _) => Error::new(ErrorKind::BucketNotFound)
            .with_message(format!(
                "the bucket {:?} does not exist at {}",
                bucket.name(),
                host(bucket)
            ))
            .with_hint("check the name and the endpoint; buckets are never created implicitly"),
        ("InvalidAccessKeyId", _) => of(
            ErrorKind::PermissionDenied,
            "the server does not recognize this access key",
        )
        .with_hint("check aws_access_key_id, and that it belongs to this endpoint"),
        ("SignatureDoesNotMatch", _) => of(
            ErrorKind::PermissionDenied,
            "the secret access key does not match the access key",
        )
        .with_hint("check aws_secret_access_key; in a URL, its %, ? and ! must be percent-encoded"),
        ("ExpiredToken" | "TokenRefreshRequired", _) => {
            of(ErrorKind::PermissionDenied, "the credentials have expired")
                .with_hint("get new temporary credentials")
        }
        ("InvalidToken", _) => of(
            ErrorKind::PermissionDenied,
            "the session token was not issued for this access key",
        )
        .with_hint("check aws_session_token"),
        ("RequestTimeTooSkewed", _) => of(
            ErrorKind::PermissionDenied,
            "the clock of this machine differs too much from the server's",
        )
        .with_hint("set the clock"),
        ("InvalidObjectState", _) if operation == Operation::RestoreObject => of(
            ErrorKind::Unsupported,
            "it is not in an archive class and does not need to be restored",
        ),
        ("InvalidObjectState", _) => of(
            ErrorKind::ArchivedObject,
            "it must be restored before it can be read",
        )
        .with_hint("request it with S3Fs::restore (RestoreObject), and wait until it is done"),
        ("PermanentRedirect" | "TemporaryRedirect", _) | (_, 301 | 302 | 307 | 308) => of(
            ErrorKind::OperationFailed,
            "the server redirects the request",
        )
        .with_hint("set the region, the endpoint or the addressing style of the bucket"),
        ("KeyTooLongError" | "InvalidObjectName", _) => of(
            ErrorKind::InvalidPath,
            "the server does not accept this key",
        ),
        ("QuotaExceeded" | "StorageFull" | "XMinioStorageFull", _) | (_, 507) => of(
            ErrorKind::InsufficientStorage,
            "the server has no space left",
        ),
        ("NotImplemented", _) | (_, 501) => {
            of(ErrorKind::Unsupported, "the server does not implement this")
        }
        ("PreconditionFailed" | "ConditionalRequestConflict", _) | (_, 412) => of(
            ErrorKind::ResourceChanged,
            "the object is not the expected one",
        ),
        (_, 401 | 403) if anonymous => of(
            ErrorKind::PermissionDenied,
            "the server does not allow this without credentials",
        )
        .with_hint("provide credentials"),
        (_, 401 | 403) if operation.is_about_buckets() => of(
            ErrorKind::PermissionDenied,
            "the server does not allow this",
        )
        .with_hint(format!("the credentials need {}", operation.permission())),
        (_, 401 | 403) => of(
            ErrorKind::PermissionDenied,
            "the server does not allow this",
        )
        .with_hint(format!(
            "the credentials need {}; without s3:ListBucket S3 also returns this for a key that \
             does not exist",
            operation.permission()
        )),
        ("", 404) if operation == Operation::ListBuckets => of(
            ErrorKind::OperationFailed,
            &format!("{} does not list buckets", host(bucket)),
        )
        .with_hint("check that the endpoint is an S3 server"),
        ("", 404) if operation.needs_no_object() => of(
            ErrorKind::OperationFailed,
            &format!("{} has no bucket {:?}", host(bucket), bucket.name()),
        )
        .with_hint("check the name, and that the endpoint is an S3 server"),
        ("NoSuchUpload", _) => of(
            ErrorKind::OperationFailed,
            "the upload no longer exists: it was aborted, or the store removed it",
        )
        .with_hint("nothing was stored; write it again"),
        (_, 404) => of(ErrorKind::ResourceNotFound, "the bucket has no such object"),
        (_, 408) => of(
            ErrorKind::Timeout,
            "the server timed out while it waited for the request",
        ),
        ("SlowDown", _) | (_, 429 | 500..=599) => of(
            ErrorKind::OperationFailed,
            "the server is temporarily unavailable",
        )
        .with_hint("try again later"),
        _ => of(
            ErrorKind::OperationFailed,
            "the server rejected the request",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::net::ToSocketAddrs as _;

    use super::*;

    #[test]
    fn a_name_that_cannot_be_looked_up_is_an_error_before_anything_is_sent() {
        // A label of a host name has at most 63 bytes, so no name server is queried for this one.
        let error = ("x".repeat(200).as_str(), 80)
            .to_socket_addrs()
            .unwrap_err();
        assert!(is_before_sending(&error.into()));
    }

    #[test]
    fn an_unknown_host_is_distinguished_from_a_temporary_lookup_failure() {
        let lookup = |words: &str| {
            let words = format!("failed to lookup address information: {words}");
            ureq::Error::from(io::Error::other(words))
        };
        for words in [
            "Name or service not known",
            "No address associated with hostname",
            "nodename nor servname provided, or not known",
            "Name does not resolve",
        ] {
            assert!(is_final(&lookup(words)), "{words}");
            assert!(!is_unresolved(&lookup(words)), "{words}");
        }
        for words in ["Temporary failure in name resolution", "Try again"] {
            assert!(!is_final(&lookup(words)), "{words}");
            assert!(is_unresolved(&lookup(words)), "{words}");
        }
        let refused = ureq::Error::from(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert!(!is_final(&refused) && !is_unresolved(&refused));
    }

    #[test]
    fn errors_of_an_established_connection_do_not_count_as_before_sending() {
        for (kind, expected) in [
            (io::ErrorKind::AddrNotAvailable, true),
            (io::ErrorKind::ConnectionRefused, true),
            (io::ErrorKind::BrokenPipe, false),
            (io::ErrorKind::ConnectionReset, false),
            (io::ErrorKind::HostUnreachable, false),
            (io::ErrorKind::InvalidData, false),
            (io::ErrorKind::NetworkDown, false),
            (io::ErrorKind::NetworkUnreachable, false),
            (io::ErrorKind::Other, false),
        ] {
            let found = is_before_sending(&io::Error::from(kind).into());
            assert_eq!(found, expected, "{kind}");
        }
        for (words, expected) in [
            ("invalid peer certificate: UnknownIssuer", true),
            ("received corrupt message of type InvalidContentType", true),
            ("cannot decrypt peer's message", false),
        ] {
            let error = io::Error::new(io::ErrorKind::InvalidData, words);
            assert_eq!(is_before_sending(&error.into()), expected, "{words}");
        }
    }
}
