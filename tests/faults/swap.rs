//! A new snapshot every 200 ms under load, damaged ones in between: no request fails, every answer
//! names one snapshot that was published and speaks of its entries alone.

use crate::caller::Caller;
use crate::dice::Dice;
use crate::installation::{Installation, Server, check_of, defaulter, listing};
use crate::kill::number;
use hecha::snapshot::container::{self, ContainerWriter, SectionKind};
use hecha::snapshot::open::Snapshot;
use hecha::snapshot::publish::{Current, POINTER};
use hecha::storage::disk::RealDisk;
use hecha::storage::replace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Snapshots published one after the other.
const VERSIONS: u64 = 16;
const LISTED: usize = 300;
const PAUSE: Duration = Duration::from_millis(200);
/// So often the end is looked for before the test gives up.
const LOOKS_MAX: usize = 3_000;

#[test]
fn swaps_under_load_fail_no_request_and_every_answer_names_one_snapshot() {
    let installation = Installation::new();
    let snapshots: Vec<Snapshot> = (1..=VERSIONS)
        .map(|version| {
            // Every version has entry_ids of its own.
            let records = (0..LISTED).map(|n| defaulter(n, format!("v{version}-{n}")));
            installation.build(records.collect(), version)
        })
        .collect();
    let versions: BTreeMap<String, u64> = (1..)
        .zip(&snapshots)
        .map(|(version, snapshot)| (snapshot.id().to_string(), version))
        .collect();
    assert_eq!(versions.len() as u64, VERSIONS);
    installation.publish(&snapshots[0]);
    let published = Mutex::new(BTreeSet::from([snapshots[0].id().to_string()]));
    let server = installation.start();
    let stop = AtomicBool::new(false);
    let answers = thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|seed| {
                let caller = installation.caller(&server).unwrap();
                let (versions, published, stop) = (&versions, &published, &stop);
                scope.spawn(move || load(caller, seed, versions, published, stop))
            })
            .collect();
        for (place, snapshot) in snapshots.iter().enumerate().skip(1) {
            thread::sleep(PAUSE);
            if place % 2 == 0 {
                publish_damaged(&installation, &snapshots[place - 1], place);
                thread::sleep(PAUSE);
            }
            published.lock().unwrap().insert(snapshot.id().to_string());
            installation.publish(snapshot);
        }
        let last = snapshots.last().unwrap().id().to_string();
        wait_until_served(&installation, &server, &last);
        stop.store(true, Ordering::Relaxed);
        let answers = callers.into_iter().map(|caller| caller.join().unwrap());
        answers.sum::<usize>()
    });
    assert!(answers > 0);
    println!("{answers} answers over {VERSIONS} snapshots, none failed");
}

#[test]
fn a_damaged_snapshot_is_refused_counted_and_never_served() {
    let installation = Installation::new();
    let build = |version: u64| {
        let records = (0..50).map(|n| defaulter(n, format!("v{version}-{n}")));
        installation.build(records.collect(), version)
    };
    let (first, second) = (build(1), build(2));
    installation.publish(&first);
    let server = installation.start();
    let mut operator = installation.operator(&server).unwrap();
    for kind in 0..DAMAGES + sections(&second) {
        let refused_before = refused(&mut operator);
        publish_damaged(&installation, &second, kind);
        let mut looks = 0;
        while refused(&mut operator) <= refused_before {
            looks += 1;
            assert!(looks < LOOKS_MAX, "damage {kind} was not refused");
            thread::sleep(Duration::from_millis(20));
        }
        let serving = operator.get("/v1/snapshot").unwrap();
        assert!(
            String::from_utf8_lossy(&serving.body).contains(&first.id().to_string()),
            "damage {kind}: {}",
            String::from_utf8_lossy(&serving.body)
        );
    }
    installation.publish(&second);
    wait_until_served(&installation, &server, &second.id().to_string());
}

/// Killed at any moment while a swap every 100 ms goes on, and started again.
#[test]
fn a_server_killed_in_mid_swap_comes_back_with_one_whole_snapshot() {
    let rounds = number("HECHA_KILL_ROUNDS", 8);
    let installation = Installation::new();
    let mut dice = Dice::new(number("HECHA_KILL_SEED", 20_261_128));
    let build = |version: u64| {
        let records = (0..60).map(|n| defaulter(n, format!("v{version}-{n}")));
        installation.build(records.collect(), version)
    };
    let first = build(1);
    let mut versions = BTreeMap::from([(first.id().to_string(), 1)]);
    installation.publish(&first);
    let (mut next, mut served_max) = (2, 1);
    for round in 0..rounds {
        let server = installation.start();
        let mut caller = installation.caller(&server).unwrap();
        let reply = caller.post("/v1/check", &check_of(1)).unwrap().json();
        let id = reply["snapshot"]["id"].as_str().unwrap().to_owned();
        let served: u64 = versions[&id];
        assert!(
            served >= served_max,
            "round {round}: {served} after {served_max}"
        );
        assert_eq!(
            reply["matches"][0]["entry_id"],
            format!("v{served}-1"),
            "round {round}"
        );
        for _ in 0..1 + dice.below(3) {
            let snapshot = build(next);
            versions.insert(snapshot.id().to_string(), next);
            installation.publish(&snapshot);
            next += 1;
            // The moment is what is diced; answers of this life count for the next.
            thread::sleep(Duration::from_micros(dice.below(100_000) as u64));
            let reply = caller.post("/v1/check", &check_of(1)).unwrap().json();
            let id = reply["snapshot"]["id"].as_str().unwrap();
            served_max = served_max.max(versions[id]);
        }
        server.kill();
    }
    println!("{rounds} kills in mid-swap, {} snapshots", next - 1);
}

/// Far too little room for a second snapshot: the mapping fails, not the service.
#[test]
fn a_snapshot_that_memory_does_not_hold_is_refused_and_the_old_one_serves_on() {
    let installation = Installation::new();
    let build = |version: u64, count: usize| {
        let records = (0..count).map(|n| defaulter(n, format!("v{version}-{n}")));
        installation.build(records.collect(), version)
    };
    let first = build(1, 100);
    installation.publish(&first);
    let server = installation.start();
    let mut caller = installation.caller(&server).unwrap();
    let mut operator = installation.operator(&server).unwrap();
    caller.post("/v1/check", &check_of(1)).unwrap();
    let second = build(2, 20_000);
    // One snapshot and a half: what it has, and half of what comes.
    let room = server.address_space_bytes() + second.bytes().len() as u64 / 2;
    server.limit_address_space_to(room);
    installation.publish(&second);
    let mut looks = 0;
    while refused(&mut operator) == 0 {
        looks += 1;
        assert!(looks < LOOKS_MAX, "it was not refused");
        let reply = caller.post("/v1/check", &check_of(1)).unwrap();
        assert_eq!(reply.json()["snapshot"]["id"], first.id().to_string());
        thread::sleep(Duration::from_millis(20));
    }
    for n in 0..200 {
        let reply = caller.post("/v1/check", &check_of(n)).unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["snapshot"]["id"], first.id().to_string());
    }
}

/// Checks, one and many, until told to stop; returns how many answers came.
fn load(
    mut caller: Caller,
    seed: u64,
    versions: &BTreeMap<String, u64>,
    published: &Mutex<BTreeSet<String>>,
    stop: &AtomicBool,
) -> usize {
    let mut dice = Dice::new(seed);
    let mut answers = 0;
    while !stop.load(Ordering::Relaxed) {
        if dice.chance(70) {
            let n = dice.below(2 * LISTED);
            let reply = caller.post("/v1/check", &check_of(n)).unwrap();
            assert_eq!(
                reply.status,
                200,
                "{}",
                String::from_utf8_lossy(&reply.body)
            );
            let id = names_one(&reply.json(), n, versions);
            assert!(
                published.lock().unwrap().contains(&id),
                "{id} before it was published"
            );
            answers += 1;
        } else {
            let asked: Vec<usize> = (0..20).map(|_| dice.below(2 * LISTED)).collect();
            let checks: Vec<Value> = asked.iter().map(|n| check_of(*n)).collect();
            let reply = caller
                .post("/v1/checks", &json!({"checks": checks}))
                .unwrap();
            assert_eq!(
                reply.status,
                200,
                "{}",
                String::from_utf8_lossy(&reply.body)
            );
            let body = reply.json();
            let items = body["answers"].as_array().unwrap();
            assert_eq!(items.len(), asked.len());
            let ids: BTreeSet<String> = items
                .iter()
                .zip(asked)
                .map(|(answer, n)| names_one(answer, n, versions))
                .collect();
            assert_eq!(ids.len(), 1, "one array, several snapshots: {ids:?}");
            answers += items.len();
        }
    }
    answers
}

/// The snapshot an answer names; its matches must be of that snapshot.
fn names_one(answer: &Value, n: usize, versions: &BTreeMap<String, u64>) -> String {
    let id = answer["snapshot"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    let version = versions
        .get(id)
        .unwrap_or_else(|| panic!("{id} was never published"));
    if n < LISTED {
        assert_eq!(answer["decision"], "block", "{answer}");
        assert_eq!(
            answer["matches"][0]["entry_id"],
            format!("v{version}-{n}"),
            "{answer}"
        );
    } else {
        assert_eq!(answer["match_count"], 0, "{answer}");
    }
    id.to_string()
}

/// Ways to damage a file, besides a flipped bit in each of its sections.
const DAMAGES: usize = 7;

fn sections(snapshot: &Snapshot) -> usize {
    let layout = container::check(snapshot.bytes()).unwrap();
    assert!(layout.sections.len() > 5);
    layout.sections.len()
}

/// The same file with one more section, of which it says that a reader must know it.
fn with_unknown_section(whole: &[u8]) -> Vec<u8> {
    let layout = container::check(whole).unwrap();
    let manifest = whole[layout.manifest.clone()].to_vec();
    let count = layout.sections.len() + 1;
    let mut writer = ContainerWriter::start(Cursor::new(Vec::new()), manifest, count).unwrap();
    for section in layout.sections {
        let kind = SectionKind {
            name: section.name.leak(),
            version: section.version,
            item_bytes: section.item_bytes,
        };
        writer
            .raw_section(kind, section.required, &whole[section.range])
            .unwrap();
    }
    let unknown = SectionKind {
        name: "of a later version",
        version: 1,
        item_bytes: 1,
    };
    writer.raw_section(unknown, true, b"?").unwrap();
    writer.finish().unwrap().0.into_inner()
}

/// Puts a damaged copy of `snapshot` beside the pointer and points at it, as no tool of ours would.
fn publish_damaged(installation: &Installation, snapshot: &Snapshot, kind: usize) {
    let whole = snapshot.bytes();
    let mut bytes = whole.to_vec();
    match kind {
        0 => bytes.clear(),
        1 => bytes.truncate(whole.len() / 2),
        2 => bytes.truncate(whole.len() - 1),
        // The format's version follows the magic.
        3 => bytes[8] ^= 0x40,
        4 => bytes[0] ^= 1,
        5 => bytes[whole.len() - 9] ^= 0x80,
        6 => bytes = with_unknown_section(whole),
        _ => {
            let section = container::check(whole).unwrap().sections[kind - DAMAGES].clone();
            // An empty section has no bit to flip: its place in the table is damaged instead.
            let place = if section.range.is_empty() {
                whole.len() - 17
            } else {
                section.range.start + section.range.len() / 2
            };
            bytes[place] ^= 1;
        }
    }
    let folder = installation.snapshot_dir();
    let file = format!("damaged-{kind}-{}.hecha", listing(&folder).len());
    fs::write(folder.join(&file), &bytes).unwrap();
    let mut current = Current::to(snapshot, &file).unwrap();
    // The pointer fits the damaged file: what is inside must give it away.
    current.blake3 = *blake3::hash(&bytes).as_bytes();
    current.bytes = bytes.len() as u64;
    current.version += 1_000;
    replace::write(&RealDisk, &folder.join(POINTER), &current.to_json()).unwrap();
}

fn wait_until_served(installation: &Installation, server: &Server, id: &str) {
    let mut caller = installation.caller(server).unwrap();
    for _ in 0..LOOKS_MAX {
        let reply = caller.post("/v1/check", &check_of(0)).unwrap();
        if reply.json()["snapshot"]["id"] == id {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{id} is never served");
}

/// Snapshots refused so far.
fn refused(operator: &mut Caller) -> u64 {
    let reply = operator.get("/metrics").unwrap();
    let text = String::from_utf8(reply.body).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("hecha_snapshot_swaps_total") && line.contains("refused"));
    line.and_then(|line| line.rsplit(' ').next())
        .map_or(0, |value| value.parse().unwrap())
}
