//! Acts on entries: out on the very next check, and out for good.

use crate::harness::{Installation, Server, court_record, first_list, number_of_zhang, ticket};
use crate::http::{Answer, Connection, Request};
use serde_json::json;

fn withdraw(server: &Server, token: &str, entry: &str) -> Answer {
    let body = json!({"reason": "wrong person", "reference": "letter 7"});
    Request::post(&format!("/v1/entries/{entry}/withdraw"), body.to_string())
        .token(token)
        .send(server.ops)
}

#[test]
fn a_withdrawal_counts_on_the_very_next_check_and_never_comes_back() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let request = Request::post("/v1/check", ticket().to_string()).token(token);
    let mut open = Connection::to(server.checks);
    open.send(&request.bytes());
    assert_eq!(open.read().unwrap().decision(), "block");
    let answer = withdraw(&server, token, "fz-court-1");
    assert_eq!(answer.status, 200, "{}", answer.text());
    open.send(&request.bytes());
    let cleared = open.read().unwrap();
    assert_eq!(cleared.decision(), "clear");
    assert_eq!(
        cleared.json()["match_count"],
        0,
        "no hint of a former listing"
    );
    // Over a swap.
    let mut list = first_list();
    list.push(court_record(
        "fz-court-9",
        "李明",
        &crate::harness::other_number(),
    ));
    let id = installation.publish(list);
    crate::harness::until("the new list serves", || {
        server.snapshot(token)["id"] == json!(id)
    });
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
    // Over a rollback.
    let rolled_back = Request::post("/v1/snapshot/rollback", "").token(token);
    assert_eq!(rolled_back.send(server.ops).status, 200);
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
    // Over a restart without warning.
    server.kill();
    let server = installation.serve();
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
    assert_eq!(server.metric("hecha_overlay_acts"), 1.0);
}

#[test]
fn an_act_needs_reason_reference_and_a_known_entry() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let post = |entry: &str, body: &str| {
        Request::post(&format!("/v1/entries/{entry}/withdraw"), body)
            .token(token)
            .send(server.ops)
    };
    for (body, status, field) in [
        ("{\"reference\":\"x\"}", 422, Some("reason")),
        ("{\"reason\":\"x\"}", 422, Some("reference")),
        (
            "{\"reason\":\"x\",\"reference\":\"\"}",
            422,
            Some("reference"),
        ),
        (
            "{\"reason\":\"x\",\"reference\":\"x\",\"x\":1}",
            422,
            Some("x"),
        ),
        ("x", 400, None),
    ] {
        let answer = post("fz-court-1", body);
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert_eq!(answer.json()["field"].as_str(), field, "{body}");
    }
    assert_eq!(withdraw(&server, token, "no-such-entry").status, 404);
    assert_eq!(withdraw(&server, token, "%zz").status, 404);
    assert_eq!(
        server.ask(token, &ticket()).decision(),
        "block",
        "nothing was done"
    );
    let done = withdraw(&server, token, "%E7%A6%8F%2F%E5%B7%9E%201");
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.json()["entry_id"], "福/州 1");
    assert_eq!(done.json()["sequence"], 1);
    assert_eq!(server.metric("hecha_acts_total{kind=\"withdraw\"}"), 1.0);
}

#[test]
fn an_act_is_on_record_with_who_and_why() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let check_id = server.ask(token, &ticket()).check_id();
    let body = json!({"reason": format!("not {}", number_of_zhang()), "reference": "letter 7"});
    let request = Request::post("/v1/entries/fz-court-1/withdraw", body.to_string())
        .token(token)
        .header("Idempotency-Key", "once");
    assert_eq!(request.send(server.ops).json()["sequence"], 1);
    assert_eq!(
        request.send(server.ops).json()["sequence"],
        1,
        "the same answer"
    );
    assert!(server.stop().success());
    let records = installation.log(&["--entry", "fz-court-1"]);
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(records[0]["check_id"], check_id);
    assert_eq!(records[0]["relied_on"][0]["entry_id"], "fz-court-1");
    assert_eq!(
        records[0]["relied_on"][0]["measures"],
        json!(["rail-g-all-seats"])
    );
    let act = &records[1];
    assert_eq!(
        (&act["kind"], &act["unit"]),
        (&json!("act"), &json!("everything"))
    );
    assert_eq!(act["details"]["act"], "withdraw");
    assert_eq!(act["details"]["reference"], "letter 7");
    // Contract, section 7: numbers stand nowhere in clear.
    for file in crate::harness::files_below(&installation.path("state")) {
        let bytes = std::fs::read(&file).unwrap();
        let number = number_of_zhang();
        let found = bytes
            .windows(number.len())
            .any(|part| part == number.as_bytes());
        assert!(!found, "a number in clear in {}", file.display());
    }
}
