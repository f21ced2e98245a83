//! The tree of one month while it grows: appended, compared with what was read back, signed.
//!
//! In: frames as they are read back from the segments. Out: level files, and a checkpoint over
//! them. Before a checkpoint is signed, the same frames are read and hashed once more, and each
//! stored hash is compared with what they give: a bit that flipped in memory or on the way to the
//! file is found before it is signed, not by a witness afterwards. What does not agree is an error
//! that ends the log. A file that cannot be written leaves the tree as it was, to be tried again.

use super::error::LogError;
use super::frames::{FrameReader, Place};
use super::shards;
use crate::seal::sign::SigningKey;
use crate::storage::disk::{self, Storage};
use crate::storage::replace;
use crate::tree::levels::{Levels, hashes_in};
use crate::tree::merkle::{Frontier, Hash, Hashes, TILE_LEVELS_MAX, leaf_hash};
use crate::tree::note::{Checkpoint, NoteFault, SignedNote};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checkpoint that stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The month.
    pub month: String,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The note as it stands in the file.
    pub note: SignedNote,
}

/// What a tree is made with.
#[derive(Debug, Clone)]
pub(super) struct TreeGround {
    pub storage: Arc<dyn Storage>,
    pub folder: PathBuf,
    pub signer: Arc<SigningKey>,
    pub salt: [u8; 32],
}

/// A tree that grows.
#[derive(Debug)]
pub(super) struct Growing {
    pub month: String,
    pub first_index: u64,
    /// Where its next frame stands.
    pub place: Place,
    levels: Levels,
    frontier: Frontier,
    /// As it was at the last checkpoint, and where the first frame after it stands.
    signed: Frontier,
    signed_place: Place,
    has_checkpoint: bool,
    /// Tests change hashes here, between hashing and storing.
    #[cfg(test)]
    pub fault: Option<fn(u64, &mut Hash)>,
}

impl Growing {
    /// Of a month without a tree.
    pub fn begin(ground: &TreeGround, month: &str, place: Place) -> Result<Self, LogError> {
        let folder = shards::tree_folder(&ground.folder, month);
        let fault = |deed| LogError::io(deed, folder.display().to_string());
        let storage = &ground.storage;
        storage.create_folder(&folder).map_err(fault("create"))?;
        for above in [disk::folder_of(&folder), &ground.folder] {
            storage
                .sync_folder(above)
                .map_err(fault("sync the folder of"))?;
        }
        let levels = Levels::open(Arc::clone(storage), &folder).map_err(fault("open"))?;
        Ok(Self {
            month: month.to_owned(),
            first_index: place.index,
            place,
            levels,
            frontier: Frontier::default(),
            signed: Frontier::default(),
            signed_place: place,
            has_checkpoint: false,
            #[cfg(test)]
            fault: None,
        })
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Whether there is anything to sign.
    pub fn is_dirty(&self) -> bool {
        let size = self.frontier.size();
        size > 0 && (!self.has_checkpoint || size > self.signed.size())
    }

    /// The checkpoint that is there is of another key: one of ours is to take its place.
    pub fn sign_again(&mut self) {
        self.has_checkpoint = false;
    }

    /// Goes on after a checkpoint whose hashes stand in the level files; false where they do not
    /// give its root. `place` is that of the first frame after it.
    pub fn resume(&mut self, checkpoint: &Checkpoint, place: Place) -> bool {
        let size = checkpoint.size;
        if self.levels.root(size).ok() != Some(checkpoint.root) {
            return false;
        }
        let levels = &self.levels;
        let read = |level, first, into: &mut [Hash]| levels.read(level, first, into);
        let Ok(frontier) = Frontier::restore(size, &Hashes::new(&read)) else {
            return false;
        };
        (self.place, self.signed_place) = (place, place);
        (self.frontier, self.signed) = (frontier.clone(), frontier);
        self.has_checkpoint = true;
        true
    }

    /// Takes frames up to index `through`, some hundred KiB of them or to the end of a segment.
    /// False where there was nothing to take.
    pub fn grow(&mut self, reader: &mut FrameReader<'_>, through: u64) -> Result<bool, LogError> {
        let mut place = self.place;
        let mut leaves: Vec<Hash> = Vec::new();
        let read = reader.read(&mut place, through, |_, bytes| {
            leaves.push(leaf_hash(bytes))
        })?;
        #[cfg(test)]
        if let Some(fault) = self.fault {
            for (place, leaf) in leaves.iter_mut().enumerate() {
                fault(self.frontier.size() + place as u64, leaf);
            }
        }
        let mut frontier = self.frontier.clone();
        let mut new: [Vec<Hash>; TILE_LEVELS_MAX] = Default::default();
        for leaf in leaves {
            frontier.append(leaf, |level, hash| new[level].push(hash));
        }
        for (level, hashes) in new.iter().enumerate() {
            let first = hashes_in(level, self.frontier.size());
            let written = self.levels.write(level, first, hashes);
            written.map_err(LogError::io("write the tree of", self.month.as_str()))?;
        }
        self.frontier = frontier;
        self.place = place;
        Ok(read)
    }

    /// Reads back what was appended since the last checkpoint, compares, signs and replaces the
    /// checkpoint.
    ///
    /// Errors: what was read back does not agree; the file system.
    pub fn sign(
        &mut self,
        ground: &TreeGround,
        reader: &mut FrameReader<'_>,
    ) -> Result<SignedCheckpoint, LogError> {
        let checked = self.read_back(reader)?;
        let size = self.frontier.size();
        let root = self.levels.root(size).map_err(self.unread())?;
        if root != checked.root() || root != self.frontier.root() {
            return Err(self.mismatch(size));
        }
        // A power cut must not leave a checkpoint over hashes that are gone.
        let synced = self.levels.sync();
        synced.map_err(LogError::io("sync the tree of", self.month.as_str()))?;
        let origin = shards::origin(&ground.salt, &self.month);
        let checkpoint = Checkpoint { origin, size, root };
        let note = checkpoint.sign(&ground.signer);
        let path = shards::checkpoint_path(&ground.folder, &self.month);
        let written = replace::write(&*ground.storage, &path, note.to_string().as_bytes());
        written.map_err(LogError::io("write", path.display().to_string()))?;
        self.signed = checked;
        self.signed_place = self.place;
        self.has_checkpoint = true;
        Ok(SignedCheckpoint {
            month: self.month.clone(),
            checkpoint,
            note,
        })
    }

    /// The edge of the tree, worked out once more from the frames as they are read now; every
    /// hash on the way is compared with the stored one.
    fn read_back(&self, reader: &mut FrameReader<'_>) -> Result<Frontier, LogError> {
        let mut edge = self.signed.clone();
        let mut place = self.signed_place;
        let (mut leaves, mut stored) = (Vec::new(), Vec::new());
        while place.index < self.place.index {
            leaves.clear();
            let through = self.place.index - 1;
            reader.read(&mut place, through, |_, bytes| {
                leaves.push(leaf_hash(bytes))
            })?;
            stored.resize(leaves.len(), Hash::default());
            let read = self.levels.read(0, edge.size(), &mut stored);
            read.map_err(self.unread())?;
            for (leaf, stored) in leaves.iter().zip(&stored) {
                let number = edge.size();
                let mut nodes: Vec<(usize, Hash)> = Vec::new();
                edge.append(*leaf, |level, hash| {
                    if level > 0 {
                        nodes.push((level, hash));
                    }
                });
                if leaf != stored {
                    return Err(self.mismatch(number));
                }
                for (level, hash) in nodes {
                    let mut node = [Hash::default()];
                    let first = hashes_in(level, edge.size()) - 1;
                    let read = self.levels.read(level, first, &mut node);
                    read.map_err(self.unread())?;
                    if node[0] != hash {
                        return Err(self.mismatch(number));
                    }
                }
            }
        }
        Ok(edge)
    }

    fn unread(&self) -> impl FnOnce(std::io::Error) -> LogError {
        LogError::io("read back the tree of", self.month.as_str())
    }

    fn mismatch(&self, leaf: u64) -> LogError {
        LogError::TreeMismatch {
            month: self.month.clone(),
            leaf,
        }
    }
}

/// The checkpoint of a month, where there is one, and whether the present key signed it.
///
/// Errors: the file system; no checkpoint of this month; a false signature.
pub(super) fn checkpoint_of(
    ground: &TreeGround,
    month: &str,
) -> Result<Option<(SignedCheckpoint, bool)>, LogError> {
    let path = shards::checkpoint_path(&ground.folder, month);
    let Some((note, checkpoint)) = shards::read_checkpoint(&*ground.storage, &path)? else {
        return Ok(None);
    };
    let fault = |fault| LogError::Checkpoint {
        file: path.display().to_string(),
        fault,
    };
    if checkpoint.origin != shards::origin(&ground.salt, month) {
        return Err(fault(NoteFault::Checkpoint {
            what: "it is of another log or month",
        }));
    }
    let is_ours = match note.checkpoint(&[ground.signer.public()]) {
        Ok(_) => true,
        // Of an earlier key: it is signed anew over the same or more.
        Err(NoteFault::UnknownKey { .. }) => false,
        Err(other) => return Err(fault(other)),
    };
    let month = month.to_owned();
    let signed = SignedCheckpoint {
        month,
        checkpoint,
        note,
    };
    Ok(Some((signed, is_ours)))
}

/// Where the frame with index `index` stands, which `segments` of a month hold or end before.
pub(super) fn place_of(
    storage: &dyn Storage,
    folder: &Path,
    segments: &[(u64, u64)],
    index: u64,
) -> Result<Place, LogError> {
    let found = segments.iter().rev().find(|(_, first)| *first <= index);
    let (segment, first) = found.or(segments.first()).copied().unwrap_or((1, 1));
    let mut place = Place {
        segment,
        offset: 0,
        index: first,
    };
    let mut reader = FrameReader::new(storage, folder);
    while place.index < index {
        reader.read(&mut place, index - 1, |_, _| ())?;
    }
    Ok(place)
}
