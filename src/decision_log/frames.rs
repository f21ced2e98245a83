//! Frames read back from the files, in order, up to a place that is on the disk.
//!
//! In: a place, the highest index that is on the disk. Out: each frame with its bytes, as they are
//! read, its checksum compared; or one frame alone; or all of a file that is as it should be. Never
//! the memory of the writer: what is hashed here is what a later reader will find.

use super::error::LogError;
use super::record::Position;
use super::segment::{self, Header};
use super::shards;
use crate::storage::append::{self, Found, Frame, HEADER_BYTES, PAYLOAD_BYTES_MAX, ScanEnd};
use crate::storage::disk::{Storage, StoredFile};
use std::io;
use std::path::Path;

/// Bytes read at once, where that holds a frame. 8 divides it: no frame's zeros are cut.
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

/// Shows the frames of a file that is as it should be: whole ones in order, then zeros to its end.
/// The index that the next one has, 0 where there is none. Nothing where `visit` says nothing, or
/// the file is anything else: damaged, torn, written to meanwhile, a frame too large. What was
/// shown does not count then, and who reads it whole has to say what it is.
///
/// In pieces: 64 MiB took 7 ms into memory that is used again, 38 into new one, all in the page
/// cache.
///
/// Errors: the file cannot be read.
pub(super) fn read_sound(
    file: &dyn StoredFile,
    mut visit: impl FnMut(Frame<'_>) -> Option<()>,
) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; CHUNK_BYTES];
    let (mut offset, mut next_index) = (0, 0);
    loop {
        let read = file.read_at(offset, &mut bytes)?;
        let mut end = ScanEnd::start(Some(next_index));
        let scanned = end.resume(&bytes[..read], |frame| visit(frame).ok_or(()));
        if scanned.is_err() {
            return Ok(None);
        }
        if end.offset == 0 {
            break;
        }
        offset += end.offset;
        next_index = end.next_index;
    }
    loop {
        let read = file.read_at(offset, &mut bytes)?;
        if read == 0 {
            return Ok(Some(next_index));
        }
        if !append::is_blank(&bytes[..read], 0) {
            return Ok(None);
        }
        offset += read as u64;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::simulated::SimulatedDisk;
    use std::convert::Infallible;
    use std::sync::Arc;

    const ZEROS_BYTES: usize = 2 * CHUNK_BYTES + 64;

    fn framed(payloads: impl IntoIterator<Item = usize>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, len) in (5..).zip(payloads) {
            let fill = |out: &mut Vec<u8>| out.resize(out.len() + len, index as u8);
            append::encode(&mut bytes, 7, index, 4, fill).unwrap();
        }
        bytes
    }

    fn stored(bytes: &[u8]) -> Arc<dyn StoredFile> {
        let disk = SimulatedDisk::new(1);
        disk.create_folder(Path::new("/log")).unwrap();
        let file = disk.create(Path::new("/log/file")).unwrap();
        file.write_at(0, bytes).unwrap();
        file
    }

    /// Indexes and payloads of what is shown, and the index of the next.
    type Shown = (Vec<(u64, Vec<u8>)>, u64);

    fn sound(file: &dyn StoredFile) -> Option<Shown> {
        let mut seen = Vec::new();
        let read = read_sound(file, |frame| {
            seen.push((frame.index, frame.payload.to_vec()));
            Some(())
        });
        read.unwrap().map(|next_index| (seen, next_index))
    }

    /// The same of the whole file at once.
    fn naive(bytes: &[u8]) -> Option<Shown> {
        let mut seen = Vec::new();
        let end = append::scan(bytes, None, |frame| {
            seen.push((frame.index, frame.payload.to_vec()));
            Ok::<(), Infallible>(())
        })
        .unwrap();
        append::is_blank(bytes, end.offset).then_some((seen, end.next_index))
    }

    #[test]
    fn a_sound_file_is_shown_whole_and_any_other_is_not() {
        let mut bytes = framed((0..500).map(|n| n * 37 % 3_001));
        let end = bytes.len();
        assert!(end > 2 * CHUNK_BYTES, "frames lie across pieces");
        bytes.resize(end + ZEROS_BYTES, 0);
        let file = stored(&bytes);
        let whole = naive(&bytes).unwrap();
        assert_eq!(whole.1, 505);
        assert_eq!(sound(&*file), Some(whole.clone()));
        let near = (CHUNK_BYTES - 2_000..CHUNK_BYTES + 2_000).step_by(9);
        let far = (0..bytes.len()).step_by(4_099);
        for place in near.chain(far).chain([end - 1, end, bytes.len() - 1]) {
            file.write_at(place as u64, &[bytes[place] ^ 4]).unwrap();
            let mut flipped = bytes.clone();
            flipped[place] ^= 4;
            assert_eq!(naive(&flipped), None, "{place}");
            assert_eq!(sound(&*file), None, "{place}");
            file.write_at(place as u64, &[bytes[place]]).unwrap();
        }
        assert_eq!(sound(&*file), Some(whole));
    }

    #[test]
    fn zeros_alone_are_sound_and_what_is_too_large_is_left_to_others() {
        for len in [0, 8, CHUNK_BYTES, ZEROS_BYTES] {
            assert_eq!(sound(&*stored(&vec![0; len])), Some((Vec::new(), 0)));
        }
        assert_eq!(sound(&*stored(&framed([10, CHUNK_BYTES, 10]))), None);
        let refused = read_sound(&*stored(&framed([10])), |_| None);
        assert_eq!(refused.unwrap(), None);
    }
}
