//! When something ends, as people say it: in days from now, or a moment.

use crate::model::term::Moment;

/// Days at most: a hundred years.
const DAYS_MAX: i64 = 36_500;

/// An end that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// So many days after the beginning.
    Days(i64),
    /// Then.
    At(Moment),
}

impl Expiry {
    /// From `7` or `2026-11-22T08:00:00+08:00`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let days = text.parse().ok();
        if let Some(days) = days.filter(|days| (1..=DAYS_MAX).contains(days)) {
            return Ok(Self::Days(days));
        }
        Moment::parse(text).map(Self::At).ok_or_else(|| {
            format!(
                "neither 1 to {DAYS_MAX} days nor a moment like 2026-11-22T08:00:00+08:00 (RFC \
                 3339 with offset)"
            )
        })
    }

    /// The moment, where it begins at `start`.
    pub fn at(self, start: Moment) -> Moment {
        match self {
            Self::Days(days) => start.plus_hours(days * 24),
            Self::At(moment) => moment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_days_or_a_moment() {
        let time = "2026-11-22T08:00:00+08:00";
        let moment = Moment::parse(time).unwrap();
        let start = moment.plus_hours(-24);
        for (text, at) in [("1", Some(moment)), (time, Some(moment)), ("0", None)] {
            let parsed = Expiry::parse(text);
            assert_eq!(parsed.ok().map(|expiry| expiry.at(start)), at, "{text}");
        }
        for text in ["", "-1", "tomorrow", "99999999999999999999", "1.5"] {
            assert!(Expiry::parse(text).is_err(), "{text}");
        }
    }
}
