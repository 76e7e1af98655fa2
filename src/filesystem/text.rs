//! [`TextFile`]: an open file whose reads are checked to be UTF-8.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::str;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::file::{File, seek_target};

/// A file that is read as text: the bytes are returned unchanged after they were checked to be UTF-8. Writes pass through.
pub(crate) struct TextFile {
    file: Box<dyn File>,
    /// Path as passed by the caller.
    path: String,
    /// Position after the last byte that was returned to the caller.
    position: u64,
    /// First bytes of a character that was not read completely yet.
    cut: Cut,
    /// Position of the first bytes that are not UTF-8, if reading reached them.
    bad: Option<u64>,
}

impl TextFile {
    /// Wraps a file as text, starting at its current position.
    pub(crate) fn new(mut file: Box<dyn File>, path: &str) -> Result<Self> {
        let position = file.stream_position()?;
        Ok(Self {
            file,
            path: path.to_owned(),
            position,
            cut: Cut::default(),
            bad: None,
        })
    }

    /// Checks the bytes that were just read. Returns the number of bytes that the caller may have.
    fn check(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let begun = self.position - self.cut.len() as u64;
        if bytes.is_empty() {
            return match self.cut.len() {
                0 => Ok(0),
                _ => Err(self.not_utf8(begun, ": it ends in the middle of a character")),
            };
        }
        let checked = match self.cut.followed_by(bytes) {
            Ok(cut) => {
                self.cut = cut;
                bytes.len()
            }
            Err(0) => {
                self.bad = Some(begun);
                0
            }
            Err(fine) => {
                self.bad = Some(self.position + fine as u64);
                self.cut = Cut::default();
                fine
            }
        };
        self.position += checked as u64;
        if checked < bytes.len() {
            // A write starts after the last byte that was returned to the caller.
            self.file.seek(SeekFrom::Start(self.position))?;
        }
        match self.bad {
            Some(bad) if checked == 0 => Err(self.not_utf8(bad, "")),
            _ => Ok(checked),
        }
    }

    fn not_utf8(&self, position: u64, why: &str) -> io::Error {
        Error::new(ErrorKind::OperationFailed)
            .with_path(self.path.as_str())
            .with_message(format!("the file is not UTF-8 at byte {position}{why}"))
            .with_hint("open it in binary mode, with \"b\" in the mode")
            .into()
    }

    /// Starts checking anew at this position.
    fn start_at(&mut self, position: u64) {
        if position != self.position || self.bad.is_some() {
            self.cut = Cut::default();
            self.bad = None;
            self.position = position;
        }
    }
}

impl Read for TextFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(bad) = self.bad {
            return Err(self.not_utf8(bad, ""));
        }
        if buffer.is_empty() {
            return self.file.read(buffer);
        }
        let count = self.file.read(buffer)?;
        self.check(buffer.get(..count).unwrap_or_default())
    }
}

impl Write for TextFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        if count > 0 {
            // Appending writes at the end, whatever the position.
            let position = self.file.stream_position()?;
            self.start_at(position);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for TextFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        let from = match from {
            SeekFrom::Current(_) => {
                SeekFrom::Start(seek_target(from, self.position, 0, &self.path)?)
            }
            from => from,
        };
        let position = self.file.seek(from)?;
        self.start_at(position);
        Ok(position)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.file.stream_position()
    }
}

impl File for TextFile {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.file.set_len(size)
    }

    fn close(&mut self) -> Result<()> {
        self.file.close()
    }
}

/// The first bytes of an incomplete character: at most three.
#[derive(Clone, Default)]
struct Cut(Vec<u8>);

impl Cut {
    fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the incomplete character at the end of `bytes`, or, if they are not UTF-8, the number of bytes that may be
    /// returned.
    fn followed_by(&self, bytes: &[u8]) -> std::result::Result<Self, usize> {
        let mut cut = self.0.clone();
        let mut rest = bytes;
        while !cut.is_empty() {
            let Some((next, after)) = rest.split_first() else {
                return Ok(Self(cut));
            };
            cut.push(*next);
            rest = after;
            match str::from_utf8(&cut) {
                Ok(_) => cut.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(0),
            }
        }
        match str::from_utf8(rest) {
            Ok(_) => Ok(Self::default()),
            Err(error) if error.error_len().is_none() => {
                let cut = rest.get(error.valid_up_to()..).unwrap_or_default();
                Ok(Self(cut.to_vec()))
            }
            Err(error) => Err(bytes.len() - rest.len() + error.valid_up_to()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A file in memory that returns a few bytes at a time.
    struct Pieces {
        content: Cursor<Vec<u8>>,
        size: usize,
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = buffer.len().min(self.size);
            self.content.read(&mut buffer[..size])
        }
    }

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.content.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Pieces {
        fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
            self.content.seek(from)
        }
    }

    impl File for Pieces {
        fn set_len(&mut self, size: u64) -> io::Result<()> {
            self.content.get_mut().resize(size as usize, 0);
            Ok(())
        }

        fn close(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn text(content: &[u8], size: usize) -> TextFile {
        let content = Cursor::new(content.to_vec());
        TextFile::new(Box::new(Pieces { content, size }), "f").unwrap()
    }

    /// Returns the bytes that were read before an error, and the error.
    fn read(file: &mut TextFile) -> (Vec<u8>, Option<String>) {
        let mut bytes = Vec::new();
        let result = file.read_to_end(&mut bytes);
        (bytes, result.err().map(|error| error.to_string()))
    }

    #[test]
    fn text_is_unchanged_however_it_is_split() {
        let content = "aé\r\n日本🐚\0\u{feff}z".as_bytes();
        for size in 1..=content.len() {
            assert_eq!(read(&mut text(content, size)), (content.to_vec(), None));
        }
    }

    #[test]
    fn invalid_utf_8_is_reported_with_its_position_and_not_passed_on() {
        // content, result before the error if nothing is cut, position of the error
        let table: [(&[u8], usize, usize); 7] = [
            (b"\xff", 0, 0),
            (b"abc\xffdef", 3, 3),
            (b"ab\xc3(", 2, 2),
            (b"ab\xe6\x97x", 2, 2),
            (b"\xed\xa0\x80", 0, 0),
            ("日\u{0}".as_bytes(), 4, usize::MAX),
            (b"ab\xf0\x9f\x90", 5, 2),
        ];
        for (content, before, position) in table {
            for size in [1, 2, 3, 100] {
                let (bytes, error) = read(&mut text(content, size));
                if position == usize::MAX {
                    assert_eq!((bytes.len(), error), (before, None));
                    continue;
                }
                let error = error.expect("an error");
                let told = format!("not UTF-8 at byte {position}");
                assert!(error.contains(&told), "{content:?} by {size}: {error}");
                assert!(error.contains("\"f\""), "{error}");
                // The start of a cut character was returned before its end was read.
                assert!(bytes.len() <= before.max(position + 3), "{content:?}");
                assert_eq!(bytes, content[..bytes.len()]);
                if size == 100 {
                    assert_eq!(bytes.len(), before, "{content:?}");
                }
            }
        }
    }

    #[test]
    fn an_error_stays_until_the_position_changes() {
        let mut file = text(b"ab\xffcd", 100);
        let mut byte = [0; 10];
        assert_eq!(file.read(&mut byte).unwrap(), 2);
        assert_eq!(file.stream_position().unwrap(), 2);
        for _ in 0..2 {
            assert!(file.read(&mut byte).is_err());
            assert_eq!(file.stream_position().unwrap(), 2);
        }
        assert_eq!(file.seek(SeekFrom::Current(1)).unwrap(), 3);
        assert_eq!(read(&mut file), (b"cd".to_vec(), None));
        file.seek(SeekFrom::Start(2)).unwrap();
        assert!(file.read(&mut byte).is_err());
        // A write goes to the position of the caller.
        file.write_all(b"!").unwrap();
        assert_eq!(read(&mut file), (b"cd".to_vec(), None));
        file.rewind().unwrap();
        assert_eq!(read(&mut file), (b"ab!cd".to_vec(), None));
    }

    #[test]
    fn utf_8_checks_restart_after_a_seek() {
        let mut file = text("é日".as_bytes(), 1);
        let mut byte = [0];
        assert_eq!(file.read(&mut byte).unwrap(), 1);
        // A seek to the current position changes nothing, although it is within a character.
        assert_eq!(file.stream_position().unwrap(), 1);
        assert_eq!(file.seek(SeekFrom::Start(1)).unwrap(), 1);
        assert_eq!(file.read(&mut byte).unwrap(), 1);
        file.seek(SeekFrom::End(-3)).unwrap();
        assert_eq!(read(&mut file), ("日".as_bytes().to_vec(), None));
        file.seek(SeekFrom::Start(1)).unwrap();
        let (bytes, error) = read(&mut file);
        assert!(bytes.is_empty() && error.unwrap().contains("at byte 1"));
        assert!(file.seek(SeekFrom::Current(-10)).is_err());
    }

    #[test]
    fn writes_pass_through_unchanged() {
        let mut file = text(b"", 1);
        file.write_all(b"a\r\nb\n\xff").unwrap();
        file.set_len(5).unwrap();
        file.rewind().unwrap();
        assert_eq!(read(&mut file), (b"a\r\nb\n".to_vec(), None));
    }
}
