//! [`CachedCredentials`]: keeps what a source gave, and asks it again before that expires.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use super::{Credentials, CredentialsProvider, failed};
use crate::error::{Error, Result};

/// How long before they expire credentials are refreshed. Instance metadata has new ones by then.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// How long credentials are used that had expired when they came: the clock of this machine may be wrong, and
/// the server decides.
const GRACE: Duration = Duration::from_secs(60);

/// The longest pause after an early refresh that failed.
const PAUSE: Duration = Duration::from_secs(60);

/// Keeps the credentials of a source and refreshes them before they expire. Clones share what is kept.
///
/// [`S3FsBuilder::credentials_provider`](crate::S3FsBuilder::credentials_provider) wraps its source in one. A
/// program needs this type only to share one source between several filesystems.
///
/// - The source is asked at the first use. Credentials without an expiry are kept until a server calls them
///   expired.
/// - From five minutes before they expire on (or the last quarter of their time, if that is less), one thread
///   asks the source for new ones; other threads go on with the old ones.
/// - If that fails while the old ones are valid, they are used, and the source is asked again later (after at
///   most a minute). The log has a warning.
/// - Once they have expired, one thread asks the source, and the others wait for what it gets, an error included.
/// - Credentials that have expired when they come are used for a minute: the clock may be wrong, and the server
///   decides.
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
    /// Whoever asks the source holds it.
    gate: Mutex<Gate>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

/// Credentials, and until when they are good for what.
struct Held {
    credentials: Arc<Credentials>,
    /// From when on one thread refreshes them.
    refresh_at: Option<SystemTime>,
    /// When nobody uses them any more.
    until: Option<SystemTime>,
}

#[derive(Default)]
struct Gate {
    /// No early refresh before.
    rests_until: Option<SystemTime>,
    /// When the source last failed, and how.
    failed: Option<(Instant, Error)>,
    /// When the source last had nothing but what a server had called expired.
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
                    "the credentials had expired when they came, or this machine's clock is wrong"
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
    /// Keeps what that source gives. The source is asked at the first use.
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

    /// The same, which has these credentials already.
    pub(super) fn holding(self, credentials: Credentials) -> Self {
        self.0.store(credentials);
        self
    }

    /// What is kept, if anything is; the source is not asked.
    pub(super) fn kept(&self) -> Option<Arc<Credentials>> {
        self.0.held().map(|held| Arc::clone(&held.credentials))
    }

    /// The credentials to sign with now.
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
        // Another thread may have asked while this one waited.
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

    /// Asks the source again, after a server called those expired that were used since `since`. Returns whether
    /// there are others now.
    ///
    /// One thread asks; those that were refused meanwhile wait for what it gets.
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
                log::debug!("the credentials had expired; their source has others");
                inner.store(found);
                return true;
            }
            Ok(_) => log::debug!("the credentials have expired, and their source has no others"),
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

    /// New credentials, or the old ones while another thread refreshes them or the source fails.
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

/// Credentials that a request can be signed with.
fn usable(credentials: Credentials) -> Result<Credentials> {
    let keys = [credentials.access_key_id(), credentials.secret_access_key()];
    match keys.iter().any(|key| key.trim().is_empty()) {
        true => Err(failed(
            "the source of credentials gave a blank access key or secret",
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

    /// A clock that the test sets, in seconds after 1970.
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

    /// The first, second ... credentials, each for an hour; what the source does before it answers.
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
    fn the_source_is_asked_at_the_first_use_and_five_minutes_before_the_expiry() {
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
    fn credentials_for_a_short_time_are_refreshed_in_its_last_quarter() {
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
    fn one_thread_refreshes_while_the_others_go_on() {
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
    fn threads_that_waited_share_the_error_of_the_one_that_asked() {
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
            // As a thread that began to wait before the source failed.
            let gate = cached.0.gate();
            assert!(gate.failed.as_ref().is_some_and(|(at, _)| *at > began));
        });
        // Whoever comes later asks again.
        assert_eq!(key(&cached), "key2");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_refresh_that_fails_while_the_old_ones_live_is_made_again_later() {
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
    fn a_source_that_fails_when_the_old_ones_are_gone_is_an_error() {
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
    fn credentials_that_had_expired_when_they_came_are_used_for_a_minute() {
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
    fn a_cache_in_a_cache_passes_on_what_a_server_refused() {
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
    fn debug_shows_nothing_of_what_is_kept() {
        let cached = CachedCredentials::new(|| Ok(Credentials::new("hidden", "hidden")));
        cached.get().unwrap();
        assert_eq!(format!("{cached:?}"), "CachedCredentials { .. }");
    }
}
