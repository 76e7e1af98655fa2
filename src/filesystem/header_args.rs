//! Table of the upload arguments that are one header each: name, header, role and attribute.
//!
//! The name is that of the setter in [`UploadArgs`](super::options::UploadArgs), of the parameter in FS URLs, and, if
//! responses contain the header, of the attribute in [`S3Info`].

use crate::dates::format_iso_date;
use crate::filesystem::info::S3Info;
use Role::{Access, Content, Lock, Redirect, Request, Storage};

/// One argument and its header.
#[derive(Debug)]
pub(crate) struct HeaderArg {
    pub(crate) name: &'static str,
    /// In lower case.
    pub(crate) header: &'static str,
    pub(crate) role: Role,
    /// Returns the value of an object, in the format of the header. Always `None` if no response contains the header.
    pub(crate) value: fn(&S3Info) -> Option<String>,
}

/// Role of a header. It determines whether the header is kept when the object is copied or rewritten.
///
/// Source: [CopyObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Access control. No response contains it, and no copy keeps it.
    Access,
    /// Describes the content and is served with it. A copy keeps it automatically.
    Content,
    /// Storage class and encryption. Copies keep it by sending it again.
    Storage,
    /// Redirection of a website. Kept if the object is rewritten, but not by copies.
    Redirect,
    /// Object locks. Kept like [`Redirect`](Self::Redirect), but `setinfo` cannot change them.
    Lock,
    /// Concerns the request only.
    Request,
}

impl Role {
    /// Returns true if `setinfo` can change it.
    pub(crate) const fn is_writeable(self) -> bool {
        matches!(self, Content | Storage | Redirect)
    }

    /// Returns true if a copy on the server keeps it although it is not sent again.
    pub(crate) const fn is_copied(self) -> bool {
        matches!(self, Content)
    }
}

const fn arg(
    name: &'static str,
    header: &'static str,
    role: Role,
    value: fn(&S3Info) -> Option<String>,
) -> HeaderArg {
    HeaderArg {
        name,
        header,
        role,
        value,
    }
}

const NONE: fn(&S3Info) -> Option<String> = |_| None;

pub(crate) const ACL: HeaderArg = arg("acl", "x-amz-acl", Access, NONE);
pub(crate) const BUCKET_KEY_ENABLED: HeaderArg = arg(
    "bucket_key_enabled",
    "x-amz-server-side-encryption-bucket-key-enabled",
    Storage,
    |s3| s3.bucket_key_enabled.map(|enabled| enabled.to_string()),
);
pub(crate) const CACHE_CONTROL: HeaderArg = arg("cache_control", "cache-control", Content, |s3| {
    s3.cache_control.clone()
});
pub(crate) const CONTENT_DISPOSITION: HeaderArg = arg(
    "content_disposition",
    "content-disposition",
    Content,
    |s3| s3.content_disposition.clone(),
);
pub(crate) const CONTENT_ENCODING: HeaderArg =
    arg("content_encoding", "content-encoding", Content, |s3| {
        s3.content_encoding.clone()
    });
pub(crate) const CONTENT_LANGUAGE: HeaderArg =
    arg("content_language", "content-language", Content, |s3| {
        s3.content_language.clone()
    });
pub(crate) const CONTENT_TYPE: HeaderArg = arg("content_type", "content-type", Content, |s3| {
    s3.content_type.clone()
});
pub(crate) const EXPECTED_BUCKET_OWNER: HeaderArg = arg(
    "expected_bucket_owner",
    "x-amz-expected-bucket-owner",
    Request,
    NONE,
);
pub(crate) const EXPIRES: HeaderArg = arg("expires", "expires", Content, |s3| s3.expires.clone());
pub(crate) const GRANT_FULL_CONTROL: HeaderArg = arg(
    "grant_full_control",
    "x-amz-grant-full-control",
    Access,
    NONE,
);
pub(crate) const GRANT_READ: HeaderArg = arg("grant_read", "x-amz-grant-read", Access, NONE);
pub(crate) const GRANT_READ_ACP: HeaderArg =
    arg("grant_read_acp", "x-amz-grant-read-acp", Access, NONE);
pub(crate) const GRANT_WRITE_ACP: HeaderArg =
    arg("grant_write_acp", "x-amz-grant-write-acp", Access, NONE);
pub(crate) const OBJECT_LOCK_LEGAL_HOLD_STATUS: HeaderArg = arg(
    "object_lock_legal_hold_status",
    "x-amz-object-lock-legal-hold",
    Lock,
    |s3| s3.object_lock_legal_hold_status.clone(),
);
pub(crate) const OBJECT_LOCK_MODE: HeaderArg =
    arg("object_lock_mode", "x-amz-object-lock-mode", Lock, |s3| {
        s3.object_lock_mode.clone()
    });
pub(crate) const OBJECT_LOCK_RETAIN_UNTIL_DATE: HeaderArg = arg(
    "object_lock_retain_until_date",
    "x-amz-object-lock-retain-until-date",
    Lock,
    |s3| s3.object_lock_retain_until_date.and_then(format_iso_date),
);
pub(crate) const REQUEST_PAYER: HeaderArg =
    arg("request_payer", "x-amz-request-payer", Request, NONE);
pub(crate) const SERVER_SIDE_ENCRYPTION: HeaderArg = arg(
    "server_side_encryption",
    "x-amz-server-side-encryption",
    Storage,
    |s3| s3.server_side_encryption.clone(),
);
pub(crate) const SSEKMS_ENCRYPTION_CONTEXT: HeaderArg = arg(
    "ssekms_encryption_context",
    "x-amz-server-side-encryption-context",
    Request,
    NONE,
);
pub(crate) const SSEKMS_KEY_ID: HeaderArg = arg(
    "ssekms_key_id",
    "x-amz-server-side-encryption-aws-kms-key-id",
    Storage,
    |s3| s3.ssekms_key_id.clone(),
);
pub(crate) const STORAGE_CLASS: HeaderArg =
    arg("storage_class", "x-amz-storage-class", Storage, |s3| {
        s3.storage_class.clone()
    });
pub(crate) const WEBSITE_REDIRECT_LOCATION: HeaderArg = arg(
    "website_redirect_location",
    "x-amz-website-redirect-location",
    Redirect,
    |s3| s3.website_redirect_location.clone(),
);

/// All arguments, sorted by name.
pub(crate) const TABLE: [HeaderArg; 22] = [
    ACL,
    BUCKET_KEY_ENABLED,
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    EXPECTED_BUCKET_OWNER,
    EXPIRES,
    GRANT_FULL_CONTROL,
    GRANT_READ,
    GRANT_READ_ACP,
    GRANT_WRITE_ACP,
    OBJECT_LOCK_LEGAL_HOLD_STATUS,
    OBJECT_LOCK_MODE,
    OBJECT_LOCK_RETAIN_UNTIL_DATE,
    REQUEST_PAYER,
    SERVER_SIDE_ENCRYPTION,
    SSEKMS_ENCRYPTION_CONTEXT,
    SSEKMS_KEY_ID,
    STORAGE_CLASS,
    WEBSITE_REDIRECT_LOCATION,
];

/// Returns the argument with this name.
pub(crate) fn of_name(name: &str) -> Option<&'static HeaderArg> {
    TABLE.iter().find(|arg| arg.name == name)
}

/// Returns the argument with this header.
pub(crate) fn of_header(header: &str) -> Option<&'static HeaderArg> {
    TABLE.iter().find(|arg| arg.header == header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_everything_once() {
        assert!(TABLE.is_sorted_by(|a, b| a.name < b.name));
        for arg in &TABLE {
            assert_eq!(of_header(arg.header).unwrap().name, arg.name);
            assert_eq!(of_name(arg.name).unwrap().header, arg.header);
            assert_eq!(arg.header, arg.header.to_ascii_lowercase());
        }
    }

    #[test]
    fn only_headers_that_responses_contain_are_kept_or_changed() {
        let s3 = S3Info {
            bucket_key_enabled: Some(true),
            cache_control: Some("a".into()),
            content_disposition: Some("b".into()),
            content_encoding: Some("c".into()),
            content_language: Some("d".into()),
            content_type: Some("e".into()),
            expires: Some("f".into()),
            object_lock_legal_hold_status: Some("ON".into()),
            object_lock_mode: Some("GOVERNANCE".into()),
            object_lock_retain_until_date: Some(time::OffsetDateTime::UNIX_EPOCH),
            server_side_encryption: Some("aws:kms".into()),
            ssekms_key_id: Some("g".into()),
            storage_class: Some("STANDARD_IA".into()),
            website_redirect_location: Some("/h".into()),
            ..S3Info::default()
        };
        for arg in &TABLE {
            let is_of_object = !matches!(arg.role, Access | Request);
            assert_eq!((arg.value)(&s3).is_some(), is_of_object, "{}", arg.name);
            assert_eq!((arg.value)(&S3Info::default()), None, "{}", arg.name);
        }
        let date = (OBJECT_LOCK_RETAIN_UNTIL_DATE.value)(&s3);
        assert_eq!(date.as_deref(), Some("1970-01-01T00:00:00Z"));
    }
}
