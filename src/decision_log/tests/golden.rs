//! Logs of older formats stay readable. `HECHA_WRITE_GOLDEN=1 cargo test golden` writes the file
//! of the present format anew, which only a new format may ask for.

use super::support::*;
use crate::decision_log::entry::Record;
use crate::decision_log::feedback::FeedbackAnswer;
use crate::decision_log::record::{CheckDraft, Subject};
use crate::decision_log::segment::{LogOptions, Syncing};
use crate::decision_log::writer::DecisionLog;
use crate::model::language::Language;
use crate::seal::entropy::SeededEntropy;
use crate::seal::keys::KeyId;
use crate::storage::disk::RealDisk;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NAME: &str = "log-00000001.hlog";

/// `log-1` is of before records had flags of language and others; `log-2` is what is written today.
fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(folder)
        .join(NAME)
}

fn open_real(folder: &Path) -> DecisionLog {
    let options: LogOptions = options(8 << 10, Syncing::ByHand);
    let entropy = Arc::new(SeededEntropy::new(1));
    let opened = DecisionLog::open(Arc::new(RealDisk), folder, options, keys(), entropy, NOW);
    opened.unwrap().0
}

/// The present format's file, byte for byte the same each time.
fn write_now() -> Vec<u8> {
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
    std::fs::read(folder.path().join(NAME)).unwrap()
}

#[test]
fn the_newest_golden_log_is_what_is_written_today() {
    let (now, newest) = (write_now(), golden("log-2"));
    if std::env::var_os("HECHA_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(newest.parent().unwrap()).unwrap();
        std::fs::write(&newest, &now).unwrap();
    }
    assert!(
        std::fs::read(newest).unwrap() == now,
        "the format has changed"
    );
}

#[test]
fn a_record_says_its_language_and_by_what_else_its_people_are_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(golden("log-2"), folder.path().join(NAME)).unwrap();
    let mut checks = Vec::new();
    crate::decision_log::query::read(&RealDisk, folder.path(), &Default::default(), |record| {
        if let Record::Check(check) = record {
            checks.push(check);
        }
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let languages: Vec<Language> = checks.iter().map(|check| check.language).collect();
    assert_eq!(languages, [Language::Zh, Language::Zh, Language::En]);
    assert!(checks[0].others.is_empty() && checks[1].others.is_empty());
    let shard = keys().shard(key_id(), &salt_of(&golden("log-2")), "2026-11");
    let name = |name: &str| {
        shard
            .as_ref()
            .unwrap()
            .subject
            .text("name", name.as_bytes())
    };
    // The subject's own digest is not said twice.
    assert_eq!(checks[2].subject, name("张三丰"));
    assert_eq!(checks[2].others, [name("李四")]);
}

#[test]
fn the_golden_log_of_format_1_opens_and_gives_its_records() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(golden("log-1"), folder.path().join(NAME)).unwrap();
    let mut read = Vec::new();
    let summary =
        crate::decision_log::query::read(&RealDisk, folder.path(), &Default::default(), |record| {
            read.push(record);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(
        (summary.segments, summary.records, summary.tail),
        (1, 4, None)
    );
    let Record::Check(blocked) = &read[0] else {
        panic!("{:?}", read[0]);
    };
    assert_eq!(blocked.check_id.to_string(), CHECK_ID);
    assert_eq!((blocked.moment, &*blocked.unit), (NOW, "rail-12306"));
    assert_eq!(&*blocked.relied[0].entry_id, "fz-court-000001");
    let salt = salt_of(&golden("log-1"));
    let shard = keys().shard(key_id(), &salt, "2026-11").unwrap();
    let request = shard.unseal(&blocked.check_id.0, &blocked.sealed).unwrap();
    assert_eq!(request, b"the normalised request");
    let Record::Feedback(said) = &read[2] else {
        panic!("{:?}", read[2]);
    };
    let note = shard.unseal(&said.check_id.0, &said.sealed).unwrap();
    assert_eq!(note, b"refused at the counter");
    let log = open_real(folder.path());
    let again = feedback(blocked.check_id, "refused at the counter");
    let answer = log.append_feedback(&again).unwrap();
    assert_eq!(answer, FeedbackAnswer::Same(said.position));
    append(&log, &clear(NOW));
}

const CHECK_ID: &str = "01a20369-e000-7042-aa47-04ea2d4f54e1";

fn key_id() -> KeyId {
    keys().id()
}

/// The salt stands at the start of the first frame's payload.
fn salt_of(path: &Path) -> [u8; 32] {
    let bytes = std::fs::read(path).unwrap();
    let mut salt = [0; 32];
    salt.copy_from_slice(&bytes[28..60]);
    salt
}
