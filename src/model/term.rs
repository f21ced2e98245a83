//! Time as the law counts it: moments, and calendar days of Asia/Shanghai at a fixed +08:00.
//!
//! Decision rules, opening: a day runs 00:00 to 24:00 at +08:00; `day + n years` is the same month
//! and day n years on, or that month's last day where there is none. No clock here: a moment is
//! always an argument.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use std::fmt;

const SHANGHAI_OFFSET_US: i64 = 8 * 3_600 * 1_000_000;
const DAY_US: i64 = 86_400 * 1_000_000;

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// From RFC 3339 with an offset; `None` where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        // jiff also takes other separators and IANA annotations; the contract is RFC 3339 alone.
        let bytes = text.as_bytes();
        if bytes.len() < 20 || bytes[10] != b'T' || text.contains('[') {
            return None;
        }
        text.parse::<Timestamp>()
            .ok()
            .map(|stamp| Self(stamp.as_microsecond()))
    }

    /// The Shanghai day this instant falls in.
    pub fn day(self) -> Day {
        let days = self.0.saturating_add(SHANGHAI_OFFSET_US).div_euclid(DAY_US);
        Day(days.clamp(i64::from(i32::MIN) + 1, i64::from(i32::MAX)) as i32)
    }

    /// This instant `hours` later (earlier where negative).
    #[must_use]
    pub fn plus_hours(self, hours: i64) -> Self {
        Self(self.0.saturating_add(hours.saturating_mul(3_600_000_000)))
    }

    /// This instant `seconds` later (earlier where negative).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Milliseconds since the epoch, rounded down.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

impl fmt::Display for Moment {
    /// RFC 3339 at +08:00, with as many fractional digits as needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(stamp) => {
                let zone = TimeZone::fixed(Offset::constant(8));
                let zoned = stamp.to_zoned(zone);
                let date = zoned.datetime();
                write!(
                    f,
                    "{}T{:02}:{:02}:{:02}",
                    date.date(),
                    date.hour(),
                    date.minute(),
                    date.second()
                )?;
                let us = self.0.rem_euclid(1_000_000);
                if us != 0 {
                    let digits = format!("{us:06}");
                    write!(f, ".{}", digits.trim_end_matches('0'))?;
                }
                f.write_str("+08:00")
            }
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A calendar day of Asia/Shanghai, in days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// From `2016-12-28`; `None` where it is not such a date, or the date does not exist.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| -> Option<i16> {
            let part = &text[range];
            part.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| part.parse().ok())
                .flatten()
        };
        if !text.is_ascii() {
            return None;
        }
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        Self::from_date(year, month as i8, day as i8)
    }

    /// From year, month and day; `None` where the date does not exist.
    pub fn from_date(year: i16, month: i8, day: i8) -> Option<Self> {
        let date = Date::new(year, month, day).ok()?;
        let span = date.since(Date::constant(1970, 1, 1)).ok()?;
        Some(Self(span.get_days()))
    }

    /// Year, month, day.
    pub fn date(self) -> (i16, i8, i8) {
        let date = self.civil();
        (date.year(), date.month(), date.day())
    }

    /// 00:00 of this day, Shanghai.
    pub fn start(self) -> Moment {
        Moment(
            i64::from(self.0)
                .saturating_mul(DAY_US)
                .saturating_sub(SHANGHAI_OFFSET_US),
        )
    }

    /// 24:00 of this day, Shanghai: the first moment of the next day.
    pub fn end(self) -> Moment {
        Self(self.0.saturating_add(1)).start()
    }

    /// The next day.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// `years` later: same month and day, or that month's last day.
    #[must_use]
    pub fn plus_years(self, years: i32) -> Self {
        let date = self.civil();
        let moved = date.saturating_add(Span::new().years(years.clamp(-9_000, 9_000)));
        Self::from_date(moved.year(), moved.month(), moved.day()).unwrap_or(self)
    }

    fn civil(self) -> Date {
        Date::constant(1970, 1, 1)
            .saturating_add(Span::new().days(self.0.clamp(-700_000, 2_900_000)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shanghai_day_starts_at_sixteen_hours_utc() {
        let before = Moment::parse("2026-11-22T15:59:59.999999Z").unwrap();
        let after = Moment::parse("2026-11-22T16:00:00Z").unwrap();
        assert_eq!(before.day(), Day::parse("2026-11-22").unwrap());
        assert_eq!(after.day(), Day::parse("2026-11-23").unwrap());
        assert_eq!(after, after.day().start());
        assert_eq!(before.day().end(), after);
    }

    #[test]
    fn years_added_to_the_29th_of_february_end_on_the_28th() {
        let leap = Day::parse("2024-02-29").unwrap();
        assert_eq!(leap.plus_years(1).to_string(), "2025-02-28");
        assert_eq!(leap.plus_years(4).to_string(), "2028-02-29");
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in [
            "2025-02-29",
            "2025-13-01",
            "2025-1-1",
            "20250101",
            "2025-01-32",
            "",
            "２０２５-01-01",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        for text in [
            "2025-01-01",
            "2025-01-01 00:00:00Z",
            "2025-01-01T00:00:00",
            "x",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn moments_are_written_at_plus_eight() {
        let moment = Moment::parse("2026-11-21T16:00:00Z").unwrap();
        assert_eq!(moment.to_string(), "2026-11-22T00:00:00+08:00");
        let fine = Moment(moment.0 + 120);
        assert_eq!(fine.to_string(), "2026-11-22T00:00:00.00012+08:00");
        assert_eq!(Moment::parse(&fine.to_string()), Some(fine));
    }
}
