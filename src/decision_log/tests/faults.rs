//! Simulated disks that lose, tear, reorder, fill up and fail; each schedule by its seed.

use super::support::*;
use crate::decision_log::error::LogError;
use crate::decision_log::record::CheckId;
use crate::decision_log::segment::Syncing;
use crate::decision_log::writer::DecisionLog;
use crate::model::decision::Level;
use crate::seal::entropy::SeededEntropy;
use crate::storage::disk::Storage;
use crate::storage::simulated::{Fault, SimulatedDisk};
use std::path::Path;
use std::sync::Arc;

/// What a caller of the log remembers.
#[derive(Default)]
struct Memory {
    on_disk: Vec<CheckId>,
    in_kernel: Vec<CheckId>,
}

impl Memory {
    fn synced(&mut self) {
        self.on_disk.append(&mut self.in_kernel);
    }

    /// Everything that was on the disk is there, once and in order; behind it a prefix of the rest.
    #[track_caller]
    fn check(&self, disk: &SimulatedDisk, seed: u64) -> Vec<CheckId> {
        let found = check_ids(disk);
        let known = self.on_disk.len();
        assert!(
            found.len() >= known,
            "seed {seed}: {} of {known}",
            found.len()
        );
        assert_eq!(found[..known], self.on_disk, "seed {seed}");
        let rest = &found[known..];
        assert!(self.in_kernel.starts_with(rest), "seed {seed}");
        found
    }
}

/// A small generator, so that a schedule is its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn no_crash_loses_what_was_on_the_disk() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let mut disk = SimulatedDisk::new(seed);
        let mut memory = Memory::default();
        let mut clock = 0;
        for _life in 0..4 {
            let opened = try_open(&disk, dice.roll(1 << 30));
            let (log, _) = opened.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let found = memory.check(&disk, seed);
            memory = Memory {
                on_disk: found,
                in_kernel: Vec::new(),
            };
            for _ in 0..dice.roll(80) {
                clock += dice.roll(900) as i64;
                match dice.roll(8) {
                    0 => {
                        log.sync_now().unwrap();
                        memory.synced();
                    }
                    1 => {
                        log.append_event(&act()).unwrap();
                    }
                    _ => memory
                        .in_kernel
                        .push(append(&log, &clear(later(clock))).check_id),
                }
            }
            disk = match dice.roll(4) {
                0 => disk.kill(),
                _ => disk.crash(),
            };
            drop(log);
        }
        open(&disk, 1);
        memory.check(&disk, seed);
    }
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_that_was_on_the_disk() {
    for seed in 0..300 {
        let mut dice = Dice(seed ^ 0xbeef);
        let disk = SimulatedDisk::new(seed);
        let mut memory = Memory::default();
        disk.cut_power_after(dice.roll(120));
        if let Ok((log, _)) = try_open(&disk, seed) {
            for n in 0..100 {
                match log.append_check(&clear(later(n))) {
                    Ok(check) => memory.in_kernel.push(check.check_id),
                    Err(_) => break,
                }
                if dice.roll(5) == 0 && log.sync_now().is_ok() {
                    memory.synced();
                }
            }
        }
        // Twice: the repair itself is cut, too.
        let disk = disk.crash();
        disk.cut_power_after(dice.roll(12));
        let _ = try_open(&disk, seed);
        let disk = disk.crash();
        let opened = try_open(&disk, seed);
        assert!(opened.is_ok(), "seed {seed}: {:?}", opened.err());
        memory.check(&disk, seed);
    }
}

#[test]
fn after_the_first_failed_sync_nothing_is_acknowledged() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let disk = SimulatedDisk::new(seed);
        let log = open(&disk, seed);
        let mut memory = Memory::default();
        for n in 0..dice.roll(70) {
            memory
                .in_kernel
                .push(append(&log, &clear(later(n as i64))).check_id);
        }
        log.sync_now().unwrap();
        memory.synced();
        memory
            .in_kernel
            .push(append(&log, &clear(later(90))).check_id);
        disk.fail_next(Fault::Sync);
        let error = log.sync_now().unwrap_err();
        assert!(matches!(error, LogError::Ended { .. }), "{error}");
        assert!(log.health().ended.is_some());
        for _ in 0..3 {
            assert!(log.append_check(&clear(NOW)).is_err());
            assert!(log.append_event(&act()).is_err());
            assert!(log.sync_now().is_err(), "the disk would say yes now");
            let position = log.health().in_kernel;
            assert!(log.reached_blocking(Level::Kernel, position).is_err());
            assert!(log.reached_blocking(Level::Disk, position).is_err());
        }
        drop(log);
        // A restart without a crash reads pages that are not on the disk, and writes them again.
        let killed = disk.kill();
        let (log, _) = try_open(&killed, seed).unwrap();
        let found = memory.check(&killed, seed);
        drop(log);
        let crashed = killed.crash();
        open(&crashed, seed);
        assert_eq!(check_ids(&crashed), found, "seed {seed}");
    }
}

#[test]
fn a_failed_write_ends_the_log_and_its_half_record_does_not_count() {
    for seed in 0..100 {
        let disk = SimulatedDisk::new(seed);
        let log = open(&disk, seed);
        let mut memory = Memory::default();
        for n in 0..5 {
            memory
                .in_kernel
                .push(append(&log, &clear(later(n))).check_id);
        }
        disk.fail_next(Fault::Write);
        let error = log.append_check(&clear(later(6))).unwrap_err().to_string();
        assert!(
            error.starts_with("the decision log has ended: cannot write"),
            "{error}"
        );
        assert!(log.append_check(&clear(later(7))).is_err());
        assert!(log.sync_now().is_err());
        drop(log);
        let disk = disk.kill();
        open(&disk, seed);
        let found = check_ids(&disk);
        assert_eq!(found[..5], memory.in_kernel);
        assert!(
            found.len() <= 6,
            "what was not acknowledged may be whole, and once"
        );
    }
}

#[test]
fn a_full_disk_ends_the_log_when_a_segment_is_full_and_space_lets_it_go_on() {
    let disk = SimulatedDisk::new(4);
    let log = open(&disk, 1);
    disk.set_capacity(disk.used_bytes() + 100);
    let mut memory = Memory::default();
    let error = loop {
        match log.append_check(&clear(NOW)) {
            Ok(check) => memory.in_kernel.push(check.check_id),
            Err(error) => break error.to_string(),
        }
    };
    assert!(
        error.contains("cannot prepare `log-00000002.hlog`"),
        "{error}"
    );
    assert!(
        memory.in_kernel.len() > 30,
        "the prepared segment was filled"
    );
    assert!(log.append_check(&clear(NOW)).is_err());
    drop(log);
    let disk = disk.kill();
    disk.set_capacity(u64::MAX);
    let log = open(&disk, 2);
    memory.check(&disk, 0);
    append(&log, &clear(NOW));
}

#[test]
fn a_full_disk_is_told_before_the_segment_is_full() {
    let disk = SimulatedDisk::new(4);
    disk.set_capacity(20 << 10);
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let options = options(16 << 10, Syncing::Thread);
    let entropy = Arc::new(SeededEntropy::new(1));
    let opened = DecisionLog::open(storage, Path::new(FOLDER), options, keys(), entropy, NOW);
    let log = opened.unwrap().0;
    let begun = std::time::Instant::now();
    while log.health().next_segment.is_none() {
        assert!(begun.elapsed().as_secs() < 60, "never told");
        std::thread::yield_now();
    }
    let check = append(&log, &clear(NOW));
    log.reached_blocking(Level::Disk, check.position).unwrap();
    assert_eq!(log.health().ended, None);
}

#[test]
fn every_waiter_learns_that_the_log_has_ended() {
    let disk = SimulatedDisk::new(4);
    let log = Arc::new(open(&disk, 1));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let position = append(&log, &block(NOW)).position;
    let waiters: Vec<_> = (0..10)
        .map(|_| {
            let log = Arc::clone(&log);
            runtime.spawn(async move { log.reached(Level::Disk, position).await })
        })
        .collect();
    runtime.block_on(async { tokio::task::yield_now().await });
    disk.fail_next(Fault::Sync);
    assert!(log.sync_now().is_err());
    for waiter in waiters {
        assert!(matches!(
            runtime.block_on(waiter).unwrap(),
            Err(LogError::Ended { .. })
        ));
    }
    let late = runtime.block_on(log.reached(Level::Disk, position));
    assert!(late.is_err());
}

#[test]
fn waiters_are_told_when_their_record_is_on_the_disk_and_not_before() {
    let disk = SimulatedDisk::new(4);
    let log = Arc::new(open(&disk, 1));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let position = append(&log, &block(NOW)).position;
    runtime
        .block_on(log.reached(Level::Kernel, position))
        .unwrap();
    let waiting = {
        let log = Arc::clone(&log);
        runtime.spawn(async move { log.reached(Level::Disk, position).await })
    };
    runtime.block_on(async { tokio::task::yield_now().await });
    assert!(!waiting.is_finished());
    log.sync_now().unwrap();
    runtime.block_on(waiting).unwrap().unwrap();
    runtime
        .block_on(log.reached(Level::Disk, position))
        .unwrap();
}
