//! How many different subjects each unit has asked about since a moment.
//!
//! In: the log's folder, a moment. Out: counts by unit. Reads the last segments only, from the one
//! in which that moment lies, at most `SEGMENTS_MAX`; opens no sealed part: whether two checks ask
//! about the same subject is told by its digest.

use super::chain::{self, Writing, nonsense};
use super::entry::{self, Names};
use super::error::LogError;
use super::intern::Table;
use super::record::{KIND_CHECK, KIND_SEGMENT, KIND_TEXT};
use crate::identifier::digest::Digest;
use crate::model::term::Moment;
use crate::storage::disk::Storage;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Segments that are read at most, the last ones.
pub const SEGMENTS_MAX: usize = 64;

/// Distinct subjects by unit, of checks not before `from`.
///
/// Errors: damage, a format not known, the file system.
pub fn subjects_since(
    storage: &dyn Storage,
    folder: &Path,
    from: Moment,
) -> Result<HashMap<Arc<str>, u32>, LogError> {
    let mut segments = 1;
    loop {
        let (counts, is_whole) = of_last(storage, folder, from, segments)?;
        if is_whole || segments == SEGMENTS_MAX {
            return Ok(counts);
        }
        segments = (segments * 4).min(SEGMENTS_MAX);
    }
}

/// The same of the last segments; whether the first of them begins before `from`, or is the first.
fn of_last(
    storage: &dyn Storage,
    folder: &Path,
    from: Moment,
    segments: usize,
) -> Result<(HashMap<Arc<str>, u32>, bool), LogError> {
    let mut names = Names::default();
    let mut seen: HashSet<(Arc<str>, Digest)> = HashSet::new();
    let mut is_whole = None;
    chain::read_last(
        storage,
        folder,
        Writing::Perhaps,
        segments,
        |header, frame| {
            let damage = || nonsense(header.number, frame.offset);
            match frame.kind {
                KIND_SEGMENT => {
                    names = Names::default();
                    is_whole.get_or_insert(header.number == 1 || header.begun < from);
                }
                KIND_TEXT => {
                    names.learn(KIND_TEXT, frame.payload).ok_or_else(damage)?;
                }
                KIND_CHECK => {
                    let head = entry::check_head(frame.payload).ok_or_else(damage)?;
                    if head.moment >= from {
                        let subject = entry::check_subject(frame.payload).ok_or_else(damage)?;
                        let unit = names.text(Table::Unit, head.unit).ok_or_else(damage)?;
                        seen.insert((unit, subject));
                    }
                }
                _ => {}
            }
            Ok(())
        },
    )?;
    let mut counts = HashMap::new();
    for (unit, _) in seen {
        *counts.entry(unit).or_insert(0) += 1;
    }
    Ok((counts, is_whole.unwrap_or(true)))
}
