//! Pages of records are what a whole reading gives, whatever their size.

use super::support::*;
use crate::decision_log::entry::Record;
use crate::decision_log::page::{self, SEGMENTS_MAX};
use crate::decision_log::query::Filter;
use crate::decision_log::record::CheckDraft;
use crate::decision_log::segment;
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;

/// Some 200 checks of two units in far more segments than one call reads.
fn long_log() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let request = [b'x'; 700];
    for place in 0..220i64 {
        let draft = CheckDraft {
            request: &request,
            unit: if place % 50 == 0 {
                "rare"
            } else {
                "rail-12306"
            },
            ..clear(NOW.plus_seconds(place * 60))
        };
        append(&log, &draft);
        if place % 7 == 0 {
            log.append_event(&act()).unwrap();
        }
    }
    drop(log);
    let segments = segment::numbers(&disk, Path::new(FOLDER)).unwrap().len();
    assert!(segments > SEGMENTS_MAX + 4, "{segments}");
    disk
}

fn pages(disk: &SimulatedDisk, filter: &Filter, records_max: usize) -> Vec<Record> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = page::read(disk, Path::new(FOLDER), filter, after, records_max).unwrap();
        assert!(page.records.len() <= records_max);
        all.extend(page.records);
        match page.next {
            Some(next) => {
                assert!(next > after);
                after = next;
            }
            None => return all,
        }
    }
}

#[test]
fn pages_of_any_size_are_the_whole_in_its_order() {
    let disk = long_log();
    let of = |unit: &str| Filter {
        unit: Some(unit.to_owned()),
        ..Filter::default()
    };
    let day = Filter {
        from: Some(NOW.plus_seconds(100 * 60)),
        until: Some(NOW.plus_seconds(130 * 60)),
        ..Filter::default()
    };
    for filter in [Filter::default(), of("rare"), of("nobody"), day] {
        let whole = try_records(&disk, &filter).unwrap();
        for records_max in [1, 7, 100, 1_000] {
            assert_eq!(pages(&disk, &filter, records_max), whole, "{filter:?}");
        }
    }
}

#[test]
fn what_is_not_wanted_is_not_read_and_damage_in_between_is_said() {
    let disk = long_log();
    let folder = Path::new(FOLDER);
    let all = records(&disk);
    let Some(Record::Check(last)) = all.last() else {
        panic!("{all:?}");
    };
    let page = page::read(&disk, folder, &Filter::default(), last.position.0 - 3, 10).unwrap();
    assert!(page.records.len() <= 3 && page.next.is_none());
    // The third segment is damaged in its middle.
    let path = folder.join(segment::file_name(3));
    let file = crate::storage::disk::Storage::open(&disk, &path).unwrap();
    file.write_at(3_000, &[0xff; 64]).unwrap();
    let error = page::read(&disk, folder, &Filter::default(), 0, 1_000).unwrap_err();
    assert!(error.to_string().contains("log-00000003.hlog"), "{error}");
    // Behind it the rest is still readable.
    let page = page::read(&disk, folder, &Filter::default(), last.position.0 - 3, 10).unwrap();
    assert!(!page.records.is_empty());
}
