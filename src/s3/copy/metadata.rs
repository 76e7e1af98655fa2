//! Values of headers that other clients wrote: conversion to text, and to a form that can be sent again. Pure.
//!
//! A value may be plain UTF-8, or encoded words of [RFC 2047](https://www.rfc-editor.org/rfc/rfc2047#section-2), in which
//! S3 returns non-ASCII text
//! ([Working with object metadata](https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html)).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Returns the text of a value. Decodes encoded words, and interprets bytes that are not UTF-8 as Latin-1.
pub(crate) fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if text.contains("=?") => decoded(text),
        Ok(text) => text.to_owned(),
        Err(_) => latin1(value),
    }
}

/// Returns the value if it can be sent again, unchanged, in a signed header. `None` if it is not UTF-8, or has whitespace
/// that a signature treats as a plain space.
pub(crate) fn resendable(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let is_odd = |c: char| c.is_control() || c.is_whitespace() && c != ' ';
    let is_sent = !text.is_empty() && text.trim() == text && !text.contains(is_odd);
    // A replacement character means that bytes were read as text although they were not.
    is_sent
        .then_some(text)
        .filter(|text| !text.contains(char::REPLACEMENT_CHARACTER))
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Returns the text with its encoded words decoded. A space between two encoded words is not part of the text. A
/// character may be split between two successive words.
fn decoded(text: &str) -> String {
    let mut result = String::new();
    let mut run: Option<Run> = None;
    for (number, piece) in text.split(' ').enumerate() {
        let word = word(piece);
        if let (Some(word), Some(run)) = (&word, &mut run)
            && run.is_utf8 == word.is_utf8
        {
            run.bytes.extend_from_slice(&word.bytes);
            continue;
        }
        let follows_word = run.is_some();
        result.extend(run.take().map(Run::text));
        if number > 0 && !(follows_word && word.is_some()) {
            result.push(' ');
        }
        match word {
            Some(word) => run = Some(word),
            None => result.push_str(piece),
        }
    }
    result.extend(run.map(Run::text));
    result
}

/// The bytes of successive encoded words in one charset.
struct Run {
    is_utf8: bool,
    bytes: Vec<u8>,
}

impl Run {
    fn text(self) -> String {
        match self.is_utf8 {
            true => String::from_utf8_lossy(&self.bytes).into_owned(),
            false => latin1(&self.bytes),
        }
    }
}

/// Decodes `=?charset?B?base64?=` or `=?charset?Q?quoted?=`, if the piece is an encoded word in a supported charset.
fn word(piece: &str) -> Option<Run> {
    let inner = piece.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inner.splitn(3, '?');
    let (charset, encoding, content) = (parts.next()?, parts.next()?, parts.next()?);
    let is_utf8 = match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" => true,
        "iso-8859-1" => false,
        _ => return None,
    };
    let bytes = match encoding {
        "B" | "b" => BASE64.decode(content).ok()?,
        "Q" | "q" => quoted(content)?,
        _ => return None,
    };
    Some(Run { is_utf8, bytes })
}

/// Returns the bytes of the "Q" encoding: `_` is a space, `=` begins two hexadecimal digits.
fn quoted(content: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = content.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        bytes.push(match first {
            b'_' => b' ',
            b'=' => {
                let (digits, others) = rest.split_at_checked(2)?;
                rest = others;
                let digits = std::str::from_utf8(digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            other => *other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (value, expected) in [
            ("plain", "plain"),
            ("café", "café"),
            ("two  spaces", "two  spaces"),
            ("=?UTF-8?B?Y2Fmw6k=?=", "café"),
            ("=?utf-8?b?Y2Fmw6k=?=", "café"),
            ("=?UTF-8?Q?caf=C3=A9_au_lait?=", "café au lait"),
            ("=?ISO-8859-1?Q?caf=E9?=", "café"),
            ("=?UTF-8?Q?a?= =?UTF-8?Q?b?=", "ab"),
            // A character split between two words, and a run of two charsets.
            ("=?UTF-8?B?Y2Fmww==?= =?UTF-8?B?qQ==?=", "café"),
            ("=?UTF-8?Q?a?= =?ISO-8859-1?Q?=E9?=", "aé"),
            ("a =?UTF-8?Q?b?= c  d", "a b c  d"),
            // Text that is not an encoded word stays unchanged.
            ("=?UTF-8?B?!?=", "=?UTF-8?B?!?="),
            ("=?UTF-8?Q?=4?=", "=?UTF-8?Q?=4?="),
            ("=?koi8-r?Q?a?=", "=?koi8-r?Q?a?="),
            ("=?UTF-8?X?a?=", "=?UTF-8?X?a?="),
            ("what=?=?", "what=?=?"),
            ("=?", "=?"),
            ("", ""),
        ] {
            assert_eq!(text(value.as_bytes()), expected, "{value}");
        }
        assert_eq!(text(b"caf\xe9"), "café");
    }

    #[test]
    fn only_metadata_that_a_header_carries_unchanged_is_sent_again() {
        for value in [
            "plain",
            "café",
            "two  spaces",
            "=?UTF-8?B?Y2Fmw6k=?=",
            "日本",
        ] {
            assert_eq!(resendable(value.as_bytes()), Some(value));
        }
        for value in [
            "",
            " a",
            "a ",
            "a\tb",
            "a\u{a0}b",
            "a\u{3000}b",
            "a\u{fffd}",
            "a\nb",
        ] {
            assert_eq!(resendable(value.as_bytes()), None, "{value:?}");
        }
        assert_eq!(resendable(b"caf\xe9"), None);
    }
}
