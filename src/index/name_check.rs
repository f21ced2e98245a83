//! Whether the tables of similar names are those of the names of a snapshot.
//!
//! In: a snapshot. Out: what does not fit, through a callback. Parts in order, tags in order, each
//! name of a subject under each of its keys, and nothing else; so too the tables of the names that
//! a subject without a number bears. Never panics, whatever the file holds. A file without these
//! tables has nothing that could not fit.

use super::key_table::KeyTable;
use super::name_keys::{self, Bearers, PLAIN};
use super::names;
use crate::model::entry::EntryIndex;
use crate::model::subject::SubjectKind;
use crate::name::similarity::NameKind;
use crate::snapshot::entries::{Facts, NameNumber, NumberClass};
use crate::snapshot::open::Snapshot;
use crate::snapshot::rows::{KeyEntry, PlaceEntry, TaggedName};
use crate::snapshot::sections::{KeyTableSections, SectionId};
use smallvec::SmallVec;

/// Section, place in it, and what does not fit.
pub type Fault<'a> = &'a mut dyn FnMut(SectionId, u32, &'static str);

/// Three tables of one set of names, read in place.
struct Tables<'a> {
    places: KeyTable<'a, PlaceEntry>,
    persons: KeyTable<'a, KeyEntry>,
    organisations: KeyTable<'a, KeyEntry>,
    sections: [SectionId; 3],
    tells_births: bool,
}

/// Checks every entry.
pub fn check(snapshot: &Snapshot, fault: Fault<'_>) {
    let there = [
        snapshot.has_similar_names(),
        snapshot.has_unnumbered_names(),
    ];
    let counts: [fn(&Facts) -> bool; 2] =
        [|_| true, |facts| facts.number_class() == NumberClass::None];
    for ((there, sections), counts) in there.into_iter().zip(SectionId::KEY_TABLES).zip(counts) {
        if there {
            check_tables(snapshot, &Tables::of(snapshot, sections), counts, fault);
        }
    }
}

impl<'a> Tables<'a> {
    fn of(snapshot: &'a Snapshot, sections: [KeyTableSections; 3]) -> Self {
        let [places, persons, organisations] = sections;
        let keys = |(directory, entries): KeyTableSections| {
            KeyTable::<KeyEntry>::new(snapshot.rows(directory), snapshot.rows(entries))
        };
        Self {
            places: KeyTable::new(snapshot.rows(places.0), snapshot.rows(places.1)),
            persons: keys(persons),
            organisations: keys(organisations),
            sections: sections.map(|(_, entries)| entries),
            tells_births: sections == SectionId::KEY_TABLES[1],
        }
    }
}

/// Names are those of subjects whose entries `counts` keeps.
fn check_tables(
    snapshot: &Snapshot,
    tables: &Tables<'_>,
    counts: fn(&Facts) -> bool,
    fault: Fault<'_>,
) {
    let seed = names::seed(&snapshot.manifest().salt);
    let [places, persons, organisations] = tables.sections;
    let mut expected = [0usize; 3];
    for number in 0..snapshot.name_count() {
        let text = snapshot.name_text(NameNumber(number));
        let bearers = bearers(snapshot, NameNumber(number), counts);
        let salts = match tables.tells_births {
            true => salts(snapshot, NameNumber(number), counts),
            false => SmallVec::from_slice(&PLAIN),
        };
        for salt in salts.iter().filter(|_| bearers.has(NameKind::Person)) {
            name_keys::person_places(seed, text, &mut |key, character| {
                let key = key ^ salt;
                expected[0] += 1;
                let entries = tables.places.entries(&tables.places.part(key));
                let stored = |c: Option<char>| c.is_none_or(|c| c == character);
                let found = entries
                    .iter()
                    .any(|entry| entry.name() == number && stored(entry.character()));
                if !found {
                    fault(places, number, "a name lacks a place");
                }
            });
            name_keys::person_keys(seed, text, &mut |key| {
                expected[1] += 1;
                if !holds(tables.persons, key ^ salt, number) {
                    fault(persons, number, "a name lacks a key");
                }
            });
        }
        if bearers.has(NameKind::Organisation) {
            name_keys::organisation_keys(seed, text, &mut |key| {
                expected[2] += 1;
                if !holds(tables.organisations, key, number) {
                    fault(organisations, number, "a name lacks a key");
                }
            });
        }
    }
    let count = snapshot.name_count();
    order(tables.places, places, count, fault);
    order(tables.persons, persons, count, fault);
    order(tables.organisations, organisations, count, fault);
    let sizes = [
        (places, tables.places.len()),
        (persons, tables.persons.len()),
        (organisations, tables.organisations.len()),
    ];
    for ((section, size), expected) in sizes.into_iter().zip(expected) {
        if size != expected {
            fault(section, size as u32, "holds a key that no name has");
        }
    }
}

/// What bears a name, by the entries of the snapshot that `counts` keeps.
fn bearers(snapshot: &Snapshot, name: NameNumber, counts: fn(&Facts) -> bool) -> Bearers {
    let own = names::entries(snapshot, name).map(EntryIndex);
    own.chain(names::alias_entries(snapshot, name))
        .map(|entry| snapshot.facts(entry))
        .filter(|facts| counts(facts))
        .map(|facts| match facts.kind() {
            SubjectKind::Person => NameKind::Person,
            SubjectKind::Organisation => NameKind::Organisation,
        })
        .fold(Bearers::NONE, Bearers::and)
}

/// Salts of the births of the persons who bear a name, each once.
fn salts(snapshot: &Snapshot, name: NameNumber, counts: fn(&Facts) -> bool) -> SmallVec<[u64; 4]> {
    let own = names::entries(snapshot, name).map(EntryIndex);
    let mut salts: SmallVec<[u64; 4]> = own
        .chain(names::alias_entries(snapshot, name))
        .map(|entry| snapshot.facts(entry))
        .filter(|facts| counts(facts) && facts.kind() == SubjectKind::Person)
        .map(|facts| name_keys::birth_salt(facts.birth()))
        .collect();
    salts.sort_unstable();
    salts.dedup();
    salts
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
