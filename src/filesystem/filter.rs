//! [`FilterDir`]: selects entries of a directory by their names.

use super::info::{Info, Namespaces};
use super::{Entries, FileSystem};
use crate::error::Result;
use crate::wildcard::Patterns;

/// Selects the entries that [`filterdir`](crate::FileSystemExt::filterdir) returns: [wildcards](crate::wildcard) for files
/// and for directories. An empty list excludes nothing.
///
/// ```
/// use s3fs::FilterDir;
///
/// let filter = FilterDir::new().files(["*.csv"]).exclude_dirs([".*"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterDir {
    files: Vec<String>,
    dirs: Vec<String>,
    exclude_files: Vec<String>,
    exclude_dirs: Vec<String>,
}

impl FilterDir {
    /// PyFilesystem's defaults: all entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Includes only the files that match one of these patterns. Directories are not affected.
    #[must_use]
    pub fn files<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.files = strings(patterns);
        self
    }

    /// Includes only the directories that match one of these patterns. Files are not affected.
    #[must_use]
    pub fn dirs<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.dirs = strings(patterns);
        self
    }

    /// Excludes the files that match one of these patterns.
    #[must_use]
    pub fn exclude_files<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.exclude_files = strings(patterns);
        self
    }

    /// Excludes the directories that match one of these patterns.
    #[must_use]
    pub fn exclude_dirs<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.exclude_dirs = strings(patterns);
        self
    }

    /// Returns a function that returns true for the selected entries, for filesystems that implement `filterdir` themselves.
    ///
    /// ```
    /// use s3fs::{FilterDir, Info};
    ///
    /// let wanted = FilterDir::new().files(["*.csv"]).matcher(true);
    /// assert!(wanted(&Info::new("tides.csv", false)));
    /// assert!(!wanted(&Info::new("tides.txt", false)));
    /// ```
    pub fn matcher(&self, case_sensitive: bool) -> impl Fn(&Info) -> bool + Send + use<> {
        let patterns = |list: &[String]| Patterns::new(list, case_sensitive);
        let files = (patterns(&self.files), patterns(&self.exclude_files));
        let dirs = (patterns(&self.dirs), patterns(&self.exclude_dirs));
        move |info| {
            let (wanted, unwanted) = if info.is_dir() { &dirs } else { &files };
            (wanted.is_empty() || wanted.any(info.name())) && !unwanted.any(info.name())
        }
    }
}

/// Returns the selected entries of a directory.
pub(crate) fn entries<'f>(
    fs: &'f (impl FileSystem + ?Sized),
    path: &str,
    filter: &FilterDir,
    namespaces: Namespaces,
) -> Result<Entries<'f>> {
    let wanted = filter.matcher(!fs.getmeta().case_insensitive);
    let entries = fs.scandir(path, namespaces)?;
    Ok(Box::new(
        entries.filter(move |entry| entry.as_ref().map_or(true, &wanted)),
    ))
}

/// Converts patterns to the form that the options store.
pub(crate) fn strings<I>(patterns: I) -> Vec<String>
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    patterns.into_iter().map(Into::into).collect()
}
