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

/// The target of a copy with a condition. It is checked for each file, or listed once.
pub(crate) struct Target<'a> {
    fs: &'a dyn FileSystem,
    meta: Meta,
    condition: Condition,
    /// The existing target paths. `None` if each file is checked individually.
    listed: Option<Times>,
}

impl<'a> Target<'a> {
    /// Creates a target that is checked for each file, right before the copy.
    pub(crate) fn looked_at(fs: &'a dyn FileSystem, condition: Condition) -> Self {
        Self {
            fs,
            meta: fs.getmeta(),
            condition,
            listed: None,
        }
    }

    /// Creates the target of a directory's files. Lists it now if the condition depends on the target, and if the listing
    /// takes no more requests than checking each file. The length of the listing is not known in advance. A listing that
    /// becomes longer is abandoned, so that the number of requests is never more than twice that of the checks.
    ///
    /// `jobs` are the first jobs, and `are_all` says whether there are no others.
    pub(crate) fn listed(
        fs: &'a dyn FileSystem,
        directory: &str,
        jobs: &[Job],
        are_all: bool,
        condition: Condition,
    ) -> Result<Self> {
        let mut target = Self::looked_at(fs, condition);
        let most = target.meta.tree_page.unwrap_or_default() * jobs.len();
        if condition == Condition::Always || most == 0 {
            return Ok(target);
        }
        let wanted = jobs.iter().filter(|_| are_all);
        let wanted = wanted.map(|job| target.key(&job.dst_path));
        let wanted: HashSet<String> = wanted.collect::<Result<_>>()?;
        let mut there = Times::default();
        let mut count = 0;
        let entries = found(fs.scantree(directory, Namespaces::DETAILS))?;
        for entry in entries.into_iter().flatten().take(most) {
            let (outer, info) = entry?;
            count += 1;
            let key = target.key(&path::combine(&outer, info.name()))?;
            if !are_all || wanted.contains(&key) {
                there.add(&key, info.is_dir(), info.modified());
            }
        }
        there.sort();
        target.listed = (count < most).then_some(there);
        Ok(target)
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

/// The times of the last change of existing paths. A path takes 40 bytes, however long it is: only its 128-bit hash is kept.
#[derive(Default)]
struct Times {
    hashers: [RandomState; 2],
    paths: Vec<PathTime>,
}

struct PathTime {
    hash: [u64; 2],
    is_dir: bool,
    modified: Option<OffsetDateTime>,
}

impl Times {
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
        let hash = self.hash(path);
        let at = self.paths.partition_point(|path| path.hash < hash);
        let path = self.paths.get(at).filter(|path| path.hash == hash);
        path.map(|path| path.modified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_file_comes_before_that_of_a_directory_with_the_same_path() {
        let mut times = Times::default();
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        for number in 0..1000 {
            let path = format!("/{number}");
            times.add(&path, true, Some(at(number)));
            if number % 3 == 0 {
                times.add(&path, false, Some(at(number + 5000)));
            }
        }
        times.add("/untimed", false, None);
        times.sort();
        for number in 0..1000 {
            let later = if number % 3 == 0 { 5000 } else { 0 };
            assert_eq!(
                times.get(&format!("/{number}")),
                Some(Some(at(number + later)))
            );
        }
        assert_eq!(times.get("/untimed"), Some(None));
        assert_eq!(times.get("/1000"), None);
    }
}
