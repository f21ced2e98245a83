//! Candidates: listed names that share a key with the one that is looked for.
//!
//! In: a name, parsed once. Out: numbers of names that may be similar, each once, sorted; and how
//! many there are. All keys are made first, then the directory lines of all are read, then their
//! first entries: two rounds of waiting for memory, whatever the number of keys. Persons: most
//! neighbours differ in a character that is alike in nothing; the entry holds it, so they are
//! counted and put aside without a look at their text. Bounded work. Never panics.

// HOT: once a check of a name.

use super::key_table::{KeyTable, Part};
use super::{line_table, names};
use crate::name::edits::{self, Characters};
use crate::name::query::NameQuery;
use crate::name::similarity::NameKind;
use crate::snapshot::entries::NameNumber;
use crate::snapshot::open::Snapshot;
use crate::snapshot::rows::{KeyEntry, Line, NameRow, PlaceEntry, TaggedName};
use crate::snapshot::sections::SectionId;

/// The parts of a snapshot that tell similar names.
#[derive(Debug, Clone, Copy)]
pub struct NameTables<'a> {
    /// Seed of the keys.
    pub seed: u64,
    /// Line table over whole names.
    pub lines: &'a [Line],
    /// Names, and one row more.
    pub rows: &'a [NameRow],
    /// Their texts, one behind the other.
    pub text: &'a [u8],
    /// Places of persons.
    pub person_places: KeyTable<'a, PlaceEntry>,
    /// Further keys of persons.
    pub person_keys: KeyTable<'a, KeyEntry>,
    /// Keys of organisations.
    pub organisation_keys: KeyTable<'a, KeyEntry>,
}

impl<'a> NameTables<'a> {
    /// Those of a snapshot; empty ones where it has none.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let keys = |directory, entries| {
            KeyTable::<KeyEntry>::new(snapshot.rows(directory), snapshot.rows(entries))
        };
        Self {
            seed: names::seed(&snapshot.manifest().salt),
            lines: snapshot.lines(SectionId::NameLines),
            rows: snapshot.rows(SectionId::Names),
            text: snapshot.rows(SectionId::NameText),
            person_places: KeyTable::new(
                snapshot.rows(SectionId::PersonPlacesDirectory),
                snapshot.rows(SectionId::PersonPlaces),
            ),
            person_keys: keys(SectionId::PersonKeysDirectory, SectionId::PersonKeys),
            organisation_keys: keys(
                SectionId::OrganisationKeysDirectory,
                SectionId::OrganisationKeys,
            ),
        }
    }

    /// Text of a name; empty where there is none.
    pub fn name_text(&self, name: u32) -> &'a str {
        std::str::from_utf8(self.name_bytes(name)).unwrap_or("")
    }

    /// Its bytes.
    pub fn name_bytes(&self, name: u32) -> &'a [u8] {
        match self.rows.get(name as usize..) {
            Some([row, next, ..]) => {
                let range = row.text_first() as usize..next.text_first() as usize;
                self.text.get(range).unwrap_or(&[])
            }
            _ => &[],
        }
    }

    /// The number of a text.
    pub fn find(&self, text: &str) -> Option<u32> {
        let key = edits::text_key(self.seed, text);
        line_table::find(self.lines, key, |name| {
            self.name_bytes(name) == text.as_bytes()
        })
    }

    /// Whether a subject has this name as its own or another one; otherwise a holder has.
    fn has_subject(&self, name: u32) -> bool {
        match self.rows.get(name as usize..) {
            Some([row, next, ..]) => {
                row.entry_first() != next.entry_first() || row.alias_first() != next.alias_first()
            }
            _ => false,
        }
    }

    fn keys(&self, kind: NameKind) -> KeyTable<'a, KeyEntry> {
        match kind {
            NameKind::Person => self.person_keys,
            NameKind::Organisation => self.organisation_keys,
        }
    }
}

/// Which of the names met are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// All of them.
    All,
    /// Those that the character in the entry does not rule out.
    Likely,
}

/// Why a name is a candidate; the lower of two stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// An edit, known from the key; counted where it was met.
    Edit = 0,
    /// A key that it shares.
    Key = 1,
    /// An end that it shares: an edit at most.
    End = 2,
}

/// A name that may be similar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// The name.
    pub name: u32,
    /// Why.
    pub via: Via,
}

/// Space for one query, used again by the next.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Candidates, sorted, each name once.
    pub candidates: Vec<Candidate>,
    /// Distinct names met by edits that are handed out or not.
    pub counted: u32,
    /// Whether there may be more.
    pub budget_reached: bool,
    places: Vec<PlaceProbe>,
    texts: Vec<TextProbe>,
    keys: Vec<KeyProbe>,
}

#[derive(Debug)]
struct PlaceProbe {
    key: u64,
    place: u8,
    added: bool,
    /// Whether it is one of another text than the folded name.
    other: bool,
    part: Part,
}

#[derive(Debug)]
struct TextProbe {
    key: u64,
    place: u8,
    swapped: bool,
}

#[derive(Debug)]
struct KeyProbe {
    key: u64,
    via: Via,
    part: Part,
}

impl Scratch {
    /// Gathers the candidates of a name, `entries_max` entries of tables at most; `equal` is the
    /// number of the equal name, which is none of them.
    pub fn gather(
        &mut self,
        tables: &NameTables<'_>,
        kind: NameKind,
        query: &NameQuery,
        equal: Option<u32>,
        glance: Glance,
        entries_max: u32,
    ) {
        self.candidates.clear();
        self.counted = 0;
        self.budget_reached = false;
        let name = Characters::of(query.folded());
        self.make_probes(tables, kind, query, name.as_ref());
        self.fetch(tables, kind);
        let mut left = entries_max;
        for text in query.other_texts() {
            let found = tables.find(text).filter(|found| Some(*found) != equal);
            self.candidates.extend(found.map(|name| Candidate {
                name,
                via: Via::Key,
            }));
        }
        if let Some(name) = &name {
            self.read_texts(tables, name, equal, &mut left);
        }
        self.read_places(tables, query, name.as_ref(), equal, glance, &mut left);
        self.read_keys(tables, kind, equal, &mut left);
        self.candidates.sort_unstable();
        self.candidates.dedup_by_key(|candidate| candidate.name);
    }

    fn make_probes(
        &mut self,
        tables: &NameTables<'_>,
        kind: NameKind,
        query: &NameQuery,
        name: Option<&Characters<'_>>,
    ) {
        let seed = tables.seed;
        self.places.clear();
        self.texts.clear();
        self.keys.clear();
        let key = |key, via| KeyProbe {
            key,
            via,
            part: Part::default(),
        };
        match (kind, name) {
            (_, None) => {}
            (NameKind::Person, Some(name)) => {
                let mut place = |key, place, added, other| {
                    self.places.push(PlaceProbe {
                        key,
                        place,
                        added,
                        other,
                        part: Part::default(),
                    });
                };
                edits::place_keys(seed, name, |at, _, key| place(key, at, false, false));
                edits::added_keys(seed, name, |at, key| place(key, at, true, false));
                for name in query.other_texts().iter().filter_map(|t| Characters::of(t)) {
                    edits::place_keys(seed, &name, |at, _, key| place(key, at, false, true));
                    edits::added_keys(seed, &name, |at, key| place(key, at, true, true));
                }
                let mut text = |key, place, swapped| {
                    self.texts.push(TextProbe {
                        key,
                        place,
                        swapped,
                    });
                };
                edits::missing_keys(seed, name, |at, key| text(key, at, false));
                edits::swapped_keys(seed, name, |at, key| text(key, at, true));
            }
            (NameKind::Organisation, Some(name)) => {
                let whole = edits::text_key(seed, query.folded());
                self.keys.push(key(whole, Via::Key));
                edits::missing_keys(seed, name, |_, k| self.keys.push(key(k, Via::Key)));
            }
        }
        edits::end_keys(seed, query.folded(), |k| self.keys.push(key(k, Via::End)));
        query.block_keys(&mut |k| {
            self.keys.push(key(edits::block_key(seed, k), Via::Key));
        });
    }

    /// Two rounds of reading in which no read waits for another.
    fn fetch(&mut self, tables: &NameTables<'_>, kind: NameKind) {
        let mut touched = 0;
        for probe in &mut self.places {
            probe.part = tables.person_places.part(probe.key);
        }
        for probe in &mut self.keys {
            probe.part = tables.keys(kind).part(probe.key);
        }
        for probe in &self.texts {
            touched ^= line_table::touch(tables.lines, probe.key);
        }
        for probe in &self.places {
            touched ^= tables.person_places.touch(&probe.part);
        }
        for probe in &self.keys {
            touched ^= tables.keys(kind).touch(&probe.part);
        }
        std::hint::black_box(touched);
    }

    /// Names that lack a character of this one, or have two neighbours exchanged.
    fn read_texts(
        &mut self,
        tables: &NameTables<'_>,
        name: &Characters<'_>,
        equal: Option<u32>,
        left: &mut u32,
    ) {
        for probe in &self.texts {
            let place = usize::from(probe.place);
            let found = line_table::find(tables.lines, probe.key, |listed| {
                let text = tables.name_text(listed);
                if probe.swapped {
                    name.is_swapped(place, text)
                } else {
                    name.is_without(place, text)
                }
            });
            let found = found.filter(|found| Some(*found) != equal && tables.has_subject(*found));
            if let Some(name) = found {
                *left = left.saturating_sub(1);
                self.counted += 1;
                self.candidates.push(Candidate {
                    name,
                    via: Via::Edit,
                });
            }
        }
    }

    /// Names of persons with another character at one place, or one more there.
    fn read_places(
        &mut self,
        tables: &NameTables<'_>,
        query: &NameQuery,
        name: Option<&Characters<'_>>,
        equal: Option<u32>,
        glance: Glance,
        left: &mut u32,
    ) {
        for probe in &self.places {
            let place = usize::from(probe.place);
            // A character equal to the one before it was added there: met already.
            let before = match (probe.added && !probe.other, name, place.checked_sub(1)) {
                (true, Some(name), Some(before)) => name.at(before),
                _ => None,
            };
            for entry in within(tables.person_places.entries(&probe.part), left) {
                let listed = entry.character();
                if Some(entry.name()) == equal || before.is_some() && listed == before {
                    continue;
                }
                if probe.other {
                    self.candidates.push(Candidate {
                        name: entry.name(),
                        via: Via::Key,
                    });
                    continue;
                }
                self.counted += 1;
                let likely = glance == Glance::All
                    || match listed {
                        None => true,
                        Some(listed) if probe.added => query.may_match_added(place, listed),
                        Some(listed) => query.may_match_substituted(place, listed),
                    };
                if likely {
                    self.candidates.push(Candidate {
                        name: entry.name(),
                        via: Via::Edit,
                    });
                }
            }
            self.budget_reached |= *left == 0;
        }
    }

    fn read_keys(
        &mut self,
        tables: &NameTables<'_>,
        kind: NameKind,
        equal: Option<u32>,
        left: &mut u32,
    ) {
        let table = tables.keys(kind);
        for probe in &self.keys {
            for entry in within(table.entries(&probe.part), left) {
                if Some(entry.name()) != equal {
                    self.candidates.push(Candidate {
                        name: entry.name(),
                        via: probe.via,
                    });
                }
            }
            self.budget_reached |= *left == 0;
        }
    }
}

/// As many of `entries` as `left` allows, which it then lowers.
fn within<'a, E>(entries: &'a [E], left: &mut u32) -> &'a [E] {
    let count = entries.len().min(*left as usize);
    *left -= count as u32;
    entries.get(..count).unwrap_or(&[])
}

/// Calls `visit` with each name of this kind under a block key, `entries_max` at most: what a
/// look-up by one key alone finds.
pub fn under_key(
    tables: &NameTables<'_>,
    kind: NameKind,
    block_key: u64,
    entries_max: u32,
    mut visit: impl FnMut(NameNumber),
) {
    let table = tables.keys(kind);
    let part = table.part(edits::block_key(tables.seed, block_key));
    let mut left = entries_max;
    for entry in within(table.entries(&part), &mut left) {
        visit(NameNumber(entry.name()));
    }
}
