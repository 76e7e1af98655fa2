//! [`OpenFile`]: the return type of [`open`](crate::FileSystemExt::open). It is an open file of any filesystem with a small
//! buffer, so that it can be read by lines.

use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use crate::error::Result;
use crate::filesystem::file::{File, seek_target};
use crate::filesystem::text::TextFile;

/// Size of the read buffer for small reads and for reading by lines. Larger reads bypass the buffer. It is smaller than the
/// buffer of an open file on S3, so that a short seek backwards sends no request.
const BUFFER_BYTES: usize = 4 << 10;

/// An open file of any filesystem and any mode that can be read by lines: PyFilesystem's `open`.
///
/// ```
/// use std::io::{BufRead, Write};
/// use s3fs::{File, FileSystemExt, MemoryFs};
///
/// let fs = MemoryFs::new();
/// let mut file = fs.open("tides.csv", "w")?;
/// writeln!(file, "03:10,4.1")?;
/// writeln!(file, "09:25,1.3")?;
/// file.close()?;
/// let lines: Vec<String> = fs.open("tides.csv", "r")?.lines().collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["03:10,4.1", "09:25,1.3"]);
/// # Ok::<(), s3fs::Error>(())
/// ```
#[must_use = "call close() to publish a written file; dropping it stores nothing"]
pub struct OpenFile {
    file: Box<dyn File>,
    path: String,
    buffer: Vec<u8>,
    /// Number of bytes of the buffer that were returned to the caller.
    used: usize,
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl OpenFile {
    /// Wraps a file without checks.
    pub(crate) fn binary(file: Box<dyn File>, path: &str) -> Self {
        Self {
            file,
            path: path.to_owned(),
            buffer: Vec::new(),
            used: 0,
        }
    }

    /// Wraps a file. Its reads are checked to be UTF-8.
    pub(crate) fn text(file: Box<dyn File>, path: &str) -> Result<Self> {
        Ok(Self::binary(Box::new(TextFile::new(file, path)?), path))
    }

    fn unused(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Discards the buffer and moves the position of the file to that of the caller.
    fn leave_buffer(&mut self) -> io::Result<()> {
        if let ahead @ 1.. = self.unused().len() {
            let position = self.file.stream_position()?;
            self.file.seek(SeekFrom::Start(position - ahead as u64))?;
        }
        self.buffer.clear();
        self.used = 0;
        Ok(())
    }
}

impl Read for OpenFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unused().is_empty() && buffer.len() >= BUFFER_BYTES {
            return self.file.read(buffer);
        }
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for OpenFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.unused().is_empty() {
            let mut buffer = std::mem::take(&mut self.buffer);
            self.used = 0;
            buffer.resize(BUFFER_BYTES, 0);
            let count = self.file.read(&mut buffer)?;
            buffer.truncate(count);
            self.buffer = buffer;
        }
        Ok(self.unused())
    }

    fn consume(&mut self, count: usize) {
        self.used += count.min(self.unused().len());
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.leave_buffer()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for OpenFile {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        let from = match from {
            SeekFrom::Current(0) => return self.stream_position(),
            SeekFrom::Current(_) => {
                let position = self.stream_position()?;
                SeekFrom::Start(seek_target(from, position, 0, &self.path)?)
            }
            from => from,
        };
        if from == SeekFrom::Start(self.stream_position()?) {
            return self.stream_position();
        }
        let position = self.file.seek(from)?;
        self.buffer.clear();
        self.used = 0;
        Ok(position)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.file.stream_position()? - self.unused().len() as u64)
    }
}

impl File for OpenFile {
    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.leave_buffer()?;
        self.file.set_len(size)
    }

    fn close(&mut self) -> Result<()> {
        self.buffer.clear();
        self.used = 0;
        self.file.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ext::FileSystemExt;

    use crate::memoryfs::MemoryFs;

    #[test]
    fn a_buffered_file_behaves_like_an_unbuffered_one() {
        let content: String = (0..2000).map(|n| format!("line {n} é\n")).collect();
        let fs = MemoryFs::new();
        for mode in ["r+b", "r+"] {
            fs.writetext("f", &content).unwrap();
            fs.writetext("g", &content).unwrap();
            let mut file = fs.open("f", mode).unwrap();
            let mut plain = fs.openbin("g", "r+").unwrap();
            let mut line = String::new();
            for round in 0..40_u32 {
                line.clear();
                file.read_line(&mut line).unwrap();
                let mut same = vec![0; line.len()];
                plain.read_exact(&mut same).unwrap();
                assert_eq!(line.as_bytes(), same);
                match round % 4 {
                    0 => {
                        file.write_all(b"XY").unwrap();
                        plain.write_all(b"XY").unwrap();
                    }
                    1 => {
                        let mut long = vec![0; 9000 - 500 * (round as usize % 3)];
                        let mut same = long.clone();
                        // Never part of a character.
                        let count = if mode == "r+" { 10 } else { long.len() };
                        file.read_exact(&mut long[..count]).unwrap();
                        plain.read_exact(&mut same[..count]).unwrap();
                        assert_eq!(long, same);
                        line.clear();
                        file.read_line(&mut line).unwrap();
                        plain.seek(SeekFrom::Current(line.len() as i64)).unwrap();
                    }
                    2 => {
                        let to = SeekFrom::Start(u64::from(round) * 12);
                        assert_eq!(file.seek(to).unwrap(), plain.seek(to).unwrap());
                        line.clear();
                        // The rest of a line, wherever it begins.
                        if file.read_line(&mut line).is_err() {
                            break;
                        }
                        plain.seek(SeekFrom::Current(line.len() as i64)).unwrap();
                    }
                    _ => {
                        let back = SeekFrom::Current(-(line.len() as i64));
                        assert_eq!(file.seek(back).unwrap(), plain.seek(back).unwrap());
                    }
                }
                let position = plain.stream_position().unwrap();
                assert_eq!(file.stream_position().unwrap(), position, "{mode} {round}");
                assert_eq!(file.seek(SeekFrom::Start(position)).unwrap(), position);
            }
            file.set_len(20_000).unwrap();
            plain.set_len(20_000).unwrap();
            file.close().unwrap();
            plain.close().unwrap();
            assert_eq!(fs.readbytes("f").unwrap(), fs.readbytes("g").unwrap());
        }
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_reported_with_its_position() {
        let fs = MemoryFs::new();
        fs.writebytes("f", b"fine\nnot \xff fine\n").unwrap();
        let mut lines = fs.open("f", "r").unwrap().lines();
        assert_eq!(lines.next().unwrap().unwrap(), "fine");
        let error = lines.next().unwrap().unwrap_err().to_string();
        assert!(
            error.contains("\"f\"") && error.contains("not UTF-8 at byte 9"),
            "{error}"
        );
        // Binary reads return the bytes unchecked.
        let file = fs.open("f", "rb").unwrap();
        assert_eq!(file.split(b'\n').count(), 2);
    }

    #[test]
    fn a_character_can_be_read_byte_by_byte_with_seeks_between() {
        let fs = MemoryFs::new();
        fs.writetext("f", "é日").unwrap();
        let mut file = fs.open("f", "r").unwrap();
        let mut byte = [0];
        for (position, expected) in (1..).zip("é日".bytes()) {
            assert_eq!(file.read(&mut byte).unwrap(), 1);
            assert_eq!(byte[0], expected);
            file.seek(SeekFrom::Start(position)).unwrap();
        }
        assert_eq!(file.read(&mut byte).unwrap(), 0);
    }

    #[test]
    fn operations_that_the_mode_forbids_are_refused() {
        let fs = MemoryFs::new();
        let mut file = fs.open("f", "w").unwrap();
        assert!(file.fill_buf().is_err());
        file.write_all(b"text").unwrap();
        assert_eq!(file.stream_position().unwrap(), 4);
        file.close().unwrap();
        let mut file = fs.open("f", "r").unwrap();
        file.fill_buf().unwrap();
        assert!(file.write(b"x").is_err());
        assert_eq!(io::read_to_string(&mut file).unwrap(), "text");
        file.close().unwrap();
        assert!(file.fill_buf().is_err());
    }
}
