//! Random operations against a naive model: a list of what was appended, read by linear search.

use super::support::*;
use crate::decision_log::entry::Record;
use crate::decision_log::feedback::FeedbackAnswer;
use crate::decision_log::record::{CheckDraft, CheckId, FeedbackAction, FeedbackDraft};
use crate::model::decision::Decision;
use crate::storage::simulated::SimulatedDisk;
use proptest::prelude::*;

const UNITS: [&str; 3] = ["rail-12306", "bank", "land registry"];
const NOTES: [Option<&str>; 3] = [None, Some("done"), Some("理由充分")];

#[derive(Debug, Clone)]
enum Deed {
    Check {
        unit: usize,
        purpose: u16,
        step: i32,
        decision: usize,
    },
    Feedback {
        check: usize,
        unit: usize,
        action: usize,
        note: usize,
    },
    Event,
    Sync,
    Reopen,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (0..3usize, 0..40u16, -2_000_000..4_000_000i32, 0..5usize).prop_map(
            |(unit, purpose, step, decision)| Deed::Check { unit, purpose, step, decision }
        ),
        4 => (any::<prop::sample::Index>(), 0..3usize, 0..2usize, 0..3usize).prop_map(
            |(check, unit, action, note)| Deed::Feedback {
                check: check.index(1 << 20),
                unit,
                action,
                note,
            }
        ),
        1 => Just(Deed::Event),
        1 => Just(Deed::Sync),
        1 => Just(Deed::Reopen),
    ]
}

#[derive(Debug, Clone, PartialEq)]
struct Check {
    id: CheckId,
    unit: usize,
    purpose: String,
    moment: i64,
    decision: Decision,
    feedback: Option<(usize, usize)>,
}

/// What the log must answer to feedback, by the rules alone.
fn expected(checks: &mut [Check], check: usize, unit: usize, said: (usize, usize)) -> &'static str {
    let Some(check) = checks.get_mut(check).filter(|check| check.unit == unit) else {
        return "unknown";
    };
    match check.feedback {
        None => {
            check.feedback = Some(said);
            "recorded"
        }
        Some(before) if before == said => "same",
        Some(_) => "conflict",
    }
}

fn word(answer: FeedbackAnswer) -> &'static str {
    match answer {
        FeedbackAnswer::Recorded(_) => "recorded",
        FeedbackAnswer::Same(_) => "same",
        FeedbackAnswer::Conflict => "conflict",
        FeedbackAnswer::Unknown => "unknown",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_log_answers_as_a_plain_list_would(deeds in prop::collection::vec(deed(), 1..160)) {
        let mut disk = SimulatedDisk::new(9);
        let mut log = open(&disk, 0);
        let mut checks: Vec<Check> = Vec::new();
        let (mut clock, mut events, mut opens) = (0i64, 0usize, 0u64);
        for deed in deeds {
            match deed {
                Deed::Check { unit, purpose, step, decision } => {
                    clock += i64::from(step);
                    let purpose = format!("purpose {purpose}");
                    let decision = Decision::ALL[decision];
                    let draft = CheckDraft {
                        unit: UNITS[unit],
                        purpose: Some(&purpose),
                        decision,
                        ..block(later(clock))
                    };
                    let id = append(&log, &draft).check_id;
                    let moment = later(clock).0;
                    checks.push(Check { id, unit, purpose, moment, decision, feedback: None });
                }
                Deed::Feedback { check, unit, action, note } => {
                    let place = check % (checks.len() + 1);
                    let id = checks.get(place).map_or(CheckId([1; 16]), |check| check.id);
                    let draft = FeedbackDraft {
                        moment: NOW,
                        check_id: id,
                        unit: UNITS[unit],
                        action: FeedbackAction::ALL[action],
                        note: NOTES[note],
                    };
                    let answer = word(log.append_feedback(&draft).unwrap());
                    prop_assert_eq!(answer, expected(&mut checks, place, unit, (action, note)));
                }
                Deed::Event => {
                    log.append_event(&act()).unwrap();
                    events += 1;
                }
                Deed::Sync => log.sync_now().unwrap(),
                Deed::Reopen => {
                    opens += 1;
                    disk = disk.kill();
                    log = open(&disk, opens);
                }
            }
        }
        let mut read = Vec::new();
        let (mut read_events, mut read_feedback) = (0, 0);
        for record in records(&disk) {
            match record {
                Record::Check(check) => read.push(check),
                Record::Event(_) => read_events += 1,
                Record::Feedback(_) => read_feedback += 1,
            }
        }
        prop_assert_eq!(read.len(), checks.len());
        for (read, check) in read.iter().zip(&checks) {
            prop_assert_eq!(read.check_id, check.id);
            prop_assert_eq!(&*read.unit, UNITS[check.unit]);
            prop_assert_eq!(read.purpose.as_deref(), Some(check.purpose.as_str()));
            prop_assert_eq!((read.moment.0, read.decision), (check.moment, check.decision));
            let found = log.find_check(check.id).unwrap().unwrap();
            prop_assert_eq!((&found.unit, found.position), (&read.unit, read.position));
        }
        prop_assert!(checks.windows(2).all(|pair| pair[0].id < pair[1].id));
        let said = checks.iter().filter(|check| check.feedback.is_some()).count();
        prop_assert_eq!((read_events, read_feedback), (events, said));
    }
}
