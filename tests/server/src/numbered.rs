//! Keys that are counted and not kept, so that a bucket can have a million of them. A bit for each key shows whether it
//! has an object. All of them have the same object.

use std::borrow::Cow;

use super::store::{Object, Version};

/// Maximum number of keys: two digits for each of three levels.
const MOST: u32 = 1_000_000;

/// The names of the keys.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// `00/00/00`, `00/00/01` and so on: 100 files in each directory of 100 in each of 100.
    Levels,
    /// `d000/f000`, `d000/f001` and so on: 1,000 files in each directory.
    Directories,
    /// `file-000000.txt`, `file-000001.txt` and so on.
    Directory,
    /// 64 hexadecimal digits, evenly distributed.
    Hexadecimal,
}

/// `count` keys that begin with `prefix`.
pub struct Numbered {
    prefix: String,
    count: u32,
    shape: Shape,
    /// Whether each key has the object, 64 keys in each number.
    bits: Vec<u64>,
    version: Version,
    /// The object of all keys.
    object: Object,
}

impl Numbered {
    /// Keys with an object each.
    pub fn new(prefix: &str, count: u32, shape: Shape) -> Self {
        let mut keys = Self::empty(prefix, count, shape);
        keys.bits.fill(u64::MAX);
        keys
    }

    /// Keys without objects. A copy of a numbered object to one of them sets its bit.
    pub fn empty(prefix: &str, count: u32, shape: Shape) -> Self {
        assert!(count <= MOST, "there are names for {MOST} keys");
        let object = Object::new("content");
        Self {
            prefix: prefix.to_owned(),
            count,
            shape,
            bits: vec![0; count.div_ceil(64) as usize],
            version: Version {
                id: "null".to_owned(),
                modified: object.modified,
                object: Some(object.clone()),
            },
            object,
        }
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the object of a key, if it has one.
    pub fn version(&self, key: &str) -> Option<&Version> {
        let number = self.number(key)?;
        self.has(number).then_some(&self.version)
    }

    /// Stores an object that equals the others, or removes that of a key. Returns whether the key is now up to date.
    pub fn set(&mut self, key: &str, object: Option<&Object>) -> bool {
        let Some(number) = self.number(key) else {
            return false;
        };
        let is_same = object.is_some_and(|object| {
            object.etag == self.object.etag && object.headers == self.object.headers
        });
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        match is_same {
            true => self.bits[word] |= bit,
            false => self.bits[word] &= !bit,
        }
        is_same || object.is_none()
    }

    fn has(&self, number: u32) -> bool {
        self.bits[number as usize / 64] >> (number % 64) & 1 == 1
    }

    /// Returns the keys with objects from `start` on, in order.
    pub fn from<'a>(&'a self, start: &str) -> impl Iterator<Item = (Cow<'a, str>, &'a Object)> {
        let numbers = (self.first(start)..self.count).filter(|number| self.has(*number));
        numbers.map(|number| (self.key(number).into(), &self.object))
    }

    fn number(&self, key: &str) -> Option<u32> {
        if !key.starts_with(&self.prefix) {
            return None;
        }
        let number = self.first(key);
        (number < self.count && self.key(number) == key).then_some(number)
    }

    /// Returns the number of the first key that is not before `start`.
    fn first(&self, start: &str) -> u32 {
        let (mut first, mut end) = (0, self.count);
        while first < end {
            let middle = u32::midpoint(first, end);
            if self.key(middle).as_str() < start {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        first
    }

    fn key(&self, number: u32) -> String {
        let prefix = &self.prefix;
        match self.shape {
            Shape::Levels => {
                let [outer, inner, file] = [number / 10_000, number / 100 % 100, number % 100];
                format!("{prefix}{outer:02}/{inner:02}/{file:02}")
            }
            Shape::Directories => format!("{prefix}d{:03}/f{:03}", number / 1000, number % 1000),
            Shape::Directory => format!("{prefix}file-{number:06}.txt"),
            Shape::Hexadecimal => {
                let first = u64::from(number) * (u64::MAX / u64::from(self.count));
                let rest = first.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                format!(
                    "{prefix}{first:016x}{rest:016x}{:016x}{:016x}",
                    !rest,
                    rest ^ first
                )
            }
        }
    }
}
