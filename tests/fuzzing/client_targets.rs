//! The part of [`fuzzing`](crate::fuzzing) for single answers: the wait before a retry, and the redaction of
//! secrets.

use std::time::Duration;

use crate::dates::http_date;
use crate::s3::client::failure;
use crate::s3::client::redact::Secrets;
use crate::s3::client::retry::{Attempt, Decision, Outcome, RetryPolicy};
use crate::s3::credentials::Credentials;

/// Converts the bytes to text, replacing invalid UTF-8.
pub(crate) fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// Splits the bytes into two texts at the first line end.
pub(crate) fn two_texts(data: &[u8]) -> (String, String) {
    let mut halves = data.splitn(2, |byte| *byte == b'\n').map(text);
    let first = halves.next().unwrap_or_default();
    (first, halves.next().unwrap_or_default())
}

/// Checks `Retry-After` with the date of its answer: no value makes the policy overflow, or leads to a wait longer
/// than the total retry time.
pub fn retry_after(data: &[u8]) {
    let (value, date) = two_texts(data);
    let wait = failure::wait(&value, http_date(&date));
    if let Ok(seconds) = value.trim().parse() {
        assert_eq!(wait, Some(Duration::from_secs(seconds)), "{value:?}");
    }
    let policy = RetryPolicy::default();
    let decision = policy.decide(&Attempt {
        number: 1,
        outcome: Outcome::Throttled,
        elapsed: Duration::ZERO,
        retry_after: wait,
        random: 0.5,
    });
    match decision {
        Decision::Again(pause) => assert!(pause < policy.timeout, "{value:?}"),
        Decision::GiveUp(_) => assert!(wait >= Some(policy.timeout), "{value:?}"),
    }
}

/// Checks that a server's message is redacted wherever the secrets occur in it.
pub fn redaction(data: &[u8]) {
    const KEY: &str = "AKIAOFTHEREDACTION";
    const SECRET: &str = "wJalr/XUtnFEMI+K7MDENG";
    const TOKEN: &str = "FwoGZXIvYXdzEJr==";
    const SIGNATURE: &str = "5d672d79c15b13162d9279b0855cfba6";
    let credentials = Credentials::new(KEY, SECRET).with_session_token(TOKEN);
    let secrets = Secrets::of(Some(&credentials), &[]);
    let (before, after) = two_texts(data);
    let signature = format!("X-Amz-Signature={SIGNATURE}");
    for (secret, with) in [
        (KEY, KEY),
        (SECRET, SECRET),
        (TOKEN, TOKEN),
        (SIGNATURE, &signature),
    ] {
        let hidden = secrets.hide(&format!("{before}{with}{after}"));
        let is_known = secret != SIGNATURE
            || !data
                .windows(8)
                .any(|part| SIGNATURE.as_bytes().windows(8).any(|of| of == part));
        assert!(
            !is_known || !hidden.contains(secret),
            "{before:?}, {after:?}: {hidden:?}"
        );
        assert_eq!(secrets.hide(&hidden), hidden, "hidden twice, it is another");
    }
    // Text without a secret stays unchanged.
    let text = text(data);
    let has_one = [KEY, SECRET, TOKEN]
        .iter()
        .any(|secret| text.contains(secret));
    if !has_one && !text.to_ascii_lowercase().contains("x-amz-") {
        assert_eq!(secrets.hide(&text), text);
    }
}
