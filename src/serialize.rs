//! `Serialize` for results: infos, statistics, reports, kinds of errors. Times are written in the format of RFC 3339.
//! Presigned URLs, which are secrets, are left out.

use serde_core::ser::{Serialize, SerializeMap as _, Serializer};
use time::OffsetDateTime;

use crate::dates::format_iso_date;
use crate::error::ErrorKind;
use crate::filesystem::info::{Details, Info, ResourceType, S3Info, Value, s3_values};
use crate::s3::Stats;
use crate::transfer::report::{Action, Report};

/// Serializes the name of the kind, such as `"ResourceNotFound"`.
impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

/// Serializes the present namespaces, each as a map: `basic`, `details` and `s3`. `urls` is left out: a presigned URL is a
/// secret.
impl Serialize for Info {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("basic", &Basic(self))?;
        if let Some(details) = self.details() {
            map.serialize_entry("details", details)?;
        }
        if let Some(s3) = self.s3() {
            map.serialize_entry("s3", s3)?;
        }
        map.end()
    }
}

/// The `basic` namespace of an info.
struct Basic<'a>(&'a Info);

impl Serialize for Basic<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", self.0.name())?;
        map.serialize_entry("is_dir", &self.0.is_dir())?;
        map.end()
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("type", type_name(self.kind))?;
        map.serialize_entry("size", &self.size)?;
        map.serialize_entry("modified", &rfc3339(self.modified))?;
        map.serialize_entry("accessed", &rfc3339(self.accessed))?;
        map.serialize_entry("created", &rfc3339(self.created))?;
        map.serialize_entry("metadata_changed", &rfc3339(self.metadata_changed))?;
        map.end()
    }
}

/// Serializes the attributes that the store returned, by the names of the fields.
impl Serialize for S3Info {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in s3_values(self) {
            let time = match name {
                "last_modified" => self.last_modified,
                "object_lock_retain_until_date" => self.object_lock_retain_until_date,
                _ => None,
            };
            match time {
                Some(_) => map.serialize_entry(name, &rfc3339(time))?,
                None if value == Value::Null => {}
                None => map.serialize_entry(name, &value)?,
            }
        }
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => serializer.collect_seq(values),
            Self::Map(values) => serializer.collect_map(values),
        }
    }
}

impl Serialize for Stats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("requests", &self.requests)?;
        map.serialize_entry("retries", &self.retries)?;
        map.serialize_entry("failures", &self.failures)?;
        map.serialize_entry("bytes_out", &self.bytes_out)?;
        map.serialize_entry("bytes_in", &self.bytes_in)?;
        let by_operation: std::collections::BTreeMap<_, _> = self.by_operation().collect();
        map.serialize_entry("by_operation", &by_operation)?;
        map.end()
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("copied", &self.copied())?;
        map.serialize_entry("bytes", &self.bytes())?;
        map.serialize_entry("actions", self.actions())?;
        map.serialize_entry("left_behind", self.left_behind())?;
        map.serialize_entry("skipped", self.skipped())?;
        map.serialize_entry("unlisted", &self.unlisted())?;
        map.end()
    }
}

/// Serializes a map with the name of the action, such as `copydir`, and `path`, or `src_path` and `dst_path`.
impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, paths): (_, &[(&str, &String)]) = match self {
            Self::Makedir(path) => ("makedir", &[("path", path)]),
            Self::Copy { src_path, dst_path } => {
                ("copy", &[("src_path", src_path), ("dst_path", dst_path)])
            }
            Self::CopyDir { src_path, dst_path } => {
                ("copydir", &[("src_path", src_path), ("dst_path", dst_path)])
            }
            Self::MoveDir { src_path, dst_path } => {
                ("movedir", &[("src_path", src_path), ("dst_path", dst_path)])
            }
            Self::Remove(path) => ("remove", &[("path", path)]),
            Self::Removedir(path) => ("removedir", &[("path", path)]),
            Self::Removetree(path) => ("removetree", &[("path", path)]),
        };
        let mut map = serializer.serialize_map(Some(1 + paths.len()))?;
        map.serialize_entry("action", name)?;
        for (name, path) in paths {
            map.serialize_entry(name, path)?;
        }
        map.end()
    }
}

fn type_name(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Unknown => "unknown",
        ResourceType::Directory => "directory",
        ResourceType::File => "file",
        ResourceType::Character => "character",
        ResourceType::BlockSpecialFile => "block_special_file",
        ResourceType::Fifo => "fifo",
        ResourceType::Socket => "socket",
        ResourceType::Symlink => "symlink",
    }
}

/// Formats a time as in RFC 3339. Also returns `None` for a time that this format cannot represent.
fn rfc3339(time: Option<OffsetDateTime>) -> Option<String> {
    time.and_then(format_iso_date)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn an_info_has_its_namespaces_with_times_as_rfc_3339_and_without_its_urls() {
        let modified = OffsetDateTime::from_unix_timestamp(1_501_935_315).ok();
        let s3 = S3Info {
            e_tag: Some("\"37b5\"".to_owned()),
            last_modified: modified,
            metadata: BTreeMap::from([("origin".to_owned(), "gauge".to_owned())]),
            ..S3Info::default()
        };
        let url = "https://host/a?X-Amz-Signature=secret".to_owned();
        let info = Info::new("a.txt", false)
            .with_details(Details::new(ResourceType::File, 5, modified))
            .with_s3(s3)
            .with_url("download", url);
        let value = to_value(&info).unwrap();
        let time = "2017-08-05T12:15:15Z";
        assert_eq!(value["basic"], json!({"name": "a.txt", "is_dir": false}));
        assert_eq!(value["details"]["type"], "file");
        assert_eq!(value["details"]["size"], 5);
        assert_eq!(value["details"]["modified"], time);
        assert!(value["details"]["accessed"].is_null());
        let expected =
            json!({"e_tag": "\"37b5\"", "last_modified": time, "metadata": {"origin": "gauge"}});
        assert_eq!(value["s3"], expected);
        assert!(!value.to_string().contains("secret"), "{value}");
    }

    #[test]
    fn reports_statistics_and_kinds_have_the_names_of_their_methods() {
        let (src_path, dst_path) = ("a".to_owned(), "b".to_owned());
        let mut report = Report::default();
        report.push(Action::Makedir("d".to_owned()));
        report.push(Action::Copy { src_path, dst_path });
        report.bytes = 7;
        let expected = json!({
            "copied": 1,
            "bytes": 7,
            "actions": [
                {"action": "makedir", "path": "d"},
                {"action": "copy", "src_path": "a", "dst_path": "b"},
            ],
            "left_behind": [],
            "skipped": [],
            "unlisted": 0,
        });
        assert_eq!(to_value(&report).unwrap(), expected);
        let stats = to_value(Stats::default()).unwrap();
        assert_eq!(
            (&stats["requests"], &stats["by_operation"]),
            (&json!(0), &json!({}))
        );
        assert_eq!(
            to_value(ErrorKind::BucketNotFound).unwrap(),
            "BucketNotFound"
        );
    }
}
