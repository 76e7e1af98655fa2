//! [`MemoryFs`]: a filesystem in memory that behaves like a strict [`S3Fs`](crate::S3Fs).

mod file;
mod tree;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use time::OffsetDateTime;

use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::ext::FileSystemExt as _;
use crate::filesystem::capabilities::Capabilities;
use crate::filesystem::file::File;
use crate::filesystem::info::{Info, Namespaces, RawInfo};
use crate::filesystem::location::Location;
use crate::filesystem::mode::Mode;
use crate::filesystem::options::OpenOptions;
use crate::filesystem::{
    CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries, validate, wanted_times,
};
use crate::path;
use file::{Base, MemoryFile};
use tree::{Place, Tree};

/// A filesystem in memory: PyFilesystem's `MemoryFS`.
///
/// For tests, and for work that should leave nothing behind. It behaves like a strict [`S3Fs`](crate::S3Fs), so that tested
/// code works the same on a bucket: the same errors on the same paths, files that become visible only once
/// [`close`](File::close) has returned `Ok`, and [`ResourceChanged`](ErrorKind::ResourceChanged) if another writer was
/// faster. Unlike on S3, each call is atomic: no other thread sees a partially copied or removed tree.
///
/// Cheap to clone, and shared by threads. Clones share the same content. [`close`](FileSystem::close) closes one handle, but
/// not its clones. The content is freed with the last clone.
///
/// ```
/// use s3fs::{FileSystem, FileSystemExt, MemoryFs};
///
/// let fs = MemoryFs::new();
/// fs.makedir("reports")?;
/// fs.writetext("reports/hello.txt", "hello")?;
/// assert_eq!(fs.readtext("reports/hello.txt")?, "hello");
/// assert!(fs.writetext("nowhere/hello.txt", "hello").is_err());
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Files and directories with the same name
///
/// As on S3, a file `x` and a directory `x` can both exist, after directories were merged by
/// [`copydir`](crate::FileSystemExt::copydir) or [`movedir`](crate::FileSystemExt::movedir), or if the directory was made
/// while the file was being written. `scandir` returns both, and `listdir` the name once. `isfile` and `isdir` are both
/// true. `getinfo`, `openbin` and `remove` refer to the file, `listdir` and `removetree` to the directory.
///
/// # Stored attributes
///
/// For a file, its content and the time of its last change are stored. [`setinfo`](FileSystem::setinfo) can set the time.
/// For a directory, nothing is stored. The [upload arguments](crate::UploadArgs) of a call are ignored. There are no
/// versions and no ETags, so that an [`OpenOptions`] with one of them returns [`Unsupported`](ErrorKind::Unsupported).
pub struct MemoryFs {
    store: Arc<Store>,
    closed: AtomicBool,
}

/// Content that all clones of a filesystem share.
struct Store {
    realm: String,
    tree: RwLock<Tree>,
}

impl Store {
    /// Ignores poisoning: the tree is consistent between any two of its methods, also after a panic in another thread.
    fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handle of a location: the store and the path in it.
struct Origin {
    store: Arc<Store>,
    /// Absolute and normalized.
    path: String,
}

impl MemoryFs {
    /// Creates an empty filesystem.
    #[must_use]
    pub fn new() -> Self {
        static STORES: AtomicU64 = AtomicU64::new(0);
        let number = STORES.fetch_add(1, Ordering::Relaxed);
        Self {
            store: Arc::new(Store {
                realm: format!("memory {number}"),
                tree: RwLock::default(),
            }),
            closed: AtomicBool::new(false),
        }
    }

    fn place<'a>(&self, path: &'a str) -> Result<Place<'a>> {
        self.check()?;
        Ok(Place::new(path, &validate(path, &self.getmeta())?))
    }

    fn open(&self, place: &Place<'_>, mode: Mode, options: &OpenOptions) -> Result<MemoryFile> {
        let tree = self.store.read();
        if mode.create() {
            tree.check_file_target(place, options)?;
        }
        let base = match tree.file(place) {
            Ok(_) if mode.exclusive() => return Err(place.error(ErrorKind::FileExists)),
            Err(_) if mode.exclusive() => Base::Absent,
            _ if mode.truncate() => Base::Replaced,
            Ok(node) => Base::Content(Arc::clone(&node.content)),
            Err(_) if mode.create() => Base::Absent,
            Err(error) => return Err(error),
        };
        Ok(MemoryFile::new(Arc::clone(&self.store), place, mode, base))
    }

    /// Returns the place of a file, which cannot be the root.
    fn file_place<'a>(&self, path: &'a str) -> Result<Place<'a>> {
        let place = self.place(path)?;
        if place.is_root() {
            return Err(place
                .error(ErrorKind::FileExpected)
                .with_message("it is the root directory"));
        }
        Ok(place)
    }
}

/// Refuses conditions: there are no versions and no ETags here, and a condition must not be ignored.
fn check_options(options: &OpenOptions, path: &str) -> Result<()> {
    if options.version_id.is_none() && options.if_match.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported)
        .with_path(path)
        .with_message("a filesystem in memory has no versions or ETags"))
}

impl Default for MemoryFs {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for MemoryFs {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            closed: AtomicBool::new(self.isclosed()),
        }
    }
}

impl fmt::Debug for MemoryFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFs")
            .field("realm", &self.store.realm)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for MemoryFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<memfs>")
    }
}

impl FileSystem for MemoryFs {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        let place = self.place(path)?;
        self.store.read().getinfo(&place, namespaces)
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        let place = self.place(path)?;
        let entries = self.store.read().scandir(&place, Namespaces::BASIC)?;
        // A file and a directory with the same name are one name. Other names may be between them.
        let mut seen = HashSet::new();
        let names = entries.iter().map(|entry| entry.name().to_owned());
        Ok(names.filter(|name| seen.insert(name.clone())).collect())
    }

    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        let place = self.place(path)?;
        self.store.write().makedir(&place, options)
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        let mode = Mode::binary(mode).map_err(|error| error.with_path(path))?;
        let place = self.file_place(path)?;
        check_options(options, path)?;
        Ok(Box::new(self.open(&place, mode, options)?))
    }

    fn remove(&self, path: &str) -> Result<()> {
        let place = self.file_place(path)?;
        self.store.write().remove(&place)
    }

    fn removedir(&self, path: &str) -> Result<()> {
        let place = self.place(path)?;
        self.store.write().removedir(&place)
    }

    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        let place = self.place(path)?;
        self.store.write().setinfo(&place, info)
    }

    /// Sets the time with a precision of nanoseconds. Only `modified` is stored.
    fn settimes(
        &self,
        path: &str,
        accessed: Option<OffsetDateTime>,
        modified: Option<OffsetDateTime>,
    ) -> Result<()> {
        let place = self.place(path)?;
        let (_, modified) = wanted_times(accessed, modified);
        self.store.write().set_modified(&place, modified)
    }

    fn isfile(&self, path: &str) -> Result<bool> {
        let place = self.place(path)?;
        Ok(self.store.read().is_file(&place))
    }

    fn isdir(&self, path: &str) -> Result<bool> {
        let place = self.place(path)?;
        Ok(self.store.read().is_dir(&place))
    }

    fn isempty(&self, path: &str) -> Result<bool> {
        let place = self.place(path)?;
        self.store.read().isempty(&place)
    }

    /// Returns the entries in the order of their keys, as of the time of the call.
    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        let place = self.place(path)?;
        let entries = self.store.read().scandir(&place, namespaces)?;
        Ok(Box::new(entries.into_iter().map(Ok)))
    }

    fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
        let place = self.file_place(path)?;
        check_options(options, path)?;
        let content = Arc::clone(&self.store.read().file(&place)?.content);
        Ok(Arc::unwrap_or_clone(content))
    }

    fn writebytes_with(&self, path: &str, contents: &[u8], options: &OpenOptions) -> Result<()> {
        let place = self.file_place(path)?;
        check_options(options, path)?;
        let content = Arc::new(contents.to_vec());
        let mut tree = self.store.write();
        tree.check_file_target(&place, options)?;
        tree.put(&place.key, content);
        Ok(())
    }

    fn copy_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        let (source, target) = (self.place(src_path)?, self.place(dst_path)?);
        self.store.write().copy(&source, &target, options)
    }

    fn movefile_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        let (source, target) = (self.place(src_path)?, self.place(dst_path)?);
        self.store.write().movefile(&source, &target, options)
    }

    fn copydir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        let (source, target) = (self.place(src_path)?, self.place(dst_path)?);
        cancel::check()?;
        self.store.write().copydir(&source, &target, options)
    }

    fn movedir_with(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<()> {
        let (source, target) = (self.place(src_path)?, self.place(dst_path)?);
        cancel::check()?;
        self.store.write().movedir(&source, &target, options)
    }

    fn removetree(&self, path: &str) -> Result<()> {
        let place = self.place(path)?;
        cancel::check()?;
        self.store.write().removetree(&place)
    }

    /// Returns the entries in the order of their keys, as of the time of the call.
    fn scantree(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        let place = self.place(path)?;
        let entries = self.store.read().scantree(&place, namespaces)?;
        Ok(Box::new(entries.into_iter().map(Ok)))
    }

    fn getmeta(&self) -> Meta {
        Meta {
            holds_file_beside_directory: true,
            ..Meta::default()
        }
    }

    fn label(&self) -> String {
        self.to_string()
    }

    fn capabilities(&self) -> Option<&dyn Capabilities> {
        Some(self)
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn isclosed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Capabilities for MemoryFs {
    fn location(&self, path: &str) -> Result<Option<Location>> {
        let place = self.place(path)?;
        let origin = Origin {
            store: Arc::clone(&self.store),
            path: path::abspath(&place.key).into_owned(),
        };
        let location = Location::new(&*self.store.realm, &*place.key, place.directory());
        Ok(Some(location.with_handle(origin)))
    }

    fn lists_in_key_order(&self) -> bool {
        true
    }

    /// Copies from any filesystem in memory, without copying the bytes.
    fn copy_from(&self, source: &Location, dst_path: &str) -> Result<bool> {
        let target = self.place(dst_path)?;
        let Some(origin) = source.handle::<Origin>() else {
            return Ok(false);
        };
        let source = Place::new(&origin.path, &origin.path);
        let content = Arc::clone(&origin.store.read().file(&source)?.content);
        let mut tree = self.store.write();
        tree.check_file_target(&target, &OpenOptions::default())?;
        tree.put(&target.key, content);
        Ok(true)
    }

    /// Copies or moves within the same store.
    fn copydir_from(&self, source: &Location, dst_path: &str, remove: bool) -> Result<bool> {
        let target = self.place(dst_path)?;
        let Some(origin) = source.handle::<Origin>() else {
            return Ok(false);
        };
        if !Arc::ptr_eq(&origin.store, &self.store) {
            return Ok(false);
        }
        let stays = source.is_root();
        let source = Place::new(&origin.path, &origin.path);
        let options = CopyOptions::new().create(true);
        cancel::check()?;
        let mut tree = self.store.write();
        if remove {
            tree.movedir(&source, &target, &options)?;
            if stays {
                let beside = MakedirOptions::new().recreate(true).beside_file(true);
                tree.makedir(&source, &beside)?;
            }
        } else {
            tree.copydir(&source, &target, &options)?;
        }
        Ok(true)
    }
}
