//! Digests: MD5 for ETags, and the five `x-amz-checksum-*` algorithms.
//!
//! Source: "Checking object integrity in Amazon S3", S3 User Guide.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto;

use super::content::Content;

/// The algorithms by the last word of their header, `x-amz-checksum-<name>`.
pub const ALGORITHMS: [&str; 5] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

/// Base64 digests by algorithm.
pub type Checksums = BTreeMap<&'static str, String>;

/// Returns the checksums that a request's headers (or trailers) declare.
pub fn declared(headers: &HeaderMap) -> Checksums {
    let value = |name| headers.get(format!("x-amz-checksum-{name}"))?.to_str().ok();
    ALGORITHMS
        .into_iter()
        .filter_map(|name| Some((name, value(name)?.to_owned())))
        .collect()
}

/// Returns the algorithm with this name, in any case, as in `x-amz-checksum-algorithm`.
pub fn algorithm(name: &str) -> Option<&'static str> {
    ALGORITHMS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

/// Returns a hasher for these algorithms, in one pass.
pub fn hasher<'a>(algorithms: impl IntoIterator<Item = &'a str>) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    for name in algorithms {
        match name {
            "crc32" => hasher.crc32 = Some(Crc32::new()),
            "crc32c" => hasher.crc32c = Some(Crc32c::new()),
            "crc64nvme" => hasher.crc64nvme = Some(Crc64Nvme::new()),
            "sha1" => hasher.sha1 = Some(Sha1::new()),
            "sha256" => hasher.sha256 = Some(Sha256::new()),
            _ => {}
        }
    }
    hasher
}

/// Returns the checksums of a hasher.
pub fn finish(hasher: ChecksumHasher) -> Checksums {
    let found = hasher.finalize();
    [
        ("crc32", found.checksum_crc32),
        ("crc32c", found.checksum_crc32c),
        ("crc64nvme", found.checksum_crc64nvme),
        ("sha1", found.checksum_sha1),
        ("sha256", found.checksum_sha256),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Returns the checksum of some bytes.
pub fn of(algorithm: &'static str, frames: impl Iterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hasher = hasher([algorithm]);
    frames.for_each(|frame| hasher.update(frame.as_ref()));
    finish(hasher).remove(algorithm).expect("a known algorithm")
}

/// Returns the form for responses that have checksums in XML.
pub fn to_dto(sums: &Checksums) -> dto::Checksum {
    let get = |name| sums.get(name).cloned();
    dto::Checksum {
        checksum_crc32: get("crc32"),
        checksum_crc32c: get("crc32c"),
        checksum_crc64nvme: get("crc64nvme"),
        checksum_sha1: get("sha1"),
        checksum_sha256: get("sha256"),
        checksum_type: None,
    }
}

/// Returns the ETag of content stored in one piece: the hexadecimal MD5, without quotes.
///
/// Discarded content gets an artificial ETag, since hashing gigabytes would take as long as sending them.
pub fn etag(content: &Content) -> String {
    if !content.is_kept() {
        return hex(&md5(format!("{content:?}").as_bytes()));
    }
    let mut md5 = Md5::new();
    content.frames().for_each(|frame| md5.update(&frame));
    hex(md5.finalize().as_ref())
}

/// Returns the ETag of a multipart object: the MD5 of the parts' MD5s, a dash, and the number of parts.
pub fn multipart_etag<'a>(etags: impl Iterator<Item = &'a str>) -> String {
    let mut md5 = Md5::new();
    let mut count = 0;
    for etag in etags {
        md5.update(&unhex(etag));
        count += 1;
    }
    format!("{}-{count}", hex(md5.finalize().as_ref()))
}

pub fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::checksum(bytes)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).filter_map(digits).collect()
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
