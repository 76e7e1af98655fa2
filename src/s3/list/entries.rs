//! Info structs of single resources, and of the entries of a listing.

use time::OffsetDateTime;

use crate::error::Result;
use crate::ext::FileSystemExt as _;
use crate::filesystem::info::{Info, Namespaces};
use crate::filesystem::valid_path::ValidPath;
use crate::filesystem::{Entries, found};
use crate::path;
use crate::s3::api::ReadOptions;
use crate::s3::key::{Key, MAX_KEY_BYTES};
use crate::s3::list::pages::{Entry, Pages};
use crate::s3::list::scan::Scan;
use crate::s3::s3_info;
use crate::s3::{Presign, S3Fs};

impl S3Fs {
    pub(in crate::s3) fn getinfo_file(
        &self,
        validated: &str,
        key: &Key,
        namespaces: Namespaces,
    ) -> Result<Option<Info>> {
        let with_s3 = namespaces.contains(Namespaces::S3);
        let head = self.objects().head(key, &ReadOptions::default(), with_s3);
        let Some(head) = found(head)? else {
            return Ok(None);
        };
        let mut file =
            Info::new(path::basename(validated), false).with_writeable(s3_info::WRITEABLE);
        if namespaces.contains(Namespaces::DETAILS) {
            file = file
                .with_details(s3_info::file_details(head.headers()))
                .with_stamp(head.header("etag").map(s3_info::stamp));
        }
        if with_s3 {
            file = file.with_s3(s3_info::s3_info(head.headers()));
        }
        if namespaces.contains(Namespaces::URLS) {
            file = file.with_url("download", self.geturl(validated)?);
        }
        Ok(Some(file))
    }

    pub(in crate::s3) fn getinfo_directory(
        &self,
        path: &ValidPath<'_>,
        namespaces: Namespaces,
    ) -> Result<Option<Info>> {
        let prefix = self.prefix(path)?;
        let page = self.first_keys(&prefix, 1)?;
        let Some(first) = page.objects.first() else {
            return Ok(None);
        };
        let marker = Some(first).filter(|object| object.is(&prefix));
        let modified = marker.and_then(|marker| marker.last_modified);
        let mut directory = directory_info(path::basename(path), modified, namespaces);
        if namespaces.contains(Namespaces::S3) && marker.is_some() {
            let marker = self.shared.keys.marker(path)?;
            let head = self.objects().head(&marker, &ReadOptions::default(), true);
            if let Some(head) = found(head)? {
                directory = directory.with_s3(s3_info::s3_info(head.headers()));
            }
        }
        Ok(Some(directory))
    }

    /// Returns the listed entries of a directory. The first page is requested here.
    pub(in crate::s3) fn scan(&self, path: &str) -> Result<Scan<'_>> {
        let validated = self.normalize(path)?;
        let prefix = self.prefix(&validated)?;
        if prefix.len() > MAX_KEY_BYTES {
            return Err(self.no_directory(&validated));
        }
        let keys = &self.shared.keys;
        let pages = Pages::new(self.objects(), &prefix, Some(keys.delimiter()));
        let mut scan = Scan::new(pages, prefix, keys);
        let is_there = scan.begin().map_err(|error| error.with_path(path))?;
        if is_there || validated.is_root() {
            return Ok(scan);
        }
        Err(self.no_directory(&validated))
    }

    /// Converts entries to info structs, with as many HEAD requests as the namespaces require.
    pub(in crate::s3) fn infos<'a>(
        &'a self,
        scan: Scan<'a>,
        path: &str,
        namespaces: Namespaces,
    ) -> Entries<'a> {
        let path = path.to_owned();
        let prefix = scan.prefix();
        let infos: Entries<'a> = if namespaces.contains(Namespaces::S3) {
            let mut scan = scan;
            let pages = std::iter::from_fn(move || scan.next_page());
            Box::new(pages.flat_map(move |page| match page {
                Ok(entries) => self.complete_all(&prefix, &entries, namespaces),
                Err(error) => vec![Err(error)],
            }))
        } else {
            Box::new(scan.filter_map(move |entry| {
                let info = entry.and_then(|entry| self.listed(&prefix, &entry, namespaces));
                info.transpose()
            }))
        };
        Box::new(infos.map(move |info| info.map_err(|error| error.with_path(path.as_str()))))
    }

    pub(in crate::s3) fn complete_all(
        &self,
        prefix: &str,
        entries: &[Entry],
        namespaces: Namespaces,
    ) -> Vec<Result<Info>> {
        let infos = self
            .threads()
            .map(entries, |entry| self.listed(prefix, entry, namespaces));
        infos.into_iter().filter_map(Result::transpose).collect()
    }

    /// Converts an entry of a listing to an info struct.
    pub(in crate::s3) fn listed(
        &self,
        prefix: &str,
        entry: &Entry,
        namespaces: Namespaces,
    ) -> Result<Option<Info>> {
        match entry {
            Entry::File(name, object) => {
                let info = s3_info::listed_file(name, object);
                self.complete(info, &object.key, namespaces)
            }
            Entry::Directory(name) => {
                let info = directory_info(name, None, namespaces);
                let marker = format!("{prefix}{name}{}", self.shared.keys.delimiter());
                self.complete(info, &marker, namespaces)
            }
        }
    }

    /// Adds the namespaces that a listing does not contain. Returns `None` if the file no longer exists.
    pub(in crate::s3) fn complete(
        &self,
        mut info: Info,
        key: &str,
        namespaces: Namespaces,
    ) -> Result<Option<Info>> {
        if namespaces.contains(Namespaces::URLS) && info.is_file() {
            let client = self.objects().client();
            let url = Presign::new(client, info.name(), Key::new(key)?).url()?;
            info = info.with_url("download", url);
        }
        if !namespaces.contains(Namespaces::S3) || key.len() > MAX_KEY_BYTES {
            return Ok(Some(info));
        }
        let options = ReadOptions::default();
        Ok(
            match found(self.objects().head(&Key::new(key)?, &options, true))? {
                Some(head) => Some(info.with_s3(s3_info::s3_info(head.headers()))),
                // A directory needs no marker.
                None => Some(info).filter(Info::is_dir),
            },
        )
    }
}

pub(in crate::s3) fn directory_info(
    name: &str,
    modified: Option<OffsetDateTime>,
    namespaces: Namespaces,
) -> Info {
    let directory = Info::new(name, true);
    if namespaces.contains(Namespaces::DETAILS) {
        directory.with_details(s3_info::directory_details(modified))
    } else {
        directory
    }
}
