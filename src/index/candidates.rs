//! Candidates: listed names that share a key with the one that is looked for.
//!
//! In: a name, parsed once. Out: numbers of names that may be similar, each once, sorted; and how
//! many there are. All keys are made first, then the directory lines of all are read, then their
//! first entries: two rounds of waiting for memory, whatever the number of keys. Who looks for
//! names without a number alone leaves out the keys that lead to none. Persons: most neighbours
//! differ in a character that is alike in nothing; the entry holds it, so they are counted and put
//! aside without a look at their text. Bounded work. Never panics.

// HOT: once a check of a name.

use super::key_filter::KeyFilter;
use super::key_table::{KeyTable, Part};
use super::{line_table, name_keys, names};
use crate::name::edits::{self, Characters, EDIT_CHARS_MAX};
use crate::name::person_forms::FORMS_MAX;
use crate::name::query::NameQuery;
use crate::name::similarity::{NameKind, QUERY_KEYS_MAX};
use crate::snapshot::entries::{BirthDigits, NameNumber};
use crate::snapshot::open::Snapshot;
use crate::snapshot::rows::{KeyEntry, Line, NameRow, PlaceEntry, TaggedName};
use crate::snapshot::sections::SectionId;
use smallvec::SmallVec;

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
    /// Which of the keys are looked up at all; `None`: each.
    pub only: Option<Unnumbered<'a>>,
}

/// The keys of names that somebody without a usable decisive number bears.
#[derive(Debug, Clone, Copy)]
pub struct Unnumbered<'a> {
    persons: KeyFilter<'a>,
    born: KeyFilter<'a>,
    organisations: KeyFilter<'a>,
    /// Of the person who is looked for; 0 where no birth is known.
    birth_group: u64,
}

impl Unnumbered<'_> {
    fn may_hold(&self, kind: NameKind, key: u64) -> bool {
        match kind {
            NameKind::Person => {
                self.born.may_hold(self.birth_group, key) || self.persons.may_hold(key, key)
            }
            NameKind::Organisation => self.organisations.may_hold(key, key),
        }
    }
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
            only: None,
        }
    }

    /// Those of a snapshot, asked for names alone that an entry without a usable decisive number
    /// bears, of persons one that could be born on `birth`; `None` in a file that does not tell
    /// them apart. Other names may be handed out too, which share a key with such a one.
    pub fn unnumbered(snapshot: &'a Snapshot, birth: Option<BirthDigits>) -> Option<Self> {
        snapshot.has_unnumbered_names().then(|| {
            let [persons, born, organisations] =
                SectionId::KEY_SETS.map(|set| KeyFilter::new(snapshot.rows(set)));
            Self {
                only: Some(Unnumbered {
                    persons,
                    born,
                    organisations,
                    birth_group: birth.map_or(0, name_keys::birth_group),
                }),
                ..Self::of(snapshot)
            }
        })
    }

    /// Whether no name of this kind can be one that is looked for.
    pub fn is_empty(&self, kind: NameKind) -> bool {
        self.only.is_some_and(|only| match kind {
            NameKind::Person => only.persons.is_empty() && only.born.is_empty(),
            NameKind::Organisation => only.organisations.is_empty(),
        })
    }

    /// Whether a name that is looked for may stand under this key.
    fn is_worth(&self, kind: NameKind, key: u64) -> bool {
        self.only.is_none_or(|only| only.may_hold(kind, key))
    }

    /// Whether a person who is looked for may bear a name that is this text or one edit from it.
    fn is_near(&self, text: &Characters<'_>) -> bool {
        let Some(only) = self.only else {
            return true;
        };
        let mut is_near = false;
        name_keys::near_keys(self.seed, text, &mut |key| {
            is_near = is_near || only.may_hold(NameKind::Person, key);
        });
        is_near
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

    /// The number of a text, where a subject of this kind that is looked for may bear it.
    pub fn find(&self, kind: NameKind, text: &str) -> Option<u32> {
        let key = edits::text_key(self.seed, text);
        if !self.is_worth(kind, key) {
            return None;
        }
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

/// What a query looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Distinct names looked at.
    pub candidates: u32,
    /// Those whose score was computed.
    pub compared: u32,
    /// Keys looked up.
    pub probes: u32,
    /// Entries read under them.
    pub entries: u32,
    /// Whether the budget ended the search: there may be more.
    pub budget_reached: bool,
}

/// Keys looked up by one query at most: of a text every place, every place for one more, every
/// character missing, all neighbours exchanged, and the whole; two ends; the block keys.
pub const PROBES_MAX: u32 = (FORMS_MAX * (4 * EDIT_CHARS_MAX + 1) + 2 + QUERY_KEYS_MAX) as u32;

/// Space for one query, used again by the next.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Candidates, sorted, each name once.
    pub candidates: Vec<Candidate>,
    /// Names met by edits, handed out or not; one met through two texts of the query counts twice.
    pub counted: u32,
    /// Whether there may be more.
    pub budget_reached: bool,
    /// Entries read.
    pub entries: u32,
    places: Vec<PlaceProbe>,
    texts: Vec<TextProbe>,
    keys: Vec<KeyProbe>,
}

#[derive(Debug)]
struct PlaceProbe {
    key: u64,
    /// 0 the folded name, else 1 + the place of another text.
    text: u8,
    place: u8,
    added: bool,
    part: Part,
}

#[derive(Debug)]
struct TextProbe {
    key: u64,
    text: u8,
    place: u8,
    change: Change,
}

/// How a listed name is to be made of a text that is looked for.
#[derive(Debug, Clone, Copy)]
enum Change {
    None,
    Missing,
    Swapped,
}

#[derive(Debug)]
struct KeyProbe {
    key: u64,
    via: Via,
    part: Part,
}

/// Names that are a text of the query: they stand under all of its places.
type Equals = SmallVec<[u32; 4]>;

/// The texts of a query around which names are looked for, with their numbers.
type Texts<'a> = SmallVec<[(u8, Characters<'a>); 2]>;

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
        let others = query.other_texts().iter().map(String::as_str);
        let texts: Texts<'_> = (0..)
            .zip(std::iter::once(query.folded()).chain(others))
            .filter_map(|(number, text)| Some((number, Characters::of(text)?)))
            .collect();
        self.make_probes(tables, kind, query, &texts);
        self.fetch(tables, kind);
        let mut left = entries_max;
        let mut equals: Equals = equal.into_iter().collect();
        self.read_texts(tables, &texts, &mut equals, &mut left);
        self.read_places(tables, query, &texts, &equals, glance, &mut left);
        self.read_keys(tables, kind, equal, &mut left);
        self.entries = entries_max - left;
        self.candidates.sort_unstable();
        self.candidates.dedup_by_key(|candidate| candidate.name);
    }

    /// What was looked at so far.
    pub fn found(&self) -> Found {
        Found {
            candidates: self.counted,
            compared: 0,
            probes: (self.places.len() + self.texts.len() + self.keys.len()) as u32,
            entries: self.entries,
            budget_reached: self.budget_reached,
        }
    }

    fn make_probes(
        &mut self,
        tables: &NameTables<'_>,
        kind: NameKind,
        query: &NameQuery,
        texts: &Texts<'_>,
    ) {
        let seed = tables.seed;
        self.places.clear();
        self.texts.clear();
        self.keys.clear();
        for (number, text) in texts {
            match kind {
                NameKind::Person => self.probe_person(tables, *number, text),
                NameKind::Organisation => {
                    let mut add = |key| self.add_key(tables, kind, key, Via::Key);
                    add(edits::text_key(seed, text.text()));
                    edits::missing_keys(seed, text, |_, key| add(key));
                }
            }
        }
        edits::end_keys(seed, query.folded(), |key| {
            self.add_key(tables, kind, key, Via::End);
        });
        query.block_keys(&mut |key| {
            self.add_key(tables, kind, edits::block_key(seed, key), Via::Key);
        });
    }

    fn probe_person(&mut self, tables: &NameTables<'_>, number: u8, text: &Characters<'_>) {
        // A third of the keys tells nearly always that the others lead nowhere.
        if !tables.is_near(text) {
            return;
        }
        let seed = tables.seed;
        let mut place = |key, place, added| {
            if tables.is_worth(NameKind::Person, key) {
                self.places.push(PlaceProbe {
                    key,
                    text: number,
                    place,
                    added,
                    part: Part::default(),
                });
            }
        };
        edits::place_keys(seed, text, |at, _, key| place(key, at, false));
        edits::added_keys(seed, text, |at, key| place(key, at, true));
        let mut whole = |key, place, change| {
            if tables.is_worth(NameKind::Person, key) {
                self.texts.push(TextProbe {
                    key,
                    text: number,
                    place,
                    change,
                });
            }
        };
        if number > 0 {
            whole(edits::text_key(seed, text.text()), 0, Change::None);
        }
        edits::missing_keys(seed, text, |at, key| whole(key, at, Change::Missing));
        edits::swapped_keys(seed, text, |at, key| whole(key, at, Change::Swapped));
    }

    fn add_key(&mut self, tables: &NameTables<'_>, kind: NameKind, key: u64, via: Via) {
        if tables.is_worth(kind, key) {
            self.keys.push(KeyProbe {
                key,
                via,
                part: Part::default(),
            });
        }
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

    /// Names that are one of the texts, lack a character of it, or have two neighbours exchanged.
    fn read_texts(
        &mut self,
        tables: &NameTables<'_>,
        texts: &Texts<'_>,
        equals: &mut Equals,
        left: &mut u32,
    ) {
        for probe in &self.texts {
            let place = usize::from(probe.place);
            let Some((_, text)) = texts.iter().find(|(number, _)| *number == probe.text) else {
                continue;
            };
            let found = line_table::find(tables.lines, probe.key, |listed| {
                let listed = tables.name_text(listed);
                match probe.change {
                    Change::None => text.text() == listed,
                    Change::Missing => text.is_without(place, listed),
                    Change::Swapped => text.is_swapped(place, listed),
                }
            });
            let fresh = |found: &u32| !equals.contains(found) && tables.has_subject(*found);
            if let Some(name) = found.filter(fresh) {
                if matches!(probe.change, Change::None) {
                    equals.push(name);
                }
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
        texts: &Texts<'_>,
        equals: &Equals,
        glance: Glance,
        left: &mut u32,
    ) {
        for probe in &self.places {
            let (text, place) = (usize::from(probe.text), usize::from(probe.place));
            // A character equal to the one before it was added there: met already.
            let of_probe = texts.iter().find(|(number, _)| *number == probe.text);
            let before = match (of_probe, place.checked_sub(1)) {
                (Some((_, text)), Some(before)) if probe.added => text.at(before),
                _ => None,
            };
            for entry in within(tables.person_places.entries(&probe.part), left) {
                let listed = entry.character();
                if equals.contains(&entry.name()) || before.is_some() && listed == before {
                    continue;
                }
                self.counted += 1;
                let likely = glance == Glance::All
                    || match listed {
                        None => true,
                        Some(listed) if probe.added => query.may_match_added(text, listed),
                        Some(listed) => query.may_match_substituted(text, place, listed),
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
