//! Records of the log as auditors read them: open parts alone, the sealed part only by its length.
//!
//! In: records. Out: JSON, the same from the command and over HTTP. People stand here as keyed
//! digests; a purpose is shown with citizen numbers masked, as it was recorded.

use crate::decision_log::entry::{CheckRecord, EventRecord, FeedbackRecord, Record};
use crate::decision_log::query::Filter;
use crate::decision_log::record::CheckId;
use crate::model::decision::Decision;
use crate::model::term::{Day, Moment};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Which records are wanted, in the words of a caller; all that is given must hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// A check, feedback on it, events that concern it.
    pub check_id: Option<&'a str>,
    /// Records of one unit.
    pub unit: Option<&'a str>,
    /// Not before this moment or day.
    pub from: Option<&'a str>,
    /// Before this moment, or to the end of this day.
    pub to: Option<&'a str>,
    /// Answers that relied on this entry, and acts on it.
    pub entry: Option<&'a str>,
}

/// A word that says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {what}")]
pub struct WantedFault {
    /// Which one.
    pub field: &'static str,
    /// What to write.
    pub what: &'static str,
}

impl Wanted<'_> {
    /// What they mean. Errors: a check_id or moment that is none.
    pub fn filter(&self) -> Result<Filter, WantedFault> {
        let fault = |field, what| WantedFault { field, what };
        let check_id = self.check_id.map(|text| {
            let what = "write the check_id of an answer";
            CheckId::parse(text).ok_or(fault("check_id", what))
        });
        let moment = |field, text, edge: fn(Day) -> Moment| {
            let what = "write a day such as 2026-11-22, or a moment such as \
                        2026-11-22T10:00:00+08:00";
            let day = Day::parse(text).map(edge);
            day.or_else(|| Moment::parse(text))
                .ok_or(fault(field, what))
        };
        let from = self.from.map(|text| moment("from", text, Day::start));
        let until = self.to.map(|text| moment("to", text, Day::end));
        Ok(Filter {
            check_id: check_id.transpose()?,
            unit: self.unit.map(Into::into),
            from: from.transpose()?,
            until: until.transpose()?,
            entry_id: self.entry.map(Into::into),
        })
    }
}

/// One record.
pub fn record(record: &Record) -> Value {
    match record {
        Record::Check(check) => check_json(check),
        Record::Feedback(said) => feedback_json(said),
        Record::Event(event) => event_json(event),
    }
}

fn check_json(check: &CheckRecord) -> Value {
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
    let others: Vec<String> = check.others.iter().map(|digest| hex(&digest.0)).collect();
    json!({
        "kind": "check",
        "position": check.position.0,
        "check_id": check.check_id.to_string(),
        "moment": check.moment.to_string(),
        "unit": &*check.unit,
        "scenario": &*check.scenario,
        "purpose": check.purpose.as_deref(),
        "decision": check.decision.name(),
        "level": check.level.name(),
        "language": check.language.tag(),
        "relied_on": relied,
        "snapshot": hex(&check.context.snapshot),
        "catalogue": hex(&check.context.catalogue),
        "policy": hex(&check.context.policy),
        "overlay_sequence": check.context.overlay_sequence,
        "engine": &*check.context.engine,
        "subject_digest": hex(&check.subject.0),
        "other_digests": others,
        "answer_hash": hex(&check.answer_hash),
        "sealed_bytes": check.sealed.len(),
    })
}

fn feedback_json(said: &FeedbackRecord) -> Value {
    json!({
        "kind": "feedback",
        "position": said.position.0,
        "check_id": said.check_id.to_string(),
        "moment": said.moment.to_string(),
        "unit": &*said.unit,
        "action": said.action.name(),
        "has_note": !said.sealed.is_empty(),
    })
}

fn event_json(event: &EventRecord) -> Value {
    let details: Map<String, Value> = event
        .details
        .iter()
        .map(|(name, text)| (name.to_string(), json!(text)))
        .collect();
    json!({
        "kind": event.kind.map_or("unknown", |kind| kind.name()),
        "position": event.position.0,
        "moment": event.moment.to_string(),
        "unit": event.unit.as_deref(),
        "status": event.status,
        "check_id": event.check_id.map(|id| id.to_string()),
        "details": details,
    })
}

/// 16 bytes as 32 digits.
pub fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A check that was decided again: what is recorded, what comes out now, and the answer itself
/// where it is wanted.
pub fn decided_again(check: &CheckRecord, again: &DecidedAgain<'_>) -> Value {
    let mut value = json!({
        "check_id": check.check_id.to_string(),
        "position": check.position.0,
        "moment": check.moment.to_string(),
        "unit": &*check.unit,
        "scenario": &*check.scenario,
        "verdict": again.verdict,
        "reason": again.reason,
        "recorded": check.decision.name(),
        "decided": again.decision.map(Decision::name),
        "engine": &*check.context.engine,
        "same_engine": again.same_engine,
    });
    if let Some(answer) = again.answer {
        value["answer"] = serde_json::from_slice(answer).unwrap_or(Value::Null);
    }
    value
}

/// What came of deciding again.
#[derive(Debug, Clone, Copy)]
pub struct DecidedAgain<'a> {
    /// `equal`, `differs` or `cannot`.
    pub verdict: &'a str,
    /// Why it cannot.
    pub reason: Option<&'a str>,
    /// What is decided now.
    pub decision: Option<Decision>,
    /// Whether the program that answered had this version.
    pub same_engine: bool,
    /// The answer as it is now.
    pub answer: Option<&'a [u8]>,
}
