//! Standard output: buffered, and quiet about a reader that has gone.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};

use crate::report::{Failure, Outcome};
use crate::text;

/// Standard output of one command. What is left is written by [`end`](Self::end).
pub struct Out {
    inner: BufWriter<StdoutLock<'static>>,
    is_terminal: bool,
}

impl Out {
    pub fn new() -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        Self {
            inner: BufWriter::with_capacity(64 << 10, stdout.lock()),
            is_terminal,
        }
    }

    /// Writes a line; on a terminal it is seen at once.
    pub fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.inner.write_all(line.as_bytes()).map_err(gone)?;
        self.inner.write_all(b"\n").map_err(gone)?;
        match self.is_terminal {
            true => self.inner.flush().map_err(gone),
            false => Ok(()),
        }
    }

    /// Writes a line that ends with a NUL.
    pub fn nul(&mut self, line: &str) -> Result<(), Failure> {
        self.inner.write_all(line.as_bytes()).map_err(gone)?;
        self.inner.write_all(b"\0").map_err(gone)
    }

    /// A name as it is shown here: on a terminal without characters that it acts on, otherwise as it is.
    pub fn name(&self, name: &str) -> String {
        match self.is_terminal {
            true => text::printable(name),
            false => name.to_owned(),
        }
    }

    /// Bytes as they are.
    pub fn bytes(&mut self) -> &mut dyn Write {
        &mut self.inner
    }

    /// Writes what is left.
    pub fn end(mut self) -> Result<(), Failure> {
        self.inner.flush().map_err(gone)
    }
}

/// Prints a text, and that is all.
pub fn print(text: &str) -> Result<Outcome, Failure> {
    let mut out = Out::new();
    out.bytes().write_all(text.as_bytes()).map_err(gone)?;
    out.end()?;
    Ok(Outcome::Done)
}

/// The failure of a write to standard output: a reader that has gone is none.
pub fn gone(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Message(format!("standard output: {error}")),
    }
}
