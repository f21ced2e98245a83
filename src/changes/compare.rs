//! Entries added, changed and removed from one snapshot to the next, and figures of them.
//!
//! In: two snapshots. Out: places of what differs, then tallies in all, by list and by authority.
//! Each entry is looked up in the other file by its entry_id and the two MACs are compared, on all
//! cores: no sorting, and no memory but four bytes for an entry added or removed and eight for one
//! that changed. A file without MACs of the same master key is compared by what both show.

use super::facts::{self, Entry};
use crate::index::entry_ids;
use crate::model::entry::EntryIndex;
use crate::snapshot::open::Snapshot;
use crate::snapshot::sections::SectionId;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Entries that one thread takes at a time.
const ENTRIES_A_TASK: usize = 4_096;

/// What two records were compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// MACs of all that the records say.
    Macs,
    /// What both files show: digits of numbers are not compared.
    Facts,
}

impl Compared {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Macs => "content",
            Self::Facts => "facts",
        }
    }
}

/// Places of what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// How it was found.
    pub compared: Compared,
    /// In the new snapshot only.
    pub added: Vec<EntryIndex>,
    /// In both, with other content: place in the old one, place in the new one.
    pub changed: Vec<(EntryIndex, EntryIndex)>,
    /// In the old snapshot only.
    pub removed: Vec<EntryIndex>,
}

/// Counts of one group of entries. An entry that moved from one group to another is removed there
/// and added here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries of the old snapshot.
    pub before: u64,
    /// Entries of the new one.
    pub after: u64,
    /// Not there before.
    pub added: u64,
    /// There before, and other now.
    pub changed: u64,
    /// No longer there.
    pub removed: u64,
}

/// Figures of what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// How it was found.
    pub compared: Compared,
    /// All entries.
    pub total: Tally,
    /// By list, of lists that one of the two has.
    pub lists: BTreeMap<Box<str>, Tally>,
    /// By authority.
    pub authorities: BTreeMap<Box<str>, Tally>,
}

/// Finds what differs.
pub fn changes(old: &Snapshot, new: &Snapshot) -> Changes {
    let compared = compared(old, new);
    let ahead = (0..new.entry_count())
        .into_par_iter()
        .with_min_len(ENTRIES_A_TASK)
        .fold(
            || Changes::none(compared),
            |mut found, place| {
                found.look_back(old, new, EntryIndex(place));
                found
            },
        )
        .reduce(|| Changes::none(compared), Changes::followed_by);
    let gone = |place: &EntryIndex| match old.cold_record(*place) {
        Some(record) => entry_ids::find(new, record.entry_id).is_none(),
        None => true,
    };
    let removed = (0..old.entry_count())
        .into_par_iter()
        .with_min_len(ENTRIES_A_TASK)
        .map(EntryIndex)
        .filter(gone)
        .collect();
    Changes { removed, ..ahead }
}

/// Counts what differs.
pub fn tally(old: &Snapshot, new: &Snapshot, changes: &Changes) -> Comparison {
    let mut lists = Groups::default();
    for (snapshot, is_new) in [(old, false), (new, true)] {
        for list in &snapshot.manifest().lists {
            lists.count(&list.id, is_new, list.entries.into());
        }
    }
    let mut authorities = Groups::default();
    for (snapshot, is_new) in [(old, false), (new, true)] {
        for (reference, count) in authority_counts(snapshot) {
            let text = snapshot.dictionary(reference).unwrap_or("");
            authorities.count(text, is_new, count);
        }
    }
    let list = |snapshot, index| facts::list_of(Entry { snapshot, index });
    let authority = |snapshot: &'_ Snapshot, index| {
        let reference = authority_of(snapshot, index);
        snapshot.dictionary(reference).unwrap_or("").to_owned()
    };
    for entry in &changes.added {
        lists.group(list(new, *entry)).added += 1;
        authorities.group(&authority(new, *entry)).added += 1;
    }
    for entry in &changes.removed {
        lists.group(list(old, *entry)).removed += 1;
        authorities.group(&authority(old, *entry)).removed += 1;
    }
    for (before, after) in &changes.changed {
        lists.moved(list(old, *before), list(new, *after));
        authorities.moved(&authority(old, *before), &authority(new, *after));
    }
    Comparison {
        compared: changes.compared,
        total: Tally {
            before: old.entry_count().into(),
            after: new.entry_count().into(),
            added: changes.added.len() as u64,
            changed: changes.changed.len() as u64,
            removed: changes.removed.len() as u64,
        },
        lists: lists.0,
        authorities: authorities.0,
    }
}

/// MACs of two builds can be compared where both have one for every entry under one master key.
fn compared(old: &Snapshot, new: &Snapshot) -> Compared {
    let has_all = |snapshot: &Snapshot| {
        snapshot.count(SectionId::Content) == snapshot.count(SectionId::Facts)
    };
    match old.manifest().key_id == new.manifest().key_id && has_all(old) && has_all(new) {
        true => Compared::Macs,
        false => Compared::Facts,
    }
}

impl Changes {
    fn none(compared: Compared) -> Self {
        Self {
            compared,
            added: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    fn look_back(&mut self, old: &Snapshot, new: &Snapshot, entry: EntryIndex) {
        let record = new.cold_record(entry);
        match record.and_then(|record| entry_ids::find(old, record.entry_id)) {
            None => self.added.push(entry),
            Some(before) if self.same(old, before, new, entry) => {}
            Some(before) => self.changed.push((before, entry)),
        }
    }

    fn same(&self, old: &Snapshot, before: EntryIndex, new: &Snapshot, after: EntryIndex) -> bool {
        match self.compared {
            Compared::Macs => old.content(before) == new.content(after),
            Compared::Facts => {
                let [one, other] = [(old, before), (new, after)]
                    .map(|(snapshot, index)| Entry { snapshot, index });
                facts::are_equal(one, other)
            }
        }
    }

    fn followed_by(mut self, mut later: Self) -> Self {
        self.added.append(&mut later.added);
        self.changed.append(&mut later.changed);
        self
    }
}

#[derive(Default)]
struct Groups(BTreeMap<Box<str>, Tally>);

impl Groups {
    fn group(&mut self, name: &str) -> &mut Tally {
        self.0.entry(name.into()).or_default()
    }

    fn count(&mut self, name: &str, is_new: bool, entries: u64) {
        let group = self.group(name);
        match is_new {
            true => group.after += entries,
            false => group.before += entries,
        }
    }

    fn moved(&mut self, before: &str, after: &str) {
        if before == after {
            self.group(after).changed += 1;
        } else {
            self.group(before).removed += 1;
            self.group(after).added += 1;
        }
    }
}

fn authority_of(snapshot: &Snapshot, entry: EntryIndex) -> u32 {
    let record = snapshot.cold_record(entry);
    record.map_or(0, |record| record.references.authority)
}

/// Entries by the reference of their authority.
fn authority_counts(snapshot: &Snapshot) -> HashMap<u32, u64> {
    (0..snapshot.entry_count())
        .into_par_iter()
        .with_min_len(ENTRIES_A_TASK)
        .fold(HashMap::new, |mut counts: HashMap<u32, u64>, place| {
            *counts
                .entry(authority_of(snapshot, EntryIndex(place)))
                .or_default() += 1;
            counts
        })
        .reduce(HashMap::new, |mut counts, more| {
            for (reference, count) in more {
                *counts.entry(reference).or_default() += count;
            }
            counts
        })
}
