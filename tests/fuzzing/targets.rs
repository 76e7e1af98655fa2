//! The code that parses bytes from outside, as functions of bytes: for the fuzzer in `fuzz/`, and for tests, which have
//! their own inputs.
//!
//! Each function parses its bytes in every way that the library does, and panics if a promise does not hold. None of this is
//! part of the crate's interface.

use crate::fs_url::{FsUrl, redacted};
use crate::wildcard::Pattern;
use crate::{ErrorKind, Mode, S3FsBuilder, dates, glob, path, wildcard};

pub use crate::s3::fuzzing::{
    aws_config, aws_configuration, content_range, error_answers, keys, profiles, redaction,
    retry_after, xml_answers,
};
use crate::s3::fuzzing::{text, two_texts};

/// A fuzz target. It accepts any bytes.
pub type Target = fn(&[u8]);

/// All targets, by their names in `fuzz/`.
pub const TARGETS: [(&str, Target); 12] = [
    ("aws_config", aws_config),
    ("content_range", content_range),
    ("dates", dates),
    ("error_answers", error_answers),
    ("fs_urls", fs_urls),
    ("keys", keys),
    ("paths", paths),
    ("patterns", patterns),
    ("profiles", profiles),
    ("redaction", redaction),
    ("retry_after", retry_after),
    ("xml_answers", xml_answers),
];

/// FS URLs: parses them, and checks that no secret of a rejected URL is shown.
pub fn fs_urls(data: &[u8]) {
    const SECRET: &str = "KjHgFdSaQwEr";
    let url = text(data);
    read_url(&url);
    // Text before the last `@` is never shown, whatever it is.
    let (before, after) = two_texts(data);
    let url = format!("{before}{SECRET}@{after}");
    read_url(&url);
    let is_secret = |read: &FsUrl| {
        let of_user = [read.username(), read.password()];
        of_user
            .into_iter()
            .flatten()
            .any(|part| part.contains(SECRET))
    };
    let mut shown = redacted(&url);
    match FsUrl::parse(&url) {
        // A part that is neither user nor password may contain an `@`, and is shown.
        Ok(read) if !is_secret(&read) => {}
        Ok(read) => {
            shown += &format!("{read:?}");
            match S3FsBuilder::from_url(&read, false) {
                Ok(builder) => shown += &format!("{builder:?}"),
                Err(error) => shown += &format!("{error} {error:?}"),
            }
        }
        Err(error) => shown += &format!("{error} {error:?}"),
    }
    // The text is not a secret if it is part of something else, such as the scheme.
    let is_said = before.contains(SECRET) || after.contains(SECRET);
    assert!(
        after.contains('@') || is_said || !shown.contains(SECRET),
        "{url:?} shows its secret: {shown}"
    );
}

fn read_url(url: &str) {
    let hidden = redacted(url);
    assert_eq!(
        hidden,
        redacted(&hidden),
        "hidden twice, {url:?} is another"
    );
    match FsUrl::parse(url) {
        Ok(read) => {
            assert!(
                url.starts_with(read.protocol()),
                "{url:?} has another protocol"
            );
            for (name, value) in read.params() {
                assert_eq!(read.param(name), Some(value), "{url:?} has two of {name:?}");
            }
            let _ = S3FsBuilder::from_url(&read, true);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::ParseUrl, "{url:?}"),
    }
}

/// Dates of headers and of listings: formatting and parsing a parsed date returns the same second.
pub fn dates(data: &[u8]) {
    let text = text(data);
    for date in [dates::http_date(&text), dates::iso_date(&text)] {
        let Some(date) = date else { continue };
        if let Some(written) = dates::format_http_date(date) {
            let again = dates::http_date(&written).map(|date| date.unix_timestamp());
            assert_eq!(again, Some(date.unix_timestamp()), "{text:?}, {written:?}");
        }
    }
}

/// Paths and modes: normal forms are normal, and split paths can be joined again.
pub fn paths(data: &[u8]) {
    let (first, second) = two_texts(data);
    let _ = Mode::new(&first);
    for one in [&first, &second] {
        one_path(one);
    }
    let _ = path::isbase(&first, &second);
    let _ = path::isparent(&first, &second);
    let _ = path::issamedir(&first, &second);
    let _ = path::frombase(&first, &second);
    let _ = path::relativefrom(&first, &second);
    let _ = path::combine(&first, &second);
    if let Ok(joined) = path::join([&*first, &*second]) {
        assert_normal(&joined);
    }
}

fn one_path(one: &str) {
    let normal = match path::normpath(one) {
        Ok(normal) => normal,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::IllegalBackReference, "{one:?}");
            return;
        }
    };
    assert_normal(&normal);
    assert_eq!(path::isabs(one), path::isabs(&normal), "{one:?}");
    let (head, tail) = path::split(&normal);
    assert_eq!(
        path::combine(head, tail).trim_start_matches('/'),
        normal.trim_start_matches('/')
    );
    assert_eq!(
        (head, tail),
        (path::dirname(&normal), path::basename(&normal))
    );
    let parts = path::parts(&normal);
    assert!(
        parts.is_ok_and(|parts| !parts.is_empty()),
        "{one:?} has no parts"
    );
    let names = path::iteratepath(&normal);
    let levels = path::recursepath(&normal);
    let (Ok(names), Ok(levels)) = (names, levels) else {
        panic!("{one:?} is normal as {normal:?}, which has no names");
    };
    assert_eq!(levels.len(), names.len() + 1, "{one:?}");
    if let Ok((root, extension)) = path::splitext(&normal) {
        assert_eq!(format!("{root}{extension}"), *normal);
    }
}

fn assert_normal(normal: &str) {
    let again = path::normpath(normal);
    assert!(
        again.is_ok_and(|again| again == normal),
        "{normal:?} is not normal"
    );
    let names = normal.strip_prefix('/').unwrap_or(normal);
    let odd = |name: &str| matches!(name, "" | "." | "..");
    assert!(
        names.is_empty() || !names.split('/').any(odd),
        "{normal:?} is not normal"
    );
}

/// Wildcards and globs against names and paths: checks the guarantees on which listings rely.
pub fn patterns(data: &[u8]) {
    let (pattern, name) = two_texts(data);
    let compiled = Pattern::new(&pattern, true);
    let matches = wildcard::matches(&pattern, &name);
    if matches {
        assert!(
            name.starts_with(&compiled.literal_prefix()),
            "{pattern:?}, {name:?}"
        );
        assert!(
            compiled.literal().is_none_or(|only| only == name),
            "{pattern:?}, {name:?}"
        );
    }
    let folded = wildcard::imatches(&pattern, &name);
    assert!(
        folded || !matches || pattern.contains("[!"),
        "{pattern:?}, {name:?}"
    );
    assert!(
        wildcard::matches("*", &name) != name.contains('/'),
        "{name:?}"
    );
    if !pattern.contains(['*', '?', '[']) {
        assert_eq!(matches, pattern == name, "{pattern:?}, {name:?}");
    }
    match glob::matches(&pattern, &name) {
        Ok(_) => assert!(glob::imatches(&pattern, &name).is_ok(), "{pattern:?}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::IllegalBackReference, "{pattern:?}"),
    }
}
