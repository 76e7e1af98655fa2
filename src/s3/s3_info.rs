//! Conversion of a response's headers, or of a listing's entry, to [`Info`].

use time::OffsetDateTime;
use ureq::http::HeaderMap;

use crate::dates::{http_date, iso_date, whole_second};
use crate::filesystem::header_args::{self, TABLE};
use crate::filesystem::info::{Details, Info, ResourceType, S3Info};
use crate::s3::client::xml::ListedObject;
use crate::s3::copy::metadata;
use crate::s3::etag;

/// The attributes of an object that `setinfo` can change.
pub(crate) const WRITEABLE: &[(&str, &[&str])] = &[("s3", &WRITEABLE_KEYS)];

/// The metadata, and the header arguments that can be changed.
const WRITEABLE_KEYS: [&str; 12] = {
    let mut keys = ["metadata"; 12];
    let (mut found, mut row) = (1, 0);
    while row < TABLE.len() {
        if TABLE[row].role.is_writeable() {
            keys[found] = TABLE[row].name;
            found += 1;
        }
        row += 1;
    }
    assert!(found == keys.len());
    keys
};

/// Returns the details of an object from the headers of its HEAD or GET.
pub(crate) fn file_details(headers: &HeaderMap) -> Details {
    let size = number(headers, "content-length").unwrap_or_default();
    Details::new(
        ResourceType::File,
        size,
        http_time(headers, "last-modified"),
    )
}

/// Returns the details of a directory, with the time of its marker if it is known.
pub(crate) fn directory_details(modified: Option<OffsetDateTime>) -> Details {
    let modified = modified.map(|modified| whole_second(modified).0);
    Details::new(ResourceType::Directory, 0, modified)
}

/// Returns the info of a file from its entry in a listing. The time is in whole seconds, like that of a HEAD, because
/// headers have no fractions of seconds.
pub(crate) fn listed_file(name: &str, object: &ListedObject) -> Info {
    let (modified, fraction) = object.last_modified.map(whole_second).unzip();
    let details = Details::new(ResourceType::File, object.size, modified);
    Info::new(name, false)
        .with_details(details)
        .with_fraction(fraction.unwrap_or_default())
        .with_stamp(object.etag.as_deref().map(stamp))
        .with_writeable(WRITEABLE)
}

/// Returns the part of an ETag that is identical in listings and headers of every store.
pub(crate) fn stamp(e_tag: &str) -> &str {
    etag::opaque(e_tag)
}

/// Returns the `s3` namespace from the headers of a HEAD or GET.
///
/// Source: [HeadObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html),
/// "Response syntax".
pub(crate) fn s3_info(headers: &HeaderMap) -> S3Info {
    let text = |name| text(headers, name);
    S3Info {
        accept_ranges: text("accept-ranges"),
        archive_status: text("x-amz-archive-status"),
        bucket_key_enabled: flag(headers, header_args::BUCKET_KEY_ENABLED.header),
        cache_control: text(header_args::CACHE_CONTROL.header),
        checksum_crc32: text("x-amz-checksum-crc32"),
        checksum_crc32c: text("x-amz-checksum-crc32c"),
        checksum_crc64nvme: text("x-amz-checksum-crc64nvme"),
        checksum_sha1: text("x-amz-checksum-sha1"),
        checksum_sha256: text("x-amz-checksum-sha256"),
        checksum_type: text("x-amz-checksum-type"),
        content_disposition: text(header_args::CONTENT_DISPOSITION.header),
        content_encoding: text(header_args::CONTENT_ENCODING.header)
            .and_then(|value| stored_encoding(&value)),
        content_language: text(header_args::CONTENT_LANGUAGE.header),
        content_length: number(headers, "content-length"),
        content_type: text(header_args::CONTENT_TYPE.header),
        delete_marker: flag(headers, "x-amz-delete-marker"),
        e_tag: text("etag"),
        expiration: text("x-amz-expiration"),
        expires: text(header_args::EXPIRES.header),
        last_modified: http_time(headers, "last-modified"),
        metadata: entries(headers)
            .map(|(name, value)| (name, metadata::text(value)))
            .collect(),
        raw_metadata: entries(headers)
            .filter(|(_, value)| metadata::text(value).as_bytes() != *value)
            .map(|(name, value)| (name, value.to_vec()))
            .collect(),
        missing_meta: number(headers, "x-amz-missing-meta"),
        object_lock_legal_hold_status: text(header_args::OBJECT_LOCK_LEGAL_HOLD_STATUS.header),
        object_lock_mode: text(header_args::OBJECT_LOCK_MODE.header),
        object_lock_retain_until_date: text(header_args::OBJECT_LOCK_RETAIN_UNTIL_DATE.header)
            .and_then(|date| iso_date(&date)),
        parts_count: number(headers, "x-amz-mp-parts-count"),
        replication_status: text("x-amz-replication-status"),
        request_charged: text("x-amz-request-charged"),
        restore: text("x-amz-restore"),
        server_side_encryption: text(header_args::SERVER_SIDE_ENCRYPTION.header),
        sse_customer_algorithm: text("x-amz-server-side-encryption-customer-algorithm"),
        sse_customer_key_md5: text("x-amz-server-side-encryption-customer-key-md5"),
        ssekms_key_id: text(header_args::SSEKMS_KEY_ID.header),
        storage_class: text(header_args::STORAGE_CLASS.header),
        tag_count: number(headers, "x-amz-tagging-count"),
        version_id: text("x-amz-version-id"),
        website_redirect_location: text(header_args::WEBSITE_REDIRECT_LOCATION.header),
    }
}

/// Returns a `Content-Encoding` without `aws-chunked`, which is the encoding of an upload in transit, and which some
/// stores keep.
fn stored_encoding(value: &str) -> Option<String> {
    let codings = value.split(',').map(str::trim);
    let stored: Vec<_> = codings
        .clone()
        .filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    match stored.len() {
        count if count == codings.count() => Some(value.to_owned()),
        0 => None,
        _ => Some(stored.join(",")),
    }
}

/// Returns the `x-amz-meta-` entries without decoding.
fn entries(headers: &HeaderMap) -> impl Iterator<Item = (String, &[u8])> {
    headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), value.as_bytes()))
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn flag(headers: &HeaderMap, name: &str) -> Option<bool> {
    Some(headers.get(name)?.to_str().ok()? == "true")
}

fn http_time(headers: &HeaderMap, name: &str) -> Option<OffsetDateTime> {
    http_date(headers.get(name)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_bytes(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn the_headers_of_a_head_become_the_s3_namespace() {
        let info = s3_info(&headers(&[
            ("etag", b"\"37b5\""),
            ("content-length", b"3"),
            ("last-modified", b"Sat, 05 Aug 2017 12:15:15 GMT"),
            ("x-amz-meta-origin", b"tide gauge"),
            ("x-amz-meta-raw", "é".as_bytes()),
            ("x-amz-meta-word", b"=?UTF-8?Q?=C3=A9?="),
            ("x-amz-delete-marker", b"true"),
            ("x-amz-tagging-count", b"2"),
        ]));
        assert_eq!(info.e_tag.as_deref(), Some("\"37b5\""));
        assert_eq!(info.content_length, Some(3));
        assert_eq!(
            info.last_modified.map(OffsetDateTime::unix_timestamp),
            Some(1_501_935_315)
        );
        assert_eq!(info.metadata["origin"], "tide gauge");
        assert_eq!(info.metadata["raw"], "é");
        assert_eq!(info.metadata["word"], "é");
        assert_eq!(info.delete_marker, Some(true));
        assert_eq!(info.tag_count, Some(2));
        assert_eq!(info.storage_class, None);
    }

    #[test]
    fn aws_chunked_is_no_encoding_of_a_stored_object() {
        for (value, expected) in [
            ("aws-chunked", None),
            ("AWS-Chunked", None),
            ("aws-chunked,gzip", Some("gzip")),
            ("gzip, aws-chunked", Some("gzip")),
            ("aws-chunked, gzip, br", Some("gzip,br")),
            ("gzip, br", Some("gzip, br")),
            ("gzip", Some("gzip")),
            ("", Some("")),
        ] {
            assert_eq!(stored_encoding(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn an_invalid_number_or_date_in_a_header_is_left_out() {
        let info = s3_info(&headers(&[
            ("content-length", b"many"),
            ("last-modified", b"yesterday"),
        ]));
        assert_eq!((info.content_length, info.last_modified), (None, None));
    }
}
