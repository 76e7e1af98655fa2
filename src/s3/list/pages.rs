//! A listing as an iterator of validated pages, and the conversion of a page to entries of a directory.

use std::collections::HashSet;

use crate::error::{Error, ErrorKind, Result};
use crate::s3::api::{Listing, Objects};
use crate::s3::client::xml::{ListPage, ListedObject};
use crate::s3::key::{KeyMap, Place};
use crate::s3::list::order::{Order, Seen};

/// Maximum number of entries of a page of a listing.
pub(crate) const PAGE: usize = 1000;

/// Iterator over the pages of a listing, each requested when it is needed. No page except the last one is empty, and no
/// entry comes twice, regardless of the store's responses.
pub(crate) struct Pages<'a> {
    objects: &'a Objects,
    prefix: String,
    delimiter: Option<String>,
    /// The `start-after` of the first page. The continuation tokens of the others include it.
    start_after: Option<String>,
    /// Maximum number of entries of a page. `None` means [`PAGE`].
    max_keys: Option<u32>,
    token: Option<String>,
    watch: TokenWatch,
    seen: Seen,
    ended: bool,
}

/// Maximum number of successive empty pages of a listing. Stores return such pages after many deletions.
const MAX_EMPTY_PAGES: u32 = 1000;

/// Detects a listing that repeats in a cycle of any length. Keeps only one token: that of the last page whose
/// number is a power of two (Brent's cycle detection). Also detects too many successive empty pages.
#[derive(Default)]
pub(in crate::s3) struct TokenWatch {
    pages: u64,
    kept: Option<String>,
    empty: u32,
}

impl TokenWatch {
    /// Returns an error if the listing does not end. `token` is the token in a page, and `is_empty` is true if that page
    /// is empty.
    pub(in crate::s3) fn check(&mut self, token: &str, is_empty: bool) -> Result<()> {
        let endless = |why: &str| {
            Err(Error::new(ErrorKind::OperationFailed)
                .with_message(format!("the listing does not end: {why}"))
                .with_hint("this is a fault of the server; contact its operator"))
        };
        if self.repeats(token) {
            return endless("its continuation token repeats");
        }
        self.empty = if is_empty { self.empty + 1 } else { 0 };
        if self.empty >= MAX_EMPTY_PAGES {
            return endless(&format!("{MAX_EMPTY_PAGES} pages in a row are empty"));
        }
        Ok(())
    }

    /// Returns true if this token of the next page is a repetition. A cycle is detected in its third round at the latest.
    fn repeats(&mut self, token: &str) -> bool {
        if self.kept.as_deref() == Some(token) {
            return true;
        }
        self.pages += 1;
        if self.pages.is_power_of_two() {
            self.kept = Some(token.to_owned());
        }
        false
    }
}

impl<'a> Pages<'a> {
    /// Returns all keys that begin with `prefix`, grouped at the delimiter if there is one.
    pub(crate) fn new(objects: &'a Objects, prefix: &str, delimiter: Option<&str>) -> Self {
        Self {
            objects,
            prefix: prefix.to_owned(),
            delimiter: delimiter.map(str::to_owned),
            start_after: None,
            max_keys: None,
            token: None,
            watch: TokenWatch::default(),
            seen: Seen::new(objects.listings.order()),
            ended: false,
        }
    }

    /// Lists only keys after `key`. A `key` without the prefix has no effect.
    pub(crate) fn after(mut self, key: &str) -> Self {
        self.start_after = Some(key)
            .filter(|key| !key.is_empty() && key.starts_with(&self.prefix))
            .map(str::to_owned);
        self
    }

    /// Sets the maximum number of keys of a page.
    pub(crate) fn at_most(mut self, max_keys: u32) -> Self {
        self.max_keys = Some(max_keys);
        self
    }

    /// Returns true if there are no more pages.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Returns the order that the pages so far fit.
    pub(crate) fn order(&self) -> Order {
        self.seen.order()
    }

    fn fetch(&mut self) -> Result<ListPage> {
        let start_after = self.start_after.take();
        let listing = Listing {
            prefix: &self.prefix,
            delimiter: self.delimiter.as_deref(),
            start_after: start_after.as_deref(),
            max_keys: self.max_keys,
        };
        let mut page = self.objects.list(&listing, self.token.as_deref())?;
        check_prefix(self.objects, &page, &self.prefix)?;
        self.keep_new(&mut page)?;
        self.ended = page.next_token.is_none();
        if let Some(token) = &page.next_token {
            self.watch.check(token, is_empty(&page))?;
        }
        self.token.clone_from(&page.next_token);
        Ok(page)
    }
}

impl Pages<'_> {
    /// Removes the entries that were listed before.
    fn keep_new(&mut self, page: &mut ListPage) -> Result<()> {
        let objects = page.objects.iter().map(ListedObject::key_bytes).collect();
        let prefixes = page.prefixes.iter().map(String::as_bytes).collect();
        let taken = self
            .seen
            .take_page([objects, prefixes], &self.objects.listings)?;
        let [objects, prefixes] = taken.map(Vec::into_iter);
        let (mut objects, mut prefixes) = (objects, prefixes);
        page.objects.retain(|_| objects.next().unwrap_or(true));
        page.prefixes.retain(|_| prefixes.next().unwrap_or(true));
        Ok(())
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<ListPage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        // Skips empty pages that are not the last one.
        loop {
            let page = self.fetch();
            self.ended |= page.is_err();
            if self.ended || !page.as_ref().is_ok_and(is_empty) {
                return Some(page);
            }
        }
    }
}

/// Returns true if a page lists nothing, not even keys that no path can name.
pub(crate) fn is_empty(page: &ListPage) -> bool {
    page.objects.is_empty() && page.prefixes.is_empty() && page.unreadable_prefixes.is_empty()
}

/// Returns an error if a listing contains a key without the requested prefix. Nothing in such a listing can be trusted.
pub(crate) fn check_prefix(objects: &Objects, page: &ListPage, prefix: &str) -> Result<()> {
    match foreign_key(page, prefix) {
        Some(key) => Err(not_asked_for(objects, &key, prefix)),
        None => Ok(()),
    }
}

/// Returns the error for a listing of a prefix that contains a key without it.
pub(crate) fn not_asked_for(objects: &Objects, key: &str, prefix: &str) -> Error {
    let key = objects.client().hide(key);
    Error::new(ErrorKind::OperationFailed)
        .with_message(format!(
            "the listing of {prefix:?} contains the key {key:?}, which was not requested"
        ))
        .with_hint("the store or a proxy lists other keys, or encodes keys without declaring it")
}

fn foreign_key(page: &ListPage, prefix: &str) -> Option<String> {
    let keys = page.objects.iter().map(ListedObject::key_bytes);
    let prefixes = page.prefixes.iter().map(String::as_bytes);
    let unreadable = page.unreadable_prefixes.iter().map(Vec::as_slice);
    let mut keys = keys.chain(prefixes).chain(unreadable);
    let foreign = keys.find(|key| !key.starts_with(prefix.as_bytes()))?;
    Some(String::from_utf8_lossy(foreign).into_owned())
}

/// An entry of a directory in a listing.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// An object.
    File(String, ListedObject),
    /// A common prefix.
    Directory(String),
}

/// Returns the entries of a page, in the order of their keys, without the directory's own marker.
///
/// Adds the number of keys that no path can name to `unnameable`.
pub(crate) fn entries(
    page: ListPage,
    prefix: &str,
    keys: &KeyMap,
    unnameable: &mut usize,
) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(page.objects.len() + page.prefixes.len());
    *unnameable += page.unreadable_prefixes.len();
    let mut directories = page.prefixes.into_iter().peekable();
    let mut add_directory =
        |entries: &mut Vec<Entry>, listed: &str| match keys.place(prefix, listed) {
            Place::Child(name) => entries.push(Entry::Directory(name.to_owned())),
            Place::Marker | Place::Unnameable => *unnameable += 1,
        };
    let mut more_unnameable = 0;
    for object in page.objects {
        while let Some(listed) = directories.next_if(|listed| *listed < object.key) {
            add_directory(&mut entries, &listed);
        }
        match keys.place(prefix, &object.key) {
            _ if object.unreadable.is_some() => more_unnameable += 1,
            Place::Child(name) => entries.push(Entry::File(name.to_owned(), object)),
            Place::Marker if object.size == 0 => {}
            Place::Marker | Place::Unnameable => more_unnameable += 1,
        }
    }
    for listed in directories {
        add_directory(&mut entries, &listed);
    }
    *unnameable += more_unnameable;
    entries
}

/// Returns the names of entries without duplicates. An object `x` and keys below `x/` are one name.
pub(crate) fn names(entries: impl IntoIterator<Item = Entry>) -> Vec<String> {
    let mut known = HashSet::new();
    let mut names = Vec::new();
    for entry in entries {
        let (Entry::File(name, _) | Entry::Directory(name)) = entry;
        if known.insert(name.clone()) {
            names.push(name);
        }
    }
    names
}

/// Logs one warning if a listing left keys out.
pub(crate) fn warn_unnameable(count: usize, prefix: &str) {
    if count > 0 {
        log::warn!("skipped {count} keys below {prefix:?} that no path can name");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, size: u64) -> ListedObject {
        ListedObject {
            key: key.to_owned(),
            unreadable: None,
            size,
            last_modified: None,
            etag: None,
            storage_class: None,
        }
    }

    fn page(objects: &[(&str, u64)], prefixes: &[&str]) -> ListPage {
        ListPage {
            objects: objects
                .iter()
                .map(|(key, size)| object(key, *size))
                .collect(),
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            ..ListPage::default()
        }
    }

    fn shown(page: ListPage) -> (Vec<String>, usize) {
        let keys = KeyMap::new("", "/").unwrap();
        let mut unnameable = 0;
        let entries = entries(page, "d/", &keys, &mut unnameable);
        let shown = entries.iter().map(|entry| match entry {
            Entry::File(name, _) => name.clone(),
            Entry::Directory(name) => format!("{name}/"),
        });
        (shown.collect(), unnameable)
    }

    #[test]
    fn files_and_directories_come_in_the_order_of_their_keys() {
        let page = page(
            &[("d/", 0), ("d/b", 1), ("d/d", 1)],
            &["d/a/", "d/b/", "d/c/", "d/e/"],
        );
        let (shown, unnameable) = shown(page);
        assert_eq!(shown, ["a/", "b", "b/", "c/", "d", "e/"]);
        assert_eq!(unnameable, 0);
    }

    #[test]
    fn keys_without_a_path_are_left_out_and_counted() {
        let page = page(
            &[("d/", 7), ("d/.", 1), ("d/..", 1), ("d/ok", 1)],
            &["d//", "d/../"],
        );
        assert_eq!(shown(page), (vec!["ok".to_owned()], 5));
    }

    #[test]
    fn a_name_that_is_both_file_and_directory_is_listed_once() {
        let entries = vec![
            Entry::File("x".into(), object("x", 1)),
            Entry::File("x-y".into(), object("x-y", 1)),
            Entry::Directory("x".into()),
            Entry::Directory("z".into()),
        ];
        assert_eq!(names(entries), ["x", "x-y", "z"]);
    }

    #[test]
    fn cycles_of_tokens_are_detected_soon_and_without_false_alarms() {
        for length in 1..50 {
            for tail in [0, 1, 7, 100] {
                let mut watch = TokenWatch::default();
                let token = |at: u32| match at.checked_sub(tail) {
                    Some(within) => (tail + within % length).to_string(),
                    None => at.to_string(),
                };
                let seen = (0..).position(|at| watch.repeats(&token(at))).unwrap();
                assert!(
                    seen <= 3 * (tail + length) as usize,
                    "{tail} + {length}: {seen}"
                );
            }
        }
        let mut watch = TokenWatch::default();
        assert!((0..10_000).all(|at: u32| !watch.repeats(&at.to_string())));
    }

    #[test]
    fn a_key_outside_the_requested_prefix_is_detected() {
        let foreign = |page: &ListPage| foreign_key(page, "d/");
        assert_eq!(foreign(&page(&[("d/a", 1)], &["d/b/"])), None);
        let other = foreign(&page(&[("d/a", 1), ("e/a", 1)], &[]));
        assert_eq!(other.as_deref(), Some("e/a"));
        assert_eq!(foreign(&page(&[], &["e/"])).as_deref(), Some("e/"));
    }
}
