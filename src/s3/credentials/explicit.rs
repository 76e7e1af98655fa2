//! The first source: credentials passed by the caller.

use super::{Credentials, Parts, failed};
use crate::error::Result;

const KEY: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";

/// Returns the credentials that the caller passed.
///
/// A blank one is an error instead of an absent one: if a program passes on an empty variable, requests must not be
/// signed with the identity of the next source in the chain.
pub(super) fn credentials(parts: &Parts) -> Result<Option<Credentials>> {
    for (name, value) in [
        (KEY, &parts.access_key_id),
        (SECRET, &parts.secret_access_key),
    ] {
        if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
            return Err(failed(format!("the given {name} is blank")));
        }
    }
    let mut parts = parts.clone();
    parts.session_token.take_if(|token| token.trim().is_empty());
    let has_token = parts.session_token.is_some();
    let found = parts.complete("the caller passed", [KEY, SECRET])?;
    if found.is_none() && has_token {
        return Err(failed(format!(
            "the caller passed aws_session_token but neither {KEY} nor {SECRET}"
        ))
        .with_hint(
            "pass the session token together with the access key and the secret it was issued with",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(key: Option<&str>, secret: Option<&str>, token: Option<&str>) -> Parts {
        Parts {
            access_key_id: key.map(str::to_owned),
            secret_access_key: secret.map(str::to_owned),
            session_token: token.map(str::to_owned),
        }
    }

    #[test]
    fn a_complete_set_is_used_and_an_empty_one_is_none() {
        let found = credentials(&given(Some("K"), Some("S"), Some("T")))
            .unwrap()
            .unwrap();
        assert_eq!(found.access_key_id(), "K");
        assert_eq!(found.secret_access_key(), "S");
        assert_eq!(found.session_token(), Some("T"));
        assert!(credentials(&given(None, None, None)).unwrap().is_none());
    }

    #[test]
    fn a_blank_token_is_no_token() {
        let found = credentials(&given(Some("K"), Some("S"), Some(" ")))
            .unwrap()
            .unwrap();
        assert_eq!(found.session_token(), None);
        assert!(credentials(&given(None, None, Some(""))).unwrap().is_none());
    }

    #[test]
    fn a_missing_or_blank_value_is_named() {
        for (parts, words) in [
            (
                given(Some("K"), None, None),
                "passed aws_access_key_id but not aws_secret_access_key",
            ),
            (
                given(None, Some("S"), Some("T")),
                "passed aws_secret_access_key but not aws_access_key_id",
            ),
            (
                given(None, None, Some("T")),
                "passed aws_session_token but neither",
            ),
            (
                given(Some(""), Some("S"), None),
                "given aws_access_key_id is blank",
            ),
            (
                given(Some("K"), Some(" "), None),
                "given aws_secret_access_key is blank",
            ),
        ] {
            let error = credentials(&parts).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
