//! entry_ids to entries: for acts, recall and comparison of snapshots.
//!
//! In: an entry_id. Out: its place in this snapshot, verified against the stored text.

use super::{line_table, names};
use crate::model::entry::EntryIndex;
use crate::snapshot::open::Snapshot;
use crate::snapshot::sections::SectionId;

/// The entry with this entry_id.
pub fn find(snapshot: &Snapshot, entry_id: &str) -> Option<EntryIndex> {
    let key = names::key(&snapshot.manifest().salt, entry_id);
    let lines = snapshot.lines(SectionId::EntryIdLines);
    line_table::find(lines, key, |entry| {
        *snapshot.entry_id(EntryIndex(entry)) == *entry_id
    })
    .map(EntryIndex)
}
