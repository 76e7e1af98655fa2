//! [`Provider`]: what all clones of a client sign with.

use std::sync::Arc;
use std::time::Instant;

use super::{CachedCredentials, Credentials};
use crate::error::Result;

/// The credentials of a client; none is anonymous, which is never a fallback: the caller asked for it.
pub(crate) struct Provider {
    cached: Option<CachedCredentials>,
    region: Region,
}

/// The region that the source of the credentials found, where nothing else named one.
#[derive(Clone, Default)]
pub(crate) struct Region(Arc<std::sync::OnceLock<String>>);

impl Region {
    #[cfg(feature = "aws-chain")]
    pub(super) fn set(&self, region: String) {
        // The first one stays.
        let _ = self.0.set(region);
    }
}

impl Provider {
    pub(crate) fn new(cached: Option<CachedCredentials>, region: Region) -> Self {
        Self { cached, region }
    }

    /// Whether requests are unsigned.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.cached.is_none()
    }

    /// The credentials to sign with; their source is asked if there are none, or if they expire soon.
    pub(crate) fn get(&self) -> Result<Option<Arc<Credentials>>> {
        self.cached.as_ref().map(CachedCredentials::get).transpose()
    }

    /// The credentials that are there, without asking for any.
    pub(crate) fn kept(&self) -> Option<Arc<Credentials>> {
        self.cached.as_ref().and_then(CachedCredentials::kept)
    }

    /// The region that came with the credentials.
    pub(crate) fn region(&self) -> Option<&str> {
        self.region.0.get().map(String::as_str)
    }

    /// Asks the source again, after a server called those expired that were used since `since`. Returns whether
    /// there are others now.
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
    fn what_the_chain_has_meanwhile_is_found() {
        let home = Home::with(&file("old"), "");
        let provider = provider(&home);
        let used = used(&provider);
        home.write(".aws/credentials", file("new"));
        assert_eq!(key(&provider), "old");
        assert!(provider.renew(&used, Instant::now()));
        assert_eq!(key(&provider), "new");
        // Who used the old ones meanwhile has nothing to ask for.
        home.write(".aws/credentials", file("newest"));
        assert!(provider.renew(&used, Instant::now()));
        assert_eq!(key(&provider), "new");
    }

    #[test]
    fn the_same_again_is_no_renewal_and_is_asked_for_once() {
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
    fn a_chain_that_breaks_changes_nothing() {
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
