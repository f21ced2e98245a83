//! Who asked about a person, against a naive scan: with side files, without, damaged, being made.

use super::support::{
    FOLDER, NOW, append, block, check_ids, clear, feedback, keys, later, open, try_open,
    try_records,
};
use crate::decision_log::by_check;
use crate::decision_log::entry::{CheckRecord, Record};
use crate::decision_log::keys::LogKeys;
use crate::decision_log::months;
use crate::decision_log::query::{self, Filter};
use crate::decision_log::record::{CheckDraft, CheckId, EventDraft, EventKind, Subject};
use crate::decision_log::segment::{self, LogOptions};
use crate::decision_log::side::{self, Mend, Sides};
use crate::decision_log::subject::{self, FoundBy, SubjectFound, SubjectQuestion};
use crate::decision_log::writer::DecisionLog;
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::identifier::synthetic;
use crate::model::term::Moment;
use crate::seal::entropy::SeededEntropy;
use crate::seal::keys::MasterKey;
use crate::storage::disk::{RealDisk, Storage, read_all};
use crate::storage::simulated::SimulatedDisk;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn number(sequence: u16) -> FullNumber {
    let text = synthetic::citizen_id(990_102, (1980, 3, 7), sequence);
    FullNumber::parse(IdType::CitizenId, &text).unwrap()
}

fn by(numbers: &[FullNumber]) -> SubjectQuestion<'_> {
    SubjectQuestion {
        numbers,
        name: None,
        from: None,
        until: None,
        after: None,
        limit: 10_000,
    }
}

fn search(storage: &dyn Storage, keys: &LogKeys, question: &SubjectQuestion<'_>) -> SubjectFound {
    subject::search(
        storage,
        Path::new(FOLDER),
        Mend::Leave,
        &|header| months::open_shard(storage, Path::new(FOLDER), keys, header).ok(),
        &|_, _| None,
        question,
    )
    .unwrap()
}

/// What a reader of the whole log finds: the check and its feedback.
fn naive(storage: &dyn Storage, question: &SubjectQuestion<'_>) -> Vec<(CheckId, bool)> {
    let folder = Path::new(FOLDER);
    let mut found: Vec<(CheckId, bool)> = Vec::new();
    query::read_by_segment(storage, folder, &Filter::default(), |header, record| {
        let shard = months::open_shard(storage, folder, &keys(), header).unwrap();
        match record {
            Record::Check(check) => {
                let numbers = question.numbers.iter().map(|n| shard.subject.full(n));
                let digests = numbers.chain(question.name.map(|name| shard.name(name)));
                if digests.into_iter().any(|digest| stands_in(&check, digest)) {
                    found.push((check.check_id, false));
                }
            }
            Record::Feedback(said) => {
                for (check_id, has) in &mut found {
                    *has |= *check_id == said.check_id;
                }
            }
            Record::Event(_) => {}
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

fn stands_in(check: &CheckRecord, digest: crate::identifier::digest::Digest) -> bool {
    check.subject == digest || check.others.contains(&digest)
}

fn short(found: &SubjectFound) -> Vec<(CheckId, bool)> {
    let answers = found.answers.iter();
    answers
        .map(|answer| (answer.check.check_id, answer.feedback.is_some()))
        .collect()
}

/// Numbers of the segments that are full.
fn full(storage: &dyn Storage) -> Vec<u64> {
    let folder = Path::new(FOLDER);
    let mut numbers = segment::numbers(storage, folder).unwrap();
    while let Some(last) = numbers.pop() {
        let file = storage
            .open_to_read(&folder.join(segment::file_name(last)))
            .unwrap();
        if read_all(&*file).unwrap().iter().any(|byte| *byte != 0) {
            break;
        }
    }
    numbers
}

fn make_all(storage: &dyn Storage) -> Vec<u64> {
    let numbers = full(storage);
    for number in &numbers {
        side::make(storage, Path::new(FOLDER), *number).unwrap();
    }
    numbers
}

fn side_path(number: u64) -> PathBuf {
    Path::new(FOLDER).join(segment::side_name(number))
}

/// A log of some segments: persons 0 to 4 in turn, some of them by name.
fn filled(disk: &SimulatedDisk) -> DecisionLog {
    let log = open(disk, 3);
    for n in 0..300u16 {
        let about = number(n % 5);
        let purpose = format!("purpose {}", n % 40);
        let draft = CheckDraft {
            subject: match n % 7 {
                0 => Subject::Name("张三丰"),
                _ => Subject::Number(&about),
            },
            purpose: Some(&purpose),
            ..clear(later(i64::from(n) * 1_000))
        };
        let appended = append(&log, &draft);
        if n % 11 == 0 {
            log.append_feedback(&feedback(appended.check_id, "seen"))
                .unwrap();
        }
        if n % 13 == 0 {
            log.append_event(&EventDraft {
                kind: EventKind::Unanswered,
                moment: later(i64::from(n) * 1_000),
                unit: None,
                status: None,
                check_id: Some(appended.check_id),
                details: &[],
            })
            .unwrap();
        }
    }
    log.sync_now().unwrap();
    log
}

#[test]
fn a_person_is_found_with_and_without_side_files_and_feedback_comes_along() {
    let disk = SimulatedDisk::new(1);
    let _log = filled(&disk);
    let wanted = [number(2)];
    let without = search(&disk, &keys(), &by(&wanted));
    assert_eq!(short(&without), naive(&disk, &by(&wanted)));
    assert!(
        without
            .answers
            .iter()
            .any(|answer| answer.feedback.is_some())
    );
    let made = make_all(&disk);
    assert!(made.len() > 3, "{made:?}");
    let with = search(&disk, &keys(), &by(&wanted));
    assert_eq!(with, without);
    assert_eq!(with.months_searched, BTreeSet::from(["2026-11".to_owned()]));
    let first = &with.answers[0];
    assert_eq!(
        (first.by, &*first.check.unit),
        (FoundBy::Number, "rail-12306")
    );
    assert_eq!(first.check.purpose.as_deref(), Some("purpose 2"));
    assert!(first.check.sealed.is_empty());
    let name = SubjectQuestion {
        name: Some("张三丰"),
        ..by(&wanted)
    };
    let named = search(&disk, &keys(), &name);
    assert_eq!(short(&named), naive(&disk, &name));
    assert!(named.answers.len() > with.answers.len());
    assert!(
        search(&disk, &keys(), &by(&[number(77)]))
            .answers
            .is_empty()
    );
}

#[test]
fn pages_put_together_are_the_whole_and_bounds_of_time_hold() {
    let disk = SimulatedDisk::new(1);
    let _log = filled(&disk);
    make_all(&disk);
    let wanted = [number(2)];
    let whole = search(&disk, &keys(), &by(&wanted)).answers;
    let mut pages = Vec::new();
    loop {
        let after = pages
            .last()
            .map(|answer: &subject::SubjectAnswer| answer.check.check_id);
        let question = SubjectQuestion {
            after,
            limit: 7,
            ..by(&wanted)
        };
        let page = search(&disk, &keys(), &question);
        assert!(page.answers.len() <= 7);
        pages.extend(page.answers);
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, whole);
    let (from, until) = (later(100_000), later(200_000));
    let question = SubjectQuestion {
        from: Some(from),
        until: Some(until),
        ..by(&wanted)
    };
    let found = search(&disk, &keys(), &question).answers;
    let within = |answer: &&subject::SubjectAnswer| {
        answer.check.moment >= from && answer.check.moment < until
    };
    assert_eq!(
        found,
        whole.iter().filter(within).cloned().collect::<Vec<_>>()
    );
    assert!(!found.is_empty());
}

#[test]
fn a_month_whose_key_is_gone_is_named() {
    let disk = SimulatedDisk::new(1);
    let log = filled(&disk);
    let next = Moment::parse("2026-12-03T10:00:00+08:00").unwrap();
    let wanted = [number(2)];
    append(
        &log,
        &CheckDraft {
            subject: Subject::Number(&wanted[0]),
            ..block(next)
        },
    );
    let all = keys();
    let found = subject::search(
        &disk,
        Path::new(FOLDER),
        Mend::Leave,
        &|header| {
            let opened = months::open_shard(&disk, Path::new(FOLDER), &all, header).ok();
            opened.filter(|_| header.month != "2026-11")
        },
        &|_, _| None,
        &by(&wanted),
    )
    .unwrap();
    assert_eq!(found.answers.len(), 1);
    assert_eq!(
        found.months_searched,
        BTreeSet::from(["2026-12".to_owned()])
    );
    assert_eq!(
        found.months_unreadable,
        BTreeSet::from(["2026-11".to_owned()])
    );
    let other = LogKeys::new(MasterKey::from_bytes([9; 32]));
    let none = search(&disk, &other, &by(&wanted));
    assert!(none.answers.is_empty() && none.months_searched.is_empty());
    assert_eq!(none.months_unreadable.len(), 2);
}

#[test]
fn a_side_file_torn_or_flipped_anywhere_changes_no_answer() {
    let disk = SimulatedDisk::new(1);
    let _log = filled(&disk);
    let made = make_all(&disk);
    let wanted = [number(2)];
    let expected = search(&disk, &keys(), &by(&wanted));
    let path = side_path(made[1]);
    let whole = read_all(&*disk.open(&path).unwrap()).unwrap();
    let ids = check_ids(&disk);
    let in_second = ids[ids.len() / 3];
    let by_id = by_check::read(&disk, Path::new(FOLDER), in_second)
        .unwrap()
        .records;
    for place in (0..whole.len()).step_by(7) {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        for bytes in [flipped, whole[..place].to_vec()] {
            disk.remove(&path).unwrap();
            disk.create(&path).unwrap().write_at(0, &bytes).unwrap();
            let found = search(&disk, &keys(), &by(&wanted));
            assert_eq!(found, expected, "{place}");
            let again = by_check::read(&disk, Path::new(FOLDER), in_second)
                .unwrap()
                .records;
            assert_eq!(again, by_id, "{place}");
        }
    }
    let check = side::check(&disk, Path::new(FOLDER)).unwrap();
    assert_eq!((check.wrong, check.missing.len()), (vec![made[1]], 0));
}

#[test]
fn a_side_file_of_another_log_is_not_believed() {
    let (disk, other) = (SimulatedDisk::new(1), SimulatedDisk::new(2));
    let _log = filled(&disk);
    let foreign = open(&other, 9);
    for n in 0..300 {
        append(&foreign, &clear(later(n * 900)));
    }
    let made = make_all(&disk);
    make_all(&other);
    let wanted = [number(2)];
    let expected = search(&disk, &keys(), &by(&wanted)).answers;
    let path = side_path(made[1]);
    let bytes = read_all(&*other.open(&path).unwrap()).unwrap();
    disk.remove(&path).unwrap();
    disk.create(&path).unwrap().write_at(0, &bytes).unwrap();
    let found = subject::search(
        &disk,
        Path::new(FOLDER),
        Mend::Leave,
        &|header| months::open_shard(&disk, Path::new(FOLDER), &keys(), header).ok(),
        &|_, _| None,
        &by(&wanted),
    );
    // Its segment begins and ends elsewhere: said, where the answers are not the same.
    assert!(found.is_err() || found.unwrap().answers == expected);
}

#[test]
fn one_check_is_found_as_a_reader_of_the_whole_log_finds_it() {
    let disk = SimulatedDisk::new(1);
    let log = filled(&disk);
    let ids = check_ids(&disk);
    // Feedback in a later segment, on the oldest check too.
    for place in [0, 1] {
        log.append_feedback(&feedback(ids[place], "late")).unwrap();
    }
    let mut between = ids[9];
    between.0[15] ^= 1;
    let absent = [CheckId([0; 16]), between, CheckId([0xff; 16])];
    for round in 0..3 {
        if round == 2 {
            newest_and_prepared(&disk);
        }
        for check_id in ids.iter().copied().chain(absent) {
            let filter = Filter {
                check_id: Some(check_id),
                ..Filter::default()
            };
            let expected = try_records(&disk, &filter).unwrap();
            let found = by_check::read(&disk, Path::new(FOLDER), check_id).unwrap();
            assert_eq!(found.records, expected, "{check_id} {round}");
        }
        make_all(&disk);
    }
}

/// Records of a check, or what is said instead.
fn said(disk: &SimulatedDisk, check_id: CheckId) -> Result<Vec<Record>, String> {
    let found = by_check::read(disk, Path::new(FOLDER), check_id);
    found
        .map(|found| found.records)
        .map_err(|error| error.to_string())
}

/// What reading a segment whole says: nothing, or the damage.
fn said_of(disk: &SimulatedDisk, number: u64, next: Option<u64>) -> Result<(), String> {
    let sides = Sides {
        storage: disk,
        folder: Path::new(FOLDER),
        mend: Mend::Leave,
    };
    let gathered = sides.gathered(number, next);
    gathered.map(|_| ()).map_err(|error| error.to_string())
}

/// The segment that is written, and a prepared one made behind it, longer than one reading.
fn newest_and_prepared(disk: &SimulatedDisk) -> (u64, u64) {
    let newest = full(disk).last().unwrap() + 1;
    let path = segment_path(newest + 1);
    // A log that is synced by hand has none.
    let file = disk.create(&path).unwrap();
    file.write_at(0, &vec![0; PREPARED_BYTES]).unwrap();
    (newest, newest + 1)
}

const PREPARED_BYTES: usize = 600 << 10;

fn segment_path(number: u64) -> PathBuf {
    Path::new(FOLDER).join(segment::file_name(number))
}

#[test]
fn damage_of_the_newest_segment_is_said_where_an_older_one_has_the_check() {
    let disk = SimulatedDisk::new(1);
    let _log = filled(&disk);
    make_all(&disk);
    let ids = check_ids(&disk);
    let whole = said(&disk, ids[0]).unwrap();
    let (newest, prepared) = newest_and_prepared(&disk);
    let file = disk.open(&segment_path(newest)).unwrap();
    let bytes = read_all(&*file).unwrap();
    let (mut damaged, mut torn) = (0, 0);
    for place in (0..bytes.len()).step_by(5) {
        file.write_at(place as u64, &[bytes[place] ^ 1]).unwrap();
        match said_of(&disk, newest, Some(prepared)) {
            Ok(()) => {
                assert_eq!(said(&disk, ids[0]).as_ref(), Ok(&whole), "{place}");
                torn += 1;
            }
            Err(error) => {
                assert_eq!(said(&disk, ids[0]), Err(error), "{place}");
                damaged += 1;
            }
        }
        file.write_at(place as u64, &[bytes[place]]).unwrap();
    }
    assert!(damaged > 100 && torn > 0, "{damaged} {torn}");
    assert_eq!(said(&disk, ids[0]), Ok(whole));
    // Frames that are whole, of another segment.
    let other = read_all(&*disk.open(&segment_path(newest - 1)).unwrap()).unwrap();
    file.write_at(0, &other).unwrap();
    let error = said_of(&disk, newest, Some(prepared)).unwrap_err();
    assert_eq!(said(&disk, ids[0]), Err(error));
}

#[test]
fn a_prepared_segment_is_not_taken_for_blank_before_all_of_it_is_seen() {
    let disk = SimulatedDisk::new(1);
    let _log = filled(&disk);
    make_all(&disk);
    let ids = check_ids(&disk);
    let (newest, prepared) = newest_and_prepared(&disk);
    let last = *ids.last().unwrap();
    let asked = [ids[0], last, CheckId([0xff; 16])];
    let whole = asked.map(|check_id| said(&disk, check_id).unwrap());
    assert_eq!(whole.clone().map(|records| records.len()), [3, 2, 0]);
    let frames = read_all(&*disk.open(&segment_path(newest)).unwrap()).unwrap();
    let (file, len) = (disk.open(&segment_path(prepared)).unwrap(), PREPARED_BYTES);
    let said_all = || asked.map(|check_id| said(&disk, check_id));
    assert_eq!(said_all(), whole.clone().map(Ok));
    for place in [0, 4_096, 300 << 10, len - 1] {
        // What was never known to be on the disk is a torn tail.
        file.write_at(place as u64, &[0x55]).unwrap();
        assert_eq!(said_of(&disk, prepared, None), Ok(()), "{place}");
        assert_eq!(said_all(), whole.clone().map(Ok), "{place}");
        file.write_at(place as u64, &[0]).unwrap();
    }
    for place in [8, 70 << 10, len as u64 - (9 << 10)] {
        file.write_at(place, &frames).unwrap();
        let error = said_of(&disk, prepared, None).unwrap_err();
        assert!(error.contains(&segment::file_name(prepared)), "{error}");
        for said in said_all() {
            assert_eq!(said, Err(error.clone()), "{place}");
        }
        file.write_at(place, &vec![0; frames.len()]).unwrap();
    }
}

#[test]
fn what_is_written_on_has_no_side_file_after_a_start() {
    let disk = SimulatedDisk::new(1);
    drop(filled(&disk));
    let made = make_all(&disk);
    let last = made.last().unwrap() + 1;
    disk.create(&side_path(last)).unwrap();
    disk.create(&side_path(last + 1)).unwrap();
    let log = try_open(&disk, 5).unwrap().0;
    assert!(disk.open(&side_path(last)).is_err() && disk.open(&side_path(last + 1)).is_err());
    assert!(disk.open(&side_path(last - 1)).is_ok());
    drop(log);
}

#[test]
fn the_thread_makes_every_side_file_and_mends_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions {
        segment_bytes: 16 << 10,
        ..LogOptions::default()
    };
    let start = || {
        DecisionLog::open(
            Arc::new(RealDisk),
            folder.path(),
            options.clone(),
            keys(),
            Arc::new(SeededEntropy::new(4)),
            NOW,
        )
        .unwrap()
        .0
    };
    let log = start();
    for n in 0..400 {
        append(&log, &clear(later(n)));
    }
    log.sync_now().unwrap();
    log.wait_for_sides();
    let check = side::check(&RealDisk, folder.path()).unwrap();
    assert!(
        check.whole >= 3 && check.missing.is_empty() && check.wrong.is_empty(),
        "{check:?}"
    );
    log.close().unwrap();
    std::fs::remove_file(folder.path().join(segment::side_name(1))).unwrap();
    std::fs::write(folder.path().join(segment::side_name(2)), b"torn").unwrap();
    let log = start();
    log.wait_for_sides();
    let again = side::check(&RealDisk, folder.path()).unwrap();
    assert_eq!(again, check);
    log.close().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_log_gives_what_a_naive_scan_gives(
        deeds in prop::collection::vec((0u16..6, 0u8..12, 0u8..4), 20..220),
        made_until in 0usize..12,
        seed: u64,
    ) {
        let disk = SimulatedDisk::new(seed);
        let mut log = open(&disk, seed);
        let mut ids = Vec::new();
        for (place, (who, what, unit)) in deeds.iter().enumerate() {
            let about = number(*who);
            let unit = format!("unit {unit}");
            let moment = later(place as i64 * 5_000);
            match what {
                0 if !ids.is_empty() => {
                    let of: CheckId = ids[place % ids.len()];
                    log.append_feedback(&feedback(of, "done")).unwrap();
                }
                1 => {
                    drop(log);
                    log = open(&disk, seed ^ place as u64);
                }
                _ => {
                    let named = *what == 2;
                    let draft = CheckDraft {
                        subject: match named {
                            true => Subject::Name("张三丰"),
                            false => Subject::Number(&about),
                        },
                        unit: match *what == 3 {
                            true => &unit,
                            false => "rail-12306",
                        },
                        ..clear(moment)
                    };
                    ids.push(append(&log, &draft).check_id);
                }
            }
        }
        for number in full(&disk).into_iter().take(made_until) {
            side::make(&disk, Path::new(FOLDER), number).unwrap();
        }
        for who in 0..7 {
            let numbers = [number(who), number(who + 20)];
            let name = (who == 3).then_some("张三丰");
            let question = SubjectQuestion { name, ..by(&numbers) };
            let found = search(&disk, &keys(), &question);
            prop_assert_eq!(short(&found), naive(&disk, &question));
        }
    }
}
