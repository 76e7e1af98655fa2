//! [`Provider`]: the credentials of a client, shared by all its clones.

use std::sync::Arc;
use std::time::Instant;

use super::{CachedCredentials, Credentials};
use crate::error::Result;

/// The credentials of a client. Without any, requests are anonymous, which only the caller can choose.
pub(crate) struct Provider {
    cached: Option<CachedCredentials>,
    region: Region,
}

/// The region that the source of the credentials returned, if no other is configured.
#[derive(Clone, Default)]
pub(crate) struct Region(Arc<std::sync::OnceLock<String>>);

impl Region {
    #[cfg(feature = "aws-chain")]
    pub(super) fn set(&self, region: String) {
        // The first value stays.
        let _ = self.0.set(region);
    }
}

impl Provider {
    pub(crate) fn new(cached: Option<CachedCredentials>, region: Region) -> Self {
        Self { cached, region }
    }

    /// Returns true if requests are unsigned.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.cached.is_none()
    }

    /// Returns the credentials to sign with. Calls their source if there are none, or if they expire soon.
    pub(crate) fn get(&self) -> Result<Option<Arc<Credentials>>> {
        self.cached.as_ref().map(CachedCredentials::get).transpose()
    }

    /// Returns the cached credentials without calling their source.
    pub(crate) fn kept(&self) -> Option<Arc<Credentials>> {
        self.cached.as_ref().and_then(CachedCredentials::kept)
    }

    /// Returns the region that came with the credentials.
    pub(crate) fn region(&self) -> Option<&str> {
        self.region.0.get().map(String::as_str)
    }

    /// Calls the source again after a server rejected the credentials `used` as expired. `since` is the time at which
    /// the rejected request was signed. Returns true if there are other credentials now.
    pub(crate) fn renew(&self, used: &Credentials, since: Instant) -> bool {
        let cached = self.cached.as_ref();
        cached.is_some_and(|cached| cached.renew_used(used, since))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::testing::Home;
    use super::super::{Settings, resolve};
    use super::*;

    fn file(key: &str) -> String {
        format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = hidden\n")
    }

    fn provider(home: &Home) -> Provider {
        resolve(&Settings::default(), &home.environment([]))
            .unwrap()
            .provider
    }

    fn used(provider: &Provider) -> Arc<Credentials> {
        provider.get().unwrap().unwrap()
    }

    fn key(provider: &Provider) -> String {
        used(provider).access_key_id().to_owned()
    }

    #[test]
    fn a_renewal_finds_the_new_credentials_of_the_chain() {
        let home = Home::with(&file("old"), "");
        let provider = provider(&home);
        let used = used(&provider);
        home.write(".aws/credentials", file("new"));
        assert_eq!(key(&provider), "old");
        assert!(provider.renew(&used, Instant::now()));
        assert_eq!(key(&provider), "new");
        // A request signed with the old ones in the meantime does not call the source.
        home.write(".aws/credentials", file("newest"));
        assert!(provider.renew(&used, Instant::now()));
        assert_eq!(key(&provider), "new");
    }

    #[test]
    fn unchanged_credentials_are_no_renewal_and_are_fetched_once() {
        let home = Home::with(&file("old"), "");
        let provider = provider(&home);
        let used = used(&provider);
        let before = Instant::now();
        assert!(!provider.renew(&used, before));
        home.write(".aws/credentials", file("new"));
        assert!(!provider.renew(&used, before));
        assert!(provider.renew(&used, Instant::now()));
    }

    #[test]
    fn an_error_in_the_chain_changes_nothing() {
        let home = Home::with(&file("old"), "");
        let provider = provider(&home);
        let used = used(&provider);
        home.write(".aws/credentials", "nonsense hidden");
        assert!(!provider.renew(&used, Instant::now()));
        assert_eq!(key(&provider), "old");
    }

    #[test]
    fn many_threads_get_the_same_new_credentials() {
        let home = Home::with(&file("old"), "");
        let provider = provider(&home);
        let old = used(&provider);
        home.write(".aws/credentials", file("new"));
        let renewed: Vec<Arc<Credentials>> = thread::scope(|scope| {
            let renew = || {
                assert!(provider.renew(&old, Instant::now()));
                used(&provider)
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(renew)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(renewed.iter().all(|one| Arc::ptr_eq(one, &renewed[0])));
    }
}
