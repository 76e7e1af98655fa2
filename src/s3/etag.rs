//! ETags: checking whether they may be sent in a condition, and comparing them.
//!
//! A proxy that compresses responses weakens their ETags (`W/"..."`). A weak ETag never matches in `If-Match`, which uses
//! strong comparison, so it is never sent. The ETag of each response is compared instead.
//!
//! Source: [RFC 9110, sections 8.8.3 and 13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3).

const WEAK: &str = "W/";

/// Returns true if the value contains a weak ETag.
pub(crate) fn is_weak(value: &str) -> bool {
    each(value).any(|e_tag| e_tag.starts_with(WEAK))
}

/// Returns the value, if it may be sent as a condition.
pub(crate) fn sendable(value: &str) -> Option<&str> {
    Some(value).filter(|value| !is_weak(value))
}

/// Returns the ETag without the mark of a weak one, as the store returned it before a proxy weakened it.
pub(crate) fn strong(e_tag: &str) -> &str {
    e_tag.strip_prefix(WEAK).unwrap_or(e_tag)
}

/// Returns the ETag without its quotes and the mark of a weak one. It is identical in listings and headers.
pub(crate) fn opaque(e_tag: &str) -> &str {
    strong(e_tag.trim()).trim_matches('"')
}

/// Returns true if two ETags identify the same version of an object.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    opaque(one) == opaque(other)
}

/// Returns true if an ETag satisfies an `If-Match` condition, which is `*`, one ETag or a list of them.
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
    fn a_condition_holds_for_the_named_version_only() {
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
