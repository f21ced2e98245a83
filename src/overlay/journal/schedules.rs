//! Seeded schedules against a plain model: acts on a disk that loses, tears, reorders, fills up,
//! fails and flips bits; then death at any operation, and the journal is read again.

use super::*;
use crate::storage::schedule::{self, Dice};
use crate::storage::simulated::SimulatedDisk;

const PATH: &str = "/state/acts.journal";
const BY_DEFAULT: u64 = 2_000;
const LIVES: u64 = 4;

/// An act that carries its number as its moment.
fn act(number: i64, dice: &mut Dice) -> JournalEntry {
    let kinds = [
        ActKind::Hold,
        ActKind::Upheld,
        ActKind::Withdraw,
        ActKind::Repair,
    ];
    let act = Act {
        entry_id: EntryId(format!("fz-{}", dice.roll(5)).into()),
        kind: kinds[dice.roll(4) as usize],
        at: Moment(number),
        version: (dice.roll(2) == 0).then_some(Moment(number - 1)),
    };
    JournalEntry::new(act, "court", "why", &"r".repeat(dice.roll(700) as usize))
}

fn open(disk: &SimulatedDisk) -> Result<(Journal, Vec<JournalEntry>), JournalError> {
    Journal::open(disk, Path::new(PATH))
}

/// Everything acknowledged is there in order; behind it a beginning of what was tried last.
fn check(found: &[JournalEntry], kept: &[JournalEntry], tried: &[JournalEntry]) {
    let known = kept.len();
    assert!(found.len() >= known, "lost: {} of {known}", found.len());
    assert_eq!(&found[..known], kept);
    let numbered = tried.iter().enumerate().map(|(place, entry)| JournalEntry {
        sequence: (known + place) as u64 + 1,
        ..entry.clone()
    });
    let may_follow: Vec<JournalEntry> = numbered.collect();
    assert!(
        may_follow.starts_with(&found[known..]),
        "invented or out of order"
    );
}

fn live(
    journal: &mut Journal,
    kept: &mut Vec<JournalEntry>,
    next: &mut i64,
    dice: &mut Dice,
) -> Vec<JournalEntry> {
    for _ in 0..dice.roll(30) {
        let count = 1 + dice.roll(4) as i64;
        let mut entries: Vec<_> = (0..count).map(|place| act(*next + place, dice)).collect();
        *next += count;
        if journal.append_all(&mut entries).is_err() {
            assert!(!journal.is_usable());
            let again = journal.append_all(&mut [act(*next, dice)]);
            assert!(matches!(again, Err(JournalError::Ended)));
            return entries;
        }
        kept.append(&mut entries);
    }
    Vec::new()
}

fn no_act_is_lost(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut disk = SimulatedDisk::new(seed);
    let (mut kept, mut tried, mut next) = (Vec::new(), Vec::new(), 1);
    for _life in 0..LIVES {
        schedule::trouble(&disk, &mut dice);
        if let Ok((mut journal, found)) = open(&disk) {
            check(&found, &kept, &tried);
            kept = found;
            tried = live(&mut journal, &mut kept, &mut next, &mut dice);
        }
        disk = schedule::after_death(&disk, &mut dice).0;
    }
    let opened = open(&disk);
    assert!(opened.is_ok(), "{:?}", opened.err());
    let (mut journal, found) = opened.unwrap();
    check(&found, &kept, &tried);
    journal.append_all(&mut [act(next, &mut dice)]).unwrap();
}

fn a_flipped_bit_is_found_or_harmless(seed: u64) {
    let mut dice = Dice::new(seed ^ 0x00f1_1bed);
    let disk = SimulatedDisk::new(seed);
    let (mut kept, mut next) = (Vec::new(), 1);
    let (mut journal, _) = open(&disk).unwrap();
    live(&mut journal, &mut kept, &mut next, &mut dice);
    drop(journal);
    let disk = disk.kill();
    let flipped = schedule::flip_a_bit(&disk, Path::new("/state"), &mut dice);
    match open(&disk) {
        Ok((_, found)) => assert_eq!(found, kept, "{flipped:?} changed what is read"),
        Err(JournalError::Damaged { offset, .. }) => {
            assert!(offset <= flipped.unwrap().1, "names the place");
        }
        Err(error) => panic!("{flipped:?}: {error}"),
    }
}

#[test]
fn seeded_schedules_lose_and_invent_no_act() {
    schedule::run("journal", BY_DEFAULT, no_act_is_lost);
}

#[test]
fn seeded_flips_of_journal_bits_are_found_or_harmless() {
    schedule::run(
        "journal flips",
        BY_DEFAULT,
        a_flipped_bit_is_found_or_harmless,
    );
}
