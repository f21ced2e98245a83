//! Whether the tables of similar names are those of the names of a snapshot.
//!
//! In: a snapshot. Out: what does not fit, through a callback. Parts in order, tags in order, each
//! name of a subject under each of its keys, and nothing else. Never panics, whatever the file
//! holds. A file without these tables has nothing that could not fit.

use super::candidates::NameTables;
use super::key_table::KeyTable;
use super::name_keys::{self, Bearers};
use super::names;
use crate::model::entry::EntryIndex;
use crate::model::subject::SubjectKind;
use crate::name::similarity::NameKind;
use crate::snapshot::entries::NameNumber;
use crate::snapshot::open::Snapshot;
use crate::snapshot::rows::TaggedName;
use crate::snapshot::sections::SectionId;

/// Section, place in it, and what does not fit.
pub type Fault<'a> = &'a mut dyn FnMut(SectionId, u32, &'static str);

/// Checks every entry.
pub fn check(snapshot: &Snapshot, fault: Fault<'_>) {
    if !snapshot.has_similar_names() {
        return;
    }
    let tables = NameTables::of(snapshot);
    let mut counts = [0usize; 3];
    for number in 0..snapshot.name_count() {
        let text = tables.name_text(number);
        let bearers = bearers(snapshot, NameNumber(number));
        if bearers.has(NameKind::Person) {
            let table = tables.person_places;
            name_keys::person_places(tables.seed, text, &mut |key, character| {
                counts[0] += 1;
                let entries = table.entries(&table.part(key));
                let stored = |c: Option<char>| c.is_none_or(|c| c == character);
                let found = entries
                    .iter()
                    .any(|entry| entry.name() == number && stored(entry.character()));
                if !found {
                    fault(SectionId::PersonPlaces, number, "a name lacks a place");
                }
            });
            name_keys::person_keys(tables.seed, text, &mut |key| {
                counts[1] += 1;
                if !holds(tables.person_keys, key, number) {
                    fault(SectionId::PersonKeys, number, "a name lacks a key");
                }
            });
        }
        if bearers.has(NameKind::Organisation) {
            name_keys::organisation_keys(tables.seed, text, &mut |key| {
                counts[2] += 1;
                if !holds(tables.organisation_keys, key, number) {
                    fault(SectionId::OrganisationKeys, number, "a name lacks a key");
                }
            });
        }
    }
    let count = snapshot.name_count();
    order(tables.person_places, SectionId::PersonPlaces, count, fault);
    order(tables.person_keys, SectionId::PersonKeys, count, fault);
    order(
        tables.organisation_keys,
        SectionId::OrganisationKeys,
        count,
        fault,
    );
    let sizes = [
        (SectionId::PersonPlaces, tables.person_places.len()),
        (SectionId::PersonKeys, tables.person_keys.len()),
        (SectionId::OrganisationKeys, tables.organisation_keys.len()),
    ];
    for ((section, size), expected) in sizes.into_iter().zip(counts) {
        if size != expected {
            fault(section, size as u32, "holds a key that no name has");
        }
    }
}

/// What bears a name, by the entries of the snapshot.
fn bearers(snapshot: &Snapshot, name: NameNumber) -> Bearers {
    let own = names::entries(snapshot, name).map(EntryIndex);
    own.chain(names::alias_entries(snapshot, name))
        .map(|entry| match snapshot.facts(entry).kind() {
            SubjectKind::Person => NameKind::Person,
            SubjectKind::Organisation => NameKind::Organisation,
        })
        .fold(Bearers::NONE, Bearers::and)
}

fn holds<E: TaggedName>(table: KeyTable<'_, E>, key: u64, name: u32) -> bool {
    let entries = table.entries(&table.part(key));
    entries.iter().any(|entry| entry.name() == name)
}

/// Parts follow each other, tags rise inside each, names exist.
fn order<E: TaggedName>(
    table: KeyTable<'_, E>,
    section: SectionId,
    name_count: u32,
    fault: Fault<'_>,
) {
    let mut end = 0;
    for part in 0..table.part_count() {
        let range = table.part_range(part);
        let entries = table.all().get(range.start as usize..range.end as usize);
        let fits =
            range.start == end && entries.is_some_and(|entries| entries.is_sorted_by_key(E::tag));
        if !fits {
            fault(section, range.start, "is out of order");
        }
        end = range.end;
    }
    if let Some(place) = table
        .all()
        .iter()
        .position(|entry| entry.name() >= name_count)
    {
        fault(section, place as u32, "names no name");
    }
}
