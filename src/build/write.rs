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
use super::store::{Store, StoredEntry, StoredParty};
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
    /// Records, in order.
    pub store: &'a Store,
    /// What is known of them together.
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
    writing("identifiers");
    if is_alone() {
        let grouped = write_identifiers(built, &mut sections)?;
        writing("names");
        NameSections::of(built).write(built.store, &mut sections)?;
        writing("records");
        RecordSections::of(built).write(grouped, &mut sections)?;
    } else {
        // Much of each step is one walk over memory on one core: the next are made beside it.
        let (grouped, (names, records)) = beside(
            || (NameSections::of(built), RecordSections::of(built)),
            || write_identifiers(built, &mut sections),
        );
        let grouped = grouped?;
        writing("names");
        names.write(built.store, &mut sections)?;
        writing("records");
        records.write(grouped, &mut sections)?;
    }
    writing("similar names");
    write_similar(built, &mut sections)?;
    writing("scans");
    write_scan(built, &mut sections)?;
    Ok(sections.file.finish()?)
}

/// Whether nothing is to be done beside what is done here: there is one core, or this is a thread
/// of the pool, which must not wait for what itself waits for the pool.
fn is_alone() -> bool {
    rayon::current_num_threads() == 1 || rayon::current_thread_index().is_some()
}

/// Does one thing on a thread of its own and the other here.
fn beside<T: Send, H>(there: impl FnOnce() -> T + Send, here: impl FnOnce() -> H) -> (H, T) {
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
    let (facts, parties) = rayon::join(|| facts(built, &subjects, &cases), || parties(built.store));
    sections.put(SectionId::Facts, &facts)?;
    sections.put(SectionId::Parties, &parties)?;
    sections.put(SectionId::PartyNames, &little(&built.store.party_names))?;
    sections.put(SectionId::Numbers, &identifiers.numbers)?;
    drop((facts, parties));
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
    let entries = &built.store.entries;
    let mut facts = Vec::with_capacity(entries.len());
    let mut party_first = 0;
    let group = |groups: &Groups, entry: usize| {
        let group = groups.group_of[entry];
        (group != UNUSED).then_some(group)
    };
    for (entry, stored) in entries.iter().enumerate() {
        let mut values = stated_facts(built, stored);
        values.subject_group = group(subjects, entry);
        values.case_group = group(cases, entry);
        values.party_first = party_first;
        values.rank = built.arrangement.ranks[entry];
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

fn parties(store: &Store) -> Vec<PartyRow> {
    let row = |party: &StoredParty| {
        PartyRow::new(&PartyValues {
            names_first: party.names_first,
            names_count: party.names_count,
            numbers_first: party.numbers_first,
            numbers_count: party.numbers_count,
            birth: party.birth,
            birth_known: party.birth_known,
            kind: party.kind,
            roles: party.roles,
        })
    };
    store.parties.iter().map(row).collect()
}

/// Names in their order and what finds them.
struct NameSections {
    keys: usize,
    lines: Option<Vec<Line>>,
    rows: Vec<NameRow>,
    alias_entries: Vec<U32>,
}

impl NameSections {
    fn of(built: &Built<'_>) -> Self {
        let (store, salt) = (built.store, &built.inputs.salt);
        let keys: Vec<u64> = (0..store.names.len())
            .into_par_iter()
            .map(|name| names::key(salt, store.names.get(name)))
            .collect();
        let (lines, (rows, aliases)) =
            rayon::join(|| line_table::build(&keys), || name_rows(store));
        Self {
            keys: keys.len(),
            lines,
            rows,
            alias_entries: aliases.iter().map(|(_, entry)| U32::new(*entry)).collect(),
        }
    }

    fn write<W: Write + Seek>(
        self,
        store: &Store,
        sections: &mut Sections<W>,
    ) -> Result<(), BuildError> {
        sections.put_lines(SectionId::NameLines, self.lines, self.keys)?;
        sections.put(SectionId::Names, &self.rows)?;
        sections.put(SectionId::NameText, store.names.text().as_bytes())?;
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
        let (lines, cold) = rayon::join(|| entry_id_lines(built), || Cold::of(built.store));
        Self {
            lines,
            content: built
                .store
                .entries
                .iter()
                .map(|entry| entry.content)
                .collect(),
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
        sections.put(SectionId::SubjectGroups, &little(&subjects.firsts))?;
        sections.put(SectionId::SubjectGroupMembers, &little(&subjects.members))?;
        sections.put(SectionId::CaseGroups, &little(&cases.firsts))?;
        sections.put(SectionId::CaseGroupMembers, &little(&cases.members))?;
        sections.put(SectionId::ColdOffsets, &self.cold.offsets)?;
        sections.put(SectionId::Cold, &self.cold.records)?;
        sections.put(SectionId::DictionaryOffsets, &self.cold.text_offsets)?;
        sections.put(SectionId::Dictionary, self.cold.texts.as_bytes())
    }
}

/// Names in their order, and what `aliases` finds.
fn name_rows(store: &Store) -> (Vec<NameRow>, Vec<(u32, u32)>) {
    let aliases = aliases(store);
    let mut rows = Vec::with_capacity(store.names.len() as usize + 1);
    let mut own_names = store
        .entries
        .iter()
        .map(|entry| store.own_name(entry))
        .peekable();
    let mut alias_names = aliases.iter().map(|(name, _)| *name).peekable();
    let (mut entry_first, mut alias_first) = (0, 0);
    for number in 0..store.names.len() {
        let text_first = store.names.place(number).start as u32;
        rows.push(NameRow::new(text_first, entry_first, alias_first));
        while own_names.next_if_eq(&Some(number)).is_some() {
            entry_first += 1;
        }
        while alias_names.next_if_eq(&number).is_some() {
            alias_first += 1;
        }
    }
    let text_end = store.names.text().len() as u32;
    rows.push(NameRow::new(text_end, entry_first, alias_first));
    (rows, aliases)
}

/// Alias number and entry, sorted, of the subjects of all entries.
fn aliases(store: &Store) -> Vec<(u32, u32)> {
    let mut aliases = Vec::new();
    for (entry, stored) in (0..).zip(&store.entries) {
        let subject = store.parties_of(stored).first();
        let names = subject.into_iter().flat_map(|party| store.names_of(party));
        aliases.extend(names.skip(1).map(|name| (*name, entry)));
    }
    aliases.par_sort_unstable();
    aliases
}

fn entry_id_lines(built: &Built<'_>) -> Option<Vec<Line>> {
    let (store, salt) = (built.store, &built.inputs.salt);
    let keys: Vec<u64> = (0..store.entries.len() as u32)
        .into_par_iter()
        .map(|entry| names::key(salt, store.own_texts(entry).entry_id))
        .collect();
    line_table::build(&keys)
}

fn write_similar<W: Write + Seek>(
    built: &Built<'_>,
    sections: &mut Sections<W>,
) -> Result<(), BuildError> {
    let seed = names::seed(&built.inputs.salt);
    let [places, persons, organisations] = SectionId::KEY_TABLES;
    let names = Names::all(built.store);
    let keys_max = names.keys_max();
    sections.put_table(
        places,
        name_keys::person_place_table(&names, seed, keys_max),
    )?;
    sections.put_table(persons, name_keys::person_key_table(&names, seed, keys_max))?;
    let table = name_keys::organisation_key_table(&names, seed, keys_max);
    sections.put_table(organisations, table)?;
    let names = Names::unnumbered(built.store);
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
    let tables = scan::tables(built.store, &built.inputs.salt)?;
    let file = &mut sections.file;
    file.raw_section(scan_sections::ROWS, false, tables.rows.as_bytes())?;
    file.raw_section(scan_sections::LINES, false, tables.lines.as_bytes())?;
    file.raw_section(scan_sections::PAIRS, false, tables.pairs.as_bytes())?;
    file.raw_section(scan_sections::STARTS, false, tables.starts.as_bytes())?;
    file.raw_section(scan_sections::KEYS, false, tables.keys.as_bytes())?;
    Ok(())
}

fn little(numbers: &[u32]) -> Vec<U32> {
    numbers.iter().copied().map(U32::new).collect()
}
