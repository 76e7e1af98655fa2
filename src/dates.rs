//! Conversion of dates: the two formats of S3, ISO 8601 in XML and RFC 9110 in headers, and system times.

use std::time::SystemTime;

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// Parses a date of S3's XML (`2009-10-12T17:50:30.000Z`). Returns it in UTC.
///
/// The fraction is optional, and an offset may replace the `Z`.
pub(crate) fn iso_date(text: &str) -> Option<OffsetDateTime> {
    let (date, rest) = text.as_bytes().split_first_chunk::<11>()?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't'] = date else {
        return None;
    };
    let (clock, rest) = rest.split_first_chunk::<8>()?;
    let month = Month::try_from(u8::try_from(number(&[m1, m2])?).ok()?).ok()?;
    let date = calendar_date(number(&[y1, y2, y3, y4])?, month, number(&[d1, d2])?)?;
    let (nanosecond, zone) = fraction(rest)?;
    let time = clock_time(clock)?.replace_nanosecond(nanosecond).ok()?;
    let date = OffsetDateTime::new_in_offset(date, time, offset(zone)?);
    date.checked_to_offset(UtcOffset::UTC)
}

/// Formats a date for S3's XML and for headers with ISO 8601, in UTC: `2009-10-12T17:50:30Z`.
///
/// `None` for a year that does not fit four digits.
pub(crate) fn format_iso_date(date: OffsetDateTime) -> Option<String> {
    let date = date.checked_to_offset(UtcOffset::UTC)?;
    let year = four_digits(date)?;
    let (month, day) = (u8::from(date.month()), date.day());
    let (hour, minute, second) = date.to_hms();
    let fraction = match date.nanosecond() {
        0 => String::new(),
        nanosecond => format!(".{nanosecond:09}").trim_end_matches('0').to_owned(),
    };
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
    ))
}

/// Parses the optional fraction `.123`. Returns the nanoseconds and the rest of the text.
pub(crate) fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some((b'.', text)) = text.split_first() else {
        return Some((0, text));
    };
    let is_end = |byte: &u8| !byte.is_ascii_digit();
    let (digits, rest) = text.split_at(text.iter().position(is_end).unwrap_or(text.len()));
    let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanosecond = padded.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (!digits.is_empty()).then_some((nanosecond, rest))
}

/// Parses `Z`, or an offset from UTC such as `+02:00`.
fn offset(text: &[u8]) -> Option<UtcOffset> {
    let &[sign, h1, h2, b':', m1, m2] = text else {
        return text.eq_ignore_ascii_case(b"Z").then_some(UtcOffset::UTC);
    };
    let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => UtcOffset::from_whole_seconds(seconds).ok(),
        b'-' => UtcOffset::from_whole_seconds(-seconds).ok(),
        _ => None,
    }
}

/// Converts a time to a system time, if the system can represent it.
pub(crate) fn to_system(time: OffsetDateTime) -> Option<SystemTime> {
    let since = time - OffsetDateTime::UNIX_EPOCH;
    if since.is_negative() {
        SystemTime::UNIX_EPOCH.checked_sub(since.unsigned_abs())
    } else {
        SystemTime::UNIX_EPOCH.checked_add(since.unsigned_abs())
    }
}

/// Converts a system time, if its year is in the supported range.
pub(crate) fn from_system(time: SystemTime) -> Option<OffsetDateTime> {
    let epoch = OffsetDateTime::UNIX_EPOCH;
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => epoch.checked_add(after.try_into().ok()?),
        Err(before) => epoch.checked_sub(before.duration().try_into().ok()?),
    }
}

/// Splits a time into whole seconds, the precision of headers, and nanoseconds, which only listings may have.
pub(crate) fn whole_second(time: OffsetDateTime) -> (OffsetDateTime, u32) {
    let fraction = time.nanosecond();
    // 0 is a valid number of nanoseconds.
    (time.replace_nanosecond(0).unwrap_or(time), fraction)
}

/// Parses the date of an HTTP header, in any of the three formats of [RFC 9110, section
/// 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7).
///
/// The day of the week is not checked against the date.
pub(crate) fn http_date(text: &str) -> Option<OffsetDateTime> {
    let mut words = text.split([' ', ',', '-']).filter(|word| !word.is_empty());
    let mut word = || words.next();
    let (_weekday, second) = (word()?, word()?);
    let (day, month, year, clock) = if second.starts_with(|c: char| c.is_ascii_digit()) {
        // Sun, 06 Nov 1994 08:49:37 GMT; Sunday, 06-Nov-94 08:49:37 GMT
        let (month, year, clock) = (word()?, word()?, word()?);
        if !matches!(word()?, "GMT" | "UTC") {
            return None;
        }
        (second, month, year, clock)
    } else {
        // Sun Nov  6 08:49:37 1994
        let (day, clock, year) = (word()?, word()?, word()?);
        (day, second, year, clock)
    };
    if word().is_some() {
        return None;
    }
    let date = calendar_date(full_year(year)?, month_of(month)?, number(day.as_bytes())?)?;
    Some(OffsetDateTime::new_utc(date, clock_time(clock.as_bytes())?))
}

/// Formats a date for an HTTP header: `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// `None` for a year that does not fit four digits.
pub(crate) fn format_http_date(date: OffsetDateTime) -> Option<String> {
    let date = date.checked_to_offset(UtcOffset::UTC)?;
    let year = four_digits(date)?;
    let weekday = date.weekday().to_string();
    let weekday = weekday.get(..3)?;
    let month = MONTHS.get(usize::from(u8::from(date.month())) - 1)?;
    let (hour, minute, second) = date.to_hms();
    Some(format!(
        "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT",
        day = date.day(),
    ))
}

fn four_digits(date: OffsetDateTime) -> Option<u16> {
    let year = u16::try_from(date.year()).ok();
    year.filter(|year| *year < 10_000)
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn month_of(name: &str) -> Option<Month> {
    let index = MONTHS.iter().position(|month| *month == name)?;
    Month::try_from(u8::try_from(index).ok()? + 1).ok()
}

/// Interprets the two-digit years of RFC 850 like POSIX: 70 to 99 are in the 20th century.
fn full_year(digits: &str) -> Option<u32> {
    let year = number(digits.as_bytes())?;
    match digits.len() {
        4 => Some(year),
        2 if year >= 70 => Some(1900 + year),
        2 => Some(2000 + year),
        _ => None,
    }
}

fn calendar_date(year: u32, month: Month, day: u32) -> Option<Date> {
    let (year, day) = (i32::try_from(year).ok()?, u8::try_from(day).ok()?);
    Date::from_calendar_date(year, month, day).ok()
}

/// Parses `08:49:37`. A leap second becomes the second before it, because `time` has no leap seconds.
fn clock_time(text: &[u8]) -> Option<Time> {
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = text else {
        return None;
    };
    let (hour, minute) = (number(&[h1, h2])?, number(&[m1, m2])?);
    let second = match number(&[s1, s2])? {
        60 => 59,
        second => second,
    };
    let byte = |n: u32| u8::try_from(n).ok();
    Time::from_hms(byte(hour)?, byte(minute)?, byte(second)?).ok()
}

/// Parses one to four digits.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + u32::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    fn unix(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn times_convert_to_system_time_and_back() {
        for seconds in [0, 1, -1, 1_500_000_000, -10_000_000_000] {
            let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap()
                + Duration::nanoseconds(123_456_700);
            assert_eq!(to_system(time).and_then(from_system), Some(time));
        }
        let far = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 50);
        assert_eq!(from_system(far), None);
    }

    #[test]
    fn the_date_of_a_listing_keeps_its_fraction() {
        let date = iso_date("2009-10-12T17:50:30.123Z").unwrap();
        assert_eq!(date.unix_timestamp(), 1_255_369_830);
        assert_eq!(date.nanosecond(), 123_000_000);
        assert_eq!(iso_date("2009-10-12T17:50:30Z"), Some(unix(1_255_369_830)));
        let fine = iso_date("2009-10-12T17:50:30.12345678987Z").unwrap();
        assert_eq!(fine.nanosecond(), 123_456_789);
    }

    #[test]
    fn an_offset_is_converted_to_utc() {
        for text in [
            "2009-10-12T19:50:30+02:00",
            "2009-10-12T19:50:30.000+02:00",
            "2009-10-12T12:20:30-05:30",
        ] {
            let date = iso_date(text).unwrap();
            assert_eq!(date, unix(1_255_369_830), "{text}");
            assert_eq!(date.offset(), UtcOffset::UTC, "{text}");
        }
    }

    #[test]
    fn an_iso_date_is_written_as_it_is_read() {
        for (text, expected) in [
            ("2009-10-12T17:50:30Z", "2009-10-12T17:50:30Z"),
            ("2009-10-12T17:50:30.000Z", "2009-10-12T17:50:30Z"),
            ("2009-10-12T17:50:30.120Z", "2009-10-12T17:50:30.12Z"),
            (
                "2009-10-12T17:50:30.000000001z",
                "2009-10-12T17:50:30.000000001Z",
            ),
            ("2009-10-12t19:50:30+02:00", "2009-10-12T17:50:30Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ] {
            let date = iso_date(text).unwrap();
            assert_eq!(format_iso_date(date).as_deref(), Some(expected));
        }
        assert_eq!(format_iso_date(unix(-62_200_000_000)), None);
    }

    #[test]
    fn an_invalid_date_is_none() {
        for text in [
            "",
            "2009-10-12",
            "2009-10-12T17:50:30",
            "2009-10-12T17:50:30.Z",
            "2009-10-12T17:50:30.5",
            "2009-13-12T17:50:30Z",
            "2009-02-29T17:50:30Z",
            "2009-10-12T24:50:30Z",
            "2009-10-12T17:50:61Z",
            "2009-10-12T17:50:30Zulu",
            "2009-10-12T17:50:30+99:00",
            "2009-10-12T17:50:30+02:60",
            "2009-10-12T17:50:30+0200",
            "2009-10-12T17:50:30.5+",
            "2009-10-12 17:50:30Z",
            "2009-10-00T17:50:30Z",
            "2009-10-12T17:50:30*02:00",
            "+009-10-12T17:50:30Z",
            "2009-10-12T17:50:3éZ",
            "Mon, 12 Oct 2009 17:50:30 GMT",
        ] {
            assert_eq!(iso_date(text), None, "{text}");
        }
    }

    #[test]
    fn dates_at_the_ends_of_the_calendar_do_not_panic() {
        assert_eq!(iso_date("9999-12-31T23:59:59-23:59"), None);
        let leap = iso_date("9999-12-31T23:59:60Z").unwrap();
        assert_eq!(leap.unix_timestamp(), 253_402_300_799);
        assert!(iso_date("0000-01-01T00:00:00Z").is_some());
    }

    #[test]
    fn all_three_forms_of_rfc_9110_are_the_same_date() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(http_date(text), Some(unix(784_111_777)), "{text}");
        }
        let two_digits = http_date("Friday, 06-Nov-26 08:49:37 GMT").unwrap();
        assert_eq!(two_digits.year(), 2026);
    }

    #[test]
    fn an_invalid_http_date_is_none() {
        for text in [
            "",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 PST",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 194 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn an_http_date_is_written_as_it_is_read() {
        for seconds in [0, 784_111_777, 951_782_400, 4_102_444_799] {
            let text = format_http_date(unix(seconds)).unwrap();
            assert_eq!(http_date(&text), Some(unix(seconds)), "{text}");
        }
        let elsewhere = unix(784_111_777).to_offset(UtcOffset::from_hms(5, 30, 0).unwrap());
        let text = format_http_date(elsewhere).unwrap();
        assert_eq!(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_year_outside_the_header_format_is_none() {
        assert_eq!(format_http_date(unix(-62_200_000_000)), None);
    }
}
