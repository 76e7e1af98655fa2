//! [`Target`]: what stands where files are to be copied to.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;

use crate::error::Result;
use crate::filesystem::info::Namespaces;
use crate::filesystem::names;
use crate::filesystem::{FileSystem, Meta, found};
use crate::path;
use crate::transfer::condition::Condition;
use crate::transfer::job::Job;

/// The target of a copy, which may be on a condition: looked at for each file, or listed once.
pub(crate) struct Target<'a> {
    fs: &'a dyn FileSystem,
    meta: Meta,
    condition: Condition,
    /// Of the paths that are copied to, those that are there, and when they changed; nothing if each is
    /// looked at.
    listed: Option<HashMap<String, Option<OffsetDateTime>>>,
}

impl<'a> Target<'a> {
    /// A target that is looked at for each file, right before it is copied.
    pub(crate) fn looked_at(fs: &'a dyn FileSystem, condition: Condition) -> Self {
        Self {
            fs,
            meta: fs.getmeta(),
            condition,
            listed: None,
        }
    }

    /// The target of a directory's files. It is listed now if the condition needs to know what is there, and
    /// if that takes no more requests than a look at each file. What the listing is worth is known when it has
    /// come: one that grows beyond that is given up, so that it is never more than twice the looks.
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
            // A look at a path that is both means the file.
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

    /// Whether the condition holds for that file. The target is not asked where it always does.
    pub(crate) fn wants(&self, job: &Job) -> Result<bool> {
        let is_earlier = match self.condition {
            Condition::Always => return Ok(true),
            Condition::Exists => return self.exists(&job.dst_path),
            Condition::NotExists => return self.exists(&job.dst_path).map(|exists| !exists),
            Condition::Newer => |first, second| first < second,
            Condition::Older => |first, second| second < first,
        };
        let Some(there) = self.modified(&job.dst_path)? else {
            return Ok(true);
        };
        let times = there.zip(job.modified);
        Ok(times.is_none_or(|(there, source)| is_earlier(there, source)))
    }

    /// Whether something is there.
    fn exists(&self, path: &str) -> Result<bool> {
        match &self.listed {
            Some(listed) => Ok(listed.contains_key(&self.key(path)?)),
            None => self.fs.exists(path),
        }
    }

    /// When what is there changed, if that is known; nothing if nothing is there.
    fn modified(&self, path: &str) -> Result<Option<Option<OffsetDateTime>>> {
        match &self.listed {
            Some(listed) => Ok(listed.get(&self.key(path)?).copied()),
            None => found(self.fs.getinfo(path, Namespaces::DETAILS))
                .map(|info| info.map(|info| info.modified())),
        }
    }

    /// The path as the target takes it.
    fn key(&self, path: &str) -> Result<String> {
        Ok(names::folded(&self.fs.validatepath(path)?, &self.meta))
    }
}
