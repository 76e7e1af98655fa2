//! Conversion of sizes, times and names to and from text.

use std::time::Duration;

use time::{OffsetDateTime, UtcOffset};

/// Returns a size in bytes from text such as `512`, `10K`, `1.5M` or `2GiB`, in powers of 1,024.
pub fn size(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let unit = unit.to_ascii_lowercase();
    let unit = unit
        .strip_suffix("ib")
        .or(unit.strip_suffix('b'))
        .unwrap_or(&unit);
    let power = ["", "k", "m", "g", "t", "p"]
        .iter()
        .position(|name| *name == unit)?;
    let bytes = number * 1024_f64.powi(i32::try_from(power).ok()?);
    // The limit is larger than any object. The conversion of a float saturates.
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// Returns a duration from text such as `90s`, `15m`, `12h` or `7d`. Without a unit, the number is in seconds.
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.char_indices().next_back()? {
        (_, last) if last.is_ascii_digit() => (text, 's'),
        (at, last) => (text.get(..at)?, last),
    };
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// Returns a human-readable size: up to three digits and a unit.
pub fn human(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if value < 999.5 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    match unit {
        "B" => format!("{bytes} B"),
        unit if value < 9.95 => format!("{value:.1} {unit}"),
        unit => format!("{value:.0} {unit}"),
    }
}

/// Returns a time in UTC in the format of RFC 3339, in whole seconds.
pub fn time(time: OffsetDateTime) -> String {
    let utc = time.to_offset(UtcOffset::UTC);
    let (date, (hour, minute, second)) = (utc.date(), utc.to_hms());
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Escapes characters that a terminal interprets: control characters and those that change the text direction.
pub fn printable(text: &str) -> String {
    if !text.contains(is_active) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_active(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
        )
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Returns a path as in an FS URL, for use as an operand and for output.
pub fn url_path(path: &str) -> String {
    let mut url = String::with_capacity(path.len());
    for c in path.chars() {
        if is_active(c) || " !\"#%<>?@\\^`{|}".contains(c) {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                url.push_str(&format!("%{byte:02X}"));
            }
        } else {
            url.push(c);
        }
    }
    url
}

/// Returns the candidate that is most similar to a word, if one is similar enough.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.map(|candidate| (distance(word, candidate), candidate));
    let (distance, candidate) = near.min()?;
    (distance <= 1 + word.len() / 4).then_some(candidate)
}

/// Returns the number of characters to insert, remove or replace.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (number, c) in one.chars().enumerate() {
        let mut diagonal = number;
        let mut left = number + 1;
        for (cell, d) in row.iter_mut().skip(1).zip(&other) {
            let above = *cell;
            let replaced = diagonal + usize::from(c != *d);
            left = replaced.min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = number + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("10K", 10 << 10),
            ("1.5m", 3 << 19),
            ("2GiB", 2 << 30),
            ("1TB", 1 << 40),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "x", "1X", "-1", "1e9", "99999999P", "K"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(duration("90"), Some(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Some(Duration::from_secs(7 * 86_400)));
        for text in ["", "d", "1x", "-1s", "1.5h", "99999999999999999w"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_for_people_have_a_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KiB"),
            (10 << 10, "10 KiB"),
            (1_500_000, "1.4 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn printed_text_cannot_control_a_terminal() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(printable("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(printable("é 文"), "é 文");
    }

    #[test]
    fn a_path_survives_the_conversion_to_a_url_and_back() {
        let path = "a b/100%?!#\n\u{202e}é@x+&=";
        let url = format!("s3://bucket/{}", url_path(path));
        let url = s3fs::FsUrl::parse(&url).map(|url| url.resource().to_owned());
        // A control character cannot be in a URL at all. It is only printed.
        assert!(url.is_err());
        let path = path.replace('\n', "");
        let url = s3fs::FsUrl::parse(&format!("s3://bucket/{}", url_path(&path))).unwrap();
        assert_eq!(url.resource(), format!("bucket/{path}"));
    }

    #[test]
    fn suggestions_are_similar_words() {
        let words = ["ls", "sync", "presign"];
        assert_eq!(nearest("lss", words.into_iter()), Some("ls"));
        assert_eq!(nearest("presing", words.into_iter()), Some("presign"));
        assert_eq!(nearest("mybucket", words.into_iter()), None);
    }
}
