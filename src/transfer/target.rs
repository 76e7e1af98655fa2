//! [`Target`]: the existing files in the target of a copy.

use std::collections::{HashMap, HashSet};

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
    /// The target paths that exist, and the times of their last change. `None` if each file is checked individually.
    listed: Option<HashMap<String, Option<OffsetDateTime>>>,
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
    pub(crate) fn listed(
        fs: &'a dyn FileSystem,
        directory: &str,
        jobs: &[Job],
        condition: Condition,
    ) -> Result<Self> {
        let mut target = Self::looked_at(fs, condition);
        let most = target.meta.tree_page.unwrap_or_default() * jobs.len();
        if condition == Condition::Always || most == 0 {
            return Ok(target);
        }
        let wanted = jobs.iter().map(|job| target.key(&job.dst_path));
        let wanted: HashSet<String> = wanted.collect::<Result<_>>()?;
        let mut there = HashMap::new();
        let mut files = HashSet::new();
        let mut count = 0;
        let entries = found(fs.scantree(directory, Namespaces::DETAILS))?;
        for entry in entries.into_iter().flatten().take(most) {
            let (outer, info) = entry?;
            count += 1;
            let key = target.key(&path::combine(&outer, info.name()))?;
            // `getinfo` of a path that is both a file and a directory returns the file.
            if !wanted.contains(&key) || (info.is_dir() && files.contains(&key)) {
                continue;
            }
            there.insert(key.clone(), info.modified());
            if info.is_file() {
                files.insert(key);
            }
        }
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
            Some(listed) => Ok(listed.contains_key(&self.key(&job.dst_path)?)),
            // The call itself makes a directory with the path.
            None if job.beside_directory => self.fs.isfile(&job.dst_path),
            None => self.fs.exists(&job.dst_path),
        }
    }

    /// Returns the time of the last change of the target, `Some(None)` if it is unknown, and `None` if the target does not
    /// exist.
    fn modified(&self, job: &Job) -> Result<Option<Option<OffsetDateTime>>> {
        if let Some(listed) = &self.listed {
            return Ok(listed.get(&self.key(&job.dst_path)?).copied());
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
