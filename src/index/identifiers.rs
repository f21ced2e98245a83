//! Identifier digests to the parties that bear them: exact numbers, and masked ones by the digest
//! of what they show.
//!
//! In: a digest made with the snapshot's own key. Out: the row, and where it occurs. A row is
//! taken only where all 128 bits agree (32 choose line and tag each, 64 stand in the row).

// HOT: once a number of a request and once a mask pattern.

use super::line_table;
use crate::identifier::digest::Digest;
use crate::snapshot::entries::{Posting, RowNumber};
use crate::snapshot::open::Snapshot;
use crate::snapshot::sections::SectionId;

/// The row of a digest.
pub fn find(snapshot: &Snapshot, digest: &Digest) -> Option<RowNumber> {
    let (key, further) = split(digest);
    let lines = snapshot.lines(SectionId::IdentifierLines);
    line_table::find(lines, key, |row| {
        snapshot
            .identifier_row(RowNumber(row))
            .is_some_and(|(row, _)| row.further() == further)
    })
    .map(RowNumber)
}

/// The rows of several digests, each given with its place; the lines of all are fetched together.
pub fn find_all(snapshot: &Snapshot, digests: &[Digest], mut found: impl FnMut(usize, RowNumber)) {
    let lines = snapshot.lines(SectionId::IdentifierLines);
    let touched = digests.iter().fold(0, |touched, digest| {
        touched ^ line_table::touch(lines, split(digest).0)
    });
    std::hint::black_box(touched);
    for (place, digest) in digests.iter().enumerate() {
        if let Some(row) = find(snapshot, digest) {
            found(place, row);
        }
    }
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
