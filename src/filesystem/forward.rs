//! Implements the filesystem trait for pointers: `&F`, `Box<F>` and `Arc<F>`.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::error::Result;
use crate::filesystem::capabilities::Capabilities;
use crate::filesystem::file::File;
use crate::filesystem::info::{Info, Namespaces, RawInfo};
use crate::filesystem::options::OpenOptions;
use crate::filesystem::scantree::Descend;
use crate::filesystem::{CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries};

/// Forwards every method to the filesystem behind a pointer. This is a macro because a function cannot write three `impl`s.
/// It also forwards the provided methods, because a filesystem overrides them.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<F: FileSystem + ?Sized> FileSystem for $pointer {
            fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
                (**self).getinfo(path, namespaces)
            }
            fn getinfo_many(&self, paths: &[&str], namespaces: Namespaces) -> Vec<Result<Info>> {
                (**self).getinfo_many(paths, namespaces)
            }
            fn listdir(&self, path: &str) -> Result<Vec<String>> {
                (**self).listdir(path)
            }
            fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
                (**self).makedir_with(path, options)
            }
            fn openbin_with(
                &self,
                path: &str,
                mode: &str,
                options: &OpenOptions,
            ) -> Result<Box<dyn File>> {
                (**self).openbin_with(path, mode, options)
            }
            fn remove(&self, path: &str) -> Result<()> {
                (**self).remove(path)
            }
            fn removedir(&self, path: &str) -> Result<()> {
                (**self).removedir(path)
            }
            fn remove_many(&self, paths: &[&str]) -> Vec<Result<()>> {
                (**self).remove_many(paths)
            }
            fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
                (**self).setinfo(path, info)
            }
            fn exists(&self, path: &str) -> Result<bool> {
                (**self).exists(path)
            }
            fn isfile(&self, path: &str) -> Result<bool> {
                (**self).isfile(path)
            }
            fn isdir(&self, path: &str) -> Result<bool> {
                (**self).isdir(path)
            }
            fn isempty(&self, path: &str) -> Result<bool> {
                (**self).isempty(path)
            }
            fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
                (**self).scandir(path, namespaces)
            }
            fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
                (**self).readbytes_with(path, options)
            }
            fn writebytes_with(
                &self,
                path: &str,
                contents: &[u8],
                options: &OpenOptions,
            ) -> Result<()> {
                (**self).writebytes_with(path, contents, options)
            }
            fn create(&self, path: &str, wipe: bool) -> Result<bool> {
                (**self).create(path, wipe)
            }
            fn touch(&self, path: &str) -> Result<()> {
                (**self).touch(path)
            }
            fn getmeta(&self) -> Meta {
                (**self).getmeta()
            }
            fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
                (**self).geturl_for(path, purpose)
            }
            fn validatepath(&self, path: &str) -> Result<String> {
                (**self).validatepath(path)
            }
            fn download(&self, path: &str, target: &mut dyn Write) -> Result<u64> {
                (**self).download(path, target)
            }
            fn upload(&self, path: &str, source: &mut dyn Read) -> Result<u64> {
                (**self).upload(path, source)
            }
            fn upload_sized(&self, path: &str, source: &mut dyn Read, size: u64) -> Result<u64> {
                (**self).upload_sized(path, source, size)
            }
            fn makedirs_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
                (**self).makedirs_with(path, options)
            }
            fn copy_with(
                &self,
                src_path: &str,
                dst_path: &str,
                options: &CopyOptions,
            ) -> Result<()> {
                (**self).copy_with(src_path, dst_path, options)
            }
            fn movefile_with(
                &self,
                src_path: &str,
                dst_path: &str,
                options: &CopyOptions,
            ) -> Result<()> {
                (**self).movefile_with(src_path, dst_path, options)
            }
            fn copydir_with(
                &self,
                src_path: &str,
                dst_path: &str,
                options: &CopyOptions,
            ) -> Result<()> {
                (**self).copydir_with(src_path, dst_path, options)
            }
            fn movedir_with(
                &self,
                src_path: &str,
                dst_path: &str,
                options: &CopyOptions,
            ) -> Result<()> {
                (**self).movedir_with(src_path, dst_path, options)
            }
            fn removetree(&self, path: &str) -> Result<()> {
                (**self).removetree(path)
            }
            fn emptydir(&self, path: &str) -> Result<()> {
                (**self).emptydir(path)
            }
            fn check_directory(&self, path: &str) -> Result<()> {
                (**self).check_directory(path)
            }
            fn scantree(&self, path: &str, namespaces: Namespaces) -> Result<TreeEntries<'_>> {
                (**self).scantree(path, namespaces)
            }
            fn scantree_whole(
                &self,
                path: &str,
                namespaces: Namespaces,
            ) -> Result<TreeEntries<'_>> {
                (**self).scantree_whole(path, namespaces)
            }
            fn scantree_pruned<'a>(
                &'a self,
                path: &str,
                namespaces: Namespaces,
                descend: Descend<'a>,
            ) -> Result<TreeEntries<'a>> {
                (**self).scantree_pruned(path, namespaces, descend)
            }
            fn scantree_whole_pruned<'a>(
                &'a self,
                path: &str,
                namespaces: Namespaces,
                descend: Descend<'a>,
            ) -> Result<TreeEntries<'a>> {
                (**self).scantree_whole_pruned(path, namespaces, descend)
            }
            fn scandir_prefix(
                &self,
                path: &str,
                name_prefix: &str,
                namespaces: Namespaces,
            ) -> Result<Entries<'_>> {
                (**self).scandir_prefix(path, name_prefix, namespaces)
            }
            fn settimes(
                &self,
                path: &str,
                accessed: Option<OffsetDateTime>,
                modified: Option<OffsetDateTime>,
            ) -> Result<()> {
                (**self).settimes(path, accessed, modified)
            }
            fn getsyspath(&self, path: &str) -> Result<PathBuf> {
                (**self).getsyspath(path)
            }
            fn islink(&self, path: &str) -> Result<bool> {
                (**self).islink(path)
            }
            fn label(&self) -> String {
                (**self).label()
            }
            fn capabilities(&self) -> Option<&dyn Capabilities> {
                (**self).capabilities()
            }
            fn close(&self) -> Result<()> {
                (**self).close()
            }
            fn isclosed(&self) -> bool {
                (**self).isclosed()
            }
        }
    )*};
}

forward!(&F, Box<F>, Arc<F>);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Returns the names of the methods in a block that begins with this line.
    fn methods<'s>(source: &'s str, begin: &str) -> BTreeSet<&'s str> {
        let (_, block) = source.split_once(begin).unwrap();
        let indent = " ".repeat(begin.len() - begin.trim_start().len());
        let (block, _) = block.split_once(&format!("\n{indent}}}\n")).unwrap();
        let begin = format!("\n{indent}    fn ");
        let starts = block.split(begin.as_str()).skip(1);
        let name = |rest: &'s str| rest.split(['(', '<']).next().unwrap();
        let names: BTreeSet<&str> = starts.map(name).collect();
        names
    }

    /// A method that is not forwarded would be the default one, which may send more requests.
    #[test]
    fn every_method_is_forwarded_by_pointers_and_directories() {
        let (interface, capabilities) = (include_str!("mod.rs"), include_str!("capabilities.rs"));
        let (pointers, directories) = (include_str!("forward.rs"), include_str!("subfs.rs"));
        let all = methods(interface, "pub trait FileSystem: Send + Sync {");
        assert!(all.contains("getinfo") && all.len() > 35, "{all:?}");
        let pointer = "        impl<F: FileSystem + ?Sized> FileSystem for $pointer {";
        assert_eq!(methods(pointers, pointer), all);
        let directory = "impl<F: FileSystem> FileSystem for SubFs<F> {";
        assert_eq!(methods(directories, directory), all);
        let offered = methods(capabilities, "pub trait Capabilities: Send + Sync {");
        assert!(
            offered.contains("location") && offered.len() > 8,
            "{offered:?}"
        );
        let directory = "impl<F: FileSystem> Capabilities for SubFs<F> {";
        assert_eq!(methods(directories, directory), offered);
        let read_only = include_str!("read_only.rs");
        let wrapper = "impl<F: FileSystem> FileSystem for ReadOnly<F> {";
        assert_eq!(methods(read_only, wrapper), all);
        let wrapper = "impl<F: FileSystem> Capabilities for ReadOnly<F> {";
        assert_eq!(methods(read_only, wrapper), offered);
        let source = methods(capabilities, "pub trait RangedSource: Send + Sync {");
        let wrapper = "impl RangedSource for SubSource<'_> {";
        assert_eq!(methods(directories, wrapper), source);
        let sink = methods(capabilities, "pub trait PieceSink: Send + Sync {");
        assert_eq!(
            methods(directories, "impl PieceSink for SubSink<'_> {"),
            sink
        );
    }

    #[test]
    fn the_trait_has_at_most_45_methods() {
        let all = methods(
            include_str!("mod.rs"),
            "pub trait FileSystem: Send + Sync {",
        );
        assert!(all.len() <= 45, "{}", all.len());
    }
}
