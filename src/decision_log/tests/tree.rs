//! The tree over the records: right at every size, taken up after any end, never signed wrongly.

use super::support::*;
use crate::decision_log::error::LogError;
use crate::decision_log::record::Position;
use crate::decision_log::segment::Syncing;
use crate::decision_log::shards::{checkpoint_path, read_checkpoint, tree_folder};
use crate::decision_log::writer::DecisionLog;
use crate::seal::entropy::SeededEntropy;
use crate::seal::sign::SigningKey;
use crate::storage::disk::{Storage, read_all};
use crate::storage::simulated::{Fault, SimulatedDisk};
use crate::tree::levels::Levels;
use crate::tree::merkle::{Hash, Hashes, verify_consistency};
use crate::tree::note::Checkpoint;
use std::path::Path;
use std::sync::Arc;

const MONTH: &str = "2026-11";

fn stored(disk: &SimulatedDisk, month: &str) -> Option<Checkpoint> {
    let path = checkpoint_path(Path::new(FOLDER), month);
    read_checkpoint(disk, &path).unwrap().map(|(_, read)| read)
}

/// The checkpoint of a month is over its first frames as they stand in the files.
#[track_caller]
fn holds(disk: &SimulatedDisk, month: &str) -> u64 {
    let checkpoint = stored(disk, month).unwrap();
    let leaves = &leaves(disk)[month];
    let size = checkpoint.size as usize;
    assert!(size <= leaves.len(), "{size} of {}", leaves.len());
    assert_eq!(plain_root(&leaves[..size]), checkpoint.root);
    checkpoint.size
}

#[test]
fn a_checkpoint_is_over_all_that_is_on_the_disk() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    assert_eq!(log.tree().unwrap().checkpoint, None);
    for n in 0..600 {
        let appended = append(&log, &clear(later(n)));
        let (month, leaf) = log.leaf(appended.position).unwrap();
        assert_eq!((&*month, leaf), (MONTH, appended.position.0 - 1));
        if n % 37 == 0 {
            let size = checkpoint(&log).size;
            assert_eq!(holds(&disk, MONTH), size);
            assert!(size >= appended.position.0);
        }
    }
    let tree = log.tree().unwrap();
    assert!(tree.fault.is_none() && tree.behind == 0);
    append(&log, &clear(NOW));
    log.sync_now().unwrap();
    assert!(log.tree().unwrap().behind > 0);
    assert_eq!(log.leaf(Position(0)), None);
}

#[test]
fn after_a_restart_the_tree_goes_on_and_what_is_lost_of_it_is_built_again() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    for n in 0..400 {
        append(&log, &clear(later(n)));
    }
    let before = checkpoint(&log);
    drop(log);
    let folder = tree_folder(Path::new(FOLDER), MONTH);
    for lost in ["", "0", "1", "checkpoint", "half"] {
        let disk = disk.kill();
        match lost {
            "" => {}
            "half" => {
                let file = disk.open(&folder.join("0")).unwrap();
                file.write_at(5 * 32, &[0; 320]).unwrap();
            }
            lost => disk.remove(&folder.join(lost)).unwrap(),
        }
        let log = open_tree(&disk, 2);
        append(&log, &clear(NOW));
        let after = checkpoint(&log);
        assert!(after.size > before.size, "{lost}");
        assert_eq!(holds(&disk, MONTH), after.size);
        assert_eq!(after.origin, before.origin);
        let levels = Levels::open_to_read(&disk, &folder).unwrap();
        let read = |level, first, into: &mut [Hash]| levels.read(level, first, into);
        let proof = Hashes::new(&read).consistency_proof(before.size, after.size);
        let (old, new) = ((before.size, &before.root), (after.size, &after.root));
        verify_consistency(old, new, &proof.unwrap()).unwrap();
    }
}

#[test]
fn records_that_were_signed_for_and_are_gone_are_missed_at_start() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    append(&log, &clear(NOW));
    checkpoint(&log);
    drop(log);
    let yesterday = disk.kill();
    let log = open_tree(&disk, 2);
    for n in 0..20 {
        append(&log, &clear(later(n)));
    }
    let newer = checkpoint(&log);
    drop(log);
    // The log of yesterday under the checkpoint of today.
    let path = checkpoint_path(Path::new(FOLDER), MONTH);
    let bytes = read_all(&*disk.open(&path).unwrap()).unwrap();
    yesterday.open(&path).unwrap().write_at(0, &bytes).unwrap();
    let before = all_bytes(&yesterday);
    let error = try_open_tree(&yesterday, 3).unwrap_err();
    match &error {
        LogError::TreeAhead { signed, found, .. } => {
            assert_eq!(*signed, newer.size);
            assert!(found < signed);
        }
        other => panic!("{other}"),
    }
    assert_eq!(all_bytes(&yesterday), before, "nothing was changed");
    // Emptied altogether.
    let empty = disk.kill();
    for name in empty.list(Path::new(FOLDER)).unwrap() {
        empty.remove(&Path::new(FOLDER).join(name)).unwrap();
    }
    let error = try_open_tree(&empty, 3).unwrap_err();
    assert!(
        matches!(error, LogError::TreeAhead { found: 0, .. }),
        "{error}"
    );
}

#[test]
fn other_records_than_were_signed_for_are_told_at_start_where_the_hashes_are_gone_too() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    append(&log, &clear(NOW));
    checkpoint(&log);
    drop(log);
    let other = SimulatedDisk::new(1);
    let log = open(&other, 1);
    append(&log, &block(NOW));
    log.sync_now().unwrap();
    drop(log);
    let segment = Path::new("/log/log-00000001.hlog");
    let bytes = read_all(&*other.open(segment).unwrap()).unwrap();
    disk.open(segment).unwrap().write_at(0, &bytes).unwrap();
    let folder = tree_folder(Path::new(FOLDER), MONTH);
    disk.remove(&folder.join("0")).unwrap();
    let error = try_open_tree(&disk, 2).unwrap_err();
    assert!(matches!(error, LogError::TreeDiffers { .. }), "{error}");
}

#[test]
fn a_checkpoint_that_cannot_be_believed_is_refused_and_one_of_an_older_key_signed_again() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    append(&log, &clear(NOW));
    let first = checkpoint(&log);
    drop(log);
    let path = checkpoint_path(Path::new(FOLDER), MONTH);
    let whole = read_all(&*disk.open(&path).unwrap()).unwrap();
    for (place, byte) in whole.iter().enumerate() {
        let changed = disk.kill();
        let byte = [byte ^ 1];
        changed
            .open(&path)
            .unwrap()
            .write_at(place as u64, &byte)
            .unwrap();
        match try_open_tree(&changed, 2) {
            Err(LogError::Checkpoint { .. } | LogError::TreeAhead { .. }) => {}
            // Bits of the key's name make it one of an unknown key: the root decides.
            Ok(_) | Err(LogError::TreeDiffers { .. }) => assert!(place > first.text().len()),
            Err(other) => panic!("{place}: {other}"),
        }
    }
    let newer = keys().with_signer(SigningKey::from_bytes(&[10; 32]));
    let log = DecisionLog::open(
        Arc::new(disk.clone()),
        Path::new(FOLDER),
        options(8 << 10, Syncing::ByHand),
        newer,
        Arc::new(SeededEntropy::new(3)),
        NOW,
    );
    let log = log.unwrap().0;
    log.checkpoint_now().unwrap();
    let (note, _) = read_checkpoint(&disk, &path).unwrap().unwrap();
    note.checkpoint(&[SigningKey::from_bytes(&[10; 32]).public()])
        .unwrap();
}

#[test]
fn a_month_ends_with_a_checkpoint_over_all_of_it() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    for n in 0..30 {
        append(&log, &clear(NOW.plus_hours(24 * n)));
        if n % 4 == 0 {
            log.sync_now().unwrap();
        }
    }
    let present = checkpoint(&log);
    assert!(present.origin.ends_with("/2026-12"));
    let all = leaves(&disk);
    assert_eq!(holds(&disk, MONTH), all[MONTH].len() as u64);
    assert_eq!(holds(&disk, "2026-12"), present.size);
    let last = append(&log, &clear(NOW)).position;
    let first = all[MONTH].len() as u64 + 1;
    let (month, leaf) = log.leaf(last).unwrap();
    assert_eq!((&*month, leaf), ("2026-12", last.0 - first));
    drop(log);
    let log = open_tree(&disk, 2);
    assert_eq!(log.leaf(last).unwrap(), (month, leaf));
}

#[test]
fn months_of_an_older_version_get_their_trees_beside_the_present_one() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    for n in 0..100 {
        append(&log, &clear(NOW.plus_hours(24 * n)));
    }
    drop(log);
    let log = open_tree(&disk, 2);
    checkpoint(&log);
    let trees = log.shared_trees();
    while trees.is_building() {
        log.checkpoint_now().unwrap();
    }
    for (month, leaves) in leaves(&disk) {
        let size = holds(&disk, &month);
        assert!(size == leaves.len() as u64 || month == "2027-03", "{month}");
    }
}

/// F10: a bit that flips in the hash of a leaf, in memory, before the checkpoint is signed.
#[test]
fn a_hash_that_flips_in_memory_is_never_signed_and_ends_the_log() {
    for leaf in [7u64, 40, 255, 256, 300] {
        let disk = SimulatedDisk::new(1);
        let log = open_tree(&disk, 1);
        append(&log, &clear(NOW));
        let before = checkpoint(&log);
        for n in 0..300 {
            append(&log, &clear(later(n)));
        }
        log.sync_now().unwrap();
        FLIPPED.with(|flipped| flipped.set(leaf));
        log.shared_trees().set_fault(|place, hash| {
            if FLIPPED.with(std::cell::Cell::get) == place {
                hash[(place % 32) as usize] ^= 1 << (place % 8);
            }
        });
        let error = log.checkpoint_now().unwrap_err();
        assert!(
            matches!(error, LogError::TreeMismatch { leaf: at, .. } if at == leaf),
            "{leaf}: {error}"
        );
        assert_eq!(stored(&disk, MONTH), Some(before));
        let ended = log.health().ended.unwrap();
        assert!(
            ended.contains("does not agree with the records read back"),
            "{ended}"
        );
        assert!(log.append_check(&clear(NOW)).is_err());
        drop(log);
        // A restart works it out anew.
        let log = open_tree(&disk, 2);
        let size = checkpoint(&log).size;
        assert_eq!(holds(&disk, MONTH), size);
    }
}

thread_local! {
    static FLIPPED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[test]
fn a_record_or_hash_that_changes_on_the_disk_before_it_is_signed_is_not_signed() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    append(&log, &clear(NOW));
    let before = checkpoint(&log);
    append(&log, &clear(later(1)));
    log.sync_now().unwrap();
    let segment = Path::new("/log/log-00000001.hlog");
    let file = disk.open(segment).unwrap();
    let bytes = read_all(&*file).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    file.write_at(end as u64 - 60, &[bytes[end - 60] ^ 4])
        .unwrap();
    let error = log.checkpoint_now().unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    assert_eq!(stored(&disk, MONTH), Some(before));
}

#[test]
fn a_tree_that_cannot_be_written_is_tried_again_and_the_log_goes_on() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    append(&log, &clear(NOW));
    checkpoint(&log);
    for fault in [Fault::Write, Fault::Rename, Fault::Sync, Fault::Create] {
        append(&log, &clear(NOW));
        log.sync_now().unwrap();
        disk.fail_next(fault);
        assert!(log.checkpoint_now().is_err(), "{fault:?}");
        let tree = log.tree().unwrap();
        assert!(tree.fault.is_some() && log.health().ended.is_none());
        append(&log, &clear(NOW));
        checkpoint(&log);
        assert!(log.tree().unwrap().fault.is_none());
        holds(&disk, MONTH);
    }
}

#[test]
fn the_thread_signs_by_itself_and_once_more_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let storage = Arc::new(crate::storage::disk::RealDisk);
        let keys = keys().with_signer(signer());
        let options = options(1 << 20, Syncing::Thread);
        let entropy = Arc::new(SeededEntropy::new(1));
        DecisionLog::open(storage, folder.path(), options, keys, entropy, NOW)
    };
    let log = open().unwrap().0;
    let first = append(&log, &clear(NOW)).position;
    let begun = std::time::Instant::now();
    while log
        .tree()
        .unwrap()
        .checkpoint
        .is_none_or(|one| one.checkpoint.size < first.0)
    {
        assert!(begun.elapsed().as_secs() < 60, "never signed");
        std::thread::yield_now();
    }
    let last = append(&log, &clear(NOW)).position;
    log.close().unwrap();
    let log = open().unwrap().0;
    assert!(newest(&log).size >= last.0, "the end was signed");
}

/// Random lives that end in crashes and kills: a checkpoint that was ever signed is over the
/// beginning of whatever exists later.
#[test]
fn what_was_signed_once_is_the_beginning_of_all_that_follows() {
    for seed in 0..150u64 {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut roll = |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let mut disk = SimulatedDisk::new(seed);
        let mut signed: Vec<Checkpoint> = Vec::new();
        let mut clock = 0;
        for _life in 0..4 {
            if roll(3) == 0 {
                disk.cut_power_after(roll(120));
            }
            if let Ok(log) = try_open_tree(&disk, roll(1 << 30)) {
                for _ in 0..roll(90) {
                    clock += roll(40_000_000_000) as i64;
                    let done = match roll(9) {
                        0 => log.sync_now().is_ok(),
                        1 => log.checkpoint_now().is_ok(),
                        2 => log.append_event(&act()).is_ok(),
                        _ => log.append_check(&clear(later(clock))).is_ok(),
                    };
                    let tree = log.tree().unwrap();
                    signed.extend(tree.checkpoint.map(|one| one.checkpoint.clone()));
                    if !done {
                        break;
                    }
                }
            }
            disk = match roll(3) {
                0 => disk.kill(),
                _ => disk.crash(),
            };
        }
        let log = try_open_tree(&disk, 1).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        checkpoint(&log);
        let all = leaves(&disk);
        signed.dedup();
        for one in &signed {
            let month = one.origin.rsplit('/').next().unwrap();
            let leaves = &all[month];
            let size = one.size as usize;
            assert!(
                size <= leaves.len(),
                "seed {seed}: {size} of {}",
                leaves.len()
            );
            assert_eq!(plain_root(&leaves[..size]), one.root, "seed {seed}");
        }
    }
}
