//! What `hecha client list` shows of a record: never a token, and of its hash the first digits.
//!
//! In: a record, the moment it is. Out: text for people, or JSON.

use crate::gateway::client_record::{ClientRecord, TokenRecord};
use crate::gateway::clients::{is_valid, valid_tokens};
use crate::model::term::Moment;
use serde_json::{Value, json};

/// Digits of a token's hash that are shown: enough to tell two tokens apart.
const DIGITS_SHOWN: usize = 8;

/// One line of JSON. `tokens` is how many are valid.
pub fn as_json(mut record: ClientRecord, now: Moment) -> String {
    let valid = valid_tokens(&record, now);
    let of_token = |token: TokenRecord| {
        json!({
            "sha256_begins": digits(&token),
            "created": token.created,
            "expires": token.expires,
            "valid": is_valid(&token, now),
        })
    };
    let list: Vec<Value> = record.all_tokens().map(of_token).collect();
    (record.token_sha256, record.tokens) = (None, None);
    let mut value = json!(record);
    value["tokens"] = valid.into();
    value["token_list"] = list.into();
    value.to_string()
}

/// One line for the record, one more for each token and certificate.
pub fn as_text(record: &ClientRecord, now: Moment) -> String {
    let mut text = format!(
        "{}  {}  roles {}  scenarios {}",
        record.unit,
        record.kind,
        words(&record.roles),
        words(&record.scenarios)
    );
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!("  {name} {value}"));
        }
    };
    add("purposes", record.purposes.as_deref().map(words));
    add("rate", record.rate.map(|rate| format!("{rate}/s")));
    add("burst", record.burst.map(|burst| burst.to_string()));
    let daily = record.daily_subjects.map(|subjects| subjects.to_string());
    add("daily_subjects", daily);
    add("enumeration", record.enumeration.clone());
    add(
        "adopts",
        (!record.adopts.is_empty()).then(|| words(&record.adopts)),
    );
    add("masked_id", record.masked_id.clone());
    add("level", record.level.clone());
    add("fields", record.fields.as_deref().map(words));
    add(
        "operator",
        record.operator_required.then(|| "required".into()),
    );
    add(
        "tokens",
        Some(format!("{} valid", valid_tokens(record, now))),
    );
    for token in record.all_tokens() {
        let state = if is_valid(&token, now) {
            "valid"
        } else {
            "expired"
        };
        text.push_str(&format!(
            "\n    token {}  created {}  expires {}  {state}",
            digits(&token),
            token.created.as_deref().unwrap_or("unknown"),
            token.expires.as_deref().unwrap_or("never"),
        ));
    }
    for hash in record.certificate_sha256.iter().flatten() {
        text.push_str(&format!("\n    certificate {hash}"));
    }
    text
}

fn digits(token: &TokenRecord) -> &str {
    token.sha256.get(..DIGITS_SHOWN).unwrap_or_default()
}

fn words(words: &[String]) -> String {
    if words.is_empty() {
        return "none".into();
    }
    words.join(",")
}
