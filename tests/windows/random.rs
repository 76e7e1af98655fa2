//! Random trees, in windows of all sizes.

use std::collections::BTreeMap;
use std::fs;

use s3fs::copy::{Condition, copy_fs, copy_structure};
use s3fs::mirror::{Difference, mirror, verify};
use s3fs::{
    Action, Capabilities, Compare, Entries, ErrorKind, File, FileSystem, FileSystemExt, Info,
    Location, MakedirOptions, MemoryFs, Meta, Namespaces, OpenOptions, OsFs, RawInfo, Report,
    Result, TransferOptions, Walker,
};

use crate::local::Directory;
use crate::model::generator::Random;

/// Names whose order differs with and without a slash behind them.
const NAMES: [&str; 7] = ["a", "a-b", "a.b", "a0", "b", "b!", "é"];

/// Fills a filesystem with random files and directories.
///
/// With an odd seed, directories may be beside files.
fn fill(fs: &dyn FileSystem, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..random.below(25) {
        let depth = 1 + random.below(3);
        let names: Vec<&str> = (0..depth).map(|_| random.pick(&NAMES)).collect();
        let path = names.join("/");
        let is_dir = random.one_in(4);
        // On the disk, there is no directory beside a file.
        let options = MakedirOptions::new()
            .recreate(true)
            .beside_file(seed % 2 == 1);
        for end in 1..depth + usize::from(is_dir) {
            let _ = fs.makedir_with(&names[..end].join("/"), &options);
        }
        if !is_dir {
            let _ = fs.writetext(&path, &random.pick(&["x", "y"]).repeat(random.below(3)));
        }
    }
}

/// A filesystem whose listings have the reverse order, and whether it says that they are in the order of keys.
struct Reversed(MemoryFs, bool);

impl FileSystem for Reversed {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        self.0.getinfo(path, namespaces)
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        let mut names = self.0.listdir(path)?;
        names.reverse();
        Ok(names)
    }

    fn isdir(&self, path: &str) -> Result<bool> {
        self.0.isdir(path)
    }

    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        let mut infos: Vec<_> = self.0.scandir(path, namespaces)?.collect();
        infos.reverse();
        Ok(Box::new(infos.into_iter()))
    }

    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.0.makedir_with(path, options)
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        self.0.openbin_with(path, mode, options)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.0.remove(path)
    }

    fn removedir(&self, path: &str) -> Result<()> {
        self.0.removedir(path)
    }

    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        self.0.setinfo(path, info)
    }

    fn getmeta(&self) -> Meta {
        self.0.getmeta()
    }

    fn close(&self) -> Result<()> {
        self.0.close()
    }

    fn isclosed(&self) -> bool {
        self.0.isclosed()
    }

    fn capabilities(&self) -> Option<&dyn Capabilities> {
        Some(self)
    }
}

impl Capabilities for Reversed {
    fn location(&self, path: &str) -> Result<Option<Location>> {
        let path = self.validatepath(path)?;
        let realm = format!("reversed-{:p}", &self.0);
        let directory = s3fs::path::forcedir(&path).into_owned();
        Ok(Some(Location::new(realm, path, directory)))
    }

    fn lists_in_key_order(&self) -> bool {
        self.1
    }
}

/// The content of each file, and `None` for each directory.
fn state(fs: &dyn FileSystem) -> BTreeMap<(String, bool), Option<String>> {
    let entries = fs.scantree("/", Namespaces::BASIC).unwrap();
    let entry = |(directory, info): (String, Info)| {
        let path = info.make_path(&directory).unwrap();
        let content = info.is_file().then(|| fs.readtext(&path).unwrap());
        ((path, info.is_dir()), content)
    };
    entries.map(|found| entry(found.unwrap())).collect()
}

/// The actions of a report, sorted.
fn actions(report: &Report) -> Vec<String> {
    let mut actions: Vec<String> = report.actions().iter().map(Action::to_string).collect();
    actions.sort_unstable();
    actions
}

/// A copy or a mirror from a source to a target, or a comparison. Returns what it does, or finds.
type Work<'w> =
    dyn Fn(&dyn FileSystem, &dyn FileSystem, &TransferOptions<'_>) -> Result<Vec<String>> + 'w;

/// Runs `work` from a random source to a random target, with the default window between two filesystems of the first kind,
/// and with small windows between two of the other kind, and compares the results.
fn compare(
    [whole, windowed]: [&dyn Fn() -> Box<dyn FileSystem>; 2],
    seed: u64,
    options: &dyn Fn() -> TransferOptions<'static>,
    work: &Work<'_>,
) {
    let run = |window: Option<usize>| {
        let make = window.map_or(whole, |_| windowed);
        let (src, dst) = (make(), make());
        fill(&*src, seed);
        fill(&*dst, seed + 1_000_000);
        let mut options = options();
        options = options.window(window.unwrap_or_default());
        let result = work(&*src, &*dst, &options);
        let result = result.map_err(|error| error.kind());
        (state(&*src), result, state(&*dst))
    };
    let (src, whole, dst) = run(None);
    for window in [1, 2, 3, 7] {
        let (same, windowed, state) = run(Some(window));
        assert_eq!(src, same, "{seed} {window}");
        match &whole {
            Ok(actions) => {
                assert_eq!(windowed.as_ref(), Ok(actions), "{seed} {window}");
                assert_eq!(state, dst, "{seed} {window}");
            }
            Err(kind) => assert!(windowed.is_err(), "{seed} {window}: not {kind}"),
        }
    }
}

fn memory() -> Box<dyn FileSystem> {
    Box::new(MemoryFs::new())
}

fn reversed() -> Box<dyn FileSystem> {
    Box::new(Reversed(MemoryFs::new(), false))
}

#[test]
fn a_mirror_in_windows_makes_the_target_equal() {
    for seed in 1..300 {
        let options = || {
            TransferOptions::new()
                .compare(Compare::Content)
                .allow_empty_source(true)
        };
        compare(
            [&reversed, &memory],
            seed,
            &options,
            &|src, dst, options| {
                let report = mirror(&src, &dst, options)?;
                assert_eq!(state(src), state(dst), "{seed}");
                Ok(actions(&report))
            },
        );
    }
}

#[test]
fn a_mirror_of_listings_in_another_order_makes_the_target_equal_or_fails() {
    for seed in (2..300).step_by(2) {
        for window in [1, 2, 3, 7, 0] {
            let (src, dst) = (
                Reversed(MemoryFs::new(), true),
                Reversed(MemoryFs::new(), true),
            );
            fill(&src, seed);
            fill(&dst, seed + 1_000_000);
            let before = state(&src);
            let options = TransferOptions::new()
                .compare(Compare::Content)
                .window(window);
            let options = options.allow_empty_source(true);
            match mirror(&src, &dst, &options) {
                Ok(_) => assert_eq!(state(&src), state(&dst), "{seed} {window}"),
                // A directory in the place of a file, or the reverse, may not be listed yet.
                Err(error) => assert!(
                    error.is(ErrorKind::FileExpected) || error.is(ErrorKind::DirectoryExpected),
                    "{seed} {window}: {error}"
                ),
            }
            assert_eq!(state(&src), before);
        }
    }
}

/// Options that exclude something, one of six kinds.
fn excluding(kind: u64) -> TransferOptions<'static> {
    let options = TransferOptions::new().allow_empty_source(true);
    let walker = Walker::new();
    match kind % 6 {
        0 => options.walker(walker.exclude(["a.b"]).exclude_dirs(["b"])),
        1 => options.walker(walker.exclude(["a"])),
        2 => options.walker(walker.exclude_dirs(["a", "a-b"])),
        3 => options.walker(walker.filter(["b*"]).max_depth(2)),
        4 => options.filter(|path, _| !path.contains("a/")),
        _ => options.filter(|_, info| info.size() == Some(1)),
    }
}

#[test]
fn a_mirror_in_windows_keeps_what_it_excludes() {
    for seed in 1..600 {
        let options = || excluding(seed / 2).compare(Compare::Size);
        compare(
            [&reversed, &memory],
            seed,
            &options,
            &|src, dst, options| mirror(&src, &dst, options).map(|report| actions(&report)),
        );
    }
}

#[test]
fn a_comparison_in_windows_finds_the_same_differences() {
    let find: &Work<'_> = &|src, dst, options| {
        let differences = verify(&src, &dst, options)?;
        Ok(differences.iter().map(Difference::to_string).collect())
    };
    for seed in 1..300 {
        let all = || TransferOptions::new().allow_empty_source(true);
        compare([&reversed, &memory], seed, &all, find);
        compare([&reversed, &memory], seed, &|| excluding(seed / 2), find);
    }
}

#[test]
fn a_plan_in_windows_changes_nothing() {
    for seed in 1..200 {
        let options = || {
            let options = TransferOptions::new().compare(Compare::Size).dry_run(true);
            options.allow_empty_source(true)
        };
        compare(
            [&reversed, &memory],
            seed,
            &options,
            &|src, dst, options| mirror(&src, &dst, options).map(|report| actions(&report)),
        );
    }
}

#[test]
fn a_mirror_of_the_disk_in_windows_makes_the_target_equal() {
    let root = Directory::new();
    let next = std::cell::Cell::new(0);
    let disk = || -> Box<dyn FileSystem> {
        next.set(next.get() + 1);
        let path = root.join(next.get().to_string());
        fs::create_dir_all(&path).unwrap();
        Box::new(OsFs::new(path).unwrap())
    };
    for seed in 1..30 {
        let options = || {
            TransferOptions::new()
                .compare(Compare::Content)
                .allow_empty_source(true)
        };
        compare([&disk, &disk], seed, &options, &|src, dst, options| {
            let report = mirror(&src, &dst, options)?;
            assert_eq!(state(src), state(dst), "{seed}");
            Ok(actions(&report))
        });
    }
}

#[test]
fn a_copy_in_windows_has_the_same_result() {
    let conditions = [
        Condition::Always,
        Condition::NotExists,
        Condition::Exists,
        Condition::Older,
    ];
    for seed in 1..300 {
        // A condition sees the directory beside a file only if both are in one window.
        let condition = match seed % 2 {
            0 => conditions[usize::try_from(seed / 2).unwrap() % conditions.len()],
            _ => Condition::Always,
        };
        let options = || TransferOptions::new().condition(condition).workers(2);
        compare(
            [&reversed, &memory],
            seed,
            &options,
            &|src, dst, options| copy_fs(&src, &dst, options).map(|report| actions(&report)),
        );
        compare(
            [&reversed, &memory],
            seed,
            &options,
            &|src, dst, options| {
                copy_structure(&src, "/", &dst, "/", options).map(|report| actions(&report))
            },
        );
    }
}
