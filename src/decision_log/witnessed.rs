//! What witnesses have signed of this log, and what is still to be sent to them.
//!
//! In: the log folder; checkpoints that a witness remembers. Out: whether the log still holds all
//! that was witnessed; submissions; the cosigned note of each month, kept beside its checkpoint. A
//! log that is smaller than a witness saw, or other, is not continued: records were lost or taken
//! back. Sends nothing itself.

use super::chain::{self, Writing};
use super::error::LogError;
use super::expired::expired_path;
use super::frames::{FrameReader, Place};
use super::segment;
use super::shards::{self, Shard};
use crate::storage::disk::{self, Storage};
use crate::storage::replace;
use crate::tree::levels::Levels;
use crate::tree::merkle::{Frontier, Hash, Hashes, leaf_hash};
use crate::tree::note::{Checkpoint, SignedNote};
use crate::tree::origin::{LogId, Origin};
use crate::tree::submission::Submission;
use std::io;
use std::path::{Path, PathBuf};

/// File that names the logs before this one, a number a line: `hecha log epoch` writes it.
pub const EARLIER_FILE: &str = "earlier-logs";

/// What a witness has seen and this folder does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Fewer records than it saw.
    #[error("the log holds {here} records of `{origin}`, and the witness has seen {seen}")]
    Shorter {
        /// The month of the log.
        origin: String,
        /// Records here.
        here: u64,
        /// Records that it saw.
        seen: u64,
    },
    /// As many, but others.
    #[error("the first {size} records of `{origin}` are not those that the witness has seen")]
    Other {
        /// The month of the log.
        origin: String,
        /// Records that it saw.
        size: u64,
    },
    /// Another log was written with the same key, and this one does not follow it.
    #[error(
        "the witness has seen {size} records of `{origin}`, signed by the key of this log; this \
         folder holds {} and says nothing of that one",
        .here.map_or_else(|| "no log".to_owned(), |log| format!("the log {log}"))
    )]
    OtherLog {
        /// The month of the other log.
        origin: String,
        /// Records that it saw.
        size: u64,
        /// The log that is here.
        here: Option<LogId>,
    },
}

/// The months of a log and where it ends.
#[derive(Debug)]
pub struct Held {
    /// Number of the log; `None` where there is none yet.
    pub log: Option<LogId>,
    shards: Vec<Shard>,
}

impl Held {
    /// What lies in `folder`, which nobody writes to.
    ///
    /// Errors: damage, the file system.
    pub fn read(storage: &dyn Storage, folder: &Path) -> Result<Self, LogError> {
        if is_absent(storage.list(folder)).map_err(LogError::io("list", name(folder)))? {
            return Ok(Self {
                log: None,
                shards: Vec::new(),
            });
        }
        let (segments, header) = shards::list(storage, folder)?;
        let next_index = match segments.is_empty() {
            true => 1,
            false => chain::read_last(storage, folder, Writing::No, 1, |_, _| Ok(()))?.next_index(),
        };
        Ok(Self {
            log: header.map(|header| LogId::new(&header.salt)),
            shards: shards::shards(&segments, next_index),
        })
    }

    /// Records of a month; 0 where it is not here.
    pub fn size(&self, month: &str) -> u64 {
        self.shard(month).map_or(0, Shard::size)
    }

    fn shard(&self, month: &str) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.month == month)
    }
}

/// The first thing that a witness has seen and the folder does not hold; `seen` are checkpoints
/// that the key of this log signed.
///
/// Errors: what is here cannot be read.
pub fn find_lost(
    storage: &dyn Storage,
    folder: &Path,
    seen: &[Checkpoint],
) -> Result<Option<Lost>, LogError> {
    let held = Held::read(storage, folder)?;
    let earlier = earlier_logs(storage, folder)?;
    for checkpoint in seen.iter().filter(|checkpoint| checkpoint.size > 0) {
        let Some(origin) = Origin::parse(&checkpoint.origin) else {
            continue;
        };
        if Some(origin.log) != held.log {
            if earlier.contains(&origin.log) {
                continue;
            }
            return Ok(Some(Lost::OtherLog {
                origin: checkpoint.origin.clone(),
                size: checkpoint.size,
                here: held.log,
            }));
        }
        if let Some(lost) = lost_of_month(storage, folder, &held, &origin.shard, checkpoint)? {
            return Ok(Some(lost));
        }
    }
    Ok(None)
}

fn lost_of_month(
    storage: &dyn Storage,
    folder: &Path,
    held: &Held,
    month: &str,
    seen: &Checkpoint,
) -> Result<Option<Lost>, LogError> {
    let (origin, size) = (seen.origin.clone(), seen.size);
    // Of a month that two persons have ordered destroyed the last checkpoint stays. A cut may have
    // left a part of its records: opening the log takes them away, or refuses where none ordered.
    let last = shards::read_checkpoint(storage, &expired_path(folder, month))?;
    let Some(shard) = held.shard(month).filter(|_| last.is_none()) else {
        let here = last.as_ref().map_or(0, |(_, last)| last.size);
        let is_other = last.is_some_and(|(_, last)| last.size == size && last.root != seen.root);
        return Ok(match here {
            _ if is_other => Some(Lost::Other { origin, size }),
            here if here < size => Some(Lost::Shorter {
                origin,
                here,
                seen: size,
            }),
            _ => None,
        });
    };
    let here = shard.size();
    if here < size {
        return Ok(Some(Lost::Shorter {
            origin,
            here,
            seen: size,
        }));
    }
    let is_same = root(storage, folder, shard, size)? == seen.root;
    Ok((!is_same).then_some(Lost::Other { origin, size }))
}

/// Root of the first `size` records of a month: from its tree where that is signed so far, else
/// from the records. Whether tree and records agree is told by `hecha log verify`, which reads
/// both.
fn root(storage: &dyn Storage, folder: &Path, shard: &Shard, size: u64) -> Result<Hash, LogError> {
    let path = shards::checkpoint_path(folder, &shard.month);
    let signed = shards::read_checkpoint(storage, &path)?;
    if signed.is_some_and(|(_, signed)| signed.size >= size) {
        let tree = shards::tree_folder(folder, &shard.month);
        let root = Levels::open_to_read(storage, &tree).and_then(|levels| levels.root(size));
        if let Ok(root) = root {
            return Ok(root);
        }
    }
    root_of_records(storage, folder, shard, size)
}

fn root_of_records(
    storage: &dyn Storage,
    folder: &Path,
    shard: &Shard,
    size: u64,
) -> Result<Hash, LogError> {
    let mut edge = Frontier::default();
    let Some((segment, index)) = shard.segments.first().copied() else {
        return Ok(edge.root());
    };
    let mut place = Place {
        segment,
        offset: 0,
        index,
    };
    let through = shard.first_index + size - 1;
    let mut reader = FrameReader::new(storage, folder);
    let mut more = true;
    while more && edge.size() < size {
        more = reader.read(&mut place, through, |_, bytes| {
            edge.append(leaf_hash(bytes), |_, _| {});
        })?;
    }
    Ok(edge.root())
}

/// A month with a checkpoint, as the log signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The month.
    pub month: String,
    /// The note.
    pub note: SignedNote,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// A month of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// For example `2026-11`.
    pub label: String,
    /// Records in it; `None` of the one that grows.
    pub size: Option<u64>,
}

/// Months of a log, in order, by the headers of its segments.
///
/// Errors: the file system, a segment without a header before others.
pub fn months(storage: &dyn Storage, folder: &Path) -> Result<Vec<Month>, LogError> {
    let (segments, _) = shards::list(storage, folder)?;
    let shards = shards::shards(&segments, u64::MAX);
    let months = shards.into_iter().map(|shard| Month {
        size: (shard.next_index < u64::MAX).then(|| shard.size()),
        label: shard.month,
    });
    Ok(months.collect())
}

/// The month that grows: cheap enough for every second.
///
/// Errors: the file system.
pub fn newest_month(storage: &dyn Storage, folder: &Path) -> Result<Option<String>, LogError> {
    let numbers = segment::numbers(storage, folder)?;
    // The last one may be prepared and without a record.
    for number in numbers.iter().rev().take(2) {
        if let Some((header, _)) = shards::head(storage, folder, *number)? {
            return Ok(Some(header.month));
        }
    }
    Ok(None)
}

/// The newest checkpoint of a month; `None` where nothing is signed yet.
///
/// Errors: the file system, a file that is no checkpoint.
pub fn signed(
    storage: &dyn Storage,
    folder: &Path,
    month: &str,
) -> Result<Option<Signed>, LogError> {
    let path = shards::checkpoint_path(folder, month);
    let read = shards::read_checkpoint(storage, &path)?;
    Ok(read.map(|(note, checkpoint)| Signed {
        month: month.to_owned(),
        note,
        checkpoint,
    }))
}

/// What a witness that remembers `old` records of a month is to be sent.
///
/// Errors: the files of the tree cannot be read.
pub fn submission(
    storage: &dyn Storage,
    folder: &Path,
    signed: &Signed,
    old: u64,
) -> Result<Submission, LogError> {
    let proof = consistency(storage, folder, &signed.month, old, signed.checkpoint.size)?;
    Ok(Submission {
        old,
        proof,
        note: signed.note.clone(),
    })
}

/// The proof that the tree of a month at `new` records continues that at `old`.
///
/// Errors: the files of the tree cannot be read.
pub fn consistency(
    storage: &dyn Storage,
    folder: &Path,
    month: &str,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, LogError> {
    let tree = shards::tree_folder(folder, month);
    let proof = Levels::open_to_read(storage, &tree).and_then(|levels| {
        let read = |level, first, into: &mut [Hash]| levels.read(level, first, into);
        Hashes::new(&read).consistency_proof(old, new)
    });
    proof.map_err(LogError::io("read", name(&tree)))
}

/// Keeps the cosigned note of a month.
pub fn keep_cosigned(
    storage: &dyn Storage,
    folder: &Path,
    month: &str,
    note: &SignedNote,
) -> Result<(), LogError> {
    let path = cosigned_path(folder, month);
    let written = replace::write(storage, &path, note.to_string().as_bytes());
    written.map_err(LogError::io("write", name(&path)))
}

/// The cosigned note of a month, if there is one.
///
/// Errors: the file system, a file that is no checkpoint.
pub fn cosigned(
    storage: &dyn Storage,
    folder: &Path,
    month: &str,
) -> Result<Option<(SignedNote, Checkpoint)>, LogError> {
    shards::read_checkpoint(storage, &cosigned_path(folder, month))
}

/// Numbers of the logs before this one, oldest first.
///
/// Errors: the file system; a line that is no number of a log.
pub fn earlier_logs(storage: &dyn Storage, folder: &Path) -> Result<Vec<LogId>, LogError> {
    let path = folder.join(EARLIER_FILE);
    let file = match storage.open_to_read(&path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(LogError::io("open", name(&path)))?,
    };
    let bytes = disk::read_all(&*file).map_err(LogError::io("read", name(&path)))?;
    let text = String::from_utf8_lossy(&bytes);
    let numbers = text.lines().map(LogId::parse);
    numbers.collect::<Option<_>>().ok_or(LogError::Damaged {
        file: EARLIER_FILE.to_owned(),
        offset: 0,
        detail: "it must hold numbers of logs, one a line",
    })
}

/// Writes the numbers of the logs before the one in `folder`.
pub fn keep_earlier_logs(
    storage: &dyn Storage,
    folder: &Path,
    logs: &[LogId],
) -> Result<(), LogError> {
    let path = folder.join(EARLIER_FILE);
    let text: String = logs.iter().map(|log| format!("{log}\n")).collect();
    let written = replace::write(storage, &path, text.as_bytes());
    written.map_err(LogError::io("write", name(&path)))
}

fn cosigned_path(folder: &Path, month: &str) -> PathBuf {
    shards::tree_folder(folder, month).join(shards::COSIGNED_FILE)
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn is_absent<T>(read: io::Result<T>) -> io::Result<bool> {
    match read {
        Ok(_) => Ok(false),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(fault) => Err(fault),
    }
}
