//! Folded names to entries: whose own name it is, and whose other name.
//!
//! In: a name folded by `name::fold`. Out: its number, verified against the text, and entries.
//! Equal names only. Names that only a holder bears have a number and no entries.

use super::line_table;
use crate::model::entry::EntryIndex;
use crate::name::edits::text_key;
use crate::snapshot::entries::NameNumber;
use crate::snapshot::open::Snapshot;
use crate::snapshot::sections::SectionId;
use smallvec::SmallVec;
use std::hint::black_box;
use std::ops::Range;

/// The number of a folded name.
pub fn find(snapshot: &Snapshot, folded: &str) -> Option<NameNumber> {
    let key = key(&snapshot.manifest().salt, folded);
    let lines = snapshot.lines(SectionId::NameLines);
    line_table::find(lines, key, |name| {
        snapshot.name_text(NameNumber(name)) == folded
    })
    .map(NameNumber)
}

/// Entries whose subject's own name it is, side by side: no usable number, masked, full.
pub fn entries(snapshot: &Snapshot, name: NameNumber) -> Range<u32> {
    match snapshot.name_row(name) {
        Some((this, next)) => {
            let end = next.entry_first().min(snapshot.entry_count());
            this.entry_first().min(end)..end
        }
        None => 0..0,
    }
}

/// Entries of which it is another name, in rising order.
pub fn alias_entries(
    snapshot: &Snapshot,
    name: NameNumber,
) -> impl ExactSizeIterator<Item = EntryIndex> + '_ {
    let entries = match snapshot.name_row(name) {
        Some((this, next)) => snapshot.alias_entries(this.alias_first(), next.alias_first()),
        None => &[],
    };
    entries.iter().map(|entry| EntryIndex(entry.get()))
}

/// Names whose bearers are fetched together.
const FETCHED: usize = 32;

/// Reads what a look at the bearers of these names reads first, step by step for all of them, so
/// that no read waits for another: names lie far apart, the entries of one side by side.
pub fn fetch(snapshot: &Snapshot, names: impl Iterator<Item = NameNumber>) {
    let bearers = |name| {
        let own = entries(snapshot, name).next().map(EntryIndex);
        own.into_iter().chain(alias_entries(snapshot, name).next())
    };
    let bearers: SmallVec<[EntryIndex; FETCHED]> = names.take(FETCHED).flat_map(bearers).collect();
    let facts = bearers.iter().map(|entry| snapshot.facts(*entry).kind());
    black_box(facts.fold(0, |all, kind| all ^ kind as u8));
    let parties = || {
        bearers
            .iter()
            .filter_map(|entry| snapshot.parties(*entry).first())
    };
    black_box(parties().fold(0, |all, party| all ^ party.kind() as u8));
    let names = parties().filter_map(|party| snapshot.party_names(party).next());
    black_box(names.fold(0, |all, name| all ^ name.0));
}

/// Key of a text in a line table of the snapshot with this salt. Names and entry_ids.
pub fn key(salt: &[u8; 32], text: &str) -> u64 {
    text_key(seed(salt), text)
}

/// The seed of the keys of names in the snapshot with this salt.
pub fn seed(salt: &[u8; 32]) -> u64 {
    let mut seed = [0; 8];
    seed.copy_from_slice(&salt[..8]);
    u64::from_le_bytes(seed)
}
