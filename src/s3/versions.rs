//! [`FileVersion`]: listing, restoring and removing the versions that a bucket keeps of its files.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::info::Info;
use crate::path;
use crate::s3::S3Fs;
use crate::s3::api::{Condition, Objects, ReadOptions, Source};
use crate::s3::checks::not_found;
use crate::s3::client::xml::ListedVersion;
use crate::s3::copy::setinfo::class_and_encryption;
use crate::s3::key::Key;
use crate::s3::list::pages::{TokenWatch, not_asked_for, warn_unnameable};
use crate::s3::s3_info::{listed_file, s3_info};

/// A version of a file, or a delete marker, which hides the versions before it. Returned by [`S3Fs::versions`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FileVersion {
    /// The path of the file.
    pub path: String,
    /// The version id. [`OpenOptions::version_id`](crate::OpenOptions::version_id) reads this version. `null` if the
    /// bucket kept no versions when it was stored.
    pub version_id: String,
    /// Whether it is the current version: the one read without a version id, or a delete marker that hides the file.
    pub is_latest: bool,
    /// Whether it is a delete marker, which has no content.
    pub is_delete_marker: bool,
    /// Name, size and the time at which it was stored (for a delete marker, the time at which the file was removed).
    pub info: Info,
    /// The ETag with its quotation marks, as in [`S3Info::e_tag`](crate::S3Info::e_tag).
    pub e_tag: Option<String>,
    /// The storage class, as the store names it.
    pub storage_class: Option<String>,
}

/// The iterator that [`S3Fs::versions_below`] returns.
pub type FileVersions<'a> = Box<dyn Iterator<Item = Result<FileVersion>> + Send + 'a>;

impl FileVersion {
    fn new(path: String, version: ListedVersion) -> Self {
        let info = listed_file(path::basename(&path), &version.object).with_writeable(&[]);
        Self {
            path,
            version_id: version.version_id,
            is_latest: version.is_latest,
            is_delete_marker: version.is_delete_marker,
            info,
            e_tag: version.object.etag,
            storage_class: version.object.storage_class.map(Cow::into_owned),
        }
    }
}

impl S3Fs {
    /// Lists the versions of a file, including delete markers, from the newest to the oldest. A removed file still has
    /// versions. In a bucket that keeps no versions, each file has one version with the id `null`.
    ///
    /// Requests: one for each 1,000 versions of the file. Requires the permission `s3:ListBucketVersions`.
    ///
    /// Source: [ListObjectVersions](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html).
    ///
    /// ```no_run
    /// use s3fs::{FileSystem, OpenOptions, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// for version in fs.versions("tides.csv")? {
    ///     println!("{} {:?} {:?}", version.version_id, version.info.modified(), version.info.size());
    /// }
    /// // What was there before the last write:
    /// if let Some(before) = fs.versions("tides.csv")?.get(1) {
    ///     let options = OpenOptions::new().version_id(&before.version_id);
    ///     println!("{:?}", fs.readbytes_with("tides.csv", &options)?);
    ///     fs.restore_version("tides.csv", &before.version_id)?;
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the file has no version.
    /// [`FileExpected`](ErrorKind::FileExpected) for a directory; [`versions_below`](Self::versions_below) lists the
    /// versions in it. [`PermissionDenied`](ErrorKind::PermissionDenied).
    #[doc(alias = "list_object_versions")]
    pub fn versions(&self, path: &str) -> Result<Vec<FileVersion>> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let listed = self.versions_of(&key);
        let listed = listed.map_err(|error| error.with_path(path))?;
        if listed.is_empty() {
            return Err(self.no_object(&validated));
        }
        let versions = listed.into_iter();
        let versions = versions.map(|version| FileVersion::new(validated.to_string(), version));
        Ok(versions.collect())
    }

    /// Lists the versions of all files below a directory, in the order of their keys, and for each file from the newest
    /// to the oldest. Includes removed files, and the files of a directory that does not exist any more. A path with no
    /// versions below it is not an error. Markers of directories are left out.
    ///
    /// Requests: one for each 1,000 versions, made while the iterator is used. Requires the permission
    /// `s3:ListBucketVersions`.
    ///
    /// ```no_run
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// for version in fs.versions_below("reports")? {
    ///     let version = version?;
    ///     if version.is_latest && version.is_delete_marker {
    ///         println!("{} was removed: {:?}", version.path, version.info.modified());
    ///         fs.undelete(&version.path)?;
    ///     }
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error for an invalid path. The iterator returns an error of the server, and then ends.
    #[doc(alias = "list_object_versions")]
    pub fn versions_below(&self, path: &str) -> Result<FileVersions<'_>> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated)?;
        Ok(Box::new(VersionsBelow {
            fs: self,
            path: path.to_owned(),
            pages: VersionPages::new(self.objects(), prefix),
            ready: Vec::new().into_iter(),
            unnameable: 0,
        }))
    }

    /// Makes an old version of a file the current one. The server copies it, with its metadata, tags, storage
    /// class and encryption, to a new version. All versions are kept. This also restores a removed file.
    ///
    /// Requests: 2. A version of more than 5 GiB is copied in parts, as by [`copy`](crate::FileSystemExt::copy). The
    /// parent directory is not checked, because a directory exists if it contains a file.
    ///
    /// Source: [Restoring previous versions](https://docs.aws.amazon.com/AmazonS3/latest/userguide/RestoringPreviousVersions.html).
    ///
    /// ```no_run
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let versions = fs.versions("tides.csv")?;
    /// let oldest = versions.iter().rfind(|version| !version.is_delete_marker);
    /// if let Some(oldest) = oldest {
    ///     fs.restore_version("tides.csv", &oldest.version_id)?;
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if there is no such version, or it is a delete marker.
    /// [`ArchivedObject`](ErrorKind::ArchivedObject) if it is in an archive class and has not been restored.
    /// [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if the filesystem is read-only.
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) without `s3:GetObjectVersion` and `s3:PutObject`.
    pub fn restore_version(&self, path: &str, version_id: &str) -> Result<()> {
        self.check_writeable(path)?;
        let (_, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let restored = || -> Result<()> {
            check_id(version_id)?;
            let options = ReadOptions {
                version_id: Some(version_id.to_owned()),
                ..ReadOptions::default()
            };
            let head = self.objects().head(&key, &options, false)?;
            let source = Source {
                objects: self.objects(),
                key: &key,
                e_tag: head.header("etag").unwrap_or_default(),
                size: head.content_length().unwrap_or_default(),
                version_id: Some(version_id),
            };
            let kept = class_and_encryption(&s3_info(head.headers()))?;
            self.objects().copy(&source, &key, kept, Condition::Any)
        };
        restored().map_err(|error| {
            of_version(
                error,
                path,
                version_id,
                "s3:GetObjectVersion and s3:PutObject",
            )
        })
    }

    /// Removes one version of a file, or a delete marker, permanently. If it was the current version, the version before
    /// it becomes the current one. If it was the only one, the file is removed. Its directory then vanishes too, in
    /// strict mode as well, unless it contains something else or has a marker.
    ///
    /// Requests: 1. A version that does not exist is not an error, because S3 does not report it. In a bucket that keeps
    /// no versions, the id `null` is the file itself.
    ///
    /// Source: [Deleting object versions](https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html).
    ///
    /// ```no_run
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// // All but the current version:
    /// for old in fs.versions("tides.csv")?.iter().filter(|version| !version.is_latest) {
    ///     fs.remove_version("tides.csv", &old.version_id)?;
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for an empty id.
    /// [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if the filesystem is read-only.
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) without `s3:DeleteObjectVersion`, or if the version is locked.
    pub fn remove_version(&self, path: &str, version_id: &str) -> Result<()> {
        self.check_writeable(path)?;
        let (_, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let removed =
            check_id(version_id).and_then(|()| self.objects().delete_version(&key, version_id));
        removed.map_err(|error| of_version(error, path, version_id, DELETES))
    }

    /// Restores a removed file in a bucket that keeps versions, by removing all delete markers that hide it. Returns true
    /// if the file was hidden. The version that was current before becomes current again, with its id.
    ///
    /// Requests: those of [`versions`](Self::versions), and one for each delete marker, usually 1. A version that another
    /// program writes meanwhile stays the current one.
    ///
    /// Source: [Working with delete markers](https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html).
    ///
    /// ```no_run
    /// use s3fs::{FileSystem, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.remove("tides.csv")?;
    /// assert!(fs.undelete("tides.csv")?);
    /// assert!(fs.exists("tides.csv")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the file has no version left; nothing is changed then.
    /// [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if the filesystem is read-only.
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) without `s3:ListBucketVersions` and
    /// `s3:DeleteObjectVersion`.
    pub fn undelete(&self, path: &str) -> Result<bool> {
        self.check_writeable(path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let versions = self.versions_of(&key);
        let versions = versions.map_err(|error| error.with_path(path))?;
        if versions.is_empty() {
            return Err(self.no_object(&validated));
        }
        let Some(markers) = versions
            .iter()
            .position(|version| !version.is_delete_marker)
        else {
            return Err(not_found(path).with_message("only its delete markers are left"));
        };
        // The newest marker is removed last, so that the file stays hidden until then.
        for marker in versions.iter().take(markers).rev() {
            let removed = self.objects().delete_version(&key, &marker.version_id);
            removed.map_err(|error| of_version(error, path, &marker.version_id, DELETES))?;
        }
        Ok(markers > 0)
    }

    /// The versions of one object, from the newest to the oldest.
    fn versions_of(&self, key: &Key) -> Result<Vec<ListedVersion>> {
        let mut found = Vec::new();
        let mut last = String::new();
        let mut is_in_order = true;
        for page in VersionPages::new(self.objects(), key.as_str().to_owned()) {
            for version in page?.0 {
                is_in_order &= last <= version.object.key;
                last.clone_from(&version.object.key);
                if version.object.key == key.as_str() {
                    found.push(version);
                }
            }
            // Longer keys come after all versions of this one.
            if is_in_order && last.len() > key.as_str().len() {
                break;
            }
        }
        Ok(found)
    }
}

/// Permission required to remove a version.
const DELETES: &str = "s3:DeleteObjectVersion";

/// Rejects an empty id, which would mean the current object.
fn check_id(version_id: &str) -> Result<()> {
    if version_id.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument)
            .with_message("the version id is empty")
            .with_hint("call versions to list the ids"));
    }
    Ok(())
}

/// Adds the version of the file to an error.
fn of_version(error: Error, path: &str, version_id: &str, permission: &str) -> Error {
    let error = error.with_path(path);
    let Some((status, code)) = error.s3().map(|s3| (s3.status, s3.code.clone())) else {
        return error;
    };
    match (status, code.as_str()) {
        (404, "" | "NoSuchKey" | "NoSuchVersion") => {
            error.with_message(format!("its version {version_id:?} does not exist"))
        }
        (400, "" | "InvalidArgument") => error.with_hint(format!(
            "{version_id:?} may not be a version id, or the version is encrypted with a customer's \
             key (SSE-C) that was not given"
        )),
        (403, "AccessDenied" | "") if error.is(ErrorKind::PermissionDenied) => error.with_hint(
            format!("the credentials need {permission}; the version may also be locked"),
        ),
        _ => error,
    }
}

/// Iterator over pages of the versions of all keys with a prefix, each with its number of unreadable entries.
struct VersionPages<'a> {
    objects: &'a Objects,
    prefix: String,
    after: Option<(String, String)>,
    watch: TokenWatch,
    /// The keys and ids of the last page.
    last: HashSet<(String, String)>,
    has_ended: bool,
}

impl<'a> VersionPages<'a> {
    fn new(objects: &'a Objects, prefix: String) -> Self {
        Self {
            objects,
            prefix,
            after: None,
            watch: TokenWatch::default(),
            last: HashSet::new(),
            has_ended: false,
        }
    }

    fn ask(&mut self) -> Result<(Vec<ListedVersion>, usize)> {
        let mut page = self
            .objects
            .list_versions(&self.prefix, self.after.as_ref())?;
        let is_empty = page.versions.is_empty();
        match page.next {
            Some(next) => {
                self.watch
                    .check(&format!("{}\0{}", next.0, next.1), is_empty)?;
                self.after = Some(next);
            }
            None => self.has_ended = true,
        }
        let mut keys = page.versions.iter().map(|version| &version.object.key);
        if let Some(foreign) = keys.find(|key| !key.starts_with(&self.prefix)) {
            return Err(not_asked_for(self.objects, foreign, &self.prefix));
        }
        // Some stores repeat the end of a page at the beginning of the next one.
        let before = std::mem::take(&mut self.last);
        page.versions.retain(|version| {
            let name = (version.object.key.clone(), version.version_id.clone());
            !before.contains(&name) && self.last.insert(name)
        });
        Ok((page.versions, page.unreadable))
    }
}

impl Iterator for VersionPages<'_> {
    type Item = Result<(Vec<ListedVersion>, usize)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let page = self.ask();
        self.has_ended |= page.is_err();
        Some(page)
    }
}

/// Iterator over the versions below a directory.
struct VersionsBelow<'a> {
    fs: &'a S3Fs,
    path: String,
    pages: VersionPages<'a>,
    ready: std::vec::IntoIter<ListedVersion>,
    unnameable: usize,
}

impl Iterator for VersionsBelow<'_> {
    type Item = Result<FileVersion>;

    fn next(&mut self) -> Option<Self::Item> {
        let keys = &self.fs.shared.keys;
        loop {
            for version in self.ready.by_ref() {
                let key = version.object.key.as_str();
                if let Some(path) = keys.path_of(key) {
                    return Some(Ok(FileVersion::new(path, version)));
                }
                let is_marker = key.ends_with(keys.delimiter()) && version.object.size == 0;
                self.unnameable += usize::from(!is_marker);
            }
            match self.pages.next() {
                None => {
                    warn_unnameable(std::mem::take(&mut self.unnameable), &self.pages.prefix);
                    return None;
                }
                Some(Err(error)) => return Some(Err(error.with_path(self.path.as_str()))),
                Some(Ok((versions, unreadable))) => {
                    self.ready = versions.into_iter();
                    self.unnameable += unreadable;
                }
            }
        }
    }
}
