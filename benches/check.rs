//! What does a whole check cost in the process, from the bytes of a body to those of the answer?
//!
//! `cargo bench --bench check -- 1000000`: a list of so many entries, made here, and three
//! questions: nobody listed, a listed number, a listed name alone. Beside it, the same JSON parsed
//! and nothing else: the floor of any service.
//!
//! `cargo bench --bench check -- --load FOLDER [--load FOLDER]`: the snapshots and requests of
//! `loadtest/run.sh` in these folders (`loadtest/run.sh check` makes two of them first), by number
//! that misses and hits, by name of persons and of organisations; then what the last folder costs
//! beside the first. Cache misses are those of callgrind's model of this machine's caches, for
//! virtual machines count none; the first level and the last, reads and writes, cold as in service:
//! each request is asked once.
//!
//! Prints nanoseconds (median and best of the rounds) and heap allocations a check. `unsafe` only
//! to count allocations. `HECHA_RECORD=1` writes `benches/record/check.tsv` (of `--load`).

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    unsafe_code,
    reason = "a bench prints, and counts what the allocator is asked"
)]

mod corpus;
mod counting;
#[path = "check_loaded.rs"]
mod loaded;

use hecha::build::assemble::Assembly;
use hecha::build::inputs::{AsOf, BuildInputs, Origin};
use hecha::catalogue::load::built_in;
use hecha::gateway::client::Client;
use hecha::gateway::client_record::ClientRecord;
use hecha::gateway::clients::Clients;
use hecha::gateway::question;
use hecha::gateway::view::{Law, Loaded, View};
use hecha::model::decision::Decision;
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::overlay::standing::Overlay;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use hecha::telemetry::Telemetry;
use rayon::prelude::*;
use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const SEED: u64 = 1;
const BLOCK: u64 = 50_000;
const CHECKS: usize = 100_000;
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, folder, kind, ..] = &*arguments
        && flag == "--misses-of"
    {
        return loaded::ask_once(Path::new(folder), kind);
    }
    let pairs = arguments.windows(2);
    let folders: Vec<&Path> = pairs
        .filter(|pair| pair[0] == "--load")
        .map(|pair| Path::new(&pair[1]))
        .collect();
    if !folders.is_empty() {
        return loaded::measure(&folders);
    }
    let entries = arguments
        .iter()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(1_000_000u64);
    let now = Moment::parse("2026-11-22T12:00:00+08:00").unwrap();
    let (view, client) = view(entries, now);
    println!(
        "{entries} entries; ns a check (median, best of {ROUNDS} rounds), allocations a check"
    );
    let misses = bodies(|place| {
        (
            corpus::citizen_id(20_000_000 + place),
            "欧阳无此人".to_owned(),
        )
    });
    ask("number not listed", &view, &client, now, &misses);
    let listed: Vec<(String, String)> = (0..entries.min(200_000))
        .filter_map(|place| listed_person(SEED, place))
        .collect();
    let hits = bodies(|place| listed[place as usize % listed.len()].clone());
    ask("number listed", &view, &client, now, &hits);
    let named: Vec<Vec<u8>> = listed
        .iter()
        .cycle()
        .take(CHECKS)
        .map(|(_, name)| body(None, name))
        .collect();
    ask("name alone, listed", &view, &client, now, &named);
    parse_alone(&hits);
}

/// Number and name of a person whose record shows the number in full.
fn listed_person(seed: u64, place: u64) -> Option<(String, String)> {
    let record: serde_json::Value = serde_json::from_str(&corpus::line(seed, place)).unwrap();
    let subject = &record["subject"];
    let number = subject["ids"][0]["number"].as_str()?;
    let is_full = subject["kind"] == "person"
        && subject["ids"][0]["type"] == "citizen_id"
        && !number.contains('*');
    is_full.then(|| {
        (
            number.to_owned(),
            subject["name"].as_str().unwrap_or("").to_owned(),
        )
    })
}

fn bodies(person: impl Fn(u64) -> (String, String)) -> Vec<Vec<u8>> {
    (0..CHECKS as u64)
        .map(|place| {
            let (number, name) = person(place);
            body(Some(&number), &name)
        })
        .collect()
}

fn body(number: Option<&str>, name: &str) -> Vec<u8> {
    let ids = number.map_or(String::new(), |number| {
        format!(r#"{{"type":"citizen_id","number":"{number}"}}"#)
    });
    let subject = format!(r#"{{"kind":"person","name":"{name}","ids":[{ids}]}}"#);
    let attributes = r#"{"train_class":"G","seat_class":"second"}"#;
    let rest = r#""purpose":"ticket sale","reference":"order 1"}"#;
    let head = format!(r#"{{"scenario":"rail.ticket","attributes":{attributes},"#);
    format!(r#"{head}"subject":{subject},{rest}"#).into_bytes()
}

fn ask(title: &str, view: &View, client: &Client, now: Moment, bodies: &[Vec<u8>]) -> Cost {
    let mut rounds = Vec::new();
    let mut allocations = 0;
    let mut decisions = [0u64; Decision::ALL.len()];
    let mut matches = 0u64;
    for round in 0..=ROUNDS {
        let before = counting::allocations();
        let started = Instant::now();
        for body in bodies {
            let answered = question::answer(view, client, body, Language::Zh, now);
            let Ok(answered) = black_box(answered) else {
                continue;
            };
            decisions[answered.outcome.decision as usize] += 1;
            matches += u64::from(answered.outcome.match_count);
        }
        let elapsed = started.elapsed().as_nanos() as f64 / bodies.len() as f64;
        allocations = counting::allocations() - before;
        // The first round warms up.
        if round > 0 {
            rounds.push(elapsed);
        }
    }
    let answered: u64 = decisions.iter().sum();
    assert_eq!(
        answered,
        (bodies.len() * (ROUNDS + 1)) as u64,
        "every body is answered"
    );
    rounds.sort_by(f64::total_cmp);
    let shares: Vec<String> = Decision::ALL
        .iter()
        .zip(decisions)
        .filter(|(_, count)| *count > 0)
        .map(|(decision, count)| format!("{} {}%", decision.name(), 100 * count / answered))
        .collect();
    let cost = Cost {
        median_ns: rounds[rounds.len() / 2],
        allocations: allocations as f64 / bodies.len() as f64,
    };
    println!(
        "{title:24} {:8.0} ns {:8.0} ns {:6.1} allocations   {:.1} matches   {}",
        cost.median_ns,
        rounds[0],
        cost.allocations,
        matches as f64 / answered as f64,
        shares.join(", ")
    );
    cost
}

/// What a check costs.
struct Cost {
    median_ns: f64,
    allocations: f64,
}

fn parse_alone(bodies: &[Vec<u8>]) {
    let started = Instant::now();
    for body in bodies {
        black_box(serde_json::from_slice::<serde_json::Value>(body).unwrap());
    }
    let elapsed = started.elapsed().as_nanos() as f64 / bodies.len() as f64;
    println!("{:24} {elapsed:8.0} ns", "the same JSON parsed");
}

fn view(entries: u64, now: Moment) -> (View, Client) {
    let catalogue = built_in().unwrap();
    let master = || MasterKey::from_bytes([5; 32]);
    let mut inputs = BuildInputs::new("bench", master(), &catalogue, [9; 32], now);
    inputs.memory_bytes_max = u64::MAX;
    inputs.as_of = vec![AsOf {
        list: None,
        moment: now,
    }];
    let mut assembly = Assembly::new(&inputs);
    for first in (0..entries).step_by(BLOCK as usize) {
        let places = first..entries.min(first + BLOCK);
        let records = places.into_par_iter().map(|line| {
            (
                Origin { file: 0, line },
                corpus::record(SEED, line, &catalogue),
            )
        });
        assembly.add(records.collect(), 0).unwrap();
    }
    let arranged = assembly.arrange(0).unwrap();
    let (out, _) = arranged.write(Cursor::new(Vec::new())).unwrap();
    let snapshot = Snapshot::from_bytes(out.into_inner()).unwrap();
    view_of(snapshot, &master(), now)
}

/// What serves a snapshot, and a unit that may ask anything.
fn view_of(snapshot: Snapshot, master: &MasterKey, now: Moment) -> (View, Client) {
    let catalogue = built_in().unwrap();
    let record = ClientRecord {
        unit: "bench".into(),
        kind: "enterprise".into(),
        scenarios: vec!["*".into()],
        roles: vec!["checker".into()],
        ..ClientRecord::default()
    };
    let client = Client::new(&record, &catalogue).unwrap();
    let law = Law::new(catalogue, Clients::default(), &Telemetry::new());
    let loaded = Loaded::new(snapshot, master, None);
    let overlay = Arc::new(Overlay::default());
    (
        View::new(Arc::new(loaded), Arc::new(law), overlay, now).unwrap(),
        client,
    )
}
