//! [`Old`]: the object version over which a file is opened.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use ureq::http::HeaderMap;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::{DownloadArgs, SseCustomerKey, customer_key_headers};
use crate::s3::S3Reader;
use crate::s3::api::{Objects, ReadOptions, Source, Upload, UploadedPart};
use crate::s3::copy::setinfo::kept_headers;
use crate::s3::etag;
use crate::s3::key::Key;
use crate::s3::mtime;
use crate::s3::read::reader::Reading;
use crate::s3::s3_info::s3_info;
use crate::s3::write::publish::Target;

/// Number of bytes of the object that opening reads. Most small objects are read completely, and an append to a large one
/// reads few unneeded bytes.
const FIRST_BYTES: u64 = 32 << 10;

/// The object version at the time when the file was opened.
pub(in crate::s3) struct Old {
    e_tag: String,
    /// The headers that are kept when the object is stored again, without its tags.
    kept: Vec<(String, String)>,
    tag_count: Option<u64>,
    download: DownloadArgs,
    /// The first bytes.
    start: Vec<u8>,
    reader: S3Reader,
}

/// The data for copying a part of the object, on a thread of its own.
pub(super) struct Copy {
    key: Key,
    e_tag: String,
    size: u64,
    customer_key: Option<SseCustomerKey>,
}

impl Old {
    /// Opens the object. Makes one request, or two if it is empty.
    pub(in crate::s3) fn open(target: &Target, read: &ReadOptions) -> Result<Self> {
        let first = Reading {
            first_window: FIRST_BYTES,
            read_ahead: 0,
        };
        let objects = &target.objects;
        let key = &target.key;
        let mut reader = S3Reader::open(
            objects.clone(),
            key.clone(),
            &target.path,
            read.clone(),
            first,
        )?;
        let mut start = Vec::new();
        (&mut reader).take(FIRST_BYTES).read_to_end(&mut start)?;
        let looked;
        let headers: &HeaderMap = match reader.headers() {
            headers if headers.contains_key("etag") => headers,
            // A response that only reports an empty range does not describe the object.
            _ => {
                looked = objects.head(key, read, false)?;
                if looked.content_length() != Some(0) {
                    // Another writer replaced the object in between. Its bytes are not among the bytes that were read.
                    return Err(Error::new(ErrorKind::ResourceChanged)
                        .with_message("it was empty when it was opened, but is not empty now"));
                }
                looked.headers()
            }
        };
        let info = s3_info(headers);
        let mut kept = kept_headers(&info)?;
        // The time of the old content.
        kept.retain(|(name, _)| !mtime::is_header(name));
        Ok(Self {
            kept,
            e_tag: info.e_tag.unwrap_or_default(),
            tag_count: info.tag_count,
            download: read.download.clone(),
            start,
            reader,
        })
    }

    pub(super) fn e_tag(&self) -> &str {
        &self.e_tag
    }

    pub(in crate::s3) fn size(&self) -> u64 {
        self.reader.size()
    }

    /// Returns the headers that are kept, including tags. Makes one request if the object has tags.
    pub(super) fn kept_with_tags(&self, target: &Target) -> Result<Vec<(String, String)>> {
        let objects = &target.objects;
        let tags = objects.tags_header(&target.key, None, self.tag_count, &self.download)?;
        let mut kept = self.kept.clone();
        kept.extend(tags.map(|tags| ("x-amz-tagging".to_owned(), tags)));
        Ok(kept)
    }

    /// Reads some bytes at `position`, which is within the object.
    pub(super) fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let offset = usize::try_from(position).unwrap_or(usize::MAX);
        match self.start.get(offset..) {
            Some(mut start) if !start.is_empty() => start.read(buffer),
            _ => {
                self.reader.seek(SeekFrom::Start(position))?;
                self.reader.read(buffer)
            }
        }
    }

    /// Fills the buffer from `position` on, and requests no other bytes. Makes one request, or none for the
    /// first bytes.
    pub(super) fn read_range(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let offset = usize::try_from(position).unwrap_or(usize::MAX);
        let start = self.start.get(offset..).unwrap_or_default();
        let (first, rest) = buffer.split_at_mut(start.len().min(buffer.len()));
        first.copy_from_slice(&start[..first.len()]);
        let position = position + first.len() as u64;
        self.reader.read_range(position, rest)
    }

    /// Returns the data for copying a part of the object.
    pub(super) fn copy(&self, key: &Key) -> Copy {
        Copy {
            key: key.clone(),
            e_tag: self.e_tag.clone(),
            size: self.size(),
            customer_key: self.download.customer_key().cloned(),
        }
    }
}

impl Copy {
    /// Copies `range` as a part. Makes one request.
    pub(super) fn run(
        &self,
        objects: &Arc<Objects>,
        upload: &Upload,
        number: u32,
        range: Range<u64>,
    ) -> Result<UploadedPart> {
        let source = Source {
            objects,
            key: &self.key,
            e_tag: &self.e_tag,
            size: self.size,
            version_id: None,
        };
        let key = self.customer_key.as_ref();
        let headers = key.map(|key| customer_key_headers("x-amz-copy-source-", key).into());
        objects
            .copy_part(upload, number, &source, range, headers.unwrap_or_default())
            .map_err(|error| self.explain(objects, error))
    }

    /// Explains the error of a copied part. A store that ignores the condition rejects a range that the object of another
    /// writer does not have. Makes one request to detect that.
    fn explain(&self, objects: &Objects, error: Error) -> Error {
        let is_refused = error.s3().is_some_and(|s3| matches!(s3.status, 400 | 416));
        if !is_refused {
            return error;
        }
        match objects.head(&self.key, &ReadOptions::default(), false) {
            Ok(head) if !etag::is_same(head.header("etag").unwrap_or_default(), &self.e_tag) => {
                Error::new(ErrorKind::ResourceChanged)
                    .with_message("the object was replaced after it was opened")
                    .with_source(error)
            }
            _ => error,
        }
    }
}
