//! [`Credentials`], and [`CredentialsProvider`], a source of them.

use std::fmt;
use std::time::SystemTime;

use crate::error::Result;

/// An access key, its secret, and for temporary credentials the session token and the expiry.
///
/// `Debug` shows only the expiry.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use s3fs::Credentials;
///
/// let expiry = SystemTime::now() + Duration::from_secs(3600);
/// let credentials = Credentials::new("key", "secret")
///     .with_session_token("token")
///     .with_expiry(expiry);
/// assert_eq!(credentials.access_key_id(), "key");
/// assert_eq!(credentials.session_token(), Some("token"));
/// assert_eq!(credentials.expiry(), Some(expiry));
/// assert!(!format!("{credentials:?}").contains("key"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiry: Option<SystemTime>,
}

impl Credentials {
    /// Creates credentials from an access key and its secret, without an expiry.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            expiry: None,
        }
    }

    /// Sets the session token of temporary credentials.
    #[must_use]
    pub fn with_session_token(mut self, token: impl Into<String>) -> Self {
        self.session_token = Some(token.into());
        self
    }

    /// Sets the expiry. The credentials are refreshed before it: see
    /// [`CachedCredentials`](crate::CachedCredentials).
    #[must_use]
    pub fn with_expiry(mut self, expiry: impl Into<SystemTime>) -> Self {
        self.expiry = Some(expiry.into());
        self
    }

    /// Returns the access key.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Returns the secret of the access key.
    pub fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    /// Returns the session token, if these are temporary credentials.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Returns the expiry, or `None` if it is not known.
    pub fn expiry(&self) -> Option<SystemTime> {
        self.expiry
    }

    /// Returns true if the keys and the session token are equal.
    pub(super) fn are_keys_of(&self, other: &Self) -> bool {
        self.access_key_id == other.access_key_id
            && self.secret_access_key == other.secret_access_key
            && self.session_token == other.session_token
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

/// A source of credentials: a program's own, or one of this crate's.
///
/// Closures that return `Result<Credentials>` are sources, and so are [`Credentials`] themselves and
/// [`CachedCredentials`](crate::CachedCredentials). A source may be slow: it is called when there are no valid
/// credentials, and again before they expire, by one thread at a time. It must not panic, must not block forever,
/// and must not use a filesystem for which it is the source: the requests of that filesystem wait for it.
///
/// ```
/// use s3fs::{Credentials, CredentialsProvider, Error, ErrorKind, Result, S3Fs};
///
/// struct Vault;
///
/// impl CredentialsProvider for Vault {
///     fn credentials(&self) -> Result<Credentials> {
///         let failed = |_| Error::new(ErrorKind::CreateFailed).with_message("the vault has no key");
///         let key = std::env::var("VAULT_KEY").map_err(failed)?;
///         let secret = std::env::var("VAULT_SECRET").map_err(failed)?;
///         Ok(Credentials::new(key, secret))
///     }
/// }
///
/// let fs = S3Fs::builder("mybucket")
///     .endpoint_url("http://127.0.0.1:9000")
///     .credentials_provider(Vault)
///     .build()?;
/// # Ok::<(), Error>(())
/// ```
pub trait CredentialsProvider: Send + Sync {
    /// Returns credentials that are currently valid.
    ///
    /// # Errors
    ///
    /// Returns any error of the source. Operations that need credentials return the same error. It must not contain a
    /// secret.
    fn credentials(&self) -> Result<Credentials>;

    /// Returns credentials after a server rejected `refused` as expired, regardless of their expiry. Calls
    /// [`credentials`](Self::credentials) unless a source has a better way, such as bypassing a cache.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`credentials`](Self::credentials).
    fn renew(&self, refused: &Credentials) -> Result<Credentials> {
        let _ = refused;
        self.credentials()
    }
}

impl<F: Fn() -> Result<Credentials> + Send + Sync> CredentialsProvider for F {
    fn credentials(&self) -> Result<Credentials> {
        self()
    }
}

impl CredentialsProvider for Credentials {
    fn credentials(&self) -> Result<Credentials> {
        Ok(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_expiry_and_nothing_else() {
        let credentials = Credentials::new("hidden", "hidden").with_session_token("hidden");
        assert_eq!(
            format!("{credentials:?}"),
            "Credentials { expiry: None, .. }"
        );
    }
}
