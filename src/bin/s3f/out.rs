//! Standard output: buffered, without errors when the reader has closed it.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};

use crate::report::{Failure, Outcome};
use crate::text;

/// Standard output of one command. [`end`](Self::end) writes the buffered rest.
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

    /// Writes a line. On a terminal it is flushed at once.
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

    /// Returns a name as it is shown here: on a terminal without characters that the terminal interprets, otherwise
    /// unchanged.
    pub fn name(&self, name: &str) -> String {
        match self.is_terminal {
            true => text::printable(name),
            false => name.to_owned(),
        }
    }

    /// Returns a writer of raw bytes.
    pub fn bytes(&mut self) -> &mut dyn Write {
        &mut self.inner
    }

    /// Writes the buffered rest.
    pub fn end(mut self) -> Result<(), Failure> {
        self.inner.flush().map_err(gone)
    }
}

/// Prints a line about a change that was made. If the reader is gone, the changes continue without it.
pub fn note(line: &str) -> Result<(), Failure> {
    let mut out = Out::new();
    let printed = out.line(line).and_then(|()| out.end());
    match printed {
        Err(Failure::ReaderGone) => Ok(()),
        printed => printed,
    }
}

/// Prints a text, and returns the outcome of the command.
pub fn print(text: &str) -> Result<Outcome, Failure> {
    let mut out = Out::new();
    out.bytes().write_all(text.as_bytes()).map_err(gone)?;
    out.end()?;
    Ok(Outcome::Done)
}

/// Returns the failure for an error of standard output. A closed reader is not an error.
pub fn gone(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Message(format!("standard output: {error}")),
    }
}
