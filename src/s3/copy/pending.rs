//! The keys of a tree that are still to be deleted: markers wait until all other keys are deleted. The keys of an error.

use std::fmt;

use crate::error::{Error, Result};
use crate::s3::client::xml::body::Deletion;

/// Maximum number of keys in an error message.
const NAMED_KEYS: usize = 3;

/// A key to delete, with the ETag that its object must have, if any.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ToDelete {
    pub(super) key: String,
    pub(super) e_tag: Option<String>,
}

impl ToDelete {
    pub(super) fn deletion(&self) -> Deletion<'_> {
        Deletion {
            key: &self.key,
            e_tag: self.e_tag.as_deref(),
        }
    }
}

/// The keys of a tree to delete, in batches, with its markers after all others.
pub(super) struct PendingDeletes<'a> {
    delimiter: &'a str,
    max_markers: usize,
    /// Number of keys of a batch.
    batch: usize,
    keys: Vec<ToDelete>,
    markers: Vec<ToDelete>,
    /// Whether there were more markers than the maximum in memory.
    overflowed: bool,
}

impl<'a> PendingDeletes<'a> {
    pub(super) fn new(delimiter: &'a str, max_markers: usize, batch: usize) -> Self {
        Self {
            delimiter,
            max_markers,
            batch,
            keys: Vec::new(),
            markers: Vec::new(),
            overflowed: false,
        }
    }

    pub(super) fn add(&mut self, object: ToDelete) {
        if !object.key.ends_with(self.delimiter) {
            self.keys.push(object);
        } else if self.markers.len() < self.max_markers && !self.overflowed {
            self.markers.push(object);
        } else {
            self.overflowed = true;
            self.markers = Vec::new();
        }
    }

    /// Returns the keys of one full batch, without markers, if there are enough.
    pub(super) fn full_batch(&mut self) -> Option<Vec<ToDelete>> {
        (self.keys.len() >= self.batch).then(|| self.keys.drain(..self.batch).collect())
    }

    /// Returns true if the rest contains all markers. Otherwise it contains none.
    pub(super) fn has_all_markers(&self) -> bool {
        !self.overflowed
    }

    pub(super) fn rest(self) -> Vec<ToDelete> {
        self.keys.into_iter().chain(self.markers).collect()
    }
}

/// Markers that are added in the order of a listing, and returned with the deepest first. A marker waits until the listing
/// has passed all keys below it.
#[derive(Default)]
pub(super) struct DeepestFirst {
    open: Vec<ToDelete>,
    passed: Vec<ToDelete>,
}

impl DeepestFirst {
    pub(super) fn add(&mut self, marker: ToDelete) {
        let is_passed = |above: &mut ToDelete| !marker.key.starts_with(&above.key);
        while let Some(above) = self.open.pop_if(is_passed) {
            self.passed.push(above);
        }
        self.open.push(marker);
    }

    /// Returns the markers of one full batch, if there are enough.
    pub(super) fn full_batch(&mut self, batch: usize) -> Option<Vec<ToDelete>> {
        (self.passed.len() >= batch).then(|| self.passed.drain(..batch).collect())
    }

    pub(super) fn rest(self) -> Vec<ToDelete> {
        let open = self.open.into_iter().rev();
        self.passed.into_iter().chain(open).collect()
    }
}

/// A number of keys, and the first of them for an error message.
#[derive(Default)]
pub(super) struct SomeKeys {
    pub(super) count: usize,
    named: Vec<String>,
}

impl SomeKeys {
    pub(super) fn add(&mut self, key: &str) {
        self.count += 1;
        if self.named.len() < NAMED_KEYS {
            self.named.push(key.to_owned());
        }
    }

    pub(super) fn add_all(&mut self, others: &Self) {
        let count = self.count + others.count;
        others.named.iter().for_each(|key| self.add(key));
        self.count = count;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for SomeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, key) in self.named.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{key:?}")?;
        }
        Ok(())
    }
}

/// The keys that could not be deleted, and the error of the first one.
#[derive(Default)]
pub(super) struct NotDeleted {
    keys: SomeKeys,
    first: Option<Error>,
}

impl NotDeleted {
    pub(super) fn add(&mut self, key: &str, error: Error) {
        self.keys.add(key);
        self.first.get_or_insert(error);
    }

    /// Adds keys with the same error.
    pub(super) fn add_all(&mut self, keys: &SomeKeys, error: Error) {
        if !keys.is_empty() {
            self.keys.add_all(keys);
            self.first.get_or_insert(error);
        }
    }

    /// Returns an error if there are any.
    pub(super) fn outcome(self) -> Result<()> {
        let Self { keys, first } = self;
        let Some(first) = first else {
            return Ok(());
        };
        Err(Error::new(first.kind()).with_message(format!(
            "{} keys could not be deleted: {keys} ({})",
            keys.count,
            first.message().unwrap_or("no reason was given")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn to_delete(key: &str) -> ToDelete {
        ToDelete {
            key: key.to_owned(),
            e_tag: None,
        }
    }

    fn keys(objects: Vec<ToDelete>) -> Vec<String> {
        objects.into_iter().map(|object| object.key).collect()
    }

    fn pending<'k>(
        max_markers: usize,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> PendingDeletes<'static> {
        let mut pending = PendingDeletes::new("/", max_markers, 1000);
        keys.into_iter().for_each(|key| pending.add(to_delete(key)));
        pending
    }

    #[test]
    fn markers_wait_until_all_other_keys_are_deleted() {
        let files: Vec<String> = (0..1500).map(|number| format!("t/{number}")).collect();
        let files = files.iter().map(String::as_str);
        let mut pending = pending(2, ["t/", "t/a/"].into_iter().chain(files));
        let first = keys(pending.full_batch().unwrap());
        assert_eq!(first.len(), 1000);
        assert!(first.iter().all(|key| !key.ends_with('/')));
        assert!(pending.full_batch().is_none() && pending.has_all_markers());
        assert_eq!(pending.rest().len(), 502);
    }

    #[test]
    fn no_marker_is_held_if_there_are_too_many() {
        let pending = pending(2, ["t/", "t/a/", "t/a/f", "t/b/", "t/c/"]);
        assert!(!pending.has_all_markers());
        assert_eq!(keys(pending.rest()), ["t/a/f"]);
    }

    #[test]
    fn markers_of_a_listing_are_returned_with_the_deepest_first() {
        let mut markers = DeepestFirst::default();
        for key in ["t/", "t/a/", "t/a/b/", "t/c/", "t/c/d/", "t/c/d/e/"] {
            markers.add(to_delete(key));
        }
        assert_eq!(keys(markers.full_batch(1).unwrap()), ["t/a/b/"]);
        assert!(markers.full_batch(2).is_none());
        let rest = ["t/a/", "t/c/d/e/", "t/c/d/", "t/c/", "t/"];
        assert_eq!(keys(markers.rest()), rest);
    }

    #[test]
    fn an_error_counts_all_keys_and_names_the_first_ones() {
        let mut failed = NotDeleted::default();
        for number in 0..10 {
            let error = Error::new(ErrorKind::PermissionDenied);
            failed.add(&format!("k{number}"), error.with_message("denied"));
        }
        let mut unreadable = SomeKeys::default();
        unreadable.add("u1");
        unreadable.add("u2");
        failed.add_all(&unreadable, Error::new(ErrorKind::OperationFailed));
        let error = failed.outcome().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let message = r#"12 keys could not be deleted: "k0", "k1", "k2" (denied)"#;
        assert_eq!(error.message(), Some(message));
        assert!(NotDeleted::default().outcome().is_ok());
    }
}
