//! The time of a file's last change, in the metadata of its object. Pure.
//!
//! S3 returns only the time at which it stored an object. [rclone](https://rclone.org/s3/#modification-times-and-hashes)
//! keeps the file's own time in the entry `mtime`, in seconds since 1970 with a fraction. s3cmd keeps it with other
//! attributes in the entry `s3cmd-attrs`, as `atime:1700000000/mtime:1700000000/uid:0`. This module reads both, and
//! writes rclone's.

use time::{Duration, OffsetDateTime};
use ureq::http::HeaderMap;

use crate::dates::fraction;

/// The name of the entry that is written.
pub(in crate::s3) const NAME: &str = "mtime";

/// Headers of the entries with a time.
const HEADERS: [&str; 2] = ["x-amz-meta-mtime", "x-amz-meta-s3cmd-attrs"];

/// Returns true for the header of an entry with the time of the content.
pub(in crate::s3) fn is_header(name: &str) -> bool {
    HEADERS.contains(&name.to_ascii_lowercase().as_str())
}

/// Returns the file's time in the headers of a HEAD or GET.
pub(in crate::s3) fn of_headers(headers: &HeaderMap) -> Option<OffsetDateTime> {
    let entry = |name| headers.get(name)?.to_str().ok();
    let of_s3cmd = || {
        let mut attributes = entry(HEADERS[1])?.split('/');
        attributes.find_map(|attribute| attribute.trim().strip_prefix("mtime:"))
    };
    let own = entry(HEADERS[0]).and_then(parse);
    own.or_else(|| of_s3cmd().and_then(parse))
}

/// Returns the value of the entry, such as `1700000000.25`.
pub(in crate::s3) fn text(time: OffsetDateTime) -> String {
    let nanoseconds = time.unix_timestamp_nanos();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (seconds, fraction) = (
        nanoseconds.unsigned_abs() / 1_000_000_000,
        nanoseconds.unsigned_abs() % 1_000_000_000,
    );
    let fraction = match fraction {
        0 => String::new(),
        fraction => format!(".{fraction:09}").trim_end_matches('0').to_owned(),
    };
    format!("{sign}{seconds}{fraction}")
}

/// Returns the time in a value: seconds since 1970, with or without a fraction. Digits beyond nanoseconds are truncated.
fn parse(value: &str) -> Option<OffsetDateTime> {
    let value = value.trim();
    let (is_negative, value) = match value.strip_prefix('-') {
        Some(value) => (true, value),
        None => (false, value),
    };
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (seconds, rest) = value.split_at_checked(digits)?;
    let (nanoseconds, rest) = fraction(rest.as_bytes())?;
    if !rest.is_empty() {
        return None;
    }
    let since = Duration::new(seconds.parse().ok()?, i32::try_from(nanoseconds).ok()?);
    let epoch = OffsetDateTime::UNIX_EPOCH;
    match is_negative {
        true => epoch.checked_sub(since),
        false => epoch.checked_add(since),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(nanoseconds: i128) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap()
    }

    #[test]
    fn times_are_read_back_as_they_were_written() {
        for (nanoseconds, written) in [
            (0, "0"),
            (1_700_000_000_000_000_000, "1700000000"),
            (1_700_000_000_250_000_000, "1700000000.25"),
            (1_700_000_000_000_000_001, "1700000000.000000001"),
            (-500_000_000, "-0.5"),
            (-1_500_000_000, "-1.5"),
        ] {
            assert_eq!(text(time(nanoseconds)), written);
            assert_eq!(parse(written), Some(time(nanoseconds)), "{written}");
        }
    }

    #[test]
    fn an_invalid_time_is_none() {
        let huge = "9".repeat(300);
        for value in [
            "", "-", ".5", "1e9", "1,5", "1.5.5", "+1", "x", "1.-5", &huge,
        ] {
            assert_eq!(parse(value), None, "{value:?}");
        }
        assert_eq!(parse("1.0000000019"), Some(time(1_000_000_001)));
        // A year outside the supported range.
        assert_eq!(parse("9999999999999"), None);
    }

    #[test]
    fn both_metadata_entries_are_read_and_mtime_comes_first() {
        let headers = |entries: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in entries {
                headers.insert(*name, value.parse().unwrap());
            }
            of_headers(&headers)
        };
        let s3cmd = (
            "x-amz-meta-s3cmd-attrs",
            "atime:3/ctime:4/gid:0/gname:root/md5:d41d8/mode:33188/mtime:5/uid:0/uname:root",
        );
        let second = |seconds: i128| Some(time(seconds * 1_000_000_000));
        assert_eq!(headers(&[]), None);
        assert_eq!(headers(&[s3cmd]), second(5));
        assert_eq!(headers(&[s3cmd, ("x-amz-meta-mtime", "7")]), second(7));
        assert_eq!(headers(&[s3cmd, ("x-amz-meta-mtime", "soon")]), second(5));
        assert_eq!(headers(&[("x-amz-meta-mtime", "soon")]), None);
    }
}
