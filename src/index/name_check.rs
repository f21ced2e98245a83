//! Whether the tables of similar names are those of the names of a snapshot.
//!
//! In: a snapshot. Out: what does not fit, through a callback. Parts in order, tags in order, each
//! name of a subject under each of its keys, and nothing else; the sets of the keys of names that a
//! subject without a number bears hold these and nothing else. Never panics, whatever the file
//! holds. A file without these tables has nothing that could not fit.

use super::key_table::KeyTable;
use super::name_keys::{self, Bearers, NameSource};
use super::names;
use crate::model::entry::EntryIndex;
use crate::model::subject::SubjectKind;
use crate::name::similarity::NameKind;
use crate::snapshot::entries::{Facts, NameNumber, NumberClass};
use crate::snapshot::open::Snapshot;
use crate::snapshot::rows::{KeyEntry, PlaceEntry, TaggedName};
use crate::snapshot::sections::{KeyTableSections, SectionId};
use smallvec::SmallVec;
use zerocopy::little_endian::U64;

/// Section, place in it, and what does not fit.
pub type Fault<'a> = &'a mut dyn FnMut(SectionId, u32, &'static str);

/// Checks every entry.
pub fn check(snapshot: &Snapshot, fault: Fault<'_>) {
    if snapshot.has_similar_names() {
        check_tables(snapshot, fault);
    }
    if snapshot.has_unnumbered_names() {
        check_sets(snapshot, fault);
    }
}

/// The sets of the keys of names whose bearers have no usable decisive number, made once more.
fn check_sets(snapshot: &Snapshot, fault: Fault<'_>) {
    let seed = names::seed(&snapshot.manifest().salt);
    let sets = name_keys::key_sets(&Unnumbered(snapshot), seed);
    for (section, expected) in SectionId::KEY_SETS.into_iter().zip(sets) {
        let stored = snapshot.rows::<U64>(section);
        let mut words = expected.iter().zip(stored);
        let first = words.position(|(expected, stored)| expected != stored);
        let first = first.or((expected.len() != stored.len()).then_some(stored.len()));
        if let Some(first) = first {
            let what = "is not the set of the keys of names without a number";
            fault(section, first as u32, what);
        }
    }
}

/// The names that a subject without a usable decisive number bears.
struct Unnumbered<'a>(&'a Snapshot);

impl Unnumbered<'_> {
    fn bearers_facts(&self, name: u32) -> impl Iterator<Item = &Facts> {
        let facts = bearers_facts(self.0, NameNumber(name));
        facts.filter(|facts| facts.number_class() == NumberClass::None)
    }
}

impl NameSource for Unnumbered<'_> {
    fn count(&self) -> u32 {
        self.0.name_count()
    }

    fn text(&self, name: u32) -> &str {
        self.0.name_text(NameNumber(name))
    }

    fn bearers(&self, name: u32) -> Bearers {
        let kinds = self.bearers_facts(name).map(kind_of);
        kinds.fold(Bearers::NONE, Bearers::and)
    }

    fn birth_groups(&self, name: u32) -> SmallVec<[u64; 2]> {
        let mut groups: SmallVec<[u64; 2]> = self
            .bearers_facts(name)
            .filter(|facts| facts.kind() == SubjectKind::Person)
            .map(|facts| name_keys::birth_group(facts.birth()))
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

fn check_tables(snapshot: &Snapshot, fault: Fault<'_>) {
    let keys = |(directory, entries): KeyTableSections| {
        KeyTable::<KeyEntry>::new(snapshot.rows(directory), snapshot.rows(entries))
    };
    let [places, persons, organisations] = SectionId::KEY_TABLES;
    let place_table = KeyTable::<PlaceEntry>::new(snapshot.rows(places.0), snapshot.rows(places.1));
    let (person_table, organisation_table) = (keys(persons), keys(organisations));
    let [places, persons, organisations] = SectionId::KEY_TABLES.map(|(_, entries)| entries);
    let seed = names::seed(&snapshot.manifest().salt);
    let mut expected = [0usize; 3];
    for number in 0..snapshot.name_count() {
        let text = snapshot.name_text(NameNumber(number));
        let bearers = bearers_facts(snapshot, NameNumber(number)).map(kind_of);
        let bearers = bearers.fold(Bearers::NONE, Bearers::and);
        if bearers.has(NameKind::Person) {
            name_keys::person_places(seed, text, &mut |key, character| {
                expected[0] += 1;
                let entries = place_table.entries(&place_table.part(key));
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
                if !holds(person_table, key, number) {
                    fault(persons, number, "a name lacks a key");
                }
            });
        }
        if bearers.has(NameKind::Organisation) {
            name_keys::organisation_keys(seed, text, &mut |key| {
                expected[2] += 1;
                if !holds(organisation_table, key, number) {
                    fault(organisations, number, "a name lacks a key");
                }
            });
        }
    }
    let count = snapshot.name_count();
    order(place_table, places, count, fault);
    order(person_table, persons, count, fault);
    order(organisation_table, organisations, count, fault);
    let sizes = [
        (places, place_table.len()),
        (persons, person_table.len()),
        (organisations, organisation_table.len()),
    ];
    for ((section, size), expected) in sizes.into_iter().zip(expected) {
        if size != expected {
            fault(section, size as u32, "holds a key that no name has");
        }
    }
}

/// The entries whose subject bears a name.
fn bearers_facts(snapshot: &Snapshot, name: NameNumber) -> impl Iterator<Item = &Facts> {
    let own = names::entries(snapshot, name).map(EntryIndex);
    own.chain(names::alias_entries(snapshot, name))
        .map(|entry| snapshot.facts(entry))
}

fn kind_of(facts: &Facts) -> NameKind {
    match facts.kind() {
        SubjectKind::Person => NameKind::Person,
        SubjectKind::Organisation => NameKind::Organisation,
    }
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
