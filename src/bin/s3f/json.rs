//! JSON, one object per line.

use std::fmt::Write as _;

use time::OffsetDateTime;

use crate::text;

/// A JSON object, built field by field.
pub struct Object(String);

impl Object {
    pub fn new() -> Self {
        Self(String::from("{"))
    }

    pub fn text(self, name: &str, value: &str) -> Self {
        self.raw(name, &quoted(value))
    }

    pub fn text_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub fn number(self, name: &str, value: u64) -> Self {
        self.raw(name, &value.to_string())
    }

    pub fn time_if(self, name: &str, value: Option<OffsetDateTime>) -> Self {
        self.text_if(name, value.map(text::time).as_deref())
    }

    pub fn object(self, name: &str, value: Self) -> Self {
        self.raw(name, &value.end())
    }

    fn raw(mut self, name: &str, value: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(value);
        self
    }

    /// Returns the text of the object.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Returns a string in quotation marks, with everything except printable ASCII and letters escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ' => quoted.push(c),
            c => {
                let mut utf16 = [0; 2];
                for unit in c.encode_utf16(&mut utf16) {
                    // Writing to a string cannot fail.
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_always_one_line() {
        let object = Object::new()
            .text("na\"me", "a\n\u{1b}\\é\u{1f600}")
            .number("size", u64::MAX)
            .text_if("none", None)
            .object("inner", Object::new());
        assert_eq!(
            object.end(),
            "{\"na\\\"me\":\"a\\u000a\\u001b\\\\é\\ud83d\\ude00\",\"size\":18446744073709551615,\
             \"inner\":{}}"
        );
    }
}
