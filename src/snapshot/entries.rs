//! Rows of the sections of format 1, read in place: little-endian, without alignment.
//!
//! In: bytes checked by `container`. Out: typed values; a stored number outside its range becomes
//! the most cautious value, never a panic. Not here: which rows belong together (`open.rs`).

// HOT: a check reads these rows for every candidate.

use crate::identifier::kind::IdType;
use crate::model::entry::{Disclosure, EntryIndex, Status};
use crate::model::subject::{RoleSet, SubjectKind};
use crate::model::term::{Day, Moment};
use zerocopy::little_endian::{I32, I64, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Stored in place of a day that is not known.
const NO_DAY: i32 = i32::MIN;

/// Number of a distinct folded name in one snapshot, in byte order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameNumber(pub u32);

/// Number of a distinct identifier (or masked identifier) in one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowNumber(pub u32);

/// What an entry shows of its subject's decisive number (citizen_id or credit_code); entries of one
/// name are ordered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberClass {
    /// None that is usable.
    None = 0,
    /// A masked one with at least 8 visible characters.
    Masked = 1,
    /// A full one.
    Full = 2,
}

/// The eight digits of a birth date, a nibble each from the year down, `0xF` where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BirthDigits(pub u32);

impl BirthDigits {
    /// No digit is known.
    pub const UNKNOWN: Self = Self(u32::MAX);

    /// All eight digits of a day of the years 0 to 9999; unknown outside.
    pub fn from_day(day: Day) -> Self {
        let (year, month, day) = day.date();
        let Ok(year) = u32::try_from(year) else {
            return Self::UNKNOWN;
        };
        let number = year * 10_000 + month.unsigned_abs() as u32 * 100 + day.unsigned_abs() as u32;
        let mut rest = number;
        let mut nibbles = 0;
        for place in 0..8 {
            nibbles |= (rest % 10) << (4 * place);
            rest /= 10;
        }
        Self(nibbles)
    }

    /// From digits as a masked citizen number shows them.
    pub fn from_digits(digits: [Option<u8>; 8]) -> Self {
        let nibbles = digits.into_iter().fold(0, |all, digit| {
            all << 4 | digit.map_or(0xf, |d| u32::from(d & 0xf))
        });
        Self(nibbles)
    }

    /// Whether no digit is known.
    pub fn is_unknown(self) -> bool {
        self == Self::UNKNOWN
    }

    /// Whether all digits are known.
    pub fn is_full(self) -> bool {
        let unknown = self.0 & self.0 >> 1 & self.0 >> 2 & self.0 >> 3;
        unknown & 0x1111_1111 == 0
    }

    /// Whether some digit is known on both sides and differs.
    pub fn contradicts(self, other: Self) -> bool {
        let differing = self.0 ^ other.0;
        // One bit a digit, the lowest of its four.
        let differs = differing | differing >> 1 | differing >> 2 | differing >> 3;
        let unknown = |digits: u32| digits & digits >> 1 & digits >> 2 & digits >> 3;
        differs & !unknown(self.0) & !unknown(other.0) & 0x1111_1111 != 0
    }

    /// The day, where all digits are known and it exists.
    pub fn day(self) -> Option<Day> {
        let digits = |places: std::ops::Range<u32>| {
            places.rev().try_fold(0i16, |number, place| {
                let digit = (self.0 >> (4 * place) & 0xf) as i16;
                (digit < 10).then_some(number * 10 + digit)
            })
        };
        Day::from_date(digits(4..8)?, digits(2..4)? as i8, digits(0..2)? as i8)
    }
}

/// Plain values of a facts row: what a build puts in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FactValues {
    /// Place in `Manifest::lists`.
    pub list: u8,
    /// Place in that list's `grades`.
    pub grade: Option<u8>,
    /// Kind of the subject.
    pub kind: SubjectKind,
    /// Who may learn of it.
    pub disclosure: Disclosure,
    /// As the list owner states it.
    pub status: Status,
    /// Able to perform but refuses.
    pub able_but_refuses: Option<bool>,
    /// What is shown of the subject's decisive number.
    pub number_class: NumberClass,
    /// Known digits of the subject's birth date.
    pub birth: BirthDigits,
    /// Whether the birth date comes from a full citizen_id or `birth_date`.
    pub birth_known: bool,
    /// Whether the subject has usable numbers of other types.
    pub other_numbers: bool,
    /// First day of force.
    pub in_force_from: Day,
    /// Last day of force, as stated.
    pub in_force_until: Option<Day>,
    /// Day of publication.
    pub published: Option<Day>,
    /// Day the conduct ended.
    pub conduct_ended: Option<Day>,
    /// When the record was supplied.
    pub submitted_at: Moment,
    /// Number of the group of records of one subject on this list, if there are several.
    pub subject_group: Option<u32>,
    /// Number of the group of records of one case, if there are several.
    pub case_group: Option<u32>,
    /// First row of this entry in `parties`.
    pub party_first: u32,
    /// Place of the entry_id in byte order.
    pub rank: u32,
}

/// One entry, as far as deciding needs it.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Facts {
    list: u8,
    grade: u8,
    flags: U16,
    birth: U32,
    in_force_from: I32,
    in_force_until: I32,
    published: I32,
    conduct_ended: I32,
    submitted_at: I64,
    subject_group: U32,
    case_group: U32,
    party_first: U32,
    rank: U32,
}

const _: () = assert!(
    size_of::<Facts>() == 48,
    "format 1 fixes the row at 48 bytes"
);

impl Facts {
    /// What a place outside the snapshot reads as: withdrawn, of no list.
    pub const OUTSIDE: Self = Self {
        list: u8::MAX,
        grade: 0,
        flags: U16::new((Status::Withdrawn as u16) << 3),
        birth: U32::new(u32::MAX),
        in_force_from: I32::new(i32::MAX),
        in_force_until: I32::new(NO_DAY),
        published: I32::new(NO_DAY),
        conduct_ended: I32::new(NO_DAY),
        submitted_at: I64::new(0),
        subject_group: U32::new(0),
        case_group: U32::new(0),
        party_first: U32::new(u32::MAX),
        rank: U32::new(u32::MAX),
    };

    /// The row of these values.
    pub fn new(values: &FactValues) -> Self {
        let able = match values.able_but_refuses {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        };
        let flags = values.kind as u16
            | (values.disclosure as u16) << 1
            | (values.status as u16) << 3
            | able << 5
            | (values.number_class as u16) << 7
            | u16::from(values.birth_known) << 9
            | u16::from(values.other_numbers) << 10;
        let day = |day: Option<Day>| I32::new(day.map_or(NO_DAY, |day| day.0));
        let group = |group: Option<u32>| U32::new(group.map_or(0, |number| number + 1));
        Self {
            list: values.list,
            grade: values.grade.map_or(0, |place| place + 1),
            flags: U16::new(flags),
            birth: U32::new(values.birth.0),
            in_force_from: I32::new(values.in_force_from.0),
            in_force_until: day(values.in_force_until),
            published: day(values.published),
            conduct_ended: day(values.conduct_ended),
            submitted_at: I64::new(values.submitted_at.0),
            subject_group: group(values.subject_group),
            case_group: group(values.case_group),
            party_first: U32::new(values.party_first),
            rank: U32::new(values.rank),
        }
    }

    /// Place in `Manifest::lists`.
    pub fn list(&self) -> u8 {
        self.list
    }

    /// Place in that list's `grades`.
    pub fn grade(&self) -> Option<u8> {
        self.grade.checked_sub(1)
    }

    /// Kind of the subject.
    pub fn kind(&self) -> SubjectKind {
        kind_of(self.flags.get() & 1 != 0)
    }

    /// Who may learn of it; an unknown number is the strictest.
    pub fn disclosure(&self) -> Disclosure {
        match self.flags.get() >> 1 & 3 {
            0 => Disclosure::Public,
            1 => Disclosure::Authorised,
            _ => Disclosure::Government,
        }
    }

    /// As the list owner states it.
    pub fn status(&self) -> Status {
        match self.flags.get() >> 3 & 3 {
            0 => Status::InForce,
            1 => Status::Held,
            2 => Status::Withdrawn,
            _ => Status::Repaired,
        }
    }

    /// Able to perform but refuses.
    pub fn able_but_refuses(&self) -> Option<bool> {
        match self.flags.get() >> 5 & 3 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        }
    }

    /// What is shown of the subject's decisive number.
    pub fn number_class(&self) -> NumberClass {
        match self.flags.get() >> 7 & 3 {
            0 => NumberClass::None,
            1 => NumberClass::Masked,
            _ => NumberClass::Full,
        }
    }

    /// Known digits of the subject's birth date.
    pub fn birth(&self) -> BirthDigits {
        BirthDigits(self.birth.get())
    }

    /// The subject's birth date, where it comes from a full citizen_id or `birth_date`.
    pub fn birth_day(&self) -> Option<Day> {
        self.birth_known().then(|| self.birth().day()).flatten()
    }

    /// Whether the birth date comes from a full citizen_id or `birth_date`.
    pub fn birth_known(&self) -> bool {
        self.flags.get() & 1 << 9 != 0
    }

    /// Whether the subject has usable numbers of other types than citizen_id and credit_code.
    pub fn other_numbers(&self) -> bool {
        self.flags.get() & 1 << 10 != 0
    }

    /// First day of force.
    pub fn in_force_from(&self) -> Day {
        Day(self.in_force_from.get())
    }

    /// Last day of force, as stated.
    pub fn in_force_until(&self) -> Option<Day> {
        known_day(self.in_force_until)
    }

    /// Day of publication.
    pub fn published(&self) -> Option<Day> {
        known_day(self.published)
    }

    /// Day the conduct ended.
    pub fn conduct_ended(&self) -> Option<Day> {
        known_day(self.conduct_ended)
    }

    /// When the record was supplied.
    pub fn submitted_at(&self) -> Moment {
        Moment(self.submitted_at.get())
    }

    /// Number of the group of records of one subject on this list; `None` where it stands alone.
    pub fn subject_group(&self) -> Option<u32> {
        self.subject_group.get().checked_sub(1)
    }

    /// Number of the group of records of one case; `None` where it stands alone.
    pub fn case_group(&self) -> Option<u32> {
        self.case_group.get().checked_sub(1)
    }

    /// First row of this entry in `parties`.
    pub fn party_first(&self) -> u32 {
        self.party_first.get()
    }

    /// Place of the entry_id in byte order: ties between matches go to the lower one.
    pub fn rank(&self) -> u32 {
        self.rank.get()
    }
}

/// Plain values of a party row: what a build puts in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartyValues {
    /// First of its names in `party_names`.
    pub names_first: u32,
    /// Its name and aliases.
    pub names_count: u16,
    /// First of its numbers in `numbers`.
    pub numbers_first: u32,
    /// Its numbers.
    pub numbers_count: u8,
    /// Known digits of its birth date.
    pub birth: BirthDigits,
    /// Whether the birth date comes from a full citizen_id or `birth_date`.
    pub birth_known: bool,
    /// Person or organisation.
    pub kind: SubjectKind,
    /// Roles of a holder; empty for the subject.
    pub roles: RoleSet,
}

/// Subject or holder of an entry.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PartyRow {
    names_first: U32,
    numbers_first: U32,
    birth: U32,
    names_count: U16,
    numbers_count: u8,
    roles: u8,
    flags: u8,
    zero: [u8; 3],
}

const _: () = assert!(
    size_of::<PartyRow>() == 20,
    "format 1 fixes the row at 20 bytes"
);

impl PartyRow {
    /// The row of these values.
    pub fn new(values: &PartyValues) -> Self {
        Self {
            names_first: U32::new(values.names_first),
            numbers_first: U32::new(values.numbers_first),
            birth: U32::new(values.birth.0),
            names_count: U16::new(values.names_count),
            numbers_count: values.numbers_count,
            roles: values.roles.bits(),
            flags: values.kind as u8 | u8::from(values.birth_known) << 1,
            zero: [0; 3],
        }
    }

    /// Person or organisation.
    pub fn kind(&self) -> SubjectKind {
        kind_of(self.flags & 1 != 0)
    }

    /// Roles of a holder; empty for the subject.
    pub fn roles(&self) -> RoleSet {
        RoleSet::from_bits(self.roles)
    }

    /// Known digits of its birth date.
    pub fn birth(&self) -> BirthDigits {
        BirthDigits(self.birth.get())
    }

    /// Its birth date, where it comes from a full citizen_id or `birth_date`.
    pub fn birth_day(&self) -> Option<Day> {
        self.birth_known().then(|| self.birth().day()).flatten()
    }

    /// Whether the birth date comes from a full citizen_id or `birth_date`.
    pub fn birth_known(&self) -> bool {
        self.flags & 2 != 0
    }

    /// First of its names in `party_names`, and how many.
    pub fn names(&self) -> (u32, u32) {
        (self.names_first.get(), u32::from(self.names_count.get()))
    }

    /// First of its numbers in `numbers`, and how many.
    pub fn numbers(&self) -> (u32, u32) {
        (self.numbers_first.get(), u32::from(self.numbers_count))
    }
}

/// A number of a listed party: which identifier row it is. Two numbers are equal when their rows
/// are.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NumberRow {
    row: U32,
    id_type: u8,
    pattern: u8,
    flags: u8,
    zero: u8,
}

const _: () = assert!(
    size_of::<NumberRow>() == 8,
    "format 1 fixes the row at 8 bytes"
);

impl NumberRow {
    /// A number of no row.
    pub const NONE: Self = Self {
        row: U32::new(u32::MAX),
        id_type: u8::MAX,
        pattern: 0,
        flags: 0,
        zero: 0,
    };

    /// A row from its stored values; `pattern` is 0 for a full number, else 1 + its place.
    pub fn stored(row: RowNumber, id_type: u8, pattern: u8, implied: bool) -> Self {
        Self {
            row: U32::new(row.0),
            id_type,
            pattern,
            flags: u8::from(implied),
            zero: 0,
        }
    }

    /// Its row in the identifier table.
    pub fn row(&self) -> RowNumber {
        RowNumber(self.row.get())
    }

    /// Its type; `None` only in a file that no build of ours wrote.
    pub fn id_type(&self) -> Option<IdType> {
        IdType::from_u8(self.id_type)
    }

    /// Place of its mask in the manifest's patterns of this type; `None` where it is full.
    pub fn pattern(&self) -> Option<u8> {
        self.pattern.checked_sub(1)
    }

    /// Whether it is the org_code inside a credit_code of the same party.
    pub fn implied(&self) -> bool {
        self.flags & 1 != 0
    }
}

/// Where an identifier occurs.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Posting {
    entry: U32,
    party: U16,
    flags: U16,
}

const _: () = assert!(
    size_of::<Posting>() == 8,
    "format 1 fixes the posting at 8 bytes"
);

impl Posting {
    /// In this party (0 the subject, else the n-th holder) of this entry.
    pub fn new(entry: u32, party: u16, implied: bool) -> Self {
        Self {
            entry: U32::new(entry),
            party: U16::new(party),
            flags: U16::new(u16::from(implied)),
        }
    }

    /// The entry; may lie outside in a file that no build of ours wrote.
    pub fn entry(&self) -> EntryIndex {
        EntryIndex(self.entry.get())
    }

    /// 0 the subject, else the n-th holder.
    pub fn party(&self) -> u16 {
        self.party.get()
    }

    /// Whether it is the org_code inside a credit_code.
    pub fn implied(&self) -> bool {
        self.flags.get() & 1 != 0
    }
}

fn kind_of(organisation: bool) -> SubjectKind {
    if organisation {
        SubjectKind::Organisation
    } else {
        SubjectKind::Person
    }
}

fn known_day(day: I32) -> Option<Day> {
    (day.get() != NO_DAY).then(|| Day(day.get()))
}

#[cfg(test)]
mod tests;
