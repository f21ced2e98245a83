//! Records of one subject on one list, and of one case of it.
//!
//! Decision rules 2.4: the same subject where one full number is equal, or one masked number with
//! equal visible characters and the folded names are equal; taken together where records are
//! linked through others. Rules 2.5: one listing where also the folded case_no is equal. In: store,
//! arrangement, identifier rows. Out: groups of at least two entries.

use super::arrange::{Arrangement, UNUSED};
use super::identifiers::Identifiers;
use super::store::{FULL, Store};
use rayon::prelude::*;
use std::cmp::Reverse;

/// Groups, by the lowest entry in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Where each group starts in `members`, and the end.
    pub firsts: Vec<u32>,
    /// Entries, by `submitted_at`, latest first, then by entry_id.
    pub members: Vec<u32>,
    /// Group of each entry, or `UNUSED`.
    pub group_of: Vec<u32>,
}

/// One number of a subject: what another record must share to be of the same subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    list: u16,
    row: u32,
    /// The subject's name where the number is masked, else `UNUSED`.
    name: u32,
    entry: u32,
}

/// Groups of records of one subject.
pub fn subjects(store: &Store, arrangement: &Arrangement, identifiers: &Identifiers) -> Groups {
    let mut links = links(store, identifiers);
    links.par_sort_unstable();
    let mut sets = Sets::new(store.entries.len());
    let same = |a: &Link, b: &Link| (a.list, a.row, a.name) == (b.list, b.row, b.name);
    for linked in links.chunk_by(same) {
        for link in &linked[1..] {
            sets.unite(linked[0].entry, link.entry);
        }
    }
    drop(links);
    let roots: Vec<u32> = (0..store.entries.len() as u32)
        .map(|entry| sets.root(entry))
        .collect();
    let mut keyed: Vec<(u32, u32)> = roots.iter().copied().zip(0..).collect();
    keyed.par_sort_unstable();
    collect(
        store,
        arrangement,
        keyed
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|c| c.len() > 1)
            .map(entries_of),
    )
}

/// Groups of records of one case, inside groups of one subject.
pub fn cases(store: &Store, arrangement: &Arrangement, subjects: &Groups) -> Groups {
    let mut keyed: Vec<((u32, [u8; 16]), u32)> = Vec::with_capacity(subjects.members.len());
    for (group, bounds) in subjects.firsts.windows(2).enumerate() {
        for entry in &subjects.members[bounds[0] as usize..bounds[1] as usize] {
            let case = store.entries[*entry as usize].case_digest;
            keyed.push(((group as u32, case), *entry));
        }
    }
    keyed.par_sort_unstable();
    collect(
        store,
        arrangement,
        keyed
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|c| c.len() > 1)
            .map(entries_of),
    )
}

fn entries_of<K>(keyed: &[(K, u32)]) -> Vec<u32> {
    keyed.iter().map(|(_, entry)| *entry).collect()
}

fn links(store: &Store, identifiers: &Identifiers) -> Vec<Link> {
    let mut links = Vec::with_capacity(store.numbers.len());
    let mut number = 0;
    for (entry, stored) in store.entries.iter().enumerate() {
        let own_name = store.own_name(stored).unwrap_or(UNUSED);
        for (party, stored_party) in store.parties_of(stored).iter().enumerate() {
            for stored_number in store.numbers_of(stored_party) {
                if party == 0 {
                    let masked = stored_number.pattern != FULL;
                    links.push(Link {
                        list: stored.list,
                        row: identifiers.numbers[number].row().0,
                        name: if masked { own_name } else { UNUSED },
                        entry: entry as u32,
                    });
                }
                number += 1;
            }
        }
    }
    links
}

fn collect(
    store: &Store,
    arrangement: &Arrangement,
    groups: impl Iterator<Item = Vec<u32>>,
) -> Groups {
    let submitted_at = |entry: u32| store.entries[entry as usize].submitted_at;
    let mut groups: Vec<Vec<u32>> = groups.collect();
    groups.par_sort_unstable_by_key(|members| members.iter().min().copied());
    let mut collected = Groups {
        firsts: vec![0],
        members: Vec::new(),
        group_of: vec![UNUSED; store.entries.len()],
    };
    for (number, mut members) in groups.into_iter().enumerate() {
        members.sort_unstable_by_key(|entry| {
            (
                Reverse(submitted_at(*entry)),
                arrangement.ranks[*entry as usize],
            )
        });
        for entry in &members {
            collected.group_of[*entry as usize] = number as u32;
        }
        collected.members.extend_from_slice(&members);
        collected.firsts.push(collected.members.len() as u32);
    }
    collected
}

/// Disjoint sets of entries; the root of a set is its lowest entry.
struct Sets {
    parents: Vec<u32>,
}

impl Sets {
    fn new(entries: usize) -> Self {
        Self {
            parents: (0..entries as u32).collect(),
        }
    }

    fn root(&mut self, entry: u32) -> u32 {
        let mut entry = entry;
        loop {
            let parent = self.parents[entry as usize];
            if parent == entry {
                return entry;
            }
            let grandparent = self.parents[parent as usize];
            self.parents[entry as usize] = grandparent;
            entry = grandparent;
        }
    }

    fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parents[high as usize] = low;
    }
}
