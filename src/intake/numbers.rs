//! The numbers of one party, and what birth date and gender they tell.
//!
//! In: numbers as written. Out: parsed numbers, each once, or the first that is bad or contradicts
//! an earlier one. Masked numbers with fewer than 8 visible characters count as absent and are
//! dropped here. Decision rules 1.3 and 2.7. Never says a number: faults name its place.

use super::fault::{
    Fault, FaultCode, Warning, WarningCode, bad_date, required, too_many, unknown_value,
};
use super::record::WrittenId;
use crate::identifier::document::FullNumber;
use crate::identifier::fault::NumberFault;
use crate::identifier::kind::IdType;
use crate::identifier::mask::{ListedNumber, MaskedNumber};
use crate::model::subject::SubjectKind;
use crate::model::term::Day;

/// Numbers of one party at most.
pub const NUMBERS_MAX: usize = 16;
/// Nobody listed was born earlier; as in citizen numbers.
const BIRTH_YEAR_MIN: i16 = 1800;

/// A number and its place in the party's `ids`.
pub struct Placed {
    /// Place in `ids`, from 0.
    pub place: usize,
    /// The number.
    pub number: ListedNumber,
}

impl Placed {
    fn full(&self, id_type: IdType) -> Option<&FullNumber> {
        match &self.number {
            ListedNumber::Full(full) if full.id_type() == id_type => Some(full),
            _ => None,
        }
    }

    fn masked(&self, id_type: IdType) -> Option<&MaskedNumber> {
        match &self.number {
            ListedNumber::Masked(masked) if masked.id_type() == id_type => Some(masked),
            _ => None,
        }
    }

    fn contradiction(&self, reason: &'static str) -> Fault {
        let field = format!("ids[{}].number", self.place);
        Fault::new(FaultCode::Contradiction, field, reason)
    }
}

/// Parsed numbers of a party: usable ones, each once, none contradicting another.
pub fn parse_all(
    kind: SubjectKind,
    ids: &[WrittenId<'_>],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Placed>, Fault> {
    if ids.len() > NUMBERS_MAX {
        return Err(too_many(NUMBERS_MAX).within("ids"));
    }
    let mut numbers: Vec<Placed> = Vec::with_capacity(ids.len());
    for (place, id) in ids.iter().enumerate() {
        let number = number(kind, id).map_err(|fault| fault.within_member(place).within("ids"))?;
        let usable = match &number {
            ListedNumber::Full(_) => true,
            ListedNumber::Masked(masked) => masked.pattern().is_usable(),
        };
        if !usable || numbers.iter().any(|earlier| earlier.number == number) {
            continue;
        }
        if !division_is_known(&number) {
            warnings.push(Warning {
                code: WarningCode::UnknownDivision,
                field: format!("ids[{place}].number"),
            });
        }
        numbers.push(Placed { place, number });
    }
    check_agreement(&numbers)?;
    Ok(numbers)
}

fn number(kind: SubjectKind, id: &WrittenId<'_>) -> Result<ListedNumber, Fault> {
    let id_type = required(id.id_type, "type")?;
    let id_type = IdType::parse(id_type).ok_or_else(|| {
        let words: Vec<&str> = IdType::ALL.into_iter().map(IdType::name).collect();
        unknown_value("type", &words.join(", "))
    })?;
    if id_type.of_person() != (kind == SubjectKind::Person) {
        let reason = "this type of number does not belong to this kind of subject; correct either";
        return Err(Fault::new(FaultCode::IdTypeOfOtherKind, "type", reason));
    }
    let text = required(id.number, "number")?;
    ListedNumber::parse(id_type, text).map_err(number_fault)
}

fn number_fault(fault: NumberFault) -> Fault {
    let (code, reason) = match fault {
        NumberFault::Empty => (
            FaultCode::MissingField,
            "nothing but separators; fill it in or leave the number out",
        ),
        NumberFault::Length => (
            FaultCode::BadLength,
            "not the length of its type; correct it at the source of the list",
        ),
        NumberFault::Character | NumberFault::Masked => (
            FaultCode::BadCharacter,
            "a character its type cannot have; correct it at the source of the list",
        ),
        NumberFault::Date => (
            FaultCode::BadDate,
            "the birth date inside does not exist; correct it at the source of the list",
        ),
        NumberFault::Check => (
            FaultCode::BadCheckCharacter,
            "the check character does not fit; correct it at the source of the list",
        ),
    };
    Fault::new(code, "number", reason)
}

fn division_is_known(number: &ListedNumber) -> bool {
    let text = match number {
        ListedNumber::Full(full) => full.as_bytes(),
        ListedNumber::Masked(masked) => masked.as_bytes(),
    };
    let code = match number.id_type() {
        IdType::CitizenId => &text[..2],
        IdType::CreditCode => &text[2..4],
        _ => return true,
    };
    code.contains(&b'*') || is_known_division(code)
}

/// Whether no number contradicts an earlier one.
fn check_agreement(numbers: &[Placed]) -> Result<(), Fault> {
    for (later, number) in numbers.iter().enumerate() {
        for earlier in &numbers[..later] {
            if decisive_disagree(earlier, number) {
                return Err(number.contradiction(
                    "differs from another number of a type of which a party has one; keep the \
                     right one",
                ));
            }
            if org_codes_disagree(earlier, number) || org_codes_disagree(number, earlier) {
                return Err(number.contradiction(
                    "the org_code differs from the one inside the credit_code; keep the right one",
                ));
            }
        }
    }
    Ok(())
}

/// Two numbers of one decisive type that cannot be the same number.
fn decisive_disagree(a: &Placed, b: &Placed) -> bool {
    let id_type = a.number.id_type();
    if id_type != b.number.id_type() || !id_type.is_decisive() {
        return false;
    }
    match (&a.number, &b.number) {
        (ListedNumber::Full(a), ListedNumber::Full(b)) => a != b,
        (ListedNumber::Full(full), ListedNumber::Masked(masked))
        | (ListedNumber::Masked(masked), ListedNumber::Full(full)) => !agrees(masked, full),
        (ListedNumber::Masked(a), ListedNumber::Masked(b)) => {
            a.as_bytes().len() == b.as_bytes().len() && visible_differ(a.as_bytes(), b.as_bytes())
        }
    }
}

/// Whether the mask can hide this number, also in the 15 digits it may once have had.
fn agrees(masked: &MaskedNumber, full: &FullNumber) -> bool {
    let text = full.as_bytes();
    if masked.id_type() == IdType::CitizenId && masked.as_bytes().len() == 15 {
        let short = [&text[..6], &text[8..17]].concat();
        return &text[6..8] == b"19" && !visible_differ(masked.as_bytes(), &short);
    }
    masked.agrees_with(full)
}

/// `code` is a credit_code, `org` an org_code, and the latter is not inside the former.
fn org_codes_disagree(code: &Placed, org: &Placed) -> bool {
    let org = match (org.full(IdType::OrgCode), org.masked(IdType::OrgCode)) {
        (Some(full), _) => full.as_bytes(),
        (_, Some(masked)) => masked.as_bytes(),
        _ => return false,
    };
    let code = match (
        code.full(IdType::CreditCode),
        code.masked(IdType::CreditCode),
    ) {
        (Some(full), _) => full.as_bytes(),
        (_, Some(masked)) => masked.as_bytes(),
        _ => return false,
    };
    visible_differ(&code[8..17], org)
}

/// Whether two texts of one length differ where both are visible.
fn visible_differ(a: &[u8], b: &[u8]) -> bool {
    let visible = |c: u8| c != b'*';
    a.iter()
        .zip(b)
        .any(|(a, b)| a != b && visible(*a) && visible(*b))
}

/// Birth date of the party: from a full citizen_id, else as stated.
pub fn birth_date(
    kind: SubjectKind,
    stated: Option<&str>,
    numbers: &[Placed],
) -> Result<Option<Day>, Fault> {
    let contradiction =
        |reason: &'static str| Fault::new(FaultCode::Contradiction, "birth_date", reason);
    let stated = match stated {
        None => None,
        Some(_) if kind == SubjectKind::Organisation => {
            return Err(contradiction(
                "an organisation has no birth date; remove it",
            ));
        }
        Some(text) => Some(birth_day(text)?),
    };
    for placed in numbers {
        if let Some(full) = placed.full(IdType::CitizenId) {
            let inside = full
                .birth()
                .and_then(|(year, month, day)| Day::from_date(year, month, day));
            if stated.is_some() && stated != inside {
                return Err(contradiction(
                    "differs from the birth date inside the citizen_id; correct either",
                ));
            }
            return Ok(inside);
        }
    }
    let masked = numbers
        .iter()
        .find_map(|placed| placed.masked(IdType::CitizenId));
    match (stated, masked.and_then(MaskedNumber::birth_digits)) {
        (Some(day), Some(digits)) if !fits(day, &digits) => Err(contradiction(
            "differs from the visible birth digits of the citizen_id; correct either",
        )),
        _ => Ok(stated),
    }
}

fn birth_day(text: &str) -> Result<Day, Fault> {
    Day::parse(text)
        .filter(|day| day.date().0 >= BIRTH_YEAR_MIN)
        .ok_or_else(|| bad_date("birth_date"))
}

fn fits(day: Day, digits: &[Option<u8>; 8]) -> bool {
    let (year, month, of_month) = day.date();
    let mut rest = i32::from(year) * 10_000 + i32::from(month) * 100 + i32::from(of_month);
    digits.iter().rev().all(|seen| {
        let digit = (rest % 10) as u8;
        rest /= 10;
        seen.is_none_or(|seen| seen == digit)
    })
}

/// Whether the stated gender is a word of the contract and agrees with the citizen_id.
pub fn check_gender(
    kind: SubjectKind,
    gender: Option<&str>,
    numbers: &[Placed],
) -> Result<(), Fault> {
    let Some(gender) = gender else {
        return Ok(());
    };
    let male = match gender {
        "male" => true,
        "female" => false,
        _ => return Err(unknown_value("gender", "`male` or `female`")),
    };
    let contradiction =
        |reason: &'static str| Fault::new(FaultCode::Contradiction, "gender", reason);
    if kind == SubjectKind::Organisation {
        return Err(contradiction("an organisation has no gender; remove it"));
    }
    let inside = numbers.iter().find_map(|placed| match &placed.number {
        ListedNumber::Full(full) => full.is_male(),
        ListedNumber::Masked(masked) => masked.is_male(),
    });
    match inside {
        Some(inside) if inside != male => Err(contradiction(
            "contradicts the 17th digit of the citizen_id; correct either",
        )),
        _ => Ok(()),
    }
}

/// Whether the first two digits of a division code are a province's, a special region's, or a
/// prefix that GB/T 2260 never assigned and synthetic data use.
///
/// The table of divisions itself is not shipped: old codes stay valid in old numbers, so an
/// unknown county is no evidence of a fault. 10 stands for the whole country in credit codes.
pub fn is_known_division(code: &[u8]) -> bool {
    let [tens, ones, ..] = code else {
        return false;
    };
    matches!(
        (tens, ones),
        (b'1', b'0'..=b'5')
            | (b'2', b'1'..=b'3')
            | (b'3', b'1'..=b'7')
            | (b'4', b'1'..=b'6')
            | (b'5', b'0'..=b'4')
            | (b'6', b'1'..=b'5')
            | (b'7', b'1')
            | (b'8', b'1'..=b'3')
            | (b'1'..=b'7' | b'9', b'9')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn province_prefixes_and_never_assigned_ones_are_known() {
        for known in ["11", "35", "46", "71", "82", "19", "99", "10"] {
            assert!(is_known_division(known.as_bytes()), "{known}");
        }
        for unknown in ["", "1", "00", "16", "38", "72", "90", "89", "x1"] {
            assert!(!is_known_division(unknown.as_bytes()), "{unknown}");
        }
    }
}
