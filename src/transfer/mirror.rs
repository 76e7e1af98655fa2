//! Makes one filesystem an exact copy of another: PyFilesystem's
//! [`fs.mirror`](https://docs.pyfilesystem.org/en/latest/reference/mirror.html).

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::error::Result;
use crate::filesystem::capabilities::Times;
use crate::filesystem::endpoints::{Endpoints, location};
use crate::filesystem::names::folded;
use crate::filesystem::removing::Rest;
use crate::filesystem::{FileSystem, Meta};
use crate::path;
use crate::transfer::copy::copy_action;
use crate::transfer::fits::Fits;
use crate::transfer::job::Job;
use crate::transfer::moving::refuse_empty;
use crate::transfer::options::{Compare, TransferOptions};
use crate::transfer::pairs::Pairs;
use crate::transfer::report::{Action, Report};
use crate::transfer::run::{Run, make_directory};
use crate::transfer::sameness::{Clocks, Look, Sameness, Sides, Verdict};
use crate::transfer::snapshot::{Listing, Snapshot, SnapshotFile};
use crate::transfer::stale::{self, Removal, Stale};
pub use crate::transfer::verify::{Difference, verify};
use crate::transfer::window::jobs;

/// Makes the content of `dst_fs` equal to that of `src_fs`: copies files, makes directories, and removes files and
/// directories that are missing in the source.
///
/// A file that has the same size and is not older than its source is skipped, unless
/// [`copy_if_newer`](TransferOptions::copy_if_newer) is set to false. Both filesystems are listed once. Some
/// pairs of filesystems use a more precise comparison, because S3 times are in whole seconds and come from the clock of the
/// server:
///
/// - From S3 to the local disk, each file gets the time of its object, as with aws and rclone. Files are considered the same
///   only if they have the same size and the same time. The local clock does not matter. An object that the server stored
///   less than 2 s ago gets a time that is 1 s earlier, so that the next mirror copies it once more: another object could
///   have been stored within the same second. A file that was downloaded without
///   [`preserve_time`](TransferOptions::preserve_time) is copied once.
/// - With [`preserve_time`](TransferOptions::preserve_time), from S3 to the local disk, a file gets the time in the metadata
///   of its object, if there is one. For each object whose time in the listing differs from that of its file, one request
///   reads the metadata. A mirror that follows a download with this option, or another such mirror, copies nothing. A file that
///   already has the time at which its object was stored keeps it.
/// - To S3, a file whose time in the target equals that of its source, according to the listings, is copied once more unless
///   both have the same ETag. A file of the local disk is read instead, if the ETag in the target is an MD5 digest. The
///   clocks of source and target must agree here, as with all other filesystems.
///
/// [`compare`](TransferOptions::compare) selects another comparison: by size alone, or by content.
/// [`walker`](TransferOptions::walker) and [`filter`](TransferOptions::filter) exclude files. With
/// [`keep_extra`](TransferOptions::keep_extra) files and directories that exist only in the target are kept.
///
/// Files and directories that exist only in the target are removed last, and only if all files were copied. A target file in
/// the place of a source directory, or the reverse, is removed first. Files are removed as by
/// [`remove_many`](FileSystem::remove_many).
///
/// In strict mode no further requests are sent to S3 for facts in the listing of the target: that a directory exists, and
/// its content. Each file is checked only in directories in which the walker or filter excludes something.
///
/// ```no_run
/// use s3fs::{S3Fs, TransferOptions, mirror::mirror};
///
/// let work = S3Fs::builder("work").dir_path("2026").build()?;
/// let backup = S3Fs::builder("backup").dir_path("work/2026").build()?;
/// let plan = mirror(&work, &backup, &TransferOptions::new().dry_run(true))?;
/// println!("{:#?}", plan.actions());
/// mirror(&work, &backup, &TransferOptions::new().workers(8))?;
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Errors
///
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) for an empty source, which on S3 may be a mistyped one, unless
/// [`allow_empty_source`](TransferOptions::allow_empty_source) is set;
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if a [`condition`](TransferOptions::condition) is set; otherwise
/// as [`copy_dir`](crate::copy::copy_dir).
pub fn mirror(
    src_fs: &(impl FileSystem + ?Sized),
    dst_fs: &(impl FileSystem + ?Sized),
    options: &TransferOptions<'_>,
) -> Result<Report> {
    options.cancellable(|| {
        options.refuse_condition("use compare, copy_if_newer and keep_extra")?;
        let endpoints = Endpoints::new(&src_fs, &dst_fs);
        endpoints.refuse_overlap("/", "/")?;
        let meta = endpoints.dst.getmeta();
        let clocks = Clocks::of(endpoints);
        let sameness = match options.compare {
            _ if options.copy_always => Sameness::None,
            Compare::SizeAndTime => Sameness::Clocks {
                clocks,
                keeps_original: options.preserve_time,
                sides: Sides::of(endpoints),
            },
            Compare::Size => Sameness::Size,
            Compare::Content => Sameness::Content(Sides::of(endpoints)),
        };
        let new_mirror = || Mirror {
            endpoints,
            meta: &meta,
            sameness,
            run: match clocks {
                Clocks::Kept => Run::new(options).with_times(Times::Mirrored),
                Clocks::Compared | Clocks::Stored => Run::new(options),
            },
        };
        let mut report = Report::new(options.dry_run);
        // Nothing that is copied may appear in the source while it is listed.
        if Pairs::can_be_windows(endpoints, &meta) && endpoints.are_apart("/", "/")? {
            let mirror = new_mirror();
            if mirror.carry_out(Some(options.get_window()), &mut report)? {
                return mirror.run.finish(report, "/");
            }
            if options.dry_run {
                report = Report::new(true);
            } else {
                mirror.run.report_done(&mut report);
            }
        }
        let mirror = new_mirror();
        mirror.carry_out(None, &mut report)?;
        mirror.run.finish(report, "/")
    })
}

/// The facts about a mirror that do not change while it runs.
struct Mirror<'m, 'a> {
    endpoints: Endpoints<'m>,
    meta: &'m Meta,
    sameness: Sameness,
    run: Run<'m, 'a>,
}

impl Mirror<'_, '_> {
    /// Compares the trees window by window, or as a whole, and makes the target equal to the source. Returns false if the
    /// trees cannot be compared in windows, because a listing does not have the order of keys. Of what is missing in the
    /// source, nothing has been removed then except what was in the way of a copy.
    fn carry_out(&self, window: Option<usize>, report: &mut Report) -> Result<bool> {
        let Endpoints { src, dst, .. } = self.endpoints;
        let (options, meta) = (self.run.options, self.meta);
        let selection = options.selection(src, "/")?;
        let mut source = Listing::of_source(src, "/", &selection)?;
        if source.is_empty()? {
            refuse_empty("/", options)?;
        }
        let selection = options.selection(dst, "/")?;
        let target = Listing::of_target(dst, "/", &selection)?;
        let mut pairs = Pairs::new(source, target, selection.is_all());
        let mut fits = Fits::new("/", dst, "/");
        let mut stale = Stale::new();
        loop {
            let Some((source, target)) = &pairs.next(window)? else {
                return Ok(false);
            };
            fits.check(source)?;
            let is_link = |directory: &str| {
                let place = location(dst, directory);
                place.is_ok_and(|place| place.is_some_and(|place| place.is_link()))
            };
            let mut plan = Plan::new(source, target, meta, self.sameness, is_link);
            if options.keep_extra {
                plan.remove.clear();
            }
            let remove = std::mem::take(&mut plan.remove);
            let trees = Trees {
                source,
                target,
                meta,
            };
            self.carry_out_window(plan, trees, report)?;
            if !options.keep_extra {
                let mut holding = trees.holding(&remove, true);
                let losing = remove
                    .iter()
                    .map(|removal| path::dirname(path::relpath(removal.path())));
                let losing: HashSet<String> = losing.map(|path| folded(path, meta)).collect();
                holding
                    .retain(|directory| losing.contains(directory) || trees.is_partial(directory));
                stale.add(&remove, holding, |tree| target.open_before.contains(tree))?;
            }
            if !pairs.has_more() {
                break;
            }
        }
        if !self.run.has_failures() {
            stale.remove(dst, meta, &self.run, report)?;
        }
        Ok(true)
    }

    /// Carries out the steps of a window, except for the removal of what is missing in the source.
    fn carry_out_window(&self, plan: Plan, trees: Trees<'_>, report: &mut Report) -> Result<()> {
        let (endpoints, run) = (self.endpoints, &self.run);
        let holding = trees.holding(&plan.clear, false);
        let rest = stale::rest(&holding, self.meta);
        let rest = |directory: &str| match trees.is_partial(directory) {
            true => Rest::Unknown,
            false => rest(directory),
        };
        stale::remove(endpoints.dst, run, &plan.clear, rest, report)?;
        // A failed removal leaves its entry in place, so that the checks are still needed.
        let capabilities = endpoints.dst.capabilities().filter(|_| !run.has_failures());
        let unchecked = capabilities.and_then(|capabilities| capabilities.without_checks());
        let unchecked = unchecked.as_deref();
        let dst_for = |path: &str| match unchecked {
            Some(unchecked) if trees.know(path) => unchecked,
            _ => endpoints.dst,
        };
        let mut made = Vec::new();
        for (directory, beside_file) in plan.directories {
            let is_known = !trees.is_partial(&directory);
            if !is_known && endpoints.dst.isdir(&directory)? {
                continue;
            }
            if !run.options.dry_run {
                let dst = if is_known {
                    dst_for(&directory)
                } else {
                    endpoints.dst
                };
                make_directory(dst, &directory, beside_file)?;
            }
            report.push(Action::Makedir(directory.clone()));
            made.push(directory);
        }
        let is_wanted = |job: &Job| match plan.to_compare.get(&job.dst_path) {
            Some(look) => look.agrees(endpoints, job).map(|agrees| !agrees),
            None => Ok(true),
        };
        let endpoints_of = |job: &Job| Endpoints {
            dst: dst_for(&job.dst_path),
            ..endpoints
        };
        let copied = run.copy_if(endpoints, &plan.copies, is_wanted, endpoints_of)?;
        let files = copied.iter().map(|job| &*job.dst_path);
        let made = made.iter().map(String::as_str);
        let changed = files.clone().chain(made.clone());
        let directories = changed.map(path::dirname).chain(made);
        run.make_durable(endpoints.dst, files, directories)?;
        report.extend(copied.into_iter().map(copy_action));
        Ok(())
    }
}

/// A window of both listings from before the first change.
#[derive(Clone, Copy)]
struct Trees<'t> {
    source: &'t Snapshot,
    target: &'t Snapshot,
    meta: &'t Meta,
}

impl Trees<'_> {
    /// Returns true if the listings contain the facts that strict mode checks before a file or directory is made in the
    /// target: its parent directory exists or has been made, and the path is not a directory.
    fn know(&self, dst_path: &str) -> bool {
        let parent = path::dirname(path::relpath(dst_path));
        self.target.is_whole_below(parent)
    }

    /// Returns true if another window may contain more of a directory.
    fn is_partial(&self, directory: &str) -> bool {
        let directory = path::relpath(directory);
        [self.source, self.target]
            .iter()
            .any(|tree| tree.open_before.contains(directory) || tree.open_after.contains(directory))
    }

    /// Returns the folded paths of the target directories that have other content after these removals, or a time of their
    /// own. If `is_copied`, the target also contains the content of the source.
    fn holding(&self, removals: &[Removal], is_copied: bool) -> HashSet<String> {
        let fold = |path: &str| folded(path::relpath(path), self.meta);
        let parent = |path: String| path::dirname(&path).to_owned();
        let gone = |is_file| {
            let removals = removals.iter();
            let removals = removals.filter(|gone| gone.is_file() == is_file);
            removals.map(|gone| fold(gone.path())).collect()
        };
        let (gone_files, gone_trees): (HashSet<String>, HashSet<String>) =
            (gone(true), gone(false));
        let files = self.target.files.iter().map(|file| fold(&file.path));
        let files = files.filter(|path| !gone_files.contains(path));
        let directories = self.target.directories.iter().map(|path| fold(path));
        let directories = directories.filter(|path| !gone_trees.contains(path));
        let mut holding: HashSet<String> = files.chain(directories).map(parent).collect();
        let target = self.target.dated.iter().chain(&self.target.with_rest);
        holding.extend(target.map(|path| fold(path)));
        if is_copied {
            let files = self.source.files.iter().map(|file| &file.path);
            let entries = files.chain(&self.source.directories);
            holding.extend(entries.map(|path| parent(fold(path))));
        }
        holding
    }
}

/// The steps that make the target equal to the source.
#[derive(Debug, Default)]
struct Plan {
    /// Target entries that block a source entry of the other kind.
    clear: Vec<Removal>,
    /// Directories that are missing in the target, and whether a file has the same path.
    directories: Vec<(String, bool)>,
    copies: Vec<Job>,
    /// Copies that may be unnecessary: a further comparison decides.
    to_compare: HashMap<String, Look>,
    /// Target entries that are missing in the source.
    remove: Vec<Removal>,
}

impl Plan {
    /// Plans the steps. Leaves out files that are the same.
    ///
    /// `is_link` returns whether a directory of the target is a symbolic link.
    fn new(
        source: &Snapshot,
        target: &Snapshot,
        meta: &Meta,
        sameness: Sameness,
        is_link: impl Fn(&str) -> bool,
    ) -> Self {
        let fold = |path: &str| folded(path, meta);
        let key = |file: &SnapshotFile| fold(&file.path);
        let source_files: HashSet<String> = source.files.iter().map(key).collect();
        let refused: HashSet<String> = source.refused.iter().map(|path| fold(path)).collect();
        let directories = |tree: &Snapshot| -> HashSet<String> {
            let known = tree.directories.iter().chain(&tree.open_before);
            known.map(|path| fold(path)).collect()
        };
        let source_directories = directories(source);
        let target_files: HashMap<String, &SnapshotFile> =
            target.files.iter().map(|file| (key(file), file)).collect();
        let target_directories = directories(target);

        let mut plan = Self::default();
        // The directories that may stay although the source does not have them: something is excluded in them, or it is not
        // known yet whether they stay. Each comes after its parent.
        let may_stay: BTreeSet<&str> = target
            .with_rest
            .union(&target.open_after)
            .map(String::as_str)
            .collect();
        // Those that are links, or are below one.
        let mut linked: HashSet<&str> = HashSet::new();
        for &directory in &may_stay {
            if linked.contains(path::dirname(directory)) || is_link(directory) {
                linked.insert(directory);
            }
        }
        // Entries below a removed tree are not removed individually, and those behind a link are not part of the target.
        let kept = |path: &str| {
            let parent = path::dirname(path);
            parent.is_empty()
                || source_directories.contains(&fold(parent))
                || may_stay.contains(parent) && !linked.contains(parent)
        };
        for directory in target.complete().into_iter().filter(|path| kept(path)) {
            let has_rest = target.with_rest.contains(directory);
            if !source_directories.contains(&fold(directory)) && !has_rest {
                let in_the_way = source_files.contains(&fold(directory));
                plan.removal(in_the_way)
                    .push(Removal::Tree(rooted(directory)));
            }
        }
        for file in target.files.iter().filter(|file| kept(&file.path)) {
            if !source_files.contains(&key(file)) && !refused.contains(&key(file)) {
                let in_the_way = source_directories.contains(&key(file));
                plan.removal(in_the_way)
                    .push(Removal::File(rooted(&file.path)));
            }
        }
        for directory in &source.directories {
            if !target_directories.contains(&fold(directory)) {
                let beside = source_files.contains(&fold(directory));
                plan.directories.push((rooted(directory), beside));
            }
        }
        let wanted = source.files.iter().zip(jobs(source, "/", "/"));
        for (file, job) in wanted {
            let there = target_files.get(&key(file));
            match there.map_or(Verdict::Differs, |there| sameness.of(file, there)) {
                Verdict::Same => continue,
                Verdict::Differs => {}
                Verdict::Unknown(look) => {
                    plan.to_compare.insert(job.dst_path.clone(), look);
                }
            }
            plan.copies.push(job);
        }
        plan
    }

    fn removal(&mut self, in_the_way: bool) -> &mut Vec<Removal> {
        if in_the_way {
            &mut self.clear
        } else {
            &mut self.remove
        }
    }
}

fn rooted(path: &str) -> String {
    path::abspath(path).into_owned()
}
