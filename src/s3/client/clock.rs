//! The server's clock, as far as it is known. Signatures are valid for minutes, and the clock of this
//! machine may be hours off.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

/// Maximum difference of the clocks that is not considered the reason for a rejection. A signature is valid for
/// five minutes, and S3 tolerates a difference of fifteen.
const TOLERATED: Duration = Duration::from_secs(120);

/// The clock of this machine, with the offset to the server's.
#[derive(Default)]
pub(super) struct Clock {
    /// Offset in milliseconds. Every date in HTTP is within its range.
    offset: AtomicI64,
}

impl Clock {
    /// Returns the current time by the server's clock.
    pub(super) fn now(&self) -> SystemTime {
        at_offset(self.offset.load(Ordering::Relaxed))
    }

    /// Returns the offset from this machine's clock to the server's, in milliseconds, from the rejection of a request
    /// signed at the time `signed`. Returns `None` if that time was right. Drops the current correction if the
    /// rejection contradicts it.
    pub(super) fn offset_to(&self, server: OffsetDateTime, signed: SystemTime) -> Option<i64> {
        let server = SystemTime::from(server);
        if apart(server, signed) <= TOLERATED {
            return None;
        }
        // Another thread may have corrected the clock in the meantime.
        if apart(server, self.now()) > TOLERATED {
            self.offset.store(0, Ordering::Relaxed);
        }
        Some(milliseconds(server, SystemTime::now()))
    }

    /// Keeps an offset with which the server has accepted a signature.
    pub(super) fn keep(&self, offset: i64) {
        let kept = self.offset.swap(offset, Ordering::Relaxed);
        if u128::from(kept.abs_diff(offset)) > TOLERATED.as_millis() {
            log::warn!(
                "the clock of this machine differs from the server's by {} s; signing with the \
                 server's time",
                offset.unsigned_abs() / 1000
            );
        }
    }
}

/// Returns this machine's time plus that many milliseconds.
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
    fn a_small_clock_difference_is_ignored() {
        let clock = Clock::default();
        let server = OffsetDateTime::now_utc() + Duration::from_secs(60);
        assert_eq!(clock.offset_to(server, clock.now()), None);
        assert!(apart(clock.now(), SystemTime::now()) < Duration::from_secs(10));
    }

    #[test]
    fn a_wrong_clock_is_corrected_in_both_directions() {
        let hour = Duration::from_secs(3600);
        let clock = Clock::default();
        for server in [
            OffsetDateTime::now_utc() + hour,
            OffsetDateTime::now_utc() - hour,
        ] {
            let signed = clock.now();
            let offset = clock.offset_to(server, signed).unwrap();
            // The rejection contradicts the kept offset, but does not set another one yet.
            assert!(apart(clock.now(), SystemTime::now()) < Duration::from_secs(10));
            clock.keep(offset);
            assert!(apart(clock.now(), server.into()) < Duration::from_secs(10));
            // A request signed earlier by another thread must be signed again. A request signed now must not.
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
