//! Server-side copies: of an object onto itself with other headers, and of one object to another.
//!
//! Source: [CopyObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html), and
//! [Copying an object using multipart upload](https://docs.aws.amazon.com/AmazonS3/latest/userguide/CopyingObjectsMPUapi.html).

use std::ops::Range;
use std::sync::Arc;

use percent_encoding::utf8_percent_encode;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::{DownloadArgs, customer_key_headers};
use crate::s3::api::multipart::{NewUpload, Upload, UploadedPart, check_object_size};
use crate::s3::api::{Condition, ENCRYPTION, FinishUpload, Objects, ReadOptions, condition_failed};
use crate::s3::client::xml;
use crate::s3::client::{Operation, Payload, QUERY, Request};
use crate::s3::copy::setinfo::{Rewrite, kept_headers};
use crate::s3::etag;
use crate::s3::key::Key;
use crate::s3::limits::MAX_PART_BYTES;
use crate::s3::read::object_version::ObjectVersion;
use crate::s3::s3_info::s3_info;
use crate::threads::ThreadPool;

/// The source of a copy: the object's location and its state when it was last seen.
pub(crate) struct Source<'a> {
    pub(crate) objects: &'a Arc<Objects>,
    pub(crate) key: &'a Key,
    /// Empty if the store returned none.
    pub(crate) e_tag: &'a str,
    pub(crate) size: u64,
    /// An old version. `None` means the current object.
    pub(crate) version_id: Option<&'a str>,
}

impl Source<'_> {
    /// Returns the options to read exactly this version.
    fn read_options(&self) -> ReadOptions {
        ReadOptions {
            version_id: self.version_id.map(str::to_owned),
            ..ReadOptions::default()
        }
    }

    /// Adds the headers that name this object as the source of a copy.
    pub(super) fn name_in<'r>(&self, request: Request<'r>) -> Result<Request<'r>> {
        // The object's URL path is the key, percent-encoded by the rules that the header requires.
        let bucket = self.objects.client.bucket();
        let url = bucket.object_url(self.key.as_str());
        let base = bucket.base_url().path();
        let encoded = url.path().strip_prefix(base).unwrap_or(url.path());
        // The colon, which separates Ceph's tenant from the name, is the only character of a bucket name to encode.
        let name = bucket.name().replace(':', "%3A");
        let version = self.version_id.map(|id| {
            let id = utf8_percent_encode(id, QUERY);
            format!("?versionId={id}")
        });
        let version = version.unwrap_or_default();
        let e_tag = Some(self.e_tag).filter(|e_tag| !e_tag.is_empty());
        let e_tag = e_tag.and_then(etag::sendable);
        let download = &self.objects.download;
        let mut request = request
            .header("x-amz-copy-source", format!("/{name}/{encoded}{version}"))
            .header_if("x-amz-copy-source-if-match", e_tag)
            .header_if("x-amz-source-expected-bucket-owner", download.owner());
        if let Some(key) = download.customer_key() {
            request = request.headers(customer_key_headers("x-amz-copy-source-", key).into());
        }
        Ok(request)
    }

    /// Reads a range of the object: one request, more if a connection breaks.
    fn read(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let length = usize::try_from(range.end - range.start).map_err(|_| {
            Error::new(ErrorKind::Unsupported).with_message("a part does not fit into memory")
        })?;
        let key = self.key.clone();
        let objects = Arc::clone(self.objects);
        let version = ObjectVersion::known(objects, key, self.version_id, self.e_tag, self.size);
        let mut bytes = vec![0; length];
        let mut rest = bytes.as_mut_slice();
        let mut reader = version.range(range.start, range.end)?;
        while !rest.is_empty() {
            let count = reader.read(rest)?;
            if count == 0 {
                return Err(Error::new(ErrorKind::OperationFailed)
                    .with_message("the source ended before its full size was read"));
            }
            rest = rest.get_mut(count..).unwrap_or_default();
        }
        Ok(bytes)
    }

    /// Returns an error if the object has changed, because some parts may then be copies of the new object: not
    /// every store supports the condition of a part. One request, none if the store supports it.
    fn check_parts_unchanged(&self) -> Result<()> {
        if self.objects.honours_conditions() && !etag::is_weak(self.e_tag) {
            return Ok(());
        }
        self.check_unchanged()
    }

    /// Returns an error if the object has changed. One request.
    fn check_unchanged(&self) -> Result<()> {
        if self.e_tag.is_empty() {
            return Ok(());
        }
        let expected = Condition::Match(self.e_tag);
        let checked = self.objects.check(self.key, expected, &self.read_options());
        checked.map_err(|error| match error.kind() {
            ErrorKind::ResourceChanged => error
                .with_message("the source was replaced or removed while it was copied")
                .with_hint("nothing was stored; copy it again"),
            _ => error,
        })
    }
}

impl Objects {
    /// Copies an object onto itself with other headers. One request; in parts above 5 GiB.
    ///
    /// The new headers replace all headers of the object except those that the copy preserves by itself. The tags
    /// stay. Returns `ResourceChanged` if the object's ETag differs from `e_tag` and the store supports the
    /// condition.
    pub(crate) fn rewrite(
        self: &Arc<Self>,
        key: &Key,
        size: u64,
        e_tag: &str,
        rewrite: Rewrite,
        tag_count: Option<u64>,
    ) -> Result<()> {
        let source = Source {
            objects: self,
            key,
            e_tag,
            size,
            version_id: None,
        };
        // S3 does not copy the ACL: the object gets the ACL of the filesystem's uploads.
        let headers = [rewrite.headers, self.upload.access_headers()?].concat();
        if size > MAX_PART_BYTES && rewrite.keeps_content {
            return Err(Error::new(ErrorKind::Unsupported).with_message(
                "it has metadata that cannot be sent in headers and would be lost by a copy in \
                 parts",
            ));
        }
        if size > MAX_PART_BYTES {
            let condition = match e_tag {
                "" => Condition::Any,
                e_tag => Condition::Match(e_tag),
            };
            return self.copy_in_parts(&source, key, headers, tag_count, condition);
        }
        let directive = (!rewrite.keeps_content).then_some("REPLACE");
        let request = Request::object(Operation::CopyObject, key)
            .header_if("x-amz-metadata-directive", directive);
        self.copy_at_once(&source, request, headers)
    }

    /// Copies an object. One request up to 5 GiB. A larger object is copied in parts, which takes requests for
    /// its headers and tags, and, except on AWS, one that checks that the source has not changed.
    ///
    /// Metadata, content headers and tags are copied. `kept` holds the headers that describe how the source is
    /// stored, if they are known.
    pub(crate) fn copy(
        &self,
        source: &Source<'_>,
        key: &Key,
        kept: Vec<(String, String)>,
        condition: Condition<'_>,
    ) -> Result<()> {
        let mut headers = self.upload.to_copy_headers()?;
        self.keep(kept, &mut headers);
        if source.size > MAX_PART_BYTES {
            let head = source
                .objects
                .head(source.key, &source.read_options(), false)?;
            let info = s3_info(head.headers());
            self.keep(kept_headers(&info)?, &mut headers);
            return self.copy_in_parts(source, key, headers, info.tag_count, condition);
        }
        let request = Request::object(Operation::CopyObject, key);
        self.copy_at_once(source, condition.put_on(request), headers)
    }

    /// Adds the source's headers that a copy keeps, unless the filesystem's own arguments set them.
    fn keep(&self, kept: Vec<(String, String)>, headers: &mut Vec<(String, String)>) {
        let encryption = self.upload.encryption();
        for (name, value) in kept {
            let is_said = headers.iter().any(|(said, _)| *said == name);
            if !is_said && crate::s3::api::fits_encryption(&name, encryption) {
                headers.push((name, value));
            }
        }
    }

    fn copy_at_once(
        &self,
        source: &Source<'_>,
        request: Request<'_>,
        headers: Vec<(String, String)>,
    ) -> Result<()> {
        // A weak ETag cannot be a condition: a HEAD request right before the copy replaces it.
        if etag::is_weak(source.e_tag) {
            source.check_unchanged()?;
        }
        let encryption = self.customer_key_of_copy(&headers);
        let request = source
            .name_in(request)?
            .headers(headers)
            .headers(encryption)
            .headers(self.download.request_headers()?)
            .without_repeats();
        let copied = self.client.ask(&request, xml::copy_result);
        copied.map(|_| ()).map_err(|error| {
            if !condition_failed(&error) || !error.is_unsure() {
                return error;
            }
            // The condition may have failed because the first attempt succeeded.
            error
                .with_kind(ErrorKind::OutcomeUnknown)
                .with_hint("check the target before you copy again")
        })
    }

    /// Returns the customer's key as the headers of a copy's target. An object encrypted with a customer's key
    /// stays encrypted with it, unless the copy's own headers set an encryption.
    fn customer_key_of_copy(&self, headers: &[(String, String)]) -> Vec<(String, String)> {
        const CUSTOMER: &str = "x-amz-server-side-encryption-customer-";
        if headers.iter().any(|(name, _)| name.starts_with(ENCRYPTION)) {
            let said = headers.iter();
            let said = said.filter(|(name, _)| name.starts_with(CUSTOMER));
            return said.cloned().collect();
        }
        let key = self.download.customer_key();
        key.map(|key| customer_key_headers("x-amz-", key).into())
            .unwrap_or_default()
    }

    fn copy_in_parts(
        &self,
        source: &Source<'_>,
        key: &Key,
        mut headers: Vec<(String, String)>,
        tag_count: Option<u64>,
        condition: Condition<'_>,
    ) -> Result<()> {
        check_object_size(source.size)?;
        // Only CopyObject copies the tags by itself.
        let no_more = DownloadArgs::new();
        if let Some(tags) =
            source
                .objects
                .tags_header(source.key, source.version_id, tag_count, &no_more)?
        {
            headers.push(("x-amz-tagging".into(), tags));
        }
        let new = NewUpload {
            encryption: self.customer_key_of_copy(&headers),
            headers,
            every: self.download.request_headers()?,
            checksum: None,
        };
        let upload = self.create_upload(key, new)?;
        let sizes = self.part_sizes();
        let copies = self.copies_ranges_of(source.key);
        let (part_size, threads) = if copies {
            let part_size = copy_part_size(source.size, sizes.max_parts());
            (part_size, self.max_workers)
        } else {
            let part_size = sizes.for_size(source.size).first();
            (part_size, sizes.on_their_way(part_size, self.max_workers))
        };
        let parts: Vec<(u32, u64)> = (1..)
            .zip(0..source.size.div_ceil(part_size))
            .map(|(number, index)| (number, index * part_size))
            .collect();
        let copied = ThreadPool::new(threads).try_map(&parts, |(number, start)| {
            let range = *start..source.size.min(start.saturating_add(part_size));
            upload.watch(match copies {
                true => self.copy_part(&upload, *number, source, range, Vec::new()),
                false => self.send_copied(&upload, *number, source, range),
            })
        });
        // A copy of an object onto itself checks the source by its own condition.
        let is_itself = condition == Condition::Match(source.e_tag);
        let checked = copied.and_then(|parts| match is_itself {
            true => Ok(parts),
            false => source.check_parts_unchanged().map(|()| parts),
        });
        match checked {
            Ok(done) => self.finish_upload(FinishUpload {
                upload: &upload,
                parts: done,
                count: u32::try_from(parts.len()).unwrap_or(u32::MAX),
                size: source.size,
                condition,
                nonce: None,
                read: &ReadOptions::default(),
            }),
            Err(error) => {
                self.abandon_upload(&upload);
                Err(error)
            }
        }
    }
}

impl Objects {
    /// Reads a range of an object and sends it as a part. Two requests.
    fn send_copied(
        &self,
        upload: &Upload,
        number: u32,
        source: &Source<'_>,
        range: Range<u64>,
    ) -> Result<UploadedPart> {
        let bytes = source.read(range)?;
        self.send_part(upload, number, Payload::Bytes(&bytes), None)
    }
}

/// Returns a part size of 512 MiB, or a larger one if `max_parts` parts of that size do not hold the object.
fn copy_part_size(size: u64, max_parts: u32) -> u64 {
    const PART: u64 = 512 << 20;
    const STEP: u64 = 1 << 20;
    PART.max(
        size.div_ceil(max_parts.max(1).into())
            .next_multiple_of(STEP),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_parts_has_at_most_10000_valid_parts() {
        for size in [(5 << 30) + 1, 1 << 40, 5 << 40, 50_000_000_000_000] {
            let part = copy_part_size(size, 10_000);
            assert!(size.div_ceil(part) <= 10_000, "{size}");
            assert!((5 << 20..=5 << 30).contains(&part), "{size}");
        }
    }
}
