//! Entries taken back as wrong: everybody they hit is found, and the recall stays open until each
//! answer has feedback. Safeguard S19.

use crate::harness::{
    Installation, Server, hecha, number_of_zhang, other_number, run, ticket, ticket_of, until,
};
use crate::http::Request;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn withdraw(server: &Server, token: &str, entry: &str) {
    let body = json!({"reason": "wrong person", "reference": "letter 7"}).to_string();
    let post = Request::post(&format!("/v1/entries/{entry}/withdraw"), body).token(token);
    assert_eq!(post.send(server.ops).status, 200);
}

fn recalls(server: &Server, token: &str, path: &str) -> Value {
    let answer = Request::get(path).token(token).send(server.ops);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn feedback(server: &Server, token: &str, check_id: &str) {
    let body = json!({"check_id": check_id, "action": "released"}).to_string();
    let post = Request::post("/v1/feedback", body).token(token);
    assert_eq!(post.send(server.checks).status, 201);
}

/// The check_ids that `hecha log recall` lists, and what it says on standard error.
fn listed(installation: &Installation, entry: &str) -> (BTreeSet<String>, String) {
    let log = installation.path("state/log");
    let mut command = hecha();
    command
        .args(["log", "recall", entry, "--json", "--log"])
        .arg(log);
    let (code, output) = run(&mut command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(code, 0, "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let ids = text.lines().map(|line| {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert_eq!(answer["unit"], "everything");
        assert_eq!(answer["decision"], "block");
        answer["check_id"].as_str().unwrap().to_owned()
    });
    (ids.collect(), said)
}

#[test]
fn s19_a_recall_has_exactly_the_answers_and_closes_with_the_last_feedback() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let hits: BTreeSet<String> = (0..5)
        .map(|_| server.ask(token, &ticket()).check_id())
        .collect();
    let other = ticket_of("李明", &other_number());
    assert_eq!(server.ask(token, &other).decision(), "clear");
    assert_eq!(server.metric("hecha_recalls_open"), 0.0);
    let first = hits.first().unwrap().clone();
    feedback(&server, token, &first);
    withdraw(&server, token, "fz-court-1");
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
    assert_eq!(server.metric("hecha_recalls_open"), 1.0);
    until("the log is read", || {
        recalls(&server, token, "/v1/recalls")["recalls"][0]["complete"] == json!(true)
    });
    let open = recalls(&server, token, "/v1/recalls");
    let recall = &open["recalls"][0];
    assert_eq!(
        (&open["open"], &recall["act"]),
        (&json!(1), &json!("withdraw"))
    );
    assert_eq!(
        (&recall["answers"], &recall["without_feedback"]),
        (&json!(5), &json!(4))
    );
    let found: BTreeSet<String> = recall["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["check_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, hits);
    assert!(!open.to_string().contains(&number_of_zhang()[..14]));
    let (ids, said) = listed(&installation, "fz-court-1");
    assert_eq!(ids, hits);
    assert!(
        said.contains("5 answers") && said.contains("4 without feedback"),
        "{said}"
    );
    // Over a restart it is still open.
    server.kill();
    let server = installation.serve();
    assert_eq!(server.metric("hecha_recalls_open"), 1.0);
    for check_id in hits.iter().skip(1) {
        feedback(&server, token, check_id);
    }
    until("the recall closes", || {
        server.metric("hecha_recalls_open") == 0.0
    });
    assert_eq!(recalls(&server, token, "/v1/recalls")["recalls"], json!([]));
    let all = recalls(&server, token, "/v1/recalls?all=1");
    assert_eq!(all["recalls"][0]["without_feedback"], 0);
    assert!(server.stop().success());
    let reads = installation.log(&[]);
    let is_read = |record: &&Value| record["kind"] == "log_read";
    assert!(
        reads.iter().filter(is_read).count() >= 3,
        "each read is recorded"
    );
}

#[test]
fn a_repair_is_no_recall_and_an_unknown_entry_has_no_answers() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    server.ask(token, &ticket());
    let body = json!({"reason": "paid", "reference": "ruling"}).to_string();
    let post = Request::post("/v1/entries/fz-court-1/repair", body).token(token);
    assert_eq!(post.send(server.ops).status, 200);
    assert_eq!(server.metric("hecha_recalls_open"), 0.0);
    assert!(listed(&installation, "nobody").0.is_empty());
    let (code, output) = run(hecha().args(["log", "recall", "a", "--log", "no/such/folder"]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("no/such/folder"), "{said}");
}
