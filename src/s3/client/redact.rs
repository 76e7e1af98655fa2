//! Removes secrets from text that came from a server, before it reaches an error or a log.

use crate::s3::credentials::Credentials;

/// Replacement for a secret.
const HIDDEN: &str = "[hidden]";

/// Minimum length of a secret that is hidden everywhere. A shorter one occurs in other words by chance, so it is
/// hidden only as a whole word: an access key `a` must not change `InvalidAccessKeyId`. Credentials of AWS have at
/// least 16 characters.
const SHORT: usize = 8;

/// The query parameters whose values are secret, in lower case. A server may quote the requested URL.
const PARAMETERS: [&str; 3] = [
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
];

/// Suffix of the headers that contain a customer's key (SSE-C).
const CUSTOMER_KEY: &str = "-server-side-encryption-customer-key";

/// The secrets of a request, which no text may contain.
pub(in crate::s3) struct Secrets<'a>(Vec<&'a str>);

impl<'a> Secrets<'a> {
    #[cfg(feature = "aws-chain")]
    pub(in crate::s3) fn new(secrets: Vec<&'a str>) -> Self {
        Self(secrets)
    }

    /// Collects the credentials, and the customer's key from the headers.
    pub(in crate::s3) fn of(
        credentials: Option<&'a Credentials>,
        headers: &'a [(String, String)],
    ) -> Self {
        let mut secrets = Vec::new();
        if let Some(credentials) = credentials {
            secrets.push(credentials.secret_access_key());
            secrets.extend(credentials.session_token());
            secrets.push(credentials.access_key_id());
        }
        let keys = headers
            .iter()
            .filter(|(name, _)| name.ends_with(CUSTOMER_KEY));
        secrets.extend(keys.map(|(_, key)| key.as_str()));
        secrets.retain(|secret| !secret.is_empty());
        Self(secrets)
    }

    /// Returns the text without the secrets, and without the secret parts of signed URLs.
    pub(in crate::s3) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = hide(&text, secret);
        }
        for parameter in PARAMETERS {
            text = hide_parameter(&text, parameter);
        }
        text
    }
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
    // Converting ASCII to lower case does not change offsets.
    let lower = text.to_ascii_lowercase();
    let (mut rest, mut lower) = (text, lower.as_str());
    let mut result = String::with_capacity(text.len());
    while let Some(at) = lower.find(parameter) {
        let (before, after) = rest.split_at(at + parameter.len());
        result.push_str(before);
        (rest, lower) = (after, lower.split_at(at + parameter.len()).1);
        // The second form occurs when a URL is quoted in the query of another.
        for equals in ["=", "%3d"] {
            if let Some(value) = lower.strip_prefix(equals) {
                let (shown, _) = rest.split_at(equals.len());
                result.push_str(shown);
                result.push_str(HIDDEN);
                let end = equals.len() + value_length(value);
                (rest, lower) = (rest.split_at(end).1, lower.split_at(end).1);
            }
        }
    }
    result.push_str(rest);
    result
}

/// Returns the length of the value at the start of the text.
fn value_length(text: &str) -> usize {
    let ends = |c: char| matches!(c, '&' | '<' | '"' | '\'') || c.is_whitespace();
    let end = text.find(ends).unwrap_or(text.len());
    text.find("%26").map_or(end, |ampersand| end.min(ampersand))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_url_loses_its_secrets() {
        let text = "asked <http://h/k?X-Amz-Credential=AKID%2F2013&amp;X-Amz-Expires=300&\
                    X-Amz-Security-Token=tok&X-Amz-Signature=abc> X-Amz-Signature";
        assert_eq!(
            Secrets::of(None, &[]).hide(text),
            "asked <http://h/k?X-Amz-Credential=[hidden]&amp;X-Amz-Expires=300&\
             X-Amz-Security-Token=[hidden]&X-Amz-Signature=[hidden] X-Amz-Signature"
        );
    }

    #[test]
    fn a_url_in_the_query_of_another_loses_its_secrets() {
        let text = "http://portal/?to=http%3A%2F%2Fh%2Fk%3FX-Amz-Signature%3Dabc%26X-Amz-Date%3D1 \
                    x-amz-signature=\u{130}def";
        assert_eq!(
            Secrets::of(None, &[]).hide(text),
            "http://portal/?to=http%3A%2F%2Fh%2Fk%3FX-Amz-Signature%3D[hidden]%26X-Amz-Date%3D1 \
             x-amz-signature=[hidden]"
        );
    }

    #[test]
    fn the_credentials_and_the_customers_key_are_hidden() {
        let credentials = Credentials::new("AKID", "s3cr3t").with_session_token("tok");
        let headers = [
            ("x-amz-server-side-encryption-customer-key", "QUJD"),
            (
                "x-amz-copy-source-server-side-encryption-customer-key",
                "REVG",
            ),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            Secrets::of(Some(&credentials), &headers).hide("AKID s3cr3t tok QUJD REVG AES256"),
            "[hidden] [hidden] [hidden] [hidden] [hidden] AES256"
        );
    }

    #[test]
    fn a_short_credential_is_hidden_as_a_word_only() {
        let credentials = Credentials::new("a", "Key");
        assert_eq!(
            Secrets::of(Some(&credentials), &[]).hide("InvalidAccessKeyId: a, (Key)/Key"),
            "InvalidAccessKeyId: [hidden], ([hidden])/[hidden]"
        );
        let credentials = Credentials::new("admin", "administrator");
        assert_eq!(
            Secrets::of(Some(&credentials), &[]).hide("theadministrators' admin"),
            "the[hidden]s' [hidden]"
        );
    }
}
