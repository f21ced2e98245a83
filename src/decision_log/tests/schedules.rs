//! Seeded schedules against a plain model: random records on a disk that loses, tears, reorders,
//! fills up, fails and flips bits; then death at any operation, and everything is read again.
//!
//! The model is a list of numbers: what was on the disk, what was in the kernel, what was tried
//! last. Each check carries its number as its purpose.

use super::support::*;
use crate::decision_log::entry::Record;
use crate::decision_log::error::LogError;
use crate::decision_log::query::Filter;
use crate::decision_log::record::{CheckDraft, CheckId};
use crate::decision_log::writer::DecisionLog;
use crate::model::decision::Decision;
use crate::storage::schedule::{self, Dice};
use crate::storage::simulated::SimulatedDisk;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const BY_DEFAULT: u64 = 1_500;
const LIVES: u64 = 4;

/// What a caller of the log knows.
#[derive(Debug, Default)]
struct Model {
    on_disk: Vec<u64>,
    in_kernel: Vec<u64>,
    /// Tried and not acknowledged, since `in_kernel` last grew: at most one, for a failed append
    /// ends the log.
    tried: Option<u64>,
    /// Check_ids that were handed out.
    ids: BTreeMap<u64, CheckId>,
    /// Feedback acknowledged on checks that are in `on_disk` or `in_kernel`, by number.
    feedback: BTreeSet<u64>,
    next: u64,
}

impl Model {
    fn synced(&mut self) {
        self.on_disk.append(&mut self.in_kernel);
    }

    /// What may stand in a log that reads well, after death.
    fn check(&self, found: &[(u64, CheckId)]) {
        let numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
        let known = self.on_disk.len();
        assert!(numbers.len() >= known, "lost: {} of {known}", numbers.len());
        assert_eq!(numbers[..known], self.on_disk, "what was on the disk");
        let may_follow: Vec<u64> = self.in_kernel.iter().copied().chain(self.tried).collect();
        assert!(
            may_follow.starts_with(&numbers[known..]),
            "{self:?} {numbers:?}"
        );
        for (number, id) in found {
            let handed_out = self.ids.get(number);
            assert!(
                handed_out.is_none_or(|handed_out| handed_out == id),
                "{number}"
            );
        }
        assert!(
            found.windows(2).all(|pair| pair[0].1 < pair[1].1),
            "check_ids rise"
        );
    }

    /// From now on what was found is all there is.
    fn settle(&mut self, found: &[(u64, CheckId)]) {
        self.on_disk = found.iter().map(|(number, _)| *number).collect();
        self.in_kernel.clear();
        self.tried = None;
        self.ids = found.iter().copied().collect();
        self.feedback.retain(|number| self.ids.contains_key(number));
    }
}

fn found_in(disk: &SimulatedDisk) -> Result<Vec<(u64, CheckId)>, LogError> {
    let mut found = Vec::new();
    for record in try_records(disk, &Filter::default())? {
        if let Record::Check(check) = record {
            found.push((check.purpose.unwrap().parse().unwrap(), check.check_id));
        }
    }
    Ok(found)
}

/// Operations until the log ends or the dice say so.
fn live(log: &DecisionLog, model: &mut Model, dice: &mut Dice, clock: &mut i64) {
    for _ in 0..dice.roll(60) {
        *clock += dice.roll(1_200) as i64;
        let went_on = match dice.roll(9) {
            0 => log.sync_now().inspect(|()| model.synced()).is_ok(),
            1 if dice.roll(2) == 0 => {
                // On a disk in trouble it may fail, and nobody minds.
                log.make_sides_now();
                true
            }
            1 => log.append_event(&act()).is_ok(),
            2 => feed_back(log, model, dice),
            _ => check(log, model, dice, *clock),
        };
        if !went_on {
            assert!(log.health().ended.is_some(), "an error ends the log");
            assert!(log.append_check(&clear(later(*clock))).is_err());
            assert!(log.sync_now().is_err());
            return;
        }
    }
}

fn check(log: &DecisionLog, model: &mut Model, dice: &mut Dice, clock: i64) -> bool {
    let number = model.next;
    model.next += 1;
    let purpose = number.to_string();
    let decision = Decision::ALL[dice.roll(5) as usize];
    let draft = CheckDraft {
        purpose: Some(&purpose),
        decision,
        ..block(later(clock))
    };
    match log.append_check(&draft) {
        Ok(appended) => {
            model.in_kernel.push(number);
            model.ids.insert(number, appended.check_id);
            true
        }
        Err(_) => {
            model.tried = Some(number);
            false
        }
    }
}

fn feed_back(log: &DecisionLog, model: &mut Model, dice: &mut Dice) -> bool {
    let place = dice.roll(model.ids.len().max(1) as u64) as usize;
    let Some((number, id)) = model.ids.iter().nth(place).map(|(n, id)| (*n, *id)) else {
        return true;
    };
    let answer = log.append_feedback(&feedback(id, "done"));
    if answer.is_ok() {
        model.feedback.insert(number);
    }
    answer.is_ok()
}

/// One life after the other; whatever happens in between, everything is kept.
fn no_acknowledged_record_is_lost(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut disk = SimulatedDisk::new(seed);
    let mut model = Model::default();
    let mut clock = 0;
    for _life in 0..LIVES {
        schedule::trouble(&disk, &mut dice);
        if let Ok((log, _)) = try_open(&disk, dice.roll(1 << 30)) {
            let found = found_in(&disk).unwrap();
            model.check(&found);
            model.settle(&found);
            live(&log, &mut model, &mut dice, &mut clock);
        }
        disk = schedule::after_death(&disk, &mut dice).0;
    }
    let opened = try_open(&disk, 1);
    assert!(opened.is_ok(), "{:?}", opened.err());
    let (log, _) = opened.unwrap();
    let found = found_in(&disk).unwrap();
    model.check(&found);
    for (number, id) in &found {
        let there = log.find_check(*id).unwrap();
        assert!(there.is_some(), "{number} is found by its check_id");
    }
    let after = append(
        &log,
        &CheckDraft {
            purpose: Some("0"),
            ..clear(later(clock))
        },
    );
    assert!(
        found.iter().all(|(_, id)| *id < after.check_id),
        "goes on above all"
    );
}

/// A bit that turns in a file that nobody has open.
fn a_flipped_bit_is_found_or_harmless(seed: u64) {
    let mut dice = Dice::new(seed ^ 0x00f1_1bed);
    let disk = SimulatedDisk::new(seed);
    let mut model = Model::default();
    let log = open(&disk, seed);
    let mut clock = 0;
    live(&log, &mut model, &mut dice, &mut clock);
    log.sync_now().unwrap();
    model.synced();
    drop(log);
    // Opened once more, so that the last record is vouched for by a mark.
    drop(open(&disk.kill(), seed + 1));
    let disk = disk.kill();
    drop(open(&disk, seed + 2));
    let disk = disk.kill();
    let whole = found_in(&disk).unwrap();
    let flipped = schedule::flip_a_bit(&disk, Path::new(FOLDER), &mut dice);
    match try_open(&disk, seed + 3) {
        Err(error) => {
            let said = error.to_string();
            let (file, _) = flipped.unwrap();
            assert!(
                said.contains("hlog") || said.contains(&file),
                "names the place: {said}"
            );
        }
        // Between the ends of a full segment it is found by whoever reads there.
        Ok(_) => match found_in(&disk) {
            Ok(found) => assert_eq!(found, whole, "{flipped:?} changed what is read"),
            Err(error) => assert!(error.to_string().contains("hlog"), "{error}"),
        },
    }
}

#[test]
fn seeded_schedules_lose_and_invent_no_record() {
    schedule::run("log", BY_DEFAULT, no_acknowledged_record_is_lost);
}

#[test]
fn seeded_flips_of_log_bits_are_found_or_harmless() {
    schedule::run("log flips", BY_DEFAULT, a_flipped_bit_is_found_or_harmless);
}
