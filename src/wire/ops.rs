//! Bodies of acts and feedback; what operators read of the law.
//!
//! In: bodies, catalogue. Out: what was asked for, or the first fault with its field;
//! JSON for people and consoles. Off the hot path.

use super::json::{Members, Node, member};
use super::problem::Problem;
use super::request::no_unknown_field;
use crate::catalogue::list::Subjects;
use crate::catalogue::measure::Catalogue;
use crate::catalogue::scenario::{Attribute, AttributeKind};
use crate::decision_log::record::{CheckId, FeedbackAction};
use crate::model::decision::ExemptionKind;
use crate::model::subject::{RoleSet, SubjectKind};
use serde::Serialize;

/// Characters of a reason, reference or note at most.
pub const TEXT_CHARS_MAX: usize = 2_000;

/// Body of `POST /v1/feedback`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackBody {
    /// Which answer it is about.
    pub check_id: CheckId,
    /// What was done.
    pub action: FeedbackAction,
    /// Anything else.
    pub note: Option<String>,
}

/// Body of an act that ends an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActBody {
    /// Why.
    pub reason: String,
    /// The document that orders it.
    pub reference: String,
}

impl FeedbackBody {
    /// From the bytes of a body.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let members = Node::parse_object(body)?;
        no_unknown_field(&members, &["check_id", "action", "note"], &"")?;
        let check_id = CheckId::parse(&required_text(&members, "check_id")?)
            .ok_or_else(|| Problem::invalid("check_id", "must be the check_id of an answer"))?;
        let action = required_text(&members, "action")?;
        let action = FeedbackAction::parse(&action).ok_or_else(|| {
            let detail = "must be enforced, released, overridden or abandoned";
            Problem::invalid("action", detail)
        })?;
        let note = optional_text(&members, "note")?;
        Ok(Self {
            check_id,
            action,
            note,
        })
    }
}

impl ActBody {
    /// From the bytes of a body: reason and reference, both required (safeguards S20, S21).
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let members = Node::parse_object(body)?;
        no_unknown_field(&members, &["reason", "reference"], &"")?;
        Ok(Self {
            reason: required_text(&members, "reason")?,
            reference: required_text(&members, "reference")?,
        })
    }
}

/// A text that must be there.
pub(super) fn required_text(members: &Members<'_>, field: &'static str) -> Result<String, Problem> {
    let text = optional_text(members, field)?;
    text.ok_or_else(|| Problem::invalid(field, "is missing or empty"))
}

pub(super) fn optional_text(
    members: &Members<'_>,
    field: &'static str,
) -> Result<Option<String>, Problem> {
    match member(members, field) {
        None => Ok(None),
        Some(Node::Text(text)) if text.chars().nth(TEXT_CHARS_MAX).is_some() => Err(
            Problem::invalid(field, format!("at most {TEXT_CHARS_MAX} characters")),
        ),
        Some(Node::Text(text)) => {
            let text = text.trim();
            Ok((!text.is_empty()).then(|| text.to_owned()))
        }
        Some(_) => Err(Problem::invalid(field, "must be a string")),
    }
}

#[derive(Serialize)]
struct Measures<'a> {
    measures: Vec<MeasureText<'a>>,
}

#[derive(Serialize)]
struct MeasureText<'a> {
    id: &'a str,
    title_en: &'a str,
    title_zh: &'a str,
    list: &'a str,
    scenario: &'a str,
    subject: &'static str,
    extends_to: Vec<&'static str>,
    applicant_roles: Vec<&'static str>,
    condition: &'a str,
    disposition: &'static str,
    force: &'static str,
    exemption: Option<&'static str>,
    term_years: Option<u8>,
    legal_basis: &'a str,
    quote_zh: &'a str,
    switched_on: bool,
}

/// `GET /v1/measures`.
pub fn measures(catalogue: &Catalogue) -> Vec<u8> {
    let measures = catalogue.measures.iter().map(|measure| MeasureText {
        id: &measure.id,
        title_en: &measure.title_en,
        title_zh: &measure.title_zh,
        list: &catalogue.list(measure.list).id,
        scenario: &catalogue.scenario(measure.scenario).id,
        subject: subjects_name(measure.subject),
        extends_to: role_names(measure.extends_to),
        applicant_roles: role_names(measure.applicant_roles),
        condition: &measure.condition_text,
        disposition: measure.disposition.name(),
        force: measure.force.name(),
        exemption: measure.exemption.map(ExemptionKind::name),
        term_years: measure.term_years,
        legal_basis: &measure.legal_basis,
        quote_zh: &measure.quote_zh,
        switched_on: measure.switched_on,
    });
    to_json(&Measures {
        measures: measures.collect(),
    })
}

fn subjects_name(subjects: Subjects) -> &'static str {
    match subjects {
        Subjects::Any => "any",
        Subjects::Only(SubjectKind::Person) => "person",
        Subjects::Only(SubjectKind::Organisation) => "organisation",
    }
}

fn role_names(roles: RoleSet) -> Vec<&'static str> {
    roles.iter().map(|role| role.name()).collect()
}

#[derive(Serialize)]
struct Scenarios<'a> {
    scenarios: Vec<ScenarioText<'a>>,
}

#[derive(Serialize)]
struct ScenarioText<'a> {
    id: &'a str,
    title_en: &'a str,
    title_zh: &'a str,
    who_asks: &'a str,
    attributes: Vec<AttributeText<'a>>,
}

#[derive(Serialize)]
struct AttributeText<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<i64>,
    description: &'a str,
}

/// `GET /v1/scenarios`.
pub fn scenarios(catalogue: &Catalogue) -> Vec<u8> {
    let scenarios = catalogue.scenarios.iter().map(|scenario| ScenarioText {
        id: &scenario.id,
        title_en: &scenario.title_en,
        title_zh: &scenario.title_zh,
        who_asks: &scenario.who_asks,
        attributes: scenario.attributes.iter().map(attribute).collect(),
    });
    to_json(&Scenarios {
        scenarios: scenarios.collect(),
    })
}

fn attribute(attribute: &Attribute) -> AttributeText<'_> {
    let (kind, values, max) = match &attribute.kind {
        AttributeKind::Enum(words) => ("enum", Some(words.iter().map(|w| &**w).collect()), None),
        AttributeKind::Int { max } => ("int", None, (*max < i64::MAX).then_some(*max)),
        AttributeKind::Bool => ("bool", None, None),
        AttributeKind::Text => ("string", None, None),
    };
    AttributeText {
        name: &attribute.name,
        kind,
        required: attribute.required,
        values,
        max,
        description: &attribute.description,
    }
}

/// `GET /readyz` of a gateway that is ready.
pub fn ready(warnings: &[&'static str]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Ready<'a> {
        status: &'static str,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        warnings: &'a [&'static str],
    }
    to_json(&Ready {
        status: "ready",
        warnings,
    })
}

/// The answer of a feedback: what is on record.
pub fn feedback_kept(feedback: &FeedbackBody) -> Vec<u8> {
    #[derive(Serialize)]
    struct Kept<'a> {
        check_id: &'a str,
        action: &'static str,
    }
    to_json(&Kept {
        check_id: &feedback.check_id.to_string(),
        action: feedback.action.name(),
    })
}

/// Body of `POST /v1/clients/reload`.
pub fn clients_reloaded(units: usize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Reloaded {
        units: usize,
    }
    to_json(&Reloaded { units })
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    // INVARIANT: these shapes have text keys only, so writing them cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn faulty<T: std::fmt::Debug>(parsed: Result<T, Problem>, status: u16, field: Option<&str>) {
        let problem = parsed.unwrap_err();
        assert_eq!(
            (problem.status(), problem.field.as_deref()),
            (status, field)
        );
    }

    #[test]
    fn an_act_needs_reason_and_reference() {
        let parse = |body: &str| ActBody::parse(body.as_bytes());
        assert!(parse(r#"{"reason":"wrong person","reference":"doc 1"}"#).is_ok());
        faulty(parse(r#"{"reference":"doc 1"}"#), 422, Some("reason"));
        faulty(
            parse(r#"{"reason":" ","reference":"doc 1"}"#),
            422,
            Some("reason"),
        );
        faulty(parse(r#"{"reason":"a"}"#), 422, Some("reference"));
        faulty(
            parse(r#"{"reason":"a","reference":1}"#),
            422,
            Some("reference"),
        );
        faulty(
            parse(r#"{"reason":"a","reference":"b","x":1}"#),
            422,
            Some("x"),
        );
        faulty(parse("[]"), 400, None);
    }

    #[test]
    fn feedback_knows_four_actions() {
        const ID: &str = "0192f0c1-0000-7000-8000-000000000001";
        let parse = |body: &str| FeedbackBody::parse(body.as_bytes());
        for action in FeedbackAction::ALL {
            let body = format!(r#"{{"check_id":"{ID}","action":"{}"}}"#, action.name());
            assert_eq!(parse(&body).unwrap().action, action);
        }
        faulty(
            parse(r#"{"check_id":"a","action":"enforced"}"#),
            422,
            Some("check_id"),
        );
        let eaten = format!(r#"{{"check_id":"{ID}","action":"eaten"}}"#);
        faulty(parse(&eaten), 422, Some("action"));
        faulty(
            parse(&format!(r#"{{"check_id":"{ID}"}}"#)),
            422,
            Some("action"),
        );
        faulty(parse(r#"{"action":"enforced"}"#), 422, Some("check_id"));
    }

    #[test]
    fn all_measures_and_scenarios_are_listed() {
        let catalogue = crate::catalogue::load::built_in().unwrap();
        let count = |json: &[u8], key: &str| {
            let read: serde_json::Value = serde_json::from_slice(json).unwrap();
            read[key].as_array().unwrap().len()
        };
        assert_eq!(
            count(&measures(&catalogue), "measures"),
            catalogue.measures.len()
        );
        assert_eq!(
            count(&scenarios(&catalogue), "scenarios"),
            catalogue.scenarios.len()
        );
    }
}
