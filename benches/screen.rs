//! How many rows a second does a bulk run decide and write?
//!
//! A CSV of subjects, one in ten listed by number, one in ten by name alone, against a snapshot of
//! as many entries as said; with and without a decision log. Prints rows a second of the whole run:
//! reading, deciding on all cores, records on the disk, output and checkpoints synced. Beside it,
//! the checks alone on one core: what the rest costs. Asserts that every row is there.
//! `cargo bench --bench screen -- 1000000 1000000` sets entries and rows.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints"
)]

mod corpus;

use hecha::build::assemble::Assembly;
use hecha::build::inputs::{AsOf, BuildInputs, Origin};
use hecha::catalogue::load::built_in;
use hecha::decision_log::keys::LogKeys;
use hecha::decision_log::segment::LogOptions;
use hecha::decision_log::writer::DecisionLog;
use hecha::gateway::client::Client;
use hecha::gateway::client_record::ClientRecord;
use hecha::gateway::clients::Clients;
use hecha::gateway::clock::Clock;
use hecha::gateway::question;
use hecha::gateway::recorder::Recorder;
use hecha::gateway::view::{Law, Loaded, View};
use hecha::model::language::Language;
use hecha::overlay::standing::Overlay;
use hecha::screen::columns::{Given, Naming};
use hecha::screen::rows::Format;
use hecha::screen::run::{BLOCK_ROWS, Job, hash_of};
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use hecha::storage::disk::RealDisk;
use hecha::telemetry::Telemetry;
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEED: u64 = 1;
const BLOCK: u64 = 50_000;
const ALONE: u64 = 50_000;

fn main() {
    let mut sizes = std::env::args().filter_map(|arg| arg.parse::<u64>().ok());
    let entries = sizes.next().unwrap_or(100_000);
    let rows = sizes.next().unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let law = Arc::new(law());
    let loaded = Arc::new(loaded(entries, &law));
    let client = client(&law);
    let input = folder.path().join("base.csv");
    let bytes = write_base(&input, entries, rows);
    let cores = rayon::current_num_threads();
    println!("{entries} entries, {rows} rows ({bytes} bytes of CSV), {cores} cores; rows a second");
    let view = || {
        let overlay = Arc::new(Overlay::default());
        View::new(
            Arc::clone(&loaded),
            Arc::clone(&law),
            overlay,
            Clock::default().now(),
        )
        .unwrap()
    };
    alone(&view(), &client, entries, rows.min(ALONE));
    for (what, ending, is_recorded) in [
        ("to CSV", "csv", false),
        ("to NDJSON", "ndjson", false),
        ("to Parquet", "parquet", false),
        ("to CSV, each row recorded", "csv", true),
    ] {
        let recorder = is_recorded.then(|| recorder(&folder.path().join("log")));
        let out = folder.path().join(format!("out-{is_recorded}.{ending}"));
        let clock = Clock::default();
        let job = Job {
            input: input.clone(),
            format_out: Format::of(&out).unwrap(),
            out,
            format_in: Format::Csv,
            given: given(),
            naming: Naming::default(),
            client: &client,
            journal: None,
            recorder: recorder.as_ref(),
            clock: &clock,
            storage: Arc::new(RealDisk),
            block_rows: BLOCK_ROWS,
        };
        let view = view();
        let started = Instant::now();
        let identity = job.identity(hash_of(&input).unwrap(), &view);
        let report = job.run(view, identity, &mut |_| ()).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!((report.tally.rows, report.tally.faulty), (rows, 0));
        println!("  {what:<28} {:>10.0}", rows as f64 / seconds);
    }
}

/// The same questions on one core, without files.
fn alone(view: &View, client: &Client, entries: u64, rows: u64) {
    let bodies: Vec<String> = (0..rows).map(|row| body(subject(row, entries))).collect();
    let now = Clock::default().now();
    let started = Instant::now();
    let adverse = bodies.iter().filter(|body| {
        let answered = question::answer(view, client, body.as_bytes(), Language::En, now);
        answered.is_ok_and(|answered| answered.outcome.match_count > 0)
    });
    let adverse = adverse.count();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "  {:<28} {:>10.0}",
        "checks alone, one core",
        rows as f64 / seconds
    );
    println!("  ({adverse} of {rows} with a match)");
}

/// Name and number of a row's subject.
fn subject(row: u64, entries: u64) -> (String, String) {
    let record: serde_json::Value =
        serde_json::from_str(&corpus::line(SEED, row * 7 % entries)).unwrap();
    let listed = &record["subject"];
    let name = listed["name"].as_str().unwrap().to_owned();
    let number = listed["ids"][0]["number"].as_str().unwrap().to_owned();
    let is_person = listed["kind"] == "person";
    match row % 10 {
        0 if is_person && !number.contains('*') => (name, number),
        1 if is_person => (name, String::new()),
        _ => {
            let mut random = corpus::Random::new(row);
            (
                corpus::person_name(&mut random),
                corpus::citizen_id(20_000_000 + row),
            )
        }
    }
}

fn body((name, number): (String, String)) -> String {
    let ids = match number.is_empty() {
        true => String::new(),
        false => format!(r#"{{"type":"citizen_id","number":"{number}"}}"#),
    };
    format!(
        r#"{{"scenario":"rail.ticket","attributes":{{"train_class":"G","seat_class":"second"}},
        "subject":{{"kind":"person","name":"{name}","ids":[{ids}]}}}}"#
    )
}

fn write_base(path: &Path, entries: u64, rows: u64) -> u64 {
    let mut out = BufWriter::new(File::create(path).unwrap());
    writeln!(out, "name,citizen_id,reference").unwrap();
    for row in 0..rows {
        let (name, number) = subject(row, entries);
        writeln!(out, "{name},{number},order {row}").unwrap();
    }
    out.flush().unwrap();
    path.metadata().unwrap().len()
}

fn given() -> Given {
    Given {
        scenario: "rail.ticket".into(),
        attributes: vec![
            ("train_class".into(), "G".into()),
            ("seat_class".into(), "second".into()),
        ],
        kind: Some("person".into()),
        ..Given::default()
    }
}

fn loaded(entries: u64, law: &Law) -> Loaded {
    let now = Clock::default().now();
    let catalogue = &law.catalogue;
    let master = || MasterKey::from_bytes([5; 32]);
    let mut inputs = BuildInputs::new("bench", master(), catalogue, [9; 32], now);
    inputs.memory_bytes_max = u64::MAX;
    inputs.as_of = vec![AsOf {
        list: None,
        moment: now,
    }];
    let mut assembly = Assembly::new(&inputs);
    for first in (0..entries).step_by(BLOCK as usize) {
        let places = first..entries.min(first + BLOCK);
        let records = places.into_par_iter().map(|line| {
            let origin = Origin { file: 0, line };
            (origin, corpus::record(SEED, line, catalogue))
        });
        assembly.add(records.collect(), 0).unwrap();
    }
    let arranged = assembly.arrange(0).unwrap();
    let (out, _) = arranged.write(Cursor::new(Vec::new())).unwrap();
    let snapshot = Snapshot::from_bytes(out.into_inner()).unwrap();
    Loaded::new(snapshot, &master(), None)
}

fn law() -> Law {
    Law::new(built_in().unwrap(), Clients::default(), &Telemetry::new())
}

fn client(law: &Law) -> Client {
    let record = ClientRecord {
        unit: "bench".into(),
        kind: "enterprise".into(),
        scenarios: vec!["*".into()],
        roles: vec!["checker".into()],
        ..ClientRecord::default()
    };
    Client::new(&record, &law.catalogue).unwrap()
}

fn recorder(folder: &Path) -> Recorder {
    let keys = LogKeys::new(MasterKey::from_bytes([9; 32]));
    let now = Clock::default().now();
    let log = DecisionLog::open(
        Arc::new(RealDisk),
        folder,
        LogOptions::default(),
        keys,
        Arc::new(OsEntropy),
        now,
    );
    Recorder::new(log.unwrap().0)
}
