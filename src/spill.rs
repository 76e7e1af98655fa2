//! [`Spill`]: a list that is written first and then read in order, in memory up to a limit, then in a temporary file.

use std::array;
use std::io::{self, BufReader, Read};

use crate::error::{Error, ErrorKind, Result};
use crate::temporary::{Purpose, TemporaryFile};

/// Maximum memory in bytes: 16 MiB.
const MAX_MEMORY_BYTES: usize = 16 << 20;

/// Number of bytes that are written to the file, and read from it, at a time.
const BLOCK: usize = 64 << 10;

/// A list of records, each with the same number of fields. A field has any bytes: its length is stored before it.
///
/// The list is in memory up to 16 MiB. Beyond that all of it is in a temporary file, except for the last 64 KiB.
#[derive(Debug)]
pub(crate) struct Spill<const FIELDS: usize> {
    list: List,
    count: usize,
}

/// The bytes of a list: those in the file, then those in memory.
#[derive(Debug)]
struct List {
    memory: Vec<u8>,
    file: Option<TemporaryFile>,
    /// Number of bytes in the file.
    written: u64,
    max_memory: usize,
    purpose: Purpose,
}

impl<const FIELDS: usize> Spill<FIELDS> {
    /// Creates an empty list. Its errors name the purpose.
    pub(crate) fn new(purpose: Purpose) -> Self {
        Self::with_max_memory(purpose, MAX_MEMORY_BYTES)
    }

    /// Creates an empty list that is in memory up to another size.
    pub(crate) fn with_max_memory(purpose: Purpose, max_memory: usize) -> Self {
        let list = List {
            memory: Vec::new(),
            file: None,
            written: 0,
            max_memory,
            purpose,
        };
        Self { list, count: 0 }
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// `InsufficientStorage` if the disk is full, or `OperationFailed` if the temporary file cannot be created or written.
    /// The list then has the records that it had before.
    pub(crate) fn push(&mut self, record: [&[u8]; FIELDS]) -> Result<()> {
        self.list.push(&record)?;
        self.count += 1;
        Ok(())
    }

    /// Returns the records in the order in which they were added. They can be read more than once.
    ///
    /// # Errors
    ///
    /// Errors of the disk, here and in the iterator.
    pub(crate) fn records(&mut self) -> Result<Records<'_, FIELDS>> {
        Ok(Records {
            left: self.count,
            bytes: self.list.read().map_err(unreadable)?,
        })
    }
}

impl List {
    fn push(&mut self, record: &[&[u8]]) -> Result<()> {
        let size: usize = record
            .iter()
            .map(|field| size_of::<u64>() + field.len())
            .sum();
        let room = if self.file.is_some() {
            BLOCK
        } else {
            self.max_memory
        };
        if !self.memory.is_empty() && self.memory.len() + size > room {
            self.write()?;
        }
        for field in record {
            let length = field.len() as u64;
            self.memory.extend_from_slice(&length.to_le_bytes());
            self.memory.extend_from_slice(field);
        }
        Ok(())
    }

    /// Writes the bytes in memory to the file.
    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(TemporaryFile::create(self.purpose)?),
        };
        // At an offset, so that the bytes of a failed attempt are overwritten.
        file.write_at(self.written, &self.memory)?;
        self.written += self.memory.len() as u64;
        self.memory.clear();
        self.memory.shrink_to(BLOCK);
        Ok(())
    }

    fn read(&mut self) -> io::Result<Box<dyn Read + Send + '_>> {
        let memory = self.memory.as_slice();
        Ok(match &mut self.file {
            None => Box::new(memory),
            Some(file) => {
                let file = file.read()?.take(self.written);
                Box::new(BufReader::with_capacity(BLOCK, file).chain(memory))
            }
        })
    }
}

/// Iterator over the records of a [`Spill`]. It ends after an error.
pub(crate) struct Records<'s, const FIELDS: usize> {
    left: usize,
    bytes: Box<dyn Read + Send + 's>,
}

impl<const FIELDS: usize> Iterator for Records<'_, FIELDS> {
    type Item = Result<[Vec<u8>; FIELDS]>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut record = array::from_fn(|_| Vec::new());
        for field in &mut record {
            if let Err(error) = read_field(&mut *self.bytes, field) {
                self.left = 0;
                return Some(Err(unreadable(error)));
            }
        }
        Some(Ok(record))
    }
}

/// Returns a field that was written as a text. An error means that the temporary file is damaged.
pub(crate) fn text(field: Vec<u8>) -> Result<String> {
    String::from_utf8(field).map_err(|_| {
        Error::new(ErrorKind::OperationFailed).with_message("a temporary file is damaged")
    })
}

fn read_field(bytes: &mut dyn Read, field: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; size_of::<u64>()];
    bytes.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    // Not allocated in advance: a damaged length must not exhaust the memory.
    match bytes.take(length).read_to_end(field)? as u64 == length {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!("a temporary file could not be read: {error}"))
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: Purpose = Purpose {
        data: "the list of tides",
        effect: "nothing was removed",
    };

    /// Keys with all kinds of characters, and fields of all lengths.
    fn record(number: usize) -> [Vec<u8>; 3] {
        let key = format!("tides/{number}\n\0\u{e9}\u{1f30a}\r\"");
        let bytes = (0..number % 300).map(|byte| byte as u8).collect();
        [key.into_bytes(), Vec::new(), bytes]
    }

    fn filled(max_memory: usize, count: usize) -> Spill<3> {
        let mut spill = Spill::with_max_memory(PURPOSE, max_memory);
        for number in 0..count {
            spill
                .push(record(number).each_ref().map(Vec::as_slice))
                .unwrap();
        }
        spill
    }

    fn read(spill: &mut Spill<3>) -> Vec<[Vec<u8>; 3]> {
        spill.records().unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn records_are_read_in_order_from_memory_or_from_a_file() {
        for (max_memory, count, in_file) in [
            (MAX_MEMORY_BYTES, 0, false),
            (MAX_MEMORY_BYTES, 1000, false),
            (0, 1, false),
            (0, 2, true),
            (1000, 1000, true),
            (100_000, 10_000, true),
        ] {
            let mut spill = filled(max_memory, count);
            assert_eq!(spill.list.file.is_some(), in_file, "{max_memory} {count}");
            assert_eq!(spill.count, count);
            let expected: Vec<_> = (0..count).map(record).collect();
            assert_eq!(read(&mut spill), expected);
            // They are still there, and more can follow.
            spill.push([b"a", b"b", b"c"]).unwrap();
            let again = read(&mut spill);
            assert_eq!(again[..count], expected);
            assert_eq!(
                again[count..],
                [[b"a", b"b", b"c"].map(|field| field.to_vec())]
            );
        }
    }

    #[test]
    fn an_empty_list_has_no_records_and_no_file() {
        let mut spill = Spill::<2>::new(PURPOSE);
        assert_eq!(spill.count, 0);
        assert!(spill.records().unwrap().next().is_none());
        assert!(spill.list.file.is_none());
    }

    #[test]
    fn the_memory_does_not_grow_with_the_list() {
        let mut spill = filled(200_000, 2000);
        let most = |spill: &Spill<3>| spill.list.memory.capacity();
        for number in 0..20_000 {
            spill
                .push(record(number).each_ref().map(Vec::as_slice))
                .unwrap();
            assert!(most(&spill) <= 2 * BLOCK, "{}", most(&spill));
        }
        assert!(spill.list.written > 2_000_000);
    }

    #[test]
    fn a_record_larger_than_the_memory_is_kept() {
        let large = vec![7; 3 * BLOCK];
        let mut spill = Spill::<1>::with_max_memory(PURPOSE, 10);
        for _ in 0..3 {
            spill.push([&large]).unwrap();
        }
        let records: Vec<_> = spill.records().unwrap().map(Result::unwrap).collect();
        assert_eq!(records, vec![[large]; 3]);
    }

    #[test]
    fn a_lost_file_is_an_error_and_ends_the_records() {
        let mut spill = filled(1000, 1000);
        spill.list.file.as_ref().unwrap().set_len(5000).unwrap();
        let mut records = spill.records().unwrap();
        let error = records.find_map(Result::err).expect("an error");
        assert!(error.to_string().contains("temporary file"), "{error}");
        assert!(records.next().is_none());
    }

    #[test]
    fn a_damaged_text_is_an_error_and_not_another_text() {
        assert_eq!(text("tides/é".into()).unwrap(), "tides/é");
        let error = text(vec![b't', 0xFF, b's']).unwrap_err();
        assert!(error.is(ErrorKind::OperationFailed), "{error}");
    }
}
