//! One bit an entry: whether it counts on one Shanghai day.
//!
//! In: snapshot, catalogue, the entries that acts have taken out, a day. Out: the bits. Status,
//! start and end, newest rating and one case from two sources are settled here once a day, so that
//! a check reads one bit. Decision rules 2.1 to 2.5. Not here: disclosure, which depends on who
//! asks.

use super::binding::{Binding, last_day};
use crate::catalogue::list::ListKind;
use crate::catalogue::measure::Catalogue;
use crate::model::entry::{EntryIndex, Status};
use crate::model::term::Day;
use crate::snapshot::entries::Facts;
use crate::snapshot::open::Snapshot;
use std::ops::RangeInclusive;
use zerocopy::little_endian::U32;

/// Which entries count on `day`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    day: Day,
    counts: Bits,
}

/// What standing is computed from.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The entries.
    pub snapshot: &'a Snapshot,
    /// The law of their lists.
    pub catalogue: &'a Catalogue,
    /// How the two fit together.
    pub binding: &'a Binding,
    /// Entries that acts have taken out, ascending.
    pub out: &'a [EntryIndex],
}

impl Standing {
    /// Computes the bits of one day. Work: one pass over the entries and one over the groups.
    pub fn compute(ground: Ground<'_>, day: Day) -> Self {
        let [standing] = Self::of_days(ground, [day]);
        standing
    }

    /// Computes the bits of several days in one pass.
    pub fn of_days<const DAYS: usize>(ground: Ground<'_>, days: [Day; DAYS]) -> [Self; DAYS] {
        let entries = ground.snapshot.entry_count();
        let mut standings = days.map(|day| Self {
            day,
            counts: Bits::new(entries),
        });
        for (index, facts) in (0..).zip(ground.snapshot.all_facts()) {
            if facts.case_group().is_none()
                && let Some(span) = span_alone(ground, index, facts)
            {
                for standing in &mut standings {
                    standing.counts.set(index, span.contains(&standing.day));
                }
            }
        }
        for members in ground.snapshot.case_groups() {
            for standing in &mut standings {
                standing.settle_case(ground, members);
            }
        }
        standings
    }

    /// The same day after acts changed what is out; `touched` are the entries the acts concern.
    #[must_use]
    pub fn after_acts(&self, ground: Ground<'_>, touched: &[EntryIndex]) -> Self {
        let mut standing = self.clone();
        for entry in touched {
            let facts = ground.snapshot.facts(*entry);
            if let Some(group) = facts.case_group() {
                standing.settle_case(ground, ground.snapshot.case_group(group));
            } else {
                let span = span_alone(ground, entry.0, facts);
                let counts = span.is_some_and(|span| span.contains(&self.day));
                standing.counts.set(entry.0, counts);
            }
        }
        standing
    }

    /// The day these bits are of.
    pub fn day(&self) -> Day {
        self.day
    }

    /// Whether the entry counts on that day.
    pub fn counts(&self, entry: EntryIndex) -> bool {
        self.counts.get(entry.0)
    }

    /// Number of entries that count.
    pub fn count(&self) -> u64 {
        self.counts
            .words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }

    /// Decision rules 2.5: one case from several sources is one listing.
    fn settle_case(&mut self, ground: Ground<'_>, members: &[U32]) {
        let places = || members.iter().map(|member| member.get());
        let facts_of = |index: u32| ground.snapshot.facts(EntryIndex(index));
        let all_stand = places().all(|index| is_not_out(ground, index, facts_of(index)));
        // Members come latest `submitted_at` first, then smaller entry_id: the first that has
        // started and is not replaced stands for the listing.
        let standing_for = places().find(|index| {
            let facts = facts_of(*index);
            facts.in_force_from() <= self.day && !is_replaced(ground, facts, self.day)
        });
        for index in places() {
            let counts = all_stand
                && standing_for == Some(index)
                && is_within_term(ground, facts_of(index), self.day);
            self.counts.set(index, counts);
        }
    }
}

/// Why an entry does not count on a day: for those who may see what is not in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// An act has taken it out.
    Act,
    /// The list owner states another status than in force.
    Status(Status),
    /// Its first day of force is still to come.
    NotStarted(Day),
    /// This was its last day.
    Ended(Day),
    /// A newer rating of the same subject has started.
    Replaced,
    /// Another record of the same case is out by status or act.
    CaseOut(EntryIndex),
    /// Another record of the same case stands for the listing.
    CaseOther(EntryIndex),
    /// Its list is not in the catalogue.
    NoList,
}

/// All reasons for which an entry does not count on `day`; none where it counts.
pub fn absences(ground: Ground<'_>, entry: EntryIndex, day: Day) -> Vec<Absence> {
    let facts = ground.snapshot.facts(entry);
    let mut found = Vec::new();
    if ground.out.binary_search(&entry).is_ok() {
        found.push(Absence::Act);
    }
    if facts.status() != Status::InForce {
        found.push(Absence::Status(facts.status()));
    }
    if facts.in_force_from() > day {
        found.push(Absence::NotStarted(facts.in_force_from()));
    }
    match ground.binding.list_of(facts) {
        None => found.push(Absence::NoList),
        Some(bound) => {
            let rules = &ground.catalogue.list(bound.list).rules;
            let last = last_day(facts, bound.grade_of(facts), rules);
            found.extend(last.filter(|last| day > *last).map(Absence::Ended));
        }
    }
    if is_replaced(ground, facts, day) {
        found.push(Absence::Replaced);
    }
    if let Some(group) = facts.case_group() {
        found.extend(case_absence(
            ground,
            entry,
            ground.snapshot.case_group(group),
            day,
        ));
    }
    found
}

/// What the other records of its case do to an entry.
fn case_absence(
    ground: Ground<'_>,
    entry: EntryIndex,
    members: &[U32],
    day: Day,
) -> Option<Absence> {
    let facts_of = |index: u32| ground.snapshot.facts(EntryIndex(index));
    let mut places = members.iter().map(|member| member.get());
    let out = places
        .clone()
        .find(|index| *index != entry.0 && !is_not_out(ground, *index, facts_of(*index)));
    if let Some(out) = out {
        return Some(Absence::CaseOut(EntryIndex(out)));
    }
    let standing_for = places.find(|index| {
        let facts = facts_of(*index);
        facts.in_force_from() <= day && !is_replaced(ground, facts, day)
    });
    let other = standing_for.filter(|index| *index != entry.0)?;
    Some(Absence::CaseOther(EntryIndex(other)))
}

/// The days on which an entry that shares its case with no other counts.
fn span_alone(ground: Ground<'_>, index: u32, facts: &Facts) -> Option<RangeInclusive<Day>> {
    if !is_not_out(ground, index, facts) {
        return None;
    }
    let last = last_in_force(ground, facts)?;
    let replaced = replaced_on(ground, facts);
    let last = replaced.map_or(last, |day| last.min(Day(day.0.saturating_sub(1))));
    Some(facts.in_force_from()..=last)
}

/// Decision rules 2.1 and 2.3.
fn is_not_out(ground: Ground<'_>, index: u32, facts: &Facts) -> bool {
    facts.status() == Status::InForce && ground.out.binary_search(&EntryIndex(index)).is_err()
}

/// Decision rules 2.2, the end; a list that the catalogue lacks is never in force.
fn last_in_force(ground: Ground<'_>, facts: &Facts) -> Option<Day> {
    let bound = ground.binding.list_of(facts)?;
    let rules = &ground.catalogue.list(bound.list).rules;
    Some(last_day(facts, bound.grade_of(facts), rules).unwrap_or(Day(i32::MAX)))
}

fn is_within_term(ground: Ground<'_>, facts: &Facts, day: Day) -> bool {
    last_in_force(ground, facts).is_some_and(|last| day <= last)
}

/// Decision rules 2.4: another rating of the same subject with a later start has started, whatever
/// became of it.
fn is_replaced(ground: Ground<'_>, facts: &Facts, day: Day) -> bool {
    replaced_on(ground, facts).is_some_and(|from| from <= day)
}

/// First day on which `is_replaced`.
fn replaced_on(ground: Ground<'_>, facts: &Facts) -> Option<Day> {
    let group = facts.subject_group()?;
    let bound = ground.binding.list_of(facts)?;
    if ground.catalogue.list(bound.list).kind != ListKind::Rating {
        return None;
    }
    let members = ground.snapshot.subject_group(group).iter();
    members
        .map(|other| ground.snapshot.facts(EntryIndex(other.get())))
        .map(Facts::in_force_from)
        .filter(|from| *from > facts.in_force_from())
        .min()
}

/// A plain set of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bits {
    words: Box<[u64]>,
}

impl Bits {
    fn new(len: u32) -> Self {
        Self {
            words: vec![0; (len as usize).div_ceil(64)].into_boxed_slice(),
        }
    }

    fn get(&self, index: u32) -> bool {
        let word = self.words.get(index as usize / 64).copied().unwrap_or(0);
        word & (1 << (index % 64)) != 0
    }

    fn set(&mut self, index: u32, value: bool) {
        if let Some(word) = self.words.get_mut(index as usize / 64) {
            let bit = 1u64 << (index % 64);
            if value {
                *word |= bit;
            } else {
                *word &= !bit;
            }
        }
    }
}
