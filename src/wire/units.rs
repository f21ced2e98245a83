//! What operators read of units and their limits, and of acts that wait for a second person.
//!
//! In: plain data. Out: JSON; bodies in. Off the hot path; names units, never persons asked about.

use super::json::Node;
use super::ops::required_text;
use super::problem::Problem;
use super::request::no_unknown_field;
use crate::model::term::Moment;
use serde::Serialize;
use serde_json::{Value, json};

/// One unit with its limits.
#[derive(Debug, Serialize)]
pub struct UnitAnswer<'a> {
    /// Its name.
    pub unit: &'a str,
    /// Enterprise or authority.
    pub kind: &'a str,
    /// Its roles.
    pub roles: Vec<&'a str>,
    /// Requests a second.
    pub rate: Option<u32>,
    /// Requests at once.
    pub burst: Option<u32>,
    /// Distinct subjects a day.
    pub daily_subjects: Option<u32>,
    /// Those used today.
    pub daily_subjects_used: Option<u32>,
    /// What is done where its asking looks like gathering.
    pub enumeration: &'a str,
    /// How much it does.
    pub score: u32,
    /// What is done now.
    pub reaction: &'a str,
    /// Why.
    pub reasons: Vec<ReasonAnswer<'a>>,
    /// How late its answers come, in milliseconds.
    pub delay_ms: u64,
    /// Until when it is stopped.
    pub stopped_until: Option<String>,
    /// Requests refused since the start.
    pub refused: RefusedAnswer,
}

/// One reason.
#[derive(Debug, Serialize)]
pub struct ReasonAnswer<'a> {
    /// Its word.
    pub code: &'a str,
    /// What was counted.
    pub count: u32,
    /// What it adds to the score.
    pub points: u32,
}

/// Requests refused, by limit.
#[derive(Debug, Serialize)]
pub struct RefusedAnswer {
    /// Requests a second.
    pub rate: u64,
    /// Distinct subjects a day.
    pub daily_subjects: u64,
    /// Stopped.
    pub stopped: u64,
}

/// `GET /v1/clients`.
pub fn units(units: &[UnitAnswer<'_>]) -> Vec<u8> {
    json!({ "clients": units }).to_string().into_bytes()
}

/// `POST /v1/clients/{unit}/release`.
pub fn released(unit: &str, was: &str, score: u32) -> Vec<u8> {
    json!({"unit": unit, "was": was, "score_was": score})
        .to_string()
        .into_bytes()
}

/// One act of two persons.
pub struct ApprovalAnswer<'a> {
    /// Its number.
    pub id: &'a str,
    /// Which act.
    pub act: &'a str,
    /// The path it was sent to.
    pub path: &'a str,
    /// Its body, citizen numbers masked.
    pub request: &'a str,
    /// Hex digits of the SHA-256 of its body as it was sent.
    pub sha256: &'a str,
    /// Unit and operator that sent it.
    pub by: (&'a str, Option<&'a str>),
    /// Unit and operator that agreed.
    pub approved_by: Option<(&'a str, Option<&'a str>)>,
    /// waiting, expired or approved.
    pub state: &'a str,
    /// When it was sent.
    pub proposed: Moment,
    /// Until when it waits.
    pub expires: Moment,
}

fn person((unit, operator): (&str, Option<&str>)) -> Value {
    json!({"unit": unit, "operator": operator})
}

/// `GET /v1/approvals`.
pub fn approvals(approvals: &[ApprovalAnswer<'_>]) -> Vec<u8> {
    let of_one = |one: &ApprovalAnswer<'_>| {
        json!({
            "approval_id": one.id,
            "act": one.act,
            "path": one.path,
            "request": one.request,
            "sha256": one.sha256,
            "by": person(one.by),
            "approved_by": one.approved_by.map(person),
            "state": one.state,
            "proposed": one.proposed.to_string(),
            "expires": one.expires.to_string(),
        })
    };
    let all: Vec<Value> = approvals.iter().map(of_one).collect();
    json!({ "approvals": all }).to_string().into_bytes()
}

/// 202: an act waits for its second person.
pub fn waits(id: &str, sha256: &str, expires: Moment) -> Vec<u8> {
    json!({
        "approval_id": id,
        "sha256": sha256,
        "expires": expires.to_string(),
        "needs": "another person",
    })
    .to_string()
    .into_bytes()
}

/// Body of `POST /v1/approvals/{id}`: the SHA-256 of the request that is agreed to.
pub fn parse_approval(body: &[u8]) -> Result<String, Problem> {
    let members = Node::parse_object(body)?;
    no_unknown_field(&members, &["sha256"], &"")?;
    let sha256 = required_text(&members, "sha256")?;
    match sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(sha256),
        false => Err(Problem::invalid("sha256", "must be 64 hex digits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_names_the_hash_of_what_is_agreed_to() {
        let hash = "0".repeat(64);
        let body = format!("{{\"sha256\":\"{hash}\"}}");
        assert_eq!(parse_approval(body.as_bytes()), Ok(hash));
        for (body, field) in [("{}", "sha256"), ("{\"sha256\":\"0\"}", "sha256")] {
            let problem = parse_approval(body.as_bytes()).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{body}");
        }
        assert_eq!(parse_approval(b"{\"x\":1}").unwrap_err().status(), 422);
    }
}
