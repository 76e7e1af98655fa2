//! The data: buckets, keys, versions, multipart uploads. No HTTP here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::{S3ErrorCode, S3Result};

use super::answers::error;
use super::checksum::{self, Checksums};
use super::content::{Content, mix};
use super::numbered::Numbered;

/// All data of a server.
#[derive(Default)]
pub struct Store {
    buckets: Mutex<BTreeMap<String, BucketData>>,
}

impl Store {
    /// Returns all buckets. One lock, held only while data is read or changed: every operation is atomic, as in S3.
    pub fn buckets(&self) -> MutexGuard<'_, BTreeMap<String, BucketData>> {
        // A test that panicked while holding the lock has already failed; the others continue.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a function with a bucket, or returns `NoSuchBucket`.
    pub fn with<T>(
        &self,
        bucket: &str,
        work: impl FnOnce(&mut BucketData) -> S3Result<T>,
    ) -> S3Result<T> {
        let mut buckets = self.buckets();
        let bucket = buckets
            .get_mut(bucket)
            .ok_or_else(|| error(S3ErrorCode::NoSuchBucket))?;
        work(bucket)
    }
}

/// An object, with all its properties in S3.
#[derive(Clone, Debug)]
pub struct Object {
    pub content: Content,
    /// Without the quotes.
    pub etag: String,
    /// Whole seconds, as in S3.
    pub modified: SystemTime,
    /// Headers of the PUT that GET returns, by lowercase header name: `content-type`, `cache-control`,
    /// `x-amz-meta-*`, `x-amz-server-side-encryption`, `x-amz-object-lock-mode` ...
    pub headers: BTreeMap<String, String>,
    pub storage_class: String,
    pub tags: Vec<(String, String)>,
    pub checksums: Checksums,
    /// `FULL_OBJECT` or `COMPOSITE`.
    pub checksum_type: &'static str,
    /// The parts of a multipart upload; empty for an object that was stored in one piece.
    pub parts: Vec<Part>,
    /// The MD5 of the customer key, for an object stored with SSE-C.
    pub customer_key_md5: Option<String>,
    /// The value of `x-amz-restore`, for an archived object.
    pub restore: Option<String>,
}

impl Object {
    /// Creates an object like a plain PUT.
    pub fn new(content: impl Into<Content>) -> Self {
        let content = content.into();
        let content_type = ("content-type".into(), "binary/octet-stream".into());
        Self {
            etag: checksum::etag(&content),
            content,
            modified: now(),
            headers: BTreeMap::from([content_type]),
            storage_class: "STANDARD".into(),
            tags: Vec::new(),
            checksums: Checksums::new(),
            checksum_type: "FULL_OBJECT",
            parts: Vec::new(),
            customer_key_md5: None,
            restore: None,
        }
    }

    /// Adds a header, such as `("x-amz-meta-colour", "red")`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_lowercase(), value.into());
        self
    }

    pub fn len(&self) -> u64 {
        self.content.len()
    }

    pub fn is_empty(&self) -> bool {
        self.content.is_empty()
    }

    /// Returns the whole content.
    pub fn bytes(&self) -> Vec<u8> {
        self.content.to_vec()
    }

    /// Objects in Glacier's storage classes cannot be read before they are restored.
    pub fn is_archived(&self) -> bool {
        matches!(self.storage_class.as_str(), "GLACIER" | "DEEP_ARCHIVE")
            && !self.restore.as_deref().is_some_and(is_restored)
    }
}

fn is_restored(restore: &str) -> bool {
    restore.contains("ongoing-request=\"false\"")
}

/// One entry in the history of a key. `object` is `None` for a delete marker.
#[derive(Clone, Debug)]
pub struct Version {
    /// `null` for versions that were written before versioning was enabled.
    pub id: String,
    pub object: Option<Object>,
    pub modified: SystemTime,
}

/// A part of a multipart upload.
#[derive(Clone, Debug)]
pub struct Part {
    pub number: i32,
    pub content: Content,
    pub etag: String,
    pub checksums: Checksums,
    pub modified: SystemTime,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone, Debug)]
pub struct Upload {
    pub id: String,
    pub key: String,
    /// The future object, without its content.
    pub object: Object,
    /// The checksum algorithm requested at creation.
    pub algorithm: Option<&'static str>,
    pub parts: BTreeMap<i32, Part>,
}

/// A bucket. Rust's `String` sorts by bytes of UTF-8, like S3 listings.
pub struct BucketData {
    pub created: SystemTime,
    /// `None` if versioning was never set, else `Enabled` or `Suspended`.
    pub versioning: Option<String>,
    pub keys: BTreeMap<String, Vec<Version>>,
    /// Additional keys that are only counted, by their prefixes, none of which begins with another.
    pub numbered: BTreeMap<String, Numbered>,
    pub uploads: BTreeMap<String, Upload>,
    /// Keys whose deletion is refused with AccessDenied.
    pub undeletable: BTreeSet<String>,
    /// Directories without any key, with the delimiter, on a store with real directories.
    pub stuck: BTreeSet<String>,
}

impl BucketData {
    pub fn new() -> Self {
        Self {
            created: now(),
            versioning: None,
            keys: BTreeMap::new(),
            numbered: BTreeMap::new(),
            uploads: BTreeMap::new(),
            undeletable: BTreeSet::new(),
            stuck: BTreeSet::new(),
        }
    }

    /// Returns the current object, if the key has one.
    pub fn current(&self, key: &str) -> Option<&Object> {
        self.version(key, None)?.object.as_ref()
    }

    /// Returns one version of a key, or its newest.
    pub fn version(&self, key: &str, id: Option<&str>) -> Option<&Version> {
        let Some(versions) = self.keys.get(key) else {
            let mut numbered = self.numbered.values();
            return numbered.find_map(|keys| keys.version(key));
        };
        match id {
            None => versions.last(),
            Some(id) => versions.iter().find(|version| version.id == id),
        }
    }

    pub fn version_mut(&mut self, key: &str, id: Option<&str>) -> Option<&mut Version> {
        let versions = self.keys.get_mut(key)?;
        match id {
            None => versions.last_mut(),
            Some(id) => versions.iter_mut().find(|version| version.id == id),
        }
    }

    /// Makes `object` (or a delete marker) the newest version and returns its id, if versions are kept.
    pub fn push(&mut self, key: &str, object: Option<Object>) -> Option<String> {
        if self.count(key, object.as_ref()) {
            self.keys.remove(key);
            return None;
        }
        let keeps = self.versioning.as_deref() == Some("Enabled");
        let id = if keeps { self.new_id() } else { "null".into() };
        let modified = object.as_ref().map_or_else(now, |object| object.modified);
        let versions = self.keys.entry(key.to_owned()).or_default();
        versions.retain(|version| keeps || version.id != "null");
        versions.push(Version {
            id: id.clone(),
            object,
            modified,
        });
        self.versioning.is_some().then_some(id)
    }

    /// Adds numbered keys, in the place of others with their prefix.
    pub fn number(&mut self, keys: Numbered) {
        let prefix = keys.prefix().to_owned();
        let mut others = self.numbered.keys().filter(|other| **other != prefix);
        let overlaps = |other: &String| other.starts_with(&prefix) || prefix.starts_with(other);
        assert!(!others.any(overlaps), "{prefix} overlaps");
        self.numbered.insert(prefix, keys);
    }

    /// Stores or removes the object of a numbered key. Returns whether there is nothing else to do.
    pub fn count(&mut self, key: &str, object: Option<&Object>) -> bool {
        let mut numbered = self.numbered.values_mut();
        numbered.any(|keys| keys.set(key, object))
    }

    /// Removes one version permanently.
    pub fn remove_version(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.keys.get_mut(key)?;
        let at = versions.iter().position(|version| version.id == id)?;
        let removed = versions.remove(at);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(removed)
    }

    /// Returns an id for a version or an upload: opaque, and unique among all servers of this process.
    pub fn new_id(&mut self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{number:08x}", mix(number ^ 0x5eed))
    }

    /// Returns the keys that a listing includes, in order.
    pub fn live(&self) -> impl Iterator<Item = (Cow<'_, str>, &Object)> {
        self.live_from("")
    }

    /// Returns the keys from `start` on, and the directories without any key, which have no object.
    pub fn listed_from<'a>(
        &'a self,
        start: &str,
    ) -> impl Iterator<Item = (Cow<'a, str>, Option<&'a Object>)> {
        let live = self.live_from(start);
        let mut live = live.map(|(key, object)| (key, Some(object))).peekable();
        let from = (std::ops::Bound::Included(start), std::ops::Bound::Unbounded);
        let stuck = self.stuck.range::<str, _>(from);
        let mut stuck = stuck.map(|key| (Cow::from(key), None)).peekable();
        std::iter::from_fn(move || match (live.peek(), stuck.peek()) {
            (Some((first, _)), Some((second, _))) if second < first => stuck.next(),
            (None, Some(_)) => stuck.next(),
            _ => live.next(),
        })
    }

    /// Returns the keys that a listing includes, from `start` on.
    pub fn live_from<'a>(
        &'a self,
        start: &str,
    ) -> impl Iterator<Item = (Cow<'a, str>, &'a Object)> {
        let from = (std::ops::Bound::Included(start), std::ops::Bound::Unbounded);
        let kept = self.keys.range::<str, _>(from);
        let mut kept = kept
            .filter_map(|(key, versions)| Some((key.into(), versions.last()?.object.as_ref()?)))
            .peekable();
        let counted = self.numbered.values();
        let mut counted = counted.flat_map(|keys| keys.from(start)).peekable();
        std::iter::from_fn(move || match (kept.peek(), counted.peek()) {
            (None, Some(_)) => counted.next(),
            (Some((first, _)), Some((second, _))) if second < first => counted.next(),
            _ => kept.next(),
        })
    }
}

/// Returns the current time, in whole seconds: S3 keeps no fractions.
pub fn now() -> SystemTime {
    whole_seconds(SystemTime::now())
}

pub fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
