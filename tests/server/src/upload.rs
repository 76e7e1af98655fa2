//! Receives a body: keeps it, digests it on arrival, and compares it with the values that the request declares.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode};
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders};

use super::answers::{error_custom, error_with};
use super::attributes::text;
use super::checksum::{self, Checksums};
use super::content::Content;

/// A complete and intact body.
pub struct Received {
    pub content: Content,
    pub etag: String,
    pub checksums: Checksums,
}

/// Reads a body to its end. `also` is an algorithm to compute even if the request declares no value for it.
pub async fn receive(
    body: Option<StreamingBlob>,
    headers: &HeaderMap,
    trailers: Option<&TrailingHeaders>,
    also: Option<&'static str>,
    discard_over: u64,
) -> S3Result<Received> {
    let mut declared = checksum::declared(headers);
    let trailing = text(headers, "x-amz-trailer").and_then(trailing_algorithm);
    let algorithms = declared.keys().copied().chain(trailing).chain(also);
    let mut hasher = checksum::hasher(algorithms);
    let mut md5 = Md5::new();
    let mut kept = Kept::new(discard_over);
    if let Some(mut body) = body {
        while let Some(frame) = body.next().await {
            let frame = frame.map_err(|error| broken(&error, headers))?;
            md5.update(&frame);
            hasher.update(&frame);
            kept.push(&frame);
        }
    }
    if let Some(trailers) = trailers.and_then(TrailingHeaders::take) {
        declared.append(&mut checksum::declared(&trailers));
    }
    let md5 = md5.finalize();
    check_md5(headers, &md5)?;
    let checksums = checksum::finish(hasher);
    check_declared(&declared, &checksums)?;
    Ok(Received {
        content: kept.into_content(),
        etag: checksum::hex(&md5),
        checksums,
    })
}

fn trailing_algorithm(trailer: &str) -> Option<&'static str> {
    checksum::algorithm(trailer.trim().strip_prefix("x-amz-checksum-")?)
}

/// The error of an incomplete body, or of one for which `s3s` found a wrong signed digest.
fn broken(error: &StdError, headers: &HeaderMap) -> S3Error {
    let signed = text(headers, "x-amz-content-sha256").is_some_and(|digest| digest.len() == 64);
    if signed && !error.is::<hyper::Error>() {
        let message =
            "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return error_custom(
            StatusCode::BAD_REQUEST,
            "XAmzContentSHA256Mismatch",
            message,
        );
    }
    error_with(
        S3ErrorCode::IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

fn check_md5(headers: &HeaderMap, md5: &[u8; 16]) -> S3Result<()> {
    let Some(wanted) = text(headers, "content-md5") else {
        return Ok(());
    };
    match checksum::unbase64(wanted) {
        Some(wanted) if wanted == md5 => Ok(()),
        Some(wanted) if wanted.len() == md5.len() => Err(error_with(
            S3ErrorCode::BadDigest,
            "The Content-MD5 you specified did not match what we received.",
        )),
        _ => Err(error_with(
            S3ErrorCode::InvalidDigest,
            "The Content-MD5 you specified was invalid.",
        )),
    }
}

fn check_declared(declared: &Checksums, computed: &Checksums) -> S3Result<()> {
    for (algorithm, wanted) in declared {
        let found = computed.get(algorithm);
        if digest_len(wanted) != found.and_then(|found| digest_len(found)) {
            let message = format!("Value for x-amz-checksum-{algorithm} header is invalid.");
            return Err(error_with(S3ErrorCode::InvalidRequest, message));
        }
        if found != Some(wanted) {
            let name = algorithm.to_uppercase();
            let message =
                format!("The {name} you specified did not match the calculated checksum.");
            return Err(error_with(S3ErrorCode::BadDigest, message));
        }
    }
    Ok(())
}

fn digest_len(base64: &str) -> Option<usize> {
    Some(checksum::unbase64(base64)?.len())
}

/// The bytes of a body, up to a limit.
struct Kept {
    bytes: BytesMut,
    len: u64,
    limit: u64,
}

impl Kept {
    fn new(limit: u64) -> Self {
        Self {
            bytes: BytesMut::new(),
            len: 0,
            limit,
        }
    }

    fn push(&mut self, frame: &Bytes) {
        self.len += frame.len() as u64;
        if self.len > self.limit {
            self.bytes = BytesMut::new();
        } else {
            self.bytes.extend_from_slice(frame);
        }
    }

    fn into_content(self) -> Content {
        if self.len > self.limit {
            return Content::Discarded { len: self.len };
        }
        Content::Bytes(self.bytes.freeze())
    }
}
