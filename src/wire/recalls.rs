//! Recalls as steward and auditor read them. Off the hot path; neither names nor numbers.

use super::acts::act_word;
use crate::decision_log::recall::ReliedAnswer;
use crate::model::entry::ActKind;
use crate::model::term::Moment;
use serde_json::{Value, json};

/// One recall.
pub struct RecallAnswer<'a> {
    /// The entry that was taken back.
    pub entry_id: &'a str,
    /// When.
    pub since: Moment,
    /// How.
    pub kind: ActKind,
    /// The answers that relied on it; `None` until the log is read.
    pub answers: Option<&'a [ReliedAnswer]>,
}

/// `GET /v1/recalls`.
pub fn recalls(open: usize, recalls: &[RecallAnswer<'_>]) -> Vec<u8> {
    let texts: Vec<Value> = recalls
        .iter()
        .map(|recall| {
            let answers = recall.answers.unwrap_or(&[]);
            let waiting = answers.iter().filter(|answer| answer.feedback.is_none());
            json!({
                "entry_id": recall.entry_id,
                "act": act_word(recall.kind),
                "since": recall.since.to_string(),
                "complete": recall.answers.is_some(),
                "answers": answers.len(),
                "without_feedback": waiting.count(),
                "checks": answers.iter().map(relied).collect::<Vec<Value>>(),
            })
        })
        .collect();
    json!({"open": open, "recalls": texts})
        .to_string()
        .into_bytes()
}

/// One answer that relied on an entry.
pub fn relied(answer: &ReliedAnswer) -> Value {
    let measures: Vec<&str> = answer.measures.iter().map(|id| &**id).collect();
    json!({
        "check_id": answer.check_id.to_string(),
        "moment": answer.moment.to_string(),
        "unit": &*answer.unit,
        "scenario": &*answer.scenario,
        "purpose": answer.purpose.as_deref(),
        "decision": answer.decision.name(),
        "identity": answer.identity.name(),
        "measures": measures,
        "feedback": answer.feedback.map(|(action, at)| json!({
            "action": action.name(),
            "moment": at.to_string(),
        })),
    })
}
