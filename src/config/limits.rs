//! Limits of units as configured: what is done where asking looks like gathering the list, and
//! which acts need two persons.
//!
//! In: `Written`. Out: options. What one unit may is in its client record.

use super::file::{ConfigError, Placed, WordList, Written, bounded};
use crate::gateway::approvals::{ACTS, ApprovalOptions};
use crate::limits::score::Thresholds;
use crate::limits::table::LimitOptions;
use crate::limits::unit::Mode;

/// Key, default, least, most of every figure.
const FIGURES: &[(&str, u64, u64, u64)] = &[
    ("enumeration_slow_score", 30, 1, 10_000),
    ("enumeration_alarm_score", 60, 1, 10_000),
    ("enumeration_stop_score", 100, 1, 10_000),
    ("enumeration_crowd_min", 5, 1, 10_000),
    ("enumeration_feedback_hours", 4, 1, 24),
    ("enumeration_delay_ms_max", 1_000, 50, 10_000),
    ("approval_hours", 24, 1, 720),
];

/// What is done where asking looks like gathering the list. Keys: `enumeration` (off, watch or
/// react; default watch) and the figures of `Thresholds`, which rise from slow to stop.
pub fn limits(written: &Written) -> Result<LimitOptions, ConfigError> {
    let mode = match &written.enumeration {
        // Nobody is stopped by a score before an operator has seen what his own units score.
        None => Mode::Watch,
        Some(Placed { value, place }) => {
            Mode::parse(value).ok_or_else(|| ConfigError::Unusable {
                place: place.clone(),
                key: "enumeration",
                value: value.clone(),
                wanted: "off, watch or react",
            })?
        }
    };
    let small = |key, written: &Option<Placed<u64>>| {
        bounded(FIGURES, key, written).map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    };
    let thresholds = Thresholds {
        slow: small("enumeration_slow_score", &written.enumeration_slow_score)?,
        alarm: small("enumeration_alarm_score", &written.enumeration_alarm_score)?,
        stop: small("enumeration_stop_score", &written.enumeration_stop_score)?,
        crowd_min: small("enumeration_crowd_min", &written.enumeration_crowd_min)?,
        feedback_hours: bounded(
            FIGURES,
            "enumeration_feedback_hours",
            &written.enumeration_feedback_hours,
        )?,
        delay_ms_max: small(
            "enumeration_delay_ms_max",
            &written.enumeration_delay_ms_max,
        )?,
    };
    let rises = thresholds.slow <= thresholds.alarm && thresholds.alarm <= thresholds.stop;
    if let (false, Some(Placed { value, place })) = (rises, &written.enumeration_alarm_score) {
        return Err(unsorted(value, place, "enumeration_alarm_score"));
    }
    if let (false, Some(Placed { value, place })) = (rises, &written.enumeration_stop_score) {
        return Err(unsorted(value, place, "enumeration_stop_score"));
    }
    if let (false, Some(Placed { value, place })) = (rises, &written.enumeration_slow_score) {
        return Err(unsorted(value, place, "enumeration_slow_score"));
    }
    Ok(LimitOptions { mode, thresholds })
}

fn unsorted(value: &u64, place: &super::file::Place, key: &'static str) -> ConfigError {
    ConfigError::Unusable {
        place: place.clone(),
        key,
        value: value.to_string(),
        wanted: "scores that rise from slow to alarm to stop",
    }
}

/// Acts that need two persons, and for how long the first waits for the second. Keys: `two_person`
/// (default none), `approval_hours`.
pub fn approvals(written: &Written) -> Result<ApprovalOptions, ConfigError> {
    let hours = bounded(FIGURES, "approval_hours", &written.approval_hours)?;
    let mut acts = Vec::new();
    if let Some(Placed { value, place }) = &written.two_person {
        let WordList(words) = value;
        for word in words {
            let act = ACTS.iter().find(|act| *act == word);
            acts.push(*act.ok_or_else(|| ConfigError::Unusable {
                place: place.clone(),
                key: "two_person",
                value: word.clone(),
                wanted: match word.as_str() {
                    // Safeguard S14: an objection counts at once.
                    "hold" => "no `hold`: an objection takes an entry out at once, by one person",
                    _ => "withdraw, repair, hold_outcome, snapshot, rollback or release",
                },
            })?);
        }
    }
    Ok(ApprovalOptions { acts, hours })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn written(text: &str) -> Written {
        Written::parse(Path::new("hecha.toml"), text).unwrap()
    }

    #[test]
    fn what_is_not_written_has_its_default() {
        let options = limits(&written("")).unwrap();
        let watching = LimitOptions {
            mode: Mode::Watch,
            ..LimitOptions::default()
        };
        assert_eq!(options, watching);
        let two = approvals(&written("")).unwrap();
        assert_eq!((two.acts.len(), two.hours), (0, 24));
    }

    #[test]
    fn acts_of_two_persons_are_named_and_an_objection_is_none() {
        let two = approvals(&written("two_person = [\"withdraw\", \"release\"]")).unwrap();
        assert_eq!(two.acts, ["withdraw", "release"]);
        let error = approvals(&written("two_person = [\"hold\"]")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "hecha.toml:1: `two_person` is `hold`; write no `hold`: an objection takes an entry \
             out at once, by one person"
        );
        assert!(approvals(&written("two_person = [\"all\"]")).is_err());
        assert!(approvals(&written("approval_hours = 0")).is_err());
    }

    #[test]
    fn a_mode_and_rising_scores_are_taken() {
        let options = limits(&written(
            "enumeration = \"watch\"\nenumeration_stop_score = 150",
        ));
        let options = options.unwrap();
        assert_eq!((options.mode, options.thresholds.stop), (Mode::Watch, 150));
        let error = limits(&written("enumeration_stop_score = 50")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "hecha.toml:1: `enumeration_stop_score` is `50`; write scores that rise from slow to \
             alarm to stop"
        );
        assert!(limits(&written("enumeration = \"on\"")).is_err());
    }
}
