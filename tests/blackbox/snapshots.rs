//! Snapshots that come, go back, or are refused while the old one serves on.

use crate::harness::{
    Installation, Server, court_record, first_list, other_number, ticket, ticket_of, until,
};
use crate::http::{Answer, Request};
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use hecha::snapshot::publish;
use hecha::storage::disk::RealDisk;
use hecha::storage::replace;
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

/// A file of so many bytes that takes no room on the disk: a header, then nothing.
fn bomb(installation: &Installation, name: &str, bytes: u64) {
    let good = installation.snapshot(second_list(), |_| ());
    let path = installation.path("snapshots").join(name);
    std::fs::write(&path, &good[..128]).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(bytes).unwrap();
}

/// Most memory that the gateway ever had, in bytes.
fn peak_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}

#[test]
fn a_file_larger_than_memory_is_refused_before_a_byte_of_it_is_read() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let first = server.snapshot(token)["id"].clone();
    bomb(&installation, "bomb.hecha", 1 << 42);
    let before = peak_bytes(&server);
    let answer = choose(&server, token, "bomb.hecha");
    assert_eq!(answer.status, 422, "{}", answer.text());
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("bytes of memory"), "{detail}");
    // Behind the pointer too.
    let good = Snapshot::from_bytes(installation.snapshot(second_list(), |_| ())).unwrap();
    let current = publish::Current::to(&good, "bomb.hecha").unwrap();
    let pointer = installation.path("snapshots").join(publish::POINTER);
    replace::write(&RealDisk, &pointer, &current.to_json()).unwrap();
    let refused = "hecha_snapshot_refused_total{reason=\"memory\"}";
    until("the pointer is refused", || server.metric(refused) >= 2.0);
    assert!(peak_bytes(&server) < before + (64 << 20));
    assert_eq!(server.snapshot(token)["id"], first);
    assert_eq!(server.ask(token, &ticket()).decision(), "block");
}

#[test]
fn a_link_is_no_snapshot_whatever_it_leads_to() {
    let installation = Installation::new();
    let token = &installation.token;
    let server = installation.serve();
    let first = server.snapshot(token)["id"].clone();
    let bytes = installation.snapshot(second_list(), |_| ());
    let good = Snapshot::from_bytes(bytes.clone()).unwrap();
    let folder = installation.path("snapshots");
    std::fs::write(installation.path("outside.hecha"), &bytes).unwrap();
    std::fs::write(folder.join("inside.hecha"), &bytes).unwrap();
    for (name, to) in [
        ("out.hecha", installation.path("outside.hecha")),
        ("in.hecha", "inside.hecha".into()),
        ("device.hecha", "/dev/zero".into()),
        ("nowhere.hecha", "nothing".into()),
    ] {
        std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
        let answer = choose(&server, token, name);
        assert_eq!(answer.status, 422, "{name}: {}", answer.text());
        assert_eq!(answer.json()["field"], "file", "{name}");
    }
    let refused = "hecha_snapshot_refused_total{reason=\"pointer\"}";
    let before = server.metric(refused);
    let current = publish::Current::to(&good, "out.hecha").unwrap();
    replace::write(
        &RealDisk,
        &folder.join(publish::POINTER),
        &current.to_json(),
    )
    .unwrap();
    until("the pointer is refused", || server.metric(refused) > before);
    assert_eq!(server.snapshot(token)["id"], first);
    // The bytes are good: as a file of its own it serves.
    assert_eq!(choose(&server, token, "inside.hecha").status, 200);
    assert_eq!(server.snapshot(token)["id"], json!(good.id().to_string()));
}
