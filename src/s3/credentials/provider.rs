//! [`Provider`]: the credentials that requests are signed with now, and the chain that may have
//! newer ones.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use super::profile::LazyProfile;
use super::{Credentials, Environment, Settings, find_credentials};
use crate::error::Result;

/// Credentials for all clones of a client.
pub(crate) struct Provider {
    now: RwLock<Option<Arc<Credentials>>>,
    settings: Settings,
    environment: Environment,
    /// When the chain was last asked in vain.
    asked_in_vain: Mutex<Option<Instant>>,
}

impl Provider {
    /// What the chain found with these settings.
    pub(crate) fn new(
        found: Option<Credentials>,
        settings: Settings,
        environment: Environment,
    ) -> Self {
        Self {
            now: RwLock::new(found.map(Arc::new)),
            settings,
            environment,
            asked_in_vain: Mutex::new(None),
        }
    }

    /// The credentials to sign with; none is anonymous.
    pub(crate) fn get(&self) -> Option<Arc<Credentials>> {
        self.now
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks the chain again, after the server called those that were used since `since` expired.
    /// Whether there are others now.
    ///
    /// The chain is asked by one thread; those that meet the same refusal meanwhile wait for what it
    /// finds.
    pub(crate) fn renew(&self, used: &Arc<Credentials>, since: Instant) -> bool {
        let mut asked_in_vain = self
            .asked_in_vain
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.get().is_some_and(|now| !Arc::ptr_eq(&now, used)) {
            return true;
        }
        if asked_in_vain.is_some_and(|asked| asked > since) {
            return false;
        }
        match self.ask() {
            Ok(Some(found)) if found != **used => {
                log::debug!("the credentials had expired; the chain has others");
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(found));
                return true;
            }
            Ok(_) => log::debug!("the credentials have expired, and the chain has no others"),
            Err(error) => log::debug!("the credentials have expired: {error}"),
        }
        *asked_in_vain = Some(Instant::now());
        false
    }

    fn ask(&self) -> Result<Option<Credentials>> {
        let profile = LazyProfile::new(self.settings.profile.as_deref(), &self.environment);
        let (found, _) = find_credentials(&self.settings, &self.environment, &profile)?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::resolve;
    use super::super::testing::Home;
    use super::*;

    fn file(key: &str) -> String {
        format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = hidden\n")
    }

    fn provider(home: &Home) -> Provider {
        let (settings, environment) = (Settings::default(), home.environment([]));
        let found = resolve(&settings, &environment).unwrap().credentials;
        Provider::new(found, settings, environment)
    }

    fn key(provider: &Provider) -> String {
        provider.get().unwrap().access_key_id().to_owned()
    }

    #[test]
    fn what_the_chain_has_meanwhile_is_found() {
        let home = Home::with(&file("old"), "");
        let provider = provider(&home);
        let used = provider.get().unwrap();
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
        let used = provider.get().unwrap();
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
        let used = provider.get().unwrap();
        home.write(".aws/credentials", "nonsense hidden");
        assert!(!provider.renew(&used, Instant::now()));
        assert_eq!(key(&provider), "old");
    }

    #[test]
    fn many_threads_get_the_same_new_credentials() {
        let home = Home::with(&file("old"), "");
        let provider = provider(&home);
        let used = provider.get().unwrap();
        home.write(".aws/credentials", file("new"));
        let renewed: Vec<Arc<Credentials>> = thread::scope(|scope| {
            let renew = || {
                assert!(provider.renew(&used, Instant::now()));
                provider.get().unwrap()
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
