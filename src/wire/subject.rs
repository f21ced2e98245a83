//! Who asked about a person, as an auditor asks for it and reads it.
//!
//! In: a body with one number; later what was found. Out: the question with its number parsed, or
//! the first fault with its field, never the value; JSON. Numbers and names stand in no answer.

use super::json::{Members, Node, member};
use super::ops::{optional_text, required_text};
use super::problem::Problem;
use super::request::no_unknown_field;
use crate::decision_log::record::CheckId;
use crate::decision_log::subject::{FoundAs, FoundBy, SubjectAnswer, SubjectFound};
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::model::term::{Day, Moment};
use crate::name::fold::fold;
use serde_json::{Value, json};

/// Answers of one page where the question does not say.
pub const LIMIT: usize = 1_000;
/// Answers of one page at most.
pub const LIMIT_MAX: usize = 10_000;

/// Body of `POST /v1/log/subject`. Not printable: it holds a number in clear.
pub struct SubjectBody {
    /// The number, and for a credit code the organisation code inside it.
    pub numbers: Vec<FullNumber>,
    /// The folded name.
    pub name: Option<String>,
    /// Why somebody wants to know.
    pub reason: String,
    /// The application that asks for it.
    pub reference: Option<String>,
    /// Not before this moment.
    pub from: Option<Moment>,
    /// Before this moment.
    pub until: Option<Moment>,
    /// Only behind this answer.
    pub after: Option<CheckId>,
    /// Answers at most.
    pub limit: usize,
}

const FIELDS: [&str; 8] = [
    "id",
    "name",
    "reason",
    "reference",
    "from",
    "to",
    "after",
    "limit",
];

impl SubjectBody {
    /// From the bytes of a body.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let members = Node::parse_object(body)?;
        no_unknown_field(&members, &FIELDS, &"")?;
        let number = number(&members)?;
        let name = optional_text(&members, "name")?.map(|name| fold(&name));
        let after = optional_text(&members, "after")?.map(|text| {
            let detail = "must be the `next` of an earlier answer";
            CheckId::parse(&text).ok_or_else(|| Problem::invalid("after", detail))
        });
        Ok(Self {
            numbers: numbers_of(number),
            name: name.filter(|name| !name.is_empty()),
            reason: required_text(&members, "reason")?,
            reference: optional_text(&members, "reference")?,
            from: moment(&members, "from", Day::start)?,
            until: moment(&members, "to", Day::end)?,
            after: after.transpose()?,
            limit: limit(&members)?,
        })
    }
}

/// A number, and what else the same organisation is found by.
pub fn numbers_of(number: FullNumber) -> Vec<FullNumber> {
    let inside = number.org_code();
    std::iter::once(number).chain(inside).collect()
}

fn number(members: &Members<'_>) -> Result<FullNumber, Problem> {
    let Some(Node::Object(id)) = member(members, "id") else {
        let detail = "must be an object with `type` and `number`";
        return Err(Problem::invalid("id", detail));
    };
    no_unknown_field(id, &["type", "number"], &"id")?;
    let id_type = member(id, "type").and_then(Node::as_text);
    let id_type = id_type.and_then(IdType::parse);
    let id_type =
        id_type.ok_or_else(|| Problem::invalid("id.type", "there is no such type of number"))?;
    let text = member(id, "number").and_then(Node::as_text);
    let text = text.ok_or_else(|| Problem::invalid("id.number", "the number is missing"))?;
    FullNumber::parse(id_type, text)
        .map_err(|fault| Problem::invalid("id.number", fault.to_string()))
}

fn moment(
    members: &Members<'_>,
    field: &'static str,
    of_day: fn(Day) -> Moment,
) -> Result<Option<Moment>, Problem> {
    let Some(text) = optional_text(members, field)? else {
        return Ok(None);
    };
    let moment = Day::parse(&text)
        .map(of_day)
        .or_else(|| Moment::parse(&text));
    let detail = "must be a day such as 2026-11-22, or a moment such as 2026-11-22T10:00:00+08:00";
    moment
        .map(Some)
        .ok_or_else(|| Problem::invalid(field, detail))
}

fn limit(members: &Members<'_>) -> Result<usize, Problem> {
    match member(members, "limit") {
        None => Ok(LIMIT),
        Some(Node::Int(limit)) if (1..=LIMIT_MAX as i64).contains(limit) => Ok(*limit as usize),
        Some(_) => {
            let detail = format!("must be a whole number from 1 to {LIMIT_MAX}");
            Err(Problem::invalid("limit", detail))
        }
    }
}

/// The answer. `next` is set where there is more.
pub fn found(found: &SubjectFound) -> Value {
    let last = found.answers.last().filter(|_| found.more);
    json!({
        "answers": found.answers.iter().map(answer).collect::<Vec<Value>>(),
        "months_searched": found.months_searched.len(),
        "months_unreadable": found.months_unreadable,
        "next": last.map(|last| last.check.check_id.to_string()),
    })
}

/// One answer.
pub fn answer(answer: &SubjectAnswer) -> Value {
    let check = &answer.check;
    let relied: Vec<Value> = check
        .relied
        .iter()
        .map(|relied| {
            let measures: Vec<&str> = relied.measures.iter().map(|id| &**id).collect();
            json!({
                "entry_id": relied.entry_id,
                "identity": relied.identity.name(),
                "measures": measures,
            })
        })
        .collect();
    json!({
        "check_id": check.check_id.to_string(),
        "moment": check.moment.to_string(),
        "unit": &*check.unit,
        "scenario": &*check.scenario,
        "purpose": check.purpose.as_deref(),
        "decision": check.decision.name(),
        "level": check.level.name(),
        "as": as_word(answer.role),
        "found_by": match answer.by {
            FoundBy::Number => "number",
            FoundBy::Name => "name",
        },
        "relied_on": relied,
        "feedback": answer.feedback.map(|(action, at)| json!({
            "action": action.name(),
            "moment": at.to_string(),
        })),
    })
}

/// As what a check asked about somebody.
pub fn as_word(role: FoundAs) -> &'static str {
    match role {
        FoundAs::Subject => "subject",
        FoundAs::Party => "party",
        FoundAs::Unknown => "subject_or_party",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::synthetic;

    #[track_caller]
    fn refused(body: &str, field: &str) {
        let problem = SubjectBody::parse(body.as_bytes()).err().unwrap();
        assert_eq!(problem.status(), 422, "{body}");
        let text = String::from_utf8(problem.to_body()).unwrap();
        assert!(text.contains(&format!("\"field\":\"{field}\"")), "{text}");
    }

    #[test]
    fn a_body_is_read_and_a_fault_names_its_field_and_no_value() {
        let number = synthetic::citizen_id(990_102, (1980, 3, 7), 123);
        let body = json!({
            "id": {"type": "citizen_id", "number": number}, "name": " 張三丰 ",
            "reason": "application 7", "from": "2026-01-01", "limit": 5
        });
        let read = SubjectBody::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!((read.numbers.len(), read.limit), (1, 5));
        assert_eq!(read.name.as_deref(), Some("张三丰"));
        assert_eq!(read.from, Moment::parse("2026-01-01T00:00:00+08:00"));
        let id = json!({"type": "citizen_id", "number": number});
        for (body, field) in [
            (json!({"reason": "r"}), "id"),
            (json!({"id": id}), "reason"),
            (
                json!({"id": {"type": "mood", "number": "1"}, "reason": "r"}),
                "id.type",
            ),
            (
                json!({"id": {"type": "citizen_id", "number": "99010219****1239"}, "reason": "r"}),
                "id.number",
            ),
            (json!({"id": id, "reason": "r", "limit": 0}), "limit"),
            (json!({"id": id, "reason": "r", "after": "x"}), "after"),
            (json!({"id": id, "reason": "r", "to": "soon"}), "to"),
            (json!({"id": id, "reason": "r", "mood": 1}), "mood"),
        ] {
            refused(&body.to_string(), field);
        }
    }

    #[test]
    fn an_organisation_is_found_by_the_code_inside_its_credit_code_too() {
        let number = synthetic::credit_code("91", 990_105, "MA7K3P2X");
        let number = FullNumber::parse(IdType::CreditCode, &number).unwrap();
        let types: Vec<IdType> = numbers_of(number).iter().map(FullNumber::id_type).collect();
        assert_eq!(types, [IdType::CreditCode, IdType::OrgCode]);
    }
}
