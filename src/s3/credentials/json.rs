//! JSON objects, from which the sources read a few strings.

use serde_json::{Map, Value};

use super::Credentials;
use crate::dates::iso_date;

/// A JSON object.
pub(super) struct Object(Map<String, Value>);

impl Object {
    /// Parses an object. Returns `None` for anything else.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        match serde_json::from_slice(text).ok()? {
            Value::Object(fields) => Some(Self(fields)),
            _ => None,
        }
    }

    /// Returns a string that is not blank.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.as_str()?;
        (!text.trim().is_empty()).then_some(text)
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    pub(super) fn object(mut self, name: &str) -> Option<Self> {
        match self.0.remove(name)? {
            Value::Object(fields) => Some(Self(fields)),
            _ => None,
        }
    }

    /// Returns the credentials in fields of those names, or the name of the field that is missing or wrong. The token and
    /// the expiry are optional.
    pub(super) fn credentials(
        &self,
        [key, secret, token, expiry]: [&'static str; 4],
    ) -> Result<Credentials, &'static str> {
        let mut found =
            Credentials::new(self.text(key).ok_or(key)?, self.text(secret).ok_or(secret)?);
        if let Some(token) = self.text(token) {
            found = found.with_session_token(token);
        }
        if self.0.get(expiry).is_none_or(Value::is_null) {
            return Ok(found);
        }
        let at = self.text(expiry).and_then(date).ok_or(expiry)?;
        Ok(found.with_expiry(at))
    }
}

/// Parses a date as AWS writes it: RFC 3339, with `UTC` for `Z` in old files of the AWS CLI.
pub(super) fn date(text: &str) -> Option<time::OffsetDateTime> {
    let text = text.trim();
    if let Some(date) = text.strip_suffix("UTC") {
        return iso_date(&format!("{date}Z"));
    }
    // The offset of `date +%z` has no colon, and some offsets have only hours.
    let (date, offset) = text
        .split_at_checked(text.rfind(['+', '-'])?.max(10))
        .unwrap_or((text, ""));
    let is_digits = |digits: &str| digits.chars().all(|c| c.is_ascii_digit());
    match offset.get(1..).filter(|digits| is_digits(digits)) {
        Some(hours) if hours.len() == 2 => iso_date(&format!("{text}:00")),
        Some(digits) if digits.len() == 4 => {
            let (hours, minutes) = offset.split_at(3);
            iso_date(&format!("{date}{hours}:{minutes}"))
        }
        _ => iso_date(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["Key", "Secret", "Token", "Expiration"];

    #[test]
    fn credentials_are_read_and_missing_fields_are_named() {
        for (text, expected) in [
            (
                r#"{"Key":"k","Secret":"s","Token":"t","Expiration":"2026-11-28T12:00:00Z"}"#,
                Ok(Some("t")),
            ),
            (r#"{"Key":"k","Secret":"s"}"#, Ok(None)),
            (
                r#"{"Key":"k","Secret":"s","Token":null,"Expiration":null}"#,
                Ok(None),
            ),
            (r#"{"Secret":"s"}"#, Err("Key")),
            (r#"{"Key":" ","Secret":"s"}"#, Err("Key")),
            (r#"{"Key":"k","Secret":7}"#, Err("Secret")),
            (
                r#"{"Key":"k","Secret":"s","Expiration":"soon"}"#,
                Err("Expiration"),
            ),
        ] {
            let found = Object::parse(text.as_bytes()).unwrap().credentials(NAMES);
            let token = found.map(|found| found.session_token().map(str::to_owned));
            assert_eq!(
                token,
                expected.map(|token| token.map(str::to_owned)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_value_that_is_no_object_is_none_and_depth_is_bounded() {
        let deep = "[".repeat(100_000);
        for text in ["", "[]", "7", "{", "{}}", "\"x\"", &deep] {
            assert!(Object::parse(text.as_bytes()).is_none());
        }
    }

    #[test]
    fn dates_have_the_forms_of_aws() {
        for text in [
            "2026-11-28T12:00:00Z",
            "2026-11-28T13:00:00+01:00",
            "2026-11-28T12:00:00.000Z",
            "2026-11-28T12:00:00UTC",
            "2026-11-28T12:00:00+0000",
            "2026-11-28T13:00:00+0100",
            "2026-11-28T07:00:00-05",
        ] {
            assert_eq!(
                date(text).unwrap().unix_timestamp(),
                1_795_867_200,
                "{text}"
            );
        }
    }
}
