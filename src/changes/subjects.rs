//! How many people and organisations a new snapshot restricts that the old one did not, and the
//! reverse.
//!
//! In: two snapshots with their standing on one day, and what differs between them. Out: two
//! counts. A subject is restricted while an entry about it counts on a list that is no red list.
//! Subjects are told apart by kind, folded name and birth date: their numbers have other digests
//! in every build. Namesakes of whom no birth date is known are counted as one, so the counts can
//! be too low there, never too high. Memory: eight bytes a subject that a change touches.

use super::compare::Changes;
use crate::catalogue::list::ListKind;
use crate::catalogue::measure::Catalogue;
use crate::index::binding::{Binding, BindingError};
use crate::index::standing::{Ground, Standing};
use crate::model::entry::EntryIndex;
use crate::model::term::Day;
use crate::snapshot::open::Snapshot;
use rayon::prelude::*;
use std::collections::HashSet;
use xxhash_rust::xxh3::Xxh3;

/// Entries that one thread takes at a time.
const ENTRIES_A_TASK: usize = 4_096;

/// Subjects whose restriction begins or ends with the new snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubjectCounts {
    /// Restricted now and not before.
    pub newly: u64,
    /// Restricted before and not now.
    pub no_longer: u64,
}

/// A snapshot and what follows for its entries on one day.
pub struct Side<'a> {
    snapshot: &'a Snapshot,
    catalogue: &'a Catalogue,
    binding: Binding,
    standing: Standing,
}

impl<'a> Side<'a> {
    /// Works out which entries count on `day`.
    ///
    /// Errors: a list that the catalogue does not know.
    pub fn new(
        snapshot: &'a Snapshot,
        catalogue: &'a Catalogue,
        day: Day,
    ) -> Result<Self, BindingError> {
        let binding = Binding::new(snapshot.manifest(), catalogue)?;
        let ground = Ground {
            snapshot,
            catalogue,
            binding: &binding,
            out: &[],
        };
        let standing = Standing::compute(ground, day);
        Ok(Self {
            snapshot,
            catalogue,
            binding,
            standing,
        })
    }

    fn restricts(&self, entry: EntryIndex) -> bool {
        let list = self.binding.list_of(self.snapshot.facts(entry));
        let is_red = |list| self.catalogue.list(list).kind == ListKind::Redlist;
        self.standing.counts(entry) && list.is_some_and(|bound| !is_red(bound.list))
    }

    fn key(&self, entry: EntryIndex) -> u64 {
        let mut hasher = Xxh3::new();
        let facts = self.snapshot.facts(entry);
        hasher.update(&[facts.kind() as u8]);
        hasher.update(&facts.birth().0.to_le_bytes());
        let subject = self.snapshot.parties(entry).first();
        let name = subject.and_then(|party| self.snapshot.party_names(party).next());
        hasher.update(
            name.map_or("", |name| self.snapshot.name_text(name))
                .as_bytes(),
        );
        hasher.digest()
    }

    /// Those of `touched` that some entry restricts.
    fn restricted(&self, touched: &HashSet<u64>) -> HashSet<u64> {
        (0..self.snapshot.entry_count())
            .into_par_iter()
            .with_min_len(ENTRIES_A_TASK)
            .map(EntryIndex)
            .filter(|entry| self.restricts(*entry))
            .map(|entry| self.key(entry))
            .filter(|key| touched.contains(key))
            .collect()
    }
}

/// Counts subjects whose restriction begins or ends. Both sides must be of one day.
pub fn count(old: &Side<'_>, new: &Side<'_>, changes: &Changes) -> SubjectCounts {
    debug_assert_eq!(old.standing.day(), new.standing.day(), "two days");
    let mut touched = HashSet::new();
    touched.extend(changes.added.iter().map(|entry| new.key(*entry)));
    touched.extend(changes.removed.iter().map(|entry| old.key(*entry)));
    for (before, after) in &changes.changed {
        touched.extend([old.key(*before), new.key(*after)]);
    }
    if touched.is_empty() {
        return SubjectCounts::default();
    }
    let (before, after) = (old.restricted(&touched), new.restricted(&touched));
    SubjectCounts {
        newly: after.difference(&before).count() as u64,
        no_longer: before.difference(&after).count() as u64,
    }
}
