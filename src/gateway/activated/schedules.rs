//! Seeded schedules of publishing and activating on a disk that loses, tears, reorders, fills up
//! and fails, with death at any operation, against a plain model of what may serve.
//!
//! The gateway's own order is followed: the pointer is read, its file verified, the version kept,
//! then served. The swap itself is one exchange of a pointer in memory (`actor.rs`).

use super::*;
use crate::snapshot::open::Snapshot;
use crate::snapshot::publish::{self, Current, POINTER};
use crate::storage::disk::read_all;
use crate::storage::schedule::{self, Dice};
use crate::storage::simulated::SimulatedDisk;
use std::sync::OnceLock;

const SNAPSHOTS: &str = "/snapshots";
const STATE: &str = "/state";
const BY_DEFAULT: u64 = 1_500;
const LIVES: u64 = 5;
const NOW: Moment = Moment(1_795_353_600_000_000);

/// Files of versions 1 to 4, two of each, so that one version may come with other bytes.
fn files() -> &'static [Vec<u8>] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let catalogue = crate::catalogue::load::built_in().unwrap();
        let file = |number: u64| {
            let master = crate::seal::keys::MasterKey::from_bytes([1; 32]);
            let salt = [number as u8; 32];
            let (moment, environment) = (Moment(0), "test");
            let mut inputs = crate::build::inputs::BuildInputs::new(
                environment,
                master,
                &catalogue,
                salt,
                moment,
            );
            inputs.previous_version = Some(number / 2);
            crate::build::build_records(Vec::new(), &inputs).unwrap()
        };
        (0..8).map(file).collect()
    })
}

fn open(bytes: &[u8]) -> Snapshot {
    Snapshot::from_bytes(bytes.to_vec()).unwrap()
}

fn version_of(snapshot: &Snapshot) -> Version {
    Version {
        number: snapshot.manifest().version,
        blake3: *snapshot.hash(),
    }
}

fn read(disk: &SimulatedDisk, folder: &str, name: &str) -> Option<Vec<u8>> {
    let file = disk.open_to_read(&Path::new(folder).join(name)).ok()?;
    Some(read_all(&*file).unwrap())
}

/// What the pointer names, which must be whole whenever there is a pointer.
fn named(disk: &SimulatedDisk) -> Option<(Current, Version)> {
    let current = Current::from_json(&read(disk, SNAPSHOTS, POINTER)?).unwrap();
    let bytes = read(disk, SNAPSHOTS, &current.file);
    let snapshot = open(&bytes.unwrap_or_else(|| panic!("`{}` is gone", current.file)));
    current.check(&snapshot).unwrap();
    let version = version_of(&snapshot);
    Some((current, version))
}

fn kept(disk: &SimulatedDisk) -> Activated {
    match read(disk, STATE, ACTIVATED_FILE) {
        Some(text) => parse(&text).unwrap(),
        None => Activated::default(),
    }
}

/// What the outside knows.
#[derive(Default)]
struct Model {
    /// Published and said to be so, and what was tried since.
    pointed: Option<Version>,
    tried: Vec<Version>,
    /// Served at any time: the highest, and by a rollback below it.
    highest: Option<Version>,
    /// Activation that was begun and failed: it may be kept or not.
    begun: Vec<Activated>,
    served: Activated,
}

impl Model {
    fn check(&self, disk: &SimulatedDisk) {
        let pointer = named(disk).map(|(_, version)| version);
        let may_be = pointer == self.pointed || self.tried.iter().any(|v| Some(*v) == pointer);
        assert!(may_be, "the pointer is old or new");
        let kept = kept(disk);
        assert!(
            kept == self.served || self.begun.contains(&kept),
            "kept is old or new"
        );
        if let Some(highest) = self.highest {
            assert!(kept.highest() >= highest.number, "nothing older comes back");
            let other = Version {
                number: highest.number,
                blake3: [0xee; 32],
            };
            let again = kept.admits(other, Claim::Pointer, false);
            assert!(again.is_err(), "one version, one content");
        }
    }

    /// A start: the state folder is made durable (`assembly.rs`) and read. The snapshot folder is
    /// not the gateway's: a pointer that was tried may still come or go.
    fn start(&mut self, disk: &SimulatedDisk) {
        disk.sync_folder(Path::new(STATE)).unwrap();
        self.served = kept(disk);
        self.begun.clear();
    }
}

/// Somebody publishes one of the files.
fn publish_one(disk: &SimulatedDisk, model: &mut Model, dice: &mut Dice) -> bool {
    let snapshot = open(&files()[dice.roll(8) as usize]);
    let version = version_of(&snapshot);
    let done = publish::publish(disk, &snapshot, Path::new(SNAPSHOTS)).is_ok();
    if done {
        model.pointed = Some(version);
        model.tried.clear();
    } else {
        model.tried.push(version);
    }
    done
}

/// The gateway takes what the pointer names, or a steward goes back to some file.
fn serve(disk: &SimulatedDisk, model: &mut Model, dice: &mut Dice, steward: bool) -> bool {
    let (version, claim) = match (steward, named(disk)) {
        (true, _) => (
            version_of(&open(&files()[dice.roll(8) as usize])),
            Claim::Steward,
        ),
        (false, Some((_, version))) => (version, Claim::Pointer),
        (false, None) => return true,
    };
    if model.served.admits(version, claim, false).is_err() {
        return true;
    }
    let next = model.served.after(version, claim, NOW);
    if next == model.served {
        return true;
    }
    match next.write(disk, Path::new(STATE)) {
        Ok(()) => {
            if model
                .highest
                .is_none_or(|highest| version.number > highest.number)
            {
                model.highest = Some(version);
            }
            model.served = next;
            true
        }
        Err(_) => {
            model.begun.push(next);
            false
        }
    }
}

fn nothing_half_serves_and_nothing_older_comes_back(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut disk = SimulatedDisk::new(seed);
    for folder in [SNAPSHOTS, STATE] {
        disk.create_folder(Path::new(folder)).unwrap();
    }
    let mut model = Model::default();
    for _life in 0..LIVES {
        model.start(&disk);
        schedule::trouble(&disk, &mut dice);
        for _ in 0..dice.roll(12) {
            let went_on = match dice.roll(5) {
                0 | 1 => publish_one(&disk, &mut model, &mut dice),
                2 => serve(&disk, &mut model, &mut dice, true),
                _ => serve(&disk, &mut model, &mut dice, false),
            };
            // Read at any moment by whoever looks, also while a fault stands.
            named(&disk);
            if !went_on {
                break;
            }
        }
        disk = schedule::after_death(&disk, &mut dice).0;
        for folder in [SNAPSHOTS, STATE] {
            replace::clean(&disk, Path::new(folder)).unwrap();
        }
        model.check(&disk);
    }
}

#[test]
fn seeded_schedules_never_serve_half_a_snapshot_nor_an_older_one() {
    schedule::run(
        "swap",
        BY_DEFAULT,
        nothing_half_serves_and_nothing_older_comes_back,
    );
}
