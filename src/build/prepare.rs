//! One record made ready for building: names folded, numbers digested, birth dates as digits.
//!
//! In: a validated record, in clear. Out: nothing from which a number could be read again. This is
//! the slow part and runs on all cores; it knows nothing of other records.

use crate::identifier::digest::DigestKey;
use crate::identifier::kind::IdType;
use crate::identifier::mask::{ListedNumber, MaskPattern};
use crate::model::entry::{ListRecord, ListedParty};
use crate::model::subject::{RoleSet, SubjectKind};
use crate::name::fold::fold;
use crate::snapshot::entries::{BirthDigits, NumberClass};
use smallvec::SmallVec;
use zeroize::Zeroizing;

/// Keys of one build.
#[derive(Clone)]
pub struct BuildKeys {
    /// Of identifier digests.
    pub digest: DigestKey,
    /// Of content MACs.
    pub diff: DigestKey,
}

/// A number without its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreparedNumber {
    /// Keyed digest.
    pub digest: [u8; 16],
    /// Its type.
    pub id_type: IdType,
    /// Its mask, where it has one.
    pub pattern: Option<MaskPattern>,
    /// Whether it is the org_code inside a credit_code.
    pub implied: bool,
}

/// A party ready for building.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedParty {
    /// Person or organisation.
    pub kind: SubjectKind,
    /// Role of a holder.
    pub roles: RoleSet,
    /// Known digits of the birth date.
    pub birth: BirthDigits,
    /// Whether it comes from a full citizen_id or `birth_date`.
    pub birth_known: bool,
    /// Folded name, then folded aliases that differ from it and each other.
    pub names: SmallVec<[String; 1]>,
    /// Its usable numbers, each once.
    pub numbers: SmallVec<[PreparedNumber; 2]>,
}

/// A record ready for building.
#[derive(Debug)]
pub struct Prepared {
    /// The record; its parties' numbers are gone.
    pub record: ListRecord,
    /// Subject, then holders.
    pub parties: Vec<PreparedParty>,
    /// Digest of the folded case_no.
    pub case_digest: [u8; 16],
    /// MAC of its content.
    pub content: [u8; 16],
}

impl Prepared {
    /// Makes a record ready.
    pub fn new(mut record: ListRecord, keys: &BuildKeys) -> Self {
        let content = content_mac(&record, &keys.diff);
        let subject = prepare_party(&record.subject, &keys.digest);
        let holders = record
            .related
            .iter()
            .map(|holder| prepare_party(holder, &keys.digest));
        let parties = std::iter::once(subject).chain(holders).collect();
        let case_digest = keys
            .digest
            .text("case_no", fold(&record.case_no).as_bytes());
        record.subject.ids = Vec::new();
        record.related = Vec::new();
        Self {
            record,
            parties,
            case_digest: case_digest.0,
            content,
        }
    }

    /// What is shown of the subject's decisive number.
    pub fn number_class(&self) -> NumberClass {
        let decisive = self.subject_numbers().filter(|n| n.id_type.is_decisive());
        decisive
            .map(|number| match number.pattern {
                None => NumberClass::Full,
                Some(_) => NumberClass::Masked,
            })
            .max()
            .unwrap_or(NumberClass::None)
    }

    /// Whether the subject has usable numbers of other types.
    pub fn other_numbers(&self) -> bool {
        self.subject_numbers().any(|n| !n.id_type.is_decisive())
    }

    fn subject_numbers(&self) -> impl Iterator<Item = &PreparedNumber> {
        self.parties
            .first()
            .into_iter()
            .flat_map(|party| &party.numbers)
    }
}

fn prepare_party(party: &ListedParty, key: &DigestKey) -> PreparedParty {
    let mut numbers: SmallVec<[PreparedNumber; 2]> = SmallVec::new();
    let mut add = |number: PreparedNumber| {
        match numbers.iter_mut().find(|n| n.digest == number.digest) {
            // Stated beside the credit_code that implies it: stated wins.
            Some(same) => same.implied &= number.implied,
            None => numbers.push(number),
        }
    };
    for number in &party.ids {
        match number {
            ListedNumber::Full(full) => {
                let prepared = |number: &_, id_type, implied| PreparedNumber {
                    digest: key.full(number).0,
                    id_type,
                    pattern: None,
                    implied,
                };
                add(prepared(full, full.id_type(), false));
                if let Some(inside) = full.org_code() {
                    add(prepared(&inside, IdType::OrgCode, true));
                }
            }
            ListedNumber::Masked(masked) if masked.pattern().is_usable() => add(PreparedNumber {
                digest: key.masked(masked).0,
                id_type: masked.id_type(),
                pattern: Some(masked.pattern()),
                implied: false,
            }),
            ListedNumber::Masked(_) => {}
        }
    }
    let (birth, birth_known) = birth_of(party);
    let mut names: SmallVec<[String; 1]> = SmallVec::new();
    for name in std::iter::once(&party.name).chain(&party.aliases) {
        let folded = fold(name);
        if !names.contains(&folded) {
            names.push(folded);
        }
    }
    PreparedParty {
        kind: party.kind,
        roles: party
            .role
            .map_or(RoleSet::EMPTY, |role| RoleSet::EMPTY.with(role)),
        birth,
        birth_known,
        names,
        numbers,
    }
}

/// From the full citizen_id, else as stated, else the visible digits of a masked citizen_id.
fn birth_of(party: &ListedParty) -> (BirthDigits, bool) {
    let inside = party.ids.iter().find_map(|number| match number {
        ListedNumber::Full(full) => full.birth(),
        ListedNumber::Masked(_) => None,
    });
    let inside = inside.and_then(|(y, m, d)| crate::model::term::Day::from_date(y, m, d));
    if let Some(day) = inside.or(party.birth_date) {
        return (BirthDigits::from_day(day), true);
    }
    let seen = party.ids.iter().find_map(|number| match number {
        ListedNumber::Masked(masked) if masked.pattern().is_usable() => masked.birth_digits(),
        _ => None,
    });
    (
        seen.map_or(BirthDigits::UNKNOWN, BirthDigits::from_digits),
        false,
    )
}

/// MAC of all that a record says, in one normal form: equal records have equal MACs in every build
/// under the same master key.
fn content_mac(record: &ListRecord, key: &DigestKey) -> [u8; 16] {
    let mut text = Zeroizing::new(Vec::with_capacity(512));
    put(&mut text, record.entry_id.as_str());
    put(&mut text, &record.list);
    put_party(&mut text, &record.subject);
    put(&mut text, &record.related.len().to_string());
    for holder in &record.related {
        put_party(&mut text, holder);
    }
    put_option(&mut text, record.grade.as_deref());
    put_option(&mut text, record.conduct.as_deref());
    put_option(
        &mut text,
        record.conduct_ended.map(|day| day.to_string()).as_deref(),
    );
    put_option(
        &mut text,
        record
            .able_but_refuses
            .map(|b| if b { "yes" } else { "no" }),
    );
    for stated in [&record.case_no, &record.authority, &record.supplier] {
        put(&mut text, stated);
    }
    put_option(&mut text, record.region.as_deref());
    put(&mut text, &record.submitted_at.0.to_string());
    put_option(
        &mut text,
        record.published.map(|day| day.to_string()).as_deref(),
    );
    put(&mut text, &record.in_force_from.to_string());
    put_option(
        &mut text,
        record.in_force_until.map(|day| day.to_string()).as_deref(),
    );
    put_option(&mut text, record.retained_basis.as_deref());
    put(&mut text, record.disclosure.name());
    put(&mut text, record.status.name());
    put_option(&mut text, record.recourse.as_deref());
    key.text("content", &text).0
}

fn put_party(text: &mut Vec<u8>, party: &ListedParty) {
    put(text, party.kind.name());
    put(text, &party.name);
    let mut aliases: Vec<&str> = party.aliases.iter().map(AsRef::as_ref).collect();
    aliases.sort_unstable();
    put(text, &aliases.len().to_string());
    for alias in aliases {
        put(text, alias);
    }
    let mut numbers: Vec<(&str, &[u8])> = party
        .ids
        .iter()
        .map(|number| match number {
            ListedNumber::Full(full) => (full.id_type().name(), full.as_bytes()),
            ListedNumber::Masked(masked) => (masked.id_type().name(), masked.as_bytes()),
        })
        .collect();
    numbers.sort_unstable();
    put(text, &numbers.len().to_string());
    for (id_type, characters) in numbers {
        put(text, id_type);
        put_bytes(text, characters);
    }
    put_option(text, party.birth_date.map(|day| day.to_string()).as_deref());
    put_option(text, party.role.map(|role| role.name()));
}

fn put_option(text: &mut Vec<u8>, value: Option<&str>) {
    match value {
        None => text.push(0),
        Some(value) => {
            text.push(1);
            put(text, value);
        }
    }
}

fn put(text: &mut Vec<u8>, value: &str) {
    put_bytes(text, value.as_bytes());
}

fn put_bytes(text: &mut Vec<u8>, value: &[u8]) {
    text.extend_from_slice(&(value.len() as u32).to_le_bytes());
    text.extend_from_slice(value);
}
