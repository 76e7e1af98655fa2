//! Splits the name of a section, such as `profile "my team"`, into words as a POSIX shell does.
//!
//! botocore splits them with Python's `shlex.split` (`configloader.py`).

/// Returns the words of a text, or `None` if a quotation mark or an escape is left open.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            quote @ ('"' | '\'') => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        end if end == quote => break,
                        // Between double quotes, only these two characters can be escaped.
                        '\\' if quote == '"' => match rest.next()? {
                            escaped @ ('"' | '\\') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(rest.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_quoted_as_in_a_shell() {
        for (text, words) in [
            ("", &[][..]),
            ("profile x", &["profile", "x"]),
            ("profile\t  x ", &["profile", "x"]),
            ("profile \"my team\"", &["profile", "my team"]),
            ("profile 'my team'", &["profile", "my team"]),
            ("profile my\\ team", &["profile", "my team"]),
            ("profile a\"b c\"d", &["profile", "ab cd"]),
            ("profile \"a\\\"b\\\\c\\d\"", &["profile", "a\"b\\c\\d"]),
            ("profile 'a\\'", &["profile", "a\\"]),
            ("profile \"\"", &["profile", ""]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn text_with_an_open_quote_has_no_words() {
        for text in ["profile \"x", "profile 'x", "profile x\\", "\"\\"] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
