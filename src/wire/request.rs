//! A body becomes a question: tree to `check::request::Request`, in the order of the rules.
//!
//! In: the body of a check and the catalogue. Out: the request, its purpose and references, or the
//! first fault with the path of the field. Decision rules 1.1 to 1.3: scenario first, then (by the
//! caller) grants, only then the rest. The value at fault is never repeated.
//!
//! HOT: an honest body allocates for its tree, its folded names and little else.

use super::json::{JsonFault, Members, Node, member};
use super::problem::Problem;
use crate::catalogue::measure::Catalogue;
use crate::catalogue::scenario::{
    Attribute, AttributeKind, AttributeValue, AttributeValues, ScenarioIndex,
};
use crate::check::names::kind_of;
use crate::check::request::{NAME_CHARS_MAX, NUMBERS_MAX, Party, PartyFault, RELATED_MAX, Request};
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::model::decision::{AuthorisationKind, ExemptionKind};
use crate::model::subject::{Role, SubjectKind};
use crate::model::term::Day;
use crate::name::query::NameQuery;
use smallvec::SmallVec;
use std::fmt;

/// Characters of a purpose, reference or text attribute at most.
pub const TEXT_CHARS_MAX: usize = 500;

const FIELDS: [&str; 8] = [
    "scenario",
    "attributes",
    "subject",
    "related",
    "purpose",
    "reference",
    "exemption",
    "authorisation",
];
const SUBJECT_FIELDS: [&str; 4] = ["kind", "name", "ids", "birth_date"];
const RELATED_FIELDS: [&str; 5] = ["role", "kind", "name", "ids", "birth_date"];
const ID_FIELDS: [&str; 2] = ["type", "number"];
const GROUND_FIELDS: [&str; 2] = ["kind", "reference"];

/// A body that is a JSON object; nothing else is known of it yet.
#[derive(Debug)]
pub struct Question<'a> {
    pub(super) members: Members<'a>,
}

/// Place of each text attribute in its scenario, and its text as written.
pub type AttributeTexts<'q> = SmallVec<[(u8, &'q str); 1]>;

/// A question that passed: what the check needs, and what the record keeps beside it.
#[derive(Debug)]
pub struct Asked<'q> {
    /// What the check needs.
    pub request: Request,
    /// Names as written, subject first, then `related`.
    pub names: SmallVec<[&'q str; 2]>,
    /// Why the unit asks.
    pub purpose: Option<&'q str>,
    /// The unit's own reference.
    pub reference: Option<&'q str>,
    /// Proof of the exemption.
    pub exemption_reference: Option<&'q str>,
    /// Proof of the authorisation.
    pub authorisation_reference: Option<&'q str>,
    /// Text attributes.
    pub text_attributes: AttributeTexts<'q>,
}

impl<'a> Question<'a> {
    /// From the bytes of a body. Errors: not JSON, not an object, a repeated key, too deep.
    pub fn parse(body: &'a [u8]) -> Result<Self, JsonFault> {
        Node::parse_object(body).map(|members| Self { members })
    }

    /// The scenario: looked at before anything else. Decision rules 1.1.
    pub fn scenario(&self, catalogue: &Catalogue) -> Result<ScenarioIndex, Problem> {
        let word = member(&self.members, "scenario")
            .ok_or_else(|| Problem::invalid("scenario", "the scenario is missing"))?
            .as_text()
            .ok_or_else(|| Problem::invalid("scenario", "the scenario must be a string"))?;
        catalogue.find_scenario(word).ok_or_else(|| {
            Problem::invalid(
                "scenario",
                "there is no such scenario; GET /v1/scenarios lists them",
            )
        })
    }

    /// The purpose, as far as grants look at it.
    pub fn purpose(&self) -> Option<&str> {
        member(&self.members, "purpose").and_then(Node::as_text)
    }

    /// All the rest, once the unit is known to be allowed to ask.
    pub fn complete(
        &self,
        catalogue: &Catalogue,
        scenario: ScenarioIndex,
    ) -> Result<Asked<'_>, Problem> {
        no_unknown_field(&self.members, &FIELDS, &"")?;
        let attributes = &catalogue.scenario(scenario).attributes;
        let (attributes, text_attributes) = self.attributes(attributes)?;
        let mut names = SmallVec::new();
        let subject = match member(&self.members, "subject") {
            Some(node) => party(node, PartyPlace::Subject, &mut names)?,
            None => return Err(Problem::invalid("subject", "the subject is missing")),
        };
        let related = self.related(&mut names)?;
        let purpose = free_text(&self.members, "purpose", "purpose")?;
        let reference = free_text(&self.members, "reference", "reference")?;
        let exemption = self.ground("exemption", ExemptionKind::parse)?;
        let authorisation = self.ground("authorisation", AuthorisationKind::parse)?;
        Ok(Asked {
            request: Request {
                scenario,
                attributes,
                subject,
                related,
                exemption: exemption.map(|(kind, _)| kind),
                authorisation: authorisation.map(|(kind, _)| kind),
            },
            names,
            purpose,
            reference,
            exemption_reference: exemption.map(|(_, reference)| reference),
            authorisation_reference: authorisation.map(|(_, reference)| reference),
            text_attributes,
        })
    }

    fn attributes(
        &self,
        known: &[Attribute],
    ) -> Result<(AttributeValues, AttributeTexts<'_>), Problem> {
        let (values, texts) = self.stated_attributes(known)?;
        let missing = |(attribute, value): &(&Attribute, &Option<AttributeValue>)| {
            attribute.required && value.is_none()
        };
        match known.iter().zip(&values).find(missing) {
            None => Ok((values, texts)),
            Some((attribute, _)) => Err(Problem::invalid(
                format!("attributes.{}", attribute.name),
                "the scenario needs this attribute",
            )),
        }
    }

    /// The attributes that are there, whether or not the scenario needs more.
    pub(super) fn stated_attributes(
        &self,
        known: &[Attribute],
    ) -> Result<(AttributeValues, AttributeTexts<'_>), Problem> {
        let members = match member(&self.members, "attributes") {
            None => &[],
            Some(Node::Object(members)) => members.as_slice(),
            Some(_) => return Err(Problem::invalid("attributes", "must be an object")),
        };
        let mut values: AttributeValues = SmallVec::from_elem(None, known.len());
        let mut texts = SmallVec::new();
        for (key, node) in members {
            let Some(place) = known.iter().position(|attribute| *attribute.name == **key) else {
                let field = format!("attributes.{}", shown_key(key));
                let detail = "the scenario has no such attribute; GET /v1/scenarios lists them";
                return Err(Problem::invalid(field, detail));
            };
            values[place] = attribute_value(&known[place], node)?;
            if let (Some(AttributeValue::Text), Some(text)) = (values[place], node.as_text()) {
                texts.push((place as u8, text));
            }
        }
        Ok((values, texts))
    }

    fn related<'q>(&'q self, names: &mut SmallVec<[&'q str; 2]>) -> Result<Vec<Party>, Problem> {
        let nodes = match member(&self.members, "related") {
            None => return Ok(Vec::new()),
            Some(Node::List(nodes)) => nodes,
            Some(_) => return Err(Problem::invalid("related", "must be an array")),
        };
        if nodes.len() > RELATED_MAX {
            let detail = format!("at most {RELATED_MAX} parties");
            return Err(Problem::invalid("related", detail));
        }
        let numbered = nodes.iter().enumerate();
        numbered
            .map(|(place, node)| party(node, PartyPlace::Related(place), names))
            .collect()
    }

    /// `exemption` or `authorisation`: a kind and a reference, both or neither.
    fn ground<K>(
        &self,
        field: &'static str,
        parse: impl Fn(&str) -> Option<K>,
    ) -> Result<Option<(K, &str)>, Problem> {
        let members = match member(&self.members, field) {
            None => return Ok(None),
            Some(Node::Object(members)) => members,
            Some(_) => return Err(Problem::invalid(field, "must be an object or null")),
        };
        no_unknown_field(members, &GROUND_FIELDS, &field)?;
        let kind_field = || format!("{field}.kind");
        let kind = match member(members, "kind") {
            None => return Err(Problem::invalid(kind_field(), "the kind is missing")),
            Some(node) => node
                .as_text()
                .and_then(parse)
                .ok_or_else(|| Problem::invalid(kind_field(), "there is no such kind"))?,
        };
        let reference_field = format!("{field}.reference");
        match free_text(members, "reference", &reference_field)? {
            Some(reference) => Ok(Some((kind, reference))),
            None => Err(Problem::invalid(
                reference_field,
                "the reference of the proof is missing",
            )),
        }
    }
}

/// Which party of the request; says its path.
#[derive(Clone, Copy)]
enum PartyPlace {
    Subject,
    Related(usize),
}

impl PartyPlace {
    fn fault(self, field: &str, detail: impl Into<String>) -> Problem {
        Problem::invalid(format!("{self}.{field}"), detail)
    }

    fn id_fault(self, place: usize, field: &str, detail: impl Into<String>) -> Problem {
        Problem::invalid(format!("{self}.ids[{place}].{field}"), detail)
    }
}

impl fmt::Display for PartyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => f.write_str("subject"),
            Self::Related(place) => write!(f, "related[{place}]"),
        }
    }
}

fn party<'q>(
    node: &'q Node<'_>,
    place: PartyPlace,
    names: &mut SmallVec<[&'q str; 2]>,
) -> Result<Party, Problem> {
    let Node::Object(members) = node else {
        return Err(Problem::invalid(place.to_string(), "must be an object"));
    };
    let fields: &[&str] = match place {
        PartyPlace::Subject => &SUBJECT_FIELDS,
        PartyPlace::Related(_) => &RELATED_FIELDS,
    };
    no_unknown_field(members, fields, &place)?;
    let role = match member(members, "role") {
        None => None,
        Some(node) => Some(
            node.as_text()
                .and_then(Role::parse)
                .ok_or_else(|| place.fault("role", "there is no such role"))?,
        ),
    };
    let kind = member(members, "kind")
        .ok_or_else(|| place.fault("kind", "the kind is missing"))?
        .as_text()
        .and_then(SubjectKind::parse)
        .ok_or_else(|| place.fault("kind", "must be `person` or `organisation`"))?;
    let (name, parsed) = party_name(members, kind, place)?;
    let numbers = party_numbers(members, kind, place)?;
    let birth_date = party_birth_date(members, kind, place)?;
    names.push(name);
    Party::new(kind, parsed, numbers, birth_date, role).map_err(|fault| match fault {
        PartyFault::TwoNumbers { later } => place.id_fault(later, "number", fault.to_string()),
        PartyFault::TypeOfOtherKind { place: id } => place.id_fault(id, "type", fault.to_string()),
        PartyFault::BirthDate => place.fault("birth_date", fault.to_string()),
    })
}

fn party_name<'q>(
    members: &'q Members<'_>,
    kind: SubjectKind,
    place: PartyPlace,
) -> Result<(&'q str, NameQuery), Problem> {
    let name = member(members, "name")
        .ok_or_else(|| place.fault("name", "the name is missing"))?
        .as_text()
        .ok_or_else(|| place.fault("name", "must be a string"))?;
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        let detail = format!("at most {NAME_CHARS_MAX} characters");
        return Err(place.fault("name", detail));
    }
    let parsed = NameQuery::parse(kind_of(kind), name);
    if parsed.folded().is_empty() {
        return Err(place.fault("name", "the name is empty"));
    }
    Ok((name, parsed))
}

fn party_numbers(
    members: &Members<'_>,
    kind: SubjectKind,
    place: PartyPlace,
) -> Result<SmallVec<[FullNumber; 2]>, Problem> {
    let nodes = match member(members, "ids") {
        None => return Ok(SmallVec::new()),
        Some(Node::List(nodes)) => nodes,
        Some(_) => return Err(place.fault("ids", "must be an array")),
    };
    if nodes.len() > NUMBERS_MAX {
        return Err(place.fault("ids", format!("at most {NUMBERS_MAX} numbers")));
    }
    let numbered = nodes.iter().enumerate();
    numbered
        .map(|(id, node)| party_number(node, kind, place, id))
        .collect()
}

fn party_number(
    node: &Node<'_>,
    kind: SubjectKind,
    place: PartyPlace,
    id: usize,
) -> Result<FullNumber, Problem> {
    let Node::Object(members) = node else {
        return Err(place.fault(&format!("ids[{id}]"), "must be an object"));
    };
    no_unknown_field(members, &ID_FIELDS, &format_args!("{place}.ids[{id}]"))?;
    let id_type = member(members, "type")
        .ok_or_else(|| place.id_fault(id, "type", "the type is missing"))?
        .as_text()
        .and_then(IdType::parse)
        .ok_or_else(|| place.id_fault(id, "type", "there is no such type of number"))?;
    if id_type.of_person() != (kind == SubjectKind::Person) {
        let detail = PartyFault::TypeOfOtherKind { place: id }.to_string();
        return Err(place.id_fault(id, "type", detail));
    }
    let text = member(members, "number")
        .ok_or_else(|| place.id_fault(id, "number", "the number is missing"))?
        .as_text()
        .ok_or_else(|| place.id_fault(id, "number", "must be a string"))?;
    FullNumber::parse(id_type, text)
        .map_err(|fault| place.id_fault(id, "number", fault.to_string()))
}

fn party_birth_date(
    members: &Members<'_>,
    kind: SubjectKind,
    place: PartyPlace,
) -> Result<Option<Day>, Problem> {
    let Some(node) = member(members, "birth_date") else {
        return Ok(None);
    };
    if kind == SubjectKind::Organisation {
        return Err(place.fault("birth_date", "an organisation has no birth date"));
    }
    let day = node.as_text().and_then(Day::parse);
    day.map(Some)
        .ok_or_else(|| place.fault("birth_date", "must be a date such as 1980-03-07"))
}

fn attribute_value(
    attribute: &Attribute,
    node: &Node<'_>,
) -> Result<Option<AttributeValue>, Problem> {
    let fault = |detail: String| {
        Err(Problem::invalid(
            format!("attributes.{}", attribute.name),
            detail,
        ))
    };
    let value = match (&attribute.kind, node) {
        (_, Node::Null) => return Ok(None),
        (AttributeKind::Enum(words), Node::Text(text)) => {
            match words.iter().position(|word| **word == **text) {
                Some(place) => AttributeValue::Enum(place as u8),
                None => return fault(format!("must be one of {}", words.join(", "))),
            }
        }
        (AttributeKind::Enum(words), _) => {
            return fault(format!("must be one of {}", words.join(", ")));
        }
        (AttributeKind::Int { max }, Node::Int(value)) if (0..=*max).contains(value) => {
            AttributeValue::Int(*value)
        }
        (AttributeKind::Int { max: i64::MAX }, _) => {
            return fault("must be a whole number, 0 or more".to_owned());
        }
        (AttributeKind::Int { max }, _) => {
            return fault(format!("must be a whole number from 0 to {max}"));
        }
        (AttributeKind::Bool, Node::Bool(value)) => AttributeValue::Bool(*value),
        (AttributeKind::Bool, _) => return fault("must be true or false".to_owned()),
        (AttributeKind::Text, Node::Text(text)) if text.trim().is_empty() => return Ok(None),
        (AttributeKind::Text, Node::Text(text)) => {
            if text.chars().nth(TEXT_CHARS_MAX).is_some() {
                return fault(format!("at most {TEXT_CHARS_MAX} characters"));
            }
            AttributeValue::Text
        }
        (AttributeKind::Text, _) => return fault("must be a string".to_owned()),
    };
    Ok(Some(value))
}

/// A text that may be absent; blank is absent.
pub(super) fn free_text<'q>(
    members: &'q Members<'_>,
    key: &str,
    field: &str,
) -> Result<Option<&'q str>, Problem> {
    match member(members, key) {
        None => Ok(None),
        Some(Node::Text(text)) if text.chars().nth(TEXT_CHARS_MAX).is_some() => Err(
            Problem::invalid(field, format!("at most {TEXT_CHARS_MAX} characters")),
        ),
        Some(Node::Text(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(Problem::invalid(field, "must be a string")),
    }
}

/// Errors: the first key that is not among `known`. `parent` is the path of the object, "" the top.
pub fn no_unknown_field(
    members: &Members<'_>,
    known: &[&str],
    parent: &dyn fmt::Display,
) -> Result<(), Problem> {
    match members
        .iter()
        .find(|(key, _)| !known.contains(&key.as_ref()))
    {
        None => Ok(()),
        Some((key, _)) => {
            let parent = parent.to_string();
            let dot = if parent.is_empty() { "" } else { "." };
            let field = format!("{parent}{dot}{}", shown_key(key));
            let detail = format!("there is no such field; known are {}", known.join(", "));
            Err(Problem::invalid(field, detail))
        }
    }
}

/// A caller's key as far as it may be repeated: a number sent as a key must not come back.
pub fn shown_key(key: &str) -> &str {
    const CHARS_MAX: usize = 64;
    const DIGITS_MAX: usize = 5;
    let digits = |word: &str| word.chars().filter(|c| c.is_numeric()).count();
    let fits = key.chars().nth(CHARS_MAX).is_none()
        && digits(key) <= DIGITS_MAX
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.".contains(c));
    if fits { key } else { "?" }
}
