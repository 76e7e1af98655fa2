//! The changes of `setinfo`: conversion of the caller's raw info to the headers that replace an object's own.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::header_args::{
    self, BUCKET_KEY_ENABLED, Role, SERVER_SIDE_ENCRYPTION, TABLE,
};
use crate::filesystem::info::{Info, RawInfo, S3Info, Value};
use crate::filesystem::options::{check_metadata_name, check_value};
use crate::s3::api::fits_encryption;
use crate::s3::copy::metadata;

/// The times of the `details` namespace. PyFilesystem's tests require that they are accepted, but S3
/// cannot store them.
const TIMES: [&str; 4] = ["accessed", "created", "metadata_changed", "modified"];

/// Returns the changes that `wanted` makes to the object or directory `current`, by key of the `s3`
/// namespace.
///
/// A value that is equal to the current one is not a change, so that a caller can return a whole raw info with one value
/// changed.
pub(crate) fn changes(wanted: &RawInfo, current: &Info) -> Result<BTreeMap<String, Value>> {
    let raw = current.raw();
    let mut changes = BTreeMap::new();
    for namespace in wanted.namespaces() {
        for (key, value) in wanted.values(namespace) {
            let is_time = namespace == "details" && TIMES.contains(&key);
            // A download URL is generated for each info, and no two are equal.
            let same = raw.get(namespace, key) == Some(value);
            if is_time && !matches!(value, Value::Int(_) | Value::Float(_) | Value::Null) {
                return Err(wrong_type(key, "seconds since 1970, or null"));
            }
            if key == "_write" || namespace == "urls" || is_time || same {
                continue;
            }
            if namespace == "s3" && is_writeable(key) && current.is_file() {
                changes.insert(key.to_owned(), value.clone());
            } else {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_message(format!(
                        "{namespace:?} {key:?} cannot be changed on this filesystem"
                    ))
                    .with_hint("Info::is_writeable returns whether a value can be changed"));
            }
        }
    }
    Ok(changes)
}

/// Returns the headers that an object keeps when it is written again: its content headers, metadata,
/// storage class, encryption and locks.
///
/// Tags and the ACL are not headers of the object.
pub(crate) fn kept_headers(info: &S3Info) -> Result<Vec<(String, String)>> {
    Ok([content_headers(info)?, stored_headers(info)?].concat())
}

/// Returns the headers that a copy keeps automatically, unless it replaces them: content headers and metadata.
///
/// # Errors
///
/// `Unsupported` if some of them cannot be sent again and would be lost.
fn content_headers(info: &S3Info) -> Result<Vec<(String, String)>> {
    if let Some(missing) = info.missing_meta.filter(|missing| *missing > 0) {
        return Err(Error::new(ErrorKind::Unsupported).with_message(format!(
            "it has {missing} metadata entries that cannot be sent in headers and would be lost"
        )));
    }
    let mut headers = headers_of(info, &[Role::Content])?;
    for (name, value) in &info.metadata {
        let header = format!("x-amz-meta-{name}");
        let raw = info.raw_metadata.get(name);
        let value = keepable(&header, raw.map_or(value.as_bytes(), Vec::as_slice))?;
        headers.push((header, value));
    }
    Ok(headers)
}

/// Returns the headers of an object's storage (locks, redirect, class, encryption), which no copy keeps automatically.
pub(crate) fn stored_headers(info: &S3Info) -> Result<Vec<(String, String)>> {
    headers_of(info, &[Role::Lock, Role::Redirect, Role::Storage])
}

/// Returns the storage class and the encryption of an object, which its copies keep, too. The encryption includes the KMS
/// key, if there is one, and whether a bucket key is enabled.
pub(crate) fn class_and_encryption(info: &S3Info) -> Result<Vec<(String, String)>> {
    headers_of(info, &[Role::Storage])
}

/// Returns the headers of the object in these roles.
fn headers_of(info: &S3Info, roles: &[Role]) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    for arg in TABLE.iter().filter(|arg| roles.contains(&arg.role)) {
        if let Some(value) = (arg.value)(info) {
            headers.push((
                arg.header.to_owned(),
                keepable(arg.header, value.as_bytes())?,
            ));
        }
    }
    Ok(headers)
}

/// Returns true if a key of the `s3` namespace can be changed.
fn is_writeable(key: &str) -> bool {
    key == "metadata" || header_args::of_name(key).is_some_and(|arg| arg.role.is_writeable())
}

/// The headers that replace those of an object.
pub(crate) struct Rewrite {
    pub(crate) headers: Vec<(String, String)>,
    /// Whether content headers and metadata are kept unchanged.
    pub(crate) keeps_content: bool,
}

impl Rewrite {
    /// Returns the headers after the changes. If headers cannot be sent again, and the changes do not affect their kind,
    /// the copy itself keeps them.
    ///
    /// # Errors
    ///
    /// `Unsupported` if something would be lost. `InvalidArgument` for an invalid value.
    pub(crate) fn new(info: &S3Info, changes: &BTreeMap<String, Value>) -> Result<Self> {
        let stored = stored_headers(info)?;
        match content_headers(info) {
            Ok(content) => Ok(Self {
                headers: apply([content, stored].concat(), changes, info)?,
                keeps_content: false,
            }),
            Err(_) if only_storage_changes(changes) => Ok(Self {
                headers: apply(stored, changes, info)?,
                keeps_content: true,
            }),
            Err(lost) => Err(lost),
        }
    }
}

/// Returns true if a copy that keeps content headers and metadata can make these changes. S3 rejects a copy that changes
/// nothing.
fn only_storage_changes(changes: &BTreeMap<String, Value>) -> bool {
    let is_of_storage = |key: &String| {
        header_args::of_name(key)
            .is_some_and(|arg| matches!(arg.role, Role::Storage | Role::Redirect))
    };
    changes.keys().all(is_of_storage) && changes.values().any(|value| *value != Value::Null)
}

/// Returns the headers after the changes.
fn apply(
    mut headers: Vec<(String, String)>,
    changes: &BTreeMap<String, Value>,
    info: &S3Info,
) -> Result<Vec<(String, String)>> {
    if let Some(encryption) = changes.get(SERVER_SIDE_ENCRYPTION.name) {
        let encryption = match encryption {
            Value::Text(algorithm) => algorithm,
            _ => "",
        };
        headers.retain(|(name, _)| fits_encryption(name, Some(encryption)));
    }
    for (key, value) in changes {
        if key == "metadata" {
            headers.retain(|(name, _)| !name.starts_with("x-amz-meta-"));
            headers.extend(metadata_headers(value, info)?);
            continue;
        }
        let Some(header) = header_args::of_name(key).map(|arg| arg.header) else {
            continue;
        };
        headers.retain(|(name, _)| name != header);
        let is_flag = key == BUCKET_KEY_ENABLED.name;
        match value {
            Value::Null => {}
            Value::Bool(flag) if is_flag => headers.push((header.to_owned(), flag.to_string())),
            _ if is_flag => return Err(wrong_type(key, "true or false, or null to remove it")),
            Value::Text(text) => headers.push((header.to_owned(), check_value(header, text)?)),
            _ => return Err(wrong_type(key, "a string, or null to remove it")),
        }
    }
    Ok(headers)
}

/// Returns the headers of the new metadata. An entry that is unchanged is sent in its original form.
fn metadata_headers(value: &Value, info: &S3Info) -> Result<Vec<(String, String)>> {
    let entries = match value {
        Value::Map(entries) => entries,
        Value::Null => return Ok(Vec::new()),
        _ => return Err(wrong_type("metadata", "a map of strings, or null")),
    };
    let mut headers = Vec::new();
    for (name, value) in entries {
        let Value::Text(text) = value else {
            return Err(wrong_type("metadata", "a map of strings, or null"));
        };
        let name = check_metadata_name(name)?.to_ascii_lowercase();
        let header = format!("x-amz-meta-{name}");
        let value = match info.metadata.get(&name).filter(|old| *old == text) {
            Some(old) => {
                let raw = info.raw_metadata.get(&name);
                keepable(&header, raw.map_or(old.as_bytes(), Vec::as_slice))?
            }
            None => check_value(&header, text)?,
        };
        headers.push((header, value));
    }
    Ok(headers)
}

fn wrong_type(key: &str, expected: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument)
        .with_message(format!("the value of {key:?} is not {expected}"))
}

/// Returns a value that can be sent again unchanged. A value that would change is an error.
fn keepable(header: &str, value: &[u8]) -> Result<String> {
    let value = metadata::resendable(value).map(str::to_owned);
    value.ok_or_else(|| {
        Error::new(ErrorKind::Unsupported).with_message(format!(
            "its {header} contains characters that cannot be sent in a header and would be lost"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filesystem::info::{Details, ResourceType};
    use crate::s3::s3_info::WRITEABLE;

    fn file() -> Info {
        let mut s3 = S3Info {
            content_type: Some("text/plain".into()),
            cache_control: Some("no-store".into()),
            storage_class: Some("STANDARD_IA".into()),
            ..S3Info::default()
        };
        s3.metadata.insert("a".into(), "1".into());
        Info::new("f", false)
            .with_details(Details::new(ResourceType::File, 3, None))
            .with_s3(s3)
            .with_writeable(WRITEABLE)
    }

    fn headers_after(wanted: &RawInfo) -> Result<BTreeMap<String, String>> {
        let current = file();
        let rewrite = Rewrite::new(current.s3().unwrap(), &changes(wanted, &current)?)?;
        Ok(rewrite.headers.into_iter().collect())
    }

    #[test]
    fn attributes_that_are_not_named_stay() {
        let wanted = RawInfo::new().with("s3", "content_type", "text/csv");
        let headers = headers_after(&wanted).unwrap();
        assert_eq!(headers["content-type"], "text/csv");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-amz-storage-class"], "STANDARD_IA");
        assert_eq!(headers["x-amz-meta-a"], "1");
    }

    #[test]
    fn null_removes_and_a_map_replaces_the_metadata() {
        let metadata = BTreeMap::from([("B".to_owned(), "2".to_owned())]);
        let wanted = RawInfo::new()
            .with("s3", "cache_control", Value::Null)
            .with("s3", "metadata", metadata);
        let headers = headers_after(&wanted).unwrap();
        assert!(!headers.contains_key("cache-control"));
        assert!(!headers.contains_key("x-amz-meta-a"));
        assert_eq!(headers["x-amz-meta-b"], "2");
    }

    #[test]
    fn setting_an_unmodified_raw_info_changes_nothing() {
        assert!(changes(&file().raw(), &file()).unwrap().is_empty());
        let times = RawInfo::new().with("details", "modified", Value::Float(1.0));
        assert!(changes(&times, &file()).unwrap().is_empty());
    }

    #[test]
    fn attributes_that_cannot_be_changed_are_refused_by_name() {
        for (namespace, key) in [
            ("s3", "e_tag"),
            ("details", "size"),
            ("basic", "name"),
            ("access", "permissions"),
            ("nonsense", "x"),
        ] {
            let wanted = RawInfo::new().with(namespace, key, "other");
            let error = changes(&wanted, &file()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(key), "{error}");
        }
        let directory = Info::new("d", true);
        let wanted = RawInfo::new().with("s3", "content_type", "text/csv");
        assert!(changes(&wanted, &directory).is_err());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused() {
        for (key, value) in [
            ("content_type", Value::Int(1)),
            ("metadata", Value::from("text")),
            ("metadata", Value::Map([("a".into(), Value::Int(1))].into())),
        ] {
            let error = headers_after(&RawInfo::new().with("s3", key, value)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }

    /// Returns an object whose entry `a` has the value `value`.
    fn with_entry(value: &[u8]) -> S3Info {
        let mut info = S3Info::default();
        info.metadata.insert("a".into(), metadata::text(value));
        info.raw_metadata.insert("a".into(), value.to_vec());
        info
    }

    fn change(key: &str, value: Value) -> BTreeMap<String, Value> {
        [(key.to_owned(), value)].into()
    }

    #[test]
    fn metadata_is_sent_again_unchanged() {
        for value in ["é", "a  b", "=?UTF-8?B?w6k=?="] {
            let info = with_entry(value.as_bytes());
            let kept = ("x-amz-meta-a".to_owned(), value.to_owned());
            assert_eq!(kept_headers(&info).unwrap(), std::slice::from_ref(&kept));
            // The current metadata is set again with one more entry.
            let mut entries = info.metadata.clone();
            entries.insert("b".into(), "new".into());
            let change = change("metadata", Value::from(entries));
            let rewrite = Rewrite::new(&info, &change).unwrap();
            assert!(rewrite.headers.contains(&kept), "{:?}", rewrite.headers);
            assert_eq!(rewrite.headers.len(), 2);
        }
    }

    #[test]
    fn metadata_that_no_header_carries_is_named_and_kept_by_a_copy_if_possible() {
        let missing = S3Info {
            missing_meta: Some(1),
            ..S3Info::default()
        };
        for info in [
            with_entry(b"caf\xe9"),
            with_entry("a\u{a0}b".as_bytes()),
            missing,
        ] {
            let error = kept_headers(&info).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let named = ["x-amz-meta-a", "1 metadata"];
            assert!(
                named.iter().any(|name| error.to_string().contains(name)),
                "{error}"
            );
            let rewrite = |key: &str, value| Rewrite::new(&info, &change(key, value));
            let kept = rewrite("storage_class", "STANDARD_IA".into()).unwrap();
            assert!(kept.keeps_content);
            assert_eq!(kept.headers.len(), 1);
            assert!(rewrite("content_type", "text/csv".into()).is_err());
            assert!(rewrite("storage_class", Value::Null).is_err());
        }
    }
}
