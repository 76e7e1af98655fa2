//! Conversion of paths to keys and back: pure, exact, and confined to `dir_path`.

use crate::error::{Error, ErrorKind, Result};
use crate::path;

/// Maximum length of a key in S3, in bytes.
///
/// Source: [Naming objects](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
pub(crate) const MAX_KEY_BYTES: usize = 1024;

/// The key of an object that a URL can represent: not empty, at most 1,024 bytes, no `.` or `..` segment.
///
/// An empty key would address the bucket. URL rules resolve `.` and `..`, so that such a key would address another
/// object, or another bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key(String);

impl Key {
    /// Returns the key, or an error if no URL can represent it.
    pub(crate) fn new(key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        if key.is_empty() || key.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Error::new(ErrorKind::InvalidPath)
                .with_message(format!("the key {key:?} cannot be part of a URL")));
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(Error::new(ErrorKind::InvalidPath).with_message(format!(
                "its key would be {} bytes long, but S3 accepts at most {MAX_KEY_BYTES}",
                key.len()
            )));
        }
        Ok(Self(key))
    }

    /// The key as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The mapping between the paths of one filesystem and keys: its `dir_path` and its delimiter.
#[derive(Clone, Debug)]
pub(crate) struct KeyMap {
    /// Prefix of every key of this filesystem: empty, or ends with the delimiter.
    root: String,
    delimiter: String,
}

/// The relation of a listed entry to the listed directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// The directory's own marker.
    Marker,
    /// A child with that name.
    Child(&'a str),
    /// A key that no path can name.
    Unnameable,
}

impl KeyMap {
    /// Returns the map of a filesystem in `dir_path` with this delimiter.
    pub(crate) fn new(dir_path: &str, delimiter: &str) -> Result<Self> {
        if delimiter.is_empty() {
            return Err(
                Error::new(ErrorKind::InvalidArgument).with_message("the delimiter is empty")
            );
        }
        // The part before the first `/` becomes the end of a name.
        if delimiter
            .split('/')
            .skip(1)
            .any(|segment| matches!(segment, "." | ".."))
        {
            return Err(Error::new(ErrorKind::InvalidArgument).with_message(format!(
                "the delimiter {delimiter:?} creates keys with a segment `.` or `..`, which cannot \
                 be part of a URL"
            )));
        }
        let mut map = Self {
            root: String::new(),
            delimiter: delimiter.to_owned(),
        };
        if dir_path.contains('\0') {
            return Err(Error::new(ErrorKind::InvalidCharsInPath)
                .with_path(dir_path)
                .with_message("dir_path contains a NUL character"));
        }
        let normalized = path::normpath(dir_path)?;
        let root = map.directory(path::relpath(&normalized))?;
        if root.len() >= MAX_KEY_BYTES {
            return Err(Error::new(ErrorKind::InvalidPath)
                .with_path(dir_path)
                .with_message("dir_path leaves no room for keys below it"));
        }
        map.root = root;
        Ok(map)
    }

    /// Returns the delimiter between the segments of a key.
    pub(crate) fn delimiter(&self) -> &str {
        &self.delimiter
    }

    /// Returns the key of the file with this validated path, which is not the root.
    pub(crate) fn file(&self, path: &str) -> Result<Key> {
        Key::new(format!("{}{}", self.root, self.segments(path)?)).map_err(|e| e.with_path(path))
    }

    /// Returns the prefix of the keys below this validated path. The prefix of the root may be empty.
    ///
    /// It may exceed the maximum length of a key. In that case no key lies below it.
    pub(crate) fn directory(&self, path: &str) -> Result<String> {
        let segments = self.segments(path)?;
        if segments.is_empty() {
            return Ok(self.root.clone());
        }
        Ok(format!("{}{segments}{}", self.root, self.delimiter))
    }

    /// Returns the key of the marker of the directory with this validated path, which is not the root.
    pub(crate) fn marker(&self, path: &str) -> Result<Key> {
        Key::new(self.directory(path)?).map_err(|error| error.with_path(path))
    }

    /// Returns a validated path with `/` replaced by the delimiter.
    fn segments(&self, path: &str) -> Result<String> {
        let relative = path::relpath(path).trim_end_matches('/');
        if self.delimiter == "/" {
            return Ok(relative.to_owned());
        }
        if relative.split('/').any(|name| !self.stands_alone(name)) {
            return Err(Error::new(ErrorKind::InvalidCharsInPath)
                .with_path(path)
                .with_message(format!(
                    "a name contains the delimiter {:?}, or overlaps with it",
                    self.delimiter
                )));
        }
        Ok(relative.replace('/', &self.delimiter))
    }

    /// Returns the relation of the listed key or common prefix `listed` to the directory with the prefix `prefix`.
    ///
    /// A `listed` that does not begin with `prefix` is unnameable.
    pub(crate) fn place<'a>(&self, prefix: &str, listed: &'a str) -> Place<'a> {
        let Some(rest) = listed.strip_prefix(prefix) else {
            return Place::Unnameable;
        };
        if rest.is_empty() {
            return Place::Marker;
        }
        let name = rest.strip_suffix(&*self.delimiter).unwrap_or(rest);
        if self.is_name(name) {
            Place::Child(name)
        } else {
            Place::Unnameable
        }
    }

    /// Returns the path of the file with this key, if a path can name it.
    pub(crate) fn path_of(&self, key: &str) -> Option<String> {
        let names: Vec<&str> = key
            .strip_prefix(&self.root)?
            .split(&self.delimiter)
            .collect();
        let are_names = names.iter().all(|name| self.is_name(name));
        are_names.then(|| format!("/{}", names.join("/")))
    }

    /// Returns true if a path can have this segment, and its key is this one again.
    fn is_name(&self, name: &str) -> bool {
        let is_no_character = |byte| matches!(byte, b'/' | b'\0');
        !matches!(name, "" | "." | "..")
            && !name.bytes().any(is_no_character)
            && self.stands_alone(name)
    }

    /// Returns true if the first delimiter in the name followed by the delimiter is at the end of the name. "a-" does not
    /// stand alone before "--".
    fn stands_alone(&self, name: &str) -> bool {
        if let [byte] = self.delimiter.as_bytes() {
            return !name.as_bytes().contains(byte);
        }
        format!("{name}{}", self.delimiter).find(&*self.delimiter) == Some(name.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_its_key_under_dir_path_and_delimiter() {
        let table = [
            ("/", "/", "/a/b", "a/b", "a/b/"),
            ("reports", "/", "/a", "reports/a", "reports/a/"),
            ("/x/y/", "/", "/a b/c+d", "x/y/a b/c+d", "x/y/a b/c+d/"),
            ("x/y", "|", "/a/b", "x|y|a|b", "x|y|a|b|"),
            ("", "::", "/é/%2F", "é::%2F", "é::%2F::"),
        ];
        for (dir_path, delimiter, path, file, directory) in table {
            let map = KeyMap::new(dir_path, delimiter).unwrap();
            assert_eq!(map.file(path).unwrap().as_str(), file);
            assert_eq!(map.directory(path).unwrap(), directory);
            assert_eq!(map.marker(path).unwrap().as_str(), directory);
        }
    }

    #[test]
    fn the_root_is_dir_path() {
        assert_eq!(KeyMap::new("/", "/").unwrap().directory("/").unwrap(), "");
        assert_eq!(KeyMap::new("a", "/").unwrap().directory("/").unwrap(), "a/");
        assert!(KeyMap::new("/", "/").unwrap().marker("/").is_err());
    }

    #[test]
    fn a_key_that_no_url_can_name_is_refused() {
        for key in ["", ".", "..", "a/../b", "./a", "a/.", "..//"] {
            assert_eq!(
                Key::new(key).unwrap_err().kind(),
                ErrorKind::InvalidPath,
                "{key:?}"
            );
        }
        for key in ["a//b", "/a", "a/", "...", "a/.b", "%2e%2e", "..a", " "] {
            assert_eq!(Key::new(key).unwrap().as_str(), key);
        }
    }

    #[test]
    fn a_key_has_at_most_1024_bytes() {
        let map = KeyMap::new("d", "/").unwrap();
        let fits = format!("/{}", "é".repeat(511));
        assert_eq!(map.file(&fits).unwrap().as_str().len(), 1024);
        let error = map.file(&format!("{fits}x")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidPath);
        assert!(error.to_string().contains("1025"), "{error}");
        assert!(KeyMap::new(&"x".repeat(1023), "/").is_err());
    }

    #[test]
    fn a_name_must_not_contain_the_delimiter() {
        let map = KeyMap::new("", "|").unwrap();
        assert_eq!(
            map.file("/a|b").unwrap_err().kind(),
            ErrorKind::InvalidCharsInPath
        );
        let map = KeyMap::new("", "--").unwrap();
        for path in ["/a-/b", "/a--b", "/a-"] {
            assert_eq!(
                map.file(path).unwrap_err().kind(),
                ErrorKind::InvalidCharsInPath,
                "{path}"
            );
        }
        assert_eq!(map.file("/a/-b").unwrap().as_str(), "a---b");
        for delimiter in ["", "/./", "/../", "-/.", "a/../b"] {
            let error = KeyMap::new("", delimiter).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{delimiter}");
        }
        for delimiter in [".", "..", "./", "/.a", "a/b"] {
            let map = KeyMap::new("", delimiter).unwrap();
            assert!(
                map.file("/a/b").is_ok() && map.marker("/a").is_ok(),
                "{delimiter}"
            );
        }
    }

    #[test]
    fn a_listed_key_is_a_child_a_marker_or_unnameable() {
        let map = KeyMap::new("", "/").unwrap();
        assert_eq!(map.place("d/", "d/"), Place::Marker);
        assert_eq!(map.place("d/", "d/x"), Place::Child("x"));
        assert_eq!(map.place("d/", "d/x/"), Place::Child("x"));
        for odd in ["d//", "d/./", "d/..", "d/../", "d/.", "e/x", "d/a\0"] {
            assert_eq!(map.place("d/", odd), Place::Unnameable, "{odd:?}");
        }
        let bar = KeyMap::new("", "|").unwrap();
        assert_eq!(bar.place("d|", "d|a/b"), Place::Unnameable);
        assert_eq!(bar.place("d|", "d|a|"), Place::Child("a"));
        let dashes = KeyMap::new("", "--").unwrap();
        assert_eq!(dashes.place("", "a---"), Place::Unnameable);
    }

    #[test]
    fn keys_and_paths_convert_both_ways() {
        for (dir_path, delimiter, key, path) in [
            ("", "/", "a/b", Some("/a/b")),
            ("d", "/", "d/a", Some("/a")),
            ("d", "/", "e/a", None),
            ("d", "/", "d/", None),
            ("", "/", "a//b", None),
            ("", "/", "a/", None),
            ("", "/", "a/../b", None),
            ("", "|", "a|b", Some("/a/b")),
            ("", "|", "a/b", None),
            ("", "--", "a---b", Some("/a/-b")),
        ] {
            let map = KeyMap::new(dir_path, delimiter).unwrap();
            assert_eq!(map.path_of(key).as_deref(), path, "{key}");
            if let Some(path) = path {
                assert_eq!(map.file(path).unwrap().as_str(), key);
            }
        }
    }

    #[test]
    fn a_dir_path_above_the_root_or_with_a_nul_is_refused() {
        assert!(KeyMap::new("../x", "/").is_err());
        assert_eq!(
            KeyMap::new("a\0", "/").unwrap_err().kind(),
            ErrorKind::InvalidCharsInPath
        );
    }
}
