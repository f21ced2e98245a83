//! What a journal keeps, over restarts, cuts of power and damage.

use super::*;
use crate::storage::simulated::{Fault, SimulatedDisk};
use proptest::prelude::*;

const PATH: &str = "/state/acts.journal";

fn act(entry_id: &str, kind: ActKind, at: i64) -> Act {
    let version = (at % 2 == 0).then_some(Moment(at - 1));
    Act {
        entry_id: EntryId(entry_id.into()),
        kind,
        at: Moment(at),
        version,
    }
}

fn open(disk: &SimulatedDisk) -> Result<(Journal, Vec<JournalEntry>), JournalError> {
    Journal::open(disk, Path::new(PATH))
}

/// The bytes of a journal with three acts, and where the last begins.
fn three_acts() -> (Vec<u8>, usize) {
    let disk = SimulatedDisk::new(1);
    let (mut journal, _) = open(&disk).unwrap();
    let mut last = 0;
    for at in 1..=3 {
        last = journal.offset as usize;
        journal
            .append(&act("fz-1", ActKind::Withdraw, at), "court", "wrong", "r")
            .unwrap();
    }
    let file = disk.open_to_read(Path::new(PATH)).unwrap();
    (read_all(file.as_ref()).unwrap(), last)
}

fn disk_with(bytes: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(2);
    disk.create_folder(Path::new("/state")).unwrap();
    let file = disk.create(Path::new(PATH)).unwrap();
    file.write_at(0, bytes).unwrap();
    file.sync().unwrap();
    disk.sync_folder(Path::new("/state")).unwrap();
    disk
}

#[test]
fn acts_are_read_back_in_order_with_who_and_why() {
    let disk = SimulatedDisk::new(3);
    let (mut journal, before) = open(&disk).unwrap();
    assert!(before.is_empty());
    let held = act("a", ActKind::Hold, 10);
    assert_eq!(
        journal
            .append(&held, "court", "objection", "no. 1")
            .unwrap(),
        1
    );
    assert_eq!(
        journal
            .append(&act("b", ActKind::Repair, 11), "u", "", "")
            .unwrap(),
        2
    );
    drop(journal);
    let (mut journal, entries) = open(&disk).unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].act, held);
    assert_eq!(
        (&*entries[0].unit, &*entries[0].reason),
        ("court", "objection")
    );
    assert_eq!(entries[1].act, act("b", ActKind::Repair, 11));
    assert_eq!(journal.append(&held, "court", "", "").unwrap(), 3);
}

#[test]
fn what_hangs_on_an_act_is_read_back() {
    let disk = SimulatedDisk::new(9);
    let (mut journal, _) = open(&disk).unwrap();
    let mut held = JournalEntry::new(act("a", ActKind::Hold, 4), "u", "why", "ref");
    held.deadline = Some(Deadline {
        due: Moment(77),
        clock: "stated".into(),
    });
    held.case = Some(CaseMark([3; 16]));
    let mut foreign = JournalEntry::new(act("b", ActKind::Repair, 5), "u", "why", "ref");
    foreign.origin = Some(Origin {
        issuer: "0a1b".into(),
        sequence: 12,
    });
    let mut both = [held, foreign];
    journal.append_all(&mut both).unwrap();
    assert_eq!((both[0].sequence, both[1].sequence), (1, 2));
    drop(journal);
    assert_eq!(open(&disk).unwrap().1, both);
}

#[test]
fn a_citizen_number_in_a_reason_is_never_stored() {
    let disk = SimulatedDisk::new(4);
    let (mut journal, _) = open(&disk).unwrap();
    let reason = "990102198003071239 was confused with another";
    journal
        .append(&act("a", ActKind::Withdraw, 1), "u", reason, reason)
        .unwrap();
    let file = disk.open_to_read(Path::new(PATH)).unwrap();
    let bytes = read_all(file.as_ref()).unwrap();
    assert!(!bytes.windows(14).any(|window| window == b"99010219800307"));
}

#[test]
fn every_torn_or_flipped_byte_is_a_tail_or_named_damage() {
    let (whole, last) = three_acts();
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x10;
        match open(&disk_with(&flipped)) {
            // Only the last mark, and zeros behind it, are not vouched for.
            Ok((_, entries)) => assert_eq!(entries.len(), 3, "flipped at {place}"),
            Err(JournalError::Damaged { offset, .. }) => assert!(offset <= place as u64),
            Err(error) => panic!("flipped at {place}: {error}"),
        }
        let (_, entries) = open(&disk_with(&whole[..place])).unwrap();
        assert!(place < last || entries.len() >= 2, "cut at {place}");
    }
}

#[test]
fn a_cut_journal_goes_on_where_it_was_cut() {
    let (whole, last) = three_acts();
    let disk = disk_with(&whole[..last + 20]);
    let (mut journal, entries) = open(&disk).unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        journal
            .append(&act("c", ActKind::Hold, 9), "u", "", "")
            .unwrap(),
        3
    );
    drop(journal);
    assert_eq!(open(&disk).unwrap().1.len(), 3);
}

#[test]
fn nothing_is_acknowledged_after_a_failed_sync() {
    let disk = SimulatedDisk::new(5);
    let (mut journal, _) = open(&disk).unwrap();
    journal
        .append(&act("a", ActKind::Hold, 1), "u", "", "")
        .unwrap();
    disk.fail_next(Fault::Sync);
    let failed = journal.append(&act("b", ActKind::Hold, 2), "u", "", "");
    assert!(matches!(failed, Err(JournalError::Io { .. })));
    let after = journal.append(&act("c", ActKind::Hold, 3), "u", "", "");
    assert!(matches!(after, Err(JournalError::Ended)));
    assert!(!journal.is_usable());
}

/// `HECHA_WRITE_GOLDEN=1` writes the file anew; only a new format may do that.
#[test]
fn a_journal_of_format_1_opens_and_is_still_written_byte_for_byte() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/acts-1.journal");
    let (written, _) = three_acts();
    if std::env::var_os("HECHA_WRITE_GOLDEN").is_some() {
        std::fs::write(golden, &written).unwrap();
    }
    let kept = std::fs::read(golden).unwrap();
    assert_eq!(kept, written);
    let (_, entries) = open(&disk_with(&kept)).unwrap();
    let expected: Vec<Act> = (1..=3)
        .map(|at| act("fz-1", ActKind::Withdraw, at))
        .collect();
    let acts: Vec<Act> = entries.into_iter().map(|entry| entry.act).collect();
    assert_eq!(acts, expected);
}

#[test]
fn one_process_keeps_a_journal() {
    let disk = SimulatedDisk::new(6);
    let first = open(&disk).unwrap();
    assert!(matches!(open(&disk), Err(JournalError::InUse { .. })));
    drop(first);
    assert!(open(&disk).is_ok());
}

#[test]
fn texts_that_are_too_long_are_refused_and_cost_nothing() {
    let disk = SimulatedDisk::new(7);
    let (mut journal, _) = open(&disk).unwrap();
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let refused = journal.append(&act("a", ActKind::Hold, 1), "u", &long, "");
    let text = refused.unwrap_err().to_string();
    assert_eq!(text, "`reason` is longer than 8192 bytes; shorten it");
    assert_eq!(
        journal
            .append(&act("a", ActKind::Hold, 1), "u", "", "")
            .unwrap(),
        1
    );
}

proptest! {
    #[test]
    fn what_was_kept_survives_any_power_cut(seed: u64, acts in 1u8..12, ops in 0u64..60) {
        let disk = SimulatedDisk::new(seed);
        let (mut journal, _) = open(&disk).unwrap();
        disk.cut_power_after(ops);
        let mut acknowledged = 0;
        for at in 1..=i64::from(acts) {
            match journal.append(&act("a", ActKind::Withdraw, at), "u", "why", "ref") {
                Ok(sequence) => acknowledged = sequence,
                Err(_) => break,
            }
        }
        let (mut journal, entries) = open(&disk.crash()).unwrap();
        prop_assert!(entries.len() as u64 >= acknowledged);
        prop_assert!(entries.len() as u64 <= acknowledged + 1);
        let moments: Vec<i64> = entries.iter().map(|entry| entry.act.at.0).collect();
        let expected: Vec<i64> = (1..=entries.len() as i64).collect();
        prop_assert_eq!(moments, expected);
        journal.append(&act("z", ActKind::Hold, 99), "u", "", "").unwrap();
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = open(&disk_with(&bytes));
    }
}
