//! Keys that are counted and not kept, so that a bucket can list a million of them. Only
//! listings include them.

use std::borrow::Cow;

use super::store::Object;

/// Maximum number of keys: two digits for each of three levels.
const MOST: u32 = 1_000_000;

/// `prefix` + `00/00/00`, `00/00/01` and so on: 100 files in each directory of 100 in each of 100.
pub struct Numbered {
    prefix: String,
    count: u32,
    /// The object of all keys.
    object: Object,
}

impl Numbered {
    pub fn new(prefix: &str, count: u32) -> Self {
        assert!(count <= MOST, "there are names for {MOST} keys");
        Self {
            prefix: prefix.to_owned(),
            count,
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
        let [outer, inner, file] = [number / 10_000, number / 100 % 100, number % 100];
        format!("{}{outer:02}/{inner:02}/{file:02}", self.prefix)
    }
}
