//! Entries that a party could be: by number, by masked number, by name.
//!
//! In: a party's keys. Out: entries that count today, each once. A party with a decisive number
//! meets, by name, only entries without one, since equal and agreeing numbers are found by their
//! digests and all others tell the two apart: a full-number 张伟 meets no crowd of namesakes.
// HOT: a common name has thousands of entries; nothing is allocated for one that is not a match.

use super::keys::PartyKeys;
use crate::index::standing::Standing;
use crate::index::{identifiers, names};
use crate::model::entry::EntryIndex;
use crate::snapshot::entries::{BirthDigits, NameNumber, NumberClass};
use crate::snapshot::open::Snapshot;
use smallvec::SmallVec;

/// Entries whose subject shows an equal or agreeing number, ascending, each once.
pub fn subjects_by_number(
    snapshot: &Snapshot,
    standing: &Standing,
    keys: &PartyKeys,
) -> SmallVec<[EntryIndex; 8]> {
    let mut found = SmallVec::new();
    for row in keys.rows() {
        for posting in identifiers::postings(snapshot, row) {
            let entry = posting.entry();
            if posting.party() == 0 && standing.counts(entry) {
                found.push(entry);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Holders that show an equal or agreeing number, as (entry, place in the entry), ascending.
pub fn holders_by_number(
    snapshot: &Snapshot,
    standing: &Standing,
    keys: &PartyKeys,
) -> SmallVec<[(EntryIndex, u16); 8]> {
    let mut found = SmallVec::new();
    for row in keys.rows() {
        for posting in identifiers::postings(snapshot, row) {
            let entry = posting.entry();
            if posting.party() != 0 && standing.counts(entry) {
                found.push((entry, posting.party()));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Calls `visit` for each entry whose subject bears this name and that numbers have not settled
/// already, nor its birth date; `by_number` are the entries found by number, ascending.
pub fn subjects_by_name(
    snapshot: &Snapshot,
    standing: &Standing,
    keys: &PartyKeys,
    name: NameNumber,
    birth: Option<BirthDigits>,
    by_number: &[EntryIndex],
    mut visit: impl FnMut(EntryIndex),
) {
    let unsettled = |entry: EntryIndex| {
        // No number is equal here, so another birth date is another person (rule 3.2).
        let is_another = |birth| snapshot.facts(entry).birth().contradicts(birth);
        standing.counts(entry)
            && !birth.is_some_and(is_another)
            && by_number.binary_search(&entry).is_err()
    };
    for index in names::entries(snapshot, name) {
        let entry = EntryIndex(index);
        // Entries of one name lie ordered by number class: without a usable one first.
        if keys.has_decisive() && snapshot.facts(entry).number_class() != NumberClass::None {
            break;
        }
        if unsettled(entry) {
            visit(entry);
        }
    }
    for index in names::alias_entries(snapshot, name) {
        let entry = index;
        let decided =
            keys.has_decisive() && snapshot.facts(entry).number_class() != NumberClass::None;
        if !decided && unsettled(entry) {
            visit(entry);
        }
    }
}

/// An entry of which a listed name is the name or an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// The entry.
    pub entry: EntryIndex,
    /// The name.
    pub name: NameNumber,
    /// Whether it is an alias.
    pub is_alias: bool,
}

/// Entries that count today whose subject bears one of these names; one may come several times.
pub fn bearers(
    snapshot: &Snapshot,
    standing: &Standing,
    listed: impl Iterator<Item = NameNumber>,
) -> Vec<Bearer> {
    let mut found = Vec::new();
    for name in listed {
        let own = names::entries(snapshot, name).map(EntryIndex);
        let own = own.map(|entry| (entry, false));
        let other = names::alias_entries(snapshot, name).map(|entry| (entry, true));
        let counting = own
            .chain(other)
            .filter(|(entry, _)| standing.counts(*entry));
        found.extend(counting.map(|(entry, is_alias)| Bearer {
            entry,
            name,
            is_alias,
        }));
    }
    found
}
