//! A whole record against the contract and the catalogue.
//!
//! In: one line of JSON, or a record as written. Out: a `ListRecord` with warnings, or the first
//! fault. Contract, section 3; decision rules 2.7. Pure: no clock, no file. Not here: whether an
//! entry_id stands twice (`ndjson`), and anything of law beyond the list's kind and grades.

use super::fault::{
    Fault, FaultCode, Warning, WarningCode, bad_date, citizen_id_in_text, required, too_many,
    unknown_value,
};
use super::node::Node;
use super::numbers::is_known_division;
use super::party;
use super::record::{self, WrittenParty, WrittenRecord};
use crate::catalogue::list::List;
use crate::catalogue::measure::Catalogue;
use crate::identifier::free_text::{contains_citizen_id, mask_citizen_ids};
use crate::model::entry::{Disclosure, EntryId, ListRecord, ListedParty, Status};
use crate::model::subject::SubjectKind;
use crate::model::term::{Day, Moment};

/// Characters of an entry_id at most.
pub const ENTRY_ID_CHARS_MAX: usize = 200;
/// Characters of case_no, authority, supplier at most.
pub const LABEL_CHARS_MAX: usize = 500;
/// Characters of recourse and retained_basis at most.
pub const NOTE_CHARS_MAX: usize = 2_000;
/// Characters of conduct at most.
pub const CONDUCT_CHARS_MAX: usize = 20_000;
/// Holders of one record at most.
pub const RELATED_MAX: usize = 1_000;

/// A record that may be built, and what is odd about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The record.
    pub record: ListRecord,
    /// Oddities, in the order of the record.
    pub warnings: Vec<Warning>,
}

/// A record that may not be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The publisher's key, where it is readable, bounded and holds no citizen_id.
    pub entry_id: Option<Box<str>>,
    /// What is wrong.
    pub fault: Fault,
}

/// Parses and validates one record; warnings are dropped.
pub fn parse_record(json: &str, catalogue: &Catalogue) -> Result<ListRecord, Fault> {
    match parse_line(json.as_bytes(), catalogue) {
        Ok(validated) => Ok(validated.record),
        Err(rejected) => Err(rejected.fault),
    }
}

/// Parses and validates one line of a list file.
pub fn parse_line(line: &[u8], catalogue: &Catalogue) -> Result<Validated, Rejected> {
    let nameless = |fault| Rejected {
        entry_id: None,
        fault,
    };
    let text = std::str::from_utf8(line).map_err(|error| {
        let reason = format!(
            "not UTF-8 from byte {} on; convert the file",
            error.valid_up_to() + 1
        );
        nameless(Fault::new(FaultCode::NotUtf8, "", reason))
    })?;
    let root = Node::parse(text).map_err(nameless)?;
    let parsed = record::read(&root).and_then(|written| validate(&written, catalogue));
    parsed.map_err(|fault| Rejected {
        entry_id: shown_entry_id(&root),
        fault,
    })
}

/// Validates a record as written.
pub fn validate(written: &WrittenRecord<'_>, catalogue: &Catalogue) -> Result<Validated, Fault> {
    let mut warnings = Vec::new();
    let entry_id = entry_id(written.entry_id)?;
    let list = list(written.list, catalogue)?;
    let subject = subject(written.subject.as_ref(), list, &mut warnings)?;
    let related = related(&written.related, &mut warnings)?;
    let in_force_from = day(
        required(written.in_force_from, "in_force_from")?,
        "in_force_from",
    )?;
    let in_force_until = optional_day(written.in_force_until, "in_force_until")?;
    if in_force_until.is_some_and(|until| until < in_force_from) {
        let reason = "lies before `in_force_from`; correct the dates at the source of the list";
        return Err(Fault::new(
            FaultCode::TermReversed,
            "in_force_until",
            reason,
        ));
    }
    if written.retained_basis.is_some() && in_force_until.is_none() {
        let reason = "a measure kept after exit needs an end: give `in_force_until`";
        return Err(Fault::new(
            FaultCode::RetainedBasis,
            "retained_basis",
            reason,
        ));
    }
    if written.publishable == Some(false) {
        let reason = "the case is unfit for publication and may not be listed; remove the record";
        return Err(Fault::new(FaultCode::NotPublishable, "publishable", reason));
    }
    let record = ListRecord {
        entry_id,
        list: list.id.clone(),
        subject,
        related,
        grade: grade(written.grade, list)?,
        conduct: text(written.conduct, "conduct", CONDUCT_CHARS_MAX)?,
        conduct_ended: optional_day(written.conduct_ended, "conduct_ended")?,
        able_but_refuses: written.able_but_refuses,
        case_no: case_no(written.case_no)?,
        authority: label(written.authority, "authority")?,
        region: region(written.region, &mut warnings)?,
        supplier: label(written.supplier, "supplier")?,
        submitted_at: moment(written.submitted_at, "submitted_at")?,
        published: optional_day(written.published, "published")?,
        in_force_from,
        in_force_until,
        retained_basis: text(written.retained_basis, "retained_basis", NOTE_CHARS_MAX)?,
        disclosure: disclosure(written.disclosure)?,
        status: status(written.status)?,
        recourse: text(written.recourse, "recourse", NOTE_CHARS_MAX)?,
    };
    Ok(Validated { record, warnings })
}

fn entry_id(written: Option<&str>) -> Result<EntryId, Fault> {
    let text = required(written, "entry_id")?;
    bounded(text, "entry_id", ENTRY_ID_CHARS_MAX)?;
    if text.chars().any(char::is_control) {
        let reason = "a control character; entry_ids are one line of visible text";
        return Err(Fault::new(FaultCode::BadCharacter, "entry_id", reason));
    }
    if contains_citizen_id(text) {
        return Err(citizen_id_in_text("entry_id"));
    }
    Ok(EntryId(text.into()))
}

/// The entry_id of a record that is left out, where it may be shown.
fn shown_entry_id(root: &Node<'_>) -> Option<Box<str>> {
    let text = root.get("entry_id").and_then(Node::text)?.trim();
    showable(text)
}

/// An entry_id as written, where it may be shown.
pub(super) fn showable(text: &str) -> Option<Box<str>> {
    (!text.is_empty())
        .then(|| entry_id(Some(text)).ok())
        .flatten()
        .map(|entry_id| entry_id.0)
}

fn list<'c>(written: Option<&str>, catalogue: &'c Catalogue) -> Result<&'c List, Fault> {
    let id = required(written, "list")?;
    let index = catalogue.find_list(id).ok_or_else(|| {
        let reason = "no list of the catalogue has this id; use an id of its `lists.tsv`";
        Fault::new(FaultCode::UnknownList, "list", reason)
    })?;
    Ok(catalogue.list(index))
}

/// Decision rules 2.7: a person's record must tell the person from namesakes.
fn subject(
    written: Option<&WrittenParty<'_>>,
    list: &List,
    warnings: &mut Vec<Warning>,
) -> Result<ListedParty, Fault> {
    let written = required(written, "subject")?;
    let before = warnings.len();
    let subject = party::validate(written, warnings).map_err(|fault| fault.within("subject"))?;
    for warning in &mut warnings[before..] {
        warning.field.insert_str(0, "subject.");
    }
    if !list.subjects.include(subject.kind) {
        let reason = format!("the list `{}` does not list this kind of subject", list.id);
        return Err(Fault::new(FaultCode::Contradiction, "subject.kind", reason));
    }
    let unknown = subject.ids.is_empty() && subject.birth_date.is_none();
    if subject.kind == SubjectKind::Person && unknown {
        let reason = "a person needs a full number, one with at least 8 visible characters, or a \
                      birth date: a name alone lists nobody";
        return Err(Fault::new(FaultCode::NoIdentity, "subject", reason));
    }
    Ok(subject)
}

fn related(
    written: &[WrittenParty<'_>],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<ListedParty>, Fault> {
    if written.len() > RELATED_MAX {
        return Err(too_many(RELATED_MAX).within("related"));
    }
    let mut related = Vec::with_capacity(written.len());
    for (place, holder) in written.iter().enumerate() {
        let before = warnings.len();
        let party = party::validate(holder, warnings)
            .map_err(|fault| fault.within_member(place).within("related"))?;
        for warning in &mut warnings[before..] {
            warning.field = format!("related[{place}].{}", warning.field);
        }
        related.push(party);
    }
    Ok(related)
}

fn grade(written: Option<&str>, list: &List) -> Result<Option<Box<str>>, Fault> {
    let Some(grade) = written else {
        return Ok(None);
    };
    if list.grades.iter().any(|known| **known == *grade) {
        return Ok(Some(grade.into()));
    }
    let reason = if list.grades.is_empty() {
        format!("the list `{}` has no grades; leave the field out", list.id)
    } else {
        format!(
            "the list `{}` has the grades {}",
            list.id,
            list.grades.join(", ")
        )
    };
    Err(Fault::new(FaultCode::Grade, "grade", reason))
}

fn region(written: Option<&str>, warnings: &mut Vec<Warning>) -> Result<Option<Box<str>>, Fault> {
    let region = text(written, "region", 50)?;
    let is_code = |text: &str| text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());
    if region
        .as_deref()
        .is_some_and(|region| !is_code(region) || !is_known_division(region.as_bytes()))
    {
        warnings.push(Warning {
            code: WarningCode::UnknownDivision,
            field: "region".to_owned(),
        });
    }
    Ok(region)
}

/// Contract 2.10: a missing attribute is never taken as public.
fn disclosure(written: Option<&str>) -> Result<Disclosure, Fault> {
    Disclosure::parse(required(written, "disclosure")?)
        .ok_or_else(|| unknown_value("disclosure", "`public`, `authorised`, `government`"))
}

/// Absent: in force.
fn status(written: Option<&str>) -> Result<Status, Fault> {
    written.map_or(Ok(Status::InForce), |word| {
        let words = "`in_force`, `held`, `withdrawn`, `repaired`";
        Status::parse(word).ok_or_else(|| unknown_value("status", words))
    })
}

/// A key of cases: refused where it holds a citizen_id, because masking would join other cases.
fn case_no(written: Option<&str>) -> Result<Box<str>, Fault> {
    let written = required(written, "case_no")?;
    bounded(written, "case_no", LABEL_CHARS_MAX)?;
    if contains_citizen_id(written) {
        return Err(citizen_id_in_text("case_no"));
    }
    Ok(written.into())
}

fn label(written: Option<&str>, field: &'static str) -> Result<Box<str>, Fault> {
    let written = required(written, field)?;
    bounded(written, field, LABEL_CHARS_MAX)?;
    Ok(mask_citizen_ids(written).into())
}

/// Free text, a citizen_id in it masked. Contract, section 7.
fn text(
    written: Option<&str>,
    field: &'static str,
    chars_max: usize,
) -> Result<Option<Box<str>>, Fault> {
    let Some(written) = written else {
        return Ok(None);
    };
    bounded(written, field, chars_max)?;
    Ok(Some(mask_citizen_ids(written).into()))
}

fn bounded(text: &str, field: &str, chars_max: usize) -> Result<(), Fault> {
    if text.len() <= chars_max || text.chars().count() <= chars_max {
        return Ok(());
    }
    let reason = format!("longer than {chars_max} characters; shorten it");
    Err(Fault::new(FaultCode::TooLong, field, reason))
}

fn day(text: &str, field: &str) -> Result<Day, Fault> {
    Day::parse(text).ok_or_else(|| bad_date(field))
}

fn optional_day(text: Option<&str>, field: &str) -> Result<Option<Day>, Fault> {
    text.map(|text| day(text, field)).transpose()
}

fn moment(written: Option<&str>, field: &str) -> Result<Moment, Fault> {
    Moment::parse(required(written, field)?).ok_or_else(|| {
        let reason = "not a moment that exists, written as 2016-12-28T09:00:00+08:00; correct it";
        Fault::new(FaultCode::BadDate, field, reason)
    })
}
