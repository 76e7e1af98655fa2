//! [`Location`]: identifies a resource, independent of the filesystem through which it was reached.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Identifies a resource, independent of the filesystem through which it was reached.
///
/// Two handles on the same bucket, for example with different `dir_path`, return the same location for the same object.
/// Copies and moves compare locations before anything changes, so that nothing is copied onto itself or into itself.
#[derive(Clone)]
pub struct Location {
    realm: String,
    file: String,
    directory: String,
    is_link: bool,
    is_root: bool,
    handle: Option<Arc<dyn Any + Send + Sync>>,
}

impl Location {
    /// Creates a location. `file` identifies the resource as a file, and `directory` is the prefix of its content as a
    /// directory. The realm is, for example, a bucket at an endpoint or the local disk. The part of the realm after the last
    /// `/` is its own name. The part before is the address through which it was reached.
    ///
    /// `directory` ends with the separator of the realm, or is empty for the whole realm.
    #[must_use]
    pub fn new(
        realm: impl Into<String>,
        file: impl Into<String>,
        directory: impl Into<String>,
    ) -> Self {
        Self {
            realm: realm.into(),
            file: file.into(),
            directory: directory.into(),
            is_link: false,
            is_root: false,
            handle: None,
        }
    }

    /// Marks the location as reached through a symbolic link, which was the last name of the path.
    #[must_use]
    pub fn through_link(mut self) -> Self {
        self.is_link = true;
        self
    }

    /// Returns true if [`through_link`](Self::through_link) was set. A move removes the link and never the target of the
    /// link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.is_link
    }

    /// Marks the location as the root of a filesystem.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.is_root = true;
        self
    }

    /// Returns true if [`as_root`](Self::as_root) was set. Such a directory is kept when all its content is moved.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// Adds a handle with which a filesystem of the same kind can access the resource directly.
    #[must_use]
    pub fn with_handle(mut self, handle: impl Any + Send + Sync) -> Self {
        self.handle = Some(Arc::new(handle));
        self
    }

    /// Returns the handle of [`with_handle`](Self::with_handle), if it has this type.
    #[must_use]
    pub fn handle<T: Any>(&self) -> Option<&T> {
        self.handle.as_ref()?.downcast_ref()
    }

    /// Returns true if both are the same resource.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.realm == other.realm && self.file == other.file && self.directory == other.directory
    }

    /// Returns true if both are the same file. Ignores the directories: handles with different delimiters have different
    /// directories for the same object.
    #[must_use]
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.realm == other.realm && self.file == other.file
    }

    /// Returns true if both may be the same file of one realm that was reached in two ways, such as through two names of one
    /// server.
    #[must_use]
    pub fn may_be_file(&self, other: &Self) -> bool {
        self.may_be_in_one_realm(other) && self.file == other.file
    }

    /// Returns true if both were reached in two ways, and the two realms may be the same.
    fn may_be_in_one_realm(&self, other: &Self) -> bool {
        let names = (self.realm.rsplit_once('/'), other.realm.rsplit_once('/'));
        let (Some((own_way, own_name)), Some((way, name))) = names else {
            return false;
        };
        own_way != way && own_name == name
    }

    /// Returns true if the two directories may overlap in one realm that was reached in two ways, such as through two names
    /// of one server.
    #[must_use]
    pub fn may_overlap(&self, other: &Self) -> bool {
        self.may_be_in_one_realm(other) && self.directories_overlap(other)
    }

    fn directories_overlap(&self, other: &Self) -> bool {
        self.directory.starts_with(&other.directory) || other.directory.starts_with(&self.directory)
    }

    /// Returns true if the two directories are the same, or one lies in the other.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.realm == other.realm && self.directories_overlap(other)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({} {:?})", self.realm, self.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Location {
        Location::new("disk", path, format!("{path}/"))
    }

    #[test]
    fn a_directory_overlaps_its_contents_and_not_names_with_the_same_prefix() {
        assert!(at("/a").overlaps(&at("/a/b")));
        assert!(at("/a/b").overlaps(&at("/a")));
        assert!(at("/a").overlaps(&at("/a")));
        assert!(!at("/a").overlaps(&at("/ab")));
        assert!(!at("/a").overlaps(&Location::new("memory", "/a", "/a/")));
        assert!(Location::new("disk", "", "").overlaps(&at("/a")));
    }

    #[test]
    fn the_same_path_in_another_realm_is_another_resource() {
        assert!(at("/a").is_same(&at("/a")));
        assert!(!at("/a").is_same(&Location::new("memory", "/a", "/a/")));
        assert!(!at("/a").is_same(&at("/b")));
    }

    #[test]
    fn a_file_is_the_same_under_another_delimiter() {
        let (slash, bar) = (
            Location::new("s3", "a", "a/"),
            Location::new("s3", "a", "a|"),
        );
        assert!(slash.is_same_file(&bar) && !slash.is_same(&bar));
        assert!(!slash.is_same_file(&Location::new("s3", "b", "a/")));
        assert!(!slash.is_same_file(&Location::new("disk", "a", "a/")));
    }

    #[test]
    fn locations_with_different_server_names_may_be_the_same_file() {
        let at = |realm: &str, file: &str| Location::new(realm, file, format!("{file}/"));
        let here = at("s3://localhost:9000/bucket", "a");
        assert!(here.may_be_file(&at("s3://127.0.0.1:9000/bucket", "a")));
        assert!(!here.may_be_file(&at("s3://localhost:9000/bucket", "a")));
        assert!(!here.may_be_file(&at("s3://127.0.0.1:9000/bucket", "b")));
        assert!(!here.may_be_file(&at("s3://127.0.0.1:9000/other", "a")));
        assert!(!at("disk", "a").may_be_file(&at("memory", "a")));
        assert!(here.may_overlap(&at("s3://127.0.0.1:9000/bucket", "a/b")));
        assert!(!here.may_overlap(&at("s3://127.0.0.1:9000/bucket", "ab")));
        assert!(!here.may_overlap(&at("s3://localhost:9000/bucket", "a/b")));
    }

    #[test]
    fn a_handle_keeps_its_type() {
        let location = at("/a").with_handle(7_u32);
        assert_eq!(location.handle::<u32>(), Some(&7));
        assert_eq!(location.handle::<u64>(), None);
    }
}
