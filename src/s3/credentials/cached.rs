//! [`CachedCredentials`]: caches the credentials of a source and refreshes them before they expire.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use super::{Credentials, CredentialsProvider, failed};
use crate::error::{Error, Result};

/// Time before the expiry at which credentials are refreshed. By then, instance metadata has new ones.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Time for which credentials are used that had already expired when the source returned them. The clock of this
/// machine may be wrong, so the server decides.
const GRACE: Duration = Duration::from_secs(60);

/// Maximum pause after an early refresh that failed.
const PAUSE: Duration = Duration::from_secs(60);

/// Caches the credentials of a source and refreshes them before they expire. Clones share the cache.
///
/// [`S3FsBuilder::credentials_provider`](crate::S3FsBuilder::credentials_provider) wraps its source in one. A
/// program needs this type only to share one source between several filesystems.
///
/// - The source is called on first use. Credentials without an expiry are kept until a server rejects them as
///   expired.
/// - Starting five minutes before the expiry (or in the last quarter of the lifetime, if that is shorter), one
///   thread gets new credentials from the source. Other threads continue with the old ones.
/// - If that fails while the old credentials are valid, they stay in use, and the source is called again later
///   (after at most a minute). A warning is logged.
/// - Once the credentials have expired, one thread calls the source, and the others wait for its result, which
///   may be an error.
/// - Credentials that have already expired when the source returns them are used for a minute: the clock may be
///   wrong, so the server decides.
///
/// ```
/// use s3fs::{CachedCredentials, Credentials, S3Fs};
///
/// let shared = CachedCredentials::new(|| Ok(Credentials::new("key", "secret")));
/// for bucket in ["one", "two"] {
///     let fs = S3Fs::builder(bucket)
///         .endpoint_url("http://127.0.0.1:9000")
///         .credentials_provider(shared.clone())
///         .build()?;
/// }
/// # Ok::<(), s3fs::Error>(())
/// ```
#[derive(Clone)]
pub struct CachedCredentials(Arc<Inner>);

struct Inner {
    source: Box<dyn CredentialsProvider>,
    held: RwLock<Option<Arc<Held>>>,
    /// Held by the thread that calls the source.
    gate: Mutex<Gate>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

/// Credentials with the times at which they are refreshed and expire.
struct Held {
    credentials: Arc<Credentials>,
    /// Time from which on one thread refreshes them.
    refresh_at: Option<SystemTime>,
    /// Time at which they are no longer used.
    until: Option<SystemTime>,
}

#[derive(Default)]
struct Gate {
    /// Time before which no early refresh is attempted.
    rests_until: Option<SystemTime>,
    /// Time and error of the source's last failure.
    failed: Option<(Instant, Error)>,
    /// Time at which the source last returned only credentials that a server had rejected as expired, or failed.
    in_vain: Option<Instant>,
}

#[derive(PartialEq)]
enum Age {
    Fresh,
    Aging,
    Expired,
}

impl Held {
    fn new(credentials: Credentials, now: SystemTime) -> Self {
        let left = credentials.expiry().map(|at| at.duration_since(now));
        let (refresh_at, until) = match left {
            None => (None, None),
            Some(Ok(left)) if !left.is_zero() => {
                let early = AHEAD.min(left / 4);
                (Some(now + (left - early)), Some(now + left))
            }
            Some(_) => {
                log::warn!(
                    "the credentials were already expired when they arrived, or the clock of this \
                     machine is wrong"
                );
                (Some(now + GRACE), Some(now + GRACE))
            }
        };
        Self {
            credentials: Arc::new(credentials),
            refresh_at,
            until,
        }
    }

    fn age(&self, now: SystemTime) -> Age {
        let is_past = |at: Option<SystemTime>| at.is_some_and(|at| at <= now);
        match (is_past(self.until), is_past(self.refresh_at)) {
            (true, _) => Age::Expired,
            (false, true) => Age::Aging,
            (false, false) => Age::Fresh,
        }
    }
}

impl CachedCredentials {
    /// Creates a cache for that source. The source is called on first use.
    pub fn new(source: impl CredentialsProvider + 'static) -> Self {
        Self::with_clock(source, SystemTime::now)
    }

    pub(in crate::s3) fn with_clock(
        source: impl CredentialsProvider + 'static,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            source: Box::new(source),
            held: RwLock::default(),
            gate: Mutex::default(),
            clock: Box::new(clock),
        }))
    }

    /// Stores credentials in the cache.
    pub(super) fn holding(self, credentials: Credentials) -> Self {
        self.0.store(credentials);
        self
    }

    /// Returns the cached credentials, if there are any. Does not call the source.
    pub(super) fn kept(&self) -> Option<Arc<Credentials>> {
        self.0.held().map(|held| Arc::clone(&held.credentials))
    }

    /// Returns the credentials to sign with now.
    pub(super) fn get(&self) -> Result<Arc<Credentials>> {
        let inner = &*self.0;
        let began = Instant::now();
        if let Some(held) = inner.held() {
            match held.age((inner.clock)()) {
                Age::Fresh => return Ok(Arc::clone(&held.credentials)),
                Age::Aging => return Ok(inner.refresh_early(&held)),
                Age::Expired => {}
            }
        }
        let mut gate = inner.gate();
        // Another thread may have called the source while this one waited.
        if let Some(held) = inner.held()
            && held.age((inner.clock)()) != Age::Expired
        {
            return Ok(Arc::clone(&held.credentials));
        }
        if let Some((at, error)) = &gate.failed
            && *at > began
        {
            return Err(error.clone());
        }
        match inner.source.credentials().and_then(usable) {
            Ok(found) => Ok(inner.store(found)),
            Err(error) => {
                gate.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Calls the source again after a server rejected the credentials `used` as expired. `since` is the time at which
    /// the rejected request was signed. Returns true if there are other credentials now.
    ///
    /// One thread calls the source. Other threads whose requests were rejected in the meantime wait for its result.
    pub(super) fn renew_used(&self, used: &Credentials, since: Instant) -> bool {
        let inner = &*self.0;
        let mut gate = inner.gate();
        if self.kept().is_some_and(|now| !now.are_keys_of(used)) {
            return true;
        }
        if gate.in_vain.is_some_and(|asked| asked > since) {
            return false;
        }
        match inner.source.renew(used).and_then(usable) {
            Ok(found) if !found.are_keys_of(used) => {
                log::debug!("the credentials had expired; their source returned new ones");
                inner.store(found);
                return true;
            }
            Ok(_) => {
                log::debug!("the credentials have expired, and their source returned no new ones")
            }
            Err(error) => log::debug!("the credentials have expired: {error}"),
        }
        gate.in_vain = Some(Instant::now());
        false
    }
}

impl Inner {
    fn held(&self) -> Option<Arc<Held>> {
        self.held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, credentials: Credentials) -> Arc<Credentials> {
        let held = Arc::new(Held::new(credentials, (self.clock)()));
        let credentials = Arc::clone(&held.credentials);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
        credentials
    }

    /// Returns new credentials, or the old ones while another thread refreshes them or the source fails.
    fn refresh_early(&self, old: &Arc<Held>) -> Arc<Credentials> {
        let mut gate = match self.gate.try_lock() {
            Ok(gate) => gate,
            Err(TryLockError::Poisoned(gate)) => gate.into_inner(),
            Err(TryLockError::WouldBlock) => return Arc::clone(&old.credentials),
        };
        if let Some(held) = self.held().filter(|held| !Arc::ptr_eq(held, old)) {
            return Arc::clone(&held.credentials);
        }
        let now = (self.clock)();
        if gate.rests_until.is_some_and(|until| now < until) {
            return Arc::clone(&old.credentials);
        }
        match self.source.credentials().and_then(usable) {
            Ok(found) => {
                gate.rests_until = None;
                self.store(found)
            }
            Err(error) => {
                log::warn!("the credentials expire soon and could not be refreshed yet: {error}");
                let left = old.until.and_then(|until| until.duration_since(now).ok());
                let pause = left.map_or(PAUSE, |left| PAUSE.min(left / 4));
                gate.rests_until = now.checked_add(pause);
                Arc::clone(&old.credentials)
            }
        }
    }
}

/// Returns an error unless a request can be signed with the credentials.
fn usable(credentials: Credentials) -> Result<Credentials> {
    let keys = [credentials.access_key_id(), credentials.secret_access_key()];
    match keys.iter().any(|key| key.trim().is_empty()) {
        true => Err(failed(
            "the source of credentials returned a blank access key or secret",
        )),
        false => Ok(credentials),
    }
}

impl CredentialsProvider for CachedCredentials {
    fn credentials(&self) -> Result<Credentials> {
        self.get().map(|credentials| (*credentials).clone())
    }

    fn renew(&self, refused: &Credentials) -> Result<Credentials> {
        self.renew_used(refused, Instant::now());
        self.credentials()
    }
}

impl fmt::Debug for CachedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedCredentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Barrier, mpsc};
    use std::thread;

    use super::super::failed;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A clock that the test sets, in seconds since 1970.
    #[derive(Clone, Default)]
    struct Watch(Arc<AtomicU64>);

    impl Watch {
        fn set(&self, seconds: u64) {
            self.0.store(seconds, Ordering::Relaxed);
        }

        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    /// Returns a cache with the first, second ... credentials, each valid for an hour. The source calls `before`
    /// first.
    fn numbered(
        watch: &Watch,
        before: impl Fn(u64) -> Result<()> + Send + Sync + 'static,
    ) -> (CachedCredentials, Arc<AtomicU64>) {
        let asked = Arc::new(AtomicU64::new(0));
        let (counter, source_watch, clock) = (Arc::clone(&asked), watch.clone(), watch.clone());
        let source = move || {
            let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
            before(number)?;
            let expiry = source_watch.now() + HOUR;
            Ok(Credentials::new(format!("key{number}"), "hidden").with_expiry(expiry))
        };
        (
            CachedCredentials::with_clock(source, move || clock.now()),
            asked,
        )
    }

    fn key(cached: &CachedCredentials) -> String {
        cached.get().unwrap().access_key_id().to_owned()
    }

    #[test]
    fn blank_credentials_are_an_error() {
        for (key, secret) in [("", "secret"), ("key", " "), ("", "")] {
            let cached = CachedCredentials::new(Credentials::new(key, secret));
            let error = cached.credentials().unwrap_err();
            assert!(error.to_string().contains("blank"), "{error}");
        }
    }

    #[test]
    fn credentials_are_fetched_at_first_use_and_five_minutes_before_the_expiry() {
        let watch = Watch::default();
        let (cached, asked) = numbered(&watch, |_| Ok(()));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        for (seconds, expected) in [
            (0, "key1"),
            (3299, "key1"),
            (3300, "key2"),
            (6599, "key2"),
            (6600, "key3"),
            (100_000, "key4"),
        ] {
            watch.set(seconds);
            assert_eq!(key(&cached), expected, "{seconds}");
        }
    }

    #[test]
    fn short_lived_credentials_are_refreshed_in_the_last_quarter() {
        let watch = Watch::default();
        let (source_watch, clock) = (watch.clone(), watch.clone());
        let asked = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&asked);
        let source = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            let expiry = source_watch.now() + Duration::from_secs(100);
            Ok(Credentials::new("key", "hidden").with_expiry(expiry))
        };
        let cached = CachedCredentials::with_clock(source, move || clock.now());
        for (seconds, expected) in [(0, 1), (74, 1), (75, 2)] {
            watch.set(seconds);
            cached.get().unwrap();
            assert_eq!(asked.load(Ordering::Relaxed), expected, "{seconds}");
        }
    }

    #[test]
    fn credentials_without_an_expiry_are_kept() {
        let watch = Watch::default();
        let clock = watch.clone();
        let asked = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&asked);
        let source = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Credentials::new("key", "hidden"))
        };
        let cached = CachedCredentials::with_clock(source, move || clock.now());
        for seconds in [0, 1_000_000_000] {
            watch.set(seconds);
            cached.get().unwrap();
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn one_thread_refreshes_while_the_others_continue() {
        let watch = Watch::default();
        let (ask, is_asked) = mpsc::channel();
        let (answer, may_answer) = mpsc::channel::<()>();
        let may_answer = Mutex::new(may_answer);
        let (cached, asked) = numbered(&watch, move |number| {
            if number == 2 {
                ask.send(()).unwrap();
                may_answer.lock().unwrap().recv().unwrap();
            }
            Ok(())
        });
        assert_eq!(key(&cached), "key1");
        watch.set(3400);
        thread::scope(|scope| {
            let refreshing = scope.spawn(|| key(&cached));
            is_asked.recv().unwrap();
            for _ in 0..8 {
                assert_eq!(key(&cached), "key1");
            }
            answer.send(()).unwrap();
            assert_eq!(refreshing.join().unwrap(), "key2");
        });
        assert_eq!(key(&cached), "key2");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn threads_with_expired_credentials_wait_for_one_refresh() {
        let watch = Watch::default();
        let (cached, asked) = numbered(&watch, |_| Ok(()));
        key(&cached);
        watch.set(4000);
        let barrier = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    assert_eq!(key(&cached), "key2");
                });
            }
        });
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn waiting_threads_share_the_error_of_the_refresh() {
        let watch = Watch::default();
        let (ask, is_asked) = mpsc::channel();
        let (answer, may_answer) = mpsc::channel::<()>();
        let may_answer = Mutex::new(may_answer);
        let (cached, asked) = numbered(&watch, move |number| {
            if number == 1 {
                ask.send(()).unwrap();
                may_answer.lock().unwrap().recv().unwrap();
                return Err(failed("the source is down"));
            }
            Ok(())
        });
        thread::scope(|scope| {
            let first = scope.spawn(|| cached.get().is_err());
            is_asked.recv().unwrap();
            let began = Instant::now();
            answer.send(()).unwrap();
            assert!(first.join().unwrap());
            // Simulates a thread that began to wait before the source failed.
            let gate = cached.0.gate();
            assert!(gate.failed.as_ref().is_some_and(|(at, _)| *at > began));
        });
        // A later caller calls the source again.
        assert_eq!(key(&cached), "key2");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_failed_refresh_is_retried_later_while_the_old_credentials_are_valid() {
        let watch = Watch::default();
        let (cached, asked) = numbered(&watch, |number| match number {
            2 | 3 => Err(failed("the source is down")),
            _ => Ok(()),
        });
        for (seconds, expected, asks) in [
            (0, "key1", 1),
            (3300, "key1", 2),
            (3359, "key1", 2),
            (3360, "key1", 3),
            (3419, "key1", 3),
            (3420, "key4", 4),
        ] {
            watch.set(seconds);
            assert_eq!(key(&cached), expected, "{seconds}");
            assert_eq!(asked.load(Ordering::Relaxed), asks, "{seconds}");
        }
    }

    #[test]
    fn a_failed_refresh_after_the_expiry_is_an_error() {
        let watch = Watch::default();
        let (cached, _) = numbered(&watch, |number| match number {
            2 => Err(failed("the source is down")),
            _ => Ok(()),
        });
        key(&cached);
        watch.set(4000);
        let error = cached.get().unwrap_err().to_string();
        assert!(error.contains("the source is down"), "{error}");
        assert_eq!(key(&cached), "key3");
    }

    #[test]
    fn credentials_that_arrive_expired_are_used_for_a_minute() {
        let watch = Watch::default();
        let clock = watch.clone();
        let asked = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&asked);
        let source = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Credentials::new("key", "hidden").with_expiry(SystemTime::UNIX_EPOCH))
        };
        let cached = CachedCredentials::with_clock(source, move || clock.now());
        for (seconds, expected) in [(5, 1), (64, 1), (65, 2)] {
            watch.set(seconds);
            cached.get().unwrap();
            assert_eq!(asked.load(Ordering::Relaxed), expected, "{seconds}");
        }
    }

    #[test]
    fn a_source_that_panics_does_not_stop_the_next_caller() {
        let watch = Watch::default();
        let (cached, _) = numbered(&watch, |number| {
            assert_ne!(number, 1, "as the source of a program may");
            Ok(())
        });
        thread::scope(|scope| assert!(scope.spawn(|| key(&cached)).join().is_err()));
        assert_eq!(key(&cached), "key2");
    }

    #[test]
    fn a_nested_cache_passes_rejections_on() {
        let watch = Watch::default();
        let (inner, asked) = numbered(&watch, |_| Ok(()));
        let outer = CachedCredentials::new(inner.clone());
        let used = outer.get().unwrap();
        assert!(outer.renew_used(&used, Instant::now()));
        assert_eq!(key(&outer), "key2");
        assert_eq!(key(&inner), "key2");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn debug_shows_nothing_of_the_cached_credentials() {
        let cached = CachedCredentials::new(|| Ok(Credentials::new("hidden", "hidden")));
        cached.get().unwrap();
        assert_eq!(format!("{cached:?}"), "CachedCredentials { .. }");
    }
}
