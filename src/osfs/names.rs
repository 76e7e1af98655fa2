//! [`Names`]: the names in a directory, in the order of their keys.

use std::cmp::Ordering;

/// The names in a directory. A listing of keys has the same order: that of the bytes, if the name of a directory ends with a
/// slash. A name takes 16 bytes and its length.
#[derive(Default)]
pub(super) struct Names {
    text: String,
    names: Vec<Name>,
}

#[derive(Clone, Copy)]
struct Name {
    start: usize,
    length: u32,
    is_dir: bool,
}

impl Names {
    pub(super) fn add(&mut self, name: &str, is_dir: bool) {
        self.names.push(Name {
            start: self.text.len(),
            // No file system has names of this length.
            length: u32::try_from(name.len()).unwrap_or(u32::MAX),
            is_dir,
        });
        self.text.push_str(name);
    }

    /// Sorts the names. They must not be read before.
    pub(super) fn sort(&mut self) {
        let text = &self.text;
        let key = |name: &Name| (name.of(text), name.is_dir);
        self.names
            .sort_unstable_by(|one, other| in_key_order(key(one), key(other)));
    }

    pub(super) fn get(&self, number: usize) -> Option<&str> {
        self.names.get(number).map(|name| name.of(&self.text))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| name.of(&self.text))
    }
}

impl Name {
    fn of(self, text: &str) -> &str {
        let rest = text.get(self.start..).unwrap_or_default();
        rest.get(..self.length as usize).unwrap_or_default()
    }
}

/// Compares two names as keys.
fn in_key_order((one, one_is_dir): (&str, bool), (other, other_is_dir): (&str, bool)) -> Ordering {
    let common = one.len().min(other.len());
    let next = |name: &str, is_dir: bool| match name.as_bytes().get(common) {
        Some(byte) => Some(*byte),
        None => is_dir.then_some(b'/'),
    };
    let starts = one.bytes().take(common).cmp(other.bytes().take(common));
    starts.then_with(|| next(one, one_is_dir).cmp(&next(other, other_is_dir)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_order_of_their_keys() {
        let all = [
            ("a", false),
            ("a!", true),
            ("a-b", false),
            ("a", true),
            ("a0", true),
            ("aé", false),
            ("b", true),
            ("ba", false),
            ("\u{10000}", true),
        ];
        let mut names = Names::default();
        for (name, is_dir) in all.iter().rev() {
            names.add(name, *is_dir);
        }
        names.sort();
        let key =
            |(name, is_dir): &(&str, bool)| format!("{name}{}", if *is_dir { "/" } else { "" });
        let mut keys: Vec<String> = all.iter().map(key).collect();
        assert!(keys.is_sorted());
        for (number, key) in keys.drain(..).enumerate() {
            assert_eq!(names.get(number), Some(key.trim_end_matches('/')));
        }
        assert_eq!(names.get(all.len()), None);
    }
}
