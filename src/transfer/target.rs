//! [`Target`]: the existing files in the target of a copy.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use time::OffsetDateTime;

use crate::error::Result;
use crate::filesystem::info::Namespaces;
use crate::filesystem::names;
use crate::filesystem::{FileSystem, Meta, found};
use crate::path;
use crate::transfer::condition::Condition;
use crate::transfer::job::Job;
use crate::transfer::options::TransferOptions;
use crate::transfer::window::Window;

/// The target of a copy, and what is known about it before the first change.
pub(crate) struct Target<'a> {
    fs: &'a dyn FileSystem,
    /// The same filesystem without the checks before each change.
    unchecked: Option<Box<dyn FileSystem + 'a>>,
    meta: Meta,
    condition: Condition,
    /// The existing paths. `None` if each file is checked individually.
    listed: Option<Listed>,
}

impl<'a> Target<'a> {
    /// Creates a target that is checked for each file, right before the copy.
    pub(crate) fn looked_at(fs: &'a dyn FileSystem, condition: Condition) -> Self {
        Self {
            fs,
            unchecked: None,
            meta: fs.getmeta(),
            condition,
            listed: None,
        }
    }

    /// Creates the target of a tree whose first window this is. Lists the target directory now if the condition depends on
    /// it, or if the target would otherwise check each file, unless that takes too many requests compared with the checks.
    /// The length of the listing is not known in advance. A listing that becomes too long is abandoned: with a condition,
    /// if it takes more requests than there are files, and otherwise more than a tenth of that. Two entries are not worth a
    /// listing for the checks alone.
    pub(crate) fn listed(
        fs: &'a dyn FileSystem,
        window: &Window<'_>,
        is_there: bool,
        options: &TransferOptions<'_>,
    ) -> Result<Self> {
        let mut target = Self::looked_at(fs, options.condition);
        let count = window.jobs.len() + window.tree.directories.len();
        let has_checks = (count > 2 || !window.is_last) && !options.dry_run;
        if let Some(capabilities) = fs.capabilities().filter(|_| has_checks) {
            target.unchecked = capabilities.without_checks();
        }
        let pages = match (options.condition, &target.unchecked) {
            (Condition::Always, None) => 0,
            (Condition::Always, Some(_)) => count.div_ceil(10),
            _ => window.jobs.len(),
        };
        let most = target.meta.tree_page.unwrap_or_default() * pages;
        if most > 0 {
            target.listed = match is_there {
                true => target.list(window, most)?,
                false => Some(Listed::nothing()),
            };
        }
        Ok(target)
    }

    /// Lists the directory, with at most as many entries. `None` if there are more.
    fn list(&self, window: &Window<'_>, most: usize) -> Result<Option<Listed>> {
        let files = window.jobs.iter().map(|job| job.dst_path.clone());
        let directories = window.tree.directories.iter();
        let directories = directories.map(|path| path::combine(window.dst_path, path));
        let wanted = files.chain(directories).filter(|_| window.is_last);
        let wanted = wanted.map(|path| self.key(&path));
        let wanted: HashSet<String> = wanted.collect::<Result<_>>()?;
        // If there are more windows, every path may be wanted. Without a condition, directories are sufficient.
        let knows_files = window.is_last || self.condition != Condition::Always;
        let mut listed = Listed {
            knows_files,
            ..Listed::nothing()
        };
        let mut count = 0;
        let entries = found(self.fs.scantree(window.dst_path, Namespaces::DETAILS))?;
        for entry in entries.into_iter().flatten().take(most) {
            let (outer, info) = entry?;
            count += 1;
            let key = self.key(&path::combine(&outer, info.name()))?;
            let is_wanted = !window.is_last || wanted.contains(&key);
            if is_wanted && (knows_files || info.is_dir()) {
                listed.add(&key, info.is_dir(), info.modified());
            }
        }
        listed.knows_files |= count == 0;
        listed.sort();
        Ok((count < most).then_some(listed))
    }

    /// Returns the handle to store a file with: without checks if it is known that the path is not a directory. The call
    /// has made the parent directory.
    pub(crate) fn for_file(&self, path: &str) -> Result<&dyn FileSystem> {
        if let (Some(unchecked), Some(listed)) = (&self.unchecked, &self.listed)
            && !listed.has_directory(&self.key(path)?)
        {
            return Ok(&**unchecked);
        }
        Ok(self.fs)
    }

    /// Returns the handle to make a directory with: without checks if it is known that nothing has the path. `None` if the
    /// directory is known to exist.
    pub(crate) fn for_directory(&self, path: &str) -> Result<Option<&dyn FileSystem>> {
        let (Some(unchecked), Some(listed)) = (&self.unchecked, &self.listed) else {
            return Ok(Some(self.fs));
        };
        let key = self.key(path)?;
        if listed.has_directory(&key) {
            return Ok(None);
        }
        match listed.knows_files && listed.get(&key).is_none() {
            true => Ok(Some(&**unchecked)),
            false => Ok(Some(self.fs)),
        }
    }

    /// Returns true if the file meets the condition. Sends no request if the condition is always met.
    pub(crate) fn wants(&self, job: &Job) -> Result<bool> {
        let is_earlier = match self.condition {
            Condition::Always => return Ok(true),
            Condition::Exists => return self.exists(job),
            Condition::NotExists => return self.exists(job).map(|exists| !exists),
            Condition::Newer => |first, second| first < second,
            Condition::Older => |first, second| second < first,
        };
        let Some(there) = self.modified(job)? else {
            return Ok(true);
        };
        let times = there.zip(job.modified);
        Ok(times.is_none_or(|(there, source)| is_earlier(there, source)))
    }

    /// Returns true if the target path exists.
    fn exists(&self, job: &Job) -> Result<bool> {
        match &self.listed {
            Some(listed) => Ok(listed.get(&self.key(&job.dst_path)?).is_some()),
            // The call itself makes a directory with the path.
            None if job.beside_directory => self.fs.isfile(&job.dst_path),
            None => self.fs.exists(&job.dst_path),
        }
    }

    /// Returns the time of the last change of the target, `Some(None)` if it is unknown, and `None` if the target does not
    /// exist.
    fn modified(&self, job: &Job) -> Result<Option<Option<OffsetDateTime>>> {
        if let Some(listed) = &self.listed {
            return Ok(listed.get(&self.key(&job.dst_path)?));
        }
        let info = found(self.fs.getinfo(&job.dst_path, Namespaces::DETAILS))?;
        let info = info.filter(|info| info.is_file() || !job.beside_directory);
        Ok(info.map(|info| info.modified()))
    }

    /// Returns the path in a form that is equal for equal paths of the target.
    fn key(&self, path: &str) -> Result<String> {
        Ok(names::folded(&self.fs.validatepath(path)?, &self.meta))
    }
}

/// Existing paths with the times of their last change. A path takes 40 bytes, however long it is: only its 128-bit hash is
/// kept.
struct Listed {
    hashers: [RandomState; 2],
    paths: Vec<PathTime>,
    /// Whether the paths of files are included.
    knows_files: bool,
}

struct PathTime {
    hash: [u64; 2],
    is_dir: bool,
    modified: Option<OffsetDateTime>,
}

impl Listed {
    /// The paths of a directory that does not exist.
    fn nothing() -> Self {
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            paths: Vec::new(),
            knows_files: true,
        }
    }

    fn hash(&self, path: &str) -> [u64; 2] {
        let [first, second] = &self.hashers;
        [first.hash_one(path), second.hash_one(path)]
    }

    fn add(&mut self, path: &str, is_dir: bool, modified: Option<OffsetDateTime>) {
        self.paths.push(PathTime {
            hash: self.hash(path),
            is_dir,
            modified,
        });
    }

    /// Sorts the paths, which must happen before the first [`get`](Self::get).
    fn sort(&mut self) {
        self.paths
            .sort_unstable_by_key(|path| (path.hash, path.is_dir));
    }

    /// Returns the time of a path that was added. For a path that is both a file and a directory, this is the time of the
    /// file, as for `getinfo`.
    fn get(&self, path: &str) -> Option<Option<OffsetDateTime>> {
        self.all(path).next().map(|path| path.modified)
    }

    fn has_directory(&self, path: &str) -> bool {
        self.all(path).any(|path| path.is_dir)
    }

    /// Returns the file and the directory with a path.
    fn all(&self, path: &str) -> impl Iterator<Item = &PathTime> {
        let hash = self.hash(path);
        let at = self.paths.partition_point(|path| path.hash < hash);
        let from = self.paths.iter().skip(at);
        from.take_while(move |path| path.hash == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_file_comes_before_that_of_a_directory_with_the_same_path() {
        let mut listed = Listed::nothing();
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        for number in 0..1000 {
            let path = format!("/{number}");
            listed.add(&path, true, Some(at(number)));
            if number % 3 == 0 {
                listed.add(&path, false, Some(at(number + 5000)));
            }
        }
        listed.add("/untimed", false, None);
        listed.sort();
        for number in 0..1000 {
            let later = if number % 3 == 0 { 5000 } else { 0 };
            assert_eq!(
                listed.get(&format!("/{number}")),
                Some(Some(at(number + later)))
            );
        }
        assert_eq!(listed.get("/untimed"), Some(None));
        assert_eq!(listed.get("/1000"), None);
        assert!(listed.has_directory("/3") && listed.has_directory("/4"));
        assert!(!listed.has_directory("/untimed") && !listed.has_directory("/1000"));
    }
}
