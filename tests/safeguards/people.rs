//! Who is asked about and how they are listed: numbers that can belong to nobody, records, bodies.
//!
//! Names and numbers are counted: each test takes numbers of its own, so that all can stand on
//! one list without meeting.

use crate::harness::now;
use hecha::identifier::synthetic;
use hecha::model::term::Day;
use serde_json::{Map, Value, json};

/// A citizen number of somebody born in 1980; `n` below 1,000.
pub fn citizen(n: u16) -> String {
    synthetic::citizen_id(990_102, (1980, 3, 7), n)
}

/// A credit code; `n` below 100,000.
pub fn code(n: u32) -> String {
    synthetic::credit_code("91", 990_105, &format!("MA7{n:05}"))
}

/// Today and so many days on, in Shanghai.
pub fn day(from_today: i32) -> String {
    Day(now().day().0 + from_today).to_string()
}

/// A person as lists and requests write one.
pub fn person(name: &str, number: &str) -> Value {
    json!({"kind": "person", "name": name, "ids": [{"type": "citizen_id", "number": number}]})
}

/// An organisation as lists and requests write one.
pub fn organisation(name: &str, code: &str) -> Value {
    json!({"kind": "organisation", "name": name, "ids": [{"type": "credit_code", "number": code}]})
}

/// `party` in a role.
pub fn in_role(mut party: Value, role: &str) -> Value {
    party["role"] = json!(role);
    party
}

/// A record in force since a hundred days, without an end unless `more` has one; `more` replaces
/// fields and adds some, `null` takes one away.
pub fn record(entry_id: &str, list: &str, subject: Value, more: Value) -> Value {
    let mut record = json!({
        "entry_id": entry_id, "list": list, "subject": subject,
        "case_no": format!("(2025)测9901字{entry_id}号"), "authority": "测试区人民法院",
        "supplier": "测试省信用中心", "submitted_at": format!("{}T09:00:00+08:00", day(-90)),
        "published": day(-100), "in_force_from": day(-100),
        "disclosure": "public", "status": "in_force"
    });
    merge(&mut record, more);
    record
}

/// A record of the court's list.
pub fn court(entry_id: &str, subject: Value) -> Value {
    record(entry_id, "court-defaulter", subject, json!({}))
}

/// The body of a check.
pub fn question(scenario: &str, attributes: Value, subject: Value) -> Value {
    json!({
        "scenario": scenario, "attributes": attributes, "subject": subject,
        "purpose": "check", "reference": "order 1"
    })
}

/// A second-class seat on a G train.
pub fn g_train(subject: Value) -> Value {
    question(
        "rail.ticket",
        json!({"train_class": "G", "seat_class": "second"}),
        subject,
    )
}

/// `base` with more fields.
pub fn with(mut base: Value, more: Value) -> Value {
    merge(&mut base, more);
    base
}

/// With the subject's own consent.
pub fn with_consent(question: Value) -> Value {
    let consent = json!({"kind": "consent", "reference": "consent 1"});
    with(question, json!({"authorisation": consent}))
}

fn merge(base: &mut Value, more: Value) {
    let more: Map<String, Value> = match more {
        Value::Object(more) => more,
        other => panic!("no object: {other}"),
    };
    for (key, value) in more {
        match value {
            Value::Null => drop(base.as_object_mut().unwrap().remove(&key)),
            value => base[&key] = value,
        }
    }
}
