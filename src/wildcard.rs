//! PyFilesystem's wildcards: `*`, `?`, `[seq]` and `[!seq]`, matched against names.
//!
//! | pattern | matches |
//! | --- | --- |
//! | `*` | any characters but `/`, or none |
//! | `?` | any one character |
//! | `[seq]` | one character of `seq`, in which `a-z` is a range |
//! | `[!seq]` | one character that is not in `seq` |
//!
//! Any other character matches itself, and so does a `[` without a closing `]`. A `]` is part of `seq` if it comes first.
//! The only way to escape a character is a set of one: `[*]`. For paths with `**` see [`glob`](crate::glob).
//!
//! The functions are those of [`fs.wildcard`](https://docs.pyfilesystem.org/en/latest/reference/wildcard.html). `match` is a
//! keyword in Rust and is named [`matches()`] here. The time of a match is at most proportional to the length of the pattern
//! times the length of the name.
//!
//! ```
//! use s3fs::wildcard;
//!
//! assert!(wildcard::matches("*.py", "__init__.py"));
//! assert!(!wildcard::matches("*.py", "__init__.PY"));
//! assert!(wildcard::imatches("*.py", "__init__.PY"));
//! assert!(wildcard::match_any(["*.jpg", "*.png"], "photo.png"));
//! ```

/// Returns true if a name matches a pattern: PyFilesystem's `match`.
///
/// ```
/// use s3fs::wildcard;
///
/// assert!(wildcard::matches("report-202[0-9].csv", "report-2026.csv"));
/// assert!(!wildcard::matches("[!.]*", ".profile"));
/// ```
#[must_use]
#[doc(alias = "match")]
#[doc(alias = "fnmatch")]
pub fn matches(pattern: &str, name: &str) -> bool {
    Pattern::new(pattern, true).matches(name)
}

/// Returns true if a name matches a pattern, ignoring case: PyFilesystem's `imatch`.
///
/// ```
/// assert!(s3fs::wildcard::imatches("*.JPG", "photo.jpg"));
/// ```
#[must_use]
#[doc(alias = "imatch")]
pub fn imatches(pattern: &str, name: &str) -> bool {
    Pattern::new(pattern, false).matches(name)
}

/// Returns true if a name matches one of the patterns, or if there are no patterns.
///
/// ```
/// use s3fs::wildcard;
///
/// assert!(wildcard::match_any(["*.py", "*.pyc"], "a.pyc"));
/// assert!(wildcard::match_any([""; 0], "anything"));
/// ```
#[must_use]
pub fn match_any<I>(patterns: I, name: &str) -> bool
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    get_matcher(patterns, true)(name)
}

/// Returns true if a name matches one of the patterns, ignoring case, or if there are no patterns.
///
/// ```
/// assert!(s3fs::wildcard::imatch_any(["*.py", "*.pyc"], "A.PYC"));
/// ```
#[must_use]
pub fn imatch_any<I>(patterns: I, name: &str) -> bool
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    get_matcher(patterns, false)(name)
}

/// Returns a function that returns true if a name matches one of the patterns, or if there are no patterns.
///
/// ```
/// let is_python = s3fs::wildcard::get_matcher(["*.py"], true);
/// assert!(is_python("__init__.py"));
/// assert!(!is_python("readme.txt"));
/// ```
#[must_use]
pub fn get_matcher<I>(patterns: I, case_sensitive: bool) -> Box<dyn Fn(&str) -> bool + Send + Sync>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let patterns = Patterns::new(patterns, case_sensitive);
    Box::new(move |name| patterns.is_empty() || patterns.any(name))
}

/// A list of parsed patterns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns(Vec<Pattern>);

impl Patterns {
    pub(crate) fn new<I>(patterns: I, case_sensitive: bool) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let patterns = patterns.into_iter();
        Self(
            patterns
                .map(|pattern| Pattern::new(pattern.as_ref(), case_sensitive))
                .collect(),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if the name matches one of the patterns. An empty list matches nothing.
    pub(crate) fn any(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}

/// An element of a pattern.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// `*`
    Star,
    /// `?`
    Any,
    Char(char),
    Set {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

/// A parsed pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    tokens: Vec<Token>,
    case_sensitive: bool,
}

impl Pattern {
    pub(crate) fn new(pattern: &str, case_sensitive: bool) -> Self {
        let characters: Vec<char> = pattern.chars().collect();
        Self {
            tokens: parse(&characters),
            case_sensitive,
        }
    }

    /// Returns the exact characters with which every match begins.
    pub(crate) fn literal_prefix(&self) -> String {
        let characters = self.tokens.iter().map_while(|token| match token {
            Token::Char(c) if self.case_sensitive => Some(*c),
            _ => None,
        });
        characters.collect()
    }

    /// Returns the only name that matches, if there is exactly one.
    pub(crate) fn literal(&self) -> Option<String> {
        let prefix = self.literal_prefix();
        (prefix.chars().count() == self.tokens.len()).then_some(prefix)
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let is_star = |token: &Token| *token == Token::Star;
        let takes = |token: &Token, c| self.takes(token, c);
        follow(&self.tokens, is_star, takes, name.chars()).last() == Some(&true)
    }

    fn takes(&self, token: &Token, c: char) -> bool {
        match token {
            Token::Star => c != '/',
            Token::Any => true,
            Token::Char(own) if self.case_sensitive => c == *own,
            Token::Char(own) => fold(c) == fold(*own),
            Token::Set { ranges, negated } if self.case_sensitive => within(ranges, c) != *negated,
            Token::Set { ranges, negated } => {
                variants(c).into_iter().any(|c| within(ranges, c)) != *negated
            }
        }
    }
}

/// Follows all ways through a pattern at once. Element `n` of the result is true if the first `n` tokens can match all of
/// `input`.
///
/// A star matches any number of the items that it accepts, including none. Any other token matches one item.
pub(crate) fn follow<T, S: Copy>(
    tokens: &[T],
    is_star: impl Fn(&T) -> bool,
    takes: impl Fn(&T, S) -> bool,
    input: impl IntoIterator<Item = S>,
) -> Vec<bool> {
    let skip_stars = |mut before: bool, reached: &mut [bool]| {
        for (token, after) in tokens.iter().zip(reached) {
            *after |= before && is_star(token);
            before = *after;
        }
    };
    let mut start = true;
    let mut reached = vec![false; tokens.len()];
    skip_stars(start, &mut reached);
    for item in input {
        let mut before = std::mem::take(&mut start);
        for (token, after) in tokens.iter().zip(&mut reached) {
            let from = if is_star(token) { *after } else { before };
            before = std::mem::replace(after, from && takes(token, item));
        }
        skip_stars(start, &mut reached);
        if !reached.contains(&true) {
            break;
        }
    }
    reached.insert(0, start);
    reached
}

fn parse(characters: &[char]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = characters;
    while let [first, after @ ..] = rest {
        rest = after;
        let token = match first {
            '*' => Token::Star,
            '?' => Token::Any,
            '[' => match split_set(after) {
                Some((set, after)) => {
                    rest = after;
                    parse_set(set)
                }
                None => Token::Char('['),
            },
            c => Token::Char(*c),
        };
        // Consecutive stars are equal to one.
        if token != Token::Star || tokens.last() != Some(&Token::Star) {
            tokens.push(token);
        }
    }
    tokens
}

/// Returns the content of a set and the rest of the pattern, if the set is closed. A `]` that is its first character does
/// not close it.
fn split_set(characters: &[char]) -> Option<(&[char], &[char])> {
    let negation = usize::from(characters.first() == Some(&'!'));
    let first = negation + usize::from(characters.get(negation) == Some(&']'));
    let length = characters.get(first..)?.iter().position(|c| *c == ']')?;
    let (set, rest) = characters.split_at_checked(first + length)?;
    Some((set, rest.get(1..)?))
}

fn parse_set(set: &[char]) -> Token {
    let (negated, mut rest) = match set {
        ['!', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut ranges = Vec::new();
    loop {
        match rest {
            [from, '-', to, after @ ..] => {
                ranges.push((*from, *to));
                rest = after;
            }
            [one, after @ ..] => {
                ranges.push((*one, *one));
                rest = after;
            }
            [] => break,
        }
    }
    Token::Set { ranges, negated }
}

fn within(ranges: &[(char, char)], c: char) -> bool {
    ranges.iter().any(|(from, to)| (*from..=*to).contains(&c))
}

/// Returns the character in lower case. If that is several characters, the first one: for `İ`, the letter without its dot.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Returns the same character for letters that differ only in case.
fn fold(c: char) -> char {
    lower(upper(c))
}

/// Returns the character in each case.
fn variants(c: char) -> [char; 4] {
    [c, lower(c), upper(c), fold(c)]
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[rustfmt::skip]
    const NAMES: [&str; 27] = [
        "", "a", "A", "b", "ab", "aB", "abc", "a.py", "A.PY", "a.pyc", ".py", "a-b", "a/b", "]",
        "[", "[a", "a]", "^", "!", "-", "\\", "é", "É", "a\nb", "a*b", "foo.tar.gz", "日本",
    ];

    /// Results of PyFilesystem 2.4.16: a pattern, and for each of `NAMES` whether `match` and `imatch` match it.
    #[rustfmt::skip]
    const TABLE: &[(&str, &str, &str)] = &[
        ("", "x..........................", "x.........................."),
        ("*", "xxxxxxxxxxxx.xxxxxxxxxxxxxx", "xxxxxxxxxxxx.xxxxxxxxxxxxxx"),
        ("**", "xxxxxxxxxxxx.xxxxxxxxxxxxxx", "xxxxxxxxxxxx.xxxxxxxxxxxxxx"),
        ("?", ".xxx.........xx..xxxxxx....", ".xxx.........xx..xxxxxx...."),
        ("??", "....xx.........xx.........x", "....xx.........xx.........x"),
        ("a", ".x.........................", ".xx........................"),
        ("A", "..x........................", ".xx........................"),
        ("a*", ".x..xxxx.x.x....x......xx..", ".xx.xxxxxx.x....x......xx.."),
        ("*a", ".x.............x...........", ".xx............x..........."),
        ("*b", "...xx......x...........xx..", "...xxx.....x...........xx.."),
        ("a*b", "....x......x...........xx..", "....xx.....x...........xx.."),
        ("a?b", "...........xx..........xx..", "...........xx..........xx.."),
        ("a**b", "....x......x...........xx..", "....xx.....x...........xx.."),
        ("*.py", ".......x..x................", ".......xx.x................"),
        ("*.PY", "........x..................", ".......xx.x................"),
        ("*.py?", ".........x.................", ".........x................."),
        ("*.*", ".......xxxx..............x.", ".......xxxx..............x."),
        (".*", "..........x................", "..........x................"),
        ("[a-c]", ".x.x.......................", ".xxx......................."),
        ("[A-C]", "..x........................", ".xxx......................."),
        ("[!a]", "..xx.........xx..xxxxxx....", "...x.........xx..xxxxxx...."),
        ("[!A-C]", ".x.x.........xx..xxxxxx....", ".............xx..xxxxxx...."),
        ("[]", "...........................", "..........................."),
        ("[!]", "...........................", "..........................."),
        ("[]]", ".............x.............", ".............x............."),
        ("[!]]", ".xxx..........x..xxxxxx....", ".xxx..........x..xxxxxx...."),
        ("[a", "...............x...........", "...............x..........."),
        ("[a]", ".x.........................", ".xx........................"),
        ("[[]a", "...............x...........", "...............x..........."),
        ("[]a]", ".x...........x.............", ".xx..........x............."),
        ("[^]", ".................x.........", ".................x........."),
        ("[^a]", ".x...............x.........", ".xx..............x........."),
        ("[!^]", ".xxx.........xx...xxxxx....", ".xxx.........xx...xxxxx...."),
        ("[-a]", ".x.................x.......", ".xx................x......."),
        ("[a-]", ".x.................x.......", ".xx................x......."),
        ("[+--]", "...................x.......", "...................x......."),
        ("[a-b-]", ".x.x...............x.......", ".xxx...............x......."),
        ("[\\]", "....................x......", "....................x......"),
        ("[!\\]", ".xxx.........xx..xxx.xx....", ".xxx.........xx..xxx.xx...."),
        ("\\", "....................x......", "....................x......"),
        ("[\\-a]", ".x...........x...x..x......", ".xx..........x...x..x......"),
        ("a]", "................x..........", "................x.........."),
        ("[*]", "...........................", "..........................."),
        ("a[*]b", "........................x..", "........................x.."),
        ("a[!x]b", "...........xx..........xx..", "...........xx..........xx.."),
        ("a[/]b", "............x..............", "............x.............."),
        ("[é]", ".....................x.....", ".....................xx...."),
        ("É", "......................x....", ".....................xx...."),
        ("[à-ï]", ".....................x.....", ".....................xx...."),
        ("*[.]gz", ".........................x.", ".........................x."),
        ("???", "......x...xxx..........xx..", "......x...xxx..........xx.."),
        ("日?", "..........................x", "..........................x"),
        ("[日]*", "..........................x", "..........................x"),
        ("*?*", ".xxxxxxxxxxxxxxxxxxxxxxxxxx", ".xxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("*?*b", "....x......xx..........xx..", "....xx.....xx..........xx.."),
        ("a*?", "....xxxx.x.x....x......xx..", "....xxxxxx.x....x......xx.."),
        ("^", ".................x.........", ".................x........."),
        ("[!!]", ".xxx.........xx..x.xxxx....", ".xxx.........xx..x.xxxx...."),
        ("(a)", "...........................", "..........................."),
        ("a.py", ".......x...................", ".......xx.................."),
        ("a+", "...........................", "..........................."),
        ("a{1}", "...........................", "..........................."),
        ("a|b", "...........................", "..........................."),
        ("[a-bA]?", "....xx..........x..........", "....xx..........x.........."),
    ];

    fn row(matches: impl Fn(&str) -> bool) -> String {
        let marks = NAMES
            .iter()
            .map(|name| if matches(name) { 'x' } else { '.' });
        marks.collect()
    }

    #[test]
    fn patterns_match_as_in_pyfilesystem() {
        for (pattern, sensitive, insensitive) in TABLE {
            assert_eq!(row(|name| matches(pattern, name)), *sensitive, "{pattern}");
            assert_eq!(
                row(|name| imatches(pattern, name)),
                *insensitive,
                "{pattern}"
            );
        }
    }

    #[test]
    fn no_patterns_match_everything() {
        let none = [""; 0];
        assert!(match_any(none, "a") && imatch_any(none, "a"));
        assert!(get_matcher(none, true)("a"));
        assert!(match_any(["b", "a"], "a") && !match_any(["b", "A"], "a"));
        assert!(imatch_any(["b", "A"], "a") && !imatch_any(["b", "c"], "a"));
    }

    #[test]
    fn a_reversed_range_matches_nothing() {
        for c in ["a", "b", "z", "-"] {
            assert!(!matches("[z-a]", c));
            assert!(matches("[!z-a]", c));
        }
    }

    #[test]
    fn case_is_ignored_in_all_languages() {
        for (pattern, name) in [
            ("straße", "STRAßE"),
            ("[α-ω]", "Σ"),
            ("ς", "Σ"),
            ("ı", "I"),
            ("K", "k"),
        ] {
            assert!(imatches(pattern, name), "{pattern} {name}");
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_range_keeps_its_ends_when_case_is_ignored() {
        for name in ["Z", "z", "]", "_", "a", "A"] {
            assert!(imatches("[Z-a]", name), "{name}");
        }
        assert!(!imatches("[Z-a]", "b"));
        assert!(imatches("[!A-C]", "d") && !imatches("[!A-C]", "b"));
    }

    #[test]
    fn many_stars_take_time_proportional_to_the_product_of_the_lengths() {
        let started = Instant::now();
        let name = "a".repeat(1_000);
        assert!(!matches(&format!("{}b", "a*".repeat(100)), &name));
        assert!(!matches(&format!("{}b", "*?".repeat(100)), &name));
        assert!(matches(&"*a".repeat(100), &name));
        assert!(started.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn the_literal_prefix_of_a_pattern_is_found() {
        let prefix = |pattern, case| Pattern::new(pattern, case).literal_prefix();
        assert_eq!(prefix("2026-*.csv", true), "2026-");
        assert_eq!(prefix("[a]b", true), "");
        assert_eq!(prefix("Ab*", false), "");
        assert_eq!(
            Pattern::new("a.txt", true).literal().as_deref(),
            Some("a.txt")
        );
        assert_eq!(Pattern::new("a.tx?", true).literal(), None);
        assert_eq!(Pattern::new("a.txt", false).literal(), None);
    }
}
