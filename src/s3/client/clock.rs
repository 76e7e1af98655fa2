//! The server's clock, as far as it is known: signatures are good for minutes, and a machine's own
//! clock may be hours off.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

/// How far the clocks may be apart before a refusal is put down to that. A signature is good for
/// five minutes, and S3 allows fifteen for the difference.
const TOLERATED: Duration = Duration::from_secs(120);

/// This machine's clock, and what is to be added to it.
#[derive(Default)]
pub(super) struct Clock {
    /// In milliseconds; no date that HTTP writes is further away.
    offset: AtomicI64,
}

impl Clock {
    /// The time that the server has now.
    pub(super) fn now(&self) -> SystemTime {
        shifted(SystemTime::now(), self.offset.load(Ordering::Relaxed))
    }

    /// Learns the server's time from a refusal of what was signed for `signed`. Whether it is worth
    /// signing again: the time was off, and is not any more.
    pub(super) fn learn(&self, server: OffsetDateTime, signed: SystemTime) -> bool {
        let server = SystemTime::from(server);
        if apart(server, signed) <= TOLERATED {
            return false;
        }
        // Another thread may have learned it meanwhile.
        if apart(server, self.now()) > TOLERATED {
            let offset = milliseconds(server, SystemTime::now());
            log::warn!(
                "the clock of this machine is {} s off the server's: signing by the server's",
                offset.unsigned_abs() / 1000
            );
            self.offset.store(offset, Ordering::Relaxed);
        }
        true
    }
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other)
        .unwrap_or_else(|error| error.duration())
}

fn milliseconds(to: SystemTime, from: SystemTime) -> i64 {
    let whole = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match to.duration_since(from) {
        Ok(ahead) => whole(ahead),
        Err(behind) => -whole(behind.duration()),
    }
}

fn shifted(time: SystemTime, milliseconds: i64) -> SystemTime {
    let shift = Duration::from_millis(milliseconds.unsigned_abs());
    let shifted = if milliseconds < 0 {
        time.checked_sub(shift)
    } else {
        time.checked_add(shift)
    };
    shifted.unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_difference_is_none() {
        let clock = Clock::default();
        let now = OffsetDateTime::now_utc();
        assert!(!clock.learn(now + Duration::from_secs(60), clock.now()));
        assert!(apart(clock.now(), SystemTime::now()) < Duration::from_secs(10));
    }

    #[test]
    fn a_clock_that_is_off_follows_the_servers_both_ways() {
        let hour = Duration::from_secs(3600);
        let clock = Clock::default();
        for server in [
            OffsetDateTime::now_utc() + hour,
            OffsetDateTime::now_utc() - hour,
        ] {
            let signed = clock.now();
            assert!(clock.learn(server, signed));
            assert!(apart(clock.now(), server.into()) < Duration::from_secs(10));
            // What others signed before is worth signing again, too; what is signed now is not.
            assert!(clock.learn(server, signed));
            assert!(!clock.learn(server, clock.now()));
        }
    }

    #[test]
    fn no_date_overflows() {
        let clock = Clock::default();
        for year in [1, 1970, 9999] {
            let date = time::Date::from_calendar_date(year, time::Month::January, 1).unwrap();
            let server = date.midnight().assume_utc();
            assert!(clock.learn(server, clock.now()));
            clock.now();
        }
    }
}
