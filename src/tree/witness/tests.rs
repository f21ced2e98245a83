//! A witness cosigns what continues a log and nothing else, also after crashes.

use super::*;
use crate::storage::disk::{RealDisk, read_all};
use crate::storage::simulated::{Fault, SimulatedDisk};
use crate::tree::merkle::{Frontier, Hash, Hashes, leaf_hash};
use std::convert::Infallible;

const TIME: u64 = 1_795_000_000;
const FOLDER: &str = "/witness";

/// A log of numbered leaves; from `fork` on they are others.
struct Log {
    levels: Vec<Vec<Hash>>,
    roots: Vec<Hash>,
    key: SigningKey,
}

impl Log {
    fn new(size: u64, fork: u64) -> Self {
        let mut edge = Frontier::default();
        let mut levels: Vec<Vec<Hash>> = vec![Vec::new(); 2];
        let mut roots = vec![edge.root()];
        for number in 0..size {
            let salt = u8::from(number >= fork);
            let leaf = leaf_hash(&[&number.to_le_bytes()[..], &[salt]].concat());
            edge.append(leaf, |level, hash| levels[level].push(hash));
            roots.push(edge.root());
        }
        let key = SigningKey::from_bytes(&[7; 32]);
        Self { levels, roots, key }
    }

    fn submission(&self, old: u64, new: u64) -> Submission {
        let read = |level: usize, first: u64, into: &mut [Hash]| {
            let first = first as usize;
            into.copy_from_slice(&self.levels[level][first..first + into.len()]);
            Ok::<(), Infallible>(())
        };
        let proof = Hashes::new(&read).consistency_proof(old, new).unwrap();
        let checkpoint = Checkpoint {
            origin: "hecha.log/0011223344556677/2026-11".to_owned(),
            size: new,
            root: self.roots[new as usize],
        };
        Submission {
            old,
            proof,
            note: checkpoint.sign(&self.key),
        }
    }

    fn body(&self, old: u64, new: u64) -> Vec<u8> {
        self.submission(old, new).to_string().into_bytes()
    }
}

fn options() -> WitnessOptions {
    WitnessOptions {
        name: "court.example".to_owned(),
        key: SigningKey::from_bytes(&[8; 32]),
        log_keys: vec![SigningKey::from_bytes(&[7; 32]).public()],
    }
}

fn open(disk: &Arc<SimulatedDisk>) -> Witness {
    let storage: Arc<dyn Storage> = Arc::clone(disk) as Arc<dyn Storage>;
    Witness::open(options(), storage, Path::new(FOLDER)).unwrap()
}

fn fresh() -> (Arc<SimulatedDisk>, Witness) {
    let disk = Arc::new(SimulatedDisk::new(1));
    let witness = open(&disk);
    (disk, witness)
}

#[test]
fn a_growing_log_is_cosigned_and_the_cosignature_verifies() {
    let (log, (_, witness)) = (Log::new(300, 300), fresh());
    let mut old = 0;
    for new in [1, 2, 2, 7, 256, 300] {
        let submission = log.submission(old, new);
        let body = submission.to_string();
        let cosigned = witness.add_checkpoint(body.as_bytes(), TIME + new).unwrap();
        assert_eq!((cosigned.size, cosigned.is_first), (new, old == 0));
        let line = NoteSignature::parse(&cosigned.cosignature.to_string()).unwrap();
        let (key, text) = (options().key.public(), submission.note.text());
        assert_eq!(line.cosigned_at(text, &key), Ok(Some(TIME + new)));
        assert_eq!(line.name(), "court.example");
        old = new;
    }
    assert_eq!(witness.checkpoints()[0].size, 300);
}

#[test]
fn each_refusal_is_of_its_kind() {
    let (log, (disk, witness)) = (Log::new(20, 20), fresh());
    let add = |body: &[u8]| witness.add_checkpoint(body, TIME).unwrap_err();
    assert!(matches!(add(b"old"), Refusal::Form(_)));
    let shrinks = add(&log.body(9, 4));
    assert!(matches!(shrinks, Refusal::Shrinks { old: 9, new: 4 }));
    assert!(matches!(
        add(&log.body(3, 9)),
        Refusal::Conflict { size: 0 }
    ));
    witness.add_checkpoint(&log.body(0, 9), TIME).unwrap();
    assert!(matches!(
        add(&log.body(0, 12)),
        Refusal::Conflict { size: 9 }
    ));
    assert!(matches!(
        add(&log.body(4, 8)),
        Refusal::Conflict { size: 9 }
    ));
    let mut wrong = log.submission(9, 12);
    wrong.proof[0][0] ^= 1;
    let wrong = add(wrong.to_string().as_bytes());
    assert!(matches!(wrong, Refusal::Proof { old: 9, .. }));
    let mut other = log.submission(9, 12);
    let checkpoint = Checkpoint {
        origin: "example.com/log".to_owned(),
        ..Checkpoint::parse(other.note.text()).unwrap()
    };
    other.note = checkpoint.sign(&log.key);
    let unknown = add(other.to_string().as_bytes());
    assert!(matches!(unknown, Refusal::UnknownOrigin { .. }));
    let stranger = Log {
        key: SigningKey::from_bytes(&[9; 32]),
        ..Log::new(20, 20)
    };
    assert!(matches!(add(&stranger.body(9, 12)), Refusal::Key(_)));
    // None of it moved the witness.
    let files = disk.list(Path::new(FOLDER)).unwrap();
    assert!(
        files.iter().any(|name| name.ends_with(".unproven")),
        "{files:?}"
    );
    assert_eq!(witness.checkpoints()[0].size, 9);
    witness.add_checkpoint(&log.body(9, 12), TIME).unwrap();
}

#[test]
fn a_log_rewritten_with_its_own_key_is_refused_and_both_statements_are_kept() {
    let (log, forged, (disk, witness)) = (Log::new(20, 20), Log::new(20, 5), fresh());
    witness.add_checkpoint(&log.body(0, 12), TIME).unwrap();
    let same_size = forged.body(12, 12);
    let refused = witness.add_checkpoint(&same_size, TIME).unwrap_err();
    assert!(
        matches!(refused, Refusal::OtherRoot { size: 12 }),
        "{refused}"
    );
    let longer = forged.body(12, 20);
    let refused = witness.add_checkpoint(&longer, TIME).unwrap_err();
    assert!(
        matches!(refused, Refusal::Proof { old: 12, .. }),
        "{refused}"
    );
    let path = Path::new(FOLDER).join("hecha.log_0011223344556677_2026-11.contradiction");
    let kept = read_all(&*disk.open_to_read(&path).unwrap()).unwrap();
    let kept = Submission::parse(&kept).unwrap();
    let forged = kept.note.checkpoint(&options().log_keys).unwrap();
    let note = witness.note(&forged.origin).unwrap();
    let true_one = SignedNote::parse(note.as_bytes()).unwrap();
    assert!(true_one.checkpoint(&options().log_keys).is_ok());
    assert_eq!(forged.size, 12);
}

#[test]
fn what_was_cosigned_is_remembered_after_any_crash() {
    let log = Log::new(60, 60);
    for seed in 0..60 {
        let disk = Arc::new(SimulatedDisk::new(seed));
        let witness = open(&disk);
        witness.add_checkpoint(&log.body(0, 10), TIME).unwrap();
        disk.cut_power_after(seed % 9);
        let mut cosigned = 10;
        for new in 11..15 {
            if witness
                .add_checkpoint(&log.body(new - 1, new), TIME)
                .is_err()
            {
                break;
            }
            cosigned = new;
        }
        drop(witness);
        let disk = Arc::new(disk.crash());
        let witness = open(&disk);
        // It may remember one more than it has said, never less.
        let size = witness.checkpoints()[0].size;
        assert!(
            (cosigned..=cosigned + 1).contains(&size),
            "{seed}: {cosigned} {size}"
        );
    }
}

#[test]
fn nothing_is_signed_that_is_not_on_the_disk() {
    let (log, (disk, witness)) = (Log::new(20, 20), fresh());
    witness.add_checkpoint(&log.body(0, 9), TIME).unwrap();
    for fault in [Fault::Write, Fault::Sync, Fault::Rename] {
        disk.fail_next(fault);
        let refused = witness.add_checkpoint(&log.body(9, 12), TIME).unwrap_err();
        assert!(matches!(refused, Refusal::Storage(_)), "{refused}");
        assert_eq!(witness.checkpoints()[0].size, 9);
    }
    witness.add_checkpoint(&log.body(9, 12), TIME).unwrap();
}

#[test]
fn a_state_that_was_changed_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(20, 20);
    let begin = |options| Witness::open(options, Arc::new(RealDisk), folder.path());
    let witness = begin(options()).unwrap();
    witness.add_checkpoint(&log.body(0, 9), TIME).unwrap();
    let in_use = begin(options()).unwrap_err().to_string();
    assert!(in_use.contains("in use by another witness"), "{in_use}");
    drop(witness);
    let path = folder
        .path()
        .join("hecha.log_0011223344556677_2026-11.checkpoint");
    let sound = std::fs::read_to_string(&path).unwrap();
    for changed in [sound.replacen("\n9\n", "\n8\n", 1), String::new()] {
        std::fs::write(&path, changed).unwrap();
        let damaged = begin(options()).unwrap_err().to_string();
        assert!(damaged.contains("restore it from a copy"), "{damaged}");
    }
    std::fs::write(&path, &sound).unwrap();
    std::fs::copy(&path, folder.path().join("x.checkpoint")).unwrap();
    let moved = begin(options()).unwrap_err().to_string();
    assert!(moved.contains("it is of `hecha.log/"), "{moved}");
    std::fs::remove_file(folder.path().join("x.checkpoint")).unwrap();
    let other = WitnessOptions {
        key: SigningKey::from_bytes(&[9; 32]),
        ..options()
    };
    let exchanged = begin(other).unwrap_err().to_string();
    assert!(exchanged.contains("was the key exchanged"), "{exchanged}");
    assert_eq!(begin(options()).unwrap().checkpoints()[0].size, 9);
}
