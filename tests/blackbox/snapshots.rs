//! Snapshots that come, go back, or are refused while the old one serves on.

use crate::harness::{
    Installation, Server, court_record, first_list, other_number, ticket, ticket_of, until,
};
use crate::http::{Answer, Request};
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use serde_json::{Value, json};

fn choose(server: &Server, token: &str, file: &str) -> Answer {
    Request::post("/v1/snapshot", json!({"file": file}).to_string())
        .token(token)
        .send(server.ops)
}

fn roll_back(server: &Server, token: &str) -> Answer {
    Request::post("/v1/snapshot/rollback", "")
        .token(token)
        .without("Content-Type")
        .send(server.ops)
}

fn second_list() -> Vec<Value> {
    vec![court_record("fz-court-2", "李明", &other_number())]
}

fn li() -> Value {
    ticket_of("李明", &other_number())
}

#[track_caller]
fn serves(server: &Server, token: &str, id: &str) {
    until("the snapshot serves", || {
        server.snapshot(token)["id"] == json!(id)
    });
}

#[test]
fn a_published_list_serves_by_itself_and_a_rollback_holds() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let first = server.snapshot(token)["id"].as_str().unwrap().to_owned();
    assert_eq!(roll_back(&server, token).status, 409, "none older");
    let second = installation.publish(second_list());
    serves(&server, token, &second);
    assert_eq!(server.ask(token, &ticket()).decision(), "clear");
    assert_eq!(server.ask(token, &li()).decision(), "block");
    assert_eq!(
        server.ask(token, &li()).json()["snapshot"]["id"],
        json!(second)
    );
    let rolled_back = roll_back(&server, token);
    assert_eq!(rolled_back.status, 200, "{}", rolled_back.text());
    assert_eq!(rolled_back.json()["id"], json!(first));
    assert_eq!(rolled_back.json()["pinned"], json!(true));
    assert_eq!(server.ask(token, &ticket()).decision(), "block");
    assert_eq!(roll_back(&server, token).status, 409);
    server.signal("HUP");
    assert!(server.stop().success());
    // Over a restart, although current.json names the second.
    let server = installation.serve();
    assert_eq!(server.snapshot(token)["id"], json!(first));
    // Until a version comes that was not yet seen.
    let third = installation.publish(second_list());
    serves(&server, token, &third);
    assert_eq!(server.snapshot(token)["pinned"], json!(false));
    // Counted once it serves.
    until("the swap is counted", || {
        server.metric("hecha_snapshot_swaps_total{result=\"done\"}") == 1.0
    });
}

#[test]
fn a_snapshot_is_chosen_by_its_bare_name_only() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let other = installation.snapshot(second_list(), |_| ());
    std::fs::write(installation.path("snapshots/other.hecha"), &other).unwrap();
    std::fs::write(installation.path("outside.hecha"), &other).unwrap();
    for file in [
        "../outside.hecha",
        "/etc/passwd",
        "nothing.hecha",
        "",
        ".",
        "current.json",
    ] {
        let answer = choose(&server, token, file);
        assert_eq!(answer.status, 422, "{file}: {}", answer.text());
        assert_eq!(answer.json()["field"], "file");
    }
    assert_eq!(server.ask(token, &li()).decision(), "clear");
    assert_eq!(choose(&server, token, "other.hecha").status, 200);
    assert_eq!(server.ask(token, &li()).decision(), "block");
    assert_eq!(server.snapshot(token)["file"], "other.hecha");
    assert_eq!(server.snapshot(token)["pinned"], json!(true));
}

#[test]
fn damaged_and_foreign_snapshots_are_refused_and_the_old_one_serves_on() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let first = server.snapshot(token)["id"].clone();
    let good = installation.snapshot(second_list(), |_| ());
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("empty".to_owned(), Vec::new()),
        ("text".to_owned(), b"{\"this\":\"is no snapshot\"}".to_vec()),
        ("half".to_owned(), good[..good.len() / 2].to_vec()),
        ("one-byte-short".to_owned(), good[..good.len() - 1].to_vec()),
        ("one-byte-long".to_owned(), [&good[..], b"x"].concat()),
    ];
    let opened = Snapshot::from_bytes(good.clone()).unwrap();
    for section in opened.sections() {
        if !section.range.is_empty() {
            let mut flipped = good.clone();
            flipped[(section.range.start + section.range.end) / 2] ^= 1;
            cases.push((format!("flipped-{}", section.name), flipped));
        }
    }
    for place in [0, 8, 12, 20, 40, 64] {
        let mut flipped = good.clone();
        flipped[place] ^= 0x80;
        cases.push((format!("head-{place}"), flipped));
    }
    let foreign =
        installation.snapshot(second_list(), |inputs| inputs.environment = "other".into());
    cases.push(("environment".to_owned(), foreign));
    let key = MasterKey::create(&installation.path("other.key"), &OsEntropy).unwrap();
    let unknown_key = installation.snapshot(second_list(), |inputs| inputs.master = key);
    cases.push(("key".to_owned(), unknown_key));
    let expired = installation.snapshot(second_list(), |inputs| {
        inputs.expires = Some(inputs.created.plus_hours(-1));
    });
    cases.push(("expired".to_owned(), expired));
    let other_fold = installation.snapshot(second_list(), |inputs| {
        inputs.provenance.fold_version = "another".into();
    });
    cases.push(("fold".to_owned(), other_fold));
    let count = cases.len() as f64;
    for (name, bytes) in cases {
        let file = format!("{name}.hecha");
        std::fs::write(installation.path("snapshots").join(&file), bytes).unwrap();
        let answer = choose(&server, token, &file);
        assert_eq!(answer.status, 422, "{name}: {}", answer.text());
        assert_eq!(server.snapshot(token)["id"], first, "{name}");
    }
    assert_eq!(server.ask(token, &ticket()).decision(), "block");
    assert_eq!(
        server.metric("hecha_snapshot_swaps_total{result=\"refused\"}"),
        count
    );
}

#[test]
fn a_damaged_file_behind_the_pointer_is_refused_until_a_good_one_comes() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let refused = "hecha_snapshot_swaps_total{result=\"refused\"}";
    installation.publish(second_list());
    // The watcher may have been quicker than the damage: begin from what it made of it.
    let pointer = installation.path("snapshots/current.json");
    std::fs::write(&pointer, "{ no pointer").unwrap();
    until("the pointer is refused", || server.metric(refused) >= 1.0);
    let serving = server.snapshot(token)["id"].clone();
    assert!(server.ask(token, &ticket()).status == 200);
    let third = installation.publish(first_list());
    serves(&server, token, &third);
    assert_ne!(json!(third), serving);
    // At a restart a damaged current file gives way to the one before it.
    assert!(server.stop().success());
    let current: Value = serde_json::from_slice(&std::fs::read(&pointer).unwrap()).unwrap();
    let file = installation
        .path("snapshots")
        .join(current["file"].as_str().unwrap());
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let server = installation.serve();
    assert_ne!(server.snapshot(token)["id"], json!(third));
    assert!(server.metric(refused) >= 1.0);
}
