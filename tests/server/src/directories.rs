//! Directories of stores that keep objects in a file system, such as SeaweedFS 4.48: a
//! key below `d/` creates the directory `d`. The store responds to requests for the key `d/` although no object has it,
//! and no listing includes it as a key.

use super::objects::Found;
use super::service::Service;
use super::store::{BucketData, Object};

/// The last character of a directory's key.
const DELIMITER: char = '/';

/// Returns the object for a directory's key on such a store: the object of the same name without the delimiter, or an
/// empty one with the type of a directory.
pub fn answers(service: &Service, bucket: &BucketData, key: &str) -> Option<Object> {
    let name = key.strip_suffix(DELIMITER);
    let name = name.filter(|_| service.settings.keeps_directories)?;
    if let Some(file) = bucket.current(name) {
        return Some(file.clone());
    }
    let is_there = bucket.stuck.contains(key) || has_keys_below(bucket, key);
    is_there.then(|| {
        let mut directory = Object::new("");
        directory.etag += "-0";
        directory.header("content-type", "application/x-directory")
    })
}

/// Like `answers`, in the form of a found object.
pub fn found(service: &Service, bucket: &BucketData, key: &str) -> Option<Found> {
    let object = answers(service, bucket, key)?;
    Some(Found {
        object,
        version: None,
    })
}

/// After an object is stored: a directory replaces a file, and a file replaces a marker.
pub fn after_put(service: &Service, bucket: &mut BucketData, key: &str) {
    if !service.settings.keeps_directories {
        return;
    }
    bucket.stuck.remove(key);
    match key.strip_suffix(DELIMITER) {
        Some(file) => bucket.keys.remove(file),
        None => bucket.keys.remove(&format!("{key}{DELIMITER}")),
    };
}

/// After an object is deleted: a directory that is not empty stays until it is deleted itself.
pub fn after_delete(service: &Service, bucket: &mut BucketData, key: &str) {
    if !service.settings.keeps_directories || !key.ends_with(DELIMITER) {
        return;
    }
    if has_keys_below(bucket, key) {
        bucket.stuck.insert(key.to_owned());
    } else {
        bucket.stuck.remove(key);
    }
}

fn has_keys_below(bucket: &BucketData, directory: &str) -> bool {
    let is_below = |key: &str| key != directory && key.starts_with(directory);
    let stuck = bucket.stuck.range(directory.to_owned()..);
    let mut stuck = stuck.take_while(|key| key.starts_with(directory));
    let live = bucket.live_from(directory);
    let mut live = live.take_while(|(key, _)| key.starts_with(directory));
    live.any(|(key, _)| is_below(&key)) || stuck.any(|key| is_below(key))
}
