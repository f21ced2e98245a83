//! The sections of format 1: their names, versions and item sizes, in the order of the file.
//!
//! A new optional section may come behind these without a new format; a changed row needs a new
//! version, and a required one that older readers do not know makes them refuse the file.

use super::container::SectionKind;

/// A section of format 1; its number is its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionId {
    /// One `Facts` an entry.
    Facts = 0,
    /// Subjects and holders, in the order of entries.
    Parties = 1,
    /// Name numbers of parties.
    PartyNames = 2,
    /// Numbers of parties.
    Numbers = 3,
    /// Line table over identifier digests.
    IdentifierLines = 4,
    /// Identifiers, sorted by digest, and one row more that ends the last.
    IdentifierRows = 5,
    /// Where identifiers occur.
    Postings = 6,
    /// Line table over hashes of folded names.
    NameLines = 7,
    /// Names, sorted by text, and one row more that ends the last.
    Names = 8,
    /// Folded names, one behind the other.
    NameText = 9,
    /// Entries by alias.
    AliasEntries = 10,
    /// Line table over hashes of entry_ids.
    EntryIdLines = 11,
    /// MAC of each record's content.
    Content = 12,
    /// Where each group of records of one subject starts in the next section, and its end.
    SubjectGroups = 13,
    /// Entries of those groups.
    SubjectGroupMembers = 14,
    /// Where each group of records of one case starts in the next section, and its end.
    CaseGroups = 15,
    /// Entries of those groups.
    CaseGroupMembers = 16,
    /// Where each entry's cold record starts, and the end of the last.
    ColdOffsets = 17,
    /// Cold records.
    Cold = 18,
    /// Where each text of the dictionary starts, and the end of the last.
    DictionaryOffsets = 19,
    /// Texts that many records share, sorted.
    Dictionary = 20,
    /// Where each part of the next section starts, and its end.
    PersonPlacesDirectory = 21,
    /// Names of persons by the keys of their places.
    PersonPlaces = 22,
    /// Where each part of the next section starts, and its end.
    PersonKeysDirectory = 23,
    /// Names of persons by block keys.
    PersonKeys = 24,
    /// Where each part of the next section starts, and its end.
    OrganisationKeysDirectory = 25,
    /// Names of organisations by deletion keys and block keys.
    OrganisationKeys = 26,
    /// The set of the keys of those names that a person without a usable decisive number and of
    /// unknown birth bears; whole names and names without one character too.
    UnnumberedPersonKeys = 27,
    /// As `UnnumberedPersonKeys`, of persons of known birth: keys of name and birth.
    UnnumberedBornKeys = 28,
    /// The set of the keys of such names of organisations; whole names too.
    UnnumberedOrganisationKeys = 29,
}

/// Sections of format 1.
pub const SECTION_COUNT: usize = 30;
/// The first of them, which every file has; without the others only equal names are found.
pub const REQUIRED_COUNT: usize = 21;
/// The first of them up to the tables of similar names. Those behind say which of their keys lead
/// to whom no number settles; without them all are looked up.
pub const SIMILAR_COUNT: usize = 27;

/// All of them, in the order of the file.
pub const SECTIONS: [SectionKind; SECTION_COUNT] = [
    kind("facts", 48),
    kind("parties", 20),
    kind("party_names", 4),
    kind("numbers", 8),
    kind("identifier_lines", 64),
    kind("identifier_rows", 16),
    kind("postings", 8),
    kind("name_lines", 64),
    kind("names", 12),
    kind("name_text", 1),
    kind("alias_entries", 4),
    kind("entry_ids", 64),
    kind("content", 16),
    kind("subject_groups", 4),
    kind("subject_group_members", 4),
    kind("case_groups", 4),
    kind("case_group_members", 4),
    kind("cold_offsets", 4),
    second(kind("cold", 1)),
    kind("dictionary_offsets", 4),
    kind("dictionary", 1),
    kind("person_places_dir", 4),
    kind("person_places", 8),
    kind("person_keys_dir", 4),
    kind("person_keys", 6),
    kind("organisation_keys_dir", 4),
    kind("organisation_keys", 6),
    second(kind("unnumbered_persons", 8)),
    second(kind("unnumbered_born", 8)),
    second(kind("unnumbered_orgs", 8)),
];

/// Version of the section `cold` whose texts stand there whole; it is read still.
pub const COLD_WITHOUT_TEMPLATES: u16 = 1;

/// Directory and entries.
pub type KeyTableSections = (SectionId, SectionId);

impl SectionId {
    /// Places of persons, keys of persons, keys of organisations.
    pub const KEY_TABLES: [KeyTableSections; 3] = [
        (Self::PersonPlacesDirectory, Self::PersonPlaces),
        (Self::PersonKeysDirectory, Self::PersonKeys),
        (Self::OrganisationKeysDirectory, Self::OrganisationKeys),
    ];

    /// Keys of those whom no number settles: persons of unknown birth, of known birth,
    /// organisations.
    pub const KEY_SETS: [Self; 3] = [
        Self::UnnumberedPersonKeys,
        Self::UnnumberedBornKeys,
        Self::UnnumberedOrganisationKeys,
    ];

    /// Name, version and item size.
    pub fn kind(self) -> SectionKind {
        SECTIONS[self as usize]
    }

    /// The first of the optional sections that serve together with it, or not at all; what comes
    /// behind those rests on them.
    pub const fn group_first(place: usize) -> usize {
        if place < SIMILAR_COUNT {
            REQUIRED_COUNT
        } else {
            SIMILAR_COUNT
        }
    }

    /// Whether a file without it is no file of format 1.
    pub fn is_required(self) -> bool {
        (self as usize) < REQUIRED_COUNT
    }
}

/// Whether this program reads items of this version.
pub fn is_read(kind: &SectionKind, version: u16) -> bool {
    let is_former = kind.name == SectionId::Cold.kind().name && version == COLD_WITHOUT_TEMPLATES;
    version == kind.version || is_former
}

/// Other keys, or texts written otherwise, than in its first version.
const fn second(kind: SectionKind) -> SectionKind {
    SectionKind { version: 2, ..kind }
}

const fn kind(name: &'static str, item_bytes: u32) -> SectionKind {
    SectionKind {
        name,
        version: 1,
        item_bytes,
    }
}
