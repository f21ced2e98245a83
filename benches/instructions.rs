//! How many instructions does each part of the hot path take? A figure that no other program on the
//! machine can move, so a regression shows where times are noise.
//!
//! `cargo bench --bench instructions` runs each part of this program under `valgrind
//! --tool=callgrind`, prints instructions a call beside `benches/record/instructions.tsv`, and
//! fails where one is a twentieth above its record; `HECHA_RECORD=1` writes the record anew.
//! Valgrind knows no SHA extensions: a compression of SHA-256 counts 3,370 here and takes some
//! 50 ns on a processor that has them. Without valgrind it says so and measures nothing.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
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
use hecha::gateway::question::{self, Answered};
use hecha::gateway::recorder::Recorder;
use hecha::gateway::view::{Law, Loaded, View};
use hecha::http::framing::Framing;
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::overlay::standing::Overlay;
use hecha::seal::entropy::OsEntropy;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use hecha::storage::disk::RealDisk;
use hecha::telemetry::Telemetry;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Cursor;
use std::process::{Command, ExitCode};
use std::sync::Arc;

const ENTRIES: u64 = 50_000;
const CALLS: u64 = 2_000;
/// Calls before those that are counted.
const WARM_UP: u64 = 500;
const RECORD: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/benches/record/instructions.tsv"
);
const PARTS: [&str; 6] = [
    "http framing of a request",
    "check, number not listed",
    "check, number listed",
    "check, name of a person alone",
    "check, name of an organisation alone",
    "log record of a check",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--part") {
        let part: usize = arguments[place + 1].parse().unwrap();
        run(part, CALLS);
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` runs this too, without the flag: only to see that it works.
    if !arguments.iter().any(|argument| argument == "--bench") {
        (0..PARTS.len()).for_each(|part| run(part, 2));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: nothing is measured");
        return ExitCode::SUCCESS;
    }
    measure()
}

fn measure() -> ExitCode {
    let record = std::fs::read_to_string(RECORD).unwrap_or_default();
    let record: BTreeMap<&str, u64> = record
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(part, count)| Some((part, count.parse().ok()?)))
        .collect();
    println!("{:40} {:>12} {:>12}", "part", "instructions", "record");
    let mut text = String::from(
        "# Instructions a call of parts of the hot path, by `cargo bench --bench instructions`.\n",
    );
    let mut is_worse = false;
    for (place, part) in PARTS.iter().enumerate() {
        let count = count(place);
        let known = record.get(part).copied();
        let shown = known.map_or("none".to_owned(), |known| known.to_string());
        println!("{part:40} {count:12} {shown:>12}");
        writeln!(text, "{part}\t{count}").unwrap();
        is_worse |= known.is_some_and(|known| count > known + known / 20);
    }
    if std::env::var_os("HECHA_RECORD").is_some() {
        std::fs::write(RECORD, text).unwrap();
    } else if is_worse {
        println!("more than a twentieth above the record: find out why, or HECHA_RECORD=1");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Instructions of one call.
fn count(part: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("callgrind.out");
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg("--toggle-collect=*instructions::counted*")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--part", &part.to_string()])
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let text = std::fs::read_to_string(&out).unwrap();
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .unwrap();
    let total: u64 = total.trim().parse().unwrap();
    assert!(total > 0, "the counted function was found");
    total / CALLS
}

/// What is counted; nothing else is.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

fn run(part: usize, calls: u64) {
    let mut work: Box<dyn FnMut()> = match part {
        0 => framing(),
        1..=4 => check(part),
        _ => logged(),
    };
    for _ in 0..WARM_UP.min(calls * 10) {
        work();
    }
    for _ in 0..calls {
        counted(&mut work);
    }
}

fn framing() -> Box<dyn FnMut()> {
    let body = body(
        "rail.ticket",
        "person",
        Some(&corpus::citizen_id(1)),
        "张伟",
    );
    let head = format!(
        "POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1:8444\r\nAuthorization: Bearer hecha_{:064}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        7,
        body.len()
    );
    let bytes = [head.into_bytes(), body].concat();
    let mut framing = Framing::default();
    Box::new(move || framing.pass(black_box(&bytes)).unwrap())
}

fn check(part: usize) -> Box<dyn FnMut()> {
    let setting = Setting::new();
    let bodies = match part {
        1 => bodies(|place| {
            let number = corpus::citizen_id(20_000_000 + place);
            Some(body("rail.ticket", "person", Some(&number), "欧阳明"))
        }),
        2 => bodies(|place| {
            let (kind, number, name) = listed(place)?;
            let number = number.filter(|_| kind == "person")?;
            Some(body("rail.ticket", "person", Some(&number), &name))
        }),
        3 => bodies(|place| {
            let (kind, _, name) = listed(place)?;
            (kind == "person").then(|| body("rail.ticket", "person", None, &name))
        }),
        _ => bodies(|place| {
            let (kind, _, name) = listed(place)?;
            (kind == "organisation")
                .then(|| body("procurement.supplier", "organisation", None, &name))
        }),
    };
    let mut next = 0;
    Box::new(move || {
        let body = &bodies[next % bodies.len()];
        next += 1;
        black_box(setting.answer(body));
    })
}

fn logged() -> Box<dyn FnMut()> {
    let setting = Setting::new();
    let folder = tempfile::tempdir().unwrap();
    let keys = LogKeys::new(MasterKey::from_bytes([6; 32]));
    let options = LogOptions::default();
    let (disk, entropy) = (Arc::new(RealDisk), Arc::new(OsEntropy));
    let (log, _) =
        DecisionLog::open(disk, folder.path(), options, keys, entropy, setting.now).unwrap();
    let recorder = Recorder::new(log);
    let number = corpus::citizen_id(20_000_000);
    let answered = setting.answer(&body("rail.ticket", "person", Some(&number), "欧阳明"));
    Box::new(move || {
        let _kept = &folder;
        let recorded = recorder.check(&setting.view, &setting.client, &answered, setting.now);
        recorder.flush(recorded.unwrap().position).unwrap();
    })
}

/// Kind, full number and name of the subject of a record.
fn listed(place: u64) -> Option<(String, Option<String>, String)> {
    let record: serde_json::Value = serde_json::from_str(&corpus::line(1, place)).ok()?;
    let subject = &record["subject"];
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let number = text(&subject["ids"][0]["number"]);
    let number = number.filter(|number| !number.contains('*'));
    Some((text(&subject["kind"])?, number, text(&subject["name"])?))
}

fn bodies(of: impl Fn(u64) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    (0..ENTRIES).filter_map(of).take(1_000).collect()
}

fn body(scenario: &str, kind: &str, number: Option<&str>, name: &str) -> Vec<u8> {
    let ids = number.map_or(String::new(), |number| {
        format!(r#"{{"type":"citizen_id","number":"{number}"}}"#)
    });
    let attributes = match scenario {
        "rail.ticket" => r#""attributes":{"train_class":"G","seat_class":"second"},"#,
        _ => r#""attributes":{"stage":"register"},"#,
    };
    let subject = format!(r#"{{"kind":"{kind}","name":"{name}","ids":[{ids}]}}"#);
    let rest = r#""purpose":"ticket sale","reference":"order 1"}"#;
    format!(r#"{{"scenario":"{scenario}",{attributes}"subject":{subject},{rest}"#).into_bytes()
}

struct Setting {
    view: View,
    client: Client,
    now: Moment,
}

impl Setting {
    fn new() -> Self {
        let now = Moment::parse("2026-11-22T12:00:00+08:00").unwrap();
        let catalogue = built_in().unwrap();
        let master = || MasterKey::from_bytes([5; 32]);
        let mut inputs = BuildInputs::new("bench", master(), &catalogue, [9; 32], now);
        inputs.as_of = vec![AsOf {
            list: None,
            moment: now,
        }];
        let mut assembly = Assembly::new(&inputs);
        let records = (0..ENTRIES).map(|line| {
            let record = corpus::record(1, line, &catalogue);
            (Origin { file: 0, line }, record)
        });
        assembly.add(records.collect(), 0).unwrap();
        let arranged = assembly.arrange(0).unwrap();
        let (out, _) = arranged.write(Cursor::new(Vec::new())).unwrap();
        let snapshot = Snapshot::from_bytes(out.into_inner()).unwrap();
        let record = ClientRecord {
            unit: "bench".into(),
            kind: "enterprise".into(),
            scenarios: vec!["*".into()],
            roles: vec!["checker".into()],
            ..ClientRecord::default()
        };
        let client = Client::new(&record, &catalogue).unwrap();
        let law = Law::new(catalogue, Clients::default(), &Telemetry::new());
        let loaded = Arc::new(Loaded::new(snapshot, &master(), None));
        let overlay = Arc::new(Overlay::default());
        let view = View::new(loaded, Arc::new(law), overlay, now).unwrap();
        Self { view, client, now }
    }

    fn answer(&self, body: &[u8]) -> Answered {
        match question::answer(&self.view, &self.client, body, Language::Zh, self.now) {
            Ok(answered) => answered,
            Err(problem) => panic!("{}", String::from_utf8_lossy(&problem.to_body())),
        }
    }
}
