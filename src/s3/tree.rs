//! Whole-tree work, flat: the keys below a prefix, 1,000 a request, whatever directories they are
//! in.

use super::S3Fs;
use std::collections::HashMap;

use super::copy::Reached;
use super::directories::no_directory_below;
use super::info::{s3_info, stamp};
use super::key::{Key, MAX_KEY_BYTES};
use super::list::Pages;
use super::objects::{Condition, ReadOptions, Source, condition_failed};
use super::parallel;
use super::setinfo::class_and_encryption;
use crate::crew::Crew;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::CopyOptions;
use crate::location::Location;
use crate::s3::client::xml::ListedObject;
use crate::s3::client::xml::body::Deletion;

/// How many keys an error names.
const NAMED_KEYS: usize = 3;

impl S3Fs {
    /// Removes all keys below a directory: 2 requests for each 1,000 of them, and in strict mode
    /// the look at the parent and its marker. A directory that stays has its own marker before
    /// anything is removed: one request more where it had none.
    pub(super) fn remove_tree(&self, path: &str, stays: bool) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated, path)?;
        let is_root = validated == "/";
        let mut pages = Pages::new(self.objects(), &prefix, None);
        let first = pages.next().transpose()?.unwrap_or_default();
        if first.objects.is_empty() {
            return if is_root {
                Ok(())
            } else {
                Err(self.no_directory(&validated, path))
            };
        }
        let has_marker = first.objects.iter().any(|object| object.is(&prefix));
        let stays = self
            .keep_directories(&validated, &prefix, has_marker, stays)
            .map_err(|error| error.with_path(path))?;
        let mut failures = Vec::new();
        for page in std::iter::once(Ok(first)).chain(pages) {
            let page = page?;
            let (unreadable, page): (Vec<_>, Vec<_>) = page
                .objects
                .into_iter()
                .partition(|object| object.unreadable.is_some());
            failures.extend(unreadable.iter().map(|object| {
                let error = Error::new(ErrorKind::OperationFailed);
                let error = error.with_message("its key is not UTF-8, and no request can name it");
                (object.shown_key().into_owned(), error)
            }));
            let keys = page.iter().map(|object| object.key.as_str());
            // What stays keeps its marker.
            let keys = keys.filter(|key| !stays || *key != prefix);
            let objects: Vec<Deletion<'_>> = keys.map(Deletion::of).collect();
            failures.extend(self.objects().delete_many(&objects)?);
        }
        not_deleted(&failures)
    }

    /// Before all keys below a prefix go: the marker of the directory itself, if it is to stay, or that of
    /// the one it is in, which in strict mode stays. Says whether the directory stays; a root always does.
    fn keep_directories(
        &self,
        validated: &str,
        prefix: &str,
        has_marker: bool,
        stays: bool,
    ) -> Result<bool> {
        if validated == "/" {
            return Ok(true);
        }
        if stays && !has_marker {
            self.put_marker(&self.shared.keys.marker(validated)?)?;
        }
        if self.shared.strict && !stays {
            self.keep_parent(validated, |key| key.starts_with(prefix))?;
        }
        Ok(stays)
    }

    pub(super) fn copy_directory(
        &self,
        src_path: &str,
        dst_path: &str,
        options: CopyOptions,
        remove: bool,
    ) -> Result<()> {
        self.check_writeable(if remove { src_path } else { dst_path })?;
        let source = self.normalize(src_path)?;
        let target = self.normalize(dst_path)?;
        let src_prefix = self.prefix(&source, src_path)?;
        let dst_prefix = self.prefix(&target, dst_path)?;
        let target_is_there = !self.shared.strict || self.is_directory(&dst_prefix, &target)?;
        let target_is_file =
            !target_is_there && self.is_object(&self.shared.keys.file(&target)?)?;
        if !target_is_there && !target_is_file && !options.create {
            return Err(Error::new(ErrorKind::ResourceNotFound).with_path(dst_path));
        }
        let keys = self.all_keys(&src_prefix)?;
        if keys.is_empty() && source != "/" {
            return Err(self.no_directory(&source, src_path));
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
                .with_message("one directory lies in the other"));
        }
        let plan = Plan::new(&keys, &src_prefix, &dst_prefix, dst_path)?;
        if !target_is_there {
            self.make_target(&target, dst_path)
                .map_err(|error| error.with_path_replaced(dst_path))?;
        }
        let copied = self.copy_keys(self, plan);
        let copied = copied.map_err(|error| error.with_path(dst_path))?;
        if !self.shared.strict && options.create && target != "/" {
            self.put_marker(&self.shared.keys.marker(&target)?)?;
        }
        if remove {
            let removed = self.remove_copied(&source, &src_prefix, &copied, false);
            removed.map_err(|error| error.with_path(src_path))?;
        }
        copied.outcome(src_path)
    }

    /// Makes the target of a copy, which is known not to be there, and those above it.
    fn make_target(&self, validated: &str, path: &str) -> Result<()> {
        let missing = self.missing_levels(validated, 1)?;
        if missing.len() > 1
            && let Some(file) = self.file_above(&missing)?
        {
            return Err(no_directory_below(file, path));
        }
        self.make_levels(&missing).map(|_| ())
    }

    /// Copies what is in a directory that another handle reaches, if the server can:
    /// `FileSystem::copydir_from`.
    pub(super) fn copy_reached_directory(
        &self,
        source: &Location,
        dst_path: &str,
        remove: bool,
    ) -> Result<bool> {
        self.check_writeable(dst_path)?;
        let validated = self.normalize(dst_path)?;
        let dst_prefix = self.prefix(&validated, dst_path)?;
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
        if self.shared.strict && !self.is_directory(&dst_prefix, &validated)? {
            self.make_target(&validated, dst_path)
                .map_err(|error| error.with_path_replaced(dst_path))?;
        }
        let copied = match self.copy_keys(&reached.fs, plan) {
            // These credentials may not read there: the caller's two handles can.
            Err(error) if error.is(ErrorKind::PermissionDenied) => return Ok(false),
            copied => copied?,
        };
        if remove {
            reached
                .fs
                .remove_copied(&reached.path, &src_prefix, &copied, source.is_root())?;
        }
        copied.outcome(&reached.path).map(|()| true)
    }

    fn all_keys(&self, prefix: &str) -> Result<Vec<ListedObject>> {
        let mut keys = Vec::new();
        for page in Pages::new(self.objects(), prefix, None) {
            keys.extend(page?.objects);
        }
        Ok(keys)
    }

    /// Copies what is planned from that filesystem, verbatim and in parallel.
    fn copy_keys<'a>(&self, source: &S3Fs, plan: Plan<'a>) -> Result<Copied<'a>> {
        let delimiter = self.shared.keys.delimiter();
        let copy = |object: &ListedObject, from: &Key, to: &Key| {
            if object.size == 0 && object.key.ends_with(delimiter) {
                // A marker with content that is there already must not become empty.
                return self.put_marker(to).map(|_| ());
            }
            let source = Source {
                objects: source.objects(),
                key: from,
                e_tag: object.etag.as_deref().unwrap_or_default(),
                size: object.size,
            };
            let kept = match self.shared.keep_encryption {
                true => {
                    let head = source.objects.head(from, &ReadOptions::default(), false)?;
                    class_and_encryption(&s3_info(head.headers()))?
                }
                false => listed_class(object),
            };
            self.objects().copy(&source, to, kept, Condition::Any)
        };
        // After one that fails no other is begun.
        Crew::new(self.shared.max_workers).each(plan.jobs.len(), |number| {
            let Some((object, from, to)) = plan.jobs.get(number) else {
                return Ok(());
            };
            copy(object, from, to).map_err(|error| {
                let hint = "what was copied before it is there, and nothing was removed";
                let error = if condition_failed(&error) {
                    error.with_message("an object was replaced while it was copied")
                } else {
                    error
                };
                error.with_hint(format!("it was the key {:?}; {hint}", object.key))
            })
        })?;
        let copied = plan.jobs.iter().map(|(object, ..)| *object);
        Ok(Copied {
            objects: plan.marker.into_iter().chain(copied).collect(),
            left: plan.left,
        })
    }

    /// Removes the objects that a move has copied, and no other: none that was replaced meanwhile.
    /// A directory that stays has its own marker before anything is removed, as in
    /// [`remove_tree`](Self::remove_tree).
    fn remove_copied(
        &self,
        validated: &str,
        prefix: &str,
        copied: &Copied<'_>,
        stays: bool,
    ) -> Result<()> {
        let has_marker = copied.objects.iter().any(|object| object.is(prefix));
        let stays = self.keep_directories(validated, prefix, has_marker, stays)?;
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
        let gone = parallel::map(&changed, self.shared.max_workers, |object| {
            self.delete_as_it_was(object)
        });
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
                "all was copied, and {} of its keys were replaced meanwhile: {}",
                replaced.len(),
                some_of(replaced.iter().copied())
            ))
            .with_hint("they are still there: move them again for the newer content"))
    }

    /// Deletes an object of which the store says that it has another ETag, if it has not: some compare
    /// wrongly. Whether it is gone. Two requests at most.
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

/// The storage class that a listing tells, as the header of a copy.
fn listed_class(object: &ListedObject) -> Vec<(String, String)> {
    let class = object.storage_class.iter();
    let class = class.filter(|class| *class != "STANDARD");
    class
        .map(|class| ("x-amz-storage-class".to_owned(), class.clone()))
        .collect()
}

/// Which keys are copied where, decided before anything changes.
struct Plan<'a> {
    jobs: Vec<(&'a ListedObject, Key, Key)>,
    /// The source's own marker: the target has one of its own, or none is wanted.
    marker: Option<&'a ListedObject>,
    /// Keys that no URL can name.
    left: Vec<String>,
}

impl<'a> Plan<'a> {
    /// Every key below one prefix to the same below another; an error if one does not fit there.
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
                        "the key {:?} would be longer than {MAX_KEY_BYTES} bytes there",
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

/// What a copy of a tree did.
struct Copied<'a> {
    objects: Vec<&'a ListedObject>,
    /// Keys that no URL can name.
    left: Vec<String>,
}

impl Copied<'_> {
    /// An error if keys were left out.
    fn outcome(&self, path: &str) -> Result<()> {
        if self.left.is_empty() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::OperationFailed)
            .with_path(path)
            .with_message(format!(
                "{} keys were copied, and {} were not, since no request can name them: {}",
                self.objects.len(),
                self.left.len(),
                some_of(self.left.iter().map(String::as_str))
            ))
            .with_hint("they are where they were"))
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
