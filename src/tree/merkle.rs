//! Hashes, roots and proofs of a tree that only grows.
//!
//! In: leaves as bytes or hashes, and a reader of the hashes that are stored. Out: roots of any
//! size, proofs of inclusion and of consistency, and whether such a proof holds. RFC 6962 2.1 for
//! hashes, RFC 9162 2.1.3 and 2.1.4 for proofs, with SHA-256. Pure: the reader does the reading.
//!
//! Stored is only each eighth level (C2SP tiles): hash `n` of tile level `l` covers the leaves
//! `n * 256^l` up to `(n + 1) * 256^l`, and is stored once all of them are there. What lies between
//! is worked out from at most 256 stored hashes.

use sha2::{Digest, Sha256};

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;
/// Levels of the tree in one tile level.
pub const TILE_HEIGHT: u32 = 8;
/// Hashes in a full tile.
pub const TILE_HASHES: u64 = 1 << TILE_HEIGHT;
/// Tile levels that a tree can have: a size is a number of 64 bits.
pub const TILE_LEVELS_MAX: usize = 8;
/// Hashes in the longest proof there is: one for each level on the way, one more for consistency.
pub const PROOF_HASHES_MAX: usize = 65;

/// First byte under the hash of a leaf, so that no leaf is ever taken for a node.
const LEAF_PREFIX: &[u8] = &[0];
/// First byte under the hash of a node.
const NODE_PREFIX: &[u8] = &[1];

/// A SHA-256 of a leaf, a node or a whole tree.
pub type Hash = [u8; HASH_BYTES];

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// There is no such leaf.
    #[error("leaf {index} lies outside of a tree of {size}")]
    Outside {
        /// The leaf asked for.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tree only grows.
    #[error("the tree shrank from {old} to {new}")]
    Shrank {
        /// Leaves before.
        old: u64,
        /// Leaves after.
        new: u64,
    },
    /// The proof has too few or too many hashes for these sizes.
    #[error("the proof has {found} hashes, which does not fit the size of the tree")]
    Length {
        /// Hashes in the proof.
        found: usize,
    },
    /// The hashes lead to another root than that of the (later) tree.
    #[error("the proof leads to another root than that of the tree of {size}")]
    Root {
        /// Leaves in that tree.
        size: u64,
    },
    /// The hashes lead to another root than that of the earlier tree: something in it was changed.
    #[error("the proof leads to another root than that of the earlier tree of {size}")]
    EarlierRoot {
        /// Leaves in that tree.
        size: u64,
    },
}

/// Hash of a leaf with these bytes.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    hash_of(&[LEAF_PREFIX, bytes])
}

/// Hash of a node over two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash_of(&[NODE_PREFIX, left, right])
}

/// Root of a tree without leaves.
pub fn empty_root() -> Hash {
    hash_of(&[])
}

fn hash_of(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Whether `proof` shows that leaf `index` of the tree of `size` leaves under `root` has the hash
/// `leaf`. RFC 9162, 2.1.3.2.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofFault> {
    if index >= size {
        return Err(ProofFault::Outside { index, size });
    }
    let length = ProofFault::Length { found: proof.len() };
    let (mut place, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(length);
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            skip_lone_levels(&mut place, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    let same = hash == *root;
    same.then_some(()).ok_or(ProofFault::Root { size })
}

/// Whether `proof` shows that the tree of `old` leaves under `old_root` is the beginning of that
/// of `new` leaves under `new_root`. RFC 9162, 2.1.4.2; equal sizes need equal roots and no proof,
/// and every tree continues the empty one.
pub fn verify_consistency(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), ProofFault> {
    if old > new {
        return Err(ProofFault::Shrank { old, new });
    }
    let length = ProofFault::Length { found: proof.len() };
    if old == 0 || old == new {
        let expected = if old == 0 { empty_root() } else { *new_root };
        if !proof.is_empty() {
            return Err(length);
        }
        let same = *old_root == expected;
        return same
            .then_some(())
            .ok_or(ProofFault::EarlierRoot { size: old });
    }
    let (mut place, mut last) = (old - 1, new - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    // A whole old tree is itself the first hash; the proof then need not repeat it.
    let (first, rest) = match old.is_power_of_two() {
        true => (old_root, proof),
        false => proof.split_first().ok_or(length.clone())?,
    };
    if rest.is_empty() {
        return Err(length);
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(length);
        }
        if place & 1 == 1 || place == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            skip_lone_levels(&mut place, &mut last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    if old_hash != *old_root {
        return Err(ProofFault::EarlierRoot { size: old });
    }
    let same = new_hash == *new_root;
    same.then_some(()).ok_or(ProofFault::Root { size: new })
}

/// Climbs past the levels on which the last node has no sibling.
fn skip_lone_levels(place: &mut u64, last: &mut u64) {
    while *place & 1 == 0 && *place != 0 {
        *place >>= 1;
        *last >>= 1;
    }
}

/// How stored hashes are read: `read(level, first, into)` fills `into` with the hashes of tile
/// level `level` from number `first` on.
pub type ReadHashes<'a, E> = dyn Fn(usize, u64, &mut [Hash]) -> Result<(), E> + 'a;

/// The stored hashes of a tree.
pub struct Hashes<'a, E> {
    read: &'a ReadHashes<'a, E>,
}

impl<'a, E> Hashes<'a, E> {
    /// Stored hashes by their reader.
    pub fn new(read: &'a ReadHashes<'a, E>) -> Self {
        Self { read }
    }

    /// Root of the first `size` leaves, all of which must be stored.
    ///
    /// Errors: those of the reader.
    pub fn root(&self, size: u64) -> Result<Hash, E> {
        match size {
            0 => Ok(empty_root()),
            _ => self.range(0, size),
        }
    }

    /// The proof that leaf `index` stands in the tree of `size` leaves; empty where there is no
    /// such leaf.
    ///
    /// Errors: those of the reader.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, E> {
        let mut proof = Vec::new();
        let (mut first, mut end) = (0, size);
        // From the root down; the proof is told from the leaf up.
        while index < size && end - first > 1 {
            let middle = first + left_leaves(end - first);
            if index < middle {
                proof.push(self.range(middle, end)?);
                end = middle;
            } else {
                proof.push(self.range(first, middle)?);
                first = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// The proof that the tree of `old` leaves is the beginning of that of `new`; empty where one
    /// is empty or both are equal.
    ///
    /// Errors: those of the reader.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, E> {
        let mut proof = Vec::new();
        if old == 0 || old >= new {
            return Ok(proof);
        }
        let (mut first, mut end) = (0, new);
        while old != end {
            let middle = first + left_leaves(end - first);
            if old <= middle {
                proof.push(self.range(middle, end)?);
                end = middle;
            } else {
                proof.push(self.range(first, middle)?);
                first = middle;
            }
        }
        // The part that both have in common; the verifier knows it where it is the whole old tree.
        if first != 0 {
            proof.push(self.range(first, end)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// Hash over the leaves `first..end`, a range as the RFC cuts them.
    fn range(&self, first: u64, end: u64) -> Result<Hash, E> {
        let leaves = end - first;
        if leaves.is_power_of_two() {
            return self.whole(leaves.trailing_zeros(), first);
        }
        let middle = first + left_leaves(leaves);
        Ok(node_hash(
            &self.range(first, middle)?,
            &self.range(middle, end)?,
        ))
    }

    /// Hash over the `2^level` leaves from `first` on, from the nearest stored level below.
    fn whole(&self, level: u32, first: u64) -> Result<Hash, E> {
        let tile_level = level / TILE_HEIGHT;
        let mut hashes = [[0; HASH_BYTES]; TILE_HASHES as usize / 2];
        let mut count = 1 << (level % TILE_HEIGHT);
        let stored = first >> (tile_level * TILE_HEIGHT);
        (self.read)(tile_level as usize, stored, &mut hashes[..count])?;
        while count > 1 {
            count /= 2;
            for place in 0..count {
                hashes[place] = node_hash(&hashes[2 * place], &hashes[2 * place + 1]);
            }
        }
        Ok(hashes[0])
    }
}

/// Leaves left of the cut in a tree of `leaves`, at least two: the largest power of two below.
fn left_leaves(leaves: u64) -> u64 {
    1 << (u64::BITS - 1 - (leaves - 1).leading_zeros())
}

/// The right edge of a growing tree: all that is needed to append a leaf and to tell the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Hashes of the complete subtrees, one for each bit set in `size`, the largest first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The edge of the tree whose first `size` leaves are stored.
    ///
    /// Errors: those of the reader.
    pub fn restore<E>(size: u64, hashes: &Hashes<'_, E>) -> Result<Self, E> {
        let mut peaks = Vec::with_capacity(64);
        let mut first = 0;
        for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(hashes.whole(level, first)?);
            first += 1 << level;
        }
        Ok(Self { size, peaks })
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash. `store(level, hash)` gets each hash that a tile level now has
    /// in addition, the leaf's own (level 0) first.
    pub fn append(&mut self, leaf: Hash, mut store: impl FnMut(usize, Hash)) {
        store(0, leaf);
        let mut hash = leaf;
        // Each low bit set is a subtree of the same size, to be joined with what has grown.
        for level in 1..=self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            if level % TILE_HEIGHT == 0 {
                store((level / TILE_HEIGHT) as usize, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Root of the tree.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests;
