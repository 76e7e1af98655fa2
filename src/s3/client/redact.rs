//! Takes secrets out of text that came from a server, before anybody sees it.

use crate::s3::credentials::Credentials;

/// What stands where a secret was.
const HIDDEN: &str = "[hidden]";

/// A credential that is shorter stands in other words by chance, and is hidden only where it is a
/// word: an access key `a` must not make another error of `InvalidAccessKeyId`. Those of AWS have
/// 16 characters and more.
const SHORT: usize = 8;

/// The query parameters whose values are secret; a server may quote the URL that it was asked.
const PARAMETERS: [&str; 3] = [
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
];

/// The text without the credentials and without the secret parts of signed URLs.
pub(super) fn redact(text: &str, credentials: Option<&Credentials>) -> String {
    let mut text = text.to_owned();
    if let Some(credentials) = credentials {
        let secrets = [
            Some(credentials.secret_access_key()),
            credentials.session_token(),
            Some(credentials.access_key_id()),
        ];
        for secret in secrets.into_iter().flatten().filter(|s| !s.is_empty()) {
            text = hide(&text, secret);
        }
    }
    for parameter in PARAMETERS {
        text = hide_parameter(&text, parameter);
    }
    text
}

fn hide(text: &str, secret: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut end = 0;
    for (at, found) in text.match_indices(secret) {
        let joins = |c: char| secret.len() < SHORT && c.is_ascii_alphanumeric();
        if text[..at].ends_with(joins) || text[at + found.len()..].starts_with(joins) {
            continue;
        }
        result.push_str(&text[end..at]);
        result.push_str(HIDDEN);
        end = at + found.len();
    }
    result.push_str(&text[end..]);
    result
}

fn hide_parameter(text: &str, parameter: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(parameter) {
        let (before, after) = rest.split_at(at + parameter.len());
        result.push_str(before);
        rest = after;
        // "name=value", or "name: value" in a canonical request.
        if let Some(value) = after.strip_prefix('=') {
            let end = value
                .find(|c: char| c == '&' || c == '<' || c == '"' || c == '\'' || c.is_whitespace())
                .unwrap_or(value.len());
            result.push('=');
            result.push_str(HIDDEN);
            rest = &value[end..];
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_url_loses_its_secrets() {
        let text = "asked <http://h/k?X-Amz-Credential=AKID%2F2013&amp;X-Amz-Expires=300&\
                    X-Amz-Security-Token=tok&X-Amz-Signature=abc> X-Amz-Signature";
        assert_eq!(
            redact(text, None),
            "asked <http://h/k?X-Amz-Credential=[hidden]&amp;X-Amz-Expires=300&\
             X-Amz-Security-Token=[hidden]&X-Amz-Signature=[hidden] X-Amz-Signature"
        );
    }

    #[test]
    fn the_credentials_themselves_are_hidden() {
        let credentials = Credentials::new("AKID", "s3cr3t", Some("tok"));
        assert_eq!(
            redact("AKID and s3cr3t and tok", Some(&credentials)),
            "[hidden] and [hidden] and [hidden]"
        );
    }

    #[test]
    fn a_short_credential_is_hidden_as_a_word_only() {
        let credentials = Credentials::new("a", "Key", None);
        assert_eq!(
            redact("InvalidAccessKeyId: a, (Key)/Key", Some(&credentials)),
            "InvalidAccessKeyId: [hidden], ([hidden])/[hidden]"
        );
        let credentials = Credentials::new("admin", "administrator", None);
        assert_eq!(
            redact("theadministrators' admin", Some(&credentials)),
            "the[hidden]s' [hidden]"
        );
    }
}
