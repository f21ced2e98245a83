//! The gates: limits that a new snapshot must keep before it may restrict anyone.
//!
//! In: manifests of the snapshot that serves and of the one that should, figures of what differs,
//! what canaries and the replay of logged checks said, limits. Out: every limit that is exceeded,
//! with its figures; none means that the snapshot passes. A judgement over plain figures: it opens
//! nothing and knows no clock but the moment it is given. Whether somebody accepts the excess is
//! decided elsewhere; a first snapshot has nothing to be compared with and no gates.

use super::compare::{Comparison, Tally};
use crate::model::term::Moment;
use crate::snapshot::manifest::Manifest;

/// What all lists together are called in texts.
const IN_ALL: &str = "all lists";
const HOUR_SECONDS: i64 = 3_600;

/// What a new snapshot may change without anybody's acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A list, and all together, may gain or lose less than this share of its entries, in percent
    /// of the entries before. Default 30; 1 to 1000.
    pub change_percent_max: u64,
    /// Fewer entries than this may always come or go: small lists live in leaps. Default 20; 0 to
    /// 1000000. Does not excuse a list that has become empty or is missing.
    pub change_entries_min: u64,
    /// Records left out may be this share of all records, in percent. Default 5; 0 to 100.
    pub quarantined_percent_max: u64,
    /// Age of a list's last good fetch, in hours; 0 no limit, for an old list only brings reviews.
    /// Default 0; at most 87600. A list that is older than the one that serves is always refused.
    pub list_age_hours_max: u64,
    /// Share of the people in the replay that may be newly restricted, or no longer, in percent.
    /// Default 5; 0 to 100.
    pub replay_percent_max: u64,
    /// A replay of fewer people than this judges nothing. Default 20; 1 to 1000000.
    pub replay_people_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            change_percent_max: 30,
            change_entries_min: 20,
            quarantined_percent_max: 5,
            list_age_hours_max: 0,
            replay_percent_max: 5,
            replay_people_min: 20,
        }
    }
}

/// What logged checks would have said: figures only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replay {
    /// Checks decided twice.
    pub checks: u64,
    /// Checks that could not be: made under another catalogue, or by a unit that is gone.
    pub skipped: u64,
    /// Different people and organisations they asked about.
    pub people: u64,
    /// Of these, restricted by the new snapshot and not by the old one.
    pub more: u64,
    /// Of these, restricted by the old snapshot and not by the new one.
    pub fewer: u64,
}

/// A canary that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryFault {
    /// As the canaries file names it.
    pub name: String,
    /// What is wrong, without a name or number of anybody.
    pub what: String,
}

/// What the gates look at.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The snapshot that serves.
    pub previous: &'a Manifest,
    /// The one that should.
    pub next: &'a Manifest,
    /// What differs.
    pub comparison: &'a Comparison,
    /// Canaries that failed.
    pub canaries: &'a [CanaryFault],
    /// What logged checks would have said, where they were decided again.
    pub replay: Option<&'a Replay>,
    /// The moment it is.
    pub now: Moment,
}

/// A limit that is exceeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// A list is not there any more.
    #[error("list `{list}` with {before} entries is missing altogether")]
    ListMissing {
        /// The list.
        list: String,
        /// Its entries before.
        before: u64,
    },
    /// A list has no entries any more.
    #[error("list `{list}` has no entries; it had {before}")]
    ListEmpty {
        /// The list.
        list: String,
        /// Its entries before.
        before: u64,
    },
    /// A list that was not there.
    #[error("list `{list}` is new and has {after} entries, {min} or more")]
    ListNew {
        /// The list.
        list: String,
        /// Its entries.
        after: u64,
        /// From how many on.
        min: u64,
    },
    /// Too many entries have come.
    #[error("{list}: {count} entries more on top of {before}, {percent_max} % or more")]
    Gained {
        /// The list, or all.
        list: String,
        /// Entries that came.
        count: u64,
        /// Entries before.
        before: u64,
        /// The limit.
        percent_max: u64,
    },
    /// Too many entries are gone.
    #[error("{list}: {count} entries of {before} are gone, {percent_max} % or more")]
    Lost {
        /// The list, or all.
        list: String,
        /// Entries that are gone.
        count: u64,
        /// Entries before.
        before: u64,
        /// The limit.
        percent_max: u64,
    },
    /// Too many records were left out.
    #[error("{left_out} of {records} records were left out, more than {percent_max} %")]
    Quarantined {
        /// Records left out.
        left_out: u64,
        /// All records.
        records: u64,
        /// The limit.
        percent_max: u64,
    },
    /// A list goes back in time.
    #[error("list `{list}` is of {after}, older than the one that serves ({before})")]
    ListOlder {
        /// The list.
        list: String,
        /// Its moment before.
        before: Moment,
        /// Its moment.
        after: Moment,
    },
    /// A list is too old.
    #[error("list `{list}` is {hours} hours old, more than {hours_max}")]
    ListAge {
        /// The list.
        list: String,
        /// Its age.
        hours: u64,
        /// The limit.
        hours_max: u64,
    },
    /// Records were validated with another catalogue.
    #[error("the records were validated with another catalogue than those that serve")]
    CatalogueChanged,
    /// A canary.
    #[error("canary `{name}`: {what}")]
    Canary {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Too many people would be restricted, or no longer.
    #[error(
        "of {people} people asked about lately {more} more and {fewer} fewer would be restricted, \
         more than {percent_max} %"
    )]
    Replayed {
        /// Different people.
        people: u64,
        /// Newly restricted.
        more: u64,
        /// No longer restricted.
        fewer: u64,
        /// The limit.
        percent_max: u64,
    },
    /// There is nothing to compare with that can be read.
    #[error("the snapshot that serves cannot be read, so nothing can be compared")]
    NotComparable,
}

impl Exceeded {
    /// One word for each kind, for JSON and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ListMissing { .. } => "list_missing",
            Self::ListEmpty { .. } => "list_empty",
            Self::ListNew { .. } => "list_new",
            Self::Gained { .. } => "gained",
            Self::Lost { .. } => "lost",
            Self::Quarantined { .. } => "quarantined",
            Self::ListOlder { .. } => "list_older",
            Self::ListAge { .. } => "list_age",
            Self::CatalogueChanged => "catalogue_changed",
            Self::Canary { .. } => "canary",
            Self::Replayed { .. } => "replay",
            Self::NotComparable => "not_comparable",
        }
    }
}

/// Every limit that the evidence exceeds; none means that the snapshot passes.
pub fn judge(evidence: Evidence<'_>, limits: &Limits) -> Vec<Exceeded> {
    let mut exceeded = Vec::new();
    for (list, tally) in &evidence.comparison.lists {
        let was_there = evidence.previous.find_list(list).is_some();
        let is_there = evidence.next.find_list(list).is_some();
        judge_list(list, tally, (was_there, is_there), limits, &mut exceeded);
    }
    judge_counts(IN_ALL, &evidence.comparison.total, limits, &mut exceeded);
    judge_quarantined(evidence.next, limits, &mut exceeded);
    judge_ages(evidence, limits, &mut exceeded);
    if evidence.previous.catalogue_hash != evidence.next.catalogue_hash {
        exceeded.push(Exceeded::CatalogueChanged);
    }
    exceeded.extend(evidence.canaries.iter().map(|fault| Exceeded::Canary {
        name: fault.name.clone(),
        what: fault.what.clone(),
    }));
    exceeded.extend(
        evidence
            .replay
            .and_then(|replay| judge_replay(replay, limits)),
    );
    exceeded
}

fn judge_list(
    list: &str,
    tally: &Tally,
    (was_there, is_there): (bool, bool),
    limits: &Limits,
    exceeded: &mut Vec<Exceeded>,
) {
    let list = list.to_owned();
    match (was_there, is_there) {
        (true, false) => exceeded.push(Exceeded::ListMissing {
            list,
            before: tally.before,
        }),
        (true, true) if tally.after == 0 && tally.before > 0 => {
            exceeded.push(Exceeded::ListEmpty {
                list,
                before: tally.before,
            });
        }
        (true, true) => judge_counts(&format!("list `{list}`"), tally, limits, exceeded),
        (false, _) if tally.after >= limits.change_entries_min.max(1) => {
            exceeded.push(Exceeded::ListNew {
                list,
                after: tally.after,
                min: limits.change_entries_min.max(1),
            });
        }
        (false, _) => {}
    }
}

/// Entries that came and entries that went, each for itself: as many of both leave the number as
/// it was, and may still be another list.
fn judge_counts(list: &str, tally: &Tally, limits: &Limits, exceeded: &mut Vec<Exceeded>) {
    let percent_max = limits.change_percent_max;
    let too_many = |count: u64| {
        count > 0
            && count >= limits.change_entries_min
            && u128::from(count) * 100 >= u128::from(percent_max) * u128::from(tally.before)
    };
    if too_many(tally.added) {
        exceeded.push(Exceeded::Gained {
            list: list.to_owned(),
            count: tally.added,
            before: tally.before,
            percent_max,
        });
    }
    if too_many(tally.removed) {
        exceeded.push(Exceeded::Lost {
            list: list.to_owned(),
            count: tally.removed,
            before: tally.before,
            percent_max,
        });
    }
}

fn judge_quarantined(next: &Manifest, limits: &Limits, exceeded: &mut Vec<Exceeded>) {
    let left_out = next.quarantined;
    let records = left_out.saturating_add(next.entries.into());
    let percent_max = limits.quarantined_percent_max;
    let too_many = u128::from(left_out) * 100 > u128::from(percent_max) * u128::from(records);
    if too_many && records >= limits.change_entries_min {
        exceeded.push(Exceeded::Quarantined {
            left_out,
            records,
            percent_max,
        });
    }
}

fn judge_ages(evidence: Evidence<'_>, limits: &Limits, exceeded: &mut Vec<Exceeded>) {
    for list in &evidence.next.lists {
        let previous = &evidence.previous;
        let before = previous.find_list(&list.id).map(usize::from);
        let before = before.and_then(|place| previous.lists.get(place));
        if let Some(before) = before.filter(|before| before.as_of > list.as_of) {
            exceeded.push(Exceeded::ListOlder {
                list: list.id.to_string(),
                before: before.as_of,
                after: list.as_of,
            });
        }
        let seconds = (evidence.now.as_millis() - list.as_of.as_millis()) / 1_000;
        let hours = u64::try_from(seconds / HOUR_SECONDS).unwrap_or(0);
        let hours_max = limits.list_age_hours_max;
        if hours_max > 0 && hours > hours_max {
            exceeded.push(Exceeded::ListAge {
                list: list.id.to_string(),
                hours,
                hours_max,
            });
        }
    }
}

fn judge_replay(replay: &Replay, limits: &Limits) -> Option<Exceeded> {
    let percent_max = limits.replay_percent_max;
    let most = replay.more.max(replay.fewer);
    let too_many = u128::from(most) * 100 > u128::from(percent_max) * u128::from(replay.people);
    (too_many && replay.people >= limits.replay_people_min).then_some(Exceeded::Replayed {
        people: replay.people,
        more: replay.more,
        fewer: replay.fewer,
        percent_max,
    })
}

#[cfg(test)]
mod tests;
