//! A full segment, as far as a start must know it, without reading it.
//!
//! In: a segment's number. Out: what its side file says, once that is seen to be whole and of this
//! very segment: the segment has the length with which it was made, its first frame is the header
//! of the side file, its last one stands where the side file says, with the same index and
//! checksum, and none behind it. Nothing where any of it does not hold: then the segment itself is
//! read. Side files are made of segments that are on the disk, so what one speaks for is there. Not
//! seen here: the frames between. Each has its checksum, and is looked at by whoever reads it and
//! by `hecha log verify`.

use super::frames;
use super::record::KIND_SEGMENT;
use super::segment::{self, Header};
use super::side_file::{SideBytes, SideFile, SideHead};
use super::side_start::SideStart;
use crate::storage::disk::{Storage, StoredFile};
use std::path::Path;

/// What is known of a full segment.
#[derive(Debug)]
pub(super) struct FullSegment {
    /// The head of its side file.
    pub head: SideHead,
    /// What a start needs besides.
    pub start: SideStart,
}

/// What the side file of a segment says, where it can be believed.
pub(super) fn known(storage: &dyn Storage, folder: &Path, number: u64) -> Option<FullSegment> {
    let path = folder.join(segment::side_name(number));
    let side = SideFile::open(SideBytes::File(storage.open_to_read(&path).ok()?), number).ok()?;
    let start = side.start().ok()?;
    let file = storage.open_to_read(&folder.join(segment::file_name(number)));
    let full = FullSegment {
        head: side.head,
        start,
    };
    is_of(&full, &*file.ok()?)?.then_some(full)
}

/// `None` where the segment cannot be read, or has no frame where one should be.
fn is_of(full: &FullSegment, file: &dyn StoredFile) -> Option<bool> {
    let (head, (last_at, check)) = (&full.head, full.start.last_frame);
    let first = frames::read_one(file, 0).ok()??;
    let last = frames::read_one(file, last_at).ok()??;
    let behind = frames::read_one(file, head.end).ok()?;
    let header = Header::read(first.payload()).filter(|_| first.kind == KIND_SEGMENT);
    Some(
        file.len().ok()? == head.header.segment_bytes
            && header.as_ref() == Some(&head.header)
            && first.position.0 == head.first_index
            && last.position.0.checked_add(1) == Some(head.next_index)
            && last_at.checked_add(last.whole_bytes()) == Some(head.end)
            && last.checksum() == check
            && behind.is_none(),
    )
}
