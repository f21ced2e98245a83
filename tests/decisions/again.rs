//! Random worlds answered and recorded, then decided again from what lies on the disk: the log's
//! sealed parts, the kept law, the snapshot files.

use crate::naive::law::Law;
use crate::worlds::{self, Trial};
use crate::written;
use hecha::build;
use hecha::build::inputs::{AsOf, BuildInputs};
use hecha::catalogue::load;
use hecha::decision_log::entry::{CheckRecord, Record};
use hecha::decision_log::keys::LogKeys;
use hecha::decision_log::months;
use hecha::decision_log::query::{self, Filter};
use hecha::decision_log::segment::LogOptions;
use hecha::decision_log::writer::DecisionLog;
use hecha::gateway::client::Client;
use hecha::gateway::client_record::ClientRecord;
use hecha::gateway::clients::Clients;
use hecha::gateway::kept::Kept;
use hecha::gateway::operator::Operator;
use hecha::gateway::question::{self, Asker};
use hecha::gateway::recorder::Recorder;
use hecha::gateway::replay::{self, Replayer, Shelf, Sources, Stage, Verdict};
use hecha::gateway::view::{self, Loaded, View};
use hecha::model::language::Language;
use hecha::model::term::Moment;
use hecha::overlay::record::JournalEntry;
use hecha::overlay::standing::Overlay;
use hecha::seal::entropy::SeededEntropy;
use hecha::seal::keys::MasterKey;
use hecha::snapshot::open::Snapshot;
use hecha::storage::disk::RealDisk;
use hecha::telemetry::Telemetry;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

const TRIALS: u64 = 250;
const FIRST_SEED: u64 = 55_000_000;

fn master() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

fn log_keys() -> LogKeys {
    LogKeys::new(MasterKey::from_bytes([3; 32]))
}

fn client_record(trial: &Trial, seed: u64) -> ClientRecord {
    let client = &trial.world.client;
    ClientRecord {
        unit: format!("示例单位{}", seed % 3),
        kind: client.kind.name().to_owned(),
        scenarios: vec!["*".to_owned()],
        roles: vec!["checker".to_owned()],
        adopts: client.adopts.iter().cloned().collect(),
        masked_id: client.masked_id_blocks.then(|| "block".to_owned()),
        level: seed.is_multiple_of(4).then(|| "disk".to_owned()),
        fields: seed
            .is_multiple_of(5)
            .then(|| vec!["entry_id".to_owned(), "identity".to_owned()]),
        operator_required: seed.is_multiple_of(2),
        ..ClientRecord::default()
    }
}

fn journal(trial: &Trial) -> Vec<JournalEntry> {
    let acts = trial.world.acts.iter();
    acts.map(|act| JournalEntry::new(act.clone(), "court", "a reason", "letter 7"))
        .collect()
}

fn snapshot(trial: &Trial, catalogue: &hecha::catalogue::measure::Catalogue) -> Snapshot {
    let mut inputs = BuildInputs::new("test", master(), catalogue, [9; 32], Moment(0));
    let as_of = trial.world.list_as_of.iter();
    inputs.as_of = as_of
        .map(|(list, moment)| AsOf {
            list: Some(list.as_str().into()),
            moment: *moment,
        })
        .collect();
    let bytes = build::build_records(trial.world.records.clone(), &inputs).unwrap();
    Snapshot::from_bytes(bytes).unwrap()
}

/// Answers the trial, records the answer, keeps what a replay needs.
fn live(
    trial: &Trial,
    seed: u64,
    law: &Arc<view::Law>,
    recorder: &Recorder,
    folder: &Path,
) -> &'static str {
    let catalogue = &law.catalogue;
    let record = client_record(trial, seed);
    let kept = Kept::new(&folder.join("kept"));
    kept.keep(&RealDisk, catalogue, [&record]).unwrap();
    let client = Client::new(&record, catalogue).unwrap();
    let snapshot = snapshot(trial, catalogue);
    let file = folder
        .join("snapshots")
        .join(format!("1-{}.hecha", snapshot.id()));
    std::fs::write(file, snapshot.bytes()).unwrap();
    let loaded = Arc::new(Loaded::new(snapshot, &master(), None));
    let overlay = Arc::new(Overlay::from_journal(journal(trial)));
    let view = View::new(loaded, Arc::clone(law), overlay, trial.now).unwrap();
    let asker = Asker {
        client: &client,
        operator: &Operator::Named(format!("window {seed}").into()),
        language: if seed.is_multiple_of(3) {
            Language::En
        } else {
            Language::Zh
        },
    };
    let body = written::request(catalogue, &trial.question).to_string();
    let answered = question::answer_asker(&view, asker, body.as_bytes(), trial.now).unwrap();
    recorder
        .check(&view, &client, &answered, trial.now)
        .unwrap();
    answered.outcome.decision.name()
}

/// All checks of the log with their opened requests, in order.
fn logged(log: &Path) -> Vec<(Box<CheckRecord>, Vec<u8>)> {
    let mut found = Vec::new();
    query::read_by_segment(&RealDisk, log, &Filter::default(), |header, record| {
        if let Record::Check(check) = record {
            let shard = months::open_shard(&RealDisk, log, &log_keys(), header).unwrap();
            let plain = shard.unseal(&check.check_id.0, &check.sealed).unwrap();
            found.push((check, plain));
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

#[test]
fn every_recorded_answer_of_random_worlds_comes_out_again_byte_for_byte() {
    let naive = Law::of_project();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("snapshots")).unwrap();
    let (catalogue, telemetry) = (load::built_in().unwrap(), Telemetry::new());
    let law = Arc::new(view::Law::new(catalogue, Clients::default(), &telemetry));
    let trials: Vec<(u64, Trial)> = (FIRST_SEED..FIRST_SEED + TRIALS)
        .map(|seed| (seed, worlds::trial(&naive, seed)))
        .collect();
    let log = folder.join("log");
    let options = LogOptions {
        segment_bytes: 1 << 20,
        ..LogOptions::default()
    };
    let entropy = Arc::new(SeededEntropy::new(1));
    let begun = trials[0].1.now;
    let disk = Arc::new(RealDisk);
    let (opened, _) = DecisionLog::open(disk, &log, options, log_keys(), entropy, begun).unwrap();
    let recorder = Recorder::new(opened);
    let mut decisions: BTreeMap<&str, u32> = BTreeMap::new();
    for (seed, trial) in &trials {
        let decision = live(trial, *seed, &law, &recorder, folder);
        *decisions.entry(decision).or_default() += 1;
    }
    assert_eq!(decisions.len(), 5, "{decisions:?}");
    recorder.log().sync_now().unwrap();

    let logged = logged(&log);
    assert_eq!(logged.len(), trials.len());
    for ((record, plain), (seed, trial)) in logged.iter().zip(&trials) {
        let mut replayer = Replayer::new(Sources {
            kept: Kept::new(&folder.join("kept")),
            shelf: Shelf::new(Some(&folder.join("snapshots")), &[]),
            masters: vec![master()],
            acts: journal(trial),
        });
        let view = replayer.view(Stage::of(record), record.moment).unwrap();
        let client = replayer.client(record).unwrap();
        let again = replay::decide(&view, &client, record, plain);
        let body = again.body.map(|body| String::from_utf8(body).unwrap());
        assert_eq!(again.verdict, Verdict::Equal, "seed {seed}: {body:?}");
    }
}
