//! The format of the shared credentials and config files: parses text into sections of settings.
//!
//! It accepts the format of botocore, which is Python's `configparser.RawConfigParser` plus blocks of
//! indented settings (`configloader.py`):
//!
//! - a setting is `name = value` or `name: value`; names are not case-sensitive, sections are;
//! - a line indented deeper than the setting above it continues its value; if the value's first
//!   line is empty, the lines below are a block of settings of their own (`s3 =`);
//! - a comment is a whole line that begins with `#` or `;`. After a value, these characters belong
//!   to the value;
//! - a duplicate section, or a duplicate setting in a section, is an error;
//! - the settings of `[DEFAULT]`, in capitals, apply to every section.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The section whose settings apply to every other one.
const EVERYWHERE: &str = "DEFAULT";

/// The sections of a file, in file order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ini {
    sections: Vec<(String, Section)>,
}

/// A section's settings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    own: Settings,
    everywhere: Rc<Settings>,
}

type Settings = BTreeMap<String, Value>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Lines joined by `\n`, if the value has more than one.
    Text(String),
    Block(BTreeMap<String, String>),
}

/// Reason why a text is not in this format. It never contains a line's content, which may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) reason: &'static str,
}

impl Section {
    pub(super) fn get(&self, setting: &str) -> Option<&Value> {
        self.own
            .get(setting)
            .or_else(|| self.everywhere.get(setting))
    }

    /// Returns every setting, including those of `[DEFAULT]`.
    #[cfg(any(feature = "aws-chain", feature = "fuzzing"))]
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &Value)> {
        let elsewhere = self
            .everywhere
            .iter()
            .filter(|(name, _)| !self.own.contains_key(*name));
        self.own
            .iter()
            .chain(elsewhere)
            .map(|(name, value)| (name.as_str(), value))
    }
}

impl Ini {
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.sections
            .iter()
            .map(|(name, section)| (name.as_str(), section))
    }
}

/// Parses a text.
pub(super) fn parse(text: &str) -> Result<Ini, Malformed> {
    // Windows editors write a byte order mark at the start, on which Python would fail.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Normalizes line ends like Python's universal newlines.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = Reader::default();
    for (index, line) in text.split('\n').enumerate() {
        reader.read_line(Line {
            number: index + 1,
            text: line,
        })?;
    }
    reader.finish()
}

#[derive(Clone, Copy)]
struct Line<'t> {
    number: usize,
    text: &'t str,
}

impl<'t> Line<'t> {
    fn trimmed(self) -> Self {
        Self {
            text: self.text.trim(),
            ..self
        }
    }

    fn indent(self) -> usize {
        self.text
            .chars()
            .take_while(|character| character.is_whitespace())
            .count()
    }

    fn malformed(self, reason: &'static str) -> Malformed {
        Malformed {
            line: self.number,
            reason,
        }
    }

    /// Returns the name in `[name]`, up to the last `]`. Any text after it is ignored.
    fn section_name(self) -> Option<&'t str> {
        let inner = self.text.strip_prefix('[')?;
        let end = inner.rfind(']').filter(|&end| end > 0)?;
        Some(&inner[..end])
    }
}

/// The lines of every setting's value, by section.
#[derive(Default)]
struct Reader<'t> {
    sections: Vec<(&'t str, BTreeMap<String, Vec<Line<'t>>>)>,
    names: BTreeSet<&'t str>,
    /// The last section's setting that the next line may continue.
    setting: Option<String>,
    /// Indentation of the last line that was not a continuation.
    indent: usize,
}

impl<'t> Reader<'t> {
    fn read_line(&mut self, raw: Line<'t>) -> Result<(), Malformed> {
        let line = raw.trimmed();
        if line.text.starts_with(['#', ';']) {
            return Ok(());
        }
        // An empty line is part of a value that continues below it.
        let continues = line.text.is_empty() || raw.indent() > self.indent;
        if continues && self.continue_value(line) || line.text.is_empty() {
            return Ok(());
        }
        self.indent = raw.indent();
        match line.section_name() {
            Some(name) => self.begin_section(name, line),
            None => self.begin_setting(line),
        }
    }

    fn continue_value(&mut self, line: Line<'t>) -> bool {
        let (Some(name), Some((_, section))) = (&self.setting, self.sections.last_mut()) else {
            return false;
        };
        section.entry(name.clone()).or_default().push(line);
        true
    }

    fn begin_section(&mut self, name: &'t str, line: Line<'t>) -> Result<(), Malformed> {
        if !self.names.insert(name) {
            return Err(line.malformed("the section appears twice"));
        }
        self.sections.push((name, BTreeMap::new()));
        self.setting = None;
        Ok(())
    }

    fn begin_setting(&mut self, line: Line<'t>) -> Result<(), Malformed> {
        let Some((_, section)) = self.sections.last_mut() else {
            return Err(line.malformed("a section such as \"[default]\" must come first"));
        };
        let Some((name, value)) = line.text.split_once(['=', ':']) else {
            return Err(line.malformed("neither a section, nor a setting, nor a comment"));
        };
        let name = name.trim_end().to_lowercase();
        if name.is_empty() {
            return Err(line.malformed("the setting has no name"));
        }
        let value = Line {
            text: value,
            ..line
        };
        let lines = vec![value.trimmed()];
        if section.insert(name.clone(), lines).is_some() {
            return Err(line.malformed("the setting appears twice in its section"));
        }
        self.setting = Some(name);
        Ok(())
    }

    fn finish(self) -> Result<Ini, Malformed> {
        let mut everywhere = Settings::new();
        let mut sections = Vec::new();
        for (name, lines_of) in self.sections {
            let mut settings = Settings::new();
            for (setting, lines) in lines_of {
                settings.insert(setting, value_of(&lines)?);
            }
            match name {
                EVERYWHERE => everywhere = settings,
                name => sections.push((name.to_owned(), settings)),
            }
        }
        let everywhere = Rc::new(everywhere);
        let sections = sections.into_iter().map(|(name, own)| {
            let everywhere = Rc::clone(&everywhere);
            (name, Section { own, everywhere })
        });
        Ok(Ini {
            sections: sections.collect(),
        })
    }
}

fn value_of(lines: &[Line<'_>]) -> Result<Value, Malformed> {
    let text: Vec<&str> = lines.iter().map(|line| line.text).collect();
    let text = text.join("\n");
    let text = text.trim_end();
    if !text.starts_with('\n') {
        return Ok(Value::Text(text.to_owned()));
    }
    let mut block = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.text.is_empty()) {
        let Some((name, value)) = line.text.split_once('=') else {
            return Err(line.malformed("an indented line below an empty value must be a setting"));
        };
        block.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(Value::Block(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    fn block(settings: &[(&str, &str)]) -> Value {
        Value::Block(
            settings
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// Returns the value of `a` in the only section.
    fn value_in(text: &str) -> Value {
        let ini = parse(text).unwrap();
        let (_, section) = ini.sections().next().unwrap();
        section.get("a").unwrap().clone()
    }

    #[test]
    fn sections_keep_their_order_and_their_settings() {
        let ini = parse("[b]\nx = 1\nY_Z: 2\n\n[a]\n[profile c]\nx=3").unwrap();
        let names: Vec<_> = ini.sections().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a", "profile c"]);
        for (setting, expected) in [
            ("x", [Some(text("1")), None, Some(text("3"))]),
            ("y_z", [Some(text("2")), None, None]),
            ("Y_Z", [None, None, None]),
        ] {
            let found = ini.sections().map(|(_, section)| section.get(setting));
            assert!(found.eq(expected.iter().map(Option::as_ref)), "{setting}");
        }
    }

    #[test]
    fn a_section_name_is_the_text_between_the_brackets() {
        for (line, name) in [
            ("[default]", "default"),
            ("[default] # mine", "default"),
            ("  [default]", "default"),
            ("[ default ]", " default "),
            ("[profile \"a b\"]", "profile \"a b\""),
            ("[a]b]", "a]b"),
            ("[]]", "]"),
        ] {
            let ini = parse(line).unwrap();
            let names: Vec<_> = ini.sections().map(|(name, _)| name).collect();
            assert_eq!(names, [name], "{line}");
        }
    }

    #[test]
    fn a_value_is_the_rest_of_the_line() {
        for (line, value) in [
            ("a=1", "1"),
            ("a  =  1  ", "1"),
            ("a: 1", "1"),
            ("a = b=c:d", "b=c:d"),
            ("a = \"quoted\"", "\"quoted\""),
            ("a =", ""),
            ("a = 1 # not a comment", "1 # not a comment"),
            ("a = 1 ; not a comment", "1 ; not a comment"),
            ("a = 1\r", "1"),
        ] {
            assert_eq!(value_in(&format!("[s]\n{line}\n")), text(value), "{line}");
        }
    }

    #[test]
    fn comments_are_whole_lines_at_any_depth() {
        let commented = "# one\n[s]\n; two\na = 1\n  # three\n  2\n#a = 4\n";
        assert_eq!(value_in(commented), text("1\n2"));
    }

    #[test]
    fn a_deeper_line_continues_the_value_above_it() {
        for (lines, value) in [
            ("a = 1\n 2\n 3", "1\n2\n3"),
            ("a = 1\n\n 2\n\n", "1\n\n2"),
            ("  a = 1\n    2\n  b = 3", "1\n2"),
            ("a = 1\n b = 2", "1\nb = 2"),
            ("a = 1\n [b]", "1\n[b]"),
            ("a =\n\n", ""),
        ] {
            assert_eq!(value_in(&format!("[s]\n{lines}\n")), text(value), "{lines}");
        }
    }

    #[test]
    fn the_first_line_of_a_section_continues_nothing() {
        let ini = parse("[s]\na = 1\n[t]\n  b = 2\n").unwrap();
        let found: Vec<_> = ini
            .sections()
            .map(|(_, s)| (s.get("a"), s.get("b")))
            .collect();
        let (one, two) = (text("1"), text("2"));
        assert_eq!(found, [(Some(&one), None), (None, Some(&two))]);
    }

    #[test]
    fn deeper_lines_below_an_empty_value_are_a_block() {
        assert_eq!(
            value_in("[s]\na =\n  x = 1\n\n  # note\n  Y=2 = 3\nb = 4"),
            block(&[("x", "1"), ("Y", "2 = 3")])
        );
    }

    #[test]
    fn the_settings_of_default_in_capitals_hold_everywhere() {
        let ini = parse("[s]\na = 1\n[DEFAULT]\na = 2\nb = 3\n").unwrap();
        let [(_, section)] = ini.sections().collect::<Vec<_>>()[..] else {
            panic!("{ini:?}");
        };
        assert_eq!(section.get("a"), Some(&text("1")));
        assert_eq!(section.get("b"), Some(&text("3")));
    }

    #[test]
    fn every_kind_of_line_end_and_a_byte_order_mark_are_read() {
        for input in ["\u{feff}[s]\na = 1\n", "[s]\r\na = 1\r\n", "[s]\ra = 1\r"] {
            assert_eq!(value_in(input), text("1"), "{input:?}");
        }
    }

    #[test]
    fn an_empty_text_has_no_sections() {
        for input in ["", "\n\n", "# nothing\n", "\u{feff}"] {
            assert_eq!(parse(input), Ok(Ini::default()), "{input:?}");
        }
    }

    #[test]
    fn malformed_text_is_reported_with_line_and_reason() {
        for (input, line, reason) in [
            ("a = 1\n", 1, "must come first"),
            ("\n  stray\n[s]\n", 2, "must come first"),
            ("[s]\na = 1\nnonsense\n", 3, "neither a section"),
            ("[]\n", 1, "must come first"),
            ("[s]\n[t\n", 2, "neither a section"),
            ("[s]\n = 1\n", 2, "has no name"),
            ("[s]\na = 1\nA = 2\n", 3, "twice in its section"),
            ("[s]\n[t]\n[s]\n", 3, "section appears twice"),
            ("[s]\na =\n  x = 1\n  nonsense\n", 4, "below an empty value"),
        ] {
            let malformed = parse(input).unwrap_err();
            assert_eq!(malformed.line, line, "{input:?}");
            assert!(malformed.reason.contains(reason), "{malformed:?}");
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        // Every text of up to six of these, which include all characters with a meaning in the format.
        let alphabet = ["[", "]", "=", ":", "#", "\n", " ", "\u{e4}", "\r"];
        for length in 0..=6_u32 {
            for mut number in 0..alphabet.len().pow(length) {
                let mut input = String::new();
                for _ in 0..length {
                    input.push_str(alphabet[number % alphabet.len()]);
                    number /= alphabet.len();
                }
                let _ = parse(&input);
            }
        }
    }
}
