//! Identifier digests to the parties that bear them: exact numbers, and masked ones by the digest
//! of what they show.
//!
//! In: a digest made with the snapshot's own key. Out: the row, and where it occurs. A row is
//! taken only where all 128 bits agree (32 choose line and tag each, 64 stand in the row).

use crate::identifier::digest::Digest;
use crate::snapshot::entries::{Posting, RowNumber};
use crate::snapshot::open::Snapshot;
use crate::snapshot::sections::SectionId;

/// The row of a digest.
pub fn find(snapshot: &Snapshot, digest: &Digest) -> Option<RowNumber> {
    let (key, further) = split(digest);
    let lines = snapshot.lines(SectionId::IdentifierLines);
    super::line_table::find(lines, key, |row| {
        snapshot
            .identifier_row(RowNumber(row))
            .is_some_and(|(row, _)| row.further() == further)
    })
    .map(RowNumber)
}

/// Where an identifier occurs, by entry, then by party.
pub fn postings(snapshot: &Snapshot, row: RowNumber) -> &[Posting] {
    match snapshot.identifier_row(row) {
        Some((this, next)) => snapshot.posting_range(this.posting_first(), next.posting_first()),
        None => &[],
    }
}

/// Key in the line table, and the further bits of the row.
pub fn split(digest: &Digest) -> (u64, u64) {
    let bits = u128::from_le_bytes(digest.0);
    (bits as u64, (bits >> 64) as u64)
}
