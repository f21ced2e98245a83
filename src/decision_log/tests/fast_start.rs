//! A start by side files gives what a start that reads every segment gives, and where a side file
//! is missing, damaged or another's, that one segment is read.

use super::support::*;
use crate::decision_log::error::LogError;
use crate::decision_log::feedback::FeedbackAnswer;
use crate::decision_log::full;
use crate::decision_log::record::{CheckDraft, CheckId};
use crate::decision_log::recovery::Recovery;
use crate::decision_log::segment;
use crate::decision_log::writer::DecisionLog;
use crate::model::decision::Decision;
use crate::storage::disk::{Storage, read_all};
use crate::storage::simulated::SimulatedDisk;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Segments of the log that have side files which a start believes.
fn believed(disk: &SimulatedDisk) -> Vec<u64> {
    let folder = Path::new(FOLDER);
    let numbers = segment::numbers(disk, folder).unwrap().into_iter();
    numbers
        .filter(|number| full::known(disk, folder, *number).is_some())
        .collect()
}

fn side_path(number: u64) -> PathBuf {
    Path::new(FOLDER).join(segment::side_name(number))
}

fn without_sides(disk: &SimulatedDisk) -> SimulatedDisk {
    let disk = disk.kill();
    for name in disk.list(Path::new(FOLDER)).unwrap() {
        if segment::side_number_of(&name).is_some() {
            disk.remove(&Path::new(FOLDER).join(name)).unwrap();
        }
    }
    disk
}

/// Checks of all decisions, feedback on some, in the same segment and later ones.
fn filled(disk: &SimulatedDisk) -> (DecisionLog, Vec<CheckId>) {
    let log = open(disk, 3);
    let mut ids = Vec::new();
    for n in 0..400usize {
        let draft = CheckDraft {
            decision: Decision::ALL[n % 5],
            unit: ["rail-12306", "bank"][n % 2],
            ..block(later(n as i64 * 700))
        };
        ids.push(append(&log, &draft).check_id);
        if n % 9 == 0 {
            log.append_feedback(&feedback(ids[n / 3 * 2], "seen"))
                .unwrap();
        }
        if n % 50 == 0 {
            log.append_event(&act()).unwrap();
        }
    }
    log.sync_now().unwrap();
    log.make_sides_now();
    (log, ids)
}

/// What an open log knows of its past.
fn knowledge(log: &DecisionLog, ids: &[CheckId]) -> impl PartialEq + std::fmt::Debug + use<> {
    let of = |id: &CheckId| (log.find_check(*id).unwrap(), log.feedback_of(*id));
    let unreported = &log.counters().unreported;
    (
        ids.iter().map(of).collect::<Vec<_>>(),
        unreported.load(std::sync::atomic::Ordering::Relaxed),
        log.highest_moment(),
        log.health(),
        log.leaf(log.health().in_kernel),
    )
}

fn both(disk: &SimulatedDisk, ids: &[CheckId]) -> Recovery {
    let (plain, fast) = (without_sides(disk), disk.kill());
    let (log, slow_recovery) = try_open(&plain, 5).unwrap();
    let (fast_log, recovery) = try_open(&fast, 5).unwrap();
    assert_eq!(recovery, slow_recovery);
    assert_eq!(knowledge(&fast_log, ids), knowledge(&log, ids));
    let next = append(&fast_log, &clear(later(9_000_000)));
    assert_eq!(
        next.check_id,
        append(&log, &clear(later(9_000_000))).check_id
    );
    for id in ids.iter().step_by(7) {
        for note in ["seen", "other"] {
            let (slow, fast) = (
                log.append_feedback(&feedback(*id, note)).unwrap(),
                fast_log.append_feedback(&feedback(*id, note)).unwrap(),
            );
            assert_eq!(fast, slow);
        }
    }
    assert_eq!(records(&fast), records(&plain));
    recovery
}

#[test]
fn a_start_by_side_files_knows_what_one_that_reads_everything_knows() {
    let disk = SimulatedDisk::new(1);
    let (log, ids) = filled(&disk);
    drop(log);
    let known = believed(&disk);
    assert!(known.len() > 8, "{known:?}");
    let recovery = both(&disk, &ids);
    assert!(recovery.unreported > 50 && recovery.feedback > 20);
}

#[test]
fn full_segments_with_side_files_are_not_read() {
    let disk = SimulatedDisk::new(1);
    drop(filled(&disk));
    // Damage between the ends of one is seen by whoever reads there, not at start.
    let damaged = disk.open(Path::new("/log/log-00000003.hlog")).unwrap();
    damaged.write_at(4_000, &[0x55; 16]).unwrap();
    let log = open(&disk, 5);
    let error = try_records(&disk, &Default::default()).unwrap_err();
    assert!(error.to_string().contains("log-00000003.hlog"), "{error}");
    drop(log);
    let plain = without_sides(&disk);
    let error = try_open(&plain, 6).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
}

#[test]
fn a_side_file_that_is_torn_flipped_old_or_another_s_means_that_one_segment_is_read() {
    let disk = SimulatedDisk::new(1);
    let (log, ids) = filled(&disk);
    drop(log);
    let whole = read_all(&*disk.open(&side_path(2)).unwrap()).unwrap();
    let other = read_all(&*disk.open(&side_path(3)).unwrap()).unwrap();
    let mut old = whole.clone();
    old[8] = 1;
    let check = crc32c::crc32c(&old[..252]);
    old[252..256].copy_from_slice(&check.to_le_bytes());
    let mut kinds = vec![other, old, Vec::new(), vec![0; whole.len()]];
    for place in (0..400).step_by(23) {
        let mut flipped = whole.clone();
        flipped[place] ^= 4;
        kinds.extend([flipped, whole[..place].to_vec()]);
    }
    for bytes in kinds {
        let changed = disk.kill();
        changed.remove(&side_path(2)).unwrap();
        let file = changed.create(&side_path(2)).unwrap();
        file.write_at(0, &bytes).unwrap();
        assert!(!believed(&changed).contains(&2));
        assert!(believed(&changed).contains(&3));
        both(&changed, &ids[..9]);
        let log = open(&changed, 5);
        log.make_sides_now();
        assert_eq!(
            read_all(&*changed.open(&side_path(2)).unwrap()).unwrap(),
            whole
        );
    }
}

#[test]
fn what_does_not_fit_its_side_file_is_read_and_told() {
    let disk = SimulatedDisk::new(1);
    drop(filled(&disk));
    let segment = |number| Path::new(FOLDER).join(segment::file_name(number));
    let bytes_of = |number| read_all(&*disk.open(&segment(number)).unwrap()).unwrap();
    let whole = bytes_of(4);
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let cut = whole[..whole.len() - 4_096].to_vec();
    let (mut first, mut last) = (whole.clone(), whole.clone());
    first[40] ^= 1;
    last[end] ^= 1;
    for bytes in [cut, first, last, vec![0; whole.len()], bytes_of(5)] {
        let changed = disk.kill();
        changed.remove(&segment(4)).unwrap();
        let file = changed.create(&segment(4)).unwrap();
        file.write_at(0, &bytes).unwrap();
        let error = try_open(&changed, 5).unwrap_err();
        assert!(matches!(error, LogError::Damaged { .. }), "{error}");
        let plain = try_open(&without_sides(&changed), 5).unwrap_err();
        assert_eq!(error.to_string(), plain.to_string());
    }
    let missing = disk.kill();
    missing.remove(&segment(4)).unwrap();
    let error = try_open(&missing, 5).unwrap_err();
    assert!(matches!(error, LogError::Missing { .. }), "{error}");
}

#[test]
fn a_segment_that_is_written_on_again_is_read_although_it_has_a_side_file() {
    let disk = SimulatedDisk::new(1);
    let (log, ids) = filled(&disk);
    drop(log);
    // What followed the last side file has not reached the disk.
    let last = *believed(&disk).last().unwrap();
    let cut = disk.kill();
    for number in segment::numbers(&cut, Path::new(FOLDER)).unwrap() {
        if number > last {
            let path = Path::new(FOLDER).join(segment::file_name(number));
            cut.remove(&path).unwrap();
            if number == last + 1 {
                cut.create(&path)
                    .unwrap()
                    .write_at(0, &[0; 8 << 10])
                    .unwrap();
            }
        }
    }
    let kept: Vec<_> = check_ids(&cut);
    assert!(kept.len() < ids.len());
    both(&cut, &kept);
}

#[test]
fn feedback_is_the_same_or_a_conflict_after_any_start() {
    let disk = SimulatedDisk::new(1);
    let (log, ids) = filled(&disk);
    assert!(matches!(
        log.append_feedback(&feedback(ids[0], "seen")),
        Ok(FeedbackAnswer::Same(_))
    ));
    drop(log);
    let log = open(&disk, 5);
    assert!(matches!(
        log.append_feedback(&feedback(ids[0], "seen")),
        Ok(FeedbackAnswer::Same(_))
    ));
    let answer = log.append_feedback(&feedback(ids[0], "else")).unwrap();
    assert_eq!(answer, FeedbackAnswer::Conflict);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_log_starts_alike_with_some_of_its_side_files_gone(
        deeds in prop::collection::vec((0u8..12, 0usize..5), 30..300),
        gone in prop::collection::vec(1u64..20, 0..4),
        seed: u64,
    ) {
        let mut disk = SimulatedDisk::new(seed);
        let mut log = open(&disk, seed);
        let mut ids: Vec<CheckId> = Vec::new();
        for (place, (what, decision)) in deeds.into_iter().enumerate() {
            match what {
                0 | 1 if !ids.is_empty() => {
                    let of = ids[(place * 7 + decision) % ids.len()];
                    log.append_feedback(&feedback(of, "done")).unwrap();
                }
                2 => {
                    log.sync_now().unwrap();
                    log.make_sides_now();
                    drop(log);
                    disk = disk.kill();
                    log = open(&disk, seed ^ place as u64);
                }
                _ => {
                    let decision = Decision::ALL[decision];
                    let moment = later(place as i64 * 5_000);
                    let draft = CheckDraft { decision, ..block(moment) };
                    ids.push(append(&log, &draft).check_id);
                }
            }
        }
        log.make_sides_now();
        drop(log);
        for number in gone {
            let _ = disk.remove(&side_path(number));
        }
        both(&disk, &ids);
    }
}
