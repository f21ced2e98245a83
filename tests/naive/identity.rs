//! Section 3: the identity of a party with a listed subject or holder, line by line.

use super::question::Asked;
use hecha::identifier::kind::IdType;
use hecha::identifier::mask::ListedNumber;
use hecha::model::decision::Identity;
use hecha::model::entry::ListedParty;
use hecha::model::subject::SubjectKind;
use hecha::model::term::Day;
use hecha::name::fold::fold;
use hecha::name::query::NameQuery;
use hecha::name::similarity::{NameKind, THRESHOLD};

/// A number with its type, full or masked with `*`.
type Number = (IdType, String);

/// Which line decided, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// 3.4, a number is equal.
    Number(Identity),
    /// 3.5, a masked number agrees and the names are equal: probable.
    Mask,
    /// 3.6, names alone: possible.
    Name,
}

impl Line {
    pub fn identity(self) -> Identity {
        match self {
            Self::Number(identity) => identity,
            Self::Mask => Identity::Probable,
            Self::Name => Identity::Possible,
        }
    }
}

/// The first line that decides; `None` is no match.
pub fn line(asked: &Asked, listed: &ListedParty) -> Option<Line> {
    // 3, opening: of the same kind.
    if asked.kind != listed.kind {
        return None;
    }
    let alike = alike(asked, listed);
    let names_equal = alike == Names::Equal;
    let ours = asked_numbers(asked);
    let (full, masked) = listed_numbers(listed);

    // 3.1
    for decisive in [IdType::CitizenId, IdType::CreditCode] {
        match compare(decisive, &ours, &full, &masked) {
            Evidence::Equal => return Some(number_equal(&[decisive], alike)),
            Evidence::Different => return None,
            Evidence::Nothing => {}
        }
    }
    // 3.2
    let our_birth = birth_of(asked.birth_date, &ours);
    let their_birth = birth_of(listed.birth_date, &full);
    if let (Some(one), Some(other)) = (our_birth, their_birth)
        && one != other
    {
        return None;
    }
    if let Some(birth) = our_birth
        && masked.iter().any(|(id_type, text)| {
            *id_type == IdType::CitizenId && !visible_birth_agrees(text, birth)
        })
    {
        return None;
    }
    // 3.3
    let others = IdType::ALL
        .into_iter()
        .filter(|id_type| !matches!(id_type, IdType::CitizenId | IdType::CreditCode));
    let mut equal = Vec::new();
    let mut different = false;
    for other in others {
        match compare(other, &ours, &full, &masked) {
            Evidence::Equal => equal.push(other),
            Evidence::Different => {
                let renewed = our_birth.is_some() && their_birth.is_some();
                if other == IdType::OrgCode || !renewed {
                    different = true;
                }
            }
            Evidence::Nothing => {}
        }
    }
    if !equal.is_empty() {
        return Some(number_equal(&equal, alike));
    }
    if different {
        return None;
    }
    // 3.5
    let agrees = |(id_type, text): &Number| {
        ours.iter()
            .any(|(our_type, number)| our_type == id_type && shows(text, number))
    };
    if names_equal && masked.iter().any(agrees) {
        return Some(Line::Mask);
    }
    // 3.6
    (alike != Names::Different).then_some(Line::Name)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Names {
    Different,
    Similar,
    Equal,
}

/// 3, opening: the best of all names; "similar" is the matcher's judgement on each pair.
fn alike(asked: &Asked, listed: &ListedParty) -> Names {
    let kind = match asked.kind {
        SubjectKind::Person => NameKind::Person,
        SubjectKind::Organisation => NameKind::Organisation,
    };
    let query = NameQuery::parse(kind, &asked.name);
    let judge = |name: String| {
        if name == fold(&asked.name) {
            Names::Equal
        } else if query.compare(&name).score >= THRESHOLD {
            Names::Similar
        } else {
            Names::Different
        }
    };
    names(listed).map(judge).max().unwrap_or(Names::Different)
}

/// 3.4: a similar name agrees with three types of number only.
fn number_equal(types: &[IdType], alike: Names) -> Line {
    let bears_slips = |id_type: &IdType| {
        matches!(
            id_type,
            IdType::CitizenId | IdType::CreditCode | IdType::OrgCode
        )
    };
    Line::Number(match alike {
        Names::Equal => Identity::Identified,
        Names::Similar if types.iter().any(bears_slips) => Identity::Identified,
        Names::Similar | Names::Different => Identity::Possible,
    })
}

enum Evidence {
    Equal,
    Different,
    Nothing,
}

/// Numbers of one type on both sides: equal, else different or disagreeing, else nothing.
fn compare(id_type: IdType, ours: &[Number], full: &[Number], masked: &[Number]) -> Evidence {
    let of_type = |numbers: &[Number]| -> Vec<String> {
        numbers
            .iter()
            .filter(|(other, _)| *other == id_type)
            .map(|(_, text)| text.clone())
            .collect()
    };
    let (ours, full, masked) = (of_type(ours), of_type(full), of_type(masked));
    if ours.is_empty() {
        return Evidence::Nothing;
    }
    if ours.iter().any(|number| full.contains(number)) {
        return Evidence::Equal;
    }
    if !full.is_empty() {
        return Evidence::Different;
    }
    let disagrees = |mask: &String| !ours.iter().any(|number| shows(mask, number));
    if masked.iter().any(disagrees) {
        return Evidence::Different;
    }
    Evidence::Nothing
}

/// Whether the mask has the length of the number and every visible character of it.
pub fn shows(mask: &str, number: &str) -> bool {
    mask.chars().count() == number.chars().count()
        && mask
            .chars()
            .zip(number.chars())
            .all(|(m, n)| m == '*' || m == n)
}

/// Folded name and aliases.
pub fn names(listed: &ListedParty) -> impl Iterator<Item = String> {
    std::iter::once(&listed.name)
        .chain(&listed.aliases)
        .map(|name| fold(name))
}

/// The numbers of a request; a credit code also gives an organisation code.
fn asked_numbers(asked: &Asked) -> Vec<Number> {
    with_org_codes(asked.ids.clone())
}

/// Full and masked numbers of a listed party; masks with fewer than 8 visible characters are
/// absent.
pub fn listed_numbers(listed: &ListedParty) -> (Vec<Number>, Vec<Number>) {
    let mut full = Vec::new();
    let mut masked = Vec::new();
    for id in &listed.ids {
        match id {
            ListedNumber::Full(number) => {
                full.push((number.id_type(), text_of(number.as_bytes())));
            }
            ListedNumber::Masked(number) => {
                let text = text_of(number.as_bytes());
                if text.chars().filter(|c| *c != '*').count() >= 8 {
                    masked.push((number.id_type(), text));
                }
            }
        }
    }
    (with_org_codes(full), masked)
}

fn with_org_codes(mut numbers: Vec<Number>) -> Vec<Number> {
    let inside: Vec<_> = numbers
        .iter()
        .filter(|(id_type, _)| *id_type == IdType::CreditCode)
        .map(|(_, code)| (IdType::OrgCode, code[8..17].to_string()))
        .collect();
    numbers.extend(inside);
    numbers
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("numbers are ASCII")
}

/// From the full citizen_id, else as stated.
pub fn birth_of(stated: Option<Day>, full: &[Number]) -> Option<Day> {
    let citizen = full
        .iter()
        .find(|(id_type, _)| *id_type == IdType::CitizenId);
    match citizen {
        Some((_, number)) => {
            let part = |range: std::ops::Range<usize>| number[range].to_string();
            Day::parse(&format!(
                "{}-{}-{}",
                part(6..10),
                part(10..12),
                part(12..14)
            ))
        }
        None => stated,
    }
}

/// Birth date of a listed party.
pub fn listed_birth(listed: &ListedParty) -> Option<Day> {
    birth_of(listed.birth_date, &listed_numbers(listed).0)
}

fn visible_birth_agrees(mask: &str, birth: Day) -> bool {
    if mask.len() != 18 {
        return true;
    }
    let digits = birth.to_string().replace('-', "");
    shows(&mask[6..14], &digits)
}
