//! The entries of a tree in the order of its keys: `FileSystem::scantree`.
//!
//! A tree is one flat listing, 1,000 keys per request. If directories are excluded, their keys are skipped. If a page ends
//! among them, and the order of the store allows it, the next listing begins after them (`start-after`). A large excluded
//! directory then costs one request, and the total is never more than that of a listing without exclusions, except for the
//! requests that check the order.

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::info::{Info, Namespaces};
use crate::filesystem::scantree::{Descend, Descent, by_listing};
use crate::filesystem::{FileSystem as _, TreeEntries};
use crate::s3::S3Fs;
use crate::s3::client::xml::ListedObject;
use crate::s3::key::{MAX_KEY_BYTES, Place};
use crate::s3::list::all_keys::{AllKeys, honours_start_after};
use crate::s3::list::entries::directory_info;
use crate::s3::list::order::{Order, no_order};
use crate::s3::list::pages::{Pages, warn_unnameable};

/// Maximum number of names of a directory that are checked before a listing jumps in a store whose order is not known.
const MOST_NAMES: usize = 10_000;

/// The last character in the order of UTF-8.
const LAST: char = '\u{10FFFF}';

impl S3Fs {
    /// Returns the entries below a directory, without those in directories that are not entered.
    pub(in crate::s3) fn scan_tree<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Option<Descend<'a>>,
    ) -> Result<TreeEntries<'a>> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated)?;
        if self.objects().listings.order() == Order::None {
            return self.scan_directories(path, namespaces, descend);
        }
        let mut tree = Tree {
            fs: self,
            namespaces,
            descend,
            open: vec![Open::root(&validated, &prefix)],
            prefix,
            flat: None,
            first: None,
            cursor: String::new(),
            left_out: None,
            ready: Vec::new().into_iter(),
            unnameable: 0,
            is_disordered: false,
            ended: false,
        };
        let is_there = match tree.ask() {
            // The first page shows the disorder, before any entry was returned or entered.
            Err(_) if tree.is_disordered => {
                return self.scan_directories(path, namespaces, tree.descend);
            }
            begun => begun.map_err(|error| error.with_path(path))?,
        };
        if !is_there && !validated.is_root() {
            return Err(self.no_directory(&validated));
        }
        let path = path.to_owned();
        Ok(Box::new(tree.map(move |entry| {
            entry.map_err(|error| error.with_path(path.as_str()))
        })))
    }
}

impl S3Fs {
    /// Returns true if the names in the directory with this prefix have the same positions in the order of bytes and in
    /// the order of segments. This is the case if no name is a directory's name followed by a character that is before
    /// the slash. With more than [`MOST_NAMES`] names, this is not checked, and the result is false.
    fn names_are_clear(&self, prefix: &str) -> Result<bool> {
        let delimiter = self.shared.keys.delimiter();
        let mut names: Vec<String> = Vec::new();
        for page in Pages::new(self.objects(), prefix, Some(delimiter)) {
            let page = page?;
            if !page.unreadable_prefixes.is_empty() || names.len() > MOST_NAMES {
                return Ok(false);
            }
            names.extend(page.objects.into_iter().map(|object| object.key));
            names.extend(page.prefixes);
        }
        names.sort_unstable();
        Ok(are_clear(&names, prefix, delimiter))
    }

    /// Like [`scan_tree`](Self::scan_tree), but for a store that lists in no order. Lists directory by directory.
    fn scan_directories<'a>(
        &'a self,
        path: &str,
        namespaces: Namespaces,
        descend: Option<Descend<'a>>,
    ) -> Result<TreeEntries<'a>> {
        let descend = descend.unwrap_or_else(|| Box::new(|_| Descent::Enter));
        let scan = move |path: &str| self.scandir(path, namespaces);
        by_listing(path, self.validatepath(path)?, scan, descend)
    }
}

/// Iterator over the entries of a tree, each directory after its content. Holds the directories from the root to the current
/// one, one page, and those that wait in a parallel listing.
struct Tree<'a> {
    fs: &'a S3Fs,
    /// Prefix of all keys of the tree.
    prefix: String,
    namespaces: Namespaces,
    /// `None` if all directories are entered.
    descend: Option<Descend<'a>>,
    open: Vec<Open>,
    /// The flat listing whose next page begins after the cursor.
    flat: Option<Flat<'a>>,
    /// The first key of the tree.
    first: Option<String>,
    /// The key up to which, in the order of the keys, everything has been processed.
    cursor: String,
    /// Prefix of the keys in the directory that was excluded last.
    left_out: Option<String>,
    ready: std::vec::IntoIter<(String, Info)>,
    unnameable: usize,
    /// Whether the store was seen to list in no order.
    is_disordered: bool,
    ended: bool,
}

/// A directory that contains the current position.
struct Open {
    /// The path of its parent directory.
    parent: String,
    path: String,
    /// Prefix of the keys in the directory.
    prefix: String,
    /// `None` for the root, which is not an entry.
    info: Option<Info>,
    /// Whether its names have the same positions in both orders. `None` if this was not checked.
    is_clear: Option<bool>,
}

/// The listing of the whole tree, starting after a key.
struct Flat<'a> {
    pages: AllKeys<'a>,
    /// The key after which it starts.
    from: String,
}

/// An entry of the tree, as found in a listing.
struct Found {
    directory: String,
    info: Info,
    key: String,
}

impl Open {
    fn root(path: &str, prefix: &str) -> Self {
        Self {
            parent: String::new(),
            path: path.to_owned(),
            prefix: prefix.to_owned(),
            info: None,
            is_clear: None,
        }
    }
}

impl Tree<'_> {
    /// Requests a page. Returns true if any key exists, including the marker.
    fn ask(&mut self) -> Result<bool> {
        let mut found = Vec::new();
        let is_there = self.ask_flat(&mut found)?;
        self.finish(found)?;
        Ok(is_there)
    }

    /// Requests a page of the whole tree. Returns true if it contained a key.
    fn ask_flat(&mut self, found: &mut Vec<Found>) -> Result<bool> {
        let objects = self.fs.objects();
        let mut flat = self.flat.take().unwrap_or_else(|| Flat {
            pages: match &self.descend {
                None => AllKeys::new(objects, &self.prefix, self.fs.shared.max_workers),
                Some(_) => AllKeys::after(objects, &self.prefix, &self.cursor),
            },
            from: self.cursor.clone(),
        });
        let page = flat.pages.next().transpose()?.unwrap_or_default();
        self.check_order(&flat.pages)?;
        let is_before = |object: &ListedObject| object.key_bytes() <= flat.from.as_bytes();
        if !flat.from.is_empty() && page.objects.iter().any(is_before) {
            return Err(Error::new(ErrorKind::OperationFailed).with_message(
                "the store returned keys that sort before the start-after of the request",
            ));
        }
        let last = page.objects.last().map(|object| object.key.clone());
        if self.first.is_none() {
            self.first = page.objects.first().map(|object| object.key.clone());
        }
        found.reserve(page.objects.len());
        for object in page.objects {
            self.take_object(object, found);
        }
        let is_there = last.is_some();
        self.move_to(last.unwrap_or_default());
        if flat.pages.is_ended() {
            self.end(found);
            return Ok(is_there);
        }
        let left_out = self.left_out.as_deref();
        let within = left_out.filter(|prefix| self.cursor.starts_with(prefix));
        match within.map(past) {
            Some(end) if end > self.cursor && self.may_jump()? => self.cursor = end,
            _ => self.flat = Some(flat),
        }
        Ok(is_there)
    }

    /// Returns an error if the store lists in no order, because the keys of a directory are then not together.
    fn check_order(&mut self, pages: &AllKeys<'_>) -> Result<()> {
        self.is_disordered = pages.order() == Order::None;
        if self.is_disordered {
            return Err(no_order());
        }
        Ok(())
    }

    /// Returns true if a listing can begin after excluded keys without losing any. The store must be known to list in the
    /// order of bytes, and to honour `start-after`. While its order is not known, the names in the directories from the
    /// root to the current one must have the same positions in both orders. To check that, one of these directories is
    /// listed at a time.
    fn may_jump(&mut self) -> Result<bool> {
        let fs = self.fs;
        let shown = &fs.objects().listings;
        if shown.start_after() == Some(false) {
            return Ok(false);
        }
        let may = match shown.order() {
            Order::Bytes => true,
            Order::Unknown => self.is_clear()?,
            Order::Segments | Order::None => false,
        };
        if !may {
            return Ok(false);
        }
        match shown.start_after() {
            Some(is_honoured) => Ok(is_honoured),
            None => match &self.first {
                Some(first) => honours_start_after(fs.objects(), &self.prefix, first, &self.cursor),
                None => Ok(false),
            },
        }
    }

    /// Returns true if the directories from the root to the current one are clear. Checks at most one of them.
    fn is_clear(&mut self) -> Result<bool> {
        let fs = self.fs;
        let unclear = self
            .open
            .iter()
            .rposition(|open| open.is_clear != Some(true));
        if let Some(open) = unclear.and_then(|at| self.open.get_mut(at))
            && open.is_clear.is_none()
        {
            open.is_clear = Some(fs.names_are_clear(&open.prefix)?);
        }
        Ok(self.open.iter().all(|open| open.is_clear == Some(true)))
    }

    fn move_to(&mut self, key: String) {
        if key > self.cursor {
            self.cursor = key;
        }
    }

    /// Closes the directories that do not contain the key, opens those that contain it, and adds the object.
    fn take_object(&mut self, object: ListedObject, found: &mut Vec<Found>) {
        let is_in = |prefix: &String| object.key.starts_with(prefix);
        if self.left_out.as_ref().is_some_and(is_in) {
            return;
        }
        while self.open.len() > 1 && self.open.last().is_some_and(|open| !is_in(&open.prefix)) {
            self.close_last(found);
        }
        let keys = &self.fs.shared.keys;
        loop {
            let Some(open) = self.open.last_mut() else {
                return;
            };
            let below = object.key.get(open.prefix.len()..).unwrap_or_default();
            if below.is_empty() {
                self.take_marker(&object);
                return;
            }
            if let Some(end) = below.find(keys.delimiter()) {
                let with_delimiter = &below[..end + keys.delimiter().len()];
                if self.take_directory(with_delimiter, found) {
                    continue;
                }
                return;
            }
            if object.unreadable.is_some() {
                self.unnameable += 1;
                return;
            }
            match keys.place("", below) {
                Place::Child(name) => found.push(Found {
                    directory: open.path.clone(),
                    info: crate::s3::s3_info::listed_file(name, &object),
                    key: object.key,
                }),
                Place::Marker | Place::Unnameable => self.unnameable += 1,
            }
            return;
        }
    }

    /// Adds the time of the innermost directory's marker to its info. An object with content is not a marker.
    fn take_marker(&mut self, object: &ListedObject) {
        if object.size > 0 || object.unreadable.is_some() {
            self.unnameable += 1;
        } else if let Some(info) = self.open.last_mut().and_then(|open| open.info.as_mut()) {
            *info = directory_info(info.name(), object.last_modified, self.namespaces);
        }
    }

    /// Processes a directory in the innermost one. Returns true if it is entered.
    fn take_directory(&mut self, with_delimiter: &str, found: &mut Vec<Found>) -> bool {
        let Some(open) = self.open.last_mut() else {
            return false;
        };
        let prefix = format!("{}{with_delimiter}", open.prefix);
        let Place::Child(name) = self.fs.shared.keys.place("", with_delimiter) else {
            self.unnameable += 1;
            self.left_out = self.descend.is_some().then_some(prefix);
            return false;
        };
        let path = crate::path::combine(&open.path, name);
        let info = directory_info(name, None, self.namespaces);
        let descent = match &mut self.descend {
            Some(descend) => descend(&path),
            None => Descent::Enter,
        };
        let parent = open.path.clone();
        if descent == Descent::Enter {
            self.open.push(Open {
                parent,
                path,
                prefix,
                info: Some(info),
                is_clear: None,
            });
            return true;
        }
        if descent == Descent::Name {
            found.push(Found {
                directory: parent,
                info,
                key: prefix.clone(),
            });
        }
        self.left_out = Some(prefix);
        false
    }

    /// Closes the innermost directory, and returns the prefix of its keys.
    fn close_last(&mut self, found: &mut Vec<Found>) -> Option<String> {
        let closed = self.open.pop()?;
        if let Some(info) = closed.info {
            found.push(Found {
                directory: closed.parent,
                info,
                key: closed.prefix.clone(),
            });
        }
        Some(closed.prefix)
    }

    fn end(&mut self, found: &mut Vec<Found>) {
        while self.close_last(found).is_some() {}
        self.ended = true;
        warn_unnameable(self.unnameable, &self.prefix);
    }

    /// Adds the requested namespaces that are not in the listing.
    fn finish(&mut self, entries: Vec<Found>) -> Result<()> {
        let (fs, namespaces) = (self.fs, self.namespaces);
        let complete = |found: &Found| {
            let info = fs.complete(found.info.clone(), &found.key, namespaces)?;
            Ok(info.map(|info| (found.directory.clone(), info)))
        };
        let beyond = namespaces.contains(Namespaces::S3) || namespaces.contains(Namespaces::URLS);
        let finished: Vec<(String, Info)> = if beyond {
            let completed = fs.threads().try_map(&entries, complete)?;
            completed.into_iter().flatten().collect()
        } else {
            let listed = entries.into_iter();
            listed.map(|found| (found.directory, found.info)).collect()
        };
        self.ready = finished.into_iter();
        Ok(())
    }
}

impl Iterator for Tree<'_> {
    type Item = Result<(String, Info)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ready.next() {
                return Some(Ok(entry));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.ask() {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }
}

/// Returns true if no sorted name is between a directory's name without the delimiter and the same name with it.
fn are_clear(sorted: &[String], prefix: &str, delimiter: &str) -> bool {
    let name = |key: &str| key.get(prefix.len()..).unwrap_or_default().to_owned();
    let has_slash = |key: &String| name(key).trim_end_matches(delimiter).contains('/');
    if delimiter != "/" && sorted.iter().any(has_slash) {
        return false;
    }
    sorted.windows(2).all(|pair| {
        let [before, key] = pair else { return true };
        let directory = key.strip_suffix(delimiter).filter(|name| !name.is_empty());
        directory.is_none_or(|directory| *before == directory || !before.starts_with(directory))
    })
}

/// Returns a key after all keys with the prefix, except for those whose next character is the last one in the order,
/// which are processed and excluded one by one. If it would be too long, returns the prefix.
fn past(prefix: &str) -> String {
    let mut key = prefix.to_owned();
    if key.len() + LAST.len_utf8() <= MAX_KEY_BYTES {
        key.push(LAST);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_the_same_positions_in_both_orders_are_clear() {
        let clear = |names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(|name| format!("d/{name}")).collect();
            names.sort_unstable();
            are_clear(&names, "d/", "/")
        };
        assert!(clear(&[]) && clear(&["", "a", "a/", "a0", "b/", "a0/"]));
        assert!(clear(&["a-b", "a-c/", "b/"]));
        for names in [["a/", "a-b"], ["a.b/", "a/"], ["a/", "a "]] {
            assert!(!clear(&names), "{names:?}");
        }
        assert!(!clear(&["a", "a!", "a/", "z"]));
    }
}
