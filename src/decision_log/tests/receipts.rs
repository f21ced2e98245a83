//! Receipts: what they prove, what is refused, and how little of the log is read for one.

use super::support::*;
use super::verified::{read_frames, write_forged};
use crate::decision_log::receipt::{Proved, Receipt, ReceiptFault, make, verify};
use crate::decision_log::record::{CheckDraft, CheckId, FLAG_SEGMENT, KIND_CHECK};
use crate::decision_log::segment::{self, Syncing};
use crate::decision_log::side;
use crate::decision_log::writer::DecisionLog;
use crate::seal::entropy::SeededEntropy;
use crate::storage::disk::Storage;
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;
use std::sync::Arc;

fn receipt(disk: &dyn Storage, check_id: CheckId) -> Receipt {
    make(disk, Path::new(FOLDER), check_id).unwrap()
}

fn proved(receipt: &Receipt) -> Result<Proved, ReceiptFault> {
    verify(receipt, &[signer().public()])
}

/// Two segments of one month, in which the same numbers mean other units: the first asks in the
/// first, the second in the second.
fn two_segments() -> (SimulatedDisk, CheckId, CheckId) {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    let first = append(&log, &block(NOW)).check_id;
    for n in 0..60 {
        append(&log, &clear(later(n)));
    }
    let other = CheckDraft {
        unit: "a shop",
        scenario: "credit.grant",
        purpose: Some("a loan"),
        ..block(later(60))
    };
    let mut second = append(&log, &other).check_id;
    while disk.open(Path::new("/log/log-00000003.hlog")).is_err() {
        second = append(&log, &other).check_id;
    }
    for _ in 0..3 {
        second = append(&log, &other).check_id;
    }
    checkpoint(&log);
    drop(log);
    (disk, first, second)
}

/// Header and texts of one receipt, the check of another.
fn combined(names: &Receipt, check: &Receipt) -> Receipt {
    let mut forged = check.clone();
    let check = forged.frames.pop().unwrap();
    forged.frames = names.frames.clone();
    forged.frames.pop();
    forged.frames.push(check);
    forged
}

#[test]
fn frames_of_two_segments_prove_nothing() {
    let (disk, first, second) = two_segments();
    let (first, second) = (receipt(&disk, first), receipt(&disk, second));
    for (receipt, unit) in [(&first, "rail-12306"), (&second, "a shop")] {
        let proved = proved(receipt).unwrap();
        assert!(proved.is_bound && *proved.check.unit == *unit, "{proved:?}");
    }
    // Only what was signed for lies in it, and every text is one of the log.
    let fault = proved(&combined(&first, &second)).unwrap_err();
    let told = "the frames do not fit together: the check was written in another segment than \
                its texts";
    assert_eq!(fault.to_string(), told);
    // With the right header and the texts of the other segment in front of it.
    let mut forged = combined(&first, &second);
    forged.frames[0] = second.frames[0].clone();
    assert!(matches!(proved(&forged), Err(ReceiptFault::Frames(_))));
    // With the texts of the right segment left out.
    let mut forged = second.clone();
    forged.frames.remove(1);
    assert!(matches!(proved(&forged), Err(ReceiptFault::Frames(_))));
}

/// The flag and the number of the segment taken out of every check, as older versions wrote them.
fn as_of_an_older_version(disk: &SimulatedDisk) -> SimulatedDisk {
    const FLAGS: usize = 48;
    let mut segments = read_frames(disk);
    for (number, frames) in &mut segments {
        for frame in frames.iter_mut().filter(|frame| frame.kind == KIND_CHECK) {
            assert_eq!(u64::from(frame.payload[FLAGS + 1]), *number);
            frame.payload[FLAGS] &= !FLAG_SEGMENT;
            frame.payload.remove(FLAGS + 1);
        }
    }
    write_forged(&segments)
}

#[test]
fn a_check_of_an_older_version_is_proved_and_its_names_are_said_to_be_unproved() {
    let (disk, first, second) = two_segments();
    let older = as_of_an_older_version(&disk);
    let (first, second) = (receipt(&older, first), receipt(&older, second));
    assert!(!proved(&first).unwrap().is_bound && !proved(&second).unwrap().is_bound);
    // What the number of the segment is there for: this misstates who asked.
    let misstated = proved(&combined(&first, &second)).unwrap();
    assert_eq!(
        (misstated.is_bound, &*misstated.check.unit),
        (false, "rail-12306")
    );
}

/// A log of ten times as many records costs a receipt hardly a byte more: no segment is read whole,
/// and of the tree only what the proofs need.
#[test]
fn of_a_large_log_little_is_read_for_a_receipt() {
    let disk = SimulatedDisk::new(1);
    let opened = DecisionLog::open(
        Arc::new(disk.clone()),
        Path::new(FOLDER),
        options(128 << 10, Syncing::ByHand),
        keys().with_signer(signer()),
        Arc::new(SeededEntropy::new(1)),
        NOW,
    );
    let log = opened.unwrap().0;
    let mut ids = Vec::new();
    let mut figures = Vec::new();
    for size in [2_000, 20_000] {
        while ids.len() < size {
            ids.push(append(&log, &clear(later(ids.len() as i64))).check_id);
            if ids.len().is_multiple_of(500) {
                log.sync_now().unwrap();
            }
        }
        checkpoint(&log);
        let numbers = segment::numbers(&disk, Path::new(FOLDER)).unwrap();
        // The last but one is written on, the last is prepared.
        for number in numbers.iter().take(numbers.len() - 2) {
            side::make(&disk, Path::new(FOLDER), *number).unwrap();
        }
        let before = disk.read_bytes();
        for id in ids.iter().take(1_000).step_by(250) {
            assert!(proved(&receipt(&disk, *id)).unwrap().is_bound);
        }
        figures.push((disk.read_bytes() - before) / 4);
    }
    println!(
        "a receipt read {} bytes of a log of {}; at a tenth of its records {}",
        figures[1],
        disk.used_bytes(),
        figures[0]
    );
    assert!(figures[1] < figures[0] + 64 * 1024, "{figures:?}");
    assert!(figures[1] < disk.used_bytes() / 20, "{figures:?}");
}
