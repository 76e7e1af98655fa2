//! Operations on whole trees, done flat: the keys below a prefix, 1,000 per request, regardless of their directories.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::CopyOptions;
use crate::filesystem::location::Location;
use crate::filesystem::valid_path::ValidPath;
use crate::s3::S3Fs;
use crate::s3::api::{
    Condition, MAX_DELETED_KEYS, ReadOptions, Source, condition_failed, is_unknown_to_store,
};
use crate::s3::client::xml::ListedObject;
use crate::s3::client::xml::body::Deletion;
use crate::s3::copy::file::Reached;
use crate::s3::copy::pending::{DeepestFirst, NotDeleted, PendingDeletes, SomeKeys, ToDelete};
use crate::s3::copy::setinfo::class_and_encryption;
use crate::s3::directories::no_directory_below;
use crate::s3::key::{Key, MAX_KEY_BYTES};
use crate::s3::list::all_keys::AllKeys;
use crate::s3::list::pages::Pages;
use crate::s3::markers::Wanted;
use crate::s3::s3_info::{s3_info, stamp};
use crate::spill::{Spill, text};
use crate::temporary::Purpose;

/// Number of keys that a copy of a tree lists, checks and copies before the next ones. It bounds the memory of a copy.
pub(in crate::s3) const WINDOW: usize = 10_000;

/// Maximum number of markers that wait in memory until the keys below them are deleted, as a multiple of the window.
const MARKER_WINDOWS: usize = 10;

/// Maximum number of parallel listings for a copy. There is one listing for each 1,000 copies, so that more of them would
/// only list keys long before they are copied.
const MAX_LISTINGS: usize = 4;

/// The hint of an error after the first window of a copy.
const PARTLY_COPIED: &str = "keys copied before it are in the target, and nothing was removed";

/// The list of copied keys, in errors.
const COPIED_KEYS: Purpose = Purpose {
    data: "the list of copied keys",
    effect: "nothing was removed",
};

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
        let mut pending = PendingDeletes::new(delimiter, self.most_markers(), MAX_DELETED_KEYS);
        let (mut failed, mut unreadable) = (NotDeleted::default(), SomeKeys::default());
        let mut delete = |keys: Vec<ToDelete>| -> Result<()> {
            let objects: Vec<Deletion<'_>> = keys.iter().map(ToDelete::deletion).collect();
            for (key, error) in self.objects().delete_many(&objects)? {
                failed.add(&key, error);
            }
            Ok(())
        };
        for page in std::iter::once(Ok(first)).chain(pages) {
            for object in page?.objects {
                if object.unreadable.is_some() {
                    unreadable.add(&object.shown_key());
                } else if !stays || object.key != prefix {
                    // A directory that stays keeps its marker.
                    pending.add(ToDelete {
                        key: object.key,
                        e_tag: None,
                    });
                }
            }
            while let Some(full) = pending.full_batch() {
                delete(full)?;
            }
        }
        let has_all = pending.has_all_markers();
        delete(pending.rest())?;
        if !has_all {
            self.delete_markers(&prefix, stays, &mut delete)?;
        }
        let error = Error::new(ErrorKind::OperationFailed)
            .with_message("its key is not UTF-8, so no request can name it");
        failed.add_all(&unreadable, error);
        failed.outcome()
    }

    /// Deletes the markers below a prefix, the deepest first, if there are too many for memory. Finds them with another
    /// listing.
    fn delete_markers(
        &self,
        prefix: &str,
        stays: bool,
        delete: &mut dyn FnMut(Vec<ToDelete>) -> Result<()>,
    ) -> Result<()> {
        let delimiter = self.shared.keys.delimiter();
        let mut markers = DeepestFirst::default();
        for page in Pages::new(self.objects(), prefix, None) {
            for object in page?.objects {
                let is_kept = stays && object.key == prefix;
                let is_marker = object.unreadable.is_none() && object.key.ends_with(delimiter);
                if !is_kept && is_marker {
                    markers.add(ToDelete {
                        key: object.key,
                        e_tag: None,
                    });
                }
            }
            while let Some(full) = markers.full_batch(MAX_DELETED_KEYS) {
                delete(full)?;
            }
        }
        delete(markers.rest())
    }

    /// Returns the maximum number of markers that wait in memory until the keys below them are deleted.
    fn most_markers(&self) -> usize {
        MARKER_WINDOWS * self.shared.window
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

    /// Copies the keys below one directory to another, and removes them if it is a move.
    ///
    /// The keys are listed, checked and copied in windows of [`WINDOW`] keys, so that the memory does not grow with their
    /// number. Nothing changes before the first window is checked, and nothing is removed before all windows are copied.
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
        let mut windows = self.windows(&src_prefix);
        let keys = windows.next().transpose()?.unwrap_or_default();
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
        let ends = Ends {
            src_prefix: &src_prefix,
            dst_prefix: &dst_prefix,
            dst_path,
        };
        let plan = Plan::new(&keys, &ends)?;
        let makes_marker = !self.strict && options.create && !target.is_root();
        let own = plan.marker.filter(|_| makes_marker || !target_is_there);
        let own = own.cloned();
        let has_more = !windows.is_ended();
        if there.is_none() && self.asks_for_markers(&plan, own.is_some() || has_more) {
            there = Some(self.target_markers(&dst_prefix)?);
        }
        if !target_is_there {
            self.make_target(&target, self, own.as_ref())
                .map_err(|error| error.with_path_replaced(dst_path))?;
        }
        let mut copied = Copied::new(remove);
        self.copy_window(self, &plan, there.as_ref(), &ends, &mut copied)?;
        drop(plan);
        drop(keys);
        self.copy_windows(self, windows, there.as_ref(), &ends, &mut copied)?;
        if makes_marker {
            let marker = self.shared.keys.marker(&target)?;
            match &own {
                Some(own) => self.copy_marker(self, own, &marker, there.as_ref())?,
                None => drop(self.put_marker(&marker, self.wanted(true))?),
            }
        }
        if remove {
            let removed = self.remove_copied(&source, &src_prefix, &mut copied, false);
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
    /// ignore the condition of a copy. `may_have_others` is true if markers that are not in the plan may be copied.
    fn asks_for_markers(&self, plan: &Plan<'_>, may_have_others: bool) -> bool {
        let delimiter = self.shared.keys.delimiter();
        let mut keys = plan.jobs.iter().map(|(object, ..)| *object);
        let has_markers = may_have_others || keys.any(|object| is_marker(object, delimiter));
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
        let mut windows = reached.fs.windows(&src_prefix);
        let keys = windows.next().transpose()?.unwrap_or_default();
        let ends = Ends {
            src_prefix: &src_prefix,
            dst_prefix: &dst_prefix,
            dst_path,
        };
        let plan = Plan::new(&keys, &ends)?;
        let asks = self.asks_for_markers(&plan, !windows.is_ended());
        let there = match asks || self.strict && !validated.is_root() {
            true => Some(self.target_markers(&dst_prefix)?),
            false => None,
        };
        let is_missing = there.as_ref().is_some_and(|there| !there.is_there);
        if self.strict && !validated.is_root() && is_missing {
            self.make_target(&validated, &reached.fs, plan.marker)
                .map_err(|error| error.with_path_replaced(dst_path))?;
        }
        let mut copied = Copied::new(remove);
        let all = self.copy_window(&reached.fs, &plan, there.as_ref(), &ends, &mut copied);
        drop(plan);
        drop(keys);
        let all = all.and_then(|()| {
            self.copy_windows(&reached.fs, windows, there.as_ref(), &ends, &mut copied)
        });
        match all {
            // These credentials may not read the source. The caller can copy with its two handles.
            Err(error) if error.is(ErrorKind::PermissionDenied) => return Ok(false),
            all => all?,
        }
        if remove {
            reached.fs.remove_copied(
                &ValidPath::of_normal(reached.path.as_str()),
                &src_prefix,
                &mut copied,
                source.is_root(),
            )?;
        }
        copied.outcome(&reached.path).map(|()| true)
    }

    /// Lists the keys of a tree in windows.
    fn windows(&self, prefix: &str) -> Windows<'_> {
        let listings = self.shared.max_workers.min(MAX_LISTINGS);
        Windows {
            pages: AllKeys::new(self.objects(), prefix, listings),
            size: self.shared.window,
        }
    }

    /// Copies all windows after the first one.
    fn copy_windows(
        &self,
        source: &S3Fs,
        windows: Windows<'_>,
        there: Option<&TargetMarkers>,
        ends: &Ends<'_>,
        copied: &mut Copied,
    ) -> Result<()> {
        for keys in windows {
            let keys = keys.map_err(partly_copied)?;
            let plan = Plan::new(&keys, ends).map_err(partly_copied)?;
            self.copy_window(source, &plan, there, ends, copied)?;
        }
        Ok(())
    }

    /// Copies the planned keys from the source filesystem, verbatim and in parallel.
    fn copy_window(
        &self,
        source: &S3Fs,
        plan: &Plan<'_>,
        there: Option<&TargetMarkers>,
        ends: &Ends<'_>,
        copied: &mut Copied,
    ) -> Result<()> {
        // First, because a full disk must not be detected after all copies.
        copied.add(plan, ends.src_prefix)?;
        let delimiter = self.shared.keys.delimiter();
        let copy = |object: &ListedObject, from: &Key, to: &Key| {
            if is_marker(object, delimiter) {
                // An existing marker with content must not become empty.
                return self.copy_marker(source, object, to, there);
            }
            self.copy_key(source, object, from, to, Condition::Any)
        };
        // After a failure no other copy is started.
        let all = self.threads().each(plan.jobs.len(), |number| {
            let Some((object, from, to)) = plan.jobs.get(number) else {
                return Ok(());
            };
            copy(object, from, to).map_err(|error| {
                let error = if condition_failed(&error) {
                    error.with_message("an object was replaced while it was copied")
                } else {
                    error
                };
                error.with_hint(format!("the key is {:?}; {PARTLY_COPIED}", object.key))
            })
        });
        all.map_err(|error| error.with_path(ends.dst_path))
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
        copied: &mut Copied,
        stays: bool,
    ) -> Result<()> {
        let Some(list) = &mut copied.list else {
            return Ok(());
        };
        let stays = self.keep_directories(path, prefix, copied.has_own_marker, stays)?;
        let delimiter = self.shared.keys.delimiter();
        let window = self.shared.window;
        let mut removal = Removal::default();
        let mut pending = PendingDeletes::new(delimiter, self.most_markers(), window);
        for object in to_delete(list)? {
            let object = object?;
            if !stays || object.key != prefix {
                pending.add(object);
            }
            if let Some(full) = pending.full_batch() {
                self.delete_copied_keys(&full, &mut removal)?;
            }
        }
        let has_all = pending.has_all_markers();
        self.delete_copied_keys(&pending.rest(), &mut removal)?;
        if !has_all {
            let mut markers = DeepestFirst::default();
            for object in to_delete(list)? {
                let object = object?;
                if object.key.ends_with(delimiter) && (!stays || object.key != prefix) {
                    markers.add(object);
                }
                if let Some(full) = markers.full_batch(window) {
                    self.delete_copied_keys(&full, &mut removal)?;
                }
            }
            self.delete_copied_keys(&markers.rest(), &mut removal)?;
        }
        removal.outcome()
    }

    /// Deletes objects that are still the copied ones.
    fn delete_copied_keys(&self, objects: &[ToDelete], removal: &mut Removal) -> Result<()> {
        let deletions: Vec<Deletion<'_>> = objects.iter().map(ToDelete::deletion).collect();
        let failures = self.objects().delete_many(&deletions)?;
        if failures.is_empty() {
            return Ok(());
        }
        let known = objects.iter().map(|object| (&*object.key, object));
        let known: HashMap<&str, &ToDelete> = known.collect();
        let mut changed = Vec::new();
        for (key, error) in failures {
            match known.get(&*key) {
                Some(object) if error.is(ErrorKind::ResourceChanged) => changed.push(*object),
                _ => removal.failed.add(&key, error),
            }
        }
        let gone = self
            .threads()
            .map(&changed, |object| self.delete_as_it_was(object));
        for (object, gone) in changed.into_iter().zip(gone) {
            if !gone? {
                removal.replaced.add(&object.key);
            }
        }
        Ok(())
    }

    /// Deletes an object that the store reported as changed, if its ETag is in fact the same, because some stores compare
    /// wrongly. Returns true if the object no longer exists. Makes at most two requests.
    fn delete_as_it_was(&self, object: &ToDelete) -> Result<bool> {
        let key = Key::new(object.key.as_str())?;
        let Some(head) = self.objects().look(&key, &ReadOptions::default())? else {
            return Ok(true);
        };
        let is_same = head.header("etag").map(stamp) == object.e_tag.as_deref().map(stamp);
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
        .map(|class| ("x-amz-storage-class".to_owned(), class.to_string()))
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

/// The keys of a tree, at least [`WINDOW`] at a time except for the last ones.
struct Windows<'a> {
    pages: AllKeys<'a>,
    size: usize,
}

impl Windows<'_> {
    /// Returns true if there are no more keys.
    fn is_ended(&self) -> bool {
        self.pages.is_ended()
    }
}

impl Iterator for Windows<'_> {
    type Item = Result<Vec<ListedObject>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut keys = Vec::new();
        while keys.len() < self.size {
            match self.pages.next() {
                Some(Ok(page)) => keys.extend(page.objects),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!keys.is_empty()).then_some(Ok(keys))
    }
}

/// The two ends of a copy.
struct Ends<'a> {
    src_prefix: &'a str,
    dst_prefix: &'a str,
    dst_path: &'a str,
}

/// The keys of a window with their targets, decided before any of them is copied.
struct Plan<'a> {
    jobs: Vec<(&'a ListedObject, Key, Key)>,
    /// The source's own marker. It is not in `jobs`, because the target may have its own, or need none.
    marker: Option<&'a ListedObject>,
    /// Keys that no URL can represent.
    left: SomeKeys,
}

impl<'a> Plan<'a> {
    /// Maps every key below one prefix to the same key below another. Returns an error if one would be too long.
    fn new(keys: &'a [ListedObject], ends: &Ends<'_>) -> Result<Self> {
        let mut plan = Self {
            jobs: Vec::with_capacity(keys.len()),
            marker: None,
            left: SomeKeys::default(),
        };
        for object in keys {
            if object.unreadable.is_some() {
                plan.left.add(&object.shown_key());
                continue;
            }
            let rest = object.key.strip_prefix(ends.src_prefix);
            let rest = rest.unwrap_or_default();
            let target = format!("{}{rest}", ends.dst_prefix);
            if target.len() > MAX_KEY_BYTES {
                return Err(Error::new(ErrorKind::InvalidPath)
                    .with_path(ends.dst_path)
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
                _ => plan.left.add(&object.key),
            }
        }
        Ok(plan)
    }
}

/// The keys of a tree that were copied.
struct Copied {
    count: usize,
    /// Whether the source's own marker is among them.
    has_own_marker: bool,
    /// Their keys and ETags, if they will be removed. The ETag is empty if the listing had none.
    list: Option<Spill<2>>,
    /// Keys that no URL can represent.
    left: SomeKeys,
}

impl Copied {
    fn new(is_move: bool) -> Self {
        Self {
            count: 0,
            has_own_marker: false,
            list: is_move.then(|| Spill::new(COPIED_KEYS)),
            left: SomeKeys::default(),
        }
    }

    /// Adds the keys of a window.
    fn add(&mut self, plan: &Plan<'_>, src_prefix: &str) -> Result<()> {
        let jobs = plan.jobs.iter().map(|(object, ..)| *object);
        for object in plan.marker.into_iter().chain(jobs) {
            self.count += 1;
            self.has_own_marker |= object.is(src_prefix);
            if let Some(list) = &mut self.list {
                let e_tag = object.etag.as_deref().unwrap_or_default();
                list.push([object.key.as_bytes(), e_tag.as_bytes()])?;
            }
        }
        self.left.add_all(&plan.left);
        Ok(())
    }

    /// Returns an error if keys were left out.
    fn outcome(&self, path: &str) -> Result<()> {
        if self.left.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::OperationFailed)
            .with_path(path)
            .with_message(format!(
                "{} keys were copied, but {} were not, because no request can name them: {}",
                self.count, self.left.count, self.left
            ))
            .with_hint("they remain in the source"))
    }
}

/// Returns the copied keys in the order in which they were listed.
fn to_delete(list: &mut Spill<2>) -> Result<impl Iterator<Item = Result<ToDelete>>> {
    Ok(list.records()?.map(|record| {
        let [key, e_tag] = record?;
        let e_tag = Some(text(e_tag)?).filter(|e_tag| !e_tag.is_empty());
        let key = text(key)?;
        Ok(ToDelete { key, e_tag })
    }))
}

/// The copied keys that a move did not remove.
#[derive(Default)]
struct Removal {
    /// Keys with a newer object than the copied one.
    replaced: SomeKeys,
    failed: NotDeleted,
}

impl Removal {
    fn outcome(self) -> Result<()> {
        self.failed.outcome()?;
        if self.replaced.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::DirectoryNotEmpty)
            .with_message(format!(
                "all keys were copied, but {} of them were replaced in the meantime: {}",
                self.replaced.count, self.replaced
            ))
            .with_hint("they still exist; move them again to get the newer content"))
    }
}

/// Returns an error of a later window with a hint about the windows before it.
fn partly_copied(error: Error) -> Error {
    let hint = match error.hint() {
        Some(hint) => format!("{hint}; {PARTLY_COPIED}"),
        None => PARTLY_COPIED.to_owned(),
    };
    error.with_hint(hint)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use test_server::{BUCKET, Bucket, Fault, Rule, Server};

    use super::*;
    use crate::filesystem::FileSystem as _;
    use crate::filesystem::capabilities::Capabilities as _;
    use crate::s3::S3FsBuilder;

    /// Number of keys of a window in these tests.
    const SMALL: usize = 10;

    /// Opens the bucket with small windows.
    fn open(server: &Server, strict: bool) -> S3Fs {
        with_windows(SMALL, builder(server, strict))
    }

    fn builder(server: &Server, strict: bool) -> S3FsBuilder {
        S3Fs::builder(BUCKET)
            .endpoint_url(server.endpoint())
            .aws_access_key_id(server.access_key())
            .aws_secret_access_key(server.secret_key())
            .region(server.region())
            .max_attempts(1)
            .list_in_byte_order(strict)
            .conditions(crate::ConditionalWrites::Honoured)
            .strict(strict)
    }

    fn with_windows(keys: usize, builder: S3FsBuilder) -> S3Fs {
        let mut fs = builder.build().unwrap();
        Arc::get_mut(&mut fs.shared).unwrap().window = keys;
        fs
    }

    /// A server whose pages do not divide a window.
    fn server() -> Server {
        Server::builder().page_size(4).start()
    }

    fn create() -> CopyOptions {
        CopyOptions::new().create(true)
    }

    /// Stores files and markers, and returns their keys below the prefix.
    fn put_tree(bucket: &Bucket, prefix: &str, count: usize) -> Vec<String> {
        let name = |number: usize| match number % 7 {
            0 => format!("d{number:03}/"),
            1 => format!("d{:03}/file", number - 1),
            _ => format!("f{number:03}"),
        };
        let mut names: Vec<String> = (0..count).map(name).collect();
        names.sort();
        for name in &names {
            let content = if name.ends_with('/') { "" } else { name };
            bucket.put(&format!("{prefix}{name}"), content.to_owned());
        }
        names
    }

    /// Returns the keys below a prefix, without the prefix's own marker.
    fn names(bucket: &Bucket, prefix: &str) -> Vec<String> {
        let keys = bucket.keys().into_iter();
        let names = keys.filter_map(|key| Some(key.strip_prefix(prefix)?.to_owned()));
        names.filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn trees_of_any_number_of_windows_are_copied_and_moved_exactly() {
        for strict in [true, false] {
            for count in [1, SMALL - 1, SMALL, SMALL + 1, 2 * SMALL, 5 * SMALL + 3] {
                let server = server();
                let bucket = server.bucket(BUCKET);
                let expected = put_tree(&bucket, "tree/", count);
                bucket.put("tree.txt", "beside");
                let fs = open(&server, strict);
                fs.copydir_with("tree", "copy", &create()).unwrap();
                assert_eq!(names(&bucket, "copy/"), expected, "{strict} {count}");
                assert_eq!(names(&bucket, "tree/"), expected);
                fs.movedir_with("tree", "moved", &create()).unwrap();
                assert_eq!(names(&bucket, "moved/"), expected, "{strict} {count}");
                assert!(!bucket.keys().iter().any(|key| key.starts_with("tree/")));
                let location = fs.location("moved").unwrap().unwrap();
                let other = open(&server, strict);
                assert!(other.copydir_from(&location, "again", true).unwrap());
                assert_eq!(names(&bucket, "again/"), expected, "{strict} {count}");
                assert!(names(&bucket, "moved/").is_empty());
                for name in expected.iter().filter(|name| !name.ends_with('/')) {
                    let object = bucket.get(&format!("again/{name}")).unwrap();
                    assert_eq!(object.bytes(), name.as_bytes());
                }
                assert!(bucket.get("tree.txt").is_some());
            }
        }
    }

    #[test]
    fn windows_need_no_additional_requests() {
        let requests = |window: usize| {
            let server = server();
            put_tree(&server.bucket(BUCKET), "tree/", 50);
            // The number of requests of a listing by several workers depends on their speed.
            let fs = with_windows(window, builder(&server, true).max_workers(1));
            fs.movedir_with("tree", "moved", &create()).unwrap();
            server.requests().len()
        };
        assert_eq!(requests(1000), requests(100));
        // Each batch of deletes is one request.
        assert_eq!(requests(SMALL), requests(1000) + 50 / SMALL - 1);
    }

    #[test]
    fn a_failure_in_a_later_window_of_a_move_removes_nothing() {
        let long = "z".repeat(1010);
        type Break = fn(&Server, &str);
        let breaks: [(Break, ErrorKind); 4] = [
            (
                |server, _| {
                    let copy = Rule::on("CopyObject").key("target-of-the-move/f046");
                    let denied = Fault::error(403, "AccessDenied");
                    server.faults().add(copy.always(), denied);
                },
                ErrorKind::PermissionDenied,
            ),
            (
                |server, _| {
                    let replace = Rule::on("CopyObject").key("target-of-the-move/f046");
                    let bucket = server.bucket(BUCKET);
                    let replace = replace.when(move |_| {
                        bucket.put("tree/f046", "newer");
                        false
                    });
                    server.faults().add(replace, Fault::ResetBefore);
                },
                ErrorKind::ResourceChanged,
            ),
            (
                |server, _| {
                    let list = Rule::on("ListObjectsV2")
                        .when(|request| request.query("prefix") == Some("tree/"));
                    // Two windows have six pages.
                    let list = list.nth(9).always();
                    server.faults().add(list, Fault::error(403, "AccessDenied"));
                },
                ErrorKind::PermissionDenied,
            ),
            (
                |server, long| server.bucket(BUCKET).put(&format!("tree/{long}"), "x"),
                ErrorKind::InvalidPath,
            ),
        ];
        for (number, (make_fail, kind)) in breaks.into_iter().enumerate() {
            let server = server();
            let bucket = server.bucket(BUCKET);
            put_tree(&bucket, "tree/", 50);
            make_fail(&server, &long);
            let before = names(&bucket, "tree/");
            let fs = open(&server, true);
            let moved = fs.movedir_with("tree", "target-of-the-move", &create());
            let error = moved.expect_err(&number.to_string());
            assert_eq!(error.kind(), kind, "{number}: {error}");
            assert!(error.to_string().contains(PARTLY_COPIED), "{error}");
            assert_eq!(names(&bucket, "tree/"), before, "{number}");
            assert!(names(&bucket, "target-of-the-move/").len() >= SMALL);
            let deletes = ["DeleteObject", "DeleteObjects"];
            let requests = server.requests();
            let mut operations = requests.iter().map(|request| request.operation);
            assert!(!operations.any(|operation| deletes.contains(&operation)));
        }
    }

    #[test]
    fn keys_that_no_request_can_name_stay_in_each_window() {
        let server = server();
        let bucket = server.bucket(BUCKET);
        put_tree(&bucket, "tree/", 50);
        for key in ["tree/./a", "tree/../b", "tree/f010/../c", "tree/f045/../d"] {
            bucket.put(key, "x");
        }
        let fs = open(&server, true);
        let error = fs.movedir_with("tree", "moved", &create()).unwrap_err();
        let message = "50 keys were copied, but 4 were not, because no request can name them: \
                       \"tree/../b\", \"tree/./a\", \"tree/f010/../c\"";
        assert_eq!(error.message(), Some(message));
        let left = ["../b", "./a", "f010/../c", "f045/../d"];
        assert_eq!(names(&bucket, "tree/"), left);
    }

    #[test]
    fn replaced_objects_of_each_window_stay_and_are_counted() {
        let server = server();
        let bucket = server.bucket(BUCKET);
        put_tree(&bucket, "tree/", 50);
        let replace = {
            let bucket = server.bucket(BUCKET);
            Rule::on("DeleteObjects").times(1).when(move |_| {
                bucket.put("tree/f002", "newer");
                bucket.put("tree/f048", "newer");
                false
            })
        };
        server.faults().add(replace, Fault::ResetBefore);
        let fs = open(&server, true);
        let error = fs.movedir_with("tree", "moved", &create()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
        let message = error.message().unwrap();
        assert!(message.contains("2 of them were replaced"), "{message}");
        assert_eq!(names(&bucket, "tree/"), ["f002", "f048"]);
    }

    #[test]
    fn more_markers_than_fit_are_deleted_after_the_keys_below_them() {
        let server = Server::builder().like_seaweedfs().page_size(40).start();
        let bucket = server.bucket(BUCKET);
        for number in 0..2 * MARKER_WINDOWS * SMALL {
            let directory = format!("tree/{}/{number:03}/", number % 9);
            bucket.put(&directory, "");
            bucket.put(&format!("{directory}below/"), "");
            bucket.put(&format!("{directory}below/file"), "x");
        }
        let count = names(&bucket, "tree/").len();
        let fs = open(&server, false);
        fs.movedir_with("tree", "moved", &create()).unwrap();
        assert!(names(&bucket, "moved/").len() >= count);
        assert!(names(&bucket, "tree/").is_empty());
        assert!(bucket.stuck().is_empty(), "{:?}", bucket.stuck());
        fs.removetree("moved").unwrap();
        assert!(bucket.stuck().is_empty(), "{:?}", bucket.stuck());
    }
}
