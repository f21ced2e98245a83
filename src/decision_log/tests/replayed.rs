//! The latest checks come back with their requests, from the last segments only.

use super::support::*;
use crate::decision_log::keys::LogKeys;
use crate::decision_log::record::CheckDraft;
use crate::decision_log::replay::{self, ReplayChecks, SEGMENTS_MAX};
use crate::decision_log::segment;
use crate::model::term::Moment;
use crate::seal::keys::MasterKey;
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;

fn latest(disk: &SimulatedDisk, keys: &LogKeys, from: Moment, max: usize) -> ReplayChecks {
    replay::latest(disk, Path::new(FOLDER), keys, from, max).unwrap()
}

fn requests(found: &ReplayChecks) -> Vec<String> {
    let text = |check: &replay::ReplayCheck| String::from_utf8(check.request.to_vec()).unwrap();
    found.checks.iter().map(text).collect()
}

#[test]
fn the_latest_checks_come_back_in_their_order_and_with_their_requests() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    for place in 0..6u8 {
        let request = [b'a' + place];
        let draft = CheckDraft {
            request: &request,
            ..clear(NOW.plus_seconds(place.into()))
        };
        append(&log, &draft);
        log.append_event(&act()).unwrap();
    }
    let keys = keys();
    assert_eq!(
        requests(&latest(&disk, &keys, NOW, 10)),
        ["a", "b", "c", "d", "e", "f"]
    );
    assert_eq!(requests(&latest(&disk, &keys, NOW, 2)), ["e", "f"]);
    let later = latest(&disk, &keys, NOW.plus_seconds(4), 10);
    assert_eq!(requests(&later), ["e", "f"]);
    assert_eq!(&*later.checks[0].record.unit, "rail-12306");
    assert!(later.checks[0].record.sealed.is_empty());
    // Another master key: nothing opens, and that is counted.
    let foreign = LogKeys::new(MasterKey::from_bytes([8; 32]));
    let closed = latest(&disk, &foreign, NOW, 10);
    assert_eq!((closed.checks.len(), closed.sealed), (0, 6));
}

#[test]
fn only_the_last_segments_are_read() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let request = [b'x'; 500];
    for _ in 0..100 {
        let draft = CheckDraft {
            request: &request,
            ..clear(NOW)
        };
        append(&log, &draft);
    }
    let segments = segment::numbers(&disk, Path::new(FOLDER)).unwrap().len();
    assert!(segments > SEGMENTS_MAX + 2, "{segments}");
    let found = latest(&disk, &keys(), NOW, 1_000).checks.len();
    assert!(found > 0 && found < 60, "{found}");
}
