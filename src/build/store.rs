//! All records of a build in compact form: about 250 bytes an entry beside its texts.
//!
//! In: prepared records, in any order. Out: columns, arenas and interned texts. Entries and names
//! are numbered by arrival, until `put_in_order` gives them the numbers of the file: every later
//! step then walks memory in order instead of waiting for it. Shared texts keep those of arrival.

use super::inputs::{LeftOut, LeftOutReason, Origin};
use super::interner::Interner;
use super::prepare::{Prepared, PreparedParty};
use crate::identifier::kind::IdType;
use crate::identifier::mask::MaskPattern;
use crate::model::entry::{Disclosure, ListRecord, Status};
use crate::model::subject::{RoleSet, SubjectKind};
use crate::model::term::{Day, Moment};
use crate::snapshot::cold::{ColdReferences, OwnTexts};
use crate::snapshot::entries::{BirthDigits, NumberClass};
use rayon::prelude::*;
use std::collections::HashMap;

/// Stored in place of a mask pattern where a number is full.
pub const FULL: u16 = u16::MAX;

/// What is known of one entry before it has its place.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// Place in `Store::lists`.
    pub list: u16,
    /// Place in `Store::grades` + 1; 0 absent.
    pub grade: u32,
    /// Kind of the subject.
    pub kind: SubjectKind,
    /// Who may learn of it.
    pub disclosure: Disclosure,
    /// As stated.
    pub status: Status,
    /// As stated.
    pub able_but_refuses: Option<bool>,
    /// What is shown of the subject's decisive number.
    pub number_class: NumberClass,
    /// Whether the subject has usable numbers of other types.
    pub other_numbers: bool,
    /// First day of force.
    pub in_force_from: Day,
    /// Last day of force.
    pub in_force_until: Option<Day>,
    /// Day of publication.
    pub published: Option<Day>,
    /// Day the conduct ended.
    pub conduct_ended: Option<Day>,
    /// When it was supplied.
    pub submitted_at: Moment,
    /// Digest of the folded case_no.
    pub case_digest: [u8; 16],
    /// MAC of the content.
    pub content: [u8; 16],
    /// First of its parties in `Store::parties`.
    pub party_first: u32,
    /// Its parties.
    pub party_count: u16,
    /// First byte of its own texts in `Store::texts`.
    pub texts_first: u64,
    /// References into `Store::dictionary`, by arrival, 0 absent.
    pub references: ColdReferences,
    /// Where the record came from.
    pub origin: Origin,
}

/// A party before it has its place.
#[derive(Debug, Clone, Copy)]
pub struct StoredParty {
    /// Person or organisation.
    pub kind: SubjectKind,
    /// Roles of a holder.
    pub roles: RoleSet,
    /// Known digits of the birth date.
    pub birth: BirthDigits,
    /// Whether it comes from a full citizen_id or `birth_date`.
    pub birth_known: bool,
    /// First of its names in `Store::party_names`.
    pub names_first: u32,
    /// Its names.
    pub names_count: u16,
    /// First of its numbers in `Store::numbers`.
    pub numbers_first: u32,
    /// Its numbers.
    pub numbers_count: u8,
}

/// A number before it has its row.
#[derive(Debug, Clone, Copy)]
pub struct StoredNumber {
    /// Keyed digest.
    pub digest: [u8; 16],
    /// Place in `Store::patterns`, or `FULL`.
    pub pattern: u16,
    /// Its type.
    pub id_type: IdType,
    /// Whether it is the org_code inside a credit_code.
    pub implied: bool,
}

/// All records so far.
#[derive(Debug, Default)]
pub struct Store {
    /// Entries by arrival, then in the order of the file.
    pub entries: Vec<StoredEntry>,
    /// Parties, by entry.
    pub parties: Vec<StoredParty>,
    /// Names of parties: numbers in `names`.
    pub party_names: Vec<u32>,
    /// Numbers of parties.
    pub numbers: Vec<StoredNumber>,
    /// Folded names; in the order of the file each is its number there.
    pub names: Interner,
    /// Texts that many records share.
    pub dictionary: Interner,
    /// Ids of lists.
    pub lists: Interner,
    /// Grades.
    pub grades: Interner,
    /// Mask patterns, by arrival.
    pub patterns: Vec<(IdType, MaskPattern)>,
    /// Texts of their own of each entry, as `OwnTexts` writes them.
    pub texts: Vec<u8>,
    /// Valid records that cannot be built.
    pub left_out: Vec<LeftOut>,
    pattern_places: HashMap<(IdType, MaskPattern), u16>,
}

impl Store {
    /// Takes a prepared record in, or leaves it out.
    pub fn add(&mut self, prepared: &Prepared, origin: Origin) {
        if let Err(reason) = self.try_add(prepared, origin) {
            self.left_out.push(LeftOut {
                origin,
                entry_id: prepared.record.entry_id.0.clone(),
                reason,
            });
        }
    }

    /// Makes room for `times` as much as is here: columns that grow by doubling are copied as often
    /// as they are long, into memory that is touched for the first time.
    pub fn make_room(&mut self, times: f64) {
        fn grow<T>(column: &mut Vec<T>, times: f64) {
            let wanted = (column.len() as f64 * times) as usize;
            column.reserve_exact(wanted.saturating_sub(column.len()));
        }
        grow(&mut self.entries, times);
        grow(&mut self.parties, times);
        grow(&mut self.party_names, times);
        grow(&mut self.numbers, times);
        grow(&mut self.texts, times);
    }

    /// Lets go of what only serves to take records in.
    pub fn freeze(&mut self) {
        for interner in [&mut self.names, &mut self.dictionary] {
            interner.freeze();
        }
        self.pattern_places = HashMap::new();
    }

    /// Gives entries the order of the file, `order` by arrival, and names their numbers: `names`
    /// are those by arrival in the order of the numbers, `name_numbers` the numbers by arrival.
    /// What is in neither is gone. One column after the other, so that few stand twice.
    pub fn put_in_order(&mut self, order: &[u32], names: &[u32], name_numbers: &[u32]) {
        self.names = self.names.in_order(names);
        let mut texts = Vec::with_capacity(self.texts.len());
        let mut text_firsts = Vec::with_capacity(order.len());
        for arrival in order {
            text_firsts.push(texts.len() as u64);
            texts.extend_from_slice(self.own_bytes(*arrival));
        }
        self.texts = texts;
        let entry = |arrival: &u32| self.entries[*arrival as usize].clone();
        self.entries = order.par_iter().map(entry).collect();
        let mut parties = Vec::with_capacity(self.parties.len());
        let mut party_names = Vec::with_capacity(self.party_names.len());
        let mut numbers = Vec::with_capacity(self.numbers.len());
        for (place, texts_first) in text_firsts.into_iter().enumerate() {
            let party_first = parties.len() as u32;
            for party in self.parties_of(&self.entries[place]) {
                let mut moved = *party;
                moved.names_first = party_names.len() as u32;
                moved.numbers_first = numbers.len() as u32;
                let names = self.names_of(party).iter();
                party_names.extend(names.map(|name| name_numbers[*name as usize]));
                numbers.extend_from_slice(self.numbers_of(party));
                parties.push(moved);
            }
            let entry = &mut self.entries[place];
            entry.party_first = party_first;
            entry.texts_first = texts_first;
        }
        self.parties = parties;
        self.party_names = party_names;
        self.numbers = numbers;
    }

    /// Texts of an entry's own.
    pub fn own_texts(&self, entry: u32) -> OwnTexts<'_> {
        OwnTexts::read(self.own_bytes(entry))
    }

    /// Its entry_id: what is sorted by, so nothing else is read.
    pub fn entry_id(&self, entry: u32) -> &[u8] {
        OwnTexts::entry_id_bytes(self.own_bytes(entry))
    }

    fn own_bytes(&self, entry: u32) -> &[u8] {
        let place = entry as usize;
        let end = self
            .entries
            .get(place + 1)
            .map_or(self.texts.len(), |next| next.texts_first as usize);
        self.entries
            .get(place)
            .and_then(|this| self.texts.get(this.texts_first as usize..end))
            .unwrap_or_default()
    }

    /// Parties of an entry.
    pub fn parties_of(&self, entry: &StoredEntry) -> &[StoredParty] {
        let first = entry.party_first as usize;
        &self.parties[first..first + usize::from(entry.party_count)]
    }

    /// Numbers of a party.
    pub fn numbers_of(&self, party: &StoredParty) -> &[StoredNumber] {
        let first = party.numbers_first as usize;
        &self.numbers[first..first + usize::from(party.numbers_count)]
    }

    /// Names of a party.
    pub fn names_of(&self, party: &StoredParty) -> &[u32] {
        let first = party.names_first as usize;
        &self.party_names[first..first + usize::from(party.names_count)]
    }

    /// Parties that are the subjects of entries, with their entries, in order.
    pub fn subjects(&self) -> impl Iterator<Item = (&StoredEntry, &StoredParty)> {
        let subject = |entry| Some((entry, self.parties_of(entry).first()?));
        self.entries.iter().filter_map(subject)
    }

    /// Name of an entry's subject.
    pub fn own_name(&self, entry: &StoredEntry) -> Option<u32> {
        let subject = self.parties_of(entry).first()?;
        self.names_of(subject).first().copied()
    }

    /// Bytes that a build of what is here takes at its highest point, about: the store itself, the
    /// sort orders, and the largest sections while they are written.
    pub fn peak_memory_bytes(&self) -> u64 {
        let held = self.entries.capacity() * size_of::<StoredEntry>()
            + self.parties.capacity() * size_of::<StoredParty>()
            + self.party_names.capacity() * 4
            + self.numbers.capacity() * size_of::<StoredNumber>()
            + self.texts.capacity();
        let written = self.names.len() as usize * 40 + self.texts.len();
        held as u64
            + self.sorting_memory_bytes()
            + written as u64
            + self.names.memory_bytes()
            + self.dictionary.memory_bytes()
    }

    /// Of these, bytes that are free again once names and identifiers are written.
    pub fn sorting_memory_bytes(&self) -> u64 {
        (self.entries.len() * 64 + self.numbers.len() * 72) as u64
    }

    fn try_add(&mut self, prepared: &Prepared, origin: Origin) -> Result<(), LeftOutReason> {
        let too_large = LeftOutReason::TooLarge;
        let record = &prepared.record;
        self.check_sizes(prepared)?;
        let list = self.lists.intern(&record.list).ok_or(too_large)?;
        let list = u16::try_from(list).map_err(|_| too_large)?;
        let grade = match &record.grade {
            None => 0,
            Some(grade) => self.grades.intern(grade).ok_or(too_large)? + 1,
        };
        let references = self.intern_texts(record).ok_or(too_large)?;
        let party_first = u32::try_from(self.parties.len()).map_err(|_| too_large)?;
        for party in &prepared.parties {
            self.add_party(party)?;
        }
        let texts_first = self.texts.len() as u64;
        own_texts(prepared).write(&mut self.texts);
        self.entries.push(StoredEntry {
            list,
            grade,
            kind: record.subject.kind,
            disclosure: record.disclosure,
            status: record.status,
            able_but_refuses: record.able_but_refuses,
            number_class: prepared.number_class(),
            other_numbers: prepared.other_numbers(),
            in_force_from: record.in_force_from,
            in_force_until: record.in_force_until,
            published: record.published,
            conduct_ended: record.conduct_ended,
            submitted_at: record.submitted_at,
            case_digest: prepared.case_digest,
            content: prepared.content,
            party_first,
            party_count: prepared.parties.len() as u16,
            texts_first,
            references,
            origin,
        });
        Ok(())
    }

    fn check_sizes(&self, prepared: &Prepared) -> Result<(), LeftOutReason> {
        let fits = |party: &PreparedParty| {
            party.numbers.len() <= usize::from(u8::MAX)
                && party.names.len() <= usize::from(u16::MAX)
        };
        let small = prepared.parties.len() < usize::from(u16::MAX);
        if small && prepared.parties.iter().all(fits) {
            Ok(())
        } else {
            Err(LeftOutReason::TooLarge)
        }
    }

    fn intern_texts(&mut self, record: &ListRecord) -> Option<ColdReferences> {
        let mut reference = |text: Option<&str>| match text {
            None => Some(0),
            Some(text) => self.dictionary.intern(text)?.checked_add(1),
        };
        Some(ColdReferences {
            authority: reference(Some(&record.authority))?,
            supplier: reference(Some(&record.supplier))?,
            recourse: reference(record.recourse.as_deref())?,
            conduct: reference(record.conduct.as_deref())?,
            region: reference(record.region.as_deref())?,
            retained_basis: reference(record.retained_basis.as_deref())?,
        })
    }

    fn add_party(&mut self, party: &PreparedParty) -> Result<(), LeftOutReason> {
        let too_large = LeftOutReason::TooLarge;
        let names_first = u32::try_from(self.party_names.len()).map_err(|_| too_large)?;
        let numbers_first = u32::try_from(self.numbers.len()).map_err(|_| too_large)?;
        for name in &party.names {
            let number = self.names.intern(name).ok_or(too_large)?;
            self.party_names.push(number);
        }
        for number in &party.numbers {
            let pattern = match number.pattern {
                None => FULL,
                Some(pattern) => self.pattern_place(number.id_type, pattern)?,
            };
            self.numbers.push(StoredNumber {
                digest: number.digest,
                pattern,
                id_type: number.id_type,
                implied: number.implied,
            });
        }
        self.parties.push(StoredParty {
            kind: party.kind,
            roles: party.roles,
            birth: party.birth,
            birth_known: party.birth_known,
            names_first,
            names_count: party.names.len() as u16,
            numbers_first,
            numbers_count: party.numbers.len() as u8,
        });
        Ok(())
    }

    fn pattern_place(
        &mut self,
        id_type: IdType,
        pattern: MaskPattern,
    ) -> Result<u16, LeftOutReason> {
        let key = (id_type, pattern);
        if let Some(place) = self.pattern_places.get(&key) {
            return Ok(*place);
        }
        let place = u16::try_from(self.patterns.len()).unwrap_or(FULL);
        if place == FULL {
            return Err(LeftOutReason::TooManyMaskPatterns);
        }
        self.patterns.push(key);
        self.pattern_places.insert(key, place);
        Ok(place)
    }
}

fn own_texts(prepared: &Prepared) -> OwnTexts<'_> {
    let written = prepared.record.subject.name.as_ref();
    let folded = prepared
        .parties
        .first()
        .and_then(|subject| subject.names.first());
    let as_folded = folded.is_some_and(|folded| folded == written);
    OwnTexts {
        entry_id: prepared.record.entry_id.as_str(),
        case_no: &prepared.record.case_no,
        listed_name: if as_folded { "" } else { written },
    }
}
