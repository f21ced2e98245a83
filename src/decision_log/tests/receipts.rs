//! Receipts: what they prove, what is refused, and how little of the log is read for one.

use super::support::*;
use super::verified::{read_frames, write_forged};
use crate::decision_log::receipt::{Proved, Receipt, ReceiptFault, make, verify};
use crate::decision_log::record::{CheckDraft, CheckId, FLAG_SEGMENT, KIND_CHECK};
use crate::storage::disk::Storage;
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;

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
