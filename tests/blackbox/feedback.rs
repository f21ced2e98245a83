//! What units say they did, and that it is kept.

use crate::harness::{Installation, Server, ticket, until};
use crate::http::{Answer, Request};
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;

fn say(server: &Server, token: &str, check_id: &str, action: &str) -> Answer {
    let body = json!({"check_id": check_id, "action": action, "note": "handed over"});
    Request::post("/v1/feedback", body.to_string())
        .token(token)
        .send(server.checks)
}

#[test]
fn feedback_is_kept_once_also_over_a_restart() {
    let installation = Installation::new();
    let other = installation.client("another unit", |_| ());
    let token = &installation.token;
    let server = installation.serve();
    let check_id = server.ask(token, &ticket()).check_id();
    assert_eq!(say(&server, &other, &check_id, "enforced").status, 404);
    assert_eq!(say(&server, token, &check_id, "enforced").status, 201);
    assert_eq!(say(&server, token, &check_id, "enforced").status, 200);
    assert_eq!(say(&server, token, &check_id, "released").status, 409);
    assert_eq!(say(&server, token, &check_id, "eaten").status, 422);
    let unknown = "01a20567-9caf-7731-abdb-a36285dccead";
    assert_eq!(say(&server, token, unknown, "enforced").status, 404);
    assert_eq!(say(&server, token, "7", "enforced").status, 422);
    let second = server.ask(token, &ticket()).check_id();
    server.kill();
    let server = installation.serve();
    assert_eq!(say(&server, token, &check_id, "enforced").status, 200);
    assert_eq!(say(&server, token, &check_id, "released").status, 409);
    assert_eq!(say(&server, &other, &check_id, "enforced").status, 404);
    assert_eq!(say(&server, token, &second, "abandoned").status, 201);
    assert!(server.stop().success());
    let said = installation.log(&["--check-id", &check_id]);
    let kinds: Vec<&str> = said
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["check", "feedback"]);
    assert_eq!(said[1]["action"], "enforced");
}

#[test]
fn an_idempotency_key_repeats_the_answer_of_the_first_time() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let check_id = server.ask(token, &ticket()).check_id();
    let say = |action: &str| {
        let body = json!({"check_id": check_id, "action": action});
        Request::post("/v1/feedback", body.to_string())
            .token(token)
            .header("Idempotency-Key", "key 1")
            .send(server.checks)
    };
    assert_eq!(say("enforced").status, 201);
    assert_eq!(say("enforced").status, 201, "as the first time");
    assert_eq!(say("released").status, 422, "another body");
}

#[test]
fn who_breaks_off_and_asks_again_with_its_key_has_one_effect() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    for place in 0..12 {
        let check_id = server.ask(token, &ticket()).check_id();
        let body = json!({"check_id": check_id, "action": "enforced", "note": "once"}).to_string();
        let key = format!("key {place}");
        let say = Request::post("/v1/feedback", body)
            .token(token)
            .header("Idempotency-Key", &key);
        let mut broken = TcpStream::connect(server.checks).unwrap();
        broken.write_all(&say.bytes()).unwrap();
        if place % 2 == 0 {
            // An answer that is there and not read: the connection is reset, not closed.
            let _ = broken.peek(&mut [0; 1]);
        }
        drop(broken);
        until("the second time is answered", || {
            let again = say.send(server.checks);
            assert!([200, 201, 409].contains(&again.status), "{}", again.text());
            again.status != 409
        });
    }
    // And an act, on the other listener.
    let hold = json!({"reason": "objection", "reference": "F24", "answer_by": null}).to_string();
    let hold = Request::post("/v1/entries/fz-court-1/hold", hold)
        .token(token)
        .header("Idempotency-Key", "hold");
    let mut broken = TcpStream::connect(server.ops).unwrap();
    broken.write_all(&hold.bytes()).unwrap();
    let _ = broken.peek(&mut [0; 1]);
    drop(broken);
    until("the act is answered", || {
        let again = hold.send(server.ops);
        assert!(again.status < 500, "{}", again.text());
        again.status < 300
    });
    assert!(server.stop().success());
    let log = installation.log(&[]);
    let count = |kind: &str| log.iter().filter(|one| one["kind"] == kind).count();
    assert_eq!((count("check"), count("feedback")), (12, 12));
    assert_eq!(count("act"), 1);
}
