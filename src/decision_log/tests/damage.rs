//! Torn tails and flipped bits at every offset of the last frames.

use super::support::*;
use crate::decision_log::error::LogError;
use crate::decision_log::months::secret_path;
use crate::decision_log::record::CheckId;
use crate::storage::disk::{Storage, read_all};
use crate::storage::replace;
use crate::storage::simulated::SimulatedDisk;
use std::path::Path;
use std::sync::OnceLock;

const SEGMENT: &str = "/log/log-00000001.hlog";

struct Written {
    bytes: Vec<u8>,
    on_disk: Vec<CheckId>,
    /// Where the frames end.
    end: usize,
    /// Where the last five checks begin.
    begin: usize,
    /// Where the mark after the sync begins.
    mark: usize,
}

/// A log of one segment whose records are all on the disk, and marked.
fn written() -> Written {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let mut begin = 0;
    let on_disk = (0..12)
        .map(|n| {
            if n == 7 {
                begin = frames_end(&disk);
            }
            append(&log, &clear(later(n))).check_id
        })
        .collect();
    let mark = frames_end(&disk);
    log.sync_now().unwrap();
    let end = frames_end(&disk);
    assert!(end > mark, "a mark stands behind what is on the disk");
    Written {
        bytes: read_all(&*disk.open(Path::new(SEGMENT)).unwrap()).unwrap(),
        on_disk,
        end,
        begin,
        mark,
    }
}

fn frames_end(disk: &SimulatedDisk) -> usize {
    let bytes = read_all(&*disk.open(Path::new(SEGMENT)).unwrap()).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() / 8 * 8 + 8
}

fn disk_with(bytes: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(2);
    disk.create_folder(Path::new(FOLDER)).unwrap();
    let file = disk.create(Path::new(SEGMENT)).unwrap();
    file.write_at(0, bytes).unwrap();
    file.sync().unwrap();
    disk.sync_folder(Path::new(FOLDER)).unwrap();
    put_secret(&disk);
    disk
}

/// The secret of the month, which is the same in all logs of one seed.
fn put_secret(disk: &SimulatedDisk) {
    static SECRET: OnceLock<Vec<u8>> = OnceLock::new();
    let path = secret_path(Path::new(FOLDER), "2026-11");
    let secret = SECRET.get_or_init(|| {
        let disk = SimulatedDisk::new(1);
        drop(open(&disk, 1));
        read_all(&*disk.open(&path).unwrap()).unwrap()
    });
    disk.create_folder(path.parent().unwrap()).unwrap();
    replace::write(disk, &path, secret).unwrap();
}

/// Opens a damaged copy: all that was on the disk is there, or an error names file and offset.
#[track_caller]
fn kept_or_named(bytes: &[u8], on_disk: &[CheckId], place: usize) -> bool {
    let disk = disk_with(bytes);
    match try_open(&disk, 3) {
        Ok((log, _)) => {
            assert_eq!(check_ids(&disk), on_disk, "at {place}");
            append(&log, &clear(NOW));
            true
        }
        Err(LogError::Damaged { file, offset, .. }) => {
            assert_eq!(file, "log-00000001.hlog");
            assert!(offset as usize <= place, "{offset} for {place}");
            assert!(place - (offset as usize) < 800 || bytes.len() < 8 << 10);
            assert_eq!(all_bytes(&disk), bytes, "nothing was changed");
            assert!(try_records(&disk, &Default::default()).is_err());
            false
        }
        Err(other) => panic!("at {place}: {other}"),
    }
}

#[test]
fn a_flipped_bit_in_what_was_on_the_disk_is_named_and_in_the_mark_harmless() {
    let log = written();
    for place in log.begin..log.end {
        for bit in 0..8 {
            let mut bytes = log.bytes.clone();
            bytes[place] ^= 1 << bit;
            let opened = kept_or_named(&bytes, &log.on_disk, place);
            assert_eq!(opened, place >= log.mark, "{place} {bit}");
        }
    }
}

#[test]
fn bytes_overwritten_with_zeros_or_noise_are_named() {
    let log = written();
    for place in log.begin..log.mark {
        for filling in [0, 0x55, 0xfa] {
            for length in [1, 7, 64, 600] {
                let mut bytes = log.bytes.clone();
                let to = (place + length).min(log.mark);
                bytes[place..to].fill(filling);
                if bytes != log.bytes {
                    assert!(!kept_or_named(&bytes, &log.on_disk, to - 1), "{place}");
                }
            }
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_named() {
    let log = written();
    for place in log.begin..log.end + 16 {
        assert!(
            !kept_or_named(&log.bytes[..place], &log.on_disk, place),
            "{place}"
        );
    }
    assert!(!kept_or_named(&[], &log.on_disk, 0), "empty");
}

#[test]
fn a_torn_tail_that_was_not_on_the_disk_is_cut_to_the_last_whole_frame() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let mut all: Vec<_> = (0..6)
        .map(|n| append(&log, &clear(later(n))).check_id)
        .collect();
    log.sync_now().unwrap();
    let synced = frames_end(&disk);
    let mut ends = Vec::new();
    for n in 6..9 {
        all.push(append(&log, &clear(later(n))).check_id);
        ends.push(frames_end(&disk));
    }
    let whole = read_all(&*disk.open(Path::new(SEGMENT)).unwrap()).unwrap();
    for place in synced..ends[2] {
        for noise in [0, 0xfa] {
            let mut bytes = whole.clone();
            bytes[place..ends[2]].fill(noise);
            let torn = disk_with(&bytes);
            let (log, recovery) = try_open(&torn, 3).unwrap();
            // A frame whose last bytes were zeros is whole without them.
            let least = 6 + ends.iter().filter(|end| **end <= place).count();
            let kept = recovery.checks as usize;
            assert!(
                kept == least || (noise == 0 && kept == least + 1),
                "{place} {kept}"
            );
            let next = append(&log, &clear(later(20))).check_id;
            log.sync_now().unwrap();
            drop(log);
            let mut expected = all[..kept].to_vec();
            expected.push(next);
            assert_eq!(check_ids(&torn.crash()), expected, "{place} {noise}");
            open(&torn.crash(), 4);
        }
    }
}

#[test]
fn what_followed_a_torn_frame_does_not_come_back() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    append(&log, &clear(NOW));
    log.sync_now().unwrap();
    let torn_at = frames_end(&disk);
    let checks: Vec<_> = (0..3)
        .map(|n| append(&log, &clear(later(n))).check_id)
        .collect();
    let mut bytes = read_all(&*disk.open(Path::new(SEGMENT)).unwrap()).unwrap();
    bytes[torn_at + 30] ^= 1;
    let torn = disk_with(&bytes);
    let (log, recovery) = try_open(&torn, 3).unwrap();
    let cut = recovery.cut.unwrap();
    assert_eq!(
        (&*cut.file, cut.offset),
        ("log-00000001.hlog", torn_at as u64)
    );
    append(&log, &clear(NOW));
    let ids = check_ids(&torn.kill());
    assert_eq!(ids.len(), 2);
    assert!(checks.iter().all(|check| !ids.contains(check)));
}

#[test]
fn a_missing_or_exchanged_segment_is_named() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    for n in 0..150 {
        append(&log, &clear(later(n)));
        log.sync_now().unwrap();
    }
    drop(log);
    let second = Path::new("/log/log-00000002.hlog");
    let third = Path::new("/log/log-00000003.hlog");
    assert!(disk.open(Path::new("/log/log-00000004.hlog")).is_ok());
    let missing = disk.kill();
    missing.remove(second).unwrap();
    let error = try_open(&missing, 2).unwrap_err().to_string();
    assert!(
        error.contains("`log-00000002.hlog` of the decision log is missing"),
        "{error}"
    );

    let exchanged = disk.kill();
    exchanged.remove(second).unwrap();
    exchanged.rename(third, second).unwrap();
    exchanged
        .rename(Path::new("/log/log-00000004.hlog"), third)
        .unwrap();
    let error = try_open(&exchanged, 2).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");

    let emptied = disk.kill();
    let file = emptied.open(second).unwrap();
    file.write_at(0, &vec![0; file.len().unwrap() as usize])
        .unwrap();
    let error = try_open(&emptied, 2).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
}

#[test]
fn old_segments_may_have_been_removed() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, 1);
    let checks: Vec<_> = (0..150).map(|n| append(&log, &clear(later(n)))).collect();
    log.sync_now().unwrap();
    drop(log);
    disk.remove(Path::new(SEGMENT)).unwrap();
    let (log, recovery) = try_open(&disk, 2).unwrap();
    assert!(recovery.checks > 50 && recovery.checks < 150);
    assert!(log.find_check(checks[149].check_id).unwrap().is_some());
    assert_eq!(log.find_check(checks[0].check_id).unwrap(), None);
    assert!(append(&log, &clear(NOW)).position > checks[149].position);
}
