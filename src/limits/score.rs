//! How much a unit's asking looks like gathering the list, and why.
//!
//! In: counts of one unit. Out: a score and its reasons, each with its figure, no person. Pure.
//! The figures are chosen so that a busy unit with honest business stays near zero: a railway asks
//! about hundreds of thousands who have nothing in common; who walks through numbers asks about
//! people who share a region and a birth date. What a score leads to is `watch.rs`.

use super::windows::{Counts, Sums};

/// From which score on a unit is slowed, warned of, stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Answers come late. Default 30.
    pub slow: u32,
    /// People are told. Default 60.
    pub alarm: u32,
    /// No answers until somebody has looked, or the next day. Default 100.
    pub stop: u32,
    /// So many people of one region and birth date, or of one birth date and sequence number, are
    /// no crowd. Default 5.
    pub crowd_min: u32,
    /// Hours after which a restricting answer should have its feedback. Default 4.
    pub feedback_hours: u64,
    /// Longest delay of an answer, in milliseconds. Default 1000.
    pub delay_ms_max: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            slow: 30,
            alarm: 60,
            stop: 100,
            crowd_min: 5,
            feedback_hours: 4,
            delay_ms_max: 1_000,
        }
    }
}

/// What is known of one unit besides its windows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Crowds {
    /// Most numbers of one region and birth date today.
    pub prefix: u32,
    /// Most numbers of one birth date and sequence number today.
    pub tail: u32,
    /// Most numbers of one region and birth date that this unit and at least two others asked
    /// about today.
    pub shared: u32,
    /// Novel subjects under the most frequent name of late, and all novel ones of that time.
    pub name: (u32, u32),
}

/// A reason and what it adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// Its word in logs, metrics and answers to operators.
    pub code: &'static str,
    /// What was counted.
    pub count: u32,
    /// What it adds to the score.
    pub points: u32,
}

/// Points that one reason adds at most: a score stays readable.
const POINTS_MAX: u32 = 200;

/// The score of a unit and its reasons, the weightiest first.
pub fn score(sums: &Sums, crowds: &Crowds, thresholds: &Thresholds) -> (u32, Vec<Reason>) {
    let mut reasons = Vec::new();
    let mut add = |code, count: u32, points: u32| {
        if points > 0 {
            let points = points.min(POINTS_MAX);
            reasons.push(Reason {
                code,
                count,
                points,
            });
        }
    };
    let crowd = |count: u32| count.saturating_sub(thresholds.crowd_min) * 10;
    add("same_region_and_birth", crowds.prefix, crowd(crowds.prefix));
    add("same_birth_and_sequence", crowds.tail, crowd(crowds.tail));
    // Together with others: such groups are met by honest units too, so that it takes more.
    let shared = crowds.shared.saturating_sub(thresholds.crowd_min + 4) * 10;
    add("prefix_shared_by_units", crowds.shared, shared);
    let windows = [&sums.minutes, &sums.hour, &sums.day];
    let most = |points: fn(&Counts) -> (u32, u32)| {
        let counted = windows.map(points);
        counted.into_iter().max_by_key(|(_, points)| *points)
    };
    for (code, points) in [
        ("numbers_in_sequence", in_sequence as fn(&Counts) -> _),
        ("invalid_numbers", invalid_numbers),
        ("names_contradict", contradicting),
        ("crowded_numbers", crowded),
    ] {
        let (count, points) = most(points).unwrap_or_default();
        add(code, count, points);
    }
    let (count, points) = most(names_alone).unwrap_or_default();
    let points_max = if is_business(sums) { 80 } else { 120 };
    add("names_without_number", count, points.min(points_max));
    add(
        "one_name_many_subjects",
        crowds.name.0,
        one_name(crowds.name),
    );
    add("many_hits", sums.day.hits, many_hits(&sums.day));
    let owed = sums.restricting_long_ago;
    add(
        "missing_feedback",
        owed,
        missing_feedback(owed, sums.day.feedback),
    );
    add(
        "subjects_beyond_business",
        sums.subjects,
        beyond_business(sums),
    );
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.points));
    (reasons.iter().map(|reason| reason.points).sum(), reasons)
}

/// Twins are neighbours too, and a family may be asked about together.
fn in_sequence(counts: &Counts) -> (u32, u32) {
    (counts.neighbours, counts.neighbours.saturating_sub(3) * 10)
}

/// Typing by hand goes wrong now and then; guessing goes wrong nine times of ten. A broken program
/// does so too, so that this alone stops nobody.
fn invalid_numbers(counts: &Counts) -> (u32, u32) {
    let bad = counts.bad_numbers;
    let share = share_percent(bad, counts.checks + bad);
    let points = if bad < 20 {
        0
    } else {
        share.saturating_sub(10) * 3 / 2
    };
    (bad, points.min(80))
}

/// Whoever walks through numbers does not know the names.
fn contradicting(counts: &Counts) -> (u32, u32) {
    let count = counts.contradicted;
    let is_usual = u64::from(count) * 200 < u64::from(counts.novel);
    (
        count,
        if is_usual {
            0
        } else {
            count.saturating_sub(2) * 10
        },
    )
}

/// Several for each of many regions and birth dates. A school class of one year has a third.
fn crowded(counts: &Counts) -> (u32, u32) {
    let share = share_percent(counts.crowded, counts.novel);
    let is_crowd = counts.novel >= 40 && share >= 45;
    let points = if is_crowd {
        40 + (counts.novel - 40) / 2
    } else {
        0
    };
    (counts.crowded, points)
}

/// Names of persons without any number, many and most of what is asked. Where business is seen
/// behind it this alone stops nobody: some have no numbers.
fn names_alone(counts: &Counts) -> (u32, u32) {
    let share = share_percent(counts.name_only, counts.novel);
    let points = if share < 50 {
        0
    } else {
        counts.name_only.saturating_sub(24)
    };
    (counts.name_only, points)
}

/// The same name under many numbers or birth dates.
fn one_name((count, all): (u32, u32)) -> u32 {
    match share_percent(count, all) {
        20.. => count.saturating_sub(9) * 5,
        5.. => count.saturating_sub(19) * 5,
        _ => 0,
    }
}

/// A unit with business hits rarely; a court does not. Alone it only adds.
fn many_hits(day: &Counts) -> u32 {
    match day.novel {
        50.. => share_percent(day.hits, day.novel)
            .saturating_sub(20)
            .min(25),
        _ => 0,
    }
}

fn missing_feedback(owed: u32, given: u32) -> u32 {
    let missing = share_percent(owed.saturating_sub(given), owed);
    if owed >= 10 && missing > 80 {
        missing / 4
    } else {
        0
    }
}

/// Many people, hardly any business behind them.
fn beyond_business(sums: &Sums) -> u32 {
    if sums.subjects >= 1_000 && !is_business(sums) {
        15
    } else {
        0
    }
}

/// One order or report for ten people is business.
fn is_business(sums: &Sums) -> bool {
    sums.references.max(sums.day.feedback) >= sums.subjects.div_ceil(10).max(1)
}

fn share_percent(part: u32, all: u32) -> u32 {
    let share = u64::from(part) * 100 / u64::from(all).max(1);
    u32::try_from(share).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(day: Counts, crowds: Crowds) -> (u32, Vec<&'static str>) {
        let sums = Sums {
            day,
            ..Sums::default()
        };
        let (score, reasons) = score(&sums, &crowds, &Thresholds::default());
        (score, reasons.iter().map(|reason| reason.code).collect())
    }

    #[test]
    fn each_reason_has_its_points() {
        let none = (Counts::default(), Crowds::default());
        assert_eq!(of(none.0, none.1), (0, vec![]));
        let crowds = Crowds {
            prefix: 8,
            ..none.1
        };
        assert_eq!(of(none.0, crowds), (30, vec!["same_region_and_birth"]));
        let crowds = Crowds { tail: 15, ..none.1 };
        assert_eq!(of(none.0, crowds), (100, vec!["same_birth_and_sequence"]));
        let crowds = Crowds {
            shared: 12,
            ..none.1
        };
        assert_eq!(of(none.0, crowds), (30, vec!["prefix_shared_by_units"]));
        let crowds = Crowds {
            name: (15, 20),
            ..none.1
        };
        assert_eq!(of(none.0, crowds), (30, vec!["one_name_many_subjects"]));
        let day = Counts {
            neighbours: 13,
            ..none.0
        };
        assert_eq!(of(day, none.1), (100, vec!["numbers_in_sequence"]));
        let day = Counts {
            bad_numbers: 90,
            checks: 10,
            ..none.0
        };
        assert_eq!(of(day, none.1), (80, vec!["invalid_numbers"]));
        let day = Counts {
            novel: 84,
            name_only: 84,
            ..none.0
        };
        assert_eq!(of(day, none.1), (60, vec!["names_without_number"]));
        let day = Counts {
            novel: 100,
            contradicted: 5,
            ..none.0
        };
        assert_eq!(of(day, none.1), (30, vec!["names_contradict"]));
        let day = Counts {
            novel: 160,
            crowded: 120,
            ..none.0
        };
        assert_eq!(of(day, none.1), (100, vec!["crowded_numbers"]));
    }

    #[test]
    fn the_figures_of_business_add_and_stop_nobody_alone() {
        let sums = Sums {
            day: Counts {
                novel: 5_000,
                hits: 2_500,
                ..Counts::default()
            },
            restricting_long_ago: 40,
            subjects: 5_000,
            ..Sums::default()
        };
        let (total, reasons) = score(&sums, &Crowds::default(), &Thresholds::default());
        let codes: Vec<_> = reasons.iter().map(|reason| reason.code).collect();
        let wanted = ["many_hits", "missing_feedback", "subjects_beyond_business"];
        assert_eq!((total, codes), (65, wanted.to_vec()));
        let sums = Sums {
            references: 3_000,
            day: Counts {
                feedback: 40,
                hits: 5,
                ..sums.day
            },
            ..sums
        };
        assert_eq!(
            score(&sums, &Crowds::default(), &Thresholds::default()).0,
            0
        );
    }
}
