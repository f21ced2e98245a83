//! What happens when more is asked than can be answered, and when the gateway stood still.

use crate::harness::{Installation, Server, ticket, until};
use crate::http::{Connection, Request};
use std::sync::atomic::{AtomicBool, Ordering};

fn shed(server: &Server, class: &str, reason: &str) -> f64 {
    server.metric(&format!(
        "hecha_shed_total{{class=\"{class}\",reason=\"{reason}\"}}"
    ))
}

#[test]
fn what_waited_while_the_gateway_stood_still_is_told_so_and_later_requests_are_answered() {
    let mut installation = Installation::new();
    installation.more_config = "stall_ms_max = 400\n".to_owned();
    let server = installation.serve();
    let request = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    // Both runtimes have shown that they move.
    let mut all: Vec<Connection> = (0..6).map(|_| Connection::to(server.checks)).collect();
    for connection in &mut all {
        connection.send(&request.bytes());
        assert_eq!(connection.read().unwrap().decision(), "block");
    }
    server.stand_still();
    for connection in &mut all {
        connection.send(&request.bytes());
    }
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    server.signal("CONT");
    for connection in &mut all {
        let answer = connection.read().unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        let again: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3).contains(&again));
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .contains("stood still")
        );
    }
    assert!(shed(&server, "interactive", "expired") >= 6.0);
    until("it is answered again", || {
        let connection = &mut all[0];
        connection.send(&request.bytes());
        connection.read().unwrap().status == 200
    });
    // Nothing was decided of what had expired: as many records as answers.
    server.stop();
    let log = installation.log(&[]);
    let checks = log
        .iter()
        .filter(|record| record["kind"] == "check")
        .count();
    assert_eq!(checks, 7);
}

#[test]
fn what_cannot_be_answered_in_the_callers_time_is_refused_undecided() {
    let installation = Installation::new();
    let server = installation.serve();
    let request = |ms: &str| {
        Request::post("/v1/check", ticket().to_string())
            .token(&installation.token)
            .header("Request-Timeout-Ms", ms)
    };
    let refused = request("0").send(server.checks);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert_eq!(shed(&server, "interactive", "deadline"), 1.0);
    assert_eq!(request("60000").send(server.checks).decision(), "block");
    assert_eq!(request("soon").send(server.checks).decision(), "block");
    // The body comes too late for it.
    let late = request("150").bytes();
    let mut connection = Connection::to(server.checks);
    connection.send(&late[..late.len() - 3]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    connection.send(&late[late.len() - 3..]);
    assert_eq!(connection.read().unwrap().status, 503);
    assert_eq!(shed(&server, "interactive", "deadline"), 2.0);
}

#[test]
fn a_queue_that_stands_turns_some_away_and_then_everybody_is_answered_again() {
    let mut installation = Installation::new();
    installation.more_config = "queue_wait_ms_max = 1\n".to_owned();
    let server = installation.serve();
    let request = Request::post("/v1/check", ticket().to_string()).token(&installation.token);
    let bytes = request.bytes();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut connection = Connection::to(server.checks);
                while !is_over.load(Ordering::Relaxed) {
                    connection.send(&bytes);
                    let answer = connection.read().unwrap();
                    assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
                    if answer.status == 503 {
                        let again = answer.header("retry-after").unwrap();
                        assert!(["1", "2", "3"].contains(&again));
                    }
                }
            });
        }
        until("somebody is turned away", || {
            shed(&server, "interactive", "wait") > 0.0
        });
        assert_eq!(Request::get("/readyz").send(server.ops).status, 200);
        is_over.store(true, Ordering::Relaxed);
    });
    until("everybody is answered again", || {
        request.send(server.checks).status == 200
    });
    assert!(server.metric("hecha_queue_wait_seconds_count") > 0.0);
}
