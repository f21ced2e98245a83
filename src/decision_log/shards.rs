//! Shards: the months of a log, each with a tree of its own.
//!
//! In: a log folder. Out: which segments belong to which month, where a month's tree, checkpoint
//! and hold stand, what its origin is called. A shard is a stretch of segments whose headers name
//! its month; the frame with index i is leaf i less the index of the shard's first frame.

use super::error::LogError;
use super::record::KIND_SEGMENT;
use super::segment::{self, Header};
use crate::storage::append::{self, Found};
use crate::storage::disk::{self, Storage};
use crate::tree::note::{Checkpoint, SignedNote};
use crate::tree::origin::{LogId, Origin};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folder of the trees, inside the log folder.
pub const TREE_FOLDER: &str = "tree";
/// Name of a month's newest checkpoint, inside the folder of its tree.
pub const CHECKPOINT_FILE: &str = "checkpoint";
/// Name of the newest checkpoint that witnesses have cosigned, beside it.
pub const COSIGNED_FILE: &str = "cosigned";
/// Folder of the last checkpoints of expired months, inside the log folder.
pub const EXPIRED_FOLDER: &str = "expired";

/// Bytes that hold the header of every segment.
const HEAD_BYTES: usize = 4_096;

/// A segment and its month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSpan {
    /// Number of the segment.
    pub number: u64,
    /// Month of the shard that it belongs to.
    pub month: String,
    /// Index of its first frame.
    pub first_index: u64,
}

/// A month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// For example `2026-11`.
    pub month: String,
    /// Index of its first frame, which is leaf 0.
    pub first_index: u64,
    /// Index after its last frame; `u64::MAX` where it is still growing.
    pub next_index: u64,
    /// Its segments, in order: number and index of the first frame.
    pub segments: Vec<(u64, u64)>,
}

impl Shard {
    /// Leaves, where the month is over.
    pub fn size(&self) -> u64 {
        self.next_index.saturating_sub(self.first_index)
    }

    /// Whether it holds the frame with this index.
    pub fn holds(&self, index: u64) -> bool {
        (self.first_index..self.next_index).contains(&index)
    }
}

/// Months of a log whose frames end before `next_index`, in order.
pub fn shards(segments: &[SegmentSpan], next_index: u64) -> Vec<Shard> {
    let mut shards: Vec<Shard> = Vec::new();
    for span in segments {
        let here = (span.number, span.first_index);
        match shards.last_mut() {
            // Months never go back; where an older version let them, the later one goes on.
            Some(last) if last.month >= span.month => last.segments.push(here),
            last => {
                if let Some(last) = last {
                    last.next_index = span.first_index;
                }
                shards.push(Shard {
                    month: span.month.clone(),
                    first_index: span.first_index,
                    next_index,
                    segments: vec![here],
                });
            }
        }
    }
    shards
}

/// Index of the first frame of each month.
pub(super) fn beginnings(shards: &[Shard]) -> Vec<(u64, Arc<str>)> {
    let beginning = |shard: &Shard| (shard.first_index, shard.month.as_str().into());
    shards.iter().map(beginning).collect()
}

/// Segments of a log by their headers alone, and the header of the last one; a prepared segment is
/// left out. Cheap, beside the writer too.
///
/// Errors: the file system; a segment without a header before others.
pub fn list(
    storage: &dyn Storage,
    folder: &Path,
) -> Result<(Vec<SegmentSpan>, Option<Header>), LogError> {
    let numbers = segment::numbers(storage, folder)?;
    let (mut spans, mut last) = (Vec::new(), None);
    for number in &numbers {
        match head(storage, folder, *number)? {
            Some((header, first_index)) => {
                spans.push(SegmentSpan {
                    number: *number,
                    month: header.month.clone(),
                    first_index,
                });
                last = Some(header);
            }
            None if Some(number) == numbers.last() => {}
            None => {
                return Err(LogError::Damaged {
                    file: segment::file_name(*number),
                    offset: 0,
                    detail: "the file does not begin with the header of its segment",
                });
            }
        }
    }
    Ok((spans, last))
}

/// Header and first index of a segment; `None` where it does not begin with one.
pub(super) fn head(
    storage: &dyn Storage,
    folder: &Path,
    number: u64,
) -> Result<Option<(Header, u64)>, LogError> {
    let name = segment::file_name(number);
    let opened = storage.open_to_read(&folder.join(&name));
    let file = opened.map_err(LogError::io("open", name.as_str()))?;
    let mut bytes = [0; HEAD_BYTES];
    let read = file.read_at(0, &mut bytes);
    let read = read.map_err(LogError::io("read", name))?;
    Ok(match append::decode(&bytes[..read], 0) {
        Found::Frame(frame, _) if frame.kind == KIND_SEGMENT => Header::read(frame.payload)
            .filter(|header| header.number == number)
            .map(|header| (header, frame.index)),
        _ => None,
    })
}

/// Index of the first frame of a month, by halving; `None` where no segment is of it or later.
///
/// Errors: the file system.
pub(super) fn first_index(
    storage: &dyn Storage,
    folder: &Path,
    month: &str,
) -> Result<Option<u64>, LogError> {
    let numbers = segment::numbers(storage, folder)?;
    let (mut low, mut high) = (0, numbers.len());
    let mut first = None;
    while low < high {
        let middle = low + (high - low) / 2;
        match head(storage, folder, numbers[middle])? {
            Some((header, _)) if *header.month < *month => low = middle + 1,
            found => {
                first = found.map(|(_, index)| index);
                high = middle;
            }
        }
    }
    Ok(first)
}

/// Folder of a month's tree.
pub fn tree_folder(folder: &Path, month: &str) -> PathBuf {
    folder.join(TREE_FOLDER).join(month)
}

/// Where a month's newest checkpoint stands.
pub fn checkpoint_path(folder: &Path, month: &str) -> PathBuf {
    tree_folder(folder, month).join(CHECKPOINT_FILE)
}

/// What checkpoints of a month call it: the log by its number, and the month.
pub fn origin(salt: &[u8; 32], month: &str) -> String {
    let log = LogId::new(salt);
    let shard = month.to_owned();
    Origin { log, shard }.to_string()
}

/// The note at a path, whoever signed it, and what it says; `None` where there is none.
///
/// Errors: the file system; no checkpoint.
pub fn read_checkpoint(
    storage: &dyn Storage,
    path: &Path,
) -> Result<Option<(SignedNote, Checkpoint)>, LogError> {
    let name = || path.display().to_string();
    let file = match storage.open_to_read(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(LogError::io("open", name()))?,
    };
    let bytes = disk::read_all(&*file).map_err(LogError::io("read", name()))?;
    let parsed = SignedNote::parse(&bytes).and_then(|note| {
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok((note, checkpoint))
    });
    let fault = |fault| LogError::Checkpoint {
        file: name(),
        fault,
    };
    parsed.map(Some).map_err(fault)
}
