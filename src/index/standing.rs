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
        let entries = ground.snapshot.entry_count();
        let mut standing = Self {
            day,
            counts: Bits::new(entries),
        };
        for index in 0..entries {
            let facts = ground.snapshot.facts(EntryIndex(index));
            if facts.case_group().is_none() {
                let counts = alone(ground, index, facts, day);
                standing.counts.set(index, counts);
            }
        }
        for members in ground.snapshot.case_groups() {
            standing.settle_case(ground, members);
        }
        standing
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
                let counts = alone(ground, entry.0, facts, self.day);
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

/// Whether an entry that shares its case with no other counts.
fn alone(ground: Ground<'_>, index: u32, facts: &Facts, day: Day) -> bool {
    is_not_out(ground, index, facts)
        && facts.in_force_from() <= day
        && is_within_term(ground, facts, day)
        && !is_replaced(ground, facts, day)
}

/// Decision rules 2.1 and 2.3.
fn is_not_out(ground: Ground<'_>, index: u32, facts: &Facts) -> bool {
    facts.status() == Status::InForce && ground.out.binary_search(&EntryIndex(index)).is_err()
}

/// Decision rules 2.2, the end.
fn is_within_term(ground: Ground<'_>, facts: &Facts, day: Day) -> bool {
    let Some(bound) = ground.binding.list_of(facts) else {
        return false;
    };
    let rules = &ground.catalogue.list(bound.list).rules;
    last_day(facts, bound.grade_of(facts), rules).is_none_or(|last| day <= last)
}

/// Decision rules 2.4: another rating of the same subject with a later start has started, whatever
/// became of it.
fn is_replaced(ground: Ground<'_>, facts: &Facts, day: Day) -> bool {
    let Some(group) = facts.subject_group() else {
        return false;
    };
    let Some(bound) = ground.binding.list_of(facts) else {
        return false;
    };
    if ground.catalogue.list(bound.list).kind != ListKind::Rating {
        return false;
    }
    ground.snapshot.subject_group(group).iter().any(|other| {
        let from = ground
            .snapshot
            .facts(EntryIndex(other.get()))
            .in_force_from();
        from > facts.in_force_from() && from <= day
    })
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
