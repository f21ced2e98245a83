//! A snapshot, opened: verified once, then read in place by everybody at the same time.
//!
//! In: a file or bytes. Out: accessors that cost a bounds check each. Whatever a file with right
//! checksums holds, no accessor panics or reads outside: a place that does not exist reads as
//! nothing. That the rows make sense is what `hecha inspect --deep` checks. No clock, no law.

// HOT: every check reads through these accessors.

use super::cold::{self, Cold, ColdRecord, Further};
use super::container::{self, Layout, Section};
use super::digits::ColdText;
use super::entries::{Facts, NameNumber, NumberRow, PartyRow, Posting, RowNumber};
use super::keys;
use super::manifest::{Manifest, to_hex};
use super::mapping::{Mapping, Residence};
use super::rows::{IdentifierRow, Line, NameRow};
use super::scan_sections::{ScanPlaces, ScanTables};
use super::sections::{COLD_WITHOUT_TEMPLATES, REQUIRED_COUNT, SECTION_COUNT, SectionId};
use super::tables::{OpenError, Table, find_tables};
use crate::identifier::digest::DigestKey;
use crate::model::entry::EntryIndex;
use crate::name::fold::FOLD_VERSION;
use crate::name::query::NAME_KEYS_VERSION;
use crate::seal::keys::MasterKey;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// How a file is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Version of the name tables in use; a file of another is refused.
    pub fold_version: Box<str>,
    /// Where a file that others could change is copied first; into memory where absent.
    pub state_dir: Option<PathBuf>,
    /// BLAKE3 that the file must have, looked at before anything of it is parsed.
    pub blake3: Option<[u8; 32]>,
}

impl Default for OpenOptions {
    /// The name tables of this build; copies go into memory.
    fn default() -> Self {
        Self {
            fold_version: FOLD_VERSION.as_str().into(),
            state_dir: None,
            blake3: None,
        }
    }
}

/// Identity of a snapshot: the first half of the BLAKE3 of its file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(pub [u8; 16]);

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A verified snapshot. Immutable; shared by reference.
#[derive(Debug)]
pub struct Snapshot {
    mapping: Mapping,
    tables: [Table; SECTION_COUNT],
    scan: Option<ScanPlaces>,
    layout: Layout,
    manifest: Manifest,
    hash: [u8; 32],
}

impl Snapshot {
    /// Opens and verifies the file at `path`.
    ///
    /// Errors: reading; any damage; a foreign format, section or name table.
    pub fn open_file(path: &Path, options: &OpenOptions) -> Result<Self, OpenError> {
        let mapping = Mapping::of_file(path, options.state_dir.as_deref()).map_err(|fault| {
            OpenError::Io {
                path: path.to_owned(),
                fault,
            }
        })?;
        Self::of_mapping(mapping, &options.fold_version, options.blake3)
    }

    /// Checks a file and reads its manifest alone, whatever tables its names were folded by.
    ///
    /// Errors: reading; any damage; a foreign format.
    pub fn read_manifest(path: &Path) -> Result<Manifest, OpenError> {
        let mapping = Mapping::of_file(path, None).map_err(|fault| OpenError::Io {
            path: path.to_owned(),
            fault,
        })?;
        let layout = container::check(mapping.bytes())?;
        Ok(Manifest::from_json(&mapping.bytes()[layout.manifest])?)
    }

    /// Opens and verifies a file that is in memory already.
    ///
    /// Errors: as `open_file`.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, OpenError> {
        let mapping = Mapping::of_bytes(&bytes).map_err(|fault| OpenError::Io {
            path: PathBuf::from("memory"),
            fault,
        })?;
        Self::of_mapping(mapping, &FOLD_VERSION, None)
    }

    fn of_mapping(
        mapping: Mapping,
        fold_version: &str,
        stated: Option<[u8; 32]>,
    ) -> Result<Self, OpenError> {
        let hash = *blake3::Hasher::new()
            .update_rayon(mapping.bytes())
            .finalize()
            .as_bytes();
        if let Some(stated) = stated.filter(|stated| *stated != hash) {
            return Err(OpenError::Hash {
                bytes: mapping.bytes().len(),
                found: hash,
                stated,
            });
        }
        let layout = container::check(mapping.bytes())?;
        let mut tables = find_tables(&layout.sections)?;
        let manifest = Manifest::from_json(&mapping.bytes()[layout.manifest.clone()])?;
        if *manifest.fold_version != *fold_version {
            return Err(OpenError::Fold {
                found: manifest.fold_version,
                ours: fold_version.into(),
            });
        }
        if *manifest.name_keys_version != **NAME_KEYS_VERSION {
            tables[REQUIRED_COUNT..].fill(Table::ABSENT);
        }
        let snapshot = Self {
            mapping,
            tables,
            scan: ScanPlaces::find(&layout.sections),
            layout,
            manifest,
            hash,
        };
        match snapshot.first_misfit() {
            None => Ok(snapshot),
            Some(section) => Err(OpenError::Inconsistent {
                name: section.kind().name,
            }),
        }
    }

    /// Identity of the file.
    pub fn id(&self) -> SnapshotId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.hash[..16]);
        SnapshotId(id)
    }

    /// BLAKE3 of the whole file.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// What it was built from.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        self.mapping.bytes()
    }

    /// Sections, in the order of the file.
    pub fn sections(&self) -> &[Section] {
        &self.layout.sections
    }

    /// Where its bytes are.
    pub fn residence(&self) -> Residence {
        self.mapping.residence()
    }

    /// Keeps all of it in memory.
    ///
    /// Errors: the limit on locked memory does not allow it; it serves all the same.
    pub fn lock_memory(&self) -> io::Result<()> {
        self.mapping.lock()
    }

    /// The key of its identifier digests. `manifest().key_id` says which master it needs; with
    /// another one every look-up misses.
    pub fn digest_key(&self, master: &MasterKey) -> DigestKey {
        keys::digest_key(master, &self.manifest.salt)
    }

    /// Entries of all lists.
    pub fn entry_count(&self) -> u32 {
        self.count(SectionId::Facts)
    }

    /// Facts of an entry; `Facts::OUTSIDE` where there is no such entry.
    pub fn facts(&self, entry: EntryIndex) -> &Facts {
        static OUTSIDE: Facts = Facts::OUTSIDE;
        self.item(SectionId::Facts, entry.0).unwrap_or(&OUTSIDE)
    }

    /// Facts of all entries, in their order.
    pub fn all_facts(&self) -> &[Facts] {
        self.items(SectionId::Facts, 0, self.entry_count())
    }

    /// Parties of an entry: the subject, then the holders.
    pub fn parties(&self, entry: EntryIndex) -> &[PartyRow] {
        let (first, last) = self.party_range(entry);
        self.items(SectionId::Parties, first, last.saturating_sub(first))
    }

    /// Numbers of a party.
    pub fn numbers(&self, party: &PartyRow) -> &[NumberRow] {
        let (first, count) = party.numbers();
        self.items(SectionId::Numbers, first, count)
    }

    /// Names of a party: its name, then its aliases.
    pub fn party_names(&self, party: &PartyRow) -> impl ExactSizeIterator<Item = NameNumber> + '_ {
        let (first, count) = party.names();
        self.items::<U32>(SectionId::PartyNames, first, count)
            .iter()
            .map(|number| NameNumber(number.get()))
    }

    /// Text of a folded name; empty where there is no such name.
    pub fn name_text(&self, name: NameNumber) -> &str {
        let Some((row, next)) = self.name_row(name) else {
            return "";
        };
        self.text(SectionId::NameText, row.text_first(), next.text_first())
    }

    /// Row of a name and the row behind it.
    pub fn name_row(&self, name: NameNumber) -> Option<(&NameRow, &NameRow)> {
        let row = self.item(SectionId::Names, name.0)?;
        let next = self.item(SectionId::Names, name.0.checked_add(1)?)?;
        Some((row, next))
    }

    /// Distinct names.
    pub fn name_count(&self) -> u32 {
        self.count(SectionId::Names).saturating_sub(1)
    }

    /// Entries by alias, in the places that name rows say.
    pub fn alias_entries(&self, first: u32, last: u32) -> &[U32] {
        let count = last.saturating_sub(first);
        self.items(SectionId::AliasEntries, first, count)
    }

    /// What a scan reads; `None` for a file without it.
    pub fn scan_tables(&self) -> Option<ScanTables<'_>> {
        let text = self.items(SectionId::NameText, 0, self.count(SectionId::NameText));
        let places = self.scan.as_ref()?;
        Some(places.tables(self.mapping.bytes(), text))
    }

    /// Row of an identifier and the row behind it.
    pub fn identifier_row(&self, row: RowNumber) -> Option<(&IdentifierRow, &IdentifierRow)> {
        let this = self.item(SectionId::IdentifierRows, row.0)?;
        let next = self.item(SectionId::IdentifierRows, row.0.checked_add(1)?)?;
        Some((this, next))
    }

    /// Distinct identifiers, masked ones too.
    pub fn identifier_count(&self) -> u32 {
        self.count(SectionId::IdentifierRows).saturating_sub(1)
    }

    /// Postings in these places.
    pub fn posting_range(&self, first: u32, last: u32) -> &[Posting] {
        let count = last.saturating_sub(first);
        self.items(SectionId::Postings, first, count)
    }

    /// All lines of a line table: identifiers, names or entry_ids.
    pub fn lines(&self, section: SectionId) -> &[Line] {
        self.rows(section)
    }

    /// All rows of a section; none where rows of `T` are not what it holds.
    pub fn rows<T>(&self, section: SectionId) -> &[T]
    where
        T: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        if section.kind().item_bytes as usize == size_of::<T>() {
            self.items(section, 0, self.count(section))
        } else {
            &[]
        }
    }

    /// Whether it has the tables of similar names, of the keys of this program; without them only
    /// equal names are found.
    pub fn has_similar_names(&self) -> bool {
        self.count(SectionId::OrganisationKeysDirectory) > 0
    }

    /// Whether it has the sets of the keys of names that somebody without a usable decisive number
    /// bears; a file of an earlier build has none.
    pub fn has_unnumbered_names(&self) -> bool {
        self.count(SectionId::UnnumberedOrganisationKeys) > 0
    }

    /// What an answer shows of an entry; empty texts where it cannot be read.
    pub fn cold(&self, entry: EntryIndex) -> Cold<'_> {
        let record = self.cold_record(entry).unwrap_or(ColdRecord::EMPTY);
        let references = record.references;
        let listed_name = match record.listed_name.is_empty() {
            true => ColdText::Whole(self.subject_name(entry)),
            false => record.listed_name,
        };
        Cold {
            entry_id: record.entry_id,
            listed_name,
            case_no: record.case_no,
            authority: self.dictionary(references.authority).unwrap_or(""),
            recourse: self.dictionary(references.recourse),
        }
    }

    /// Reads where the records of these entries stand, then their beginnings, so that no read of
    /// `cold` waits for the one before it.
    pub fn fetch_cold(&self, entries: impl Iterator<Item = EntryIndex> + Clone) {
        let record = |EntryIndex(entry)| {
            let record = self.slice(SectionId::ColdOffsets, SectionId::Cold, entry);
            record.unwrap_or_default()
        };
        let places = entries.clone().map(|entry| record(entry).len());
        std::hint::black_box(places.fold(0, |all, len| all ^ len));
        let bytes = entries.map(|entry| record(entry).first().copied());
        std::hint::black_box(bytes.fold(0, |all, byte| all ^ byte.unwrap_or(0)));
    }

    /// What the file says of an entry beside `cold`; empty texts where it cannot be read.
    pub fn further(&self, entry: EntryIndex) -> Further<'_> {
        let record = self.cold_record(entry).unwrap_or(ColdRecord::EMPTY);
        let references = record.references;
        Further {
            supplier: self.dictionary(references.supplier).unwrap_or(""),
            conduct: self.dictionary(references.conduct),
            region: self.dictionary(references.region),
            retained_basis: self.dictionary(references.retained_basis),
        }
    }

    /// The record behind `cold`, where it can be read.
    pub fn cold_record(&self, entry: EntryIndex) -> Option<ColdRecord<'_>> {
        let bytes = self.slice(SectionId::ColdOffsets, SectionId::Cold, entry.0)?;
        ColdRecord::read(bytes, self.templates())
    }

    /// An entry's entry_id; empty where it cannot be read. Cheaper than the record.
    pub fn entry_id(&self, entry: EntryIndex) -> ColdText<'_> {
        let record = self.slice(SectionId::ColdOffsets, SectionId::Cold, entry.0);
        record
            .and_then(|bytes| ColdRecord::read_entry_id(bytes, self.templates()))
            .unwrap_or(ColdText::EMPTY)
    }

    fn templates(&self) -> Option<impl cold::Templates<'_>> {
        let has_templates = self.tables[SectionId::Cold as usize].version > COLD_WITHOUT_TEMPLATES;
        has_templates.then_some(|place: u32| self.dictionary(place.checked_add(1)?))
    }

    /// Reference of an entry's authority into the dictionary; 0 where there is none.
    pub fn authority(&self, entry: EntryIndex) -> u32 {
        let record = self.slice(SectionId::ColdOffsets, SectionId::Cold, entry.0);
        record.and_then(ColdRecord::authority).unwrap_or(0)
    }

    /// MAC of an entry's content under the stable diff key.
    pub fn content(&self, entry: EntryIndex) -> Option<&[u8; 16]> {
        self.item(SectionId::Content, entry.0)
    }

    /// The same of all entries, in order.
    pub fn all_content(&self) -> &[[u8; 16]] {
        self.rows(SectionId::Content)
    }

    /// Groups of at least two records of one subject on one list, by group number; members by
    /// `submitted_at`, latest first, then by entry_id.
    pub fn subject_groups(&self) -> impl ExactSizeIterator<Item = &[U32]> {
        self.groups(SectionId::SubjectGroups, SectionId::SubjectGroupMembers)
    }

    /// Groups of at least two records of one case of one subject, ordered alike.
    pub fn case_groups(&self) -> impl ExactSizeIterator<Item = &[U32]> {
        self.groups(SectionId::CaseGroups, SectionId::CaseGroupMembers)
    }

    /// Members of one subject group.
    pub fn subject_group(&self, group: u32) -> &[U32] {
        self.group(
            SectionId::SubjectGroups,
            SectionId::SubjectGroupMembers,
            group,
        )
    }

    /// Members of one case group.
    pub fn case_group(&self, group: u32) -> &[U32] {
        self.group(SectionId::CaseGroups, SectionId::CaseGroupMembers, group)
    }

    /// Items of a section.
    pub fn count(&self, section: SectionId) -> u32 {
        self.tables[section as usize].count
    }

    /// A text of the dictionary by its reference (0 absent).
    pub fn dictionary(&self, reference: u32) -> Option<&str> {
        let place = reference.checked_sub(1)?;
        let bytes = self.slice(SectionId::DictionaryOffsets, SectionId::Dictionary, place)?;
        std::str::from_utf8(bytes).ok()
    }

    fn subject_name(&self, entry: EntryIndex) -> &str {
        let subject = self.parties(entry).first();
        let name = subject.and_then(|party| self.party_names(party).next());
        name.map_or("", |name| self.name_text(name))
    }

    fn party_range(&self, entry: EntryIndex) -> (u32, u32) {
        let next = entry.0.checked_add(1);
        let next: Option<&Facts> = next.and_then(|next| self.item(SectionId::Facts, next));
        let last = next.map_or(self.count(SectionId::Parties), Facts::party_first);
        (self.facts(entry).party_first(), last)
    }

    fn groups(
        &self,
        firsts: SectionId,
        members: SectionId,
    ) -> impl ExactSizeIterator<Item = &[U32]> {
        (0..self.count(firsts).saturating_sub(1))
            .map(move |group| self.group(firsts, members, group))
    }

    fn group(&self, firsts: SectionId, members: SectionId, group: u32) -> &[U32] {
        let place = |group: u32| self.item::<U32>(firsts, group).map(|first| first.get());
        match (place(group), group.checked_add(1).and_then(place)) {
            (Some(first), Some(last)) => self.items(members, first, last.saturating_sub(first)),
            _ => &[],
        }
    }

    fn text(&self, section: SectionId, first: u32, last: u32) -> &str {
        let bytes = self.items::<u8>(section, first, last.saturating_sub(first));
        std::str::from_utf8(bytes).unwrap_or("")
    }

    /// Bytes of the item at `place` of a section that is cut by offsets.
    fn slice(&self, offsets: SectionId, section: SectionId, place: u32) -> Option<&[u8]> {
        let first = self.item::<U32>(offsets, place)?.get();
        let last = self.item::<U32>(offsets, place.checked_add(1)?)?.get();
        Some(self.items(section, first, last.checked_sub(first)?))
    }

    fn item<T>(&self, section: SectionId, place: u32) -> Option<&T>
    where
        T: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        let table = self.tables[section as usize];
        if place >= table.count {
            return None;
        }
        let first = table.first + place as usize * size_of::<T>();
        let bytes = self.mapping.bytes().get(first..first + size_of::<T>())?;
        T::ref_from_bytes(bytes).ok()
    }

    /// `count` items from `first`; nothing where the section does not have them all.
    fn items<T>(&self, section: SectionId, first: u32, count: u32) -> &[T]
    where
        T: FromBytes + Immutable + KnownLayout + Unaligned,
    {
        let table = self.tables[section as usize];
        let fits = first
            .checked_add(count)
            .is_some_and(|last| last <= table.count);
        if !fits {
            return &[];
        }
        let start = table.first + first as usize * size_of::<T>();
        let bytes = start..start + count as usize * size_of::<T>();
        let bytes = self.mapping.bytes().get(bytes).unwrap_or(&[]);
        <[T]>::ref_from_bytes(bytes).unwrap_or(&[])
    }

    /// First section whose length does not fit the others; O(sections).
    fn first_misfit(&self) -> Option<SectionId> {
        let entries = self.manifest.entries;
        let rows = |section| self.count(section).checked_sub(1);
        let last_name = self.item::<NameRow>(SectionId::Names, self.name_count());
        let last_row =
            self.item::<IdentifierRow>(SectionId::IdentifierRows, self.identifier_count());
        let ends = |offsets, section| {
            let last = rows(offsets).and_then(|last| self.item::<U32>(offsets, last));
            last.is_some_and(|last| last.get() == self.count(section))
        };
        let name_ends = |of: fn(&NameRow) -> u32, end: u32| last_name.is_some_and(|r| of(r) == end);
        let posting_end =
            last_row.is_some_and(|r| r.posting_first() == self.count(SectionId::Postings));
        let fits = [
            (SectionId::Facts, self.entry_count() == entries),
            (
                SectionId::Parties,
                self.count(SectionId::Parties) >= entries,
            ),
            (
                SectionId::Content,
                self.count(SectionId::Content) == entries,
            ),
            (
                SectionId::ColdOffsets,
                rows(SectionId::ColdOffsets) == Some(entries),
            ),
            (
                SectionId::Cold,
                ends(SectionId::ColdOffsets, SectionId::Cold),
            ),
            (
                SectionId::Dictionary,
                ends(SectionId::DictionaryOffsets, SectionId::Dictionary),
            ),
            (SectionId::Postings, posting_end),
            (SectionId::Names, name_ends(NameRow::entry_first, entries)),
            (
                SectionId::NameText,
                name_ends(NameRow::text_first, self.count(SectionId::NameText)),
            ),
            (
                SectionId::AliasEntries,
                name_ends(NameRow::alias_first, self.count(SectionId::AliasEntries)),
            ),
            (
                SectionId::SubjectGroups,
                ends(SectionId::SubjectGroups, SectionId::SubjectGroupMembers),
            ),
            (
                SectionId::CaseGroups,
                ends(SectionId::CaseGroups, SectionId::CaseGroupMembers),
            ),
            (
                SectionId::IdentifierLines,
                self.count(SectionId::IdentifierLines) > 0,
            ),
            (SectionId::NameLines, self.count(SectionId::NameLines) > 0),
            (
                SectionId::EntryIdLines,
                self.count(SectionId::EntryIdLines) > 0,
            ),
        ];
        fits.into_iter()
            .find(|(_, fits)| !fits)
            .map(|(section, _)| section)
            .or_else(|| self.first_misfit_of_similar_names())
    }

    fn first_misfit_of_similar_names(&self) -> Option<SectionId> {
        let fits = |(directory, entries): &(SectionId, SectionId)| {
            let parts = self.rows::<U32>(*directory);
            parts.last().map_or(0, |end| end.get()) == self.count(*entries)
        };
        let misfit = SectionId::KEY_TABLES.iter().find(|t| !fits(t));
        misfit.map(|(_, entries)| *entries)
    }
}
