//! Signature Version 4 in the `Authorization` header, for STS. Requests to S3 are signed in the URL by `rusty-s3`.
//!
//! Source: [Create a signed AWS API request](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use time::{OffsetDateTime, UtcOffset};

use super::Credentials;

/// A request to sign.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    /// Encoded path, without a query.
    pub(super) path: &'a str,
    /// Headers in lower case, sorted by name, including `host`, without `x-amz-date` and `x-amz-security-token`.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// Returns the headers to add to a request: `x-amz-date`, `x-amz-security-token` and `authorization`.
pub(super) fn sign(
    request: &Unsigned<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: OffsetDateTime,
) -> Vec<(&'static str, String)> {
    let now = now.to_offset(UtcOffset::UTC);
    let date = format!(
        "{:04}{:02}{:02}",
        now.year(),
        u8::from(now.month()),
        now.day()
    );
    let moment = format!(
        "{date}T{:02}{:02}{:02}Z",
        now.hour(),
        now.minute(),
        now.second()
    );
    let mut headers: Vec<(&str, &str)> = request.headers.to_vec();
    headers.push(("x-amz-date", &moment));
    if let Some(token) = credentials.session_token() {
        headers.push(("x-amz-security-token", token));
    }
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let canonical = format!(
        "{}\n{}\n\n{lines}\n{names}\n{}",
        request.method,
        request.path,
        hex(&Sha256::digest(request.body))
    );
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let secret = format!("AWS4{}", credentials.secret_access_key());
    let parts = [&date, region, service, "aws4_request", &to_sign];
    let signature = parts
        .iter()
        .fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
        credentials.access_key_id(),
        hex(&signature)
    );
    let mut added = vec![("authorization", authorization)];
    if let Some(token) = credentials.session_token() {
        added.push(("x-amz-security-token", token.to_owned()));
    }
    added.push(("x-amz-date", moment));
    added
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC accepts keys of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// Formats bytes as hexadecimal digits in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method, headers, body, session token, signature.
    type Vector<'a> = (
        &'a str,
        &'a [(&'a str, &'a str)],
        &'a [u8],
        Option<&'a str>,
        &'a str,
    );

    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    /// Vectors of AWS's published test suite (aws-sig-v4-test-suite): `get-vanilla`, `post-vanilla`,
    /// `post-x-www-form-urlencoded`, `post-sts-header-before`, `get-header-value-trim`.
    #[test]
    fn the_test_vectors_of_aws_have_the_published_signatures() {
        let host = ("host", "example.amazonaws.com");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let trim = [
            host,
            ("my-header1", " value1"),
            ("my-header2", " \"a b c\""),
        ];
        let table: [Vector<'_>; 5] = [
            (
                "GET",
                &[host],
                b"",
                None,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                &[host],
                b"",
                None,
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "POST",
                &[form, host],
                b"Param1=value1",
                None,
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "POST",
                &[host],
                b"",
                Some(TOKEN),
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
            (
                "GET",
                &trim,
                b"",
                None,
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
        ];
        let now = OffsetDateTime::from_unix_timestamp(1_440_938_160).unwrap();
        for (method, headers, body, token, expected) in table {
            let mut credentials =
                Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
            if let Some(token) = token {
                credentials = credentials.with_session_token(token);
            }
            let request = Unsigned {
                method,
                path: "/",
                headers,
                body,
            };
            let added = sign(&request, &credentials, "us-east-1", "service", now);
            let (_, authorization) = &added[0];
            assert!(
                authorization.ends_with(&format!("Signature={expected}")),
                "{authorization}"
            );
            assert!(added.contains(&("x-amz-date", "20150830T123600Z".to_owned())));
        }
    }
}
