//! [`ValidPath`]: a path that a filesystem accepts.

use std::borrow::Cow;
use std::ops::Deref;

use super::{Meta, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::path;

/// A path that was checked: absolute and normalized, beside the one that the caller passed, which errors name.
#[derive(Clone, Debug)]
pub(crate) struct ValidPath<'p> {
    given: Cow<'p, str>,
    normal: String,
}

impl<'p> ValidPath<'p> {
    /// Checks a path against the properties of a filesystem.
    ///
    /// # Errors
    ///
    /// `InvalidCharsInPath`, `IllegalBackReference`, `InvalidPath`.
    pub(crate) fn new(given: &'p str, meta: &Meta) -> Result<Self> {
        Ok(Self {
            normal: validate(given, meta)?,
            given: given.into(),
        })
    }

    /// Creates the path from one that is absolute and normalized already.
    pub(crate) fn of_normal(normal: impl Into<Cow<'p, str>>) -> Self {
        let given = normal.into();
        Self {
            normal: given.clone().into_owned(),
            given,
        }
    }

    /// Returns the path as the caller passed it.
    pub(crate) fn given(&self) -> &str {
        &self.given
    }

    /// Returns the absolute, normalized path.
    pub(crate) fn into_string(self) -> String {
        self.normal
    }

    /// Returns true for the root.
    pub(crate) fn is_root(&self) -> bool {
        self.normal == "/"
    }

    /// Returns the parent directory, whose errors name this path. The parent of the root is the root.
    pub(crate) fn parent(&self) -> Self {
        Self {
            given: self.given.clone(),
            normal: path::dirname(&self.normal).to_owned(),
        }
    }

    /// Returns an error about this path.
    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind).with_path(self.given())
    }

    /// Returns the same path with its own copy of what the caller passed.
    pub(crate) fn into_owned(self) -> ValidPath<'static> {
        ValidPath {
            given: Cow::Owned(self.given.into_owned()),
            normal: self.normal,
        }
    }
}

/// The absolute, normalized path.
impl Deref for ValidPath<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.normal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_path_that_the_caller_passed() {
        let path = ValidPath::new("a//b/./c/", &Meta::default()).unwrap();
        assert_eq!((&*path, path.given()), ("/a/b/c", "a//b/./c/"));
        assert_eq!(
            path.error(ErrorKind::FileExpected).path(),
            Some("a//b/./c/")
        );
        let parent = path.parent();
        assert_eq!((&*parent, parent.given()), ("/a/b", "a//b/./c/"));
        assert!(
            ValidPath::new("", &Meta::default())
                .unwrap()
                .parent()
                .is_root()
        );
        let error = ValidPath::new("../a", &Meta::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IllegalBackReference);
    }
}
