//! [`Mode`]: a parsed mode string of `openbin`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// A mode string as in PyFilesystem and Python's `open`: one of `r`, `w`, `x`, `a`, followed by any of `+`, `b` or `t`.
///
/// Source: [`fs.mode.Mode`](https://docs.pyfilesystem.org/en/latest/reference/mode.html).
///
/// ```
/// use s3fs::Mode;
///
/// let mode: Mode = "a+".parse()?;
/// assert!(mode.appending() && mode.reading() && !mode.truncate());
/// assert!("rw".parse::<Mode>().is_err());
/// # Ok::<(), s3fs::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mode {
    first: First,
    plus: bool,
    text: bool,
    bytes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum First {
    Read,
    Write,
    Exclusive,
    Append,
}

impl Mode {
    /// Parses a mode string.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMode`]. The message describes valid modes.
    pub fn new(mode: &str) -> Result<Self> {
        let invalid = |why: &str| {
            Err(Error::new(ErrorKind::InvalidMode)
                .with_message(format!("{mode:?} {why}"))
                .with_hint("a mode is r, w, x or a, followed by any of +, b or t"))
        };
        let mut chars = mode.chars();
        let first = match chars.next() {
            Some('r') => First::Read,
            Some('w') => First::Write,
            Some('x') => First::Exclusive,
            Some('a') => First::Append,
            Some(_) => return invalid("does not begin with r, w, x or a"),
            None => return invalid("is empty"),
        };
        let mut result = Self {
            first,
            plus: false,
            text: false,
            bytes: false,
        };
        for c in chars {
            let flag = match c {
                '+' => &mut result.plus,
                't' => &mut result.text,
                'b' => &mut result.bytes,
                _ => return invalid("contains a character that is not allowed there"),
            };
            if std::mem::replace(flag, true) {
                return invalid("contains a character twice");
            }
        }
        if result.text && result.bytes {
            return invalid("is both binary and text");
        }
        Ok(result)
    }

    /// Parses a mode string for `openbin`, which does not allow `t`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidMode`]. The message describes valid modes.
    pub fn binary(mode: &str) -> Result<Self> {
        let result = Self::new(mode)?;
        if result.text {
            return Err(Error::new(ErrorKind::InvalidMode)
                .with_message(format!(
                    "{mode:?} is a text mode, but openbin opens binary files"
                ))
                .with_hint("remove the t"));
        }
        Ok(result)
    }

    /// Returns true if the mode creates a missing file (`w`, `x`, `a`).
    #[must_use]
    pub fn create(self) -> bool {
        self.first != First::Read
    }

    /// Returns true if the file can be read.
    #[must_use]
    pub fn reading(self) -> bool {
        self.first == First::Read || self.plus
    }

    /// Returns true if the file can be written.
    #[must_use]
    pub fn writing(self) -> bool {
        self.first != First::Read || self.plus
    }

    /// Returns true if every write goes to the end (`a`).
    #[must_use]
    pub fn appending(self) -> bool {
        self.first == First::Append
    }

    /// Returns true if the file can be both read and written (`+`).
    #[must_use]
    pub fn updating(self) -> bool {
        self.plus
    }

    /// Returns true if the previous content is discarded (`w`, `x`).
    #[must_use]
    pub fn truncate(self) -> bool {
        matches!(self.first, First::Write | First::Exclusive)
    }

    /// Returns true if the file must not exist yet (`x`).
    #[must_use]
    pub fn exclusive(self) -> bool {
        self.first == First::Exclusive
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(mode: &str) -> Result<Self> {
        Self::new(mode)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.first {
            First::Read => "r",
            First::Write => "w",
            First::Exclusive => "x",
            First::Append => "a",
        })?;
        for (flag, letter) in [(self.plus, "+"), (self.text, "t"), (self.bytes, "b")] {
            if flag {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mode({:?})", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_behaves_as_in_pyfilesystem() {
        // mode, create, reading, writing, appending, updating, truncate, exclusive
        let table = [
            ("r", [false, true, false, false, false, false, false]),
            ("rb", [false, true, false, false, false, false, false]),
            ("r+", [false, true, true, false, true, false, false]),
            ("w", [true, false, true, false, false, true, false]),
            ("w+", [true, true, true, false, true, true, false]),
            ("x", [true, false, true, false, false, true, true]),
            ("x+b", [true, true, true, false, true, true, true]),
            ("a", [true, false, true, true, false, false, false]),
            ("ab+", [true, true, true, true, true, false, false]),
        ];
        for (text, expected) in table {
            let mode = Mode::binary(text).unwrap();
            let answers = [
                mode.create(),
                mode.reading(),
                mode.writing(),
                mode.appending(),
                mode.updating(),
                mode.truncate(),
                mode.exclusive(),
            ];
            assert_eq!(answers, expected, "{text}");
        }
    }

    #[test]
    fn an_invalid_mode_is_an_error_that_quotes_it() {
        for text in ["", "b", "+r", "rw", "rr", "r++", "rbt", "R", "r ", "é"] {
            let error = Mode::new(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidMode, "{text:?}");
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
        assert!(Mode::new("rt").is_ok());
        assert!(Mode::binary("rt").is_err());
    }
}
