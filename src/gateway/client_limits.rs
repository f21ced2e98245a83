//! What a client record says of limits: requests a second, distinct subjects a day, and what is
//! done where its asking looks like gathering the list.
//!
//! In: a record. Out: terms, or what is wrong with them. What they lead to is the room `limits`.

use super::client_record::ClientRecord;
use crate::limits::subjects::DAILY_MAX;
use crate::limits::table::Terms;
use crate::limits::unit::Mode;

/// Requests a second, or at once, that a record may state at most.
pub const RATE_MAX: u32 = 1_000_000;

/// What is wrong with the limits of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsFault {
    /// A rate nobody could keep.
    #[error("`rate` {0} is not between 1 and {RATE_MAX} requests a second")]
    Rate(u32),
    /// A burst nobody could keep.
    #[error("`burst` {0} is not between 1 and {RATE_MAX} requests at once")]
    Burst(u32),
    /// A burst of nothing.
    #[error("`burst` without `rate` limits nothing; write both, or neither")]
    BurstAlone,
    /// A budget beyond what is counted exactly.
    #[error("`daily_subjects` {0} is not between 1 and {DAILY_MAX} subjects a day")]
    DailySubjects(u32),
    /// A word that is not among those allowed.
    #[error("`enumeration`: unknown word `{0}`; write one of: off, watch, react")]
    Enumeration(String),
}

/// The limits of a record.
pub fn terms(record: &ClientRecord) -> Result<Terms, TermsFault> {
    let beyond = |figure: Option<u32>, most| figure.filter(|one| !(1..=most).contains(one));
    if let Some(rate) = beyond(record.rate, RATE_MAX) {
        return Err(TermsFault::Rate(rate));
    }
    if let Some(burst) = beyond(record.burst, RATE_MAX) {
        return Err(TermsFault::Burst(burst));
    }
    if record.burst.is_some() && record.rate.is_none() {
        return Err(TermsFault::BurstAlone);
    }
    if let Some(subjects) = beyond(record.daily_subjects, DAILY_MAX) {
        return Err(TermsFault::DailySubjects(subjects));
    }
    let enumeration = record
        .enumeration
        .as_deref()
        .map(|word| Mode::parse(word).ok_or_else(|| TermsFault::Enumeration(word.into())));
    Ok(Terms {
        rate: record.rate,
        burst: record.burst,
        daily_subjects: record.daily_subjects,
        enumeration: enumeration.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(record: ClientRecord, wanted: &str) {
        assert_eq!(terms(&record).unwrap_err().to_string(), wanted);
    }

    #[test]
    fn limits_of_a_record_are_understood_or_named() {
        let record = ClientRecord {
            rate: Some(100),
            burst: Some(300),
            daily_subjects: Some(50_000),
            enumeration: Some("watch".into()),
            ..ClientRecord::default()
        };
        let wanted = Terms {
            rate: Some(100),
            burst: Some(300),
            daily_subjects: Some(50_000),
            enumeration: Some(Mode::Watch),
        };
        assert_eq!(terms(&record), Ok(wanted));
        let with = |change: fn(&mut ClientRecord)| {
            let mut changed = record.clone();
            change(&mut changed);
            changed
        };
        says(
            with(|record| record.rate = Some(0)),
            "`rate` 0 is not between 1 and 1000000 requests a second",
        );
        says(
            with(|record| record.burst = Some(0)),
            "`burst` 0 is not between 1 and 1000000 requests at once",
        );
        says(
            with(|record| record.rate = None),
            "`burst` without `rate` limits nothing; write both, or neither",
        );
        says(
            with(|record| record.daily_subjects = Some(6_000_000)),
            "`daily_subjects` 6000000 is not between 1 and 5000000 subjects a day",
        );
        says(
            with(|record| record.enumeration = Some("on".into())),
            "`enumeration`: unknown word `on`; write one of: off, watch, react",
        );
    }
}
