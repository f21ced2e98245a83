//! The latest checks with their requests unsealed, to be decided again.
//!
//! In: the log's folder, its keys, a moment, bounds. Out: the latest checks since that moment,
//! oldest first, their requests in clear in memory that is wiped. Reads beside the writer, at most
//! the last `SEGMENTS_MAX` segments: a log of years costs no more than that of a day. What does
//! not open, because its key is not here, is counted and left out. Writes nothing anywhere.

use super::chain::{self, Writing, nonsense};
use super::entry::{self, CheckRecord, Names};
use super::error::LogError;
use super::keys::{LogKeys, ShardKeys};
use super::months;
use super::record::{KIND_CHECK, KIND_CONTEXT, KIND_SEGMENT, KIND_TEXT, Position};
use crate::model::term::Moment;
use crate::storage::disk::Storage;
use std::collections::VecDeque;
use std::path::Path;
use zeroize::Zeroizing;

/// Segments that are read at most, the last ones.
pub const SEGMENTS_MAX: usize = 2;

/// A check as it was asked. Not printable: it holds the request in clear.
pub struct ReplayCheck {
    /// Its open part; `sealed` is empty.
    pub record: Box<CheckRecord>,
    /// The request in the form of `wire::normalised`.
    pub request: Zeroizing<Vec<u8>>,
}

/// What was read.
#[derive(Default)]
pub struct ReplayChecks {
    /// Checks, oldest first.
    pub checks: VecDeque<ReplayCheck>,
    /// Checks of that time whose request does not open.
    pub sealed: u64,
}

/// The latest `checks_max` checks not before `from`.
///
/// Errors: damage, a format not known, the file system.
pub fn latest(
    storage: &dyn Storage,
    folder: &Path,
    keys: &LogKeys,
    from: Moment,
    checks_max: usize,
) -> Result<ReplayChecks, LogError> {
    // What the frames of a segment refer to, and its keys; what stays closed is counted below.
    let mut segments: Vec<(Names, Option<ShardKeys>)> = Vec::new();
    let mut frames: VecDeque<Kept> = VecDeque::new();
    chain::read_last(
        storage,
        folder,
        Writing::Perhaps,
        SEGMENTS_MAX,
        |header, frame| {
            let damage = || nonsense(header.number, frame.offset);
            match frame.kind {
                KIND_SEGMENT => {
                    let shard = months::open_shard(storage, folder, keys, header).ok();
                    segments.push((Names::default(), shard));
                }
                KIND_TEXT | KIND_CONTEXT => {
                    let (names, _) = segments.last_mut().ok_or_else(damage)?;
                    let learned = names.learn(frame.kind, frame.payload);
                    learned.ok_or_else(damage)?;
                }
                KIND_CHECK => {
                    let head = entry::check_head(frame.payload).ok_or_else(damage)?;
                    if head.moment < from {
                        return Ok(());
                    }
                    // Nearly all of them are pushed out again: only the last are read.
                    let mut kept = match frames.len() == checks_max {
                        true => frames.pop_front().unwrap_or_default(),
                        false => Kept::default(),
                    };
                    kept.payload.clear();
                    kept.payload.extend_from_slice(frame.payload);
                    kept.position = frame.index;
                    kept.segment = segments.len().checked_sub(1).ok_or_else(damage)?;
                    kept.place = (header.number, frame.offset);
                    frames.push_back(kept);
                }
                _ => {}
            }
            Ok(())
        },
    )?;
    let mut found = ReplayChecks::default();
    for kept in frames {
        let damage = || nonsense(kept.place.0, kept.place.1);
        let (names, shard) = segments.get(kept.segment).ok_or_else(damage)?;
        let read = entry::check(&kept.payload, Position(kept.position), names);
        let mut record = Box::new(read.ok_or_else(damage)?);
        let sealed = std::mem::take(&mut record.sealed);
        let opened = shard.as_ref();
        let opened = opened.and_then(|shard| shard.unseal(&record.check_id.0, &sealed).ok());
        match opened {
            None => found.sealed += 1,
            Some(request) => found.checks.push_back(ReplayCheck {
                record,
                request: Zeroizing::new(request),
            }),
        }
    }
    Ok(found)
}

/// A check's frame, not read yet.
#[derive(Default)]
struct Kept {
    payload: Vec<u8>,
    position: u64,
    /// Of those that were read.
    segment: usize,
    /// Number of its segment, and where it begins there.
    place: (u64, u64),
}
