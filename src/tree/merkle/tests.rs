//! Roots and proofs against the text of the RFC, written down once more and naively.

use super::*;
use proptest::prelude::*;
use std::convert::Infallible;

/// Levels of stored hashes, as the files of a log hold them.
#[derive(Default)]
struct Stored(Vec<Vec<Hash>>);

impl Stored {
    fn read(&self, level: usize, first: u64, into: &mut [Hash]) -> Result<(), Infallible> {
        let first = first as usize;
        into.copy_from_slice(&self.0[level][first..first + into.len()]);
        Ok(())
    }

    fn push(&mut self, level: usize, hash: Hash) {
        if self.0.len() == level {
            self.0.push(Vec::new());
        }
        self.0[level].push(hash);
    }
}

/// RFC 9162 2.1.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest(b"").into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn naive_split(leaves: usize) -> usize {
    let mut split = 1;
    while split * 2 < leaves {
        split *= 2;
    }
    split
}

/// RFC 9162 2.1.3.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let split = naive_split(leaves.len());
    let (left, right) = leaves.split_at(split);
    let (mut path, other) = match index < split {
        true => (naive_path(index, left), right),
        false => (naive_path(index - split, right), left),
    };
    path.push(naive_root(other));
    path
}

/// RFC 9162 2.1.4.1.
fn naive_subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return match whole {
            true => Vec::new(),
            false => vec![naive_root(leaves)],
        };
    }
    let split = naive_split(leaves.len());
    let (left, right) = leaves.split_at(split);
    let (mut proof, other) = match old <= split {
        true => (naive_subproof(old, left, whole), right),
        false => (naive_subproof(old - split, right, false), left),
    };
    proof.push(naive_root(other));
    proof
}

fn leaf(number: u64) -> Hash {
    leaf_hash(&number.to_le_bytes())
}

/// A tree of `size` numbered leaves: its leaves, what is stored of it, its edge.
fn grown(size: u64) -> (Vec<Hash>, Stored, Frontier) {
    let (mut stored, mut edge) = (Stored::default(), Frontier::default());
    let leaves: Vec<Hash> = (0..size).map(leaf).collect();
    for leaf in &leaves {
        edge.append(*leaf, |level, hash| stored.push(level, hash));
    }
    (leaves, stored, edge)
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn the_reference_leaves_have_the_reference_roots() {
    // Leaves and roots of the tests of certificate-transparency, the reference of RFC 6962.
    let leaves = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut edge = Frontier::default();
    assert_eq!(edge.root()[..], unhex(empty));
    for (leaf, root) in leaves.iter().zip(roots) {
        edge.append(leaf_hash(&unhex(leaf)), |_, _| {});
        assert_eq!(edge.root()[..], unhex(root), "{} leaves", edge.size());
    }
}

#[test]
fn every_small_tree_has_the_roots_and_proofs_of_the_rfc() {
    let (leaves, stored, _) = grown(300);
    let read = |level, first, into: &mut [Hash]| stored.read(level, first, into);
    let hashes = Hashes::new(&read);
    for size in 0..=300_usize {
        let root = hashes.root(size as u64).unwrap();
        assert_eq!(root, naive_root(&leaves[..size]), "{size}");
        let edge = Frontier::restore(size as u64, &hashes).unwrap();
        assert_eq!(edge, grown(size as u64).2, "{size}");
        assert_eq!(edge.root(), root, "{size}");
        // Each leaf of some sizes, every third of the others: naive proofs are slow.
        let step = if size % 16 < 2 { 1 } else { 3 };
        for index in (size % step..size).step_by(step) {
            let proof = hashes.inclusion_proof(index as u64, size as u64).unwrap();
            assert_eq!(proof, naive_path(index, &leaves[..size]), "{index} {size}");
            let leaf = &leaves[index];
            verify_inclusion(leaf, index as u64, size as u64, &proof, &root).unwrap();
        }
        for old in (1 + size % step..=size).step_by(step) {
            let proof = hashes.consistency_proof(old as u64, size as u64).unwrap();
            let naive = naive_subproof(old, &leaves[..size], true);
            assert_eq!(proof, naive, "{old} {size}");
            let old_root = hashes.root(old as u64).unwrap();
            verify_consistency((old as u64, &old_root), (size as u64, &root), &proof).unwrap();
        }
    }
}

#[test]
fn what_lies_outside_is_refused_and_the_empty_tree_is_the_beginning_of_all() {
    let (leaves, stored, edge) = grown(7);
    let read = |level, first, into: &mut [Hash]| stored.read(level, first, into);
    let hashes = Hashes::new(&read);
    assert!(hashes.inclusion_proof(7, 7).unwrap().is_empty());
    assert!(hashes.consistency_proof(8, 7).unwrap().is_empty());
    let outside = verify_inclusion(&leaves[0], 7, 7, &[], &edge.root());
    assert_eq!(outside, Err(ProofFault::Outside { index: 7, size: 7 }));
    let root = edge.root();
    let shrank = verify_consistency((8, &root), (7, &root), &[]);
    assert_eq!(shrank, Err(ProofFault::Shrank { old: 8, new: 7 }));
    verify_consistency((0, &empty_root()), (7, &root), &[]).unwrap();
    verify_consistency((7, &root), (7, &root), &[]).unwrap();
    let earlier = |size| Err(ProofFault::EarlierRoot { size });
    let other = leaf(9);
    assert_eq!(verify_consistency((0, &other), (7, &root), &[]), earlier(0));
    assert_eq!(verify_consistency((7, &other), (7, &root), &[]), earlier(7));
    for (old, old_root) in [(0, empty_root()), (7, root)] {
        let fault = verify_consistency((old, &old_root), (7, &root), &[other]);
        assert_eq!(fault, Err(ProofFault::Length { found: 1 }));
    }
    let fault = verify_consistency((4, &hashes.root(4).unwrap()), (7, &root), &[]);
    assert_eq!(fault, Err(ProofFault::Length { found: 0 }));
}

#[test]
fn tile_levels_hold_each_complete_subtree_once() {
    let (leaves, stored, edge) = grown(256 * 256 + 300);
    let counts: Vec<usize> = stored.0.iter().map(Vec::len).collect();
    assert_eq!(counts, [256 * 256 + 300, 257, 1]);
    assert_eq!(stored.0[1][3], naive_root(&leaves[3 * 256..4 * 256]));
    assert_eq!(stored.0[2][0], naive_root(&leaves[..256 * 256]));
    assert_eq!(edge.root(), naive_root(&leaves));
}

/// Each proof, root, leaf and size with one thing changed must be refused.
fn refuses_every_change(index: u64, old: u64, size: u64, flip: usize) {
    let (leaves, stored, edge) = grown(size);
    let read = |level, first, into: &mut [Hash]| stored.read(level, first, into);
    let hashes = Hashes::new(&read);
    let flipped = |hash: &Hash| {
        let mut hash = *hash;
        hash[flip / 8 % HASH_BYTES] ^= 1 << (flip % 8);
        hash
    };
    let (leaf, root) = (&leaves[index as usize], edge.root());
    let proof = hashes.inclusion_proof(index, size).unwrap();
    let holds = |leaf: &Hash, index, size, proof: &[Hash], root: &Hash| {
        verify_inclusion(leaf, index, size, proof, root).is_ok()
    };
    assert!(holds(leaf, index, size, &proof, &root));
    assert!(!holds(&flipped(leaf), index, size, &proof, &root));
    assert!(!holds(leaf, index, size, &proof, &flipped(&root)));
    assert!(!holds(
        leaf,
        index ^ (1 << (flip % 64)),
        size,
        &proof,
        &root
    ));
    let old_root = hashes.root(old).unwrap();
    let growth = hashes.consistency_proof(old, size).unwrap();
    let grows = |old, old_root: &Hash, new, root: &Hash, proof: &[Hash]| {
        verify_consistency((old, old_root), (new, root), proof).is_ok()
    };
    assert!(grows(old, &old_root, size, &root, &growth));
    assert!(!grows(old, &flipped(&old_root), size, &root, &growth));
    assert!(!grows(old, &old_root, size, &flipped(&root), &growth));
    for at in 0..proof.len() {
        let mut other = proof.clone();
        other[at] = flipped(&other[at]);
        assert!(!holds(leaf, index, size, &other, &root));
        other.remove(at);
        assert!(!holds(leaf, index, size, &other, &root));
    }
    for at in 0..growth.len() {
        let mut other = growth.clone();
        other[at] = flipped(&other[at]);
        assert!(!grows(old, &old_root, size, &root, &other));
        other.remove(at);
        assert!(!grows(old, &old_root, size, &root, &other));
    }
    let longer = |proof: &[Hash]| [proof, &[root]].concat();
    assert!(!holds(leaf, index, size, &longer(&proof), &root));
    assert!(!grows(old, &old_root, size, &root, &longer(&growth)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_flipped_bit_is_refused(size in 2_u64..3000, a: u64, b: u64, flip in 0_usize..1 << 20) {
        refuses_every_change(a % size, 1 + b % (size - 1), size, flip);
    }

    /// A verifier gets proofs from outside: whatever they hold, it says no and ends.
    #[test]
    fn arbitrary_proofs_are_refused_without_panic(
        sizes in (any::<u64>(), any::<u64>()), hashes: Vec<[u8; 32]>, root: [u8; 32]
    ) {
        let (a, b) = sizes;
        let _ = verify_inclusion(&root, a, b, &hashes, &root);
        let refused = verify_consistency((a, &root), (b, &root), &hashes).is_err();
        prop_assert!(refused || (a == b && hashes.is_empty()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn larger_trees_agree_with_the_naive_one(size in 1_u64..30_000, a: u64, b: u64) {
        let (leaves, stored, edge) = grown(size);
        let read = |level, first, into: &mut [Hash]| stored.read(level, first, into);
        let hashes = Hashes::new(&read);
        let (index, old) = (a % size, 1 + b % size);
        prop_assert_eq!(edge.root(), naive_root(&leaves));
        prop_assert_eq!(hashes.root(size).unwrap(), edge.root());
        let restored = Frontier::restore(size, &hashes).unwrap();
        prop_assert_eq!(&restored, &edge);
        let proof = hashes.inclusion_proof(index, size).unwrap();
        prop_assert_eq!(&proof, &naive_path(index as usize, &leaves));
        let growth = hashes.consistency_proof(old, size).unwrap();
        prop_assert_eq!(growth, naive_subproof(old as usize, &leaves, true));
        prop_assert!(proof.len() < PROOF_HASHES_MAX);
    }
}
