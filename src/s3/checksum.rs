//! The digests for the verification of uploads by S3.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Table};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::ChecksumAlgorithm;
use crate::s3::client::ReadAt;

// These tables process 16 bytes per step. They take 16 to 32 KiB each, and are many times faster than one byte per step.
// They are built at first use, and boxed, because the program file would contain them otherwise.
static CRC32: Tables<u32> = LazyLock::new(|| Box::new(Crc::<u32, _>::new(&CRC_32_ISO_HDLC)));
static CRC32C: Tables<u32> = LazyLock::new(|| Box::new(Crc::<u32, _>::new(&CRC_32_ISCSI)));
static CRC64NVME: Tables<u64> = LazyLock::new(|| Box::new(Crc::<u64, _>::new(&CRC_64_NVME)));

type Tables<W> = LazyLock<Box<Crc<W, Table<16>>>>;

/// Returns the name and the value of the header with the digest of these bytes.
///
/// Source: [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html),
/// `x-amz-checksum-*`.
pub(crate) fn header(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> (&'static str, String) {
    (header_name(algorithm), digest(algorithm, bytes))
}

/// Returns the digest of these bytes, in base64.
pub(crate) fn digest(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> String {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    digest.finish()
}

/// Returns the digest of `length` bytes of a source from `start` on, in base64.
///
/// # Errors
///
/// Errors of the source, and an error if the source ends early.
pub(crate) fn digest_of(
    algorithm: ChecksumAlgorithm,
    source: &dyn ReadAt,
    start: u64,
    length: u64,
) -> Result<String> {
    let mut digest = Digest::new(algorithm);
    read_through(source, start, length, |bytes| digest.update(bytes))?;
    Ok(digest.finish())
}

/// Returns the value of `Content-MD5` for `length` bytes of a source from `start` on.
///
/// # Errors
///
/// Those of [`digest_of`].
pub(crate) fn md5_of(source: &dyn ReadAt, start: u64, length: u64) -> Result<String> {
    let mut digest = Md5::new();
    read_through(source, start, length, |bytes| digest.update(bytes))?;
    Ok(BASE64.encode(digest.finalize()))
}

fn read_through(
    source: &dyn ReadAt,
    start: u64,
    length: u64,
    mut take: impl FnMut(&[u8]),
) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let end = start + length;
    let mut position = start;
    while position < end {
        let wanted = buffer
            .len()
            .min(usize::try_from(end - position).unwrap_or(usize::MAX));
        let count = source.read_at(&mut buffer[..wanted], position)?;
        if count == 0 {
            return Err(Error::new(ErrorKind::OperationFailed)
                .with_message("the source ended before its full size was read"));
        }
        take(&buffer[..count]);
        position += count as u64;
    }
    Ok(())
}

/// An incremental digest.
pub(crate) enum Digest {
    Crc32(crc::Digest<'static, u32, Table<16>>),
    Crc32c(crc::Digest<'static, u32, Table<16>>),
    Crc64nvme(crc::Digest<'static, u64, Table<16>>),
    Sha256(Box<Sha256>),
}

impl Digest {
    /// Returns the digest of no bytes.
    pub(crate) fn new(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Crc32 => Self::Crc32(CRC32.digest()),
            ChecksumAlgorithm::Crc32c => Self::Crc32c(CRC32C.digest()),
            ChecksumAlgorithm::Crc64nvme => Self::Crc64nvme(CRC64NVME.digest()),
            ChecksumAlgorithm::Sha256 => Self::Sha256(Box::default()),
        }
    }

    /// Adds the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(digest) | Self::Crc32c(digest) => digest.update(bytes),
            Self::Crc64nvme(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    /// Returns the digest in base64, as in headers and documents.
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Crc32(digest) | Self::Crc32c(digest) => {
                BASE64.encode(digest.finalize().to_be_bytes())
            }
            Self::Crc64nvme(digest) => BASE64.encode(digest.finalize().to_be_bytes()),
            Self::Sha256(digest) => BASE64.encode(digest.finalize()),
        }
    }
}

/// Returns the name of the header with a digest.
pub(crate) fn header_name(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "x-amz-checksum-crc32",
        ChecksumAlgorithm::Crc32c => "x-amz-checksum-crc32c",
        ChecksumAlgorithm::Crc64nvme => "x-amz-checksum-crc64nvme",
        ChecksumAlgorithm::Sha256 => "x-amz-checksum-sha256",
    }
}

/// Returns the name of the XML element with a digest.
pub(crate) fn element(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "ChecksumCRC32",
        ChecksumAlgorithm::Crc32c => "ChecksumCRC32C",
        ChecksumAlgorithm::Crc64nvme => "ChecksumCRC64NVME",
        ChecksumAlgorithm::Sha256 => "ChecksumSHA256",
    }
}

/// Returns the checksum type that gives a multipart object a digest of the whole content, if the algorithm allows it.
///
/// Source: [Checking object integrity](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html),
/// "Checksum types for multipart uploads".
pub(crate) fn of_the_whole(algorithm: ChecksumAlgorithm) -> Option<&'static str> {
    (algorithm != ChecksumAlgorithm::Sha256).then_some("FULL_OBJECT")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the CRC catalogue, and of FIPS 180 for SHA-256, for "123456789".
    #[test]
    fn the_digests_are_the_published_ones() {
        let table = [
            (ChecksumAlgorithm::Crc32, "y/Q5Jg=="),
            (ChecksumAlgorithm::Crc32c, "4waSgw=="),
            (ChecksumAlgorithm::Crc64nvme, "rosUhgp5mIg="),
            (
                ChecksumAlgorithm::Sha256,
                "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
            ),
        ];
        for (algorithm, expected) in table {
            assert_eq!(header(algorithm, b"123456789").1, expected, "{algorithm:?}");
        }
    }

    #[test]
    fn a_digest_of_a_section_is_that_of_its_bytes() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        for algorithm in [
            ChecksumAlgorithm::Crc32,
            ChecksumAlgorithm::Crc32c,
            ChecksumAlgorithm::Crc64nvme,
            ChecksumAlgorithm::Sha256,
        ] {
            let expected = digest(algorithm, &bytes[100..150_100]);
            let found = digest_of(algorithm, &bytes, 100, 150_000).unwrap();
            assert_eq!(found, expected, "{algorithm:?}");
            assert!(digest_of(algorithm, &bytes, 100, 200_000).is_err());
        }
    }
}
