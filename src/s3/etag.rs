//! ETags: which of them may stand in a condition, and which name the same version of an object.
//!
//! A proxy that compresses answers weakens the ETags in them (`W/"..."`). A weak ETag never matches in
//! `If-Match`, which compares strongly, so it is never sent; the ETag of each answer is compared instead.
//!
//! Source: [RFC 9110, sections 8.8.3 and 13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3).

const WEAK: &str = "W/";

/// Whether the value has a weak ETag in it.
pub(crate) fn is_weak(value: &str) -> bool {
    each(value).any(|e_tag| e_tag.starts_with(WEAK))
}

/// The value, if it may be sent as a condition.
pub(crate) fn sendable(value: &str) -> Option<&str> {
    Some(value).filter(|value| !is_weak(value))
}

/// The ETag as the store gave it before a proxy weakened it.
pub(crate) fn strong(e_tag: &str) -> &str {
    e_tag.strip_prefix(WEAK).unwrap_or(e_tag)
}

/// The ETag without its quotes and the mark of a weak one: the same in listings and headers.
pub(crate) fn opaque(e_tag: &str) -> &str {
    strong(e_tag.trim()).trim_matches('"')
}

/// Whether two ETags name the same version of an object.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    opaque(one) == opaque(other)
}

/// Whether an ETag is the one, or among those, that an `If-Match` asks for.
pub(crate) fn holds(condition: &str, e_tag: &str) -> bool {
    condition.trim() == "*"
        || is_same(condition, e_tag)
        || each(condition).any(|expected| is_same(expected, e_tag))
}

fn each(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_etag_is_never_sent() {
        for (value, sent) in [
            ("\"a\"", true),
            ("a", true),
            ("*", true),
            ("\"a\", \"b\"", true),
            ("W/\"a\"", false),
            (" W/\"a\"", false),
            ("\"a\", W/\"b\"", false),
        ] {
            assert_eq!(sendable(value).is_some(), sent, "{value}");
        }
    }

    #[test]
    fn a_condition_holds_for_the_version_that_it_names() {
        for (condition, e_tag, expected) in [
            ("\"a\"", "\"a\"", true),
            ("a", "\"a\"", true),
            ("\"a\"", "W/\"a\"", true),
            ("W/\"a\"", "W/\"a\"", true),
            ("W/\"a\"", "\"a\"", true),
            ("*", "\"a\"", true),
            ("\"b\", \"a\"", "\"a\"", true),
            ("\"b\"", "\"a\"", false),
            ("W/\"b\"", "W/\"a\"", false),
            ("\"a\"", "", false),
            ("", "\"a\"", false),
        ] {
            assert_eq!(holds(condition, e_tag), expected, "{condition} {e_tag}");
        }
    }
}
