//! Secrets of months: made before they are needed, never made twice, missed by name.

use super::support::*;
use crate::decision_log::error::LogError;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::months::secret_path;
use crate::decision_log::replay;
use crate::decision_log::writer::DecisionLog;
use crate::model::term::Moment;
use crate::seal::entropy::SeededEntropy;
use crate::seal::keys::MasterKey;
use crate::storage::disk::{Storage, read_all};
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;
use std::sync::Arc;

const MONTH: &str = "2026-11";

fn secret(disk: &SimulatedDisk, month: &str) -> Option<Vec<u8>> {
    let file = disk.open(&secret_path(Path::new(FOLDER), month)).ok()?;
    Some(read_all(&*file).unwrap())
}

/// Requests that open, and those that stay closed.
fn opened(disk: &SimulatedDisk, keys: &LogKeys) -> (usize, u64) {
    let folder = Path::new(FOLDER);
    let found = replay::latest(disk, folder, keys, Moment(0), 1_000).unwrap();
    (found.checks.len(), found.sealed)
}

fn open_with(disk: &SimulatedDisk, keys: LogKeys) -> Result<DecisionLog, LogError> {
    let options = options(8 << 10, crate::decision_log::segment::Syncing::ByHand);
    let storage = Arc::new(disk.clone());
    let entropy = Arc::new(SeededEntropy::new(5));
    DecisionLog::open(storage, Path::new(FOLDER), options, keys, entropy, NOW).map(|log| log.0)
}

#[test]
fn each_month_has_a_secret_of_its_own_which_stays() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    append(&log, &clear(NOW));
    let first = secret(&disk, MONTH).unwrap();
    append(&log, &clear(NOW.plus_hours(24 * 10)));
    let second = secret(&disk, "2026-12").unwrap();
    assert_ne!(first[26..], second[26..]);
    // The clock goes back: its records stay in the later month.
    append(&log, &clear(NOW));
    log.sync_now().unwrap();
    drop(log);
    let disk = disk.crash();
    let log = open(&disk, 2);
    append(&log, &clear(NOW));
    assert_eq!(secret(&disk, MONTH), Some(first));
    assert_eq!(secret(&disk, "2026-12"), Some(second));
    assert_eq!(opened(&disk, &keys()), (4, 0));
}

#[test]
fn without_its_secret_a_month_stays_closed_and_the_present_one_is_missed_at_start() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    append(&log, &clear(NOW));
    append(&log, &clear(NOW.plus_hours(24 * 10)));
    drop(log);
    let folder = Path::new(FOLDER);
    let older = disk.kill();
    older.remove(&secret_path(folder, MONTH)).unwrap();
    drop(try_open(&older, 2).unwrap());
    assert_eq!(opened(&older, &keys()), (1, 1));
    let present = disk.kill();
    present.remove(&secret_path(folder, "2026-12")).unwrap();
    let error = try_open(&present, 2).unwrap_err().to_string();
    assert!(
        error.starts_with("`/log/keys/2026-12.key` is missing: what was sealed in 2026-12"),
        "{error}"
    );
    let whole = secret(&disk, "2026-12").unwrap();
    for (place, byte) in whole.iter().enumerate() {
        let damaged = disk.kill();
        let path = secret_path(folder, "2026-12");
        let file = damaged.open(&path).unwrap();
        file.write_at(place as u64, &[byte ^ 1]).unwrap();
        let error = try_open(&damaged, 2).map(drop).unwrap_err();
        assert!(matches!(error, LogError::Month(_)), "{place}: {error}");
    }
}

#[test]
fn another_master_has_a_line_of_its_own_and_both_read_on() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    append(&log, &clear(NOW));
    drop(log);
    let newer = || LogKeys::new(MasterKey::from_bytes([8; 32]));
    let log = open_with(&disk, newer()).unwrap();
    append(&log, &clear(later(1)));
    drop(log);
    let lines = String::from_utf8(secret(&disk, MONTH).unwrap()).unwrap();
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(opened(&disk, &newer()), (1, 1));
    let both = newer().with_older([MasterKey::from_bytes([7; 32])]);
    assert_eq!(opened(&disk, &both), (2, 0));
}

#[test]
fn no_cut_of_power_leaves_a_record_without_its_secret() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        disk.cut_power_after(seed % 40);
        if let Ok((log, _)) = try_open(&disk, seed) {
            for n in 0..6 {
                let at = NOW.plus_hours(24 * 5 * n);
                let appended = log.append_check(&clear(at)).is_ok() && log.sync_now().is_ok();
                if !appended {
                    break;
                }
            }
        }
        let disk = disk.crash();
        let log = try_open(&disk, seed)
            .unwrap_or_else(|error| panic!("{seed}: {error}"))
            .0;
        append(&log, &clear(NOW.plus_hours(24 * 40)));
        assert_eq!(opened(&disk, &keys()).1, 0, "seed {seed}");
    }
}
