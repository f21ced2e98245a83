//! Logs, drafts and readings that the tests share.

use crate::decision_log::entry::Record;
use crate::decision_log::error::LogError;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::query::{self, Filter};
use crate::decision_log::record::{
    Appended, CheckDraft, CheckId, Context, EventDraft, EventKind, FeedbackAction, FeedbackDraft,
    Relied, Subject,
};
use crate::decision_log::recovery::Recovery;
use crate::decision_log::segment::{self, Header, LogOptions, Syncing};
use crate::decision_log::writer::DecisionLog;
use crate::model::decision::{Decision, Identity, Level};
use crate::model::language::Language;
use crate::model::term::Moment;
use crate::seal::entropy::SeededEntropy;
use crate::seal::keys::MasterKey;
use crate::seal::sign::SigningKey;
use crate::storage::append;
use crate::storage::disk::{Storage, read_all};
use crate::storage::simulated::SimulatedDisk;
use crate::tree::merkle::{self, Hash, leaf_hash};
use crate::tree::note::Checkpoint;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

pub const FOLDER: &str = "/log";

/// 2026-11-22T13:20:00Z.
pub const NOW: Moment = Moment(1_795_353_600_000_000);

pub fn keys() -> LogKeys {
    LogKeys::new(MasterKey::from_bytes([7; 32]))
}

pub fn options(segment_bytes: u64, syncing: Syncing) -> LogOptions {
    LogOptions {
        segment_bytes,
        syncing,
        ..LogOptions::default()
    }
}

pub fn try_open(disk: &SimulatedDisk, seed: u64) -> Result<(DecisionLog, Recovery), LogError> {
    DecisionLog::open(
        Arc::new(disk.clone()),
        Path::new(FOLDER),
        options(8 << 10, Syncing::ByHand),
        keys(),
        Arc::new(SeededEntropy::new(seed)),
        NOW,
    )
}

/// The key that signs checkpoints in tests.
pub fn signer() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// As `try_open`, with a tree.
pub fn try_open_tree(disk: &SimulatedDisk, seed: u64) -> Result<DecisionLog, LogError> {
    let opened = DecisionLog::open(
        Arc::new(disk.clone()),
        Path::new(FOLDER),
        options(8 << 10, Syncing::ByHand),
        keys().with_signer(signer()),
        Arc::new(SeededEntropy::new(seed)),
        NOW,
    );
    opened.map(|(log, _)| log)
}

pub fn open_tree(disk: &SimulatedDisk, seed: u64) -> DecisionLog {
    try_open_tree(disk, seed).unwrap()
}

/// Syncs, and signs a checkpoint over it.
pub fn checkpoint(log: &DecisionLog) -> Checkpoint {
    log.sync_now().unwrap();
    log.checkpoint_now().unwrap();
    newest(log)
}

pub fn newest(log: &DecisionLog) -> Checkpoint {
    let signed = log.tree().unwrap().checkpoint.unwrap();
    signed.checkpoint.clone()
}

/// Hashes of all frames of the log, month by month, from the files alone.
pub fn leaves(disk: &dyn Storage) -> BTreeMap<String, Vec<Hash>> {
    let folder = Path::new(FOLDER);
    let mut leaves: BTreeMap<String, Vec<Hash>> = BTreeMap::new();
    let mut month = String::new();
    for number in segment::numbers(disk, folder).unwrap() {
        let file = disk.open(&folder.join(segment::file_name(number))).unwrap();
        let bytes = read_all(&*file).unwrap();
        let done = append::scan(&bytes, None, |frame| {
            if let Some(header) = Header::read(frame.payload).filter(|_| frame.offset == 0) {
                month = month.clone().max(header.month);
            }
            let from = frame.offset as usize;
            let to = from + append::HEADER_BYTES + frame.payload.len();
            let hash = leaf_hash(&bytes[from..to]);
            leaves.entry(month.clone()).or_default().push(hash);
            Ok::<(), Infallible>(())
        });
        done.unwrap();
    }
    leaves
}

/// Root of hashes, worked out the plain way of RFC 6962.
pub fn plain_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => merkle::empty_root(),
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            merkle::node_hash(&plain_root(left), &plain_root(right))
        }
    }
}

pub fn open(disk: &SimulatedDisk, seed: u64) -> DecisionLog {
    try_open(disk, seed).unwrap().0
}

pub const CONTEXT: Context = Context {
    snapshot: [1; 16],
    catalogue: [2; 16],
    policy: [3; 16],
    overlay_sequence: 12,
    engine: "0.1.0",
};

/// A clear about somebody whose number is not known.
pub fn clear(moment: Moment) -> CheckDraft<'static> {
    CheckDraft {
        moment,
        unit: "rail-12306",
        scenario: "rail.ticket",
        purpose: Some("ticket sale"),
        decision: Decision::Clear,
        level: Level::Kernel,
        context: CONTEXT,
        subject: Subject::Name("张三丰"),
        others: &[],
        language: Language::Zh,
        relied: &[],
        answer_hash: [4; 16],
        request: b"the normalised request",
    }
}

/// A block that relies on one entry.
pub fn block(moment: Moment) -> CheckDraft<'static> {
    CheckDraft {
        decision: Decision::Block,
        level: Level::Disk,
        relied: &[Relied {
            entry_id: "fz-court-000001",
            identity: Identity::Identified,
            measures: &["GF-2015-8/3.1", "GF-2015-8/3.2"],
        }],
        ..clear(moment)
    }
}

pub fn feedback(check_id: CheckId, note: &'static str) -> FeedbackDraft<'static> {
    FeedbackDraft {
        moment: NOW,
        check_id,
        unit: "rail-12306",
        action: FeedbackAction::Enforced,
        note: Some(note),
    }
}

pub fn act() -> EventDraft<'static> {
    EventDraft {
        kind: EventKind::Act,
        moment: NOW,
        unit: Some("court"),
        status: None,
        check_id: None,
        details: &[("act", "withdraw"), ("entry_id", "fz-court-000001")],
    }
}

pub fn append(log: &DecisionLog, draft: &CheckDraft<'_>) -> Appended {
    log.append_check(draft).unwrap()
}

pub fn try_records(disk: &dyn Storage, filter: &Filter) -> Result<Vec<Record>, LogError> {
    let mut records = Vec::new();
    query::read(disk, Path::new(FOLDER), filter, |record| {
        records.push(record);
        ControlFlow::Continue(())
    })?;
    Ok(records)
}

pub fn records(disk: &dyn Storage) -> Vec<Record> {
    try_records(disk, &Filter::default()).unwrap()
}

/// Numbers of all checks, in order.
pub fn check_ids(disk: &dyn Storage) -> Vec<CheckId> {
    let of_check = |record| match record {
        Record::Check(check) => Some(check.check_id),
        _ => None,
    };
    records(disk).into_iter().filter_map(of_check).collect()
}

/// Every byte of every file.
pub fn all_bytes(disk: &dyn Storage) -> Vec<u8> {
    let folder = Path::new(FOLDER);
    let names = disk.list(folder).unwrap();
    let read = |name: &String| read_all(&*disk.open(&folder.join(name)).unwrap()).unwrap();
    names.iter().flat_map(read).collect()
}

pub fn later(microseconds: i64) -> Moment {
    Moment(NOW.0 + microseconds)
}
