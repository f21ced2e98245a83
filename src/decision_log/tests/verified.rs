//! Whatever is changed in a log is found: single bits (F4), and what somebody does on purpose who
//! has every key of the log (F9).

use super::support::*;
use crate::decision_log::frames::FrameReader;
use crate::decision_log::frames::Place;
use crate::decision_log::grown::{Growing, TreeGround};
use crate::decision_log::record::KIND_CHECK;
use crate::decision_log::segment::{self, Header};
use crate::decision_log::shards::{checkpoint_path, read_checkpoint, tree_folder};
use crate::decision_log::verify::{Verified, verify};
use crate::seal::sign::SigningKey;
use crate::storage::append;
use crate::storage::disk::{Storage, read_all};
use crate::storage::simulated::SimulatedDisk;
use crate::tree::levels::Levels;
use crate::tree::merkle::{Hash, Hashes, verify_consistency};
use crate::tree::note::Checkpoint;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn verified(disk: &SimulatedDisk) -> Verified {
    verify(disk, Path::new(FOLDER), &[signer().public()], &[], &|_| ()).unwrap()
}

/// Three months in some segments, all signed, closed as it should be.
fn written() -> (SimulatedDisk, Vec<Checkpoint>) {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    let mut kept = Vec::new();
    for n in 0..240 {
        append(&log, &clear(NOW.plus_hours(6 * n)));
        if n % 60 == 59 {
            kept.push(checkpoint(&log));
        }
    }
    log.append_event(&act()).unwrap();
    // A witness has the last one of each month too.
    for month in ["2026-11", "2026-12"] {
        let path = checkpoint_path(Path::new(FOLDER), month);
        kept.extend(read_checkpoint(&disk, &path).unwrap().map(|(_, read)| read));
    }
    kept.push(checkpoint(&log));
    drop(log);
    (disk.kill(), kept)
}

/// All files that verification answers for.
fn files(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let folder = Path::new(FOLDER);
    let mut add = |folder: &Path| {
        for name in disk.list(folder).unwrap() {
            let path = folder.join(name);
            let len = disk.open(&path).unwrap().len().unwrap();
            if len > 0 {
                files.push(path);
            }
        }
    };
    add(folder);
    for month in ["2026-11", "2026-12", "2027-01"] {
        add(&tree_folder(folder, month));
    }
    files
}

#[test]
fn a_whole_log_has_no_finding_whatever_its_age() {
    let (disk, kept) = written();
    let found = verified(&disk);
    assert_eq!(found.findings, []);
    assert_eq!((found.checks, found.months.len()), (240, 3));
    let last = found.months.last().unwrap();
    assert_eq!(last.checkpoint.as_ref(), kept.last());
    assert_eq!(last.root, Some(kept.last().unwrap().root));
    // With the next start, and while it is written.
    let log = open_tree(&disk, 2);
    append(&log, &clear(NOW.plus_hours(6 * 241)));
    log.sync_now().unwrap();
    assert_eq!(verified(&disk).findings, []);
    let other = SigningKey::from_bytes(&[1; 32]).public();
    let found = verify(&disk, Path::new(FOLDER), &[other], &[], &|_| ()).unwrap();
    assert_eq!(found.findings.len(), 3, "{:?}", found.findings);
}

/// F4. `HECHA_FLIPS` says how many; 10,000 is the whole run.
#[test]
fn a_single_bit_anywhere_is_found_and_its_place_named() {
    let flips = std::env::var("HECHA_FLIPS").ok();
    let flips: u64 = flips.map_or(400, |text| text.parse().unwrap());
    let (disk, _) = written();
    let files = files(&disk);
    let (mut dice, mut found_flips) = (7u64, 0);
    for flip in 0..flips {
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) % sides
        };
        let path = &files[(flip % files.len() as u64) as usize];
        let file = disk.open(path).unwrap();
        let place = roll(file.len().unwrap());
        let mut byte = [0];
        file.read_at(place, &mut byte).unwrap();
        let bit = 1 << roll(8);
        file.write_at(place, &[byte[0] ^ bit]).unwrap();
        let found = verified(&disk);
        let name = path.strip_prefix(FOLDER).unwrap().to_str().unwrap();
        let named = found
            .findings
            .iter()
            .any(|one| one.file == name && (one.offset <= place || name.ends_with(".hlog")));
        assert!(named, "{name} {place} {bit}: {:?}", found.findings);
        found_flips += 1;
        file.write_at(place, &byte).unwrap();
    }
    assert_eq!(found_flips, flips);
    assert_eq!(verified(&disk).findings, []);
}

#[test]
fn missing_files_and_lost_months_are_found() {
    let (disk, _) = written();
    for path in files(&disk) {
        let name = path
            .strip_prefix(FOLDER)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let lost = disk.kill();
        lost.remove(&path).unwrap();
        let found = verified(&lost);
        assert!(!found.findings.is_empty(), "{name}");
    }
}

/// A frame as whoever forges one has it.
#[derive(Clone)]
pub(super) struct Forged {
    pub kind: u8,
    synced_through: u64,
    pub payload: Vec<u8>,
}

/// All frames of a log, segment by segment.
pub(super) fn read_frames(disk: &SimulatedDisk) -> Vec<(u64, Vec<Forged>)> {
    let folder = Path::new(FOLDER);
    let mut segments = Vec::new();
    for number in segment::numbers(disk, folder).unwrap() {
        let file = disk.open(&folder.join(segment::file_name(number))).unwrap();
        let bytes = read_all(&*file).unwrap();
        let mut frames = Vec::new();
        append::scan(&bytes, None, |frame| {
            frames.push(Forged {
                kind: frame.kind,
                synced_through: frame.synced_through,
                payload: frame.payload.to_vec(),
            });
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap();
        segments.push((number, frames));
    }
    segments
}

/// Writes frames with new indexes and checksums, builds the trees of all months anew and signs.
pub(super) fn write_forged(segments: &[(u64, Vec<Forged>)]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(3);
    let folder = Path::new(FOLDER);
    disk.create_folder(folder).unwrap();
    let mut index = 1;
    let mut months: Vec<(String, [u8; 32], Place)> = Vec::new();
    for (number, frames) in segments {
        let mut bytes = Vec::new();
        if let Some(header) = frames
            .first()
            .and_then(|first| Header::read(&first.payload))
            && months
                .last()
                .is_none_or(|(month, ..)| *month < header.month)
        {
            let place = Place {
                segment: *number,
                offset: 0,
                index,
            };
            months.push((header.month, header.salt, place));
        }
        for frame in frames {
            let through = frame.synced_through.min(index - 1);
            append::encode(&mut bytes, frame.kind, index, through, |out| {
                out.extend_from_slice(&frame.payload);
            })
            .unwrap();
            index += 1;
        }
        bytes.resize(bytes.len().next_multiple_of(8 << 10), 0);
        let file = disk
            .create(&folder.join(segment::file_name(*number)))
            .unwrap();
        file.write_at(0, &bytes).unwrap();
    }
    for (place, (month, salt, from)) in months.iter().enumerate() {
        let end = months.get(place + 1).map_or(index, |(.., next)| next.index);
        let ground = TreeGround {
            storage: Arc::new(disk.clone()),
            folder: folder.to_owned(),
            signer: Arc::new(signer()),
            salt: *salt,
        };
        let mut growing = Growing::begin(&ground, month, *from).unwrap();
        let mut reader = FrameReader::new(&disk, folder);
        while growing.grow(&mut reader, end - 1).unwrap() {}
        growing.sign(&ground, &mut reader).unwrap();
    }
    disk
}

/// Whether the log of a folder continues what a witness keeps.
fn continues(disk: &SimulatedDisk, kept: &Checkpoint) -> bool {
    let month = kept.origin.rsplit('/').next().unwrap();
    let folder = Path::new(FOLDER);
    let path = checkpoint_path(folder, month);
    let read = read_checkpoint(disk, &path).unwrap();
    let Some((note, now)) = read else {
        return false;
    };
    note.checkpoint(&[signer().public()]).unwrap();
    if now.origin != kept.origin || now.size < kept.size {
        return false;
    }
    let levels = Levels::open_to_read(disk, &tree_folder(folder, month)).unwrap();
    let read = |level, first, into: &mut [Hash]| levels.read(level, first, into);
    let proof = Hashes::new(&read).consistency_proof(kept.size, now.size);
    let (old, new) = ((kept.size, &kept.root), (now.size, &now.root));
    proof.is_ok_and(|proof| verify_consistency(old, new, &proof).is_ok())
}

/// F9: whoever has all keys of the log edits, drops, reorders, dates back or adds a record, gives
/// every frame its checksum, builds all trees anew and signs them. Who kept a checkpoint proves it.
#[test]
fn a_log_rewritten_and_signed_with_its_own_key_is_proved_false_by_a_kept_checkpoint() {
    let (disk, kept) = written();
    let honest = read_frames(&disk);
    let same = write_forged(&honest);
    for one in &kept {
        assert!(continues(&disk, one) && continues(&same, one), "{one:?}");
    }
    let manipulations = std::env::var("HECHA_MANIPULATIONS").ok();
    let manipulations: u64 = manipulations.map_or(100, |text| text.parse().unwrap());
    let mut dice = 11u64;
    let mut proved = 0;
    for manipulation in 0..manipulations {
        let mut roll = |sides: usize| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((dice >> 33) % sides as u64) as usize
        };
        let mut forged = honest.clone();
        // Of a record that a kept checkpoint covers.
        let with_frames = forged
            .iter()
            .filter(|(_, frames)| !frames.is_empty())
            .count();
        let segment = roll(with_frames - 1);
        let frames = &mut forged[segment].1;
        let checks: Vec<usize> = (0..frames.len())
            .filter(|place| frames[*place].kind == KIND_CHECK)
            .collect();
        let place = checks[roll(checks.len())];
        let what = match manipulation % 5 {
            0 => {
                let byte = 16 + roll(frames[place].payload.len() - 16);
                frames[place].payload[byte] ^= 1 << roll(8);
                "edited"
            }
            1 => {
                frames.remove(place);
                "dropped"
            }
            2 => {
                let other = checks[roll(checks.len())];
                let other = if other == place { place - 1 } else { other };
                frames.swap(place, other);
                "reordered"
            }
            3 => {
                // The milliseconds inside the check_id: an hour earlier.
                let id = &mut frames[place].payload[..6];
                let mut whole = [0; 8];
                whole[2..].copy_from_slice(id);
                let earlier = u64::from_be_bytes(whole) - 3_600_000;
                id.copy_from_slice(&earlier.to_be_bytes()[2..]);
                "dated back"
            }
            _ => {
                let copy = frames[place].clone();
                frames.insert(place, copy);
                "added"
            }
        };
        let forged = write_forged(&forged);
        let caught = kept.iter().any(|one| !continues(&forged, one));
        assert!(
            caught,
            "{manipulation}: {what} in segment {segment} at {place}"
        );
        proved += 1;
    }
    assert_eq!(proved, manipulations);
}

/// F3: the end of the log is cut at every byte, zeroed, or overwritten by what stood there before.
#[test]
fn the_end_cut_zeroed_or_stale_at_every_byte_is_recovered_or_told_and_signed_records_stay() {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    for n in 0..4 {
        append(&log, &clear(later(n)));
    }
    let kept = checkpoint(&log);
    let first = end_of(&disk);
    for n in 4..7 {
        append(&log, &clear(later(n)));
    }
    drop(log);
    let end = end_of(&disk);
    let path = Path::new("/log/log-00000001.hlog");
    let stale: Vec<u8> = read_all(&*disk.open(path).unwrap()).unwrap()[..end].to_vec();
    for place in first - 200..end {
        for kind in 0..2 {
            let torn = disk.kill();
            let file = torn.open(path).unwrap();
            let filling = match kind {
                0 => vec![0; end - place],
                _ => stale[..end - place].to_vec(),
            };
            file.write_at(place as u64, &filling).unwrap();
            match try_open_tree(&torn, 2) {
                Ok(log) => {
                    append(&log, &clear(NOW));
                    assert!(checkpoint(&log).size >= kept.size, "{place} {kind}");
                    assert!(continues(&torn, &kept), "{place} {kind}");
                    assert_eq!(verified(&torn).findings, [], "{place} {kind}");
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(
                        text.contains("log-00000001.hlog") || text.contains("records"),
                        "{text}"
                    );
                    assert!(place < first, "{place} {kind}: {text}");
                }
            }
        }
    }
}

fn end_of(disk: &SimulatedDisk) -> usize {
    let file = disk.open(Path::new("/log/log-00000001.hlog")).unwrap();
    let bytes = read_all(&*file).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() / 8 * 8 + 8
}
