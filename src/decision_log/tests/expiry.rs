//! A month goes by order of two persons, wholly, whatever cuts in between; and by nothing else.

use super::support::*;
use crate::decision_log::entry::Record;
use crate::decision_log::expired::{expired_path, order_path};
use crate::decision_log::expiry::{Expiring, ExpiryError, hold_path};
use crate::decision_log::expiry_order::ExpiryOrder;
use crate::decision_log::months::secret_path;
use crate::decision_log::record::EventKind;
use crate::decision_log::segment::Syncing;
use crate::decision_log::shards::{checkpoint_path, read_checkpoint, tree_folder};
use crate::decision_log::verify::verify;
use crate::decision_log::writer::DecisionLog;
use crate::model::term::Moment;
use crate::seal::entropy::SeededEntropy;
use crate::seal::keys::KeyId;
use crate::seal::sign::{PublicKey, SigningKey};
use crate::storage::disk::{Storage, read_all};
use crate::storage::replace;
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;
use std::sync::Arc;

const MONTH: &str = "2022-11";
/// When orders of the tests hold.
const HOLDS: (Moment, Moment) = (Moment(0), Moment(NOW.0 * 2));

fn old() -> Moment {
    NOW.plus_hours(-24 * 366 * 4)
}

fn person(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn accepted() -> Vec<PublicKey> {
    [21, 22, 23].map(|seed| person(seed).public()).to_vec()
}

/// A log with a month of four years ago, so many further ones, and the present one.
fn written_over(months: i64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let opened = DecisionLog::open(
        Arc::new(disk.clone()),
        Path::new(FOLDER),
        options(8 << 10, Syncing::ByHand),
        keys().with_signer(signer()),
        Arc::new(SeededEntropy::new(1)),
        old(),
    );
    let log = opened.unwrap().0;
    for n in 0..40 {
        append(&log, &clear(old().plus_seconds(n)));
    }
    for n in 1..=months {
        append(&log, &clear(old().plus_hours(732 * n)));
    }
    append(&log, &clear(NOW));
    checkpoint(&log);
    drop(log);
    disk.kill()
}

fn written() -> SimulatedDisk {
    written_over(36)
}

fn order_of(disk: &SimulatedDisk, month: &str, signers: &[u8]) -> ExpiryOrder {
    let path = checkpoint_path(Path::new(FOLDER), month);
    let (_, last) = read_checkpoint(disk, &path).unwrap().unwrap();
    let mut order = ExpiryOrder::new(month, last, HOLDS, "three years are over").unwrap();
    for seed in signers {
        assert!(order.sign(&person(*seed)));
    }
    order
}

fn expire_at(
    disk: &SimulatedDisk,
    month: &str,
    order: &ExpiryOrder,
    now: Moment,
) -> Result<Vec<KeyId>, ExpiryError> {
    let folder = Path::new(FOLDER);
    let (log, recovery) = DecisionLog::open(
        Arc::new(disk.clone()),
        folder,
        options(8 << 10, Syncing::ByHand),
        keys().with_signer(signer()),
        Arc::new(SeededEntropy::new(7)),
        NOW,
    )?;
    let expiring = Expiring {
        storage: disk,
        folder,
        log: &log,
        recovery: &recovery,
        keys: &accepted(),
        now,
    };
    expiring.expire(month, order)
}

fn expire(disk: &SimulatedDisk, order: &ExpiryOrder) -> Result<Vec<KeyId>, ExpiryError> {
    expire_at(disk, MONTH, order, NOW)
}

/// The sealed secret of the month, as it stands in its file.
fn secret_of(disk: &SimulatedDisk) -> Vec<u8> {
    let file = disk.open(&secret_path(Path::new(FOLDER), MONTH)).unwrap();
    read_all(&*file).unwrap()[64..].to_vec()
}

/// Nothing of the month is left but its last checkpoint, and the log is whole.
#[track_caller]
fn is_gone(disk: &SimulatedDisk, order: &ExpiryOrder, at: &str) {
    let folder = Path::new(FOLDER);
    assert!(disk.open(&secret_path(folder, MONTH)).is_err(), "{at}");
    assert_eq!(
        disk.list(&tree_folder(folder, MONTH)).unwrap(),
        [""; 0],
        "{at}"
    );
    let (_, last) = read_checkpoint(disk, &expired_path(folder, MONTH))
        .unwrap()
        .unwrap();
    assert_eq!(last, order.last, "{at}");
    let found = verify(disk, folder, &[signer().public()], &[], &|_| ()).unwrap();
    assert_eq!(found.findings, [], "{at}");
    assert_eq!((found.expired.len(), found.months.len()), (1, 37), "{at}");
    let records = records(disk);
    let kind = |record: &Record| match record {
        Record::Event(event) => event.kind,
        _ => None,
    };
    let kinds = records.iter().filter_map(kind);
    let expired = kinds.filter(|kind| *kind == EventKind::Expired).count();
    assert_eq!(expired, 1, "{at}");
    assert_eq!(
        check_ids(disk).len(),
        37,
        "{at}: of no other month a record is lost"
    );
    assert!(!disk.holds_anywhere(&secret_of(&written())), "{at}");
}

#[test]
fn by_order_of_two_persons_a_month_goes_and_the_log_stays_whole() {
    let disk = written();
    let order = order_of(&disk, MONTH, &[21, 23]);
    let read = ExpiryOrder::from_file(order.to_file().as_bytes()).unwrap();
    assert_eq!(read, order);
    assert!(disk.holds_anywhere(&secret_of(&disk)));
    let signers = expire(&disk, &read).unwrap();
    assert_eq!(signers, [21, 23].map(|seed| person(seed).public().id()));
    is_gone(&disk, &order, "at once");
    let log = open_tree(&disk, 2);
    append(&log, &clear(NOW));
    checkpoint(&log);
    drop(log);
    let error = expire(&disk, &order).unwrap_err();
    assert!(matches!(error, ExpiryError::Already { .. }), "{error}");
}

#[test]
fn what_is_not_two_persons_three_years_and_no_hold_is_refused_and_changes_nothing() {
    let disk = written();
    let both = [21, 22];
    let late = Moment::parse("2025-11-30T23:59:59+08:00").unwrap();
    let before = check_ids(&disk).len();
    let refused = |disk: &SimulatedDisk, order: &ExpiryOrder, month: &str, now, says: &str| {
        let error = expire_at(disk, month, order, now).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        let secret = secret_path(Path::new(FOLDER), MONTH);
        let bytes = read_all(&*disk.open(&secret).unwrap()).unwrap();
        assert!(bytes.iter().any(|byte| *byte != 0));
        assert_eq!(check_ids(disk).len(), before, "{says}");
    };
    for signers in [&[][..], &[21], &[21, 21], &[21, 9], &[8, 9]] {
        let order = order_of(&disk, MONTH, signers);
        refused(&disk, &order, MONTH, NOW, "distinct persons it needs");
    }
    let order = order_of(&disk, MONTH, &both);
    refused(&disk, &order, "2022-12", NOW, "of another month");
    refused(&disk, &order, MONTH, late, "the clock");
    let present = order_of(&disk, "2026-11", &both);
    let years = NOW.plus_hours(24 * 366 * 9);
    refused(&disk, &present, "2026-11", years, "the last record");
    let mut other = order_of(&disk, MONTH, &[]);
    other.last.root[0] ^= 1;
    assert!(other.sign(&person(21)) && other.sign(&person(22)));
    refused(
        &disk,
        &other,
        MONTH,
        NOW,
        "last checkpoint of the month is another",
    );
    let file = order.to_file().replace("three", "four");
    let changed = ExpiryOrder::from_file(file.as_bytes()).unwrap();
    refused(&disk, &changed, MONTH, NOW, "0 of the 2");
    let hold = hold_path(Path::new(FOLDER), MONTH);
    replace::write(&disk, &hold, "case 7\n".as_bytes()).unwrap();
    refused(&disk, &order, MONTH, NOW, "on hold: case 7");
    disk.remove(&hold).unwrap();
    expire(&disk, &order).unwrap();
}

#[test]
fn a_clock_years_ahead_expires_nothing_although_records_were_made_by_it() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    append(&log, &clear(NOW));
    append(&log, &clear(NOW.plus_hours(24 * 10)));
    checkpoint(&log);
    drop(log);
    let order = order_of(&disk, "2026-11", &[21, 22]);
    let years = NOW.plus_hours(24 * 366 * 9);
    let error = expire_at(&disk, "2026-11", &order, years).unwrap_err();
    assert!(matches!(error, ExpiryError::Early { .. }), "{error}");
    assert!(error.to_string().contains("the last record"), "{error}");
    // The gateway has served by that clock.
    let log = open_tree(&disk, 2);
    append(&log, &clear(years));
    append(&log, &clear(years.plus_hours(24 * 40)));
    checkpoint(&log);
    drop(log);
    let later = years.plus_hours(24 * 50);
    let error = expire_at(&disk, "2026-11", &order, later).unwrap_err();
    assert!(
        matches!(error, ExpiryError::Few { found: 2, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("2 months"), "{error}");
    assert_eq!(check_ids(&disk).len(), 4);
    let few = written_over(35);
    let error = expire(&few, &order_of(&few, MONTH, &[21, 22])).unwrap_err();
    assert!(
        matches!(error, ExpiryError::Few { found: 35, .. }),
        "{error}"
    );
}

#[test]
fn an_order_past_its_end_of_one_person_twice_or_over_other_bytes_is_refused() {
    let disk = written();
    let before = disk.kill();
    let last = order_of(&disk, MONTH, &[]).last;
    let order = |holds: (Moment, Moment), signers: &[u8]| {
        let mut order = ExpiryOrder::new(MONTH, last.clone(), holds, "over").unwrap();
        for seed in signers {
            assert!(order.sign(&person(*seed)));
        }
        order
    };
    let refused = |order: &ExpiryOrder, says: &str| {
        let error = expire(&disk, order).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(&order((old(), NOW), &[21, 22]), "it holds no longer");
    refused(
        &order((NOW.plus_seconds(1), NOW.plus_hours(1)), &[21, 22]),
        "does not hold yet",
    );
    refused(&order(HOLDS, &[21, 21]), "1 of the 2 distinct persons");
    let whole = order(HOLDS, &[21, 22]).to_file();
    let mut lines: Vec<&str> = whole.lines().collect();
    let first = lines[lines.len() - 2];
    // One signature under the number of another key, and the same line twice.
    let moved = whole.replace(
        &person(22).public().id().to_string(),
        &person(23).public().id().to_string(),
    );
    let moved = ExpiryOrder::from_file(moved.as_bytes()).unwrap();
    refused(&moved, "1 of the 2 distinct persons");
    lines.push(first);
    let twice = ExpiryOrder::from_file(lines.join("\n").as_bytes());
    assert_eq!(twice, Err("it has two signatures of one key"));
    let other = whole.replace("reason over", "reason overt");
    let other = ExpiryOrder::from_file(other.as_bytes()).unwrap();
    refused(&other, "0 of the 2 distinct persons");
    for changed in ["not-after 1", "size 4", "root a"] {
        let other = whole.replace(&changed[..changed.len() - 1], changed);
        let read = ExpiryOrder::from_file(other.as_bytes());
        assert!(read.is_ok_and(|order| order.signers(&accepted()).is_empty()) || other != whole);
    }
    assert_eq!(check_ids(&disk), check_ids(&before));
    assert!(disk.open(&secret_path(Path::new(FOLDER), MONTH)).is_ok());
}

#[test]
fn what_somebody_puts_under_expired_destroys_nothing_and_stops_the_start() {
    let disk = written();
    let folder = Path::new(FOLDER);
    let order = order_of(&disk, MONTH, &[21, 22]);
    let path = checkpoint_path(folder, MONTH);
    let note = read_all(&*disk.open(&path).unwrap()).unwrap();
    let before = all_bytes(&disk);
    disk.create_folder(&folder.join("expired")).unwrap();
    replace::write(&disk, &expired_path(folder, MONTH), &note).unwrap();
    let stops = |says: &str| {
        let error = try_open_tree(&disk, 3).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(all_bytes(&disk), before);
        assert!(!secret_of(&disk).iter().all(|byte| *byte == 0));
        let found = verify(&disk, folder, &[signer().public()], &[], &|_| ()).unwrap();
        assert!(found.findings.iter().any(|one| one.what == says), "{says}");
    };
    stops("no order stands beside it");
    let beside = order_path(folder, MONTH);
    replace::write(&disk, &beside, order.to_file().as_bytes()).unwrap();
    stops("this log has recorded no such order");
    let late = order_of(&disk, "2026-11", &[21, 22]);
    replace::write(&disk, &beside, late.to_file().as_bytes()).unwrap();
    stops("the order beside it orders something else");
    let other = String::from_utf8(note)
        .unwrap()
        .replace("hecha.log/", "hecha.log/0");
    let other = other.replacen("hecha.log/0", "hecha.log/", 1);
    let id = other.split('/').nth(1).unwrap().to_owned();
    let other = other.replacen(&id, "00112233445566aa", 1);
    replace::write(&disk, &expired_path(folder, MONTH), other.as_bytes()).unwrap();
    stops("it is of another log");
    disk.remove(&expired_path(folder, MONTH)).unwrap();
    expire(&disk, &order).unwrap();
}

#[test]
fn a_secret_that_was_written_anew_or_aside_stays_nowhere_on_the_disk() {
    let disk = written();
    let aside = replace::aside_of(&secret_path(Path::new(FOLDER), MONTH));
    let secret = secret_of(&disk);
    let file = disk.create(&aside).unwrap();
    file.write_at(0, &secret).unwrap();
    drop(open_tree(&disk, 4));
    assert!(disk.open(&aside).is_err());
    expire(&disk, &order_of(&disk, MONTH, &[21, 22])).unwrap();
    assert!(!disk.holds_anywhere(&secret));
}

#[test]
fn a_cut_at_any_operation_leaves_a_month_whole_or_to_be_finished_by_the_same_order() {
    let whole = written();
    let order = order_of(&whole, MONTH, &[21, 22]);
    let kept = check_ids(&whole).split_off(40);
    let (mut cuts, mut unfinished) = (0, 0);
    for operations in 0..200 {
        // A kill forgets nothing: some of them will do.
        for crash in [true, false]
            .into_iter()
            .take(1 + usize::from(operations % 8 == 0))
        {
            let disk = whole.kill();
            disk.cut_power_after(operations);
            let done = expire(&disk, &order).is_ok();
            let disk = match crash {
                true => disk.crash(),
                false => disk.kill(),
            };
            let at = format!("{operations} {crash}");
            cuts += 1;
            // A gateway starts whatever was left; the same command finishes it.
            if crash {
                drop(try_open_tree(&disk, 3).unwrap_or_else(|error| panic!("{at}: {error}")));
            }
            let marked = disk.open(&expired_path(Path::new(FOLDER), MONTH)).is_ok();
            match expire(&disk, &order) {
                Ok(_) => unfinished += 1,
                Err(error) => assert!(done || marked, "{at}: {error}"),
            }
            let other_months = check_ids(&disk);
            assert_eq!(other_months, kept, "{at}");
            is_gone(&disk, &order, &at);
            if done && operations > 100 {
                assert!(cuts > 20 && unfinished > 20, "{cuts} {unfinished}");
                return;
            }
        }
    }
    panic!("200 operations were not enough");
}
