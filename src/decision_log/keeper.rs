//! Keeps the trees of a log up with its records, month by month.
//!
//! In: the highest index that is on the disk. Out: level files and signed checkpoints, about once a
//! second and at the end. When a month is over its tree gets a last checkpoint at its true end;
//! months without a tree, of an older version or lost, are built beside the present one in steps.
//! Runs on a thread of its own, never on the way of an answer.

use super::error::LogError;
use super::frames::{FrameReader, Place};
use super::grown::{self, Growing, SignedCheckpoint, TreeGround};
use super::shards::Shard;
use std::collections::VecDeque;

/// Steps of some hundred KiB that an older month is built on in one round.
const OLDER_STEPS_MAX: u32 = 64;

/// Trees of one log.
#[derive(Debug)]
pub(super) struct TreeKeeper {
    ground: TreeGround,
    present: Growing,
    /// Months that are over and have no whole tree, the oldest first.
    older: VecDeque<Shard>,
    building: Option<(Shard, Growing)>,
    latest: Option<SignedCheckpoint>,
}

impl TreeKeeper {
    /// Compares what stands in the folder with the log that was recovered; builds what is missing
    /// of the present month, which is `month` where the log begins.
    ///
    /// Errors: a checkpoint that speaks for more records than there are, or for others.
    pub fn open(ground: TreeGround, shards: &[Shard], month: &str) -> Result<Self, LogError> {
        let first = Shard {
            month: month.to_owned(),
            first_index: 1,
            next_index: 1,
            segments: vec![(1, 1)],
        };
        let (last, over) = shards.split_last().unwrap_or((&first, &[]));
        let mut older = VecDeque::new();
        for shard in over {
            let checkpoint = grown::checkpoint_of(&ground, &shard.month)?;
            let signed = checkpoint.map(|(signed, _)| signed.checkpoint.size);
            refuse_ahead(shard, signed)?;
            if signed != Some(shard.size()) {
                older.push_back(shard.clone());
            }
        }
        let (present, latest) = take_up(&ground, last)?;
        Ok(Self {
            ground,
            present,
            older,
            building: None,
            latest,
        })
    }

    /// The newest checkpoint of the present month.
    pub fn latest(&self) -> Option<&SignedCheckpoint> {
        self.latest.as_ref()
    }

    /// Index of the last frame that is in a tree.
    pub fn through(&self) -> u64 {
        self.present.place.index - 1
    }

    /// Takes all frames up to index `through` and signs a checkpoint where something is new.
    ///
    /// Errors: `is_mismatch` ends the log; others may pass.
    pub fn round(&mut self, through: u64) -> Result<(), LogError> {
        let storage = std::sync::Arc::clone(&self.ground.storage);
        let folder = self.ground.folder.clone();
        let mut reader = FrameReader::new(&*storage, &folder);
        while self.present.place.index <= through {
            let place = self.present.place;
            if place.offset == 0 && place.index > self.present.first_index {
                self.enter(place, &mut reader)?;
            }
            self.present.grow(&mut reader, through)?;
        }
        if self.present.is_dirty() {
            self.latest = Some(self.present.sign(&self.ground, &mut reader)?);
        }
        self.build_older(&mut reader)
    }

    /// Whether months are still to be built.
    #[cfg(test)]
    pub fn is_building(&self) -> bool {
        self.building.is_some() || !self.older.is_empty()
    }

    /// At the start of a segment: of the same month, or of one that ends it.
    fn enter(&mut self, place: Place, reader: &mut FrameReader<'_>) -> Result<(), LogError> {
        let header = reader.header(place)?;
        if header.month <= self.present.month {
            return Ok(());
        }
        if self.present.is_dirty() {
            self.present.sign(&self.ground, reader)?;
        }
        self.present = Growing::begin(&self.ground, &header.month, place)?;
        Ok(())
    }

    fn build_older(&mut self, reader: &mut FrameReader<'_>) -> Result<(), LogError> {
        if self.building.is_none() {
            let Some(shard) = self.older.front().cloned() else {
                return Ok(());
            };
            let (growing, _) = take_up(&self.ground, &shard)?;
            self.older.pop_front();
            self.building = Some((shard, growing));
        }
        let Some((shard, growing)) = &mut self.building else {
            return Ok(());
        };
        for _ in 0..OLDER_STEPS_MAX {
            if !growing.grow(reader, shard.next_index - 1)? {
                break;
            }
        }
        if growing.size() == shard.size() {
            growing.sign(&self.ground, reader)?;
            self.building = None;
        }
        Ok(())
    }

    /// Tests change hashes of the present month through this.
    #[cfg(test)]
    pub fn set_fault(&mut self, fault: fn(u64, &mut crate::tree::merkle::Hash)) {
        self.present.fault = Some(fault);
    }
}

/// Records that stood in a signed tree and are not in the log: nothing is signed over that.
fn refuse_ahead(shard: &Shard, signed: Option<u64>) -> Result<(), LogError> {
    match signed {
        Some(signed) if signed > shard.size() => Err(LogError::TreeAhead {
            month: shard.month.clone(),
            signed,
            found: shard.size(),
        }),
        _ => Ok(()),
    }
}

/// The tree of a month as its files and its checkpoint leave it; worked out anew up to the
/// checkpoint where the files do not give its root.
fn take_up(
    ground: &TreeGround,
    shard: &Shard,
) -> Result<(Growing, Option<SignedCheckpoint>), LogError> {
    let (storage, folder) = (&*ground.storage, &ground.folder);
    let first = shard.segments.first().map_or(1, |(number, _)| *number);
    let begin = Place {
        segment: first,
        offset: 0,
        index: shard.first_index,
    };
    let mut growing = Growing::begin(ground, &shard.month, begin)?;
    let Some((signed, is_ours)) = grown::checkpoint_of(ground, &shard.month)? else {
        return Ok((growing, None));
    };
    let size = signed.checkpoint.size;
    refuse_ahead(shard, Some(size))?;
    let place = grown::place_of(storage, folder, &shard.segments, shard.first_index + size)?;
    if !growing.resume(&signed.checkpoint, place) {
        let mut reader = FrameReader::new(storage, folder);
        while growing.size() < size {
            growing.grow(&mut reader, shard.first_index + size - 1)?;
        }
        if !growing.resume(&signed.checkpoint, growing.place) {
            return Err(LogError::TreeDiffers {
                month: shard.month.clone(),
                size,
            });
        }
    }
    if !is_ours {
        growing.sign_again();
    }
    Ok((growing, Some(signed)))
}
