//! [`Whole`]: a verified read of a whole object, from its first byte to its last. It continues where a connection
//! broke, and the received bytes are verified against the digest that the store keeps.

use std::io::{self, Read, Write};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::ChecksumAlgorithm;
use crate::s3::api::{Objects, ReadOptions};
use crate::s3::checksum::{self, Digest};
use crate::s3::client::Response;
use crate::s3::key::Key;
use crate::s3::read::object_version::{ObjectVersion, RangeReader};

/// Number of bytes that are passed on at a time.
const BUFFER: usize = 256 << 10;

/// Maximum memory that is reserved for an object before its bytes arrive, because a server may report a wrong size.
const MAX_RESERVED: u64 = 16 << 20;

/// All bytes of the object version that was first requested.
struct Whole {
    range: RangeReader,
    expected: Option<Expected>,
}

/// The store's digest of the whole object, and the digest of the bytes received so far.
struct Expected {
    algorithm: ChecksumAlgorithm,
    value: String,
    digest: Digest,
}

impl Objects {
    /// Returns an object's bytes. Makes one request, one more for each connection that breaks, and repeats the read if
    /// the bytes arrive damaged.
    pub(crate) fn read_whole(
        self: &Arc<Self>,
        key: &Key,
        options: &ReadOptions,
    ) -> Result<Vec<u8>> {
        let read = || {
            let mut whole = self.whole(key, options)?;
            let size = whole.range.end().min(MAX_RESERVED);
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            whole.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Err(error) if is_damage(&error) => {
                log::warn!("GetObject {:?} is retried: {error}", key.as_str());
                read()
            }
            result => result,
        }
    }

    /// Writes an object's bytes to `target`, and returns their number. Makes one request, and one more for each
    /// connection that breaks. No byte is written twice.
    pub(crate) fn copy_whole(
        self: &Arc<Self>,
        key: &Key,
        options: &ReadOptions,
        target: &mut dyn Write,
    ) -> Result<u64> {
        let mut whole = self.whole(key, options)?;
        let mut buffer = vec![0; BUFFER];
        let mut copied = 0;
        loop {
            let count = whole.read_some(&mut buffer)?;
            if count == 0 {
                return Ok(copied);
            }
            target
                .write_all(&buffer[..count])
                .map_err(Error::from_caller)?;
            copied += count as u64;
        }
    }

    fn whole(self: &Arc<Self>, key: &Key, options: &ReadOptions) -> Result<Whole> {
        let answer = self.get(key, None, options)?;
        let expected = Expected::of(&answer);
        let range = ObjectVersion::whole(Arc::clone(self), key.clone(), options.clone(), answer)?;
        Ok(Whole { range, expected })
    }
}

impl Whole {
    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.range.read(buffer)?;
        if count > 0 {
            if let Some(expected) = &mut self.expected {
                expected.digest.update(&buffer[..count]);
            }
        } else if !buffer.is_empty()
            && let Some(expected) = self.expected.take()
        {
            expected.check()?;
        }
        Ok(count)
    }
}

impl Expected {
    /// Returns the checksum of the whole object in a response. A digest of the digests of parts is ignored, because it
    /// does not verify the bytes in their order.
    ///
    /// Source: [GetObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html),
    /// `x-amz-checksum-type`.
    fn of(answer: &Response) -> Option<Self> {
        if answer.header("x-amz-checksum-type") == Some("COMPOSITE") {
            return None;
        }
        let found = ChecksumAlgorithm::ALL.into_iter().find_map(|algorithm| {
            let value = answer.header(checksum::header_name(algorithm))?;
            Some((algorithm, value))
        });
        let (algorithm, value) = found.filter(|(_, value)| !value.contains('-'))?;
        Some(Self {
            algorithm,
            value: value.to_owned(),
            digest: Digest::new(algorithm),
        })
    }

    fn check(self) -> Result<()> {
        if self.digest.finish() == self.value {
            return Ok(());
        }
        Err(damaged(self.algorithm))
    }
}

fn damaged(algorithm: ChecksumAlgorithm) -> Error {
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!(
            "the received content does not match the {} that the store keeps",
            algorithm.name()
        ))
        .with_hint("it was damaged in transit or in the store; read it again")
        .with_source(Damaged)
}

/// Marks an error as caused by damaged bytes.
#[derive(Debug)]
struct Damaged;

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("damaged content")
    }
}

impl std::error::Error for Damaged {}

fn is_damage(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<Damaged>())
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer).map_err(io::Error::from)
    }
}
