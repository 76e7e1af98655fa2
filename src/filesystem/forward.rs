//! A pointer to a filesystem is a filesystem: `&F`, `Box<F>` and `Arc<F>`.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::error::Result;
use crate::filesystem::capabilities::Capabilities;
use crate::filesystem::file::File;
use crate::filesystem::filter::FilterDir;
use crate::filesystem::info::{Info, Namespaces, RawInfo, ResourceType};
use crate::filesystem::options::OpenOptions;
use crate::filesystem::scantree::Descend;
use crate::filesystem::{CopyOptions, Entries, FileSystem, MakedirOptions, Meta, TreeEntries};

/// Passes every method on to the filesystem behind a pointer. A function cannot write three
/// `impl`s, and the provided methods must be passed on too, since a filesystem overrides them.
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
            fn makedir_with(&self, path: &str, options: MakedirOptions) -> Result<()> {
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
            fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
                (**self).setinfo(path, info)
            }
            fn makedir(&self, path: &str) -> Result<()> {
                (**self).makedir(path)
            }
            fn openbin(&self, path: &str, mode: &str) -> Result<Box<dyn File>> {
                (**self).openbin(path, mode)
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
            fn readbytes(&self, path: &str) -> Result<Vec<u8>> {
                (**self).readbytes(path)
            }
            fn readbytes_with(&self, path: &str, options: &OpenOptions) -> Result<Vec<u8>> {
                (**self).readbytes_with(path, options)
            }
            fn readtext(&self, path: &str) -> Result<String> {
                (**self).readtext(path)
            }
            fn writebytes(&self, path: &str, contents: &[u8]) -> Result<()> {
                (**self).writebytes(path, contents)
            }
            fn writebytes_with(
                &self,
                path: &str,
                contents: &[u8],
                options: &OpenOptions,
            ) -> Result<()> {
                (**self).writebytes_with(path, contents, options)
            }
            fn writetext(&self, path: &str, contents: &str) -> Result<()> {
                (**self).writetext(path, contents)
            }
            fn create(&self, path: &str, wipe: bool) -> Result<bool> {
                (**self).create(path, wipe)
            }
            fn touch(&self, path: &str) -> Result<()> {
                (**self).touch(path)
            }
            fn getsize(&self, path: &str) -> Result<u64> {
                (**self).getsize(path)
            }
            fn gettype(&self, path: &str) -> Result<ResourceType> {
                (**self).gettype(path)
            }
            fn getbasic(&self, path: &str) -> Result<Info> {
                (**self).getbasic(path)
            }
            fn getdetails(&self, path: &str) -> Result<Info> {
                (**self).getdetails(path)
            }
            fn getmeta(&self) -> Meta {
                (**self).getmeta()
            }
            fn geturl(&self, path: &str) -> Result<String> {
                (**self).geturl(path)
            }
            fn geturl_for(&self, path: &str, purpose: &str) -> Result<String> {
                (**self).geturl_for(path, purpose)
            }
            fn hasurl(&self, path: &str) -> bool {
                (**self).hasurl(path)
            }
            fn hasurl_for(&self, path: &str, purpose: &str) -> bool {
                (**self).hasurl_for(path, purpose)
            }
            fn validatepath(&self, path: &str) -> Result<String> {
                (**self).validatepath(path)
            }
            fn appendbytes(&self, path: &str, data: &[u8]) -> Result<()> {
                (**self).appendbytes(path, data)
            }
            fn appendtext(&self, path: &str, text: &str) -> Result<()> {
                (**self).appendtext(path, text)
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
            fn writefile(&self, path: &str, source: &mut dyn Read) -> Result<u64> {
                (**self).writefile(path, source)
            }
            fn makedirs(&self, path: &str) -> Result<()> {
                (**self).makedirs(path)
            }
            fn makedirs_with(&self, path: &str, options: MakedirOptions) -> Result<()> {
                (**self).makedirs_with(path, options)
            }
            fn copy(&self, src_path: &str, dst_path: &str) -> Result<()> {
                (**self).copy(src_path, dst_path)
            }
            fn copy_with(
                &self,
                src_path: &str,
                dst_path: &str,
                options: CopyOptions,
            ) -> Result<()> {
                (**self).copy_with(src_path, dst_path, options)
            }
            fn movefile(&self, src_path: &str, dst_path: &str) -> Result<()> {
                (**self).movefile(src_path, dst_path)
            }
            fn movefile_with(
                &self,
                src_path: &str,
                dst_path: &str,
                options: CopyOptions,
            ) -> Result<()> {
                (**self).movefile_with(src_path, dst_path, options)
            }
            fn copydir(&self, src_path: &str, dst_path: &str) -> Result<()> {
                (**self).copydir(src_path, dst_path)
            }
            fn copydir_with(
                &self,
                src_path: &str,
                dst_path: &str,
                options: CopyOptions,
            ) -> Result<()> {
                (**self).copydir_with(src_path, dst_path, options)
            }
            fn movedir(&self, src_path: &str, dst_path: &str) -> Result<()> {
                (**self).movedir(src_path, dst_path)
            }
            fn movedir_with(
                &self,
                src_path: &str,
                dst_path: &str,
                options: CopyOptions,
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
            fn getmodified(&self, path: &str) -> Result<Option<OffsetDateTime>> {
                (**self).getmodified(path)
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
            fn hassyspath(&self, path: &str) -> bool {
                (**self).hassyspath(path)
            }
            fn getospath(&self, path: &str) -> Result<OsString> {
                (**self).getospath(path)
            }
            fn islink(&self, path: &str) -> Result<bool> {
                (**self).islink(path)
            }
            fn desc(&self, path: &str) -> Result<String> {
                (**self).desc(path)
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
            fn check(&self) -> Result<()> {
                (**self).check()
            }
            fn matches(&self, patterns: &[&str], name: &str) -> bool {
                (**self).matches(patterns, name)
            }
            fn match_glob(
                &self,
                patterns: &[&str],
                path: &str,
                accept_prefix: bool,
            ) -> Result<bool> {
                (**self).match_glob(patterns, path, accept_prefix)
            }
            fn filterdir(
                &self,
                path: &str,
                filter: &FilterDir,
                namespaces: Namespaces,
            ) -> Result<Entries<'_>> {
                (**self).filterdir(path, filter, namespaces)
            }
            fn hash(&self, path: &str, name: &str) -> Result<String> {
                (**self).hash(path, name)
            }
        }
    )*};
}

forward!(&F, Box<F>, Arc<F>);
