//! Permissions: the checks that `s3s` leaves to the store, and the two hooks that it offers.
//!
//! `s3s` verifies signatures, dates and the form of the credential. This module checks the region, the session token, the
//! seven-day limit, unsigned headers, and anonymous requests.
//! Source: "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", Amazon S3 API Reference.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::request::Parts;
use http::{StatusCode, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3ErrorCode, S3Result};

use super::answers::{Refusal, error, error_with};
use super::attributes::text;
use super::clock::{self, Clock, parse_date};
use super::request::Target;

/// The requirements of a server on its callers. Clones share later changes.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The initial credentials.
    pub keys: Keys,
    pub region: String,
    /// Whether anyone may read and list.
    pub public_read: bool,
    pub clock: Clock,
    pub changed: Arc<Mutex<Changed>>,
}

/// Credentials.
#[derive(Clone, Debug)]
pub struct Keys {
    pub access_key: String,
    pub secret_key: String,
    /// The session token that belongs to the key, if the key is temporary.
    pub token: Option<String>,
}

/// Changes of the credentials since the server started.
#[derive(Debug, Default)]
pub struct Changed {
    /// Whether the initial credentials have expired.
    pub expired: bool,
    /// Additional credentials, which are also accepted.
    pub more: Vec<Keys>,
}

/// Maximum difference between the clocks of client and server.
const SKEW: Duration = Duration::from_secs(15 * 60);

const WEEK: u64 = 7 * 24 * 60 * 60;

/// The parts of a signature that this module checks, from the query or from the `Authorization` header.
struct Signature {
    in_query: bool,
    credential: String,
    signed_headers: String,
    token: Option<String>,
}

impl Signature {
    fn of(parts: &Parts, target: &Target) -> Option<Self> {
        if let Some(credential) = target.query("X-Amz-Credential") {
            return Some(Self {
                in_query: true,
                credential: credential.to_owned(),
                signed_headers: target.query("X-Amz-SignedHeaders")?.to_owned(),
                token: target.query("X-Amz-Security-Token").map(str::to_owned),
            });
        }
        let authorization = text(&parts.headers, "authorization")?;
        let field = |name| {
            let (_, rest) = authorization.split_once(name)?;
            Some(rest.split(',').next()?.trim().to_owned())
        };
        Some(Self {
            in_query: false,
            credential: field("Credential=")?,
            signed_headers: field("SignedHeaders=")?,
            token: text(&parts.headers, "x-amz-security-token").map(str::to_owned),
        })
    }

    fn region(&self) -> Option<&str> {
        // <key>/<date>/<region>/s3/aws4_request; the key may contain slashes.
        self.credential.rsplit('/').nth(2)
    }

    fn access_key(&self) -> &str {
        let before = self.credential.rsplitn(5, '/').nth(4);
        before.unwrap_or_default()
    }
}

/// Returns the URI that `s3s` needs if the server's clock differs from the machine's.
pub fn signed_now(policy: &Policy, parts: &Parts, target: &Target) -> Option<Uri> {
    let signature = Signature::of(parts, target).filter(|_| !policy.clock.is_right())?;
    let keys = policy.keys_of(signature.access_key())?;
    clock::signed_now(parts, target, &keys, &policy.region)
}

impl Policy {
    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the credentials with this access key.
    fn keys_of(&self, access_key: &str) -> Option<Keys> {
        let changed = self.changed();
        let mut known = changed.more.iter().chain([&self.keys]);
        known.find(|keys| keys.access_key == access_key).cloned()
    }

    /// Runs the checks that precede those of `s3s`.
    pub fn check(&self, parts: &Parts, target: &Target) -> Result<(), Refusal> {
        let Some(signature) = Signature::of(parts, target) else {
            return Ok(());
        };
        check_expires(target)?;
        check_date(target, self.now())?;
        self.check_region(&signature)?;
        self.check_token(&signature)?;
        check_all_signed(parts, &signature)
    }

    fn check_region(&self, signature: &Signature) -> Result<(), Refusal> {
        let given = signature.region().unwrap_or_default();
        if given == self.region {
            return Ok(());
        }
        let (code, what) = if signature.in_query {
            (
                "AuthorizationQueryParametersError",
                "Error parsing the X-Amz-Credential parameter",
            )
        } else {
            (
                "AuthorizationHeaderMalformed",
                "The authorization header is malformed",
            )
        };
        let message = format!(
            "{what}; the region '{given}' is wrong; expecting '{}'",
            self.region
        );
        Err(Refusal::new(StatusCode::BAD_REQUEST, code, message)
            .detail("Region", &self.region)
            .header("x-amz-bucket-region", &self.region))
    }

    fn check_token(&self, signature: &Signature) -> Result<(), Refusal> {
        let keys = self.keys_of(signature.access_key());
        let wanted = keys.as_ref().and_then(|keys| keys.token.as_ref());
        let refuse = |code, message: &str| {
            let given = signature.token.as_deref().unwrap_or_default();
            Refusal::new(StatusCode::BAD_REQUEST, code, message).detail("Token-0", given)
        };
        // An unknown key has no expected token: `s3s` refuses the key.
        if keys.is_some() && signature.token.as_ref() != wanted {
            let message = "The provided token is malformed or otherwise invalid.";
            return Err(refuse("InvalidToken", message));
        }
        let is_first = signature.access_key() == self.keys.access_key;
        if is_first && self.changed().expired {
            return Err(refuse("ExpiredToken", "The provided token has expired."));
        }
        Ok(())
    }
}

fn check_expires(target: &Target) -> Result<(), Refusal> {
    let Some(expires) = target.query("X-Amz-Expires") else {
        return Ok(());
    };
    if expires.parse::<u64>().is_ok_and(|seconds| seconds <= WEEK) {
        return Ok(());
    }
    let message = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds";
    let code = "AuthorizationQueryParametersError";
    Err(Refusal::new(StatusCode::BAD_REQUEST, code, message))
}

/// A presigned URL is valid from its date, with a tolerance of 15 minutes, until it expires. Both errors are
/// AccessDenied, unlike RequestTimeTooSkewed, which is only for signatures in headers.
fn check_date(target: &Target, now: SystemTime) -> Result<(), Refusal> {
    let date = target.query("X-Amz-Date").and_then(parse_date);
    let expires = target
        .query("X-Amz-Expires")
        .and_then(|text| text.parse().ok());
    let (Some(date), Some(expires)) = (date, expires) else {
        return Ok(());
    };
    let refuse = |message| Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message);
    if date > Timestamp::from(now + SKEW) {
        return Err(refuse("Request is not valid yet"));
    }
    if date < Timestamp::from(now - Duration::from_secs(expires)) {
        let refusal = refuse("Request has expired");
        return Err(refusal
            .detail("X-Amz-Expires", &expires.to_string())
            .detail("ServerTime", &iso_date(now)));
    }
    Ok(())
}

fn iso_date(time: SystemTime) -> String {
    let mut text = Vec::new();
    let written = Timestamp::from(time).format(TimestampFormat::DateTime, &mut text);
    written.expect("a date of our time can be written");
    String::from_utf8_lossy(&text).into_owned()
}

/// Checks that every `x-amz-*` header is signed.
fn check_all_signed(parts: &Parts, signature: &Signature) -> Result<(), Refusal> {
    let signed: Vec<_> = signature.signed_headers.split(';').collect();
    let unsigned: Vec<_> = parts
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && !signed.contains(name))
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    let message = "There were headers present in the request which were not signed";
    Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message)
        .detail("HeadersNotSigned", &unsigned.join(", ")))
}

#[async_trait::async_trait]
impl S3Auth for Policy {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.keys_of(access_key) {
            Some(keys) => Ok(SecretKey::from(keys.secret_key)),
            None => Err(error(S3ErrorCode::InvalidAccessKeyId)),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Policy {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        const READS: [&str; 5] = [
            "GetObject",
            "HeadObject",
            "HeadBucket",
            "ListObjects",
            "ListObjectsV2",
        ];
        let reads = READS.contains(&context.s3_op().name());
        if context.credentials().is_some() || (self.public_read && reads) {
            return Ok(());
        }
        Err(error_with(S3ErrorCode::AccessDenied, "Access Denied"))
    }
}
