//! What can be wrong with a list record: a stable code, the field, what to do.
//!
//! In: nothing. Out: `Fault` and `Warning`, as data. Never carries a value of the record: texts are
//! fixed or name words of the catalogue, and a field name nobody knows is shown only where it looks
//! like a name. Contract, section 3.

use std::borrow::Cow;
use std::fmt;

/// Why a record was left out. The codes are stable; more may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultCode {
    /// The line is not UTF-8.
    NotUtf8,
    /// The line is longer than `blocks::LINE_BYTES_MAX`.
    LineTooLong,
    /// The line is not JSON.
    NotJson,
    /// A key stands twice in one object.
    RepeatedKey,
    /// A field the contract does not have.
    UnknownField,
    /// A field that no record may carry.
    ForbiddenField,
    /// A JSON type the field does not take.
    WrongType,
    /// A required field is absent, null or blank.
    MissingField,
    /// The catalogue has no such list.
    UnknownList,
    /// A word outside the field's values.
    UnknownValue,
    /// A grade the list does not have.
    Grade,
    /// A type of number that belongs to the other kind of subject.
    IdTypeOfOtherKind,
    /// A number without the length of its type.
    BadLength,
    /// A character that cannot stand there.
    BadCharacter,
    /// The check character of a number does not fit.
    BadCheckCharacter,
    /// A date or moment that does not exist, or is not written as one.
    BadDate,
    /// Facts that cannot both be true.
    Contradiction,
    /// Nothing tells the person from namesakes.
    NoIdentity,
    /// `retained_basis` without an end.
    RetainedBasis,
    /// The end lies before the start.
    TermReversed,
    /// The case is unfit for publication.
    NotPublishable,
    /// A citizen_id where none may stand.
    CitizenIdInText,
    /// A name of which nothing remains after folding.
    EmptyName,
    /// A text over its bound.
    TooLong,
    /// More members than the bound.
    TooMany,
    /// Another record has this entry_id.
    DuplicateEntryId,
    /// A number's mask is not among those that a snapshot holds.
    TooManyMaskPatterns,
    /// A spreadsheet has rounded a number.
    LostDigits,
    /// The error of a formula stands in a cell.
    BrokenCell,
}

impl FaultCode {
    /// The stable code, as quarantine files and answers show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::LineTooLong => "line_too_long",
            Self::NotJson => "not_json",
            Self::RepeatedKey => "repeated_key",
            Self::UnknownField => "unknown_field",
            Self::ForbiddenField => "forbidden_field",
            Self::WrongType => "wrong_type",
            Self::MissingField => "missing_field",
            Self::UnknownList => "unknown_list",
            Self::UnknownValue => "unknown_value",
            Self::Grade => "grade",
            Self::IdTypeOfOtherKind => "id_type_of_other_kind",
            Self::BadLength => "bad_length",
            Self::BadCharacter => "bad_character",
            Self::BadCheckCharacter => "bad_check_character",
            Self::BadDate => "bad_date",
            Self::Contradiction => "contradiction",
            Self::NoIdentity => "no_identity",
            Self::RetainedBasis => "retained_basis",
            Self::TermReversed => "term_reversed",
            Self::NotPublishable => "not_publishable",
            Self::CitizenIdInText => "citizen_id_in_text",
            Self::EmptyName => "empty_name",
            Self::TooLong => "too_long",
            Self::TooMany => "too_many",
            Self::DuplicateEntryId => "duplicate_entry_id",
            Self::TooManyMaskPatterns => "too_many_mask_patterns",
            Self::LostDigits => "lost_digits",
            Self::BrokenCell => "broken_cell",
        }
    }
}

/// One thing wrong with one record: the first that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub code: FaultCode,
    /// Path of the field, for example `subject.ids[0].number`; empty for the whole line.
    pub field: String,
    /// What was wrong and what to do; never a value of the record.
    pub reason: Cow<'static, str>,
}

impl Fault {
    /// A fault of the field `field`.
    pub fn new(
        code: FaultCode,
        field: impl Into<String>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code,
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// The same fault, its field inside the field `parent`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.field = join(parent, &self.field);
        self
    }

    /// The same fault, its field inside the member at `place` of a list.
    #[must_use]
    pub fn within_member(mut self, place: usize) -> Self {
        self.field = join(&format!("[{place}]"), &self.field);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "`{}`: {}", self.field, self.reason)
        }
    }
}

impl std::error::Error for Fault {}

/// What is odd about a record that is built all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningCode {
    /// A division code whose first two digits are no province's.
    UnknownDivision,
    /// A number of a type that the contract does not have; it was left out of the record.
    UnusedNumber,
    /// More names than a record can have; the last were left out.
    UnusedName,
}

impl WarningCode {
    /// The stable code.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownDivision => "unknown_division",
            Self::UnusedNumber => "unused_number",
            Self::UnusedName => "unused_name",
        }
    }
}

/// One odd thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What kind.
    pub code: WarningCode,
    /// Path of the field.
    pub field: String,
}

/// Path of `inner` inside `parent`: `ids` and `[0].number` give `ids[0].number`.
pub fn join(parent: &str, inner: &str) -> String {
    if inner.is_empty() || inner.starts_with('[') {
        format!("{parent}{inner}")
    } else {
        format!("{parent}.{inner}")
    }
}

/// Text of a field name nobody knows: itself where it looks like a name, else `?`.
///
/// A column of a careless export may carry a person's name or number as its key.
pub fn shown_key(key: &str) -> &str {
    let name_like = key.len() <= 40
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && key.bytes().filter(u8::is_ascii_digit).count() <= 2;
    if name_like { key } else { "?" }
}

/// The value, or the fault that `field` is missing.
pub fn required<T: Copy>(value: Option<T>, field: &str) -> Result<T, Fault> {
    value.ok_or_else(|| {
        let reason = "required and absent, null or blank; fill it in";
        Fault::new(FaultCode::MissingField, field, reason)
    })
}

/// The fault that `field` holds none of `words`.
pub fn unknown_value(field: &str, words: &str) -> Fault {
    let reason = format!("the value is none of {words}");
    Fault::new(FaultCode::UnknownValue, field, reason)
}

/// The fault that `field` is no date.
pub fn bad_date(field: &str) -> Fault {
    let reason = "not a date that exists, written as 2016-12-28; correct it";
    Fault::new(FaultCode::BadDate, field, reason)
}

/// The fault that a citizen_id stands in `field`.
pub fn citizen_id_in_text(field: &str) -> Fault {
    let reason = "a citizen_id stands in this text; numbers belong into `ids` only";
    Fault::new(FaultCode::CitizenIdInText, field, reason)
}

/// More members than `max`.
pub fn too_many(max: usize) -> Fault {
    let reason = format!("more than {max} members; split the record");
    Fault::new(FaultCode::TooMany, "", reason)
}
