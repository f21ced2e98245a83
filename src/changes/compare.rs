//! Entries added, changed and removed from one snapshot to the next, and figures of them.
//!
//! In: two snapshots. Out: places of what differs, then tallies in all, by list and, on demand, by
//! authority. The MACs of both files are read in order, for they stand in nearly the same one;
//! where they part, an entry is looked up by its entry_id. No memory but four bytes for an entry
//! added or removed, and eight for one that changed and for each place where the order parts. A
//! file without MACs of the same master key is compared by what both show.

use super::facts::{self, Entry};
use crate::index::entry_ids;
use crate::model::entry::EntryIndex;
use crate::snapshot::open::Snapshot;
use crate::snapshot::sections::SectionId;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// Entries that one thread takes at a time; few in tests, so that walks are joined there too.
const ENTRIES_A_TASK: u32 = if cfg!(test) { 16 } else { 1 << 16 };

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
}

/// Finds what differs.
pub fn changes(old: &Snapshot, new: &Snapshot) -> Changes {
    let compared = compared(old, new);
    let tasks = new.entry_count().div_ceil(ENTRIES_A_TASK);
    let walk = (0..tasks)
        .into_par_iter()
        .fold(
            || Walk::beside(old, compared),
            |mut walk, task| {
                let first = task * ENTRIES_A_TASK;
                walk.along(new, first..new.entry_count().min(first + ENTRIES_A_TASK));
                walk
            },
        )
        .reduce(|| Walk::beside(old, compared), Walk::followed_by);
    Changes {
        removed: gaps(walk.met, old.entry_count()),
        compared,
        added: walk.added,
        changed: walk.changed,
    }
}

/// Walks along the old snapshot while the new one is read in its order: two lists of one day and
/// the next stand in nearly the same order, so that the entry behind the last one met is nearly
/// always the one that is looked for, and memory is read in order.
struct Walk<'a> {
    old: &'a Snapshot,
    compared: Compared,
    next: EntryIndex,
    /// Entries of the old snapshot that the new one has too, in runs.
    met: Vec<Range<u32>>,
    added: Vec<EntryIndex>,
    changed: Vec<(EntryIndex, EntryIndex)>,
}

impl<'a> Walk<'a> {
    fn beside(old: &'a Snapshot, compared: Compared) -> Self {
        Self {
            old,
            compared,
            next: EntryIndex(0),
            met: Vec::new(),
            added: Vec::new(),
            changed: Vec::new(),
        }
    }

    fn along(&mut self, new: &Snapshot, mut entries: Range<u32>) {
        while !entries.is_empty() {
            entries.start += self.pass_equal(new, &entries);
            if let Some(entry) = entries.next() {
                self.step(new, EntryIndex(entry));
            }
        }
    }

    /// Meets the entries whose MACs stand in the old snapshot in the same order, from the next on;
    /// how many. A MAC is over the entry_id too: the same one is the same entry and nothing in it
    /// changed.
    fn pass_equal(&mut self, new: &Snapshot, entries: &Range<u32>) -> u32 {
        if self.compared != Compared::Macs {
            return 0;
        }
        let (old, new) = (self.old.all_content(), new.all_content());
        let old = old.get(self.next.0 as usize..).unwrap_or_default();
        let new = new.get(entries.start as usize..entries.end as usize);
        let pairs = old.iter().zip(new.unwrap_or_default());
        let equal = pairs.take_while(|(old, new)| old == new).count() as u32;
        self.meet(self.next.0..self.next.0.saturating_add(equal));
        equal
    }

    fn step(&mut self, new: &Snapshot, entry: EntryIndex) {
        match self.find(&new.entry_id(entry)) {
            None => self.added.push(entry),
            Some(before) => {
                self.meet(before.0..before.0.saturating_add(1));
                if !self.is_same(before, new, entry) {
                    self.changed.push((before, entry));
                }
            }
        }
    }

    /// The old entry with this entry_id.
    fn find(&self, entry_id: &str) -> Option<EntryIndex> {
        if !entry_id.is_empty() && *self.old.entry_id(self.next) == *entry_id {
            return Some(self.next);
        }
        entry_ids::find(self.old, entry_id)
    }

    fn meet(&mut self, entries: Range<u32>) {
        self.next = EntryIndex(entries.end);
        match self.met.last_mut() {
            _ if entries.is_empty() => {}
            Some(run) if run.end == entries.start => run.end = entries.end,
            _ => self.met.push(entries),
        }
    }

    fn is_same(&self, before: EntryIndex, new: &Snapshot, after: EntryIndex) -> bool {
        match self.compared {
            Compared::Macs => self.old.content(before) == new.content(after),
            Compared::Facts => {
                let [one, other] = [(self.old, before), (new, after)]
                    .map(|(snapshot, index)| Entry { snapshot, index });
                facts::are_equal(one, other)
            }
        }
    }

    fn followed_by(mut self, mut later: Self) -> Self {
        self.met.append(&mut later.met);
        self.added.append(&mut later.added);
        self.changed.append(&mut later.changed);
        self
    }
}

/// What of `0..count` lies in none of the runs.
fn gaps(mut runs: Vec<Range<u32>>, count: u32) -> Vec<EntryIndex> {
    runs.sort_unstable_by_key(|run| run.start);
    let mut gaps = Vec::new();
    let mut from = 0;
    for run in runs {
        gaps.extend((from..run.start).map(EntryIndex));
        from = from.max(run.end);
    }
    gaps.extend((from..count).map(EntryIndex));
    gaps
}

/// Counts what differs.
pub fn tally(old: &Snapshot, new: &Snapshot, changes: &Changes) -> Comparison {
    let mut lists = Groups::default();
    for (snapshot, is_new) in [(old, false), (new, true)] {
        for list in &snapshot.manifest().lists {
            lists.count(&list.id, is_new, list.entries.into());
        }
    }
    let list = |snapshot, index| facts::list_of(Entry { snapshot, index });
    for entry in &changes.added {
        lists.group(list(new, *entry)).added += 1;
    }
    for entry in &changes.removed {
        lists.group(list(old, *entry)).removed += 1;
    }
    for (before, after) in &changes.changed {
        lists.moved(list(old, *before), list(new, *after));
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
    }
}

/// Counts what differs by authority. Work: all records of both snapshots.
pub fn by_authority(
    old: &Snapshot,
    new: &Snapshot,
    changes: &Changes,
) -> BTreeMap<Box<str>, Tally> {
    let mut authorities = Groups::default();
    for (snapshot, is_new) in [(old, false), (new, true)] {
        for (reference, count) in (0..).zip(authority_counts(snapshot)) {
            if count > 0 {
                let text = snapshot.dictionary(reference).unwrap_or("");
                authorities.count(text, is_new, count);
            }
        }
    }
    fn authority(snapshot: &Snapshot, entry: EntryIndex) -> &str {
        snapshot.dictionary(snapshot.authority(entry)).unwrap_or("")
    }
    for entry in &changes.added {
        authorities.group(authority(new, *entry)).added += 1;
    }
    for entry in &changes.removed {
        authorities.group(authority(old, *entry)).removed += 1;
    }
    for (before, after) in &changes.changed {
        authorities.moved(authority(old, *before), authority(new, *after));
    }
    authorities.0
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
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
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

/// Entries by the reference of their authority.
fn authority_counts(snapshot: &Snapshot) -> Vec<u64> {
    let references = snapshot.count(SectionId::DictionaryOffsets) as usize;
    (0..snapshot.entry_count())
        .into_par_iter()
        .with_min_len(ENTRIES_A_TASK as usize)
        .fold(
            || vec![0; references.max(1)],
            |mut counts, place| {
                let reference = snapshot.authority(EntryIndex(place)) as usize;
                // One that names no text counts as none.
                let reference = Some(reference).filter(|one| *one < counts.len());
                counts[reference.unwrap_or(0)] += 1;
                counts
            },
        )
        .reduce(Vec::new, |counts, more| match counts.is_empty() {
            true => more,
            false => counts.iter().zip(&more).map(|(a, b)| a + b).collect(),
        })
}
