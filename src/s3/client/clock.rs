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
        at_offset(self.offset.load(Ordering::Relaxed))
    }

    /// What is to be added to this machine's clock, in milliseconds, to have the server's time; from a
    /// refusal of what was signed for `signed`. Nothing if that was the server's time. A correction that
    /// the refusal speaks against is dropped.
    pub(super) fn offset_to(&self, server: OffsetDateTime, signed: SystemTime) -> Option<i64> {
        let server = SystemTime::from(server);
        if apart(server, signed) <= TOLERATED {
            return None;
        }
        // Another thread may have learned it meanwhile.
        if apart(server, self.now()) > TOLERATED {
            self.offset.store(0, Ordering::Relaxed);
        }
        Some(milliseconds(server, SystemTime::now()))
    }

    /// Keeps what is to be added, once the server has accepted what was signed with it.
    pub(super) fn keep(&self, offset: i64) {
        let kept = self.offset.swap(offset, Ordering::Relaxed);
        if u128::from(kept.abs_diff(offset)) > TOLERATED.as_millis() {
            log::warn!(
                "the clock of this machine is {} s off the server's: signing by the server's",
                offset.unsigned_abs() / 1000
            );
        }
    }
}

/// This machine's time, and so many milliseconds.
pub(super) fn at_offset(milliseconds: i64) -> SystemTime {
    shifted(SystemTime::now(), milliseconds)
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
        let server = OffsetDateTime::now_utc() + Duration::from_secs(60);
        assert_eq!(clock.offset_to(server, clock.now()), None);
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
            let offset = clock.offset_to(server, signed).unwrap();
            // The refusal speaks against what is kept, and for nothing yet.
            assert!(apart(clock.now(), SystemTime::now()) < Duration::from_secs(10));
            clock.keep(offset);
            assert!(apart(clock.now(), server.into()) < Duration::from_secs(10));
            // What others signed before is worth signing again, too; what is signed now is not.
            assert!(clock.offset_to(server, signed).is_some());
            assert!(clock.offset_to(server, clock.now()).is_none());
            assert!(apart(clock.now(), server.into()) < Duration::from_secs(10));
        }
    }

    #[test]
    fn no_date_overflows() {
        let clock = Clock::default();
        for year in [1, 1970, 9999] {
            let date = time::Date::from_calendar_date(year, time::Month::January, 1).unwrap();
            let server = date.midnight().assume_utc();
            clock.keep(clock.offset_to(server, clock.now()).unwrap());
            clock.now();
        }
    }
}
