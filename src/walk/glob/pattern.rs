//! Matches glob patterns against paths, without a filesystem.

use crate::error::Result;
use crate::path;
use crate::wildcard::{Pattern, follow};

/// A component of a glob pattern.
#[derive(Clone, Debug)]
pub(crate) enum Component {
    /// `**`: any number of directories, including none.
    AnyDepth,
    /// One name.
    Name(Pattern),
}

/// A parsed glob pattern.
#[derive(Clone, Debug)]
pub(crate) struct GlobPattern {
    components: Vec<Component>,
    /// The pattern ends with a `/`.
    directories_only: bool,
}

impl GlobPattern {
    /// Parses a pattern. Returns the errors of [`path::normpath`].
    pub(crate) fn new(pattern: &str, case_sensitive: bool) -> Result<Self> {
        let component = |name| match name {
            "**" => Component::AnyDepth,
            name => Component::Name(Pattern::new(name, case_sensitive)),
        };
        Ok(Self {
            components: path::iteratepath(pattern)?
                .into_iter()
                .map(component)
                .collect(),
            directories_only: pattern.ends_with('/'),
        })
    }

    /// Parses several patterns.
    pub(crate) fn all<I>(patterns: I, case_sensitive: bool) -> Result<Vec<Self>>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let patterns = patterns.into_iter();
        patterns
            .map(|pattern| Self::new(pattern.as_ref(), case_sensitive))
            .collect()
    }

    pub(crate) fn components(&self) -> &[Component] {
        &self.components
    }

    /// Returns true if a path matches. A path that ends with `/` is a directory.
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.takes_kind(path.ends_with('/')) && reaches_end(&self.components, names(path))
    }

    /// Returns true if the path of a directory, with or without `/` at its end, matches.
    pub(crate) fn matches_directory(&self, path: &str) -> bool {
        reaches_end(&self.components, names(path))
    }

    /// Returns true if a path that begins with `path` can match.
    pub(crate) fn leads_below(&self, path: &str) -> bool {
        ways(&self.components, names(path)).contains(&true)
    }

    /// Returns true if the pattern can match in every directory.
    pub(crate) fn leads_anywhere(&self) -> bool {
        matches!(self.components.first(), Some(Component::AnyDepth))
    }

    /// Returns true if the pattern can match a directory, or a file. `**` at the end matches both.
    pub(crate) fn takes_kind(&self, is_dir: bool) -> bool {
        match self.components.last() {
            _ if self.directories_only => is_dir,
            Some(Component::AnyDepth) => true,
            _ => !is_dir,
        }
    }
}

/// Returns true if a sequence of names matches all components.
pub(crate) fn reaches_end<'n>(
    components: &[Component],
    names: impl IntoIterator<Item = &'n str>,
) -> bool {
    ways(components, names).last() == Some(&true)
}

fn ways<'n>(components: &[Component], names: impl IntoIterator<Item = &'n str>) -> Vec<bool> {
    let is_star = |component: &Component| matches!(component, Component::AnyDepth);
    let takes = |component: &Component, name: &str| match component {
        Component::AnyDepth => true,
        Component::Name(pattern) => pattern.matches(name),
    };
    follow(components, is_star, takes, names)
}

/// Returns the names of an absolute or relative path. The path is not normalized.
pub(crate) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[rustfmt::skip]
    const PATHS: [&str; 21] = [
        "/a", "/a/", "/ab", "/ab/", "/a.py", "/A.PY", "/b/", "/b/a.py", "/b/c/", "/b/c/a.py", "/b/c/d/",
        "/b/c/d/a.py", "/a/b", "/a/b/", "/a/b/c.txt", "/a/x/c.txt", "/ab/c.txt", "/a/x/y/c.txt", "/.git/", "/.git/config", "/[x]/a.py",
    ];

    /// Results of PyFilesystem 2.4.16: a pattern, and for each of `PATHS` whether it matches. A `+` marks a match of
    /// PyFilesystem's regular expression only, in which `?` and `[!z]` match a `/`, `*` matches an empty name, and `a/**`
    /// begins in the middle of a name.
    #[rustfmt::skip]
    const TABLE: &[(&str, &str)] = &[
        ("*", "x.x.xx..............."),
        ("*/", ".x.x..x...........x.."),
        ("**", "xxxxxxxxxxxxxxxxxxxxx"),
        ("**/", ".x.x..x.x.x..x....x.."),
        ("*.py", "....x................"),
        ("/*.py", "....x................"),
        ("**/*.py", "....x..x.x.x........x"),
        ("**/*.PY", ".....x..............."),
        ("*/*.py", ".......x............x"),
        ("*/*", ".+.+..+x....x...x.+xx"),
        ("*/*/", "........x....x......."),
        ("a", "x...................."),
        ("a/", ".x..................."),
        ("a/b", "............x........"),
        ("/a/b/", ".............x......."),
        ("a/*", ".+..........x........"),
        ("a/**", "xx+++.......xxxx+x..."),
        ("a/**/", ".x.+.........x......."),
        ("a/**/c.txt", "..............xx+x..."),
        ("a*/**", "xxxxx.......xxxxxx..."),
        ("a*/c.txt", "................x...."),
        ("a/?/c.txt", "..............xx....."),
        ("a/[!z]/c.txt", "..............xx....."),
        ("a/b*/c.txt", "..............x......"),
        ("**/c/*.py", ".........x..........."),
        ("**/c/**", "........xxxx..++++.+."),
        ("**/c/**/*.py", ".........x.x........."),
        ("**/b/**/d/*.py", "...........x........."),
        ("b/**/**/a.py", ".......x.x.x........."),
        ("**/**", "xxxxxxxxxxxxxxxxxxxxx"),
        ("b/*/*.py", ".........x..........."),
        ("a?", ".+x.................."),
        ("a[!z]", ".+x.................."),
        ("**/?", "x...........x........"),
        (".git/*", "..................+x."),
        ("**/.git/", "..................x.."),
        (".*/*", "..................+x."),
        ("a/./b", "............x........"),
        ("b/../a/b", "............x........"),
        ("//a//b", "............x........"),
        ("[[]x]/*", "....................x"),
        ("a**", "x.x.x................"),
        ("**a", "x...................."),
        ("**/a*b", "..x.................."),
        ("", "....................."),
        ("/", "....................."),
        ("***", "x.x.xx..............."),
        ("b/c/a.py", ".........x..........."),
    ];

    fn pattern(pattern: &str) -> GlobPattern {
        GlobPattern::new(pattern, true).unwrap()
    }

    #[test]
    fn patterns_match_as_in_pyfilesystem() {
        for (text, expected) in TABLE {
            let pattern = pattern(text);
            let marks = PATHS.map(|path| if pattern.matches(path) { 'x' } else { '.' });
            let marks: String = marks.iter().collect();
            assert_eq!(marks, expected.replace('+', "."), "{text}");
        }
    }

    #[test]
    fn a_path_may_begin_with_a_slash_or_not() {
        for path in PATHS {
            let relative = path.trim_start_matches('/');
            assert_eq!(
                pattern("**/c/*").matches(path),
                pattern("**/c/*").matches(relative)
            );
            assert_eq!(
                pattern("a/*").matches(path),
                pattern("/a/*").matches(relative)
            );
        }
    }

    #[test]
    fn patterns_can_ignore_case() {
        assert!(!pattern("**/*.PY").matches("/b/a.py"));
        assert!(
            GlobPattern::new("B/*.PY", false)
                .unwrap()
                .matches("/b/a.py")
        );
    }

    #[test]
    fn a_pattern_leads_below_the_directories_in_which_it_can_match() {
        let leads = |text: &str, path| pattern(text).leads_below(path);
        assert!(
            leads("src/*/a.py", "/")
                && leads("src/*/a.py", "/src")
                && leads("src/*/a.py", "src/x/")
        );
        assert!(!leads("src/*/a.py", "/docs") && !leads("src/*/a.py", "/src/x/y"));
        assert!(leads("src/**/a.py", "/src/x/y/z") && !leads("src/**/a.py", "/srcs"));
        assert!(leads("**/a.py", "/anywhere"));
    }

    #[test]
    fn a_pattern_that_leads_above_the_root_is_an_error() {
        let error = GlobPattern::new("a/../../*", true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IllegalBackReference);
        assert_eq!(error.path(), Some("a/../../*"));
    }

    #[test]
    fn many_double_stars_take_time_proportional_to_the_product_of_the_lengths() {
        let path = "/a".repeat(500);
        assert!(!pattern(&format!("{}b", "**/a/".repeat(50))).matches(&path));
        assert!(pattern(&"**/a/".repeat(50)).matches(&format!("{path}/")));
    }
}
