//! Operations on whole trees, done flat: the keys below a prefix, 1,000 per request, regardless of their directories.

use crate::filesystem::valid_path::ValidPath;
use crate::s3::S3Fs;
use std::collections::{HashMap, HashSet};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::CopyOptions;
use crate::filesystem::location::Location;
use crate::s3::api::{
    Condition, MAX_DELETED_KEYS, ReadOptions, Source, condition_failed, is_unknown_to_store,
};
use crate::s3::client::xml::ListedObject;
use crate::s3::client::xml::body::Deletion;
use crate::s3::copy::file::Reached;
use crate::s3::copy::setinfo::class_and_encryption;
use crate::s3::directories::no_directory_below;
use crate::s3::key::{Key, MAX_KEY_BYTES};
use crate::s3::list::all_keys::AllKeys;
use crate::s3::list::pages::Pages;
use crate::s3::markers::Wanted;
use crate::s3::s3_info::{s3_info, stamp};

/// Maximum number of markers that wait in memory until the keys below them are deleted.
const MAX_WAITING_MARKERS: usize = 100_000;

/// Maximum number of keys in an error message.
const NAMED_KEYS: usize = 3;

impl S3Fs {
    /// Removes all keys below a directory. Makes 2 requests for each 1,000 keys, and in strict mode those for the parent
    /// and its marker. A directory that stays gets its own marker before anything is removed, with one more request if it
    /// had none.
    pub(in crate::s3) fn remove_tree(&self, path: &str, stays: bool) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated)?;
        let is_root = validated.is_root();
        let mut pages = AllKeys::new(self.objects(), &prefix, self.shared.max_workers);
        let first = pages.next().transpose()?.unwrap_or_default();
        if first.objects.is_empty() {
            return if is_root {
                Ok(())
            } else {
                Err(self.no_directory(&validated))
            };
        }
        let has_marker = first.objects.iter().any(|object| object.is(&prefix));
        let stays = self
            .keep_directories(&validated, &prefix, has_marker, stays)
            .map_err(|error| error.with_path(path))?;
        let delimiter = self.shared.keys.delimiter();
        let mut pending = PendingDeletes::new(delimiter, MAX_WAITING_MARKERS);
        let (mut failures, mut unreadable) = (Vec::new(), Vec::new());
        let mut delete = |keys: Vec<String>| -> Result<()> {
            let objects: Vec<Deletion<'_>> = keys.iter().map(|key| Deletion::of(key)).collect();
            failures.extend(self.objects().delete_many(&objects)?);
            Ok(())
        };
        for page in std::iter::once(Ok(first)).chain(pages) {
            for object in page?.objects {
                if object.unreadable.is_some() {
                    unreadable.push(object.shown_key().into_owned());
                } else if !stays || object.key != prefix {
                    // A directory that stays keeps its marker.
                    pending.add(object.key);
                }
            }
            while let Some(full) = pending.full_request() {
                delete(full)?;
            }
        }
        let has_all = pending.has_all_markers();
        delete(pending.rest())?;
        if !has_all {
            self.delete_markers(&prefix, stays, &mut delete)?;
        }
        failures.extend(unreadable.into_iter().map(|key| {
            let error = Error::new(ErrorKind::OperationFailed);
            let error = error.with_message("its key is not UTF-8, so no request can name it");
            (key, error)
        }));
        not_deleted(&failures)
    }

    /// Deletes the markers below a prefix, the deepest first, if there are too many for memory. Finds them with another
    /// listing. A marker waits until the listing has passed all keys below it.
    fn delete_markers(
        &self,
        prefix: &str,
        stays: bool,
        delete: &mut dyn FnMut(Vec<String>) -> Result<()>,
    ) -> Result<()> {
        let delimiter = self.shared.keys.delimiter();
        let (mut open, mut passed) = (Vec::<String>::new(), Vec::new());
        for page in Pages::new(self.objects(), prefix, None) {
            for object in page?.objects {
                let is_kept = stays && object.key == prefix;
                let is_marker = object.unreadable.is_none() && object.key.ends_with(delimiter);
                if is_kept || !is_marker {
                    continue;
                }
                while let Some(above) = open.pop_if(|above| !object.key.starts_with(&**above)) {
                    passed.push(above);
                }
                open.push(object.key);
            }
            while passed.len() >= MAX_DELETED_KEYS {
                delete(passed.drain(..MAX_DELETED_KEYS).collect())?;
            }
        }
        passed.extend(open.into_iter().rev());
        delete(passed)
    }

    /// Prepares the removal of all keys below a prefix. Writes the marker of the directory itself, if it stays, or of its
    /// parent, which stays in strict mode. Returns true if the directory stays. A root always stays.
    fn keep_directories(
        &self,
        path: &ValidPath<'_>,
        prefix: &str,
        has_marker: bool,
        stays: bool,
    ) -> Result<bool> {
        if path.is_root() {
            return Ok(true);
        }
        if stays && !has_marker {
            self.keep_marker(&self.shared.keys.marker(path)?)?;
        }
        if self.strict && !stays {
            self.keep_parent(path, |key| key.starts_with(prefix))?;
        }
        Ok(stays)
    }

    pub(in crate::s3) fn copy_directory(
        &self,
        src_path: &str,
        dst_path: &str,
        options: &CopyOptions,
        remove: bool,
    ) -> Result<()> {
        self.check_writeable(if remove { src_path } else { dst_path })?;
        let source = self.normalize(src_path)?;
        let target = self.normalize(dst_path)?;
        let src_prefix = self.prefix(&source)?;
        let dst_prefix = self.prefix(&target)?;
        let mut there = None;
        let target_is_there = !self.strict || target.is_root() || {
            let keys = self.target_markers(&dst_prefix)?;
            let is_there = keys.is_there;
            there = Some(keys);
            is_there
        };
        let target_is_file =
            !target_is_there && self.is_object(&self.shared.keys.file(&target)?)?;
        if !target_is_there && !target_is_file && !options.create {
            return Err(Error::new(ErrorKind::ResourceNotFound).with_path(dst_path));
        }
        let keys = self.all_keys(&src_prefix)?;
        if keys.is_empty() && !source.is_root() {
            return Err(self.no_directory(&source));
        }
        if src_prefix == dst_prefix && remove {
            return Ok(());
        }
        if target_is_file {
            return Err(Error::new(ErrorKind::DirectoryExpected).with_path(dst_path));
        }
        if src_prefix.starts_with(&dst_prefix) || dst_prefix.starts_with(&src_prefix) {
            return Err(Error::new(ErrorKind::IllegalDestination)
                .with_path(dst_path)
                .with_message("the directories are the same, or one contains the other"));
        }
        let plan = Plan::new(&keys, &src_prefix, &dst_prefix, dst_path)?;
        let makes_marker = !self.strict && options.create && !target.is_root();
        let own = plan.marker.filter(|_| makes_marker || !target_is_there);
        if there.is_none() && self.asks_for_markers(&plan, own) {
            there = Some(self.target_markers(&dst_prefix)?);
        }
        if !target_is_there {
            self.make_target(&target, self, own)
                .map_err(|error| error.with_path_replaced(dst_path))?;
        }
        let copied = self.copy_keys(self, plan, there.as_ref());
        let copied = copied.map_err(|error| error.with_path(dst_path))?;
        if makes_marker {
            let marker = self.shared.keys.marker(&target)?;
            match own {
                Some(own) => self.copy_marker(self, own, &marker, there.as_ref())?,
                None => drop(self.put_marker(&marker, self.wanted(true))?),
            }
        }
        if remove {
            let removed = self.remove_copied(&source, &src_prefix, &copied, false);
            removed.map_err(|error| error.with_path(src_path))?;
        }
        copied.outcome(src_path)
    }

    /// Creates the target of a copy, which does not exist, and its missing parents. Its marker is a copy of the source's
    /// own marker, if the source has one.
    fn make_target(
        &self,
        path: &ValidPath<'_>,
        source: &S3Fs,
        own: Option<&ListedObject>,
    ) -> Result<()> {
        let missing = self.missing_levels(path, 1)?;
        if missing.len() > 1
            && let Some(file) = self.file_above(&missing)?
        {
            return Err(no_directory_below(file, path.given()));
        }
        let (Some((deepest, above)), Some(own)) = (missing.split_first(), own) else {
            return self.make_levels(&missing, Wanted::Directory).map(|_| ());
        };
        self.make_levels(above, Wanted::Directory)?;
        self.copy_marker(source, own, &deepest.1, Some(&TargetMarkers::none()))
    }

    /// Returns true if the markers at the target must be known before others are copied there, because some stores
    /// ignore the condition of a copy.
    fn asks_for_markers(&self, plan: &Plan<'_>, own: Option<&ListedObject>) -> bool {
        let delimiter = self.shared.keys.delimiter();
        let mut keys = plan.jobs.iter().map(|(object, ..)| *object);
        let has_markers = own.is_some() || keys.any(|object| is_marker(object, delimiter));
        has_markers && !self.objects().honours_conditions()
    }

    /// Copies the content of a directory of another handle, if the server can. Implements `FileSystem::copydir_from`.
    pub(in crate::s3) fn copy_reached_directory(
        &self,
        source: &Location,
        dst_path: &str,
        remove: bool,
    ) -> Result<bool> {
        self.check_writeable(dst_path)?;
        let validated = self.normalize(dst_path)?;
        let dst_prefix = self.prefix(&validated)?;
        let Some(reached) = source.handle::<Reached>() else {
            return Ok(false);
        };
        let same_delimiter = self.shared.keys.delimiter() == reached.fs.shared.keys.delimiter();
        if !self.reaches(&reached.fs) || !same_delimiter {
            return Ok(false);
        }
        if remove {
            reached.fs.check_writeable(&reached.path)?;
        }
        let src_prefix = reached.prefix()?;
        let keys = reached.fs.all_keys(&src_prefix)?;
        let plan = Plan::new(&keys, &src_prefix, &dst_prefix, dst_path)?;
        let asks = self.asks_for_markers(&plan, None);
        let there = match asks || self.strict && !validated.is_root() {
            true => Some(self.target_markers(&dst_prefix)?),
            false => None,
        };
        let is_missing = there.as_ref().is_some_and(|there| !there.is_there);
        if self.strict && !validated.is_root() && is_missing {
            self.make_target(&validated, &reached.fs, plan.marker)
                .map_err(|error| error.with_path_replaced(dst_path))?;
        }
        let copied = match self.copy_keys(&reached.fs, plan, there.as_ref()) {
            // These credentials may not read the source. The caller can copy with its two handles.
            Err(error) if error.is(ErrorKind::PermissionDenied) => return Ok(false),
            copied => copied?,
        };
        if remove {
            reached.fs.remove_copied(
                &ValidPath::of_normal(reached.path.as_str()),
                &src_prefix,
                &copied,
                source.is_root(),
            )?;
        }
        copied.outcome(&reached.path).map(|()| true)
    }

    fn all_keys(&self, prefix: &str) -> Result<Vec<ListedObject>> {
        let mut keys = Vec::new();
        for page in AllKeys::new(self.objects(), prefix, self.shared.max_workers) {
            keys.extend(page?.objects);
        }
        Ok(keys)
    }

    /// Copies the planned keys from the source filesystem, verbatim and in parallel.
    fn copy_keys<'a>(
        &self,
        source: &S3Fs,
        plan: Plan<'a>,
        there: Option<&TargetMarkers>,
    ) -> Result<Copied<'a>> {
        let delimiter = self.shared.keys.delimiter();
        let copy = |object: &ListedObject, from: &Key, to: &Key| {
            if is_marker(object, delimiter) {
                // An existing marker with content must not become empty.
                return self.copy_marker(source, object, to, there);
            }
            self.copy_key(source, object, from, to, Condition::Any)
        };
        // After a failure no other copy is started.
        self.threads().each(plan.jobs.len(), |number| {
            let Some((object, from, to)) = plan.jobs.get(number) else {
                return Ok(());
            };
            copy(object, from, to).map_err(|error| {
                let hint = "keys copied before it are in the target, and nothing was removed";
                let error = if condition_failed(&error) {
                    error.with_message("an object was replaced while it was copied")
                } else {
                    error
                };
                error.with_hint(format!("the key is {:?}; {hint}", object.key))
            })
        })?;
        let copied = plan.jobs.iter().map(|(object, ..)| *object);
        Ok(Copied {
            objects: plan.marker.into_iter().chain(copied).collect(),
            left: plan.left,
        })
    }

    /// Copies an object with its storage class and, if configured, its encryption.
    fn copy_key(
        &self,
        source: &S3Fs,
        object: &ListedObject,
        from: &Key,
        to: &Key,
        condition: Condition<'_>,
    ) -> Result<()> {
        let source = Source {
            objects: source.objects(),
            key: from,
            e_tag: object.etag.as_deref().unwrap_or_default(),
            size: object.size,
            version_id: None,
        };
        let kept = match self.shared.keep_encryption {
            true => {
                let head = source.objects.head(from, &ReadOptions::default(), false)?;
                class_and_encryption(&s3_info(head.headers()))?
            }
            false => listed_class(object),
        };
        self.objects().copy(&source, to, kept, condition)
    }

    /// Copies a marker with its metadata, unless it exists already. Makes one request, and one more if
    /// the target's markers are not known, except on AWS.
    fn copy_marker(
        &self,
        source: &S3Fs,
        object: &ListedObject,
        to: &Key,
        there: Option<&TargetMarkers>,
    ) -> Result<()> {
        let is_there = || -> Result<bool> {
            let page = self.first_keys(to.as_str(), 1)?;
            Ok(page.objects.iter().any(|object| object.key == to.as_str()))
        };
        let known = there.and_then(|there| there.has(to.as_str()));
        let found = match known {
            Some(found) => found,
            None => !self.objects().honours_conditions() && is_there()?,
        };
        if found {
            return Ok(());
        }
        let from = Key::new(object.key.as_str())?;
        let copy = |condition| self.copy_key(source, object, &from, to, condition);
        match copy(Condition::Absent) {
            Err(error) if is_unknown_to_store(&error) => copy(Condition::Any),
            // On a store with directories of its own, a marker is not an object that can be copied.
            Err(error) if error.is(ErrorKind::ResourceNotFound) => {
                self.put_marker(to, Wanted::Marker).map(|_| ())
            }
            // An existing marker is sufficient, and so is that of an attempt whose response was lost.
            Err(error)
                if (condition_failed(&error) || error.is(ErrorKind::OutcomeUnknown))
                    && is_there()? =>
            {
                Ok(())
            }
            copied => copied,
        }
    }

    /// Returns the markers at the target of a copy, and whether the target exists. Makes one request.
    fn target_markers(&self, prefix: &str) -> Result<TargetMarkers> {
        let mut there = TargetMarkers::none();
        let mut pages = Pages::new(self.objects(), prefix, None);
        if prefix.len() > MAX_KEY_BYTES {
            return Ok(there);
        }
        if let Some(page) = pages.next() {
            let delimiter = self.shared.keys.delimiter();
            let keys = page?.objects.into_iter().map(|object| object.key);
            let mut keys = keys.peekable();
            there.is_there = keys.peek().is_some();
            there.markers = keys.filter(|key| key.ends_with(delimiter)).collect();
            there.is_whole = pages.is_ended();
        }
        Ok(there)
    }

    /// Removes the objects that a move has copied, and no others. Objects that were replaced meanwhile are kept.
    /// A directory that stays gets its own marker before anything is removed, as in
    /// [`remove_tree`](Self::remove_tree).
    fn remove_copied(
        &self,
        path: &ValidPath<'_>,
        prefix: &str,
        copied: &Copied<'_>,
        stays: bool,
    ) -> Result<()> {
        let has_marker = copied.objects.iter().any(|object| object.is(prefix));
        let stays = self.keep_directories(path, prefix, has_marker, stays)?;
        let objects = copied.objects.iter();
        let objects: Vec<Deletion<'_>> = objects
            .filter(|object| !stays || object.key != prefix)
            .map(|object| Deletion {
                key: &object.key,
                e_tag: object.etag.as_deref(),
            })
            .collect();
        let failures = self.objects().delete_many(&objects)?;
        let (mut changed, mut failed) = (Vec::new(), Vec::new());
        if !failures.is_empty() {
            let objects = copied.objects.iter();
            let known: HashMap<&str, &ListedObject> =
                objects.map(|object| (&*object.key, *object)).collect();
            for (key, error) in failures {
                match known.get(&*key) {
                    Some(object) if error.is(ErrorKind::ResourceChanged) => changed.push(*object),
                    _ => failed.push((key, error)),
                }
            }
        }
        let gone = self
            .threads()
            .map(&changed, |object| self.delete_as_it_was(object));
        let mut replaced = Vec::new();
        for (object, gone) in changed.into_iter().zip(gone) {
            if !gone? {
                replaced.push(object.key.as_str());
            }
        }
        not_deleted(&failed)?;
        if replaced.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::DirectoryNotEmpty)
            .with_message(format!(
                "all keys were copied, but {} of them were replaced in the meantime: {}",
                replaced.len(),
                some_of(replaced.iter().copied())
            ))
            .with_hint("they still exist; move them again to get the newer content"))
    }

    /// Deletes an object that the store reported as changed, if its ETag is in fact the same, because some stores compare
    /// wrongly. Returns true if the object no longer exists. Makes at most two requests.
    fn delete_as_it_was(&self, object: &ListedObject) -> Result<bool> {
        let key = Key::new(object.key.as_str())?;
        let Some(head) = self.objects().look(&key, &ReadOptions::default())? else {
            return Ok(true);
        };
        let is_same = head.header("etag").map(stamp) == object.etag.as_deref().map(stamp);
        if is_same {
            self.objects().delete(&key, None)?;
        }
        Ok(is_same)
    }
}

/// Returns the storage class in a listing as the header of a copy.
fn listed_class(object: &ListedObject) -> Vec<(String, String)> {
    let class = object.storage_class.iter();
    let class = class.filter(|class| *class != "STANDARD");
    class
        .map(|class| ("x-amz-storage-class".to_owned(), class.clone()))
        .collect()
}

fn is_marker(object: &ListedObject, delimiter: &str) -> bool {
    object.size == 0 && object.key.ends_with(delimiter)
}

/// The markers at the target of a copy, from the first page of its listing.
struct TargetMarkers {
    is_there: bool,
    markers: HashSet<String>,
    /// Whether there is only one page.
    is_whole: bool,
}

impl TargetMarkers {
    fn none() -> Self {
        Self {
            is_there: false,
            markers: HashSet::new(),
            is_whole: true,
        }
    }

    /// Returns whether the marker exists, if that is known.
    fn has(&self, marker: &str) -> Option<bool> {
        let has = self.markers.contains(marker);
        (has || self.is_whole).then_some(has)
    }
}

/// The keys of a tree to delete, 1,000 per request, with its markers after all others.
struct PendingDeletes<'a> {
    delimiter: &'a str,
    max_markers: usize,
    keys: Vec<String>,
    markers: Vec<String>,
    /// Whether there were more markers than the maximum in memory.
    overflowed: bool,
}

impl<'a> PendingDeletes<'a> {
    fn new(delimiter: &'a str, max_markers: usize) -> Self {
        Self {
            delimiter,
            max_markers,
            keys: Vec::new(),
            markers: Vec::new(),
            overflowed: false,
        }
    }

    fn add(&mut self, key: String) {
        if !key.ends_with(self.delimiter) {
            self.keys.push(key);
        } else if self.markers.len() < self.max_markers && !self.overflowed {
            self.markers.push(key);
        } else {
            self.overflowed = true;
            self.markers = Vec::new();
        }
    }

    /// Returns the keys of one full request, without markers, if there are enough.
    fn full_request(&mut self) -> Option<Vec<String>> {
        (self.keys.len() >= MAX_DELETED_KEYS).then(|| self.keys.drain(..MAX_DELETED_KEYS).collect())
    }

    /// Returns true if the rest contains all markers. Otherwise it contains none.
    fn has_all_markers(&self) -> bool {
        !self.overflowed
    }

    fn rest(self) -> Vec<String> {
        self.keys.into_iter().chain(self.markers).collect()
    }
}

/// The keys to copy with their targets, decided before anything changes.
struct Plan<'a> {
    jobs: Vec<(&'a ListedObject, Key, Key)>,
    /// The source's own marker. It is not in `jobs`, because the target may have its own, or need none.
    marker: Option<&'a ListedObject>,
    /// Keys that no URL can represent.
    left: Vec<String>,
}

impl<'a> Plan<'a> {
    /// Maps every key below one prefix to the same key below another. Returns an error if one would be too long.
    fn new(
        keys: &'a [ListedObject],
        src_prefix: &str,
        dst_prefix: &str,
        dst_path: &str,
    ) -> Result<Self> {
        let mut plan = Self {
            jobs: Vec::with_capacity(keys.len()),
            marker: None,
            left: Vec::new(),
        };
        for object in keys {
            if object.unreadable.is_some() {
                plan.left.push(object.shown_key().into_owned());
                continue;
            }
            let rest = object.key.strip_prefix(src_prefix).unwrap_or_default();
            let target = format!("{dst_prefix}{rest}");
            if target.len() > MAX_KEY_BYTES {
                return Err(Error::new(ErrorKind::InvalidPath)
                    .with_path(dst_path)
                    .with_message(format!(
                        "the key {:?} would be longer than {MAX_KEY_BYTES} bytes in the target",
                        object.key
                    )));
            }
            if rest.is_empty() && object.size == 0 {
                plan.marker = Some(object);
                continue;
            }
            match (Key::new(object.key.as_str()), Key::new(target)) {
                (Ok(from), Ok(to)) => plan.jobs.push((object, from, to)),
                _ => plan.left.push(object.key.clone()),
            }
        }
        Ok(plan)
    }
}

/// The result of copying a tree.
struct Copied<'a> {
    objects: Vec<&'a ListedObject>,
    /// Keys that no URL can represent.
    left: Vec<String>,
}

impl Copied<'_> {
    /// Returns an error if keys were left out.
    fn outcome(&self, path: &str) -> Result<()> {
        if self.left.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::OperationFailed)
            .with_path(path)
            .with_message(format!(
                "{} keys were copied, but {} were not, because no request can name them: {}",
                self.objects.len(),
                self.left.len(),
                some_of(self.left.iter().map(String::as_str))
            ))
            .with_hint("they remain in the source"))
    }
}

fn some_of<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let some: Vec<_> = keys
        .take(NAMED_KEYS)
        .map(|key| format!("{key:?}"))
        .collect();
    some.join(", ")
}

fn not_deleted(failures: &[(String, Error)]) -> Result<()> {
    let Some((_, first)) = failures.first() else {
        return Ok(());
    };
    Err(Error::new(first.kind()).with_message(format!(
        "{} keys could not be deleted: {} ({})",
        failures.len(),
        some_of(failures.iter().map(|(key, _)| key.as_str())),
        first.message().unwrap_or("no reason was given")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(
        max_markers: usize,
        keys: impl IntoIterator<Item = String>,
    ) -> PendingDeletes<'static> {
        let mut pending = PendingDeletes::new("/", max_markers);
        keys.into_iter().for_each(|key| pending.add(key));
        pending
    }

    #[test]
    fn markers_wait_until_all_other_keys_are_deleted() {
        let files = (0..1500).map(|number| format!("t/{number}"));
        let markers = ["t/".to_owned(), "t/a/".to_owned()];
        let mut pending = pending(2, markers.into_iter().chain(files));
        let first = pending.full_request().unwrap();
        assert_eq!(first.len(), MAX_DELETED_KEYS);
        assert!(first.iter().all(|key| !key.ends_with('/')));
        assert!(pending.full_request().is_none() && pending.has_all_markers());
        assert_eq!(pending.rest().len(), 502);
    }

    #[test]
    fn no_marker_is_held_if_there_are_too_many() {
        let keys = ["t/", "t/a/", "t/a/f", "t/b/", "t/c/"].map(str::to_owned);
        let pending = pending(2, keys);
        assert!(!pending.has_all_markers());
        assert_eq!(pending.rest(), ["t/a/f"]);
    }
}
