//! What a log does when nothing fails.

use super::support::*;
use crate::decision_log::entry::Record;
use crate::decision_log::error::LogError;
use crate::decision_log::feedback::FeedbackAnswer;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::query::Filter;
use crate::decision_log::record::{
    CheckDraft, CheckId, FeedbackDraft, OTHERS_MAX, Position, Subject,
};
use crate::decision_log::segment::Syncing;
use crate::decision_log::writer::DecisionLog;
use crate::identifier::document::FullNumber;
use crate::identifier::kind::IdType;
use crate::identifier::synthetic;
use crate::model::decision::Level;
use crate::model::term::Moment;
use crate::seal::entropy::{OsEntropy, SeededEntropy};
use crate::seal::keys::MasterKey;
use crate::storage::disk::RealDisk;
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[test]
fn a_plain_clear_takes_at_most_200_bytes() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let citizen = synthetic::citizen_id(990102, (1980, 3, 7), 123);
    let number = FullNumber::parse(IdType::CitizenId, &citizen).unwrap();
    // As `wire::normalised` writes it: two attributes, name, number, a reference.
    let mut request = vec![1, 2, 0, 0, 1, 1, 0, 0, 1, 0, 9];
    request.extend_from_slice("欧阳三".as_bytes());
    request.extend_from_slice(&[1, 0, 18]);
    request.extend_from_slice(citizen.as_bytes());
    request.extend_from_slice(&[0, 0, 0, 0, 21]);
    request.extend_from_slice(b"order 20261122-000123");
    let draft = CheckDraft {
        subject: Subject::Number(&number),
        request: &request,
        ..clear(later(777))
    };
    append(&log, &draft);
    let bytes = || log.counters().bytes.load(Ordering::Relaxed);
    let before = bytes();
    append(&log, &draft);
    let taken = bytes() - before;
    assert!(taken <= 200, "{taken} bytes");
}

#[test]
fn at_most_64_others_are_kept_each_once_and_foreign_flags_are_damage() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let names: Vec<String> = (0..100).map(|n| format!("当事人{}", n / 2)).collect();
    let names: Vec<Subject<'_>> = names.iter().map(|name| Subject::Name(name)).collect();
    let of = |others| CheckDraft {
        others,
        ..clear(NOW)
    };
    append(&log, &of(&names));
    let many: Vec<String> = (0..100).map(|n| format!("第{n}人")).collect();
    let many: Vec<Subject<'_>> = many.iter().map(|name| Subject::Name(name)).collect();
    append(&log, &of(&many));
    append(&log, &of(&[Subject::Name("张三丰")]));
    let counts: Vec<usize> = records(&disk)
        .iter()
        .map(|record| match record {
            Record::Check(check) => check.others.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [50, OTHERS_MAX, 0]);
    let mut payload = vec![0; 48];
    payload.extend([0b0001_0000, 0, 0, 0, 0, 0]);
    assert_eq!(crate::decision_log::entry::check_head(&payload), None);
    for (flags, segment) in [(0b0110_0000, None), (0b1110_0000, Some(3))] {
        payload[48..50].copy_from_slice(&[flags, 3]);
        let head = crate::decision_log::entry::check_head(&payload).unwrap();
        assert_eq!(head.segment, segment);
    }
}

#[test]
fn records_are_read_back_as_they_were_drafted() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let blocked = append(&log, &block(NOW));
    let cleared = append(
        &log,
        &CheckDraft {
            purpose: None,
            ..clear(later(-5))
        },
    );
    log.append_event(&act()).unwrap();
    log.append_feedback(&feedback(blocked.check_id, "done"))
        .unwrap();
    let read = records(&disk);
    let Record::Check(check) = &read[0] else {
        panic!("{:?}", read[0]);
    };
    assert_eq!(
        (check.check_id, check.position),
        (blocked.check_id, blocked.position)
    );
    assert_eq!(
        (check.moment, &*check.unit, &*check.scenario),
        (NOW, "rail-12306", "rail.ticket")
    );
    assert_eq!(check.purpose.as_deref(), Some("ticket sale"));
    assert_eq!(
        (check.decision, check.level),
        (block(NOW).decision, Level::Disk)
    );
    assert_eq!(
        (check.answer_hash, check.context.overlay_sequence),
        ([4; 16], 12)
    );
    assert_eq!(&*check.context.engine, "0.1.0");
    assert_eq!(&*check.relied[0].entry_id, "fz-court-000001");
    let measures: Vec<&str> = check.relied[0].measures.iter().map(|id| &**id).collect();
    assert_eq!(measures, ["GF-2015-8/3.1", "GF-2015-8/3.2"]);
    let Record::Check(check) = &read[1] else {
        panic!("{:?}", read[1]);
    };
    assert_eq!(
        (check.check_id, check.moment),
        (cleared.check_id, later(-5))
    );
    assert_eq!(check.purpose, None);
    let Record::Event(event) = &read[2] else {
        panic!("{:?}", read[2]);
    };
    assert_eq!(event.unit.as_deref(), Some("court"));
    assert_eq!(
        event.details[1],
        ("entry_id".into(), "fz-court-000001".into())
    );
    let Record::Feedback(said) = &read[3] else {
        panic!("{:?}", read[3]);
    };
    assert_eq!(
        (said.check_id, said.action.name()),
        (blocked.check_id, "enforced")
    );
    assert!(blocked.check_id < cleared.check_id && blocked.position < cleared.position);
}

#[test]
fn a_filter_takes_what_it_names_and_nothing_else() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let blocked = append(&log, &block(NOW));
    append(
        &log,
        &CheckDraft {
            unit: "bank",
            ..clear(later(10))
        },
    );
    log.append_event(&act()).unwrap();
    log.append_feedback(&feedback(blocked.check_id, "done"))
        .unwrap();
    let count = |filter: Filter| try_records(&disk, &filter).unwrap().len();
    let any = Filter::default;
    assert_eq!(count(any()), 4);
    assert_eq!(
        count(Filter {
            check_id: Some(blocked.check_id),
            ..any()
        }),
        2
    );
    assert_eq!(
        count(Filter {
            unit: Some("bank".into()),
            ..any()
        }),
        1
    );
    assert_eq!(
        count(Filter {
            unit: Some("ban".into()),
            ..any()
        }),
        0
    );
    assert_eq!(
        count(Filter {
            from: Some(later(1)),
            ..any()
        }),
        1
    );
    assert_eq!(
        count(Filter {
            until: Some(later(10)),
            ..any()
        }),
        3
    );
    assert_eq!(
        count(Filter {
            entry_id: Some("fz-court-000001".into()),
            ..any()
        }),
        2
    );
}

#[test]
fn feedback_is_taken_once_and_only_from_the_unit_that_asked() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let check = append(&log, &block(NOW)).check_id;
    let stranger = FeedbackDraft {
        unit: "bank",
        ..feedback(check, "done")
    };
    let unknown = feedback(CheckId([9; 16]), "done");
    let answers = |log: &DecisionLog| {
        for draft in [&stranger, &unknown] {
            assert_eq!(log.append_feedback(draft).unwrap(), FeedbackAnswer::Unknown);
        }
        let same = log.append_feedback(&feedback(check, "done")).unwrap();
        let other = log.append_feedback(&feedback(check, "undone")).unwrap();
        (same, other)
    };
    let FeedbackAnswer::Recorded(position) = log.append_feedback(&feedback(check, "done")).unwrap()
    else {
        panic!("the first is recorded");
    };
    let expected = (FeedbackAnswer::Same(position), FeedbackAnswer::Conflict);
    assert_eq!(answers(&log), expected);
    let disk = disk.kill();
    let log = open(&disk, 2);
    assert_eq!(answers(&log), expected);
    assert_eq!(log.feedback_of(check).unwrap().position, position);
    assert_eq!(log.feedback_of(CheckId([9; 16])), None);
}

#[test]
fn every_check_is_found_by_its_number_in_every_segment_and_after_a_restart() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let checks: Vec<_> = (0..900)
        .map(|n| append(&log, &clear(later(n * 300))))
        .collect();
    assert!(log.counters().segments.load(Ordering::Relaxed) > 5);
    let killed = disk.kill();
    let again = open(&killed, 2);
    for log in [&log, &again] {
        for check in &checks {
            let found = log.find_check(check.check_id).unwrap().unwrap();
            assert_eq!(
                (found.position, &*found.unit),
                (check.position, "rail-12306")
            );
        }
        let mut absent = checks[500].check_id;
        absent.0[15] ^= 1;
        assert_eq!(log.find_check(absent).unwrap(), None);
    }
}

#[test]
fn check_ids_rise_over_restarts_while_the_clock_goes_back() {
    let mut disk = SimulatedDisk::new(1);
    let mut last = CheckId([0; 16]);
    for round in 0..6 {
        let (log, recovery) = try_open(&disk, round).unwrap();
        for n in 0..40 {
            let moment = Moment(NOW.0 - 3_600_000_000 * round as i64 + n);
            let next = append(&log, &clear(moment)).check_id;
            assert!(next > last, "round {round}");
            last = next;
        }
        assert!(log.highest_moment() >= later(39), "round {round}");
        assert_eq!(recovery.checks, round * 40);
        drop(log);
        disk = disk.kill();
    }
}

#[test]
fn a_new_month_begins_a_new_segment_with_keys_of_its_own() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    append(&log, &clear(NOW));
    let digest_of = |place: usize| match &records(&disk)[place] {
        Record::Check(check) => check.subject,
        other => panic!("{other:?}"),
    };
    append(&log, &clear(later(60)));
    append(
        &log,
        &clear(Moment::parse("2026-12-01T00:00:00+08:00").unwrap()),
    );
    append(&log, &clear(NOW));
    assert_eq!(log.counters().segments.load(Ordering::Relaxed), 2);
    assert_eq!(digest_of(0), digest_of(1));
    assert_ne!(digest_of(0), digest_of(2), "another month");
    assert_eq!(
        digest_of(2),
        digest_of(3),
        "the clock went back, the segment stays"
    );
}

#[test]
fn another_master_key_begins_a_new_segment_and_old_feedback_is_still_compared() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let check = append(&log, &block(NOW)).check_id;
    log.append_feedback(&feedback(check, "done")).unwrap();
    let disk = disk.kill();
    let reopen = |disk: &SimulatedDisk, keys| {
        let storage = Arc::new(disk.clone());
        let options = options(8 << 10, Syncing::ByHand);
        let entropy = Arc::new(SeededEntropy::new(5));
        DecisionLog::open(storage, Path::new(FOLDER), options, keys, entropy, NOW)
            .unwrap()
            .0
    };
    let new = || LogKeys::new(MasterKey::from_bytes([8; 32]));
    let rotated = reopen(&disk, new().with_older([MasterKey::from_bytes([7; 32])]));
    let again = rotated.append_feedback(&feedback(check, "done")).unwrap();
    assert!(matches!(again, FeedbackAnswer::Same(_)), "{again:?}");
    append(&rotated, &clear(NOW));
    assert_eq!(rotated.counters().segments.load(Ordering::Relaxed), 1);
    let alone = reopen(&disk.kill(), new());
    let again = alone.append_feedback(&feedback(check, "done")).unwrap();
    assert_eq!(
        again,
        FeedbackAnswer::Conflict,
        "what cannot be compared is not the same"
    );
}

#[test]
fn no_identifier_reaches_the_disk_in_clear() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let citizen = synthetic::citizen_id(990102, (1980, 3, 7), 123);
    let wide: String = citizen.chars().map(wide).collect();
    let passport = "E59900011";
    let number = FullNumber::parse(IdType::CitizenId, &citizen).unwrap();
    let request = format!("{citizen} {passport} 张三丰 note");
    for purpose in [&citizen, &wide] {
        let draft = CheckDraft {
            subject: Subject::Number(&number),
            request: request.as_bytes(),
            purpose: Some(purpose),
            ..block(NOW)
        };
        let check = append(&log, &draft).check_id;
        let said = FeedbackDraft {
            note: Some(&request),
            ..feedback(check, "")
        };
        log.append_feedback(&said).unwrap();
    }
    let details = [("field", citizen.as_str()), ("query", wide.as_str())];
    let event = crate::decision_log::record::EventDraft {
        details: &details,
        ..act()
    };
    log.append_event(&event).unwrap();
    log.sync_now().unwrap();
    let bytes = all_bytes(&disk);
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    for text in [
        &*citizen,
        &*wide,
        passport,
        "张三丰",
        "note",
        &citizen[..14],
    ] {
        assert!(!holds(text), "{text}");
    }
    assert!(holds("fz-court-000001") && holds("**************"));
}

fn wide(c: char) -> char {
    char::from_u32(c as u32 - '0' as u32 + '０' as u32).unwrap()
}

#[test]
fn a_folder_has_one_writer() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let error = try_open(&disk, 2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the decision log `/log` is in use by another process; end it first"
    );
    drop(log);
    open(&disk, 2);
}

#[test]
fn a_record_that_is_too_large_is_refused_and_the_log_goes_on() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    append(&log, &clear(NOW));
    for bytes in [9_000, 2 << 20] {
        let draft = CheckDraft {
            request: &vec![1; bytes],
            unit: "a new unit",
            ..clear(NOW)
        };
        let error = log.append_check(&draft).unwrap_err();
        assert!(matches!(error, LogError::TooLarge { .. }), "{error}");
    }
    append(
        &log,
        &CheckDraft {
            unit: "a new unit",
            ..clear(NOW)
        },
    );
    assert_eq!(check_ids(&disk).len(), 2);
    assert_eq!(check_ids(&disk.kill()).len(), 2);
}

#[test]
fn many_threads_append_wait_and_read_one_real_log() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let options = options(64 << 10, Syncing::Thread);
        let storage = Arc::new(RealDisk);
        DecisionLog::open(
            storage,
            folder.path(),
            options,
            keys(),
            Arc::new(OsEntropy),
            NOW,
        )
    };
    let log = Arc::new(open().unwrap().0);
    assert!(matches!(open().unwrap_err(), LogError::InUse { .. }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let log = Arc::clone(&log);
            runtime.spawn(async move {
                let mut appended = Vec::new();
                for n in 0..300 {
                    let check = log.append_check(&clear(later(n))).unwrap();
                    if n % 50 == task {
                        log.reached(Level::Disk, check.position).await.unwrap();
                        assert!(log.health().on_disk >= check.position);
                    }
                    appended.push(check.check_id);
                }
                appended
            })
        })
        .collect();
    // A reader beside the writer sees a prefix, and never damage.
    let mut seen = 0;
    while tasks.iter().any(|task| !task.is_finished()) {
        let read =
            crate::decision_log::query::read(&RealDisk, folder.path(), &Filter::default(), |_| {
                std::ops::ControlFlow::Continue(())
            });
        let records = read.unwrap().records;
        assert!(records >= seen);
        seen = records;
    }
    let mut all: Vec<CheckId> = Vec::new();
    for task in tasks {
        all.extend(runtime.block_on(task).unwrap());
    }
    all.sort_unstable();
    assert!(log.counters().syncs.load(Ordering::Relaxed) > 0);
    log.reached_blocking(Level::Disk, log.health().in_kernel)
        .unwrap();
    Arc::try_unwrap(log).unwrap().close().unwrap();
    let (log, recovery) = open().unwrap();
    assert_eq!((recovery.checks, recovery.cut), (2_400, None));
    for check_id in all {
        assert!(log.find_check(check_id).unwrap().is_some());
    }
    assert!(log.health().on_disk > Position(2_400));
}

#[test]
fn without_anybody_waiting_records_reach_the_disk_and_are_marked() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(64 << 10, Syncing::Thread);
    let storage = Arc::new(RealDisk);
    let entropy = Arc::new(OsEntropy);
    let opened = DecisionLog::open(storage, folder.path(), options, keys(), entropy, NOW);
    let log = opened.unwrap().0;
    let check = append(&log, &clear(NOW));
    // Bounded only against a thread that never syncs.
    let begun = std::time::Instant::now();
    while log.health().on_disk < check.position {
        assert!(begun.elapsed().as_secs() < 60, "never synced");
        std::thread::yield_now();
    }
}
