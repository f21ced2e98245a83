//! Whole runs in the process: acts under way, files of any bytes.

use super::*;
use crate::build::build_records;
use crate::build::inputs::{AsOf, BuildInputs};
use crate::catalogue::load::built_in;
use crate::gateway::client_record::ClientRecord;
use crate::gateway::clients::Clients;
use crate::gateway::view::{Law, Loaded};
use crate::identifier::synthetic;
use crate::intake::validate::parse_record;
use crate::model::entry::{Act, ActKind, EntryId};
use crate::overlay::journal::Journal;
use crate::overlay::standing::Overlay;
use crate::seal::keys::MasterKey;
use crate::snapshot::open::Snapshot;
use crate::storage::disk::RealDisk;
use crate::telemetry::Telemetry;
use proptest::prelude::*;
use std::fs;

fn listed_number() -> String {
    synthetic::citizen_id(990_102, (1980, 3, 7), 123)
}

/// One person, listed by number.
fn view() -> (View, Client) {
    let catalogue = built_in().unwrap();
    let master = || MasterKey::from_bytes([5; 32]);
    let now = Clock::default().now();
    let mut inputs = BuildInputs::new("test", master(), &catalogue, [9; 32], now);
    inputs.as_of = vec![AsOf {
        list: None,
        moment: now,
    }];
    let record = serde_json::json!({
        "entry_id": "court-1", "list": "court-defaulter",
        "subject": {"kind": "person", "name": "张三丰",
                    "ids": [{"type": "citizen_id", "number": listed_number()}]},
        "case_no": "(2025)测9901执1号", "authority": "测试区人民法院",
        "supplier": "测试省高级人民法院", "submitted_at": "2025-03-11T09:00:00+08:00",
        "in_force_from": "2025-03-10", "disclosure": "public", "status": "in_force"
    });
    let record = parse_record(&record.to_string(), &catalogue).unwrap();
    let bytes = build_records(vec![record], &inputs).unwrap();
    let loaded = Loaded::new(Snapshot::from_bytes(bytes).unwrap(), &master(), None);
    let record = ClientRecord {
        unit: "test".into(),
        kind: "enterprise".into(),
        scenarios: vec!["*".into()],
        roles: vec!["checker".into()],
        ..ClientRecord::default()
    };
    let client = Client::new(&record, &catalogue).unwrap();
    let law = Arc::new(Law::new(catalogue, Clients::default(), &Telemetry::new()));
    let overlay = Arc::new(Overlay::default());
    let view = View::new(Arc::new(loaded), law, overlay, now).unwrap();
    (view, client)
}

fn job<'a>(folder: &Path, input: &str, client: &'a Client, clock: &'a Clock) -> Job<'a> {
    let (input, out) = (folder.join(input), folder.join("out.ndjson"));
    Job {
        format_in: Format::of(&input).unwrap(),
        format_out: Format::Ndjson,
        input,
        out,
        given: Given {
            scenario: "rail.ticket".into(),
            attributes: vec![
                ("train_class".into(), "G".into()),
                ("seat_class".into(), "second".into()),
            ],
            kind: Some("person".into()),
            ..Given::default()
        },
        naming: Naming::default(),
        client,
        journal: None,
        recorder: None,
        clock,
        storage: Arc::new(RealDisk),
        block_rows: 2,
    }
}

fn run(job: &Job<'_>, view: View, progress: &mut dyn FnMut(Progress)) -> Result<Report, RunError> {
    let identity = job.identity(hash_of(&job.input).unwrap(), &view);
    job.run(view, identity, progress)
}

#[test]
fn s22_an_act_counts_for_the_rows_behind_it_and_no_row_changes_place() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("张三丰,{}\n", listed_number());
    let text = format!("name,citizen_id\n{}", line.repeat(7));
    fs::write(folder.path().join("base.csv"), text).unwrap();
    let (view, client) = view();
    let clock = Clock::default();
    let path = folder.path().join("acts.journal");
    let mut job = job(folder.path(), "base.csv", &client, &clock);
    job.journal = Some(path.clone());
    let (mut journal, _) = Journal::open(&RealDisk, &path).unwrap();
    let mut acts = [ActKind::Hold, ActKind::Upheld, ActKind::Withdraw].into_iter();
    // Blocks of two: before any act, held, standing again, withdrawn.
    let mut act = |progress| {
        let is_done = matches!(progress, Progress::Done(_));
        if let Some(kind) = is_done.then(|| acts.next()).flatten() {
            let act = Act {
                entry_id: EntryId("court-1".into()),
                kind,
                at: clock.tick(),
                version: None,
            };
            journal
                .append(&act, "test", "a reason", "a reference")
                .unwrap();
        }
    };
    let report = run(&job, view, &mut act).unwrap();
    assert_eq!((report.tally.rows, report.tally.faulty), (7, 0));
    let text = fs::read_to_string(&job.out).unwrap();
    let found: Vec<(u64, String, u64)> = text
        .lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let decision = row["decision"].as_str().unwrap().to_owned();
            (
                row["row"].as_u64().unwrap(),
                decision,
                row["match_count"].as_u64().unwrap(),
            )
        })
        .collect();
    let wanted = [
        (1, "block", 1),
        (2, "block", 1),
        (3, "clear", 0),
        (4, "clear", 0),
        (5, "block", 1),
        (6, "block", 1),
        (7, "clear", 0),
    ];
    let wanted = wanted.map(|(row, decision, count)| (row, decision.to_owned(), count));
    assert_eq!(found, wanted);
}

#[test]
fn a_run_that_stopped_goes_on_behind_what_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..5).map(|row| format!("李四,{row}\n")).collect();
    fs::write(
        folder.path().join("base.csv"),
        format!("name,reference\n{rows}"),
    )
    .unwrap();
    let (view, client) = view();
    let clock = Clock::default();
    let mut job = job(folder.path(), "base.csv", &client, &clock);
    let identity = job.identity(hash_of(&job.input).unwrap(), &view);
    // As an interrupted run leaves it: a part, longer than its checkpoint.
    let begun = Sink::begin(
        Arc::new(RealDisk),
        &job.out,
        Format::Ndjson,
        identity.clone(),
    );
    let Ok(Begun::Open(mut sink)) = begun else {
        panic!("not begun")
    };
    let tally = Tally {
        rows: 3,
        faulty: 1,
        ..Tally::default()
    };
    sink.append(b"first three\n", &tally).unwrap();
    drop(sink);
    job.block_rows = 1;
    let report = job.run(view, identity, &mut |_| ()).unwrap();
    assert_eq!(
        (report.tally.rows, report.tally.faulty, report.resumed),
        (5, 1, 3)
    );
    let text = fs::read_to_string(&job.out).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("first three"));
    for row in [4, 5] {
        assert!(
            lines
                .next()
                .unwrap()
                .starts_with(&format!("{{\"row\":{row},")),
            "{text}"
        );
    }
}

#[test]
fn an_input_that_grows_under_the_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("base.csv"), "name\n李四\n").unwrap();
    let (view, client) = view();
    let clock = Clock::default();
    let job = job(folder.path(), "base.csv", &client, &clock);
    let input = job.input.clone();
    let grown = run(&job, view, &mut |_| {
        fs::write(&input, "name\n李四\n王五\n").unwrap()
    });
    assert!(matches!(grown, Err(RunError::Changed(_))));
    assert!(!job.out.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn files_of_any_bytes_are_screened_or_refused(
        place in 0usize..60,
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        ending in prop::sample::select(vec!["csv", "tsv", "ndjson"]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let separator = if ending == "tsv" { "\t" } else { "," };
        let text = match ending {
            "ndjson" => format!("{{\"name\":\"张三丰\",\"citizen_id\":\"{}\"}}\n", listed_number()),
            _ => format!("name{separator}citizen_id\n张三丰{separator}{}\n", listed_number()),
        };
        let mut whole = text.repeat(3).into_bytes();
        let end = (place + bytes.len()).min(whole.len());
        whole.splice(place.min(end)..end, bytes);
        let name = format!("base.{ending}");
        fs::write(folder.path().join(&name), &whole).unwrap();
        let (view, client) = view();
        let clock = Clock::default();
        let job = job(folder.path(), &name, &client, &clock);
        match run(&job, view, &mut |_| ()) {
            Ok(report) => {
                let text = fs::read_to_string(&job.out).unwrap();
                prop_assert_eq!(text.lines().count() as u64, report.tally.rows);
            }
            Err(RunError::Input(_)) => prop_assert!(!job.out.exists()),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

#[test]
fn a_damaged_table_is_refused_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (1..50).map(|row| format!("李四{row}\n")).collect();
    fs::write(folder.path().join("base.csv"), format!("name\n{rows}")).unwrap();
    let (view, client) = view();
    let clock = Clock::default();
    let mut first = job(folder.path(), "base.csv", &client, &clock);
    first.out = folder.path().join("table.parquet");
    first.format_out = Format::Parquet;
    run(&first, view, &mut |_| ()).unwrap();
    let bytes = fs::read(&first.out).unwrap();
    let naming = Naming {
        renamed: vec![("name".into(), "snapshot".into())],
        passed_over: vec!["*".into()],
    };
    let catalogue = built_in().unwrap();
    let scenario = catalogue.scenario(catalogue.find_scenario("rail.ticket").unwrap());
    let path = folder.path().join("damaged.parquet");
    let (mut whole, mut refused) = (0, 0);
    for place in (4..bytes.len()).step_by(37) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x20;
        fs::write(&path, &damaged).unwrap();
        let given = &first.given;
        let read = Rows::open(&path, Format::Parquet, &naming, scenario, given);
        let read = read.and_then(|(mut rows, _)| rows.block(100));
        match read {
            Ok(_) => whole += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(whole > 0 && refused > 0, "{whole} {refused}");
}
