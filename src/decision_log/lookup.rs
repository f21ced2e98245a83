//! One check in the stretch of a segment in which it must stand.
//!
//! In: a stretch from the index. Out: the check's first fields, or nothing. Reads as much of the
//! file as the stretch is long, 256 checks at most, also beside the writer.

use super::entry::{self, CheckHead};
use super::error::LogError;
use super::index::Stretch;
use super::record::{CheckId, KIND_CHECK, Position};
use super::segment;
use crate::model::decision::{Decision, Level};
use crate::model::term::Moment;
use crate::storage::append::{PAYLOAD_BYTES_MAX, ScanEnd};
use crate::storage::disk::Storage;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

/// Bytes read at once.
const LOOK_BYTES: usize = 128 << 10;

/// A check that was found by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCheck {
    /// Its number.
    pub check_id: CheckId,
    /// Its place.
    pub position: Position,
    /// When it was answered.
    pub moment: Moment,
    /// Who asked.
    pub unit: Arc<str>,
    /// What was decided.
    pub decision: Decision,
    /// What the answer said of its record.
    pub level: Level,
}

impl FoundCheck {
    pub(super) fn new(head: &CheckHead, position: Position, unit: Arc<str>) -> Self {
        Self {
            check_id: head.check_id,
            position,
            moment: head.moment,
            unit,
            decision: head.decision,
            level: head.level,
        }
    }
}

/// Looks for a check from the start of a stretch up to `end`.
///
/// Errors: the file cannot be read.
pub(super) fn find(
    storage: &dyn Storage,
    folder: &Path,
    stretch: Stretch,
    end: u64,
    check_id: CheckId,
) -> Result<Option<(CheckHead, Position)>, LogError> {
    let name = segment::file_name(stretch.number);
    let opened = storage.open_to_read(&folder.join(&name));
    let file = opened.map_err(LogError::io("open", name.as_str()))?;
    let mut from = stretch.from;
    let mut bytes = vec![0; LOOK_BYTES];
    while from < end {
        let read = file.read_at(from, &mut bytes);
        let read = read.map_err(LogError::io("read", name.as_str()))?;
        let mut found = None;
        let mut scan = ScanEnd::start(None);
        let done = scan.resume(&bytes[..read], |frame| {
            let head = (frame.kind == KIND_CHECK).then(|| entry::check_head(frame.payload));
            if let Some(head) = head.flatten().filter(|head| head.check_id == check_id) {
                found = Some((head, Position(frame.index)));
            }
            Ok::<(), Infallible>(())
        });
        let Ok(()) = done;
        if found.is_some() {
            return Ok(found);
        }
        match scan.offset {
            0 if bytes.len() > PAYLOAD_BYTES_MAX => return Ok(None),
            0 => bytes.resize(2 * PAYLOAD_BYTES_MAX, 0),
            offset => from += offset,
        }
    }
    Ok(None)
}
