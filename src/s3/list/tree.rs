//! The entries of a tree in the order of its keys: `FileSystem::scantree`.
//!
//! A tree without excluded directories is one flat listing, 1,000 keys per request. If directories are excluded, there
//! are two ways, and neither is always the cheaper one:
//!
//! - *flat*: excluded keys are skipped, and if a page ends among them the next listing begins after them (`start-after`).
//!   This never makes more requests than a listing without exclusions. But of 1,000 large excluded neighbours, each costs
//!   one request.
//! - *by directory*: each entered directory is listed on its own, grouped at the delimiter. Excluded directories cost
//!   nothing. But of 1,000 small entered neighbours, each costs one request.
//!
//! The size of a directory is known only after it has been listed. Therefore, a flat page that contains
//! excluded keys, and on which less than one listing by directory would have begun, is a debt.
//! While there is a debt, the innermost directory is listed on its own, which pays one off. The results of that
//! listing are kept, and so are never requested twice.
//!
//! With *F* requests of the flat way alone and *D* of the other, the total is at most 2 *F*, and at most 4 *D* + 2. The
//! flat pages are at most *F*: each begins where the same page of the flat way begins, or later. Each directory page is
//! paid for by a flat page, or follows one of 1,000 entries of which none was entered, for which the flat way pays as
//! well. So they are at most *F*, too. They are also at most *D*, since none is requested twice. Flat pages without
//! excluded keys have 1,000 entries, which are at most *D* + 1 pages. Each other one corresponds to a listing of the
//! other way, or is paid off by a directory page, except for the last: 2 *D* + 1 together.

use std::collections::VecDeque;

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
use crate::s3::list::pages::{PAGE, Pages, warn_unnameable};
use crate::threads::ThreadPool;

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
        let prefix = self.prefix(&validated, path)?;
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
            tally: Tally::default(),
            debt: 0,
            ready: Vec::new().into_iter(),
            unnameable: 0,
            is_disordered: false,
            ended: false,
        };
        let is_there = match tree.begin() {
            // The first page shows the disorder, before any entry was returned or entered.
            Err(_) if tree.is_disordered => {
                return self.scan_directories(path, namespaces, tree.descend);
            }
            begun => begun.map_err(|error| error.with_path(path))?,
        };
        if !is_there && validated != "/" {
            return Err(self.no_directory(&validated, path));
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

/// Iterator over the entries of a tree, each directory after its content. Holds one page, the directories from
/// the root to the current one, and the remaining entries of those that were listed on their own.
struct Tree<'a> {
    fs: &'a S3Fs,
    /// Prefix of all keys of the tree.
    prefix: String,
    namespaces: Namespaces,
    /// `None` if all directories are entered.
    descend: Option<Descend<'a>>,
    open: Vec<Open<'a>>,
    /// The flat listing whose next page begins after the cursor.
    flat: Option<Flat<'a>>,
    /// The first key of the tree.
    first: Option<String>,
    /// The key up to which, in the order of the keys, everything has been processed.
    cursor: String,
    /// Prefix of the keys in the directory that was excluded last.
    left_out: Option<String>,
    tally: Tally,
    debt: u64,
    ready: std::vec::IntoIter<(String, Info)>,
    unnameable: usize,
    /// Whether the store was seen to list in no order.
    is_disordered: bool,
    ended: bool,
}

/// A directory that contains the current position.
struct Open<'a> {
    /// The path of its parent directory.
    parent: String,
    path: String,
    /// Prefix of the keys in the directory.
    prefix: String,
    /// `None` for the root, which is not an entry.
    info: Option<Info>,
    /// Number of its entries that were processed.
    entries: usize,
    own: Option<Own<'a>>,
    /// Whether its names have the same positions in both orders. `None` if this was not checked.
    is_clear: Option<bool>,
}

/// The listing of one directory, grouped at the delimiter.
struct Own<'a> {
    pages: Pages<'a>,
    /// The cursor at the start of the listing.
    from: String,
    /// The entries of the last page that have not been processed.
    entries: VecDeque<Listed>,
    /// The last entry of the last page.
    end: String,
    /// Whether no directory of the last page was entered.
    is_barren: bool,
}

/// The listing of the whole tree, starting after a key.
struct Flat<'a> {
    pages: AllKeys<'a>,
    /// The key after which it starts.
    from: String,
}

/// An item of a listing that is grouped at the delimiter.
enum Listed {
    Object(ListedObject),
    Prefix(String),
}

/// An entry of the tree, as found in a listing.
struct Found {
    directory: String,
    info: Info,
    key: String,
}

/// Evaluation of a flat page.
#[derive(Default)]
struct Tally {
    /// Whether it contained excluded keys.
    has_waste: bool,
    /// Number of listings by directory that would have begun.
    listings: u64,
}

impl Open<'_> {
    fn root(path: &str, prefix: &str) -> Self {
        Self {
            parent: String::new(),
            path: path.to_owned(),
            prefix: prefix.to_owned(),
            info: None,
            entries: 0,
            own: None,
            is_clear: None,
        }
    }
}

impl Listed {
    fn key(&self) -> &str {
        match self {
            Self::Object(object) => &object.key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

impl Own<'_> {
    /// Returns true if its next page begins at the cursor or before it.
    fn reaches(&self, cursor: &str) -> bool {
        cursor <= self.end.as_str() || cursor.starts_with(&self.end) || cursor == self.from
    }

    /// Requests a page, and returns the number of its unreadable prefixes.
    fn ask(&mut self) -> Result<usize> {
        let page = self.pages.next().transpose()?.unwrap_or_default();
        let objects = page.objects.into_iter().map(Listed::Object);
        let prefixes = page.prefixes.into_iter().map(Listed::Prefix);
        let mut entries: Vec<Listed> = objects.chain(prefixes).collect();
        entries.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        if let Some(last) = entries.last() {
            last.key().clone_into(&mut self.end);
        }
        self.entries = entries.into();
        self.is_barren = true;
        Ok(page.unreadable_prefixes.len())
    }
}

impl Tree<'_> {
    /// Requests the first page. Returns true if any key exists, including the marker.
    fn begin(&mut self) -> Result<bool> {
        let mut found = Vec::new();
        let is_there = self.ask_flat(&mut found)?;
        self.finish(found)?;
        Ok(is_there)
    }

    /// Processes known entries, or else requests more, until an entry is ready or none is left.
    fn go_on(&mut self) -> Result<()> {
        let mut found = Vec::new();
        while !self.ended {
            if self.take_known(&mut found) {
                continue;
            }
            if !found.is_empty() {
                break;
            }
            self.ask(&mut found)?;
        }
        self.finish(found)
    }

    /// Processes entries of the innermost directory's own listing. Returns true if there was any progress.
    fn take_known(&mut self, found: &mut Vec<Found>) -> bool {
        let Some(own) = self.open.last_mut().and_then(|open| open.own.as_mut()) else {
            return false;
        };
        while let Some(listed) = own.entries.pop_front() {
            if listed.key() <= self.cursor.as_str() {
                continue;
            }
            self.flat = None;
            match listed {
                Listed::Object(object) => {
                    object.key.clone_into(&mut self.cursor);
                    self.take_object(object, found);
                }
                Listed::Prefix(prefix) => self.take_prefix(&prefix, found),
            }
            return true;
        }
        if !own.pages.is_ended() {
            return false;
        }
        if self.open.len() == 1 {
            self.end(found);
        } else if let Some(prefix) = self.close_last(found) {
            self.move_to(past(&prefix));
        }
        true
    }

    fn ask(&mut self, found: &mut Vec<Found>) -> Result<()> {
        let own = self.open.last().and_then(|open| open.own.as_ref());
        if own.is_some_and(|own| own.is_barren && own.reaches(&self.cursor)) {
            return self.ask_own();
        }
        if self.debt == 0 || !self.may_jump()? {
            return self.ask_flat(found).map(|_| ());
        }
        self.debt -= 1;
        self.ask_own()
    }

    /// Requests a page of the innermost directory's own listing.
    fn ask_own(&mut self) -> Result<()> {
        let (fs, cursor) = (self.fs, &self.cursor);
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        let begun = open.own.take().filter(|own| own.reaches(cursor));
        let own = begun.unwrap_or_else(|| {
            let delimiter = fs.shared.keys.delimiter();
            Own {
                pages: Pages::new(fs.objects(), &open.prefix, Some(delimiter)).after(cursor),
                from: cursor.clone(),
                entries: VecDeque::new(),
                end: String::new(),
                is_barren: false,
            }
        });
        let own = open.own.insert(own);
        let asked = own.ask();
        let is_disordered = own.pages.order() == Order::None;
        let unreadable = asked.map_err(|error| error.with_path(open.path.as_str()))?;
        self.unnameable += unreadable;
        if is_disordered {
            return Err(no_order());
        }
        Ok(())
    }

    /// Requests a page of the whole tree. Returns true if it contained a key.
    fn ask_flat(&mut self, found: &mut Vec<Found>) -> Result<bool> {
        self.tally = Tally {
            has_waste: false,
            // The listing of the root.
            listings: u64::from(self.cursor.is_empty()),
        };
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
                "the store lists keys that are before the start-after of the request",
            ));
        }
        let last = page.objects.last().map(|object| object.key.clone());
        if self.first.is_none() {
            self.first = page.objects.first().map(|object| object.key.clone());
        }
        for object in page.objects {
            self.take_object(object, found);
        }
        let is_there = last.is_some();
        self.move_to(last.unwrap_or_default());
        let debt = self.debt + u64::from(self.tally.has_waste);
        self.debt = debt.saturating_sub(self.tally.listings);
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
            self.tally.has_waste = true;
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
                self.tally.has_waste = true;
                return;
            }
            self.tally.listings += open.count();
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

    /// Processes a directory in the innermost one, from the innermost one's own listing.
    fn take_prefix(&mut self, prefix: &str, found: &mut Vec<Found>) {
        let depth = self.open.len();
        let start = self.open.last().map_or(0, |open| open.prefix.len());
        if !self.take_directory(prefix.get(start..).unwrap_or_default(), found) {
            self.move_to(past(prefix));
            return;
        }
        let outer = depth.checked_sub(1).and_then(|at| self.open.get_mut(at));
        if let Some(own) = outer.and_then(|open| open.own.as_mut()) {
            own.is_barren = false;
        }
    }

    /// Processes a directory in the innermost one. Returns true if it is entered.
    fn take_directory(&mut self, with_delimiter: &str, found: &mut Vec<Found>) -> bool {
        let Some(open) = self.open.last_mut() else {
            return false;
        };
        let prefix = format!("{}{with_delimiter}", open.prefix);
        self.tally.listings += open.count();
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
            self.tally.listings += 1;
            self.open.push(Open {
                parent,
                path,
                prefix,
                info: Some(info),
                entries: 0,
                own: None,
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
            let pool = ThreadPool::new(fs.shared.max_workers);
            let completed = pool.try_map(&entries, complete)?;
            completed.into_iter().flatten().collect()
        } else {
            let listed = entries.into_iter();
            listed.map(|found| (found.directory, found.info)).collect()
        };
        self.ready = finished.into_iter();
        Ok(())
    }
}

impl Open<'_> {
    /// Counts an entry, and returns the number of listings that this would have started: one for each 1,000.
    fn count(&mut self) -> u64 {
        self.entries += 1;
        u64::from(self.entries > PAGE && self.entries % PAGE == 1)
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
            if let Err(error) = self.go_on() {
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
