//! Writes the sections of an arranged build, one after the other; some are made beside others.
//!
//! In: store, arrangement, inputs. Out: the bytes of the file, decided by the records and the
//! inputs alone.

use super::arrange::{Arrangement, UNUSED};
use super::cold::Cold;
use super::groups::{self, Groups};
use super::identifiers;
use super::inputs::{BuildError, BuildInputs};
use super::scan;
use super::similar::Names;
use super::store::{Store, StoredEntry};
use crate::index::{line_table, name_keys, names};
use crate::snapshot::container::ContainerWriter;
use crate::snapshot::entries::{FactValues, Facts, PartyRow, PartyValues};
use crate::snapshot::manifest::Manifest;
use crate::snapshot::rows::{Line, NameRow};
use crate::snapshot::scan_sections::{self, SCAN_SECTIONS};
use crate::snapshot::sections::{KeyTableSections, SECTION_COUNT, SectionId};
use rayon::prelude::*;
use std::io::{Seek, Write};
use std::panic::resume_unwind;
use zerocopy::little_endian::U32;
use zerocopy::{Immutable, IntoBytes};

/// Everything that decides the sections.
pub struct Built<'a> {
    /// Records.
    pub store: &'a Store,
    /// Their order.
    pub arrangement: &'a Arrangement,
    /// What the manifest says.
    pub manifest: &'a Manifest,
    /// Place in the manifest of a list by arrival.
    pub list_places: &'a [u8],
    /// Place among its list's grades, by list by arrival and grade by arrival.
    pub grade_places: &'a (dyn Fn(u16, u32) -> Option<u8> + Sync),
    /// Salt and keys.
    pub inputs: &'a BuildInputs,
}

/// Writes the whole file, saying what comes next; returns the writer and the bytes written.
///
/// Errors: writing; more of something than format 1 holds.
pub fn write<W: Write + Seek>(
    built: &Built<'_>,
    out: W,
    writing: &mut dyn FnMut(&'static str),
) -> Result<(W, u64), BuildError> {
    let count = SECTION_COUNT + SCAN_SECTIONS.len();
    let file = ContainerWriter::start(out, built.manifest.to_json(), count)?;
    let mut sections = Sections { file };
    // Much of each step is one walk over memory on one core: the next are made beside it.
    let (grouped, (names, records)) = beside(
        || (NameSections::of(built), RecordSections::of(built)),
        || {
            writing("identifiers");
            let grouped = write_identifiers(built, &mut sections)?;
            writing("names and records");
            Ok::<_, BuildError>(grouped)
        },
    );
    names.write(&mut sections)?;
    records.write(grouped?, &mut sections)?;
    writing("similar names");
    write_similar(built, &mut sections)?;
    writing("scans");
    write_scan(built, &mut sections)?;
    Ok(sections.file.finish()?)
}

/// Does one thing on a thread of its own and the other here. A thread of the pool must not wait
/// for what itself waits for the pool: there it is one after the other.
fn beside<T: Send, H>(there: impl FnOnce() -> T + Send, here: impl FnOnce() -> H) -> (H, T) {
    if rayon::current_thread_index().is_some() {
        return (here(), there());
    }
    std::thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        (
            here,
            there.join().unwrap_or_else(|panic| resume_unwind(panic)),
        )
    })
}

/// Records of one subject, and of one case.
struct Grouped {
    subjects: Groups,
    cases: Groups,
}

fn write_identifiers<W: Write + Seek>(
    built: &Built<'_>,
    sections: &mut Sections<W>,
) -> Result<Grouped, BuildError> {
    let identifiers = identifiers::collect(built.store, built.arrangement)?;
    // A line table is one walk over memory without order: whatever else is to do goes on beside it.
    let (lines, (subjects, cases)) = rayon::join(
        || line_table::build(&identifiers.keys),
        || {
            let subjects = groups::subjects(built.store, built.arrangement, &identifiers);
            let cases = groups::cases(built.store, built.arrangement, &subjects);
            (subjects, cases)
        },
    );
    let (facts, (parties, party_names)) =
        rayon::join(|| facts(built, &subjects, &cases), || parties(built));
    sections.put(SectionId::Facts, &facts)?;
    sections.put(SectionId::Parties, &parties)?;
    sections.put(SectionId::PartyNames, &party_names)?;
    sections.put(SectionId::Numbers, &identifiers.numbers)?;
    drop((facts, parties, party_names));
    sections.put_lines(SectionId::IdentifierLines, lines, identifiers.keys.len())?;
    sections.put(SectionId::IdentifierRows, &identifiers.rows)?;
    sections.put(SectionId::Postings, &identifiers.postings)?;
    Ok(Grouped { subjects, cases })
}

struct Sections<W: Write + Seek> {
    file: ContainerWriter<W>,
}

impl<W: Write + Seek> Sections<W> {
    fn put<T: IntoBytes + Immutable>(
        &mut self,
        section: SectionId,
        items: &[T],
    ) -> Result<(), BuildError> {
        if u32::try_from(items.len()).is_err() {
            return Err(BuildError::TooMany {
                what: section.kind().name,
                max: u64::from(u32::MAX),
            });
        }
        let kind = section.kind();
        debug_assert!(size_of::<T>() == kind.item_bytes as usize);
        self.file
            .raw_section(kind, section.is_required(), items.as_bytes())?;
        Ok(())
    }

    fn put_table<E: IntoBytes + Immutable>(
        &mut self,
        (directory, entries): KeyTableSections,
        table: name_keys::Table<E>,
    ) -> Result<(), BuildError> {
        self.put(directory, &table.0)?;
        self.put(entries, &table.1)
    }

    /// The line table of so many keys, where one could be built.
    fn put_lines(
        &mut self,
        section: SectionId,
        lines: Option<Vec<Line>>,
        keys: usize,
    ) -> Result<(), BuildError> {
        let lines = lines.ok_or(BuildError::TooMany {
            what: section.kind().name,
            max: keys as u64,
        })?;
        self.put(section, &lines)
    }
}

fn facts(built: &Built<'_>, subjects: &Groups, cases: &Groups) -> Vec<Facts> {
    let arrangement = built.arrangement;
    let mut facts = Vec::with_capacity(arrangement.order.len());
    let mut party_first = 0;
    let group = |groups: &Groups, entry: usize| {
        let group = groups.group_of[entry];
        (group != UNUSED).then_some(group)
    };
    for (entry, arrival) in arrangement.order.iter().enumerate() {
        let stored = &built.store.entries[*arrival as usize];
        let mut values = stated_facts(built, stored);
        values.subject_group = group(subjects, entry);
        values.case_group = group(cases, entry);
        values.party_first = party_first;
        values.rank = arrangement.ranks[entry];
        party_first += u32::from(stored.party_count);
        facts.push(Facts::new(&values));
    }
    facts
}

fn stated_facts(built: &Built<'_>, stored: &StoredEntry) -> FactValues {
    let subject = built.store.parties_of(stored)[0];
    FactValues {
        list: built.list_places[usize::from(stored.list)],
        grade: (built.grade_places)(stored.list, stored.grade),
        kind: stored.kind,
        disclosure: stored.disclosure,
        status: stored.status,
        able_but_refuses: stored.able_but_refuses,
        number_class: stored.number_class,
        birth: subject.birth,
        birth_known: subject.birth_known,
        other_numbers: stored.other_numbers,
        in_force_from: stored.in_force_from,
        in_force_until: stored.in_force_until,
        published: stored.published,
        conduct_ended: stored.conduct_ended,
        submitted_at: stored.submitted_at,
        subject_group: None,
        case_group: None,
        party_first: 0,
        rank: 0,
    }
}

/// Parties, and the numbers of their names.
fn parties(built: &Built<'_>) -> (Vec<PartyRow>, Vec<U32>) {
    let store = built.store;
    let mut rows = Vec::with_capacity(store.parties.len());
    let mut names: Vec<U32> = Vec::with_capacity(store.party_names.len());
    let mut numbers_first = 0;
    for arrival in &built.arrangement.order {
        for party in store.parties_of(&store.entries[*arrival as usize]) {
            rows.push(PartyRow::new(&PartyValues {
                names_first: names.len() as u32,
                names_count: party.names_count,
                numbers_first,
                numbers_count: party.numbers_count,
                birth: party.birth,
                birth_known: party.birth_known,
                kind: party.kind,
                roles: party.roles,
            }));
            numbers_first += u32::from(party.numbers_count);
            let number = |name: &u32| U32::new(built.arrangement.name_numbers[*name as usize]);
            names.extend(store.names_of(party).iter().map(number));
        }
    }
    (rows, names)
}

/// Names in their order and what finds them.
struct NameSections {
    keys: usize,
    lines: Option<Vec<Line>>,
    rows: Vec<NameRow>,
    text: String,
    alias_entries: Vec<U32>,
}

impl NameSections {
    fn of(built: &Built<'_>) -> Self {
        let (store, arrangement) = (built.store, built.arrangement);
        let salt = &built.inputs.salt;
        let keys: Vec<u64> = arrangement
            .names
            .par_iter()
            .map(|name| names::key(salt, store.names.get(*name)))
            .collect();
        let (lines, (rows, text, aliases)) =
            rayon::join(|| line_table::build(&keys), || name_rows(built));
        Self {
            keys: keys.len(),
            lines,
            rows,
            text,
            alias_entries: aliases.iter().map(|(_, entry)| U32::new(*entry)).collect(),
        }
    }

    fn write<W: Write + Seek>(self, sections: &mut Sections<W>) -> Result<(), BuildError> {
        sections.put_lines(SectionId::NameLines, self.lines, self.keys)?;
        sections.put(SectionId::Names, &self.rows)?;
        sections.put(SectionId::NameText, self.text.as_bytes())?;
        sections.put(SectionId::AliasEntries, &self.alias_entries)
    }
}

/// What finds an entry by its key, what its content is, what an answer shows of it.
struct RecordSections {
    lines: Option<Vec<Line>>,
    content: Vec<[u8; 16]>,
    cold: Cold,
}

impl RecordSections {
    fn of(built: &Built<'_>) -> Self {
        let (lines, cold) = rayon::join(
            || entry_id_lines(built),
            || Cold::of(built.store, built.arrangement),
        );
        Self {
            lines,
            content: content(built),
            cold,
        }
    }

    fn write<W: Write + Seek>(
        self,
        grouped: Grouped,
        sections: &mut Sections<W>,
    ) -> Result<(), BuildError> {
        sections.put_lines(SectionId::EntryIdLines, self.lines, self.content.len())?;
        sections.put(SectionId::Content, &self.content)?;
        let Grouped { subjects, cases } = grouped;
        sections.put(SectionId::SubjectGroups, &little(subjects.firsts))?;
        sections.put(SectionId::SubjectGroupMembers, &little(subjects.members))?;
        sections.put(SectionId::CaseGroups, &little(cases.firsts))?;
        sections.put(SectionId::CaseGroupMembers, &little(cases.members))?;
        sections.put(SectionId::ColdOffsets, &self.cold.offsets)?;
        sections.put(SectionId::Cold, &self.cold.records)?;
        sections.put(SectionId::DictionaryOffsets, &self.cold.text_offsets)?;
        sections.put(SectionId::Dictionary, self.cold.texts.as_bytes())
    }
}

/// Names in their order, their texts, and what `aliases` finds.
fn name_rows(built: &Built<'_>) -> (Vec<NameRow>, String, Vec<(u32, u32)>) {
    let (store, arrangement) = (built.store, built.arrangement);
    let aliases = aliases(built);
    let mut rows = Vec::with_capacity(arrangement.names.len() + 1);
    let mut text = String::new();
    let (mut entry_first, mut alias_first) = (0, 0);
    for (number, name) in arrangement.names.iter().enumerate() {
        rows.push(NameRow::new(text.len() as u32, entry_first, alias_first));
        text.push_str(store.names.get(*name));
        let own = |entry: u32| own_number(built, entry) == Some(number as u32);
        while (entry_first as usize) < arrangement.order.len() && own(entry_first) {
            entry_first += 1;
        }
        while aliases
            .get(alias_first as usize)
            .is_some_and(|(name, _)| *name == number as u32)
        {
            alias_first += 1;
        }
    }
    rows.push(NameRow::new(text.len() as u32, entry_first, alias_first));
    (rows, text, aliases)
}

fn own_number(built: &Built<'_>, entry: u32) -> Option<u32> {
    let arrival = *built.arrangement.order.get(entry as usize)?;
    let own = super::arrange::own_name(built.store, arrival)?;
    Some(built.arrangement.name_numbers[own as usize])
}

/// Alias number and entry, sorted, of the subjects of all entries.
fn aliases(built: &Built<'_>) -> Vec<(u32, u32)> {
    let store = built.store;
    let mut aliases = Vec::new();
    for (entry, arrival) in built.arrangement.order.iter().enumerate() {
        let subject = store.parties_of(&store.entries[*arrival as usize]).first();
        for name in subject
            .into_iter()
            .flat_map(|party| store.names_of(party))
            .skip(1)
        {
            let number = built.arrangement.name_numbers[*name as usize];
            aliases.push((number, entry as u32));
        }
    }
    aliases.par_sort_unstable();
    aliases
}

fn entry_id_lines(built: &Built<'_>) -> Option<Vec<Line>> {
    let (store, order) = (built.store, &built.arrangement.order);
    let salt = &built.inputs.salt;
    let keys: Vec<u64> = order
        .par_iter()
        .map(|arrival| names::key(salt, store.own_texts(*arrival).entry_id))
        .collect();
    line_table::build(&keys)
}

fn content(built: &Built<'_>) -> Vec<[u8; 16]> {
    let entries = &built.store.entries;
    let order = built.arrangement.order.iter();
    order
        .map(|arrival| entries[*arrival as usize].content)
        .collect()
}

fn write_similar<W: Write + Seek>(
    built: &Built<'_>,
    sections: &mut Sections<W>,
) -> Result<(), BuildError> {
    let seed = names::seed(&built.inputs.salt);
    let [places, persons, organisations] = SectionId::KEY_TABLES;
    let names = Names::all(built.store, built.arrangement);
    let keys_max = names.keys_max();
    sections.put_table(
        places,
        name_keys::person_place_table(&names, seed, keys_max),
    )?;
    sections.put_table(persons, name_keys::person_key_table(&names, seed, keys_max))?;
    let table = name_keys::organisation_key_table(&names, seed, keys_max);
    sections.put_table(organisations, table)?;
    let names = Names::unnumbered(built.store, built.arrangement);
    let sets = name_keys::key_sets(&names, seed);
    for (section, set) in SectionId::KEY_SETS.into_iter().zip(&sets) {
        sections.put(section, set)?;
    }
    Ok(())
}

/// What scans read: optional, so that an earlier program serves the file.
fn write_scan<W: Write + Seek>(
    built: &Built<'_>,
    sections: &mut Sections<W>,
) -> Result<(), BuildError> {
    let tables = scan::tables(built.store, built.arrangement, &built.inputs.salt)?;
    let file = &mut sections.file;
    file.raw_section(scan_sections::ROWS, false, tables.rows.as_bytes())?;
    file.raw_section(scan_sections::LINES, false, tables.lines.as_bytes())?;
    file.raw_section(scan_sections::PAIRS, false, tables.pairs.as_bytes())?;
    file.raw_section(scan_sections::STARTS, false, tables.starts.as_bytes())?;
    file.raw_section(scan_sections::KEYS, false, tables.keys.as_bytes())?;
    Ok(())
}

fn little(numbers: Vec<u32>) -> Vec<U32> {
    numbers.into_iter().map(U32::new).collect()
}
