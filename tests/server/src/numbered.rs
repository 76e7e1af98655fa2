//! Keys that are counted and not kept, so that a bucket can list a million of them. Only
//! listings include them.

use std::borrow::Cow;

use super::store::Object;

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
    /// The object of all keys.
    object: Object,
}

impl Numbered {
    pub fn new(prefix: &str, count: u32, shape: Shape) -> Self {
        assert!(count <= MOST, "there are names for {MOST} keys");
        Self {
            prefix: prefix.to_owned(),
            count,
            shape,
            object: Object::new("content"),
        }
    }

    /// Returns the keys from `start` on, in order.
    pub fn from<'a>(&'a self, start: &str) -> impl Iterator<Item = (Cow<'a, str>, &'a Object)> {
        let (mut first, mut end) = (0, self.count);
        while first < end {
            let middle = u32::midpoint(first, end);
            if self.key(middle).as_str() < start {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        (first..self.count).map(|number| (self.key(number).into(), &self.object))
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
