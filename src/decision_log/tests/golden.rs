//! Logs of older formats stay readable. `HECHA_WRITE_GOLDEN=1 cargo test golden` writes the file
//! of the present format anew, which only a new format may ask for.

use super::support::*;
use crate::decision_log::entry::Record;
use crate::decision_log::feedback::FeedbackAnswer;
use crate::decision_log::months;
use crate::decision_log::record::{CheckDraft, Subject};
use crate::decision_log::segment::{Header, LogOptions, Syncing};
use crate::decision_log::writer::DecisionLog;
use crate::model::language::Language;
use crate::seal::entropy::SeededEntropy;
use crate::storage::append;
use crate::storage::disk::RealDisk;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NAME: &str = "log-00000001.hlog";
const SECRET: &str = "keys/2026-11.key";

/// Version 1 is of before months had secrets and records flags of language and others; version 2 of
/// before a check named its segment; version 3 is what is written today.
fn golden(version: u32) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(format!("tests/golden/log-{version}"))
}

fn open_real(folder: &Path) -> DecisionLog {
    let options: LogOptions = options(8 << 10, Syncing::ByHand);
    let entropy = Arc::new(SeededEntropy::new(1));
    let opened = DecisionLog::open(Arc::new(RealDisk), folder, options, keys(), entropy, NOW);
    opened.unwrap().0
}

/// The present format's segment and secret, byte for byte the same each time.
fn write_now() -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let log = open_real(folder.path());
    let blocked = append(&log, &block(NOW));
    append(&log, &clear(later(1_500)));
    let others = [Subject::Name("张三丰"), Subject::Name("李四")];
    let english = CheckDraft {
        others: &others,
        language: Language::En,
        ..clear(later(2_500))
    };
    append(&log, &english);
    log.append_feedback(&feedback(blocked.check_id, "refused at the counter"))
        .unwrap();
    log.append_event(&act()).unwrap();
    log.sync_now().unwrap();
    drop(log);
    [NAME, SECRET].map(|name| std::fs::read(folder.path().join(name)).unwrap())
}

#[test]
fn the_golden_log_of_version_3_is_what_is_written_today() {
    let now = write_now();
    for (name, bytes) in [NAME, SECRET].into_iter().zip(now) {
        let path = golden(3).join(name);
        if std::env::var_os("HECHA_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{name} has changed");
    }
}

#[test]
fn the_golden_logs_open_and_give_their_records() {
    for (version, records, check_id) in [(1, 4, CHECK_ID), (2, 5, CHECK_ID_2), (3, 5, CHECK_ID_2)] {
        opens_and_gives_its_records(version, records, check_id);
    }
}

#[test]
fn a_record_says_its_language_and_by_what_else_its_people_are_found() {
    for version in [2, 3] {
        says_its_language_and_people(&golden(version));
    }
}

fn says_its_language_and_people(folder: &Path) {
    let mut checks = Vec::new();
    crate::decision_log::query::read(&RealDisk, folder, &Default::default(), |record| {
        if let Record::Check(check) = record {
            checks.push(check);
        }
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let languages: Vec<Language> = checks.iter().map(|check| check.language).collect();
    assert_eq!(languages, [Language::Zh, Language::Zh, Language::En]);
    assert!(checks[0].others.is_empty() && checks[1].others.is_empty());
    let header = header_of(folder);
    let shard = months::open_shard(&RealDisk, folder, &keys(), &header).unwrap();
    let name = |name: &str| shard.subject.text("name", name.as_bytes());
    // The subject's own digest is not said twice.
    assert_eq!(checks[2].subject, name("张三丰"));
    assert_eq!(checks[2].others, [name("李四")]);
}

fn opens_and_gives_its_records(version: u32, records: u64, check_id: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(golden(version).join(NAME), folder.path().join(NAME)).unwrap();
    if version > 1 {
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::copy(golden(version).join(SECRET), folder.path().join(SECRET)).unwrap();
    }
    let mut read = Vec::new();
    let summary =
        crate::decision_log::query::read(&RealDisk, folder.path(), &Default::default(), |record| {
            read.push(record);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(
        (summary.segments, summary.records, summary.tail),
        (1, records, None)
    );
    let Record::Check(blocked) = &read[0] else {
        panic!("{:?}", read[0]);
    };
    assert_eq!(blocked.check_id.to_string(), check_id);
    assert_eq!((blocked.moment, &*blocked.unit), (NOW, "rail-12306"));
    assert_eq!(&*blocked.relied[0].entry_id, "fz-court-000001");
    let header = header_of(folder.path());
    let shard = months::open_shard(&RealDisk, folder.path(), &keys(), &header).unwrap();
    let request = shard.unseal(&blocked.check_id.0, &blocked.sealed).unwrap();
    assert_eq!(request, b"the normalised request");
    let said = read.iter().find_map(|record| match record {
        Record::Feedback(said) => Some(said),
        _ => None,
    });
    let said = said.unwrap();
    let note = shard.unseal(&said.check_id.0, &said.sealed).unwrap();
    assert_eq!(note, b"refused at the counter");
    let log = open_real(folder.path());
    let again = feedback(blocked.check_id, "refused at the counter");
    let answer = log.append_feedback(&again).unwrap();
    assert_eq!(answer, FeedbackAnswer::Same(said.position));
    append(&log, &clear(NOW));
}

const CHECK_ID: &str = "01a20369-e000-7042-aa47-04ea2d4f54e1";

const CHECK_ID_2: &str = "01a20369-e000-75a3-a8aa-24e7b014e02e";

fn header_of(folder: &Path) -> Header {
    let bytes = std::fs::read(folder.join(NAME)).unwrap();
    match append::decode(&bytes, 0) {
        append::Found::Frame(frame, _) => Header::read(frame.payload).unwrap(),
        other => panic!("{other:?}"),
    }
}
