//! Whether an answer is what a case expects.
//!
//! In: status and body as HTTP would send them, the expectation. Out: every difference, in words.
//! Decision rules 7. Pure. Reads the body as JSON: only what a caller would see counts.

use super::cases::Expectation;
use crate::model::decision::Decision;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// All differences between an answer and what was expected; none where the case passes.
pub fn differences(expect: &Expectation, status: u16, body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if status != expect.status {
        found.push(format!("status: {status} instead of {}", expect.status));
    }
    for key in expect.unknown.keys() {
        found.push(format!("expect.{key}: no such expectation"));
    }
    let text = String::from_utf8_lossy(body);
    let answer: Value = match serde_json::from_str(&text) {
        Ok(answer) => answer,
        Err(error) => {
            found.push(format!("the body is not JSON: {error}"));
            Value::Null
        }
    };
    // Escapes could hide a text from a search of the bytes.
    let plain = answer.to_string();
    for (place, absent) in expect.absent.iter().enumerate() {
        if text.contains(absent) || plain.contains(absent) {
            // The text may be an identifier number: it is not repeated.
            found.push(format!("absent[{place}] stands in the body"));
        }
    }
    for present in &expect.present {
        if !text.contains(present) && !plain.contains(present) {
            found.push(format!("`{present}` does not stand in the body"));
        }
    }
    if let Some(field) = &expect.field {
        compare(&mut found, "field", &text_of(&answer["field"]), field);
    }
    if let Some(decision) = &expect.decision {
        compare(
            &mut found,
            "decision",
            &text_of(&answer["decision"]),
            decision,
        );
    }
    if let Some(count) = expect.match_count {
        let found_count = answer["match_count"].to_string();
        compare(&mut found, "match_count", &found_count, &count.to_string());
    }
    matches(&mut found, expect, &answer);
    let reasons: BTreeSet<String> = items(&answer["reasons"]).map(text_of).collect();
    for reason in &expect.reasons_include {
        if !reasons.contains(reason) {
            found.push(format!("reasons: `{reason}` is missing"));
        }
    }
    found
}

fn matches(found: &mut Vec<String>, expect: &Expectation, answer: &Value) {
    let mut applied: BTreeMap<String, Decision> = BTreeMap::new();
    let mut identity = Vec::new();
    for one in items(&answer["matches"]) {
        identity.push(text_of(&one["identity"]));
        for measure in items(&one["measures"]) {
            if measure["applied"] != true {
                continue;
            }
            let effect = Decision::parse(&text_of(&measure["effect"]));
            let strongest = applied
                .entry(text_of(&measure["id"]))
                .or_insert(Decision::Clear);
            *strongest = (*strongest).max(effect.unwrap_or(Decision::Clear));
        }
    }
    if let Some(wanted) = &expect.applied {
        let wanted: BTreeSet<&String> = wanted.iter().collect();
        let applied: BTreeSet<&String> = applied.keys().collect();
        compare(
            found,
            "applied",
            &format!("{applied:?}"),
            &format!("{wanted:?}"),
        );
    }
    if let Some(wanted) = &expect.identity {
        let mut wanted = wanted.clone();
        wanted.sort_unstable();
        identity.sort_unstable();
        compare(
            found,
            "identity",
            &format!("{identity:?}"),
            &format!("{wanted:?}"),
        );
    }
    for (id, wanted) in &expect.effects {
        let effect = applied
            .get(id)
            .map_or("not applied", |effect| effect.name());
        if effect != wanted {
            found.push(format!("effects.{id}: {effect} instead of {wanted}"));
        }
    }
}

fn compare(found: &mut Vec<String>, what: &str, is: &str, wanted: &str) {
    if is != wanted {
        found.push(format!("{what}: {is} instead of {wanted}"));
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The string itself, or the JSON of what is no string.
fn text_of(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_string(),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body() -> Value {
        json!({"decision": "block", "match_count": 2, "reasons": ["stale_list"], "matches": [
            {"identity": "possible", "measures": [
                {"id": "m", "effect": "review", "applied": true},
                {"id": "n", "effect": "block", "applied": false}]},
            {"identity": "identified", "measures": [
                {"id": "m", "effect": "block", "applied": true}]}]})
    }

    #[track_caller]
    fn differ(expect: Value, wanted: &[&str]) {
        let mut whole = json!({"status": 200});
        for (key, value) in expect.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let expect: Expectation = serde_json::from_value(whole).unwrap();
        let found = differences(&expect, 200, body().to_string().as_bytes());
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_agrees_passes() {
        differ(
            json!({"decision": "block", "match_count": 2, "applied": ["m"],
                "identity": ["identified", "possible"], "reasons_include": ["stale_list"],
                "effects": {"m": "block"}, "absent": ["990102198003071239"]}),
            &[],
        );
    }

    #[test]
    fn every_difference_is_named() {
        differ(json!({"status": 403}), &["status: 200 instead of 403"]);
        differ(
            json!({"decision": "clear"}),
            &["decision: block instead of clear"],
        );
        differ(json!({"match_count": 1}), &["match_count: 2 instead of 1"]);
        differ(json!({"applied": []}), &["applied: {\"m\"} instead of {}"]);
        differ(
            json!({"identity": ["identified"]}),
            &["identity: [\"identified\", \"possible\"] instead of [\"identified\"]"],
        );
        differ(
            json!({"reasons_include": ["minor"]}),
            &["reasons: `minor` is missing"],
        );
        differ(
            json!({"effects": {"m": "review", "n": "block"}}),
            &[
                "effects.m: block instead of review",
                "effects.n: not applied instead of block",
            ],
        );
        differ(
            json!({"field": "scenario"}),
            &["field: null instead of scenario"],
        );
        differ(
            json!({"absent": ["stale"]}),
            &["absent[0] stands in the body"],
        );
        differ(
            json!({"present": ["fresh"]}),
            &["`fresh` does not stand in the body"],
        );
        differ(
            json!({"verdict": 1}),
            &["expect.verdict: no such expectation"],
        );
    }

    #[test]
    fn an_escaped_text_is_not_absent() {
        let expect: Expectation =
            serde_json::from_value(json!({"status": 200, "absent": ["张"]})).unwrap();
        let found = differences(&expect, 200, br#"{"a":"\u5f20"}"#);
        assert_eq!(found, ["absent[0] stands in the body"]);
    }
}
