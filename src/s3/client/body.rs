//! The body of a request: bytes, or what a source gives, of exactly its declared length.

use std::io::{self, Read};

use crate::error::{Error, ErrorKind};

/// What is sent with a request.
pub(crate) enum Payload<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// What a source gives.
    Stream(Exactly<'a>),
}

impl Payload<'_> {
    /// How many bytes are sent.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream(source) => source.left,
        }
    }
}

impl Read for Payload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => bytes.read(buffer),
            Self::Stream(source) => source.read(buffer),
        }
    }
}

/// A source that gives exactly so many bytes, or an error: a shorter body would keep the connection
/// waiting for ever, and a longer one would be stored cut.
pub(crate) struct Exactly<'a> {
    source: &'a mut dyn Read,
    left: u64,
}

impl<'a> Exactly<'a> {
    pub(crate) fn new(source: &'a mut dyn Read, length: u64) -> Self {
        Self {
            source,
            left: length,
        }
    }

    fn wrong_length(what: &str) -> io::Error {
        Error::new(ErrorKind::OperationFailed)
            .with_message(format!("the source gave {what} than its size"))
            .with_hint("it may have been changed meanwhile; nothing was stored")
            .into()
    }
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        let wanted = wanted.min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.source.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(Self::wrong_length("less"));
        }
        self.left -= count as u64;
        // The last bytes are only let go when it is sure that they are the last.
        if self.left == 0 && self.source.read(&mut [0])? > 0 {
            return Err(Self::wrong_length("more"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(content: &[u8], length: u64) -> Result<Vec<u8>, Error> {
        let mut source = content;
        let mut bytes = Vec::new();
        Exactly::new(&mut source, length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn a_source_of_its_length_is_read_whole() {
        assert_eq!(read_all(b"tides", 5).unwrap(), b"tides");
        assert_eq!(read_all(b"", 0).unwrap(), b"");
    }

    #[test]
    fn a_source_of_another_length_is_an_error() {
        for length in [4, 6] {
            let error = read_all(b"tides", length).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OperationFailed);
        }
    }
}
