//! Frames read back from the files, in order, up to a place that is on the disk.
//!
//! In: a place, the highest index that is on the disk. Out: each frame with its bytes, as they are
//! read, its checksum compared; or one frame alone. Never the memory of the writer: what is hashed
//! here is what a later reader will find.

use super::error::LogError;
use super::record::Position;
use super::segment::{self, Header};
use super::shards;
use crate::storage::append::{self, Found, Frame, HEADER_BYTES, PAYLOAD_BYTES_MAX};
use crate::storage::disk::{Storage, StoredFile};
use std::io;
use std::path::Path;

/// Bytes read at once, where that holds a frame.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes that hold every frame.
const LARGE_BYTES: usize = 2 * PAYLOAD_BYTES_MAX;
/// Bytes read at once where a frame stands alone; most are shorter.
const FRAME_BYTES: usize = 2_048;

/// A frame that was read alone.
pub(super) struct LoneFrame {
    pub kind: u8,
    pub position: Position,
    /// The whole frame, without the zeros at its end.
    pub bytes: Vec<u8>,
}

impl LoneFrame {
    /// Of a frame that stands in `bytes`.
    pub fn new(frame: &Frame<'_>, bytes: &[u8]) -> Self {
        Self {
            kind: frame.kind,
            position: Position(frame.index),
            bytes: frame.whole(bytes).to_vec(),
        }
    }

    pub fn payload(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// Its checksum.
    pub fn checksum(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES - 4..HEADER_BYTES]
    }

    /// Its length with the zeros at its end.
    pub fn whole_bytes(&self) -> u64 {
        self.bytes.len().next_multiple_of(8) as u64
    }
}

/// The whole frame at an offset; nothing where none stands.
///
/// Errors: the file cannot be read.
pub(super) fn read_one(file: &dyn StoredFile, offset: u64) -> io::Result<Option<LoneFrame>> {
    let mut bytes = vec![0; FRAME_BYTES];
    let mut read = file.read_at(offset, &mut bytes)?;
    let payload_bytes = bytes.get(4..8).and_then(|bytes| bytes.first_chunk());
    let payload_bytes = payload_bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
    let whole_bytes = HEADER_BYTES + payload_bytes.min(PAYLOAD_BYTES_MAX) + 8;
    if whole_bytes > bytes.len() {
        bytes.resize(whole_bytes, 0);
        read = file.read_at(offset, &mut bytes)?;
    }
    Ok(match append::decode(&bytes[..read], 0) {
        Found::Frame(frame, _) => Some(LoneFrame::new(&frame, &bytes)),
        Found::UnknownFormat(_) | Found::Nothing => None,
    })
}

/// Where the next frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of its segment.
    pub segment: u64,
    /// Offset in it; 0 where the segment's header is the next frame.
    pub offset: u64,
    /// Its index.
    pub index: u64,
}

/// Reads frames of one log.
#[derive(Debug)]
pub(super) struct FrameReader<'a> {
    storage: &'a dyn Storage,
    folder: &'a Path,
    bytes: Vec<u8>,
}

impl<'a> FrameReader<'a> {
    /// Of the log in `folder`.
    pub fn new(storage: &'a dyn Storage, folder: &'a Path) -> Self {
        Self {
            storage,
            folder,
            bytes: vec![0; CHUNK_BYTES],
        }
    }

    /// The header that stands at a place with offset 0.
    pub fn header(&self, place: Place) -> Result<Header, LogError> {
        let head = shards::head(self.storage, self.folder, place.segment)?;
        let head = head.filter(|(_, index)| *index == place.index);
        head.map(|(header, _)| header)
            .ok_or_else(|| unreadable(place))
    }

    /// Reads on from `place` up to index `through`, for some hundred KiB at most, or to the end of
    /// a segment: then `place` is the start of the next. `visit` sees each frame and its bytes
    /// without the zeros at its end. True where something was read.
    ///
    /// Errors: the file system; a frame that is not whole or not the next.
    pub fn read(
        &mut self,
        place: &mut Place,
        through: u64,
        mut visit: impl FnMut(&Frame<'_>, &[u8]),
    ) -> Result<bool, LogError> {
        if place.index > through {
            return Ok(false);
        }
        self.bytes.resize(CHUNK_BYTES, 0);
        loop {
            let read = self.load(*place)?;
            let bytes = &self.bytes[..read];
            let (mut at, mut index) = (0, place.index);
            while index <= through {
                match append::decode(bytes, at) {
                    Found::Frame(frame, after) if frame.index == index => {
                        visit(&frame, frame.whole(bytes));
                        (at, index) = (after, index + 1);
                    }
                    Found::Nothing => break,
                    _ => return Err(unreadable(*place)),
                }
            }
            if index > place.index {
                place.offset += at;
                place.index = index;
                return Ok(true);
            }
            if read == self.bytes.len() && read < LARGE_BYTES {
                self.bytes.resize(LARGE_BYTES, 0);
                continue;
            }
            return self.next_segment(place).map(|()| true);
        }
    }

    fn next_segment(&self, place: &mut Place) -> Result<(), LogError> {
        let next = Place {
            segment: place.segment + 1,
            offset: 0,
            index: place.index,
        };
        // What should stand here is in the next segment, or is not there at all.
        match self.header(next) {
            Ok(_) if place.offset > 0 => *place = next,
            _ => return Err(unreadable(*place)),
        }
        Ok(())
    }

    fn load(&mut self, place: Place) -> Result<usize, LogError> {
        let name = segment::file_name(place.segment);
        let opened = self.storage.open_to_read(&self.folder.join(&name));
        let file = opened.map_err(LogError::io("open", name.as_str()))?;
        let read = file.read_at(place.offset, &mut self.bytes);
        read.map_err(LogError::io("read", name))
    }
}

fn unreadable(place: Place) -> LogError {
    LogError::Damaged {
        file: segment::file_name(place.segment),
        offset: place.offset,
        detail: "a record that was on the disk cannot be read back",
    }
}
