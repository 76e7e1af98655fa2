//! The whole suite, on a filesystem opened through a registry.

use s3fs::{FileSystem, FsUrl, Registry};
use s3fs_outside::TreeFs;

fn open(_case: &str) -> Box<Box<dyn FileSystem>> {
    let mut registry = Registry::new();
    registry.register("tree", |_: &FsUrl| {
        Ok(Box::new(TreeFs::new()) as Box<dyn FileSystem>)
    });
    Box::new(registry.open_fs("tree://").expect("a filesystem"))
}

s3fs::conformance_tests!(open);
