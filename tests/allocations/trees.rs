//! Memory of copies and mirrors of trees: that of a window, whatever the number of files.

use s3fs::copy::copy_fs;
use s3fs::mirror::mirror;
use s3fs::{
    Capabilities, Compare, Entries, File, FileSystem, Info, Location, MakedirOptions, MemoryFs,
    Namespaces, OpenOptions, RawInfo, Result, TransferOptions, TreeEntries,
};

use super::{MIB, alone, peak};

/// A filesystem with this many empty files, 1,000 in each directory, none of which it stores. It accepts all changes.
struct Numbered {
    name: &'static str,
    files: usize,
    memory: MemoryFs,
}

impl Numbered {
    fn new(name: &'static str, files: usize) -> Self {
        Self {
            name,
            files,
            memory: MemoryFs::new(),
        }
    }
}

impl FileSystem for Numbered {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        self.memory.getinfo(path, namespaces)
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        self.memory.listdir(path)
    }

    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        self.memory.scandir(path, namespaces)
    }

    fn scantree(&self, _: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
        let file = self.memory.getinfo("file", namespaces)?;
        let directory = self.memory.getinfo("/", namespaces)?;
        Ok(Box::new((0..self.files).flat_map(move |number| {
            let parent = format!("/d{:04}", number / 1000);
            let info = file.clone().with_name(&format!("f{:03}", number % 1000));
            let is_last = number % 1000 == 999 || number + 1 == self.files;
            let info_of_parent = directory.clone().with_name(&parent[1..]);
            let own = is_last.then(|| Ok(("/".to_owned(), info_of_parent)));
            [Ok((parent, info))].into_iter().chain(own)
        })))
    }

    fn makedir_with(&self, _: &str, _: &MakedirOptions) -> Result<()> {
        Ok(())
    }

    fn openbin_with(&self, _: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        self.memory.openbin_with("file", mode, options)
    }

    fn remove(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn removedir(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn removetree(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn setinfo(&self, _: &str, _: &RawInfo) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.memory.close()
    }

    fn isclosed(&self) -> bool {
        self.memory.isclosed()
    }

    fn capabilities(&self) -> Option<&dyn Capabilities> {
        Some(self)
    }
}

impl Capabilities for Numbered {
    fn location(&self, path: &str) -> Result<Option<Location>> {
        let path = self.validatepath(path)?;
        let directory = s3fs::path::forcedir(&path).into_owned();
        Ok(Some(Location::new(self.name, path, directory)))
    }

    fn lists_in_key_order(&self) -> bool {
        true
    }
}

fn pair(source: usize, target: usize) -> (Numbered, Numbered) {
    let (source, target) = (
        Numbered::new("source", source),
        Numbered::new("target", target),
    );
    for fs in [&source, &target] {
        fs.memory
            .writebytes_with("file", b"", &OpenOptions::new())
            .unwrap();
    }
    (source, target)
}

/// Checks that `work` with ten times as many files takes at most so much more memory.
fn check(most: usize, work: impl Fn(usize)) {
    let _alone = alone();
    work(2_000);
    let [small, large] = [30_000, 300_000].map(|files| peak(|| work(files)));
    assert!(large < small + most, "{small} bytes, and then {large}");
}

#[test]
fn a_copy_of_a_tree_takes_the_memory_of_a_window_and_of_its_report() {
    // The first 100,000 actions.
    check(24 * MIB, |files| {
        let (source, target) = pair(files, 0);
        let report = copy_fs(&source, &target, &TransferOptions::new()).unwrap();
        assert_eq!(report.copied(), files);
        assert_eq!(
            report.unlisted(),
            (files + files / 1000).saturating_sub(100_000)
        );
    });
}

#[test]
fn a_mirror_that_copies_nothing_takes_the_memory_of_a_window() {
    check(MIB / 2, |files| {
        let (source, target) = pair(files, files);
        let options = TransferOptions::new().compare(Compare::Size);
        assert_eq!(mirror(&source, &target, &options).unwrap().copied(), 0);
    });
}
