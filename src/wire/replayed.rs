//! A request back from the form that its record seals: what `normalised` writes, read again.
//!
//! In: bytes of format 1 or 3, the catalogue they were written under, the scenario of the record.
//! Out: the request, equal to the one that was asked as far as a decision depends on it; `None`
//! where the bytes make no sense. A scan's text comes back masked. Texts of references and
//! attributes are passed over.

use crate::catalogue::measure::Catalogue;
use crate::catalogue::scenario::{AttributeKind, AttributeValue, AttributeValues, ScenarioIndex};
use crate::check::names::kind_of;
use crate::check::request::{NUMBERS_MAX, Party, RELATED_MAX, Request};
use crate::decision_log::codec;
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::model::decision::{AuthorisationKind, ExemptionKind};
use crate::model::subject::{Role, SubjectKind};
use crate::model::term::Day;
use crate::name::query::NameQuery;
use crate::wire::normalised::{FORMAT, Opening};
use smallvec::SmallVec;

/// What was asked, of either kind.
pub enum Logged<'a> {
    /// A check.
    Check(Box<Request>),
    /// A scan, citizen numbers in its text masked.
    Scan(&'a str, AttributeValues),
    /// A scan of a text that was too long to be kept.
    LongScan,
}

/// Reads a normalised request or scan; `None` where the bytes make no sense.
pub fn read_logged<'a>(
    bytes: &'a [u8],
    catalogue: &Catalogue,
    scenario: ScenarioIndex,
) -> Option<Logged<'a>> {
    let mut opening = codec::Fields::new(bytes);
    if Opening::read(&mut opening)?.format == FORMAT {
        let request = read(bytes, catalogue, scenario)?;
        return Some(Logged::Check(Box::new(request)));
    }
    let mut fields = Fields(opening.rest());
    if fields.byte()? != 0 {
        return Some(Logged::LongScan);
    }
    let text = fields.text()?;
    let attributes = fields.attributes(catalogue, scenario)?;
    Some(Logged::Scan(text, attributes))
}

/// Reads a normalised request.
pub fn read(bytes: &[u8], catalogue: &Catalogue, scenario: ScenarioIndex) -> Option<Request> {
    let mut opening = codec::Fields::new(bytes);
    if Opening::read(&mut opening)?.format != FORMAT {
        return None;
    }
    let mut fields = Fields(opening.rest());
    let attributes = fields.attributes(catalogue, scenario)?;
    let parties = fields.number()?;
    if parties == 0 || parties > 1 + RELATED_MAX as u64 {
        return None;
    }
    let subject = fields.party()?;
    let related: Option<Vec<Party>> = (1..parties).map(|_| fields.party()).collect();
    let exemption = match fields.byte()?.checked_sub(1) {
        None => None,
        Some(place) => Some(*ExemptionKind::ALL.get(usize::from(place))?),
    };
    fields.bytes()?;
    let authorisation = match fields.byte()? {
        0 => None,
        1 => Some(AuthorisationKind::Consent),
        2 => Some(AuthorisationKind::Approval),
        _ => return None,
    };
    fields.bytes()?;
    fields.bytes()?;
    Some(Request {
        scenario,
        attributes,
        subject,
        related: related?,
        exemption,
        authorisation,
    })
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn attributes(
        &mut self,
        catalogue: &Catalogue,
        scenario: ScenarioIndex,
    ) -> Option<AttributeValues> {
        let known = &catalogue.scenario(scenario).attributes;
        let mut values: AttributeValues = SmallVec::from_elem(None, known.len());
        for _ in 0..self.number()? {
            let place = usize::from(self.byte()?);
            let value = match (self.byte()?, &known.get(place)?.kind) {
                (0, AttributeKind::Enum(words)) => {
                    let word = self.byte()?;
                    words.get(usize::from(word))?;
                    AttributeValue::Enum(word)
                }
                (1, AttributeKind::Int { .. }) => {
                    AttributeValue::Int(i64::try_from(self.number()?).ok()?)
                }
                (2, AttributeKind::Bool) => AttributeValue::Bool(self.byte()? != 0),
                (3, AttributeKind::Text) => {
                    self.bytes()?;
                    AttributeValue::Text
                }
                _ => return None,
            };
            *values.get_mut(place)? = Some(value);
        }
        Some(values)
    }

    fn party(&mut self) -> Option<Party> {
        let flags = self.byte()?;
        let kind = match flags & 1 {
            0 => SubjectKind::Person,
            _ => SubjectKind::Organisation,
        };
        let role = match (flags >> 2 & 7).checked_sub(1) {
            None => None,
            Some(place) => Some(*Role::ALL.get(usize::from(place))?),
        };
        let name = NameQuery::parse(kind_of(kind), self.text()?);
        let count = self.number()?;
        if count > NUMBERS_MAX as u64 {
            return None;
        }
        let mut numbers = SmallVec::new();
        for _ in 0..count {
            let id_type = IdType::from_u8(self.byte()?)?;
            numbers.push(FullNumber::parse(id_type, self.text()?).ok()?);
        }
        let birth = match flags >> 1 & 1 {
            0 => None,
            _ => Some(Day(i32::from_le_bytes(self.array()?))),
        };
        Party::new(kind, name, numbers, birth, role).ok()
    }

    fn array(&mut self) -> Option<[u8; 4]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::super::normalised;
    use super::super::request::Question;
    use super::*;
    use proptest::prelude::*;

    const BODIES: [&str; 2] = [
        r#"{"scenario":"rail.ticket",
            "attributes":{"train_class":"G","seat_class":"second","necessity_ref":"paper 7"},
            "subject":{"kind":"person","name":" 张三丰 ",
                       "ids":[{"type":"citizen_id","number":"990102 198003071239"}]},
            "exemption":{"kind":"court_permit","reference":"permit 9"},
            "authorisation":{"kind":"consent","reference":"paper 8"},
            "reference":"order 123"}"#,
        r#"{"scenario":"rail.ticket",
            "attributes":{"train_class":"G","seat_class":"second"},
            "subject":{"kind":"person","name":"李四","birth_date":"1990-02-03"},
            "related":[{"role":"legal_representative","kind":"organisation","name":"甲有限公司"},
                       {"kind":"person","name":"王五"}]}"#,
    ];

    fn sealed(body: &str, operator: Option<&str>, catalogue: &Catalogue) -> (Vec<u8>, Request) {
        let question = Question::parse(body.as_bytes()).unwrap();
        let scenario = question.scenario(catalogue).unwrap();
        let asked = question.complete(catalogue, scenario).unwrap();
        let mut out = Vec::new();
        normalised::write(&mut out, &asked, operator);
        (out, asked.request)
    }

    #[test]
    fn a_request_comes_back_as_it_was_asked() {
        let catalogue = crate::catalogue::load::built_in().unwrap();
        for (body, operator) in BODIES.into_iter().zip([None, Some("window 3")]) {
            let (bytes, asked) = sealed(body, operator, &catalogue);
            assert_eq!(normalised::operator(&bytes), operator);
            let read = read(&bytes, &catalogue, asked.scenario).unwrap();
            assert_eq!(read.attributes, asked.attributes);
            assert_eq!(read.exemption, asked.exemption);
            assert_eq!(read.authorisation, asked.authorisation);
            assert_eq!(read.related.len(), asked.related.len());
            let parties = std::iter::once(&read.subject).chain(&read.related);
            let wanted = std::iter::once(&asked.subject).chain(&asked.related);
            for (read, asked) in parties.zip(wanted) {
                assert_eq!((read.kind, read.role), (asked.kind, asked.role));
                assert_eq!(read.birth, asked.birth);
                assert_eq!(read.name.folded(), asked.name.folded());
                assert_eq!(read.numbers, asked.numbers);
            }
        }
    }

    #[test]
    fn half_a_request_is_none() {
        let catalogue = crate::catalogue::load::built_in().unwrap();
        let (bytes, asked) = sealed(BODIES[0], Some("window 3"), &catalogue);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end], &catalogue, asked.scenario).is_none());
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(mut bytes: Vec<u8>, starts_well: bool) {
            let catalogue = crate::catalogue::load::built_in().unwrap();
            if starts_well {
                bytes.insert(0, FORMAT);
            }
            let scenario = catalogue.find_scenario("rail.ticket").unwrap();
            let _ = read(&bytes, &catalogue, scenario);
        }
    }
}
