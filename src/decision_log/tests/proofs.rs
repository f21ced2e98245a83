//! Proofs that a log continues what was kept of it, against a tree worked out the plain way.

use super::support::*;
use crate::decision_log::proof::{ConsistencyError, make};
use crate::decision_log::shards::checkpoint_path;
use crate::decision_log::shards::read_checkpoint;
use crate::storage::simulated::SimulatedDisk;
use crate::tree::merkle::Hash;
use crate::tree::note::{Checkpoint, SignedNote};
use crate::tree::submission::Submission;
use proptest::prelude::*;
use std::path::Path;
use std::sync::LazyLock;

/// A log of some segments, the hashes of its records, and every checkpoint that it signed.
struct Written {
    disk: SimulatedDisk,
    leaves: Vec<Hash>,
    signed: Vec<(SignedNote, Checkpoint)>,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| {
    let disk = SimulatedDisk::new(1);
    let log = open_tree(&disk, 1);
    let path = checkpoint_path(Path::new(FOLDER), "2026-11");
    let mut signed = Vec::new();
    for n in 0..330 {
        append(&log, &clear(later(n)));
        if n % 3 == 0 {
            checkpoint(&log);
            signed.push(read_checkpoint(&disk, &path).unwrap().unwrap());
        }
    }
    drop(log);
    let leaves = leaves(&disk).remove("2026-11").unwrap();
    Written {
        disk,
        leaves,
        signed,
    }
});

fn proof(kept: &Checkpoint, later: Option<(SignedNote, Checkpoint)>) -> Submission {
    make(&WRITTEN.disk, Path::new(FOLDER), kept, later).unwrap()
}

proptest! {
    #[test]
    fn any_two_checkpoints_of_a_log_are_proved_and_no_changed_one_is(
        from in 0..110usize,
        to in 0..110usize,
        size in 1..330usize,
        (byte, bit) in (0..4_000usize, 0..8u32),
    ) {
        let written = &*WRITTEN;
        let keys = [signer().public()];
        let (from, to) = (from.min(to), from.max(to));
        let (_, old) = &written.signed[from];
        let text = proof(old, Some(written.signed[to].clone())).to_string();
        let read = Submission::parse(text.as_bytes()).unwrap();
        let new = read.verify(old, &keys).unwrap();
        prop_assert_eq!(&new, &written.signed[to].1);
        prop_assert_eq!(old.root, plain_root(&written.leaves[..old.size as usize]));
        // What was kept of any size, signed or not, by the plain tree.
        let root = plain_root(&written.leaves[..size]);
        let any = Checkpoint { size: size as u64, root, ..old.clone() };
        prop_assert!(proof(&any, None).verify(&any, &keys).is_ok());
        // Another size or root is proved by nothing.
        let root = plain_root(&written.leaves[1..=size]);
        let other = Checkpoint { root, ..any.clone() };
        let refused = make(&written.disk, Path::new(FOLDER), &other, None);
        let is_told = matches!(refused, Err(ConsistencyError::NotContinued { .. }));
        prop_assert!(is_told);
        prop_assert!(read.verify(&other, &keys).is_err());
        // A changed bit leaves a file that proves nothing, or the same.
        let mut bytes = text.into_bytes();
        let place = byte % bytes.len();
        bytes[place] ^= 1 << bit;
        if let Ok(changed) = Submission::parse(&bytes) {
            prop_assert!(changed.verify(old, &keys).is_err(), "{} {}", place, bit);
        }
    }
}

#[test]
fn what_is_of_another_log_or_lies_ahead_is_told() {
    let written = &*WRITTEN;
    let (note, newest) = written.signed.last().unwrap();
    let folder = Path::new(FOLDER);
    let other = Checkpoint {
        origin: newest.origin.replace("2026-11", "2026-12"),
        ..newest.clone()
    };
    let error = make(&written.disk, folder, &other, None).unwrap_err();
    assert!(matches!(error, ConsistencyError::Absent(_)), "{error}");
    let foreign = Checkpoint {
        origin: "hecha.log/0011223344556677/2026-11".to_owned(),
        ..newest.clone()
    };
    let error = make(&written.disk, folder, &foreign, None).unwrap_err();
    assert!(matches!(error, ConsistencyError::Absent(_)), "{error}");
    let ahead = Checkpoint {
        size: newest.size + 1_000,
        ..newest.clone()
    };
    let error = make(&written.disk, folder, &ahead, None).unwrap_err();
    let told = "the tree shrank from";
    assert!(error.to_string().contains(told), "{error}");
    let later = Some((note.clone(), ahead));
    let error = make(&written.disk, folder, newest, later).unwrap_err();
    assert!(matches!(error, ConsistencyError::Later { .. }), "{error}");
}
