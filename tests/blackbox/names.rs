//! A search for similar names that ends at its budget says so, to whoever asked.

use crate::harness::{Installation, court_record};
use hecha::identifier::synthetic;
use serde_json::json;

#[path = "../../benches/worst_names.rs"]
mod worst_names;

/// More than are compared at most.
const CROWD: usize = 4_600;

#[test]
fn a_search_that_ended_at_its_budget_is_said_in_the_answer_and_never_blocks() {
    let installation = Installation::new();
    let listed = worst_names::crowd(CROWD);
    let records = listed.iter().zip(0u16..).map(|(name, place)| {
        let (day, sequence) = (1 + (place / 999) as i8, 1 + place % 999);
        let number = synthetic::citizen_id(990_102, (1980, 3, day), sequence);
        court_record(&format!("crowd-{place}"), name, &number)
    });
    installation.publish(records.collect());
    let server = installation.serve();
    let ask = |name: &str| {
        let question = json!({
            "scenario": "rail.ticket",
            "attributes": {"train_class": "G", "seat_class": "second"},
            "subject": {"kind": "person", "name": name},
            "purpose": "ticket sale", "reference": "order 1"
        });
        server.ask(&installation.token, &question).json()
    };
    let answer = ask("张威威威");
    assert_eq!(answer["decision"], "review", "{answer}");
    let reasons = answer["reasons"].as_array().unwrap();
    assert!(reasons.contains(&json!("name_search_limit")), "{answer}");
    assert!(
        answer["messages"]
            .to_string()
            .contains("近似名称的检索已达上限"),
        "{answer}"
    );
    let whole = ask("王秀英");
    assert_eq!(whole["decision"], "clear");
    assert_eq!(whole["reasons"], json!([]));
    for (what, name) in worst_names::queries() {
        let answer = ask(&name);
        assert_ne!(answer["decision"], "block", "{what}: {answer}");
    }
}
