//! Operands: FS URLs, paths that look local, and `-`. Pure: nothing is opened.

use std::path::PathBuf;

use s3fs::{FsUrl, redacted};

use crate::args::Usage;
use crate::text;

/// The place that an operand names.
#[derive(Clone, Debug)]
pub enum Place {
    /// Standard input or output.
    Stream,
    /// A path in a bucket.
    S3 {
        /// The bucket, its endpoint and parameters. The path of this URL is not used.
        url: FsUrl,
        /// The path without the bucket, and without slashes at its ends.
        path: String,
        /// Whether the operand ends with a slash, which means a directory.
        is_directory: bool,
    },
    /// A path of the local disk.
    Local { path: PathBuf, is_directory: bool },
}

impl Place {
    /// Parses an operand.
    pub fn parse(operand: &str) -> Result<Self, Usage> {
        if operand == "-" {
            return Ok(Self::Stream);
        }
        if looks_local(operand) {
            return Ok(Self::local(operand));
        }
        if !operand.contains("://") {
            let shown = text::printable(&redacted(operand));
            return Err(Usage::new(format!(
                "{shown:?} is neither a URL nor a path: write s3://BUCKET/PATH for a bucket, and ./PATH for a local file"
            )));
        }
        let url = FsUrl::parse(operand).map_err(|error| Usage::new(error.to_string()))?;
        match url.protocol().to_ascii_lowercase().as_str() {
            "s3" => Ok(Self::s3(url)),
            "file" | "osfs" => {
                if url.username().is_some() || url.params().next().is_some() {
                    return Err(Usage::new(
                        "the URL of a local file must not have a user or parameters; write `?` as %3F and `@` as %40",
                    ));
                }
                let path = joined(url.resource(), url.path());
                Ok(Self::local(if path.is_empty() { "." } else { &path }))
            }
            "mem" => Err(Usage::new(
                "mem:// is not supported, because it would be empty in every call",
            )),
            other => Err(Usage::new(format!(
                "the protocol {:?} is not supported: use s3 or file",
                text::printable(other)
            ))),
        }
    }

    fn s3(url: FsUrl) -> Self {
        let resource = url.resource();
        let (_, below) = resource.split_once('/').unwrap_or((resource, ""));
        let path = joined(below, url.path());
        let is_directory = path.is_empty() || path.ends_with('/');
        let path = path.trim_matches('/').to_owned();
        Self::S3 {
            url,
            path,
            is_directory,
        }
    }

    fn local(path: &str) -> Self {
        let last = path.rsplit('/').next().unwrap_or_default();
        Self::Local {
            path: PathBuf::from(path),
            is_directory: matches!(last, "" | "." | ".."),
        }
    }

    /// Returns the bucket, if the place names one.
    pub fn bucket(&self) -> Option<&str> {
        let Self::S3 { url, .. } = self else {
            return None;
        };
        let bucket = url.resource().split('/').next().unwrap_or_default();
        Some(bucket).filter(|bucket| !bucket.is_empty())
    }

    /// Returns true if the form of the operand means a directory.
    pub fn is_directory(&self) -> bool {
        match self {
            Self::Stream => false,
            Self::S3 { is_directory, .. } | Self::Local { is_directory, .. } => *is_directory,
        }
    }

    /// Returns true if the place has a name of its own. Relative places (`.`, `d/..`, `d/.`) have none.
    pub fn has_name(&self) -> bool {
        match self {
            Self::Stream => false,
            Self::S3 { path, .. } => !path.is_empty(),
            Self::Local { path, .. } => {
                let text = path.to_string_lossy();
                let last = text.trim_end_matches('/').rsplit('/').next();
                !matches!(last.unwrap_or_default(), "" | "." | "..")
            }
        }
    }

    /// Returns true if a name after the bucket is empty, as with an empty variable: `s3://BUCKET/$NAME`,
    /// `s3://BUCKET!$NAME`.
    pub fn begins_empty(&self) -> bool {
        let Self::S3 { url, .. } = self else {
            return false;
        };
        let is_empty = |below: &str| below.is_empty() || below.starts_with('/');
        let below = url.resource().split_once('/').map(|(_, below)| below);
        match (below, url.path()) {
            (below, Some(path)) => below.is_some_and(is_empty) || is_empty(path),
            (below, None) => below.is_some_and(is_empty),
        }
    }

    /// Returns the text for output, without credentials and parameters.
    pub fn shown(&self) -> String {
        match self {
            Self::Stream => "-".to_owned(),
            Self::S3 { path, .. } => {
                let bucket = self.bucket().unwrap_or_default();
                match path.as_str() {
                    "" => format!("s3://{bucket}"),
                    path => format!("s3://{bucket}/{}", text::url_path(path)),
                }
            }
            Self::Local { path, .. } => text::printable(&path.display().to_string()),
        }
    }
}

/// Returns true if a word can only be a path of the local disk.
fn looks_local(operand: &str) -> bool {
    operand == "."
        || operand == ".."
        || ["/", "./", "../"]
            .iter()
            .any(|start| operand.starts_with(start))
}

/// Joins the path before `!` and the one after it.
fn joined(path: &str, below: Option<&str>) -> String {
    match below {
        None | Some("") => path.to_owned(),
        Some(below) => format!(
            "{}/{}",
            path.trim_end_matches('/'),
            below.trim_start_matches('/')
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(operand: &str) -> (String, String, bool) {
        match Place::parse(operand).unwrap() {
            place @ Place::S3 { .. } => {
                let (bucket, directory) = (place.bucket().map(str::to_owned), place.is_directory());
                let Place::S3 { path, .. } = place else {
                    unreachable!()
                };
                (bucket.unwrap_or_default(), path, directory)
            }
            other => panic!("{operand}: {other:?}"),
        }
    }

    #[test]
    fn urls_name_buckets_and_paths() {
        let is = |bucket: &str, path: &str, directory| (bucket.into(), path.into(), directory);
        assert_eq!(s3("s3://b"), is("b", "", true));
        assert_eq!(s3("s3://b/a/c"), is("b", "a/c", false));
        assert_eq!(s3("S3://b/a/"), is("b", "a", true));
        assert_eq!(
            s3("s3://k:s@b/a%20b?region=x!c/d"),
            is("b", "a b/c/d", false)
        );
        assert_eq!(s3("s3://"), is("", "", true));
        assert_eq!(s3("s3://?endpoint_url=http://x"), is("", "", true));
    }

    #[test]
    fn only_operands_that_look_local_are_local() {
        for (operand, directory) in [
            ("/a", false),
            ("./a/", true),
            ("../a", false),
            (".", true),
            ("..", true),
            ("file:///a/b", false),
            ("osfs://a", false),
        ] {
            match Place::parse(operand).unwrap() {
                Place::Local { is_directory, .. } => {
                    assert_eq!(is_directory, directory, "{operand}")
                }
                other => panic!("{operand}: {other:?}"),
            }
        }
        assert!(matches!(Place::parse("-"), Ok(Place::Stream)));
        for operand in [
            "mybucket",
            "mybucket/a",
            "a.txt",
            "~/x",
            "",
            "C:\\x",
            "s3:/b",
            ".hidden",
            "mem://",
            "http://x",
        ] {
            assert!(Place::parse(operand).is_err(), "{operand}");
        }
    }

    #[test]
    fn no_operand_shows_its_secrets() {
        for operand in [
            "s3://KEY:SECRET@b/a?aws_session_token=SECRET",
            "KEY:SECRET@b",
            "s3://KEY:SEC%RET@b",
            "mem://KEY:SECRET@x",
            "file://KEY:SECRET@x",
            "gopher://KEY:SECRET@x",
        ] {
            let shown = match Place::parse(operand) {
                Ok(place) => place.shown(),
                Err(usage) => usage.to_string(),
            };
            assert!(
                !shown.contains("SECRET") && !shown.contains("KEY"),
                "{shown}"
            );
        }
    }
}
