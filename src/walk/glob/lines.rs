//! Counts lines of any length without storing them.

use std::io::{BufRead, BufReader, Read};

use super::LineCounts;
use crate::error::Result;

/// Adds the lines of a file. A last line without a line end counts as well.
pub(super) fn count(file: impl Read, counts: &mut LineCounts) -> Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Line::default();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        for byte in bytes {
            line.is_begun = true;
            line.is_blank_so_far &= is_space(*byte);
            if *byte == b'\n' {
                std::mem::take(&mut line).end(counts);
            }
        }
        let length = bytes.len();
        reader.consume(length);
    }
    line.end(counts);
    Ok(())
}

/// State of the line that is being read.
struct Line {
    is_begun: bool,
    is_blank_so_far: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            is_begun: false,
            is_blank_so_far: true,
        }
    }
}

impl Line {
    fn end(self, counts: &mut LineCounts) {
        counts.lines += u64::from(self.is_begun);
        counts.non_blank += u64::from(!self.is_blank_so_far);
    }
}

/// Returns true for white space as in Python, which includes the vertical tab. Rust does not.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(content: &[u8]) -> (u64, u64) {
        let mut counts = LineCounts::default();
        count(content, &mut counts).unwrap();
        (counts.lines, counts.non_blank)
    }

    #[test]
    fn lines_are_counted_as_in_python() {
        assert_eq!(counted(b""), (0, 0));
        assert_eq!(counted(b"\n"), (1, 0));
        assert_eq!(counted(b"a"), (1, 1));
        assert_eq!(counted(b"a\n"), (1, 1));
        assert_eq!(counted(b"a\n\n \t\x0b\x0c\r\nb"), (4, 2));
        assert_eq!(counted(b"a\rb\n"), (1, 1));
        assert_eq!(counted(b"\xff\n\xc2\xa0\n\0\n"), (3, 3));
    }

    #[test]
    fn a_line_may_be_longer_than_one_read() {
        let mut content = vec![b' '; 200_000];
        content.extend(b"x\n");
        content.extend([b' '; 70_000]);
        assert_eq!(counted(&content), (2, 1));
    }
}
