//! The digests that S3 verifies uploads against.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Table};
use sha2::{Digest as _, Sha256};

use crate::options::ChecksumAlgorithm;

// Sixteen bytes a step: 16 to 32 KiB of tables each, and many times the speed of a byte a step.
static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// The header that carries the digest of these bytes, and its value.
///
/// Source: [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html),
/// `x-amz-checksum-*`.
pub(crate) fn header(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> (&'static str, String) {
    match algorithm {
        ChecksumAlgorithm::Crc32 => (
            "x-amz-checksum-crc32",
            BASE64.encode(CRC32.checksum(bytes).to_be_bytes()),
        ),
        ChecksumAlgorithm::Crc32c => (
            "x-amz-checksum-crc32c",
            BASE64.encode(CRC32C.checksum(bytes).to_be_bytes()),
        ),
        ChecksumAlgorithm::Crc64nvme => (
            "x-amz-checksum-crc64nvme",
            BASE64.encode(CRC64NVME.checksum(bytes).to_be_bytes()),
        ),
        ChecksumAlgorithm::Sha256 => (
            "x-amz-checksum-sha256",
            BASE64.encode(Sha256::digest(bytes)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the CRC catalogue, and SHA-256's of FIPS 180, for "123456789".
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
}
