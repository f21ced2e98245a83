//! Entries added, changed and removed from one snapshot to the next, and figures of them.
//!
//! In: two snapshots. Out: places of what differs, then tallies in all, by list and by authority.
//! Both files are read in order, for they stand in nearly the same one; where they part, an entry
//! is looked up by its entry_id. The two MACs are compared, on all cores: no sorting, and no memory
//! but four bytes for an entry added or removed and eight for one that changed. A file without MACs
//! of the same master key is compared by what both show.

use super::facts::{self, Entry};
use crate::index::entry_ids;
use crate::model::entry::EntryIndex;
use crate::snapshot::open::Snapshot;
use crate::snapshot::sections::SectionId;
use rayon::prelude::*;
use std::collections::BTreeMap;

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
            || (Changes::none(compared), Alongside::of(old)),
            |(mut found, mut before), place| {
                found.look_back(&mut before, new, EntryIndex(place));
                (found, before)
            },
        )
        .map(|(found, _)| found)
        .reduce(|| Changes::none(compared), Changes::followed_by);
    let removed = (0..old.entry_count())
        .into_par_iter()
        .with_min_len(ENTRIES_A_TASK)
        .fold(
            || (Vec::new(), Alongside::of(new)),
            |(mut gone, mut after), place| {
                let entry = EntryIndex(place);
                if after.find(old.entry_id_bytes(entry)).is_none() {
                    gone.push(entry);
                }
                (gone, after)
            },
        )
        .map(|(gone, _)| gone)
        .reduce(Vec::new, |mut gone, mut more| {
            gone.append(&mut more);
            gone
        });
    Changes { removed, ..ahead }
}

/// Walks along a snapshot while another one is read in its order: two lists of one day and the next
/// stand in nearly the same order, so that the entry behind the last one found is nearly always the
/// one that is looked for, and memory is read in order.
struct Alongside<'a> {
    snapshot: &'a Snapshot,
    next: EntryIndex,
}

impl<'a> Alongside<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            next: EntryIndex(0),
        }
    }

    /// The entry with this entry_id.
    fn find(&mut self, entry_id: &[u8]) -> Option<EntryIndex> {
        let is_next = !entry_id.is_empty() && self.snapshot.entry_id_bytes(self.next) == entry_id;
        let found = match is_next {
            true => Some(self.next),
            false => std::str::from_utf8(entry_id)
                .ok()
                .and_then(|entry_id| entry_ids::find(self.snapshot, entry_id)),
        };
        if let Some(EntryIndex(place)) = found {
            self.next = EntryIndex(place.saturating_add(1));
        }
        found
    }
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
        for (reference, count) in (0..).zip(authority_counts(snapshot)) {
            if count > 0 {
                let text = snapshot.dictionary(reference).unwrap_or("");
                authorities.count(text, is_new, count);
            }
        }
    }
    let list = |snapshot, index| facts::list_of(Entry { snapshot, index });
    let authority = |snapshot: &'_ Snapshot, index| {
        snapshot
            .dictionary(snapshot.authority(index))
            .unwrap_or("")
            .to_owned()
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

    fn look_back(&mut self, before: &mut Alongside<'_>, new: &Snapshot, entry: EntryIndex) {
        let old = before.snapshot;
        match before.find(new.entry_id_bytes(entry)) {
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

/// Entries by the reference of their authority.
fn authority_counts(snapshot: &Snapshot) -> Vec<u64> {
    let references = snapshot.count(SectionId::DictionaryOffsets) as usize;
    (0..snapshot.entry_count())
        .into_par_iter()
        .with_min_len(ENTRIES_A_TASK)
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
