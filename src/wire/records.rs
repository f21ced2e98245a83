//! Records of the log as auditors read them: open parts alone, the sealed part only by its length.
//!
//! In: records. Out: JSON, the same from the command and over HTTP. People stand here as keyed
//! digests; a purpose is shown with citizen numbers masked, as it was recorded.

use crate::decision_log::entry::{CheckRecord, EventRecord, FeedbackRecord, Record};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

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
