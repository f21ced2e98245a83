//! Limits of a unit: requests a second, subjects a day, and asking that gathers the list. Safeguard
//! S41, fault F27 over HTTP.

use crate::harness::{Installation, Server, other_number, ticket, ticket_of, until};
use crate::http::{Answer, Request};
use hecha::identifier::synthetic;
use serde_json::{Value, json};

fn many(server: &Server, token: &str, count: usize) -> Answer {
    let checks: Vec<Value> = (0..count).map(|_| ticket()).collect();
    Request::post("/v1/checks", json!({ "checks": checks }).to_string())
        .token(token)
        .send(server.checks)
}

/// Seconds to wait, of a 429.
#[track_caller]
fn retry_after(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(answer.json()["type"], "urn:hecha:problem:too-many-requests");
    answer.header("retry-after").unwrap().parse().unwrap()
}

fn limited(installation: &Installation) -> Vec<Value> {
    let mut records = installation.log(&[]);
    records.retain(|record| record["kind"] == "limited");
    records
}

#[test]
fn a_burst_beyond_the_rate_of_a_unit_is_429_and_the_others_are_answered() {
    let installation = Installation::new();
    let token = installation.client("slow", |record| {
        (record.rate, record.burst) = (Some(1), Some(3));
    });
    let server = installation.serve();
    for _ in 0..3 {
        assert_eq!(server.ask(&token, &ticket()).decision(), "block");
    }
    // Whatever a second later: of ten more at once at least eight are too many.
    let refused = (0..10).map(|_| server.ask(&token, &ticket()));
    let refused: Vec<Answer> = refused.filter(|answer| answer.status != 200).collect();
    assert!(refused.len() >= 5, "{}", refused.len());
    assert!((1..=2).contains(&retry_after(&refused[0])));
    // Before the body is read, before the method, behind the token.
    let wrong = Request::get("/v1/check").token(&token).send(server.checks);
    assert!([405, 429].contains(&wrong.status));
    assert_eq!(server.ask("nobody", &ticket()).status, 401);
    assert_eq!(
        server.ask(&installation.token, &ticket()).decision(),
        "block"
    );
    let scan = json!({"scenario": "rail.ticket", "text": "x"}).to_string();
    let scans = (0..5).map(|_| Request::post("/v1/scan", scan.clone()).token(&token));
    let scans = scans.filter(|scan| scan.send(server.checks).status == 429);
    assert!(scans.count() >= 1, "a scan counts too");
    let name = "hecha_rate_limited_total{unit=\"slow\",limit=\"rate\"}";
    assert!(server.metric(name) >= 5.0);
}

#[test]
fn a_batch_that_does_not_fit_is_refused_whole() {
    let installation = Installation::new();
    let token = installation.client("batch", |record| {
        (record.rate, record.burst) = (Some(1), Some(5));
    });
    let server = installation.serve();
    let answer = many(&server, &token, 50);
    retry_after(&answer);
    assert!(
        answer.text().contains("5 items at once"),
        "{}",
        answer.text()
    );
    let checks = installation.log(&[]);
    assert!(
        checks.iter().all(|record| record.get("decision").is_none()),
        "nothing was answered"
    );
    assert_eq!(many(&server, &token, 3).status, 200);
}

#[test]
fn the_subjects_of_a_day_are_bounded_over_a_restart() {
    let installation = Installation::new();
    let token = installation.client("daily", |record| record.daily_subjects = Some(3));
    let server = installation.serve();
    let person = |place: u16| {
        let number = synthetic::citizen_id(990_203 + u32::from(place), (1991, 8, 24), 35);
        ticket_of("李明", &number)
    };
    for _ in 0..2 {
        assert_eq!(server.ask(&token, &ticket()).decision(), "block");
        assert_eq!(server.ask(&token, &person(0)).decision(), "clear");
    }
    // Who gives no number is somebody too.
    let mut named = ticket();
    named["subject"] = json!({"kind": "person", "name": "王小明"});
    assert_eq!(server.ask(&token, &named).status, 200);
    let refused = server.ask(&token, &person(1));
    assert!(retry_after(&refused) <= 24 * 3_600);
    let listed = server.ask(&token, &ticket());
    assert_eq!(listed.decision(), "block", "known ones are free");
    assert_eq!(server.ask(&installation.token, &person(1)).status, 200);
    server.kill();
    let server = installation.serve();
    let refused = server.ask(&token, &person(2));
    // Midnight may have passed in between.
    assert!(refused.status == 429 || refused.status == 200);
    let units = Request::get("/v1/clients")
        .token(&installation.token)
        .send(server.ops);
    let units = units.json();
    let unit = units["clients"].as_array().unwrap();
    let unit = unit.iter().find(|unit| unit["unit"] == "daily").unwrap();
    assert_eq!(unit["daily_subjects"], 3);
    assert!(
        refused.status == 200 || unit["daily_subjects_used"] == 3,
        "{unit}"
    );
}

/// Asks about people of one region and birth date until told to stop; how many were answered.
fn gather(server: &Server, token: &str) -> usize {
    let mut answered = 0;
    let mut sequence = 0;
    until("the unit is stopped", || {
        sequence += 1;
        let number = synthetic::citizen_id(990_204, (1985, 5, 5), sequence % 999 + 1);
        let answer = server.ask(token, &ticket_of("某某", &number));
        answered += usize::from(answer.status == 200);
        answer.status == 429
    });
    answered
}

#[test]
fn a_unit_that_gathers_is_stopped_until_an_admin_releases_it() {
    let installation = Installation::new();
    let gathering = installation.client("gathering", |record| {
        record.roles = vec!["checker".into()];
        record.enumeration = Some("react".into());
    });
    let server = installation.serve();
    let answered = gather(&server, &gathering);
    assert!(answered < 500, "{answered}");
    let refused = server.ask(&gathering, &ticket());
    assert!(retry_after(&refused) <= 24 * 3_600);
    assert!(!refused.text().contains("980"), "no number, no name");
    assert_eq!(
        server.ask(&installation.token, &ticket()).decision(),
        "block",
        "others go on"
    );
    // A restart is no way out of it.
    until("the stop is kept", || {
        installation.path("state/stopped-units.json").exists()
    });
    server.kill();
    let server = installation.serve();
    assert_eq!(server.ask(&gathering, &ticket()).status, 429);
    let shown = Request::get("/v1/clients")
        .token(&installation.token)
        .send(server.ops);
    assert!(
        shown.text().contains("\"reaction\":\"stop\""),
        "{}",
        shown.text()
    );
    let release = |token: &str, unit: &str| {
        let body = json!({"reason": "a training", "reference": "note 3"}).to_string();
        let path = format!("/v1/clients/{unit}/release");
        Request::post(&path, body).token(token).send(server.ops)
    };
    assert_eq!(release(&gathering, "gathering").status, 403);
    assert_eq!(release(&installation.token, "nobody").status, 404);
    let released = release(&installation.token, "gathering");
    assert_eq!(released.status, 200, "{}", released.text());
    assert_eq!(server.ask(&gathering, &ticket()).decision(), "block");
    let records = limited(&installation)
        .iter()
        .map(Value::to_string)
        .collect::<String>();
    for word in [
        "same_region_and_birth",
        "\"stop\"",
        "released",
        "a training",
    ] {
        assert!(records.contains(word), "{word}: {records}");
    }
    assert!(!records.contains("某某") && !records.contains("990204"));
}

#[test]
fn a_unit_that_is_only_watched_is_answered() {
    let installation = Installation::new();
    let token = installation.client("watched", |record| {
        record.enumeration = Some("watch".into())
    });
    let server = installation.serve();
    for sequence in 1..60 {
        let number = synthetic::citizen_id(990_205, (1985, 5, 5), sequence);
        assert_eq!(server.ask(&token, &ticket_of("某某", &number)).status, 200);
    }
    until("its score is shown", || {
        server.metric("hecha_enumeration_score{unit=\"watched\"}") >= 100.0
    });
    assert_eq!(
        server
            .ask(&token, &ticket_of("李明", &other_number()))
            .status,
        200
    );
}
